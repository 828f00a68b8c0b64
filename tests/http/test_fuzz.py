"""Any request whatever, at handlers of every kind of signature: never a 500, and nothing comes back unescaped.

The requests are put together as ASGI messages, so that no client library repairs them first.
`FUZZ_EXAMPLES=2000 pytest tests/http/test_fuzz.py` looks longer.
"""

import asyncio
import functools
import json
import os
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from urllib.parse import quote_plus
from uuid import UUID

import msgspec
import pydantic
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from starlette.datastructures import UploadFile

from client_kit import run
from fasthtml.app.app import FastHTML
from fasthtml.html.element import ft
from fasthtml.http.params import cookie, header, make_plan
from fasthtml.http.requests import BadJson, FrameBody
from params_kit import Called


class Colour(Enum):
    red, blue = 'red', 2


@dataclass
class Line:
    item: str
    qty: int = 1


@dataclass
class Order:
    name: str
    lines: list[Line]
    due: date | None = None


class Tree(TypedDict, total=False):
    name: str
    kids: 'list[Tree]'


class Pair(NamedTuple):
    a: int
    b: Decimal = Decimal(1)


class Space(SimpleNamespace):
    a: float


class Model(pydantic.BaseModel):
    a: int = pydantic.Field(gt=3)
    b: list[Line] = []
    c: dict[str, float] | None = None


class Struct(msgspec.Struct):
    a: Annotated[int, msgspec.Meta(ge=3)]
    b: list[str] = []


class Built:
    "Builds itself, and reads the request once more"

    @classmethod
    async def __from_request__(cls, req, a: int, b: str = ''):
        return a, b, await req.body()


@functools.cache
def handlers():
    "Signatures; the fields are called a, b, c, so that the requests below hit them"

    def text(a: str, b: str = 'x', c: str | None = None):
        return a, b, c

    def numbers(a: int, b: float = 1.0, c: Decimal | None = None):
        return a, b, c

    def required(a: float, b: Decimal, c: bool):
        return a, b, c

    def dates(a: date, b: datetime = None, c: time | None = None):
        return a, b, c

    def choices(a: Colour, b: Literal['x', 1, True] = 'x', c: UUID | int | None = None):
        return a, b, c

    def lists(a: list[int], b: set[str], c: tuple[int, str] = (1, '')):
        return a, b, c

    def nested(a: list[list[int]], b: dict, c: list[dict[str, int]]):
        return a, b, c

    def anything(a: Any, b: object = None, c: bytes = b''):
        return a, b, c

    def files(a: UploadFile, b: list[UploadFile], c: UploadFile | None = None):
        return a.filename, [f.filename for f in b], c and c.filename

    def order(order: Order, a: list[Line]):
        return order, a

    def tree(t: Tree, kids: list[Tree]):
        return t, kids

    def pair(p: Pair, s: Space):
        return p, s

    def model(m: Model):
        return m

    def struct(s: Struct):
        return s

    def built(x: Built):
        return x

    def special(req, scope, data, htmx, auth, body, last_event_id):
        return req.method, data, htmx, body, last_event_id

    def pinned(
        a: Annotated[int, header],
        b: Annotated[str, cookie],
        user_agent: str,
        c: Annotated[list[str], header('X-C')] = (),
    ):
        return a, b, c, user_agent

    def shown_again(a: int, order: Order, errors, b: date = None):
        return a, order, b, {k: str(v) for k, v in errors.items()}

    def shown_model(m: Model, s: Struct, p: Pair, t: Space, errors):
        return m, s, p, t, {k: str(v) for k, v in errors.items()}

    def hostile(self: str, f: int = 0, req: str = '', send: str = '', data: str = '', cls: str = '', source: str = ''):
        return self, f, req

    day, line = '2025-01-31', {'item': 'tea', 'qty': 2}
    return {
        text: dict(a='a', b='b', c='c'),
        numbers: dict(a=1, b=2.5, c='3.5'),
        required: dict(a='1', b='2', c='on'),
        dates: dict(a=day, b=f'{day}T10:00', c='10:00'),
        choices: dict(a='red', b='x', c=7),
        lists: dict(a=[1, 2], b=['x'], c=[1, 'x']),
        nested: dict(a=[[1], [2]], b=1, c=[{'x': 1}]),
        anything: dict(a={'x': [1]}, b=None, c='x'),
        files: {},
        order: dict(name='n', lines=[line], due=day, a=[line]),
        tree: dict(name='n', kids=[{'name': 'k', 'kids': []}]),
        pair: dict(a=1, b='2'),
        model: dict(a=5, b=[line], c={'x': 1.5}),
        struct: dict(a=5, b=['x']),
        built: dict(a=1, b='x'),
        special: dict(a=1),
        pinned: dict(a='1', b='2', c=['3']),
        shown_again: dict(a=1, name='n', lines=[line], due=day, b=day),
        shown_model: dict(a=5, b=[]),
        hostile: dict(self='s', f=1, req='r'),
    }


