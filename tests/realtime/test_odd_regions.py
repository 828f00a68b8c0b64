"""Regions and work of unusual callables, in unusual places: each is followed, or is an error at once that says what to write instead."""
import asyncio
import functools
import sys
import threading
import types
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import NamedTuple, TypedDict

import pytest
from starlette.applications import Starlette
from starlette.routing import Host, Mount

from fasthtml.common import Body, Div, FastHTML, Html, Li, P, Script, Table, Tbody, Td, Template, Titled, Tr, Ul
from fasthtml.testing import Client
from support import DEADLINE, each_row, serve, wait_until
from visitor_kit import Visitor

VALUES = {'n': 1}


def shown(id): return P(f'{id}: {VALUES["n"]}')
def plain(id: int): return shown(id)
async def coroutine(id: int):
    await asyncio.sleep(0)
    return shown(id)
def with_more(id: int, more: str): return P(f'{id}: {VALUES["n"]}', title=more)
async def with_more_later(id: int, more: str): return with_more(id, more)


def logged(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs): return fn(*args, **kwargs)
    return wrapper


def timed(fn):
    @functools.wraps(fn)
    async def wrapper(*args, **kwargs): return await fn(*args, **kwargs)
    return wrapper


class Drawer:
    def __call__(self, id: int): return shown(id)
    def method(self, id: int): return shown(id)
    async def later(self, id: int): return shown(id)
    @staticmethod
    def static(id: int): return shown(id)
    @classmethod
    def cls(cls, id: int): return shown(id)


class Card:
    "A class whose objects are elements"
    def __init__(self, id: int): self.id = id
    def __ft__(self): return shown(self.id)


class LaterDrawer:
    async def __call__(self, id: int): return shown(id)


def returns_a_coroutine(id: int): return coroutine(id)
@functools.lru_cache
def cached_signature(id: int): return Card(id)


CALLABLES = {
    'plain': plain, 'async': coroutine, 'lambda': lambda id: shown(id), 'partial': functools.partial(with_more, more='x'),
    'partial of async': functools.partial(with_more_later, more='x'), 'decorated': logged(plain), 'async decorated': timed(coroutine),
    'plain around async': logged(coroutine), 'object': Drawer(), 'async object': LaterDrawer(), 'method': Drawer().method,
    'async method': Drawer().later, 'static method': Drawer.static, 'class method': Drawer.cls, 'class': Card,
    'returns a coroutine': returns_a_coroutine, 'partial of partial': functools.partial(functools.partial(with_more, more='x'), more='y'),
    'partial of an object': functools.partial(Drawer().__call__), 'cached': cached_signature}


@each_row('handler_is_async', [False, True])
@each_row('kind', CALLABLES)
def test_any_callable_that_draws_one_element_is_a_region(kind, handler_is_async):
    app, VALUES['n'] = FastHTML(secret_key='k'), 1
    region = app.live(CALLABLES[kind], name='odd')
    if handler_is_async:
        @app.get('/')
        async def home():
            made = region(id='7')
            return Titled('x', await made if hasattr(made, '__await__') else made)
    else:
        @app.get('/')
        def home(): return Titled('x', region(id=7))
    with Client(app) as client:
        page = client.open('/')
        assert page.region(region, id=7).text == '7: 1'
        VALUES['n'] = 2
        region.changed_sync(id=7)
        page.wait('p', text='7: 2')
        assert page.is_true()


def many(): yield Li('x')
async def many_later(): yield Li('x')
def any_number(*ids): return P(ids)
def anything(**more): return P(more)
def asks(request): return P('x')


class Nameless:
    def __call__(self): return P('x')


@pytest.mark.parametrize('fn, says', [
    (many, 'is a generator'), (many_later, 'is a generator'), (functools.partial(many), 'is a generator'),
    (any_number, 'Name every parameter'),
    (anything, 'Name every parameter'), (asks, 'belongs to one request'), (lambda: P('x'), 'no name of its own'),
    (Nameless(), 'no name of its own'), (P('x'), 'takes a function'), ('cart', 'takes a function'), (7, 'takes a function')])
def test_what_cannot_be_a_region_is_told_at_once(fn, says):
    with pytest.raises(TypeError, match=says): FastHTML(secret_key='k').live(fn)


