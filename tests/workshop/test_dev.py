"""`fasthtml dev`: what a beginner's mistake looks like in the terminal and in the browser, and how it goes away."""
import logging
import os
import re
import subprocess
import sys
import time
import types
import warnings

import httpx
import pytest

from fasthtml.app.app import FastHTML
from fasthtml.html.htmx import hx_evts, hx_evts_only
from fasthtml.html.js import helpers_js
from fasthtml.html.tags import Div
from fasthtml.testing import Client
from fasthtml.workshop.cli import find_app
from fasthtml.workshop.dev import Dev, Hints, attribute_hint, dev_path, follow_warnings, page_hints
from support import DEADLINE, NODE_MODULES, ROOT, each_row, serve, serve_process, wait_until

HEAD = 'from fasthtml.common import *\napp, rt = fast_app(secret_key="k", {})\n'
# What is in the program; where to look; what the panel says. Each program is a file, as a beginner has it.
MISTAKES = {
    'a misspelt attribute of htmx': ("@rt\ndef index(): return P('x', hx_gett='/')", '/', ["'hx-gett'", "'hx-get'"]),
    'a misspelt attribute': ("@rt\ndef index(): return Input(nmae='a')", '/', ["'nmae'", "'name'"]),
    'a misspelt event': ("@rt\ndef index(): return P('x', onclik='f()')", '/', ["'onclik'", "'onclick'"]),
    'a misspelt swap': ("@rt\ndef index(): return P('x', hx_swap='outer')", '/', ["'outer'", "'outerHTML'"]),
    'a misspelt trigger': ("@rt\ndef index(): return P('x', hx_trigger='evry 1s')", '/', ["'evry'", "'every'"]),
    'className': ("@rt\ndef index(): return P('x', className='a')", '/', ['`cls=`']),
    'html_for': ("@rt\ndef index(): return Label('x', html_for='a')", '/', ['`fr=`']),
    'no return': ("@rt\ndef index(): P('hello')", '/', ['index', '`return`', 'main.py:4']),
    'no return after work': ("@rt\ndef index():\n    x = 1\n    Div(P(x))", '/', ['index', '`return`', 'main.py:6']),
    'no return, async': ("@rt\nasync def index(): Titled('hello', P('x'))", '/', ['index', '`return`', 'main.py:4']),
    'None': ("@rt\ndef index(): return None", '/', ['index returned None']),
    'a returned exception': ("@rt\ndef index(): return HTTPException(404)", '/', ['returned HTTPException', '`raise`']),
    'a status in a tuple': ("@rt\ndef index(): return P('no'), 404", '/', ['404', 'FtResponse(', 'HTTPException(404)']),
    'two handlers, two names': ("@app.get('/')\ndef a(): return 'a'\n@app.get('/')\ndef b(): return P('b')", '/', ['`a`', '`b`']),
    'two handlers, one name': ("@rt('/')\ndef get(): return 'a'\n@rt('/')\ndef get(): return P('b')", '/', ['`get`', 'line 3']),
    'an id twice': ("@rt\ndef index(): return Div(P('a', id='x'), P('b', id='x'))", '/', ["'x'", '2 times']),
    'no ws extension': ("@rt\ndef index(): return Div(ws_connect='/ws')\n@app.ws('/ws')\ndef ws(): pass", '/', ["exts='ws'"]),
    'no sse extension': ("@rt\ndef index(): return Div(sse_connect='/')", '/', ["exts='sse'"]),
    'a link to nowhere': ("@rt\ndef index(): return A('x', href='/abuot')\n@rt\ndef about(): return P('a')", '/',
                          ['/abuot', "'/about'"]),
    'a wrong method': ("@rt\ndef index(): return Button('x', hx_post='/save')\n@app.put('/save')\ndef save(): return ''", '/',
                       ['/save', 'takes PUT', 'POST']),
    'an unfilled link': ("@rt\ndef index(): return A('x', href='/u/{id}')\n@rt('/u/{id}')\ndef u(id: int): return P(id)", '/',
                         ['unfilled']),
    'a form to nowhere': ("@rt\ndef index(): return Form(Button('x'), action='/sned', method='post')", '/', ['/sned', 'leads nowhere']),
    'an object': ("class Thing: pass\n@rt\ndef index(): return Thing(), P('x')", '/', ['Thing object', '__ft__']),
    'an object in a text': ("class Thing: pass\n@rt\ndef index(): return P(f'my {Thing()}')", '/', ['Thing object', '__ft__']),
    'a crash': ("@rt\ndef index(): return 1/0", '/', ['ZeroDivisionError', 'main.py:4']),
    'a value that a session cannot hold': ("from datetime import date\n@rt\ndef index(session):\n    session['d'] = date(2020, 1, 1)\n"
                                           "    return 'x'", '/', ['session holds what JSON can say']),
    'a forgotten await of publish': ("ch = app.channel('x')\n@rt\nasync def index():\n    ch.publish(P('x'))\n    return P('y')", '/',
                                     ['`publish(...)`', 'await publish']),
    'an unknown address': ("@rt\ndef index(): return P('x')", '/nowhere', ['/nowhere', '404']),
    'an option that does nothing': ("app.title = 'x'\nother = FastHTML(secret_key='x', live=True)\n@rt\ndef index(): return P('x')", '/',
                                    ["'live'", 'fasthtml dev']),
    'void content': ("@rt\ndef index(): return P(Br('x'))", '/', ['void element']),
}

