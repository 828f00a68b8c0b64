"What how-to pages say about browsers, with the very code of their cells."
import asyncio
import json
from functools import partial

import pytest

import fasthtml.common
from fasthtml.common import Div, FastHTML, P
from fasthtml.realtime import presence
from fasthtml.realtime.servers import abort
from proxy_kit import Proxy
from support import ROOT, Served, serve, type_messages, wait_until

VERSIONS = pytest.mark.parametrize('htmx', [2, 4])


def cell(page: str, text: str) -> str:
    "The code cell of the page that contains `text`"
    cells = json.loads((ROOT/f'nbs/howto/{page}.ipynb').read_text(encoding='utf-8'))['cells']
    sources = [''.join(c['source']) for c in cells if c['cell_type'] == 'code']
    return next(source for source in sources if text in source)


def names(page: str, text: str, **given) -> dict:
    "What the cell defines"
    exec(cell(page, text), space := vars(fasthtml.common) | given)
    return space


def program(page: str, htmx: int, *texts: str) -> dict:
    "What some cells of a page define, with one version of htmx"
    space = vars(fasthtml.common) | {'FastHTML': partial(FastHTML, htmx=htmx)}
    for text in texts: exec(cell(page, text).partition('\npage = ')[0], space)
    return space


def realtime_app(htmx: int) -> dict:
    "The cells of the page on real time that make its app"
    return program('realtime', htmx, 'from collections import', 'def notices', 'hall = ', 'def pack', 'def connections')


def see(page, condition) -> None:
    "`wait_until`, while requests of the page go on: they are routed in this thread"
    wait_until(lambda: condition() or page.wait_for_timeout(5))


def break_lines(served: Served) -> None:
    "Cut every connection, as a network does"
    for connection in served.app.lifecycle.connections:
        served.call(abort, connection.scope)


@VERSIONS
def test_a_page_that_was_away_for_too_long_fetches_its_state(page, htmx):
    app = FastHTML(secret_key='x', exts=['sse'], htmx=htmx)
    code = names('realtime', 'def wall_page', app=app)
    wall, written = code['wall'], code['written']
    app.get('/')(code['wall_page'])
    written.append('one')
    shown = 'text => document.getElementById("posts").innerText.split("\\n").join(" ") == text'
    with serve(app) as served:
        page.goto(served.url)
        see(page, lambda: len(wall) == 1)
        written.append('two')
        wall.publish_sync(fasthtml.common.Li('two'))
        page.wait_for_function(shown, arg='one two')
        for text in 'three four five six'.split():  # more than the history holds, while no client listens
            written.append(text)
        break_lines(served)
        see(page, lambda: len(wall) == 0)
        for text in written[2:]: wall.publish_sync(text)
        page.wait_for_function(shown, arg='one two three four five six')
    page.problems.clear()  # the browser logs that its line was cut


@VERSIONS
def test_a_banner_is_there_while_the_server_is_not(page, htmx):
    app = FastHTML(secret_key='x', htmx=htmx)
    banner = names('realtime', 'banner = ')['banner']
    app.live(lambda: P('12 figs', id='figs'), name='stock')
    app.get('/')(lambda: (banner, app.regions.table['stock']()))

    with serve(app) as served, Proxy(served.port) as proxy:
        page.goto(proxy.url)
        page.wait_for_selector('html[data-live=true]', state='attached')
        assert page.is_hidden('.banner')
        proxy.away = True
        proxy.cut()
        page.wait_for_selector('.banner', state='visible')
        proxy.away = False
        page.wait_for_selector('.banner', state='hidden')
    page.problems.clear()  # the browser logs that its connection was cut


