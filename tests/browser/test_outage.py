"""Nothing is lost past the browser's library: htmx and its sse extension behind a proxy that answers 502 for some time."""
import asyncio

import pytest

from fasthtml.common import Div, EventStream, FastHTML, P, Titled, sse_message
from fasthtml.realtime.wire import EventText
from proxy_kit import Proxy
from support import DEADLINE, serve


@pytest.fixture
def page(same_page): return same_page

ID = """() => {
    const el = document.querySelector('[sse-connect], [hx-sse\\\\:connect]')
    return (el['htmx-internal-data']?.sseEventSource || el._htmx?.sse)?.lastEventId
}"""  # Of the last event that the browser has read
LOG = "() => document.querySelector('#log').innerText.split(/\\s+/).filter(x => x)"


def site(version: int, begin: str = 'channel', **options) -> FastHTML:
    app = FastHTML(exts='sse', htmx=version, secret_key='x', **options)
    app.state.seen = []
    news = app.channel('news', history=100)

    @app.get('/')
    def page(): return Titled('News', Div(Div(id='log', sse_swap='message', hx_swap='beforeend'), hx_ext='sse', sse_connect='/events')
                              if version == 2 else Div(id='log', hx_sse_connect='/events', hx_swap='beforeend'))

    @app.get('/events')
    async def events(last_event_id: str = ''):
        app.state.seen.append(last_event_id)
        if begin == 'channel': return EventStream(news, retry=100)
        return EventStream(numbered(last_event_id), retry=100)

    async def numbered(last_event_id):
        n = int(last_event_id.removeprefix('Zürich-') or 0) + 1
        yield sse_message(P(f'n{n}'), id=f'Zürich-{n}')
        await asyncio.sleep(1000)
    return app


def wait(page, condition) -> None:
    "Wait for something outside of the page, whose requests go on meanwhile"
    for _ in range(int(DEADLINE*100)):
        if condition(): return
        page.wait_for_timeout(10)
    raise AssertionError('not within the deadline')


def outage(page, proxy, meanwhile) -> None:
    proxy.away, refused = True, proxy.refused
    proxy.cut()
    wait(page, lambda: proxy.refused >= refused + 2)  # the browser has come back, and has been sent away again
    meanwhile()
    proxy.away = False


@pytest.mark.parametrize('received', [0, 1], ids=['before the first message', 'after a message'])
@pytest.mark.parametrize('version', [2, 4])
def test_messages_of_an_outage_arrive_once_and_in_order(page, version, received):
    app = site(version)
    news = app.channel('news', history=100)
    with serve(app) as served, Proxy(served.port) as proxy:
        page.goto(proxy.url)
        page.wait_for_function(ID)
        if received:
            news.publish_sync(P('m0'))
            page.wait_for_function(f'({LOG})().length == 1')
        expected = ['m0'][:received]
        for turn in range(2):
            outage(page, proxy, lambda: news.publish_sync(P(f'away{turn}')))  # noqa: B023
            page.wait_for_function(f'({LOG})().length == {len(expected) + 1}')
            news.publish_sync(P(f'back{turn}'))
            page.wait_for_function(f'({LOG})().length == {len(expected) + 2}')
            expected += [f'away{turn}', f'back{turn}']
        assert page.evaluate(LOG) == expected
        page.goto('about:blank')
    assert not [problem for problem in page.problems if 'script error' in problem]


def test_an_id_of_any_letters_is_kept(page):
    "Each visit gets one event, and the browser comes back with its id"
    app = site(2, begin='numbered')
    with serve(app) as served, Proxy(served.port) as proxy:
        page.goto(proxy.url)
        for n in range(1, 4):
            page.wait_for_function(f'({LOG})().length == {n}')
            outage(page, proxy, lambda: None)
        page.wait_for_function(f'({LOG})().length == 4')
        assert page.evaluate(LOG) == ['n1', 'n2', 'n3', 'n4']
        page.goto('about:blank')


def test_it_stays_away_when_the_server_has_closed_the_stream(page):
    "The event `close`, and 204, as for the browser's own EventSource"
    app = FastHTML(exts='sse', secret_key='x')
    visits = []

    @app.get('/')
    def home(): return Titled('x', Div(Div(id='log', sse_swap='message'), hx_ext='sse', sse_connect='/events'))

    @app.get('/events')
    def events():
        visits.append(1)
        return EventStream([P('one')], retry=10)
    with serve(app) as served:
        page.goto(served.url)
        page.wait_for_function("document.querySelector('#log').innerText == 'one'")
        page.wait_for_function('htmx.createEventSource')
        page.evaluate("fetch('/').then(() => fetch('/')).then(() => { window.later = 1 })")
        page.wait_for_function('window.later')
        assert len(visits) == 1


def test_a_policy_with_a_nonce_lets_it_run(page):
    app = site(2, csp=True)
    news = app.channel('news', history=100)
    with serve(app) as served:
        page.goto(served.url)
        wait(page, lambda: len(news) == 1)
        assert page.evaluate("htmx.createEventSource.toString().includes('EventSource(url')")
        news.publish_sync(P('m0'))
        page.wait_for_function(f'({LOG})().length == 1')
        page.goto('about:blank')


def test_another_origin_gets_the_browsers_own(page):
    with serve(site(2)) as served:
        page.goto(served.url)
        make = 'url => { const source = htmx.createEventSource(url); source.close(); return source.constructor.name }'
        kinds = [page.evaluate(make, url) for url in ('/events', 'http://localhost:1/x')]
        page.goto('about:blank')
    assert kinds == ['Source', 'EventSource']


TEXTS = ['', 'a', ' lead', ': comment?', 'data: x',
         'event: odd\ndata: forged', 'two\nlines', 'a\r\nb\rc', 'ends\n', '\u2028\x85', 'ä😀', 'x'*200_000]


def test_it_reads_what_the_browsers_own_reads(page):
    "The same events, of the same texts, in pieces of every size"
    app = site(2)

    @app.get('/texts')
    async def texts():
        async def events():
            for n, text in enumerate(TEXTS): yield sse_message(text, event='odd' if n % 3 == 1 else 'message', id=n if n % 2 else None)
            yield EventText('data:no space\r\rdata: cr\r\n\r\nid\ndata\n\nevent: odd\n\nretry: x\nretry: 12\ndata: end\n\n')
        return EventStream(events())
    listen = """make => new Promise(done => {
        const seen = [], source = make('/texts')
        for (const name of ['message', 'odd']) source.addEventListener(name, e => seen.push([name, e.type, e.data, e.lastEventId]))
        source.addEventListener('close', () => { source.close(); done(seen) })
    })"""
    with serve(app) as served:
        page.goto(served.url)
        own = page.evaluate(f'({listen})(url => new EventSource(url))')
        ours = page.evaluate(f'({listen})(htmx.createEventSource)')
        page.goto('about:blank')
    assert ours == own and len(own) >= len(TEXTS) + 4
