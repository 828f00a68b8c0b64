"""A browser's own EventSource against our streams: the rules of WHATWG HTML 9.2 that no client of ours can vouch for."""
from starlette.responses import Response

from fasthtml.common import EventStream, FastHTML, P, sse_message
from support import DEADLINE, serve

LISTEN = """path => {
    window.seen = []
    window.source = new EventSource(path)
    for (const name of ['message', 'close', 'failed', 'resync', 'odd'])
        source.addEventListener(name, e => seen.push([name, e.data, e.lastEventId]))
}"""
CLOSED = 2  # EventSource.CLOSED


def site(answer) -> tuple[FastHTML, list]:
    "An app whose /events answers with `answer(n)` the n-th time, and the Last-Event-IDs of all who came"
    app, visits = FastHTML(secret_key='x', default_hdrs=False), []

    @app.get('/')
    def page(): return P('a page')

    @app.get('/events')
    async def events(last_event_id: str = ''):
        visits.append(last_event_id)
        return answer(len(visits))
    return app, visits


def listen(page, served) -> None:
    page.set_default_timeout(DEADLINE*1000)
    page.goto(served.url)
    page.evaluate(LISTEN, '/events')


async def numbered(n):
    yield sse_message(f'visit {n}', id=f'e-{n}')


def test_it_comes_back_after_retry_with_the_last_id_and_stays_away_after_a_204(page):
    "The wait is ours, 100 ms, not Chromium's three seconds"
    app, visits = site(lambda n: Response(status_code=204) if n > 4 else EventStream(numbered(n), retry=100))
    with serve(app) as served:
        listen(page, served)
        page.wait_for_function(f'source.readyState == {CLOSED}')
        seen = [(data, id) for name, data, id in page.evaluate('seen') if name == 'message']
    assert visits == ['', 'e-1', 'e-2', 'e-3', 'e-4']
    assert seen == [(f'visit {n}', f'e-{n}') for n in range(1, 5)]


def test_every_text_arrives_as_it_was_sent(page):
    "Line ends become one; nothing forges an event or a field"
    texts = ['', 'a', ' lead', ': comment?',
             'data: x', 'event: odd\ndata: forged', 'two\nlines', 'a\r\nb\rc', 'ends\n', '\u2028\x85\x0b\x0c\x1c',
             '\ufeffbom', 'ä😀', 'nul\0', 'x'*200_000]

    async def events():
        for text in texts: yield sse_message(text, id=len(text))
    app, _ = site(lambda n: EventStream(events()))
    with serve(app) as served:
        listen(page, served)
        page.wait_for_function(f'seen.length > {len(texts)}')
        page.evaluate('source.close()')
        seen = page.evaluate('seen')
    assert [data for _, data, _ in seen[:-1]] == [t.replace('\r\n', '\n').replace('\r', '\n') for t in texts]
    assert {name for name, _, _ in seen[:-1]} == {'message'} and seen[-1][0] == 'close'
