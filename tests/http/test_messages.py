# ruff: noqa: E501 - tables
"What is said about bad input: our own wording, by whichever library it was checked, all fields at once, and a key for each text."
import re
import zoneinfo
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal

import annotated_types
import msgspec
import pydantic
import pydantic_core

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.http.casts import BadValue
from fasthtml.http.params import FieldError
from fasthtml.http.records import make_cast
from fasthtml.http.texts import TEXTS, Text, say
from support import each_row

PROGRAMMERS = re.compile(r'\^|\\|\$|Input should|Value error|Assertion|valid integer|`|Expected Expected|pattern|regex|int\(\)|base 10|_|\{|<class')


def one_of_two(x):
    if x % 2: raise ValueError('Only even numbers are sold.')
    return x


def asserted(x):
    if x < 6: raise AssertionError('Six at least.')      # pytest would add words of its own to an `assert`
    return x


def careless(x): return int('x')
def shown(x): raise BadValue('a number of our list', x)
def custom(x): raise pydantic_core.PydanticCustomError('taken', 'That name is taken.')


class Size(Enum): small, large = 's', 'l'
class Inner(pydantic.BaseModel): qty: int


F, M = pydantic.Field, msgspec.Meta
CASES = [     # annotation, what is sent, key of the text, its words
    (Annotated[int, F(gt=3)], 'x', 'whole_number', 'a whole number'), (Annotated[int, F(gt=3)], '2', 'above', 'more than 3'),
    (Annotated[int, F(ge=3)], '2', 'at_least', 'at least 3'), (Annotated[int, F(lt=3)], '5', 'below', 'less than 3'),
    (Annotated[int, F(le=3)], '5', 'at_most', 'at most 3'), (Annotated[int, F(multiple_of=4)], '5', 'multiple_of', 'a multiple of 4'),
    (Annotated[int, annotated_types.Gt(3)], '2', 'above', 'more than 3'),
    (Annotated[float, F(gt=0)], 'x', 'number', 'a number'), (Annotated[float, F(allow_inf_nan=False)], 'inf', 'number', 'a number'),
    (Annotated[Decimal, F(max_digits=3)], '1234', 'max_digits', 'at most 3 digits'),
    (Annotated[Decimal, F(decimal_places=1)], '1.25', 'decimal_places', 'at most 1 decimal places'),
    (Annotated[str, F(pattern='^[a-z]+$')], 'A1', 'pattern', 'text of another form'),
    (Annotated[str, F(min_length=3)], 'ab', 'min_length', 'at least 3 characters'),
    (Annotated[str, F(max_length=3)], 'abcd', 'max_length', 'at most 3 characters'),
    (Annotated[bool, F()], 'perhaps', 'yes_no', 'yes or no'), (Annotated[date, F()], 'soon', 'date', 'a date like 2025-01-31'),
    (Annotated[datetime, F()], 'soon', 'datetime', 'a date and time like 2025-01-31T14:30'), (pydantic.PastDate, '2999-01-01', 'past', 'a date in the past'),
    (pydantic.HttpUrl, 'x', 'address', 'a web address like https://example.com'), (pydantic.UUID4, 'x', 'uuid', 'a UUID'),
    (pydantic.AwareDatetime, '2025-01-01T10:00', 'with_zone', 'a date and time with a time zone'),
    (Annotated[Literal['a', 'b'], F()], 'c', 'one_of', 'one of: a, b'), (Annotated[Size, F()], 'c', 'one_of', 'one of: s, l'),
    (Annotated[int, pydantic.AfterValidator(one_of_two)], '3', 'own', 'Only even numbers are sold.'),
    (Annotated[int, pydantic.AfterValidator(asserted)], '3', 'own', 'Six at least.'),
    (Annotated[int, pydantic.AfterValidator(careless)], '3', 'another', 'another value'),
    (Annotated[int, pydantic.AfterValidator(shown)], '3', '', 'a number of our list'),
    (Annotated[str, pydantic.AfterValidator(custom)], 'x', 'own', 'That name is taken.'),
    (Annotated[int | float, F(gt=3)], 'x', 'or', 'a whole number or a number'),
]
STRUCTS = [
    (Annotated[int, M(gt=3)], 'x', 'whole_number', 'a whole number'), (Annotated[int, M(gt=3)], '2', 'above', 'more than 3'),
    (Annotated[int, M(ge=3, le=5)], '9', 'both', 'at least 3, at most 5'), (Annotated[int, M(multiple_of=4)], '5', 'multiple_of', 'a multiple of 4'),
    (Annotated[str, M(pattern='^[a-z]+$')], 'A1', 'pattern', 'text of another form'),
    (Annotated[str, M(min_length=3)], 'ab', 'min_length', 'at least 3 characters'),
    (Annotated[float, M(lt=1)], 'x', 'number', 'a number'), (Annotated[list[int], M(min_length=2)], '1', 'min_values', 'at least 2 values'),
]


