"Routes: what a name says, which route answers, and what URL leads back to it. The judge is Starlette's own client or router."
import asyncio
import http.client
import json
import re
import string
import warnings
from contextlib import contextmanager
from html import unescape
from itertools import product
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.convertors import CONVERTOR_TYPES
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Host, Mount, NoMatchFound, Route, Router, WebSocketRoute

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.html.composed import A
from fasthtml.html.tags import Button, Div
from fasthtml.http.paths import qp, reg_re_param
from fasthtml.http.routers import APIRouter
from fasthtml.http.routing import AppRouter, HostRoute, HttpRoute, nested_name, uri
from fasthtml.testing import Client
from support import check_rows, each_row, serve


@pytest.fixture
def app(): return FastHTML(secret_key='k', default_hdrs=False)


def ask(app, path, method='GET', **kw):
    return DirectClient(app, **kw).request(method, path, headers={'hx-request': 'true'}, follow_redirects=False)


def top(f):
    "As if `f` were defined in the module, not in the test"
    f.__qualname__ = f.__name__
    return f


@contextmanager
def warned():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        yield caught


# What a name says

def test_a_bare_decorator_takes_path_and_methods_from_the_function(app):
    @app.route
    @top
    def todos(): return 'todos'
    @app.route
    @top
    def index(): return 'home'
    assert [ask(app, '/todos', m).text for m in ('GET', 'POST')] == ['todos', 'todos']
    assert ask(app, '/').text == 'home'
    assert ask(app, '/todos', 'DELETE').status_code == 405


def test_a_verb_named_function_with_a_path_answers_that_verb_alone(app):
    rt = app.route
    @rt('/todo')
    def get(): return 'got'
    @rt('/todo')
    def delete(): return 'gone'
    assert (ask(app, '/todo').text, ask(app, '/todo', 'DELETE').text) == ('got', 'gone')
    refused = ask(app, '/todo', 'PUT')
    assert refused.status_code == 405
    assert refused.headers['allow'].split(', ') == ['DELETE', 'GET', 'HEAD']


def test_every_verb_has_its_decorator_bare_or_with_a_path(app):
    for verb in ('get', 'post', 'put', 'delete', 'patch', 'options', 'trace'):
        getattr(app, verb)(f'/{verb}s')(lambda: 'ok')
        assert ask(app, f'/{verb}s', verb.upper()).text == 'ok'
    @app.post
    @top
    def save(): return 'saved'
    assert ask(app, '/save', 'POST').text == 'saved'
    assert ask(app, '/save').status_code == 405


def test_nested_functions_carry_both_names(app):
    def shop():
        @app.route
        def cart(): return 'cart'
        return cart
    cart = shop()
    name = nested_name(cart.fn)
    assert name.endswith('shop_cart')
    assert ask(app, f'/{name}').text == 'cart'


def test_head_is_answered_like_get_without_a_body(app):
    @app.get('/x')
    def x(): return 'text'
    r = ask(app, '/x', 'HEAD')
    assert r.status_code == 200
    assert r.headers['content-type'].startswith('text/html')


def test_a_class_groups_the_verbs_of_one_path(app):
    @app.route('/cards/{id}')
    class Cards:
        suit = 'hearts'
        def get(id: int): return f'card {id}'
        def delete(self, id: int): return f'{self.suit} {id} gone'
        @staticmethod
        def put(id: int): return f'put {id}'
    assert [ask(app, '/cards/3', m).text for m in ('GET', 'DELETE', 'PUT')] == ['card 3', 'hearts 3 gone', 'put 3']
    assert Cards.to(id=3, q='x') == '/cards/3?q=x'
    assert ask(app, '/cards/3', 'POST').status_code == 405


def test_a_bare_class_is_named_with_a_small_first_letter(app):
    @app.route
    @top
    class MyThings:
        def get(): return 'things'
    assert ask(app, '/myThings').text == 'things'
    with pytest.raises(ValueError, match='methods'):
        app.route('/x', methods='get')(MyThings)
    with pytest.raises(ValueError, match='no handler'):
        app.route('/x')(type('Empty', (), {}))


@pytest.mark.parametrize('path, hint', [('users', "write '/users'"), ('/a/{id', 'Cannot read'),
                                        ('/a/{x:itn}', 'Did you mean `int`'), ('/a/{x}/{x}', 'appears twice')])
def test_a_path_that_cannot_work_is_refused_when_it_is_registered(app, path, hint):
    with pytest.raises(ValueError, match=hint.replace('(', r'\(')):
        app.get(path)(lambda: 1)


def test_two_decorators_make_two_routes_to_one_function(app):
    @app.get('/a')
    @app.get('/b')
    def both(): return 'both'
    assert (ask(app, '/a').text, ask(app, '/b').text, str(both)) == ('both', 'both', '/a')


def test_a_route_is_still_the_function(app):
    @app.get('/add')
    def add(a: int, b: int = 1):
        "Add two numbers"
        return a + b
    assert (add(2), add.__doc__, add.__name__) == (3, 'Add two numbers', 'add')


