"""Run every check, or those named on the command line, and end with one line for each.

Generated files are compared with what was there before, so the checks work in a clean clone and in the middle of work:
whatever is out of date is brought up to date, reported, and only has to be committed.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get('CI', '').lower() in ('1', 'true')
WORKERS = '7'     # many tests wait for a server or a browser: five left more than a quarter of two cores idle
MOST_AGAIN = 5    # so many failed tests may be tried again, alone; more say that the code is at fault, not a busy machine
WITHOUT_BROWSER = 'tests/http', 'tests/props', 'tests/compat', 'tests/realtime'


class Failed(Exception):
    "A check did not pass; the message says why in a line"
    status = 1   # Of the command


def run(*command: str, summary: str = '') -> str:
    "Show what a command prints while it runs; return its last line, or all from the one that begins with `summary`"
    print('$', *command, flush=True)
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = []
    for line in process.stdout:
        print(line, end='', flush=True)
        if line.strip():
            lines.append(line.strip())
    first = next((i for i, line in enumerate(lines) if summary and line.startswith(summary)), len(lines) - 1)
    last = ' '.join(lines[first:])
    if process.wait():
        failed = Failed(last or f'{command[0]} ended with {process.returncode}')
        failed.status = process.returncode
        raise failed
    return last


@contextmanager
def beside(*command: str) -> Iterator[None]:
    "A command that fills a second core meanwhile; its outcome does not count"
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try: yield
    finally: process.wait()


def digests(*patterns: str) -> dict[str, str]:
    "File name -> digest of its content, for generated files that are committed"
    files = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def unchanged(patterns: tuple[str, ...], update: Callable[[], None]) -> None:
    "Call `update`, and fail when it had something to write"
    before = digests(*patterns)
    update()
    after = digests(*patterns)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    if changed:
        raise Failed('was out of date, now rewritten; look at it and commit: ' + ' '.join(changed))


def in_sync() -> str:
    "pyproject.toml, the modules and the stubs are what settings.ini and the notebooks say; notebooks are clean"
    def update():
        run(sys.executable, 'tools/sync.py')
        run('nbdev-export')
        run(sys.executable, 'tools/old_paths.py')
        run(sys.executable, 'tools/stubs.py')
        run('nbdev-clean')
        run(sys.executable, 'tools/guide.py')
    unchanged(('pyproject.toml', 'fasthtml/workshop/guide.md', 'fasthtml/**/*.py', 'fasthtml/**/*.pyi', 'nbs/**/*.ipynb'), update)
    return 'generated files are up to date'


def lint() -> str:
    "ruff, on modules, notebooks and tools; and words that readers stumble over"
    run(sys.executable, 'tools/words.py')
    return run('ruff', 'check', '--output-format', 'concise', '.')


def notebooks() -> str:
    "Every cell of every notebook runs, and gives the output that is stored with it"
    last = ''
    def update():
        nonlocal last
        try:
            last = run('nbdev-test', '--save', '--n-workers', '2', summary='nbdev Tests Failed')
        finally:
            run('nbdev-clean')
    unchanged(('nbs/**/*.ipynb',), update)
    return last


def forget_stale_pages() -> None:
    "nbdev makes a page again when its notebook has changed; links in all others change with the index of names"
    made_with = ROOT/'.make'/'pages'
    sources = (ROOT/'fasthtml'/'_modidx.py', ROOT/'tools'/'reference.py')
    now = hashlib.sha256(b''.join(path.read_bytes() for path in sources)).hexdigest()
    if not made_with.exists() or made_with.read_text(encoding='utf-8') != now:
        shutil.rmtree(ROOT/'_proc', ignore_errors=True)
    made_with.parent.mkdir(exist_ok=True)
    made_with.write_text(now, encoding='utf-8')


def site() -> str:
    "The documentation builds, its links and API entries lead somewhere, and README.md is the index page"
    if not shutil.which('quarto'):  # tools/quarto stands in for it
        os.environ['PATH'] += os.pathsep + str(ROOT/'tools')
    forget_stale_pages()
    run('nbdev-proc-nbs', '--n-workers', '2')  # only those that changed
    with beside('pytest', '--collect-only', '--quiet', '-p', 'no:cacheprovider'):   # its workers find each test module compiled
        run('nbdev-docs', '--n-workers', '0')
        unchanged(('README.md',), lambda: run('nbdev-readme'))
        return run(sys.executable, 'tools/check_site.py', '_docs')


def failed_tests() -> list[str]:
    "Names of the tests that failed in the last run of pytest"
    noted = ROOT/'.pytest_cache'/'v'/'cache'/'lastfailed'
    return sorted(json.loads(noted.read_text(encoding='utf-8'))) if noted.exists() else []


def tests() -> str:
    "pytest: generated cases, HTTP, real time, browser, compatibility, rules of the project"
    try:
        return run('pytest', '-n', WORKERS, '--dist', 'worksteal', '--cache-clear')
    except Failed as failed:
        names = failed_tests()
        if failed.status != 1 or not 0 < len(names) <= MOST_AGAIN:   # 1: all tests ran, and some failed
            raise
        print(f'\n{len(names)} failed beside others on a busy machine. Alone:', flush=True)
        alone = run('pytest', '-n', '0', '--last-failed')
        return f'{failed}\nPassed only alone ({alone.strip("= ")}), so look for a race: {" ".join(names)}'


def newer_pythons() -> list[str]:
    "$PYTHON, else one of each version from 3.12 on that is installed, also by pyenv; else the one that runs this"
    if wanted := os.environ.get('PYTHON'):
        if not shutil.which(wanted):
            raise Failed(f'there is no {wanted}')
        return [wanted]
    pyenv = Path(os.environ.get('PYENV_ROOT', Path.home()/'.pyenv'))/'versions'
    places = [*filter(None, (shutil.which(f'python3.{minor}') for minor in range(12, 20))), *map(str, sorted(pyenv.glob('3.*/bin/python')))]
    found = {}
    for place in places:  # a shim of pyenv may be there for a version that it does not give
        ask = 'import sys, venv, ensurepip; print(sys.version_info[1])'
        answer = subprocess.run([place, '-c', ask], capture_output=True, text=True)
        if not answer.returncode and int(answer.stdout) > 11:
            found.setdefault(int(answer.stdout), place)
    return [found[minor] for minor in sorted(found)] or [sys.executable]


def newest() -> str:
    "The tests without a browser with each Python from 3.12 on (or $PYTHON) and the newest releases of everything, in own environments"
    settings = ConfigParser(delimiters=['='])
    settings.read(ROOT/'settings.ini', encoding='utf-8')
    kinds = 'requirements', 'standard_requirements', 'html_requirements', 'redis_requirements', 'db_requirements', 'dev_requirements'
    wanted = {re.split('[=<>]', name)[0] for kind in kinds for name in settings['DEFAULT'][kind].split()}
    said, failed = [], None
    for interpreter in newer_pythons():
        version = subprocess.run([interpreter, '-c', 'import platform; print(platform.python_version())'], capture_output=True, text=True)
        version = version.stdout.strip()
        python = ROOT/'.make'/f'newest-{version}'/'bin/python'
        try:
            if not python.exists():
                run(interpreter, '-m', 'venv', str(python.parent.parent))
            run(str(python), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--upgrade', *sorted(wanted))
            run(str(python), '-m', 'pip', 'list', '--disable-pip-version-check')
            last = run(str(python), '-m', 'pytest', '-n', WORKERS, '--dist', 'worksteal', *WITHOUT_BROWSER,
                       '--ignore=tests/compat/test_neighbours.py')   # those libraries are installed for the Python of `make test`
            said.append(f'{version}: {last.strip("= ")}')
        except Failed as e:
            said.append(f'{version}: {str(e).strip("= ")}')
            failed = e
    if failed:
        raise Failed('; '.join(said))
    return '; '.join(said)


def fresh() -> str:
    "A clone without node and without root: `make run`, then the first tutorial with what that has installed"
    return run(sys.executable, 'tools/fresh.py')


CHECKS = {'in-sync': in_sync, 'lint': lint, 'notebooks': notebooks, 'site': site, 'tests': tests}
ON_REQUEST = {'newest': newest, 'fresh': fresh}  # not part of the default run: they download, and what they find depends on the day
OWN_SUMMARY = {'notebooks': 'nbdev-test: ', 'tests': '', 'newest': 'newest: '}  # these tools' own last lines stand at the end, as they are


def main(names: list[str]) -> int:
    known = CHECKS | ON_REQUEST
    if unknown := set(names) - set(known):
        print(f'No such check: {", ".join(sorted(unknown))}. There are: {", ".join(known)}')
        return 2
    os.environ.setdefault('FASTHTML_TEST_TIMEOUT', '60')    # seconds: a client waits longer on a busy machine, and only for a failure
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)  # else each of the programs that tests start compiles the package again
    results = {}
    for name in names or CHECKS:
        print(f'\n== {name}: {known[name].__doc__}', flush=True)
        start = time.monotonic()
        try:
            results[name] = True, known[name](), time.monotonic() - start
        except Failed as e:
            results[name] = False, str(e), time.monotonic() - start
            print(f'{name} failed: {e}', flush=True)
    print()
    for name, (passed, line, seconds) in results.items():
        print(f'{"passed" if passed else "FAILED"} {name:<10} {seconds:6.1f} s  {"" if name in OWN_SUMMARY else line}')
    for name, prefix in OWN_SUMMARY.items():
        if name in results:
            print(prefix + results[name][1])
    return not all(passed for passed, *_ in results.values())


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
