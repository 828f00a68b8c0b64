"The `websockets` library by itself: echo and broadcast"
import asyncio
import json
import logging
from urllib.parse import parse_qsl, urlsplit

from _serve import publish_many, text_of
from websockets.asyncio.server import broadcast
from websockets.asyncio.server import serve as serve_websockets

logging.getLogger('websockets').setLevel(logging.CRITICAL)   # a client that just leaves is no news
tasks, sockets = set(), set()


async def to_sockets(i, pad):
    broadcast(sockets, f'<div id="tick" class="tick" hx-swap-oob="true">{text_of(i, pad)}</div>')


def ask(connection, request):
    "`/publish` over plain HTTP"
    if not request.path.startswith('/publish'):
        return None
    q = dict(parse_qsl(urlsplit(request.path).query))
    tasks.add(asyncio.create_task(publish_many(to_sockets, int(q.get('n', 1)), float(q.get('rate', 0)), int(q.get('size', 1)))))
    return connection.respond(200, 'started')


async def talk(socket):
    if socket.request.path == '/echo':
        async for text in socket:
            await socket.send(f'<div id="tick" class="tick" hx-swap-oob="true">{json.loads(text)["msg"]}</div>')
    else:
        sockets.add(socket)
        try: await socket.wait_closed()
        finally: sockets.discard(socket)


async def serve(sock):
    async with serve_websockets(talk, sock=sock, process_request=ask, compression=None) as server:
        await server.serve_forever()
