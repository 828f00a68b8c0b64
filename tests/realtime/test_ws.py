"""WebSocket routes as clients see them: a real uvicorn, the `websockets` library and bare sockets.

Cites the invariants W1-W4 and upstream's defects D1-D9.
"""
import asyncio
import base64
import json
import logging
import os
import socket
import struct
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.responses import RedirectResponse
from starlette.testclient import TestClient as StarletteClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fasthtml.common import APIRouter, Beforeware, Div, EventStream, FastHTML, P
from fasthtml.realtime.sockets import Socket
from fasthtml.realtime.ws import setup_ws
from fasthtml.testing import Client
from support import DEADLINE, SseClient, parse_events, raw_connection, serve, wait_until


def fields(**kw) -> str: return json.dumps(kw)


def closing_code(ws) -> int:
    "Read until the server closes; the code it sent"
    with pytest.raises(ConnectionClosed) as closed:
        while True: ws.recv(timeout=DEADLINE)
    return closed.value.rcvd.code if closed.value.rcvd else 1006


def ask(ws, **kw) -> str:
    ws.send(fields(**kw))
    return ws.recv(timeout=DEADLINE)


def raw_websocket(port: int, path: str, receive_buffer: int | None = None, headers: str = '') -> socket.socket:
    "A WebSocket by hand: after this, frames go over the bare socket"
    key = base64.b64encode(os.urandom(16)).decode()
    sock = raw_connection(port, (f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}'
                                 f'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n').encode(), receive_buffer)
    answer = b''
    while b'\r\n\r\n' not in answer: answer += sock.recv(1)
    assert b' 101 ' in answer, answer
    return sock


def masked(text: str, opcode: int = 1) -> bytes:
    data = text.encode()
    size = bytes([128 | len(data)]) if len(data) < 126 else b'\xfe' + struct.pack('!H', len(data))
    return bytes([128 | opcode]) + size + bytes(4) + data


@dataclass
class Journal:
    "What callbacks noted, in order, from whichever thread"
    def __post_init__(self): self.lines = []
    def __call__(self, *what): self.lines.append(what if len(what) != 1 else what[0])
    def count(self, what): return self.lines.count(what)
    def wait(self, what): return wait_until(lambda: what in self.lines, what=f'{what!r} in {self.lines}')


@pytest.fixture
def note(): return Journal()


# Messages

@pytest.fixture(scope='module')
def talk():
    app = FastHTML()

    @app.ws('/number')
    async def number(n: int): return P(f'got {n}')

    @app.ws('/everything')
    async def everything(msg: str, ws, send, session, htmx, data: dict, app, scope, room: str = 'none'):
        assert isinstance(ws, Socket) and scope is ws.scope
        return Div(f'{msg}|{htmx.trigger or htmx.source}|{sorted(data)}|{room}|{dict(session)}', id='all')

    @app.ws('/room/{room}')
    async def in_room(room: str, msg: str): return f'{room}: {msg}'

    @app.ws('/sync')
    def sync(msg: str, send):
        send(P(f'thread {threading.current_thread() is threading.main_thread()}'))
        return P(msg)

    @app.ws('/limited', max_size=50)
    async def limited(msg: str): return P(msg)

    async def on_error(errors, send): return P(', '.join(f'{k}: {e.expected}' for k, e in errors.items()), id='errors')

    @app.ws('/forgiving', on_error=on_error)
    async def forgiving(n: int, when: float): return P('fine')

    @app.ws('/quits')
    async def quits(ws, msg: str):
        await ws.send_text('one moment')
        await ws.close(4000, 'enough')

    with serve(app) as served: yield served


@pytest.mark.parametrize('frame', [
    {'msg': 'hi', 'HEADERS': {'HX-Request': 'true', 'HX-Trigger': 'f', 'HX-Trigger-Name': None, 'HX-Target': 'f', 'HX-Current-URL': 'http://x/'}},
    {'msg': 'hi', 'headers': {'HX-Request': 'true', 'HX-Source': 'form#f', 'HX-Current-URL': 'http://x/', 'HX-Target': 'form#f'}},
    {'values': {'msg': 'hi'}, 'headers': {'HX-Request': 'true', 'HX-Source': 'form#f'}},
    {'body': {'msg': 'hi'}, 'headers': {'HX-Request': 'true', 'HX-Source': 'form#f'}},
], ids=['htmx 2', 'htmx 4', 'beta values', 'beta body'])
def test_frames_of_every_htmx_are_understood(talk, frame):
    with connect(f'{talk.ws_url}/everything?room=7') as ws:
        ws.send(json.dumps(frame))
        text = LexborHTMLParser(ws.recv(timeout=DEADLINE)).css_first('#all').text()
    msg, source, data, room, _ = text.split('|')
    assert (msg, room) == ('hi', '7') and source.endswith('f') and 'msg' in data and 'HEADERS' not in data and 'headers' not in data


