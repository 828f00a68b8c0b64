"""A guard and the origin check stand before everything that an app answers: one table of entry points, walked for each promise.

`ENTRIES` holds every way to put something behind an address. A public method of `FastHTML` or `APIRouter`, or a kind of route of
Starlette, that is in neither `ENTRIES` nor `NOT_ENTRIES` fails `test_every_entry_point_is_in_the_table`.
"""
import asyncio
import re
import time
from base64 import urlsafe_b64encode

import pytest
import starlette.routing
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.auth import user_pwd_auth
from fasthtml.app.static import SafeStatic
from fasthtml.common import APIRouter, Beforeware, EventStream, P, Redirect
from fasthtml.http.routing import HostRoute, HttpRoute, SocketRoute
from fasthtml.realtime.regions import Signer
from support import each_row

ALL = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE']
EVIL = {'Origin': 'https://evil.example', 'Sec-Fetch-Site': 'cross-site'}
REACHED = []


def handler():
    REACHED.append(1)
    return P('reached')


async def async_handler(): return handler()


def generator_handler():
    yield handler()


class CallableHandler:
    def __call__(self): return handler()


async def plain(request):
    REACHED.append(1)
    return PlainTextResponse('reached')


class PlainEndpoint(HTTPEndpoint):
    async def get(self, request): return await plain(request)
    async def post(self, request): return await plain(request)


async def bare(scope, receive, send): await PlainTextResponse((REACHED.append(1), 'reached')[1])(scope, receive, send)


async def on_message(msg: str):
    REACHED.append(1)
    return P('reached')


async def plain_socket(ws):
    await ws.accept()
    REACHED.append(1)
    await ws.send_text('reached')
    await ws.close()


class SocketClass(WebSocketEndpoint):
    encoding = 'text'
    async def on_connect(self, ws): await plain_socket(ws)


def inner_app():
    inner = FastHTML(secret_key='k')
    inner.route('/x', methods=ALL)(handler)
    inner.ws('/s')(on_message)
    return inner


def inner_starlette(): return Starlette(routes=[Route('/x', plain, methods=ALL), WebSocketRoute('/s', plain_socket)])


def routed(make):
    "An APIRouter with routes, added to the app"
    def register(app):
        ar = APIRouter()
        make(ar)
        ar.to_app(app)
    return register


def included(app):
    outer, ar = APIRouter(), APIRouter()
    ar.route('/x', methods=ALL)(handler)
    outer.include(ar)
    outer.to_app(app)


def given(make):
    "Routes for `FastHTML(routes=...)`"
    make.as_option = True
    return make


def verb(name): return lambda app: getattr(app, name)('/x')(handler)


