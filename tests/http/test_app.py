"The app and its options (contract 1.4), judged with Starlette's test client, raw ASGI calls and selectolax."
import asyncio
import contextlib
import http.client as http_client
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import httpx2
import pytest
import starlette
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.datastructures import URLPath
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route as StarletteRoute
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient

import fasthtml
from client_kit import DirectClient
from fasthtml.common import *
from fasthtml.http.hints import is_library
from support import each_row, raw_connection
from support import serve as served

HX = {'HX-Request': 'true'}
EVIL = {'Origin': 'https://evil.example', 'Sec-Fetch-Site': 'cross-site'}


def new_app(**options): return FastHTML(**{'secret_key': 'test', **options})


def client(app, **kw): return DirectClient(app, follow_redirects=False, **kw)


def scripts(app): return [n.attributes.get('src') for n in LexborHTMLParser(client(app).get('/').text).css('head > script[src]')]


def with_home(**options):
    app = new_app(**options)
    @app.get('/')
    async def home(): return P('home')
    return app


# ---------------------------------------------------------------- options

@each_row('maker', [FastHTML, fast_app])
@each_row('wrong, near', [('titel', 'title'), ('debgu', 'debug'), ('excption_handlers', 'exception_handlers'),
                                         ('hdr', 'hdrs')])
def test_a_misspelt_option_is_an_error_that_names_the_right_one(maker, wrong, near):
    "P4: FastHTML and fast_app alike"
    with pytest.raises(TypeError, match=f"Did you mean '{near}'"): maker(**{wrong: True})


@pytest.mark.parametrize('maker', [FastHTML, lambda **kw: fast_app(**kw)[0]])
def test_body_attributes_may_be_given_as_options(maker):
    app = maker(secret_key='x', hx_boost='true', data_theme='dark', aria_label='a', onclick='f()', cls='c', id='i', lang='de',
                bodykw={'odd-one': '1'})
    app.get('/')(lambda: P())
    assert LexborHTMLParser(client(app).get('/').text).body.attributes == {
        'hx-boost': 'true', 'data-theme': 'dark', 'aria-label': 'a', 'onclick': 'f()', 'class': 'c', 'id': 'i', 'lang': 'de',
        'odd-one': '1'}


def test_the_first_article_s_option_loads_the_extension():
    for options in ({'ws_hdr': True}, {'exts': 'ws'}, {'exts': ['ws']}, {'ws_hdr': True, 'exts': ['ws']}):
        assert [s for s in scripts(with_home(**options)) if s.endswith('ws.min.js')] == [
            'https://cdn.jsdelivr.net/npm/htmx-ext-ws@2.0.4/dist/ws.min.js']


@pytest.mark.parametrize('options, file', [({}, 'htmx.org@2.0.11'), ({'htmx': 2}, 'htmx.org@2.0.11'), ({'htmx': 4}, 'htmx.org@4.0.1'),
                                           ({'htmx4': True}, 'htmx.org@4.0.1')])
def test_version_of_htmx(options, file):
    assert [s for s in scripts(with_home(**options)) if '/htmx.org@' in s] == [f'https://cdn.jsdelivr.net/npm/{file}/dist/htmx.min.js']


def test_extensions_resolve_for_each_version():
    assert any('htmx-ext-sse@' in s for s in scripts(with_home(exts='sse')))
    assert any('dist/ext/hx-sse' in s for s in scripts(with_home(exts='sse', htmx=4)))
    with pytest.raises(ValueError, match="Did you mean 'preload'"): new_app(exts='prelod')
    with pytest.raises(ValueError, match='htmx=False'): new_app(exts='ws', htmx=False)
    with pytest.raises(ValueError, match='htmx=4'): new_app(htmx=3)


def test_all_scripts_from_elsewhere_carry_integrity():
    page = LexborHTMLParser(client(with_home(exts=['ws', 'sse'])).get('/').text)
    assert all(n.attributes['integrity'].startswith('sha384-') and n.attributes['crossorigin'] for n in page.css('script[src]'))


def test_heads_may_come_from_a_generator():
    app = with_home(hdrs=(Meta(name=n) for n in 'ab'), ftrs=map(Footer, 'cd'))
    for _ in range(2):
        app.title += '!'
        page = LexborHTMLParser(client(app).get('/').text)
        assert len(page.css('meta[name=a], meta[name=b]')) == 2 and [f.text() for f in page.css('footer')] == ['c', 'd']


def test_switching_heads_off():
    assert scripts(with_home(default_hdrs=False)) == []
    assert not any('htmx' in s for s in scripts(with_home(htmx=False)))
    assert scripts(with_home(surreal=False, htmx=False)) == []


def test_assets_from_an_address_and_from_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert scripts(with_home(assets='https://cdn.example/npm'))[0] == 'https://cdn.example/npm/htmx.org@2.0.11/dist/htmx.min.js'
    local = with_home(assets=tmp_path)
    assert scripts(local)[0] == '/_assets/htmx.org@2.0.11/dist/htmx.min.js'
    assert client(local).get('/_assets/htmx.org@2.0.11/dist/htmx.min.js').status_code == 404
    with pytest.raises(ValueError, match='is no folder'): new_app(assets='no/such/folder')


def test_local_assets_follow_a_mount_and_a_proxy(tmp_path):
    sub = with_home(assets=tmp_path)
    outer = Starlette()
    outer.mount('/sub', sub)
    assert '"/sub/_assets/htmx' in client(outer).get('/sub/').text
    assert '"/proxy/_assets/htmx' in DirectClient(sub, root_path='/proxy').get('/').text


# ---------------------------------------------------------------- policy

def test_content_security_policy_has_a_fresh_nonce_that_every_script_carries():
    app = new_app(csp=True, exts='ws', hdrs=[Style('p {}')], ftrs=[Script('1')])
    @app.get('/')
    async def home(): return Script('2'), NotStr('<script>3</script>'), P('x')
    c = client(app)
    first, second = c.get('/'), c.get('/')
    nonces = []
    for response in (first, second):
        page = LexborHTMLParser(response.text)
        found = {n.attributes.get('nonce') for n in page.css('script, style')} - {None}
        assert len(found) == 1
        nonce = found.pop()
        assert f"'nonce-{nonce}'" in response.headers['content-security-policy'] and 'nonce-goes-here' not in response.text
        assert [n.text() for n in page.css('script:not([nonce])')] == ['3'], 'only the one inside raw HTML'
        assert page.css_first('meta[name=htmx-config]') is None, 'the nonce would be there for style sheets to read'
        nonces.append(nonce)
    assert nonces[0] != nonces[1]
    assert "'nonce-" in c.get('/', headers=HX).headers['content-security-policy'], 'a fragment has a nonce of its own'


