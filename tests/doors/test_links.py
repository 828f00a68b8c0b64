"""A link from another site runs nothing that may be an action: every way to register a handler without methods."""
import dataclasses
import functools
import inspect
import sys
import types

import pytest
from selectolax.lexbor import LexborHTMLParser

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.common import APIRouter, P, fast_app
from support import each_row

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


def client_of(app): return DirectClient(app, raise_server_exceptions=True)


@each_row('how', WAYS)
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


# What a parameter may be called and how its kind may be written → a query that fills it
LINKED = {
    'n: int': 'n=2', 'n: int | None = None': 'n=2', 'n: Optional[int] = None': 'n=2', 'n: list[int]': 'n=2',
    'n: list[int] | None = None': 'n=2',
    'n: Literal["2"]': 'n=2', 'n: Choice': 'n=2', 'n: New': 'n=2', 'n: Alias': 'n=2', 'n: Any': 'n=2', 'n: object = None': 'n=2',
    'n: Annotated[int, "a note"]': 'n=2', 'n: Annotated[int, query]': 'n=2', 'a: Annotated[int, query("n")]': 'n=2',
    'a: Annotated[int, query("n")] | None = None': 'n=2', 'a: Optional[Annotated[int, query("n")]] = None': 'n=2',
    'a: AliasOfPinned = None': 'n=2', 'n: "int | None" = None': 'n=2', 'str: int = 0': 'str=2', 'first_name: str = ""': 'first-name=2',
    'item: Item': 'n=2', 'item: Item | None = None': 'n=2', 'item: Optional[Item] = None': 'n=2', 'item: Union[None, Item] = None': 'n=2',
    'item: "Item | None" = None': 'n=2', 'item: Annotated[Item, "a note"]': 'n=2', 'item: Annotated[Item | None, "a note"] = None': 'n=2',
    'item: Model | None = None': 'n=2', 'item: Struct | None = None': 'n=2', 'item: Typed | None = None': 'n=2',
    'item: Named | None = None': 'n=2',
    'item: Space | None = None': 'n=2', 'item: Attrs | None = None': 'n=2', 'item: Pinned': 'm=2', 'item: Pinned | None = None': 'm=2',
    'page: Built': 'n=2', 'page: Built | None = None': 'n=2', 'page: Annotated[Built, "a note"]': 'n=2',
    'page: ByRequest | None = None': 'x=2',
    'item: Annotated[Item, query]': 'n=2', 'item: Annotated[Item, query] | None = None': 'n=2',
    'all_of: Annotated[dict, query]': 'x=2', 'all_of: dict': 'x=2', 'all_of: dict[str, str]': 'x=2',
    'all_of: "dict[str, str]"': 'x=2', 'all_of: Mapping[str, str]': 'x=2', 'all_of: Annotated[dict, "a note"]': 'x=2',
    'all_of: Annotated[dict | None, query] = None': 'x=2', 'all_of: SimpleNamespace': 'x=2',
    'all_of: SimpleNamespace | None = None': 'x=2', 'all_of: "Anything"': 'x=2', 'data': 'x=2', 'all_of: dict[str, int], n: int = 0': 'x=2',
}
KINDS_OF_LINKED = '''
import enum, attrs, msgspec, pydantic
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, Union
from typing_extensions import TypeAliasType
from fasthtml.http.sources import query
Choice, New, Alias = enum.Enum('Choice', {'two': 2}), NewType('New', int), TypeAliasType('Alias', Optional[int])
AliasOfPinned, Anything = TypeAliasType('AliasOfPinned', Annotated[int, query('n')] | None), dict
@dataclass
class Item: n: int = 0
@dataclass
class Pinned: n: Annotated[int, query('m')] = 0
class Model(pydantic.BaseModel): n: int = 0
class Struct(msgspec.Struct): n: int = 0
class Typed(TypedDict, total=False): n: int
class Named(NamedTuple): n: int = 0
class Space(SimpleNamespace): n: int = 0
@attrs.define
class Attrs: n: int = 0
class Built:
    @classmethod
    def __from_request__(cls, n: int | None = None): return cls()
class ByRequest:
    @classmethod
    def __from_request__(cls, req): return cls()
'''


def handler_giving(parameters, strings): return handler_with(parameters, strings, 'return repr(f)')


@functools.cache
def kinds_of_linked(text, strings):
    "A module with these kinds, which stays: strings in classes are looked up there"
    module = types.ModuleType(f'handlers_for_a_test_{len(text)}_{strings}')
    vars(module)['DONE'] = DONE
    sys.modules[module.__name__] = module
    run_in(module, text, strings)
    return module


def run_in(module, text, strings):
    exec(compile(('from __future__ import annotations\n' if strings else '') + text, __file__, 'exec', dont_inherit=True), vars(module))


def handler_with(parameters, strings, ending='return "done"'):
    module = kinds_of_linked(KINDS_OF_LINKED, strings)
    run_in(module, f'def run({parameters}):\n    DONE.append(2)\n    {ending}\n', strings)
    return module.run


def wrapped(f):
    @functools.wraps(f)
    def inner(*args, **kw): return f(*args, **kw)
    return inner


def by_router(app, f):
    ar, outer = APIRouter(), APIRouter()
    ar('/x')(f)
    outer.include(ar)
    outer.to_app(app)


