"""What was loaded when a server process had started is left out of garbage collections, and nothing else changes."""
import gc
import sys

import httpx

from fasthtml.common import FastHTML
from support import serve, serve_process

APP = '''
import asyncio, gc, sys, weakref
from fasthtml.common import FastHTML, P
from fasthtml.testing import AsyncClient

class Node: pass

app = FastHTML(secret_key='x')
@app.get('/')
def home(): return P(gc.get_freeze_count())

@app.get('/made')
def made():
    "A cycle that was made by a request is collected as ever"
    node = Node()
    node.itself, here = node, weakref.ref(node)
    del node
    gc.collect()
    return P(here() is None)
'''
BY_ITSELF = APP + '''
async def one(app):
    async with AsyncClient(app): return gc.get_freeze_count()

async def two():
    async with AsyncClient(app):
        during = await one(FastHTML(secret_key='x'))
        return during, gc.get_freeze_count()

if __name__ == '__main__':
    during, after = asyncio.run(one(app)), gc.get_freeze_count()
    print(during > 10_000, after)
    print(*(n > 10_000 for n in asyncio.run(two())), gc.get_freeze_count())
    gc.freeze()
    print(asyncio.run(one(app)) > 10_000, gc.get_freeze_count() > 10_000)
    print('on http://127.0.0.1:1')
'''


def test_a_server_process_leaves_out_what_it_has_loaded(tmp_path):
    with serve_process(APP, tmp_path) as server:
        assert int(httpx.get(f'{server.url}/', headers={'HX-Request': '1'}).text[3:-4]) > 10_000
        assert 'True' in httpx.get(f'{server.url}/made', headers={'HX-Request': '1'}).text


def test_it_is_taken_back_at_the_end_and_a_program_s_own_is_left_alone(tmp_path):
    with serve_process(BY_ITSELF, tmp_path, [sys.executable, 'app.py']) as process:
        assert process.lines[-4:-1] == ['True 0', 'True True 0', 'True True'], process.lines


def test_a_server_in_a_thread_changes_nothing():
    app, found = FastHTML(secret_key='x'), gc.get_freeze_count()
    with serve(app): assert gc.get_freeze_count() == found
