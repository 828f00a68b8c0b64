"""Faults that were found by reading, by trying, and in other projects' trackers, each with its kind.

Most run against a server that is ours (`wire_kit.Wire`), so that a send can be slow, stuck or failing at a chosen moment.
"""
import asyncio
import contextlib
import gc
import json
import logging
import threading
import tracemalloc
import weakref

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Mount
from websockets.sync.client import connect

from fasthtml.common import Div, EventStream, FastHTML, Fragment, P, Safe, cancel_on_disconnect, signal_shutdown
from fasthtml.realtime.sse import StreamClosed
from fasthtml.realtime.wire import EventText
from fasthtml.realtime.ws import setup_ws
from fasthtml.testing import AsyncClient, Client
from support import SseClient, each_row, raw_connection, serve, until, wait_until
from wire_kit import VirtualLoop, Wire, others_done

SOCKET_GONE, STREAM_GONE = {'type': 'websocket.disconnect', 'code': 1001}, {'type': 'http.disconnect'}


class Client_(Wire):
    "A client whose reading the test controls: `open` lets everything through, `failure` is raised by `send`"
    def __init__(self, path='/x', kind='http', turns=1, **scope):
        super().__init__(path, kind, turns)
        self.scope.update(scope)
        self.kind, self.open, self.failure = kind, asyncio.Event(), None
        self.open.set()

    async def send(self, message):
        await self.open.wait()
        if self.failure: raise self.failure
        await super().send(message)

    def start(self, app):
        self.task = asyncio.create_task(app(self.scope, self.receive, self.send))
        return self

    def say(self, text='{}'): self.incoming.put_nowait({'type': 'websocket.receive', 'text': text})
    def leave(self): self.incoming.put_nowait(SOCKET_GONE if self.kind == 'websocket' else STREAM_GONE)

    async def ended(self):
        self.leave()
        self.open.set()
        assert (await asyncio.wait([self.task], timeout=30))[0], 'the connection has not ended'

    @property
    def texts(self):
        "What has arrived: the frames, or the data of the events"
        if self.kind == 'websocket': return [m['text'] for m in self.sent if m['type'] == 'websocket.send']
        return [line[6:] for line in self.body.decode().split('\n') if line.startswith('data: ')]


@contextlib.asynccontextmanager
async def talking(app, path='/x', kind='websocket', **options):
    "A connection to `app`, which must end with all that it has begun"
    before = asyncio.all_tasks()
    one = Client_(path, kind, **options).start(app)
    await until(lambda: app.lifecycle.connections or one.task.done())
    yield one
    await one.ended()
    await others_done(before)
    assert not app.lifecycle.connections


def listening(kind: str, *channels, **options) -> FastHTML:
    "An app whose /x subscribes to channels: a stream, or a socket"
    app = FastHTML(secret_key='x')
    names = [app.channel(name, **how) for name, how in channels]
    if kind == 'http': app.get('/x')(lambda: EventStream(names[0], **options))
    else: app.ws('/x', channels=names, **options)(lambda: None)
    return app


def complaints(caplog): return [(r.name, r.getMessage()) for r in caplog.records if r.levelno >= logging.WARNING]


both = pytest.mark.parametrize('kind', ['http', 'websocket'])


# Ending under a busy channel (K1)

@pytest.mark.parametrize('kind,how', [('websocket', 'ws.close'), ('websocket', 'shutdown'), ('http', 'shutdown')])
async def test_what_is_published_after_the_end_was_decided_does_not_delay_the_closing_event_or_frame(kind, how):
    "The connection leaves its channels first, then sends what is pending, then closes"
    app = FastHTML(secret_key='x', grace=5)
    news, n, decided = app.channel('news'), 0, None

    @app.ws('/x', channels=[news])
    async def on_message(ws):
        nonlocal decided
        decided = n
        await ws.close(4000)
    app.get('/y')(lambda: EventStream(news))
    async with talking(app, '/x' if kind == 'websocket' else '/y', kind, turns=3) as one:
        async def flood():
            nonlocal n
            while not one.task.done():
                await news.publish(f'{n} ' + 'x'*5000)
                n += 1
                await asyncio.sleep(0)
        flooding = asyncio.create_task(flood())
        await until(lambda: n > 200)
        if how == 'ws.close': one.say()
        else:
            decided = n
            draining = asyncio.create_task(app.drain())
        assert (await asyncio.wait([one.task], timeout=30))[0], f'{n - decided} messages later it still runs'
        await flooding
        if how == 'shutdown': await draining
        last = max(int(text.split()[0]) for text in one.texts if text)
        assert last <= decided + 5, (last, decided)  # what was published until the drain had begun
        if kind == 'websocket':
            code = 1012 if how == 'shutdown' else 4000
            assert one.sent[-1]['type'] == 'websocket.close' and one.sent[-1]['code'] == code
        else: assert b'event: shutdown' in one.body and one.sent[-1]['more_body'] is False


# Bounds (K2, K6, K7, K9)

def test_what_is_published_for_a_loop_that_is_busy_is_bounded():
    "A job in a thread publishes while a handler blocks the event loop"
    app, go_on, blocked = FastHTML(secret_key='x'), threading.Event(), threading.Event()
    news = app.channel('news')
    app.ws('/x', channels=[news])(lambda: None)

    @app.get('/block')
    async def block():
        blocked.set()
        go_on.wait(20)
    with serve(app) as served, connect(f'{served.ws_url}/x', compression=None) as client:
        wait_until(lambda: len(news) == 1)
        with raw_connection(served.port, b'GET /block HTTP/1.1\r\nHost: x\r\n\r\n'):
            assert blocked.wait(30)
            tracemalloc.start()
            try:
                for n in range(10_000): news.publish_sync(f'{n} ' + 'y'*1000)
                size = tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()
                go_on.set()
            assert size < 5_000_000, f'{size} bytes wait for one client that may have 256 KiB'
            while client.recv(timeout=30).split()[0] != '9999': pass  # the newest is not among those that were dropped


@both
async def test_latest_keeps_the_newest_of_messages_without_a_name(kind):
    app = listening(kind, ('c', dict(when_full='latest')))
    async with talking(app, kind=kind) as one:
        await until(lambda: len(app.channel('c')) == 1 and len(one.sent) > 1 - (kind == 'websocket'))
        one.open.clear()
        for n in range(10):
            await app.channel('c').publish(f'v{n}')
            await asyncio.sleep(0)
        one.open.set()
        await until(lambda: 'v9' in one.texts)
        assert [text for text in one.texts if text] in (['v0', 'v9'], ['v9'], ['v0', 'v1', 'v9'])


