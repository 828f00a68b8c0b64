"Plain functions in threads: what passes through, how many there are, and that they end."
import asyncio
import contextvars
import functools
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
import weakref

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import uvloop
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from fasthtml.common import Div, FastHTML, P
from fasthtml.http.threads import SHORT, LoopThreads, Workers, hold_thread, in_thread, in_turn, threads_of
from support import DEADLINE, ROOT, wait_until

RUNS = {'asyncio': asyncio.run, 'uvloop': uvloop.run}
NAME = contextvars.ContextVar('name', default='nobody')


@pytest.fixture(params=RUNS)
def run(request): return RUNS[request.param]


def ours() -> list[threading.Thread]: return [t for t in threading.enumerate() if t.name == 'fasthtml']


async def until(condition, what=''):
    "Give other tasks and threads their turns until `condition` is true"
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0)


# What passes through

class Odd(BaseException): pass


def plain(a, b=2): return a, b
def generator(a, b=2): yield a, b
def stop(*_, **__): raise StopIteration('enough')
def odd(*_, **__): raise Odd('odd')
def cancel(*_, **__): raise asyncio.CancelledError
def fails(*_, **__): return 1/0


class Callable:
    def __call__(self, a, b=2): return a, b
    def method(self, a, b=2): return a, b


@functools.wraps(plain)
def decorated(*args, **kwargs): return plain(*args, **kwargs)


@pytest.mark.parametrize('f', [plain, functools.partial(plain), Callable(), Callable().method, decorated, lambda a, b=2: (a, b)])
def test_arguments_and_result_pass_through(run, f):
    async def main(): return [await in_thread(f, 1), await in_thread(f, 1, b=3)]
    assert run(main()) == [(1, 2), (1, 3)]


def test_a_class_and_a_generator_are_called_like_everything_else(run):
    async def main(): return await in_thread(dict, a=1), list(await in_thread(generator, 1))
    assert run(main()) == ({'a': 1}, [(1, 2)])


@pytest.mark.parametrize(('f', 'error'), [(fails, ZeroDivisionError), (odd, Odd), (cancel, asyncio.CancelledError)])
def test_every_exception_reaches_the_caller_with_its_traceback(run, f, error):
    async def main():
        with pytest.raises(error) as caught: await in_thread(f)
        return caught
    assert f.__name__ in [entry.name for entry in run(main()).traceback]


def test_stop_iteration_is_told_as_a_coroutine_tells_it(run):
    async def main():
        with pytest.raises(RuntimeError, match='StopIteration') as caught: await in_thread(stop)
        return caught.value.__cause__
    assert isinstance(run(main()), StopIteration)


def test_context_variables_go_in_and_changes_stay_inside(run):
    def f():
        before = NAME.get()
        NAME.set('thread')
        return before
    async def main():
        NAME.set('loop')
        return await in_thread(f), await in_thread(f), NAME.get()
    assert run(main()) == ('loop', 'loop', 'loop')


def test_neither_arguments_nor_result_are_kept_by_a_thread_that_waits(run):
    class Thing: pass
    async def main():
        thing = Thing()
        seen = weakref.ref(thing)
        assert await in_thread(lambda o: o, thing) is thing
        del thing
        await until(lambda: seen() is None, 'somebody holds the argument')
    run(main())


def test_an_exception_is_freed_without_the_garbage_collector(run):
    class Thing: pass
    def f():
        thing = Thing()
        refs.append(weakref.ref(thing))
        raise ValueError
    refs = []
    async def main():
        gc.disable()
        try:
            try: await in_thread(f)
            except ValueError: pass
            await until(lambda: refs[0]() is None, 'a cycle holds the frame')
        finally: gc.enable()
    run(main())


# Cancelling

def test_a_cancelled_task_goes_on_at_once_and_the_function_to_its_end(run, caplog):
    began, go, ended = threading.Event(), threading.Event(), threading.Event()
    def f():
        began.set()
        go.wait(60)
        ended.set()
        raise ValueError('nobody hears this')
    async def main():
        async def waiting(): await in_thread(f)
        task = asyncio.create_task(waiting())
        await until(began.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError): await task
        assert not ended.is_set()
        go.set()
        await until(ended.is_set)
        return await in_thread(plain, 1)   # the thread is free again
    assert run(main()) == (1, 2)
    gc.collect()
    assert caplog.records == []


