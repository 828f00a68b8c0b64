"""One server process for many cases, what it says about them, and clients that leave in every way there is.

The protocol of the socket client is that of the `websockets` library (its part without I/O) over a bare socket, so that
a test decides when bytes are read, and how the connection ends: with a close frame, with FIN, or with RST.
"""
import contextlib
import itertools
import json
import os
import re
import shlex
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from guarantee_table import SERVERS
from support import Event, Process, parse_events, serve_process, wait_until

HERE = Path(__file__).parent
PATIENCE = float(os.environ.get('GUARANTEES_PATIENCE', 30))  # Seconds, used up by a failure only
_keys = itertools.count(1)

# Lines of a server about itself, for what its own client did: not ours to prevent
ORDINARY = re.compile('|'.join([
    r'INFO',
    r'WARNING.*Invalid HTTP request received',            # uvicorn, for a client that left in its first bytes
    r'.*asyncio: socket\.send\(\) raised exception',      # asyncio, for what is sent in the turn in which a client has vanished
]))
ALARM = re.compile(r'\b(WARNING|ERROR|CRITICAL)\b|Traceback|never retrieved|never awaited|Exception ignored')


THEIRS = re.compile(r'TCPServer\.|EventWrapper\.')  # Tasks of hypercorn's, for a connection that may be used again


class Notes:
    "What the functions of the program have said, by the key of the connection"
    def __init__(self, process: Process): self.process, self._read, self._found, self._one = process, 0, {}, threading.Lock()

    def _update(self) -> None:
        lines = self.process.lines
        with self._one:     # the cells of a table run at the same time: a line would be lost
            while self._read < len(lines):
                line = lines[self._read]
                self._read += 1
                if line.startswith('@{'):
                    said = json.loads(line[1:])
                    self._found.setdefault(said['key'], []).append(said)

    def all(self, key: str) -> list[dict]:
        self._update()
        return self._found.get(key, [])

    def of(self, key: str) -> list[str]:
        "What has been said, in order"
        return [said['what'] for said in self.all(key)]

    def wait(self, key: str, what: str, n: int = 1) -> dict:
        "Wait until it has been said `n` times; the last of them"
        def found():
            said = [s for s in self.all(key) if s['what'] == what]
            return said[-1] if len(said) >= n else None
        try: return wait_until(found, PATIENCE, f'{key}: {what}')
        except AssertionError as e: raise AssertionError(f'{e}; said: {self.of(key)}') from None


@dataclass
class Server:
    "A server process with the program of the table"
    name: str
    process: Process
    notes: Notes
    idle: dict = field(default_factory=dict)  # Its state without connections
    broken: bool = False                      # A test has failed, and what it left behind is not known

    @property
    def port(self) -> int: return self.process.port

    def get(self, path: str, timeout: float | None = None) -> str:
        "The body of a page, over a connection of its own"
        with socket.create_connection(('127.0.0.1', self.port), timeout or PATIENCE) as sock:
            sock.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
            answer = b''.join(iter(lambda: sock.recv(65536), b''))
        head, _, body = answer.partition(b'\r\n\r\n')
        assert b' 200 ' in head.splitlines()[0], answer[:200]
        if b'transfer-encoding: chunked' in head.lower(): body = b''.join(re.findall(rb'(?s)[0-9a-fA-F]+\r\n(.*?)\r\n', body))
        return body.decode()

    def state(self, full: bool = False) -> dict:
        "What is open now. All that has been logged until now is in `process.lines` afterwards"
        mark = f'mark-{next(_keys)}'
        found = json.loads(self.get(f'/state?mark={mark}&full={full}'))
        found['tasks'] = [name for name in found['tasks'] if not THEIRS.match(name)]
        wait_until(lambda: any(said.get('mark') == mark for said in self.notes.all('')[-50:]), PATIENCE, mark)
        return found

    def until_idle(self, full: bool = False) -> dict:
        "Wait until no connection is left, and no task that was not there before; the state then"
        last = {}
        def idle():
            last.update(self.state())
            return not last['connections'] and len(last['tasks']) <= len(self.idle['tasks'])
        try: wait_until(idle, PATIENCE, 'the server to be idle')
        except AssertionError as e:
            raise AssertionError(f'{e}: {last.get("connections")} {last.get("tasks")}, before: {self.idle["tasks"]}') from None
        return self.state(full=True) if full else last

    def alarms(self, since: int) -> list[str]:
        "Lines that a person on duty would look at"
        lines = (line for line in self.process.lines[since:] if not line.startswith('@'))
        return [line for line in lines if ALARM.search(line) and not ORDINARY.search(line)]


