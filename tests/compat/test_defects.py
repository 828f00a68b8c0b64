"""One test or more for each defect D1 to D31 that was seen in python-fasthtml 0.14 and is not repeated here.

`nbs/explains/differences.ipynb` lists them for users. Everything runs against a real server, with clients of others.
"""
import asyncio
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import httpx2
import pytest
from selectolax.lexbor import LexborHTMLParser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.common import *
from support import (
    ROOT,
    Event,
    SseClient,
    parse_events,
    raw_connection,
    raw_exchange,
    serve,
    serve_process,
    wait_until,
)

QUIET = dict(log_level='critical')  # uvicorn's own complaints about what a test does on purpose


def html(text: str) -> LexborHTMLParser: return LexborHTMLParser(text)


def plain_app(**options) -> FastHTML:
    "An app that keeps no key in a file"
    return FastHTML(**{'secret_key': 'for tests'} | options)


def close_code(socket) -> int:
    "Read until the server closes; its close code"
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(timeout=30)
    return closed.value.rcvd.code


def answer(app, method: str = 'GET', path: str = '/', **request) -> httpx2.Response:
    "One request to a real server"
    with serve(app, **QUIET) as server, httpx2.Client(base_url=server.url) as client:
        return client.request(method, path, **request)


# WebSockets

def test_d1_messages_are_answered_while_conn_is_pushing():
    "W1"
    app, gate, ended = plain_app(), threading.Event(), threading.Event()

    async def on_connect(send):
        try:
            while not gate.is_set():
                await send(P('push', id='push'))
                await asyncio.sleep(0.02)
        finally:
            ended.set()

    @app.ws('/ws', conn=on_connect)
    async def message(word: str): return P(f'you said {word}', id='answer')

    with serve(app) as server, connect(f'{server.ws_url}/ws') as socket:
        socket.send('{"word": "hello"}')
        while 'you said hello' not in (frame := socket.recv(timeout=30)):
            assert 'push' in frame
        assert not ended.is_set()
        gate.set()
        assert ended.wait(30)


@pytest.mark.parametrize('leave', ['closed', 'cut off'])
def test_d2_disconn_runs_once_when_the_client_leaves_during_conn(leave, caplog):
    "W2; `conn` waits without ever sending"
    app, started, calls = plain_app(), threading.Event(), []

    async def on_connect():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            calls.append('conn ended')

    def on_disconnect(code): calls.append(code)

    @app.ws('/ws', conn=on_connect, disconn=on_disconnect)
    async def message(): ...

    with serve(app) as server:
        socket = connect(f'{server.ws_url}/ws')
        assert started.wait(30)
        socket.close(1001) if leave == 'closed' else socket.socket.close()
        wait_until(lambda: len(calls) == 2, what='disconn')
    assert calls[0] == 'conn ended' and calls[1] in ((1001,) if leave == 'closed' else (1005, 1006))
    assert 'Traceback' not in caplog.text


def test_d3_a_dead_member_does_not_end_the_one_who_speaks():
    app, sends, left = plain_app(), [], threading.Event()

    async def join(send): sends.append(send)
    async def leave(): left.set()

    @app.ws('/chat', conn=join, disconn=leave)
    async def chat(text: str):
        for send in sends:
            await send(P(text, id='last'))

    with serve(app, **QUIET) as server, connect(f'{server.ws_url}/chat') as first:
        with connect(f'{server.ws_url}/chat') as dying, connect(f'{server.ws_url}/chat') as third:
            wait_until(lambda: len(sends) == 3)
            sends.insert(0, sends.pop(1))  # whichever it is, a member that goes stands before others
            dying.socket.close()
            third.socket.close()
            assert left.wait(30)
        for word in 'one', 'two':
            first.send(json.dumps({'text': word}))
            assert word in first.recv(timeout=30)


@pytest.mark.parametrize('frame', ['nonsense', '[1, 2]', '5', '""', b'\x00'])
def test_d4_a_frame_that_is_no_json_object_closes_with_1003_and_tells_nothing(frame):
    app = plain_app()

    @app.ws('/ws')
    async def message(n: int): return P(n, id='n')

    with serve(app, **QUIET) as server, connect(f'{server.ws_url}/ws') as socket:
        socket.send(frame)
        assert close_code(socket) == 1003