@pytest.mark.parametrize('policy', ['close', 'latest'])
@pytest.mark.parametrize('order', ['before', 'after', 'left'])
async def test_when_full_of_one_channel_does_not_act_on_the_messages_of_another(policy, order):
    app = FastHTML(secret_key='x')
    strict, plain = app.channel('strict', when_full=policy), app.channel('plain')
    app.ws('/x', channels=[strict, plain] if order != 'after' else [plain, strict])(lambda: None)
    async with talking(app) as one:
        [connection] = app.lifecycle.connections
        if order == 'left': strict.leave(connection)
        one.open.clear()
        for n in range(10):
            await plain.publish(f'{n} ' + 'x'*20_000)  # fits
            await asyncio.sleep(0)
        one.open.set()
        await until(lambda: len(one.texts) == 10)
        one.open.clear()
        for n in range(40):
            await plain.publish(f'{n} ' + 'x'*20_000)  # does not fit: the oldest are dropped
            await asyncio.sleep(0)
        one.open.set()
        await until(lambda: one.texts[-1].startswith('39 '))
        assert not one.task.done()


async def test_a_large_message_of_its_own_keeps_its_place_under_a_busy_channel():
    "`await send(x)` waits for room; what is published meanwhile must not take it away again and again"
    app, sent = FastHTML(secret_key='x'), []
    news = app.channel('news')
    full = asyncio.Event()
    async def conn(send):
        await full.wait()
        await send('L'*250_000)
        sent.append(1)
    app.ws('/x', conn=conn, channels=[news])(lambda: None)
    async with talking(app, turns=3) as one:
        async def flood():
            n = 0
            while not sent and not one.task.done():
                for _ in range(3): await news.publish('y'*40_000)
                n += 3
                if n > 30: full.set()
                await asyncio.sleep(0)
        await asyncio.wait_for(flood(), 5)
        await until(lambda: any(text.startswith('L') for text in one.texts))


# Events and heartbeats (K3, F6)

async def test_an_event_in_the_same_turn_as_a_heartbeat_is_not_held_back():
    app, late, total = FastHTML(secret_key='x'), [], 0
    beat = 0.02

    @app.get('/x')
    async def x(n: int):
        async def source():
            nonlocal total
            for i in range(40):
                yield f'{i}'
                await asyncio.sleep(beat*(1 + (n + 7*i)%30/60))  # around the next heartbeat
                total += 1
                arrived = lambda i=i: f'data: {i}\n' in clients[n].body.decode()
                for _ in range(5):   # on a slow machine both timers are over in one turn of the loop
                    if not arrived(): await asyncio.sleep(0)
                if not arrived(): late.append(i)
        return EventStream(source(), heartbeat=beat)
    clients = [Client_(kind='http', query_string=f'n={n}'.encode()) for n in range(40)]
    for client in clients: client.start(app)
    await asyncio.wait_for(asyncio.gather(*(client.task for client in clients)), 30)
    assert total == 1600 and not late, f'{len(late)} of {total} events came a heartbeat late, or more'


@each_row('option', ['heartbeat', 'slow'])
@each_row('value', [0, 0.0, -1, float('nan'), '15', True])
def test_a_time_that_is_no_positive_number_is_refused_at_once(option, value):
    with pytest.raises((ValueError, TypeError), match=option): EventStream([], **{option: value})


@pytest.mark.parametrize('value', [0, -1, '15'])
def test_the_times_of_a_socket_are_checked_where_it_is_registered(value):
    app = FastHTML(secret_key='x')
    with pytest.raises((ValueError, TypeError), match='slow'): app.ws('/x', slow=value)(lambda: None)


@pytest.mark.parametrize('value', [0, -1, '1 MB', True, float('nan')])
def test_a_size_that_makes_no_sense_is_refused_where_it_is_written(value):
    "A negative `max_pending` ended each stream after 30 seconds"
    app = FastHTML(secret_key='x')
    with pytest.raises(ValueError, match='max_pending'): EventStream([], max_pending=value)
    for option in 'max_pending', 'max_size':
        with pytest.raises(ValueError, match=option): app.ws('/x', **{option: value})(lambda: None)
    for option in ('history', 'keep') if value != 0 else ():
        with pytest.raises(ValueError, match=option): app.channel('x', **{option: value})


async def test_heartbeat_none_is_never():
    app, go_on = FastHTML(secret_key='x'), asyncio.Event()

    @app.get('/x')
    async def x():
        async def source():
            yield 'a'
            await go_on.wait()
            yield 'b'
        return EventStream(source(), heartbeat=None)

    @app.get('/y')
    async def y():
        async def source():
            yield 'a'
            await go_on.wait()
        return EventStream(source(), heartbeat=0.01)
    async with talking(app, '/y', 'http') as other, talking(app, '/x', 'http') as one:
        await until(lambda: other.body.count(b':\n\n') > 20)
        assert b':\n\n' not in one.body
        go_on.set()
        await until(lambda: b'data: b' in one.body)


# Frames (K4)

class Pair:
    def __init__(self, *parts): self.parts = parts
    def __ft__(self): return self.parts


class Fragmented(Pair):
    def __ft__(self): return Fragment(*self.parts)


class Nested(Pair):
    def __ft__(self): return Pair(*self.parts)


PARTS = [Div('1', id='a'), P('2'), Div('3', title=Safe('a>b'), id='c')]
FRAME = ('<div hx-swap-oob="true" id="a">1</div>', '<p>2</p>', '<div hx-swap-oob="true" title="a>b" id="c">3</div>')


@pytest.mark.parametrize('how', ['returned', 'yielded', 'sent', 'published', 'setup_ws'])
@pytest.mark.parametrize('content', [Pair(*PARTS), Fragmented(*PARTS), Nested(*PARTS), tuple(PARTS), PARTS, Fragment(*PARTS),
                                     [Pair(*PARTS)], Fragment(Fragment(*PARTS[:1]), map(lambda x: x, PARTS[1:]))],
                         ids=['tuple', 'fragment', 'nested', 'plain tuple', 'list', 'plain fragment', 'in a list', 'fragments'])
async def test_an_object_that_draws_several_elements_is_sent_as_its_parts(content, how):
    app = FastHTML(secret_key='x')
    news = app.channel('news')
    if how == 'setup_ws': push = setup_ws(app)

    @app.ws('/x', channels=[news])
    async def x(send):
        if how == 'returned': return content
        await send(content)

    @app.ws('/y')
    async def y(): yield content
    path = {'yielded': '/y', 'setup_ws': '/ws'}.get(how, '/x')
    async with talking(app, path) as one:
        if how == 'published': await news.publish(content)
        elif how == 'setup_ws': await push(content)
        else: one.say()
        await until(lambda: one.texts)
        assert one.texts == [''.join(FRAME)]


