"""What leaves in a header: addresses that would run, the headers of a careful site, the policy, lines of the log."""
import asyncio
import http.client
import importlib
import inspect
import json
import logging
import pkgutil
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles

import fasthtml
from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.logs import JsonLines
from fasthtml.app.static import SafeStatic
from fasthtml.common import (
    Div,
    EventStream,
    FtResponse,
    HtmxResponseHeaders,
    HttpHeader,
    JSONResponse,
    P,
    Redirect,
    Safe,
    Script,
    Style,
    Titled,
)
from fasthtml.html.htmx import htmx_resps
from fasthtml.http.responses import cookie
from fasthtml.testing import Client
from support import DEADLINE, each_row, serve

HX = {'hx-request': 'true'}
RUNS = ['javascript:alert(1)', ' JavaScript:alert(1)', 'java\tscript:alert(1)', '\x01javascript:alert(1)',
        'javascript:void(0)//%0aalert(1)']


def app_with(handler, **options):
    app = FastHTML(secret_key='k', **options)
    app.get('/x')(handler)
    return DirectClient(app, follow_redirects=False, raise_server_exceptions=False)


def raise_(exc): raise exc


# Ways to send an address in a header → what a handler does with it
SENT = {
    'Redirect': lambda url: Redirect(url),
    'Redirect beside content': lambda url: (P('x'), HttpHeader('HX-Trigger', 'a'), Redirect(url)),
    'RedirectResponse': lambda url: RedirectResponse(url),
    'Response': lambda url: Response('', 200, {'HX-Redirect': url, 'HX-Location': url, 'Location': url}),
    'JSON': lambda url: Response('', 200, {'HX-Location': json.dumps({'path': url, 'target': '#x'})}),
    'HttpHeader': lambda url: (P('x'), HttpHeader('HX-Redirect', url), HttpHeader('hx-location', url), HttpHeader('LOCATION', url)),
    'FtResponse': lambda url: FtResponse(P('x'), headers={'HX-Redirect': url}),
    'HTTPException': lambda url: raise_(HTTPException(400, 'no', {'HX-Redirect': url})),
    'location as a dict': lambda url: (P('x'), HtmxResponseHeaders(location={'path': url, 'target': '#x'})),
    'beside a Response': lambda url: (PlainTextResponse('x'), HttpHeader('HX-Redirect', url)),
    **{f'HtmxResponseHeaders {n}': (lambda url, n=n: (P('x'), HtmxResponseHeaders(**{n: url})))
       for n in ('location', 'redirect', 'push_url', 'replace_url')},
}
ADDRESSES = 'location content-location hx-redirect hx-location hx-push-url hx-replace-url'.split()


def scheme_of(value):
    "What a browser takes for the scheme: WHATWG URL, spaces and controls at the start and tabs and line ends anywhere are dropped"
    if value.startswith('{'): value = json.loads(value)['path']
    value = value.lstrip(''.join(map(chr, range(33))))
    for c in '\t\r\n': value = value.replace(c, '')
    return value.partition(':')[0].lower()


@each_row('htmx', [True, False])
@each_row('url', RUNS)
@each_row('how', SENT)
def test_an_address_that_would_run_is_inert_in_every_header(how, url, htmx):
    if how.startswith(('Response', 'HttpHeader', 'FtResponse', 'HTTPException', 'beside')) and ('\t' in url or '\x01' in url): url = RUNS[0]
    answer = app_with(lambda: SENT[how](url)).get('/x', headers=HX if htmx else {})
    sent = {k: v for k, v in answer.headers.items() if k in ADDRESSES}
    assert sent and all(scheme_of(v) != 'javascript' for v in sent.values()), sent
    ordinary = app_with(lambda: SENT[how]('/cart?page=2')).get('/x', headers=HX if htmx else {})
    assert all('/cart?page=2' in v for k, v in ordinary.headers.items() if k in ADDRESSES)


def test_every_header_of_htmx_with_an_address_is_in_the_table():
    assert {n for n in htmx_resps if 'url' in n or n in ('location', 'redirect')} == {'location', 'redirect', 'push_url', 'replace_url'}
    assert {'hx-' + n.replace('_', '-') for n in ('location', 'redirect', 'push_url', 'replace_url')} < set(ADDRESSES)


# What no server sends. uvicorn, for one, closes the connection then, and the visitor sees nothing

def events(headers):
    async def source(): yield P('x')
    return EventStream(source(), headers=headers)


