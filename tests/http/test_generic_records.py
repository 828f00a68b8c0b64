"Generic records of every kind: a value is what the parameters say, wherever the record stands and however it is named"
from __future__ import annotations

import dataclasses
import sys
import types
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, TypeVarTuple

import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import TypedDict

from fasthtml.http.casts import BadValue
from fasthtml.http.records import make_cast
from support import each_row

T, U, N = TypeVar('T'), TypeVar('U'), TypeVar('N', bound=int)
Ts = TypeVarTuple('Ts')


@dataclass
class Plain(Generic[T]):
    xs: T


@attrs.define
class Attrs(Generic[T]):
    xs: T


class Named(NamedTuple, Generic[T]):
    xs: T


class Typed(TypedDict, Generic[T]):
    xs: T


class Struct(msgspec.Struct, Generic[T]):
    xs: T


class Model(pydantic.BaseModel, Generic[T]):
    xs: T


@pydantic.dataclasses.dataclass
class Checked(Generic[T]):
    xs: T


KINDS = [Plain, Attrs, Named, Typed, Struct, Model, Checked]


@dataclass
class Sets(Generic[T]):
    xs: set[T]


@dataclass
class Two(Generic[U, T]):
    xs: dict[U, T]


@dataclass
class Below(Sets[int]):
    y: int = 0


@dataclass
class Renamed(Sets[U], Generic[U]):
    y: U | None = None


@dataclass
class Around(Generic[U]):
    inner: Plain[list[U]]


@dataclass
class Bounded(Generic[N]):
    xs: N


@dataclass
class Node(Generic[T]):
    xs: T
    inner: list[Node[T]]


@dataclass
class Also(Generic[T]):
    y: T


@dataclass
class Both(Plain[int], Also[str]):
    "One variable stands for two types"


@dataclass
class Other(Plain[int], Generic[T]):
    "The variable of the class is that of the one below it, which has its type already"
    y: T


@dataclass
class Left(Plain[T]):
    pass


@dataclass
class Right(Plain[T], Generic[T, U]):
    xs: U


@dataclass
class Diamond(Left[str], Right[str, int]):
    pass


@dataclass
class Several(Generic[*Ts]):
    xs: tuple[*Ts]


@dataclass
class Mixed(Generic[T, *Ts, U]):
    xs: tuple[*Ts]
    y: T
    z: U


@dataclass
class ByText(Plain['int']):
    pass


class TypedAlso(TypedDict, Generic[T]):
    y: T


class TypedBoth(Typed[int], TypedAlso[str]):
    pass


class TypedOther(Typed[int], Generic[T]):
    y: T


class StructOther(Struct[int], Generic[T]):
    y: T


Numbers, Words = (dataclasses.make_dataclass('Item', [('n', kind)]) for kind in (int, str))


@dataclass
class Alike(Generic[T]):
    "Two classes of one name"
    xs: Plain[Numbers]
    y: Plain[Words]


class Sheet(msgspec.Struct):
    rows: list[Struct[set[int]]]


@dataclass
class Started(Generic[T]):
    xs: T
    start: dataclasses.InitVar[T]
    def __post_init__(self, start): self.xs += start


def made(value): return value['xs'] if isinstance(value, dict) else value.xs


@each_row('kind', KINDS)
def test_a_value_is_what_the_parameter_says(kind):
    for ann, sent, want in (int, '5', 5), (set[int], ['5', 6], {5, 6}), (Sets[int], {'xs': ['5']}, Sets({5})):
        assert made(make_cast(kind[ann])({'xs': sent})) == want
    for ann, sent in (int, 'a'), (set[int], ['a']), (Sets[int], {'xs': ['a']}), (set[int], [n * (2**61 - 1) for n in range(101)]):
        try: assert not make_cast(kind[ann])({'xs': sent})
        except BadValue as e: assert e.faults[0].path.startswith('xs')


