"""Apps that have one key are told apart by where they are mounted, however many workers there are; processes of one app stay one.

The table: what is named or signed with a key x how two apps stand to each other x broker.
"""
import html
import http.client
import json
import re
import subprocess
import sys
from contextlib import ExitStack, asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.routing import Host, Mount

from channel_kit import Client as Subscriber
from fasthtml.common import Client, FastHTML, P, Titled
from fasthtml.realtime.redis_log import redis_broker
from fasthtml.realtime.sqlite_log import sqlite_broker
from support import SseClient, serve_process, until, wait_until

KEY = 'one key for all'


def app_of(broker, says='', **options):
    "An app that has a channel and a region, and the same paths, names and functions as every other one"
    app = FastHTML(secret_key=KEY, broker=broker, **options)
    @app.live
    def item(id: int): return P(f'{says} has {id}')
    @app.get('/')
    def home(id: int = 7): return Titled('Home', item(id=id))
    app.says = says
    return app


# How two apps stand to each other: `broker → what is served, first app, its address, second app, its address`

def mounted_below(broker):
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    a.mount('/b', b)
    return a, a, '', b, '/b'


def two_mounts(broker):
    site, a, b = app_of(broker), app_of(broker, 'a'), app_of(broker, 'b')
    site.mount('/a', a)
    site.mount('/b', b)
    return site, a, '/a', b, '/b'


def mounted_deep(broker):
    "What is inside was mounted before what is around it"
    site, mid, a, b = app_of(broker), app_of(broker), app_of(broker, 'a'), app_of(broker, 'b')
    mid.mount('/b', b)
    site.mount('/mid', mid)
    site.mount('/b', a)
    return site, a, '/b', b, '/mid/b'


def by_routes(broker):
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    site = app_of(broker, routes=[Mount('/a', a), Mount('/in', Starlette(routes=[Mount('/b', b)]))])
    return site, a, '/a', b, '/in/b'


def by_hosts(broker):
    site, a, b = FastHTML(secret_key=KEY, broker=broker), app_of(broker, 'a'), app_of(broker, 'b')
    site.host('a.example', a)
    site.host('b.example', b)
    return site, a, 'http://a.example', b, 'http://b.example'


def in_starlette(broker):
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    return Starlette(routes=[Mount('/a', a), Mount('/b', b)]), a, '/a', b, '/b'


def in_starlette_by_hosts(broker):
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    return Starlette(routes=[Host('a.example', a), Host('b.example', b)]), a, 'http://a.example', b, 'http://b.example'


def passed_on(broker):
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    return Starlette(routes=[Mount('/a', a), Mount('/b', b)], lifespan=a.lifecycle.lifespan), a, '/a', b, '/b'


def opened_by_hand(broker):
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    @asynccontextmanager
    async def lifespan(site):
        async with a.lifecycle.lifespan(site) as state: yield state
    return Starlette(routes=[Mount('/a', a), Mount('/b', b)], lifespan=lifespan), a, '/a', b, '/b'


def named(broker):
    "Side by side, as two programs would be"
    a, b = app_of(broker, 'a', broker_prefix='a'), app_of(broker, 'b', broker_prefix='b')
    return (a, b), a, '', b, ''


SEPARATE = {f.__name__: f for f in (mounted_below, two_mounts, mounted_deep, by_routes, by_hosts, in_starlette, in_starlette_by_hosts,
                                    passed_on, opened_by_hand, named)}


def two_processes(broker):
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    return (a, b), a, '', b, ''


def two_processes_of_a_mount(broker):
    sites = [two_mounts(broker)[:3] for _ in range(2)]
    return (sites[0][0], sites[1][0]), sites[0][1], '/a', sites[1][1], '/a'


def behind_a_prefix(broker):
    "A proxy takes a prefix away, which only one of them knows of"
    sites = [two_mounts(broker)[:3] for _ in range(2)]
    return (sites[0][0], (sites[1][0], '/prefix')), sites[0][1], '/a', sites[1][1], '/prefix/a'


def alone_in_starlette(broker):
    "A worker imports the app without the site around it"
    a, b = app_of(broker, 'a'), app_of(broker, 'b')
    return (Starlette(routes=[Mount('/a', a)], lifespan=a.lifecycle.lifespan), b), a, '/a', b, ''


