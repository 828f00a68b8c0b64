"""One app at several places: what is open, and what a page holds, belongs to the mount and host that it came by."""
import asyncio
import http.client
import logging
import socket
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Host, Mount
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.common import Div, EventStream, FastHTML, Response
from fasthtml.realtime.regions import Signer
from support import DEADLINE, parse_events, serve, wait_until
from visitor_kit import Stream, Visitor


def plans_of(**options):
    "An app that is mounted, with everything that stays open"
    before = options.pop('route', None)
    app = FastHTML(secret_key='k', recheck=0.4, exts=(), **options)
    app.regions.patience = DEADLINE   # of a page: only its guards end it here
    app.state.plan, news = 'plan 1', app.channel('news')
    @app.live
    def plans(): return Div(app.state.plan)
    app.state.plans = plans
    app.get('/plans', before=before)(lambda: Div(plans()))
    app.get('/events', before=before)(lambda: EventStream(news))
    @app.get('/parts', before=before)
    async def parts():
        yield Div('first')
        await asyncio.Event().wait()
    @app.ws('/chat', before=before)
    async def chat(msg: str): return msg
    return app


def site_of(inner=None, at='/{area}', guard=None, **options):
    site = FastHTML(secret_key='k', recheck=0.4, exts=(), **options)
    if inner is not None: site.mount(at, inner, before=guard)
    return site


class Gate:
    "A guard of an area, closed to it while a client is inside. It goes by the address, or by the part of the path or host"
    def __init__(self, by='path'): self.by, self.shut, self.seen = by, False, []

    def __call__(self, req):
        area = req.path_params['area'] if self.by == 'part' else req.url.path.split('/')[1]
        self.seen.append(area)
        if self.shut and area == 'staff': return Response('no', 403)


def twice(gate):
    inner = plans_of()
    site = site_of(inner, '/staff', gate)
    site.mount('/all', inner)
    return inner, site


def around(inner, wrap, **options): return inner, wrap(inner, **options)


TWO_PLACES = {
    'two mounts, the one guarded': (twice, 'path'),
    'a mount with a part, and its guard': (lambda gate: around(plans_of(), site_of, guard=gate), 'part'),
    'a guard of the app': (lambda gate: around(plans_of(before=gate), site_of), 'path'),
    'a guard of the app, by the part': (lambda gate: around(plans_of(before=gate), site_of), 'part'),
    'a guard of the route': (lambda gate: around(plans_of(route=gate), site_of), 'path'),
    'a guard of the app around it': (lambda gate: around(plans_of(), site_of, before=gate), 'path'),
    'a guard of the app around it, by the part': (lambda gate: around(plans_of(), site_of, before=gate), 'part'),
    'deeper': (lambda gate: around(plans_of(before=gate), lambda inner: site_of(site_of(inner, '/in'))), 'part'),
    'Starlette around it': (lambda gate: around(plans_of(before=gate), lambda inner: Starlette(routes=[Mount('/{area}', inner)])), 'path'),
    'Starlette between': (
        lambda gate: around(plans_of(before=gate), lambda inner: site_of(Starlette(routes=[Mount('/in', inner)]))), 'part'),
}


def streamed(visitor, rows):
    with visitor.stream(rows) as stream: return stream.until('live/checked')

def polled(visitor, rows):
    events = parse_events(visitor.request('POST', '/_live', dict(has=rows, poll=True)).read().decode())
    return [(event.event, {}, event.data.partition('\n')[2]) for event in events]

def added(visitor, rows):
    "To a page of its own place"
    with visitor.stream(visitor.rows('/plans')) as stream:
        stream.until('live/checked')
        assert visitor.request('POST', '/_live/set', dict(page=stream.page, has=rows)).status == 204
        return stream.until('live/checked')

ASKED = streamed, polled, added


def in_area(served, area, way): return Visitor(served, f'/{area}/in' if way in ('deeper', 'Starlette between') else f'/{area}')

def old(rows): return [[key, token, 'old'] for key, token, _ in rows]

def html_in(events): return [html for name, _, html in events if not name.startswith('live/') and html]


@pytest.mark.parametrize('way', TWO_PLACES)
def test_a_token_is_good_at_the_place_that_it_came_from(way):
    "L4: one app at two addresses is two places, whose guards differ"
    make, by = TWO_PLACES[way]
    gate = Gate(by)
    inner, site = make(gate)
    with serve(site) as served:
        staff, other = (in_area(served, area, way) for area in ('staff', 'all'))
        rows, others = old(staff.rows('/plans')), old(other.rows('/plans'))
        for ask in ASKED: assert 'plan 1' in html_in(ask(staff, rows))[0]
        gate.shut, inner.state.plan = True, 'plan 2'
        assert staff.request('GET', '/plans').status == staff.request('POST', '/_live', dict(has=rows)).status == 403
        for ask in ASKED:
            assert html_in(ask(other, rows)) == [], ask.__name__
            assert 'plan 2' in html_in(ask(other, others))[0], 'its own is good'