def test_d4_a_bad_field_is_reported_and_the_socket_stays():
    app, reported = plain_app(), []

    async def on_error(errors): reported.append(errors)

    @app.ws('/ws', on_error=on_error)
    async def message(n: int): return P(f'n is {n}', id='n')

    with serve(app) as server, connect(f'{server.ws_url}/ws') as socket:
        socket.send('{"n": "many"}')
        socket.send('{}')
        socket.send('{"n": "7"}')
        assert 'n is 7' in socket.recv(timeout=30)
    assert len(reported) == 2


def test_d4_the_text_of_an_error_never_reaches_the_client():
    app = plain_app()

    @app.ws('/ws')
    async def message(n: int): raise ValueError('the secret of the house')

    with serve(app, **QUIET) as server, connect(f'{server.ws_url}/ws') as socket:
        socket.send('{"n": 1}')
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=30)
        assert closed.value.rcvd.code == 1011 and 'secret' not in closed.value.rcvd.reason


def test_d5_setup_ws_gives_a_send_that_reaches_everybody():
    app = plain_app(exts='ws')
    send = app.setup_ws()

    @app.get('/tell')
    async def tell(word: str):
        await send(P(word, id='word'))
        return 'told'

    with serve(app) as server, connect(f'{server.ws_url}/ws') as one, connect(f'{server.ws_url}/ws') as two:
        def arrived(): return 'told' == httpx2.get(f'{server.url}/tell', params={'word': 'hello'}).text
        wait_until(arrived)
        assert 'hello' in one.recv(timeout=30) and 'hello' in two.recv(timeout=30)


def test_d8_guards_and_the_origin_are_asked_before_a_socket_is_accepted():
    async def guard(session):
        if not session.get('user'): return Redirect('/login')

    def opened(app, origin=None) -> int | None:
        with serve(app, **QUIET) as server:
            own = server.url if origin == 'own' else origin
            with connect(f'{server.ws_url}/ws', origin=own) as socket:
                try:
                    socket.send('{}')
                    return None if 'inside' in socket.recv(timeout=30) else 0
                except ConnectionClosed as e:
                    return e.rcvd.code

    def make(origins=None, **options):
        app = plain_app(**options)
        @app.ws('/ws', origins=origins)
        async def message(): return P('inside', id='x')
        return app

    assert opened(make(before=Beforeware(guard))) == 1008
    assert opened(make()) is None
    assert opened(make(), 'own') is None
    assert opened(make(), 'https://evil.example') == 1008
    assert opened(make(origins='*'), 'https://evil.example') is None
    assert opened(make(origins=['https://friend.example']), 'https://friend.example') is None


