"""Where a value comes from (P2): path, body, query, cookie, header, for every carrier and every kind of parameter.

`SHAPES` x `CARRIERS` is the table. In each case a link has put `to=attacker` into the address, a cookie and a header say
it too, and the form says `to=friend`. The client is Starlette's.
"""
import contextlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest
from starlette.datastructures import UploadFile

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.http import sources
from fasthtml.http.params import cookie, form, header, path, query
from fasthtml.http.responses import parse_form
from fasthtml.http.sources import SourceMarker
from support import each_row

pytestmark = pytest.mark.usefixtures('without_threads')


@dataclass
class AsDataclass:
    to: str
    left_out: str = 'default'


class AsTypedDict(TypedDict, total=False):
    to: str
    left_out: str


class AsNamedTuple(NamedTuple):
    to: str
    left_out: str = 'default'


class AsPydantic(pydantic.BaseModel):
    to: str
    left_out: str = 'default'


class AsStruct(msgspec.Struct):
    to: str
    left_out: str = 'default'


class AsNamespace(SimpleNamespace):
    to: str
    left_out: str = 'default'


class AsDict(dict):
    to: str


class FromRequest:
    @classmethod
    def __from_request__(cls, to: str): return SimpleNamespace(to=to)


class FromRequestAsync:
    @classmethod
    async def __from_request__(cls, to: str): return SimpleNamespace(to=to)


class FromRequestRecord:
    @classmethod
    def __from_request__(cls, wrapped: AsDataclass): return wrapped


def one(to: str): return to
def with_default(to: str = 'nobody'): return to
def optional(to: str | None): return to
def keyword(*, to: str): return to
def several(to: list[str]): return to[0] if len(to) == 1 else to
def a_set(to: set[str]): return next(iter(to)) if len(to) == 1 else to
def everything(d: dict): return d['to']
def data_by_name(data): return data['to']
def optional_record(p: AsDataclass | None = None): return p.to


def record(cls):
    def taking(p: cls): return p['to'] if isinstance(p, dict) else p.to
    taking.__name__ = cls.__name__
    return taking


RECORDS = [AsDataclass, AsTypedDict, AsNamedTuple, AsPydantic, AsStruct, AsNamespace, AsDict, FromRequest,
           FromRequestAsync, FromRequestRecord]
SHAPES = [one, with_default, optional, keyword, several, a_set, everything, data_by_name, optional_record,
          *map(record, RECORDS)]
BODIES = {
    'form': {'data': {'to': 'friend'}},
    'multipart': {'data': {'to': 'friend'}, 'files': {'unused': ('a.txt', b'x')}},
    'json': {'json': {'to': 'friend'}},
    'htmx 4 beta json': {'json': {'values': {'to': 'friend'}}},
    'form by PUT': {'data': {'to': 'friend'}, 'method': 'PUT'},
    'form by DELETE': {'data': {'to': 'friend'}, 'method': 'DELETE'},
}
COMES_ALONG = {'Cookie': 'to=cookie', 'To': 'header', 'HX-Request': 'true'}


def served(fn, where='/pay'):
    app = FastHTML(secret_key='k')
    app.route(where, methods=['GET', 'POST', 'PUT', 'DELETE'])(fn)
    app.ws('/ws' + where.removeprefix('/pay'))(fn)
    return DirectClient(app)


def ask(client, url='/pay?to=attacker', **request):
    r = client.request(request.pop('method', 'POST'), url, headers=COMES_ALONG | request.pop('headers', {}), **request)
    assert r.status_code == 200, r.text
    return r.text


def say(client, message, url='/ws?to=attacker', headers=COMES_ALONG):
    with client.websocket_connect(url, headers=headers) as ws:
        ws.send_json(message)
        return ws.receive_text()


@each_row('shape', SHAPES, ids=lambda f: f.__name__)
@each_row('carrier', BODIES)
def test_the_form_beats_the_address(carrier, shape):
    if carrier.startswith('htmx 4') and shape in (everything, data_by_name): return     # the whole body, as it came
    assert ask(served(shape), **BODIES[carrier]) == 'friend'


