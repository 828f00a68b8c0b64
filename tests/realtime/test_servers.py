"""What we know of servers: each attribute is renamed in turn, and real streams and sockets still work.

The changed servers are uvicorn's own modules with one name replaced in their source, so everything else is as it is in production.
"""
import ast
import asyncio
import functools
import importlib.util
import itertools
import logging
import re
import socket
import threading
import types
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
import uvicorn.lifespan.on
import uvicorn.protocols.http.h11_impl
import uvicorn.protocols.http.httptools_impl
import uvicorn.protocols.websockets.websockets_sansio_impl
import uvicorn.server
from hypercorn.events import Closed, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import connect

import fasthtml
from fasthtml.common import Div, EventStream, FastHTML
from fasthtml.realtime import servers
from support import DEADLINE, each_row, parse_events, raw_connection, serve, until, wait_until

SANSIO, HTTPTOOLS, H11 = 'protocols.websockets.websockets_sansio_impl', 'protocols.http.httptools_impl', 'protocols.http.h11_impl'
LIFESPAN, SERVER = 'lifespan.on', 'server'


def changed(module, pattern, replacement):
    "A module of uvicorn with one name replaced in its source"
    name = f'uvicorn.{module}'
    spec = importlib.util.find_spec(name)
    source, count = re.subn(pattern, replacement, Path(spec.origin).read_text(encoding='utf-8'))
    assert count, f'{pattern} does not occur in {name}: this row tests nothing'
    made = types.ModuleType(name)
    made.__file__ = spec.origin
    exec(compile(source, spec.origin, 'exec'), vars(made))
    return made


class WithoutState:
    "websockets' protocol under another name for its state"
    def __init__(self, protocol): self._protocol = protocol
    def __getattr__(self, name):
        if name == 'state':
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}', name=name, obj=self)
        return getattr(self._protocol, name)


class OtherFlow(uvicorn.protocols.http.httptools_impl.FlowControl):
    "uvicorn's flow control under another name for what it knows"
    is_paused = False
    def pause_reading(self):
        self.is_paused = True
        self._transport.pause_reading()
    def resume_reading(self):
        self.is_paused = False
        self._transport.resume_reading()
    def __getattribute__(self, name):
        if name == 'read_paused': raise AttributeError(f'no {name}', name=name, obj=self)
        return super().__getattribute__(name)


