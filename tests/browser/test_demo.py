"""The demo of `make run` in Chromium, with htmx 2 and 4: every card does what it says."""
import importlib.util

import pytest

from fasthtml.realtime import presence
from support import ROOT, serve, type_messages


def load_demo(htmx: int):
    "`examples/live.py` as a fresh module"
    spec = importlib.util.spec_from_file_location(f'live{htmx}', ROOT/'examples'/'live.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=[2, 4], ids=['htmx2', 'htmx4'])
def demo(request, monkeypatch):
    monkeypatch.setenv('HTMX', str(request.param))
    with serve(load_demo(request.param).app) as server:
        yield server.url


def test_notifications_arrive_and_a_question_is_answered_between_them(demo, page):
    page.goto(demo)
    page.wait_for_selector('#notes li:has-text("notification 1 of 10")')
    page.fill('#box-question', 'Now?')
    page.press('#box-question', 'Enter')
    page.wait_for_selector('#notes li:has-text("You asked: Now?")')
    assert page.locator('#notes li:has-text("notification 10 of 10")').count() == 0
    page.wait_for_selector('#notes li:has-text("notification 3 of 10")')
    assert page.input_value('#box-question') == ''
    assert not page.problems


def test_two_visitors_see_each_other(demo, new_page, monkeypatch):
    monkeypatch.setattr(presence, 'grace_seconds', 0.5)
    ada, alan = new_page(), new_page()
    ada.goto(demo)
    ada.wait_for_selector('#presence:text-is("Guest 1 here")')
    alan.goto(demo)
    for tab in ada, alan: tab.wait_for_selector('#presence:text-is("Guest 1, Guest 2 here")')
    ada.fill('#box-text', 'half a sen')
    type_messages(alan, '#box-text', ['Hello <b>all</b>', 'and again'],
                  lambda text: ada.wait_for_selector(f'#messages li:has-text("Guest 2 {text}")'))
    assert ada.input_value('#box-text') == 'half a sen'
    alan.context.close()
    ada.wait_for_selector('#presence:text-is("Guest 1 here")')
    ada.reload()
    ada.wait_for_selector('#messages li:has-text("Guest 2 and again")')
    assert not ada.problems


def test_the_chart_moves_and_the_task_is_the_same_in_every_window(demo, new_page):
    page, second = new_page(), new_page()
    page.goto(demo)
    first = page.locator('svg polyline').get_attribute('points')
    page.wait_for_function('first => document.querySelector("svg polyline").getAttribute("points") != first', arg=first)
    second.goto(demo)
    page.click('text=Pack the parcels')
    second.wait_for_selector('#work [data-work=running] progress')
    page.reload()
    for tab in page, second: tab.wait_for_selector('#work [data-work=done] >> text=Done: every parcel is packed.')
    page.click('text=Pack the parcels')
    second.wait_for_selector('#work [data-work=running] progress')
    assert not page.problems + second.problems