def test_d9_a_client_that_does_not_read_delays_nobody():
    "W4, C1: a stalled socket among readers, and more published than its buffers can take"
    app = plain_app()
    news = app.channel('news')

    @app.ws('/news', channels=[news], slow=None)   # a stalled client is not disconnected
    async def message(): ...

    @app.get('/fill')
    async def fill(kilobytes: int):
        for number in range(kilobytes):
            await news.publish(P(f'{number} ' + 'x' * 1000, id='news'))
            if number % 50 == 0: await asyncio.sleep(0)
        await news.publish(P('the end', id='news'))
        return str(len(news))

    handshake = ('GET /news HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
    with serve(app, **QUIET) as server:
        stalled = raw_connection(server.port, handshake.encode(), receive_buffer=4096)
        assert b'101' in stalled.recv(200)
        with connect(f'{server.ws_url}/news') as reader:
            wait_until(lambda: len(news) == 2)
            filling = threading.Thread(target=httpx2.get, args=[f'{server.url}/fill'], daemon=True,
                                       kwargs={'params': {'kilobytes': 4000}, 'timeout': 30})
            filling.start()
            while 'the end' not in reader.recv(timeout=30): pass
            filling.join(30)
            assert not filling.is_alive() and len(news) == 2
        stalled.close()


# Events and shutdown

def test_d10_a_source_that_raises_ends_properly_and_tells_no_secret(caplog):
    "S2"
    app, closed = plain_app(), threading.Event()

    async def source():
        try:
            yield P('rendered & safe')
            raise RuntimeError('the secret of the house')
        finally:
            closed.set()

    @app.get('/events')
    async def events(): return EventStream(source())

    with serve(app, **QUIET) as server, SseClient(server.url, '/events') as client:
        events = client.read_to_end()
        assert client.ended and closed.wait(30)
    assert events[0] == Event('<p>rendered &amp; safe</p>')
    assert events[1].event == 'failed' and 'secret' not in client.text


def test_d11_events_have_ids_and_retry_and_cannot_be_forged():
    "S1"
    assert parse_events(sse_message('a', id='7', retry=5)) == [Event('a', id='7')]
    assert parse_events(sse_message('')) == [Event('')]
    assert parse_events(sse_message('a\u2028b\x0cc\r\nd')) == [Event('a\u2028b\x0cc\nd')]
    for forged in dict(event='a\ndata: x'), dict(id='1\nevent: x'), dict(id='1\0'):
        with pytest.raises(ValueError):
            sse_message('a', **forged)


def test_d11_an_idle_stream_sends_a_comment_and_forbids_caching():
    app = plain_app()

    @app.get('/events')
    async def events():
        async def silent():
            await asyncio.Event().wait()
            yield
        return EventStream(silent(), heartbeat=0.05)

    with serve(app, **QUIET) as server, SseClient(server.url, '/events') as client:
        assert client.headers['content-type'].startswith('text/event-stream')
        assert client.headers['cache-control'] == 'no-store'
        while not client.text.count(':') >= 2: client.read()
        assert parse_events(client.text) == []


SIGNALLED = '''
import asyncio, sys
from contextlib import asynccontextmanager
from fasthtml.common import *

@asynccontextmanager
async def lifespan(app):
    yield
    print('lifespan ended')

app = FastHTML(lifespan=lifespan, secret_key='for tests')

@app.get
async def asking():
    stop = signal_shutdown()
    async def source():
        try:
            while not stop.is_set():
                yield P('tick')
                await asyncio.sleep(.05)
            print('source saw the signal')
            yield P('goodbye')
        finally:
            print('source closed')
    return EventStream(source())

@app.get
async def unaware():
    async def source():
        try:
            while True:
                yield P('tick')
                await asyncio.sleep(.05)
        finally:
            print('source closed')
    return EventStream(source())
'''


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize('path', ['/asking', '/unaware'])
def test_d12_d13_d14_a_signal_ends_streams_well_and_then_the_lifespan(path, number, tmp_path):
    "S3: whether or not the source asks for the signal"
    with serve_process(SIGNALLED, tmp_path) as process:
        with SseClient(process.url, path) as client:
            assert next(client.events()) == Event('<p>tick</p>')
            process.signal(number)
            events = client.read_to_end()
            assert client.ended
        process.wait()
    assert 'Traceback' not in process.output
    assert process.output.index('source closed') < process.output.index('lifespan ended')
    if path == '/asking':
        assert 'source saw the signal' in process.output
        assert Event('<p>goodbye</p>') in events


def test_d15_asking_for_the_signal_replaces_nothing():
    "G1"
    code = '''
import uvicorn
before = dict(vars(uvicorn.Server))
from fasthtml.common import *
signal_shutdown(); signal_shutdown()
print(before == dict(vars(uvicorn.Server)))
'''
    result = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, capture_output=True)
    assert result.stdout.strip() == 'True', result.stderr


# Requests

def test_d16_json_is_read_whatever_the_parameters_of_its_type():
    app = plain_app()

    @app.post('/total')
    def total(numbers: list[int], note: str = ''): return str(sum(numbers))

    with serve(app, **QUIET) as server, httpx2.Client(base_url=server.url) as client:
        def post(content, kind='application/json'):
            return client.post('/total', content=content, headers={'Content-Type': kind})
        assert post('{"numbers": [1, 2]}').text == '3'
        assert post('{"numbers": [1, 2]}', 'application/json; charset=utf-8').text == '3'
        assert post('{"numbers": ').status_code == 400
        assert post('5').status_code == 400