# What is renamed: module, pattern, replacement, and what the log names (None: nothing is lost that a stream or socket needs)
ROWS = {
    'as it is': (SANSIO, 'class WebSocketsSansIOProtocol', 'class WebSocketsSansIOProtocol', None),
    'send of sockets is a function': (SANSIO, r'self\.receive, self\.send\b', 'self.receive, (lambda m: self.send(m))', '`send`'),
    'the protocol has another name': (SANSIO, 'WebSocketsSansIOProtocol', 'WebSocketsProtocol', None),
    'transport of sockets': (SANSIO, r'\bself\.transport\b', 'self.connection_transport', '`transport`'),
    'writable': (SANSIO, r'\bself\.writable\b', 'self.can_write', '`writable`'),
    'conn': (SANSIO, r'\bself\.conn\b', 'self.protocol', '`conn`'),
    'queue': (SANSIO, r'\bself\.queue\b', 'self.messages', '`queue`'),
    'read_paused': (SANSIO, r'\bread_paused\b', 'is_paused', '`read_paused`'),
    'close_sent': (SANSIO, r'\bself\.close_sent\b', 'self.has_closed', None),
    'handle_ping': (SANSIO, r'\bhandle_ping\b', 'on_ping', '`handle_ping`'),
    'handle_cont': (SANSIO, r'\bhandle_cont\b', 'on_fragment', '`handle_cont`'),
    'frames': (SANSIO, r'\bself\.frames\b', 'self.parts', '`frames`'),
    'conn.state': (SANSIO, r'self\.conn = ServerProtocol\(', 'self.conn = WithoutState_(', '`state`'),
    'send of streams is a function': (HTTPTOOLS, r'self\.receive, self\.send\b', 'self.receive, (lambda m: self.send(m))', '`send`'),
    'send of streams is a function (h11)': (H11, r'self\.receive, self\.send\b', 'self.receive, (lambda m: self.send(m))', '`send`'),
    'transport of streams': (HTTPTOOLS, r'\bself\.transport\b', 'self.connection_transport', '`transport`'),
    'flow': (HTTPTOOLS, r'\bself\.flow\b', 'self.flow_control', '`flow`'),
    'chunked_encoding': (HTTPTOOLS, r'\bself\.chunked_encoding\b', 'self.is_chunked', '`chunked_encoding`'),
    'pipeline': (HTTPTOOLS, r'\bself\.pipeline\b', 'self.waiting', '`pipeline`'),
    'on_response': (HTTPTOOLS, r'\b(self\.)?on_response\b(?=\(| =)', r'\1when_done', None),
    'headers': (HTTPTOOLS, r'\bself\.headers\b', 'self.fields', '`headers`'),
    'parser': (HTTPTOOLS, r'\bself\.parser\b', 'self.reader', '`parser`'),
    'handshake_initiated': (SANSIO, r'\bhandshake_initiated\b', 'handshake_begun', '`handshake_initiated`'),
    'ws_protocol_class': (HTTPTOOLS, r'\bself\.ws_protocol_class\b', 'self.socket_class', '`ws_protocol_class`'),
    'handle_websocket_upgrade': (H11, r'\bhandle_websocket_upgrade\b', 'begin_socket', '`handle_websocket_upgrade`'),
    'keep_alive': (HTTPTOOLS, r'\bself\.keep_alive\b', 'self.stays_open', None),
    'app': (HTTPTOOLS, r'\bself\.app\b', 'self.application', '`app`'),
    'on_chunk_header': (HTTPTOOLS, r'( +)(def on_body\()', r'\1def on_chunk_header(self): self.chunks = 1\n\1\2', None),
    'read_paused of the flow': (HTTPTOOLS, r'self\.flow = FlowControl\(transport\)', 'self.flow = OtherFlow_(transport)', '`read_paused`'),
    'config of the lifespan': (LIFESPAN, r'\bself\.config\b', 'self.settings', None),
    'lifespan of the server': (SERVER, r'\bself\.lifespan\b', 'self.life', None),
    'on_tick': (SERVER, r'\bon_tick\b', 'on_beat', '`Server.on_tick`'),
    'force_exit': (SERVER, r'\bforce_exit\b', 'exit_by_force', '`Server.on_tick`'),
    'Server': (SERVER, r'\bclass Server:', 'class Daemon:', None),
}


@pytest.fixture
def logged():
    "Messages of the module `servers`, each of which is logged once per process"
    class Keep(logging.Handler):
        def emit(self, record): messages.append(record.getMessage())
    messages, handler = [], Keep()
    servers._reported.clear()
    servers.log.addHandler(handler)
    yield messages
    servers.log.removeHandler(handler)
    servers._reported.clear()


def make_app():
    app = FastHTML(secret_key='x', grace=2)
    news = app.channel('news')
    app.ran = []

    @app.get('/channel')
    async def channel(): return EventStream(news)

    @app.get('/source')
    async def source():
        async def numbers():
            for i in range(3):
                yield f'item {i}'
                await asyncio.sleep(0)
        return EventStream(numbers())

    @app.ws('/ws', channels=[news])
    async def ws(text: str): return Div(text, id='echo')

    @app.get('/publish')
    async def publish(text: str):
        await news.publish(Div(text, id='news'))
        return 'published'

    @app.on_event('shutdown')
    def stopped(): app.ran.append('shutdown')
    app.news = news
    return app


