"""Data stays data where htmx reads it: htmx 2 parses each frame of a socket as HTML, JSON too, and swaps what has an id; it swaps
responses and events of any content type.

`WAYS` is every way in which a mapping or a list goes over a socket, `STREAMS` and `RESPONSES` those of events and HTTP; presence
follows. What a visitor has written is in each of them; an HTML5 parser finds no element in what is sent, and a JSON parser finds the
same data. The documentation shows no handler that sends what a visitor has written as HTML.
"""
import ast
import json
import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
import starlette.responses
from selectolax.lexbor import LexborHTMLParser
from starlette.responses import Response, StreamingResponse
from starlette.testclient import TestClient

from fasthtml.common import EventStream, FastHTML, FtResponse, HTTPException, HttpHeader, JSONResponse, P, sse_message
from fasthtml.realtime import presence as presence_module
from fasthtml.testing import Client
from support import ROOT, each_row

SAID = "<div id=main hx-swap-oob='true'><img src=x onerror=alert(1)></div>"
DATA = {'said': SAID, SAID: [SAID, {'deep': SAID}]}


def of_socket(make):
    "`make` gives what `app.ws` takes: the function for messages, and perhaps `conn`"
    def ask(app):
        channel = app.channel('news')
        on, options = make(channel)
        app.ws('/x', channels=[channel], **options)(on)
        with Client(app).ws('/x') as ws:
            ws.send({'msg': 'x'})
            yield ws.receive()
    return ask


async def said(msg: str): return DATA
async def said_in_a_list(msg: str): return [DATA]
async def said_many(msg: str): yield DATA
async def pushed(msg: str, send): await send(DATA)
def pushed_plainly(msg: str, send): send(DATA)
async def nothing(msg: str): pass
async def asks_more(msg: str, other: int): pass
def complains(errors): return DATA
async def greets(send): await send(DATA)
async def by_starlette(msg: str, ws): await ws.send_json(DATA)


def publishes(channel):
    async def on(msg: str): await channel.publish(DATA)
    return on, {}


def publishes_plainly(channel):
    def on(msg: str): channel.publish(DATA)
    return on, {}


def of_setup(app):
    send = app.setup_ws(nothing)
    app.get('/tell')(lambda: send(DATA) and '')
    client = Client(app)
    with client.ws('/ws') as ws:
        client.get('/tell')
        yield ws.receive()


WAYS = {
    'returned': of_socket(lambda _: (said, {})), 'a list': of_socket(lambda _: (said_in_a_list, {})),
    'yielded': of_socket(lambda _: (said_many, {})), 'sent': of_socket(lambda _: (pushed, {})),
    'sent from a thread': of_socket(lambda _: (pushed_plainly, {})), 'conn': of_socket(lambda _: (nothing, {'conn': greets})),
    'on_error': of_socket(lambda _: (asks_more, {'on_error': complains})), 'channel': of_socket(publishes),
    'channel from a thread': of_socket(publishes_plainly), 'setup_ws': of_setup, 'send_json': of_socket(lambda _: (by_starlette, {})),
}


@each_row('how', WAYS)
def test_no_data_is_markup(how):
    app = FastHTML(secret_key='k')
    for text in WAYS[how](app):
        assert json.loads(text) in (DATA, [DATA])
        assert '<' not in text and LexborHTMLParser(text).css('img, #main') == []


@pytest.mark.parametrize('name', ['content', 'payload'])
def test_a_message_with_a_field_that_htmx_4_swaps_is_no_markup_for_htmx_2(name):
    async def on(msg: str): return {'user': 'ann', name: SAID}
    app = FastHTML(secret_key='k')
    app.ws('/x')(on)
    with Client(app).ws('/x') as ws:
        ws.send({'msg': 'x'})
        text = ws.receive()
    assert '<' not in text and json.loads(text) == {'user': 'ann', name: SAID}


async def many(): yield DATA
def many_plainly(): yield DATA
async def made(): yield sse_message(DATA, 'news')


