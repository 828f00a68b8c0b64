"Values as a browser and htmx take them: words, booleans, code that must not run."

import json

import pytest

import fasthtml.svg
from fasthtml.common import *
from fasthtml.testing import Client
from support import serve as served
from support import wait_until


@pytest.fixture
def page(same_page): return same_page


def make_app(htmx):
    app = FastHTML(htmx=htmx, secret_key='k')
    app.state.seen = []

    @app.get('/')
    def index():
        css = 'rect { fill: rgb(1, 2, 3) } g > rect { stroke: rgb(4, 5, 6) } /* </style><img src=x onerror="hit = 1"> &#125; */'
        return (
            Div(
                A('plain', href='/page', id='plain', hx_boost=False), **{'hx_boost' if htmx == 2 else 'hx_boost_inherited': True}
            ),
            Div(draggable=True, id='drag'),
            Textarea(id='spell', spellcheck=False),
            Button('menu', id='menu', aria_expanded=False),
            Span('*', id='star', aria_hidden=True),
            P('x', id='words', translate=False),
            Input(id='box', type='checkbox', checked=True, required=False),
            Div('edit', id='edit', contenteditable=True),
            Div(
                Button('b', id='push', hx_get='/page', hx_target='#out', hx_push_url=False),
                **{'hx_push_url' if htmx == 2 else 'hx_push_url_inherited': 'true'},
            ),
            Button('vals', id='vals', hx_get='/vals', hx_target='#out', hx_vals="js:{n: (window.hit = 1)}"),
            Button('safe', id='safe', hx_get='/vals', hx_target='#out', hx_vals=Safe("js:{n: 1 + 1}")),
            Button('address', id='address', hx_get="js:(window.hit = 1)", hx_target='#out'),
            P(id='out'),
            NotStr(
                to_xml(
                    ft_hx(
                        'svg',
                        Style(css),
                        ft_hx('g', ft_hx('rect', id='rect', width=9, height=9)),
                        Script('window.drawn = 1 < 2 && "&lt;"'),
                        ft_hx(
                            'a',
                            ft_hx('animate', attributeName='href', values='#;javascript:hit=1', dur='1ms', fill='freeze'),
                            ft_hx('text', 'a'),
                            id='anim',
                        ),
                    ),
                    indent=False,
                )
            ),
        )

    @app.get('/page')
    def page(htmx: HtmxHeaders):
        app.state.seen.append(bool(htmx))
        return P('page', id='page')

    @app.get('/vals')
    def vals(n: str = ''):
        return P(f'n={n}', id='got')

    return app


@pytest.mark.parametrize('htmx', [2, 4])
def test_words_booleans_and_code(page, htmx):
    app = make_app(htmx)
    with served(app) as server:
        page.goto(server.url)
        assert (
            page.evaluate('''({drag: drag.draggable, spell: spell.spellcheck, menu: menu.ariaExpanded,
            star: star.ariaHidden, words: words.translate,
            box: [box.checked, box.required], edit: edit.isContentEditable, fill: getComputedStyle(rect).fill,
            stroke: getComputedStyle(rect).stroke, drawn})''')
            == {
                'drag': True,
                'spell': False,
                'menu': 'false',
                'star': 'true',
                'words': False,
                'box': [True, False],
                'edit': True,
                'fill': 'rgb(1, 2, 3)',
                'stroke': 'rgb(4, 5, 6)',
                'drawn': '&lt;',
            }
        )
        page.click('#push')
        page.wait_for_selector('#out #page')
        assert page.url.rstrip('/') == server.url, 'hx_push_url=False ends what an element round it said'
        page.click('#vals')
        page.wait_for_function("document.getElementById('out').textContent == 'n='")
        page.click('#safe')
        page.wait_for_function("document.getElementById('out').textContent == 'n=2'")
        assert page.evaluate('window.hit') is None and not page.problems
        page.click('#address')
        app.state.seen.clear()
        page.click('#plain')
        wait_until(lambda: app.state.seen)
        assert app.state.seen == [False], 'hx_boost=False ends the boost of an element round it'
        assert page.evaluate('window.hit') is None
        page.goto(server.url)   # last: Chromium asks what to do with an address of an unknown kind, and takes no clicks while it does
        page.evaluate("document.getElementById('anim').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))")
        page.evaluate("fetch('/vals')")
        assert page.evaluate('window.hit') is None
        page.problems.clear()


