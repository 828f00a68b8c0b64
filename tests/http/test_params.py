"What a handler's parameters receive: the rows of the contract's section on parameter injection."

import asyncio
import functools
import gzip
import inspect
import json
import numbers
import re
import sys
import typing
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, Union
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.datastructures import State, UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.requests import Request as StarletteRequest
from starlette.testclient import TestClient
from typing_extensions import TypeAliasType

from client_kit import DirectClient
from fasthtml.common import FastHTML, parse_form
from fasthtml.html.attributes import ClientDict
from fasthtml.html.htmx import HtmxHeaders
from fasthtml.http.casts import BadValue
from fasthtml.http.params import (
    BadInput,
    Errors,
    Source,
    cookie,
    form,
    header,
    make_plan,
    path,
    query,
)
from fasthtml.http.requests import FrameBody, Request, parse_fields, read_body
from params_kit import Called
from support import each_row

# ---------------------------------------------------------------- 1. by annotation class


def test_classes_of_the_machinery_are_injected_by_annotation():
    def f(h: HtmxHeaders, a: Starlette, r: StarletteRequest, c: HTTPConnection, q: Request, s: State):
        return h.target, isinstance(a, Starlette), r is c is q, s.name

    called = Called(f)
    got = called.value(headers={'HX-Request': 'true', 'HX-Target': 'box'})
    assert got == ('box', True, True, 'the app')


def test_optional_machinery_is_injected_too():
    def f(h: HtmxHeaders | None = None, r: Request | None = None):
        return bool(h), r.method

    assert Called(f).value() == (False, 'GET')


def test_dict_is_everything_that_was_sent():
    def f(d: dict):
        return d

    called = Called(f, '/{id}')
    assert called.value('/7?q=1&q=2&a=query', data={'a': 'body', 'b': 'x'}) == {
        'a': 'body',
        'b': 'x',
        'q': ['1', '2'],
        'id': '7',
    }
    assert called.value('/7', json={'n': [1], 'o': {'p': None}}) == {'n': [1], 'o': {'p': None}, 'id': '7'}


def test_dict_with_types_converts_its_values():
    def f(d: dict[str, int]):
        return d

    assert Called(f).value('/?a=1&b=2') == {'a': 1, 'b': 2}
    assert Called(f).errors('/?a=1&b=x')


@dataclass
class Point:
    x: int
    y: int = 5
    tags: list[str] = field(default_factory=list)


class PointDict(TypedDict):
    x: int
    y: NotRequired[int]


class PointTuple(NamedTuple):
    x: int
    y: int = 5


class PointSpace(SimpleNamespace):
    x: int
    y: int = 5


class PointModel(pydantic.BaseModel):
    x: int
    y: int = 5


class PointStruct(msgspec.Struct):
    x: int
    y: int = 5


class PointPlain:
    x: int
    y: int = 5

    def __init__(self, x, y=5):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)


class PointMapping(dict):
    x: int


RECORDS = [
    (Point, Point(1)),
    (PointDict, ClientDict(x=1)),
    (PointTuple, PointTuple(1)),
    (PointSpace, PointSpace(x=1, y=5)),
    (PointModel, PointModel(x=1)),
    (PointStruct, PointStruct(1)),
    (PointPlain, PointPlain(1)),
    (PointMapping, PointMapping(x=1)),
]


@each_row('kind, expected', RECORDS, ids=lambda v: getattr(v, '__name__', ''))
@each_row(
    'request_',
    [{'data': {'x': '1', 'z': 'dropped'}}, {'json': {'x': 1, 'z': [1]}}, {'url': '/?x=1&z='}],
    ids=['form', 'json', 'query'],
)
def test_body_types_are_built_from_form_json_and_query_and_unknown_keys_are_dropped(kind, expected, request_):
    def f(p: kind):
        return p

    got = Called(f).value(**request_)
    assert got == expected and type(got) is type(expected)


@each_row('kind', [k for k, _ in RECORDS], ids=lambda k: k.__name__)
def test_body_types_refuse_missing_and_bad_fields_by_name(kind):
    def f(p: kind):
        return p

    assert list(Called(f).errors(data={'y': '3'})) == ['x']
    assert list(Called(f).errors(data={'x': 'one'})) == ['x']
    assert Called(f).errors(data={'x': 'one'})['x'][1] == "'one'"


@pytest.mark.parametrize('kind', [Point, PointModel, PointStruct, PointTuple], ids=lambda k: k.__name__)
def test_all_bad_fields_of_a_body_type_are_named_at_once(kind):
    def f(p: kind):
        return p

    assert set(Called(f).errors(data={'x': 'one', 'y': 'two'})) == {'x', 'y'}


def test_body_types_take_path_before_body_before_query():
    def f(p: Point):
        return p

    assert Called(f, '/{x}').value('/1?x=2&y=3', data={'x': '4', 'y': '5'}) == Point(1, 5)


def test_optional_body_type_is_none_when_no_field_came():
    def f(p: Point | None = None, q: PointModel | None = None):
        return p, q

    assert Called(f).value() == (None, None)
    assert Called(f).value('/?x=2') == (Point(2), PointModel(x=2))


def test_body_type_named_like_the_session_is_the_session():
    class Mine(dict):
        pass

    def f(sess: Mine, session: dict):
        return sess == session == {'n': 1}

    async def app(scope, receive, send):
        scope['session'] = {'n': 1}
        await called.app(scope, receive, send)

    called = Called(f, bare=True)


    called.client = DirectClient(app)
    assert called.value() is True


def test_object_builds_itself_from_request_sync_and_async():
    class User:
        def __init__(self, name):
            self.name = name

        @classmethod
        def __from_request__(cls, req, name: str):
            return cls(f'{req.method} {name}')

    class Slow(User):
        @classmethod
        async def __from_request__(cls, name: str, age: int):
            await asyncio.sleep(0)
            return cls(f'{name} {age}')

    def f(u: User, s: Slow, w: User | None = None):
        return u.name, s.name, w.name

    called = Called(f)
    assert called.value('/?name=Ann&age=3') == ('GET Ann', 'Ann 3', 'GET Ann')
    assert called.errors('/?name=Ann&age=old') == {'age': ('a whole number', "'old'")}
    assert set(called.errors('/')) == {'name', 'age'}


def test_object_that_refuses_to_be_built_is_bad_input_without_its_words():
    class Even:
        @classmethod
        def __from_request__(cls, n: int):
            if n % 2:
                raise ValueError('secret /etc/passwd')
            return n

    def f(e: Even):
        return e

    assert Called(f).value('/?n=2') == 2
    assert Called(f).errors('/?n=3') == {'e': ('a valid Even', None)}


def test_object_that_asks_for_errors_does_not_speak_for_the_handler():
    class Lenient:
        @classmethod
        def __from_request__(cls, n: int, errors):
            return n, list(errors)

    def f(x: Lenient, m: int):
        return x, m

    assert Called(f).value('/?n=a&m=1') == (('a', ['n']), 1)
    assert Called(f).errors('/?n=1&m=b') == {'m': ('a whole number', "'b'")}


def test_from_request_that_needs_an_object_is_an_error_at_registration():
    class Wrong:
        def __from_request__(self, req):
            return req

    def f(x: Wrong): ...

    with pytest.raises(TypeError, match='@classmethod'):
        make_plan(f)


