"The page client shows what Chromium shows with the real htmx 2.0.11 and 4.0.1: the same document, address and requests."
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from fasthtml.testing import Client
from page_cases import GROUPS
from page_cases import group as case_group
from page_kit import Case, TableApp, in_chromium, in_the_page_client
from support import serve, wait_until


def in_order(requests: list, at_once: int) -> list:
    "Requests as they came, the last ones of them sorted"
    before = len(requests) - at_once
    return requests[:before] + sorted(requests[before:], key=json.dumps) if at_once else requests


def differences(page, version: int, cases: dict[str, Case]) -> list[str]:
    "Where the two are not the same, as texts"
    there, here, out = TableApp(cases), TableApp(cases), []
    def in_python() -> dict[str, dict]:
        with closing(Client(here.app)) as client:
            return {key: in_the_page_client(client, key, case, version) for key, case in cases.items()}
    with ThreadPoolExecutor(1) as pool:   # beside the browser, which works in processes of its own
        running = pool.submit(in_python)
        with serve(there.app, lifespan='off', timeout_graceful_shutdown=1) as server:
            seen, found = in_chromium(page, server.url, cases, version), running.result()
            files = [(key, version) for key, case in cases.items() if ' download' in case.body and (key, version) in here.seen]
            wait_until(lambda: there.seen.keys() >= {*files}, what='downloads, which a page does not wait for')
    for key, case in cases.items():
        ours, theirs = found[key], seen[key]
        requests = [in_order(app.seen.get((key, version), []), case.at_once) for app in (here, there)]
        seen_here = [(o, ours[o], theirs[o]) for o in ('errors', 'body', 'title', 'path')]
        for what, a, b in [*seen_here, ('requests', *(json.loads(json.dumps(o)) for o in requests))]:
            if a != b:
                out.append(f'{key} (htmx {version}), {what}\n  page     {case.body}\n'
                           f'  answers  {case.answers or case.frames or case.events}\n  actions  {case.actions}\n'
                           f'  client   {a}\n  chromium {b}\n  warnings {ours["warnings"]}')
                break
    return out


@pytest.fixture(scope='module')
def page(browser):
    "A tab without the routes of other tests, which would pass each request through Playwright and keep nothing in the cache"
    page = browser.new_page()
    page.set_default_timeout(60_000)
    yield page
    page.close()


@pytest.mark.parametrize('version', [2, 4])
@pytest.mark.parametrize('group', GROUPS.values(), ids=GROUPS)
def test_the_page_client_does_what_chromium_does(group: Callable[[int], dict[str, Case]], version: int, page):
    cases = case_group(group, version)
    wrong = differences(page, version, cases)
    assert not wrong, f'{len(wrong)} of {len(cases)} cases differ:\n' + '\n\n'.join(wrong[:12])
