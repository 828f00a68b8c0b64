"The same as `drain_app`, written as a program would be: what the shutdown tests serve with every server."
import asyncio
import os

from fasthtml.common import EventStream, FastHTML, signal_shutdown, sse_message

shutdown_event = signal_shutdown()


def journal(line):
    with open(os.environ['JOURNAL'], 'a') as f:
        f.write(line + '\n')


async def life(app):
    journal('startup')
    watcher = asyncio.create_task(watch())
    yield
    watcher.cancel()
    journal('shutdown')


async def watch():
    await shutdown_event.wait()
    journal('event')

app = FastHTML(lifespan=life, grace=float(os.environ.get('GRACE', 3)), secret_key='x')
lifecycle, news = app.lifecycle, app.channel('news')


@app.get('/events')
async def events():
    return EventStream(news)


@app.get('/own')
async def own():
    async def source():
        yield sse_message('hello')
        while not shutdown_event.is_set():
            await asyncio.sleep(0.05)
        yield sse_message('my own last event')
    return EventStream(source())


@app.get('/lasting')
async def lasting(seconds: float):
    async def source():
        yield sse_message(str(os.getpid()))
        await shutdown_event.wait()
        await asyncio.sleep(seconds)
        yield sse_message('the last words')
    return EventStream(source())


@app.ws('/ws', channels=[news])
async def ws(): pass


@app.get('/slow')
async def slow():
    journal('slow')
    await asyncio.sleep(0.3)
    return 'done'


@app.get('/publish/{text}')
async def publish(text: str, x_times: int = 1):
    await news.publish(text * x_times)
    return 'published'


taken = {}


@app.get('/stuck')
async def stuck():
    "How many connections have taken nothing of what is pending since the last request for it"
    before = taken.copy()
    taken.clear()
    taken.update({id(c): c.mailbox.sent for c in lifecycle.connections if c.mailbox.pending_bytes})
    return f'{os.getpid()} {sum(before.get(key) == sent for key, sent in taken.items())}'


@app.get('/')
def home(): return f'{os.getpid()} {len(news)}'