def test_path_parameters_reach_the_handler(talk):
    with connect(f'{talk.ws_url}/room/blue') as ws: assert ask(ws, msg='a') == 'blue: a'


def test_a_sync_handler_runs_in_a_thread_and_can_send(talk):
    "Upstream's `send` does nothing there, without an error"
    with connect(f'{talk.ws_url}/sync') as ws: assert [ask(ws, msg='x'), ws.recv(timeout=DEADLINE)] == ['<p>thread False</p>', '<p>x</p>']


@pytest.mark.parametrize('text', ['[1, 2]', '5', '"text"', 'null', 'true', 'not json', '', '{"a":', '{"a": NaN}', '['*100_000 + ']'*100_000,
                                  '{"a":'*100_000 + '1' + '}'*100_000], ids=lambda t: t[:12])
def test_a_frame_that_is_no_object_closes_with_1003(talk, text):
    "Upstream sends the parser's words into the page, or dies without a close frame (D4)"
    with connect(f'{talk.ws_url}/number') as ws:
        ws.send(text)
        assert closing_code(ws) == 1003


def test_a_binary_frame_closes_with_1003(talk):
    with connect(f'{talk.ws_url}/number') as ws:
        ws.send(b'{"n": 1}')
        assert closing_code(ws) == 1003


@pytest.mark.parametrize('frame', [{'n': 'five'}, {}, {'n': None}, {'n': {'a': 1}}, {'n': 1, 'HEADERS': ['not', 'a', 'dict']}], ids=str)
def test_a_bad_field_is_logged_and_the_socket_stays(talk, caplog, frame):
    "No word of it goes to the client"
    with caplog.at_level(logging.WARNING, 'fasthtml'), connect(f'{talk.ws_url}/number') as ws:
        ws.send(json.dumps(frame))
        assert ask(ws, n=7) == ('<p>got 1</p>' if frame.get('n') == 1 else '<p>got 7</p>')
    assert frame.get('n') == 1 or '/number: n: Expected a whole number' in caplog.text


def test_on_error_may_answer_bad_fields(talk):
    with connect(f'{talk.ws_url}/forgiving') as ws:
        frame = LexborHTMLParser(ask(ws, n='five', when='soon')).css_first('#errors')
        assert 'n: a whole number' in frame.text() and 'when: ' in frame.text()
        assert ask(ws, n=5, when=1) == '<p>fine</p>'


class Colour(str):
    def __new__(cls, text): return super().__new__(cls, text.strip())   # an AttributeError, if it is no text


@dataclass
class Asserted:
    v: int
    def __post_init__(self):
        if self.v != 1: raise AssertionError('one only')


def asserted(text):
    if text != '1': raise AssertionError('one only')
    return 1


@pytest.mark.parametrize(('kind', 'bad'), [(Colour, 5), (Colour, {}), (Colour, [{}]), (Colour | None, True), (list[Colour], [5]),
                                           (asserted, '2'),
                                           (asserted, 1), (Asserted, '2')])
def test_what_a_type_of_ones_own_refuses_is_bad_input_everywhere(kind, bad, caplog):
    "A frame, and JSON in a request: 400, `on_error`, or a log line and nothing to the client"
    app = FastHTML(secret_key='k')
    async def handle(v): return 'fine'
    handle.__annotations__['v'] = kind
    app.post('/')(handle)
    app.ws('/logged')(handle)
    app.ws('/answered', on_error=lambda errors: ', '.join(errors))(handle)
    with Client(app) as client:
        assert client.post('/', json={'v': bad}).status_code == 400
        for path in ('/logged', '/answered'):
            with client.ws(path) as ws:
                ws.send({'v': bad})
                if path == '/answered': assert ws.receive().startswith('v')
                ws.send({'v': ['1'] if kind == list[Colour] else '1'})
                assert ws.receive() == 'fine'
    assert '/logged: v' in caplog.text


def test_a_message_that_is_too_long_closes_with_1009(talk):
    with connect(f'{talk.ws_url}/limited') as ws:
        assert ask(ws, msg='short') == '<p>short</p>'
        ws.send(fields(msg='x'*60))
        assert closing_code(ws) == 1009


def test_the_servers_own_limit_closes_with_1009_as_well(talk):
    with connect(f'{talk.ws_url}/number', max_size=None) as ws:
        with pytest.raises(ConnectionClosed):
            ws.send(fields(n='1'*17_000_000))
            closing_code(ws)
            raise ws.protocol.close_exc
        assert ws.close_code == 1009


