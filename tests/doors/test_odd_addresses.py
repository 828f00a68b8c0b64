"""Paths that a file server reads as others, and addresses that are no `str`. Paths go to the app as they are: clients tidy them."""
import asyncio
import json

import pytest
from starlette.datastructures import URL
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.auth import BasicAuthMiddleware
from fasthtml.app.static import SafeStatic
from fasthtml.html.htmx import HttpHeader
from fasthtml.http.handlers import Beforeware
from fasthtml.http.responses import FtResponse
from support import each_row

PUBLIC, NOT_PRIVATE = r'/public/.*', r'/(?!private/).*'
ODD = [(PUBLIC, '/public/../private/x.png'), (PUBLIC, '/public/./../private/x.png'), (PUBLIC, '/public//../private/x.png'),
       (PUBLIC, '/public/..//private/x.png'), (NOT_PRIVATE, '//private/x.png'), (NOT_PRIVATE, '/./private/x.png')]


def answer(app, path):
    sent = []
    messages = [{'type': 'http.request', 'body': b''}]
    scope = {'type': 'http', 'method': 'GET', 'scheme': 'http', 'path': path, 'query_string': b'', 'headers': [(b'host', b'x')]}

    async def receive(): return messages.pop() if messages else await asyncio.Event().wait()   # the client stays
    async def send(message): sent.append(message)
    asyncio.run(app(scope, receive, send))
    return sent[0]['status'], b''.join(m.get('body', b'') for m in sent)


def app_with(kind, guarded_by, skip, folder):
    app = FastHTML(secret_key='k', before=Beforeware(lambda req: Response('no', 401), skip=skip) if guarded_by == 'guard' else None)
    if guarded_by == 'basic': app.add_middleware(BasicAuthMiddleware, cb=lambda *_: None, skip=skip)
    if kind == 'exts': app.static_route_exts(static_path=folder)
    else: app.mount('/', kind(directory=folder))
    return app


@pytest.mark.parametrize('guarded_by', ['guard', 'basic'])
@pytest.mark.parametrize('kind', [StaticFiles, SafeStatic, 'exts'])
def test_a_path_that_is_read_as_another_is_not_skipped(kind, guarded_by, tmp_path):
    for name in ('public', 'private'):
        (tmp_path/name).mkdir()
        (tmp_path/name/'x.png').write_text(name)
    for skip in (PUBLIC, NOT_PRIVATE):
        app = app_with(kind, guarded_by, skip, tmp_path)
        assert answer(app, '/public/x.png') == (200, b'public')
        for path in [p for s, p in ODD if s == skip]:
            status, body = answer(app, path)
            assert status in (401, 404, 307) and body != b'private', path


@pytest.mark.parametrize('name', ['Location', 'Content-Location', 'HX-Location', 'HX-Redirect', 'HX-Push-Url', 'HX-Replace-Url'])
def test_an_address_that_would_run_is_inert_whatever_object_it_is(name):
    app, address = FastHTML(secret_key='k'), URL('JavaScript:alert(1)')
    app.get('/beside')(lambda: ('text', HttpHeader(name, address)))
    app.get('/within')(lambda: FtResponse('text', headers={name: address}))
    client = DirectClient(app, follow_redirects=False)
    for path in ('/beside', '/within'): assert client.get(path).headers[name] == 'unsafe:JavaScript:alert(1)'


ORDINARY = ['/cart', '/path', '/a/path/b', '/a?path=2', 'https://a.example/path?x=1,2', '/my-path:1', '{"path": "/x", "target": "#out"}']
BEYOND_PYTHON = ['"n": ' + '9'*5000 + '}', '"n":' + '['*200_000 + ']'*200_000 + '}']   # JSON that a browser reads
ODD_PLACES = {**{place: place for place in ('/a,path:/b', 'path:/b', "/a,'path':/b", '/a path')},
              '{x': '%7Bx', '{"path": 1,}': '%7B"path": 1,}', **{'{' + rest: '%7B' + rest for rest in BEYOND_PYTHON}}


@each_row('value', ORDINARY)
def test_an_ordinary_place_to_go_to_is_sent_as_it_is(value):
    assert HttpHeader('HX-Location', value).v == value


@each_row('value', ODD_PLACES, ids=lambda v: v[:20])
def test_a_place_to_go_to_is_one_address_for_every_version_of_htmx(value):
    "htmx 4 would read options out of some; JSON that Python cannot read a browser may"
    place = ODD_PLACES[value]
    sent = HttpHeader('HX-Location', value).v
    assert sent == place or json.loads(sent) == {'path': place}
    assert sent[0] != '{' or json.loads(sent)
    assert HttpHeader('HX-Push-Url', value).v == value, 'htmx reads no options in the other headers'
