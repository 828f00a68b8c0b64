"""What the deployment guide says of proxies, tried: its configurations (read from the notebook), Debian's nginx and Caddy, two processes.

A rolling restart while visitors send a thousand requests, follow a stream and hold a socket: no request fails, no event is lost or
comes twice, and the socket is back at once.
"""
import errno
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from support import DEADLINE, ROOT, SseClient, missing, serve_process, wait_until

COMMAND = [sys.executable, '-m', 'fasthtml']
PROGRAM = '''
import os
from fasthtml.common import *
app = FastHTML(secret_key='the same for all', broker='sqlite:news.db', drain_delay=float(os.environ['DELAY']))
app.health()
news = app.channel('news', history=5000)
@app.get('/')
def home(req): return P(f'{req.client.host} {req.url.scheme}')
@app.get('/process')
def process(): return P(f'process {os.getpid()}.')
@app.get('/news')
def listen(): return EventStream(news)
@app.post('/publish')
async def publish(text: str):
    await news.publish(P(text))
    return ''
@app.ws('/talk')
async def talk(text: str): return P(text)
'''


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as listener: return listener.getsockname()[1]


def recipe(kind):
    "A configuration of the guide, by the words in it"
    cells = json.loads((ROOT/'nbs/howto/deploy.ipynb').read_text(encoding='utf-8'))['cells']
    fences = [m for cell in cells for m in re.findall(r'```\w*\n(.*?)```', ''.join(cell['source']), re.S)]
    found, = (fence for fence in fences if kind in fence)
    return found


def program(name):
    path = shutil.which(name, path='/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin')
    return path or missing(name, f'install it (Debian: `apt-get install {name}`)')


@contextmanager
def proxy(command, port, folder):
    "A proxy that listens at `port`"
    with open(folder/'proxy.log', 'w') as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={'HOME': str(folder), 'PATH': '/usr/bin:/bin'})
    def listens():
        assert process.poll() is None, (folder/'proxy.log').read_text()
        with suppress(OSError): return socket.create_connection(('127.0.0.1', port), 5).close() or True
    try:
        wait_until(listens, what='the proxy to listen')
        yield f'127.0.0.1:{port}'
    finally:
        process.terminate()
        process.wait(DEADLINE)