# Entry point → what registers it. The address is /x for requests and /s for sockets, below /in for what is mounted
HTTP = {
    **{name: verb(name) for name in 'get post put patch delete head options trace'.split()},
    'route': lambda app: app.route('/x', methods=ALL)(handler),
    'route async': lambda app: app.route('/x', methods=ALL)(async_handler),
    'route generator': lambda app: app.route('/x', methods=ALL)(generator_handler),
    'route callable': lambda app: app.route('/x', methods=ALL, name='x')(CallableHandler()),
    'route last': lambda app: app.route('/x', methods=ALL, last=True)(handler),
    'route host': lambda app: app.route('/x', methods=ALL, host='testserver')(handler),
    'route class': lambda app: app.route('/x')(type('Thing', (), {'get': staticmethod(handler), 'post': staticmethod(handler)})),
    'add_route': lambda app: app.add_route('/x', handler, methods=ALL),
    'add_route Route': lambda app: app.add_route(Route('/x', plain, methods=ALL)),
    'Route endpoint class': lambda app: app.add_route(Route('/x', PlainEndpoint)),
    'router.add_route': lambda app: app.router.add_route('/x', plain, methods=ALL),
    'router.routes.append': lambda app: app.router.routes.append(Route('/x', plain, methods=ALL)),
    'router.default': lambda app: setattr(app.router, 'default', bare),
    'HttpRoute': lambda app: app.add_route(HttpRoute('/x', bare)),
    'HostRoute': lambda app: app.add_route(HostRoute('/x', plain, host='testserver', methods=ALL)),
    'routes=': given(lambda: [Route('/x', plain, methods=ALL)]),
    'routes= HostRoute': given(lambda: [HostRoute('/x', plain, methods=ALL)]),
    'routes= of another app': given(lambda: list(inner_app().routes)),
    'APIRouter.route': routed(lambda ar: ar.route('/x', methods=ALL)(handler)),
    **{f'APIRouter.{name}': routed(verb(name)) for name in 'get post put patch delete head options trace'.split()},
    'APIRouter.include': included,
}
MOUNTED = {
    'mount FastHTML': lambda app: app.mount('/in', inner_app()),
    'mount Starlette': lambda app: app.mount('/in', inner_starlette()),
    'mount before=': lambda app: app.mount('/in', inner_app(), before=lambda session: None),
    'mount ASGI': lambda app: app.mount('/in', bare),
    'Mount routes': lambda app: app.router.routes.append(Mount('/in', routes=inner_starlette().routes)),
    'routes= Mount': given(lambda: [Mount('/in', app=inner_starlette())]),
    'routes= Mount of ours': given(lambda: [Mount('/in', app=inner_app())]),
    'router.mount': lambda app: app.router.mount('/in', inner_starlette()),
    'Mount middleware': given(lambda: [Mount('/in', app=inner_starlette(), middleware=[Middleware(lambda app: app)])]),
}
HOSTED = {
    'host': lambda app: app.host('testserver', inner_app()),
    'Host': given(lambda: [Host('testserver', app=inner_starlette())]),
    'Router': given(lambda: [Mount('', app=Router([Route('/x', plain, methods=ALL), WebSocketRoute('/s', plain_socket)]))]),
}
SOCKETS = {
    'ws': lambda app: app.ws('/s')(on_message),
    'ws middleware': lambda app: app.ws('/s', middleware=[Middleware(lambda app: app)])(on_message),
    'ws host': lambda app: app.ws('/s', host='testserver')(on_message),
    'ws conn': lambda app: app.ws('/s', conn=lambda: REACHED.append(1))(on_message),
    'add_websocket_route': lambda app: app.add_websocket_route('/s', on_message),
    'APIRouter.ws': routed(lambda ar: ar.ws('/s')(on_message)),
    'WebSocketRoute': lambda app: app.add_route(WebSocketRoute('/s', plain_socket)),
    'WebSocketRoute class': lambda app: app.router.routes.append(WebSocketRoute('/s', SocketClass)),
    'router.websocket_route': lambda app: app.router.add_websocket_route('/s', plain_socket),
    'router.default': lambda app: setattr(app.router, 'default', WebSocketRoute('/s', plain_socket).app),
    'SocketRoute': lambda app: app.add_route(SocketRoute('/s', WebSocketRoute('/s', plain_socket).app)),
    'routes= WebSocketRoute': given(lambda: [WebSocketRoute('/s', plain_socket)]),
    'routes= of another app': given(lambda: list(inner_app().routes)),
}
FILES = {
    'static_route_exts': lambda app: app.static_route_exts(static_path=app.folder),
    'static_route': lambda app: app.static_route('.txt', static_path=app.folder),
    'mount StaticFiles': lambda app: app.mount('/', StaticFiles(directory=app.folder)),
    'mount SafeStatic': lambda app: app.mount('/', SafeStatic(directory=app.folder)),
    'routes= StaticFiles': 'an option',
}
OTHERS = {  # entry points with addresses of their own
    'devtools_json': (lambda app: app.devtools_json(), '/.well-known/appspecific/com.chrome.devtools.json'),
    'setup_ws': (lambda app: app.setup_ws(), '/ws'),
}
NOT_ENTRIES = set('''add_event_handler add_exception_handler add_middleware build_middleware_stack channel decode_session drain
    exception_handler get_client get_testclient middleware on_event outermost set_lifespan url_path_for'''.split()) | {'APIRouter.to_app'}
