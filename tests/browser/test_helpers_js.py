"""The helper script and the functions of `js`, in Chromium, with htmx 2 and 4, with and without a Content-Security-Policy.

`page.problems` holds script errors, console errors (a blocked script is one) and refused addresses.
"""
import json

import pytest

from fasthtml.app.app import FastHTML
from fasthtml.app.toast import add_toast, setup_toasts
from fasthtml.html.composed import CheckboxX, Form, Script
from fasthtml.html.element import Safe
from fasthtml.html.forms import fill_form, mark_errors
from fasthtml.html.js import (
    AnyNow,
    HighlightJS,
    HtmxOn,
    KatexMarkdownJS,
    MarkdownJS,
    Now,
    On,
    Prev,
    SortableJS,
    Surreal,
    run_js,
    sid_scr,
    with_sid,
)
from fasthtml.html.pico import PicoBusy
from fasthtml.html.svg import Circle, Svg, SvgInb, SvgOob
from fasthtml.html.tags import Button, Code, Div, Input, Li, Optgroup, Option, P, Pre, Select, Span, Textarea, Ul
from fasthtml.realtime.sse import EventStream
from support import serve, wait_until

KINDS = [pytest.param({'htmx': 2}, id='htmx2'), pytest.param({'htmx': 4}, id='htmx4'),
         pytest.param({'htmx': 2, 'csp': True}, id='htmx2-csp'), pytest.param({'htmx': 4, 'csp': True}, id='htmx4-csp')]
VERSIONS = KINDS[:2]


@pytest.fixture
def page(same_page): return same_page


@pytest.fixture
def show(page):
    "Serve an app made of routes, and open its first page"
    running = []

    def start(routes, path='/', **options):
        app = FastHTML(secret_key='k', canonical=False, **options)
        for name, f in routes.items(): app.route(name)(f)
        server = serve(app)
        running.append(server)
        page.goto(server.__enter__().url + path)
        return page
    yield start
    page.goto('about:blank')
    for server in running: server.__exit__(None, None, None)


def until(page, expression):
    "Wait for a JavaScript expression. Playwright's own wait needs `eval`, which a policy forbids"
    wait_until(lambda: page.evaluate(expression), what=expression)


# The helper script

def test_names_find_and_make_elements(show):
    page = show({'/': lambda: Div(P('a', cls='x'), P('b', cls='x'), id='box')}, htmx=False)
    got = page.evaluate('''() => {
        const made = $E('button', {class: 'b', disabled: true, onclick: () => made.append('!')}, 'Go', [$E('i', 'now')]);
        made.disabled = false; made.click();
        return [$('.x').textContent, $$('.x').length, $$('.x') instanceof Array, made.outerHTML,
                $H('<td>1</td>').tagName, $H(' a <b>c</b>').childNodes.length, $('#none')];
    }''')
    assert got == ['a', 2, True, '<button class="b">Go<i>now</i>!</button>', 'TD', 2, None]
    assert not page.problems


def test_me_and_any_have_chained_calls_and_leave_prototypes_alone(show):
    page = show({'/': lambda: Div(P('a', cls='x'), P('b', cls='x'), Button('go', id='go'), id='box')}, htmx=False)
    got = page.evaluate('''() => {
        const seen = [];
        any('.x').classAdd('one two').styles({color: 'red', fontWeight: 'bold'}).attribute('title', 't')
                 .on('ping', ev => seen.push(me(ev).textContent));
        any('.x').send('ping');
        const one = me('#box'), same = me(one) === one && one === document.querySelector('#box');
        one.classToggle('open').run(e => seen.push(e.className));
        any('.x').classRemove('one');
        const answer = me('.x').attribute('title');
        const b = me('#go').disable();
        const wasDisabled = b.disabled;
        b.enable();
        me('.x').remove();
        return [seen, same, $$('.x').map(e => [e.className, e.style.color, e.title]), answer, wasDisabled, b.disabled,
                me('.none'), any('.none').length, 'classAdd' in Element.prototype, 'classAdd' in document.body];
    }''')
    assert got == [['a', 'b', 'open'], True, [['x two', 'red', 't']], 't', True, False, None, 0, False, False]
    assert not page.problems


