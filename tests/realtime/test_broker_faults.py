"""What was found to break channels of many processes: each row of the list, played again."""
import asyncio
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from channel_kit import Client, texts
from fasthtml.app.app import FastHTML
from fasthtml.http.security import without_password
from fasthtml.realtime import sqlite_log
from fasthtml.realtime.entries import Away, LogBatch, PendingMessage, nowhere
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.leases import BrokerError
from fasthtml.realtime.open_broker import open_broker
from fasthtml.realtime.redis_log import _resolved
from fasthtml.realtime.sqlite_log import SqliteLog
from fasthtml.realtime.wire import RESYNC
from law_kit import Proxy
from support import DEADLINE, each_row, until

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
        if ready:
            broker.timeout = DEADLINE
            assert await broker.ready()
        broker.timeout = 3
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


class RedisData:
    "Data in Redis, which a server loses when it is killed"
    def __init__(self, server, folder): self.server, self.url = server, server.url

    def save(self):
        with self.server.client() as client: client.save()

    def attempt(self, log, written, f):
        "The next batch goes out, and `f` is called before there is a confirmation"
        run = log.writer.run
        def cut(calls):
            log.writer.run = run
            if written: run(calls)
            f()
        log.writer.run = cut

    def lose(self, all_of_it):
        self.server.kill()
        if all_of_it: (Path(self.server.folder)/'dump.rdb').unlink()
        self.server.start()


class SqliteData:
    "Data in a file, which is replaced by an older copy or deleted"
    def __init__(self, server, folder): self.folder, self.url = folder, f'sqlite:{folder}/a.db'

    def save(self):
        with closing(sqlite3.connect(f'{self.folder}/a.db')) as file, closing(sqlite3.connect(f'{self.folder}/older.db')) as copy:
            file.backup(copy)

    def attempt(self, log, written, f):
        append, write = log.append, log.writer.write
        def attempt(batches):
            log.append, log.writer.write = append, cut
            return append(batches)
        def cut(work):
            log.writer.write = write
            if written: write(work)
            def unwritten(db):
                work(db)
                f()
            f() if written else write(unwritten)
        log.append = attempt

    def lose(self, all_of_it):
        for end in '', '-wal', '-shm': Path(f'{self.folder}/a.db{end}').unlink(missing_ok=True)
        if not all_of_it: shutil.copy(f'{self.folder}/older.db', f'{self.folder}/a.db')


LOSSES = [(RedisData, data, known) for data in ('same', 'older', 'none') for known in ('known', 'unknown')]
LOSSES += [(SqliteData, data, 'known') for data in ('older', 'none')]

@pytest.mark.parametrize('written', [True, False], ids=['written', 'not written'])
@pytest.mark.parametrize('kind,data,epoch', LOSSES)
async def test_a_batch_without_a_confirmation_is_not_written_into_other_data(kind, data, epoch, written, request, channel, tmp_path):
    "Its readers may have had it from the data that is gone: written again, it would come twice. Also the first batch of a process"
    stored = kind(request.getfixturevalue('own_valkey') if kind is RedisData else None, tmp_path)
    here, there = await channel(stored.url), await channel(stored.url)
    client, failing, back = Client(), threading.Event(), threading.Event()
    there.broker.timeout = 60
    here.join(client)
    await there.publish('kept')
    stored.save()
    def cut():
        failing.set()
        back.wait(60)
        raise Away('the confirmation was lost')
    if epoch == 'unknown': there.broker.log._epochs.clear()
    stored.attempt(there.broker.log, written, cut)
    publishing = asyncio.create_task(there.publish('unsure'))
    await until(failing.is_set)
    if written: await until(lambda: client.texts == ['kept', 'unsure'])
    if data == 'same': stored.save()
    stored.lose(data == 'none')
    back.set()
    if data == 'same' and written: await publishing
    else:
        with pytest.raises(BrokerError, match='has other data now'): await publishing
    await there.publish('new')
    await until(lambda: client.texts[-1] == 'new')
    assert client.texts == ['kept', *(['unsure'] if written else []), RESYNC, 'new']


