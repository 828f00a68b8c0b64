"pyright in a fresh environment, installed as the README says, accepts right programs and rejects wrong ones; jedi completes."
import inspect
import json
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import jedi
import pytest

from fasthtml.html import tags
from support import ROOT, committed_copy, missing

RIGHT = '''
from dataclasses import dataclass

from fasthtml.html.element import FT, Fragment, Safe, ft, to_html
from fasthtml.html.htmx import HtmxHeaders, HtmxResponseHeaders, HttpHeader, asset_url, wants_fragment
from fasthtml.html.render import iter_chunks, static, to_xml
from fasthtml.html.tags import (A, Article, Body, Button, Details, Dialog, Div, File, Form, H1, Head, Html, HxPartial, Iframe, Img, Input,
    Label, Li, Link, Main, Meta, Ol, Option, P, Script, Select, Table, Td, Textarea, Th, Title, Tr, Ul, Video, ft_hx, show)

@dataclass
class Task:
    title: str
    done: bool
    def __ft__(self) -> FT:
        return Li(Input(type='checkbox', checked=self.done), self.title, id=True, cls=['task', 'done'])

def index() -> FT | tuple[FT, FT]: ...

def page(tasks: list[Task], htmx: HtmxHeaders) -> str:
    box = Div({'@click': 'go()'}, id='box', cls='a b', hidden=True, tabindex=0, style={'color': 'red'}, data_x=3)
    box(P('more'), cls='c').set('only', title='t')
    box.title = 'x'
    form = Form(Label('Name', fr='name'), Input(id='name', name='name', required=True, maxlength=10, hx_post='/x', hx_swap='outerHTML'),
        Select(Option('a', value=1, selected=True), name='s'), Textarea('text', rows=3), Button('Go', type='submit', hx_target=box),
        method='post', hx_post=index, hx_target='#box',
        hx_vals={'a': 1}, hx_on_submit='go()', hx_swap='outerHTML swap:1s', hx_push_url=True)
    table = Table(Tr(Th('h', scope='col'), Td('x', colspan=2)), Tr(map(Td, ['1', '2'])), Tr(Td(i) for i in range(3)))
    media = Img(src='/a.png', loading='lazy', width='50%'), Video(src='/v', controls=True, preload='none'), \
        Iframe(srcdoc='x', loading='eager')
    kids: list[FT] = [A('x', href=index, target='_blank', target_id=box), Ol(Li('x', value=3), start=2), Ul(tasks), Article(dir='rtl')]
    first: FT = kids[0]
    link: str | None = first.href
    doc = Html(Head(Title('t'), Meta(charset='utf-8'), Link(rel='stylesheet', href=asset_url('pico'), crossorigin='anonymous')),
        Body(Main(H1('x'), *kids, form, table, media, Fragment('a', None, 1.5, True), Safe('<b>')), Script('x', defer=True)), lang='en')
    header: HttpHeader | tuple[HttpHeader, ...] = HtmxResponseHeaders(trigger={'saved': 1}, retarget=box)
    extra = ft('x-y', 'a', id='q'), ft_hx('x-y', hx_get='/'), HxPartial('x', hx_target=box), Details(open=True), Dialog(closedby='any')
    if htmx and htmx.target == 'box' and wants_fragment({}): return to_html(doc, extra, show(box, height=100))
    return to_xml(doc, indent=False) + ''.join(iter_chunks(doc, size=100)) + static(box) + File('x.html') + f'{link}{header}'
'''

APP = '''
from collections.abc import Callable
from typing import Any

from fasthtml.common import APIRouter, Beforeware, Client, Div, FastHTML, Form, FT, P, Redirect, fast_app
from fasthtml.http.routing import Route

app, rt = fast_app()
ar = APIRouter('/x')

@rt
def index(n: int = 1) -> FT: return Div(cls=['a', None], **dict(hx_target='#a'))

@app.get('/{id}')
async def one(id: int) -> FT: return P(cls={'active': id > 1}, draggable=True, translate=False)

@rt('/y', methods=['get'])
def y() -> FT: return Div(P(index), hx_get=index, hx_post=one.to(id=3), href=index)

@app.ws('/ws')
async def ws(msg: str, send: Any) -> None: await send(P(msg))

@ar
def bare(q: str) -> str: return q

@ar.post('/p')
def posted(q: str) -> Redirect: return Redirect(index)

@ar.ws('/w')
async def socket(q: str) -> None: ...

@rt
class things:
    def get(self) -> str: return ''

def use(site: FastHTML) -> str:
    got: FT = index(2)
    r: Route[[int], Any] = one
    options = dict(hx_target='#a', cls='b')
    form = Form(Div(**options), ws_connect=ws, hx_post=posted, sse_connect=socket, action=bare)
    Client(site).get(index)
    Client(site).ws(ws)
    Beforeware(use, skip=[index, '/x'])
    return f'{got}{r}{form}{bare("a")}{one.methods}{things.to()}{things.get}{y}'

def calls(f: Callable[[int], FT]) -> FT: return f(1)
calls(index)
'''

