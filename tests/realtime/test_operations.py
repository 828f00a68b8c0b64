"Health checks, lame-duck time, metrics and logs, asked as a load balancer, an operator and Prometheus would."
import asyncio
import json
import os
import re
import signal
import sys
import time

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fasthtml.app.app import FastHTML
from fasthtml.app.logs import json_logs
from fasthtml.app.operations import samples
from fasthtml.common import EventStream, P
from fasthtml.realtime.lifecycle import Drain, Lifecycle
from fasthtml.testing import Client
from support import ROOT, SseClient, serve, serve_process, wait_until

COMMAND = [sys.executable, '-m', 'fasthtml']
PROGRAM = '''
from fasthtml.common import *
app = FastHTML(secret_key='k', drain_delay={delay}, drain_spread=0.2, on_shutdown=lambda: print('shutdown ran', flush=True))
app.health()
news = app.channel('news')
@app.get('/')
def home(): return P('home')
@app.get('/news')
def listen(): return EventStream(news)
@app.post('/tell')
async def tell(text: str):
    await news.publish(P(text))
    return ''
'''


def running(folder, delay, *options):
    (folder/'main.py').write_text(PROGRAM.format(delay=delay))
    return serve_process('', folder, command=[*COMMAND, 'run', 'main:app', '--port', '0', *options], env={'HOST': '127.0.0.1'})


def status(url, method='GET', **kw):
    try: return httpx2.request(method, url, timeout=30, **kw).status_code
    except httpx2.TransportError: return 0


@pytest.mark.parametrize('workers', [1, 2])
def test_a_process_that_is_told_to_stop_says_so_first_and_serves_on(tmp_path, workers):
    with running(tmp_path, 600 if workers == 1 else 10, '--workers', str(workers)) as server:
        wait_until(lambda: server.output.count('Application startup complete') == workers, what='all workers to start')
        with SseClient(server.url, '/news') as client:
            assert (status(server.url + '/healthz'), status(server.url + '/readyz')) == (200, 200)
            server.signal(signal.SIGTERM)
            first = time.monotonic()
            wait_until(lambda: status(server.url + '/readyz') == 503, what='the process to say that it is not ready')
            assert (status(server.url + '/healthz'), status(server.url + '/')) == (200, 200)
            if workers == 1:
                assert status(server.url + '/tell', 'POST', data={'text': 'still here'}) in (200, 204)
                assert next(client.events()).data == '<p>still here</p>'
                wait_until(lambda: time.monotonic() - first > 0.6, what='half a second: within it a second signal is the same one')
                server.signal(signal.SIGTERM)
            assert [e.event for e in client.read_to_end()][-1] == 'shutdown' and client.ended
        server.wait()
        assert server.output.count('shutdown ran') == workers


def test_a_second_signal_ends_the_lame_duck_time_and_streams_end_properly(tmp_path):
    with running(tmp_path, 600) as server, SseClient(server.url, '/news') as client:
        first = time.monotonic()
        server.signal(signal.SIGTERM)
        wait_until(lambda: status(server.url + '/readyz') == 503, what='the process to say that it is not ready')
        wait_until(lambda: time.monotonic() - first > 0.6, what='half a second: within it a second signal is the same one')
        server.signal(signal.SIGTERM)
        assert [e.event for e in client.read_to_end()] == ['shutdown'] and client.ended
        server.wait()


@pytest.mark.anyio
async def test_with_a_spread_most_connections_wait_for_their_turn():
    told = []
    class Peer:
        def shut_down(self):
            told.append(self)
            drain.discard(self)
        def abort(self): self.shut_down()
    drain = Drain(grace=7200, spread=3600)
    for _ in range(100): drain.add(Peer())
    task = asyncio.create_task(drain.drain())
    while not told: await asyncio.sleep(0)
    for _ in range(10): await asyncio.sleep(0)
    assert len(told) < 10
    drain.abort()
    await task
    assert len(told) == 100


@pytest.mark.anyio
async def test_connections_are_told_one_after_the_other_and_a_hurry_tells_all():
    told = []
    class Peer:
        def shut_down(self):
            told.append(self)
            if len(told) == 20: drain.abort()    # a second signal
        def abort(self): drain.discard(self)
    drain = Drain(grace=60, spread=3600)
    for _ in range(100_000): drain.add(Peer())
    await drain.drain()
    assert len(told) == 100_000 and not drain.connections