def test_directives_of_the_policy_can_be_set():
    assert "img-src 'none'" in client(with_home(csp={'img_src': "'none'"})).get('/').headers['content-security-policy']
    assert 'content-security-policy' not in client(with_home()).get('/').headers


@pytest.mark.parametrize('method', ['POST', 'PUT', 'PATCH', 'DELETE'])
def test_another_site_cannot_change_anything(method):
    app = new_app()
    app.route('/', methods=['GET', method])(lambda: P('done'))
    c = client(app)
    assert c.request(method, '/', headers=EVIL).status_code == 403
    assert c.request(method, '/', headers={'Origin': 'https://evil.example'}).status_code == 403
    assert c.request(method, '/', headers={'Origin': 'http://testserver', 'Sec-Fetch-Site': 'same-origin'}).status_code == 200
    assert c.request(method, '/').status_code == 200, 'no browser'
    assert c.get('/', headers=EVIL).status_code == 200, 'links lead here from anywhere'


def test_trusted_origins_and_those_of_cors_may():
    from starlette.middleware.cors import CORSMiddleware
    cors = Middleware(CORSMiddleware, allow_origins=['https://evil.example'])
    for options in ({'trusted_origins': 'https://evil.example'}, {'trusted_origins': ['https://evil.example']}, {'middleware': [cors]}):
        app = new_app(**options)
        app.post('/')(lambda: P('done'))
        assert client(app).post('/', headers=EVIL).status_code == 200


def test_cors_for_everybody_does_not_let_forms_act_with_our_cookies():
    from starlette.middleware.cors import CORSMiddleware
    login = {'Cookie': 'session_=x'}
    for credentials in (False, True):
        app = new_app(middleware=[Middleware(CORSMiddleware, allow_origins=['*'], allow_credentials=credentials)])
        app.post('/')(lambda: P('done'))
        assert client(app).post('/', headers=EVIL).status_code == 200
        assert client(app).post('/', headers=EVIL | login).status_code == 403
        assert client(app).post('/', headers=EVIL | {'Authorization': 'Basic YTpi'}).status_code == 403
        assert client(app).post('/', headers=EVIL | {'Authorization': 'Bearer x'}).status_code == 200


def test_the_origin_check_covers_mounts_and_can_be_restyled():
    app = new_app(exception_handlers={403: lambda req, exc: P('Not from there')})
    inner = Starlette()
    inner.add_route('/', lambda request: PlainTextResponse('done'), methods=['POST'])
    app.mount('/in', inner)
    response = client(app).post('/in/', headers=EVIL | HX)
    assert (response.status_code, response.text) == (403, '<p>Not from there</p>')


# ---------------------------------------------------------------- errors

def test_default_404_is_a_page_a_fragment_or_json():
    c = client(new_app(title='Mine'))
    page = LexborHTMLParser(c.get('/no').text)
    assert page.css_first('h1').text() == '404 Not Found' == page.css_first('title').text()
    assert c.get('/no', headers=HX).text.endswith('<main class="container"><h1>404 Not Found</h1></main>')
    assert c.get('/no', headers={'Accept': 'application/json'}).json() == {'detail': 'Not Found'}
    assert c.get('/no').status_code == 404


def test_wrong_method_is_405_with_the_right_ones():
    app = with_home()
    response = client(app).delete('/')
    assert response.status_code == 405 and set(response.headers['allow'].split(', ')) == {'GET', 'HEAD'}


class Odd(Exception): pass


@each_row('key, error', [(404, HTTPException(404)), (418, HTTPException(418)), (Odd, Odd('x')),
                                        (ValueError, UnicodeError('x')), (HTTPException, HTTPException(402))])
@each_row('make_async', [False, True])
def test_exception_handlers_by_status_and_by_class(key, error, make_async):
    "D17"
    def answer(req, exc): return Title('Oops'), P(type(exc).__name__, ' at ', req.url.path)
    async def answer_async(req, exc): return answer(req, exc)
    app = new_app(exception_handlers={key: answer_async if make_async else answer})
    @app.get('/')
    async def fail(): raise error
    c = client(app)
    status = getattr(error, 'status_code', 500)
    fragment = c.get('/', headers=HX)
    assert (fragment.status_code, fragment.text) == (status, f'<title>Oops</title><p>{type(error).__name__} at /</p>')
    page = LexborHTMLParser(c.get('/').text)
    assert page.css_first('head > title').text() == 'Oops' and page.css_first('body > p')


async def gone_to_another():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future

async def of_a_group():
    async with asyncio.TaskGroup() as group: group.create_task(gone_to_another())
    await gone_to_another()

def in_a_thread(): raise asyncio.CancelledError('x')
def begins(request): raise asyncio.CancelledError
async def goes_on(request): await gone_to_another()

@each_row('fail', [gone_to_another, of_a_group, in_a_thread, begins, goes_on])
@each_row('where', ['route', 'before', 'after', 'mount', 'mounted Starlette'])
def test_what_a_request_waits_for_was_cancelled_and_not_the_request(fail, where):
    "As another visitor's logout may do it: an error like any other"
    async def crash(req, exc): return P('sorry', str(exc))
    around = {where: fail} if where in ('before', 'after') else {}
    app = new_app(secure_headers=True, exception_handlers={500: crash}, **around)
    if where == 'mount':
        app.mount('/x', inner := new_app(exception_handlers={500: crash}))
        inner.get('/y')(fail)
    elif where == 'mounted Starlette': app.mount('/x', Starlette(routes=[StarletteRoute('/y', begins if fail is begins else goes_on)]))
    else: app.get('/x/y')((lambda: P('never')) if around else fail)
    answer = client(app, raise_server_exceptions=False).get('/x/y')
    assert answer.status_code == 500 and 'cancelled' in answer.text and 'x-content-type-options' in answer.headers