def one_name(broker):
    "The program has said what they are called in the broker; tokens are still of one mount"
    site, a, b = app_of(broker), app_of(broker, 'a', broker_prefix='ab'), app_of(broker, 'b', broker_prefix='ab')
    site.mount('/a', a)
    site.mount('/b', b)
    return site, a, '/a', b, '/b'


def mounted_twice(broker):
    site, a = app_of(broker), app_of(broker, 'a')
    site.mount('/a', a)
    site.mount('/b', a)
    return site, a, '/a', a, '/b'


SHARED = {f.__name__: f for f in (two_processes, two_processes_of_a_mount, behind_a_prefix, alone_in_starlette, one_name, mounted_twice)}


@pytest.fixture(params=['memory', 'sqlite', 'redis'])
def broker(request, tmp_path):
    if request.param == 'redis':
        server = request.getfixturevalue('valkey')
        with server.client() as client: client.flushall()
        return server.url
    return 'memory' if request.param == 'memory' else f'sqlite:{tmp_path}/a.db'


def clients(served, stack):
    "Clients of both apps, which may be one; their lifespans run in one thread"
    if not isinstance(served, tuple): served = served, served
    made = {}
    for one in served:
        app, root = one if isinstance(one, tuple) else (one, '')
        if id(app) not in made: made[id(app)] = stack.enter_context(Client(app, **({'root_path': root} if root else {})))
    return [made[id(one[0] if isinstance(one, tuple) else one)] for one in served]


def tokens(page):
    "Key and token of each region of a page"
    found = re.findall(r'data-live-token="([^"]*)".*?data-live-key="([^"]*)"', page)
    return [(html.unescape(key), token) for token, key in found]


def asks(client, root, rows):
    "What the app there sends to a page that shows this"
    body = dict(has=[[key, token, ''] for key, token in rows], at=[''] * len(rows), age=0, poll=True, hold=0, retry='', visit=False)
    return client.post(f'{root}/_live', json=body).text


async def heard(app, other):
    "What a subscriber of `app` hears, and one that resumes, when both apps publish"
    room, theirs, now, again = app.channel('room', history=9), other.channel('room', history=9), Subscriber(), Subscriber()
    for channel in room, theirs: await channel.broker.ready()
    start = room.join(now)
    await theirs.publish('theirs')
    await room.publish('mine')
    await until(lambda: 'mine' in now.texts)
    await room.resume(again, start)
    await until(lambda: 'mine' in again.texts)
    said = now.texts, again.texts
    for one in now, again: room.leave(one)
    return said


async def leased(app, other):
    "Which of the two gets a lease that both want"
    return [bool(await one.site.hub.broker.lease('job', 60)) for one in (app, other)]


async def told(app, other):
    "How many others there are that say how much they have open"
    if not hasattr(app.site.hub.broker, 'share'): return []
    for one in app, other: await one.site.hub.broker.share(f'process of {id(one)}', b'{"x": 1}', 60)
    return await app.site.hub.broker.share(f'process of {id(app)}', b'{"x": 1}', 60)


@pytest.mark.parametrize('how', SEPARATE)
def test_apps_of_one_key_have_nothing_in_common(how, broker):
    served, a, at_a, b, at_b = SEPARATE[how](broker)
    with ExitStack() as stack:
        here, there = clients(served, stack)
        pages = [tokens(client.get(f'{at}/').text) for client, at in ((here, at_a), (there, at_b))]
        assert 'a has 7' in asks(here, at_a, pages[0]) and 'b has 7' in asks(there, at_b, pages[1]), 'each is good where it was given'
        assert 'has 7' not in asks(there, at_b, pages[0]) and 'has 7' not in asks(here, at_a, pages[1])
        assert here.run(heard(a, b)) == (['mine'], ['mine'])
        assert here.run(leased(a, b)) == [True, True]
        assert here.run(told(a, b)) == []


@pytest.mark.parametrize('how', SHARED)
def test_what_is_one_app_stays_one(how, broker):
    if broker == 'memory' and how != 'mounted_twice': return   # two processes have nothing in common without a broker
    served, a, at_a, b, at_b = SHARED[how](broker)
    with ExitStack() as stack:
        here, there = clients(served, stack)
        page = tokens(here.get(f'{at_a}/').text)
        assert here.run(heard(a, b)) == (['theirs', 'mine'],) * 2
        assert here.run(leased(a, b)) == [True, False]
        if broker != 'memory' and a is not b: assert here.run(told(a, b)) == [b'{"x": 1}']
        is_there = at_b.endswith(at_a)   # else a page of the one place never asks at the other
        assert (f'{b.says} has 7' in asks(there, at_b, page)) is is_there, 'its tokens are good in every process, and of one mount'


