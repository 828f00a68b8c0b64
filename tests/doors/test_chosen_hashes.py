"""Values that a client has chosen so that a set or a dict finds them slowly are refused, whatever makes them.

Python's hashes of numbers, and of what is made of numbers, can be worked out. `n * (2**61 - 1)` has the hash 0 for each n; and a
dict of numbers without two equal hashes may be as slow, since it looks for a place by their last bits.
"""
import json
import typing
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, make_dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from re import Pattern
from typing import Annotated, Any, NamedTuple, NewType
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, Field, Json, SecretStr
from typing_extensions import TypeAliasType, TypedDict

from client_kit import DirectClient
from fasthtml.common import FastHTML
from fasthtml.http.casts import BadValue
from fasthtml.http.records import make_cast
from support import each_row

PRIME = 2**61 - 1


@dataclass(frozen=True)
class Frozen:
    a: int


class Named(NamedTuple):
    a: int


class Struct(msgspec.Struct, frozen=True):
    a: int


@attrs.frozen
class Attrs:
    a: int


class Model(BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)
    a: int


def number(n): return str(n * PRIME)
def record(n): return {'a': number(n)}


ALIKE = {       # kind → what becomes the n-th of one hash
    int: number, Decimal: number, Fraction: number, UUID: lambda n: str(UUID(int=n * PRIME)), complex: lambda n: f'{-1000003 * n}+{n}j',
    IPv6Address: lambda n: str(IPv6Address(n * PRIME)), tuple[int, str]: lambda n: [number(n), 'a'],
    Frozen: record, Named: record, Struct: record, Attrs: record, Model: record}
TEXTS = {str: str, bytes: str, tuple[str, str]: lambda n: [str(n), 'a']}     # whose hashes are random
KEYS = [int, Decimal, Fraction, UUID, complex, IPv6Address]
UNKNOWN_TO_PYDANTIC = {Struct, Attrs}


def holders(kind):
    "Name → type with a field `a` of that kind"
    yield 'dataclass', make_dataclass('D', [('a', kind)])
    yield 'TypedDict', TypedDict('T', {'a': kind})
    yield 'NamedTuple', NamedTuple('N', [('a', kind)])
    yield 'attrs', attrs.make_class('A', {'a': attrs.field(type=kind)})
    yield 'Struct', msgspec.defstruct('S', [('a', kind)])
    if not UNKNOWN_TO_PYDANTIC & {*typing.get_args(kind)}: yield 'pydantic', pydantic.create_model('M', a=(kind, ...))


def sets(kinds, frozen=(set, frozenset)):
    return [(of[kind], kind) for kind in kinds for of in frozen]


def within(name, kind, value):
    return value if name == 'itself' else {'a': value}


def read(holder, value):
    "Is it taken?"
    try: make_cast(holder)(value)
    except BadValue as e:
        assert 'at most 1' in e.faults[0].expected, e
        return False
    return True


HELD = [(name, kind, holder) for of, kind in [*sets(ALIKE), *sets(TEXTS)] for name, holder in (('itself', of), *holders(of))]


@each_row('name, kind, holder', HELD, ids=lambda o: getattr(o, '__name__', str(o)))
def test_a_set_has_a_hundred_values_of_one_hash(name, kind, holder):
    make = (ALIKE | TEXTS)[kind]
    assert read(holder, within(name, kind, [make(n) for n in range(100)]))
    assert read(holder, within(name, kind, [make(n) for n in range(50)] * 10)) or kind in (Frozen, Named, Model)
    assert read(holder, within(name, kind, [make(n) for n in range(101)])) == (kind in TEXTS)


@pytest.mark.parametrize('kind', KEYS, ids=lambda o: o.__name__)
def test_a_dict_has_a_hundred_keys_of_one_hash(kind):
    for name, holder in ('itself', dict[kind, str]), *holders(dict[kind, str]):
        for count in 100, 101:
            sent = {ALIKE[kind](n): 'x' for n in range(count)}
            assert read(holder, within(name, kind, sent)) == (count == 100), name


@pytest.mark.parametrize('of', [set[int], frozenset[float], dict[int, int], set[Annotated[int, Field(ge=0)]], set[Any]], ids=str)
def test_there_are_a_thousand_values_without_a_random_hash(of):
    for name, holder in ('itself', of), *holders(of):
        for count in 1000, 1001:
            sent = {str(n): 1 for n in range(count)} if of == dict[int, int] else list(range(count))
            assert read(holder, within(name, of, sent)) == (count == 1000), name
        if of == set[Any]: assert read(holder, within(name, of, [str(n) for n in range(5000)]))