BY_OTHERS = {'two handlers, two names', 'two handlers, one name', 'a crash', 'a value that a session cannot hold'}   # Python, uvicorn


def load(folder, source, options=''):
    "The program as `fasthtml dev` loads it, and its hints"
    file = folder/'main.py'
    file.write_text(HEAD.format(options) + source + '\n')
    hints = Hints()
    follow_warnings(hints)
    module = types.ModuleType('main')
    module.__file__ = str(file)
    exec(compile(file.read_text(), str(file), 'exec'), vars(module))
    return Dev(find_app(module)[1], hints)


@pytest.fixture
def quiet(monkeypatch):
    "What was said once may be said again, and nothing stays patched"
    import fasthtml.html.attributes as attributes
    import fasthtml.html.element as element_model
    import fasthtml.http.hints as said
    log = logging.getLogger('fasthtml')
    handlers, shown, depth = list(log.handlers), warnings.showwarning, sys.get_coroutine_origin_tracking_depth()
    monkeypatch.setattr(element_model, '_filled', set())
    attributes.tell.cache_clear()
    monkeypatch.setattr(attributes, '_without_text', set())
    monkeypatch.setattr(said, '_said', {})
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        yield
    log.handlers[:], warnings.showwarning = handlers, shown
    sys.set_coroutine_origin_tracking_depth(depth)


@pytest.fixture
def page(same_page): return same_page


def panel(page):
    "What the panel of a page lists"
    if page.locator('#fasthtml-dev ol').is_hidden(): page.click('#fasthtml-dev button')
    return page.locator('#fasthtml-dev li').all_inner_texts()


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake_is_named_in_the_browser_and_in_the_terminal(mistake, tmp_path, page, quiet, caplog):
    source, path, words = MISTAKES[mistake]
    with serve(load(tmp_path, source)) as served:
        page.goto(served.url + path)
        page.wait_for_selector('#fasthtml-dev button.some')
        page.keyboard.press('?')
        said = wait_until(lambda: [o for o in page.locator('#fasthtml-dev li.bad').all_inner_texts() if all(word in o for word in words)]
                          or page.wait_for_timeout(10), what=f'{words} in the panel')
    assert len(said) == 1
    assert any(all(word in line for word in words) for line in caplog.messages) or mistake in BY_OTHERS, caplog.text


@pytest.mark.parametrize('site, noted', [('cross-site', False), ('same-site', False), ('same-origin', True), ('none', True), (None, True)])
def test_a_page_of_another_site_writes_no_hints(site, noted, tmp_path, quiet):
    dev = load(tmp_path, "@rt\ndef index(): return P('x')")
    Client(dev).get('/what it says', headers={'Sec-Fetch-Site': site} if site else {})
    assert [o.text for o in dev.hints.all if 'what it says' in o.text] == ['GET /what it says: 404, nothing answers there.'] * noted


