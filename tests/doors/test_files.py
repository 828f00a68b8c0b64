"""Only what is for the web is served: every kind of file, by every way to serve a folder."""
import inspect

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from client_kit import DirectClient
from fasthtml.app import static
from fasthtml.app.app import FastHTML
from fasthtml.app.auth import user_pwd_auth
from fasthtml.app.fastapp import fast_app
from fasthtml.app.static import SafeStatic, StaticImmutable, StaticNoCache, StaticRoutes, file_version, is_for_web
from fasthtml.http.handlers import Beforeware
from support import each_row

ALWAYS = '''site.css app.js logo.PNG deep/font.woff2 .well-known/security.txt .well-known/assetlinks.json
    .well-known/acme-challenge/a_env-key .well-known/change-password .well-known/jwt-issuer'''.split()
DOCUMENTS = 'page.html data.json read.txt export.csv all.zip feed.xml notes.md conf.yml paper.pdf'.split()
OTHERS = 'LICENSE model.glb'.split()
NEVER = '''main.py cache/main.pyc book.ipynb app.db app.db-wal app.sqlite3 dump.sql .env prod.env server.key cert.pem app.log site.css.bak
    settings.ini pyproject.toml uv.lock .git/config .sesskey deploy.sh client_secret.json client_secret_123.apps.json CLIENT_SECRETS.JSON
    credentials.json secrets.yml service-account.json id_rsa id_rsa.pub Dockerfile docker-compose.yml package.json requirements.txt
    app.db.gz dump.sql.tar.gz backup.sql.zip main.py.1 main.py.save server.log.2.xz main.php.bak index.php5 old.mdb core.duckdb login.ppk
    kubeconfig token.json .well-known/key.pem .well-known/.env deep/.well-known/x.txt site.css~
    passwords.txt Password.csv passwd shadow netrc pgpass.conf env sesskey authorized_keys cookies.txt old.s3db core.duckdb.wal
    secrets my_secret.txt mysecret.json secret_key.txt api_key.txt apikey.json private_key.json private.key.txt key.txt keys.json
    tokens.json jwt.json settings.json settings.yaml local_settings.json appsettings.json config.yml config.yaml application.yml web.config
    passwords.yml htpasswd.txt credentials.yaml env.json prod.env.txt dump.sql.txt users.db.txt vault.yml gcp-key.json
    data.sqlitedb data.mdf data.lmdb page.asp page.aspx page.jsp page.cgi page.pl app.jar Deep/API-Keys.TXT
    my_passwords.txt api_keys.txt aws_credentials.txt aws_credentials.json jwt_secret.txt users.db.gz
    stripe_key.txt deep/github_token.txt oauth-token.json private.asc secring.gpg netrc.txt bash_history.txt database.yml
    ssh_host_rsa_key dropbear_rsa_host_key ssh_host_key host.keytab server.pk8 server.pkcs8 server.pkcs12 privkey1.txt private.txt
    rsakey.txt my.agekey authorized_keys2 keystore.json rootkey.csv recoverykey.txt mypasswords.txt MyPasswords.csv passwordlist.txt gshadow
    creds.json creds.txt logins.csv pwd.txt my.pgpass tomcat-users.xml apitoken.txt accesstoken.txt accessTokens.json refreshtoken.txt
    msal_token_cache.json admin.kubeconfig admin-kubeconfig.yaml pypirc dockercfg docker-config.json my.cnf application.properties
    connectionstrings.json settings.local.json env.local npmrc.txt python_history.txt mysql_history.txt psql_history.txt main.pyw main.pyz
    x.inc info.phps dump.dmp users.bson users.db.copy backup.zip site-backup.zip backup.tgz backup.tar.gz heap.hprof x.tfplan
    github_token hf_token anthropic_key deploy_key keyfile hftoken.txt mycreds.json passwords.docx passwords.odt passwords.rtf keypair.json
    my.jwk private.jwk userpass.txt recovery-codes.txt backup_codes.txt htdigest x.sqlite-backup x.db-bak
    error_log access_log deep/token.json
    APIkey.txt AWSkeys.txt SSHkey.txt RSAkey.json myAPIkey.txt openAIkey.txt JWTkeys.txt APIKeys.txt apiKEY.txt pASSWORD.txt ApIkey.txt
    backupcodes.txt mfa-codes.txt seedphrase.txt settings.production.json production-settings.json deep/oauth-tokens.json
    terraform.tfvars.json
    .well-known/private_key.txt .well-known/api-key.json .well-known/htpasswd.txt .well-known/aws_credentials.json
    .well-known/jwt_secret.txt .well-known/vault.yml .well-known/my_passwords.txt'''.split()
