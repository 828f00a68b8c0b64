"Litestar: ready bytes; three typed parameters"
import os

from litestar import Litestar, MediaType, get

PAGE = bytes.fromhex(os.environ.get('PAGE', ''))


@get('/', media_type=MediaType.HTML)
async def home() -> bytes: return PAGE


@get('/json/{item:int}')
async def data(item: int, n: int, q: str = '') -> dict: return {'item': item, 'n': n, 'q': q}


app = Litestar([home, data])
