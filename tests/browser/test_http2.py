"""Ten event streams of one page over one HTTP/2 connection, in Chromium.

Browsers speak HTTP/2 only over TLS, so the servers have a certificate that is good for this test. The control is uvicorn with HTTP/1.1,
where a browser opens six connections and the page is stuck. What curl and httpx2 say of the same servers: `tests/realtime/test_http2.py`.
"""
from collections import Counter
from contextlib import contextmanager

import pytest

from http2_kit import HTTP2, UVICORN, launch, make_certificate
from support import DEADLINE, wait_until


@pytest.fixture(scope='module')
def certificate(tmp_path_factory): return make_certificate(tmp_path_factory.mktemp('tls'))


@contextmanager
def tab(browser):
    "A page that takes the certificate as it is"
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.problems = []
    page.on('console', lambda line: line.type == 'error' and page.problems.append(line.text))
    page.on('pageerror', lambda error: page.problems.append(str(error)))
    page.set_default_timeout(DEADLINE*1000)
    yield page
    context.close()


SHOWN = 'text => [...document.querySelectorAll(".stream")].filter(e => e.textContent == text).length'


@pytest.mark.parametrize('htmx', [2, 4])
@pytest.mark.parametrize('server', HTTP2)
def test_ten_streams_of_a_page_share_one_connection(browser, certificate, tmp_path, server, htmx):
    with launch(HTTP2[server], certificate, tmp_path, htmx) as site, tab(browser) as page:
        page.goto(site.url)
        wait_until(lambda: site.listening == 10, what='ten streams')
        site.get('/publish/hello')
        page.wait_for_function(f'({SHOWN})("hello") == 10')
        page.click('#ask')
        page.wait_for_selector('#answer:text-is("an answer")')
        page.wait_for_selector('#echo:text-is("ready")')
        page.click('#say')
        page.wait_for_selector('#echo:text-is("hi")')
        connections = Counter(site.seen('/events') + site.seen('/answer'))
        assert [version for _, version in connections] == ['2'] and sum(connections.values()) == 11, connections
        assert page.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol') == 'h2'
        assert not page.problems


def test_with_http_1_a_browser_opens_six_and_everything_else_waits(browser, certificate, tmp_path):
    "The control: also an ordinary click gets no answer"
    with launch(UVICORN, certificate, tmp_path) as site, tab(browser) as page:
        page.goto(site.url)
        wait_until(lambda: site.listening == 6, what='six streams')
        site.get('/publish/hello')
        page.wait_for_function(f'({SHOWN})("hello") == 6')
        fate = page.evaluate('fetch("/seen", {signal: AbortSignal.timeout(1000)}).then(() => "answered", e => e.name)')
        assert fate == 'TimeoutError' and site.listening == 6
        assert len(set(site.seen())) == 6 and {version for _, version in site.seen()} == {'1.1'}