def test_what_the_constructor_said_is_there_for_the_log():
    @dataclass
    class Even:
        n: int

        def __post_init__(self):
            if self.n % 2:
                raise ValueError('odd')

    def f(e: Even): ...

    scope = {'type': 'http', 'method': 'GET', 'path': '/', 'query_string': b'n=1', 'headers': []}
    with pytest.raises(BadInput) as e:
        make_plan(f).bind(Source(scope=scope))
    assert 'odd' in str(e.value.__cause__.__cause__) and 'odd' not in str(e.value)


def test_constructor_that_refuses_is_bad_input_and_badvalue_speaks():
    @dataclass
    class Span:
        start: date
        end: date

        def __post_init__(self):
            if self.end < self.start:
                raise BadValue('an end after the start')
            if self.end == self.start:
                raise ValueError('secret')

    def f(span: Span):
        return span

    called = Called(f)
    assert called.value('/?start=2025-01-01&end=2025-01-02')
    assert called.errors('/?start=2025-01-02&end=2025-01-01') == {'span': ('an end after the start', None)}
    assert called.errors('/?start=2025-01-02&end=2025-01-02') == {'span': ('a valid Span', None)}
    assert 'secret' not in called.response.text


def test_initvar_namedtuple_without_types_and_kw_only_records():
    @dataclass(kw_only=True)
    class Made:
        a: int
        b: InitVar[int] = 2
        c: int = field(init=False, default=9)

        def __post_init__(self, b):
            self.a += b

    Old = namedtuple('Old', 'p q', defaults=['z'])

    def f(m: Made, o: Old):
        return m.a, m.c, o

    assert Called(f).value('/?a=1&b=3&c=5&p=x') == (4, 9, Old('x', 'z'))


def test_nested_records_come_from_json():
    @dataclass
    class Line:
        item: str
        qty: int = 1

    @dataclass
    class Order:
        name: str
        lines: list[Line]
        where: Point | None = None
        more: dict[str, int] = field(default_factory=dict)

    def f(o: Order):
        return o

    called = Called(f)
    body = {'name': 'A', 'lines': [{'item': 'tea', 'qty': '2'}, {'item': 'jam'}], 'where': {'x': 1}, 'more': {'a': '4'}}
    assert called.value(json=body) == Order('A', [Line('tea', 2), Line('jam')], Point(1), {'a': 4})
    body['lines'] = [{'qty': 'x'}, 5, {'item': 'ok'}]
    body['where'] = {'y': []}
    assert called.errors(json=body) == {
        'lines[0].item': ('text', None),
        'lines[0].qty': ('a whole number', "'x'"),
        'lines[1]': ('an object', '5'),
        'where.x': ('a whole number', None),
    }


class Tree(TypedDict):
    name: str
    kids: 'list[Tree]'


def test_recursive_record_and_json_deeper_than_any_stack():
    def f(t: Tree):
        return t

    called = Called(f)
    assert called.value(json={'name': 'a', 'kids': [{'name': 'b', 'kids': []}]})['kids'][0]['name'] == 'b'
    for depth in (40, 100, 300, 900, 5_000, 80_000):
        deep = '{"name": "x", "kids": [' * depth + ']}' * depth
        assert called(content=deep, headers={'content-type': 'application/json'}).status_code in (200, 400)
    assert called.response.status_code == 400


# ---------------------------------------------------------------- 2. by name


def test_special_names():
    def f(req, request, r, scope, data, htmx, app, state, auth, body, last_event_id):
        return (
            req is request is r,
            scope is req.scope,
            data,
            htmx.request,
            app.state is state,
            state.name,
            auth,
            body,
            last_event_id,
        )

    got = Called(f).value(
        '/?a=1',
        content='b=2',
        headers={'content-type': 'application/x-www-form-urlencoded', 'hx-request': 'true', 'last-event-id': '7'},
    )
    assert got == (True, True, {'a': '1', 'b': '2'}, 'true', True, 'the app', None, 'b=2', '7')


def test_prefixes_of_session_and_its_default():
    def f(s, sess, session):
        return s is sess is session

    def g(sess=None):
        return sess

    with_session = [Middleware(SessionMiddleware, secret_key='k')]
    assert Called(f, middleware=with_session).value() is True
    assert Called(f).value() is True
    assert Called(g, bare=True).value() is None
    with pytest.raises(RuntimeError, match='no session'):
        Called(f, bare=True)()


def test_names_are_matched_whatever_their_case():
    def f(REQ, Session=None, APP=None):
        return REQ.method, Session, type(APP)

    assert Called(f, bare=True).value() == ('GET', None, Starlette)


def test_supplied_values_come_by_name_and_win_over_annotations():
    def f(api, hdrs, exc: ValueError, code: int):
        return api, hdrs, exc, code

    called = Called(f, extra={'api': 1, 'hdrs': [2], 'exc': 'E', 'code': 1001})
    assert called.value('/?code=5') == (1, [2], 'E', 1001)
    assert called.endpoint.plan.specials == {'api', 'hdrs', 'exc', 'code'}


def test_hostile_names_are_fields_when_annotated():
    def f(
        self: str,
        f: int,
        req: str,
        send: str,
        data: str,
        cls: str,
        s: str,
        app: str,
        body: str,
        errors: str,
        request: int,
        source: str,
        g: str,
        src: str,
    ):
        return self, f, req, send, data, cls, s, app, body, errors, request, source, g, src

    names = ['self', 'f', 'req', 'send', 'data', 'cls', 's', 'app', 'body', 'errors', 'request', 'source', 'g', 'src']
    values = {n: str(i) for i, n in enumerate(names)}
    assert Called(f).value(data=values) == ('0', 1, *map(str, range(2, 10)), 10, '11', '12', '13')


def test_send_is_a_field_when_it_is_annotated_as_text_and_a_function_when_not():
    def f(send: str):
        return send

    def g(send):
        return send

    assert Called(f, extra={'send': print}).value('/?send=a') == 'a'
    assert Called(g, extra={'send': print}).value('/?send=a') is print


def test_path_parameters_need_no_annotation():
    def f(name, r):
        return name, r

    assert Called(f, '/{name}/{r:int}').value('/ann/5') == ('ann', 5)


def test_default_without_annotation_is_a_default_and_warns_at_registration():
    with pytest.warns(UserWarning, match=r'`n` in .*no annotation.*`n: str`'):
        called = Called(lambda n=3: n)
    assert called.value('/?n=4') == 3


def test_name_without_annotation_or_meaning_is_none_and_warns_at_registration_how_to_mend():
    def f(colour): return colour

    warning = r'`colour` in test_name.*f \(.*test_params.py:\d+\) has no annotation.*None.*`colour: str`.*session'
    with pytest.warns(UserWarning, match=warning): called = Called(f)
    assert called.value('/?colour=red') is None

    def g(send): ...

    with pytest.raises(TypeError, match='WebSocket'):
        make_plan(g)


def test_self_of_a_class_of_routes_is_none():
    def get(self, id: int):
        return self, id

    assert Called(get, '/{id}').value('/3') == (None, 3)


# ---------------------------------------------------------------- 3. lookup


