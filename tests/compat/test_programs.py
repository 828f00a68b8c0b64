"Whole programs in the way that FastHTML's documents and examples write them."
# ruff: noqa: F811  (`get` after `get`: the route's decorator has taken each of them)
import base64
import json
import logging
from collections import deque, namedtuple
from dataclasses import make_dataclass
from hmac import compare_digest
from itertools import count, repeat
from typing import TypedDict
from urllib.parse import parse_qsl, urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.middleware.gzip import GZipMiddleware
from starlette.testclient import TestClient

from fasthtml.common import *
from fasthtml.html.tags import show as shown
from fasthtml.pico import Card, Container, Grid, Group
from fasthtml.workshop.check import check_program
from fasthtml.workshop.jupyter import frame
from support import each_row

HX = {'HX-Request': 'true'}


def html(text): return LexborHTMLParser(text)


# A list of things to do: users, a login in front, rows that draw themselves, sorting by hand

def todo_program():
    fastlite = pytest.importorskip('fastlite')
    db = fastlite.database(':memory:')

    class User: name: str; pwd: str
    class Todo: id: int; title: str; done: bool; name: str; details: str; priority: int
    users, todos = db.create(User, pk='name'), db.create(Todo)
    login_redir = RedirectResponse('/login', status_code=303)

    def before(req, sess):
        auth = req.scope['auth'] = sess.get('auth', None)
        if not auth: return login_redir
        todos.xtra(name=auth)

    def not_found(req, exc): return Titled('Oh no!', Div('We could not find that page'))
    app = FastHTML(before=Beforeware(before, skip=[r'/favicon\.ico', r'.*\.css', '/login']), exception_handlers={404: not_found},
                   hdrs=(SortableJS('.sortable'), MarkdownJS('.markdown')), secret_key='x')
    rt = app.route

    @dataclass
    class Login: name: str; pwd: str

    @rt('/login')
    def get(): return Titled('Login', Form(Input(id='name'), Input(id='pwd', type='password'), action='/login', method='post'))

    @rt('/login')
    def post(login: Login, sess):
        try: user = users[login.name]
        except fastlite.NotFoundError: user = users.insert(login)
        if not compare_digest(user.pwd.encode(), login.pwd.encode()): return login_redir
        sess['auth'] = user.name
        return RedirectResponse('/', status_code=303)

    @patch
    def __ft__(self: Todo):
        return Li('✅ ' if self.done else '', AX(self.title, f'/todos/{self.id}', 'current-todo'), Hidden(id='id', value=self.id),
                  id=f'todo-{self.id}')

    def mk_input(**kw): return Input(id='new-title', name='title', required=True, **kw)

    @rt('/')
    def get(auth):
        add = Form(Group(mk_input(), Button('Add')), hx_post='/', target_id='todo-list', hx_swap='afterbegin')
        frm = Form(*todos(order_by='priority'), id='todo-list', cls='sortable', hx_post='/reorder', hx_trigger='end')
        title = f'List of {auth}'
        return Title(title), Container(Grid(H1(title)), Card(Ul(frm), header=add, footer=Div(id='current-todo')))

    @rt('/')
    def post(todo: Todo): return todos.insert(todo), mk_input(hx_swap_oob='true')

    @rt('/')
    def put(todo: Todo): return todos.update(todo), clear('current-todo')

    @rt('/reorder')
    def post(id: list[int]):
        for place, id_ in enumerate(id): todos.update({'priority': place}, id_)
        return tuple(todos(order_by='priority'))

    @rt('/edit/{id}')
    def get(id: int):
        form = Form(Input(id='title'), Hidden(id='id'), CheckboxX(id='done', label='Done'), Textarea(id='details'), hx_put='/')
        return fill_form(form, todos[id])

    @rt('/todos/{id}')
    def delete(id: int): todos.delete(id)

    return app, todos


def test_the_list_of_things_to_do():
    app, todos = todo_program()
    client = TestClient(app)
    assert client.get('/').url.path == '/login'
    assert client.post('/login', data={'name': 'jo', 'pwd': 'fig'}).url.path == '/'
    for title in 'first', 'second': added = client.post('/', data={'title': title}, headers=HX).text
    assert html(added).css_first('li').id == 'todo-2' and html(added).css_first('#new-title').attributes['hx-swap-oob'] == 'true'
    assert [(o.title, o.name, o.done) for o in todos()] == [('first', 'jo', None), ('second', 'jo', None)]
    page = html(client.get('/').text)
    assert page.css_first('title').text() == 'List of jo' and len(page.css('#todo-list li')) == 2
    moved = html(client.post('/reorder', data={'id': ['2', '1']}, headers=HX).text)
    assert [o.id for o in moved.css('li')] == ['todo-2', 'todo-1']
    changed = {'id': '1', 'title': 'new', 'done': ['', '1'], 'details': 'more'}
    assert '✅' in client.put('/', data=changed, headers=HX).text
    form = html(client.get('/edit/1', headers=HX).text)
    assert form.css_first('#title').attributes['value'] == 'new' and form.css_first('#details').text() == 'more'
    assert 'checked' in form.css_first('#done').attributes
    assert client.delete('/todos/1', headers=HX).text == '' and [o.id for o in todos()] == [2]
    missing = client.get('/nothing/here')
    assert missing.status_code == 404 and 'Oh no!' in missing.text


