"""A proxy vouches for the header of a request. Fields behind a chunked body (trailers) are none of it, with any server.

Real servers and bare sockets: the answer to a request with trailers is that to the same one without.
"""
import contextlib
import json
import re
import socket
import sys

import pytest

from support import raw_connection, serve_process

APP = '''
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
'''
PLACES = {
    'uvicorn': '-m uvicorn app:app --host 127.0.0.1 --port 0 --http httptools',
    'uvicorn, h11': '-m uvicorn app:app --host 127.0.0.1 --port 0 --http h11',
    'uvicorn, no lifespan': '-m uvicorn app:app --host 127.0.0.1 --port 0 --lifespan off',
    'hypercorn': '-m hypercorn app:app -b 127.0.0.1:0',
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


@pytest.mark.parametrize('place', PLACES)
def test_trailers_are_no_headers(place, tmp_path):
    command = [sys.executable, *PLACES[place].replace('FREE', str(free_port())).split()]
    with serve_process(APP, tmp_path, command) as server:
        server.wait_listening()
        if 'no lifespan' in place: in_one_write(server.port, b'')   # SECURITY.md names the first connection
        found = {(way.__name__, name): way(server.port, trailers) for way in WAYS for name, trailers in TRAILERS.items()}
        wrong = {case: seen for case, seen in found.items() if seen != found[case[0], 'none']}
        assert wrong == {}
        for way in WAYS:
            status, shown = found[way.__name__, 'none']
            assert set(status) == {'200'} and {(o[0], *o[2:5]) for o in shown} == {('ann', 'none', 'ann', 'has a body')}
            assert [o[1] for o in shown] == ['1', '2', '1', '2'][:4 if way is behind_another else 2]