@contextmanager
def served(app, row):
    "The app under a uvicorn of which one name is changed, in a thread"
    module, pattern, replacement, _ = ROWS[row]
    made = changed(module, pattern, replacement)
    made.WithoutState_ = lambda *args, **kwargs: WithoutState(
        uvicorn.protocols.websockets.websockets_sansio_impl.ServerProtocol(*args, **kwargs))
    made.OtherFlow_ = OtherFlow
    config = uvicorn.Config(app, host='127.0.0.1', port=0, log_level='warning', http='h11' if module == H11 else 'httptools')
    config.load()
    if module == SANSIO:
        config.ws_protocol_class = getattr(made, 'WebSocketsSansIOProtocol', None) or made.WebSocketsProtocol
    if module == HTTPTOOLS: config.http_protocol_class = made.HttpToolsProtocol
    if module == H11: config.http_protocol_class = made.H11Protocol
    if module == LIFESPAN: config.lifespan_class = made.LifespanOn
    server = (getattr(made, 'Server', None) or made.Daemon)(config) if module == SERVER else uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server, thread
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        assert not thread.is_alive()


async def stream(port, path):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.encode())
    await reader.readuntil(b'\r\n\r\n')
    return reader, writer


async def read_body(reader, body=b''):
    "A chunked body to its end"
    while size := int(await reader.readuntil(b'\r\n'), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    return body.decode()


def inner_text(html): return re.sub('<[^>]*>', '', html)


@pytest.mark.parametrize('row', ROWS)
async def test_a_server_that_renamed_an_attribute_still_serves_streams_and_sockets(row, logged):
    "Also the shutdown, which uvicorn decides by itself here: closing event, 1012, shutdown functions"
    app = make_app()
    with served(app, row) as (server, thread):
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with asyncio.timeout(DEADLINE):
            reader, writer = await stream(port, '/source')
            events = parse_events(await read_body(reader))
            assert [e.data for e in events if e.event == 'message'] == ['item 0', 'item 1', 'item 2']
            writer.close()
            reader, writer = await stream(port, '/channel')
            clients = [await connect(f'ws://127.0.0.1:{port}/ws', compression=compression) for compression in (None, 'deflate')]
            await until(lambda: len(app.news) == 3)
            for client in clients:
                await client.send('{"text": "hello"}')
                assert inner_text(await client.recv()) == 'hello'
            for text in 'short', 'long' * 1000:
                asker, answer = await stream(port, f'/publish?text={text}')
                answer.close()
                for client in clients:
                    assert inner_text(await client.recv()) == text
            server.should_exit = True
            events = parse_events(await read_body(reader))
            assert [text in events[i].data for i, text in enumerate(('short', 'long' * 1000), len(events) - 3)] == [True, True]
            assert events[-1].event == 'shutdown'
            for client in clients:
                await client.wait_closed()
                assert client.protocol.close_code == 1012
    assert app.ran == ['shutdown']
    lost = ROWS[row][3]
    assert [message for message in logged if 'uvicorn' in message][1:] == [], 'one line per process'
    assert len(logged) == (lost is not None) and (lost is None or lost in logged[0]), logged


@pytest.mark.parametrize('row', ['as it is', 'transport of sockets'])
async def test_a_client_that_does_not_read_is_aborted_or_left_to_the_server(row, logged):
    app = make_app()
    with served(app, row) as (server, thread):
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = await connect(f'ws://127.0.0.1:{port}/ws', compression=None)
        await until(lambda: app.lifecycle.connections)
        [connection] = app.lifecycle.connections
        async def abort(): return servers.abort(connection.scope)
        aborted = asyncio.run_coroutine_threadsafe(abort(), server.servers[0].get_loop())
        assert await asyncio.wrap_future(aborted) == (row == 'as it is')
        if row == 'as it is':
            await asyncio.wait_for(client.wait_closed(), DEADLINE)
            assert client.protocol.close_code == 1006
        await client.close()


UPGRADES = '', 'Connection: Upgrade\r\nUpgrade: foo\r\n', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n'


@pytest.mark.parametrize('around', [lambda app: app, lambda app: Starlette(routes=[Mount('/', app)])], ids=['alone', 'within Starlette'])
@pytest.mark.parametrize('upgrade', UPGRADES)
async def test_a_stream_can_be_cut_whatever_its_client_asks_for(upgrade, around):
    "The app has uvicorn's own `send`: else a client that reads nothing, and that no limit counts any more, keeps its connection"
    app = FastHTML(secret_key='x')
    news = app.channel('news')
    @app.get('/channel')
    async def channel(): return EventStream(news)
    with served(around(app), 'as it is') as (server, thread):
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(f'GET /channel HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n'.encode())
        async with asyncio.timeout(DEADLINE): head = await reader.readuntil(b'\r\n\r\n')
        assert (b'connection: close' in head) == (bool(upgrade) and around(app) is app)   # this is the first connection
        await until(lambda: app.lifecycle.connections)
        [connection] = app.lifecycle.connections
        own = servers.server_of(connection.scope)
        send = servers.own_of(own.receive, own.send)
        async def abort(): return servers.chunk_writer(send) is not None, servers.abort(connection.scope)
        assert await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(abort(), server.servers[0].get_loop())) == (True, True)
        async with asyncio.timeout(DEADLINE):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)): await reader.readuntil(b'never')
        writer.close()


