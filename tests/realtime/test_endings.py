"""Every way a stream or a socket can end, under every stack, and cancelled at every step.

Nothing may be left behind: no task, no open source, no member.
"""
import asyncio
import gc
import logging
import sys
import threading

import pytest
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

from fasthtml.common import EventStream, FastHTML, P, sse_message
from fasthtml.realtime.sse import StreamClosed
from fasthtml.testing import AsyncClient
from support import SseClient, serve, until, wait_until
from wire_kit import Wire, others_done


class Base(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next): return await call_next(request)


STACKS = {'none': [], 'base': [Middleware(Base)], 'gzip': [Middleware(GZipMiddleware, minimum_size=1)],
          'all': [Middleware(Base), Middleware(GZipMiddleware, minimum_size=1)]}


class Handlers:
    "The object style, as people may write it; each notes its end"
    def __init__(self): self.ended = []

    async def endless(self):
        stream = EventStream()
        try:
            while True:
                await stream.send('x')
                await asyncio.sleep(0.01)
        finally: self.ended.append('handler')

    async def finite(self):
        stream = EventStream()
        for i in range(3): await stream.send(i)

    async def returned_and_closed(self):
        stream = EventStream()
        async def work():
            for i in range(3):
                await asyncio.sleep(0.01)
                await stream.send(i)
            await stream.close()
        self.task = asyncio.create_task(work())
        return stream

    async def closed_by_itself(self):
        stream = EventStream()
        for i in range(3): await stream.send(i)
        await stream.close()
        try: await stream.send('late')
        except StreamClosed: self.ended.append('refused')

    async def fails_after(self):
        stream = EventStream()
        await stream.send(0)
        raise ValueError('swordfish')

    async def fails_before(self):
        EventStream()
        raise ValueError('swordfish')

    async def two_streams(self):
        first, second = EventStream(), EventStream()
        await first.send(0)
        await second.send(1)

    async def swallows_exceptions(self):
        stream = EventStream()
        try:
            while True:
                try:
                    await stream.send('x')
                    await asyncio.sleep(0.01)
                except Exception: pass
        finally: self.ended.append('handler')

    async def swallows_without_waiting(self):
        stream = EventStream()
        try:
            while True:
                try: await stream.send('x'*1000)
                except Exception: pass
        finally: self.ended.append('handler')

    async def in_a_task_group(self):
        stream = EventStream()
        async def pushes(name):
            while True:
                await stream.send(name)
                await asyncio.sleep(0.01)
        try:
            async with asyncio.TaskGroup() as group:
                for name in 'ab': group.create_task(pushes(name))
        finally: self.ended.append('handler')

    async def with_a_timeout(self):
        stream = EventStream()
        await stream.send('before')
        try:
            async with asyncio.timeout(0.02): await asyncio.sleep(30)
        except TimeoutError: await stream.send('its own timeout')
        await stream.send('after')

    async def gathered(self):
        stream = EventStream()
        await asyncio.gather(*(stream.send(name) for name in 'abc'))

    def in_a_thread(self):
        stream = EventStream()
        for i in range(3): stream.send(i)

    def endless_in_a_thread(self):
        stream = EventStream()
        try:
            while True:
                stream.send('x')
                threading.Event().wait(0.01)
        finally: self.ended.append('handler')


def app_with(handlers: Handlers, name: str, stack: str) -> FastHTML:
    app = FastHTML(middleware=STACKS[stack], secret_key='x')
    app.get('/events')(getattr(handlers, name))
    return app


FINITE = {
    'finite': ['0', '1', '2', 'close'], 'returned_and_closed': ['0', '1', '2', 'close'], 'closed_by_itself': ['0', '1', '2', 'close'],
    'fails_after': ['0', 'failed'], 'two_streams': ['0', 'failed'], 'with_a_timeout': ['before', 'its own timeout', 'after', 'close'],
    'gathered': ['a', 'b', 'c', 'close'], 'in_a_thread': ['0', '1', '2', 'close'],
}

@pytest.mark.parametrize('stack', STACKS)
@pytest.mark.parametrize('name', FINITE)
def test_streams_that_end_by_themselves(name, stack):
    handlers = Handlers()
    app = app_with(handlers, name, stack)
    with serve(app) as served, SseClient(served.url, '/events') as client:
        events = client.read_to_end()
        assert [e.data or e.event for e in events] == FINITE[name] and client.ended and 'swordfish' not in client.text
        wait_until(lambda: not app.lifecycle.connections)
    assert name != 'closed_by_itself' or handlers.ended == ['refused']


ENDLESS = ['endless', 'swallows_exceptions', 'swallows_without_waiting', 'in_a_task_group', 'endless_in_a_thread']

