"""Mistakes that people make. What they read says what happened, what was expected and how to mend it, and points at their own line.

Each mistake is a small program in a file of its own. The line that is to blame ends in `# here`.
"""
import contextlib
import logging
import re
import socket
import textwrap
import traceback
import urllib.error
import urllib.request
import warnings

import pytest
from starlette.routing import NoMatchFound

from fasthtml.testing import Client, Closed
from fasthtml.workshop.cli import main
from support import serve

HEAD = '''
from fasthtml.common import *
from fasthtml.testing import Client
app = FastHTML(secret_key='k')
rt = app.route
'''


def write(folder, program):
    "The file, and the number of the line that is to blame"
    source = HEAD + textwrap.dedent(program).strip() + '\n'
    file = folder/'shop.py'
    file.write_text(source, encoding='utf-8')
    return file, next((n for n, line in enumerate(source.splitlines(), 1) if line.endswith('# here')), None)


def run(file, name='shop'):
    "What a program defines; an error in it has its frames"
    space = {'__name__': name, '__file__': str(file)}
    exec(compile(file.read_text(encoding='utf-8'), str(file), 'exec'), space)
    return space


def last_line(file, error):
    "The innermost line of the program in a traceback"
    return [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)][-1]


# What happened, what was expected, how to mend it: each is in the message.
ERRORS = {
    # options
    'option': ("FastHTML(debgu=True)  # here", TypeError, ["'debgu'", "Did you mean 'debug'", 'bodykw=']),
    'option of fast_app': ("fast_app(ht_mx=4)  # here", TypeError, ["'ht_mx'", "Did you mean 'htmx'"]),
    'extension': ("FastHTML(exts='head-suport')  # here", ValueError, ["'head-suport'", "Did you mean 'head-support'", 'Known: ', 'ws']),
    'htmx': ("FastHTML(htmx=3)  # here", ValueError, ['htmx=3', 'htmx=2', 'htmx=4']),
    'assets': ("FastHTML(assets='nowhere')  # here", ValueError, ["'nowhere'", "'cdn'", 'a folder that exists']),
    'broker': ("FastHTML(broker='rabbit://x')  # here", ValueError, ["'rabbit://x'", 'redis://localhost']),
    'trusted origin': ("FastHTML(trusted_origins='shop.example')  # here", ValueError, ["'shop.example'", "'https://shop.example'"]),
    'lifespan': ("FastHTML(lifespan='start')  # here", TypeError, ['lifespan=', "'start'", 'a function']),
    'startup': ("FastHTML(on_startup=[print, 3])  # here", TypeError, ['on_startup=', '3', 'a function']),
    'middleware': ("FastHTML(middleware=[Beforeware])  # here", TypeError, ['Beforeware', 'Write Middleware(Beforeware']),
    'exception handler key': ("FastHTML(exception_handlers={'404': print})  # here", TypeError, ["'404'", 'a status (404)']),
    'exception handler': ("FastHTML(exception_handlers={404: 'sorry'})  # here", TypeError, ["'sorry'", '404', 'a function']),
    'cookie': ("FastHTML(same_site='laxx')  # here", ValueError, ["'laxx'", "'lax', 'strict' or 'none'"]),
    'sessions': ("FastHTML(sess_store='mysql://x')  # here", ValueError, ["'mysql://x'", 'sqlite:///', 'redis://']),
    'guard': ("FastHTML(before='login')  # here", TypeError, ["'login'", 'functions, or Beforeware']),
    'guard of a route': ("app.get('/', before=3)(lambda: 1)  # here", TypeError, ['3', 'functions, or Beforeware']),
    'guard pattern': ("Beforeware(print, skip=['/('])  # here", ValueError, ["'/('", 'regular expression', 're.escape']),
    'passwords': ("user_pwd_auth('ada:engine')  # here", TypeError, ["'ada:engine'", 'a mapping of passwords by name']),
    'a password': ("user_pwd_auth(ada=1815)  # here", TypeError, ["'ada'", 'takes texts', 'int']),
    # columns
    'column type': ("fast_app(':memory:', id=int, due=object)  # here", TypeError, ['items.due', 'object', 'Use one of', 'date']),
    'column text': ("fast_app(':memory:', id=int, due='date')  # here", TypeError, ["'due'", 'due=str']),
    'keyword of a decorator': ("app.get('/', nmae='home')  # here", TypeError, ["route() has no keyword 'nmae'", "Did you mean 'name'"]),
    'keyword of a socket': ("app.ws('/ws', con=print)  # here", TypeError, ["ws() has no keyword 'con'", "Did you mean 'conn'"]),
    'no columns': ("fast_app(':memory:')  # here", TypeError, ["'items'", 'needs columns', 'title=str']),
    # routes
    'path': ("rt('cart')(lambda: 1)  # here", ValueError, ["'cart'", "'/cart'"]),
    'path type': ("rt(3)  # here", TypeError, ['begins with `/`', '3']),
    'shape': ("rt('/{id:itn}')(lambda id: 1)  # here", ValueError, ['`itn`', 'Did you mean `int`', 'Known: ']),
    'brace': ("rt('/{id')(lambda: 1)  # here", ValueError, ["'/{id'", '{name}']),
    'lambda': ("rt(lambda: 1)  # here", ValueError, ['no name', "app.route('/path')"]),
    'handler': ("rt('/')('hello')  # here", TypeError, ['a function', "'hello'"]),
    'class': ("class A: pass\nrt('/a')(A)  # here", ValueError, ['A has no handler', 'get, post']),
    'to without value': ("@rt('/b/{id}')\ndef book(id: int): ...\nbook.to()  # here", ValueError, ['id', '/b/{id}', 'Pass id=']),
    'to with a wrong value': ("@rt('/b/{id:int}')\ndef book(id: int): ...\nbook.to(id='x')  # here",
                              ValueError, ["'x'", '{id}', '/b/{id:int}']),
    'route name': ("@rt('/b')\ndef books(): ...\napp.url_path_for('boks')  # here", NoMatchFound, ["'boks'", "Did you mean 'books'"]),
    'route values': ("@rt('/b/{id}')\ndef book(id: int): ...\napp.url_path_for('book')  # here", NoMatchFound, ['takes id', 'got none']),
    # elements
    'tag': ("ft_hx('a b')  # here", ValueError, ["'a b'", 'hold no space', 'looks like data']),
    'attribute': ("to_xml(Div(**{'on click': 1}))  # here", ValueError, ["'on click'", 'name of an attribute']),
    'moved': ("from fasthtml.common import database  # here", ImportError, ['from fastlite import database']),
    # parameters
    'cast': ("@rt  # here\ndef book(x: 3): ...", TypeError, ['`x` in book', 'become 3', 'Use str, int']),
    'annotation': ("@rt  # here\ndef book(x: 'Nope'): ...", TypeError, ["'Nope'", '`x` of book', 'Import it']),
    'constructor': ("class Row:\n    title: str\n    def __init__(self, **kw): ...\n@rt  # here\ndef book(row: Row): ...",
                    TypeError, ['Row', '@dataclass', '__from_request__']),
    'from_request': ("class C:\n    def __from_request__(cls, req): ...\n@rt  # here\ndef book(c: C): ...",
                     TypeError, ['C.__from_request__', '@classmethod']),
    # real time
    'conn': ("@app.ws('/ws', conn='hello')  # here\ndef talk(msg: str): ...", TypeError, ['`conn`', "'hello'", 'a function']),
    'socket without path': ("@app.ws  # here\ndef talk(msg: str): ...", TypeError, ['talk', "@app.ws('/ws')"]),
    'socket path': ("@app.ws('ws')  # here\ndef talk(msg: str): ...", ValueError, ["'ws'", "'/ws'"]),
    'origin': ("@app.ws('/ws', origins='shop.example')  # here\ndef talk(msg: str): ...",
               ValueError, ["'shop.example'", "'https://shop.example'"]),
    'event name': (r"sse_message('x', event='a\nb')  # here", ValueError, ['one line', r"'a\nb'", 'in the data']),
    'retry': ("sse_message('x', retry='soon')  # here", ValueError, ['milliseconds', "'soon'"]),
    'source': ("EventStream(3)  # here", TypeError, ['iterator, generator, list or channel', 'int', 'into a list']),
    'history': ("app.channel('a', history=1)\napp.channel('a', history=2)  # here",
                ValueError, ["'a'", 'history=1', 'only its name elsewhere']),
    'toast': ("add_toast({}, 'x', 'nope')  # here", ValueError, ["'nope'", 'info, success, warning, error']),
    # tools
    'closed client': ("with Client(app) as c: pass\nc.get('/')  # here", RuntimeError, ['closed', 'Client(app)']),
}