@pytest.mark.parametrize('row, user, lost', [
    ('as it is', 'ann', []), ('on_chunk_header', 'ann', []), ('headers', 'ann, admin', ['`headers`'])])
async def test_where_trailers_count_as_headers_the_log_says_so_once(row, user, lost, logged):
    app = FastHTML(secret_key='x')
    @app.post('/user')
    async def who(request): return ', '.join(request.headers.getlist('x-user'))
    request = (b'POST /user HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-User: ann\r\n%b\r\n'
               b'3\r\na=1\r\n0\r\nX-User: admin\r\n\r\n')
    with served(app, row) as (server, thread):
        await until(lambda: server.started)
        async with asyncio.timeout(DEADLINE):
            reader, writer = await asyncio.open_connection('127.0.0.1', server.servers[0].sockets[0].getsockname()[1])
            writer.write(request % b'' + request % b'Connection: close\r\n')
            answer = (await reader.read()).decode()
            writer.close()
    assert re.findall('200 OK|ann.*?(?=HTTP|$)', answer) == ['200 OK', user] * 2
    assert len(logged) == len(lost) and all(name in message for name, message in zip(lost, logged)), logged


@pytest.mark.parametrize('row, status, lost', [
    ('as it is', '400', None), ('app', '200', '`app`'), ('parser', '200', '`parser`'), ('keep_alive', '400', '`keep_alive`')])
async def test_where_a_body_may_be_taken_for_a_request_the_log_says_so_once(row, status, lost, logged):
    app = FastHTML(secret_key='x')
    @app.post('/none')
    async def nothing(): return ''
    request = b'POST /none HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n'
    with served(app, row) as (server, thread):
        await until(lambda: server.started)
        async with asyncio.timeout(DEADLINE):
            for _ in range(2):
                reader, writer = await asyncio.open_connection('127.0.0.1', server.servers[0].sockets[0].getsockname()[1])
                writer.write(request)
                assert (await reader.readuntil(b'\r\n\r\n')).decode().split()[1] == status
                writer.close()
    assert len(logged) == bool(lost) and (not lost or lost in logged[0]), logged


