"""No name that a program or a client gives leads to a channel of the library: what processes tell each other is not read or forged."""
import asyncio
import json
import threading
from contextlib import suppress
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from fasthtml.common import Div, EventStream, FastHTML
from support import DEADLINE


def site():
    "An app that takes names of channels from its clients, with all that has a channel of its own"
    app = FastHTML(secret_key='k')
    app.room = app.channel('room', presence=True)
    app.ws('/ws/{name:path}', channels='{name}')(write)
    app.get('/sse/{name:path}')(lambda name: EventStream(app.channel(name)))
    @app.live
    def board(): return Div('board')
    @app.work
    async def job(say): await say(Div('done'))
    assert app.regions.signals
    return app


async def write(msg: str, ws, app):
    for channel in tuple(ws.connection.channels): await channel.publish(msg)


def own(app): return [c for c in app.site.hub if c.name.startswith('\udc00')]


def test_the_library_has_channels_of_its_own():
    app = site()
    with TestClient(app) as client, client.websocket_connect('/ws/room') as ws:
        ws.send_json({'msg': 'hello'})
        assert ws.receive_text() == 'hello' and {c.name[1:] for c in own(app)} >= {'presence', 'live'}
        assert {c.name for c in app.site.hub if c not in own(app)} == {'room'}, 'every other name is one of the program'


@pytest.mark.parametrize('spell', [str, '~{}'.format, '\udc00{}'.format, '\ufffd{}'.format, '\0{}'.format, 'room/../{}'.format])
def test_a_client_that_names_one_gets_another(spell):
    forged = json.dumps({'by': 'x', 'do': 'add', 'room': 'room', 'key': '"ghost"', 'person': 'ghost'})
    app = site()
    with TestClient(app) as client:
        for name in 'presence', 'live', 'work:job':
            address = f"/ws/{quote(spell(name), errors='surrogatepass')}"
            with suppress(WebSocketDisconnect), client.websocket_connect(address) as ws:
                ws.send_json({'msg': forged})
                assert ws.receive_text() == forged
            assert app.room.people() == []
            assert all(len(c) == 0 or c.members() == [None] for c in own(app))


def test_a_program_cannot_name_one():
    with pytest.raises(ValueError, match='is no name for a channel of yours'): FastHTML(secret_key='k').channel('\udc00live')


@pytest.mark.parametrize('name', ['work:job{}', 'work done:job{}', '~work:job{}', '\ufffdwork:job{}'])
def test_a_lease_that_a_client_names_is_none_of_the_library(name):
    app, ran = FastHTML(secret_key='k'), threading.Event()
    @app.work
    async def job(say): ran.set()
    @app.post('/lock')
    async def lock(doc: str): return str(bool(await app.site.hub.broker.lease(doc, 3600)))
    app.get('/go')(lambda: job.start())
    with TestClient(app, base_url='http://localhost') as client:
        assert client.post('/lock', data={'doc': name}).text == 'True'
        client.get('/go')
        assert ran.wait(DEADLINE)


def test_a_program_cannot_name_a_lease_of_the_library():
    broker = FastHTML(secret_key='k').site.hub.broker
    with pytest.raises(ValueError, match='is no name for a lease of yours'): asyncio.run(broker.lease('\udc00work:job{}', 1))
