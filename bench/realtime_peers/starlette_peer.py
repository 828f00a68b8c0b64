import asyncio
import json

from _serve import publish_many, text_of
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

tasks, queues, sockets = set(), set(), set()


async def single(request):
    async def events():
        for i in range(int(request.query_params['n'])):
            yield f'data: <div id="tick" class="tick">{text_of(i)}</div>\n\n'
    return StreamingResponse(events(), media_type='text/event-stream')


async def sub(request):
    async def events():
        queues.add(queue := asyncio.Queue())
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)
    return StreamingResponse(events(), media_type='text/event-stream')


async def to_queues(i, pad):
    event = f'data: <div id="tick" class="tick">{text_of(i, pad)}</div>\n\n'
    for queue in queues:
        queue.put_nowait(event)


async def to_sockets(i, pad):
    frame = f'<div id="tick" class="tick" hx-swap-oob="true">{text_of(i, pad)}</div>'
    for socket in tuple(sockets):
        await socket.send_text(frame)


async def publish(request):
    q = request.query_params
    one = to_sockets if q.get('channel') in ('room', 'sends') else to_queues
    tasks.add(asyncio.create_task(publish_many(one, int(q.get('n', 1)), float(q.get('rate', 0)), int(q.get('size', 1)))))
    return PlainTextResponse('started')


async def echo(socket):
    await socket.accept()
    try:
        while True:
            data = json.loads(await socket.receive_text())
            await socket.send_text(f'<div id="tick" class="tick" hx-swap-oob="true">{data["msg"]}</div>')
    except WebSocketDisconnect: pass


async def room(socket):
    await socket.accept()
    sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect: pass
    finally: sockets.discard(socket)


app = Starlette(routes=[
    Route('/single', single), Route('/sub', sub), Route('/queues', sub), Route('/publish', publish),
    WebSocketRoute('/echo', echo), WebSocketRoute('/echo_send', echo), WebSocketRoute('/room', room), WebSocketRoute('/sends', room)])