def test_precedence_is_path_body_query_cookie_header():
    def f(some_thing: str):
        return some_thing

    called = Called(f)
    request = {
        'headers': {'some-thing': 'header', 'cookie': 'some_thing=cookie'},
        'data': {'some_thing': 'body'},
        'url': '/?some_thing=query',
    }
    assert (
        Called(f, '/{some_thing}').value('/path?some_thing=query', headers=request['headers'], data=request['data'])
        == 'path'
    )
    for expected, part in (('body', 'data'), ('query', 'url')):
        assert called.value(**request) == expected
        del request[part]
    assert called.value(**request) == 'cookie'
    assert called.value(headers={'some-thing': 'header'}) == 'header'
    assert called.errors() == {'some_thing': ('text', None)}


def test_one_word_with_a_default_never_reads_a_header_but_may_read_a_cookie():
    def f(priority: str = 'low', theme: str = 'dark', user_agent: str = '', host: str = 'none'):
        return priority, theme, user_agent, host

    got = Called(f).value(headers={'priority': 'u=1', 'cookie': 'theme=light', 'user-agent': 'me'})
    assert got == ('low', 'light', 'me', 'none')


def test_form_field_is_not_shadowed_by_header_or_cookie():
    def f(priority: str, theme: str):
        return priority, theme

    got = Called(f).value(data={'priority': 'high', 'theme': 'new'}, headers={'priority': 'u=1', 'cookie': 'theme=old'})
    assert got == ('high', 'new')


def test_markers_pin_the_source():
    def f(
        a: Annotated[str, header],
        b: Annotated[str, cookie],
        c: Annotated[int, query],
        d: Annotated[list[int], form],
        e: Annotated[str, header('X-Token')],
        g: Annotated[str | None, path] = None,
        x_y: Annotated[str, header] = '?',
    ):
        return a, b, c, d, e, g, x_y

    sent = dict(
        url='/?a=no&b=no&c=1&d=9&g=no',
        data={'a': 'no', 'c': '2', 'd': ['3', '4']},
        headers={'a': 'ha', 'cookie': 'b=cb; a=no', 'x-token': 'T', 'x-y': 'z'},
    )
    assert Called(f).value(**sent) == ('ha', 'cb', 1, [3, 4], 'T', None, 'z')
    assert set(Called(f).errors('/?a=1&b=1', data={'c': '1'})) == {'a', 'b', 'c', 'e'}


def test_hyphens_of_html_match_underscores_of_python():
    def f(first_name: str, p: Annotated[str, form] = ''):
        return first_name

    @dataclass
    class Person:
        first_name: str

    def g(p: Person):
        return p.first_name

    for h in (f, g):
        assert Called(h).value(data={'first-name': 'Ann'}) == 'Ann'
        assert Called(h).value('/?first-name=Ann') == 'Ann'
        assert Called(h).value(json={'first-name': 'Ann', 'first_name': 'Bob'}) == 'Bob'


def test_missing_is_400_and_names_every_field():
    def f(a: str, b: int, c: UploadFile, d: date, e: str = 'ok'): ...

    assert Called(f).errors() == {
        'a': ('text', None),
        'b': ('a whole number', None),
        'c': ('a file', None),
        'd': ('a date like 2025-01-31', None),
    }


def test_defaults_are_used_and_lists_are_not_shared():
    def f(a: int = 1, b: list[int] = [], c: date = None, *, d: str = 'x'):  # noqa: B006
        b.append(a)
        return a, b, c, d

    called = Called(f)
    assert called.value() == called.value() == (1, [1], None, 'x')


def test_absent_optional_is_none_and_absent_list_is_empty():
    def f(a: int | None, b: list[int], c: set[str] | None):
        return a, b, c

    assert Called(f).value() == (None, [], None)


# ---------------------------------------------------------------- 4. casts


class Colour(Enum):
    red, blue = 'r', 'b'


class Level(IntEnum):
    low, high = 1, 2


UserId = NewType('UserId', int)


class Slug(str):
    def __new__(cls, text):
        if ' ' in text:
            raise ValueError('no blanks')
        return super().__new__(cls, text)


CASTS = [
    (str, ' a ', ' a '),
    (str, '<b>', '<b>'),
    (int, '5', 5),
    (int, ' -5 ', -5),
    (float, '1.5', 1.5),
    (float, '1e3', 1000.0),
    *[(bool, t, True) for t in ('on', 'yes', 'true', '1', 'True', 'ON')],
    *[(bool, t, False) for t in ('off', 'no', 'false', '0', '', 'False')],
    (date, '2020-01-02', date(2020, 1, 2)),
    (date, '2020-1-2', date(2020, 1, 2)),
    (datetime, '2020-01-02T03:04', datetime(2020, 1, 2, 3, 4)),
    (datetime, '2020-01-02', datetime(2020, 1, 2)),
    (time, '03:04', time(3, 4)),
    (time, '3:04', time(3, 4)),
    (UUID, '12345678-1234-5678-1234-567812345678', UUID('12345678123456781234567812345678')),
    (Decimal, '1.10', Decimal('1.10')),
    (Colour, 'r', Colour.red),
    (Colour, 'blue', Colour.blue),
    (Level, '2', Level.high),
    (Literal['asc', 'desc'], 'asc', 'asc'),
    (Literal[1, 2], '2', 2),
    (Literal[True, 'x'], 'true', True),
    (Union[int, str], '5', 5),  # noqa: UP007
    (int | str, 'x', 'x'),
    (int | None, '', None),
    (int | None, '5', 5),
    (date | int, '2020-01-02', date(2020, 1, 2)),
    (Optional[Literal['a']], '', None),  # noqa: UP045
    (list[int], '5', [5]),
    (set[int], '5', {5}),
    (tuple[int, ...], '5', (5,)),
    (list, '5', ['5']),
    (tuple, '5', ('5',)),
    (Sequence[int], '5', [5]),
    (frozenset[str], 'a', frozenset('a')),
    (Optional[list[int]], '5', [5]),  # noqa: UP045
    (bytes, 'é', 'é'.encode()),
    (Any, 'x', 'x'),
    (object, 'x', 'x'),
    (UserId, '5', 5),
    (TypeAliasType('Age', int), '5', 5),
    (Slug, 'a-b', Slug('a-b')),
    (Annotated[int, 'a note'], '5', 5),
    (Annotated[int, pydantic.Field(gt=3)], '5', 5),
    (Annotated[str, msgspec.Meta(max_length=3)], 'abc', 'abc'),
    (pydantic.PositiveInt, '5', 5),
    (pydantic.HttpUrl, 'https://a.b/', pydantic.HttpUrl('https://a.b/')),
]


@each_row('annotation, text, expected', CASTS, ids=lambda v: str(v))
def test_text_becomes_the_annotated_type(annotation, text, expected):
    def f(x: annotation):
        return x

    for request in (
        {'url': '/', 'params': {'x': text}},
        {'data': {'x': text}},
        {'files': {'x': (None, text)}},
        {'json': {'x': text}},
    ):
        got = Called(f).value(**request)
        assert got == expected and type(got) is type(expected)


