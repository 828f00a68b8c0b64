"""S3: shutdown ends streams with a farewell inside the grace time, then runs lifespan shutdown, always.

Real servers, real signals, clients that are not ours: raw sockets for event streams, `websockets` for sockets.
"""
import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from support import DEADLINE, raw_connection, serve_process, until, wait_until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

APP = (Path(__file__).parent/'drain_app.py').read_text(encoding='utf-8')
PY = [sys.executable, '-m']
UVICORN = [*PY, 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', '0']
HYPERCORN = [*PY, 'hypercorn', 'app:app', '-b', '127.0.0.1:0']
GRANIAN = [*PY, 'granian', 'app:app', '--interface', 'asgi', '--host', '127.0.0.1', '--port', 'FREE']
LAUNCHES = {
    'uvicorn': UVICORN,
    'uvicorn on asyncio and h11': [*UVICORN, '--loop', 'asyncio', '--http', 'h11', '--ws', 'wsproto'],
    'uvicorn --workers 2': [*UVICORN, '--workers', '2'],
    'uvicorn --reload': [*UVICORN, '--reload'],
    'hypercorn': HYPERCORN,
    'hypercorn -w 0': [*HYPERCORN, '-w', '0'],
    'hypercorn on uvloop -w 2': [*HYPERCORN, '-k', 'uvloop', '-w', '2'],
    'granian': GRANIAN,
    'granian --workers 2': [*GRANIAN, '--workers', '2'],
}


class Server:
    def __init__(self, process, folder):
        self.process, self.file = process, folder/'journal'

    @property
    def journal(self): return self.file.read_text().split() if self.file.exists() else []


def free_port():
    "For granian, which does not say which port the system gave it"
    with socket.create_server(('127.0.0.1', 0)) as sock: return str(sock.getsockname()[1])


@contextlib.contextmanager
def launch(tmp_path, command, **env):
    command = [free_port() if part == 'FREE' else part for part in command]
    env = {'JOURNAL': str(tmp_path/'journal'), **{k.upper(): str(v) for k, v in env.items()}}
    with serve_process(APP, tmp_path, command, env) as process:
        server = Server(process, tmp_path)
        wait_until(lambda: 'startup' in server.journal, what='startup')
        yield server


class StreamClient:
    "An event stream read from a raw socket"
    async def open(self, port):
        async def ready():
            while True:
                try: return await asyncio.open_connection('127.0.0.1', port)
                except ConnectionRefusedError: await asyncio.sleep(0.02)
        self.reader, self.writer = await asyncio.wait_for(ready(), DEADLINE)
        self.writer.write(b'GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
        self.head = await self.reader.readuntil(b'\r\n\r\n')
        self.body, self.terminated = b'', False
        self.task = asyncio.create_task(self.read())
        await until(lambda: b'hello' in self.body)
        return self

    async def read(self):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while size := int(await self.reader.readuntil(b'\r\n'), 16):
                self.body += (await self.reader.readexactly(size + 2))[:-2]
            self.terminated = True
        self.writer.close()


class SocketClient:
    "A WebSocket read to its end"
    async def open(self, port):
        self.ws = await connect(f'ws://127.0.0.1:{port}/ws', compression=None)
        self.messages, self.code = [], None
        self.task = asyncio.create_task(self.read())
        return self

    async def read(self):
        try:
            async for message in self.ws: self.messages.append(message)
        except ConnectionClosed: pass
        self.code = self.ws.close_code


async def get(port, path, headers=''):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(f'GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n'.encode())
    answer = await reader.read()
    writer.close()
    return answer


async def crowd(port, n):
    streams = await asyncio.gather(*(StreamClient().open(port) for _ in range(n)))
    sockets = await asyncio.gather(*(SocketClient().open(port) for _ in range(n)))
    return streams, sockets


async def all_read(clients, deadline=DEADLINE):
    await asyncio.wait_for(asyncio.gather(*(c.task for c in clients)), deadline)


def check_farewells(streams, sockets, last=None):
    wrong = [s.body[-80:] for s in streams if not (s.body.endswith(b'event: shutdown\ndata:\n\n') and s.terminated)]
    assert not wrong, f'{len(wrong)} of {len(streams)} streams without farewell or end: {wrong[:3]}'
    assert {s.code for s in sockets} == {1012}
    if last:
        assert all(f'data: {last}\n\n'.encode() in s.body for s in streams)
        assert all(s.messages[-1:] == [last] for s in sockets)


async def stop_and_check(server, n, stop, workers=1, exit_within=3.0):
    port, process = server.process.port, server.process
    streams, sockets = await crowd(port, n)
    last = None
    if workers == 1:
        await until(lambda: True)
        while f' {2 * n}'.encode() not in await get(port, '/'): pass
        last = 'last-words'
    slow = asyncio.create_task(get(port, '/slow'))
    await asyncio.sleep(0)
    if last: await get(port, f'/publish/{last}')
    began = time.monotonic()
    stop(process)
    await all_read([*streams, *sockets])
    assert b' 200 ' in (await slow)[:20], 'a request in flight was cut off'
    code = await asyncio.to_thread(process.wait)
    took = time.monotonic() - began
    check_farewells(streams, sockets, last)
    assert server.journal.count('shutdown') == server.journal.count('startup') == server.journal.count('event')
    assert 'Traceback' not in process.output, process.output
    assert took < exit_within, f'{took:.2f} s'
    print(f'exit after {took:.2f} s, code {code}')


def to_the_group(process): os.killpg(process.popen.pid, signal.SIGINT)
def to_the_process(process): process.signal(signal.SIGTERM)


@pytest.mark.parametrize('stop', [to_the_process, to_the_group], ids=['SIGTERM', 'Ctrl-C'])
@pytest.mark.parametrize('name', LAUNCHES)
async def test_everybody_hears_goodbye_and_lifespan_shutdown_runs(tmp_path, name, stop):
    with launch(tmp_path, LAUNCHES[name]) as server:
        await stop_and_check(server, 50, stop, workers=2 if '2' in name else 1)