@dataclass
class Booking:
    name: str
    seats: int
    day: datetime | None = None
    kind: Literal['day', 'night'] = 'day'


@pytest.mark.parametrize('fields, faulty', [
    ({'seats': '2'}, 'name'), ({'name': 'a', 'seats': 'two'}, 'seats'), ({'name': 'a', 'seats': '2', 'day': 'x'}, 'day'),
    ({'name': 'a', 'seats': '2', 'kind': 'noon'}, 'kind'),
])
def test_bad_input_is_a_400_that_names_the_field(fields, faulty):
    "P3: upstream answers 500 or a bare 404"
    app = plain_app()

    @app.post('/book')
    def book(booking: Booking): return 'booked'

    reply = answer(app, 'POST', '/book', data=fields, headers={'Accept': 'application/json'})
    assert reply.status_code == 400 and faulty in reply.text


def test_d19_a_default_is_a_default_without_an_annotation_too():
    app = plain_app()
    with pytest.warns(UserWarning):
        @app.get('/page')
        def page(size=3): return f'size {size}'
    assert answer(app, path='/page').text == 'size 3'


# Responses

def test_d6_every_cookie_is_set():
    app = plain_app()

    @app.get('/')
    def home(): return P('hello'), cookie('a', '1'), cookie('b', '2')

    names = [value.split('=')[0] for value in answer(app).headers.get_list('set-cookie')]
    assert names == ['a', 'b']


def test_d17_exceptions_are_handled_by_their_class():
    class Sold(Exception): pass

    app = plain_app(exception_handlers={Sold: lambda req, exc: P('sold out', id='sold')})

    @app.get('/')
    def home(): raise Sold

    assert html(answer(app).text).css_first('#sold').text() == 'sold out'


def test_d20_lists_and_generators_are_children_and_lists_of_dicts_are_json():
    app = plain_app()
    evil = '<img src=x onerror=alert(1)>'

    @app.get('/page')
    def page(): return Div([evil, [P('b')]], (I(n) for n in 'xy'), map(B, ['z']))

    @app.get('/rows')
    def rows(): return [{'a': 1}, {'a': 2}]

    @app.get('/row')
    def row(): return [{'a': 1}]

    with serve(app, **QUIET) as server, httpx2.Client(base_url=server.url) as client:
        tree = html(client.get('/page', headers={'HX-Request': 'true'}).text)
        assert tree.css_first('img') is None and evil in tree.css_first('div').text()
        assert [node.tag for node in tree.css('p, i, b')] == ['p', 'i', 'i', 'b']
        assert client.get('/rows').json() == [{'a': 1}, {'a': 2}]
        assert client.get('/row').json() == [{'a': 1}]


def test_d22_what_a_handler_may_return():
    async def wrap(resp): return Div(resp, id='wrapped')
    app = plain_app()

    @app.route('/page', after=wrap)
    def page(): return P('hello')

    @app.get('/go')
    def go(): return P('not seen'), Redirect('/page')

    @app.get('/download')
    def download(): return Response('data', media_type='text/csv'), HttpHeader('X-Rows', '1')

    @app.get('/slow')
    async def slow():
        yield P('one')
        yield P('two')

    @app.get('/typed')
    def typed() -> HTMLResponse: return P('typed')

    with serve(app, **QUIET) as server, httpx2.Client(base_url=server.url) as client:
        assert html(client.get('/page').text).css_first('#wrapped > p').text() == 'hello'
        assert (client.get('/go').status_code, client.get('/go').headers['location']) == (303, '/page')
        assert client.get('/download').headers['x-rows'] == '1'
        assert [node.text() for node in html(client.get('/slow').text).css('p')] == ['one', 'two']
        typed = client.get('/typed')
        assert typed.status_code == 200 and html(typed.text).css_first('p').text() == 'typed'