GIVEN = {
    'HttpHeader': lambda k, v: (P('x'), HttpHeader(k, v)),
    'beside a Response': lambda k, v: (PlainTextResponse('x'), HttpHeader(k, v)),
    'beside a Redirect': lambda k, v: (Redirect('/'), HttpHeader(k, v)),
    'beside JSON': lambda k, v: ({'a': 1}, HttpHeader(k, v)),
    'FtResponse': lambda k, v: FtResponse(P('x'), headers={k: v}),
    'Response': lambda k, v: Response('x', headers={k: v}),
    'JSONResponse': lambda k, v: JSONResponse({}, headers={k: v}),
    'RedirectResponse': lambda k, v: RedirectResponse('/', headers={k: v}),
    'StreamingResponse': lambda k, v: StreamingResponse(iter(['x']), headers={k: v}),
    'FileResponse': lambda k, v: FileResponse(__file__, headers={k: v}),
    'EventStream': lambda k, v: events({k: v}),
    'HTTPException': lambda k, v: raise_(HTTPException(400, 'no', {k: v})),
    'exception handler': lambda k, v: raise_(Wrong({k: v})),
    'guard': lambda k, v: P('the guard has answered'),
}
REFUSED = [('X-A', 'a\nb'), ('X-A', 'a\r\nSet-Cookie: b=1'), ('X-A', 'a\0b'), ('X-A', '\x01'), ('X-A', '\x7f'), ('X A', 'a'), ('X:A', 'a'),
           ('X\nA', 'a'), ('', 'a'), ('X-\xe9', 'a'), ('X(A', 'a')]
TAKEN = [('X-A', ' a'), ('X-A', 'a '), ('X-A', 'a\t'), ('X-A', 'a\tb'), ('X-A', ''), ('X-A', 'caf\xe9')]


class Wrong(Exception): pass


def answers(server):
    "(status, value of X-A) of each way and header; None where the connection was closed"
    def header_of(req): return (REFUSED + TAKEN)[int(req.path_params['n'])]
    def guard(req): return Response('x', headers=dict([header_of(req)])) if req.path_params['how'] == 'guard' else None
    app = FastHTML(secret_key='k', before=guard)
    app.exception_handler(Wrong)(lambda req, exc: Response('x', headers=exc.args[0]))
    @app.get('/{how}/{n}')
    def show(req, how: str): return GIVEN[how](*header_of(req))
    found = {}
    with serve(app, http=server) as served:
        for how in GIVEN:
            for n, header in enumerate(REFUSED + TAKEN):
                line = http.client.HTTPConnection('127.0.0.1', served.port, timeout=DEADLINE)
                line.request('GET', f'/{quote(how)}/{n}')
                try: answer = line.getresponse()
                except http.client.RemoteDisconnected: found[how, header] = None
                else: found[how, header] = answer.status, answer.headers.get('X-A')
                line.close()
    return found


@pytest.mark.parametrize('server', ['h11', 'httptools'])
def test_a_header_that_no_server_sends_is_an_error_in_every_way_it_is_given(server):
    "The visitor gets an answer: 500. White space around a value is taken off"
    found = answers(server)
    usual = {'beside a Redirect': 303, 'RedirectResponse': 307, 'HTTPException': 400}
    expected = {(how, header): (500, None) for how in GIVEN for header in REFUSED}
    expected |= {(how, (k, v)): (usual.get(how, 200), v.strip()) for how in GIVEN for k, v in TAKEN}
    assert {k: v for k, v in found.items() if v != expected[k]} == {}


# Nor does any server send a status that is none: granian's worker, for one, ends

class Plain(Exception): pass


def with_status(response, status):
    response.status_code = status
    return response


STATUSES = {
    'Response': lambda s: Response('x', s),
    'Response, set later': lambda s: with_status(Response('x'), s),
    'JSONResponse': lambda s: JSONResponse({}, s),
    'RedirectResponse': lambda s: RedirectResponse('/', s),
    'StreamingResponse': lambda s: StreamingResponse(iter(['x']), s),
    'FileResponse': lambda s: FileResponse(__file__, s),
    'beside a header': lambda s: (Response('x', s), HttpHeader('X-A', 'a')),
    'FtResponse': lambda s: FtResponse(P('x'), s),
    'EventStream': lambda s: with_status(events({}), s),
    'HTTPException': lambda s: raise_(HTTPException(s, 'no')),
    'exception handler': lambda s: raise_(Wrong(s)),
    'handler of every exception': lambda s: raise_(Plain(s)),
    'guard': lambda s: P('the guard has answered'),
    'after': lambda s: Response('x'),
    'after, of parts': lambda s: StreamingResponse(iter(['x'])),
    'middleware': lambda s: P('x'),
    'route of Starlette': None,
    'app of Starlette': None,
}
NO_STATUS = [-1, 0, 1, 99, 100, 101, 103, 199, 600, 999, 1000, 2**31, 200.5, True]


class Middle:
    "Middleware of a program, which sends a status of its own"
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send):
        status = None if not scope['path'].startswith('/middleware/') else NO_STATUS[int(scope['path'].rpartition('/')[2])]
        async def sent(message): await send({**message, 'status': status} if 'status' in message else message)
        await self.app(scope, receive, send if status is None else sent)