def test_what_has_not_begun_when_it_is_cancelled_never_begins(run):
    go, calls = threading.Event(), []
    async def main():
        blocking = [in_thread(go.wait, 10) for _ in range(40)]
        waiting = in_thread(calls.append, 'cancelled')
        waiting.cancel()
        go.set()
        await asyncio.gather(*blocking, in_thread(calls.append, 'awaited'))
    run(main())
    assert calls == ['awaited']


def test_the_loop_may_be_closed_before_a_function_returns(run):
    go, began = threading.Event(), threading.Event()
    def f():
        began.set()
        go.wait(60)
        return threading.current_thread()
    async def main():
        in_thread(f)
        await until(began.is_set)
    before = set(ours())    # those that are idle may leave meanwhile
    run(main())
    (new,) = set(ours()) - before
    go.set()
    new.join()


# How many

async def running_at_once(calls: int, most: int) -> int:
    "How many of `calls` functions that block run at the same time, if it is not less than `most`"
    running, go = [], threading.Event()
    def f():
        running.append(1)
        go.wait(60)
    futures = [in_thread(f) for _ in range(calls)]
    await until(lambda: len(running) >= most, 'threads are missing')
    for _ in range(50): await asyncio.sleep(0)
    try: return len(running)
    finally:
        go.set()
        await asyncio.gather(*futures)


def test_forty_functions_run_at_once(run): assert run(running_at_once(60, 40)) == 40


@pytest.mark.parametrize('first', [False, True])
def test_the_limit_is_what_the_program_tells_anyio(run, first):
    "Also when it is set after the first call"
    async def main():
        if not first: await in_thread(plain, 1)
        anyio.to_thread.current_default_thread_limiter().total_tokens = 50
        return await running_at_once(70, 50)
    assert run(main()) == 50


def test_held_threads_starve_nobody_and_the_surplus_leaves(run):
    go = threading.Event()
    async def hold():
        with hold_thread(): await in_thread(go.wait, 10)
    async def main():
        before = len(ours())
        holding = [asyncio.create_task(hold()) for _ in range(100)]
        await asyncio.sleep(0)
        assert await running_at_once(60, 40) == 40
        assert 140 <= len(ours()) <= 140 + before   # those that were idle before are used first
        go.set()
        await asyncio.gather(*holding)
        await until(lambda: len(ours()) <= 40 + before, 'more threads than allowed')
        return await running_at_once(60, 40)
    assert run(main()) == 40


# Turns

SIZES = [SHORT, SHORT + 1]
ORDERS = {   # who sends, while the first of them is served; who is served after it
    'one client': ('A1 A2 A3', 'A1 A2 A3'),
    'one with much, one with little': ('A1 A2 A3 A4 B1', 'A1 A2 B1 A3 A4'),
    'two with much': ('A1 A2 A3 B1 B2 B3', 'A1 A2 B1 A3 B2 B3'),
    'many': ('A1 A2 A3 B1 C1 D1 E1', 'A1 A2 B1 C1 D1 E1 A3'),
    'one who had its turn comes last': ('B1 A1 A2 C1 B2', 'B1 A1 C1 B2 A2'),
}


class Served:
    "What was done, in order; the first waits until `go`"
    def __init__(self):
        self.began, self.go, self.order = threading.Event(), threading.Event(), []

    def __call__(self, name):
        self.order.append(name)
        self.began.set()
        assert self.go.wait(DEADLINE)
        return name


async def behind_one(served, size, names):
    "Their futures, by name; the first of them has begun"
    waiting = {}
    for name in names:
        waiting[name] = in_turn(name[0], size, served, name)
        await until(served.began.is_set)
    return waiting


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('case', ORDERS)
def test_each_sender_has_its_turn(run, case, size):
    sent, order = (names.split() for names in ORDERS[case])
    served = Served()
    async def main():
        waiting = await behind_one(served, size, sent)
        served.go.set()
        assert await asyncio.gather(*waiting.values()) == sent
        assert not any(turns.jobs for turns in threads_of(asyncio.get_running_loop()).turns), 'a sender is remembered'
    run(main())
    assert served.order == order


