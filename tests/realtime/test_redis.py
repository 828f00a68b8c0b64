"""Channels on Redis Streams, when processes and servers die: C2 without gap or duplicate, C3 every loss told."""
import asyncio
import random
import signal
import sys

import pytest

from channel_kit import Client, numbers, texts
from fasthtml.realtime.channels import RESYNC, Channel
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.redis_broker import BrokerError, Reader, RedisBroker, Stream, backoff
from support import SseClient, serve_process, until, wait_until

APP = '''
import os
from fasthtml.common import *
app = FastHTML(broker=os.environ['BROKER'], secret_key='x')
news = app.channel('news', history=100_000)

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


@pytest.fixture
async def brokers(own_valkey):
    "Makes brokers as processes would have them, each with connections of its own"
    made = []

    def make(**options):
        made.append(RedisBroker(own_valkey.url, **{'timeout': 2, **options}))
        return made[-1]
    yield make
    for broker in made: await broker.close()


def read_until(client, text):
    "Read events until one says `text`"
    wait_until(lambda: (client.read(), f'data: {text}\n' in client.text)[1], what=text)


def resume(port, last_id):
    return SseClient(f'http://127.0.0.1:{port}', '/events', {'Last-Event-ID': last_id})


def seen(client):
    "The numbered messages, and the last id"
    blocks = [dict(line.split(': ', 1) for line in b.split('\n') if ': ' in line) for b in client.text.split('\n\n')[:-1]]
    return [b['data'] for b in blocks if b.get('data', '').isdigit()], [b['id'] for b in blocks if 'id' in b][-1]


async def test_an_app_killed_and_started_again_leaves_no_gap_and_no_duplicate(tmp_path, own_valkey, brokers):
    "C2 across the death of a process; messages are published all the time, also while nobody is there"
    channel, published, enough = Hub(brokers()).channel('news', history=100_000), [], asyncio.Event()
    await channel.broker.ready(channel)

    async def talk():
        while not enough.is_set():
            await channel.publish(str(len(published)))
            published.append(len(published))
            await asyncio.sleep(0.002)
    last_id, all_seen, port = channel.last_id, [], '0'
    talking = asyncio.create_task(talk())
    for life in range(4):
        with serve_process(APP, tmp_path, [*UVICORN, port], {'BROKER': own_valkey.url}) as process:
            port = str(process.port)
            if life == 3:
                enough.set()
                await talking
            want = str(len(published) + (50 if life < 3 else -1))
            with await asyncio.to_thread(resume, port, last_id) as client:
                await asyncio.to_thread(read_until, client, want)
                process.signal(signal.SIGKILL)
                await asyncio.to_thread(process.wait)
                numbers_seen, last_id = seen(client)
                all_seen += numbers_seen
    assert len(published) > 150, 'fifty in each of three lives'
    assert all_seen == texts(0, len(published)), 'gaps or duplicates'


async def test_every_worker_hears_what_any_of_them_publishes(tmp_path, own_valkey):
    command = [*UVICORN, '0', '--workers', '2']
    with serve_process(APP, tmp_path, command, {'BROKER': own_valkey.url}) as process:
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
    await channel.broker.ready(channel)
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


async def test_connections_that_break_cost_the_readers_nothing(own_valkey, brokers):
    one, two = [Hub(brokers()).channel('news', history=1000) for _ in range(2)]
    client, confirmed, failed = Client(), [], []
    await two.broker.ready(two)
    two.join(client)

    async def talk():
        for n in range(500):
            try: confirmed.append((await one.publish(str(n)), str(n)))
            except BrokerError: failed.append(str(n))
            await asyncio.sleep(0.001)
    talking = asyncio.create_task(talk())
    killer = own_valkey.client()
    while not talking.done():
        killer.execute_command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await asyncio.sleep(0.05)
    await talking
    await one.publish('end')
    await until(lambda: client.got and client.texts[-1] == 'end')
    got = [(id, text) for id, _, text in client.got[:-1]]
    assert [g for g in got if g[1] not in failed] == confirmed, 'what was confirmed came once, in order'
    assert {text for _, text in got} - {text for _, text in confirmed} <= set(failed)
    assert RESYNC not in client.texts
    assert len(confirmed) > 300


async def test_a_reader_that_was_away_while_the_stream_was_trimmed_is_told(own_valkey, brokers):
    one, two = [Hub(brokers()).channel('news', history=10) for _ in range(2)]
    client = Client()
    await two.broker.ready(two)
    two.join(client)
    await one.publish('before')
    await until(lambda: client.texts == ['before'])
    await two.broker.close()
    await asyncio.gather(*(one.publish('x') for _ in range(3000)))
    await two.publish('after')
    await until(lambda: client.texts and client.texts[-1] == 'after')
    assert client.texts[1] == RESYNC and len(client.texts) < 3000
    assert client.texts[2:-1] == ['x'] * (len(client.texts) - 3)


async def test_without_a_server_an_app_starts_waits_and_goes_on_later(tmp_path, own_valkey, brokers):
    own_valkey.kill()
    broker = brokers(timeout=0.3)
    channel, client = Hub(broker).channel('news', history=10), Client()
    with pytest.raises(BrokerError): await channel.publish('nobody')
    with pytest.raises(BrokerError): await asyncio.to_thread(channel.publish_sync, 'nobody')
    await channel.resume(client, '17-5')
    assert len(channel) == 1
    await until(lambda: client.texts == [RESYNC])
    own_valkey.start()
    await until(lambda: channel.last_id.endswith('-0') and len(channel.last_id) > 10)
    await channel.publish('at last')
    await until(lambda: client.texts[-1] == 'at last')


async def test_a_publisher_that_gives_up_does_not_disturb_the_others(own_valkey, brokers):
    channel, client = Hub(brokers()).channel('news', history=100), Client()
    await channel.broker.ready(channel)
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
    done = await asyncio.wait_for(asyncio.gather(*publishing, return_exceptions=True), 5)
    assert all(isinstance(e, (BrokerError, asyncio.CancelledError)) for e in done), done


async def test_a_server_whose_clock_went_back_is_read_from_its_start(own_valkey, brokers):
    channel, client = Hub(brokers()).channel('news', history=10), Client()
    await channel.broker.ready(channel)
    channel.join(client)
    await channel.publish('before')
    await until(lambda: client.texts == ['before'])
    await channel.broker.close()
    with own_valkey.client() as server:
        server.flushall()
        server.xadd('fasthtml:channel:news', {'origin': ''}, id='1000-0')
    await channel.publish('after')
    await until(lambda: client.texts[-1] == 'after')
    assert client.texts == ['before', RESYNC, 'after'] and channel.last_id == '1000-1'


async def test_the_thread_ends_at_whatever_moment_the_broker_is_closed(own_valkey, brokers):
    chance = random.Random(3)
    for n in range(60):
        broker = RedisBroker(own_valkey.url, prefix=f'{n}:')
        broker.open(Hub(broker).channel('news', history=n % 2 * 5))
        await asyncio.sleep(chance.random() / 200)
        await asyncio.wait_for(broker.close(), 5)
        assert not broker._thread._runs()


async def test_entries_that_come_twice_are_told_once_and_a_gap_is_told():
    channel, client = Channel('news', history=10), Client(fast=True)
    channel.join(client)
    stream = Stream('key', channel, cursor='7-0')
    reader = Reader({}, {'key': stream})
    for id in '7-1', '7-2', '7-1', '7-2', '7-3', '7-5', '8-1': reader._arrived(stream, id, {b'd': id.encode()})
    assert client.texts == ['7-1', '7-2', '7-3', RESYNC, '7-5', RESYNC, '8-1']


def test_pauses_grow_and_differ():
    pauses = backoff(0.1, 1)
    found = [next(pauses) for _ in range(10)]
    assert 0.05 <= found[0] <= 0.1 and 0.5 <= found[-1] <= 1 and len(set(found)) == 10


# What servers and programs do wrong

async def test_publishing_while_the_broker_is_closed_ends_in_an_id_or_a_broker_error(own_valkey):
    "Nobody may wait for ever, and no other exception may come out"
    chance = random.Random(5)
    for n in range(40):
        broker = RedisBroker(own_valkey.url, prefix=f'{n}:', timeout=2)
        channel = Hub(broker).channel('x')
        await channel.publish('first')

        async def talk():
            for i in range(20):
                assert '-' in await channel.publish(str(i))  # noqa: B023
                await asyncio.sleep(0)
        talks = [asyncio.create_task(talk()) for _ in range(5)]
        await asyncio.sleep(chance.random() / 100)
        await asyncio.wait_for(broker.close(), 5)
        ends = await asyncio.wait_for(asyncio.gather(*talks, return_exceptions=True), 5)
        assert all(e is None or isinstance(e, BrokerError) for e in ends), ends
        await broker.close()


async def test_entries_that_are_not_ours_do_not_stop_the_reader(own_valkey, brokers):
    one, two = [Hub(brokers()).channel('news', history=5) for _ in range(2)]
    early, late = Client(), Client()
    one.join(early)
    await one.broker.ready(one)
    await one.publish('one')
    await until(lambda: early.texts == ['one'])
    epoch = one.last_id.split('-')[0]
    with own_valkey.client() as server:
        for fields in {'d': b'\xff\xfe'}, {'other': b'x'}: server.xadd('fasthtml:channel:news', fields, id=f'{epoch}-*')
    await one.publish('two')
    await until(lambda: early.texts == ['one', '\ufffd\ufffd', 'two'])
    await two.resume(late, early.got[0][0])
    await until(lambda: late.texts == ['\ufffd\ufffd', 'two'])


async def test_a_server_that_is_frozen_does_not_freeze_publishers(own_valkey, brokers):
    "It accepts connections and says nothing"
    broker, client = brokers(timeout=0.5), Client()
    channel = Hub(broker).channel('news')
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
    channel.join(client)
    await channel.broker.ready(channel)
    await asyncio.to_thread(asyncio.run, hub.close())
    await elsewhere.channel('news').publish('still here')
    await until(lambda: client.texts == ['still here'])
    client.leave()
    await hub.close()
    assert not hub.broker._thread._runs()


async def test_who_joins_and_publishes_at_once_hears_it_in_many_new_channels(brokers):
    "The history of each is still to be loaded, while the reader reads the others"
    hub, clients = Hub(brokers()), []
    for n in range(200):
        channel = hub.channel(f'n{n}', history=2)
        channel.join(client := Client())
        clients.append((channel, client))
        if n % 10 == 0: await asyncio.sleep(0)
    await asyncio.gather(*(channel.publish('x') for channel, _ in clients))
    for _, client in clients: await until(lambda c=client: c.texts == ['x'])
