"""Live regions over HTTP: who gets what, and what is refused. The browser is in `browser/test_live.py`."""
import asyncio
import base64
import http.client
import json
import math
import re
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.app import live, open_pages
from fasthtml.app.auth import BasicAuthMiddleware, user_pwd_auth
from fasthtml.common import (
    A,
    APIRouter,
    Beforeware,
    Div,
    EventStream,
    FastHTML,
    Limits,
    Response,
    Script,
    Td,
    Titled,
    Tr,
    to_xml,
)
from fasthtml.http.texts import Text, say
from fasthtml.realtime import presence
from fasthtml.realtime.regions import draw_html, with_nonce
from fasthtml.testing import AsyncClient, Client, Closed
from support import DEADLINE, serve, wait_until
from visitor_kit import Stream, Visitor, guard


def shop(**options):
    app = FastHTML(secret_key='k', before=Beforeware(guard), **options)
    app.state.n = 0
    app.state.going = threading.Event()
    app.state.going.set()

    @app.live
    def cart(id: int): return Div(f'cart {id}: {app.state.n}', A('go', href=other))

    @app.live
    def account(auth): return Div(f'{auth} has {app.state.n}')

    @app.live(guard=lambda auth, id: auth != 'eve')
    def secret(id: int): return Div(f'secret {app.state.n}')

    @app.live(timeout=0.2)
    def hang(id: int):
        app.state.going.wait()
        return Div(f'hang {app.state.n}')

    @app.live
    def around(id: int): return Div(account(), f'around {app.state.n}')

    app.state.regions = dict(cart=cart, account=account, secret=secret, hang=hang, around=around)

    @app.get('/')
    def home(): return Titled('x', cart(id=7), cart(id=8))

    @app.get('/staff')
    def staff(): return Titled('x', account(), secret(id=1))

    @app.get('/around')
    def rounds(): return around(id=1)

    @app.get('/hang')
    def hangs(n: int = 1): return Titled('x', *[hang(id=i) for i in range(n)])

    @app.get('/closed', before=lambda: Response('', 403) if app.state.n else None)
    def closed(): return cart(id=9)

    @app.get('/other')
    def other(): return 'other'

    @app.get('/login')
    def login(session, user: str = ''):
        session['user'] = user
        return 'in'

    @app.get('/logout')
    def logout(session):
        session.clear()
        return 'out'

    @app.get('/staff/events')
    def events(): return EventStream(app.channel('news'))

    @app.get('/staff/parts')
    async def parts():
        yield Div('first')
        await asyncio.sleep(3600)

    @app.get('/later')
    async def later(): return Titled('x', late(id=1))

    @app.live
    async def late(id: int): return Div('late')

    @app.live
    async def both(): return Div(await late(id=1))

    @app.get('/both')
    async def both_page(): return Titled('x', await both())

    app.state.regions['late'] = late

    @app.live
    def line(id: int): return Tr(Td(id))

    @app.get('/line')
    def one_line(): return line(id=1)

    @app.ws('/draws', before=lambda: Response('', 403) if app.state.n else None)
    def draws(msg: str): return cart(id=7)

    @app.ws('/staff/chat')
    def chat(msg: str): return msg
    return app


@pytest.fixture
def app(): return shop()


@pytest.fixture
def served(app):
    with serve(app) as served: yield served


def states(events): return {name: head.get('state') for name, head, _ in events if not name.startswith('live/')}


def test_a_page_that_has_the_present_is_sent_nothing_and_then_what_changes(app, served):
    visitor = Visitor(served)
    rows = visitor.rows('/')
    with visitor.stream(rows) as stream:
        assert [e[0] for e in stream.until('live/checked')] == ['live/hello', 'live/checked']
        app.state.n = 1
        app.state.regions['cart'].changed_sync(id=8)
        name, _, html = stream.next()
        assert name == 'cart{"id":8}' and 'cart 8: 1' in html
        app.state.n = 2
        app.state.regions['cart'].changed_sync()
        assert {stream.next()[0] for _ in range(2)} == {'cart{"id":7}', 'cart{"id":8}'}


def forged(rows, other):
    "Ways to ask for what was not drawn for this person"
    (key, token, _), (_, theirs, _) = rows[0], other[0]
    until, path, code = token.split('.')
    return {'of another person': [key, theirs, ''], 'none': [key, '', ''], 'empty parts': [key, '..', ''], 'garbage': [key, 'é.\0.😀', ''],
            'later end': [key, f'{int(until, 16) + 9:x}.{path}.{code}', ''], 'other page': [key, f'{until}.L290aGVy.{code}', ''],
            'other region': ['secret{"id":2}', token, ''], 'no such region': ['nothing{}', token, ''],
            'spelled otherwise': [key.replace('{', '{ '), token, ''], 'negative end': [key, f'-1.{path}.{code}', '']}


def test_only_the_own_token_opens_a_region(served):
    "L4: every other way is answered with `lost`, and without content"
    ann, bob = Visitor(served), Visitor(served)
    for visitor, user in (ann, 'ann'), (bob, 'bob'): visitor.get(f'/login?user={user}')
    cases = forged(ann.rows('/staff'), bob.rows('/staff'))
    for name, row in cases.items():
        with ann.stream([row, ann.rows('/')[0]]) as stream: events = stream.until('live/checked')
        assert states(events) == {row[0]: 'lost'}, name
        assert not any('has' in html or 'secret' in html for _, _, html in events), name


def test_a_token_expires(app, served):
    visitor = Visitor(served)
    app.regions.signer.life = -1
    rows = visitor.rows('/')
    with visitor.stream(rows) as stream: assert set(states(stream.until('live/checked')).values()) == {'lost'}


def test_guards_of_the_page_are_asked_when_it_comes(app, served):
    "L4: those of the app and those of the route; a log-out without a call is noticed"
    visitor = Visitor(served)
    visitor.get('/login?user=ann')
    staff, closed = visitor.rows('/staff'), visitor.rows('/closed')
    visitor.get('/logout')
    assert visitor.request('POST', '/_live', dict(has=staff)).status == 403
    visitor.get('/login?user=bob')
    with visitor.stream(staff) as stream: assert set(states(stream.until('live/checked')).values()) == {'lost'}
    app.state.n = 1
    assert visitor.request('POST', '/_live', dict(has=closed)).status == 403


def test_the_guard_of_a_region_keeps_others_out(app, served):
    "L4: in the page, and when the stream opens"
    eve, ann = Visitor(served), Visitor(served)
    eve.get('/login?user=eve')
    assert eve.request('GET', '/staff').status == 403
    ann.get('/login?user=ann')
    rows = [row for row in ann.rows('/staff') if row[0].startswith('secret')]
    app.state.regions['secret'].guard = lambda auth, id: False
    with ann.stream(rows) as stream: assert states(stream.until('live/checked')) == {'secret{"id":1}': 'lost'}


def test_a_region_inside_needs_its_outer_one(served):
    "L4: without the outer region on the same page it is refused; with it, it is personal"
    visitor = Visitor(served)
    visitor.get('/login?user=ann')
    outer = [row for row in visitor.rows('/around') if row[0].startswith('around')]
    with visitor.stream([['account{}', '', '']]) as stream: assert states(stream.until('live/checked')) == {'account{}': 'lost'}
    with visitor.stream([*outer, ['account{}', '', '']]) as stream:
        events = stream.until('live/checked')
        assert [html for name, _, html in events if name == 'account{}'] == ['<div data-live-key="account{}">ann has 0</div>']


@pytest.mark.parametrize('body', [
    b'', b'{', b'[]', b'{"has": 1}', b'{"has": [["a", "b"]]}', b'{"has": [[1, 2, 3]]}', b'[' * 100_000, b'\xff'])
def test_a_body_that_makes_no_sense_is_refused(served, body):
    for path in '/_live', '/_live/set': assert Visitor(served).request('POST', path, body).status == 400


def test_a_body_that_asks_too_much_is_refused(served):
    for rows in [['a', '', '']] * 5001, [['a' * 2_000_000, '', '']]:
        assert Visitor(served).request('POST', '/_live', dict(has=rows)).status == 413
    tokens = [[f'cart{{"id":{n}}}', f'0.{base64.b64encode(b"/%d" % n).decode()}.x', ''] for n in range(60)]
    assert Visitor(served).request('POST', '/_live', dict(has=tokens)).status == 413


