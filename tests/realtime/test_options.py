"""What the options of a connection promise, each alone, on a clock that is ours where time counts."""
import asyncio
import re
import threading
from contextlib import nullcontext

import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount

from fasthtml.common import EventStream, FastHTML, P
from fasthtml.http.limits import Limits
from fasthtml.realtime.hub import Hub
from fasthtml.testing.client import AsyncClient, Closed
from guarantee_kit import Socket, Stream
from support import DEADLINE, each_row, parse_events, serve, wait_until
from wire_kit import VirtualLoop, Wire


def on_virtual_clock(main):
    "Run a coroutine function in a loop whose time passes only while nothing else can happen"
    with asyncio.Runner(loop_factory=VirtualLoop) as runner: return runner.run(main())


class Client(Wire):
    "A client that reads while `reads` is set"
    def __init__(self, path, kind='http'):
        super().__init__(path, kind)
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, message):
        await self.reads.wait()
        await super().send(message)

    def start(self, app): return asyncio.create_task(app(self.scope, self.receive, self.send))

    def say(self, text): self.incoming.put_nowait({'type': 'websocket.receive', 'text': text})

    def leave(self, code=1001):
        kind = self.scope['type']
        self.incoming.put_nowait({'type': f'{kind}.disconnect'} | ({'code': code} if kind == 'websocket' else {}))

    @property
    def texts(self): return [m['text'] for m in self.sent if m['type'] == 'websocket.send']


# max_size

@pytest.mark.parametrize('letter', ['a', 'ä', '€', '🙂', '"', '\n'], ids=ascii)
async def test_max_size_counts_the_bytes_of_a_message(letter):
    "Also of one whose characters are far fewer; the limit itself is allowed"
    app, limit = FastHTML(secret_key='x'), 100
    @app.ws('/x', max_size=limit)
    async def x(msg: str): return str(len(msg))
    spelled = {'"': '\\"', '\n': '\\n'}.get(letter, letter)
    def message(size):
        frame = '{"msg": ""}'
        n, rest = divmod(size - len(frame), len(spelled.encode()))
        text = f'{{"msg": "{spelled*n + "a"*rest}"}}'
        assert len(text.encode()) == size
        return text, n + rest
    async with AsyncClient(app).ws('/x') as ws:
        for size in limit - 1, limit:
            text, n = message(size)
            await ws.send(text)
            assert str(await ws.receive()) == str(n)
        await ws.send(message(limit + 1)[0])
        with pytest.raises(Closed) as closed: await ws.receive()
    assert closed.value.code == 1009


# max_pending and slow, of sockets

@pytest.mark.parametrize('pending', [500, 5000])
def test_conn_waits_when_max_pending_characters_wait_for_its_client(pending):
    async def main():
        app, sent = FastHTML(secret_key='x'), []
        async def conn(send):
            for n in range(1000):
                await send(f'{n:04}'.ljust(100))
                sent.append(n)
        app.ws('/x', conn=conn, max_pending=pending)(lambda: None)
        client = Client('/x', 'websocket')
        task = client.start(app)
        while not client.texts: await asyncio.sleep(0)
        client.reads.clear()
        await asyncio.sleep(1)
        ahead = len(sent) - len(client.texts)
        client.reads.set()
        while len(client.texts) < 1000: await asyncio.sleep(0.01)
        client.leave()
        await task
        return ahead, client.texts
    ahead, texts = on_virtual_clock(main)
    assert pending/100 <= ahead <= pending/100 + 3  # those that wait, the one that is sent, the one that `conn` waits with
    assert [int(text) for text in texts] == list(range(1000))


@pytest.mark.parametrize('slow', [2, 20, None])
def test_a_socket_is_given_up_after_slow_seconds_without_reading(slow):
    async def main():
        app, codes, loop = FastHTML(secret_key='x'), [], asyncio.get_running_loop()
        async def disconn(code): codes.append((code, loop.time()))
        news = app.channel('news')
        app.ws('/x', disconn=disconn, channels=[news], slow=slow)(lambda: None)
        client = Client('/x', 'websocket')
        task = client.start(app)
        while not len(news): await asyncio.sleep(0)
        client.reads.clear()
        began = loop.time()
        await news.publish('x')
        await asyncio.wait([task], timeout=100)
        given_up = task.done()
        if not given_up:
            client.leave()
            client.reads.set()
            await task
        return given_up, codes[0][0], codes[0][1] - began
    given_up, code, seconds = on_virtual_clock(main)
    assert given_up == (slow is not None)
    if slow: assert code == 1013 and slow <= seconds <= 1.5*slow + 1
    else: assert code == 1001