# As programs are usually written: hardly any hints, functions that link to each other, names that the star has too
PLAIN = '''
from fasthtml.common import *

app, rt, todos, Todo = fast_app('data.db', id=int, title=str, hdrs=[MarkdownJS()], exts=('ws', 'sse'), live=True)
room = app.channel('room')

def row(todo): return Li(A(todo.title, href=one.to(id=todo.id)), Button('x', hx_delete=rm.to(id=todo.id)), id=todo.id)
@rt
def index(req, sess, htmx, auth=None):
    sess['n'] = 1
    return P(req.url) if htmx.boosted else Titled('x', Ul(*map(row, todos())), Form(hx_post=Shelf.to(n=1)), P(first([1])))
@rt('/todo/{id}')
def one(id: int): return row(todos[id]), A('back', href=index.to())
@rt('/todo/{id}', methods=['delete'])
def rm(id: int): return one(id)
@rt('/shelf')
class Shelf:
    def get(self): return Div(hx_get=Shelf.to(n=3), hx_post=Shelf)
@app.ws('/ws', conn=lambda ws: room.join(ws), disconn=lambda: None)
async def ws(msg, send): await send(P(msg, id='m'))
async def entered(ws: WebSocket): room.join(ws)
@app.get('/news')
def news(session): return EventStream(room, 'more')
@app.post('/up')
async def up(file: UploadFile, files: list[UploadFile], body, data): return len(await file.read()), cookie('a', 'b')

def looser(): return (HtmxResponseHeaders(refresh='true'), HttpHeader('X-Count', 3), cookie('n', 3), Titled(Span('x'), 'y'),
    Favicon(up, up), CheckboxX(1), Script(None, src='x'), sitemap_url(up))
def js(): return Script('x')
named = sk = js()
serve()
'''

# Everything typed, and what tests of an app call
TYPED = '''
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from fasthtml.common import (FT, APIRouter, Client, Div, Errors, EventStream, FastHTML, Form, HtmxHeaders, Input, P, Redirect, Request,
    Response, UploadFile, WebSocket, sse_message)
from fasthtml.testing import Page

app, ar = FastHTML(exts=['ws', 'sse'], secret_key='k'), APIRouter('/api')
room = app.channel('room', history=10)
@dataclass
class Order: tea: str; day: date | None = None; extras: list[str] | None = None; proof: UploadFile | None = None
@dataclass
class Said: text: str; to: str = ''

@app.post('/order')
async def order(order: Order, errors: Errors, session: dict[str, Any], htmx: HtmxHeaders) -> FT | Redirect:
    return P(', '.join(e.field for e in errors.values()), htmx.target) if errors else Redirect(find)
@app.get('/find')
def find(req: Request, q: Literal['a', 'b'] = 'a', n: float | None = None) -> dict[str, Any] | Response: return {q: n}
async def enter(ws: WebSocket) -> None: room.join(ws)
async def leave(code: int) -> None: print(code, len(room))
@app.ws('/ws', conn=enter, disconn=leave, channels=room, max_pending=1000)
async def talk(said: Said, ws: WebSocket) -> FT: return P(said.text, id='m')
async def numbers() -> AsyncIterator[FT]: yield P(1)
@ar.get('/stream')
async def stream() -> EventStream: return EventStream(numbers(), heartbeat=5)
@ar.post
async def pushed() -> None: await EventStream().send(sse_message(P('x'), event='tick'))
ar.to_app(app)
@app.live
def cart(id: int) -> FT: return Div(id=id)
@app.live(pace=1, guard=bool)
async def mine(auth: str) -> FT: return Div(auth)
@app.work
async def build(job: str, say: Any) -> None: await say(P(job))
@app.get('/live')
async def live() -> tuple[Any, ...]:
    await cart.changed(id=7)
    await build.stop(job='a')
    return cart(id=7), mine(), build.start(job='a'), Form(Input(id=3), hx_post=order)

class Own(Client): pass
def shop(client: Client) -> Page:
    page = client.open('/live', htmx=4)
    page.fill('#q', 'x')
    page.type('#q', 'y')
    page.click(page.element('#go'))
    page.wait('li', 3)
    texts: list[str] = [page.one('p').text, page.region(cart, id=7).text, *page.warnings, client.hx.get(find).text]
    with client.ws(talk) as socket, client.sse(stream) as events: socket.hx(text='x'); texts.append(events.next().data)
    assert page.is_true() and isinstance(client, Own)
    return page
'''