# What is said when the program starts, before any request
AT_START = {
    'a special name with an annotation': ("@rt\ndef index(session: str = ''): return P('x')", ['`session`', 'the session', 'annotation']),
    'a login with an annotation': ("@rt\ndef index(auth: str = ''): return P('x')", ['`auth`', 'what a guard has found out']),
    'an element replaced': ("@rt\ndef index(): return Div(P('x'))\n@rt\ndef P(): return Div('y')", ['`P` as it was', 'line 4']),
    'a handler that calls the element it replaces': ("@rt('/')\ndef H1(): return H1('x')", ['`H1`', 'line 4', 'another name']),
    'a builtin replaced': ("@rt\ndef list(): return P('x')\n@rt('/')\ndef index(): return P(*list('ab'))",
                           ["Python's own `list`", 'line 6']),
    'a builtin replaced, as a type': ("@rt('/')\ndef input(n: int = 0): return P('x')\ndef f(a): return isinstance(a, input)",
                                      ["Python's own `input`", 'line 5']),
    'a builtin replaced, in a router': ("ar = APIRouter()\n@ar.get('/')\ndef id(): return P('x')\nx = [id(1) for _ in ()]\nar.to_app(app)",
                                        ["Python's own `id`", 'line 6']),
    'an element replaced, by a socket': ("@app.ws('/ws')\nasync def P(msg: str): return P(msg)", ['`P` as it was', 'line 4']),
    'a part of the path misspelt, of a socket': ("@app.ws('/ws/{rom}')\nasync def ws(room: str): pass",
                                                 ['{rom}', '`room`', 'the same name']),
    'a part of the path misspelt': ("@rt('/u/{nmae}')\ndef user(name: str): return P(name)", ['{nmae}', '`name`', 'the same name']),
}


@pytest.mark.parametrize('mistake', AT_START)
def test_a_mistake_is_named_when_the_program_starts(mistake, tmp_path, quiet):
    source, words = AT_START[mistake]
    said = [o.text for o in load(tmp_path, source).hints.all]
    assert len(said) == 1 and all(word in said[0] for word in words), said


FINE = {
    'a page': "@rt\ndef index(): return Titled('T', A('M', href='/more'), Form(Input(name='a'), hx_post='/more', hx_swap='outerHTML'))\n"
              "@rt\ndef more(): return P('x')",
    'a socket': "@rt\ndef index(): return Div(ws_connect='/ws', hx_ext='ws')\n@app.ws('/ws')\ndef ws(): pass",
    'a stream': "@rt\ndef index(): return Div(hx_ext='sse', sse_connect='/s', sse_swap='message')\n@rt\ndef s(): return EventStream(['x'])",
    'other libraries': "@rt\ndef index(): return Div(x_data='{}', _at_click='f()', data_theme='dark', aria_label='a', up_main='')",
    'scripts': "@rt\ndef index(): return P('x', hx_on_click='f()', hx_on__after_request='g()'), Script('let a = 1')",
    'a picture': "from fasthtml.svg import *\n@rt\ndef index(): return Svg(Rect(1, 1, fill='red'), h=5, w=5)",
    'modifiers': "@rt\ndef index(): return P('x', hx_swap='innerHTML swap:1s', "
                 "hx_trigger='click[ctrlKey] delay:1s, load, sse:news, my-event from:body')",
    'other places': "@rt\ndef index(): return A('x', href='https://example.com'), A('y', "
                    " href='#z'), A('z', href='mailto:a@b.c'), A('q', href='?p=1')",
    'old and linked data': "@rt\ndef index(): return Div("
                           "Td('x', valign='top', nowrap=True), P('y', typeof='Person', property='name'), ref='z')",
    'an own element': "@rt\ndef index(): return ft_hx('my-thing', nmae='x')",
    'a list': "@rt\ndef index(): return Ul(*[Li(o, id=f'o{o}') for o in range(5)])",
    'a builtin replaced that nothing else uses': "@rt\ndef list(): return Ul(Li('a'))\n@rt\ndef index(): return Div(*list()), "
                                                "A('x', href=list)",
    'a name of its own elsewhere': "@rt('/l')\ndef list(): return Ul(Li('a'))\ndef f(list): return list('ab')\n"
                                   "@rt\ndef index(): return P('x')",
    'a decorated handler': "import functools\nfrom fasthtml.testing import calls\n@rt\n@functools.cache\ndef list(): return P('x')\n"
                           "@rt\ndef index(): return P('x')",
    'fields that are named like special ones': "@rt\ndef index(body: str = '', data: str = '', state: str = ''): return P('x')",
    'a part that no parameter takes': "@rt('/{lang}/x')\ndef page(name: str = ''): return P('x')\n@rt\ndef index(): return P('x')",
    'a handler defined again after it has answered': "@rt\ndef index(): return P('x')\nClient(app).get('/')\n"
                                                    "@rt\ndef index(): return P('y')",
    'a mounted app': "other, on = fast_app(secret_key='x')\n@on\ndef index(): return P(A('y', href=there))\n"
                     "@on\ndef there(): return P('x')\napp.mount('/sub', other)\n@rt('/')\ndef home(): return Redirect('/sub/')",
    'a redirect': "@rt\ndef index(): return Redirect('/there')\n@rt\ndef there(): return P('x')",
}


