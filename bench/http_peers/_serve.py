"""Run one peer: `python _serve.py NAME` prints the port it listens on.

With `--calls N` it calls the app in process instead: for each line that it reads it makes N calls, and prints µs of CPU per call."""
import argparse
import asyncio
import os
import socket
import sys
import time
from importlib import import_module

HEADERS = [(b'host', b'127.0.0.1:8000'), (b'user-agent', b'bench'), (b'accept', b'text/html,application/json'),
           (b'accept-encoding', b'gzip'), (b'connection', b'keep-alive')]


def scope(path: str, query: bytes) -> dict:
    return dict(type='http', asgi={'version': '3.0', 'spec_version': '2.3'}, http_version='1.1', method='GET', scheme='http',
                path=path, raw_path=path.encode(), query_string=query, root_path='', headers=HEADERS, client=('127.0.0.1', 1),
                server=('127.0.0.1', 8000), state={})


async def call_in_process(app, calls: int, path: str = '/') -> float:
    "µs of CPU of one call: the least of several batches"
    async def receive(): return {'type': 'http.request', 'body': b'', 'more_body': False}
    async def send(message): pass
    batches = []
    for _ in range(10):
        start = time.process_time()
        for _ in range(calls//10): await app(scope(path, b''), receive, send)
        batches.append((time.process_time() - start)/(calls//10)*1e6)
    return min(batches)


def answer_lines(app, calls: int, path: str) -> None:
    with asyncio.Runner() as runner:
        for _ in sys.stdin: print(runner.run(call_in_process(app, calls, path)), flush=True)


def with_gunicorn(app, sock: socket.socket) -> None:
    from gunicorn.app.base import BaseApplication
    class One(BaseApplication):
        def load_config(self):
            options = dict(bind=f'fd://{sock.fileno()}', workers=1, worker_class='gthread', threads=1, keepalive=60, loglevel='error')
            for name, value in options.items(): self.cfg.set(name, value)
        def load(self): return app
    sock.set_inheritable(True)
    One().run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('peer')
    parser.add_argument('--calls', type=int)
    parser.add_argument('--path', default='/')
    a = parser.parse_args()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.sched_setaffinity(0, {0})
    module = import_module(f'{a.peer}_peer')
    if a.calls: return answer_lines(module.app, a.calls, a.path)
    sock = socket.create_server(('127.0.0.1', 0), backlog=4096)
    print(sock.getsockname()[1], flush=True)
    if getattr(module, 'wsgi', False): return with_gunicorn(module.app, sock)
    import uvicorn
    uvicorn.Server(uvicorn.Config(module.app, log_level='error', loop='uvloop', http='httptools')).run(sockets=[sock])


if __name__ == '__main__':
    main()