# What the documents show of parameters

ModelName = str_enum('ModelName', 'alexnet', 'resnet')
Pair = namedtuple('Pair', ['a', 'b'])


@dataclass
class Bodie: a: int; b: str


class BodieTD(TypedDict): a: int; b: str


class Bodie2:
    a: int | None; b: str
    def __init__(self, a, b='foo'): store_attr()


@pytest.fixture(scope='module')
def by_example():
    app, rt = fast_app(secret_key='x')

    @rt('/models/{nm}')
    def get(nm: ModelName): return nm

    @rt('/cookie')
    def get(req): return cookie('now', '2026-01-02 03:04:05')

    @rt('/time')
    def get(now: parsed_date): return f'at {now.time()}'

    @rt('/day')
    def get(d: parsed_date): return f'{d:%d.%m.%y}'

    @rt('/agent')
    async def get(user_agent: str, x_custom: str = 'none'): return f'{user_agent} {x_custom}'

    @rt('/items/')
    def get(idx: int | None = 0, coming: bool = True): return f'{idx} {coming}'

    @rt('/bodie/{nm}')
    def post(nm: str, data: Bodie): return asdict(data) | {'nm': nm}

    @app.post('/dict')
    def any_data(data: dict): return data

    @app.post('/pair')
    def pair(data: Pair): return data._asdict()

    @app.post('/typed')
    def typed(data: BodieTD): return data

    @app.post('/own')
    def own(d: Bodie2): return {'a': d.a, 'b': d.b}

    @app.post('/namespace')
    def namespace(data: SimpleNamespace): return vars(data)

    @app.post('/form')
    async def form(form: FormData): return {'a': form['a'], 'b': ''.join(form.getlist('b'))}

    @app.post('/names')
    def names(self: str, f: str, name: str, type: str, id: int, fn: str = '', kw: str = '', args: str = ''):
        return [self, f, name, type, id, fn, kw, args]

    return TestClient(app)


@pytest.mark.parametrize('url, text', [
    ('/models/resnet', 'resnet'), ('/day?d=17th of May, 2024', '17.05.24'), ('/agent', 'me c'), ('/items/', '0 True'),
    ('/items/?idx=3&coming=no', '3 False'), ('/items/?coming=', '0 False'),
])
def test_what_is_asked_in_the_address(by_example, url, text):
    assert by_example.get(url, headers={'User-Agent': 'me', 'X-Custom': 'c'} | HX).text == text


def test_a_cookie_comes_back_as_a_time(by_example):
    by_example.get('/cookie')
    assert by_example.get('/time').text == 'at 03:04:05'


@pytest.mark.parametrize('path, result', [
    ('/bodie/me', {'a': 1, 'b': 'x', 'nm': 'me'}), ('/dict', {'a': '1', 'b': 'x'}), ('/pair', {'a': '1', 'b': 'x'}),
    ('/typed', {'a': 1, 'b': 'x'}), ('/own', {'a': 1, 'b': 'x'}), ('/namespace', {'a': '1', 'b': 'x'}), ('/form', {'a': '1', 'b': 'x'}),
])
def test_bodies_of_every_make(by_example, path, result):
    assert by_example.post(path, data={'a': '1', 'b': 'x'}).json() == result


def test_parameters_may_have_any_name(by_example):
    "#834"
    sent = dict(self='s', f='f', name='n', type='t', id='3', fn='x', kw='k', args='a')
    assert by_example.post('/names', data=sent, headers=HX).text == 'sfnt3xka'


# What programs change after the app is made, and what they wrap round handlers

def test_lists_of_the_app_may_be_changed_later():
    app, rt = fast_app(secret_key='x')
    app.hdrs.append(Meta(name='one'))
    app.hdrs += [Meta(name='two')]
    app.hdrs = [*app.hdrs, Meta(name='three')]
    app.ftrs.append(P('the end', id='end'))
    app.title, app.htmlkw['lang'], app.bodykw['data-x'] = 'Later', 'de', '1'
    app.before.append(lambda req: req.scope.__setitem__('auth', 'jo'))

    @rt('/')
    def home(auth): return P(auth, id='who')

    page = html(TestClient(app).get('/').text)
    assert {'one', 'two', 'three'} <= {o.attributes.get('name') for o in page.css('head meta')}
    assert page.css_first('#end') and page.css_first('title').text() == 'Later' and page.css_first('#who').text() == 'jo'
    assert page.css_first('html').attributes['lang'] == 'de' and page.body.attributes['data-x'] == '1'


def test_handlers_may_be_anything_that_is_called():
    import functools
    app = FastHTML(secret_key='x')

    def plain(f):
        @functools.wraps(f)
        def wrapper(*args, **kwargs): return f(*args, **kwargs)
        return wrapper

    @app.get('/wrapped')
    @plain
    def wrapped(n: int = 3): return P(n)

    class Shop:
        def method(self, n: int): return P(n)
        async def __call__(self, n: int = 2): return P(n)

    app.get('/method')(Shop().method)
    app.get('/object')(Shop())
    app.get('/partial')(partial(Shop().method, n=9))
    app.get('/lambda')(lambda req: P(req.method))
    client = TestClient(app)
    answers = [client.get(url, headers=HX).text for url in ('/wrapped?n=4', '/method?n=5', '/object', '/partial', '/lambda')]
    assert answers == ['<p>4</p>', '<p>5</p>', '<p>2</p>', '<p>9</p>', '<p>GET</p>']


