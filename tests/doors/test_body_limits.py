"The limits of an app for bodies are the same at every entry point that reads one: lower than the default, and higher."
import asyncio
import inspect
from dataclasses import dataclass
from functools import cache
from typing import Annotated

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from fasthtml.common import Beforeware, FastHTML, form2dict, parse_form
from fasthtml.http.handlers import until_disconnect
from fasthtml.http.params import form
from fasthtml.testing import Client

KIB = 1024
FORM, PARTS, JSON = 'urlencoded', 'multipart', 'json'
LIMITS = {  # option -> a limit below the default and one above, and what is just allowed and just too much of fields of how many characters
    'max_fields': [({'max_fields': 7}, (7, 1), (8, 1)), ({'max_fields': 1500}, (1500, 1), (1501, 1))],
    'max_text_size': [({'max_text_size': 9 * KIB}, (2, 4 * KIB), (3, 4 * KIB)),
                      ({'max_text_size': 2560 * KIB}, (2, 1100 * KIB), (3, 1100 * KIB))],
    'max_part_size': [({'max_part_size': 3 * KIB}, (2, 3 * KIB), (1, 3 * KIB + 1)),
                      ({'max_text_size': 2560 * KIB}, (1, 2200 * KIB), (1, 2600 * KIB))],
    'max_body_size': [({'max_body_size': 9 * KIB}, (2, 4 * KIB), (3, 4 * KIB))],
}
CASES = [(kind, *case) for kind in (FORM, PARTS) for cases in LIMITS.values() for case in cases]


def test_every_limit_of_a_body_is_in_the_table():
    assert {name for name in inspect.signature(FastHTML).parameters if name.startswith('max_') and name != 'max_age'} == set(LIMITS)


@dataclass
class Fields: f0: str = ''


async def by_name(f0: str): return 'read'
async def as_dict(data: dict): return 'read'
async def as_record(data: Fields): return 'read'
async def pinned(f0: Annotated[str, form]): return 'read'
async def awaited(req): return await req.form() and 'read'
async def parsed(req): return await parse_form(req) and 'read'
async def first_raw_then_form(req): return await req.body() and await req.form() and 'read'

async def converted(req): return form2dict(await req.form()) and 'read'

async def entered(req):
    async with req.form() as fields: return fields and 'read'

async def by_guard(): return 'read'

async def read_by_guard(req): await req.form()

async def twice(req, f0: str): return await req.form() and await parse_form(req) and 'read'

WAYS = {f.__name__: f for f in (by_name, as_dict, as_record, pinned, awaited, parsed, converted, entered, by_guard, twice)}


def plain(request): return PlainTextResponse('read')

async def read_by_handler(req, exc):
    await req.form()
    return PlainTextResponse('read')


def before_a_route(**limits):
    return FastHTML(secret_key='k', before=read_by_guard, routes=[Route('/', plain, methods=['POST'])], **limits)

def before_an_app(**limits):
    return FastHTML(secret_key='k', before=read_by_guard, routes=[Mount('/', routes=[Route('/', plain, methods=['POST'])])], **limits)

def before_a_mount(**limits):
    app = FastHTML(secret_key='k', **limits)
    app.mount('/', Starlette(routes=[Route('/', plain, methods=['POST'])]), before=read_by_guard)
    return app

def before_a_router_of_its_own(**limits):
    app = FastHTML(secret_key='k', before=read_by_guard, **limits)
    app.router.default = PlainTextResponse('read')
    return app

def after_an_error(**limits): return FastHTML(secret_key='k', exception_handlers={404: read_by_handler}, **limits)

OUTSIDE = {f.__name__: f for f in (before_a_route, before_an_app, before_a_mount, before_a_router_of_its_own, after_an_error)}


def make(way: str, mounted: bool, **limits):
    if way in OUTSIDE:
        app = OUTSIDE[way](**limits)
        return FastHTML(secret_key='k', routes=[Mount('/in', app)]) if mounted else app
    guards = [Beforeware(read_by_guard)] if way == 'by_guard' else []
    app = FastHTML(secret_key='k', before=guards, **limits)
    app.post('/')(WAYS[way])
    return FastHTML(secret_key='k', routes=[Mount('/in', app)]) if mounted else app


@cache
def form_of(kind: str, fields: int, size: int) -> dict:
    "Written once: that costs more than all that reads it"
    data = {f'f{i}': 'x' * size for i in range(fields)}
    sent = {'data': data} if kind == FORM else {'files': {name: (None, value) for name, value in data.items()}}
    request = httpx2.Request('POST', 'http://testserver', **sent)
    return {'content': request.read(), 'headers': {'content-type': request.headers['content-type']}}