def test_a_handler_may_close_by_itself_after_what_it_sent(talk):
    with connect(f'{talk.ws_url}/quits') as ws:
        assert ask(ws, msg='x') == 'one moment'
        assert closing_code(ws) == 4000 and ws.close_reason == 'enough'


def test_fragments_with_a_ping_between_them_are_one_message(talk):
    "RFC 6455, section 5.4"
    with raw_websocket(talk.port, '/number') as sock:
        half = masked('{"n":')
        sock.sendall(bytes([half[0] & 127]) + half[1:] + masked('', 9) + bytes([128]) + masked(' 3}')[1:])
        data = b''
        while b'got 3' not in data: data += sock.recv(1000)
        assert data.startswith(b'\x8a\x00')  # the pong came first


# What may be returned and sent

RETURNS = {
    'element': (lambda: Div('x', id='a'), '<div hx-swap-oob="true" id="a">x</div>'),
    'element with its own swap': (lambda: Div('x', id='a', hx_swap_oob='beforeend'), '<div hx-swap-oob="beforeend" id="a">x</div>'),
    'element that will not': (lambda: Div('x', id='a', hx_swap_oob='false'), '<div hx-swap-oob="false" id="a">x</div>'),
    'no id': (lambda: Div('x'), '<div>x</div>'),
    'several': (lambda: (P('1', id='a'), P('2')), '<p hx-swap-oob="true" id="a">1</p><p>2</p>'),
    'list': (lambda: [P('1', id='a'), P('2')], '<p hx-swap-oob="true" id="a">1</p><p>2</p>'),
    'inner ids are left alone': (lambda: Div(P('x', id='in'), id='out'), '<div hx-swap-oob="true" id="out"><p id="in">x</p></div>'),
    'generator': (lambda: (P(i) for i in range(2)), '<p>0</p><p>1</p>'),
    'text': (lambda: '<b>ready</b>', '<b>ready</b>'),
    'mapping': (lambda: {'content': '<b>1</b>', 'target': '#t'}, '{"content":"<b>1</b>","target":"#t"}'),
    'number': (lambda: 5, '5'),
    'script end in data': (lambda: P('</script><b>', id='a'), '<p hx-swap-oob="true" id="a">&lt;/script&gt;&lt;b&gt;</p>'),
}


def same(a: str, b: str) -> bool:
    "The same frame, whatever the order of attributes"
    if '<' not in a or a.startswith('{'): return a == b
    def tree(html):
        nodes = LexborHTMLParser(f'<body>{html}').body.traverse(include_text=True)
        return [(n.tag, dict(n.attributes), n.text(deep=False)) for n in nodes]
    return tree(a) == tree(b)


@pytest.mark.parametrize('how', ['async return', 'sync return', 'send', 'conn return', 'async generator', 'on_error'])
def test_everything_that_may_be_returned_or_sent(how):
    "W: upstream dies of numbers, dicts and generators (D4)"
    app, expected = FastHTML(), [frame for _, frame in RETURNS.values()]
    values = [make for make, _ in RETURNS.values()]
    if how == 'async return':
        @app.ws('/x')
        async def handler(i: int): return values[i]()
    elif how == 'sync return':
        @app.ws('/x')
        def handler(i: int): return values[i]()
    elif how == 'send':
        @app.ws('/x')
        async def handler(i: int, send): assert await send(values[i]())
    elif how == 'async generator':
        @app.ws('/x')
        async def handler(i: int): yield values[i]()
    elif how == 'on_error':
        async def mend(data): return values[data['i']]()
        @app.ws('/x', on_error=mend)
        async def handler(missing: int): pass
    else:
        async def greet(i: int): return values[i]()
        @app.ws('/x', conn=greet)
        async def handler(i: int): pass
    with serve(app) as served:
        if how == 'conn return':
            got = []
            for i in range(len(values)):
                with connect(f'{served.ws_url}/x?i={i}') as ws: got.append(ws.recv(timeout=DEADLINE))
        else:
            with connect(f'{served.ws_url}/x') as ws: got = [ask(ws, i=i) for i in range(len(values))]
    assert all(map(same, got, expected)), list(zip(got, expected, strict=True))


def test_nothing_is_sent_for_nothing_and_http_things_are_left_out(caplog):
    from fasthtml.common import HttpHeader, Redirect
    app = FastHTML()
    values = [None, '', (), [], HttpHeader('x', 'y'), Redirect('/'), (HttpHeader('a', 'b'), P('kept'))]

    @app.ws('/x')
    async def handler(i: int): return values[i]
    with serve(app) as served, connect(f'{served.ws_url}/x') as ws:
        for i in range(len(values)): ws.send(fields(i=i))
        assert ws.recv(timeout=DEADLINE) in ('[]', '<p>kept</p>')
    assert 'no meaning on a WebSocket' in caplog.text


