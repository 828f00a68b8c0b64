"""Event streams over HTTP/2, with servers that speak it; judged by curl and httpx2. Chromium is in `tests/browser/test_http2.py`."""
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections import Counter, defaultdict
from contextlib import contextmanager

import h2.connection
import h2.errors
import httpx2
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from http2_kit import HTTP2, launch, make_certificate
from support import DEADLINE, ROOT, missing, parse_events, wait_until


@pytest.fixture(scope='module')
def certificate(tmp_path_factory): return make_certificate(tmp_path_factory.mktemp('tls'))


@pytest.fixture(params=HTTP2)
def site(request, certificate, tmp_path):
    with launch(HTTP2[request.param], certificate, tmp_path) as site:
        site.name = request.param
        yield site


def test_curl_gets_every_closing_event_over_one_connection(site, certificate):
    "S3 over HTTP/2: SIGTERM ends twelve streams of one connection, each with its closing event"
    if not shutil.which('curl'): missing('curl', 'install it (Debian: `apt-get install curl`)')
    curl = subprocess.Popen(['curl', '-sSN', '--http2', '--cacert', certificate['CERT'], '--parallel',
                             f'{site.url}/events/[1-12]', '-w', '\nhttp %{http_version}, new %{num_connects}\n'],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: site.listening == 12, what='twelve streams')
    site.get('/publish/last')
    site.process.signal(signal.SIGTERM)
    out, err = curl.communicate(timeout=DEADLINE)
    assert curl.returncode == 0, err
    names = Counter((e.event, e.data) for e in parse_events(out))
    assert names['message', 'last'] == 12 and sum(n for (event, _), n in names.items() if event == 'shutdown') == 12
    counted = Counter(line for line in out.splitlines() if line.startswith('http '))
    assert counted == {'http 2, new 0': 11, 'http 2, new 1': 1}
    assert site.process.wait() in (0, -signal.SIGTERM, 143)
    # hypercorn may log a traceback of its own when curl sends on a line that is being closed; nothing of ours may stand in it
    assert str(ROOT/'fasthtml') not in site.process.output


class Client:
    "An HTTP/2 client that may do what ordinary ones do not: reset some of its streams"
    def __init__(self, site):
        self.site, host = site, site.url.removeprefix('https://')
        tls = ssl.create_default_context(cafile=site.cert)
        tls.set_alpn_protocols(['h2'])
        self.sock = tls.wrap_socket(socket.create_connection(host.split(':'), DEADLINE), server_hostname='127.0.0.1')
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.always = [(':scheme', 'https'), (':authority', host)]
        self.heads, self.bodies, self.ended = defaultdict(dict), defaultdict(bytes), set()
        self.stalled = set()   # Streams that get no room for more than they have now; the connection does

    def ask(self, method: str, path: str, headers=(), body: bytes | None = None) -> int:
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, [(':method', method), (':path', path), *self.always, *headers], end_stream=body is None)
        if body is not None: self.h2.send_data(number, body, end_stream=True)
        self.sock.sendall(self.h2.data_to_send())
        return number

    def read_until(self, condition) -> None:
        while not condition():
            for event in self.h2.receive_data(self.sock.recv(65536)):
                kind, number = type(event).__name__, getattr(event, 'stream_id', 0)
                if kind == 'ResponseReceived': self.heads[number] = {k.decode(): v.decode() for k, v in event.headers}
                elif kind == 'DataReceived':
                    self.bodies[number] += event.data
                    if number not in self.stalled: self.h2.acknowledge_received_data(event.flow_controlled_length, number)
                    elif event.flow_controlled_length: self.h2.increment_flow_control_window(event.flow_controlled_length)
                elif kind == 'StreamEnded': self.ended.add(number)
                assert kind not in ('ConnectionTerminated', 'StreamReset'), event
            self.sock.sendall(self.h2.data_to_send())

    def reset(self, number: int) -> None:
        self.h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self.sock.sendall(self.h2.data_to_send())


@contextmanager
def talking_to(site):
    client = Client(site)
    try: yield client
    finally: client.sock.close()


