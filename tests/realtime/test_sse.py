"""Event streams as clients see them.

A real uvicorn, `http.client`, bare sockets, and the parser of tests/support.py, which follows WHATWG HTML 9.2.6.
"""
import asyncio
import gc
import logging
import re
import socket
import struct
import threading
import time
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

from fasthtml.common import Div, EventStream, FastHTML, NotStr, P, Span, sse_message
from fasthtml.realtime.batches import Batch
from fasthtml.realtime.carried import stream_event
from fasthtml.realtime.servers import chunk_writer
from fasthtml.realtime.sse import jitter
from fasthtml.realtime.wire import EventText, event_text, frame_text, html_of, to_bytes
from support import DEADLINE, Event, SseClient, each_row, parse_events, raw_connection, serve, wait_until


def normal(text: str) -> str:
    "What the browser makes of any text: the three line ends are one, a lone surrogate cannot travel"
    text = text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')
    return re.sub(r'\r\n|\r', '\n', text)


def received(wire: str) -> list[Event]: return parse_events(to_bytes(wire).decode('utf-8'))


# The format, against an independent parser

any_text = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)
odd_text = st.text(alphabet='\r\n\u2028\u0085\x0b\x0c\x1c :\0aä\ud83d\ude00', max_size=12)
texts = any_text | odd_text
names = texts.filter(lambda s: not re.search(r'[\r\n]', s))

@settings(max_examples=300, deadline=None)
@given(data=texts, event=names, id=names.filter(lambda s: '\0' not in s) | st.none(), retry=st.integers(0, 10**6) | st.none())
def test_any_text_comes_back(data, event, id, retry):
    "S1: one event, with this data, this name, this id, and nothing else"
    wire = sse_message(data, event, id=id, retry=retry)
    assert received(wire) == [Event(normal(data), normal(event) or 'message', normal(id or ''))]
    assert isinstance(wire, EventText) and event_text(wire) is wire


@settings(max_examples=300, deadline=None)
@given(value=texts.filter(lambda s: re.search(r'[\r\n]', s)), field=st.sampled_from(['event', 'id']))
def test_a_line_end_in_a_name_or_id_is_refused(value, field):
    "Upstream lets an event name forge other events"
    with pytest.raises(ValueError, match='one line'): sse_message('x', **{field: value})


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(texts, max_size=5))
def test_events_one_after_the_other_stay_apart(parts):
    assert [e.data for e in received(''.join(map(sse_message, parts)))] == [normal(p) for p in parts]


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_a_plain_string_from_a_source_is_an_event_or_data_but_never_half_of_one(text):
    "Either it was whole events already, or it comes back as the data of one"
    wire = event_text(text)
    assert wire.endswith(('\n', '\r'))
    assert wire == text or [e.data for e in received(wire)] == [normal(text)]


@each_row(('value', 'wire'), [
    ('This is a message', 'data: This is a message\n\n'),
    ('', 'data: \n\n'),
    ('ends\n', 'data: ends\ndata: \n\n'),
    ('a\r\nb\rc\nd', 'data: a\ndata: b\ndata: c\ndata: d\n\n'),
    (' leading', 'data:  leading\n\n'),
    (': comment?', 'data: : comment?\n\n'),
    ('\ufeffbom', 'data: \ufeffbom\n\n'),
    ('nul\0', 'data: nul\0\n\n'),
    ('<b>as it is</b>', 'data: <b>as it is</b>\n\n'),
    ('\u2028\x85\x0b\x0c\x1c\x1d\x1e', 'data: \u2028\x85\x0b\x0c\x1c\x1d\x1e\n\n'),
    (None, 'data: \n\n'),
    (5, 'data: 5\n\n'),
    (NotStr('<b>'), 'data: <b>\n\n'),
    (Div('x < y', Span('!'), id='a'), 'data: <div id="a">x &lt; y<span>!</span></div>\n\n'),
    ((P('1'), P('2')), 'data: <p>1</p><p>2</p>\n\n'),
    ([P('1'), P('2')], 'data: <p>1</p><p>2</p>\n\n'),
    ({'a': [1, None], 'b': 'ä'}, 'data: {"a":[1,null],"b":"ä"}\n\n'),
    ([1, 'two'], 'data: [1,"two"]\n\n'),
    ({'el': P('x')}, 'data: {"el":"\\u003cp>x\\u003c/p>"}\n\n'),
    ({'odd': '\ud83d'}, None),
], ids=repr)
def test_what_becomes_of_values(value, wire):
    made = sse_message(value)
    assert wire is None or made == wire
    assert len(received(made)) == 1


