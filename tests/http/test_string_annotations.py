"Handlers whose annotations are strings, as in every module that begins with this import."
from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, NotRequired, Optional, TypedDict

import pytest
from starlette.requests import Request

from fasthtml.http.params import header, make_plan
from params_kit import Called

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Item:
    name: str
    qty: int = 1
    kind: ClassVar[str] = 'item'
    parts: list[Item] | None = None


class Options(TypedDict):
    a: int
    b: NotRequired[date]


class Pair(NamedTuple):
    a: int
    b: list[str] = []


def test_module_level_types():
    def f(n: int, item: Item, options: Options, pair: Pair, x: Annotated[str, header('X-A')], due: Optional[date] = None):  # noqa: UP045
        return n, item, options, pair, x, due

    got = Called(f).value('/?n=1&name=tea&a=2&b=2025-01-31', headers={'x-a': 'A'})
    assert got == (1, Item('tea'), {'a': 2, 'b': date(2025, 1, 31)}, Pair(2, ['2025-01-31']), 'A', None)


def test_fields_that_are_not_required():
    def f(options: Options): return options
    assert Called(f).value('/?a=2') == {'a': 2}


def test_types_local_to_the_function_around_the_handler():
    @dataclass
    class Inner:
        n: int

    @dataclass
    class Outer:
        inner: list[Inner]
        own: Item | None = None

    def f(outer: Outer, req: Request, one: Inner | None = None): return outer, req.method, one
    assert Called(f).value(json={'inner': [{'n': '1'}], 'own': {'name': 'x', 'parts': [{'name': 'y'}]}}) == (
        Outer([Inner(1)], Item('x', parts=[Item('y')])), 'POST', None)


def test_a_local_type_is_found_in_the_nearest_function():
    class Kind(str): pass
    def make():
        class Kind(int): pass
        def f(kind: Kind): return kind
        return Called(f)
    assert make().value('/?kind=5') == 5
    assert Kind('5') != 5


def test_methods_partials_wrappers_and_objects_that_build_themselves():
    class User:
        @classmethod
        def __from_request__(cls, name: str, due: date): return name, due

    class Api:
        def method(self, u: User, n: int = 3): return u, n

    def wrap(f):
        @functools.wraps(f)
        def inner(*args, **kwargs): return f(*args, **kwargs)
        return inner

    for f in (Api().method, functools.partial(Api().method, n=3), wrap(Api().method)):
        assert Called(f).value('/?name=Ann&due=2025-01-31') == (('Ann', date(2025, 1, 31)), 3)


def test_a_name_that_exists_only_for_the_type_checker_is_an_error_that_says_so():
    def f(price: Decimal): ...
    with pytest.raises(TypeError, match=r"'Decimal' in `price` of .*f \(.*test_string_annotations.py:\d+\).*TYPE_CHECKING"):
        make_plan(f)


def test_a_return_annotation_is_only_a_hint():
    def f(n: int) -> Decimal: return n
    assert make_plan(f).returns is None
    assert Called(f).value('/?n=1') == 1