async def test_an_async_route_is_still_async(app):
    @app.get('/x')
    async def x(): return 'x'
    assert await x() == 'x'


# Registering again

def test_running_a_cell_again_replaces_its_route(app):
    def cell(answer):
        @app.route('/x')
        def x(): return answer
    cell('old')
    cell('new')
    assert ask(app, '/x').text == 'new'
    assert len([r for r in app.routes if r.path == '/x']) == 1


def test_a_renamed_part_still_replaces(app):
    @app.get('/u/{nm}')
    def u(nm: str): return f'old {nm}'
    @app.get('/u/{name}')
    def u(name: str): return f'new {name}'  # noqa: F811
    assert ask(app, '/u/ann').text == 'new ann'


def test_another_function_at_the_same_address_replaces_and_warns(app):
    @app.get('/x')
    def first(): return 'first'
    with warned() as caught:
        @app.get('/x')
        def second(): return 'second'
    assert ask(app, '/x').text == 'second'
    assert 'first' in str(caught[0].message) and caught[0].filename == __file__


def test_a_route_that_some_requests_never_reach_is_warned_about(app):
    @app.route('/x')
    def both(): return 'both'
    with warned() as caught:
        @app.post('/x')
        def save(): return 'save'
    assert 'POST /x stays with' in str(caught[0].message)
    assert ask(app, '/x', 'POST').text == 'both'


@pytest.mark.parametrize('register, named', [
    (lambda app: app.get('/x'), 'GET /x'), (lambda app: app.route('/x', methods=['get', 'put']), 'GET, PUT /x'),
    (lambda app: app.ws('/x'), 'WebSocket /x')], ids=['get', 'two', 'ws'])
def test_the_warning_of_a_second_route_names_what_it_handles(app, register, named):
    def first(): return 'first'
    def second(): return 'second'
    register(app)(top(first))
    with warned() as caught: register(app)(top(second))
    assert str(caught[0].message) == f'{named} was answered by `first`, now by `second`.'


# Parts of a path

def test_a_plain_part_also_takes_nothing(app):
    @app.get('/u/{nm}')
    def u(nm: str): return f'<{nm}>'
    assert ask(app, '/u/').text == '<>'


def test_a_path_part_leaves_the_extension(app):
    @app.get('/{name:path}.{ext:static}')
    def file(name: str, ext: str): return f'{name}|{ext}'
    assert ask(app, '/a/b.min.css').text == 'a/b.min|css'
    assert ask(app, '/a/b.CSS').text == 'a/b|CSS'
    assert ask(app, '/a/b.nope').status_code == 404


def test_a_number_of_any_length_is_no_server_error(app):
    @app.get('/n/{n:int}')
    def n(n: int): return str(n)
    assert ask(app, '/n/12').text == '12'
    assert ask(app, '/n/' + '9'*5000).status_code == 404


def test_own_shapes_leave_starlette_alone(app):
    before = dict(CONVERTOR_TYPES)
    reg_re_param('year', '[12][0-9]{3}')
    @app.get('/{y:year}')
    def year(y: int): return f'year {y}'
    assert (ask(app, '/1999').text, ask(app, '/3999').status_code) == ('year 1999', 404)
    assert CONVERTOR_TYPES == before and CONVERTOR_TYPES['str'].regex == '[^/]+'
    plain = Starlette(routes=[Route('/u/{nm}', lambda r: PlainTextResponse('hit'))])
    assert DirectClient(plain).get('/u/').status_code == 404


# Hosts

def test_routes_with_a_host_come_first(app):
    @app.get('/')
    def any_host(): return 'any'
    @app.get('/', host='{sub}.example.com')
    def one_host(sub: str): return f'host {sub}'
    client = DirectClient(app)
    def at(host): return client.get('/', headers={'host': host, 'hx-request': 'true'}).text
    asked = ('x.org', 'a.example.com', 'A.EXAMPLE.com:8000', 'a.b.example.com')
    assert [at(h) for h in asked] == ['any', 'host a', 'host A', 'host a.b']


@pytest.mark.parametrize('host, pattern, parts', [
    ('api.example.co.uk', 'api.{dom}', 'example.co.uk'), ('api.localhost', 'api.{dom}', 'localhost'),
    ('a.b.example.com', '{sub}.{dom}', 'a.b.example com'), ('a.b.example.com', '{sub}.example.{tld}', 'a.b com'),
    ('eu-a.example.com', '{region}-{n}.example.com', 'eu a')])
def test_parts_of_a_host_may_hold_dots_as_in_starlette(app, host, pattern, parts):
    def at_host(req): return ' '.join(req.path_params.values())
    app.get('/', host=pattern)(at_host)
    assert DirectClient(app).get('/', headers={'host': host, 'hx-request': 'true'}).text == parts


def test_a_starlette_endpoint_can_be_kept_for_a_host():
    async def hello(request): return PlainTextResponse(f'hello {request.path_params["sub"]}')
    app = FastHTML(secret_key='k', routes=[HostRoute('/', hello, host='{sub}.example.com')])
    client = DirectClient(app)
    assert client.get('/', headers={'host': 'ann.example.com'}).text == 'hello ann'
    assert [client.get('/').status_code, client.post('/', headers={'host': 'ann.example.com'}).status_code] == [404, 405]


