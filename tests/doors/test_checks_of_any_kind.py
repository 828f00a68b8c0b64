"""A check that a program gives is obeyed, whatever kind of function it is: what it says decides, and not that it gave something.

A coroutine that is not awaited, and a generator that has not begun, are as good as True: the check was never made. `CHECKS` holds
every place where what a function of the program says lets a client in; `kinds` makes the kinds of function it may be.
"""
import contextlib
import dataclasses
import functools
import inspect
import logging
import re
import sqlite3
import subprocess
import threading
import weakref
from base64 import b64encode
from collections import UserDict, namedtuple
from concurrent.futures import Future
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag
from multiprocessing import Process
from multiprocessing.pool import ApplyResult
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import attrs
import httpx
import msgspec
import pydantic
import pytest
import requests
import sqlalchemy.orm
from starlette.authentication import SimpleUser
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response

from client_kit import DirectClient
from fasthtml.app.auth import BasicAuthMiddleware, user_pwd_auth
from fasthtml.app.oauth import OAuth
from fasthtml.app.oauth_clients import WebClient
from fasthtml.common import Beforeware, FastHTML, FtResponse, HttpHeader, P, Redirect, Safe, Titled
from fasthtml.http.limits import Limits
from fasthtml.http.threads import decided
from fasthtml.testing.client import Client, Closed
from support import each_row


def logged(f):
    "A decorator as many are: what it makes looks like a plain function"
    @functools.wraps(f)
    def inner(*args, **kwargs): return f(*args, **kwargs)
    return inner


def bare(f):
    def inner(*args, **kwargs): return f(*args, **kwargs)
    inner.__signature__ = inspect.signature(f)
    return inner


def kinds(says):
    "The function `says`, as every kind of function"
    async def later(auth): return says(auth)
    async def later_still(auth): return later(auth)
    def generator(auth): yield says(auth)
    async def later_a_generator(auth): return generator(auth)
    async def async_generator(auth): yield says(auth)
    class Plain:
        def __call__(self, auth): return says(auth)
        def method(self, auth): return says(auth)
        async def later(self, auth): return says(auth)
    class Later:
        async def __call__(self, auth): return says(auth)
    class Awaited:
        def __init__(self, auth): self.auth = auth
        def __await__(self): return later(self.auth).__await__()
    return {
        'plain': says, 'lambda': lambda auth: says(auth), 'object': Plain(), 'method': Plain().method, 'cached': functools.cache(says),
        'coroutine': later, 'partial': functools.partial(later), 'async object': Later(), 'async method': Plain().later,
        'decorated': logged(later), 'decorated without a name': bare(later), 'lambda of a coroutine': lambda auth: later(auth),
        'decorated object': bare(Later()), 'partial of an object': functools.partial(Later()), 'awaitable': lambda auth: Awaited(auth),
        'coroutine of a coroutine': later_still, 'decorated coroutine of a coroutine': logged(later_still),
        'generator': generator, 'async generator': async_generator, 'coroutine of a generator': later_a_generator,
        'decorated generator': logged(generator), 'decorated async generator': logged(async_generator)}


GENERATORS = [kind for kind in kinds(bool) if 'generator' in kind]
PLAIN = 'plain', 'lambda', 'object', 'method'   # a scope cannot be the key of a cache


def basic(name): return {'Authorization': 'Basic ' + b64encode(f'{name}:x'.encode()).decode()}


def page(app, name):
    @app.get('/')
    def home(): return P('SECRET')
    return 'SECRET' in DirectClient(app, raise_server_exceptions=False).get('/', headers=basic(name)).text


def passwords(f, name): return page(FastHTML(secret_key='k', middleware=[user_pwd_auth(lambda user, password: f(user))]), name)


def passwords_as_they_are(f, name):
    return page(FastHTML(secret_key='k', middleware=[Middleware(BasicAuthMiddleware, cb=lambda conn, user, password: f(user))]), name)


