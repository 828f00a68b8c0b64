"""Logins at a real OpenID provider in Chromium, and at one that lies in every way an id token can."""
import asyncio
import base64
import contextlib
import functools
import gzip
import http.client
import inspect
import itertools
import json
import logging
import socket
import ssl
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urljoin, urlsplit

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.app.app import FastHTML
from fasthtml.app.auth import user_pwd_auth
from fasthtml.app.oauth import (
    AppleAppClient,
    Auth0AppClient,
    GitHubAppClient,
    GoogleAppClient,
    Info,
    OAuth,
    OAuthError,
    OpenIDClient,
    WebClient,
    load_creds,
)
from fasthtml.app.openid import ProviderCall, half_hash, talk, talk_async, trusted
from fasthtml.app.toast import add_toast, setup_toasts
from fasthtml.html.composed import A, Form
from fasthtml.html.tags import Button, Div, P, Span
from fasthtml.http.handlers import Beforeware
from fasthtml.http.responses import Redirect
from fasthtml.realtime.sse import EventStream
from fasthtml.testing import Client, Closed
from support import DEADLINE, NODE_MODULES, each_row, missing, serve, serve_process

SCRIPT = Path(__file__).with_name('openid_provider.mjs')


@pytest.fixture(scope='module')
def issuer(tmp_path_factory):
    "A real provider, and its address. It is another site than 127.0.0.1, as a provider should be"
    if not (NODE_MODULES/'oidc-provider').is_dir():
        missing('the OpenID provider', 'run `npm ci`')
    with serve_process('', tmp_path_factory.mktemp('provider'), ['node', str(SCRIPT)]) as process:
        yield f'http://localhost:{process.port}'


class Door(OAuth):
    "Lets in everybody called Ada"
    def get_auth(self, info, ident, session, state):
        session['seen'] = [info.email, state]
        if ident.startswith('ada'):
            return self.enter(session)


def shop(cli, door=Door, csp=False, **options):
    app = FastHTML(exts=['ws', 'sse'], secret_key='x' * 32, csp=csp)
    app.door = door(app, cli, **options)

    @app.route('/')
    def home(auth): return P(f'home of {auth}', id='home'), A('Log out', href='/logout')

    @app.route('/room')
    def room(auth, session):
        return (P(f'room of {auth}, {session["seen"][0]}', id='room'),
                Div(Form(Button('Say'), ws_send=True, id='say'), Span(id='echo'), hx_ext='ws', ws_connect='/talk'),
                Div(hx_ext='sse', sse_connect='/news', sse_swap='message', id='news'))

    @app.ws('/talk')
    async def talk(auth, send): await send(Span(f'{auth} spoke', id='echo'))

    @app.route('/news')
    async def news(auth):
        async def items(): yield P(f'news for {auth}')
        return EventStream(items())
    return app


# A login in Chromium

def login_at_provider(page, name='ada'):
    "Fill in the provider's own pages"
    page.fill('input[name=login]', name)
    page.fill('input[name=password]', 'anything')
    page.click('button[type=submit]')
    page.click('button[type=submit] >> text=Continue')


def own_problems(page):
    "Problems of our pages; the provider's ask for a font from elsewhere"
    return [p for p in page.problems if 'fonts.googleapis' not in p and 'ERR_NAME_NOT_RESOLVED' not in p]


def test_log_in_see_the_page_and_log_out(issuer, page):
    with serve(shop(OpenIDClient(issuer, 'shop', 'kept secret', scope='openid email'))) as server:
        page.goto(f'{server.url}/room?x=1')
        assert page.url == f'{server.url}/login'
        page.click('text=Log in >> nth=-1')
        assert page.url.startswith(issuer)
        login_at_provider(page)
        page.wait_for_url(f'{server.url}/room?x=1')
        assert page.inner_text('#room') == 'room of ada, ada@friends.example'
        page.wait_for_function("document.querySelector('#news').innerText == 'news for ada'")
        page.click('text=Say')
        page.wait_for_function("document.querySelector('#echo').innerText == 'ada spoke'")

        page.goto(f'{server.url}/logout')
        assert page.url == f'{server.url}/login'
        page.goto(f'{server.url}/room')
        assert page.url == f'{server.url}/login'
        assert own_problems(page) == []


@pytest.mark.parametrize('cli', [('public', None), ('shop', 'kept secret')], ids=['public client', 'secret in the form'])
def test_other_ways_to_say_who_we_are(issuer, page, cli):
    "A public client has no secret: PKCE alone protects its code"
    with serve(shop(OpenIDClient(issuer, *cli, basic_auth=False))) as server:
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        login_at_provider(page)
        page.wait_for_url(f'{server.url}/')
        assert page.inner_text('#home') == 'home of ada'


def test_a_wrong_secret_logs_nobody_in(issuer, page):
    with serve(shop(OpenIDClient(issuer, 'shop', 'wrong secret'))) as server:
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        login_at_provider(page)
        page.wait_for_url(f'{server.url}/error')
        assert 'did not succeed' in page.inner_text('main')


def test_who_is_not_let_in_is_told_so(issuer, page):
    with serve(shop(OpenIDClient(issuer, 'shop', 'kept secret'))) as server:
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        login_at_provider(page, 'eve')
        page.wait_for_url(f'{server.url}/login')
        assert 'You were not let in.' in page.inner_text('main')
        page.goto(f'{server.url}/')
        assert page.url == f'{server.url}/login'


def test_who_says_no_at_the_provider_is_back_with_an_explanation(issuer, page):
    with serve(shop(OpenIDClient(issuer, 'shop', 'kept secret'))) as server:
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        page.click('text=[ Cancel ]')
        page.wait_for_url(f'{server.url}/error')
        assert 'You were not let in.' in page.inner_text('main')


def test_an_answer_that_is_posted_from_the_providers_page(issuer, page):
    "As Apple does it: a cross-site POST, to which Chromium attaches no Lax cookie. A strict CSP of ours does not stand in the way"
    app = shop(OpenIDClient(issuer, 'shop', 'kept secret'), redir_method='post', csp=True)
    with serve(app) as server:
        posts = []
        page.on('request', lambda r: r.method == 'POST' and r.url.startswith(server.url) and posts.append((r.url, r.all_headers())))
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        login_at_provider(page)
        page.wait_for_url(f'{server.url}/')
        assert page.inner_text('#home') == 'home of ada'
        [(url, headers)] = posts
        assert url == f'{server.url}/redirect' and headers['origin'] == issuer
        assert 'session_' not in headers.get('cookie', '')


