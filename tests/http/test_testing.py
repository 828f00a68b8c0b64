"The test clients, tested: they agree with Starlette's client, see what a real server would send, and never hang."
import asyncio
import gc
import json
import threading

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from fasthtml.app.app import FastHTML
from fasthtml.html.htmx import HtmxHeaders, wants_fragment
from fasthtml.html.tags import Div, Li, Ul
from fasthtml.http.sessions import SessionMiddleware
from fasthtml.realtime.sse import EventStream, sse_message
from fasthtml.testing import (
    AsyncClient,
    Client,
    Closed,
    Event,
    Html,
    StillWaiting,
    StreamEnded,
    get_client,
    get_testclient,
    htmx_headers,
)
from fasthtml.testing.streams import EventParser
from support import DEADLINE, parse_events, serve


def app_of(*routes, **kw): return Starlette(routes=list(routes), **kw)


async def echo(request: Request):
    form = await request.form() if 'form' in request.headers.get('content-type', '') else {}
    fields = {k: v if isinstance(v, str) else [v.filename, (await v.read()).decode()] for k, v in form.items()}
    if form: await form.close()
    scope, body = request.scope, '' if form else (await request.body()).decode()
    return JSONResponse({'method': request.method, 'path': scope['path'], 'raw': scope['raw_path'].decode(), 'form': fields,
                         'query': str(request.query_params), 'body': body, 'root': scope['root_path'], 'cookies': request.cookies,
                         'type': request.headers.get('content-type', '')[:20], 'url': str(request.url)})


