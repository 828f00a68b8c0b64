"""A region with `auth` is drawn with what the guards say of its user at that moment, at that place.

`PLACES` are ways for one person to have different rights in different pages: mounts, and hosts. A person who is refused by now gets
nothing more, however many pages are open.
"""
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from fasthtml.common import Beforeware, Div, EventStream, FastHTML, Response
from support import SseClient, serve
from visitor_kit import Visitor


def shop(which, **options):
    "An app whose user has the rights of the shop that the address says"
    app, plans = FastHTML(secret_key='k', before=which, **options), {'acme': 'of acme, first', 'evil': 'of evil, first'}

    @app.live
    def plan(auth): return Div(plans[auth['shop']])

    @app.get('/plans')
    def page(): return Div(plan())

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


PLACES = {'mounts': by_mount, 'mounts of Starlette': by_mount_of_starlette, 'hosts': by_host}


def shown(stream):
    "The HTML of the next drawing"
    while (event := stream.next()) is not None:
        if not event[0].startswith('live/') and event[2]: return event[2]
    return None


@pytest.mark.parametrize('first', ['acme', 'evil'])
@pytest.mark.parametrize('place', PLACES)
def test_a_page_shows_what_its_user_may_see_at_its_place(place, first):
    app, visitor = PLACES[place]()
    names = [first, *({'acme', 'evil'} - {first})]
    with serve(app) as server, ExitStack() as stack:
        visitors = {name: visitor(server, name) for name in names}
        rows = {name: visitors[name].rows('/plans') for name in names}
        streams = {name: stack.enter_context(visitors[name].stream(rows[name])) for name in names}
        for stream in streams.values(): stream.until('live/checked')
        assert visitors[first].request('POST', '/change?name=second').status == 200
        for name in names: assert f'of {name}, second' in shown(streams[name])


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