@pytest.mark.parametrize('path', ['/_live', '/_live/set'])
@pytest.mark.parametrize('rows, said', [([['a', '', '']] * 5001, '5,000 regions'), ([['a' * 2_000_000, '', '']], '1,048,576 bytes')])
def test_a_page_that_shows_too_much_is_logged_once(served, app, caplog, path, rows, said):
    "It stays stale, and only the log can tell the author why"
    for _ in range(2): assert Visitor(served).request('POST', path, dict(has=rows), Referer='/big').status == 413
    line, = [r.getMessage() for r in caplog.records if 'shows too much' in r.getMessage()]
    assert '/big' in line and said in line and 'one region' in line


def test_another_site_cannot_open_a_stream(served):
    visitor = Visitor(served)
    rows = visitor.rows('/')
    assert visitor.request('POST', '/_live', dict(has=rows), Origin='https://evil.example').status == 403


def test_another_person_cannot_change_what_a_page_is_sent(served):
    ann, bob = Visitor(served), Visitor(served)
    for visitor, user in (ann, 'ann'), (bob, 'bob'): visitor.get(f'/login?user={user}')
    with ann.stream(ann.rows('/staff')) as stream:
        stream.until('live/checked')
        assert bob.request('POST', '/_live/set', dict(page='live:x', drop=['account{}'])).status == 409
        assert ann.request('POST', '/_live/set', dict(page=stream.page, has=[], drop=[])).status == 204


def test_many_pages_at_once_are_all_served(served):
    visitor = Visitor(served)
    rows = [[*row[:2], 'something old'] for row in visitor.rows('/')]
    with ThreadPoolExecutor(20) as pool:
        def one(_):
            with visitor.stream(rows) as stream: return len(stream.until('live/checked'))
        assert list(pool.map(one, range(60))) == [4] * 60


def test_regions_that_hang_take_no_thread_from_pages(app, served):
    "L5: sixty of them, far more than there are threads for pages"
    visitor = Visitor(served)
    rows = visitor.rows('/hang?n=60')
    app.state.going.clear()
    app.state.n = 1
    try:
        with visitor.stream(rows) as stream:
            failed = states(stream.until('live/checked'))
            assert len(failed) == 60 and set(failed.values()) == {'failed'}
            assert visitor.get('/other')   # a plain handler, which needs a thread
    finally: app.state.going.set()


def test_a_page_of_two_paths_loses_what_one_of_them_refuses(app, served):
    "L4: and keeps the rest"
    visitor = Visitor(served)
    rows = visitor.rows('/closed') + visitor.rows('/')
    app.state.n = 1
    with visitor.stream(rows) as stream: events = stream.until('live/checked')
    assert [name for name, state in states(events).items() if state == 'lost'] == ['cart{"id":9}']
    assert not any('cart 9' in html for _, _, html in events)


def set_again(visitor, stream): return visitor.request('POST', '/_live/set', dict(page=stream.page)).status


def test_each_question_of_a_page_asks_all_guards_again(app, served):
    "L4: who it is, the guards of its path, and those of its regions"
    visitor = Visitor(served)
    visitor.get('/login?user=ann')
    with visitor.stream(visitor.rows('/staff')) as stream:
        stream.until('live/checked')
        assert set_again(visitor, stream) == 204
        app.state.regions['secret'].guard = lambda auth, id: False
        assert set_again(visitor, stream) == 204
        assert stream.next()[:2] == ('secret{"id":1}', {'state': 'lost'})
        visitor.get('/login?user=bob')
        assert set_again(visitor, stream) == 409
        assert stream.rest()[-1][0] == 'shutdown'
    with visitor.stream(visitor.rows('/closed')) as stream:
        stream.until('live/checked')
        app.state.n = 1
        assert set_again(visitor, stream) == 409
        assert stream.rest()[-1][0] == 'shutdown'


def test_a_token_is_renewed_before_it_expires(app, served):
    "L4: with each comparison in the second half of its time"
    visitor = Visitor(served)
    rows = visitor.rows('/')
    with visitor.stream(rows) as stream: assert stream.until('live/checked')[-1][1] == {'renew': {}}
    app.regions.signer.life *= 3
    with visitor.stream(rows) as stream: renewed = stream.until('live/checked')[-1][1]['renew']
    assert set(renewed) == {key for key, _, _ in rows}
    with visitor.stream([[key, renewed[key], has] for key, _, has in rows]) as stream:
        assert [event[0] for event in stream.until('live/checked')] == ['live/hello', 'live/checked']


def test_a_page_that_is_not_asked_again_is_ended(app):
    "L4: `recheck`"
    app = shop(recheck=0.4)
    app.regions.patience = 0.2
    with serve(app) as served:
        visitor = Visitor(served)
        with visitor.stream(visitor.rows('/')) as stream:
            stream.until('live/recheck')
            assert visitor.request('POST', '/_live/set', dict(page=stream.page)).status == 204
            stream.until('live/recheck')
            assert stream.rest()[-1][0] == 'shutdown'


def test_a_page_whose_person_has_gone_is_ended_at_the_next_look():
    app = shop(recheck=0.4)
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/login?user=ann')
        with visitor.stream(visitor.rows('/staff')) as stream:
            stream.until('live/recheck')
            visitor.get('/logout')
            assert visitor.request('POST', '/_live/set', dict(page=stream.page)).status == 409
            assert stream.rest()[-1][0] == 'shutdown'


def open_all(visitor, served):
    "A page, a plain stream, a socket and a page in parts of one person"
    page = visitor.request('POST', '/_live', dict(has=visitor.rows('/staff')))
    events = visitor.request('GET', '/staff/events')
    socket = connect(served.ws_url + '/staff/chat', additional_headers={'Cookie': visitor.cookie}).__enter__()
    socket.send('{"msg": "hello"}')
    assert socket.recv() == 'hello'
    Stream(page).until('live/checked')
    return page, events, socket, visitor.request('GET', '/staff/parts')


def ended(page, events, socket, parts):
    with pytest.raises((http.client.IncompleteRead, ConnectionError)): parts.read()   # it does not look complete
    assert Stream(page).rest()[-1][0] == 'shutdown'
    assert Stream(events).rest()[-1][0] == 'shutdown'
    with pytest.raises(ConnectionClosed) as e: socket.recv(DEADLINE)
    assert e.value.rcvd.code == 1012


def test_forget_ends_streams_sockets_and_pages_of_one_person(app, served):
    ann, bob = Visitor(served), Visitor(served)
    for visitor, user in (ann, 'ann'), (bob, 'bob'): visitor.get(f'/login?user={user}')
    hers, his = open_all(ann, served), open_all(bob, served)
    served.call(lambda: app.regions.here().topics.start(app.forget('ann')))
    ended(*hers)
    app.state.n = 5
    app.state.regions['account'].changed_sync()
    assert Stream(his[0]).until('account{}')[-1][2] == '<div data-live-key="account{}">bob has 5</div>'
    his[2].send('{"msg": "still"}')
    assert his[2].recv() == 'still'
    his[2].close()
    for response in (his[0], his[1], his[3]): response.close()


def slow_shop(**options):
    "Between the guard that says who it is and the open stream lies some work"
    app = FastHTML(secret_key='k', before=Beforeware(guard), **options)
    app.state.inside, app.state.go, app.state.news = threading.Event(), threading.Event(), app.channel('news')
    @app.get('/login')
    def login(session, user: str): session['user'] = user
    async def work():
        app.state.inside.set()
        while not app.state.go.is_set(): await asyncio.sleep(0.01)
    async def words():
        yield 'first'
        await asyncio.sleep(DEADLINE)
    @app.get('/staff/channel')
    async def of_channel():
        await work()
        return EventStream(app.state.news)
    @app.get('/staff/channels')
    async def of_channels():
        await work()
        return EventStream(app.state.news, app.channel('more'))
    @app.get('/staff/thread')
    def of_thread():
        app.state.inside.set()
        app.state.go.wait()
        return EventStream(app.state.news)
    @app.get('/staff/source')
    async def of_source():
        await work()
        return EventStream(words())
    @app.get('/staff/sent')
    async def of_send():
        stream = EventStream()
        await work()
        await stream.send('first')
        return stream
    @app.get('/staff/parts')
    async def of_parts():
        await work()
        yield 'first'
    @app.get('/staff/parts_later')
    async def of_parts_later():
        await work()
        return StreamingResponse(words())
    @app.get('/staff/guarded', before=work)
    def guarded(): return EventStream(app.state.news)
    @app.ws('/staff/socket', before=work, channels=[app.state.news])
    def socket(msg: str): return Div('never')
    @app.live
    def account(auth): return Div(f'of {auth}')
    @app.get('/staff/page', before=work)
    def page(): return Titled('x', account())
    return app