@pytest.mark.parametrize('wrong', [dict(drain_delay=-1), dict(drain_spread=float('nan')), dict(drain_delay='5'), dict(grace=True)])
def test_a_time_that_makes_no_sense_is_told(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))): FastHTML(secret_key='k', **wrong)


# Health checks: who may ask, and what they know

def answers(app, path, **headers): return Client(app).get(path, headers=headers).status_code


def test_a_health_check_needs_no_login_and_no_name():
    app = FastHTML(secret_key='k', before=lambda: P('no'), hosts=['shop.example'])
    app.get('/')(lambda: P('x'))
    app.get('/{rest:path}')(lambda rest: P('everything else'))
    app.health()
    app.metrics()
    def asked(path, host): return Client(app, f'http://{host}').get(path).status_code
    assert [asked(path, '10.0.0.7:8000') for path in ('/healthz', '/readyz', '/metrics', '/')] == [200, 200, 200, 421]
    assert asked('/', 'shop.example') == 200 and asked('/', 'a' * 400 + '.shop.example') == 421
    assert Client(app, 'http://10.0.0.7').get('/healthz').text == 'ok'


@pytest.mark.parametrize('check, ready', [
    (lambda: True, True), (lambda: None, True), (lambda: False, False), (lambda: 1/0, False)])
@pytest.mark.parametrize('kind', ['plain', 'async'])
def test_readiness_asks_what_the_program_names(check, ready, kind, caplog):
    async def later(): return check()
    app = FastHTML(secret_key='k')
    app.health(live='/alive', ready='/ready', checks={'stock': check if kind == 'plain' else later})
    client = Client(app)
    answer = client.get('/ready')
    assert (answer.status_code, answer.json()) == ((200, {'ready': True}) if ready else (503, {'ready': False, 'why': ['stock']}))
    assert client.get('/ready').status_code == answer.status_code and client.get('/alive').status_code == 200
    assert caplog.text.count('not ready: stock') == (0 if ready else 1), 'said when it changes, not at each question'


def test_many_who_ask_make_no_more_work_and_strangers_learn_no_names():
    runs = []
    app = FastHTML(secret_key='k')
    app.health(checks={'ledger': lambda: runs.append(1) or False})
    with serve(app) as server:
        near = [httpx2.get(server.url + '/readyz').json() for _ in range(20)]
        far = httpx2.get(server.url + '/readyz', headers={'X-Forwarded-For': '203.0.113.7'})
    assert near == [{'ready': False, 'why': ['ledger']}] * 20 and (far.status_code, far.json()) == (503, {'ready': False})
    assert 1 <= len(runs) < 20


def test_readiness_knows_the_broker(tmp_path):
    "A file that cannot be opened is a broker that is away"
    app = FastHTML(secret_key='k', broker='redis://127.0.0.1:1/0')
    app.health()
    app.health('/h', '/pages', broker=False)
    client = Client(app)
    assert client.get('/readyz').json() == {'ready': False, 'why': ['broker']} and client.get('/pages').status_code == 200
    asyncio.run(app.site.hub.broker.close())   # its threads
    near = FastHTML(secret_key='k', broker=f'sqlite:{tmp_path}/app.db')
    near.health()
    with Client(near) as client: assert client.get('/readyz').json() == {'ready': True}


# Metrics, read by Prometheus' own parser

def numbers(text): return {(s.name, *sorted(s.labels.values())): s.value for f in text_string_to_metric_families(text) for s in f.samples}