def guard_of_a_region(f, name):
    app = FastHTML(secret_key='k', before=lambda req: req.scope.update(auth=name))
    @app.live(guard=f)
    def box(): return P('SECRET')
    @app.get('/')
    async def home():
        drawn = box()
        return await drawn if inspect.isawaitable(drawn) else drawn
    return 'SECRET' in DirectClient(app, raise_server_exceptions=False).get('/').text


def login(f, name):
    class Provider(WebClient):
        base_url, id_key = 'https://id.example/auth', 'id'
        def parse_response(self, code, redirect_uri, **kw): return {'access_token': 'x'}
        def get_info(self, token=None): return {'id': name}
    class Door(OAuth):
        def get_auth(self, info, ident, session, state): return f(ident)
    app = FastHTML(secret_key='k')
    door = Door(app, Provider('shop', 'kept'), skip=['/in'])
    @app.get('/in')
    def link(req): return door.login_link(req)
    with Client(app, 'https://testserver', raise_errors=False) as client:
        state = client.get('/in').text.partition('state=')[2].partition('&')[0]
        client.get('/redirect', params={'code': 'c', 'state': state})
        return 'auth' in client.session


def health(f, name):
    app = FastHTML(secret_key='k')
    app.health(checks={'it': lambda: f(name)})
    return DirectClient(app).get('/readyz').status_code == 200


CHECKS = {'passwords': passwords, 'passwords as they are': passwords_as_they_are, 'guard of a region': guard_of_a_region,
          'login': login, 'health': health}


@each_row('check', CHECKS)
@each_row('kind', kinds(bool))
def test_what_a_check_says_is_obeyed_whatever_kind_of_function_it_is(kind, check, caplog):
    caplog.set_level(logging.CRITICAL)
    made, refuses = [], False if check == 'health' else None
    def says(auth):
        made.append(auth)
        if auth != 'ann': return refuses
        return Response('in') if check == 'login' else auth
    f = kinds(says)[kind]
    assert not CHECKS[check](f, 'bo')
    if kind in GENERATORS: assert not CHECKS[check](f, 'ann') and not made, 'nothing of a generator has run'
    else: assert CHECKS[check](f, 'ann') and made == ['bo', 'ann']


UNDECIDED = {'iterator': lambda: filter(None, []), 'cursor': lambda: sqlite3.connect(':memory:').execute('select 1 where 0'),
             'function': lambda: len, 'method': lambda: 'ann'.isupper, 'own function': lambda: (lambda: False),
             'async iterator': lambda: aiter(Never()), 'future of a thread pool': Future, 'exception': lambda: HTTPException(403),
             'exception of Python': PermissionError, 'response that refuses': lambda: Response('no', 403),
             'json that refuses': lambda: JSONResponse({'detail': 'no'}, 401),
             'context manager': lambda: contextlib.contextmanager(yes)(),
             'result of a pool': lambda: ApplyResult(SimpleNamespace(_cache={}), None, None),
             'async context manager': lambda: contextlib.asynccontextmanager(aiter)(Never()),
             'partial': lambda: functools.partial(bool),
             'object that can be called': lambda: kinds(bool)['object'], 'class': lambda: PermissionError, 'own class': lambda: Never,
             'weak reference': lambda: weakref.ref(Never), 'property': lambda: property(bool), 'thread': threading.Thread,
             'lock': threading.Lock, 'event': threading.Event, 'not implemented': lambda: NotImplemented, 'ellipsis': lambda: ...,
             'group of exceptions': lambda: ExceptionGroup('x', [ValueError()]), 'process': lambda: subprocess.CompletedProcess([], 1),
             'httpx': lambda: httpx.Response(403), 'query that was not run': lambda: sqlalchemy.select(sqlalchemy.text('1')),
             'what only iterates': lambda: Iterated(), 'requests': lambda: said_by_requests(200), 'response with a field': lambda: Said(),
             'request that was not sent': lambda: httpx.Request('GET', 'http://x'), 'of requests': lambda: requests.Request('GET', 'http://x'),
             'prepared': lambda: requests.Request('GET', 'http://x').prepare(), 'process that was not started': Process,
             'ready element that refuses': lambda: FtResponse(P('no'), status_code=403),
             'column': lambda: Row.email, 'condition': lambda: Row.email != 'a', 'id of what was not called': lambda: Callable()}