# Whose `forget` it is -> how many apps are around that of the handler
WHOSE = {'own': 0, 'outer': 1, 'middle': 2}


def mounted_for(inner, whose, **options):
    "The prefix, whose `forget` it is, and what is served"
    apps = [inner]
    for _ in range(WHOSE[whose]):
        apps.append(FastHTML(secret_key='k', **options))
        apps[-1].mount('/in', apps[-2])
    return '/in' * WHOSE[whose], apps[min(1, len(apps) - 1)], apps[-1]


def ends_at_once(how, visitor, served):
    "Open it; returns when it has ended"
    if how != 'socket':
        response = visitor.request('POST', '/_live', dict(has=visitor.known)) if how == 'page' else visitor.request('GET', f'/staff/{how}')
        return response.status if 'parts' in how else Stream(response).rest()[-1][0]
    with connect(f'{served.ws_url}{visitor.prefix}/staff/socket', additional_headers={'Cookie': visitor.cookie}) as ws:
        with pytest.raises(ConnectionClosed) as e: ws.recv(DEADLINE)
        return e.value.rcvd.code


@pytest.mark.parametrize('whose', WHOSE)
@pytest.mark.parametrize('how', 'channel channels thread source sent guarded page parts parts_later socket'.split())
def test_what_opens_for_somebody_who_was_forgotten_meanwhile_ends_at_once(how, whose):
    app = slow_shop()
    prefix, forgetful, site = mounted_for(app, whose)
    with serve(site) as served, ThreadPoolExecutor(1) as pool:
        ann = Visitor(served, prefix)
        ann.get('/login?user=ann')
        app.state.go.set()
        ann.known = ann.rows('/staff/page')
        app.state.go.clear()
        app.state.inside.clear()
        opening = pool.submit(ends_at_once, how, ann, served)
        assert app.state.inside.wait(DEADLINE)
        served.call(lambda: asyncio.ensure_future(forgetful.forget('ann')))
        served.call(lambda: None)
        app.state.go.set()
        assert opening.result() == (1012 if how == 'socket' else 503 if 'parts' in how else 'shutdown')
        back = ann.request('GET', '/staff/channel')   # she was let in afterwards
        wait_until(lambda: len(app.state.news) == 1)  # this thread may have the headers before
        app.state.news.publish_sync('hello', 'greeting')
        assert Stream(back).until('greeting')
        back.close()


@pytest.mark.parametrize('whose', WHOSE)
@pytest.mark.parametrize('how', ['channel', 'source', 'page', 'socket'])
def test_a_process_with_nothing_open_hears_who_is_forgotten(how, whose, tmp_path):
    "The handler was let in here; meanwhile another process has logged its person out"
    shared = dict(broker=f'sqlite:{tmp_path}/a.db')
    apps = [slow_shop(**shared) for _ in range(2)]
    (prefix, ours, site), (_, theirs, other) = (mounted_for(app, whose, **shared) for app in apps)
    with serve(site) as here, serve(other) as there, ThreadPoolExecutor(1) as pool:
        ann = Visitor(here, prefix)
        ann.get('/login?user=ann')
        apps[0].state.go.set()
        ann.known = ann.rows('/staff/page')
        apps[0].state.go.clear()
        apps[0].state.inside.clear()
        opening = pool.submit(ends_at_once, how, ann, here)
        assert apps[0].state.inside.wait(DEADLINE)
        there.call(lambda: asyncio.ensure_future(theirs.forget('ann')))
        assert wait_until(lambda: ours.regions.loops and 'ann' in next(iter(ours.regions.loops.values())).forgotten)
        apps[0].state.go.set()
        assert opening.result() == (1012 if how == 'socket' else 'shutdown')


def test_forget_ends_what_is_open_in_mounted_apps_too():
    inner, app = shop(), shop()
    app.mount('/in', inner)
    with serve(app) as served:
        ann, bob = Visitor(served), Visitor(served)
        for visitor, user in (ann, 'ann'), (bob, 'bob'): visitor.get(f'/login?user={user}')
        hers, his = (visitor.request('GET', '/in/staff/events') for visitor in (ann, bob))
        served.call(lambda: app.regions.here().topics.start(app.forget('ann')))
        assert Stream(hers).rest()[-1][0] == 'shutdown'
        inner.channel('news').publish_sync('hello', 'greeting')
        assert Stream(his).until('greeting')
        his.close()


@pytest.mark.parametrize('path', ['/logout', '/login?user=bob'])
def test_what_is_open_ends_when_a_session_on_the_server_has_gone(tmp_path, path):
    "`recheck` for streams and sockets: guards are asked again, with the session as it is now"
    app = shop(recheck=0.4, sess_store=f'sqlite:///{tmp_path}/sessions.db')
    with serve(app) as served:
        visitor = Visitor(served)
        visitor.get('/login?user=ann')
        _, events, socket, parts = open_all(visitor, served)
        here, = app.regions.loops.values()
        for _ in range(2):   # guards are asked again, and nothing is ended
            before = dict(here.connections)
            def asked(): return all(here.connections.get(one, math.inf) > when for one, when in before.items())  # noqa: B023
            wait_until(lambda: before and asked() and not here.topics._tasks, what='the guards')  # noqa: B023
        socket.send('{"msg": "there"}')
        assert socket.recv() == 'there'
        visitor.get(path)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)): parts.read()
        assert Stream(events).rest()[-1][0] == 'shutdown'
        with pytest.raises(ConnectionClosed): socket.recv(DEADLINE)


@pytest.mark.parametrize('kind', ['sqlite', 'redis'])
def test_all_processes_hear_of_changes_and_of_who_is_forgotten(kind, tmp_path, request):
    where = f'sqlite:{tmp_path}/a.db' if kind == 'sqlite' else request.getfixturevalue('valkey').url
    apps = [shop(broker=where) for _ in range(2)]
    apps[0].state.n = apps[1].state.n = 0
    with serve(apps[0]) as here, serve(apps[1]) as there:
        ann = Visitor(here)
        ann.get('/login?user=ann')
        hers = open_all(ann, here)
        there.call(lambda: None)
        apps[0].state.n = 3
        apps[1].state.regions['account'].changed_sync()
        assert Stream(hers[0]).until('account{}')[-1][2] == '<div data-live-key="account{}">ann has 3</div>'
        there.call(lambda: apps[1].regions.here().topics.start(apps[1].forget('ann')))
        ended(*hers)


def test_addresses_follow_a_prefix_and_a_mount():
    "The drawing for viewers is the same as the page's, so nothing is sent"
    outer, inner = FastHTML(secret_key='k'), shop()
    outer.mount('/shop', inner)
    with serve(outer, root_path='/proxy') as served:
        visitor = Visitor(served, '/shop')   # a proxy takes its own prefix away
        page = visitor.get('/')
        assert 'data-url="/proxy/shop/_live"' in page and 'href="/proxy/shop/other"' in page
        assert 'fasthtmlLive' in visitor.get('/_live.js')
        with visitor.stream(visitor.rows('/')) as stream:
            assert [e[0] for e in stream.until('live/checked')] == ['live/hello', 'live/checked']
            inner.state.n = 1
            inner.state.regions['cart'].changed_sync(id=7)
            assert 'href="/proxy/shop/other"' in stream.next()[2]


def test_a_page_may_ask_without_a_stream(app, served):
    "L9"
    visitor = Visitor(served)
    rows = visitor.rows('/')
    app.state.n = 4
    text = visitor.request('POST', '/_live', dict(has=rows, poll=True)).read().decode()
    assert 'cart 7: 4' in text and 'cart 8: 4' in text and 'event: live/checked' in text
    wait_until(lambda: all(not here.pages and not len(here.topics) for here in app.regions.loops.values()))


