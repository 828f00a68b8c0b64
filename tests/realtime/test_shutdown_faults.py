"""Programs that do not want to end, servers that stop without a signal, and a busy channel: the process ends within the grace.

Real servers, each in a process of its own. What a process that hangs would never do is end at all.
"""
import signal
import threading
import time

import pytest

from guarantee_kit import PATIENCE, Socket, Stream, new_key, served
from guarantee_table import SERVERS

GRACE = 1
THREADS = '''
from guarantee_app import EventStream, app, noted
import threading
never = threading.Event()

def blocked(key):
    with noted(key, 'blocked'):
        yield 'hello'
        never.wait()

@app.get('/blocked/source/{key}')
def source(key: str): return EventStream(blocked(key))

@app.get('/blocked/object/{key}')
def in_object(key: str):
    with noted(key, 'blocked'):
        EventStream().send('hello')
        never.wait()

def conn(key: str, send):
    with noted(key, 'blocked'):
        send('hello')
        never.wait()
app.ws('/blocked/conn/{key}', conn=conn)(lambda: None)

@app.ws('/blocked/handler/{key}')
def handler(key: str, send):
    with noted(key, 'blocked'):
        send('hello')
        never.wait()
'''

SWALLOWS = '''
from guarantee_app import EventStream, app, noted
import asyncio

async def stubborn(key):
    with noted(key, 'stubborn'):
        while True:
            try: await asyncio.sleep(3600)
            except BaseException: pass

async def events(key):
    yield 'hello'
    await stubborn(key)

@app.get('/blocked/source/{key}')
async def source(key: str): return EventStream(events(key))

@app.get('/blocked/object/{key}')
async def in_object(key: str):
    await EventStream().send('hello')
    await stubborn(key)

async def conn(key: str, send):
    await send('hello')
    await stubborn(key)
app.ws('/blocked/conn/{key}', conn=conn)(lambda: None)

@app.ws('/blocked/handler/{key}')
async def handler(key: str, send):
    await send('hello')
    await stubborn(key)

async def disconn(key: str): await stubborn(key)
async def says_hello(send): await send('hello')
app.ws('/blocked/disconn/{key}', conn=says_hello, disconn=disconn)(lambda: None)
'''


def visit(server, *parts) -> list:
    "A client for each part, to which its function has said hello before it got stuck"
    clients = []
    for part in parts:
        path = f'/blocked/{part}/{new_key(part)}'
        if part in ('source', 'object'):
            clients.append(Stream(server.port, path))
            assert clients[-1].recv().data == 'hello'
        else:
            clients.append(Socket(server.port, path))
            if part == 'handler': clients[-1].send(n=1)
            clients[-1].expect('hello')
    return clients


def stop(server, number=signal.SIGTERM) -> float:
    "Seconds from the signal to the end of the process"
    began = time.monotonic()
    server.process.signal(number)
    server.process.wait(GRACE + 2*PATIENCE)
    return time.monotonic() - began


def check_ends(clients, *parts) -> None:
    "Each gets its closing event or frame although the function goes on"
    for part, client in zip(parts, clients, strict=True):
        end = client.read_to_end()
        assert end[-1].event == 'shutdown' and client.terminated if isinstance(client, Stream) else end == 1012, (part, end)


PARTS = 'source', 'object', 'conn', 'handler'
TOGETHER = [(name, PARTS, number) for name in SERVERS for number in (signal.SIGTERM, signal.SIGINT)]
ALONE = [(name, (part,), signal.SIGTERM) for name, part in zip(SERVERS, PARTS, strict=True)]   # each is found by itself

@pytest.mark.parametrize('name,parts,number', TOGETHER + ALONE, ids=str)
def test_a_thread_that_is_blocked_does_not_keep_the_process_alive(name, parts, number):
    with served(name, app=THREADS, grace=GRACE) as server:
        clients = visit(server, *parts)
        took = stop(server, number)
        assert server.notes.of('').count('shutdown') == 1
        check_ends(clients, *parts)
        print(f'{took:.1f} s')


@pytest.mark.parametrize('name,parts', [(name, (*PARTS, 'disconn')) for name in SERVERS] + [(name, parts) for name, parts, _ in ALONE],
                         ids=str)
def test_a_function_that_swallows_its_cancellation_does_not_keep_the_process_alive(name, parts):
    with served(name, app=SWALLOWS, grace=GRACE) as server:
        clients = visit(server, *parts)
        if 'disconn' in parts: clients.pop().leave('fin')
        stop(server)
        assert server.notes.of('').count('shutdown') == 1
        check_ends(clients, *parts[:len(clients)])


SCRIPT = THREADS + '''
from fasthtml.common import serve
serve(port=0, reload=False)
'''


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'Ctrl-C'])
def test_a_script_with_a_blocked_thread_ends(number):
    with served('script', 'app', app=SCRIPT, grace=GRACE) as server:
        visit(server, 'source', 'conn')
        stop(server, number)


# A channel that goes on publishing during the drain

FLOOD = '''
from guarantee_app import EventStream, app
import asyncio
flood = app.channel('flood')
tasks = set()

@app.get('/flood')
async def start():
    async def publish():
        while True:
            for _ in range(20): await flood.publish('x'*1000)
            await asyncio.sleep(0)
    tasks.add(asyncio.create_task(publish()))
    return 'started'

@app.get('/stream')
async def stream(): return EventStream(flood)
app.ws('/socket', channels=[flood])(lambda: None)
'''


@pytest.mark.parametrize('name', SERVERS)
def test_publishing_that_goes_on_does_not_delay_the_end_of_a_connection(name):
    "A client that reads gets 1012, or the event `shutdown`, although its channel fills as fast as the loop allows"
    with served(name, app=FLOOD, grace=8) as server:
        clients = [Socket(server.port, '/socket') for _ in range(3)] + [Stream(server.port, '/stream') for _ in range(3)]
        server.get('/flood')
        for client in clients: client.recv()
        ends = {}
        def read(client): ends[client] = client.read_to_end()
        readers = [threading.Thread(target=read, args=(client,)) for client in clients]
        for reader in readers: reader.start()
        server.process.signal(signal.SIGTERM)
        for reader in readers: reader.join(3*PATIENCE)
        assert len(ends) == 6
        assert [ends[client] for client in clients[:3]] == [1012]*3
        assert all(client.terminated and ends[client][-1].event == 'shutdown' for client in clients[3:])
