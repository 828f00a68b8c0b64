"""Write fasthtml/highlight.json: the checksum of every language and style of highlight.js, from its npm package.

Usage: python tools/highlight.py [version]     (needs npm; without a version, the one in the asset table)
"""
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from fasthtml.htmx import assets

PACKAGE = '@highlightjs/cdn-assets'
TARGET = Path(__file__).parent.parent / 'fasthtml' / 'highlight.json'


def digest(data: bytes) -> str: return base64.b64encode(hashlib.sha384(data).digest()).decode()


def table(tar: tarfile.TarFile, folder: str, end: str) -> dict[str, str]:
    "name → SHA-384 of the files of one folder (not of those in folders below it)"
    start = f'package/{folder}/'
    names = sorted(o for o in tar.getnames() if o.startswith(start) and o.endswith(end) and '/' not in o[len(start):])
    return {o[len(start):-len(end)]: digest(tar.extractfile(o).read()) for o in names}


def main(version: str) -> None:
    with TemporaryDirectory() as tmp:
        done = subprocess.run(['npm', 'pack', '--silent', f'{PACKAGE}@{version}'], cwd=tmp, check=True, capture_output=True, text=True)
        with tarfile.open(Path(tmp) / done.stdout.split()[-1]) as tar:
            data = dict(package=PACKAGE, version=version, languages=table(tar, 'languages', '.min.js'), styles=table(tar, 'styles', '.min.css'))
    TARGET.write_text(json.dumps(data, indent=0) + '\n', encoding='utf-8')
    print(f'{TARGET.name}: {len(data["languages"])} languages, {len(data["styles"])} styles of {version}')


if __name__ == '__main__': main(*(sys.argv[1:] or [assets['highlight'].version]))
