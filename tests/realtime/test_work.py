"""Work that outlives the page: one run for a key over all processes, however its owner ends."""
import asyncio
import gc
import sys
import threading

import pytest

from fasthtml.app import work as module
from fasthtml.common import B, FastHTML
from fasthtml.realtime.leases import BrokerError, Lease, own_key
from support import serve, wait_until
from visitor_kit import Visitor


def site(**options):
    app = FastHTML(secret_key='k', **options)
    app.state.runs, app.state.go = [], threading.Event()

    @app.work
    async def answer(question: int, say):
        app.state.runs.append(question)
        await say('one & ')
        while not app.state.go.is_set(): await asyncio.sleep(0.01)
        if question == 13: raise ValueError('no luck')
        await say('two')
        if question == 14: await say(B('instead'))

    @app.get('/start')
    def start(q: int): return answer.start(question=q)

    @app.get('/look')
    def look(q: int): return answer(question=q)

    @app.get('/stop')
    async def stop(q: int): await answer.stop(question=q)

    app.state.answer = answer
    return app


@pytest.fixture
def quick(monkeypatch):
    "Leases and signs of life of a second, not of ten"
    monkeypatch.setattr(module, 'hold', 0.6)
    monkeypatch.setattr(module, 'beat', 0.2)


def shows(visitor, q, text, path='/look'): return wait_until(lambda: text in (page := visitor.get(f'{path}?q={q}')) and page, what=text)


def test_it_goes_on_without_anybody_and_is_done_once():
    app = site()
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/start?q=1')
        shows(visitor, 1, 'one &amp; ')
        visitor.get('/start?q=1')
        app.state.go.set()
        page = shows(visitor, 1, 'data-work="done"')
        assert 'one &amp; two' in page
        visitor.get('/start?q=1')
        assert app.state.runs == [1]


def test_an_element_replaces_the_text():
    app = site()
    app.state.go.set()
    with serve(app) as served:
        Visitor(served).get('/start?q=14')
        assert '<b>instead</b></div>' in shows(Visitor(served), 14, 'data-work="done"')


def test_a_page_follows_it():
    app = site()
    with serve(app) as served:
        visitor = Visitor(served)
        with visitor.stream(visitor.rows('/start?q=2')) as stream:
            stream.until('live/checked')
            app.state.go.set()
            seen = ''
            while not ('two' in seen and 'done' in seen): seen += str(stream.next())


def test_what_fails_says_so_and_can_be_tried_again():
    app = site()
    app.state.go.set()
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/start?q=13')
        page = shows(visitor, 13, 'data-work="failed"')
        assert 'one &amp; ' in page and 'data-live-retry' in page and 'luck' not in page
        with visitor.stream(visitor.rows('/look?q=13')) as stream:
            stream.until('live/checked')
            answer = visitor.request('POST', '/_live/set', dict(page=stream.page, retry='answer{"question":13}'))
            assert answer.status == 204
            wait_until(lambda: len(app.state.runs) == 2)
            visitor.request('POST', '/_live/set', dict(page=stream.page, retry='answer{"question":99}'))   # not on this page
        assert app.state.runs == [13, 13]


@pytest.mark.parametrize('state', ['', 'running', 'stopped', 'done'])
def test_who_looks_begins_nothing_by_asking_to_try_again(state):
    "Nothing but what has failed is tried again: the program decides what is started, and by whom"
    app = site()
    with serve(app) as served:
        visitor = Visitor(served)
        if state == 'done': app.state.go.set()
        if state: visitor.get('/start?q=5')
        if state == 'stopped':
            shows(visitor, 5, 'one &amp; ')
            visitor.get('/stop?q=5')
        shows(visitor, 5, f'data-work="{state}"')
        runs = len(app.state.runs)
        with visitor.stream(visitor.rows('/look?q=5')) as stream:
            stream.until('live/checked')
            for _ in range(2):
                answer = visitor.request('POST', '/_live/set', dict(page=stream.page, retry='answer{"question":5}'))
                assert answer.status == 204
            assert f'data-work="{state}"' in visitor.get('/look?q=5') and len(app.state.runs) == runs


def test_stop_ends_it():
    app = site()
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/start?q=3')
        shows(visitor, 3, 'one &amp; ')
        visitor.get('/start?q=3')   # it runs already
        visitor.get('/stop?q=3')
        assert 'one &amp; </div>' in shows(visitor, 3, 'data-work="stopped"')


def test_strangers_who_look_at_a_thousand_others_take_no_result_away(monkeypatch):
    monkeypatch.setattr(module, 'most_runs', 20)
    app = site()
    app.state.go.set()
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/start?q=1')
        shows(visitor, 1, 'data-work="done"')
        for q in range(100, 160): visitor.get(f'/look?q={q}')
        assert 'data-work="done"' in visitor.get('/look?q=1') and len(app.state.answer.runs) <= 20
        visitor.get('/start?q=1')
        assert app.state.runs == [1]


