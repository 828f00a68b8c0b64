"""Any interleaving of changes, slow and failing drawings, reconnects, restarts, lost signals and slow clients leaves every open page true.

Two processes, a broker and some pages live on a virtual clock, so a minute costs nothing. The pages do what `live.js` does.
`LIVE_RULES=20000` (steps) is the longer run.
"""
import asyncio
import json
import math
import os
import re
import selectors
from dataclasses import replace
from html import unescape
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from fasthtml.common import Div, P
from fasthtml.realtime import topics as module
from fasthtml.realtime.regions import Shown, Splice, apply_splice, draw_html, name_of, splice
from fasthtml.realtime.topics import Asked, Pacing, Topic, Topics, Viewer
from support import each_row

STEPS = int(os.environ.get('LIVE_RULES', '2000'))
ROOTS = ['outer{}', 'solo{"id":1}', 'solo{"id":2}']
INNER = ['inner{"id":1}', 'inner{"id":2}', 'secret{}']


class VirtualTime(selectors.DefaultSelector):
    "Waiting takes no time: the clock is set forward instead"
    now = 1000.0

    def select(self, timeout=None):
        assert timeout is not None, 'everything waits for something that never comes'
        self.now += max(timeout, 0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.virtual = VirtualTime()
        super().__init__(self.virtual)

    def time(self): return self.virtual.now


class Box:
    "A mailbox that passes on at once, or keeps everything while the client does not read"
    def __init__(self, page): self.page, self.closed, self.pending, self.stuck = page, False, [], False

    @property
    def pending_bytes(self): return sum(map(len, self.pending))

    def put_now(self, piece):
        if self.closed: return
        if self.stuck: self.pending.append(piece)
        else: self.page.take(piece.decode())

    async def flush(self):
        while self.stuck and not self.closed: await asyncio.sleep(0.1)
        self.read()

    def read(self):
        pending, self.pending = self.pending, []
        for piece in pending: self.page.take(piece.decode())


class Process:
    "Draws what the data says when a drawing begins"
    def __init__(self, world):
        self.world = world
        self.topics = Topics(self.draw, lambda key: Pacing(0.05, None, 2.0))

    async def draw(self, key, person, place, seq):
        content = self.world.content(key, holes=True)
        await asyncio.sleep(self.world.slow.get(key, 0))
        if key in self.world.broken: raise ValueError('broken')
        return draw_html(content, key, seq)


class Page:
    "What live.js does, without a screen"
    def __init__(self, world, person):
        self.world, self.person, self.viewer, self.process, self.again = world, person, None, None, 0
        self.has, self.html, self.texts, self.states, self.seen, self.checked = {}, {}, {}, {}, {}, False
        self.came, self.at = {}, {}   # key → when the page was given what it shows, and which drawing that is
        for key in ROOTS: self.draw_here(key)
        for key in self.holes(): self.draw_here(key)

    def draw_here(self, key):
        by = self.world.random.choice(self.world.processes)   # whose handler draws it
        drawing = draw_html(self.world.content(key, holes=True), key, by.topics.next_seq())
        self.has[key], self.html[key], self.came[key] = drawing.hash, drawing.shell, self.world.loop.time()
        self.at[key] = by.topics.epoch, drawing.seq
        self.look(key)

    def holes(self):
        "Keys of regions that stand inside of others, as the page shows them"
        return {unescape(k) for key in ROOTS for k in re.findall('<template data-live-key="([^"]*)"', self.html.get(key, ''))}

    def look(self, key):
        "L2: nothing that is shown is older than what was shown before"
        version = int(re.search(r'v(\d+)', self.html[key])[1])
        assert version >= self.seen.get(key, 0), f'{key} went back from {self.seen[key]} to {version}'
        self.seen[key] = version

    def asked(self, keys):
        keys = list(keys)
        since = max((self.came[key] for key in keys if key in self.came), default=math.inf)
        return [Asked(key, 'token' if key in ROOTS else '', self.has.get(key, ''), since, self.at.get(key, ('', 0))) for key in keys]

    def connect(self, process):
        self.close()
        self.process, self.checked, self.texts = process, False, {}
        self.viewer = Viewer(process.topics, Box(self), self.world.permit, self.person)
        self.states = {}
        process.topics.start(self.viewer.add(self.asked([*ROOTS, *self.holes()])))

    def close(self):
        if self.viewer:
            self.viewer.box.closed = True
            self.viewer.close()
        self.viewer = None

    def take(self, text):
        try: self.understand(text)
        except AssertionError as e: self.world.trouble.append(e)   # who sends must not notice

    def understand(self, text):
        lines = text.rstrip('\n').split('\n')
        name, data = lines[0].removeprefix('event: '), [line.removeprefix('data: ') for line in lines[1:]]
        head = json.loads(data[0])
        if name == 'live/checked': self.checked = True
        elif name.startswith('live/'): pass
        elif 'state' in head: self.states[name] = head['state']
        else: self.show(name, head, '\n'.join(data[1:]))

    def show(self, key, head, html):
        assert key in ROOTS or key in self.viewer.inside(), f'L4: {key} does not stand anywhere now'
        if 'splice' in head:
            if self.texts.get(key, ('', ''))[0] != head['from']: return self.ask_again(key)
            html = apply_splice(self.texts[key][1], Splice(*head['splice']))
        self.texts[key] = head['has'], html
        self.has[key], self.html[key], self.came[key] = head['has'], html, self.world.loop.time()
        epoch, _, seq = head['at'].partition('.')
        self.at[key] = epoch, int(seq)
        self.states.pop(key, None)
        self.look(key)
        if key in ROOTS: self.world.loop.call_soon(self.sync)

    def ask_again(self, key):
        self.has[key] = ''
        self.again += 1
        if self.viewer: self.process.topics.start(self.viewer.add(self.asked([key])))

    def sync(self):
        "The page shows other regions now"
        if not self.viewer: return
        inside = self.holes()
        for key in [k for k in self.html if k not in ROOTS and k not in inside]:
            for table in (self.has, self.html, self.texts, self.states, self.came, self.at): table.pop(key, None)
            self.viewer.remove([key])
        if new := [key for key in inside if key not in self.html]: self.process.topics.start(self.viewer.add(self.asked(new)))


class World(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = VirtualLoop()
        self.values = {key: [1, 0] for key in [*ROOTS, *INNER]}   # key → version, and what else it depends on
        self.slow, self.broken, self.banned, self.pages, self.signals = {}, set(), set(), [], []
        self.ever_banned = set()   # a page that was refused says so until it connects again
        self.version, self.trouble, self.random = 1, [], Random(7)
        self.within(self.start)

    def start(self): self.processes = [Process(self), Process(self)]

    def within(self, f, *args):
        async def run(): return f(*args)
        return self.loop.run_until_complete(run())

    def content(self, key, holes=False):
        version, inside = self.values[key]
        inner = {'outer{}': [[], INNER[:2], INNER][inside], ROOTS[2]: INNER[:1]}.get(key, [])   # one may stand in both
        return Div(P(f'v{version} of {key} ' + 'and more ' * 20), *map(Shown, inner))

    async def permit(self, viewer, asked):
        return None if (viewer.person, name_of(asked.key)) in self.banned else ''

    # What may happen

    @precondition(lambda self: len(self.pages) < 4)
    @rule(person=st.sampled_from(['ann', 'bob']), n=st.integers(0, 1))
    def open(self, person, n):
        page = self.within(Page, self, person)
        self.pages.append(page)
        for process in self.processes:
            for key in page.has: self.within(process.topics.doubt, key, '', page.has[key])
        self.within(page.connect, self.processes[n])

    @rule(key=st.sampled_from([*ROOTS, *INNER]), inside=st.integers(0, 2), lost=st.booleans(), late=st.sampled_from([0, 0.01, 0.3]))
    def change(self, key, inside, lost, late):
        self.version += 1
        self.values[key] = [self.version, inside]
        for process in self.processes:
            if lost: self.signals.append((late + 0.5, process, None))     # the broker says only that something is missing
            else: self.signals.append((late, process, key))
        self.send()

    def send(self):
        signals, self.signals = self.signals, []

        def plan():
            for late, process, key in signals:
                act = process.topics.changed_all if key is None else lambda p=process, k=key: p.topics.changed(name_of(k), {}, k)
                self.loop.call_later(late, act)
        self.within(plan)

    @rule(key=st.sampled_from(ROOTS + INNER), seconds=st.sampled_from([0, 0.2, 1, 5]))
    def slow_down(self, key, seconds): self.slow[key] = seconds

    @rule(key=st.sampled_from(ROOTS + INNER))
    def breaks(self, key): self.broken ^= {key}

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), n=st.integers(0, 1))
    def reconnect(self, data, n): self.within(data.draw(st.sampled_from(self.pages)).connect, self.processes[n])

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def leave(self, data): self.leave_now(data.draw(st.sampled_from(self.pages)))

    def leave_now(self, page):
        self.pages.remove(page)
        self.within(page.close)

    @rule(n=st.integers(0, 1))
    def restart(self, n):
        old = self.processes[n]
        self.processes[n] = self.within(Process, self)
        for page in self.pages:
            if page.process is old: self.within(page.connect, self.processes[1 - n])

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), stuck=st.booleans())
    def read_slowly(self, data, stuck):
        box = data.draw(st.sampled_from(self.pages)).viewer.box
        box.stuck = stuck
        if not stuck: self.within(box.read)

    @rule(person=st.sampled_from(['ann', 'bob']), name=st.sampled_from(['solo', 'inner']))
    def ban(self, person, name):
        self.banned ^= {(person, name)}
        self.ever_banned |= self.banned

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def ask_for_what_is_not_there(self, data):
        page = data.draw(st.sampled_from(self.pages))
        self.within(lambda: page.process.topics.start(page.viewer.add([Asked('secret{}')])))

    @rule(seconds=st.sampled_from([0.01, 0.06, 0.5, 3]))
    def wait(self, seconds): self.loop.run_until_complete(asyncio.sleep(seconds))

    # What must hold

    @rule()
    def quiet(self):
        "L1: when nothing changes any more, every page is up to date, or says of a region that it is lost"
        self.slow.clear()
        self.broken.clear()
        for page in self.pages:
            page.viewer.box.stuck = False
            self.within(page.viewer.box.read)
        self.wait(60)
        for page in self.pages: self.check(page)

    def check(self, page):
        assert page.checked and not self.trouble, self.trouble
        shown = {*ROOTS, *page.holes()}
        for key in shown:
            if page.states.get(key) == 'lost' and ((page.person, name_of(key)) in self.ever_banned or key not in ROOTS): continue
            assert page.states.get(key) in (None, 'true'), (key, page.states)
            assert page.html.get(key) == draw_html(self.content(key), key).shell, key
        assert not page.again, 'L6: a splice came that the page could not apply'
        followed = {topic.key for topic in page.viewer.topics}
        assert followed <= shown, f'L4: {followed - shown}'

    def teardown(self):
        self.quiet()
        for page in self.pages: self.within(page.close)
        self.wait(60)
        assert all(len(process.topics) == 0 for process in self.processes), 'L6: nobody looks, and topics are still there'
        for task in asyncio.all_tasks(self.loop): task.cancel()
        self.wait(0.01)
        self.loop.close()


