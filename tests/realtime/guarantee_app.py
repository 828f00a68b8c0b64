"""The program behind the table of guarantees: a route for each part of a connection and each kind of callable.

A function says what it does as lines of JSON on the standard output, `@{"key": ..., "what": ...}`. `{how}` in the path
chooses what it does, `{key}` is the connection's name in the lines. `/state` reports what is open and what is left over.
"""
import asyncio
import contextlib
import functools
import gc
import inspect
import json
import logging
import os
import sys
import threading
import time
from types import MethodType, SimpleNamespace

import psutil
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, StreamingResponse

from fasthtml.common import APIRouter, EventStream, FastHTML, P, sse_message
from guarantee_table import BRISK, DEAF, ENDED, EXIT, FAIL, FLOOD, FOREIGN, LEFT, ORDER, PULSE, QUIET, SPIN, STOP, cells

logging.basicConfig(level=logging.INFO, format='LOG %(levelname)s %(name)s: %(message)s', stream=sys.stdout)
logging.getLogger('asyncio').setLevel(logging.WARNING)
N = 100  # Numbers that `order` sends


def note(key: str, what: str, **more) -> None:
    "A line of its own, written in one piece, from whichever thread: also where the server is in the middle of a traceback"
    os.write(1, f'\n@{json.dumps({"key": key, "what": what, **more})}\n'.encode())


@contextlib.contextmanager
def noted(key: str, part: str, **more):
    note(key, f'{part} began', **more)
    try: yield
    finally: note(key, f'{part} ended')


async def life(app):
    note('', 'startup')
    yield
    note('', 'shutdown')

app = FastHTML(secret_key='x', lifespan=life, grace=float(os.environ.get('GRACE', 3)))
gates: dict[str, asyncio.Event] = {}
produced: dict[str, int] = {}  # key → items that have been taken


# What a part sends

class Stop(BaseException): "Raised by a library that wants nobody to catch it, as `pytest.fail` does"


def fail(how: str) -> None:
    if how == FAIL: raise ValueError('swordfish')
    if how == EXIT: sys.exit('swordfish')
    if how == STOP: raise Stop('swordfish')
    if how == LEFT: raise GeneratorExit('swordfish')
    if how == ENDED: raise StopAsyncIteration('swordfish')


async def steps(key: str, how: str):
    yield 'hello'
    if how == QUIET: await asyncio.sleep(3600)
    if how == DEAF:
        with contextlib.suppress(asyncio.CancelledError): await asyncio.sleep(3600)
    fail(how)
    if how == FOREIGN:
        (lost := asyncio.get_running_loop().create_future()).cancel()
        await lost
    for item in items(key, how):
        yield item
        if how in (PULSE, BRISK): await asyncio.sleep(0.01 if how == PULSE else 0)


def blocking_steps(key: str, how: str):
    yield 'hello'
    fail(how)
    if how == FOREIGN: raise asyncio.CancelledError('a future that was cancelled')
    for item in items(key, how):
        yield item
        if how == PULSE: time.sleep(0.01)


def items(key: str, how: str):
    if how == ORDER: yield from map(str, range(N))
    while how == PULSE: yield 'tick'
    while how in (BRISK, DEAF): yield 'x'*100
    while how in (FLOOD, SPIN):
        produced[key] = produced.get(key, 0) + 1
        yield 'x'*10_000


async def push(key: str, how: str, send) -> None:
    "Send the steps; `spin` never gives up, as a loop that must not die because of one failure"
    async with contextlib.aclosing(steps(key, how)) as all_steps:
        async for item in all_steps:
            try: await send(item)
            except Exception:
                if how != SPIN: raise


def push_blocking(key: str, how: str, send) -> None:
    for item in blocking_steps(key, how):
        try: send(item)
        except Exception:
            if how != SPIN: raise


class Events:
    "An asynchronous iterator that is no generator"
    def __init__(self, key, how): self.steps = in_source(key, how)
    def __aiter__(self): return self
    def __anext__(self): return self.steps.__anext__()
    def aclose(self): return self.steps.aclose()


async def in_source(key: str, how: str):
    with noted(key, 'source'):
        async with contextlib.aclosing(steps(key, how)) as all_steps:
            async for item in all_steps: yield item


def in_blocking_source(key: str, how: str):
    with noted(key, 'source'): yield from blocking_steps(key, how)


# The parts, each as the four kinds of function there are

def source() -> SimpleNamespace:
    async def coroutine(key: str, how: str): return EventStream(Events(key, how))
    async def async_generator(key: str, how: str): return EventStream(in_source(key, how))
    async def generator(key: str, how: str): return EventStream(in_blocking_source(key, how))
    def plain(key: str, how: str): return EventStream(in_source(key, how))
    return SimpleNamespace(**locals(), written_out=lambda f: lambda key, how: f(key, how))


