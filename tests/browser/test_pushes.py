"""A push means the same over a socket, in an event and in a response, with htmx 2 and 4, in Chromium and in the page client.

Each kind of content has a section of the page to itself, so that one page shows them all.
"""
import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from fasthtml.common import *
from fasthtml.svg import Circle, Svg
from fasthtml.testing import Client
from support import serve as served
from support import wait_until


@pytest.fixture
def page(same_page): return same_page

CODE = 'window.ran = 1 + (window.ran || 0)'
OOB = {'hx_swap_oob': True}


def row(k, text='new', **kw): return Tr(Td(text), id=f'r{k}', **kw)


KINDS = {  # what is pushed to section k -> what the section shows then: element|items|rows|options
    'element': (lambda k: P('new', id=f'e{k}', **OOB), 'new|old|old|old'),
    'text true': (lambda k: P('new', id=f'e{k}', hx_swap_oob='true'), 'new|old|old|old'),
    'morph': (lambda k: P('new', id=f'e{k}', hx_swap_oob='morph'), 'new|old|old|old'),
    'style': (lambda k: P('new', id=f'e{k}', hx_swap_oob='beforeend'), 'oldnew|old|old|old'),
    'style and selector': (lambda k: Ul(Li('more'), hx_swap_oob=f'beforeend:#l{k}'), 'old|oldmore|old|old'),
    'item': (lambda k: Li('new', id=f'i{k}', **OOB), 'old|new|old|old'),
    'option': (lambda k: Option('new', id=f'o{k}', **OOB), 'old|old|old|new'),
    'row': (lambda k: row(k, **OOB), 'old|old|new|old'),
    'cell': (lambda k: Td('new', id=f'c{k}', **OOB), 'old|old|new|old'),
    'rows appended': (lambda k: Tbody(Tr(Td('more')), hx_swap_oob=f'beforeend:#b{k}'), 'old|old|oldmore|old'),
    'element and row': (lambda k: (P('new', id=f'e{k}', **OOB), row(k, **OOB)), 'new|old|new|old'),
    'row and element': (lambda k: [row(k, **OOB), P('new', id=f'e{k}', **OOB)], 'new|old|new|old'),
    'four': (lambda k: Fragment(Option('new', id=f'o{k}', **OOB), Td('new', id=f'c{k}', **OOB), Li('new', id=f'i{k}', **OOB), ' ',
                                P('new', id=f'e{k}', **OOB)), 'new|new|new|new'),
    'generator': (lambda k: (o for o in (P('new', id=f'e{k}', **OOB), [row(k, **OOB)])), 'new|old|new|old'),
    'partial': (lambda k: HxPartial(Li('more'), hx_target=f'#l{k}', hx_swap='beforeend'), 'old|oldmore|old|old'),
    'partial of a row': (
        lambda k: HxPartial(Tr(Td('first')), hx_target=f'#b{k}', hx_swap='afterbegin'), 'old|old|firstold|old'),
    'partial and element': (
        lambda k: (P('new', id=f'e{k}', **OOB), HxPartial(row(k), hx_target=f'#r{k}', hx_swap='outerHTML')), 'new|old|new|old'),
    'partial of two': (lambda k: HxPartial(P('a'), P('b'), hx_target=f'#e{k}', hx_swap='outerHTML'), 'ab|old|old|old'),
    'partial without content': (lambda k: HxPartial(hx_target=f'#e{k}', hx_swap='delete'), '|old|old|old'),
    'partial with an id': (lambda k: HxPartial('new', id=f'e{k}'), 'new|old|old|old'),
    'morph partial': (lambda k: HxPartial(P('new', id=f'e{k}'), hx_target=f'#e{k}', hx_swap='morph'), 'new|old|old|old'),
    'odd id': (lambda k: Tr(Td('new'), id=f'odd {k}."', **OOB), 'old|old|old|old'),
    'drawing': (lambda k: Circle(r=9, id=f'g{k}', **OOB), 'old|old|old|old'),
    'script': (lambda k: Div(Script(CODE), 'new', id=f'e{k}', **OOB), f'{CODE}new|old|old|old'),
    'title inside': (lambda k: Svg(Title('drawn'), id=f's{k}', **OOB), 'old|old|old|old'),
}
NAMES = list(KINDS)


