"""Streams of a page's elements that go out on the stream of its regions: who gets them, when they end, and where they lead."""
import asyncio
import threading

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import StreamingResponse
from starlette.routing import Mount

from fasthtml.common import Beforeware, Div, EventStream, FastHTML, Limits, Titled, sse_message
from support import serve, wait_until
from visitor_kit import Visitor, guard


def site(**options):
    app = FastHTML(secret_key='k', before=Beforeware(guard), **options)
    app.state.open = 0
    news, sport = app.channel('news', history=20), app.channel('sport', history=20)

    @app.live
    def clock(): return Div('noon')

    @app.get('/')
    def home(): return Titled('x', clock())

    @app.get('/login')
    def login(session, user: str = ''):
        session['user'] = user
        return 'in'

    @app.get('/staff')
    def staff(auth): return EventStream([f'for {auth}'])

    @app.get('/both')
    def both(): return EventStream(news, sport)

    async def counted(begin):
        app.state.open += 1
        try:
            for n in range(begin, 10_000):
                yield sse_message(f'{n}', id=n)
                await asyncio.sleep(0.01)
        finally: app.state.open -= 1

    @app.get('/count')
    async def count(last_event_id: str = '0'): return EventStream(counted(int(last_event_id) + 1))

    @app.get('/asked')
    def asked(htmx, q: str, auth): return EventStream([f'{q} {htmx.target} {auth}'])

    @app.get('/raises')
    def raises(): raise ValueError('no word of this')

    @app.get('/foreign')
    def foreign():
        return StreamingResponse(iter([b'data: \xc3', b'\xa9\r\n\r\n']), media_type='text/event-stream')
    return app


def pieces(stream, number, enough):
    "What comes of one stream, until `enough` of it says so; a number or None ends it"
    found = []
    while not (found and (found[-1] is None or type(found[-1]) is int and found[-1] != 200)) and not enough(found):
        name, head, _ = stream.next()
        if name == 'live/stream' and head[0] == number: found.append(head[1])
    return found


def whole(visitor, address, **headers):
    "All that comes of a stream that ends by itself"
    with visitor.stream(visitor.rows('/'), streams=[[3, address, headers]]) as stream: return pieces(stream, 3, lambda found: False)


@pytest.mark.parametrize('mounted', [False, True])
def test_a_stream_is_a_request_of_its_own(mounted):
    "L4: with guards, session, query and htmx headers, below a prefix as well"
    app = site()
    with serve(Starlette(routes=[Mount('/shop', app)]) if mounted else app) as served:
        visitor = Visitor(served, '/shop' if mounted else '')
        assert whole(visitor, '/staff') == [303]
        visitor.get('/login?user=ann')
        assert whole(visitor, '/staff')[:2] == [200, 'data: for ann\n\n']
        asked = whole(visitor, '/asked?q=a%26b', **{'HX-Target': 'here', 'Cookie': 'session=forged'})
        assert asked[1] == 'data: a&b here ann\n\n'
        assert ''.join(whole(visitor, '/foreign')[1:-1]) == 'data: é\r\n\r\n'
        assert [whole(visitor, path) for path in ('/raises', '/nowhere', '/', '/_live')] == [[500], [404], [406], [405]]


def test_several_channels_have_a_place_each():
    "L7: the id that comes with the last event leads to what was missed of each"
    app = site()
    news, sport = app.channel('news'), app.channel('sport')
    with serve(app) as served:
        visitor = Visitor(served)
        rows = visitor.rows('/')
        with visitor.stream(rows, streams=[[1, '/both', {}]]) as stream:
            pieces(stream, 1, lambda found: any('id: ' in str(o) for o in found))
            news.publish_sync('first')
            last = pieces(stream, 1, lambda found: found and 'first' in str(found[-1]))[-1]
        place = next(line[4:] for line in last.split('\n') if line.startswith('id: '))
        news.publish_sync('second')
        sport.publish_sync('third')
        with visitor.stream(rows, streams=[[1, '/both', {'Last-Event-ID': place}]]) as stream:
            found = ''.join(map(str, pieces(stream, 1, lambda found: 'second' in str(found) and 'third' in str(found))))
        assert 'first' not in found


