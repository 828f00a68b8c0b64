"""The law of channels, played with generated histories: a confirmed message reaches each client once and in order, or it gets `resync`.

A world has three processes (hubs with a broker each), three channels, and clients that wander between the processes.
"""
import asyncio
import random
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from fasthtml.realtime.channels import MemoryBroker
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.redis_log import redis_broker
from fasthtml.realtime.sqlite_log import sqlite_broker

NAMES = ['a', 'b', 'c']


class Proxy:
    "Between a process and the server: it can delay, cut and refuse connections"
    def __init__(self, target, path): self.target, self.path, self.delay, self.refuse, self.open = target, path, 0.0, False, set()

    async def start(self):
        self.server = await asyncio.start_unix_server(self._accept, self.path)
        return self

    async def _accept(self, reader, writer):
        try:
            if self.refuse: raise OSError
            inner_reader, inner_writer = await asyncio.open_unix_connection(self.target)
        except OSError: return writer.transport.abort()
        self.open |= {writer, inner_writer}
        try: await asyncio.gather(self._pump(reader, inner_writer), self._pump(inner_reader, writer))
        except asyncio.CancelledError: pass  # the history is over

    async def _pump(self, reader, writer):
        queue = asyncio.Queue()

        async def late():
            while (item := await queue.get()) is not None:
                if (left := item[0] + self.delay - time.monotonic()) > 0: await asyncio.sleep(left)
                writer.write(item[1])
            writer.close()
        sending = asyncio.create_task(late())
        try:
            while data := await reader.read(65536): queue.put_nowait((time.monotonic(), data))
        except OSError: pass
        queue.put_nowait(None)
        await sending

    def cut(self):
        for writer in self.open: writer.transport.abort()
        self.open.clear()


class Wanderer:
    "A client: what it got, and the id it would come back with"
    def __init__(self, name, channel):
        self.name, self.channel, self.info, self.channels = name, channel, None, set()
        self.events, self.last, self.at, self.coming, self.joined, self.fresh = [], None, None, None, 0.0, None

    def deliver(self, message, channel):
        self.events.append((time.monotonic(), message.event or message.text, message.id))
        self.last = message.id
        return True

    async def replay(self, message):
        await asyncio.sleep(0)
        return self.deliver(message, None)

    def lost(self, notice): self.deliver(notice, None)
    def give_up(self): pass