@pytest.mark.parametrize('stack', STACKS)
@pytest.mark.parametrize('name', ENDLESS)
@pytest.mark.parametrize('by', ['client', 'server'])
def test_streams_that_are_ended(name, stack, by, caplog):
    handlers = Handlers()
    app = app_with(handlers, name, stack)
    with caplog.at_level(logging.INFO), serve(app) as served:
        client = SseClient(served.url, '/events')
        next(client.events())
        if by == 'server':
            thread = threading.Thread(target=app.lifecycle.drain_sync)
            thread.start()
            assert client.read_to_end()[-1].event == 'shutdown' and client.ended
            thread.join()
        client.close()
        wait_until(lambda: handlers.ended == ['handler'] and not app.lifecycle.connections)
    assert 'Traceback' not in caplog.text


@pytest.mark.parametrize('stack', STACKS)
def test_a_failure_before_the_first_send_is_an_ordinary_500(stack):
    with serve(app_with(Handlers(), 'fails_before', stack)) as served, SseClient(served.url, '/events') as client:
        assert client.status == 500 and 'swordfish' not in client.read()


# What is refused, and how

@pytest.mark.parametrize('where', ['background', 'source', 'source behind middleware', 'parts', 'task'])
def test_a_stream_whose_handler_has_answered_otherwise_is_refused_with_a_sentence_that_helps(where):
    "Also while that answer is being sent: the server's own error says nothing of streams"
    app, errors = FastHTML(middleware=STACKS['base'] if 'middleware' in where else []), []
    async def late(stream):
        try: await stream.send('x')
        except Exception as e: errors.append(str(e))
        return 'end'

    @app.get('/background')
    def background(): return 'page', BackgroundTask(late, EventStream())

    @app.get('/source')
    async def source():
        stream = EventStream()
        async def events():
            yield 'begun'
            yield await late(stream)
        return EventStream(events())

    @app.get('/parts')
    async def parts():
        stream = EventStream()
        yield P('begun')
        yield P(await late(stream))

    @app.get('/task')
    async def task():
        app.state.task = asyncio.create_task(late(EventStream()))
        return 'page'
    with serve(app) as served, SseClient(served.url, f'/{where.split()[0]}') as client:
        client.read_to_end()
        wait_until(lambda: errors)
        assert 'before the handler has answered' in errors[0] and client.status == 200


async def test_outside_of_a_handler_it_says_what_to_do():
    with pytest.raises(RuntimeError, match='elsewhere pass a source|Elsewhere pass a source'): await EventStream().send('x')


def test_in_a_foreign_thread_it_says_so():
    with pytest.raises(RuntimeError, match='EventStream'): EventStream().send('x')


@pytest.mark.parametrize('source', ['text', b'bytes', {'a': 1}, 5, Handlers.finite])
def test_what_is_no_source_is_refused_at_once(source):
    with pytest.raises(TypeError, match='source of events'): EventStream(source)


def test_sending_to_somebody_elses_stream_neither_waits_nor_fails():
    "W4 for the object style: handlers that keep their streams in a set"
    app, streams, answers = FastHTML(), [], []

    @app.get('/events')
    async def events():
        stream = EventStream()
        await stream.send('hello')
        streams.append(stream)
        return stream

    @app.get('/say')
    async def say(msg: str):
        answers.append([await stream.send(msg) for stream in streams])
        return 'said'
    with serve(app) as served, SseClient(served.url, '/events') as steady:
        steady_events = steady.events()
        assert next(steady_events).data == 'hello'
        gone = SseClient(served.url, '/events')
        next(gone.events())
        gone.close()
        wait_until(lambda: len(app.lifecycle.connections) == 1)
        with SseClient(served.url, '/say?msg=hi') as speaker: speaker.read_to_end()
        assert next(steady_events).data == 'hi' and answers == [[True, False]]


# Cancelled at every step. The ASGI side is ours here, so that each await can be the one

def stream_app(registry: list) -> FastHTML:
    app = FastHTML(secret_key='x')

    @app.get('/generator')
    async def by_generator():
        async def source():
            registry.append(1)
            try:
                while True:
                    yield 'x'
                    await asyncio.sleep(0)
            finally: registry.pop()
        return EventStream(source())

    @app.get('/object')
    async def by_object():
        stream = EventStream(max_pending=3000)
        registry.append(1)
        try:
            while True: await stream.send('x'*1000)
        finally: registry.pop()

    @app.get('/channel')
    async def by_channel(): return EventStream(app.channel('c'))

    async def conn(send):
        registry.append(1)
        started.append(1)
        try:
            while True: await send('x' * 1000)
        finally: registry.pop()
    async def disconn(): disconnected.append(1)
    app.state.started, app.state.disconnected = started, disconnected = [], []

    @app.ws('/ws', conn=conn, disconn=disconn, channels='c')
    async def handler(msg: str, send):
        await send('y')
        return P(msg)
    return app


