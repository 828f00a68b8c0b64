#!/usr/bin/env python
"""Compare request handling: `python bench/http.py [--rounds 40] [--requests 600] [--peers ours,starlette,...]`

A page of ten items with the default head, and one whose items have attributes, built from elements by us and by python-fasthtml, sent as
ready bytes (ours) by the others; a JSON answer from three typed parameters; and one from a posted form.
`ours_def` has the handlers of `ours` as plain functions, `ours_csp` and `ours_secure` a policy and security headers. Every server runs in a process of its own on core 0, the client in this process on core 1.
In a round every peer is measured once, one after the other; a figure is the median over the rounds, a ratio is taken within each round.
Rounds are short, since the speed of a core that others share changes within seconds; the ratios' quartiles say how sure a median is.
CPU is the server's own, from the scheduler's nanosecond counters; in process it is the least of several batches.
python-fasthtml, whose package has our name, gets an environment of its own in bench/.venv-upstream.
"""
import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.pop(0)   # or `import http` would find this file

import psutil

HERE = Path(__file__).resolve().parent
VENV = HERE/'.venv-upstream'
PEERS = 'starlette ours ours_def ours_csp ours_secure fastapi litestar flask upstream'.split()
PATHS = {'page': '/', 'rich page': '/rich', 'json': '/json/7?n=3&q=figs', 'form': '/form'}
IN_PROCESS = {'page in process': '/', 'rich page in process': '/rich'}
FORM = b'name=Ann+Lee&age=41'
ALL_HAVE = 'page', 'json', 'page in process'   # the rest only these:
SOME = 'starlette', 'ours', 'ours_def', 'upstream'
CONNECTIONS = 32
GOALS = [('page', 'ours', 'starlette', 1.8), *((name, 'ours', 'starlette', 4) for name in IN_PROCESS),     # measure, peer, limit × peer
         *((name, 'ours_def', 'ours', 1.25) for name in PATHS), ('json', 'ours', 'fastapi', 1),
         *((name, peer, 'ours', 1.03) for name in ('page', 'page in process') for peer in ('ours_csp', 'ours_secure'))]


# Servers

def python_of(peer: str) -> str:
    if peer != 'upstream': return sys.executable
    python = VENV/'bin/python'
    if not python.exists(): subprocess.run([sys.executable, '-m', 'venv', VENV], check=True)
    if subprocess.run([python, '-c', 'import fasthtml.common, uvloop, httptools'], capture_output=True).returncode:
        subprocess.run([python, '-m', 'pip', 'install', '-q', 'python-fasthtml', 'uvicorn[standard]'], check=True)
    return str(python)


