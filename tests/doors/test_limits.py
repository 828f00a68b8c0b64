"""Open sockets are counted for every way to register one, and a refused one is told to come back later."""
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from fasthtml.app.app import FastHTML
from fasthtml.common import APIRouter, Limits
from fasthtml.http.limits import Admissions, open_file_limit, total_of


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


def test_people_are_counted_after_the_guard_has_said_who_they_are():
    def guard(req): req.scope['auth'] = req.query_params['who']
    app = FastHTML(secret_key='k', before=guard, limits=Limits(per_person=1))
    app.ws('/s')(on)
    client = TestClient(app)
    with client.websocket_connect('/s?who=ann'):
        assert refused(client, '/s?who=ann') == 1013
        with client.websocket_connect('/s?who=bob'): assert app.site.limits.open == 2
    assert not app.site.limits.people


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