def app_of_statuses():
    def status_of(req): return NO_STATUS[int(req.url.path.rpartition('/')[2])]
    def guard(req): return Response('x', status_of(req)) if req.url.path.startswith('/guard/') else None
    def after(req, resp): return with_status(resp, status_of(req)) if req.url.path.startswith('/after') else resp
    async def plain(req): return Response('x', status_of(req))
    routes = [Route('/route of Starlette/{n}', plain), Mount('/app of Starlette', Starlette(routes=[Route('/{n}', plain)]))]
    app = FastHTML(secret_key='k', before=guard, after=after, routes=routes, middleware=[Middleware(Middle)])
    app.exception_handler(Wrong)(lambda req, exc: Response('x', exc.args[0]))
    app.exception_handler(Exception)(lambda req, exc: Response('x', exc.args[0] if isinstance(exc, Plain) else 500))
    @app.get('/{how}/{n}')
    def show(req, how: str): return STATUSES[how](status_of(req))
    return app


@pytest.mark.parametrize('server', ['h11', 'httptools'])
def test_a_status_that_no_server_sends_is_an_error_in_every_way_it_is_given(server):
    "The visitor gets an answer: 500"
    found = {}
    with serve(app_of_statuses(), http=server) as served:
        for how in STATUSES:
            for n, status in enumerate(NO_STATUS):
                line = http.client.HTTPConnection('127.0.0.1', served.port, timeout=DEADLINE)
                line.request('GET', f'/{quote(how)}/{n}')
                try: found[how, status] = line.getresponse().status
                except (http.client.HTTPException, OSError) as e: found[how, status] = type(e).__name__
                line.close()
    assert {k: v for k, v in found.items() if v != 500} == {}


@each_row('how', STATUSES)
def test_no_such_status_gets_as_far_as_the_server(how):
    "One that cannot send it may end its process"
    async def receive(): await asyncio.Event().wait()
    app = app_of_statuses()
    for n, status in enumerate(NO_STATUS):
        told = []
        async def send(message, told=told): told.append(message.get('status', 500))
        path = f'/{how}/{n}'
        scope = {'type': 'http', 'method': 'GET', 'path': path, 'raw_path': quote(path).encode(), 'query_string': b'', 'headers': [],
                 'http_version': '1.1', 'scheme': 'http', 'client': ('127.0.0.1', 1), 'server': ('127.0.0.1', 2), 'root_path': ''}
        with suppress(Exception): asyncio.run(app(scope, receive, send))
        assert set(told) == {500}, (status, told)


@pytest.mark.parametrize('make', [lambda **kw: Response('x', **kw), lambda **kw: StreamingResponse(iter(['x']), **kw)])
def test_what_an_after_function_adds_to_a_header_that_was_mended_stays(make):
    def add(resp):
        resp.headers['X-B'] = 'b '
        return resp, HttpHeader('X-C', 'c')
    app = FastHTML(secret_key='k', after=add)
    app.get('/')(lambda: make(headers={'X-A': 'a '}))
    headers = Client(app).get('/').headers
    assert [headers[k] for k in ('x-a', 'x-b', 'x-c')] == ['a', 'b', 'c']


@pytest.mark.parametrize('header, error', [
    (('X-A', 'a\nb'), 'one line without control characters'), (('X A', 'a'), 'letters, digits and hyphens')])
def test_the_error_says_what_a_header_is(header, error):
    app = FastHTML(secret_key='k')
    app.get('/')(lambda: Response('x', headers=dict([header])))
    with pytest.raises(ValueError, match=error): Client(app).get('/')


@each_row('place', [('{}', 'a'), ('x{}', 'a'), ('x', '{}'), ('x', 'a{}'), ('x', '{}a'), ('x', 'a{}b')], ids=str)
def test_what_needs_no_second_look_is_what_a_header_says_of_itself(place):
    "Most headers are judged by one pattern; for each byte it takes no more than `HttpHeader` does"
    from fasthtml.http.responses import _ordinary, header_bytes
    name, value = (o.encode().split(b'{}') for o in place)
    taken = 0
    for byte in range(256):
        k, v = (bytes([byte]).join(o) for o in (name, value))
        if not _ordinary(k + b'\n' + v): continue
        assert header_bytes(HttpHeader(k.decode('latin-1'), v.decode('latin-1'))) == (k, v)
        taken += 1
    assert taken > 40

# Headers of every response