def section(k):
    return Section(
        Div(P('old', id=f'e{k}')),
        Ul(Li('old', id=f'i{k}'), id=f'l{k}'),
        Table(Tbody(Tr(Td('old', id=f'c{k}'), id=f'r{k}'), id=f'b{k}')),
        Select(Option('old', id=f'o{k}')),
        Svg(Circle(r=1, id=f'g{k}'), id=f's{k}'),
        Table(Tr(id=f'odd {k}."')),
        id=f'section{k}',
    )


def all_of(): return [KINDS[name][0](k) for k, name in enumerate(NAMES)]


def make_app(htmx):
    app = FastHTML(htmx=htmx, exts='ws,sse'.split(','), secret_key='k', canonical=False)
    channel = app.channel('pushes', history=100)
    last = P('end', id='end', **OOB)

    def shown(*connect): return Titled('Pushes', P(id='end'), *connect, Div(id='landed'), *map(section, range(len(NAMES))))

    @app.get('/page/{way}')
    def page(way: str):
        if way.startswith('ws'):
            return shown(Div(Form(Button('go', id='go'), Hidden(way, name='way'), ws_send=True), hx_ext='ws', ws_connect=f'/{way}'))
        if way.startswith('sse'):
            go = Button('go', id='go', hx_get='/publish', hx_swap='none')
            return shown(Div(Div(id='in', sse_swap='message'), hx_ext='sse', sse_connect=f'/{way}'), go)
        return shown(Button('go', id='go', hx_post=f'/{way}', hx_target='#landed'))

    # Sockets
    @app.ws('/ws-return')
    def ws_return(): return [*all_of(), last]
    @app.ws('/ws-yield')
    async def ws_yield():
        for o in all_of(): yield o
        yield last
    @app.ws('/ws-send')
    async def ws_send(send):
        for o in all_of(): await send(o)
        await send(last)
    @app.ws('/ws-plain')
    def ws_plain(send):
        for o in all_of(): send(o)
        send(last)
    async def push(send):
        for o in all_of(): await send(o)
        await send(last)
    @app.ws('/ws-conn', conn=push)
    def ws_conn(): pass
    @app.ws('/ws-publish', channels=[channel])
    async def ws_publish():
        for o in all_of(): await channel.publish(o)
        await channel.publish(last)

    # Streams
    @app.get('/sse-yield')
    async def sse_yield():
        async def source():
            for o in all_of(): yield o
            yield last
        return EventStream(source())
    @app.get('/sse-list')
    def sse_list(): return EventStream([*all_of(), last])
    @app.get('/sse-send')
    async def sse_send():
        stream = EventStream()
        for o in all_of(): await stream.send(o)
        await stream.send(last)
        return stream
    @app.get('/sse-message')
    def sse_messages(): return EventStream(map(sse_message, [*all_of(), last]))
    @app.get('/sse-publish')
    def sse_publish(): return EventStream(channel)
    @app.get('/publish')
    async def publish():
        for o in all_of(): await channel.publish(o)
        await channel.publish(last)

    # Responses
    @app.post('/fetch-return')
    def fetch_return(): return [*all_of(), last]
    @app.post('/fetch-fragment')
    async def fetch_fragment(): return Fragment(*all_of(), last)
    @app.post('/fetch-stream')
    def fetch_stream(): return EventStream([*all_of(), last])
    return app


WAYS = {
    'ws': 'ws-return ws-yield ws-send ws-plain ws-conn ws-publish'.split(),
    'sse': 'sse-yield sse-list sse-send sse-message sse-publish'.split(),
    'fetch': 'fetch-return fetch-fragment'.split(),
}
STATE = '''k => {
  const s = document.getElementById('section' + k), text = o => o.textContent.trim();
  return [s.children[0], s.children[1], s.children[2], s.children[3]].map(text).join('|');
}'''