@pytest.mark.parametrize('htmx', [2, 4])
@pytest.mark.parametrize('case', FINE)
def test_what_is_right_is_left_alone(case, htmx, tmp_path, quiet):
    from fasthtml.testing import Client
    dev = load(tmp_path, FINE[case], f"exts=['ws', 'sse'], htmx={htmx}")
    client = Client(dev, follow_redirects=True)
    page = client.get('/')
    assert page.status_code == 200 and client.get(page.one('script[data-root]').attrs['src']).text == client.get(f'{dev_path}.js').text
    assert dev.hints.all == []


@pytest.mark.parametrize('htmx', [2, 4])
def test_the_panel_lists_what_was_pushed_and_why_it_was_not_swapped(page, tmp_path, quiet, htmx):
    source = '''
async def conn(send):
    await send(P('found', id='here'))
    await send(P('lost', id='gone'))
@rt
def index(): return Div(P(id='here'), hx_ext='ws', ws_connect='/ws')
@app.ws('/ws', conn=conn)
def ws(): pass
'''
    with serve(load(tmp_path, source, f"exts='ws', htmx={htmx}")) as served:
        page.goto(served.url)
        page.wait_for_selector('#here:has-text("found")')
        page.wait_for_selector('#fasthtml-dev button.some')
        lines = panel(page)
    assert any(re.search(r'ws /ws.*<p id="here"> → #here', line) for line in lines), lines
    assert any('id="gone"' in line and 'was not swapped' in line and '#gone' in line for line in lines), lines


@pytest.mark.parametrize('htmx', [2, 4])
def test_the_panel_lists_events_of_a_stream(page, tmp_path, quiet, htmx):
    source = '''
async def news():
    yield P('found', id='here', hx_swap_oob='true')
    yield P('lost', id='gone', hx_swap_oob='true')
    await asyncio.sleep(60)
import asyncio
@rt
def index(): return P(id='here'), Div(hx_ext='sse', sse_connect='/news', sse_swap='message')
@rt('/news')
def stream(): return EventStream(news())
'''
    with serve(load(tmp_path, source, f"exts='sse', htmx={htmx}")) as served:
        page.goto(served.url)
        page.wait_for_selector('#here:has-text("found")')
        lines = wait_until(lambda: [o for o in panel(page) if 'gone' in o] and panel(page) or page.wait_for_timeout(10))
    assert any('sse /news' in line and '→ #here' in line for line in lines), lines
    assert any('id="gone"' in line and 'was not swapped' in line for line in lines), lines
    page.problems.clear()