class World:
    "Three processes and what happens to them"
    def __init__(self, kind, server=None):
        self.kind, self.server, self.folder = kind, server, tempfile.mkdtemp()
        self.lags, self.proxies, self.tasks, self.restarts = [0.0] * 3, [], set(), 0
        self.clients, self.confirmed, self.tried, self.saved = [], {name: [] for name in NAMES}, 0, False

    async def open(self):
        if self.kind == 'redis': self.proxies = [await Proxy(self.server.path, f'{self.folder}/p{i}').start() for i in range(3)]
        self.hubs = [Hub(self._broker(i)) for i in range(1 if self.kind == 'memory' else 3)]
        self.kept = [[hub.channel(name, history=400) for name in NAMES] for hub in self.hubs]
        for hub in self.hubs: await hub.broker.ready()

    def _broker(self, i):
        if self.kind == 'memory': return MemoryBroker()
        if self.kind == 'redis': return redis_broker(f'unix://{self.folder}/p{i}', shards=2, timeout=8)
        broker = sqlite_broker(f'{self.folder}/a.db', timeout=8)
        read = broker.log.read

        def late(places, seconds):
            time.sleep(self.lags[i])
            return read(places, seconds)
        broker.log.read = late
        return broker

    def channel(self, i, j): return self.kept[i % len(self.hubs)][j]

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def publish(self, i, j):
        self.tried += 1
        text, began = f'{NAMES[j]}{self.tried}', time.monotonic()
        try: id = await self.channel(i, j).publish(text)
        except ConnectionError: return
        self.confirmed[NAMES[j]].append((began, text, id))

    async def come(self, client, i):
        client.at = channel = self.channel(i, client.channel)
        if client.last is not None: return await channel.resume(client, client.last)
        client.last = channel.join(client)
        client.joined = time.monotonic()

    async def go(self, client):
        if client.coming: await asyncio.wait([client.coming])
        client.at.leave(client)
        client.at = None

    async def step(self, step):
        what, *args = step
        await getattr(self, f'do_{what}')(*args)

    async def do_publish(self, i, j, n): self.spawn(self.publish(i, j))

    async def do_burst(self, i, j, n):
        for k in range(20): self.spawn(self.publish(i + k, (j + k // 3) % 3))

    async def do_join(self, i, j, n):
        if len(self.clients) >= 15: return
        self.clients.append(client := Wanderer(len(self.clients), j))
        await self.come(client, i)

    async def do_move(self, i, j, n):
        client = self.clients[n % len(self.clients)]
        if client.coming and not client.coming.done(): return
        if client.at: await self.go(client)
        if n % 5: client.coming = self.spawn(self.come(client, i))

    async def do_lag(self, i, j, n):
        if self.proxies: self.proxies[i].delay = (0.05, 0.15)[n % 2]
        else: self.lags[i] = (0.05, 0.15)[n % 2]

    async def do_heal(self, *_):
        self.lags = [0.0] * 3
        for proxy in self.proxies: proxy.delay = 0.0

    async def do_cut(self, i, j, n):
        if self.proxies: self.proxies[i].cut()

    async def do_sleep(self, i, j, n): await asyncio.sleep((0, 0.01, 0.05)[n % 3])

    async def do_process(self, i, j, n):
        "A process ends, and another one takes its place; its clients go elsewhere"
        if self.kind == 'memory': return
        old, kept, self.hubs[i] = self.hubs[i], self.kept[i], Hub(self._broker(i))
        self.kept[i] = [self.hubs[i].channel(name, history=400) for name in NAMES]
        here = [client for client in self.clients if client.at in kept]
        for client in here: await self.go(client)
        await old.broker.close()
        await self.hubs[i].broker.ready()
        for client in here: client.coming = self.spawn(self.come(client, i + n))

    async def do_save(self, *_):
        if self.kind == 'redis':
            with self.server.client() as server: await asyncio.to_thread(server.save)
        if self.kind == 'sqlite': self._copy('a.db', 'snap')

    def _copy(self, source, target):
        if target == 'snap': Path(f'{self.folder}/snap').unlink(missing_ok=True)
        self.saved = True
        one, two = sqlite3.connect(f'{self.folder}/{source}', timeout=5), sqlite3.connect(f'{self.folder}/{target}', timeout=5)
        one.backup(two)
        one.close()
        two.close()

    async def do_restart(self, i, j, n):
        "The server comes back with its data, without, or with older data; or an older file is restored in place"
        if self.restarts >= 3 or self.kind == 'memory': return
        if self.kind == 'sqlite':
            if not self.saved: return
            self.restarts += 1
            return self._copy('snap', 'a.db')
        self.restarts += 1
        if n % 3 == 0: await self.do_save()
        self.server.kill()
        if n % 3 == 1: (Path(self.server.folder)/'dump.rdb').unlink(missing_ok=True)
        for k, proxy in enumerate(self.proxies): proxy.refuse = (n >> k) % 2 == 1
        await asyncio.to_thread(self.server.start)
        if n % 4 == 0: # some processes come back later, when others have gone on
            for k in range(n % 50): self.spawn(self.publish(k, k % 3))
            await asyncio.sleep(0.1)
        for proxy in self.proxies: proxy.refuse = False

    async def end(self):
        "All faults are over; every client comes, and gets a last message"
        await self.do_heal()
        while self.tasks: await asyncio.wait(self.tasks)
        for n, client in enumerate(self.clients):
            if client.at is None: await self.come(client, n)
        for j in range(3):
            while not self.confirmed[NAMES[j]] or self.confirmed[NAMES[j]][-1][1] != f'{NAMES[j]}{self.tried}': await self.publish(j, j)
        ends = {j: self.confirmed[NAMES[j]][-1][1] for j in range(3)}
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            if all(any(e[1] == ends[c.channel] for e in c.events[-3:]) for c in self.clients): break
            await asyncio.sleep(0.02)

    async def close(self):
        for hub in self.hubs: await hub.broker.close()
        for proxy in self.proxies:
            proxy.server.close()
            proxy.cut()
        shutil.rmtree(self.folder, ignore_errors=True)

    def broken(self):
        "What is wrong, as sentences"
        found = []
        for c in self.clients:
            got = [e[1] for e in c.events if e[1] != 'resync']
            told = [e[0] for e in c.events if e[1] == 'resync']
            if len(set(got)) != len(got): found.append(f'client {c.name}: {len(got) - len(set(got))} messages came twice')
            for began, text, id in self.confirmed[NAMES[c.channel]]:
                if began > c.joined and text not in got and not any(t > began for t in told):
                    found.append(f'client {c.name}: {text} {id} was lost in silence')
            if len(told) > self.restarts: found.append(f'client {c.name}: {len(told)} notices after {self.restarts} restarts')
            found += [f'client {c.name}: {id} is out of order' for id in out_of_order(e[2] for e in c.events if e[1] != 'resync')]
        return found


def out_of_order(ids):
    "Ids that do not follow the one before, in one life of the data"
    newest = {}
    for id in ids:
        epoch, n = id.split('-')[0], int(id.split('-')[-1])
        if n <= newest.get(epoch, -1): yield id
        newest[epoch] = n


async def play(kind, steps, server=None):
    "Play a history; what is wrong afterwards"
    world = World(kind, server)
    await world.open()
    try:
        for i in range(6): await world.do_join(i % 3, i // 2, 0)
        for step in steps: await world.step(step)
        await world.end()
        return world.broken(), world
    finally: await world.close()


def random_steps(seed, count=140, restarts=True):
    "A history, for long runs by hand"
    chance = random.Random(seed)
    kinds = [*['publish'] * 30, *['burst'] * 4, *['move'] * 10, *['join'] * 2, *['lag'] * 2, *['heal'] * 2, *['cut'] * 2, *['sleep'] * 6,
             'process', *(['save', 'restart', 'restart'] if restarts else [])]
    return [(chance.choice(kinds), chance.randrange(3), chance.randrange(3), chance.randrange(60)) for _ in range(count)]
