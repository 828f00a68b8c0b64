"""A stream or socket goes on when all layers of its app have returned: code of the program must not notice.

Each case runs on uvicorn in an app whose layers return, and in two where they wait: one has a session store, one is mounted.
"""
import asyncio
import contextlib
import json
from contextvars import ContextVar

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Host, Mount, Router
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.common import A, Div, EventStream, FastHTML, UploadFile
from fasthtml.http.requests import UnreadBody
from fasthtml.http.texts import Text, say
from fasthtml.realtime.servers import lifecycle_of
from support import DEADLINE, parse_events, serve, wait_until

WHO = ContextVar('WHO', default='nobody')


def make_app(**options) -> FastHTML:
    async def before(req):
        WHO.set('a guard')
        req.scope['auth'] = 'ann'
    app = FastHTML(before=before, secret_key='for tests', texts=['en', 'de'], **options)

    @app.get('/where')
    def target(): return 'here'

    def seen() -> dict:
        "What depends on context variables"
        return {'who': WHO.get(), 'link': str(A('x', get='target')), 'text': str(say(Text('own', message=Text('not_delivered'))))}

    async def steps(done=None):
        for _ in range(3):
            await asyncio.sleep(0)
            WHO.set(WHO.get() + '+')
            yield json.dumps({**seen(), 'done': done and done()})

    @app.get('/generator')
    async def generator(): return EventStream(steps())

    @app.get('/plain')
    def plain():
        async def events():
            async for o in steps(): yield o
        return EventStream(events())

    @app.post('/upload')
    async def upload(file: UploadFile):
        async def events():
            await asyncio.sleep(0.01)
            yield (await file.read()).decode()
        return EventStream(events())

    @app.get('/begin')
    def begin(session):
        session['n'] = 1
        return 'begun'

    @app.get('/count')
    async def count(session):
        async def events():
            for _ in range(3):
                session['n'] += 1
                yield str(session['n'])
                await asyncio.sleep(0.01)
        return EventStream(events())

    @app.get('/late')
    async def late(req):
        async def events():
            await asyncio.sleep(0)
            yield f"{req.session['n']} {req.scope['session']['n']}"
        return EventStream(events())

    @app.get('/n')
    def n(session): return str(session['n'])

    @app.get('/broken')
    async def broken():
        async def events():
            yield 'one'
            raise ValueError('secret text')
        return EventStream(events())

    async def conn(send):
        await send(Div(json.dumps(seen()), id='conn'))

    @app.ws('/ws', conn=conn, disconn=lambda: left.append(WHO.get()))
    async def ws(msg: str, session, auth):
        WHO.set(WHO.get() + msg)
        return json.dumps({**seen(), 'auth': auth, 'n': session.get('n')})
    app.left = left = []
    return app


@pytest.fixture(params=['cookie', 'store', 'mounted'])
def served(request, tmp_path):
    store = {'sess_store': f'sqlite:///{tmp_path}/sessions.db'} if request.param == 'store' else {}
    app = make_app(**store)
    whole = Starlette(routes=[Mount('/', app)], lifespan=app.router.lifespan_context) if request.param == 'mounted' else app
    with serve(whole) as served:
        served.app, served.returns = app, request.param == 'cookie'
        yield served


def events(client: httpx.Client, method: str, path: str, **kw) -> list[str]:
    with client.stream(method, path, **kw) as response:
        assert response.status_code == 200, response.read()
        return [e.data for e in parse_events(response.read().decode())]


@pytest.fixture
def client(served):
    with httpx.Client(base_url=served.url, timeout=DEADLINE, headers={'Accept-Language': 'de'}) as client: yield client


@pytest.mark.parametrize('path', ['/generator', '/plain'])
def test_context_variables_of_a_source(client, path):
    got = [json.loads(o) for o in events(client, 'GET', path)[:3]]
    assert [o['who'] for o in got] == ['a guard+', 'a guard++', 'a guard+++']
    assert all('/where' in o['link'] and 'nicht' in o['text'] for o in got), got


def test_a_source_reads_an_uploaded_file(client):
    assert events(client, 'POST', '/upload', files={'file': ('a.txt', b'the whole text')})[0] == 'the whole text'


def test_a_source_reads_a_session_that_nothing_has_read_before(client):
    client.get('/begin')
    assert events(client, 'GET', '/late')[0] == '1 1'