def test_logging_out_at_the_provider_too(issuer, page):
    class Leaving(Door):
        def logout(self, session): return A('Also there', href=self.cli.logout_link(f'{self.base_url}/bye'))
    app = shop(OpenIDClient(issuer, 'shop', 'kept secret'), Leaving)
    with serve(app) as server:
        app.door.base_url = server.url
        page.goto(f'{server.url}/logout')
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        login_at_provider(page)
        page.wait_for_url(f'{server.url}/')
        page.goto(f'{server.url}/logout')
        page.click('text=Also there')
        assert page.url.startswith(f'{issuer}/session/end')


# Attacks on a login, with the real provider

class Interceptor:
    "In front of an app: while `caught` is a list, answers of the provider end there"
    def __init__(self, app): self.app, self.caught = app, None

    async def __call__(self, scope, receive, send):
        if scope['type'] != 'http' or scope['path'] != '/redirect' or self.caught is None:
            return await self.app(scope, receive, send)
        self.caught.append(scope['path'] + '?' + scope['query_string'].decode())
        await PlainTextResponse('caught')(scope, receive, send)


@pytest.fixture
def server(issuer):
    interceptor = Interceptor(shop(OpenIDClient(issuer, 'shop', 'kept secret')))
    with serve(interceptor) as served: yield served


@pytest.fixture
def answer_of(new_page, server):
    "Log a user in, but keep the provider's answer instead of delivering it"
    def answer(name):
        page, server.app.caught = new_page(), []
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        login_at_provider(page, name)
        page.wait_for_url(f'{server.url}/redirect?**')
        [url], server.app.caught = server.app.caught, None
        return page, server.url + url
    return answer


def changed(url, **query):
    parts = urlsplit(url)
    values = {k: v[0] for k, v in parse_qs(parts.query).items()} | query
    return parts._replace(query=urlencode({k: v for k, v in values.items() if v is not None})).geturl()


def refused(page, server, url):
    "The response at `url` logs no user in"
    page.goto(url)
    assert page.url == f'{server.url}/error'
    page.goto(f'{server.url}/')
    assert page.url == f'{server.url}/login'
    return True


def test_an_answer_works_once_and_only_where_it_was_asked_for(server, answer_of, new_page):
    page, answer = answer_of('ada')
    stranger = new_page()
    assert refused(stranger, server, answer)                             # login CSRF: the victim's browser has no such login
    assert refused(stranger, server, changed(answer, state='made-up'))
    assert refused(stranger, server, changed(answer, state=None))
    page.goto(answer)
    assert page.inner_text('#home') == 'home of ada'
    page.goto(f'{server.url}/logout')
    assert refused(page, server, answer)                                 # replayed


@pytest.mark.parametrize('change', [dict(state='made-up'), dict(iss='https://evil.example'), dict(iss=None), dict(code='made-up'),
                                    dict(code=None), dict(error='<script>')], ids=str)
def test_a_changed_answer_is_refused(server, answer_of, change):
    page, answer = answer_of('ada')
    assert refused(page, server, changed(answer, **change))


def test_a_code_of_somebody_else_is_useless(server, answer_of):
    "The victim's own state, the attacker's code: the provider sees that the verifier is not the one of that code"
    _, attackers = answer_of('ada-the-attacker')
    page, victims = answer_of('ada')
    code = parse_qs(urlsplit(attackers).query)['code'][0]
    assert refused(page, server, changed(victims, code=code))


def test_the_provider_wants_pkce_and_we_send_it(issuer, page):
    class Careless(OpenIDClient): pkce = False
    with serve(shop(Careless(issuer, 'shop', 'kept secret'))) as server:
        page.goto(f'{server.url}/')
        page.click('text=Log in >> nth=-1')
        page.wait_for_url(f'{server.url}/error')


# What the guard guards

def test_guards_cover_sockets_and_streams():
    with serve(shop(GitHubAppClient('shop', 'kept secret'))) as server:
        with connect(f'{server.ws_url}/talk') as socket, pytest.raises(ConnectionClosed) as end:
            socket.recv(DEADLINE)
        assert end.value.rcvd.code == 1008
        connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=DEADLINE)
        connection.request('GET', '/news', headers={'Accept': 'text/event-stream'})
        answer = connection.getresponse()
        assert (answer.status, b'news' in answer.read()) == (401, False)
        connection.close()


HOME = 'http://localhost'
HTML = {'accept': 'text/html'}


def test_strangers_of_htmx_leave_the_page_and_others_are_redirected():
    client = Client(shop(GitHubAppClient('shop', 'kept secret')), HOME)
    assert (client.get('/').status_code, client.get('/').headers['location']) == (303, '/login')
    fragment = client.hx.get('/')
    assert (fragment.status_code, fragment.headers['hx-redirect'], fragment.text) == (200, '/login', '')
    assert client.get('/login').status_code == 200


ANYTHING = {'a pattern': lambda app: app.get('/{rest:path}')(lambda rest: 'anything'),
            'one part': lambda app: app.get('/{page}')(lambda page: 'anything'),
            'of any method': lambda app: app.route('/{rest:path}')(lambda rest: 'anything'),
            "Starlette's": lambda app: app.routes.append(Route('/{rest:path}', PlainTextResponse('anything'))),
            'a mount': lambda app: app.mount('/', PlainTextResponse('anything'))}
OWN = {'a handler': lambda app: app.get('/login')(lambda: 'our own'), "Starlette's": lambda app: app.routes.append(
           Route('/login', PlainTextResponse('our own')))}


@each_row('order', itertools.permutations(['OAuth', 'anything', 'our own']), ids=' '.join)
@each_row(('anything', 'own'), [*itertools.product(ANYTHING, ['none']), *itertools.product(['a pattern', 'none'], OWN)])
def test_a_pattern_does_not_hide_the_login_page_and_a_page_of_the_program_does(order, anything, own):
    app = FastHTML(secret_key='k')
    make = {'OAuth': lambda: Door(app, GitHubAppClient('shop', 'kept secret')), 'anything': lambda: ANYTHING.get(anything, bool)(app),
            'our own': lambda: OWN.get(own, bool)(app)}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for step in order: make[step]()
    client = Client(app, HOME)
    hidden = own != 'none' and anything != 'none' and order.index('anything') < order.index('our own')   # a warning says so
    assert ('our own' in client.get('/login').text) == (own != 'none' and not hidden)
    if own == 'none': assert 'github.com' in client.get('/login').text and 'anything' not in client.get('/error').text
    assert client.get('/other').status_code in (303, 404)


