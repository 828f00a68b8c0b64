"""What programs, threads and servers do wrong, and what must hold all the same.

Sources that fail while they are closed or do not want to end, elements that cannot be drawn, event loops that are gone,
threads that are kept, cancellations that no code asked for or that come twice.
"""
import asyncio
import contextlib
import logging
import sys
import threading
import urllib.request

import pytest
from websockets.sync.client import connect

from channel_kit import Client
from fasthtml.common import EventStream, FastHTML, P
from fasthtml.http.threads import threads_of
from fasthtml.realtime.channels import Channel
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.lifecycle import Lifecycle, ShutdownEvent
from support import DEADLINE, SseClient, raw_connection, serve, until, wait_until
from wire_kit import Wire, others_done

SOCKET_GONE, STREAM_GONE = {'type': 'websocket.disconnect', 'code': 1001}, {'type': 'http.disconnect'}


@contextlib.asynccontextmanager
async def called(app, path='/x', kind='http', **wire):
    "The app with one connection, whose task must have ended, with all that it has begun"
    before, one = asyncio.all_tasks(), Wire(path, kind, **wire)
    one.task = asyncio.create_task(app(one.scope, one.receive, one.send))
    await until(lambda: app.lifecycle.connections or one.task.done())
    yield one
    one.incoming.put_nowait(SOCKET_GONE if kind == 'websocket' else STREAM_GONE)
    assert (await asyncio.wait([one.task], timeout=30))[0], 'the connection has not ended'
    await others_done(before)
    await until(lambda: not app.lifecycle.connections)


def streaming(source) -> FastHTML:
    app = FastHTML(secret_key='x')

    @app.get('/x')
    async def x(): return EventStream(source())
    return app


# Sources that do not end as they should

async def fails_when_closed():
    try:
        while True: yield 'x'*1000
    finally: raise ValueError('on purpose')


async def has_more_to_say():
    try:
        while True: yield 'x'*1000
    finally: yield 'and another thing'


async def swallows_everything():
    closed = 0
    while True:
        try:
            yield 'x'
            await asyncio.sleep(0.001)
        except BaseException as e:
            closed += isinstance(e, GeneratorExit)
            if closed > 1: raise  # the second time it is Python that throws it away


async def takes_its_time():
    try:
        while True: yield 'x'*1000
    finally: await asyncio.sleep(1000)


@pytest.mark.parametrize('source', [fails_when_closed, has_more_to_say, swallows_everything])
async def test_a_source_that_cannot_be_closed_is_logged_and_the_connection_forgotten(source, caplog):
    "S2: else it would be counted, and waited for, for ever"
    async with called(streaming(source)) as one:
        await until(lambda: one.body.count(b'data') > 3)
        one.incoming.put_nowait(STREAM_GONE)
        await asyncio.wait([one.task], timeout=30)
        one.task.result()
    assert 'failed while it was closed' in caplog.text


async def test_a_source_that_closes_too_slowly_is_aborted_after_the_grace_time():
    app = streaming(takes_its_time)
    app.lifecycle.grace = 0.4
    async with called(app) as one:
        await until(lambda: one.body.count(b'data') > 3)
        await asyncio.wait_for(app.drain(), 3)
        assert not app.lifecycle.connections
        await one.task


async def test_a_cancellation_that_nobody_asked_for_is_a_failure(caplog):
    "The work awaited what had been cancelled. It must not look as if the server had stopped us"
    async def source():
        yield 'x'
        (lost := asyncio.get_running_loop().create_future()).cancel()
        await lost
    async with called(streaming(source)) as one:
        await one.task
        assert b'event: failed' in one.body and one.sent[-1]['more_body'] is False
    app = FastHTML(secret_key='x')

    @app.ws('/x')
    async def x():
        (lost := asyncio.get_running_loop().create_future()).cancel()
        await lost
    async with called(app, kind='websocket') as one:
        one.incoming.put_nowait({'type': 'websocket.receive', 'text': '{}'})
        await asyncio.wait([one.task], timeout=30)
        assert one.task.result() is None and one.sent[-1]['code'] == 1011
    assert caplog.text.count('CancelledError') >= 2