@pytest.mark.parametrize('way', TWO_PLACES)
def test_an_open_page_is_asked_about_where_it_is(way):
    "L4: who is out at one place does not stay by an answer at the other"
    make, by = TWO_PLACES[way]
    gate = Gate(by)
    _, site = make(gate)
    with serve(site) as served:
        staff, other = (in_area(served, area, way) for area in ('staff', 'all'))
        with staff.stream(staff.rows('/plans')) as page:
            def says(visitor, **more): return visitor.request('POST', '/_live/set', dict(page=page.page, has=[]) | more).status
            page.until('live/recheck')
            assert says(staff) == 204
            gate.shut = True
            found = says(other), says(other, has=other.rows('/plans')), says(other, streams=[[1, '/events', {}]])
            assert found == (409,) * 3 and says(staff) in (403, 409)


@pytest.mark.parametrize('at', ['', '/staff'])
def test_a_token_of_a_version_without_mounts_is_as_one_that_has_expired(at):
    "A page that was open during the update; where no mount precedes its path nothing has changed"
    inner = plans_of()
    with serve(site_of(inner) if at else inner) as served:
        visitor = Visitor(served, at)
        [[key, token, _]] = visitor.rows('/plans')
        signed = inner.regions.signed_name(key), '', '/plans', time.time(), f'127.0.0.1:{served.port}'
        early = Signer(inner.regions.signer.secret).token(*signed)
        assert (early.split('.')[1] == token.split('.')[1]) is not at
        found = dict(event[:2] for event in streamed(visitor, [[key, early, 'old']]))
        assert found[key].get('state') == ('lost' if at else None)


# What the layers around an app have found in the address, its guards get when they are asked again

class Members:
    "A guard that reads a part of the path or host, which it has not from its own route"
    def __init__(self): self.out, self.seen = False, []

    def answer(self, found):
        self.seen.append(dict(found))
        if self.out and found.get('area') == 'staff': return Response('no', 403)


def by_item(members):
    def guard(req): return members.answer({'area': req.path_params['area']})
    return guard

def by_get(members):
    def guard(req): return members.answer({} if req.path_params.get('area') is None else req.path_params)
    return guard

def by_parameter(members):
    def guard(area: str): return members.answer({'area': area})
    return guard


def hosts_of(inner):
    site = site_of()
    site.host('{area}.example', inner)
    return site


LAYERS = {
    'a mount': ('/staff', '', site_of), 'a host': ('', 'staff.example', hosts_of),
    'two mounts': ('/staff/in', '', lambda inner: site_of(site_of(inner, '/in'))),
    'a mount below a host': ('/in', 'staff.example', lambda inner: hosts_of(site_of(inner, '/in'))),
    'a mount of Starlette': ('/staff', '', lambda inner: Starlette(routes=[Mount('/{area}', inner)])),
    'a host of Starlette': ('', 'staff.example', lambda inner: Starlette(routes=[Host('{area}.example', inner)])),
    'Starlette in a mount': ('/staff/in', '', lambda inner: site_of(Starlette(routes=[Mount('/in', inner)]))),
    'a mount in Starlette in a mount': ('/x/staff/in', '', lambda inner: site_of(Starlette(routes=[Mount('/{area}/in', inner)]), '/x')),
    'three mounts': ('/staff/in/deep', '', lambda inner: site_of(site_of(site_of(inner, '/deep'), '/in'))),
    'Starlette in two mounts': ('/staff/in/deep', '', lambda inner: site_of(site_of(Starlette(routes=[Mount('/deep', inner)]), '/in'))),
    'Starlette between three apps': (
        '/staff/in/deep', '', lambda inner: site_of(Starlette(routes=[Mount('/in', site_of(inner, '/deep'))]))),
    'a host between mounts': ('/in/deep', 'staff.example', lambda inner: site_of(hosts_of(site_of(inner, '/deep')), '/in')),
}
WHOSE = {
    'app': lambda guard, wrap: wrap(plans_of(before=guard)),
    'route': lambda guard, wrap: wrap(plans_of(route=guard)),
    'app around it': lambda guard, wrap: site_of(plans_of(), before=guard),
    'mount': lambda guard, wrap: site_of(plans_of(), guard=guard),
}
GUARDED = [(layers, 'app', by) for layers in LAYERS for by in (by_item, by_get, by_parameter)]
GUARDED += [('a mount', whose, by) for whose in ('route', 'app around it', 'mount') for by in (by_item, by_get)]