def test_the_bytes_of_ordinary_messages_are_upstreams():
    assert sse_message('tick', event='t') == 'event: t\ndata: tick\n\n'
    assert sse_message('a\nb') == 'data: a\ndata: b\n\n'
    assert sse_message('x', event='message') == 'data: x\n\n'


def test_ten_megabytes_are_one_event_and_take_no_time():
    big = ('ä'*30 + '\n')*170_000
    start = time.thread_time()
    [event] = received(event_text(big))
    assert event.data == big and time.thread_time() - start < 10


@pytest.mark.parametrize('text', ['data: a\r\n'*50_000 + 'x\n', 'data: a\r\n\r\n'*50_000 + 'x\n', 'data\n'*50_000, ':'*100_000 + '\n'])
def test_hostile_text_is_told_from_events_in_linear_time(text):
    start = time.thread_time()
    event_text(text)
    assert time.thread_time() - start < 1


# Sources

def stream_app(source, **options) -> FastHTML:
    app = FastHTML()

    @app.route('/events', methods=['GET', 'POST'])
    async def events(): return EventStream(source(), **options)
    return app


def all_of(app, path='/events', **kw) -> tuple[list[Event], str]:
    with serve(app) as served, SseClient(served.url, path, **kw) as client:
        events = client.read_to_end()
        assert client.ended, 'the body was not terminated'
        return events, client.text


async def asynchronous():
    for x in synchronous(): yield x

def synchronous():
    yield from (Div('el'), 'text', {'a': 1}, sse_message('own', 'name', id=3))
    yield from ('event: whole\ndata: event\n\n', b'data: bytes\n\n')

class Iterator:
    "An asynchronous iterator without `aclose`"
    def __init__(self): self.items = synchronous()
    def __aiter__(self): return self
    async def __anext__(self):
        try: return next(self.items)
        except StopIteration: raise StopAsyncIteration from None

SOURCES = {'async generator': asynchronous, 'generator': synchronous, 'list': lambda: list(synchronous()),
           'tuple': lambda: tuple(synchronous()), 'async iterator': Iterator, 'map': lambda: map(str, [1])}

@pytest.mark.parametrize('kind', SOURCES)
@pytest.mark.parametrize('raw', [False, True])
def test_sources_of_every_kind(kind, raw):
    "Only `sse_message` makes events; a plain text that looks like one is data, unless the stream is for such texts (`raw`)"
    events, _ = all_of(stream_app(SOURCES[kind], raw=raw))
    assert events[-1].event == 'close'
    if len(events) > 2:
        plain = ['event', 'bytes'] if raw else ['event: whole\ndata: event\n\n', 'data: bytes\n\n']
        assert [e.data for e in events[:-1]] == ['<div>el</div>', 'text', '{"a":1}', 'own', *plain]
        assert [e.event for e in events[:-1]] == ['message']*3 + ['name', 'whole' if raw else 'message', 'message'] and events[3].id == '3'


@pytest.mark.parametrize('last', [sse_message('', 'close'), sse_message('bye', 'close'), sse_message('b', 'close', id=1),
                                  'event: close\ndata: bye\n\n'])
def test_close_is_not_sent_twice(last):
    async def source():
        yield 'a'
        yield last
    events, _ = all_of(stream_app(source, raw=True))
    assert [e.event for e in events] == ['message', 'close']


def test_data_that_only_looks_like_a_close_does_not_count():
    async def source(): yield sse_message('a\nevent: close\nb')
    events, _ = all_of(stream_app(source))
    assert [e.event for e in events] == ['message', 'close']


def test_the_client_of_a_source_that_fails_gets_the_event_failed_and_no_text_of_it(caplog):
    "D10: upstream cuts the body, and the browser comes back for ever"
    async def source():
        yield 'fine'
        raise ValueError('password is swordfish')
    events, text = all_of(stream_app(source))
    assert [e.event for e in events] == ['message', 'failed'] and 'swordfish' not in text and 'ValueError' not in text
    assert re.search(r'event: failed\nretry: \d{4,}\ndata: \n\n$', text)
    assert 'ValueError: password is swordfish' in caplog.text


