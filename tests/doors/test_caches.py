"What caches may keep: for ever only under the address of this content, and for whom as `Vary` says."
import re

import pytest
from starlette.routing import Mount

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.static import SafeStatic, vurl
from fasthtml.common import P

HEX = '00000000'


def with_regions(tmp_path):
    app = FastHTML(secret_key='k')
    @app.live
    def todos(): return P('milk')
    @app.get('/')
    def home(): return todos()
    return app, re.search(r'src="(/_live\.js\?v=\w+)"', DirectClient(app).get('/').text)[1]


def with_files(tmp_path):
    (tmp_path/'site.css').write_text('p {}')
    app = FastHTML(secret_key='k')
    app.static_route_exts(static_path=tmp_path)
    return app, vurl('/site.css', tmp_path)


def with_a_route_of_files(tmp_path):
    (tmp_path/'site.css').write_text('p {}')
    app = FastHTML(secret_key='k')
    app.static_route('.css', static_path=tmp_path)
    return app, vurl('/site.css', tmp_path)


def with_a_mount(tmp_path):
    (tmp_path/'site.css').write_text('p {}')
    app = FastHTML(secret_key='k', routes=[Mount('/files', SafeStatic(directory=tmp_path))])
    return app, '/files' + vurl('/site.css', tmp_path)


@pytest.mark.parametrize('made', [with_regions, with_files, with_a_route_of_files, with_a_mount], ids=lambda f: f.__name__)
def test_only_the_address_of_this_version_is_kept_for_ever(tmp_path, made):
    app, address = made(tmp_path)
    def kept(url):
        response = DirectClient(app).get(url)
        return response.status_code, response.headers['cache-control']
    path, version = address.split('?v=')
    assert kept(address) == (200, 'public, max-age=31536000, immutable')
    others = [path, f'{path}?v={HEX}', f'{path}?v=', f'{path}?v={version[:-1]}', f'{path}?v={version}0', f'{path}?w={version}',
              f'{path}?v={HEX}&v={version}', f'{path}?x=?v={version}']
    assert {url: kept(url) for url in others} == dict.fromkeys(others, (200, 'no-cache'))


def test_every_script_and_style_with_a_version_is_in_the_table():
    "What may be kept for ever is said in these two modules alone: `/_assets` has the version in its path, and checks the content"
    from pathlib import Path

    import fasthtml
    root = Path(fasthtml.__file__).parent
    found = {file.relative_to(root).as_posix(): file.read_text().count('immutable') for file in root.rglob('*.py')}
    assert {name: n for name, n in found.items() if n and name != '_modidx.py'} == {'app/static.py': 1, 'app/live.py': 1}
