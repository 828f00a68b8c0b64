#!/usr/bin/env python
"""Compare realtime servers: `python bench/realtime.py [measures] [--rounds 3] [--peers ours,starlette,...]`

Each server runs in a process of its own on core 0, and only one is asked at a time; and the clients in this process on core 1. The clients are bare
asyncio protocols that count one marker byte for each message, so they are not what is measured. In a round every peer is measured once, one after
the other, and a ratio is taken within the round: on a shared machine rates move by a factor of two within minutes, ratios much less.
Rounds of echoes are short, ten for each of the others, with all servers up; the quartiles say how sure their median ratio is.
CPU is the server's own, user and system. python-fasthtml, whose package has our name, gets an environment of its own in bench/.venv-upstream.
"""
import sys

sys.path.pop(0)  # this folder, whose `http.py` would stand in front of the standard library's

import argparse
import asyncio
import base64
import http.client
import json
import os
import resource
import signal
import statistics
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import uvloop

HERE = Path(__file__).resolve().parent
VENV = HERE/'.venv-upstream'
PEERS = 'starlette ours sse_starlette websockets upstream'.split()
MEASURES = ('single fanout fanout_queues fanout_elements echo echo_send broadcast broadcast_sends idle_sse idle_generator idle_ws idle_socket '
            'stalled_sse stalled_ws sigterm').split()
HAS = {  # measure → peers that have it
    'single': 'starlette ours sse_starlette upstream', 'object': 'ours', 'fanout': 'starlette ours sse_starlette upstream',
    'fanout_queues': 'starlette ours upstream',        # generators with a queue each, as programs write it without channels
    'fanout_elements': 'starlette ours',               # the queues hold elements, which the generators yield
    'echo': 'starlette ours websockets upstream', 'echo_send': 'starlette ours upstream',  # the handler returns, or sends, its answer
    'broadcast': 'starlette ours websockets upstream',
    'broadcast_sends': 'starlette ours upstream',      # a loop over kept `send`s
    'idle_sse': 'starlette ours sse_starlette upstream', 'idle_generator': 'starlette ours upstream',
    'idle_ws': 'starlette ours websockets upstream', 'idle_socket': 'starlette ours upstream',  # on a channel, and by itself
    'stalled_sse': 'starlette ours sse_starlette', 'stalled_ws': 'starlette ours websockets', 'sigterm': 'starlette ours websockets',
}


GOALS = {  # measure → figure → at least (rates) or at most (memory); rates are times Starlette
    'single': {'rate': .7}, 'fanout': {'rate': 1.8}, 'fanout_queues': {'rate': 1.1}, 'fanout_elements': {'rate': 1.0}, 'echo': {'rate': .9}, 'echo_send': {'rate': .85},
    'broadcast': {'rate': 1.2}, 'broadcast_sends': {'rate': 1.1}, 'idle_sse': {'kib': 11}, 'idle_generator': {'kib': 18},
    'idle_ws': {'kib': 20}, 'idle_socket': {'kib': 20},
}


# Servers

def upstream_python() -> str:
    python = VENV/'bin/python'
    if not python.exists():
        subprocess.run([sys.executable, '-m', 'venv', VENV], check=True)
    if subprocess.run([python, '-c', 'import fasthtml.common, uvloop, httptools'], capture_output=True).returncode:
        subprocess.run([python, '-m', 'pip', 'install', '-q', 'python-fasthtml', 'uvicorn[standard]'], check=True)
    return str(python)


class Server:
    def __init__(self, peer: str, *options: str):
        python = upstream_python() if peer == 'upstream' else sys.executable
        env = dict(os.environ, PYTHONPATH='' if peer == 'upstream' else str(HERE.parent))
        self.popen = subprocess.Popen([python, HERE/'realtime_peers/_serve.py', peer, *options], stdout=subprocess.PIPE, text=True, env=env,
                                      cwd=HERE/'realtime_peers')
        self.port = int(self.popen.stdout.readline())
        self.process = psutil.Process(self.popen.pid)
        self.wait_ready()

    def wait_ready(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try: return self.get('/publish?n=0')
            except OSError: time.sleep(.02)
        raise RuntimeError('the server does not answer')

    def get(self, path: str) -> None:
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=10)
        connection.request('GET', path)
        connection.getresponse().read()
        connection.close()

    @property
    def cpu(self) -> float:
        "Seconds of CPU so far, of all threads"
        tasks = Path(f'/proc/{self.popen.pid}/task').glob('*/schedstat')
        return sum(int(task.read_text().split()[0]) for task in tasks)/1e9

    @property
    def rss(self) -> int: return self.process.memory_full_info().uss