def of_source(source):
    def ask(app):
        app.get('/s')(lambda: EventStream(source()))
        with Client(app).sse('/s') as events: return events.next().data
    return ask


def of_stream(app):
    @app.get('/s')
    async def s():
        stream = EventStream()
        await stream.send(DATA)
        return stream
    with Client(app).sse('/s') as events: return events.next().data


def of_channel(app):
    news = app.channel('news', history=5)
    app.get('/s')(lambda: EventStream(news))
    app.get('/tell')(lambda: news.publish(DATA) and '')
    client = Client(app)
    with client.sse('/s') as events:
        client.get('/tell')
        return events.next().data


STREAMS = {'generator': of_source(many), 'plain generator': of_source(many_plainly), 'sse_message': of_source(made), 'send': of_stream,
           'channel': of_channel}


@each_row('how', STREAMS)
def test_no_data_of_an_event_is_markup(how):
    text = STREAMS[how](FastHTML(secret_key='k'))
    assert json.loads(text) == DATA and '<' not in text


@dataclass
class Said:
    said: str


def asks_a_number(n: int): pass
def fails(): raise HTTPException(418, SAID)


class OfTheProgram(starlette.responses.JSONResponse): media_type = 'application/problem+json'
def annotated() -> starlette.responses.JSONResponse: return DATA
def annotated_with_its_own() -> OfTheProgram: return DATA


def of_type(kind): return lambda: Response(json.dumps(DATA), headers={'Content-Type': kind})


RESPONSES = {
    "Starlette's": lambda: starlette.responses.JSONResponse(DATA), "Starlette's beside a header": lambda: (
        starlette.responses.JSONResponse(DATA), HttpHeader('X-A', 'b')), "Starlette's by annotation": annotated,
    "FtResponse with Starlette's": lambda: FtResponse(DATA, cls=starlette.responses.JSONResponse),
    'its own class': lambda: OfTheProgram(DATA),
    'its own by annotation': annotated_with_its_own, 'text of a type': lambda: Response(json.dumps(DATA), media_type='application/json'),
    **{f'text of {kind}': of_type(kind) for kind in (
        'application/json; odata=verbose', 'application/vnd.x+json;version=1', 'application/json; charset=utf-8; profile=x',
        'application/json;', 'application/json; charset=us-ascii', 'application/x-json', 'text/json', ' application/json')},
    'a view of bytes': lambda: Response(memoryview(json.dumps(DATA).encode()), media_type='application/json'),
    'text of a type and charset': lambda: Response(json.dumps(DATA), headers={'Content-Type': 'application/json; charset=utf-8'}),
    'a mapping': lambda: DATA, 'a list': lambda: [DATA], 'a record': lambda: Said(SAID), 'JSONResponse': lambda: JSONResponse(DATA),
    'FtResponse': lambda: FtResponse(DATA, cls=JSONResponse), 'api': lambda api: api(P('x'), **{'said': SAID}), 'an error': fails,
    'an exception': lambda: HTTPException(418, SAID), 'bad input': asks_a_number,
}
PIECES = [o.encode() for o in re.findall('.{1,7}', json.dumps(DATA))]
async def awaited():
    for piece in PIECES: yield piece
class Iterable:
    def __aiter__(self): return awaited()
IN_PARTS = {'a generator': lambda: (o for o in PIECES), 'texts': lambda: [o.decode() for o in PIECES],
            'views': lambda: map(memoryview, PIECES), 'an async generator': awaited, 'an async iterable': Iterable}


@each_row('how', RESPONSES)
def test_no_data_of_a_response_is_markup(how):
    app = FastHTML(secret_key='k')
    app.get('/x')(RESPONSES[how])
    answer = Client(app).get('/x', params={'n': SAID}, headers={'HX-Request': 'true', 'Accept': 'application/json'})
    assert 'json' in answer.headers['content-type'] and '<' not in answer.text
    assert int(answer.headers['content-length']) == len(answer.content)
    assert SAID[:40] in json.dumps(answer.json())


