"What pip would install: a wheel made from the committed files."
import email
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.metadata import version

import pytest

from support import ROOT, committed_copy, missing


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "A wheel built in a copy, so that nothing is left in the working tree. tests/compat/test_typing.py has pip get what a build needs"
    if int(version('setuptools').partition('.')[0]) < 77:
        missing('setuptools 77', 'install what settings.ini asks for: `make check ONLY=lint`')
    source, out = committed_copy(tmp_path_factory.mktemp('source')), tmp_path_factory.mktemp('wheel')
    code = f'from setuptools import build_meta; build_meta.build_wheel({str(out)!r})'   # as pip calls it
    built = subprocess.run([sys.executable, '-c', code], cwd=source, text=True, capture_output=True)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(out.glob('*.whl'))) as archive:
        yield archive


@pytest.fixture(scope='module')
def metadata(wheel):
    return email.message_from_bytes(wheel.read(next(name for name in wheel.namelist() if name.endswith('/METADATA'))))


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    listed = subprocess.run(['git', 'ls-files', 'fasthtml'], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    packed = {name for name in wheel.namelist() if '.dist-info/' not in name}
    assert packed == {name for name in listed.splitlines() if (ROOT/name).is_file()}


def test_the_metadata_is_that_of_settings_ini(metadata):
    settings = ConfigParser(delimiters=['='])
    settings.read(ROOT/'settings.ini', encoding='utf-8')
    settings = settings['DEFAULT']
    assert metadata['Name'] == settings['lib_name']
    assert metadata['Version'] == settings['version']
    assert metadata['Requires-Python'] == f'>={settings["min_python"]}'
    assert metadata['License-Expression'] == settings['license']
    core = {line for line in metadata.get_all('Requires-Dist') if 'extra ==' not in line}
    assert core == set(settings['requirements'].split())
    assert metadata.get_payload().startswith('# fasthtml')


def test_the_wheel_carries_its_licence(wheel):
    assert any(name.endswith('/licenses/LICENSE') for name in wheel.namelist())