def test_open_paths_and_the_programs_own_pages(recwarn):
    app = shop(GitHubAppClient('shop', 'kept secret'), skip=r'/public/.*')
    @app.get('/login')
    def login(req): return P('mine', A('in', href=app.door.login_link(req)))
    @app.get('/public/{name}')
    def public(name: str): return P(name)
    client = Client(app, HOME)
    assert client.get('/public/x').status_code == 200
    assert client.get('/login').one('p').text.startswith('mine')
    assert len(client.session['oauth']) == 1
    assert [str(w.message) for w in recwarn if 'login' in str(w.message)] == []


def test_check_invalid_is_asked_each_time_and_logout_forgets():
    class Strict(Door):
        async def check_invalid(self, req, session, auth):
            if auth in banned: return self.redir_login(session)
    banned = set()
    client = Client(shop(GitHubAppClient('shop', 'kept secret'), Strict), HOME, session={'auth': 'ada'})
    assert 'home of ada' in client.get('/').text
    banned.add('ada')
    assert client.get('/').headers['location'] == '/login'
    client.get('/logout')
    assert 'auth' not in client.session


def _says(value):
    "A method that gives `value`, as each kind of function does"
    async def later(self, *given): return value
    return {'plain': lambda self, *given: value, 'async': later}


class Alone(WebClient):
    "A client whose provider is a function"
    base_url = 'https://id.example/auth'
    def parse_response(self, code, redirect_uri, **kw): return {'access_token': code}
    def get_info(self, token=None): return Info(sub=token['access_token'])


class Welcome(OAuth):
    "Lets in everybody"
    def get_auth(self, info, ident, session, state): return self.enter(session)


@pytest.mark.parametrize('store', [None, 'memory'], ids=['in the cookie', 'in a store'])
@pytest.mark.parametrize('own', ['no logout', 'a logout that reads', 'a logout that writes'])
def test_the_next_person_of_a_browser_finds_nothing_of_the_last(own, store, tmp_path):
    class Greets(OAuth):
        def get_auth(self, info, ident, session, state):
            session['id_token'], session['name'] = f'token of {ident}', ident
            if ident == 'ann': session['is_admin'] = True
            add_toast(session, f'Welcome {ident}')
            return self.enter(session)
    def reads(self, session): return Redirect('/bye?' + session.get('id_token', '')[-3:])
    def writes(self, session):
        session['name'] = 'who has left'
        return Redirect('/bye')
    if own != 'no logout': Greets.logout = reads if own == 'a logout that reads' else writes
    app = FastHTML(secret_key='k', sess_store=store and f'sqlite:///{tmp_path}/sessions.db')
    setup_toasts(app)
    Greets(app, Alone('shop'), skip=['/bye', '/cart'])
    @app.get('/')
    def home(auth, session): return P(auth, session.get('is_admin'))
    @app.post('/cart')
    def cart(session): session['cart'] = ['tea']
    client = Client(app, HOME)
    def log_in(code):
        state = parse_qs(urlsplit(client.get('/login').one('a').attrs['href']).query)['state'][0]
        return client.get('/redirect', params={'code': code, 'state': state})
    client.post('/cart')
    client.post('/logout')
    assert client.session['cart'] == ['tea'], 'nobody was logged in'
    log_in('ann')
    assert client.session['is_admin']
    left = client.post('/logout')
    if own == 'a logout that reads': assert left.headers['location'] == '/bye?ann'
    assert dict(client.session) == ({'name': 'who has left'} if own == 'a logout that writes' else {})
    log_in('bob')
    assert 'is_admin' not in client.session and client.session['name'] == 'bob'


NO_RESPONSE = [None, '', False, True, [], {}]


@pytest.mark.parametrize('kind', ['plain', 'async'])
@pytest.mark.parametrize('value', NO_RESPONSE, ids=repr)
def test_a_redirect_to_the_login_that_is_forgotten_lets_nobody_in(value, kind, caplog):
    "Neither into a page nor into a socket, after a logout, or after `get_auth` has refused"
    forgetful = type('Forgetful', (Door,), {'redir_login': _says(value)[kind], 'get_auth': lambda *given: None})
    client = Client(shop(Alone('shop'), forgetful), HOME, headers=HTML)
    assert [client.get(path).headers.get('location') for path in ('/', '/room')] == ['/login', '/login']
    assert client.get('/news', headers={'accept': 'text/event-stream'}).status_code == 401
    assert client.get('/login').status_code == 200
    state = parse_qs(urlsplit(client.get('/login').one('a').attrs['href']).query)['state'][0]
    assert client.get(f'/redirect?code=ada&state={state}').headers['location'] == '/login'
    client.session = {'auth': 'ada'}
    assert 'ada' in client.get('/').text
    assert client.get('/logout').headers['location'] == '/login' and 'auth' not in client.session
    assert sum('return Redirect' in record.message for record in caplog.records) == 1


def on_the_class(name, f): return type('Asked', (Door,), {name: f})


def before_init(name, f):
    def init(self, *args, **kw):
        setattr(self, name, functools.partial(f, self))
        Door.__init__(self, *args, **kw)
    return type('Asked', (Door,), {'__init__': init})


def after_init(name, f):
    def init(self, *args, **kw):
        Door.__init__(self, *args, **kw)
        setattr(self, name, functools.partial(f, self))
    return type('Asked', (Door,), {'__init__': init})


@each_row('given', [on_the_class, before_init, after_init])
@each_row('kind', ['plain', 'async'])
@each_row(('value', 'seen'), [*((value, 'home of ada') for value in NO_RESPONSE if value is not True),
                                             (True, '/login'), (P('first confirm'), 'first confirm')], ids=str)
def test_what_check_invalid_gives_lets_in_or_not(value, seen, kind, given):
    client = Client(shop(Named('shop'), given('check_invalid', _says(value)[kind])), HOME, session={'auth': 'ada'})
    answer = client.get('/')
    assert answer.status_code in (200, 303) and seen in answer.text + answer.headers.get('location', '')
    if value is True: assert client.get('/news', headers={'accept': 'text/event-stream'}).status_code == 401


def test_check_invalid_that_gives_a_refusal_of_another_library_lets_nobody_in():
    refusal = type('Refusal', (), {'__bool__': lambda self: False})()
    client = Client(shop(Named('shop'), type('Asked', (Door,), {'check_invalid': lambda *given: refusal})), HOME, session={'auth': 'ada'})
    with pytest.raises(TypeError, match='gave a Refusal. None lets'): client.get('/')


@pytest.mark.parametrize('given', [on_the_class, before_init, after_init])
def test_what_else_a_program_says_of_a_login_is_used_wherever_it_is_given(given):
    answers = {'logout': lambda self, session: P('bye'), 'login_link': lambda self, req: '/own'}
    for name, seen in ('logout', 'bye'), ('login_link', 'href="/own"'):
        client = Client(shop(Named('shop'), given(name, answers[name])), HOME, session={'auth': 'ada'})
        assert seen in client.get('/logout' if name == 'logout' else '/login').text


