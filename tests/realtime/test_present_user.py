"""A region with `auth` is drawn with what the guards say of its user at that moment, at that place.

`PLACES` are ways for one person to have different rights in different pages: mounts, hosts, sessions, and what an address holds. A
person who is refused by now gets nothing more, however many pages are open. Where guards give a name or a number and nothing else, all
pages of one share a drawing.
"""
from contextlib import ExitStack
from itertools import count

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from fasthtml.common import Beforeware, Div, EventStream, FastHTML, Response
from support import SseClient, serve, wait_until
from visitor_kit import Visitor


def shop(which, paths=('/plans',), **options):
    "An app whose user has the rights of the shop that the guard says"
    app, plans = FastHTML(secret_key='k', before=which, **options), {'acme': 'of acme, first', 'evil': 'of evil, first'}

    @app.live
    def plan(auth): return Div(plans[auth['shop'] if isinstance(auth, dict) else auth.shop])

    for path in paths: app.get(path)(lambda: Div(plan()))

    @app.post('/change')
    async def change(name: str):
        plans.update(acme=f'of acme, {name}', evil=f'of evil, {name}')
        await plan.changed()
    return app


def by_mount():
    def which(req, shop: str): req.scope['auth'] = {'id': 'ann', 'shop': shop}
    site = FastHTML(secret_key='k')
    site.mount('/{shop}', shop(which))
    return site, lambda server, name: Visitor(server, f'/{name}')


def by_mount_of_starlette():
    def which(req): req.scope['auth'] = {'id': 'ann', 'shop': req.path_params['shop']}
    return Starlette(routes=[Mount('/{shop}', shop(which))]), lambda server, name: Visitor(server, f'/{name}')


def by_host():
    def which(req): req.scope['auth'] = {'id': 'ann', 'shop': req.url.hostname.partition('.')[0]}
    return shop(which), lambda server, name: Visitor(server, Host=f'{name}.localhost')


def by_session():
    def which(req): req.scope['auth'] = {'id': 'ann', 'shop': req.headers.get('x-shop')}
    return shop(which), lambda server, name: Visitor(server, **{'X-Shop': name})


def by_path():
    def which(req): req.scope['auth'] = {'id': 'ann', 'shop': req.path_params.get('shop')}
    return shop(which, paths=['/{shop}/plans']), lambda server, name: Visitor(server), lambda name: f'/{name}/plans'


def by_query():
    def which(req): req.scope['auth'] = {'id': 'ann', 'shop': req.query_params.get('as')}
    return shop(which), lambda server, name: Visitor(server), lambda name: f'/plans?as={name}'


def of_class(base, value):
    "An object that is a text or a number, and holds more"
    kind = type(f'Member_{base.__name__}', (base,), {})
    def which(req):
        req.scope['auth'] = kind(value)
        req.scope['auth'].id, req.scope['auth'].shop = 1, req.headers.get('x-shop')
    return lambda: (shop(which), lambda server, name: Visitor(server, **{'X-Shop': name}))


PLACES = {'mounts': by_mount, 'mounts of Starlette': by_mount_of_starlette, 'hosts': by_host, 'sessions': by_session, 'paths': by_path,
          'queries': by_query, 'texts': of_class(str, 'ann'), 'ints': of_class(int, 7), 'floats': of_class(float, 7.5)}


def shown(stream):
    "The HTML of the next drawing"
    while (event := stream.next()) is not None:
        if not event[0].startswith('live/') and event[2]: return event[2]
    return None


def changed(stream):
    "The key of the next region that is sent, as a whole or what differs in it"
    return next(event[0] for event in iter(stream.next, None) if not event[0].startswith('live/'))


@pytest.mark.parametrize('first', ['acme', 'evil'])
@pytest.mark.parametrize('place', PLACES)
def test_a_page_shows_what_its_user_may_see_at_its_place(place, first):
    app, visitor, *paths = PLACES[place]()
    path_of = paths[0] if paths else lambda name: '/plans'
    names = [first, *({'acme', 'evil'} - {first})]
    with serve(app) as server, ExitStack() as stack:
        visitors = {name: visitor(server, name) for name in names}
        rows = {name: visitors[name].rows(path_of(name)) for name in names}
        streams = {name: stack.enter_context(visitors[name].stream(rows[name])) for name in names}
        for stream in streams.values(): stream.until('live/checked')
        assert visitors[first].request('POST', '/change?name=second').status == 200
        for name in names: assert f'of {name}, second' in shown(streams[name])


def by_address(rights):
    "An app whose user has other rights at each address"
    def which(req): req.scope['auth'] = {'id': 'ann', 'right': rights.get(req.url.path)}
    app, n = FastHTML(secret_key='k', before=which), [1]

    @app.live
    def plan(auth): return Div(f'{n[0]} for {auth["right"]}')
    for path in rights: app.get(path)(lambda: Div(plan()))

    @app.post('/change')
    async def change():
        n[0] += 1
        await plan.changed()
    return app


