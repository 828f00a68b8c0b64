"""A login opens the app that granted it, and a session is what its cookie says: tables of what must not be taken for either."""
import asyncio
import base64
import inspect
import json
import os
import sqlite3
import stat
import threading
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import itsdangerous
import pytest
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.oauth import Info, OAuth, WebClient
from fasthtml.common import P
from fasthtml.http.sessions import AtomicStore, SessionStore, SqliteSessions, encode_session
from fasthtml.testing import AsyncClient, Client
from support import DEADLINE, each_row

HOME = 'https://app.example'


class Pretend(WebClient):
    "A provider that believes everybody"
    base_url = 'https://login.example/auth'
    def parse_response(self, code, redirect_uri, **kw): return {'access_token': code}
    def get_info(self, token=None): return Info({'sub': 'mallory', 'email': 'mallory@mail.example'})


class Elsewhere(Pretend):
    base_url = 'https://elsewhere.example/auth'


class Anybody(OAuth):
    def get_auth(self, info, ident, session, state): return self.enter(session)


class StaffOnly(OAuth):
    asked = 0
    def get_auth(self, info, ident, session, state):
        type(self).asked += 1
        if info.email.endswith('@staff.example'): return self.enter(session)


def app_of(cls, cli, **options):
    app = FastHTML(secret_key='k', **{k: v for k, v in options.items() if k in ('sess_store', 'session_cookie')})
    login = cls(app, cli, **{k: v for k, v in options.items() if k not in ('sess_store', 'session_cookie')})
    @app.get('/')
    def home(auth): return P('inside ', auth)
    return app, login


def log_in(client, root='', redirect='/redirect'):
    "Through the login page and back from the provider"
    link = client.get(f'{root}/login').one('a').attrs['href']
    state = parse_qs(urlsplit(link).query)['state'][0]
    return client.get(root + redirect, params={'code': 'x', 'state': state})


def mounted(inner_cls, cli):
    site, _ = app_of(Anybody, Pretend('public'))
    admin, _ = app_of(inner_cls, cli)
    site.mount('/admin', admin)
    return site, site, '/admin'


def beside(cls, cli, **options):
    public, _ = app_of(Anybody, Pretend('public'), **{k: v for k, v in options.items() if k == 'sess_store'})
    staff, _ = app_of(cls, cli, **options)
    return public, staff, ''


def hosted():
    public, _ = app_of(Anybody, Pretend('public'))
    staff, _ = app_of(StaffOnly, Pretend('staff'))
    from starlette.applications import Starlette
    site = Starlette(routes=[Host('app.example', app=public), Host('staff.example', app=staff)])
    return site, site, 'https://staff.example'


# Two apps: where a user logs in, the app that must not open, and what its addresses begin with
PAIRS = {
    'mounted': lambda tmp: mounted(StaffOnly, Pretend('staff')),
    'mounted, the same class and registration': lambda tmp: mounted(Anybody, Pretend('public')),
    'another app with the same key and cookie': lambda tmp: beside(StaffOnly, Pretend('public')),
    'another registration': lambda tmp: beside(Anybody, Pretend('staff')),
    'another provider': lambda tmp: beside(Anybody, Elsewhere('public')),
    'another address': lambda tmp: beside(Anybody, Pretend('public'), redir_path='/staff/redirect'),
    'another realm': lambda tmp: beside(Anybody, Pretend('public'), realm='staff'),
    'the same store': lambda tmp: beside(StaffOnly, Pretend('public'), sess_store=f'sqlite:///{tmp}/s.db'),
    'another host': lambda tmp: hosted(),
}


@pytest.mark.parametrize('pair', PAIRS)
def test_a_login_opens_no_other_app(pair, tmp_path):
    granting, other, root = PAIRS[pair](tmp_path)
    client = Client(granting, HOME)
    log_in(client)
    assert 'inside mallory' in client.hx.get('/').text
    cookie = {'Cookie': f'session_={client.cookies["session_"]}'}
    answer = Client(other, HOME).get(f'{root}/', headers=cookie)
    assert (answer.status_code, urlsplit(answer.headers['location']).path.endswith('/login')) == (303, True)


def test_who_grants_is_asked_even_when_somebody_is_known():
    site, _, root = mounted(StaffOnly, Pretend('staff'))
    client, before = Client(site, HOME), StaffOnly.asked
    log_in(client)
    log_in(client, root)
    assert StaffOnly.asked == before + 1
    assert client.hx.get('/admin/').status_code != 200 or 'inside' not in client.hx.get('/admin/').text
    assert 'inside mallory' in client.hx.get('/').text, 'and the first login stays'


