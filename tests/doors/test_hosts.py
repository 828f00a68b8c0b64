"""Servers for development and notebooks answer local names only: DNS rebinding, over bare sockets and real servers."""
import asyncio
import inspect
import os
import re
import sys

import pytest
from starlette.websockets import WebSocketDisconnect

from client_kit import DirectClient
from fasthtml.app import fastapp
from fasthtml.app.app import FastHTML
from fasthtml.app.fastapp import answering_to
from fasthtml.common import P
from fasthtml.workshop import cli, jupyter
from support import each_row, raw_exchange, serve_process, wait_until

LOCAL = ['localhost', 'LOCALHOST:5001', 'app.localhost', '127.0.0.1:8000', '127.1.2.3', '[::1]:8000', '192.168.1.7', 'localhost.']
FOREIGN = ['evil.example', 'evil.example:5001', '127.0.0.1.evil.example', 'localhost.evil.example', 'localhost@evil.example', '', 'evil',
           '127.0.0.1.nip.io', 'notlocalhost', '0x7f000001']
APP = '''
from fasthtml.common import *
app = FastHTML(secret_key='k')
@app.get('/')
def home(): return P('at home')
@app.ws('/ws')
async def ws(msg: str): return P(msg)
'''


def ask(port, host):
    request = f'GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n'
    return raw_exchange(port, request.encode())


def is_there(port):
    try: return ask(port, 'localhost')
    except OSError: return None


def refused_and_answered(port):
    wait_until(lambda: is_there(port), 30, 'the server to answer')
    for host in FOREIGN:
        answer = ask(port, host)
        assert 400 <= int(answer.split()[1]) < 500 and b'at home' not in answer, host
        if host.startswith('evil'): assert b'hosts=' in answer and b'FASTHTML_HOSTS' in answer and b'evil' not in answer
    for host in LOCAL: assert b'at home' in ask(port, host), host


def free_port():
    import socket
    with socket.create_server(('127.0.0.1', 0)) as s: return s.getsockname()[1]


@pytest.mark.parametrize('how', ['serve', 'serve reload', 'fasthtml dev'])
def test_development_servers_answer_local_names_only(how, tmp_path):
    port = free_port()   # serve() has no port 0; a busy one ends with a message
    source = APP + f"serve(port={port}, reload={how == 'serve reload'})\n"
    command = [sys.executable, 'app.py']
    if how == 'fasthtml dev': command = [sys.executable, '-c', f"from fasthtml.workshop.cli import main; main(['dev', '--port', '{port}'])"]
    with serve_process(source if how != 'fasthtml dev' else APP, tmp_path, command) as process:
        process.wait_line('startup complete', 30)
        refused_and_answered(port)


def test_notebook_servers_answer_local_names_only():
    app = FastHTML(secret_key='k')
    app.get('/')(lambda: P('at home'))
    server = jupyter.JupyUvi(app, port=0)
    try: refused_and_answered(server.port)
    finally: server.stop()
    server = jupyter.JupyUvi(app, port=0, hosts=['evil.example', 'local'])
    try: assert b'at home' in ask(server.port, 'evil.example')
    finally: server.stop()


NAMED = {'serve', 'JupyUvi', 'JupyUviAsync', 'nb_serve', 'nb_serve_async'}   # can be told, and know local names only by themselves
BY_COMMAND = {'_do_dev', '_do_run'}      # `fasthtml dev` (above), and `fasthtml run` for production: FastHTML(hosts=), $FASTHTML_HOSTS
PARTS = {'_serve_many', '_check_uvicorn', '_uvicorn_server', 'add_uvicorn_options', 'make_parser', '_Forward', 'main', 'ws_client'}


def test_every_server_of_ours_can_be_told_its_names():
    found = {}
    for module in fastapp, jupyter, cli:
        own = {n: o for n, o in vars(module).items() if getattr(o, '__module__', '') == module.__name__ and callable(o)}
        found |= {n: o for n, o in own.items() if re.search('uvicorn|JupyUvi', inspect.getsource(o))}
    assert set(found) - PARTS - BY_COMMAND == NAMED
    for f in (found[name] for name in NAMED):
        parameters = inspect.signature(f).parameters
        assert 'hosts' in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()), f
    assert 'hosts' in inspect.signature(FastHTML).parameters and fastapp


@each_row('host, names, had, now', [
    ('127.0.0.1', None, None, 'local'), ('localhost', None, None, 'local'), ('::1', None, None, 'local'), ('0.0.0.0', None, None, None),
    ('127.0.0.1', 'a.example', None, 'a.example'), ('0.0.0.0', ['a.example', 'b.example'], 'c.example', 'a.example,b.example'),
    ('127.0.0.1', None, 'c.example', 'c.example'), ('127.0.0.1', '*', None, '*')])