@pytest.mark.parametrize('mounted', [False, True], ids=['alone', 'mounted'])
@pytest.mark.parametrize('way', [*WAYS, *OUTSIDE])
def test_a_limit_holds_wherever_a_body_is_read(way, mounted):
    wrong = []
    for kind, limits, allowed, too_much in CASES:
        client = Client(make(way, mounted, **limits))
        for (fields, size), want in ((allowed, 200), (too_much, 413)):
            got = client.post('/in/' if mounted else '/', **form_of(kind, fields, size))
            if got.status_code != want: wrong.append((kind, limits, fields, size, got.status_code, want, got.text[-200:]))
    assert not wrong, '\n'.join(map(str, wrong))


async def status_of(app, path: str, pieces: list[bytes], declared: bool) -> int:
    "Of a POST whose body comes in pieces"
    messages = [{'type': 'http.request', 'body': o, 'more_body': True} for o in pieces] + [{'type': 'http.request', 'body': b''}]
    headers = [(b'content-length', str(sum(map(len, pieces))).encode())] if declared else []
    scope = {'type': 'http', 'http_version': '1.1', 'method': 'POST', 'scheme': 'http', 'path': path, 'raw_path': path.encode(),
             'query_string': b'', 'root_path': '', 'headers': [(b'host', b'testserver'), *headers], 'client': ('127.0.0.1', 1),
             'server': ('testserver', 80)}
    sent = []
    async def receive(): return messages.pop(0) if messages else {'type': 'http.disconnect'}
    async def send(message): sent.append(message)
    await app(scope, receive, send)
    return sent[0]['status']

async def by_body(req): await req.body()

async def by_stream(req):
    async for _ in req.stream(): pass

async def by_receive(req):
    while (await req.receive()).get('more_body'): pass

async def by_waiting(req): await until_disconnect(req, asyncio.Event().wait())   # for the client to leave

async def by_receive_then_stream(req):
    await req.receive()
    await by_stream(req)


@pytest.mark.parametrize('mounted', [False, True], ids=['alone', 'mounted'])
@pytest.mark.parametrize('way', [by_body, by_stream, by_receive, by_receive_then_stream, by_waiting])
def test_the_limit_of_the_whole_body_holds_where_its_pieces_are_read(way, mounted):
    "Whether or not its length is declared"
    app, read = FastHTML(secret_key='k', max_body_size=9 * KIB), []

    @app.post('/')
    async def index(req):
        await way(req)
        read.append(way)
        return 'read'
    outer = FastHTML(secret_key='k', routes=[Mount('/in', app)]) if mounted else app
    for size, want in ((9, 200), (10, 413)):
        for declared in (True, False):
            assert asyncio.run(status_of(outer, '/in/' if mounted else '/', [b'x' * KIB] * size, declared)) == want
    assert len(read) == 2


@pytest.mark.parametrize('read', ['data', 'req.json()', 'parse_form'])
def test_the_limit_of_json_holds_too(read):
    async def as_data(data: dict): return 'read'
    async def as_json(req): return await req.json() and 'read'
    async def by_parse_form(req): return await parse_form(req) and 'read'
    for limit, sizes in ((9 * KIB, (8 * KIB, 10 * KIB)), (2560 * KIB, (2200 * KIB, 2600 * KIB))):
        app = FastHTML(secret_key='k', max_text_size=limit)
        app.post('/')({'data': as_data, 'req.json()': as_json, 'parse_form': by_parse_form}[read])
        assert [Client(app).post('/', json={'a': 'x' * size}).status_code for size in sizes] == [200, 413]


def test_what_a_handler_says_can_only_lower_the_limits():
    app = FastHTML(secret_key='k', max_fields=5, max_part_size=100)

    @app.post('/{fields}/{size}')
    async def index(req, fields: int, size: int): return await req.form(max_fields=fields, max_part_size=size) and 'read'
    client, data = Client(app), {f'f{i}': 'x' * 50 for i in range(4)}
    assert [client.post(f'/{n}/{size}', data=data).status_code for n, size in ((4, 50), (3, 50), (4, 49), (9, 900))] == [200, 413, 413, 200]
    assert client.post('/9/900', data={f'f{i}': 'x' for i in range(6)}).status_code == 413
    assert client.post('/9/900', data={'f': 'x' * 101}).status_code == 413
