# ruff: noqa: E501, UP007, UP045 - tables
"""One table for what a handler gets from records of every kind: union members, fields that no record has, constructors that refuse.

Kinds of records x places in which one stands x ways to send it.
"""
import json
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from random import Random
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict, Union, get_args

import attrs
import msgspec
import pydantic
import pytest

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.http.casts import BadValue
from fasthtml.http.records import make_cast
from support import each_row

Fields = dict[str, Any]     # name → type, or (type, default)


def a_dataclass(name: str, fields: Fields) -> Any:
    made = [(n, *((o[0], field(default=o[1])) if isinstance(o, tuple) else (o,))) for n, o in fields.items()]
    return make_dataclass(name, made)


def a_typed_dict(name, fields):
    return TypedDict(name, {n: o[0] if isinstance(o, tuple) else o for n, o in fields.items()}, total=not any(isinstance(o, tuple) for o in fields.values()))


def a_named_tuple(name, fields):
    cls = NamedTuple(name, [(n, o[0] if isinstance(o, tuple) else o) for n, o in fields.items()])
    defaults = [o[1] for o in fields.values() if isinstance(o, tuple)]
    cls.__new__.__defaults__ = tuple(defaults)
    return cls


def an_attrs_class(name, fields):
    return attrs.make_class(name, {n: attrs.field(type=o[0], default=o[1]) if isinstance(o, tuple) else attrs.field(type=o) for n, o in fields.items()})


def a_struct(name, fields):
    return msgspec.defstruct(name, [(n, *o) if isinstance(o, tuple) else (n, o) for n, o in fields.items()])


def a_pydantic_model(name, fields):
    return pydantic.create_model(name, **{n: o if isinstance(o, tuple) else (o, ...) for n, o in fields.items()})


def a_pydantic_dataclass(name, fields): return pydantic.dataclasses.dataclass(a_dataclass(name, fields))


def with_body(base: type) -> Callable:
    def made(name, fields):
        body = {n: o[1] for n, o in fields.items() if isinstance(o, tuple)}
        hints = {n: o[0] if isinstance(o, tuple) else o for n, o in fields.items()}
        return type(name, (base,), {'__annotations__': hints, **body})
    made.__name__ = base.__name__
    return made


def a_plain_class(name, fields):
    named = ', '.join(f'{n}=_defaults[{n!r}]' if isinstance(o, tuple) else n for n, o in fields.items())
    body = '\n'.join(f'    self.{n} = {n}' for n in fields)
    space = {'_defaults': {n: o[1] for n, o in fields.items() if isinstance(o, tuple)}}
    exec(f'def __init__(self, {named}):\n{body}', space)
    hints = {n: o[0] if isinstance(o, tuple) else o for n, o in fields.items()}
    return type(name, (), {'__annotations__': hints, '__init__': space['__init__']})


KINDS = [a_dataclass, a_typed_dict, a_named_tuple, an_attrs_class, a_struct, a_pydantic_model, a_pydantic_dataclass, a_plain_class,
         with_body(SimpleNamespace), with_body(dict)]


def shown(o):
    if isinstance(o, list): return [shown(v) for v in o]
    if isinstance(o, (str, int, type(None))): return o
    if isinstance(o, tuple) and hasattr(o, '_asdict'): o = o._asdict()
    elif isinstance(o, msgspec.Struct): o = {k: getattr(o, k) for k in o.__struct_fields__}
    elif attrs.has(type(o)): o = attrs.asdict(o, recurse=False)
    elif not isinstance(o, dict): o = vars(o)
    return {k: shown(v) for k, v in o.items() if v is not None}


def inside(u): return [m for m in u.__args__]


PLACES: dict[str, tuple[Callable, Callable, Callable]] = {     # place → its type around a type, the body around a value, the value taken out again
    'parameter': (lambda kind, u: u, lambda v: {'x': v}, lambda o: o),
    'Optional': (lambda kind, u: Optional[u], lambda v: {'x': v}, lambda o: o),
    'list': (lambda kind, u: list[u], lambda v: {'x': [v]}, lambda o: o[0]),
    'list in a list': (lambda kind, u: list[list[u]], lambda v: {'x': [[v]]}, lambda o: o[0][0]),
    'one list or another': (lambda kind, u: Union[tuple(list[m] for m in inside(u))], lambda v: {'x': [v]}, lambda o: o[0]),
    'values of a dict': (lambda kind, u: dict[str, u], lambda v: {'k': v}, lambda o: o['k']),
    'one dict or another': (lambda kind, u: Union[tuple(dict[str, m] for m in inside(u))], lambda v: {'x': {'k': v}}, lambda o: o['k']),
    'field': (lambda kind, u: kind('Holder', {'inner': u}), lambda v: {'inner': v}, lambda o: o['inner']),
    'field of one or another': (lambda kind, u: Union[tuple(kind(f'H{i}', {'inner': m}) for i, m in enumerate(inside(u)))],
                                lambda v: {'x': {'inner': v}}, lambda o: o['inner']),
    'list in a field': (lambda kind, u: kind('Holder', {'inner': list[u]}), lambda v: {'inner': [v]}, lambda o: o['inner'][0]),
}


