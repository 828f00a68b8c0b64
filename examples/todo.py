"""A to-do list with a database and search as you type. Run it with `python examples/todo.py`.

The table is a SQLite file made on the first run (`pip install fasthtml[db]`). Every button answers with the part of the
page that changed, so there is no JavaScript to write.
"""
import os

from fasthtml.common import *
from fasthtml.pico import Group, picolink


def line_of(todo):
    "One line of the list: a box to tick, the text, a button to delete"
    target = f'todo-{todo.id}'
    box = Input(type='checkbox', name='done', checked=bool(todo.done), aria_label=f'Done: {todo.text}',
                hx_put=f'/todos/{todo.id}', target_id=target, hx_swap='outerHTML')
    delete = Button('Delete', hx_delete=f'/todos/{todo.id}', target_id=target, hx_swap='outerHTML',
                    cls='outline secondary', aria_label=f'Delete: {todo.text}')
    return Li(Label(box, Span(todo.text)), delete, id=target, cls='done' if todo.done else None)


css = Style('''
main {max-width: 40rem} #list {padding: 0}
#list li {list-style: none; display: flex; justify-content: space-between; align-items: center; gap: 1rem;
  padding: .5rem 0; border-bottom: 1px solid var(--pico-muted-border-color)}
#list label {margin: 0; flex: 1; overflow-wrap: anywhere} #list button {margin: 0; padding: .25rem .75rem}
.done span {text-decoration: line-through; color: var(--pico-muted-color)} #left {color: var(--pico-muted-color)}
''')
app, rt, todos, Todo = fast_app(os.environ.get('TODO_DB', 'todo.db'), render=line_of, hdrs=(picolink, css), pico=False,
                                title='To do', assets=os.environ.get('ASSETS', 'cdn'),
                                id=int, text=str, done=bool, pk='id')


def count(oob=True):
    "How many are left; rides along with every answer that changes it"
    left = sum(not todo.done for todo in todos())
    return P(f'{left} to do' if left else 'All done', id='left', hx_swap_oob='true' if oob else None)


def add_form(oob=False):
    field = Input(id='text', placeholder='What is to be done?', required=True, maxlength=200, aria_label='New entry')
    return Form(Group(field, Button('Add')), id='add', hx_post='/todos', target_id='list', hx_swap='beforeend',
                hx_swap_oob='true' if oob else None)


def matching(q: str):
    return [todo for todo in todos(order_by='id') if q.lower() in todo.text.lower()]


@rt('/')
def home():
    search = Input(type='search', name='q', placeholder='Search', aria_label='Search', target_id='list',
                   hx_get='/search', hx_trigger='input changed delay:150ms, search')
    return Titled('To do', add_form(), search, Ul(*matching(''), id='list'), count(oob=False))


@app.get('/search')
def search(q: str = ''):
    found = matching(q)
    return found or Li(f'Nothing with “{q}” in it.')


@app.post('/todos')
def add(text: str):
    text = text.strip()[:200]
    if not text:
        return Response(status_code=204)
    return todos.insert(Todo(text=text, done=False)), add_form(oob=True), count()


@app.put('/todos/{id}')
def tick(id: int, done: bool = False):
    if id not in todos:
        return Li('That entry is gone: somebody else deleted it.')
    return todos.update(Todo(id=id, text=todos[id].text, done=done)), count()


@app.delete('/todos/{id}')
def remove(id: int):
    if id in todos:
        todos.delete(id)
    return count()


if __name__ == '__main__':
    serve()