def parameter(kind):
    def f(x): return ''
    f.__annotations__ = {'x': kind}
    return f


def in_pydantic(kind):
    def f(m): return ''
    f.__annotations__ = {'m': pydantic.create_model('M', x=(kind, ...))}
    return f


def in_a_struct(kind):
    def f(m): return ''
    f.__annotations__ = {'m': msgspec.defstruct('S', [('x', kind)])}
    return f


def refusal(f, **request):
    app = FastHTML(secret_key='k')
    app.post('/f')(f)
    return DirectClient(app).post('/f', headers={'accept': 'application/json'}, **request)


TABLE = [(held, *case) for held in (parameter, in_pydantic) for case in CASES] + \
        [(held, *case) for held in (parameter, in_a_struct) for case in STRUCTS]


@each_row(('held', 'kind', 'sent', 'key', 'words'), TABLE, ids=lambda o: getattr(o, '__name__', str(o)[:40]))
def test_bad_input_is_described_in_our_words(held, kind, sent, key, words):
    response = refusal(held(kind), data={'x': sent})
    assert response.status_code == 400
    error, = response.json()['errors']
    assert (error['field'], error['expected']) == ('x', words)
    if key: assert key in TEXTS and words == TEXTS[key].format(**kept(words, key))
    page = DirectClient(served(held(kind))).post('/f', data={'x': sent}, headers={'hx-request': 'true'}).text
    assert not PROGRAMMERS.search(page.partition('<ul>')[2]), page


def served(f):
    app = FastHTML(secret_key='k')
    app.post('/f')(f)
    return app


def kept(words, key):
    "What was filled into a text, read out of its words"
    names = re.findall(r'{(\w+)', TEXTS[key])
    pattern = re.sub(r'\\{\w+\\}', '(.*)', re.escape(TEXTS[key]))
    return dict(zip(names, re.fullmatch(pattern, words).groups(), strict=True))


QUOTING = {     # a type whose message quotes an error of Python or of a package → what is sent; what is quoted
    pydantic.Base64Str: 'x', pydantic.Base64Bytes: 'x', pydantic.Base64UrlStr: 'x', pydantic.Base64UrlBytes: 'x',
    pydantic.ImportString: 'os.nope', pydantic.ByteSize: '5 parrots', zoneinfo.ZoneInfo: 'no/where', pydantic.Json: '{', pydantic.IPvAnyAddress: 'x',
    re.Pattern: '(', pydantic.FilePath: '/no/where', pydantic.HttpUrl: 'http://[', pydantic.SecretStr: 5, pydantic.conlist(int, max_length=1): [1, 'x']}


@each_row('held', [parameter, in_pydantic, lambda kind: in_pydantic(list[kind]), lambda kind: in_pydantic(kind | None),
                                  lambda kind: parameter(Annotated[kind, F(title='x')])], ids=['parameter', 'model', 'list', 'optional', 'annotated'])
@each_row('kind', QUOTING, ids=lambda o: getattr(o, '__name__', str(o)[:40]))
def test_what_a_package_quotes_is_not_shown(held, kind):
    try: pydantic.TypeAdapter(kind).validate_python(QUOTING[kind])
    except pydantic.ValidationError as e: quoted = [str(v) for o in e.errors() for v in (o.get('ctx') or {}).values() if isinstance(v, str | Exception)]
    else: raise AssertionError('pydantic takes it')
    answer = refusal(held(kind), json={'x': QUOTING[kind]}).text
    assert not [o for o in quoted if len(o) > 3 and o not in str(QUOTING[kind]) and o in answer], (quoted, answer)