def all_open(served, prefix, host, stack):
    "A visitor, and all that stays open beside pages"
    visitor = Visitor(served, prefix, **({'Host': f'{host}:{served.port}'} if host else {}))
    raw = stack.enter_context(socket.create_connection(('127.0.0.1', served.port)))
    chat = stack.enter_context(connect(f'ws://{host or "127.0.0.1"}:{served.port}{prefix}/chat', sock=raw))
    return visitor, visitor.request('GET', '/events'), visitor.request('GET', '/parts'), chat


def assert_ended(events, parts, chat):
    assert Stream(events).rest()[-1][0] == 'shutdown'
    with pytest.raises((http.client.IncompleteRead, ConnectionError)): parts.read()
    with pytest.raises(ConnectionClosed): chat.recv(DEADLINE)


@pytest.mark.parametrize('layers, whose, by', GUARDED, ids=lambda o: getattr(o, '__name__', o))
def test_a_guard_that_is_asked_again_gets_the_parts_that_layers_around_its_app_have_found(layers, whose, by):
    members = Members()
    prefix, host, wrap = LAYERS[layers]
    with serve(WHOSE[whose](by(members), wrap)) as served, ExitStack() as stack:
        visitor, *opened = all_open(served, prefix, host, stack)
        rows = visitor.rows('/plans')
        page = stack.enter_context(visitor.stream(rows, streams=[[1, '/events', {}]]))
        page.until('live/stream')
        first, before = members.seen[0], len(members.seen)
        assert first['area'] == 'staff'
        wait_until(lambda: len(members.seen) > before + 8)   # looks pass, and nothing is ended
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=[])).status == 204
        assert 'plan 1' in html_in(polled(visitor, old(rows)))[0]
        assert all(seen == first for seen in members.seen)
        opened[-1].send('{"msg": "there"}')
        assert opened[-1].recv() == 'there'
        members.out = True
        assert_ended(*opened)
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=[])).status in (403, 409)
        assert visitor.request('POST', '/_live', dict(has=rows)).status == 403


def apps_in(app):
    "The FastHTML apps on the way to the innermost one, and that one"
    if isinstance(app, FastHTML): yield app
    for route in getattr(app, 'routes', ()): yield from apps_in(getattr(route, 'app', None))


def forget(served, app, person):
    "As a handler of the app does"
    served.call(lambda: asyncio.ensure_future(app.forget(person)))


@pytest.mark.parametrize('layers', LAYERS)
def test_every_app_on_the_way_can_end_what_a_person_has_open(layers):
    prefix, host, wrap = LAYERS[layers]
    def known(req): req.scope['auth'] = 'ann'
    site = wrap(plans_of(before=known))
    with serve(site) as served, ExitStack() as stack:
        for app in apps_in(site):
            visitor, *opened = all_open(served, prefix, host, stack)
            page = stack.enter_context(visitor.stream(visitor.rows('/plans')))
            page.until('live/checked')
            forget(served, app, 'ann')
            assert_ended(*opened)
            assert page.rest()[-1][0] == 'shutdown'


@pytest.mark.parametrize('inside', [True, False], ids=['', 'Starlette between'])
def test_an_app_ends_what_is_open_by_the_name_that_its_own_guards_know(inside):
    "A guard of a mounted app may know the person by another one"
    def outer(req): req.scope['auth'] = 'ann'
    def middle(req): req.scope['auth'] = {'id': 'member 3'}
    def inner(req): req.scope['auth'] = 'guest'
    own = plans_of(before=inner)
    site = site_of(site_of(own if inside else Starlette(routes=[Mount('/', own)]), '/in', before=middle), before=outer)
    apps = list(apps_in(site))
    with serve(site) as served, ExitStack() as stack:
        for app, name in zip(apps, ['ann', {'id': 'member 3'}, 'guest']):
            visitor, *opened = all_open(served, '/staff/in', '', stack)
            page = stack.enter_context(visitor.stream(visitor.rows('/plans')))
            page.until('live/checked')
            forget(served, app, name)
            assert_ended(*opened)
            assert page.rest()[-1][0] == 'shutdown'


# A guard that fails when it is asked again has not said yes

class Fails:
    "A guard that fails when it is asked again: every other time about each address, or always"
    def __init__(self, error): self.error, self.always, self.asked = error, False, Counter()

    def __call__(self, req):
        if 'fasthtml.again' not in req.scope: return
        self.asked[req.url.path] += 1
        if self.always or self.asked[req.url.path] % 2: raise self.error


ERRORS = {'an exception': ConnectionError('the database is away'), '503': HTTPException(503), '429': HTTPException(429)}


