"A server of our own around an app, so that each of its awaits can be the one at which something happens."
import asyncio
import selectors

from support import until


class Wire:
    "A server whose every `receive` and `send` waits `turns` turns of the loop, and which counts them"
    def __init__(self, path: str, kind: str = 'http', turns: int = 1):
        self.turns, self.sent, self.incoming = turns, [], asyncio.Queue()
        self.scope = {'type': kind, 'method': 'GET', 'path': path, 'raw_path': path.encode(), 'query_string': b'',
                      'headers': [(b'host', b'x')],
                      'scheme': 'http' if kind == 'http' else 'ws', 'http_version': '1.1', 'root_path': '', 'subprotocols': [],
                      'server': ('x', 80), 'client': ('y', 1)}
        if kind == 'websocket':
            del self.scope['method']   # as servers' have none
            self.incoming.put_nowait({'type': 'websocket.connect'})

    async def receive(self): return await self.incoming.get()

    async def send(self, message):
        for _ in range(self.turns): await asyncio.sleep(0)
        self.sent.append(message)

    @property
    def body(self) -> bytes: return b''.join(m.get('body', b'') for m in self.sent)


async def others_done(before: set) -> None:
    "All tasks end that were not there before"
    def left(): return [t for t in asyncio.all_tasks() - before if not t.done()]
    await until(lambda: not left(), what=f'{left()} to end')


class Clock(selectors.DefaultSelector):
    "Time passes only while nothing else can happen, and then at once; waiting for ever is an error"
    now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if ready or timeout == 0: return ready
        if timeout is None: raise AssertionError('deadlock: nothing will ever happen again')
        self.now += max(timeout, 1e-6)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self): return self.clock.now