async def test_a_server_whose_receive_fails_has_lost_the_client():
    async def source():
        yield 'x'
        await asyncio.sleep(1000)
    async with called(streaming(source)) as one:
        one.incoming.put_nowait(None)
        await asyncio.wait([one.task], timeout=30)
        one.task.result()


async def test_an_event_is_not_held_back_by_one_that_was_given_up_before():
    "A handler gives up waiting for a slow client; later the client has caught up"
    app, enough, go_on = FastHTML(secret_key='x'), asyncio.Event(), asyncio.Event()

    @app.get('/x')
    async def x():
        stream = EventStream(max_pending=1000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                for i in range(10): await stream.send(f'{i} ' + 'x'*600)
        enough.set()
        await go_on.wait()
        await stream.send('after')
        await asyncio.sleep(1000)

    class Slow(Wire):
        async def send(self, message):
            if len(self.sent) > 2: await enough.wait()
            await super().send(message)
    one = Slow('/x')
    task = asyncio.create_task(app(one.scope, one.receive, one.send))
    await enough.wait()
    await until(lambda: not app.lifecycle.connections[0].mailbox.pending_bytes)
    go_on.set()
    await until(lambda: b'data: after' in one.body)
    numbers = [int(part.split(b' ')[0]) for part in one.body.split(b'data: ')[1:-1]]
    assert numbers == list(range(len(numbers)))
    one.incoming.put_nowait(STREAM_GONE)
    await task


def test_a_stream_is_the_answer_to_one_request():
    app = FastHTML()
    stream = EventStream(app.channel('c'))

    @app.get('/x')
    async def x(): return stream
    with serve(app) as served, SseClient(served.url, '/x') as one, SseClient(served.url, '/x') as two:
        assert (one.status, two.status) == (200, 500)


# Ordinary endings are no news, however many tasks get them

@pytest.mark.parametrize('kind', ['stream', 'conn', 'handler'])
def test_a_task_group_that_hears_of_the_end_is_not_logged(kind, caplog):
    app, entered = FastHTML(), []

    async def group(send):
        async with asyncio.TaskGroup() as tasks:
            for name in 'ab': tasks.create_task(loop(send, name))

    async def loop(send, name):
        while True:
            await send(name)
            entered.append(name)
            await asyncio.sleep(0.001)

    @app.get('/x')
    async def x(): await group(EventStream().send)

    async def conn(send):
        if kind == 'conn': await group(send)

    @app.ws('/ws', conn=conn)
    async def ws(send): await group(send)
    with caplog.at_level(logging.INFO), serve(app) as served:
        for end in 'client', 'server':
            entered.clear()
            with SseClient(served.url, '/x') if kind == 'stream' else connect(f'{served.ws_url}/ws') as client:
                if kind == 'handler': client.send('{}')
                wait_until(lambda: {*entered} == {'a', 'b'})
                if end == 'server': threading.Thread(target=app.lifecycle.drain_sync).start()
            wait_until(lambda: not app.lifecycle.connections)
    assert 'Traceback' not in caplog.text


# Cancelled twice, or while `disconn` runs

async def test_disconn_runs_to_its_end_when_the_server_cancels_us_meanwhile():
    "W2; and the app holds the connection until then, so that the drain waits for it"
    app, go_on, done = FastHTML(secret_key='x'), asyncio.Event(), []
    async def disconn():
        await go_on.wait()
        done.append(1)

    @app.ws('/x', disconn=disconn)
    async def x(): pass
    async with called(app, kind='websocket') as one:
        one.incoming.put_nowait(SOCKET_GONE)
        for _ in range(20): await asyncio.sleep(0)
        one.task.cancel()
        with pytest.raises(asyncio.CancelledError): await one.task
        assert len(app.lifecycle.connections) == 1 and not done
        go_on.set()
        await until(lambda: done == [1] and not app.lifecycle.connections)


@pytest.mark.parametrize('path', ['/stream', '/socket'])
async def test_cancelled_again_at_any_step_of_the_ending(path):
    "A server that loses its patience, again and again, or the drain that aborts, in the middle of the closing event"
    before = asyncio.all_tasks()
    for how in 'outside', 'abort':
        for step in range(30):
            app, open_now, ends = FastHTML(secret_key='x'), [], []

            @app.get('/stream')
            async def stream():
                async def source():
                    open_now.append(1)  # noqa: B023
                    try:
                        while True:
                            yield 'x'
                            await asyncio.sleep(0)
                    finally:
                        open_now.pop()  # noqa: B023
                        await asyncio.sleep(0)
                return EventStream(source())

            async def conn(send):
                open_now.append(1)  # noqa: B023
                try: await asyncio.sleep(1000)
                finally:
                    await asyncio.sleep(0)
                    open_now.pop()  # noqa: B023

            async def disconn():
                for _ in range(3): await asyncio.sleep(0)
                ends.append(len(open_now))  # noqa: B023

            @app.ws('/socket', conn=conn, disconn=disconn, channels='c')
            async def socket(): pass
            wire = Wire(path, 'websocket' if path == '/socket' else 'http', turns=3)
            task = asyncio.create_task(app(wire.scope, wire.receive, wire.send))
            await until(lambda: open_now)  # noqa: B023
            [connection] = app.lifecycle.connections
            task.cancel() if how == 'outside' else connection.shut_down()
            for _ in range(step): await asyncio.sleep(0)
            if how == 'abort': connection.abort()
            for _ in range(3 if how == 'outside' else 0):
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([task], timeout=30)
            assert task.done() and task.cancelled() == (how == 'outside'), (how, step)
            await others_done(before)
            await until(lambda: not app.lifecycle.connections)  # noqa: B023
            assert not open_now and len(app.channel('c')) == 0, (how, step)
            assert ends == ([0] if path == '/socket' else []), (how, step)
            if how == 'abort': continue
            if path == '/socket': assert wire.sent[-1]['code'] == 1012, step
            else: assert not wire.sent[-1]['more_body'] and b'event: shutdown' in wire.sent[-1]['body'], step


# Messages that cannot be drawn

class Undrawable:
    def __ft__(self): raise ValueError('on purpose')


@pytest.mark.parametrize('history', [0, 5])
async def test_the_publisher_gets_the_error_of_what_cannot_be_rendered_and_no_client_notices(history, caplog):
    channel, client = Channel('news', history=history), Client(fast=True)
    start = channel.last_id
    channel.join(client)
    await channel.publish('one')
    with pytest.raises(ValueError, match='on purpose'): await channel.publish(Undrawable())
    with pytest.raises(ValueError, match='on purpose'): channel.publish_sync(Undrawable())
    for name in 'a\nb', 'a\rid: 1':
        with pytest.raises(ValueError, match='one line'): await channel.publish('x', name)
        with pytest.raises(ValueError, match='one line'): channel.publish_sync('x', name)
    await channel.publish('two')
    assert client.texts == ['one', 'two'] and not caplog.records
    if history:
        await channel.resume(late := Client(fast=True), start)
        assert late.got == client.got


async def test_an_element_may_publish_while_it_is_drawn():
    "It runs code of the program, so no lock may be held"
    channel, client = Channel('news', history=5), Client(fast=True)
    class Talkative:
        def __ft__(self):
            channel.publish_sync('inner')
            return P('outer')
    channel.join(client)
    thread = threading.Thread(target=channel.publish_sync, args=[Talkative()], daemon=True)
    thread.start()
    await until(lambda: client.texts == ['inner', '<p>outer</p>'])


# Event loops

async def joined_elsewhere(channel) -> asyncio.AbstractEventLoop:
    "A member in a loop that does not run"
    async def join(): channel.join(Client(fast=True))
    loop = asyncio.new_event_loop()
    await asyncio.to_thread(loop.run_until_complete, join())
    return loop


async def test_members_of_a_loop_that_is_closed_are_forgotten():
    "Nothing may pile up for them, and the others must hear everything"
    channel, here = Hub().channel('news'), Client(fast=True)
    loops = [await joined_elsewhere(channel) for _ in range(2)]
    channel.join(here)
    loops.append(await joined_elsewhere(channel))
    assert len(channel) == 4
    for loop in loops: loop.close()
    await channel.publish('one')
    await asyncio.to_thread(channel.publish_sync, 'two')
    await until(lambda: here.texts == ['one', 'two'])
    assert len(channel) == 1


def test_a_waiter_may_be_thrown_away_while_its_thread_registers_another():
    "The garbage collector does that at any allocation; the thread waited for itself"
    event, over = ShutdownEvent(), threading.Event()
    async def register():
        (waiter := event.wait()).send(None)
        with event._lock: waiter.close()
        over.set()
    thread = threading.Thread(target=asyncio.run, args=(register(),), daemon=True)
    thread.start()
    assert over.wait(DEADLINE)
    thread.join(DEADLINE)


async def test_a_shutdown_is_heard_although_a_loop_that_waited_for_it_is_closed():
    event, loop = ShutdownEvent(), asyncio.new_event_loop()
    event._waiters = {loop.create_future(): loop}
    loop.close()
    waiting = asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    event.set()
    assert await asyncio.wait_for(waiting, 30)


def test_servers_that_start_in_many_threads_at_once_are_all_known():
    known, interval = [], sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            lifecycle, together = Lifecycle(), threading.Barrier(8, timeout=DEADLINE)
            async def main():
                together.wait()  # noqa: B023
                mine = lifecycle.served()  # noqa: B023
                together.wait()  # noqa: B023
                known.append(lifecycle.served() is mine)  # noqa: B023
                together.wait()  # noqa: B023
            threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(8)]
            for t in threads: t.start()
            for t in threads: t.join()
    finally: sys.setswitchinterval(interval)
    assert len(known) == 800 and all(known)


