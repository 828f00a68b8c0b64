"What caches may keep: for ever only under the address of this content, and for whom as `Vary` says."
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Mount

import fasthtml
from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.static import SafeStatic, vurl
from fasthtml.app.toast import add_toast, setup_toasts
from fasthtml.common import FtResponse, HttpHeader, P, Redirect
from fasthtml.http.params import cookie, header
from fasthtml.http.responses import ApiReturn
from fasthtml.http.sessions import encode_session
from fasthtml.http.texts import Text, say
from support import each_row

HEX = '00000000'


def with_regions(tmp_path):
    app = FastHTML(secret_key='k')
    @app.live
    def todos(): return P('milk')
    @app.get('/')
    def home(): return todos()
    return app, re.search(r'src="(/_live\.js\?v=\w+)"', DirectClient(app).get('/').text)[1]


def with_files(tmp_path):
    (tmp_path/'site.css').write_text('p {}')
    app = FastHTML(secret_key='k')
    app.static_route_exts(static_path=tmp_path)
    return app, vurl('/site.css', tmp_path)


def with_a_route_of_files(tmp_path):
    (tmp_path/'site.css').write_text('p {}')
    app = FastHTML(secret_key='k')
    app.static_route('.css', static_path=tmp_path)
    return app, vurl('/site.css', tmp_path)


def with_a_mount(tmp_path):
    (tmp_path/'site.css').write_text('p {}')
    app = FastHTML(secret_key='k', routes=[Mount('/files', SafeStatic(directory=tmp_path))])
    return app, '/files' + vurl('/site.css', tmp_path)


@pytest.mark.parametrize('made', [with_regions, with_files, with_a_route_of_files, with_a_mount], ids=lambda f: f.__name__)
def test_only_the_address_of_this_version_is_kept_for_ever(tmp_path, made):
    app, address = made(tmp_path)
    def kept(url):
        response = DirectClient(app).get(url)
        return response.status_code, response.headers['cache-control']
    path, version = address.split('?v=')
    assert kept(address) == (200, 'public, max-age=31536000, immutable')
    others = [path, f'{path}?v={HEX}', f'{path}?v=', f'{path}?v={version[:-1]}', f'{path}?v={version}0', f'{path}?w={version}',
              f'{path}?v={HEX}&v={version}', f'{path}?x=?v={version}']
    assert {url: kept(url) for url in others} == dict.fromkeys(others, (200, 'no-cache'))


def test_every_script_and_style_with_a_version_is_in_the_table():
    "What may be kept for ever is said in these two modules alone: `/_assets` has the version in its path, and checks the content"
    root = Path(fasthtml.__file__).parent
    found = {file.relative_to(root).as_posix(): file.read_text().count('immutable') for file in root.rglob('*.py')}
    assert {name: n for name, n in found.items() if n and name != '_modidx.py'} == {'app/static.py': 1, 'app/live.py': 1}


# What a response depends on

FRAGMENT, RESTORED = {'HX-Request': 'true'}, {'HX-Request': 'true', 'HX-History-Restore-Request': 'true'}
HTML, JSON, ANY = {'Accept': 'text/html'}, {'Accept': 'application/json'}, {'Accept': '*/*'}
GERMAN, ENGLISH = {'Accept-Language': 'de'}, {'Accept-Language': 'en'}
ANN = {'Cookie': 'session_=' + encode_session({'user': 'ann'}, 'k')}
SHARED = PlainTextResponse('shared', headers={'Vary': 'X-Own'})
HOUR = HttpHeader('Cache-Control', 'public, max-age=3600')


class Document(HTMLResponse):
    "A class of the program"



class Asked:
    "A parameter that is made of a request"
    def __init__(self, api: ApiReturn): self.api = api


class Themed:
    "The same, from a value that is looked for by its name"
    def __init__(self, theme: str = 'light'): self.theme = theme
    @classmethod
    def __from_request__(cls, theme: str = 'light'): return cls(theme)


@dataclass
class Look:
    theme: Annotated[str, cookie] = 'light'


def themed(theme: str = 'light'): return P('no') if theme == 'dark' else None


