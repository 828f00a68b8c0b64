"A notebook as Markdown for pandoc, following Quarto's options for cells."
import json
import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Document:
    "A notebook's front matter and its text"
    meta: dict
    markdown: str

    @property
    def title(self) -> str: return self.meta.get('title', '')

    @property
    def description(self) -> str: return self.meta.get('description') or ''


def joined(text: str | list[str]) -> str:
    "Notebooks hold text as a string or as a list of lines"
    return text if isinstance(text, str) else ''.join(text)


def split_options(source: str) -> tuple[dict, str]:
    "The `#| name: value` lines at the top of a cell, and the code below them"
    lines, options = source.splitlines(), {}
    while lines and lines[0].startswith('#|'):
        name, _, value = lines.pop(0)[2:].partition(':')
        options[name.strip()] = yaml.safe_load(value) if value.strip() else True
    return options, '\n'.join(lines).strip('\n')


def fence(text: str, *classes: str) -> str:
    "A fenced block; the fence is longer than any run of backticks inside"
    ticks = '`' * (max([2, *map(len, re.findall('`+', text))]) + 1)
    return f'{ticks} {{{" ".join("." + name for name in classes)}}}\n{text}\n{ticks}'


def raw_html(text: str) -> str:
    return f'::: {{.cell-output}}\n```{{=html}}\n{text}\n```\n:::'


def output_markdown(output: dict, asis: bool, plain: bool) -> str:
    "One stored output. `plain` leaves HTML and pictures out, for readers of text; a drawing is described"
    kind = output['output_type']
    if kind == 'stream':
        text = joined(output['text'])
        return text if asis else fence(text.rstrip(), 'cell-output', 'default')
    if kind == 'error':
        return fence('\n'.join(output['traceback']), 'cell-output', 'default')
    data = {name: joined(value) for name, value in output.get('data', {}).items() if isinstance(value, (str, list))}
    if 'text/markdown' in data:
        return data['text/markdown'] if asis else f'::: {{.cell-output}}\n{data["text/markdown"]}\n:::'
    if plain and (described := re.match(r'<svg[^>]*><title[^>]*>(.*?)</title><desc[^>]*>(.*?)</desc>', data.get('text/html', ''))):
        return f'*Drawing: {unescape(described[1])}. {unescape(described[2])}*'
    if not plain and 'text/html' in data:
        return raw_html(data['text/html'])
    if not plain and 'image/svg+xml' in data:
        return raw_html(data['image/svg+xml'])
    if not plain and 'image/png' in data:
        return f'![](data:image/png;base64,{data["image/png"].strip()})'
    return fence(data.get('text/plain', ''), 'cell-output', 'default')


def code_markdown(cell: dict, plain: bool) -> str:
    "A code cell: its code and what it gave, as far as its options show them"
    options, code = split_options(joined(cell['source']))
    if options.get('include') is False:
        return ''
    parts = []
    if options.get('echo', True) and code:
        parts.append(fence(code, cell.get('metadata', {}).get('language', 'python')))
    if options.get('code-fold'):
        summary = options.get('code-summary', 'Code')
        parts = [f'<details><summary>{summary}</summary>\n', *parts, '\n</details>']
    if options.get('output', True):
        asis = options.get('output') == 'asis'
        parts += [output_markdown(output, asis, plain) for output in cell.get('outputs', [])]
    return '\n\n'.join(parts)


def read_notebook(path: Path, plain: bool = False) -> Document:
    "Front matter and Markdown of the notebook at `path`"
    meta, parts = {}, []
    for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
        source = joined(cell['source'])
        if cell['cell_type'] == 'raw' and source.strip().startswith('---') and not meta:
            meta = yaml.safe_load(source.strip().removeprefix('---').rsplit('---', 1)[0]) or {}
        elif cell['cell_type'] == 'markdown':
            parts.append(source)
        elif cell['cell_type'] == 'code':
            parts.append(code_markdown(cell, plain))
    return Document(meta, '\n\n'.join(filter(None, parts)))
