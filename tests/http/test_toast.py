"""Toasts: on which answers they appear, and on which they wait."""
import asyncio

import pytest
from starlette.responses import HTMLResponse

from fasthtml.app.app import FastHTML
from fasthtml.app.toast import add_toast, setup_toasts
from fasthtml.html.tags import P, Title
from fasthtml.http.responses import FtResponse, Redirect
from fasthtml.testing import AsyncClient, Client
from support import each_row

CARRY = {
    'element': lambda: P('content'),
    'tuple': lambda: (Title('T'), P('content')),
    'list': lambda: [P('content'), P('more')],
    'nothing': lambda: None,
    'FtResponse': lambda: FtResponse(P('content'), status_code=202),
    'FtResponse of a tuple': lambda: FtResponse((Title('T'), P('content')), 404),
}
WAIT = {
    'redirect': lambda: Redirect('/elsewhere'),
    'redirect in a tuple': lambda: (Redirect('/elsewhere'),),
    'raw text': lambda: '<p>raw</p>',
    'JSON': lambda: {'a': 1},
    'list for JSON': lambda: [{'a': 1}, {'a': 2}],
    'response': lambda: HTMLResponse('<p>raw</p>'),
    'number': lambda: 0,
}


def app_that_returns(make):
    app = FastHTML(secret_key='a key for this test only')
    setup_toasts(app, duration=1234)

    @app.get('/add')
    def add(session):
        add_toast(session, 'Saved <1>', 'success')
        return make()

    @app.get('/page')
    def page():
        return P('The page')
    return Client(app)


@each_row('make', CARRY.values(), ids=CARRY)
@each_row('fragment', [False, True], ids=['page', 'fragment'])
def test_html_of_ours_carries_the_message_once(make, fragment):
    client = app_that_returns(make)
    answer = (client.hx if fragment else client).get('/add')
    assert answer.one('.fh-toast').text == 'Saved <1>'
    assert answer.one('.fh-toast').attrs['data-duration'] == '1234'
    assert bool(answer.select('[hx-swap-oob="beforeend:#fh-toast-container"]')) == fragment
    assert not client.get('/page').select('.fh-toast')


@pytest.mark.parametrize('make', WAIT.values(), ids=WAIT)
def test_on_anything_else_it_waits_for_the_next_page(make):
    client = app_that_returns(make)
    first = client.get('/add')
    assert 'Saved' not in first.text
    assert client.get('/page').one('.fh-toast').text == 'Saved <1>'
    assert not client.get('/page').select('.fh-toast')


def test_several_messages_keep_their_order_and_kinds():
    app = FastHTML(secret_key='a key for this test only')
    setup_toasts(app)

    @app.get('/')
    def home(session):
        for number, kind in enumerate(['info', 'success', 'warning', 'error']):
            add_toast(session, f'{number}', kind, dismiss=kind == 'error', duration=0 if kind == 'info' else 50)
        return P('x')
    toasts = Client(app).get('/').select('.fh-toast')
    assert [toast.text.strip('×') for toast in toasts] == ['0', '1', '2', '3']
    assert [toast.attrs['role'] for toast in toasts] == ['status', 'status', 'status', 'alert']
    assert [bool(toast.select('button')) for toast in toasts] == [True, False, False, True]


def test_an_unknown_kind_is_a_clear_error():
    with pytest.raises(ValueError, match='info, success, warning, error'):
        add_toast({}, 'x', 'fatal')


async def test_a_message_that_a_slower_request_adds_is_shown_after_all(tmp_path):
    "It has read the session when a message waited, and adds its own when a page has shown that one"
    app = FastHTML(secret_key='a key for this test only', sess_store=f'sqlite:///{tmp_path}/s.db')
    setup_toasts(app)
    began, go = asyncio.Event(), asyncio.Event()

    @app.get('/first')
    def first(session):
        add_toast(session, 'first')
        return Redirect('/page')

    @app.get('/slow')
    async def slow(session):
        dict(session)
        began.set()
        await go.wait()
        add_toast(session, 'payment failed')
        return Redirect('/page')

    @app.get('/page')
    def page(): return P('The page')
    async with AsyncClient(app) as client:
        await client.get('/first', follow_redirects=False)
        late = asyncio.ensure_future(client.get('/slow', follow_redirects=False))
        await began.wait()
        shown = (await client.get('/page')).text
        assert 'first' in shown and 'payment failed' not in shown
        go.set()
        await late
        assert 'payment failed' in (await client.get('/page')).text
        assert 'fh-toast"' not in (await client.get('/page')).text
