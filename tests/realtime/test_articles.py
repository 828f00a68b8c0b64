"""The two articles this project starts from, as acceptance tests.

Their code letter for letter, a real uvicorn, clients that are not ours.
"""
import json
import re
import signal
import subprocess
import urllib.request
from contextlib import ExitStack

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

WATCHED = '''
import json
ended = []
async def on_disconnect(code): ended.append(code)
async def push_and_note(send):
    try: await on_connect(send)
    finally: ended.append('conn')
app.ws('/watched', conn=push_and_note, disconn=on_disconnect)(ws)
@app.get('/ended')
def how(): return json.dumps(ended)
'''

@pytest.fixture(scope='module')
def pushing(tmp_path_factory):
    "The article's app, with a `disconn` beside it on a second route, for what the article leaves out"
    with serve_process(WEBSOCKET + WATCHED, tmp_path_factory.mktemp('pushing')) as process: yield process


def test_the_page_opens_a_socket_without_a_form(pushing):
    page = LexborHTMLParser(get(pushing.url))
    element = page.css_first('[hx-ext=ws]')
    assert element.attributes['ws-connect'] == '/ws-conn'
    assert page.css_first('#notifications') is not None and page.css_first('form') is None
    scripts = [s.attributes.get('src') or '' for s in page.css('head script')]
    assert any('htmx-ext-ws' in s for s in scripts), scripts


def test_pushes_go_on_while_a_message_is_answered_at_once(pushing):
    "W1: `conn` never delays incoming messages. Upstream answers after ten seconds (D1). After ten pushes the socket stays open"
    with connect(f'{pushing.ws_url}/ws-conn') as ws:
        assert 'Server push 0' in ws.recv(timeout=30)
        ws.send(json.dumps({'HEADERS': {'HX-Request': 'true'}}))
        frames = [ws.recv(timeout=30) for _ in range(10)]
        assert 'First message' in ''.join(frames[:-1]), frames   # before the last push
        pushes = [frame for frame in frames if 'First message' not in frame]
        for i, frame in enumerate(pushes, 1):
            element = LexborHTMLParser(frame).css_first('#notifications')
            assert element.text() == f'Server push {i}' and element.attributes['hx-swap-oob'] == 'true'
        assert len(pushes) == 9
        ws.send('{}')
        assert 'First message' in ws.recv(timeout=30)
        assert ws.close_code is None


def how_it_ended(pushing, leave) -> list:
    "What of one client ended, in this order"
    before = len(json.loads(get(f'{pushing.url}/ended')))
    with connect(f'{pushing.ws_url}/watched') as ws:
        assert 'Server push 0' in ws.recv(timeout=30)
        leave(ws)
    return wait_until(lambda: len(found := json.loads(get(f'{pushing.url}/ended'))) == before + 2 and found[before:])


def test_a_client_that_leaves_ends_the_pushing_and_disconn_runs_once(pushing):
    "W2. Upstream never calls it (D2)"
    assert how_it_ended(pushing, lambda ws: ws.close()) == ['conn', 1000]


def test_a_client_whose_line_is_cut_ends_the_pushing_too(pushing):
    assert how_it_ended(pushing, lambda ws: ws.socket.shutdown(2)) in (['conn', 1005], ['conn', 1006])


def test_sigterm_closes_the_socket_with_1012_and_leaves_no_traceback(tmp_path):
    with serve_process(WEBSOCKET + LONG_GRACE, tmp_path) as process:
        with connect(f'{process.ws_url}/ws-conn') as ws:
            ws.recv(timeout=30)
            process.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                while True: ws.recv(timeout=30)
            assert closed.value.rcvd.code == 1012
        process.wait()
        assert 'Traceback' not in process.output, process.output


# The second article: an event stream that its handler never returns

@pytest.fixture(scope='module')
def streaming(tmp_path_factory):
    with serve_process(BEFORE_EVENTS + SSE + AFTER_EVENTS, tmp_path_factory.mktemp('streaming')) as process: yield process


def test_the_handler_that_never_returns_streams(streaming):
    with SseClient(streaming.url, '/events') as client:
        events = client.events()
        welcome, *readings = [next(events).data for _ in range(3)]
        first, second = (int(re.fullmatch(r'<div id="reading">reading (\d+)</div>', reading)[1]) for reading in readings)
        assert welcome == 'Welcome to the event stream' and second > first
        assert client.headers['content-type'].startswith('text/event-stream')
        assert client.headers['cache-control'] == 'no-store' and client.headers['x-accel-buffering'] == 'no'
        assert client.headers['connection'] is None


def test_curl_sees_the_stream_as_it_comes(streaming):
    "Another client: `curl --no-buffer`, which shows the first events while the stream goes on"
    with subprocess.Popen(['curl', '-sN', f'{streaming.url}/events'], stdout=subprocess.PIPE, text=True) as curl:
        shown = [curl.stdout.readline() for _ in range(4)]
        assert curl.poll() is None
        curl.terminate()
    assert shown[:2] == ['data: Welcome to the event stream\n', '\n'] and shown[3] == '\n'
    assert re.fullmatch(r'data: <div id="reading">reading \d+</div>\n', shown[2])


def test_the_client_leaving_ends_the_handler_within_a_second(streaming):
    wait_until(lambda: get(f'{streaming.url}/open') == '0')   # of other tests
    client = SseClient(streaming.url, '/events')
    next(client.events())
    assert get(f'{streaming.url}/open') == '1'
    client.close()
    wait_until(lambda: get(f'{streaming.url}/open') == '0')
    asked = get(f'{streaming.url}/asked')
    with SseClient(streaming.url, '/events') as another:  # the second handler alone asks from now on
        events = another.events()
        for _ in range(3): next(events)
    assert int(get(f'{streaming.url}/asked')) - int(asked) == 2


LONG_GRACE = '\napp.lifecycle.grace = 600\n'   # What ends only with it fails

ENDLESS = '''
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

async def polite():
    while not shutdown_event.is_set():
        yield sse_message('working')
        await asyncio.sleep(0.05)
    yield sse_message('back in a minute', event='maintenance')
    yield sse_message('', event='close')
@app.get('/polite')
async def stream(): return EventStream(polite())
'''

def test_sigterm_ends_every_stream_with_a_closing_event(tmp_path):
    """S3: the closing event, a terminated body, lifespan shutdown, the end of the process in time, no traceback.

    For the article's handler, a generator, one whose loop asks `signal_shutdown()`, and one that sends a last event of its own
    after it (D12: there it never arrives).
    """
    with serve_process(BEFORE_EVENTS + SSE + ENDLESS + LONG_GRACE, tmp_path) as process, ExitStack() as stack:
        clients = {path: stack.enter_context(SseClient(process.url, path)) for path in ('/events', '/generator', '/watching', '/polite')}
        for client in clients.values(): next(client.events())
        process.signal(signal.SIGTERM)
        ends = {path: client.read_to_end() for path, client in clients.items()}  # IncompleteRead if the body is cut off
        process.wait()
    assert all(client.ended for client in clients.values())
    *_, said, last = ends.pop('/polite')
    assert (said.event, said.data, last.event) == ('maintenance', 'back in a minute', 'close')
    for path, events in ends.items(): assert events[-1].event == 'shutdown' and '\nretry: ' in clients[path].text, path
    assert 'lifespan shutdown ran' in process.output and 'Traceback' not in process.output, process.output