@pytest.mark.parametrize('of', [set[str], dict[str, int], list[int], tuple[int, ...]], ids=str)
def test_of_others_there_are_as_many_as_you_like(of):
    for name, holder in ('itself', of), *holders(of):
        sent = {str(n * PRIME): 1 for n in range(5000)} if of == dict[str, int] else [str(n * PRIME) for n in range(5000)]
        assert read(holder, within(name, of, sent)), name


def slow_places(size):
    "As many numbers as a dict of `size` places takes, of which most look at most of the others before they find one"
    few, path, at = size * 2 // 5, [], 1
    while len(path) < few:
        path.append(at)
        at = (5 * at + 1) % size
    return path, [path[0] + size * n for n in range(1, 1 + size // 4)]


def test_small_numbers_may_be_slow_too():
    path, others = slow_places(8192)
    assert len(path) > 1000 and not read(dict[int, int], {str(n): 1 for n in (*path, *others)})


Ids = TypeAliasType('Ids', set[int])
Id = NewType('Id', int)


class Upper(BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=str.upper)
    xs: set[int]


class Extra(BaseModel):
    model_config = pydantic.ConfigDict(extra='allow')
    __pydantic_extra__: dict[str, set[int]]


class Tree(BaseModel):
    xs: set[int] = set()
    kids: 'list[Tree]' = []


class Root(pydantic.RootModel[set[int]]): pass


class Own(set): "A class of sets of the program's own"


class Init(BaseModel):
    xs: set[int]

    def __init__(self, **values): super().__init__(**values)


@pydantic.dataclasses.dataclass
class Data:
    xs: set[int]


def of(kind, default=...): return pydantic.create_model('M', xs=(kind, default))
def split(values, at=','): return [v for text in values for v in text.split(at)]
def splits_at(at): return of(Annotated[set[int], BeforeValidator(lambda values: split(values, at))])
def keyed(values): return {v: 1 for v in values}


EMPTY = of(set[int], Field(validation_alias=''))
PLACES = {      # what is asked for → where the values stand in what is sent
    'alias': (Upper, lambda v: {'XS': v}), 'aliases': (of(set[int], Field(validation_alias=AliasChoices('zz', 'yy'))), lambda v: {'yy': v}),
    'path': (of(set[int], Field(validation_alias=AliasPath('o', 0, 'p'))), lambda v: {'o': [{'p': v}]}),
    'extra fields': (Extra, lambda v: {'o': v}), 'itself within': (Tree, lambda v: {'kids': [{'kids': [{'xs': v}]}]}),
    'root': (Root, lambda v: v), 'pydantic dataclass': (Data, lambda v: {'xs': v}), 'own class': (Own, lambda v: list(map(int, v))),
    'list of models': (of(list[Upper]), lambda v: {'xs': [{'XS': v}]}),
    'union of models': (of(Upper | Model | None), lambda v: {'xs': {'XS': v}}),
    'type alias': (of(Ids), lambda v: {'xs': v}), 'alias itself': (Ids, lambda v: v), 'NewType': (of(set[Id]), lambda v: {'xs': v}),
    'limits of pydantic': (Annotated[set[int], Field(min_length=1)], lambda v: v),
    'limits of msgspec': (Annotated[list[set[int]], msgspec.Meta(min_length=1)], lambda v: [v]),
    'keys with limits of msgspec': (Annotated[dict[int, int], msgspec.Meta(min_length=1)], keyed),
    'JSON': (of(Json[set[int]]), lambda v: {'xs': json.dumps(v)}),
    'keys in JSON': (of(Json[dict[int, int]]), lambda v: {'xs': json.dumps(keyed(v))}),
    'JSON in JSON': (of(Json[list[Json[set[int]]]]), lambda v: {'xs': json.dumps([json.dumps(v)])}),
    'text that is split': (of(Annotated[set[int], BeforeValidator(split)]), lambda v: {'xs': ','.join(v)}),
    'text that is read': (of(Annotated[dict[int, int], BeforeValidator(json.loads)]), lambda v: {'xs': json.dumps(keyed(v))}),
    'sets in a set': (of(set[frozenset[int]]), lambda v: {'xs': [[o] for o in v]}),
    'tuples': (of(list[tuple[set[int], int]]), lambda v: {'xs': [[v, 1]]}),
    'split at spaces': (splits_at(None), lambda v: {'xs': ' '.join(v)}), 'split at bars': (splits_at('|'), lambda v: {'xs': '|'.join(v)}),
    'moved by a validator': (of(Annotated[set[int], BeforeValidator(lambda o: o[0]['a'])]), lambda v: {'xs': [{'a': v}]}),
    'own __init__': (Init, lambda v: {'xs': v}),
    'own __init__ within': (of(list[Init]), lambda v: {'xs': [{'xs': v}]}), 'empty alias': (of(list[EMPTY]), lambda v: {'xs': [{'': v}]}),
    'made of texts': (of(set[Annotated[str, pydantic.AfterValidator(int)]]), lambda v: {'xs': v}),
    'counted': (of(Counter[int]), lambda v: {'xs': {o: 1 for o in v}}),
    'bytes with units': (of(set[pydantic.ByteSize]), lambda v: {'xs': v}), 'any value': (of(set[Any]), lambda v: {'xs': list(map(int, v))})}


@each_row('place', PLACES)
def test_values_of_one_hash_are_refused_in_every_place(place):
    kind, put = PLACES[place]
    assert read(kind, put([number(n) for n in range(100)]))
    assert not read(kind, put([number(n) for n in range(101)]))


@pydantic.dataclasses.dataclass(frozen=True)
class Tea:
    name: str


def upto(count, write='t{}'.format): return [write(n) for n in range(count)]
def words(kind, read): return Annotated[kind, BeforeValidator(read)]


PROSE = 'this, that; '*1000
ORDINARY = {    # what it is → type, and values as people send them
    'texts or numbers': (set[int | str], upto(5000)), 'texts or UUIDs': (set[UUID | str], upto(5000)),
    'texts or models': (set[Model | str], upto(5000)), 'a default for texts': (set[Annotated[str, Field(max_length=9)]], upto(5000)),
    'paths': (set[Path], upto(900)), 'paths as keys': (dict[Path, int], {o: 1 for o in upto(900)}), 'secrets': (set[SecretStr], upto(900)),
    'hashable': (set[str | Hashable], upto(900)), 'patterns': (set[Pattern], upto(900)),
    'tuples': (set[tuple[Path, ...]], [[o] for o in upto(900)]),
    'texts in JSON': (set[Json[str]], upto(900, '"{}"'.format)), 'numbers in JSON': (set[Json[int]], upto(900, str)),
    'with points': (set[int], upto(900, '{}.0'.format)), 'with underscores': (set[int], upto(900, '1_{:03}'.format)),
    'after a sign': (set[words(int, lambda v: int(v[1:]))], upto(900, '#{}'.format)),
    'times': (set[datetime], upto(900, '17000{:05}'.format)),
    'fractions': (set[Fraction], upto(900, '{}/7'.format)), 'complex': (set[complex], upto(900, '{}+1j'.format)),
    'sizes': (set[pydantic.ByteSize], upto(900, '{}kb'.format)), 'records of texts': (set[Tea], [{'name': o} for o in upto(900)]),
    'addresses': (set[IPv4Address], upto(900, lambda n: f'10.0.{n >> 8}.{n & 255}')), 'made by a function': (
        set[Annotated[Tea, pydantic.PlainValidator(Tea)]], upto(900)),
    'prose': (set[Path | str], [PROSE]), 'prose of secrets': (set[SecretStr], [PROSE]), 'prose in records': (set[Tea], [{'name': PROSE}]),
    'prose that is one': (words(set[Tea], lambda v: [{'name': o} for o in v]), [PROSE]),
    'prose in parts': (words(set[int | str], split), [PROSE])}


@each_row('name', ORDINARY)
def test_ordinary_values_are_what_pydantic_makes_of_it(name):
    kind, values = ORDINARY[name]
    model, sent = pydantic.create_model('M', xs=(kind, ...)), {'xs': values}
    assert make_cast(model)(sent).xs == model.model_validate(sent).xs


def test_a_set_has_as_many_values_as_its_limits_say():
    model = of(set[int], Field(min_length=2, max_length=101))
    for values, taken in ([1, 2], True), ([1] * 200, False), ([*range(101), 1, 1], True), (range(102), False), ([[1]] * 200, False):
        try: assert make_cast(model)({'xs': [*values]}).xs == {*values} and taken
        except BadValue: assert not taken, values


def test_every_carrier_has_the_limits():
    app = FastHTML(secret_key='k')
    @app.route('/', methods=['GET', 'POST'])
    def index(xs: set[int]): return str(len(xs))
    @app.ws('/ws')
    async def message(xs: set[int], send): await send(str(len(xs)))
    client = DirectClient(app)
    for count in 100, 101:
        values, status = [number(n) for n in range(count)], 200 if count == 100 else 400
        assert client.get('/', params={'xs': values}).status_code == status
        assert client.post('/', data={'xs': values}).status_code == status
        assert client.post('/', data={'xs': values}, files={'unused': ('a.txt', b'')}).status_code == status
        assert client.post('/', json={'xs': values}).status_code == status
        assert client.post('/', json={'xs': list(map(int, values))}).status_code == status
        with client.websocket_connect('/ws') as ws:
            for sent in values, ['1']: ws.send_text(json.dumps({'xs': sent}))
            assert ws.receive_text() == ('100' if count == 100 else '1')
