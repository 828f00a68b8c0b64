"""Four apps that people write first, each driven by one script: in the page client, and in Chromium with the htmx that they load.

The script is written once, for a visitor; `InPython` and `InChromium` are two visitors.
"""
import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fasthtml.common import (
    A,
    Beforeware,
    Button,
    Div,
    EventStream,
    FastHTML,
    Form,
    Hidden,
    Input,
    Li,
    P,
    RedirectResponse,
    Span,
    Table,
    Tbody,
    Td,
    Titled,
    Tr,
    Ul,
)
from fasthtml.testing import Client
from support import serve


class InPython:
    "A visitor of the page client"
    def __init__(self, app: Any):
        self.client = Client(app)
        self.page = self.client.open('/')
    def fill(self, css: str, value: Any) -> None: self.page.fill(css, value)
    def click(self, css: str, answer: bool | None = None) -> None:
        if answer is not None: self.page.answer(answer)
        self.page.click(css)
    def submit(self, css: str) -> None: self.page.submit(css)
    def drag(self, css: str, before: str) -> None: self.page.drag(css, before)
    def texts(self, css: str, expected: list[str]) -> None:
        self.page.wait(css, len(expected), text='')
        assert [o.text for o in self.page.all(css)] == expected
    def at(self, path: str) -> None: assert self.page.path == path
    def run(self, coro: Any) -> None: self.client.run(coro)


class InChromium:
    "A visitor with a browser"
    def __init__(self, page: Any, server: Any):
        self.page, self.server, self.answer = page, server, True
        page.on('dialog', lambda dialog: dialog.accept() if self.answer else dialog.dismiss())
        page.goto(server.url)
        page.wait_for_function('window.htmx')
    def fill(self, css: str, value: Any) -> None: self.page.fill(css, value)
    def click(self, css: str, answer: bool | None = None) -> None:
        self.answer = answer is not False
        self.page.click(css)
    def submit(self, css: str) -> None: self.page.evaluate("css => document.querySelector(css + ' button').click()", css)
    def drag(self, css: str, before: str) -> None:
        self.page.evaluate("""([css, before]) => { const a = document.querySelector(css), b = document.querySelector(before);
            b.parentNode.insertBefore(a, b); b.parentNode.dispatchEvent(new Event('end', {bubbles: true})); }""", [css, before])
    def texts(self, css: str, expected: list[str]) -> None:
        seen = 'JSON.stringify([...document.querySelectorAll(css)].map(o => o.textContent))'
        self.page.wait_for_function(f'([css, expected]) => {seen} == expected',
                                    arg=[css, json.dumps(expected, separators=(',', ':'), ensure_ascii=False)])
    def at(self, path: str) -> None: self.page.wait_for_function('path => location.pathname == path', arg=path)
    def run(self, coro: Any) -> None:
        loop = next(iter(self.server.server.servers)).get_loop()
        asyncio.run_coroutine_threadsafe(coro, loop).result(10)


# A board with drag and drop, which others see change

def board(htmx: int) -> FastHTML:
    app = FastHTML(htmx=htmx, exts=['sse'], secret_key='k')
    cards, news = ['Milk', 'Bread', 'Tea'], app.channel('board')
    def draw() -> Any:
        items = [Div(Hidden(name='order', value=o), o, cls='card', id=f'card-{o}') for o in cards]
        return Form(*items, id='cards', hx_post='/order', hx_trigger='end', hx_swap='none')

    @app.get('/')
    def index():
        live = Div(hx_ext='sse', sse_connect='/live', sse_swap='message', hx_target='#board')
        form = Form(Input(name='text', id='text'), Button('Add'), id='add', hx_post='/add', hx_swap='none')
        return Titled('Board', Div(draw(), id='board'), form, live)

    @app.post('/order')
    async def order(order: list[str]):
        cards[:] = order
        await news.publish(draw())
        return ''

    @app.post('/add')
    async def add(text: str):
        cards.append(text)
        await news.publish(draw())
        return ''

    @app.get('/live')
    def live(): return EventStream(news)
    app.state.add = add
    return app


def on_the_board(visitor: Any, app: FastHTML) -> None:
    visitor.texts('.card', ['Milk', 'Bread', 'Tea'])
    visitor.drag('#card-Tea', '#card-Milk')
    visitor.texts('.card', ['Tea', 'Milk', 'Bread'])
    visitor.fill('#text', 'Salt')
    visitor.submit('#add')
    visitor.texts('.card', ['Tea', 'Milk', 'Bread', 'Salt'])
    visitor.run(app.state.add('Rice'))   # another visitor
    visitor.texts('.card', ['Tea', 'Milk', 'Bread', 'Salt', 'Rice'])


# A chat with a language model that answers word by word

def chat(htmx: int) -> FastHTML:
    app = FastHTML(htmx=htmx, exts='ws', secret_key='k')

    @app.get('/')
    def index():
        form = Form(Input(name='msg', id='msg'), Button('Send'), id='say', ws_send=True)
        return Titled('Chat', Div(Ul(id='said'), form, hx_ext='ws', ws_connect='/ws'))

    @app.ws('/ws')
    async def ws(msg: str, send):
        await send(Ul(Li(msg, cls='mine'), Li(Span(id='answer'), cls='theirs'), id='said', hx_swap_oob='beforeend'))
        for word in f'You said {msg}'.split(): await send(Span(word + ' ', id='answer', hx_swap_oob='beforeend'))
        await send(P('done', id='done'), Input(name='msg', id='msg', hx_swap_oob='true'))
    return app