WRONG_APP = '''
from fasthtml.common import FastHTML, APIRouter, fast_app
app, rt = fast_app()
@rt
def index(n: int) -> str: return str(n)
@app.get('/a')
async def a(n: int) -> str: return str(n)
index('x')
index()
x: int = index(1)
y: str = a(1)
index.methodes
app.get('/b', nmae='b')
app.ws('/ws', con=None)
app.live(pase=1)
'''

WRONG = '''
from fasthtml.html.element import FT, Fragment, Safe, tag_factory, unqid
from fasthtml.html.htmx import HtmxHeaders, HtmxResponseHeaders, HttpHeader, htmx_exts
from fasthtml.html.render import iter_chunks, to_xml
from fasthtml.html.tags import *

Div(cls=3)
Div(id=3.5)
P(dir='lft')
Span(hidden='yes')
A('x', target_id=3)
A('x', hx_target=['#a'])
Input(type='emial')
Input(required='required')
Input(maxlength=[3])
Button('x', type='sumbit')
Form(method='put')
Form(enctype='json')
Select(multiple='many')
Textarea(wrap='on')
Img(loading='lasy')
Video(preload='some')
Th(scope='column')
Td(colspan=1.5)
Details(open='open')
Template(shadowrootmode='shut')
Link(crossorigin='anon')
Div(hx_vals=[1])
Div(hx_on_click=3)
Div(popover='automatic')
Div(tabindex=[0])
Html(doctype='html5')
HxPartial(hx_target=3)
FT('div', 'text')
HttpHeader('a')
HtmxResponseHeaders(retrigger='x')
htmx_exts(3)
to_xml(Div(), lvl='1')
iter_chunks(Div(), size='big')
unqid('yes')
tag_factory(3)
File(3)
show(Div(), iframe='yes')
x: int = Div()
y: str = Div('a').children
HtmxHeaders().targets
ft_hx()
'''


pytestmark = pytest.mark.timeout(1200)   # the first test waits for an installation and for pyright


