"Static files: what is served, what never is, how long it may be kept. Over raw sockets where a client would tidy the path."
import hashlib
import os
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.static import SafeStatic, StaticImmutable, StaticNoCache, default_static, find_asset, safe_file, vurl
from fasthtml.common import fast_app
from fasthtml.html.htmx import assets
from fasthtml.http.handlers import Beforeware
from support import NODE_MODULES, raw_exchange, serve

SECRET = 'the secret outside'


@pytest.fixture
def project(tmp_path, monkeypatch):
    "A project folder with public/, and things beside and inside it that no client may have"
    root = tmp_path/'project'
    files = {'public/site.css': 'p {color: teal}', 'public/a/deep.js': 'let a', 'public/read.txt': 'read me',
             'public/.env': SECRET, 'public/.git/config.txt': SECRET, 'public/UPPER.PNG': 'png', 'secret.txt': SECRET,
             'data.csv': SECRET, 'app.css': 'own css',
             '../secret.txt': SECRET, '../secret.css': SECRET, 'publicity/x.css': SECRET}
    for name, text in files.items():
        (root/name).parent.mkdir(parents=True, exist_ok=True)
        (root/name).resolve().write_text(text)
    (root/'public'/'link.txt').symlink_to(tmp_path/'secret.txt')
    (root/'public'/'out').symlink_to(tmp_path)
    (root/'public'/'env.txt').symlink_to(root/'public'/'.env')
    (root/'public'/'inside.css').symlink_to(root/'public'/'site.css')
    os.mkfifo(root/'public'/'pipe.txt')
    monkeypatch.chdir(root)
    return root


ESCAPES = ['/../secret.txt', '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/%2e%2e%2fsecret.txt', '/a/../../secret.txt',
           '/a/..%2f..%2fsecret.txt', '/..%5csecret.txt', '/..\\secret.txt', '/%2e%2e%5c%2e%2e%5csecret.txt',
           '//etc/hosts.txt', '/%2fetc%2fhosts.txt', '/out/secret.txt',
           '/link.txt', '/env.txt', '/.env', '/.git/config.txt', '/%2eenv', '/..%00/secret.txt', '/secret.txt%00.css',
           '/site.css%00', '/../publicity/x.css', '/..%2fpublicity%2fx.css', '/%252e%252e/secret.txt', '/pipe.txt',
           '/a/.%2e/.%2e/secret.css', '/./.env',
           '/a//../site.css/../../secret.txt', '/C:/secret.txt', '/....//secret.txt', '/%c0%ae%c0%ae/secret.txt']


def raw(port, path):
    request = f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n'
    answer = raw_exchange(port, request.encode('latin-1'))
    return int(answer.split(b' ', 2)[1]), answer


@pytest.mark.parametrize('how', ['fast_app', 'static_route_exts', 'static_route', 'mount'])
def test_no_path_leaves_the_folder_or_finds_hidden_files(project, how):
    "D7, byte for byte as an attacker would send it"
    if how == 'fast_app': app, _ = fast_app(secret_key='k')
    else: app = FastHTML(secret_key='k')
    if how == 'static_route_exts': app.static_route_exts(static_path='public')
    if how == 'static_route': app.static_route('', static_path='public')
    if how == 'mount': app.mount('/', SafeStatic(directory='public'))
    with serve(app) as server:
        for path in ESCAPES:
            status, answer = raw(server.port, path)
            assert status in (400, 404, 307), (path, status)
            assert SECRET.encode() not in answer, path
        for path, text in {'/site.css': b'p {color: teal}', '/a/deep.js': b'let a', '/inside.css': b'p {color: teal}'}.items():
            status, answer = raw(server.port, path)
            assert status == 200 and answer.endswith(text), (path, answer)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(['..', '.', '', 'a', 'site.css', '.env', 'secret.txt', '\\', '..\\', '\0', 'out', 'link.txt',
                                 'C:', '~', '%2e']), max_size=6))
def test_any_path_gives_a_file_of_the_folder_or_nothing(tmp_path_factory, parts):
    root = folder(tmp_path_factory)
    found = safe_file(root, '/'.join(parts))
    assert found is None or (found.is_file() and not any(p.startswith('.') for p in found.relative_to(root).parts))