def object_stream() -> SimpleNamespace:
    async def coroutine(key: str, how: str):
        with noted(key, 'object'): await push(key, how, EventStream().send)

    def plain(key: str, how: str):
        with noted(key, 'object'): push_blocking(key, how, EventStream().send)
    return SimpleNamespace(**locals(), written_out=lambda f: lambda key, how: f(key, how))


def page() -> SimpleNamespace:
    "Each part is written as an event, so that the same client reads it"
    async def async_generator(key: str, how: str):
        with noted(key, 'page'):
            async with contextlib.aclosing(steps(key, how)) as all_steps:
                async for item in all_steps: yield f'data: {item}\n\n'

    def lines(key: str, how: str):
        with noted(key, 'page'):
            for item in blocking_steps(key, how): yield f'data: {item}\n\n'

    async def generator(key: str, how: str): return StreamingResponse(lines(key, how))
    return SimpleNamespace(**locals(), written_out=lambda f: lambda key, how: f(key, how))


def on_socket(part: str) -> SimpleNamespace:
    "`conn` and the message handler"
    async def coroutine(key: str, how: str, send):
        with noted(key, part): await push(key, how, send)

    async def async_generator(key: str, how: str):
        with noted(key, part):
            async with contextlib.aclosing(steps(key, how)) as all_steps:
                async for item in all_steps: yield item

    def generator(key: str, how: str):
        with noted(key, part): yield from blocking_steps(key, how)

    def plain(key: str, how: str, send):
        with noted(key, part): push_blocking(key, how, send)
    names = {k: v for k, v in locals().items() if k != 'part'}
    return SimpleNamespace(**names, written_out=lambda f: lambda key, how, send: f(key, how, send))


def disconn() -> SimpleNamespace:
    "It sends as well: there is no one to read it, and that is no failure"
    async def coroutine(key: str, how: str, send, code: int, reason: str):
        with noted(key, 'disconn', code=code, reason=reason):
            if gate := gates.get(key): await gate.wait()
            await send('late')

    async def async_generator(key: str, how: str, code: int, reason: str):
        with noted(key, 'disconn', code=code, reason=reason): yield 'late'

    def generator(key: str, how: str, code: int, reason: str):
        with noted(key, 'disconn', code=code, reason=reason): yield 'late'

    def plain(key: str, how: str, send, code: int, reason: str):
        with noted(key, 'disconn', code=code, reason=reason): send('late')
    return SimpleNamespace(**locals(), written_out=lambda f: lambda key, how, send, code, reason: f(key, how, send, code, reason))


PARTS = {'source': source(), 'object': object_stream(), 'page': page(), 'conn': on_socket('conn'),
         'handler': on_socket('handler'), 'disconn': disconn()}


# Their shapes

def returning(f):
    "A plain function that returns what `f` gives"
    def inner(*args, **kwargs): return f(*args, **kwargs)
    inner.__signature__ = inspect.signature(f)
    return inner


def wrapped(f):
    @functools.wraps(f)
    def inner(*args, **kwargs): return f(*args, **kwargs)
    return inner


def wrapped_async(f):
    @functools.wraps(f)
    async def inner(*args, **kwargs): return await f(*args, **kwargs)
    return inner