@pytest.mark.parametrize('program, kind, words', ERRORS.values(), ids=ERRORS)
def test_an_error_says_what_to_do_and_ends_at_the_program_s_line(tmp_path, program, kind, words):
    "P4"
    file, line = write(tmp_path, program)
    with pytest.raises(kind) as caught: run(file)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert last_line(file, caught.value) == line
    assert not re.search(r' at 0x|<class|fasthtml/\w+\.py', message)


UNCLEAR = {
    'a handler': ('@rt\ndef book(colour): ...  # here', '`colour` in book'),
    'a method': ('class Book:\n    def get(self, colour): ...  # here\nrt(Book)', '`colour` in Book.get'),
    'a guard': ('def login(colour): ...  # here\nFastHTML(before=login)', '`colour` in login'),
    'what runs after': ('def log(colour): ...  # here\nFastHTML(after=log)', '`colour` in log'),
    'an exception handler': ('def sorry(req, exc, colour): ...  # here\nFastHTML(exception_handlers={404: sorry})', '`colour` in sorry'),
    'a socket': ("@app.ws('/ws')\ndef talk(colour): ...  # here", '`colour` in talk'),
    'conn': ("def hello(colour): ...  # here\n@app.ws('/ws', conn=hello)\ndef talk(): ...", '`colour` in hello'),
    'disconn': ("def bye(colour): ...  # here\n@app.ws('/ws', disconn=bye)\ndef talk(): ...", '`colour` in bye'),
    'a guard of a socket': ("def login(colour): ...  # here\n@app.ws('/ws', before=login)\ndef talk(): ...", '`colour` in login'),
    'from_request': ("class C:\n    @classmethod\n    def __from_request__(cls, colour): ...  # here\n@rt\ndef book(c: C): ...",
                     '`colour` in C.__from_request__'),
    'several values': ('@rt\ndef book(*colour): ...  # here', '`*colour` in book'),
}


