"""What a page is drawn is as new as the rights of its user, why ever it is drawn, and goes by the newest cookies of its browser.

One right is taken from a user whose page is open: a role, a second factor, or all of them (the guard refuses). Then a drawing goes to
the page: the first, one for a change, one of a region that comes into another one, or that of `recheck`. `KEPT` is where the right is.
A session in a cookie is known by the requests that bring it, so the page asks once more (`/_live/set`, as at each `recheck`).
"""
import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from fasthtml.common import Beforeware, Div, EventStream, FastHTML, Response
from support import serve, wait_until
from visitor_kit import Visitor


class User:
    def __init__(self, id, role): self.id, self.role = id, role


class Name(str):
    "A text that holds more"


def name_with(id, role):
    made = Name(id)
    made.id, made.role = id, role
    return made


USERS = {'mapping': lambda id, role: {'id': id, 'role': role}, 'object': User, 'text that holds more': name_with}
def role_of(auth): return auth['role'] if isinstance(auth, dict) else auth.role


def alone(app, **options): return app, ''
def mounted(app, **options):
    site = FastHTML(secret_key='k', **options)
    site.mount('/in', app)
    return site, '/in'
def in_starlette(app, **options): return Starlette(routes=[Mount('/in', app)]), '/in'
def with_starlette_between(app, **options):
    return FastHTML(secret_key='k', routes=[Mount('/in', Starlette(routes=[Mount('/deep', app)]))], **options), '/in/deep'


MOUNTS = {'alone': alone, 'mounted': mounted, 'in Starlette': in_starlette, 'Starlette between': with_starlette_between}
TAKEN = {'role': 'guest', 'second factor': 'half', 'all': None}   # the role that is left


def rights(user, kept, guarded, **options):
    "An app whose user has the rights that a session or the program says"
    now, shown = {'role': 'admin'}, [False]
    def gate(req, session):
        role = now['role'] if kept == 'program' else session.get('role')
        if not role: return Response('no', 403)
        req.scope['auth'] = USERS[user]('ann', role)
    app = FastHTML(secret_key='k', before=Beforeware(gate, skip=['/as', '/change', '/come']), **options)

    n = [1]
    guard = (lambda auth: role_of(auth) == 'admin') if guarded else None
    @app.live(guard=guard)
    def panel(auth): return Div(f'panel {n[0]} for {role_of(auth) if auth else "nobody"}')

    @app.live
    def board(): return Div('board', panel() if shown[0] else '')
    app.get('/')(lambda: Div(panel()))
    app.get('/board')(lambda: Div(board()))

    @app.get('/as')
    def become(session, role: str = ''):
        now['role'] = role
        session['role'] = role
        return role

    @app.post('/change')
    async def change():
        n[0] += 1
        await panel.changed()

    @app.post('/come')
    async def come():
        shown[0] = True
        await board.changed()
    return app


def all_until(stream, wanted):
    "What a page is sent until it has seen `wanted`, or ends"
    events = []
    while (event := stream.next()) is not None:
        events.append(event)
        if wanted(event): break
    return events


def check(who, taken, kept, user, mount, tmp_path, guarded=False):
    left = TAKEN[taken]
    options = {'sess_store': f'sqlite:///{tmp_path}/s.db'} if kept == 'store' else {}
    app, prefix = MOUNTS[mount](rights(user, kept, guarded, recheck=0.4 if who == 'recheck' else None, **options), **options)
    with serve(app) as server, ExitStack() as stack:
        visitor = Visitor(server, prefix)
        visitor.get('/as?role=admin')
        rows = visitor.rows('/board' if who == 'inner' else '/')
        if who != 'first':
            stream = stack.enter_context(visitor.stream(rows))
            came = stream.until('live/checked')
        visitor.get(f'/as?role={left or ""}')
        if who == 'first':
            if left is None:
                assert visitor.request('POST', '/_live', {'has': rows}).status == 403
                return
            stream = stack.enter_context(visitor.stream(rows))
        else:
            if who == 'recheck' and not any(event[0] == 'live/recheck' for event in came): stream.until('live/recheck')
            if who == 'recheck' or kept == 'cookie':
                status = visitor.request('POST', '/_live/set', {'page': stream.page, 'has': []}).status
                assert status == (409 if left is None else 204)
            if who == 'change': Visitor(server, prefix).request('POST', '/change')
            if who == 'inner': Visitor(server, prefix).request('POST', '/come')
        def over(event): return event[0] == 'panel{}' and (event[2] or event[1]['state'] == 'lost')
        events = all_until(stream, over)
    assert not any('for admin' in event[2] for event in events), events
    if left is None: assert not any('panel 1' in event[2] or 'panel 2' in event[2] for event in events)
    elif guarded: assert events[-1][1]['state'] == 'lost'
    else: assert f'for {left}' in events[-1][2]


@pytest.mark.parametrize('who', ['first', 'change', 'inner', 'recheck'])
@pytest.mark.parametrize('taken', TAKEN)
@pytest.mark.parametrize('kept', ['program', 'cookie', 'store'])
@pytest.mark.parametrize('mount', MOUNTS)
def test_a_drawing_is_as_new_as_the_rights_of_its_user(who, taken, kept, mount, tmp_path):
    check(who, taken, kept, 'mapping', mount, tmp_path)