# Which route answers

paths = st.lists(st.sampled_from(['a', 'b', '{x}', '{y:int}', '{z:path}']), min_size=0, max_size=3).map(
    lambda ps: '/' + '/'.join(p.replace('}', f'_{i}}}').replace(f':int_{i}', f'_{i}:int').replace(f':path_{i}', f'_{i}:path')
                              for i, p in enumerate(ps)))
asked = st.lists(st.sampled_from(['a', 'b', '7', 'c']), max_size=4).map(lambda ps: '/' + '/'.join(ps))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(paths, st.sampled_from(['GET', 'POST'])), min_size=1, max_size=8),
       st.lists(asked, min_size=1, max_size=5))
def test_the_tables_choose_the_same_route_as_starlette_does_in_turn(routes, requests):
    async def answer(scope, receive, send): await PlainTextResponse(scope['route'].name)(scope, receive, send)
    made = [HttpRoute(p, answer, methods=[m], name=f'{m} {p} {i}') for i, (p, m) in enumerate(routes)]
    asked = [(method, path) for path in requests for method in ('GET', 'POST')]
    ours, theirs = (asyncio.run(answers_of(router, asked)) for router in (AppRouter(made), Router(made)))
    assert ours == theirs


async def answers_of(app, asked):
    "Status of each request, and the text where it is 200; without a client, which would cost more than the routing"
    found = []
    async def receive(): return {'type': 'http.request', 'body': b''}
    for method, path in asked:
        sent = []
        async def send(message, sent=sent): sent.append(message)
        scope = {'type': 'http', 'method': method, 'path': path, 'raw_path': path.encode(), 'root_path': '', 'query_string': b'',
                 'headers': [(b'host', b'x')], 'scheme': 'http', 'server': ('x', 80), 'client': ('y', 1), 'http_version': '1.1'}
        await app(scope, receive, send)
        status = sent[0]['status']
        found.append((method, path, status, b''.join(o['body'] for o in sent[1:]) if status == 200 else b''))
    return found


def test_routes_added_behind_our_back_are_found(app):
    @app.get('/x')
    def x(): return 'x'
    assert ask(app, '/y').status_code == 404
    app.routes.append(Route('/y', lambda r: PlainTextResponse('y')))
    app.mount('/m', Starlette(routes=[Route('/z', lambda r: PlainTextResponse('z'))]))
    assert (ask(app, '/y').text, ask(app, '/m/z').text) == ('y', 'z')
    del app.routes[0]
    assert ask(app, '/x').status_code == 404


# Slashes

def test_a_slash_too_many_or_too_few_is_redirected_below_the_same_root(app):
    @app.get('/foo')
    def foo(): return 'foo'
    @app.get('/bar/')
    def bar(): return 'bar'
    def where(path, app=app, **kw):
        r = ask(app, path, **kw)
        return r.status_code, r.headers.get('location')
    assert where('/foo/?a=%20b') == (307, '/foo?a=%20b')
    assert where('/bar') == (307, '/bar/')
    outer = Starlette(routes=[Mount('/sub', app)])
    assert where('/sub/foo/', outer) == (307, '/sub/foo')
    assert where('/nothing/') == (404, None)


TWO_SLASHES = {
    '//evil.example/': '/evil.example/', '///evil.example/x': '/evil.example/x', '/\\evil.example': '/evil.example', '//': '/',
    '/\t/evil.example': '/evil.example', '/\\/\n//evil.example/a b%': '/evil.example/a%20b%25', '//evil.example//x': '/evil.example//x'}


@pytest.mark.parametrize('path', TWO_SLASHES)
@pytest.mark.parametrize('method', ['GET', 'POST'])
@pytest.mark.parametrize('where', ['', '/sub'])
@pytest.mark.parametrize('kind', ['any', 'guarded', 'nothing', 'error_view', 'static', 'mounted'])
async def test_nothing_has_an_address_that_a_browser_reads_as_another_host(path, method, where, kind, tmp_path):
    "htmx asks for `location.pathname` when a visitor goes back, and a program may link to `request.url.path`"
    seen, sent = [], []
    app = FastHTML(secret_key='k', before=(lambda req: seen.append(req.url.path)) if kind == 'guarded' else None, secure_headers=True,
                   error_view=(lambda exc: seen.append(exc) or 'a page') if kind == 'error_view' else None)
    def any(p: str = ''): seen.append(p)
    if kind in ('any', 'guarded'): app.route('/{p:path}')(any)
    if kind == 'any': app.route('//evil.example')(any)
    if kind == 'static': app.static_route_exts(static_path=tmp_path)
    if kind == 'mounted':
        inner = FastHTML(secret_key='k')
        inner.route('/{p:path}')(any)
        app.mount('/', inner)
    async def send(m): sent.append(m)
    async def receive(): return {'type': 'http.request', 'body': b''}
    headers = [(b'host', b'me'), (b'origin', b'https://evil.example')]
    scope = dict(type='http', method=method, path=path, raw_path=path.encode(), query_string=b'q=1', headers=headers, scheme='http',
                 server=('me', 80), client=None, root_path=where, http_version='1.1')
    await app(scope, receive, send)
    headers = dict(sent[0]['headers'])
    assert sent[0]['status'] == 307 and headers[b'location'].decode() == TWO_SLASHES[path] + '?q=1'
    assert not seen and b'x-content-type-options' in headers