DATA = 'data:text/html,%3Cimg src=x onerror="window.hit=1"%3E'
EVENTS = """data:text/event-stream,data: <img src=x onerror='window.hit=1'>%0A%0A"""
ASKING = {'hx-get': dict(hx_get=DATA), 'hx-post': dict(hx_post=DATA), 'hx-put': dict(hx_put=DATA), 'hx-delete': dict(hx_delete=DATA),
          'hx-action': {'hx-action': DATA, 'hx-method': 'get'}, 'data-hx-get': {'data-hx-get': DATA},
          'sse-connect': dict(hx_ext='sse', sse_connect=EVENTS, sse_swap='message'),
          'data-sse-connect': {'data-hx-ext': 'sse', 'data-sse-connect': EVENTS, 'data-sse-swap': 'message'},
          'hx-sse': {'hx-sse:connect': EVENTS}}
BOOSTED = {'formaction': lambda: Form(Button('b', id='go', formaction=DATA), action='/page'),
           'formaction of a post': lambda: Form(Button('b', id='go', formaction=DATA), action='/page', method='post'),
           'action': lambda: Form(Button('b', id='go'), Input(name='action'), action=DATA), 'link': lambda: A('b', id='go', href=DATA)}


def hit(page, address, press, ms=50):
    "Whether code of a visitor has run after `press` on a page"
    page.goto(address)
    press()
    page.evaluate(f"async () => {{ await fetch('/beside'); await new Promise(done => setTimeout(done, {ms})) }}")
    return page.evaluate('window.hit') is not None


@pytest.mark.parametrize('htmx', [2, 4])
def test_an_address_that_holds_html_brings_none_of_it(htmx, page):
    app = FastHTML(htmx=htmx, exts='sse', secret_key='k')
    @app.get('/')
    def index(how: str):
        return Button('b', id='go', hx_target='#out', hx_swap='innerHTML', hx_trigger='click, load', **ASKING[how]), P('nothing', id='out')
    with served(app) as server:
        for how in ASKING: assert not hit(page, f'{server.url}/?how={how}', lambda: page.click('#go')), how
        page.problems.clear()


@pytest.mark.parametrize('htmx', [2, 4])
def test_an_address_that_holds_html_brings_none_of_it_by_a_boost(htmx, page):
    app = FastHTML(htmx=htmx, secret_key='k')
    boost = {'hx_boost' if htmx == 2 else 'hx_boost_inherited': 'true'}
    app.route('/page', methods=['get', 'post'], name='page')(lambda: P('page'))
    @app.get('/')
    def index(how: str): return Div(BOOSTED[how](), **boost)
    with served(app) as server:
        def click(): page.evaluate("document.getElementById('go').click()")
        for how in BOOSTED: assert not hit(page, f'{server.url}/?how={how}', click), how
        page.problems.clear()


# What htmx may do with `HX-Location`: go there, or read options. htmx 4 reads them in its own notation too, wherever a text holds a `path:`
CODE = 'js:window.hit=1'
LOCATIONS = [
    json.dumps({'path': [CODE]}), json.dumps({'path': [DATA], 'target': '#out'}), json.dumps({'path': [[DATA]], 'target': '#out'}),
    DATA, f'path:{DATA}', json.dumps({'path': DATA, 'target': '#out'}), json.dumps({'path': ' ' + DATA, 'target': '#out'}),
    CODE, 'javascript:window.hit=1', f'path:{CODE}', f'/page,path:{CODE}', f'/page path:{CODE}', f"/page,path:'{CODE}'",
    f"/page,'path':{CODE}", f'/page,"path":"{CODE}"', """/page,path:'"\\u006as:window.hit=1"'""", f'/page::path:{CODE}',
    f'\xa0path:{CODE}', f'path:/page,confirm:{CODE}', f'{{}},path:{CODE}', f'{{ path:{CODE}', f'{{path:"{CODE}"}}',
    f'{{"path":"{CODE}"}}', '{"\\u0070ath":"\\u006as:window.hit=1"}', f'{{"path":"/page","confirm":"{CODE}"}}', f'\xa0{{"path":"{CODE}"}}',
    f'{{"path":"/page","path":"{CODE}"}}', f'{{"path":"{CODE}","n":{"9" * 5000}}}', f'{{"path":"{CODE}","n":{"[" * 3000}{"]" * 3000}}}']
