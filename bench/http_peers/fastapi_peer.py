"FastAPI: ready bytes; three typed parameters"
import os

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

PAGE = bytes.fromhex(os.environ.get('PAGE', ''))
app = FastAPI()


@app.get('/', response_class=HTMLResponse)
async def home(): return HTMLResponse(PAGE)


@app.get('/json/{item}')
async def data(item: int, n: int, q: str = ''): return {'item': item, 'n': n, 'q': q}
