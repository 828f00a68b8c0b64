"The rules of this project, as `CONTRIBUTING.md` states them: who may import whom, and what an import may do."
import ast
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from support import ROOT, each_row

sys.path.insert(0, str(ROOT/'tools'))
from old_paths import MOVED

PACKAGE, NOTEBOOKS = ROOT/'fasthtml', ROOT/'nbs'
API = sorted((NOTEBOOKS/'api').rglob('*.ipynb'))
# A layer imports only from those before it. `app` follows `testing`, because an app makes clients of itself
LAYERS = ['html', 'http', 'realtime', 'testing', 'app', 'workshop', '']
# Modules without a notebook: they only offer names under the import paths that programs already use
GATHERERS = {'__init__', '__main__', '_modidx', 'authmw', 'basics', 'components', 'core', 'ft', 'starlette', 'toaster', 'xtend', *MOVED}


def numbers() -> dict[str, tuple[int, int]]:
    "Module -> its layer and the number of the notebook that writes it"
    found = {}
    for path in API:
        exported = re.search(r'#\|\s*default_exp ([\w.]+)', path.read_text(encoding='utf-8'))
        assert exported, f'{path.name} does not say which module it writes (`#| default_exp name`)'
        layer = exported[1].rpartition('.')[0]
        assert path.parent == NOTEBOOKS/'api'/layer, f'{path} writes {exported[1]}: notebook and module belong in folders of one name'
        found[exported[1]] = LAYERS.index(layer), int(path.name.split('_')[0])
    return found


MODULES = numbers()


@dataclass
class Module:
    "What the rules ask of a file, without its tree, whose many objects would stay"
    imports: list[tuple[int, str, list[str]]] # Line, module and names of every import, also of those inside functions
    of_random: list[tuple[int, str]]          # Line and name of each `random.name`
    not_overloaded: list[str]                 # Functions with the parameters that none of their overloads has


@functools.cache
def module_of(path: Path) -> Module:
    found = Module([], [], [])
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom):
            found.imports.append((node.lineno, '.' * node.level + (node.module or ''), [alias.name for alias in node.names]))
        elif isinstance(node, ast.Import):
            found.imports.extend((node.lineno, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == 'random':
            found.of_random.append((node.lineno, node.attr))
        elif isinstance(node, ast.Module | ast.ClassDef):
            found.not_overloaded.extend(not_overloaded(node))
    return found


def imports(path: Path) -> list[tuple[int, str, list[str]]]: return module_of(path).imports


@functools.cache
def in_a_fresh_python(code: str) -> str:
    "What `code` prints in a process that has imported nothing of ours"
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONDONTWRITEBYTECODE'}  # compiled once, as an installed package is
    result = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, capture_output=True, env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_every_module_has_a_notebook_or_only_gathers_names():
    modules = {'.'.join(path.relative_to(PACKAGE).with_suffix('').parts) for path in PACKAGE.rglob('*.py')}
    assert {name for name in modules if not name.endswith('.__init__')} - set(MODULES) - GATHERERS == set()


def test_gatherers_define_nothing_but_lookups():
    "A gatherer may have `__getattr__` and `__dir__`, which find names; nothing else"
    for name in GATHERERS - {'_modidx', '__init__'}:  # the package's own file also warns of a namesake
        path = PACKAGE/f'{name}.py'
        if path.exists():
            defined = [node.name for node in ast.parse(path.read_text(encoding='utf-8')).body
                       if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)]
            assert set(defined) <= {'__getattr__', '__dir__'}, f'{name}.py defines {defined}: give it a notebook'


def file_of(module: str) -> Path: return PACKAGE/f'{module.replace(".", "/")}.py'


def imported(module: str) -> Iterator[tuple[int, str]]:
    "Line and name of every module of ours that `module` imports, relative to the package"
    package = ['fasthtml', *module.split('.')[:-1]]
    for line, name, names in imports(file_of(module)):
        dots = len(name) - len(name.lstrip('.'))
        parts = package[:len(package) + 1 - dots] + [part for part in name[dots:].split('.') if part] if dots else name.split('.')
        if parts[0] != 'fasthtml':
            continue
        whole = '.'.join(parts[1:])
        if whole and file_of(whole).exists():
            yield line, whole
        else:
            for other in names:
                yield line, '.'.join([*parts[1:], other])


@each_row('module', sorted(MODULES))
def test_a_module_imports_only_from_lower_layers_and_numbers(module):
    "Also inside functions"
    for line, other in imported(module):
        if module == 'common' and other in GATHERERS:
            continue
        where = f'{module}:{line} imports {other}'
        assert other in MODULES, f'{where}, which is not written by a notebook'
        assert MODULES[other] < MODULES[module], f'{where}: {MODULES[other]} is not below {MODULES[module]}'


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    args = function.args
    return {arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]}