PAGES = {'element': lambda: P('no'), 'elements': lambda: Titled('No'), 'list of elements': lambda: [P('no')]}   # also of a login
ONLY_YES_OR_NO = PAGES | {'redirect': lambda: Redirect('/login'), 'response': lambda: Response('no')}   # a login gives one to let a user in



def yes(): yield True


class Iterated:
    def __iter__(self): return iter([False])
class Never:
    def __aiter__(self): return self
    async def __anext__(self): raise StopAsyncIteration


@each_row('check', CHECKS)
@each_row('kind', ['plain', 'coroutine'])
@each_row('what', UNDECIDED)
def test_what_is_true_whatever_it_would_say_lets_nobody_in(what, kind, check, caplog):
    "`filter(...)`, a cursor without rows, and a function that was not called are true, as any object is"
    caplog.set_level(logging.CRITICAL)
    assert not CHECKS[check](kinds(lambda auth: UNDECIDED[what]())[kind], 'ann')


@each_row('check', [o for o in CHECKS if o != 'login'])
@each_row('what', ONLY_YES_OR_NO)
def test_a_response_is_no_answer_to_a_question_of_yes_or_no(what, check, caplog):
    "A guard of an app refuses by a response, so a check that is written like one would let everybody in"
    caplog.set_level(logging.CRITICAL)
    assert not CHECKS[check](lambda auth: ONLY_YES_OR_NO[what](), 'ann')


class User:
    def __init__(self): self.name = 'ann'
class Callable(User):
    "Not called"
    id = 7
    def __call__(self): return False
class DictLike(User):
    def get(self, key): return key
    def ready(self): return False
    def keys(self): return ['name']
    def __getitem__(self, key): return 'ann'
@attrs.define
class Said: status_code: int = 403   # as a client of an OpenAPI service gives it
@dataclasses.dataclass
class Record:
    n: int = 3
    def __call__(self): return False
class Shown(User):
    def __ft__(self): return P(self.name)
    def __html__(self): return self.name
class Truth(User):
    def __bool__(self): return True
    def __enter__(self): return self
class Model(pydantic.BaseModel): name: str = 'ann'
class Slim(msgspec.Struct): name: str = 'ann'
class Mapped(sqlalchemy.orm.DeclarativeBase): pass
class Row(Mapped):
    __tablename__ = 'users'
    email: sqlalchemy.orm.Mapped[str] = sqlalchemy.orm.mapped_column(primary_key=True)


def said_by_requests(status):
    "True for 200, False for 401, whatever the service says in its JSON"
    response = requests.Response()
    response.status_code = status
    return response


def row_of_sqlite():
    with contextlib.closing(sqlite3.connect(':memory:')) as db:
        db.row_factory = sqlite3.Row
        return db.execute('select 1').fetchone()


def row_of_sqlalchemy():
    with sqlalchemy.create_engine('sqlite://').connect() as db: return db.execute(sqlalchemy.text('select 1 as get, 2 as ready')).one()


YES = {'number': lambda: 7, 'float': lambda: .5, 'text': lambda: 'ann', 'HTML': lambda: Safe('ann'), 'bytes': lambda: b'x',
       'mapping': lambda: {'get': 1, 'ready': 0}, 'list': lambda: ['ann'], 'set': lambda: {1}, 'named tuple': lambda: Pair('a', 1),
       'user': User, 'like a mapping': DictLike, 'record': Record, 'drawn': Shown, 'truth': Truth,
       'pydantic': Model, 'msgspec': Slim, 'SQLAlchemy': lambda: Row(email='a'), 'row of sqlite3': row_of_sqlite,
       'row of SQLAlchemy': row_of_sqlalchemy, 'match': lambda: re.match('a', 'a'), 'date': datetime.now, 'uuid': uuid4, 'path': Path,
       'decimal': lambda: Decimal(1), 'namespace': lambda: SimpleNamespace(name='a', get=1), 'enum': lambda: Pairs.a,
       'user of Starlette': lambda: SimpleUser('ann'), 'user dict': lambda: UserDict(a=1), 'attrs': lambda: attrs.make_class('A', ['a'])(1)}