def test_a_stream_that_is_reset_ends_alone(site):
    "A browser that closes one EventSource of several resets its stream; the connection stays"
    with talking_to(site) as client:
        streams = [client.ask('GET', f'/events/{n}', [('accept', 'text/event-stream')]) for n in range(12)]
        wait_until(lambda: site.listening == 12)
        for number in streams[:4]: client.reset(number)
        wait_until(lambda: site.listening == 8)
        site.get('/publish/two')
        client.read_until(lambda: all(b'data: two' in client.bodies[number] for number in streams[4:]))
        assert not client.ended and not any(b'two' in client.bodies[number] for number in streams[:4])
        for number in streams[4:]:
            head = client.heads[number]
            assert (head[':status'], head['cache-control'], head['content-type']) == ('200', 'no-store', 'text/event-stream; charset=utf-8')
            assert 'connection' not in head and 'transfer-encoding' not in head
    wait_until(lambda: site.listening == 0)
    assert len(set(site.seen())) == 1


def test_the_origin_is_compared_with_the_authority(site):
    "HTTP/2 has no Host header; `:authority` takes its place"
    with talking_to(site) as client:
        own, foreign = (client.ask('POST', '/answer', [('origin', origin)]) for origin in (site.url, 'https://example.com'))
        client.read_until(lambda: {own, foreign} <= client.ended)
        assert (client.heads[own][':status'], client.heads[foreign][':status']) == ('200', '403')


async def test_httpx_agrees(site):
    async with httpx2.AsyncClient(http2=True, verify=ssl.create_default_context(cafile=site.cert)) as client:
        answer = await client.get(f'{site.url}/seen')
        async with client.stream('GET', f'{site.url}/events/1', timeout=DEADLINE) as stream:
            await client.get(f'{site.url}/publish/hello')
            lines = [line async for line in until_line(stream, 'data: hello')]
    assert answer.http_version == stream.http_version == 'HTTP/2' and lines[-1] == 'data: hello'
    assert len(set(site.seen())) == 1


async def until_line(stream, last):
    async for line in stream.aiter_lines():
        yield line
        if line == last: return


class Socket:
    "A WebSocket in a stream of an HTTP/2 connection (RFC 8441); its frames are those of the `websockets` library"
    def __init__(self, client: Client, key: str):
        self.client, self.key, self.texts, self.given = client, key, [], 0
        self.protocol = ClientProtocol(parse_uri('wss://127.0.0.1/'), state=State.OPEN)
        self.number = client.h2.get_next_available_stream_id()
        own = (':method', 'CONNECT'), (':protocol', 'websocket'), (':path', f'/socket/{key}'), *client.always
        client.h2.send_headers(self.number, [*own, ('sec-websocket-version', '13'), ('origin', client.site.url)])
        client.sock.sendall(client.h2.data_to_send())
        self.expect(f'hello {key}')
        assert client.heads[self.number][':status'] == '200'

    def take(self) -> None:
        "What has come"
        body = self.client.bodies[self.number]
        self.protocol.receive_data(body[self.given:])
        self.given = len(body)
        self.texts += [frame.data.decode() for frame in self.protocol.events_received() if frame.opcode is Opcode.TEXT]

    def expect(self, text: str) -> None:
        def there():
            self.take()
            return text in self.texts
        self.client.read_until(there)

    def closed(self) -> int:
        "The code of the server's close frame, once it is there"
        def there():
            self.take()
            return self.protocol.close_rcvd
        self.client.read_until(there)
        return self.protocol.close_rcvd.code

    def send(self, text: str) -> None:
        self.protocol.send_text(json.dumps({'msg': text}).encode())
        self.out()

    def out(self) -> None:
        self.client.h2.send_data(self.number, b''.join(self.protocol.data_to_send()))
        self.client.sock.sendall(self.client.h2.data_to_send())

    def close(self) -> None:
        self.protocol.send_close(4001, 'bye')
        self.out()


ENDS = {   # How each of several sockets of one connection ends
    'a close frame': lambda socket: socket.close(),
    'a reset': lambda socket: socket.client.reset(socket.number),
    'the handler closes': lambda socket: socket.send('close'),
}

