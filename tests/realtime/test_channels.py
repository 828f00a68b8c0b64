"""Channels: W3 order, W4 no client waits for another, C1 bounded, C2 replay joins live, C3 losses are notified. With both brokers."""
import asyncio
import random
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from channel_kit import Client, numbers, texts
from fasthtml.app.app import FastHTML
from fasthtml.realtime.channels import Channel
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.sse import EventStream
from fasthtml.realtime.wire import RESYNC
from support import need_files, serve, until


async def test_every_member_gets_every_message_in_order(hub):
    "W3"
    channel = hub.channel('news', history=10)
    await hub.broker.ready(channel)
    clients = [Client(fast=n % 2) for n in range(20)]
    for client in clients: channel.join(client)
    await numbers(channel, 0, 200)
    for client in clients: await until(lambda c=client: len(c.got) == 200)
    assert all(client.texts == texts(0, 200) for client in clients)
    assert {tuple(i for i, _, _ in client.got) for client in clients}.__len__() == 1, 'ids differ between clients'


async def test_many_threads_publish_and_all_members_see_one_order(hub):
    "W3: whatever the order is, it is the same for all, and each thread's own order is kept"
    channel = hub.channel('news', history=10)
    await hub.broker.ready(channel)
    clients = [Client(fast=n % 2) for n in range(5)]
    for client in clients: channel.join(client)

    def speak(name):
        for n in range(100): channel.publish_sync(f'{name}{n}')
    await asyncio.gather(*(asyncio.to_thread(speak, name) for name in 'abc'))
    await numbers(channel, 0, 100)
    for client in clients: await until(lambda c=client: len(c.got) == 400)
    assert all(client.texts == clients[0].texts for client in clients)
    for name in 'abc': assert [t for t in clients[0].texts if t[0] == name] == [f'{name}{n}' for n in range(100)]


async def test_a_thread_publishes_more_than_the_loop_may_hold_while_the_loop_delivers():
    "C1: the oldest are dropped in the one thread while the other takes them out; the sum of what waits stays right"
    channel = Hub(None).channel('news')
    channel.join(client := Client(fast=True))
    (waiting,) = channel._loops.values()
    waiting.limit = 40
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        await asyncio.to_thread(lambda: [channel.publish_sync(f'{n:09}') for n in range(20_000)])
    finally: sys.setswitchinterval(interval)
    await until(lambda: client.texts and client.texts[-1] == f'{19_999:09}')
    assert waiting.size == 0 and client.texts == sorted(client.texts)


async def test_members_in_two_event_loops_hear_the_same(hub):
    channel, there = hub.channel('news', history=10), []
    await hub.broker.ready(channel)
    joined, done = threading.Event(), threading.Event()

    async def other_loop():
        client = Client()
        channel.join(client)
        joined.set()
        await until(lambda: len(client.got) == 100)
        there.extend(client.got)
        await channel.publish('from the other loop')
        client.leave()
        done.set()

    thread = threading.Thread(target=asyncio.run, args=(other_loop(),))
    thread.start()
    here = Client()
    channel.join(here)
    await until(joined.is_set)
    await numbers(channel, 0, 100)
    await until(lambda: len(here.got) == 101)
    await until(done.is_set)
    thread.join()
    assert there == here.got[:100]
    assert here.texts[-1] == 'from the other loop'
    assert len(channel) == 1


@pytest.mark.parametrize('fast', [False, True])
async def test_resume_gets_what_was_missed_once_while_others_go_on_publishing(hub, fast):
    "C2"
    channel = hub.channel('news', history=1000)
    await hub.broker.ready(channel)
    client = Client(fast=fast)
    channel.join(client)
    await numbers(channel, 0, 50)
    await until(lambda: len(client.got) == 50)
    talking = asyncio.create_task(numbers(channel, 50, 600))
    for _ in range(20):
        client.leave()
        await asyncio.sleep(0.002)
        await client.mailbox.flush()
        await channel.resume(client, client.last_id)
    await talking
    await until(lambda: len(client.got) >= 600)
    await channel.publish('end')
    await until(lambda: client.texts[-1] == 'end')
    assert client.texts == [*texts(0, 600), 'end']


async def test_what_waits_for_this_loop_is_not_told_again_to_one_who_has_just_caught_up():
    "C2: a thread has published, the message is in the history, and this loop has not come to tell it yet"
    channel, there = Channel('news', history=10), Client(fast=True)
    start = channel.last_id
    channel.join(there)

    def publish_while_the_loop_is_busy(*messages):
        thread = threading.Thread(target=lambda: [channel.publish_sync(m) for m in messages])
        thread.start()
        thread.join()
    publish_while_the_loop_is_busy('one', 'two')
    resumed, joined = Client(fast=True), Client(fast=True)
    await channel.resume(resumed, start)
    channel.join(joined)
    publish_while_the_loop_is_busy('three')
    await channel.publish('four')
    assert there.texts == resumed.texts == ['one', 'two', 'three', 'four']
    assert joined.texts == ['three', 'four']