HANDSHAKE = (b'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
             b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n')
# What is more in a handshake, and the first words of the answer to it, of `websockets` and of wsproto
HANDSHAKES = {
    'as it is': (b'', '101', '101'), 'no body': (b'Content-Length: 0\r\n', '101', '101'),
    'body': (b'Content-Length: 5\r\n', '400', '101'), 'chunks': (b'Transfer-Encoding: chunked\r\n', '400', '101'),
    'a long cookie': (b'Cookie: a=%b\r\n' % (b'b' * 8200), '4', '101'),
    'many fields': (b''.join(b'X-%d: 1\r\n' % i for i in range(130)), '4', '101'),
    'two keys': (b'Sec-WebSocket-Key: x\r\n', '400', '101'),
    'not ASCII': (b'Sec-WebSocket-Protocol: \x80\r\n', '400', '400'),
}


@pytest.mark.parametrize('ws', ['websockets-sansio', 'wsproto'])
@pytest.mark.parametrize('http', ['httptools', 'h11'])
def test_each_handshake_has_an_answer_and_what_was_refused_is_gone(http, ws):
    "Also when the server stops: it asks each connection that it knows to end"
    app, seen = make_app(), {}
    with serve(app, http=http, ws=ws) as served:
        for name, (more, *_) in HANDSHAKES.items():
            with raw_connection(served.port, HANDSHAKE % more) as sock:
                seen[name] = sock.recv(12).decode()[9:]
                while not seen[name].startswith('101') and sock.recv(65536): pass   # it is closed
        wait_until(lambda: not served.server.server_state.connections)
    wanted = {name: answers[ws == 'wsproto'] for name, (_, *answers) in HANDSHAKES.items()}
    assert {name: status for name, status in seen.items() if not status.startswith(wanted[name])} == {}
    assert app.ran == ['shutdown']


def test_where_hypercorn_may_open_a_tunnel_the_log_says_so_once(logged, monkeypatch):
    monkeypatch.delattr(H11Protocol, '_check_protocol')
    for _ in range(2): servers.keep_http1()
    assert len(logged) == 1 and '`_check_protocol`' in logged[0]


def test_a_protocol_without_the_callbacks_of_httptools_is_left_alone(logged):
    class H11: pass
    class Changed: __module__ = HTTPTOOLS
    assert [servers.strict_protocol(make) for make in (H11, Changed)] == [H11, Changed]
    assert len(logged) == 1 and '`on_header`' in logged[0]


# No other module looks into a server

PACKAGE = Path(fasthtml.__file__).parent
OURS = {'servers.py', '_modidx.py'}
# Attributes of servers, event loops and their protocols that are no documented interface
INTERNALS = {'__self__', 'cr_frame', 'cr_await', 'transport', 'writable', 'close_sent', 'on_tick', 'force_exit',
             'timeout_graceful_shutdown', 'graceful_timeout', 'terminated'}
ALLOWED = {
    ('lifecycle.py', 'timeout_graceful_shutdown'),  # an option of uvicorn's `Config`, which `servers` found
}
# Private by their names only: documented functions of the standard library, and fields of other kinds of objects
DOCUMENTED = {'_getframe', '_current_frames', '_exit', '_replace', '_fields', '_make', '_repr_mimebundle_', '_repr_html_'}


def attributes(path):
    "Every attribute that a module reads, also by `getattr` and `hasattr`, with its line"
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Attribute): yield node.attr, node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ('getattr', 'hasattr', 'setattr', 'delattr'):
            if len(node.args) > 1 and isinstance(node.args[1], ast.Constant): yield node.args[1].value, node.lineno


def names_defined(path):
    "Names that a module defines itself: functions, classes, variables, slots and attributes of `self`"
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef): yield node.name
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store): yield node.id
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store): yield node.attr
        if isinstance(node, ast.Assign) and any(getattr(target, 'id', '') == '__slots__' for target in node.targets):
            yield from (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))


MODULES = [path for path in PACKAGE.rglob('*.py') if path.name not in OURS]


@functools.cache
def defined():
    "Names that any of our modules defines"
    return {name for path in MODULES for name in names_defined(path)} | DOCUMENTED