@contextmanager
def serving(peer: str, *options: str):
    server = Server(peer, *options)
    try: yield server
    finally:
        server.popen.kill()
        server.popen.wait()


# Clients

class Client(asyncio.Protocol):
    "Counts the marker `^` (not `~`, which stands in the header of a long frame); a stalled one stops reading"
    def __init__(self, load, request: bytes, on_message: bytes = b''):
        self.load, self.request, self.answer, self.count, self.tail = load, request, on_message, 0, b''
        self.opened, self.lost = False, False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        if not self.opened:
            self.opened = True
            self.load.opened += 1
        if n := data.count(b'^'):
            self.count += n
            self.load.count += n
            if self.load.latencies is not None: self.load.note(data)
            if self.answer: self.ask()
            if self.load.count >= self.load.goal: self.load.reach()
        self.tail = (self.tail + data)[-200:]

    def ask(self):
        if self.load.left <= 0: return
        self.load.left -= 1
        self.transport.write(self.answer)

    def connection_lost(self, exc):
        self.lost = True
        self.load.lost += 1


def sse(path: str) -> bytes: return f'GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n'.encode()

def websocket(path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (f'GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
            f'Sec-WebSocket-Key: {key}\r\n\r\n').encode()

def frame(text: str) -> bytes:
    "A masked text frame; the mask is zero, which the protocol allows"
    data = text.encode()
    assert len(data) < 65536
    length = bytes([128 | len(data)]) if len(data) < 126 else b'\xfe' + len(data).to_bytes(2)
    return b'\x81' + length + bytes(4) + data


class Load:
    "Many clients of one server"
    def __init__(self, server: Server):
        self.server, self.clients, self.opened, self.count, self.lost = server, [], 0, 0, 0
        self.goal, self.reached, self.latencies, self.left = 1 << 62, asyncio.Event(), None, 0

    async def connect(self, n: int, request: bytes, answer: bytes = b'', batch: int = 50) -> None:
        loop = asyncio.get_running_loop()
        for i in range(0, n, batch):
            made = [loop.create_connection(lambda: Client(self, request, answer), '127.0.0.1', self.server.port) for _ in range(min(batch, n - i))]
            self.clients += [client for _, client in await asyncio.gather(*made)]
            await self.until(lambda: self.opened >= len(self.clients))

    async def until(self, condition, deadline: float = 30) -> None:
        end = time.monotonic() + deadline
        while not condition():
            if time.monotonic() > end: raise RuntimeError('the server is too slow, or has lost messages')
            await asyncio.sleep(.002)

    def reach(self) -> None: self.reached.set()

    def note(self, data: bytes) -> None:
        now = time.time()
        for part in data.split(b'^')[:-1]:
            numbers = part.rpartition(b'>')[2].split(b' ')
            if len(numbers) >= 3: self.latencies.append(now - float(numbers[1]))

    async def run(self, goal: int, start) -> tuple[float, float]:
        "Seconds and CPU seconds from `start()` until `goal` messages have come"
        self.goal, self.count = goal, 0
        self.reached.clear()
        cpu, begin = self.server.cpu, time.perf_counter()
        start()
        await asyncio.wait_for(self.reached.wait(), 60)
        seconds = time.perf_counter() - begin
        return seconds, self.server.cpu - cpu

    def close(self) -> None:
        for client in self.clients: client.transport.abort()


# Measures: each gives a dict of figures of one server

async def single(server, n=20_000, path='/single'):
    load = Load(server)
    loop = asyncio.get_running_loop()
    for goal in n//10, n:  # the first warms up
        async def go(goal=goal):
            await loop.create_connection(lambda: Client(load, sse(f'{path}?n={goal}')), '127.0.0.1', server.port)
        seconds, cpu = await load.run(goal, lambda: asyncio.ensure_future(go()))
    return {'rate': n/seconds, 'cpu_us': cpu/n*1e6}

async def by_send(server): return await single(server, path='/object')

async def fanout(server, clients=1000, n=100, path='/sub', channel='events', request=sse):
    load = Load(server)
    await load.connect(clients, request(path))
    await asyncio.sleep(.2)
    for count in 10, n:
        seconds, cpu = await load.run(clients*count, lambda: ask(server, f'/publish?channel={channel}&n={count}'))  # noqa: B023
    load.close()
    return {'rate': clients*n/seconds, 'cpu_us': cpu/(clients*n)*1e6}

def ask(server, path): asyncio.get_running_loop().run_in_executor(None, server.get, path)

async def fanout_queues(server): return await fanout(server, path='/queues', channel='queues')
async def fanout_elements(server): return await fanout(server, path='/queues', channel='elements')
async def broadcast(server): return await fanout(server, path='/room', channel='room', request=websocket)
async def broadcast_sends(server): return await fanout(server, path='/sends', channel='sends', request=websocket)

ECHOES = {'echo': '/echo', 'echo_send': '/echo_send'}

async def echoes(path: str, servers: dict[str, Server], rounds: int, clients=32, n=3000) -> dict[str, list[dict[str, float]]]:
    "Peer → figures of each of many short rounds, in which every peer answers `n` messages, one peer after the other"
    text = frame(json.dumps({'msg': 'hello ^', 'HEADERS': {'HX-Request': 'true', 'HX-Trigger': 'form', 'HX-Target': 'form', 'HX-Current-URL': 'http://localhost/'}}))
    figures = {peer: [] for peer in servers}
    for i in range(rounds + 1):
        for peer, server in servers.items():
            load = Load(server)
            await load.connect(clients, websocket(path), text)
            def start(load=load):
                load.left = n
                for client in load.clients: client.ask()
            seconds, cpu = await load.run(n, start)
            if i: figures[peer].append({'rate': n/seconds, 'cpu_us': cpu/n*1e6})   # the first warms up
            load.close()
    return figures

async def idle(server, request, clients=1000):
    warm = Load(server)
    await warm.connect(100, request)
    warm.close()
    await asyncio.sleep(.5)
    before, load = server.rss, Load(server)
    await load.connect(clients, request)
    await asyncio.sleep(.5)
    kib = (server.rss - before)/clients/1024
    load.close()
    return {'kib': kib}

async def idle_sse(server): return await idle(server, sse('/sub'))
async def idle_generator(server): return await idle(server, sse('/queues'))
async def idle_ws(server): return await idle(server, websocket('/room'))
async def idle_socket(server): return await idle(server, websocket('/echo'))

async def stalled(server, path, channel, request, seconds=8, rate=1000):
    "One of 21 clients stops reading; the p99 of the others, without and with it, and the growth of the server"
    figures = {}
    for stall in False, True:
        load = Load(server)
        await load.connect(20, request(path))
        lazy = Load(server)
        await lazy.connect(1, request(path))
        if stall: lazy.clients[0].transport.pause_reading()
        await asyncio.sleep(.2)
        before, load.latencies = server.rss, []
        ask(server, f'/publish?channel={channel}&n={seconds*rate}&rate={rate}&size=1000')
        await asyncio.sleep(seconds + .5)
        figures['p99_stalled' if stall else 'p99_ms'] = statistics.quantiles(load.latencies or [9], n=100)[98]*1000
        figures['got' if not stall else 'got_stalled'] = load.count/(20*seconds*rate)
        if stall: figures['growth_mib'] = (server.rss - before)/2**20
        load.close()
        lazy.close()
        await asyncio.sleep(.2)
    return figures

async def stalled_sse(server): return await stalled(server, '/sub', 'events', sse)
async def stalled_ws(server): return await stalled(server, '/room', 'room', websocket)

async def sigterm(server, clients=500, patience=8.0):
    "SIGTERM while 20 messages a second are published: how long, and what the clients saw last"
    streams, sockets = Load(server), Load(server)
    has_sse = 'websockets' not in server.popen.args
    if has_sse: await streams.connect(clients, sse('/sub'))
    await sockets.connect(clients, websocket('/room'))
    for channel in 'events', 'room': server.get(f'/publish?channel={channel}&n=100000&rate=20')
    await asyncio.sleep(.5)
    begin = time.perf_counter()
    server.popen.send_signal(signal.SIGTERM)
    code = None
    while code is None and time.perf_counter() - begin < patience:
        await asyncio.sleep(.005)
        code = server.popen.poll()
    seconds = time.perf_counter() - begin
    await asyncio.sleep(.2)
    def share(items, test): return sum(map(test, items))/clients
    return {'exit_s': seconds if code is not None else float('inf'), 'closing_event': share(streams.clients, lambda c: b'event: shutdown' in c.tail),
            'terminated': share(streams.clients, lambda c: c.tail.endswith(b'0\r\n\r\n')),
            'ws_1012': share(sockets.clients, lambda c: (1012).to_bytes(2) in c.tail[-60:])}


# The report

def run(measure: str, peer: str) -> dict[str, float]:
    function = by_send if measure == 'object' else globals()[measure]
    with serving(peer) as server: return uvloop.run(function(server))

def run_echoes(measure: str, peers: list[str], rounds: int) -> dict[str, list[dict[str, float]]]:
    "All peers at once, since the speed of a core that others share changes within seconds"
    with ExitStack() as stack:
        servers = {peer: stack.enter_context(serving(peer)) for peer in peers}
        return uvloop.run(echoes(ECHOES[measure], servers, rounds))

def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('measures', nargs='*', default=MEASURES, help=f'some of {" ".join(HAS)}')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--peers', default=','.join(PEERS))
    parser.add_argument('--json', help='write all figures to this file')
    a = parser.parse_args()
    os.sched_setaffinity(0, {1})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a thousand clients are a thousand files
    figures: dict[str, dict[str, list[dict]]] = {}
    for measure in a.measures:
        peers = [p for p in a.peers.split(',') if p in HAS[measure].split()]
        rounds = 1 if measure.startswith(('stalled', 'sigterm')) else a.rounds
        if measure in ECHOES: figures[measure] = run_echoes(measure, peers, 10 * rounds)
        else: figures[measure] = {peer: [] for peer in peers}
        for _ in range(0 if measure in ECHOES else rounds):
            for peer in peers: figures[measure][peer].append(run(measure, peer))
        report(measure, figures[measure])
    if a.json: Path(a.json).write_text(json.dumps(figures, indent=1))

def report(measure: str, peers: dict[str, list[dict]]) -> None:
    "One line for each peer: medians, and for rates, CPU and memory the median ratio to Starlette in the same round; then our goals"
    print(f'\n{measure}')
    base = peers.get('starlette')
    for peer, rounds in peers.items():
        cells = []
        for key in rounds[0]:
            values = [figures[key] for figures in rounds]
            text = f'{key} {statistics.median(values):,.2f}'
            if base and peer != 'starlette' and key in ('rate', 'cpu_us', 'kib'):
                text += f' (x {in_words(values, base, key)})'
            cells.append(text)
        print(f'  {peer:14}' + '  '.join(f'{cell:28}' for cell in cells), flush=True)
    if not (base and 'ours' in peers): return
    for key, goal in GOALS.get(measure, {}).items():
        ours = [figures[key] for figures in peers['ours']]
        met = statistics.median(ours) <= goal if key == 'kib' else ratio(ours, base, key) >= goal
        print('  met   ' if met else '  MISSED', f'{key} ≤ {goal}' if key == 'kib' else f'{key} ≥ {goal} x Starlette', flush=True)

def ratio(values: list[float], base: list[dict], key: str) -> float:
    return statistics.median(v/b[key] for v, b in zip(values, base, strict=True))

def in_words(values: list[float], base: list[dict], key: str) -> str:
    "The median ratio, with its quartiles if there are rounds enough"
    if len(values) < 10: return f'{ratio(values, base, key):.2f}'
    low, middle, high = statistics.quantiles((v/b[key] for v, b in zip(values, base, strict=True)), n=4)
    return f'{middle:.2f}, {low:.2f} to {high:.2f}'


if __name__ == '__main__':
    main()
