"""Real servers and real clients for the tests, built from parts that are not ours.

Nothing here sleeps for a guessed time: `wait_until` asks again until a deadline, and reports what it waited for.
"""
import asyncio
import atexit
import base64
import http.client
import inspect
import json
import mimetypes
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, wraps
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from fasthtml.app.app import FastHTML

ROOT = Path(__file__).resolve().parent.parent
NODE_MODULES = ROOT/'node_modules'
IN_CI = os.environ.get('CI', '').lower() in ('1', 'true')
T = TypeVar('T')
DEADLINE = 60.0  # Seconds; generous, since it is only used up by a failure
# The list of suggestions of the address bar is a page of its own, which every window would load: half of the time of a test.
# `RenderDocument` would make a new frame inside of Chromium for each page: a quarter of the time of a page.
# Of these switches Chromium takes the last, so what Playwright switches off stands here again
NO_FEATURES = ['AimEnabled', 'AvoidCorsURLLoaderRestartOnRedirect', 'AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose',
               'HttpsFirstBalancedModeAutoEnable', 'HttpsUpgrades', 'LensOverlay', 'MediaRouter', 'NetworkTimeServiceQuerying',
               'OptimizationHints', 'PaintHolding', 'PreconnectToSearch', 'RenderDocument', 'ThirdPartyStoragePartitioning',
               'WebUIOmniboxAimPopup', 'WebUIOmniboxPopup']
CHROMIUM_FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
                  '--disable-component-update', '--disable-sync', '--disable-features=' + ','.join(NO_FEATURES)]


def missing(what: str, how: str) -> None:
    "Skip the test, saying how to get what it needs; in CI, where everything must be there, fail"
    message = f'{what} is missing: {how}'
    if IN_CI:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def committed_copy(folder: Path) -> Path:
    "A copy of the working tree without what git does not know, so that a build leaves nothing there"
    listed = subprocess.run(['git', 'ls-files'], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    for name in filter(lambda name: (ROOT/name).is_file(), listed.splitlines()):
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT/name, folder/name)
    return folder


def need_files(n: int) -> None:
    "Let this process, and those it starts, have `n` files and connections open; many systems begin with 1024"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n:
        missing(f'Room for {n} open files', f'raise the limit (`ulimit -n {n}` as root)')
    if soft != resource.RLIM_INFINITY and soft < n:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


# Tables

def check_rows(rows: Iterable[tuple[str, tuple]], check: Callable) -> None:
    "Call `check` with each row of a table, and fail with the name and the error of every row that does not pass"
    count, failed = 0, {}
    for name, row in rows:
        count += 1
        try: check(*row)
        except (Exception, pytest.fail.Exception) as e: failed[name] = e
    assert count, 'the table is empty'
    if failed:
        said = '\n'.join(f'{name}: {type(e).__name__}: {e}' for name, e in failed.items())
        raise AssertionError(f'{len(failed)} of {count} rows failed, the first as above\n{said}') from next(iter(failed.values()))


def row_name(value: Any) -> str: return str(getattr(value, '__name__', value))[:100]


def each_row(names: str | tuple[str, ...], values: Iterable, ids: Callable | Iterable = row_name) -> Callable:
    """As `pytest.mark.parametrize`, for rows that cost less than the test each would be: one test goes through all of them.

    Fixtures are made once; but each row has a `caplog` that is empty, and what it does with `monkeypatch` ends with it.
    """
    names, values = names.replace(',', ' ').split() if isinstance(names, str) else names, list(values)
    rows = values if len(names) > 1 else [(value,) for value in values]
    told = ['-'.join(str(ids(value)) for value in row) for row in rows] if callable(ids) else list(map(str, ids))
    column = [(name, dict(zip(names, row, strict=True))) for name, row in zip(told, rows, strict=True)]
    def decorate(f: Callable) -> Callable:
        test = f if hasattr(f, 'columns') else one_test(f)
        test.columns.insert(0, column)
        signature = inspect.signature(test)
        test.__signature__ = signature.replace(parameters=[p for name, p in signature.parameters.items() if name not in names])
        return test
    return decorate


