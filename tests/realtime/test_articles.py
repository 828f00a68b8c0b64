"""The two articles this project starts from, as acceptance tests.

Their code letter for letter, a real uvicorn, clients that are not ours.
"""
import json
import signal
import subprocess
import time
import urllib.request

import pytest
from selectolax.lexbor import LexborHTMLParser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from articles import SSE, WEBSOCKET
from support import SseClient, serve_process, wait_until

# What stands around the second article's code: imports, `get_updated_data`, and something to look at from outside
BEFORE_EVENTS = '''
import asyncio
from fasthtml.common import *
asked = []
def get_updated_data():
    asked.append(len(asked))
    return Div(f'reading {len(asked)}', id='reading')
def closed(): print('lifespan shutdown ran', flush=True)
app = FastHTML(on_shutdown=closed)
'''

AFTER_EVENTS = '''
@app.get('/asked')
def asked_so_far(): return str(len(asked))
@app.get('/open')
def open_now(): return str(len(app.lifecycle.connections))
'''


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response: return response.read().decode()


# The first article: WebSocket connections that push on connect

@pytest.fixture
def pushing(tmp_path):
    "The article's app, with a `disconn` beside it on a second route, for what the article leaves out"
    watched = '''
ended = []
async def on_disconnect(code): ended.append(code)
async def push_and_note(send):
    try: await on_connect(send)
    finally: ended.append('conn')
app.ws('/watched', conn=push_and_note, disconn=on_disconnect)(ws)
@app.get('/ended')
def how(): return json.dumps(ended)
'''
    with serve_process(WEBSOCKET + 'import json\n' + watched, tmp_path) as process: yield process


def test_the_page_opens_a_socket_without_a_form(pushing):
    page = LexborHTMLParser(get(pushing.url))
    element = page.css_first('[hx-ext=ws]')
    assert element.attributes['ws-connect'] == '/ws-conn'
    assert page.css_first('#notifications') is not None and page.css_first('form') is None
    scripts = [s.attributes.get('src') or '' for s in page.css('head script')]
    assert any('htmx-ext-ws' in s for s in scripts), scripts


def test_pushes_come_once_a_second_while_a_message_is_answered_at_once(pushing):
    "W1: `conn` never delays incoming messages. Upstream answers after ten seconds (D1)"
    with connect(f'{pushing.ws_url}/ws-conn') as ws:
        start = time.monotonic()
        assert 'Server push 0' in ws.recv(timeout=30)
        ws.send(json.dumps({'HEADERS': {'HX-Request': 'true'}}))
        assert 'First message' in ws.recv(timeout=30)
        assert time.monotonic() - start < 8
        times = []
        for i in range(1, 4):
            frame = LexborHTMLParser(ws.recv(timeout=30)).css_first('#notifications')
            times.append(time.monotonic() - start)
            assert frame.text() == f'Server push {i}' and frame.attributes['hx-swap-oob'] == 'true'
        assert all(t > i - 0.5 for i, t in enumerate(times, 1)), times


def test_after_ten_pushes_the_socket_stays_open(pushing):
    with connect(f'{pushing.ws_url}/ws-conn') as ws:
        pushes = [ws.recv(timeout=30) for _ in range(10)]
        assert ['Server push 9' in push for push in pushes] == [False]*9 + [True]
        ws.send('{}')
        assert 'First message' in ws.recv(timeout=30)
        assert ws.close_code is None


def test_a_client_that_leaves_ends_the_pushing_and_disconn_runs_once(pushing):
    "W2. Upstream never calls it (D2)"
    with connect(f'{pushing.ws_url}/watched') as ws: assert 'Server push 0' in ws.recv(timeout=30)
    left = time.monotonic()
    ended = wait_until(lambda: (found := json.loads(get(f'{pushing.url}/ended'))) and 1000 in found and found)
    assert time.monotonic() - left < 8 and ended == ['conn', 1000]


def test_a_client_whose_line_is_cut_ends_the_pushing_too(pushing):
    with connect(f'{pushing.ws_url}/watched') as ws:
        assert 'Server push 0' in ws.recv(timeout=30)
        ws.socket.shutdown(2)
    ended = wait_until(lambda: len(found := json.loads(get(f'{pushing.url}/ended'))) == 2 and found)
    assert ended[0] == 'conn' and ended[1] in (1005, 1006)


