"""One page that shows what this library is for. Run it with `make run`, or `python examples/live.py`.

Four cards: notifications that start when a socket opens, a chat that knows who is there, a chart of what is measured,
and a long task that goes on when its page is closed. Open the page in two windows to see them share it.
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
from fasthtml.pico import Card, Group, picolink
from fasthtml.svg import Circle, Polygon, Polyline, Svg, Text

WIDTH, HEIGHT, SAMPLES = 480, 240, 60


def sample(second):
    "A value between 0 and 1 that wanders"
    return 0.5 + 0.35 * math.sin(second / 3) + random.uniform(-0.1, 0.1)

samples = deque((sample(i / 2) for i in range(-SAMPLES, 0)), maxlen=SAMPLES)  # the last half minute


@asynccontextmanager
async def lifespan(app):
    "Measure twice a second for as long as the server runs"
    async def measure():
        for tick in itertools.count():
            samples.append(sample(tick / 2))
            await chart.changed()
            await asyncio.sleep(0.5)
    task = asyncio.create_task(measure())
    yield
    task.cancel()


guests = itertools.count(1)

def guest(req, session):
    "Who is asking: each browser keeps the name that it was given"
    if 'name' not in session: session['name'] = f'Guest {next(guests)}'
    req.scope['auth'] = session['name']


css = Style('''
:root {--pico-font-size: 100%}
main.container {max-width: 1080px; padding: 1rem} header {margin-bottom: 1.25rem} h1 {margin-bottom: .25rem}
article {margin: 0; display: flex; flex-direction: column; min-height: 20rem}
article > header {display: flex; justify-content: space-between; gap: 1rem} article > :last-child {flex: 1}
article > div {display: flex; flex-direction: column; justify-content: space-between}
[aria-busy=true]::before {display: none !important} small, .note {color: var(--pico-muted-color)}
.cards {display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr))}
ul.feed {height: 11rem; overflow-y: auto; padding: 0; margin: 0 0 1rem}
ul.feed li {list-style: none; padding: .3rem 0; border-bottom: 1px solid var(--pico-muted-border-color)}
article form, fieldset[role=group] {margin-bottom: 0}
svg {width: 100%; height: auto; color: var(--pico-primary)} svg text {fill: currentColor; font: 600 20px system-ui}
.offline {position: fixed; inset: 0 0 auto; padding: .5rem; text-align: center;
  background: var(--pico-mark-background-color); color: var(--pico-mark-color)}
''')
app = FastHTML(title='Live', lifespan=lifespan, before=Beforeware(guest), exts='ws', htmx=int(os.environ.get('HTMX', 2)),
               assets=os.environ.get('ASSETS', 'cdn'), hdrs=(picolink, css, Link(rel='icon', href='data:,')))

def box(name, label):
    return Input(id=f'box-{name}', name=name, placeholder=label, aria_label=label, required=True, autocomplete='off')

# --- Notifications: `conn` runs when the socket opens, beside the messages, and stops when the visitor leaves

async def notify(send):
    for number in range(1, 11):
        now = datetime.now().strftime('%H:%M:%S')
        await send(Ul(Li(f'{now} · notification {number} of 10'), id='notes', hx_swap_oob='afterbegin'))
        await asyncio.sleep(1)

@app.ws('/notifications', conn=notify)
async def notifications(question: str):
    answer = Li(B('You asked: '), question, ' – answered at once')
    return Ul(answer, id='notes', hx_swap_oob='afterbegin'), box('question', 'Ask while they arrive')

# --- Chat: a region is drawn from what was said, on every page; a channel with presence knows who is there

said = deque(maxlen=50)  # a table, in a program that is more than an example
room = app.channel('room', presence=True)

@app.live
def chat():
    form = Form(Group(box('text', 'Say something to everybody here'), Button('Send')), hx_post=say, hx_swap='none')
    return Div(Ul(*[Li(B(name), ' ', text) for name, text in said], cls='feed', id='messages', aria_live='polite'), form)

@app.post
async def say(text: str, auth):
    said.appendleft((auth, text[:500]))
    await chat.changed()

@app.live(presence=room)
def present(): return Small(', '.join(sorted(room.people())), ' here', id='presence')

# --- Chart: drawn once for each measurement, however many pages show it, and not at all while no page shows it

@app.live
def chart():
    points = [(i * (WIDTH - 8) / (SAMPLES - 1), HEIGHT * (1 - value)) for i, value in enumerate(samples)]
    line = ' '.join(f'{x:.0f},{y:.0f}' for x, y in points)
    x, y = points[-1]
    return Svg(Polygon(points=f'0,{HEIGHT} {line} {x:.0f},{HEIGHT}', fill='currentColor', opacity=0.12),
               Polyline(points=line, fill='none', stroke='currentColor', stroke_width=3),
               Circle(5, x, y, fill='currentColor'), Text(f'{samples[-1]:.0%}', x=12, y=28),
               viewBox=f'0 0 {WIDTH} {HEIGHT}', role='img', aria_label='A measured value over time')

# --- A long task: work that goes on without its page, and that every page shows

started = [0]

@app.work
async def pack(number: int, say):
    for step in range(41):
        await say(Div(Progress(value=step, max=40), P(f'{step / 40:.0%} of the parcels packed', cls='note')))
        await asyncio.sleep(0.08)
    await say(Div(Progress(value=1, max=1), P('Done: every parcel is packed.')))

@app.live
def task():
    shown = pack(number=started[-1]) if started[-1] else P('Nothing is running.', cls='note')
    return Div(shown, Form(Button('Pack the parcels'), hx_post=start, hx_swap='none'), id='work')

@app.post
async def start():
    started.append(started[-1] + 1)
    pack.start(number=started[-1])
    await task.changed()


@app.get('/')
def home():
    return Offline('The connection is lost. Trying again ...', cls='offline'), Main(
        Header(H1('Everything here is live'), P('Each card is a few lines of Python. ', Small('No page reloads.'))),
        Div(Card(Div(Ul(id='notes', cls='feed', aria_live='polite'),
                     Form(Group(box('question', 'Ask while they arrive'), Button('Ask')), ws_send=True)),
                 header=B('Notifications'), hx_ext='ws', ws_connect=notifications),
            Card(chat(), header=(B('Chat'), present())),
            Card(chart(), header=B('Chart')),
            Card(task(), header=B('Long task')),
            cls='cards'),
        cls='container')

if __name__ == '__main__':
    serve(reload=False)