def run(steps, derandomize=True):
    phases = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
    run_state_machine_as_test(World, settings=settings(
        max_examples=max(steps // 40, 1), stateful_step_count=40, deadline=None, derandomize=derandomize, database=None,
        report_multiple_bugs=False, phases=phases, suppress_health_check=list(HealthCheck)))


@pytest.fixture(autouse=True)
def quiet_log(caplog): caplog.set_level('CRITICAL')


def test_pages_are_true_whatever_happened_before():
    "L1, L2, L4, L5, L6"
    run(STEPS, derandomize=STEPS < 10_000)


# What the machine has found to matter, as plays that it need not find again

def signal_is_lost(world): world.change('solo{"id":1}', 0, True, 0)


def changes_while_it_is_drawn(world):
    world.slow_down('solo{"id":1}', 1)
    for _ in range(3):
        world.change('solo{"id":1}', 0, False, 0)
        world.wait(0.2)


def reads_slowly(world):
    world.pages[0].viewer.box.stuck = True
    for _ in range(3):
        world.change('outer{}', 0, False, 0)
        world.wait(0.2)


def comes_with_something_newer(world):
    world.values['solo{"id":1}'] = [7, 0]      # no process is notified
    world.slow_down('solo{"id":1}', 0.3)
    world.open('bob', 0)
    world.within(world.processes[0].topics.changed_all)


def breaks_and_is_mended(world):
    world.breaks('solo{"id":1}')
    world.change('solo{"id":1}', 0, False, 0)
    world.wait(3)


def asks_for_a_secret(world):
    world.within(lambda: world.pages[0].process.topics.start(world.pages[0].viewer.add([Asked('secret{}')])))
    world.wait(1)
    assert world.pages[0].states.get('secret{}') == 'lost'


def inner_region_goes(world):
    page = world.pages[0]
    page.sync = lambda: None      # a page that does not say what it has dropped
    world.change('outer{}', 1, False, 0)
    world.wait(1)
    world.change('outer{}', 0, False, 0)
    world.wait(1)
    assert {topic.key for topic in page.viewer.topics} <= {*ROOTS, INNER[0]}
    del page.sync


def comes_after_a_drawing_has_begun(world):
    world.slow_down('solo{"id":1}', 0.5)
    world.change('solo{"id":1}', 0, False, 0)
    world.wait(0.1)
    world.values['solo{"id":1}'] = [7, 0]      # no process is notified
    world.open('bob', 0)
    world.wait(3)


def breaks_and_is_as_before(world):
    page = world.pages[0]
    world.breaks('solo{"id":1}')
    world.within(page.process.topics.changed_all)
    world.wait(1)
    assert page.states.get('solo{"id":1}') == 'failed'
    world.breaks('solo{"id":1}')


def breaks_while_a_client_reads_slowly(world):
    page = world.pages[0]
    page.viewer.box.stuck = True
    for _ in range(3):
        world.change('outer{}', 0, False, 0)
        world.wait(0.2)
    breaks_and_is_mended(world)
    page.viewer.box.stuck = False
    world.within(page.viewer.box.read)
    world.wait(1)
    assert page.states.get('solo{"id":1}') == 'failed'
    world.breaks('solo{"id":1}')


def inner_region_goes_while_it_is_drawn(world):
    page = world.pages[0]
    page.sync = lambda: None
    world.slow_down(INNER[1], 1)
    world.change('outer{}', 1, False, 0)
    world.wait(0.5)
    world.change('outer{}', 0, False, 0)
    world.wait(3)
    assert {topic.key for topic in page.viewer.topics} <= {*ROOTS, INNER[0]}
    del page.sync


def comes_from_another_process_with_something_newer(world):
    world.values['solo{"id":1}'] = [7, 0]      # no process is notified
    page = world.within(Page, world, 'bob')
    page.at = dict.fromkeys(page.at, ('elsewhere', 1))
    world.pages.append(page)
    world.within(page.connect, world.processes[0])


def comes_while_it_is_broken(world):
    world.breaks('solo{"id":1}')
    world.within(world.processes[0].topics.changed_all)
    world.wait(1)
    page = world.within(Page, world, 'bob')
    world.pages.append(page)
    world.within(page.connect, world.processes[0])
    world.wait(3)
    assert page.states.get('solo{"id":1}') == 'failed'


def the_only_viewer_leaves_while_another_comes(world):
    world.slow_down('solo{"id":1}', 0.5)
    world.values['solo{"id":1}'] = [7, 0]
    world.open('bob', 0)
    world.wait(0.1)
    world.leave_now(world.pages[0])
    world.version = 7
    world.wait(3)
    world.change('solo{"id":1}', 0, False, 0)


def inner_region_goes_and_stands_elsewhere(world):
    world.change('outer{}', 1, False, 0)
    world.wait(1)
    world.change('outer{}', 0, False, 0)
    world.wait(1)
    assert INNER[0] in {topic.key for topic in world.pages[0].viewer.topics}
    world.change(INNER[0], 0, False, 0)


PLAYS = [signal_is_lost, changes_while_it_is_drawn, reads_slowly, comes_with_something_newer, breaks_and_is_mended, asks_for_a_secret,
         inner_region_goes, comes_after_a_drawing_has_begun, breaks_and_is_as_before, breaks_while_a_client_reads_slowly,
         inner_region_goes_while_it_is_drawn, comes_from_another_process_with_something_newer, comes_while_it_is_broken,
         the_only_viewer_leaves_while_another_comes, inner_region_goes_and_stands_elsewhere]


def perform(play):
    world = World()
    world.open('ann', 0)
    world.wait(1)
    play(world)
    world.teardown()


@each_row('play', PLAYS, ids=lambda play: play.__name__)
def test_a_play_ends_well(play): perform(play)


# Each rule broken on purpose is found out

def believes(self, has): return self.now is not None and not self.failed
async def joins(self, since=0):
    if self.task is None and self.now is None or self.failed: self.task = self.task or self.topics.start(self._draw(), None)
    if self.task: await asyncio.shield(self.task)
def deaf(self): pass
def never_again(self, error):
    self.failed = error
    self.say(module.state_event(self.key, 'failed'))
async def forgets(self): self.owed = None
def open_to_all(self): return {*INNER}
def keeps(self, topic, come, gone):
    if come: self.all.start(self._follow(come))
async def clears_late(self):
    while self.dirty and self.viewers:
        await self.fresh()
        self.dirty = False
        await asyncio.sleep(0.05)
    self.worker = None
def never_drops(self, topic): pass
async def stands_for_ever(self, viewer, asked, admit=Topic.admit): await admit(self, viewer, replace(asked, token='not checked'))
async def joins_an_older_one(self, since=math.inf, fresh=Topic.fresh): await fresh(self, since - 1)
def says_no_end(key, state, event=module.state_event): return event(key, state) if state != 'true' else module.page_event('nothing')
def takes_others_for_old(self, epoch, seq): return seq < self.now.seq or epoch != self.topics.epoch
def hides_failures(self, viewer, has, subscribe=Topic.subscribe):
    failed, self.failed = self.failed, None
    subscribe(self, viewer, has)
    self.failed = failed
def drops_at_once(self, topic, drop=Topics.drop):
    waiting, topic.waiting = topic.waiting, 0
    drop(self, topic)
    topic.waiting = waiting
async def pays_drawings_only(self):
    await self.box.flush()
    owed, self.owed = self.owed or (), None
    for topic in owed: self.send(topic, module.drawing_event(topic.key, topic.now, self.all.epoch))


@each_row('target, name, broken, play', [
    (Topic, 'knows', believes, comes_with_something_newer), (Topic, 'fresh', joins, changes_while_it_is_drawn),
    (Topics, 'changed_all', deaf, signal_is_lost), (Topic, '_fail', never_again, breaks_and_is_mended),
    (Topic, 'admit', stands_for_ever, inner_region_goes_while_it_is_drawn),
    (Topic, 'fresh', joins_an_older_one, comes_after_a_drawing_has_begun), (module, 'state_event', says_no_end, breaks_and_is_as_before),
    (Topic, 'is_old', takes_others_for_old, comes_from_another_process_with_something_newer),
    (Topic, 'subscribe', hides_failures, comes_while_it_is_broken),
    (Topics, 'drop', drops_at_once, the_only_viewer_leaves_while_another_comes),
    (Viewer, '_pay', forgets, reads_slowly), (Viewer, '_pay', pays_drawings_only, breaks_while_a_client_reads_slowly),
    (Viewer, 'inside', open_to_all, asks_for_a_secret), (Viewer, 'holes_changed', keeps, inner_region_goes),
    (Topic, '_work', clears_late, changes_while_it_is_drawn), (Topics, 'drop', never_drops, signal_is_lost)],
    ids=lambda o: getattr(o, '__name__', None))
def test_a_broken_rule_is_found_out(monkeypatch, target, name, broken, play):
    monkeypatch.setattr(Viewer, 'most_pending', 100)
    perform(play)
    monkeypatch.setattr(target, name, broken)
    with pytest.raises((AssertionError, RuntimeError)): perform(play)


def test_slow_clients_are_owed_and_paid(monkeypatch):
    "The same with a limit that is reached at once"
    monkeypatch.setattr(Viewer, 'most_pending', 100)
    run(min(STEPS, 1000))


@pytest.mark.parametrize('all_from_one', [False, True])
@pytest.mark.parametrize('at_once', [200, 10])
def test_pages_that_return_cost_two_drawings(at_once, all_from_one):
    "L6: whatever their number, and however long it takes. A change costs one"
    world = World()
    process = world.processes[0]
    world.pages = [world.within(Page, world, 'ann') for _ in range(200)]
    world.wait(1)
    if all_from_one: # they were sent the same drawing, a moment before
        for page in world.pages: page.at, page.came = dict.fromkeys(page.at, ('dead process', 9)), dict.fromkeys(page.came, math.inf)
    world.values['solo{"id":1}'] = [2, 0]
    world.slow['solo{"id":1}'] = 0.5
    for n, page in enumerate(world.pages, 1):
        world.within(page.connect, process)
        if n % at_once == 0: world.wait(0.5)
    world.wait(5)
    drawn = process.topics.drawings
    assert drawn <= 2 * 4
    world.change('solo{"id":1}', 0, False, 0)
    world.wait(5)
    assert process.topics.drawings == drawn + 1
    world.teardown()


def test_a_page_that_is_newer_than_the_last_drawing_causes_another():
    "L2: its age says so, though no process was notified of the change"
    world = World()
    world.open('ann', 0)
    world.wait(1)
    world.values['solo{"id":1}'] = [2, 0]
    page = world.within(Page, world, 'bob')
    world.wait(60)
    world.within(page.connect, world.processes[0])
    world.pages.append(page)
    world.teardown()


async def test_what_stands_in_a_region_goes_with_it():
    "L4, however deep"
    class Letter(list): closed, pending_bytes, put_now = False, 0, list.append
    inside = {'a{}': ['b{}'], 'b{}': ['c{}']}
    async def draw(key, person, place, seq): return draw_html(Div(*map(Shown, inside.get(key, []))), key, seq)
    async def permit(viewer, asked): return ''
    topics = Topics(draw)
    viewer = Viewer(topics, Letter(), permit)
    await viewer.add([Asked('a{}', 'token'), Asked('b{}'), Asked('c{}')])
    assert {topic.key for topic in viewer.topics} == {'a{}', 'b{}', 'c{}'}
    viewer.remove(['a{}'])
    assert not viewer.topics and not len(topics)


async def test_a_region_of_the_page_itself_stays_when_it_goes_from_another():
    "L1: it has a token, so it does not depend on where else it stands"
    class Letter(list): closed, pending_bytes, put_now = False, 0, list.append
    inside = ['b{}']
    async def draw(key, person, place, seq): return draw_html(Div(key, *map(Shown, inside if key == 'a{}' else [])), key, seq)
    async def permit(viewer, asked): return ''
    topics = Topics(draw)
    viewer = Viewer(topics, Letter(), permit)
    await viewer.add([Asked('b{}', 'token'), Asked('a{}', 'token')])
    inside.clear()
    topics.changed('a', {})
    while any('b{}' in topic.now.holes for topic in topics): await asyncio.sleep(0.01)
    assert {topic.key for topic in viewer.topics} == {'a{}', 'b{}'}
    viewer.close()


def test_a_slow_region_that_changes_all_the_time_leaves_time_for_others():
    "L5: twice as long as a drawing has taken is between two"
    world = World()
    world.open('ann', 0)
    world.wait(1)
    world.slow_down('solo{"id":1}', 0.5)
    drawn = world.processes[0].topics.drawings
    for _ in range(100):
        world.change('solo{"id":1}', 0, False, 0)
        world.wait(0.1)
    assert 5 <= world.processes[0].topics.drawings - drawn <= 8
    world.teardown()


@given(st.text('ab<&é\u2028\ud800😀😁'), st.text('ab<&é\u2028\ud800😀😁'))
def test_a_splice_gives_the_new_text(old, new):
    "Positions are those of JavaScript, and no larger part is sent than what differs"
    change = splice(old, new)
    assert apply_splice(old, change) == new
    assert len(change.text) <= len(new) and change.start <= change.end
    if len(old) == len(new) and sum(a != b for a, b in zip(old, new)) == 1: assert len(change.text) == 1
