"""Under a policy a script that was smuggled in does not run, however it arrives: in Chromium, with htmx 2 and 4.

Of each way to arrive, ours (a `Script` element) and theirs (text that was sent as HTML by mistake) come together.
"""
import pytest
from starlette.responses import Response

from fasthtml.common import (
    Button,
    Div,
    EventStream,
    FastHTML,
    FtResponse,
    HtmxResponseHeaders,
    P,
    Safe,
    Script,
    Style,
    Title,
)
from support import serve


@pytest.fixture
def page(same_page): return same_page

SMUGGLED = Safe('''<script>window.injected = 'inline'</script><script type="module">window.injected = 'module'</script>
<script nonce="">window.injected = 'empty nonce'</script><script nonce="guess">window.injected = 'guessed nonce'</script>
<script src="/evil.js"></script><script src="/evil.js" nonce="x" async></script>
<script src="data:text/javascript,window.injected='data'"></script>
<img src="data:," onerror="window.injected = 'handler'"><iframe srcdoc="<script>parent.injected = 'frame'</script>"></iframe>
<svg onload="window.injected = 'svg'"><script>window.injected = 'svg script'</script></svg>
<a href="javascript:window.injected='link'" id="link">x</a><base href="/uploads/">''')


def ours(mark): return P(mark, cls='arrived'), Script(f"document.body.dataset.ran = '{mark}'"), Style('.arrived {color: rgb(1, 2, 3)}')


def make_app(htmx):
    app = FastHTML(csp=True, exts=['ws', 'sse'], htmx=htmx, secret_key='x')
    def add(path, f): app.get(path, name=path)(f)
    ways = {'element': lambda: (Div(SMUGGLED), *ours('element')), 'tuple': lambda: (SMUGGLED, *ours('tuple')),
            'deep': lambda: Div(Div(SMUGGLED, Div(*ours('deep')))), 'FtResponse': lambda: FtResponse((SMUGGLED, *ours('FtResponse'))),
            'oob': lambda: (P('x'), Div(SMUGGLED, *ours('oob'), id='aside', hx_swap_oob='true')),
            'headers': lambda: (SMUGGLED, *ours('headers'), HtmxResponseHeaders(retarget='#out', reswap='innerHTML')),
            'page': lambda: (Title('page'), SMUGGLED, *ours('page'))}
    async def parts():
        for part in (SMUGGLED, *ours('stream')): yield part
    ways['stream'] = parts
    for name, f in ways.items(): add(f'/{name}', f)
    add('/evil.js', lambda: Response('window.injected = "file"', media_type='text/javascript'))
    add('/uploads/mine.js', lambda: Response('window.injected = "file of the same name"', media_type='text/javascript'))
    add('/mine.js', lambda: Response('document.body.dataset.file = "mine"', media_type='text/javascript'))
    async def events(): yield Div(P('pushed', cls='arrived'), SMUGGLED)
    add('/events', lambda: EventStream(events()))
    async def connected(send): await send(Div(P('pushed', cls='arrived'), SMUGGLED, id='pushed'))
    @app.ws('/ws', conn=connected)
    async def ws(msg: str): ...
    pushed = {'events': Div(hx_ext='sse', sse_connect='/events', sse_swap='message', id='pushed'),
              'ws': Div(Div(id='pushed'), hx_ext='ws', ws_connect='/ws')}
    for name, el in pushed.items(): add(f'/with-{name}', lambda el=el: el)
    buttons = [Button(name, id=f'b-{name}', hx_get=f'/{name}', hx_target='#out', hx_swap='innerHTML') for name in ways]
    def home():
        scripts = Script(src='mine.js'), Script("document.body.dataset.ran = 'home'")
        return (Title('Policy'), *buttons, Div(id='out'), Div(id='aside'), SMUGGLED, *scripts)
    add('/', home)
    app.ways = list(ways)
    return app



@pytest.mark.parametrize('htmx', [2, 4])
def test_a_smuggled_script_does_not_run_in_a_page_or_a_fragment(page, htmx):
    app = make_app(htmx)
    with serve(app) as server:
        page.goto(server.url)
        page.wait_for_selector('body[data-ran=home][data-file=mine]')
        assert page.evaluate('window.injected') is None
        for name in app.ways:
            page.click(f'#b-{name}')
            page.wait_for_selector(f'body[data-ran={name}]')
            page.evaluate('() => new Promise(done => setTimeout(() => requestAnimationFrame(() => setTimeout(done))))')
            assert page.evaluate('window.injected') is None, name
            assert page.evaluate("getComputedStyle(document.querySelector('.arrived')).color") == 'rgb(1, 2, 3)', name
            page.click('#link >> nth=0')
            assert page.evaluate('window.injected') is None, name
        assert not [p for p in page.problems if 'Content Security Policy' not in p and '404' not in p], page.problems
        page.problems.clear()


EVIL = "data:text/javascript,window.injected='morph'"
IDLE = {'empty': {}, 'json': dict(type='application/json'), 'template': dict(type='text/template', src='/none'),
        'old': dict(nomodule=True, src='/none')}