def test_the_tree_that_was_sent_is_not_changed():
    "R1: the same element goes into pages and frames"
    app, shared = FastHTML(), Div('x', id='a')

    @app.ws('/x')
    async def handler(): return shared
    with serve(app) as served, connect(f'{served.ws_url}/x') as ws: assert ask(ws) == ask(ws)
    assert str(shared.get('hx_swap_oob')) == 'None' and 'oob' not in shared.__html__()


# The life of a connection

@contextmanager
def living(note, conn=None, **options):
    "An app with a route whose callbacks write into `note`"
    app = FastHTML()
    async def disconn(code, reason, ws): note('disconn', code)

    async def handler(msg: str, ws):
        if msg == 'fail': raise OSError('database password is swordfish')
        if msg == 'refuse':
            from starlette.exceptions import HTTPException
            raise HTTPException(403)
        if msg == 'close': await ws.close(4001)
        return P(msg)
    app.ws('/life', conn=conn, disconn=disconn, **options)(handler)
    with serve(app) as served:
        served.app = app
        yield served
    assert len([line for line in note.lines if line[0] == 'disconn']) == note.lines.count('accepted') or 'accepted' not in note.lines


async def pushing(send, note=None):
    while True:
        await send(P('push'))
        await asyncio.sleep(0.05)


def conn_that(note, act=pushing):
    async def conn(send):
        note('accepted')
        try: await act(send)
        finally: note('conn ended')
    return conn


ENDINGS = {
    'client closes': (lambda ws: ws.close(), 1000),
    'client closes with a code': (lambda ws: ws.close(1001), 1001),
    'line is cut': (lambda ws: ws.socket.shutdown(2), (1005, 1006)),
    'handler fails': (lambda ws: ws.send(fields(msg='fail')), 1011),
    'handler refuses': (lambda ws: ws.send(fields(msg='refuse')), 1008),
    'handler closes': (lambda ws: ws.send(fields(msg='close')), 4001),
    'bad frame': (lambda ws: ws.send('[]'), 1003),
}

@pytest.mark.parametrize('ending', ENDINGS)
def test_disconn_runs_once_after_conn_on_every_ending(note, ending):
    "W2; upstream forgets it when the client leaves during conn (D2)"
    act, code = ENDINGS[ending]
    with living(note, conn_that(note)) as served, connect(f'{served.ws_url}/life') as ws:
        ws.recv(timeout=DEADLINE)
        act(ws)
        wait_until(lambda: len(note.lines) == 3, what=str(note.lines))
        accepted, ended, (_, seen) = note.lines
        assert (accepted, ended) == ('accepted', 'conn ended') and seen in (code if isinstance(code, tuple) else (code,))
        wait_until(lambda: not served.app.lifecycle.connections)


def test_an_aborted_line_counts_as_an_ending(note):
    "RST instead of FIN"
    with living(note, conn_that(note)) as served:
        sock = raw_websocket(served.port, '/life')
        sock.recv(100)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.close()
        wait_until(lambda: len(note.lines) == 3)
        assert note.lines[1] == 'conn ended'


def test_the_servers_stop_sends_what_is_pending_and_closes_with_1012(note):
    with living(note, conn_that(note)) as served, connect(f'{served.ws_url}/life') as ws:
        ws.recv(timeout=DEADLINE)
        threading.Thread(target=served.app.lifecycle.drain_sync).start()
        assert closing_code(ws) == 1012
        note.wait(('disconn', 1012))


def test_a_failing_conn_closes_with_1011_and_its_words_stay_here(note, caplog):
    async def fail(send): raise ValueError('swordfish')
    with living(note, conn_that(note, fail)) as served, connect(f'{served.ws_url}/life') as ws:
        assert closing_code(ws) == 1011 and ws.close_reason == ''
        note.wait(('disconn', 1011))
    assert 'ValueError: swordfish' in caplog.text and 'Traceback' in caplog.text


def test_no_python_text_reaches_the_client(note):
    "Not in frames, not in the reason"
    with living(note) as served, raw_websocket(served.port, '/life') as sock:
        sock.sendall(masked(fields(msg='fail')))
        seen = sock.recv(1000)
        sock.sendall(bytes([0x88, 0x82]) + bytes(4) + seen[2:4])  # our half of the closing handshake
        while part := sock.recv(1000): seen += part
        assert seen == b'\x88\x02\x03\xf3'  # close, two bytes: 1011


