"""Channels of many processes on a log, when processes, servers and files die: C2 without gap or duplicate, C3 every loss told once."""
import asyncio
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import connect

from channel_kit import Client, numbers, texts
from fasthtml.common import FastHTML
from fasthtml.http import security
from fasthtml.realtime import sqlite_log
from fasthtml.realtime.entries import LogEntry, Place, backoff, pack, parse_place
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.leases import BrokerError, NotSent
from fasthtml.realtime.open_broker import share_channels
from fasthtml.realtime.redis_log import redis_broker
from fasthtml.realtime.shards import Reader, Shard
from fasthtml.realtime.sqlite_log import sqlite_broker
from fasthtml.realtime.wire import RESYNC, Message
from law_kit import Proxy
from support import SseClient, serve_process, until, wait_until

APP = '''
import os
from fasthtml.common import *
app = FastHTML(secret_key='x')
news = app.channel('news', history=100_000)

@app.on_event('startup')
async def reached():
    "An app starts without its broker after some seconds; on a machine that is busy, the broker may need them"
    while not await news.broker.ready(): pass

@app.get('/events')
async def events(): return EventStream(news)

@app.get('/publish/{text}')
async def publish(text: str): return await news.publish(text)

@app.get('/sync/{text}')
def sync(text: str): return news.publish_sync(text)

@app.get('/who')
def who(): return f'{os.getpid()} {len(news)}'
'''
UVICORN = [sys.executable, '-m', 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port']
KINDS = ['sqlite', 'redis']


@pytest.fixture
async def brokers(request, tmp_path):
    "Makes brokers on one log, as processes would have them: `brokers(kind, **options)`"
    made = []

    def make(kind='redis', **options):
        options = {'timeout': 60, **options}  # no test waits for it, however loaded the machine is
        if kind == 'sqlite': made.append(sqlite_broker(tmp_path/'a.db', **options))
        else: made.append(redis_broker(request.getfixturevalue('own_valkey').url, **options))
        return made[-1]
    yield make
    for broker in made: await broker.close()


def address(kind, request, tmp_path):
    "Of a broker for another process"
    return f'sqlite:{tmp_path}/a.db' if kind == 'sqlite' else request.getfixturevalue('own_valkey').url


def read_until(client, text):
    "Read events until one says `text`"
    wait_until(lambda: (client.read(), f'data: {text}\n' in client.text)[1], what=text)


def resume(port, last_id):
    return SseClient(f'http://127.0.0.1:{port}', '/events', {'Last-Event-ID': last_id})


def seen(client):
    "The numbered messages, and the last id"
    blocks = [dict(line.split(': ', 1) for line in b.split('\n') if ': ' in line) for b in client.text.split('\n\n')[:-1]]
    return [b['data'] for b in blocks if b.get('data', '').isdigit()], [b['id'] for b in blocks if 'id' in b][-1]


@pytest.mark.parametrize('kind', KINDS)
async def test_an_app_killed_and_started_again_leaves_no_gap_and_no_duplicate(kind, request, tmp_path, brokers):
    "C2 across the death of a process; messages are published all the time, also while no subscriber is there"
    broker = brokers(kind, prefix='two')
    env = {'FASTHTML_BROKER': address(kind, request, tmp_path)}
    code = APP.replace("secret_key='x'", "secret_key='x', broker_prefix='two'")
    channel, published, enough = Hub(broker).channel('news', history=100_000), [], asyncio.Event()
    await channel.broker.ready()

    async def talk():
        while not enough.is_set():
            await channel.publish(str(len(published)))
            published.append(len(published))
            await asyncio.sleep(0.002)
    last_id, all_seen, port = channel.last_id, [], '0'
    talking = asyncio.create_task(talk())
    for life in range(3):
        with serve_process(code, tmp_path, [*UVICORN, port], env) as process:
            port = str(process.port)
            if life == 2:
                enough.set()
                await talking
            want = str(len(published) + (50 if life < 2 else -1))
            with await asyncio.to_thread(resume, port, last_id) as client:
                await asyncio.to_thread(read_until, client, want)
                process.signal(signal.SIGKILL)
                await asyncio.to_thread(process.wait)
                numbers_seen, last_id = seen(client)
                all_seen += numbers_seen
    assert len(published) > 100, 'fifty in each of two lives'
    assert all_seen == texts(0, len(published)), 'gaps or duplicates'


@pytest.mark.parametrize('kind', KINDS)
async def test_every_worker_hears_what_any_of_them_publishes(kind, request, tmp_path):
    command, env = [*UVICORN, '0', '--workers', '2'], {'FASTHTML_BROKER': address(kind, request, tmp_path)}
    with serve_process(APP, tmp_path, command, env) as process:
        await asyncio.to_thread(wait_until, lambda: process.output.count('startup complete') == 2)

        def get(path):
            with SseClient(process.url, path) as client:
                while client.read(): pass
                return client.text
        clients, pids = [], {}

        def come():
            "One more client, until each worker has some: the kernel chooses which of them accepts"
            clients.append(SseClient(process.url, '/events'))
            for _ in range(4): pids.update([get('/who').split()])
            return len([n for n in pids.values() if n != '0']) == 2

        def counted():
            pids.update([get('/who').split()])
            return sum(map(int, pids.values())) == len(clients)
        await asyncio.to_thread(wait_until, come, 30)
        await asyncio.to_thread(wait_until, counted, 30)
        for n in range(20): await asyncio.to_thread(get, f'/{"publish" if n % 2 else "sync"}/{n}')
        for client in clients:
            await asyncio.to_thread(read_until, client, '19')
            assert seen(client)[0] == texts(0, 20)
            client.close()


async def test_a_server_that_lost_its_data_is_noticed_and_everybody_told(own_valkey, brokers):
    channel = Hub(brokers()).channel('news', history=100)
    client = Client()
    await channel.broker.ready()
    channel.join(client)
    await numbers(channel, 0, 10)
    await until(lambda: len(client.got) == 10)
    own_valkey.kill()
    own_valkey.start()
    await until(lambda: client.texts[10:] == [RESYNC])  # As soon as it is there again, not only with the next message
    await channel.publish('anew')
    await until(lambda: client.texts[10:] == [RESYNC, 'anew'])
    again = Client()
    await channel.resume(again, client.got[3][0])
    await until(lambda: again.texts == [RESYNC])
    await channel.publish('more')
    await until(lambda: client.texts[-1] == again.texts[-1] == 'more')


async def test_connections_that_break_cost_neither_readers_nor_publishers_anything(own_valkey, brokers, tmp_path):
    "A batch whose answer got lost is sent again, and is there once. The proxy holds answers back, so that a cut loses some"
    proxy = await Proxy(own_valkey.path, f'{tmp_path}/p').start()
    writing = redis_broker(f'unix://{tmp_path}/p', timeout=20)
    one, two, client, confirmed = Hub(writing).channel('news', history=1000), Hub(brokers()).channel('news', history=1000), Client(), []
    await two.broker.ready()
    two.join(client)

    async def talk():
        for n in range(60):
            confirmed.append((await one.publish(str(n)), str(n)))
    talking, proxy.delay = asyncio.create_task(talk()), 0.005
    while not talking.done():
        await asyncio.sleep(0.2)
        proxy.cut()
    await talking
    await two.publish('end')
    await until(lambda: client.got and client.texts[-1] == 'end')
    assert [(id, text) for id, _, text in client.got[:-1]] == confirmed
    await writing.close()
    proxy.server.close()
    proxy.cut()


async def test_a_reader_that_was_away_while_the_stream_was_trimmed_is_told(brokers):
    one, two = [Hub(brokers(shards=1, maxlen=10)).channel('news', history=10) for _ in range(2)]
    client = Client()
    await two.broker.ready()
    two.join(client)
    await one.publish('before')
    await until(lambda: client.texts == ['before'])
    await two.broker.close()
    for _ in range(15): await asyncio.gather(*(one.publish('x') for _ in range(200)))
    await two.publish('after')
    await until(lambda: client.texts and client.texts[-1] == 'after')
    assert client.texts[1] == RESYNC and len(client.texts) < 3000
    assert client.texts[2:-1] == ['x'] * (len(client.texts) - 3)


async def test_without_a_server_an_app_starts_waits_and_goes_on_later(own_valkey, brokers):
    own_valkey.kill()
    channel, client = Hub(brokers(timeout=0.3)).channel('news', history=10), Client()
    with pytest.raises(NotSent, match='took nothing'): await channel.publish('nobody')
    with pytest.raises(NotSent, match='Redis at .*: .*Error'): await asyncio.to_thread(channel.publish_sync, 'nobody')
    await channel.resume(client, '17-5')
    assert len(channel) == 1
    await until(lambda: client.texts == [RESYNC])
    own_valkey.start()
    while not await channel.broker.ready(): pass
    while client.texts[-1] != 'at last':
        with suppress(NotSent): await channel.publish('at last')   # its own connection may come a little later
    assert 'nobody' not in client.texts


@pytest.mark.parametrize('kind', KINDS)
async def test_a_publisher_that_gives_up_does_not_disturb_the_others(kind, brokers):
    channel, client = Hub(brokers(kind)).channel('news', history=100), Client()
    await channel.broker.ready()
    channel.join(client)
    tasks = [asyncio.create_task(channel.publish(str(n))) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]: task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await channel.publish('end')
    await until(lambda: client.texts[-1:] == ['end'])
    assert set(texts(0, 50)[1::2]) <= set(client.texts)


async def test_closing_the_broker_lets_waiting_publishers_go(own_valkey, brokers):
    broker = brokers(timeout=60)
    channel = Hub(broker).channel('news')
    await channel.publish('x')
    own_valkey.kill()
    publishing = [asyncio.create_task(channel.publish(str(n))) for n in range(3)]
    await asyncio.sleep(0.01)
    await broker.close()
    done = await asyncio.wait_for(asyncio.gather(*publishing, return_exceptions=True), 10)
    assert all(isinstance(e, BrokerError) for e in done), done
    assert broker.status().outbox == 0


async def test_a_server_whose_clock_went_back_and_lost_all_is_told(own_valkey, brokers):
    channel, client = Hub(brokers(shards=1)).channel('news', history=10), Client()
    await channel.broker.ready()
    channel.join(client)
    await channel.publish('before')
    await until(lambda: client.texts == ['before'])
    await channel.broker.close()
    with own_valkey.client() as server: server.flushall()
    await channel.publish('after')
    await until(lambda: client.texts[-1] == 'after')
    assert client.texts == ['before', RESYNC, 'after']


@pytest.mark.parametrize('kind', KINDS)
async def test_the_threads_end_at_whatever_moment_the_broker_is_closed(kind, brokers):
    chance = random.Random(3)
    for n in range(20):
        broker = brokers(kind, prefix=f'{n}')
        broker.open(Hub(broker).channel('news', history=n % 2 * 5))
        broker.start()
        threads = broker._threads
        await asyncio.sleep(chance.random() / 50)
        await asyncio.wait_for(broker.close(), 10)
        assert not any(thread.is_alive() for thread in threads)


def test_opening_a_channel_starts_no_thread(tmp_path):
    "The supervisor of several workers imports the app, and reads nothing"
    broker = sqlite_broker(tmp_path/'a.db')
    Hub(broker).channel('news', history=10)
    assert not broker._threads and not (tmp_path/'a.db').exists() and not broker.status().started


async def test_entries_that_come_twice_are_told_once_and_a_gap_is_told(tmp_path):
    "C3, in the reader alone"
    broker = sqlite_broker(tmp_path/'a.db')
    channel, client = Hub(broker).channel('news', history=10), Client(fast=True)
    broker.start = lambda: None
    shard, reader = broker.shards[0], broker.reader
    shard.place = Place('a', 0, 0)
    shard.known = True
    channel.join(client)

    def arrive(*entries):
        for n, name in entries: reader.arrived(shard, [LogEntry(0, n, name, b'b' if name == b'' else pack(Message(str(n))))])
    arrive((1, b'news'), (2, b'news'), (1, b'news'), (2, b'other'), (3, b'other'), (4, b'news'), (6, b'news'), (7, b''), (8, b'news'))
    await until(lambda: client.texts == ['1', '2', '4', RESYNC, '6', RESYNC, '8'])
    assert shard.place == Place('b', 0, 8) and isinstance(reader, Reader) and isinstance(shard, Shard)


def test_pauses_grow_and_differ():
    pauses = backoff(0.1, 1)
    found = [next(pauses) for _ in range(10)]
    assert 0.05 <= found[0] <= 0.1 and 0.5 <= found[-1] <= 1 and len(set(found)) == 10


# What servers and programs do wrong

@pytest.mark.parametrize('kind', KINDS)
async def test_publishing_while_the_broker_is_closed_ends_in_an_id_or_a_broker_error(kind, brokers):
    "Nobody may wait for ever, and no other exception may come out"
    chance = random.Random(5)
    for n in range(15):
        broker = brokers(kind, prefix=f'{n}')
        channel = Hub(broker).channel('x')
        await channel.publish('first')

        async def talk():
            for i in range(20):
                assert '-' in await channel.publish(str(i))  # noqa: B023
                await asyncio.sleep(0)
        talks = [asyncio.create_task(talk()) for _ in range(5)]
        await asyncio.sleep(chance.random() / 100)
        await asyncio.wait_for(broker.close(), 10)
        ends = await asyncio.wait_for(asyncio.gather(*talks, return_exceptions=True), 10)
        assert all(e is None or isinstance(e, BrokerError) for e in ends), ends
        await broker.close()
        assert broker.status().outbox == broker.status().outbox_bytes == 0


async def test_keys_and_entries_that_are_not_ours_stop_nothing_else(own_valkey, brokers):
    "A log, a history and a size of the wrong kind, entries of others, and bodies that are none"
    broker = brokers(prefix='p', shards=2)
    hub = Hub(broker)
    here = {}
    for name in 'abcdefgh': here.setdefault(hub.channel(name, history=5).shard.index, []).append(name)
    good, bad = here[0][0], here[1][0]
    with own_valkey.client() as server:
        server.set('{p}:1:log', 'text')
        server.set(f'{{p}}:0:history:{good}', 'text')
        server.rpush(f'{{p}}:0:size:{good}', 'x')
    client, one, two = Client(), hub.channel(good, history=5), hub.channel(bad, history=5)
    await broker.ready()
    one.join(client)
    await one.publish('one')
    with pytest.raises(BrokerError, match='WRONGTYPE'): await two.publish('nobody')
    with own_valkey.client() as server:
        server.xadd('{p}:0:log', {'d': 'x'}, id='*')
        await one.publish('two')
        ms, n = server.xinfo_stream('{p}:0:log')['last-generated-id'].decode().split('-')
        server.xadd('{p}:0:log', {good: b'0 -1 5 -1\nabc'}, id=f'{ms}-{int(n) + 1}')
        await one.publish('three')
    await until(lambda: client.texts[-1:] == ['three'])
    assert [text for text in client.texts if text != RESYNC] == ['one', 'two', 'three']
    assert client.texts.count(RESYNC) <= 2, 'a foreign entry leaves a gap, which is told'


async def test_a_server_that_is_frozen_does_not_freeze_publishers(own_valkey, brokers):
    "It accepts connections and says nothing"
    broker, client = brokers(timeout=0.5), Client()
    channel = Hub(broker).channel('news')
    await broker.ready()
    channel.join(client)
    own_valkey.server._process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(BrokerError): await asyncio.wait_for(channel.publish('nobody'), 8)
        with pytest.raises(BrokerError): await asyncio.wait_for(asyncio.to_thread(channel.publish_sync, 'nobody'), 8)
    finally: own_valkey.server._process.send_signal(signal.SIGCONT)

    async def again():
        while 'at last' not in client.texts:
            try: await channel.publish('at last')
            except BrokerError: pass
    await asyncio.wait_for(again(), 20)


async def test_a_loop_that_ends_leaves_the_broker_to_the_others(brokers):
    "Two servers of one app in one process; one is stopped"
    hub, elsewhere, client = Hub(brokers()), Hub(brokers()), Client()
    channel = hub.channel('news')
    await channel.broker.ready()
    channel.join(client)
    await asyncio.to_thread(asyncio.run, hub.close())
    await elsewhere.channel('news').publish('still here')
    await until(lambda: client.texts == ['still here'])
    client.leave()
    await hub.close()
    assert not hub.broker.status().started


@pytest.mark.parametrize('kind', KINDS)
async def test_who_joins_and_publishes_at_once_hears_it_in_many_new_channels(kind, brokers):
    hub, clients = Hub(brokers(kind)), []
    await hub.broker.ready()
    for n in range(200):
        channel = hub.channel(f'n{n}', history=2)
        channel.join(client := Client())
        clients.append((channel, client))
        if n % 10 == 0: await asyncio.sleep(0)
    await asyncio.gather(*(channel.publish('x') for channel, _ in clients))
    for _, client in clients: await until(lambda c=client: c.texts == ['x'])


@pytest.mark.parametrize('when_away', ['raise', 'wait', 'drop'])
async def test_the_outbox_is_bounded_in_number_and_bytes_and_every_publisher_is_answered(when_away, own_valkey, brokers):
    own_valkey.kill()
    broker = brokers(timeout=0.5, max_waiting=20, max_bytes=10_000, when_away=when_away)
    channel = Hub(broker).channel('x')
    put, found = broker.outbox.put, []
    def watched(pending):
        accepted = put(pending)
        found.append((broker.outbox.count, broker.outbox.bytes))
        return accepted
    broker.outbox.put = watched
    publishing = [asyncio.create_task(channel.publish('y' * (n % 5) * 200)) for n in range(100)]
    ends = await asyncio.wait_for(asyncio.gather(*publishing, return_exceptions=True), 10)
    if when_away == 'drop': assert set(ends) == {''}
    else: assert len(ends) == 100 and all(isinstance(e, NotSent) for e in ends), [repr(e) for e in ends if not isinstance(e, NotSent)][:3]
    assert len(found) >= 100 and max(count for count, _ in found) <= 20 and max(size for _, size in found) <= 10_000
    await until(lambda: broker.status().failed == 100)   # with `drop` no publisher waits for that
    await until(lambda: broker.status().outbox == broker.status().outbox_bytes == 0)   # the writer's thread forgets them after that


def broker_behind(kind, folder, stack):
    "A broker whose attempts to write last longer than its publishers wait, and what clears the way"
    if kind == 'sqlite':
        broker = sqlite_broker(f'{folder}/a.db', timeout=0.1)
        broker.log.look()   # makes the tables
        other = stack.enter_context(closing(sqlite3.connect(f'{folder}/a.db', isolation_level=None)))
        other.execute('BEGIN IMMEDIATE')
        return broker, lambda: other.execute('ROLLBACK')
    listening = stack.enter_context(socket.create_server(('127.0.0.1', 0), backlog=0))
    host, port = listening.getsockname()
    for _ in range(3):   # no program accepts them: what comes after them is not answered
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex((host, port))
    return redis_broker(f'redis://{host}:{port}?socket_connect_timeout=1', timeout=0.1), listening.close


@pytest.mark.parametrize('kind', KINDS)
async def test_a_message_that_waited_for_a_connection_was_certainly_not_sent(kind, tmp_path):
    "The time of a publisher ends while the writer tries to get through, which may last longer: nothing has been sent yet"
    with ExitStack() as stack:
        broker, clear = broker_behind(kind, tmp_path, stack)
        channel = Hub(broker).channel('news')
        for _ in range(3):
            ends = await asyncio.gather(channel.publish('one'), asyncio.to_thread(channel.publish_sync, 'two'), return_exceptions=True)
            assert [type(e) for e in ends] == [NotSent, NotSent], ends
        clear()
        await broker.close()
    assert broker.status().outbox == broker.status().outbox_bytes == 0 and broker.status().published == 0


@pytest.mark.parametrize('kind', KINDS)
async def test_a_channel_is_one_thing_with_and_without_history(kind, brokers):
    "S2: a process that knows only the name publishes for one that keeps a history"
    here, there = Hub(brokers(kind)).channel('news', history=10), Hub(brokers(kind)).channel('news')
    client, again = Client(), Client()
    await here.broker.ready()
    await there.broker.ready()
    here.join(client)
    first = await there.publish('one')
    await until(lambda: client.texts == ['one'])
    await there.publish('two')
    await here.publish('three')
    await until(lambda: client.texts == ['one', 'two', 'three'])
    await Hub(brokers(kind)).channel('news', history=10).resume(again, first)
    await until(lambda: again.texts == ['two', 'three'])


@pytest.mark.parametrize('kind', KINDS)
async def test_two_apps_on_one_log_see_nothing_of_each_other(kind, brokers):
    one, two = (Hub(brokers(kind, prefix=prefix)).channel('news', history=5) for prefix in ('one', 'two'))
    client, again = Client(), Client()
    await one.broker.ready()
    start = one.join(client)
    await two.publish('not for you')
    await one.publish('mine')
    await until(lambda: client.texts == ['mine'])
    await Hub(brokers(kind, prefix='one')).channel('news', history=5).resume(again, start)
    await until(lambda: again.texts == ['mine'])
    assert await one.broker.lease('job', 5) and await two.broker.lease('job', 5)


@pytest.mark.parametrize('kind', KINDS)
async def test_a_lease_is_held_by_one_process_until_it_is_released_or_expires(kind, brokers):
    one, two = brokers(kind), brokers(kind)
    lease = await one.lease('job', 30)
    assert await two.lease('job', 30) is None
    assert await lease.renew() and 29 < lease.left <= 30
    await lease.release()
    short = await two.lease('job', 0.05)
    assert short
    async def taken():
        while not (found := await one.lease('job', 30)): await asyncio.sleep(0.01)
        return found
    await asyncio.wait_for(taken(), 10)
    assert not await short.renew() and short.left == 0


async def test_a_file_that_another_program_locks_is_waited_for_and_reads_go_on(tmp_path, brokers):
    broker = brokers('sqlite', timeout=0.5)
    channel, client = Hub(broker).channel('x', history=10), Client()
    await broker.ready()
    place = channel.join(client)
    other = sqlite3.connect(tmp_path/'a.db', isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    with pytest.raises(BrokerError, match='locked') as e: await channel.publish('locked')
    again = Client()
    await channel.resume(again, place)
    asyncio.get_running_loop().call_later(0.1, other.execute, 'COMMIT')
    await channel.publish('waits')
    await until(lambda: client.texts[-1:] == again.texts[-1:] == ['waits'])
    assert client.texts == again.texts
    assert client.texts == ['waits'] or not isinstance(e.value, NotSent), 'what is said to be not sent is not sent'
    other.close()


SOCKETS = '''
from fasthtml.common import *
def broken(errors): return {'refused': str(errors[''])}
app = FastHTML(secret_key='x', exts='ws')
news = app.channel('news', history=5)

@app.ws('/plain')
async def plain(text: str): return await news.publish(text)

@app.ws('/told', on_error=broken)
def told(text: str): return news.publish(text)

@app.ws('/own')
async def own(text: str):
    try: return await news.publish(text)
    except ConnectionError as e: return {'own': type(e).__name__}
'''


@pytest.mark.parametrize('path,answer', [('/plain', 'error'), ('/told', 'refused'), ('/own', 'own')])
async def test_a_message_while_the_broker_is_away_is_answered_and_the_socket_stays_open(path, answer, own_valkey, tmp_path):
    "S2"
    env = {'FASTHTML_BROKER': own_valkey.url}
    code = SOCKETS + '\napp.site.hub.broker.timeout = 0.3\n'
    with serve_process(code, tmp_path, [*UVICORN, '0'], env) as process:
        async with connect(f'ws://127.0.0.1:{process.port}{path}') as ws:
            async def delivered():   # a busy machine may need longer than the 0.3 s
                await ws.send('{"text": "one"}')
                return parse_place(await ws.recv())
            while not await delivered(): pass
            own_valkey.kill()
            for _ in range(2):
                await ws.send('{"text": "two"}')
                assert list(json.loads(await ws.recv())) == [answer]
            own_valkey.start()
            while not await delivered(): pass


@pytest.fixture
def short():
    "A folder with a short path, as a socket needs it"
    with tempfile.TemporaryDirectory(prefix='b') as folder: yield Path(folder)


def is_link(folder, elsewhere): folder.symlink_to(elsewhere)
def is_dangling_link(folder, elsewhere): folder.symlink_to(elsewhere/'no such')
def is_file(folder, elsewhere): folder.write_text('')
def is_open(folder, elsewhere):
    folder.mkdir()
    folder.chmod(0o777)
def is_anothers(folder, elsewhere):
    folder.mkdir(0o700)
    return folder
def is_replaceable(folder, elsewhere):
    folder.parent.chmod(0o777)
    return folder.parent


class OsWhere:
    "`os`, where a path belongs to another user"
    def __init__(self, place): self.place = place
    def __getattr__(self, name): return getattr(os, name)
    def lstat(self, path): return self.of_another(os.lstat(path), path)
    def stat(self, path): return self.of_another(os.stat(path), path)
    def of_another(self, found, path):
        return os.stat_result([*found[:4], found.st_uid + 1, *found[5:10]]) if str(path) == str(self.place) else found


def by_bell(temp):
    bell = sqlite_log._bell(str(temp/'app.db'))
    if not bell: return None
    bell.ring()
    bell.close()
    return bell.folder

def by_workers(temp):
    said = share_channels(FastHTML(secret_key='k'), 2)
    return None if said.startswith('Channels reach one process each') else said.partition('channels in ')[2].split()[0]


@pytest.mark.parametrize('made', [is_link, is_dangling_link, is_file, is_open, is_anothers, is_replaceable])
@pytest.mark.parametrize('use', [by_bell, by_workers])
def test_what_another_user_has_put_in_place_of_a_folder_is_not_used(use, made, short, monkeypatch):
    "The names are known to all users of the machine"
    temp, elsewhere = short/'temp', short/'else'
    temp.mkdir(), elsewhere.mkdir(0o700)
    elsewhere.joinpath('precious').write_text('kept')
    monkeypatch.setattr(tempfile, 'tempdir', str(temp))
    monkeypatch.setenv('FASTHTML_BROKER', '')
    found = use(temp)
    folder = next(temp.iterdir()) if use is by_bell else Path(found).parent
    shutil.rmtree(folder)
    monkeypatch.setenv('FASTHTML_BROKER', '')
    monkeypatch.setattr(security, 'os', OsWhere(made(folder, elsewhere)))
    assert use(temp) is None and os.environ['FASTHTML_BROKER'] == ''
    assert elsewhere.joinpath('precious').read_text() == 'kept'


def test_a_bell_removes_sockets_alone(short, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(short))
    dead, bell = sqlite_log.Bell(str(short/'app.db')), sqlite_log.Bell(str(short/'app.db'))
    dead.socket.close()
    file = Path(bell.folder, 'file')
    file.write_text('kept')
    bell.ring()
    assert file.read_text() == 'kept' and not os.path.exists(dead.mine)
    bell.close()


WORKERS = {
    'fasthtml run': [sys.executable, '-m', 'fasthtml', 'run', 'app:app', '--host', '127.0.0.1', '--workers', '2', '--port', '0'],
    'serve': [sys.executable, 'app.py'],
}


@pytest.mark.parametrize('how', WORKERS)
def test_several_workers_share_channels_without_a_server(how, tmp_path):
    "S3: they are two processes, they say in one line where their channels are, and the supervisor reads nothing"
    code = APP.replace("secret_key='x'", f'secret_key={str(tmp_path)!r}')
    code += "\nif __name__ == '__main__': serve(port=0, workers=2)\n" if how == 'serve' else ''
    with serve_process(code, tmp_path, WORKERS[how], {}) as process:
        wait_until(lambda: process.output.count('startup complete') == 2)
        process.wait_listening()   # a worker says so before it listens
        assert process.output.count('share their channels in') == 1
        file = Path(process.output.partition('share their channels in ')[2].split()[0])
        workers = {int(pid) for pid in re.findall(r'Started server process \[(\d+)\]', process.output)}
        supervisor = psutil.Process(process.popen.pid)
        using = [p.pid for p in [supervisor, *supervisor.children(recursive=True)] if any(f.path == str(file) for f in p.open_files())]
        assert set(using) == workers and len(workers) == 2
        clients = [SseClient(process.url, '/events') for _ in range(8)]
        for n in range(10):
            with SseClient(process.url, f'/publish/{n}') as client:
                while client.read(): pass
        for client in clients:
            read_until(client, '9')
            assert seen(client)[0] == texts(0, 10)
            client.close()
    for path in file.parent.glob(f'{file.name}*'): path.unlink()
