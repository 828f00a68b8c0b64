"""What a client makes up does not stay in the process, nor fill its log: caches, what was said once, warnings, lines of the log."""
import ast
import gc
import importlib
import logging
import pkgutil
import tracemalloc
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import fasthtml
from client_kit import DirectClient
from fasthtml.common import Div, FastHTML, Safe, ft, qp, to_xml
from fasthtml.http.hints import log_once
from fasthtml.http.pages import canonical_link
from fasthtml.http.routing import AppRouter
from fasthtml.http.security import failure_text, is_trusted, local_target
from fasthtml.realtime.carried import stream_event
from fasthtml.realtime.regions import Signer
from fasthtml.realtime.wire import event_text, frame_text
from support import each_row

LONG = 20_000   # characters
router, signer = AppRouter(), Signer(b'k')
app = FastHTML(secret_key='k', hosts=['shop.example'], texts=['en', 'de'], canonical=True)
client = DirectClient(app, raise_server_exceptions=False)


@app.route('/u/{name}/block')
def block(name: str): return 'x'

@app.route('/{a}-{b}')
def pair(a: str, b: str): return 'x'

@app.post('/form')
def form(a: str = '', n: int = 0): return Div(a[:3])

@app.get('/page/{rest:path}')
def page(rest: str, req): return Div(qp(req.scope['path'], n=1)[:3], qp(rest, n=1)[:3])

def ask(**headers) -> Callable:
    "Ask for a page with a made-up header"
    return lambda x: client.get('/page/', headers={name.replace('_', '-'): form.format(x) for name, form in headers.items()})

def quiet(f: Callable, *errors: type[Exception]) -> Callable:
    def g(x):
        try: f(x)
        except errors: pass
    return g


TAKERS = {   # what takes a text of a client
    'the path of a token': lambda x: signer.names_path(f'f.{x}.c'),
    'the time of a token': lambda x: signer.path(f'{x}.QUFB.c', 'a{}', '', 0.0),
    'a name that is True': lambda x: to_xml(Div(**{f'data_{x}': True})),
    'a name with a value': lambda x: to_xml(Div(**{f'data_{x}': 'a'})),
    'a name of HTML': lambda x: to_xml(Div(**{f'data-{x}': 'a'})),
    'a tag': lambda x: to_xml(ft(f'x-{x}', 'a')),
    'a void tag': lambda x: to_xml(ft(f'x-{x}', 'a', void_=True)),
    'an Origin': lambda x: is_trusted(f'https://{x}.example', ['https://a.example']),
    'where to go next': lambda x: local_target(f'/{x}?a=b'),
    'Host': ask(host='{}.example'),
    'Accept-Language': ask(host='shop.example', accept_language='fr, {}'),
    'the Origin of a form': lambda x: client.post('/form', data={'a': 'b'}, headers={'host': 'shop.example', 'origin': f'https://{x}.a'}),
    'a path': lambda x: client.get(f'/page/{x[:8000]}', headers={'host': 'shop.example'}),
    'a path like a pattern': lambda x: client.get(f'/page/%7Ba%7D{x[:8000]}', headers={'host': 'shop.example'}),
    'a query': lambda x: client.get(f'/page/?a={x[:16_000]}', headers={'host': 'shop.example'}),
    'a canonical link': lambda x: canonical_link({'headers': [(b'host', x.encode())], 'raw_path': x.encode()}, 'https://a.example'),
    'a field of a form': lambda x: client.post('/form', data={'a': x, 'n': x}, headers={'host': 'shop.example'}),
    'JSON': lambda x: client.post('/form', json={'a': x, x: x, 'n': x}, headers={'host': 'shop.example'}),
    'a piece of a stream': lambda x: stream_event(1, x),
    'an event': lambda x: event_text(Div(x)),
    'a frame': lambda x: frame_text(Div(x)),
    'a name of a link': lambda x: router.miss(x),
    'a hint': lambda x: log_once(f'main.py:1: gave {x}'),
    'a value with a slash': lambda x: block.to(name=f'a/{x}'),
    'a value of dots': quiet(lambda x: qp('/u/{name:path}', name=f'../{x}'), ValueError),
    'values that run into each other': lambda x: pair.to(a='a', b=f'{x}-b'),
    'a value of no shape': quiet(lambda x: qp('/u/{n:int}', n=x), ValueError),
}


@pytest.fixture(scope='module')
def new_objects():
    "The garbage collector looks at no others, each time"
    gc.collect()
    gc.freeze()


@each_row('take', TAKERS.values(), ids=TAKERS)
def test_what_many_clients_made_up_is_not_kept(take, new_objects):
    "All caches together may have some hundred short texts, or a few that are longer"
    def made_up(n: int) -> str: return f'{n:06}' + 'x' * LONG
    logging.disable()   # pytest would keep the records
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('default')
            warnings.showwarning = lambda *args, **kwargs: None
            for n in range(20): take(made_up(n))
            gc.collect()
            tracemalloc.start()
            for n in range(20, 170): take(made_up(n))
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)
    assert kept < 64 * LONG


@cache
def sources() -> list[tuple[str, ast.Module]]:
    return [(str(file.relative_to(folder)), ast.parse(file.read_text(encoding='utf-8')))
            for folder in map(Path, fasthtml.__path__) for file in sorted(folder.rglob('*.py'))]

def is_cache(node: ast.AST) -> bool:
    if isinstance(node, ast.Call): node = node.func
    return getattr(node, 'id', getattr(node, 'attr', '')) in ('cache', 'lru_cache')