@pytest.mark.parametrize('parts', [0, 1])
@pytest.mark.parametrize('how', ['yields', 'yields in a mount', 'async iterator', 'ready response', 'ready response of a guard'])
def test_a_page_in_parts_that_awaits_what_was_cancelled_fails_as_by_any_error(parts, how, capfd, caplog):
    "Before the response begins the page of errors; after it an end that does not look complete, and the error in the log"
    async def crash(req, exc): return P('sorry', str(exc))
    async def page():
        for i in range(parts): yield P(i)
        await gone_to_another()
    async def texts():
        async for part in page(): yield to_xml(part)
    ready = how.startswith('ready')     # Starlette's begins with its headers
    def answer(): return StreamingResponse(texts(), media_type='text/html')
    app = inner = new_app(secure_headers=True, exception_handlers={500: crash}, before=answer if how.endswith('guard') else None)
    if how == 'yields in a mount': app.mount('/x', inner := new_app(exception_handlers={500: crash}))
    inner.get('/y')(answer if ready else page if how != 'async iterator' else lambda: page())
    with served(app) as server, httpx2.Client(base_url=server.url) as c:
        if parts or ready:
            with pytest.raises(httpx2.RemoteProtocolError): c.get('/x/y' if inner is not app else '/y')
        else:
            answer = c.get('/x/y' if inner is not app else '/y')
            assert answer.status_code == 500 and 'cancelled' in answer.text and 'x-content-type-options' in answer.headers
    assert 'waited for a task or a future that was cancelled' in capfd.readouterr().err + caplog.text


def test_a_request_that_is_cancelled_ends(caplog):
    app, begun = new_app(exception_handlers={500: lambda req, exc: P('sorry')}), asyncio.Event()
    @app.get('/x')
    async def x():
        begun.set()
        await asyncio.get_running_loop().create_future()
    sent = []
    async def main():
        async def receive(): return await asyncio.get_running_loop().create_future()
        async def send(message): sent.append(message)
        scope = dict(type='http', method='GET', path='/x', raw_path=b'/x', query_string=b'', headers=[], scheme='http', server=('me', 80),
                     client=None, root_path='', http_version='1.1')
        task = asyncio.create_task(app(scope, receive, send))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError): await task
    asyncio.run(main())
    assert not sent and not caplog.records


def test_handler_of_500_and_of_exception_answer_crashes():
    for key in (500, Exception):
        app = new_app(exception_handlers={key: lambda req, exc: P('Sorry')})
        @app.get('/')
        async def fail(): raise KeyError('secret')
        response = client(app, raise_server_exceptions=False).get('/', headers=HX)
        assert (response.status_code, response.text) == (500, '<p>Sorry</p>')


def test_exception_handlers_take_injected_parameters_in_any_order():
    seen = {}
    def handler(session, exc: Odd, q: str = 'none', htmx: HtmxHeaders = None):
        seen.update(session=session, exc=exc, q=q, target=htmx.target)
        return FtResponse(P('x'), 409)
    app = new_app(exception_handlers={Odd: handler})
    @app.get('/')
    async def fail(session):
        session['a'] = 1
        raise Odd('x')
    assert client(app).get('/?q=1', headers=HX | {'HX-Target': 't'}).status_code == 409
    assert seen['session']['a'] == 1 and isinstance(seen['exc'], Odd) and (seen['q'], seen['target']) == ('1', 't')


@pytest.mark.parametrize('kind', ['KeyError', '"KeyError"', 'KeyError | ValueError', '"KeyError | ValueError"',
                                  'Annotated[KeyError, "a note"]', 'Own'])
def test_exception_handlers_are_given_the_exception_by_its_type_however_that_is_written(kind):
    for strings in ('', 'from __future__ import annotations\n'):
        names = {'__name__': __name__}
        text = f'from typing import Annotated, NewType\nOwn = NewType("Own", KeyError)\ndef f(what: {kind}, req): return repr(what)'
        exec(compile(strings + text, __file__, 'exec', dont_inherit=True), names)
        app = FastHTML(secret_key='k', exception_handlers={KeyError: names['f']})
        @app.get('/')
        def fail(): raise KeyError('here')
        assert DirectClient(app, raise_server_exceptions=False).get('/').text == "KeyError('here')"


def test_exception_handlers_may_want_nothing_or_any_return_value():
    app = new_app(exception_handlers={Odd: lambda: Redirect('/login'), 403: lambda req, e: {'error': e.detail}})
    @app.get('/odd')
    async def odd(): raise Odd
    @app.get('/no')
    async def no(): raise HTTPException(403, 'no', headers={'X-Why': 'because'})
    c = client(app)
    assert c.get('/odd').headers['location'] == '/login'
    response = c.get('/no')
    assert (response.status_code, response.json(), response.headers['x-why']) == (403, {'error': 'no'}, 'because')


def test_exception_handlers_added_later():
    app = with_home()
    c = client(app)
    assert c.get('/no').status_code == 404
    @app.exception_handler(404)
    def lost(req, exc): return P('lost')
    assert c.get('/no', headers=HX).text == '<p>lost</p>'


def test_a_form_that_was_sent_can_be_seen_by_the_error_handler():
    app = new_app(exception_handlers={Odd: lambda data: P(data['name'])})
    @app.post('/')
    async def fail(name: str): raise Odd
    assert client(app).post('/', data={'name': 'Ann'}, headers=HX).text == '<p>Ann</p>'


def test_python_s_words_stay_inside_unless_debug():
    for debug in (False, True):
        app = new_app(debug=debug)
        @app.get('/boom/{n}')
        async def boom(n: int): raise KeyError('top <secret>')
        headers = {'Accept': 'text/html', 'Cookie': 'key=hid' + 'den'}
        response = client(app, raise_server_exceptions=False).get('/boom/7?q=1', headers=headers)
        assert response.status_code == 500 and ('KeyError' in response.text) == debug
    page = LexborHTMLParser(response.text)
    assert 'top <secret>' in page.css_first('h1').text() and "raise KeyError('top <secret>')" in page.css_first('pre b').text()
    text = page.body.text()
    assert 'boom' in text and '/boom/7?q=1' in text and "'n': " in text and 'test_app.py' in text and 'hid' + 'den' not in text