def bare(html):
    "Without the marks that htmx leaves, and in the spelling of one serializer"
    html = re.sub(r' (data-htmx-powered="[^"]*"|class="(htmx-\w+ ?)*")', '', html)
    return LexborHTMLParser(html).body.html


def ways_of(htmx): return [way for ways in WAYS.values() for way in ways] + ['fetch-stream'] * (htmx == 4)


def clicks(way): return way not in ('ws-conn', 'sse-yield', 'sse-list', 'sse-send', 'sse-message')


@pytest.mark.parametrize('htmx', [2, 4])
def test_every_push_arrives_in_chromium_and_in_the_page_client(page, htmx):
    wrong = []
    with served(make_app(htmx)) as server:
        for way in ways_of(htmx):
            client = Client(make_app(htmx))
            ours = client.open(f'/page/{way}')
            page.goto(f'{server.url}/page/{way}')
            if clicks(way):
                ours.click('#go')
                page.wait_for_function("window.htmx && document.readyState === 'complete'")
                page.click('#go')
            try: page.wait_for_function("document.getElementById('end').textContent === 'end'", timeout=30_000)
            except Exception: wrong.append((way, 'chromium', 'never ended'))
            try: ours.wait('#end', text='end', timeout=30)
            except AssertionError: wrong.append((way, 'client', 'never ended'))
            for k, name in enumerate(NAMES):
                want = KINDS[name][1]
                got = page.evaluate(STATE, k)
                parts = ours.one(f'#section{k}').select(f'#section{k} > *')[:4]
                here = '|'.join(o.text.strip() for o in parts)
                if got != want: wrong.append((way, name, 'chromium', got))
                if here != want: wrong.append((way, name, 'client', here))
                theirs = page.evaluate(f"document.getElementById('section{k}').outerHTML")
                if bare(theirs) != bare(ours.one(f'#section{k}').html): wrong.append((way, name, theirs, ours.one(f'#section{k}').html))
            svg = NAMES.index('drawing')
            drawn = page.evaluate(f"(o => o.getAttribute('r') + o.namespaceURI)(document.getElementById('g{svg}'))")
            if drawn != '9http://www.w3.org/2000/svg': wrong.append((way, 'drawing', drawn))
            odd = page.evaluate(f"document.getElementById('odd {NAMES.index('odd id')}.\"').textContent")
            if odd != 'new': wrong.append((way, 'odd id', odd))
            if page.evaluate('window.ran') != 1: wrong.append((way, 'script', page.evaluate('window.ran')))
            if page.evaluate("document.title") != 'Pushes': wrong.append((way, 'title', page.evaluate("document.title")))
            client.close()
        page.goto('about:blank')
    assert not wrong, '\n'.join(map(str, wrong))
    assert set(page.problems) <= {'console: [object Event]'}   # of htmx 2, whose page is left while its stream is open


# One push after the other