# Who may have a stream (K5), and what is left of it (K8, K12)

def test_a_second_request_with_the_same_stream_is_refused_and_the_first_lives():
    app = FastHTML()
    news = app.channel('news')
    stream = EventStream(news)
    app.get('/x')(lambda: stream)
    with serve(app, log_level='critical') as served, SseClient(served.url, '/x') as one:
        for _ in range(2):
            with SseClient(served.url, '/x') as two: assert two.status == 500
        news.publish_sync('still here')
        assert next(one.events()).data == 'still here'


@pytest.mark.parametrize('path', ['/channel', '/source', '/ws'])
def test_an_event_loop_that_had_connections_can_be_forgotten(path):
    loops = []
    app = FastHTML(secret_key='x')

    async def source():
        yield 'x'
        await asyncio.sleep(1000)

    @app.get('/channel')
    async def by_channel():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        return EventStream(app.channel('c', history=3))

    @app.get('/source')
    async def by_source():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        return EventStream(source())

    async def conn(): loops.append(weakref.ref(asyncio.get_running_loop()))

    @app.ws('/ws', conn=conn, channels='c')
    async def ws(): return 'x'
    for _ in range(6):
        with Client(app) as client:
            if path == '/ws':
                with client.ws('/ws') as socket:
                    socket.send({})
                    socket.receive()
            else:
                with client.sse(path): app.channel('c', history=3).publish_sync('x')
    del client
    gc.collect()
    alive = sum(ref() is not None for ref in loops)
    assert len(loops) == 6 and alive <= 1, f'{alive} of 6 event loops are still there'  # the app remembers the last one


@pytest.mark.parametrize('cancellations', [1, 2, 3])
@pytest.mark.parametrize('how', ['object', 'source', 'channel'])
async def test_cancelled_while_the_stream_opens_leaves_no_task(how, cancellations):
    "The client takes not even the headers"
    app, before = FastHTML(secret_key='x'), asyncio.all_tasks()

    @app.get('/x')
    async def x():
        if how == 'channel': return EventStream(app.channel('c'))
        if how == 'source': return EventStream(iter('ab'))
        await EventStream().send('x')
    one = Client_(kind='http')
    one.open.clear()
    one.start(app)
    for _ in range(20): await asyncio.sleep(0)
    for _ in range(cancellations):
        one.task.cancel()
        for _ in range(3): await asyncio.sleep(0)
    await asyncio.wait([one.task], timeout=30)
    assert one.task.done()
    await others_done(before)
    assert not app.lifecycle.connections and not len(app.channel('c'))


# Order of an ending (K10)

async def agen(order):
    try:
        while True:
            yield 'x'
            await asyncio.sleep(0)
    finally:
        order.append('closing')
        for _ in range(3): await asyncio.sleep(0)
        order.append('closed')


@pytest.mark.parametrize('end', ['client', 'shutdown', 'cancelled'])
@pytest.mark.parametrize('part', ['handler', 'returned by the handler', 'conn', 'returned by conn', 'on_error'])
async def test_a_generator_is_closed_before_disconn_runs(part, end):
    app, order = FastHTML(secret_key='x', grace=2), []
    async def runs():
        async for x in agen(order): yield x
    async def yields():
        inner = agen(order)
        try:
            async for x in inner: yield x
        finally: await inner.aclose()
    async def returns(): return agen(order)
    async def nothing(): pass
    async def needs(n: int): pass
    async def disconn(): order.append('disconn')
    options = {'conn': dict(conn=yields), 'returned by conn': dict(conn=returns), 'on_error': dict(on_error=yields)}.get(part, {})
    handler = {'handler': yields, 'returned by the handler': returns, 'on_error': needs}.get(part, nothing)
    app.ws('/x', disconn=disconn, **options)(handler)
    async with talking(app) as one:
        one.say()
        await until(lambda: len(one.texts) > 2)
        if end == 'client': one.leave()
        elif end == 'cancelled': one.task.cancel()
        else: await app.drain()
        await asyncio.wait([one.task], timeout=30)
        assert order == ['closing', 'closed', 'disconn']


@pytest.mark.parametrize('cut', [False, True], ids=['in time', 'at the end of the grace'])
async def test_the_closing_event_does_not_wait_for_a_source_that_takes_long_to_close(cut, caplog):
    "As the close frame does not wait for `conn`. The source is closed all the same, by the task that has read it"
    app, go_on, ended = FastHTML(secret_key='x', grace=0.8 if cut else 30), asyncio.Event(), []
    async def source():
        try:
            async with asyncio.TaskGroup():   # may be left by the task only that has entered it
                yield 'x'
                await asyncio.sleep(1000)
        finally:
            try: await go_on.wait()
            finally: ended.append(asyncio.current_task())
    app.get('/x')(lambda: EventStream(source()))
    async with talking(app, kind='http') as one:
        await until(lambda: b'data: x' in one.body)
        draining = asyncio.create_task(app.drain())
        await until(lambda: one.sent[-1].get('more_body') is False)
        assert b'event: shutdown' in one.body and not ended
        if not cut: go_on.set()
        await draining
        assert ended == [one.task]
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


# What the log says (K11, K13, F4)

@both
async def test_a_failure_of_send_that_is_not_a_client_leaving_is_logged(kind, caplog):
    app = listening(kind, ('c', {}))
    with caplog.at_level(logging.INFO):
        async with talking(app, kind=kind) as one:
            await until(lambda: len(app.channel('c')) == 1)
            one.failure = RuntimeError('dictionary changed size during iteration')
            await app.channel('c').publish('x')
            await until(lambda: complaints(caplog))
    assert 'changed size' in caplog.text


GONE = [OSError('gone'), ConnectionResetError(), BrokenPipeError(),
        RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close' or response already completed."),
        RuntimeError('Cannot call "send" once a close message has been sent.')]


@pytest.mark.parametrize('failure', GONE, ids=lambda e: type(e).__name__ + str(e)[:10])
@both
async def test_a_client_that_has_gone_is_no_news(kind, failure, caplog):
    app = listening(kind, ('c', {}))
    with caplog.at_level(logging.INFO):
        async with talking(app, kind=kind) as one:
            await until(lambda: len(app.channel('c')) == 1)
            one.failure = failure
            await app.channel('c').publish('x')
            await asyncio.sleep(0)
    assert not complaints(caplog)