def one_test(f: Callable) -> Callable:
    assert not inspect.iscoroutinefunction(f), 'rows of coroutines need a loop each'
    @wraps(f)
    def test(**fixtures):
        def check(values):
            if 'caplog' in fixtures: fixtures['caplog'].clear()
            with fixtures['monkeypatch'].context() if 'monkeypatch' in fixtures else nullcontext() as patch:
                f(**fixtures | values | ({'monkeypatch': patch} if patch else {}))
        rows = (('-'.join(name for name, _ in row), (dict(ChainMap(*(values for _, values in row))),)) for row in product(*test.columns))
        check_rows(rows, check)
    test.columns = []
    return test


# Waiting

def wait_until(condition: Callable[[], T], deadline: float = DEADLINE, what: str = '') -> T:
    "Ask `condition` until its answer is true, and return that answer; fail after `deadline` seconds"
    end = time.monotonic() + deadline
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'not within {deadline} s: {what or condition}')
        time.sleep(0.005)
    return answer


def type_messages(page: Any, field: str, texts: Iterable[str], arrived: Callable[[str], Any]) -> None:
    "Type each text into a field and press Enter. It arrives, and the keyboard is still in the field, which is empty again"
    page.click(field)
    for text in texts:
        page.keyboard.type(text)
        page.keyboard.press('Enter')
        arrived(text)
        page.wait_for_function("field => document.activeElement.matches(field) && document.activeElement.value === ''", arg=field)


async def until(condition: Callable[[], T], deadline: float = DEADLINE, what: str = '') -> T:
    "`wait_until` for coroutines: other tasks run between two questions"
    end = time.monotonic() + deadline
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'not within {deadline} s: {what or condition}')
        await asyncio.sleep(0.005)
    return answer


# Servers

@dataclass
class Served:
    "A running server: where it listens, and the uvicorn server itself"
    port: int
    server: uvicorn.Server
    thread: threading.Thread
    app: Any = None

    @property
    def url(self) -> str: return f'http://127.0.0.1:{self.port}'

    @property
    def ws_url(self) -> str: return f'ws://127.0.0.1:{self.port}'

    def call(self, f: Callable, *args) -> None:
        "Call `f` in the server's event loop"
        loop = next(iter(self.server.servers)).get_loop()
        loop.call_soon_threadsafe(f, *args)

    def stop(self, deadline: float = DEADLINE) -> None:
        "Ask the server to end, and fail if it does not. A thread gets no signal, so an app of ours is drained first"
        if isinstance(self.app, FastHTML):
            self.app.lifecycle.drain_sync()
        self.server.should_exit = True
        self.thread.join(deadline)
        assert not self.thread.is_alive(), f'the server was still running {deadline} s after it was asked to stop'


@contextmanager
def serve(app, **config) -> Iterator[Served]:
    "Serve `app` with uvicorn in a thread, on a port the system chooses"
    sock = socket.create_server(('127.0.0.1', 0))
    config = {'log_level': 'warning', 'timeout_graceful_shutdown': 5} | config
    server = uvicorn.Server(uvicorn.Config(app, **config))
    thread = threading.Thread(target=server.run, kwargs={'sockets': [sock]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), what='the server to start')
        assert server.started, 'the server ended while it was starting'
        served = Served(sock.getsockname()[1], server, thread, app)
        yield served
        served.stop()
    finally:
        server.should_exit = server.force_exit = True
        thread.join(DEADLINE)
        sock.close()


