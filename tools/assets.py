"""Compute the checksums of all third-party files from their npm packages (needs npm and the network).

    python tools/assets.py                       say what differs; exit code 1 if anything does
    python tools/assets.py --write               write the asset table (nbs/api/html/02_htmx.ipynb) and fasthtml/html/highlight.json
    python tools/assets.py --write marked=19.0.0 the same, with another version of a package

After writing, export the notebook (`nbdev-export`) and change the same version in package.json.
"""
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK, HIGHLIGHT = ROOT/'nbs/api/html/02_htmx.ipynb', ROOT/'fasthtml/html/highlight.json'


@cache
def files(package: str, version: str) -> dict[str, bytes]:
    "Path → content of every file of an npm package; npm checks the package's own sha512"
    with TemporaryDirectory() as folder:
        done = subprocess.run(['npm', 'pack', '--silent', f'{package}@{version}'], cwd=folder, check=True, capture_output=True, text=True)
        with tarfile.open(fileobj=BytesIO((Path(folder)/done.stdout.split()[-1]).read_bytes())) as tar:
            return {o.name.partition('/')[2]: tar.extractfile(o).read() for o in tar.getmembers() if o.isfile()}


def digest(data: bytes) -> str: return base64.b64encode(hashlib.sha384(data).digest()).decode()


def new_table(table: str, versions: dict[str, str]) -> str:
    "The lines of the asset table (name, package, version, file, SHA-384), computed again"
    rows = []
    for line in table.strip().splitlines():
        name, package, version, file, _ = line.split()
        version = versions.get(package, version)
        if file not in files(package, version): sys.exit(f'{package}@{version} has no file {file}, which {name} needs.')
        rows.append(f'{name} {package} {version} {file} {digest(files(package, version)[file])}')
    return '\n' + '\n'.join(rows) + '\n'


def highlight(package: str, version: str) -> dict:
    "The languages and styles of highlight.js: name → SHA-384"
    def folder(name: str, end: str) -> dict[str, str]:
        found = {f: re.fullmatch(rf'{name}/([^/]+)\.min\.{end}', f) for f in sorted(files(package, version))}
        return {m[1]: digest(files(package, version)[f]) for f, m in found.items() if m}
    return dict(package=package, version=version, languages=folder('languages', 'js'), styles=folder('styles', 'css'))


def main(args: list[str]) -> int:
    versions = dict(o.split('=') for o in args if not o.startswith('-'))
    notebook = NOTEBOOK.read_text(encoding='utf-8')
    cells = json.loads(notebook)
    [cell] = [c for c in cells['cells'] if "_table = '''" in ''.join(c['source'])]
    source = ''.join(cell['source'])
    table = re.search(r"_table = '''(.*?)'''", source, re.S)[1]
    new = new_table(table, versions)
    [core] = [line.split() for line in new.strip().splitlines() if line.startswith('highlight ')]
    data = json.dumps(highlight(core[1], core[2]), indent=0) + '\n'
    changed = sorted(set(new.splitlines()) - set(table.splitlines()))
    if data != HIGHLIGHT.read_text(encoding='utf-8'): changed.append(HIGHLIGHT.name)
    print(*changed or ['Everything is as npm has it.'], sep='\n')
    if changed and '--write' in args:
        cell['source'] = source.replace(table, new).splitlines(keepends=True)
        NOTEBOOK.write_text(json.dumps(cells, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
        HIGHLIGHT.write_text(data, encoding='utf-8')
    return bool(changed) and '--write' not in args


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