def test_what_an_element_asks_is_sent_though_a_link_in_it_leaves_the_page():
    "In a browser the two race, so that this is not compared with one"
    app, seen = FastHTML(secret_key='x'), []
    app.get('/')(lambda: Div(A('go', href='/next'), hx_post='/count', hx_swap='none'))
    app.post('/count')(lambda: seen.append('count'))
    app.get('/next')(lambda: Titled('Next'))
    with Client(app).open('/') as page:
        page.click('text=go')
        assert page.title == 'Next' and seen == ['count']


# Libraries of components

def test_the_ways_of_component_libraries():
    "As MonsterUI and faststrap do: `common` as a module, fastcore's star after it, enums for classes, `FastHTML` with `pico=`"
    names = {}
    exec('import fasthtml.common as fh\nfrom fastcore.all import *\nfrom fasthtml.components import Uk_icon, Uk_select\n'
         'from fasthtml.core import FT\nfrom fasthtml.svg import *', names)
    fh, icon = names['fh'], names['Uk_icon']

    class ButtonT(enum.Enum):
        primary = 'uk-btn-primary'
        def __str__(self): return self.value

    def stringify(o): return ' '.join(map(str, o)) if isinstance(o, (list, tuple)) else str(o)
    button = fh.Button('ok', cls=('uk-btn', stringify(ButtonT.primary)), type='button')
    card = fh.Div(names['NotStr']('<!-- card -->'), icon(icon='home'), button, cls=['uk-card', ButtonT.primary])
    assert isinstance(card, names['FT'])
    app = fh.FastHTML(hdrs=[fh.Script(src='/x.js', type='module')], pico=False, secret_key='x', cls='bg')
    app.get('/')(lambda: card)
    page = html(TestClient(app).get('/').text)
    assert page.css_first('.uk-card.uk-btn-primary > uk-icon[icon=home] + button.uk-btn.uk-btn-primary')
    assert '<!-- card -->' in page.html and page.body.attributes['class'] == 'bg'


# What FastHTML lets pass: name -> (program, what a log line or warning says, what `/` shows)

LENIENT = {
    'a parameter that nothing fills': ("@rt('/')\ndef get(colour): return P(f'colour {colour}')", '`colour: str`', 'colour None'),
    'a guard with one': ("app.before.append(Beforeware(lambda req, who: req.scope.update(auth=who)))\n"
                         "@rt\ndef index(auth): return P(f'auth {auth}')", '`who: str`', 'auth None'),
    'an error page with one': ("app, rt = fast_app(secret_key='x', exception_handlers={404: lambda response: P(f'lost {response}')})",
                               '`response: str`', 'lost None'),
    'a socket with one': ("@app.ws('/ws', conn=lambda who: None)\ndef ws(msg: str): return P(msg)\n"
                          "@rt\ndef index():\n    with TestClient(app).websocket_connect('/ws') as s:\n"
                          "        s.send_json({'msg': 'heard'})\n        return NotStr(s.receive_text())", '`who: str`', 'heard'),
    'a login whose variable is not set': (
        "from fasthtml.oauth import GoogleAppClient, OAuth\n"
        "class Login(OAuth):\n    def get_auth(self, info, ident, session, state): return RedirectResponse('/')\n"
        "client = GoogleAppClient(os.getenv('NOT_SET_ANYWHERE'), os.getenv('NOT_SET_ANYWHERE'))\n"
        "login = Login(app, client, skip=['/'], login_path='/')\n"
        "@rt\ndef index(req): return A('Log in', href=login.login_link(req))", 'no `client_id`', 'Log in'),
    "elements in fastcore's renderer": (
        "import fastcore.xml\n@rt\ndef index(): return NotStr(fastcore.xml.to_xml((Div('a < b', id='x'), fastcore.xml.ft('i', P('c')))))",
        '', 'a < bc'),
    'uvicorn without an import': ("@rt\ndef index(): return P(uvicorn.run.__name__, uvicorn.config.Config.__name__)", '', 'runConfig'),
    'a part of a table that is not there': (
        "class Cell:\n    def __init__(self, text): self.text = text\n    def __ft__(self): return Td(self.text) if self.text else None\n"
        "@rt\ndef index(): return Table(Tr(Cell('one'), Cell(''), Cell('two')))", '', 'onetwo'),
    'a push to everybody': (
        "async def heard(msg: str): await send(P(msg, id='said'))\nsend = setup_ws(app, heard)\n"
        "@rt\ndef index():\n    with TestClient(app).websocket_connect('/ws') as s:\n"
        "        s.send_json({'msg': 'for all'})\n        return NotStr(s.receive_text())", '', 'for all'),
    'two addresses of one function': ("@rt('/')\n@rt('/{n}')\ndef get(n: int = 7): return P(f'n {n}')", '', 'n 7'),
    'an app at the root of another': ("app, rt = fast_app(secret_key='x', routes=[Mount('/', app)])\n"
                                      "@app.routes[0].app.get('/')\ndef inner(): return P('inner')", '', 'inner'),
}