def start(peer: str, pages: dict[str, bytes], *options: str) -> subprocess.Popen:
    env = dict(os.environ, **{name: page.hex() for name, page in pages.items()}, PYTHONPATH='' if peer == 'upstream' else str(HERE.parent))
    return subprocess.Popen([python_of(peer), HERE/'http_peers/_serve.py', peer, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, env=env, cwd=HERE/'http_peers')


class Server:
    "A peer under its server; gunicorn's worker is a child process"
    def __init__(self, peer: str, pages: dict[str, bytes]):
        self.popen = start(peer, pages)
        self.port = int(self.popen.stdout.readline())

    @property
    def cpu(self) -> float:
        "Seconds of CPU so far, of all threads and children"
        main = psutil.Process(self.popen.pid)
        tasks = [task for p in (main, *main.children()) for task in Path(f'/proc/{p.pid}/task').glob('*/schedstat')]
        return sum(int(task.read_text().split()[0]) for task in tasks)/1e9

    def stop(self) -> None:
        for child in psutil.Process(self.popen.pid).children(): child.kill()
        self.popen.kill()
        self.popen.wait()


class Caller:
    "A process that calls a peer's app whenever it is asked to"
    def __init__(self, peer: str, pages: dict[str, bytes], calls: int, path: str):
        self.popen = start(peer, pages, '--calls', str(calls), '--path', path)

    def time(self) -> float:
        "µs of CPU for one call"
        self.popen.stdin.write('\n')
        self.popen.stdin.flush()
        return float(self.popen.stdout.readline())

    def stop(self) -> None: self.popen.communicate()


# Client

class Load(asyncio.Protocol):
    "One keep-alive connection that asks again as soon as it is answered"
    def __init__(self, job: dict): self.job, self.data = job, b''

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        if self.job['left'] <= 0: return self.transport.close()
        self.job['left'] -= 1
        self.transport.write(self.job['request'])

    def data_received(self, data):
        self.data += data
        head, found, body = self.data.partition(b'\r\n\r\n')
        if not found: return
        length = int(head.lower().partition(b'content-length:')[2].split(b'\r\n')[0])
        if len(body) < length: return
        self.job['done'] += 1
        self.job['last'] = (head.split(b'\r\n')[0], body)
        self.data = b''
        self.ask()

    def connection_lost(self, exc):
        self.job['open'] -= 1
        if not self.job['open']: self.job['end'].set_result(None)


async def ask(port: int, path: str, requests: int, connections: int = CONNECTIONS) -> bytes:
    "Send `requests` requests; the last body"
    loop = asyncio.get_running_loop()
    request = (f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: bench\r\nAccept: text/html,application/json\r\n'
               'Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n').encode()
    if path == PATHS['form']:
        form = b'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n' % len(FORM)
        request = request.replace(b'GET', b'POST', 1)[:-2] + form + FORM
    job = dict(request=request, left=requests, done=0, last=None, open=connections, end=loop.create_future())
    for _ in range(connections): await loop.create_connection(lambda: Load(job), '127.0.0.1', port)
    def stay_awake():
        if not job['end'].done(): loop.call_soon(stay_awake)
    stay_awake()
    await asyncio.wait_for(job['end'], 120)
    status, body = job['last']
    if b' 200 ' not in status + b' ': raise RuntimeError(f'{status} {body[:300]}')
    if job['done'] != requests: raise RuntimeError(f'{job["done"]} of {requests} answers came')
    return body


async def until_ready(port: int) -> None:
    for _ in range(200):
        try: return await ask(port, PATHS['json'], 1, 1) and None
        except OSError: await asyncio.sleep(.05)
    raise RuntimeError('the server does not answer')


# Measures

async def measure(peers: list[str], rounds: int, requests: int) -> dict[str, dict[str, list[float]]]:
    "Measure → peer → µs of CPU per request, one for each round"
    first = Server('ours', {})
    await until_ready(first.port)
    pages = {'PAGE': await ask(first.port, PATHS['page'], 1, 1), 'RICH': await ask(first.port, PATHS['rich page'], 1, 1)}
    first.stop()
    servers = {peer: Server(peer, pages) for peer in peers}
    out = {name: {peer: [] for peer in peers if name in ALL_HAVE or peer in SOME} for name in [*PATHS, *IN_PROCESS]}
    try:
        for server in servers.values(): await until_ready(server.port)
        for name, path in PATHS.items():
            bodies = {peer: await ask(servers[peer].port, path, 400) for peer in out[name]}
            if name in ('json', 'form'): assert len({json.dumps(json.loads(b)) for b in bodies.values()}) == 1, bodies
            for _ in range(rounds):
                for peer in out[name]:
                    server = servers[peer]
                    before = server.cpu
                    await ask(server.port, path, requests)
                    out[name][peer].append((server.cpu - before)/requests*1e6)
    finally:
        for server in servers.values(): server.stop()
    for name, path in IN_PROCESS.items():   # of all but an app that is not ASGI, and threads, which only a server keeps busy
        callers = {peer: Caller(peer, pages, requests, path) for peer in out[name] if peer not in ('flask', 'ours_def')}
        for caller in callers.values(): caller.time()
        for _ in range(rounds):
            for peer, caller in callers.items(): out[name][peer].append(caller.time())
        for caller in callers.values(): caller.stop()
    return out


def ratios(results: dict[str, list[float]], one: str, other: str) -> list[float]:
    return [a/b for a, b in zip(results[one], results[other], strict=True)]


def ratio(results: dict[str, list[float]], one: str, other: str) -> float:
    return statistics.median(ratios(results, one, other))


def in_words(results: dict[str, list[float]], one: str, other: str) -> str:
    "The median of the ratio, and its quartiles"
    low, middle, high = statistics.quantiles(ratios(results, one, other), n=4)
    return f'{middle:.2f} ({low:.2f} to {high:.2f})'


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int, default=40)
    parser.add_argument('--requests', type=int, default=600)
    parser.add_argument('--peers', default=','.join(PEERS))
    a = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    peers = a.peers.split(',')
    results = asyncio.run(measure(peers, a.rounds, a.requests))
    for name, figures in results.items():
        print(f'\n{name}: µs of CPU per request, and times bare Starlette')
        for peer in figures:
            if figures[peer]: print(f'  {peer:10} {statistics.median(figures[peer]):8.1f} {ratio(figures, peer, "starlette"):7.2f}')
    print()
    for name, one, other, limit in GOALS:
        figures = results[name]
        if not (figures.get(one) and figures.get(other)): continue
        met = ratio(figures, one, other) <= limit
        print('met   ' if met else 'MISSED', f'{name}: {one} ≤ {limit} × {other}: {in_words(figures, one, other)}')


if __name__ == '__main__':
    main()