def test_a_target_that_is_missing_is_named_when_it_is_needed(page, tmp_path, quiet):
    source = "@rt\ndef index(): return Button('Go', hx_get='/more', hx_target='#nowhere')\n@rt\ndef more(): return P('x')"
    with serve(load(tmp_path, source)) as served:
        page.goto(served.url)
        page.click('text=Go')
        page.wait_for_selector('#fasthtml-dev button.some')
        assert any('#nowhere' in line for line in panel(page))
    page.problems.clear()


def test_pages_with_a_policy_and_streamed_pages_have_the_panel(page, tmp_path, quiet):
    source = "@rt\ndef index(): return P('x')\n@rt\nasync def slow():\n    yield Titled('S', P('one'))\n    yield P('two', id='two')"
    with serve(load(tmp_path, source, 'csp=True')) as served:
        for path in '/', '/slow':
            page.goto(served.url + path)
            page.wait_for_selector('#fasthtml-dev button')
        assert page.inner_text('#two') == 'two'
    assert not page.problems


PROGRAM = HEAD.format('') + "@rt\ndef index(): return P('{}', id='said')\n"


def test_the_browser_follows_changes_and_shows_what_is_broken_until_it_is_mended(page, tmp_path):
    "The command itself, a real server, a real edit"
    file = tmp_path/'app.py'
    command = [sys.executable, '-m', 'fasthtml', 'dev', 'app:app', '--port', '0']
    with serve_process(PROGRAM.format('first'), tmp_path, command=command, env={'HOST': '127.0.0.1'}) as server:
        server.wait_listening()
        page.goto(server.url)
        page.wait_for_selector('#said:has-text("first")')
        for source, selector in [
            (PROGRAM.format('second'), '#said:has-text("second")'),
            (PROGRAM.format('third').replace("return P(", "return P(("), 'h1:has-text("SyntaxError")'),
            (PROGRAM.format('fourth'), '#said:has-text("fourth")'),
            ("raise SystemExit('no database')\n", 'h1:has-text("no database")'),
            (PROGRAM.format('mended'), '#said:has-text("mended")'),
        ]:
            file.write_text(source)
            page.wait_for_selector(selector)
        assert 'Traceback' in server.output and 'app.py' in server.output
    page.problems.clear()


def save(file, source, when):
    "As an editor saves: in one step, at a time of its own"
    aside = file.with_suffix('.new')
    aside.write_text(source)
    os.utime(aside, (when, when))
    aside.replace(file)


def shown(url):
    try: return httpx.get(url).text
    except httpx.TransportError: return ''  # it starts again


SAME_LENGTH = [PROGRAM.format('one'), PROGRAM.format('two'), 'raise SystemExit("six")', PROGRAM.format('ten')]
SAME_LENGTH = [source.ljust(len(SAME_LENGTH[0])) for source in SAME_LENGTH]


@pytest.mark.parametrize('command', [['-m', 'fasthtml', 'dev', 'app:app', '--port', '0'], ['app.py']], ids=['dev', 'serve'])
def test_a_version_that_was_saved_in_the_second_of_the_one_before_is_served(tmp_path, command):
    "Python takes bytecode for that of a file with the same length and second; the time is ahead, so that the test may be slow"
    file, second = tmp_path/'app.py', int(time.time()) + 3600
    end = '' if command[0] == '-m' else 'serve(port=0)\n'
    env = {'HOST': '127.0.0.1', 'PYTHONDONTWRITEBYTECODE': ''}
    with serve_process(PROGRAM.format('first') + end, tmp_path, command=[sys.executable, *command], env=env) as server:
        server.wait_listening()
        for n, source in enumerate(SAME_LENGTH):
            if end and source.startswith('raise'): continue     # `serve` ends there, and waits for the next version
            save(file, source + end, second + n/10)
            said = '>' + re.search('one|two|six|ten', source)[0] + '<'
            wait_until(lambda: said in shown(server.url), 3*DEADLINE, said)   # noqa: B023 - it is called here


