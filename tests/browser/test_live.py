"""Live regions in Chromium, with both versions of htmx: an open page is up to date, and what the visitor does is not touched."""
import re
import threading
import time

import pytest

from fasthtml.common import Div, FastHTML, Input, P, Safe, Title
from fasthtml.realtime.regions import draw_html
from live_kit import Site
from proxy_kit import Proxy
from support import DEADLINE, ROOT, serve

WATCH = """selector => {
    window.saw = []
    const look = () => saw.push(document.querySelector(selector)?.textContent)
    new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true})
}"""
COUNT = """() => {
    window.bytes = 0
    const read = ReadableStreamDefaultReader.prototype.read
    ReadableStreamDefaultReader.prototype.read = async function() {
        const result = await read.call(this)
        if (result.value) bytes += result.value.length
        return result
    }
}"""
VERSIONS = pytest.mark.parametrize('version', [2, 4])   # where htmx takes part
ONE = pytest.mark.parametrize('version', [2])


@pytest.fixture
def site(version, request):
    site = Site(version, **getattr(request, 'param', {}))
    with site.serving():
        yield site


@pytest.fixture
def visit(site, same_page, new_page):
    "Open a page of the site, and wait until it is true; the first in the tab of the module"
    tabs = []

    def open_tab(path, state='true', tab=None, base=None):
        tab = tab or (new_page() if tabs else same_page)
        tabs.append(tab)
        tab.goto((base or site.served.url) + path)
        if state: is_(tab, state)
        return tab
    yield open_tab
    for tab in tabs:
        assert not [p for p in tab.problems if 'Failed to load resource' not in p]


def wait(tab, condition):
    "Wait for something outside of the page, whose requests go on meanwhile"
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, 'not within the deadline'
        tab.wait_for_timeout(10)


def is_(tab, state): tab.wait_for_selector(f'html[data-live={state}]', state='attached')
def has(tab, selector, text, timeout=60_000):
    found = '([s, t]) => [...document.querySelectorAll(s)].some(e => e.textContent.trim() == t)'
    tab.wait_for_function(found, arg=[selector, text], timeout=timeout)


SAVES_POWER = "document.dispatchEvent(new Event('freeze'))", "document.dispatchEvent(new Event('resume'))"
GOES_BACK = [f"dispatchEvent(new PageTransitionEvent('{name}', {{persisted: true}}))" for name in ('pagehide', 'pageshow')]
def put_away(tab, how=SAVES_POWER): tab.evaluate(how[0])
def take_out(tab, how=SAVES_POWER): tab.evaluate(how[1])


def sleeps(tab):
    "The computer has slept for an hour: timers have stood still, the clock has not"
    tab.evaluate("states = []; document.addEventListener('live:state', e => states.push(e.detail.state))")
    tab.evaluate("(now => { Date.now = () => now() + 3600_000 })(Date.now); dispatchEvent(new Event('online'))")


@VERSIONS
def test_fields_boxes_choices_and_details_of_the_visitor_stay(site, visit):
    "L3"
    tab = visit('/')
    tab.fill('#a', 'typed in a')
    tab.check('#cb')
    tab.select_option('#sel', 'y')
    tab.click('summary')
    tab.check('#raq')
    tab.fill('#ta', 'long')
    tab.fill('#b', 'typed in b')
    tab.evaluate("w.textContent = 'by a script'")
    site.put('n', 1, 'form', id=1)
    has(tab, 'h2', 'n=1')
    now = '[a.value, b.value, cb.checked, sel.value, det.open, raq.checked, ta.value, w.textContent, document.activeElement.id]'
    assert tab.evaluate(now) == ['typed in a', 'typed in b', True, 'y', True, True, 'long', 'by a script', 'b']
    site.put('a', 'theirs', 'form', id=1)
    tab.wait_for_function("a.hasAttribute('data-live-conflict')")
    assert tab.evaluate('[a.value, a.defaultValue, b.hasAttribute("data-live-conflict")]') == ['typed in a', 'theirs', False]
    site.put('opts', ['w', 'x', 'y'], 'form', id=1)
    tab.wait_for_function('sel.options.length == 3 && sel.options[0].value == "w"')
    assert tab.evaluate('sel.value') == 'y'
    site.put('ra', 'r', 'form', id=1)
    tab.wait_for_function('rar.defaultChecked')
    assert tab.evaluate('[rap.checked, raq.checked, rar.checked]') == [False, True, False]


@ONE
def test_fields_that_nobody_has_touched_follow(site, visit):
    tab = visit('/')
    site.put('a', 'new', 'form', id=1)
    tab.wait_for_function("a.value == 'new'")
    site.put('ta', 'T', 'form', id=1)
    tab.wait_for_function("ta.value == 'T'")
    site.put('ra', 'r', 'form', id=1)
    tab.wait_for_function('rar.checked')


@ONE
def test_a_page_never_goes_back_in_time(site, visit):
    "L2: no process was notified of the change, so the process has an old drawing when the second page comes"
    first = visit('/')
    site.put('n', 3)
    drawings = site.drawings
    second = visit('/')
    assert second.inner_text('h2') == 'n=3'
    has(first, 'h2', 'n=3')      # and the doubt has healed the other page
    assert second.inner_text('h2') == 'n=3'
    assert site.drawings - drawings <= 2