@pytest.mark.parametrize('way', LENIENT)
def test_what_fasthtml_lets_pass_starts_and_says_what_to_write(way, caplog, recwarn, monkeypatch):
    monkeypatch.setattr('fasthtml.http.hints._said', {})
    program, says, shows = LENIENT[way]
    space = {'__name__': 'old_program', 'TestClient': TestClient}
    exec("from fasthtml.common import *\napp, rt = fast_app(secret_key='x')\n" + program, space)
    text = html(TestClient(space['app']).get('/').text).body.text(separator='').split()
    said = '\n'.join([*(str(o.message) for o in recwarn), *(o.getMessage() for o in caplog.records)])
    assert shows in ' '.join(text) and says in said, (text, said)


def test_nobody_logs_in_without_a_client_id():
    "An id token is made for one site, and None is every site"
    from fasthtml.app.openid import OAuthError
    from fasthtml.oauth import GitHubAppClient, GoogleAppClient
    for client in GoogleAppClient(None, None), GitHubAppClient('', 'secret'):
        with pytest.raises(OAuthError, match='client_id'): client.retr_info('code', 'https://app.example/redirect')


def test_options_in_bodykw_are_options(tmp_path):
    from starlette.middleware.sessions import SessionMiddleware as Plain
    handed = {'hx-boost': 'true', 'sess_cls': Plain, 'key_fname': tmp_path/'key', 'title': 'of the body'}
    app, rt = fast_app(bodykw=handed)
    rt('/')(lambda sess: P(sess.setdefault('n', 1)))
    client = TestClient(app)
    body = html(client.get('/').text).body.attributes
    assert body == {'hx-boost': 'true', 'title': 'of the body'} and handed.keys() >= {'sess_cls'}
    assert base64.b64decode(client.cookies['session_'].split('.')[0]) == b'{"n": 1}' and (tmp_path/'key').exists()


def test_an_unknown_option_that_no_attribute_can_show_does_nothing(caplog):
    app, rt = fast_app(secret_key='x', log=logging.getLogger('x'), sidebar=3)
    rt('/')(lambda: P('x'))
    assert html(TestClient(app).get('/').text).body.attributes == {'sidebar': '3'}
    assert "'log' is no option, and a Logger" in caplog.text


def test_a_guard_with_spare_parameters_gets_nothing_for_them():
    seen = []
    def guard(*args, **kw): seen.append((args, kw))
    async def second(req, *rest): seen.append((req.url.path, rest))
    app, rt = fast_app(secret_key='x', before=[guard, Beforeware(second, skip=['/open'])])
    app.before.append(guard)
    rt('/')(lambda: P('x'))
    assert TestClient(app).get('/').status_code == 200 and seen == [((), {}), ('/', ()), ((), {})]
    with pytest.raises(TypeError, match='functools.wraps'): rt('/x')(guard)


@pytest.mark.parametrize('written', ['reswap', 'hx_reswap', 'HX_Reswap', 'push_url', 'HX_Push_Url'])
def test_response_headers_may_be_written_with_their_prefix(written):
    header = 'hx-' + written.lower().removeprefix('hx_').replace('_', '-')
    app, rt = fast_app(secret_key='x')
    rt('/')(lambda: (P('x'), HtmxResponseHeaders(**{written: 'none', 'refresh': None})))
    assert TestClient(app).get('/').headers[header] == 'none'
    for wrong in 'resawp', 'hx_resawp', 'named', 'k':
        with pytest.raises(TypeError, match=f"no keyword '{wrong}'"): HtmxResponseHeaders(**{wrong: 'x'})


def test_middleware_and_event_handlers_may_be_written_as_before_starlette_1():
    app, rt = fast_app(secret_key='x')
    seen = []

    @app.middleware('http')
    async def marks(request, call_next):
        response = await call_next(request)
        response.headers['X-Path'] = request.url.path
        return response

    app.add_event_handler('startup', lambda: seen.append('up'))
    rt('/page')(lambda: P('x'))
    with TestClient(app) as client: assert client.get('/page').headers['X-Path'] == '/page' and seen == ['up']
    with pytest.raises(ValueError, match='add_middleware'): app.middleware('websocket')


@pytest.mark.parametrize('cls', [Response, HTMLResponse])
def test_a_response_of_starlette_takes_an_element(cls):
    app, rt = fast_app(secret_key='x')
    rt('/')(lambda: cls(P('a < ä', id='p'), 201))
    answer = TestClient(app).get('/')
    assert (answer.status_code, answer.content) == (201, '<p id="p">a &lt; ä</p>'.encode())


# For a status that no server can send, the connection was cut with no response
@pytest.mark.parametrize('status', ['not found', '404', 7, 600, None])
@pytest.mark.parametrize('answer', ['raise HTTPException(status)', 'return FtResponse(P("x"), status)'])
def test_a_status_that_is_none_is_a_crash_with_its_mend(answer, status, caplog):
    app, rt = fast_app(secret_key='x')
    space = dict(HTTPException=HTTPException, FtResponse=FtResponse, P=P, status=status)
    exec(f'def get(): {answer}', space)
    rt('/')(space['get'])
    with pytest.raises(TypeError, match='A status is a number'): TestClient(app).get('/')
    answer = TestClient(app, raise_server_exceptions=False).get('/')
    assert answer.status_code == 500 and 'Internal Server Error' in answer.text and 'A status is' not in answer.text