Pair = namedtuple('Pair', 'name role')
Pairs = Enum('Pairs', 'a b')


@each_row('what', YES)
def test_what_holds_something_is_a_yes(what):
    found = YES[what]()
    assert decided(len, found) is found


@each_row('no', [False, None, 0, '', {}, [], (), Decimal(0)], ids=repr)
def test_what_holds_nothing_is_a_no(no): assert not decided(len, no)


WELCOMES = {'response': lambda: Response('in'), 'redirect': lambda: Redirect('/'), 'element': lambda: P('in'), 'true': lambda: True,
            'elements': lambda: (P('in'), HttpHeader('X-A', 'b')), 'ready element': lambda: FtResponse(P('in'))}
REFUSALS = {'response': lambda: Response('no', 403), 'ready element': lambda: FtResponse(P('no'), status_code=403), 'none': lambda: None,
            'json': lambda: JSONResponse({}, 401), 'false': lambda: False}


@each_row('what, answer', [*WELCOMES.items(), *REFUSALS.items()])
def test_a_login_is_granted_by_what_is_no_refusal(what, answer, caplog):
    caplog.set_level(logging.CRITICAL)
    assert login(lambda ident: answer(), 'ann') == (answer in WELCOMES.values())


def guard_of_an_app(f): return FastHTML(secret_key='k', before=f)


def guard_in_a_list(f): return FastHTML(secret_key='k', before=[lambda: None, Beforeware(f, skip='/open')])


def guard_of_a_route(f):
    app = FastHTML(secret_key='k')
    app.route('/', before=f)(lambda: P('SECRET'))
    return app


def guard_of_a_mount(f):
    inner, app = FastHTML(secret_key='k'), FastHTML(secret_key='k', before=f)
    inner.get('/')(lambda: P('SECRET'))
    app.mount('/', inner)
    return app


GUARDS = guard_of_an_app, guard_in_a_list, guard_of_a_route, guard_of_a_mount


def yielding(says):
    "Guards that refuse with `return`, and have a `yield`"
    def early(auth):
        return says(auth)
        yield
    async def later(auth):
        if says(auth): return
        yield
    def at_once(auth): yield says(auth)
    async def at_once_async(auth): yield says(auth)
    return {'yields later': early, 'yields later, async': later, 'yields later, decorated': logged(early),
            'yields later, lambda': lambda auth: early(auth), 'yields later, decorated async': logged(later),
            'yields what it says': at_once, 'yields what it says, async': at_once_async}


@each_row('guarded', GUARDS)
@each_row('kind', [*(o for o in kinds(bool) if o not in GENERATORS), *yielding(bool)])
def test_what_a_guard_of_an_app_returns_is_obeyed_whatever_kind_of_function_it_is(kind, guarded, caplog):
    "What a generator returns is lost, so one that is a guard answers every request"
    caplog.set_level(logging.CRITICAL)
    says = lambda auth: Response('no', 403)
    all_kinds = kinds(says) | yielding(says)
    app = guarded(all_kinds[kind])
    if not app.routes: app.get('/')(lambda: P('SECRET'))
    with Client(app, raise_errors=False) as client:
        answer = client.get('/')
        assert 'SECRET' not in answer.text and ('yields' in kind or answer.status_code == 403)
        if guarded is guard_of_a_route: return
        app.ws('/ws', conn=lambda: 'SECRET')(lambda: None)
        with pytest.raises((Closed, TypeError)), client.ws('/ws') as socket: socket.receive()


class Refusal:
    "What another library gives"
    def __bool__(self): return False
class NoRows:
    def __len__(self): return 0
class Right(IntFlag):
    READ, WRITE = 1, 2
class Level(IntEnum):
    NONE = 0


YES_OR_NO = {'True': lambda: True, 'False': lambda: False, 'a Response': lambda: said_by_requests(401), 'a Refusal': Refusal,
             'a NoRows': NoRows, 'a Right': lambda: Right.READ & Right.WRITE, 'a Level': lambda: Level.NONE}


