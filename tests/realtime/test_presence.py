"""Who is in a channel: each person once over all processes; a reload is no leaving, and a killed process leaves no ghost."""
import asyncio
import gc
import signal
import sys

import pytest

from channel_kit import Client
from fasthtml.common import EventStream, FastHTML
from fasthtml.realtime import presence
from fasthtml.realtime.channels import MemoryBroker
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.open_broker import open_broker
from fasthtml.realtime.presence import with_presence
from fasthtml.testing import Client as Visitor
from support import DEADLINE, SseClient, serve_process, until, wait_until

APP = '''
from fasthtml.common import *
def who(req): req.scope['auth'] = req.query_params.get('name')
app = FastHTML(before=who, secret_key='x', broker_prefix='presence')
room = app.channel('room', presence=True)

@app.get('/room')
async def listen(): return EventStream(room)

@app.get('/people')
def people(): return ' '.join(room.people())
'''


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    "The same rules in less time"
    monkeypatch.setattr(presence, 'grace_seconds', 0.4)
    monkeypatch.setattr(presence, 'beat_seconds', 0.2)


@pytest.fixture(params=['memory', 'sqlite', 'redis'])
async def processes(request, tmp_path):
    "Two processes, or one with the broker in memory"
    if request.param == 'redis': address = request.getfixturevalue('own_valkey').url
    else: address = f'sqlite:{tmp_path}/a.db'
    hubs = [Hub(MemoryBroker()) for _ in range(1)] if request.param == 'memory' else [Hub(open_broker(address)) for _ in range(2)]
    rooms = [with_presence(hub, hub.channel('room', history=50), lambda info: info) for hub in hubs]
    for hub in hubs: await hub.ready()
    yield rooms[0], rooms[-1], hubs
    for hub in hubs:
        if hub.presence: await hub.presence.close()
        await hub.broker.close()


def events(client): return [text for text in client.texts if text in ('joined', 'left')]


async def come_and_go(watcher, *rooms):
    "A person comes to each process and leaves it: when that is known, so is every leave before it"
    before, passers_by = len(events(watcher)), [Client(f'passer-by {n}') for n in range(len(rooms))]
    for room, one in zip(rooms, passers_by): room.join(one)
    await until(lambda: len(events(watcher)) == before + len(rooms))
    for one in passers_by: one.leave()
    await until(lambda: len(events(watcher)) >= before + 2*len(rooms))
    return events(watcher)[before:]


async def test_a_person_joins_once_with_many_tabs_and_leaves_with_the_last(processes):
    here, there, _ = processes
    watcher, tabs = Client(), [Client('ada'), Client('ada'), Client('ada')]
    here.join(watcher)
    for tab, room in zip(tabs, (here, here, there)): room.join(tab)
    assert 'ada' in here.people() and 'ada' in there.people()
    await until(lambda: here.people() == there.people() == ['ada'] and events(watcher) == ['joined'])
    for tab in tabs[:2]: tab.leave()
    bob = Client('bob')
    there.join(bob)
    await until(lambda: here.people() == ['ada', 'bob'])
    tabs[2].leave()
    await until(lambda: here.people() == there.people() == ['bob'])
    await until(lambda: events(watcher) == ['joined', 'joined', 'left'])
    assert sum(map(len, (here, there) if here is not there else (here,))) == 2


async def test_a_reload_or_a_move_to_another_process_is_no_leaving(processes):
    here, there, _ = processes
    watcher, ada, bob = Client(), Client('ada'), Client('bob')
    here.join(watcher)
    here.join(ada)
    await until(lambda: events(watcher) == ['joined'])
    for n in range(6):
        ada.leave()
        await asyncio.sleep(0.02)
        (here, there)[n % 2].join(ada)
    there.join(bob)
    await until(lambda: len(events(watcher)) == 2)
    assert await come_and_go(watcher, here, there) == ['joined', 'joined', 'left', 'left']
    assert events(watcher)[:2] == ['joined', 'joined'] and sorted(here.people()) == sorted(there.people()) == ['ada', 'bob']


async def test_who_a_subscriber_is_may_be_said_later_and_change(processes):
    here, there, hubs = processes
    watcher, client, nobody = Client(), Client(None), Client(None)
    for one in watcher, client, nobody: here.join(one)
    assert here.people() == []
    client.info = {'id': 7, 'name': 'Ada'}
    here.presence.arrived(here, client)
    await until(lambda: there.people() == [{'id': 7, 'name': 'Ada'}])
    client.info = 'bob'
    here.presence.arrived(here, client)
    await until(lambda: there.people() == ['bob'])
    await until(lambda: sorted(events(watcher)) == ['joined', 'joined', 'left'])


