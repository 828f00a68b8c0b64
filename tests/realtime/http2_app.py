"What the HTTP/2 tests serve: a page with ten event streams and a socket, and what the server saw of them."
import asyncio
import os
import tempfile

from starlette.responses import FileResponse, StreamingResponse
from starlette.routing import Mount, Route

from fasthtml.common import Button, Div, EventStream, FastHTML, Form, Hidden, P, Response

app = FastHTML(secret_key='x', exts=['sse', 'ws'], htmx=int(os.environ['HTMX']), assets=os.environ['NODE_MODULES'])
news, seen = app.channel('news', history=10), []


def note(scope):
    "Which connection it came by, and what was spoken there"
    seen.append([scope['path'], ':'.join(map(str, scope['client'])), scope['http_version']])


@app.get('/')
def home():
    streams = [Div('-', hx_ext='sse', sse_connect=f'/events/{n}', sse_swap='message', cls='stream') for n in range(10)]
    say = Form(Hidden(name='msg', value='hi'), Button('Say', id='say'), ws_send=True)
    talk = Div(say, P('-', id='echo'), hx_ext='ws', ws_connect='/talk')
    return 'Ten streams', *streams, talk, Button('Ask', id='ask', hx_post='/answer', hx_target='#answer'), P('-', id='answer')


@app.get('/events/{n}')
def events(n: int, scope):
    note(scope)
    return EventStream(news)


@app.get('/favicon.ico')
def icon(): return Response(status_code=204)


@app.post('/answer')
async def answer(scope, request):
    await request.body()  # hypercorn 0.18 may drop the whole connection when an answer comes before the end of the request
    note(scope)
    return 'an answer'


async def ready(): return P('ready', id='echo')


@app.ws('/talk', conn=ready)
async def talk(msg: str, scope):
    note(scope)
    return P(msg, id='echo')


ends = {}   # Socket → what its functions said


async def begins(key: str, send):
    ends[key] = ['conn']
    await send(f'hello {key}')
    try: await asyncio.sleep(3600)
    finally: ends[key].append('conn ended')


async def over(key: str, code: int): ends[key].append(code)


@app.ws('/socket/{key}', conn=begins, disconn=over, channels=news)
async def socket(msg: str, ws):
    if msg == 'close': await ws.close(4321, 'enough')
    return f'echo {msg}'


@app.get('/ends')
def what_ended(): return ends


@app.get('/seen')
def what_was_seen(): return {'seen': seen, 'listening': len(news), 'pending': max([c.pending_bytes for c in app.connections], default=0)}


@app.get('/publish/{text}')
async def publish(text: str): await news.publish(text)


@app.get('/flood/{first}/{n}')
async def flood(first: int, n: int):
    for i in range(first, first + n): await news.publish(f'{i} ' + 'x'*10_000)


class Counted:
    "Notes how much of each response the server has accepted, and which have ended"
    def __init__(self, app): self.app = app

    async def __call__(self, scope, receive, send):
        key = scope['path'].removeprefix('/large/') if scope['path'].startswith('/large/') else None
        async def counting(message):
            await send(message)
            accepted[key] = accepted.get(key, 0) + len(message.get('body', b''))
        try: await self.app(scope, receive, counting if key else send)
        finally: ended.extend([key] if key else [])


accepted, ended, large = {}, [], tempfile.NamedTemporaryFile(suffix='.bin')
large.truncate(50_000_000)
app.add_middleware(Counted)


async def parts():
    for _ in range(5000): yield 'x'*10_000


async def theirs(request): return StreamingResponse(parts())


@app.get('/large/{kind}')
async def much(kind: str):
    return {'file': FileResponse(large.name), 'response': StreamingResponse(parts()), 'page': 'x'*3_000_000}[kind]


@app.get('/large/parts/page')
async def page_in_parts():
    async for part in parts(): yield P(part)


app.router.routes[:0] = [Route('/large/route', theirs), Mount('/large/mount', routes=[Route('/x', theirs)])]


@app.get('/accepted')
def what_was_accepted(): return {'accepted': accepted, 'ended': ended}