@pytest.mark.parametrize('cancellations', [1, 2, 5])
def test_a_server_that_loses_its_patience_does_not_wait_for_a_client_that_takes_nothing(cancellations):
    "At a shutdown the client has half of the grace time for the closing event; now it has a second"
    async def main():
        app, loop = FastHTML(secret_key='x', grace=60), asyncio.get_running_loop()
        @app.get('/x')
        async def x(): return EventStream(app.channel('news'))
        client = Client('/x')
        task = client.start(app)
        while not len(app.channel('news')): await asyncio.sleep(0)
        client.reads.clear()
        await app.channel('news').publish('x')
        [connection] = app.lifecycle.connections
        connection.shut_down()
        await asyncio.sleep(1)
        began, waited = loop.time(), not task.done()
        for _ in range(cancellations):
            task.cancel()
            await asyncio.sleep(0.01)
        await asyncio.wait([task], timeout=100)
        return waited, task.cancelled(), loop.time() - began
    waited, cancelled, seconds = on_virtual_clock(main)
    assert waited and cancelled and seconds < 1.5


# A handler that works for long

def test_a_handler_that_works_and_sends_nothing_does_not_delay_disconn():
    async def main():
        app, said, loop = FastHTML(secret_key='x'), [], asyncio.get_running_loop()
        async def disconn(): said.append(('disconn', loop.time() - left))
        @app.ws('/x', disconn=disconn)
        async def work():
            try: await asyncio.sleep(3600)
            finally: said.append(('handler ended', loop.time() - left))
        client = Client('/x', 'websocket')
        task = client.start(app)
        client.say('{}')
        await asyncio.sleep(5)
        left = loop.time()
        client.leave()
        await task
        return said
    said = dict(on_virtual_clock(main))
    assert said['disconn'] <= 3 and said['handler ended'] <= 15, said


def test_disconn_is_not_delayed_where_the_server_says_of_the_end_by_an_error():
    "As granian may; the message that says it never comes"
    async def main():
        app, said, loop = FastHTML(secret_key='x'), [], asyncio.get_running_loop()
        async def disconn(): said.append(loop.time() - left)
        @app.ws('/x', disconn=disconn)
        async def work(): await asyncio.sleep(3600)
        class Broken(Client):
            async def receive(self):
                if (message := await super().receive())['type'] == 'websocket.disconnect': raise RuntimeError('ASGI flow error')
                return message
        client = Broken('/x', 'websocket')
        task = client.start(app)
        client.say('{}')
        await asyncio.sleep(5)
        left = loop.time()
        client.leave()
        await task
        return said
    [seconds] = on_virtual_clock(main)
    assert seconds <= 3


async def test_a_plain_handler_that_works_and_sends_nothing_does_not_delay_disconn():
    app, working, go_on, gone = FastHTML(secret_key='x'), threading.Event(), threading.Event(), asyncio.Event()
    async def disconn(): gone.set()
    @app.ws('/x', disconn=disconn)
    def work():
        working.set()
        go_on.wait(DEADLINE)
    try:
        async with AsyncClient(app, patience=0.05).ws('/x') as ws:
            await ws.send({})
            await asyncio.to_thread(working.wait, DEADLINE)
        await asyncio.wait_for(gone.wait(), DEADLINE/2)
        assert not go_on.is_set()
    finally: go_on.set()


# Histories that expire

