"""What was found to break channels of many processes: each row of the list, played again."""
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from channel_kit import Client, texts
from fasthtml.app.app import FastHTML
from fasthtml.realtime.channels import RESYNC
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.leases import BrokerError
from fasthtml.realtime.open_broker import open_broker
from law_kit import Proxy
from support import until

KINDS = ['sqlite', 'redis']


@pytest.fixture
def address(request, tmp_path):
    return f'sqlite:{tmp_path}/a.db' if request.param == 'sqlite' else request.getfixturevalue('own_valkey').url


@pytest.fixture
async def proxy(own_valkey):
    with tempfile.TemporaryDirectory() as folder:
        proxy = await Proxy(own_valkey.path, f'{folder}/p').start()
        yield proxy
        proxy.server.close()
        proxy.cut()


@pytest.fixture
async def channel():
    "Makes a channel of another process"
    brokers = []

    async def make(url, name='news', history=100, ready=True):
        brokers.append(broker := open_broker(url))
        broker.timeout = 3
        if ready: await broker.ready()
        return Hub(broker).channel(name, history=history)
    yield make
    for broker in brokers: await broker.close()


def url_of(proxy): return f'unix://{proxy.path}'


async def test_older_data_is_told_once_to_clients_that_are_there_and_to_those_that_come_back(own_valkey, proxy, channel):
    "S1: as many messages are published as were lost, before this process looks again"
    here, there = await channel(url_of(proxy)), await channel(own_valkey.url)
    online, offline = Client(), Client()
    here.join(online)
    there.join(offline)
    for n in range(10): await there.publish(f'kept{n}')
    with own_valkey.client() as server: server.save()
    for n in range(10): last = await there.publish(f'lost{n}')
    await until(lambda: len(online.got) == len(offline.got) == 20)
    offline.leave()
    proxy.refuse = True
    proxy.cut()
    own_valkey.kill()
    own_valkey.start()
    for n in range(12): await there.publish(f'new{n}')
    proxy.refuse = False
    await until(lambda: online.texts[20:] == [RESYNC, *(f'new{n}' for n in range(12))])
    again = Client()
    await (await channel(own_valkey.url)).resume(again, last)
    await there.publish('end')
    await until(lambda: again.texts == [RESYNC, 'end'])


async def test_who_joins_while_the_server_is_away_at_the_start_is_told_what_was_missed(own_valkey, proxy, channel):
    "S1"
    proxy.refuse = True
    there, client = await channel(own_valkey.url), Client()
    await there.publish('before')
    here = await channel(url_of(proxy), ready=False)
    here.join(client)
    for n in range(5): await there.publish(f'missed{n}')
    proxy.refuse = False
    assert await here.broker.ready()
    await there.publish('new')
    await until(lambda: client.texts == [RESYNC, 'new'])


async def test_a_channel_whose_history_is_not_loaded_loses_nothing(own_valkey, proxy, channel):
    "S1: a round trip of 200 ms, while others publish"
    here, there = await channel(url_of(proxy), 'other'), await channel(own_valkey.url)
    start = await there.publish('before')
    await until(lambda: here.broker.reader.passed > 0)
    proxy.delay = 0.1
    news, joined, resumed = Hub(here.broker).channel('news', history=50), Client(), Client()
    coming = asyncio.create_task(news.resume(resumed, start))
    news.join(joined)
    for n in range(20):
        await there.publish(str(n))
        await asyncio.sleep(0.01)
    await coming
    await until(lambda: joined.texts == resumed.texts == texts(0, 20))


async def test_a_reader_that_is_behind_is_waited_for(own_valkey, proxy, channel):
    "S2: a client that had a message elsewhere comes to a process that has not read it yet"
    here, there = await channel(url_of(proxy)), await channel(own_valkey.url)
    other, client = Client(), Client()
    here.join(other)
    there.join(client)
    proxy.delay = 0.15
    for n in range(30): await there.publish(str(n))
    await until(lambda: len(client.got) == 30)
    client.leave()
    await here.resume(client, client.last_id)
    for n in range(30, 60): await there.publish(str(n))
    await until(lambda: client.texts == texts(0, 60))


CHILD = '''
import sys
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.open_broker import open_broker
channel = Hub(open_broker(sys.argv[1])).channel('news')
for n in range(10**6):
    channel.publish_sync(f'{sys.argv[2]}.{n}')
    print(f'{sys.argv[2]}.{n}', flush=True)
'''


@pytest.mark.parametrize('address', KINDS, indirect=True)
async def test_writers_that_are_killed_lose_and_double_nothing_that_was_confirmed(address, channel):
    here, client, confirmed = await channel(address), Client(max_pending=1 << 30), []
    here.join(client)
    for life in range(4):
        child = await asyncio.create_subprocess_exec(sys.executable, '-c', CHILD, address, str(life), stdout=subprocess.PIPE)
        lines = [(await child.stdout.readline()).decode().strip() for _ in range(40)]
        child.kill()
        lines += (await child.stdout.read()).decode().split()
        await child.wait()
        confirmed += lines
    await here.publish('end')
    await until(lambda: client.texts[-1:] == ['end'])
    assert set(confirmed) <= set(client.texts) and len(set(client.texts)) == len(client.texts) and RESYNC not in client.texts
    if address.startswith('sqlite'):
        assert sqlite3.connect(address[7:]).execute('PRAGMA integrity_check').fetchone() == ('ok',)
        bell = here.broker.log._bell
        assert os.listdir(bell.folder) == [Path(bell.mine).name], 'sockets of killed processes are removed'