REFUSED = [
    (int, '5.5'),
    (int, 'five'),
    (int, '1_0'),
    (int, '9' * 5000),
    (float, 'x'),
    (float, 'nan'),
    (float, 'inf'),
    (float, '1e999'),
    (bool, 'banana'),
    (bool, '2'),
    (date, 'today'),
    (date, '2020-13-01'),
    (date, '2020-1'),
    (date, ''),
    (datetime, 'now'),
    (datetime, '5'),
    (time, '25:00'),
    (UUID, 'x'),
    (Decimal, 'x'),
    (Decimal, 'NaN'),
    (Colour, 'green'),
    (Level, '3'),
    (Literal['asc'], 'up'),
    (Union[int, date], 'x'),  # noqa: UP007
    (int | None, 'x'),
    (list[int], 'x'),
    (set[date], 'x'),
    (tuple[int, str], 'x'),
    (UploadFile, 'text'),
    (list[UploadFile], 'text'),
    (Slug, 'a b'),
    (Annotated[int, pydantic.Field(gt=3)], '2'),
    (Annotated[str, msgspec.Meta(max_length=3)], 'abcd'),
    (pydantic.EmailStr if False else pydantic.PositiveInt, '-1'),
    (pydantic.HttpUrl, 'x'),
]


@each_row('annotation, text', REFUSED, ids=lambda v: str(v)[:40])
def test_text_that_does_not_fit_is_400_with_field_expected_and_got(annotation, text):
    def f(x: annotation):
        return x

    for request in ({'url': '/', 'params': {'x': text}}, {'data': {'x': text}}, {'json': {'x': text}}):
        ((expected, got),) = Called(f).errors(**request).values()
        assert expected and (got is None or len(got) < 80)


class Nullable(pydantic.BaseModel):
    a: int | None
    b: int | None = 5
class NullableList(pydantic.BaseModel): a: list[int] | None
class NullableAlias(pydantic.BaseModel): a: Annotated[int | None, pydantic.Field(alias='an-a', ge=1)]
@pydantic.dataclasses.dataclass
class NullableData: a: int | None
class Holds(pydantic.BaseModel): inner: Nullable
@dataclass
class HoldsToo: inner: Nullable | None = None


@each_row('kind, sent, fine', [
    (Nullable, {'a': None}, True), (Nullable, {'a': 5}, True), (Nullable, {}, False), (Nullable, {'b': 1}, False),
    (Nullable, {'a': 'x'}, False),     (NullableList, {'a': None}, True), (NullableList, {'a': [1]}, True),
    (NullableAlias, {'an-a': None}, True), (NullableAlias, {'an-a': 0}, False),
    (NullableData, {'a': None}, True), (NullableData, {}, False), (Holds, {'inner': {'a': None}}, True), (Holds, {'inner': {}}, False),
    (HoldsToo, {'inner': {'a': None}}, True), (list[Nullable], [{'a': None}], True), (list[Nullable], [{}], False),
    (list[Nullable | Holds], [{'a': None}], True)], ids=str)
def test_null_is_a_value_of_a_required_optional_field_of_pydantic(kind, sent, fine):
    "pydantic is the judge"
    def f(x: kind): return x
    request = {'json': {'x': sent} if isinstance(sent, list) else sent}
    try: expected = pydantic.TypeAdapter(kind).validate_python(sent)
    except pydantic.ValidationError: expected = None
    assert (expected is not None) == fine
    if fine: assert Called(f).value(**request) == expected
    else: assert Called(f).errors(**request)


class Age(int): "Another name for `int`"
class Price(float): pass
class Amount(Decimal): pass
class Nick(str): pass
class Cents(int):
    def __new__(cls, text): return super().__new__(cls, int(Decimal(text) * 100))
class Money(numbers.Number):
    def __init__(self, amount): self.amount = Decimal(amount)
    def __eq__(self, other): return type(other) is Money and self.amount == other.amount
    def __hash__(self): return hash(self.amount)


NUMBERS = {Age: (['5', 5, 5.0], ['1.5', 1.5, 'nan']), Price: (['1.5', 1.5, 5], ['nan', '-inf', '1e999']),
           Amount: (['1.5', 1.5, 5], ['NaN', 'sNaN12', 'Infinity']), Nick: (['a', 5], []),
           Cents: (['12.5', 12.5, 5], ['x', 'nan']), Money: (['12.5', 12.5, 5], ['x', 'NaN', 'inf', '-Infinity', '1e999'])}


@each_row('kind', NUMBERS)
def test_a_class_of_numbers_or_texts_of_the_program_takes_what_is_one(kind):
    def f(x: kind): return x
    fine, wrong = NUMBERS[kind]
    for value in fine:
        got = Called(f).value(json={'x': value})
        assert type(got) is kind and got == kind(value)
    for value in [*wrong, True, {}, {'a': 1}, [], [[]]]:
        if not isinstance(value, str) or kind is not Nick: assert Called(f).errors(json={'x': value}), value
    for value in (o for o in wrong if isinstance(o, str)): assert Called(f).errors(data={'x': value}), value


@pytest.mark.parametrize('kind', [numbers.Number, numbers.Real, numbers.Integral])
def test_what_is_only_a_kind_of_number_is_told_when_a_handler_is_registered(kind):
    def f(x: kind): return x
    with pytest.raises(TypeError, match='No value from a request can become'): make_plan(f)


JSON = [
    (int, 5, 5),
    (int, 5.0, 5),
    (float, 5, 5.0),
    (str, 5, '5'),
    (bool, True, True),
    (bool, 0, False),
    (list[int], [1, 2], [1, 2]),
    (list[int], [], []),
    (list[list[int]], [[1], ['2']], [[1], [2]]),
    (tuple[int, str], [1, 'a'], (1, 'a')),
    (set[str], ['a', 'a'], {'a'}),
    (list[Any], [1, 'a', None], [1, 'a', None]),
    (int | str, 5, 5),
    (str | int, 5, 5),
    (Decimal, 1.5, Decimal('1.5')),
    (Optional[int], None, None),  # noqa: UP045
    (list[int | None], [1, None], [1, None]),
    (Any, {'a': 1}, ClientDict(a=1)),
    (Level, 2, Level.high),
    (Literal[1, 'a'], 1, 1),
]


@each_row('annotation, value, expected', JSON, ids=lambda v: str(v))
def test_json_values_become_the_annotated_type(annotation, value, expected):
    def f(x: annotation):
        return x

    got = Called(f).value(json={'x': value})
    assert got == expected and type(got) is type(expected)


@each_row(
    'annotation, value',
    [
        (int, True),
        (int, 1.5),
        (int, [1, 'a']),
        (int, {}),
        (str, True),
        (str, {'a': 1}),
        (float, 'x'),
        (bool, 2),
        (date, 5),
        (UUID, 5),
        (list[int], {'a': 1}),
        (list[int], [[1]]),
        (Colour, []),
        (Literal['a'], {}),
        (UploadFile, {}),
        (bytes, {}),
        (Decimal, []),
        (str, None),
    ],
    ids=str,
)
def test_json_values_of_another_kind_are_400(annotation, value):
    def f(x: annotation):
        return x

    assert Called(f)(content=json.dumps({'x': value}), headers={'content-type': 'application/json'}).status_code == 400


def test_number_too_large_for_a_float_is_400():
    def f(x: int):
        return x

    assert Called(f)(content='{"x": 1e999}', headers={'content-type': 'application/json'}).status_code == 400


def test_repeated_value_for_one_is_the_last_and_for_a_list_all():
    def f(a: int, b: list[int]):
        return a, b

    assert Called(f).value('/?a=1&a=2&b=1&b=2') == (2, [1, 2])
    assert Called(f).value(data={'a': ['1', '2'], 'b': ['1', '2']}) == (2, [1, 2])


