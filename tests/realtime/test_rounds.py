"""Work that is done again and again survives a round that fails, whatever is raised, and says so once in the log."""
import asyncio
import logging
import threading
from types import SimpleNamespace

import pytest

from fasthtml.app import open_pages
from fasthtml.app import work as work_module
from fasthtml.common import FastHTML
from fasthtml.http.limits import Admissions, Limits
from fasthtml.realtime import presence as presence_module
from fasthtml.realtime import shared_limits
from fasthtml.realtime.channels import Channel, MemoryBroker
from fasthtml.realtime.entries import End, PendingMessage, Place
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.lifecycle import Drain
from fasthtml.realtime.mailbox import Mailbox
from fasthtml.realtime.outbox import Declarations, Outbox, Writer
from fasthtml.realtime.permission import Verdict
from fasthtml.realtime.presence import with_presence
from fasthtml.realtime.shards import Reader, Shard
from fasthtml.realtime.tasks import ticker
from fasthtml.realtime.topics import Pacing, Topics
from support import DEADLINE, until


class Fails:
    "A function that fails at its first call, and notes later ones"
    def __init__(self, error, result=None): self.error, self.result, self.calls, self.failed = error, result, 0, False

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if not self.failed:
            self.failed = True
            raise self.error
        return self.result(*args, **kwargs) if callable(self.result) else self.result

    @property
    def again(self) -> bool: return self.calls > 1


class FailsLater(Fails):
    "The same, for what is awaited"
    async def __call__(self, *args, **kwargs): return super().__call__(*args, **kwargs)


def line(**has):
    "A connection, as much of it as is needed"
    return type('Line', (), {name: staticmethod(value) if callable(value) else value for name, value in has.items()})()


ERRORS = {'an exception': ValueError, 'an exit': SystemExit, 'a cancellation that nobody requested': asyncio.CancelledError}


# Each case begins some work with a function that fails once, yields what must become true after that, and ends it

def looking(recheck=0.02):
    "What looks at the open pages and connections of an app"
    app = FastHTML(secret_key='x')
    app.regions.recheck, app.regions.patience = recheck, 0
    return app.regions.here()


def open_connection(here):
    ended = []
    scope = {'path': '/x', 'app': here.regions.app, 'headers': [], 'type': 'websocket'}
    return line(scope=scope, ended=ended, mailbox=SimpleNamespace(born=0.0), end=lambda *args: ended.append(args))


async def a_page_that_cannot_be_ended(error, patch):
    here, end, other = looking(), Fails(error), Fails(error)
    other.failed = True
    for name, f in ('one', end), ('two', other):
        here.pages[name] = SimpleNamespace(seen=-1000, rechecked=True, connection=SimpleNamespace(end=f))
    here._look_later()
    yield lambda: end.again and other.again
    here.pages.clear()


async def a_page_that_cannot_be_told(error, patch):
    here, tell, other = looking(), Fails(error), Fails(error)
    other.failed = True
    here.regions.patience = 1e6
    for name, f in ('one', tell), ('two', other):
        here.pages[name] = SimpleNamespace(seen=-1000, signed=0, rechecked=False, tell=f, connection=None)
    here._look_later()
    yield lambda: tell.failed and other.calls
    here.pages.clear()


async def a_task_that_cannot_be_started(error, patch):
    here, started = looking(), []
    begin = here.topics.start
    def start(work, *args):
        started.append(work)
        if len(started) == 1:
            work.close()
            raise error
        return begin(work, *args)
    patch(here.topics, 'start', start)
    connections = [open_connection(here) for _ in range(2)]
    for one in connections: here.watch(one)
    yield lambda: len(started) > 4
    here.connections.clear()


async def a_guard_that_fails(error, patch):
    here, ask = looking(), FailsLater(error, Verdict())
    patch(open_pages, 'ask_again', ask)
    one = open_connection(here)
    here.watch(one)
    yield lambda: ask.again
    here.connections.clear()


async def a_connection_of_a_forgotten_person_that_cannot_be_ended(error, patch):
    here = looking(3600)
    patch(open_pages, '_person', lambda connection: 'ann')
    connections = [open_connection(here) for _ in range(3)]
    for one in connections: here.watch(one)
    connections[0].end = Fails(error)
    here.forget('ann')
    yield lambda: connections[0].end.failed and all(one.ended for one in connections[1:])
    here.close()


async def a_connection_that_cannot_be_looked_at(error, patch):
    both = [line(pace=0.01, tick=Fails(error)) for _ in range(2)]
    for one in both: ticker().add(one)
    yield lambda: all(one.tick.again for one in both)
    for one in both: ticker().discard(one)