@functools.cache
def in_path():
    def typed(a: int, b: str, c: list[int]):
        return a, b, c

    def bare(a, b: date, c: Colour = None):
        return a, b, c

    def again(a: float, b: UUID, errors):
        return a, b, errors

    return [typed, bare, again]


names = st.sampled_from(
    ['a', 'b', 'c', 'name', 'lines', 'due', 'item', 'qty', 'kids', 'self', 'f', 'req', 'errors', 'a ', 'A', '']
)
telling = st.sampled_from(
    [
        '',
        '0',
        '1',
        '-1',
        '3.5',
        '1_0',
        'true',
        'on',
        'null',
        'nan',
        '1e999',
        '9' * 5000,
        '2025-01-31',
        '2025-1-31T9:5',
        '25:00',
        'red',
        'x',
        '\x00',
        '\ud800'.encode('utf-8', 'replace').decode(),
        '<xss>',
        '"><xss a="',
        "'><xss>",
        '</li><xss>',
        '&lt;xss&gt;',
        '${7*7}',
        '../..',
        '१२३',
        '\u2028',
        'é' * 100,
        '12345678-1234-5678-1234-567812345678',
    ]
)
texts = telling | st.text(max_size=20).map(lambda s: s.encode('utf-8', 'replace').decode())
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
jsons = st.recursive(
    leaves, lambda kids: st.lists(kids, max_size=3) | st.dictionaries(names | texts, kids, max_size=4), max_leaves=12
)
pairs = st.lists(st.tuples(names, texts), max_size=6)
urlencoded = pairs.map(lambda ps: '&'.join(f'{quote_plus(k)}={quote_plus(v)}' for k, v in ps).encode())
raw_query = (
    urlencoded
    | st.binary(max_size=40)
    | st.sampled_from([b'a=%', b'a=%ff', b'a=%ed%a0%80', b'&&=&a', b'a=1&a=2&b=\xff', b'a[]=1'])
)


@st.composite
def multipart(draw):
    "Parts well formed and not"
    nl, out = b'\r\n', b''
    for _ in range(draw(st.integers(0, 4))):
        name, value = draw(names), draw(texts.map(str.encode) | st.binary(max_size=30))
        file = draw(
            st.sampled_from(
                [
                    '',
                    '; filename="f.txt"',
                    '; filename=""',
                    '; filename="<xss>"',
                    '; filename*=utf-8\'\'%ff',
                    '; filename="a\\"b',
                ]
            )
        )
        extra = draw(st.sampled_from([b'', b'Content-Type: text/html' + nl, b'Content-Type: ' + nl, b'Rubbish' + nl]))
        out += (
            b'--B' + nl + f'Content-Disposition: form-data; name="{name}"{file}'.encode() + nl + extra + nl + value + nl
        )
    return out + draw(st.sampled_from([b'--B--\r\n', b'--B--', b'', b'--B', b'--C--']))


bodies = st.one_of(
    st.tuples(
        st.sampled_from(['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded; charset=latin-1']),
        raw_query,
    ),
    st.tuples(
        st.sampled_from(
            ['application/json', 'application/json; charset=utf-8', 'application/ld+json', 'APPLICATION/JSON ;x']
        ),
        jsons.map(lambda o: json.dumps(o).encode())
        | st.binary(max_size=20)
        | st.sampled_from(
            [
                b'{"a": "\\ud800"}',
                b'\xef\xbb\xbf{"a":1}',
                b'[{"item":1}]',
                b'{"a":{"a":{"a":1}}}',
                b'{"a":' * 2000,
                b'[' * 2000,
                b'{"kids":[' * 200 + b']}' * 200,
            ]
        ),
    ),
    st.tuples(
        st.sampled_from(
            [
                'multipart/form-data; boundary=B',
                'multipart/form-data; boundary="B"; charset=utf-16',
                'multipart/form-data; boundary=B; charset=unicode_escape',
                'multipart/form-data; boundary=B; charset=idna',
                'multipart/form-data; boundary=',
                'multipart/form-data',
            ]
        ),
        multipart(),
    ),
    st.tuples(
        st.sampled_from(
            ['text/plain', '', ';', 'application/octet-stream', '\xff/\xfe', 'multipart/mixed; boundary=B']
        ),
        st.binary(max_size=30),
    ),
)
header_values = texts.map(lambda s: s.encode('latin-1', 'replace')) | st.binary(max_size=20)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b'a',
                b'b',
                b'c',
                b'x-c',
                b'user-agent',
                b'cookie',
                b'accept',
                b'hx-request',
                b'last-event-id',
                b'content-length',
            ]
        ),
        header_values,
    ),
    max_size=4,
)
cookies = st.sampled_from([b'a=1; b=2', b'a', b'=; ;', b'b="\\303"', b'b=<xss>', b'a="1\\'])