def not_overloaded(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    said: dict[str, set[str]] = {}
    for node in scope.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if any(isinstance(o, ast.Name) and o.id == 'overload' for o in node.decorator_list):
            said.setdefault(node.name, set()).update(parameters(node))
        elif node.name in said and (missing := parameters(node) - said[node.name]):
            yield f'no overload of {node.name} has {missing}'


@each_row('module', sorted(MODULES))
def test_overloads_name_every_parameter_that_there_is(module):
    "Else a type checker refuses what works: `@app.live(presence=...)` was such a case"
    assert module_of(file_of(module)).not_overloaded == []


@each_row('module', sorted(MODULES))
def test_only_common_imports_stars(module):
    stars = [line for line, _, names in imports(file_of(module)) if '*' in names]
    assert module == 'common' or not stars, f'{module} has a star import in line {stars}'


@each_row('module', sorted(set(MODULES) - {'html.element'}))   # there it is an option of a helper for tests
def test_a_program_that_seeds_random_gets_its_own_sequence(module):
    "And a thousand processes with one seed do not reconnect in the same instant: our numbers come from the system"
    shared = [(line, name) for line, name in module_of(file_of(module)).of_random if name != 'SystemRandom']
    assert not shared and 'random' not in [name for _, name, names in imports(file_of(module)) if names], shared


def test_html_needs_no_server():
    "Neither Starlette nor asyncio is loaded by a module of the layer `html`; the first that does is named"
    names = [f'fasthtml.{name}' for name, (layer, _) in sorted(MODULES.items()) if layer == 0]
    assert len(names) > 10
    code = f"""
import importlib, sys
for name in {names}:
    importlib.import_module(name)
    if loaded := {{"starlette", "asyncio", "uvicorn"}} & set(sys.modules):
        print(name, loaded)
        break
"""
    assert in_a_fresh_python(code) == ''


def test_importing_everything_patches_nothing():
    "G1: every class and function of Starlette and uvicorn is the same before and after"
    code = '''
import importlib, inspect, pkgutil, sys
import starlette, uvicorn, anyio, markupsafe

def load(package):
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        try: importlib.import_module(info.name)
        except ImportError: pass   # optional parts
        except SystemExit: pass    # __main__

for package in starlette, uvicorn:
    load(package)

def snapshot():
    seen = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("starlette", "uvicorn"):
            for key, value in vars(module).items():
                if key.startswith("__"): continue
                seen[name, key] = id(value)
                if isinstance(value, dict):
                    seen[name, key, "items"] = [(k, id(v)) for k, v in value.items() if isinstance(k, str)]
                if inspect.isclass(value) and value.__module__.split(".")[0] in ("starlette", "uvicorn"):
                    for attr, member in vars(value).items():
                        if not attr.startswith("_abc_"): seen[name, key, attr] = id(member)
    return seen

before = snapshot()
import fasthtml.common, fasthtml.core, fasthtml.components
after = snapshot()
print([key for key in before if before[key] != after.get(key)], [key for key in after if key not in before])
'''
    if not (PACKAGE/'common.py').exists():
        pytest.fail('fasthtml.common is not there yet')
    assert in_a_fresh_python(code) == '[] []'


def loaded_by_the_entry_point() -> list[str]:
    return in_a_fresh_python('import sys, fasthtml.common; print(*sys.modules)').split()


NOT_FOR_ALL = '''fastcore.xml fastcore.test fastlite httpx2 starlette.testclient IPython uvicorn websockets redis oauthlib jwt google
    turbohtml sqlite3 xml.sax pydantic msgspec pdb unittest tkinter'''.split()


def test_importing_the_entry_point_loads_nothing_that_few_programs_need():
    "What it loads decides how long it takes (`python -X importtime` shows that), and does not depend on how busy a machine is"
    loaded = loaded_by_the_entry_point()
    assert 'starlette.routing' in loaded
    assert [name for name in NOT_FOR_ALL if name in loaded] == []


def test_the_entry_point_loads_little_beside_starlette_and_fastcore():
    "Modules of others, not counting what Starlette and fastcore load themselves, and what is built into Python"
    loaded = loaded_by_the_entry_point()
    theirs = [name for name in loaded if name.split('.')[0] in ('starlette', 'fastcore', 'anyio')]
    without = in_a_fresh_python(f'import sys, {", ".join(theirs)}; print(*sys.modules)').split()
    others = {name.split('.')[0] for name in {*loaded} - {*without}} - {'fasthtml', *sys.builtin_module_names}
    assert others <= {'decimal', '_decimal', 'markupsafe', 'sysconfig'}, f'{sorted(others)}: import them where they are used'


def test_names_load_lazily_from_the_package():
    "`from fasthtml import ft` works, and loads no server"
    assert in_a_fresh_python('import sys; from fasthtml import ft; print("starlette" in sys.modules)') == 'False'


@functools.cache
def cells(path: Path) -> list[dict]: return json.loads(path.read_text(encoding='utf-8'))['cells']


ALL_NOTEBOOKS = sorted(path for path in NOTEBOOKS.rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts)


@each_row('path', ALL_NOTEBOOKS, lambda path: path.stem)
def test_a_notebook_begins_with_its_title_and_one_sentence(path):
    first = next(''.join(cell['source']) for cell in cells(path) if cell['cell_type'] == 'markdown')
    assert re.match(r'# [A-Z]|# fasthtml\n', first), f'The title of {path.name} begins with a capital: {first[:80]!r}'
    assert re.match(r'# \S[^\n]*\n+> \S', first), f'{path.name} begins with {first[:80]!r}'
    after = re.sub(r'(?m)^(#|>|- keywords:) .*\n?', '', first).strip()
    assert not after, f'{path.name}: nbdev drops what follows in the cell of the title; make a cell of it: {after[:80]!r}'


@each_row('path', ALL_NOTEBOOKS, lambda path: path.stem)
def test_a_notebook_is_clean(path):
    "No run numbers, no tracebacks, and metadata that names only the kernel"
    notebook = json.loads(path.read_text(encoding='utf-8'))
    assert set(notebook['metadata']) == {'kernelspec'}
    for cell in notebook['cells']:
        assert cell.get('execution_count') is None
        for output in cell.get('outputs', []):
            assert output['output_type'] != 'error', ''.join(output['traceback'])


@each_row('path', API, lambda path: path.stem)
def test_exported_cells_are_short(path):
    "A cell that a reader takes in at one look: most have 5 to 25 lines, a whole class may have 75 that are not blank"
    for cell in cells(path):
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'code' and re.match(r'#\|\s*exports?\b', source):
            lines = sum(1 for line in source.splitlines() if line.strip())
            assert lines <= 75, f'{path.name}, cell {cell["id"]}: {lines} lines, beginning with {source[:120]!r}'


@each_row('path', ALL_NOTEBOOKS, lambda path: path.stem)
def test_imports_have_cells_of_their_own(path):
    "The documentation is built by running every cell that has an import, and hardly any other"
    only = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for cell in cells(path):
        source = ''.join(cell['source'])
        if cell['cell_type'] != 'code' or 'import' not in source:
            continue
        if re.match(r'#\|\s*(export|exports|exporti|exec_doc|eval: false)\b', source):
            continue
        tree = ast.parse(re.sub(r'(?m)^[%!].*$', '', source))
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree)):
            mixed = [ast.unparse(node) for node in tree.body if not isinstance(node, only) and not (
                isinstance(node, ast.With) and all(isinstance(inner, ast.ImportFrom) for inner in node.body))]
            assert not mixed, f'{path.name}, cell {cell["id"]}: imports together with {mixed[0][:100]!r}'