def test_names_that_a_page_has_already_are_left_to_it(show):
    page = show({'/': lambda: P('x')}, htmx=False, surreal=True, hdrs=[])
    assert page.evaluate('''() => {
        const mine = globalThis.$;
        delete globalThis.fasthtmlHelpers;
        globalThis.$ = 'jQuery';
        const s = document.createElement('script');
        s.textContent = document.querySelector('#fasthtml-helpers').textContent;
        document.head.append(s);
        return [globalThis.$, typeof fasthtmlHelpers.$];
    }''') == ['jQuery', 'function']


@pytest.mark.parametrize('options', VERSIONS)
def test_proc_htmx_runs_once_for_each_element_also_for_later_ones(show, options):
    more = Button('more', hx_get='/more', hx_target='#box', hx_swap='beforeend')
    page = show({'/': lambda: (Div(Span('a', cls='hot'), id='box'), more),
                 '/more': lambda: Div(Span('b', cls='hot'))},
                hdrs=Script("let runs = 0; proc_htmx('.hot', e => { e.append('!'); runs++; });"), **options)
    assert page.inner_text('#box') == 'a!'
    page.click('button')
    until(page, "document.querySelectorAll('.hot').length == 2 && runs == 2")
    page.click('button')
    until(page, 'runs == 3')
    assert [e.inner_text() for e in page.query_selector_all('.hot')] == ['a!', 'b!', 'b!']
    assert not page.problems


# Scripts beside elements

def beside():
    return Div(Div('parent', On("e.append('+' + ev.type)"), id='on'), Div('own', On("me().append('!')"), id='own'),
               Button('before', id='prev'), Prev("e.append('-')"),
               Span(Now("e.append('now')"), id='now'), Span(Now("me().append('mine')"), id='mine'),
               P(cls='each'), P(cls='each'), AnyNow('.each', "e.append('each')"),
               Div(Surreal("m.dataset.who = p ? p.id : 'nobody';"), id='sur'),
               Button('b', cls='b'), Button('b', cls='b'), On("e.append('!')", 'dblclick', '.b', me=False), id='all')


@pytest.mark.parametrize('options', KINDS)
@pytest.mark.parametrize('arrives', ['page', 'swap'])
def test_scripts_know_where_they_stand(show, options, arrives):
    button = Button('get', id='get', hx_get='/part', hx_target='this', hx_swap='outerHTML')
    routes = {'/': beside if arrives == 'page' else lambda: button, '/part': beside}
    page = show(routes, **options)
    if arrives == 'swap': page.click('#get')
    until(page, "document.querySelector('#sur')?.dataset.who")
    page.click('#on')
    page.click('#own')
    page.click('#prev')
    page.dispatch_event('.b >> nth=1', 'dblclick')
    assert page.evaluate("$('#on').lastChild.textContent") == '+click'
    assert page.inner_text('#prev') == 'before-' and page.evaluate("$('#own').lastChild.textContent") == '!'
    assert page.inner_text('#now').endswith('now') and page.inner_text('#mine').endswith('mine')
    assert [e.inner_text() for e in page.query_selector_all('.each')] == ['each', 'each']
    assert page.get_attribute('#sur', 'data-who') == 'nobody'
    assert [e.inner_text() for e in page.query_selector_all('.b')] == ['b', 'b!']
    assert not page.problems


@pytest.mark.parametrize('options', KINDS)
def test_run_js_runs_on_every_answer_and_leaves_nothing(show, options):
    text = '</script><b>"\'\u2028\\'

    def say(): return P('answer'), run_js("document.body.dataset.said = (document.body.dataset.said || '') + {what};", what=text)
    page = show({'/': lambda: (Button('go', hx_get='/say', hx_target='#out'), Div(id='out')), '/say': say}, **options)
    for n in (1, 2):
        page.click('button')
        until(page, f"document.body.dataset.said == {json.dumps(text)}.repeat({n})")
    assert page.evaluate("$$('body script').length") == 0
    assert not page.problems