OPEN = {'_assets'}  # scripts of the asset table, which a login page needs
OPEN_BY_CALL = {'health', 'metrics'}  # for load balancers, and for neighbours or holders of a token: tests/realtime/test_operations.py
# A page's stream asks the guards of the page: tests/realtime/test_live.py
ASKED_ELSEWHERE = {'live', 'work', 'forget', 'APIRouter.live', 'APIRouter.work'}


def public(cls, prefix=''):
    return {prefix + n for n in dir(cls) if not n.startswith('_') and callable(getattr(cls, n))}


def test_every_entry_point_is_in_the_table():
    known = {name.split(' ')[0] for name in {**HTTP, **MOUNTED, **HOSTED, **SOCKETS, **FILES, **OTHERS}}
    known |= NOT_ENTRIES | OPEN_BY_CALL | ASKED_ELSEWHERE
    assert public(FastHTML) | public(APIRouter, 'APIRouter.') <= known
    kinds = {k for k, v in vars(starlette.routing).items() if isinstance(v, type) and issubclass(v, BaseRoute)} - {'BaseRoute'}
    assert kinds <= known
    app = FastHTML(secret_key='k', assets='local')
    assert {r.name for r in app.routes} == OPEN, 'routes that an app has by itself'


def members(session):
    if not session.get('user'): return Redirect('/login')


def make_app(register, folder=None, **options):
    options = {'secret_key': 'k', 'before': Beforeware(members, skip='/open')} | options
    if getattr(register, 'as_option', False): return FastHTML(routes=register(), **options)
    app = FastHTML(**options)
    app.folder = folder
    register(app)
    return app


def client_of(app, **options): return DirectClient(app, follow_redirects=False, **options)


def as_ann(app, **options):
    from fasthtml.testing.client import get_testclient
    client = get_testclient(app, user='ann')
    client.follow_redirects = False
    return client


def method_of(name):
    last = name.split('.')[-1].split(' ')[0]
    return last.upper() if last.upper() in ALL else None


REQUESTS = ([(name, how, '/x') for name, how in HTTP.items()] + [(name, how, '/in/x') for name, how in MOUNTED.items()]
            + [(name, how, '/x') for name, how in HOSTED.items()])
CHANGING = [(name, how, path) for name, how, path in REQUESTS if method_of(name) not in ('GET', 'HEAD', 'OPTIONS', 'TRACE')]
HANDSHAKES = ([(name, how, '/s') for name, how in SOCKETS.items()]
              + [(name, how, '/in/s') for name, how in MOUNTED.items() if name != 'mount ASGI']
              + [(name, how, '/s') for name, how in HOSTED.items()] + [('setup_ws', OTHERS['setup_ws'][0], '/ws')])


def ids(rows): return [row[0] for row in rows]


@each_row('name, how, path', REQUESTS, ids=ids(REQUESTS))
def test_a_guard_runs_before_a_request_wherever_it_leads(name, how, path):
    app, method = make_app(how), method_of(name) or 'GET'
    REACHED.clear()
    response = client_of(app).request(method, path)
    assert (response.status_code, response.headers['location'], REACHED) == (303, '/login', [])
    assert as_ann(app).request(method, path).status_code == 200 and REACHED


@each_row('name, how, path', CHANGING, ids=ids(CHANGING))
def test_another_origin_changes_nothing_wherever_the_request_leads(name, how, path):
    app, method = make_app(how, before=None), method_of(name) or 'POST'
    REACHED.clear()
    assert client_of(app).request(method, path, headers=EVIL).status_code == 403 and not REACHED
    assert client_of(app).request(method, path, headers={'Origin': 'http://testserver'}).status_code == 200 and REACHED


def connect(app, path, origin=None, client=None, **headers):
    "What a client sees: a text, or the close code"
    if origin: headers['Origin'] = origin
    try:
        with (client or client_of(app)).websocket_connect(path, headers=headers) as ws:
            ws.send_json({'msg': 'hi'})
            return ws.receive_text()
    except WebSocketDisconnect as e: return e.code


