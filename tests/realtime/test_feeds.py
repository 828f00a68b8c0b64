"One stream follows several channels: each in its own order, without a gap and without a duplicate, whenever the client comes back."
import asyncio
import random

import pytest

from fasthtml.common import *
from fasthtml.realtime.feeds import joint_id, read_id
from fasthtml.testing import AsyncClient

pytestmark = pytest.mark.anyio
NAMES = ['news', 'chat of "all"', 'ü&=;']


def make_app(history=1000):
    app = FastHTML(secret_key='k')
    channels = [app.channel(name, history=history) for name in NAMES]

    @app.get('/mixed')
    def mixed(): return EventStream(channels[0], *NAMES[1:])

    @app.get('/list')
    def as_list(): return EventStream(channels)

    @app.get('/since/{id:path}')
    def since(id: str): return EventStream(*channels, since=id)
    return app, channels


@pytest.mark.parametrize('path', ['/mixed', '/list'])
async def test_each_channel_arrives_whole_and_in_order_across_reconnections(path):
    app, channels = make_app()
    rng, sent = random.Random(path), {name: [] for name in NAMES}
    async with AsyncClient(app) as client:
        streams = [client.sse(path) for _ in range(3)]
        got = [{name: [] for name in NAMES} for _ in streams]
        for stream in streams: await stream.open()

        async def publish():
            for n in range(150):
                channel = rng.choice(channels)
                sent[channel.name].append(f'{channel.name} {n}')
                await channel.publish(f'{channel.name} {n}', event='named' if n % 7 == 0 else None)
                if n % 3 == 0: await asyncio.sleep(0)
        publishing = asyncio.create_task(publish())

        async def read(stream, mine):
            while sum(map(len, mine.values())) < 150:
                event = await stream.next()
                mine[event.data.rpartition(' ')[0]].append(event.data)
                if rng.random() < .1:  # the client goes, and comes back with what it had read
                    await stream.close()
                    stream = client.sse(path, last_event_id=event.id)
                    await stream.open()
            assert event.id == joint_id(*channels)
            await stream.close()
        await asyncio.gather(publishing, *map(read, streams, got))
        for mine in got: assert mine == sent
    assert [len(channel) for channel in channels] == [0, 0, 0]


async def test_a_page_gets_what_was_published_since_it_was_made():
    app, channels = make_app()
    async with AsyncClient(app) as client:
        await channels[0].publish('before')
        made = joint_id(*channels)
        for channel in channels: await channel.publish(f'after {channel.name}')
        async with client.sse(f'/since/{made}') as stream:
            assert [(await stream.next()).data for _ in NAMES] == [f'after {name}' for name in NAMES]
            await channels[1].publish('live')
            assert (await stream.next()).data == 'live'
            await stream.close()
            await channels[2].publish('missed')
            await stream.resume()   # Last-Event-ID counts more than `since`
            assert (await stream.next()).data == 'missed'


async def test_only_the_channel_that_has_lost_something_says_resync():
    app, channels = make_app(history=2)
    async with AsyncClient(app) as client, client.sse('/list') as stream:
        await channels[0].publish('x')
        await stream.next()
        await stream.close()
        for n in range(5): await channels[1].publish(f'{n}')
        await channels[2].publish('kept')
        await stream.resume()
        events = [await stream.next() for _ in range(2)]
        assert [(e.event, e.data) for e in events] == [('resync', NAMES[1]), ('message', 'kept')]
        await channels[1].publish('again')
        assert (await stream.next()).data == 'again'
        assert read_id(stream.last_event_id) == {channel.name: channel.last_id for channel in channels}


@pytest.mark.parametrize('id', ['x-1', 'news', 'news~x.news~y', '_ff~_ff', '~' * 2000, '.' * 2000, 'other~1', 'ü'])
async def test_an_odd_id_means_that_nothing_is_known(id):
    app, channels = make_app()
    async with AsyncClient(app) as client:
        async with client.sse('/list', last_event_id=id) as stream:
            told = [(e.event, e.data) for e in [await stream.next() for _ in NAMES]]
        assert told == [('resync', name) for name in NAMES]


async def test_a_channel_lost_by_its_broker_is_told_to_a_client_that_is_there():
    app, channels = make_app()
    async with AsyncClient(app) as client, client.sse('/list') as stream:
        channels[1].lose('new-0')
        event = await stream.next()
        assert (event.event, event.data, read_id(event.id)[NAMES[1]]) == ('resync', NAMES[1], 'new-0')


async def test_what_cannot_be_followed_is_refused():
    app, channels = make_app()
    with pytest.raises(TypeError, match='one generator'): EventStream(channels[0], iter([1]))
    with pytest.raises(TypeError, match='needs a Channel'): EventStream([], since='x')
    with pytest.raises(TypeError, match='got str'): EventStream('news')