def test_who_starts_an_app_as_if_it_stood_alone_is_told(tmp_path, caplog):
    "The site around it is not known when its broker is first used"
    a, b = (app_of(f'sqlite:{tmp_path}/a.db', says) for says in 'ab')
    @asynccontextmanager
    async def lifespan(site):
        async with a.lifecycle.lifespan(a), b.lifecycle.lifespan(b): yield
    with Client(Starlette(routes=[Mount('/a', a), Mount('/b', b)], lifespan=lifespan)) as client:
        page = tokens(client.get('/a/').text)
        assert 'has 7' not in asks(client, '/b', page) and 'a has 7' in asks(client, '/a', page)
    [warning] = [record.getMessage() for record in caplog.records if 'broker' in record.getMessage()]
    assert warning.startswith("The app mounted at '/a' began to use its broker before") and 'lifespan(site)' in warning


@pytest.mark.parametrize('kind', ['sqlite', 'redis'])
def test_a_broker_object_has_the_name_of_the_app_that_it_is_given_to(kind, request, tmp_path):
    "Two programs with keys of their own, which made their brokers themselves"
    def made(): return sqlite_broker(tmp_path/'a.db') if kind == 'sqlite' else redis_broker(request.getfixturevalue('valkey').url)
    a, b, c = (FastHTML(secret_key=key, broker=made()) for key in ('a', 'b', 'a'))
    with Client(a) as client, Client(b), Client(c):
        assert client.run(heard(a, b)) == (['mine'], ['mine'])
        assert client.run(heard(c, a))[0] == ['theirs', 'mine']


def test_a_broker_object_of_two_apps_is_an_error(tmp_path):
    broker = sqlite_broker(tmp_path/'a.db')
    a, b = (FastHTML(secret_key=KEY, broker=broker) for _ in range(2))
    a.mount('/b', b)
    with pytest.raises(RuntimeError, match='Two apps have one broker object'), Client(a): pass
    with Client(b): pass


MAIN = '''
import asyncio
from fasthtml.common import *

def made(says):
    app = FastHTML(secret_key={key!r})
    room, hall = app.channel('room'), app.channel('hall', presence=True)
    @app.get('/room')
    def stream(request, name: str = ''):
        request.scope['auth'] = name
        return EventStream(room)
    @app.get('/hall')
    def present(request, name: str):
        request.scope['auth'] = name
        return EventStream(hall)
    @app.get('/people')
    def people(): return ','.join(sorted(hall.people()))
    @app.get('/publish/{{text}}')
    async def publish(text: str): return await room.publish(f'{{says}} {{text}}')
    @app.work
    async def pack(order: int, say):
        await say(P(f'{{says}} packs {{order}}'))
        await asyncio.Event().wait()
    @app.get('/start')
    def start(): return pack.start(order=7)
    @app.get('/look')
    def look(): return pack(order=7)
    @app.get('/forget')
    async def forget(name: str):
        await app.forget(name)
        return 'forgotten'
    return app

app = made('site')
app.mount('/a', made('a'))
app.mount('/b', made('b'))
'''


def got(process, path):
    with SseClient(process.url, path, {'Accept': 'text/html'}) as client:
        while client.read(): pass
        return client.text


def first_event(client):
    return next(event.data for event in client.events())