def test_prometheus_reads_what_has_happened():
    app = FastHTML(secret_key='k')
    app.metrics()
    news = app.channel('news')
    app.get('/s')(lambda: EventStream(news))
    @app.ws('/ws', channels=[news])
    async def ws(msg: str): return P(msg)
    pid = str(os.getpid())
    with serve(app) as server:
        def text(): return numbers(httpx2.get(server.url + '/metrics').text)
        def label(*o): return tuple(sorted((*o, pid)))
        from websockets.sync.client import connect
        with SseClient(server.url, '/s') as client, connect(f'ws{server.url[4:]}/ws') as ws:
            ws.send('{"msg": "one"}')
            ws.recv(30)
            news.publish_sync(P('x'))
            assert next(client.events()).data == '<p>x</p>' and 'x' in ws.recv(30)
            now = text()
            assert [now['fasthtml_connections', *label(kind)] for kind in ('stream', 'socket')] == [1, 1]
        wait_until(lambda: text()['fasthtml_connections', *label('socket')] == 0, what='the end of the socket')
        wait_until(lambda: text()['fasthtml_connections', *label('stream')] == 0, what='the end of the stream')
        end = text()
        assert end['fasthtml_messages_sent_total', *label('socket')] >= 2 and end['fasthtml_messages_sent_total', *label('stream')] >= 1
        assert end['fasthtml_broker_published_total', *label('memory')] == 1
        assert end['fasthtml_draining', pid] == 0 and end['fasthtml_connections_ended_total', *label('socket', 'slow')] == 0
        assert any(name == 'process_open_fds' for name, *_ in end)
        assert sum(v for (name, *_), v in end.items() if name == 'fasthtml_connections_ended_total') == 2


def test_every_number_has_a_name_that_prometheus_takes():
    for s in samples(Lifecycle()): assert re.fullmatch('[a-z_]+', s.name) and s.help and s.value == 0


def test_numbers_are_not_for_everybody():
    app = FastHTML(secret_key='k')
    app.metrics()
    app.metrics('/secret', token='t')
    assert answers(app, '/metrics') == 200
    for name in ('X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host Forwarded X-Forwarded Via X-Real-IP True-Client-IP Client-IP '
                 'Fly-Client-IP X-Cluster-Client-IP CF-Connecting-IP CF-Ray CDN-Loop X-Envoy-External-Address X-Original-Forwarded-For '
                 'X-AppEngine-User-IP X-Azure-ClientIP X-Amzn-Trace-Id').split():
        assert answers(app, '/metrics', **{name: '10.0.0.1'}) == 404, name
    assert (answers(app, '/secret'), answers(app, '/secret', Authorization='Bearer t')) == (404, 200)
    assert answers(app, '/secret', Authorization='Bearer ü'.encode()) == 404


@pytest.mark.parametrize('token', ['', ' ', 'a b', 'a\n', 5, b'a'])
def test_a_token_that_everybody_can_send_is_an_error(token):
    "As of `token=os.environ.get('TOKEN', '')`"
    with pytest.raises(ValueError, match='others cannot guess'): FastHTML(secret_key='k').metrics(token=token)


# Logs

def test_one_switch_makes_every_line_json(tmp_path):
    with running(tmp_path, 0, '--log-json') as server:
        assert status(server.url + '/a%0a%7b%22level%22:%22x%22%7d') == 404
        server.wait_line('"status": 404')
        server.signal(signal.SIGTERM)
        server.wait()
    lines = [json.loads(line) for line in server.lines if line != 'shutdown ran']
    access, = (line for line in lines if line['logger'] == 'uvicorn.access')
    assert (access['method'], access['status'], access['level']) == ('GET', 404, 'info')
    assert {line['logger'] for line in lines} >= {'uvicorn.error', 'uvicorn.access'} and all(line['time'].endswith('Z') for line in lines)


def test_the_file_for_the_command_says_what_the_function_says():
    assert json.loads((ROOT/'fasthtml/workshop/log_json.json').read_text()) == json_logs()


# The command

def test_run_knows_every_option_of_uvicorn():
    "As uvicorn itself reads them"
    import click
    from uvicorn.main import main as uvicorn_command

    from fasthtml.workshop.cli import make_parser
    own = set('--host --port --workers --app-dir --factory --version --forwarded-allow-ips'.split())   # ours, or the app's affair
    parser, options = make_parser('run'), [o for o in uvicorn_command.params if o.opts[0][0] == '-' and not own & {*o.opts}]
    for o in options:
        if o.opts[0].startswith('--reload'): continue    # `fasthtml dev`
        kind, samples = o.type, {'integer': '3', 'float': '1.5', 'integer range': '3', 'boolean': 'true'}
        value = kind.choices[0] if isinstance(kind, click.Choice) else samples.get(kind.name, str(ROOT/'settings.ini'))
        for name in (*o.opts, *o.secondary_opts):
            words = [name] if o.is_flag else [name, str(getattr(value, 'value', value))]
            passed = parser.parse_args(['run', 'main:app', *words]).uvicorn
            assert passed == words, name
            uvicorn_command.make_context('fasthtml run', ['main:app', *passed])
