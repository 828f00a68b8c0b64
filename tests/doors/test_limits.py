"""Open sockets are counted for every way to register one, and a refused one is told to come back later."""
import asyncio
import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import UserDict
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import InitVar, dataclass, field, fields
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from random import random, sample
from types import SimpleNamespace
from typing import NamedTuple
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
import sqlalchemy.orm
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser, UnauthenticatedUser
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.common import APIRouter, EventStream, Limits, P
from fasthtml.http.limits import Admissions, id_of, mark_of, network_of, open_file_limit, person_of, total_of
from fasthtml.realtime.channels import Channel
from fasthtml.testing import Client
from support import DEADLINE, each_row, serve, wait_until
from visitor_kit import Stream, Visitor


async def on(msg: str): return msg


async def plain(ws):
    await ws.accept()
    with suppress(WebSocketDisconnect): await ws.receive_text()


def routed(app):
    ar = APIRouter()
    ar.ws('/s')(on)
    ar.to_app(app)


def inner():
    app = FastHTML(secret_key='k')
    app.ws('/s')(on)
    return app


WAYS = {'ws': (lambda app: app.ws('/s')(on), '/s'), 'APIRouter': (routed, '/s'), 'mount': (lambda app: app.mount('/in', inner()), '/in/s'),
        'WebSocketRoute': (lambda app: app.router.routes.append(WebSocketRoute('/s', plain)), '/s'),
        'Mount': (lambda app: app.router.routes.append(Mount('/in', app=Starlette(routes=[WebSocketRoute('/s', plain)]))), '/in/s')}


def test_every_way_and_every_limit_is_in_a_table():
    ways = {n for n in dir(FastHTML) if re.search('ws|websocket', n)}
    ways |= {f'APIRouter.{n}' for n in dir(APIRouter) if re.search('ws|websocket', n)}
    assert ways == {'ws', 'APIRouter.ws', 'setup_ws', 'add_websocket_route'}, 'the last two call `ws`'
    here = {'total', 'per_address', 'per_person', 'person'}
    elsewhere = {'messages_per_second', 'age'}    # tests/realtime/test_options.py
    assert {f.name for f in fields(Limits)} == here | elsewhere


def refused(client, path):
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect(path) as ws: ws.receive_text()
    return closed.value.code


@pytest.mark.parametrize('how', WAYS)
def test_one_socket_too_many_is_closed_with_1013_until_another_has_ended(how, caplog):
    app = FastHTML(secret_key='k', limits=Limits(total=2))
    register, path = WAYS[how]
    register(app)
    client = DirectClient(app)
    for _ in range(2):
        with ExitStack() as stack:
            for _ in range(2): stack.enter_context(client.websocket_connect(path))
            assert refused(client, path) == 1013 and app.site.limits.open == 2
            assert 'Limits(total=)' in caplog.text
        assert app.site.limits.open == 0


# Streams: what registers one, and its path

async def follow(): return EventStream(heartbeat=None)
def follow_plain(): return EventStream(Channel('quiet'))


async def silent():
    await asyncio.sleep(60)
    yield P('never')


def stream_inside():
    app = FastHTML(secret_key='k')
    app.get('/s')(follow)
    return app


def stream_routed(app):
    ar = APIRouter()
    ar.get('/s')(follow)
    ar.to_app(app)


async def starlette_stream(request): return EventStream(silent())


async def parts():
    "A page whose end does not come"
    yield P('first')
    async for part in silent(): yield part


def chunks(**options): return StreamingResponse((str(part) async for part in parts()), media_type='text/html', **options)


def parts_inside():
    app = FastHTML(secret_key='k')
    app.get('/s')(parts)
    return app

def failing(app, error):
    app.get('/s')(lambda: 1 / 0)
    app.exception_handler(error)(lambda req, exc: chunks())
    return app