def test_two_processes_run_it_once_and_both_show_and_stop_it(tmp_path):
    apps = [site(broker=f'sqlite:{tmp_path}/a.db') for _ in range(2)]
    with serve(apps[0]) as here, serve(apps[1]) as there:
        first, second = Visitor(here), Visitor(there)
        first.get('/start?q=4')
        shows(first, 4, 'data-work="running"')
        second.get('/start?q=4')
        shows(second, 4, 'one &amp; ')
        for app in apps: app.state.go.set()
        shows(second, 4, 'data-work="done"')
        assert apps[0].state.runs + apps[1].state.runs == [4]
        for app in apps: app.state.go.clear()
        first.get('/start?q=5')
        shows(second, 5, 'data-work="running"')
        second.get('/stop?q=5')
        shows(first, 5, 'data-work="stopped"')


def test_when_the_owner_dies_the_others_notice_and_one_may_take_over(tmp_path, quick):
    apps = [site(broker=f'sqlite:{tmp_path}/a.db') for _ in range(2)]
    with serve(apps[1]) as there:
        second = Visitor(there)
        with serve(apps[0]) as here:
            Visitor(here).get('/start?q=6')
            shows(second, 6, 'one &amp; ')
            run = apps[0].state.answer.runs['answer{"question":6}']
            dead = asyncio.run_coroutine_threadsafe(_die(apps[0].state.answer, run), run.task.get_loop())
            dead.result()
            shows(second, 6, 'data-work="broken"')
            apps[1].state.go.set()
            second.get('/start?q=6')
            shows(second, 6, 'data-work="done"')
            assert apps[1].state.runs == [6]


async def _die(work, run):
    "As after `kill -9`: nothing more is said or renewed"
    async def nothing(*_): pass
    work._tell = nothing
    run.task = None
    for other in asyncio.all_tasks():
        if '_pulse' in (what := repr(other.get_coro())) or '_keep' in what: other.cancel()
    work.regions.app.site.hub.broker.lease = None
    run.channel.leave(run.reader)


def test_a_server_that_stops_lets_it_finish_or_says_that_it_broke(tmp_path):
    apps = [site(broker=f'sqlite:{tmp_path}/a.db', grace=1.0) for _ in range(2)]
    with serve(apps[1]) as there:
        second = Visitor(there)
        with serve(apps[0]) as here:
            Visitor(here).get('/start?q=7')
            shows(second, 7, 'one &amp; ')
        shows(second, 7, 'data-work="broken"')
        apps[1].state.go.set()
        shows(second, 7, 'data-work="done"', '/start')


class Stray(Exception): pass


async def cancelled_inside():
    task = asyncio.create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def exits(): sys.exit('a library that ends programs')
async def raises(): raise Stray
async def raises_a_group():
    async with asyncio.TaskGroup() as group: group.create_task(raises())
async def leaves_a_generator(): raise GeneratorExit
async def waits(): await asyncio.Event().wait()


@pytest.mark.parametrize('ending, state', [
    (exits, 'failed'), (raises, 'failed'), (raises_a_group, 'failed'), (leaves_a_generator, 'failed'), (cancelled_inside, 'failed'),
    (waits, 'stopped')], ids=lambda o: getattr(o, '__name__', o))
def test_however_a_run_ends_it_says_so_once_and_nothing_after_it(ending, state):
    "The server goes on, and a task that is left over cannot write into the next run"
    app, left, over = FastHTML(secret_key='k'), [], []

    @app.work
    async def job(id: int, say):
        left.append(say)
        if len(left) == 1:
            await say(Word('first & '))
            await ending()
        await say('again')

    @app.get('/')
    def home(start: bool = False): return job.start(id=1) if start else job(id=1)

    @app.get('/stop')
    async def stop(): await job.stop(id=1)

    @app.get('/late')
    async def late():
        try: await left[0]('from a stray task')
        except RuntimeError as e: over.append(str(e))
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/?start=1')
        wait_until(lambda: 'first &amp; ' in visitor.get('/'))
        if state == 'stopped': visitor.get('/stop')
        wait_until(lambda: f'data-work="{state}"' in visitor.get('/'))
        visitor.get('/late')
        visitor.get('/?start=1')
        page = wait_until(lambda: 'data-work="done"' in (page := visitor.get('/')) and page)
        assert '>again</div>' in page
        visitor.get('/late')
        assert len(over) == 2 and 'stray' not in visitor.get('/')


class Word(str): "A text of a library"


async def away(*_): raise BrokerError('away')
async def hangs(*_): await asyncio.Event().wait()


@pytest.mark.parametrize('broker', [away, hangs])
def test_a_run_ends_when_its_lease_can_be_somebody_elses(tmp_path, quick, broker):
    "The broker is away for longer than the lease, or does not answer"
    app = site(broker=f'sqlite:{tmp_path}/a.db')
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/start?q=8')
        shows(visitor, 8, 'data-work="running"')
        lease = next(o for o in gc.get_objects() if isinstance(o, Lease) and o.key == own_key('work:answer{"question":8}'))
        lease._take = broker
        shows(visitor, 8, 'data-work="broken"')