def test_a_page_that_has_come_to_another_address_shows_what_its_user_may_see_there():
    rights = {'/a': 'one', '/b': 'two'}
    with serve(by_address(rights)) as server:
        visitor = Visitor(server)
        with visitor.stream(visitor.rows('/a')) as stream:
            stream.until('live/checked')
            assert visitor.request('POST', '/_live/set', {'page': stream.page, 'has': visitor.rows('/b')}).status == 204
            stream.until('live/checked')
            visitor.request('POST', '/change')
            assert '2 for two' in shown(stream)


def topics_of(app): return sum(len(here.topics) for here in app.regions.loops.values())


def test_what_differs_in_each_request_takes_no_more_than_pages_that_are_open():
    asked = count()
    def which(req): req.scope['auth'] = {'id': 'ann', 'seen': next(asked)}
    app = FastHTML(secret_key='k', before=which)

    @app.live
    def visits(auth, n: int): return Div(f'{n}: {auth["seen"]}')
    app.get('/')(lambda: Div(visits(n=1), visits(n=2)))

    @app.post('/change')
    async def change(): await visits.changed(auth={'id': 'ann'})
    with serve(app) as server:
        visitor = Visitor(server)
        for _ in range(3):
            rows = visitor.rows('/')
            with visitor.stream(rows) as one, visitor.stream(visitor.rows('/')) as two:
                for stream in one, two: stream.until('live/checked')
                for _ in range(5):
                    visitor.request('POST', '/change')
                    for stream in one, two: assert changed(stream)
                    assert visitor.request('POST', '/_live/set', {'page': one.page, 'has': visitor.rows('/')}).status == 204
                    one.until('live/checked')
                assert topics_of(app) == 4
            assert wait_until(lambda: not topics_of(app))


@pytest.mark.parametrize('auth, same', [('ann', True), (7, True), (7.5, True), (True, True), ({'id': 'ann'}, False)], ids=repr)
def test_pages_of_a_name_or_number_share_a_drawing(auth, same):
    "Others have one for each page; `auth` is the same object in all drawings, or an equal one of its class"
    def which(req): req.scope['auth'] = auth
    app, drawn, n = FastHTML(secret_key='k', before=which), [], [1]

    @app.live
    def name(auth):
        drawn.append(auth)
        return Div(n[0])
    app.get('/')(lambda: Div(name()))

    @app.post('/change')
    async def change():
        n[0] += 1
        await name.changed(auth=auth)
    with serve(app) as server, ExitStack() as stack:
        visitor = Visitor(server)
        streams = [stack.enter_context(visitor.stream(visitor.rows('/'))) for _ in range(3)]
        for stream in streams: stream.until('live/checked')
        assert topics_of(app) == (1 if same else 3)
        before = len(drawn)
        visitor.request('POST', '/change')
        for stream in streams: assert changed(stream)
        assert len(drawn) - before == (1 if same else 3)
    assert {type(one) for one in drawn} == {type(auth)} and all(one == auth for one in drawn)


@pytest.mark.parametrize('tabs', [1, 2, 5])
def test_who_is_refused_by_now_gets_nothing_more_in_any_page(tabs):
    banned, drawn = [], []
    def gate(req):
        if banned: return Response('no', 403)
        req.scope['auth'] = {'id': 'ann', 'role': 'admin'}
    app = FastHTML(secret_key='k', before=Beforeware(gate, skip=['/change']))
    @app.live
    def secret(auth):
        drawn.append(auth)
        return Div(f'secret {len(drawn)} of {auth["role"]}' if auth else 'nothing')
    for n in range(tabs): app.get(f'/{n}')(lambda: Div(secret()))
    @app.post('/change')
    async def change(): await secret.changed()
    with serve(app) as server, ExitStack() as stack:
        visitor = Visitor(server)
        streams = [stack.enter_context(visitor.stream(visitor.rows(f'/{n}'))) for n in range(tabs)]
        for stream in streams: stream.until('live/checked')
        banned.append('ann')
        visitor.request('POST', '/change')
        for stream in streams: assert not any('secret' in event[2] for event in stream.rest())


@pytest.mark.parametrize('path', ['/news', '/mounted/news', '/mounted/deeper/news'])
@pytest.mark.parametrize('end', ['recheck', 'forget'])
def test_a_stream_of_an_app_of_starlette_within_ends_with_the_rights_of_its_user(path, end):
    banned = []
    def gate(req):
        if banned: return Response('no', 403)
        req.scope['auth'] = 'ann'
    async def news(request): return EventStream(app.channel('news'))
    within = Starlette(routes=[Route('/news', news), Mount('/deeper', Starlette(routes=[Route('/news', news)]))])
    app = FastHTML(secret_key='k', before=Beforeware(gate, skip=['/out']), routes=[Route('/news', news), Mount('/mounted', within)],
                   recheck=0.3 if end == 'recheck' else None)
    @app.post('/out')
    async def out(): await app.forget('ann')
    with serve(app) as server, SseClient(server.url, path) as client:
        banned.append('ann')
        if end == 'forget': Visitor(server).request('POST', '/out')
        list(client.events())      # until it ends
