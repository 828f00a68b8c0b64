"""A proxy in front of the app and the server of the app agree what is the header of a request, and where it ends.

Real servers and bare sockets, which send what a proxy may hand on. A proxy vouches for the header: fields behind a chunked body (trailers)
are none of it. It has looked at each request: the body of one is no other request.
"""
import contextlib
import json
import re
import socket
import sys

import pytest

from support import raw_connection, serve_process

APP = '''
import asyncio
import json
from typing import Annotated
from fasthtml.common import *
from fasthtml.http.params import cookie, header

def guard(req, user: Annotated[str, header('X-User')] = 'nobody'): req.scope['auth'] = user
app = FastHTML(secret_key='k', before=guard, hosts=['localhost'])

@app.post('/show')
async def show(req, auth, a: str = '', c: Annotated[str, cookie('c')] = 'none', user: Annotated[str, header('X-User')] = 'nobody'):
    return PlainTextResponse('@' + json.dumps([auth, a, c, user, await req.body() and 'has a body',
        [[o.decode() for o in field] for field in req.scope['headers']], req.client.host, str(req.url), dict(req.cookies)]) + '@')

@app.post('/skip')
async def skip(): return PlainTextResponse('skipped@')

@app.route('/size', methods=['GET', 'POST', 'CONNECT'])
async def size(req): return PlainTextResponse(f'{len(await req.body())} bytes')

hits = []
@app.get('/hit')
async def hit(req):
    hits.append(str(req.url))
    return PlainTextResponse('SMUGGLED')

held, go_on = asyncio.Event(), asyncio.Event()
@app.get('/held')
async def wait():
    held.set()
    await go_on.wait()
    return PlainTextResponse('answered')

@app.get('/go')
async def go():
    await held.wait()
    await asyncio.sleep(0.05)   # what the other connection has sent is read first
    go_on.set()
    return ''

@app.get('/hits')
async def all_hits(): return PlainTextResponse(f'@{json.dumps(hits)}@')

from starlette.applications import Starlette
from starlette.routing import Mount
outer = Starlette(routes=[Mount('/', app)])   # it has a `send` of its own, and hands no lifespan on
'''
PLACES = {
    'uvicorn': '-m uvicorn app:app --host 127.0.0.1 --port 0 --http httptools',
    'uvicorn, h11': '-m uvicorn app:app --host 127.0.0.1 --port 0 --http h11',
    'uvicorn, no lifespan': '-m uvicorn app:app --host 127.0.0.1 --port 0 --lifespan off',
    'uvicorn, no lifespan, within Starlette': '-m uvicorn app:outer --host 127.0.0.1 --port 0',
    'hypercorn': '-m hypercorn app:app -b 127.0.0.1:0',
    'hypercorn, no lifespan, within Starlette': '-m hypercorn app:outer -b 127.0.0.1:0',
    'granian': '-m granian app:app --interface asgi --host 127.0.0.1 --port FREE',
}
TRAILERS = {
    'none': b'',
    'a login': b'X-User: admin\r\n',
    'cookies': b'Cookie: c=evil; session_=evil\r\n',
    'another host': b'Host: evil.example\r\n',
    'the same host': b'Host: localhost\r\n',
    'an address': b'X-Forwarded-For: 6.6.6.6\r\n',
    'a scheme': b'X-Forwarded-Proto: https\r\n',
    'a kind of body': b'Content-Type: application/json\r\n',
    'an origin': b'Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n',
    'many': b'X-User: admin\r\n' * 50,
}
POST = b'POST /show HTTP/1.1\r\nHost: localhost\r\nX-User: ann\r\nContent-Type: application/x-www-form-urlencoded\r\n'
CHUNKED, BODY = b'Transfer-Encoding: chunked\r\n', b'3\r\na=1\r\n0\r\n'
NEXT = POST + b'Content-Length: 3\r\nConnection: close\r\n\r\na=2'


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s: return s.getsockname()[1]


def rest(sock):
    with contextlib.suppress(ConnectionError): return b''.join(iter(lambda: sock.recv(65536), b''))
    return b''


def answers(data): return re.findall(r'HTTP/1.1 ([2-5]\d\d)', data.decode()), [json.loads(o) for o in re.findall('@(.*?)@', data.decode())]


def in_one_write(port, trailers):
    with raw_connection(port, POST + CHUNKED + b'\r\n' + BODY + trailers + b'\r\n' + NEXT) as sock: return answers(rest(sock))


def in_two_writes(port, trailers):
    "The trailers come when the app has begun, and waits for the body"
    with raw_connection(port, POST + CHUNKED + b'Expect: 100-continue\r\n\r\n') as sock:
        begun = b''
        while not begun.endswith(b'\r\n\r\n'): begun += sock.recv(1)
        assert b' 100 ' in begun
        sock.sendall(BODY + trailers + b'\r\n' + NEXT)
        return answers(rest(sock))


def behind_another(port, trailers):
    "Two requests have trailers, and one between them has none: all wait for the first"
    one = POST + CHUNKED + b'\r\n' + BODY + trailers + b'\r\n'
    with raw_connection(port, one + NEXT.replace(b'Connection: close\r\n', b'') + one + NEXT) as sock: return answers(rest(sock))