@ONE
def test_a_slow_outer_region_does_not_put_an_old_inner_one_back(site, visit):
    "L2, holes"
    tab = visit('/show?name=outer')
    site.slow['outer'] = 0.6
    site.put('out', 1, 'outer', id=1)
    site.put('in', 2, 'inner', id=1)
    has(tab, '.in', '2')
    tab.evaluate(WATCH, '.in')
    has(tab, '.out', 'drawn 1')
    assert set(tab.evaluate('saw')) <= {'2'}
    site.slow['outer'] = 0
    site.put('with_in', False, 'outer', id=1)
    tab.wait_for_function("!document.querySelector('.in')")
    site.put('in', 3)
    site.put('with_in', True, 'outer', id=1)
    has(tab, '.in', '3')
    site.put('in', 4, 'inner', id=1)
    has(tab, '.in', '4')


@ONE
def test_rows_are_regions_of_a_table(site, visit):
    "A hole may stand where parsers allow only rows"
    tab = visit('/show?name=table')
    site.put('cell1', 5, 'cells', id=1)
    has(tab, '.cell1', '5')
    site.put('rows', 3, 'table')
    has(tab, '.cell2', '0')
    site.put('cell2', 6, 'cells', id=2)
    has(tab, '.cell2', '6')
    assert tab.evaluate("[...document.querySelectorAll('tbody > *')].map(e => e.localName)") == ['tr', 'tr', 'tr']


@ONE
@pytest.mark.parametrize('status', [503, 502, 429])
def test_the_page_comes_back_after_errors(site, visit, status):
    "L8"
    site.down = status
    tab = visit('/', 'stale')
    wait(tab, lambda: site.hits >= 2)
    site.down = 0
    site.put('n', status)
    has(tab, 'h2', f'n={status}')
    is_(tab, 'true')


@ONE
def test_a_page_that_is_refused_says_that_it_is_lost(site, visit):
    "L8: and stops trying"
    site.down = 401
    tab = visit('/', 'lost')
    hits = site.hits
    tab.evaluate("dispatchEvent(new Event('online'))")
    tab.wait_for_timeout(500)
    assert site.hits == hits


@ONE
def test_a_page_that_may_see_none_of_its_regions_is_lost(site, visit):
    tab = visit('/show?name=secret')
    put_away(tab)
    site.put('banned', [None])
    take_out(tab)
    is_(tab, 'lost')


@ONE
def test_a_server_says_when_to_come_back(site, visit):
    tab = visit('/')
    tab.evaluate("delays = []; (own => { setTimeout = (f, ms) => { delays.push(ms); return own(f, ms) } })(setTimeout)")
    tab.route('**/_live', lambda route: route.fulfill(status=503, headers={'Retry-After': '200'}))
    put_away(tab)
    take_out(tab)
    tab.wait_for_function('delays.includes(200_000)')
    tab.unroute('**/_live')
    tab.evaluate("dispatchEvent(new Event('online'))")
    is_(tab, 'true')


@ONE
def test_each_person_has_an_own_account_and_a_forgotten_one_is_lost(site, visit, new_page):
    "L4"
    ann, bob = new_page(), new_page()
    for tab, user in (ann, 'ann'), (bob, 'bob'):
        visit(f'/login?user={user}', None, tab)
        visit('/private', 'true', tab)
    assert [ann.inner_text('.acc'), bob.inner_text('.acc')] == ['ann has 0 euro', 'bob has 0 euro']
    site.put('n', 5)
    for region in (site.account, site.secret): region.changed_sync()
    has(ann, '.acc', 'ann has 5 euro')
    has(bob, '.acc', 'bob has 5 euro')
    ann.context.clear_cookies()
    site.served.call(site.here.forget, 'ann')
    is_(ann, 'lost')
    site.put('n', 6, 'account')
    has(bob, '.acc', 'bob has 6 euro')
    assert ann.inner_text('.acc') == 'ann has 5 euro'


@ONE
def test_a_region_that_raises_is_marked_and_tried_again(site, visit):
    "L5"
    tab = visit('/?bad_too=1')
    site.put('boom', 1)
    site.put('n', 1)
    for region in (site.form, site.bad): region.changed_sync()
    has(tab, 'h2', 'n=1')
    tab.wait_for_selector('.bad[data-live=failed]')
    assert tab.inner_text('.bad') == 'ok 0'
    site.put('boom', 0)
    has(tab, '.bad', 'ok 1')
    assert tab.get_attribute('.bad', 'data-live') is None
    assert tab.evaluate('fasthtmlLive.opened') == 1
    site.put('boom', 1, 'bad', id=1)
    tab.wait_for_selector('.bad[data-live=failed]')
    put_away(tab)
    site.put('boom', 0)
    take_out(tab)
    tab.wait_for_selector('.bad:not([data-live])')     # it was mended while no page listened, and is drawn as before