def test_a_history_that_nobody_uses_is_forgotten_after_keep_seconds(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr('fasthtml.realtime.history.time.monotonic', lambda: now[0])
    hub = Hub()
    for name in 'ab': hub.channel(name, history=5, keep=600).publish_sync('x')
    hub.channel('for ever', history=5).publish_sync('x')
    now[0] += 500
    hub.channel('a').publish_sync('y')
    now[0] += 200
    hub.channel('another')  # a new name is when the hub looks
    assert len(hub.channel('a', history=5).history) == 2
    assert len(hub.channel('b', history=5).history) == 0
    assert len(hub.channel('for ever').history) == 1


# Middleware

@pytest.mark.parametrize('outer', [Starlette, FastHTML])
@pytest.mark.parametrize('kind', ['channel', 'source', 'socket'])
def test_middleware_around_a_mounted_app_sees_a_connection_for_as_long_as_it_is_open(outer, kind):
    inner, seen, over = FastHTML(secret_key='x'), [], threading.Event()
    news = inner.channel('news')
    @inner.get('/channel')
    async def channel(): return EventStream(news)
    @inner.get('/source')
    async def source():
        async def waits():
            yield 'published'
            await asyncio.sleep(3600)
        return EventStream(waits())
    inner.ws('/socket', channels=[news])(lambda: None)

    class Around:
        def __init__(self, app): self.app = app
        async def __call__(self, scope, receive, send):
            if scope['type'] == 'lifespan': return await self.app(scope, receive, send)
            seen.append('entered')
            try: await self.app(scope, receive, send)
            finally:
                seen.append('left')
                over.set()

    app = outer(routes=[Mount('/in', Around(inner))])
    if outer is Starlette: app = Around(app)
    with serve(app) as served:
        client = (Socket if kind == 'socket' else Stream)(served.port, f'/in/{kind}')
        if kind != 'source':
            wait_until(lambda: len(news))
            news.publish_sync('published')
        client.recv()
        while_open = seen[:]
        client.leave('fin')
        assert while_open == ['entered']*(2 if outer is Starlette else 1)
        assert over.wait(DEADLINE)


# Publishing from plain functions

def in_handler(app, publish):
    @app.get('/go')
    def go(): return {'id': publish()}

def in_pool(app, publish):
    @app.get('/go')
    async def go(): return {'id': await run_in_threadpool(publish)}

def in_anyio_thread(app, publish):
    @app.get('/go')
    async def go(): return {'id': await anyio.to_thread.run_sync(publish)}

def in_coroutine(app, publish):
    @app.get('/go')
    async def go(): return {'id': await publish()}

def in_source(app, publish):
    @app.get('/go')
    def go(): return EventStream(iter([lambda: None])) if publish is None else EventStream(step() for step in [publish])

def in_loop_of_a_thread(app, publish):
    @app.get('/go')
    def go():
        async def main(): return await publish()
        return {'id': asyncio.run(main())}

PUBLISHERS = [in_handler, in_pool, in_anyio_thread, in_coroutine, in_source, in_loop_of_a_thread]

@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('where', PUBLISHERS, ids=lambda f: f.__name__)
async def test_publish_works_wherever_the_program_has_been_called(where):
    app = FastHTML(secret_key='x')
    news = app.channel('news', history=5)
    where(app, lambda: news.publish('hello'))
    client = AsyncClient(app)
    if where is in_source:
        async with client.sse('/go') as events: got = (await events.next()).data
    else: got = (await client.get('/go')).json()['id']
    assert got == news.last_id and [m.text for m in news.history.after(news.last_id.rpartition('-')[0] + '-0')] == ['hello']


def test_publish_in_a_script_is_a_coroutine():
    "Where no event loop has called it, `asyncio.run` may"
    news = FastHTML(secret_key='x').channel('news', history=5)
    assert asyncio.run(news.publish('hello')) == news.last_id


# The age of a connection

AGED = {'channel': 'http', 'source': 'http', 'object': 'http', 'parts': 'http',
        'socket': 'websocket', 'conn': 'websocket', 'busy': 'websocket'}

def aged_app(codes):
    app = FastHTML(secret_key='x', limits=Limits(age=1000))
    news = app.channel('news', history=10)
    @app.get('/channel')
    async def channel(): return EventStream(news)
    @app.get('/source')
    async def source():
        async def waits():
            while True:
                yield 'still here'
                await asyncio.sleep(100)
        return EventStream(waits())
    @app.get('/object')
    async def in_object():
        stream = EventStream()
        while await stream.send('still here'): await asyncio.sleep(100)
    @app.get('/parts')
    async def parts():
        while True:
            yield 'still here'
            await asyncio.sleep(100)
    async def conn(send):
        while True:
            await send('still here')
            await asyncio.sleep(100)
    async def disconn(code): codes.append(code)
    app.ws('/socket', disconn=disconn)(lambda: None)
    app.ws('/conn', conn=conn, disconn=disconn)(lambda: None)
    @app.ws('/busy', disconn=disconn)
    async def busy(): await asyncio.sleep(3600)
    return app


@pytest.mark.parametrize('kind', AGED)
def test_a_connection_ends_at_its_age_so_that_the_client_reconnects(kind):
    async def main():
        codes, seconds, clients = [], [], []
        app, loop = aged_app(codes), asyncio.get_running_loop()
        async def stay(client):
            await app(client.scope, client.receive, client.send)
            seconds.append(loop.time())
        clients = [Client(f'/{kind}', AGED[kind]) for _ in range(20)]
        if kind == 'busy':
            for client in clients: client.say('{}')
        for client in clients: client.task = asyncio.create_task(stay(client))
        await asyncio.wait([client.task for client in clients], timeout=1100)
        return codes, seconds, clients
    codes, seconds, clients = on_virtual_clock(main)
    assert len(seconds) == 20 and 800 <= min(seconds) and max(seconds) <= 1040  # the clock is looked at now and then
    assert max(seconds) - min(seconds) > 50
    for client in clients:
        if AGED[kind] == 'websocket': assert [m.get('code') for m in client.sent if m['type'] == 'websocket.close'] == [1012]
        elif kind == 'parts': assert client.sent[-1]['more_body']   # it does not look complete
        else:
            events = parse_events(client.body.decode())
            assert not {e.event for e in events} & {'close', 'shutdown', 'failed'}
            assert client.sent[-1] == {'type': 'http.response.body', 'body': client.sent[-1]['body'], 'more_body': False}
            assert client.sent[-1]['body'].startswith(b'retry: ')
    assert set(codes) <= {1012}


def test_a_client_of_a_channel_loses_nothing_when_its_stream_is_renewed():
    async def main():
        app, got = aged_app([]), []
        news = app.channel('news')
        async def publish():
            for n in range(300):
                await asyncio.sleep(10)
                await news.publish(str(n))
        publishing, last = asyncio.create_task(publish()), None
        for _ in range(6):
            client = Client('/channel')
            if last: client.scope['headers'] = [*client.scope['headers'], (b'last-event-id', last.encode())]
            await client.start(app)
            body = client.body.decode()
            got += [e.data for e in parse_events(body) if e.data]
            last = [last, *re.findall(r'(?m)^id: (.*)$', body)][-1]
        await publishing
        return got
    assert on_virtual_clock(main) == [str(n) for n in range(300)]


NUMBERS = {   # option → how a program gives it
    'age': lambda n: Limits(age=n), 'slow': lambda n: EventStream([], slow=n), 'heartbeat': lambda n: EventStream([], heartbeat=n),
    'max_pending': lambda n: EventStream([], max_pending=n), 'recheck': lambda n: FastHTML(recheck=n, secret_key='x'),
    'check': lambda n: FastHTML(secret_key='x').live(check=n)(region),
    'timeout': lambda n: FastHTML(secret_key='x').live(timeout=n)(region),
    'pace': lambda n: FastHTML(secret_key='x').live(pace=n)(region), 'pace of work': lambda n: FastHTML(secret_key='x').work(pace=n)(work),
    'grace': lambda n: FastHTML(grace=n, secret_key='x'), 'drain_delay': lambda n: FastHTML(drain_delay=n, secret_key='x'),
    'keep': lambda n: Hub().channel('x', keep=n)}
MAY_BE_0 = 'pace', 'pace of work', 'grace', 'drain_delay', 'keep'

def region(): return P()
async def work(say): pass

@each_row('value', [0, -1, float('nan'), 'x', True], ids=repr)
@each_row('option', NUMBERS)
def test_a_number_that_makes_no_sense_is_refused(option, value):
    fine = value is not True and value == 0 and option in MAY_BE_0
    with nullcontext() if fine else pytest.raises(ValueError, match=option.split()[0]): NUMBERS[option](value)