def test_a_login_that_was_begun_elsewhere_ends_nowhere():
    "Two clients in one session: the answer to one login does not finish another"
    site, _, root = mounted(Anybody, Pretend('staff'))
    client = Client(site, HOME)
    log_in(client)
    link = client.get('/login').one('a').attrs['href']
    state = parse_qs(urlsplit(link).query)['state'][0]
    assert client.get('/admin/redirect', params={'code': 'x', 'state': state}).headers['location'] == '/admin/error'


def test_logging_out_of_one_app_leaves_the_other():
    site, _, root = mounted(Anybody, Pretend('staff'))
    client = Client(site, HOME)
    log_in(client)
    log_in(client, root)
    assert [client.hx.get(p).text for p in ('/', '/admin/')] == ['<p>inside mallory</p>'] * 2
    client.get('/admin/logout')
    assert [client.get(p).status_code for p in ('/', '/admin/')] == [200, 303] and client.session['auth'] == 'mallory'
    client.get('/logout')
    assert client.get('/').status_code == 303 and 'auth' not in client.session


WAYS_OUT = {'pop': lambda session: session.pop('auth'), 'None': lambda session: session.update(auth=None),
            'empty': lambda session: session.update(auth=''), 'clear': lambda session: session.clear(),
            'another user': lambda session: session.update(auth='bo')}


class NamesThem(OAuth):
    def get_auth(self, info, ident, session, state):
        session['auth'] = ident
        return self.enter(session)


THEN = {'nothing': lambda client: None, 'a login at the other app': lambda client: log_in(client, '/admin'),
        'a logout there': lambda client: client.get('/admin/logout')}


@each_row('then', THEN)
@each_row('other', [Anybody, NamesThem])
@each_row('how', WAYS_OUT)
def test_a_program_that_takes_the_user_out_of_the_session_has_logged_them_out(how, other, then):
    site, _ = app_of(Anybody, Pretend('public'), skip=['/out', '/admin/.*'])
    admin, _ = app_of(other, Pretend('staff'))
    site.mount('/admin', admin)
    site.post('/out')(lambda session: WAYS_OUT[how](session))
    client = Client(site, HOME)
    for root in ('', '/admin'): log_in(client, root)
    assert [client.get(path).status_code for path in ('/', '/admin/')] == [200, 200]
    client.post('/out')
    THEN[then](client)
    assert client.get('/').headers['location'] == '/login'
    assert client.get('/admin/').status_code == (200 if 'login' in then else 303)


def test_apps_that_share_a_realm_share_logins():
    granting, _ = app_of(Anybody, Pretend('a'), realm='ours')
    other, _ = app_of(Anybody, Pretend('b'), realm='ours')
    client = Client(granting, HOME)
    log_in(client)
    assert 'inside' in Client(other, HOME).hx.get('/', headers={'Cookie': f'session_={client.cookies["session_"]}'}).text


def test_two_ways_into_one_app_lead_to_the_same_place_unless_they_are_named():
    for realm in (None, 'office'):
        app, _ = app_of(Anybody, Pretend('a'))
        paths = {f'{n}_path': f'/second/{n}' for n in ('login', 'error', 'logout')}
        Anybody(app, Elsewhere('b'), redir_path='/second/redirect', skip=['/login', '/redirect'], realm=realm, **paths)
        app.before[0].skip.append('/second/.*')
        client = Client(app, HOME)
        log_in(client)
        assert (client.get('/').status_code == 200) == (realm is None)


def test_a_test_client_can_be_somebody_whom_the_app_let_in():
    app, login = app_of(Anybody, Pretend('a'))
    assert 'inside ann' in Client(app, HOME, session={'auth': 'ann'}).hx.get('/').text
    assert 'inside ann' in Client(app, HOME, session=login.grant({}, 'ann')).hx.get('/').text


# What a session cookie must not be taken for

def signed(data, key='k', salt=None, signer=itsdangerous.TimestampSigner):
    return signer(key, **({} if salt is None else {'salt': salt})).sign(base64.b64encode(json.dumps(data).encode())).decode()


FOREIGN = {
    'as signed before the name counted, or by Starlette': signed({'user': 'ann'}),
    'another cookie of an app with the same key': encode_session({'user': 'ann'}, 'k', 'shop'),
    'another key': encode_session({'user': 'ann'}, 'other'),
    'another purpose': signed({'user': 'ann'}, salt='password reset'),
    'without time': signed({'user': 'ann'}, signer=itsdangerous.Signer),
    'by a serializer': itsdangerous.URLSafeTimedSerializer('k').dumps({'user': 'ann'}),
}