def test_conn_never_delays_messages(note):
    "W1, D1: upstream answers when conn is done"
    async def busy(send): await asyncio.sleep(3600)
    with living(note, conn_that(note, busy)) as served, connect(f'{served.ws_url}/life') as ws:
        assert ask(ws, msg='now') == '<p>now</p>'


def test_a_sync_conn_pushes_from_its_thread_and_ends_before_disconn(note):
    def conn(send):
        note('accepted')
        try:
            while True:
                send(P('push'))
                threading.Event().wait(0.01)
        finally: note('conn ended')
    with living(note, conn) as served:
        with connect(f'{served.ws_url}/life') as ws:
            assert ws.recv(timeout=DEADLINE) == '<p>push</p>'
            ws.send(fields(msg='hello'))
            wait_until(lambda: ws.recv(timeout=DEADLINE) == '<p>hello</p>')
        note.wait(('disconn', 1000))
        assert note.lines == ['accepted', 'conn ended', ('disconn', 1000)]


def test_what_a_plain_conn_keeps_is_there_for_the_first_message():
    "The chat of upstream's documents: `conn` fills a dict, and the handler sends to everybody in it"
    app, users = FastHTML(secret_key='x'), {}

    def conn(ws, send):
        time.sleep(0.2)  # its work; the message is there long before it is done
        users[id(ws)] = send

    @app.ws('/chat', conn=conn, disconn=lambda ws: users.pop(id(ws)))
    async def chat(msg: str):
        for send in users.values(): await send(P(msg))

    with serve(app) as served, connect(f'{served.ws_url}/chat') as ws:
        ws.send(fields(msg='hello'))
        assert ws.recv(timeout=DEADLINE) == '<p>hello</p>'


def test_a_plain_conn_that_neither_returns_nor_sends_holds_messages_up_for_a_second_only(note):
    "W1"
    end = threading.Event()
    with living(note, lambda: end.wait(DEADLINE)) as served, connect(f'{served.ws_url}/life') as ws:
        try: assert ask(ws, msg='hello') == '<p>hello</p>' and not end.is_set()
        finally: end.set()


def test_a_conn_that_returns_leaves_the_socket_open(note):
    async def brief(send): pass
    with living(note, conn_that(note, brief)) as served, connect(f'{served.ws_url}/life') as ws:
        note.wait('conn ended')
        assert ask(ws, msg='still here') == '<p>still here</p>'


def test_a_failing_disconn_is_logged_and_harms_nobody(caplog):
    app = FastHTML()
    async def disconn(): raise ValueError('on purpose')

    @app.ws('/x', disconn=disconn)
    async def handler(msg: str): return msg
    with serve(app) as served:
        with connect(f'{served.ws_url}/x') as ws: ask(ws, msg='a')
        wait_until(lambda: 'disconn failed' in caplog.text)
        with connect(f'{served.ws_url}/x') as ws: assert ask(ws, msg='b') == 'b'


def test_messages_are_handled_one_at_a_time_and_in_order():
    app, running = FastHTML(), []

    @app.ws('/x')
    async def handler(i: int, delay: float):
        running.append(i)
        assert running == [i]
        await asyncio.sleep(delay)
        running.remove(i)
        return str(i)
    with serve(app) as served, connect(f'{served.ws_url}/x') as ws:
        for i, delay in enumerate([0.05, 0, 0.02, 0]): ws.send(fields(i=i, delay=delay))
        assert [ws.recv(timeout=DEADLINE) for _ in range(4)] == list('0123')


@pytest.mark.parametrize('how', ['send', 'send_text', 'yield'])
def test_a_loop_that_only_sends_gives_the_event_loop_turns_and_answers_need_none(how):
    app, turns = FastHTML(), []

    @app.ws('/say')
    async def say(n: int, ws, send):
        asyncio.get_running_loop().call_soon(turns.append, n)   # before the last message, if there was a turn
        for _ in range(n):
            if how == 'yield': yield P('x')
            else: await (send(P('x')) if how == 'send' else ws.send_text('<p>x</p>'))
        turns.append('done')

    with serve(app) as served, connect(f'{served.ws_url}/say') as ws:
        for _ in range(200): assert ask(ws, n=1) == '<p>x</p>'
        wait_until(lambda: len(turns) == 400)
        answers, turns[:] = turns[:], []
        ws.send(fields(n=200))
        for _ in range(200): ws.recv(timeout=DEADLINE)
        wait_until(lambda: len(turns) == 2)
    assert answers == ['done', 1] * 200 and turns == [200, 'done']