def test_d24_classes_are_read_bodies_are_not_nested_and_htmx_headers_are_true_for_htmx_only():
    element = P('a', cls='x')
    assert element.cls == 'x'
    element.cls = 'y'
    assert html(to_xml(element)).css_first('p').attributes == {'class': 'y'}
    app = plain_app(bodykw={'data_theme': 'dark'})

    @app.get('/')
    def home(): return Title('t'), Body(P('inside'), id='own')

    @app.get('/who')
    def who(htmx: HtmxHeaders): return 'htmx' if htmx else 'other'

    with serve(app, **QUIET) as server, httpx2.Client(base_url=server.url) as client:
        page = client.get('/').text
        assert page.count('<body') == 1
        assert html(page).body.attributes == {'data-theme': 'dark', 'id': 'own'}
        assert client.get('/who').text == 'other'
        assert client.get('/who', headers={'HX-Request': 'true'}).text == 'htmx'


def test_d25_dicts_for_htmx_are_json():
    headers = html(to_xml(Div(hx_headers={'X-A': '1', 'b': 2}))).css_first('div').attributes['hx-headers']
    assert json.loads(headers) == {'X-A': '1', 'b': 2}
    assert json.loads(HtmxResponseHeaders(trigger={'saved': {'id': 1}}).v) == {'saved': {'id': 1}}


# Routes and files

@pytest.fixture
def folder(tmp_path):
    "A folder of static files, and files that are nobody's business"
    public = tmp_path/'public'
    public.mkdir()
    (public/'open.txt').write_text('open')
    (public/'.env').write_text('KEY=classified')
    (tmp_path/'secret.txt').write_text('classified')
    return public


@pytest.mark.parametrize('path', [
    '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/../secret.txt', '/..%5csecret.txt', '/%2e%2e%2fsecret.txt',
    '//secret.txt', '/.env',
])
def test_d7_static_files_stay_in_their_folder(path, folder):
    app, _ = fast_app(static_path=folder, secret_key='for tests')
    def ask(path): return raw_exchange(server.port, f'GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'.encode())
    with serve(app, **QUIET) as server:
        assert httpx2.get(f'{server.url}/open.txt').text == 'open'
        reply = ask(path)
        if found := re.search(rb'307 .*location: (\S+)', reply, re.S): reply = ask(found[1].decode())   # two slashes are one
    assert reply.split()[1] in (b'404', b'400'), reply
    assert b'classified' not in reply


def test_d18_static_files_are_the_last_resort(folder):
    (folder/'robots.txt').write_text('from the folder')
    app, rt = fast_app(static_path=folder, secret_key='for tests')

    @rt('/robots.txt')
    def robots(): return Response('from a route', media_type='text/plain')

    with serve(app, **QUIET) as server, httpx2.Client(base_url=server.url) as client:
        assert client.get('/robots.txt').text == 'from a route'
        assert client.get('/open.txt').text == 'open'


def test_d18_a_column_may_be_called_title(folder):
    _, _, items, Item = fast_app(':memory:', tbls={'items': {'id': int, 'title': str, 'pk': 'id'}}, secret_key='for tests')
    assert items.insert(Item(title='a title')).title == 'a title'


@pytest.mark.parametrize('make', [FastHTML, fast_app])
def test_d18_d23_a_misspelt_option_is_refused_with_the_right_name(make):
    "P4"
    with pytest.raises(TypeError, match='exception_handlers'):
        make(exception_handler={}, secret_key='for tests')
    with pytest.raises(ValueError, match='(?s)preload'):
        make(exts='preloads', secret_key='for tests')


def test_d27_values_in_addresses_are_quoted():
    app = plain_app()

    @app.get('/u/{name}')
    def user(name: str): return name

    url = user.to(name='a b/c?')
    assert url == '/u/a%20b%2Fc%3F'


def test_d28_addresses_lead_into_the_mount():
    inner = plain_app()

    @inner.get('/detail')
    def detail(): return 'detail'

    @inner.get('/')
    def home(): return Button('more', hx_get=detail)

    app = plain_app(routes=[Mount('/sub', inner)])
    button = html(answer(app, path='/sub/').text).css_first('button')
    assert button.attributes['hx-get'] == '/sub/detail'