@pytest.mark.parametrize('name, module', [('Card', 'fasthtml.pico'), ('Circle', 'fasthtml.svg'), ('NotFoundError', 'fastlite')])
def test_a_name_without_its_import_says_what_to_import(name, module):
    app, rt = fast_app(secret_key='x', debug=True)
    space = {}
    exec(f'def get(): return {name}', space)
    rt('/')(space['get'])
    answer = TestClient(app, raise_server_exceptions=False).get('/', headers={'Accept': 'text/html'})
    assert f'Write: from {module} import {name}' in html(answer.text).css_first('h1').text()


# What FastHTML passes over in silence: the log names the line and the mend

def run(tmp_path, program):
    "What a program defines, run from a file as Python does"
    file = tmp_path/'main.py'
    file.write_text("from fasthtml.common import *\n" + program, encoding='utf-8')
    space = {'__name__': 'main_program'}
    exec(compile(file.read_text(encoding='utf-8'), str(file), 'exec'), space)
    return space


GIVES_NONE = "def f(*args): ...\n"
FORGOTTEN = {  # program -> the line that is named, and what to write
    'a guard': ("app, rt = fast_app(secret_key='x', before=f())", 3, 'before=f.'),
    'a guard on a line of its own': ("app = FastHTML(secret_key='ä',\n    before=f(\n      1))", 3, 'before=f.'),
    'a function after': ("app = FastHTML(secret_key='x', title='ö', after=f(2))", 3, 'after=f.'),
    'at the start': ("app = FastHTML(secret_key='x', on_startup=f())", 3, 'on_startup=f.'),
    'at the end': ("app = FastHTML(secret_key='x', on_shutdown=f())", 3, 'on_shutdown=f.'),
    'the lifespan': ("app = FastHTML(secret_key='x', lifespan=f())", 3, 'lifespan=f.'),
    'in a function': ("def make(): return FastHTML(secret_key='x', before=f())\napp = make()", 3, 'before=f.'),
    'of a route': ("app, rt = fast_app(secret_key='x')\n@rt('/a', before=f())\ndef a(): return ''", 4, 'before=f.'),
    'of a route with a verb': ("app, rt = fast_app(secret_key='x')\n@app.get('/a', after=f())\ndef a(): return ''", 4, 'after=f.'),
    'of a router': ("r = APIRouter(before=f())", 3, 'before=f.'),
    'of a route of a router': ("r = APIRouter()\n@r('/a', before=f())\ndef a(): return ''", 4, 'before=f.'),
    'of a mount': ("app = FastHTML(secret_key='x')\napp.mount('/s', FastHTML(secret_key='y'), before=f())", 4, 'before=f.'),
    'of a socket': ("app = FastHTML(secret_key='x')\n@app.ws('/s', conn=f(), disconn=None)\ndef s(): ...", 4, 'conn=f.'),
    'toasts': ("app, rt = fast_app(secret_key='x')\n@rt('/')\ndef index(session):\n    add_toast(session, 'Saved')\n    return ''",
               6, 'setup_toasts(app)'),
    'toasts of a guard': ("app, rt = fast_app(secret_key='x', before=lambda session: add_toast(session, 'Hi'))\nrt('/')(lambda: P('x'))",
                          3, 'setup_toasts(app)'),
    'the address of a handler in a function': (
        "def make():\n    app = FastHTML(secret_key='x')\n    @app.route\n    def index(): return ''\n    return app\napp = make()",
        5, "Write @rt('/')"),
    'a page that is called as a method': (
        "app = FastHTML(secret_key='x')\n@app.route('/')\ndef post(): return ''", 4, "write methods=['GET']"),
    'a method without a path': (
        "app = FastHTML(secret_key='x')\n@app.route\ndef patch(): return ''", 4, "@rt('/patch'), or @app.patch"),
    'a folder': ("app, rt = fast_app(secret_key='x', static_path='not here')", 3, "Path(__file__).parent/'static'"),
    'a folder of one kind of file': ("app = FastHTML(secret_key='x')\napp.static_route('.css', static_path='no')", 4, "Path(__file__)"),
}
MEANT = {
    'a number where a file would be':
        "app = FastHTML(secret_key='x', before=Beforeware(f, skip=[r'.*\\.css']))\n@app.get('/{id}')\ndef one(id: int): ...",
    'methods of one address':
        "app = FastHTML(secret_key='x')\n@app.get('/')\ndef get(): ...\n@app.route('/patch')\ndef post(): ...\n"
        "@app.put('/patch')\ndef put(): ...",
    'no guard': "app, rt = fast_app(secret_key='x', before=None, after=None, on_startup=None, lifespan=None)",
    'a guard that may be none': "guard = f()\napp, rt = fast_app(secret_key='x', before=guard if guard else None)",
    'a call that gives a function': "def g(): return f\napp, rt = fast_app(secret_key='x', before=g())",
    'another option': "app, rt = fast_app(secret_key='x', hdrs=f(), ftrs=f(), routes=f(), middleware=f())",
    'toasts that are shown': "app, rt = fast_app(secret_key='x')\nsetup_toasts(app)\nrt('/')(lambda session: add_toast(session, 'Saved'))",
    'toasts by the function itself':
        "app, rt = fast_app(secret_key='x', after=toast_after)\nrt('/')(lambda session: add_toast(session, 'Hi'))",
    'toasts that the outer app shows':
        "inner = FastHTML(secret_key='x')\ninner.get('/x.css')(lambda session: add_toast(session, 'Saved'))\n"
        "inner.get('/')(lambda: '')\napp, rt = fast_app(secret_key='x', routes=[Mount('/', inner)])\nsetup_toasts(app)",
    'a file that is not there': "app, rt = fast_app(secret_key='x')",
    'a folder that is made at the start': "app, rt = fast_app(secret_key='x', static_path='made', on_startup=lambda: os.makedirs('made'))",
}