@pytest.mark.parametrize('item', [object(), sse_message], ids=['an object', 'a function'])
def test_odd_items_do_not_break_the_body(item):
    async def source(): yield item
    events, _ = all_of(stream_app(source))
    assert events[-1].event in ('close', 'failed')


def test_headers_and_status():
    with serve(stream_app(asynchronous, headers={'X-Mine': 'yes'})) as served, SseClient(served.url, '/events') as client:
        headers = client.headers
        assert client.status == 200 and headers['content-type'] == 'text/event-stream; charset=utf-8'
        assert headers['cache-control'] == 'no-store' and headers['x-accel-buffering'] == 'no' and headers['x-mine'] == 'yes'
        assert headers['connection'] is None and headers['content-length'] is None


def test_retry_is_sent_first():
    _, text = all_of(stream_app(asynchronous, retry=2500))
    assert text.startswith('retry: 2500\n\n')


def test_a_post_may_answer_with_events():
    "htmx 4 streams any reply of this type"
    app = FastHTML()

    @app.post('/say')
    async def say(msg: str):
        async def words():
            for word in msg.split(): yield Span(word)
        return EventStream(words())
    import urllib.parse
    import urllib.request
    with serve(app) as served:
        body = urllib.request.urlopen(f'{served.url}/say', urllib.parse.urlencode({'msg': 'one two'}).encode()).read().decode()
    assert [e.data for e in parse_events(body)] == ['<span>one</span>', '<span>two</span>', '']


def test_a_cookie_set_before_the_stream_goes_out():
    app = FastHTML(secret_key='x')

    @app.get('/events')
    async def events(session):
        session['seen'] = True
        return EventStream(asynchronous())
    with serve(app) as served, SseClient(served.url, '/events') as client:
        assert 'session_=' in client.headers['set-cookie']
        assert client.read_to_end()[-1].event == 'close'


def test_a_204_is_passed_on():
    "It tells a plain EventSource not to come back (WHATWG HTML 9.2.3)"
    from starlette.responses import Response
    app = FastHTML()

    @app.get('/events')
    async def events(): return Response(status_code=204)
    with serve(app) as served, SseClient(served.url, '/events') as client: assert client.status == 204


# HEAD

def head_app():
    app, ended = FastHTML(), []

    async def endless():
        try:
            while True:
                yield 'x'
                await asyncio.sleep(0.01)
        finally: ended.append('generator')

    @app.get('/source')
    async def source(): return EventStream(endless())

    @app.get('/channel')
    async def channel(): return EventStream(app.channel('c'))

    @app.get('/object')
    async def by_send():
        stream = EventStream()
        try:
            while True:
                await stream.send('x')
                await asyncio.sleep(0.01)
        finally: ended.append('handler')

    @app.get('/plain')
    async def plain(): return 'next answer'
    return app, ended


@pytest.mark.parametrize('path', ['/source', '/channel', '/object'])
def test_head_is_answered_at_once_and_the_connection_goes_on(path):
    "Upstream (and raw Starlette) hang, and block the next request of the connection"
    app, ended = head_app()
    with serve(app) as served:
        request = f'HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        with raw_connection(served.port, request.encode()) as sock:
            answer = b''.join(iter(lambda: sock.recv(65536), b'')).decode()
        head, _, rest = answer.partition('\r\n\r\n')
        assert 'text/event-stream' in head and rest.startswith('HTTP/1.1 200') and rest.endswith('next answer')
        if path == '/object': wait_until(lambda: ended == ['handler'])
        wait_until(lambda: not app.lifecycle.connections and len(app.channel('c')) == 0)


# Clients that leave

def leaving(sock: socket.socket, how: str) -> None:
    if how == 'RST': sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    if how == 'half': sock.shutdown(socket.SHUT_WR)
    else: sock.close()