def test_json_array_is_the_list_parameter():
    def f(xs: list[Point]):
        return xs

    assert Called(f).value(json=[{'x': 1}, {'x': 2}]) == [Point(1), Point(2)]
    assert Called(f).errors(json=[{'x': 1}, {}]) == {'xs[1].x': ('a whole number', None)}

    def g(d: dict):
        return d

    assert Called(g)(json=[1]).status_code == 400


def test_path_value_that_does_not_convert_is_404_the_rest_400():
    def f(id: int, n: int = 0):
        return id, n

    called = Called(f, '/{id}')
    assert called.value('/5') == (5, 0)
    assert called('/five').status_code == 404
    assert called('/5?n=x').status_code == 400
    assert set(called.errors('/five?n=x', status=404)) == {'id', 'n'}


def test_typed_path_values_keep_or_change_their_type():
    def f(a: int, b: str, c: float, d: UUID):
        return a, b, c, d

    u = UUID(int=5)
    assert Called(f, '/{a:int}/{b:int}/{c:float}/{d:uuid}').value(f'/1/2/3.5/{u}') == (1, '2', 3.5, u)


# ---------------------------------------------------------------- uploads


def test_one_upload_and_many():
    def f(one: UploadFile, many: list[UploadFile], maybe: UploadFile | None = None, raw: bytes = b''):
        return one.filename, one.file.read(), [m.filename for m in many], maybe, raw

    files = [
        ('one', ('a.txt', b'A')),
        ('many', ('b.txt', b'B')),
        ('many', ('c.txt', b'C')),
        ('raw', ('d.bin', b'\0\xff')),
    ]
    assert Called(f).value(files=files) == ('a.txt', b'A', ['b.txt', 'c.txt'], None, b'\0\xff')


def test_empty_file_box_is_no_file():
    boundary, nl = 'BB', '\r\n'
    part = f'--BB{nl}Content-Disposition: form-data; name="%s"; filename=""{nl}Content-Type: application/octet-stream{nl}{nl}{nl}'
    content = ''.join(part % n for n in ('one', 'many', 'maybe')) + f'--BB--{nl}'

    def f(many: list[UploadFile], maybe: UploadFile | None):
        return many, maybe

    def g(one: UploadFile):
        return one

    headers = {'content-type': f'multipart/form-data; boundary={boundary}'}
    assert Called(f).value(content=content, headers=headers) == ([], None)
    assert Called(g).errors(content=content, headers=headers) == {'one': ('a file', None)}

    @dataclass
    class Letter:
        one: UploadFile | None
        many: list[UploadFile]
        maybe: UploadFile = None

    def h(letter: Letter):
        return letter

    assert Called(h).value(content=content, headers=headers) == Letter(None, [], None)
    assert Called(h).value(files={'one': ('a', b'x')}).one.filename == 'a'


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    'kind',
    [
        'application/json',
        'application/json; charset=utf-8',
        'Application/JSON;charset=UTF-8',
        'application/vnd.api+json',
    ],
)
def test_json_is_read_whatever_the_charset_says(kind):
    def f(a: str, n: int):
        return a, n

    assert Called(f).value(content='{"a": "é", "n": 1}'.encode(), headers={'content-type': kind}) == ('é', 1)


@each_row(
    'content',
    [
        b'{',
        b'nope',
        b'{"a": NaN}',
        b'"text"',
        b'5',
        b'null',
        b'\xff\xfe\xfa',
        b'{"a": "\\ud800"}',
        b'[' * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b'9' * 5000 + b'}',
    ],
    ids=lambda c: c[:12].decode('latin-1'),
)
def test_malformed_json_is_400(content):
    def f(a: str = 'x'):
        return a

    called = Called(f)
    assert called(content=content, headers={'content-type': 'application/json'}).status_code == 400
    assert 'Traceback' not in called.response.text and 'Expecting' not in called.response.text


def test_empty_json_is_an_empty_object():
    def f(a: str = 'x'):
        return a

    assert Called(f).value(content=b'', headers={'content-type': 'application/json'}) == 'x'


def test_other_bodies_are_text():
    def f(body, req):
        return body

    async def g(req):
        return await req.body()

    assert Called(f).value(content='hello', headers={'content-type': 'text/plain'}) == 'hello'


def test_body_can_be_read_again_by_the_handler():
    class Again:
        @classmethod
        async def __from_request__(cls, req, a: str):
            return a, dict(await req.form()), await req.body()

    def f(x: Again):
        return x

    assert Called(f).value(data={'a': '1'}) == ('1', {'a': '1'}, b'a=1')

    class Files:
        @classmethod
        async def __from_request__(cls, req, a: UploadFile):
            return [v.filename for v in (await req.form()).values()]

    def g(x: Files):
        return x

    assert Called(g).value(files={'a': ('n.txt', b'x')}) == ['n.txt']


@pytest.mark.parametrize(
    'request_',
    [
        {'data': {'a': 'x' * 200}},
        {'json': {'a': 'x' * 200}},
        {'files': {'a': ('f', b'x' * 200)}},
        {'files': {'a': (None, 'x' * 200)}},
    ],
    ids=['form', 'json', 'file', 'part'],
)
def test_whole_body_is_limited(request_):
    def f(a: Any):
        return 'ok'

    assert Called(f, max_body_size=100)(**request_).status_code == 413
    assert Called(f, max_body_size=100_000)(**request_).status_code == 200


def test_body_that_is_declared_too_long_is_refused_before_it_is_read():
    async def receive():
        raise AssertionError('nothing should be read')

    async def read():
        scope = {'type': 'http', 'method': 'POST', 'path': '/', 'headers': [(b'content-length', b'1000')]}
        with pytest.raises(HTTPException) as e:
            await read_body(Request(scope, receive), max_body_size=999)
        return e.value.status_code

    assert asyncio.run(read()) == 413


def test_body_without_a_declared_length_is_limited_while_reading():
    def f(a: Any):
        return 'ok'

    sent = []

    def pieces():
        for _ in range(1000):
            sent.append(1)
            yield b'a=' + b'x' * 1000

    assert (
        Called(f, max_body_size=5000)(
            content=pieces(), headers={'content-type': 'application/x-www-form-urlencoded'}
        ).status_code
        == 413
    )


@pytest.mark.parametrize(
    'request_', [{'data': {'a': 'x' * 200}}, {'files': {'a': (None, 'x' * 200)}}], ids=['form', 'part']
)
def test_text_fields_are_limited(request_):
    def f(a: str):
        return 'ok'

    assert Called(f, max_part_size=100)(**request_).status_code == 413
    assert Called(f, max_part_size=1000)(**request_).status_code == 200


@pytest.mark.parametrize(
    'request_',
    [{'data': {'a': ['x'] * 20}}, {'files': [('a', (None, 'x'))] * 20}, {'files': [('a', ('f', 'x'))] * 20}],
    ids=['form', 'parts', 'files'],
)
def test_number_of_fields_is_limited(request_):
    def f(a: list[Any]):
        return 'ok'

    assert Called(f, max_fields=10)(**request_).status_code == 413
    assert Called(f, max_fields=20)(**request_).status_code == 200


