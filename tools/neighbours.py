"""Install the component libraries that the tests render pages with, in a folder of their own.

They name python-fasthtml, which shares our folder, as a requirement. So they are installed without their requirements,
and what they need beside FastHTML stands in the list too. `python tools/neighbours.py` does nothing when all is there.
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT/'.make/neighbours'
LIBRARIES = '''
    monsterui shad4fast faststrap fh-bootstrap fh-frankenui cjm-fasthtml-daisyui fastmdui fasthtml-basecoat fastsql
'''.split()
NEEDED = '''
    cjm-fasthtml-tailwind lucide-fasthtml mistletoe mistlefoot beautifulsoup4 soupsieve lxml markdown sqlparse
'''.split()


def pinned() -> list[str]:
    "Each package with the version that tools/constraints.txt gives it"
    lines = (ROOT/'tools/constraints.txt').read_text(encoding='utf-8').split()
    versions = {re.split('==', line)[0].lower().replace('_', '-'): line for line in lines if '==' in line}
    return [versions[name] for name in sorted(LIBRARIES + NEEDED)]


def main() -> int:
    wanted, note = '\n'.join(pinned()), FOLDER/'installed.txt'
    if note.is_file() and note.read_text(encoding='utf-8') == wanted:
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    pip = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-compile', '--disable-pip-version-check', '--no-deps']
    done = subprocess.run([*pip, '--target', str(FOLDER), *wanted.split()])
    if done.returncode == 0:
        note.write_text(wanted, encoding='utf-8')
    return done.returncode


if __name__ == '__main__':
    sys.exit(main())
