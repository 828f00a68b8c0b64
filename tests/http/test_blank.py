"""One table for '': type x {required, default, optional} x {parameter, body types, table row} x {form, query, JSON, frame}.

'' is a value for text ('' itself) and for yes or no (False). For everything else it says that nothing was given: the
default, else None, else a 400 that says "required".
"""
import dataclasses
from collections import namedtuple
from collections.abc import Callable
from dataclasses import make_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.fastapp import fast_app
from support import each_row


class Colour(Enum): red, blue = 'red', 'blue'


NOTHING = {     # types of which '' is no value → a default that '' could not be taken for
    int: 7, float: 7.5, Decimal: Decimal('7.5'), date: date(2026, 1, 1), datetime: datetime(2026, 1, 1), time: time(9, 30),
    UUID: UUID(int=5), Literal['a', 'b']: 'b', Colour: Colour.red, int | float: 7}
VALUES = {str: ('', 'text'), bool: (False, True), Literal['', 'a']: ('', 'a'), int | str: ('', 7)}    # '' → value, a default
BLANKS = ['', ' \t\n']


# What holds the field: each gives a handler's annotation for one field `x` of type `kind` (with a default?)

def parameter(kind, *default):
    def f(x): return shown(x)
    f.__annotations__, f.__defaults__ = {'x': kind}, default or None
    return f


def holder(make: Callable) -> Callable:
    def handler(kind, *default):
        cls = make(kind, *default)
        def f(o): return shown(o['x'] if isinstance(o, dict) else o.x) if not isinstance(o, dict) or 'x' in o else shown(default[0])
        f.__annotations__ = {'o': cls}
        return f
    handler.__name__ = make.__name__
    return handler


def shown(x): return f'{type(x).__name__} {x}'


def a_dataclass(kind, *default): return make_dataclass('A', [('x', kind, *(dataclasses.field(default=d) for d in default))])
def a_typed_dict(kind, *default): return TypedDict('T', {'x': NotRequired[kind] if default else kind})
def a_pydantic_model(kind, *default): return pydantic.create_model('M', x=(kind, default[0] if default else ...))
def a_struct(kind, *default): return msgspec.defstruct('S', [('x', kind, *default)])


def a_named_tuple(kind, *default):
    cls = namedtuple('N', ['x'], defaults=default)
    cls.__annotations__ = {'x': kind}
    return cls


HOLDERS = [parameter, *map(holder, (a_dataclass, a_typed_dict, a_named_tuple, a_pydantic_model, a_struct))]
PLAIN = {'accept': 'application/json', 'hx-request': 'true'}


def by_form(client, x): return client.post('/f', data={'x': x}, headers=PLAIN)
def by_multipart(client, x): return client.post('/f', data={'x': x}, files={'other': ('a', b'')}, headers=PLAIN)
def by_query(client, x): return client.get('/f', params={'x': x}, headers=PLAIN)
def by_json(client, x): return client.post('/f', json={'x': x}, headers=PLAIN)


CARRIERS = [by_form, by_multipart, by_query, by_json]


def served(f) -> DirectClient:
    app = FastHTML(secret_key='k')
    app.route('/f')(f)
    app.ws('/ws', on_error=lambda errors: 'refused ' + ' '.join(f'{k}: {e}' for k, e in errors.items()))(f)
    return DirectClient(app)


def by_frame(client, x):
    with client.websocket_connect('/ws') as ws:
        ws.send_json({'x': x})
        return ws.receive_text()


def everywhere(f, blank: Any) -> set[str]:
    "What the handler saw, by every carrier"
    client = served(f)
    return {carrier(client, blank).text for carrier in CARRIERS} | {by_frame(client, blank)}


def ids(o): return getattr(o, '__name__', str(o))