REGISTER = {'route': lambda app, f: app.route('/x')(f), 'APIRouter': by_router, 'add_route': lambda app, f: app.add_route('/x', f),
            'partial': lambda app, f: app.route('/x')(functools.partial(f)), 'decorated': lambda app, f: app.route('/x')(wrapped(f))}


@each_row('strings', [False, True], ids=['objects', 'strings'])
@each_row('parameters', LINKED)
def test_whatever_the_annotation_a_link_that_fills_it_runs_nothing(parameters, strings):
    for way, register in REGISTER.items():
        app = FastHTML(secret_key='k')
        register(app, handler_with(parameters, strings))
        client = client_of(app)
        DONE.clear()
        assert client.get(f'/x?{LINKED[parameters]}', headers=CROSS).status_code == 403 and not DONE, way
        assert client.get(f'/x?{LINKED[parameters]}').status_code == 200 and DONE == [2], way
        page = client.get('/x?utm_source=news', headers=CROSS).status_code
        assert page == 403 if LINKED[parameters] == 'x=2' else page in (200, 400), way


# An optional mapping is the field of its name; a query may name it
FIELDS = ['f: dict | None = None', 'f: Optional[dict] = None', 'f: dict[str, int] | None = None', 'f: Mapping[str, int] | None = None',
          'f: Mapping | None', 'f: Annotated[dict[str, int] | None, "a note"] = None', 'f: Annotated[dict, "a note"] | None = None',
          'f: Optional[Annotated[Mapping[str, Any], "a note"]]', 'f: "dict | None" = None',
          'id: int = 0, *, f: dict[str, Any] | None = None']


@each_row('strings', [False, True], ids=['objects', 'strings'])
@each_row('parameters', FIELDS)
def test_an_optional_mapping_is_the_field_of_its_name_and_a_link_may_not_name_it(parameters, strings):
    app = FastHTML(secret_key='k')
    f = handler_with(parameters, strings)
    app.route('/x')(f)
    app.post('/y')(handler_giving(parameters, strings))
    client = client_of(app)
    DONE.clear()
    assert client.get('/x?f=2', headers=CROSS).status_code == 403 and not DONE
    assert client.get('/x?utm_source=news', headers=CROSS).status_code == 200 and DONE == [2]
    assert client.post('/y', json={'id': 1, 'f': {'x': 2}}).text == "{'x': 2}"
    for sent in {'id': 1}, {'id': 1, 'f': None}, {}: assert client.post('/y', json=sent).text == 'None'
    assert client.post('/y', data={'id': 1}).text == 'None'


# A query cannot fill these
NOT_LINKED = ['n: Annotated[int, form] = 0', 'n: Annotated[int, form] | None = None', 'n: "Annotated[str, header] | None" = None',
              'n: Annotated[str, cookie] = ""',
              'item: Annotated[Item, form]', 'item: Annotated[Item, cookie] | None = None',
              'all_of: Annotated[dict, form]', 'session', 'req: Request', 'req: "Request | None"',
              'item: Posted', 'item: Posted | None = None', 'n=1']
MORE_KINDS = '''
from starlette.requests import Request
from fasthtml.http.sources import cookie, form, header
@dataclass
class Posted: n: Annotated[int, form] = 0
'''


@pytest.mark.filterwarnings('ignore:`n` in')
@pytest.mark.parametrize('parameters', NOT_LINKED)
def test_a_link_leads_to_a_page_whose_parameters_no_query_fills(parameters, monkeypatch):
    monkeypatch.setitem(globals(), 'KINDS_OF_LINKED', KINDS_OF_LINKED + MORE_KINDS)
    for strings in (False, True):
        app = FastHTML(secret_key='k')
        app.route('/x')(handler_with(parameters, strings))
        assert client_of(app).get('/x?n=2&utm_source=x', headers=CROSS).status_code == 200


# Over plain HTTP browsers send no Sec-Fetch-Site. Where the link was → may it lead here?
PLAIN = {'https://evil.example/': False, 'http://evil.example/x?http://testserver/': False, 'http://testserver.evil.example/': False,
         'http://testserver:8000/': True, 'http://x.testserver/': False, 'http://testserver/shop': True, 'https://testserver/shop': True,
         'https://friend.example/x': True, 'http://TESTSERVER/': True, '': True, 'about:blank': True, 'android-app://mail': True}


@each_row('page', PLAIN)
@each_row('how', WAYS)
def test_without_sec_fetch_site_the_referer_says_where_a_link_was(how, page):
    app = FastHTML(secret_key='k', trusted_origins='https://friend.example')
    path = WAYS[how](app)
    DONE.clear()
    answer = client_of(app).get(f'{path}?n=2', headers={'Referer': page} if page else {})
    if how == 'mount' and 'friend' in page: return   # a mounted app has friends of its own
    assert (answer.status_code == 200, DONE == [2]) == (PLAIN[page], PLAIN[page])


@each_row('origin', ['https://evil.example', 'null', 'http://testserver', 'http://testserver:8000', 'https://friend.example'])
@each_row('how', WAYS)
def test_a_script_that_says_its_origin_and_no_page_is_told_by_it(how, origin):
    app = FastHTML(secret_key='k', trusted_origins='https://friend.example')
    path, fine = WAYS[how](app), 'testserver' in origin or 'friend' in origin
    DONE.clear()
    answer = client_of(app).get(f'{path}?n=2', headers={'Origin': origin})
    if how == 'mount' and 'friend' in origin: return   # a mounted app has friends of its own
    assert (answer.status_code == 200, DONE == [2]) == (fine, fine)


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
