"""The code of the two articles, letter for letter, and what is needed around it to run it."""
import asyncio

from fasthtml.common import Div, FastHTML

WEBSOCKET = '''
from asyncio import sleep
from fasthtml.common import *
app = FastHTML(ws_hdr=True)
@app.route('/')
async def get(request):
    return Div(
        Div(id='notifications'),
        hx_ext='ws',
        ws_connect='/ws-conn'
    )
async def on_connect(send):
    # pushing starts as soon as the connection is there
    for i in range(10):
        await send(Div(f'Server push {i}', id='notifications'))
        await sleep(1)
@app.ws('/ws-conn', conn=on_connect)
async def ws(send):
    # may never run
    return Div('First message', id="notifications")
'''

SSE = '''
@app.get("/events")
async def event_stream():
    stream = EventStream()
    # a first message
    await stream.send(sse_message("Welcome to the event stream"))
    # then data, for as long as the client stays
    while True:
        data = get_updated_data()
        await stream.send(sse_message(data))
        await asyncio.sleep(1)
    # signal_shutdown is called by itself at the end
'''


def websocket_app(htmx: int = 2) -> FastHTML:
    "The app of the first article; for htmx 4 it is asked for by an option, the rest stays"
    code = WEBSOCKET if htmx == 2 else WEBSOCKET.replace('ws_hdr=True', 'ws_hdr=True, htmx=4')
    names = {}
    exec(compile(code, 'article1.py', 'exec'), names)
    return names['app']


def sse_app(app: FastHTML, get_updated_data=None) -> FastHTML:
    "`app` with the route of the second article"
    import fasthtml.common as common
    numbers = iter(range(1_000_000))
    names = {'app': app, 'asyncio': asyncio, 'EventStream': common.EventStream, 'sse_message': common.sse_message,
             'get_updated_data': get_updated_data or (lambda: f'update {next(numbers)}')}
    exec(compile(SSE, 'article2.py', 'exec'), names)
    return app


def sse_page(htmx: int = 2) -> FastHTML:
    "The second article's stream with a page that listens to it"
    app = sse_app(FastHTML(exts='sse', htmx=htmx))

    @app.get('/')
    def home():
        return Div(hx_ext='sse', sse_connect='/events', sse_swap='message', hx_swap='beforeend', id='events')
    return app