def by_json(app, body):
    answer = DirectClient(app).post('/f', json=body)
    return answer.text if answer.status_code == 200 else answer.json()['errors']


def by_frame(app, body):
    with DirectClient(app).websocket_connect('/ws') as ws:
        ws.send_json(body)
        return ws.receive_text()


def served(kind) -> tuple[FastHTML, list]:
    got = []
    app = FastHTML(secret_key='k')
    def f(x):
        got.append(x)
        return 'ok'
    f.__annotations__ = {'x': kind}
    app.post('/f')(f)
    app.ws('/ws', on_error=lambda errors: 'refused ' + ' '.join(f'{k}: {e}' for k, e in errors.items()))(f)
    return app, got


def name_of(o): return getattr(o, '__name__', str(o))


@each_row('send', [by_json, by_frame])
@pytest.mark.parametrize('place', PLACES)
@each_row('kind', KINDS, ids=name_of)
def test_a_union_takes_the_member_that_uses_most_of_what_was_sent(kind, place, send):
    first = kind('First', {'x': (int, 0), 'note': (str, '')})
    second = kind('Second', {'name': (str, ''), 'note': (str, '')})
    around, sent, out = PLACES[place]
    app, got = served(around(kind, Union[first, second]))
    for value in {'name': 'z'}, {'name': 'z', 'note': 'n'}, {'x': 5}, {'x': 5, 'note': 'n'}, {'note': 'n'}:
        assert send(app, sent(value)) == 'ok'
        taken = out(shown(got.pop()))
        assert {k: v for k, v in taken.items() if v or k in value} == value


@each_row('place', PLACES)
@each_row('kind', KINDS, ids=name_of)
def test_a_choice_says_which_member_it_is_and_what_is_wrong_is_said_of_that_one(kind, place):
    first = kind('First', {'op': Literal['add'], 'amount': int})
    second = kind('Second', {'op': Literal['take'], 'amount': int})
    around, sent, out = PLACES[place]
    app, got = served(around(kind, Union[first, second]))
    assert by_json(app, sent({'op': 'take', 'amount': 5})) == 'ok'
    assert out(shown(got.pop())) == {'op': 'take', 'amount': 5}
    for wrong, words in ({'op': 'take', 'amount': 'many'}, ('a whole number', "'many'")), ({'op': 'other', 'amount': 5}, ('one of: add, take', "'other'")):
        errors = [(o['expected'], o['got']) for o in by_json(app, sent(wrong))]
        assert words in errors and not got
        if kind not in (a_pydantic_model, a_pydantic_dataclass): assert set(errors) == {words}      # it names what each member would have expected


# Fields that no record has

def a_strict_struct(name, fields): return msgspec.defstruct(name, [(n, *o) for n, o in fields.items()], forbid_unknown_fields=True)


def with_config(**config):
    def a_model(name, fields): return pydantic.create_model(name, __config__=config, **fields)
    def a_class(name, fields): return pydantic.dataclasses.dataclass(a_dataclass(name, fields), config=config)
    return a_model, a_class


STRICT = [a_strict_struct, *with_config(extra='forbid')]
WAYS = {     # name → what is called with a client and a body
    'form': lambda client, body: client.post('/f', data=body), 'multipart': lambda client, body: client.post('/f', data=body, files={'_': b''}),
    'JSON': lambda client, body: client.post('/f', json=body), 'query': lambda client, body: client.get('/f', params=body),
    'PUT': lambda client, body: client.put('/f', json=body)}
FIELDS = {'x': (int, 0), 'note': (str, '')}