@each_row('shape', SHAPES, ids=lambda f: f.__name__)
@each_row('message', [{'to': 'friend'}, {'to': 'friend', 'HEADERS': {'To': 'frame', 'HX-Request': 'true'}},
                                     {'to': 'friend', 'headers': {'To': 'frame'}}], ids=['plain', 'htmx 2', 'htmx 4'])
def test_a_message_beats_the_address_of_its_socket(message, shape):
    assert say(served(shape), message) == 'friend'


@each_row('shape', SHAPES, ids=lambda f: f.__name__)
def test_the_query_is_read_where_there_is_no_body(shape):
    assert ask(served(shape), method='GET') == 'attacker'


@each_row('shape', SHAPES, ids=lambda f: f.__name__)
@each_row('carrier', BODIES)
def test_the_path_beats_all(carrier, shape):
    if carrier.startswith('htmx 4') and shape in (everything, data_by_name): return
    client = served(shape, '/pay/{to}')
    if shape in (FromRequest, FromRequestAsync): return
    assert ask(client, '/pay/owner?to=attacker', **BODIES[carrier]) == 'owner'
    assert say(client, {'to': 'friend'}, '/ws/owner?to=attacker') == 'owner'


@pytest.mark.parametrize('shape', [with_default, optional], ids=lambda f: f.__name__)
@pytest.mark.parametrize('body', [{'json': {'to': None}}, {'json': {'to': []}}], ids=['null', 'empty list'])
def test_a_field_said_to_be_empty_is_not_looked_for_in_the_address(body, shape):
    expected = {with_default: 'nobody', optional: ''}[shape]
    assert ask(served(shape), **body) == expected
    assert shape is optional or say(served(shape), body['json']) == expected


def test_a_number_left_blank_is_not_looked_for_in_the_address():
    def amount(n: int = 7): return f'{n}'
    for body in ({'data': {'n': ''}}, {'json': {'n': ''}}, {'data': {'n': ''}, 'files': {'x': ('a', b'')}}):
        assert ask(served(amount), '/pay?n=1000', **body) == '7'
    assert say(served(amount), {'n': ''}, '/ws?n=1000') == '7'


def test_a_field_the_body_does_not_have_comes_from_the_address():
    def save(id: int, title: str): return f'{id} {title}'
    assert ask(served(save), '/pay?id=3', data={'title': 'Milk'}) == '3 Milk'


def test_an_array_as_body_beats_the_address():
    def delete(ids: list[int]): return f'{ids}'
    assert ask(served(delete), '/pay?ids=9', json=[1, 2]) == '[1, 2]'


def test_both_spellings_of_the_body_come_before_the_address():
    def greet(first_name: str): return first_name
    assert ask(served(greet), '/pay?first_name=attacker', data={'first-name': 'Ann'}) == 'Ann'


# Pins

NEVER = 'nowhere'
PINS = {    # marker → where the pinned value is; all other places hold the same name with another value
    'path': (path, '/pay/{who}', 'from path'), 'query': (query, '/pay', 'from query'), 'form': (form, '/pay', 'from body'),
    'cookie': (cookie, '/pay', 'from cookie'), 'header': (header, '/pay', 'from header')}


def test_every_pin_is_in_the_table():
    assert {name for name, o in vars(sources).items() if isinstance(o, SourceMarker)} == set(PINS)


@each_row('many', [False, True], ids=['one', 'list'])
@each_row('pin', PINS)
def test_a_pinned_parameter_has_one_source_on_http_and_on_sockets(pin, many):
    marker, where, expected = PINS[pin]
    kind = list[str] if many else str
    def pinned(who: Annotated[kind, marker]): return who[0] if many else who
    client = served(pinned, where)
    places = {'url': '/from%20path' if pin == 'path' else '', 'Cookie': 'who=from cookie', 'Who': 'from header'}
    headers = {k: v for k, v in places.items() if k != 'url'} | {'HX-Request': 'true'}
    assert ask(client, f'/pay{places["url"]}?who=from+query', data={'who': 'from body'}, headers=headers) == expected
    frame = {'who': 'from body', 'HEADERS': {'Who': 'from frame', 'Cookie': 'who=from frame'}}
    assert say(client, frame, f'/ws{places["url"]}?who=from+query', headers) == expected