def nginx(folder, ports):
    "The guide's configuration, without TLS and with these ports"
    port, text = free_port(), recipe('upstream shop')
    for old, new in zip(('8001', '8002'), ports, strict=True): text = text.replace(f'127.0.0.1:{old}', f'127.0.0.1:{new}')
    text, n = re.subn(r'listen 443.*;', f'listen 127.0.0.1:{port};', text)
    text = re.sub(r'^ *(ssl_certificate.*|http2 on);\n', '', text, flags=re.M)
    assert n == 1
    places = ''.join(f'{kind}_temp_path {folder}/{kind};\n' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    (folder/'nginx.conf').write_text(f'daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;\n'
                                     f'events {{}}\nhttp {{ access_log off; {places} {text} }}\n')
    user = ['-g', 'user root;'] if os.getuid() == 0 else []   # the folder of a test is root's alone
    return proxy([program('nginx'), '-e', 'stderr', *user, '-c', str(folder/'nginx.conf')], port, folder)


def caddy(folder, ports, kind='reverse_proxy 127.0.0.1:8001', old_ports=('8001', '8002')):
    port, text = free_port(), recipe(kind)
    for old, new in zip(old_ports, ports, strict=True): text = text.replace(f'127.0.0.1:{old}', f'127.0.0.1:{new}')
    text = text.replace('shop.example', f'http://127.0.0.1:{port}')
    (folder/'Caddyfile').write_text('{\nadmin off\nauto_https off\n}\n' + text)
    return proxy([program('caddy'), 'run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], port, folder)


# A server may close a connection while it is idle, also when a request is already on its way (RFC 9112, 9.3.1)
CLOSED_UNASKED = 'Server disconnected without sending a response.', f'[Errno {errno.ECONNRESET}]', f'[Errno {errno.EPIPE}]'


class Visitors:
    "Those who use the site during the restart"
    def __init__(self, host, wanted=1000, direct=False):
        self.direct = direct      # No proxy between: a request may meet the close of a connection that was used; browsers send it again
        self.host, self.wanted, self.done, self.failures, self.numbers = host, wanted, 0, [], itertools.count()
        self.published, self.seen, self.gaps, self.stop, self.lock = [], [], [], threading.Event(), threading.Lock()

    def ask(self):
        "Pages and forms, one after the other"
        with httpx2.Client(base_url=f'http://{self.host}', timeout=20) as client:
            while not self.stop.is_set() or self.done < self.wanted:
                n = next(self.numbers)
                opened = []
                def send(n=n, opened=opened):
                    trace = {'trace': lambda name, _: opened.append(name) if name == 'connection.connect_tcp.started' else None}
                    if n % 5: return client.get('/', extensions=trace).status_code
                    return client.post('/publish', data={'text': str(n)}, extensions=trace).status_code
                try:
                    try: status = send()
                    except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as e:
                        if not self.direct or opened or not str(e).startswith(CLOSED_UNASKED): raise
                        status = send()
                except httpx2.HTTPError as e: status = repr(e)
                with self.lock:
                    self.done += 1
                    if status not in (200, 204): self.failures.append(('GET' if n % 5 else 'POST', status))
                    elif not n % 5: self.published.append(n)
                self.stop.wait(0.02)   # people, and no measurement

    def follow(self):
        "A stream, again from the last event when it ends"
        last = None
        while not self.stop.is_set():
            with suppress(OSError, EOFError, Exception), SseClient(f'http://{self.host}', '/news',
                                                                   {'Last-Event-ID': last} if last else None) as client:
                for event in client.events():
                    last = event.id or last
                    if event.data.startswith('<p>'): self.seen.append(int(event.data[3:-4]))
                    elif event.event == 'resync': self.seen.append('resync')
                    if self.stop.is_set(): break

    def talk(self):
        "A socket, opened again when it is closed"
        lost = None
        while not self.stop.is_set():
            with suppress(ConnectionClosed, InvalidHandshake, OSError, EOFError), connect(f'ws://{self.host}/talk', open_timeout=30) as ws:
                while not self.stop.is_set():
                    ws.send('{"text": "x"}')
                    ws.recv(30)
                    if lost is not None: self.gaps.append(time.monotonic() - lost)
                    lost = None
                    self.stop.wait(0.02)
            if lost is None: lost = time.monotonic()


@pytest.mark.parametrize(('front', 'delay'), [(nginx, 0), (caddy, 3)])
def test_a_rolling_restart_loses_nothing(tmp_path, front, delay):
    (tmp_path/'main.py').write_text(PROGRAM)
    ports = free_port(), free_port()
    with ExitStack() as stack:
        def start(port):
            command = [*COMMAND, 'run', 'main:app', '--host', '127.0.0.1', '--port', str(port)]
            server = stack.enter_context(serve_process('', tmp_path, command=command, env={'DELAY': str(delay)}))
            wait_until(lambda: httpx2.get(f'http://127.0.0.1:{port}/readyz', timeout=30).status_code == 200, what='a process to be ready')
            return server
        servers = {port: start(port) for port in ports}
        host = stack.enter_context(front(tmp_path, ports))
        visitors = Visitors(host)
        threads = [threading.Thread(target=f, daemon=True) for f in (visitors.follow, visitors.talk, *[visitors.ask] * 4)]
        for thread in threads: thread.start()
        wait_until(lambda: visitors.done > 100 and visitors.seen, 60, 'visitors')
        away = []
        for port in ports:
            servers[port].signal(signal.SIGTERM)
            servers[port].wait(30)
            began = time.monotonic()
            servers[port] = start(port)
            away.append(time.monotonic() - began)
            name = f'process {servers[port].popen.pid}.'   # the proxy has seen that it is back
            wait_until(lambda: name in httpx2.get(f'http://{host}/process', timeout=20).text, 60, 'the proxy to ask it')  # noqa: B023
        wait_until(lambda: visitors.done >= 1000, 60, 'a thousand requests')
        visitors.stop.set()
        for thread in threads[2:]: thread.join(DEADLINE)
        assert visitors.failures == [], (visitors.failures[:10], (tmp_path/'proxy.log').read_text()[-1500:])
        with SseClient(f'http://{host}', '/') as page: assert page.read()    # the site is well
    assert visitors.gaps and max(visitors.gaps) < max(away), 'the socket waited for its own process, not for the other one'
    assert visitors.seen and 'resync' not in visitors.seen
    first = visitors.published.index(visitors.seen[0]) if visitors.seen[0] in visitors.published else 0
    assert len(set(visitors.seen)) == len(visitors.seen), 'an event came twice'
    expected = {n for n in visitors.published[first + 20:] if n <= max(visitors.seen) - 40}
    assert expected <= set(visitors.seen), sorted(expected - set(visitors.seen))


@pytest.mark.parametrize('front', [nginx, caddy])
def test_the_app_sees_the_visitor_behind_the_proxy(tmp_path, front):
    (tmp_path/'main.py').write_text(PROGRAM)
    port = free_port()
    command = [*COMMAND, 'run', 'main:app', '--host', '127.0.0.1', '--port', str(port)]
    with serve_process('', tmp_path, command=command, env={'DELAY': '0'}), front(tmp_path, (port, port)) as host:
        page = httpx2.get(f'http://{host}/', headers={'HX-Request': 'true', 'X-Forwarded-Proto': 'https'}, timeout=30).text
        with SseClient(f'http://{host}', '/news') as client:
            assert httpx2.post(f'http://{host}/publish', data={'text': '7'}, timeout=30).status_code in (200, 204)
            assert next(client.events()).data == '<p>7</p>', 'the proxy holds events back'
    assert page == '<p>127.0.0.1 http</p>'


PREFIXED = '''
from fasthtml.common import *
app = FastHTML(secret_key='k')
@app.get('/u/{name}/block')
def block(name: str): return PlainTextResponse(f'block {name}')
@app.get('/u/{name}')
def user(name: str): return PlainTextResponse(f'user {name} {user.to(name="ann/block")}')
'''

def nginx_below(folder, port):
    def text(fence): return recipe(fence).replace('# and the other lines of `location /` above', 'proxy_set_header Host $http_host;')
    outside, _, location = text('location /shop/').partition('location')
    text, own = f'{outside} server {{ listen 127.0.0.1:{(at := free_port())}; location{location} }}', folder/'nginx.conf'
    places = ''.join(f'{kind}_temp_path {folder}/{kind};\n' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    own.write_text(f'daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;\nevents {{}}\n'
                   f'http {{ access_log off; {places} upstream shop {{ server 127.0.0.1:{port}; }}\n{text} }}\n')
    user = ['-g', 'user root;'] if os.getuid() == 0 else []
    return proxy([program('nginx'), '-e', 'stderr', *user, '-c', str(own)], at, folder)

def caddy_below(folder, port):
    at, [named] = free_port(), re.findall('`(handle_path [^`]*)`', (ROOT/'nbs/howto/deploy.ipynb').read_text())
    (folder/'Caddyfile').write_text(f'{{\nadmin off\nauto_https off\n}}\nhttp://127.0.0.1:{at} {{\n'
                                    f'{named} {{\nreverse_proxy 127.0.0.1:{port}\n}}\n}}\n')
    return proxy([program('caddy'), 'run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], at, folder)

@pytest.mark.parametrize('front', [nginx_below, caddy_below])
def test_an_app_below_a_path_gets_addresses_as_they_are_written(tmp_path, front):
    command = [sys.executable, '-m', 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', '0', '--root-path', '/shop']
    with serve_process(PREFIXED, tmp_path, command=command) as server, front(tmp_path, server.port) as host:
        def get(path): return httpx2.get(f'http://{host}{path}', timeout=30)
        link = get('/shop/u/ann').text.removeprefix('user ann ')
        assert link == '/shop/u/ann%2Fblock' and get(link).status_code == 404
        assert get('/shop/u/a%20b%3Fc').text.startswith('user a b?c ') and get('/shop/u/ann/block').text == 'block ann'


def test_the_service_of_ten_minutes(tmp_path):
    "The unit, its environment and the Caddyfile, without apt-get, TLS and systemd; a new version replaces the old one without a gap"
    program = PROGRAM.replace("secret_key='the same for all', broker='sqlite:news.db', ", '')
    (tmp_path/'main.py').write_text(program)
    unit = dict(line.split('=', 1) for line in recipe('ExecReload').splitlines() if '=' in line)
    lines = re.findall(r'^echo "(\w+)=(.*)" >> /etc/shop.env$', recipe('apt-get'), re.M)
    env = {name: subprocess.check_output(['bash', '-c', f'echo "{value}"'], text=True).strip() for name, value in lines}
    assert len(env['FASTHTML_SECRET_KEY']) > 30 and set(env) == {'FASTHTML_SECRET_KEY', 'FASTHTML_BROKER'}
    env['FASTHTML_BROKER'] = env['FASTHTML_BROKER'].replace('/var/lib/shop', str(tmp_path))
    port, words = free_port(), unit['ExecStart'].split()
    workers = int(words[words.index('--workers') + 1])
    assert words[0] == '/srv/shop/.venv/bin/fasthtml' and int(unit['TimeoutStopSec']) > 12
    command = [*COMMAND, *' '.join(words[1:]).replace('8000', str(port)).split()]
    short = partial(caddy, tmp_path, [port], 'reverse_proxy 127.0.0.1:8000', ['8000'])
    with serve_process('', tmp_path, command=command, env=env | {'DELAY': '0'}) as server, short() as host:
        wait_until(lambda: server.output.count('startup complete') == workers, what='all workers')
        wait_until(lambda: httpx2.get(f'http://{host}/', timeout=20).status_code == 200, what='the app behind Caddy')
        (tmp_path/'main.py').write_text(program.replace("'process ", "'version 2, process "))
        visitors = Visitors(host, wanted=0)
        thread = threading.Thread(target=visitors.ask, daemon=True)
        thread.start()
        server.signal(getattr(signal, 'SIG' + unit['ExecReload'].split()[1].strip('-')))
        wait_until(lambda: server.output.count('startup complete') == 2 * workers, 2 * DEADLINE, 'new workers')
        wait_until(lambda: 'version 2' in httpx2.get(f'http://{host}/process', timeout=20).text, what='the new version')
        visitors.stop.set()
        thread.join(DEADLINE)
        assert visitors.failures == [] and visitors.done, visitors.failures[:5]
        assert (tmp_path/'channels.db').exists()
        server.signal()
        server.wait()


def test_systemd_takes_the_units(tmp_path):
    "Read by systemd itself, which names what it does not know; the program is not installed here"
    unit = recipe('ExecReload').replace('/srv/shop/.venv/bin/fasthtml', '/bin/true')
    (tmp_path/'shop.service.d').mkdir()
    for name, text in ('service', unit), ('service.d/hardening.conf', recipe('ProtectSystem')), ('socket', recipe('ListenStream')):
        (tmp_path/f'shop.{name}').write_text(text)
    command = [program('systemd-analyze'), 'verify', '--man=no', './shop.service', './shop.socket']
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if 'shop' in line]
    assert done.returncode == 0 and not ours, (done.stdout, done.stderr)


def test_the_container_is_well_until_it_is_stopped(tmp_path):
    "What the Dockerfile copies, installs, runs and asks, without Docker"
    steps = re.sub(r'\\\n\s*', '', recipe('FROM python')).splitlines()
    user, = (re.search(r' (\w+)$', step)[1] for step in steps if 'useradd' in step)
    assert f'USER {user}' in steps and steps.index(f'USER {user}') > steps.index('COPY . .')
    asked, run = (json.loads(re.search(r'CMD (\[.*\])', step)[1]) for step in steps if 'CMD [' in step)
    assert asked[0] == 'python' and run[0] == 'fasthtml' and '0.0.0.0' in run
    port = free_port()
    (tmp_path/'main.py').write_text(PROGRAM)
    command = [*COMMAND, *(word.replace('8000', str(port)).replace('0.0.0.0', '127.0.0.1') for word in run[1:])]
    check = [sys.executable, *(word.replace('8000', str(port)).replace('timeout=2', 'timeout=60') for word in asked[1:])]
    with serve_process('', tmp_path, command=command, env={'DELAY': '0'}) as server:
        assert subprocess.run(check).returncode == 0
        server.signal(signal.SIGTERM)
        server.wait(DEADLINE)
        assert subprocess.run(check, stderr=subprocess.DEVNULL).returncode != 0


@pytest.mark.parametrize('how', ['socket unit', 'reload'])
def test_one_port_is_never_closed(tmp_path, how):
    "systemd holds the port and one process is restarted; or the supervisor of two workers is told to reload (`systemctl reload`)"
    (tmp_path/'main.py').write_text(PROGRAM)
    options = ['--fd', '3'] if how == 'socket unit' else ['--fd', '3', '--workers', '2', '--timeout-worker-healthcheck', '60']
    workers = options.count('2') + 1
    with socket.create_server(('127.0.0.1', 0)) as held, ExitStack() as stack:
        port = held.getsockname()[1]
        def start():
            log = stack.enter_context(open(tmp_path/'app.log', 'a'))
            as_three = f'import os, sys; os.dup2({held.fileno()}, 3); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])'
            command = [sys.executable, '-c', as_three, *COMMAND[1:], 'run', 'main:app', *options]    # as systemd passes it
            env = os.environ | {'DELAY': '0', 'PYTHONPATH': str(ROOT)}
            process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, env=env, pass_fds=[held.fileno()],
                                       start_new_session=True)
            stack.callback(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
            return process
        def log(): return (tmp_path/'app.log').read_text()
        process = start()
        wait_until(lambda: log().count('startup complete') == workers, 60, 'the start')
        visitors = Visitors(f'127.0.0.1:{port}', wanted=0, direct=True)
        threads = [threading.Thread(target=visitors.ask, daemon=True) for _ in range(2)]
        for thread in threads: thread.start()
        wait_until(lambda: visitors.done > 50, 30, 'visitors')
        if how == 'reload': process.send_signal(signal.SIGHUP)
        else:
            process.terminate()
            process.wait(30)
            process = start()
        wait_until(lambda: log().count('startup complete') == 2 * workers, 60, 'the new processes')
        more = visitors.done + 50
        wait_until(lambda: visitors.done > more, 30, 'more visitors')
        visitors.stop.set()
        for thread in threads: thread.join(30)
        assert visitors.failures == [], (visitors.failures[:5], log()[-2000:])
        process.terminate()
        process.wait(30)