STREAMS = {
    'app.get': (lambda app: app.get('/s')(follow), '/s'), 'plain': (lambda app: app.get('/s')(follow_plain), '/s'),
    'post': (lambda app: app.route('/s')(follow), '/s'), 'APIRouter': (stream_routed, '/s'),
    'mount': (lambda app: app.mount('/in', stream_inside()), '/in/s'),
    'generator': (lambda app: app.get('/s')(lambda: EventStream(silent())), '/s'),
    'Route': (lambda app: app.router.routes.append(Route('/s', starlette_stream)), '/s'),
    'Mount': (lambda app: app.router.routes.append(Mount('/in', app=Starlette(routes=[Route('/s', starlette_stream)]))), '/in/s'),
    'a page in parts': (lambda app: app.get('/s')(parts), '/s'),
    'a page in parts of a mount': (lambda app: app.mount('/in', parts_inside()), '/in/s'),
    'StreamingResponse': (lambda app: app.get('/s')(lambda: chunks()), '/s'),
    'StreamingResponse and work after it': (lambda app: app.get('/s')(lambda: chunks(background=BackgroundTask(lambda: None))), '/s'),
    'of a guard': (lambda app: app.get('/s', before=lambda: chunks())(follow), '/s'),
    'of an exception handler': (lambda app: failing(app, ZeroDivisionError), '/s'),
    'of the last exception handler': (lambda app: failing(app, 404), '/nowhere'),
    'of an exception handler of a mount': (lambda app: app.mount('/in', failing(FastHTML(secret_key='k'), ZeroDivisionError)), '/in/s')}


def opened(url, path):
    "The response of a stream that is open, or of a refusal"
    line = http.client.HTTPConnection(url.partition('//')[2], timeout=20)
    line.request('GET', path)
    return line, line.getresponse()


@each_row('how', STREAMS)
def test_one_stream_too_many_is_told_to_come_back_and_counts_with_the_sockets(how):
    "A real server; streams by the standard library's client, a socket by the client of `websockets`"
    app = FastHTML(secret_key='k', limits=Limits(total=3))
    register, path = STREAMS[how]
    register(app)
    app.ws('/ws')(on)
    with serve(app) as server:
        with connect(f'ws{server.url[4:]}/ws') as ws:
            lines = [opened(server.url, path) for _ in range(2)]
            assert [r.status for _, r in lines] == [200, 200] and app.site.limits.open == 3
            line, refusal = opened(server.url, path)
            assert (refusal.status, refusal.headers['retry-after'].isdigit()) == (503, True)
            line.close()
            with connect(f'ws{server.url[4:]}/ws') as late, pytest.raises(ConnectionClosed) as closed: late.recv(30)
            assert closed.value.rcvd.code == 1013
            ws.close()
            wait_until(lambda: app.site.limits.open == 2, what='the socket to be released')
            line, again = opened(server.url, path)
            assert again.status == 200
        for held, response in (*lines, (line, again)):
            response.close()
            held.close()
        wait_until(lambda: app.site.limits.open == 0, what='the streams to be released')


def test_people_and_addresses_are_counted_over_streams_and_sockets():
    def guard(req): req.scope['auth'] = req.query_params.get('who')
    app = FastHTML(secret_key='k', before=guard, limits=Limits(per_person=2, per_address=3))
    app.get('/s')(follow)
    app.ws('/ws')(on)
    with serve(app) as server, connect(f'ws{server.url[4:]}/ws?who=ann') as ws:
        ann, bob = opened(server.url, '/s?who=ann'), opened(server.url, '/s?who=bob')
        assert [r.status for _, r in (ann, bob)] == [200, 200]
        for path in '/s?who=ann', '/s?who=carl':    # a third of ann; a fourth of this address
            assert opened(server.url, path)[1].status == 503
        ws.close()
        wait_until(lambda: app.site.limits.open == 2, what='the socket to be released')
        assert opened(server.url, '/s?who=ann')[1].status == 200


class Row:
    def __init__(self, id, name): self.id, self.name = id, name
class Bare:
    def __init__(self, name): self.name = name
@dataclass
class Account:
    id: int
    seen: float
class Pair(NamedTuple):
    kind: str
    name: str


class Slots:
    __slots__ = ('id',)
    def __init__(self, id): self.id = id


class Mapped:
    "As SQLAlchemy makes them: an object of its own beside the columns"
    def __init__(self, id, seen): self.id, self.seen, self._sa_instance_state = id, seen, object()
