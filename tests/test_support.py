"The test kit itself, tried on plain Starlette apps: a kit that cannot fail would prove nothing."
import http.client
import inspect
import signal

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

from support import Event, SseClient, each_row, npm_file, parse_events, raw_exchange, serve, serve_process, wait_until

STREAMING = '''
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

async def events(request):
    async def source():
        yield "data: one\\n\\n"
        yield "id: 2\\nevent: tick\\ndata: two\\n\\n"
    return StreamingResponse(source(), media_type="text/event-stream")

app = Starlette(routes=[Route("/", events)])
'''


def test_wait_until_fails_after_its_deadline():
    with pytest.raises(AssertionError, match='something that never comes'):
        wait_until(lambda: False, 0.02, 'something that never comes')


def test_events_follow_the_rules_of_the_standard():
    assert parse_events('data: a\ndata: b\n\n: comment\n\nid: 7\nevent: x\r\ndata:c\r\n\r\nretry: 5\n\ndata: torn') == [
        Event('a\nb'), Event('c', 'x', '7')]


def test_a_process_is_served_read_and_stopped_by_a_signal(tmp_path):
    with serve_process(STREAMING, tmp_path) as process:
        with SseClient(process.url) as client:
            assert client.read_to_end() == [Event('one'), Event('two', 'tick', '2')]
            assert client.ended
        process.signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM  # uvicorn raises the signal again once it has shut down
        assert 'Finished server process' in process.output


def test_a_body_that_is_cut_off_is_not_taken_for_an_end():
    async def torn(request):
        async def source():
            yield 'data: one\n\n'
            raise RuntimeError('broken on purpose')
        return StreamingResponse(source(), media_type='text/event-stream')

    with serve(Starlette(routes=[Route('/', torn)]), log_level='critical') as server, SseClient(server.url) as client:
        events = client.events()
        assert next(events) == Event('one')
        with pytest.raises(http.client.IncompleteRead):
            list(events)
        assert not client.ended


def test_raw_bytes_reach_the_server_as_they_are():
    async def path(request): return HTMLResponse(request.scope['raw_path'])
    with serve(Starlette(routes=[Route('/{path:path}', path)])) as server:
        answer = raw_exchange(server.port, b'GET /a/../b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    assert answer.endswith(b'/a/../b')


def test_a_page_gets_pinned_scripts_from_node_modules_and_nothing_from_the_network(page):
    htmx = 'https://cdn.jsdelivr.net/npm/htmx.org@{}/dist/htmx.min.js'
    assert npm_file(htmx.format('2.0.11')) and npm_file(htmx.format('4.0.1')) and not npm_file(htmx.format('1.0.0'))
    versions = {}

    async def home(request):
        url = htmx.format(request.path_params['version'])
        return HTMLResponse(f'<script src="{url}"></script><script src="https://example.org/x.js"></script>'
                            '<link rel=icon href="data:,"><script>setTimeout(() => { throw Error("seen") })</script>')

    with serve(Starlette(routes=[Route('/{version}', home)])) as server:
        for version in '2.0.11', '4.0.1':
            page.goto(f'{server.url}/{version}')
            versions[version] = page.evaluate('htmx.version')
            page.wait_for_function('true')
    assert versions == {'2.0.11': '2.0.11', '4.0.1': '4.0.1'}
    assert 'refused https://example.org/x.js' in page.problems
    wait_until(lambda: page.title() == '' and any('seen' in problem for problem in page.problems))


def test_a_page_asks_the_server_while_python_waits_for_something_else(page):
    asked = []

    async def home(request):
        asked.append(request.url.path)
        return HTMLResponse('<p>home')

    with serve(Starlette(routes=[Route('/{path:path}', home)])) as server:
        page.goto(server.url)
        page.evaluate('setTimeout(() => { location = "/late" })')
        wait_until(lambda: '/late' in asked)   # nothing here runs Playwright's loop
        page.wait_for_url('**/late')


def test_a_table_tells_of_each_row_that_fails_and_asks_for_the_other_fixtures():
    tried = []
    @each_row('a', [1, 2])
    @each_row('b, c', [(0, 5), (1, 6)], ids=['zero', 'one'])
    def table(a, b, c, page):
        tried.append((a, b, c, page))
        if b: pytest.fail('b')
        assert a == 1
    assert [*inspect.signature(table).parameters] == ['page']
    with pytest.raises(AssertionError, match=r'(?s)^3 of 4 rows failed.*\n1-one: Failed: b\n2-zero: AssertionError: .*\n2-one: Failed: b'):
        table(page='x')
    assert tried == [(1, 0, 5, 'x'), (1, 1, 6, 'x'), (2, 0, 5, 'x'), (2, 1, 6, 'x')]


def test_a_table_without_rows_is_an_error():
    with pytest.raises(AssertionError, match='empty'): each_row('a', [])(lambda a: None)()