def test_a_region_that_a_page_names_often_is_compared_once(app, served):
    visitor = Visitor(served)
    key, token, _ = visitor.rows('/')[0]
    text = visitor.request('POST', '/_live', dict(has=[[key, token, f'{i}'] for i in range(500)], poll=True)).read().decode()
    assert text.count(f'event: {key}\n') == 1, text[:1000]


@pytest.mark.parametrize('what', ['change', 'failure', 'refusal', 'recheck', 'forget', 'end of the app'])
def test_a_poll_that_waits_ends_with_what_it_waits_for(what):
    "L4, L8, L9"
    app = shop(recheck=0.1 if what == 'recheck' else None)
    app.regions.longest_hold = 3600
    @app.live(guard=lambda auth: app.state.n != 3)
    def shown(auth): return Div(f'{auth}: {1 / (app.state.n - 1)}')
    @app.get('/staff/shown')
    def page(): return shown()
    with ThreadPoolExecutor(1) as pool, serve(app) as served:
        ann = Visitor(served)
        ann.get('/login?user=ann')
        rows = ann.rows('/staff/shown')
        poll = pool.submit(lambda: ann.request('POST', '/_live', dict(has=rows, poll=True, hold=True)).read().decode())
        here = wait_until(lambda: next(iter(app.regions.loops.values()), None))
        wait_until(lambda: poll.done() or here.pages and all(page.compared for page in list(here.pages.values())))
        if what != 'recheck': assert not poll.done()
        app.state.n = dict(change=2, failure=1, refusal=3).get(what, 0)
        if what in ('change', 'failure'): shown.changed_sync()
        if what == 'refusal': asyncio.run_coroutine_threadsafe(app.regions.ask_region_guards(*here.pages.values()), here.loop).result()
        if what == 'forget': asyncio.run_coroutine_threadsafe(app.forget('ann'), here.loop).result()
        if what == 'end of the app': served.stop()
        text = poll.result(DEADLINE)
    said = dict(change='ann: 1.0', failure='"failed"', refusal='"lost"').get(what, 'live/checked')
    assert said in text and (what in said or 'live/checked' in text)


def test_a_test_sees_whether_a_page_is_true(app):
    "In the page client: what is shown by now, what was entered, and who may not see it any more"
    client = Client(app, session={'user': 'ann'})
    page = client.open('/staff')
    assert page.is_true() and page.region(app.state.regions['account']).text == 'ann has 0'
    app.state.n = 3
    assert not page.is_true()
    assert page.region('account{}').text == 'ann has 3' and page.is_true()
    app.state.regions['secret'].guard = lambda auth, id: False
    assert page.region(app.state.regions['secret'], id=1).get('data-live') == 'lost'
    assert not page.is_true()
    with pytest.raises(AssertionError, match='does not show'): page.region(app.state.regions['cart'], id=7)


def test_a_region_sent_over_a_socket_is_followed_as_one_of_a_page(app, served):
    "And the guards of the socket's route are asked again"
    visitor = Visitor(served)
    with connect(served.ws_url + '/draws') as socket:
        socket.send('{"msg": "please"}')
        frame = socket.recv()
    rows = visitor.rows_in(frame)
    with visitor.stream(rows) as stream: assert [e[0] for e in stream.until('live/checked')] == ['live/hello', 'live/checked']
    app.state.n = 1
    assert visitor.request('POST', '/_live', dict(has=rows)).status == 403


def test_a_row_of_a_table_is_a_fragment_as_any_other(served):
    text = Visitor(served).request('GET', '/line', **{'HX-Request': 'true'}).read().decode()
    assert text.startswith('<tr data-live-token=') and text.endswith('<td>1</td></tr>')


@pytest.mark.filterwarnings('ignore:coroutine')
def test_an_await_that_is_missing_is_named(app):
    async def forgets(): return to_xml(Div(app.state.regions['late'](id=1)))
    with pytest.raises(TypeError, match=r'await late'): asyncio.run(forgets())


def test_an_async_region_stands_inside_of_another(app, served):
    visitor = Visitor(served)
    rows = visitor.rows('/both')
    with visitor.stream([[*row[:2], 'old'] for row in rows]) as stream:
        events = stream.until('live/checked')
    assert '<template data-live-key="late{&#34;id&#34;:1}"></template>' in next(html for name, _, html in events if name == 'both{}')


def test_a_region_alone_for_the_output_of_a_notebook(app, served):
    "Its address is signed; a page of it follows as any other"
    visitor, cart = Visitor(served), app.state.regions['cart']
    rows = visitor.rows(cart.page(id=3))
    with visitor.stream(rows) as stream:
        stream.until('live/checked')
        app.state.n = 8
        cart.changed_sync(id=3)
        assert 'cart 3: 8' in stream.next()[2]
    assert visitor.request('GET', cart.page(id=3).replace('token=', 'token=x')).status == 404
    assert visitor.request('GET', cart.page(id=3).replace('3', '4', 1)).status == 404


def test_streams_of_a_mounted_app_that_is_not_ours_are_left(caplog):
    "`recheck` has no guard to ask there"
    outer = FastHTML(secret_key='k', recheck=0.001)
    inner = Starlette(routes=[Route('/events', lambda request: EventStream(outer.channel('news')))])
    outer.mount('/inner', inner)
    with serve(outer) as served:
        stream = Visitor(served).request('GET', '/inner/events')
        looked = []
        for n in 1, 2:
            served.call(lambda: (outer.regions.here().look(), looked.append(n)))  # noqa: B023
            wait_until(lambda: n in looked and not next(iter(outer.regions.loops.values())).topics._tasks, what='a look')  # noqa: B023
        outer.channel('news').publish_sync('still here', 'x')
        assert Stream(stream).until('x')
        stream.close()
    assert 'has failed' not in caplog.text


def test_a_router_has_regions_and_work():
    "Of the app that it is added to, in handlers of the router and of other modules"
    router, n = APIRouter('/shop'), [1]

    @router.live(pace=0)
    def cart(id: int): return Div(f'cart {id}: {n[0]}')

    @router.work
    async def job(id: int, say): await say('done')

    @router('/')
    def home(): return Titled('x', cart(id=7), job.start(id=1))

    with pytest.raises(RuntimeError, match='to_app'): cart(id=7)
    apps = [FastHTML(secret_key='k') for _ in range(2)]
    for app in apps: router.to_app(app)
    for app in apps:
        with Client(app) as client:
            page = client.open('/shop/')
            page.wait('[data-work=done]', text='done')
            n[0] += 1
            next(region for region in app.regions.table.values() if region.name == 'cart').changed_sync(id=7)
            page.wait('div', text=f'cart 7: {n[0]}')
            assert page.region(cart, id=7).text == f'cart 7: {n[0]}' and page.is_true()


async def test_built_in_texts_of_a_region_are_in_the_language_of_who_looks():
    "L1: each language is one drawing, and a page of another is no doubt"
    app, data = FastHTML(secret_key='k', texts=['en', 'de']), dict(n=1)

    @app.live
    def status(): return Div(say(Text('offline')), data['n'])

    @app.get('/')
    def home(): return Titled('x', status())
    async with AsyncClient(app) as english, AsyncClient(app, headers={'accept-language': 'de'}) as german:
        pages = await english.open('/'), await german.open('/')
        for n in 2, 3:
            assert [await page.is_true() for page in pages] == [True, True]
            assert [(await page.region(status)).text[:14] for page in pages] == ['The connection', 'Die Verbindung']
            data['n'] = n
            await status.changed()
            for page in pages: await page.wait('div', text=f'{n}')
        here = app.regions.here()
        drawn = here.topics.drawings
        for client in english, german: await client.get('/')
        assert not any(topic.dirty for topic in here.topics) and here.topics.drawings == drawn


@dataclass
class Account:
    id: int
    name: str
    euro: int