def handlers(kind):
    "Handlers that have a record, alone and beside what reads other fields"
    record, other = kind('Strict', FIELDS), a_dataclass('Other', {'evil': (str, '')})
    def alone(r): return shown(r)
    def beside_a_field(r, evil=''): return shown(r)
    def beside_a_record(r, o): return shown(r)
    alone.__annotations__ = {'r': record}
    beside_a_field.__annotations__ = {'r': record, 'evil': str}
    beside_a_record.__annotations__ = {'r': record, 'o': other}
    return alone, beside_a_field, beside_a_record


@each_row('way', WAYS)
@each_row('kind', STRICT, ids=name_of)
def test_a_record_that_forbids_other_fields_gets_none_silently(kind, way):
    for f in handlers(kind):
        app = FastHTML(secret_key='k')
        app.route('/f', methods=['GET', 'POST', 'PUT'])(f)
        client = DirectClient(app, headers={'accept': 'application/json'})
        body = {'x': '1', 'note': 'n'}
        if way != 'multipart': assert WAYS[way](client, body).json() == {'x': 1, 'note': 'n'}
        answer = WAYS[way](client, body | {'evil': 'e' * 1000})
        if f.__name__ == 'alone':
            errors = {o['field']: (o['expected'], o['got']) for o in answer.json()['errors']}
            assert answer.status_code == 400 and errors['evil'] == ('no such field', f"'{'e' * 60}…'")
        elif way != 'multipart': assert answer.status_code == 200, answer.text


@each_row('place', PLACES)
@each_row('kind', STRICT, ids=name_of)
def test_forbidden_fields_in_each_place(kind, place):
    around, sent, out = PLACES[place]
    app, got = served(around(a_dataclass, Union[kind('First', {'x': (int, 0)}), kind('Second', FIELDS)]))
    assert by_json(app, sent({'x': 1, 'note': 'n'})) == 'ok'
    assert out(shown(got.pop())) == {'x': 1, 'note': 'n'}
    assert {o['expected'] for o in by_json(app, sent({'x': 1, 'evil': 2}))} == {'no such field'} and not got


@each_row('way', WAYS)
@each_row('kind', with_config(extra='allow'), ids=name_of)
def test_a_record_that_allows_other_fields_gets_them(kind, way):
    got = []
    def f(r): got.append(r)
    f.__annotations__ = {'r': kind('Open', FIELDS)}
    app = FastHTML(secret_key='k')
    app.route('/f', methods=['GET', 'POST', 'PUT'])(f)
    assert WAYS[way](DirectClient(app), {'x': '1', 'more': 'm'}).status_code == 200
    assert (got[0].x, got[0].more) == (1, 'm')


# The tag of a msgspec Struct

class Deposit(msgspec.Struct, tag=True): amount: int
class Withdraw(msgspec.Struct, tag=True): amount: int
class One(msgspec.Struct, tag=1, tag_field='version', forbid_unknown_fields=True): x: int = 0
class Two(msgspec.Struct, tag=2, tag_field='version', forbid_unknown_fields=True): x: int = 0


@each_row('place', PLACES)
@each_row('union, field, right, cls', [(Union[Deposit, Withdraw], 'type', {'type': 'Withdraw', 'amount': 5}, Withdraw),
                                                      (Union[One, Two], 'version', {'version': 2, 'x': 5}, Two)], ids=['texts', 'numbers'])
def test_the_tag_of_a_struct_says_which_it_is(place, union, field, right, cls):
    around, sent, out = PLACES[place]
    kinds = []
    kind = around(a_struct, union)
    app, got = served(kind)
    assert by_json(app, sent(right)) == 'ok'
    kinds.append(got.pop())
    value = kinds[0]
    while not isinstance(value, (Deposit, Withdraw, One, Two)): value = next(iter(value.values() if isinstance(value, dict) else
                                                                                  value if isinstance(value, list) else [value.inner]))
    assert type(value) is cls
    missing = {k: v for k, v in right.items() if k != field}
    for wrong in {**right, field: 'nonsense'}, *([] if 'another' in place else [missing]):    # msgspec has no unions of lists
        errors = by_json(app, sent(wrong))
        assert errors != 'ok' and not got and {o['expected'].partition(':')[0] for o in errors} == {'one of'}, (errors, got)


def test_the_tag_of_one_struct_may_be_missing_and_must_be_right():
    assert make_cast(Deposit)({'amount': 5}) == msgspec.convert({'amount': 5}, Deposit) == Deposit(5)
    for read in make_cast(Deposit), lambda v: msgspec.convert(v, Deposit):
        with pytest.raises((BadValue, msgspec.ValidationError)): read({'type': 'Withdraw', 'amount': 5})


# Constructors that refuse

TEXT = 'the text of an error'


