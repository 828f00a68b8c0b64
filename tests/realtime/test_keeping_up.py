"What a channel does with members that do not keep up, over real connections."
import re
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.common import EventStream, FastHTML
from support import DEADLINE, raw_connection, serve, wait_until

REQUEST = 'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n'


def ids_and_texts(received: bytes) -> list[tuple[str, str]]:
    "Whole events only: the last may be cut"
    return re.findall(r'id: (\S+)\ndata: (\d+) x*\n\n', re.sub(rb'\r\n[0-9a-f]+\r\n', b'', received).decode())


def test_a_stream_that_is_cut_off_comes_back_and_has_missed_nothing():
    app = FastHTML(secret_key='x')
    news = app.channel('news', history=10_000, when_full='close')
    @app.get('/events')
    def events(): return EventStream(news, max_pending=20_000)
    with serve(app) as served:
        with raw_connection(served.port, REQUEST.format('').encode(), 4096) as sock:
            wait_until(lambda: len(news))
            published = 0
            while len(news):  # until the client, which does not read, has been cut off
                for n in range(published, published + 100): news.publish_sync(f'{n} ' + 'x'*1000)
                published += 100
                served.call((told := threading.Event()).set)
                assert told.wait(DEADLINE) and published < 9000
            received = b''
            try:
                while data := sock.recv(65536): received += data
            except ConnectionResetError: pass
        before = ids_and_texts(received)
        assert 0 < len(before) < published
        with raw_connection(served.port, REQUEST.format(f'Last-Event-ID: {before[-1][0]}\r\n').encode()) as sock:
            received = b''
            while not received.endswith(b'x\n\n\r\n') or f'data: {published - 1} '.encode() not in received: received += sock.recv(65536)
        after = ids_and_texts(received)
    assert [int(text) for _, text in before + after] == [*range(published)]


def test_a_socket_that_is_cut_off_is_told_to_come_back():
    app = FastHTML(secret_key='x')
    room = app.channel('room', when_full='close')
    @app.ws('/ws', channels=room)
    async def ws(msg: str): pass
    with serve(app) as served, connect(f'{served.ws_url}/ws', max_queue=1) as lazy:
        wait_until(lambda: len(room))
        for _ in range(40_000):
            room.publish_sync('x'*1000)
            if not len(room): break
        with pytest.raises(ConnectionClosed) as closed:
            while True: lazy.recv(timeout=DEADLINE)
        assert len(room) == 0 and closed.value.rcvd is None  # it was cut: no close frame can pass what it did not read