# URLs

ESCAPES = ['%00', '%2541', '%2F', 'a%20b', '50%', '+', '%', '%zz', '\0']


@pytest.mark.parametrize('value', ESCAPES)
def test_a_url_is_decoded_once(fetch, value):
    assert fetch(url_app.u.to(nm=value)) == fetch(url_app.p.to(rest=value)) == value


@each_row('value', ESCAPES)
def test_our_own_client_decodes_a_url_once(value):
    client = Client(url_app.app)
    assert client.get(url_app.u.to(nm=value)).text == client.get(url_app.p.to(rest=value)).text == value


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters='/', exclude_categories=['Cs']), max_size=12).filter(
    lambda s: s not in ('.', '..')))
def test_a_url_leads_back_to_its_value(fetch, value):
    "Any text that is no path of its own comes back from the URL made of it (D27)"
    assert fetch(url_app.u.to(nm=value)) == value


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=['Cs']), max_size=12).filter(
    lambda s: not {'.', '..'} & set(('/p/' + s).split('/'))))
def test_a_path_url_leads_back_to_its_value(fetch, value):
    assert fetch(url_app.p.to(rest=value)) == value


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=5),
                       st.text(st.characters(exclude_categories=['Cs']), max_size=8), max_size=3))
def test_query_values_survive(values):
    assert dict(parse_qsl(urlsplit(qp('/x', **values)).query, keep_blank_values=True)) == values


class url_app:
    app = FastHTML(secret_key='k')
    @app.get('/u/{nm}')
    def u(nm: str): return PlainTextResponse(nm)
    @app.get('/p/{rest:path}')
    def p(rest: str): return PlainTextResponse(rest)


@pytest.fixture(scope='module')
def fetch():
    "GET from a real server: Starlette's test client decodes a path twice"
    with serve(url_app.app) as served:
        line = http.client.HTTPConnection('127.0.0.1', served.port)
        def get(url):
            line.request('GET', url)
            answer = line.getresponse()
            body = answer.read().decode()
            assert answer.status == 200, (url, answer.status, body)
            return body
        yield get
        line.close()


def test_urls_are_quoted_and_complete(app):
    @app.get('/u/{nm}/{n:int}')
    def u(nm: str, n: int): return ''
    assert u.to(nm='Ann & Bob', n=3) == '/u/Ann%20%26%20Bob/3'
    assert u.to(nm='a', n=1, tag=['x', 'y'], new=None, old=False, zero=0) == '/u/a/1?tag=x&tag=y&new=&old=&zero=0'
    with warned() as caught:
        assert u.to(nm='a b/c', n=1) == '/u/a%20b%2Fc/1'
    assert '{nm:path}' in str(caught[0].message) and caught[0].filename == __file__
    assert str(u) == '/u/{nm}/{n:int}'


TYPED = ['ann', 'ann/block', '/', '//', '/block', 'a//b', '.', '..', '../block', './x', '/../x', '/other.example/x', '//other.example',
         '\\\\other.example', '/\\other.example', '', 'x-y', '-', 'a%2Fb', '%2E%2E', '%', 'a?b#c', ';x', '\r\nx', 'é/ü', '@other.example',
         'other.example:80', '\ue000/block', '\ud800']
PARTS = {'/friends/{name}': ['name'], '/friends/{name}/block': ['name'], '/{page:path}': ['page'], '/{a}/{b}': 'ab', '/{a}-{b}': 'ab',
         '/v/{a}.{b}/x': 'ab', '/w/{page:path}/edit': ['page'], '/w/{page:path}/{b}': ['page', 'b'], '/{a}': 'a'}
OTHERS = ['/friends/{name}/block', '/friends/{name}', '/{a}/block', '/{a}/x', '/block', '/x', '/other.example', '/friends/ann/block',
          '/w/{a}', '/w/x/{a}/edit', '/ann/{b}']

@pytest.fixture(params=PARTS)
def linked(request):
    "A pattern, its route among others that a value might lead to, and a line to their server: handlers say who they are and what they got"
    app, pattern = FastHTML(secret_key='k'), request.param
    def answers(path):
        def handler(req): return JSONResponse([path, req.path_params])
        handler.__name__ = 'asked' if path == pattern else re.sub(r'\W', '_', path)
        return app.get(path)(handler)
    @app.get('/here')
    def here(req, values: str):
        values = json.loads(values)
        return Div(*(A('x', **o) for o in (dict(link=uri('asked', **values)), dict(href=req.url_path_for('asked', **values)),
                                           dict(href=app.url_path_for('asked', **values)))))
    route = answers(pattern)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')   # some are hidden by the pattern
        for path in OTHERS:
            if path != pattern: answers(path)
    with serve(app) as server:
        line = http.client.HTTPConnection('127.0.0.1', server.port, timeout=60)
        def get(path):
            line.request('GET', path)
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        yield pattern, route, get
        line.close()