def logged(tmp_path, caplog, monkeypatch, program):
    "The lines in the log, of a program that is started and asked for its page and a file"
    monkeypatch.setattr('fasthtml.http.hints._said', {})
    monkeypatch.chdir(tmp_path)
    app = run(tmp_path, GIVES_NONE + program).get('app') or FastHTML(secret_key='x')
    with TestClient(app) as client:
        for path in '/', '/x.css', '/y.css': client.get(path)
        client.patch('/patch')
    return [o.getMessage() for o in caplog.records if o.name.startswith('fasthtml')]


@pytest.mark.parametrize('way', FORGOTTEN)
def test_what_a_program_has_forgotten_is_logged_once_at_its_line(way, tmp_path, caplog, monkeypatch):
    program, line, mend = FORGOTTEN[way]
    said = logged(tmp_path, caplog, monkeypatch, program)
    assert len(said) == 1 and said[0].startswith(f'{tmp_path/"main.py"}:{line}: ') and mend in said[0], said


@pytest.mark.parametrize('way', MEANT)
def test_what_is_meant_is_not_logged(way, tmp_path, caplog, monkeypatch):
    assert logged(tmp_path, caplog, monkeypatch, MEANT[way]) == []


# A row goes whose `outerHTML` a response replaces that holds nothing for it

FOOT = Tfoot(Tr(Td('new')), id='foot', hx_swap_oob='true')
NOTHING_FOR_THE_ROW = {
    'nothing': lambda sess: '',
    'an element for another place': lambda sess: clear('detail'),
    'a toast': lambda sess: add_toast(sess, 'Gone'),
    'a toast and an empty text': lambda sess: [add_toast(sess, 'Gone'), ''][1],
    'both': lambda sess: [add_toast(sess, 'Gone'), clear('detail')][1],
    'a header': lambda sess: HtmxResponseHeaders(trigger='gone'),
    'the foot of a table': lambda sess: ('', FOOT),
    'the foot, and a number': lambda sess: ('', FOOT, Span('3', id='number', hx_swap_oob=True)),
    'a number, and the foot': lambda sess: (Span('4', B('!'), id='number', hx_swap_oob=True), FOOT),
}


@pytest.mark.parametrize('version', [2, 4])
def test_a_row_goes_whatever_a_response_holds_for_other_places(version):
    app = FastHTML(htmx=version, secret_key='x')
    setup_toasts(app)

    @app.delete('/{name}')
    def remove(name: str, sess): return NOTHING_FOR_THE_ROW[name](sess)

    @app.get('/')
    def index():
        def row(name): return Li(Button(name, hx_delete=remove.to(name=name), hx_target='closest li', hx_swap='outerHTML'))
        return Titled('Rows', Ul(map(row, NOTHING_FOR_THE_ROW), id='rows'), Div('old', id='detail'), Table(Tfoot(id='foot')),
                      Span(id='number'))
    page = Client(app).open('/')
    for _ in NOTHING_FOR_THE_ROW: page.click('#rows li:first-child button')
    assert not page.all('#rows li') and page.one('#foot').text == 'new' and page.one('#number').text == '4!'
    assert page.one('#detail').text == '' and len(page.all('.fh-toast')) == 3


# Bare containers


BARE = {   # annotation → what it makes of the JSON list [1, [2], {"a": 3}], and of a form with two values
    list: ([1, [2], {'a': 3}], ['1', '']), List: ([1, [2], {'a': 3}], ['1', '']), list[Any]: ([1, [2], {'a': 3}], ['1', '']),
    tuple: ((1, [2], {'a': 3}), ('1', '')), Sequence: ([1, [2], {'a': 3}], ['1', '']), Iterable: ([1, [2], {'a': 3}], ['1', '']),
    list | None: ([1, [2], {'a': 3}], ['1', '']), set: (None, {'1', ''}),
}


@pytest.mark.parametrize('annotation', BARE, ids=str)
def test_a_list_that_does_not_say_of_what_takes_everything(annotation):
    from_json, from_form = BARE[annotation]
    app = FastHTML(secret_key='x')
    Record = make_dataclass('Record', [('x', annotation)])
    seen = []

    def one(x): seen.append(x)
    def whole(r: Record): seen.append(r.x)
    one.__annotations__ = {'x': annotation}
    whole.__annotations__ = {'r': Record}
    client = Client(app)
    for f in (one, whole):
        app.post(f'/{f.__name__}')(f)
        sent = client.post(f'/{f.__name__}', json={'x': [1, [2], {'a': 3}]})
        if from_json is None: assert sent.status_code == 400
        else: assert sent.status_code == 200 and seen.pop() == from_json
        client.post(f'/{f.__name__}', data={'x': ['1', '']})
        assert seen.pop() == from_form


# Mistakes that are errors when a program starts: what it wrote, and what to write

