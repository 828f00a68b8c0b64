"""Work with a guard starts for those who may see it alone, wherever in a request `start` is called."""
import asyncio
import contextvars
import inspect
import json
from contextlib import asynccontextmanager, closing, suppress
from http.client import IncompleteRead

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from websockets.sync.client import connect

from fasthtml.app.region import scope_in_use
from fasthtml.common import Beforeware, EventStream, FastHTML, HTTPException, P, Titled
from support import each_row, serve, wait_until
from visitor_kit import Visitor

# Where -> whether Ann may start it there. Guards do not run for an address that does not exist, so no user is known there;
# a region without `auth` is drawn again for all pages that show it, so without a user
PLACES = {
    '/handler': True, '/plain_handler': True, '/guard': True, '/parameter': True, '/after': True,
    '/starlette': True, '/plain_starlette': True, '/mounted/async': True, '/mounted/plain': True,
    '/raises': True, '/plain_raises': True, '/status': True, '/crash': True, '/no/such/address': False,
    '/middleware': True, '/base_middleware': True, '/before_guards': False,
    '/to_thread': True, '/thread_with_context': True, '/task': True,
    '/background': True, '/response_background': True, '/streaming': True, '/events': True,
    '/socket': True, '/conn': True, '/disconn': True,
    '/region': True, '/own_region_again': True, '/plain_region_again': True, '/region_of_all_again': False,
}


class Boom(Exception): pass
class PlainBoom(Exception): pass
class Crash(Exception): pass


def gate(request): request.scope['auth'] = request.query_params.get('u')


class Middleware:
    "Asks before the guards, or after them"
    def __init__(self, app, state): self.app, self.state = app, state
    async def __call__(self, scope, receive, send):
        if scope['path'] == '/before_guards': await self.state.attempt('/before_guards')
        await self.app(scope, receive, send)
        if scope['path'] == '/middleware': await self.state.attempt('/middleware')


class Copying:
    "Gives the app a scope of its own, as basic authentication does"
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send): await self.app({**scope}, receive, send)


class Attempts:
    "Starts work at a place, and notes that it has been tried"
    def __init__(self): self.tried, self.start = [], None

    def plainly(self, place):
        try: return self.start(place)
        finally: self.tried.append(place)

    async def attempt(self, place):
        try:
            shown = self.start(place)
            return await shown if inspect.isawaitable(shown) else shown
        finally: self.tried.append(place)


def add_routes(app, state):
    "Handlers, guards, and what they begin"
    class Asks:
        @classmethod
        async def __from_request__(cls, req):
            await state.attempt('/parameter')
            return cls()

    async def guard(req): await state.attempt('/guard')
    async def after(resp): await state.attempt('/after')

    @app.get('/handler')
    async def handler(): return await state.attempt('/handler')
    @app.get('/plain_handler')
    def plain_handler(): return state.plainly('/plain_handler')
    @app.get('/guard', before=guard)
    def guarded(): return P('')
    @app.get('/after', after=after)
    def followed(): return P('')
    @app.get('/parameter')
    def parameter(asks: Asks): return P('')
    @app.get('/raises')
    def raises(): raise Boom
    @app.get('/plain_raises')
    def plain_raises(): raise PlainBoom
    @app.get('/status')
    def status(): raise HTTPException(418)
    @app.get('/crash')
    def crash(): raise Crash
    for path in '/middleware', '/base_middleware', '/before_guards':
        app.get(path)(lambda: P(''))


def add_beside(app, state):
    "Threads, tasks, and what goes on after the response has begun"
    @app.get('/to_thread')
    async def to_thread(): return await asyncio.to_thread(state.plainly, '/to_thread')
    @app.get('/thread_with_context')
    async def thread_with_context():
        context = contextvars.copy_context()
        await asyncio.get_running_loop().run_in_executor(None, context.run, state.plainly, '/thread_with_context')
        return P('')
    @app.get('/task')
    async def task(): return await asyncio.create_task(state.attempt('/task'))
    @app.get('/background')
    def background(): return P(''), BackgroundTask(state.attempt, '/background')
    @app.get('/response_background')
    def response_background(): return PlainTextResponse('', background=BackgroundTask(state.attempt, '/response_background'))
    @app.get('/streaming')
    def streaming():
        async def parts():
            yield 'a'
            await state.attempt('/streaming')
        return StreamingResponse(parts())
    @app.get('/events')
    def events():
        async def source():
            yield P('a')
            await state.attempt('/events')
        return EventStream(source())


