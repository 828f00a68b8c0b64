"""The table of guarantees, as data: which part of a connection is written as which kind of callable, behind which server.

`tests/realtime/guarantee_app.py` builds a route for each cell; `tests/realtime/test_guarantees.py` walks through them.
A cell that is left out has a reason here, and nowhere else.
"""

PARTS = {
    'source': 'an event stream whose events come from an iterator: EventStream(source)',
    'object': 'an event stream that a handler writes to: await stream.send(x)',
    'page': 'a page in parts: a handler that yields, or gives a StreamingResponse',
    'conn': 'runs once beside the messages of a socket',
    'handler': 'runs for each message of a socket',
    'disconn': 'runs once when a socket has ended',
}

SHAPES = {
    'coroutine': 'async def',
    'async_generator': 'async def with yield',
    'generator': 'def with yield',
    'plain': 'def, which runs in a thread',
    'partial': 'functools.partial of a coroutine function',
    'partial_of_generator': 'functools.partial of an async generator function',
    'partial_of_plain': 'functools.partial of a plain function',
    'decorated': 'a plain function with functools.wraps around a coroutine function, as many decorators are',
    'decorated_async': 'a coroutine function with functools.wraps around a coroutine function',
    'decorated_generator': 'a plain function with functools.wraps around an async generator function',
    'decorated_bare': 'a plain function around a coroutine function that keeps the signature, but does not use functools.wraps',
    'callable_object': 'an object with `async def __call__`',
    'callable_generator': 'an object whose `__call__` is an async generator function',
    'callable_plain': 'an object with `def __call__`',
    'lambda': 'a lambda that returns a coroutine',
    'returns_coroutine': 'a plain function that returns a coroutine',
    'returns_generator': 'a plain function that returns an async generator',
    'bound_method': 'a method of an object, async def',
    'class_method': 'a classmethod, async def',
}

GENERATORS = ('async_generator', 'generator', 'partial_of_generator', 'decorated_generator', 'callable_generator', 'returns_generator')
IN_A_THREAD = ('plain', 'partial_of_plain', 'callable_plain')  # What they do between two sends cannot be cancelled
BLOCKING = (*IN_A_THREAD, 'generator')

LEFT_OUT = {
    **{('page', shape): 'a handler that returns makes a whole page, and a plain generator is collected; `generator` is that of a response'
       for shape in SHAPES if shape not in GENERATORS},
    **{('object', shape): 'a handler that yields makes a response of its parts; it has no stream to write to' for shape in GENERATORS},
    **{('source', shape): 'EventStream is given a generator, however its function was written: `async_generator` is this case'
       for shape in GENERATORS if shape not in ('async_generator', 'generator')},
}

# How a page in parts may come to its client, beside a route of the app
PAGES = {
    'router': 'a route of an APIRouter',
    'mount': 'a route of an app that is mounted in this one',
    'guard': 'what a guard of the route returns',
    'guard_of_mount': 'what a guard of the mount returns',
    'error': 'what an exception handler returns',
    'response': 'a StreamingResponse of a handler',
    'background': 'one with work in the background',
}

SERVERS = {
    'uvicorn': 'uvicorn guarantee_app:app --host 127.0.0.1 --port 0 --no-access-log --ws websockets-sansio',
    'wsproto': 'uvicorn guarantee_app:app --host 127.0.0.1 --port 0 --no-access-log --ws wsproto --http h11 --loop asyncio',
    'hypercorn': 'hypercorn guarantee_app:app -b 127.0.0.1:0',
    'granian': 'granian guarantee_app:app --interface asgi --host 127.0.0.1 --port FREE',
}

# What a server keeps to itself
CLIENTS_CODE = {'uvicorn', 'wsproto', 'granian'}  # hypercorn reports 1006 or 1000 for whatever code the client has sent

# What a part does, once it has sent 'hello'
QUIET, PULSE, ORDER, FLOOD, FAIL, FOREIGN, SPIN, ECHO = 'quiet', 'pulse', 'order', 'flood', 'fail', 'foreign', 'spin', 'echo'
EXIT, STOP, LEFT = 'exit', 'stop', 'left'  # Raised by what it calls, and no `Exception`: SystemExit, a class of its own, GeneratorExit
ENDED = 'ended'  # StopAsyncIteration, which ends what awaits it
DEAF = 'deaf'    # Waits, loses its first cancellation (as a task group may that fails at that moment), and sends for ever
BRISK = 'brisk'  # A little in each turn of the event loop: some send has always just begun or just ended


def cells(*parts: str, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    "The (part, shape) pairs of the table, for these parts or for all"
    return [(part, shape) for part in parts or PARTS for shape in SHAPES if (part, shape) not in LEFT_OUT and shape not in without]