STARTS = {
    'a middleware as a guard': (lambda: FastHTML(before=user_pwd_auth(ann='x')), r'Middleware\(BasicAuth.* Write middleware=\[...\]'),
    'a guard as a middleware': (lambda: FastHTML(middleware=[Beforeware(print)]), 'It is a guard: write before='),
    'a class as a middleware': (lambda: FastHTML(middleware=[CORSMiddleware]), r'Write Middleware\(CORSMiddleware'),
    'a response as a guard': (lambda: FastHTML(before=RedirectResponse('/login')), 'Write a function that returns it'),
    'an element as a guard': (lambda: FastHTML(before=[P('no')]), 'got <p>no</p>. Write a function that returns it'),
    'an element as an exception handler': (lambda: FastHTML(exception_handlers={404: P('no')}), 'got <p>no</p>. Write lambda req, exc'),
    'a list of exception handlers': (lambda: FastHTML(exception_handlers=[404]), r'\{404: not_found\}.*, got \[404\]'),
    'a script that was not called': (lambda: fast_app(hdrs=MarkdownJS), r'element of hdrs=.*Call it: `MarkdownJS\(...\)`'),
    'one of several': (lambda: FastHTML(ftrs=(P('x'), [SortableJS])), r'element of ftrs=.*Call it: `SortableJS'),
    'a folder in the place of an app': (lambda: FastHTML().mount('/static', 'static'), r"got 'static'. For a folder write StaticFiles"),
}


@pytest.mark.parametrize('mistake', STARTS)
def test_a_mistake_at_the_start_says_what_to_write(mistake):
    make, message = STARTS[mistake]
    with pytest.raises(TypeError, match=message): make()


def for_ever(): yield from count()


ENDLESS = {
    'a child': lambda: Div(count()), 'a generator': lambda: Div(for_ever()), 'in a list': lambda: Ul([for_ever()]),
    'mapped': lambda: Ul(map(str, count())), 'elements of one tag': lambda: Ul(map(Li, repeat('x'))),
    'by itself': lambda: to_xml(for_ever()), 'in a fragment': lambda: to_xml(Fragment(for_ever())),
    'in a header': lambda: HtmxResponseHeaders(trigger={'a': count()}),
    'in an address': lambda: qp('/x', q=count()),
    'in the address of a route': lambda: FastHTML(secret_key='x').get('/')(lambda: '').to(q=count()),
    'in a script': lambda: run_js('{a}', a=count()), 'in an event': lambda: sse_message({'a': count()}),
    'in JSON': lambda: Client(app_of(lambda: {'a': count()})).get('/'), 'in a JSONResponse': lambda: JSONResponse({'a': count()}),
    'a handler': lambda: Client(app_of(for_ever)).get('/'),
    'what a handler returns': lambda: Client(app_of(lambda: ('x', repeat('x')))).get('/')}


def app_of(f):
    app = FastHTML(secret_key='x')
    app.get('/')(f)
    return app


@pytest.mark.parametrize('place', ENDLESS)
def test_what_has_no_end_is_an_error_before_memory_has(place, monkeypatch):
    monkeypatch.setattr('fasthtml.html.attributes._most', 1000)
    with pytest.raises(ValueError, match='may have no end.*islice'): ENDLESS[place]()


ITEMS = {  # what holds 1 and 2
    'a list': lambda: [1, 2], 'a tuple': lambda: (1, 2), 'a set': lambda: {2, 1}, 'a range': lambda: range(1, 3),
    'a map': lambda: map(int, '12'), 'a generator': lambda: (o for o in (1, 2)), 'keys': lambda: {1: 0, 2: 0}.keys(),
    'values': lambda: {'a': 1, 'b': 2}.values(),
    'a deque': lambda: deque([1, 2]), 'a list of fastcore': lambda: L(1, 2)}
IN_JSON = {  # place -> the JSON, or the query, that is written there
    'hx_vals': lambda items: html(to_xml(Div(hx_vals={'a': items}))).css_first('div').attributes['hx-vals'],
    'a header': lambda items: HtmxResponseHeaders(trigger={'a': items}).v,
    'a script': lambda items: html(to_xml(run_js('x = {a};', a=items))).css_first('script').text().partition('x = ')[2].partition(';')[0],
    'an event': lambda items: sse_message({'a': items}).strip().removeprefix('data: '),
    'JSON': lambda items: Client(app_of(lambda: {'a': items})).get('/').text,
    'a JSONResponse': lambda items: JSONResponse({'a': items}).body.decode(),
    'an address': lambda items: json.dumps([int(v) for _, v in parse_qsl(urlsplit(qp('/x', a=items)).query)])}


@each_row('place, items', [(p, i) for p in IN_JSON for i in ITEMS
                                          if p != 'hx_vals' or i not in ('a map', 'a generator')])
def test_what_holds_items_is_a_list_in_json(place, items):
    found = json.loads(IN_JSON[place](ITEMS[items]()))
    assert (found['a'] if isinstance(found, dict) else found) == [1, 2]


ONCE = {  # an attribute that holds what can be read only once
    'cls': lambda it: {'cls': it}, 'among classes': lambda it: {'cls': ['a', it]}, 'among styles': lambda it: {'style': ['a:b', it]},
    'a style': lambda it: {'style': {'color': it}}, 'data': lambda it: {'data_x': it}, 'among data': lambda it: {'data_x': ['a', it]},
    'hx_vals': lambda it: {'hx_vals': {'a': it}}, 'hx_headers': lambda it: {'hx_headers': {'a': {'b': it}}}}