def test_a_region_of_a_person_is_drawn_with_the_person_of_now():
    "L1, L4: `auth` is a row, which has changed since the page came"
    rows, out = {7: Account(7, 'Ann', 5)}, set()

    def known(request, session):
        if 7 in out: return Response('', 403)
        request.scope['auth'] = replace(rows[7])
    app = FastHTML(secret_key='k', before=known)

    @app.live
    def purse(auth): return Div(f'{auth.name} has {auth.euro}')

    @app.get('/')
    def home(): return Titled('x', purse())
    with Client(app) as client:
        page = client.open('/')
        assert page.region(purse).text == 'Ann has 5'
        rows[7].euro = 6
        purse.changed_sync(auth=rows[7])
        page.wait('div', text='Ann has 6')
        rows[7].name = 'Anna'
        assert not page.is_true()
        purse.changed_sync()
        page.wait('div', text='Anna has 6')
        assert page.is_true()
        out.add(7)
        purse.changed_sync()
        page.wait('html[data-live=lost]')


@dataclass
class Admin(Account): ...


class Elsewhere(Admin): ...


Elsewhere.__module__, Elsewhere.__qualname__, Elsewhere.__name__ = 'admin.models', Account.__qualname__, Account.__name__


@pytest.mark.parametrize('kind', [Admin, Elsewhere], ids=['class', 'module'])
@pytest.mark.parametrize('named', [Account(1, 'x', 0), 1, '1', dict(id=1)], ids=['row', 'number', 'text', 'mapping'])
def test_users_of_two_kinds_with_the_same_id_are_two(named, kind):
    "Neither sees what was drawn for the other; what names the id alone concerns both"
    people, words = {'admin': kind(1, 'root', 0), 'customer': Account(1, 'Ann', 0)}, ['secret', 'bill']

    def known(request, user: str): request.scope['auth'] = replace(people[user])
    app = FastHTML(secret_key='k', before=known)

    @app.live
    def desk(auth): return Div(words[0] if isinstance(auth, Admin) else words[1])
    app.get('/')(lambda: Titled('x', desk()))
    app.get('/by-id')(lambda: Titled('x', desk(auth=named)))
    paths = ['/?user=admin', '/?user=customer', '/?user=admin', '/by-id?user=customer']
    with serve(app) as served, ExitStack() as stack:
        visitor = Visitor(served)
        streams = [stack.enter_context(visitor.stream(visitor.rows(path))) for path in paths]
        for stream in streams: stream.until('live/checked')

        def all_see(*new, concerned):
            words[:] = new
            desk.changed_sync(**concerned)
            for i, stream in enumerate(streams):
                if i % 2 or not concerned: assert new[i % 2] in str(stream.until('desk{}')[-1])
        all_see('SECRET', 'BILL', concerned={})
        all_see('s3cr3t', 'b1ll', concerned=dict(auth=named))


@pytest.mark.parametrize('named', [Account(1, 'x', 0), 1, '1', dict(id=1)], ids=['row', 'number', 'text', 'mapping'])
def test_whoever_has_the_id_that_is_forgotten_is_asked_again(named):
    def known(request, session): request.scope['auth'] = Account(1, 'Ann', 0)
    app = FastHTML(secret_key='k', before=known)
    news = app.channel('news')
    app.get('/events')(lambda: EventStream(news))
    with serve(app) as served:
        stream = Visitor(served).request('GET', '/events')
        served.call(lambda: app.regions.here().topics.start(app.forget(named)))
        assert Stream(stream).rest()[-1][0] == 'shutdown'


@pytest.mark.parametrize('kind', ['memory', 'sqlite'])
def test_who_shows_a_region_of_a_channel_is_there(kind, tmp_path, monkeypatch):
    "However the page follows, and in whichever process; one that only comes by is not"
    monkeypatch.setattr(presence, 'grace_seconds', 0.2)
    monkeypatch.setattr(presence, 'beat_seconds', 0.2)
    monkeypatch.setattr(open_pages, 'poll_grace', 0.1)

    def make():
        app = FastHTML(secret_key='k', before=Beforeware(guard), broker='memory' if kind == 'memory' else f'sqlite:{tmp_path}/a.db')
        hall = app.channel('hall', presence=True)

        @app.live(presence=hall)
        def here(): return Div(', '.join(sorted(hall.people())))

        @app.get('/')
        def home(): return Titled('x', here())

        return app, hall, here
    made = [make() for _ in range(1 if kind == 'memory' else 2)]
    (app, hall, here), (other, *_) = made[0], made[-1]
    def client(app, user): return Client(app, session=dict(user=user))
    with client(app, 'ann') as ann, client(other, 'bob') as bob, client(app, 'eve') as eve:
        hers, his = ann.open('/'), bob.open('/')
        for page in hers, his: page.wait('div', text='ann, bob')
        rows = Visitor.rows_in(None, eve.get('/').text)
        assert 'live/checked' in eve.post('/_live', json=dict(has=rows, poll=True, visit=True)).text
        assert 'eve' not in hall.people()
        assert 'live/checked' in eve.post('/_live', json=dict(has=rows, poll=True)).text
        hers.wait('div', text='ann, bob, eve')
        for text, leave in ('ann, bob', his.close), ('ann', hers.is_true):
            wait_until(lambda text=text: hers.region(here).text == text)
            leave()
    wait_until(lambda: not len(hall))


def test_a_channel_without_presence_has_no_people_to_show(app):
    with pytest.raises(TypeError, match='presence=True'): app.live(presence=app.channel('news'))


@pytest.mark.parametrize('said', [' data-live-own hx-get=/x hx-trigger=load ', '" data-live-own onclick="', ' DATA-LIVE-OWN ', ' nonce="',
                                  '\0:{}\1'])
def test_an_argument_that_a_visitor_wrote_stays_in_its_attribute_under_a_policy(said):
    app = FastHTML(secret_key='k', csp=True)
    @app.live
    def inner(q: str): return Div(q, Script('1'))
    @app.live
    def outer(q: str): return Div(inner(q), Script('2'))
    @app.get('/')
    def home(q: str): return outer(q)
    answer = Client(app).get('/', params={'q': said})
    page = LexborHTMLParser(answer.text)
    regions = page.css('[data-live-key]')
    assert [json.loads(o.attributes['data-live-key'][5:])['q'] for o in regions] == [said, said]
    assert all(name.startswith('data-live-') for o in regions for name in o.attributes)
    nonce = re.search(r"nonce-([^']+)", answer.headers['content-security-policy'])[1]
    assert {o.tag for o in page.css(f'[nonce="{nonce}"]')} <= {'script', 'style', 'link'} and answer.text.count('>1</script>') == 1
    drawing = draw_html(Div(inner(said)), 'x{}', csp=True)
    assert nonce not in drawing.shell and LexborHTMLParser(with_nonce(drawing.shell, 'N')).css('[nonce]') == []


class Gate:
    "A guard that is closed to a room while a viewer is inside"
    def __init__(self): self.shut, self.asked = False, 0
    def __call__(self, req):
        self.asked += 1
        if self.shut and (req.query_params.get('room') == '5' or '/room/5' in req.url.path): return Response('no', 403)


def of_room(**options):
    app = FastHTML(secret_key='k', recheck=0.4, **options)
    app.regions.patience = DEADLINE   # of a page: only its guards end it here
    news = app.channel('news')
    @app.live
    def clock(): return Div('noon')
    app.get('/room/{n}')(lambda: clock())
    app.get('/room/{n}/events')(lambda: EventStream(news))
    app.get('/room/{n}/other')(lambda: EventStream(news))
    @app.ws('/room/{n}/chat')
    async def chat(msg: str): return msg
    return app


def around(inner, **options):
    app = FastHTML(secret_key='k', recheck=0.4, **options)
    app.mount('/in', inner)
    return app


def mounted_behind(gate):
    app = FastHTML(secret_key='k', recheck=0.4)
    app.mount('/in', of_room(), before=gate)
    return app


WAYS_IN = {
    'its own': ('', lambda gate: of_room(before=gate)),
    'of the app around it': ('/in', lambda gate: around(of_room(), before=gate)),
    'of the mount': ('/in', mounted_behind),
    'routes=': ('/in', lambda gate: FastHTML(secret_key='k', recheck=0.4, before=gate, routes=[Mount('/in', of_room())])),
    'of an app in between': ('/in/in', lambda gate: around(around(of_room(), before=gate))),
    'of an app two above': ('/in/in', lambda gate: around(around(of_room()), before=gate)),
    'around an app of another kind': ('/in/in', lambda gate: around(Starlette(routes=[Mount('/in', of_room())]), before=gate)),
    'within an app of another kind': ('/in', lambda gate: Starlette(routes=[Mount('/in', of_room(before=gate))])),
}