def in_the_chat(visitor: Any, app: FastHTML) -> None:
    visitor.fill('#msg', 'hello')
    visitor.submit('#say')
    visitor.texts('#said li', ['hello', 'You said hello '])


# A dashboard: figures pushed, and a table loaded when the page is there

def dashboard(htmx: int) -> FastHTML:
    app = FastHTML(htmx=htmx, exts='sse', secret_key='k')
    figures = app.channel('figures')

    @app.get('/')
    def index():
        stream = Div('none', id='load', hx_ext='sse', sse_connect='/figures', sse_swap='message')
        return Titled('Dashboard', stream, Table(Tbody(id='rows', hx_get='/rows', hx_trigger='load')))

    @app.get('/figures')
    def stream(): return EventStream(figures)

    @app.get('/rows')
    def rows(): return [Tr(Td(name), Td(n)) for name, n in (('web', 1), ('db', 2))]

    app.state.figures = figures
    return app


def on_the_dashboard(visitor: Any, app: FastHTML) -> None:
    visitor.texts('#rows td', ['web', '1', 'db', '2'])
    visitor.run(app.state.figures.publish(P('50 %')))
    visitor.texts('#load p', ['50 %'])
    visitor.run(app.state.figures.publish(P('90 %')))
    visitor.texts('#load p', ['90 %'])


# Records behind a login

def records(htmx: int) -> FastHTML:
    def guard(req, session):
        if not session.get('user'): return RedirectResponse('/login', status_code=303)
    app = FastHTML(htmx=htmx, secret_key='k', before=Beforeware(guard, skip=['/login']))
    rows: dict[int, str] = {1: 'Milk'}

    def Row(id: int) -> Any:
        edit = Button('Edit', hx_get=f'/edit/{id}', hx_target=f'#row-{id}', hx_swap='outerHTML', cls='edit')
        gone = Button('Delete', hx_delete=f'/row/{id}', hx_target=f'#row-{id}', hx_swap='outerHTML', hx_confirm='Sure?', cls='delete')
        return Tr(Td(rows[id], cls='name'), Td(edit), Td(gone), id=f'row-{id}')

    @app.get('/login')
    def login():
        field = Input(name='user', id='user', required=True)
        return Titled('Log in', Form(field, Button('Log in'), action='/login', method='post', id='login'))
    @app.post('/login')
    def enter(user: str, session):
        session['user'] = user
        return RedirectResponse('/', status_code=303)
    @app.get('/')
    def index(session):
        field = Input(name='name', id='name')
        form = Form(field, Button('Add'), id='add', hx_post='/rows', hx_target='#rows', hx_swap='beforeend')
        table = Table(Tbody(*map(Row, rows), id='rows'))
        return Titled('Records', P(session['user'], id='who'), table, form, A('Out', href='/out', id='out'))
    @app.post('/rows')
    def add(name: str):
        rows[max(rows, default=0) + 1] = name
        return Row(max(rows))
    @app.get('/edit/{id}')
    def edit(id: int):
        save = Button('Save', hx_put=f'/row/{id}', hx_include='closest tr', hx_target=f'#row-{id}', hx_swap='outerHTML', id='save')
        return Tr(Td(Input(name='name', value=rows[id], id='new')), Td(save), id=f'row-{id}')
    @app.put('/row/{id}')
    def put(id: int, name: str):
        rows[id] = name
        return Row(id)
    @app.delete('/row/{id}')
    def delete(id: int):
        del rows[id]
        return ''
    @app.get('/out')
    def out(session):
        session.clear()
        return RedirectResponse('/', status_code=303)
    return app


def with_records(visitor: Any, app: FastHTML) -> None:
    visitor.at('/login')
    visitor.fill('#user', 'ann')
    visitor.submit('#login')
    visitor.texts('#who', ['ann'])
    visitor.at('/')
    visitor.fill('#name', 'Bread')
    visitor.submit('#add')
    visitor.texts('.name', ['Milk', 'Bread'])
    visitor.click('#row-1 .edit')
    visitor.texts('#save', ['Save'])
    visitor.fill('#new', 'Oat milk')
    visitor.click('#save')
    visitor.texts('.name', ['Oat milk', 'Bread'])
    visitor.click('#row-1 .delete', answer=False)
    visitor.texts('.name', ['Oat milk', 'Bread'])
    visitor.click('#row-1 .delete', answer=True)
    visitor.texts('.name', ['Bread'])
    visitor.click('#out')
    visitor.at('/login')


SCRIPTS = {board: on_the_board, chat: in_the_chat, dashboard: on_the_dashboard, records: with_records}
APPS = pytest.mark.parametrize('make, script', SCRIPTS.items(), ids=[o.__name__ for o in SCRIPTS])
VERSIONS = pytest.mark.parametrize('htmx', [2, 4])


@contextmanager
def in_chromium(page: Any, app: FastHTML) -> Iterator[InChromium]:
    with serve(app) as server: yield InChromium(page, server)


@VERSIONS
@APPS
def test_an_app_in_the_page_client(make: Callable, script: Callable, htmx: int):
    app = make(htmx)
    visitor = InPython(app)
    script(visitor, app)
    assert not visitor.page.warnings
    visitor.client.close()


@VERSIONS
@APPS
def test_an_app_in_chromium(make: Callable, script: Callable, htmx: int, page):
    app = make(htmx)
    with in_chromium(page, app) as visitor: script(visitor, app)
    assert not page.problems