def free_port() -> str:
    "For granian, which does not say which port the system gave it"
    with socket.create_server(('127.0.0.1', 0)) as sock: return str(sock.getsockname()[1])


@contextlib.contextmanager
def served(name: str, command: str = '', app: str = 'from guarantee_app import app', **env) -> Iterator[Server]:
    "Serve the program of the table with one of the servers"
    words = [free_port() if word == 'FREE' else word for word in shlex.split(command or SERVERS[name])]
    words = [sys.executable, '-m', *(word.replace('guarantee_app:', 'app:') for word in words)]
    path = os.pathsep.join(filter(None, [str(HERE), str(HERE/'realtime'), str(HERE.parent), os.environ.get('PYTHONPATH')]))
    environment = {'PYTHONPATH': path, **{key.upper(): str(value) for key, value in env.items()}}
    with tempfile.TemporaryDirectory() as folder, serve_process(app, Path(folder), words, environment) as process:
        server = Server(name, process, Notes(process))
        wait_until(lambda: 'startup' in server.notes.of(''), what='startup')
        def answers():
            try: return server.get('/state?mark=0')
            except OSError: return None
        wait_until(answers, what='an answer')
        for part in 'source', 'conn':  # Some tasks begin with the first connection
            connect(server, part, 'coroutine', 'quiet', new_key('first')).leave('fin')
        states = []
        def settled():
            states.append(server.state())
            return not states[-1]['connections'] and len(states) > 1 and states[-1]['tasks'] == states[-2]['tasks']
        wait_until(settled, what='the server to be idle')
        server.idle = server.state(full=True)
        yield server


class Servers:
    "The servers of a test session, each started when it is first asked for, and again after a failure"
    def __init__(self): self._running = {}

    def __getitem__(self, name: str) -> Server:
        stack, server = self._running.get(name, (None, None))
        if server and (server.broken or server.process.popen.poll() is not None): stack.close()
        elif server: return server
        stack = contextlib.ExitStack()
        server = stack.enter_context(served(name))
        self._running[name] = stack, server
        return server

    def close(self) -> None:
        for stack, _ in self._running.values(): stack.close()


# Clients

def reset(sock: socket.socket) -> None:
    "Close so that the other side gets RST, as when a machine is unplugged or a process killed"
    with contextlib.suppress(OSError): sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


class Socket:
    "A WebSocket client"
    def __init__(self, port: int, path: str, receive_buffer: int = 0, early: bytes = b'', wait: bool = True):
        self.protocol = ClientProtocol(parse_uri(f'ws://127.0.0.1:{port}{path}'), max_size=None)
        self.sock = socket.socket()
        if receive_buffer: self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(('127.0.0.1', port))
        self.texts, self._given, self.accepted, self.ended, self._parts = [], 0, False, False, b''
        self.protocol.send_request(self.protocol.connect())
        self.sock.sendall(b''.join(self.protocol.data_to_send()) + early)
        while wait and not self.accepted: self._receive()

    def _receive(self) -> None:
        try: data = self.sock.recv(65536)
        except TimeoutError: raise AssertionError(f'nothing came within {PATIENCE} s, after {self.texts[-3:]}') from None
        except ConnectionError: data = b''
        if data: self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
            self.ended = True
        for event in self.protocol.events_received():
            if not self.accepted:
                if self.protocol.handshake_exc: raise self.protocol.handshake_exc
                self.accepted = True
            elif event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._parts += event.data
                if event.fin: self.texts, self._parts = [*self.texts, self._parts.decode()], b''
        if out := b''.join(self.protocol.data_to_send()):
            with contextlib.suppress(OSError): self.sock.sendall(out)
        assert self.accepted or not self.ended, 'the handshake was not answered'

    def recv(self) -> str:
        "The next text"
        while self._given == len(self.texts):
            assert not self.ended, f'the connection ended with {self.code}'
            self._receive()
        self._given += 1
        return self.texts[self._given - 1]

    def expect(self, text: str) -> None:
        "Read until this text comes"
        while self.recv() != text: pass

    def send(self, **data) -> None:
        self.protocol.send_text(json.dumps(data).encode())
        self.sock.sendall(b''.join(self.protocol.data_to_send()))

    @property
    def code(self) -> int:
        "The code of the server's close frame; 1006 without one"
        return self.protocol.close_rcvd.code if self.protocol.close_rcvd else 1006

    def read_to_end(self) -> int:
        "Read until the connection has ended; the server's code"
        end = time.monotonic() + 2*PATIENCE
        while not self.ended:
            self._receive()
            assert time.monotonic() < end, f'the connection does not end; {len(self.texts)} texts came'
        self.sock.close()
        return self.code

    def leave(self, how: str) -> int:
        "End the connection; the code that a server should report"
        if how == 'rst': reset(self.sock)
        elif how == 'fin': self.sock.close()
        else:
            code = 4001 if how == 'code' else 1005
            self.protocol.send_close(*([code, 'bye'] if how == 'code' else []))
            self.sock.sendall(b''.join(self.protocol.data_to_send()))
            self.read_to_end()
            return code
        return 1006

    def __enter__(self): return self
    def __exit__(self, *_): self.sock.close()


