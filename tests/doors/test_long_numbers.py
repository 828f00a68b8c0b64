"A number has at most 400 digits, and an exponent below 400, wherever it comes from and whatever reads it."
from dataclasses import make_dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.websockets import WebSocketDisconnect

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.http.casts import BadValue
from fasthtml.http.params import cookie, header
from fasthtml.http.paths import fill_path, path_pattern
from fasthtml.http.records import make_cast
from support import each_row


class Age(int): "A class of numbers of the program's own"


KINDS = {'int': int, 'float': float, 'Decimal': Decimal, 'complex': complex, 'Fraction': Fraction, 'Age': Age,
         'list': list[int], 'set': set[Decimal], 'tuple': tuple[int, ...], 'optional': int | None, 'union': int | float,
         'pydantic': Annotated[int, pydantic.Field(gt=0)], 'positive': pydantic.PositiveInt, 'Meta': Annotated[int, msgspec.Meta(gt=0)],
         'list with Meta': Annotated[list[int], msgspec.Meta(min_length=1)]}
MANY = ['list', 'set', 'tuple', 'list with Meta']
LONG = {'int': '7' * 401, '3,000 digits': '7' * 3000, 'underscores': '7_7' * 301, 'other digits': '٧' * 401, 'exponent': '1e400',
        'small': '1e-400', 'fraction': '1.' + '7' * 401}


def shapes(kind):
    "Records that hold one, of every kind"
    yield 'dataclass', make_dataclass('D', [('a', kind)])
    yield 'TypedDict', TypedDict('T', {'a': kind})
    yield 'NamedTuple', NamedTuple('N', [('a', kind)])
    if kind is not Age:
        yield 'Struct', msgspec.defstruct('S', [('a', kind)])
        yield 'model', pydantic.create_model('M', a=(kind, ...))
        yield 'model in a model', pydantic.create_model('M2', b=(pydantic.create_model('M3', a=(kind, ...)), ...))


CASES = [(name, shape, cls) for name, kind in KINDS.items()
         for shape, cls in (('itself', kind), *shapes(kind))]


def carriers_of(cls, is_nested, many):
    "Name → a function that sends a text"
    app = FastHTML(secret_key='k')
    def plain(a: cls): return repr(a)
    def of_header(a: Annotated[cls, header('A')]): return repr(a)
    def of_cookie(a: Annotated[cls, cookie('a')]): return repr(a)
    app.route('/x', methods=['GET', 'POST'])(plain)
    client = DirectClient(app)
    if is_nested: return {'JSON': lambda v: client.post('/x', json={'b': {'a': [v] if many else v}})}
    ways = {'query': lambda v: client.get('/x', params={'a': v}), 'form': lambda v: client.post('/x', data={'a': v}),
            'multipart': lambda v: client.post('/x', data={'a': v}, files={'unused': ('a.txt', b'')}),
            'JSON': lambda v: client.post('/x', json={'a': [v] if many else v})}
    if hasattr(cls, '__annotations__') or hasattr(cls, '__struct_fields__'): return ways
    app.get('/path/{a}')(plain)
    app.get('/header')(of_header)
    app.get('/cookie')(of_cookie)
    return ways | {'path': lambda v: client.get(f'/path/{v}'), 'header': lambda v: client.get('/header', headers={'A': v}),
                   'cookie': lambda v: client.get('/cookie', headers={'Cookie': f'a={v}'})}


@each_row('name, shape, cls', CASES, ids=lambda o: o if isinstance(o, str) else '')
def test_a_number_of_too_many_digits_is_refused_by_every_carrier(name, shape, cls):
    for way, send in carriers_of(cls, shape == 'model in a model', name in MANY).items():
        for text in LONG.values() if way in ('JSON', 'path') else ['7' * 401, '1e400']:
            answer = send(text)
            assert answer.status_code == (404 if way == 'path' else 400), (way, text[:10], answer.text[-300:])
            if way == 'JSON': assert 'a' in answer.json()['errors'][0]['field'].split('[')[0].split('.')
        for text in ['12', '7' * 300]: assert send(text).status_code == 200, (way, text)


@each_row('kind', [str, str | None, Annotated[str, pydantic.Field(pattern=r'^\d+$', max_length=401)], dict[str, str],
                                  Annotated[str, msgspec.Meta(pattern=r'^\d+$', max_length=401)], list[str], int | str])
