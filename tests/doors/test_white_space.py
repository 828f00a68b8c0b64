"""Names and words in a request end at spaces and tabs alone, as in browsers and proxies (RFC 6265 5.2, RFC 9110 5.6.3).

Headers are decoded as Latin-1, in which Python takes nine more characters for white space. A browser keeps the cookie `\\xa0__Host-s`
of a sister subdomain, since no prefix protects that name.
"""
import base64
from dataclasses import dataclass
from typing import Annotated

import pytest
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.auth import BasicAuthMiddleware, basic_credentials
from fasthtml.http.handlers import MiddlewareBase
from fasthtml.http.requests import parse_cookies, read_body
from fasthtml.http.security import host_allowed, origin_refusal
from fasthtml.http.sources import cookie
from support import each_row

ODD = '\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0'
NAME, PIN = '__Host-s', Annotated[str, cookie('__Host-s')]
OTHERS = [*(o + NAME for o in ODD), *(NAME + o for o in ODD), f' \xa0 {NAME}', f'{NAME}\t\x85\t', f'"{NAME}"', f"'{NAME}'", f'={NAME}',
          NAME.lower(), NAME.upper(), NAME.replace('-', '_'), NAME.replace('-', '%2D'), f'x=a\xa0{NAME}', f'x="a, {NAME}', f'$Path={NAME}']
SAME = [NAME, f' {NAME}', f'\t{NAME} ', f'{NAME} \t', f'x=1;{NAME}', f'x="; {NAME}']


class Seen(MiddlewareBase):
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        if conn := await super().__call__(scope, receive, send):
            scope['state']['middleware'] = conn.cookies.get(NAME, 'nobody')
            await self.app(scope, receive, send)


@dataclass
class Visitor:
    s: PIN = 'nobody'


def reader(**options):
    "An app that says in many ways what it has read"
    def check(conn, name, password): return conn.cookies.get(NAME, 'nobody')
    def before(req): req.state.guard = req.cookies.get(NAME, 'nobody')
    app = FastHTML(secret_key='k', session_cookie=NAME, before=before, **options,
                   middleware=[Middleware(Seen), Middleware(BasicAuthMiddleware, cb=check, skip='/(?!basic).*')])
    app.get('/session')(lambda session: session.get('user', 'nobody'))
    @app.get('/login')
    def login(session): session['user'] = 'ann'
    app.get('/middleware')(lambda req: req.state.middleware)
    app.get('/guard')(lambda req: req.state.guard)
    app.get('/request')(lambda req: req.cookies.get(NAME, 'nobody'))
    app.get('/basic')(lambda auth: auth)
    @app.get('/pin')
    def pin(s: PIN = 'nobody'): return s
    @app.get('/record')
    def record(v: Visitor): return v.s
    @app.get('/connection')
    def connection(conn: HTTPConnection): return conn.cookies.get(NAME, 'nobody')
    @app.ws('/ws')
    async def ws(ws, session, s: PIN = 'nobody'):
        await ws.send_text(' '.join([ws.cookies.get(NAME, 'nobody'), session.get('user', 'nobody'), s]))
    return app


def read(client, path, name, value):
    headers = {'Cookie': f'{name}={value}'.encode('latin-1'), 'Authorization': 'Basic ' + base64.b64encode(b'a:b').decode()}
    if path != '/ws': return client.get(path, headers=headers).text
    with client.websocket_connect(path, headers=headers) as ws:
        ws.send_json({})
        return ws.receive_text()


@pytest.fixture
def apps(tmp_path):
    "Clients, each with the cookie that ann has got"
    clients = [DirectClient(reader(**options)) for options in ({}, {'sess_store': f'sqlite:///{tmp_path}/s.db'})]
    return [(o, o.get('/login').headers['set-cookie'].partition(';')[0].partition('=')[2]) for o in clients]


@each_row('name,same', [*((o, False) for o in OTHERS), *((o, True) for o in SAME)], ids=repr)
def test_a_cookie_of_another_name_is_another_cookie(apps, name, same):
    for client, ann in apps: assert read(client, '/session', name, ann) == ('ann' if same else 'nobody')
    for path in '/middleware', '/guard', '/request', '/basic', '/pin', '/record', '/connection':
        assert read(client, path, name, 'x') == ('x' if same else 'nobody'), path
    assert read(client, '/ws', name, ann) == (f'{ann} ann {ann}' if same else ' '.join(['nobody'] * 3))
    assert (parse_cookies(f'{name}=x').get(NAME) == 'x') == same


# Words of other headers: a function of what stands around them, which says whether the word is still the same

def kind_of(content_type):
    app = FastHTML(secret_key='k')
    async def f(req): return (await read_body(req)).kind
    app.post('/')(f)
    return DirectClient(app).post('/', content=b'{}', headers={'Content-Type': content_type.encode('latin-1')}).text


def reads_metrics(header):
    app = FastHTML(secret_key='k')
    app.metrics(token='t')
    return DirectClient(app).get('/metrics', headers={'Authorization': header.encode('latin-1')}).status_code == 200


def changes(public=False, **headers):
    headers = [(k.encode(), v.encode('latin-1')) for k, v in {'host': 'shop.example', 'origin': 'https://evil.example', **headers}.items()]
    return origin_refusal({'type': 'http', 'method': 'POST', 'scheme': 'https', 'headers': headers}, public=public) is None


BASIC = base64.b64encode(b'a:b').decode()
WORDS = {
    'JSON': lambda before, after: kind_of(f'{before}application/json{after}') == 'json',
    'JSON with a charset': lambda before, after: kind_of(f'{before}application/json{after}; charset=utf-8') == 'json',
    'form': lambda before, after: kind_of(f'{before}application/x-www-form-urlencoded{after}') == 'form',
    'Basic': lambda before, after: basic_credentials(f'{before}Basic {BASIC}{after}') is not None,
    'Basic, the rest': lambda before, after: basic_credentials(f'Basic {before}{BASIC}{after}') is not None,
    'Bearer': lambda before, after: reads_metrics(f'Bearer {before}t{after}'),
    'scheme of a script': lambda before, after: changes(public=True, authorization=f'{before}Bearer{after} x'),
    'Host': lambda before, after: host_allowed(f'{before}shop.example{after}', ['shop.example']),
    'Origin': lambda before, after: changes(origin=f'{before}https://shop.example{after}'),
}


@each_row('word', WORDS)
def test_a_word_of_a_header_ends_at_spaces_and_tabs_alone(word):
    same = WORDS[word]
    assert same('', '') and same(' \t', ' \t')
    odd = '\x85\xa0' if word == 'Origin' else ODD   # the URL standard drops controls at the ends of an address
    assert not [o for o in odd if same(o, '') or same('', o)]
