"Starlette, bare: ready bytes; parameters converted by hand"
import os

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

PAGE = bytes.fromhex(os.environ.get('PAGE', ''))


async def home(request): return HTMLResponse(PAGE)


async def data(request):
    query = request.query_params
    return JSONResponse({'item': int(request.path_params['item']), 'n': int(query['n']), 'q': query.get('q', '')})


app = Starlette(routes=[Route('/', home), Route('/json/{item}', data)])