def in_python(): return json.loads('{')
def in_the_library(): return to_html(P(hx_target=P('without an id')))
def in_another_package(): return URLPath('/', protocol='x').make_absolute_url(None)
def in_what_is_imported(): return import_module('no_such_module')


@pytest.mark.parametrize('fail', [in_python, in_the_library, in_another_package, in_what_is_imported], ids=lambda f: f.__name__)
def test_debug_shows_the_line_of_the_program_that_called_what_fails(fail):
    app = new_app(debug=True)
    app.get('/')(fail)
    page = LexborHTMLParser(client(app, raise_server_exceptions=False).get('/', headers={'Accept': 'text/html'}).text)
    assert f'def {fail.__name__}()' in page.css_first('pre b').text() and 'test_app.py' in page.css_first('dl').text()


PACKAGE = os.path.dirname(fasthtml.__file__)


@each_row('file, library', [
    (json.__file__, True), (starlette.__file__, True), (fasthtml.__file__, True), ('<frozen importlib._bootstrap>', True),
    ('/usr/lib/python3/dist-packages/other.py', True), (__file__, False), ('<stdin>', False), ('<string>', False),
    ('/srv/ann/fasthtml/main.py', False), ('/srv/ann/lib/python/main.py', False), (f'{PACKAGE}_demo/main.py', False),
    (f'{os.path.dirname(os.__file__)}.own/main.py', False), ('/srv/ann/my-site-packages/main.py', False)])
def test_whose_file_it_is(file, library): assert is_library(file) is library


def test_debug_gives_programs_plain_text():
    app = new_app(debug=True)
    @app.get('/')
    async def boom(): raise KeyError('x')
    response = client(app, raise_server_exceptions=False).get('/', headers={'Accept': 'application/json'})
    assert response.headers['content-type'].startswith('text/plain') and 'KeyError' in response.text


SECRET_HEADERS = """X-Auth-Token X-Access-Token Api-Key X-Amz-Security-Token X-Goog-Iap-Jwt-Assertion X-Forwarded-Access-Token X-Session-Id
    X-Hub-Signature X-Csrf-Token X-Api-Key Authorization Proxy-Authorization X-Password X-Client-Secret""".split()


def test_debug_shows_no_secrets_of_the_request():
    app, hush = new_app(debug=True), 'h5h'[:2] + 'sh'   # the page shows these lines
    @app.get('/')
    async def boom(): raise KeyError('x')
    address = f'/?code={hush}&page=seen&session_key={hush}&Password={hush}'
    headers = {**dict.fromkeys([*SECRET_HEADERS, 'Cookie'], hush), 'X-Kind': 'told', 'Accept': 'text/html',
               'Referer': f'http://x{address}', 'HX-Current-URL': f'http://x{address}#access_token={hush}'}
    shown = client(app, raise_server_exceptions=False).get(address, headers=headers).text
    assert hush not in shown and shown.count('***&amp;page=seen') == 3 and '&#39;told&#39;' in shown


# ---------------------------------------------------------------- guards

def test_guards_run_in_order_and_skip_whole_paths():
    seen = []
    def first(req): seen.append(f'first {req.url.path}')
    async def second(session):
        seen.append('second')
        if not session.get('user'): return Redirect('/login')
    def own(req): seen.append('own')
    app = new_app(before=[first, Beforeware(second, skip=['/login', r'/static/.*'])])
    for path in ('/', '/login', '/login-as-admin', '/static/a/b'): app.get(path, before=own)(lambda: P('ok'))
    c = client(app)
    assert c.get('/').headers['location'] == '/login' and seen == ['first /', 'second']
    seen.clear()
    assert c.get('/login', headers=HX).text == '<p>ok</p>' and seen == ['first /login', 'own']
    assert c.get('/login-as-admin').status_code == 303 and c.get('/static/a/b').status_code == 200


def test_what_a_guard_returns_is_rendered_even_an_empty_element():
    app = new_app(before=lambda: Div())
    app.get('/')(lambda: P('never'))
    assert client(app).get('/', headers=HX).text == '<div></div>'


def test_a_guard_may_read_the_form_that_the_handler_reads_too():
    def check(data):
        if data.get('key') != '1': return FtResponse('no', 403)
    app = new_app(before=check)
    @app.post('/')
    async def save(name: str): return P(name)
    c = client(app)
    assert c.post('/', data={'key': '1', 'name': 'Ann'}, headers=HX).text == '<p>Ann</p>'
    assert c.post('/', data={'key': '2', 'name': 'Ann'}).status_code == 403


def test_guards_added_after_the_routes_count():
    app = with_home()
    app.before.append(lambda: P('guarded'))
    app.after += [lambda resp: (resp, P('after'))]
    assert client(app).get('/', headers=HX).text == '<p>guarded</p><p>after</p>'


# ---------------------------------------------------------------- life

def test_startup_lifespan_and_shutdown_in_order():
    seen = []
    async def up(): seen.append('startup')
    def down(): seen.append('shutdown')
    async def life(app):
        seen.append('life begins')
        yield {'db': 'open'}
        seen.append('life ends')
    app = new_app(on_startup=up, on_shutdown=[down], lifespan=life)
    @app.on_event('startup')
    async def late(): seen.append('late')
    @app.get('/')
    async def home(request): return P(request.state.db)
    with TestClient(app, follow_redirects=False) as c: assert c.get('/', headers=HX).text == '<p>open</p>'
    assert seen == ['startup', 'late', 'life begins', 'life ends', 'shutdown']


def test_lifespan_as_a_context_manager_and_set_later():
    seen = []
    @contextlib.asynccontextmanager
    async def life(app):
        seen.append('up')
        yield
        seen.append('down')
    app = with_home()
    app.set_lifespan(life)
    with TestClient(app, follow_redirects=False): pass
    assert seen == ['up', 'down']


def test_state_of_the_app_reaches_handlers():
    app = new_app()
    app.state.n = 3
    @app.get('/')
    async def home(state, app): return P(state.n, app.state.n)
    assert client(app).get('/', headers=HX).text == '<p>33</p>'