@pytest.mark.parametrize('options', VERSIONS)
@pytest.mark.parametrize('hidden', ['<img name="currentScript">', '<form name="currentScript"><input name="remove"></form>'])
def test_run_js_runs_and_leaves_nothing_where_an_element_of_a_visitor_answers_for_the_document(show, options, hidden):
    page = show({'/': lambda: (Button('go', hx_get='/say', hx_target='#out'), Div(id='out'), Div(Safe(hidden), id='by')),
                 '/say': lambda: (P('answer'), run_js("fasthtmlHelpers.$('#by').dataset.said = 'yes';"))}, **options)
    page.click('button')
    until(page, "fasthtmlHelpers.$('#by').dataset.said == 'yes'")
    assert page.evaluate("$$('body script').length") == 0 and page.evaluate("$('#by').children.length") == 1
    assert not page.problems


@pytest.mark.parametrize('name', 'addEventListener body createElement currentScript getElementById querySelectorAll readyState'.split())
def test_toasts_come_and_go_where_an_element_of_a_visitor_answers_for_the_document(page, name):
    app = FastHTML(secret_key='k', canonical=False, htmx=False)
    setup_toasts(app, duration=0)
    @app.get('/')
    def home(session):
        add_toast(session, 'saved')
        return Div(Safe(f'<form name="{name}"><input name="call"></form>'))
    with serve(app) as server:
        page.goto(server.url)
        page.click('#fh-toast-container .fh-toast-dismiss')
        page.wait_for_selector('.fh-toast', state='detached')
        page.goto('about:blank')


@pytest.mark.parametrize('options', KINDS)
def test_scripts_run_when_they_are_pushed(page, options):
    "Over a WebSocket and as events: `run_js`, and scripts beside elements. Under a policy they do not run: no nonce comes with them"
    app = FastHTML(secret_key='k', canonical=False, exts=['ws', 'sse'], **options)

    @app.route('/')
    def home():
        v4 = options['htmx'] == 4
        socket = {'hx-ws:connect': '/ws'} if v4 else {'hx-ext': 'ws', 'ws-connect': '/ws'}
        events = {'hx-sse:connect': '/events'} if v4 else {'hx-ext': 'sse', 'sse-connect': '/events', 'sse-swap': 'message'}
        return Div(Div(id='pushed'), socket), Div(events, id='stream')

    async def conn(send):
        await send(run_js("document.body.dataset.ws = {x};", x='over ws'))
        await send(Div('click', On("e.append('ed')"), id='pushed'))

    @app.ws('/ws', conn=conn)
    async def ws(send): pass

    @app.get('/events')
    async def events(): return EventStream([Div('click', On("e.append('ed')"), id='event')])

    with serve(app) as server:
        page.goto(server.url)
        if options.get('csp'):
            until(page, "$('#pushed').textContent.startsWith('click') && $('#event')")
            assert page.evaluate("document.body.dataset.ws") is None
            page.problems.clear()  # the browser reports each script that it has refused
            return page.goto('about:blank')
        until(page, "document.body.dataset.ws == 'over ws' && $('#pushed').textContent.startsWith('click') && $('#event')")
        page.click('#pushed')
        page.click('#event')
        until(page, "$$('#pushed, #event').every(e => e.textContent.endsWith('ed'))")
        assert not page.problems
        page.goto('about:blank')


@pytest.mark.parametrize('options', KINDS)
@pytest.mark.parametrize('name', ['afterSwap', 'after:swap', 'htmx:afterSwap', 'after-swap'])
def test_htmx_on_hears_each_event_once(show, options, name):
    page = show({'/': lambda: (Button('go', hx_get='/x', hx_target='#out'), Div(id='out')), '/x': lambda: P('there', id='there')},
                hdrs=(Script('let heard = [];'), HtmxOn(name, 'heard.push(event.type);')), **options)
    page.click('button')
    page.wait_for_selector('#there')
    until(page, 'heard.length')
    assert page.evaluate('heard') == ['htmx:after:swap' if options['htmx'] == 4 else 'htmx:afterSwap']
    assert not page.problems


@pytest.mark.parametrize('options', VERSIONS)
def test_pico_busy_marks_who_waits(show, options):
    routes = {'/': lambda: (Button('go', id='go', hx_get='/x', hx_swap='none'), P('x')), '/x': lambda: 'ok'}
    page = show(routes, hdrs=PicoBusy(), **options)
    page.evaluate('''() => { globalThis.busy = [];
        new MutationObserver(() => busy.push($('#go').getAttribute('aria-busy')))
            .observe($('#go'), {attributes: true, attributeFilter: ['aria-busy']}); }''')
    page.click('#go')
    until(page, 'busy.length >= 2 || busy.at(-1) === null && busy.length')
    assert page.get_attribute('#go', 'aria-busy') is None and 'true' in page.evaluate('busy')
    assert not page.problems


