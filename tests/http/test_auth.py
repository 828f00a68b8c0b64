"""Basic authentication against a real server, asked with curl's and websockets' idea of the header."""
import base64
import subprocess

import pytest
import websockets.sync.client
from starlette.requests import HTTPConnection
from websockets.exceptions import ConnectionClosed

from fasthtml.app.app import FastHTML
from fasthtml.app.auth import basic_logout, user_pwd_auth
from support import serve


async def slow_lookup(name, password):
    return {'name': name} if password == f'{name}!' else None


LOOKUPS = {'keywords': dict(ada='ada!'), 'mapping': dict(lookup={'ada': 'ada!'}),
           'function': dict(lookup=lambda name, password: {'name': name} if password == f'{name}!' else None),
           'coroutine function': dict(lookup=slow_lookup)}


@pytest.fixture(params=LOOKUPS.values(), ids=LOOKUPS)
def server(request):
    app = FastHTML(middleware=[user_pwd_auth(skip=[r'/open/.*'], **request.param)], secret_key='a key for this test only')

    @app.get('/')
    def home(auth):
        return f'in as {auth["name"] if isinstance(auth, dict) else auth}'

    @app.get('/open/door')
    def door():
        return 'open to all'

    @app.get('/leave')
    def leave(request):
        return basic_logout(request)

    @app.ws('/talk')
    def talk(text: str):
        return f'heard {text}'
    with serve(app) as running:
        yield running


def curl(*words) -> str:
    return subprocess.run(['curl', '-s', '-w', ' %{http_code}', *words], capture_output=True, text=True, timeout=20).stdout


def test_only_the_right_password_enters(server):
    assert curl('-u', 'ada:ada!', server.url) == 'in as ada 200'
    assert curl('-u', 'ada:wrong', server.url) == 'Not authenticated 401'
    assert curl('-u', 'ada:', server.url) == 'Not authenticated 401'
    assert curl('-u', 'eve:ada!', server.url) == 'Not authenticated 401'
    assert curl(server.url) == 'Not authenticated 401'
    assert curl('-H', 'Authorization: Basic %%%', server.url) == 'Not authenticated 401'


def test_skipped_paths_are_open_and_only_they(server):
    assert curl(f'{server.url}/open/door') == 'open to all 200'
    assert curl('--path-as-is', f'{server.url}/open/../').endswith(' 401')  # not skipped: a file server would read it as another path
    assert curl(f'{server.url}/opened') == 'Not authenticated 401'


def test_a_socket_needs_the_password_too(server):
    key = base64.b64encode(b'ada:ada!').decode()
    with websockets.sync.client.connect(f'{server.ws_url}/talk', additional_headers={'Authorization': f'Basic {key}'}) as socket:
        socket.send('{"text": "hello"}')
        assert socket.recv(30) == 'heard hello'
    with websockets.sync.client.connect(f'{server.ws_url}/talk') as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(30)
        assert closed.value.rcvd.code == 1008


def test_logging_out_overwrites_the_password(server):
    address = curl('-u', 'ada:ada!', f'{server.url}/leave').split()[0]
    assert address == f'http://_:_@127.0.0.1:{server.port}/'
    assert curl(address) == 'Not authenticated 401'


@pytest.mark.parametrize('root, path', [('', '/'), ('/shop', '/shop/'), ('/shop/', '/shop/'), ('/a b', '/a%20b/')])
def test_the_address_that_makes_a_browser_forget_is_one_of_the_app(root, path):
    "Below the prefix of a proxy or a mount: elsewhere on the host nothing asks for this password"
    scope = {'type': 'http', 'scheme': 'https', 'server': ('shop.example', 443), 'path': f'{root}/cart', 'root_path': root, 'headers': []}
    assert basic_logout(HTTPConnection(scope)) == f'https://_:_@shop.example{path}'
