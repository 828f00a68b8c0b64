"""A request, stream or socket leaves nothing that only the garbage collector can find: the collector stops the whole process."""
import asyncio
import collections
import gc
import logging

import pytest
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from fasthtml.common import (
    Beforeware,
    EventStream,
    FastHTML,
    HTTPException,
    P,
    Redirect,
    Request,
    Titled,
    add_toast,
    setup_toasts,
)

FORM = (b'content-type', b'application/x-www-form-urlencoded')


def made(**options) -> FastHTML:
    "An app in which a request can go every way"
    app = FastHTML(secret_key='x', before=Beforeware(lambda req: Redirect('/page') if req.url.path == '/guarded' else None), **options)
    setup_toasts(app)
    news = app.channel('news', history=3)
    @app.live
    def region(): return P('region')

    @app.get('/page')
    async def page(): return Titled('Page', P('text'))
    @app.get('/plain')
    def plain(): return Titled('Page', P('text'))
    @app.get('/session')
    def in_session(session, n: int = 0):
        session['n'] = session.get('n', 0) + n
        add_toast(session, 'done')
        return P(session['n'])
    @app.post('/form')
    def form(name: str, age: int): return name
    @app.post('/errors')
    def with_errors(age: int, errors): return P(len(errors))
    @app.get('/failed')
    def failed(): raise HTTPException(403, 'no')
    @app.get('/parts')
    async def parts():
        yield P('a')
        await asyncio.sleep(0)
        yield P('b')
    @app.get('/generator')
    def generator(): return EventStream(str(i) for i in range(3))
    @app.get('/source')
    async def source():
        async def events():
            for i in range(3): yield i
        return EventStream(events())
    @app.get('/object')
    async def an_object():
        stream = EventStream()
        await stream.send('one')
    @app.get('/in_thread')
    def in_thread(): EventStream().send('one')
    @app.get('/channel')
    def channel(): return EventStream(news)
    @app.get('/live')
    def live(): return Titled('Live', region())
    @app.get('/body')
    async def body(req: Request): return P(len(await req.body()))

    async def conn(send): await send(P('hello'))
    @app.ws('/ws', conn=conn)
    async def ws(n: int = 0): return P(n)
    @app.ws('/ws-plain', disconn=lambda: None)
    def ws_plain(n: int): return P(n)
    return app


CASES = {  # name → path, query, form
    'page': ('/page',), 'plain': ('/plain',), 'session': ('/session', b'n=1'), 'form': ('/form', b'', b'name=a&age=1'),
    'bad query': ('/session', b'n=x'), 'bad form': ('/form', b'', b'age=x'), 'errors': ('/errors', b'', b'age=x'),
    'failed': ('/failed',), 'missing': ('/nowhere',), 'wrong method': ('/form',), 'guarded': ('/guarded',), 'parts': ('/parts',),
    'generator': ('/generator',), 'source': ('/source',), 'object': ('/object',), 'in a thread': ('/in_thread',),
    'channel': ('/channel',), 'live': ('/live',), 'body': ('/body', b'', b'a=b'), 'socket': ('/ws',), 'plain socket': ('/ws-plain',),
}


async def ask(app, path: str, query: bytes = b'', body: bytes | None = None) -> None:
    "One request; its client leaves when it has been answered, or has received something"
    scope = dict(type='http', asgi={'version': '3.0'}, http_version='1.1', method='GET' if body is None else 'POST', scheme='http',
                 path=path, raw_path=path.encode(), query_string=query, root_path='', client=('127.0.0.1', 1), server=('127.0.0.1', 80),
                 headers=[(b'host', b'127.0.0.1'), (b'accept-encoding', b'gzip'), *([FORM] if body is not None else [])])
    left, begun = asyncio.Event(), asyncio.Event()
    messages = [{'type': 'http.request', 'body': body or b'', 'more_body': False}]
    if path.startswith('/ws'):
        scope |= {'type': 'websocket', 'scheme': 'ws', 'subprotocols': []}
        messages = [{'type': 'websocket.connect'}, {'type': 'websocket.receive', 'text': '{"n": 1}'},
                    {'type': 'websocket.receive', 'text': '{"n": "x"}'}]
    async def receive():
        if messages: return messages.pop(0)
        await (begun if scope['type'] == 'websocket' else left).wait()
        return {'type': 'http.disconnect'} if scope['type'] == 'http' else {'type': 'websocket.disconnect', 'code': 1001}
    async def send(message):
        if message['type'] == 'websocket.send' or message.get('body'): begun.set()
        if path == '/channel': left.set()
    await app(scope, receive, send)
    left.set()


STACKS = {'none': {}, 'gzip': {'middleware': [Middleware(GZipMiddleware, minimum_size=1)]}}

def garbage() -> collections.Counter:
    "What only the collector finds now, by its type"
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return collections.Counter(type(o).__qualname__ for o in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


@pytest.mark.parametrize('stack', STACKS)
@pytest.mark.parametrize('case', CASES)
async def test_what_a_request_leaves_needs_no_garbage_collector(case, stack):
    gc.collect()
    gc.freeze()   # what is there already need not be looked through each time
    app, n, found = made(**STACKS[stack]), 20, []
    async def several():
        for _ in range(n): await ask(app, *CASES[case])
        for _ in range(5): await asyncio.sleep(0)
    logging.disable()
    gc.disable()
    try:
        for _ in range(4):   # the first time modules are imported, and threads of other tests may leave something at any time
            gc.collect()
            await several()
            if (kinds := garbage()).total() < n: return
            found.append(kinds.most_common(12))
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)
    assert not found
