"""No single request holds the event loop: what is long is refused, or read in a thread, or in pieces.

Judged without a clock: by the status, by the thread that does the work, and by how often others have their turn.
"""
import asyncio
import base64
import contextlib
import dataclasses
import functools
import json
import tempfile
import threading
import time

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route

from client_kit import DirectClient
from fasthtml.app import live, static
from fasthtml.app.app import FastHTML
from fasthtml.app.static import SafeStatic
from fasthtml.html.tags import Div, P
from fasthtml.http import requests
from fasthtml.http.responses import HttpHeader
from fasthtml.http.routers import APIRouter
from fasthtml.realtime.sse import EventStream
from fasthtml.testing import AsyncClient
from support import each_row

JSON, MULTI = 'application/json', 'multipart/form-data; boundary=B'
PART = b'--B\r\nContent-Disposition: form-data; name="f"'
MANY, LONG = 'a=1&' * 2000, 'a=' + 'x' * 20_000


@pytest.fixture
def app(tmp_path):
    app = FastHTML(secret_key='k')
    @app.get('/parameter')
    def parameter(a: str): return P(a)
    @app.get('/request')
    def request(req): return P(len(req.query_params))
    @app.get('/dict')
    def everything(data: dict): return P(len(data))
    @app.route('/link')
    def link(a: str = ''): return P(a)
    @app.post('/form')
    def form(f: str): return P(f)
    @app.post('/own')
    async def own(req): return P(len(await req.form()))
    @app.live
    def region(n: int = 0): return Div(n, id='r')
    (tmp_path/'a.css').write_text('a{}')
    app.mount('/mounted', SafeStatic(directory=tmp_path))
    app.static_route_exts(static_path=tmp_path)
    return app


@each_row('path', ['/parameter', '/request', '/dict', '/link'])
@each_row('query, status', [(MANY, 400), (LONG, 414)])
def test_a_query_has_so_many_fields_by_whatever_reads_it(app, path, query, status):
    foreign = {'Sec-Fetch-Site': 'cross-site'} if path == '/link' else {}
    assert DirectClient(app).get(f'{path}?{query}', headers=foreign).status_code == status
    assert DirectClient(app).get(f'{path}?a=1').status_code == 200


FORMS = {   # body, content type, status
    'parameters of a content type': (PART + b'\r\n\r\nx\r\n--B--\r\n', MULTI + ';a=b' * 4000, 400),
    'parameters of a part': (PART + b';a=b' * 500 + b'\r\n\r\nx\r\n--B--\r\n', MULTI, 400),
    'headers of parts': ((PART + (b'\r\nx: ' + b'y' * 4000) * 7 + b'\r\n\r\nx\r\n') * 90 + b'--B--\r\n', MULTI, 413),
    'a plain form': (PART + b'; filename="a;b;c"\r\n\r\nx\r\n--B--\r\n', MULTI, 200),
}


@each_row('path', ['/form', '/own'])
@each_row('name', FORMS)
def test_what_stands_around_the_fields_of_a_form_counts(app, path, name):
    body, kind, status = FORMS[name]
    if (path, name) == ('/form', 'a plain form'): body = body.replace(b'; filename="a;b;c"', b'')
    assert DirectClient(app).post(path, content=body, headers={'Content-Type': kind}).status_code == status


@pytest.mark.parametrize('path', ['/a.css', '/mounted/a.css'])
def test_a_file_is_read_for_its_version_in_a_thread(app, path, monkeypatch):
    loops, readers, read = [], [], static._content_hash.__wrapped__
    def hash_of(*args):
        readers.append(threading.get_ident())
        return read(*args)
    monkeypatch.setattr(static, '_content_hash', static.lru_cache(hash_of))
    async def watched(scope, receive, send):
        loops.append(threading.get_ident())
        await app(scope, receive, send)
    answer = DirectClient(watched).get(path + '?v=00000000')
    assert answer.headers['cache-control'] == 'no-cache' and readers and not set(readers) & set(loops)
    assert DirectClient(app).get(path + '?' + 'v=1&' * 3000).status_code == 200


LONG_PATH = base64.urlsafe_b64encode(b'/' + b'%61' * 200_000).decode()
REGIONS = {'many': [[f'region?n={i}', '', ''] for i in range(1000)], 'a long token': [['region?n=1', f'a.{LONG_PATH}.c', '']]}


