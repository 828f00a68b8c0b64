import asyncio

from _serve import publish_many, text_of

from fasthtml.app.app import FastHTML
from fasthtml.html.tags import Div
from fasthtml.realtime.sse import EventStream, sse_message

app = FastHTML()
tasks, queues, sends = set(), set(), {}


@app.get('/single')
async def single(n: int):
    async def events():
        for i in range(n):
            yield Div(text_of(i), id='tick', cls='tick')
    return EventStream(events())


@app.get('/object')
async def by_send(n: int):
    stream = EventStream()
    for i in range(n):
        await stream.send(Div(text_of(i), id='tick', cls='tick'))


@app.get('/sub')
async def sub(): return EventStream(app.channel('events'))


@app.get('/queues')
async def by_queues():
    async def events():
        queues.add(queue := asyncio.Queue())
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)
    return EventStream(events())


def tick(i, pad): return Div(text_of(i, pad), id='tick', cls='tick')


def put(event):
    for queue in queues:
        queue.put_nowait(event)


async def to_queues(i, pad): put(sse_message(tick(i, pad)))
async def elements_to_queues(i, pad): put(tick(i, pad))


async def to_sends(i, pad):
    el = tick(i, pad)
    for send in tuple(sends.values()):
        await send(el)


@app.get('/publish')
async def publish(channel: str = 'events', n: int = 1, rate: float = 0, size: int = 1):
    async def to_channel(i, pad): await app.channel(channel).publish(tick(i, pad))
    one = {'queues': to_queues, 'elements': elements_to_queues, 'sends': to_sends}.get(channel, to_channel)
    tasks.add(asyncio.create_task(publish_many(one, n, rate, size)))
    return 'started'


@app.ws('/echo')
async def echo(msg: str): return Div(msg, id='tick', cls='tick')


@app.ws('/echo_send')
async def echo_by_send(msg: str, send): await send(Div(msg, id='tick', cls='tick'))


def joined(ws, send): sends[id(ws)] = send
def left(ws): sends.pop(id(ws), None)


@app.ws('/sends', conn=joined, disconn=left)
async def kept(msg: str): pass


@app.ws('/room', channels='room')
async def room(msg: str): pass