@each_row('guarded', GUARDS)
@each_row('said', YES_OR_NO)
def test_a_guard_that_says_yes_or_no_lets_nobody_in_and_says_so(said, guarded, caplog):
    "False would let strangers in, and True would refuse users"
    app = guarded(lambda auth: YES_OR_NO[said]())
    if not app.routes: app.get('/')(lambda: P('SECRET'))
    assert 'SECRET' not in DirectClient(app, raise_server_exceptions=False).get('/').text
    with pytest.raises(TypeError, match=f'gave {said}. None lets a request through'), Client(app) as client: client.get('/')


@each_row('nothing', [None, '', b'', 0, 0., (), [], {}, set(), UserDict()], ids=repr)
def test_a_guard_that_gives_nothing_lets_a_request_through(nothing):
    app = FastHTML(secret_key='k', before=lambda: nothing)
    app.get('/')(lambda: P('SECRET'))
    assert 'SECRET' in DirectClient(app).get('/').text


@each_row('header', ['Basic é', 'Basic \xff', 'Basic %%%', 'Basic YQ', 'Basic /w==', 'Basic', 'basic ', 'Basic YQ=='])
def test_a_header_that_names_nobody_is_a_401(header):
    app = FastHTML(secret_key='k', middleware=[user_pwd_auth(lambda name, password: True)])
    assert DirectClient(app).get('/', headers={'Authorization': header.encode('latin-1')}).status_code == 401


@each_row('kind', kinds(bool))
def test_what_cannot_say_at_once_who_somebody_is_counts_no_stranger_as_a_new_person(kind, caplog):
    "`Limits(person=)` is asked where nothing can be awaited: each coroutine would be another user"
    caplog.set_level(logging.CRITICAL)
    f = kinds(lambda auth: 'ann')[kind]
    app = FastHTML(secret_key='k', limits=Limits(per_person=1, person=f))
    app.ws('/ws', conn=lambda: 'in')(lambda: None)
    with Client(app, raise_errors=False) as client:
        if kind in PLAIN:
            with client.ws('/ws') as first, pytest.raises(Closed), client.ws('/ws') as second: assert first.receive() != second.receive()
        else:
            with pytest.raises((Closed, TypeError)), client.ws('/ws') as socket: socket.receive()


@each_row('kind', kinds(bool))
def test_background_work_is_done_or_fails(kind):
    done = []
    def work(auth): done.append(auth)
    one, two = BackgroundTask(kinds(work)[kind], 'ann'), BackgroundTasks()
    two.add_task(kinds(work)[kind], auth='bo')
    app = FastHTML(secret_key='k')
    app.get('/')(lambda: (P('x'), one, two))
    with Client(app) as client:
        if kind in GENERATORS:
            with pytest.raises(TypeError, match='runs nothing of it'): client.get('/')
        else: client.get('/')
    assert done == ([] if kind in GENERATORS else ['ann', 'bo'])


@each_row('when', ['startup', 'shutdown'])
@each_row('kind', kinds(bool))
def test_a_function_for_the_start_or_the_end_of_an_app_has_run_or_the_app_says_why_not(kind, when):
    ran = []
    f = kinds(ran.append)[kind]
    app = FastHTML(secret_key='k', **{f'on_{when}': functools.partial(f, 'ann')})
    if kind in GENERATORS:
        with pytest.raises(TypeError, match='runs nothing of it. Write `return`'), Client(app): pass
    else:
        with Client(app): assert ran == (['ann'] if when == 'startup' else [])
    assert ran == ([] if kind in GENERATORS else ['ann'])


@pytest.mark.parametrize('kind', ['generator', 'async generator'])
def test_a_guard_that_yields_lets_nobody_in_and_says_so(kind, caplog):
    app = FastHTML(secret_key='k', before=kinds(lambda auth: None)[kind])

    @app.get('/')
    def index(): return 'secret'

    assert f'The guard kinds.<locals>.{kind.replace(" ", "_")} has a `yield`' in caplog.text
    assert 'secret' not in Client(app, raise_errors=False).get('/').text
