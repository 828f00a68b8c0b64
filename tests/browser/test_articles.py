"""The two articles' examples in Chromium, with htmx 2 and 4. Their code is `tests/articles.py`, letter for letter."""
import pytest

from articles import sse_page, websocket_app
from support import serve

VERSIONS = pytest.mark.parametrize('htmx', [2, 4])


@VERSIONS
def test_pushes_start_when_the_page_opens_and_need_no_form(htmx, page):
    frames = []
    page.on('websocket', lambda socket: (socket.on('framereceived', lambda text: frames.append('in')),
                                         socket.on('framesent', lambda text: frames.append('out'))))
    with serve(websocket_app(htmx)) as server:
        page.goto(server.url)
        page.wait_for_function("document.getElementById('notifications').textContent == 'Server push 2'")
        assert frames[:3] == ['in', 'in', 'in']
        assert page.evaluate('htmx.version').startswith(str(htmx))
        assert not page.problems


@VERSIONS
def test_the_stream_of_a_handler_that_never_returns_reaches_the_page(htmx, page):
    with serve(sse_page(htmx)) as server:
        page.goto(server.url)
        page.wait_for_function("document.getElementById('events').textContent.endsWith('update 1')")
        assert page.inner_text('#events') == 'Welcome to the event streamupdate 0update 1'
        assert not page.problems
