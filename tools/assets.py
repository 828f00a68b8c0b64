"""Check the integrities of the asset table against the npm registry: `python tools/assets.py [name ...]`

Packs each package at its exact version with `npm pack`, and compares the SHA-384 of every file with the table of the htmx room. Prints a line for
each file that differs, in the form of the table, and exits with 1.
"""
import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fasthtml.htmx import assets  # noqa: E402


def fetch(package: str, version: str, folder: str) -> tarfile.TarFile:
    "The package as npm has it"
    cmd = ['npm', 'pack', '--silent', '--pack-destination', folder, f'{package}@{version}']
    name = subprocess.run(cmd, check=True, capture_output=True, text=True).stdout.split()[-1]
    return tarfile.open(Path(folder) / name)


def sri(data: bytes) -> str: return 'sha384-' + base64.b64encode(hashlib.sha384(data).digest()).decode()


def main(names: list[str]) -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        packages: dict[tuple[str, str], tarfile.TarFile] = {}
        for a in [assets[o] for o in names or assets]:
            key = a.package, a.version
            if key not in packages: packages[key] = fetch(*key, folder)
            try: got = sri(packages[key].extractfile(f'package/{a.file}').read())
            except KeyError: got = 'missing'
            if got != a.integrity:
                wrong += 1
                print(a.name, a.package, a.version, a.file, got.removeprefix('sha384-'))
    print(f'{wrong} of {len(names or assets)} files differ')
    return bool(wrong)


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