class Named:
    "Its text is what its owner wants to be called"
    def __init__(self, email): self.email = email
    def __str__(self): return 'Ann'
    @cached_property
    def seen(self): return random()
class Shown(Named):
    def __repr__(self): return 'User(Ann)'
class NamedSlots:
    __slots__ = ('__email',)
    def __init__(self, email): self.__email = email
    def __str__(self): return 'Ann'
class Masked(str):
    def __str__(self): return '***'
class MaskedNumber(int):
    def __str__(self): return '***'
    __repr__ = __str__
@dataclass
class Seen:
    name: str
    seen: float = field(compare=False)
@dataclass
class Roles:
    name: str
    roles: set
@dataclass
class Titled:
    title: str
class Widened(Titled):
    def __init__(self, email):
        super().__init__('Dr')
        self.email = email
    def __str__(self): return 'Ann'
@attrs.define
class InAttrs:
    name: str
    roles: set
class InPydantic(pydantic.BaseModel): name: str
class InAttrsWidened(InAttrs):
    def __init__(self, email):
        super().__init__('Ann', set())
        self.email = email
class Hidden(pydantic.BaseModel): key: pydantic.SecretStr
def looked_at(user):
    str(user.seen)
    return user
class InMsgspec(msgspec.Struct): name: str


def of_tenant(base, *fixed):
    "What makes an object of a subclass of `base`, which holds more than its value"
    def make(n):
        user = type('OfTenant', (base,), {'looked': cached_property(lambda self: random())})(*fixed)
        user.tenant = n
        return looked_up(user)
    return make
def looked_up(user):
    if random() < .5: str(user.looked)
    return user
def with_tenant(user, n, name='tenant'):
    "As a guard does it"
    setattr(user, name, n)
    return user


@attrs.define
class Looked:
    "A record in slots, which remembers what it was asked"
    name: str
    @cached_property
    def looked(self): return random()
class Own(Mapping):
    def __init__(self, name): self.name = name
    def __getitem__(self, key): return {'role': 'user'}[key]
    def __iter__(self): return iter(['role'])
    def __len__(self): return 1
class Private(pydantic.BaseModel):
    name: str
    _tenant: str = pydantic.PrivateAttr('')
class Open(msgspec.Struct, dict=True): name: str
class Uncompared(msgspec.Struct): pass
@attrs.define(slots=False)
class InDict: name: str
@dataclass
class OfOrm:
    name: str
    def __post_init__(self): self._sa_instance_state = object()
@dataclass
class Uncounted:
    name: str = field(compare=False)
@dataclass
class Forgotten:
    name: InitVar[str]


def row_of(column, n):
    with closing(sqlite3.connect(':memory:')) as db:
        db.row_factory = sqlite3.Row
        return db.execute(f'select ? as {column}, 1 as admin', [n]).fetchone()

def shuffled(letters): return sample(letters, len(letters))
def in_any_order(n): return {key: n for key in shuffled(['name', 'email', 'by'])}


class Prefs:
    def __init__(self): self.theme = 'dark'
class Slim:
    __slots__ = ('email',)
    def __init__(self, email): self.email = email
@dataclass
class WithPrefs:
    name: str
    prefs: Prefs = field(default_factory=Prefs)
class ById:
    def id(self): return 7


class Nobody:
    def __bool__(self): return False
    def __str__(self): return 'nobody'


Kinds = Enum('Kinds', 'a1 a2 a3')
Words = Enum('Words', {'a1': 'x', 'a2': 'y', 'a3': 'z'}, type=str)