@pytest.mark.parametrize('program, name', UNCLEAR.values(), ids=UNCLEAR)
def test_a_parameter_without_annotation_is_named_with_its_function_and_line(tmp_path, program, name):
    "P4: when the program starts, not at the first request. Several values stop it, one is None with a warning"
    file, line = write(tmp_path, program)
    if name.startswith('`*'):
        with pytest.raises(TypeError) as caught: run(file)
        message = str(caught.value)
    else:
        with pytest.warns(UserWarning, match='annotation') as said: run(file)
        message, = {str(o.message) for o in said if name in str(o.message)}
    assert f'{name} ({file}:' in message or f'{name} ({file.name}:' in message, message
    named = int(re.search(r'shop\.py:(\d+)', message)[1])
    assert line - 1 <= named <= line    # a decorated function begins with its decorator
    assert 'Annotate it' in message or 'Name each parameter' in message


WARNINGS = {
    'default': ("@rt  # here\ndef book(colour='red'): ...", ['`colour` in book', 'always its default', '`colour: str`']),
    'default on a socket': ("@app.ws('/ws')  # here\ndef talk(colour='red'): ...", ['`colour` in talk', 'always its default']),
    'default of a guard': ("def login(colour='red'): ...\nFastHTML(before=login)  # here", ['`colour` in login', 'always its default']),
    'default in fast_app': ("def login(colour='red'): ...\nfast_app(before=login)  # here", ['`colour` in login', 'always its default']),
    'answered by another': ("@rt('/b')\ndef one(): ...\n@rt('/b')  # here\ndef two(): ...", ['/b', '`one`', 'now by `two`']),
    'method': ("rt('/b', methods=['GTE'])(lambda: 1)  # here", ["'GTE'", "Did you mean 'get'"]),
    'hidden': ("@rt('/b')\ndef one(): ...\n@rt('/b', methods=['get', 'put'])  # here\ndef two(): ...",
               ['/b stays with `one`', '`two` will not see it', '`methods`']),
    'behind a pattern': ("@rt('/{id}')\ndef one(id: int): ...\n@rt('/new')  # here\ndef two(): ...",
                         ['/new is answered by `one` (/{id})', '`two` will not see it', '{id:int}']),
    'behind a pattern, one method of two': ("@app.get('/b/{id}.x')\ndef one(id: int): ...\n@rt('/b/new.x')  # here\ndef two(): ...",
                                            ['`two` will not']),
    'behind any path': ("@rt('/{p:path}')\ndef one(p: str): ...\n@rt('/a/b')  # here\ndef two(): ...", ['`two` will not see it']),
    'a socket behind a pattern': ("@app.ws('/s/{id}')\ndef one(id: int): ...\n@app.ws('/s/all')  # here\ndef two(): ...",
                                  ['`two` will not']),
    'slash in a URL': ("@rt('/b/{id}')\ndef book(id: str): ...\nbook.to(id='a/b')  # here", ['`id`', '{id:path}']),
    'slash in a link': ("@rt('/b/{id}')\ndef book(id: str): ...\nA('x', href=book.to(id='a/b'))  # here", ['`id`', '{id:path}']),
}