BROKEN = {   # Programs that cannot be started, and what the page says
    'a name misspelt': (PROGRAM.format('x').replace('@rt', 'Dvi("x")\n@rt'), "Did you mean: 'Div'"),
    'one of two values': (PROGRAM.format('x').replace('app, rt', 'app').replace('@rt', '@app.get'), 'app, rt = fast_app(...)'),
    'an option misspelt': (PROGRAM.format('x').replace('fast_app(', 'fast_app(picoo=False, '), "Did you mean 'pico'"),
    'no app of that name': (PROGRAM.format('x').replace('app, rt', 'site, rt').replace('app:app', 'x'), 'has no app'),
    'no module of that name': ('import nothing_like_this\n', 'nothing_like_this'),
    'a parameter that cannot be filled': (PROGRAM.format('x').replace("index():", "index(*n):"), 'cannot be filled'),
    'an end': ("raise SystemExit('no database')\n", 'no database'),
    'no Python': (PROGRAM.format('x').replace("return P(", "return P(("), 'SyntaxError'),
}
LOOK = """
import os, sys
from fasthtml.workshop.dev import Broken, dev_app
for name in sys.argv[1:]:
    os.environ['FASTHTML_DEV'] = f'{name}:app'
    app = dev_app().app
    print(app.page().children[-1].children[0].children[0] if isinstance(app, Broken) else 'it starts', end='\\0')
"""


def test_a_program_that_cannot_be_started_says_why(tmp_path):
    "All in one process, which does not serve"
    names = [f'case{n}' for n in range(len(BROKEN))]
    for name, (source, _) in zip(names, BROKEN.values(), strict=True): (tmp_path/f'{name}.py').write_text(source)
    env = os.environ | {'PYTHONPATH': str(ROOT)}
    done = subprocess.run([sys.executable, '-c', LOOK, *names], cwd=tmp_path, env=env, capture_output=True, text=True)
    titles = done.stdout.split('\0')[:-1]
    assert len(titles) == len(BROKEN), done.stderr
    assert [(title, words) for title, (_, words) in zip(titles, BROKEN.values(), strict=True) if words not in title] == []


def test_nothing_of_it_is_there_without_dev(tmp_path):
    from fasthtml.common import FastHTML, P
    from fasthtml.testing import Client
    app = FastHTML(secret_key='x', debug=True)
    app.get('/')(lambda: P('x', hx_gett='/y'))
    client = Client(app)
    assert '_fasthtml' not in client.get('/').text and client.get('/_fasthtml/dev.js').status_code == 404
    code = 'import fasthtml.common, fasthtml.cli, sys; print(*sys.modules)'
    assert 'fasthtml.workshop.dev' not in os.popen(f'{sys.executable} -c "{code}"').read()


@pytest.mark.parametrize('tag, name, value', [
    ('p', 'hx-get', '/'), ('p', 'data-hx-get', '/'), ('p', 'hx-on:click', ''), ('p', 'hx-target-404', '#x'),
    ('p', 'hx-boost:inherited', 'true'), ('div', 'hx-swap-oob', 'beforeend:#list'),
    ('p', 'hx-swap', 'morph:outerHTML'), ('p', 'hx-status:422', 'x'), ('p', 'nonsense', '')])
def test_known_and_foreign_attributes_get_no_hint(tag, name, value): assert attribute_hint(tag, name, value) == ''


def test_html_that_is_cut_off_or_hostile_is_read_too():
    for html in ('<p', '<p id="a" id="a">', '<!--', '<script>"</scr', '<' * 1000, '<p id=a><p id=a>' * 2000): list(page_hints(html))


def rows(text): return [tuple(o.strip() for o in line.split(' | ')) for line in text.strip().splitlines()]