def test_check_invalid_of_the_base_class_may_be_asked():
    class Asks(Door):
        def check_invalid(self, req, session, auth): return super().check_invalid(req, session, auth)
    assert 'home of ada' in Client(shop(Named('shop'), Asks), HOME, session={'auth': 'ada'}).get('/').text


@pytest.mark.parametrize('named', [False, True], ids=['', 'realm='])
@pytest.mark.parametrize('order', [('ada', 'bob'), ('bob', 'ada')], ids=' '.join)
def test_the_last_login_in_a_browser_is_the_one_that_counts(order, named):
    "Of two logins of one app, in whatever order they were made and used"
    app = FastHTML(secret_key='k')
    app.get('/')(lambda auth, session: P(f'{auth} {session["auth"]}'))
    for name in ('ada', 'bob'):
        Welcome(app, Alone(name), skip='/ada|/bob|/(in|out)-.*', redir_path=f'/{name}', login_path=f'/in-{name}',
                logout_path=f'/out-{name}', realm='both' if named else None)
    client = Client(app, HOME)
    for name in (*order, order[0]):
        state = parse_qs(urlsplit(client.get(f'/in-{name}').one('a').attrs['href']).query)['state'][0]
        client.get(f'/{name}?code={name}&state={state}')
        assert client.get('/').one('p').text == f'{name} {name}'
    client.get(f'/out-{order[1]}')
    assert client.get('/').status_code == 303 and 'oauth_granted' not in client.session


CROSS = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST'])
@pytest.mark.parametrize('headers', [CROSS, CROSS | {'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image'}], ids=['link', 'picture'])
def test_another_site_logs_nobody_out(method, headers):
    client = Client(shop(GitHubAppClient('shop', 'kept secret')), HOME, session={'auth': 'ada'})
    answer = client.request(method, '/logout', headers=headers)
    assert answer.status_code == 403 and client.session['auth'] == 'ada'
    if method == 'GET' and headers is CROSS:    # a person may go on
        assert answer.one('main a').attrs['href'] == '/logout?'
    for own in {'Sec-Fetch-Site': 'same-origin'}, {'Sec-Fetch-Site': 'none'}, {}:
        client.session = {'auth': 'ada'}
        assert client.request(method, '/logout', headers=own).status_code == 303 and 'auth' not in client.session


def test_a_logout_ends_what_the_person_has_open():
    app = shop(GitHubAppClient('shop', 'kept secret'))
    news = app.channel('news')
    app.get('/follow')(lambda: EventStream(news))
    with Client(app, HOME, session={'auth': 'ada'}) as client, client.sse('/follow') as events:
        client.get('/logout')
        assert events.next().event == 'shutdown'


OWN_USERS = {'ada': 12, 'bob': 13}
FOLLOWED = {'stream': '/follow', 'mounted stream': '/in/follow'}


def open_one(client, way, who):
    "Open something as a user"
    client.session = {'auth': who}
    if way == 'socket': return client.ws('/talk')
    if way != 'regions': return client.sse(FOLLOWED[way])
    [region] = client.get('/board').select('[data-live-key]')
    page = {'has': [[region.attrs['data-live-key'], region.attrs['data-live-token'], region.attrs['data-live-has']]]}
    return client.sse('/_live', method='POST', json=page)


def what_comes(events):
    "The next event that is for the user"
    return next(one.event for one in iter(lambda: events.next(DEADLINE), None) if one.event not in ('live/hello', 'live/checked'))


@pytest.mark.parametrize('way', [*FOLLOWED, 'socket', 'regions'])
def test_a_logout_ends_what_belongs_to_a_user_of_the_programs_own(way):
    "A guard behind `OAuth` puts the program's own user into `auth`. What others have open stays"
    app, inner = shop(GitHubAppClient('shop', 'kept secret')), FastHTML(secret_key='x' * 32)
    def user(req): req.scope['auth'] = OWN_USERS[req.scope['auth']]
    app.before.append(Beforeware(user, skip=['/login', '/logout', '/redirect', '/error']))
    app.mount('/in', inner)
    news = {one: one.channel('news') for one in (app, inner)}
    for one in (app, inner): one.get('/follow')(lambda one=one: EventStream(news[one]))
    app.state.n = 0
    @app.live
    def board(auth): return P(f'{app.state.n} of {auth}')
    app.get('/board')(lambda: board())
    with Client(app, HOME) as client, contextlib.ExitStack() as stack:
        his, hers = (stack.enter_context(open_one(client, way, who)) for who in ('bob', 'ada'))
        if way == 'regions': assert [one.next(DEADLINE).event for one in (his, hers)] == ['live/hello', 'live/hello']   # they are open
        client.get('/logout')
        if way == 'socket':
            with pytest.raises(Closed) as end: hers.receive(DEADLINE)
            assert end.value.code == 1012
            his.send({})
            assert '13 spoke' in str(his.receive(DEADLINE))
            return
        assert what_comes(hers) == 'shutdown'
        for channel in news.values(): client.run(channel.publish('hello', 'greeting'))
        app.state.n = 1
        client.run(board.changed())
        assert what_comes(his) in ('greeting', 'board{}')


def test_mounted_apps_stay_below_their_prefix():
    outer = FastHTML(secret_key='x' * 32)
    outer.mount('/admin', shop(GitHubAppClient('shop', 'kept secret')))
    client = Client(outer, HOME)
    assert client.get('/admin/').headers['location'] == '/admin/login'
    link = client.get('/admin/login').one('a').attrs['href']
    assert parse_qs(urlsplit(link).query)['redirect_uri'] == [f'{HOME}/admin/redirect']


# Our own address

def redirect_uri(app, url='http://app.example', **headers):
    href = Client(app, url).get('/login', headers=headers).one('a').attrs['href']
    return parse_qs(urlsplit(href).query)['redirect_uri'][0]


FORWARDED = {'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Server': 'evil.example', 'Forwarded': 'host=evil.example',
             'X-Host': 'evil.example'}


def test_forwarded_hosts_do_not_choose_where_the_code_goes():
    app = shop(GitHubAppClient('shop', 'kept secret'))
    assert redirect_uri(app, **FORWARDED) == 'https://app.example/redirect'
    configured = shop(GitHubAppClient('shop', 's'), base_url='https://shop.example/')
    assert redirect_uri(configured, **FORWARDED) == 'https://shop.example/redirect'
    assert redirect_uri(app, 'http://localhost:5001', **FORWARDED) == 'http://localhost:5001/redirect'
    assert redirect_uri(shop(GitHubAppClient('shop', 's'), https=False)) == 'http://app.example/redirect'
    assert redirect_uri(shop(GitHubAppClient('shop', 's'), http_patterns=[r'app\.example'])) == 'http://app.example/redirect'