def pages(app):
    @app.get('/page')
    def page(): return P('x'), HOUR
    @app.get('/parts')
    async def parts():
        yield P('x')
        yield P('y')
    @app.get('/class')
    def own_class(): return FtResponse(P('x'), cls=Document)
    @app.get('/annotated')
    def annotated() -> Document: return P('x')
    @app.get('/moved')
    def moved(): return Redirect('/page'), HOUR
    @app.get('/moved/alone')
    def moved_alone(): return Redirect('/page')
    @app.get('/moved/later', before=lambda: Redirect('/page'))
    def guarded(): return 'no'
    @app.get('/number')
    def number(n: int): return P(n)
    @app.get('/gone')
    def gone(): raise HTTPException(410)
    @app.get('/crash')
    def crash(): return 1 / 0
    @app.get('/session')
    def of_session(session): return P(session.get('user')), HttpHeader('Vary', 'X-Own'), HOUR
    @app.get('/session/ready')
    def ready(session): return PlainTextResponse(session.get('user', 'nobody'))
    @app.get('/session/parts')
    async def of_session_in_parts(session):
        yield P('x')
        yield P(session.get('user'))
    @app.get('/api')
    def api_or_page(api): return api(P('x'), x=1)
    @app.get('/api/truth')
    def either(api): return PlainTextResponse('x' if api else 'y')
    @app.get('/api/annotated')
    def of_class(wants: ApiReturn): return 'x' if wants else 'y'
    @app.get('/api/within')
    def within(asked: Asked): return 'x' if asked.api else 'y'
    @app.get('/toast')
    def toast(session):
        add_toast(session, 'saved')
        return 'x'
    @app.get('/toast/ready')
    def toast_ready(session):
        add_toast(session, 'saved')
        return PlainTextResponse('x')
    @app.get('/said')
    def said(): return P(say(Text('offline'))), HOUR
    @app.get('/said/json')
    def said_json(): return {'says': say(Text('offline'))}
    @app.get('/said/parts')
    async def said_parts(): yield P(say(Text('offline')))
    setup_toasts(app)
    return app


def pages_by_name(app):
    "Without sessions, which depend on cookies by themselves"
    @app.get('/')
    def by_name(theme: str = 'light'): return P(theme), HOUR
    @app.get('/ready')
    def by_name_ready(theme: str = 'light'): return PlainTextResponse(theme, headers={'Vary': 'X-Own'})
    @app.get('/parts')
    async def by_name_in_parts(theme: str = 'light'):
        yield P(theme)
        yield P(theme)
    @app.get('/number')
    def by_name_number(size: int): return P(size)
    @app.get('/header')
    def of_header(user_agent: str): return P(user_agent), HOUR
    @app.get('/pinned')
    def of_pinned(seen: Annotated[str, header('x-seen')] = '', theme: Annotated[str, cookie] = ''): return P(seen, theme)
    @app.get('/record')
    def of_record(look: Look): return P(look.theme)
    @app.get('/made')
    def of_made(asked: Themed): return P(asked.theme)
    @app.get('/guarded', before=themed)
    def of_guarded(): return P('x')
    @app.get('/cookies')
    def of_cookies(all: Annotated[dict, cookie]): return P(all.get('theme'))
    return app


def app_of(**options): return pages(FastHTML(secret_key='k', **options))
def teapot(req, exc): return P('no'), HOUR


APPS = {
    'plain': {}, 'languages': dict(texts=['en', 'de']), 'policy': dict(csp=True), 'debug': dict(debug=True),
    'view': dict(error_view=lambda exc: P('no')), 'handlers': dict(exception_handlers={404: teapot, 410: teapot, 500: teapot}),
    'cors': dict(middleware=[Middleware(CORSMiddleware, allow_origins=['https://a.example', 'https://b.example'], allow_credentials=True)]),
    'gzip': dict(middleware=[Middleware(GZipMiddleware, minimum_size=1)]),
}
ERRORS = ['/nowhere', '/number?n=x', '/gone', '/crash']
TABLE = [    # app, paths, two requests, the header in which they differ
    ('plain', ['/page', '/parts', '/class', '/annotated', '/session', *ERRORS], {}, FRAGMENT, 'HX-Request'),
    ('plain', ['/moved', '/moved/alone', '/moved/later'], {}, FRAGMENT, 'HX-Request'),
    ('plain', ['/toast', '/toast/ready', '/said'], {}, FRAGMENT, 'HX-Request'),
    ('plain', ['/page', '/parts', '/class', '/annotated', '/session'], FRAGMENT, RESTORED, 'HX-History-Restore-Request'),
    ('plain', ['/toast', '/toast/ready'], FRAGMENT, RESTORED, 'HX-History-Restore-Request'),
    ('plain', ERRORS, HTML, JSON, 'Accept'),
    ('plain', ERRORS, ANY, ANY | {'Content-Type': 'application/json'}, 'Content-Type'),
    ('plain', ERRORS, ANY | {'Content-Type': 'application/json'}, ANY | FRAGMENT | {'Content-Type': 'application/json'}, 'HX-Request'),
    ('plain', ['/api', '/api/truth', '/api/annotated', '/api/within'], HTML, JSON, 'Accept'),
    ('plain', ['/session', '/session/ready', '/session/parts'], {}, ANN, 'Cookie'),
    ('by name', ['/', '/ready', '/parts', '/pinned', '/record', '/made', '/guarded', '/cookies'], {}, {'Cookie': 'theme=dark'}, 'Cookie'),
    ('by name', ['/number'], {'Cookie': 'size=5'}, {'Cookie': 'size=x'}, 'Cookie'),
    ('by name', ['/header'], {'User-Agent': 'a'}, {'User-Agent': 'b'}, 'User-Agent'),
    ('by name', ['/pinned'], {}, {'X-Seen': 'b'}, 'X-Seen'),
    ('by name, packed', ['/', '/ready'], {}, {'Cookie': 'theme=dark'}, 'Cookie'),
    ('view', ERRORS, HTML, JSON, 'Accept'),
    ('view', ERRORS, {}, FRAGMENT, 'HX-Request'),
    ('handlers', ['/nowhere', '/gone', '/crash'], {}, FRAGMENT, 'HX-Request'),
    ('handlers', ['/number?n=x'], HTML, JSON, 'Accept'),
    ('policy', ['/page', '/moved', *ERRORS], {}, FRAGMENT, 'HX-Request'),
    ('debug', ['/crash'], HTML, JSON, 'Accept'),
    ('debug', ['/crash'], JSON, JSON | FRAGMENT, 'HX-Request'),
    ('languages', ['/said', '/said/json', '/said/parts', *ERRORS], GERMAN, ENGLISH, 'Accept-Language'),
    ('languages', ERRORS, GERMAN | JSON, ENGLISH | JSON, 'Accept-Language'),
    ('languages', ['/session'], {}, ANN, 'Cookie'),
    ('cors', ['/page', '/session', '/moved', '/gone'], {'Origin': 'https://a.example'}, {'Origin': 'https://b.example'}, 'Origin'),
    ('gzip', ['/page', '/session', '/gone'], {'Accept-Encoding': 'identity'}, {'Accept-Encoding': 'gzip'}, 'Accept-Encoding'),
]