WAYS = in_one_write, in_two_writes, behind_another


@pytest.fixture(scope='module', params=PLACES)
def port(request, tmp_path_factory):
    command = [sys.executable, *PLACES[request.param].replace('FREE', str(free_port())).split()]
    with serve_process(APP, tmp_path_factory.mktemp('app'), command) as server:
        server.wait_listening()
        if 'no lifespan' in request.param: in_one_write(server.port, b'')   # SECURITY.md names the first connection
        yield server.port


def test_trailers_are_no_headers(port):
    found = {(way.__name__, name): way(port, trailers) for way in WAYS for name, trailers in TRAILERS.items()}
    assert {case: seen for case, seen in found.items() if seen != found[case[0], 'none']} == {}
    for way in WAYS:
        status, shown = found[way.__name__, 'none']
        assert set(status) == {'200'} and {(o[0], *o[2:5]) for o in shown} == {('ann', 'none', 'ann', 'has a body')}
        assert [o[1] for o in shown] == ['1', '2', '1', '2'][:4 if way is behind_another else 2]


INNER = b'GET /hit HTTP/1.1\r\nHost: localhost\r\nX-User: admin\r\n\r\n'
END = b'GET /hits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
UPGRADES = 'foo', 'h2c', 'websocket, foo', 'foo, websocket', 'TLS/1.0'
FRAMES = {
    'length': (b'Content-Length: %d\r\n' % len(INNER), INNER),
    'long length': (b'Content-Length: 000%d\r\n' % len(INNER), INNER),
    'chunks': (b'Transfer-Encoding: chunked\r\n', b'%x\r\n%b\r\n0\r\n\r\n' % (len(INNER), INNER)),
    'lines first': (b'Content-Length: %d\r\n' % (120_000 + len(INNER)), b'\r\n' * 60_000 + INNER),
}
ASKED = 'POST /skip', 'POST /size', 'GET /size', 'CONNECT /size'


def smuggle(port, what, upgrade, frame, split):
    "What the server says to a request with a body, and another one behind it"
    kind, body = FRAMES[frame]
    head = f'{what} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n'.encode() + kind + b'\r\n'
    with raw_connection(port, head if split else head + body + END) as sock:
        seen = b''
        with contextlib.suppress(ConnectionError):
            if split:
                while b'@' not in seen and (more := sock.recv(65536)): seen += more
                sock.sendall(body + END)
            seen += rest(sock)
        return seen


def test_the_body_of_a_request_is_no_other_request(port):
    "Also of one that asks for an upgrade, for which some parsers read no body"
    cases = [(what, upgrade, frame, split) for what in ASKED for upgrade in UPGRADES for frame in FRAMES
             for split in ((True, False) if what == 'POST /skip' else (False,))]
    wrong = {}
    for case in cases:
        seen = smuggle(port, *case).decode()
        if 'SMUGGLED' in seen or ' 200' in seen.split('\r\n')[0] and '\r\n0 bytes' in seen: wrong[case] = seen
    with raw_connection(port, END) as sock: status, [hits] = answers(rest(sock))
    assert (wrong, hits) == ({}, [])


def test_a_request_without_a_body_that_asks_for_an_upgrade_is_answered(port):
    "As those of Java's client, and `curl --http2`. What comes with it is run by itself, or not at all"
    head = b'GET /hits HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: foo\r\n%b\r\n'
    for more in b'', b'Content-Length: 0\r\n':
        with raw_connection(port, head % more + POST + b'Content-Length: 80\r\nConnection: close\r\n\r\n') as sock:
            sock.sendall(INNER.ljust(80, b'x'))
            seen = rest(sock)
        assert b' 200' in seen.split(b'\r\n')[0] and b'@[]@' in seen and b'SMUGGLED' not in seen


TO_HTTP2 = [b'Upgrade: %b\r\n' % value for value in (b'h2c', b'H2C', b' h2c\t', b'\xa0h2c', b'foo\r\nUpgrade: h2c')]


def test_no_client_goes_on_with_http2(port):
    "A proxy that hands on the 101 sees none of the requests that follow. hypercorn by itself sends one"
    seen = {}
    for method in 'GET', 'HEAD', 'OPTIONS':
        for upgrade in TO_HTTP2:
            head = f'{method} /hits HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n'.encode()
            with raw_connection(port, head + upgrade + b'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n') as sock:
                seen[method, upgrade] = sock.recv(12).decode()[9:]
    assert {case: status for case, status in seen.items() if status not in ('200', '405', '400')} == {}


def test_what_comes_behind_such_a_request_does_not_take_its_answer(port):
    with raw_connection(port, b'GET /held HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n') as sock:
        with raw_connection(port, END.replace(b'/hits', b'/begun')) as other: rest(other)
        sock.sendall(END[9:])   # the rest of a request that came with it, and was thrown away
        with raw_connection(port, END.replace(b'/hits', b'/go')) as other: rest(other)
        seen = rest(sock)
    assert b' 200' in seen.split(b'\r\n')[0] and b'answered' in seen