def test_the_scheme_of_a_trusted_proxy_is_believed():
    "uvicorn takes X-Forwarded-Proto from addresses it was told to trust, and nothing about hosts from anybody"
    app = shop(GitHubAppClient('shop', 's'), https=False, http_patterns=())
    with serve(app, proxy_headers=True, forwarded_allow_ips='127.0.0.1') as server:
        connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=DEADLINE)
        connection.request('GET', '/login', headers={'Host': 'app.example', 'X-Forwarded-Proto': 'https', **FORWARDED})
        text = connection.getresponse().read().decode()
        connection.close()
    assert 'https%3A%2F%2Fapp.example%2Fredirect' in text and 'evil' not in text


def test_a_host_that_is_none_makes_no_link():
    client = Client(shop(GitHubAppClient('shop', 'kept secret')), HOME)
    for host in ('app.example@evil.example', 'a/b', 'a b', ''):
        page = client.get('/login', headers={'host': host})
        assert page.select('a') == [] and 'not available' in page.text


# A provider that lies

KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


class Liar:
    "A provider in a few lines, honest unless `lie` says otherwise"
    def __init__(self):
        self.lie, self.kid, self.key, self.asked, self.url, self.instead = {}, 'k0', KEYS[0], {}, '', {}
        routes = {'/.well-known/openid-configuration': self.document, '/keys': self.keys, '/token': self.token, '/me': self.me}
        self.app = Starlette(routes=[Route(path, self.respond(path, f), methods=['GET', 'POST']) for path, f in routes.items()])

    def respond(self, path, f):
        "What it says there, or a whole response that `instead` makes, or what that changes in an honest one"
        async def endpoint(request):
            honest, make = f(request), self.instead.get(path)
            if inspect.isawaitable(honest): honest = await honest
            if make is None: return honest
            return made if isinstance(made := make(), Response) else JSONResponse(json.loads(honest.body) | made, honest.status_code)
        return endpoint

    def document(self, request):
        return JSONResponse(dict(issuer=self.url, authorization_endpoint=f'{self.url}/auth', token_endpoint=f'{self.url}/token',
                                 jwks_uri=f'{self.url}/keys', userinfo_endpoint=f'{self.url}/me'))

    def keys(self, request):
        return JSONResponse({'keys': [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key())) | {'kid': self.kid}]})

    async def token(self, request):
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.asked = dict(form, authorization=request.headers.get('authorization'))
        if 'token' in self.lie: return JSONResponse(*self.lie['token'])
        now = int(time.time())
        claims = dict(iss=self.url, aud='shop', sub='ada', iat=now, exp=now + 60, nonce=form['code'], email='signed@friends.example',
                      at_hash=half_hash('an access token', 'RS256')) | self.lie.get('claims', {})
        claims = {k: v for k, v in claims.items() if v is not None}
        make = self.lie.get('make', lambda claims: jwt.encode(claims, self.key, 'RS256', headers={'kid': self.kid}))
        return JSONResponse({'access_token': 'an access token', 'token_type': 'Bearer', 'id_token': make(claims)})

    def me(self, request):
        known = request.headers['authorization'] == 'Bearer an access token'
        return JSONResponse(dict(sub='ada', name='Ada', email='unsigned@friends.example') | self.lie.get('me', {}), 200 if known else 401)


@contextmanager
def provider():
    made = Liar()
    with serve(made.app) as server:
        made.url = server.url
        yield made


@pytest.fixture
def liar():
    with provider() as made:
        yield made


def log_in(client, wanted='/'):
    "Walk through a login by hand; the provider gets the nonce for a code. The last response"
    client.get(wanted, headers=HTML)
    link = client.get('/login').one('a').attrs['href']
    query = {k: v[0] for k, v in parse_qs(urlsplit(link).query).items()}
    return client.get('/redirect', params={'code': query.get('nonce', 'a code'), 'state': query['state']})


def test_an_honest_provider_logs_in(liar):
    client = Client(shop(OpenIDClient(liar.url, 'shop', 'kept secret')), HOME)
    answer = log_in(client, '/room?x=%2F')
    assert answer.headers['location'] == '/room?x=%2F'
    assert client.session['auth'] == 'ada' and client.session['seen'] == ['signed@friends.example', None]
    assert set(client.session) == {'auth', 'oauth_granted', 'seen'}
    assert len(liar.asked['code_verifier']) >= 43 and liar.asked['authorization'].startswith('Basic ')
    assert 'client_secret' not in liar.asked


def _garbled(claims):
    head, body, signature = jwt.encode(claims, KEYS[0], 'RS256', headers={'kid': 'k0'}).split('.')
    other = jwt.encode(claims | {'sub': 'ada2'}, KEYS[1], 'RS256').split('.')[1]
    return f'{head}.{other}.{signature}'


LIES = {
    'tampered': dict(make=_garbled),
    'alg none': dict(make=lambda claims: jwt.encode(claims, None, 'none')),
    'shared secret': dict(make=lambda claims: jwt.encode(claims, 'kept secret' * 3, 'HS256', headers={'kid': 'k0'})),
    'key of another provider': dict(make=lambda claims: jwt.encode(claims, KEYS[1], 'RS256', headers={'kid': 'k0'})),
    'unknown key': dict(make=lambda claims: jwt.encode(claims, KEYS[1], 'RS256', headers={'kid': 'k9'})),
    'no jwt': dict(make=lambda claims: 'eyJ'),
    'not even text': dict(make=lambda claims: 7),
    'no id token': dict(token=({'access_token': 'an access token'},)),
    'other nonce': dict(claims={'nonce': 'of another login'}),
    'no nonce': dict(claims={'nonce': None}),
    'other audience': dict(claims={'aud': 'blog'}),
    'two audiences': dict(claims={'aud': ['shop', 'blog']}),
    'other party': dict(claims={'azp': 'blog'}),
    'other issuer': dict(claims={'iss': 'https://accounts.google.com'}),
    'expired': dict(claims={'exp': 1}),
    'for ever': dict(claims={'exp': None}),
    'other access token': dict(claims={'at_hash': 'AAAA'}),
    'details of another user': dict(me={'sub': 'eve'}),
    'error': dict(token=({'error': 'invalid_grant', 'error_description': 'kept secret'}, 400)),
    'error with status 200': dict(token=({'error': 'bad_verification_code'},)),
    'list': dict(token=([], 500)),
}