def test_streams_come_and_go_with_their_elements_and_end_with_the_page():
    app = site()
    with serve(app) as served:
        visitor = Visitor(served)
        with visitor.stream(visitor.rows('/'), streams=[[1, '/count', {}]]) as stream:
            stream.until('live/checked')
            more = dict(page=stream.page, has=[], streams=[[2, '/count', {'last-event-id': '41'}]])
            assert visitor.request('POST', '/_live/set', more).status == 204
            assert 'data: 42' in pieces(stream, 2, lambda found: len(found) > 1)[1]
            wait_until(lambda: app.state.open == 2)
            assert len(app.connections) == 3
            assert visitor.request('POST', '/_live/set', dict(page=stream.page, has=[], end=[2, 2, 77, 'x'])).status == 204
            wait_until(lambda: app.state.open == 1)
        wait_until(lambda: app.state.open == 0 and not app.connections)
        with visitor.stream(visitor.rows('/'), streams=[[1, '/both', {}]]) as stream:   # nothing is ever sent on it
            wait_until(lambda: len(app.channel('news')) == 1)
        wait_until(lambda: not len(app.channel('news')) and not app.connections)


def test_a_server_that_stops_ends_them():
    app = site()
    with serve(app) as served:
        visitor = Visitor(served)
        with visitor.stream(visitor.rows('/'), streams=[[1, '/count', {}]]) as stream:
            wait_until(lambda: app.state.open == 1)
            stopping = threading.Thread(target=served.stop)
            stopping.start()
            stream.rest()
            stopping.join()
    assert app.state.open == 0


def test_they_count_as_connections():
    app = site(limits=Limits(total=2))
    with serve(app) as served:
        visitor = Visitor(served)
        with visitor.stream(visitor.rows('/'), streams=[[n, '/count', {}] for n in (1, 2)]) as stream:
            statuses = {}
            while len(statuses) < 2:
                name, head, _ = stream.next()
                if name == 'live/stream': statuses.setdefault(*head)
            assert sorted(statuses.values()) == [200, 503]


@pytest.mark.parametrize('row', [1, [1], ['1', '/count', {}], [True, '/count', {}], [1, 'count', {}], [1, '/é', {}], [1, '/count', []],
                                 [1, '/count', {'a': 1}], [1, None, {}]])
def test_what_makes_no_sense_is_refused(row):
    app = site()
    with serve(app) as served:
        for path in '/_live', '/_live/set':
            assert Visitor(served).request('POST', path, dict(has=[], streams=[row], page='')).status == 400


def test_a_page_may_not_ask_for_too_many():
    app = site()
    with serve(app) as served:
        visitor, many = Visitor(served), [[n, '/count', {}] for n in range(21)]
        assert visitor.request('POST', '/_live', dict(has=[], streams=many)).status == 413
        with visitor.stream(visitor.rows('/'), streams=many[:20]) as stream:
            stream.until('live/checked')
            more = dict(page=stream.page, has=[], streams=[[30, '/count', {}]])
            assert visitor.request('POST', '/_live/set', more).status == 413


def test_a_page_that_goes_leaves_no_error_in_the_log(caplog):
    app = site(middleware=[Middleware(BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request))])
    with serve(app) as served:
        visitor = Visitor(served)
        for _ in range(3):
            with visitor.stream(visitor.rows('/'), streams=[[1, '/count', {}]]) as stream: pieces(stream, 1, lambda found: len(found) > 1)
            wait_until(lambda: app.state.open == 0 and not app.connections)
    assert not [o for o in caplog.records if o.levelname == 'ERROR']