SAID = rows('''   # version, what a page has, what is said
    4 | <form hx-get="/" hx-params="none"> | hx_include
    4 | <b hx-post="/" hx-request="{}"> | hx_config
    4 | <b data-hx-get="/" data-hx-prompt="?"> | exts='prompt'
    2 | <b hx-action="/"> | hx_get
    2 | <b hx-get="/" hx-config="mode:cors"> | hx_request
    4 | <b hx-get="/" hx-on::oob-after-swap="f()"> | after:swap
    4 | <b hx-on:htmx:xhr-progress="f()"> | none instead
    2 | <b hx-get="/" hx-on::finally:request="f()"> | after-request
    2 | <b hx-get="/" hx-swap="outerMorph"> | 'morph'
    2 | <b id="x" hx-swap-oob="append:#y"> | beforeend
    4 | <b hx-get="/" hx-swap="morph:outerHTML"> | outerMorph
    4 | <b hx-get="/" hx-trigger="click queue:all"> | hx_sync
    4 | <b hx-get="/" hx-trigger="htmx:afterSwap from:body"> | htmx:after:swap
    4 | <div hx-boost="true"><a href="/">x</a></div> | hx_boost_inherited
    4 | <body hx-headers="{}"> | hx_headers_inherited
    4 | <ul hx-target="#x"><li hx-get="/"></ul> | hx_target_inherited'''.partition('\n')[2])
QUIET = rows('''  # what means the same, or is meant for this version
    4 | <b hx-get="/" hx-disabled-elt="this" hx-on::after-request="f()" hx-on::response-error="f()" hx-on::after:swap="f()">
    4 | <div hx-disable hx-ignore>
    2 | <div hx-ignore="true">
    4 | <a href="/" hx-target="#x">
    4 | <div hx-boost:inherited="true">
    4 | <meta name="htmx-config" content='{"implicitInheritance": true}'><div hx-target="#x"></div>
    4 | <script src="//cdn/hx-prompt.min.js"></script><b hx-get="/" hx-prompt="?">
    2 | <div hx-target="#x" hx-swap="morph"></div>
    4 | <div hx-ext="sse" sse-connect="/" hx-target="#x" hx-swap="beforeend"></div>
    2 | <b hx-on::after-request="f()" hx-on::load="g()">'''.partition('\n')[2])


def version_page(version, html):
    app = FastHTML(htmx=int(version), secret_key='k')
    app.route('/', methods=['GET', 'POST'])(lambda: 'x')
    return list(page_hints('<html>' + html, app, {'path': '/'}))


@each_row('version, html, said', SAID)
def test_what_the_other_version_of_htmx_knows_is_said(version, html, said):
    [hint] = version_page(version, html)
    assert said in hint
    assert version_page(0, html) == []


@pytest.mark.parametrize('version, html', QUIET)
def test_what_means_the_same_in_both_versions_is_not_said(version, html):
    assert [o for o in version_page(version, html) if 'extension' not in o] == []


def camel(name): return re.sub('-(.)', lambda m: m[1].upper(), name)


def test_each_event_of_htmx_2_is_heard_with_htmx_4_or_is_said():
    table = re.search(r'const on4 = {(.*?)};', helpers_js, re.S)[1]
    heard = dict(re.findall(r"'([a-z-]+)': '([a-z:]+)'", table))
    names = {o.replace('_', '-') for o in hx_evts} - {'abort', 'confirm'}    # these have one name
    extensions = {o for o in heard if o.startswith(('ws-', 'sse-'))}
    assert names - heard.keys() == hx_evts_only[2].keys() and heard.keys() <= names | extensions
    assert {heard[o] for o in heard.keys() - extensions} <= hx_evts_only[4].keys()
    of_2 = ''.join((NODE_MODULES/f'htmx-ext-{o}/dist/{o}.js').read_text() for o in ('ws', 'sse'))
    of_4 = ''.join((NODE_MODULES/f'htmx4/dist/ext/hx-{o}.js').read_text() for o in ('ws', 'sse'))
    for name in extensions: assert f"'htmx:{camel(name)}'" in of_2 and f'htmx:{heard[name]}' in of_4, name


def test_a_socket_that_nothing_opens_is_said():
    app = FastHTML(exts='ws', secret_key='k')
    app.route('/')(lambda: Div(ws_connect='/ws'))
    app.ws('/ws')(lambda: None)
    html = Client(app).get('/').text
    assert [o for o in page_hints(html, app, {'path': '/'}) if "hx_ext='ws'" in o]
    assert list(page_hints(html.replace('<body', '<body hx-ext="morph, ws"'), app, {'path': '/'})) == []
