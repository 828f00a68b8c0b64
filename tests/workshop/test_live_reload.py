"""Live reload and toasts in Chromium: what the page does by itself."""
import sys

from fasthtml.app.app import FastHTML
from fasthtml.app.live_reload import setup_live_reload
from fasthtml.app.toast import add_toast, setup_toasts
from fasthtml.html.tags import P
from support import serve, serve_process

PROGRAM = '''
from fasthtml.common import *
app, rt = fast_app(live=True, reload_attempts=200, reload_interval=50, pico=False, secret_key='for this test')
@rt('/')
def get(): return P('first version', id='version')
'''


def test_a_page_follows_a_change_of_the_program(page, tmp_path):
    command = [sys.executable, '-m', 'uvicorn', 'app:app', '--reload', '--reload-delay', '0.1', '--port', '0']
    with serve_process(PROGRAM, tmp_path, command=command) as server:
        server.wait_listening()
        page.goto(server.url)
        page.wait_for_selector('#version:has-text("first version")')
        (tmp_path/'app.py').write_text(PROGRAM.replace('first version', 'second version'))
        page.wait_for_selector('#version:has-text("second version")', timeout=30_000)


def test_a_socket_that_breaks_does_not_reload_the_page(page):
    app = FastHTML(secret_key='a key for this test only')
    setup_live_reload(app, 200, 50)
    told = []

    @app.get('/')
    def home():
        return P('what was typed stays')
    with serve(app) as server:
        page.on('websocket', lambda socket: socket.on('framereceived', lambda text: told.append(text)))
        page.goto(server.url)
        page.evaluate("window.mark = 'the same page'")
        for times in 1, 2, 3:
            while len(told) < times:  # the socket is open, and the server has said who it is
                page.wait_for_timeout(10)
            for connection in app.lifecycle.connections:
                server.call(connection.abort)
        assert page.evaluate('window.mark') == 'the same page'
        assert len(set(told)) == 1


def test_toasts_come_and_go(page):
    app = FastHTML(secret_key='a key for this test only')
    setup_toasts(app, duration=300)

    @app.get('/')
    def home(session):
        add_toast(session, 'goes by itself')
        add_toast(session, 'stays until dismissed', 'error', duration=0)
        return P('page')
    with serve(app) as server:
        page.add_init_script('''window.seen = [];
            new MutationObserver(() => document.querySelectorAll('#fh-toast-container .fh-toast').forEach(
                toast => seen.push(toast.textContent))).observe(document, {childList: true, subtree: true})''')
        page.goto(server.url)
        page.wait_for_function("seen.some(text => text.includes('goes by itself'))")
        page.wait_for_selector('.fh-toast:has-text("goes by itself")', state='detached')
        page.click('.fh-toast-dismiss')
        page.wait_for_selector('.fh-toast', state='detached')
        assert not page.problems
