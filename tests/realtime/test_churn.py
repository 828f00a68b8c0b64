"""Clients that come and go, over real connections, to a server in a process of its own: memory stays flat, and a restart is survived.

`CHURN=50000 pytest tests/realtime/test_churn.py` is the long form; by default there are fewer connections.
"""
import asyncio
import base64
import os
import random
import re
import socket
import sys
import time

import psutil
import pytest

from support import need_files, serve_process, until

CONNECTIONS = int(os.environ.get('CHURN', 2000))
APP = '''
import asyncio, gc, sys
from fasthtml.common import EventStream, FastHTML, P

app, ends = FastHTML(secret_key='x', grace=3), {'conn': 0, 'disconn': 0}
news = app.channel('news', history=20)

@app.get('/events')
async def events(): return EventStream(news, retry=2000)

async def conn(send):
    try:
        await send('hello')
        await asyncio.sleep(1000)
    finally: ends['conn'] += 1

async def disconn(): ends['disconn'] += 1

@app.ws('/ws', conn=conn, disconn=disconn, channels=news)
async def ws(msg: str): return P(msg)

@app.get('/publish/{text}')
async def publish(text: str): await news.publish(text)

@app.get('/counts')
def counts():
    gc.collect()
    return {**ends, 'open': len(app.lifecycle.connections), 'members': len(news), 'objects': len(gc.get_objects()),
            'blocks': sys.getallocatedblocks()}
'''
KEY = base64.b64encode(b'0123456789abcdef').decode()
UPGRADE = (f'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
           f'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n').encode()
STREAM = b'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
LEAVE = b'\x88\x82\0\0\0\0\x03\xe9'  # a masked close frame with 1001


async def ask(port, path) -> str:
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'.encode())
    answer = await reader.read()
    writer.close()
    return answer.decode().partition('\r\n\r\n')[2]


async def counts(port) -> dict: return dict((k, int(v)) for k, v in re.findall(r'"(\w+)":\s*(\d+)', await ask(port, '/counts')))


async def visit(port, n):
    "Come, hear something, and leave in one of three ways"
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(UPGRADE if n % 2 else STREAM)
    await reader.readuntil(b'hello' if n % 2 else b'id: ')
    if n % 4 == 1: writer.write(LEAVE)
    if n % 4 in (0, 1): writer.close()
    else: writer.transport.abort()


async def many(port, n, most=None):
    "Many visits, then what the server has; once it has no more than `most` objects, since servers close connections after us"
    turns = iter(range(n))
    async def visitor():
        for turn in turns: await visit(port, turn)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(40): tasks.create_task(visitor())
    await ask(port, '/publish/x')
    async def gone():
        while (now := await counts(port))['open'] or now['members']: pass
        return now
    now, end = await asyncio.wait_for(gone(), 30), time.monotonic() + 30
    while most is not None and now['objects'] > most and time.monotonic() < end: now = await counts(port)
    return now


@pytest.mark.timeout(900)
async def test_connects_and_disconnects_leave_no_memory_behind(tmp_path):
    with serve_process(APP, tmp_path) as server:
        memory = psutil.Process(server.popen.pid)
        before = await many(server.port, CONNECTIONS//4)
        at_first = memory.memory_full_info().uss
        most = 200 + CONNECTIONS/10   # what stays of one connection in ten is noise: threads, caches
        after = await many(server.port, CONNECTIONS, before['objects'] + most)
        grown = memory.memory_full_info().uss - at_first
        sockets = CONNECTIONS//4//2 + CONNECTIONS//2
        more = {what: after[what] - before[what] for what in ('objects', 'blocks')}
        print(f'{CONNECTIONS} connections: {grown/1024:.0f} KiB more, {more}')
        assert after['conn'] == after['disconn'] == sockets, after
        assert more['objects'] <= most, more
        assert more['blocks'] < 200 + CONNECTIONS/4, f'memory grows with every connection: {more}'   # Python's own count, which is exact
        assert grown < 6*2**20 + 64*CONNECTIONS, f'{grown/2**20:.1f} MiB more after {CONNECTIONS} connections'


class Reader:
    "An EventSource without a browser: it comes back after the `retry` that it got, with the last id it saw"
    def __init__(self, port): self.port, self.texts, self.last_id, self.retry, self.visits = port, [], None, None, 0

    async def run(self, enough):
        while enough not in self.texts:
            try: await self.listen(enough)
            except (OSError, asyncio.IncompleteReadError): await asyncio.sleep(random.uniform(0.05, 0.2))  # as a browser with no server

    async def listen(self, enough):
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        resume = f'Last-Event-ID: {self.last_id}\r\n' if self.last_id else ''
        writer.write(f'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{resume}\r\n'.encode())
        self.visits += 1
        name = ''
        try:
            while True:
                line = (await reader.readuntil(b'\n')).decode().rstrip('\r\n')
                key, _, value = line.partition(': ')
                if key == 'id': self.last_id = value
                elif key == 'event': name = value
                elif key == 'retry': self.retry = int(value)
                elif key == 'data':
                    self.texts.append(f'({name})' if name else value)
                    if value == enough and not name: return
                elif line == '': name = ''
        finally: writer.transport.abort()


async def test_many_clients_survive_a_restart(tmp_path):
    "SIGTERM, a new process on the same port: all get a closing event with different `retry` times, come back, and get what happened"
    need_files(2500)
    with socket.create_server(('127.0.0.1', 0)) as sock: port = str(sock.getsockname()[1])
    command = [sys.executable, '-m', 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', port, '--backlog', '2048']
    with serve_process(APP, tmp_path, command) as server:
        readers = [Reader(server.port) for _ in range(500)]
        tasks = [asyncio.create_task(reader.run('two')) for reader in readers]
        async def members(n):
            while (await counts(server.port))['members'] < n: await asyncio.sleep(0.05)
        await asyncio.wait_for(members(500), 30)
        await ask(server.port, '/publish/one')
        await until(lambda: all('one' in reader.texts for reader in readers))
        server.signal()
        await asyncio.to_thread(server.wait)
        await until(lambda: all('(shutdown)' in reader.texts for reader in readers))
        assert 'Traceback' not in server.output
    retries = [reader.retry for reader in readers]
    assert len(set(retries)) > 150 and min(retries) >= 500, 'the way back must be spread over time'
    with serve_process(APP, tmp_path, command) as server:
        await asyncio.wait_for(members(500), 60)
        await ask(server.port, '/publish/two')
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
        assert 'Traceback' not in server.output
    assert {tuple(reader.texts) for reader in readers} == {('one', '(shutdown)', '(resync)', 'two')}
    print('spread', min(retries), max(retries))
