"""Write fasthtml/html/*.pyi for the modules whose functions get their signature while they run (one function for each HTML element).

Type checkers and editors read these stubs and never run the code. A function with a `__signature__` is written from it,
everything else from the source: `python tools/stubs.py`. Says what changed.
"""
import ast
import importlib
import inspect
import re
import sys
import types
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = 'html.tags', 'html.composed', 'html.pico', 'html.svg'
HEAD = '# Written by tools/stubs.py. Do not edit.\n'


def annotation(t) -> str:
    "A type as it is written"
    if isinstance(t, str): return t
    if t is inspect.Parameter.empty or t is typing.Any: return 'Any'
    if t is None or t is types.NoneType: return 'None'
    origin, args = typing.get_origin(t), typing.get_args(t)
    if origin in (typing.Union, types.UnionType): return ' | '.join(map(annotation, args))
    if origin is typing.Literal: return f'Literal[{", ".join(map(repr, args))}]'
    if t is Ellipsis: return '...'
    if origin: return f'{origin.__name__}[{", ".join(map(annotation, args))}]'
    return t.__name__


def parameter(p: inspect.Parameter) -> str:
    star = {p.VAR_POSITIONAL: '*', p.VAR_KEYWORD: '**'}.get(p.kind, '')
    return f'{star}{p.name}: {annotation(p.annotation)}' + ('' if p.default is p.empty else f' = {p.default!r}')


def made_at_run_time(name: str, f) -> str:
    "A function whose signature is only known to itself"
    sig = f.__signature__
    params, keyword_only = [], False
    for p in sig.parameters.values():
        if p.kind == p.KEYWORD_ONLY and not keyword_only and not any(o.startswith('*') for o in params): params.append('*')
        keyword_only |= p.kind == p.KEYWORD_ONLY
        params.append(parameter(p))
    doc = (inspect.getdoc(f) or '').splitlines()
    body = f'\n    {doc[0]!r}' if doc else ' ...'
    res = annotation(sig.return_annotation)
    first = f'def {name}({", ".join(params)}) -> {res}:{body}\n'
    if len(params) < 20: return first
    # `Div(**options)`: checkers compare a dict of unknown names with every keyword. The other form takes such calls
    # and no others, since it needs a keyword that no program writes. Editors, which go by the name `overload`, show the last form
    return f'@form\ndef {name}(*c: Any, _unpacked_: Any, **kw: Any) -> {res}: ...\n@form\n{first}'


def header(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    "A function of the source, without its body"
    doc = ast.get_docstring(node)
    node.body = [ast.Expr(ast.Constant(doc.splitlines()[0] if doc else ...))]
    return ast.unparse(node) + '\n'


def class_stub(node: ast.ClassDef) -> str:
    "A class of the source with the headers of its public and special methods"
    kept = []
    for o in node.body:
        if isinstance(o, ast.FunctionDef | ast.AsyncFunctionDef):
            if not o.name.startswith('_') or o.name.startswith('__'): kept.append(ast.parse(header(o)).body[0])
        elif isinstance(o, ast.AnnAssign) or isinstance(o, ast.Expr) and isinstance(o.value, ast.Constant): kept.append(o)
    node.body = kept or [ast.Expr(ast.Constant(...))]
    return ast.unparse(node) + '\n'


def assigned(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [n for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return [n.id for n in names if isinstance(n, ast.Name)]


def imports(tree: ast.AST) -> list[str]:
    "Every import of the module, those for type checkers and those inside functions too"
    return list(dict.fromkeys(ast.unparse(o) for o in ast.walk(tree) if isinstance(o, ast.Import | ast.ImportFrom)))


def with_aliases(text: str) -> str:
    "`text` with a name for each long type that many parameters share, which makes the stub a third as long"
    found = re.findall(r'(\w+): ([^:=]{26,}?) = None', text)
    aliases = {}
    for name, t in found:
        if t not in aliases and sum(o == t for _, o in found) > 20: aliases[t] = f'_{name.title().replace("_", "")}'
    for t, alias in aliases.items(): text = text.replace(f': {t} = None', f': {alias} = None')
    return ''.join(f'{alias}: TypeAlias = {t}\n' for t, alias in aliases.items()) + text


def stub(module: types.ModuleType) -> str:
    "The stub of `module`"
    tree = ast.parse(Path(module.__file__).read_text(encoding='utf-8'))
    public, out = set(module.__all__), []
    typed = imports(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.name in public or node.name == '__getattr__'):
            f = getattr(module, node.name)
            out.append(made_at_run_time(node.name, f) if hasattr(f, '__signature__') else header(node))
        elif isinstance(node, ast.ClassDef) and node.name in public: out.append(class_stub(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for name in assigned(node):
                value = getattr(module, name, None)
                if name == '__getattr__': out.append('def __getattr__(name: str) -> Callable[..., FT]: ...\n')
                elif isinstance(value, typing.TypeVar): out.append(ast.unparse(node) + '\n')
                elif name not in public: continue
                elif hasattr(value, '__signature__'): out.append(made_at_run_time(name, value))
                elif isinstance(node, ast.AnnAssign): out.append(f'{name}: {ast.unparse(node.annotation)}\n')
                else: out.append(f'{name}: {value_type(value)}\n')
    heads = ['from collections.abc import Callable, Mapping',
             'from typing import Any, Literal, TypeAlias', 'from typing import overload as form', 'from .element import FT']
    doc = f'"""{module.__doc__.strip()}"""\n' if module.__doc__ else ''
    lines = '\n'.join([*heads, *(o for o in typed if o not in heads)])
    return f"{HEAD}{doc}{lines}\n\n__all__ = {module.__all__!r}\n\n{with_aliases(''.join(out))}"


def value_type(v) -> str:
    if isinstance(v, list): return f'list[{value_type(v[0]) if v else "Any"}]'
    return 'Any' if v is None or type(v).__name__ == 'function' else type(v).__name__


def main() -> int:
    sys.path.insert(0, str(ROOT))
    for name in MODULES:
        module = importlib.import_module(f'fasthtml.{name}')
        if not any(hasattr(getattr(module, o), '__signature__') for o in module.__all__): continue
        path, text = Path(module.__file__).with_suffix('.pyi'), stub(module)
        ast.parse(text)
        if not path.exists() or path.read_text(encoding='utf-8') != text:
            path.write_text(text, encoding='utf-8')
            print(f'wrote {path.relative_to(ROOT)}')
    return 0


if __name__ == '__main__': sys.exit(main())