@pytest.mark.parametrize('path', ['/generator', '/object', '/channel', '/ws'])
async def test_cancelled_from_outside_at_any_step(path, caplog):
    "The server, or a middleware's time limit, cancels us: it must see its CancelledError, and nothing may stay behind"
    registry, before = [], asyncio.all_tasks()
    app = stream_app(registry)
    channel = app.channel('c')
    for step in [*range(40), 60, 100, 200]:
        wire = Wire(path, 'websocket' if path == '/ws' else 'http', turns=step % 3)
        task = asyncio.create_task(app(wire.scope, wire.receive, wire.send))
        if path == '/ws': wire.incoming.put_nowait({'type': 'websocket.receive', 'text': '{"msg": "hi"}'})
        for i in range(step):
            await asyncio.sleep(0)
            if i % 5 == 0: channel.publish_sync(f'{i}')
        was_done = task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError): await task
        assert not was_done
        await others_done(before)
        assert registry == [] and len(channel) == 0 and not app.lifecycle.connections, step
        assert app.state.started <= app.state.disconnected <= [1], step  # W2: once, whenever conn has started
        app.state.started.clear()
        app.state.disconnected.clear()


@pytest.mark.parametrize('path', ['/generator', '/object', '/channel', '/ws'])
async def test_the_client_leaving_at_any_step(path):
    registry, before = [], asyncio.all_tasks()
    app = stream_app(registry)
    channel = app.channel('c')
    for step in [*range(40), 60, 100, 200]:
        wire = Wire(path, 'websocket' if path == '/ws' else 'http', turns=step % 3)
        task = asyncio.create_task(app(wire.scope, wire.receive, wire.send))
        for i in range(step):
            await asyncio.sleep(0)
            if i % 5 == 0: channel.publish_sync(f'{i}')
        wire.incoming.put_nowait({'type': 'websocket.disconnect', 'code': 1001} if path == '/ws' else {'type': 'http.disconnect'})
        async with asyncio.timeout(30): await task
        await others_done(before)
        assert registry == [] and len(channel) == 0 and not app.lifecycle.connections, step
        if path == '/ws': assert len(app.state.disconnected) == 1, step  # W2
        app.state.disconnected.clear()


@pytest.mark.parametrize('path', ['/generator', '/object', '/channel', '/ws'])
async def test_the_server_stopping_at_any_step(path):
    "S3 at every moment, also while the response is only starting"
    before = asyncio.all_tasks()
    for step in [*range(14), 20, 60]:
        registry = []
        app = stream_app(registry)
        wire = Wire(path, 'websocket' if path == '/ws' else 'http', turns=step % 3)
        task = asyncio.create_task(app(wire.scope, wire.receive, wire.send))
        for _ in range(step): await asyncio.sleep(0)
        started = bool(app.lifecycle.connections)
        app.lifecycle.served().ending = True   # else the app is served on after the drain
        await asyncio.wait_for(app.lifecycle.drain(), 5)
        async with asyncio.timeout(30): await task
        await others_done(before)
        assert registry == [] and not app.lifecycle.connections, step
        if path == '/ws': assert wire.sent[-1]['type'] == 'websocket.close' and wire.sent[-1]['code'] == 1012, (step, wire.sent[-1])
        else: assert b'event: shutdown\n' in wire.body and wire.sent[-1]['more_body'] is False, (step, started, wire.sent[-2:])


@pytest.mark.parametrize('path', ['/generator', '/object', '/channel', '/ws'])
async def test_a_send_that_fails_at_any_time(path):
    "A server that raises from `send` once its client has gone"
    before = asyncio.all_tasks()
    for broken in range(1, 8):
        registry = []
        app = stream_app(registry)
        wire = Wire(path, 'websocket' if path == '/ws' else 'http')
        send = wire.send
        async def fails(message):
            if len(wire.sent) >= broken:  # noqa: B023
                await asyncio.sleep(0)
                raise OSError('client disconnected')
            await send(message)  # noqa: B023
        task = asyncio.create_task(app(wire.scope, wire.receive, fails))
        for _ in range(20):
            await asyncio.sleep(0)
            app.channel('c').publish_sync('x')
        wire.incoming.put_nowait({'type': 'websocket.disconnect', 'code': 1006} if path == '/ws' else {'type': 'http.disconnect'})
        async with asyncio.timeout(30):
            try: await task
            except OSError: assert broken == 1  # before anything was sent there is nothing to end
        await others_done(before)
        assert registry == [] and not app.lifecycle.connections and len(app.channel('c')) == 0


async def test_a_closing_event_does_not_hide_the_servers_cancellation():
    "Cancelled from outside while a stream runs: a closing event, then the CancelledError goes on"
    app = stream_app([])
    wire = Wire('/generator')
    task = asyncio.create_task(app(wire.scope, wire.receive, wire.send))
    await until(lambda: b'data: x' in wire.body)
    task.cancel()
    with pytest.raises(asyncio.CancelledError): await task
    assert b'event: shutdown' in wire.body and wire.sent[-1]['more_body'] is False