async def test_a_replay_larger_than_the_mailbox_waits_for_the_client_and_drops_nothing(hub):
    "C1 and C2 together"
    channel = hub.channel('news', history=1000)
    first = Client()
    channel.join(first)
    await hub.broker.ready(channel)
    await channel.publish('start')
    await until(lambda: first.got)
    await numbers(channel, 0, 500)
    await until(lambda: len(first.got) == 501)
    client = Client(max_pending=200)
    client.open.clear()
    catching_up = asyncio.create_task(channel.resume(client, first.got[0][0]))
    await until(lambda: client.mailbox.pending_bytes > 190)
    await numbers(channel, 500, 520)
    await until(lambda: len(first.got) == 521)   # else they come after the replay, and a mailbox of 200 bytes may drop some
    assert not catching_up.done() and client.mailbox.pending_bytes < 300
    client.open.set()
    await catching_up
    await until(lambda: len(client.got) == 520)
    assert client.texts == texts(0, 520) and client.mailbox.dropped == 0


HOSTILE = ['', '-', '0', '-1', 'e-', '1-1', '99999999999999999999-99999999999999999999', '١-٢', '\0', 'x' * 10_000,
           "'; DROP TABLE", '\r\nid: 1', '\ud800', '../../etc', '%00', '1795160090847-']


@pytest.mark.parametrize('id', HOSTILE)
async def test_any_last_event_id_is_safe_and_told_that_it_is_unknown(hub, id):
    "C3"
    channel = hub.channel('news', history=5)
    client = Client()
    await channel.resume(client, id)
    await until(lambda: client.texts == [RESYNC])
    await channel.publish('next')
    await until(lambda: client.texts == [RESYNC, 'next'])


async def test_a_client_beyond_the_history_is_told_and_one_at_its_edge_is_not(hub):
    "C3"
    channel = hub.channel('news', history=10)
    watcher = Client()
    channel.join(watcher)
    await hub.broker.ready(channel)
    await numbers(channel, 0, 30)
    await until(lambda: len(watcher.got) == 30)
    ids = [id for id, _, _ in watcher.got]
    inside, edge, beyond, newest = Client(), Client(), Client(), Client()
    for client, n in (inside, 25), (edge, 19), (beyond, 18), (newest, 29): await channel.resume(client, ids[n])
    await channel.publish('live')
    for client in inside, edge, beyond, newest: await until(lambda c=client: 'live' in c.texts)
    assert inside.texts == [*texts(26, 30), 'live']
    assert edge.texts == [*texts(20, 30), 'live']
    assert beyond.texts == [RESYNC, 'live']
    assert newest.texts == ['live']
    after = Client()
    await channel.resume(after, beyond.got[0][0])
    await until(lambda: after.texts == ['live'])  # The notice carried an id from which one can go on


@pytest.mark.parametrize('joined', [0, 1])
async def test_a_loop_that_only_publishes_lets_others_have_their_turn(hub, joined):
    "With the memory broker nothing in it waited, so it stopped the server"
    channel = hub.channel('news')
    await hub.broker.ready(channel)
    for _ in range(joined): channel.join(Client())
    begun = asyncio.Event()
    async def flood():
        begun.set()
        for n in range(5000): await channel.publish(f'{n}')
    task = asyncio.create_task(flood())
    await begun.wait()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError): await task


async def test_a_stalled_client_delays_nobody_and_keeps_a_bounded_rest(hub):
    "W4, C1"
    channel = hub.channel('news')
    await hub.broker.ready(channel)
    stalled, others = Client(max_pending=10_000), [Client() for _ in range(5)]
    stalled.open.clear()
    for client in [stalled, *others]: channel.join(client)
    for n in range(2000):
        await channel.publish(f'{n:0500}')
        if n % 100 == 0: await asyncio.sleep(0)
    for client in others: await until(lambda c=client: len(c.got) == 2000)
    assert stalled.got == []
    assert stalled.mailbox.pending_bytes <= 10_000 + 600
    assert stalled.mailbox.dropped > 1900
    stalled.open.set()
    await until(lambda: stalled.mailbox.pending_bytes == 0)
    assert [int(t) for t in stalled.texts[1:]] == list(range(2000 - len(stalled.texts) + 1, 2000)), 'the newest, in order'


async def test_members_are_listed_while_they_are_there(hub):
    channel = hub.channel('room')
    await hub.broker.ready(channel)
    clients = {name: Client(info=name) for name in ('ann', 'bob', 'cat')}
    for client in clients.values(): channel.join(client)
    assert sorted(channel.members()) == ['ann', 'bob', 'cat'] and len(channel) == 3
    clients['bob'].mailbox.close('gone')
    assert sorted(channel.members()) == ['ann', 'cat']
    assert not clients['bob'].channels