@each_row('path', MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_module_servers_looks_into_servers_and_event_loops(path):
    found = [f'{path.name}:{line} {name}' for name, line in attributes(path)
             if name in INTERNALS and (path.name, name) not in ALLOWED
             or re.match('_[a-z]', str(name)) and name not in defined()]
    # Of our own objects and methods, set elsewhere
    allowed = {'handlers.py': '_app', 'calls.py': '_ahead', 'html2ft.py': '_tag',
               'sessions.py': '__self__'}.get(path.name)
    assert [text for text in found if not text.endswith(f' {allowed}')] == []


def test_the_test_above_would_see_it(tmp_path):
    (tmp_path/'a.py').write_text('def f(x):\n    return x._get_running_loop(), getattr(x, "transport")')
    assert {name for name, _ in attributes(tmp_path/'a.py')} == {'_get_running_loop', 'transport'}


@given(st.lists(st.one_of(st.integers(1, 5), st.just(-1)), max_size=60))
def test_what_uvicorn_has_read_is_taken_in_order_and_reading_goes_on_when_all_is_taken(steps):
    "A number: so many messages come; -1: the app takes one, if there is one"
    async def run():
        protocol = types.SimpleNamespace(read_paused=False, queue=asyncio.Queue(),
                                         transport=types.SimpleNamespace(resume_reading=lambda: None))
        incoming, came, taken = servers._Incoming(protocol), 0, 0
        for step in steps:
            for _ in range(step):
                incoming.put_nowait({'n': came})
                came += 1
            if step < 0 and came > taken:
                assert (await incoming.receive())['n'] == taken
                taken += 1
            assert incoming.empty() == (came == taken)
            if incoming.empty(): assert not incoming.stopped
    asyncio.run(run())


class Transport:
    "As much of a transport as `_Turns` needs"
    reading, closing = True, False
    def is_closing(self): return self.closing
    def close(self): self.closing = True
    def get_extra_info(self, name): return None
    def is_reading(self): return self.reading
    def set_protocol(self, protocol): self.protocol = protocol
    def get_protocol(self): return self.protocol
    def pause_reading(self): self.reading = False
    def resume_reading(self): self.reading = True


def in_front_of(protocol, transport):
    turns = servers._Turns(protocol)
    turns.attach(transport)
    return turns


def small_turns(patch):
    "Each has one portion of three bytes"
    patch.setattr(servers, '_next_portion', lambda data, *_: min(3, len(data)))
    for name, value in ('_SMALL', 3), ('_TURN', 0), ('_to_answer', 0.001): patch.setattr(servers, name, value)


PARTS = st.lists(st.integers(0, 3), min_size=1, max_size=20).map(bytes)


@given(st.lists(st.one_of(PARTS, st.sampled_from(['turn', 'go on'])), max_size=40), st.booleans())
def test_what_a_client_sent_is_handed_on_in_order_one_portion_a_turn(steps, ends):
    "The protocol stops reading when it gets a zero; 'go on': it goes on"
    async def run():
        transport, seen, stopped = Transport(), [], [False]
        def data_received(data):
            seen.append(data)
            if 0 in data and not stopped[0]:   # it believes that reading has stopped until it goes on, as uvicorn does
                stopped[0] = True
                transport.pause_reading()
        protocol = types.SimpleNamespace(data_received=data_received, eof_received=lambda: seen.append('end'))
        turns, sent = in_front_of(protocol, transport), b''
        for step in steps:
            before = len(seen)
            if step == 'turn': await asyncio.sleep(0)
            elif step == 'go on':
                if stopped[0]: transport.resume_reading()
                stopped[0] = False
            elif transport.reading:   # else nothing comes
                turns.data_received(step)
                sent += step
            assert len(seen) - before <= 1
            assert not (transport.reading and (stopped[0] or turns.rest and step != 'go on')), 'nothing more may come'
        if ends: turns.eof_received()
        for _ in range(300): await asyncio.sleep(0)
        if ends: await until_ended(seen)
        assert b''.join(part for part in seen if part != 'end') == sent
        assert not ends or seen.index('end') == len(seen) - 1
        assert all(len(part) <= 3 for part in seen)
        if not ends: assert transport.reading == (not stopped[0])
    with pytest.MonkeyPatch.context() as patch:
        small_turns(patch)
        asyncio.run(run())


async def until_ended(seen):
    while 'end' not in seen: await asyncio.sleep(0)


class Flow:
    "As much of uvicorn's flow control as `_Pipeline` needs"
    read_paused = False
    def __init__(self, transport): self.transport = transport
    def pause_reading(self):
        self.read_paused = True
        self.transport.pause_reading()
    def resume_reading(self):
        if self.read_paused: self.transport.resume_reading()
        self.read_paused = False


@given(st.lists(st.one_of(PARTS, st.sampled_from(['turn', 'go on'])), max_size=40), st.booleans())
def test_uvicorn_gets_nothing_while_it_has_stopped_reading_requests(steps, ends):
    "It stops when it gets a zero; 'go on': an app has taken what came. What was sent before the end comes, whether or not the app takes it"
    async def run():
        transport, seen = Transport(), []
        flow = Flow(transport)
        def data_received(data):
            assert not flow.read_paused or turns.ended
            seen.append(data)
            if 0 in data: flow.pause_reading()
        protocol = types.SimpleNamespace(data_received=data_received, eof_received=lambda: seen.append('end'), flow=flow,
                                         transport=transport, pipeline=[], connection_made=lambda transport: None)
        turns, sent = servers._Turns(protocol), b''
        transport.set_protocol(turns)
        turns.connection_made(transport)
        for step in steps:
            if step == 'turn': await asyncio.sleep(0)
            elif step == 'go on': flow.resume_reading()
            elif transport.reading:
                turns.data_received(step)
                sent += step
            assert not (transport.reading and (flow.read_paused or turns.rest and step != 'go on')), 'nothing more may come'
        if ends and not turns.eof_received(): transport.close()   # as a transport does
        for _ in range(300):
            await asyncio.sleep(0)
            if not ends: flow.resume_reading()
        if ends: await until_ended(seen)
        assert b''.join(part for part in seen if part != 'end') == sent
        assert not ends or seen.index('end') == len(seen) - 1 and transport.closing
        if not ends: assert transport.reading
    with pytest.MonkeyPatch.context() as patch:
        small_turns(patch)
        asyncio.run(run())


def test_a_config_without_the_class_of_its_protocols_is_left_alone(logged):
    config = types.SimpleNamespace()
    servers.turns_from_the_start(config)()
    assert vars(config) == {} and 'http_protocol_class' in logged[0]


def test_a_protocol_that_is_not_uvicorns_is_left_alone(logged):
    class Other(asyncio.Protocol): pass
    config = types.SimpleNamespace(http_protocol_class=Other)
    servers.turns_from_the_start(config)()
    assert config.http_protocol_class is Other and not logged


@pytest.mark.parametrize('http', ['httptools', 'h11'])
def test_who_has_sent_all_gets_the_answer(http):
    "A client that ends its side after an upload, as `nc -N` does"
    app = FastHTML(secret_key='x')
    @app.post('/size')
    async def size(request): return str(len(await request.body()))
    with serve(app, http=http) as server, socket.create_connection(('127.0.0.1', server.port), DEADLINE) as client:
        client.sendall(b'POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n' + bytes(200_000))
        client.shutdown(socket.SHUT_WR)
        answer = b''
        while part := client.recv(65536): answer += part
        assert answer.endswith(b'200000')


def test_what_is_left_of_a_client_that_is_gone_is_not_handed_on(monkeypatch):
    monkeypatch.setattr(servers, '_TURN', 0)
    async def run():
        seen = []
        protocol = types.SimpleNamespace(data_received=lambda data: seen.append(len(data)), connection_lost=print)
        turns = in_front_of(protocol, Transport())
        turns.data_received(bytes(10_000))
        turns.connection_lost(None)
        for _ in range(5): await asyncio.sleep(0)
        assert seen == [4096]
    asyncio.run(run())


def test_a_protocol_that_fails_ends_its_connection(monkeypatch):
    monkeypatch.setattr(servers, '_TURN', 0)
    async def run():
        failed, aborted, transport = [], [], Transport()
        transport.abort = lambda: aborted.append(True)
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context['exception']))
        def data_received(data):
            if not data[0]: raise ValueError('no zeros')
        turns = in_front_of(types.SimpleNamespace(data_received=data_received), transport)
        turns.data_received(b'1' * 2048 + bytes(10_000))
        for _ in range(5): await asyncio.sleep(0)
        assert [str(e) for e in failed] == ['no zeros'] and aborted == [True] and not turns.rest
    asyncio.run(run())


