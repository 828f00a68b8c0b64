"How-to pages about jobs of the first week, in Chromium with the very code of their cells, htmx 2 and 4."
import asyncio
import json
from functools import partial

import pytest
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

import fasthtml.common
from fasthtml.common import FastHTML, fast_app
from fasthtml.pico import Group
from support import ROOT, serve, wait_until

VERSIONS = pytest.mark.parametrize('htmx', [2, 4])


def program(page: str, *texts: str, **given) -> dict:
    "What these cells of a how-to page define: each text is found in one cell"
    cells = json.loads((ROOT/f'nbs/howto/{page}.ipynb').read_text(encoding='utf-8'))['cells']
    sources = [''.join(c['source']) for c in cells if c['cell_type'] == 'code']
    space = vars(fasthtml.common) | {'Group': Group, 'Client': NoClient, 'client': NoClient()} | given
    for text in texts:
        try: exec(next(o for o in sources if text in o), space)
        except Enough: pass
    return space


class Enough(Exception):
    "A cell goes on with a client; here a browser does"


class NoClient:
    "Ends a cell where it would use a client"
    def __init__(self, app=None): self.app = app
    def open(self, path): raise Enough


def makers(htmx: int, **kw) -> dict:
    "`FastHTML` and `fast_app` for one version of htmx"
    return {'FastHTML': partial(FastHTML, htmx=htmx, **kw), 'fast_app': partial(fast_app, htmx=htmx, **kw)}


def see(page, condition) -> None:
    "`wait_until`, while requests of the page go on: they are routed in this thread"
    wait_until(lambda: condition() or page.wait_for_timeout(5))


class Held:
    "ASGI middleware: a request with this query waits until it is released"
    def __init__(self, app, query: bytes, state: dict): self.app, self.query, self.state = app, query, state

    async def __call__(self, scope, receive, send):
        held = scope['type'] == 'http' and scope['query_string'] == self.query
        if held:
            self.state['released'] = asyncio.Event()
            self.state['held'] = True
            await self.state['released'].wait()
        await self.app(scope, receive, send)
        if held: self.state['over'] = True


@VERSIONS
def test_an_older_search_does_not_replace_a_newer_one(page, htmx):
    state = {}
    given = makers(htmx, middleware=[Middleware(Held, query=b'q=c', state=state)])
    code = program('search', 'herbs = ', 'asked = []', **given)
    shown = 'text => document.getElementById("found").innerText.split("\\n").join(" ") == text'
    with serve(code['app']) as served:
        page.goto(served.url)
        page.focus('#q')
        page.keyboard.type('c')
        see(page, lambda: state.get('held'))
        page.keyboard.type('h')
        page.wait_for_function(shown, arg='chervil chives')
        served.call(state['released'].set)
        see(page, lambda: state.get('over'))
        assert page.evaluate(shown, 'chervil chives')
        assert page.url == f'{served.url}/?q=ch'
        assert page.evaluate('document.activeElement.id + document.activeElement.value') == 'qch'
        page.keyboard.type('x')
        page.wait_for_function(shown, arg='No herb is called “chx”.')
        page.reload()
        assert page.evaluate(shown, 'No herb is called “chx”.')
    assert not [o for o in page.problems if 'sendAbort' not in o and 'afterRequest' not in o]  # htmx 2 logs what it gave up


@VERSIONS
def test_a_long_list_is_loaded_as_it_is_scrolled(page, htmx):
    code = program('search', 'class Entry', app=FastHTML(secret_key='x', htmx=htmx))
    with serve(code['app']) as served:
        page.goto(f'{served.url}/log')
        code['entries'].insert(0, code['Entry'](101, 'Entry 101'))
        rows = page.locator('#log li')
        see(page, lambda: rows.last.scroll_into_view_if_needed() or rows.count() == 100)
        assert rows.all_inner_texts() == [f'Entry {n}' for n in range(100, 0, -1)]
    assert not page.problems


def test_a_colour_scheme_is_chosen_and_kept(page):
    code = program('dark_mode', 'themes = ', 'def switch')
    background = 'getComputedStyle(document.documentElement).backgroundColor'
    with serve(code['app']) as served:
        page.emulate_media(color_scheme='light')
        page.goto(served.url)
        light = page.evaluate(background)
        page.click('text=Dark')
        page.wait_for_selector('html[data-theme=dark]')
        assert page.evaluate(background) != light
        assert page.inner_text('[aria-pressed=true]') == 'Dark'
        second = page.context.new_page()
        assert 'data-theme="dark"' in second.goto(served.url).text().partition('<head')[0]
        page.emulate_media(color_scheme='dark')
        page.click('text=Light')
        page.wait_for_selector('html[data-theme=light]')
        assert page.evaluate(background) == light
    assert not page.problems


def test_a_colour_scheme_of_the_browser_is_there_before_the_body(page):
    code = program('dark_mode', 'def switch', 'theme_script', rt=lambda *a, **kw: lambda f: f)
    page.add_init_script('''new MutationObserver((_, observer) => {
        if (document.body) { window.atBody = document.documentElement.dataset.theme; observer.disconnect() }
    }).observe(document, {childList: true, subtree: true})''')
    with serve(code['cached']) as served:
        page.goto(served.url)
        page.click('text=Dark')
        assert page.get_attribute('html', 'data-theme') == 'dark'
        page.reload()
        assert page.evaluate('atBody') == 'dark'
        page.click('text=System')
        assert page.get_attribute('html', 'data-theme') is None
    assert not page.problems


@VERSIONS
def test_toasts_after_a_redirect_and_in_a_fragment(page, htmx):
    code = program('toasts', 'duration=4000', 'def board', **makers(htmx))
    with serve(code['app']) as served:
        page.goto(served.url)
        page.fill('[name=text]', 'Milk')
        page.click('text=Save')
        page.wait_for_selector('#fh-toast-container .fh-toast-success:has-text("Saved “Milk”.")')
        page.goto(f'{served.url}/board')
        page.click('text=Delete')
        page.wait_for_selector('#fh-toast-container .fh-toast-warning')
        assert page.locator('#board li').count() == 0
        page.click('.fh-toast-dismiss')
        page.wait_for_selector('.fh-toast', state='detached')
    assert not page.problems


def test_links_of_a_mounted_app_stay_below_the_mount(page):
    given = {'JSONResponse': JSONResponse, 'Middleware': Middleware, 'SessionMiddleware': SessionMiddleware, 'Route': Route}
    code = program('mount', 'async def lifespan', 'async def hello', **given)
    with serve(code['site']) as served:
        page.goto(f'{served.url}/shop/')
        page.click('text=Again')
        page.wait_for_selector('#n:text-is("Visit 2 of the database")')
        assert page.url == f'{served.url}/shop/'
    assert code['order'] == ['open the database', 'close the database'] and not page.problems


@VERSIONS
def test_one_publisher_serves_all_pages(page, htmx):
    code = program('background', 'def meter', **makers(htmx), every=None, running=None)
    with serve(code['site'], lifespan='off') as served:
        page.goto(served.url)
        second = page.context.new_page()
        second.goto(served.url)
        for tab in page, second: tab.wait_for_selector('html[data-live=true]', state='attached')
        served.call(lambda: asyncio.ensure_future(code['measure']()))
        for tab in page, second: tab.wait_for_selector('p:text("4 visitors")')
    page.problems.clear()  # the server has gone