def test_many_senders_keep_every_frame_whole_and_each_senders_order():
    "W3: conn, the handler, tasks and threads all push at once"
    app = FastHTML()

    async def conn(send, app):
        async def pushes(name):
            for i in range(200):
                await send(f'{name} {i} ' + 'x'*2000)
                if i % 50 == 0: await asyncio.sleep(0)
        def from_thread():
            for i in range(200): send(f'thread {i} ' + 'x'*2000)
        await asyncio.gather(*(pushes(name) for name in 'abc'), asyncio.to_thread(from_thread))

    @app.ws('/x', conn=conn)
    async def handler(i: int): return f'echo {i} '
    with serve(app) as served, connect(f'{served.ws_url}/x') as ws:
        for i in range(200): ws.send(fields(i=i))
        seen = {}
        for _ in range(1000):
            name, number, _ = ws.recv(timeout=DEADLINE).split(' ', 2)
            seen.setdefault(name, []).append(int(number))
    assert seen == {name: list(range(200)) for name in ('a', 'b', 'c', 'thread', 'echo')}


# Others: rooms, slow and dead members

def chat(app):
    "The pattern of upstream's documentation: a dict of everybody's `send`"
    people = {}
    def joined(ws, send): people[str(id(ws))] = send
    def left(ws): people.pop(str(id(ws)), None)

    @app.ws('/chat', conn=joined, disconn=left, slow=None)
    async def say(msg: str):
        for send in tuple(people.values()): await send(Div(msg, id='said'))
    return people


def test_a_dead_member_harms_neither_the_speaker_nor_the_others(note):
    "D3: upstream closes the speaker with 1006"
    app = FastHTML()
    people = chat(app)
    with serve(app) as served, connect(f'{served.ws_url}/chat') as speaker, connect(f'{served.ws_url}/chat') as other:
        with connect(f'{served.ws_url}/chat'): wait_until(lambda: len(people) == 3)
        wait_until(lambda: len(people) == 2)
        with connect(f'{served.ws_url}/chat'):
            wait_until(lambda: len(people) == 3)
            ghost = list(people.values())[-1]
        wait_until(lambda: len(people) == 2)
        people['ghost'] = ghost
        for i in range(3):
            speaker.send(fields(msg=f'{i}'))
            assert f'>{i}<' in speaker.recv(timeout=DEADLINE) and f'>{i}<' in other.recv(timeout=DEADLINE)


def test_a_stalled_member_delays_nobody():
    "W4, C1, D9: upstream's room freezes for ever at the third message"
    app = FastHTML()
    people = chat(app)
    with serve(app) as served, connect(f'{served.ws_url}/chat', max_size=None) as speaker:
        stalled = raw_websocket(served.port, '/chat', receive_buffer=4096)
        wait_until(lambda: len(people) == 2)
        for i in range(60):
            speaker.send(fields(msg=f'{i} ' + 'x'*200_000))
            assert f'>{i} ' in speaker.recv(timeout=DEADLINE)
        sockets = app.lifecycle.connections
        assert len(sockets) == 2, 'the stalled one is still there'
        assert max(s.mailbox.pending_bytes for s in sockets) < 600_000 and max(s.mailbox.dropped for s in sockets) > 10
        stalled.close()


def test_its_own_conn_waits_for_a_stalled_client_and_is_let_go():
    "Back-pressure inside a connection: what is pending stays bounded, and a client that takes nothing is cut off"
    app, pushed, ended = FastHTML(), [], []
    async def conn(send):
        while True:
            await send('x'*50_000)
            pushed.append(1)
    async def disconn(code): ended.append(code)

    @app.ws('/x', conn=conn, disconn=disconn, slow=0.3)
    async def handler(): pass
    with serve(app) as served:
        sock = raw_websocket(served.port, '/x', receive_buffer=4096)
        assert wait_until(lambda: ended) == [1013]
        assert len(pushed) < 300
        sock.close()


def test_channels_are_joined_and_left_by_themselves():
    app = FastHTML()

    @app.ws('/room/{room}', channels='room-{room}')
    async def say(room: str, msg: str): await app.channel(f'room-{room}').publish(Div(msg, id='said'))
    with serve(app) as served:
        a, b = f'{served.ws_url}/room/a', f'{served.ws_url}/room/b'
        with connect(a) as one, connect(a) as two, connect(b) as elsewhere:
            frame = ask(one, msg='hello')
            assert frame == two.recv(timeout=DEADLINE) and 'hx-swap-oob="true"' in frame
            assert 'other' in ask(elsewhere, msg='other')
            assert len(app.channel('room-a')) == 2
        wait_until(lambda: len(app.channel('room-a')) == len(app.channel('room-b')) == 0)