@pytest.mark.parametrize('program, words', WARNINGS.values(), ids=WARNINGS)
def test_a_warning_points_at_the_program_s_line(tmp_path, program, words):
    file, line = write(tmp_path, program)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        run(file)
    assert [(w.category, w.filename, w.lineno) for w in caught] == [(UserWarning, str(file), line)]
    message = str(caught[0].message)
    assert [word for word in words if word not in message] == [], message


def test_what_cannot_be_rendered_is_the_publisher_s_error_and_nobody_else_s(tmp_path):
    file, line = write(tmp_path, '''
        class Bad:
            def __ft__(self): raise LookupError('no such row')
        @rt
        def news(): return EventStream(app.channel('news'))
        @rt
        async def tell(bad: bool):
            await app.channel('news').publish(P(Bad()) if bad else 'fine')  # here
    ''')
    client = Client(run(file)['app'])
    with client.sse('/news') as events:
        with pytest.raises(LookupError) as caught: client.get('/tell?bad=1')
        assert line in [f.lineno for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == str(file)]
        client.get('/tell?bad=0')
        assert events.next().data == 'fine'


def test_a_link_that_leads_nowhere_is_in_the_log_once(tmp_path, caplog):
    file, _ = write(tmp_path, '''
        @rt('/books')
        def books(): return [A('a', link='boks'), A('b', link='books'), A('c', hx_get='/boks'), A('d', link=uri('boks', page=2))]
    ''')
    client = Client(run(file)['app'])
    assert '<a href="/books">b</a>' in client.get('/books').text
    client.get('/books')
    assert [r.getMessage() for r in caplog.records if 'boks' in r.getMessage()] == [
        "A link leads nowhere. No route is named 'boks'. Did you mean 'books'? "
        'A route has the name of its function, or the one given by `name=`.']