@ONE
def test_what_a_browser_makes_something_else_of_is_said(site, visit, new_page):
    "L8: a part of the drawing would not be shown"
    tab = new_page()
    tab.goto(site.served.url + '/show?name=mended')
    is_(tab, 'true')
    for n, (bad, shown) in enumerate([(0, 'well 0'), (1, 'well 0'), (2, 'well 0'), (0, 'well 3')]):
        site.put('mistake', bad)
        site.put('n', n, 'mended', id=1)
        tab.wait_for_selector('.mended[data-live=failed]' if bad else '.mended:not([data-live])')
        has(tab, '.mended', shown)
    assert tab.evaluate('fasthtmlLive.sets') < 10


@ONE
def test_many_regions_share_one_request(site, visit):
    "L7"
    tab = visit('/?n=300')
    site.put('n', 9, 'row')
    tab.wait_for_function("[...document.querySelectorAll('.row')].every(e => e.textContent.endsWith(' 9'))")
    assert tab.evaluate('fasthtmlLive.opened') == 1


@ONE
def test_regions_may_be_async_and_take_typed_parameters(site, visit):
    for n, path in enumerate(['/mix', '/mixsync']):
        tab = visit(path)
        site.put('n', 4 + n, 'aregion', id=1, day='2027-03-04')
        has(tab, '.as', f'async 1 2027 {4 + n}')
    tab = visit('/mix')
    site.put('n', 8, 'around')
    site.account.changed_sync()
    has(tab, '.ar', 'around 8')
    has(tab, '.acc', 'nobody has 8 euro')     # a region of a person inside of one for all


@ONE
def test_when_signals_were_lost_everything_is_looked_at(site, visit):
    "L1"
    tab = visit('/?n=3')
    site.put('n', 2)
    site.served.call(site.here.reader.lost, None)
    has(tab, 'h2', 'n=2')
    has(tab, '.row', 'row 2 2')


@VERSIONS
def test_regions_that_come_and_go_need_no_new_stream(site, visit):
    tab = visit('/carts')
    tab.click('#b')
    has(tab, 'h2', 'Cart 1000: 0')
    tab.wait_for_function('fasthtmlLive.sets == 1')
    wait(tab, lambda: len(site.here.topics) == 4)
    site.items[1000] = ['late']
    site.cart.changed_sync(id=1000)
    has(tab, 'h2', 'Cart 1000: 1')
    tab.evaluate("document.querySelector('#more').replaceChildren()")
    wait(tab, lambda: len(site.here.topics) == 3)
    assert tab.evaluate('[fasthtmlLive.opened, fasthtmlLive.sets]') == [1, 2]


@ONE
def test_a_change_is_sent_as_a_splice_once_the_page_has_the_text(site, visit):
    "L6"
    tab = visit('/show?name=rows')
    site.put('v', 1, 'rows', id=1)
    has(tab, '#li3', 'item 3 v1')
    tab.evaluate(COUNT)
    site.put('order', [*range(199), 999], 'rows', id=1)
    tab.wait_for_selector('#li999', state='attached')
    site.put('order', [*range(199), 998], 'rows', id=1)
    tab.wait_for_selector('#li998', state='attached')
    assert tab.evaluate("document.querySelectorAll('li').length") == 200
    assert 0 < tab.evaluate('bytes') < 1000


@ONE
def test_a_splice_of_another_drawing_is_not_applied(site, visit):
    tab = visit('/?n=1')
    site.put('n', 1, 'row')
    has(tab, '.row', 'row 0 1')
    [topic] = site.here.topics.find('row', {})
    topic.now = draw_html(Div('row', cls='row'), topic.key, topic.now.seq)    # which the page was not sent
    site.put('n', 2, 'row')
    has(tab, '.row', 'row 0 2')
    assert tab.evaluate("document.querySelectorAll('.row').length") == 1


@VERSIONS
def test_clicks_reach_a_button_in_a_region_that_changes_all_the_time(site, visit):
    "L3"
    tab = visit('/show?name=busy')
    over = threading.Event()

    def tick():
        for n in range(10_000):
            site.put('tick', n, 'busy', id=1)
            if over.wait(0.05): return
    thread = threading.Thread(target=tick)
    thread.start()
    try:
        for n in range(1, 11):
            box = tab.locator('#buy').bounding_box()
            tab.mouse.move(box['x'] + 8, box['y'] + 8)
            tab.mouse.down()
            tab.wait_for_timeout(70)
            tab.mouse.up()
            has(tab, '#bought', str(n))     # a click while two requests are under way is dropped by htmx
    finally:
        over.set()
        thread.join()
    has(tab, '.tick', f'tick {site.get("tick")}')


@ONE
def test_input_methods_and_typing_are_not_disturbed(site, visit):
    "L3"
    tab = visit('/')
    tab.focus('#a')
    cdp = tab.context.new_cdp_session(tab)
    cdp.send('Input.imeSetComposition', dict(text='に', selectionStart=1, selectionEnd=1))
    site.put('n', 1, 'form', id=1)
    has(tab, 'h2', 'n=1')
    site.put('a', 'theirs')
    site.put('n', 2, 'form', id=1)
    has(tab, 'h2', 'n=2')
    cdp.send('Input.imeSetComposition', dict(text='にほ', selectionStart=2, selectionEnd=2))
    cdp.send('Input.insertText', dict(text='日本'))
    tab.wait_for_function("a.hasAttribute('data-live-conflict')")
    assert tab.evaluate('[a.value, document.activeElement.id]') == ['日本', 'a']
    tab.focus('#b')
    wanted = 'the quick brown fox 0123456789'
    for i, letter in enumerate(wanted):
        tab.keyboard.type(letter)
        if i % 3 == 0: site.put('n', 100 + i, 'form', id=1)
    tab.keyboard.press('ArrowLeft')
    site.put('n', 999, 'form', id=1)
    has(tab, 'h2', 'n=999')
    assert tab.evaluate('[b.value, b.selectionStart]') == [wanted, len(wanted) - 1]