@pytest.fixture(scope='module')
def apps():
    named = {f'by name{end}': pages_by_name(FastHTML(secret_key='k', **APPS[like])) for end, like in (('', 'policy'), (', packed', 'gzip'))}
    return named | {name: app_of(**options) for name, options in APPS.items()}


def asked(app, path, headers):
    "Status, headers and body, without what every response has of its own; and `Vary`"
    client = DirectClient(app, raise_server_exceptions=False, follow_redirects=False)
    response = client.get(path, headers={'Accept-Encoding': 'identity'} | headers)
    held = [(k, v) for k, v in response.headers.multi_items() if k not in ('vary', 'content-security-policy', 'set-cookie')]
    return (response.status_code, held, response.content), response.headers.get_list('vary')


CASES = [(*row[:1], path, *row[2:]) for row in TABLE for path in row[1]]


@each_row('app, path, one, other, name', CASES, ids=[f'{c[0]}-{c[1]}-{c[4]}' for c in CASES])
def test_a_response_says_on_which_header_it_depends(apps, app, path, one, other, name):
    "In one line: middleware of Starlette keeps the first line of several alone"
    found = [asked(apps[app], path, headers) for headers in (one, other)]
    assert found[0][0] != found[1][0], 'this row shows nothing'
    for _, lines in found:
        names = [o.strip().lower() for o in ','.join(lines).split(',')]
        assert name.lower() in names and len(lines) == 1 and len(set(names)) == len(names)


@each_row('path', ['/', '/ready', '/number?size=5'])
def test_what_the_query_has_depends_on_no_cookie(apps, path):
    _, lines = asked(apps['by name'], path if '?' in path else path + '?theme=dark', {})
    assert 'cookie' not in ','.join(lines).lower()


def test_what_a_program_says_stays(apps):
    assert 'X-Own' in asked(apps['plain'], '/session', {})[1][0]
    app = FastHTML(secret_key='k', exception_handlers={404: lambda req, exc: SHARED})
    @app.get('/ready')
    def ready(): return SHARED, HttpHeader('Vary', 'X-More')
    @app.get('/teapot')
    def teapot(): raise HTTPException(418, headers={'Vary': 'X-Own'})
    @app.get('/any')
    def anything(session): return P(session.get('user')), HttpHeader('Vary', 'X-Own'), HttpHeader('Vary', '*')
    assert 'X-Own' in asked(app, '/teapot', JSON)[1][0]
    assert [asked(app, '/ready', {})[1] for _ in range(2)] == [['X-Own, X-More']] * 2
    of_errors = 'X-Own, Accept, Content-Type, HX-Request, HX-History-Restore-Request'
    assert [asked(app, '/nowhere', {})[1] for _ in range(2)] == [[of_errors]] * 2
    assert asked(app, '/any', {})[1] == ['HX-Request, HX-History-Restore-Request, X-Own, *']


def test_the_view_of_a_program_keeps_the_headers_of_errors_for_programs():
    app = FastHTML(secret_key='k', error_view=lambda exc: P('no'))
    @app.get('/busy')
    def busy(): raise HTTPException(503, headers={'Retry-After': '5'})
    assert [DirectClient(app).get('/busy', headers=headers).headers.get('retry-after') for headers in (HTML, JSON)] == ['5', '5']


def test_what_is_refused_for_its_origin_is_not_kept(apps):
    for headers in HTML, JSON, HTML | {'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}:
        app = FastHTML(secret_key='k', error_view=(lambda exc: P('no')) if headers is JSON else None)
        @app.route('/pay')
        def pay(to: str): return to
        response = DirectClient(app).get('/pay?to=mallory', headers={'Sec-Fetch-Site': 'cross-site'} | headers)
        assert (response.status_code, response.headers['cache-control']) == (403, 'no-store')
