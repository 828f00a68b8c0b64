"""Write the modules that keep import paths of FastHTML valid: `fasthtml.svg` gives every name of `fasthtml.html.svg`.

`python tools/old_paths.py` writes `fasthtml/NAME.py` for each row of the table, and says what changed.
`core`, `components`, `xtend`, `ft`, `authmw`, `toaster` and `starlette` offer chosen names only and are written by hand.
"""
import importlib
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOVED = {  # Old path -> the module that defines its names
    'cli': 'workshop.cli', 'fastapp': 'app.fastapp', 'js': 'html.js', 'jupyter': 'workshop.jupyter',
    'live_reload': 'app.live_reload', 'oauth': 'app.oauth', 'pico': 'html.pico', 'svg': 'html.svg',
}
ALSO = {  # Old path -> more names that programs import from it, with the modules that define them
    'js': {'jsd': 'html.composed'},
    'jupyter': {'FastHTML': 'app.app', 'fast_app': 'app.fastapp'},
}
TEMPLATE = '''"Old import path of `fasthtml.{new}`. Written by tools/old_paths.py. Do not edit."
from .{package} import {module} as _module
from .{new} import (
{imports},
){more}

__all__ = [
{public},
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
'''


def wrapped(parts: list[str]) -> str:
    "Names as indented lines"
    return textwrap.indent(textwrap.fill(', '.join(parts), 116, break_long_words=False, break_on_hyphens=False), '    ')


def text_of(old: str, new: str) -> str:
    "The source of the module at an old path"
    names = sorted(importlib.import_module(f'fasthtml.{new}').__all__)
    package, module = new.split('.')
    also = ALSO.get(old, {})
    more = ''.join(f'\nfrom .{where} import {name}' for name, where in also.items())
    public = wrapped([repr(name) for name in sorted([*names, *also])])
    return TEMPLATE.format(new=new, package=package, module=module, imports=wrapped(names), more=more, public=public)


def main() -> int:
    sys.path.insert(0, str(ROOT))
    for old, new in MOVED.items():
        path, text = ROOT/f'fasthtml/{old}.py', text_of(old, new)
        if not path.exists() or path.read_text(encoding='utf-8') != text:
            path.write_text(text, encoding='utf-8')
            print(f'wrote fasthtml/{old}.py')
    return 0


if __name__ == '__main__':
    sys.exit(main())
