"A public name is defined in one module. Where two modules must share one, the reason is written here."
import ast

import pytest

from support import ROOT

PACKAGE = ROOT/'fasthtml'
HTML_NAME = 'the name of an HTML element, which HTML has fixed'
RICHER = 'FastHTML has both: the element as it is in HTML, and one with more convenient arguments, which `common` gives'
ALLOWED = {  # Name -> the modules that define it, and why each of them must
    'A': ('html.composed html.tags', RICHER),
    'Form': ('html.composed html.tags', RICHER),
    'Script': ('html.composed html.tags', RICHER),
    'Style': ('html.composed html.tags', RICHER),
    'Search': ('html.pico html.tags', RICHER),
    'Svg': ('html.svg html.tags', RICHER),
    'Title': ('html.svg html.tags', 'SVG and HTML both have an element of that name'),
    'Body': ('html.tags http.requests', HTML_NAME + '; and the body of a request, as RFC 9110 calls it'),
    'Html': ('html.tags testing.calls', HTML_NAME + '; and the text of a frame in `fasthtml.testing`'),
    'Source': ('html.tags http.sources', HTML_NAME + '; and what a handler gets its values from'),
    'Text': ('html.svg http.texts', 'the name of an SVG element; and a built-in text in several languages'),
    'Client': ('app.app testing.client', 'the function loads the class when a client is made, so that importing `common` does not'),
    'Connection': ('http.requests realtime.connections', "our HTTPConnection of Starlette; and the life of a stream or socket"),
    'cookie': ('http.responses http.sources', '`cookie(...)` sets one; `source.cookie` marks a parameter that is read from one'),
    'show': ('html.tags workshop.jupyter', 'FastHTML has both'),
    'log': ('*', 'every module has a logger of its own'),
}


def defined(path) -> set[str]:
    "The public names that a module defines itself; what it imports is not counted"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    listed, found = set(), set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__':
            listed = {o.value for o in ast.walk(node.value) if isinstance(o, ast.Constant) and isinstance(o.value, str)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {o.id for target in targets for o in ast.walk(target) if isinstance(o, ast.Name)}
    return listed & found


@pytest.fixture(scope='module')
def modules_of() -> dict[str, set[str]]:
    "Name -> the modules that define it"
    found: dict[str, set[str]] = {}
    for path in PACKAGE.glob('*/*.py'):
        for name in defined(path):
            found.setdefault(name, set()).add('.'.join(path.relative_to(PACKAGE).with_suffix('').parts))
    return found


def test_a_public_name_is_defined_in_one_module(modules_of):
    shared = {name: modules for name, modules in modules_of.items() if len(modules) > 1}
    wrong = {name: sorted(modules) for name, modules in shared.items()
             if name not in ALLOWED or ALLOWED[name][0] != '*' and modules != set(ALLOWED[name][0].split())}
    assert wrong == {}, 'Rename the one that programs do not use, or give the reason in this file'


def test_no_reason_is_left_for_a_name_that_is_not_shared_any_more(modules_of):
    assert [name for name in ALLOWED if len(modules_of.get(name, ())) < 2] == []