OF_A_REQUEST = ['Request', 'Request | None', 'None | Request', '"Request"', '"Request | None"', 'Optional["Request"]',
                'Annotated[Request, "a note"]',
                'Annotated[Request | None, "a note"] | None', 'NewRequest', 'NewRequest | None', 'OwnRequest', 'WebSocket',
                'HTTPConnection', 'Session', '"Session | None"', 'HtmxHeaders | None', 'FastHTML']


@each_row('strings', ['', 'from __future__ import annotations\n'], ids=['objects', 'strings'])
@each_row('kind', OF_A_REQUEST)
def test_what_belongs_to_one_request_is_known_by_its_type_however_that_is_written(kind, strings):
    module = types.ModuleType('regions_for_a_test')
    exec(compile(f"""{strings}
from typing import Annotated, NewType, Optional
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket
from fasthtml.app.app import FastHTML
from fasthtml.html.htmx import HtmxHeaders
from fasthtml.http.requests import Request
from fasthtml.http.sessions import Session
NewRequest = NewType('NewRequest', Request)
class OwnRequest(Request): pass
def region(it: {kind} = None): return ''
""", __file__, 'exec', dont_inherit=True), vars(module))
    with pytest.raises(TypeError, match='belongs to one request'): FastHTML(secret_key='k').live(module.region)


def test_a_typed_dict_is_no_session():
    class Options(TypedDict): n: int
    def region(options: Options, session: dict, s: Options | None = None): return P(options['n'])
    FastHTML(secret_key='k').live(region)


async def writes(id: int, say): await say(f'done {id}')
async def writes_more(id: int, say, more: str): await say(f'done {id}')


class Writer:
    async def __call__(self, id: int, say): await say(f'done {id}')
    async def method(self, id: int, say): await say(f'done {id}')


WORK = {'async': writes, 'decorated': timed(writes), 'plain around async': logged(writes),
        'partial': functools.partial(writes_more, more='x'),
        'method': Writer().method, 'object': Writer(), 'partial of an object': functools.partial(Writer())}


@pytest.mark.parametrize('kind', WORK)
def test_any_async_callable_that_says_something_is_work(kind):
    app = FastHTML(secret_key='k')
    job = app.work(WORK[kind], name='job')

    @app.get('/')
    def home(): return Titled('x', job.start(id=3))
    with Client(app) as client: client.open('/').wait('[data-work=done]', text='done 3')


def plain_work(say): return None
async def silent(id: int): return None
async def yields(say): yield 1
async def personal(auth, say): return None


@pytest.mark.parametrize('fn', [plain_work, silent, yields, personal, P('x'), 'job', Drawer(), functools.partial(plain_work)])
def test_what_cannot_be_work_is_told_at_once(fn):
    with pytest.raises(TypeError): FastHTML(secret_key='k').work(fn, name='x')


def test_a_region_in_a_region_in_a_row_of_a_table():
    app, data = FastHTML(secret_key='k'), dict(rows=2, cell=0)

    @app.live
    def cell(row: int): return Td(f'cell {row} {data["cell"]}')

    @app.live
    async def row(id: int): return Tr(Td(f'row {id}'), cell(row=id))

    @app.live
    def table(): return Table(Tbody(*[row(id=i) for i in range(data['rows'])]))

    @app.get('/')
    def home(): return Titled('x', table())
    with Client(app) as client:
        page = client.open('/')
        assert page.all('td')[-1].text == 'cell 1 0'
        data['cell'] = 1
        cell.changed_sync()
        page.wait('td', text='cell 1 1')
        data['rows'] = 3
        table.changed_sync()
        page.wait('td', text='cell 2 1')
        assert page.is_true() and len(page.all('tbody > tr > td')) == 6