GIVEN = {'HtmxResponseHeaders': lambda v: (P('x'), HtmxResponseHeaders(location=v)),
         'HttpHeader': lambda v: (P('x'), HttpHeader('HX-Location', v)),
         'Response': lambda v: Response('x', headers={'HX-Location': v})}


# Each address in a frame, three at a time: those in which code of a visitor has run after a click, or that cannot be looked into any more
FRAMES = """async addresses => {
  const wrong = [], left = [...addresses];
  const visitor = async () => {
    const frame = document.createElement('iframe');
    frame.style.visibility = 'hidden';   // nothing here asks for painting
    document.body.append(frame);
    for (let address; address = left.shift();) {
      await new Promise(done => { frame.onload = done; frame.src = address; });
      const page = frame.contentWindow, gone = new Promise(done => { frame.onload = done; });
      const came = new Promise(done => new page.PerformanceObserver(
        list => list.getEntries().some(o => o.name.includes('/go?')) && done()).observe({type: 'resource'}));
      page.document.getElementById('go').click();
      await Promise.race([came, gone]);
      try {
        await frame.contentWindow.fetch('/beside');
        await new Promise(done => setTimeout(done));
        if (page.hit || frame.contentWindow.hit) wrong.push(address);
      } catch { wrong.push(address); }
    }
    frame.remove();
  };
  await Promise.all([visitor(), visitor(), visitor()]);
  return wrong;
}"""


@pytest.mark.parametrize('htmx', [2, 4])
def test_a_place_to_go_to_runs_nothing_whatever_htmx_reads_in_it(htmx, page):
    app = FastHTML(htmx=htmx, secret_key='k')
    @app.get('/')
    def index(how: str, n: int): return Button('go', id='go', hx_get=go.to(how=how, n=n), hx_target='#out'), P(id='out')
    @app.get('/go')
    def go(how: str, n: int): return GIVEN[how](LOCATIONS[n])
    @app.get('/{place:path}')
    def place(place: str): return P('there')
    # What is sent alike need not be driven twice
    ways = [(how, n) for how in GIVEN for n in range(len(LOCATIONS))]
    sent = {Client(app).get(go.to(how=how, n=n)).headers['HX-Location']: (how, n) for how, n in ways}
    with served(app) as server:
        page.goto(f'{server.url}/beside')
        assert page.evaluate(FRAMES, [f'/?how={how}&n={n}' for how, n in sent.values()]) == []


@pytest.mark.parametrize('htmx', [2, 4])
def test_an_object_that_a_visitor_has_stored_is_text_and_does_nothing(htmx, page):
    sent = {'onfocus': 'window.hit = 1', 'autofocus': True, 'tabindex': '0', 'hx-post': '/promote', 'hx-trigger': 'load'}
    app, book, promoted = FastHTML(htmx=htmx, secret_key='k'), [], []

    @app.post('/sign')
    def sign(data): book.append(data['text'])

    @app.get('/')
    def home(): return Titled('Guest book', Ul(*[Li(B(text)) for text in book]))

    @app.post('/promote')
    def promote(): promoted.append(1)

    @app.get('/beside')
    def beside(): return 'x'
    Client(app).post('/sign', json={'text': sent})
    with served(app) as server:
        assert not hit(page, server.url, lambda: None) and not promoted
        assert json.loads(page.inner_text('b')) == sent


