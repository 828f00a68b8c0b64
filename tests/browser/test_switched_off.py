"HTML of a visitor inside of `hx_disable` and `hx_ignore`: nothing in it acts, with htmx 2 and 4, however it comes"
import json
import re

import pytest

from fasthtml.common import *
from support import check_rows, serve, wait_until


@pytest.fixture
def page(same_page): return same_page


ACT = '<i hx-post="/act?by=NAME" hx-trigger="load">x</i>'
TEXTS = {   # NAME is the name of the text
    'get': '<b hx-get="/act?by=NAME" hx-trigger="load">x</b>', 'data-get': '<b data-hx-get="/act?by=NAME" data-hx-trigger="load">x</b>',
    'action': '<b hx-action="/act?by=NAME" hx-trigger="load">x</b>',
    'on': '<b hx-on::load="fetch(`/act?by=NAME`)" hx-on--after-init="fetch(`/act?by=NAME`)">x</b>',
    'said-false': '<b hx-disable="false"><i hx-get="/act?by=NAME" hx-trigger="load" hx-ignore="false">x</i></b>',
    'sse-connect': '<b hx-ext="sse" sse-connect="/stream?by=NAME" sse-swap="message">x</b>',
    'data-sse': '<b hx-ext="sse" data-sse-connect="/stream?by=NAME">x</b>',
    'sse4': '<b hx-sse:connect="/stream?by=NAME">x</b>', 'data-sse4': '<b data-hx-sse:connect="/stream?by=NAME">x</b>',
    'ws-connect': '<b hx-ext="ws" ws-connect="/ws?by=NAME">x</b>', 'data-ws': '<b hx-ext="ws" data-ws-connect="/ws?by=NAME">x</b>',
    'ws4': '<b hx-ws:connect="/ws?by=NAME">x</b>', 'data-ws4': '<b data-hx-ws:connect="/ws?by=NAME">x</b>',
    'oob': f'<b hx-swap-oob="innerHTML:#v-NAME">{ACT}</b>', 'data-oob': f'<b data-hx-swap-oob="innerHTML:#v-NAME">{ACT}</b>',
    'oob-id': f'<b id="v-NAME" hx-swap-oob="true">{ACT}</b>', 'oob-caps': f'<b HX-SWAP-OOB = "innerHTML:#v-NAME">{ACT}</b>',
    'oob-in-template': f'<template><b hx-swap-oob="innerHTML:#v-NAME">{ACT}</b></template>',
    'oob-last': f'<b title=x hx-swap-oob=innerHTML:#v-NAME>{ACT}</b>',
    'oob-in-oob': f'<b><u hx-swap-oob="beforeend:#v-NAME" hx-swap-oob-off3>{ACT}</u></b>',
    'partial': f'<hx-partial hx-target="#v-NAME">{ACT}</hx-partial>',
    'template': f'<template hx type="partial" hx-target="#v-NAME">{ACT}</template>',
    'partial-id': f'<hx-partial id="v-NAME" hx-swap="outerHTML">{ACT}</hx-partial>',
    'config': '<meta name="htmx-config" content=\'{"disableSelector": "[x]", "prefix": "x-"}\'>', 'history': '<b hx-history-elt>x</b>',
    'form': '<form hx-disable hx-swap-oob="innerHTML:#v-NAME"><input name="getAttributeNames"><input name="setAttribute">'
            f'<input name="content"><input name="children"><i hx-swap-oob="innerHTML:#v-NAME">{ACT}</i></form>',
    'preserve': '<b hx-preserve id="v-NAME">x</b>', 'data-preserve': '<b data-hx-preserve="true" id="v-NAME">x</b>'}