async def a_connection_that_cannot_be_shut_down(error, patch):
    drain, calls = Drain(0.1), [Fails(error), Fails(error)]
    calls[1].failed = True
    for f in calls: drain.add(line(shut_down=f, abort=f))
    await drain.drain()
    yield lambda: all(f.calls for f in calls)


async def counts_that_cannot_be_shared(error, patch):
    share = FailsLater(error, [b'{"total": 3}'])
    patch(shared_limits, 'every', 0.01)
    admissions = Admissions(Limits(total=5))
    limits = shared_limits.SharedLimits(SimpleNamespace(share=share), admissions)
    limits.start()
    yield lambda: admissions.elsewhere == {'total': 3}
    await limits.close()


async def counts_that_are_not_known_any_more(error, patch):
    "What others had open is forgotten, although it is not known why nothing comes from them"
    said = [[b'{"total": 3}']]
    async def share(*args):
        if said: return said.pop()
        raise error
    patch(shared_limits, 'every', 0.01)
    patch(shared_limits, 'life', 0.05)
    admissions = Admissions(Limits(total=5))
    limits = shared_limits.SharedLimits(SimpleNamespace(share=share), admissions)
    limits.start()
    await until(lambda: admissions.elsewhere)
    yield lambda: not admissions.elsewhere
    await limits.close()


def room_with_people(patch):
    patch(presence_module, 'sync_seconds', 0)
    hub = Hub(MemoryBroker())
    room = with_presence(hub, hub.channel('room'), True)
    return hub, room, hub.presence


class Person:
    "A subscriber"
    def __init__(self, info): self.info, self.channels = info, set()
    def deliver(self, message, channel): return True


async def presence_that_cannot_be_published(error, patch):
    hub, room, presence = room_with_people(patch)
    publish, sent = FailsLater(error), []
    async def send(record):
        if not publish.failed: await publish()
        sent.append(record)
        await Channel.publish(presence.channel, record)
    patch(presence.channel, 'publish', send)
    room.join(Person('ann'))
    yield lambda: any(record['do'] == 'add' for record in sent)
    await presence.close()


async def who_listens_to_presence_and_fails(error, patch):
    hub, room, presence = room_with_people(patch)
    patch(presence_module, 'grace_seconds', 0)
    tell, ann = Fails(error), Person('ann')
    other = Fails(error)
    other.failed = True
    presence.listen('room', 'one', tell)
    presence.listen('room', 'two', other)
    room.join(ann)
    await until(lambda: room.people() == ['ann'] and presence.people.of('room'))
    tell.failed = False
    calls = other.calls
    room.leave(ann)
    yield lambda: tell.again and other.calls > calls and not presence.people.of('room') and not presence._task.done()
    await presence.close()


async def processes_that_cannot_be_told(error, patch):
    app = FastHTML(secret_key='x')
    publish = FailsLater(error)
    patch(app.regions.signals, 'publish', publish)
    app.regions._begin_catch_up(app.regions.here())
    yield lambda: publish.again
    await app.regions.behind


def running(patch):
    "Some work of an app, which runs until `over` is set"
    app, over = FastHTML(secret_key='x'), asyncio.Event()
    @app.work
    async def job(say): await over.wait()
    return app, job, over


async def a_lease_that_cannot_be_renewed(error, patch):
    patch(work_module, 'hold', 3)   # seconds: a machine that stands still for longer has lost it, which is another case
    app, job, over = running(patch)
    broker = app.site.hub.broker
    take, failing = broker.leases.take, Fails(error)
    async def fails(*args):
        if failing.armed and not failing.failed: failing()
        failing.calls += failing.failed
        return await take(*args)
    failing.armed = False
    patch(broker.leases, 'take', fails)
    job._start(job.key())
    run = job.runs[job.key()]
    await until(lambda: run.state == 'running')
    failing.armed = True
    yield lambda: failing.again and run.state == 'running' and run.is_own
    over.set()
    await until(lambda: run.state == 'done')


async def a_report_that_cannot_be_made(error, patch):
    patch(work_module, 'beat', 0.01)
    app, job, over = running(patch)
    app.regions.is_shared = True
    report = FailsLater(error)
    patch(job, '_report', report)
    patch(job, '_was_done', FailsLater(error, False))
    job._was_done.failed = True
    job._start(job.key())
    yield lambda: report.again
    over.set()
    await until(lambda: job.runs[job.key()].state == 'done')