@pytest.mark.parametrize('attrs', ONCE)
def test_an_element_keeps_nothing_that_can_be_read_only_once(attrs):
    "It may be written again"
    with pytest.raises(TypeError, match='read only once. Make it a list'): to_xml(Div(**ONCE[attrs](map(str, 'ab'))))


def test_one_middleware_needs_no_list():
    app = FastHTML(middleware=Middleware(GZipMiddleware, minimum_size=1), secret_key='x')
    app.get('/')(lambda: P('x' * 100))
    assert Client(app).get('/', headers={'accept-encoding': 'gzip'}).headers['content-encoding'] == 'gzip'


@pytest.mark.parametrize('how', ['keywords', 'tbls'])
def test_a_table_may_be_transformed(how, tmp_path):
    pytest.importorskip('fastlite')
    def table(**columns):
        words = dict(columns, pk='id')
        return fast_app(tmp_path/'x.db', secret_key='x', **(words if how == 'keywords' else {'tbls': {'items': words}}))[2]
    table(id=int, name=str, gone=str).insert(name='a', gone='b')
    assert [c.name for c in table(id=int, name=str, more=int).columns] == ['id', 'name', 'gone', 'more']   # no data is lost unasked
    kept = table(id=int, name=str, transform=True)
    assert [c.name for c in kept.columns] == ['id', 'name'] and kept[1].name == 'a'
    assert 'transform' in [c.name for c in table(id=int, name=str, transform=str).columns]   # the name of a column


FRAMES = {  # what shows a frame -> the style with its height
    'show': lambda size: shown(P(), iframe=True, height=size), 'HTMX': lambda size: to_xml(frame('/', height=size)),
    'YouTubeEmbed': lambda size: to_xml(YouTubeEmbed('x', width='100%', height=size))}


@each_row('size, css', [(300, '300px'), ('300', '300px'), (300.5, '300.5px'), ('50vh', '50vh'), ('22.5rem', '22.5rem'),
                                       ('calc(1em + 2px)', 'calc(1em + 2px)')])
@each_row('what', FRAMES)
def test_a_size_is_a_number_of_pixels_or_a_length(what, size, css):
    box = html(str(FRAMES[what](size))).css_first('iframe')
    assert f' height: {css};' in f' {box.attributes["style"]};'


@pytest.mark.parametrize('width, style, inner', [
    (560, 'max-width: 560px', 'aspect-ratio: 560 / 315; height: auto'),
    ('640', 'max-width: 640px', 'aspect-ratio: 640 / 315; height: auto'),
    ('100%', 'max-width: 100%', 'height: 315px'), ('40rem', 'max-width: 40rem', 'height: 315px')])
def test_a_video_keeps_its_shape_where_both_sizes_are_pixels(width, style, inner):
    box = html(to_xml(YouTubeEmbed('x', width=width))).css_first('div')
    assert box.attributes['style'] == style and box.css_first('iframe').attributes['style'] == f'{inner}; width: 100%; border: 0'


STARS = {   # imports of a program that makes a Table: is it the element?
    'fastlite below': ('from fasthtml.common import *\nfrom fastlite import *', False),
    'fastlite above': ('from fastlite import *\nfrom fasthtml.common import *', True),
    'by name': ('from fasthtml.common import *\nfrom fastlite import database', True),
    'said again': ('from fasthtml.common import *\nfrom fastlite import *\nfrom fasthtml.common import Table', True),
    'meant': ('from fasthtml.common import *\nfrom fastlite import Table', None),
    'its own': ('from fasthtml.common import *\nclass Table:\n    def __init__(self, *c): ...\n    def __str__(self): return ""', None),
}


@pytest.mark.parametrize(('imports', 'element'), STARS.values(), ids=STARS)
def test_an_element_that_a_star_import_replaced_is_named(tmp_path, imports, element):
    pytest.importorskip('fastlite')
    program = tmp_path/'main.py'
    program.write_text(f'{imports}\nrows, folder = Table(Tbody(Tr(Td(1)))), Path()\n')
    found = [o.text for o in check_program(program) if 'star import' in o.text]
    assert len(found) == (element is False)
    names = {}
    exec(imports, names)
    table = names['Table'](Thead(), Tbody())
    if element: assert str(table) == '<table><thead></thead><tbody></tbody></table>'
    elif element is False:
        with pytest.raises(TypeError, match='star import, as that of fastlite, replaced the element'): to_xml(Div(table))


@pytest.mark.parametrize(('kit', 'found'), [
    ('', 1), ('from kit import *', 0), ('from kit import Card', 0), ('def Card(*c): return P(*c)', 0)])
def test_a_component_of_another_library_did_not_move(tmp_path, kit, found):
    "As Card, Grid and Container of MonsterUI"
    (tmp_path/'kit.py').write_text('from fasthtml.common import P\ndef Card(*c): return P(*c)\n')
    program = tmp_path/'main.py'
    program.write_text(f'from fasthtml.common import *\n{kit}\ndef page(): return Card("x")\n')
    try: assert ['is in fasthtml.pico' in o.text for o in check_program(program)] == [True]*found
    finally: sys.modules.pop('kit', None)