@ONE
def test_text_that_is_written_into_an_element_stays(site, visit):
    "L3: contenteditable"
    tab = visit('/')
    tab.click('#ce')
    tab.keyboard.press('Control+a')
    tab.keyboard.type('mine')
    site.put('n', 1, 'form', id=1)
    has(tab, 'h2', 'n=1')
    assert tab.evaluate('[ce.textContent, document.activeElement.id]') == ['mine', 'ce']


    tab.focus('#b')
    site.put('n', 2, 'form', id=1)
    has(tab, 'h2', 'n=2')
    assert tab.inner_text('#ce') == 'mine'       # the focus has gone, and the server says the same as before
    tab.goto(site.served.url + '/show?name=note')
    is_(tab, 'true')
    tab.click('#note')
    tab.keyboard.type('mine ')
    tab.evaluate('document.activeElement.blur()')
    site.put('note', 'theirs', 'note', id=1)
    tab.wait_for_selector('#note[data-live-conflict=value]')
    assert 'mine' in tab.inner_text('#note')
    site.put('note', tab.inner_text('#note'), 'note', id=1)      # another visitor has saved it
    tab.wait_for_selector('#note:not([data-live-conflict])')
    site.put('note', 'later', 'note', id=1)
    has(tab, '#note', 'later')


@ONE
def test_the_caret_stays_in_a_field_that_nobody_has_changed(site, visit):
    "L3"
    site.put('a', 'abcdef')
    tab = visit('/')
    tab.focus('#a')
    tab.evaluate('a.setSelectionRange(2, 4)')
    site.put('a', 'abcdefgh', 'form', id=1)
    tab.wait_for_function("a.value == 'abcdefgh'")
    assert tab.evaluate('[a.selectionStart, a.selectionEnd]') == [2, 4]


@ONE
def test_a_region_that_is_not_to_be_touched_as_a_whole_is_not_forgotten(site, visit):
    "L1, L3: its own element is an open list of choices"
    tab = visit('/show?name=choice')
    tab.focus('#only')
    tab.keyboard.press('Alt+ArrowDown')
    tab.wait_for_function("only.matches(':open')")
    site.put('opts', ['x', 'y', 'z', 'new'], 'choice', id=1)
    tab.wait_for_function('fasthtmlLive.applied == 1')
    assert tab.evaluate('only.options.length') == 3
    tab.keyboard.press('Escape')
    tab.evaluate('only.blur()')
    tab.wait_for_function('only.options.length == 4')


@ONE
def test_any_text_arrives_whole_and_as_a_splice(site, visit):
    "L1"
    tab = visit('/show?name=rows')
    for n, odd in enumerate(['a\u2028b\u2029c', 'a\x85b\x0bc\x0c', '\ufeffa', '😀é', '\ud800', ': a', 'data: a']):
        site.put('order', [n, 199])      # little is left of the old one, so it comes whole
        for again in 1, 2:
            site.put('v', f'{odd}{again}', 'rows', id=1)
            tab.wait_for_function('text => li199.textContent == text', arg=f' item 199 v{odd}{again}'.replace('\ud800', '\ufffd'))
    is_(tab, 'true')
    assert tab.evaluate('[fasthtmlLive.opened, fasthtmlLive.sets]') == [1, 0]


@ONE
def test_a_part_of_a_picture_is_a_region(site, visit):
    "And what it draws later is a picture, too"
    tab = visit('/show?name=bars')
    site.put('bar0', 9, 'bar', n=0)
    tab.wait_for_selector('.bar0[r="9"]')
    site.put('bars', 2, 'bars', id=1)
    tab.wait_for_selector('.bar1', state='attached')
    site.put('bar1', 7, 'bar', n=1)
    tab.wait_for_selector('.bar1[r="7"]')
    drawn = "[...document.querySelectorAll('svg *')].map(e => e.localName + e.namespaceURI.endsWith('svg'))"
    assert tab.evaluate(drawn) == ['gtrue', 'circletrue', 'texttrue'] * 2
    assert tab.evaluate('fasthtmlLive.opened') == 1


@ONE
def test_an_open_list_of_choices_is_left_until_it_is_closed(site, visit):
    "L3"
    tab = visit('/')
    tab.focus('#sel')
    tab.keyboard.press('Alt+ArrowDown')
    tab.wait_for_function("sel.matches(':open')")
    site.put('opts', ['x', 'y', 'z', 'new'])
    site.put('n', 1, 'form', id=1)
    has(tab, 'h2', 'n=1')
    assert tab.evaluate('sel.options.length') == 3
    tab.keyboard.press('Escape')
    tab.focus('#b')
    tab.wait_for_function('sel.options.length == 4')