@pytest.mark.parametrize('path', ['/_live', '/_live/set'])
@pytest.mark.parametrize('shown', REGIONS)
def test_what_a_page_says_of_its_regions_is_parsed_in_a_thread(app, path, shown, monkeypatch):
    loops, readers = [], []
    def noted(f):
        def g(*args):
            readers.append(threading.get_ident())
            return f(*args)
        return g
    for name in ('parse_json', 'read_asked'): monkeypatch.setattr(live, name, noted(getattr(live, name)))
    async def watched(scope, receive, send):
        loops.append(threading.get_ident())
        await app(scope, receive, send)
    assert DirectClient(watched).post(path, json={'poll': 1, 'has': REGIONS[shown]}).status_code in (200, 409)
    assert len(readers) == 2 and not set(readers) & set(loops)


@pytest.mark.parametrize('token', ['a.Lw.c', ''], ids=['token', 'none'])
def test_others_have_their_turn_while_a_page_asks_for_many_regions(app, token):
    body = json.dumps({'poll': 1, 'has': [[f'region?n={i}', token, ''] for i in range(2000)]}).encode()
    messages = [{'type': 'http.request', 'body': body}]
    async def receive(): return messages.pop() if messages else await asyncio.get_running_loop().create_future()
    async def send(message): sent.append(message)
    sent, turns = [], 0
    scope = dict(type='http', method='POST', path='/_live', raw_path=b'/_live', query_string=b'', headers=[], scheme='http')
    async def main():
        nonlocal turns
        asked = asyncio.ensure_future(app(scope, receive, send))
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        await asked
    asyncio.run(main())
    assert sent[0]['status'] == 200 and turns > 40


MUCH_OF_STREAMS = {
    'a path': [[1, '/' + 'a' * 33_000, {}]], 'escapes': [[1, '/' + '%61' * 300_000, {}]], 'a query': [[1, '/one?' + 'a' * 33_000, {}]],
    'paths': [[i, '/' + 'a' * 2000, {}] for i in range(20)], 'headers': [[1, '/one', {f'hx-{"a" * (i % 30)}{i}': 'x' for i in range(101)}]],
    'a header': [[1, '/one', {'last-event-id': 'x' * 33_000}]], 'a name': [[1, '/one', {'hx-' + 'x' * 33_000: '1'}]],
    'many short headers': [[i, '/one', {f'x{j}': '' for j in range(100)}] for i in range(20)],
    'values that differ': [[i, '/one', {'hx-current-url': f'{i}' + 'x' * 2000}] for i in range(20)],
    'one value, often': [[1, '/one', {f'hx-{"a" * i}': 'x' * 900 for i in range(1, 40)}]]}


@each_row('path', ['/_live', '/_live/set'])
@each_row('much', MUCH_OF_STREAMS)
def test_what_a_page_says_of_its_streams_is_short(app, path, much):
    "Each is a request for which no server has limits: decoding megabytes of addresses would hold the loop"
    def answer(streams): return DirectClient(app).post(path, json={'poll': 1, 'streams': streams}).status_code
    assert answer(MUCH_OF_STREAMS[much]) == 413
    assert answer([[i, '/one?' + 'a' * 1000, {'HX-Request': 'true', 'Last-Event-ID': 'a' * 40}] for i in range(20)]) != 413
    page = {'HX-Request': 'true', 'HX-Current-URL': 'http://a.example/?q=' + 'a' * 7000}   # as htmx 4 says for each
    assert answer([[i, f'/one?n={i}', page] for i in range(20)]) != 413


LONG_HEADERS = {'HX-Current-URL': ('/htmx', 'http://a/' + '%41' * 6000), 'Last-Event-ID': ('/resumed', 'a~1-1.' * 3000)}

@pytest.mark.parametrize('name', LONG_HEADERS)
def test_a_long_header_of_htmx_or_a_stream_is_as_if_it_had_not_come(name):
    app = FastHTML(secret_key='k')
    @app.get('/htmx')
    def asked(htmx, request): return f'{htmx.current_url} {request.htmx.current_url}'
    @app.get('/resumed')
    def resumed(last_event_id): return f'{last_event_id} None'
    path, value = LONG_HEADERS[name]
    client, more = DirectClient(app), {'HX-Request': 'true', 'HX-Current-URL-URI-AutoEncoded': 'true'}
    assert client.get(path, headers={name: value[:999], **more}).text[:9] in ('http://aA', 'http://a/', 'a~1-1.a~1')
    assert client.get(path, headers={name: value, **more}).text == 'None None'


