"Short messages go out as they are and long ones compressed, on one connection and in order; who agreed on compression reads both."
import json

import pytest
from websockets.sync.client import connect

from fasthtml.common import Div, FastHTML
from support import DEADLINE, raw_connection, serve, wait_until

TEXTS = ['short', 'ä'*1025, 'x', '', 'long ' * 2000, '<' * 1024, 'again', 'y'*70_000, 'end']


@pytest.fixture
def served():
    app = FastHTML(secret_key='x')
    room = app.channel('room')
    @app.ws('/x', channels=room, max_size=100_000)
    async def handler(msg: str, n: int):
        await room.publish(msg)
        return Div(msg, id=f'n{n}')
    with serve(app) as served: yield served


@pytest.mark.parametrize('compression', ['deflate', None])
def test_short_and_long_messages_arrive_as_they_were_sent(served, compression):
    with connect(f'{served.ws_url}/x', compression=compression) as ws:
        for n, text in enumerate(TEXTS):
            ws.send(json.dumps({'msg': text, 'n': n}))
            published, answer = [ws.recv(timeout=DEADLINE) for _ in range(2)]
            assert published == text
            assert answer == f'<div hx-swap-oob="true" id="n{n}">{text.replace("<", "&lt;")}</div>'


HANDSHAKE = ('GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
             'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n{}\r\n')


@pytest.mark.parametrize(('extensions', 'first'), [('Sec-WebSocket-Extensions: permessage-deflate\r\n', 0xc1), ('', 0x81)])
def test_only_long_messages_are_compressed(served, extensions, first):
    "The first bits of a message say whether it is (RFC 7692, 6)"
    room = served.app.channel('room')
    with raw_connection(served.port, HANDSHAKE.format(extensions).encode()) as sock:
        answer = b''
        while b'\r\n\r\n' not in answer: answer += sock.recv(1)
        assert (b'permessage-deflate' in answer) == bool(extensions)
        wait_until(lambda: len(room))
        room.publish_sync('short')
        assert sock.recv(7) == b'\x81\x05short'
        room.publish_sync('long ' * 2000)
        assert sock.recv(1)[0] == first