@pytest.mark.filterwarnings('ignore:.*fork:DeprecationWarning')
@pytest.mark.parametrize('address', KINDS, indirect=True)
async def test_the_children_of_a_fork_publish_and_the_parent_goes_on(address, channel):
    here, client = await channel(address), Client()
    here.join(client)
    await here.publish('parent 0')
    for n in range(2):
        child = os.fork()
        if child == 0:
            try: here.publish_sync(f'child {n}')
            except BaseException: os._exit(1)
            os._exit(0)
        assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
    await here.publish('parent 1')
    await until(lambda: client.texts == ['parent 0', 'child 0', 'child 1', 'parent 1'])


FULL = '''
import asyncio, resource, signal, sys
sys.path[:0] = sys.argv[2:]
from channel_kit import Client
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.leases import BrokerError
from fasthtml.realtime.open_broker import open_broker
from support import until

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    channel, client, confirmed = Hub(open_broker(sys.argv[1])).channel('news', history=100), Client(max_pending=1 << 30), 1
    await channel.broker.ready()
    channel.join(client)
    await channel.publish('0')
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, -1))
    for n in range(60):
        try: await channel.publish('y' * 5000)
        except BrokerError as e: why = str(e)
        else: confirmed += 1
    await until(lambda: len(client.got) == confirmed)
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    await channel.publish('again')
    await until(lambda: client.texts[-1] == 'again')
    assert 1 < confirmed < 60 and 'resync' not in client.texts, confirmed
    print(why)
    await channel.broker.close()
asyncio.run(main())
'''


def test_a_full_disk_is_told_to_publishers_and_everything_confirmed_is_delivered(tmp_path):
    command = [sys.executable, '-c', FULL, f'sqlite:{tmp_path}/a.db', *sys.path]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 'SQLite file a.db did not accept the message: ' in done.stdout


@pytest.mark.parametrize('address', KINDS, indirect=True)
async def test_ten_thousand_channels_cost_a_message_no_more_than_one(address, channel):
    "S2: counted, not timed: a process decodes only what somebody here listens to, and reads all channels in one place"
    here, there = await channel(address, 'news'), await channel(address, 'news')
    hub, client = Hub(here.broker), Client()
    kept = [hub.channel(f'n{n}', history=50) for n in range(10_000)]
    for one in kept: one.join(client)
    others = [Hub(there.broker).channel(f'other{n}') for n in range(100)]
    await asyncio.gather(*(one.publish('x') for one in others))
    await Hub(there.broker).channel('n7').publish('for seven')
    await until(lambda: client.texts == ['for seven'])
    assert here.broker.reader.delivered == 1 and len(here.broker._threads) == 2
    await until(lambda: here.broker.reader.passed >= 100)


async def test_an_error_names_host_and_cause_and_never_a_password(own_valkey, channel, caplog):
    with own_valkey.client() as server: server.config_set('requirepass', 's3cret')
    for url in f'unix://:wr0ng@{own_valkey.path}', f'unix://{own_valkey.path}', 'redis://ada:wr0ng@127.0.0.1:1/0':
        news = await channel(url, ready=False)
        news.broker.timeout = 0.3
        with pytest.raises(BrokerError) as e: await news.publish('x')
        assert 'wr0ng' not in str(e.value) + caplog.text and 's3cret' not in str(e.value)
        assert ('127.0.0.1:1' if 'redis' in url else str(own_valkey.path)) in str(e.value)
        assert any(word in str(e.value) for word in ('WRONGPASS', 'invalid username-password', 'Authentication', 'refused')), e.value


async def test_a_client_of_ones_own_and_the_environment_are_brokers_too(own_valkey, channel, monkeypatch):
    import redis
    import redis.asyncio
    monkeypatch.setenv('FASTHTML_BROKER', own_valkey.url)
    path = str(own_valkey.path)
    clients = redis.Redis(unix_socket_path=path), redis.asyncio.Redis(unix_socket_path=path, decode_responses=True)
    rooms = [FastHTML(secret_key='same', broker=broker).channel('news') for broker in (*clients, None)]
    listener = Client()
    for room in rooms: await room.broker.ready()
    rooms[0].join(listener)
    for n, room in enumerate(rooms): await room.publish(str(n))
    await until(lambda: listener.texts == ['0', '1', '2'])
    assert FastHTML(secret_key='k', broker='memory').site.broker.status().kind == 'memory'
    for room in rooms: await room.broker.close()