@pytest.mark.filterwarnings('ignore')
def test_what_somebody_has_typed_leads_nowhere_else(linked):
    pattern, route, get = linked
    names, found = list(PARTS[pattern]), []
    for value in TYPED:
        for values in ({name: value for name in names}, *({**dict.fromkeys(names, 'x'), name: value} for name in names if len(names) > 1)):
            links = re.findall('<a [^>]*href="([^"]*)"', get('/here?' + urlencode(dict(values=json.dumps(values))))[1])
            assert len(links) == 3
            for address in {route.to(**values), qp(pattern, **values), *map(unescape, links)}:
                seen = urlsplit(urljoin('http://here.example/a/b', address.replace('\\', '/')))   # browsers take a backslash for a slash
                status, text = get(seen.path)
                is_here = seen.netloc == 'here.example' and not seen.query and not seen.fragment
                if not is_here or status not in (200, 307, 308, 404): found.append((values, address, status))
                if status != 200: continue   # 307: one slash instead of two
                path, got = json.loads(text)
                is_same = all(text == values[name].encode('utf-8', 'replace').decode() or '%' in text for name, text in got.items())
                if path != pattern or not is_same: found.append((values, address, path, got))
    assert found == []

def asked_as_it_is(app, raw: str, host: str = 'testserver') -> tuple[int, bytes]:
    "Status and body of GET, with the path as a server gives it: clients decode it twice"
    sent = []
    async def receive(): return {'type': 'http.request', 'body': b'', 'more_body': False}
    async def send(message): sent.append(message)
    scope = dict(type='http', method='GET', path=unquote(raw), raw_path=raw.encode(), query_string=b'', headers=[(b'host', host.encode())],
                 scheme='http', server=('testserver', 80), client=('1.2.3.4', 5), root_path='', http_version='1.1')
    asyncio.run(app(scope, receive, send))
    return sent[0]['status'], sent[1]['body']


class encoded_app:
    "Who answers, and with which parts: routes, a mount with a part, a mounted app of Starlette's, a middleware that removes a prefix"
    app, inner = FastHTML(secret_key='k'), FastHTML(secret_key='k')
    reg_re_param('encoded_deep', r'[\w/.-]+')
    async def removes_prefix(scope, receive, send):
        await encoded_app.app({**scope, 'path': scope['path'].removeprefix('/proxied')}, receive, send)
    def _told(req): return JSONResponse([req.scope['path'].rsplit('/', 1)[1], req.path_params])
    for at in '/u/{name}/block', '/u/{name}', '/files/{p:encoded_deep}/edit', '/files/{p:encoded_deep}', '/p/{rest:path}':
        app.get(at)(_told)
    inner.get('/h')(_told)
    inner.get('/{x}/h')(_told)
    app.mount('/part/{t}', inner)
    app.mount('/deep/{t:path}/x', inner)
    app.mount('/bare', Router([Route('/{x}', _told)]))


ENCODED = {'/u/ann/block': {'name': 'ann'}, '/u/ann%2Fblock': None, '/u%2Fann': None, '/u/é%2Fblock': None, '/u/%C3%A9%2Fblock': None,
           '/files/a%2Fb': {'p': 'a/b'}, '/files/a%2fb/edit': {'p': 'a/b'}, '/files/a%2Fedit': None, '/files%2Fa/edit': None,
           '/p/a%2Fb%2F': {'rest': 'a/b/'}, '/part/a/h': {'t': 'a'}, '/part/a%2Fh': None, '/part/a%2Fb/h': None, '/part/a/b%2Fh': None,
           '/deep/a%2Fb/x/h': {'t': 'a/b'}, '/deep/a%2Fx/h': None, '/deep/a/x%2Fh': None, '/deep/a/x/b%2Fh': None,
           '/bare/x': {'x': 'x'}, '/bare%2Fx': None}

@each_row('prefix', ['', '/proxied', '/pro%78ied'])
@each_row('path', ENCODED)
def test_an_encoded_slash_separates_nothing_anywhere(path, prefix):
    status, body = asked_as_it_is(encoded_app.removes_prefix if prefix else encoded_app.app, prefix + path)
    assert (json.loads(body)[1] if status == 200 else None, status) == (ENCODED[path], 404 if ENCODED[path] is None else 200)

class OwnMount(Mount): pass
class OwnHost(Host): pass
class OwnRoute(Route): pass

MOUNTED = {'/t/{team}': 'team', '/{page:path}/x': 'page', '/{q}': 'q'}
LEADS = [*TYPED, '\t/other.example', '/\t/other.example', '\\', ' ', '%2e%2e', '../%2E./block', './', 'a/..', '%2F%2Fother.example',
         'é?', '#', '"<']