@each_row(
    'kind, content',
    [
        ('multipart/form-data', b'x'),
        ('multipart/form-data; boundary=', b'x'),
        ('multipart/form-data; boundary=B', b'rubbish'),
        ('multipart/form-data; boundary=B', b'--B\r\n\r\nx\r\n--B--'),
        ('multipart/form-data; boundary=' + 'B' * 300, b'x'),
        ('multipart/form-data; boundary="é"', b'x'),
    ],
)
def test_malformed_multipart_is_400(kind, content):
    def f(a: str = ''):
        return a

    assert Called(f)(content=content, headers={'content-type': kind.encode()}).status_code == 400


@each_row(
    'charset, status',
    [
        ('utf-8', 200),
        ('UTF-8', 200),
        ('"iso-8859-1"', 200),
        ('punycode', 415),
        ('unicode_escape', 415),
        ('idna', 415),
        ('nonsense', 415),
        ('é', 415),
    ],
)
@each_row('kind', ['multipart/form-data; boundary=B', 'application/x-www-form-urlencoded'])
def test_only_usual_charsets_of_forms_are_read(charset, status, kind):
    "Python knows codecs that take quadratic time, or make text that HTML cannot hold"

    def f(a: str):
        return a

    called = Called(f)
    content = {
        'm': b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\\ud800\xc3\xa9\r\n--B--\r\n',
        'a': b'a=%5cud800%C3%A9',
    }
    reply = called(content=content[kind[0]], headers={'content-type': f'{kind}; charset={charset}'.encode()})
    assert reply.status_code == status
    assert status != 200 or called.result == ('\\ud800é' if 'utf' in charset.lower() else '\\ud800Ã©')


