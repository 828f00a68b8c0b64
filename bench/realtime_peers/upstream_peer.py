"python-fasthtml, in an environment of its own"
import asyncio

from _serve import publish_many, text_of

from fasthtml.common import Div, EventStream, FastHTML, sse_message

app = FastHTML()
tasks, queues, sends = set(), set(), {}


@app.get('/single')
async def single(n: int):
    async def events():
        for i in range(n):
            yield sse_message(Div(text_of(i), id='tick', cls='tick'))
    return EventStream(events())


async def sub():
    async def events():
        queues.add(queue := asyncio.Queue())
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)
    return EventStream(events())


app.get('/sub')(sub)      # what the decorator returns is no handler any more
app.get('/queues')(sub)


async def to_queues(i, pad):
    event = sse_message(Div(text_of(i, pad), id='tick', cls='tick'))
    for queue in queues:
        queue.put_nowait(event)


async def to_sockets(i, pad):
    el = Div(text_of(i, pad), id='tick', cls='tick', hx_swap_oob='true')
    for send in tuple(sends.values()):
        await send(el)


@app.get('/publish')
async def publish(channel: str = 'events', n: int = 1, rate: float = 0, size: int = 1):
    one = to_sockets if channel in ('room', 'sends') else to_queues
    tasks.add(asyncio.create_task(publish_many(one, n, rate, size)))
    return 'started'


@app.ws('/echo')
async def echo(msg: str): return Div(msg, id='tick', cls='tick', hx_swap_oob='true')


@app.ws('/echo_send')
async def echo_by_send(msg: str, send): await send(Div(msg, id='tick', cls='tick', hx_swap_oob='true'))


def joined(ws, send): sends[id(ws)] = send
def left(ws): sends.pop(id(ws), None)


@app.ws('/room', conn=joined, disconn=left)
async def room(msg: str): pass


@app.ws('/sends', conn=joined, disconn=left)
async def kept(msg: str): pass