def test_an_app_makes_no_file_until_a_session_is_used(tmp_path, monkeypatch):
    "D29"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('FASTHTML_SECRET_KEY', raising=False)
    app = FastHTML()
    app.get('/')(lambda: P('x'))
    @app.get('/in')
    async def log_in(session): session['user'] = 'Ann'
    c = client(app)
    c.get('/')
    assert not (tmp_path/'.sesskey').exists()
    c.get('/in')
    assert (tmp_path/'.sesskey').stat().st_mode & 0o777 == 0o600


def test_without_a_session_the_mend_is_named():
    app = new_app(sess_cls=None)
    @app.get('/')
    async def home(session): return P()
    with pytest.raises(RuntimeError, match='sess_cls'): client(app).get('/')


def test_starlette_s_own_session_middleware_works():
    from starlette.middleware.sessions import SessionMiddleware as Plain
    app = new_app(sess_cls=Plain, session_cookie='mine')
    @app.get('/')
    async def home(session):
        session['n'] = session.get('n', 0) + 1
        return P(session['n'])
    c = client(app)
    assert [c.get('/', headers=HX).text for _ in range(2)] == ['<p>1</p>', '<p>2</p>'] and 'mine' in c.cookies


def test_middleware_runs_outside_the_session_in_the_order_given():
    seen = []
    class Note(MiddlewareBase):
        def __init__(self, app, name): self.app, self.name = app, name
        async def __call__(self, scope, receive, send):
            conn = await super().__call__(scope, receive, send)
            if not conn: return
            seen.append((self.name, 'session' in scope))
            await self.app(scope, receive, send)
    class Old(Note):
        def __init__(self, app, name): self._app, self.name = app, name
        async def __call__(self, scope, receive, send):
            conn = await MiddlewareBase.__call__(self, scope, receive, send)
            if conn: await self._app(scope, receive, send)
    app = with_home(middleware=[Middleware(Note, 'a'), Middleware(Old, 'old'), Middleware(Note, name='b')])
    with TestClient(app, follow_redirects=False) as c: c.get('/')
    assert seen == [('a', False), ('b', False)]


BAD_HEADERS = {'two': (b'x-note', b'a\r\nb: c'), 'half': (b'x-note', b'a\nb'), 'nul': (b'x-note', b'a\0b'), 'text': (b'x-note', 'text'),
               'name': (b'x note', b'a')}

@pytest.mark.parametrize('http', ['h11', 'httptools'])
def test_a_bad_header_of_middleware_is_an_error_with_an_answer(http, caplog):
    "uvicorn closed the connection without one. UTF-8 passes, and an app without middleware has no layer that looks"
    class Adds:
        def __init__(self, app): self.app = app
        async def __call__(self, scope, receive, send):
            async def adding(message):
                if message['type'] == 'http.response.start' and scope['query_string']:
                    message['headers'].append(BAD_HEADERS.get(scope['query_string'].decode(), (b'x-note', 'é'.encode())))
                await send(message)
            await self.app(scope, receive, adding)
    app = with_home(middleware=[Middleware(Adds)])
    @app.get('/events')
    async def events(): return EventStream(iter('a'))
    def ask(path):
        connection = http_client.HTTPConnection('127.0.0.1', server.port, timeout=30)
        connection.request('GET', path)
        return connection.getresponse().status
    with served(app, http=http, log_config=None) as server:
        found = {(path, name): ask(f'{path}?{name}') for path in ('/', '/events') for name in (*BAD_HEADERS, '', 'utf8')}
    assert found == {key: 500 if key[1] in BAD_HEADERS else 200 for key in found}
    said = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert len(said) == 10 and all('header' in text and ('note' in text) for text in said), said


# ---------------------------------------------------------------- routes of the app

def test_sync_handlers_run_in_threads_and_async_ones_do_not():
    app, here = new_app(), {}
    @app.get('/s')
    def sync(): here['sync'] = threading.current_thread()
    @app.get('/a')
    async def asyn(): here['async'] = threading.current_thread()
    with served(app) as server:
        import httpx2
        for path in 'sa': assert httpx2.get(f'{server.url}/{path}').status_code == 200
    assert here['sync'] is not here['async']
    assert here['sync'].daemon, 'a function that blocks would keep the process alive'


def test_registering_again_replaces():
    app = new_app()
    for text in 'ab':
        @app.get('/x')
        def page(text: str = text): return P(text)
    assert client(app).get('/x', headers=HX).text == '<p>b</p>' and len([r for r in app.routes if r.path == '/x']) == 1


def test_routes_of_starlette_and_add_route():
    from starlette.routing import Route as PlainRoute
    app = new_app(routes=[PlainRoute('/plain', lambda request: PlainTextResponse('plain'))])
    app.add_route(PlainRoute('/more', lambda request: PlainTextResponse('more')))
    app.add_route('/own', lambda: P('own'))
    assert [client(app).get(p, headers=HX).text for p in ('/plain', '/more', '/own')] == ['plain', 'more', '<p>own</p>']


def test_mounted_apps_keep_their_own_pages_guards_and_errors():
    inner = new_app(title='Inner', before=lambda req: P('guarded') if req.url.path.endswith('/closed') else None,
                    exception_handlers={404: lambda req, exc: P('inner 404')})
    inner.get('/')(lambda: P('x'))
    inner.get('/closed')(lambda: P('never'))
    app = with_home(title='Outer')
    app.mount('/in', inner)
    c = client(app)
    assert '<title>Inner</title>' in c.get('/in/').text and '<title>Outer</title>' in c.get('/').text
    assert c.get('/in/closed', headers=HX).text == '<p>guarded</p>' and c.get('/in/no', headers=HX).text == '<p>inner 404</p>'