# Elements and forms

def test_d21_no_text_can_leave_its_place():
    "R3"
    for name in 'x><script>', 'a b', 'a"', "a'", 'a=b', 'a/b', '':
        with pytest.raises(ValueError):
            to_xml(Div({name: 'q'}))
    for tag in 'a b', 'x><script':
        with pytest.raises(ValueError):
            to_xml(ft(tag))

    class Evil:
        def __str__(self): return '"><script>alert(1)</script>'

    tree = html(to_xml(Div(Evil(), title=Evil(), data_x=Evil())))
    assert tree.css_first('script') is None
    assert tree.css_first('div').attributes['title'] == str(Evil())

    text = "let a = '</script><img src=x onerror=alert(1)>'"
    tree = html(to_xml(Script(text)))
    assert tree.css_first('img') is None and len(tree.css('script')) == 1


@pytest.mark.parametrize('url', [
    'javascript:alert(1)', ' JavaScript:alert(1)', 'java\nscript:alert(1)', '\x01javascript:alert(1)',
])
def test_d21_a_script_address_from_plain_text_is_inert(url):
    written = html(to_xml(A('x', href=url))).css_first('a').attributes['href']
    assert not ''.join(char for char in written.lower() if char > ' ').startswith('javascript:')
    assert html(to_xml(A('x', href=Safe('javascript:go()')))).css_first('a').attributes['href'] == 'javascript:go()'


def test_d26_fill_form_selects_what_the_value_says():
    form = Form(Select(Option('one', value='1', selected=True), Optgroup(Option('two', value='2')), name='n'),
                Input(type='checkbox', name='tags', value='a'), Input(type='checkbox', name='tags', value='b'))
    tree = html(to_xml(fill_form(form, {'n': 2, 'tags': ['b']})))
    assert [node.attributes['value'] for node in tree.css('option[selected]')] == ['2']
    assert [node.attributes['value'] for node in tree.css('input[checked]')] == ['b']


# App, sessions, tools

def test_d29_the_key_is_made_on_first_use_and_is_nobody_elses_to_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('FASTHTML_SECRET_KEY', raising=False)
    app = FastHTML()

    @app.get('/plain')
    def plain(): return 'plain'

    @app.get('/remember')
    def remember(session):
        session['a'] = 1
        return 'remembered'

    key = tmp_path/'.sesskey'
    with serve(app, **QUIET) as server:
        httpx2.get(f'{server.url}/plain')
        assert not key.exists()
        cookie_line = httpx2.get(f'{server.url}/remember').headers['set-cookie'].lower()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert 'httponly' in cookie_line
    monkeypatch.setenv('FASTHTML_SECRET_KEY', 'from the environment')
    assert get_key(fname=tmp_path/'other') == 'from the environment' and not (tmp_path/'other').exists()


def test_d30_other_origins_get_no_credentials_and_change_nothing():
    app = plain_app()

    @app.post('/change')
    def change(): return 'changed'

    with serve(app, **QUIET) as server, httpx2.Client(base_url=server.url) as client:
        evil = client.post('/change', headers={'Origin': 'https://evil.example'})
        assert evil.status_code == 403 and 'access-control-allow-origin' not in evil.headers
        assert client.post('/change', headers={'Origin': server.url}).text == 'changed'
        assert client.post('/change').text == 'changed'


def test_d30_serve_listens_on_this_machine_only(tmp_path):
    source = "from fasthtml.common import *\napp = FastHTML(secret_key='x')\nserve(reload=False, port=0)\n"
    env = {name: '' for name in ('HOST', 'PORT')}
    with serve_process(source, tmp_path, [sys.executable, 'app.py'], env) as process:
        assert 'Uvicorn running on http://127.0.0.1:' in process.output
        assert os.path.exists(tmp_path/'app.py')


def test_d31_a_notebook_server_on_a_busy_port_says_so_at_once():
    from fasthtml.jupyter import JupyUvi
    with socket.create_server(('127.0.0.1', 0)) as busy:
        with pytest.raises(OSError, match='port=0'):
            JupyUvi(plain_app(), port=busy.getsockname()[1])