@pytest.fixture(scope='module')
def python(tmp_path_factory) -> Path:
    "A Python of its own, with the library installed by the README's command. What it needs comes from this environment"
    place = tmp_path_factory.mktemp('fresh')
    venv.create(place/'venv', with_pip=False)
    python = place/'venv/bin/python'
    [command] = re.findall('^pip install (.+)$', (ROOT/'README.md').read_text(), re.M)
    words = [str(committed_copy(place/'copy')) if word.startswith('.') else word for word in shlex.split(command)]
    done = subprocess.run([sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet', '--no-deps', *words], text=True,
                          capture_output=True)
    if done.returncode and 'Could not find a version' in done.stderr:
        missing('the package index', 'an editable install downloads setuptools')
    assert done.returncode == 0, done.stderr
    [own] = place.glob('venv/lib/python*/site-packages')
    (own/'needs.pth').write_text(sysconfig.get_paths()['purelib'])
    return python


def pyright(folder: Path, python: Path, **sources: str) -> dict[str, list[tuple[int, str]]]:
    "file → (line, message) of each error"
    for name, text in sources.items():
        (folder/name).parent.mkdir(exist_ok=True)
        (folder/f'{name}.py').write_text(text)
    (folder/'pyrightconfig.json').write_text(json.dumps({'typeCheckingMode': 'strict', 'reportUnusedVariable': 'none',
        'reportUnusedImport': 'none', 'reportUnusedFunction': 'none', 'reportWildcardImportFromLibrary': 'none'}))
    run = subprocess.run([sys.executable, '-m', 'pyright', '--outputjson', '--pythonpath', python, str(folder)],
                         capture_output=True, text=True, cwd=folder)
    res = {name: [] for name in sources}
    for o in json.loads(run.stdout)['generalDiagnostics']:
        name = str(Path(o['file']).relative_to(folder).with_suffix(''))
        if o['severity'] == 'error': res[name].append((o['range']['start']['line'], o['message']))
    return res


@pytest.fixture(scope='module')
def errors(tmp_path_factory, python):
    return pyright(tmp_path_factory.mktemp('typing'), python, right=RIGHT, wrong=WRONG, app=APP, wrong_app=WRONG_APP, typed=TYPED,
                   **programs())


def programs() -> dict[str, str]:
    "In pyright's own default mode: the examples, what `fasthtml new` writes, the code of the guide as one program, and a plain one"
    files = {f'example_{path.stem}': path for path in (ROOT/'examples').glob('*.py')}
    files |= {f'{path.parent.name}/{path.name[:-7]}': path for path in (ROOT/'fasthtml/workshop/templates').glob('*/*.py.txt')}
    blocks = re.findall('```python\n(.*?)```', (ROOT/'fasthtml/workshop/guide.md').read_text(), re.S)
    found = {name: path.read_text() for name, path in sorted(files.items())} | {'plain': PLAIN}
    standard = {name: '# pyright: standard\n' + text for name, text in found.items()}
    return standard | {'guide': '# pyright: standard, reportRedeclaration=false\n' + '\n\n'.join(blocks)}


def test_the_examples_and_the_guide_have_no_errors(errors):
    assert {name: errors[name] for name in programs()} == dict.fromkeys(programs(), [])
    assert len(programs()) >= 13


@pytest.mark.parametrize('name', ['right', 'app', 'typed'])
def test_right_uses_are_accepted(errors, name):
    assert errors[name] == []


def test_routes_are_typed(errors):
    lines = WRONG_APP.splitlines()
    wrong = {i for i, line in enumerate(lines) if i > lines.index('async def a(n: int) -> str: return str(n)')}
    assert {i for i, _ in errors['wrong_app']} == wrong


def test_every_wrong_use_is_rejected(errors):
    found, lines = {line for line, _ in errors['wrong']}, WRONG.splitlines()
    wrong = [i for i, line in enumerate(lines) if line and 'import' not in line]
    assert [lines[i] for i in wrong if i not in found] == []
    assert [m for i, m in errors['wrong'] if i not in wrong] == []


def complete(source: str) -> list[str]:
    lines = source.splitlines()
    return [o.name for o in jedi.Script(source, project=jedi.Project(ROOT)).complete(len(lines), len(lines[-1]))]


def test_editors_complete_names_and_attributes():
    assert 'Textarea' in complete('from fasthtml.html.tags import *\nTexta')
    assert 'hx_target=' in complete('from fasthtml.html.tags import Div\nDiv(hx_tar')
    assert 'colspan=' in complete('from fasthtml.html.tags import Td\nTd(cols')
    assert 'children' in complete('from fasthtml.html.tags import Td\nTd().chil')
    [sig] = jedi.Script('from fasthtml.html.tags import Td\nTd(', project=jedi.Project(ROOT)).get_signatures(2, 3)
    assert sig.docstring().endswith('Cell: `<td>`')


def test_help_and_shift_tab_show_a_real_signature():
    sig = inspect.signature(tags.Form)
    assert sig.parameters['method'].annotation == tags.Literal['get', 'post', 'dialog'] | None
    assert {'c', 'cls', 'hx_get', 'hx_on_click', 'target_id', 'kw'} <= set(sig.parameters) and sig.return_annotation is tags.FT
    assert str(sig).startswith('(*c') and 'enctype' in str(sig) and sig.bind('a', method='post').arguments['method'] == 'post'
    assert tags.Form.__doc__ == 'Form: `<form>`' and tags.Form.__name__ == 'Form' and tags.Form.__module__ == 'fasthtml.html.tags'
    assert list(inspect.signature(tags.ft_hx).parameters)[:2] == ['tag', 'c']


def test_the_stubs_are_what_the_modules_say(tmp_path):
    sys.path.insert(0, str(ROOT))
    from tools.stubs import MODULES, stub
    for name in MODULES:
        module = __import__(f'fasthtml.{name}', fromlist=['x'])
        path = Path(module.__file__).with_suffix('.pyi')
        assert path.read_text() == stub(module), f'run `python tools/stubs.py`: {name}.pyi is not up to date'
