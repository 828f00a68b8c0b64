"""JupyterLab in Chromium: a notebook that serves an app, used as a person uses it."""
import importlib.util
import json
import os
import socket
import subprocess
import sys
from contextlib import closing

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from support import DEADLINE, missing, wait_until

SETUP = '''from fasthtml.common import *
from fasthtml.workshop.jupyter import HTMX, JupyUvi, show
import asyncio'''

APP = '''app = FastHTML(exts=('ws', 'sse'), secret_key='for this test')

@app.route('/')
def get():
    return Main(Form(Input(id='name'), Button('Greet'), hx_post='/', target_id='greeting'), P(id='greeting'),
                Div(P(id='pushed'), hx_ext='ws', ws_connect='/push'),
                Div(hx_ext='sse', sse_connect='/stream', sse_swap='message', id='streamed'))

@app.route('/')
def post(name: str): return f'Hello {name}'

async def push(send):
    await send(P('Pushed by the server', id='pushed'))

@app.ws('/push', conn=push)
async def said(text: str): return None

async def ticks():
    yield 'Streamed by the server'
    await asyncio.sleep(3600)

@app.route('/stream')
def stream(): return EventStream(ticks())'''

SERVE = '''server = JupyUvi(app, port=0)
HTMX(port=server.port)'''

REGION = '''items = ['apples']

@app.live
def cart(id: int): return Ul(*[Li(f'{o} in {id}') for o in items], cls='cart')'''

SHOWN = 'show(cart(id=1), cart(id=2))'

ALONE = 'HTMX(cart.page(id=3), port=server.port)'

CHANGE = '''items.append('pears')
cart.changed_sync()'''

STOP = '''print('stopping', server.port)
server.stop()
print('the server has stopped')'''


CELLS = SETUP, APP, REGION, SERVE, SHOWN, ALONE, CHANGE, STOP


@pytest.fixture
def lab(tmp_path):
    "JupyterLab on an empty folder, with settings of its own"
    if not importlib.util.find_spec('jupyterlab'):
        missing('JupyterLab', 'install it: `pip install jupyterlab`')
    empty = dict(cell_type='code', metadata={}, outputs=[], execution_count=None)
    cells = [empty | dict(id=f'cell{n}', source=source) for n, source in enumerate(CELLS)]
    kernel = {'name': 'python3', 'display_name': 'Python 3 (ipykernel)', 'language': 'python'}
    notebook = dict(cells=cells, metadata={'kernelspec': kernel}, nbformat=4, nbformat_minor=5)
    (tmp_path/'app.ipynb').write_text(json.dumps(notebook), encoding='utf-8')
    with closing(socket.create_server(('127.0.0.1', 0))) as listener:
        port = listener.getsockname()[1]
    folders = {name: str(tmp_path/'home'/name) for name in
               ('JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'IPYTHONDIR', 'JUPYTERLAB_SETTINGS_DIR')}
    command = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--ip=127.0.0.1', f'--port={port}', '--allow-root',
               '--ServerApp.port_retries=0', '--IdentityProvider.token=', '--ServerApp.password=',
               f'--ServerApp.root_dir={tmp_path}', '--LabApp.news_url=', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
    log = (tmp_path/'lab.log').open('w')
    process = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=log, cwd=tmp_path)
    try:
        wait_until(lambda: listens(port) or process.poll() is not None, deadline=120, what='JupyterLab to listen')
        assert process.poll() is None, (tmp_path/'lab.log').read_text()
        yield f'http://localhost:{port}'  # the same site as the app, as for most people
    finally:
        process.terminate()
        process.wait(3*DEADLINE)
        log.close()


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def outputs(page) -> str:
    return '\n'.join(page.locator('.jp-OutputArea-output').all_inner_texts())


def run_all_above(page) -> None:
    "Run every cell but the last. What is run before the kernel is connected is forgotten without an error"
    begun = "document.querySelector('.jp-Notebook .jp-CodeCell .jp-InputPrompt').textContent.trim() != '[ ]:'"
    for _ in range(5):
        page.locator('.jp-Notebook .jp-Cell .jp-InputPrompt').last.click()
        page.click('.lm-MenuBar-item:has-text("Run")')
        page.click('.lm-Menu-item:has-text("Run All Above Selected Cell") >> nth=0')
        try:
            return page.wait_for_function(begun, timeout=20_000)
        except PlaywrightTimeout:
            continue
    raise AssertionError('JupyterLab runs no cell')


@pytest.mark.timeout(600)
def test_an_app_is_served_shown_used_and_stopped_in_a_notebook(lab, new_page):
    page = new_page(viewport={'width': 1280, 'height': 2600})  # cells out of sight are not rendered
    page.set_default_timeout(150_000)
    page.goto(f'{lab}/lab/tree/app.ipynb')
    page.wait_for_selector('.jp-Notebook .jp-Cell >> nth=7')
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status=idle]')
    page.wait_for_selector('#jp-main-statusbar :text("| Idle")')
    run_all_above(page)

    app = page.frame_locator('.jp-OutputArea-output iframe >> nth=0')
    app.locator('#pushed:has-text("Pushed by the server")').wait_for()
    app.locator('#streamed:has-text("Streamed by the server")').wait_for()
    app.locator('#name').fill('Ada')
    app.locator('text=Greet').click()
    app.locator('#greeting:has-text("Hello Ada")').wait_for()
    page.wait_for_function("""() => {
        const frame = document.querySelector('.jp-OutputArea-output iframe');
        return frame && parseInt(frame.style.height) > 60;
    }""")

    for id in 1, 2:     # in the notebook itself, and changed by a later cell
        page.locator(f'.jp-OutputArea-output ul.cart:has-text("pears in {id}")').wait_for()
    page.wait_for_selector('html[data-live=true]', state='attached')
    page.frame_locator('.jp-OutputArea-output iframe >> nth=1').locator('.cart:has-text("pears in 3")').wait_for()

    page.locator('.jp-Notebook .jp-Cell .jp-InputPrompt').last.click()
    page.click('.jp-NotebookPanel-toolbar [data-command="notebook:run-cell-and-select-next"]')
    wait_until(lambda: 'the server has stopped' in outputs(page), deadline=120, what='the cell that stops the server')
    port = int(outputs(page).split('stopping ')[1].split()[0])
    assert not listens(port)
