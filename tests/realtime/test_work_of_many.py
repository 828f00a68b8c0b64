"""Work of several processes: one of them speaks for a run, the others hear what it adds, and nothing is said twice or by two."""
import asyncio
import json
import threading

import pytest

from fasthtml.app import work as module
from fasthtml.common import B, FastHTML, P
from fasthtml.realtime.channels import Channel
from fasthtml.realtime.leases import own_key
from support import serve, wait_until
from visitor_kit import Visitor

KEY = 'answer{"question":1}'


def site(**options):
    "A function that says what it is given, by the test"
    app = FastHTML(**{'secret_key': 'k'} | options)
    app.state.runs = 0

    @app.work
    async def answer(question: int, say):
        app.state.words = words = asyncio.Queue()
        app.state.runs += 1
        while (word := await words.get()) is not None: await say(word)

    @app.get('/start')
    def start(): return answer.start(question=1)

    @app.get('/look')
    def look(): return answer(question=1)

    app.state.answer = answer
    return app


class Two:
    "Two processes, as far as work can tell"
    def __init__(self, apps, served):
        self.apps, self.served, self.visitors = apps, served, [Visitor(o) for o in served]

    def run(self, i): return self.apps[i].state.answer.runs[KEY]
    def begin(self, i):
        runs = self.apps[i].state.runs
        self.visitors[i].get('/start')
        wait_until(lambda: self.apps[i].state.runs == runs + 1)

    def call(self, i, f, *args): self.served[i].call(f, *args)
    def wait(self, i, coroutine): return asyncio.run_coroutine_threadsafe(coroutine, next(iter(self.apps[i].regions.loops))).result()
    def say(self, i, *words):
        for word in words: self.call(i, self.apps[i].state.words.put_nowait, word)

    def shows(self, i, text): return wait_until(lambda: text in (page := self.visitors[i].get('/look')) and page, what=text)


@pytest.fixture(params=['sqlite', 'redis'])
def two(request, tmp_path):
    where = f'sqlite:{tmp_path}/a.db' if request.param == 'sqlite' else request.getfixturevalue('valkey').url
    apps = [site(broker=where, secret_key=str(tmp_path)) for _ in range(2)]
    with serve(apps[0]) as first, serve(apps[1]) as second:
        two = Two(apps, [first, second])
        yield two
        for i, app in enumerate(apps):
            if app.state.runs: two.say(i, None)   # so nothing waits for its end


@pytest.fixture
def signals(monkeypatch):
    "Texts of all signals of work"
    sent, publish = [], Channel.publish
    def note(self, content, *args, **kwargs):
        if isinstance(content, str) and 'work:' in self.name: sent.append(content)
        return publish(self, content, *args, **kwargs)
    monkeypatch.setattr(Channel, 'publish', note)
    return sent


def test_followers_are_sent_what_was_added_and_not_all_of_it_again(two, signals):
    "Any text, with elements in between"
    two.begin(0)
    two.shows(1, 'data-work="running"')
    words = [f'{i} & “\U0001f600\ud800” {"x" * 300}' for i in range(40)]
    for i in range(0, 40, 4):
        two.say(0, *words[i:i + 4])
        two.shows(1, f'{i + 3} &amp; “')
    two.say(0, B('instead'), ' more')
    two.shows(1, '<b>instead</b> more')
    two.say(0, 'end', None)
    assert '<b>instead</b> moreend</div>' in two.shows(1, 'data-work="done"')
    assert two.run(1).html == two.run(0).html
    text = len(json.dumps(''.join(words)))
    assert text < sum(map(len, signals)) < 2 * text


@pytest.mark.parametrize('what', ['one', 'the end', 'told of it'])
def test_who_has_missed_a_signal_asks_for_all(two, monkeypatch, what):
    two.begin(0)
    two.say(0, 'one ')
    two.shows(1, 'one ')
    run, take = two.run(1), two.apps[1].state.answer._take_signal
    lost = []
    def loses(signal):
        if signal and 'state' in signal and not lost and (what != 'the end' or signal['state'] == 'done'): lost.append(signal)
        else: take(run, signal)
    run.reader.receive = loses
    two.say(0, 'two ')
    if what == 'one':
        wait_until(lambda: lost)
        two.say(0, 'three ')
        two.shows(1, 'one two three ')
        return
    if what == 'told of it': wait_until(lambda: lost)
    else: two.say(0, None)
    wait_until(lambda: lost)
    two.call(1, run.reader.lost, None)
    two.shows(1, 'one two ')
    if what == 'the end': two.shows(1, 'data-work="done"')