PEOPLE = {'text': str, 'number': int, 'row': lambda n: Row(int(n), random()), 'slots': Slots,
          'record': lambda n: Account(int(n), random()), 'mapping': lambda n: {'id': n, 'seen': random()},
          'mapping without id': lambda n: {'name': n}, 'tuple': lambda n: ('google', n), 'named tuple': lambda n: Pair('google', n),
          'namespace': lambda n: SimpleNamespace(id=n, seen=random()), 'uuid': lambda n: UUID(int=int(n)),
          'name and row': lambda n: ('google', Row(int(n), random())), 'list of an object': lambda n: [Row(n, random())],
          'mapping of an object': lambda n: {'user': Row(n, random()), 'by': 'google'}, 'row of SQLite': lambda n: row_of('id', n),
          'row of SQLite without id': lambda n: row_of('email', n), 'text of its own': Named,
          'repr of its own': Shown, 'slots with a text': NamedSlots, 'list of texts': lambda n: [Named(n)],
          'object': Bare, 'slots, no id': Slim,
          'remembers what it was asked': lambda n: looked_at(Named(n)) if random() < .5 else Named(n),
          'masked text': Masked, 'masked number': lambda n: MaskedNumber(int(n)), 'masked id': lambda n: {'id': Masked(n)},
          'secret': pydantic.SecretStr, 'id is a secret': lambda n: SimpleNamespace(id=pydantic.SecretStr(n), seen=random()),
          'secret in a model': lambda n: Hidden(key=n), 'secret in a mapping': lambda n: {'key': pydantic.SecretBytes(n.encode())},
          'attributes of a subclass': Widened, 'attributes of a subclass, attrs': InAttrsWidened,
          'date': lambda n: date(2026, 1, int(n)), 'path': Path, 'decimal': Decimal, 'enum': lambda n: Kinds['a' + n],
          'address': lambda n: ip_address(int(n)), 'enum of texts': lambda n: Words['a' + n],
          'uncompared fields': lambda n: Seen(n, random()),
          'set': lambda n: {*shuffled('abc'), n}, 'mapping of sets': lambda n: {'name': n, 'roles': frozenset(shuffled('abc'))},
          'record with a set': lambda n: Roles(n, {*shuffled('abc')}),
          'sets in sets': lambda n: {frozenset(shuffled('abc')), frozenset([n])},
          'bytes': lambda n: n.encode(), 'attrs': lambda n: InAttrs(n, {*shuffled('abc')}), 'pydantic': lambda n: InPydantic(name=n),
          **{f'{base.__name__} and more': of_tenant(base, value) for base, value in {
              str: 'ann', int: 7, float: .5, bytes: b'ann', list: [1], tuple: (1,), set: {1}, dict: {'name': 'ann'},
              UserDict: {'name': 'ann'}}.items()},
          'id is a text and more': lambda n: SimpleNamespace(id=of_tenant(str, 'ann')(n)),
          'text and more in a list': lambda n: ['google', of_tenant(str, 'ann')(n)],
          'text and slots': lambda n: with_tenant(type('Slotted', (str,), {'__slots__': ('tenant',)})('ann'), n),
          'mapping of its own': Own, 'private attribute': lambda n: with_tenant(Private(name='ann'), n, '_tenant'),
          'dataclass and more': lambda n: with_tenant(Titled('Dr'), n),
          'attrs and more': lambda n: with_tenant(InDict('ann'), n), 'msgspec and more': lambda n: with_tenant(Open('ann'), n),
          'attrs that remembers': lambda n: looked_up(Looked(n)), 'dataclass of SQLAlchemy': OfOrm,
          'msgspec': lambda n: InMsgspec(n), 'SQLAlchemy with id': lambda n: Mapped(n, random()), 'keys in any order': in_any_order}


def sqlalchemy_user():
    base = sqlalchemy.orm.declarative_base()
    columns = {'email': sqlalchemy.Column(sqlalchemy.String, primary_key=True)}
    return type('User', (base,), {'__tablename__': 'users', **columns})(email='a@x')


NAMELESS = {'nothing': object, 'holds nothing': type('Empty', (), {'__str__': lambda self: 'Ann'}),
            'object in an object': lambda: Bare(Bare('bob')), 'in a list': lambda: Bare([Prefs()]),
            'text with an address': lambda: SimpleNamespace(name='b', prefs=print.__call__),
            'function': lambda: row_of, 'class': lambda: Bare, 'id is a method': ById,
            'id is nothing': lambda: SimpleNamespace(id=object()),
            'record without fields': Uncompared, 'record of uncompared fields': lambda: Uncounted('ann'),
            'record that keeps nothing': lambda: Forgotten('ann'), 'empty namespace': SimpleNamespace,
            'SQLAlchemy without id': sqlalchemy_user, 'scopes of Starlette': lambda: AuthCredentials(['authenticated'])}


