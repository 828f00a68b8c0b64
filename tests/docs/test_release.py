"The release command, in a repository of its own: what it writes, builds and refuses. Nothing is downloaded."
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version

import pytest

from support import ROOT, missing

sys.path.insert(0, str(ROOT/'tools'))
from release import Refused, number, with_section

CHANGES = '# Changelog\n\n## Unreleased\n\n### Added\n\n- One.\n\n### Breaking\n\nNothing to do.\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n'


def git(folder, *arguments):
    return subprocess.run(['git', '-C', folder, *arguments], text=True, capture_output=True, check=True).stdout.strip()


def command(folder, *arguments):
    "The release command with checks and lock that do nothing"
    arguments = [sys.executable, 'tools/release.py', *arguments, '--checks', 'true', '--lock', 'true']
    return subprocess.run(arguments, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture(scope='module')
def repository(tmp_path_factory):
    "A repository with the files of this one, as they are in the working tree"
    if int(version('setuptools').partition('.')[0]) < 77:
        missing('setuptools 77', 'install what settings.ini asks for: `make check ONLY=lint`')
    folder = tmp_path_factory.mktemp('repository')
    for name in git(ROOT, 'ls-files').splitlines():
        if (ROOT/name).is_file():
            (folder/name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT/name, folder/name, follow_symlinks=False)
    for line in 'init --quiet', 'config user.name Tester', 'config user.email tester@example.org', 'add --all', 'commit --quiet -m Start':
        git(folder, *line.split())
    return folder


def test_a_release_is_one_command(repository):
    done = command(repository, '7.8.9')
    assert done.returncode == 0, done.stdout
    assert git(repository, 'describe', '--tags') == 'v7.8.9'
    assert git(repository, 'log', '-1', '--format=%s') == 'Release 7.8.9'
    assert git(repository, 'status', '--porcelain') == ''
    assert 'version = 7.8.9' in (repository/'settings.ini').read_text(encoding='utf-8')
    assert "__version__ = '7.8.9'" in (repository/'fasthtml'/'__init__.py').read_text(encoding='utf-8')
    assert '## Unreleased\n\n## 7.8.9 - 2' in (repository/'CHANGELOG.md').read_text(encoding='utf-8')
    with zipfile.ZipFile(repository/'dist'/'fasthtml-7.8.9-py3-none-any.whl') as wheel:
        assert 'fasthtml/common.py' in wheel.namelist()
    with tarfile.open(repository/'dist'/'fasthtml-7.8.9.tar.gz') as archive:
        assert 'fasthtml-7.8.9/settings.ini' in archive.getnames()
    again = command(repository, '7.8.9')
    assert again.returncode == 1 and 'released already' in again.stdout
    older = command(repository, '7.8.8')
    assert older.returncode == 1 and 'older than 7.8.9' in older.stdout


def test_what_is_not_committed_is_not_released(repository):
    (repository/'new.txt').write_text('not yet')
    done = command(repository, '99.0.0')
    (repository/'new.txt').unlink()
    assert done.returncode == 1 and 'new.txt' in done.stdout


def test_the_unreleased_changes_become_the_section_of_the_version():
    assert with_section(CHANGES, '0.2.0', '2026-02-03') == CHANGES.replace('## Unreleased\n', '## Unreleased\n\n## 0.2.0 - 2026-02-03\n', 1)


@pytest.mark.parametrize('changelog, what', [
    (CHANGES.replace('## Unreleased\n\n### Added\n\n- One.\n\n### Breaking\n\nNothing to do.\n\n', ''), 'says nothing'),
    (CHANGES.replace('### Added\n\n- One.\n\n### Breaking\n\nNothing to do.\n\n', ''), 'says nothing'),
    (CHANGES.replace('### Breaking\n\nNothing to do.\n\n', ''), 'what users must do')])
def test_a_changelog_that_does_not_say_what_users_must_do_is_refused(changelog, what):
    with pytest.raises(Refused, match=what):
        with_section(changelog, '0.2.0', '2026-02-03')


@pytest.mark.parametrize('text', ['', '1.2', 'v1.2.3', '1.2.3rc1', '01.2.3', '1.2.3.4', 'x'])
def test_a_version_is_three_numbers(text):
    with pytest.raises(Refused, match='three numbers'):
        number(text)
