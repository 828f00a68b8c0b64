"""Make a release: `make release VERSION=x.y.z`. Nothing leaves this machine; the last lines say how to publish it.

The version goes into settings.ini, generated files and the lock are written, every check runs, the changelog's
section gets its number and date, the source archive and the wheel are built from the committed files alone, and a commit
and a tag are made. Whatever fails before the commit leaves only changed files: `git restore .` undoes them.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from configparser import ConfigParser
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTHING = '## Unreleased\n'


class Refused(Exception):
    "No release can be made; the message says why, and what to do"


def run(*command: str) -> None:
    "Show and run a command; its failure ends the release"
    print('$', *command, flush=True)
    if subprocess.run(command, cwd=ROOT).returncode:
        raise Refused(f'{command[0]} failed. Mend it, or undo with `git restore .`.')


def git(*arguments: str) -> str:
    return subprocess.run(['git', *arguments], cwd=ROOT, text=True, capture_output=True, check=True).stdout.strip()


def number(version: str) -> tuple[int, ...]:
    "A version as it is compared"
    if not re.fullmatch(r'(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}', version):
        raise Refused(f'A version is three numbers, as in 0.2.0; got {version!r}.')
    return tuple(map(int, version.split('.')))


def check_start(version: str, current: str) -> None:
    "Only a newer version, from a clean tree, and only once"
    if number(version) < number(current):
        raise Refused(f'{version} is older than {current}, which settings.ini states.')
    if f'v{version}' in git('tag', '--list').split():
        raise Refused(f'{version} is released already: there is a tag v{version}.')
    if changed := git('status', '--porcelain'):
        raise Refused(f'Commit or put away these changes first, so that the release is what was checked:\n{changed}')


def with_version(settings: str, version: str) -> str:
    return re.sub(r'(?m)^version = .*$', f'version = {version}', settings)


def with_section(changelog: str, version: str, day: str) -> str:
    "The unreleased changes become the section of `version`, below an empty one for what comes next"
    before, found, rest = changelog.partition(NOTHING)
    changes, following, older = rest.partition('\n## ')
    if not found or not changes.strip():
        raise Refused('CHANGELOG.md says nothing under "## Unreleased": write what users notice.')
    if '\n### Breaking\n' not in changes:
        raise Refused('CHANGELOG.md has no "### Breaking" under "## Unreleased": say what users must do, or "Nothing to do.".')
    return f'{before}{NOTHING}\n## {version} - {day}\n{changes}{following}{older}'


def build(out: Path) -> list[Path]:
    "Source archive and wheel, from a copy that has the tracked files only"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)/'source'
        for name in git('ls-files', '-z').split('\0'):
            if name and (ROOT/name).is_file():
                (copy/name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT/name, copy/name, follow_symlinks=False)
        code = f'from setuptools import build_meta as b; out = {str(out)!r}; b.build_sdist(out); b.build_wheel(out)'
        out.mkdir(exist_ok=True)
        print('$ setuptools: sdist and wheel', flush=True)
        done = subprocess.run([sys.executable, '-c', code], cwd=copy, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Refused(f'{done.stdout}\nThe build failed; it needs setuptools 77 or newer (`make lock` installs what the tools need).')
    return sorted(path for path in out.iterdir() if path.suffix in ('.gz', '.whl'))


def release(version: str, checks: str, lock: str) -> None:
    "Everything from the first check to the tag"
    settings, changelog = ROOT/'settings.ini', ROOT/'CHANGELOG.md'
    parser = ConfigParser(delimiters=['='])
    parser.read(settings, encoding='utf-8')
    check_start(version, parser['DEFAULT']['version'])
    day = datetime.now(UTC).date().isoformat()
    section = with_section(changelog.read_text(encoding='utf-8'), version, day)
    settings.write_text(with_version(settings.read_text(encoding='utf-8'), version), encoding='utf-8')
    changelog.write_text(section, encoding='utf-8')
    run(sys.executable, 'tools/sync.py')
    run(*lock.split())
    run(*checks.split())
    shutil.rmtree(ROOT/'dist', ignore_errors=True)
    built = build(ROOT/'dist')
    git('commit', '--all', '--message', f'Release {version}')
    git('tag', '--annotate', f'v{version}', '--message', f'Release {version}')
    print(f'Released {version}: {", ".join(path.name for path in built)} in dist/, commit and tag v{version}.')
    print('To publish it: git push --follow-tags, then upload dist/ to the package index.')


if __name__ == '__main__':
    parser = ArgumentParser(prog='make release', description='Make a release on this machine')
    parser.add_argument('version', nargs='?', default='', help='three numbers, as in 0.2.0')
    parser.add_argument('--checks', default=f'{sys.executable} tools/check.py', help='the command that must pass')
    parser.add_argument('--lock', default=f'{sys.executable} tools/lock.py', help='the command that writes the lock')
    options = parser.parse_args()
    os.environ.pop('GIT_DIR', None)
    try:
        release(options.version, options.checks, options.lock)
    except Refused as e:
        sys.exit(f'No release: {e}')
