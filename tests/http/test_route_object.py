"A route is its address wherever one is written, whichever decorator made it."

import asyncio

import pytest

from fasthtml.common import *
from fasthtml.html.element import to_html
from fasthtml.http.routing import Route
from fasthtml.jupyter import HTMX
from support import each_row


def make():
    app, rt = fast_app(secret_key='k', exts=['ws', 'sse'], pico=False)
    ar, outer = APIRouter('/in'), APIRouter('/out')
    routes = {}

    def keep(kind, route):
        routes[kind] = route
        return route

    @rt
    def bare():
        return 'bare'

    @rt('/path')
    def with_path():
        return 'path'

    @app.get('/get')
    async def by_get():
        return 'get'

    @app.post
    def by_post():
        return 'post'

    @app.ws('/sock')
    async def socket(msg: str, send):
        await send(msg)

    @ar
    def router_bare():
        return 'r'

    @ar.get('/x')
    def router_get():
        return 'rx'

    @ar.ws('/w')
    async def router_socket(): ...

    @rt
    class things:
        def get():
            return 'things'

    lam = app.route('/lam')(lambda: 'lam')
    outer.include(ar)
    outer.to_app(app)
    return app, {
        bare: '/make_bare',
        with_path: '/path',
        by_get: '/get',
        by_post: '/make_by_post',
        socket: '/sock',
        router_bare: '/out/in/make_router_bare',
        router_get: '/out/in/x',
        router_socket: '/out/in/w',
        things: '/make_things',
        lam: '/lam',
    }


APP, ROUTES = make()
WRITERS = {
    'href': lambda r: A(href=r).attrs['href'] and to_html(A(href=r)),
    'hx_post': lambda r: to_html(Div(hx_post=r)),
    'action': lambda r: to_html(Form(action=r)),
    'ws_connect': lambda r: to_html(Div(ws_connect=r)),
    'sse_connect': lambda r: to_html(Div(sse_connect=r)),
    'src': lambda r: to_html(Img(src=r)),
    'data': lambda r: to_html(Div(data_url=r)),
    'set': lambda r: to_html(Div()(hx_get=r)),
    'push': lambda r: HtmxResponseHeaders(push_url=r).v,
    'location': lambda r: HtmxResponseHeaders(location=r).v,
    'redirect header': lambda r: HtmxResponseHeaders(redirect=r).v,
    'Redirect': lambda r: Redirect(r).url,
}


@each_row('where', WRITERS)
def test_a_route_can_be_written_anywhere(where):
    for route, url in ROUTES.items():
        assert url in WRITERS[where](route)
        assert f'{url}{{' not in WRITERS[where](route)


def test_what_a_route_is():
    for route, url in ROUTES.items():
        assert route.to() == url and route.to(q='a b').endswith('?q=a+b')
        if not isinstance(route, type):
            assert isinstance(route, Route) and str(route) == f'{route}' == url
    methods = {url: route.methods for route, url in ROUTES.items()}
    assert methods['/make_bare'] == ('GET', 'POST') and methods['/get'] == ('GET',) and methods['/make_by_post'] == ('POST',)
    assert methods['/sock'] == () and methods['/out/in/x'] == ('GET',) and methods['/make_things'] == ('GET',)
    by_url = {url: route for route, url in ROUTES.items()}
    assert by_url['/make_bare']() == 'bare' and asyncio.run(by_url['/get']()) == 'get' and by_url['/lam']() == 'lam'


def test_clients_take_routes():
    client = Client(APP)
    for route, url in ROUTES.items():
        if 'GET' in route.methods:
            assert client.get(route).text == client.get(url).text
    by_url = {url: route for route, url in ROUTES.items()}
    assert client.hx.get(by_url['/get']).text == 'get' and client.post(by_url['/make_by_post']).status_code == 200
    with client.ws(by_url['/sock']) as ws:
        ws.send({'msg': 'hello'})
        assert 'hello' in ws.receive()
    assert '/make_bare' in HTMX(by_url['/make_bare'], port=1).data


def test_guards_skip_routes():
    ar = APIRouter('/r')

    @ar('/free/{n:int}')
    def free(n: int):
        return 'free'

    def guard():
        return Response('no', 401)

    app = FastHTML(secret_key='k', before=Beforeware(guard, skip=[free, '/also']))

    @app.get('/also')
    def also():
        return 'also'

    @app.get('/shut')
    def shut():
        return 'shut'

    ar.to_app(app)
    client = Client(app)
    assert [client.get(o).status_code for o in (free.to(n=1), '/also', '/shut')] == [200, 200, 401]
    app.before = [Beforeware(guard, skip=also)]
    assert client.get(also).status_code == 200 and client.get(shut).status_code == 401


def test_a_part_without_a_value_is_an_error_that_names_it():
    app = FastHTML(secret_key='k')

    @app.get('/u/{name}/{id:int}')
    def user(name: str, id: int):
        return name

    for write in [*WRITERS.values(), lambda r: Client(app).get(r)]:
        with pytest.raises(ValueError, match=r'name, id.*user\.to\(name=\.\.\., id=\.\.\.\)'):
            write(user)
    assert to_html(A(href=user.to(name='a', id=1))) == '<a href="/u/a/1"></a>' and f'{user}' == '/u/{name}/{id:int}'
