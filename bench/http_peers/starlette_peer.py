"Starlette, bare: ready bytes; parameters converted by hand"
import os

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

PAGE, RICH = (bytes.fromhex(os.environ.get(name, '')) for name in ('PAGE', 'RICH'))


async def home(request): return HTMLResponse(PAGE)


async def rich(request): return HTMLResponse(RICH)


async def data(request):
    query = request.query_params
    return JSONResponse({'item': int(request.path_params['item']), 'n': int(query['n']), 'q': query.get('q', '')})


async def form(request):
    fields = await request.form()
    return JSONResponse({'name': fields['name'], 'age': int(fields['age'])})


app = Starlette(routes=[Route('/', home), Route('/rich', rich), Route('/json/{item}', data), Route('/form', form, methods=['POST'])])