@dataclass
class Process:
    "A server in a process of its own, which can be sent signals; all it prints is kept in `lines`"
    popen: subprocess.Popen
    lines: list[str] = field(default_factory=list)
    port: int = 0

    def __post_init__(self):
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.popen.stdout:
            self.lines.append(line.rstrip('\n'))

    @property
    def url(self) -> str: return f'http://127.0.0.1:{self.port}'

    @property
    def ws_url(self) -> str: return f'ws://127.0.0.1:{self.port}'

    @property
    def output(self) -> str: return '\n'.join(self.lines)

    def wait_line(self, pattern: str, deadline: float = DEADLINE) -> re.Match:
        "Wait for a printed line that matches, and return the match"
        def found():
            if match := next((m for line in self.lines if (m := re.search(pattern, line))), None):
                return match
            if self.popen.poll() is not None and not self._reader.is_alive():
                raise AssertionError(f'the process ended with {self.popen.returncode} without printing {pattern!r}')
        try:
            return wait_until(found, deadline, pattern)
        except AssertionError as e:
            raise AssertionError(f'{e}\nprinted so far:\n{self.output}') from None

    def wait_listening(self, deadline: float = 3*DEADLINE) -> None:
        "Wait until it takes connections, which with a reloader is after all that it prints"
        def listens():
            with socket.socket() as client: return client.connect_ex(('127.0.0.1', self.port)) == 0
        wait_until(listens, deadline, 'the server to listen')

    def signal(self, number: int = signal.SIGTERM) -> None: self.popen.send_signal(number)

    def wait(self, deadline: float = DEADLINE) -> int:
        "Wait for the end of the process; its exit code"
        try:
            code = self.popen.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'the process still ran after {deadline} s:\n{self.output}') from None
        self._reader.join(deadline)
        return code


@contextmanager
def serve_process(
    source: str, folder: Path, command: list[str] | None = None, env: dict | None = None,
) -> Iterator[Process]:
    """Write `source` to `folder/app.py` and serve its `app` from another process.

    `command` may be any command line that prints `http://127.0.0.1:<port>`; the default is uvicorn's own, with port 0.
    """
    (folder/'app.py').write_text(source, encoding='utf-8')
    command = command or [sys.executable, '-m', 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', '0']
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    with started(command, folder, {'PYTHONPATH': path, 'PYTHONUNBUFFERED': '1'} | (env or {})) as popen:
        process = Process(popen)
        try:
            process.port = int(process.wait_line(r'https?://127\.0\.0\.1:(\d+)').group(1))
            yield process
        finally:
            try: os.killpg(popen.pid, signal.SIGKILL)
            except ProcessLookupError: pass
            process.wait()   # with its reader, which fails in a pipe that is closed earlier


@contextmanager
def started(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[Any]:
    "A program in a session of its own, as `subprocess.Popen` has it. Python is a fork of a process that has done the imports"
    if command[0] == sys.executable and (command[1] == '-m' or command[1].endswith('.py')):
        with server_forks().beside(command[1:], folder, env) as program: yield program
        return
    popen = subprocess.Popen(command, cwd=folder, env=os.environ | env, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    with popen.stdout: yield popen


@cache
def server_forks():
    "Where servers are forked from, one for each process of tests"
    from fork_kit import SERVERS, Forks
    forks = Forks(*SERVERS)
    atexit.register(forks.close)
    return forks


# Clients

@dataclass(frozen=True)
class Event:
    "One event as a browser would dispatch it"
    data: str
    event: str = 'message'
    id: str = ''


def parse_events(text: str) -> list[Event]:
    "The events of a whole stream, by the rules of WHATWG HTML 9.2.6"
    events, last_id, name, data = [], '', '', []
    for line in re.split(r'\r\n|\r|\n', text):
        if line == '':
            if data:
                events.append(Event('\n'.join(data), name or 'message', last_id))
            name, data = '', []
            continue
        key, _, value = line.partition(':')
        value = value.removeprefix(' ')
        if key == 'data': data.append(value)
        elif key == 'event': name = value
        elif key == 'id' and '\0' not in value: last_id = value
    return events


class SseClient:
    "A plain HTTP client that reads an event stream while it arrives (`http.client` from the standard library)"

    def __init__(
        self, url: str, path: str = '/', headers: dict | None = None, method: str = 'GET', timeout: float = DEADLINE,
    ):
        self.connection = http.client.HTTPConnection(url.removeprefix('http://'), timeout=timeout)
        self.connection.request(method, path, headers={'Accept': 'text/event-stream'} | (headers or {}))
        self.response = self.connection.getresponse()
        self.status, self.headers = self.response.status, self.response.headers
        self.text = ''
        self.ended = False  # The body was terminated as HTTP asks, not merely cut off

    def read(self) -> str:
        "What comes next, of any length; '' at the proper end. A body that is cut off raises `IncompleteRead`"
        part = self.response.read1(65536).decode()
        self.text += part
        self.ended = self.ended or (part == '' and self.response.isclosed())
        return part

    def events(self) -> Iterator[Event]:
        "Events one at a time, until the body ends"
        given = 0
        while True:
            done = re.match(r'(?s).*(?:\r\n\r\n|\n\n|\r\r)', self.text)
            found = parse_events(done.group()) if done else []
            yield from found[given:]
            given = max(given, len(found))
            if not self.read():
                return

    def read_to_end(self) -> list[Event]:
        while self.read(): pass
        return parse_events(self.text)

    def close(self) -> None:
        "Leave at once, as a browser does when its tab is closed"
        if self.connection.sock:
            self.connection.sock.close()
        self.response.close()
        self.connection.close()

    def __enter__(self): return self
    def __exit__(self, *_): self.close()


def raw_connection(port: int, data: bytes = b'', receive_buffer: int | None = None) -> socket.socket:
    "A bare TCP connection. With a small `receive_buffer` and no reading, it plays a client that has stalled"
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(DEADLINE)
    sock.connect(('127.0.0.1', port))
    sock.sendall(data)
    return sock


def raw_exchange(port: int, data: bytes) -> bytes:
    "Send bytes as they are, and return everything the server answers until it closes"
    with raw_connection(port, data) as sock:
        return b''.join(iter(lambda: sock.recv(65536), b''))


# The pinned JavaScript, where the CDN would serve it from

@cache
def npm_file(url: str, base: str = 'https://cdn.jsdelivr.net/npm/') -> Path | None:
    "The local copy of `<base><package>@<version>/<file>`, when npm has installed that very version"
    match = re.fullmatch(r'((?:@[^/]+/)?[^/@]+)@([^/]+)/(.+)', url.removeprefix(base))
    if not match:
        return None
    package, version, name = match.groups()
    for meta in sorted([*NODE_MODULES.glob('*/package.json'), *NODE_MODULES.glob('@*/*/package.json')]):
        about = json.loads(meta.read_text(encoding='utf-8'))
        if (about['name'], about['version']) == (package, version):
            path = (meta.parent/name).resolve()
            return path if path.is_file() and path.is_relative_to(meta.parent.resolve()) else None
    return None


def find_chromium() -> str | None:
    "The browser's program, by any of the names it goes by"
    names = 'chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'
    return os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, names)), None)