LIMITS = Annotated[list[Struct[set[int]]], msgspec.Meta(max_length=5)]
PLACES = {  # what names it → type, a value, the same with a mistake, and where that is
    'one below': (Below, {'xs': ['5']}, {'xs': ['a']}, 'xs'), 'two below': (Renamed[int], {'xs': ['5']}, {'xs': ['a']}, 'xs'),
    'own parameter below': (Renamed[int], {'xs': [], 'y': '5'}, {'xs': [], 'y': 'a'}, 'y'),
    'two': (Two[int, float], {'xs': {'5': '.5'}}, {'xs': {'5': 'a'}}, 'xs'),
    'list': (list[Plain[int]], [{'xs': 5}], [{'xs': 'a'}], '[0].xs'),
    'within': (Around[int], {'inner': {'xs': ['5']}}, {'inner': {'xs': ['a']}}, 'inner.xs'),
    'bound': (Bounded, {'xs': '5'}, {'xs': 'a'}, 'xs'), 'itself': (
        Node[int], {'xs': 5, 'inner': [{'xs': '5', 'inner': []}]}, {'xs': 5, 'inner': [{'xs': 'a', 'inner': []}]}, 'inner[0].xs'),
    'a variable for two types': (Both, {'xs': '5', 'y': 'a'}, {'xs': 'a', 'y': 'a'}, 'xs'),
    'a variable of two classes': (Other[str], {'xs': '5', 'y': 'a'}, {'xs': 'a', 'y': 'a'}, 'xs'),
    'and of dicts': (TypedBoth, {'xs': '5', 'y': 'a'}, {'xs': 'a', 'y': 'a'}, 'xs'),
    'of dicts, two classes': (TypedOther[str], {'xs': '5', 'y': 'a'}, {'xs': 'a', 'y': 'a'}, 'xs'),
    'of structs, two classes': (StructOther[str], {'xs': '5', 'y': 'a'}, {'xs': 'a', 'y': 'a'}, 'xs'),
    'a field of the second class': (Diamond, {'xs': '5'}, {'xs': 'a'}, 'xs'),
    'any number of types': (Several[int, int], {'xs': ['5', '6']}, {'xs': ['5', 'a']}, 'xs'),
    'some before and behind': (Mixed[str, int, str], {'xs': ['5'], 'y': 'a', 'z': 'b'}, {'xs': ['a'], 'y': 'a', 'z': 'b'}, 'xs'),
    'a parameter as text': (ByText, {'xs': '5'}, {'xs': 'a'}, 'xs'),
    'classes of one name': (Alike, {'xs': {'xs': {'n': '5'}}, 'y': {'xs': {'n': 'a'}}},
                            {'xs': {'xs': {'n': 'a'}}, 'y': {'xs': {'n': 'a'}}}, 'xs.xs.n'),
    'note without a hash': (Plain[Annotated[int, []]], {'xs': 5}, {'xs': 'a'}, 'xs'),
    'InitVar': (Started[int], {'xs': '2', 'start': '3'}, {'xs': '2', 'start': 'a'}, 'start'),
    'or none': (Plain[int] | None, {'xs': '5'}, {'xs': 'a'}, 'xs'),
    'field': (Sheet, {'rows': [{'xs': [5]}]}, {'rows': [{'xs': ['a']}]}, 'rows[0].xs'),
    'limits': (LIMITS, [{'xs': [5]}], [{'xs': ['a']}], '[0].xs'),
    'numbers of one hash': (LIMITS, [{'xs': [5]}], [{'xs': [n * (2**61 - 1) for n in range(101)]}], '[0].xs')}


@each_row('name', PLACES)
def test_the_parameters_count_in_each_place(name):
    ann, sent, wrong, where = PLACES[name]
    cast, found = make_cast(ann), ''
    assert '5' in repr(cast(sent)) and "'5'" not in repr(cast(sent)).replace("'5': ", '')
    try: cast(wrong)
    except BadValue as e: found = e.faults[0].path
    assert found == where


def test_a_union_of_one_class_with_two_parameters():
    cast = make_cast(Plain[int] | Plain[list[str]])
    assert [cast({'xs': v}).xs for v in ('5', ['a'])] == [5, ['a']]


def test_a_union_of_two_classes_of_one_name():
    cast = make_cast(Plain[Numbers] | Plain[Words])
    assert [type(cast({'xs': {'n': v}}).xs) for v in (5, 'a')] == [Numbers, Words]


def test_without_parameters_anything_is_taken():
    values: list[Any] = ['a', 5, [1]]
    assert [make_cast(Plain)({'xs': v}).xs for v in values] == values
    assert [make_cast(Several)({'xs': v}).xs for v in (['a', 'b'], [])] == [('a', 'b'), ()]


# A class that contains itself with other parameters has no end of types. pydantic's own classes are its errors, where they are defined

HEADS = {'dataclass': '@dataclass\nclass {}(Generic[T]):', 'attrs': '@attrs.define\nclass {}(Generic[T]):',
         'msgspec': 'class {}(msgspec.Struct, Generic[T]):', 'TypedDict': 'class {}(TypedDict, Generic[T]):',
         'NamedTuple': 'class {}(NamedTuple, Generic[T]):', 'constructor': 'class {}(Made, Generic[T]):'}
GROWN = {'in a union': 'Node[list[T]] | None', 'in a list': 'list[Node[dict[str, T]]]', 'through another': 'Other[T] | None',
         'twice as large': 'Node[tuple[T, T]] | None'}


class Made:
    def __init__(self, value, child): self.value, self.child = value, child


@each_row('kind', HEADS)
@each_row('place', GROWN)
def test_a_generic_class_that_grows_within_itself_is_an_error_that_says_so(kind, place):
    module = types.ModuleType(f'grown_{len(sys.modules)}')
    sys.modules[module.__name__] = module
    module.__dict__.update(globals(), __name__=module.__name__)
    for name, child in ('Node', GROWN[place]), ('Other', 'Node[set[T]]'):
        exec(f'{HEADS[kind].format(name)}\n    value: T\n    child: {child}', module.__dict__)
    for ann in module.Node[int], module.Node, list[module.Node[int]], module.Other[str] | None:
        with pytest.raises(TypeError, match=r'contains itself with other parameters .* as in (Node|Other)\[T\]\.'): make_cast(ann)


def test_many_different_parameters_of_a_generic_class_that_have_an_end_are_no_error():
    kind = int
    for _ in range(8): kind = Plain[kind]
    value = 5
    for _ in range(8): value = {'xs': value}
    assert str(make_cast(kind)(value)).count('Plain(') == 8