def test_which_names_a_server_gets(host, names, had, now):
    env = {} if had is None else {'FASTHTML_HOSTS': had}
    before = dict(env)
    with answering_to(host, names, env): assert env.get('FASTHTML_HOSTS') == now
    assert env == before, 'what serves later in this process must not inherit it'


def test_an_app_may_have_names_of_its_own_for_requests_and_sockets(monkeypatch):
    monkeypatch.setenv('FASTHTML_HOSTS', 'local')
    app = FastHTML(secret_key='k', hosts=['shop.example', '*.shop.example'])
    app.get('/')(lambda: P('at home'))
    @app.ws('/ws')
    async def ws(msg: str): return P(msg)
    client = DirectClient(app)
    for host, status in (('shop.example', 200), ('www.shop.example:8443', 200), ('evilshop.example', 421), ('localhost', 421)):
        assert client.get('/', headers={'host': host}).status_code == status, host
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect('/ws', headers={'host': 'evil.example'}) as socket:
        socket.receive_text()
    assert closed.value.code == 1008
    with pytest.raises(ValueError, match='no name of a server'): FastHTML(hosts=['https://shop.example'])


def test_without_names_any_host_is_answered(monkeypatch):
    monkeypatch.delenv('FASTHTML_HOSTS', raising=False)
    app = FastHTML(secret_key='k')
    app.get('/')(lambda: P('at home'))
    assert DirectClient(app).get('/', headers={'host': 'any.example'}).status_code == 200


# What `fasthtml dev` adds to an app

def developed(monkeypatch, app=None, hosts='local'):
    "The app as `fasthtml dev` serves it; without one, what it serves for a program that cannot be imported"
    from fasthtml.workshop import dev
    def load(name):
        if app is None: raise RuntimeError('a secret of the program')
        return name, app
    monkeypatch.setattr(dev, 'follow_warnings', lambda hints: hints.add('a secret of the program', quiet=True))   # not for all tests
    monkeypatch.setattr(dev, 'load_app', load)
    monkeypatch.setenv('FASTHTML_DEV', 'main:app')
    monkeypatch.setenv('FASTHTML_HOSTS', hosts)
    return DirectClient(dev.dev_app(), raise_server_exceptions=False)


def small_app(**options):
    app = FastHTML(secret_key='k', **options)
    app.get('/')(lambda: P('at home'))
    return app


def socket_says(client, path, **headers):
    "The first text, or the close code"
    try:
        with client.websocket_connect(path, headers=headers) as socket: return socket.receive_text()
    except WebSocketDisconnect as closed: return closed.code


DEV = '/_fasthtml/dev'


@pytest.mark.parametrize('app', [None, small_app()], ids=['broken', 'well'])
@pytest.mark.parametrize('host', ['evil.example', 'localhost.evil.example', ''])
def test_whatever_fasthtml_dev_serves_is_for_local_names(app, host, monkeypatch, capsys):
    client = developed(monkeypatch, app)
    for path in '/', DEV + '.js', '/no-such-page':
        answer = client.get(path, headers={'host': host})
        assert answer.status_code == 421 and 'secret' not in answer.text and 'at home' not in answer.text
        assert client.get(path, headers={'host': 'localhost:5001'}).status_code != 421
    assert socket_says(client, DEV, host=host) == 1008


@pytest.mark.parametrize('origin', ['https://evil.example', 'null', 'http://localhost:9', 'http://localhost.evil.example', 'file://'])
def test_hints_are_for_pages_of_the_app(origin, monkeypatch):
    client = developed(monkeypatch, small_app())
    assert socket_says(client, DEV, origin=origin) == 1008
    for ours in {'origin': 'http://testserver'}, {}: assert 'a secret of the program' in socket_says(client, DEV, **ours)
    friendly = developed(monkeypatch, small_app(trusted_origins=['https://friend.example']))
    assert 'a secret' in socket_says(friendly, DEV, origin='https://friend.example')


@pytest.mark.parametrize('said', ['http://[', 'http://[x/', 'http://a]b/'])
def test_an_address_that_is_none_does_not_stop_the_development_server(said, monkeypatch):
    app = small_app()
    app.get('/link')(lambda: P('linked', hx_get=said))
    client = developed(monkeypatch, app)
    for name in 'Referer', 'HX-Current-URL': assert client.get('/nowhere', headers={name: said}).status_code == 404
    assert 'linked' in client.get('/link').text


# Under any name: health checks alone

def checked():
    app = FastHTML(secret_key='k', hosts=['shop.example'])
    app.health(checks={'ledger': lambda: False})
    app.metrics()
    app.metrics('/for-the-holder', token='t')
    app.route('/{rest:path}', methods=['GET', 'POST', 'PUT'])(lambda rest: P('everything else'))
    app.ws('/healthz')(lambda: None)
    return app


