"""A dashboard of this machine. Run it with `python examples/dashboard.py`, and open it in two windows.

Each tile is a region: drawn when something was measured, or every few seconds while a page shows it, or when a visitor has
changed the limit. All tiles share one stream, and a page that was away is right again at once.
"""
import asyncio
import os
import shutil
from collections import deque
from contextlib import asynccontextmanager

from fasthtml.common import *
from fasthtml.pico import Card, Group, picolink
from fasthtml.svg import Line, Polygon, Svg

measured, limit = deque([0.0], maxlen=60), [1.0]  # of each processor, in the last minute; when it is too high

@asynccontextmanager
async def lifespan(app):
    async def measure():
        while True:
            measured.append(os.getloadavg()[0] / (os.cpu_count() or 1))
            await load.changed()
            await asyncio.sleep(1)
    task = asyncio.create_task(measure())
    yield
    task.cancel()

css = Style('''main > section {display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr))}
article {margin: 0} article p {font-size: 2.5rem; margin: 0} svg {width: 100%; height: 7rem; color: var(--pico-primary)}
.high {color: var(--pico-del-color)} article form, article fieldset {margin: 0}''')
app, rt = fast_app(pico=False, hdrs=(picolink, css), lifespan=lifespan, assets=os.environ.get('ASSETS', 'cdn'))

@app.live
def load():
    top = max(*measured, limit[0], 0.1) * 1.1
    x0, (*heights, border_y) = 60 - len(measured), [40 - 40 * value / top for value in (*measured, limit[0])]
    line = ' '.join(f'{x},{y:.1f}' for x, y in enumerate(heights, x0))
    area = Polygon(points=f'{x0},40 {line} 59,40', fill='currentColor', opacity=0.5)
    border = Line(0, border_y, 59, border_y, stroke='gray', vector_effect='non-scaling-stroke')
    chart = Svg(area, border, viewBox='0 0 59 40', preserveAspectRatio='none', role='img', aria_label='Load in the last minute')
    return Card(P(f'{measured[-1]:.0%}', cls='high' if measured[-1] > limit[0] else None), chart, header='Load')

@app.live(check=10)
def disk():
    total, used, _ = shutil.disk_usage('/')
    return Card(P(f'{used / total:.0%}'), Progress(value=used, max=total), Small(f'{used // 10**9} of {total // 10**9} GB'), header='Disk')

@app.live(check=2)
def windows(): return Card(P(len(app.connections)), Small('windows show this page'), header='Visitors')

@app.live
def alarm():
    field = Input(name='value', type='number', step=0.1, min=0, value=limit[0], aria_label='Limit')
    form = Form(Group(field, Button('Set')), hx_post=set_limit, hx_swap='none')
    return Card(form, Small('1.0: every processor is at work'), header='Too high above')

@app.post
async def set_limit(value: float):
    limit[0] = max(value, 0)
    for region in load, alarm: await region.changed()

@rt('/')
def home(): return Titled('This machine', Offline(), Section(load(), disk(), windows(), alarm()))

if __name__ == '__main__': serve()
