"A program for what a shutdown has to cope with: a thread that blocks, a source that looks for it, a stop without a signal."
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
news = app.channel('news', history=10)


@app.get('/')
def home(): return 'home'


@app.get('/state')
def state(request): return getattr(request.state, 'made', 'nothing')


async def greet(send): await send('hello')


@app.ws('/ws/news', conn=greet, channels=[news])
async def news_ws(): pass


@app.get('/handler')
def handler():
    journal('handler')
    time.sleep(3600)


@app.get('/news')
async def news_stream(): return EventStream(news)


@app.get('/publish')
async def publish():
    await news.publish('published')
    return 'published'


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
