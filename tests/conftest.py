"Fixtures that every test may ask for."
import gc
import os
import re
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from fasthtml.http.threads import LoopThreads
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


@pytest.fixture
def without_threads(monkeypatch):
    "Plain functions run at once, for tables of requests about something else: to wake a thread costs more than what it does there"
    def run(self, f, args, kwargs):
        future = self.loop.create_future()
        try: future.set_result(f(*args, **kwargs))
        except Exception as e: future.set_exception(e)
        return future
    async def run_sync(f, *args, **_): return f(*args)
    monkeypatch.setattr(LoopThreads, 'run', run)
    monkeypatch.setattr('anyio.to_thread.run_sync', run_sync)


class Chromium:
    "The browser, which runs on while modules that use it follow each other: its start costs as much as ten pages"
    stack, browser, module = ExitStack(), None, None

    @classmethod
    def of(cls, module):
        cls.browser, cls.module = cls.browser or cls.stack.enter_context(headless_chromium()), module
        return cls.browser

    @classmethod
    def close(cls) -> None:
        cls.browser = None
        cls.stack.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item) -> None:
    "Playwright's event loop must be gone before other modules use theirs"
    if item.module is not Chromium.module and 'browser' not in item.fixturenames: Chromium.close()


@pytest.fixture(scope='module')
def browser(request): return Chromium.of(request.module)


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
    Chromium.close()
    reporter = session.config.pluginmanager.get_plugin('terminalreporter')
    if IN_CI and reporter and reporter.stats.get('skipped'):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
