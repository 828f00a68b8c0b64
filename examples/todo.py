"""A to-do list with a database and search as you type. Run it with `python examples/todo.py`.

The table is a SQLite file made on the first run (`pip install fasthtml[db]`). The list is a region: every handler changes
the table and says so, and every window that shows the list, whatever it searches for, is sent what differs.
"""
import os

from fasthtml.common import *
from fasthtml.pico import Group, picolink


def line_of(todo):
    "One line of the list: a box to tick, the text, a button to delete"
    box = Input(type='checkbox', name='done', checked=bool(todo.done), aria_label=f'Done: {todo.text}',
                hx_put=tick.to(id=todo.id), hx_swap='none')
    delete = Button('Delete', hx_delete=remove.to(id=todo.id), hx_swap='none', cls='outline secondary', aria_label=f'Delete: {todo.text}')
    return Li(Label(box, Span(todo.text)), delete, cls='done' if todo.done else None)


css = Style('''
main.container {max-width: 40rem} main ul {padding: 0}
main li {list-style: none; display: flex; justify-content: space-between; align-items: center; gap: 1rem;
  padding: .5rem 0; border-bottom: 1px solid var(--pico-muted-border-color)}
li label {margin: 0; flex: 1; overflow-wrap: anywhere} li button {margin: 0; padding: .25rem .75rem}
.done span {text-decoration: line-through; color: var(--pico-muted-color)} small {color: var(--pico-muted-color)}
''')
app, rt, todos, Todo = fast_app(os.environ.get('TODO_DB', 'todo.db'), render=line_of, hdrs=(picolink, css), pico=False,
                                title='To do', assets=os.environ.get('ASSETS', 'cdn'),
                                id=int, text=str, done=bool, pk='id')


@app.live
def matching(q: str = ''):
    found = [todo for todo in todos(order_by='id') if q.lower() in todo.text.lower()]
    left = sum(not todo.done for todo in found)
    nothing = Li(f'Nothing with “{q}” in it.' if q else 'Nothing to do.')
    return Div(Ul(*found or [nothing]), Small(f'{left} to do' if left else 'All done'), id='list')


def new_entry():
    return Input(id='text', placeholder='What is to be done?', required=True, maxlength=200, aria_label='New entry', autocomplete='off')


@rt('/')
def home():
    search = Input(type='search', name='q', placeholder='Search', aria_label='Search', target_id='list', hx_swap='outerHTML',
                   hx_get='/search', hx_trigger='input changed delay:150ms, search')
    return Titled('To do', Offline(), Form(Group(new_entry(), Button('Add')), hx_post='/todos', target_id='text', hx_swap='outerHTML'),
                  search, matching())


@app.get('/search')
def search(q: str = ''): return matching(q=q)


@app.post('/todos')
async def add(text: str):
    if text := text.strip()[:200]:
        todos.insert(Todo(text=text, done=False))
        await matching.changed()
    return new_entry()


@app.put('/todos/{id}')
async def tick(id: int, done: bool = False):
    if id in todos: todos.update(dict(id=id, done=done))
    await matching.changed()


@app.delete('/todos/{id}')
async def remove(id: int):
    if id in todos: todos.delete(id)
    await matching.changed()


if __name__ == '__main__':
    serve()
