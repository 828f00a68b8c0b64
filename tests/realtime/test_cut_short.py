"""Cancelled, gone or failed exactly between a step and what it stands for: nothing is lost, stuck, or held for ever.

Each test stops at one `await` of the library, with an event, and lets something happen there.
"""
import asyncio
import contextlib
import threading
from contextvars import Context
from types import SimpleNamespace

import pytest

from fasthtml.app.open_pages import OpenPage, SignalReader
from fasthtml.app.operations import Health, unready
from fasthtml.common import Div, EventStream, FastHTML
from fasthtml.realtime.carried import WantedStream
from fasthtml.realtime.channels import MemoryBroker
from fasthtml.realtime.conversations import Conversation
from fasthtml.realtime.entries import Away
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.leases import BrokerError, LeaseTable, NotSent, take_lease
from fasthtml.realtime.lifecycle import Lifecycle
from fasthtml.realtime.mailbox import Mailbox
from fasthtml.realtime.open_broker import open_broker
from fasthtml.realtime.regions import draw_html
from fasthtml.realtime.tasks import Stepped
from fasthtml.realtime.topics import Asked, Topics, Viewer
from fasthtml.testing import AsyncClient
from support import DEADLINE, until
from wire_kit import Wire, others_done

GONE = {'websocket': {'type': 'websocket.disconnect', 'code': 1001}, 'http': {'type': 'http.disconnect'}}


class Held(Wire):
    "A server whose `send` waits while `open` is not set, and which notes each that is cancelled"
    def __init__(self, path: str = '/x', kind: str = 'websocket'):
        super().__init__(path, kind)
        self.kind, self.open, self.sending, self.cancelled = kind, asyncio.Event(), 0, []
        self.open.set()

    async def send(self, message):
        self.sending += 1
        try: await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(message)
            raise
        finally: self.sending -= 1
        self.sent.append(message)

    def say(self, text: str = '{}') -> None: self.incoming.put_nowait({'type': 'websocket.receive', 'text': text})
    def leave(self) -> None: self.incoming.put_nowait(GONE[self.kind])

    @contextlib.asynccontextmanager
    async def talk(self, app: FastHTML):
        "A connection to `app`, which ends with all that it has begun"
        before = asyncio.all_tasks()
        self.task = asyncio.create_task(app(self.scope, self.receive, self.send))
        await until(lambda: app.lifecycle.connections)
        yield
        self.leave()
        self.open.set()
        await asyncio.wait([self.task])
        await others_done(before)
        assert not app.lifecycle.connections


# Frames

@pytest.mark.parametrize('what', ['text', 'bytes', 'send', 'close'])
@pytest.mark.parametrize('ending', ['client', 'caller'])
async def test_a_frame_that_the_server_has_is_never_cancelled(what, ending):
    "granian keeps the socket for ever if it is: whatever code sends, the server's `send` runs to its end"
    app, wire, began, stopped = FastHTML(secret_key='x'), Held(), asyncio.Event(), asyncio.Event()
    async def conn(ws, send):
        sender = {'text': lambda: ws.send_text('a'), 'bytes': lambda: ws.send_bytes(b'a'), 'send': lambda: send('a'), 'close': ws.close}
        wire.open.clear()
        sending = asyncio.ensure_future(sender[what]())
        while not wire.sending: await asyncio.sleep(0)
        if ending == 'caller': sending.cancel()
        began.set()
        try: await sending
        finally: stopped.set()
    app.ws('/x', conn=conn)(lambda: None)
    async with wire.talk(app):
        await began.wait()
        if ending == 'client' and what != 'close': wire.leave()  # the connection waits for the close frame that it has begun
        if what != 'close' or ending == 'caller': await stopped.wait()
    assert not wire.cancelled