_made = []
def folder(factory):
    if not _made:
        top = factory.mktemp('files').resolve()
        for f in ('root/site.css', 'root/a/site.css', 'root/.env', 'secret.txt'):
            (top/f).parent.mkdir(parents=True, exist_ok=True)
            (top/f).write_text(f)
        (top/'root'/'out').symlink_to(top)
        (top/'root'/'link.txt').symlink_to(top/'secret.txt')
        _made.append(top/'root')
    return _made[0]


# Last resort

def test_files_never_hide_a_route_or_a_mount(project):
    "D18: even when the file exists and was there first"
    app, rt = fast_app(secret_key='k')
    @rt('/site.css')
    def get(): return 'the route'
    @app.get('/{name}.txt')
    def texts(name: str): return f'route {name}'
    inner = FastHTML(secret_key='k')
    @inner.get('/deep.js')
    def deep(): return 'the mount'
    app.mount('/a', inner)
    client = DirectClient(app)
    def text(path): return client.get(path, headers={'hx-request': 'true'}).text
    paths = ('/site.css', '/read.txt', '/a/deep.js', '/inside.css')
    assert [text(p) for p in paths] == ['the route', 'route read', 'the mount', 'p {color: teal}']


def test_files_of_a_longer_prefix_are_not_hidden_by_the_root(project):
    "The program's own folder counts, though fast_app was there first"
    (project/'more').mkdir()
    (project/'more'/'x.css').write_text('more css')
    app, _ = fast_app(secret_key='k')
    app.static_route_exts(prefix='/files/', static_path='more')
    assert DirectClient(app).get('/files/x.css').text == 'more css'


def test_guards_see_requests_for_files(project):
    def login(req): return 'log in first'
    app = FastHTML(secret_key='k', before=Beforeware(login, skip=[r'/a/.*']))
    app.static_route_exts(static_path='public')
    client = DirectClient(app)
    assert client.get('/site.css').text == 'log in first'
    assert client.get('/a/deep.js').text == 'let a'


def test_a_missing_file_is_a_404_as_any_other(project):
    app = FastHTML(secret_key='k', exception_handlers={404: lambda req, exc: 'nothing here'})
    app.static_route_exts(static_path='public')
    r = DirectClient(app).get('/no.css')
    assert (r.status_code, 'nothing here' in r.text) == (404, True)


def test_without_a_word_the_public_folder_is_served_else_only_what_pages_load(project):
    assert default_static() == ('public', 'static')
    client = DirectClient(fast_app(secret_key='k')[0])
    assert (client.get('/read.txt').status_code, client.get('/app.css').status_code) == (200, 404)
    (project/'public').rename(project/'other')
    client = DirectClient(fast_app(secret_key='k')[0])
    paths = ('/app.css', '/secret.txt', '/data.csv', '/other/site.css')
    assert [client.get(p).status_code for p in paths] == [200, 404, 404, 200]


def test_a_folder_that_is_named_serves_documents_too(project):
    client = DirectClient(fast_app(secret_key='k', static_path='public')[0])
    assert [client.get(p).status_code for p in ('/read.txt', '/site.css', '/UPPER.PNG')] == [200, 200, 200]


def test_one_extension_and_a_prefix(project):
    app = FastHTML(secret_key='k')
    app.static_route('.txt', '/docs', 'public')
    client = DirectClient(app)
    assert client.get('/docs/read.txt').text == 'read me'
    paths = ('/read.txt', '/docs/site.css', '/docs/read.txt?ext=css', '/docs/.txt')
    assert [client.get(p).status_code for p in paths] == [404, 404, 200, 404]


def test_only_get_and_head_reach_files(project):
    app = FastHTML(secret_key='k')
    app.static_route_exts(static_path='public')
    client = DirectClient(app)
    head = client.head('/site.css')
    assert (head.status_code, head.headers['content-length'], head.content) == (200, '15', b'')
    assert client.post('/site.css').status_code == 405


# HTTP

@pytest.fixture
def files(project):
    app = FastHTML(secret_key='k')
    app.static_route_exts(static_path='public')
    app.mount('/fresh', StaticNoCache(directory='public'))
    app.mount('/fixed', StaticImmutable(directory='public'))
    return DirectClient(app)