def refusing(base):
    def made(name, fields):
        def init(self, **given):
            if given.get('x', 0) > 5: raise ValueError(TEXT)
            base.__init__(self, **given)
        return type(name, (base,), {'__annotations__': fields, '__init__': init})
    made.__name__ = f'a {base.__name__}'
    return made


def check(o, *_):
    if o.x > 5: raise ValueError(TEXT)


class Struct(msgspec.Struct):
    x: int
    def __post_init__(self): check(self)


class Model(pydantic.BaseModel):
    x: int
    def model_post_init(self, context): check(self)


@dataclass
class Data:
    x: int
    def __post_init__(self): check(self)


@pydantic.dataclasses.dataclass
class Checked:
    x: int
    def __post_init__(self): check(self)


@attrs.define
class Attrs:
    x: int
    def __attrs_post_init__(self): check(self)


class Class:
    x: int
    def __init__(self, x):
        self.x = x
        check(self)


REFUSING = [Struct, Model, Data, Checked, Attrs, Class, refusing(SimpleNamespace)('Space', {'x': int}), refusing(dict)('Keys', {'x': int})]


@each_row('way', WAYS)
@each_row('cls', REFUSING, ids=name_of)
def test_what_a_constructor_refuses_is_bad_input(cls, way):
    def f(r): return 'ok'
    def told(r, errors): return f'{len(errors)} errors'
    f.__annotations__ = told.__annotations__ = {'r': cls}
    for handler, words in (f, {400}), (told, {422}):
        app = FastHTML(secret_key='k')
        app.route('/f', methods=['GET', 'POST', 'PUT'])(handler)
        client = DirectClient(app, raise_server_exceptions=False)
        statuses = [WAYS[way](client, {'x': x}).status_code for x in ('1', '7', 'z', '')]
        assert statuses[0] == 200 and set(statuses[1:]) == words
        if cls not in (Model, Checked): assert TEXT not in WAYS[way](client, {'x': '7'}).text   # pydantic's rule: a ValueError of the program is for the visitor


@each_row('place', PLACES)
@each_row('cls', REFUSING, ids=name_of)
def test_what_a_constructor_refuses_inside_others(cls, place):
    around, sent, out = PLACES[place]
    app, got = served(around(a_dataclass, Union[cls, a_dataclass('Other', {'y': int})]))
    assert by_json(app, sent({'x': 1})) == 'ok' and len(got) == 1
    errors = by_json(app, sent({'x': 7}))
    assert errors != 'ok' and len(got) == 1 and (cls in (Model, Checked) or TEXT not in json.dumps(errors))


# A RootModel is made of the value that it holds

class Numbers(pydantic.RootModel[list[int]]): pass
class Number(pydantic.RootModel[int]): pass
class Names(pydantic.RootModel[dict[str, int]]): pass
class Shelf(pydantic.BaseModel): root: Numbers


@dataclass
class Room: root: Numbers


ROOTS = [   # annotation, a body that is right, the value, one that is wrong and where
    (Numbers, [1, '2'], Numbers([1, 2]), [1, 'x'], 'r[1]'), (Numbers, {'r': [1]}, Numbers([1]), {'r': {'a': 1}}, 'r[0]'),
    (Number, {'r': '5'}, Number(5), {'r': 'x'}, 'r'), (Names, {'r': {'a': '1'}}, Names({'a': 1}), {'r': {'a': 'x'}}, 'r.a'),
    (list[Number], {'r': [1, 2]}, [Number(1), Number(2)], {'r': [1, 'x']}, 'r'), (Numbers | None, {'r': [1]}, Numbers([1]), {'r': ['x']}, 'r[0]'),
    (Shelf, {'root': [1]}, Shelf(root=Numbers([1])), {'root': ['x']}, 'root[0]'), (Room, {'root': [1]}, Room(Numbers([1])), {'root': ['x']}, 'root[0]'),
    (Room, {'root': 1}, Room(Numbers([1])), {'root': 'x'}, 'root[0]')]


@each_row('kind, right, value, wrong, path', ROOTS, ids=lambda o: str(o)[:30])
def test_a_root_model_is_made_of_the_value_it_holds(kind, right, value, wrong, path):
    got = []
    def f(r):
        got.append(r)
        return 'ok'
    f.__annotations__ = {'r': kind}
    app = FastHTML(secret_key='k')
    app.post('/f')(f)
    assert by_json(app, right) == 'ok' and got == [value]
    assert [o['field'] for o in by_json(app, wrong)] == [path]
    if isinstance(right, dict) and not isinstance(next(iter(right.values())), dict):
        assert DirectClient(app).post('/f', data=right).text == 'ok' and got[-1] == value