@pytest.mark.parametrize('heard', [True, False])
def test_an_owner_that_wakes_after_its_lease_has_ended_says_nothing(two, signals, heard):
    "Another process has begun again, or may have: what the first one still says is on no page"
    two.begin(0)
    two.say(0, 'first ')
    two.shows(1, 'first ')
    old = two.run(0)
    async def sleeps():    # as a process that is stopped, and goes on in the middle of its work
        lease, old.lease._until = old.lease, 0.0
        old.asked = True   # so it would say all
        await lease._give(lease.key, lease.owner)
    two.wait(0, sleeps())
    def reports(): return sum('state' in o and o.get('by') == two.apps[0].regions.epoch for o in map(json.loads, signals))
    before = reports()
    if not heard:
        two.say(0, 'stale')
        assert 'first <button' in two.shows(0, 'data-work="broken"')
    two.begin(1)
    two.say(1, 'second ')
    if heard: two.say(0, 'stale')
    two.shows(0, 'second ')
    two.say(1, 'third', None)
    for i in range(2): assert 'second third</div>' in two.shows(i, 'data-work="done"')
    assert not any('stale' in o for o in signals) and old.html == 'second third' and reports() == before


def test_what_another_process_has_done_is_not_done_again(two):
    "Also if no page has asked this one for it yet, as after a reload that leads to another worker"
    two.begin(0)
    two.say(0, 'once', None)
    two.shows(0, 'data-work="done"')
    run = two.run(0)
    wait_until(lambda: not run.task)
    take = run.reader.receive
    run.reader.receive = lambda signal: asyncio.get_running_loop().call_later(0.5, take, signal)   # it is slow to answer
    two.visitors[1].get('/start')
    assert 'once</div>' in two.shows(1, 'data-work="done"')
    assert [app.state.runs for app in two.apps] == [1, 0]


def test_what_nobody_remembers_is_done_again(two, monkeypatch):
    two.begin(0)
    two.say(0, 'once', None)
    two.shows(0, 'data-work="done"')
    wait_until(lambda: not two.run(0).task)
    two.run(0).looked -= 3600
    monkeypatch.setattr(module, 'most_runs', 0)
    two.call(0, two.apps[0].state.answer._forget_oldest)
    wait_until(lambda: not two.apps[0].state.answer.runs)
    monkeypatch.undo()
    monkeypatch.setattr(module, 'patience', 0.1)
    two.begin(1)
    two.say(1, 'again', None)
    two.shows(1, 'again')


@pytest.mark.parametrize('beat', [3600, 0.05])
def test_an_owner_that_is_silent_tells_who_asks_and_that_it_is_there(two, monkeypatch, beat):
    monkeypatch.setattr(module, 'beat', beat)
    two.begin(0)
    two.say(0, 'first ')
    wait_until(lambda: two.run(0).told)
    two.shows(1, 'first ')
    heard = two.run(1).number
    if beat < 1: wait_until(lambda: two.run(1).number > heard + 2)


def test_who_asks_while_another_looks_whether_the_owner_is_there_begins_then(two, monkeypatch):
    monkeypatch.setattr(module, 'patience', 0.1)
    for visitor in two.visitors: visitor.get('/look')
    lease = two.wait(0, two.apps[0].site.hub.broker.lease(own_key(f'work:{KEY}'), 60))
    two.visitors[1].get('/start')
    wait_until(lambda: two.run(1).task)
    two.wait(0, lease.release())
    wait_until(lambda: two.apps[1].state.runs == 1)