def test_guards_in_front_of_a_mount():
    inner = new_app()
    @inner.get('/')
    def home(): return P('inside')
    @inner.ws('/ws')
    async def echo(msg: str): return P(msg)
    app = new_app()
    def members(session):
        if not session.get('user'): return Redirect('/login')
    app.mount('/in', inner, before=Beforeware(members, skip='/open'))
    @app.get('/login')
    def login(session): session['user'] = 'Ann'
    @app.get('/')
    def outer(): return A('in', href=home)
    c = client(app)
    assert c.get('/', headers=HX).text == '<a href="/in/">in</a>'
    assert c.get('/in/').headers['location'] == '/login'
    with pytest.raises(WebSocketDisconnect) as closed, c.websocket_connect('/in/ws') as ws: ws.receive_text()
    assert closed.value.code == 1008
    c.get('/login')
    assert c.get('/in/', headers=HX).text == '<p>inside</p>'
    with c.websocket_connect('/in/ws') as ws:
        ws.send_json({'msg': 'hi'})
        assert ws.receive_text() == '<p>hi</p>'
    def reads(data): ...
    with pytest.raises(TypeError, match='reads the body'): app.mount('/x', inner, before=reads)


def test_setup_ws_sends_to_everybody():
    "D5"
    app = new_app()
    send = app.setup_ws()
    @app.post('/say')
    async def say(): await send(Div('hello', id='a'))
    with TestClient(app, follow_redirects=False) as c, c.websocket_connect('/ws') as one, c.websocket_connect('/ws') as two:
        c.post('/say')
        assert [LexborHTMLParser(ws.receive_text()).css_first('#a').text() for ws in (one, two)] == ['hello', 'hello']


def test_devtools_know_the_folder(tmp_path):
    app = new_app()
    app.devtools_json(path=str(tmp_path), uuid='u')
    answer = client(app).get('/.well-known/appspecific/com.chrome.devtools.json').json()
    assert answer == {'workspace': {'root': str(tmp_path), 'uuid': 'u'}}


# ---------------------------------------------------------------- helpers

def test_cancel_on_disconnect_ends_the_handler_of_a_client_that_left():
    app, ended, started = new_app(), threading.Event(), threading.Event()
    @app.get('/')
    @cancel_on_disconnect
    async def slow(q: str = ''):
        started.set()
        try: await asyncio.Event().wait()
        finally: ended.set()
    with served(app) as server:
        import socket
        with socket.create_connection(('127.0.0.1', server.port)) as sock:
            sock.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            assert started.wait(30)
        assert ended.wait(30)


def test_cancel_on_disconnect_passes_results_and_times_out():
    app = new_app()
    @app.post('/ok')
    @cancel_on_disconnect
    async def ok(name: str): return P(name)
    @app.get('/slow')
    @cancel_on_disconnect(timeout=0.01)
    async def slow(): await asyncio.Event().wait()
    with served(app) as server:
        import httpx2
        assert httpx2.post(f'{server.url}/ok', data={'name': 'Ann'}, headers=HX).text == '<p>Ann</p>'
        assert httpx2.get(f'{server.url}/slow').status_code == 504


