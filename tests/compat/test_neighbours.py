"""Libraries and habits that programs for FastHTML bring along.

The component libraries are real, from .make/neighbours (tools/neighbours.py puts them there), one process for each:
some change what others import.
"""
import json
import logging
import os
import subprocess
import sys
import textwrap

import pytest
from fastcore.basics import NotStr as FastcoreNotStr
from selectolax.lexbor import LexborHTMLParser
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions

import fasthtml.html.element as element_model
import fasthtml.http.hints as hints
from fasthtml.common import *
from fasthtml.pico import Grid
from support import ROOT, each_row, missing, serve

NEIGHBOURS = ROOT/'.make/neighbours'


def new_app(**kw): return FastHTML(secret_key='for these tests', **kw)


def body_of(app, path='/'): return LexborHTMLParser(Client(app).get(path).text).body


@pytest.fixture
def said(caplog, monkeypatch):
    "What is logged; what was said once may be said again"
    monkeypatch.setattr(element_model, '_filled', set())
    monkeypatch.setattr(hints, '_said', {})
    caplog.set_level(logging.WARNING, 'fasthtml')
    return caplog


# Component libraries: name -> a program that prints the HTML of a page, and what is on it

LIBRARIES = {
    'monsterui': ('''
        from monsterui.all import *
        app = FastHTML(hdrs=Theme.blue.headers(), secret_key='x')
        @app.get('/')
        def index(): return Titled('Monster', Card(LabelInput('Name', id='n'), Button('Go')), render_md('# Read *me*'))
        ''', ['body.bg-background.text-foreground', '.uk-card input#n', 'button.uk-btn', 'h1 em']),
    'shad4fast': ('''
        from shad4fast import *
        app, rt = fast_app(pico=False, hdrs=(ShadHead(tw_cdn=True),), secret_key='x')
        @rt
        def index(): return Card(Input(placeholder='Name'), Button('Go'), title='Shad')
        ''', ['input[placeholder=Name]', 'button.inline-flex']),
    'faststrap': ('''
        from faststrap import Button, Card, add_bootstrap
        app = FastHTML(secret_key='x')
        add_bootstrap(app)
        @app.get('/')
        def index(): return Card('Text', Button('Go', variant='success'), header='Head')
        ''', ['.card .card-header', 'button.btn.btn-success']),
    'fh_bootstrap': ('''
        from fh_bootstrap import *
        app, rt = fast_app(pico=False, hdrs=bst_hdrs, secret_key='x')
        @rt
        def index(): return Container(Image('/a.png', alt='A picture'), typ=ContainerT.Fluid)
        ''', ['div.container-fluid img[src="/a.png"]']),
    'fh_frankenui': ('''
        from fh_frankenui.core import *
        app, rt = fast_app(pico=False, hdrs=Theme.blue.headers(), secret_key='x')
        @rt
        def index(): return Card(P('Text'), Button('Go'), header=H3('Head'))
        ''', ['.uk-card h3', 'button.uk-button']),
    'cjm_fasthtml_daisyui': ('''
        from cjm_fasthtml_daisyui.components.actions.button import btn, btn_colors
        from cjm_fasthtml_tailwind.core.base import combine_classes
        from cjm_fasthtml_tailwind.utilities.spacing import p
        app, rt = fast_app(pico=False, secret_key='x')
        @rt
        def index(): return Button('Go', cls=combine_classes(btn, btn_colors.primary, p(4)))
        ''', ['button.btn.btn-primary.p-4']),
    'fastmdui': ('''
        import fastmdui as md
        app, rt = fast_app(pico=False, secret_key='x')
        @rt
        def index(): return md.Card('Head', 'Sub', P('Text')), md.Button('Go', icon='add')
        ''', ['mdui-card p', 'mdui-button[icon=add]']),
    'fasthtml_basecoat': ('''
        from fasthtml_basecoat import BasecoatJS
        from fasthtml_basecoat.components.button import Button
        from fasthtml_basecoat.components.card import Card
        app, rt = fast_app(pico=False, hdrs=(BasecoatJS(),), secret_key='x')
        @rt
        def index(): return Card(P('Text'), Button('Go'))
        ''', ['.card p', 'button.btn']),
    'fastsql': ('''
        from fastsql import Database
        app, rt = fast_app(secret_key='x')
        import tempfile
        db = Database(f'sqlite:///{tempfile.mkdtemp()}/notes.db')
        class Note: id: int; text: str
        notes = db.create(Note, pk='id')
        @rt
        def index(): return Ul(*[Li(o.text, id=f'note-{o.id}') for o in [notes.insert(Note(id=1, text='Milk')), *notes()]])
        ''', ['li#note-1']),
}