def add_sockets(app, state):
    async def conn(): await state.attempt('/conn')
    async def disconn(): await state.attempt('/disconn')
    @app.ws('/socket')
    async def socket(): await state.attempt('/socket')
    @app.ws('/conn', conn=conn)
    async def begun(): pass
    @app.ws('/disconn', disconn=disconn)
    async def ended(): pass


def add_regions(app, state):
    "Each has work when it is drawn again, or at once"
    state.again = False

    @app.live
    async def region(auth): return P(await state.attempt('/region'))
    @app.live
    async def own_region_again(auth): return P(await state.attempt('/own_region_again') if state.again else '')
    @app.live
    def plain_region_again(auth): return P(state.plainly('/plain_region_again') if state.again else '')
    @app.live
    async def region_of_all_again(): return P(await state.attempt('/region_of_all_again') if state.again else '')
    state.regions = {'/' + o.name: o for o in (region, own_region_again, plain_region_again, region_of_all_again)}

    @app.get('/{name}_again')
    async def page(name: str):
        shown = state.regions[f'/{name}_again']()
        return Titled('Page', await shown if inspect.isawaitable(shown) else shown)
    @app.get('/region')
    async def at_once(): return Titled('Page', await region())
    @app.post('/change/{name}')
    async def change(name: str):
        state.again = True
        await state.regions[f'/{name}'].changed()


def site(kind):
    state = Attempts()
    async def starlette(request): return PlainTextResponse(str(await state.attempt(request.scope['root_path'] + '/starlette')))
    def plain(request): return PlainTextResponse(str(state.plainly(request.scope['root_path'] + '/plain_starlette')))
    async def mounted(request):
        await state.attempt('/mounted/async')
        return PlainTextResponse('')
    def mounted_plain(request): return PlainTextResponse(str(state.plainly('/mounted/plain')))
    routes = [Route('/starlette', starlette), Route('/plain_starlette', plain),
              Mount('/mounted', Starlette(routes=[Route('/plain', mounted_plain), Route('/async', mounted)]))]
    app = FastHTML(secret_key='k', before=Beforeware(gate), routes=routes)
    async def base(request, call_next):
        response = await call_next(request)
        if request.url.path == '/base_middleware': await state.attempt('/base_middleware')
        return response
    app.add_middleware(Middleware, state=state)
    app.add_middleware(BaseHTTPMiddleware, dispatch=base)
    if kind.startswith('copying'): app.add_middleware(Copying)
    if kind == 'copying, in a task': app.add_middleware(BaseHTTPMiddleware, dispatch=base)

    def plain_guard(auth): return auth == 'ann'
    async def later(auth): return auth == 'ann'
    @app.work(guard=later if kind == 'async' else plain_guard)
    async def export(place: str, say): await say(f'of {place}')
    state.start = export.start

    @app.get('/look')
    async def look(place: str):
        shown = export(place)
        return await shown if inspect.isawaitable(shown) else shown
    @app.exception_handler(Boom)
    async def boom(req, exc): return Titled('Boom', await state.attempt('/raises'))
    @app.exception_handler(PlainBoom)
    def plain_boom(req, exc): return Titled('Boom', state.plainly('/plain_raises'))
    @app.exception_handler(418)
    async def teapot(req, exc): return await state.attempt('/status')
    @app.exception_handler(404)
    async def missing(req, exc): return await state.attempt('/no/such/address')
    @app.exception_handler(500)
    async def crashed(req, exc): return await state.attempt('/crash') if isinstance(exc, Crash) else P('')
    add_routes(app, state)
    add_beside(app, state)
    add_sockets(app, state)
    add_regions(app, state)
    app.state.attempts = state
    return app