LIKE_SECRETS = '''keyboard.txt tokenizer.json monkey.txt passwordless.html password.html design-tokens.json environment.txt secretary.txt
    config.json settings.html key.png sitemap.xml main.py.txt locales/en/settings.json
    design/tokens.json translations/keys.json
    jwt.md aws.md deploy-aws.md vault.md encryption-key.md
    public_key.txt tokens.css design_tokens.json i18n-keys.json keynote.json hockey.txt
    turnkey.csv token-list.json database.xml
    Keyboard.txt HTMLKeywords.txt TheMonkey.txt USAstates.json PDFtokenizer.txt MonKeys.txt
    keyboard.js passwords.html secret-garden.jpg backup.css press-kit.zip backup-guide.txt backups.html sacred.txt order_history.json
    private-beaches.json host.json login.json access.json database.json root.xml
    passwords.md passwords.pdf compass.json boarding-pass.csv keywords.txt'''.split()   # and are none


MARKS = 'main.py', 'pyproject.toml', 'package.json', 'requirements.txt', 'uv.lock', '.sesskey'   # of a program


def routes(method, **options): return lambda app, folder: getattr(app, method)(static_path=folder, **options)
def mount(cls): return lambda app, folder: app.mount('/', cls(directory=folder))


# Ways to serve a folder at the root
WAYS = {'static_route_exts': routes('static_route_exts'), 'static_route': routes('static_route'), 'SafeStatic': mount(SafeStatic),
        'StaticNoCache': mount(StaticNoCache), 'StaticImmutable': mount(StaticImmutable),
        'Mount': lambda app, folder: app.router.routes.append(Mount('/', app=SafeStatic(directory=folder))),
        'fast_app': 'static_path='}


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp('folders')
    for folder in ('project', 'other', 'public'):
        for name in (*ALWAYS, *DOCUMENTS, *OTHERS, *NEVER, *LIKE_SECRETS):
            if folder == 'public' and name in MARKS: continue
            file = path/folder/name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
    return path


@pytest.fixture
def folders(written, monkeypatch, without_threads):
    "A project's folder, which is the current one, another program's folder, and one of files alone"
    monkeypatch.chdir(written/'project')
    return written


def serve(how, folder):
    if how == 'fast_app': return DirectClient(fast_app(secret_key='k', static_path=folder)[0])
    app = FastHTML(secret_key='k')
    WAYS[how](app, folder)
    return DirectClient(app)


def served(client, names): return {name for name in names if client.get(f'/{name}').status_code == 200}


@pytest.mark.parametrize('folder', ['project', 'other', 'public'])
@pytest.mark.parametrize('how', WAYS)
def test_only_what_is_for_the_web_is_served(how, folder, folders):
    client = serve(how, folders/folder)
    assert served(client, NEVER) == set()
    assert served(client, ALWAYS) == set(ALWAYS)
    assert served(client, DOCUMENTS) == (set(DOCUMENTS) if folder == 'public' else set())
    if folder == 'public': assert served(client, LIKE_SECRETS) == set(LIKE_SECRETS)
    by_extension = how in ('static_route_exts', 'fast_app')
    assert served(client, OTHERS) == (set(OTHERS) if folder == 'public' and not by_extension else set())


def test_every_way_to_serve_files_is_in_the_table():
    known = {name for name in WAYS} | {'devtools_json', 'StaticRoutes', 'StaticFiles'}
    methods = {n for n in vars(StaticRoutes) if not n.startswith('_')}
    classes = {n for n, o in vars(static).items() if inspect.isclass(o) and 'Static' in n}
    assert methods | classes <= known


def own_extensions(app, folder):
    from fasthtml.http.paths import reg_re_param
    reg_re_param('docx', 'txt|json|yml|yaml|csv|md|zip|gz|xz|html|xml|pdf')
    app.static_route_exts(static_path=folder, exts='docx')


