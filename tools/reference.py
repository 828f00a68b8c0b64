"""What `show_doc` writes into the documentation: a name's signature as its author wrote it, its docstring, its members
and its source; and what becomes of exported cells that `show_doc` has nothing to say about. nbdev finds `Reference` as
its `renderer` and the functions as its `doc_procs` (pyproject.toml), so any program may render the pages.
"""
import ast
import importlib
import inspect
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from nbdev.process import Processor

PACKAGE = Path(__file__).resolve().parent.parent/'fasthtml'
WIDTH = 106  # Columns of a signature that a window of 1280 pixels shows


def fence(code: str) -> str: return f'````python\n{code}\n````'


def source_of(symbol) -> str | None:
    "The dedented source text, when there is any"
    try:
        return textwrap.dedent(inspect.getsource(symbol)).rstrip()
    except (OSError, TypeError):
        return exported_source(symbol.__name__, symbol.__doc__) if inspect.isclass(symbol) else None


def exported_source(name: str, doc: str | None) -> str | None:
    "A class that a notebook cell has defined has no file; its twin in the package has. The docstring tells namesakes apart"
    for text in package_texts():
        if f'class {name}' in text and (source := classes_of(text).get((name, doc))):
            return source
    return None


@cache
def package_texts() -> tuple[str, ...]:
    return tuple(path.read_text(encoding='utf-8') for path in sorted(PACKAGE.rglob('*.py')))


@cache
def classes_of(text: str) -> dict[tuple[str, str | None], str]:
    "Name and docstring -> source of each class of a module; only modules that are asked for are parsed, and once"
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.setdefault((node.name, ast.get_docstring(node, clean=False)), '\n'.join(lines[first - 1:node.end_lineno]))
    return found


def text_before(lines: list[str], start: int, node: ast.stmt) -> str:
    "The lines from number `start` up to where `node` begins, with their comments"
    head = [*lines[start - 1:node.lineno - 1], lines[node.lineno - 1][:node.col_offset]]
    return '\n'.join(head).rstrip()


def function_head(node: ast.FunctionDef, lines: list[str]) -> str:
    """`def` line or lines, parameters' comments included, below what makes the function a property or the like.

    A function of one line has no room for a docstring: the line says it.
    """
    decorators = [f'@{ast.unparse(decorator)}' for decorator in node.decorator_list]
    told = [line for line in decorators if line in ('@property', '@cached_property', '@classmethod', '@staticmethod')]
    is_line = node.lineno == node.end_lineno and not ast.get_docstring(node) and node.name != '__init__'
    return '\n'.join([*told, lines[node.lineno - 1] if is_line else text_before(lines, node.lineno, node.body[0])])


def class_head(node: ast.ClassDef, lines: list[str], with_fields: bool) -> str:
    "The `class` line with the fields, if they make up the signature, and `__init__`'s head"
    parts = [text_before(lines, node.lineno, node.body[0])]
    for statement in node.body:
        is_field = isinstance(statement, ast.AnnAssign) and not statement.target.id.startswith('_')
        if with_fields and is_field:
            parts.append('\n'.join(lines[statement.lineno - 1:statement.end_lineno]))
        elif isinstance(statement, ast.FunctionDef) and statement.name == '__init__':
            parts.append(function_head(statement, lines))
    return '\n'.join(parts)


def written_head(symbol) -> str | None:
    "The signature as it stands in the source"
    source = source_of(symbol)
    if not source:
        return None
    try:
        node = ast.parse(source).body[0]
    except SyntaxError:
        return None
    lines = source.splitlines()
    if isinstance(node, ast.ClassDef):
        return class_head(node, lines, is_dataclass(symbol) or issubclass(symbol, tuple))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return function_head(node, lines)
    return None


def fit(head: str) -> str:
    "The same signature in lines that a window shows: long comments go on below themselves, long lists of parameters break"
    return '\n'.join(part for line in joined(head.splitlines()) for part in fit_line(line))


def joined(lines: list[str]) -> Iterator[str]:
    "Lists of parameters without comments as one line each, where a line of theirs is too long: they are broken again"
    group, depth = [], 0
    for line in lines:
        group.append(line)
        depth += sum((char in '([{') - (char in ')]}') for char in line.partition(' # ')[0])
        if depth > 0: continue
        if max(map(len, group)) > WIDTH and not any(' # ' in part for part in group):
            group = [' '.join([group[0], *(part.strip() for part in group[1:])])]
        yield from group
        group = []
    yield from group


