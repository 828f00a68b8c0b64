"""A link from another site runs nothing that may be an action: every way to register a handler without methods."""
import dataclasses
import functools
import inspect

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.testclient import TestClient

from fasthtml.app.app import FastHTML
from fasthtml.common import APIRouter, P, fast_app

CROSS = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
DONE = []


def buy(n: int):
    DONE.append(n)
    return P(f'{n} bought')


async def buy_async(n: int): return buy(n)
def buy_default(n: int = 0): return buy(n)
def buy_text(n: 'int'): return buy(int(n))
def buy_optional(n: int | None = None): return buy(n)
def buy_list(n: list[int]): return buy(n[0])
def buy_data(data): return buy(int(data['n']))


@dataclasses.dataclass
class Order:
    n: int


def buy_record(order: Order): return buy(order.n)
def buy_dict(order: dict): return buy(int(order['n']))
def buy_generator(n: int): yield buy(n)


class Buyer:
    def __call__(self, n: int): return buy(n)
    def method(self, n: int): return buy(n)


def in_shop(shop, n: int): return buy(n)
def two(n: int, other: str = ''): return buy(n)


HANDLERS = {f.__name__: f for f in (buy, buy_async, buy_default, buy_text, buy_optional, buy_list, buy_data, buy_record,
                                    buy_dict, buy_generator)}
HANDLERS |= {'callable': Buyer(), 'method': Buyer().method, 'partial': functools.partial(two, other='x')}


def nested(app):
    ar, outer = APIRouter(prefix='/p'), APIRouter()
    ar.route('/x')(buy)
    outer.include(ar)
    outer.to_app(app)
    return '/p/x'


def mounted(app):
    inner = FastHTML(secret_key='k')
    inner.route('/x')(buy)
    app.mount('/in', inner)
    return '/in/x'


def router(app):
    ar = APIRouter()
    ar('/x')(buy)
    ar.to_app(app)
    return '/x'


def named_by_function(app):
    app.route(buy)
    return '/buy'


# Ways to register a handler without saying methods → its path
WAYS = {**{f'route {name}': lambda app, f=f: app.route('/x', name='x')(f) and '/x' for name, f in HANDLERS.items()},
        'route by name': named_by_function, 'APIRouter': router, 'APIRouter.include': nested, 'mount': mounted,
        'host': lambda app: app.route('/x', host='testserver')(buy) and '/x',
        'add_route': lambda app: app.add_route('/x', buy) or '/x',
        'path and query': lambda app: app.route('/shop/{shop}')(in_shop) and '/shop/a'}
SAID = {'get': lambda app: app.get('/x')(buy), 'methods=': lambda app: app.route('/x', methods='get')(buy),
        'both': lambda app: app.route('/x', methods=['get', 'post'])(buy)}


def test_every_way_to_register_without_methods_is_in_the_table():
    found = {f'{cls.__name__}.{name}' for cls in (FastHTML, APIRouter) for name, f in inspect.getmembers(cls, inspect.isfunction)
             if 'methods' in inspect.signature(f).parameters}
    assert found == {'FastHTML.route', 'FastHTML.add_route', 'APIRouter.route', 'APIRouter.__call__'}


def client_of(app): return TestClient(app, raise_server_exceptions=True)


@pytest.mark.parametrize('how', WAYS)
def test_a_link_from_another_site_does_not_run_it(how, caplog):
    app = FastHTML(secret_key='k')
    path = WAYS[how](app)
    client = client_of(app)
    for method in ('GET', 'HEAD'):
        for headers in (CROSS, CROSS | {'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image'}, {'Sec-Fetch-Site': 'cross-site'}):
            DONE.clear()
            assert client.request(method, f'{path}?n=2', headers=headers).status_code == 403 and not DONE, (method, headers)
    assert caplog.text.count('@app.get for a page') == 1, 'told once'
    for site in ('same-origin', 'same-site', 'none', ''):
        DONE.clear()
        assert client.get(f'{path}?n=2', headers={'Sec-Fetch-Site': site} if site else {}).status_code == 200 and DONE == [2]