CALLED = 'closest matches getAttribute hasAttribute setAttribute parentElement addEventListener dispatchEvent'.split()
FORM = '<form hx-post="/act?by=NAME">{}<b hx-get="/act?by=NAME" hx-trigger="load">x</b></form>'
TEXTS |= {   # fields that would answer for their form when htmx calls it, so that nothing on the page acts any more
    'names': ''.join(FORM.format(f'<input name="{name}">') for name in CALLED),
    'ids': ''.join(FORM.format(f'<button id = {name}>x</button>') for name in CALLED),
    'images': FORM.format("<img title=x name='closest'>"),
    'coded-names': FORM.format('<input name="&#99;losest"><input name="parent&#x45;lement"><input id="match&#101;s">'),
    'names-elsewhere': FORM.format('').replace('<form', '<form id="f-NAME"') + '<p><textarea form="f-NAME" name="matches"></textarea></p>'}
HOSTILE = Safe(''.join(f'<div>{text.replace("NAME", name)}</div>' for name, text in TEXTS.items()))
CONTROLS = {'control-get', 'control-sse', 'control-ws'}
WAYS = 'page back fragment into oob oob-into boost morph event event-oob frame frame-oob region changed'.split()

def control():
    return Div(Div(hx_get='/act?by=control-get', hx_trigger='load'),
               Div(hx_ext='sse', sse_connect='/stream?by=control-sse', sse_swap='message'),
               Div(hx_ext='ws', ws_connect='/ws?by=control-ws'))

def site(htmx: int, attr: str, csp: bool = False) -> FastHTML:
    "Pages that bring the texts in every way, switched off, and beside them what does act"
    app = FastHTML(secret_key='k', htmx=htmx, csp=csp, exts=['sse', 'ws'])
    app.state.did, app.state.open, off = set(), False, {attr: True}
    pushed = {way: app.channel(way) for way in WAYS}

    def whole(): return Article(H2('a comment'), Div(HOSTILE, **off), control())

    @app.route('/act', methods=['get', 'post'])
    def act(by: str):
        app.state.did.add(by)
        return ''

    @app.get('/stream')
    def stream(by: str):
        app.state.did.add(by)
        return EventStream([])

    async def joined(ws): app.state.did.add(ws.query_params['by'])

    @app.ws('/ws', conn=joined)
    def sock(): pass

    @app.get('/events/{way}')
    def events(way: str): return EventStream(pushed[way])

    @app.ws('/frames', channels=pushed['frame'])
    def frames(): pass

    @app.ws('/frames-oob', channels=pushed['frame-oob'])
    def frames_oob(): pass

    @app.live
    def region(): return Div(whole() if app.state.open else 'nothing yet', id='inner')

    @app.get('/part/{way}')
    def part(way: str):
        if way == 'into': return HOSTILE
        if way == 'oob': return P('main'), Div(whole(), id='old', hx_swap_oob='true')
        if way == 'oob-into': return Div(HOSTILE, id='off', hx_swap_oob='innerHTML'), Div(control(), id='old', hx_swap_oob='true')
        return Div(whole(), id='t')

    @app.get('/way/{way}')
    def page(way: str):
        brings = way.partition('-')[0]
        connected = {'event': dict(hx_ext='sse', sse_connect=f'/events/{way}', sse_swap='message', hx_target='#t'),
                     'frame': dict(hx_ext='ws', ws_connect=way.replace('frame', '/frames'), hx_target='#t')}.get(brings)
        target = '#off' if way == 'into' else '#t'
        return Titled(way, Section(*(P('mine', id=f'v-{name}') for name in TEXTS), id='victims'),
                      Button('go', id='go', hx_get=f'/part/{way}', hx_target=target, hx_swap='morph' if way == 'morph' else None),
                      A('go', id='boosted', href='/way/page', hx_boost='true'), Div(id='t'), Div(id='old'), Div('x', id='off', **off),
                      connected and Div(id='connected', **connected), whole() if way in ('page', 'back') else None,
                      control() if way == 'into' else None, region() if brings in ('region', 'changed') else None)

    def push(way: str): pushed[way].publish_sync(Div(whole(), id='old', hx_swap_oob='true') if way.endswith('oob') else whole())

    app.state.push, app.state.region, app.state.pushed = push, region, pushed
    return app