@pytest.mark.parametrize('served', ['store'], indirect=True)
def test_a_session_in_a_store_is_saved_while_a_source_runs(client):
    client.get('/begin')
    assert events(client, 'GET', '/count')[:3] == ['2', '3', '4']
    assert wait_until(lambda: client.get('/n').text == '4')


def test_a_source_that_raises_ends_the_stream_without_its_text(client):
    with client.stream('GET', '/broken') as response: text = response.read().decode()
    assert [e.event for e in parse_events(text)] == ['message', 'failed'] and 'secret' not in text


def test_a_socket_has_context_variables_guards_and_the_session(served, client):
    client.get('/begin')
    cookies = '; '.join(f'{k}={v}' for k, v in client.cookies.items())
    with connect(served.url.replace('http', 'ws', 1) + '/ws', additional_headers={'Cookie': cookies, 'Accept-Language': 'de'}) as ws:
        first = ws.recv(timeout=DEADLINE)
        assert 'a guard' in first and '/where' in first
        ws.send(json.dumps({'msg': '!'}))
        got = json.loads(ws.recv(timeout=DEADLINE))
        assert (got['auth'], got['n']) == ('ann', 1) and got['who'].startswith('a guard') and got['who'].endswith('!')
    wait_until(lambda: served.app.left)


# Layers that the app does not know: they stay for as long as a stream or socket is open, wherever they stand

class Layer:
    "Opens a resource for each request, and counts what passes if `looks`"
    seen: list = []
    def __init__(self, app, looks=True): self.app, self.looks = app, looks
    async def __call__(self, scope, receive, send):
        resource = scope['resource'] = {'open': True, 'sent': 0, 'received': 0}
        self.seen.append(resource)
        async def counted_send(message):
            resource['sent'] += len(message.get('body') or message.get('text') or '')
            await send(message)
        async def counted_receive():
            message = await receive()
            resource['received'] += message['type'] == 'websocket.receive'
            return message
        try: await self.app(scope, *((counted_receive, counted_send) if self.looks else (receive, send)))
        finally: resource['open'] = False


class OnlyHolds(Layer):
    def __init__(self, app): super().__init__(app, looks=False)


def routes(app: FastHTML, prefix: str = '') -> FastHTML:
    "Streams and a socket that say whether the layer's resource is open"
    channel = app.channel('news')
    def is_open(req): return str(req.scope['resource']['open'])

    @app.get(prefix + '/source')
    async def source(req):
        async def events():
            for _ in range(2):
                await asyncio.sleep(0)
                yield is_open(req)
        return EventStream(events())

    @app.get(prefix + '/channel')
    async def follow(req):
        async def publish():
            await wait_for_client(channel)
            await channel.publish(is_open(req))
            await channel.publish(is_open(req))
            lifecycle_of(req.scope).connections[0].end('end')
        app.task = asyncio.create_task(publish())
        return EventStream(channel)

    async def conn(ws, send): await send(is_open(ws))

    @app.ws(prefix + '/socket', conn=conn)
    async def socket(ws): return is_open(ws)
    return app


async def wait_for_client(channel):
    while not len(channel): await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)   # and all layers have returned, if they do


def new(**options) -> FastHTML: return FastHTML(secret_key='for tests', **options)
def ours(app: FastHTML) -> list: return [r for r in app.routes if r.path in ('/source', '/channel', '/socket')]
def outer(*added, **options) -> FastHTML:
    app = new(**options)
    app.router.routes[:0] = added
    return app
def replaced(layer) -> FastHTML:
    app = routes(new())
    app.middleware_stack = layer(app.build_middleware_stack())
    return app
def built(layer) -> FastHTML:
    class App(FastHTML):
        def build_middleware_stack(self): return layer(super().build_middleware_stack())
    return routes(App(secret_key='for tests'))
def each_route(layer) -> FastHTML:
    app = routes(new())
    for route in ours(app): route.app = layer(route.app)
    return app
def called(layer) -> FastHTML:
    class App(FastHTML):
        async def __call__(self, scope, receive, send): await layer(super().__call__)(scope, receive, send)
    return routes(App(secret_key='for tests'))
def passed_on(layer) -> FastHTML:
    "Middleware that gives requests to another app"
    return new(middleware=[Middleware(lambda _: layer(routes(new(sess_cls=None))))], sess_cls=None)