async def a_region_that_cannot_be_drawn(error, patch):
    draws = []
    async def draw(*args):
        draws.append(args)
        raise error
    topic = Topics(draw, lambda key: Pacing(0.01)).get('a{}')
    topic.viewers[line(send=lambda *args: None)] = False
    topic.changed()
    yield lambda: len(draws) > 1
    topic.viewers.clear()
    topic.topics.drop(topic)


async def a_client_that_cannot_be_written_to(error, patch):
    "It is closed, and who writes to many clients goes on with the next"
    box = Mailbox(None, None, fast=True, write=Fails(error))
    yield lambda: not box.put_now(b'x') and box.closed and box.reason == 'failed'


async def a_slow_client_that_cannot_be_given_up(error, patch):
    channel = Channel('a', when_full='close')
    members = [Person(name) for name in 'ab']
    for one in members: one.give_up = Fails(error)
    members[1].give_up.failed = True
    for one in members: channel.join(one)
    [loop] = channel._loops.values()
    loop.too_slow = True
    asyncio.get_running_loop().call_soon(loop.deliver)
    yield lambda: all(one.give_up.calls for one in members)


class FakeLog:
    "As much of a log as its threads need"
    def __init__(self, **faults):
        self.faults, self.written = faults, 0
        for name in 'look', 'read', 'append', 'declare': setattr(self, name, faults.get(name) or getattr(self, '_' + name))
    def _look(self): return [End(Place('e', 1, 1), Place('e', 1, 1), 0)]
    def _read(self, places, seconds):
        threading.Event().wait(0.005)
        return []
    def _declare(self, due): pass
    def _append(self, batches):
        self.written += 1
        return {shard: Place('e', 1, 1) for shard in batches}
    def connect(self): pass
    def renew(self): pass


def reader_with(name):
    async def case(error, patch):
        failing = Fails(error)
        log = FakeLog()
        failing.result = getattr(log, name)
        setattr(log, name, failing)
        reader, stopped = Reader(log, [Shard(0)]), threading.Event()
        thread = threading.Thread(target=reader.run, args=[stopped], daemon=True)
        thread.start()
        yield lambda: failing.again and reader.connected
        stopped.set()
        await asyncio.to_thread(thread.join, DEADLINE)
    case.__name__ = f'a log whose {name} fails'
    return case


def writer_with(name):
    async def case(error, patch):
        failing, log, outbox = Fails(error), FakeLog(), Outbox(10, 10_000)
        declarations = Declarations(3600)
        declarations.add(SimpleNamespace(wire_name=b'a', shard=SimpleNamespace(index=0), history=SimpleNamespace(size=0)))
        failing.result = getattr(log, name)
        setattr(log, name, failing)
        writer, stopped = Writer(log, outbox, declarations), threading.Event()
        thread = threading.Thread(target=writer.run, args=[stopped], daemon=True)
        thread.start()
        await until(lambda: failing.failed or outbox.put(PendingMessage(0, b'a', 0, b'x', 1e12)))
        await until(lambda: failing.failed)
        outbox.put(PendingMessage(0, b'a', 0, b'x', 1e12))
        yield lambda: writer.published
        stopped.set()
        await asyncio.to_thread(thread.join, DEADLINE)
    case.__name__ = f'a log whose {name} fails'
    return case


CASES = [a_page_that_cannot_be_ended, a_page_that_cannot_be_told, a_task_that_cannot_be_started, a_guard_that_fails,
         a_connection_of_a_forgotten_person_that_cannot_be_ended, a_connection_that_cannot_be_looked_at,
         a_connection_that_cannot_be_shut_down, counts_that_cannot_be_shared, counts_that_are_not_known_any_more,
         presence_that_cannot_be_published, who_listens_to_presence_and_fails, processes_that_cannot_be_told,
         a_lease_that_cannot_be_renewed, a_report_that_cannot_be_made, a_region_that_cannot_be_drawn,
         a_client_that_cannot_be_written_to, a_slow_client_that_cannot_be_given_up,
         *map(reader_with, ('look', 'read')), *map(writer_with, ('declare', 'append'))]


ROWS = [(case, 'an exception') for case in CASES] + [(a_guard_that_fails, error) for error in ERRORS if error != 'an exception']

@pytest.mark.parametrize('case,error', ROWS, ids=[f'{case.__name__.replace("_", " ")}: {error}' for case, error in ROWS])
async def test_work_goes_on_after_a_round_that_failed(case, error, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    steps = case(ERRORS[error]('swordfish'), monkeypatch.setattr)
    goes_on = await anext(steps)
    try: await until(goes_on)
    finally:
        async for _ in steps: pass
    assert 'swordfish' in caplog.text or 'CancelledError' in caplog.text