def bring(app: FastHTML, way: str, page, url: str):
    state = app.state
    state.open = way == 'region'
    page.goto(f'{url}/way/{way}')
    if way in ('fragment', 'into', 'oob', 'oob-into', 'morph'): page.click('#go')
    elif way == 'boost': page.click('#boosted')
    elif way == 'back':
        wait_until(lambda: state.did >= CONTROLS)
        page.click('#boosted')
        page.wait_for_function("document.title == 'page'")
        state.did.clear()
        page.go_back()
        page.wait_for_function("document.title == 'back'")
    elif way.startswith(('event', 'frame')):
        wait_until(lambda: len(state.pushed[way]))
        state.push(way)
    elif way == 'changed':
        page.wait_for_selector('html[data-live=true]')
        state.open = True
        state.region.changed_sync()

RUNS = [(attr, htmx, False, WAYS) for attr in ('hx_disable', 'hx_ignore') for htmx in (2, 4)]
RUNS += [(attr, htmx, True, 'page fragment oob event changed'.split()) for attr, htmx in (('hx_disable', 2), ('hx_ignore', 4))]

@pytest.mark.parametrize('attr, htmx, csp, ways', RUNS, ids=lambda o: '' if isinstance(o, list) else str(o))
def test_nothing_acts_in_what_is_switched_off(attr, htmx, csp, ways, page):
    app, acted, lost = site(htmx, attr, csp), [], []
    with serve(app) as server:
        for way in ways:
            app.state.did.clear()
            bring(app, way, page, server.url)
            wait_until(lambda: app.state.did >= CONTROLS, what=way)   # they stand behind the texts
            page.evaluate("fetch('/act?by=control-get')")
            acted += [(way, name) for name in app.state.did - CONTROLS]
            kept = page.evaluate("$$('#victims > p').filter(o => o.textContent == 'mine').map(o => o.id.slice(2))")
            lost += [(way, name) for name in TEXTS if name not in kept]
    assert (sorted(acted), sorted(lost)) == ([], [])


VALUES = {   # as a sanitizer writes them, which leaves `<` in values
    'partial': '<b title="<hx-partial onfocus=fetch(`/act?by=NAME`) autofocus tabindex=0 x=">">x</b>',
    'end': '<b title="</hx-partial><hx-x hx-get=/act?by=NAME hx-trigger=load x=">">x</b>',
    'spaces': '<b lang="a" title = "<hx-x\nonfocus=fetch(`/act?by=NAME`) autofocus tabindex=0 x=">">x</b>',
    'behind >': '<b title="a = b > <hx-x onfocus=fetch(`/act?by=NAME`) autofocus tabindex=0 x=">">x</b>',
    'behind >>': '<b title=">> <hx-x onfocus=fetch(`/act?by=NAME`) autofocus tabindex=0 x=">">x</b>',
    'row': '<table><tr title="<hx-x hx-get=/act?by=NAME hx-trigger=load x="><td>x</td></tr></table>',
    'template': '<template><b title="<hx-x hx-get=/act?by=NAME hx-trigger=load x=">">x</b></template>',
    'head': '<b title="<head>">x</b><p class="kept">between</p><b title="</head>">x</b>'}

TOGETHER = [(way, list(VALUES)) for way in ('fragment', 'oob', 'boost', 'event', 'frame')]
ALONE = [(way, [name]) for name in VALUES for way in ('fragment', 'boost')]   # one must not be found because of another

@pytest.mark.parametrize('htmx', [2, 4])
def test_a_value_of_an_attribute_stays_one(htmx, page, monkeypatch):
    app = site(htmx, 'data_open')
    def check(way, names):
        texts = {name: VALUES[name].replace('NAME', name) for name in names}
        monkeypatch.setitem(globals(), 'HOSTILE', Safe(''.join(texts.values())))
        app.state.did.clear()
        bring(app, way, page, server.url)
        wait_until(lambda: app.state.did >= CONTROLS, what=way)
        page.evaluate("fetch('/act?by=control-get')")
        assert app.state.did == CONTROLS
        titles = page.evaluate("$$('b, tr').filter(o => o.title).map(o => o.title)")
        assert sorted(titles) == sorted(title for name, text in texts.items() if name != 'template'
                                        for title in re.findall(r'title ?= ?"([^"]*)"', text))
        if 'head' in names: assert page.evaluate("$('.kept').textContent") == 'between'
    with serve(app) as server: check_rows(((f'{way}-{"+".join(names)}', (way, names)) for way, names in TOGETHER + ALONE), check)


