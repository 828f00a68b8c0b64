"""The example apps, used as a visitor uses them."""
import base64
import importlib.util
from contextlib import contextmanager
from functools import partial

import pytest

import fasthtml.common
from fasthtml.common import fast_app
from support import ROOT, serve, type_messages, wait_until

VERSIONS = 2, 4
PNG = base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')


def load_example(name: str):
    "`examples/{name}.py` as a fresh module"
    spec = importlib.util.spec_from_file_location(f'example_{name}', ROOT/'examples'/f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def serving(name: str, htmx: int):
    "An example, served with one version of htmx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('FASTHTML_SECRET_KEY', 'a key for this test only')
        patch.setattr(fasthtml.common, 'fast_app', partial(fast_app, htmx=htmx))
        module = load_example(name)
    with serve(module.app) as server: yield server


@pytest.fixture(params=VERSIONS)
def todo(request, tmp_path, monkeypatch):
    monkeypatch.setenv('TODO_DB', str(tmp_path/'todo.db'))
    with serving('todo', request.param) as server:
        yield server.url


def test_a_list_is_filled_searched_ticked_and_emptied(todo, page):
    page.goto(todo)
    type_messages(page, '#text', ['Buy milk', 'Buy <b>bread</b>', 'Write'],
                  lambda text: page.wait_for_selector(f'#list li:has-text("{text}")'))
    assert page.inner_text('#list small') == '3 to do'
    with page.expect_response(lambda response: response.url.endswith('q=buy')): page.type('[name=q]', 'buy')
    page.wait_for_function("document.querySelectorAll('#list li').length == 2")
    page.wait_for_selector('[name=q]:not(.htmx-request)')   # an answer that is still to come would replace what is clicked
    page.check('[aria-label="Done: Buy milk"]')
    page.wait_for_selector('#list small:text-is("1 to do")')
    page.wait_for_selector('#list li.done:has-text("Buy milk")')
    page.click('[aria-label="Delete: Buy milk"]')
    page.wait_for_function("document.querySelectorAll('#list li').length == 1")
    page.fill('[name=q]', '')
    page.wait_for_function("document.querySelectorAll('#list li').length == 2")
    page.reload()
    assert page.locator('#list li').all_inner_texts() == ['Buy <b>bread</b>\nDelete', 'Write\nDelete']
    assert not page.problems


def test_two_windows_show_one_list_each_with_its_own_search(todo, new_page):
    mine, theirs = new_page(), new_page()
    for tab in mine, theirs: tab.goto(todo)
    theirs.type('[name=q]', 'sh')
    theirs.wait_for_selector('text=Nothing with “sh” in it.')
    theirs.wait_for_selector('html[data-live=true]', state='attached')
    for text in 'Shared', 'Milk':
        mine.fill('#text', text)
        mine.press('#text', 'Enter')
        mine.wait_for_selector(f'#list li:has-text("{text}")')
    theirs.wait_for_selector('#list li:has-text("Shared")')
    assert theirs.locator('#list li').count() == 1
    theirs.check('[aria-label="Done: Shared"]')
    mine.wait_for_selector('li.done:has-text("Shared")')
    theirs.click('text=Delete')
    mine.wait_for_selector('#list li:has-text("Shared")', state='detached')
    assert not mine.problems + theirs.problems


@pytest.fixture(params=VERSIONS)
def gallery(request, tmp_path, monkeypatch):
    monkeypatch.setenv('GALLERY_FOLDER', str(tmp_path/'pictures'))
    with serving('gallery', request.param) as server:
        yield server.url


def test_a_visitor_signs_in_uploads_and_leaves(gallery, page, tmp_path):
    page.goto(f'{gallery}/?from=mail')
    page.fill('#name', 'Ada <3')
    page.fill('#password', 'wrong')
    with page.expect_response(lambda response: response.status == 403):
        page.click('text=Sign in')
    page.wait_for_selector('text=That is not the password.')
    page.problems.clear()  # the browser logs the 403 that was asked for
    page.fill('#name', 'Ada <3')
    page.fill('#password', 'let me in')
    page.click('text=Sign in')
    page.wait_for_selector('.fh-toast:has-text("Welcome, Ada <3")')
    (tmp_path/'notes.txt').write_text('no picture')
    (tmp_path/'dot.png').write_bytes(PNG)
    page.set_input_files('[name=files]', [tmp_path/'dot.png', tmp_path/'notes.txt'])
    page.click('text=Upload')
    page.wait_for_selector('.pictures img')
    page.wait_for_selector('.fh-toast:has-text("notes.txt is not a picture")')
    page.wait_for_function("document.querySelector('.pictures img').naturalWidth == 1")
    assert page.evaluate("document.getElementById('uploadprog').value") == 100
    second = page.context.new_page()
    second.goto(gallery)
    page.set_input_files('[name=files]', [tmp_path/'dot.png'])
    page.click('text=Upload')
    second.wait_for_function("document.querySelectorAll('.pictures img').length == 2")
    page.click('text=Sign out')
    page.wait_for_selector('text=Sign in')
    second.wait_for_selector('html[data-live=lost]', state='attached')
    assert not page.problems


@pytest.fixture
def words():
    module = load_example('stream_text')
    with serve(module.app) as server:
        yield server.url, module


def ask(page, url, question):
    page.goto(url)
    page.fill('#question', question)
    page.click('text=Ask')


def test_an_answer_arrives_word_by_word(words, page):
    url, _ = words
    ask(page, url, 'Something about rain')
    page.wait_for_selector('[data-work=running]:has-text("Rain is water")')
    assert 'something to say' not in page.inner_text('article')
    page.wait_for_selector('[data-work=done]:has-text("something to say.")')
    assert not page.problems


def test_an_answer_survives_a_reload_and_is_seen_in_a_second_window(words, page, new_page):
    "One run: each visitor sees what is there, then what comes"
    url, module = words
    ask(page, url, 'Something about rain')
    page.wait_for_selector('[data-work=running]:has-text("Rain is water")')
    page.reload()
    page.wait_for_selector('[data-work=running]:has-text("Rain is water")')
    second = new_page()
    second.goto(url)
    for tab in page, second:
        tab.wait_for_selector('[data-work=done]:has-text("Rain is water that could not decide.")')
        assert tab.inner_text('[data-work]').count('Rain') == 1
        assert not tab.problems
    assert len(module.questions) == 1


def test_a_model_that_breaks_off_leaves_what_it_said(words, page, monkeypatch):
    url, module = words

    async def broken(question):
        yield 'So far'
        raise ConnectionError
    monkeypatch.setattr(module, 'words_of', broken)
    ask(page, url, 'Anything')
    page.wait_for_selector('[data-work=done]:has-text("So far The connection to the model broke.")')
    assert not page.problems


def test_stop_closes_the_generator(words, page, monkeypatch):
    url, module = words
    closed = []

    async def endless(question):
        try:
            while True:
                yield 'on and '
                await module.asyncio.sleep(0.05)
        finally:
            closed.append(question)

    monkeypatch.setattr(module, 'words_of', endless)
    ask(page, url, 'Tell me all')
    page.wait_for_selector('[data-work=running]:has-text("on and on and")')
    page.click('text=Stop')
    page.wait_for_selector('[data-work=stopped]')
    wait_until(lambda: closed == ['Tell me all'], what='the generator to be closed')
    assert not page.problems


@pytest.fixture(params=VERSIONS)
def shared_list(request):
    with serving('shared_list', request.param) as server: yield server.url


def test_two_people_see_one_list(shared_list, new_page):
    ann, bob = new_page(), new_page()
    for tab, name in (ann, 'Ann'), (bob, 'Bob'):
        tab.goto(shared_list)
        tab.fill('[name=name]', name)
        tab.click('text=Go')
        tab.wait_for_selector('html[data-live=true]', state='attached')
    bob.fill('[name=text]', 'half a th')
    ann.fill('[name=text]', 'buy milk')
    ann.click('text=Add')
    bob.wait_for_selector('li:has-text("buy milk by Ann")')
    assert bob.input_value('[name=text]') == 'half a th'
    ann.wait_for_selector('text=Ann, 1 of these are yours')
    ann.wait_for_function("document.querySelector('[name=text]').value == ''")
    assert bob.query_selector('text=Bob, 0 of these are yours')
    bob.click('text=done')
    ann.wait_for_selector('li', state='detached')
    for tab in ann, bob: assert not tab.problems


@pytest.mark.parametrize('htmx', VERSIONS)
def test_a_dashboard_is_the_same_in_every_window(htmx, new_page):
    with serving('dashboard', htmx) as server:
        ann, bob = new_page(), new_page()
        ann.goto(server.url)
        before = ann.get_attribute('polygon', 'points')
        bob.goto(server.url)
        bob.wait_for_selector('html[data-live=true]', state='attached')
        ann.fill('[name=value]', '0')
        ann.press('[name=value]', 'Enter')
        bob.wait_for_function("document.querySelector('[name=value]').value == '0.0'")
        ann.wait_for_function("before => document.querySelector('polygon').getAttribute('points') != before", arg=before)
        ann.wait_for_selector('text=windows show this page')
        for tab in ann, bob: tab.wait_for_selector('article:has-text("windows show this page") p:text-is("2")')
        assert not ann.problems + bob.problems