class NpmAnswer(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'   # several files by one connection

    def do_GET(self) -> None:
        path = npm_file('https://cdn.jsdelivr.net' + self.path)
        content = path.read_bytes() if path else b''
        self.send_response(200 if path else 404)
        self.send_header('Content-Type', mimetypes.guess_type(self.path)[0] or 'application/octet-stream')
        self.send_header('Content-Length', str(len(content)))
        self.send_header('Cache-Control', 'max-age=86400')
        self.send_header('Access-Control-Allow-Origin', '*')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: pass


@contextmanager
def npm_server() -> Iterator[list[str]]:
    """The CDN, from `node_modules`: the switches with which Chromium finds it here, and no other name of the network.

    A route of Playwright would take part in each request of a page, and keep all of them out of the cache.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'cdn.jsdelivr.net')])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName('cdn.jsdelivr.net')]), False).sign(key, SHA256())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder)/'both.pem'
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM))
        tls.load_cert_chain(path)
    with ThreadingHTTPServer(('127.0.0.1', 0), NpmAnswer) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(.05,))
        thread.start()
        rules = f'MAP cdn.jsdelivr.net:443 127.0.0.1:{server.server_port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'
        try:
            yield [f'--host-resolver-rules={rules}',
                   '--ignore-certificate-errors-spki-list=' + base64.b64encode(sha256(public).digest()).decode()]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def headless_chromium() -> Iterator[Any]:
    "A browser, with a Playwright of its own, whose event loop is this thread's meanwhile"
    program = find_chromium()
    if not program:
        missing('Chromium', 'install it (Debian: `apt-get install chromium`) or set $CHROMIUM to its path')
    if not NODE_MODULES.is_dir():
        missing('the pinned JavaScript', 'run `npm ci`')
    from playwright.sync_api import sync_playwright
    with npm_server() as switches, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=CHROMIUM_FLAGS + switches)
        yield chromium
        chromium.close()
