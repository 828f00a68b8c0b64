"""A newcomer's first minutes, really done: a clone, no node, no root, `make run`, and the first tutorial with what that has installed.

It downloads the library's requirements into a new environment, so it is made on request: `make check ONLY=fresh`.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOBODY = 65534
MISSING = re.compile(r'node|nodejs|npm|npx|corepack|chromium.*|google-chrome.*')


def path_without_node(folder: Path) -> str:
    "A folder of links to every program of $PATH but those that a newcomer may not have"
    folder.mkdir()
    for place in map(Path, os.environ['PATH'].split(os.pathsep)):
        open_to_all = os.getuid() or all(o.stat().st_mode & 0o001 for o in (place, *place.parents) if o.exists())
        for program in place.iterdir() if place.is_dir() and open_to_all and place.parent.name != '.venv' else ():
            if not MISSING.fullmatch(program.name) and not (folder/program.name).is_symlink():
                (folder/program.name).symlink_to(program)
    return str(folder)


@contextmanager
def started(command: list[str], where: Path, env: dict[str, str], seconds: float) -> Iterator[str]:
    "The address of a server that a command starts, not as root"
    who = dict(user=NOBODY, group=NOBODY, extra_groups=[]) if os.getuid() == 0 else {}
    process = subprocess.Popen(command, cwd=where, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True, **who)
    signal.alarm(int(seconds))   # ends this program, and says so
    try:
        for line in process.stdout:
            print(line, end='', flush=True)
            if found := re.search(r'running on http://\S+:(\d+)', line):
                yield f'http://127.0.0.1:{found[1]}'
                return
        raise SystemExit(f'{" ".join(command)} ended with {process.wait()} before it served anything.')
    finally:
        signal.alarm(0)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def page(url: str) -> str:
    "What a server answers"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def tutorial() -> str:
    "The code of the first tutorial, as one file"
    cells = json.loads((ROOT/'nbs/tutorials/01_first_app.ipynb').read_text(encoding='utf-8'))['cells']
    return '\n\n'.join(''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code') + '\n\nserve(reload=False)\n'


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        home.chmod(0o755)
        clone = home/'fasthtml'
        subprocess.run(['git', 'clone', '--quiet', '--no-hardlinks', ROOT, clone], check=True)
        if os.getuid() == 0:
            for name in (clone, *clone.rglob('*')): shutil.chown(name, NOBODY, NOBODY)
        kept = {k: v for k, v in os.environ.items() if re.match(r'PIP_|UV_|SSL_|REQUESTS_|\w+_proxy$', k, re.I)}
        env = kept | {'PATH': path_without_node(home/'programs'), 'HOME': str(clone), 'PORT': '0', 'HOST': '127.0.0.1'}
        with started(['make', 'run'], clone, env, 300) as url:
            assert '<h1>' in page(url), 'the demo has no heading'
        (clone/'first').mkdir()
        (clone/'first/main.py').write_text(tutorial())
        if os.getuid() == 0: shutil.chown(clone/'first', NOBODY, NOBODY)
        with started([str(clone/'.venv/bin/python'), '-u', 'main.py'], clone/'first', env, 60) as url:
            assert 'Guest book' in page(url) and 'I was here first' in page(url), 'the guest book is not there'
    print('a clone without node and root serves the demo and the first tutorial')


if __name__ == '__main__':
    sys.exit(main())
