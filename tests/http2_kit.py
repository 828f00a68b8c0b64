"Servers that speak HTTP/2, an app with event streams, and a certificate: for the tests of both folders."
import json
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from support import NODE_MODULES, missing, serve_process, wait_until

APP = (Path(__file__).parent/'realtime'/'http2_app.py').read_text(encoding='utf-8')
PY = [sys.executable, '-m']
HTTP2 = {
    'hypercorn': [*PY, 'hypercorn', 'app:app', '-b', '127.0.0.1:0', '--certfile', 'CERT', '--keyfile', 'KEY'],
    'granian': [*PY, 'granian', 'app:app', '--interface', 'asgi', '--host', '127.0.0.1', '--port', 'FREE',
                '--ssl-certificate', 'CERT', '--ssl-keyfile', 'KEY'],
}
UVICORN = [*PY, 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', '0', '--ssl-certfile', 'CERT', '--ssl-keyfile', 'KEY']


def make_certificate(folder: Path) -> dict[str, str]:
    "A key and a certificate for 127.0.0.1, signed by itself"
    if not shutil.which('openssl'): missing('openssl', 'install it (Debian: `apt-get install openssl`)')
    key, cert = folder/'key.pem', folder/'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
                   check=True, capture_output=True)
    return {'CERT': str(cert), 'KEY': str(key)}


def free_port() -> str:
    with socket.create_server(('127.0.0.1', 0)) as sock: return str(sock.getsockname()[1])


class Site:
    def __init__(self, process, cert):
        self.process, self.url, self.cert = process, process.url.replace('http:', 'https:'), cert
        self.tls = ssl.create_default_context(cafile=cert)

    def get(self, path: str) -> str:
        "Over a connection of its own"
        with urllib.request.urlopen(self.url + path, context=self.tls) as answer: return answer.read().decode()

    @property
    def listening(self) -> int: return json.loads(self.get('/seen'))['listening']

    def seen(self, prefix: str = '/events') -> list[tuple[str, str]]:
        "Connection and HTTP version of each request that the app saw"
        return [(who, version) for path, who, version in json.loads(self.get('/seen'))['seen'] if path.startswith(prefix)]

    def answers(self):
        try: return self.get('/seen')
        except OSError: return None


@contextmanager
def launch(command, certificate, folder, htmx=2):
    values = {**certificate, 'FREE': free_port()}
    env = {'HTMX': str(htmx), 'NODE_MODULES': str(NODE_MODULES)}
    with serve_process(APP, folder, [values.get(part, part) for part in command], env) as process:
        site = Site(process, certificate['CERT'])
        wait_until(site.answers, what='the server to answer')
        yield site