def test_digits_of_a_text_may_be_as_many_as_they_like(kind):
    digits = '7' * 401
    sent = {digits: digits} if kind == dict[str, str] else [digits] if kind == list[str] else digits
    models = [pydantic.create_model('M', a=(kind, ...)), msgspec.defstruct('S', [('a', kind)]), make_dataclass('D', [('a', kind)])]
    for cls in models:
        app = FastHTML(secret_key='k')
        def index(o: cls): return repr(o)
        app.post('/')(index)
        answer = DirectClient(app).post('/', json={'a': sent})
        assert answer.status_code == 200 and digits in answer.text


@each_row('kind', [dict[int, int], dict[Decimal, str], list[dict[int, int]], dict[str, list[int | None]]])
@each_row('library', ['pydantic', 'dataclass', 'Struct'])
def test_numbers_within_are_counted_too(library, kind):
    "Keys of mappings also, which are texts in JSON"
    app, text = FastHTML(secret_key='k'), '7' * 401
    make = {'pydantic': lambda: pydantic.create_model('M', a=(kind, ...)), 'dataclass': lambda: make_dataclass('D', [('a', kind)]),
            'Struct': lambda: msgspec.defstruct('S', [('a', kind)])}[library]
    cls = make()
    def index(o: cls): return repr(o)
    app.post('/')(index)
    value = {'k': ['1', text]} if kind == dict[str, list[int | None]] else {text: '1'}
    if kind == list[dict[int, int]]: value = [value]
    answer = DirectClient(app).post('/', json={'a': value})
    assert answer.status_code == 400 and answer.json()['errors'][0]['field'].startswith('a'), answer.text


# Unions, in which another member would take what is no number, and validators of the program

def default(value, read):
    try: return read(value)
    except ValueError: return 0


class In(pydantic.BaseModel):
    d: Decimal


FIRST = pydantic.Field(union_mode='left_to_right')
LOOSE = {'int or text': Annotated[int | str, FIRST], 'Decimal or text': Annotated[Decimal | str, FIRST],
         'Decimal or bytes': Decimal | bytes, 'Decimal or anything': Annotated[Decimal | Any, FIRST],
         'text of letters': int | Annotated[str, pydantic.Field(pattern='^[a-z]+$')],
         'a default': Annotated[int, pydantic.WrapValidator(default)], 'stripped': Annotated[Decimal, pydantic.BeforeValidator(str.strip)],
         'in JSON': pydantic.Json[Annotated[Decimal | str, FIRST]], 'a model or a dict': Annotated[In | dict, FIRST],
         'or a dict': In | dict,
         'keys': dict[Annotated[Decimal | str, FIRST], int], 'Fraction': Fraction | bytes}
AROUND = {'in JSON': lambda v: f'"{v}"', 'a model or a dict': lambda v: {'d': v}, 'or a dict': lambda v: {'d': v}, 'keys': lambda v: {v: 1}}


@each_row('name', LOOSE)
def test_a_number_of_too_many_digits_is_no_number_where_another_member_takes_a_text(name):
    model, around, found = pydantic.create_model('M', v=(LOOSE[name], ...)), AROUND.get(name, lambda v: v), []
    make_cast(model)({'v': around('12')})
    for text in '7' * 401, '1e999999':
        try: found.append(make_cast(model)({'v': around(text)}).v)
        except BadValue as e: assert 'number' in e.faults[0].expected
    assert bool(found) == (name not in ('text of letters', 'stripped'))
    made = [o for v in found for o in ([*v, *v.values()] if isinstance(v, dict) else [v])]
    assert all(isinstance(o, str | bytes) or o in (0, 1) for o in made)


TAKEN = ['7e5001234', '12e4000', '9' * 401]     # a short hash of git, the number of an article
TEXTS = [int | Annotated[str, pydantic.Field(max_length=500)], int | Annotated[str, pydantic.Field(pattern='^[0-9e]*$')],
         Annotated[int | str, FIRST], float | Any, Decimal | Annotated[str, pydantic.StringConstraints(strip_whitespace=True)]]


@each_row('kind', TEXTS)
@each_row('text', TAKEN)
def test_a_text_that_looks_like_a_number_is_a_text_where_the_type_has_texts(kind, text):
    assert make_cast(pydantic.create_model('M', v=(kind, ...)))({'v': text}).v == text


def test_validators_of_pydantic_run_once_whatever_digits_were_sent():
    seen = []
    class Post(pydantic.BaseModel):
        key: Annotated[str, pydantic.AfterValidator(lambda value: (seen.append(value), value)[1])]
    for digits in '7', '7' * 401:
        seen.clear()
        make_cast(Post)({'key': digits})
        assert seen == [digits]