PLACES = {
    'the app': lambda layer: routes(new(middleware=[Middleware(layer)])),
    'the stack': replaced, 'the stack, when it is built': built, 'every route': each_route, 'the call': called,
    'a mount of routes': lambda layer: outer(Mount('/in', routes=ours(routes(new())), middleware=[Middleware(layer)])),
    'a mounted router': lambda layer: outer(Mount('/in', Router(ours(routes(new())), middleware=[Middleware(layer)]))),
    'a mounted app': lambda layer: outer(Mount('/in', layer(routes(new(sess_cls=None)))), sess_cls=None),
    'the app around a mounted one':
        lambda layer: outer(Mount('/in', routes(new(sess_cls=None))), sess_cls=None, middleware=[Middleware(layer)]),
    'a host': lambda layer: outer(Host('127.0.0.1', layer(Router(ours(routes(new())))))),
    'another app, passed on': passed_on,
}


@pytest.fixture(scope='module')
def places():
    "All of them on one server, which calls each with its own `send`: (layer, place) is the first part of the path"
    apps = {f'/{n}': make(layer) for n, (layer, make) in enumerate((o, f) for o in (Layer, OnlyHolds) for f in PLACES.values())}
    async def by_prefix(scope, receive, send):
        if scope['type'] == 'lifespan': return
        prefix, _, path = scope['path'][1:].partition('/')
        await apps[f'/{prefix}'](scope | {'path': '/' + path, 'raw_path': b'/' + path.encode()}, receive, send)
    with serve(by_prefix, lifespan='off') as served: yield served


@pytest.mark.parametrize('n, looks, place', [(n + len(PLACES) * m, not m, place) for m in (0, 1) for n, place in enumerate(PLACES)])
def test_a_layer_that_the_app_does_not_know_stays_and_sees_everything(places, n, looks, place):
    inside = f'/{n}' + ('/in' if 'mount' in place else '')
    for path in '/source', '/channel':
        del Layer.seen[:]
        with httpx.stream('GET', places.url + inside + path, timeout=DEADLINE) as response: body = response.read()
        assert [e.data for e in parse_events(body.decode()) if e.event == 'message' and e.data] == ['True', 'True'], (path, body)
        assert Layer.seen[0]['sent'] == (len(body) if looks else 0), path
    del Layer.seen[:]
    with connect(places.ws_url + inside + '/socket') as ws:
        ws.send('{}')
        assert [ws.recv(timeout=DEADLINE) for _ in range(2)] == ['True', 'True']
        assert (Layer.seen[0]['sent'], Layer.seen[0]['received']) == ((8, 1) if looks else (0, 0))
    wait_until(lambda: not Layer.seen[0]['open'])


# A stream whose program does things in an unusual order

class Careful(EventStream):
    async def __call__(self, scope, receive, send):
        await super().__call__(scope, receive, send)
        done.append('after the stream')

done: list = []
async def one(x='one'): yield x


async def counts(req):
    n = 0
    yield 'begun'
    async for chunk in req.stream(): n += len(chunk)
    yield str(n)


async def progress(req):
    stream, n = EventStream(), 0
    async for chunk in req.stream():
        n += len(chunk)
        await stream.send('progress')
    await stream.send(str(n))


async def form(req):
    yield 'begun'
    yield str(len((await req.form())['a']))


async def ended(**options):
    stream = EventStream(**options)
    await stream.send('one')
    await stream.close()
    return stream


async def not_returned(*also):
    await EventStream(background=BackgroundTask(done.append, 'task')).send('one')
    return also


async def group_fails():
    "A child fails, which Python before 3.13 still counts as a cancellation of its parent"
    async def fails(): raise KeyError
    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group: group.create_task(fails())


async def after_groups(endless=False):
    await group_fails()
    yield 'one'
    while endless:
        await asyncio.sleep(0.001)
        yield 'one'
    await group_fails()


async def sends_after_groups(req):
    await group_fails()
    stream = EventStream()
    await stream.send('one')
    await group_fails()
    while 'endless' in req.url.query: await stream.send('one')


