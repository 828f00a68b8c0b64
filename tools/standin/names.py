"The alphabetical index of public names, each with its module and a link to its entry."
import importlib
import sys
from html import escape
from itertools import groupby
from pathlib import Path

from .pages import PageText

ROOT = Path(__file__).resolve().parent.parent.parent


def public_names() -> list[tuple[str, str, str]]:
    "Name, module and address of each entry; what begins with an underscore has none"
    sys.path[:0] = [str(ROOT)]
    index = importlib.import_module('fasthtml._modidx').d['syms']
    found = []
    for module, names in index.items():
        for full, (address, _) in names.items():
            name = full.removeprefix(module + '.')
            if not any(part.startswith('_') for part in name.split('.')):
                found.append((name, module, address))
    return sorted(found, key=lambda entry: (entry[0].lower(), entry[1]))


def anchor(address: str) -> str:
    "nbdev's index begins at the top of the site"
    return address.lstrip('/')


def names_page(out: Path) -> PageText:
    "One list for each letter"
    body, contents = [], []
    for letter, entries in groupby(public_names(), key=lambda entry: entry[0][0].upper()):
        items = ''.join(f'<li><a href="{escape(anchor(address))}"><code>{escape(name)}</code></a> <small>{escape(module)}</small></li>'
                        for name, module, address in entries)
        body.append(f'<h2 id="names-{letter}">{letter}</h2><ul class="names">{items}</ul>')
        contents.append(f'<li><a href="#names-{letter}">{letter}</a></li>')
    description = 'Every public name of the package in alphabetical order, with the module that defines it.'
    return PageText('names.html', 'All names', description, ''.join(body), f'<ul>{"".join(contents)}</ul>', searchable=False)
