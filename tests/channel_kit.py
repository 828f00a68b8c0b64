"A member of a channel whose client is ours: it can be stalled, slow or broken."
import asyncio

from fasthtml.realtime.channels import Member
from fasthtml.realtime.mailbox import Mailbox


def as_text(message): return f'{message.id} {message.event or message.text}\n'.encode()


class Client(Member):
    "A member whose ASGI send is ours: it can be stalled, slow, or broken"
    def __init__(self, info=None, fast=False, **box):
        self.got, self.open = [], asyncio.Event()
        self.open.set()
        super().__init__(Mailbox(self.send, bytes, fast=fast, join=False, **box), as_text, info)
        self.mailbox._on_close = lambda reason: self.leave()

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