@pytest.mark.parametrize('repeated', [False, True])
def test_cancel_on_disconnect_leaves_the_body_to_the_handler(repeated):
    "What waits for the client to leave took it. Middleware that gives the body again and again stopped the whole server"
    class Repeats:
        def __init__(self, app): self.app = app
        async def __call__(self, scope, receive, send):
            if scope['type'] != 'http': return await self.app(scope, receive, send)
            first = await receive()
            async def again(): return first
            await self.app(scope, again, send)
    app, began, left = new_app(middleware=[Middleware(Repeats)] if repeated else []), threading.Event(), threading.Event()
    @app.post('/')
    @cancel_on_disconnect
    async def reads(req):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return P((await req.body()).decode())
    @app.get('/')
    @cancel_on_disconnect
    async def waits():
        began.set()
        try: await asyncio.Event().wait()
        finally: left.set()
    with served(app) as server:
        import httpx2
        assert httpx2.post(server.url, content=b'hello', headers=HX, timeout=30).text == '<p>hello</p>'
        with raw_connection(server.port, b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'): assert began.wait(30)
        assert left.wait(30)


def test_into_pipes_the_result_and_takes_parameters_of_its_own():
    def layout(*content, user: str = 'guest', q: str = ''): return Header(user, q), Main(*content)
    app = new_app()
    @app.get('/')
    @into(layout)
    async def home(q: str): return P(q), P('b')
    assert client(app).get('/?q=1&user=Ann', headers=HX).text == '<header>Ann1</header><main><p>1</p><p>b</p></main>'


# ---------------------------------------------------------------- fast_app

def test_fasthtml_has_pico_only_when_asked():
    "Component libraries pass `pico=False` on to it"
    def heads(**options): return client(FastHTML(secret_key='x', **options)).get('/missing').text
    assert 'pico' in heads(pico=True) and 'pico' not in heads(pico=False) + heads(pico=None) + heads()


def test_fast_app_has_pico_unless_told_otherwise():
    def styles(app):
        app.get('/')(lambda: P())
        return 'pico' in client(app).get('/').text
    cases = {}, {'pico': False}, {'default_hdrs': False}, {'default_hdrs': False, 'pico': True}
    assert [styles(fast_app(secret_key='x', **kw)[0]) for kw in cases] == [True, False, False, True]


def test_fast_app_tables_and_rows_that_show_themselves(tmp_path):
    db = tmp_path/'a.db'
    app, rt, todos, Todo = fast_app(db, id=int, title=str, done=bool, render=lambda t: Li(t.title), secret_key='x')
    "D18: `title` is a column"
    assert [c.name for c in todos.columns] == ['id', 'title', 'done']
    @rt('/')
    def home(): return Ul(*todos())
    @rt('/new')
    def post(todo: Todo): return todos.insert(todo)
    c = client(app)
    assert c.post('/new', data={'title': 'a<b'}, headers=HX).text == '<li>a&lt;b</li>'
    assert c.get('/', headers=HX).text == '<ul><li>a&lt;b</li></ul>'


def test_fast_app_with_several_tables_and_title_as_option(tmp_path):
    cats, dogs = {'name': str, 'pk': 'name'}, {'id': int, 'name': str}
    app, rt, (cats, Cat), (dogs, Dog) = fast_app(tmp_path/'a.db', title='My page', secret_key='x', tbls={'cats': cats}, dogs=dogs)
    assert app.title == 'My page' and cats.insert(name='Tom').name == 'Tom' and dogs.insert(name='Rex').id == 1


def test_a_class_may_wrap_the_body_of_fast_app():
    class Wrapped:
        def __init__(self, content, **kw): self.content = content
        def __ft__(self): return Div(self.content, id='wrap')
    app, rt = fast_app(body_wrap=Wrapped, secret_key='x')
    @rt('/')
    def home(): return P('in')
    assert '<div id="wrap"><p>in</p></div>' in client(app).get('/').text


def test_fast_app_adds_columns_and_keeps_data(tmp_path):
    for columns in ({'id': int, 'name': str}, {'id': int, 'age': int}):
        app, rt, items, Item = fast_app(tmp_path/'a.db', secret_key='x', **columns)
        items.insert(**({'name': 'Ann'} if 'name' in columns else {'age': 3}))
    assert [(i.name, i.age) for i in items()] == [('Ann', None), (None, 3)]


def test_tables_may_be_used_by_plain_handlers_that_run_at_once(tmp_path):
    "fastlite has one connection, which refuses a second thread; plain handlers run in threads"
    app, rt, items, Item = fast_app(tmp_path/'a.db', id=int, title=str, secret_key='x')
    def work(n):
        titles = [f'{n}-{i}' for i in range(20)]
        made = [items.insert(title=title) for title in titles]
        return [o.title for o in made] == titles == [items[o.id].title for o in made] and len(items()) >= 20
    with ThreadPoolExecutor(30) as pool: assert all(pool.map(work, range(30)))
    with ThreadPoolExecutor(30) as pool: counts = list(pool.map(lambda _: len(list(items.db.q('select * from items'))), range(60)))
    assert set(counts) == {600}


def test_files_never_shadow_routes(tmp_path):
    "D18"
    (tmp_path/'robots.txt').write_text('from file')
    (tmp_path/'site.css').write_text('p {}')
    app, rt = fast_app(static_path=tmp_path, secret_key='x')
    robots_txt(app)
    app.mount('/m', Starlette(routes=[]))
    c = client(app)
    assert 'from file' not in c.get('/robots.txt').text and c.get('/site.css').text == 'p {}'
    assert c.get('/..%2fetc%2fpasswd').status_code == 404


def test_fast_app_live_reloads(tmp_path):
    app, rt = fast_app(live=True, secret_key='x')
    rt('/')(lambda: P())
    assert 'WebSocket' in client(app).get('/').text


# ---------------------------------------------------------------- serve

PROGRAM = '''
import sys, json
sys.path.insert(0, {root!r})
import uvicorn
uvicorn.run = lambda *a, **kw: print(json.dumps([a, kw], default=repr))
from fasthtml.common import *
app, rt = fast_app()
serve({args})
'''


def run_program(tmp_path, args='', name='main.py', env=None, text=PROGRAM):
    "The arguments with which a program's `serve()` would run uvicorn, and what it printed"
    import os
    import subprocess
    import sys
    from pathlib import Path
    root = str(Path(__file__).parent.parent.parent)
    (tmp_path/name).write_text(text.format(root=root, args=args))
    clean = {k: v for k, v in os.environ.items() if k not in ('PORT', 'HOST', 'PROCS')}
    done = subprocess.run([sys.executable, name], cwd=tmp_path, env=clean | (env or {}), text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *printed, last = done.stdout.strip().splitlines() or ['']
    return printed, json.loads(last) if last.startswith('[') else last


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def test_serve_listens_on_this_machine_unless_a_platform_sets_the_port(tmp_path):
    port = free_port()
    printed, (args, options) = run_program(tmp_path, f'port={port}')
    assert args == ['main:app'] and (options['host'], options['port'], options['reload']) == ('127.0.0.1', port, True)
    assert f'http://localhost:{port}' in printed[-1] and 'serve(host="0.0.0.0")' in printed[-1]
    _, (args, options) = run_program(tmp_path, 'reload=False', env={'PORT': str(port)})
    assert (options['host'], options['port'], options['reload']) == ('0.0.0.0', port, False)
    _, (args, options) = run_program(tmp_path, 'host="127.0.0.1"', env={'PORT': str(port), 'HOST': '10.0.0.1'})
    assert options['host'] == '127.0.0.1'


def test_serve_does_nothing_when_the_server_imports_the_program(tmp_path):
    run_program(tmp_path, f'port={free_port()}')
    importer = ('import sys\nsys.path.insert(0, {root!r})\nfrom uvicorn.importer import import_from_string\n'
                'import_from_string("main:app")\nprint("nothing ran")\n')
    printed, last = run_program(tmp_path, name='server.py', text=importer)
    assert last == 'nothing ran' and not printed


app, web = FastHTML(secret_key='k'), FastHTML(secret_key='k')

@pytest.mark.parametrize(('args', 'options', 'mend'), [((app,), {}, r'Write serve\(\)'), ((web,), {}, r"Write serve\(app='web'\)"),
                                                       ((), {'app': web}, r"serve\(app=\) is a name.*serve\(app='web'\)")])
def test_serve_takes_no_app_and_says_what_to_write(args, options, mend):
    with pytest.raises(TypeError, match=mend): serve(*args, **options)


def test_a_busy_port_is_named(tmp_path):
    import socket
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        s.listen()
        with pytest.raises(AssertionError, match='Cannot listen on 127.0.0.1'): run_program(tmp_path, f'port={s.getsockname()[1]}')


# ---------------------------------------------------------------- what a request leaves behind

class Cycle:
    "A request as servers hold it: the object whose `send` is called knows the scope"
    def __init__(self, path, headers=()):
        self.scope = dict(type='http', method='GET', path=path, raw_path=path.encode(), query_string=b'', root_path='', scheme='http',
                          headers=[(b'host', b'x'), *headers], http_version='1.1', asgi={'version': '3.0'})
        self.sent = []
    async def receive(self): return {'type': 'http.request', 'body': b''}
    async def send(self, message): self.sent.append(message)


def test_an_exception_keeps_its_traceback_for_a_program_that_reports_it_later_but_collects_none():
    "One that is kept in a module, and raised for many requests, has the frames of none of them but the first"
    kept, shared = [], ValueError('kept in a module')
    app = new_app(exception_handlers={ValueError: lambda req, exc: kept.append(exc)})
    @app.get('/own')
    def own(): raise ValueError('own')
    @app.get('/shared')
    def share(): raise shared
    client = DirectClient(app)
    for _ in range(5):
        client.get('/own')
        client.get('/shared')
    assert all(exc.__traceback__ is not None for exc in kept if exc is not shared)
    depth, at = 0, shared.__traceback__
    while at: depth, at = depth + 1, at.tb_next
    assert depth < 60, depth


def exits(req=None, exc=None): sys.exit('x')

class Exits:
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send):
        if scope['path'] == '/middleware': sys.exit('x')
        await self.app(scope, receive, send)

@each_row('path, status', [
    ('/coroutine', 500), ('/plain', 500), ('/guard', 500), ('/after', 500), ('/middleware', 500), ('/handled', 500), ('/response', 500),
    ('/theirs', 500), ('/task', 200), ('/task-of-a-stream', 200), ('/socket', 0)])
def test_sys_exit_fails_one_request(path, status):
    "hypercorn would end the server"
    app = new_app(middleware=[Middleware(Exits)], exception_handlers={KeyError: exits})
    @app.get('/coroutine')
    async def coroutine(): sys.exit('x')
    app.get('/plain')(lambda: exits())
    app.get('/guard', before=lambda: exits())(lambda: 'x')
    app.get('/after', after=lambda: exits())(lambda: 'x')
    @app.get('/handled')
    def handled(): raise KeyError
    class Own(Response):
        async def __call__(self, scope, receive, send): exits()
    app.get('/response')(lambda: Own())
    app.get('/task')(lambda: ('x', BackgroundTask(exits)))
    app.get('/task-of-a-stream')(lambda: EventStream(['x'], background=BackgroundTask(exits)))
    app.router.routes += [StarletteRoute('/theirs', exits), WebSocketRoute('/socket', exits)]
    client = DirectClient(app, raise_server_exceptions=False)
    if status: assert client.get(path).status_code == status
    else:
        with pytest.raises(RuntimeError, match='sys.exit'), client.websocket_connect(path): pass


def test_guards_may_lack_a_hash_and_those_of_redefined_routes_are_forgotten():
    seen = []
    class Guard:
        __hash__ = None
        def __call__(self, req): seen.append(req.url.path)
    app = new_app(before=Guard())
    for _ in range(50):
        @app.get('/x', before=lambda req: None)
        def x(): return 'a'
    assert DirectClient(app).get('/x').text == 'a' and seen == ['/x']
    assert len(app.site.prepared) == 1


@pytest.mark.parametrize('path', ['/page', '/session', '/injected', '/lost', '/error'])
async def test_a_request_leaves_nothing_for_the_garbage_collector(path):
    "A cycle in each request would cost a third of its time under load"
    import gc
    app = new_app(before=lambda req: None, after=lambda resp: None, exception_handlers={Odd: lambda req, exc: P('odd')})
    @app.get('/page')
    async def page(): return Titled('x', P('y'))
    @app.get('/session')
    async def session(session):
        session['n'] = 1
        return P()
    @app.get('/injected')
    async def injected(req, hdrs, htmx: HtmxHeaders, q: str = ''): return P(q)
    @app.get('/error')
    async def error(): raise Odd
    async def one():
        cycle = Cycle(path)
        await app(cycle.scope, cycle.receive, cycle.send)
        return cycle.sent[0]['status']
    for _ in range(3): status = await one()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10): await one()
        left = gc.collect()
    finally: gc.enable()
    assert left < 10 and status == {'/lost': 404, '/error': 500}.get(path, 200)