CACHES = {   # why no client fills them
    'app/app.py': 'names of hosts that are short', 'app/fastapp.py': 'classes', 'app/live.py': 'no parameter',
    'app/openid.py': 'no parameter', 'app/static.py': 'places of a table; files that are there', 'html/attributes.py': 'short names',
    'html/js.py': 'no parameter', 'http/errors.py': 'functions', 'http/languages.py': 'the beginning of a header',
    'http/client_dicts.py': 'classes', 'http/models.py': 'no parameter', 'http/pages.py': 'short addresses; functions',
    'http/paths.py': 'short patterns', 'http/pydantic_errors.py': 'no parameter; kinds of errors',
    'http/responses.py': 'statuses', 'realtime/carried.py': 'short texts', 'realtime/wire.py': 'no parameter',
    'testing/swaps.py': 'no client', 'workshop/cli.py': 'no client',
}

def test_every_cache_is_known():
    "Who adds one says here what its keys are, and above tries those that a client chooses"
    found = {file for file, tree in sources() for node in ast.walk(tree)
             if any(map(is_cache, [node, *getattr(node, 'decorator_list', ())]))}
    assert found == set(CACHES)


def test_a_warning_is_one_for_each_line_of_the_program_whatever_a_client_sends():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        for n in range(3):
            block.to(name=f'a/{n}')
            qp('/u/{name:path}', name=f'../{n}')
            pair.to(a='a', b=f'{n}-b')
    said = [str(w.message) for w in caught]
    assert len(said) == 9 and len(set(said)) == 3 and all('/u/{name}' in o or '/{a}-{b}' in o or '/u/{name:path}' in o for o in said)


def loggers() -> list[logging.Logger]:
    names = {module.name for module in pkgutil.walk_packages(fasthtml.__path__, 'fasthtml.') if not module.name.endswith('__main__')}
    modules = map(importlib.import_module, sorted(names))
    return list({log.name: log for m in modules if isinstance(log := getattr(m, 'log', None), logging.Logger)}.values())

class Name(str): pass

TEXT = 'x' * 100_000
VALUES = {'text': TEXT, 'text with lines': 'x\n' * 50_000, 'a kind of text': Name(TEXT), 'bytes': TEXT.encode(), 'HTML': Safe(TEXT),
          'element': Div(TEXT), 'list': [TEXT, TEXT], 'error': ValueError(TEXT), 'mapping': {'a': TEXT, TEXT: 1}}

def chained():
    try: raise KeyError(TEXT)
    except KeyError as e: raise ValueError('x\n' * 100_000) from e
def noted():
    error = OSError('x')
    error.add_note(TEXT)
    raise error
def grouped(): raise ExceptionGroup(TEXT, [ValueError(TEXT), ExceptionGroup(TEXT, [RuntimeError(TEXT)])])
def of_code(): raise SyntaxError(TEXT, ('a.py', 1, 1, TEXT, 1, 3))
def of_a_long_name(): raise type('E' + TEXT, (Exception,), {})(TEXT)


@pytest.mark.parametrize('value', VALUES.values(), ids=VALUES)
def test_a_line_of_the_log_is_no_longer_than_it_should_be(value, caplog):
    for log in loggers():
        for form in '%s', '%r', 'a %s b', '%(value)s', '%(value)r':
            caplog.clear()
            log.error(form, {'value': value} if '(' in form else value)
            line = logging.Formatter().format(caplog.records[0])
            assert 100 < len(line) < 4200, (log.name, form)   # of two characters each, if they are line ends


@pytest.mark.parametrize('fail', [chained, noted, grouped, of_code, of_a_long_name])
def test_what_an_error_quotes_is_short_in_the_log(fail, caplog):
    for log in loggers():
        caplog.clear()
        try: fail()
        except Exception: log.exception('it failed')
        lines = logging.Formatter().format(caplog.records[0]).splitlines()
        assert max(map(len, lines)) < 4200 and sum(map(len, lines)) < 50_000 and 'Traceback' in lines[1] + lines[0]
    try: fail()
    except Exception as e: assert len(failure_text(e)) < 50_000


def test_every_line_of_the_log_has_its_values_beside_it():
    "In an f-string they would not be cut, nor escaped"
    calls = [(file, node) for file, tree in sources() for node in ast.walk(tree) if isinstance(node, ast.Call)
             and isinstance(node.func, ast.Attribute) and node.func.attr in ('debug', 'info', 'warning', 'error', 'exception', 'critical')
             and ast.unparse(node.func.value) in ('log', 'logger', "logging.getLogger('fasthtml')")]
    odd = {file: ast.unparse(call.args[0])[:60] for file, call in calls if not isinstance(call.args[0], ast.Constant)}
    assert len(calls) > 50 and set(odd) == {'app/fastapp.py'}, odd   # an error at the start


def test_requests_with_long_texts_write_short_lines(caplog):
    caplog.set_level(logging.DEBUG, 'fasthtml')
    @app.ws('/ws')
    async def ws(n: int): pass
    @app.ws('/strict', origins=['https://a.example'])
    async def strict(): pass
    @app.ws('/failing')
    async def failing(msg: str): raise ValueError(msg)
    client.get('/page/', headers={'host': 'x' * 50_000})
    for path, headers, message in (('/ws', {}, {'n': TEXT}), ('/failing', {}, {'msg': TEXT}),
                                   ('/strict', {'origin': 'https://' + 'x' * 50_000}, {})):
        try:
            with client.websocket_connect(path, headers={'host': 'shop.example', **headers}) as s:
                s.send_json(message)
                s.send_text('not JSON')   # which ends a socket that is still open
                s.receive_text()
        except Exception: pass
    lines = [logging.Formatter().format(r) for r in caplog.records if r.name.startswith('fasthtml')]
    assert len(lines) >= 4 and max(map(len, lines)) < 12_000, [line[:200] for line in lines]
