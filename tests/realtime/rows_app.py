"A program with everything that a shutdown has to cope with: threads that block, tasks that go on, a flood of messages."
import asyncio
import gc
import os
import time

from fasthtml.common import EventStream, FastHTML, signal_shutdown

shutdown_event = signal_shutdown()


def journal(line):
    with open(os.environ['JOURNAL'], 'a') as f:
        f.write(line + '\n')


async def life(app):
    journal('startup')
    yield {'made': 'made by the lifespan'}
    journal('shutdown')

app = FastHTML(lifespan=life, grace=float(os.environ.get('GRACE', 3)), secret_key='x')
news, flood = app.channel('news', history=10), app.channel('flood')


@app.get('/')
def home(): return 'home'


@app.get('/state')
def state(request): return getattr(request.state, 'made', 'nothing')


@app.get('/blocked')
def blocked():
    def source():
        yield 'hello'
        time.sleep(3600)
    return EventStream(source())


def blocked_conn(send):
    send('hello')
    time.sleep(3600)


async def stubborn_conn(send):
    await send('hello')
    await go_on()


async def go_on():
    while True:
        try: await asyncio.sleep(3600)
        except asyncio.CancelledError: pass


async def greet(send): await send('hello')


@app.ws('/ws/blocked', conn=blocked_conn)
async def blocked_ws(): pass


@app.ws('/ws/stubborn', conn=stubborn_conn)
async def stubborn_ws(): pass


@app.ws('/ws/news', conn=greet, channels=[news])
async def news_ws(): pass


@app.ws('/ws/flooded', channels=[flood])
async def flooded_ws(): await start_flood()


@app.get('/handler')
def handler():
    journal('handler')
    time.sleep(3600)


@app.get('/stubborn')
async def stubborn():
    async def source():
        yield 'hello'
        await go_on()
    return EventStream(source())


@app.get('/news')
async def news_stream(): return EventStream(news)


@app.get('/publish')
async def publish():
    await news.publish('published')
    return 'published'


@app.get('/flooded')
async def flooded():
    await start_flood()
    return EventStream(flood)


async def start_flood():
    "Publish as fast as the event loop allows, until the process ends"
    async def publish():
        while True:
            for _ in range(20): await flood.publish('x' * 1000)
            await asyncio.sleep(0)
    app.flood = getattr(app, 'flood', None) or asyncio.create_task(publish())


@app.get('/looking')
async def looking():
    async def source():
        while not shutdown_event.is_set():
            yield 'still here'
            await asyncio.sleep(1)
        yield 'my own last event'
    return EventStream(source())


@app.get('/sleeping')
async def sleeping():
    async def source():
        yield 'hello'
        await asyncio.sleep(3600)
    return EventStream(source())


@app.get('/drain')
async def drain():
    await app.drain()
    return 'drained'


@app.get('/quit')
async def quit_server():
    "What a program does that holds the server object"
    import uvicorn
    for o in gc.get_objects():
        if isinstance(o, uvicorn.Server): o.should_exit = True
    return 'bye'