@pytest.fixture(params=MOUNTED, scope='module')
def mounted(request):
    "An app with mounts whose path has a part, a host and routes of Starlette's: and the part"
    app, part = FastHTML(secret_key='k'), MOUNTED[request.param]
    def told(who): return lambda req: JSONResponse([who, req.path_params])
    def inside():
        return [Route('/home', told('asked'), name='home'), OwnRoute('/u/{name}', told('asked'), name='user'),
                Mount('/files', Router([Route('/{path:path}', told('asked'))]), name='files')]
    app.routes.append(OwnHost('{h}.example', Router(inside()), name='h'))
    app.mount('/guarded' + request.param, Router(inside()), name='g', before=lambda: None)
    app.routes.append(OwnMount('/own' + request.param, routes=inside(), name='o'))
    app.mount(request.param, Router(inside()), name='m')
    for at in '/home', '/x', '/block/home', '/x/home', '/t/home', '/files', '/block', '/block/files':
        app.get(at)(told('another'))
    app.routes.append(Route('/plain/{name}', told('asked'), name='plain'))
    return app, part

@pytest.mark.filterwarnings('ignore')
@each_row('value', LEADS, ids=repr)
def test_nor_does_it_through_mounts_hosts_and_routes_of_starlette(mounted, value):
    app, part = mounted
    here, host = {part: value}, {'h': 'ok'}
    links = {'m:home': here, 'm:user': {**here, 'name': value}, 'm:files': {**here, 'path': value}, 'o:home': here, 'g:home': here,
             'h:user': {**host, 'name': value}, 'h:files': {**host, 'path': value}, 'plain': {'name': value}}
    for name, values in links.items():
        leads_there(app, name, values)
    address = app.url_path_for('h:home', h=value)
    assert (urlsplit(f'http://{address.host}/').netloc, str(address)) == (address.host, '/home') and address.host.endswith('.example')

def leads_there(app, name, values):
    address = app.url_path_for(name, **values)
    seen = urlsplit(urljoin('http://here.example/a/b', re.sub('[\t\r\n]', '', address).replace('\\', '/')))
    assert (seen.netloc, seen.query, seen.fragment) == ('here.example', '', ''), address
    assert not any(re.fullmatch(r'(?i)(\.|%2e){1,2}', part) for part in address.split('/')), address
    status, body = asked_as_it_is(app, seen.path, address.host or 'testserver')
    assert status in (200, 307, 404), address
    if status != 200: return
    who, got = json.loads(body)
    wanted = {k: v.encode('utf-8', 'replace').decode() for k, v in values.items()}
    if 'path' in wanted: wanted['path'] = unquote(wanted['path']).lstrip('/')   # a file may be encoded already
    assert who == 'asked' and all(wanted[k] == o or '%' in o for k, o in got.items()), (address, got)

FILES = {'/a/b.css': '/a/b.css', 'a b.css': '/a%20b.css', 'a%20b.css': '/a%20b.css', 'a?b#c': '/a%3Fb%23c', '100%': '/100%25',
         'é': '/%C3%A9', '//o.example': '/o.example', '\t/o.example': '/%09/o.example', '\\o.example': '/%5Co.example', '': '/', 7: '/7'}

@each_row('path', FILES, ids=repr)
def test_the_path_of_a_file_names_no_other_site(path):
    app = FastHTML(secret_key='k', routes=[Mount('/', Router([]), name='files')])
    assert str(app.url_path_for('files', path=path)) == FILES[path]


# Of several routes the first one counts that takes the values: where Starlette finds a path, so do we

def home(): return Route('/home', lambda req: PlainTextResponse('home'), name='home')
def page(): return Route('/page/{n}', lambda req: PlainTextResponse('page'), name='page')

SEVERAL = {
    'numbers': lambda inside: Mount('/shops/{id:int}', routes=inside, name='m'),
    'texts': lambda inside: Mount('/users/{id}', Router(inside), name='m'),
    'own class': lambda inside: OwnMount('/own/{id:float}', routes=inside, name='m'),
    'host': lambda inside: Host('{id}.example', Router(inside), name='m'),
    'host of numbers': lambda inside: OwnHost('{id:int}.example', Router(inside), name='m'),
    'no part': lambda inside: Mount('/bare', routes=inside, name='m'),
    'other name': lambda inside: Mount('/other/{id:int}', routes=inside, name='o'),
    'no name': lambda inside: Mount('/nameless/{id:int}', routes=inside),
    'no name, texts': lambda inside: Mount('/nameless/{id}', routes=inside),
    'host without name': lambda inside: Host('{id:int}.example', Router(inside)),
    'empty name': lambda inside: Mount('/empty/{id:int}', routes=inside, name=''),
    'longer name': lambda inside: Mount('/longer/{id:int}', routes=inside, name='m:home'),
    'within': lambda inside: Mount('/in', routes=[Mount('/deep/{id:int}', routes=inside, name='m')]),
    'host within': lambda inside: Host('a.example', Router([Mount('/deep/{id}', routes=inside, name='m')])),
    'route': lambda inside: Route('/route/{id:int}', lambda req: PlainTextResponse('route'), name='home'),
    'socket': lambda inside: WebSocketRoute('/ws/{id}', lambda ws: None, name='home'),
}
INNER = {'both': lambda: [home(), page()], 'home': lambda: [home()], 'page': lambda: [page()]}
LINKS = [(name, values) for name in ('m:home', 'home') for values in ({}, {'id': '1'}, {'id': 'ann'}, {'id': 'ann', 'path': 'a'})]
LINKS += [('m', {'id': 'ann', 'path': 'a/b'}), ('m', {'path': 'a'}), ('m', {'id': '1', 'path': '/a'}), ('o', {'id': '1', 'path': 'a'}),
          ('m:page', {'id': 'ann', 'n': 'x'}), ('m:home:home', {'id': '1'}), (':home', {'id': '1'}), ('', {})]