def test_sockets_over_http2_end_alone_and_properly(certificate, tmp_path):
    "W1-W3, S2, S3: `conn`, messages and a channel side by side; each end runs `disconn` once; SIGTERM closes the others with 1012"
    with launch(HTTP2['hypercorn'], certificate, tmp_path) as site, talking_to(site) as client:
        def said(key): return json.loads(site.get('/ends')).get(key)
        sockets = {name: Socket(client, str(n)) for n, name in enumerate([*ENDS, 'stays', 'one more'])}
        stream = client.ask('GET', '/events/1', [('accept', 'text/event-stream')])
        for name, socket in sockets.items():
            for n in range(20): socket.send(f'{name} {n}')
        for name, socket in sockets.items():
            socket.expect(f'echo {name} 19')
            assert socket.texts[1:] == [f'echo {name} {n}' for n in range(20)]
        for name, end in ENDS.items(): end(sockets[name])
        assert sockets['the handler closes'].closed() == 4321
        for name in ENDS:
            key = sockets[name].key
            wait_until(lambda: len(said(key)) == 3, what=f'{name}: {said(key)}')  # noqa: B023
            assert said(key)[:2] == ['conn', 'conn ended'], (name, said(key))
        wait_until(lambda: site.listening == 3)
        site.get('/publish/news')
        for name in 'stays', 'one more': sockets[name].expect('news')
        client.read_until(lambda: b'data: news' in client.bodies[stream])
        site.process.signal(signal.SIGTERM)
        assert [sockets[name].closed() for name in ('stays', 'one more')] == [1012, 1012]
        client.read_until(lambda: b'event: shutdown' in client.bodies[stream])


def test_a_connection_of_many_sockets_that_is_cut_ends_them_all(certificate, tmp_path):
    with launch(HTTP2['hypercorn'], certificate, tmp_path) as site:
        with talking_to(site) as client:
            for n in range(20): Socket(client, str(n))
            wait_until(lambda: site.listening == 20)
        wait_until(lambda: site.listening == 0)
        wait_until(lambda: all(len(said) == 3 for said in json.loads(site.get('/ends')).values()))
        assert {tuple(said) for said in json.loads(site.get('/ends')).values()} <= {('conn', 'conn ended', code) for code in (1005, 1006)}


MOST = (256 + 2*64)*1024 + 2*10_100  # As over HTTP/1.1: what may wait, and what is on its way

def test_w4_c1_a_stream_of_a_connection_that_is_not_read_delays_no_other_and_takes_no_memory(site):
    "Event streams, and sockets where the server has them over HTTP/2: one of each is not read"
    with talking_to(site) as client:
        streams = [client.ask('GET', f'/events/{n}', [('accept', 'text/event-stream')]) for n in range(2)]
        sockets = [Socket(client, f's{n}') for n in range(2)] if site.name == 'hypercorn' else []
        wait_until(lambda: site.listening == len(streams + sockets))
        client.stalled = {streams[0], *(socket.number for socket in sockets[:1])}
        def numbers(): return [int(n) for n in re.findall(rb'data: (\d+) x', client.bodies[streams[1]])]
        for first in range(0, 200, 20):  # 2 MB for each
            site.get(f'/flood/{first}/20')
            client.read_until(lambda: len(numbers()) == first + 20)  # noqa: B023
            for socket in sockets[1:]: socket.expect(f'{first + 19} ' + 'x'*10_000)
        assert numbers() == list(range(200))
        for socket in sockets[1:]: assert [int(text.split()[0]) for text in socket.texts[1:]] == list(range(200))
        assert all(len(client.bodies[number]) < 2**17 for number in client.stalled)
        assert 0 < json.loads(site.get('/seen'))['pending'] <= MOST   # it waits with us, not without bound with the server
    wait_until(lambda: site.listening == 0)


LARGE = ['file', 'response', 'route', 'mount/x', 'parts/page', 'page']   # 50 MB each, but the last

def test_a_response_that_is_not_read_takes_no_memory_and_ends_with_its_client(site):
    "Whatever makes it; a page has been made as a whole"
    def told(): return json.loads(site.get('/accepted'))
    with talking_to(site) as client:
        asked = [client.ask('GET', f'/large/{kind}') for kind in LARGE]
        client.stalled = set(asked)
        client.read_until(lambda: all(len(client.bodies[number]) == 65535 for number in asked))
        for _ in range(50): accepted = told()['accepted']   # each time the server could go on
        assert accepted.keys() >= set(LARGE[1:-1]) and all(accepted[kind] < 2**20 for kind in LARGE[:-1] if kind in accepted), accepted
    wait_until(lambda: sorted(told()['ended']) == sorted(LARGE))