def test_a_browser_that_has_the_file_gets_304(files):
    first = files.get('/site.css')
    assert (first.headers['cache-control'], first.headers['x-content-type-options']) == ('no-cache', 'nosniff')
    again = files.get('/site.css', headers={'if-none-match': first.headers['etag']})
    assert (again.status_code, again.content) == (304, b'')
    since = files.get('/site.css', headers={'if-modified-since': first.headers['last-modified']})
    assert since.status_code == 304
    assert files.get('/site.css', headers={'if-none-match': '"other"'}).status_code == 200


def test_ranges_are_served(files):
    part = files.get('/site.css', headers={'range': 'bytes=2-6'})
    assert (part.status_code, part.text, part.headers['content-range']) == (206, '{colo', 'bytes 2-6/15')
    assert files.get('/site.css', headers={'range': 'bytes=99-'}).status_code == 416


@pytest.mark.parametrize('name, kind', {'x.css': 'text/css', 'x.js': 'text/javascript', 'x.mjs': 'text/javascript',
                                        'x.svg': 'image/svg+xml', 'x.webp': 'image/webp', 'x.woff2': 'font/woff2',
                                        'x.WASM': 'application/wasm', 'x.txt': 'text/plain',
                                        'x.webmanifest': 'application/manifest+json', 'x.avif': 'image/avif'}.items())
def test_types_do_not_depend_on_the_machine(files, project, name, kind):
    (project/'public'/name).write_text('x')
    assert files.get(f'/{name}').headers['content-type'].partition(';')[0] == kind


def test_mounted_folders_say_how_long_they_may_be_kept(files):
    assert files.get('/fresh/site.css').headers['cache-control'] == 'no-cache'
    assert files.get('/fixed/site.css').headers['cache-control'] == 'public, max-age=31536000, immutable'
    assert files.get('/fixed/.env').status_code == 404


def test_a_versioned_url_is_kept_for_ever_but_only_with_the_right_version(files, project):
    url = vurl('/site.css', 'public')
    digest = hashlib.blake2b((project/'public'/'site.css').read_bytes(), digest_size=4).hexdigest()
    assert url == f'/site.css?v={digest}'
    assert 'immutable' in files.get(url).headers['cache-control']
    (project/'public'/'site.css').write_text('p {color: tomato}')
    assert vurl('/site.css', 'public') != url
    assert files.get(url).headers['cache-control'] == 'no-cache'
    with pytest.raises(FileNotFoundError, match='Is `root` the folder'):
        vurl('/../secret.txt', 'public')


# Assets

def test_assets_come_from_this_machine_with_the_right_content(monkeypatch):
    monkeypatch.chdir(NODE_MODULES.parent)
    client = DirectClient(FastHTML(secret_key='k', assets='local', exts='ws'))
    for name in ('htmx2', 'ws'):
        asset = assets[name]
        r = client.get(f'/_assets/{asset.path}')
        assert r.status_code == 200, name
        assert asset.integrity == 'sha384-' + b64encode(hashlib.sha384(r.content).digest()).decode()
        assert 'immutable' in r.headers['cache-control'] and r.headers['content-type'].startswith('text/javascript')
    for path in ('htmx.org@2.0.11/package.json', 'htmx.org@2.0.10/dist/htmx.min.js', '../README.md', ''):
        assert client.get(f'/_assets/{path}').status_code == 404


def test_an_asset_with_other_content_is_not_served(tmp_path, caplog):
    asset = assets['htmx2']
    file = tmp_path/f'{asset.package}@{asset.version}'/asset.file
    file.parent.mkdir(parents=True)
    file.write_text('alert(1)')
    assert find_asset(asset, [tmp_path]) is None
    assert 'integrity' in caplog.text
    file.write_bytes((NODE_MODULES/'htmx.org'/asset.file).read_bytes())
    assert find_asset(asset, [tmp_path]) == file.resolve()


def test_devtools_get_their_workspace(tmp_path):
    app = FastHTML(secret_key='k')
    app.devtools_json(tmp_path)
    other = FastHTML(secret_key='k')
    other.devtools_json(tmp_path, uuid='mine')
    loc = '/.well-known/appspecific/com.chrome.devtools.json'
    answer = DirectClient(app).get(loc).json()['workspace']
    assert answer['root'] == str(tmp_path.resolve()) and len(answer['uuid']) == 36
    assert DirectClient(other).get(loc).json()['workspace']['uuid'] == 'mine'