@pytest.mark.parametrize('how', ['FIN', 'RST', 'half'])
@pytest.mark.parametrize('kind', ['idle generator', 'busy generator', 'sync generator', 'object', 'channel', 'returned object'])
def test_a_client_that_leaves_ends_everything(kind, how, caplog):
    "S2, and no traceback: leaving is ordinary"
    app, ended, kept = FastHTML(), [], []

    @app.get('/events')
    async def events():
        async def generator(pause):
            try:
                while True:
                    yield 'x'
                    await asyncio.sleep(pause)
            finally: ended.append(kind)
        def sync():
            try:
                while True:
                    yield 'x'
                    time.sleep(0.02)
            finally: ended.append(kind)
        no_clock = dict(heartbeat=None, slow=None)   # It is the client's leaving that ends it
        if kind == 'idle generator': return EventStream(generator(1000), **no_clock)
        if kind == 'busy generator': return EventStream(generator(0), **no_clock)
        if kind == 'sync generator': return EventStream(sync(), **no_clock)
        if kind == 'channel':
            ended.append(kind)
            return EventStream(app.channel('c'), **no_clock)
        stream = EventStream(**no_clock)
        await stream.send('x')
        if kind == 'returned object':
            ended.append(kind)
            kept.append(stream)
            return stream
        try: await asyncio.sleep(1000)
        finally: ended.append(kind)
    with caplog.at_level(logging.INFO), serve(app) as served:
        sock = raw_connection(served.port, b'GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
        seen = b''
        while b'\r\n\r\n' not in seen or b'\n\n' not in seen.partition(b'\r\n\r\n')[2]: seen += sock.recv(1000)
        wait_until(lambda: len(app.lifecycle.connections) == 1)
        leaving(sock, how)
        wait_until(lambda: not app.lifecycle.connections and ended == [kind])
        sock.close()
        assert len(app.channel('c')) == 0
    assert 'Traceback' not in caplog.text


def test_a_sync_generator_inside_a_long_step_is_closed_after_it():
    app, steps, go = FastHTML(), [], threading.Event()

    def source():
        try:
            yield 'first'
            steps.append('blocked')
            go.wait(DEADLINE)
            yield 'second'
        finally: steps.append('closed')

    @app.get('/events')
    async def events(): return EventStream(source())
    with serve(app) as served:
        client = SseClient(served.url, '/events')
        next(client.events())
        wait_until(lambda: steps == ['blocked'])
        client.close()
        go.set()
        wait_until(lambda: steps == ['blocked', 'closed'])
        wait_until(lambda: not app.lifecycle.connections)


# Silence, slowness

@pytest.mark.parametrize('kind', ['generator', 'channel', 'object'])
def test_silence_is_filled_with_comments(kind):
    app = FastHTML()

    @app.get('/events')
    async def events(heartbeat: float):
        async def quiet():
            yield 'first'
            await asyncio.sleep(1000)
        if kind == 'generator': return EventStream(quiet(), heartbeat=heartbeat)
        if kind == 'channel': return EventStream(app.channel('c'), heartbeat=heartbeat)
        stream = EventStream(heartbeat=heartbeat)
        await stream.send('first')
        await asyncio.sleep(1000)
    path = '/events?heartbeat='
    with serve(app) as served, SseClient(served.url, f'{path}3600') as seldom, SseClient(served.url, f'{path}0.1') as client:
        while client.text.count(':\n\n') < 3: assert client.read()
        app.lifecycle.drain_sync()
        seldom.read_to_end()
        assert ':\n\n' not in seldom.text
        assert [e.data for e in parse_events(client.text)] == ([] if kind == 'channel' else ['first'])


def test_heartbeats_never_stand_inside_an_event():
    async def source():
        for i in range(12):
            yield {'n': i, 'pad': 'y'*100_000}
            await asyncio.sleep(0.03 if i % 2 else 0)
    events, text = all_of(stream_app(source, heartbeat=0.01))
    assert [len(e.data) for e in events[:-1]] == [100_000 + len('{"n":,"pad":""}') + len(str(i)) for i in range(12)] and ':\n\n' in text


@pytest.mark.parametrize('kind', ['generator', 'object', 'sync object'])
def test_back_pressure_stops_the_source_and_a_client_that_takes_nothing_is_cut_off(kind):
    "C1. Upstream's idiom, a queue, grows for as long as the client stalls"
    app, made, ended = FastHTML(), [], []
    piece = 'x'*20_000

    @app.get('/events')
    async def events():
        async def source():
            try:
                while True:
                    made.append(1)
                    yield piece
            finally: ended.append('closed')
        if kind == 'generator': return EventStream(source(), slow=0.5)
        stream = EventStream(slow=0.5)
        try:
            while True:
                made.append(1)
                await stream.send(piece)
        finally: ended.append('closed')

    @app.get('/sync')
    def sync():
        stream = EventStream(slow=0.5)
        try:
            while True:
                made.append(1)
                stream.send(piece)
        finally: ended.append('closed')
    with serve(app) as served:
        path = '/sync' if kind == 'sync object' else '/events'
        sock = raw_connection(served.port, f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode(), receive_buffer=4096)
        connection = wait_until(lambda: app.lifecycle.connections)[0]
        wait_until(lambda: connection.mailbox.pending_bytes > 200_000)
        assert connection.mailbox.pending_bytes < 400_000
        wait_until(lambda: ended and not app.lifecycle.connections)
        assert len(made)*20_000 < 12_000_000  # what the kernel and the mailbox hold
        sock.close()


def test_a_slow_reader_gets_everything_in_order():
    async def source():
        for i in range(300): yield f'{i} ' + 'x'*20_000
    app = stream_app(source)
    with serve(app) as served:
        with raw_connection(served.port, b'GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', receive_buffer=8192) as sock:
            [connection] = wait_until(lambda: tuple(app.lifecycle.connections))
            wait_until(lambda: connection.mailbox.pending_bytes > 200_000)   # its source waits for it
            raw = b''.join(iter(lambda: sock.recv(65536), b''))
    body, data = raw.partition(b'\r\n\r\n')[2], b''
    while body:
        size, _, body = body.partition(b'\r\n')
        data, body = data + body[:int(size, 16)], body[int(size, 16) + 2:]
    events = parse_events(data.decode())
    assert [e.data.split(' ')[0] for e in events[:-1]] == [str(i) for i in range(300)] and events[-1].event == 'close'


def test_a_stalled_subscriber_delays_no_other_and_is_cut_off():
    "W4, C1"
    app = FastHTML()
    channel = app.channel('c')

    @app.get('/events')
    async def events(): return EventStream(channel, slow=2)
    with serve(app) as served, SseClient(served.url, '/events') as client:
        stalled = raw_connection(served.port, b'GET /events HTTP/1.1\r\nHost: x\r\n\r\n', receive_buffer=4096)
        wait_until(lambda: len(channel) == 2)
        boxes, pending = [c.mailbox for c in app.lifecycle.connections], 0   # the stalled one may be cut off before we have sent all
        for i in range(60):
            channel.publish_sync(f'{i} ' + 'x'*200_000)
            while len(client.text) < 200_000*(i + 1): client.read()
            pending = max(pending, *(b.pending_bytes for b in boxes))
        assert 0 < pending < 700_000 and max(b.dropped for b in boxes) > 0
        wait_until(lambda: len(channel) == 1)
        stalled.close()


# Channels: replay

@pytest.fixture
def news():
    app = FastHTML()
    channel = app.channel('news', history=5)

    @app.get('/events')
    async def events(): return EventStream(channel)

    @app.get('/id')
    async def last(last_event_id): return f'{last_event_id}'
    with serve(app) as served: yield served, channel


def read(served, n: int, last_id: str | None = None) -> list[Event]:
    with SseClient(served.url, '/events', {} if last_id is None else {'Last-Event-ID': last_id}) as client:
        events = client.events()
        return [next(events) for _ in range(n)]


def test_a_client_that_comes_back_gets_what_it_missed_then_what_is_new(news):
    "C2: no gap, no duplicate"
    served, channel = news
    ids = [channel.publish_sync(f'm{i}') for i in range(5)]
    for start in range(4):
        assert [(e.data, e.id) for e in read(served, 4 - start, ids[start])] == [(f'm{i}', ids[i]) for i in range(start + 1, 5)]
    with SseClient(served.url, '/events', {'Last-Event-ID': ids[2]}) as client:
        events = client.events()
        assert [next(events).data for _ in range(2)] == ['m3', 'm4']
        channel.publish_sync('live')
        assert next(events).data == 'live'


def test_a_client_that_is_up_to_date_gets_nothing_old(news):
    served, channel = news
    last = [channel.publish_sync(f'm{i}') for i in range(3)][-1]
    with SseClient(served.url, '/events', {'Last-Event-ID': last}) as client:
        wait_until(lambda: len(channel) == 1)
        channel.publish_sync('new')
        assert next(client.events()).data == 'new'


@pytest.mark.parametrize('last_id', ['other-3', 'garbage', '0', '-1', '%00', 'a'*10_000, 'ä'.encode().decode('latin-1'), '999999999999'],
                         ids=lambda s: s[:9])
def test_a_client_that_history_does_not_cover_is_told(news, last_id):
    "C3: it must load the page again"
    served, channel = news
    for i in range(8): channel.publish_sync(f'm{i}')
    [event] = read(served, 1, last_id)
    assert (event.event, event.data, event.id) == ('resync', '', channel.last_id)


def test_a_client_that_stayed_away_too_long_gets_resync(news):
    served, channel = news
    first = channel.publish_sync('m0')
    for i in range(1, 8): channel.publish_sync(f'm{i}')
    assert read(served, 1, first)[0].event == 'resync'


def test_a_new_client_learns_where_it_begins(news):
    "A client that came before the first message can still come back to the right place"
    served, channel = news
    with SseClient(served.url, '/events') as client:
        client.read()
        begin = re.match(r'id: (.+)\n\n', client.text).group(1)
    channel.publish_sync('while away')
    assert read(served, 1, begin)[0].data == 'while away'


def waiting_in(task) -> list[str]:
    "The coroutines that are under way in a task, outermost first"
    names, coro = [], task.get_coro()
    while hasattr(coro, 'cr_await'):
        names.append(coro.__qualname__)
        coro = coro.cr_await
    return names


@pytest.mark.parametrize('sessions', [None, 'sqlite'])
def test_a_client_that_only_waits_keeps_no_layer_of_the_app_waiting(sessions, tmp_path):
    store = sessions and f'sqlite:///{tmp_path}/sessions.db'
    app = FastHTML(secret_key='x', sess_store=store)
    channel = app.channel('news')

    @app.get('/events')
    async def events(): return EventStream(channel)
    with serve(app) as served, SseClient(served.url, '/events') as client:
        wait_until(lambda: len(channel))
        [connection] = app.lifecycle.connections
        wait_until(lambda: 'EventStream._go_on' in waiting_in(connection.cancellation.task))
        assert not {'Endpoint.__call__', 'SessionMiddleware.__call__'} & {*waiting_in(connection.cancellation.task)}
        channel.publish_sync('still heard')
        served.stop()
        assert [(event.event, event.data) for event in client.events()] == [('message', 'still heard'), ('shutdown', '')]


def test_a_page_misses_nothing_between_its_making_and_its_stream(news):
    served, channel = news
    @served.app.get('/since/{id}')
    async def since(id: str): return EventStream(channel, since=id)
    made = channel.last_id
    ids = [channel.publish_sync(f'm{i}') for i in range(3)]
    def heard(n, **headers):
        with SseClient(served.url, f'/since/{made}', headers) as client:
            events = client.events()
            return [next(events).data for _ in range(n)]
    assert heard(3) == ['m0', 'm1', 'm2']
    assert heard(1, **{'Last-Event-ID': ids[1]}) == ['m2'], 'where it was counts more than where it began'
    for i in range(3, 9): channel.publish_sync(f'm{i}')
    with SseClient(served.url, f'/since/{made}') as client: assert next(client.events()).event == 'resync'  # C3


def test_handlers_may_ask_for_the_last_event_id(news):
    import urllib.request
    served, _ = news
    request = urllib.request.Request(f'{served.url}/id', headers={'Last-Event-ID': 'e-7'})
    assert urllib.request.urlopen(request).read() == b'e-7'


def test_many_clients_that_come_back_at_once_lose_nothing(news):
    served, channel = news
    ids = [channel.publish_sync(f'm{i}') for i in range(5)]
    request = f'GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {ids[0]}\r\n\r\n'.encode()
    socks = [raw_connection(served.port, request) for _ in range(200)]
    wait_until(lambda: len(channel) == 200)
    channel.publish_sync('live')
    for sock in socks:
        seen = b''
        while b'data: live' not in seen: seen += sock.recv(4096)
        assert re.findall(rb'data: (\w+)', seen) == [b'm1', b'm2', b'm3', b'm4', b'live']
        sock.close()


def test_the_way_back_is_spread_over_time():
    waits = [jitter() for _ in range(300)]
    assert min(waits) >= 1000 and max(waits) <= 2000 and len(set(waits)) > 150 and max(waits) - min(waits) > 700
    assert all(5000 <= jitter(5000) <= 10_000 for _ in range(50))


def test_publishing_from_threads_handlers_and_tasks_reaches_everybody_in_one_order():
    app = FastHTML()
    channel = app.channel('c')

    @app.get('/events')
    async def events(): return EventStream(channel)

    @app.get('/async')
    async def publish(): return await channel.publish('from a handler')

    @app.get('/sync')
    def publish_sync(): return channel.publish_sync('from a sync handler')
    import urllib.request
    with serve(app) as served, SseClient(served.url, '/events') as one, SseClient(served.url, '/events') as two:
        wait_until(lambda: len(channel) == 2)
        threads = [threading.Thread(target=lambda n=n: [channel.publish_sync(f'{n}-{i}') for i in range(50)]) for n in range(4)]
        for t in threads: t.start()
        for path in ('async', 'sync'): urllib.request.urlopen(f'{served.url}/{path}').read()
        for t in threads: t.join()
        seen = []
        for client in (one, two):
            events = client.events()
            seen.append([next(events).data for _ in range(202)])
    assert seen[0] == seen[1] and {'from a handler', 'from a sync handler'} < set(seen[0])
    for n in range(4): assert [x for x in seen[0] if x.startswith(f'{n}-')] == [f'{n}-{i}' for i in range(50)]


def test_two_servers_in_two_loops_share_a_channel():
    app = FastHTML()
    channel = app.channel('c')

    @app.get('/events')
    async def events(): return EventStream(channel, heartbeat=0.2)
    with serve(app) as first, serve(app) as second:
        with SseClient(first.url, '/events') as one, SseClient(second.url, '/events') as two:
            wait_until(lambda: len(channel) == 2)
            channel.publish_sync('both')
            assert [next(c.events()).data for c in (one, two)] == ['both', 'both']
            while ':\n\n' not in one.text: one.read()
            while ':\n\n' not in two.text: two.read()


# Middleware around a stream

class Base(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next): return await call_next(request)

BASE, GZIP = Middleware(Base), Middleware(GZipMiddleware, minimum_size=1)
STACKS = {'none': [], 'base': [BASE], 'gzip': [GZIP], 'both': [BASE, GZIP], 'reversed': [GZIP, BASE]}

@pytest.mark.parametrize('stack', STACKS)
def test_events_pass_middleware_as_they_are_made(stack):
    "The first event must be there before the second is made"
    app, go = FastHTML(middleware=STACKS[stack]), threading.Event()

    @app.get('/events')
    async def events():
        async def source():
            yield 'first'
            await asyncio.to_thread(go.wait, DEADLINE)
            yield 'second'
        return EventStream(source())
    with serve(app) as served, SseClient(served.url, '/events', {'Accept-Encoding': 'gzip'}) as client:
        events = client.events()
        assert next(events).data == 'first'
        go.set()
        assert [e.event for e in client.read_to_end()] == ['message', 'message', 'close'] and client.ended


@pytest.mark.parametrize('stack', STACKS)
def test_headers_of_a_silent_stream_pass_at_once(stack):
    app = FastHTML(middleware=STACKS[stack])

    @app.get('/events')
    async def events(): return EventStream(app.channel('silent'))
    with serve(app) as served, SseClient(served.url, '/events', {'Accept-Encoding': 'gzip'}) as client: assert client.status == 200


class Chunked:
    "As much of uvicorn's protocol as a writer of chunks asks for"
    def __init__(self):
        self.chunked_encoding, self.flow = True, SimpleNamespace(write_paused=False)
        self.transport = SimpleNamespace(write=lambda data: None, is_closing=lambda: False)
    async def send(self, message): pass
Chunked.__module__ = 'uvicorn.protocols.http.httptools_impl'

KEEPERS = {
    'an element': lambda big: html_of(Div(big)), 'an element, twice': lambda big: [html_of(x) for x in [Div(big)]*2],
    'an event of an element': lambda big: event_text(Div(big)), 'a frame': lambda big: frame_text(Div(big)),
    'a chunk': lambda big: chunk_writer(Chunked().send)(big.encode()), 'a carried piece': lambda big: stream_event(1, big)}

@pytest.mark.parametrize('what', KEEPERS)
def test_what_was_sent_last_is_not_kept_if_it_is_large(what):
    "Small things are, since many clients may get them. Some kilobytes, and not a report of some megabytes for the life of the process"
    KEEPERS[what]('once, for what is made at the first use')
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(3): KEEPERS[what](f'{n}' * 1_000_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally: tracemalloc.stop()


async def test_the_bytes_of_what_was_sent_last_go_with_the_turn():
    box = SimpleNamespace(send_now=lambda piece: True, pending_bytes=0, max_pending=1)
    batch = Batch(box)
    batch.add('data: x\n\n')
    assert batch.turns.piece
    await asyncio.sleep(0)
    assert not batch.turns.piece
