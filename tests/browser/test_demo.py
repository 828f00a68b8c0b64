"""The demo of `make run` in Chromium, with htmx 2 and 4: every card does what it says."""
import importlib.util

import pytest

from support import ROOT, serve


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


def test_two_visitors_see_each_other(demo, new_page):
    ada, alan = new_page(), new_page()
    ada.goto(demo)
    ada.wait_for_selector('#presence:has-text("Guest 1 here")')
    alan.goto(demo)
    ada.wait_for_selector('#presence:has-text("Guest 1, Guest 2 here")')
    alan.fill('#box-text', 'Hello <b>all</b>')
    alan.press('#box-text', 'Enter')
    ada.wait_for_selector('#messages li:has-text("Guest 2 Hello <b>all</b>")')
    alan.context.close()
    ada.wait_for_selector('#presence:text-is("Guest 1 here")')
    assert not ada.problems


def test_the_chart_moves_and_the_task_ends(demo, page):
    page.goto(demo)
    first = page.locator('svg polyline').get_attribute('points')
    page.wait_for_function('first => document.querySelector("svg polyline").getAttribute("points") != first', arg=first)
    page.click('text=Pack the parcels')
    page.wait_for_selector('#work progress')
    page.wait_for_selector('text=Done: every parcel is packed.')
    assert not page.problems