@pytest.mark.parametrize('who', ['first', 'change', 'inner', 'recheck'])
@pytest.mark.parametrize('user', USERS)
def test_whatever_object_says_who_the_user_is(who, user, tmp_path):
    check(who, 'role', 'cookie', user, 'alone', tmp_path)


@pytest.mark.parametrize('who', ['first', 'inner', 'recheck'])
@pytest.mark.parametrize('kept', ['program', 'cookie', 'store'])
def test_a_region_with_a_guard_does_not_come_for_a_right_that_is_gone(who, kept, tmp_path):
    check(who, 'role', kept, 'mapping', 'alone', tmp_path, guarded=True)


def by_session(**options):
    "An app that goes by the role in the cookie, and a guard that waits where a request says so"
    waiting, go, n = [], asyncio.Event(), [1]
    async def gate(req, session):
        if 'x-wait' in req.headers:
            waiting.append(1)
            await go.wait()
        if req.url.path == '/news' and session.get('role') != 'admin': return Response('no', 403)
        req.scope['auth'] = {'id': 'ann', 'role': session.get('role')}
    app = FastHTML(secret_key='k', before=Beforeware(gate, skip=['/as', '/go']), **options)
    app.state.waiting = waiting

    @app.live
    def panel(auth): return Div(f'panel {n[0]} for {auth["role"]}')
    app.get('/')(lambda: Div(panel()))
    app.get('/news')(lambda: EventStream(app.channel('news')))

    @app.get('/as')
    def become(session, role: str): session['role'] = role

    @app.get('/go')
    async def let_go():
        n[0] += 1
        go.set()

    @app.post('/change')
    async def change(): await panel.changed()
    return app


def test_a_request_that_came_before_another_one_does_not_bring_its_cookies_back():
    app = by_session()
    with serve(app) as server, ThreadPoolExecutor() as pool, ExitStack() as stack:
        visitor, late = Visitor(server), Visitor(server, **{'X-Wait': 'yes'})
        visitor.get('/as?role=admin')
        late.cookie = visitor.cookie
        stream = stack.enter_context(visitor.stream(visitor.rows('/')))
        stream.until('live/checked')
        visitor.get('/as?role=guest')
        about = {'page': stream.page, 'has': []}
        first = pool.submit(late.request, 'POST', '/_live/set', about)
        assert wait_until(lambda: app.state.waiting)
        assert visitor.request('POST', '/_live/set', about).status == 204
        visitor.get('/go')
        assert first.result().status == 204
        visitor.request('POST', '/change')
        assert 'panel 2 for guest' in all_until(stream, lambda event: event[0] == 'panel{}')[-1][2]


@pytest.mark.parametrize('opened, asked, last', [   # roles in the cookies: of the page, of a later request for the stream, and of the last
    ('admin', None, 'guest'), ('admin', None, 'admin'), ('admin', 'admin', 'guest'), ('guest', 'admin', 'guest'),
    ('guest', 'admin', 'admin'), ('guest', 'admin', 'other'), ('other', 'admin', 'guest')])
def test_a_stream_that_a_page_carries_is_asked_about_with_the_last_cookies_of_the_page(opened, asked, last):
    with serve(by_session(recheck=0.4)) as server, ExitStack() as stack:
        visitor, cookies = Visitor(server), {}
        for role in ('admin', 'guest', 'other'):
            visitor.get(f'/as?role={role}')
            cookies[role] = visitor.cookie
        def confirm(role, **more):
            visitor.cookie = cookies[role]
            assert visitor.request('POST', '/_live/set', {'page': stream.page, 'has': [], **more}).status == 204
        news = {'streams': [[1, '/news', {}]]}
        visitor.cookie = cookies[opened]
        stream = stack.enter_context(visitor.stream(visitor.rows('/'), **({} if asked else news)))
        stream.until('live/checked' if asked else 'live/stream')
        if asked:
            confirm(asked, **news)
            stream.until('live/stream')
        events, times = [], 0
        while times < 4 and not any(event[:2] == ('live/stream', [1, None]) for event in events):
            events += all_until(stream, lambda event: event[0] in ('live/recheck', 'live/stream'))
            if events[-1][0] == 'live/recheck':
                times += 1
                confirm(last)
        assert (events[-1][:2] == ('live/stream', [1, None])) is (last != 'admin')


@pytest.mark.parametrize('auth, asked', [('ann', 0), (7, 0), ({'id': 'ann'}, 1)], ids=repr)
def test_drawings_that_begin_together_ask_the_guards_once(auth, asked):
    "And those for a name or number do not ask"
    times = []
    def gate(req):
        times.append(1)
        req.scope['auth'] = auth
    app, n = FastHTML(secret_key='k', before=Beforeware(gate, skip=['/change'])), [1]

    @app.live
    def cell(auth, k: int): return Div(f'{n[0]} {k}')
    app.get('/')(lambda: Div(*(cell(k=k) for k in range(30))))

    @app.post('/change')
    async def change():
        n[0] += 1
        await cell.changed()
    with serve(app) as server:
        visitor = Visitor(server)
        with visitor.stream(visitor.rows('/')) as stream:
            stream.until('live/checked')
            before = len(times)
            visitor.request('POST', '/change')
            left = {f'cell{{"k":{k}}}' for k in range(30)}
            while left: left.discard(stream.next()[0])
            assert len(times) - before == asked