@each_row('name, how, path', HANDSHAKES, ids=ids(HANDSHAKES))
def test_guard_and_origin_check_stand_before_every_socket(name, how, path):
    app = make_app(how)
    REACHED.clear()
    assert connect(app, path) == 1008 and not REACHED, 'a stranger'
    assert connect(app, path, 'https://evil.example', as_ann(app)) == 1008 and not REACHED, "another origin, with Ann's cookie"
    for site in ('cross-site', 'same-site', 'odd'):
        assert connect(app, path, None, as_ann(app), **{'Sec-Fetch-Site': site}) == 1008 and not REACHED, 'a proxy has taken `Origin` away'
    if name == 'setup_ws': return
    assert 'reached' in connect(app, path, 'http://testserver', as_ann(app)) and REACHED
    friendly = make_app(how, before=None, trusted_origins='https://evil.example')
    assert 'reached' in connect(friendly, path, 'https://evil.example'), 'a friend is named once'


@pytest.mark.parametrize('name', FILES)
def test_a_guard_runs_before_files(name, tmp_path):
    (tmp_path/'a.txt').write_text('private')
    how = given(lambda: [Mount('/', app=StaticFiles(directory=tmp_path))]) if name == 'routes= StaticFiles' else FILES[name]
    app = make_app(how, tmp_path)
    assert client_of(app).get('/a.txt').status_code == 303
    assert as_ann(app).get('/a.txt').text == 'private'


@pytest.mark.parametrize('name', ['devtools_json'])
def test_a_guard_runs_before_ready_made_routes(name):
    register, path = OTHERS[name]
    assert client_of(make_app(register)).get(path).status_code == 303


# Skip patterns

BEHIND = {'/in/open': False, '/open': True, '/open/': False, '/open.css': False, '/opened': False, '/x/open': False}


def behind_guard(skip): return FastHTML(secret_key='k', before=Beforeware(lambda: PlainTextResponse('no', 403), skip=skip))
def behind_password(skip): return FastHTML(secret_key='k', middleware=[user_pwd_auth(ann='secret', skip=skip)])
SKIPPING = pytest.mark.parametrize('guarded, refused', [(behind_guard, 403), (behind_password, 401)])


@SKIPPING
@each_row('root', ['', '/site', '/open'])
@each_row('path, opened', BEHIND.items())
def test_skip_patterns_match_the_whole_path_inside_the_app(guarded, refused, root, path, opened):
    "Neither the prefix of a mount nor that of a proxy opens anything"
    inner, app = FastHTML(secret_key='k'), guarded('/open')
    for one in (app, inner): one.get('/{p:path}')(lambda p: P(p))
    app.router.routes.insert(0, Mount('/in', app=inner))
    assert client_of(app, root_path=root).get(root + path).status_code == (200 if opened else refused)


@SKIPPING
def test_skip_takes_routes_patterns_and_text_and_refuses_the_rest_where_it_is_written(guarded, refused):
    app = FastHTML(secret_key='k')
    route = app.get('/of/{name}')(lambda name: P(name))
    for skip in (route, [route], re.compile('/of/ann'), ['/of/ann', route], '/of/ann'):
        app = guarded(skip)
        app.get('/of/{name}')(lambda name: P(name))
        app.get('/other')(lambda: P('other'))
        assert [client_of(app).get(path).status_code for path in ('/of/ann', '/other')] == [200, refused], skip
    for wrong, error in (('/(', ValueError), (['/x', '/('], ValueError), (7, TypeError), ([None], TypeError)):
        with pytest.raises(error, match='skip='): client_of(guarded(wrong)).get('/')


@SKIPPING
def test_skip_patterns_of_an_inner_app_do_not_see_the_mount(guarded, refused):
    inner = guarded(['/open', r'/admin/.*'])
    inner.get('/{p:path}')(lambda p: P(p))
    app = FastHTML(secret_key='k')
    app.mount('/admin', inner)
    assert [client_of(app).get(p).status_code for p in ('/admin/open', '/admin/x', '/admin/admin/x')] == [200, refused, 200]