@pytest.mark.parametrize('way', WAYS_IN)
def test_each_guard_on_the_way_to_what_is_open_is_asked_again(way):
    "L4: for streams, sockets, pages, and the streams that pages carry"
    gate = Gate()
    prefix, app = WAYS_IN[way][0], WAYS_IN[way][1](gate)
    with serve(app) as served:
        visitor = Visitor(served, prefix)
        rows = visitor.rows('/room/5')
        page = Stream(visitor.request('POST', '/_live', dict(has=rows, streams=[[1, '/room/5/events', {}]])))
        page.until('live/stream')
        events = Stream(visitor.request('GET', '/room/5/events'))
        socket = connect(f'{served.ws_url}{prefix}/room/5/chat').__enter__()
        before = gate.asked
        wait_until(lambda: gate.asked > before + 4)   # looks pass, and nothing is ended
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=[])).status == 204
        socket.send('{"msg": "there"}')
        assert socket.recv() == 'there'
        gate.shut = True
        assert events.rest()[-1][0] == 'shutdown'
        with pytest.raises(ConnectionClosed): socket.recv(DEADLINE)
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=[])).status == 409
        page.rest()
        assert visitor.request('POST', '/_live', dict(has=rows)).status == 403
        gate.shut = False
        with visitor.stream(rows) as page:
            page.until('live/checked')
            gate.shut = True
            more = dict(page=page.page, has=[], streams=[[2, '/room/5/other', {}]])
            assert visitor.request('POST', '/_live/set', more).status == 409


@pytest.mark.parametrize('way', WAYS_IN)
def test_a_stream_that_a_page_carries_passes_each_guard_on_its_way(way):
    gate = Gate()
    prefix, app = WAYS_IN[way][0], WAYS_IN[way][1](gate)
    with serve(app) as served:
        visitor = Visitor(served, prefix)
        rows, gate.shut = visitor.rows('/room/4'), True
        with visitor.stream(rows, streams=[[1, '/room/5/events', {}], [2, '/room/4/events?room=5', {}], [3, '/room/4/events', {}]]) as page:
            found = {}
            while len(found) < 3: found = dict([page.until('live/stream')[-1][1]]) | found
        assert found == {1: 403, 2: 403, 3: 200}


def test_a_guard_that_reads_the_query_is_asked_again_with_it():
    gate = Gate()
    with serve(of_room(before=gate)) as served:
        visitor = Visitor(served)
        events = Stream(visitor.request('GET', '/room/4/events?room=5'))
        socket = connect(f'{served.ws_url}/room/4/chat?room=5').__enter__()
        gate.shut = True
        assert events.rest()[-1][0] == 'shutdown'
        with pytest.raises(ConnectionClosed): socket.recv(DEADLINE)


def by_name(room: int):
    if room == 5 and by_name.shut: return Response('no', 403)
def by_request(req):
    if 'room=5' in req.url.query and by_name.shut: return Response('no', 403)


@pytest.mark.parametrize('said', ['room=5', 'room=5&q=%00%ff+%20é', 'q=' + 'x' * 3000 + '&room=5'])
@pytest.mark.parametrize('guard', [by_name, by_request])
@pytest.mark.parametrize('whose', ['app', 'route', 'app around it'])
def test_the_guard_of_a_page_is_asked_again_with_its_query(whose, guard, said):
    app = FastHTML(secret_key='k', before=guard if whose == 'app' else None)
    @app.live
    def clock(): return Div('noon')
    app.get('/a', before=guard if whose == 'route' else None)(lambda: clock())
    outer, prefix, by_name.shut = around(app, before=guard), '/in', False
    client = Client(outer if whose == 'app around it' else app)
    if whose != 'app around it': prefix = ''
    said = quote(said, safe='=&%+')
    text = client.get(f'{prefix}/a?{said}').text
    page = LexborHTMLParser(text).css_first('[data-live-key]').attributes
    asked = {'has': [[page['data-live-key'], page['data-live-token'], '']], 'poll': True}
    def answer(): return client.post(f'{prefix}/_live?room=4', json=asked)
    found = answer()
    assert found.status_code == 200 and ('noon' in found.text) is (len(said) < 3000)   # else nothing follows it
    by_name.shut = True
    found = answer()
    assert found.status_code == 403 or 'noon' not in found.text


def test_a_page_in_many_parts_is_one_page():
    app = FastHTML(secret_key='k', before=lambda: None)
    @app.live
    def clock(n: int): return Div('noon')
    @app.get('/a')
    @app.get('/{n}/b')
    def page(n: int): return clock(n)
    client = Client(app)
    def answer(addresses):
        pages = [LexborHTMLParser(client.get(o).text).css_first('[data-live-key]').attributes for o in addresses]
        rows = [[o['data-live-key'], o['data-live-token'], ''] for o in pages]
        return client.post('/_live', json={'has': rows, 'poll': True}).status_code
    assert answer(f'/a?n={n}' for n in range(100)) == 200
    assert answer(f'/{n}/b' for n in range(51)) == answer(f'/a?n={n}' for n in range(201)) == 413


def crowded(gate):
    "Everything that stays open, each behind a gate of its own, and beside it a route with no guard that a careless look finds first"
    app, open_to_all = FastHTML(secret_key='k', recheck=0.4, exts=()), lambda: 'open to all'
    news = app.channel('news')
    @app.live
    def clock(): return Div('noon')
    app.get('/{p:path}', last=True)(open_to_all)
    app.get('/{p:path}.css', last=True)(open_to_all)
    for kind, f in ('page', lambda: clock()), ('events', lambda: EventStream(news)):
        app.get(f'/{kind}/{{name}}', before=gate)(f)
        app.get(f'/{kind}/a/host')(open_to_all)
        app.get(f'/{kind}/a/host', host='127.0.0.1', before=gate)(f)
        app.get(f'/{kind}/a/method')(open_to_all)
        for method in ('post', 'put'): app.route(f'/{kind}/a/method', methods=method, before=gate)(f)
    for end in 'name', 'a/page':
        if end != 'name': app.get(f'/chat/{end}')(open_to_all)
        @app.ws(f'/chat/{end}', before=gate)
        async def chat(msg: str): return clock() if msg == 'clock' else msg
    return app


BESIDE = {
    'a last resort that was registered before': ('GET', 'name'), 'files by an ending': ('GET', 'name.css'), 'HEAD': ('HEAD', 'name'),
    'a route for other hosts': ('GET', 'a/host'), 'GET of the same path': ('POST', 'a/method'), 'and of a third': ('PUT', 'a/method'),
}


def test_the_guards_that_are_asked_again_are_those_of_the_route_that_was_reached():
    "L4: whatever routes without a guard stand beside it"
    gate = Gate()
    def guard(req): return gate(req) or (Response('no', 403) if gate.shut else None)
    with serve(crowded(guard)) as served, ExitStack() as stack:
        visitor, pages, streams = Visitor(served), {}, {}
        for name, (method, end) in BESIDE.items():
            if method == 'HEAD': continue
            pages[name] = visitor.rows_in(visitor.request(method, f'/page/{end}').read().decode())
            streams[name] = Stream(visitor.request(method, f'/events/{end}'))
        sockets = [stack.enter_context(connect(f'{served.ws_url}/chat/{end}')) for end in ('name', 'a/page')]
        for i, socket in enumerate(sockets):
            socket.send('{"msg": "clock"}')
            pages[f'socket {i}'] = visitor.rows_in(socket.recv())
        assert all(len(rows) == 1 for rows in pages.values()) and len(pages) == 7
        before = gate.asked
        wait_until(lambda: gate.asked > before + 2 * (len(streams) + len(sockets)))   # looks pass, and nothing is ended
        for name, rows in pages.items():
            answer = visitor.request('POST', '/_live', dict(has=rows, poll=True))
            assert answer.status == 200 and 'lost' not in answer.read().decode(), name
        gate.shut = True
        found = {name: visitor.request('POST', '/_live', dict(has=rows, poll=True)).status for name, rows in pages.items()}
        assert found == dict.fromkeys(pages, 403)
        assert {name: stream.rest()[-1][0] for name, stream in streams.items()} == dict.fromkeys(streams, 'shutdown')
        for socket in sockets:
            with pytest.raises(ConnectionClosed): socket.recv(DEADLINE)


