"A subscriber of a channel whose client is ours: it can be stalled, slow or broken."
import asyncio

from fasthtml.realtime.mailbox import Mailbox


def as_text(message): return f'{message.id} {message.event or message.text}\n'.encode()


class Subscriber:
    "A mailbox that subscribes, as a connection does"
    def __init__(self, mailbox, encode, info=None):
        self.mailbox, self.encode, self.info, self.channels = mailbox, encode, info, set()

    def deliver(self, message, channel):
        return self.mailbox.offer(message.encoded(self.encode), channel, message.event, channel.when_full)

    async def replay(self, message): return await self.mailbox.put(message.encoded(self.encode))
    def lost(self, notice): self.mailbox.put_now(notice.encoded(self.encode))
    def give_up(self): self.mailbox.close('slow')

    def leave(self):
        for channel in tuple(self.channels): channel.leave(self)


class Client(Subscriber):
    "A subscriber whose ASGI send is ours: it can be stalled, slow, or broken"
    def __init__(self, info=None, fast=False, **box):
        self.got, self.open = [], asyncio.Event()
        self.open.set()
        super().__init__(Mailbox(self.send, bytes, fast=fast, join=False, on_close=lambda reason: self.leave(), **box), as_text, info)

    async def send(self, piece):
        await self.open.wait()
        self.got.append(piece.decode().strip().partition(' '))

    @property
    def texts(self): return [text for _, _, text in self.got]

    @property
    def last_id(self): return self.got[-1][0]



async def numbers(channel, first, last):
    for n in range(first, last): await channel.publish(str(n))


def texts(first, last): return [str(n) for n in range(first, last)]