def test_a_guard_that_reads_the_body_leaves_it_to_what_is_behind():
    async def echo(request): return PlainTextResponse(await request.body())
    def check(code: str = ''):
        if code != 'sesame': return PlainTextResponse('no', 403)
    app = FastHTML(secret_key='k', before=check, routes=[Route('/x', echo, methods=['POST'])])
    assert client_of(app).post('/x', data={'code': 'sesame', 'n': '1'}).text == 'code=sesame&n=1'
    assert client_of(app).post('/x', data={'code': 'no'}).status_code == 403


def test_nothing_is_guarded_twice():
    "An endpoint of ours asks the guards itself; the router asks for the others"
    asked = []
    def count(): asked.append(1)
    for how, path in ((HTTP['get'], '/x'), (HTTP['router.add_route'], '/x'), (MOUNTED['mount FastHTML'], '/in/x')):
        client_of(make_app(how, before=count)).get(path)
    assert len(asked) == 3
    connect(make_app(SOCKETS['ws'], before=count), '/s')
    assert len(asked) == 4


def test_a_guard_that_fails_closes_the_socket_with_1011():
    def broken(): raise RuntimeError('away')
    for how in (SOCKETS['ws'], SOCKETS['WebSocketRoute']):
        assert connect(make_app(how, before=broken), '/s') == 1011


def test_a_mounted_app_may_have_friends_of_its_own():
    inner = FastHTML(secret_key='k')
    inner.ws('/s', origins=['https://friend.example'])(on_message)
    app = FastHTML(secret_key='k')
    app.mount('/in', inner)
    assert 'reached' in connect(app, '/in/s', 'https://friend.example')
    assert connect(app, '/in/s', 'https://evil.example') == 1008


# Friends named once

CORS = {'allow_origins': {'allow_origins': ['https://friend.example']},
        'allow_origin_regex': {'allow_origin_regex': r'https://\w+\.example', 'allow_credentials': True}}


@pytest.mark.parametrize('how', CORS)
def test_friends_of_the_cors_middleware_are_friends_of_forms_and_sockets(how):
    from starlette.middleware.cors import CORSMiddleware
    for register, path in ((HTTP['route'], '/x'), (MOUNTED['mount Starlette'], '/in/x')):
        app = make_app(register, before=None, middleware=[Middleware(CORSMiddleware, **CORS[how])])
        friend, stranger = {'Origin': 'https://friend.example'}, {'Origin': 'https://evil.org'}
        statuses = [client_of(app).post(path, headers=h | {'Sec-Fetch-Site': 'cross-site'}).status_code for h in (friend, stranger)]
        assert statuses == [200, 403]
    app = make_app(SOCKETS['ws'], before=None, middleware=[Middleware(CORSMiddleware, **CORS[how])])
    assert 'reached' in connect(app, '/s', 'https://friend.example') and connect(app, '/s', 'https://evil.org') == 1008


LOGINS = {'Cookie': 'session_=x', **{scheme: f'{scheme} abc' for scheme in ('Basic', 'Digest', 'Negotiate', 'NTLM', 'ntlm', 'Kerberos')}}


@each_row('credentials', [False, True])
@each_row('login', LOGINS)
def test_open_to_all_means_without_a_login_that_browsers_send(login, credentials):
    from starlette.middleware.cors import CORSMiddleware
    cors = Middleware(CORSMiddleware, allow_origins=['*'], allow_credentials=credentials)
    headers = {'Cookie' if login == 'Cookie' else 'Authorization': LOGINS[login]}
    for register, path in ((HTTP['route'], '/x'), (MOUNTED['mount Starlette'], '/in/x')):
        app = make_app(register, before=None, middleware=[cors])
        assert client_of(app).post(path, headers=EVIL | headers).status_code == 403
        assert client_of(app).post(path, headers=EVIL).status_code == 200
        assert client_of(app).post(path, headers=EVIL | {'Authorization': 'Bearer x'}).status_code == 200


def test_a_client_certificate_is_a_login_too():
    from starlette.middleware.cors import CORSMiddleware
    app = make_app(HTTP['route'], before=None, middleware=[Middleware(CORSMiddleware, allow_origins=['*'])])
    async def with_certificate(scope, receive, send):
        await app({**scope, 'extensions': {'tls': {'client_cert_chain': ['-----BEGIN']}}}, receive, send)
    assert client_of(with_certificate).post('/x', headers=EVIL).status_code == 403