@pytest.mark.parametrize('workers', [1, 2])
def test_the_number_of_workers_does_not_decide_who_hears_what(workers, tmp_path):
    command = [sys.executable, '-m', 'fasthtml', 'run', 'app:app', '--host', '127.0.0.1', '--workers', str(workers), '--port', '0']
    (tmp_path/'t').mkdir()
    with serve_process(MAIN.format(key=KEY), tmp_path, command, {'TMPDIR': str(tmp_path/'t')}) as process, ExitStack() as stack:
        wait_until(lambda: process.output.count('startup complete') == workers)
        rooms = [stack.enter_context(SseClient(process.url, f'{at}/room')) for at in ('/a', '/b', '') for _ in range(4)]
        for at in '/a', '/b': stack.enter_context(SseClient(process.url, f'{at}/hall?name=in_{at[1:]}'))
        for at in '/b', '', '/a', '/b': got(process, f'{at}/publish/one')
        assert [first_event(room) for room in rooms] == ['a one'] * 4 + ['b one'] * 4 + ['site one'] * 4
        for at in '/a', '/b': wait_until(lambda at=at: {got(process, f'{at}/people') for _ in range(6)} == {f'in_{at[1:]}'})
        got(process, '/a/start')
        wait_until(lambda: all('a packs 7' in got(process, '/a/look') for _ in range(6)))
        assert 'packs' not in ''.join(got(process, '/b/look') for _ in range(6))
        got(process, '/b/start')
        wait_until(lambda: all('b packs 7' in got(process, '/b/look') for _ in range(6)))
        wait_until(lambda: 'a packs 7' in got(process, '/a/look'))   # a process that has not been asked before asks the other one
        of_a, of_b = (stack.enter_context(SseClient(process.url, f'{at}/room?name=ann')) for at in ('/a', '/b'))
        got(process, '/a/forget?name=ann')
        of_a.read_to_end()
        got(process, '/b/publish/two')
        wait_until(lambda: not of_b.read() or 'b two' in of_b.text)
        assert 'b two' in of_b.text, 'who was forgotten by one app has what is open at another'


TWO = """
from fasthtml.common import *
app, rt = fast_app(secret_key='k')
class Mine(FastHTML): pass
inner = Mine(secret_key='k')
app.mount('/in', inner)
print([(o.site.hub.app_name(), o.site.hub.app_name.secrets('x')) for o in (app, inner)])
"""


def said_by(folder, *command):
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_a_program_is_one_however_it_is_started(tmp_path):
    for name in 'main', 'other': (tmp_path/f'{name}.py').write_text(TWO)
    started = {said_by(tmp_path, *command) for command in (['main.py'], ['-m', 'main'], ['-c', 'import main'], [str(tmp_path/'main.py')])}
    other = said_by(tmp_path, 'other.py')
    assert len(started) == 1
    (names, secrets), (others, of_other) = ([*zip(*eval(text), strict=True)] for text in (*started, other))
    assert names == others and len({*names}) == 2, 'a name in a broker is of the key and the mount'
    assert len({key for keys in (*secrets, *of_other) for key in keys}) == 4, 'what is signed is of the program, too'


PROGRAM = '''
from fasthtml.common import *
app = FastHTML()
room = app.channel('room')
@app.live
def item(id: int): return P('{name} has', id)
@app.get('/page')
def page(): return Titled('Page', item(id=7))
@app.get('/room')
def stream(): return EventStream(room)
@app.get('/publish')
async def publish(): return await room.publish('{name}')
'''


def test_programs_of_one_folder_that_share_its_key_file_are_apart(tmp_path):
    "Nobody has said that they share a key: it is a file of the folder"
    (tmp_path/'t').mkdir()
    env = {'TMPDIR': str(tmp_path/'t')}
    with ExitStack() as stack:
        running = []
        for name in 'shop', 'office':
            (tmp_path/f'{name}.py').write_text(PROGRAM.format(name=name))
            command = [sys.executable, '-m', 'fasthtml', 'run', f'{name}:app', '--host', '127.0.0.1', '--workers', '2', '--port', '0']
            running.append(stack.enter_context(serve_process('', tmp_path, command, env)))
            wait_until(lambda: running[-1].output.count('startup complete') == 2)
        streams = [stack.enter_context(SseClient(process.url, '/room')) for process in running]
        for process in reversed(running): got(process, '/publish')
        got(running[0], '/publish')
        assert [first_event(stream) for stream in streams] == ['shop', 'office']
        rows = tokens(got(running[0], '/page'))
        assert rows
        said = [post(process, rows, running[0].port) for process in running]
        assert 'shop has' in said[0] and 'office has' not in said[1]


def post(process, rows, port):
    "As a page of the program at that port would, whose name a client can give to another one"
    body = dict(has=[[key, token, ''] for key, token in rows], at=[''] * len(rows), age=0, poll=True, hold=0, retry='', visit=False)
    connection = http.client.HTTPConnection('127.0.0.1', process.port)
    connection.request('POST', '/_live', json.dumps(body), {'Host': f'127.0.0.1:{port}', 'Content-Type': 'application/json'})
    text = connection.getresponse().read().decode()
    connection.close()
    return text