def test_a_member_is_known_by_what_the_guard_found_out():
    "A guard runs after the socket was made, and sets `auth`"
    def who(request): request.scope['auth'] = request.headers.get('x-user')
    app = FastHTML(secret_key='x', before=Beforeware(who))
    room = app.channel('room')

    @app.ws('/room', channels=[room])
    async def listed(): return ','.join(room.members())
    with serve(app) as served, connect(f'{served.ws_url}/room', additional_headers={'X-User': 'ann'}) as ws:
        assert ask(ws) == 'ann'


def test_a_handler_may_join_its_socket_to_a_channel():
    app = FastHTML()
    channel = app.channel('news')

    @app.ws('/x')
    async def subscribe(ws):
        channel.join(ws)
        return 'subscribed'
    with serve(app) as served:
        with connect(f'{served.ws_url}/x') as ws:
            ask(ws)
            channel.publish_sync(P('from a thread', id='n'))
            assert 'from a thread' in ws.recv(timeout=DEADLINE)
        wait_until(lambda: len(channel) == 0)


def test_setup_ws_pushes_to_everybody():
    "D5: upstream raises AttributeError when the first client connects"
    app, heard = FastHTML(), []
    async def listen(msg: str): heard.append(msg)
    send = setup_ws(app, listen)

    @app.get('/push')
    async def push():
        await send(Div('to all', id='n'))
        return 'ok'
    with serve(app) as served, connect(f'{served.ws_url}/ws') as one, connect(f'{served.ws_url}/ws') as two:
        import urllib.request
        wait_until(lambda: len(app.lifecycle.connections) == 2)
        urllib.request.urlopen(f'{served.url}/push').read()
        assert one.recv(timeout=DEADLINE) == two.recv(timeout=DEADLINE) == '<div hx-swap-oob="true" id="n">to all</div>'
        one.send(fields(msg='hi'))
        wait_until(lambda: heard == ['hi'])


def test_closing_while_others_broadcast_loses_nobody_else():
    "Clients come and go while a channel publishes"
    app = FastHTML()

    @app.ws('/x', channels='all')
    async def handler(): pass
    with serve(app) as served, connect(f'{served.ws_url}/x') as steady:
        stop, channel, numbers = threading.Event(), app.channel('all'), []
        wait_until(lambda: len(channel) == 1)
        def read():
            while (text := steady.recv(timeout=DEADLINE)) != 'end': numbers.append(int(text))
        reader = threading.Thread(target=read)
        reader.start()
        def publish():
            i = 0
            while not stop.is_set():
                channel.publish_sync(f'{i}')
                i += 1
                time.sleep(0.0005)
        publisher = threading.Thread(target=publish)
        publisher.start()
        for i in range(60):
            with connect(f'{served.ws_url}/x') as ws:
                ws.recv(timeout=DEADLINE)
                if i % 2: ws.socket.shutdown(2)
        stop.set()
        publisher.join()
        channel.publish_sync('end')
        reader.join()
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) > 50
        wait_until(lambda: len(channel) == 1)


# Who may connect

def test_a_foreign_origin_is_accepted_and_closed_with_1008():
    "Cross-site WebSocket hijacking (D8). A handshake refused with a status would be retried by htmx for ever"
    app, ran = FastHTML(), []
    async def conn(): ran.append('conn')
    async def disconn(): ran.append('disconn')

    @app.ws('/x', conn=conn, disconn=disconn)
    async def handler(msg: str): return msg

    @app.ws('/open', origins='*')
    async def anybody(msg: str): return msg

    @app.ws('/partner', origins=['https://partner.example'])
    async def partner(msg: str): return msg
    with serve(app) as served:
        for origin in ('https://evil.example', 'null', f'http://127.0.0.1:{served.port + 1}', f'https://127.0.0.1.evil.example:{served.port}'):
            with connect(f'{served.ws_url}/x', origin=origin) as ws: assert closing_code(ws) == 1008, origin
        assert not ran
        for path, origin in (('/x', f'http://127.0.0.1:{served.port}'), ('/x', None), ('/open', 'https://evil.example'), ('/partner', 'https://partner.example')):
            with connect(f'{served.ws_url}{path}', origin=origin) as ws: assert ask(ws, msg='a') == 'a'
        with connect(f'{served.ws_url}/partner', origin='https://evil.example') as ws: assert closing_code(ws) == 1008