def path_in(router, name, values):
    "What a router gives: `ValueError` for values that do not fit, '' for no route"
    try: found = router.url_path_for(name, **values)
    except NoMatchFound: return ''
    except (ValueError, AssertionError): return ValueError
    if '{' in f'{found.host}{found}': return ValueError   # Starlette's, without a value for a part of a mount or host
    return f'/{found.lstrip("/")}', found.protocol, found.host   # Starlette's path of a host's file may lack the slash

def test_the_first_route_counts_that_takes_the_values():
    def check(ours, theirs, alone, name, values):
        wanted, ours = path_in(theirs, name, values), path_in(ours, name, values)
        if wanted is ValueError: wanted = next((o for router in alone if isinstance(o := path_in(router, name, values), tuple)), '')
        assert ours == wanted or (ours, wanted) == (ValueError, '')
    def rows():
        for a, b in product(SEVERAL, SEVERAL):
            for one, other in ('both', 'both'), ('page', 'home'):
                routes = [SEVERAL[a](INNER[one]()), SEVERAL[b](INNER[other]())]
                routers = AppRouter(routes), Router(routes), [Router([route]) for route in routes]
                for link in LINKS: yield f'{a} with {one}, {b} with {other}: {link}', (*routers, *link)
    check_rows(rows(), check)
    inner = [Route('/number/{k:int}', print, name='home'), Route('/text/{k}', print, name='home')]
    assert AppRouter([Mount('/m', routes=inner, name='m')]).url_path_for('m:home', k='x') == '/m/text/x'

@pytest.mark.parametrize('values, hint', [({}, 'Pass nm=..., n=...'), ({'nm': 'x'}, 'Pass n=...'),
                                          ({'nm': None, 'n': 1}, 'Pass nm=...'),
                                          ({'nm': 'x', 'n': 'one'}, 'does not fit'), ({'nm': 'x', 'n': -1}, 'does not fit')])
def test_a_value_that_is_missing_or_wrong_is_named(app, values, hint):
    @app.get('/u/{nm}/{n:int}')
    def u(nm: str, n: int): return ''
    with pytest.raises(ValueError, match=hint.replace('.', r'\.')):
        u.to(**values)


def test_starlette_names_lead_to_quoted_urls(app):
    @app.get('/u/{nm}')
    def u(nm: str): return ''
    assert app.url_path_for('u', nm='a b') == '/u/a%20b'


# Mounts and proxies (D28)

@pytest.fixture
def apps():
    "main with /sub, which has /deep; each page links to all three"
    main, sub, deep = (FastHTML(secret_key='k', default_hdrs=False) for _ in range(3))
    links = {}
    for name, app in (('main', main), ('sub', sub), ('deep', deep)):
        def page(): return [Button(hx_get=r, hx_post=r.to(a=1)) for r in links.values()]
        links[name] = app.get('/page')(page)
    sub.mount('/deep', deep)
    main.mount('/sub', sub)
    return main


ALL = {'main': '/page', 'sub': '/sub/page', 'deep': '/sub/deep/page'}


@pytest.mark.parametrize('root', ['', '/proxy', '/pro xy'])
@pytest.mark.parametrize('where', ALL)
def test_links_lead_to_their_app_wherever_they_stand(apps, root, where):
    r = DirectClient(apps, root_path=root).get(root + ALL[where], headers={'hx-request': 'true'})
    assert r.status_code == 200, r.text
    for path in ALL.values():
        assert f'hx-get="{quote(root)}{path}"' in r.text
        assert f'hx-post="{quote(root)}{path}?a=1"' in r.text


def test_an_app_below_a_foreign_app_knows_its_root(app):
    @app.get('/x')
    def x(): return Div(hx_get=x)
    assert str(x) == '/x'
    assert 'hx-get="/sub/x"' in ask(Starlette(routes=[Mount('/sub', app)]), '/sub/x').text
    assert str(x) == '/sub/x'  # as a background task would say it