async def test_bytes_keep_their_place_between_texts_and_one_is_sent_at_a_time():
    app, wire, most = FastHTML(secret_key='x'), Held(), 0
    async def conn(ws, send):
        wire.open.clear()
        await asyncio.gather(send('1'), ws.send_bytes(b'2'), send('3'), ws.send_bytes(bytearray(b'4')), send('5'))
    app.ws('/x', conn=conn)(lambda: None)
    async with wire.talk(app):
        await until(lambda: wire.sending)
        for _ in range(20):
            await asyncio.sleep(0)
            most = max(most, wire.sending)
        wire.open.set()
        await until(lambda: len(wire.sent) > 5)
        assert [m.get('text') or m['bytes'] for m in wire.sent[1:]] == ['1', b'2', '3', b'4', '5'] and most == 1


async def test_a_close_whose_caller_is_cancelled_closes_all_the_same():
    app, wire, cut = FastHTML(secret_key='x'), Held(), asyncio.Event()
    async def conn(ws):
        wire.open.clear()
        closing = asyncio.ensure_future(ws.close(4000))
        while not wire.sending: await asyncio.sleep(0)
        closing.cancel()
        cut.set()
    app.ws('/x', conn=conn)(lambda: None)
    async with wire.talk(app):
        await cut.wait()
        for _ in range(20): await asyncio.sleep(0)
        wire.open.set()
        await asyncio.wait([wire.task])
        assert [m['code'] for m in wire.sent if m['type'] == 'websocket.close'] == [4000]


async def test_a_send_that_others_cancel_ends_the_connection_instead_of_leaving_a_gap():
    "The server, or a middleware, has cancelled it: what waited behind it stood still for ever"
    app, wire = FastHTML(secret_key='x'), Held(kind='http')
    news = app.channel('news')
    app.get('/x')(lambda: EventStream(news))
    async with wire.talk(app):
        await until(lambda: len(news) == 1 and not wire.sending)
        wire.open.clear()
        for text in 'ab': await news.publish(text)
        await until(lambda: wire.sending)
        [connection] = app.lifecycle.connections
        connection.mailbox._task.cancel()
        await asyncio.wait([wire.task])


async def test_a_mailbox_that_closes_before_its_task_has_begun_has_nothing_to_send(caplog):
    box = Mailbox(None, None)
    box.offer('a')
    box.close('gone')
    await box.release()
    assert not caplog.records and not box.is_sending


# Clients that have left

async def test_a_handler_that_joins_a_channel_after_its_client_has_gone_subscribes_nobody(monkeypatch):
    "It has waited for something; the end of the connection did not wait for it"
    app, wire, go_on, joined = FastHTML(secret_key='x'), Held(), asyncio.Event(), asyncio.Event()
    room = app.channel('room', presence=True)
    @app.ws('/x')
    async def enter(ws):
        ws.info = 'ann'
        await go_on.wait()
        room.join(ws)
        joined.set()
    async with AsyncClient(app), wire.talk(app):
        wire.say()
        await until(lambda: [c for c in app.lifecycle.connections if c.when_busy])
        [connection] = app.lifecycle.connections
        wire.leave()
        await until(lambda: connection.finishing)
        go_on.set()
        await until(joined.is_set)
        assert not len(room) and 'room' not in app.site.hub._kept and room.people() == []


async def test_what_another_request_sends_does_not_make_a_programs_own_events_droppable():
    app, wire, own, foreign = FastHTML(secret_key='x'), Held(kind='http'), asyncio.Event(), []
    @app.get('/x')
    async def x():
        stream = EventStream(max_pending=100)
        foreign.append(stream)
        await stream.send('first')
        await own.wait()
        wire.open.clear()
        await stream.send('in flight')
        while not wire.sending: await asyncio.sleep(0)
        await stream.send('mine')
        with contextlib.suppress(StopIteration): Context().run(stream.send('another').send, None)  # in the same turn
        await go_on.wait()
    go_on = asyncio.Event()
    async with wire.talk(app):
        await until(lambda: b'first' in wire.body)
        own.set()
        await until(lambda: not wire.open.is_set())
        for n in range(20): await foreign[0].send(f'{n} ' + 'y'*50)
        wire.open.set()
        await until(lambda: b'19 ' in wire.body)
        assert b'data: mine\n' in wire.body
        go_on.set()