@each_row('kind', IN_PARTS)
@each_row('whose', ['handler', 'route', 'guard', 'exception handler'])
@each_row('length', [False, True])
def test_no_data_of_a_response_in_parts_is_markup(kind, whose, length):
    def sends():
        headers = {'Content-Length': str(sum(map(len, PIECES)))} if length else {}
        return StreamingResponse(IN_PARTS[kind](), 418, headers, 'application/json')
    app = FastHTML(secret_key='k', before=sends if whose == 'guard' else None, exception_handlers={404: lambda req, exc: sends()})
    app.get('/x')(lambda: (sends(), HttpHeader('X-A', 'b')) if whose == 'handler' else 'x')
    if whose == 'route': app.get('/y', before=sends)(lambda: 'x')
    path = {'route': '/y', 'exception handler': '/none'}.get(whose, '/x')
    answer = Client(app).get(path, headers={'HX-Request': 'true'})
    assert answer.status_code == 418 and answer.json() == DATA and '<' not in answer.text


@each_row('header', 'ETag Content-Digest Content-Encoding Content-Type Content-MD5 X-Hub-Signature-256 X-HMAC'.split())
def test_bytes_that_a_header_speaks_of_stay_as_they_are(header):
    "A checksum would not fit any more"
    value, body = 'text/plain' if header == 'Content-Type' else 'x', json.dumps(DATA).encode()
    app = FastHTML(secret_key='k')
    app.get('/x')(lambda: Response(body, headers={'Content-Type': 'application/json', header: value}))
    with TestClient(app).stream('GET', '/x') as answer: assert b''.join(answer.iter_raw()) == body


def test_a_response_that_is_sent_to_many_stays_as_it_is():
    app, kept = FastHTML(secret_key='k'), Response(json.dumps(DATA), media_type='application/json')
    app.get('/x')(lambda: kept)
    assert [Client(app).get('/x').json() for _ in range(2)] == [DATA, DATA] and kept.body == json.dumps(DATA).encode()


def test_the_name_of_a_channel_is_no_markup_where_its_stream_has_to_begin_anew():
    app = FastHTML(secret_key='k')
    @app.get('/events')
    def events(room: str): return EventStream(app.channel('news', history=3), app.channel(room, history=3))
    with Client(app).sse('/events?' + urlencode({'room': SAID}), headers={'Last-Event-ID': 'news~zzz.x~1'}) as stream:
        got = [stream.next() for _ in range(2)]
    assert [o.event for o in got] == ['resync', 'resync'] and not any('<' in o.data for o in got)
    assert SAID in [unescape(o.data) for o in got]


PEOPLE = {'a name': (True, SAID), 'a mapping': (lambda auth: auth and {'id': 1, 'name': auth}, {'id': 1, 'name': SAID}),
          'a list': (lambda auth: auth and [1, auth], [1, SAID])}


@pytest.mark.parametrize('wire', ['stream', 'socket'])
@pytest.mark.parametrize('kind', PEOPLE)
def test_the_name_that_a_person_has_chosen_is_no_markup_for_others(kind, wire, monkeypatch):
    monkeypatch.setattr(presence_module, 'grace_seconds', 0.1)
    person, expected = PEOPLE[kind]
    def who(req): req.scope['auth'] = req.headers.get('x-name')
    app = FastHTML(secret_key='k', before=who)
    hall = app.channel('hall', presence=person)
    app.get('/hall')(lambda: EventStream(hall))
    app.ws('/ws', channels=[hall])(nothing)
    client, seen = Client(app), []
    with client.sse('/hall') if wire == 'stream' else client.ws('/ws') as other:
        with client.sse('/hall', headers={'X-Name': SAID}): seen.append(other.next() if wire == 'stream' else other.receive())
        seen.append(other.next() if wire == 'stream' else other.receive())
    for name, one in zip(('joined', 'left'), seen, strict=True):
        text = one.data if wire == 'stream' else one
        assert LexborHTMLParser(text).css('img, #main') == []
        if wire == 'socket': assert json.loads(text) == {name: expected}
        else: assert (one.event, unescape(text) if isinstance(expected, str) else json.loads(text)) == (name, expected)


