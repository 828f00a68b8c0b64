"""Types that contain themselves through aliases and unions: pydantic tries each member again at each level, so its tries are counted."""
import json
from typing import Annotated, Literal, NamedTuple

import pydantic
from pydantic import AfterValidator, Field, Json, RootModel
from typing_extensions import TypeAliasType

from fasthtml.http.casts import BadValue
from fasthtml.http.records import make_cast
from support import each_row

TRIES = []


def count(value):
    TRIES.append(value)
    return value


N = Annotated[int, AfterValidator(count)]
E = TypeAliasType('E', 'N | tuple[Literal["+"], E, E] | tuple[Literal["*"], E, E]')
T = TypeAliasType('T', 'N | tuple[T] | tuple[T, ...]')
V = TypeAliasType('V', 'N | dict[int, V] | list[V] | dict[str, V]')
J = TypeAliasType('J', 'dict[str, J] | list[J] | str | N | None')


class One(NamedTuple):
    a: 'N | One | Two'


class Two(NamedTuple):
    a: 'N | One | Two'


@pydantic.dataclasses.dataclass
class Checked:
    e: E


def of(ann): return pydantic.create_model('M', e=(ann, ...))


def nested(levels, around, value=1):
    for _ in range(levels): value = around(value)
    return value


def expression(levels): return nested(levels, lambda v: ['*', v, 1])
def lists(levels): return nested(levels, lambda v: [v])
def objects(levels): return nested(levels, lambda v: {'a': v})


TYPES = {   # name → type, and a value of so many levels
    'expression': (of(E), lambda n: {'e': expression(n)}), 'list': (of(list[E]), lambda n: {'e': [expression(n)]}),
    'JSON in a text': (of(Json[E]), lambda n: {'e': json.dumps(expression(n))}), 'dataclass': (Checked, lambda n: {'e': expression(n)}),
    'root': (RootModel[E], expression), 'in order': (of(Annotated[E, Field(description='x')]), lambda n: {'e': expression(n)}),
    'tuples': (of(T), lambda n: {'e': lists(n)}), 'set': (of(set[T]), lambda n: {'e': [lists(n)]}),
    'dicts': (of(V), lambda n: {'e': objects(n)}), 'NamedTuple': (of(One | Two), lambda n: {'e': lists(n)})}


@each_row('name', TYPES)
def test_tries_are_bounded_and_few_levels_are_read(name):
    kind, make = TYPES[name]
    cast = make_cast(kind)
    assert cast(make(6))
    for levels in 18, 40:
        TRIES.clear()
        try: cast(make(levels))
        except BadValue as e: assert 'levels' in e.faults[0].expected
        else: raise AssertionError('it was read')
        assert len(TRIES) < 60_000


@each_row('make', [objects, lists])
def test_where_one_member_takes_each_value_many_levels_are_read(make):
    TRIES.clear()
    assert make_cast(of(J))({'e': make(40)}).e == make(40)
    assert len(TRIES) == 1