def frame(n): return b'\x81' + bytes([0x80 + n]) + b'mask' + b'a' * n
def resets(n): return b''.join(bytes([0, 0, 4, 3, 0, 0, 0, 0, 2*i % 255 + 1, 0, 0, 0, 8]) for i in range(n))

MANY = {   # what one read may bring, with many parts: name → (bytes, how a part is counted, marks)
    'chunks': (b'1\r\na\r\n' * 40_000, b'a\r\n', b''),
    'chunks with a line feed alone': (b'1\na\n' * 40_000, b'a\n', b''),
    'header lines': (b'a:\r\n' * 40_000, b'a:', b''), 'requests': (b'GET / HTTP/1.1\r\nhost:a\r\n\r\n' * 8000, b'GET', b''),
    'frames': (frame(0) * 40_000, b'mask', servers._frames),
    'frames of a byte': (frame(1) * 30_000, b'mask', servers._frames),
    'fragments': (frame(3).replace(b'\x81', b'\x00') * 20_000, b'mask', servers._frames),
    'compressed frames': (
        frame(2).replace(b'\x81', b'\xc1') * 20_000, b'mask', servers._frames),
    'pings': (frame(0).replace(b'\x81', b'\x89') * 40_000, b'mask', servers._frames),
    'resets': (resets(20_000), b'\0\0\4\3', servers._any_parts),
    'frames of hypercorn': (frame(0) * 40_000, b'mask', servers._any_parts),
    'chunks of hypercorn': (b'1\r\na\r\n' * 40_000, b'a\r\n', servers._any_parts)}