def everything(tmp_path, **options):
    "An app with each kind of response"
    (tmp_path/'a.txt').write_text('text')
    (tmp_path/'a.html').write_text('<script>1</script>')
    (tmp_path/'a.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')
    async def raw(request): return PlainTextResponse('raw')
    async def markup(request): return HTMLResponse('<script>1</script>')
    async def asgi(scope, receive, send):
        await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'Content-Type', b'Text/HTML')]})
        await send({'type': 'http.response.body', 'body': b'<script>1</script>'})
    inner = FastHTML(secret_key='k')
    inner.get('/')(lambda: P('inner'))
    routes = [Route('/raw', raw), Route('/raw.html', markup), Mount('/m', routes=[Route('/raw', raw), Route('/raw.html', markup)]),
              Host('other.example', Starlette(routes=[Route('/raw.html', markup)])), Mount('/asgi', asgi)]
    app = FastHTML(secret_key='k', routes=routes,
                   before=lambda req: P('guard') if req.url.path == '/guarded' else None, **options)
    app.mount('/in', inner)
    app.mount('/files', StaticFiles(directory=tmp_path))
    app.static_route_exts(prefix='/static/', static_path=tmp_path)
    async def stream():
        yield P('first')
    async def events(): yield P('x')
    def add(path, f, **kw): app.get(path, **kw)(f)
    add('/page', lambda: Titled('page', Script('1')))
    add('/guarded', lambda: P('never'))
    add('/json', lambda: {'a': 1})
    add('/text', lambda: '<p>text</p>')
    add('/html', lambda: HTMLResponse('<script>1</script>'))
    add('/ft', lambda: FtResponse(P('x'), 201))
    add('/redirect', lambda: Redirect('/page'))
    add('/stream', stream)
    add('/chunks', lambda: StreamingResponse(iter([b'<p>x']), media_type='text/html'))
    add('/events', lambda: EventStream(events()))
    add('/file', lambda: FileResponse(tmp_path/'a.html'))
    add('/crash', lambda: 1/0)
    add('/refused', lambda: raise_(HTTPException(418, 'tea')))
    @app.get('/number')
    def number(n: int): return P(n)
    return DirectClient(app, raise_server_exceptions=False, follow_redirects=False)


PATHS = '''/page /guarded /json /text /html /ft /redirect /stream /chunks /events /file /crash /refused /number?n=x /no-such-page /raw
    /m/raw /in/ /in/no /files/a.txt /files/no /raw.html /m/raw.html /files/a.html /files/a.svg /asgi/x
    /static/a.txt /static/a.html /static/a.svg /static/no.txt'''.split()
CAREFUL = {'x-content-type-options': 'nosniff', 'referrer-policy': 'strict-origin-when-cross-origin', 'x-frame-options': 'SAMEORIGIN',
           'cross-origin-opener-policy': 'same-origin'}


@each_row('debug', [False, True])
@each_row('path', PATHS)
def test_every_response_carries_the_headers_of_a_careful_site(path, debug, tmp_path):
    client = everything(tmp_path, secure_headers=True, debug=debug)
    for headers in ({}, HX, {'accept': 'text/html'}):
        answer = client.get(path, headers=headers)
        assert {k: answer.headers.get(k) for k in CAREFUL} == CAREFUL
        assert len(answer.headers.get_list('x-content-type-options')) == 1
        assert 'frame-ancestors' in answer.headers['content-security-policy']


def test_other_methods_and_refusals_carry_them_too(tmp_path):
    client = everything(tmp_path, secure_headers=True)
    cross = {'Sec-Fetch-Site': 'cross-site'}
    for method, path, headers in (('HEAD', '/page', {}), ('DELETE', '/page', {}), ('POST', '/page', cross), ('OPTIONS', '/page', {})):
        assert client.request(method, path, headers=headers).headers['x-frame-options'] == 'SAMEORIGIN', method
    app = FastHTML(secret_key='k', secure_headers=True, hosts=['a.example'])
    assert DirectClient(app).get('/').headers['x-frame-options'] == 'SAMEORIGIN'


def test_careful_headers_can_be_changed_and_are_off_without_a_word():
    plain = app_with(lambda: P('x')).get('/x').headers
    assert not any(k in plain for k in CAREFUL)
    answer = app_with(lambda: (P('x'), HttpHeader('Referrer-Policy', 'no-referrer')),
                      secure_headers={'X-Frame-Options': None, 'Strict-Transport-Security': 'max-age=60'}).get('/x').headers
    assert 'x-frame-options' not in answer and answer['strict-transport-security'] == 'max-age=60'
    assert answer['referrer-policy'] == 'no-referrer' and answer['x-content-type-options'] == 'nosniff'
    with pytest.raises(TypeError, match='secure_headers'): FastHTML(secure_headers='strict')


# The policy

OTHERS = '/json /redirect /events /raw /m/raw /in/ /in/no /files/a.txt /static/a.txt'.split()   # no documents, or of another app
DOCUMENTS = [p for p in PATHS if p not in OTHERS]


