"""A bare ASGI app around `Lifecycle` and `Mailbox`: /events streams, /ws pushes, /slow takes 0.3 s, /publish tells all.

The shutdown tests serve it with every server. Startup, shutdown and each signal event go to the file $JOURNAL.
"""
import asyncio
import os

from fasthtml.realtime.hub import Hub
from fasthtml.realtime.lifecycle import Lifecycle, signal_shutdown
from fasthtml.realtime.mailbox import Mailbox
from fasthtml.realtime.servers import ServerConnection, step_send

shutdown_event = signal_shutdown()
hub = Hub()
news = hub.channel('news')


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

lifecycle = Lifecycle(lifespan=life, grace=float(os.environ.get('GRACE', 3)))


def as_event(message): return f'data: {message.text}\n\n'.encode()
def as_frame(message): return message.frame


class Subscriber:
    "A mailbox that subscribes"
    info = None
    def __init__(self, mailbox, encode): self.mailbox, self.encode, self.channels = mailbox, encode, set()
    def deliver(self, message, channel): return self.mailbox.offer(message.encoded(self.encode), channel)

    def leave(self):
        for channel in tuple(self.channels): channel.leave(self)


class Connection:
    "One stream or socket: pushes what is published, until the client leaves or the drain begins"
    def __init__(self, scope, receive, send, wrap, encode, **box):
        self.scope, self.receive, self.send = scope, receive, send
        fast = step_send(scope)
        self.mailbox = Mailbox(fast or send, wrap, fast=bool(fast), **box)
        self.member = Subscriber(self.mailbox, encode)
        self.parting = asyncio.get_running_loop().create_future()

    async def run(self):
        news.join(self.member)
        lifecycle.add(self, self.scope)
        self.task = asyncio.current_task()
        reading = asyncio.ensure_future(self.until_gone())
        try:
            await asyncio.wait([reading, self.parting], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                await asyncio.wait([reading])  # granian does not send a close frame while `receive` is pending
                await self.closing_message()
        except asyncio.CancelledError:
            if not self.parting.done():
                raise
        finally:
            reading.cancel()
            self.member.leave()
            self.mailbox.close()
            lifecycle.discard(self)

    async def until_gone(self):
        while not (await self.receive())['type'].endswith('.disconnect'):
            pass

    def shut_down(self): self.parting.done() or self.parting.set_result(None)
    def abort(self): self.task.cancel()


class Stream(Connection):
    async def closing_message(self):
        self.mailbox.put_now(b'retry: 1000\nevent: shutdown\ndata:\n\n')
        await self.mailbox.flush()
        self.mailbox.close()
        await self.send({'type': 'http.response.body', 'body': b''})


class Socket(Connection):
    async def closing_message(self):
        await self.mailbox.flush()
        self.mailbox.close()
        await self.send({'type': 'websocket.close', 'code': 1012})


taken = {}


def stuck():
    "How many connections have taken nothing of what is pending since the last request for it"
    before = taken.copy()
    taken.clear()
    taken.update({id(c): c.mailbox.sent for c in lifecycle.connections if c.mailbox.pending_bytes})
    return sum(before.get(key) == sent for key, sent in taken.items())


async def respond(send, body, kind=b'text/plain', more=False):
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-type', kind)]})
    await send({'type': 'http.response.body', 'body': body, 'more_body': more})


async def serve_lifespan(scope, receive, send):
    async with lifecycle.lifespan(app):
        await receive()
        await send({'type': 'lifespan.startup.complete'})
        await receive()
    await send({'type': 'lifespan.shutdown.complete'})


async def app(scope, receive, send):
    if scope['type'] == 'lifespan':
        return await lifecycle.run(serve_lifespan, scope, receive, send)
    scope['fasthtml.server'] = ServerConnection(receive, send)
    if scope['type'] == 'websocket':
        await receive()
        await send({'type': 'websocket.accept'})
        return await Socket(scope, receive, send, lambda text: {'type': 'websocket.send', 'text': text}, as_frame).run()
    if scope['path'] == '/events':
        await respond(send, b'data: hello\n\n', b'text/event-stream', more=True)
        wrap = lambda body: {'type': 'http.response.body', 'body': body, 'more_body': True}
        return await Stream(scope, receive, send, wrap, as_event, join=True).run()
    if scope['path'] == '/slow':
        journal('slow')
        await asyncio.sleep(0.3)
    if scope['path'] == '/stuck':
        return await respond(send, f'{os.getpid()} {stuck()}'.encode())
    if scope['path'].startswith('/publish/'):
        await news.publish(scope['path'].split('/')[-1] * int(dict(scope['headers']).get(b'x-times', b'1')))
    await respond(send, f'{os.getpid()} {len(news)}'.encode())