def by_method(app_guard=None, route_guard=None):
    "Pages, streams and sockets that came by several methods"
    app = FastHTML(secret_key='k', recheck=0.4, exts=(), before=app_guard)
    news = app.channel('news')
    @app.live
    def clock(): return Div('noon')
    for method in 'get', 'post', 'put', 'delete':
        app.route(f'/page/{method}', methods=method, before=route_guard)(lambda: clock())
        app.route(f'/events/{method}', methods=method, before=route_guard)(lambda: EventStream(news))
    @app.ws('/chat', before=route_guard)
    async def chat(msg: str): return clock()
    return app


def mounted(inner, **options):
    app = FastHTML(secret_key='k', recheck=0.4)
    app.mount('/in', inner, **options)
    return app


WHOSE_GUARD = {
    'of the app': ('', lambda gate: by_method(gate)), 'of the route': ('', lambda gate: by_method(None, gate)),
    'of the app around it': ('/in', lambda gate: around(by_method(), before=gate)),
    'of the mount': ('/in', lambda gate: mounted(by_method(), before=gate)),
    'of a mounted app': ('/in', lambda gate: mounted(by_method(gate))),
}


@pytest.mark.parametrize('refuse', [lambda: Response('writers only', 403), HTTPException(403)], ids=['answers', 'raises'])
@pytest.mark.parametrize('whose', WHOSE_GUARD)
def test_guards_are_asked_again_by_the_method_that_a_connection_came_with(whose, refuse):
    "A guard that lets all read and some write does not take a POST or a handshake for a GET"
    prefix, make = WHOSE_GUARD[whose]
    seen, writers = defaultdict(Counter), {'ann'}
    def guard(req):
        seen[req.url.path][req.scope['type'], req.scope.get('method'), req.url.scheme] += 1
        if '/_live' in req.url.path: return None
        if (req.scope['type'], req.scope.get('method')) == ('http', 'GET') or writers: return None
        if callable(refuse): return refuse()
        raise refuse
    with serve(make(guard)) as served, connect(f'{served.ws_url}{prefix}/chat') as socket:
        visitor = Visitor(served)
        methods = 'get', 'post', 'put', 'delete'
        pages = {m: visitor.rows_in(visitor.request(m.upper(), f'{prefix}/page/{m}').read().decode()) for m in methods}
        streams = {m: Stream(visitor.request(m.upper(), f'{prefix}/events/{m}')) for m in methods}
        socket.send('{"msg": "clock"}')
        pages['socket'] = visitor.rows_in(socket.recv())
        def poll(rows): return visitor.request('POST', f'{prefix}/_live', dict(has=rows, poll=True))
        for name, rows in pages.items():
            answer = poll(rows)
            assert answer.status == 200 and 'lost' not in answer.read().decode(), name
        asked = [f'{prefix}/events/{m}' for m in streams] + [f'{prefix}/chat']
        wait_until(lambda: all(seen[path].total() > 3 for path in asked))
        ways = {path: list(found) for path, found in seen.items() if '/_live' not in path}
        assert ways == {**{f'{prefix}/{kind}/{m}': [('http', m.upper(), 'http')] for m in streams for kind in ('page', 'events')},
                        f'{prefix}/chat': [('websocket', None, 'ws')]}
        writers.clear()
        assert {name: poll(rows).status for name, rows in pages.items()} == {**dict.fromkeys(pages, 403), 'get': 200}
        for name in 'post', 'put', 'delete': assert streams[name].rest()[-1][0] == 'shutdown'
        with pytest.raises(ConnectionClosed): socket.recv(DEADLINE)


def test_a_guard_that_goes_by_the_host_is_asked_again_with_it():
    "L4: who was let in under one name of the server does not stay under another one"
    members = {'a.example', 'b.example'}
    def member(req): return None if req.headers['host'] in members else Response('no', 403)
    app = FastHTML(secret_key='k', before=member)
    @app.live
    def clock(): return Div('noon')
    app.get('/')(lambda: clock())
    with serve(app) as served:
        visitor, a, b = Visitor(served), {'Host': 'a.example'}, {'Host': 'b.example'}
        rows = visitor.rows_in(visitor.request('GET', '/', **a).read().decode())
        page = Stream(visitor.request('POST', '/_live', dict(has=rows), **a))
        assert [event[1] for event in page.until('live/checked')][-1] == {'renew': {}}
        members.discard('a.example')
        assert '"state": "lost"' in visitor.request('POST', '/_live', dict(has=rows, poll=True), **b).read().decode()
        assert visitor.request('POST', '/_live', dict(has=rows, poll=True), **a).status == 403
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=rows), **b).status == 409


def test_a_page_is_asked_about_so_many_addresses_however_many_it_claims():
    "Each is a call of the guards, in every request of the page"
    asked = 0
    async def guard(req):
        nonlocal asked
        asked += 1
    app = FastHTML(secret_key='k', before=guard)
    @app.live
    def clock(n: int): return Div('noon')
    app.get('/')(lambda: clock(0))
    def claim(i):
        key = f'clock{{"n":{i}}}'
        return [key, app.regions.signer.token(key, 'of another one', f'/a\0q={i}', time.time()), '']
    with serve(app) as served:
        visitor, statuses, most = Visitor(served), [], 0
        page = Stream(visitor.request('POST', '/_live', dict(has=visitor.rows('/'))))
        page.until('live/checked')
        for i in range(0, 400, 90):
            asked = 0
            statuses.append(visitor.request('POST', '/_live/set', dict(page=page.page, has=[claim(n) for n in range(i, i + 90)])).status)
            most = max(most, asked)
        assert statuses[:3] == [204, 204, 409] and most <= live.most_addresses
        assert page.rest()[-1][0] == 'shutdown'


def test_whom_a_guard_has_noted_before_it_refused_is_nobody():
    "L4: neither does a claimed page of that guard make a stranger a person, nor count against that person's limit"
    def vault(req):
        if not req.url.path.startswith('/vault'): return None
        req.scope['auth'] = req.headers.get('x-user')   # who they say they are
        if req.headers.get('x-password') != 'right': return Response('no', 401)
    app = FastHTML(secret_key='k', before=vault, limits=Limits(per_person=1))
    @app.live
    def account(auth): return Div(f'{auth or "nobody"} owns 7 euro')
    @app.live
    def front(): return Div(account())
    app.get('/')(lambda: front())
    with serve(app) as served:
        visitor, said, right = Visitor(served), {'X-User': 'ann'}, {'X-Password': 'right'}
        key, token, _ = visitor.rows('/')[0]
        claim = ['none{}', app.regions.signer.token('none{}', 'another one', '/vault', time.time()), '']
        rows = [[key, token, ''], ['account{}', '', ''], claim]
        def poll(**headers): return visitor.request('POST', '/_live', dict(has=rows, poll=True), **headers).read().decode()
        assert 'ann owns' in poll(**said, **right), 'she is let in'
        assert 'nobody owns' in (text := poll(**said)) and 'ann' not in text
        page = Stream(visitor.request('POST', '/_live', dict(has=rows[:2]), **said))
        page.until('live/checked')
        assert not app.site.limits.people
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=rows), **said).status == 204
        assert 'ann' not in str(page.until('live/checked'))