@pytest.mark.parametrize('options', [{'csp': True}, {'secure_headers': True}, {'csp': True, 'secure_headers': True}], ids=str)
def test_a_304_does_not_take_the_policy_from_the_page_that_a_browser_has_kept(options, tmp_path):
    "RFC 9111, 4.3.4: its headers replace those of what was kept, and its nonce is not that of the page"
    app = everything(tmp_path, **options).app
    def unchanged(request): return Response(status_code=304)
    app.mount('/safe', SafeStatic(directory=tmp_path))
    app.mount('/other', Starlette(routes=[Route('/', unchanged)]))
    app.add_route(Route('/starlette', unchanged))
    app.get('/ready')(lambda: Response(status_code=304))
    app.get('/typed')(lambda: HTMLResponse('', 304))
    app.get('/content')(lambda: FtResponse('', 304))
    app.get('/raised')(lambda: raise_(HTTPException(304)))
    client, said = DirectClient(app, follow_redirects=False), {'csp', 'secure_headers'} & options.keys()
    kept = '/file /static/a.html /static/a.svg /files/a.html /safe/a.html /safe/a.svg'.split()
    for path in (*kept, *'/other/ /starlette /ready /typed /content /raised'.split()):
        if path in kept:
            first = client.get(path).headers
            assert 'content-security-policy' in first, path
        answer = client.get(path, headers={'If-None-Match': first['etag']})
        if path == '/file': continue   # Starlette's FileResponse compares nothing
        assert answer.status_code == 304 and 'content-security-policy' not in answer.headers, path
        assert ('x-frame-options' in answer.headers) is ('secure_headers' in said), path


@pytest.mark.parametrize('before', [None, lambda: None])
def test_another_kind_of_app_may_bring_its_own_policy(before):
    "Also where a guard stands before it; a mounted app of ours says for itself whether it has one"
    async def own(request): return HTMLResponse('x', headers={'Content-Security-Policy': "default-src 'none'"})
    routes = [Route('/own', own), Mount('/m', Starlette(routes=[Route('/own', own)]))]
    app = FastHTML(secret_key='k', csp=True, before=before, routes=routes)
    inner = FastHTML(secret_key='k')
    inner.get('/')(lambda: Script('1'))
    app.mount('/in', inner)
    client = DirectClient(app)
    for path in ('/own', '/m/own'): assert client.get(path).headers.get_list('content-security-policy') == ["default-src 'none'"]
    assert 'content-security-policy' not in client.get('/in/').headers


@each_row('debug', [False, True])
@each_row('path', DOCUMENTS)
def test_every_document_carries_the_policy(path, debug, tmp_path):
    "Pages, fragments, error pages and what a program made by itself: a script without this response's nonce does not run"
    client = everything(tmp_path, csp=True, debug=debug)
    for headers in ({'accept': 'text/html'}, HX, {'host': 'other.example'}):
        if 'host' in headers and path != '/raw.html': continue
        answer = client.get(path, headers=headers)
        if answer.headers['content-type'].startswith('text/plain'): continue
        policy = dict(d.split(' ', 1) for d in answer.headers['content-security-policy'].split('; '))
        nonce = policy['script-src'].removeprefix("'nonce-").removesuffix("'")
        assert policy['script-src'] == f"'nonce-{nonce}'" and len(nonce) > 20 and policy['object-src'] == "'none'"
        assert client.get(path, headers=headers).headers['content-security-policy'] != answer.headers['content-security-policy'], 'fresh'


RUN_SCRIPTS = ['text/html', 'TEXT/HTML', 'Text/Html; charset=utf-8', 'text/html ;charset=utf-8', '', None, '*/*', 'html',
               'unknown/unknown', 'application/xhtml+xml', 'application/atom+xml', 'IMAGE/SVG+XML', 'application/mathml+xml; charset=utf-8',
               'text/xml', 'text/xsl', 'application/XML', 'multipart/x-mixed-replace; boundary=b',
               # not one type: browsers take one of several, and overlook what does not belong there
               'image/png, text/html', 'text/plain,text/html', ',text/html', 'text/html,', 'text/html x', 'text/html(a)', 'text/html\tx',
               'text/plain; charset=utf-8, text/html', 'text/plain;a="x, text/html', '"text/html"', 'text/html/', 'text/']
RUN_NONE = 'text/plain application/json text/css image/png application/pdf application/octet-stream text/event-stream'.split()


@each_row('kind', [*RUN_SCRIPTS, *RUN_NONE])
@each_row('made', ['whole', 'in parts', 'kept'])
def test_what_a_browser_shows_as_a_document_carries_the_policy_however_its_type_is_written(kind, made):
    headers = {} if kind is None else {'Content-Type': kind}
    kept = Response(b'<script>1</script>', headers=headers)
    makers = {'whole': lambda: Response(b'<script>1</script>', headers=headers), 'kept': lambda: kept,
              'in parts': lambda: StreamingResponse(iter([b'<script>1</script>']), headers=headers)}
    client = app_with(makers[made], csp=True)
    for _ in range(2): assert ('content-security-policy' in client.get('/x').headers) is (kind in RUN_SCRIPTS)
    assert 'content-security-policy' not in kept.headers


@pytest.mark.parametrize('response', [Response(status_code=204), RedirectResponse('/y')])
def test_what_is_no_document_has_no_policy(response):
    assert 'content-security-policy' not in app_with(lambda: response, csp=True).get('/x').headers