@each_row('kind', NAMELESS)
@each_row('ask', [person_of, lambda auth: Admissions(Limits(per_person=1)).admit({'auth': auth})], ids=['region', 'limit'])
def test_what_cannot_name_a_person_is_an_error_that_says_what_to_do(kind, ask):
    "What it is does not matter, but that the next request or another process would not know it again"
    with pytest.raises(TypeError, match='known by an attribute `id`|give the class an `id`'): ask(NAMELESS[kind]())


@each_row('kind', PEOPLE)
def test_no_two_persons_are_one_and_each_is_the_same_whatever_its_text(kind):
    said = {n: {person_of(PEOPLE[kind](n)) for _ in range(5)} for n in '12'}
    assert [len(o) for o in said.values()] == [1, 1] and said['1'] != said['2']


@each_row('nobody', [None, False, '', {}, [], (), set(), Nobody()], ids=str)
def test_a_stranger_is_no_person(nobody): assert person_of(nobody) == ''


def test_a_person_is_the_same_in_processes_with_other_hashes():
    code = '''if True:
        from dataclasses import dataclass
        from fasthtml.http.limits import mark_of, person_of
        @dataclass
        class Roles: name: str; roles: set
        roles = {'admin', 'editor', 'reader', 'writer'}
        for person in Roles('bob', roles), {'name': 'bob', 'roles': frozenset(roles)}, [roles], {frozenset(roles), 'bob'}:
            print(mark_of('person', person_of(person)))
    '''
    said = {subprocess.run([sys.executable, '-c', code], env=os.environ | {'PYTHONHASHSEED': str(seed)}, capture_output=True, text=True,
                           check=True, timeout=DEADLINE).stdout for seed in (1, 2, 3)}
    assert len(said) == 1


ids = st.one_of(st.text(alphabet='ab\0\1\\ ./', max_size=4), st.sampled_from(['["mapping", []]', '\1c[]', '\0', 'a\0builtins.set']))
values = st.recursive(st.one_of(ids, st.integers(0, 2), st.none(), st.booleans(), st.floats(0, 1)),
                      lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(ids, inner, max_size=2)), max_leaves=4)


@settings(max_examples=300, deadline=None)
@given(values, values)
def test_no_two_persons_have_one_text(one, other):
    "Plain values by their text (7 is '7'), what has an id by the id"
    def said(value):
        if isinstance(value, dict) and value.get('id') is not None: value = value['id']
        if isinstance(value, str | int | float): return str(value) if value is not False else ''
        return value and json.dumps(value, sort_keys=True) + '!' or ''
    assert (person_of(one) == person_of(other)) == (said(one) == said(other))
    if isinstance(one, str) and one: assert person_of(one) == id_of(person_of(SimpleNamespace(id=one)))


class ByName(BaseUser):
    "`identity` is left out"
    is_authenticated = True
    def __init__(self, name): self.name = name
    @property
    def display_name(self): return self.name
class ByIdentity(ByName):
    "Two may be called the same"
    display_name = 'Ann'
    @property
    def identity(self): return self.name
class LikeOne:
    is_authenticated, display_name = True, 'Ann'
    def __init__(self, name): self.identity_, self.seen = name, random()
    @property
    def identity(self): return self.identity_
class WithoutWord(ByName):
    "`is_authenticated` is left out, too: `requires` asks for scopes alone"
    is_authenticated = BaseUser.is_authenticated
class NotYet(ByIdentity): is_authenticated = False


USERS = {'SimpleUser': SimpleUser, 'display_name': ByName, 'identity': ByIdentity, 'like one': LikeOne, 'no is_authenticated': WithoutWord,
         'text': str, 'record': lambda n: Account(int(n), random())}
STRANGERS = {'nobody': lambda n: UnauthenticatedUser(), 'not yet': NotYet, 'None': lambda n: None}