def fit_line(line: str) -> list[str]:
    "One line of a signature, as one or several"
    if len(line) <= WIDTH:
        return [line]
    code, _, comment = line.partition(' # ')
    if comment and len(code) < WIDTH - 30:
        lead = ' '*len(code) + ' # '
        first, *rest = textwrap.wrap(comment, WIDTH - len(lead), break_on_hyphens=False)
        return [f'{code} # {first}', *(lead + part for part in rest)]
    return wrap_code(line)


def wrap_code(line: str) -> list[str]:
    "A line of code, broken behind the last comma that stands in no inner bracket"
    depth, cut, inner = 0, 0, 1 if line.lstrip().startswith(('def ', 'async def ')) else 0
    for place, char in enumerate(line[:WIDTH]):
        depth += (char in '([{') - (char in ')]}')
        if char == ',' and depth <= inner: cut = place + 1
    if not cut:
        return [line]
    rest = line[cut:].lstrip()
    indent = re.match(' *', line)[0] + ' '*4*(inner or rest.startswith('#'))
    return [line[:cut], *fit_line(indent + rest)]


def members(cls: type) -> Iterator[tuple[str, object]]:
    "Public methods and properties, with those of private bases that no entry of a public base tells of"
    seen, public = set(), [base for base in cls.__mro__[1:] if not base.__name__.startswith('_')]
    for base in cls.__mro__:
        private = base.__name__.startswith('_') and base.__module__ == cls.__module__
        if base is not cls and not (private and not any(issubclass(other, base) for other in public)):
            continue
        for name, value in vars(base).items():
            value = getattr(value, '__func__', value)  # class and static methods
            value = getattr(value, 'fget', None) or getattr(value, 'func', None) or value  # properties, cached or not
            if not name.startswith('_') and name not in seen and is_written(value, name):
                seen.add(name)
                yield name, value


def is_written(value: object, name: str) -> bool:
    """Whether a function has been written under this name, in the class: what wraps a builtin or comes from a factory
    says nothing new, and a method that `@patch` adds has an entry of its own
    """
    wrapped = getattr(value, '__wrapped__', value)
    is_own = inspect.isfunction(value) and inspect.isfunction(wrapped) and value.__name__ == name
    return is_own and not (source_of(value) or '').startswith('@patch')


class Reference:
    "The entry of one function, class or object; nbdev makes it and shows `_repr_markdown_`"

    def __init__(self, symbol, name: str | None = None, title_level: int = 3):
        self.symbol = getattr(symbol, 'fget', None) or symbol
        self.name = name or getattr(self.symbol, '__qualname__', type(self.symbol).__name__)
        self.title_level = title_level

    def _repr_markdown_(self) -> str:
        parts = [entry(self.symbol, self.name, self.title_level)]
        if inspect.isclass(self.symbol):
            parts += [entry(value, f'{self.name}.{name}', self.title_level + 1) for name, value in members(self.symbol)]
        if source := source_of(self.symbol):
            parts.append('<details class="source" data-pagefind-ignore><summary>Source</summary>\n\n'
                         f'{fence(source)}\n\n</details>')
        return '\n\n'.join(['::: {.reference}', *parts, ':::'])


def entry(symbol, name: str, level: int) -> str:
    "Heading with the anchor that nbdev's links point to, signature, docstring"
    shown = name.replace('_', r'\_')  # a name like __getattr__ is not bold
    heading = f'{"#" * level} {shown} {{#{name.lower()} .entry}}'
    head = fit(written_head(symbol) or plain_head(symbol, name))
    return '\n\n'.join(filter(None, [heading, fence(head), own_doc(symbol)]))


def plain_head(symbol, name: str) -> str:
    "The signature of what has no source, or the value of what is not called"
    if not callable(symbol):
        return f'{name}: {type(symbol).__name__}'
    try:
        return f'{name}{inspect.signature(symbol)}'
    except (TypeError, ValueError):
        return f'{name}(...)'


def own_doc(symbol) -> str:
    "The docstring, unless it only comes from a base class or from the type of a value"
    doc = inspect.cleandoc(getattr(symbol, '__doc__', None) or '')
    if not callable(symbol) and doc == inspect.getdoc(type(symbol)):
        return ''
    return re.sub(r'(`[^`]*`)|<(?=[A-Za-z/!])', lambda m: m[1] or r'\<', doc)  # `<body>` is text, and no tag of the page


class SourceOrder(Processor):
    "nbdev puts the entries of one exported cell behind it from the last to the first"
    def begin(self):
        runs = groupby(self.nb.cells, lambda cell: bool(getattr(cell, 'has_sd', False)))
        runs = [(are_entries, list(cells)) for are_entries, cells in runs]
        self.nb.cells[:] = [cell for are_entries, cells in runs for cell in (reversed(cells) if are_entries else cells)]