async def test_a_channel_nobody_holds_is_forgotten(hub):
    hub.channel('user:1').join(client := Client())
    assert len(hub) == 1
    client.leave()
    assert await until(lambda: len(hub) == 0, what='the channel to be forgotten') is True


async def test_an_encoder_runs_once_for_all_and_nothing_is_rendered_for_nobody():
    runs = []

    class Drawn:
        def __ft__(self):
            runs.append('render')
            return 'x'

    def encode(message):
        runs.append('encode')
        return message.text.encode()

    channel = Channel('quiet')
    await channel.publish(Drawn())
    assert runs == []
    for _ in range(100):
        client = Client(fast=True)
        client.encode = encode
        channel.join(client)
    await channel.publish(Drawn())
    assert runs == ['render', 'encode']


# Races

async def test_cancelling_at_every_step_of_a_send_leaves_nobody_behind():
    "W2, W3: a send is cut at its first, second, third ... wait; the member is gone, the others got all"
    for step in range(6):
        channel = Channel('news')
        other = Client(fast=True)

        class Slow(Client):
            async def send(self, piece):
                for _ in range(5): await asyncio.sleep(0)
                self.got.append(piece.decode().strip().partition(' '))
        for fast in False, True:
            victim = Slow(fast=fast)
            channel.join(victim)
            channel.join(other)
            await channel.publish('one')
            await channel.publish('two')
            for _ in range(step): await asyncio.sleep(0)
            victim.mailbox.close('left')
            await channel.publish('three')
            assert channel.members() == [None] and not victim.channels
            for _ in range(10): await asyncio.sleep(0)
            assert victim.texts in ([], ['one'], ['one', 'two'])
        assert other.texts == ['one', 'two', 'three'] * 2
        assert [t for t in asyncio.all_tasks() if '_pump' in repr(t)] == []


async def test_clients_that_come_and_go_while_messages_fly(hub, caplog):
    channel, loud = hub.channel('news', history=10), True
    await hub.broker.ready(channel)
    chance = random.Random(7)

    async def visitor():
        while loud:
            client = Client(fast=chance.random() < 0.5, max_pending=100)
            if chance.random() < 0.3: client.open.clear()
            channel.join(client)
            await asyncio.sleep(chance.random() / 100)
            client.mailbox.close() if chance.random() < 0.5 else client.leave()
            seen = [int(t) for t in client.texts]
            assert seen == sorted(set(seen))
            client.mailbox.close()
    visitors = [asyncio.create_task(visitor()) for _ in range(30)]
    for n in range(1000):
        await channel.publish(str(n))
        if n % 10 == 0: await asyncio.sleep(0.001)
    loud = False
    await asyncio.gather(*visitors)
    assert len(channel) == 0
    assert await until(lambda: not [t for t in asyncio.all_tasks() if '_pump' in repr(t)]) is True
    assert not caplog.records, caplog.text