def reader(**options):
    app = FastHTML(secret_key='k', **options)
    @app.get('/')
    def home(session): return session.get('user', 'nobody')
    return app


@pytest.mark.parametrize('what', FOREIGN)
def test_a_session_is_what_was_signed_for_this_cookie(what):
    assert DirectClient(reader()).get('/', headers={'cookie': f'session_={FOREIGN[what]}'}).text == 'nobody'
    good = encode_session({'user': 'ann'}, 'k')
    assert DirectClient(reader()).get('/', headers={'cookie': f'session_={good}'}).text == 'ann'


def test_an_id_of_the_store_opens_nothing_in_another_cookie(tmp_path):
    store = f'sqlite:///{tmp_path}/s.db'
    client = Client(reader(sess_store=store), session={'user': 'ann'})
    assert client.get('/').text == 'ann'
    other = DirectClient(reader(sess_store=store, session_cookie='shop'))
    assert other.get('/', headers={'cookie': f'shop={client.cookies["session_"]}'}).text == 'nobody'


def test_starlettes_middleware_signs_as_it_always_did():
    app = reader(sess_cls=StarletteSessions)
    assert DirectClient(app).get('/', headers={'cookie': f'session_={signed({"user": "ann"})}'}).text == 'ann'
    assert Client(app, session={'user': 'ann'}).get('/').text == 'ann'
    assert app.decode_session(signed({'user': 'ann'})) == {'user': 'ann'}


@pytest.mark.skipif(os.name != 'posix', reason='file modes are those of POSIX')
def test_sessions_in_a_file_can_be_read_by_their_owner_alone(tmp_path, caplog):
    file, old = tmp_path/'s.db', os.umask(0)
    try: Client(reader(sess_store=f'sqlite:///{file}'), session={'user': 'ann'}).get('/')
    finally: os.umask(old)
    files = [*tmp_path.glob('s.db*')]
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600} and len(files) > 1
    file.chmod(0o644)
    Client(reader(sess_store=f'sqlite:///{file}'), session={'user': 'ann'}).get('/')
    assert 'chmod 600' in caplog.text


# A store that is away

class Away(SqliteSessions):
    "A store of which one method fails"
    def __init__(self, path, broken):
        super().__init__(path)
        self.broken, self.calls = broken, []
        for name in ('load', 'save', 'drop', 'update', 'take', 'copy'): setattr(self, name, self._failing(name, getattr(super(), name)))

    def _failing(self, name, method):
        async def call(*args):
            self.calls.append(name)
            if name in self.broken: raise ConnectionError(f'{name}: no route to host\nforged line')
            return await method(*args)
        return call


class Asked:
    @classmethod
    def __from_request__(cls, request): return request.session.get('user')


class AskedAsync:
    @classmethod
    async def __from_request__(cls, request): return request.session.get('user')


def shop(store, tmp_path, **options):
    app = FastHTML(secret_key='k', sess_store=store, **options)
    (tmp_path/'f').mkdir(exist_ok=True)
    (tmp_path/'f/a.txt').write_text('file')
    async def raw(request): return PlainTextResponse(str(request.session.get('user')))
    async def sock(ws):
        ws.session.get('user')
        await ws.accept()
        await ws.close()
    for route in (Route('/starlette', raw), WebSocketRoute('/sock', sock)): app.add_route(route)
    app.mount('/mount', StaticFiles(directory=tmp_path/'f'))
    app.router.routes.append(Mount('/routes', routes=[Route('/x', raw)]))
    app.static_route('.txt', '/files', tmp_path/'f')
    def add(f): app.get(f'/{f.__name__}')(f)
    @add
    def nothing(): return P('ok')
    @add
    async def text(q: str = 'x'): return P(q)
    @add
    def headers(user_agent: str): return P('ok')
    @add
    def request_only(request): return P(request.url.path)
    @add
    def by_name(session): return P(session.get('user'))
    @add
    async def by_request(request): return P(request.session.get('user'))
    @add
    def by_request_sync(req): return P(req.session.get('user'))
    @add
    def by_connection(c: HTTPConnection): return P(c.session.get('user'))
    @add
    def by_scope(scope): return P(scope['session'].get('user'))
    @add
    def by_class(who: Asked): return P(str(who))
    @add
    async def by_async_class(who: AskedAsync): return P(str(who))
    @add
    def writes(session):
        session['n'] = 1
        return P('ok')
    @add
    def renews(session):
        session.get('user')
        session.renew()
        return P('ok')
    @app.ws('/ws')
    async def ws(msg: str, session): return P(session.get('user'))
    return app