class Tree(pydantic.RootModel['list[Tree]']): pass
class Forest(pydantic.RootModel['dict[str, Forest]']): pass
class Left(pydantic.RootModel['list[Right]']): pass
class Right(pydantic.RootModel['list[Left]']): pass
class Leaves(pydantic.RootModel['list[Leaves] | int']): pass
class Garden(pydantic.BaseModel): root: Tree | None = None


@each_row('kind, right, wrong', [
    (Tree, [[], [[]]], [['x']]), (Forest, {'a': {}}, {'a': {'b': 1}}), (Left, [[[]]], [['x']]), (Left | Right, [[[]]], [[['x']]]),
    (Leaves, [1, [2]], ['x']), (list[Tree], [[[]], []], [[1]]), (dict[str, Left], {'a': [[]]}, {'a': [[1]]}),
    (Garden, {'root': [[], []]}, {'root': [[1]]}), (Tree | None, [[]], [[1]]), (Tree | int, [[]], [[{}]])], ids=lambda o: str(o)[:30])
def test_a_root_model_may_contain_itself(kind, right, wrong):
    "Judged with pydantic"
    assert make_cast(kind)(right) == pydantic.TypeAdapter(kind).validate_python(right)
    with pytest.raises(BadValue): make_cast(kind)(wrong)


# One long key is not repeated for each mistake

DEEP = dict[str, dict[str, int]]


@each_row('kind', [DEEP, list[DEEP], Annotated[DEEP, pydantic.Field(min_length=0)]], ids=str)
@each_row('holder', [None, *KINDS, *with_config(extra='forbid')], ids=name_of)
@each_row('size', [1000, 50_000, 1_900_000])
def test_a_long_key_is_shown_short(kind, holder, size):
    app, _ = served(holder('Holder', {'d': (kind, None)}) if holder else kind)
    value = {'K' * size: {f'a{i}': 'x' for i in range(20)}}
    if kind == list[DEEP]: value = [value]
    body = {'d': value, 'E' * 20_000: 1} if holder else {'x': value}
    for accept in 'application/json', 'text/html':
        answer = DirectClient(app).post('/f', json=body, headers={'accept': accept, 'hx-request': 'true'})
        assert answer.status_code == 400 and len(answer.content) < 12_000
    if size < 500_000: assert len(by_frame(app, body)) < 12_000


# pydantic is the judge of which member is meant

def a_model(random, number, depth=0):
    fields = {}
    for name in random.sample('abcde', random.randint(1, 3)):
        kind = random.choice([int, str, bool, list[int]])
        if not depth and random.random() < 0.4:
            inner = [a_model(random, number * 10 + i, 1) for i in range(3)]
            kind = random.choice([inner[0], Union[inner[1], inner[2]]])
        fields[name] = (kind | None, None) if random.random() < 0.7 else (kind, ...)
    return pydantic.create_model(f'M{number}', **fields)


def a_value(random, kind):
    members = [o for o in get_args(kind) if o is not type(None)]
    plain = {int: random.randint(0, 5), str: 'text', bool: True, list[int]: [1, 2]}
    if kind in plain: return plain[kind]
    if members: return a_value(random, random.choice(members))
    sent = {n: a_value(random, i.annotation) for n, i in kind.model_fields.items() if i.is_required() or random.random() < 0.7}
    return sent | ({'other': 1} if random.random() < 0.2 else {})


def checked(read, value):
    try: return read(value)
    except (BadValue, pydantic.ValidationError): return 'refused'


@pytest.mark.parametrize('seed', range(20))
def test_the_member_is_the_one_that_pydantic_takes(seed):
    random = Random(seed)
    for _ in range(7):
        models = [a_model(random, i) for i in range(random.randint(2, 3))]
        union = Union[tuple(models)]
        kinds = [(kind, put, make_cast(kind), pydantic.TypeAdapter(kind).validate_python) for kind, put in (
            (union, lambda v: v), (list[union], lambda v: [v]), (Optional[union], lambda v: v), (dict[str, union], lambda v: {'k': v}))]
        for value in [a_value(random, random.choice(models)) for _ in range(6)]:   # a model takes longer to make than to try
            for kind, put, ours, theirs in kinds:
                assert repr(checked(ours, put(value))) == repr(checked(theirs, put(value))), (kind, value, [m.model_fields for m in models])