Step = st.one_of(
    st.tuples(st.just('publish'), st.integers(1, 4)),
    st.tuples(st.sampled_from(['leave', 'resume', 'stall', 'go', 'turn']), st.integers(0, 2)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(Step, max_size=60), st.integers(1, 12), st.booleans())
def test_whatever_happens_a_client_sees_a_whole_run_or_is_told(steps, history, fast):
    "C2, C3: between two notices the numbers follow one another without gap or duplicate"
    async def story():
        channel = Channel('news', history=history)
        clients, published = [Client(fast=fast) for _ in range(3)], 0
        start = channel.last_id
        tasks = []
        for client in clients: channel.join(client)
        for what, n in steps:
            if what == 'publish':
                for _ in range(n):
                    published += 1
                    await channel.publish(str(published))
                continue
            client = clients[n]
            if what == 'leave': client.leave()
            elif what == 'stall': client.open.clear()
            elif what == 'go': client.open.set()
            elif what == 'turn': await asyncio.sleep(0)
            elif channel not in client.channels:
                client.open.set()
                await client.mailbox.flush()
                tasks.append(asyncio.create_task(channel.resume(client, client.last_id if client.got else start)))
                await asyncio.wait(tasks)
        for client in clients:
            client.open.set()
            await client.mailbox.flush()
            if channel not in client.channels: await channel.resume(client, client.last_id if client.got else start)
        await channel.publish('end')
        for client in clients: await client.mailbox.flush()
        for client in clients:
            seen, last = [], 0
            for text in client.texts:
                if text == RESYNC: last = None
                elif text == 'end': assert last is None or last == published
                else:
                    assert last is None or int(text) == last + 1, client.texts
                    last = int(text)
                    seen.append(last)
            assert seen == sorted(set(seen))
            assert client.texts[-1] == 'end'
    asyncio.run(story())


async def test_the_app_lists_its_connections_and_channels():
    app = FastHTML(secret_key='x')
    news, room = app.channel('news', history=5), app.channel('room')

    @app.get('/events/{n}')
    async def events(n: int): return EventStream(news)

    @app.ws('/ws', channels=[room])
    async def ws(): pass

    with serve(app) as server:
        reader, writer = await asyncio.open_connection('127.0.0.1', server.port)
        writer.write(b'GET /events/7 HTTP/1.1\r\nHost: x\r\n\r\n')
        async with connect(f'{server.ws_url}/ws'):
            await until(lambda: len(news) == len(room) == 1)
            await asyncio.to_thread(news.publish_sync, 'x')
            await reader.readuntil(b'data: x\n\n')
            stream, socket = sorted(app.connections, key=lambda c: c.kind)
            assert (stream.kind, stream.path, stream.channels) == ('http', '/events/7', ('news',))
            assert (socket.kind, socket.path, socket.channels) == ('websocket', '/ws', ('room',))
            assert stream.sent >= 1 and stream.pending_bytes == stream.dropped == 0 and 0 <= stream.age < 60
            assert {c.name: (len(c), c.history.seq, len(c.history)) for c in app.site.hub} == {'news': (1, 1, 1), 'room': (1, 0, 0)}
        writer.transport.abort()
        await until(lambda: app.connections == [])
        assert [len(c) for c in app.site.hub] == [0, 0]


async def test_two_hubs_do_not_hear_each_other():
    one, two = Hub(), Hub()
    two.channel('news').join(client := Client())
    await one.channel('news').publish('x')
    await two.channel('news').publish('y')
    await until(lambda: client.texts == ['y'])


# With a real server: what clients that are not ours receive

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 200_000]


@pytest.mark.parametrize('compression', [None, 'deflate'])
@pytest.mark.parametrize('config', [{}, {'ws': 'wsproto'}, {'ws': 'websockets'}, {'ws_per_message_deflate': False}], ids=str)
async def test_frames_of_any_length_arrive_whole_and_in_order_between_replies(config, compression):
    "The frame whose bytes are shared must be one that a client of RFC 6455 understands; W3"
    app = FastHTML(secret_key='x')
    room = app.channel('room')

    @app.ws('/ws', channels=[room])
    async def ws(msg: str, send):
        for n in SIZES:
            await room.publish('ä\u2028😀'[n % 3] * n)
            await send(f'{msg} {n}')

    with serve(app, **config) as server:
        async with connect(f'{server.ws_url}/ws', compression=compression, max_size=None) as one, \
                connect(f'{server.ws_url}/ws', compression=compression, max_size=None) as other:
            await one.send('{"msg": "after"}')
            for n in SIZES:
                text = 'ä\u2028😀'[n % 3] * n
                assert await one.recv() == text and await other.recv() == text
                assert await one.recv() == f'after {n}'


async def test_a_socket_whose_broker_lost_messages_is_closed_so_that_it_connects_anew():
    "C3 for WebSockets: 1012 makes htmx connect again, and `conn` sends the whole state"
    app = FastHTML(secret_key='x')
    room = app.channel('room')

    @app.ws('/ws', channels=[room])
    async def ws(): pass

    with serve(app) as server:
        async with connect(f'{server.ws_url}/ws') as client:
            await until(lambda: len(room) == 1)
            room.lose('other-0')
            with pytest.raises(ConnectionClosed): await client.recv()
            assert client.close_code == 1012


async def test_a_thousand_clients_that_come_back_at_once_each_get_what_they_missed():
    "C2 under a herd"
    need_files(5000)
    app = FastHTML(secret_key='x')
    news = app.channel('news', history=100)

    @app.get('/events')
    async def events(): return EventStream(news)

    start = news.last_id
    for n in range(50): await news.publish(str(n))
    want = ''.join(f'data: {n}\n\n' for n in range(50))

    async def client(port):
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(f'GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {start}\r\n\r\n'.encode())
        text = (await reader.readuntil(b'data: live\n\n')).decode()
        writer.transport.abort()
        return text
    with serve(app, backlog=2048) as server:
        clients = [asyncio.create_task(client(server.port)) for _ in range(1000)]
        await until(lambda: len(news) == 1000, 60)
        await asyncio.to_thread(news.publish_sync, 'live')
        for text in await asyncio.wait_for(asyncio.gather(*clients), 60):
            data = [line for line in text.splitlines() if line.startswith('data:')]
            assert data == [*want.split('\n\n')[:-1], 'data: live']
        await until(lambda: len(news) == 0)
