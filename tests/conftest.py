"Fixtures that every test may ask for."
import gc
import os
import re

import pytest
from hypothesis import HealthCheck, settings

from support import DEADLINE, IN_CI, headless_chromium, npm_file

# A generated case may take as long as it takes: how long says more about the machine than about the code
settings.register_profile('any machine', settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('any machine')


os.environ.setdefault('FASTHTML_TEST_TIMEOUT', str(DEADLINE))   # seconds that a test client waits; only used up by a failure
gc.set_threshold(20_000, 20, 20)   # before thousands of tests are collected, which are there to the end


def pytest_collection_finish(session) -> None:
    "The garbage collector need not look at all of them each time"
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    "Coroutine tests run on asyncio, as uvicorn does"
    return 'asyncio'


@pytest.fixture(scope='module')
def browser():
    "One for each module, because Playwright's event loop must be gone before other tests use theirs"
    with headless_chromium() as chromium: yield chromium


ELSEWHERE = re.compile(r'https?://(?!(127\.0\.0\.1|localhost)[:/])')


def open_page(browser, **context):
    """A new tab. What the page asks of the CDN comes from `node_modules`, all else from this machine.

    `page.problems` collects script errors, console errors, warnings of htmx and refused addresses.
    A test ends with `assert not page.problems`.
    """
    tab = browser.new_context(**context)
    page = tab.new_page()
    page.problems = []

    def failed(request):
        if ELSEWHERE.match(request.url) and not npm_file(request.url): page.problems.append(f'refused {request.url}')

    tab.on('requestfailed', failed)
    page.on('pageerror', lambda error: page.problems.append(f'script error: {error}'))
    told = lambda line: line.type == 'error' or line.text.startswith('htmx: ')
    page.on('console', lambda line: told(line) and page.problems.append(f'console: {line.text}'))
    page.set_default_timeout(60_000)  # only used up by a failure
    return page


@pytest.fixture
def page(browser):
    "A tab with a clean profile, closed after the test"
    page = open_page(browser)
    yield page
    page.context.close()


@pytest.fixture(scope='module')
def tab(browser):
    "A tab that stays open for all tests of a module"
    page = open_page(browser)
    yield page
    page.context.close()


@pytest.fixture
def same_page(tab):
    "The tab of the module, emptied. For tests that change nothing but their document: a new tab costs as much as a page"
    tab.problems.clear()
    tab.context.clear_cookies()
    yield tab
    tab.unroute_all()
    tab.goto('about:blank')


@pytest.fixture
def new_page(browser):
    "Call it for each tab that a test needs; each has a clean profile"
    pages = []

    def make(**context):
        pages.append(open_page(browser, **context))
        return pages[-1]
    yield make
    for page in pages:
        page.context.close()


def pytest_sessionfinish(session):
    "In CI a skipped test is a failed run"
    reporter = session.config.pluginmanager.get_plugin('terminalreporter')
    if IN_CI and reporter and reporter.stats.get('skipped'):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
