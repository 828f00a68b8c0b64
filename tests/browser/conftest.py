"Tests of pages in a browser."
import pytest

from support import headless_chromium


@pytest.fixture(scope='package')
def browser():
    "One for all modules: none of them runs an event loop in the thread of Playwright's"
    with headless_chromium() as chromium: yield chromium