async def test_a_channel_that_is_left_and_joined_at_once_stays_open():
    "The last member leaves in one thread while the next comes in another: the broker must go on feeding it"
    class Noting:
        def __init__(self): self.open_now, self.shutting, self.go_on = set(), threading.Event(), threading.Event()
        def open(self, channel): self.open_now.add(channel.name)
        def shut(self, channel):
            self.shutting.set()
            self.go_on.wait(DEADLINE)
            self.open_now.discard(channel.name)
    broker = Noting()
    channel, first = Hub(broker).channel('news'), Client()
    channel.join(first)
    leaving = threading.Thread(target=channel.leave, args=[first])
    leaving.start()
    await until(broker.shutting.is_set)
    async def join_there(): channel.join(Client())
    joining = threading.Thread(target=asyncio.run, args=[join_there()])
    joining.start()
    broker.go_on.set()
    leaving.join()
    joining.join()
    assert broker.open_now == {'news'}


async def test_a_channel_is_forgotten_when_its_only_client_gave_up_waiting():
    class Slow:
        open_now = 0
        def open(self, channel): self.open_now = 1
        def shut(self, channel): self.open_now = 0
        async def ready(self, channel): await asyncio.sleep(1000)
    broker = Slow()
    hub = Hub(broker)
    task = asyncio.create_task(hub.channel('user:1').resume(Client(), 'x-1'))
    await asyncio.sleep(0)
    assert broker.open_now == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError): await task
    del task
    await until(lambda: broker.open_now == 0 and len(hub) == 0)


