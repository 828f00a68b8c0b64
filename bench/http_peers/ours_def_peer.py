"fasthtml: the same handlers as `ours`, as plain functions; they run in threads"
from fasthtml.common import FastHTML, Li, Titled, Ul

app = FastHTML(secret_key='bench')


@app.get('/')
def home(): return Titled('Items', Ul(*[Li(f'Item {i}') for i in range(10)]))


@app.get('/rich')
def rich():
    return Titled('Items', Ul(*[Li(f'Item {i}', id=f'item-{i}', cls='item', hx_get=f'/items/{i}', hx_target='#detail') for i in range(10)]))


@app.get('/json/{item}')
def data(item: int, n: int, q: str = ''): return {'item': item, 'n': n, 'q': q}


@app.post('/form')
def form(name: str, age: int): return {'name': name, 'age': age}