@VERSIONS
def test_rows_are_inserted_moved_and_removed_around_a_draft(site, visit):
    "L3: few operations, and neither text nor focus is lost"
    tab = visit('/show?name=rows')
    tab.fill('#f50', 'draft')
    tab.evaluate("f50.setSelectionRange(2, 2); window.node = f50; fasthtmlLive.moves = 0")
    order = list(range(200))
    for n, change in enumerate([[500, *order], order[1:] + [0], order[:50] + order[60:] + [50], order[::-1]], 1):
        site.put('order', change)
        site.put('v', n, 'rows', id=1)
        has(tab, f'#li{change[0]}', f'item {change[0]} v{n}')
        ids = tab.evaluate("[...document.querySelectorAll('li')].map(e => Number(e.id.slice(2)))")
        assert [i for i in ids if i != 50] == [i for i in change if i != 50]
        assert tab.evaluate('[f50.value, f50.selectionStart, document.activeElement.id, node === f50]') == ['draft', 2, 'f50', True]
    site.put('order', [i for i in order if i != 50], 'rows', id=1)
    tab.wait_for_selector('#li50[data-live-conflict=removed]')
    tab.fill('#f50', '')
    tab.focus('#f51')
    tab.wait_for_selector('#li50', state='detached')


@VERSIONS
def test_a_form_that_the_visitor_has_opened_stays(site, visit):
    "L3: what a swap of the visitor's own has brought"
    tab = visit('/show?name=editor')
    tab.click('#p1 .e')
    tab.wait_for_selector('#e1')
    site.put('n', 1, 'editor', id=1)
    has(tab, '#en', '1')
    assert tab.query_selector('#e1')
    site.put('name1', 'other')
    site.put('n', 2, 'editor', id=1)
    has(tab, '#en', '2')
    assert tab.get_attribute('#p1', 'data-live-conflict') == 'replaced'
    tab.fill('#e1', 'mine')
    tab.keyboard.press('Enter')
    has(tab, '#p1', 'mine edit')
    site.put('n', 3, 'editor', id=1)
    has(tab, '#en', '3')
    has(tab, '#p1', 'mine edit')
    site.put('name1', 'after', 'editor', id=1)
    has(tab, '#p1', 'after edit')
    tab.click('#p1 .e')              # still bound by htmx
    tab.wait_for_selector('#e1')
    site.put('people', 4, 'editor', id=1)
    tab.click('#p3 .e')              # a new element is bound, too
    tab.wait_for_selector('#e3')


@VERSIONS
def test_a_request_under_way_is_not_disturbed(site, visit):
    "L3"
    tab = visit('/show?name=editor')
    site.slow['edit'] = 0.5
    tab.click('#p2 .e')
    site.put('name2', 'meanwhile', 'editor', id=1)
    site.put('n', 3, 'editor', id=1)
    has(tab, '#en', '3')
    tab.wait_for_selector('#e2')


@VERSIONS
def test_an_own_form_is_reset_and_that_of_others_is_not(site, visit):
    "L3"
    mine, other = visit('/carts'), visit('/carts')
    other.fill('#in1', 'half')
    mine.fill('#in1', 'milk')
    mine.keyboard.press('Enter')
    has(mine, 'h2', 'Cart 1: 1')
    has(other, 'h2', 'Cart 1: 1')
    mine.wait_for_function("in1.value == ''")
    assert other.evaluate('in1.value') == 'half'
    for i in range(30):
        site.items.setdefault(2, []).append(f'b{i}')
        site.cart.changed_sync(id=2)
    has(mine, 'h2', 'Cart 2: 30')
    assert mine.evaluate("[...document.querySelectorAll('li')].at(-1).textContent") == 'b29'


@VERSIONS
def test_after_an_outage_the_page_is_true_and_no_key_is_lost(site, visit):
    "L1, L3, L8: cut, refused, changed meanwhile without a notice"
    with Proxy(site.served.port) as proxy:
        tab = visit('/', base=proxy.url)
        tab.focus('#b')
        wanted = ''
        for n in range(3):
            proxy.away = True
            proxy.cut()
            is_(tab, 'stale')
            tab.keyboard.type(f'abc{n}')
            site.put('n', 50 + n)
            proxy.away = False
            has(tab, 'h2', f'n={50 + n}')
            is_(tab, 'true')
            wanted += f'abc{n}'
        assert tab.evaluate('[b.value, document.activeElement.id]') == [wanted, 'b']


@VERSIONS
def test_an_older_drawing_does_not_replace_the_answer_of_the_visitors_own_request(site, visit):
    "L2: a slow drawing of the old state is under way when the own swap brings the new one"
    tab = visit('/show?name=outer')
    site.slow['outer'] = 0.5
    site.put('out', 1, 'outer', id=1)
    wait(tab, lambda: any(t.task for t in site.here.topics))
    site.put('out', 2)
    site.slow['outer'] = 0
    tab.evaluate("htmx.ajax('GET', '/part?name=outer', {target: document.querySelector('[data-live-key^=outer]'), swap: 'outerHTML'})")
    has(tab, '.out', 'drawn 2')
    tab.evaluate(WATCH, '.out')
    wait(tab, lambda: not any(t.task or t.worker for t in site.here.topics))
    site.put('out', 3, 'outer', id=1)
    has(tab, '.out', 'drawn 3')
    assert set(tab.evaluate('saw')) <= {'drawn 2', 'drawn 3'}
    site.put('in', 5, 'inner', id=1)
    has(tab, '.in', '5')