def test_handlers_in_threads_ask_for_one_run_at_once():
    app = site()
    answer = app.state.answer
    barrier = threading.Barrier(8)

    @app.get('/at_once')
    def at_once():
        barrier.wait()
        run = answer._run_of(KEY)
        return P(answer.start(question=1), id(run))
    with serve(app) as served:
        pages = []
        threads = [threading.Thread(target=lambda: pages.append(Visitor(served).get('/at_once'))) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len({page.rpartition('</div>')[2] for page in pages}) == 1
        wait_until(lambda: app.state.runs == 1)
        served.call(lambda: app.state.words.put_nowait(None))
        wait_until(lambda: 'done' in Visitor(served).get('/look'))
        run = answer.runs[KEY]
        wait_until(lambda: run.task is None)
        served.call(answer._begin, KEY, None)   # a thread has looked before it was done
        assert run.task is None and app.state.runs == 1


def test_a_page_that_shows_a_result_keeps_it(monkeypatch):
    "Although many others have run since"
    monkeypatch.setattr(module, 'most_runs', 10)
    monkeypatch.setattr(module, 'beat', 1000)
    app = FastHTML(secret_key='k')

    @app.work
    async def answer(question: int, say): await say('short')

    @app.get('/start')
    def start(q: int): return answer.start(question=q)
    with serve(app) as served:
        visitor = Visitor(served)
        for q in range(30):
            visitor.get(f'/start?q={q}')
            wait_until(lambda q=q: answer.runs[f'answer{{"question":{q}}}'].state == 'done')
        assert answer.runs['answer{"question":0}'].html == 'short'
        for run in answer.runs.values(): run.looked -= 3600
        visitor.get('/start?q=31')
        wait_until(lambda: len(answer.runs) < 32)


def test_a_last_word_is_no_end_of_its_own():
    "Who catches the cancellation has been stopped all the same; a second request to stop does not take the last word away"
    app = FastHTML(secret_key='k')
    begun, ending, last = threading.Event(), threading.Event(), asyncio.Event()

    @app.work
    async def answer(say):
        begun.set()
        try: await asyncio.Event().wait()
        except asyncio.CancelledError:
            ending.set()
            await last.wait()
            await say('stopped here')

    @app.get('/')
    def home(): return answer.start()

    @app.get('/stop')
    async def stop(): await answer.stop()
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/')
        assert begun.wait(60)
        visitor.get('/stop')
        assert ending.wait(60)
        served.call(last.set)
        run = answer.runs['answer{}']
        wait_until(lambda: run.state == 'stopped' and run.html == 'stopped here')


def test_a_stop_during_the_last_report_takes_nothing_away(two, monkeypatch):
    "What is done is not done again"
    report, conclude, go = module.Work._report, module.Work._conclude, threading.Event()
    last, over = threading.Event(), threading.Event()
    async def later(self, run):
        if run.state == 'done':
            last.set()
            while not go.is_set(): await asyncio.sleep(0.01)
        await report(self, run)
    async def noted(self, run, lost):
        try: await conclude(self, run, lost)
        finally: over.set()
    monkeypatch.setattr(module.Work, '_report', later)
    monkeypatch.setattr(module.Work, '_conclude', noted)
    two.begin(0)
    two.say(0, 'first', None)
    assert last.wait(60)
    two.wait(0, two.apps[0].state.answer.stop(question=1))
    wait_until(lambda: two.run(0).task is None)
    go.set()
    assert over.wait(60)
    two.visitors[1].get('/start')
    two.shows(1, 'data-work="done"')
    assert two.apps[1].state.runs == 0


def test_what_begins_while_the_app_ends_is_waited_for():
    app = site()
    answer, runs = app.state.answer, app.state.answer.runs
    with serve(app) as served:
        Visitor(served).get('/start')
        wait_until(lambda: app.state.runs == 1)
        async def ends():
            closing, first = asyncio.create_task(answer.close()), app.state.words
            await asyncio.sleep(0)
            answer.start(question=2)      # by a request that is still answered
            while app.state.runs < 2: await asyncio.sleep(0)
            first.put_nowait(None)
            await answer.wait(question=1)
            for _ in range(20): await asyncio.sleep(0)
            waited = not closing.done()
            app.state.words.put_nowait(None)
            await closing
            return waited
        assert asyncio.run_coroutine_threadsafe(ends(), next(iter(app.regions.loops))).result()
    assert [run.state for run in runs.values()] == ['done', 'done']


def test_a_lease_by_a_name_that_a_visitor_chose_keeps_no_work_from_running(two):
    "A program may take leases by any text: the library has names of its own"
    for name in f'work:{KEY}', f'work done:{KEY}': assert two.wait(0, two.apps[0].site.hub.broker.lease(name, 60))
    two.begin(1)
    two.say(1, 'said')
    for i in 0, 1: two.shows(i, 'said')
