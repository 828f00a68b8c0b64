"fasthtml: the page is built from elements; three typed parameters"
from fasthtml.common import FastHTML, Li, Titled, Ul


def make(**options) -> FastHTML:
    "The app, with more options than it needs"
    app = FastHTML(secret_key='bench', **options)

    @app.get('/')
    async def home(): return Titled('Items', Ul(*[Li(f'Item {i}') for i in range(10)]))

    @app.get('/rich')
    async def rich():
        return Titled('Items', Ul(*[Li(f'Item {i}', id=f'item-{i}', cls='item', hx_get=f'/items/{i}', hx_target='#detail') for i in range(10)]))

    @app.get('/json/{item}')
    async def data(item: int, n: int, q: str = ''): return {'item': item, 'n': n, 'q': q}

    @app.post('/form')
    async def form(name: str, age: int): return {'name': name, 'age': age}
    return app


app = make()
