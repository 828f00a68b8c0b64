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


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'Ctrl-C'])
@pytest.mark.parametrize('name', SERVERS)
def test_a_thread_that_is_blocked_does_not_keep_the_process_alive(name, number):
    with served(name, app=THREADS, grace=GRACE) as server:
        visit(server, 'source', 'object', 'conn', 'handler')
        took = stop(server, number)
        assert server.notes.of('').count('shutdown') == 1
        print(f'{took:.1f} s')


@pytest.mark.parametrize('name', SERVERS)
def test_a_function_that_swallows_its_cancellation_does_not_keep_the_process_alive(name):
    with served(name, app=SWALLOWS, grace=GRACE) as server:
        clients = visit(server, 'source', 'object', 'conn', 'handler', 'disconn')
        clients[-1].leave('fin')
        took = stop(server)
        assert server.notes.of('').count('shutdown') == 1
        assert took < GRACE + 4


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
            await asyncio.sleep(0.001)
    tasks.add(asyncio.create_task(publish()))
    return 'started'

@app.get('/stream')
async def stream(): return EventStream(flood)
app.ws('/socket', channels=[flood])(lambda: None)
'''


@pytest.mark.parametrize('name', SERVERS)
def test_publishing_that_goes_on_does_not_delay_the_end_of_a_connection(name):
    "A client that reads gets 1012, or the event `shutdown`, long before the grace time is over"
    grace = 8
    with served(name, app=FLOOD, grace=grace) as server:
        clients = [Socket(server.port, '/socket') for _ in range(3)] + [Stream(server.port, '/stream') for _ in range(3)]
        server.get('/flood')
        for client in clients: client.recv()
        ends, after = {}, {}
        def read(client):
            ends[client] = client.read_to_end()
            after[client] = time.monotonic() - began
        readers = [threading.Thread(target=read, args=(client,)) for client in clients]
        for reader in readers: reader.start()
        began = time.monotonic()
        server.process.signal(signal.SIGTERM)
        for reader in readers: reader.join(3*PATIENCE)
        assert len(ends) == 6
        assert [ends[client] for client in clients[:3]] == [1012]*3
        assert all(client.terminated and ends[client][-1].event == 'shutdown' for client in clients[3:])
        assert max(after.values()) < grace/2, after


# Stops without a signal

UVICORN = SERVERS['uvicorn']
EXITS = '''
from guarantee_app import app
import gc, uvicorn

@app.get('/exit')
async def exit():
    [server] = [o for o in gc.get_objects() if isinstance(o, uvicorn.Server)]
    server.should_exit = True
    return 'bye'
'''


@pytest.mark.parametrize('how', ['should_exit', '--limit-max-requests'])
def test_a_stop_without_a_signal_drains_like_one(how):
    command = UVICORN if how == 'should_exit' else f'{UVICORN} --limit-max-requests 12'
    with served('uvicorn', command, app=EXITS, grace=30) as server:
        key, other = new_key('conn'), new_key('source')
        socket = Socket(server.port, f'/conn/coroutine/quiet/{key}')
        stream = Stream(server.port, f'/source/coroutine/quiet/{other}')
        channel = Stream(server.port, '/channel/news')
        socket.expect('hello')
        stream.recv()
        began = time.monotonic()
        if how == 'should_exit': server.get('/exit')
        else:
            try:
                for _ in range(30): server.get('/state?mark=x')
            except (OSError, AssertionError): pass  # it has stopped to listen
        assert socket.read_to_end() == 1012
        assert stream.read_to_end()[-1].event == 'shutdown' and stream.terminated
        assert channel.read_to_end()[-1].event == 'shutdown' and channel.terminated
        server.process.wait(2*PATIENCE)
        assert time.monotonic() - began < 25
        assert server.notes.of('').count('shutdown') == 1
        assert server.notes.of(key)[-3:] == ['conn ended', 'disconn began', 'disconn ended']