def test_scripts_and_styles_of_fragments_carry_the_nonce_of_their_response():
    def parts(): return Script('1'), Style('p {color: red}'), P(P('deep'), Script('2'))
    for handler in (parts, lambda: FtResponse(parts()), lambda: [*parts()]):
        answer = app_with(handler, csp=True).get('/x', headers=HX)
        nonce = answer.headers['content-security-policy'].partition("'nonce-")[2].partition("'")[0]
        assert answer.text.count(f'nonce="{nonce}"') == 3


@pytest.mark.parametrize('version', [2, 4])
def test_the_nonce_stands_in_no_attribute_that_can_be_read(version):
    "A style sheet can read attributes, but a browser hides `nonce`"
    from selectolax.lexbor import LexborHTMLParser
    answer = app_with(lambda: P('x'), csp=True, htmx=version).get('/x')
    nonce = answer.headers['content-security-policy'].partition("'nonce-")[2].partition("'")[0]
    for el in LexborHTMLParser(answer.text).css('*'):
        assert not any(nonce in (v or '') for k, v in el.attrs.items() if k != 'nonce'), el.html
    assert 'inlineScriptNonce' not in answer.text


WRONG = {"default-src 'self'": 'csp=True', ('a',): 'csp=True', 1: 'csp=True'}
WRONG_DIRECTIVES = {'img_scr': "'self'", 'img-src': 'self', 'script-src': "'self'", 'style-src': ["'self'", 'unsafe-inline'],
                    'connect-src': "a; script-src *", 'frame-ancestors': 'none'}


@each_row('name', WRONG_DIRECTIVES)
def test_a_wrong_directive_is_told_when_the_app_is_made(name):
    with pytest.raises(ValueError, match=name.replace('_', '.')): FastHTML(csp={name: WRONG_DIRECTIVES[name]})


@each_row('csp', [
    {'script-src': None}, {'script_src': None}, {'script-src': None, 'default-src': "'none'"}, {'script-src-elem': "'self'"},
    {'script_src_elem': ["'self'", 'https:']}, {'script-src': None, 'script-src-elem': "'self'"}, {'sandbox': ''},
    {'sandbox': 'allow-forms allow-same-origin'}], ids=str)
def test_a_policy_under_which_scripts_of_our_own_pages_do_not_run_is_told(csp):
    with pytest.raises(ValueError, match='scripts of our own pages do not run'): FastHTML(csp=csp)


@each_row('csp', [
    {'script-src': None, 'default-src': "'self' 'nonce-{nonce}'"}, {'script-src': None, 'script-src-elem': "'nonce-{nonce}'"},
    {'script-src': None, 'default-src': None}, {'sandbox': 'allow-scripts allow-forms'}, {'script-src-attr': "'none'"}], ids=str)
def test_a_policy_under_which_they_run_is_taken(csp): FastHTML(csp=csp)


@pytest.mark.parametrize('wrong', WRONG)
def test_a_policy_of_another_type_is_told(wrong):
    with pytest.raises(TypeError, match=WRONG[wrong]): FastHTML(csp=wrong)
    with pytest.raises(TypeError): FastHTML(csp=['default-src'])


def test_right_directives_are_taken():
    csp = {'img-src': ["'self'", 'https:'], 'script_src': "'nonce-{nonce}' 'unsafe-eval'", 'connect-src': None,
           'upgrade-insecure-requests': ''}
    assert "'unsafe-eval'" in app_with(lambda: P('x'), csp=csp).get('/x').headers['content-security-policy']


# The log

FORGED = '\n2026-01-01 ERROR all is lost\r\x1b[31m\u2028\u202e\u2066\u200f\x85'


def loggers():
    for info in pkgutil.walk_packages(fasthtml.__path__, 'fasthtml.'):
        if info.name.endswith('__main__'): continue
        module = importlib.import_module(info.name)
        if isinstance(getattr(module, 'log', None), logging.Logger): yield info.name, module.log


def test_no_logger_of_ours_writes_a_line_that_a_stranger_made(caplog):
    found = dict(loggers())
    modules = [m for name, m in sys.modules.items() if name.startswith('fasthtml.') and getattr(m, '__file__', None)]
    sources = map(inspect.getsource, modules)
    written = {name for source in sources for name in re.findall(r"getLogger\('(fasthtml[\w.]*)'\)", source)}
    found |= {name: logging.getLogger(name) for name in written}     # whatever its variable is called
    assert len(found) > 8
    for name, log in found.items():
        caplog.clear()
        log.error('%s: %s, %d', '/path' + FORGED, ValueError('x' + FORGED), 3)
        text = caplog.records[0].getMessage()
        assert text.isprintable() and 'all is lost' in text, name
        log.error('%s', 'half of a pair \ud800')   # no file takes it, and the line would be missing
        assert caplog.records[1].getMessage().isascii(), name