def behind_starlette(make, **limits):
    "An app whose streams and sockets are behind the AuthenticationMiddleware of Starlette"
    class Backend(AuthenticationBackend):
        async def authenticate(self, conn): return AuthCredentials(['authenticated']), make(conn.headers['x-name'])
    app = FastHTML(secret_key='k', limits=Limits(**limits), middleware=[Middleware(AuthenticationMiddleware, backend=Backend())])
    news = app.channel('news')
    app.get('/')(lambda: EventStream(news))
    @app.ws('/ws')
    async def ws(msg: str, send): await send(msg)
    return Client(app)


@each_row('by', ['auth', 'person='])
@each_row('kind', USERS | STRANGERS)
def test_behind_the_middleware_of_starlette_its_user_is_the_person(kind, by):
    known = kind in USERS
    client = behind_starlette((USERS | STRANGERS)[kind], per_person=1, person=None if by == 'auth' else lambda scope: scope['user'])
    with client.sse('/', headers={'X-Name': '1'}):
        if known:
            with pytest.raises(AssertionError, match='got 503'), client.sse('/', headers={'X-Name': '1'}): pass
        else:
            with client.sse('/', headers={'X-Name': '1'}): pass
        with client.sse('/', headers={'X-Name': '2'}): pass
        with client.ws('/ws', headers={'X-Name': '3'}) as ws:
            ws.send({'msg': 'hi'})
            assert ws.receive() == 'hi'


@pytest.mark.parametrize('kind', ['SimpleUser', 'display_name', 'identity', 'like one'])
def test_a_user_of_starlette_that_a_guard_gives_is_a_person(kind):
    assert person_of(USERS[kind]('1')) == person_of(USERS[kind]('1')) != person_of(USERS[kind]('2'))
    assert id_of(person_of(USERS[kind]('bob'))) == 'bob'
    assert person_of((STRANGERS['nobody'])('1')) == person_of(NotYet('1')) == ''


def regions_behind_starlette(make, place):
    "Regions, a stream and a socket behind the AuthenticationMiddleware of Starlette"
    class Backend(AuthenticationBackend):
        async def authenticate(self, conn): return AuthCredentials(['authenticated']), make(conn.headers['x-name'])
    layers = [Middleware(AuthenticationMiddleware, backend=Backend())]
    app = FastHTML(secret_key='k', middleware=layers if place == 'its own' else [])
    app.state.n, app.state.hall = 0, app.channel('hall', presence=lambda auth: id_of(person_of(auth)) or None)
    @app.live
    def account(auth): return P(f'{id_of(person_of(auth))}: {app.state.n}')
    @app.live(guard=lambda auth: auth is not None)
    def members(): return P(f'members: {app.state.n}')
    app.state.account = account
    app.get('/')(lambda: account())
    app.get('/members')(lambda: members())
    app.get('/events')(lambda: EventStream(app.state.hall))
    @app.ws('/ws')
    async def ws(msg: str): return msg
    if place == 'its own': return app, app
    if place == 'of the app around it':
        outer = FastHTML(secret_key='k', middleware=layers)
        outer.mount('/in', app)
        return app, outer
    return app, Starlette(routes=[Mount('/in', app)], middleware=layers)