def styled(text): return Style(f'rect {{fill: rgb(1, 2, 3)}} rect::after {{content: {json.dumps(text)}}}')


def make_drawings(htmx):
    "Styles and scripts with what a visitor wrote, in parts of a drawing that were rendered by themselves"
    app = FastHTML(htmx=htmx, secret_key='k', exts=['ws', 'sse'])
    said, channel = ['x'], app.channel('c')

    def part(id, **kw): return fasthtml.svg.G(fasthtml.svg.Rect(4, 4), styled(said[0]), id=id, **kw)

    @app.live
    def drawing(): return part('region')

    @app.live
    def label(): return Style(f'/* {said[0]} */ #sheet {{stroke: rgb(4, 5, 6)}}', id='label')

    @app.live
    def code(): return fasthtml.svg.G(Script(f'window.told = 1<2 && {json.dumps(said[0])}'), id='code')

    def holes(): return [fasthtml.svg.Svg(fasthtml.svg.G(id=o), width=9, height=9) for o in ('oob', 'event', 'frame', 'main')]

    @app.get('/')
    def index():
        return Titled('x', fasthtml.svg.Svg(drawing(), label(), code(), fasthtml.svg.Rect(4, 4, id='sheet'), width=9, height=9), *holes(),
                      Div(id='sse', hx_ext='sse', sse_connect='/sse', sse_swap='message', hx_swap='none'),
                      Form(Button('send', id='send'), id='ws', hx_ext='ws', ws_connect='/ws', ws_send=True),
                      Button('oob', id='get', hx_get='/oob', hx_target='#out'), Button('main', id='swap', hx_get='/main', hx_target='#main',
                                                                                      hx_swap='outerHTML'), P(id='out'))

    @app.get('/sse')
    def sse(): return EventStream(channel)

    @app.ws('/ws')
    def ws(): return part('frame', hx_swap_oob='true')

    @app.get('/oob')
    def oob(): return 'here', part('oob', hx_swap_oob='true')

    @app.get('/main')
    def main(): return part('main')

    def push(): channel.publish_sync(part('event', hx_swap_oob='true'))
    return app, said, push, (drawing, label, code)


@pytest.mark.parametrize('htmx', [2, 4])
def test_text_in_parts_of_drawings(page, htmx):
    "Text of a style or script stays text, and the style and script work, wherever a part arrives"
    text = ''.join(f'{o} onerror="window.hit = 1" hx-post="/x" hx-trigger="load">' for o in ('<img src=x', ']]><image href=x', '<a'))
    app, said, push, regions = make_drawings(htmx)

    def of_visitors(): return page.evaluate('[document.querySelectorAll("[hx-post], [onerror]").length, window.hit ?? 0]')

    def arrived(id):
        page.wait_for_function(f"document.querySelector('#{id} style')?.namespaceURI.endsWith('svg')")
        assert page.evaluate(f"getComputedStyle(document.querySelector('#{id} rect')).fill") == 'rgb(1, 2, 3)'
        assert '<a onerror' in page.evaluate(f"document.querySelector('#{id} style').textContent")

    with served(app) as server:
        said[0] = text
        page.goto(server.url)
        arrived('region')
        assert page.evaluate('getComputedStyle(sheet).stroke') == 'rgb(4, 5, 6)' and page.evaluate('told').startswith('<img src=x onerror')
        assert of_visitors() == [0, 0]
        said[0] = 'later ' + text
        for o in regions: o.changed_sync()
        for o in 'region', 'code': page.wait_for_function(f"document.getElementById('{o}').textContent.includes('later')")
        page.wait_for_function("document.getElementById('label').textContent.includes('later')")
        arrived('region')
        push()
        for id in 'send', 'get', 'swap': page.click('#' + id)
        for id in 'event', 'frame', 'oob': arrived(id)
        if htmx == 4: arrived('main')   # htmx 2 swaps in what HTML makes of it
        page.wait_for_selector('#main style', state='attached')
        assert of_visitors() == [0, 0] and not page.problems