@each_row(
    'kind, content',
    [
        ('multipart/form-data; boundary=B', b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--\r\n'),
        ('application/x-www-form-urlencoded', b'a=x'),
        ('application/json', b'{"a": "x"}'),
        ('application/ld+json', b'{"a": "x"}'),
    ],
)
@each_row('reads', ['parameter', 'form', 'json'])
@each_row('coding, status', [('gzip', 415), ('br', 415), ('gzip, br', 415), ('identity', 200), ('', 200)])
def test_a_compressed_body_is_415_where_its_fields_are_wanted(kind, content, reads, coding, status):
    "RFC 9110 §8.4 and §15.5.16; its fields were missing silently"

    def parameter(a: str = 'missing'):
        return a

    async def form(req):
        return str(len(await req.form()))

    async def json(req):
        return str(len(await req.json()))

    app = FastHTML(secret_key='for tests')
    app.post('/')(dict(parameter=parameter, form=form, json=json)[reads])
    reply = DirectClient(app).post('/', content=content, headers={'content-type': kind, 'content-encoding': coding})
    is_other = reads == 'json' and 'json' not in kind   # no JSON: a 400 where it is not compressed
    assert reply.status_code == (400 if is_other and status == 200 else status)
    assert reply.headers.get('accept-encoding') == ('identity' if status == 415 else None)
    assert status == 415 or 'missing' not in reply.text


FIELD = b'Content-Disposition: form-data; name="a"'
SIMPLE, PARTS = 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=B'
HEADERS_OF_BODIES = {   # the headers of the request beside its type, and what it is answered
    'compressed, in a second line': ([('content-encoding', 'identity'), ('content-encoding', 'gzip')], 415),
    'compressed, in the first of two lines': ([('content-encoding', 'br'), ('content-encoding', 'identity')], 415),
    'compressed, among several': ([('content-encoding', 'identity, gzip')], 415),
    'compressed for the transfer': ([('transfer-encoding', 'gzip, chunked')], 415),
    'compressed for the transfer, in a second line': ([('transfer-encoding', 'chunked'), ('transfer-encoding', 'gzip')], 415),
    'compressed for the transfer, in capitals': ([('transfer-encoding', 'Deflate,Chunked')], 415),
    'chunked': ([('transfer-encoding', 'chunked')], 200), 'identity, twice': ([('content-encoding', 'identity')] * 2, 200),
    'as another type, too': ([('content-type', 'text/plain')], 400),
}
HEADERS_OF_PARTS = {
    'UTF-16': (FIELD + b'\r\nContent-Type: text/plain; charset=utf-16le', 'hé'.encode('utf-16le'), 415),
    'UTF-16, in quotes': (FIELD + b'\r\ncontent-type: text/plain; x=y; charset="UTF-16"', 'hé'.encode('utf-16'), 415),
    'a codec of Python': (FIELD + b'\r\nContent-Type: text/plain; charset=punycode', b'h-9ia', 415),
    'ISO-8859-1': (FIELD + b'\r\nContent-Type: text/plain; charset=ISO-8859-1', 'hé'.encode('latin-1'), 200),
    'ISO-8859-1 that could be UTF-8': (FIELD + b'\r\nContent-Type: text/plain; charset=ISO-8859-1', 'hÃ©'.encode('latin-1'), 200),
    'windows-1252': (FIELD + b'\r\nContent-Type: text/plain; charset=windows-1252', '5 €'.encode('cp1252'), 200),
    'UTF-8': (FIELD + b'\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit', 'hé'.encode(), 200),
    'nothing': (FIELD, 'hé'.encode(), 200),
    'Base64': (FIELD + b'\r\nContent-Transfer-Encoding: base64', b'aMOp', 415),
    'quoted-printable': (FIELD + b'\r\nContent-Transfer-Encoding: Quoted-Printable', b'h=C3=A9', 415),
    'gzip': (FIELD + b'\r\nContent-Encoding: gzip', gzip.compress(b'x'), 415),
    'gzip, a file': (FIELD + b'; filename="a.txt"\r\nContent-Encoding: gzip', gzip.compress(b'x'), 415),
    'two names': (FIELD + b'\r\nContent-Disposition: form-data; name="b"', b'x', 400),
    'two names, a file': (FIELD + b'\r\nContent-Disposition: form-data; name="b"; filename="a.txt"', b'x', 400),
    'two types': (FIELD + b'\r\nContent-Type: text/plain\r\nContent-Type: text/plain; charset=utf-16', b'x', 400),
    'two names in one line': (FIELD + b'; name="b"', b'x', 400), 'two names, one in capitals': (FIELD + b';NAME=b', b'x', 400),
    'two names of a file': (FIELD + b'; filename="a.txt"; filename="b.txt"', b'x', 400),
    'two charsets': (FIELD + b'\r\nContent-Type: text/plain; charset=utf-8; charset=utf-16', b'x', 400),
    'a name within a value': (FIELD + b'; x="; name=b; \\"; name=c"', b'x', 200),
    'no name': (b'Content-Type: text/plain', b'x', 400),
}

def reads_a(read):
    def parameter(a: str = 'missing'): return a
    def anything(data: dict): return data.get('a', 'missing')
    async def form(req): return (await req.form()).get('a', 'missing')
    async def parsed(req): return (await parse_form(req)).get('a', 'missing')
    app = FastHTML(secret_key='for tests')
    app.post('/')(dict(parameter=parameter, anything=anything, form=form, parsed=parsed)[read])
    return DirectClient(app)


@each_row('read', ['parameter', 'anything', 'form', 'parsed'])
@each_row('kind, content', [(SIMPLE, b'a=x'), (PARTS, b'--B\r\n' + FIELD + b'\r\n\r\nx\r\n--B--')], ids=['simple', 'parts'])
@each_row('headers, status', HEADERS_OF_BODIES.values(), ids=HEADERS_OF_BODIES)
def test_no_spelling_of_the_headers_makes_a_form_lose_its_fields(headers, status, kind, content, read):
    reply = reads_a(read).post('/', content=content, headers=[('content-type', kind), *headers])
    assert reply.status_code == status and (status != 200 or reply.text == 'x')


@each_row('read', ['parameter', 'anything', 'form', 'parsed'])
@each_row('head, content, status', HEADERS_OF_PARTS.values(), ids=HEADERS_OF_PARTS)
def test_a_part_of_a_form_is_the_text_that_was_sent_or_an_error(head, content, status, read):
    body = b'--B\r\n' + head + b'\r\n\r\n' + content + b'\r\n--B--\r\n'
    reply = reads_a(read).post('/', content=body, headers={'content-type': PARTS})
    assert reply.status_code == status
    if status == 200:
        charset = re.search(rb'charset=([\w-]+)', head)
        assert reply.text == content.decode(charset[1].decode() if charset else 'utf-8')


def test_get_does_not_read_a_body():
    def f(a: str = 'none'):
        return a

    assert (
        Called(f).value('/', method='GET', content='a=1', headers={'content-type': 'application/x-www-form-urlencoded'})
        == 'none'
    )


# ---------------------------------------------------------------- errors


def test_error_page_is_html_with_what_came_escaped_and_shortened():
    def f(n: int): ...

    evil = '<script>alert(1)</script>' + 'x' * 10_000
    response = Called(f)('/', params={'n': evil})
    assert response.headers['content-type'].startswith('text/html')
    shown = LexborHTMLParser(response.text).css_first('.bad-input')
    assert not shown.css('script') and '<script>alert(1)' in shown.css_first('li').text() and len(shown.text()) < 300


def test_json_clients_get_json():
    def f(n: int): ...

    called = Called(f)
    for request in ({'headers': {'accept': 'application/json'}}, {'json': {'n': 'x'}}):
        assert called(**request).json()['errors'][0]['field'] == 'n'
    assert '<li>' in called(headers={'accept': 'text/html,application/xhtml+xml,*/*;q=0.8'}).text
    assert '<li>' in called(data={'n': 'x'}).text
    assert '<li>' in called(json={'n': 'x'}, headers={'hx-request': 'true'}).text


def test_handler_that_asks_for_errors_gets_them_and_the_raw_text():
    @dataclass
    class Todo:
        title: str
        due: date
        n: int = 1

    def f(age: int, todo: Todo, errors, name: str = 'x', tags: list[int] = ()):
        return age, todo, {k: str(v) for k, v in errors.items()}, tags

    called = Called(f)
    age, todo, errors, tags = called.value('/?age=old&due=soon&n=3&tags=1&tags=b')
    assert (age, todo, tags) == ('old', Todo(None, 'soon', 3), ['1', 'b'])
    assert errors == {
        'age': "Expected a whole number, got 'old'.",
        'title': 'Expected text. This field is required.',
        'due': "Expected a date like 2025-01-31, got 'soon'.",
        'tags': "Expected a whole number, got 'b'.",
    }
    assert called.response.status_code == 422
    assert called.value('/?age=5&title=t&due=2025-01-01')[2] == {}
    assert called.response.status_code == 200


@each_row('kind', [k for k, _ in RECORDS], ids=lambda k: k.__name__)
def test_every_body_type_has_a_draft_for_the_form_that_is_shown_again(kind):
    def f(p: kind, errors: Errors):
        return p, errors

    p, errors = Called(f).value(data={'x': 'one', 'y': '3'})
    assert set(errors) == {'x'}
    got = p if isinstance(p, dict) else {n: getattr(p, n) for n in ('x', 'y')}
    assert got['x'] == 'one'


def test_errors_do_not_excuse_a_path_that_does_not_convert():
    def f(id: int, errors):
        return id

    assert Called(f, '/{id}')('/x').status_code == 404


def test_errors_may_be_annotated_as_dict():
    def f(n: int, errors: dict):
        return n, list(errors)

    assert Called(f).value('/?n=x') == ('x', ['n'])


def test_number_of_reported_faults_is_bounded():
    def f(xs: list[int]): ...

    called = Called(f)
    called('/?' + '&'.join(f'xs=a{i}' for i in range(900)))
    assert called.response.status_code == 400 and 0 < called.response.text.count('<li>') <= 20


# ---------------------------------------------------------------- signatures


def test_positional_only_keyword_only_and_defaults():
    def f(a: int, /, b: int, *, c: int, d: int = 4):
        return a, b, c, d

    assert Called(f).value('/?a=1&b=2&c=3') == (1, 2, 3, 4)


def test_partials_methods_callable_objects_and_wrappers():
    def f(a: int, b: int, c: int = 3):
        return a, b, c

    assert Called(functools.partial(f, b=7)).value('/?a=1&b=2') == (1, 7, 3)
    assert Called(functools.partial(f, 5)).value('/?a=1&b=2') == (5, 2, 3)

    class C:
        def m(self, a: int):
            return a

        def __call__(self, a: int):
            return a + 1

        @classmethod
        def c(cls, a: int):
            return cls is C, a

        @staticmethod
        def s(a: int):
            return a

    assert [Called(h).value('/?a=1') for h in (C().m, C(), C.c, C.s)] == [1, 2, (True, 1), 1]

    def deco(g):
        @functools.wraps(g)
        def inner(*args, **kw):
            return g(*args, **kw)

        return inner

    assert Called(deco(f)).value('/?a=1&b=2') == (1, 2, 3)


@pytest.mark.parametrize('fn', [lambda *args: 1, lambda **kw: 1, lambda a, *args, b=1: 1][:2])
def test_star_parameters_are_an_error_at_registration(fn):
    with pytest.raises(TypeError, match='Name each parameter'):
        make_plan(fn)


def test_types_that_no_request_can_give_are_an_error_at_registration():
    from collections.abc import Callable

    class NoInit:
        a: int

    for ann, text in (
        (Callable[[int], int], 'No value from a request'),
        (NoInit, '@dataclass'),
        ('Unknown', 'Unknown'),
    ):

        def f(x): ...

        f.__annotations__ = {'x': ann}
        with pytest.raises(TypeError, match=text) as e:
            make_plan(f)
        assert '`x`' in str(e.value) and 'f (' in str(e.value)


def test_builtins_without_a_signature_are_an_error_that_says_so():
    with pytest.raises(TypeError, match='signature'):
        make_plan(dict.fromkeys if sys.version_info < (3, 0) else type)


def test_plan_knows_what_kind_of_function_it_calls():
    async def a(): ...
    async def g():
        yield

    def s() -> str: ...

    class C:
        async def __call__(self): ...

    plans = [make_plan(f) for f in (a, g, s, C(), functools.partial(a), C)]   # a class is called, and not its objects
    assert [(p.is_async, p.is_asyncgen, p.empty) for p in plans] == [
        (True, False, True),
        (False, True, True),
        (False, False, True),
        (True, False, True),
        (True, False, True),
        (False, False, True),
    ]
    assert plans[2].returns is str


def test_body_is_read_only_when_a_parameter_may_need_it():
    def none(req, sess=None, id: int = 1, h: Annotated[str, header] = '', q: Annotated[str, query] = ''): ...

    assert not make_plan(none, path_names={'id'}).needs_body
    for f in (lambda data: 1, lambda body: 1):
        assert make_plan(f).needs_body

    def field(a: str): ...
    def record(p: Point): ...

    assert make_plan(field).needs_body and make_plan(record).needs_body


def test_pydantic_and_msgspec_are_not_imported_for_us():
    import subprocess

    code = (
        "import sys, typing, dataclasses\nfrom fasthtml.http.params import make_plan\n@dataclasses.dataclass\nclass P: x: int\n"
        "def f(a: int, p: P, t: typing.TypedDict('T', {'a': int})): ...\nmake_plan(f)\n"
        "print([m for m in ('pydantic', 'msgspec', 'dateutil') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip() == '[]'
    )


# ---------------------------------------------------------------- WebSocket messages


def test_frames_of_htmx_2_and_4():
    two = '{"msg":"hi","n":["1","2"],"HEADERS":{"HX-Request":"true","HX-Trigger":"f","HX-Trigger-Name":null}}'
    four = '{"msg":"hi","n":["1","2"],"headers":{"HX-Request":"true","HX-Source":"form#f"}}'
    beta = '{"values":{"msg":"hi","n":["1","2"]},"headers":{"HX-Request":"true"},"body":{"msg":"less"}}'

    def f(msg: str, n: list[int], htmx, hx_request: str): ...

    plan = make_plan(f)
    for text in (two, four, beta):
        scope = {
            'type': 'websocket',
            'path': '/',
            'query_string': b'',
            'headers': [(b'hx-request', b'no')],
            'path_params': {},
        }
        from starlette.websockets import WebSocket

        args, _ = plan.bind(Source(WebSocket(scope, None, None), body=FrameBody(text)))
        assert [*args[:2], args[2].request, args[3]] == ['hi', [1, 2], 'true', 'true']


@each_row(
    'text', ['', '[1]', '5', '"x"', 'null', '{', '{"a":' * 100_000, 'true', '{"a": "\\udc00"}'], ids=lambda t: t[:8]
)
def test_frames_that_are_no_object_are_a_value_error(text):
    with pytest.raises(ValueError):
        FrameBody(text)


def test_frame_keeps_a_field_called_headers_that_is_not_an_object():
    message = FrameBody('{"headers": "mine", "values": 3, "body": "text"}')
    assert message.data == {'headers': 'mine', 'values': 3, 'body': 'text'} and message.headers == {}


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=5).map(lambda ps: urlencode(ps).encode())
)
def test_urlencoded_fields_are_read_as_the_standard_library_reads_them(raw):
    expected = {}
    for name, value in parse_qsl(raw.decode('utf-8', 'replace'), keep_blank_values=True):
        expected.setdefault(name, []).append(value)
    assert parse_fields(raw) == expected


