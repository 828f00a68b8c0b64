import asyncio

from _serve import publish_many, text_of

from fasthtml.app.app import FastHTML
from fasthtml.html.tags import Div
from fasthtml.realtime.sse import EventStream

app = FastHTML()
tasks = set()


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


@app.get('/publish')
async def publish(channel: str = 'events', n: int = 1, rate: float = 0, size: int = 1):
    room = app.channel(channel)
    async def one(i, pad): await room.publish(Div(text_of(i, pad), id='tick', cls='tick'))
    tasks.add(asyncio.create_task(publish_many(one, n, rate, size)))
    return 'started'


@app.ws('/echo')
async def echo(msg: str): return Div(msg, id='tick', cls='tick')


@app.ws('/room', channels='room')
async def room(msg: str): pass