def test_guards_protect_sockets_too():
    "D8: upstream answers without a login"
    ran = []
    def login(auth, session): return None if session.get('user') else RedirectResponse('/login')
    app = FastHTML(before=Beforeware(lambda session: login(None, session), skip=['/login', '/free']), secret_key='x')

    @app.get('/login')
    def log_in(session, user: str): session['user'] = user; return 'in'

    @app.ws('/x', conn=lambda: ran.append('conn'))
    async def handler(session): return session['user']

    @app.ws('/free')
    async def free(): return 'free'

    def closed_on_sundays(): return 'no'
    @app.ws('/free2', before=[closed_on_sundays])
    async def never(): return 'never'
    import urllib.request
    with serve(app) as served:
        with connect(f'{served.ws_url}/x') as ws: assert closing_code(ws) == 1008 and not ran
        with connect(f'{served.ws_url}/free') as ws: assert ask(ws) == 'free'
        cookie = urllib.request.urlopen(f'{served.url}/login?user=ann').headers['set-cookie'].split(';')[0]
        headers = {'Cookie': cookie}
        with connect(f'{served.ws_url}/x', additional_headers=headers) as ws: assert ask(ws) == 'ann'
        with connect(f'{served.ws_url}/free2', additional_headers=headers) as ws: assert closing_code(ws) == 1008


def test_a_failing_guard_lets_nobody_in(caplog):
    def broken(): raise ValueError('no database')
    app = FastHTML(before=broken)

    @app.ws('/x')
    async def handler(): return 'secret'
    with serve(app) as served, connect(f'{served.ws_url}/x') as ws: assert closing_code(ws) == 1011
    assert 'no database' in caplog.text


# Mistakes raise when the route is made

def test_a_parameter_that_cannot_be_filled_is_told_at_registration():
    "P4"
    app = FastHTML()
    for options in ({}, {'conn': 1}, {'disconn': 1}):
        async def odd(wherefrom): pass
        async def wrong(*wherefrom): pass
        async def fine(): pass
        with pytest.warns(UserWarning, match='`wherefrom`.*annotat'):
            app.ws('/x', **dict.fromkeys(options, odd))(fine if options else odd)
        with pytest.raises(TypeError, match='`.wherefrom`.*cannot be filled'):
            app.ws('/y', **dict.fromkeys(options, wrong))(fine if options else wrong)


def test_several_sockets_of_one_page_are_apart():
    app = FastHTML()
    @app.ws('/x')
    async def handler(msg: str, send, ws):
        return f'{msg} {id(ws)}'
    with serve(app) as served, connect(f'{served.ws_url}/x') as one, connect(f'{served.ws_url}/x') as two:
        (a, first), (b, second) = ask(one, msg='a').split(), ask(two, msg='b').split()
        assert (a, b) == ('a', 'b') and first != second



def test_a_router_brings_sockets_and_streams_of_classes_along():
    "Class-based routes, path parameters, `conn`, `disconn` and channels below a prefix"
    ar, ended = APIRouter(prefix='/api'), []

    async def events(x): yield P(x)

    @ar('/feed')
    class Feed:
        async def get(self): return EventStream(events('asked'))
        async def post(self, msg: str): return EventStream(events(msg))

    async def conn(send): await send(P('hello'))
    async def disconn(code): ended.append(code)

    @ar.ws('/ws/{room}', conn=conn, disconn=disconn, channels='room-{room}')
    async def ws(room: str, msg: str): return P(f'{room} {msg}')
    app = FastHTML()
    ar.to_app(app)
    with serve(app) as served:
        with SseClient(served.url, '/api/feed') as client: assert [e.data for e in client.read_to_end()] == ['<p>asked</p>', '']
        answer = urllib.request.urlopen(f'{served.url}/api/feed', b'msg=posted').read().decode()
        assert [e.data for e in parse_events(answer)] == ['<p>posted</p>', '']
        with connect(f'{served.ws_url}/api/ws/blue') as one:
            assert one.recv(timeout=DEADLINE) == '<p>hello</p>' and ask(one, msg='x') == '<p>blue x</p>'
            assert len(app.channel('room-blue')) == 1
        wait_until(lambda: ended == [1000] and len(app.channel('room-blue')) == 0)


async def _awaits(msg: str, send): return await send(P(msg))
async def _passes_on(msg: str, send): return send(P(msg))
def _plain(msg: str, send): return send(P(msg))


@pytest.mark.parametrize('handler', [_awaits, _passes_on, _plain])
def test_whether_something_was_sent_is_not_sent_itself(handler):
    app = FastHTML(secret_key='k')
    app.ws('/ws')(handler)
    with StarletteClient(app).websocket_connect('/ws') as ws:
        for text in 'abc':
            ws.send_json({'msg': text})
            assert ws.receive_text() == f'<p>{text}</p>'


def test_true_and_false_are_nothing_to_send():
    app = FastHTML(secret_key='k')
    @app.ws('/ws')
    async def found(msg: str): return P('end') if msg == 'end' else msg == 'a'
    with StarletteClient(app).websocket_connect('/ws') as ws:
        for text in 'a', 'b', 'end': ws.send_json({'msg': text})
        assert ws.receive_text() == '<p>end</p>'