# Leases and brokers

async def test_a_lease_is_given_back_when_its_asker_was_cancelled_meanwhile():
    table, go_on, taken = LeaseTable(), asyncio.Event(), asyncio.Event()
    async def take(*what):
        await go_on.wait()
        held = await table.take(*what)
        taken.set()
        return held
    async def slow(*what): return await asyncio.shield(asyncio.ensure_future(take(*what)))  # as a call in a thread goes on
    asking = asyncio.create_task(take_lease('report', 1000, slow, table.give))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    go_on.set()
    await taken.wait()
    for _ in range(20): await asyncio.sleep(0)
    assert await table.take('report', 'another', 1000)


async def test_a_broker_whose_closing_was_cancelled_is_closed_and_starts_again(tmp_path):
    broker = open_broker(f'sqlite:{tmp_path}/a.db')
    assert await broker.ready()
    closing = asyncio.create_task(broker.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await until(lambda: not broker.status().started)
    assert await Hub(broker).channel('c').publish('x')
    await asyncio.gather(broker.close(), broker.close())
    assert not broker.status().started


async def test_a_broker_that_gets_no_thread_has_not_started(tmp_path, monkeypatch):
    broker, start = open_broker(f'sqlite:{tmp_path}/a.db'), threading.Thread.start
    def only_some(thread):
        if thread is broker._threads[-1]: raise RuntimeError("can't start new thread")
        start(thread)
    monkeypatch.setattr(threading.Thread, 'start', only_some)
    with pytest.raises(RuntimeError, match='thread'): broker.start()
    first = broker._threads[0]
    monkeypatch.undo()
    assert await broker.ready()
    first.join()
    await broker.close()


async def test_a_message_is_not_counted_as_sent_while_only_a_declaration_has_failed(tmp_path):
    "So its publisher learns that trying again cannot deliver it twice"
    broker = open_broker(f'sqlite:{tmp_path}/a.db')
    broker.timeout = 0.05
    def declare(wanted): raise Away('away')
    broker.log.declare = declare
    app = FastHTML(secret_key='x', broker=broker)
    kept = app.channel('kept', history=5)
    with pytest.raises(NotSent): await kept.publish('x')
    await broker.close()


# Regions and work

class Box(list):
    closed, pending_bytes, put_now = False, 0, list.append
    async def flush(self): pass


async def test_a_drawing_that_awaits_what_was_cancelled_has_failed_and_is_tried_again():
    tries = 0
    async def draw(key, person, place, seq):
        nonlocal tries
        tries += 1
        if tries == 1:
            (lost := asyncio.get_running_loop().create_future()).cancel()
            await lost
        return draw_html(Div('noon'), key, seq)
    async def permit(viewer, asked): return ''
    topics, box = Topics(draw), Box()
    viewer = Viewer(topics, box, permit)
    await viewer.add([Asked('clock{}', 'token')])
    said = b''.join(box)
    assert b'"failed"' in said and b'live/checked' in said
    await until(lambda: b'noon' in b''.join(box))
    viewer.close()


async def test_a_page_is_not_up_to_date_while_a_change_is_being_drawn():
    "L1: it has the last drawing, but another one has begun after a change"
    shown, go_on = ['one'], asyncio.Event()
    go_on.set()
    async def draw(key, person, place, seq):
        text = shown[-1]
        await go_on.wait()
        return draw_html(Div(text), key, seq)
    async def permit(viewer, asked): return ''
    topics, first, box = Topics(draw), Box(), Box()
    watching = Viewer(topics, first, permit)
    await watching.add([Asked('clock{}', 'token')])
    go_on.clear()
    shown.append('two')
    topics.changed('clock', {})
    await until(lambda: topics.drawings == 2)
    viewer = Viewer(topics, box, permit)
    adding = asyncio.ensure_future(viewer.add([Asked('clock{}', 'token', draw_html(Div('one'), 'clock{}').hash)]))
    for _ in range(20): await asyncio.sleep(0)
    assert not box, 'nothing is certain yet'
    go_on.set()
    await adding
    said = b''.join(box)
    assert b'two' in said and said.index(b'two') < said.index(b'live/checked')
    for one in watching, viewer: one.close()


async def test_a_guard_that_awaits_what_was_cancelled_does_not_leave_the_page_in_doubt():
    async def permit(viewer, asked):
        if asked.key == 'good{}': return ''
        (lost := asyncio.get_running_loop().create_future()).cancel()
        await lost
    async def draw(key, person, place, seq): return draw_html(Div('noon'), key, seq)
    topics, box = Topics(draw), Box()
    viewer = Viewer(topics, box, permit)
    await viewer.add([Asked('bad{}', 'token'), Asked('good{}', 'token')])
    said = b''.join(box)
    assert b'"failed"' in said and b'noon' in said and b'live/checked' in said
    viewer.close()


class SlowBroker:
    "Stands for a broker of several processes, which confirms on request, or fails"
    def __init__(self):
        self.inner, self.go_on, self.waiting, self.away = MemoryBroker(), asyncio.Event(), 0, False
        self.go_on.set()

    async def publish(self, channel, message):
        self.waiting += 1
        try: await self.go_on.wait()
        finally: self.waiting -= 1
        if self.away: raise BrokerError('away')
        return self.inner.publish_sync(channel, message)

    def __getattr__(self, name): return getattr(self.inner, name)


async def test_a_change_is_told_although_its_handler_is_cancelled_meanwhile():
    "As by `@cancel_on_disconnect`: the data has changed, so pages must be notified"
    broker, heard = SlowBroker(), []
    app = FastHTML(secret_key='x', broker=broker)
    @app.live
    def cart(): return Div('1')
    reader = SignalReader(heard.append)
    app.regions.signals.join(reader)
    broker.go_on.clear()
    changing = asyncio.create_task(cart.changed())
    await until(lambda: broker.waiting)
    changing.cancel()
    await asyncio.wait([changing])
    assert changing.cancelled()
    broker.go_on.set()
    await until(lambda: heard)
    assert heard[0]['changed'] == 'cart'


def test_processes_that_have_missed_a_change_are_told_also_after_the_loop_that_tried_has_closed():
    broker = SlowBroker()
    app = FastHTML(secret_key='x', broker=broker)
    @app.live
    def cart(): return Div('1')
    async def missed():
        broker.go_on = asyncio.Event()
        broker.go_on.set()
        app.regions.here()
        broker.away = True
        await cart.changed()
        await until(lambda: app.regions.behind is not None and not app.regions.behind.done())
        return app.regions.behind
    first = asyncio.run(missed())
    second = asyncio.run(missed())
    assert first is not second


async def test_work_that_is_stopped_before_it_has_begun_can_be_started_again():
    app, ran = FastHTML(secret_key='x'), []
    @app.work
    async def report(n: int, say): ran.append(n)
    async with AsyncClient(app):
        report.start(n=1)
        await report.stop(n=1)
        await report.wait(n=1)
        await until(lambda: report.runs[report.key(n=1)].task is None)
        report.start(n=1)
        await until(lambda: ran == [1])


async def test_work_lets_go_of_the_broker_at_the_end_and_listens_again_in_the_next_life(tmp_path):
    broker = open_broker(f'sqlite:{tmp_path}/a.db')
    app = FastHTML(secret_key='x', broker=broker)
    @app.work
    async def report(n: int, say): await say('x')
    for _ in range(2):
        async with AsyncClient(app):
            report.start(n=1)
            await report.wait(n=1)
            assert len(report.runs[report.key(n=1)].channel) == 1
        assert not broker.status().started and not len(report.runs[report.key(n=1)].channel)


async def test_how_work_has_ended_is_told_to_those_who_ask_later_and_to_those_who_missed_it(tmp_path):
    apps = [FastHTML(secret_key='x', broker=f'sqlite:{tmp_path}/a.db') for _ in range(2)]
    works = []
    for app in apps:
        @app.work
        async def report(n: int, say): await say('x')
        works.append(report)
    async with AsyncClient(apps[0]), AsyncClient(apps[1]):
        mine, other = works
        mine.start(n=1)
        await until(lambda: mine.runs[mine.key(n=1)].state == 'done')
        run = other._run_of(other.key(n=1))
        await until(lambda: run.state == 'done')
        run.state = 'running'   # as if it had heard no more
        while run.state == 'running': await other._ask_lease(run)   # the lease is released a moment after the run has ended
        await until(lambda: run.state == 'done')
        assert mine.runs[mine.key(n=1)].state == 'done'


async def test_a_stream_of_a_page_that_takes_the_number_of_one_that_is_ending_can_be_ended_too():
    app, opened, ended = FastHTML(secret_key='x'), [], []
    @app.get('/x')
    async def x():
        async def source():
            opened.append(1)
            try:
                yield 'here'
                await asyncio.sleep(1000)
            finally: ended.append(1)
        return EventStream(source())
    @app.live
    def cart(): return Div('1')
    page, wanted, before = OpenPage(app.regions.here(), [], {}, None), [WantedStream(1, '/x', {})], asyncio.all_tasks()
    async def put(piece): return True
    page.box = SimpleNamespace(put=put)
    page.carry(wanted, Wire('/_live').scope)
    await until(lambda: len(opened) == 1)
    page.drop_streams([1])
    page.carry(wanted, Wire('/_live').scope)
    await until(lambda: len(opened) == 2 and len(ended) == 1)
    for _ in range(20): await asyncio.sleep(0)
    page.drop_streams([1])
    await others_done(before)
    assert len(ended) == 2 and not page.carried


# Health checks

async def test_a_check_that_hangs_holds_one_thread_however_often_it_is_asked():
    app, go_on, calls = FastHTML(secret_key='x'), threading.Event(), []
    def database():
        calls.append(1)
        go_on.wait()
    try:
        health = Health(app.site, Lifecycle(), False, {'database': database})
        for _ in range(3): assert await unready(Lifecycle(), None, health.checks, 0.01) == ['database']
        assert calls == [1]
    finally: go_on.set()


@pytest.mark.parametrize('order', ['done, cancelled', 'cancelled, done'])
async def test_a_coroutine_without_a_task_that_is_cancelled_in_the_turn_of_its_result_is_quiet(order, caplog):
    "As where a client leaves in the turn in which its stream ends by itself"
    future, steps = asyncio.get_running_loop().create_future(), []
    async def watch():
        await future
        steps.append('went on')
    stepped = Stepped(watch())
    if order == 'done, cancelled': future.set_result(None)
    stepped.cancel()
    if order == 'cancelled, done': future.set_result(None)
    await asyncio.sleep(0)
    assert not steps and not caplog.records


@pytest.mark.parametrize('part,sends', [(part, sends) for part in ('conn', 'object') for sends in (0, 1, 3)] + [('handler', 3)])
async def test_clean_up_that_sends_to_no_client_is_not_cut_by_a_second_cancellation(part, sends, monkeypatch):
    "The client has left: what was cancelled for that may send as often as it likes, and awaits something after it"
    monkeypatch.setattr(Conversation, 'patience', 0.1)
    app, steps, done = FastHTML(secret_key='x'), [], asyncio.Event()
    async def work(send):
        try:
            await send('hi')
            await asyncio.Event().wait()
        finally:
            for _ in range(sends):
                with contextlib.suppress(Exception): await send('bye')
                steps.append('sent')
            for _ in range(20): await asyncio.sleep(0)
            steps.append('saved')
            done.set()
    app.ws('/conn', conn=work)(lambda: None)
    app.ws('/handler')(work)
    @app.get('/object')
    async def stream(): await work(EventStream().send)
    client = AsyncClient(app)
    async with client.sse('/object') if part == 'object' else client.ws(f'/{part}') as one:
        if part == 'handler': await one.send({})
        await (one.next() if part == 'object' else one.receive())
    await asyncio.wait_for(done.wait(), DEADLINE)
    assert steps == ['sent'] * sends + ['saved']