class Stream:
    "A client of an event stream, over a bare socket"
    def __init__(self, port: int, path: str, receive_buffer: int = 0, wait: bool = True, **headers):
        self.sock = socket.socket()
        if receive_buffer: self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(('127.0.0.1', port))
        extra = ''.join(f'{name.replace("_", "-")}: {value}\r\n' for name, value in headers.items())
        self.sock.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{extra}\r\n'.encode())
        self.raw, self.head, self.body, self.terminated, self.ended = b'', b'', bytearray(), False, False
        self._given, self._parsed, self._found, self._begin = 0, 0, [], ''
        while wait and not self.head: self._receive()

    def _receive(self) -> None:
        try: data = self.sock.recv(65536)
        except TimeoutError: raise AssertionError(f'nothing came within {PATIENCE} s, after {self.body[-80:]}') from None
        except ConnectionError: data = b''
        self.raw += data
        self.ended = self.ended or not data
        if not self.head:
            if b'\r\n\r\n' not in self.raw:
                assert not self.ended, f'no answer: {self.raw}'
                return
            self.head, _, self.raw = self.raw.partition(b'\r\n\r\n')
            assert b' 200 ' in self.head.splitlines()[0], self.head
        while match := re.match(rb'([0-9a-fA-F]+)\r\n', self.raw):
            size, start = int(match[1], 16), match.end()
            if len(self.raw) < start + size + 2: break
            self.body += self.raw[start:start + size]
            self.raw = self.raw[start + size + 2:]
            if size == 0: self.terminated = self.ended = True

    @property
    def events(self) -> list[Event]:
        "All whole events so far"
        if (end := self.body.rfind(b'\n\n', self._parsed) + 2) > self._parsed + 1:
            last = self._found[-1].id if self._found else self._begin
            text = f'id: {last}\n{self.body[self._parsed:end].decode()}'  # An event without an id has that of the one before
            self._found += parse_events(text)
            self._parsed = end
            if not self._found: self._begin = dict(re.findall(r'(?m)^(id): (.*)$', text)).get('id', '')
        return self._found

    def recv(self) -> Event:
        while self._given == len(found := self.events):
            assert not self.ended, f'the stream ended after {found[-2:]}'
            self._receive()
        self._given += 1
        return found[self._given - 1]

    def read_to_end(self) -> list[Event]:
        end = time.monotonic() + 2*PATIENCE
        while not self.ended:
            self._receive()
            assert time.monotonic() < end, f'the stream does not end; {len(self.body)} bytes came'
        self.sock.close()
        return self.events

    def leave(self, how: str) -> int:
        if how == 'rst': reset(self.sock)
        else: self.sock.close()
        return 0

    def __enter__(self): return self
    def __exit__(self, *_): self.sock.close()


def new_key(what: str) -> str: return f'{what}-{next(_keys)}'


def is_stream(part: str) -> bool: return part in ('source', 'object', 'page')


def connect(server: Server, part: str, shape: str, how: str, key: str, **options) -> Socket | Stream:
    "A client of one cell of the table, to which its function has said hello"
    path = f'/{part}/{shape}/{how}/{key}'
    if is_stream(part):
        if part == 'page': options['HX_Request'] = 'true'   # the parts alone, without a page around them
        client = Stream(server.port, path, **options)
        assert client.recv().data == 'hello'
        return client
    client = Socket(server.port, path, **options)
    if part == 'handler': client.send(n=1)
    client.expect('hello')
    return client