def test_changes_come_from_threads_and_lifespans():
    data, seen = dict(n=0), threading.Event()

    @asynccontextmanager
    async def lifespan(app):
        async def tick():
            while True:
                await asyncio.sleep(0.01)
                data['n'] += 1
                await counter.changed()
                if data['n'] == 5: seen.set()
        task = asyncio.create_task(tick())
        await counter.changed()       # before a page shows it
        yield
        task.cancel()
        data['n'] = -1
        await counter.changed()       # and while the app ends
    app = FastHTML(secret_key='k', lifespan=lifespan)

    @app.live
    def counter(): return P(f'n={data["n"]}', cls='c')

    @app.live
    def other(): return P(f'm={data.get("m")}')

    @app.get('/')
    def home(): return Titled('x', counter(), other())
    with Client(app) as client:
        page = client.open('/')
        page.wait('.c', text='n=5')
        assert seen.wait(10)
        data['m'] = 8
        threads = [threading.Thread(target=other.changed_sync) for _ in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        page.wait('p', text='m=8')


@pytest.mark.parametrize('kind', ['mounted', 'mounted in FastHTML', 'host', 'prefix'])
def test_regions_of_several_apps_of_one_server(kind):
    "Each has its own stream, its own tokens and its own script below its own prefix"
    def make(name):
        app = FastHTML(secret_key='k')

        @app.live
        def same(id: int): return Ul(Li(f'{name} {VALUES["n"]}'))

        @app.get('/')
        def home(): return Titled('x', same(id=1))
        app.state.region = same
        return app
    apps = [make(name) for name in 'ab']
    VALUES['n'] = 1
    if kind == 'host': outer = Starlette(routes=[Host('a.test', apps[0]), Host('b.test', apps[1])])
    elif kind == 'mounted in FastHTML':
        outer = FastHTML(secret_key='other')
        for name, app in zip('ab', apps): outer.mount(f'/{name}', app)
    else: outer = Starlette(routes=[Mount(f'/{name}', app) for name, app in zip('ab', apps)])
    options = dict(root_path='/behind') if kind == 'prefix' else {}
    with serve(outer, **options) as served:
        visitors = []
        for name in 'ab':
            visitor = Visitor(served, '' if kind == 'host' else f'/{name}')
            ask = visitor.request
            if kind == 'host':
                visitor.request = lambda *args, ask=ask, name=name, **headers: ask(*args, **headers | {'Host': f'{name}.test'})
            visitors.append(visitor)
        for i, name in enumerate('ab'):
            with visitors[i].stream(visitors[i].rows('/')) as stream:
                assert [e[0] for e in stream.until('live/checked')] == ['live/hello', 'live/checked']
                VALUES['n'] += 1
                apps[i].state.region.changed_sync(id=1)
                assert f'{name} {VALUES["n"]}' in stream.next()[2]


@each_row('more', [
    dict(at='x'), dict(at=[1]), dict(at=['']), dict(at=['a.b']), dict(at=['.']), dict(at=['e.-1']), dict(at=['e.' + '9' * 400]),
    dict(at=['e.9' * 9]),
    dict(at=[None]), dict(at=[['e.1']]), dict(at=['e.٣']), dict(at=[]), dict(age='x'), dict(age=-1),
    dict(age=10**400), dict(age=1e300), dict(age=True), dict(age=None),
    dict(age=[1]), dict(end='x'), dict(end=[None, {}]), dict(drop={}), dict(poll=[]),
    dict(streams=[]), dict(retry=[1])], ids=str)
def test_what_a_page_says_besides_is_taken_or_left(more):
    "Nothing of it is an error of the server, and the page gets what differs"
    app, VALUES['n'] = FastHTML(secret_key='k'), 1
    region = app.live(plain)

    @app.get('/')
    def home(): return Titled('x', region(id=1))
    with Client(app) as client:
        client.get('/')
        page = client.open('/')
        VALUES['n'] = 2
        rows = [[o.get('data-live-key'), o.get('data-live-token'), 'old'] for o in page.all('[data-live-token]')]
        r = client.post('/_live', json=dict(has=rows, poll=True) | more) if 'poll' not in more else client.post(
            '/_live/set', json=dict(has=rows, page='none') | more)
        too_long = more == dict(age=10**400)   # no number that is read
        assert r.status_code in ((400,) if too_long else (200, 409))
        if 'poll' not in more and not too_long: assert '1: 2' in r.text and 'live/checked' in r.text


def test_equal_arguments_are_one_region():
    "However they are spelled, ordered or typed: also on a page that another process has made"
    def shelf(where: dict, kinds: set[str], n: float = 1.0): return P(n)
    region = FastHTML(secret_key='k').live(shelf)
    spelled = [(dict(where=dict(a=1, b=2), kinds={'x', 'y'}),), (dict(kinds=['y', 'x', 'x'], where=dict(b=2, a=1), n='1'),),
               (dict(kinds=('x', 'y'), where=dict(b=2, a=1), n=1),)]
    assert len({region.key(**kwargs) for kwargs, in spelled}) == 1


def exits(): sys.exit('a library that ends programs')


@pytest.mark.parametrize('is_async', [False, True])
@pytest.mark.parametrize('draw', [
    lambda: None, lambda: 'text', lambda: (P('a'),), lambda: Body('x'), lambda: Html('x'), lambda: Template('x'),
    lambda: Div(1 / 0 for _ in 'x'), exits], ids=['nothing', 'text', 'tuple', 'body', 'html', 'template', 'late', 'exit'])
def test_a_drawing_that_cannot_be_shown_fails_alone(draw, is_async):
    "L5: the region says so, others go on, and so does it when it can be drawn again"
    app, now = FastHTML(secret_key='k'), [lambda: P('good')]
    def plain(): return now[0]()
    async def later(): return now[0]()
    region = app.live(later if is_async else plain, name='region')
    @app.live
    def other(): return P(f'{len(now)} drawings')
    @app.get('/')
    async def page(): return Titled('x', await region() if is_async else region(), other())
    with Client(app) as client:
        page = client.open('/')
        now.insert(0, draw)
        for o in region, other: o.changed_sync()
        page.wait('[data-live-key="other{}"]', text='2 drawings', timeout=DEADLINE)
        page.wait('[data-live-key="region{}"][data-live=failed]', text='good', timeout=DEADLINE)
        now.insert(0, lambda: P('again'))
        for o in region, other: o.changed_sync()
        page.wait('[data-live-key="region{}"]:not([data-live])', text='again', timeout=DEADLINE)


@pytest.mark.parametrize('policy', [True, False])
def test_an_element_that_work_says_is_a_part_of_its_pages(policy):
    "Its scripts run where the page has a policy; a region in it is refused, which would need a permission of its own"
    app = FastHTML(secret_key='k', csp=policy)
    @app.live
    def inner(): return P('inner')
    @app.work
    async def job(id: int, say): await say(Div(inner() if id else 'x', Script('ran = 1')))
    @app.get('/')
    def page(id: int): return Titled('x', job.start(id=id))
    def ended(id, state): return wait_until(lambda: f'data-work="{state}"' in (text := visitor.get(f'/?id={id}')) and text)
    with serve(app) as served:
        visitor = Visitor(served)
        script = ended(0, 'done').partition('ran = 1')[0].rpartition('<script')[2]
        assert ('nonce="' in script and 'data-live-own' in script) is policy and ('nonce' in script) is policy
        ended(1, 'failed')


class Coins(NamedTuple):
    small: int = 1


@pytest.mark.parametrize('kind, value, read', [
    (timedelta, timedelta(minutes=5), '"0:05:00"'), (timedelta | None, timedelta(1), '"1 day, 0:00:00"'),
    (dict[str, timedelta], {'a': timedelta(1)}, '{"a":"1 day, 0:00:00"}'), (range, range(2), '[0,1]'), (Coins, Coins(), '[1]'),
    (int, date(2026, 1, 31), '"2026-01-31"')])
def test_an_argument_that_json_makes_something_else_of_says_what_was_read(kind, value, read):
    def lasting(span): return P(f'{span}')
    lasting.__annotations__ = {'span': kind}
    region = FastHTML(secret_key='k').live(lasting)
    for call in region, region.key, region.changed_sync:
        with pytest.raises(TypeError) as error: call(span=value)
        assert f'read from {read}.' in str(error.value) and '`span: float`' in str(error.value)


@pytest.mark.parametrize('value', ['x', [1], {'a': 1}, (1, 2), 1.5])
def test_an_argument_that_json_leaves_as_it_is_says_what_was_expected(value):
    def counted(n: int): return P(n)
    with pytest.raises(TypeError) as error: FastHTML(secret_key='k').live(counted)(n=value)
    assert 'whole number' in str(error.value) and 'JSON' not in str(error.value)