def make_live(htmx):
    "What goes on while a visitor uses the page"
    app = FastHTML(htmx=htmx, exts=['ws', 'sse'], secret_key='k', canonical=False)
    channel = app.channel('live')
    def box(n): return Div(Button(f'press {n}', id='press', hx_get='/pressed', hx_target='#count'), P(n), id='box', hx_swap_oob=True)
    def form():
        controls = Input(id='text', name='text'), Textarea(id='area'), Select(Option('a'), Option('b'), id='choice')
        return Form(*controls, Input(type='checkbox', id='ticked'), id='form', ws_send=True, hx_swap_oob=True)
    app.state.pressed = 0

    @app.get('/')
    def index():
        return Titled('Live', box(0), P('0', id='count'), Div(form(), id='ws', hx_ext='ws', ws_connect='/ws'), P(id='said'),
            Div(P('before', id='by-name', sse_swap='tick'), P('both', id='both', sse_swap='tick, tock', hx_swap='beforeend'),
                P('asked', id='asked', hx_get='/asked', hx_trigger='sse:tick'), hx_ext='sse', sse_connect='/named'),
            Div(Div(P('0', id='replaced', cls='r')), id='outer', hx_ext='sse', sse_connect='/outer', sse_swap='message', hx_target='.r',
                hx_swap='outerHTML'))

    @app.get('/pressed')
    def pressed():
        app.state.pressed += 1
        return str(app.state.pressed)

    @app.get('/asked')
    def asked(): return 'asked for'

    @app.ws('/ws', channels=[channel])
    def ws(text: str): return form(), P(text, id='said')

    @app.get('/named')
    def named(): return EventStream([sse_message(B('tick'), 'tick'), sse_message('tock', 'tock'), sse_message('nobody', 'other')])

    @app.get('/outer')
    def outer(): return EventStream(P(n, cls='r') for n in range(1, 4))

    @app.get('/box')
    async def another_box(): await channel.publish(box(app.state.pressed + 1))

    @app.get('/bare')
    async def bare_text(): await channel.publish((B('no place'), 'text'))
    return app


@pytest.mark.parametrize('htmx', [2, 4])
def test_who_uses_the_page_is_not_disturbed_by_pushes(page, htmx):
    app = make_live(htmx)
    with served(app) as server:
        page.goto(server.url)
        page.wait_for_function("document.getElementById('replaced') === null && document.querySelector('.r').textContent === '3'")
        assert page.inner_text('#outer') == '3'
        page.wait_for_function("document.getElementById('asked').textContent === 'asked for'")
        assert page.inner_html('#by-name') == '<b>tick</b>' and page.inner_html('#both') == 'both<b>tick</b>tock'

        # a press lasts longer than a push: the button must be the same when it is let go
        page.hover('#press')
        for n in range(1, 6):
            page.mouse.down()
            page.evaluate("fetch('/box')")
            page.wait_for_function(f"document.querySelector('#box p').textContent === '{n}'")
            page.mouse.up()
            page.wait_for_function(f"document.getElementById('count').textContent === '{n}'")

        # a form that is pushed shows what it says, and keeps the keyboard
        page.fill('#area', 'typed')
        page.select_option('#choice', 'b')
        page.check('#ticked')
        page.fill('#text', 'hello')
        page.press('#text', 'Enter')
        page.wait_for_function("document.getElementById('text').value === ''")
        assert page.evaluate("[area.value, choice.value, ticked.checked, document.activeElement.id].join('|')") == '|a|false|text'

        # what names no place destroys nothing
        page.evaluate("fetch('/bare')")
        page.evaluate("fetch('/pressed')")
        assert page.query_selector('#form') and page.query_selector('#text')
    assert app.state.pressed == 6


@pytest.mark.parametrize('htmx', [2, 4])
def test_the_page_client_sees_the_same(htmx):
    client = Client(make_live(htmx))
    page = client.open('/')
    page.wait('.r', text='3')
    page.wait('#asked', text='asked for')
    assert page.one('#outer').text == '3' and page.one('#by-name').html.endswith('<b>tick</b></p>')
    assert page.one('#both').text == 'bothticktock'
    page.fill('#area', 'typed')
    page.check('#ticked')
    page.fill('#text', 'hello')
    page.press('#text', 'Enter')
    page.wait('#said', text='hello')
    assert [page.one(o).value for o in ('#area', '#text')] == ['', ''] and not page.one('#ticked').checked
    assert page.focused == page.one('#text')
    client.get('/bare')
    assert page.one('#form')
    client.close()


# What a script has made of an element

APPENDS = Script("proc_htmx('.more', e => e.append(Object.assign(document.createElement('u'), {textContent: '!'})));")
OWN = Script("proc_htmx('.shout', e => { e.innerHTML = `<b>${e.textContent.toUpperCase()}</b>`; });")
LATER = Script("proc_htmx('.late', async e => { await null; e.innerHTML = `<i>${e.textContent}</i>`; });")
MARKS = Script("proc_htmx('.mark', e => { e.dataset.seen = e.textContent; });")
COUNTS = Script("window.runs = 0; proc_htmx('.count', e => { window.runs++; });")


