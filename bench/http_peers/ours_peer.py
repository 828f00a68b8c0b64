"fasthtml: the page is built from elements; three typed parameters"
from fasthtml.common import FastHTML, Li, Titled, Ul

app = FastHTML(secret_key='bench')


@app.get('/')
async def home(): return Titled('Items', Ul(*[Li(f'Item {i}') for i in range(10)]))


@app.get('/json/{item}')
async def data(item: int, n: int, q: str = ''): return {'item': item, 'n': n, 'q': q}
