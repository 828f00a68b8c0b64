"""One page that shows what this library is for. Run it with `make run`, or `python examples/live.py`.

Four cards: notifications that start when a socket opens, a chat with presence, a chart fed by server-sent
events, and a long task that reports its progress. Open the page in two windows to see them share it.
`HTMX=4` serves it with htmx 4; `ASSETS=local` takes JavaScript and styles from node_modules.
"""
import asyncio
import itertools
import math
import os
import random
from collections import deque
from contextlib import asynccontextmanager
from datetime import datetime

from fasthtml.common import *
from fasthtml.pico import Card, picolink
from fasthtml.svg import Circle, Polygon, Polyline, Svg, Text

WIDTH, HEIGHT, SAMPLES = 480, 160, 60


def sample(second):
    "A value between 0 and 1 that wanders"
    return 0.5 + 0.35 * math.sin(second / 3) + random.uniform(-0.1, 0.1)

samples = deque((sample(i / 2) for i in range(-SAMPLES, 0)), maxlen=SAMPLES)  # the last half minute


@asynccontextmanager
async def lifespan(app):
    "Measure twice a second for as long as the server runs; every visitor sees the same chart"
    async def measure():
        for tick in itertools.count():
            samples.append(sample(tick / 2))
            await chart_channel.publish(chart())
            await asyncio.sleep(0.5)
    task = asyncio.create_task(measure())
    yield
    task.cancel()


css = Style('''
:root {--pico-font-size: 100%}
main {max-width: 1080px} article {margin: 0; display: flex; flex-direction: column}
header small, .note {color: var(--pico-muted-color)}
.cards {display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr))}
ul.feed {height: 11rem; overflow-y: auto; padding: 0; margin: 0 0 1rem; display: flex; flex-direction: column-reverse}
ul.feed li {list-style: none; padding: .3rem 0; border-bottom: 1px solid var(--pico-muted-border-color)}
article form {margin-bottom: 0; margin-top: auto} fieldset[role=group] {margin-bottom: 0}
svg {width: 100%; height: auto; color: var(--pico-primary)}
svg text {fill: currentColor; font: 600 20px system-ui}
''')
app = FastHTML(title='Live', lifespan=lifespan, exts=('ws', 'sse'), htmx=int(os.environ.get('HTMX', 2)),
               assets=os.environ.get('ASSETS', 'cdn'), hdrs=(picolink, css, Link(rel='icon', href='data:,')))
room, chart_channel = app.channel('room'), app.channel('chart')
guests, said = itertools.count(1), deque(maxlen=50)  # numbers for visitors; what was said, newest first

# --- Notifications: `conn` runs when the socket opens, beside the messages, and stops when the visitor leaves

async def notify(send):
    for number in range(1, 11):
        now = datetime.now().strftime('%H:%M:%S')
        await send(Ul(Li(f'{now} · notification {number} of 10'), id='notes', hx_swap_oob='afterbegin'))
        await asyncio.sleep(1)


@app.ws('/notifications', conn=notify)
async def notifications(question: str):
    answer = Li(B('You asked: '), question, ' – answered at once')
    return Ul(answer, id='notes', hx_swap_oob='afterbegin'), question_box('question', 'Ask while they arrive')

# --- Chat: a channel sends one rendering to all who joined, and never waits for a slow one

def presence(): return Small(', '.join(sorted(room.members())) or 'Nobody', ' here', id='presence')

def question_box(name, label):
    return Input(id=f'box-{name}', name=name, placeholder=label, aria_label=label, required=True, autocomplete='off')

async def enter(ws, send):
    ws.info = f'Guest {next(guests)}'
    room.join(ws)
    await send(Ul(*said, id='messages', cls='feed'))  # the whole state first: this may be a reconnection
    await room.publish(presence())

async def leave():
    await room.publish(presence())

@app.ws('/chat', conn=enter, disconn=leave)
async def chat(text: str, ws):
    said.appendleft(Li(B(ws.info), ' ', text))
    await room.publish(Ul(said[0], id='messages', hx_swap_oob='afterbegin'))
    return question_box('text', 'Say something to everybody here')

# --- Chart: components of the SVG room, rendered once for all visitors of the stream

def chart():
    points = [(i * (WIDTH - 8) / (SAMPLES - 1), HEIGHT * (1 - value)) for i, value in enumerate(samples)]
    line = ' '.join(f'{x:.0f},{y:.0f}' for x, y in points)
    x, y = points[-1]
    return Svg(Polygon(points=f'0,{HEIGHT} {line} {x:.0f},{HEIGHT}', fill='currentColor', opacity=0.12),
               Polyline(points=line, fill='none', stroke='currentColor', stroke_width=3),
               Circle(5, x, y, fill='currentColor'),
               Text(f'{samples[-1]:.0%}', x=12, y=28),
               viewBox=f'0 0 {WIDTH} {HEIGHT}', role='img', aria_label='A measured value over time')

@app.get('/chart')
def chart_stream(): return EventStream(chart_channel)

# --- A long task: a generator of fragments; htmx stops listening when it ends

async def work(steps=40):
    for step in range(steps + 1):
        yield Div(Progress(value=step, max=steps), P(f'{step / steps:.0%} of the parcels packed', cls='note'))
        await asyncio.sleep(0.08)
    yield Div(Progress(value=1, max=1), P('Done: every parcel is packed.'))

@app.get('/work')
def work_stream(): return EventStream(work())

@app.post('/work')
def start():
    return Div(hx_ext='sse', sse_connect='/work', sse_swap='message', id='work', aria_live='polite')

@app.get('/')
def home():
    return Main(
        Header(H1('Everything here is live'), P('Each card is a few lines of Python. ', Small('No page reloads.'))),
        Div(Card(Ul(id='notes', cls='feed', aria_live='polite'),
                 Form(Fieldset(question_box('question', 'Ask while they arrive'), Button('Ask'), role='group'),
                      ws_send=True),
                 header=B('Notifications'), hx_ext='ws', ws_connect='/notifications'),
            Card(Ul(id='messages', cls='feed', aria_live='polite'),
                 Form(Fieldset(question_box('text', 'Say something to everybody here'), Button('Send'), role='group'),
                      ws_send=True),
                 header=(B('Chat'), ' ', Small(id='presence')), hx_ext='ws', ws_connect='/chat'),
            Card(Div(chart(), hx_ext='sse', sse_connect='/chart', sse_swap='message'), header=B('Chart')),
            Card(Div(P('Nothing is running.', cls='note'), id='work'),
                 Form(Button('Pack the parcels'), hx_post='/work', hx_target='#work', hx_swap='outerHTML'),
                 header=B('Long task')),
            cls='cards'),
        cls='container')

if __name__ == '__main__':
    serve(reload=False)
