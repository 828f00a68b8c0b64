"""What one client sends does not make the others wait for all of it: each address has its turn.

Judged by the order in which jobs are done, and not by a clock.
"""
import asyncio
import json
import threading

import pytest

from fasthtml.app.app import FastHTML
from fasthtml.html.tags import Div, P
from fasthtml.http import requests
from fasthtml.http.threads import SHORT, in_turn, threads_of
from support import DEADLINE

JSON, FORM, MULTI = 'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=B'
SIZES = {'short': 8000, 'long': SHORT + 8000}
ANN, BO = '192.0.2.1', '2001:db8:0:1::7'
BO_TOO = '2001:db8:0:1::8'     # another address of one network


@pytest.fixture
def app():
    app = FastHTML(secret_key='k')
    @app.post('/list')
    async def many(a: list[str]): return P(len(a))
    @app.post('/plain')
    def plain(a: list[str]): return P(len(a))
    @app.post('/data')
    async def everything(data): return P(len(data))
    @app.post('/own')
    async def own(req): return P(len(await req.json()))
    @app.post('/ownform')
    async def own_form(req): return P(len(await req.form()))
    @app.post('/file')
    async def file(f: bytes): return P(len(f))
    @app.ws('/socket')
    async def socket(a: list[str]): return P(len(a))
    @app.ws('/plainsocket')
    def plain_socket(a: list[str]): return P(len(a))
    @app.live
    def region(n: int = 0): return Div(n, id='r')
    return app


def listed(size): return json.dumps({'a': ['x' * 96] * (size // 100)}).encode()
def fields(size): return b'a=' + b'x' * size
def upload(size): return b'--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b'x' * size + b'\r\n--B--\r\n'
def shown(size): return json.dumps({'poll': 1, 'has': [['region?n=1', f'a.{"x" * size}.c', '']]}).encode()


DOORS = {   # path, kind of the body, and what makes one
    'JSON': ('/list', JSON, listed), 'JSON, plain function': ('/plain', JSON, listed), 'JSON, data': ('/data', JSON, listed),
    'req.json()': ('/own', JSON, listed), 'form': ('/list', FORM, fields), 'req.form()': ('/ownform', FORM, fields),
    'upload': ('/file', MULTI, upload), 'regions': ('/_live', JSON, shown),
    'socket': ('/socket', None, listed), 'socket, plain function': ('/plainsocket', None, listed),
}


async def sends(app, client, path, kind, body):
    "One request, or one message of a socket, up to its answer"
    came, sent = asyncio.Queue(), asyncio.Queue()
    if isinstance(client, str): client = client, 1
    scope = dict(type='http', asgi={'version': '3.0'}, http_version='1.1', method='POST', scheme='http', path=path, raw_path=path.encode(),
                 query_string=b'', root_path='', client=client, server=('127.0.0.1', 80), headers=[(b'host', b'127.0.0.1')])
    if kind:
        scope['headers'] = [(b'host', b'127.0.0.1'), (b'content-type', kind.encode()), (b'content-length', b'%d' % len(body))]
        came.put_nowait({'type': 'http.request', 'body': body, 'more_body': False})
    else:
        scope |= {'type': 'websocket', 'scheme': 'ws', 'subprotocols': []}
        for o in {'type': 'websocket.connect'}, {'type': 'websocket.receive', 'text': body.decode()}: came.put_nowait(o)
    running = asyncio.create_task(app(scope, came.get, sent.put))
    answer = await sent.get()
    if kind:
        await running
        return answer['status']
    answer = await sent.get()
    came.put_nowait({'type': 'websocket.disconnect', 'code': 1000})
    await running
    return 200 if answer['type'] == 'websocket.send' else answer


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('door', DOORS)
def test_a_client_that_sends_much_lets_another_wait_for_one_job(app, door, size, monkeypatch):
    path, kind, body = DOORS[door]
    body, order, go = body(SIZES[size]), [], threading.Event()
    is_long = size == 'long'
    def noted(sender, weight, f, *args):
        def g():
            if (weight > SHORT) == is_long: order.append(sender)   # what was parsed may be less to convert
            assert go.wait(DEADLINE)
            return f(*args)
        return in_turn(sender, weight, g)
    monkeypatch.setattr(requests, 'in_turn', noted)
    async def main():
        turns = threads_of(asyncio.get_running_loop()).turns[is_long]
        def waiting(): return len(order) + sum(map(len, turns.jobs.values()))
        asked = []
        for n, client in enumerate((ANN, ANN, ANN, ANN, BO, BO_TOO), 1):
            asked.append(asyncio.create_task(sends(app, client, path, kind, body)))
            async with asyncio.timeout(DEADLINE):
                while waiting() < n: await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*asked)
    statuses = asyncio.run(main())
    bo = '2001:db8:0:1::/64'
    assert set(statuses) <= {200, 409} and set(order) == {ANN, bo}
    assert order[:4] == [ANN, ANN, bo, ANN], 'the second of Ann was the next when Bo came'


@pytest.mark.parametrize('door', DOORS)
def test_a_short_body_does_not_stand_behind_a_long_one(app, door, monkeypatch):
    path, kind, body = DOORS[door]
    began, go = threading.Event(), threading.Event()
    def noted(sender, size, f, *args):
        def g():
            began.set()
            assert go.wait(DEADLINE)
            return f(*args)
        return in_turn(sender, size, g) if size > SHORT else in_turn(sender, size, f, *args)
    monkeypatch.setattr(requests, 'in_turn', noted)
    async def main():
        long = asyncio.create_task(sends(app, ANN, path, kind, body(SIZES['long'])))
        while not began.is_set(): await asyncio.sleep(0)
        assert await sends(app, ANN, path, kind, body(SIZES['short'])) in (200, 409)
        assert not long.done()
        go.set()
        assert await long in (200, 409)
    asyncio.run(main())


@pytest.mark.parametrize('client', [None, (None, 0), ('', 0), ('a name', 1), ['192.0.2.1', 1], (b'', 0)], ids=repr)
def test_a_server_may_say_no_address(app, client):
    path, kind, body = DOORS['JSON']
    assert asyncio.run(sends(app, client, path, kind, body(SIZES['long']))) == 200
