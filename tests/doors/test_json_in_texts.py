"JSON within a text (`pydantic.Json`) has the limits of JSON, wherever the text stands."
import json
from functools import cache
from typing import Annotated, Any, TypedDict

import pydantic
import pytest
from pydantic import Json

from client_kit import DirectClient
from fasthtml.common import FastHTML
from support import each_row


class Note(pydantic.BaseModel):
    x: Json[Any]


class Inner(pydantic.BaseModel):
    notes: list[Note]


DEEP, MANY, LONG = '[' * 101 + ']' * 101, '[' + '[],' * 100_001 + '[]]', '1' * 401
TOO_MUCH = {'levels': DEEP, 'values': MANY, 'digits': LONG, 'digits within': f'[{"[], " * 100}{LONG}]',
            'values behind what is no JSON': '[NaN,' + MANY[1:], 'levels behind it': f'[NaN, {DEEP}]',
            'digits behind it': f'[-Infinity, {LONG}]'}
FINE = {'levels': '[' * 99 + ']' * 99, 'values': json.dumps(list(range(9000))), 'digits': f'[{"1" * 400}]', 'short': '{"a": [1]}'}
class Plain(pydantic.BaseModel):
    note: str


class Lazy(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(defer_build=True)
    x: Json[Any]


class LazyChild(Lazy): pass


@pydantic.dataclasses.dataclass(config=pydantic.ConfigDict(defer_build=True))
class LazyData:
    x: Json[Any]


class LazyRow(TypedDict):
    __pydantic_config__ = pydantic.ConfigDict(defer_build=True)
    x: Json[Any]


class LazyRoot(pydantic.RootModel[Json[Any]]):
    model_config = pydantic.ConfigDict(defer_build=True)


class HoldsLazy(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(defer_build=True)
    x: Lazy


class Early(pydantic.BaseModel):
    "Of a class that comes later"
    x: 'Later'


class Payload(pydantic.BaseModel):
    x: Json[Note]


class Tree(pydantic.BaseModel):
    x: Json[Any] = None
    kid: Json['Tree'] | None = None


class Batch(pydantic.BaseModel):
    rows: list[Json[Any]] = []
    named: dict[str, Json[Any]] = {}


class Payloads(pydantic.BaseModel):
    batch: Json[Batch]


ALL = TOO_MUCH | {f'fine {name}': text for name, text in FINE.items()}
KINDS = {'alone': Json[Any], 'a union': Json[Any] | None, 'annotated': Annotated[Json[Any], pydantic.Field(description='x')]}


def ask(annotation, way: str, text: str) -> int:
    "The status of the answer"
    app = FastHTML(secret_key='k')
    def f(x: annotation): return 'ok'
    def g(x: Inner): return 'ok'
    app.post('/f')(f)
    app.post('/g')(g)
    with DirectClient(app) as client:
        if way == 'form': return client.post('/f', data={'x': text}).status_code
        if way == 'query': return client.post('/f', params={'x': text}).status_code
        if way == 'json': return client.post('/f', json={'x': text}).status_code
        return client.post('/g', json={'notes': [{'x': '1'}, {'x': text}]}).status_code


def in_record(text): return {'x': text}
def quoted(text): return json.dumps(text)


RECORDS = {    # record → how the text is sent in it
    Lazy: in_record, LazyChild: in_record, LazyData: in_record, LazyRow: in_record, LazyRoot: None,
    HoldsLazy: lambda text: {'x': in_record(text)}, Early: in_record,
    Payload: lambda text: {'x': json.dumps({'x': text})},
    Tree: lambda text: {'kid': json.dumps({'kid': json.dumps({'x': text})})},
    Payloads: lambda text: {'batch': json.dumps({'rows': ['1', text], 'named': {'a': '1'}})},
}
WITHIN = {Json[Json[Any]]: quoted, Json[Json[Json[Any]]]: lambda text: quoted(quoted(text)),
          Json[Batch]: lambda text: json.dumps({'named': {'a': '1', 'b': text}}), Json[Note]: lambda text: json.dumps({'x': text})}


@cache
def client_of(annotation):
    app = FastHTML(secret_key='k')
    def f(x: annotation): return 'ok'
    def g(record: annotation): return 'ok'
    app.post('/f')(f)
    app.post('/g')(g)
    return DirectClient(app)


def ask_for(annotation, sent, way='json', path='/f'): return client_of(annotation).post(path, **{way: sent}).status_code


# A form has no records in records
SENT = [(record, way) for record in RECORDS for way in ('json', 'data') if (record, way) != (HoldsLazy, 'data')]

@each_row('record,way', SENT, ids=lambda o: getattr(o, '__name__', o))
@each_row('much', [*TOO_MUCH, *(f'fine {name}' for name in FINE)])
def test_a_record_that_is_built_later_or_has_json_in_json_has_the_limits_too(much, way, record):
    wrap, text = RECORDS[record], ALL[much]
    sent = wrap(text) if wrap else {'x': text}
    assert ask_for(record, sent, way, '/g' if wrap else '/f') == (400 if much in TOO_MUCH else 200)


@each_row('kind', WITHIN, ids=str)
@each_row('much', [*TOO_MUCH, *(f'fine {name}' for name in FINE)])
def test_json_in_json_has_the_limits_too(much, kind):
    text = WITHIN[kind](ALL[much])
    assert [ask_for(kind, {'x': text}, way) for way in ('json', 'data')] == [400 if much in TOO_MUCH else 200] * 2


@pytest.mark.parametrize('text', [LONG, 'see: ' + DEEP, json.dumps([DEEP])], ids=['digits', 'text', 'text in JSON'])
def test_a_text_in_json_that_is_not_read_as_json_is_a_text(text):
    assert ask_for(Json[Any], {'x': json.dumps({'note': text})}) == 200
    assert ask_for(Json[Plain], {'x': json.dumps({'note': text})}) == 200


WAYS = 'form', 'json', 'in a record'


@each_row('kind', KINDS)
@each_row('way', WAYS)
@each_row('much', TOO_MUCH)
def test_too_much_is_refused(much, way, kind):
    assert ask(KINDS[kind], way, TOO_MUCH[much]) == 400


@each_row('kind', KINDS)
@each_row('way', WAYS)
@each_row('much', FINE)
def test_what_is_within_the_limits_is_taken(much, way, kind):
    assert ask(KINDS[kind], way, FINE[much]) == 200


@pytest.mark.parametrize('text', ['1,' * 200_000, '- ' * 1000, '[see below], ' * 100, 'text [' * 1000])
def test_a_text_that_is_no_json_is_a_text(text):
    class Page(pydantic.BaseModel):
        body: str
        x: Json[Any]
    app = FastHTML(secret_key='k')
    @app.post('/f')
    def f(page: Page): return str(len(page.body))
    with DirectClient(app) as client: assert str(len(text)) in client.post('/f', json={'body': text, 'x': '1'}).text


Later = Json[Any]