async def test_churn_leaves_no_memory_behind():
    "Thousands of connects and disconnects, half streams and half sockets: the short form of a day under load"
    app, ends = FastHTML(), {'conn': 0, 'disconn': 0}

    @app.get('/events')
    async def events(): return EventStream(app.channel('c'))

    async def conn(send):
        try:
            await send('hello')
            await asyncio.sleep(1000)
        finally: ends['conn'] += 1
    async def disconn(): ends['disconn'] += 1

    @app.ws('/ws', conn=conn, disconn=disconn, channels='c')
    async def handler(msg: str): return P(msg)

    async def visit(path):
        wire = Wire(path, 'websocket' if path == '/ws' else 'http', turns=0)
        task = asyncio.create_task(app(wire.scope, wire.receive, wire.send))
        while len(wire.sent) < 2: await asyncio.sleep(0)
        wire.incoming.put_nowait({'type': 'websocket.disconnect', 'code': 1001} if path == '/ws' else {'type': 'http.disconnect'})
        await task

    async def many(n):
        for _ in range(n//100):
            await asyncio.gather(*(visit('/events' if i % 2 else '/ws') for i in range(100)))
            app.channel('c').publish_sync('x')
        gc.collect()
        return sys.getallocatedblocks(), len(gc.get_objects())
    before, grew = await many(500), []
    for _ in range(3):   # what is made once (a cache, by what ran before) may come in between; a leak comes each time
        after = await many(2000)
        grew.append((after[0] - before[0], after[1] - before[1]))
        before = after
        if grew[-1][0] < 1000 and grew[-1][1] < 300: break
    else: pytest.fail(f'blocks and objects: {grew}')
    assert ends['conn'] == ends['disconn'] == 250 + 1000*len(grew) and not app.lifecycle.connections and len(app.channel('c')) == 0


async def test_events_published_before_the_stop_are_all_delivered():
    "Pending messages first, then the closing event"
    app = stream_app([])
    channel = app.channel('c')
    wires = [Wire('/channel', turns=5) for _ in range(20)]
    tasks = [asyncio.create_task(app(w.scope, w.receive, w.send)) for w in wires]
    await until(lambda: len(channel) == 20)
    for i in range(50): await channel.publish(f'm{i}')
    await app.lifecycle.drain()
    await asyncio.gather(*tasks)
    for wire in wires:
        text = wire.body.decode()
        assert text.count('data: m') == 50 and text.index('data: m49') < text.index('event: shutdown')
        assert wire.sent[-1]['more_body'] is False


def test_sse_message_is_what_stream_send_sends():
    async def twice():
        yield sse_message('a', 'e', id=1, retry=5)
    app = FastHTML()

    @app.get('/source')
    async def source(): return EventStream(twice())

    @app.get('/object')
    async def by_send():
        stream = EventStream()
        await stream.send('a', 'e', id=1, retry=5)

    @app.get('/made')
    async def made():
        stream = EventStream()
        await stream.send(sse_message('a', 'e', id=1, retry=5))
    with serve(app) as served:
        seen = []
        for path in ('/source', '/object', '/made'):
            with SseClient(served.url, path) as client:
                client.read_to_end()
                seen.append(client.text)
    assert len(set(seen)) == 1


@pytest.mark.parametrize('part', ['conn', 'generator', 'plain', 'handler', 'source', 'object'])
def test_work_that_ends_with_its_event_loop_is_no_accident(part, caplog):
    "A loop that ends cancels all tasks, in any order: that of a socket, and that of its `conn`. Ten, so that each order occurs"
    app, began = FastHTML(secret_key='x'), []
    async def forever(): await begun()
    async def begun():
        began.append(1)
        await asyncio.Event().wait()
    async def items():
        began.append(1)
        yield 'x'
        await asyncio.Event().wait()
    def plain(): return begun()
    if part in ('source', 'object'):
        @app.get('/')
        async def stream():
            if part == 'source': return EventStream(items())
            await EventStream().send('x')
            await begun()
    else:
        conn = {'conn': forever, 'generator': items, 'plain': plain}.get(part)
        app.ws('/', conn=conn)(forever if part == 'handler' else lambda: None)
    async def main():
        client, left_open = AsyncClient(app), []
        for _ in range(10):
            left_open.append(client.sse('/') if part in ('source', 'object') else client.ws('/'))
            await left_open[-1].__aenter__()
            if part == 'handler': await left_open[-1].send({})
        await until(lambda: len(began) == 10)
    asyncio.run(main())
    assert not [record for record in caplog.records if record.levelname == 'ERROR'], caplog.text