@VERSIONS
def test_two_copies_of_a_region_are_both_true(site, visit):
    tab = visit('/twice')
    site.put('n', 1, 'row', id=1)
    tab.wait_for_function("[...document.querySelectorAll('.row')].every(e => e.textContent == 'row 1 1')")
    site.put('n', 2)
    tab.evaluate("htmx.ajax('GET', '/part?name=row', {target: document.querySelector('#second'), swap: 'innerHTML'})")
    tab.wait_for_function("[...document.querySelectorAll('.row')].every(e => e.textContent == 'row 1 2')")


@ONE
def test_an_old_copy_of_a_region_is_not_taken_for_the_new_one(site, visit):
    "L1: the first copy came while the page was offline"
    tab = visit('/twice')
    put_away(tab)
    site.put('n', 3)
    tab.evaluate("htmx.ajax('GET', '/part?name=row', {target: document.querySelector('main'), swap: 'afterbegin'})")
    has(tab, 'main > .row:first-child', 'row 1 3')
    take_out(tab)
    tab.wait_for_function("[...document.querySelectorAll('.row')].every(e => e.textContent == 'row 1 3')")


def numbers(tab):
    "The ticks that an element has been sent, in order"
    return [int(word) for word in tab.inner_text('#ticks').replace('tick', ' ').split()]


@VERSIONS
def test_channels_and_streams_of_elements_ride_on_the_stream_of_the_page(site, visit, new_page):
    "L7: three regions, two channels and a generator need one connection, also after an outage, and nothing is missed"
    tab, asked = new_page(), []
    tab.on('request', lambda request: asked.append(request.url.rpartition('/')[2].partition('?')[0]))
    news, sport = site.news, site.sport
    with Proxy(site.served.port) as proxy:
        visit('/joined', tab=tab, base=proxy.url)
        tab.wait_for_selector('#ticks:has-text("tick 3")')
        news.publish_sync('one ')
        sport.publish_sync('two ')
        has(tab, '#news', 'one two')
        proxy.away = True
        proxy.cut()
        is_(tab, 'stale')
        news.publish_sync('three ')
        site.put('n', 7)
        proxy.away = False
        is_(tab, 'true')
        has(tab, '.row', 'row 1 7')
        sport.publish_sync('four ')
        has(tab, '#news', 'one two three four')
        seen = len(numbers(tab))
        wait(tab, lambda: len(numbers(tab)) > seen)
        odd = "['/plain'], ['/plain', null], [new Request('/plain')], [new URL('/plain', location)], ['/plain', {headers: {Accept: '*/*'}}]"
        assert tab.evaluate(f'Promise.all([{odd}].map(o => fetch(...o).then(r => r.status)))') == [200] * 5   # `fetch` is what it was
        assert tab.evaluate("fetch('/plain', {headers: {'a b': '1'}}).catch(e => e.name)") == 'TypeError'
    assert numbers(tab) == list(range(1, len(numbers(tab)) + 1))
    assert not {'events', 'ticks'} & set(asked)
    tab.evaluate("document.querySelector('#ticks').parentElement.replaceChildren()")


@VERSIONS
def test_what_is_no_stream_is_asked_for_by_the_browser_itself(site, visit):
    "A redirect to a stream is followed, and a refusal disturbs nobody"
    tab = visit('/joined?path=/moved')
    tab.wait_for_selector('#ticks:has-text("tick 3")')
    tab = visit('/joined?path=/nowhere')
    site.put('n', 3, 'row', id=1)
    has(tab, '.row', 'row 1 3')
    site.news.publish_sync('one')
    has(tab, '#news', 'one')
    tab.problems[:] = [p for p in tab.problems if 'object Event' not in p and 'Response Status Error' not in p]


@VERSIONS
@pytest.mark.parametrize('site', [dict(csp=True)], indirect=True)
def test_a_policy_without_eval_allows_it(site, visit):
    tab = visit('/')
    site.put('n', 1, 'form', id=1)
    tab.wait_for_selector('h2:text-is("n=1")')


@VERSIONS
@pytest.mark.parametrize('site', [dict(csp=True), dict()], indirect=True, ids=['policy', 'no policy'])
def test_scripts_of_a_region_run_with_the_page_and_when_they_change(site, visit):
    "Under a policy those of the program, and none that an attacker has put into its HTML"
    policy = bool(site.app.site.page.csp)
    site.put('n', 1)
    site.put('foreign', True)
    tab = visit('/show?name=scripted')
    assert tab.evaluate('[window.ran, window.injected]') == [1, None if policy else 1]
    color = "getComputedStyle(document.querySelector('.styled')).color"
    for n in 2, 3:
        site.put('n', n, 'scripted', id=1)
        tab.wait_for_selector(f'#styled{n}')
        tab.wait_for_function(f'window.ran === {n}') if not policy else wait(tab, lambda n=n: tab.evaluate('window.ran') == n)
        assert tab.evaluate(color) == f'rgb(1, 2, {n})'
        assert tab.evaluate('window.injected') == (None if policy else n)
    tab.evaluate('window.ran = 0')
    site.put('other', 'told', 'scripted', id=1)
    tab.wait_for_selector('.other:text-is("told")')
    assert tab.evaluate('window.ran') == 0      # what has not changed does not run again
    tab.problems[:] = [p for p in tab.problems if 'Content Security Policy' not in p]