def test_the_skip_example_of_the_notes_opens_no_page_of_a_person():
    "What the how-tos show as `skip=` must not open an address that ends in a person's text"
    import ast
    import json
    from pathlib import Path
    shown = []
    for file in sorted(Path(__file__).parents[2].glob('nbs/**/*.ipynb')):
        for cell in json.loads(file.read_text())['cells']:
            text = ''.join(cell['source'])
            if cell['cell_type'] != 'code' or 'skip=' not in text: continue
            for node in ast.walk(ast.parse(text.replace('%', '#') if text.startswith('%') else text)):
                for kw in getattr(node, 'keywords', ()):
                    if kw.arg == 'skip' and isinstance(kw.value, ast.List):
                        shown += [(file.name, ast.literal_eval(o)) for o in kw.value.elts if isinstance(o, ast.Constant)]
    assert shown
    import re
    for name, pattern in shown:
        for path in ('/users/ann', '/users/ann.css', '/search/a/b.css', '/users/static/a.css', '/users/favicon.ico'):
            assert not re.fullmatch(pattern, path), (name, pattern, path)




@each_row('skip, path, told', [
    (r'.*\.css', '/users/{name}', True), (r'.*\.(css|js)', '/users/{name}', True), (r'.*\.css', '/search/{q:path}', True),
    (r'/.*\.txt', '/{p}', True), (r'/static/.*', '/users/{name}', False), (r'/users/.*', '/users/{name}', False),
    (r'.*\.css', '/users/{id:int}', False), (r'.*\.css', '/about', False), (r'/static/.*\.css', '/users/{name}', False)])
def test_a_skip_pattern_that_opens_pages_by_their_ending_is_told(skip, path, told, caplog):
    app = FastHTML(secret_key='k', before=Beforeware(members, skip=skip))
    app.static_route_exts()
    app.get(path)(lambda: P('x'))
    client_of(app).get('/nothing')
    assert ('Skip a folder' in caplog.text) == told


# The stream of a page's regions: the guards of the page are asked, and where it shows no region, those of the app

def with_regions(**options):
    app = FastHTML(secret_key='k', before=Beforeware(members, skip=['/open', '/open-events']), **options)
    news = app.live(name='news')(lambda: P('news'))
    app.get('/open')(lambda: news())
    for path in ('/open-events', '/events'): app.get(path)(lambda: EventStream([P('x')]))
    return app


FORGED = f"{2**40:x}.{urlsafe_b64encode(b'/open').decode().rstrip('=')}.{'0' * 22}"   # claims a page that is open to all
NO_PAGE = [{}, {'has': []}, {'has': [['news{}', '', '']]}, {'has': [['news{}', FORGED, '']]}, {'has': [], 'visit': True},
           {'has': [], 'streams': [[1, '/events', {}]]}, {'streams': [[1, '/open/../events', {}]]}, {'streams': [[1, '/_live', {}]]}]


@each_row('prefix', ['', '/in'])
@each_row('body', NO_PAGE, ids=str)
def test_who_may_see_no_page_opens_no_stream_of_regions(body, prefix):
    "It would count as one of `Limits(total=)`, though it shows nothing"
    app = inner = with_regions()
    if prefix: (app := FastHTML(secret_key='k')).mount(prefix, inner)
    for poll in (False, True): assert client_of(app).post(f'{prefix}/_live', json=body | {'poll': poll}).status_code == 403
    seen = as_ann(app).post(f'{prefix}/_live', json=body | {'poll': True})
    assert seen.status_code == 200


def test_a_page_that_is_open_to_all_may_have_streams_without_regions():
    body = {'has': [], 'streams': [[1, '/events', {}], [2, '/open-events?a=1', {}]], 'poll': True}
    assert client_of(with_regions()).post('/_live', json=body).status_code == 200


