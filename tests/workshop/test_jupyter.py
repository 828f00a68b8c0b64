"""The notebook server: ports, replacement, endings, origins, and cells that talk to the app beside them."""
import contextlib
import re
import socket
from html import unescape

import httpx2
import pytest
import websockets.sync.client
from starlette.responses import HTMLResponse
from websockets.exceptions import ConnectionClosed

from fasthtml.app.app import FastHTML
from fasthtml.html.tags import B, Div, P
from fasthtml.realtime.sse import EventStream
from fasthtml.workshop.jupyter import HTMX, JupyUvi, JupyUviAsync, show, ws_client
from fork_kit import KERNEL, Forks
from support import SseClient, serve

FOREIGN, LOCAL = 'https://evil.example', 'http://localhost:8888'


def make_app(**options) -> FastHTML:
    app = FastHTML(secret_key='a key for this test only', **options)

    @app.get('/')
    def home():
        return P('first')

    @app.post('/')
    def save(name: str):
        return P(f'saved {name}')

    @app.get('/stream')
    def stream():
        return EventStream(app.channel('news'))

    @app.ws('/talk')
    def talk(text: str):
        return f'heard {text}'
    return app


@pytest.fixture
def server():
    with contextlib.closing(Running(make_app())) as running:
        yield running.server


class Running:
    def __init__(self, app, **options): self.server = JupyUvi(app, port=0, **options)
    def close(self): self.server.stop()


def test_a_busy_port_is_an_error_that_says_so_at_once():
    with socket.create_server(('127.0.0.1', 0)) as other:
        with pytest.raises(OSError, match='port=0'):
            JupyUvi(make_app(), port=other.getsockname()[1])


def test_running_the_cell_again_replaces_the_server(server):
    app = make_app()

    @app.get('/')
    def home():
        return P('second')
    again = JupyUvi(app, port=server.port)
    try:
        assert again.port == server.port
        assert 'second' in httpx2.get(again.url).text
        assert server.server is None
    finally:
        again.stop()


def test_defining_a_route_again_changes_the_running_app(server):
    @server.app.get('/')
    def home():
        return P('changed in place')
    assert 'changed in place' in httpx2.get(server.url).text


def test_stopping_says_goodbye_cleans_up_and_frees_the_port():
    ended = []
    server = JupyUvi(make_app(on_shutdown=[lambda: ended.append('cleaned up')]), port=0)
    socket_url = f'ws://localhost:{server.port}/talk'
    with SseClient(server.url, '/stream') as stream, websockets.sync.client.connect(socket_url) as talk:
        talk.send('{"text": "hello"}')
        assert talk.recv(30) == 'heard hello'
        server.stop()
        assert stream.read_to_end()[-1].event == 'shutdown'
        with pytest.raises(ConnectionClosed) as closed:
            talk.recv(30)
        assert closed.value.rcvd.code == 1012
    assert ended == ['cleaned up']
    with socket.create_server(('127.0.0.1', server.port)):
        server.stop()  # once more is nothing


def test_an_app_that_cannot_start_says_so_and_leaves_the_port():
    def fail(): raise ValueError('no database')
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(RuntimeError, match='did not start'):
        JupyUvi(make_app(on_startup=[fail]), port=port, log_level='critical')
    socket.create_server(('127.0.0.1', port)).close()


async def test_nor_does_it_end_the_loop_of_the_notebook():
    def fail(): raise ValueError('no database')
    with pytest.raises(RuntimeError, match='did not start'):
        await JupyUviAsync(make_app(on_startup=[fail]), port=0, log_level='critical').start()


@pytest.mark.parametrize('origin, status', [(LOCAL, 200), ('http://127.0.0.1:9999', 200), (FOREIGN, 403), ('null', 403),
                                            ('http://localhost.evil.example', 403), (None, 200)])
def test_pages_of_this_machine_may_post_and_others_may_not(server, origin, status):
    headers = {'Sec-Fetch-Site': 'cross-site', 'Origin': origin} if origin else {}
    answer = httpx2.post(server.url, data={'name': 'Ada'}, headers=headers)
    assert answer.status_code == status
    assert answer.headers.get('access-control-allow-origin') == (origin if origin and status == 200 else None)