@pytest.mark.parametrize('options', KINDS)
def test_each_tab_sends_its_own_sid(page, options):
    app = FastHTML(secret_key='k', hdrs=sid_scr, canonical=False, **options)

    @app.route('/real')
    def real(sid: str): return P(sid, id='sid')

    @app.route('/again', methods=['POST'])
    def again(sid: str): return sid
    with_sid(app, '/real')
    with serve(app) as server:
        page.goto(server.url)
        sid = page.wait_for_selector('#sid').inner_text()
        assert len(sid) == 32 and sid == page.evaluate("sessionStorage.getItem('sid')")
        page.reload()
        assert page.wait_for_selector('#sid').inner_text() == sid
        page.evaluate("htmx.ajax('POST', '/again', {target: '#sid', swap: 'innerHTML'})")
        until(page, f"document.querySelector('#sid').textContent == '{sid}'")
        page.goto('about:blank')


# Libraries

ATTACK = '''# Title
<img src=x onerror="document.body.dataset.bad = 1"> <script>document.body.dataset.bad = 1</script>
[a](javascript:alert(1)) [b](JaVaScRiPt&#58;alert(1)) [c](/fine) [d](data:text/html,x) <javascript:alert(1)> ![i](javascript:x)
`a_b` *em*'''


@pytest.mark.parametrize('options', KINDS)
def test_markdown_of_visitors_does_no_harm(show, options):
    page = show({'/': lambda: (Div(ATTACK, cls='marked'), Button('more', hx_get='/more', hx_target='#new'), Div(id='new')),
                 '/more': lambda: Div('**later**', cls='marked')}, hdrs=MarkdownJS(), **options)
    page.wait_for_selector('.marked h1')
    assert page.inner_text('.marked em') == 'em' and '<img src=x' in page.inner_text('.marked')
    assert page.evaluate("$$('.marked a').map(a => a.getAttribute('href'))") == [None, None, '/fine', None, None]
    assert page.evaluate("$$('.marked script, .marked img[src]').length") == 0
    page.click('button')
    assert page.wait_for_selector('#new strong').inner_text() == 'later'
    assert page.get_attribute('body', 'data-bad') is None and not page.problems


def test_markdown_of_ones_own_may_hold_html(show):
    page = show({'/': lambda: Div('<details><summary>s</summary></details> *x*', cls='marked')}, hdrs=MarkdownJS(html=True))
    page.wait_for_selector('.marked details summary')
    assert not page.problems


FORMULAS = r'''Sum $a_1 * b_1$ and $a_2 * b_2$ costs $5 and $6. Price \$7.

$$
\int_0^1 x\,dx
$$

\begin{align}
a &= b \\
c &= d
\end{align}

In line \begin{equation}x^2\end{equation} too. $\href{javascript:alert(1)}{x}$'''


@pytest.mark.parametrize('options', VERSIONS)
def test_formulas_in_markdown(show, options):
    page = show({'/': lambda: Div(FORMULAS, cls='marked')}, hdrs=KatexMarkdownJS(), **options)
    page.wait_for_selector('.marked .katex')
    assert page.evaluate("$$('.marked .katex-display').length") == 3
    assert page.evaluate("$$('.marked .katex').length") == 6
    assert page.evaluate("$$('.marked em, .marked a[href]').length") == 0
    assert 'costs $5 and $6' in page.inner_text('.marked')
    assert not page.problems


@pytest.mark.parametrize('options', VERSIONS)
def test_code_is_coloured(show, options):
    python, haskell = Code('def f(): return "x"', cls='language-python'), Code('main = putStrLn "x"', cls='language-haskell')
    page = show({'/': lambda: (Pre(python), Pre(haskell))},
                hdrs=HighlightJS(langs=['python', 'haskell']), **options)
    until(page, "document.querySelectorAll('[data-highlighted=yes]').length == 2")
    assert page.inner_text('.hljs-keyword') == 'def' and page.query_selector('.language-haskell .hljs-string')
    assert not page.problems


