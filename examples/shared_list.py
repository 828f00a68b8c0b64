"""A to-do list that many people look at, always true. Run it with `python examples/shared_list.py` and open two windows.

The list, and the line that says who you are, are regions: pages that show them follow them. Nothing else is done for that.
"""
import os

from fasthtml.common import *
from fasthtml.pico import Group, picolink


def guard(req, session):
    req.scope['auth'] = session.get('name')
    if not session.get('name'): return Redirect('/login')

css = Style('main.container {max-width: 36rem} li a {float: right}')
app, rt = fast_app(before=Beforeware(guard, skip=['/login', '/_assets/.*']), pico=False, hdrs=(picolink, css),
                   assets=os.environ.get('ASSETS', 'cdn'))
items: dict[int, tuple[str, str]] = {}   # number → text and who wrote it; a table, in a program that is more than an example

@app.live
def todo():
    def row(n, text, name): return Li(text, Small(f' by {name} '), A('done', hx_post=done.to(n=n), hx_swap='none', href='#'))
    form = Form(Group(Input(name='text', required=True, placeholder='What is to be done?'), Button('Add')), hx_post=add, hx_swap='none')
    return Div(form, Ul(*[row(n, *item) for n, item in items.items()]))

@app.live
def mine(auth): return P(f'{auth}, {sum(name == auth for _, name in items.values())} of these are yours')

@rt('/')
def home(): return Titled('To do', Offline(), todo(), mine())

@app.post('/add')
async def add(text: str, auth):
    items[max(items, default=0) + 1] = text, auth
    for region in (todo, mine): await region.changed()

@app.post('/done')
async def done(n: int):
    items.pop(n, None)
    for region in (todo, mine): await region.changed()

@app.get('/login')
def login(): return Titled('Who are you?', Form(Group(Input(name='name', required=True), Button('Go')), method='post'))

@rt('/login')
def post(name: str, session):
    session['name'] = name
    return Redirect('/')

if __name__ == '__main__': serve()
