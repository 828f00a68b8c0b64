"The asset table says of each file what npm says: the checksum is that of the file which a page will load."
import base64
import hashlib
import json

import pytest

from fasthtml.html.htmx import asset_url, assets
from fasthtml.html.js import HighlightJS
from support import NODE_MODULES, ROOT, each_row, missing, npm_file

DEPENDENCIES = json.loads((ROOT/'package.json').read_text(encoding='utf-8'))['dependencies']
SPECS = [version.removeprefix('npm:') if version.startswith('npm:') else f'{name}@{version}' for name, version in DEPENDENCIES.items()]
PINNED = {(package, version) for package, _, version in (o.rpartition('@') for o in SPECS)}   # (package, version)
CHECKED = [o.name for o in assets.values() if (o.package, o.version) in PINNED]


def sri(path): return 'sha384-' + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


@pytest.fixture(autouse=True)
def packages():
    if not NODE_MODULES.is_dir(): missing('the pinned JavaScript', 'run `npm ci`')


def test_every_pinned_package_is_in_the_table_at_that_version():
    assert {(assets[o].package, assets[o].version) for o in CHECKED} == PINNED


@each_row('name', CHECKED)
def test_checksum_is_that_of_the_file(name):
    path = npm_file(asset_url(name))
    assert path, f'{assets[name].package}@{assets[name].version} is not installed: run `npm ci`'
    assert sri(path) == assets[name].integrity


def test_checksums_of_highlight_are_those_of_its_files():
    data = json.loads((ROOT/'fasthtml/html/highlight.json').read_text(encoding='utf-8'))
    assert len(data['languages']) > 150 and len(data['styles']) > 50
    assert (data['package'], data['version']) == (assets['highlight'].package, assets['highlight'].version)
    core = ['python']
    for language in data['languages']:
        [main, *more] = [e for e in HighlightJS(langs=language) if e.get('src')]
        for el in more: assert sri(npm_file(el.get('src'))) == el.get('integrity')
        if not more: core.append(language)
    assert 30 < len(core) < 50 and len(set(core) & {'python', 'javascript', 'css', 'bash', 'sql'}) == 5
    for style in data['styles']:
        for el in [e for e in HighlightJS(light=style, dark=style) if e.get('href')]:
            assert sri(npm_file(el.get('href'))) == el.get('integrity')