@each_row('kind', NOTHING, ids=ids)
@pytest.mark.parametrize('held', HOLDERS, ids=ids)
@each_row('blank', BLANKS, ids=repr)
def test_blank_is_nothing_where_it_is_no_value(blank, held, kind):
    default = NOTHING[kind]
    assert everywhere(held(kind, default), blank) == {shown(default)}
    assert everywhere(held(kind | None, default), blank) == {shown(default)}
    assert everywhere(held(kind | None), blank) == {'NoneType None'}
    assert everywhere(held(kind, None), blank) == {'NoneType None'}
    client = served(held(kind))
    for carrier in CARRIERS:
        response = carrier(client, blank)
        error, = response.json()['errors']
        assert (response.status_code, error['field'], error['got']) == (400, 'x', None)
        assert 'required' in client.post('/f', data={'x': blank}, headers={'hx-request': 'true'}).text
    assert 'This field is required' in by_frame(client, blank)


@each_row('kind', VALUES, ids=ids)
@each_row('held', HOLDERS, ids=ids)
def test_blank_is_a_value_of_text_and_of_yes_or_no(held, kind):
    value, default = VALUES[kind]
    for f in (held(kind), held(kind, default), held(kind | None), held(kind | None, default)):
        assert everywhere(f, '') == {shown(value)}


@pytest.mark.parametrize('held', HOLDERS, ids=ids)
def test_a_box_that_is_missing_in_a_form_was_not_ticked(held):
    client, plain = served(held(bool)), {'accept': 'application/json'}
    def said(**sent):
        response = client.request(**({'method': 'POST', 'url': '/f', 'headers': plain} | sent))
        return response.text if response.status_code == 200 else response.status_code
    forms = [dict(data={'other': 'a'}), dict(data={}, headers=plain | {'hx-request': 'true'}),
             dict(data={'a': 'b'}, files={'file': ('a', b'')}),
             dict(method='GET', params={'other': 'a'}, headers=plain | {'hx-request': 'true'})]
    assert [said(**sent) for sent in forms] == ['bool False'] * 4
    with client.websocket_connect('/ws') as ws:
        for sent, shows in (({'HEADERS': {'HX-Request': 'true'}, 'other': 'a'}, 'bool False'), ({'other': 'a'}, 'refused')):
            ws.send_json(sent)
            assert ws.receive_text().startswith(shows)
    assert [said(json={'other': 'a'}), said(json={'x': None}), said(method='GET'), said(data={'x': 'perhaps'})] == [400] * 4
    client = served(held(bool, True))
    assert said(data={'other': 'a'}) == 'bool True'


@each_row('held', HOLDERS, ids=ids)
def test_white_space_is_text_but_not_yes(held):
    client = served(held(str, 'default'))
    assert by_form(client, ' a ').text == 'str  a ' and by_form(client, '  ').text == 'str   '
    assert everywhere(held(bool, True), '  ') == {'bool False'}


LISTS = [
    (list[int], [''], []), (list[int], ['', ''], []), (list[int], ['', '1', '', '2'], [1, 2]), (set[date], [''], set()),
    (list[Colour], ['', 'red'], [Colour.red]), (list[str], [''], ['']), (list[str], ['', 'a'], ['', 'a']),
    (list[int | None], ['1', '', '2'], [1, None, 2]), (list[bool], ['', '1'], [False, True]), (tuple[str, str], ['', ''], ('', '')),
]


@each_row(('kind', 'sent', 'expected'), LISTS, ids=str)
@each_row('held', [parameter, *map(holder, (a_dataclass, a_typed_dict, a_named_tuple))], ids=ids)
def test_blank_boxes_of_a_list(held, kind, sent, expected):
    client = served(held(kind))
    assert {c(client, sent).text for c in CARRIERS} | {by_frame(client, sent)} == {shown(expected)}


@each_row('held', [parameter, *map(holder, (a_dataclass, a_named_tuple))], ids=ids)
@each_row('kind', [list[int], set[int], tuple[int, int]], ids=ids)
def test_a_list_of_blanks_is_the_default(kind, held):
    default = {list[int]: (5,), set[int]: (6,), tuple[int, int]: (7, 8)}[kind]
    assert everywhere(held(kind, default), ['', '']) == {shown(default)}
    assert everywhere(held(kind | None), ['', '']) == {'NoneType None'}