@pytest.mark.parametrize(('first', 'second'), [SIZES, SIZES[::-1]])
def test_what_is_short_and_what_is_long_do_not_wait_for_each_other(run, first, second):
    served = Served()
    async def main():
        held = await behind_one(served, first, ['A1', 'A2'])
        assert await in_turn('A', second, plain, 1) == (1, 2)
        served.go.set()
        await asyncio.gather(*held.values())
    run(main())


@pytest.mark.parametrize('size', SIZES)
def test_a_cancelled_turn_is_left_out(run, size):
    class Thing: pass
    served, refs = Served(), []
    def hold(thing): served.order.append('thing')
    async def main():
        waiting = await behind_one(served, size, ['A1', 'A2', 'A3', 'B1', 'C1'])
        thing = Thing()
        refs.append(weakref.ref(thing))
        for future in (waiting['A2'], waiting['B1'], in_turn('D', size, hold, thing)): future.cancel()
        del thing
        served.go.set()
        await asyncio.gather(waiting['A3'], waiting['C1'])
        await until(lambda: refs[0]() is None, 'somebody holds what a client has sent')
        assert not any(turns.jobs for turns in threads_of(asyncio.get_running_loop()).turns)
    run(main())
    assert served.order == ['A1', 'C1', 'A3']


@pytest.mark.parametrize('size', SIZES)
def test_a_turn_that_fails_is_one_turn(run, size):
    async def main():
        results = [in_turn(name, size, f) for name, f in zip('AABBC', (fails, odd, stop, plain, cancel), strict=True)]
        return [type(o) for o in await asyncio.gather(*results, return_exceptions=True)]
    assert run(main()) == [ZeroDivisionError, Odd, RuntimeError, TypeError, asyncio.CancelledError]


@pytest.mark.parametrize('size', SIZES)
def test_turns_that_wait_when_the_loop_ends_are_dropped(run, size):
    class Thing: pass
    served, refs = Served(), []
    async def main():
        await behind_one(served, size, ['A1', 'A2', 'B1'])
        thing = Thing()
        refs.append(weakref.ref(thing))
        in_turn('C', size, served.order.append, thing)
    before = len(ours())
    run(main())
    served.go.set()
    wait_until(lambda: len(ours()) <= before)
    assert served.order == ['A1'] and refs[0]() is None


@pytest.mark.parametrize('interval', [1e-6, 5e-3])
def test_no_turn_is_forgotten(run, interval):
    "Many senders come, go and cancel, while threads change at every instruction; those of one are served as they came"
    served = {}
    def serve(sender, size, n): served.setdefault((sender, size), []).append(n)
    async def one(sender, rng):
        for n in range(60):
            size = rng.choice(SIZES)
            future = in_turn(sender, size, serve, sender, size, n)
            if rng.random() < .2: future.cancel()
            elif rng.random() < .7: await future
    async def main():
        async with asyncio.timeout(60):
            await asyncio.gather(*[one(i, random.Random(i)) for i in range(64)])
            for size in SIZES: await asyncio.gather(*[in_turn(i, size, plain, 1) for i in range(64)])
        assert not any(turns.jobs or len(turns.threads) > 1 for turns in threads_of(asyncio.get_running_loop()).turns)
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try: run(main())
    finally: sys.setswitchinterval(before)
    assert sum(map(len, served.values())) > 64 * 40 and all(sorted(o) == o for o in served.values())


@pytest.mark.parametrize('size', SIZES)
def test_one_thing_at_a_time_whatever_the_other_threads_do(run, size):
    "Large bodies: a client that leaves while its body is parsed does not let the next one in beside it"
    go, held, most = threading.Event(), [], []
    def parse(n):
        held.append(n)
        most.append(len(held))
        if n == 0: assert go.wait(60)
        held.remove(n)
        return n
    async def main():
        blocked = [in_thread(go.wait, 10) for _ in range(40)]
        first, rest = in_turn('', size, parse, 0), [in_turn('', size, parse, n) for n in range(1, 20)]
        await until(lambda: held, 'the first')
        for future in (first, rest[3]): future.cancel()
        go.set()
        await asyncio.gather(*blocked)
        return await asyncio.gather(*rest, return_exceptions=True)
    results = run(main())
    assert [n for n in results if isinstance(n, int)] == [1, 2, 3, *range(5, 20)]
    assert max(most) == 1 and len(most) == 19, 'a body that nobody waits for is not parsed'