def test_all_bad_fields_at_once_from_all_checkers():
    class Model(pydantic.BaseModel):
        a: int
        b: Annotated[str, F(min_length=3)]
        c: date
        inner: Inner | None = None
    class Struct(msgspec.Struct):
        d: Annotated[int, M(gt=3)]
        e: float
    def f(m: Model, s: Struct, n: int, due: date): return ''
    sent = {'a': 'x', 'b': 'ab', 'c': '', 'd': '1', 'e': 'x', 'due': 'soon', 'inner': {'qty': 'x'}}
    errors = {e['field']: (e['expected'], e['got']) for e in refusal(f, json=sent).json()['errors']}
    assert errors == {
        'a': ('a whole number', "'x'"), 'b': ('at least 3 characters', "'ab'"), 'c': ('a date like 2025-01-31', None),
        'inner.qty': ('a whole number', "'x'"), 'd': ('more than 3', "'1'"), 'e': ('a number', "'x'"), 'n': ('a whole number', None),
        'due': ('a date like 2025-01-31', "'soon'")}


def test_a_missing_field_is_required_whoever_checks():
    class Model(pydantic.BaseModel):
        a: int
    class Struct(msgspec.Struct):
        b: int
    def f(m: Model, s: Struct, n: int): return ''
    errors = refusal(f, data={'x': '1'}).json()['errors']
    assert [(e['field'], e['got']) for e in errors] == [('a', None), ('b', None), ('n', None)]


def test_a_union_names_the_field_and_not_its_members():
    class Model(pydantic.BaseModel):
        x: int | date | Inner
    errors = refusal(parameter(Model), json={'x': 'no'}).json()['errors']
    assert [e['field'] for e in errors] == ['x']


# The table

def test_every_text_can_be_said_in_another_language():
    for key, english in TEXTS.items():
        names = dict.fromkeys(re.findall(r'{(\w+)', english), 7)
        text = Text(key, **names)
        assert say(text, {key: f'<{english}>'}) == f'<{text}>'
        assert say(text, {}) == text and isinstance(text, str)


def test_a_sentence_is_translated_with_what_it_holds():
    german = {'required': '{expected} wird gebraucht.', 'expected': '{got} ist nicht {expected}.', 'one_of': 'eines von {choices}', 'date': 'Ein Datum'}
    assert say(FieldError('x', '', Text('date')).message, german) == 'Ein Datum wird gebraucht.'
    assert say(FieldError('x', '', Text('one_of', choices='a, b'), "'c'").message, german) == "'c' ist nicht eines von a, b."


WHOLE = {
    'json_malformed': {'content': '{', 'headers': {'content-type': 'application/json'}}, 'json_depth': {'json': eval('[' * 120 + ']' * 120)},
    'json_object': {'json': 5}, 'json_digits': {'content': '[' + '1' * 500 + ']', 'headers': {'content-type': 'application/json'}},
    'form_malformed': {'content': '--x', 'headers': {'content-type': 'multipart/form-data; boundary=B'}},
    'too_large': {'content': 'x' * 2_100_000, 'headers': {'content-type': 'text/plain'}},
    'fields': {'content': 'a=1&' * 1001, 'headers': {'content-type': 'application/x-www-form-urlencoded'}},
    'charset': {'content': '--B', 'headers': {'content-type': 'multipart/form-data; boundary=B; charset=utf-7'}},
    'coding': {'content': b'\x1f\x8b', 'headers': {'content-type': 'application/json', 'content-encoding': 'gzip'}},
    'form_too_large': {'data': {'a': ['x'] * 1001}, 'files': {'f': ('a', b'')}},
}


@each_row('key', WHOLE)
def test_a_refused_request_has_a_text_of_the_table(key):
    seen = []
    def keep(req, exc):
        seen.append(exc.detail)
        return ''
    app = FastHTML(secret_key='k', exception_handlers={s: keep for s in (400, 413, 415)})
    app.post('/f')(parameter(int))
    DirectClient(app).post('/f', **WHOLE[key])
    assert [t.key for t in seen] == [key]


SECRETS = [int | pydantic.SecretStr, pydantic.SecretStr | pydantic.SecretBytes, int | list[pydantic.SecretBytes]]


@each_row('kind', SECRETS)
def test_a_model_may_have_a_secret_in_a_union(kind):
    "pydantic describes its own classes by schemas that name each other; a walk through all ways in them has no end"
    model = pydantic.create_model('M', x=(kind, ...))
    assert make_cast(model)({'x': ['a'] if kind == SECRETS[2] else 'a'}) == model(x=['a'] if kind == SECRETS[2] else 'a')