OVER = [f'<script id="{name}-{n}" {attrs}>{code}</script>' for name in IDLE for n, (attrs, code) in enumerate([
    (f'src="{EVIL}"', ''), ('type="text/javascript"', "window.injected = 'inline'"), (f'type="text/javascript" src="{EVIL}"', '//'),
    ('type="module"', "window.injected = 'module'"), (f'src="{EVIL}"', '//')])]


def test_a_script_of_ours_that_has_not_run_does_not_become_theirs_in_a_morph(page):
    "htmx 4 gives a script that is there the attributes and the text of one with its id, and the browser leaves it the nonce"
    app = FastHTML(csp=True, exts='sse', htmx=4, secret_key='x')
    def idle():
        return [Script('{}' if name == 'json' else None, id=f'{name}-{n}', **attrs) for name, attrs in IDLE.items() for n in range(5)]
    async def events(): yield Div(Safe(''.join(OVER)), P('pushed', cls='arrived'))
    pushed = dict(id='pushed', hx_ext='sse', sse_connect='/events', sse_swap='message', hx_swap='innerMorph')
    def home():
        fragment = Button('fragment', id='b-fragment', hx_get='/fragment', hx_target='#out', hx_swap='innerMorph')
        stream = Button('with', id='b-with', hx_get='/with', hx_target='#aside', hx_swap='innerHTML')
        return fragment, stream, Div(idle(), id='out'), Div(id='aside')
    pages = {'': home, 'events': lambda: EventStream(events()), 'fragment': lambda: (Safe(''.join(OVER)), *ours('fragment')),
             'with': lambda: (Div(idle(), **pushed), *ours('with'))}
    for name, f in pages.items(): app.get(f'/{name}', name=name or 'home')(f)
    with serve(app) as server:
        page.goto(server.url)
        for name in ('fragment', 'with'):
            page.click(f'#b-{name}')
            page.wait_for_selector(f'body[data-ran={name}]')
        page.wait_for_selector('#pushed .arrived')
        page.evaluate('() => new Promise(done => setTimeout(() => requestAnimationFrame(() => setTimeout(done))))')
        assert page.evaluate('window.injected') is None
        page.problems.clear()


@pytest.mark.parametrize('name', ['querySelectorAll', 'currentScript', 'readyState'])
def test_nor_where_an_element_answers_for_what_the_document_has(page, name):
    "`<img name=querySelectorAll>` did, so what takes nonces away failed each time"
    app = FastHTML(csp=True, htmx=4, secret_key='x')
    def code(name, n): return f"{{\"n\": {n}}}" if name == 'json' else None
    def idle(): return [Script(code(name, n), id=f"{name}-{n}", **IDLE[name]) for name in IDLE for n in range(5)]
    swapped = dict(id='out', hx_get='/over', hx_trigger='go', hx_target='this', hx_swap='innerMorph')
    def home(): return Safe(f'<img name="{name}">'), Div(idle(), **swapped)
    app.get('/', name='home')(home)
    app.get('/over', name='over')(lambda: (Safe(''.join(OVER)), P('over', cls='arrived')))
    with serve(app) as server:
        page.goto(server.url)
        page.evaluate("document.getElementById('out').dispatchEvent(new Event('go'))")
        page.wait_for_selector('.arrived')
        page.evaluate('() => new Promise(done => setTimeout(() => requestAnimationFrame(() => setTimeout(done))))')
        assert page.evaluate('window.injected') is None
        page.problems.clear()


@pytest.mark.parametrize('way', ['events', 'ws'])
@pytest.mark.parametrize('htmx', [2, 4])
def test_a_smuggled_script_does_not_run_in_what_is_pushed(page, htmx, way):
    with serve(make_app(htmx)) as server:
        page.goto(f'{server.url}/with-{way}')
        page.wait_for_selector('.arrived')
        page.evaluate('() => new Promise(done => setTimeout(() => requestAnimationFrame(() => setTimeout(done))))')
        assert page.evaluate('window.injected') is None
        page.problems.clear()


def test_a_smuggled_script_does_not_run_in_a_file_that_the_browser_has_kept(page, tmp_path):
    "The second time the server says 304, and its headers belong to the file from then on"
    (tmp_path/'a.html').write_text('<!doctype html><title>a</title><script>window.injected = 1</script><p class="arrived">x')
    app, statuses = FastHTML(secret_key='k', csp=True, secure_headers=True), []
    app.static_route_exts(static_path=tmp_path)
    app.get('/')(lambda: P('x'))
    async def noted(scope, receive, send):
        async def note(message):
            if message['type'] == 'http.response.start' and scope['path'] == '/a.html': statuses.append(message['status'])
            await send(message)
        await app(scope, receive, note)
    with serve(noted) as server, page.context.browser.new_context() as fresh:   # in `page` requests are watched, and nothing is kept
        tab = fresh.new_page()
        for _ in range(3):
            tab.goto(server.url)
            tab.goto(f'{server.url}/a.html')
            assert tab.locator('.arrived').text_content() == 'x' and tab.evaluate('window.injected') is None
    assert statuses == [200, 304, 304]