class Site:
    "A served app, as its users see it"
    def __init__(self, served, state): self.served, self.state, self.visitor = served, state, Visitor(served)

    def shown(self, place): return self.visitor.get(f'/look?u=ann&place={place}')

    def go(self, place, user):
        "Whatever makes the program try to start work at this place"
        before, address = self.state.tried.count(place), f'{place}?u={user}'
        if place in ('/socket', '/conn', '/disconn'): self.talk(place, address)
        elif place.endswith('_again'): self.draw_again(place, address)
        else:
            with closing(self.visitor.request('GET', address)) as response, suppress(IncompleteRead):
                response.read()   # what goes on after it has begun is cut off
        if not place.endswith('_again'): wait_until(lambda: self.state.tried.count(place) > before, what=place)

    def talk(self, place, address):
        with connect(self.served.ws_url + address) as socket:
            if place == '/socket': socket.send(json.dumps({}))
            if place != '/disconn': wait_until(lambda: place in self.state.tried)

    def draw_again(self, place, address):
        self.state.again, before = False, self.state.tried.count(place)
        with self.visitor.stream(self.visitor.rows(address)) as stream:
            stream.until('live/checked')
            self.visitor.request('POST', '/change' + place)
            wait_until(lambda: self.state.tried.count(place) > before, what=place)

    def has_run(self, place):
        "Whether it has run, or runs; what began before the fence would have"
        fence = f'fence{len(self.state.tried)}'
        self.state.fence(fence)
        wait_until(lambda: f'of {fence}' in self.shown(fence))
        return 'data-work=""' not in self.shown(place)


@pytest.fixture(scope='module', params=['plain', 'async', 'copying', 'copying, in a task'])
def kind(request): return request.param


@pytest.fixture(scope='module')
def served_site(kind):
    app = site(kind)
    state = app.state.attempts
    @app.get('/fence')
    async def fence(place: str): return await state.attempt(place)
    with serve(app) as served:
        state.fence = lambda place: Visitor(served).get(f'/fence?u=ann&place={place}')
        yield Site(served, state)


@each_row('place', PLACES)
def test_who_may_not_see_it_starts_it_nowhere(served_site, place, caplog):
    served_site.go(place, 'mallory')
    assert not served_site.has_run(place)
    served_site.go(place, 'ann')
    assert served_site.has_run(place) == PLACES[place]
    assert ('let the region take `auth`' in caplog.text) == (place == '/region_of_all_again')


@pytest.mark.parametrize('where', ['lifespan', 'task', 'to_thread', 'thread', 'call'])
def test_outside_of_requests_the_program_starts_it(where):
    async def begin():
        if where == 'to_thread': await asyncio.to_thread(export.start, place='x')
        elif where == 'thread': await asyncio.get_running_loop().run_in_executor(None, lambda: export.start(place='x'))
        elif where != 'call': export.start(place='x')

    @asynccontextmanager
    async def lifespan(app):
        if where == 'lifespan': await begin()
        task = asyncio.create_task(begin())
        yield
        await task

    app = FastHTML(secret_key='k', before=Beforeware(gate), lifespan=lifespan)

    @app.work(guard=lambda auth: auth == 'ann')
    async def export(place: str, say): await say(f'of {place}')
    @app.get('/look')
    def look(): return export(place='x')
    with serve(app) as served:
        visitor = Visitor(served)
        if where == 'call': served.call(lambda: export.start(place='x'))
        wait_until(lambda: 'of x' in visitor.get('/look?u=ann'))


def test_after_a_request_in_the_same_task_the_program_is_by_itself_again():
    app = FastHTML(secret_key='k')
    async def get(path):
        scope = dict(type='http', method='GET', path=path, raw_path=path.encode(), query_string=b'', headers=[], root_path='',
                     scheme='http', server=('x', 80), client=None, http_version='1.1')
        async def receive(): return {'type': 'http.request', 'body': b''}
        async def send(message): pass
        await app(scope, receive, send)
    async def program():
        await get('/nothing')
        return scope_in_use()
    assert asyncio.run(program()) is None


def test_a_page_of_an_exception_handler_shows_the_regions_of_its_user_and_follows_them():
    app = FastHTML(secret_key='k', before=Beforeware(gate))
    app.state.value = 'first'

    @app.live
    async def account(auth): return P(f'{app.state.value} of {auth}')
    @app.exception_handler(Boom)
    async def boom(req, exc): return Titled('Boom', await account())
    @app.get('/raises')
    def raises(): raise Boom
    @app.post('/change')
    async def change():
        app.state.value = 'second'
        await account.changed()
    with serve(app) as served:
        visitor = Visitor(served)
        page = visitor.get('/raises?u=ann')
        assert 'first of ann' in page
        with visitor.stream(visitor.rows_in(page)) as stream:
            stream.until('live/checked')
            visitor.request('POST', '/change')
            assert 'second' in str(stream.next())