@pytest.mark.parametrize('root', ['', '/proxy'])
def test_a_mounted_app_finds_its_own_routes_by_name(app, root):
    @app.get('/u/{nm}')
    def user(nm: str): return ''
    @app.get('/x')
    def x(req): return PlainTextResponse(f"{req.url_for('user', nm='a b')} {req.url_path_for('user', nm='a b')}")
    outer = FastHTML(secret_key='k')
    outer.mount('/m', app, name='m')
    @outer.get('/y')
    def y(req): return PlainTextResponse(f"{req.url_for('m:user', nm='a b')} {req.url_path_for('m:user', nm='a b')}")
    client = DirectClient(outer, root_path=root)
    expected = f'http://testserver{root}/m/u/a%20b {root}/m/u/a%20b'
    assert [client.get(root + p).text for p in ('/m/x', '/y')] == [expected, expected]


def test_links_know_their_root_on_a_websocket_too(app):
    async def on(msg: str): return Div(hx_get=x, id='d')
    @app.get('/x')
    def x(): return ''
    app.ws('/ws')(on)
    with DirectClient(app, root_path='/proxy').websocket_connect('/proxy/ws', headers={'origin': 'http://testserver'}) as ws:
        ws.send_json({'msg': 'hi'})
        assert 'hx-get="/proxy/x"' in ws.receive_text()


# Links by name

def test_links_by_name_become_href_and_hx_attributes(app):
    @app.get('/u/{nm}')
    def profile(nm: str): return ''
    @app.get('/page')
    def page():
        return A('a', link=uri('profile', nm='a b', q='1')), Button('b', get='profile?nm=x'), Button('c', delete='nowhere')
    r = ask(app, '/page')
    assert 'href="/u/a%20b?q=1"' in r.text
    assert 'hx-get="/u/x"' in r.text
    assert 'delete="nowhere"' in r.text and 'hx-delete' not in r.text


# APIRouter

def test_a_router_brings_its_prefix_guards_and_wrapping(app):
    seen = []
    ar = APIRouter('/shop', before=lambda req: seen.append(req.url.path), body_wrap=lambda c: Div(c, id='wrap'))
    @ar
    @top
    def cart(): return Div('cart')
    @ar('/item/{id}')
    def get(id: int): return f'item {id}'
    @ar.post
    @top
    def buy(): return 'bought'
    ar.to_app(app)
    assert [ask(app, p).text for p in ('/shop/cart', '/shop/item/3')] == ['<div>cart</div>', 'item 3']
    assert ask(app, '/shop/buy', 'POST').text == 'bought'
    assert seen == ['/shop/cart', '/shop/item/3', '/shop/buy']
    assert (str(cart), ar.rt_funcs.get.to(id=1), ar.buy is buy) == ('/shop/cart', '/shop/item/1', True)
    assert 'id="wrap"' in DirectClient(app).get('/shop/cart').text


def test_routers_nest_in_either_way(app):
    order = []
    def note(x): return lambda: order.append(x)
    outer, inner, leaf = APIRouter('/o', before=note('o')), APIRouter('/i', before=note('i')), APIRouter('/l')
    inner.to_app(outer)
    inner.include(leaf)
    @leaf('/x', before=lambda: order.append('x'))
    def x(): return 'x'
    outer.to_app(app)
    assert ask(app, '/o/i/l/x').text == 'x'
    assert order == ['o', 'i', 'x']
    assert str(x) == '/o/i/l/x'


def test_a_router_keeps_its_host_for_http_and_websockets(app):
    ar = APIRouter(host='api.example.com')
    @ar.get('/x')
    def x(): return 'x'
    @ar.ws('/ws')
    def on(msg: str): return f'got {msg}'
    ar.to_app(app)
    assert callable(on) and on('a') == 'got a'
    client = DirectClient(app)
    host = {'host': 'api.example.com', 'origin': 'http://api.example.com'}
    assert client.get('/x').status_code == 404
    assert client.get('/x', headers=host).status_code == 200
    with client.websocket_connect('/ws', headers=host) as ws:
        ws.send_json({'msg': 'hi'})
        assert 'got hi' in ws.receive_text()
    with pytest.raises(Exception):  # noqa: B017
        with client.websocket_connect('/ws', headers={'origin': 'http://testserver'}) as ws:
            ws.receive_text()


def test_a_missing_route_of_a_router_names_the_near_ones():
    "D23: the error says what there is"
    ar = APIRouter()
    @ar
    def profile(): return ''
    with pytest.raises(AttributeError, match='Did you mean profile'):
        ar.profil  # noqa: B018
    with pytest.raises(AttributeError, match='It has: profile'):
        ar.rt_funcs.zzz  # noqa: B018


def test_a_router_linked_into_a_mounted_app_knows_the_mount(app):
    ar = APIRouter('/r')
    @ar
    @top
    def x(): return Button(hx_get=x)
    ar.to_app(app)
    outer = FastHTML(secret_key='k')
    outer.mount('/m', app)
    assert 'hx-get="/m/r/x"' in ask(outer, '/m/r/x').text


def test_a_class_of_routes_in_a_router_has_its_url(app):
    ar = APIRouter('/api')
    @ar('/cards/{id}')
    class Cards:
        def get(id: int): return f'{id} {Cards.to(id=id)}'
    ar.to_app(app)
    outer = FastHTML(secret_key='k')
    outer.mount('/m', app)
    assert ask(outer, '/m/api/cards/3').text == '3 /m/api/cards/3'