@each_row('key', ['HEADERS', 'headers'])
@each_row('name', ['X-Forwarded-User', 'x-forwarded-user', 'X_FORWARDED_USER', ' X-Forwarded-User'])
def test_a_frame_cannot_add_what_a_proxy_vouches_for(key, name):
    def who(msg: str, x_forwarded_user: Annotated[str | None, header]): return f'{x_forwarded_user} says {msg}'
    client = served(who)
    assert say(client, {'msg': 'hi', key: {name: 'admin'}}, '/ws', {'X-Forwarded-User': 'bob'}) == 'bob says hi'
    assert say(client, {'msg': 'hi', key: {name: 'admin'}}, '/ws', {}) == 'None says hi'


def test_a_frame_gives_the_headers_of_htmx():
    def who(htmx, hx_trigger: Annotated[str, header('HX-Trigger')]): return f'{hx_trigger} {htmx.target}'
    assert say(served(who), {'HEADERS': {'HX-Trigger': 'button', 'HX-Target': 'list'}}) == 'button list'


def test_no_special_value_reads_other_headers_of_a_frame():
    def seen(req, last_event_id, htmx): return f'{last_event_id} {req.headers.get("x-user")} {bool(htmx)}'
    frame = {'HEADERS': {'Last-Event-ID': '7', 'X-User': 'admin', 'Accept': 'application/json'}}
    assert say(served(seen), frame, '/ws', {}) == 'None None False'


@pytest.mark.parametrize('kind', [str, str | None, int, list[str]], ids=str)
def test_a_word_with_a_default_never_reads_a_header(kind):
    def f(priority: kind = None, host: str = 'none', *, age: kind = None): return f'{priority} {host} {age}'
    client = served(f)
    assert ask(client, '/pay', headers={'Priority': '1', 'Age': '2'}) == 'None none None'
    assert say(client, {}, '/ws', {'Priority': '1', 'Age': '2'}) == 'None none None'


# Helpers that read one place are named after it

def test_the_request_itself_keeps_its_sources_apart():
    async def f(req): return f'{req.query_params["to"]} {(await req.form())["to"]} {req.cookies["to"]} {req.headers["to"]}'
    async def parsed(req): return (await parse_form(req))['to']
    assert ask(served(f), data={'to': 'friend'}) == 'attacker friend cookie header'
    assert ask(served(parsed), data={'to': 'friend'}) == 'friend'


def by_parameter(a: str = '', f: UploadFile = None): return f'{a} {f and f.filename}'
async def by_form(req): return f'{len(await req.form())}'
async def by_helper(req): return f'{len(await parse_form(req))}'
async def twice(req):   # what was refused is not there at a second look
    with contextlib.suppress(Exception): await req.form()
    return f'{len(await req.form())}'

@pytest.mark.parametrize('read', [by_parameter, by_form, by_helper, twice])
def test_a_form_that_was_cut_off_is_no_form_with_fewer_fields(read):
    "A program that builds its own requests may lose the end; a default, or the address, would stand in for what is missing"
    app = FastHTML(secret_key='k')
    app.post('/x')(read)
    client, head = DirectClient(app, raise_server_exceptions=False), b'Content-Disposition: form-data; name='
    whole = b'--B\r\n' + head + b'"f"; filename="n.txt"\r\n\r\nsome\r\n--B\r\n' + head + b'"a"\r\n\r\nx\r\n--B--'
    def send(body): return client.post('/x?a=other', content=body, headers={'content-type': 'multipart/form-data; boundary=B'})
    cut = {n: send(whole[:n]).status_code for n in range(8, len(whole))}
    assert set(cut.values()) == {500 if read is twice else 400}, {n for n, status in cut.items() if status == 200}
    assert send(whole).status_code == send(whole + b'\r\n').status_code == send(b'--B--\r\n').status_code == send(b'').status_code == 200