@pytest.mark.parametrize('names', ['a', 'ab'])
def test_a_stream_that_resumes_after_a_long_id_begins_anew(names):
    app, parsed = FastHTML(secret_key='k'), []
    channels = [app.channel(name, history=5) for name in names]
    app.get('/events')(lambda: EventStream(*channels))
    async def main():
        client = AsyncClient(app)
        async with client.stream('GET', '/events', headers={'Last-Event-ID': '1-1.' * 5000}) as stream:
            async for piece in stream:
                parsed.append(piece.count(b'event: resync'))
                if sum(parsed) == len(names): return
    asyncio.run(main())
    assert sum(parsed) == len(names)


def test_others_have_their_turn_while_guards_are_asked_about_many_addresses(app):
    asked = most = 0
    async def guard(req):
        nonlocal asked
        asked += 1
    app.before = [guard]
    sign = app.regions.signer.token
    rows = [[key, sign(key, '', f'/parameter\0a={i}', time.time()), ''] for i, key in enumerate(f'region?n={n}' for n in range(200))]
    messages = [{'type': 'http.request', 'body': json.dumps({'poll': 1, 'has': rows}).encode()}]
    async def receive(): return messages.pop() if messages else await asyncio.get_running_loop().create_future()
    async def send(message): pass
    scope = dict(type='http', method='POST', path='/_live', raw_path=b'/_live', query_string=b'', headers=[], scheme='http')
    async def main():
        nonlocal most
        request = asyncio.ensure_future(app(scope, receive, send))
        while not request.done():
            before = asked
            await asyncio.sleep(0)
            most = max(most, asked - before)
        await request
    asyncio.run(main())
    assert asked >= 200 and most <= 10


@each_row('row', [
    ['region?n=1', 'f.' + base64.urlsafe_b64encode('/\ud800'.encode('utf-8', 'surrogatepass')).decode() + '.c', ''],
    ['region\nevent: x', '', ''], ['region\0', '', ''], ['region\ud800', '', ''], ['region', 'f.\u00e9.c', ''],
    ['region', 'a.' * 500, '\udfff']])
def test_an_odd_key_or_token_is_no_failure(app, row):
    sent = DirectClient(app).post('/_live', content=json.dumps({'poll': 1, 'has': [row]}))
    assert sent.status_code in (200, 400)
    if sent.status_code == 200: assert '"state": "lost"' in sent.text


def test_what_python_parses_in_one_go_is_small():
    assert requests._needs_care('[' + '[],' * 10_000 + '1]') and not requests._needs_care('{"a": [1, 2, 3]}' + ' ' * 500)
    assert requests.IN_LOOP <= 4096


def given(part, n):
    async def parts():
        for i in range(n):
            made.append(i)
            yield part
    made = []
    return parts, made


IN_PARTS = {   # What a program answers with, from a generator that never waits
    'a page': lambda parts: parts(),
    'a response': lambda parts: StreamingResponse(parts()),
    'a response with work afterwards': lambda parts: StreamingResponse(parts(), background=BackgroundTask(str)),
    'a response beside a header': lambda parts: (StreamingResponse(parts()), HttpHeader('X-A', 'b')),
}

def middleware(dispatch): return dict(middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)])
def by_itself(make):
    "A route of Starlette"
    async def answer(req): return make()
    return Route('/x', answer)
async def pass_by(req, call_next): return await call_next(req)


OUTSIDE = {   # The same from what is not ours; a response only
    'route of Starlette': lambda answer: dict(routes=[by_itself(answer)]),
    'mount of Starlette': lambda answer: dict(routes=[Mount('/', app=Starlette(routes=[by_itself(answer)]))]),
    'behind middleware': lambda answer: dict(routes=[by_itself(answer)], **middleware(pass_by)),
    'middleware': lambda answer: middleware(lambda req, call_next: asyncio.sleep(0, answer())),
}