async def test_a_message_waits_while_the_server_restarts_if_it_was_not_sent_before(own_valkey, channel):
    "A connection that the server has closed meanwhile is not written to: it would not be known what became of the message"
    there = await channel(own_valkey.url)
    there.broker.timeout = 60
    for n in range(3):
        await there.publish(f'before {n}')
        own_valkey.kill()
        waiting = [asyncio.create_task(there.publish(f'meanwhile {n} {k}')) for k in range(3)] if n % 2 else []
        own_valkey.start()
        assert all(await asyncio.gather(*waiting))
        assert await there.publish(f'after {n}')


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


async def child_publishes(channel, text):
    "How a child of a fork ended that has published something"
    child = os.fork()
    if child == 0:
        try: channel.publish_sync(text)
        except BaseException: os._exit(1)
        os._exit(0)
    return (await asyncio.to_thread(os.waitpid, child, 0))[1]


@pytest.mark.filterwarnings('ignore:.*fork:DeprecationWarning')
@pytest.mark.parametrize('address', KINDS, indirect=True)
async def test_the_children_of_a_fork_publish_and_the_parent_goes_on(address, channel):
    here, client = await channel(address), Client()
    here.join(client)
    await here.publish('parent 0')
    for n in range(2):
        assert await child_publishes(here, f'child {n}') == 0
    await here.publish('parent 1')
    await until(lambda: client.texts == ['parent 0', 'child 0', 'child 1', 'parent 1'])


@pytest.mark.filterwarnings('ignore:.*fork:DeprecationWarning')
async def test_a_child_of_a_fork_gets_no_open_connection_to_the_file(tmp_path, channel):
    "SQLite in the child would go by locks that its parent has"
    here, own = await channel(f'sqlite:{tmp_path}/a.db'), {f'{tmp_path}/a.db{end}' for end in ('', '-wal', '-shm')}
    await here.publish('opened')
    def opened(pid): return own & {os.path.realpath(o) for o in Path(f'/proc/{pid}/fd').iterdir()}
    assert opened('self')
    go, ready = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go, 1)
        os._exit(0)
    found = opened(child)
    os.write(ready, b'x')
    await asyncio.to_thread(os.waitpid, child, 0)
    for fd in go, ready: os.close(fd)
    assert found == set() and await here.publish('afterwards')


@pytest.mark.filterwarnings('ignore:.*fork:DeprecationWarning')
async def test_a_fork_in_the_middle_of_work_loses_nothing(tmp_path, channel):
    "Threads of the parent publish and look while it forks; each child publishes"
    here, client = await channel(f'sqlite:{tmp_path}/a.db', history=1000), Client()
    here.join(client)
    over, sent = threading.Event(), []
    def publish():
        while not over.is_set(): sent.append(here.publish_sync('parent'))
    def look():
        while not over.is_set(): here.broker.log.look()
    threads = [threading.Thread(target=f, daemon=True) for f in (publish, look, look)]
    for thread in threads: thread.start()
    failed = []
    for n in range(15):
        if await child_publishes(here, f'child {n}'): failed.append(n)
    over.set()
    for thread in threads: await asyncio.to_thread(thread.join)
    await here.publish('end')
    await until(lambda: client.texts[-1:] == ['end'])
    assert failed == [] and RESYNC not in client.texts and client.texts.count('parent') == len(sent)
    assert [text for text in client.texts if text.startswith('child')] == [f'child {n}' for n in range(15)]


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
    "S2: counted, not timed: a process decodes only what has a subscriber here, and reads all channels in one place"
    here, there = await channel(address, 'news'), await channel(address, 'news')
    here.broker.timeout = there.broker.timeout = 60   # ten thousand histories are declared meanwhile, on a busy machine too
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