@each_row('behind', [0, 100, 200_000], ids=['at once', 'behind a little', 'behind what takes no time'])
@each_row('name', MANY)
def test_a_portion_has_few_parts_whatever_came_before(name, behind):
    many, part, marks = MANY[name]
    data, last, portions = b'x' * behind + many, 262_144, []
    while data:
        last = servers._next_portion(data, last, marks, 262_144)
        portions.append(data[:last])
        data = data[last:]
    assert max(portion.count(part) for portion in portions) <= 150
    if behind > 1000: assert len(portions[0]) > 30_000   # and what takes no time goes in few


@given(st.lists(st.one_of(st.binary(max_size=20), st.none()), max_size=20))
def test_hypercorn_gets_all_in_order_too(events):
    "None: an event without data"
    async def run():
        seen, others = [], []
        async def handle(event): seen.append((getattr(event, 'data', None), len(others)))
        connection = types.SimpleNamespace(handle=handle)
        servers._HypercornTurns(connection)
        async def count():
            while True:
                others.append(None)
                await asyncio.sleep(0)
        counting = asyncio.create_task(count())
        for data in events: await connection.handle(Closed() if data is None else RawData(data, ('127.0.0.1', 1)))
        counting.cancel()
        assert b''.join(data or b'' for data, _ in seen) == b''.join(data or b'' for data in events)
        assert [data for data, _ in seen if not data] == [data for data in events if not data]
        for (data, turn), (_, after) in itertools.pairwise(seen):
            if data and len(data) == 3: assert after > turn or len(events) > 1
    with pytest.MonkeyPatch.context() as patch:
        small_turns(patch)
        asyncio.run(run())
