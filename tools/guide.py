"Write fasthtml/workshop/guide.md, the guide that `fasthtml docs` shows, from nbs/tutorials/guide.ipynb."
import json
from pathlib import Path

root = Path(__file__).resolve().parent.parent


def text(lines: list[str] | str) -> str:
    "Notebooks keep text as a list of lines"
    return ''.join(lines)


def shown(output: dict) -> str:
    "What a cell printed or gave, as plain text"
    if output['output_type'] == 'stream':
        return text(output['text'])
    return text(output.get('data', {}).get('text/plain', ''))


def as_markdown(notebook: dict) -> str:
    "Prose, code and results of a notebook, in order"
    parts = []
    for cell in notebook['cells']:
        source = text(cell['source']).strip()
        if cell['cell_type'] == 'markdown':
            parts.append(source)
        elif cell['cell_type'] == 'code' and source and not source.startswith('#| hide'):
            parts.append(f'```python\n{source}\n```')
            result = '\n'.join(shown(output).rstrip() for output in cell['outputs']).strip()
            if result:
                parts.append(f'```text\n{result}\n```')
    return '\n\n'.join(parts) + '\n'


if __name__ == '__main__':
    notebook = json.loads((root/'nbs'/'tutorials'/'guide.ipynb').read_text(encoding='utf-8'))
    (root/'fasthtml'/'workshop'/'guide.md').write_text(as_markdown(notebook), encoding='utf-8')