SECRET = 's3' + 'cret'   # not as such in the lines of a traceback
WRONG = ['redis://:{}/x@host:6379/0', 'redis://:{}#x@host', 'redis://:{}?x@host', 'redis://:x/{}@host', 'redis://ada:{}/@host', 'redis://:{}',
         'redis:/:{}@host', ':{}@host', 'ada:{}@host', '//:{}@host', 'rediss://:{}@[::1', 'redis://:{}\u2100@host', 'mongo://ada:{}@host', 'http://:{}@host/?password={}',
         'redis+sentinel://:{}/x@one:1,two:2/main', 'redis+cluster://host:x?password={}', 'redis+sentinel://host?password={}',
         'redis://host:{}/0', 'redis://:{}@two@host:x']
RIGHT = ['redis://:{}@host:6379/0', 'rediss://ada:{}@[::1]:6379', 'unix://:{}@/tmp/a.sock', 'redis://host/0?password={}', 'redis://:{}%2Fx@host',
         'redis://b\xfccher.example:1',
         'unix:///tmp/a@b.sock']


@each_row('option', ['broker', 'sess_store'])
@each_row('address', WRONG)
def test_an_address_that_cannot_be_read_is_an_error_at_the_start_without_its_password(address, option):
    "What Python says of it may quote the password as a port"
    with pytest.raises(ValueError, match='cannot be read|is no address|Unknown session store') as e:
        FastHTML(secret_key='k', **{option: address.replace('{}', SECRET)})
    assert SECRET not in ''.join(traceback.format_exception(e.value))


@each_row('before', ['?', '?a=1&', '#', '?a=1;'])
@each_row('option', ['password', 'PASSWORD', 'pass', 'pwd', 'sentinel_password', 'ssl_password', 'ssl-keyfile-password',
                                    'username', 'auth_token'])
def test_no_option_of_an_address_is_shown_with_its_secret(option, before):
    shown = without_password(f'redis+sentinel://host/m{before}{option}={SECRET}&b=2')
    assert SECRET not in shown and 'host/m' in shown and shown.endswith('&b=2')
    with pytest.raises(ValueError) as e: FastHTML(secret_key='k', sess_store=f'redis+sentinel://host/m{before}{option}={SECRET}')
    assert SECRET not in str(e.value)


@each_row('option', ['broker', 'sess_store'])
@each_row('address', RIGHT)
def test_any_other_address_is_taken(address, option): FastHTML(secret_key='k', **{option: address.replace('{}', SECRET)})


@pytest.mark.parametrize('address, plain', [
    ('redis+cluster://127.0.0.1:1?password={}', 'redis://127.0.0.1:1?password={}'),
    ('redis+sentinel://127.0.0.1:1/main?password={}', 'redis://127.0.0.1:1/0?password={}'),
    ('redis+sentinel://127.0.0.1:1/main/2?username=ada&password={}', 'redis://127.0.0.1:1/2?username=ada&password={}')])
def test_options_of_an_address_are_no_part_of_a_host_or_a_master(address, plain):
    "Whose names errors quote"
    found, resolve = _resolved(address.replace('{}', SECRET), 'app', None)
    assert found == plain.replace('{}', SECRET)
    with pytest.raises(Exception) as e: resolve()       # nothing listens there
    assert SECRET not in ''.join(traceback.format_exception(e.value))


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
    assert FastHTML(secret_key='k', broker='memory').site.hub.broker.status().kind == 'memory'
    for room in rooms: await room.broker.close()