def test_basic_authentication_is_asked_again_with_the_path_of_the_page():
    "L4: its function may go by the path, and a page that it skips belongs to every visitor"
    staff = {'ann'}
    def known(conn, name, password): return (name in staff or '/staff' not in conn.url.path) and name
    app = FastHTML(secret_key='k', middleware=[Middleware(BasicAuthMiddleware, cb=known, skip=['/open'])])
    @app.live
    def clock(): return Div('noon')
    for path in '/staff', '/open': app.get(path)(lambda: clock())
    with serve(app) as served:
        visitor, ann = Visitor(served), {'Authorization': 'Basic ' + base64.b64encode(b'ann:x').decode()}
        rows = visitor.rows_in(visitor.request('GET', '/staff', **ann).read().decode())
        page = Stream(visitor.request('POST', '/_live', dict(has=rows), **ann))
        page.until('live/checked')
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=rows), **ann).status == 204
        staff.clear()
        assert visitor.request('POST', '/_live', dict(has=rows, poll=True), **ann).status == 403
        assert visitor.request('POST', '/_live/set', dict(page=page.page, has=rows), **ann).status == 409
        rows = [[key, token, ''] for key, token, _ in visitor.rows('/open')]
        assert 'noon' in visitor.request('POST', '/_live', dict(has=rows, poll=True), **ann).read().decode()


def _behind_a_password(place):
    "A page that basic authentication leaves open, beside one that it guards; and their prefix"
    password = user_pwd_auth(ann='x', skip=[r'(/inner)?/open'])
    app = FastHTML(secret_key='k', assets='local', middleware=[] if place == 'mounted' else [password])
    @app.live
    def clock(): return Div('noon')
    for path in '/open', '/staff': app.get(path)(lambda: clock())
    if place == 'mounted':
        outer = FastHTML(secret_key='o', middleware=[password])
        outer.mount('/inner', app)
        return outer, '/inner'
    return app, ''


@pytest.mark.parametrize('place', ['app', 'mounted'])
def test_no_request_of_the_library_asks_for_a_password(place):
    "A page that `skip` opens follows its regions; a browser shows its password window after any 401 with a challenge"
    app, prefix = _behind_a_password(place)
    with serve(app) as served:
        visitor, ann = Visitor(served), {'Authorization': 'Basic ' + base64.b64encode(b'ann:x').decode()}
        page = visitor.request('GET', f'{prefix}/open').read().decode()
        scripts = [s for s in re.findall(r' src="([^"]+)', page) if s.startswith('/')]
        assert len(scripts) > 1 and all('/_live.js' in s or '/_assets/' in s for s in scripts)
        rows = [[key, token, ''] for key, token, _ in visitor.rows_in(page)]
        guarded = [[key, token, ''] for key, token, _ in visitor.rows_in(visitor.request('GET', f'{prefix}/staff', **ann).read().decode())]
        asked = [*(('GET', s, None) for s in scripts), ('POST', f'{prefix}/_live/set', dict(page='', has=rows)),
                 *(('POST', f'{prefix}/_live', dict(poll=True, has=has)) for has in (rows, guarded, []))]
        found = [(response.status, response.getheader('WWW-Authenticate')) for response in (visitor.request(*one) for one in asked)]
        assert found == [*[(200, None)] * len(scripts), (409, None), (200, None), (403, None), (403, None)]
        stream = Stream(visitor.request('POST', f'{prefix}/_live', dict(has=rows)))
        assert 'noon' in str(stream.until('live/checked'))
        for path in '/staff', '/_live/page?key=clock{}&token=', '/none':
            response = visitor.request('GET', prefix + path)
            assert (response.status, bool(response.getheader('WWW-Authenticate'))) == (401, True)


@pytest.mark.parametrize('keys, good', [(['old', 'new'], True), (['older', 'old', 'new'], True), ('new', False), (['other', 'new'], False)])
def test_a_page_outlives_a_change_of_the_key(keys, good):
    "Of several keys the last one signs, and all are good, as for sessions"
    def build(key):
        app = FastHTML(secret_key=key, before=Beforeware(guard))
        @app.live
        def clock(): return Div('noon')
        @app.get('/')
        def home(): return clock()
        return Client(app)
    def rows(client): return [[o.attrs['data-live-key'], o.attrs['data-live-token'], ''] for o in
                              [client.get('/').one('[data-live-key]')]]
    old, new = build('old'), build(keys)
    before = new.post('/_live', json=dict(has=rows(old), poll=True))
    assert ('noon' in before.text) is good
    assert 'noon' in new.post('/_live', json=dict(has=rows(new), poll=True)).text
    assert 'noon' not in old.post('/_live', json=dict(has=rows(new), poll=True)).text


def test_a_change_that_comes_while_no_page_is_open_is_not_lost_with_a_drawing_that_goes_on():
    "A page that reconnects shares the drawing that was begun for one that has gone, and changes were not listened to in between"
    app, began, go = FastHTML(secret_key='k'), threading.Event(), threading.Event()
    app.state.n = 0
    go.set()

    @app.live
    def slow(id: int):
        n = app.state.n
        began.set()
        go.wait(DEADLINE)
        return Div(f'n={n}')

    @app.get('/')
    def home(): return slow(id=1)
    with serve(app) as served:
        visitor = Visitor(served)
        rows = visitor.rows('/')
        began.clear()
        go.clear()
        with visitor.stream(rows) as stream:
            stream.until('live/hello')
            assert began.wait(DEADLINE)
        here, = app.regions.loops.values()
        wait_until(lambda: not here.pages, what='the end of the first page')
        app.state.n = 1
        slow.changed_sync(id=1)
        with visitor.stream(rows, age=60) as stream:
            stream.until('live/hello')
            go.set()
            assert 'n=1' in stream.until('slow{"id":1}')[-1][2]


@pytest.mark.parametrize('way', ['stream', 'socket'])
def test_who_was_forgotten_while_the_broker_was_away_is_out_once_it_is_back(way, tmp_path, monkeypatch):
    "In another process; it was at `recheck` before, minutes later"
    def make():
        app = FastHTML(secret_key='k', before=Beforeware(guard), broker=f'sqlite:{tmp_path}/a.db')
        news = app.channel('news')
        app.get('/news')(lambda: EventStream(news))
        app.ws('/talk', conn=lambda: 'in')(lambda: None)
        return app
    one, other = make(), make()
    publish, failures = one.regions.signals.publish, [ConnectionError('away'), ConnectionError('away')]
    async def sometimes(text):
        if failures: raise failures.pop()
        return await publish(text)
    monkeypatch.setattr(one.regions.signals, 'publish', sometimes)
    with Client(one) as admin, Client(other, session=dict(user='ann')) as ann:
        if way == 'stream':
            with ann.sse('/news') as stream:
                admin.run(one.forget('ann'))
                assert [event.event for event in stream] == ['shutdown']
        else:
            with ann.ws('/talk') as socket:
                assert socket.receive() == 'in'
                admin.run(one.forget('ann'))
                with pytest.raises(Closed) as e: socket.receive()
                assert e.value.code == 1012
        wait_until(lambda: not one.regions.unsent and not failures)


@pytest.mark.parametrize('first', ['/a', '/b'])
@pytest.mark.parametrize('outcome', ['kept', 'taken'])
@pytest.mark.parametrize('as_object', [True, False], ids=['object', 'dict'])
def test_the_guard_of_a_region_is_asked_again_for_the_address_that_it_came_from(as_object, outcome, first):
    "L4: guards may know more of a person at one address than at another"
    levels, drawn = {'/a': 3, '/b': 2}, []
    def known(req):
        if (level := levels.get(req.url.path)) is None: return
        req.scope['auth'] = SimpleNamespace(id='ann', level=level) if as_object else {'id': 'ann', 'level': level}
    app = FastHTML(secret_key='k', before=known)
    def level(auth): return auth.level if as_object else auth['level']
    @app.live(guard=lambda auth: level(auth) == 3)
    def low():
        drawn.append(1)
        return Div(f'low {len(drawn)}')
    @app.live(guard=lambda auth: level(auth) >= 2)
    def high(): return Div('high')
    app.get('/a')(lambda: low())
    app.get('/b')(lambda: high())
    with serve(app) as served:
        visitor = Visitor(served)
        rows = {path: visitor.rows(path) for path in levels}
        order = [first, *levels.keys() - {first}]
        with visitor.stream([row for path in order for row in rows[path]]) as stream:
            assert not any(states(stream.until('live/checked')).values())
            if outcome == 'taken': levels['/b'] = 1
            assert visitor.request('POST', '/_live/set', dict(page=stream.page, has=[])).status == 204
            low.changed_sync()
            events = stream.until('low{}')   # as it is now, or that it is lost
        assert states(events).get('high{}') == ('lost' if outcome == 'taken' else None)
        assert states(events).get('low{}') is None
