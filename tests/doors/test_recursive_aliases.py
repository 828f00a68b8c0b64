"""Types that contain themselves through aliases and unions: pydantic tries each member again at each level, so its tries are counted."""
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal, NamedTuple

import pydantic
import pytest
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
L = TypeAliasType('L', 'N | tuple[Literal["+"], Items] | tuple[Literal["*"], Items]')
MEMBERS = ' | '.join(f'tuple[Literal["{n}"], Many]' for n in range(12))
Many = TypeAliasType('Many', MEMBERS)
Items = Annotated[Iterable[L], AfterValidator(list)]
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
        except BadValue as e: assert e.faults[0].expected.values['message'].key == 'search'
        else: raise AssertionError('it was read')
        assert len(TRIES) < 10_000


def test_few_levels_of_many_members_are_bounded_too():
    assert refused(make_cast(of(Many)), {'e': nested(5, lambda v: ['9', v], 'x')}) == 'search'


def refused(cast, sent):
    try: cast(sent)
    except BadValue as e: return e.faults[0].expected.values['message'].key


@each_row('read', [list, lambda items: ThreadPoolExecutor(1).submit(list, items).result()], ids=['same thread', 'another thread'])
def test_what_is_read_later_is_bounded_too(read):
    "The items of an `Iterable`, which pydantic reads while the handler does"
    cast = make_cast(pydantic.create_model('M', items=(Iterable[E], ...)))
    assert read(cast({'items': [expression(6)] * 200}).items)[199][0] == '*'
    items = cast({'items': [expression(40)]}).items
    TRIES.clear()
    with pytest.raises(pydantic.ValidationError, match='too many ways'): read(items)
    assert len(TRIES) < 10_000
    assert read(cast({'items': [expression(6)]}).items)


def test_what_a_constructor_of_the_program_hands_on_is_bounded_before_it_is_read_later():
    class Own(pydantic.BaseModel):
        items: Iterable[E]
        def __init__(self, **values): super().__init__(**values)
    cast = make_cast(Own)
    assert list(cast({'items': [expression(6)]}).items)[0][0] == '*'
    assert refused(cast, {'items': [expression(40)]}) == 'search'


def test_a_validator_that_reads_it_at_once_has_no_search_of_its_own():
    cast = make_cast(of(L))
    assert cast({'e': nested(4, lambda v: ['*', [v]])})
    TRIES.clear()
    assert refused(cast, {'e': nested(18, lambda v: ['*', [v]])}) == 'search'
    assert len(TRIES) < 10_000


@each_row('make', [objects, lists])
def test_where_one_member_takes_each_value_many_levels_are_read(make):
    TRIES.clear()
    assert make_cast(of(J))({'e': make(40)}).e == make(40)
    assert len(TRIES) == 1