@pytest.mark.parametrize('gone', [('',), ('-wal',), ('-shm',), ('-mark',), ('', '-wal', '-shm', '-mark')])
async def test_files_that_somebody_deletes_leave_all_processes_on_the_same_ones(gone, tmp_path):
    "As systemd-tmpfiles does in /tmp. A loss is reported; what is published afterwards reaches all, also a process that starts later"
    url, children = f'sqlite:{tmp_path}/a.db', []

    async def start():
        children.append(child := await asyncio.create_subprocess_exec(sys.executable, '-c', MEMBER, url, stdin=-1, stdout=-1))
        await child.stdout.readline()

    async def ask(child, text):
        child.stdin.write(f'{text}\n'.encode())
        return (await child.stdout.readline()).decode().strip()
    for _ in range(2): await start()
    assert '-' in await ask(children[0], 'before')
    for end in gone: os.unlink(f'{tmp_path}/a.db{end}')
    for n, child in enumerate(children): assert '-' in await ask(child, f'after {n}')
    await start()
    for n, child in enumerate(children): assert '-' in await ask(child, f'last {n}')
    for n, child in enumerate(children):
        assert await ask(child, 'end?') == ', '.join([*['after 0', 'after 1'] * (n < 2), 'last 0', 'last 1', 'last 2'])
        child.stdin.close()
        await child.wait()
    file = sqlite3.connect(f'{tmp_path}/a.db')
    assert file.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    file.close()


MEMBER = '''
import asyncio, os, sys
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.open_broker import open_broker

class Member:
    info, channels, got = None, set(), []
    def deliver(self, message, channel): return self.got.append(message.text) or True
    def lost(self, notice): pass

async def main():
    channel = Hub(open_broker(sys.argv[1])).channel('news', history=50)
    channel.broker.timeout = 60
    await channel.broker.ready()
    channel.join(Member())
    print('ready', flush=True)
    while text := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if text != 'end?': print(await channel.publish(text), flush=True)
        else:
            while 'last 2' not in Member.got: await asyncio.sleep(0.01)
            print(', '.join(text for text in Member.got if text != 'before'), flush=True)
asyncio.run(main())
'''


REPLIES = [b'$-1\r\n', b'+OK\r\n', b':7\r\n', b'*0\r\n', b'*2\r\n$1\r\nx\r\n$1\r\ny\r\n', b'\0garbage\r\n']


@pytest.mark.parametrize('reply', REPLIES, ids=repr)
def test_a_reply_that_is_none_to_the_question_ends_the_connection(reply):
    "What follows on it may be the reply to another question: nothing is taken for confirmed, granted or read"
    from fasthtml.realtime.redis_log import RedisLog
    connections = []

    class Connection:
        def __init__(self, **options):
            import redis
            self.inner = redis.Connection(protocol=2)
            self.here, self.there = socket.socketpair()
            self.inner._sock = self.here
            self.inner._parser.on_connect(self.inner)
            connections.append(self)

        def connect(self): pass
        def pack_commands(self, commands): return [commands]

        def send_packed_command(self, packed):
            for _ in packed[0]: self.there.sendall(reply)

        def read_response(self, timeout): return self.inner.read_response(timeout=timeout)

        def disconnect(self):
            self.inner.disconnect()
            self.there.close()
    log = RedisLog('redis://nobody:1/0', shards=1)
    log._epochs = {0: 'e'}   # it has looked before
    log.connection_class = Connection
    pending = PendingMessage(0, b'news', 5, b'0 -1 1 -1\nx', 1e9)
    asked = [log.look, lambda: log.append({0: LogBatch(1, [pending])}), lambda: log.read({0: nowhere}, 1),
             lambda: log.fetch(0, b'news', 5, nowhere), lambda: log.take('key', 'me', 5), lambda: log.share('me', b'x', 5)]
    if reply in (b'$-1\r\n', b'*0\r\n'): del asked[2]  # nothing has come
    if reply.startswith(b'*'): del asked[-1]             # what others say
    for n, ask in enumerate(asked):
        with pytest.raises(Away) as e: ask()
        assert e.value.sent and len(connections) == n + 1 and connections[-1].there.fileno() == -1
    log.close()