# Programs of the documentation

def programs():
    for file in sorted(ROOT.glob('nbs/**/*.ipynb')):
        for cell in json.loads(file.read_text())['cells']:
            text = ''.join(cell['source'])
            if cell['cell_type'] == 'code' and not text.startswith(('#| export', '%')): yield file, text
            if cell['cell_type'] == 'markdown': yield from ((file, o) for o in re.findall(r'```(?:python|py)\n(.*?)```', text, re.S))
    for file in (*sorted(ROOT.glob('examples/*.py')), *sorted(ROOT.glob('fasthtml/workshop/templates/*/main.py.txt'))):
        yield file, file.read_text()


VERBS = set('route get post put patch delete ws rt ar app'.split())
NUMBERS = {'int', 'float', 'bool', 'date', 'datetime', 'UUID'}


def registers(node):
    while isinstance(node, ast.Call): node = node.func
    return getattr(node, 'attr', getattr(node, 'id', '')) in VERBS


def is_raw_text(value, texts):
    "Is it a `str` that was made of other values, or one that a visitor has sent? `texts`: parameters that are text"
    if isinstance(value, ast.IfExp): return is_raw_text(value.body, texts) or is_raw_text(value.orelse, texts)
    if isinstance(value, ast.Name): return value.id in texts
    if isinstance(value, ast.JoinedStr):
        return any({o.id for o in ast.walk(part) if isinstance(o, ast.Name)} & texts for part in value.values
                   if isinstance(part, ast.FormattedValue))
    if isinstance(value, ast.BinOp): return is_raw_text(value.left, texts) or is_raw_text(value.right, texts)
    call = value.func.attr if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else ''
    names = {o.id for o in ast.walk(value) if isinstance(o, ast.Name)}
    return call in ('join', 'format') or call == 'get' and bool(names & {'session', 'sess'})


def raw_texts(source):
    "Handlers of a program that return such a text"
    for node in ast.walk(compile(source, 'program', 'exec', ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)):
        handlers = [o for o in node.args if isinstance(o, ast.Lambda)] if isinstance(node, ast.Call) and registers(node.func) else []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(registers, node.decorator_list)): handlers.append(node)
        for f in handlers:
            texts = {a.arg for a in (*f.args.args, *f.args.kwonlyargs) if ast.unparse(a.annotation or ast.Name('str')) not in NUMBERS}
            given = [f.body] if isinstance(f, ast.Lambda) else [o.value for o in ast.walk(f) if isinstance(o, ast.Return)]
            if any(is_raw_text(o, texts) for o in given if o is not None): yield getattr(f, 'name', 'lambda')


@each_row('body, found', [
    ("return f'Hello {name}'", True), ('return name', True), ("return 'a' + name", True), ("return ', '.join(room.people())", True),
    ("return session.get('user')", True), ("return P(f'Hello {name}')", False), ("return f'{n} left'", False), ("return 'x', name", False)])
def test_the_judge_of_programs_knows_what_is_sent_as_it_is(body, found):
    assert bool([*raw_texts(f'@app.get\ndef f(name, session, n: int):\n    {body}')]) is found


def test_no_program_of_the_documentation_sends_the_text_of_a_visitor_as_html():
    found, read = [], 0
    for file, text in programs():
        source = '\n'.join('' if line.startswith(('%', '!')) else line for line in text.split('\n'))
        try: names = [*raw_texts(source)]
        except SyntaxError: continue    # a part of a program, in a text
        read += 1
        found += [(str(Path(file).relative_to(ROOT)), name) for name in names]
    assert found == [] and read > 500