@pytest.mark.parametrize('part', ['on_error', 'handler', 'conn', 'disconn'])
async def test_a_function_that_sends_to_a_client_that_has_left_is_no_news(part, caplog):
    app, sent = FastHTML(secret_key='x'), 0
    async def pushes(send):
        nonlocal sent
        for _ in range(1000):
            await send('x')
            sent += 1
            await asyncio.sleep(0)
    async def needs(n: int): pass
    async def nothing(): pass
    options = {} if part == 'handler' else {part: pushes}
    app.ws('/x', **options)(pushes if part == 'handler' else needs if part == 'on_error' else nothing)
    with caplog.at_level(logging.INFO):
        async with talking(app) as one:
            one.say()
            if part != 'disconn': await until(lambda: sent > 3)
            one.failure = OSError('gone')
            one.leave()
            await asyncio.wait([one.task], timeout=30)
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert not errors and 'Traceback' not in caplog.text


@pytest.mark.parametrize('start', ['create_task', 'ensure_future'])
@pytest.mark.parametrize('part', ['conn', 'handler', 'object'])
async def test_a_task_of_the_programs_that_sends_after_the_end_is_no_news(part, start, caplog):
    "It is ended by what `send` raises, and its result is not read"
    app, tasks, sent = FastHTML(secret_key='x'), [], 0
    async def pump(send):
        nonlocal sent
        while True:
            await send('x')
            sent += 1
            await asyncio.sleep(0)
    async def starts(send):
        if start == 'create_task': tasks.append(asyncio.create_task(pump(send)))
        else: tasks.append(asyncio.ensure_future(pump(send)))
    async def nothing(): pass
    app.ws('/x', **(dict(conn=starts) if part == 'conn' else {}))(starts if part == 'handler' else nothing)

    @app.get('/y')
    async def y():
        stream = EventStream()
        await starts(stream.send)
        await asyncio.sleep(1000)
    with caplog.at_level(logging.INFO):
        async with talking(app, *(('/y', 'http') if part == 'object' else ('/x', 'websocket'))) as one:
            one.say()
            await until(lambda: sent > 3)
            one.leave()
            await asyncio.wait([one.task], timeout=30)
            await until(lambda: tasks[0].done(), what='the task to end')
            tasks.clear()
            gc.collect()
            await asyncio.sleep(0)
    assert not complaints(caplog)


@pytest.mark.parametrize('how', ['gathered', 'in turn', 'beside a task'])
@pytest.mark.parametrize('part', ['conn', 'handler', 'on_error', 'object'])
async def test_a_function_that_goes_on_sending_to_a_client_that_has_left_is_no_news(part, how, caplog):
    "From the second refused send on, the sender is cancelled: no other code has asked for that. `disconn` gets the client's code"
    app, rounds, codes, beside = FastHTML(secret_key='x'), 0, [], []
    async def pumps(send):
        if how == 'beside a task': beside.append(asyncio.create_task(pump(send)))
        await pump(send)
    async def pump(send):
        nonlocal rounds
        while True:
            rounds += 1
            with contextlib.suppress(Exception):
                if how == 'gathered': await asyncio.gather(send('a'), send('b'))
                else: await send('a')
    async def needs(n: int): pass
    async def nothing(): pass
    async def disconn(code: int): codes.append(code)
    options = {} if part == 'handler' else {part: pumps}
    if part == 'object': app.get('/x')(streaming(pumps))
    else: app.ws('/x', disconn=disconn, **options)(pumps if part == 'handler' else needs if part == 'on_error' else nothing)
    with caplog.at_level(logging.INFO):
        async with talking(app, kind='http' if part == 'object' else 'websocket') as one:
            if part != 'object': one.say()
            await until(lambda: rounds > 3)
            connection, = app.lifecycle.connections
            one.failure = OSError('gone')
            await until(lambda: connection.refused > 1 or one.task.done())
            for _ in range(10): await asyncio.sleep(0)
            one.leave()
            await asyncio.wait([one.task], timeout=30)
    assert codes == ([] if part == 'object' else [1001])
    assert not [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR], caplog.text


def streaming(f):
    "A handler that lets a function send"
    async def handler():
        stream = EventStream()
        await f(stream.send)
        return stream
    return handler


@pytest.mark.parametrize('end', ['gone', 'aged'])
@pytest.mark.parametrize('part', ['conn', 'handler', 'on_error', 'object', 'task of conn', 'task of object', 'reader'])
def test_a_function_that_catches_whatever_its_send_raises_does_not_keep_the_loop_busy(part, end):
    "Its cancellation too, each time. Time passes only while no code runs: on the clock of the test a loop without a pause never ends"
    async def main():
        app, rounds, over = FastHTML(secret_key='x'), 0, False
        async def pump(send, *args):
            nonlocal rounds
            while not over and rounds < 5000:
                rounds += 1
                with contextlib.suppress(BaseException):
                    await send(*args)
                    await asyncio.sleep(0.1)
        async def pumps(send): await pump(send, 'a')
        async def reads(ws): await pump(ws.receive_text)
        async def begins(send): beside.append(asyncio.create_task(pump(send, 'a')))
        async def needs(n: int): pass
        async def nothing(): pass
        beside, kind = [], 'http' if 'object' in part else 'websocket'
        f = reads if part == 'reader' else begins if part.startswith('task') else pumps
        if kind == 'http': app.get('/x')(streaming(f))
        elif part == 'handler': app.ws('/x')(f)
        elif part == 'on_error': app.ws('/x', on_error=f)(needs)
        else: app.ws('/x', conn=f)(nothing)
        one = Client_(kind=kind).start(app)
        if part in ('handler', 'on_error'): one.say()
        while not rounds or not app.lifecycle.connections: await asyncio.sleep(0.01)
        for connection in app.lifecycle.connections: connection.end(end, 1012)
        one.leave()
        await asyncio.sleep(60)
        found, over = rounds, True
        await asyncio.wait([one.task, *beside])
        await asyncio.sleep(60)   # `conn` is not waited for
        return found
    assert asyncio.Runner(loop_factory=VirtualLoop).run(main()) < 400