@pytest.mark.parametrize('refused', ['-@scripting', '-xread', 'resetkeys'])
async def test_a_server_that_refuses_what_is_needed_is_away_and_says_so_once(refused, own_valkey, channel, caplog):
    with own_valkey.client() as server: server.execute_command('ACL', 'SETUSER', 'app', 'on', '>x', '~*', '&*', '+@all', refused)
    news = await channel(f'unix://app:x@{own_valkey.path}', ready=False)
    news.join(Client())
    await until(lambda: 'permission' in news.broker.status().trouble)
    asked = []
    for link in news.broker.log.reader, news.broker.log.other:
        def counted(*args, ask=link.ask):
            asked.append(args)
            return ask(*args)
        link.ask = counted
    await until(lambda: len(asked) >= 4)   # it has tried again and again
    assert not news.broker.status().connected and len([r for r in caplog.records if r.name == 'fasthtml']) == 1, caplog.text
    with own_valkey.client() as server: server.execute_command('ACL', 'SETUSER', 'app', '~*', '+@all')
    await until(lambda: news.broker.status().connected and not news.broker.status().trouble)
    assert caplog.text.count('is read again') == 1


async def test_a_server_that_does_not_say_who_it_is_is_used_with_a_warning(own_valkey, channel, caplog):
    with own_valkey.client() as server: server.execute_command('ACL', 'SETUSER', 'app', 'on', '>x', '~*', '&*', '+@all', '-info')
    news, client = await channel(f'unix://app:x@{own_valkey.path}'), Client()
    news.join(client)
    await news.publish('one')
    await until(lambda: client.texts == ['one'])
    assert caplog.text.count('Allow the command INFO') == 1


ODD = ['', '\0', '\0\0', 'a:b', '{a}', '}', '\ud800', '~', 'é' * 300, '%', 'size:a', 'a\r\nb']


@pytest.mark.parametrize('address', KINDS, indirect=True)
async def test_odd_names_of_channels_leases_and_apps_are_names(address):
    brokers = {prefix: open_broker(address, prefix) for prefix in ('shop', 'shop:a', 'shop:a:b', '', '}', '{shop}', '\ud800')}
    clients = {(prefix, name): Client() for prefix in brokers for name in ODD}
    try:
        channels = {}
        for prefix, broker in brokers.items():
            hub = Hub(broker)
            await broker.ready()
            for name in ODD:
                channels[prefix, name] = hub.channel(name, history=5)
                channels[prefix, name].join(clients[prefix, name])
            leases = await asyncio.gather(*(broker.lease(name, 60) for name in ODD))
            assert all(leases) and await broker.lease('a:b', 60) is None
        ids = await asyncio.gather(*(channel.publish(ascii(key)) for key, channel in channels.items()))
        await until(lambda: all(client.texts == [ascii(key)] for key, client in clients.items()))
        assert all(ids)
    finally:
        for broker in brokers.values(): await broker.close()


async def test_a_clock_that_is_set_neither_ends_nor_prolongs_a_lease(tmp_path, monkeypatch):
    "SQLite: leases and what processes share go by the clock of the machine's boot"
    one, two = (SqliteLog(tmp_path/'a.db') for _ in range(2))
    for log in one, two: log.begin()
    assert one.take('key', 'one', 60) and not two.take('key', 'two', 60)
    assert one.share('one', b'x', 60) == [] and two.share('two', b'y', 60) == [b'x']
    for shift in 7200, -7200:
        monkeypatch.setattr(sqlite_log.time, 'time', lambda shift=shift, now=time.time(): now + shift)
        assert not two.take('key', 'two', 60) and two.share('two', b'y', 60) == [b'x']
    monkeypatch.setattr(sqlite_log, 'boot_id', lambda: 'another boot')
    assert two.take('key', 'two', 60) and two.share('two', b'y', 60) == [], 'what was held before the machine started again'
    for log in one, two: log.close()


@pytest.mark.parametrize('address', KINDS, indirect=True)
async def test_a_burst_of_large_messages_waits_in_the_log_for_a_loop_that_gets_on(address, channel):
    "More than a loop takes at once: its clients have done nothing to lose the oldest"
    here, there, client = await channel(address), await channel(address), Client(max_pending=1 << 30)
    there.broker.timeout = 60
    here.join(client)
    bodies = [f'{n} '.ljust(20_000, 'x') for n in range(300)]
    await asyncio.gather(*(there.publish(body) for body in bodies))
    await until(lambda: len(client.got) >= 300)
    assert client.texts == bodies
