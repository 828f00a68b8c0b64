"Run one peer: `python _serve.py NAME` prints the port it listens on. Small tools that all peers share."
import argparse
import asyncio
import os
import socket
import sys
import time
from importlib import import_module

BURST = 100


async def publish_many(publish, n: int, rate: float, size: int) -> None:
    "Publish `n` messages, as fast as possible or `rate` a second; each carries the time it was made"
    start = time.perf_counter()
    for i in range(n):
        await publish(i, 'x'*size)
        if rate:
            await asyncio.sleep(max(0, start + (i + 1)/rate - time.perf_counter()))
        else:
            await asyncio.sleep(0)


def text_of(i: int, pad: str = '') -> str: return f'{i} {time.time():.6f} {pad}^'


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('peer')
    parser.add_argument('--grace', type=float)
    a = parser.parse_args()
    os.sched_setaffinity(0, {0})
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    module = import_module(f'{a.peer}_peer')
    sock = socket.create_server(('127.0.0.1', 0), backlog=4096)
    print(sock.getsockname()[1], flush=True)
    if hasattr(module, 'serve'):
        return asyncio.run(module.serve(sock))
    import uvicorn
    config = uvicorn.Config(module.app, log_level='error', timeout_graceful_shutdown=a.grace, loop='uvloop', backlog=4096)
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == '__main__':
    main()