@functools.cache
def app_of(handler, path='/', bare=False):
    return Called(handler, path, bare=bare, max_body_size=50_000).app


async def ask(app, method, path, query, headers, body):
    "One ASGI exchange, by hand; the whole response"
    sent, pieces = [], [body[:7], body[7:]]
    scope = {
        'type': 'http',
        'asgi': {'version': '3.0'},
        'http_version': '1.1',
        'method': method,
        'scheme': 'http',
        'path': path,
        'raw_path': path.encode(),
        'root_path': '',
        'query_string': query,
        'headers': headers,
        'server': ('testserver', 80),
        'client': ('127.0.0.1', 1),
    }

    async def receive():
        return (
            {'type': 'http.request', 'body': pieces.pop(0), 'more_body': bool(pieces)}
            if pieces
            else {'type': 'http.disconnect'}
        )

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]['status'], dict(sent[0]['headers']), b''.join(m.get('body', b'') for m in sent[1:])


def check(answer):
    "No server error, decodable, and nothing that was sent became an element"
    status, head, body = answer
    assert status < 500
    text = body.decode()
    if head.get(b'content-type', b'').startswith(b'text/html'):
        assert not LexborHTMLParser(f'<body>{text}</body>').css('xss')
    return status


MANY = settings(
    max_examples=int(os.environ.get('FUZZ_EXAMPLES', 80)), deadline=None, suppress_health_check=list(HealthCheck)
)


def of_each(handlers, try_one):
    "Each example is tried with every handler: to make one up costs more than to send it"

    async def all_of_them():
        for handler in handlers:
            try:
                await try_one(handler)
            except Exception as e:
                e.add_note(f'of the handler {getattr(handler, "__name__", handler)}')
                raise

    run(all_of_them())


def flat(obj):
    return [
        (k, v if isinstance(v, str) else json.dumps(v))
        for k, vs in obj.items()
        for v in (vs if isinstance(vs, list) else [vs])
    ]


def written(handler, sent, how):
    "What carries it: the query, the body and its type"
    fields = '&'.join(f'{quote_plus(k)}={quote_plus(v)}' for k, v in flat(sent)).encode()
    if how == 'json':
        return b'', json.dumps(sent).encode(), 'application/json'
    if how == 'form':
        return b'', fields, 'application/x-www-form-urlencoded'
    if how == 'query':
        return fields, b'', ''
    more = [('a"; filename="f', 'A'), ('b"; filename="<xss>', 'B')] if handler.__name__ == 'files' else []
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in [*flat(sent), *more]
    ]
    return b'', ''.join([*parts, '--B--\r\n']).encode(), 'multipart/form-data; boundary=B'


@MANY
@given(
    broken=st.dictionaries(names, leaves | jsons, max_size=2),
    dropped=st.sets(names, max_size=1),
    how=st.sampled_from(['json', 'form', 'query', 'multipart']),
    browser=st.booleans(),
)
@example(broken={}, dropped=set(), how='json', browser=False)
def test_almost_good_requests_give_no_500_and_no_unescaped_echo(broken, dropped, how, browser):
    async def almost_good(handler):
        good = handlers()[handler]
        query, content, kind = written(handler, {k: v for k, v in (good | broken).items() if k not in dropped}, how)
        headers = [
            (b'content-type', kind.encode()),
            (b'a', b'1'),
            (b'cookie', b'b=2'),
            (b'user-agent', b'<xss>'),
            *([(b'accept', b'text/html')] if browser else []),
        ]
        status = check(await ask(app_of(handler), 'POST', '/', query, headers, content))
        if not broken and not dropped and how == 'json' and good:
            assert status in (200, 422)

    of_each(handlers(), almost_good)


