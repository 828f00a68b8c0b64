"""A client that sends on and reads nothing: what the server keeps for it, against what it has sent.

Each flood is something that a server answers or keeps by itself, without the app. The memory is that of the process, after a garbage
collection, while the client is still there.
"""
import contextlib
import re
import socket
import struct
import threading
import zlib

import pytest

from guarantee_kit import PATIENCE, new_key, reset, served
from guarantee_table import SERVERS
from support import raw_connection, wait_until

MB = 10**6
SOCKET = (b'GET /numbered/echo/%b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
          b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%b\r\n')
GET, HOST = b'GET %b HTTP/1.1\r\n', b'Host: a\r\n\r\n'
LONG = b'Content-Length: 1000000000\r\n'


def frame(data: bytes, kind: int = 1, first: int = 0x80) -> bytes:
    "A frame of a client, whose mask changes nothing"
    n = len(data)
    length = bytes([0x80 | n]) if n < 126 else struct.pack('>BH', 0xfe, n) if n < 65536 else struct.pack('>BQ', 0xff, n)
    return bytes([first | kind]) + length + bytes(4) + data


def h2(kind: int, data: bytes = b'', stream: int = 0, flags: int = 0) -> bytes:
    "A frame of HTTP/2"
    return len(data).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + data


def deflated(data: bytes) -> bytes:
    whole = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (whole.compress(data) + whole.flush(zlib.Z_SYNC_FLUSH))[:-4]


H2 = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + h2(4)
# What comes first, what is repeated, and bytes in all
FLOODS = {
    'pings': (SOCKET, frame(b'x'*125, 9) * 100, 8*MB),
    'empty pings': (SOCKET, frame(b'', 9) * 1000, 2*MB),
    'unasked pongs': (SOCKET, frame(b'x'*125, 10) * 100, 4*MB),
    'fragments': (SOCKET + frame(b'{"n":"', 1, 0), frame(b'1', 0, 0) * 1000, 2*MB//5),
    'empty fragments': (SOCKET + frame(b'{"n":"', 1, 0), frame(b'', 0, 0) * 1000, 2*MB//5),
    'messages': (SOCKET, frame(b'{"n": 1}') * 1000, 2*MB//5),
    'requests': (b'', (GET % b'/none' + HOST) * 1000, 6*MB),
    'requests behind a stream': (GET % b'/endless/texts' + HOST, (GET % b'/none' + HOST) * 1000, 6*MB),
    'requests that wait to be told to go on': (b'', (b'POST /none HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n' + HOST + b'a')
                                                    * 1000, 6*MB),
    'bad requests': (b'', b'GET\0 / HTTP/1.1\r\n\r\n' * 1000, 6*MB),
    'a body that no one reads': (GET % b'/endless/texts' + LONG + HOST, b'a' * 100_000, 25*MB),
    'small chunks that no one reads': (GET % b'/endless/texts' + b'Transfer-Encoding: chunked\r\n' + HOST, b'1\r\na\r\n' * 10_000, 6*MB),
}
FLOODS_OF_HTTP2 = {   # Without TLS, as behind a proxy
    'pings': (H2, h2(6, bytes(8)) * 1000, MB),
    'settings': (H2, h2(4) * 1000, MB),
    'window updates': (H2, h2(8, b'\0\0\0\1') * 1000, MB),
    'frames of no known kind': (H2, h2(0xbb, b'x'*100) * 1000, 4*MB),
}
HTTP2 = 'hypercorn', 'granian'
# SECURITY.md names them: servers that give us no way to hold them
KEPT_BY_SERVER = {('granian', 'pings')}
MOST = {'requests': 64, 'requests that wait to be told to go on': 64,   # MB; what one read brings: some thousand requests
        'pings': 4, 'unasked pongs': 3, 'messages': 3, 'fragments': 5/2, 'empty fragments': 5/2,
        'pings (HTTP/2)': 3, 'settings (HTTP/2)': 3, 'window updates (HTTP/2)': 3}
CELLS = [(name, flood) for name in SERVERS for flood in FLOODS]
CELLS += [(name, f'{flood} (HTTP/2)') for name in HTTP2 for flood in FLOODS_OF_HTTP2]


@pytest.fixture(scope='module')
def running():
    with contextlib.ExitStack() as stack:
        found = {}
        def of(name):
            if name not in found: found[name] = stack.enter_context(served(name))
            return found[name]
        yield of


def flood(server, first: bytes, block: bytes, most: int, receive_buffer: int | None = None) -> tuple[socket.socket, int, bytes]:
    """The connection, how many bytes the server has taken, and the rest of a block.
    It has taken all, or what there was room for while it answered others twenty times."""
    sock = raw_connection(server.port, receive_buffer=receive_buffer)
    if first.startswith(SOCKET):
        sock.sendall(SOCKET % (new_key('flood').encode(), b''))
        answer, first = b'', first.removeprefix(SOCKET)
        while not answer.endswith(b'\r\n\r\n'): answer += sock.recv(1)
        assert b' 101 ' in answer
    sent = still = at = 0
    with contextlib.suppress(BrokenPipeError, ConnectionError):
        sock.sendall(first)
        sock.setblocking(False)
        while sent < most and still < 20:
            try: n = sock.send(memoryview(block)[at:])
            except BlockingIOError:
                server.state()
                still += 1
                continue
            sent, at, still = sent + n, (at + n) % len(block), 0
    return sock, sent, block[at:]


def read_all(sock: socket.socket, rest: bytes) -> None:
    "The server has gone through all, and the message goes on"
    sock.setblocking(True)
    sock.settimeout(PATIENCE)
    sock.sendall(rest + frame(b'last', 9))
    answer = b''
    while not answer.endswith(b'\x8a\x04last'): answer += sock.recv(100)


@pytest.mark.parametrize('name,kind', CELLS)
def test_what_a_client_sends_that_reads_nothing_is_not_kept(name, kind, running):
    server = running(name)
    before = server.state(full=True)['memory']
    first, block, most = FLOODS_OF_HTTP2[kind.removesuffix(' (HTTP/2)')] if 'HTTP/2' in kind else FLOODS[kind]
    sock, sent, rest = flood(server, first, block, most)
    if 'fragments' in kind: read_all(sock, rest)
    try: kept = max(server.state(full=True)['memory'] for _ in range(3)) - before
    finally: reset(sock)
    wait_until(lambda: not (state := server.state())['connections'] and not state['counted'], PATIENCE, 'its connection to be forgotten')
    if (name, kind) in KEPT_BY_SERVER: assert kept > sent/4, 'SECURITY.md says that this server keeps them'
    else: assert kept < MOST.get(kind, 12)*MB, (kept, sent)


# What a parser in Python takes in, one small part after the other
SMALL = 'empty pings', 'unasked pongs', 'fragments', 'empty fragments', 'messages', 'small chunks that no one reads'


@pytest.mark.parametrize('name,kind', [(name, kind) for name in SERVERS if name != 'granian' for kind in SMALL])
def test_others_have_their_turn_while_a_client_sends_many_small_parts(name, kind, running):
    "Of one client the server takes no more than some portions until another one has its answer"
    server, (first, block, _), taken, done = running(name), FLOODS[kind], [0], threading.Event()
    sock, _, rest = flood(server, first, block, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)   # else the system keeps megabytes, at which the server works long after
    sock.setblocking(True)
    sock.settimeout(PATIENCE)

    def send():
        with contextlib.suppress(OSError):
            sock.sendall(rest)
            while not done.is_set():
                sock.sendall(block)
                taken[0] += len(block)

    def take():
        with contextlib.suppress(OSError):
            while sock.recv(65536): pass

    threads = [threading.Thread(target=f) for f in (send, take)]
    for thread in threads: thread.start()
    found = []
    while len(found) < 7 and (threads[0].is_alive() or not found):
        before = taken[0]
        server.get('/state?mark=none')
        found.append(taken[0] - before)
    done.set()
    with contextlib.suppress(OSError): sock.shutdown(socket.SHUT_RDWR)   # wakes both threads
    for thread in threads: thread.join()
    sock.close()
    assert sorted(found)[len(found)//2] < MB, found


@pytest.mark.parametrize('name', SERVERS)
def test_a_message_that_is_small_only_while_it_is_compressed_takes_no_memory(name, running):
    "Compression is agreed to by a server alone that looks at the size while it inflates"
    server = running(name)
    before = server.state(full=True)['memory']
    with socket.create_connection(('127.0.0.1', server.port), PATIENCE) as sock:
        sock.sendall(SOCKET % (new_key('bomb').encode(), b'Sec-WebSocket-Extensions: permessage-deflate\r\n'))
        answer = b''
        while not answer.endswith(b'\r\n\r\n'): answer += sock.recv(1)
        assert (b'permessage-deflate' in answer.lower()) == (name == 'uvicorn')
        if name == 'uvicorn':
            sock.sendall(frame(deflated(b'a' * 60*MB), first=0xc0))
            assert re.search(rb'\x88.\x03\xf1', b''.join(iter(lambda: sock.recv(65536), b'')))   # a close frame with 1009
    assert server.state(full=True)['memory'] - before < 40*MB


@pytest.mark.parametrize('name', SERVERS)
def test_a_client_that_reads_late_gets_an_answer_to_its_last_ping_and_all_its_messages(name, running):
    "RFC 6455, 5.5.3: a server may answer the latest of several pings. It is no reason to stop reading"
    server = running(name)
    sock, _, rest = flood(server, SOCKET, frame(b'x'*125, 9) * 100, 4*MB, receive_buffer=4096)   # which leaves the rest with the server
    with sock:
        sock.settimeout(PATIENCE)
        writer = threading.Thread(target=sock.sendall, args=[rest + frame(b'last', 9) + frame(b'{"n": 7}')])   # it may have to wait
        answer = b''
        writer.start()
        while not (b'\x8a\x04last' in answer and b'echo 7' in answer):
            data = sock.recv(65536)
            assert data, answer[-100:]
            answer = answer[-1000:] + data
        writer.join()