def test_a_line_of_json_is_one_line_to_every_reader():
    "U+2028, NEL and others end a line for some programs, and JSON leaves them as they are"
    said = 'ö' + ''.join(map(chr, range(32, 0x3000))) + FORGED
    try: raise ValueError(said)
    except ValueError: error = sys.exc_info()
    record = logging.LogRecord('uvicorn.error', logging.ERROR, 'x.py', 1, '%s', (said,), error)
    record.said = said
    line = JsonLines().format(record)
    assert len(line.splitlines()) == 1 and 'ö' in line and not set(line) & set('\x1b\x7f\x9b\u200f\u202e')
    told = json.loads(line)
    assert told['message'] == told['said'] == said and said in told['exception']


@pytest.mark.parametrize('name', ['path', 'domain', 'samesite', 'expires'])
def test_no_part_of_a_cookie_begins_another(name):
    assert cookie('a', 'b; domain=evil.example').v.count(';') == 2
    for text in ('/; domain=evil.example', 'x;', '/\r\nX: y'):
        with pytest.raises(ValueError): cookie('a', 'b', **{name: text})


AT_START = {   # Options of an app whose text goes into a header of every response
    'secure_headers': lambda x: {'secure_headers': {'X-Frame-Options': x}},
    'secure_headers: .*name': lambda x: {'secure_headers': {x: 'a'}},
    'session_cookie': lambda x: {'session_cookie': x}, 'sess_path': lambda x: {'sess_path': x}, 'sess_domain': lambda x: {'sess_domain': x},
    'same_site': lambda x: {'same_site': x}, 'max_age': lambda x: {'max_age': x},
}

@each_row('wrong', ['a\r\nSet-Cookie: b=c', 'a\n', 'a\0', 'a\v', '\x7f', '\x85', 'é', '日本',
                                   '\ud800', b'a', 1.5, 'a; b'], ids=ascii)
@each_row('option', AT_START)
def test_an_option_that_would_break_a_header_is_an_error_at_the_start(option, wrong):
    "A server would answer no request of the app, or a cookie would have another part"
    if (option, wrong) == ('secure_headers', 'a; b'): return FastHTML(secret_key='k', **AT_START[option](wrong))   # a usual value
    with pytest.raises(ValueError, match=option) as caught: FastHTML(secret_key='k', **AT_START[option](wrong))
    assert 'codec' not in str(caught.value)


def chained(): raise ValueError('outer' + FORGED) from KeyError('inner' + FORGED)
def noted():
    error = OSError('x')
    error.add_note('note' + FORGED)
    raise error
def grouped(): raise ExceptionGroup('group' + FORGED, [ValueError('one' + FORGED), RuntimeError('two' + FORGED)])


def ends_a_line(): raise ValueError('it said' + FORGED + '\n')
def begins_a_line(): raise ValueError('\n' + FORGED + '\n')
def in_groups(): raise ExceptionGroup('group', [KeyError(FORGED), ExceptionGroup('in' + FORGED, [OSError(FORGED + '\n')])])
def noted_oddly():
    error = OSError('x')
    error.__notes__ = ('note' + FORGED, 'b')
    raise error
def noted_in_a_group():
    error = OSError('x')
    error.add_note('note' + FORGED + '\n')
    raise ExceptionGroup('group', [error])
def about_syntax(): raise SyntaxError('bad' + FORGED, ('file' + FORGED, 1, 1, 'text' + FORGED, 1, 3))
def of_a_file(): compile('x = (', 'file' + FORGED, 'exec')
def in_a_file(): exec(compile('1/0', 'file' + FORGED, 'exec'))
def of_a_class(): raise type('Error' + FORGED, (Exception,), {})('x')
def says_something_else_each_time():
    class Counting(Exception):
        asked = 0
        def __str__(self):
            Counting.asked += 1
            return f'{Counting.asked}{FORGED}{Counting.asked}'
    raise Counting
def is_a_part_of_another():
    try: raise ValueError('x' + FORGED)
    except ValueError as e: raise RuntimeError('y x' + FORGED + FORGED) from e


@each_row('fail', [
    chained, noted, grouped, ends_a_line, begins_a_line, in_groups, noted_in_a_group, noted_oddly, about_syntax,
    of_a_file, in_a_file, of_a_class,
    says_something_else_each_time, is_a_part_of_another])
def test_what_an_error_says_forges_no_line(fail, caplog):
    for name, log in loggers():
        caplog.clear()
        try: fail()
        except Exception: log.exception('it failed')
        text = logging.Formatter().format(caplog.records[0])
        assert 'in ' + fail.__name__ in text and 'all is lost' in text, name
        assert not any(line.lstrip(' |+-').startswith('2026') for line in text.splitlines()), (name, text)


@dataclass
class Held: said: object


@each_row('form', ['%s', '%r', '%.300s', '%(value)s', '%(value)r', 'a %s b'])
@each_row('value', [
    'text' + FORGED, Safe('safe' + FORGED), Div('text' + FORGED, title=FORGED), (Div(FORGED), HttpHeader('X-A', 'b')), ['a' + FORGED],
    {'a': FORGED}, {FORGED: 1}, Held(Div(FORGED)), ValueError(FORGED), FORGED.encode(), Path(FORGED)], ids=lambda v: type(v).__name__)