ENDS = {  # what a handler does → (data of its last event before the closing one, what must be done afterwards)
    'reads the body in the source': (lambda req: EventStream(counts(req)), '600000', []),
    'reads a form in the source': (lambda req: EventStream(form(req)), '600000', []),
    'sends between pieces of the body': (progress, '600000', []),
    'returns what it has closed': (lambda: ended(), 'one', []),
    'with a task': (lambda: ended(background=BackgroundTask(done.append, 'task')), 'one', ['task']),
    'returns a stream with a task': (lambda: EventStream(one(), background=BackgroundTask(done.append, 'task')), 'one', ['task']),
    'does not return the stream': (lambda: not_returned(), 'one', ['task']),
    'returns another task': (lambda: not_returned(BackgroundTask(done.append, 'another')), 'one', ['task', 'another']),
    'task groups fail in the source': (lambda: EventStream(after_groups()), 'one', []),
    'task groups fail in the handler': (sends_after_groups, 'one', []),
    'a class with a call of its own': (lambda: Careful(one()), 'one', ['after the stream']),
}


@pytest.fixture(scope='module')
def odd():
    app, raised, calls = new(), [], []
    for n, (f, *_) in enumerate(ENDS.values()): app.post(f'/{n}')(f)
    app.get('/source')(lambda: EventStream(after_groups(endless=True)))
    app.get('/object')(sends_after_groups)
    app.ws('/handler')(group_fails)
    app.ws('/guard', before=group_fails)(lambda: None)
    @app.ws('/on_error', on_error=group_fails)
    def needs(n: int): pass
    async def recording(scope, receive, send):
        if scope['type'] != 'lifespan': calls.append(scope)
        try: await app(scope, receive, send)
        except BaseException as e: raised.append(e)
        finally: calls[:] = [o for o in calls if o is not scope]
    with serve(recording) as served:
        served.raised, served.calls, served.connections = raised, calls, lambda: app.lifecycle.connections
        yield served


@pytest.mark.parametrize('n, what', list(enumerate(ENDS)), ids=list(ENDS))
def test_a_stream_ends_once_whatever_its_program_does_in_which_order(odd, n, what):
    _, last, after = ENDS[what]
    del done[:], odd.raised[:]
    content = {'a': 'x' * 600_000} if 'form' in what else (b'x' * 200_000 for _ in range(3))
    response = httpx.post(f'{odd.url}/{n}', **{'data' if 'form' in what else 'content': content}, timeout=DEADLINE)
    got = parse_events(response.text)
    assert (got[-2].data, got[-1].event, [e.event for e in got].count('close')) == (last, 'close', 1), got
    wait_until(lambda: done == after, what=f'{after}, got {done}')
    assert not odd.raised


@pytest.mark.parametrize('path', ['/source', '/object?endless', '/handler', '/guard', '/on_error'])
def test_a_client_leaves_after_a_task_group_has_failed(odd, path):
    "An ordinary disconnect, and no cancellation from outside that the server would have to log"
    del odd.raised[:]
    if path in ('/source', '/object?endless'):
        with httpx.stream('GET', odd.url + path, timeout=DEADLINE) as response: next(response.iter_bytes())
    else:
        with connect(odd.ws_url + path) as ws: ws.send('{}')
    wait_until(lambda: not odd.connections())
    wait_until(lambda: not odd.calls)
    assert not odd.raised


def test_what_is_read_too_late_says_so_and_the_client_is_not_forgotten(caplog, monkeypatch):
    "Nobody knows whether the body will be read, so a long one is kept for a time only"
    monkeypatch.setattr(UnreadBody, 'patience', 0)
    app = new()
    @app.post('/')
    async def late(req):
        async def events():
            yield 'one'
            while not req._receive.__self__._dropped: await asyncio.sleep(0.001)
            yield str(len(await req.body()))
        return EventStream(events())
    with serve(app) as served: text = httpx.post(served.url, content=b'x' * 2_000_000, timeout=DEADLINE).text
    assert [e.event for e in parse_events(text)] == ['message', 'failed'] and 'before the response begins' in caplog.text


@pytest.mark.parametrize('size', [10, 2_000_000])
@pytest.mark.parametrize('how', ['elements', 'text'])
def test_a_generator_reads_the_body_after_its_response_has_begun(how, size):
    "Starlette takes what comes meanwhile, since it waits for the client to leave"
    app = new()
    async def reads(req):
        yield 'begun '
        await asyncio.sleep(0.01)   # the first pieces come meanwhile
        n = 0
        async for chunk in req.stream(): n += len(chunk)
        yield f'read {n}'
    async def text(req): return StreamingResponse(reads(req))
    app.post('/')({'elements': reads, 'text': text}[how])
    with serve(app) as served:
        assert f'begun read {size}' in httpx.post(served.url, content=b'x' * size, timeout=DEADLINE).text