WITHOUT = '/nothing /text /headers /files/a.txt /mount/a.txt /no-such-page'.split()
WITH = '''/by_name /by_request /by_request_sync /by_connection /by_scope /by_class /by_async_class /starlette /routes/x'''.split()


def with_cookie(app): return DirectClient(app, headers={'cookie': 'session_=some-id'}, follow_redirects=False)


@pytest.mark.parametrize('path', WITHOUT)
def test_what_needs_no_session_does_not_ask_the_store(path, tmp_path):
    store = Away(tmp_path/'s.db', {'load', 'save', 'drop'})
    assert with_cookie(shop(store, tmp_path)).get(path).status_code == (404 if 'no-such' in path else 200)
    assert store.calls == []


@pytest.mark.parametrize('path', WITH)
def test_what_needs_its_session_gets_503_and_the_log_says_why(path, tmp_path, caplog):
    app = shop(Away(tmp_path/'s.db', {'load'}), tmp_path)
    answer = with_cookie(app).get(path)
    assert (answer.status_code, answer.headers.get('retry-after')) == (503, '5')
    assert 'ConnectionError' not in answer.text and 'no route' not in answer.text
    lines = [r for r in caplog.records if 'session store does not answer' in r.getMessage()]
    assert len(lines) == 1 and 'ConnectionError' in lines[0].getMessage()
    assert with_cookie(app).get('/nothing').status_code == 200


@pytest.mark.parametrize('path, broken', [('/writes', 'update'), ('/renews', 'take')])
def test_what_cannot_be_written_is_503_too(path, broken, tmp_path):
    store = Away(tmp_path/'s.db', set())
    app = shop(store, tmp_path)
    client = Client(app, session={'user': 'ann'})
    client.get('/by_name')
    store.broken = {broken}
    assert client.get(path).status_code == 503 and client.get('/by_name').status_code == 200


def test_guards_and_after_functions_need_it_too(tmp_path):
    def looks(session): session.get('user')
    for option in ('before', 'after'):
        app = shop(Away(tmp_path/'s.db', {'load'}), tmp_path, **{option: looks})
        assert with_cookie(app).get('/nothing').status_code == 503, option


@pytest.mark.parametrize('path', ['/ws', '/sock'])
def test_a_socket_that_needs_its_session_is_closed(path, tmp_path):
    app = shop(Away(tmp_path/'s.db', {'load'}), tmp_path, before=lambda session: session.get('user') and None)
    with pytest.raises(WebSocketDisconnect) as closed, with_cookie(app).websocket_connect(path) as ws: ws.receive_text()
    assert closed.value.code == 1013, 'try again later'


def test_every_method_of_a_store_is_in_the_table():
    methods = {n for n, f in (vars(SessionStore) | vars(AtomicStore)).items() if inspect.iscoroutinefunction(f)}
    assert methods == {'load', 'save', 'drop', 'close', 'update', 'take', 'copy'}




def test_a_file_that_does_not_answer_holds_no_thread_of_a_handler(tmp_path):
    "Plain handlers run in 40 threads; more requests than that wait for the file"
    free = threading.Event()
    class Stuck(SqliteSessions):
        asked = 0
        async def save(self, *args):
            self.asked += 1
            await super().save(*args)
        def _write(self, *args):
            free.wait(DEADLINE)
            super()._write(*args)
    store = Stuck(tmp_path/'s.db')
    app = shop(store, tmp_path)
    async def main():
        async with AsyncClient(app) as client:
            waiting = [asyncio.ensure_future(client.get('/writes')) for _ in range(60)]
            while store.asked < 60: await asyncio.sleep(0)
            try: return (await asyncio.wait_for(client.get('/nothing'), DEADLINE / 2)).status_code
            finally:
                free.set()
                await asyncio.wait(waiting)
    assert asyncio.run(main()) == 200


def test_a_file_that_was_locked_when_it_was_opened_is_opened_again(tmp_path):
    store = SqliteSessions(tmp_path/'s.db')
    async def write(): await store.save('id', {'user': '"ann"'}, (), 60)
    with closing(sqlite3.connect(tmp_path/'s.db', isolation_level=None)) as other:
        other.execute('create table theirs(x)')
        other.execute('begin exclusive')
        with pytest.raises(sqlite3.OperationalError, match='locked'): asyncio.run(write())
    asyncio.run(write())
    with closing(sqlite3.connect(tmp_path/'s.db')) as judge: found = judge.execute('select value from session_value').fetchall()
    assert found == [('"ann"',)]
