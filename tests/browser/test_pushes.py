"""A push means the same however it comes: over a socket, in an event or in a response, with htmx 2 and 4, in Chromium and in the page client.

Each kind of content has a section of the page to itself, so that one page shows them all.
"""
import pytest

from fasthtml.common import *
from fasthtml.svg import Circle, Svg
from fasthtml.testing import Client
from support import serve as served
from support import wait_until

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
    'partial of a row': (lambda k: HxPartial(Tr(Td('first')), hx_target=f'#b{k}', hx_swap='afterbegin'), 'old|old|firstold|old'),
    'partial and element': (lambda k: (P('new', id=f'e{k}', **OOB), HxPartial(row(k), hx_target=f'#r{k}', hx_swap='outerHTML')), 'new|old|new|old'),
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
            return shown(Div(Div(id='in', sse_swap='message'), hx_ext='sse', sse_connect=f'/{way}'), Button('go', id='go', hx_get='/publish', hx_swap='none'))
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
            try: page.wait_for_function("document.getElementById('end').textContent === 'end'", timeout=5000)
            except Exception: wrong.append((way, 'chromium', 'never ended'))
            try: ours.wait('#end', text='end', timeout=5)
            except AssertionError: wrong.append((way, 'client', 'never ended'))
            for k, name in enumerate(NAMES):
                want = KINDS[name][1]
                got = page.evaluate(STATE, k)
                parts = ours.one(f'#section{k}').select('#section%d > *' % k)[:4]
                here = '|'.join(o.text.strip() for o in parts)
                if got != want: wrong.append((way, name, 'chromium', got))
                if here != want: wrong.append((way, name, 'client', here))
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
    assert not page.problems