def named_extensions(app, folder):
    for ext in 'txt json yml yaml csv md zip gz xz html xml pdf'.split(): app.static_route(f'.{ext}', static_path=folder)


@pytest.mark.parametrize('name_them', [own_extensions, named_extensions])
@pytest.mark.parametrize('folder', ['project', 'public'])
def test_an_extension_that_the_program_names_opens_no_name_of_a_secret(name_them, folder, folders):
    "It is a rule about extensions that is lifted, and only that"
    app = FastHTML(secret_key='k')
    name_them(app, folders/folder)
    client = DirectClient(app)
    assert served(client, NEVER) == set()
    assert served(client, DOCUMENTS) == set(DOCUMENTS)
    assert served(client, LIKE_SECRETS) == {name for name in LIKE_SECRETS if not name.endswith(('.png', '.css', '.jpg', '.js'))}


def test_an_extension_that_the_program_names_is_served_but_no_secret(folders):
    app = FastHTML(secret_key='k')
    app.static_route('.json', static_path='.')
    app.static_route('.py', prefix='/source', static_path='.')
    client = DirectClient(app)
    assert served(client, ['data.json', 'client_secret.json', 'package.json', 'main.py']) == {'data.json'}
    assert client.get('/source/main.py').text == 'main.py'


@pytest.fixture
def rows(monkeypatch):
    "Sets the rows of the table of secret names"
    def keep(table):
        monkeypatch.setattr(static, '_secret_names', table)
        static._secret.cache_clear()
    yield keep
    static._secret.cache_clear()


@pytest.mark.parametrize('row', static._secret_names, ids=lambda row: row.examples.split()[0])
def test_each_row_of_the_names_of_secrets_refuses_its_examples_and_no_other_rule_does(row, rows):
    "Also where the program has named their extension"
    def allowed(): return [name for name in row.examples.split() if is_for_web(name, named=name)]
    assert allowed() == []
    rows([other for other in static._secret_names if other is not row])
    assert allowed() == row.examples.split()


def test_a_link_does_not_change_what_a_file_is(folders):
    link = folders/'public'/'harmless.css'
    link.symlink_to(folders/'public'/'app.db')
    try: assert [how for how in WAYS if serve(how, folders/'public').get('/harmless.css').status_code != 404] == []
    finally: link.unlink()


@each_row('name, named, allowed', [
    ('dump.sql.gz', '.gz', False), ('dump.sql.gz', '.sql.gz', True), ('dump.sql', '.sql', True), ('dump.sql.txt', '.txt', False),
    ('main.py.gz', '.py', False), ('DATA.DB', '.db', True), ('cert.pem', '.pem', True), ('api_key.txt', '.key.txt', False)])
def test_a_named_extension_is_that_of_the_file_and_not_of_what_is_packed_in_it(name, named, allowed):
    assert is_for_web(name, project=True, named=named) == allowed


def test_the_case_of_a_name_does_not_matter():
    assert is_for_web('data.json') and not is_for_web('data.json', project=True) and not is_for_web('DATA.DB')


def test_a_folder_of_starlette_that_holds_a_program_is_told(folders, caplog):
    from starlette.staticfiles import StaticFiles
    app = FastHTML(secret_key='k')
    app.mount('/x', StaticFiles(directory=folders/'public'))
    assert not caplog.text
    app.mount('/y', StaticFiles(directory='.'))
    assert 'SafeStatic' in caplog.text


# A cache on the way may keep what is `public`, and would give it to others without asking the guard

PASSED = lambda: None
GUARDED = {
    'before=': lambda: FastHTML(secret_key='k', before=PASSED),
    'two guards': lambda: FastHTML(secret_key='k', before=[Beforeware(PASSED, skip='/.*'), PASSED]),
    'basic authentication': lambda: FastHTML(secret_key='k', middleware=[user_pwd_auth(ann='x')]),
}
OPEN = {
    'no guard': lambda: FastHTML(secret_key='k'),
    'skip=': lambda: FastHTML(secret_key='k', before=Beforeware(PASSED, skip='/.*')),
    'skip= of basic authentication': lambda: FastHTML(secret_key='k', middleware=[user_pwd_auth(ann='x', skip='/.*')]),
}