def with_self(f):
    "The same function as one of a class: with `self` before its own parameters"
    if inspect.isasyncgenfunction(f):
        async def method(self, *args, **kwargs):
            async with contextlib.aclosing(f(*args, **kwargs)) as parts:
                async for part in parts: yield part
    elif inspect.iscoroutinefunction(f):
        async def method(self, *args, **kwargs): return await f(*args, **kwargs)
    else:
        def method(self, *args, **kwargs): return f(*args, **kwargs)
    signature = inspect.signature(f)
    self = inspect.Parameter('self', inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(parameters=[self, *signature.parameters.values()])
    return method


def partial(f):
    "A partial that has given the first parameter of another function already"
    return functools.partial(with_self(f), None)


def instance(f): return type('Instance', (), {'__call__': with_self(f)})()


def shaped(part: str, shape: str):
    "The part of a connection, as this kind of callable"
    kinds = PARTS[part]
    match shape:
        case 'coroutine' | 'async_generator' | 'generator' | 'plain': return getattr(kinds, shape)
        case 'partial': return partial(kinds.coroutine)
        case 'partial_of_generator': return partial(kinds.async_generator)
        case 'partial_of_plain': return partial(kinds.plain)
        case 'decorated': return wrapped(kinds.coroutine)
        case 'decorated_async': return wrapped_async(kinds.coroutine)
        case 'decorated_generator': return wrapped(kinds.async_generator)
        case 'decorated_bare': return returning(kinds.coroutine)
        case 'callable_object': return instance(kinds.coroutine)
        case 'callable_generator': return instance(kinds.async_generator)
        case 'callable_plain': return instance(kinds.plain)
        case 'lambda' | 'returns_coroutine': return kinds.written_out(kinds.coroutine)
        case 'returns_generator': return returning(kinds.async_generator)
        case 'bound_method': return MethodType(with_self(kinds.coroutine), kinds)
        case 'class_method': return type('Holder', (), {'run': classmethod(with_self(kinds.coroutine))}).run


async def echo(n: int = 0): return f'echo {n}'


for part, shape in cells():
    f, path = shaped(part, shape), f'/{part}/{shape}/{{how}}/{{key}}'
    match part:
        case 'source' | 'object' | 'page': app.get(path, name=f'{part}-{shape}')(f)
        case 'conn': app.ws(path, conn=f, disconn=PARTS['disconn'].coroutine)(echo)
        case 'handler': app.ws(path, disconn=PARTS['disconn'].coroutine)(f)
        case 'disconn': app.ws(path, conn=PARTS['conn'].coroutine, disconn=f)(echo)


# Other ways in which a page in parts comes to its client

class Streamed(Exception): "Its handler answers with a page in parts"

write = PARTS['page'].async_generator
router, inner, guarded = APIRouter(), FastHTML(secret_key='x'), FastHTML(secret_key='x')
router.get('/pages/router/{how}/{key}')(write)
router.to_app(app)
inner.get('/{how}/{key}')(write)
app.mount('/pages/mount', inner)
guarded.get('/{how}/{key}')(lambda key, how: 'behind')


def of_path(req): return write(*reversed(req.scope['path'].split('/')[-2:]))


async def refusing(req): return StreamingResponse(of_path(req))


async def fails(key: str, how: str): raise Streamed

app.mount('/pages/guard_of_mount', guarded, before=refusing)
app.get('/pages/guard/{how}/{key}', before=refusing)(lambda key, how: 'behind')
app.get('/pages/error/{how}/{key}')(fails)
app.exception_handlers[Streamed] = lambda req, exc: StreamingResponse(of_path(req), 200)
app.get('/pages/response/{how}/{key}')(lambda key, how: StreamingResponse(write(key, how)))
app.get('/pages/background/{how}/{key}')(
    lambda key, how: StreamingResponse(write(key, how), background=BackgroundTask(note, key, 'background')))


# What clients meet besides

channels = {'news': app.channel('news', history=1000), 'brief': app.channel('brief', history=5), 'live': app.channel('live'),
            'odd': app.channel('odd'), 'busy': app.channel('busy')}


async def quiet(): pass


async def numbered(key: str, send, n: int):
    "Answers each message, and notes it"
    note(key, 'message', n=n)
    return f'echo {n}'

app.ws('/numbered/{how}/{key}', disconn=PARTS['disconn'].coroutine)(numbered)


async def push_raw(key: str, how: str, ws):
    with noted(key, 'conn'):
        while True: await (ws.send_bytes(b'x'*10_000) if how == 'bytes' else ws.send_text('x'*10_000))

app.ws('/raw/{how}/{key}', conn=push_raw, disconn=PARTS['disconn'].coroutine)(echo)


async def read_all(key: str, ws):
    with noted(key, 'reader'):
        while True:
            try: note(key, 'read', text=await ws.receive_text())
            except Exception: pass


async def reads(key: str, how: str, ws, send):
    "A program that reads by itself, and gives up at nothing"
    with noted(key, 'conn'):
        if how == 'task': ws.reader = asyncio.create_task(read_all(key, ws))
        await send('hello')
        await (asyncio.sleep(3600) if how == 'task' else read_all(key, ws))


async def reads_in_handler(key: str, ws):
    await ws.send_text('hello')
    await read_all(key, ws)

app.ws('/reads/{how}/{key}', conn=reads, disconn=PARTS['disconn'].coroutine)(quiet)
app.ws('/reads-in-handler/{how}/{key}', disconn=PARTS['disconn'].coroutine)(reads_in_handler)

ODD = ['a\ud800b', P('a\ud800b'), {'a': 'a\ud800b'}, 'ö'*2000 + '\udfff', 'a\0b']


async def odd_texts(key: str, ws, send):
    "What is no text in UTF-8: half of a surrogate pair"
    for text in ODD: await send(text)
    await ws.send_text('a\ud800b')
    for text in ODD: await channels['odd'].publish(text)
    await ws.close(4000, 'a\ud800b')

async def closing_conn(key: str, how: str, ws):
    with noted(key, 'conn'):
        if how == 'conn':
            await ws.close(4321, 'on purpose')
            note(key, 'after close')
        elif how == 'task': ws.closer = asyncio.create_task(ws.close(4321, 'on purpose'))
        await asyncio.sleep(3600)


async def closing_handler(how: str, ws):
    "So slow that messages are read ahead meanwhile"
    if how == 'slow handler':
        await asyncio.sleep(0.2)
        await ws.close(4321, 'on purpose')

app.ws('/looked-after/{how}/{key}', conn=PARTS['conn'].coroutine, disconn=PARTS['disconn'].coroutine, slow=0.4)(quiet)
app.ws('/closes/{how}/{key}', conn=closing_conn, disconn=PARTS['disconn'].coroutine)(closing_handler)
app.ws('/odd/{how}/{key}', conn=odd_texts, channels='odd', disconn=PARTS['disconn'].coroutine)(quiet)


@app.get('/parts')
async def parts():
    yield P('the first part')
    while True: yield P('x'*10_000)


@app.get('/endless/{kind}')
async def endless(kind: str):
    async def texts():
        while True: yield 'x'*100
    async def waits():
        await asyncio.Event().wait()
        yield 'x'
    def plain():
        while True: yield 'x'*100
    match kind:
        case 'source': return EventStream(texts())
        case 'plain source': return EventStream(plain())
        case 'channel': return EventStream(channels['live'])
        case 'object':
            stream = EventStream()
            while True: await stream.send('x')
        case 'texts': return StreamingResponse(texts())
        case 'plain texts': return StreamingResponse(plain())
        case 'waiting texts': return StreamingResponse(waits())
        case 'background': return StreamingResponse(texts(), background=BackgroundTask(note, '', 'background'))
        case 'file': return FileResponse(__file__)


@app.get('/large')
def large(): return 'x'*3_000_000


async def ends_it(key: str, ws):
    await ws.close(4321, 'on purpose')

async def ends_it_when_busy(key: str, ws):
    note(key, 'closes', sent=ws.connection.mailbox.sent)
    await ws.close(4321, 'on purpose')

app.ws('/busy/{how}/{key}', channels='busy', disconn=PARTS['disconn'].coroutine)(ends_it_when_busy)
app.ws('/ends/{how}/{key}', conn=PARTS['conn'].coroutine, disconn=PARTS['disconn'].coroutine)(ends_it)




@app.get('/channel/{name}')
def channel(name: str): return EventStream(channels[name])


app.ws('/channel-socket/{how}/{key}', channels='live', disconn=PARTS['disconn'].coroutine)(quiet)


@app.get('/publish/{name}/{first}/{n}')
async def publish(name: str, first: int, n: int, size: int = 0):
    for i in range(first, first + n): await channels[name].publish(f'{i} ' + 'x'*size)
    return f'{n} published'


@app.get('/forge/{how}')
async def forge(how: str):
    "Text that would be another event, another field or a comment, were it not data"
    texts = ['a\n\nevent: forged\ndata: b', 'a\r\rdata: b', ': comment\n\n', 'id: 7', 'retry: 1\n']
    refused = 0
    for field in 'event', 'id':
        for value in 'a\nb', 'a\rb', 'a\n\ndata: x':
            try: sse_message('x', **{field: value})
            except ValueError: refused += 1

    async def events():
        for text in texts: yield text + '!'
        yield f'{refused} refused'
    if how == 'source': return EventStream(events())
    stream = EventStream()
    async for text in events(): await stream.send(text)


# Control

def task_name(task: asyncio.Task) -> str: return getattr(task.get_coro(), '__qualname__', repr(task))


@app.get('/state')
async def state(mark: str, full: bool = False):
    "What is open now; with `full` what the process holds as well. A line with `mark` follows everything that was logged before"
    gc.collect(2 if full else 1)
    tasks = sorted(task_name(t) for t in asyncio.all_tasks() if t is not asyncio.current_task())
    found = dict(connections=[c.path for c in app.connections], tasks=tasks, members=sum(map(len, channels.values())),
                 counted=app.site.limits.open,
                 produced=produced, pending=max([c.pending_bytes for c in app.connections], default=0),
                 patience=min([c.mailbox.patience for c in app.lifecycle.connections], default=0.5))
    if full:
        process = psutil.Process()
        found |= dict(threads=threading.active_count(), descriptors=process.num_fds(), memory=process.memory_full_info().uss,
                      loops=sum(isinstance(o, asyncio.AbstractEventLoop) for o in gc.get_objects()))
    note('', 'mark', mark=mark)
    return found


@app.get('/collect')
async def collect():
    gc.collect()
    return ''


@app.get('/end/{key}/{why}')
async def end(key: str, why: str):
    "As a log-out, a look at the guards or the age of a connection does"
    for connection in app.lifecycle.connections:
        if connection.scope['path'].endswith(f'/{key}'): connection.end(why)


@app.get('/gate/{key}/{what}')
async def gate(key: str, what: str):
    "What waits for this gate goes on when it is opened"
    if what == 'close': gates[key] = asyncio.Event()
    else: gates[key].set()
    return what
