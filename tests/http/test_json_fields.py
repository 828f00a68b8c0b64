"A field that is `pydantic.Json`: a text, whatever is in it. The judge is pydantic, given the text."
import dataclasses
from typing import Annotated, TypedDict

import pydantic
import pytest
from pydantic import BaseModel, Json, TypeAdapter
from starlette.responses import JSONResponse

from fasthtml.app.app import FastHTML
from fasthtml.http.sources import form
from fasthtml.testing import Client
from support import each_row

KINDS = {   # name → (annotation, texts that were sent for it)
    'anything': (Json, ['[1]', '{"a": 1}', '5', 'x']),
    'list': (Json[list[int]], ['[1, 2]', '[]', '["a"]', '{}', 'x']),
    'dict': (Json[dict[str, int]], ['{"a": 1}', '{}', '[1]', '{"a": "b"}']),
    'number': (Json[int], ['5', '"5"', 'x']),
    'list or nothing': (Json[list[int]] | None, ['[1]']),
    'pinned': (Annotated[Json[list[int]], form], ['[1]', 'x']),
    'list of such': (list[Json[list[int]]], ['[1]', '[2, 3]', 'x'])}
CASES = [pytest.param(ann, text, id=f'{name}: {text}') for name, (ann, texts) in KINDS.items() for text in texts]


def handlers(ann):
    "A handler with a parameter of that kind, and with records that have such a field"
    class Model(BaseModel): value: ann
    @pydantic.dataclasses.dataclass
    class Data: value: ann
    Row = pydantic.with_config({})(TypedDict('Row', {'value': ann}))
    @dataclasses.dataclass
    class Plain: value: ann
    def parameter(value): return JSONResponse([value])
    def record(record): return JSONResponse([record['value'] if isinstance(record, dict) else record.value])
    yield parameter, {'value': ann}
    for cls in (Model, Data, Row, Plain): yield record, {'record': cls}


@each_row('way', ['form', 'json', 'query'])
@pytest.mark.parametrize('ann,text', CASES)
def test_the_text_is_what_pydantic_reads(ann, text, way):
    is_list = ann == KINDS['list of such'][0]
    try: expected = [TypeAdapter(ann).validate_python([text] if is_list else text)]
    except pydantic.ValidationError: expected = None
    for f, annotations in handlers(ann):
        if way == 'query' and ann == KINDS['pinned'][0]: continue
        app = FastHTML(secret_key='k', default_hdrs=False)
        f.__annotations__ = annotations
        app.route('/', methods=['GET', 'POST'])(f)
        client, sent = Client(app), {'value': [text] if is_list else text}
        if way == 'query': answer = client.get('/', params=sent, headers={'accept': 'application/json'})
        else: answer = client.post('/', **{'data' if way == 'form' else 'json': sent}, headers={'accept': 'application/json'})
        if expected is None: assert answer.status_code == 400 and [o['field'] for o in answer.json()['errors']], (annotations, answer.text)
        else: assert answer.json() == expected, annotations