HIDDEN = re.compile(r'#\|\s*(hide|hide_input|echo:\s*false|include:\s*false)\b')
# Notebooks whose visible cells still use names from hidden ones. A notebook leaves this table when it is mended; none is added
USES_HIDDEN_NAMES = {*'deploy http2'.split()}
NO_HIDDEN_NAMES = [path for path in ALL_NOTEBOOKS if re.sub(r'^[0-9]+_', '', path.stem) not in USES_HIDDEN_NAMES]


def bound(tree: ast.AST) -> set[str]:
    "Every name that some code gives a value to"
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name): found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name): found.add(name)
            case ast.ExceptHandler(name=str(name)): found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names): found |= {o.asname or o.name.partition('.')[0] for o in names}
    return found


def defined(tree: ast.Module) -> set[str]:
    "The names that a cell leaves behind: of a function or class its own name only"
    blocks = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {name for node in tree.body for name in ([node.name] if isinstance(node, blocks) else bound(node))}


def read_in(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


@each_row('path', NO_HIDDEN_NAMES, lambda path: path.stem)
def test_no_visible_cell_uses_a_name_that_only_a_hidden_one_defines(path):
    "What a reader copies from a page must run"
    hidden, visible = set(), set()
    code = [(cell, ''.join(cell['source'])) for cell in cells(path) if cell['cell_type'] == 'code']
    hides = [n for n, (_, source) in enumerate(code) if HIDDEN.match(source)]
    for n, (cell, source) in enumerate(code):
        if not hides or n > hides[-1] and not any(name in source for name in hidden): continue
        tree = ast.parse(re.sub(r'(?m)^\s*[%!].*$', '', source))
        if HIDDEN.match(source):
            hidden |= defined(tree) - visible
            continue
        named = {name for name in hidden if name in source}
        missing = sorted(named and (named & read_in(tree)) - bound(tree))
        assert not missing, f'{path.name}, cell {cell["id"]} uses {missing} of a hidden cell: show that cell (without `#| hide`)'
        visible |= defined(tree)
        hidden -= visible


def examples(path: Path) -> tuple[int, int]:
    "Of an API notebook: exported cells that define something, and visible cells that show something"
    defining = showing = 0
    for cell in cells(path):
        source = ''.join(cell['source'])
        if cell['cell_type'] != 'code' or re.match(r'#\|\s*default_exp', source) or HIDDEN.match(source):
            continue
        tree = ast.parse(re.sub(r'(?m)^\s*[%!].*$', '', source))
        if re.match(r'#\|\s*exports?\b', source):
            defines = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
            defining += any(isinstance(node, defines) for node in tree.body)
        else:
            showing += not all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    return defining, showing


@each_row('path', API, lambda path: path.stem)
def test_an_api_notebook_begins_with_its_use_executed(path):
    "The first section shows what a user does with the module, and what it gives"
    shown = cells(path)
    starts = [n for n, cell in enumerate(shown) if cell['cell_type'] == 'markdown' and re.search(r'(?m)^## ', ''.join(cell['source']))]
    assert re.search(r'(?m)^## .*', ''.join(shown[starts[0]]['source']))[0] == '## Use', f'The first section of {path.name} is *Use*'
    section = shown[starts[0]:starts[1] if len(starts) > 1 else None]
    outputs = [cell for cell in section if cell.get('outputs') and not HIDDEN.match(''.join(cell['source']))]
    assert outputs, f'*Use* of {path.name} shows no result'


def test_api_notebooks_have_more_examples_than_definitions():
    "1.2 for each exported cell that defines something: a page of signatures teaches nothing. Show a hidden check, or add an example"
    counts = {path.stem: examples(path) for path in API}
    defining, showing = (sum(column) for column in zip(*counts.values(), strict=True))
    fewest = sorted(counts, key=lambda name: counts[name][1] / max(counts[name][0], 1))[:8]
    ratio = showing / defining
    assert ratio >= 1.2, f'{showing} examples for {defining} exported cells: {ratio:.2f}. The fewest have {", ".join(fewest)}'


def wide_lines(path: Path) -> list[str]:
    "The lines of code, outside of folded sections and cells, that go beyond the box that a page shows them in"
    found, folded = [], False
    for cell in cells(path):
        source = ''.join(cell['source'])
        if heading := re.match('## (.*)', source): folded = heading[1] == 'Internals'
        if folded: continue
        if cell['cell_type'] == 'markdown':
            source = '\n'.join(re.findall(r'(?ms)^```\w*\n(.*?)^```', source))
        elif re.match(r'#\|', source):  # exported, hidden or folded
            continue
        found += [line for line in source.splitlines() if len(line) > 111]
    return found


def test_code_that_a_page_shows_is_no_wider_than_its_box():
    "A window of 1280 pixels shows 111 columns; the rest is behind a scroll bar"
    wide = {path.stem: lines for path in ALL_NOTEBOOKS if (lines := wide_lines(path))}
    assert wide == {}, 'Break these lines in the notebook'


def text_files() -> list[Path]:
    "Everything that is committed and can be read"
    listed = subprocess.run(['git', 'ls-files'], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    paths = [ROOT/name for name in listed.splitlines()]
    return [path for path in paths if path.is_file() and path.suffix not in ('.png', '.webp', '.ico', '.jpg', '.woff2')]


def test_no_file_names_a_place_on_somebodys_machine():
    places = re.compile(r'(?<![\w./])/(?:root|home/\w+|work|Users/\w+)/[\w.]')
    found = [f'{path.relative_to(ROOT)}: {match.group()}' for path in text_files() if path != Path(__file__)
             for match in places.finditer(path.read_text(encoding='utf-8'))]
    assert not found


def test_links_between_files_lead_somewhere():
    broken = []
    for path in ROOT.glob('*.md'):
        for target in re.findall(r'\]\((?!https?:|mailto:|#)([^)\s#]+)', path.read_text(encoding='utf-8')):
            if not (path.parent/target).exists():
                broken.append(f'{path.name}: {target}')
    assert not broken


def test_every_invariant_names_a_test_that_exists():
    "Each line ends with the name by which pytest runs it"
    text = '\n'.join(''.join(cell['source']) for cell in cells(NOTEBOOKS/'explains'/'design.ipynb'))
    lines = [line for line in text.splitlines() if re.match(r'- \*\*\w\d\*\* ', line)]
    assert lines
    for line in lines:
        named = re.search(r'<small>`(tests/\S+\.py)::(test_\w+)`</small>$', line)
        assert named, line
        functions = re.findall(r'(?m)^(?:async )?def (\w+)', (ROOT/named[1]).read_text(encoding='utf-8'))
        assert named[2] in functions, f'there is no {named[2]} in {named[1]}: the design page names the test of {line[4:6]}'


def test_every_page_of_the_documentation_is_in_the_sidebar_once():
    "A page that is missing there is found by a search or a link at best"
    def names(contents) -> Iterator[str]:
        for item in [contents] if isinstance(contents, str) else contents:
            if isinstance(item, str): yield from sorted(str(path.relative_to(NOTEBOOKS)) for path in NOTEBOOKS.glob(item))
            elif 'section' in item: yield from names(item['contents'])
            else: yield item['href']

    website = yaml.safe_load((NOTEBOOKS/'_quarto.yml').read_text(encoding='utf-8'))['website']
    listed = [*names(website['sidebar']['contents'])]
    pages = [path for path in NOTEBOOKS.rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts]
    assert sorted(listed) == sorted(str(path.relative_to(NOTEBOOKS)) for path in pages)


def test_the_readme_begins_with_the_two_commands():
    "`make run` and `make test` are all that a stranger with a copy needs"
    readme = (ROOT/'README.md').read_text(encoding='utf-8')
    first = re.search(r'^```[^\n]*\n(.*?)^```', readme, re.M | re.S)
    assert first and [line.split('#')[0].strip() for line in first[1].splitlines()] == ['make run', 'make test']