SAID = ['x <hx-b hx-get=/act?by=said hx-trigger=load x=', 'a </hx-b> <b', '<head > c',
        '</head><i hx-get=/act?by=said hx-trigger=load>x</i>']
READ = {   # how the page has each text: name → (HTML, JavaScript that gives it)
    'code': (f'<script>window.code = {json.dumps(SAID)}</script>', 'window.code'),
    'json': (f'<script type="application/ld+json" id="json">{json.dumps(SAID)}</script>', "JSON.parse($('#json').textContent)"),
    'compared': ('<script>const head = 1, hx = 3; window.compared = [0<head && 2, 0<hx ? 4 : 5]</script>', 'window.compared'),
    'style': (f'<style id="style">#none::after {{ content: "{SAID[0]} {SAID[2]}" }}</style>',
              "$('#style').sheet.cssRules[0].style.getPropertyValue('content')"),
    'data': (f'<script type="text/plain" id="data">{SAID[3]}</script>', "$('#data').textContent.includes('by=said')"),
    'comment': (f'<!-- {" ".join(SAID)} --><i id="comment">after</i>', "$('#comment').textContent"),
    'textarea': (f'<textarea id="textarea">{" ".join(SAID)}</textarea>', "$('#textarea').value")}
IN_HEAD = 'code json compared style data'.split()

@pytest.mark.parametrize('htmx', [2, 4])
@pytest.mark.parametrize('way', ['first', 'fragment', 'boost', 'back'])
def test_what_is_no_tag_stays_text(way, htmx, page):
    app, did = FastHTML(secret_key='k', htmx=htmx), []
    texts = READ if way == 'fragment' else {name: READ[name] for name in IN_HEAD}
    said = Safe(''.join(text for text, _ in texts.values()))
    @app.get('/act')
    def act(by: str):
        did.append(by)
        return by
    def control(): return B(id='kept', hx_get='/act?by=control', hx_trigger='load')
    @app.get('/')
    def index():
        return Titled('First', A('go', id='go', href='/whole', hx_boost='true'),
                      Button('get', id='get', hx_get='/some', hx_target='#to'), P(id='to'))
    @app.get('/some')
    def some(): return Div(said, control())
    @app.get('/whole')
    def whole(req):   # its head holds the texts, as our own page or one of the program
        rest = Main(control(), A('on', id='on', href='/', hx_boost='true'))
        if way == 'boost': return Html(Head(Title('Whole'), said), Body(rest))
        req.hdrs.append(said)
        return Title('Whole'), rest
    with serve(app) as server:
        page.goto(server.url + ('/whole' if way in ('first', 'back') else '/'))
        if way == 'fragment': page.click('#get')
        if way == 'boost': page.click('#go')
        if way == 'back':
            page.click('#on')
            page.wait_for_selector('#get')
            page.evaluate("sessionStorage.removeItem('htmx-history-cache')")   # htmx 2 would take its own copy
            did.clear()
            page.go_back()
        wait_until(lambda: 'control' in did and page.evaluate("$('#kept')?.textContent") == 'control', what=way)
        runs = way in ('first', 'fragment')   # htmx runs no script of a head
        got = {name: page.evaluate(read) for name, (_, read) in texts.items() if runs}
        assert page.evaluate("$$('[hx-get*=said]').length") == 0
    right = dict(code=SAID, json=SAID, compared=[2, 4], data=True, comment='after', style=f'"{SAID[0]} {SAID[2]}"', textarea=' '.join(SAID))
    assert got == {name: right[name] for name in texts if runs}
    assert set(did) == {'control'}