def test_a_tuple_without_values_is_required_and_no_crash():
    client = served(parameter(tuple[int, int]))
    for sent in ([], ['', '']):
        assert by_form(client, sent).json()['errors'][0]['got'] is None
    assert client.get('/f', headers=PLAIN).status_code == 400


def test_the_last_of_several_boxes_counts():
    client = served(parameter(int, 7))
    assert (by_form(client, ['3', '']).text, by_form(client, ['', '3']).text) == ('int 7', 'int 3')


def test_a_class_of_your_own_may_accept_blank():
    def dot(text): return PurePosixPath(text)
    for kind in (PurePosixPath, dot):
        assert everywhere(parameter(kind), '') == {'PurePosixPath .'}
        assert everywhere(parameter(kind, 'default'), '') == {'str default'}


def test_a_constraint_sees_blank_text():
    from typing import Annotated
    kind = Annotated[str, pydantic.StringConstraints(min_length=1)]
    assert by_form(served(parameter(kind)), '').status_code == 400
    number = Annotated[int, pydantic.Field(ge=1)]
    assert everywhere(parameter(number, 7), '') == {'int 7'}


class Line(NamedTuple):
    item: str
    qty: int = 1
    due: date | None = None


def test_blank_inside_nested_json():
    def f(lines: list[Line]): return f'{lines}'
    app = FastHTML(secret_key='k')
    app.post('/f')(f)
    said = DirectClient(app).post('/f', json={'lines': [{'item': '', 'qty': '', 'due': ''}]}, headers=PLAIN).text
    assert said == "[Line(item='', qty=1, due=None)]"


# Tables

@pytest.fixture
def table():
    columns = dict(id=int, title=str, done=bool, n=int, price=float, due=date, at=datetime, maybe=bool | None)
    app, rt, items, Item = fast_app(':memory:', **columns, secret_key='k')
    def save(item: Item): return repr((items.update if item.id else items.insert)(item))
    save.__annotations__ = {'item': Item}
    app.post('/f')(save)
    app.ws('/ws')(save)
    return DirectClient(app), items


def rows(items): return [tuple(r.values()) for r in items.db.q('select title, done, n, price, due, at, maybe from items')]


BLANK = {k: '' for k in ('title', 'done', 'n', 'price', 'due', 'at', 'maybe')}
FULL = dict(title='A', done='1', n='3', price='1.5', due='2026-01-02', at='2026-01-02T03:04', maybe='on')
STORED = ('', 0, None, None, None, None, 0)


def send(client, carrier, values):
    if carrier != 'frame':
        assert client.post('/f', **{carrier: values}, headers=PLAIN).status_code == 200
        return
    with client.websocket_connect('/ws') as ws:
        ws.send_json(values)
        ws.receive_text()


@pytest.mark.parametrize('carrier', ['data', 'json', 'params', 'frame'])
def test_blank_in_a_row_of_a_table(table, carrier):
    client, items = table
    send(client, carrier, BLANK)
    send(client, carrier, FULL)
    assert rows(items) == [STORED, ('A', 1, 3, 1.5, '2026-01-02', '2026-01-02T03:04', 1)]
    send(client, carrier, BLANK | {'id': '2'})      # an update: a cleared box is cleared, and not left as it was
    assert rows(items) == [STORED, STORED]
    assert len(items(where='done=0')) == 2 and not items(where='done is null')


def test_a_field_that_did_not_come_is_left_as_it_was_and_false_in_a_new_row(table):
    client, items = table
    send(client, 'data', FULL)
    send(client, 'data', {'id': '1', 'title': 'B'})
    send(client, 'data', {'title': 'C'})            # a plain check box sends nothing when it is not ticked
    assert rows(items) == [('B', 1, 3, 1.5, '2026-01-02', '2026-01-02T03:04', 1), ('C', 0, None, None, None, None, None)]


def test_a_row_refuses_what_its_columns_cannot_mean(table):
    client, items = table
    bad = client.post('/f', data=dict(done='perhaps', n='x', due='soon', at='soon'), headers=PLAIN)
    assert {e['field'] for e in bad.json()['errors']} == {'done', 'n', 'due', 'at'}
    assert not rows(items)