def test_the_text_of_any_value_stays_on_its_line(value, form, caplog):
    "An element shows its HTML, whose text may have line ends"
    for name, log in loggers():
        caplog.clear()
        log.error(form, {'value': value} if '(' in form else value)
        text = logging.Formatter().format(caplog.records[0])
        assert text.splitlines() == [text] and 'all is lost' in text, name


@each_row(('value', 'plain', 'quoted'), [
    ('a\nb', r'a\nb', r"'a\nb'"), ('C:\\new', r'C:\new', r"'C:\\new'"),
    ('\x1b[2J', r'\x1b[2J', r"'\x1b[2J'"), ('\u202e', r'\u202e', r"'\u202e'"),
    (type('Name', (str,), {})('a\nb'), r'a\nb', r"'a\nb'"), (['a\nb'], r"['a\nb']", r"['a\nb']"),
    ({'a\n': 'b\n'}, r"{'a\n': 'b\n'}", r"{'a\n': 'b\n'}")])
def test_what_is_escaped_is_escaped_once(value, plain, quoted, caplog):
    "As a text is written by `str` with its line ends escaped, or as `repr` writes it"
    lines = [('%s', value, plain), ('%s %s', (value, 1), f'{plain} 1'), ('%r %s', (value, 1), f'{quoted} 1'),
             ('%(v)s', {'v': value}, plain), ('%(v)r', {'v': value}, quoted),
             ('%s', {'v': value}, f"{{'v': {quoted}}}"), ('%r', {'v': value}, f"{{'v': {quoted}}}"),
             ('%s %s', ({'v': value}, 1), f"{{'v': {quoted}}} 1")]
    for name, log in loggers():
        for form, args, said in lines:
            caplog.clear()
            log.error(form, *args if isinstance(args, tuple) else (args,))
            assert caplog.records[0].getMessage() == said, (name, form)


class Size(str):
    def __index__(self): return 17
    def __int__(self): return 17
    def __float__(self): return 1.5


@each_row(('form', 'values'), [
    ('%x', (Size('x'),)), ('%.1f', (Size('x'),)), ('%d', (3,)), ('%5.1f', (Decimal('2.5'),)), ('%d of %s', (True, None)), ('%g', (1e9,))])
def test_numbers_of_a_line_are_written_as_it_says(form, values, caplog):
    for name, log in loggers():
        caplog.clear()
        log.error(form, *values)
        assert caplog.records[0].getMessage() == form % values, name


def test_elements_that_a_socket_cannot_send_forge_no_line(caplog):
    app = FastHTML(secret_key='k')
    @app.ws('/ws')
    async def ws(msg: str): return Div(msg, id='out'), HtmxResponseHeaders(trigger='saved')
    with DirectClient(app).websocket_connect('/ws') as s:
        s.send_json({'msg': 'x' + FORGED})
        s.receive_text()
    assert caplog.records and all('\n' not in r.getMessage() for r in caplog.records)


class Textless(Exception):
    def __str__(self): raise RuntimeError('not even that')


def retried(times=400):
    "What a loop leaves that fails again and again"
    error = None
    for n in range(times):
        error, before = ValueError(f'attempt {n}' + FORGED), error
        error.__context__ = before
    return error


@pytest.mark.parametrize('error', [Textless(), retried(), ExceptionGroup('all', [Textless()])], ids=['textless', 'retried', 'grouped'])
def test_an_odd_error_is_logged_like_any_other(error, caplog):
    "A filter that fails would fail the code that logs"
    for name, log in loggers():
        caplog.clear()
        try: raise error
        except Exception as e: log.exception('it failed: %s', e)
        assert caplog.records[0].exc_text and type(error).__name__ in caplog.records[0].exc_text, name
        error.__traceback__ = None


def test_a_path_with_line_ends_stays_on_its_line(caplog):
    app = FastHTML(secret_key='k')
    @app.ws('/ws/{x:path}')
    async def ws(x: str, n: int): return P('x')
    client = DirectClient(app)
    try:
        with client.websocket_connect('/ws/a%0aforged', headers={'Origin': 'https://evil.example'}) as s: s.receive_text()
    except Exception: pass
    with client.websocket_connect('/ws/a%0aforged') as s: s.send_text('{"n": "x"}')
    assert len(caplog.records) >= 2
    assert all('\n' not in r.getMessage() for r in caplog.records)


@each_row('make', [lambda v: HttpHeader('X-Note', v), lambda v: HtmxResponseHeaders(trigger=v)])
@each_row('control', ['\0', '\1', '\b', '\n', '\v', '\r', '\x1b', '\x7f'], ids=ascii)
def test_a_header_with_a_control_character_is_refused_where_it_is_made(make, control):
    "A server would end the connection without an answer"
    with pytest.raises(ValueError, match='control characters'): make('a' + control + 'b')
    assert make('a\tb')