def test_quick_calls_one_after_the_other_share_few_threads(run):
    "One is enough, unless a busy machine has not let it come back yet. A thread for each would be the 40 that are allowed"
    async def main():
        before = len(ours())
        for i in range(200): assert await in_thread(plain, i) == (i, 2)
        return len(ours()) - before
    assert run(main()) <= 10


def test_when_the_system_gives_no_thread_those_that_are_there_do_the_work(run, monkeypatch):
    def no_more(self): raise RuntimeError("can't start new thread")
    async def main():
        with monkeypatch.context() as m:
            m.setattr(threading.Thread, 'start', no_more)
            with pytest.raises(RuntimeError, match="can't start"): await in_thread(plain, 1)
        assert await in_thread(plain, 1) == (1, 2)
        with monkeypatch.context() as m:
            m.setattr(threading.Thread, 'start', no_more)
            return await asyncio.gather(*[in_thread(plain, i) for i in range(50)])
    assert run(main()) == [(i, 2) for i in range(50)]


@pytest.mark.parametrize('interval', [1e-6, 5e-3])
def test_no_call_is_forgotten(run, interval):
    "Quick and blocking functions, many and few, while threads change at every instruction; held threads come and go"
    async def one(rng):
        for _ in range(60):
            kind = rng.random()
            if kind < .6: assert await in_thread(plain, 1) == (1, 2)
            elif kind < .8: await in_thread(time.sleep, rng.random()/2000)
            elif kind < .9: await asyncio.sleep(rng.random()/2000)
            else:
                with hold_thread(): await in_thread(plain, 1)
    async def main():
        async with asyncio.timeout(60): await asyncio.gather(*[one(random.Random(i)) for i in range(64)])
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try: run(main())
    finally: sys.setswitchinterval(before)


def test_workers_take_jobs_from_many_threads():
    "Not only from the loop's"
    workers, lock, count = Workers(4), threading.Lock(), [0]
    def job():
        with lock: count[0] += 1
    def add():
        for _ in range(500): workers.add(job)
    adding = [threading.Thread(target=add) for _ in range(8)]
    for thread in adding: thread.start()
    for thread in adding: thread.join()
    wait_until(lambda: count[0] == 4000)
    assert len(workers.threads) <= 4
    workers.end()
    wait_until(lambda: not workers.threads)


# Beside anyio

def test_anyio_finds_the_loop_from_a_thread(run):
    async def name(): return NAME.get()
    def f(): return anyio.from_thread.run(name), anyio.from_thread.run_sync(NAME.get), anyio.from_thread.check_cancelled()
    async def main():
        NAME.set('loop')
        return await in_thread(f)
    assert run(main()) == ('loop', 'loop', None)


def test_a_function_may_run_a_loop_of_its_own(run):
    async def inner(): return await in_thread(plain, 1)
    async def main(): return await in_thread(asyncio.run, inner()), await in_thread(anyio.run, inner)
    assert run(main()) == ((1, 2), (1, 2))


def test_a_function_may_wait_for_another(run):
    async def inner(n): return await in_thread(nested, n - 1)
    def nested(n): return 'deep' if not n else anyio.from_thread.run(inner, n)
    async def main(): return await in_thread(nested, 30)
    assert run(main()) == 'deep'


@pytest.mark.parametrize('how', ['as it is', 'in anyio.run', 'from a callback'])
def test_it_works_wherever_an_event_loop_runs(how):
    async def main(): return await in_thread(plain, 1)
    async def from_callback():
        made = []
        asyncio.get_running_loop().call_soon(lambda: made.append(in_thread(plain, 1)))
        await until(lambda: made)
        return await made[0]
    assert {'as it is': lambda: asyncio.run(main()), 'in anyio.run': lambda: anyio.run(main),
            'from a callback': lambda: asyncio.run(from_callback())}[how]() == (1, 2)


