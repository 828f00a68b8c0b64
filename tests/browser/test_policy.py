"A Content-Security-Policy with a nonce, in Chromium: our scripts run, injected ones do not."
import pytest

from fasthtml.common import *
from support import serve as served


def make_app(htmx):
    app = FastHTML(csp=True, exts=['ws', 'sse'], htmx=htmx, secret_key='x')
    @app.get('/')
    def home():
        return (Title('Policy'), Style('#styled {color: rgb(1, 2, 3)}'), P('x', id='styled'),
                Button('load', id='load', hx_get='/part', hx_target='#out', hx_swap='innerHTML'), Div(id='out'),
                Button('click', On("me('#clicked').textContent = 'clicked'"), id='on'), P(id='clicked'),
                NotStr('<script>window.injected = 1</script><img src="data:," onerror="window.injected = 1">'))
    @app.get('/part')
    def part(): return P('loaded', id='part'), Script("document.querySelector('#part').dataset.ran = 'yes'")
    return app


@pytest.mark.parametrize('htmx', [2, 4])
def test_our_scripts_run_and_injected_ones_do_not(page, htmx):
    with served(make_app(htmx)) as server:
        page.goto(server.url)
        page.click('#load')
        page.wait_for_selector('#part[data-ran=yes]', state='attached')
        page.click('#on')
        page.wait_for_function("document.querySelector('#clicked').textContent === 'clicked'")
        assert page.evaluate("getComputedStyle(document.querySelector('#styled')).color") == 'rgb(1, 2, 3)'
        assert page.evaluate('window.injected') is None
        blocked = [problem for problem in page.problems if 'Content Security Policy' in problem]
        assert len(blocked) == 2, page.problems   # the injected script and the injected handler, nothing of ours
        page.problems.clear()