def test_a_busy_port_is_named_with_the_way_out(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as busy:
        port = busy.getsockname()[1]
        file, line = write(tmp_path, f"serve(host='127.0.0.1', port={port})  # here")
        with pytest.raises(SystemExit) as caught: run(file, '__main__')
    assert f'Cannot listen on 127.0.0.1:{port}' in str(caught.value) and 'serve(port=...)' in str(caught.value)
    assert last_line(file, caught.value) == line


def test_a_port_that_is_none_is_named_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv('PORT', 'http')
    file, line = write(tmp_path, "serve()  # here")
    with pytest.raises(SystemExit, match="whole number, got 'http'.*PORT") as caught: run(file, '__main__')
    assert last_line(file, caught.value) == line


def test_an_unknown_template_is_named_with_those_that_there_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with contextlib.suppress(SystemExit): main(['new', 'shop', '--template', 'huge'])
    said = capsys.readouterr().err
    assert "'huge'" in said and 'basic, data, live' in said and 'Traceback' not in said and not list(tmp_path.iterdir())


# ---------------------------------------------------------------- in a running app

CRASH = '''
    def price(name): return {{'tea': 3}}[name]  # here
    app = FastHTML(secret_key='k', debug={debug})
    @app.get('/price')
    def show(name: str): return P(price(name))
    @app.get('/slow')
    async def slow(name: str): return P(price(name))
    @app.get('/news')
    def news(name: str):
        def items():
            yield P('first')
            yield P(price(name))
        return EventStream(items())
    @app.ws('/ws')
    async def talk(name: str): return P(price(name))
'''
PYTHON = re.compile(r"KeyError|Traceback|File &?.*line|shop\.py|price\(|'coffee'|&#39;coffee&#39;")


def answer(url):
    "Status and text of an answer that may be an error"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={'Accept': 'text/html'}), timeout=20) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error: return error.code, error.read().decode()


@pytest.mark.parametrize('path', ['/price', '/slow'])
def test_debug_shows_the_program_s_line_and_otherwise_nobody_hears_python(tmp_path, caplog, path):
    for debug in (True, False):
        file, line = write(tmp_path, CRASH.format(debug=debug))
        with serve(run(file)['app'], log_config=None) as served: status, text = answer(f'{served.url}{path}?name=coffee')
        shown = re.sub(r'&#34;|&quot;', '"', text)
        assert status == 500
        if debug: assert f'"{file}", line {line}' in shown and "def price(name)" in shown and 'KeyError' in shown
        else: assert not PYTHON.search(text), text
    said = '\n'.join(record.exc_text or '' for record in caplog.records)
    assert f'shop.py", line {line}' in said


def test_streams_and_sockets_do_not_tell_python_s_words(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    file, line = write(tmp_path, CRASH.format(debug=False))
    client = Client(run(file)['app'], raise_errors=False)
    with client.sse('/news?name=coffee') as events: heard = [(event.event, event.data) for event in events]
    assert heard[0] == ('message', '<p>first</p>') and 'failed' in [name for name, _ in heard]
    assert not PYTHON.search(str(heard))
    with client.ws('/ws') as ws:
        ws.send({'name': 'coffee'})
        with pytest.raises(Closed) as closed: ws.receive()
    assert closed.value.code == 1011 and not PYTHON.search(str(closed.value))
    tracebacks = [''.join(traceback.format_exception(*r.exc_info)) for r in caplog.records if r.exc_info]
    assert len(tracebacks) == 2 and all(f'"{file}", line {line}' in text for text in tracebacks)


SEEN = {
    'registered first': "@rt('/new')\ndef two(): ...\n@rt('/{id}')\ndef one(id: int): ...",
    'a part of a kind': "@rt('/{id:int}')\ndef one(id: int): ...\n@rt('/new')\ndef two(): ...",
    'another method': "@app.get('/{id}')\ndef one(id: int): ...\n@app.post('/new')\ndef two(): ...",
    'another length': "@rt('/{id}')\ndef one(id: int): ...\n@rt('/new/one')\ndef two(): ...",
    'another host': "@rt('/{id}', host='a.example')\ndef one(id: int): ...\n@rt('/new')\ndef two(): ...",
    'a page and a socket': "@rt('/{id}')\ndef one(id: int): ...\n@app.ws('/new')\ndef two(): ...",
    'files come last': "app.static_route()\n@rt('/a.css')\ndef two(): ...",
}


@pytest.mark.parametrize('program', SEEN.values(), ids=SEEN)
def test_a_route_that_is_reached_has_no_warning(tmp_path, program):
    file, _ = write(tmp_path, program)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        run(file)