def rendered(program):
    "The page of a program at `/`, and what it wrote to standard error"
    if not NEIGHBOURS.is_dir():
        missing('The component libraries', 'run `python tools/neighbours.py`, as `make test` does')
    source = 'from fasthtml.common import *\n' + textwrap.dedent(program) + "\nprint(Client(app).get('/').text)"
    env = os.environ | {'PYTHONPATH': os.pathsep.join([str(ROOT), str(NEIGHBOURS)])}
    done = subprocess.run([sys.executable, '-c', source], env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize('library', LIBRARIES)
def test_a_page_of_a_component_library_has_its_elements(library):
    program, wanted = LIBRARIES[library]
    html, _ = rendered(program)
    tree = LexborHTMLParser(html)
    assert [selector for selector in wanted if not tree.css(selector)] == [], html[-2000:]
    assert '&lt;' not in tree.body.html, 'something was escaped that is markup'


def test_a_page_of_monsterui_works_in_a_browser(page):
    "Its own scripts come from the network, which tests have not; the elements, and htmx on them, are ours"
    html, _ = rendered(LIBRARIES['monsterui'][0])
    app = new_app()

    @app.get('/')
    def index(): return HTMLResponse(html.replace('type="submit">Go', 'type="button" hx-get="/more" hx-target="#n" hx-swap="outerHTML">Go'))

    @app.get('/more')
    def more(): return P('fetched', id='more')
    with serve(app) as served:
        page.goto(served.url)
        assert page.locator('h1 em').inner_text() == 'me' and page.locator('.uk-card').count() == 1
        page.click('text=Go')
        page.wait_for_selector('#more')
    of_others = 'refused', 'ERR_NAME_NOT_RESOLVED', 'Not Found', 'script error'   # what our tests have not installed
    assert [o for o in page.problems if not any(word in o for word in of_others)] == []


# Habits: what a program does, and what is then on its page or true of it

def with_sessions(**kw):
    app = new_app(**kw)

    @app.get('/')
    def index(session):
        session['n'] = session.get('n', 0) + 1
        return P(session['n'])
    return app


def added_sessions():
    app = with_sessions()
    app.add_middleware(StarletteSessions, secret_key='y')
    return app


@pytest.mark.parametrize('make', [added_sessions, lambda: with_sessions(middleware=[Middleware(StarletteSessions, secret_key='y')]),
                                  lambda: with_sessions(sess_cls=StarletteSessions),
                                  lambda: with_sessions(sess_cls=None, middleware=[Middleware(StarletteSessions, secret_key='y')])])
def test_starlettes_session_middleware_keeps_sessions(make):
    client = Client(make())
    assert [LexborHTMLParser(client.get('/').text).css_first('p').text() for _ in range(3)] == ['1', '2', '3']


class RawText(FastcoreNotStr): "As libraries derive it"


RAW = FastcoreNotStr('<b>x</b>')
RAW_RESULTS = {
    'alone': lambda: RAW, 'in a tuple': lambda: (P('k'), RAW), 'in a list': lambda: [P('k'), RAW],
    'in a generator': lambda: (o for o in [P('k'), RAW]),
    'in a list in a tuple': lambda: (P('k'), [RAW]), 'in an element': lambda: Div(RAW), 'in a list in an element': lambda: Div([RAW]),
    'in an L': lambda: L(P('k'), RAW), 'in FtResponse': lambda: FtResponse(RAW), 'derived': lambda: RawText('<b>x</b>'),
    'derived, in a list': lambda: [P('k'), RawText('<b>x</b>')], 'in a fragment': lambda: Fragment(RAW), 'from __ft__': lambda: Shown(),
}


class Shown:
    def __ft__(self): return RAW


@each_row('where', RAW_RESULTS)
@each_row('ask', ['a page', 'a fragment', 'a socket', 'a stream'])
def test_raw_text_of_fastcore_is_markup(where, ask):
    app, result = new_app(exts='ws'), RAW_RESULTS[where]
    if ask == 'a socket':
        if where == 'in FtResponse': return   # a response is not for sockets
        app.ws('/ws')(lambda: result())
        with Client(app).ws('/ws') as ws:
            ws.hx(msg='go')
            html = str(ws.receive())
    elif ask == 'a stream':
        if where == 'in FtResponse': return
        app.get('/')(lambda: EventStream([result()]))
        with Client(app).sse('/') as events: html = next(iter(events)).data
    else:
        app.get('/')(lambda: result())
        client = Client(app)
        html = (client if ask == 'a page' else client.hx).get('/').text
    assert '<b>x</b>' in html and '&lt;' not in html


VOID = {
    'input': (lambda: Input('English', type='checkbox'), '<input type="checkbox">English'),
    'link': (lambda: Link('Custom', cls='btn'), '<link class="btn">Custom'),
    'an element': (lambda: Hr(P('x')), '<hr><p>x</p>'),
    'called': (lambda: Br()('x'), '<br>x'),
    'set': (lambda: Img(src='/a').set('x'), '<img src="/a">x'),
    'FT': (lambda: FT('hr', ('x',)), '<hr>x'),
    'escaped': (lambda: Br('<i>'), '<br>&lt;i&gt;'),
    'a list': (lambda: Br(['a', 'b']), '<br>ab'),
}
EMPTY = {'nothing': lambda: Img(None), 'an empty tuple': lambda: Br(()), 'empty text': lambda: Input('')}


@pytest.mark.parametrize('case', VOID)
def test_content_of_a_void_element_is_put_behind_it_and_the_log_says_so_once(case, said):
    make, html = VOID[case]
    assert to_xml(make(), indent=False) == html
    make()
    assert [o.getMessage().count('void element') for o in said.records] == [1]


@pytest.mark.parametrize('case', EMPTY)
def test_an_empty_void_element_is_nothing_to_talk_about(case, said):
    assert EMPTY[case]().void_ and not said.records


CHANGES = {
    'head': (lambda req: req.hdrs.append(Meta(name='theme-color', content='red')), 'head meta[name=theme-color]'),
    'head, set': (lambda req: setattr(req, 'hdrs', [Meta(name='a')]), 'head meta[name=a]'),
    'foot': (lambda req: req.ftrs.append(Footer('end', id='f')), 'body footer#f'),
    'body': (lambda req: req.bodykw.update({'class': 'dark'}), 'body.dark'),
    'html': (lambda req: req.htmlkw.update(lang='de'), 'html[lang=de]'),
    'injects': (lambda req: req.injects.append(P('toast', id='t')), 'body #t'),
}


@each_row('who', ['before', 'handler', 'after', 'async before'])
@each_row('part', CHANGES)
def test_a_request_carries_what_its_page_is_made_of(part, who):
    change, selector = CHANGES[part]
    def ware(req): change(req)
    async def async_ware(req): change(req)
    app = new_app(**{'before': dict(before=ware), 'async before': dict(before=async_ware), 'after': dict(after=ware)}.get(who, {}))

    @app.get('/')
    def index(req):
        if who == 'handler': change(req)
        return P('x')

    @app.get('/other')
    def other(): return P('x')
    tree = LexborHTMLParser(Client(app).get('/').text)
    assert tree.css_matches(selector) and tree.css_first('p')
    if who == 'handler': assert not LexborHTMLParser(Client(app).get('/other').text).css_matches(selector), 'only this page'


@pytest.mark.parametrize('result, kept', [({'a': 1}, {'a': 1}), (JSONResponse([1]), [1])])
def test_elements_are_not_added_to_data(result, kept):
    app = new_app(before=lambda req: req.injects.append(P('toast')))
    app.get('/')(lambda: result)
    assert json.loads(Client(app).get('/').text) == kept


@each_row('kw, selector', [({'class': 'a'}, 'body.a'), ({'cls': 'a'}, 'body.a'),
                                          ({'data-theme': 'dark'}, 'body[data-theme=dark]'),
                                          ({'x_data': '{}'}, 'body[x-data]'), ({'up_main': '1'}, 'body[up-main]'),
                                          ({'text': '#fff'}, 'body[text]')])
@each_row('maker', [new_app, lambda **kw: fast_app(secret_key='x', **kw)[0]])
def test_attributes_of_the_body_may_be_given_to_the_app(maker, kw, selector):
    app = maker(**kw)
    app.get('/')(lambda: P('x'))
    assert body_of(app).css_matches(selector)


# What starts, with a line in the log: keyword -> words of the line
SHRUGGED = {
    'live': (lambda: new_app(live=True), ["'live'", 'fasthtml dev', 'fast_app(live=True)']),
    'static_path': (lambda: new_app(static_path='public'), ["'static_path'", 'app.static_route_exts(static_path=...)']),
    'ct_hdr': (lambda: fast_app(ct_hdr=True, secret_key='x')[0], ["'ct_hdr'", 'Leave it out']),
    'an unknown word': (lambda: new_app(up_main='1'), ["'up_main'", 'attribute of <body>', 'bodykw={']),
    'columns': (lambda: fast_app(id=int, title=str, pk='id', secret_key='x')[0], ["'id'", "fast_app('data.db'"]),
    'a table': (lambda: fast_app(notes=dict(id=int), secret_key='x')[0], ["'notes'", 'needs a database']),
}


@pytest.mark.parametrize('case', SHRUGGED)
def test_what_fasthtml_shrugs_at_starts_and_is_logged_at_the_programs_line(case, said):
    make, words = SHRUGGED[case]
    app = make()
    app.get('/')(lambda: P('x'))
    assert Client(app).get('/').status_code == 200
    [line] = [o.getMessage() for o in said.records]
    assert line.startswith(__file__) and [word for word in words if word not in line] == []
    make()
    assert len(said.records) == 1, 'once'


# What stops: something was asked for that would not happen
STOPPED = {
    'a guard': lambda: new_app(befor=print), 'a key': lambda: FastHTML(secret='x'), 'middleware': lambda: new_app(midleware=[]),
    'origins': lambda: new_app(trusted_origin='https://a.example'), 'a limit': lambda: new_app(max_body_sise=3),
    'csp': lambda: new_app(cps=True),
    'cookies': lambda: new_app(sess_https_onyl=True), 'head': lambda: new_app(hdr=()), 'pico': lambda: fast_app(picoo=False),
}


@pytest.mark.parametrize('case', STOPPED)
def test_a_misspelt_option_stops_the_app(case):
    with pytest.raises(TypeError, match='Did you mean'): STOPPED[case]()


def included(app, **kw):
    router = APIRouter()
    router.ws('/x', **kw)(lambda: 1)
    router.to_app(app)


# Python's own TypeError, with the nearest word
TYPOS = {
    'get': (lambda app: app.get('/x', nmae='y'), 'name'), 'post': (lambda app: app.post('/x', bfore=print), 'before'),
    'route': (lambda app: app.route('/x', metods=['get']), 'methods'), 'ws': (lambda app: app.ws('/ws', con=print), 'conn'),
    'ws, the end': (lambda app: app.ws('/ws', disconnn=print), 'disconn'), 'router': (lambda app: APIRouter().get('/x', nmae='y'), 'name'),
    'router, route': (lambda app: APIRouter().route('/x', hots='a'), 'host'), 'router, ws': (lambda app: included(app, con=print), 'conn'),
}


@pytest.mark.parametrize('case', TYPOS)
def test_a_misspelt_keyword_is_an_error_that_names_the_right_one(case):
    make, near = TYPOS[case]
    with pytest.raises(TypeError, match=f"Did you mean '{near}'"): make(new_app())


@pytest.mark.parametrize('register', [lambda app: app, lambda app: APIRouter()])
@pytest.mark.parametrize('verb', 'get post put delete patch'.split())
def test_a_verbs_decorator_takes_other_methods(register, verb):
    app = new_app()
    rt = register(app)
    getattr(rt, verb)('/s/{x}', methods=['GET', 'PUT'])(lambda x: x)
    if rt is not app: rt.to_app(app)
    client = Client(app)
    assert [client.request(method, '/s/1').status_code for method in ('GET', 'PUT', 'DELETE')] == [200, 200, 405]


IMPORTS = {
    'the function': "from fasthtml import ft; import types; assert isinstance(ft, types.FunctionType); print(ft('a', 'b'))",
    'after its module': "import fasthtml.ft; from fasthtml import ft; print(ft('a', 'b'))",
    'after names of its module': "from fasthtml.ft import Ul; from fasthtml import ft; print(ft('a', 'b'))",
    'after the star': "from fasthtml.common import *; import fasthtml; assert fasthtml.ft is ft; print(ft('a', 'b'))",
    'as FastHTMLs module': "from fasthtml import ft; print(ft.A('b'))",
    'the module by its name': "import fasthtml.ft as tags; print(tags.A('b'))",
    'its star': "from fasthtml.ft import *; print(A('b'))",
}


@pytest.mark.parametrize('case', IMPORTS)
def test_ft_is_the_function_whatever_was_imported_before(case):
    done = subprocess.run([sys.executable, '-c', IMPORTS[case]], cwd=ROOT, text=True, capture_output=True)
    assert done.stdout.split() in (['<a>b</a>'], ['<a', 'href="#">b</a>']), done.stderr


@pytest.mark.parametrize('name', 'database Database NotFoundError picolink Card Container'.split())
def test_a_moved_name_is_not_here_and_its_import_says_where(name):
    import fasthtml.common as common
    assert not hasattr(common, name) and getattr(common, name, 3) == 3
    with pytest.raises(ImportError, match=f'from (fastlite|fasthtml.pico) import {name}'): exec(f'from fasthtml.common import {name}')
    with pytest.raises(ImportError, match=f'import {name}'): exec(f'from fasthtml.common import P, {name} as other')
    with pytest.raises(AttributeError, match=f'import {name}'): getattr(common, name)


@pytest.mark.parametrize('place', ['fasthtml', 'fasthtml.core', 'fasthtml.xtend', 'fasthtml.basics', 'fasthtml.authmw'])
@pytest.mark.parametrize('name', ['database', 'picolink'])
def test_an_import_of_a_moved_name_from_any_of_its_old_places_says_where_it_is(place, name):
    with pytest.raises(ImportError, match=f'from (fastlite|fasthtml.pico) import {name}'): exec(f'from {place} import {name}')


@pytest.mark.parametrize('path', ['js jsd', 'jupyter FastHTML', 'jupyter fast_app', 'jupyter wait_port_free', 'jupyter is_port_free'])
def test_names_at_the_addresses_where_programs_look(path):
    module, name = path.split()
    exec(f'from fasthtml.{module} import {name}', space := {})
    assert callable(space[name])


@pytest.mark.parametrize('query', ['', '?x=1', '?x=1&y=2', '#top', '?x=1#top'])
def test_a_version_is_added_to_an_address_with_a_query(query, tmp_path):
    (tmp_path/'a.css').write_text('p {}')
    version = vurl('/a.css', tmp_path).rpartition('v=')[2]
    path, _, fragment = f'/a.css{query}'.partition('#')
    assert vurl(f'/a.css{query}', tmp_path) == f'{path}{"&" if "?" in path else "?"}v={version}' + ('#' + fragment if fragment else '')


@pytest.mark.parametrize('columns, html', [
    (lambda: ('one', P('two')), '<div>one</div><div><p>two</p></div>'),
    (lambda: (Card('x') for Card in [Article]), '<div><article>x</article></div>'),
    (lambda: ([P('a'), P('b')],), '<p>a</p><p>b</p>'), (lambda: (1, None), '<div>1</div>')])
def test_pico_puts_each_column_of_a_grid_into_a_div(columns, html):
    assert to_xml(Grid(*columns()), indent=False) == f'<div class="grid">{html}</div>'


def test_elements_are_not_fastcores():
    "Two classes: what both can do is asked with `hasattr(x, 'tag')`; `fasthtml.common.FT` is the class of ours"
    import fastcore.xml
    assert not isinstance(Div(), fastcore.xml.FT) and isinstance(Div(), FT)
    assert '<b>x</b>' in to_xml(Div(fastcore.xml.ft('b', 'x')))