CRASHES = {'plainly': {}, 'in debug mode': {'debug': True},
           'with a handler of its own': {'exception_handlers': {500: lambda req, exc: P('own')}},
           'with a view': {'error_view': lambda exc: P('own')}, 'with headers': {'secure_headers': True}}


@pytest.mark.parametrize('http', ['h11', 'httptools'])
@pytest.mark.parametrize('way', CRASHES)
def test_a_crash_says_that_the_connection_ends(way, http):
    "The server gets the exception and closes; a client that was not notified sends its next request into the closed connection"
    app = new_app(**CRASHES[way])
    @app.get('/boom')
    def boom(): raise RuntimeError('boom')
    @app.get('/')
    def home(): return P('home')
    with served(app, http=http, log_level='critical') as server:
        connection = http_client.HTTPConnection('127.0.0.1', server.port)
        for path, status, ends in ('/', 200, False), ('/nowhere', 404, False), ('/boom', 500, True), ('/', 200, False):
            connection.request('GET', path, headers={'Accept': 'text/html'})
            response = connection.getresponse()
            response.read()
            assert (response.status, response.getheader('connection') == 'close') == (status, ends), path
        connection.close()


AFTERWARDS = {
    'elements': lambda task: (P('done'), task),
    'several': lambda task: (P('done'), BackgroundTasks([task])),
    'response': lambda task: PlainTextResponse('done', background=task), 'FtResponse': lambda task: FtResponse(P('done'), background=task),
}


def test_what_fails_after_a_response_costs_the_next_request_nothing(caplog):
    app = new_app()
    @app.get('/{way}')
    def work(way: str, plain: bool):
        def fail(): raise RuntimeError('too late')
        async def afail(): raise RuntimeError('too late')
        return AFTERWARDS[way](BackgroundTask(fail if plain else afail))
    with served(app, log_level='critical') as server:
        connection = http_client.HTTPConnection('127.0.0.1', server.port)
        for way, plain in itertools.product(AFTERWARDS, (0, 1)):
            connection.request('GET', f'/{way}?plain={plain}', headers={'HX-Request': 'true'})
            response = connection.getresponse()
            assert response.status == 200 and b'done' in response.read()
        connection.request('GET', '/nowhere/at/all')   # on the same connection; the task before it has failed by now
        assert connection.getresponse().status == 404
        connection.close()
    lines = [r for r in caplog.records if r.getMessage().startswith('After the response of GET /')]
    assert len(lines) == 2 * len(AFTERWARDS) and all(str(r.exc_info[1]) == 'too late' for r in lines)
    for client in DirectClient(app), Client(app):   # a test fails
        with pytest.raises(RuntimeError, match='too late'): client.get('/elements?plain=1')
