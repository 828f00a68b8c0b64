"""A connection in every order of events that Hypothesis finds, on a server and a clock that are ours.

Messages, a close, a shutdown, failures, cancellations and slow sends come in any order and with any number of turns of the
event loop between them. Whatever happens, the laws below hold when all is over.
"""
import asyncio
import gc
import logging

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fasthtml.common import EventStream, FastHTML
from support import each_row
from wire_kit import VirtualLoop, Wire


class Client(Wire):
    "A server whose `send` is open, stuck or failing, and the record of what it was sent"
    def __init__(self, kind):
        super().__init__('/x', kind)
        self.open, self.failure = asyncio.Event(), None
        self.open.set()
        self.kind, self.left = kind, False

    async def receive(self):
        if self.left: return self.disconnect(1006)
        message = await super().receive()
        self.left = message['type'].endswith('.disconnect')
        return message

    async def send(self, message):
        await self.open.wait()
        if self.failure: raise self.failure
        await super().send(message)

    def disconnect(self, code=4001):
        return {'type': 'websocket.disconnect', 'code': code} if self.kind == 'websocket' else {'type': 'http.disconnect'}


class Case:
    "One connection and what happens to it"
    kind = 'websocket'

    def __init__(self):
        self.app = FastHTML(secret_key='x', grace=2)
        self.channel = self.app.channel('c')
        self.said, self.orders = [], asyncio.Queue()  # What functions did; what `conn` or the source is to do
        self.client = Client(self.kind)
        self.drains, self.cancelled = [], False
        self.register()
        self.before = asyncio.all_tasks()
        self.task = asyncio.create_task(self.app(self.client.scope, self.client.receive, self.client.send))

    def noted(self, name):
        case = self
        class Noted:
            def __enter__(self): case.said.append(f'{name} began')
            def __exit__(self, *_): case.said.append(f'{name} ended')
        return Noted()

    async def do(self, action, turns):
        client, app = self.client, self.app
        match action:
            case 'close': client.incoming.put_nowait(client.disconnect())
            case 'shutdown': self.drains.append(asyncio.create_task(app.drain()))
            case 'abort':
                for connection in app.lifecycle.connections: connection.abort()
            case 'stick': client.open.clear()
            case 'release': client.open.set()
            case 'fail': client.failure = OSError('gone')
            case 'cancel':
                if not self.task.done(): self.cancelled = True
                self.task.cancel()
            case 'publish': await self.channel.publish('published')
            case 'wait': await asyncio.sleep(1)
            case 'end' | 'raise' | 'emit' | 'beside': self.orders.put_nowait(action)
            case _: client.incoming.put_nowait({'type': 'websocket.receive', 'text': f'{{"what": "{action}"}}'})
        for _ in range(turns): await asyncio.sleep(0)

    async def follow(self, emit):
        "What `conn`, or a handler that has a stream, does"
        while (order := await self.orders.get()) != 'end':
            if order == 'raise': raise ValueError('on purpose')
            if order == 'beside': asyncio.create_task(self.emit_beside(emit))
            else: await emit('emitted')

    async def emit_beside(self, emit):
        "A task of the program sends in many turns of the loop, also while the connection ends"
        for _ in range(12):
            await asyncio.sleep(0)
            await emit('beside')

    async def finish(self):
        "The client leaves at last; all must end, in bounded time"
        await asyncio.sleep(0)
        self.client.open.set()
        self.client.incoming.put_nowait(self.client.disconnect(1006))
        done, _ = await asyncio.wait([self.task], timeout=60)
        assert done, 'the connection does not end'
        for drain in self.drains: await drain
        async with asyncio.timeout(60):
            while left := [t for t in asyncio.all_tasks() - self.before if t is not asyncio.current_task()]:
                await asyncio.wait(left)
        assert self.task.cancelled() == self.cancelled, 'a cancellation from outside was lost, or came from nobody'
        assert self.task.cancelled() or self.task.exception() is None or self.client.failure, self.task.exception()
        assert not self.app.lifecycle.connections and len(self.channel) == 0
        self.check()


class SocketCase(Case):
    def register(self):
        async def conn(send):
            with self.noted('conn'): await self.follow(send)

        async def handler(what: str, ws, send):
            with self.noted('handler'):
                if what == 'handler raises': raise ValueError('on purpose')
                if what == 'handler closes': await ws.close(4000)
                if what == 'handler sends': await send('answer')
                return 'returned'

        async def disconn(code: int):
            self.code = code
            with self.noted('disconn'): await asyncio.sleep(0)
        self.app.ws('/x', conn=conn, disconn=disconn, channels=[self.channel])(handler)

    def check(self):
        types = [message['type'] for message in self.client.sent]
        assert types.count('websocket.close') <= 1
        assert 'websocket.close' not in types[:-1], f'something was sent after the close: {types}'
        began = self.said.count('conn began')
        assert began <= 1 and self.said.count('conn ended') == began
        assert self.said.count('disconn began') == self.said.count('disconn ended') == began, self.said  # W2
        if began: assert self.said[-2:] == ['disconn began', 'disconn ended'], self.said


class StreamCase(Case):
    kind = 'http'

    def check(self):
        bodies = [message for message in self.client.sent if message['type'] == 'http.response.body']
        last = [not message.get('more_body') for message in bodies]
        assert sum(last) <= 1 and not any(last[:-1]), 'something was sent after the end of the body'
        text = b''.join(message['body'] for message in bodies).decode()
        assert sum(text.count(f'event: {name}\n') for name in ('close', 'shutdown', 'failed')) <= 1, text
        assert self.said in ([], ['source began', 'source ended']), self.said  # S2