def test_a_function_as_an_annotation_makes_the_value():
    "`now: parsed_date` in upstream's documents; what it refuses with ValueError is a 400"


    from fasthtml.common import FastHTML, parsed_date
    def even(text: str) -> int:
        if int(text) % 2: raise ValueError('odd')
        return int(text)
    app = FastHTML(secret_key='x')
    @app.get('/when')
    def when(now: parsed_date, n: even = 0, many: list[even] = ()): return f'{now:%d.%m.%y} {n} {many}'
    client = DirectClient(app)
    assert client.get('/when?now=2026-01-02 03:04&n=4&many=2&many=4').text == '02.01.26 4 [2, 4]'
    refused = client.get('/when?now=soon&n=3', headers={'Accept': 'application/json'})
    said = {error['field']: error['expected'] for error in refused.json()['errors']}
    assert refused.status_code == 400 and said == {'now': 'a date and time like 2025-01-31T14:30', 'n': 'a value for even'}


def test_no_request_inspects_a_signature(monkeypatch):
    "P1: from the first request on, once the app has started; for pages, forms, streams and sockets"


    from fasthtml.common import EventStream, FastHTML
    app = FastHTML(secret_key='x', before=lambda req, session: None)

    @dataclass
    class Person:
        name: str
        age: int = 0

    @app.get('/page/{id}')
    async def page(id: int, q: str = '', session=None): return f'{id}{q}'
    @app.post('/form')
    def form_(person: Person, h: HtmxHeaders): return f'{person.name} is {person.age}'
    @app.get('/events')
    def events(n: int): return EventStream(str(i) for i in range(n))
    @app.ws('/ws', conn=lambda send: None, disconn=lambda code: None)
    async def said(msg: str): return f'said {msg}'

    inspected = []
    def noting(f):
        @functools.wraps(f)
        def noted(*args, **kwargs):
            if (by := sys._getframe(1).f_globals.get('__name__', '')).startswith('fasthtml'): inspected.append(f'{by}: {f.__name__}')
            return f(*args, **kwargs)
        return noted
    for module, name in (inspect, 'signature'), (inspect, 'get_annotations'), (typing, 'get_type_hints'):
        monkeypatch.setattr(module, name, noting(getattr(module, name)))
    with TestClient(app) as client:
        inspected.clear()  # what the start looks at
        assert client.get('/page/3?q=x').text == '3x'
        assert client.post('/form', data={'name': 'Ann', 'age': '4'}).text == 'Ann is 4'
        assert client.get('/events?n=2').text.count('data: ') == 3  # two, and the closing event
        with client.websocket_connect('/ws') as socket:
            socket.send_json({'msg': 'hi'})
            assert socket.receive_text() == 'said hi'
    assert not inspected


def test_a_parameter_that_takes_anything_loses_nothing_of_json():


    from fasthtml.common import FastHTML
    app, wrong = FastHTML(secret_key='k'), []
    anything = {'Any': Any, 'object': object, 'Any or None': Any | None}
    for name, ann in anything.items():
        @dataclass
        class Row: a_b: ann
        class Typed(TypedDict): a_b: ann
        Model = pydantic.create_model('Model', a_b=(ann, ...))
        def alone(a_b): return {'got': a_b}
        def row(o): return {'got': o.a_b}
        def typed(o): return {'got': o['a_b']}
        def model(o): return {'got': o.a_b}
        def inner(rows): return {'got': rows[0].a_b}
        for f, key, kind in ((alone, 'a_b', ann), (row, 'o', Row), (typed, 'o', Typed), (model, 'o', Model), (inner, 'rows', list[Row])):
            f.__annotations__[key] = kind
            app.post(f'/{f.__name__}/{name}')(f)
    client = DirectClient(app)
    for name in anything:
        for how in 'alone', 'row', 'typed', 'model', 'inner':
            for value in ([1, 2], [1], [], [[1]], {'a': [1]}, 3, 'x', False, None):
                for key in 'a_b', 'a-b':
                    sent = {'rows': [{key: value}]} if how == 'inner' else {key: value}
                    for body in sent, {'values': sent}, {'body': sent}:     # as betas of htmx 4 nest it
                        answer = client.post(f'/{how}/{name}', json=body)
                        if answer.status_code != 200 or answer.json() != {'got': value}: wrong.append((how, name, body, answer.text))
            if how == 'alone':
                answer = client.post(f'/{how}/{name}', json=[1, [2]])
                if answer.text != '{"got":[1,[2]]}': wrong.append((how, name, 'array', answer.text))
            if how != 'inner':
                answer = client.post(f'/{how}/{name}', data={'a_b': ['1', '2']})
                if answer.text != '{"got":"2"}': wrong.append((how, name, 'form', answer.text))
    assert not wrong, '\n'.join(map(str, wrong))