INSIDE = ['shop.example', '10.0.0.7:8000', '[fd00::7]:8000', 'localhost:8000', 'app:8000']
OUTSIDE = ['evil.example', 'app.evil.example:8000', '10.0.0.7.evil.example', 'evil.example.', '10.0.0.7@evil.example', '']


@each_row('host', [*INSIDE, *OUTSIDE])
def test_under_any_name_a_health_check_says_how_it_is_and_nothing_more(host):
    client = DirectClient(checked(), headers={'host': host})
    assert [client.get(path).status_code for path in ('/healthz', '/readyz')] == [200, 503]
    assert client.head('/healthz').status_code == 200
    inside = host in INSIDE
    assert client.get('/readyz').json() == ({'ready': False, 'why': ['ledger']} if inside else {'ready': False})
    assert client.get('/metrics').status_code == (200 if inside else 404)
    assert client.get('/for-the-holder', headers={'Authorization': 'Bearer t'}).status_code == 200
    assert client.get('/for-the-holder').status_code == 404
    known = host == 'shop.example'
    for method in 'POST', 'PUT', 'OPTIONS', 'healthz':
        assert (client.request(method, '/healthz').status_code != 421) is known
    for path in '/healthz/', '/x//healthz', '/metrics/x', '/': assert (client.get(path, follow_redirects=False).status_code != 421) is known
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect('/healthz') as socket:
        if known: raise WebSocketDisconnect(0)
        socket.receive_text()
    assert closed.value.code == (0 if known else 1008)


def test_without_hosts_metrics_are_for_inside_names_too():
    app = FastHTML(secret_key='k')
    app.metrics()
    for host in INSIDE[1:]: assert DirectClient(app).get('/metrics', headers={'host': host}).status_code == 200, host
    for host in OUTSIDE: assert DirectClient(app).get('/metrics', headers={'host': host}).status_code == 404, host


def test_a_prefix_of_a_proxy_does_not_hide_a_health_check():
    client = DirectClient(checked(), root_path='/shop')
    assert client.get('/shop/healthz', headers={'host': '10.0.0.7'}).status_code == 200
    assert client.get('/shop/x', headers={'host': '10.0.0.7'}).status_code == 421


@each_row('hosts, status', [(['localhost'], 200), (['evil.example'], 421), (['localhost', 'evil.example'], 421),
                                           (['evil.example', 'localhost'], 421), (['localhost', 'localhost'], 421), ([], 421)])
def test_a_request_has_one_host(hosts, status):
    "Which of two a program reads is not known to the check"
    app = FastHTML(secret_key='k', hosts='local')
    app.get('/')(lambda: P('at home'))
    sent = []
    async def receive(): return {'type': 'http.request', 'body': b'', 'more_body': False}
    async def send(message): sent.append(message)
    scope = dict(type='http', method='GET', path='/', raw_path=b'/', query_string=b'', headers=[(b'host', o.encode()) for o in hosts],
                 scheme='http', http_version='1.1', server=('127.0.0.1', 80), client=('127.0.0.1', 5), root_path='')
    asyncio.run(app(scope, receive, send))
    assert sent[0]['status'] == status


@pytest.mark.parametrize('env, words, host, names', [
    ({}, [], '127.0.0.1', 'local'), ({'PORT': '8080'}, [], '127.0.0.1', 'local'),
    ({'PORT': '8080', 'HOST': '10.0.0.7'}, [], '10.0.0.7', None),
    ({'PORT': '8080'}, ['--host', '0.0.0.0'], '0.0.0.0', None), ({'HOST': '0.0.0.0'}, ['--host', '127.0.0.1'], '127.0.0.1', 'local'),
    ({'HOST': '', 'PORT': '8080'}, [], '127.0.0.1', 'local')])
def test_a_server_for_development_is_for_this_machine_unless_a_host_is_named(env, words, host, names, tmp_path, monkeypatch,
                                                                             capsys):
    "It shows tracebacks; many shells, containers and editors set $PORT"
    (tmp_path/'main.py').write_text('')
    monkeypatch.chdir(tmp_path)
    for name in 'HOST', 'PORT', 'FASTHTML_HOSTS', 'FASTHTML_DEV': monkeypatch.delenv(name, raising=False)
    for name, value in env.items(): monkeypatch.setenv(name, value)
    started = []
    monkeypatch.setattr('uvicorn.run', lambda *args, host, **kw: started.append((host, os.environ.get('FASTHTML_HOSTS'))))
    monkeypatch.setattr(cli, 'refuse_busy', lambda *args: None)
    assert cli.main(['dev', *words]) == 0 and started == [(host, names)]
    assert ('this machine only; --host 0.0.0.0' in capsys.readouterr().out) is (names == 'local')