@VERSIONS
def test_each_person_is_listed_once_and_windows_share_what_is_shown(new_page, htmx, monkeypatch):
    "Presence, notices, a chart and work of the page on real time, in windows of two people"
    monkeypatch.setattr(presence, 'grace_seconds', 0.5)
    code = realtime_app(htmx)
    with serve(code['app']) as served:
        ann, bob = new_page(), new_page()
        for tab, name in (ann, 'ann'), (bob, 'bob'): tab.goto(f'{served.url}/login?name={name}')
        again = ann.context.new_page()
        for tab in ann, again, bob: tab.goto(f'{served.url}/hall')
        for tab in ann, again, bob: tab.wait_for_selector('main p:text-is("ann, bob")')
        bob.goto(f'{served.url}/')
        again.wait_for_selector('main p:text-is("ann")')
        for tab in ann, again: tab.goto(f'{served.url}/')
        for tab in ann, again, bob: tab.wait_for_selector('html[data-live=true]', state='attached')
        served.call(lambda: asyncio.ensure_future(code['notify']('ann', 'Your parcel has arrived')))
        for tab in ann, again: tab.wait_for_selector('li:text-is("Your parcel has arrived")')
        again.click('text=Mark as read')
        ann.wait_for_selector('h2:text-is("0 new")')
        assert bob.locator('li').count() == 0
        for tab in ann, bob: tab.goto(f'{served.url}/orders/7')
        ann.click('text=Pack')
        bob.wait_for_selector('progress[value="1"]')
        ann.reload()
        for tab in ann, bob: tab.wait_for_selector('[data-work=done] progress[value="3"]')
        bob.goto(f'{served.url}/admin/connections')
        assert 'not for you' in bob.inner_text('body')
        ann.goto(f'{served.url}/admin/connections')
        ann.wait_for_selector('td:text-is("/_live")')
        assert not ann.problems
    bob.problems.clear()  # the browser logs the 403


@VERSIONS
def test_a_shared_list_a_cart_and_a_filter_are_true_in_every_window(new_page, htmx):
    code = program('live', htmx, 'def todo', 'def cart', 'def price', 'def cheap')
    with serve(code['app']) as served:
        ann, bob = new_page(), new_page()
        for tab, name in (ann, 'Ann'), (bob, 'Bob'):
            tab.goto(f'{served.url}/list/7')
            tab.fill('[name=name]', name)
            tab.press('[name=name]', 'Enter')
            tab.wait_for_selector('html[data-live=true]', state='attached')
        bob.fill('[name=text]', 'half a sen')
        type_messages(ann, '[name=text]', ['buy milk', 'buy figs'], lambda text: bob.wait_for_selector(f'li:has-text("{text} (Ann)")'))
        assert bob.input_value('[name=text]') == 'half a sen'
        bob.click('li:has-text("milk") button')
        ann.wait_for_selector('h2:text-is("2 to do")')
        second = ann.context.new_page()
        for tab in ann, second, bob:
            tab.goto(f'{served.url}/shop')
            tab.wait_for_selector('html[data-live=true]', state='attached')
        ann.click('text=Buy honey')
        for tab in ann, second: tab.wait_for_selector('span:text-is("2 in the cart")')
        assert bob.inner_text('main span') == '0 in the cart'
        for tab in ann, bob: tab.goto(f'{served.url}/cheap')
        ann.fill('[name=limit]', '40')
        ann.press('[name=limit]', 'Tab')
        ann.wait_for_function('document.querySelectorAll("#cheap li").length == 3')
        code['prices'].update({0: 30, 5: 8})
        code['cheap'].changed_sync()
        ann.wait_for_function('document.querySelectorAll("#cheap li").length == 4')
        bob.wait_for_function('document.querySelector("#cheap").innerText == "part 1\\npart 5"')
        assert not ann.problems + bob.problems


@VERSIONS
def test_one_stream_serves_all_parts_of_a_page(page, htmx):
    "Elements that say where they go, in a stream whose own element swaps nothing"
    def app_of_that_version(**kw): return FastHTML(**kw, htmx=htmx)
    code = names('http2', 'def visitors', FastHTML=app_of_that_version)
    with serve(code['app']) as served:
        page.goto(served.url)
        see(page, lambda: len(code['page_channel']) == 1)
        code['page_channel'].publish_sync(code['price'](3))
        page.wait_for_selector('#price:text-is("3 euro")')
        code['page_channel'].publish_sync((code['price'](4), code['visitors'](2)))
        page.wait_for_selector('#price:text-is("4 euro")')
        page.wait_for_selector('#visitors:text-is("2 here")')
        assert page.inner_text('[hx-ext=sse]') == '' and page.locator('#price').count() == 1
    page.problems.clear()