# Over plain HTTP browsers send no Sec-Fetch-Site. Where the link was → may it lead here?
PLAIN = {'https://evil.example/': False, 'http://evil.example/x?http://testserver/': False, 'http://testserver.evil.example/': False,
         'http://testserver:8000/': True, 'http://x.testserver/': False, 'http://testserver/shop': True, 'https://testserver/shop': True,
         'https://friend.example/x': True, 'http://TESTSERVER/': True, '': True, 'about:blank': True, 'android-app://mail': True}


@pytest.mark.parametrize('page', PLAIN)
@pytest.mark.parametrize('how', WAYS)
def test_without_sec_fetch_site_the_referer_says_where_a_link_was(how, page):
    app = FastHTML(secret_key='k', trusted_origins='https://friend.example')
    path = WAYS[how](app)
    DONE.clear()
    answer = client_of(app).get(f'{path}?n=2', headers={'Referer': page} if page else {})
    if how == 'mount' and 'friend' in page: return   # a mounted app has friends of its own
    assert (answer.status_code == 200, DONE == [2]) == (PLAIN[page], PLAIN[page])


@pytest.mark.parametrize('how', SAID)
def test_what_was_said_to_be_a_page_is_one(how):
    app = FastHTML(secret_key='k')
    SAID[how](app)
    assert client_of(app).get('/x?n=2', headers=CROSS).status_code == 200


def test_links_without_fields_of_the_handler_lead_to_it():
    app, rt = fast_app(secret_key='k')
    @rt('/')
    def index(n: int = 1): return P('home')
    @rt('/about')
    def about(request, session, user_agent: str = ''): return P('about')
    client = client_of(app)
    for path in ('/', '/?utm_source=x', '/about?utm_source=x', '/about?request=1&session=1'):
        assert client.get(path, headers=CROSS).status_code == 200, path


def test_a_person_may_go_on_from_our_own_page():
    app = FastHTML(secret_key='k')
    @app.route('/{p:path}')
    def pay(p, n: int): return buy(n)
    client = client_of(app)
    answer = client.get('/pay/é?n=2&to=<b>evil</b>', headers=CROSS)
    page = LexborHTMLParser(answer.text)
    assert page.css_first('main a').attrs['href'] == '/pay/%C3%A9?n=2&to=%3Cb%3Eevil%3C/b%3E'
    assert page.css_first('main b') is None and '<b>evil</b>' in page.css_first('main table').text()
    assert answer.headers['x-frame-options'] == 'DENY' and answer.headers['cache-control'] == 'no-store'
    outside = LexborHTMLParser(client.get('http://testserver//evil.example/x?n=2', headers=CROSS).text).css_first('main a').attrs['href']
    assert not outside.startswith('//')
    framed = client.get('/pay?n=2', headers=CROSS | {'Sec-Fetch-Dest': 'iframe'})
    assert framed.status_code == 403 and LexborHTMLParser(framed.text).css_first('main a') is None


def test_a_friend_may_link():
    app = FastHTML(secret_key='k', trusted_origins='https://friend.example')
    app.route('/x')(buy)
    client = client_of(app)
    for headers, status in (({'Referer': 'https://friend.example/shop'}, 200), ({'Origin': 'https://friend.example'}, 200),
                            ({'Referer': 'https://friend.example.evil.example/'}, 403),
                            ({'Referer': 'https://evil.example/https://friend.example'}, 403)):
        assert client.get('/x?n=2', headers=CROSS | headers).status_code == status, headers


def test_the_page_can_be_the_programs_own():
    app = FastHTML(secret_key='k', exception_handlers={403: lambda req, exc: P('not from there')})
    app.route('/x')(buy)
    answer = client_of(app).get('/x?n=2', headers=CROSS)
    assert answer.status_code == 403 and 'not from there' in answer.text
