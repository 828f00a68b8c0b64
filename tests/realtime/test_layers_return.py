"""A stream or socket goes on when all layers of its app have returned: code of the program must not notice.

Each case runs on uvicorn in an app whose layers return, and in two where they wait: one has a session store, one is mounted.
"""
import asyncio
import json
from contextvars import ContextVar

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.sync.client import connect

from fasthtml.common import A, Div, EventStream, FastHTML, UploadFile
from fasthtml.http.texts import Text, say
from support import DEADLINE, parse_events, serve, wait_until

WHO = ContextVar('WHO', default='nobody')


def make_app(**options) -> FastHTML:
    async def before(req):
        WHO.set('a guard')
        req.scope['auth'] = 'ann'
    app = FastHTML(before=before, secret_key='for tests', texts=['en', 'de'], **options)

    @app.get('/where')
    def target(): return 'here'

    def seen() -> dict:
        "What depends on context variables"
        return {'who': WHO.get(), 'link': str(A('x', get='target')), 'text': str(say(Text('own', message=Text('not_delivered'))))}

    async def steps(done=None):
        for _ in range(3):
            await asyncio.sleep(0)
            WHO.set(WHO.get() + '+')
            yield json.dumps({**seen(), 'done': done and done()})

    @app.get('/generator')
    async def generator(): return EventStream(steps())

    @app.get('/plain')
    def plain():
        async def events():
            async for o in steps(): yield o
        return EventStream(events())

    @app.post('/upload')
    async def upload(file: UploadFile):
        async def events():
            await asyncio.sleep(0.01)
            yield (await file.read()).decode()
        return EventStream(events())

    @app.get('/begin')
    def begin(session):
        session['n'] = 1
        return 'begun'

    @app.get('/count')
    async def count(session):
        async def events():
            for _ in range(3):
                session['n'] += 1
                yield str(session['n'])
                await asyncio.sleep(0.01)
        return EventStream(events())

    @app.get('/late')
    async def late(req):
        async def events():
            await asyncio.sleep(0)
            yield f"{req.session['n']} {req.scope['session']['n']}"
        return EventStream(events())

    @app.get('/n')
    def n(session): return str(session['n'])

    @app.get('/broken')
    async def broken():
        async def events():
            yield 'one'
            raise ValueError('secret text')
        return EventStream(events())

    async def conn(send):
        await send(Div(json.dumps(seen()), id='conn'))

    @app.ws('/ws', conn=conn, disconn=lambda: left.append(WHO.get()))
    async def ws(msg: str, session, auth):
        WHO.set(WHO.get() + msg)
        return json.dumps({**seen(), 'auth': auth, 'n': session.get('n')})
    app.left = left = []
    return app


@pytest.fixture(params=['cookie', 'store', 'mounted'])
def served(request, tmp_path):
    store = {'sess_store': f'sqlite:///{tmp_path}/sessions.db'} if request.param == 'store' else {}
    app = make_app(**store)
    whole = Starlette(routes=[Mount('/', app)], lifespan=app.router.lifespan_context) if request.param == 'mounted' else app
    with serve(whole) as served:
        served.app, served.returns = app, request.param == 'cookie'
        yield served


def events(client: httpx.Client, method: str, path: str, **kw) -> list[str]:
    with client.stream(method, path, **kw) as response:
        assert response.status_code == 200, response.read()
        return [e.data for e in parse_events(response.read().decode())]


@pytest.fixture
def client(served):
    with httpx.Client(base_url=served.url, timeout=DEADLINE, headers={'Accept-Language': 'de'}) as client: yield client


@pytest.mark.parametrize('path', ['/generator', '/plain'])
def test_context_variables_of_a_source(client, path):
    got = [json.loads(o) for o in events(client, 'GET', path)[:3]]
    assert [o['who'] for o in got] == ['a guard+', 'a guard++', 'a guard+++']
    assert all('/where' in o['link'] and 'nicht' in o['text'] for o in got), got


def test_a_source_reads_an_uploaded_file(client):
    assert events(client, 'POST', '/upload', files={'file': ('a.txt', b'the whole text')})[0] == 'the whole text'


def test_a_source_reads_a_session_that_nothing_has_read_before(client):
    client.get('/begin')
    assert events(client, 'GET', '/late')[0] == '1 1'


@pytest.mark.parametrize('served', ['store'], indirect=True)
def test_a_session_in_a_store_is_saved_while_a_source_runs(client):
    client.get('/begin')
    assert events(client, 'GET', '/count')[:3] == ['2', '3', '4']
    assert wait_until(lambda: client.get('/n').text == '4')


def test_a_source_that_raises_ends_the_stream_without_its_text(client):
    with client.stream('GET', '/broken') as response: text = response.read().decode()
    assert [e.event for e in parse_events(text)] == ['message', 'failed'] and 'secret' not in text


def test_a_socket_has_context_variables_guards_and_the_session(served, client):
    client.get('/begin')
    cookies = '; '.join(f'{k}={v}' for k, v in client.cookies.items())
    with connect(served.url.replace('http', 'ws', 1) + '/ws', additional_headers={'Cookie': cookies, 'Accept-Language': 'de'}) as ws:
        first = ws.recv(timeout=DEADLINE)
        assert 'a guard' in first and '/where' in first
        ws.send(json.dumps({'msg': '!'}))
        got = json.loads(ws.recv(timeout=DEADLINE))
        assert (got['auth'], got['n']) == ('ann', 1) and got['who'].startswith('a guard') and got['who'].endswith('!')
    wait_until(lambda: served.app.left)