def text_of(**kw): return lambda text: Div(text, **kw)


SHAPED = {  # how an element looks that a script changes -> its text at first, its text in the push, what then shows that the script ran
    'markdown': (text_of(cls='marked'), '*old*', '*new*', '.marked em:text-is("new")'),
    'markdown that was empty': (text_of(cls='marked'), '', '*new*', '.marked em:text-is("new")'),
    'coloured code': (lambda text: Pre(Code(text, cls='language-python')), 'x = 1', 'def f(): 2', '.hljs-keyword:text-is("def")'),
    'markdown inside': (lambda text: Div(P('x'), Div(text, cls='marked')), '*old*', '*new*', '.marked em:text-is("new")'),
    'a function of the program': (text_of(cls='shout'), 'old', 'new', '.shout b:text-is("NEW")'),
    'an async function': (text_of(cls='late'), 'old', 'new', '.late i:text-is("new")'),
    'something added': (text_of(cls='more'), 'old', 'new', '.more:has-text("new!")'),
    'an attribute': (text_of(cls='mark'), 'old', 'new', '.mark[data-seen=new]'),
}
UNTOUCHED = {  # a script has seen it, and changed nothing: the element stays, with what the visitor does
    'a list to sort': lambda text: Ul(Li(text), cls='sortable'),
    'a field': lambda text: Input(value='v', title=text, cls='count'),
    'text': lambda text: P(text, cls='count'),
}


@pytest.mark.parametrize('way', ['socket', 'event'])
@pytest.mark.parametrize('htmx', [2, 4])
def test_a_script_that_changes_elements_sees_what_is_pushed_in_their_place(page, htmx, way):
    app = FastHTML(htmx=htmx, exts=['ws', 'sse'], secret_key='k', canonical=False,
                   hdrs=(MarkdownJS(), HighlightJS(), SortableJS(), APPENDS, OWN, LATER, MARKS, COUNTS))
    channel = app.channel('live')
    named = [(f's{i}', *o) for i, o in enumerate(SHAPED.values())]

    def item(k, draw, text, **kw):
        el = draw(text)
        el.id = k
        return el(**kw)
    def pushed(): return [item(k, draw, text, **OOB) for k, draw, _, text, _ in named] + \
        [item(f'u{i}', draw, 'new', **OOB) for i, draw in enumerate(UNTOUCHED.values())]

    @app.get('/')
    def index():
        connect = dict(hx_ext='ws', ws_connect='/ws') if way == 'socket' else dict(hx_ext='sse', sse_connect='/sse', sse_swap='message')
        return Titled('Shaped', *(item(k, draw, text) for k, draw, text, *_ in named),
                      *(item(f'u{i}', draw, 'old') for i, draw in enumerate(UNTOUCHED.values())), Div(id='live', **connect))

    @app.ws('/ws', channels=[channel])
    def ws(): pass

    @app.get('/sse')
    def sse(): return EventStream(channel)

    @app.get('/push')
    async def push(): await channel.publish((*pushed(), P('', id='done', hx_swap_oob='beforeend:body')))
    with served(app) as server:
        page.goto(server.url)
        page.wait_for_selector('#s0 em')
        page.wait_for_selector('#s5 i')
        page.evaluate("window.kept = [...document.querySelectorAll('[id^=u]')]")
        wait_until(lambda: page.evaluate("fetch('/push').then(() => kept[2].textContent)") == 'new')
        for name, (k, *_, shows) in zip(SHAPED, named):
            page.wait_for_selector(f'#{k}{shows}, #{k} {shows}' if shows.startswith('.') else f'#{k} {shows}', state='attached')
            assert page.locator(f'#{k}').count() == 1, name
        assert page.evaluate("kept.map(o => o.isConnected)") == [True] * len(UNTOUCHED) and page.evaluate('runs') == 2
    assert not page.problems
