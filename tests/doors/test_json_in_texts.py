"JSON within a text (`pydantic.Json`) has the limits of JSON, wherever the text stands."
import json
from typing import Annotated, Any

import pydantic
import pytest
from pydantic import Json

from client_kit import DirectClient
from fasthtml.common import FastHTML


class Note(pydantic.BaseModel):
    x: Json[Any]


class Inner(pydantic.BaseModel):
    notes: list[Note]


DEEP, MANY, LONG = '[' * 101 + ']' * 101, '[' + '[],' * 100_001 + '[]]', '1' * 401
TOO_MUCH = {'levels': DEEP, 'values': MANY, 'digits': LONG, 'digits within': f'[{"[], " * 100}{LONG}]',
            'values behind what is no JSON': '[NaN,' + MANY[1:]}
FINE = {'levels': '[' * 99 + ']' * 99, 'values': json.dumps(list(range(9000))), 'digits': f'[{"1" * 400}]', 'short': '{"a": [1]}'}
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


WAYS = 'form', 'json', 'in a record'


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('much', TOO_MUCH)
def test_too_much_is_refused(much, way, kind):
    assert ask(KINDS[kind], way, TOO_MUCH[much]) == 400


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('much', FINE)
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