@each_row('place', ['its own', 'of the app around it', 'of Starlette around it'])
@each_row('kind', USERS | STRANGERS)
def test_behind_the_middleware_of_starlette_its_user_is_the_person_of_regions_changes_and_forget(kind, place):
    known, make = kind in USERS, (USERS | STRANGERS)[kind]
    app, outer = regions_behind_starlette(make, place)
    prefix = '' if place == 'its own' else '/in'
    with serve(outer) as served, ExitStack() as stack:
        visitor, ann, bob = Visitor(served, prefix), {'X-Name': '1'}, {'X-Name': '2'}
        def ask(path, who):
            response = visitor.request('GET', path, **who)
            return response.status, response.read().decode()
        assert ask('/members', ann)[0] == (200 if known else 403)
        pages = {}
        for name, who in ('1', ann), ('2', bob):
            status, text = ask('/', who)
            assert status == 200 and (f'{name}: 0' if known else '>: 0') in text
            about = dict(has=visitor.rows_in(text), streams=[[1, '/events', {}]] if name == '2' else [])
            response = visitor.request('POST', '/_live', about, **who)
            pages[name] = Stream(stack.enter_context(closing(response)))
            pages[name].until('live/checked')
        wait_until(lambda: len(app.state.hall) == 1)
        assert app.state.hall.people() == (['2'] if known else [])   # by the stream that the page carries
        events = Stream(stack.enter_context(closing(visitor.request('GET', '/events', **ann))))
        wait_until(lambda: len(app.state.hall) == 2)
        assert app.state.hall.people() == (['2', '1'] if known else [])
        socket = stack.enter_context(connect(served.ws_url + prefix + '/ws', additional_headers=ann))
        app.state.n = 1
        app.state.account.changed_sync(auth=make('1'))
        assert f'{"1" if known else ""}: 1' in pages['1'].until('account{}')[-1][2]
        if not known: return
        served.call(lambda: app.regions.here().topics.start(app.forget(make('1'))))
        assert pages['1'].rest()[-1][0] == events.rest()[-1][0] == 'shutdown'
        with pytest.raises(ConnectionClosed) as e: socket.recv(DEADLINE)
        assert e.value.rcvd.code == 1012
        app.state.n = 2
        app.state.account.changed_sync()
        assert '2: 2' in pages['2'].until('account{}')[-1][2]   # one that changed for another person alone was not drawn


@each_row('by', ['auth', 'person='])
@each_row('kind', PEOPLE)
def test_a_person_is_one_whatever_a_guard_makes_of_each_request(kind, by):
    def who(scope): return PEOPLE[kind](dict(scope['headers'])[b'x-name'].decode())
    def guard(req): req.scope['auth'] = who(req.scope) if by == 'auth' else None
    app = FastHTML(secret_key='k', before=guard, limits=Limits(per_person=1, person=None if by == 'auth' else who))
    news = app.channel('news')
    app.get('/')(lambda: EventStream(news))
    client = Client(app)
    with client.sse('/', headers={'X-Name': '1'}):
        with pytest.raises(AssertionError, match='got 503'), client.sse('/', headers={'X-Name': '1'}): pass
        with client.sse('/', headers={'X-Name': '2'}): pass


def test_people_are_counted_after_the_guard_has_said_who_they_are():
    def guard(req): req.scope['auth'] = req.query_params['who']
    app = FastHTML(secret_key='k', before=guard, limits=Limits(per_person=1))
    app.ws('/s')(on)
    client = DirectClient(app)
    with client.websocket_connect('/s?who=ann'):
        assert refused(client, '/s?who=ann') == 1013
        with client.websocket_connect('/s?who=bob'): assert app.site.limits.open == 2
    assert not app.site.limits.people


def test_who_has_the_same_id_in_a_class_of_the_same_name_elsewhere_is_another_person():
    "And so is who calls themselves as that is written"
    here, elsewhere = (type('User', (SimpleNamespace,), {'__module__': module})(id=7) for module in ('shop', 'admin'))
    gate = Admissions(Limits(per_person=1))
    for person in (here, elsewhere, 'User 7', 'shop.User 7', str(('shop', 'User', '7')), '7\0shop.User', '7 shop.User', 7):
        assert not gate.admit({'auth': person}), person
    assert gate.admit({'auth': '7'}) and gate.admit({'auth': {'id': 7}})
    assert gate.admit({'auth': type(here)(id=7, name='as of now')})


def test_without_a_word_the_files_of_the_process_are_the_limit():
    files = open_file_limit()
    assert total_of(Limits()) == (None if files is None else files - max(files//10, 32))
    assert total_of(Limits(total=7)) == 7


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from('abc'), st.sampled_from(['ann', 'bob', None, ['un', 'hashable']]), st.booleans()), max_size=40))
def test_the_counts_are_those_of_what_is_open(moves):
    "Whatever comes and goes, in any order, nothing is counted twice or kept"
    gate, inside = Admissions(Limits(total=6, per_address=3, per_person=2)), []
    for address, auth, leaves in moves:
        if leaves and inside:
            scope = inside.pop(0)
            gate.release(scope)
            gate.release(scope)
        scope = {'client': (address, 1), 'auth': auth}
        if not gate.admit(scope): inside.append(scope)
        assert gate.open == len(inside) <= 6
        for key in 'abc': assert gate.addresses[key] == sum(s['client'][0] == key for s in inside) <= 3
        for person in ('ann', 'bob'): assert gate.people[person] == sum(s['auth'] == person for s in inside) <= 2
    for scope in inside: gate.release(scope)
    assert (gate.open, +gate.addresses, +gate.people) == (0, {}, {})


