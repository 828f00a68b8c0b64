"""S3: shutdown ends streams with a closing event inside the grace time, then runs lifespan shutdown, always.

Real servers, real signals, clients that are not ours: raw sockets for event streams, `websockets` for sockets.
"""
import asyncio
import contextlib
import functools
import importlib.util
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from fasthtml.realtime.servers import stop_listening
from support import DEADLINE, parse_events, raw_connection, serve, serve_process, until, wait_until

APP = (Path(__file__).parent/'drain_app.py').read_text(encoding='utf-8')
FASTHTML = (Path(__file__).parent/'drain_fasthtml.py').read_text(encoding='utf-8')
LONG = 4*DEADLINE   # A grace time that no test waits for: what ends only with it fails
ABORTED = 'still open after the grace time'
PY = [sys.executable, '-m']
UVICORN = [*PY, 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', '0']
HYPERCORN = [*PY, 'hypercorn', 'app:app', '-b', '127.0.0.1:0']
GRANIAN = [*PY, 'granian', 'app:app', '--interface', 'asgi', '--host', '127.0.0.1', '--port', 'FREE']
LAUNCHES = {
    'uvicorn': UVICORN,
    'uvicorn on asyncio and h11': [*UVICORN, '--loop', 'asyncio', '--http', 'h11', '--ws', 'wsproto'],
    'uvicorn --workers 2': [*UVICORN, '--workers', '2'],
    'uvicorn --reload': [*UVICORN, '--reload'],
    'hypercorn': HYPERCORN,
    'hypercorn -w 0': [*HYPERCORN, '-w', '0'],
    'hypercorn on uvloop -w 2': [*HYPERCORN, '-k', 'uvloop', '-w', '2'],
    'granian': GRANIAN,
    'granian --workers 2': [*GRANIAN, '--workers', '2'],
}


def deadline(seconds):
    "Fail with a traceback that shows where a coroutine hangs"
    def decorator(f):
        @functools.wraps(f)
        async def timed(*args, **kwargs):
            async with asyncio.timeout(seconds): return await f(*args, **kwargs)
        return timed
    return decorator


class Server:
    def __init__(self, process, folder):
        self.process, self.file = process, folder/'journal'

    @property
    def journal(self): return self.file.read_text().split() if self.file.exists() else []


def free_port():
    "For granian, which does not say which port the system gave it"
    with socket.create_server(('127.0.0.1', 0)) as sock: return str(sock.getsockname()[1])


@contextlib.contextmanager
def launch(tmp_path, command, app=APP, **env):
    command = [free_port() if part == 'FREE' else part for part in command]
    env = {'JOURNAL': str(tmp_path/'journal'), **{k.upper(): str(v) for k, v in env.items()}}
    with serve_process(app, tmp_path, command, env) as process:
        server = Server(process, tmp_path)
        workers = int((re.findall(r'(?:-w|--workers) (\d)', ' '.join(command)) or ['1'])[0])
        wait_until(lambda: server.journal.count('startup') == max(workers, 1), what='startup')
        yield server


class StreamClient:
    "An event stream read from a raw socket"
    async def open(self, port, path='/events'):
        async def ready():
            while True:
                try: return await asyncio.open_connection('127.0.0.1', port)
                except ConnectionRefusedError: await asyncio.sleep(0.02)
        self.reader, self.writer = await asyncio.wait_for(ready(), DEADLINE)
        self.writer.write(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
        self.head = await self.reader.readuntil(b'\r\n\r\n')
        self.body, self.terminated = bytearray(), False
        self.task = asyncio.create_task(self.read())
        return self

    @property
    def events(self):
        return parse_events(self.body.decode())

    async def read(self):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while size := int(await self.reader.readuntil(b'\r\n'), 16):
                self.body += (await self.reader.readexactly(size + 2))[:-2]
            self.terminated = True
        self.ended_at = time.monotonic()
        self.writer.close()


class SocketClient:
    "A WebSocket read to its end"
    async def open(self, port, path='/ws'):
        self.ws = await connect(f'ws://127.0.0.1:{port}{path}', compression=None)
        self.messages, self.code = [], None
        self.task = asyncio.create_task(self.read())
        return self

    async def read(self):
        try:
            async for message in self.ws: self.messages.append(message)
        except ConnectionClosed: pass
        self.code = self.ws.close_code


async def get(port, path, headers=''):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n'.encode())
    answer = await reader.read()
    writer.close()
    return answer


async def crowd(port, n):
    streams = await asyncio.gather(*(StreamClient().open(port) for _ in range(n)))
    sockets = await asyncio.gather(*(SocketClient().open(port) for _ in range(n)))
    return streams, sockets


async def all_read(clients, deadline=DEADLINE):
    await asyncio.wait_for(asyncio.gather(*(c.task for c in clients)), deadline)


def check_closed_properly(streams, sockets, last=None):
    wrong = [s.body[-80:] for s in streams if s.events[-1].event != 'shutdown' or not s.terminated]
    assert not wrong, f'{len(wrong)} of {len(streams)} streams without a closing event or end: {wrong[:3]}'
    assert {s.code for s in sockets} == {1012}
    if last:
        assert all(s.events[-2].data == last for s in streams)
        assert all(s.messages[-1:] == [last] for s in sockets)


@deadline(120)
async def stop_and_check(server, n, stop, workers=1):
    port, process = server.process.port, server.process
    streams, sockets = await crowd(port, n)
    last = None
    if workers == 1:
        while f' {2 * n}'.encode() not in await get(port, '/'): pass
        last = 'last-event'
    slow = asyncio.create_task(get(port, '/slow'))
    await until(lambda: 'slow' in server.journal)
    if last: await get(port, f'/publish/{last}')
    stop(process)
    await all_read([*streams, *sockets])
    assert b' 200 ' in (await slow)[:20], 'a request in flight was cut off'
    await asyncio.to_thread(process.wait)   # it does not wait for the grace time, which is longer than this test
    check_closed_properly(streams, sockets, last)
    assert server.journal.count('shutdown') == server.journal.count('startup') == server.journal.count('event')
    assert 'Traceback' not in process.output and ABORTED not in process.output, process.output


def to_the_group(process): os.killpg(process.popen.pid, signal.SIGINT)
def to_the_process(process): process.signal(signal.SIGTERM)


@pytest.mark.parametrize('app, stop', [(APP, to_the_group), (FASTHTML, to_the_process)], ids=['bare, Ctrl-C', 'program, SIGTERM'])
@pytest.mark.parametrize('name', LAUNCHES)
async def test_every_client_gets_a_closing_event_or_frame_and_lifespan_shutdown_runs(tmp_path, name, app, stop):
    "With a lifecycle alone, and with the streams and sockets of the library"
    own = ['--graceful-timeout', '30'] if 'hypercorn' in name else []   # without it, hypercorn gives an app three seconds
    with launch(tmp_path, [*LAUNCHES[name], *own], app, grace=LONG) as server:
        await stop_and_check(server, 50, stop, workers=2 if '2' in name else 1)


@pytest.mark.parametrize('stop', [to_the_process, to_the_group], ids=['SIGTERM', 'Ctrl-C'])
@pytest.mark.parametrize('reload', [True, False])
async def test_serve_drains_a_program_started_as_a_script(tmp_path, reload, stop):
    script = FASTHTML + f'\nfrom fasthtml.common import serve\nserve(port=0, reload={reload})\n'
    with launch(tmp_path, [sys.executable, 'app.py'], script, grace=LONG) as server:
        await stop_and_check(server, 10, stop)


async def test_a_source_that_watches_the_event_may_say_its_own_last_words(tmp_path):
    with launch(tmp_path, UVICORN, FASTHTML) as server:
        stream = await StreamClient().open(server.process.port, '/own')
        await until(lambda: b'hello' in stream.body)
        server.process.signal(signal.SIGTERM)
        await all_read([stream])
        assert [e.data for e in stream.events][:2] == ['hello', 'my own last event']
        assert stream.events[-1].event == 'shutdown' and stream.terminated
        assert await asyncio.to_thread(server.process.wait) == -signal.SIGTERM


async def test_a_worker_that_has_ended_does_not_cut_off_what_others_drain(tmp_path):
    "hypercorn sends its workers SIGTERM when the first of them has ended"
    command = [*LAUNCHES['hypercorn on uvloop -w 2'], '--graceful-timeout', '30']
    with launch(tmp_path, command, FASTHTML, grace=LONG) as server:
        found = {}
        while len(found) < 2:   # until each worker has one
            stream = await StreamClient().open(server.process.port, f'/lasting?seconds={1 + 2 * len(found)}')
            await until(lambda: b'data' in stream.body)  # noqa: B023
            if found.setdefault(stream.events[0].data, stream) is stream: continue
            stream.task.cancel()
            stream.writer.close()
        server.process.signal(signal.SIGTERM)
        await all_read(found.values())
        assert [[e.data for e in stream.events][1:2] for stream in found.values()] == [['the last words']] * 2
        assert all(stream.events[-1].event == 'shutdown' and stream.terminated for stream in found.values())
        await asyncio.to_thread(server.process.wait)
        assert ABORTED not in server.process.output


# Clients that hold the drain

async def stall(port, kind, n=2):
    "Clients that never read"
    if kind == 'stream': first = b'GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n'
    else: first = (b'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                   b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
    return [await asyncio.to_thread(raw_connection, port, first, 4096) for _ in range(n)]


async def flood(port, stalled):
    "Publish until so many connections take nothing more: their buffers hold several megabytes, and any worker may have any of them"
    seen = {}
    async def stuck():
        for _ in range(8):
            [(pid, n)] = re.findall(rb'(?m)^(\d+) (\d+)\s*$', await get(port, '/stuck'))
            seen[pid] = int(n)
        return sum(seen.values()) >= stalled
    while not (await stuck() and await stuck()): await get(port, '/publish/x', 'X-Times: 1000000\r\n')


STALLING = {'program': ['uvicorn', 'uvicorn on asyncio and h11', 'uvicorn --workers 2', 'hypercorn', 'hypercorn -w 0', 'granian'],
            'bare': ['uvicorn', 'hypercorn', 'granian']}


@pytest.mark.parametrize('kind,name', [(kind, name) for kind, names in STALLING.items() for name in names])
@deadline(120)
async def test_a_stalled_client_holds_the_drain_for_the_grace_time_only(tmp_path, name, kind):
    with launch(tmp_path, LAUNCHES[name], APP if kind == 'bare' else FASTHTML, grace=1) as server:
        port, process = server.process.port, server.process
        streams, sockets = await crowd(port, 5)
        stalled = [s for kind in ('stream', 'socket') for s in await stall(port, kind)]
        await flood(port, 4)
        process.signal(signal.SIGTERM)
        await all_read([*streams, *sockets])
        await asyncio.to_thread(process.wait)
        check_closed_properly(streams, sockets)
        assert server.journal.count('shutdown') == server.journal.count('startup')
        assert 'Traceback' not in process.output, process.output
        assert ABORTED in process.output, 'it was the grace time that ended them, and not the 30 s that a slow client has otherwise'
        for sock in stalled: sock.close()


@pytest.mark.parametrize('second', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('name', ['uvicorn', 'hypercorn -w 0'])
async def test_a_second_signal_forces_but_lifespan_shutdown_still_runs(tmp_path, name, second):
    with launch(tmp_path, LAUNCHES[name], grace=LONG) as server:
        port, process = server.process.port, server.process
        stalled = await stall(port, 'stream')
        streams, sockets = await crowd(port, 2)
        await flood(port, 2)
        for _ in range(2): process.signal(signal.SIGTERM)  # The very same signal, sent twice, is one signal
        began = time.monotonic()
        await all_read([*streams, *sockets])
        await until(lambda: time.monotonic() - began > 0.6)  # A person who presses again
        if name == 'uvicorn': assert process.popen.poll() is None   # hypercorn gives an app three seconds
        process.signal(second)
        await asyncio.to_thread(process.wait)
        assert server.journal.count('shutdown') == 1
        check_closed_properly(streams, sockets)
        for sock in stalled: sock.close()


async def test_a_connection_made_during_the_drain_is_closed_at_once(tmp_path):
    with launch(tmp_path, UVICORN, grace=LONG) as server:
        port, process = server.process.port, server.process
        stalled = await stall(port, 'stream')
        await flood(port, 2)
        process.signal(signal.SIGTERM)
        await asyncio.to_thread(wait_until, lambda: 'event' in server.journal)
        streams, sockets = await crowd(port, 1)
        await all_read([*streams, *sockets])
        check_closed_properly(streams, sockets)
        assert process.popen.poll() is None, 'the clients that take nothing hold the drain'
        for sock in stalled: sock.close()
        await asyncio.to_thread(process.wait)


async def test_a_changed_file_reloads_and_clients_get_a_closing_event_or_frame(tmp_path):
    with launch(tmp_path, LAUNCHES['uvicorn --reload']) as server:
        streams, sockets = await crowd(server.process.port, 5)

        def seen():  # The reloader begins to watch some time after the app has started
            os.utime(tmp_path/'app.py')
            return 'detected changes' in server.process.output
        await asyncio.to_thread(wait_until, seen)
        await all_read([*streams, *sockets])
        check_closed_properly(streams, sockets)
        await asyncio.to_thread(wait_until, lambda: server.journal.count('startup') > 1)
        assert server.journal[:4] == ['startup', 'event', 'shutdown', 'startup']


MOUNTED = APP + '''
from starlette.applications import Starlette
from starlette.routing import Mount

async def inner(scope, receive, send):
    await ours({**scope, 'path': scope['path'].removeprefix(scope['root_path'])}, receive, send)

ours, app = app, Starlette(routes=[Mount('/', inner)])
'''


@pytest.mark.parametrize('how', ['lifespan off', 'mounted under a foreign app'])
async def test_the_drain_works_where_the_lifespan_never_reaches_us(tmp_path, how):
    command = [*UVICORN, '--lifespan', 'off'] if how == 'lifespan off' else UVICORN
    env = {'JOURNAL': str(tmp_path/'journal')}
    with serve_process(MOUNTED if how.startswith('mounted') else APP, tmp_path, command, env) as process:
        streams, sockets = await crowd(process.port, 10)
        process.signal(signal.SIGTERM)
        await all_read([*streams, *sockets])
        check_closed_properly(streams, sockets)
        assert await asyncio.to_thread(process.wait) == -signal.SIGTERM
        assert 'Traceback' not in process.output


# Servers in threads, as in a notebook

@pytest.fixture
def drain_app(tmp_path, monkeypatch):
    "The app as a module of its own for each test"
    monkeypatch.setenv('JOURNAL', str(tmp_path/'journal'))
    spec = importlib.util.spec_from_file_location('drain_app', Path(__file__).parent/'drain_app.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.lines = lambda: (tmp_path/'journal').read_text().split()
    return module


async def stop_in_thread(drain_app, server):
    await asyncio.to_thread(drain_app.lifecycle.drain_sync)
    await asyncio.to_thread(server.stop)


async def test_a_server_in_a_thread_is_drained_and_started_again(drain_app):
    for turn in 1, 2:
        with serve(drain_app.app) as server:
            assert not drain_app.shutdown_event.is_set()
            streams, sockets = await crowd(server.port, 20)
            await stop_in_thread(drain_app, server)
            await all_read([*streams, *sockets])
            check_closed_properly(streams, sockets)
            assert drain_app.lines() == ['startup', 'event', 'shutdown'] * turn


async def test_two_servers_of_one_app_are_drained_each_for_itself(drain_app):
    with serve(drain_app.app) as one, serve(drain_app.app) as two:
        first, second = await crowd(one.port, 5), await crowd(two.port, 5)
        loop = next(iter(drain_app.lifecycle._loops))
        asyncio.run_coroutine_threadsafe(drain_app.lifecycle.drain(), loop)
        await all_read([*first[0], *first[1]])
        check_closed_properly(*first)
        await get(two.port, '/publish/still-here')
        await until(lambda: all('still-here' in s.messages for s in second[1]))
        await stop_in_thread(drain_app, two)
        await all_read([*second[0], *second[1]])
        check_closed_properly(*second)


# What keeps a process alive, or does not end it in the usual way

EVERY = {'uvicorn': UVICORN, 'uvicorn with wsproto': [*UVICORN, '--ws', 'wsproto'], 'hypercorn': HYPERCORN, 'granian': GRANIAN}
ROWS = (Path(__file__).parent/'rows_app.py').read_text(encoding='utf-8')


async def answering(port, path='/'):
    "Wait until the server answers: with some, the app starts before the port is open"
    while True:
        try: return await get(port, path)
        except OSError: await asyncio.sleep(0.02)


async def open_clients(port, *paths):
    "A stream or, for a path that begins with /ws, a socket; each has received something"
    await answering(port)
    clients = []
    for path in paths:
        client = SocketClient() if path.startswith('/ws') else StreamClient()
        clients.append(await client.open(port, path))
    await until(lambda: all(getattr(c, 'messages', None) or getattr(c, 'body', None) for c in clients))
    return clients


async def end_of(process):
    "The exit code of a process that ends by itself"
    return await asyncio.to_thread(process.wait)


@pytest.mark.parametrize('name', EVERY)
async def test_a_plain_handler_that_blocks_does_not_keep_the_process_alive(tmp_path, name):
    "F8, for a page. Sources, `conn` and the like: test_shutdown_faults.py"
    if name == 'hypercorn' and sys.version_info >= (3, 12, 1):
        pytest.xfail('from Python 3.12.1 on, hypercorn waits for open requests before its graceful timeout, for ever')
    with launch(tmp_path, EVERY[name], ROWS, grace=1) as server:
        await answering(server.process.port)
        asking = asyncio.create_task(get(server.process.port, '/handler'))
        await until(lambda: 'handler' in server.journal)
        (to_the_group if 'uvicorn' in name else to_the_process)(server.process)
        await end_of(server.process)
        assert server.journal.count('shutdown') == 1
        await asking


WITHOUT_SIGNAL = {f'{name}, {how}': ([*command, *options], how) for name, command in EVERY.items() for how, options in (
    ('should_exit', []), ('as many requests as it may serve', ['--limit-max-requests' if 'uvicorn' in name else '--max-requests', '6']))
    if 'uvicorn' in name or name == 'hypercorn' and options}


@pytest.mark.parametrize('case', WITHOUT_SIGNAL)
async def test_a_stop_without_a_signal_is_drained_like_one(tmp_path, case):
    "F9: what was published before is delivered, then the closing event or frame, then the shutdown functions"
    command, how = WITHOUT_SIGNAL[case]
    with launch(tmp_path, command, ROWS, grace=6) as server:
        port = server.process.port
        clients = await open_clients(port, '/news', '/ws/news')
        await get(port, '/publish')
        asking = [asyncio.create_task(get(port, '/quit' if how == 'should_exit' else '/')) for _ in range(4)]
        await all_read(clients)
        for task in asking: task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        assert [e.data for e in clients[0].events if e.event == 'message'][-1:] == ['published']
        assert clients[0].events[-1].event == 'shutdown' and clients[0].terminated
        assert (clients[1].messages[-1:], clients[1].code) == (['published'], 1012)
        if 'hypercorn' in case: return  # its parent starts another worker
        assert await end_of(server.process) == 0
        assert server.journal.count('shutdown') == 1
        assert 'Traceback' not in server.process.output, server.process.output


@pytest.mark.parametrize('name', EVERY)
async def test_a_source_that_has_looked_at_the_event_ends_by_itself_and_others_at_once(tmp_path, name):
    "F15: the one sleeps for a second between two looks"
    with launch(tmp_path, EVERY[name], ROWS, grace=6) as server:
        looking, other = await open_clients(server.process.port, '/looking', '/sleeping')
        server.process.signal(signal.SIGTERM)
        await all_read([looking, other])
        assert other.ended_at < looking.ended_at, 'a source that has not looked is ended at once'
        assert other.events[-1].event == 'shutdown' and other.terminated
        assert [e.data for e in looking.events[-2:]] == ['my own last event', '']
        assert looking.events[-1].event == 'shutdown' and looking.terminated
        await end_of(server.process)


@pytest.mark.parametrize('name', EVERY)
async def test_a_drain_without_a_shutdown_serves_on_afterwards(tmp_path, name):
    with launch(tmp_path, EVERY[name], ROWS, grace=3) as server:
        port = server.process.port
        before = await open_clients(port, '/news', '/ws/news', '/looking')
        assert b' 200 ' in (await get(port, '/drain'))[:20]
        await all_read(before)
        check_closed_properly([before[0], before[2]], [before[1]])
        after = await open_clients(port, '/news', '/ws/news', '/looking')
        await get(port, '/publish')
        await until(lambda: after[1].messages[-1:] == ['published'] and b'published' in after[0].body)
        assert not any(c.task.done() for c in after)
        server.process.signal(signal.SIGTERM)
        await all_read(after)
        check_closed_properly([after[0], after[2]], [after[1]])
        await end_of(server.process)
        assert server.journal.count('shutdown') == 1


IN_APPS = {
    'ours in ours': 'outer = FastHTML(secret_key="x", lifespan=outer_life); outer.mount("/sub", app)',
    'ours deep in ours': 'deep = [Mount("/a", routes=[Mount("/b", GZipMiddleware(app))])]\n'
                         'outer = FastHTML(secret_key="x", lifespan=outer_life, routes=deep)',
    'passed on': 'outer = Starlette(routes=[Mount("/sub", app)], lifespan=app.lifecycle.lifespan)',
    'forgotten': 'outer = Starlette(routes=[Mount("/sub", app)])',
}


@pytest.mark.parametrize('name,how', [
    *(('uvicorn', how) for how in IN_APPS), ('hypercorn', 'ours deep in ours'), ('hypercorn', 'forgotten'),
    ('granian', 'ours in ours'), ('granian', 'passed on')])
async def test_the_startup_of_a_mounted_app_runs_or_the_log_says_how(tmp_path, name, how):
    "F10"
    program = ROWS + f"""
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

async def outer_life(app):
    journal('outer-startup')
    yield
    journal('outer-shutdown')

{IN_APPS[how]}
app = outer
"""
    command = [free_port() if part == 'FREE' else part for part in EVERY[name]]
    with serve_process(program, tmp_path, command, {'JOURNAL': str(tmp_path/'journal')}) as process:
        server, path = Server(process, tmp_path), '/a/b/' if 'deep' in how else '/sub/'
        for _ in range(2): assert b' 200 ' in (await answering(process.port, path))[:20]
        state = await get(process.port, path + 'state')
        process.signal(signal.SIGTERM)
        await end_of(process)
        ran = {'forgotten': [], 'passed on': ['startup', 'shutdown']}.get(how, ['outer-startup', 'startup', 'shutdown', 'outer-shutdown'])
        assert server.journal == ran
        assert state.endswith(b'nothing' if how == 'forgotten' else b'made by the lifespan')
        assert process.output.count('have not run') == (how == 'forgotten'), process.output

async def ok(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]})
    await send({'type': 'http.response.body', 'body': b'ok'})


@pytest.mark.parametrize('http', ['h11', 'httptools'])
@deadline(DEADLINE)
async def test_a_connection_that_was_just_accepted_when_the_server_stops_may_send_its_request(http):
    "asyncio tells uvicorn of a connection some turns after it has accepted it"
    loop, answers = asyncio.get_running_loop(), []
    for turns in range(6):
        config = uvicorn.Config(ok, http=http, lifespan='off', log_level='critical')
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        with socket.create_server(('127.0.0.1', 0)) as listener:
            await server.startup([listener])
            client = socket.create_connection(listener.getsockname())
            for _ in range(turns): await asyncio.sleep(0)
            stopping = asyncio.create_task(stop_listening(server))
            for _ in range(6): await asyncio.sleep(0)
            if stopping.done(): [connection.shutdown() for connection in tuple(server.server_state.connections)]   # as uvicorn does then
            client.setblocking(False)
            with client, contextlib.suppress(ConnectionError):
                await loop.sock_sendall(client, b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
                answers.append((turns, (await loop.sock_recv(client, 100))[:15]))
            await stopping
    assert answers == [(turns, b'HTTP/1.1 200 OK') for turns in range(6)]


@pytest.mark.parametrize('order', [(0, 1), (1, 0), (0, 2, 1), (1, 0, 2)])
def test_apps_that_were_started_in_one_loop_end_in_any_order(order):
    "Each hands the loop its signals again, whether others still have them or not"
    from fasthtml.common import FastHTML
    from fasthtml.testing import AsyncClient
    def wakeup(): return [fd := signal.set_wakeup_fd(-1), signal.set_wakeup_fd(fd)][0]
    async def main():
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: None)
        own, clients = wakeup(), [AsyncClient(FastHTML(secret_key='k')) for _ in order]
        for client in clients: await client.start()
        await asyncio.sleep(0.3)     # some of the times at which the wakeup fd is taken again
        for n in order: await clients[n].close()
        assert wakeup() == own
    asyncio.run(main())
