"pyright in strict mode accepts right uses of components and rejects wrong ones; jedi completes and documents without running them."
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import jedi
import pytest

from fasthtml.html import tags

ROOT = Path(__file__).resolve().parents[2]

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
    return f'{got}{r}{form}{bare("a")}{one.methods}{things}{y}'
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


def pyright(folder: Path, **sources: str) -> dict[str, list[tuple[int, str]]]:
    "file → (line, message) of each error"
    for name, text in sources.items(): (folder / f'{name}.py').write_text(text)
    (folder / 'pyrightconfig.json').write_text(json.dumps({'typeCheckingMode': 'strict', 'reportUnusedVariable': 'none',
        'reportUnusedImport': 'none', 'reportWildcardImportFromLibrary': 'none', 'extraPaths': [str(ROOT)]}))
    run = subprocess.run([sys.executable, '-m', 'pyright', '--outputjson', '--pythonpath', sys.executable, str(folder)],
                         capture_output=True, text=True, cwd=folder)
    res = {name: [] for name in sources}
    for o in json.loads(run.stdout)['generalDiagnostics']:
        if o['severity'] == 'error': res[Path(o['file']).stem].append((o['range']['start']['line'], o['message']))
    return res


@pytest.fixture(scope='module')
def errors(tmp_path_factory):
    return pyright(tmp_path_factory.mktemp('typing'), right=RIGHT, wrong=WRONG, app=APP, wrong_app=WRONG_APP, **programs())


def programs() -> dict[str, str]:
    "The examples, and the code of the guide as one program, in pyright's own default mode"
    found = {f'example_{path.stem}': '# pyright: standard\n' + path.read_text() for path in sorted((ROOT/'examples').glob('*.py'))}
    blocks = re.findall('```python\n(.*?)```', (ROOT/'fasthtml/workshop/guide.md').read_text(), re.S)
    return {**found, 'guide': '# pyright: standard, reportRedeclaration=false\n' + '\n\n'.join(blocks)}


def test_the_examples_and_the_guide_have_no_errors(errors):
    assert {name: errors[name] for name in programs()} == dict.fromkeys(programs(), [])
    assert len(programs()) >= 5


def test_right_uses_are_accepted(errors):
    assert errors['right'] == []


def test_routes_are_typed(errors):
    assert errors['app'] == []
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