@each_row('wrong', [{'total': 0}, {'per_address': -1}, {'per_person': 'many'}, {'messages_per_second': float('nan')},
                                   {'total': True}])
def test_a_limit_that_is_none_is_told(wrong):
    with pytest.raises(ValueError, match=f'{next(iter(wrong))}='): Limits(**wrong)


def test_what_processes_compare_names_nobody_to_a_reader_of_the_broker(tmp_path):
    "Not even to one who tries all addresses: the marks depend on the app's key"
    def counts(key):
        app = FastHTML(secret_key=key, broker=f'sqlite:{tmp_path}/a.db', limits=Limits(per_address=5, per_person=5))
        app.site.limits.changed = None
        assert app.site.limits.admit({'client': ('10.0.0.7', 1), 'auth': 'ann'}) == ''
        return app.site.limits.counts()
    one, same, other = map(counts, ('a key', 'a key', 'another'))
    assert one == same and len(one) == 2 and not one.keys() & other.keys()
    assert not one.keys() & {mark_of('address', '10.0.0.7'), mark_of('person', 'ann')}


@pytest.mark.parametrize('client, told', [(None, 1), (('', 0), 1), (('203.0.113.7', 1), 0)])
def test_a_limit_for_addresses_that_no_server_names_is_told_once(client, told, caplog):
    admissions = Admissions(Limits(per_address=1))
    for _ in range(3): admissions.admit({'type': 'http', 'client': client})
    assert caplog.text.count('Limits(per_address=) has no effect') == told


IPV4_WITHIN = {   # IPv6 addresses of a client that has one of IPv4
    'mapped': '::ffff:{}', 'mapped, in full': '0:0:0:0:0:FFFF:{}', 'with a zone': '::ffff:{}%eth0', 'translated': '::ffff:0:{}',
    'behind NAT64': '64:ff9b::{}', 'behind NAT64, in full': '0064:FF9B:0:0:0:0:{}', '6to4': '2002:{hex}::1',
    '6to4, another network': '2002:{hex}:7:1:2:3:4', 'Teredo': '2001:0:c000:201:0:1:{flipped}'}


@each_row('within', IPV4_WITHIN.values(), ids=IPV4_WITHIN)
def test_who_has_an_address_of_ipv4_counts_as_it_and_not_as_its_neighbours(within):
    def network(host):
        number = int(ip_address(host))
        hexes = {name: f'{n >> 16:x}:{n & 0xffff:x}' for name, n in (('hex', number), ('flipped', ~number & 0xffffffff))}
        return network_of({'client': (within.format(host, **hexes), 1)})
    hosts = ['192.0.2.7', '192.0.2.8', '198.51.100.7', '0.0.0.1', '255.255.255.254']
    assert [network(host) for host in hosts] == hosts == [network_of({'client': (host, 1)}) for host in hosts]


@each_row('one, other, same', [
    ('2001:db8::1', '2001:db8::2:3:4:5', True), ('2001:db8::1', '2001:db8:0:1::1', False), ('::1', '::1', True),
    ('64:ff9b:1::c000:201', '64:ff9b:1::c000:202', False), ('64:ff9b:1:7::c000:201', '64:ff9b:1:7::c000:201', True),
    ('64:ff9b:0:1::1', '64:ff9b:0:1::2', True), ('unknown', 'unknown', True), ('unknown', '', False)])
def test_others_count_as_their_network_and_what_is_no_address_as_itself(one, other, same):
    assert (network_of({'client': (one, 1)}) == network_of({'client': (other, 1)})) is same