def test_a_preflight_is_answered_for_this_machine_only(server):
    ask = {'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'hx-request'}
    granted = httpx2.options(server.url, headers={'Origin': LOCAL, **ask})
    assert granted.status_code == 200 and 'hx-request' in granted.headers['access-control-allow-headers']
    assert httpx2.options(server.url, headers={'Origin': FOREIGN, **ask}).status_code == 400


def test_sockets_open_from_this_machine_only(server):
    with websockets.sync.client.connect(f'ws://localhost:{server.port}/talk', origin=LOCAL) as talk:
        talk.send('{"text": "hello"}')
        assert talk.recv(30) == 'heard hello'
    with websockets.sync.client.connect(f'ws://localhost:{server.port}/talk', origin=FOREIGN) as talk:
        with pytest.raises(ConnectionClosed) as closed:
            talk.recv(30)
        assert closed.value.rcvd.code == 1008


def test_the_app_itself_stays_as_strict_as_it_was(server):
    from fasthtml.testing import Client
    assert Client(server.app).post('/', data={'name': 'x'}, headers={'Origin': LOCAL, 'Sec-Fetch-Site': 'cross-site'}).status_code == 403


@pytest.mark.parametrize('awaited', [True, False])
async def test_on_the_loop_of_the_notebook(awaited):
    server = await JupyUviAsync(make_app(), port=0).start()
    async with httpx2.AsyncClient() as client:
        assert 'first' in (await client.get(server.url)).text
    stopping = server.stop()    # as a plain call in a cell: what it returns is not needed
    await (stopping if awaited else server.task)
    socket.create_server(('127.0.0.1', server.port)).close()


def test_two_pages_follow_an_element():
    app = make_app()
    board = ws_client(app, 'board', frame=False, link=False)
    server = JupyUvi(app, port=0)
    try:
        url = f'ws://localhost:{server.port}/ws'
        with websockets.sync.client.connect(url) as one, websockets.sync.client.connect(url) as two:
            assert one.recv(30) == two.recv(30)
            board(P('<from a cell>'))
            assert '&lt;from a cell&gt;' in one.recv(30)
            assert '&lt;from a cell&gt;' in two.recv(30)
        assert '&lt;from a cell&gt;' in httpx2.get(f'{server.url}/board').text
    finally:
        server.stop()


def test_elements_are_shown_with_the_head_of_the_app(server):
    shown = HTMX(P('as elements'), app=server.app, port=server.port).data
    assert 'srcdoc=' in shown and 'as elements' in shown and 'htmx.org@2' in shown
    with pytest.raises(TypeError, match='give `app=`'):
        HTMX(P('as elements'))


CELLS = ['''
from fasthtml.common import *
from fasthtml.workshop.jupyter import JupyUvi
import asyncio, httpx2, signal, os, websockets
app = FastHTML(secret_key='a key for this test only')
async def greet(send): await send(P('pushed', id='p'))
@app.ws('/talk', conn=greet)
async def talk(text: str): return P(text, id='p')
@app.get('/stream')
def stream(): return EventStream([P('one'), P('two')])
server = JupyUvi(app, port=0)
''', '''
async with websockets.connect(f'ws://localhost:{server.port}/talk') as socket:
    said = [await socket.recv()]
    await socket.send('{"text": "from a cell"}')
    said.append(await socket.recv())
assert 'pushed' in said[0] and 'from a cell' in said[1], said
''', '''
async with httpx2.AsyncClient() as client:
    answer = await client.get(f'{server.url}/stream')
assert answer.text.count('data: <p>') == 2, answer.text
''', '''
interrupted = False
asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)
try:
    for _ in range(200): await asyncio.sleep(0.05)
except (KeyboardInterrupt, asyncio.CancelledError): interrupted = True
assert interrupted
''', '''
async with httpx2.AsyncClient() as client:
    assert (await client.get(f'{server.url}/stream')).status_code == 200
server.stop()
''']


def test_cells_are_clients_and_an_interrupt_stops_a_cell_but_not_the_server(tmp_path):
    with contextlib.closing(Forks(*KERNEL)) as forks: forks.cells(CELLS, tmp_path)


def test_regions_of_cells_are_followed_from_the_page_of_the_notebook(server):
    "From another origin of this machine, without a cookie; cells that were shown before the server have nothing to follow"
    items = ['apples']

    @server.app.live
    def basket(id: int): return P(f'{items} in {id}')
    html = show(basket(id=1), P(basket(id=2))).data
    assert html.count('<iframe') == 2 and '<template>' in html
    rows = [[unescape(key), token, has] for token, has, key in
            re.findall('data-live-token="([^"]*)" data-live-has="([^"]*)" data-live-key="([^"]*)"', html)]
    assert [key for key, *_ in rows] == ['basket{"id":1}', 'basket{"id":2}']
    headers = {'Origin': 'http://localhost:8888', 'Sec-Fetch-Site': 'same-site'}
    with httpx2.stream('POST', server.url + '/_live', json=dict(has=rows), headers=headers) as r:
        assert r.headers['access-control-allow-origin'] == headers['Origin']
        lines, seen = r.iter_lines(), []
        while 'live/checked' not in ''.join(seen): seen.append(next(lines))
        assert 'lost' not in ''.join(seen)
        items.append('pears')
        basket.changed_sync(id=2)
        while 'pears' not in seen[-1]: seen.append(next(lines))
    server.stop()
    assert '<iframe' not in show(basket(id=1)).data


WAYS = {
    'show': lambda server, *elements: show(*elements),
    'show in a frame': lambda server, *elements: show(*elements, iframe=True),
    'HTMX': lambda server, *elements: HTMX(Div(*elements), app=server.app, port=server.port),
}


@pytest.mark.parametrize('way', WAYS)
def test_regions_follow_in_whatever_way_a_cell_displays_them(server, page, way):
    "In the page of the notebook, which comes from another server, or in a frame of it"
    items = ['apples']

    @server.app.live
    def basket(id: int): return P(f'{items} in {id}', id=f'basket{id}')
    notebook = FastHTML(secret_key='k')
    html = WAYS[way](server, basket(id=1), B(basket(id=2))).data
    notebook.get('/')(lambda: HTMLResponse(f'<!doctype html><title>Notebook</title>{html}'))
    with serve(notebook) as served:
        page.goto(served.url)
        place = page if way == 'show' else page.frame_locator('iframe >> nth=0')
        for id in 1, 2: place.locator(f'#basket{id}:has-text("apples")').wait_for()
        items.append('pears')
        basket.changed_sync()
        for id in 1, 2: place.locator(f'#basket{id}:has-text("pears")').wait_for()