@pytest.mark.parametrize('how', ['is quiet', 'answers', 'gets bad fields', 'asks for the request', 'has waited'])
async def test_many_messages_that_came_at_once_let_others_have_their_turn(how, caplog):
    "A read of the server may hold thousands of small ones, and none of their handlers has to wait"
    caplog.set_level(logging.ERROR, 'fasthtml.realtime.ws')
    app, n, most, seen, handled = FastHTML(secret_key='x'), 1000, 0, 0, []
    async def quiet(): handled.append(1)
    async def answers():
        handled.append(1)
        return 'x'
    async def on_error(errors): handled.append(1)
    async def asks(ws): handled.append(1)
    async def waits():
        if not handled: await asyncio.sleep(0.1)   # messages are read ahead meanwhile
        handled.append(1)
    async def needs(n: int): pass
    f = {'is quiet': quiet, 'answers': answers, 'gets bad fields': needs, 'asks for the request': asks, 'has waited': waits}[how]
    app.ws('/x', **({'on_error': on_error} if f is needs else {}))(f)
    one = Client_(kind='websocket', turns=0).start(app)
    await until(lambda: app.lifecycle.connections)
    for _ in range(n): one.say('{"n": "no number"}')
    while len(handled) < n and not one.task.done():
        await asyncio.sleep(0)
        most, seen = max(most, len(handled) - seen), len(handled)
    await one.ended()
    assert len(handled) == n and most <= 100, (len(handled), most)


@pytest.mark.parametrize('max_pending', [1000, 256*1024])
@both
async def test_a_loop_that_sends_to_another_client_that_does_not_read_lets_others_have_their_turn(kind, max_pending):
    "It never waits for that client, so nothing else ran, not even what writes to it"
    app, kept, n, turns = FastHTML(secret_key='x'), [], 0, 0
    async def nothing(): pass
    async def conn(send):
        kept.append(send)
        await asyncio.Event().wait()
    @app.get('/x')
    async def x():
        stream = EventStream(max_pending=max_pending)
        kept.append(stream.send)
        await stream.send('first')
        return stream
    app.ws('/x', conn=conn, max_pending=max_pending)(nothing)
    @app.get('/flood')
    async def flood():
        nonlocal n
        while n < 3000:
            n += 1
            await kept[0]('x'*500)
        return 'done'
    async with talking(app, kind=kind) as one:
        await until(lambda: kept)
        one.open.clear()
        other = Client_('/flood').start(app)
        while not other.task.done():
            await asyncio.sleep(0)
            turns += 0 < n < 3000
        one.open.set()
    assert n == 3000 and turns > 1000, turns


NOTHING = {'None': None, 'an empty text': '', 'True': True, 'no parts': Fragment(), 'an empty event': EventText()}

@pytest.mark.parametrize('what', NOTHING)
@pytest.mark.parametrize('part', ['conn', 'conn that yields', 'handler', 'handler that yields', 'source', 'object'])
async def test_a_loop_that_sends_nothing_lets_others_have_their_turn(part, what):
    "Nothing is sent, so nothing had to be waited for, and no other client was served"
    app, rounds, turns, most = FastHTML(secret_key='x'), 0, 0, 3000
    async def sends(send):
        nonlocal rounds
        while rounds < most:
            rounds += 1
            await send(NOTHING[what])
    async def yields():
        nonlocal rounds
        while rounds < most:
            rounds += 1
            yield NOTHING[what]
    async def nothing(): pass
    f = yields if 'yields' in part else sends
    if part == 'source': app.get('/x')(lambda: EventStream(yields()))
    elif part == 'object': app.get('/x')(streaming(sends))
    elif part.startswith('conn'): app.ws('/x', conn=f)(nothing)
    else: app.ws('/x')(f)
    one = Client_(kind='http' if part in ('source', 'object') else 'websocket').start(app)
    if part.startswith('handler'): one.say()
    while rounds < most and not one.task.done():
        turns += bool(rounds)
        await asyncio.sleep(0)
    await one.ended()
    assert turns >= (40 if part not in ('source', 'object') or 'empty event' in what else 0), turns


@pytest.mark.parametrize('quick', [0, 1])
def test_a_message_whose_handler_hangs_delays_disconn_as_little_as_the_one_before_it(quick):
    "Both were received before their client left; on a clock of the test"
    async def main():
        app, loop, ends = FastHTML(secret_key='x'), asyncio.get_running_loop(), []
        async def disconn(): ends.append(loop.time())
        @app.ws('/x', disconn=disconn)
        async def handler(n: int): await asyncio.sleep(0.2 if n < quick else 100_000)
        one = Client_(kind='websocket').start(app)
        for n in range(3): one.say(json.dumps({'n': n}))
        await until(lambda: app.lifecycle.connections)
        await asyncio.sleep(0.1)
        one.leave()
        await asyncio.wait([one.task], timeout=1000)
        return one.task.done(), ends, app.site.limits.open
    done, ends, left = asyncio.Runner(loop_factory=VirtualLoop).run(main())
    assert done and len(ends) == 1 and ends[0] < 5 and left == 0, (done, ends)