def test_sigterm_closes_the_socket_with_1012_and_leaves_no_traceback(pushing):
    with connect(f'{pushing.ws_url}/ws-conn') as ws:
        ws.recv(timeout=30)
        start = time.monotonic()
        pushing.signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            while True: ws.recv(timeout=30)
        assert closed.value.rcvd.code == 1012
    pushing.wait()
    assert time.monotonic() - start < 9 and 'Traceback' not in pushing.output, pushing.output


# The second article: an event stream that its handler never returns

@pytest.fixture
def streaming(tmp_path):
    with serve_process(BEFORE_EVENTS + SSE + AFTER_EVENTS, tmp_path) as process: yield process


def test_the_handler_that_never_returns_streams(streaming):
    with SseClient(streaming.url, '/events') as client:
        events = client.events()
        first = [next(events).data for _ in range(3)]
        assert first == ['Welcome to the event stream', '<div id="reading">reading 1</div>', '<div id="reading">reading 2</div>']
        assert client.headers['content-type'].startswith('text/event-stream')
        assert client.headers['cache-control'] == 'no-store' and client.headers['x-accel-buffering'] == 'no'
        assert client.headers['connection'] is None


def test_curl_sees_the_stream_as_it_comes(streaming):
    "Another client: `curl --no-buffer`, which shows what came within 1.5 seconds"
    shown = subprocess.run(['curl', '-sN', '--max-time', '1.5', f'{streaming.url}/events'], capture_output=True, text=True)
    assert shown.stdout.startswith('data: Welcome to the event stream\n\ndata: <div id="reading">reading 1</div>\n\n')
    assert shown.returncode == 28  # curl's own time limit, not a broken body


def test_the_client_leaving_ends_the_handler_within_a_second(streaming):
    client = SseClient(streaming.url, '/events')
    next(client.events())
    assert get(f'{streaming.url}/open') == '1'
    client.close()
    left = time.monotonic()
    wait_until(lambda: get(f'{streaming.url}/open') == '0')
    assert time.monotonic() - left < 20
    asked = get(f'{streaming.url}/asked')
    with SseClient(streaming.url, '/events') as another:  # the second handler alone asks from now on
        events = another.events()
        for _ in range(3): next(events)
    assert int(get(f'{streaming.url}/asked')) - int(asked) == 2


def check_a_proper_end(process, path: str) -> None:
    "S3: the closing event, a terminated body, lifespan shutdown, the end of the process in time, no traceback"
    with SseClient(process.url, path) as client:
        events = client.events()
        for _ in range(2): next(events)
        start = time.monotonic()
        process.signal(signal.SIGTERM)
        *_, last = client.read_to_end()  # raises IncompleteRead if the body is cut off
        assert last.event == 'shutdown' and client.ended and '\nretry: ' in client.text
    process.wait()
    assert time.monotonic() - start < 9
    assert 'lifespan shutdown ran' in process.output and 'Traceback' not in process.output, process.output


def test_sigterm_ends_the_stream_with_a_closing_event(streaming): check_a_proper_end(streaming, '/events')


GENERATORS = '''
async def endless():
    while True:
        yield sse_message(get_updated_data())
        await asyncio.sleep(0.3)
@app.get('/generator')
async def generator(): return EventStream(endless())

shutdown_event = signal_shutdown()
async def while_it_runs():
    while not shutdown_event.is_set():
        yield sse_message(get_updated_data())
        await asyncio.sleep(0.3)
@app.get('/watching')
async def watching(): return EventStream(while_it_runs())
'''

@pytest.mark.parametrize('path', ['/generator', '/watching'])
def test_sigterm_ends_generators_alike(tmp_path, path):
    "`EventStream(gen())`, and `signal_shutdown()` as the condition of its loop"
    with serve_process(BEFORE_EVENTS + GENERATORS, tmp_path) as process: check_a_proper_end(process, path)


def test_a_generator_that_watches_the_signal_may_send_its_own_last_event(tmp_path):
    "Upstream's pattern: a poll, then a last event of its own (D12: there it never arrives)"
    own = '''
shutdown_event = signal_shutdown()
async def polite():
    while not shutdown_event.is_set():
        yield sse_message('working')
        await asyncio.sleep(0.05)
    yield sse_message('back in a minute', event='maintenance')
    yield sse_message('', event='close')
@app.get('/polite')
async def stream(): return EventStream(polite())
'''
    with serve_process(BEFORE_EVENTS + own, tmp_path) as process, SseClient(process.url, '/polite') as client:
        next(client.events())
        process.signal(signal.SIGTERM)
        *_, said, last = client.read_to_end()
        assert (said.event, said.data, last.event) == ('maintenance', 'back in a minute', 'close') and client.ended
        process.wait()