# Numbers of JSON that Python would make infinite

INFINITE = ['1e400', '-1e309', '0.1e401', '1E+0000999', '7' * 320 + '.5']


@pytest.mark.parametrize('number', INFINITE, ids=lambda o: o[:10])
def test_an_infinite_number_in_json_is_refused_by_every_reader(number):
    app = FastHTML(secret_key='k')
    @app.post('/data')
    def data_of(data): return repr(data)
    @app.post('/json')
    async def json_of(req): return repr(await req.json())
    @app.post('/dict')
    def dict_of(d: dict): return repr(d)
    @app.post('/any')
    def any_of(n: Any): return repr(n)
    @app.post('/pydantic')
    def pydantic_of(m: pydantic.create_model('M', n=(float, ...))): return repr(m)
    @app.post('/text')
    def text_of(m: pydantic.create_model('M', n=(pydantic.Json[Any], ...))): return repr(m)
    @app.ws('/ws')
    async def message(data, send): await send(repr(data))
    @app.ws('/read')
    async def read(ws, send):
        try: await send(repr(await ws.receive_json()))
        except ValueError: await send('refused')
    client = DirectClient(app)
    for path in 'data', 'json', 'dict', 'any', 'pydantic', 'text':
        for n, status in (number, 400), ('1.5e300', 200):
            text = f'{{"n": "[{n}]"}}' if path == 'text' else f'{{"n": {n}}}'
            answer = client.post('/' + path, content=text, headers={'Content-Type': 'application/json'})
            assert answer.status_code == status, (path, answer.text)
    with client.websocket_connect('/ws') as ws:
        ws.send_text(f'{{"n": {number}}}')
        with pytest.raises(WebSocketDisconnect): ws.receive_text()
    with client.websocket_connect('/read') as ws:
        ws.send_text('{}')
        ws.send_text(f'{{"n": {number}}}')
        assert ws.receive_text() == 'refused'


IN_JSON = {'Infinity': (Any, float, list[float]), '-Infinity': (Any, float), '[Infinity, NaN]': (Any, list[float]),
           '1' + '0' * 350: (float, float | None), '[1' + '0' * 350 + ']': (list[float],)}


@each_row('text', IN_JSON)
def test_no_number_of_json_in_a_text_is_infinite(text):
    for kind in IN_JSON[text]:
        with pytest.raises(BadValue): make_cast(pydantic.create_model('M', v=(pydantic.Json[kind], ...)))({'v': text})


def test_whole_numbers_and_nan_of_json_in_a_text_stay():
    model = pydantic.create_model('M', v=(pydantic.Json[list[int] | list[float]], ...))
    assert make_cast(model)({'v': '[1' + '0' * 350 + ']'}).v == [10**350]
    assert repr(make_cast(model)({'v': '[NaN]'}).v) == '[nan]'


class Priced(pydantic.BaseModel):
    price: float


class Vectors(pydantic.BaseModel, allow_inf_nan=True):
    free: float
    bound: Annotated[float, pydantic.Field(allow_inf_nan=False)] = 0
    inner: Priced | None = None


FINITE = {  # a type → what goes around a text
    'float': (float, None), 'optional': (float | None, None), 'list': (list[float], lambda v: ['1', v]),
    'Field': (Annotated[float, pydantic.Field(gt=0)], None), 'PositiveFloat': (pydantic.PositiveFloat, None), 'complex': (complex, None),
    'pydantic complex': (pydantic.create_model('C', c=(complex, ...)), lambda v: {'c': v}),
    'model': (Priced, lambda v: {'price': v}), 'models': (Annotated[list[Priced], pydantic.Field(max_length=9)], lambda v: [{'price': v}]),
    'union': (pydantic.create_model('U', v=(int | float, ...)), lambda v: {'v': v}),
    'keys': (pydantic.create_model('K', v=(dict[float, int], ...)), lambda v: {'v': {v: 1}}),
    'JSON in a text': (pydantic.create_model('J', v=(pydantic.Json[float], ...)), lambda v: {'v': f'"{v}"'}),
    'RootModel': (pydantic.RootModel[list[float]], lambda v: [v]), 'another field': (Vectors, lambda v: {'free': 1, 'bound': v}),
    'another model': (Vectors, lambda v: {'free': 1, 'inner': {'price': v}}),
    'Meta': (Annotated[float, msgspec.Meta(ge=0)], None),
    'list with Meta': (Annotated[list[float], msgspec.Meta(max_length=9)], lambda v: ['1', v]),
    'Struct': (msgspec.defstruct('S', [('v', Annotated[float, msgspec.Meta(ge=0)])]), lambda v: {'v': v})}