def test_sockets_do_not_count_among_the_six_connections(page):
    app = FastHTML(secret_key='x', exts=['ws'])
    app.ws('/talk')(lambda: None)

    @app.get('/')
    def home(): return [Div(hx_ext='ws', ws_connect='/talk') for _ in range(10)]

    with serve(app) as served:
        page.goto(served.url)
        see(page, lambda: len(app.connections) == 10)
        assert page.evaluate('fetch("/").then(answer => answer.status)') == 200
    page.problems.clear()


@VERSIONS
def test_cards_that_are_dragged_move_for_everybody(new_page, htmx):
    "The last card of a column too; and who drags meanwhile goes on"
    fallback = partial(fasthtml.common.SortableJS, forceFallback=True)   # a drag of its own, which a test's mouse can do
    space = vars(fasthtml.common) | {'FastHTML': partial(FastHTML, htmx=htmx), 'SortableJS': fallback}
    for text in 'def card', 'async def sort': exec(cell('board', text), space)
    ann, bob = new_page(), new_page()

    def take(page, card):
        box = page.locator(card).bounding_box()
        page.mouse.move(box['x'] + 20, box['y'] + box['height']/2)
        page.mouse.down()

    def drop(page, at):
        box = page.locator(at).bounding_box()
        for step in range(1, 6): page.mouse.move(box['x'] + 20 + step, box['y'] + box['height']/2 + step, steps=4)
        page.mouse.up()

    def shown(page, todo, done):
        page.wait_for_function("""columns => columns.every(([name, cards]) =>
            [...document.querySelectorAll(`#${name} .card`)].map(o => o.id.slice(5)).sort().join() == cards)""",
                               arg=[['todo', todo], ['done', done]])

    with serve(space['app']) as served:
        for page in ann, bob:
            page.goto(served.url)
            page.wait_for_selector('html[data-live=true]', state='attached')
        take(ann, '#card-1')
        drop(ann, '#card-3')
        for page in ann, bob: shown(page, '2', '1,3')
        take(ann, '#card-2')
        ann.mouse.move(100, 100, steps=3)
        take(bob, '#card-1')
        drop(bob, '#card-2')
        shown(bob, '1,2', '3')
        drop(ann, '#card-3')
        for page in ann, bob: shown(page, '1', '2,3')
        take(bob, '#card-1')
        drop(bob, '#card-3')
        for page in ann, bob: shown(page, '', '1,2,3')
        assert sorted(space['columns']['done']) == [1, 2, 3] and space['columns']['todo'] == []
        for page in ann, bob: assert not page.problems and page.locator('.fh-toast').count() == 0


def test_what_somebody_writes_on_a_card_goes_with_it(page):
    "L3, when another visitor moves the card; and when its column is removed"
    app, columns = FastHTML(secret_key='x'), {'todo': [1, 2], 'done': [3]}

    @app.live
    def board():
        def card(n): return P(fasthtml.common.Input(name='text', id=f'text-{n}'), id=f'card-{n}')
        return Div(*[Div(*map(card, cards), id=name) for name, cards in columns.items()])

    app.get('/')(lambda: board())
    with serve(app) as served:
        page.goto(served.url)
        page.wait_for_selector('html[data-live=true]', state='attached')
        page.fill('#text-1', 'half a sen')
        columns.update(todo=[2], done=[3, 1])
        board.changed_sync()
        page.wait_for_selector('#done #card-1')
        assert page.evaluate('document.activeElement.id + document.activeElement.value') == 'text-1half a sen'
        columns['new'] = columns.pop('done')
        board.changed_sync()
        page.wait_for_selector('#new #card-1')
        page.wait_for_selector('#done', state='detached')
        assert page.locator('#card-1').count() == 1 and page.input_value('#text-1') == 'half a sen'
        assert not page.problems