def test_outside_of_a_loop_it_says_so():
    with pytest.raises(RuntimeError, match='no running event loop'): in_thread(plain, 1)


# Endings

def test_two_hundred_loops_leave_no_thread(run):
    async def main(): return await asyncio.gather(*[in_thread(plain, i) for i in range(3)])
    before = len(ours())
    for _ in range(200): run(main())
    wait_until(lambda: len(ours()) <= before)


def test_two_hundred_test_clients_leave_no_thread():
    app = FastHTML(secret_key='x')
    @app.get('/')
    def home(): return 'home'
    before = len(ours())
    for _ in range(200):
        with TestClient(app) as client: assert client.get('/').text.count('home')
    wait_until(lambda: len(ours()) <= before)


@pytest.mark.parametrize('new', [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize('closed', [True, False])
def test_a_loop_can_be_collected_and_its_threads_end(new, closed):
    "Also one that is closed without the courtesies of `asyncio.run`"
    before = len(ours())
    loop = new()
    loop.run_until_complete(loop.create_task(waits_for(plain)))
    if closed: loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    seen = weakref.ref(loop)
    del loop
    def collected() -> bool:
        gc.collect()   # again, as a thread may hold its last job for a moment more
        return seen() is None
    wait_until(collected, what='something holds the loop')
    wait_until(lambda: len(ours()) <= before)


async def waits_for(f): return await in_thread(f, 1)


def test_a_loop_goes_on_after_its_generators_were_closed():
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(waits_for(plain)) == (1, 2)
        loop.run_until_complete(loop.shutdown_asyncgens())
        with pytest.warns(ResourceWarning): assert loop.run_until_complete(waits_for(plain)) == (1, 2)
    finally: loop.close()


def test_what_waits_when_the_loop_ends_is_dropped(run):
    go, calls = threading.Event(), []
    async def main():
        for _ in range(40): in_thread(go.wait, 10)
        in_thread(calls.append, 'late')
        assert isinstance(threads_of(asyncio.get_running_loop()), LoopThreads)
    before = len(ours())
    run(main())
    go.set()
    wait_until(lambda: len(ours()) <= before)
    assert calls == []


def python(code: str, *args: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, '-c', code, *args], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


BLOCKED = '''
import asyncio, os, signal, sys, threading, uvloop
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts the tests in the background may have switched it off
from fasthtml.http.threads import in_thread
def blocked():
    os.write(1, b'blocked\\n')   # `print` holds a lock for a moment longer, and Python aborts if it ends in that moment
    threading.Event().wait()
async def main(): await in_thread(blocked)
{'asyncio': asyncio, 'uvloop': uvloop}[sys.argv[1]].run(main())
'''


@pytest.mark.parametrize('loop', RUNS)
def test_a_blocked_function_keeps_no_process_alive(loop):
    "F8: Ctrl-C ends it at once"
    process = python(BLOCKED, loop)
    try:
        assert process.stdout.readline() == 'blocked\n'
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE)
    finally: process.kill()
    assert 'KeyboardInterrupt' in errors
    assert process.returncode == -signal.SIGINT


FORK = '''
import asyncio, os, sys
from fasthtml.http.threads import in_thread
async def one(): return await in_thread(lambda: 'answer')
async def main():
    print(await one(), flush=True)
    pid = os.fork()
    if pid: return os.waitpid(pid, 0)
    asyncio._set_running_loop(None)
    asyncio.set_event_loop(None)
    print(asyncio.run(one()), flush=True)
    os._exit(0)
print(asyncio.run(main())[1])
'''


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
def test_a_forked_process_has_threads_of_its_own():
    out, errors = python(FORK).communicate(timeout=DEADLINE)
    assert out.split() == ['answer', 'answer', '0'], errors


def test_a_loop_that_is_never_closed_ends_without_a_word():
    code = ("import asyncio, gc\nfrom fasthtml.http.threads import in_thread\nloop = asyncio.new_event_loop()\n"
            "async def main(): return await in_thread(int)\nprint(loop.run_until_complete(main()))")
    out, errors = python(code).communicate(timeout=DEADLINE)
    assert (out, errors) == ('0\n', '')


# In an app

def test_handlers_of_every_kind_answer(run):
    app = FastHTML(secret_key='x')
    async def name(): return 'from the loop'
    for path, f in {'plain': lambda: 'plain', 'gen': lambda: (c for c in ('a', 'b')), 'partial': functools.partial(lambda o: o, 'partial'),
                    'anyio': lambda: anyio.from_thread.run(name)}.items():
        app.route(f'/{path}', name=path)(f)
    client = TestClient(app)
    assert [client.get(f'/{path}', headers={'hx-request': 'true'}).text for path in ('plain', 'gen', 'partial', 'anyio')] == \
        ['plain', 'ab', 'partial', 'from the loop']


def test_a_page_that_cannot_be_rendered_is_an_error_of_its_request(caplog):
    class Broken:
        def __ft__(self): raise LookupError('no row')
    app = FastHTML(secret_key='x')
    app.route('/', name='broken')(lambda: Div(Broken()))
    app.route('/missing', name='missing')(lambda: (P('x'), HTTPException(404)))
    client = TestClient(app, raise_server_exceptions=False)
    assert (client.get('/').status_code, client.get('/missing').status_code) == (500, 404)


def test_bad_input_of_a_plain_handler_is_a_422_and_htmx_2_swaps_it():
    app = FastHTML(secret_key='x')
    @app.get('/')
    def show(errors, n: int = 1): return P('errors: ', len(errors))
    client = TestClient(app)
    assert [client.get('/?n=x', headers=h).status_code for h in ({}, {'hx-request': 'true'}, {'hx-request': 'true', 'hx-source': 'a'})] \
        == [422, 200, 422]


def test_stop_iteration_in_a_handler_is_a_500():
    app = FastHTML(secret_key='x')
    app.route('/', name='stop')(lambda: stop())
    assert TestClient(app, raise_server_exceptions=False).get('/').status_code == 500


def test_a_surplus_thread_takes_no_job_however_many_there_are():
    "A source has ended that held a thread: 41 ran for as long as the queue was not empty"
    workers, go, lock, running, most = Workers(2), threading.Event(), threading.Lock(), [], []
    def block(n):
        running.append(n)
        assert go.wait(DEADLINE)
        running.remove(n)
    def count(n):
        with lock:
            running.append(n)
            most.append(len(running))
        time.sleep(0.001)   # others may begin meanwhile
        running.remove(n)
    for n in range(2): workers.add(block, n)
    wait_until(lambda: len(running) == 2)
    workers.limit = 1
    for n in range(20): workers.add(count, n)
    go.set()
    wait_until(lambda: len(most) == 20 and len(workers.threads) == 1)
    workers.end()
    assert max(most) == 1


# What waits

def test_a_request_that_waits_for_its_thread_keeps_few_objects(run):
    "Many wait at a time, and each 700 more objects begin a collection, which can cost more than the thread does"
    app, gate, n = FastHTML(secret_key='x'), threading.Event(), 100
    @app.get('/')
    def home():
        gate.wait(DEADLINE)
        return 'done'

    async def answers(most):
        sent = []
        async def receive(): return {'type': 'http.request', 'body': b'', 'more_body': False}
        async def send(message): sent.append(message['type'])
        def request(): return asyncio.create_task(app(scope | {'headers': []}, receive, send))
        scope = dict(type='http', asgi={'version': '3.0'}, http_version='1.1', method='GET', scheme='http', path='/', raw_path=b'/',
                     query_string=b'', root_path='', client=('127.0.0.1', 1), server=('127.0.0.1', 80))
        workers = threads_of(asyncio.get_running_loop()).workers
        waiting = [request() for _ in range(most)]
        await until(lambda: len(workers.jobs) == most - 40)   # all threads are taken, and a first few wait
        gc.collect()
        gc.disable()
        try:
            waiting += [request() for _ in range(n)]
            await until(lambda: len(workers.jobs) == most - 40 + n)
            kept = len(gc.get_objects(generation=0)) / n
        finally: gc.enable()
        gate.set()
        await asyncio.gather(*waiting)
        assert sent.count('http.response.start') == len(waiting)
        return kept
    assert run(answers(50)) < 40