@pytest.fixture
def client():
    with Client(app_of(Route('/echo/{p:path}', echo, methods=['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))) as client:
        yield client


# HTTP

@pytest.mark.parametrize('method, url, kw', [
    ('GET', '/echo/a%20b/%C3%A9?x=1&x=2', {}), ('POST', '/echo/', {'data': {'a': '1', 'b': 'é'}}),
    ('PUT', '/echo/', {'json': {'a': [1]}}),
    ('POST', '/echo/', {'files': {'f': ('n.txt', b'content')}, 'data': {'a': '1'}}), ('PATCH', '/echo/', {'content': b'raw'}),
    ('GET', '/echo/', {'params': {'q': 'a b'}}), ('DELETE', '/echo/x', {}), ('OPTIONS', '/echo/', {}),
    ('GET', '/echo/a%2Fb', {})])
def test_requests_arrive_as_from_starlettes_client(client, method, url, kw):
    assert client.request(method, url, **kw).json() == TestClient(client.app).request(method, url, **kw).json()


def test_each_verb_has_its_method(client):
    for verb in ('get', 'post', 'put', 'patch', 'delete', 'options'):
        assert getattr(client, verb)('/echo/').json()['method'] == verb.upper()
    head = client.head('/echo/')
    assert (head.status_code, head.content) == (200, b'') and int(head.headers['content-length']) > 0


def test_cookies_stay_and_redirects_are_followed_when_asked():
    async def login(request):
        r = RedirectResponse('/who', 303)
        r.set_cookie('name', 'ann')
        return r
    async def who(request): return PlainTextResponse(request.cookies.get('name', 'nobody'))
    client = Client(app_of(Route('/login', login, methods=['POST']), Route('/who', who)))
    assert client.get('/who').text == 'nobody'
    assert client.post('/login').status_code == 303
    assert client.get('/who').text == 'ann'
    assert client.post('/login', follow_redirects=True).text == 'ann'
    client.cookies.set('name', 'ben', domain='testserver.local', path='/')
    assert client.get('/who').text == 'ben'


def test_headers_of_the_client_go_with_each_request():
    async def who(request): return PlainTextResponse(' '.join(request.headers.getlist('x-who')))
    client = Client(app_of(Route('/', who)), headers={'X-Who': 'ann'})
    assert client.get('/').text == 'ann'
    client.headers['X-Who'] = 'ben'
    assert [client.get('/').text, client.get('/', headers={'X-Who': 'cy'}).text] == ['ben', 'cy']


def test_the_app_thinks_it_is_where_it_is_told(client):
    there = Client(client.app, 'https://example.com:8443', root_path='/proxy')
    seen = there.get('/proxy/echo/x').json()
    assert (seen['url'], seen['root']) == ('https://example.com:8443/proxy/echo/x', '/proxy')


def test_an_error_of_the_app_reaches_the_test_or_is_a_500():
    async def broken(request): raise LookupError('mine')
    app = app_of(Route('/', broken))
    with pytest.raises(LookupError, match='mine'):
        Client(app).get('/')
    r = Client(app, raise_errors=False).get('/')
    assert (r.status_code, r.text) == (500, 'Internal Server Error')
    async def silent(scope, receive, send): raise LookupError('before a word')
    assert Client(silent, raise_errors=False).get('/').status_code == 500


def test_background_tasks_are_over_when_the_response_is_there():
    done = []
    async def work():
        await asyncio.sleep(0.01)
        done.append(1)
    Client(app_of(Route('/', lambda r: PlainTextResponse('x', background=BackgroundTask(work))))).get('/')
    assert done == [1]


def test_a_long_background_task_goes_on_without_us():
    async def main():
        release, done = asyncio.Event(), asyncio.Event()
        async def work():
            await release.wait()
            done.set()
        client = AsyncClient(app_of(Route('/', lambda r: PlainTextResponse('x', background=BackgroundTask(work)))), timeout=1)
        assert (await client.get('/')).text == 'x'
        release.set()
        await done.wait()
    asyncio.run(main())


def test_a_blocked_loop_is_named():
    release = threading.Event()
    async def block(request):
        release.wait(20)
        return PlainTextResponse('')
    client = Client(app_of(Route('/', block)), timeout=0.1)
    client.run = lambda coro, timeout=None: client._thread.run(coro, 0.3)
    with pytest.raises(StillWaiting, match='time.sleep'):
        client.get('/')
    release.set()


# Streams that go on

class Ticks:
    "An endless stream that does not listen whether its client is there, and notes when it is ended"
    def __init__(self, slow=False): self.closed, self.slow = threading.Event(), slow

    async def __call__(self, scope, receive, send):
        at = int(Request(scope).headers.get('last-event-id', 0))
        await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-type', b'text/event-stream')]})
        try:
            while True:
                at += 1
                text = f'id: {at}\nevent: tick\ndata: <b>{at}</b>\n\n'
                await send({'type': 'http.response.body', 'body': text.encode(), 'more_body': True})
                if self.slow: await asyncio.sleep(3600)
        finally: self.closed.set()


@pytest.mark.parametrize('slow', [False, True])
def test_getting_an_endless_stream_is_an_error_that_says_what_to_use(slow):
    ticks = Ticks(slow)
    client = Client(app_of(Route('/t', ticks), Route('/x', lambda r: PlainTextResponse('still here'))), timeout=1, patience=0.05)
    with pytest.raises(StillWaiting, match='use `sse` or `stream`'):
        client.get('/t')
    assert ticks.closed.wait(DEADLINE)
    client.inner.timeout = DEADLINE
    assert client.get('/x').text == 'still here'


def test_a_handler_that_never_answers_is_an_error():
    async def never(request): await asyncio.Event().wait()
    with pytest.raises(StillWaiting, match='GET /n to start'):
        Client(app_of(Route('/n', never)), timeout=0.1, patience=0.05).get('/n')


def test_events_come_typed_and_leaving_closes_the_source():
    ticks = Ticks()
    client = Client(app_of(Route('/t', ticks)), patience=0.05)
    with client.sse('/t') as events:
        assert [events.next() for _ in range(2)] == [Event('<b>1</b>', 'tick', '1'), Event('<b>2</b>', 'tick', '2')]
        assert events.next().one('b').text == '3'
        assert not ticks.closed.is_set()
    assert ticks.closed.wait(30)


def test_a_stream_resumes_after_the_last_event():
    client = Client(app_of(Route('/t', Ticks())), patience=0.05)
    with client.sse('/t', last_event_id='41') as events:
        assert events.next().id == '42'
        at = events.last_event_id
        assert int(events.resume().next().id) == int(at) + 1


def test_iteration_ends_with_the_stream():
    async def three(request):
        return StreamingResponse((f'data: {i}\n\n' for i in range(3)), media_type='text/event-stream')
    client = Client(app_of(Route('/t', three)))
    assert [e.data for e in client.sse('/t')] == ['0', '1', '2']
    events = client.sse('/t')
    for _ in events: pass
    with pytest.raises(StreamEnded):
        events.next()


def test_a_stream_that_breaks_off_is_found():
    async def torn(scope, receive, send):
        await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-type', b'text/event-stream')]})
        await send({'type': 'http.response.body', 'body': b'data: 1\n\n', 'more_body': True})
    client = Client(torn)
    with client.sse('/') as events:
        assert events.next().data == '1'
        with pytest.raises(httpx2.RemoteProtocolError, match='without finishing'):
            events.next()
    with pytest.raises(httpx2.RemoteProtocolError, match='without finishing'):
        client.get('/')


def test_a_stream_whose_source_raises_is_found():
    async def bad(request):
        async def events():
            yield 'data: 1\n\n'
            raise LookupError('in the source')
        return StreamingResponse(events(), media_type='text/event-stream')
    app = app_of(Route('/t', bad))
    with Client(app).sse('/t') as events:
        assert events.next().data == '1'
        with pytest.raises(LookupError, match='in the source'):
            events.next()
    with Client(app, raise_errors=False).sse('/t') as events:
        events.next()
        with pytest.raises(httpx2.RemoteProtocolError):
            events.next()


def test_what_is_no_event_stream_is_shown():
    client = Client(app_of(Route('/x', lambda r: PlainTextResponse('log in first', 401))))
    with pytest.raises(AssertionError, match='401 text/plain(.|\n)*log in first'):
        client.sse('/x').__enter__()


def test_silence_has_a_bound():
    with Client(app_of(Route('/t', Ticks(slow=True))), patience=0.05).sse('/t') as events:
        events.next()
        with pytest.raises(StillWaiting, match='an event on /t'):
            events.next(timeout=0.05)
        with pytest.raises(StillWaiting, match='a comment on /t'):
            events.comment(timeout=0.05)


def test_the_clock_can_be_put_forward_for_heartbeats():
    "An hour of silence in no time, every heartbeat in its turn"
    app = FastHTML(secret_key='k')
    @app.get('/quiet')
    async def quiet():
        async def source():
            yield sse_message('first', id='1')
            await asyncio.sleep(61)
            yield sse_message('after a minute')
        return EventStream(source(), heartbeat=15)
    client = Client(app)
    with client.sse('/quiet') as events:
        assert events.next().data == 'first'
        client.advance(62)
        assert events.next().data == 'after a minute'
        assert len([events.comment() for _ in range(3)]) == 3


def test_timers_fire_in_their_order():
    async def timers():
        fired = []
        async def tick(name, every):
            while True:
                await asyncio.sleep(every)
                fired.append(name)
        tasks = [asyncio.create_task(tick('a', 10)), asyncio.create_task(tick('b', 27))]
        await asyncio.sleep(0)
        await asyncio.get_running_loop().advance(58)
        for t in tasks: t.cancel()
        return ''.join(fired)
    assert Client(app_of()).run(timers()) == 'aabaaab'


def test_any_body_can_be_read_in_pieces():
    async def parts(request):
        async def body():
            for i in range(10**9): yield f'{i},'
        return StreamingResponse(body())
    client = Client(app_of(Route('/p', parts)))
    with client.stream('GET', '/p') as s:
        assert s.response.status_code == 200
        assert [s.next() for _ in range(3)] == [b'0,', b'1,', b'2,']
        assert next(iter(s)) == b'3,'


# The parser

lines = st.lists(st.sampled_from(['data: a', 'data:b', 'data', 'event: x', 'id: 3', 'id', ': note', 'retry: 9', 'retry: x', 'odd',
                                  '', '', 'data:  é\u2028z']), max_size=14)


@settings(max_examples=200, deadline=None)
@given(lines, st.sampled_from(['\n', '\r\n', '\r']), st.integers(1, 7))
def test_the_parser_agrees_with_another_one_wherever_the_text_is_cut(parts, eol, size):
    text = eol.join(parts) + eol + eol
    whole, cut = EventParser(), EventParser()
    once = whole.feed(text + '\n\n' if eol == '\r' else text)
    pieces = [e for i in range(0, len(text), size) for e in cut.feed(text[i:i+size])]
    if eol == '\r': pieces += cut.feed('\n\n')
    assert pieces == once
    theirs = [(e.event, e.data) for e in parse_events(text.replace('\r\n', '\n').replace('\r', '\n'))]
    assert [(e.event, e.data) for e in once if isinstance(e, Event)] == theirs


def test_a_real_server_sends_the_same_events():
    app = FastHTML(secret_key='k')
    @app.get('/t')
    async def t():
        async def source():
            for i in range(3): yield sse_message(Div(i), event='tick', id=str(i))
        return EventStream(source())
    with serve(app) as server:
        real = [(e.event, e.data) for e in parse_events(httpx2.get(f'{server.url}/t').text)]
    assert [(e.event, e.data) for e in Client(app).sse('/t')] == real
    assert real[:2] == [('tick', '<div>0</div>'), ('tick', '<div>1</div>')]


# WebSockets

def sockets():
    app, ended = FastHTML(secret_key='k'), []
    async def conn(send): await send(Div('welcome', id='w'))
    async def disconn(code): ended.append(code)
    @app.ws('/ws', conn=conn, disconn=disconn)
    async def on(msg: str, htmx: HtmxHeaders): return Div(f'{msg} from {htmx.trigger} {htmx.version}', id='said')
    return app, ended


@pytest.mark.parametrize('version', [2, 4])
def test_a_socket_is_used_as_htmx_does(version):
    app, ended = sockets()
    client = Client(app, htmx=version)
    with client.ws('/ws') as ws:
        assert ws.receive().one('#w').text == 'welcome'
        ws.hx('form#f', msg='hello')
        assert ws.receive().one('#said').text == f'hello from f {version}'
    assert ended == [1000]


def test_leaving_a_socket_with_a_code_is_seen_before_close_returns():
    app, ended = sockets()
    ws = Client(app).ws('/ws')
    with ws:
        ws.receive()
        ws.close(1001)
        assert ended == [1001]
        with pytest.raises(Closed, match='1001'):
            ws.receive()


def test_a_foreign_page_is_refused_with_its_code():
    app, _ = sockets()
    with pytest.raises(Closed) as e, Client(app).ws('/ws', headers={'Origin': 'https://evil.example'}) as ws:
        ws.receive()
    assert e.value.code == 1008


def test_a_socket_may_have_the_path_of_a_page():
    "ASGI knows no method of a socket; with one, the page answered"
    app = FastHTML(secret_key='x')
    async def conn(send): await send('from the socket')
    @app.get('/x')
    async def page(): return 'the page'
    @app.ws('/x', conn=conn)
    async def socket(): pass
    client = Client(app)
    assert client.get('/x').text == 'the page'
    with client.ws('/x') as one: assert one.receive() == 'from the socket'


def test_a_socket_that_is_not_accepted_is_closed():
    async def refuse(ws): await ws.close(4001, 'no')
    with pytest.raises(Closed, match='refused the WebSocket: 4001 no'):
        Client(app_of(WebSocketRoute('/ws', refuse))).ws('/ws').__enter__()


def test_frames_come_as_they_are_and_iteration_ends_at_the_close():
    async def speak(ws):
        await ws.accept(subprotocol='b')
        await ws.send_text('<p>text</p>')
        await ws.send_bytes(b'\0\1')
        await ws.send_json(await ws.receive_json())
        await ws.close(4000, 'over')
    with Client(app_of(WebSocketRoute('/ws', speak))).ws('/ws', subprotocols=['a', 'b']) as ws:
        assert ws.subprotocol == 'b'
        ws.send({'a': [1]})
        frames = list(ws)
        assert frames[:2] == ['<p>text</p>', b'\0\1'] and json.loads(frames[2]) == {'a': [1]}
        assert (ws.code, ws.reason) == (4000, 'over')


def test_an_error_in_a_socket_reaches_the_test():
    async def broken(ws):
        await ws.accept()
        raise LookupError('mine')
    app = app_of(WebSocketRoute('/ws', broken))
    with pytest.raises(LookupError, match='mine'), Client(app).ws('/ws') as ws:
        ws.receive()
    with Client(app, raise_errors=False).ws('/ws') as ws, pytest.raises(Closed, match='1006'):
        ws.receive()


def test_silence_on_a_socket_has_a_bound():
    app, _ = sockets()
    with Client(app).ws('/ws') as ws:
        ws.receive()
        with pytest.raises(StillWaiting, match='a frame on /ws'):
            ws.receive(timeout=0.05)
        ws.hx(msg='still open')
        assert 'still open' in ws.receive()


# htmx

@pytest.mark.parametrize('version', [2, 4])
def test_htmx_headers_are_read_back(version):
    h = htmx_headers(version, source='button#save', target='#list', prompt='sure', boosted=True)
    seen = HtmxHeaders.from_headers({k.lower(): v for k, v in h.items()})
    assert (seen.version, seen.trigger or seen.source, seen.target, seen.prompt) == (version, 'save', 'list', 'sure')


def test_hx_requests_get_fragments_and_history_gets_pages():
    app = FastHTML(secret_key='k')
    @app.route('/', methods=['get', 'post'])
    def index(req, htmx: HtmxHeaders): return Div(str(wants_fragment(req.headers)), id='d', title=htmx.target or '')
    client = Client(app)
    assert client.get('/').text.startswith('<!doctype html>')
    assert client.hx.get('/', target=Div(id='list')).text == '<div id="d" title="list">True</div>'
    assert client.hx(4).post('/', target='#list').one('#d').attrs['title'] == 'list'
    assert client.hx.get('/', restore=True).text.startswith('<!doctype html>')


# Selectors

def test_elements_are_found_in_pages_and_fragments():
    page = Html('<!doctype html><title>T</title><ul><li class="a">one<li>two</ul>')
    assert [e.text for e in page.select('li')] == ['one', 'two']
    assert page.one('title').text == 'T'
    assert page.expect('li', 'two')[0].text == 'two'
    assert Html('<td>cell</td><!-- <td>not this</td> -->').one('td').text == 'cell'


def test_a_failure_says_what_was_there():
    app = FastHTML(secret_key='k')
    @app.get('/list')
    def list_(): return Ul(Li('Milk'), Li('Bread', cls='done'), id='todos')
    r = Client(app).hx.get('/list')
    with pytest.raises(AssertionError) as e: r.expect('#todos li.late')
    said = str(e.value)
    assert 'Expected an element `#todos li.late` in GET /list (200), found none.' in said
    assert '`li` alone matches 2.' in said and '<li class="done">Bread</li>' in said
    with pytest.raises(AssertionError) as e: r.one('li')
    assert 'Expected 1 `li`' in str(e.value) and 'found 2' in str(e.value) and '<li>Milk</li>' in str(e.value)
    with pytest.raises(AssertionError) as e: r.expect('li', 'Tea')
    assert "with the text 'Tea'" in str(e.value)


# Sessions

@pytest.mark.parametrize('kind', ['ours', 'starlette', 'store', 'bare'])
def test_a_session_goes_in_and_comes_out(kind, tmp_path):
    async def visit(request):
        request.session['n'] = request.session.get('n', 0) + 1
        return JSONResponse(dict(request.session))
    routes = [Route('/', visit)]
    if kind == 'bare': app = SessionMiddleware(Starlette(routes=routes), 'k')
    else:
        app = Starlette(routes=routes)
        if kind == 'store': app.add_middleware(SessionMiddleware, store=f'sqlite:///{tmp_path}/s.db')
        else: app.add_middleware(SessionMiddleware if kind == 'ours' else StarletteSessions, secret_key='k')
    client = Client(app, session={'n': 4})
    assert client.get('/').json() == {'n': 5}
    assert client.session == {'n': 5}
    client.session = {'n': 40, 'who': 'ann'}
    assert client.get('/').json() == {'n': 41, 'who': 'ann'}
    assert client.session == {'n': 41, 'who': 'ann'}


def test_without_session_middleware_the_error_says_so():
    with pytest.raises(LookupError, match='no session middleware'):
        _ = Client(app_of()).session


def test_the_known_names_make_clients_with_sessions():
    app = FastHTML(secret_key='k')
    @app.get('/who')
    def who(session):
        session['seen'] = True
        return PlainTextResponse(session.get('auth', 'nobody'))
    assert app.get_client(auth='ann').get('/who').text == 'ann'
    assert get_client(app).get('/who').text == 'nobody'
    test = app.get_testclient(auth='bob')
    assert (test.get('/who').text, test.session) == ('bob', {'auth': 'bob', 'seen': True})
    assert isinstance(get_testclient(app), TestClient)
    async def main(): return (await app.get_client(asink=True, auth='cy').get('/who')).text
    assert asyncio.run(main()) == 'cy'


# Lifespan

def living(log, fail=''):
    async def app(scope, receive, send):
        if scope['type'] != 'lifespan': return await PlainTextResponse(str(scope['state'].get('db')))(scope, receive, send)
        assert (await receive())['type'] == 'lifespan.startup'
        if fail == 'startup': raise LookupError('no database')
        scope['state']['db'] = 'open'
        log.append('up')
        await send({'type': 'lifespan.startup.complete'})
        assert (await receive())['type'] == 'lifespan.shutdown'
        if fail == 'shutdown': raise LookupError('will not close')
        log.append('down')
        await send({'type': 'lifespan.shutdown.complete'})
    return app


def test_with_runs_the_lifespan_and_hands_its_state_on():
    log = []
    assert Client(living(log)).get('/').text == 'None'
    with Client(living(log)) as client:
        assert log == ['up']
        assert client.get('/').text == 'open'
    assert log == ['up', 'down']


def test_an_app_that_does_not_start_or_stop_is_an_error():
    def failing(**kw):
        def hook(): raise LookupError('no database')
        return FastHTML(secret_key='k', **{k: hook for k in kw})
    with pytest.raises(LookupError, match='no database'):
        Client(failing(on_startup=1)).__enter__()
    with pytest.raises(LookupError, match='will not close'), Client(living([], 'shutdown')):
        pass


def test_an_app_without_lifespan_is_no_error():
    async def app(scope, receive, send):
        assert scope['type'] == 'http'
        await PlainTextResponse('x')(scope, receive, send)
    with Client(app) as client: assert client.get('/').text == 'x'


# Loops

async def test_a_sync_client_works_inside_a_running_loop(client):
    "As in a notebook cell"
    assert asyncio.get_running_loop()
    assert client.get('/echo/x').json()['path'] == '/echo/x'
    with Client(sockets()[0]).ws('/ws') as ws: assert 'welcome' in ws.receive()


async def test_an_async_client_shares_the_loop_of_the_test():
    asked, answer = asyncio.Event(), asyncio.Queue()
    async def wait(request):
        asked.set()
        return PlainTextResponse(await answer.get())
    async with AsyncClient(app_of(Route('/', wait))) as client:
        task = asyncio.create_task(client.get('/'))
        await asked.wait()
        answer.put_nowait('from the test')
        assert (await task).text == 'from the test'


async def test_async_streams_and_sockets():
    ticks, (app, ended), before = Ticks(), sockets(), asyncio.all_tasks()
    async with AsyncClient(app_of(Route('/t', ticks)), patience=0.05).sse('/t') as events:
        assert (await events.next()).id == '1'
        assert (await anext(events)).id == '2'
        await events.resume()
        assert int((await events.next()).id) > 2
    assert ticks.closed.is_set()
    async with AsyncClient(app).ws('/ws') as ws:
        assert (await ws.receive()).one('#w')
        await ws.hx(msg='hi')
        async for frame in ws:
            assert 'hi' in frame
            break
    assert ended == [1000]
    assert asyncio.all_tasks() == before


def test_channels_are_published_in_the_loop_of_the_app():
    app = FastHTML(secret_key='k')
    @app.get('/news')
    async def news(): return EventStream(app.channel('news'))
    client = Client(app)
    with client.sse('/news') as events:
        client.run(app.channel('news').publish(Div('hello')))
        assert events.next().one('div').text == 'hello'


def test_a_forgotten_client_ends_its_thread():
    client = Client(app_of())
    client.run(asyncio.sleep(0))
    thread = client._thread.thread
    del client
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_a_page_whose_body_is_gone_says_what_is_left():
    "htmx 4 takes the body away when the attribute says so; htmx 2 empties it"
    from fasthtml.common import Button, FastHTML
    app = FastHTML(htmx=4, secret_key='k')
    app.get('/')(lambda: Button('go', hx_get='/x', hx_target='body', hx_swap='delete'))
    app.get('/x')(lambda: '')
    with Client(app).open('/') as page:
        page.click('button')
        with pytest.raises(AssertionError, match='found none'): page.one('button')


def test_nothing_that_a_timer_or_a_clean_up_begins_outlives_a_client():
    "Tasks that were left were destroyed while the interpreter cleared its modules: NameError at the exit of a notebook"
    client, begun = Client(FastHTML(secret_key='x')), []

    async def work(cleans_up):
        try: await asyncio.sleep(3600)
        finally:
            if cleans_up: begun.append(asyncio.create_task(work(False)))

    async def again():
        loop = asyncio.get_running_loop()
        begun.append(loop.create_task(work(True)))
        loop.call_later(0, lambda: loop.create_task(again()))
    client.run(again())
    client.close()
    assert len(begun) > 1 and all(task.done() for task in begun), begun[-3:]