@each_row('name', FINITE)
@each_row('text', ['inf', ' Infinity', 'nan', '+NaN', '1e309', '1_0E3_09', '9' * 320])
def test_no_text_is_an_infinite_number_to_any_reader(name, text):
    kind, around = FINITE[name]
    around = around or (lambda v: v)
    with pytest.raises(BadValue, match='number|object|valid complex'): make_cast(kind)(around(text))
    assert make_cast(kind)(around('1e300'))


def test_infinite_numbers_are_read_where_the_program_says_so():
    assert make_cast(Vectors)({'free': '-inf'}).free == float('-inf')
    assert make_cast(Annotated[float, pydantic.Field(allow_inf_nan=True)])('1e309') == float('inf')


@each_row('kind', [str, float | str, Annotated[float | str, FIRST], str | None])
def test_such_a_text_is_a_text_where_the_type_has_texts(kind):
    for text in 'inf', 'Nan', '1e309': assert make_cast(pydantic.create_model('M', v=(kind, ...)))({'v': text}).v == text
    assert make_cast(Annotated[str, msgspec.Meta(max_length=9)])('nan') == 'nan'


# msgspec knows limits of texts for texts only

def test_a_type_that_msgspec_takes_for_invalid_is_an_error_when_it_is_registered():
    text = Annotated[str, msgspec.Meta(max_length=9)]
    for kind in int | text, list[int | text], Annotated[int | text, msgspec.Meta(title='Number')]:
        assert '7e5001' in make_cast(kind)(['7e5001'] if kind == list[int | text] else '7e5001')
    wrong = Annotated[int | str, msgspec.Meta(max_length=9)]
    for kind in wrong, list[wrong], msgspec.defstruct('S', [('v', wrong)]), Annotated[int, msgspec.Meta(pattern='a')]:
        with pytest.raises(TypeError, match='Can only set'): make_cast(kind)


# Numbers in the pattern of a path: no parameter has an annotation

def answers(text): return lambda request: PlainTextResponse(text)


def shaped(kind):
    "An app with such a part in every kind of route"
    path, inner = f'/{{n:{kind}}}', FastHTML(secret_key='k')
    inner.get('/x')(lambda req: f'{req.path_params["n"]}'[:9])
    app = FastHTML(secret_key='k', routes=[Route(f'/route{path}', answers('route')),
                                           Mount(f'/inside{path}', app=PlainTextResponse('inside')),
                                           Mount(f'/wrapped{path}', routes=[Route('/x', answers('wrapped'))])])
    app.get(f'/own{path}')(lambda req: f'{req.path_params["n"]}'[:9])
    app.get(f'/two{path}-{{rest:path}}')(lambda req: f'{req.path_params["n"]}'[:9])
    app.mount(f'/mount{path}', inner)
    return app


SHAPED = {kind: shaped(kind) for kind in ('int', 'float')}
PLACES = {'own': '/own/{}', 'two': '/two/{}-a', 'mount': '/mount/{}/x', 'route': '/route/{}', 'inside': '/inside/{}',
          'wrapped': '/wrapped/{}/x'}
TOO_LONG = {'int': [401, 4300, 4301, 6000], 'float': [309, 401, 4301, 6000]}


@each_row('kind,place', [(kind, place) for kind in SHAPED for place in PLACES])
def test_a_number_in_a_pattern_has_as_few_digits_as_any_other(kind, place):
    client = DirectClient(SHAPED[kind])
    for digits in TOO_LONG[kind]: assert client.get(PLACES[place].format('7' * digits)).status_code == 404, digits
    if kind == 'float': assert client.get(PLACES[place].format('7.' + '7' * 401)).status_code == 404
    for text in '7', '7' * 60, '7' * 300 if place != 'two' or kind == 'int' else '7':
        assert client.get(PLACES[place].format(text)).status_code == 200, text


def test_an_address_is_made_with_as_few_digits_as_are_read():
    assert path_pattern('/{n:int}').match(fill_path(path_pattern('/{n:int}'), {'n': 10**399})) == {'n': 10**399}
    for kind, n in (('int', 10**400), ('float', 1e308)):
        with pytest.raises(ValueError, match='does not fit'): fill_path(path_pattern(f'/{{n:{kind}}}'), {'n': n})