@VERSIONS
def test_scripts_treat_what_a_region_brings(page, htmx):
    "Markdown, formulas and coloured code, when the region changes; a form that a visitor has opened in its place stays"
    code = program('javascript', htmx, 'def notes')
    code['docs'].get('/edit')(lambda: fasthtml.common.Input(name='text', id='edit'))
    note, notes = code['note'], code['notes']
    with serve(code['docs']) as served:
        page.goto(served.url)
        page.wait_for_selector('html[data-live=true]', state='attached')
        page.wait_for_selector('.marked em:text-is("visitor")')
        page.wait_for_selector('.marked .katex')
        page.wait_for_selector('code .hljs-number:text-is("1")')
        for n in 2, 3:
            note.update(text=f'**Nobody {n}** knows $x_{n}$', code=f'x = {n}')
            notes.changed_sync()
            page.wait_for_selector(f'.marked strong:text-is("Nobody {n}")')
            page.wait_for_selector('.marked .katex')
            page.wait_for_selector(f'code .hljs-number:text-is("{n}")')
            assert page.locator('.marked em').count() == 0
        page.evaluate("htmx.ajax('GET', '/edit', {target: '.marked', swap: 'innerHTML'})")
        page.wait_for_selector('#edit')
        note.update(text='Another', code='x = 4')
        notes.changed_sync()
        page.wait_for_selector('code .hljs-number:text-is("4")')
        assert page.locator('#edit').count() == 1 and page.get_attribute('.marked', 'data-live-conflict') == 'replaced'
        assert not page.problems


@VERSIONS
def test_an_upload_moves_its_bar_and_what_is_too_large_is_told(page, htmx):
    app = FastHTML(secret_key='x', htmx=htmx, max_body_size=300_000)
    exec(cell('uploads', 'async def receive').partition('\n')[2], vars(fasthtml.common) | {'app': app})
    with serve(app) as served:
        page.goto(served.url)
        page.evaluate("""() => {
            window.seen = [];
            const bar = document.getElementById('uploadprog');
            new MutationObserver(() => seen.push(bar.value)).observe(bar, {attributes: true});
        }""")
        page.set_input_files('#file', {'name': 'a.bin', 'mimeType': 'application/octet-stream', 'buffer': b'0'*200_000})
        page.click('#upload button')
        page.wait_for_function("document.querySelectorAll('#there li').length === 1")
        assert page.inner_text('#there') == 'a.bin: 200000 bytes' and page.evaluate('seen.at(-1)') == 100
        page.set_input_files('#file', {'name': 'b.bin', 'mimeType': 'application/octet-stream', 'buffer': b'0'*400_000})
        page.click('#upload button')
        page.wait_for_selector('.fh-toast-error')
        assert '413' in page.inner_text('.fh-toast-error') or 'cannot be reached' in page.inner_text('.fh-toast-error')
        assert page.evaluate("document.querySelectorAll('#there li').length") == 1


@VERSIONS
def test_the_usual_patterns_work_in_a_browser(page, htmx):
    space = vars(fasthtml.common) | {'fast_app': partial(fasthtml.common.fast_app, htmx=htmx)}
    for text in 'names = {1', 'in_row = ', 'def terms', 'panels = ', 'cities = ', 'def buy', 'saved = ', 'def report':
        exec(cell('patterns', text).partition('\npage = ')[0].partition('\nclient.open')[0], space)
    page.on('dialog', lambda dialog: dialog.accept())
    with serve(space['app']) as served:
        page.goto(f'{served.url}/people')
        page.click('li:first-child button:first-child')
        page.fill('[name=name]', 'Ada L.')
        page.click('text=Save')
        page.wait_for_selector('li:first-child:has-text("Ada L.")')
        page.click('li:last-child button:last-child')
        page.wait_for_function('document.querySelectorAll("li").length == 2')
        page.goto(f'{served.url}/shop')
        page.click('text=Terms')
        page.click('dialog[open] button')
        page.wait_for_function('document.querySelector("dialog").open == false')
        page.goto(f'{served.url}/tabs')
        page.click('text=About')
        page.wait_for_selector('#panel:text-is("A tea shop.")')
        assert page.url.endswith('/tabs?show=about')
        page.goto(f'{served.url}/address')
        page.select_option('[name=country]', 'Italy')
        page.wait_for_selector('#city option:text-is("Milan")', state='attached')
        page.goto(f'{served.url}/order')
        page.click('text=Buy tea')
        page.wait_for_selector('#cart li')
        assert page.inner_text('#count') == '1'
        page.goto(f'{served.url}/guests')
        page.fill('[name=name]', 'Grace')
        page.click('text=Save')
        page.wait_for_selector('li:text-is("Grace")')
        page.goto(f'{served.url}/office')
        page.wait_for_selector('p:text-is("The slow part.")')
    assert not page.problems