@each_row('part', ['x' * 1000, ''], ids=['text', 'nothing'])
@each_row('what, where', [
    *((what, where) for what in IN_PARTS for where in ('handler', 'guard', 'after', 'exception', 'crash', 'mount', 'group')),
    *(('a response', where) for where in OUTSIDE)])
def test_others_have_their_turn_while_parts_are_sent(what, where, part):
    "A client that reads fast, or one that has left: servers take what is sent to it without waiting"
    parts, made = given(part, 3000)
    def answer(): return IN_PARTS[what](parts)
    def failed(req, exc): return answer()
    def nothing(): return 1 / 0 if where in ('exception', 'crash') else None
    options = {'guard': dict(before=answer), 'after': dict(after=answer), 'exception': dict(exception_handlers={ZeroDivisionError: failed}),
               'crash': dict(exception_handlers={500: failed})}
    if where in OUTSIDE: options[where] = OUTSIDE[where](answer)
    app = FastHTML(secret_key='k', **options.get(where, {}))
    inner = FastHTML(secret_key='k') if where == 'mount' else APIRouter() if where == 'group' else app
    inner.get('/x')(answer if where in ('handler', 'mount', 'group') else nothing)
    if where == 'mount': app.mount('/in', inner)
    if where == 'group': inner.to_app(app)
    path, most = '/in/x' if where == 'mount' else '/x', 0
    async def receive(): await asyncio.get_running_loop().create_future()
    async def send(message): pass
    scope = dict(type='http', method='GET', path=path, raw_path=path.encode(), query_string=b'', headers=[], scheme='http')
    async def main():
        nonlocal most
        request = asyncio.ensure_future(app(scope, receive, send))
        while not request.done():
            before = len(made)
            await asyncio.sleep(0)
            most = max(most, len(made) - before)
        await request
    with contextlib.suppress(ZeroDivisionError): asyncio.run(main())   # a crash is raised again, for the log
    assert len(made) == 3000 and most < 100


class Kept(tempfile.SpooledTemporaryFile):
    "Notes which threads read it whole"
    readers: list = []
    def read(self, *size):
        if not size or size[0] >= 300_000: self.readers.append(threading.get_ident())
        return super().read(*size)


def a_file(file: bytes): return len(file)
def maybe_a_file(file: bytes | None = None): return len(file)
def files(file: list[bytes]): return len(file[0])
def a_file_and_errors(file: bytes, errors): return len(file)


@dataclasses.dataclass
class Upload:
    title: str
    file: bytes


class Struct(msgspec.Struct):
    file: bytes
    more: list[bytes] = []


class Built:
    def __init__(self, size): self.size = size
    @classmethod
    def __from_request__(cls, file: bytes): return cls(len(file))


class Awaited(Built):
    @classmethod
    async def __from_request__(cls, file: bytes): return cls(len(file))


def in_record(cls, size):
    def f(o): return size(o)
    f.__annotations__ = {'o': cls}
    return f


TAKERS = {'parameter': a_file, 'optional': maybe_a_file, 'list': files, 'with errors': a_file_and_errors,
          'record': in_record(Upload, lambda o: len(o.file)), 'struct': in_record(Struct, lambda o: len(o.file)),
          'built': in_record(Built, lambda o: o.size), 'awaited': in_record(Awaited, lambda o: o.size)}


@each_row('kind', [True, False], ids=['async', 'plain'])
@each_row('guarded', [True, False], ids=['read by a guard', 'read for it'])
@each_row('name', TAKERS)
def test_an_upload_is_read_whole_in_a_thread(name, guarded, kind, monkeypatch):
    monkeypatch.setattr(requests, 'SpooledTemporaryFile', Kept)
    loops, Kept.readers = [], []
    async def guard(req):
        loops.append(threading.get_ident())
        if guarded: await req.form()
    app, f = FastHTML(secret_key='k', before=guard), TAKERS[name]
    async def g(*args, **kwargs): return f(*args, **kwargs)
    app.post('/f')(functools.wraps(f)(g) if kind else f)
    answer = DirectClient(app).post('/f', data={'title': 'x'}, files={'file': ('a.bin', b'x' * 300_000)})
    assert answer.status_code == 200 and '300000' in answer.text
    assert Kept.readers and not set(Kept.readers) & set(loops)