@pytest.mark.parametrize('failure', GONE[:2], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize('how', ['source', 'object', 'object of a plain function', 'channel'])
async def test_a_client_that_leaves_while_its_stream_opens_is_no_news(how, failure, caplog):
    "The server has said so by what `send` raised; an error of ours would be logged by it as one of the program's"
    app, before = FastHTML(secret_key='x'), asyncio.all_tasks()

    @app.get('/x')
    async def x():
        if how == 'channel': return EventStream(app.channel('c'))
        if how == 'source': return EventStream(iter('ab'))
        await EventStream().send('x')
    @app.get('/plain')
    def plain(): EventStream().send('x')
    with caplog.at_level(logging.INFO):
        one = Client_('/plain' if 'plain' in how else '/x', kind='http')
        one.failure = failure
        await one.start(app).task
    assert not complaints(caplog)
    await others_done(before)


OPENINGS = {'the client left': StreamClosed, 'too many': HTTPException, 'the server refuses': ValueError, 'the server hangs': StreamClosed,
            'answered': RuntimeError}
OPENERS = 'handler', 'task', 'task of a stream that is returned', 'thread'
OPENED = [(who, why) for who in OPENERS for why in list(OPENINGS)[:3]]

@pytest.mark.parametrize('who,why', [*OPENED, ('task', 'the server hangs'), ('thread', 'the server hangs'), ('task', 'answered')])
def test_a_sender_whose_stream_cannot_be_opened_hears_why_and_ends_soon(who, why, caplog):
    "Also one that catches every exception and never waits: it kept everything else from running. On a clock of the test, but for threads"
    async def main():
        app, errors, senders, over = FastHTML(secret_key='x'), [], [], asyncio.Event()
        one = Client_(kind='http')
        if why == 'the client left': one.failure = OSError('gone')
        if why == 'the server refuses': one.failure = ValueError('no header')
        if why == 'the server hangs': one.open.clear()
        if why == 'too many': app.site.limits.admit = lambda scope: 'too many are open'
        async def pump(stream):
            while not over.is_set() and len(errors) < 5000:
                try: await stream.send('x')
                except Exception as e: errors.append(e)
        def pump_in_thread(stream):
            while not over.is_set() and len(errors) < 5000:
                try: stream.send('x')
                except Exception as e: errors.append(e)
        def begin(stream):
            if who == 'thread': senders.append(asyncio.ensure_future(asyncio.to_thread(pump_in_thread, stream)))
            else: senders.append(asyncio.create_task(pump(stream)))

        @app.get('/x')
        async def x():
            stream = EventStream()
            if who == 'handler': return await pump(stream)
            begin(stream)
            while stream._opening is None and why != 'answered': await asyncio.sleep(0.01)
            if 'returned' in who: return stream
        one.start(app)
        await asyncio.wait([one.task], timeout=30)
        one.open.set()
        await asyncio.wait([one.task])
        if senders: await asyncio.wait(senders, timeout=30)
        found = len(errors)
        over.set()
        await asyncio.wait([one.task, *senders])
        return errors[0], found, one.task.exception(), [m['status'] for m in one.sent if 'status' in m], [t.done() for t in senders]
    with caplog.at_level(logging.INFO):
        error, rounds, raised, statuses, ended = asyncio.Runner(loop_factory=None if who == 'thread' else VirtualLoop).run(main())
        gc.collect()
    assert isinstance(error, OPENINGS[why]) and rounds < 400, (error, rounds)
    assert statuses == {'too many': [503], 'answered': [200]}.get(why, []), statuses
    assert raised is (error if why == 'the server refuses' else None)
    assert all(ended) and 'never retrieved' not in caplog.text, caplog.text


@pytest.mark.parametrize('lost', [0, 1, 2])
@pytest.mark.parametrize('why', ['timeout', 'the client left'])
def test_a_handler_that_is_cancelled_on_disconnect_and_loses_its_cancellation_gets_another(why, lost):
    "Its client waited for the 504 for as long as it went on. On a clock of the test"
    async def main():
        app, caught, work = FastHTML(secret_key='x'), 0, None
        @app.get('/x')
        @cancel_on_disconnect(timeout=5)
        async def x():
            nonlocal caught, work
            work = asyncio.current_task()
            while caught < lost:
                try: await asyncio.sleep(100_000)
                except asyncio.CancelledError: caught += 1
            await asyncio.sleep(100_000)
        one = Client_(kind='http').start(app)
        await asyncio.sleep(1)
        if why != 'timeout': one.leave()
        await asyncio.wait([one.task], timeout=1000)
        found = one.task.done(), caught, [m['status'] for m in one.sent if 'status' in m], asyncio.get_running_loop().time()
        while not one.task.done():
            work.cancel()
            await asyncio.wait([one.task], timeout=1)
        return found
    done, caught, statuses, now = asyncio.Runner(loop_factory=VirtualLoop).run(main())
    assert done and caught == lost and statuses == [504 if why == 'timeout' else 204] and now < 6 + 10*lost


UPLOADS = 'answer', 'answer, task group', 'source', 'source, task group', 'object', 'object, task group', 'object, read before', 'parts'

@pytest.mark.parametrize('what', UPLOADS)
async def test_a_client_that_leaves_while_its_upload_is_read_is_no_news_and_no_stream_stays_open(what, caplog):
    "Starlette raises ClientDisconnect in what reads the body, perhaps before the stream is notified"
    app, reading, before = FastHTML(secret_key='x'), asyncio.Event(), asyncio.all_tasks()
    async def read(req):
        async for _ in req.stream(): reading.set()
    async def read_in_group(req):
        async with asyncio.TaskGroup() as group: group.create_task(read(req))
    reads = read_in_group if 'group' in what else read

    @app.post('/answer')
    async def answer(req: Request): await reads(req)

    @app.post('/source')
    async def source(req: Request):
        async def events():
            yield 'begun'
            await reads(req)
        return EventStream(events())

    @app.post('/object')
    async def object_(req: Request):
        reader = asyncio.ensure_future(reads(req)) if 'before' in what else None
        if reader: await reading.wait()
        await EventStream().send('begun')
        await (reader or reads(req))

    @app.post('/parts')
    async def parts(req: Request):
        yield P('begun')
        await reads(req)
    one = Client_(f'/{what.partition(",")[0]}', method='POST', headers=[(b'host', b'x'), (b'content-length', b'1000')])
    one.incoming.put_nowait({'type': 'http.request', 'body': b'x'*10, 'more_body': True})
    with caplog.at_level(logging.INFO):
        one.start(app)
        await reading.wait()
        if 'answer' not in what: await until(lambda: b'begun' in one.body)
        one.leave()   # one message: the reader that has waited longest gets it
        await one.task
    assert not complaints(caplog) and not app.lifecycle.connections
    await others_done(before)


@pytest.mark.parametrize('own', [True, False])
async def test_a_function_that_meets_the_end_of_another_socket_says_so(own, caplog):
    "A handler that sends to kept sockets stops at the first that has gone, and the others get nothing: an error says so"
    app, kept, closed = FastHTML(secret_key='x'), [], asyncio.Event()
    async def conn(ws): kept.append(ws)
    async def disconn(): closed.set()
    @app.ws('/x', conn=conn, disconn=disconn)
    async def to_all(ws):
        if own: await ws.close()
        for other in kept: await other.send_text('x')
    with caplog.at_level(logging.INFO):
        async with talking(app): await until(lambda: kept)
        await closed.wait()
        if own: kept.clear()
        async with talking(app) as two:
            two.say()
            if own: await asyncio.wait([two.task])
            else: await until(lambda: complaints(caplog))
            assert two.task.done() == own
    assert len(complaints(caplog)) == (not own)


# Cancelled by two (K14)

@pytest.mark.parametrize('path', ['/source', '/object', '/channel', '/ws'])
async def test_a_cancellation_from_outside_near_one_of_ours_goes_on(path):
    app, before = FastHTML(secret_key='x'), asyncio.all_tasks()

    @app.get('/source')
    async def source(): return EventStream(agen([]))

    @app.get('/object')
    async def by_object():
        stream = EventStream()
        while True: await stream.send('x' * 1000)

    @app.get('/channel')
    async def by_channel(): return EventStream(app.channel('c'))

    async def conn(send):
        while True:
            await send('x')
            await asyncio.sleep(0)
    app.ws('/ws', conn=conn)(lambda: None)
    lost = []
    for gap in range(-3, 12):
        one = Client_(path, 'websocket' if path == '/ws' else 'http').start(app)
        for _ in range(30): await asyncio.sleep(0)
        if gap >= 0:
            one.leave()
            for _ in range(gap): await asyncio.sleep(0)
        was_done = one.task.done()
        one.task.cancel()
        if gap < 0:
            for _ in range(gap + 3): await asyncio.sleep(0)
            one.leave()
        await asyncio.wait([one.task], timeout=30)
        if not was_done and not one.task.cancelled(): lost.append(gap)
        await others_done(before)
    assert not lost, f'CancelledError did not arrive {lost} turns after the client had left'


async def test_a_cancellation_from_outside_goes_on_although_a_task_sends_in_the_same_turn():
    "It is the handler that must go on, and has not: what its tasks do says nothing of that"
    app, sending = FastHTML(secret_key='x'), []

    @app.get('/x')
    async def x():
        stream = EventStream()
        async def pump():
            while True:
                await stream.send('x')
                await asyncio.sleep(0)
        sending.append(asyncio.create_task(pump()))
        await asyncio.sleep(1000)
    for turns in range(4):
        one = Client_(turns=turns).start(app)
        await until(lambda one=one: len(one.sent) > 5)
        one.leave()
        one.task.cancel()
        await asyncio.wait([one.task], timeout=30)
        assert one.task.cancelled(), turns
    for task in sending: task.cancel()


@pytest.mark.parametrize('order', ['ours first', 'theirs first'])
async def test_a_cancellation_from_outside_in_the_same_turn_as_ours_goes_on(order):
    "Before either has arrived, the source has ended by itself"
    app = FastHTML(secret_key='x')

    @app.get('/x')
    async def x():
        async def source():
            yield 'x'
            [connection] = app.lifecycle.connections
            if order == 'ours first': connection.abort()
            one.task.cancel()
            if order != 'ours first': connection.abort()
        return EventStream(source())
    one = Client_().start(app)
    await asyncio.wait([one.task], timeout=30)
    assert one.task.cancelled()


@pytest.mark.parametrize('read', ['receive_text', 'receive_bytes', 'receive_json', 'iter_text'])
@pytest.mark.parametrize('part', ['conn', 'handler', 'task'])
async def test_who_reads_on_after_closing_the_socket_lets_others_run_and_ends(part, read, caplog):
    "`while True: try: await ws.receive_text() except Exception: pass` stopped the whole server after `ws.close()`"
    app, most, tries, tasks = FastHTML(secret_key='x'), 1000, 0, []
    async def reads(ws):
        nonlocal tries
        while tries < most:
            tries += 1
            with contextlib.suppress(Exception):
                if read == 'iter_text': await anext(ws.iter_text())
                else: await getattr(ws, read)()
    async def closes(ws):
        await ws.close(4000)
        if part == 'task': tasks.append(asyncio.create_task(reads(ws)))
        else: await reads(ws)
    async def nothing(): pass
    app.ws('/x', conn=closes if part == 'conn' else None)(nothing if part == 'conn' else closes)
    async with talking(app) as one:
        one.say()
        await until(lambda: tries or one.task.done())
        await asyncio.wait([one.task, *tasks], timeout=30)
    assert 0 < tries < 5 and one.sent[-1]['code'] == 4000 and not complaints(caplog)


# Registration (F13, F14, F10)

@pytest.mark.parametrize('names', ['room-{x}', ['ok', 'room-{x}'], 'room-{}', 'room-{room', '{room.x}', '{0}', '{room[0]}', '{room:{x}}',
                                   '{room!z}'])
def test_a_channel_name_that_cannot_be_made_is_refused_where_it_is_written(names):
    app = FastHTML(secret_key='x')
    with pytest.raises((ValueError, TypeError, KeyError), match='channel'): app.ws('/room/{room}', channels=names)(lambda: None)


async def test_a_channel_name_of_path_parameters_is_made_for_each_client():
    app = FastHTML(secret_key='x')
    app.ws('/room/{room:int}', channels=['all', 'room-{room}', 'padded-{room:03d}'])(lambda: None)
    async with talking(app, '/room/7') as one:
        await until(lambda: len(app.channel('room-7')) == len(app.channel('all')) == len(app.channel('padded-007')) == 1)
        await app.channel('room-7').publish('x')
        await until(lambda: one.texts == ['x'])


@pytest.mark.parametrize('offered,chosen', [(['b', 'a'], 'a'), (['c', 'b'], 'b'), (['c'], None), ([], None)])
async def test_the_first_subprotocol_that_a_client_offers_is_chosen(offered, chosen):
    "In the order of the route, which is the server's choice"
    app = FastHTML(secret_key='x')
    app.ws('/x', subprotocols=['a', 'b'])(lambda: 'hi')
    async with talking(app, subprotocols=offered) as one:
        await until(lambda: one.sent)
        if chosen or one.sent[0]['type'] == 'websocket.accept':
            assert one.sent[0]['type'] == 'websocket.accept' and one.sent[0].get('subprotocol') == chosen


CLOSES = {(4000, 'bye'): 4000, (3000, None): 3000, (1000, '€'*41): 1000, (5000, ''): 1011, (999, ''): 1011, (1005, ''): 1011,
          (1006, ''): 1011, (4000, 'r'*124): 1011, (4000, '€'*42): 1011, ('4000', ''): 1011}

@pytest.mark.parametrize('close', CLOSES, ids=str)
@pytest.mark.parametrize('part', ['conn', 'handler'])
async def test_a_close_that_no_frame_can_carry_is_an_error_and_the_client_gets_a_close_frame_all_the_same(part, close, caplog):
    "Servers refuse it when it is sent, and then send nothing at all"
    app, codes = FastHTML(secret_key='x'), []
    async def closes(ws): await ws.close(*close)
    async def disconn(code): codes.append(code)
    app.ws('/x', conn=closes if part == 'conn' else None, disconn=disconn)(closes if part == 'handler' else lambda: None)
    async with talking(app) as one:
        if part == 'handler': one.say()
        await asyncio.wait([one.task])
        assert codes == [m['code'] for m in one.sent if m['type'] == 'websocket.close'] == [CLOSES[close]]
    assert ('close frame' in caplog.text) == (CLOSES[close] == 1011)


@pytest.mark.parametrize('part', ['conn', 'handler', 'task'])
async def test_a_program_that_reads_by_itself_is_ended_by_a_shutdown(part):
    "What waits for a message is cancelled by us, and not by others: the server gets no failure"
    app, reading, codes = FastHTML(secret_key='x', grace=5), asyncio.Event(), []
    async def reads(ws):
        reading.set()
        await ws.receive_text()
    async def starts(ws): ws.reader = asyncio.create_task(reads(ws))
    async def disconn(code): codes.append(code)
    conn = {'conn': reads, 'task': starts}.get(part)
    app.ws('/x', conn=conn, disconn=disconn)(reads if part == 'handler' else lambda: None)
    async with talking(app) as one:
        if part == 'handler': one.say()
        await reading.wait()
        await app.drain()
        await asyncio.wait([one.task])
        assert not one.task.cancelled() and codes == [1012] and one.sent[-1]['code'] == 1012


@pytest.mark.parametrize('what', ['join', 'leave', 'info', 'presence'])
@pytest.mark.parametrize('part', ['conn', 'handler'])
async def test_a_plain_function_may_join_leave_and_say_who_it_is(part, what):
    app, done = FastHTML(secret_key='x'), asyncio.Event()
    news = app.channel('news', presence=what == 'presence')
    def does(ws):
        if what in ('join', 'presence'): news.join(ws)
        if what == 'leave': news.leave(ws)
        if what in ('info', 'presence'): ws.info = 'ann'
        asyncio.run_coroutine_threadsafe(_set(done), ws.connection.loop).result()
    channels = [news] if what in ('leave', 'info') else []
    app.ws('/x', conn=does if part == 'conn' else None, channels=channels)(does if part == 'handler' else lambda: None)
    async with AsyncClient(app), talking(app) as one:
        if part == 'handler': one.say()
        await done.wait()
        assert news.members() == {'join': [None], 'leave': []}.get(what, ['ann'])
        if what == 'presence': assert news.people() == ['ann']
        await news.publish('x')
        if what != 'leave': await until(lambda: 'x' in one.texts)
    assert not len(news)


async def _set(event): event.set()


@pytest.mark.parametrize('part', ['conn', 'handler'])
@pytest.mark.parametrize('kind', ['coroutine', 'plain'])
async def test_what_can_be_iterated_is_sent_item_by_item_though_it_is_no_iterator(part, kind):
    app, order = FastHTML(secret_key='x'), []
    class Ticks:
        def __aiter__(self): return agen(order)
    async def coroutine(): return Ticks()
    def plain(): return Ticks()
    f = coroutine if kind == 'coroutine' else plain
    app.ws('/x', conn=f if part == 'conn' else None)(f if part == 'handler' else lambda: None)
    async with talking(app) as one:
        if part == 'handler': one.say()
        await until(lambda: len(one.texts) > 2)
    assert order == ['closing', 'closed']


def test_the_startup_of_a_mounted_app_runs_or_is_missed_loudly(caplog):
    inner, ran = FastHTML(secret_key='x'), []
    inner.on_event('startup')(lambda: ran.append('startup'))
    inner.on_event('shutdown')(lambda: ran.append('shutdown'))
    inner.get('/')(lambda: 'hi')
    outer = FastHTML(secret_key='x', routes=[Mount('/in', inner)])
    with caplog.at_level(logging.WARNING), Client(outer) as client: assert 'hi' in client.get('/in/').text
    assert ran == ['startup', 'shutdown'] or 'lifespan' in caplog.text or 'startup' in caplog.text


def test_the_startup_under_a_foreign_app_runs_or_is_missed_loudly(caplog):
    inner, ran = FastHTML(secret_key='x'), []
    inner.on_event('startup')(lambda: ran.append('startup'))
    inner.get('/')(lambda: 'hi')
    outer = Starlette(routes=[Mount('/in', inner)])
    with caplog.at_level(logging.WARNING), Client(outer) as client: assert 'hi' in client.get('/in/').text
    assert ran or 'lifespan' in caplog.text or 'startup' in caplog.text


# A source that watches the shutdown event (F15)

async def test_a_source_that_watches_the_shutdown_may_end_by_itself_and_others_end_at_once():
    app, shutting_down, go_on = FastHTML(secret_key='x', grace=5), signal_shutdown(), asyncio.Event()

    @app.get('/watching')
    async def watching():
        async def source():
            while not shutting_down.is_set():
                yield 'tick'
                await go_on.wait()  # as if it slept for a second
            yield 'my own last event'
        return EventStream(source())

    @app.get('/waiting')
    async def waiting():
        async def source():
            yield 'tick'
            await shutting_down.wait()
            await go_on.wait()
            yield 'my own last event'
        return EventStream(source())

    @app.get('/other')
    async def other(): return EventStream(agen([]))
    clients = {path: Client_(path, 'http').start(app) for path in ('/watching', '/waiting', '/other')}
    await until(lambda: all(b'data: ' in client.body for client in clients.values()))
    draining = asyncio.create_task(app.drain())
    await asyncio.wait([clients['/other'].task], timeout=30)
    assert b'event: shutdown' in clients['/other'].body
    await asyncio.sleep(0.4)  # longer than the moment that every source was given once
    assert not clients['/watching'].task.done() and not clients['/waiting'].task.done()
    go_on.set()
    await asyncio.wait_for(draining, 30)
    for path in '/watching', '/waiting':
        assert clients[path].texts[-2] == 'my own last event' and b'event: shutdown' in clients[path].body


@pytest.mark.parametrize('slow', [0, 1, 4], ids=lambda n: f'after {n} slow ones')
async def test_what_came_together_with_the_end_is_handled_whoever_was_reading(slow):
    "A slow handler leaves an inbox behind, which reads messages and the end in one go while the socket waits for it"
    app, saved, ends, wire = FastHTML(secret_key='x'), [], [], asyncio.Queue()
    async def gone(code): ends.append(code)
    @app.ws('/ws', disconn=gone)
    async def save(text: str):
        if text.startswith('slow'): await asyncio.sleep(0.1)
        saved.append(text)
    async def send(message): pass
    def put(text): wire.put_nowait({'type': 'websocket.receive', 'text': json.dumps({'text': text})})
    scope = dict(type='websocket', path='/ws', raw_path=b'/ws', query_string=b'', headers=[], subprotocols=[], root_path='', scheme='ws',
                 client=('127.0.0.1', 1), server=('127.0.0.1', 2), state={})
    wire.put_nowait({'type': 'websocket.connect'})
    task = asyncio.create_task(app(scope, wire.get, send))
    slow_ones = [f'slow {n}' for n in range(slow)]
    for text in slow_ones: put(text)
    await until(lambda: saved == slow_ones)
    await asyncio.sleep(0)   # it waits for the next one
    for text in 'abc': put(text)
    wire.put_nowait({'type': 'websocket.disconnect', 'code': 1001})
    await task
    assert (saved, ends) == ([*slow_ones, *'abc'], [1001])
