"Signatures in the reference: lines that a window shows, and each method in one place."
import ast
import inspect
import json
import sys

import pytest
from fastcore.basics import AttrDict
from fastcore.docments import docments

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
    'a list of parameters in several lines breaks again': (
        f'def f(self, {AT}: int, {AT[:40]}: int,\n      {AT[:20]}: int) -> None:',
        f'def f(self, {AT}: int,\n    {AT[:40]}: int, {AT[:20]}: int) -> None:'),
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


# How the parameters of these are described: the elements on a page of their own, the HTTP methods at `route`, ASGI in its standard
ELSEWHERE = {('c', 'kw'), ('self', 'path', 'name', 'kwargs'), ('self', 'scope', 'receive', 'send')}


def functions():
    "The functions among `heads`, and the methods of the classes: those that the class of another library does not declare"
    for name, symbol in heads():
        if inspect.isclass(symbol):
            init = vars(symbol).get('__init__')
            yield from ((f'{name}.__init__', init),)*inspect.isfunction(init)
        else:
            cls, _, method = name.rpartition('.')
            theirs = [vars(o) for o in getattr(common, cls).__mro__ if not o.__module__.startswith('fasthtml.')] if cls else []
            function = inspect.unwrap(getattr(symbol, '__func__', symbol))
            if inspect.isfunction(function) and name != '__getattr__' and not any(method in names for names in theirs):
                yield name, function


def undescribed(function) -> list[str]:
    "The parameters without a comment; of a plain function also `return`"
    code = function.__code__
    own = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)]
    if own in ELSEWHERE or code.co_filename == '<string>':  # the latter: written by `dataclass`
        return []
    notes = docments(function, returns=True, full=True, args_kwargs=True)
    result = [] if '.' in function.__qualname__ or notes['return'].anno in (None, 'None', inspect.Parameter.empty) else ['return']
    return [key for key in (*own, *result) if key not in ('self', 'cls') and not notes[key].docment]


def test_every_parameter_of_what_common_brings_is_described():
    found = {name: undescribed(function) for name, function in functions()}
    assert len(found) > 250
    assert undescribed(heads) == [] and undescribed(undescribed) == ['function', 'return']
    assert {name: keys for name, keys in found.items() if keys} == {}


CELLS = {  # an exported cell → what the page shows of it: nothing, all, or the summary of what is folded
    'import os\nlog = getLogger()': None,
    'if TYPE_CHECKING:\n    from a import B' + '\n    import c'*9: None,
    'def public(): pass': None,   # it has an entry
    'from a import *': 'all',
    'few = 1': 'all',
    f'wide = "{AT*3}"': 'Source: wide',
    '_a = 1\ndef _b(): pass\n_c, _d = 2, 3\n' + 'use(_a)\n'*9: 'Source: _a, _b, _c ...',
    'if TYPE_CHECKING:\n    class Shown: pass' + '\n    x = 1'*9: 'Source: Shown, x',
}


@pytest.mark.parametrize('source', CELLS)
def test_a_page_shows_of_an_exported_cell_what_a_reader_needs(source):
    cell = AttrDict(cell_type='code', directives_={'export': []}, source=source)
    reference.show_private(cell)
    shown = cell.get('source')
    assert (shown and ('all' if shown == source else shown.partition('summary: "')[2].partition('"')[0])) == CELLS[source]


def test_what_is_folded_names_what_it_defines():
    cells = [cell for path in (ROOT/'nbs'/'api').rglob('*.ipynb') for cell in json.loads(path.read_text(encoding='utf-8'))['cells']]
    exported = [''.join(cell['source'][1:]) for cell in cells if cell['cell_type'] == 'code' and cell['source'][:1] == ['#| export\n']]
    folded = [source for source in exported if not reference.has_entry(source) and not reference.is_plumbing(source)]
    assert len(folded) > 100
    assert [source for source in folded if not reference.defined(source) and 'import *' not in source] == []