@VERSIONS
def test_broken_work_is_tried_again_by_a_click(site, visit):
    tab = visit('/work')
    tab.wait_for_selector('[data-work=failed] button')
    site.put('works', True)
    tab.click('text=Try again')
    tab.wait_for_selector('[data-work=done]:has-text("well done")')
    assert not tab.query_selector('text=Try again')


@pytest.mark.parametrize('version', [False])
def test_it_works_without_htmx(site, visit):
    tab = visit('/?n=2')
    tab.fill('#b', 'half')
    site.put('n', 4)
    for region in (site.form, site.row): region.changed_sync()
    has(tab, 'h2', 'n=4')
    has(tab, '.row', 'row 1 4')
    assert tab.evaluate('b.value') == 'half'


@pytest.mark.parametrize('version', [2])
def test_a_line_that_says_nothing_is_noticed(site, visit):
    "L8: the server is frozen, or a network has gone without a notice"
    site.app.regions.heartbeat = 0.3
    tab = visit('/')
    loop = next(iter(site.app.regions.loops))
    loop.call_soon_threadsafe(time.sleep, 2)
    is_(tab, 'stale')
    is_(tab, 'true')
    site.put('n', 1, 'form', id=1)
    has(tab, 'h2', 'n=1')


@ONE
@pytest.mark.parametrize('how', [SAVES_POWER, GOES_BACK], ids=['freeze', 'history'])
def test_a_page_that_was_put_away_or_asleep_says_so_and_comes_back(site, visit, how):
    "L8: and holds no connection meanwhile"
    tab = visit('/')
    put_away(tab, how)
    wait(tab, lambda: not site.here.pages)
    site.put('n', 1)
    take_out(tab, how)
    has(tab, 'h2', 'n=1')
    is_(tab, 'true')
    site.put('n', 2)
    sleeps(tab)
    has(tab, 'h2', 'n=2')
    is_(tab, 'true')
    assert tab.evaluate('states') == ['stale', 'true']


@ONE
def test_a_page_whose_question_gets_no_answer_is_in_doubt(site, visit):
    "L8: it shows a region that is not followed yet, though the rest is up to date"
    tab = visit('/carts')
    held = []
    tab.route('**/_live/set', lambda route: held.append(route))
    tab.click('#b')
    has(tab, 'h2', 'Cart 1000: 0')
    is_(tab, 'stale')
    held[0].continue_()
    is_(tab, 'true')


@ONE
def test_a_page_that_asks_again_and_again_notices_that_nobody_answers(site, visit):
    "L8, L9: streams are held back on the way, and later everything"
    site.app.regions.longest_hold = 0.1
    tab, held, kinds = visit('/plain', None), [], []

    def hold(route):
        kinds.append('"poll":true' in route.request.post_data)
        if kinds[-1] and len(held) < 3: route.continue_()
        else: held.append(route)
    tab.route('**/_live', hold)
    visit('/', 'stale', tab)
    for n in 1, 2:
        wait(tab, lambda n=n: len(held) == n)
        sleeps(tab)
    is_(tab, 'true')
    held.append(None)
    tab.evaluate("dispatchEvent(new Event('online'))")
    wait(tab, lambda: len(held) == 4)
    sleeps(tab)
    is_(tab, 'stale')


@ONE
def test_a_page_that_polls_is_true_while_it_is_looked_at(site, visit):
    "L8, L9: a poll waits for the next change, also of what came to the page meanwhile; a hidden tab says that it does not know"
    site.app.regions.longest_hold = 3600
    tab, asked = visit('/plain', None), []

    def hold(route):
        asked.append(route.request.post_data)
        if '"poll":true' in asked[-1]: route.continue_()
    tab.route('**/_live', hold)
    visit('/', 'stale', tab)
    for n in 1, 2:
        wait(tab, lambda n=n: len(asked) == n)
        sleeps(tab)
    is_(tab, 'true')
    tab.evaluate("states = []")

    def held(): wait(tab, lambda: any(page.compared for page in list(site.here.pages.values())))
    for n in 1, 2, 3:
        wait(tab, lambda: '"hold":true' in asked[-1])
        site.put('n', n, 'form', id=1)
        has(tab, 'h2', f'n={n}')
    held()
    tab.evaluate("htmx.ajax('GET', '/part?name=row', {target: document.querySelector('main'), swap: 'beforeend'})")
    has(tab, '.row', 'row 1 3')
    wait(tab, lambda: '"row{' in asked[-1].replace('\\', '') and '"hold":true' in asked[-1])
    site.put('n', 4, 'row', id=1)
    has(tab, '.row', 'row 1 4')
    held()
    tab.evaluate("htmx.ajax('GET', '/work', {target: document.querySelector('main'), swap: 'beforeend'})")
    tab.wait_for_selector('[data-work=failed]')
    site.put('works', True)
    tab.click('[data-live-retry]')
    tab.wait_for_selector('[data-work=done]')
    assert tab.evaluate('states') == []
    hide = """on => {
        Object.defineProperty(document, 'hidden', {value: on, configurable: true})
        document.dispatchEvent(new Event('visibilitychange'))
    }"""
    held()
    trouble = tab.evaluate('fasthtmlLive.trouble')
    tab.evaluate(hide, True)
    is_(tab, 'stale')
    assert tab.evaluate('fasthtmlLive.trouble') == trouble    # it was not the watchdog
    tab.evaluate(hide, False)
    is_(tab, 'true')
    held()
    tab.route('**/_live', lambda route: route.fulfill(status=200, content_type='text/event-stream', body=': cut off'))
    site.put('n', 5, 'row', id=1)
    is_(tab, 'stale')