class SourceCase(StreamCase):
    def register(self):
        async def source():
            with self.noted('source'):
                while (order := await self.orders.get()) != 'end':
                    if order == 'raise': raise ValueError('on purpose')
                    yield 'emitted'

        @self.app.get('/x')
        async def x(): return EventStream(source())


class ObjectCase(StreamCase):
    def register(self):
        @self.app.get('/x')
        async def x():
            stream = EventStream()
            with self.noted('source'):
                await stream.send('first')  # Until then it is an ordinary request, which is not watched
                await self.follow(stream.send)


class ChannelCase(StreamCase):
    def register(self):
        @self.app.get('/x')
        async def x(): return EventStream(self.channel)


COMMON = ['close', 'shutdown', 'abort', 'stick', 'release', 'fail', 'cancel', 'publish', 'wait', 'end', 'raise', 'emit']
MESSAGES = ['handler sends', 'handler raises', 'handler closes']
CASES = {SocketCase: [*COMMON, 'beside', *MESSAGES], SourceCase: COMMON, ObjectCase: [*COMMON, 'beside'], ChannelCase: COMMON}


def run(kind, actions):
    errors = []
    class Listener(logging.Handler):
        def emit(self, record):
            if record.levelno >= logging.ERROR: errors.append(record.getMessage())

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context['message']))
        case = kind()
        for action, turns in actions: await case.do(action, turns)
        await case.finish()
        return case
    listener = Listener()
    logging.getLogger().addHandler(listener)
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner: case = runner.run(main())
        gc.collect(0)
    finally: logging.getLogger().removeHandler(listener)
    if not {'raise', 'handler raises'} & {action for action, _ in actions}: assert not errors, errors
    assert not [text for text in errors if 'never retrieved' in text or 'destroyed' in text], errors
    return case


def sequences(kind): return st.lists(st.tuples(st.sampled_from(CASES[kind]), st.integers(0, 12)), max_size=10)


for_hypothesis = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@for_hypothesis
@given(sequences(SocketCase))
@example([('stick', 5), ('handler sends', 5), ('shutdown', 5), ('wait', 0), ('wait', 0), ('wait', 0)])
@example([('handler closes', 0), ('close', 0)])
@example([('close', 0), ('cancel', 0)])
@example([('fail', 0), ('emit', 3), ('handler sends', 3)])
@example([('handler closes', 5), ('abort', 0)])
@example([('emit', 0), ('handler closes', 0), ('handler closes', 0)])
@example([('handler closes', 3), ('emit', 0)])
def test_a_socket_in_any_order_of_events(actions): run(SocketCase, actions)


@for_hypothesis
@given(sequences(SourceCase))
@example([('emit', 3), ('close', 0), ('cancel', 0)])
@example([('stick', 3), ('emit', 3), ('cancel', 2), ('cancel', 2)])
@example([('shutdown', 0), ('raise', 0), ('cancel', 0)])
def test_a_stream_of_a_source_in_any_order_of_events(actions): run(SourceCase, actions)


@for_hypothesis
@given(sequences(ObjectCase))
@example([('stick', 0), ('emit', 5), ('cancel', 2), ('cancel', 2)])
@example([('emit', 5), ('close', 0), ('emit', 0), ('cancel', 0)])
def test_a_stream_that_a_handler_writes_to_in_any_order_of_events(actions): run(ObjectCase, actions)


@for_hypothesis
@given(sequences(ChannelCase))
@example([('publish', 0), ('shutdown', 0), ('publish', 0), ('cancel', 1)])
@example([('stick', 9), ('publish', 1), ('shutdown', 1), ('abort', 1)])
def test_a_stream_of_a_channel_in_any_order_of_events(actions): run(ChannelCase, actions)


# Other code sends while the connection ends

@each_row('turns', range(8))
@each_row('ending,event', [('shutdown', 'shutdown'), ('end', 'close'), ('raise', 'failed')])
def test_a_stream_says_how_it_ended_while_other_code_sends(ending, event, turns):
    case = run(ObjectCase, [('beside', turns), (ending, 20)])
    *_, last = case.client.sent
    assert f'event: {event}\n'.encode() in last['body'] and not last['more_body']


@each_row('turns', range(8))
@each_row('ending,code', [('shutdown', 1012), ('raise', 1011), ('handler raises', 1011), ('handler closes', 4000)])
def test_a_socket_says_how_it_ended_while_other_code_sends(ending, code, turns):
    case = run(SocketCase, [('beside', turns), (ending, 20)])
    assert case.client.sent[-1] == {'type': 'websocket.close', 'code': code, 'reason': case.client.sent[-1]['reason']}


# Which reason wins

ENDINGS = {'close': 4001, 'shutdown': 1012, 'raise': 1011, 'handler raises': 1011, 'handler closes': 4000}


@each_row('turns', [0, 1, 2, 3, 5, 50])
@each_row('second', ENDINGS)
@each_row('first', ENDINGS)
def test_the_first_reason_wins(first, second, turns):
    "Two that come in the same turn may be seen in either order; then it is one of the two"
    case = run(SocketCase, [('emit', 20), (first, turns), (second, 0)])
    assert case.code in ({ENDINGS[first]} if turns > 5 else {ENDINGS[first], ENDINGS[second]}), case.code


@pytest.mark.parametrize('ending', ENDINGS)
def test_a_client_that_reads_nothing_is_cut_off_in_the_end(ending):
    "The clock is ours: it takes no time to wait for half a minute"
    case = run(SocketCase, [('stick', 5), ('emit', 5), ('publish', 5), (ending, 5), *[('wait', 0)]*60])
    assert case.said[-1] == 'disconn ended'