@pytest.mark.parametrize('lie', LIES)
def test_a_lie_logs_nobody_in_and_leaves_no_secret_in_the_log(liar, lie, caplog):
    caplog.set_level(logging.DEBUG)
    liar.lie = LIES[lie]
    client = Client(shop(OpenIDClient(liar.url, 'shop', 'kept secret')), HOME)
    answer = log_in(client)
    assert (answer.status_code, answer.headers['location']) == (303, '/error')
    assert 'auth' not in client.session
    page = client.get('/error')
    assert 'The login did not succeed. Please try again.' in page.text
    told = [r.name for r in caplog.records if r.levelno >= logging.WARNING]
    assert [name for name in told if name.startswith('fasthtml')] == ['fasthtml.app.oauth']   # objects of earlier tests may say more
    said = ''.join(r.getMessage() + str(r.exc_text or '') for r in caplog.records if r.name.startswith('fasthtml'))
    for secret in ('kept secret', 'an access token', 'eyJ', liar.asked['code'], liar.asked['code_verifier']):
        assert secret not in said + page.text


async def _without_end(piece=b' ' * 65536, pause=0):
    while True:
        yield piece
        await asyncio.sleep(pause)


WAYS = '/.well-known/openid-configuration', '/keys', '/token', '/me'
UNREADABLE = {
    'deep': lambda: Response(b'[' * 200_000),
    'long number': lambda: Response(b'{"sub": ' + b'9' * 10_000 + b'}'),
    'no JSON': lambda: HTMLResponse('<script>alert(1)</script>'),
    'elsewhere': lambda: RedirectResponse('/elsewhere'),
    'broken packing': lambda: Response(b'xx', headers={'content-encoding': 'gzip'}),
    'much in little': lambda: Response(gzip.compress(b'{"a": "' + b' ' * (8 << 20) + b'"}'), headers={'content-encoding': 'gzip'}),
    'without end': lambda: StreamingResponse(_without_end()),
    'slow without end': lambda: StreamingResponse(_without_end(b' ', 0.05)),
    'a list': lambda: JSONResponse([]),
}
UNUSABLE = {
    '/.well-known/openid-configuration': [{name: address} for name in ('authorization_endpoint', 'token_endpoint', 'jwks_uri')
                                          for address in (5, 'https://[::1', 'http://app.example/')]
        + [{'userinfo_endpoint': address} for address in (5, ['x'], 'https://[::1', 'https://\0', 'http://app.example/')]
        + [{'id_token_signing_alg_values_supported': said} for said in (5, True, 'RS256', [['RS256']])],
    '/keys': [{'keys': keys} for keys in (5, [5], [{'kty': 'RSA', 'kid': 'k0'}], [{'kty': 'RSA', 'kid': 'k0', 'n': 5, 'e': 'AQAB'}])],
    '/token': [{'access_token': token} for token in (5, '', 'a\r\nX: y', '\ud800')] + [{'id_token': '.'.join([
        base64.urlsafe_b64encode(b'[' * 90_000).decode()] * 3)}],
    '/me': [{'id': ident} for ident in (None, 0, '', True, 1.5, [1], {'a': 1}, '\ud800', 'a\nb', 'x' * 1001)],
}


@pytest.mark.parametrize('way', WAYS)
def test_what_a_provider_answers_can_be_read_in_time_or_ends_the_login(way):
    "Each answer has a limit for its bytes and its time, and nothing that it says is a crash"
    class Plain(WebClient):
        id_key = 'id'
    answers = [*UNREADABLE.values(), *(lambda said=said: said for said in UNUSABLE[way])]
    with provider() as liar:
        for make in answers:
            liar.instead = {way: make}
            cli = OpenIDClient(liar.url, 'shop', 'kept secret', timeout=0.5 if make is UNREADABLE['slow without end'] else DEADLINE)
            if way == '/me':
                cli = Plain('shop', timeout=cli.timeout)
                cli.base_url, cli.token_url, cli.info_url = (liar.url + o for o in ('/auth', '/token', '/me'))
            client = Client(shop(cli), HOME, timeout=DEADLINE)
            page = client.get('/login', headers=HTML)
            assert page.status_code == 200
            if 'not available' not in page.text:
                assert log_in(client).headers['location'] == '/error', make
            assert 'auth' not in client.session