class Replays:
    "Reads the body and returns it again for the app, each time that it is asked, and never waits"
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send):
        if scope['type'] != 'http': return await self.app(scope, receive, send)
        message = await receive()
        async def replay(): return message
        await self.app(scope, replay, send)


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_middleware_that_replays_the_body_does_not_stop_the_server(method):
    "Who waits for the client to leave asked it for ever, without a turn for anything else"
    app = new(middleware=[Middleware(Replays)])
    paths = '/source', '/object', '/channel', '/elements', '/text'
    async def endless():
        while True:
            yield 'one'
            await asyncio.sleep(0.001)
    async def source(req): return EventStream(endless())
    async def by_object(req):
        stream = EventStream()
        async for o in endless(): await stream.send(o)
    async def channel(req): return EventStream(app.channel('news'))
    async def text(req): return StreamingResponse(endless())
    for path, f in zip(paths, (source, by_object, channel, endless, text), strict=True): app.route(path, methods=[method])(f)
    with serve(app) as served:
        for path in paths:
            with httpx.stream(method, served.url + path, timeout=DEADLINE) as response: next(response.iter_raw())
        wait_until(lambda: not served.server.server_state.tasks, what='all clients to be forgotten')


# A scope of anyio cancels what waits within it again and again

async def cancel_scope(run, left):
    with anyio.CancelScope() as scope:
        left.append(scope.cancel)
        await run()


async def task_group(run, left):
    async with anyio.create_task_group() as tasks:
        left.append(tasks.cancel_scope.cancel)
        tasks.start_soon(run)


class Cancels:
    "Its scope is left while the response runs, when the program says so"
    def __init__(self, app, how): self.app, self.how = app, how
    async def __call__(self, scope, receive, send):
        if scope['type'] == 'lifespan' or 'cancel' in scope: return await self.app(scope, receive, send)
        scope['cancel'], scope['log'] = (left := []), (log := [])
        async def slow_send(message):
            await asyncio.sleep(0)   # as a server whose client is slow
            await send(message)
        await self.how(lambda: self.app(scope, receive, slow_send), left)
        scope['app'].logs.append([*log, 'layer over'])


def cancelled_app(**options):
    app = new(**options)
    app.logs = []
    @contextlib.contextmanager
    def noted(o):
        o.scope['cancel'][0]()
        try: yield
        finally: o.scope['log'].append('ended')

    async def endless(req):
        yield 'one'
        with noted(req):
            while True:
                await asyncio.sleep(0)
                yield 'more'
    @app.get('/source')
    async def source(req): return EventStream(endless(req))
    @app.get('/object')
    async def by_object(req):
        stream = EventStream()
        async for o in endless(req): await stream.send(o)
    @app.get('/held')
    async def held(req):
        stream = EventStream()
        await stream.send('one')
        asyncio.get_running_loop().call_later(0.01, req.scope['cancel'][0])
        return stream

    async def conn(ws, send):
        await send('one')
        with noted(ws): await asyncio.sleep(3600)
    async def disconn(ws):
        await asyncio.sleep(0.01)
        ws.scope['log'].append('disconn')
    async def works(ws):
        with noted(ws): await asyncio.sleep(3600)
    app.ws('/conn', conn=conn, disconn=disconn)(lambda: None)
    app.ws('/handler', disconn=disconn)(works)
    return app


@pytest.mark.parametrize('inside', [True, False])
@pytest.mark.parametrize('how', [cancel_scope, task_group])
def test_a_scope_that_cancels_again_and_again_waits_for_the_end(how, inside):
    "The body gets its closing event and its end, a socket its close frame, and `disconn` runs before the layer is over"
    app = cancelled_app(middleware=[Middleware(Cancels, how)] if inside else [])
    with serve(app if inside else Cancels(app, how)) as served:
        for path in '/source', '/object', '/held':
            body = httpx.get(served.url + path, timeout=DEADLINE).text
            assert parse_events(body)[-1].event == 'shutdown', path
        for path in '/conn', '/handler':
            with connect(served.ws_url + path) as ws:
                if path == '/handler': ws.send('{}')
                with pytest.raises(ConnectionClosed) as closed:
                    while True: ws.recv(timeout=DEADLINE)
            assert closed.value.rcvd.code == 1012, path
        wait_until(lambda: len(app.logs) == 5, what='the layers to be over')
    assert app.logs == [*[['ended', 'layer over']] * 2, ['layer over'], *[['ended', 'disconn', 'layer over']] * 2]