@MANY
@given(
    method=st.sampled_from(['GET', 'POST', 'PUT', 'DELETE']),
    query=raw_query,
    body=bodies,
    headers=headers,
    cookie=cookies | st.none(),
    browser=st.booleans(),
)
def test_no_request_gives_a_500_or_an_unescaped_echo(method, query, body, headers, cookie, browser):
    kind, content = body
    headers = [
        *headers,
        (b'content-type', kind.encode('latin-1')),
        *([(b'cookie', cookie)] if cookie else []),
        *([(b'accept', b'text/html')] if browser else []),
    ]

    async def anything(handler):
        check(await ask(app_of(handler), method, '/', query, headers, content))

    of_each(handlers(), anything)


@MANY
@given(a=texts, b=texts, query=raw_query)
def test_no_path_gives_a_500_or_an_unescaped_echo(a, b, query):
    async def any_path(handler):
        check(await ask(app_of(handler, '/{a}/{b}'), 'GET', f'/{a}/{b}', query, [(b'accept', b'text/html')], b''))

    of_each(in_path(), any_path)


@MANY
@given(
    text=st.text()
    | jsons.map(json.dumps)
    | st.sampled_from(
        ['{"HEADERS": {"a": [1]}}', '{"values": {"headers": {}}, "headers": {"b": {"c": 1}}}', '[' * 3000]
    )
)
def test_no_frame_does_more_than_a_bad_json(text):
    def f(a: int, order: Order, hx_request: str = ''): ...

    make_plan(f)
    try:
        message = FrameBody(text)
    except BadJson as e:
        assert 'line 1' not in str(e)
    else:
        assert all(isinstance(v, str) for v in message.headers.values())
        json.dumps(message.data, ensure_ascii=False).encode()


@functools.cache
def socket_app():
    "One WebSocket route per handler above that needs no upload; each answers with what it was called with"
    app = FastHTML(secret_key='for tests')
    names = []
    for handler in handlers():
        if handler.__name__ in ('files', 'built', 'special'):
            continue

        def shown(handler=handler):
            @functools.wraps(handler)
            def inner(*args, **kwargs):
                return ft('p', repr(handler(*args, **kwargs)), id='out')

            return inner

        app.ws(f'/{handler.__name__}')(shown())
        names.append(handler.__name__)
    return app, names


async def talk(app, path, text):
    "One WebSocket connection with one message; what the app sent. A second message that is no object makes it close"
    sent, closed = [], asyncio.Event()
    inbox = [{'type': 'websocket.connect'}, *({'type': 'websocket.receive', 'text': t} for t in (text, '5'))]
    scope = {
        'type': 'websocket',
        'asgi': {'version': '3.0'},
        'path': path,
        'raw_path': path.encode(),
        'root_path': '',
        'scheme': 'ws',
        'query_string': b'',
        'headers': [(b'host', b'x')],
        'subprotocols': [],
        'client': ('1', 1),
        'server': ('x', 80),
    }

    async def receive():
        if inbox:
            return inbox.pop(0)
        await closed.wait()
        return {'type': 'websocket.disconnect', 'code': 1003}

    async def send(message):
        sent.append(message)
        if message['type'] == 'websocket.close':
            closed.set()

    await app(scope, receive, send)
    return sent


@MANY
@given(
    text=jsons.map(json.dumps)
    | st.text()
    | st.dictionaries(names, leaves | jsons, max_size=4).map(lambda d: json.dumps(d | {'HEADERS': {'HX-Request': 'true'}}))
)
def test_no_message_breaks_a_socket_or_comes_back_unescaped(text):
    app, names = socket_app()

    async def any_message(name):
        sent = await talk(app, f'/{name}', text)
        assert sent[0]['type'] == 'websocket.accept' and sent[-1]['code'] == 1003
        for message in sent[1:-1]:
            assert not LexborHTMLParser(message.get('text', '')).css('xss')

    of_each(names, any_message)


def test_a_good_message_is_answered():
    "Else the test above would hold of a socket that says nothing"
    app, names = socket_app()
    goods = {handler.__name__: good for handler, good in handlers().items()}

    async def a_good_message(name):
        assert [m['type'] for m in await talk(app, f'/{name}', json.dumps(goods[name]))] == [
            'websocket.accept',
            *(['websocket.send'] if name != 'pinned' else []),
            'websocket.close',
        ]

    of_each(names, a_good_message)