@pytest.mark.filterwarnings('ignore:coroutine')   # of a loop that ends without the courtesies of `asyncio.run`
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
async def test_another_loop_goes_on_when_the_one_that_kept_the_list_has_ended(monkeypatch):
    "It may have been about to end when it was asked"
    monkeypatch.setattr(presence, 'sync_seconds', 0.05)
    room, watcher = with_presence((hub := Hub(MemoryBroker())), hub.channel('room'), lambda info: info), Client()
    ending = asyncio.new_event_loop()
    async def join(): room.join(Client('ada'))
    await asyncio.to_thread(ending.run_until_complete, join())
    room.join(watcher)
    room.join(Client('bob'))
    await until(lambda: len(hub.presence._local) == 2)
    ending.close()
    await until(lambda: 'bob' in hub.presence.people.of('room').values() and 'joined' in events(watcher))
    await hub.presence.close()


async def test_a_client_that_reconnects_gets_the_events_that_it_missed(processes):
    here, there, _ = processes
    client, ada = Client(), Client('ada')
    start = here.join(client)
    client.leave()
    there.join(ada)
    await until(lambda: here.people() == ['ada'])
    ada.leave()
    await until(lambda: here.people() == [])
    again = Client()
    await here.resume(again, start)
    await until(lambda: events(again) == ['joined', 'left'])


async def test_a_process_that_starts_later_knows_who_is_there(processes):
    here, _, hubs = processes
    if isinstance(hubs[0].broker, MemoryBroker): return
    watcher = Client()
    here.join(watcher)
    for name in 'abc': here.join(Client(name))
    await until(lambda: len(events(watcher)) == 3)
    late = Hub(open_broker(f'sqlite:{hubs[0].broker.log.path}') if hubs[0].broker.log.kind == 'sqlite' else
               open_broker(f"unix://{hubs[0].broker.log.options['path']}"))
    room = with_presence(late, late.channel('room'), True)
    await late.ready()
    room.join(Client('a'))
    await until(lambda: sorted(room.people()) == ['a', 'b', 'c'])
    await until(lambda: late.presence.synced and ('room', '"a"') in here.presence.people.processes.get(late.presence.me, ()))
    await late.presence.close()
    await late.broker.close()
    assert await come_and_go(watcher, here) == ['joined', 'left']
    assert events(watcher)[:3] == ['joined'] * 3 and here.people() == ['a', 'b', 'c']


@pytest.mark.parametrize('kind', ['sqlite', 'redis'])
async def test_a_killed_process_leaves_no_ghost(kind, request, tmp_path, monkeypatch):
    "S3; with the real times: within 10 seconds on an idle machine"
    monkeypatch.undo()
    address = f'sqlite:{tmp_path}/a.db' if kind == 'sqlite' else request.getfixturevalue('own_valkey').url
    command = [sys.executable, '-m', 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', '0']
    hub, watcher = Hub(open_broker(address, 'presence')), Client()
    room = with_presence(hub, hub.channel('room'), True)
    await hub.ready()
    room.join(watcher)
    with serve_process(APP, tmp_path, command, {'FASTHTML_BROKER': address}) as process:
        client = await asyncio.to_thread(SseClient, process.url, '/room?name=ada')
        await asyncio.to_thread(wait_until, lambda: (client.read(), 'joined' in client.text)[1])
        await until(lambda: room.people() == ['ada'] and events(watcher) == ['joined'])
        process.signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        client.close()
    await until(lambda: room.people() == [] and events(watcher) == ['joined', 'left'])
    await hub.presence.close()
    await hub.broker.close()


@pytest.mark.parametrize('how', ['/asked', '/heard', '/heard?name=ann'])
def test_channels_whose_names_strangers_make_up_are_not_kept(how):
    def who(req): req.scope['auth'] = req.query_params.get('name')
    app = FastHTML(secret_key='k', before=who)
    @app.get('/asked/{name}')
    def asked(name: str): return str(len(app.channel(name, presence=True).people()))
    @app.get('/heard/{name}')
    def heard(name: str): return EventStream(app.channel(name, presence=True))
    path, _, query = how.partition('?')
    client = Visitor(app)
    for n in range(30):
        address = f'{path}/{n}?{query}'
        if path == '/asked': client.get(address)
        else:
            with client.sse(address) as events: assert events.response.status_code == 200
    def kept():
        gc.collect()
        return [c.name for c in app.site.hub if not c.name.startswith('\udc00')]
    wait_until(lambda: not kept(), what='the channels to go')


@pytest.mark.parametrize('late, published', [(0.05, ['joined']), (60, [])], ids=['slow', 'hanging'])
async def test_nothing_of_it_runs_on_when_its_app_has_ended(late, published):
    "An event that is being published is finished, or given up: the loop may end next, and the broker is closed"
    told, events = [], asyncio.Event()
    class Slow(MemoryBroker):
        async def publish(self, channel, message):
            if message.event:
                events.set()
                await asyncio.sleep(late)
                told.append(message.event)
            return await super().publish(channel, message)
    room = with_presence((hub := Hub(Slow())), hub.channel('room'), lambda info: info)
    before = asyncio.all_tasks()
    room.join(Client('ada'))
    async with asyncio.timeout(DEADLINE): await events.wait()
    await hub.presence.close()
    assert told == published and asyncio.all_tasks() == before