DRIPS = {'headers': b'HTTP/1.1 200 OK\r\n', 'body': b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{', 'nothing': b''}

def dripping(listener, begin, stopped):
    "A provider that answers, but never ends"
    client = listener.accept()[0]
    with client, contextlib.suppress(OSError):
        client.recv(65536)
        client.sendall(begin)
        while not stopped.wait(0.02): client.sendall(b'x' if begin else b'')

@pytest.mark.parametrize('ask', ['login_link', 'login_link_async'])
@pytest.mark.parametrize('what', DRIPS)
def test_an_answer_that_drips_ends_the_login(what, ask):
    "Each byte comes in time, all of them never would; with a loop in the thread that asks, as in a notebook, and without"
    stopped = threading.Event()
    async def main():
        made = getattr(OpenIDClient(f'http://127.0.0.1:{listener.getsockname()[1]}', 'shop', timeout=0.3), ask)('http://localhost/redirect')
        return await made if ask.endswith('async') else made
    with socket.create_server(('127.0.0.1', 0)) as listener:
        threading.Thread(target=dripping, args=(listener, DRIPS[what], stopped), daemon=True).start()
        with pytest.raises(OAuthError, match='did not answer'), contextlib.ExitStack() as at_end, ThreadPoolExecutor(1) as thread:
            at_end.callback(stopped.set)
            thread.submit(asyncio.run, main()).result(DEADLINE)   # Playwright's loop may run in this one


async def _thread_of_the_loop(): return threading.current_thread()


def test_a_login_reads_no_certificates_in_the_event_loop(liar, monkeypatch):
    "It takes a tenth of a second, for which every other client would wait"
    made, read = [], []
    def noting(threads, f):
        def noted(*args, **kw):
            threads.append(threading.current_thread())
            return f(*args, **kw)
        return noted
    monkeypatch.setattr(httpx2, 'create_ssl_context', noting(made, httpx2.create_ssl_context))
    monkeypatch.setattr(ssl.SSLContext, 'load_verify_locations', noting(read, ssl.SSLContext.load_verify_locations))
    trusted.cache_clear()
    for _ in range(2):
        client = Client(shop(OpenIDClient(liar.url, 'shop', 'kept secret')), HOME)
        assert log_in(client).headers['location'] == '/'
        assert client.run(_thread_of_the_loop()) not in made + read
    assert len(made) == 1


def test_keys_may_change_between_two_logins(liar):
    cli = OpenIDClient(liar.url, 'shop', 'kept secret')
    now = [0.0]
    cli.issuer.clock = lambda: now[0]
    cli.issuer._keys_again = cli.issuer._document_until = 0
    app = shop(cli)
    first = Client(app, HOME)
    log_in(first)
    liar.key, liar.kid, now[0] = KEYS[1], 'k1', 31.0
    second = Client(app, HOME)
    log_in(second)
    assert first.session['auth'] == second.session['auth'] == 'ada'


@pytest.mark.parametrize(('url', 'named'), [('http://127.0.0.1:1/x', '127.0.0.1:1'), ('https://[::1', '[::1'), ('nowhere', 'The provider')])
def test_who_did_not_answer_is_named_in_words(url, named):
    def flow(): yield ProviderCall(url)
    def in_a_loop(): return asyncio.run(talk_async(flow()))     # in a thread: a browser test may have a loop in this one
    with ThreadPoolExecutor(1) as pool:
        for ask in (lambda: talk(flow()), lambda: pool.submit(in_a_loop).result()):
            with pytest.raises(OAuthError) as e: ask()
            assert str(e.value).startswith(f'unreachable: {named} did not answer ('), e.value


def test_a_provider_that_is_gone_is_a_page_not_a_crash(liar):
    app = shop(OpenIDClient('http://127.0.0.1:1', 'shop', 'kept secret'))
    assert 'not available' in Client(app, HOME).get('/login').text


@pytest.mark.parametrize('path', ['//evil.example/', '//evil.example', '/\\evil.example', '/%5cevil.example'])
def test_no_open_redirect_after_a_login(liar, path):
    app = shop(OpenIDClient(liar.url, 'shop', 'kept secret'))
    @app.get('/login')
    def login(req): return A('in', href=app.door.login_link(req))
    @app.get('/{rest:path}')
    def rest(rest: str): return P(rest)
    client = Client(app, HOME)
    sent = client.run(ask_raw(app, path, client))
    assert dict(sent[0]['headers'])[b'location'] == b'/evil.example' + b'/' * path.endswith('/') and sent[0]['status'] == 307
    target = log_in(client, '/login').headers['location']
    assert urlsplit(urljoin(f'{HOME}/redirect', target)).netloc == 'localhost' and '\\' not in target


async def ask_raw(app, path, client):
    "Ask for a path that an HTTP client would tidy up, with the client's cookies"
    sent = []
    scope = {'type': 'http', 'method': 'GET', 'path': path.replace('%5c', '\\'), 'raw_path': path.encode(), 'query_string': b'',
             'headers': [(b'host', b'localhost'), (b'accept', b'text/html')], 'server': ('localhost', 80), 'client': ('127.0.0.1', 1),
             'scheme': 'http', 'http_version': '1.1', 'root_path': '', 'asgi': {'version': '3.0'}}
    async def receive(): return {'type': 'http.request', 'body': b'', 'more_body': False}
    async def send(message): sent.append(message)
    await app(scope, receive, send)
    cookies = [v.decode() for k, v in sent[0]['headers'] if k == b'set-cookie']
    for cookie in cookies:
        name, _, value = cookie.partition(';')[0].partition('=')
        client.cookies.set(name, value, domain='localhost')
    return sent


# A posted answer

def test_only_the_answers_own_path_may_be_posted_from_elsewhere():
    app = shop(AppleAppClient('shop', 'key', 'team', 'pem'))
    @app.post('/change')
    def change(): return 'changed'
    client = Client(app, HOME, session={'auth': 'ada'})
    cross = {'origin': 'https://appleid.apple.com', 'sec-fetch-site': 'cross-site'}
    assert client.post('/change', headers=cross).status_code == 403
    assert client.post('/redirect/', headers=cross, data={'state': 'x'}).status_code in (403, 404)
    form = {'state': 'x', 'code': 'c&d', 'user': '{"name": {"firstName": "Ada"}}', 'more': 'no'}
    answer = client.post('/redirect', headers=cross, data=form)
    assert (answer.status_code, answer.headers['location']) == (303, '/redirect?code=c%26d&state=x')
    [cookie] = answer.headers.get_list('set-cookie')
    assert cookie.startswith('oauth_user=') and 'HttpOnly' in cookie and 'Max-Age=60' in cookie
    assert client.get('/redirect?code=c&state=x').headers['location'] == '/error'
    assert client.session['auth'] == 'ada'


TENANTS = ['/a', '/a; Domain=example.com; Max-Age=9;x', '/a"b', '/a\rX: y', '/a b', '/\u20ac', '/a%3Bb', '//evil.example',
           '/\\evil.example']


@pytest.mark.parametrize('tenant', TENANTS, ids=ascii)
def test_the_path_of_a_posted_answer_begins_no_other_attribute_of_its_cookie(tenant):
    "The path belongs to whom posts it, below a mount with a parameter. Neither cookie nor redirect leaves it"
    site = Starlette(routes=[Mount('/{tenant:path}', shop(AppleAppClient('shop', 'key', 'team', 'pem')))])
    with ThreadPoolExecutor(1) as apart:    # Playwright has a loop in this one
        sent = apart.submit(asyncio.run, post_raw(site, f'{tenant}/redirect', b'state=x&code=c&user=%7B%7D')).result()
    headers = {name.decode(): value.decode('latin-1') for name, value in sent[0]['headers']}
    if tenant[1] in '/\\':      # an address of another site
        assert sent[0]['status'] == 307 and headers['location'] == '/evil.example/redirect' and 'set-cookie' not in headers
        return
    [path] = [o for o in headers['set-cookie'].split('; ') if o.lower().startswith('path=')]
    assert sorted(o.partition('=')[0].lower() for o in headers['set-cookie'].split('; ')) == COOKIE
    assert unquote(path.partition('=')[2]) == f'{tenant}/redirect'
    assert urlsplit(headers['location']).path == path.partition('=')[2]


COOKIE = ['httponly', 'max-age', 'oauth_user', 'path', 'samesite']


async def post_raw(app, path, body):
    "Post to a path that an HTTP client would tidy up"
    sent = []
    scope = {'type': 'http', 'method': 'POST', 'path': path, 'raw_path': quote(path).encode(), 'query_string': b'', 'root_path': '',
             'headers': [(b'host', b'localhost'), (b'content-type', b'application/x-www-form-urlencoded')], 'server': ('localhost', 80),
             'client': ('127.0.0.1', 1), 'scheme': 'http', 'http_version': '1.1', 'asgi': {'version': '3.0'}}
    async def receive(): return {'type': 'http.request', 'body': body, 'more_body': False}
    async def send(message): sent.append(message)
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(('trusted', 'status'), [((), 403), (['https://appleid.apple.com'], 303)], ids=['', 'trusted_origins='])
def test_a_posted_answer_of_a_mounted_app_needs_the_trust_of_the_app_around_it(trusted, status):
    site = FastHTML(secret_key='x' * 32, trusted_origins=trusted)
    site.mount('/shop', shop(AppleAppClient('shop', 'key', 'team', 'pem')))
    cross = {'origin': 'https://appleid.apple.com', 'sec-fetch-site': 'cross-site'}
    assert Client(site, HOME).post('/shop/redirect', headers=cross, data={'state': 'x', 'code': 'c'}).status_code == status


@pytest.mark.parametrize('body', [dict(content=b'x' * 70_000), dict(content=b'&' * 500), dict(files={'a': b'b'}),
                                  dict(content=b'\xff=\xfe'), dict(json={'code': ['c']}), dict()],
                         ids=['large', 'many', 'file', 'bytes', 'json', 'nothing'])
def test_any_posted_answer_is_refused_politely(body):
    client = Client(shop(AppleAppClient('shop', 'key', 'team', 'pem')), HOME)
    kind = {} if {'files', 'json'} & set(body) else {'content-type': 'application/x-www-form-urlencoded'}
    answer = client.post('/redirect', headers=kind, **body)
    assert answer.status_code in (303, 400, 413)


def test_nobody_posts_where_answers_are_not_posted():
    client = Client(shop(GitHubAppClient('shop', 'kept secret')), HOME)
    cross = {'origin': 'https://evil.example', 'sec-fetch-site': 'cross-site'}
    assert client.post('/redirect', headers=cross, data={'state': 'x'}).status_code == 403


# Programs

class Named(WebClient):
    "A client as programs write them: addresses, and details of their own"
    base_url, id_key = 'https://id.example/auth', 'id'

    def get_info(self, token=None):
        info = super().get_info(token)
        return type(info)({**info, 'email': f'with {self.token["access_token"]}'})


def test_a_programs_own_client_with_a_plain_method(liar):
    liar.lie = dict(token=({'access_token': 'an access token'},), me={'id': 'ada'})
    cli = Named('shop', 'kept secret')
    cli.token_url, cli.info_url = f'{liar.url}/token', f'{liar.url}/me'
    client = Client(shop(cli), HOME)
    log_in(client)
    assert (client.session['auth'], client.session['seen'][0]) == ('ada', 'with an access token')
    assert liar.asked['client_secret'] == 'kept secret' and 'code_verifier' in liar.asked


def test_clients_without_the_guard(liar):
    "`login_link`, then `retr_info` or `retr_id` in a handler of one's own"
    cli = OpenIDClient(liar.url, 'shop', 'kept secret')
    assert parse_qs(urlsplit(cli.login_link('https://a.example/r')).query)['redirect_uri'] == ['https://a.example/r']
    assert cli.retr_id('code', 'https://a.example/r') == 'ada'
    info = cli.retr_info('code', 'https://a.example/r', nonce='code')
    assert (info.sub, info.name, info.nothing) == ('ada', 'Ada', None)
    assert cli.get_info(cli.parse_response('code', 'https://a.example/r')).sub == 'ada'
    assert cli.get_info('an access token').sub == 'ada'


def test_what_programs_remember_comes_back(liar):
    app = shop(OpenIDClient(liar.url, 'shop', 'kept secret'))
    @app.get('/login')
    async def login(req): return A('in', href=await app.door.login_link_async(req, state='gold'))
    client = Client(app, HOME)
    log_in(client)
    assert client.session['seen'][1] == 'gold'


def test_apples_secret_is_signed_by_our_key():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    cli = AppleAppClient('shop', 'k1', 'team', pem)
    claims = jwt.decode(cli.client_secret, key.public_key(), ['ES256'], audience='https://appleid.apple.com')
    assert (claims['iss'], claims['sub'], jwt.get_unverified_header(cli.client_secret)['kid']) == ('team', 'shop', 'k1')
    assert claims['exp'] - claims['iat'] <= 600
    assert cli.login_link('https://a/r').startswith('https://appleid.apple.com/auth/authorize?')


def test_google_from_a_file(tmp_path):
    path = tmp_path/'client.json'
    path.write_text('{"web": {"client_id": "c", "client_secret": "s", "project_id": "p"}}')
    cli = GoogleAppClient.from_file(path, scope='openid')
    assert (cli.client_id, cli.client_secret, cli.project_id, cli.scope) == ('c', 's', 'p', ['openid'])
    assert cli.consent_url().endswith('project=p')
    path.write_text('{}')
    with pytest.raises(ValueError, match="neither 'web' nor 'installed'"):
        GoogleAppClient.from_file(path)


def test_google_credentials_are_kept_in_a_file_of_our_own(tmp_path):
    cli, path = GoogleAppClient('c', 's', scope='openid'), tmp_path/'creds.json'
    with pytest.raises(OAuthError, match='Whose credentials'):
        cli.creds()
    creds = cli.creds({'access_token': 'a', 'refresh_token': 'r', 'id_token': 'i'})
    creds.expiry = datetime(2100, 1, 1)
    creds.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    kept = load_creds(path)
    assert (kept.token, kept.refresh_token, kept.client_id, kept.client_secret) == ('a', 'r', 'c', 's')


def test_auth0_finds_its_addresses_by_discovery(liar):
    cli = Auth0AppClient('tenant.example', 'shop', 'kept secret', redirect_uri='/redirect')
    assert cli.issuer.issuer == 'https://tenant.example/'


def test_mistakes_are_told_when_the_app_is_made():
    app, cli = FastHTML(), GitHubAppClient('shop', 'kept secret')
    with pytest.raises(TypeError, match='get_auth'): OAuth(app, cli)
    with pytest.raises(ValueError, match='redir_method'): Door(app, cli, redir_method='put')
    with pytest.raises(ValueError, match='base_url'): Door(app, cli, base_url='http://app.example')
    with pytest.raises(TypeError, match='leway'): OpenIDClient('https://id.example', 'shop', leway=3)


def test_basic_auth_and_the_guard_do_not_get_in_each_others_way():
    app = FastHTML(secret_key='x' * 32, middleware=[user_pwd_auth(ada='engine')])
    Door(app, GitHubAppClient('shop', 's'))
    client = Client(app, HOME)
    assert client.get('/login').status_code == 401
    assert client.get('/login', auth=('ada', 'engine')).status_code == 200
