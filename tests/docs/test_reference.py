"Signatures in the reference: lines that a window shows, and each method in one place."
import ast
import inspect
import sys

import pytest

from support import ROOT

sys.path.insert(0, str(ROOT/'tools'))
import reference

from fasthtml import common
from fasthtml.app.live import Regions

AT = 'a'*50
LONG = {
    'a comment goes on below itself': (
        f'def f(\n    {AT}: int, # ' + 'word '*12 + 'end\n) -> None:',
        f'def f(\n    {AT}: int, # ' + 'word '*7 + 'word\n' + ' '*60 + ' # word word word word end\n) -> None:'),
    'a comment beside a long type stands below it': (
        f'def f(\n    {AT}: dict[{AT[:30]}, int], # What it is used for\n) -> None:',
        f'def f(\n    {AT}: dict[{AT[:30]}, int],\n        # What it is used for\n) -> None:'),
    'parameters break behind a comma, and never inside of a type': (
        f'def f(self, {AT}: dict[str, int], {AT[:20]}: dict[str, {AT}]) -> None:',
        f'def f(self, {AT}: dict[str, int],\n    {AT[:20]}: dict[str, {AT}]) -> None:'),
    'what fits stays': ('def f(a: int): # A text', 'def f(a: int): # A text'),
}


@pytest.mark.parametrize('case', LONG)
def test_a_long_line_of_a_signature_breaks(case):
    head, shown = LONG[case]
    assert [line.rstrip() for line in reference.fit(head).splitlines()] == [line.rstrip() for line in shown.splitlines()]


def heads():
    "The signatures of everything that `from fasthtml.common import *` brings and this package defines"
    for name, symbol in vars(common).items():
        if getattr(symbol, '__module__', '').startswith('fasthtml.') and (inspect.isclass(symbol) or inspect.isfunction(symbol)):
            yield name, symbol
            yield from ((f'{name}.{o}', method) for o, method in (reference.members(symbol) if inspect.isclass(symbol) else ()))


def test_every_signature_fits_and_is_still_the_same_python():
    found = {name: head for name, symbol in heads() if (head := reference.written_head(symbol))}
    assert len(found) > 250
    parsed = 0
    for name, head in found.items():
        shown = reference.fit(head)
        assert max(map(len, shown.splitlines())) <= reference.WIDTH, name
        body = '\n        pass'
        try: meant = ast.dump(ast.parse(head + body))
        except SyntaxError: continue  # a class of fields, or a function of one line, takes no body
        assert ast.dump(ast.parse(shown + body)) == meant, name
        parsed += 1
    assert parsed > 200


def test_a_method_that_another_cell_adds_has_one_entry():
    assert {'signer', 'pacing'} <= dict(reference.members(Regions)).keys()
    assert 'redraw' not in dict(reference.members(Regions))
