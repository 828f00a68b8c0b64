"""Open sockets are counted for every way to register one, and a refused one is told to come back later."""
import asyncio
import http.client
import re
from contextlib import ExitStack, suppress
from dataclasses import dataclass, fields
from random import random
from types import SimpleNamespace
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.app.app import FastHTML
from fasthtml.common import APIRouter, EventStream, Limits, P
from fasthtml.http.limits import Admissions, mark_of, open_file_limit, total_of
from fasthtml.realtime.channels import Channel
from fasthtml.testing import Client
from support import serve, wait_until


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
    client = TestClient(app)
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
    'StreamingResponse and work after it': (lambda app: app.get('/s')(lambda: chunks(background=BackgroundTask(lambda: None))), '/s')}


def opened(url, path):
    "The response of a stream that is open, or of a refusal"
    line = http.client.HTTPConnection(url.partition('//')[2], timeout=20)
    line.request('GET', path)
    return line, line.getresponse()


@pytest.mark.parametrize('how', STREAMS)
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


PEOPLE = {'text': str, 'number': int, 'row': lambda n: Row(int(n), random()), 'object without id': Bare, 'slots': Slots,
          'record': lambda n: Account(int(n), random()), 'mapping': lambda n: {'id': n, 'seen': random()},
          'mapping without id': lambda n: {'name': n}, 'tuple': lambda n: ('google', n), 'named tuple': lambda n: Pair('google', n),
          'namespace': lambda n: SimpleNamespace(id=n, seen=random()), 'uuid': lambda n: UUID(int=int(n)),
          'name and row': lambda n: ('google', Row(int(n), random())), 'list of an object': lambda n: [Bare(n)],
          'mapping of an object': lambda n: {'user': Bare(n), 'by': 'google'}}


@pytest.mark.parametrize('by', ['auth', 'person='])
@pytest.mark.parametrize('kind', PEOPLE)
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
    client = TestClient(app)
    with client.websocket_connect('/s?who=ann'):
        assert refused(client, '/s?who=ann') == 1013
        with client.websocket_connect('/s?who=bob'): assert app.site.limits.open == 2
    assert not app.site.limits.people


def test_who_has_the_same_id_in_a_class_of_the_same_name_elsewhere_is_another_person():
    "And so is who calls themselves as that is written"
    here, elsewhere = (type('User', (SimpleNamespace,), {'__module__': module})(id=7) for module in ('shop', 'admin'))
    gate = Admissions(Limits(per_person=1))
    for person in (here, elsewhere, 'User 7', 'shop.User 7', str(('shop', 'User', '7')), 7, '7', {'id': 7}):
        assert not gate.admit({'auth': person}), person
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


@pytest.mark.parametrize('wrong', [{'total': 0}, {'per_address': -1}, {'per_person': 'many'}, {'messages_per_second': float('nan')},
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