async def test_a_new_client_misses_nothing_after_the_id_it_was_given():
    "C2: a thread publishes in the very moment in which the client subscribes"
    app = FastHTML(secret_key='x')
    channel = app.channel('c', history=5)
    join = channel.join
    def slow_join(member):
        channel.publish_sync('just before')
        answer = join(member)
        threading.Thread(target=channel.publish_sync, args=['just after']).run()
        return answer
    channel.join = slow_join

    @app.get('/x')
    async def x(): return EventStream(channel)
    async with called(app) as one:
        await until(lambda: b'just after' in one.body)
        events = one.body.decode().split('\n\n')
    begin = next(e for e in events if e.startswith('id: ') and 'data' not in e).removeprefix('id: ')
    after = [m.id for m in channel.history.after(begin)]
    assert [e.split('\n')[0].removeprefix('id: ') for e in events if 'data: ' in e] == after


# Threads that are kept for a connection

@pytest.mark.parametrize('kind', ['conn', 'source', 'handler'])
def test_connections_that_keep_a_thread_take_none_from_the_app(kind):
    "W4. The pool has forty threads; the forty-first client would have none, and no sync handler either"
    app, stop, n = FastHTML(), threading.Event(), 50

    def conn(send):
        send('x')
        stop.wait(DEADLINE)

    @app.ws('/conn', conn=conn)
    async def ws(): pass

    @app.get('/source')
    async def source():
        def events():
            yield 'x'
            stop.wait(DEADLINE)
        return EventStream(events())

    @app.get('/handler')
    def handler():
        stream = EventStream()
        stream.send('x')
        stop.wait(DEADLINE)

    @app.get('/sync')
    def sync(): return 'ready'
    with serve(app) as served, contextlib.ExitStack() as clients:
        clients.callback(stop.set)
        for _ in range(n):
            if kind == 'conn': clients.enter_context(connect(f'{served.ws_url}/conn')).recv(timeout=DEADLINE)
            else: next(clients.enter_context(SseClient(served.url, f'/{kind}')).events())
        assert urllib.request.urlopen(f'{served.url}/sync', timeout=DEADLINE).read() == b'ready'
        tokens = []
        async def count():
            tokens.append(threads_of(asyncio.get_running_loop()).workers.limit)
        loop = next(iter(served.server.servers)).get_loop()
        def total(): return asyncio.run_coroutine_threadsafe(count(), loop).result(DEADLINE) or tokens[-1]
        assert total() == 40 + n
        stop.set()
        clients.close()
        wait_until(lambda: not app.lifecycle.connections)
        assert total() == 40


