"""RFC 6455 on the wire, against `@app.ws` on every server we name: bare sockets, frames made by hand.

For each rule a client may break: what it is answered, that `disconn` ran once, and that the server goes on.
`tools/autobahn.py` runs the whole of Autobahn's suite. These are its rules that matter to an app, and those that
it does not know (JSON, length, the line being cut).
"""
import base64
import itertools
import json
import os
import socket
import struct
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.middleware import Middleware
from websockets.sync.client import connect

from fasthtml.app.app import FastHTML
from support import DEADLINE, each_row, raw_connection, serve, serve_process, wait_until

APP = (Path(__file__).parent/'protocol_app.py').read_text(encoding='utf-8')
PY = [sys.executable, '-m']
UVICORN = [*PY, 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', '0', '--ws']
SERVERS = {
    'uvicorn': [*UVICORN, 'websockets-sansio'],
    'uvicorn with wsproto': [*UVICORN, 'wsproto'],
    'hypercorn': [*PY, 'hypercorn', 'app:app', '-b', '127.0.0.1:0'],
    'granian': [*PY, 'granian', 'app:app', '--interface', 'asgi', '--host', '127.0.0.1', '--port', 'FREE'],
}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CUT = 'cut'  # The server ends the connection without a close frame
MIB = 2**20


def free_port() -> str:
    with socket.create_server(('127.0.0.1', 0)) as sock: return str(sock.getsockname()[1])


@pytest.fixture(scope='module', params=SERVERS)
def server(request, tmp_path_factory):
    command = [free_port() if part == 'FREE' else part for part in SERVERS[request.param]]
    with serve_process(APP, tmp_path_factory.mktemp('app'), command) as process:
        def answers():
            try: return urllib.request.urlopen(f'{process.url}/log/none').status == 200
            except OSError: return False
        wait_until(answers, what=f'{request.param} to answer')
        process.name = request.param
        yield process


# Frames

def frame(opcode: int, data: bytes | str = b'', *, fin: bool = True, rsv: int = 0, mask: bool = True, length: int | None = None) -> bytes:
    "A frame as a client sends it, right or wrong; `length` may be a lie"
    data = data.encode() if isinstance(data, str) else data
    n = len(data) if length is None else length
    short = n if n < 126 else 126 if n < 65536 else 127
    size = b'' if n < 126 else struct.pack('!H' if n < 65536 else '!Q', n)
    key = b'\x01\x02\x03\x04' if mask else b''
    body = bytes(b ^ k for b, k in zip(data, itertools.cycle(key), strict=False)) if mask else data
    return bytes([fin << 7 | rsv << 4 | opcode, mask << 7 | short]) + size + key + body


def closing(code: int | None, reason: bytes | str = b'') -> bytes:
    reason = reason.encode() if isinstance(reason, str) else reason
    return frame(CLOSE, b'' if code is None else struct.pack('!H', code) + reason)


def message(text: str) -> bytes: return json.dumps({'msg': text}, ensure_ascii=False).encode()


@dataclass
class Answer:
    "What the server sent"
    texts: list[str] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    code: int | str = CUT   # Of its close frame; 1005 when that is empty


class Client:
    "A WebSocket by hand"
    def __init__(self, port: int, path: str, headers: str = ''):
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock = raw_connection(port, (f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                                          f'{headers}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n').encode())
        self.file, self.answer = self.sock.makefile('rb'), Answer()
        head = b''.join(iter(self.file.readline, b'\r\n'))
        assert b' 101 ' in head, head

    def send(self, data: bytes) -> None: self.sock.sendall(data)

    def read(self) -> int | None:
        "Note one frame; its opcode, or None at the end"
        try: head = self.file.read(2)
        except ConnectionError: return None
        if len(head) < 2: return None
        fin, opcode, n = head[0] & 0x80, head[0] & 15, head[1]
        assert fin and not head[0] & 0x70 and n < 128, f'a server must not send {head!r}'
        n = struct.unpack('!H', self.file.read(2))[0] if n == 126 else struct.unpack('!Q', self.file.read(8))[0] if n == 127 else n
        data = self.file.read(n)
        if opcode == TEXT: self.answer.texts.append(data.decode())
        elif opcode == PONG: self.answer.pongs.append(data)
        elif opcode == CLOSE: self.answer.code = struct.unpack('!H', data[:2])[0] if data else 1005
        return opcode

    def read_to_end(self) -> Answer:
        "All that comes until the close frame or the end of the connection"
        while (opcode := self.read()) is not None:
            if opcode == CLOSE: break
        return self.answer

    def close(self) -> None:
        self.file.close()
        self.sock.close()  # really, since no file holds it any more


_numbers = itertools.count()


def log_of(server, case: str) -> dict:
    with urllib.request.urlopen(f'{server.url}/log/{case}') as answer: return json.load(answer)


@contextmanager
def client(server, path: str = '/ws'):
    "A client; after it `disconn` must have run once, and the app must hold nothing of it. `reported` is the code that `disconn` was given"
    case = f'c{next(_numbers)}'
    one = Client(server.port, f'{path}/{case}')
    try: yield one
    finally: one.close()
    wait_until(lambda: log_of(server, case)['open'] == 0, what='the connection to be gone from the app')
    log = log_of(server, case)['log']
    assert log[0] == 'conn' and len(log) == 2, f'`disconn` must run once, after `conn`: {log}'
    one.reported = log[1]


# What is allowed

HI = message('hé')
MIDDLE = HI.index('é'.encode()) + 1  # inside the two bytes of é
ALLOWED = {  # name → frames, pongs that must come
    'one frame': (frame(TEXT, HI), []),
    'two fragments': (frame(TEXT, HI[:9], fin=False) + frame(0, HI[9:]), []),
    'a ping between fragments': (frame(TEXT, HI[:9], fin=False) + frame(PING, 'are you there') + frame(0, HI[9:]), [b'are you there']),
    'a fragment ends inside a character': (frame(TEXT, HI[:MIDDLE], fin=False) + frame(0, HI[MIDDLE:]), []),
    'every byte a fragment': (frame(TEXT, fin=False) + b''.join(frame(0, HI[i:i + 1], fin=False) for i in range(len(HI))) + frame(0), []),
    'a thousand empty fragments': (frame(TEXT, HI, fin=False) + frame(0, fin=False)*1000 + frame(0), []),
    'an unsolicited pong': (frame(PONG, 'here') + frame(TEXT, HI), []),
    'two hundred pings': (frame(PING, 'x'*125)*200 + frame(TEXT, HI), [b'x'*125]*200),
}


@each_row('name', ALLOWED)
def test_what_is_allowed_is_answered(server, name):
    data, pongs = ALLOWED[name]
    with client(server) as one:
        one.send(data)
        while not one.answer.texts: assert one.read() is not None
        assert one.answer.texts == ['<p>hé</p>'] and one.answer.pongs == pongs
        one.send(closing(1000))
        assert one.read_to_end().code in (1000, 1005)


def test_bytes_that_come_one_at_a_time_are_a_message(server):
    with client(server) as one:
        one.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(TEXT, HI): one.send(bytes([byte]))
        while not one.answer.texts: assert one.read() is not None
        assert one.answer.texts == ['<p>hé</p>']


def test_a_megabyte_goes_both_ways(server):
    with client(server) as one:
        one.send(plain_frame(message('x'*MIB)))
        while not one.answer.texts: assert one.read() is not None
        assert one.answer.texts == [f'<p>{"x"*MIB}</p>']


@each_row('code', [1000, 1001, 1003, 1007, 1011, 3000, 4999, None])
def test_a_clients_close_is_answered_and_told(server, code):
    with client(server) as one:
        one.send(closing(code, 'bye' if code else ''))
        assert one.read_to_end().code in (code or 1005, 1000)
    assert one.reported == (1006 if server.name == 'hypercorn' else code or 1005)


PIECES = {'between messages': b'', 'in a frame': frame(TEXT, HI)[:5], 'in a message': frame(TEXT, HI[:9], fin=False)}


@each_row('where', PIECES)
@each_row('how', ['FIN', 'RST'])
def test_a_line_that_is_cut_is_noticed(server, where, how):
    with client(server) as one:
        one.send(PIECES[where])
        if how == 'RST': one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        one.close()
    assert one.reported in (1005, 1006)


# What breaks the protocol: RFC 6455 lets a server send a close frame with the reason, or end the connection without a close frame (7.1.7)

ANSWERS = {  # server → what it tells the client and `disconn`; 0 is the code of the rule that was broken
    'uvicorn': (0, 0),
    'uvicorn with wsproto': (CUT, 0),
    'hypercorn': (CUT, 1006),
    'granian': (1005, 1005),
}
BROKEN = {  # name → frames, codes of the rule
    'a reserved bit': (frame(TEXT, HI, rsv=4), [1002]),
    'reserved bits of a ping': (frame(PING, rsv=3), [1002]),
    'opcode 3': (frame(3, HI), [1002]),
    'opcode 11': (frame(11), [1002]),
    'no mask': (frame(TEXT, HI, mask=False), [1002]),
    'a fragmented ping': (frame(PING, fin=False), [1002]),
    'a ping of 126 bytes': (frame(PING, b'x'*126), [1002]),
    'a close of 126 bytes': (closing(1000, b'x'*124), [1002]),
    'nothing to continue': (frame(0, HI), [1002]),
    'a new message inside another': (frame(TEXT, HI[:9], fin=False) + frame(TEXT, HI), [1002]),
    'a close with one byte': (frame(CLOSE, b'\x03'), [1002]),
    'a reason that is not UTF-8': (closing(1000, b'\xff\xfe'), [1002, 1007]),
    'not UTF-8': (frame(TEXT, b'{"msg": "\xff"}'), [1007]),
    'half a surrogate pair': (frame(TEXT, b'{"msg": "\xed\xa0\x80"}'), [1007]),
    'an overlong zero': (frame(TEXT, b'{"msg": "\xc0\x80"}'), [1007]),
    'not UTF-8, in fragments': (frame(TEXT, b'{"msg": "', fin=False) + frame(0, b'\xf4\x90\x80\x80"}'), [1007]),
    'a frame that says it has 2**63 bytes': (frame(TEXT, length=2**63), [1002, 1009]),
}


@each_row('name', BROKEN)
def test_who_breaks_the_protocol_ends_only_the_own_connection(server, name):
    data, codes = BROKEN[name]
    with client(server) as one:
        one.send(data)
        answer = one.read_to_end()
    to_client, to_app = ANSWERS[server.name]
    assert answer.code in ([to_client] if to_client else codes) and not answer.texts
    assert one.reported in ([to_app] if to_app else codes)


@each_row('code', [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_close_codes_that_nobody_may_send(server, code):
    "granian answers a bad code with 1002, though other broken rules with an empty close"
    with client(server) as one:
        one.send(closing(code))
        answer = one.read_to_end()
    assert answer.code == (CUT if ANSWERS[server.name][0] == CUT else 1002)


def test_a_close_inside_a_message_ends_it(server):
    "RFC 6455 5.4 allows it. uvicorn's default server takes it for an error: its one difference from Autobahn's suite (case 7.1.5)"
    with client(server) as one:
        one.send(frame(TEXT, HI[:9], fin=False) + closing(1000))
        answer = one.read_to_end()
    assert answer.code == (1002 if server.name == 'uvicorn' else 1000) and not answer.texts


# What htmx never sends: the same with every server, because the app decides

NOT_HTMX = {
    'bytes': frame(BINARY, HI),
    'no JSON': frame(TEXT, 'hello'),
    'no text': frame(TEXT),
    'a list': frame(TEXT, '[1]'),
    'a number': frame(TEXT, '1e999'),
    'very deep JSON': frame(TEXT, '{"msg":'*50_000),
}


@each_row('name', NOT_HTMX)
def test_what_is_no_message_of_htmx_closes_with_1003(server, name):
    with client(server) as one:
        one.send(NOT_HTMX[name])
        answer = one.read_to_end()
    assert answer.code == one.reported == 1003 and not answer.texts


def test_headers_that_are_none_are_a_field_like_others(server):
    with client(server) as one:
        one.send(frame(TEXT, '{"msg": "hi", "HEADERS": []}'))
        assert one.read() == TEXT and one.answer.texts == ['<p>hi</p>']


def plain_frame(data: bytes) -> bytes:
    "A long frame with a mask of zeros, which is quicker to make"
    return b'\x81\xff' + struct.pack('!Q', len(data)) + bytes(4) + data


def test_a_message_of_17_mib_is_refused(server):
    "granian refuses a frame of more than 16 MiB, but without a code"
    with client(server) as one:
        try: one.send(plain_frame(message('x'*17*MIB)))
        except ConnectionError: pass  # it need not read to the end
        try: answer = one.read_to_end()
        except ConnectionError: answer = one.answer
    assert not answer.texts and answer.code == (1005 if server.name == 'granian' else 1009)


def test_the_apps_own_limit_is_the_same_everywhere(server):
    with client(server, '/short') as one:
        one.send(frame(TEXT, message('x'*1000)))
        assert one.read_to_end().code == 1009


# The handshake

@pytest.mark.parametrize('path, without', [('/ws/x', b'Sec-WebSocket-Key'), ('/ws/x', b'Sec-WebSocket-Version'), ('/nowhere', b'-')])
def test_a_bad_handshake_is_answered_and_leaves_nothing(server, path, without):
    lines = [f'GET {path} HTTP/1.1', f'Host: 127.0.0.1:{server.port}', 'Upgrade: websocket', 'Connection: Upgrade',
             'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
    lines = [line.encode() for line in lines if not line.encode().startswith(without)]
    with raw_connection(server.port, b'\r\n'.join(lines) + b'\r\n\r\n') as sock:
        answer = sock.recv(65536)
    assert answer.startswith(b'HTTP/1.1 4') or answer == b'', answer
    wait_until(lambda: log_of(server, 'x')['open'] == 0)


def test_middleware_of_a_route_sees_every_frame():
    "Also those that would go past it on the fast way"
    seen = []

    class Shouting:
        def __init__(self, app): self.app = app
        async def __call__(self, scope, receive, send):
            async def louder(message):
                seen.append(message['type'])
                await send({**message, 'text': message['text'].upper()} if 'text' in message else message)
            await self.app(scope, receive, louder)

    app = FastHTML(secret_key='x')

    @app.ws('/x', middleware=[Middleware(Shouting)], channels='news')
    async def x(msg: str): return msg

    with serve(app) as served, connect(f'{served.ws_url}/x') as ws:
        ws.send('{"msg": "hello"}')
        assert ws.recv(timeout=DEADLINE) == 'HELLO'
        app.channel('news').publish_sync('news')
        assert ws.recv(timeout=DEADLINE) == 'NEWS'
    assert seen[:3] == ['websocket.accept', 'websocket.send', 'websocket.send']


def test_middleware_around_a_mounted_app_sees_every_frame():
    inner, seen = FastHTML(secret_key='x'), []

    @inner.ws('/x')
    async def x(msg: str): return msg

    async def between(scope, receive, send):
        async def noted(message):
            seen.append(message['type'])
            await send(message)
        await inner(scope, receive, noted)

    app = FastHTML(secret_key='x')
    app.mount('/in', between)
    with serve(app) as served, connect(f'{served.ws_url}/in/x') as ws:
        ws.send('{"msg": "hello"}')
        assert ws.recv(timeout=DEADLINE) == 'hello'
    assert seen[:2] == ['websocket.accept', 'websocket.send']