def test_a_page_that_is_open_to_all_has_the_stream_of_its_regions():
    app = with_regions()
    page = client_of(app).get('/open')
    key, token, has = (re.search(f'data-live{name}="([^"]*)"', page.text)[1] for name in ('-key', '-token', '-has'))
    for client in client_of(app), as_ann(app):
        assert client.post('/_live', json={'has': [[key, token, has]], 'poll': True}).status_code == 200


def b64(text): return urlsafe_b64encode(text.encode()).decode().rstrip('=')


def no_code(token, path): return f'{2**40:x}.{b64(path)}.{"0" * 30}'
def code_of_another_path(token, path): return '.'.join([token.split('.')[0], b64(path), token.split('.')[2]])
def code_of_another_time(token, path): return '.'.join([f'{2**40:x}', *token.split('.')[1:]])
def short_code(token, path): return token[:-25]
def of_another_app(token, path): return Signer(b'another key').token('news{}', '', path, time.time())


@each_row('made_up', [no_code, code_of_another_path, code_of_another_time, short_code, of_another_app],
                         ids=lambda f: f.__name__)
@each_row('prefix', ['', '/in'])
@each_row('path', ['/open', '/closed', '/none'])
def test_no_guard_is_asked_for_a_path_that_a_made_up_token_claims(path, prefix, made_up):
    "A request with 200 of them would ask 200 times; and whether there is such a page stays unsaid"
    asked, events = [], []
    def guard(req):
        asked.append(req.url.path)
        if req.url.path.endswith('/closed'): return Response('', 403)
    app = inner = FastHTML(secret_key='k', before=guard)
    news = app.live(name='news')(lambda: P('news'))
    for at in '/open', '/closed': app.get(at)(lambda: news())
    if prefix: (app := FastHTML(secret_key='k')).mount(prefix, inner)
    client = client_of(app)
    token = re.search('data-live-token="([^"]*)"', client.get(f'{prefix}/open').text)[1]
    rows = [['news{}', made_up(token, f'{path}\0pin={i}'), ''] for i in range(150)]
    for has in [], rows:
        asked.clear()
        answer = client.post(f'{prefix}/_live', json={'has': has, 'poll': True})
        events.append((answer.status_code, len(asked)))
    assert events[0] == events[1] and events[0][1] <= 1


OURS, OTHER = 'http://testserver', 'https://evil.example'
DOUBLED = {
    'origin': [('origin', OTHER), ('origin', OURS)],
    'site': [('sec-fetch-site', 'cross-site'), ('sec-fetch-site', 'same-origin')],
    'host': [('origin', OTHER), ('host', 'testserver'), ('host', 'evil.example')],
    'site and origin': [('sec-fetch-site', 'cross-site'), ('origin', OTHER), ('sec-fetch-site', 'none'), ('origin', OURS)],
}


@each_row('order', [1, -1], ids=['ours last', 'ours first'])
@each_row('kind', DOUBLED)
def test_a_header_that_is_there_twice_lets_no_other_origin_in(kind, order):
    "What has joined the connections of clients may believe one of them, and the app another"
    app, done = FastHTML(secret_key='k'), []
    app.post('/buy')(lambda: done.append(1))
    @app.route('/sell')   # no methods: a link of another site never runs it
    def sell(to: str = ''): done.append(1)
    @app.ws('/talk')
    async def talk(to: str): done.append(1)
    headers, client = DOUBLED[kind][::order], DirectClient(app)
    assert client.post('/buy', headers=headers).status_code == 403
    if kind.startswith('site'): assert client.get('/sell?to=x', headers=headers).status_code == 403
    if kind != 'site':   # browsers send an origin with every handshake
        came, sent = iter([{'type': 'websocket.connect'}, {'type': 'websocket.receive', 'text': '{"to": "x"}'}]), []
        async def receive(): return next(came, {'type': 'websocket.disconnect', 'code': 1000})
        async def send(message): sent.append(message)
        scope = dict(type='websocket', path='/talk', raw_path=b'/talk', query_string=b'', root_path='', scheme='ws', subprotocols=[],
                     headers=[(b'host', b'testserver'), *((k.encode(), v.encode()) for k, v in headers)])
        asyncio.run(app(scope, receive, send))
        assert sent[-1].get('code') == 1008
    assert done == []