@cache
def meant() -> dict[str, str]:
    "For each name that has a namesake in another module, the address of the one that `fasthtml.common` offers, else ''"
    modules = importlib.import_module('fasthtml._modidx').d['syms']
    offered = vars(importlib.import_module('fasthtml.common'))
    places = defaultdict(dict)
    for module, entries in modules.items():
        for full, (address, _) in entries.items():
            places[full.removeprefix(module + '.')][module] = address

    def has_namesake(name: str) -> bool:
        "Tags are made by a function and have no entry: `Link` is one, and the connection of a broker's log is another"
        made = offered.get(name)
        elsewhere = (inspect.isfunction(made) or inspect.isclass(made)) and made.__module__ not in places[name]
        return len(places[name]) > 1 or elsewhere
    return {name: found.get(getattr(offered.get(name), '__module__', ''), '') for name, found in places.items() if has_namesake(name)}


def is_namesake(name: str, address: str) -> bool:
    "Whether a link that nbdev made leads to another one than a reader means"
    return name in meant() and not (meant()[name] and address.endswith(meant()[name]))


def unlink_private(cell) -> None:
    "nbdev links every name it knows, also within a link, namesakes, and those that begin with `_` and have no entry"
    def unlinked(markdown) -> str:
        text = markdown if isinstance(markdown, str) else ''.join(markdown)
        text = re.sub(r'\[(`(\w+)(?:\(\))?`)\]\(([^)\s]*#\w+)\)', lambda m: m[1] if is_namesake(m[2], m[3]) else m[0], text)
        text = re.sub(r'\[\[(`[^`]+`)\]\([^)\s]*\)\](?=\()', r'[\1]', text)
        return re.sub(r'\[(`[^`]+`)\]\([^)\s]*#(?:[^)\s]*\.)?_[^)\s]*\)', r'\1', text)

    if cell.cell_type == 'markdown':
        cell.source = unlinked(cell.source)
    for output in cell.get('outputs', []):
        if 'text/markdown' in output.get('data', {}):
            output['data']['text/markdown'] = unlinked(output['data']['text/markdown'])


def show_private(cell) -> None:
    """Instead of nbdev's `rm_export`, which takes all exported cells out of the page.

    What a cell defines for everybody has an entry, but a table or a helper that the text speaks of would be missing:
    such a cell is shown, folded if it is long or wide. The name of the module stands at the top.
    """
    directives = cell.directives_ or {} if cell.cell_type == 'code' else {}
    if not directives.keys() & {'export', 'exporti', 'hide', 'default_exp'}:
        return
    if 'default_exp' in directives:
        cell.cell_type, cell.source = 'markdown', f'Module `fasthtml.{"".join(directives["default_exp"])}`'
        return
    if 'export' not in directives or 'hide' in directives or has_entry(cell.source) or is_plumbing(cell.source):
        del cell['source']
    elif cell.source.count('\n') > 7 or max(map(len, cell.source.splitlines())) > WIDTH:
        cell.source = f'#| code-fold: true\n#| code-summary: "Source: {defined(cell.source)}"\n' + cell.source


def statements(source: str) -> Iterator[ast.stmt]:
    "Those of a cell; in place of an `if` or `try`, what stands in it"
    def inside(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in nodes:
            if isinstance(node, ast.If): yield from inside([*node.body, *node.orelse])
            elif isinstance(node, ast.Try): yield from inside([*node.body, *(part for o in node.handlers for part in o.body)])
            else: yield node
    return inside(ast.parse(source).body)


def defined(source: str) -> str:
    "The first names that a cell defines, for its summary"
    names = []
    for node in statements(source):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        names += [node.name] if hasattr(node, 'name') else [o.id for target in targets for o in ast.walk(target) if isinstance(o, ast.Name)]
    names = list(dict.fromkeys(names))
    return ', '.join(names[:3]) + (' ...' if len(names) > 3 else '')


def has_entry(source: str) -> bool:
    "Whether `show_doc` writes about something in this cell"
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(isinstance(node, definitions) and not re.match('_(?!_)', node.name) for node in ast.parse(source).body)


def is_plumbing(source: str) -> bool:
    "Imports, a logger, nbdev's list of names: nothing to read. A star import is what its module is about, so it is shown"
    def is_plain(node: ast.stmt) -> bool:
        if isinstance(node, ast.ImportFrom): return node.names[0].name != '*'
        return isinstance(node, ast.Import | ast.Raise) or isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ('log', '_all_')
    return all(map(is_plain, statements(source)))