@pytest.mark.parametrize('place', ['', '/in'])
@pytest.mark.parametrize('error', ERRORS)
def test_what_is_open_survives_one_error_of_its_guard_and_ends_at_the_second_in_a_row(error, place, caplog):
    "It is logged once in a row"
    caplog.set_level(logging.ERROR)
    guard = Fails(ERRORS[error])
    app = plans_of(before=guard)
    with serve(site_of(app, place) if place else app) as served, ExitStack() as stack:
        _, *opened = all_open(served, place, '', stack)
        paths = [f'{place}/{name}' for name in ('events', 'parts', 'chat')]
        wait_until(lambda: all(guard.asked[path] > 4 for path in paths))
        opened[-1].send('{"msg": "there"}')
        assert opened[-1].recv() == 'there'
        guard.always = True
        caplog.clear()   # it has failed now and then, and no two times in a row
        assert_ended(*opened)
        said = [record.getMessage() for record in caplog.records if 'events' in record.getMessage()]
        assert len(said) < 2, said


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids='as asked,backwards,mixed'.split(','))
@pytest.mark.parametrize('answers, lives', [('error yes error', True), ('yes error yes', True), ('yes error error', False)])
def test_the_last_answer_of_a_slow_guard_counts(answers, lives, order):
    "It takes longer than a recheck, so questions overlap: two errors in a row are those that nothing stands between"
    asked = []
    async def guard(req):
        if 'fasthtml.again' not in req.scope: return
        asked.append(asyncio.get_running_loop().create_future())
        if await asked[-1] == 'error': raise ConnectionError('the database is away')
    app = FastHTML(secret_key='k', recheck=0.02, before=guard)
    @app.ws('/chat')
    async def chat(msg: str): return msg
    with serve(app) as served, connect(f'{served.ws_url}/chat') as client:
        wait_until(lambda: len(asked) >= 3)
        for i, answer in zip(order, answers.split()): served.call(lambda i=i, answer=answer: asked[i].set_result(answer))
        wait_until(lambda: asked[order[len(answers.split()) - 1]].done())
        if lives:
            before = len(asked)
            wait_until(lambda: len(asked) > before + 1)   # what has ended is not asked about any more
            client.send('{"msg": "there"}')
            assert client.recv() == 'there'
        else:
            with pytest.raises(ConnectionClosed): client.recv(timeout=DEADLINE)


@pytest.mark.parametrize('whose', ['page', 'region'])
def test_a_page_whose_guard_fails_for_ever_is_ended(whose):
    "Whatever it asks meanwhile: an error is no answer"
    broken = []
    def fails(): return not broken or 1 / 0
    def guard(req): fails() and None
    app = plans_of(before=guard if whose == 'page' else None)
    app.regions.patience = 0
    @app.live(guard=fails)
    def other(): return Div('other')
    app.get('/page')(lambda: Div(other()))
    with serve(app) as served:
        visitor = Visitor(served)
        rows = visitor.rows('/page')
        with visitor.stream(rows) as page:
            page.until('live/recheck')
            assert visitor.request('POST', '/_live/set', dict(page=page.page, has=[])).status == 204
            broken.append(True)
            found = []
            while (event := page.next()) is not None:
                if event[0] == 'live/recheck': found.append(visitor.request('POST', '/_live/set', dict(page=page.page, has=[])).status)
            assert found and set(found) == {500}
        if whose == 'page': assert visitor.request('POST', '/_live', dict(has=rows)).status == 500
        else: assert html_in(polled(visitor, old(rows))) == []


@pytest.mark.parametrize('broker, said', [(None, ['/{area}', '/{area}/in']), ('memory', []), ('sqlite', [])])
def test_the_log_says_which_mounted_apps_reach_one_process_only(broker, said, tmp_path, caplog):
    "The app around them has a broker, so other processes have connections, too"
    def at(name): return f'sqlite:{tmp_path}/{name}.db'
    own = [at(f'of {n}') if broker == 'sqlite' else broker for n in range(2)]
    middle = FastHTML(secret_key='k', broker=own[0])
    middle.mount('/in', FastHTML(secret_key='k', broker=own[1]))
    site = FastHTML(secret_key='k', broker=at('site'))
    site.mount('/{area}', Starlette(routes=[Mount('/', middle)]))
    with serve(site): pass
    found = [record.args[0] for record in caplog.records if 'has no broker' in record.msg]
    assert [path.replace('//', '/').rstrip('/') for path in found] == said


def test_apps_that_are_mounted_in_each_other_start_with_a_broker(tmp_path, caplog):
    site, other = FastHTML(secret_key='k', broker=f'sqlite:{tmp_path}/s.db'), FastHTML(secret_key='k')
    site.mount('/self', site)
    site.mount('/other', other)
    other.mount('/site', site)
    with serve(site): pass
    assert [record.args[0] for record in caplog.records if 'has no broker' in record.msg] == ['/other']