@VERSIONS
def test_a_page_that_polls_has_a_stream_again_when_streams_come_through(site, visit):
    "L8: it tries every five minutes, beside its polls, and polls on while the way is closed"
    tab, held, polls = visit('/plain', None), [], []
    site.app.regions.longest_hold = 0.1

    def hold(route):
        if '"poll":true' in route.request.post_data:
            polls.append(route)
            route.continue_()
        elif len(held) < 3: held.append(route)
        else: route.continue_()
    tab.route('**/_live', hold)
    visit('/', 'stale', tab)
    for n in 1, 2:
        wait(tab, lambda n=n: len(held) == n)
        sleeps(tab)
    is_(tab, 'true')
    later = '(now => { performance.now = () => now() + 301_000 })(performance.now.bind(performance))'
    tab.evaluate(later)
    wait(tab, lambda: len(held) == 3)
    before = len(polls)
    wait(tab, lambda: len(polls) > before + 2)     # the way is still closed
    assert tab.evaluate('document.documentElement.dataset.live') == 'true' and len(held) == 3
    tab.evaluate(later)
    tab.wait_for_function('fasthtmlLive.opened == 3')
    site.put('n', 7, 'form', id=1)
    has(tab, 'h2', 'n=7')
    before = len(polls)
    site.put('n', 8, 'form', id=1)
    has(tab, 'h2', 'n=8')
    assert len(polls) == before


@VERSIONS
def test_a_page_that_was_refused_follows_what_a_log_in_brings(site, visit):
    "Without a new load of the page"
    site.down = 403
    tab = visit('/', 'lost')
    site.down = 0
    tab.evaluate("htmx.ajax('GET', '/part?name=row', {target: document.querySelector('main'), swap: 'innerHTML'})")
    is_(tab, 'true')
    site.put('n', 5, 'row', id=1)
    has(tab, '.row', 'row 1 5')


@VERSIONS
def test_many_tabs_of_one_browser_leave_each_other_connections(site, visit, new_page):
    "L7: over HTTP/1.1 six would be the end; a seventh page loads, its form is answered, and all are true"
    tabs = [new_page()]
    for _ in range(6):
        tabs.append(tabs[0].context.new_page())
        tabs[-1].problems = []
    for tab in tabs: visit('/carts', None, tab)
    for tab in tabs: is_(tab, 'true')
    wait(tabs[0], lambda: len(site.here.pages) <= 4)
    wait(tabs[0], lambda: sum(tab.evaluate('fasthtmlLive.state') == 'stale' for tab in tabs) >= 3)   # who cannot know says so
    tabs[-1].fill('#in1', 'milk')
    tabs[-1].keyboard.press('Enter')
    for tab in tabs: has(tab, 'h2', 'Cart 1: 1')
    left = sorted(tabs, key=lambda tab: -tab.evaluate('fasthtmlLive.opened'))[:5]   # those without a stream come and go
    for tab in tabs:
        if tab not in left: tab.close()
    wait(left[0], lambda: len(site.here.pages) == 4)
    site.items[2] = ['late']
    site.cart.changed_sync(id=2)
    for tab in left: has(tab, 'h2', 'Cart 2: 1')


# What live.js asks of the document
MEMBERS = sorted(set(re.findall(r'\bdoc\.(\w+)', (ROOT/'fasthtml/html/live.js').read_text())))


@pytest.mark.parametrize('csp', [False, True])
def test_an_element_with_a_name_does_not_answer_for_the_document(same_page, csp):
    "The stream went to the address of `<img name=currentScript data-url=...>`, or ended, if a visitor may write HTML without scripts"
    app, counts = FastHTML(secret_key='k', htmx=False, csp=csp), dict.fromkeys(MEMBERS, 0)
    @app.live
    def count(name: str): return P(f'{counts[name]}', Input(name='note'), id='count')
    @app.get('/')
    def home(name: str): return Title('x'), Safe(f'<img name="{name}" data-url="/elsewhere">'), count(name)
    @app.post('/more')
    async def more(name: str):
        counts[name] += 1
        await count.changed()
    assert {'currentScript', 'baseURI', 'querySelectorAll', 'documentElement'} <= set(MEMBERS)
    page = same_page
    with serve(app) as server:
        for name in MEMBERS:
            page.goto(f'{server.url}/?name={name}')
            page.locator('html[data-live=true]').wait_for()
            assert page.evaluate('fasthtmlLive.url') == '/_live', name
            page.request.post(f'{server.url}/more', form={'name': name})
            page.locator('#count', has_text='1').wait_for()
        page.problems.clear()