@pytest.mark.parametrize('options', VERSIONS)
def test_sorting_tells_htmx_and_shows_the_ghost(show, options):
    def order(item: list[str]): return ' '.join(item)

    items = Ul([Li(Input(type='hidden', name='item', value=i), f'item {i}') for i in range(3)], cls='sortable')
    page = show({'/': lambda: (Form(items, hx_post='/order', hx_trigger='end', hx_target='#out'), Div(id='out')),
                 '/order': order}, hdrs=SortableJS(ghost_class='gap'), **options)
    page.evaluate('''() => { globalThis.ghosts = 0;
        new MutationObserver(() => ghosts += $$('.gap').length).observe($('.sortable'), {attributes: true, subtree: true}); }''')
    page.drag_and_drop('li >> nth=0', 'li >> nth=2')
    until(page, "document.querySelector('#out').textContent")
    assert page.inner_text('#out') != '0 1 2' and sorted(page.inner_text('#out').split()) == ['0', '1', '2']
    assert page.evaluate('ghosts') > 0
    assert not page.problems


# Forms and drawings as a browser sees them

def test_a_browser_sends_what_fill_form_filled(show):
    form = Form(Input(name='title'), CheckboxX(name='done', label='Done'), CheckboxX(True, name='off', label='Off'),
                Select(Option('0', selected=True), Optgroup(Option('one', value=1), Option('two', value=2)), name='n'),
                Select(Option('a'), Option('b', selected=True), Option('c'), name='many', multiple=True),
                [Input(type='radio', name='r', value=v, checked=v == 'x') for v in 'xyz'],
                [Input(type='checkbox', name='tag', value=v) for v in 'klm'],
                Input(name='day', type='date'), Input(name='when', type='datetime-local'), Input(name='amount', type='number', step='any'),
                Textarea(name='note'), Input(name='colour', type='color'))
    from datetime import date, datetime
    from decimal import Decimal
    data = dict(title='<b> & "q" \'', done=True, off=False, n=2, many=['a', 'c'], r='z', tag=['k', 'm'], day=date(2026, 2, 3),
                when=datetime(2026, 2, 3, 4, 5), amount=Decimal('1.50'), note='\n  first\nsecond', colour='#ff8800')
    page = show({'/': lambda: fill_form(form, data)}, htmx=False)
    sent = page.evaluate("Array.from(new FormData($('form')))")
    assert sent == [['title', data['title']], ['done', ''], ['done', '1'], ['off', ''], ['n', '2'], ['many', 'a'],
                    ['many', 'c'], ['r', 'z'], ['tag', 'k'], ['tag', 'm'], ['day', '2026-02-03'],
                    ['when', '2026-02-03T04:05'], ['amount', '1.50'], ['note', data['note']], ['colour', '#ff8800']]
    assert not page.problems


def test_marked_errors_are_read_out_and_the_first_has_the_focus(show):
    form = Form(Input(name='a', aria_label='A'), Input(name='b', aria_label='B'))
    page = show({'/': lambda: mark_errors(form, {'b': 'Expected a number.'})}, htmx=False)
    until(page, "document.activeElement.name == 'b'")  # autofocus waits for the first layout
    assert page.evaluate("$('#' + document.activeElement.getAttribute('aria-describedby')).textContent") == 'Expected a number.'


@pytest.mark.parametrize('options', VERSIONS)
def test_shapes_are_swapped_into_a_drawing(show, options):
    buttons = (Button('in', id='in', hx_get='/inband', hx_target='#pic', hx_swap='beforeend'),
               Button('oob', id='oob', hx_get='/oob', hx_swap='none'))
    page = show({'/': lambda: (Svg(Circle(5, 10, 10, id='dot'), w=40, h=40, id='pic'), buttons),
                 '/inband': lambda: SvgInb(Circle(3, 30, 30, id='second')),
                 '/oob': lambda: SvgOob(Circle(9, 10, 10, id='dot', hx_swap_oob='true'))}, **options)
    page.click('#in')
    until(page, "document.querySelector('#second') instanceof SVGCircleElement")
    assert page.evaluate("$('#second').parentElement.id") == 'pic'
    page.click('#oob')
    until(page, "document.querySelector('#dot').getAttribute('r') == '9'")
    assert page.evaluate("$('#dot') instanceof SVGCircleElement && $('#dot').parentElement.id == 'pic'")
    assert not page.problems