def adding(items, Item):
    def add(item: Item): return repr(items.insert(item))
    return add


def test_an_older_table_is_read_like_a_new_one(tmp_path):
    columns = dict(id=int, title=str, done=bool)
    for _ in range(2):
        app, rt, items, Item = fast_app(tmp_path/'a.db', **columns, secret_key='k')
        app.post('/f')(adding(items, Item))
        DirectClient(app).post('/f', data={'title': 'A', 'done': ''}, headers=PLAIN)
    assert [r['done'] for r in items.db.q('select done from items')] == [0, 0]


# Records inside of records: each kind inside of each, alone, in a list, in a mapping, behind `| None`, with a constraint beside it

KINDS_OF_RECORD = [a_dataclass, a_typed_dict, a_named_tuple, a_pydantic_model, a_struct]
WRAPS = {'alone': (lambda cls: cls, lambda o: o), 'optional': (lambda cls: cls | None, lambda o: o),
         'list': (lambda cls: list[cls], lambda o: [o]), 'mapping': (lambda cls: dict[str, cls], lambda o: {'k': o})}


def first_of(o): return o[0] if isinstance(o, list) else o['k'] if isinstance(o, dict) and 'k' in o else o


def nested(outer, held, default=...):
    "A handler that says what is in the inner record"
    def f(o):
        inner = first_of(o if outer is parameter else o['x'] if isinstance(o, dict) else o.x)
        return shown((inner['x'] if 'x' in inner else default) if isinstance(inner, dict) else inner.x)
    f.__annotations__ = {'o': held if outer is parameter else outer(held)}
    return f


PAIRS = [(inner, outer) for inner in KINDS_OF_RECORD for outer in (parameter, *KINDS_OF_RECORD)
         if outer is not a_pydantic_model or inner not in (a_struct, a_typed_dict)]    # which pydantic does not take


@each_row(('inner', 'outer', 'wrap'), [(inner, outer, wrap) for inner, outer in PAIRS for wrap in WRAPS
                                                     if a_pydantic_model in (inner, outer) or wrap == 'list'], ids=ids)
def test_blank_is_nothing_in_records_inside_of_records(inner, outer, wrap):
    annotate, put = WRAPS[wrap]
    def said(kind, blank, *default):
        sent = put({'x': blank})
        if outer is not parameter: sent = {'x': sent}
        elif wrap == 'list': sent = {'o': sent}
        return served(nested(outer, annotate(inner(kind, *default)), *default)).post('/f', json=sent, headers=PLAIN)
    for kind, blank, default, expected in ((int, ' ', [7], 7), (int | None, '', [], None), (bool, ' ', [], False), (str, '', ['a'], ''),
                                           (date, '', [None], None), (Literal['a', 'b'], '', ['b'], 'b')):
        assert said(kind, blank, *default).text == shown(expected), kind
    refused = said(int, '')
    assert refused.status_code == 400 and [e['got'] for e in refused.json()['errors']] == [None], refused.text


@each_row('held', [*map(holder, (a_pydantic_model, a_struct))], ids=ids)
@each_row(('kind', 'sent', 'expected'), [
    (list[int], ['', '1', '', '2'], [1, 2]), (list[str], ['', 'a'], ['', 'a']), (list[int | None], ['1', '', '2'], [1, None, 2]),
    (set[date], [''], set())], ids=str)
def test_blank_boxes_of_a_list_in_a_model(held, kind, sent, expected):
    client = served(held(kind))
    assert {c(client, sent).text for c in CARRIERS} | {by_frame(client, sent)} == {shown(expected)}


def test_a_model_that_contains_itself():
    class Node(pydantic.BaseModel):
        n: int = 7
        inner: list['Node'] = []
    def f(o: Node): return f'{o}'
    said = served(f).post('/f', json={'n': '', 'inner': [{'n': ' ', 'inner': [{'n': '3'}]}]}, headers=PLAIN).text
    assert said == 'n=7 inner=[Node(n=7, inner=[Node(n=3, inner=[])])]'