def kept(app, how, folder, prefix):
    "`Cache-Control` of a file, without and with its version, and of a 304"
    file, outer = folder/'site.css', app
    if prefix: app = FastHTML(secret_key='k')
    WAYS[how](app, folder)
    if prefix == '/in': outer.mount('/in', app)
    if prefix == '/mounted': outer.mount('/mounted', Starlette(routes=[Mount('/', app=app)]))
    client = DirectClient(outer, headers={'Authorization': 'Basic YW5uOng='})
    first, second = (client.get(f'{prefix}/site.css{v}') for v in ('', f'?v={file_version(file)}'))
    third = client.get(f'{prefix}/site.css?v={file_version(file)}', headers={'If-None-Match': second.headers['etag']})
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 304)
    return [r.headers['cache-control'] for r in (first, second, third)]


@each_row('prefix', ['', '/in', '/mounted'])
@each_row('how', [how for how in WAYS if how != 'fast_app'])
@each_row('guarded', GUARDED | OPEN)
def test_a_file_behind_a_guard_is_kept_by_no_cache_that_many_share(guarded, how, prefix, folders):
    told = kept((GUARDED | OPEN)[guarded](), how, folders/'public', prefix)
    for words in (o.split(', ') for o in told):
        assert ('private' in words, 'public' in words) == (guarded in GUARDED, guarded in OPEN and 'no-cache' not in words), told
    assert how == 'StaticNoCache' or 'immutable' in told[1]


@each_row('said, told', [
    ('max-age=60', 'private, max-age=60'), ('Public,max-age=60', 'private, max-age=60'), ('s-maxage=60', 'private, s-maxage=60'),
    ('no-cache', 'private, no-cache'), ('private="set-cookie", max-age=60', 'private, private="set-cookie", max-age=60'),
    ('Private, max-age=60', 'Private, max-age=60'), ('no-store', 'no-store'), ('max-age=60, NO-STORE', 'max-age=60, NO-STORE')])
def test_whatever_a_program_says_of_its_files_those_behind_a_guard_are_for_one(said, told, folders):
    "A cache that many share keeps what has a `max-age`, too, and `no-cache` to ask again; it needs no `public` for that"
    class OfProgram(SafeStatic): cache_control = said
    for before, expected in (PASSED, told), (None, said):
        app = FastHTML(secret_key='k', before=before)
        app.mount('/', OfProgram(directory=folders/'public'))
        answer = DirectClient(app).get('/site.css')
        assert answer.headers['cache-control'] == expected


AROUND = {
    'app of Starlette': lambda auth, app: Starlette(routes=[Mount('/', app=app)], middleware=[auth]),
    'mount of Starlette': lambda auth, app: Starlette(routes=[Mount('/', app=app, middleware=[auth])]),
    'nothing else': lambda auth, app: auth.cls(app, *auth.args, **auth.kwargs)}


@each_row('around', AROUND)
@each_row('how', [how for how in WAYS if how not in ('fast_app', 'StaticNoCache')])
def test_so_is_a_file_of_an_app_that_stands_behind_basic_authentication(how, around, folders):
    app, file = FastHTML(secret_key='k'), folders/'public'/'site.css'
    WAYS[how](app, folders/'public')
    client = DirectClient(AROUND[around](user_pwd_auth(ann='x'), app))
    assert client.get('/site.css').status_code == 401
    told = client.get(f'/site.css?v={file_version(file)}', headers={'Authorization': 'Basic YW5uOng='}).headers['cache-control']
    assert 'private' in told and 'public' not in told


@pytest.mark.parametrize('how', ['mount before=', 'route before='])
def test_so_is_a_file_behind_a_guard_of_its_mount_or_route(how, folders):
    app = FastHTML(secret_key='k')
    if how == 'mount before=': app.mount('/', SafeStatic(directory=folders/'public'), before=PASSED)
    else:
        files = SafeStatic(directory=folders/'public')
        @app.get('/{name}', before=PASSED)
        async def file(req, name: str): return await files.get_response(name, req.scope)
    told = DirectClient(app).get(f"/site.css?v={file_version(folders/'public'/'site.css')}").headers['cache-control']
    assert told == 'private, max-age=31536000, immutable'