# Sockets whose client takes nothing

@pytest.mark.parametrize('how', ['member of a channel', 'handler that closes'])
def test_a_socket_that_takes_nothing_is_cut_off_although_nobody_waits_for_it(how):
    "C1, W2: else it stays for as long as its kernel answers"
    app, ended = FastHTML(), []
    async def disconn(code): ended.append(code)
    async def conn(ws, send):
        if how.startswith('member'): return
        while ws.connection.mailbox.pending_bytes < 100_000: await send('x'*50_000)
        await ws.close()

    @app.ws('/x', conn=conn, disconn=disconn, channels='c', slow=0.4)
    async def x(): pass
    with serve(app) as served:
        sock = raw_connection(served.port, b'GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                              b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', receive_buffer=4096)
        wait_until(lambda: app.lifecycle.connections)
        def fill():
            if not ended and how.startswith('member'): app.channel('c').publish_sync('x'*200_000)
            return ended
        wait_until(fill)
        assert len(ended) == 1
        wait_until(lambda: not app.lifecycle.connections and len(app.channel('c')) == 0)
        sock.close()


# What the log says

def test_an_ordinary_end_is_one_line_in_the_log(caplog):
    "With its reason; never a traceback, and nothing at level WARNING"
    app = FastHTML()

    @app.get('/events')
    async def events(): return EventStream(app.channel('c'))

    async def conn(send):
        while True:
            await send('x')
            await asyncio.sleep(0.001)

    @app.ws('/ws', conn=conn)
    async def ws(): pass
    with caplog.at_level(logging.INFO), serve(app) as served:
        for how in 'leaves', 'is cut':
            with SseClient(served.url, '/events') as stream, connect(f'{served.ws_url}/ws') as socket:
                stream.read()
                socket.recv(timeout=DEADLINE)
                if how == 'is cut': socket.socket.shutdown(2)
            wait_until(lambda: not app.lifecycle.connections)
    ours = [(r.levelname, r.getMessage()) for r in caplog.records if r.name.startswith('fasthtml')]
    assert {level for level, _ in ours} == {'INFO'} and 'Traceback' not in caplog.text
    assert sorted(line.split(' after')[0] for _, line in ours) == [
        '/events: ended (gone)', '/events: ended (gone)', '/ws: ended (gone, code 1000)', '/ws: ended (gone, code 1005)']
