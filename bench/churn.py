#!/usr/bin/env python
"""Connect and disconnect many clients and see what is left: `python bench/churn.py [--n 50000]`

uvicorn's own protocols serve the app in process, on a transport that throws away what is written, so that no time is spent in the network.
Streams of a channel, of a generator and of a handler that sends, sockets with and without `conn`, in turn; some leave in the middle of the
handshake, some after a while, some with a close frame. At the end nothing may be left: no task, no connection, no subscriber, no timer, no object.
"""
import sys

sys.path.pop(0)  # this folder, whose `http.py` would stand in front of the standard library's

import argparse
import asyncio
import base64
import gc
import random
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from fasthtml.common import Div, EventStream, FastHTML

app = FastHTML(secret_key='bench')
news, log = app.channel('news', history=10), Counter()


@app.get('/channel')
async def channel(): return EventStream(news)


@app.get('/source')
async def source():
    async def events():
        log['began'] += 1
        try:
            yield Div('hello')
            await asyncio.sleep(3600)
        finally: log['ended'] += 1
    return EventStream(events())


@app.get('/object')
async def by_send():
    log['began'] += 1
    try:
        stream = EventStream()
        while await stream.send(Div('hello')): await asyncio.sleep(3600)
    finally: log['ended'] += 1


async def conn(send):
    log['began'] += 1
    try:
        await send(Div('hello'))
        await asyncio.sleep(3600)
    finally: log['ended'] += 1

async def disconn(): log['disconn'] += 1

@app.ws('/conn', conn=conn, disconn=disconn, channels=[news])
async def with_conn(n: int): return Div(n, id='n')

@app.ws('/plain')
async def without_conn(n: int): return Div(n, id='n')


class Transport:
    "A client that reads everything and says nothing by itself"
    def __init__(self): self.closing = False
    def write(self, data: bytes) -> None: pass
    def get_extra_info(self, name: str, default=None): return ('127.0.0.1', 1) if name in ('peername', 'sockname') else default
    def is_closing(self) -> bool: return self.closing
    def close(self) -> None: self.closing = True
    def abort(self) -> None: self.closing = True
    def pause_reading(self) -> None: pass
    def resume_reading(self) -> None: pass


KEY = base64.b64encode(bytes(16)).decode()
UPGRADE = f'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n'
MESSAGE, CLOSE = b'\x81\x88\0\0\0\0{"n": 1}', b'\x88\x82\0\0\0\0\x03\xe9'
KINDS = {'/channel': '', '/source': '', '/object': '', '/conn': UPGRADE, '/plain': UPGRADE}


async def visit(config: Config, state: ServerState, path: str, chance: random.Random) -> None:
    "One client, from connect to disconnect"
    upgrade = KINDS[path]
    protocol = (WebSocketsSansIOProtocol if upgrade else HttpToolsProtocol)(config=config, server_state=state, app_state={})
    protocol.connection_made(Transport())
    protocol.data_received(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n'.encode())
    for _ in range(chance.choice((0, 1, 2, 5, 20))): await asyncio.sleep(0)
    if upgrade and protocol.handshake_complete:
        if chance.random() < .5: protocol.data_received(MESSAGE)
        if chance.random() < .5: protocol.data_received(CLOSE)
    for _ in range(chance.choice((0, 1, 5))): await asyncio.sleep(0)
    protocol.connection_lost(None)


async def left(state: ServerState, before: set) -> dict:
    "What is there, once everything that has begun is over"
    deadline = time.monotonic() + 30
    while (tasks := asyncio.all_tasks() - before - {asyncio.current_task()}) and time.monotonic() < deadline: await asyncio.sleep(.01)
    gc.collect()
    return dict(tasks=len(tasks), connections=len(app.connections), subscribers=len(news), admitted=app.site.limits.open,
                running=log['began'] - log['ended'], objects=len(gc.get_objects()), mib=psutil.Process().memory_info().rss/2**20)


async def main(n: int) -> int:
    config = Config(app, log_level='critical', lifespan='off', access_log=False)
    config.load()
    state, chance, before = ServerState(), random.Random(1), asyncio.all_tasks()
    async def some(count: int) -> dict:
        for first in range(0, count, 100):
            paths = [chance.choice(list(KINDS)) for _ in range(min(100, count - first))]
            await asyncio.gather(*[visit(config, state, path, chance) for path in paths])
            await news.publish('x')
        return await left(state, before)
    warm = await some(2000)
    end = await some(n)
    for name in warm: print(f'{name:14}{warm[name]:>14,.1f}{end[name]:>14,.1f}')
    clean = not any(end[name] for name in ('tasks', 'connections', 'subscribers', 'admitted', 'running'))
    return 0 if clean and end['objects'] - warm['objects'] < 200 and end['mib'] - warm['mib'] < 8 else 1


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--n', type=int, default=50_000)
    sys.exit(uvloop.run(main(parser.parse_args().n)))
