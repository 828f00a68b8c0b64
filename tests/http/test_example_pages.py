"The examples as a visitor sees them, in the page client; `tests/browser/test_examples.py` does the same in Chromium."
import base64
import importlib.util

import pytest

from fasthtml.testing import Client
from support import ROOT

PNG = base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')


def load_example(name: str):
    spec = importlib.util.spec_from_file_location(f'page_example_{name}', ROOT/'examples'/f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def todo(tmp_path, monkeypatch):
    monkeypatch.setenv('TODO_DB', str(tmp_path/'todo.db'))
    monkeypatch.setenv('FASTHTML_SECRET_KEY', 'a key for this test only')
    return load_example('todo')


def test_a_list_is_filled_searched_ticked_and_emptied(todo):
    page = Client(todo.app).open('/')
    def shown(): return [o.text for o in page.region(page_region()).all('li')]
    def page_region(): return page.one('[data-live-key]')['data-live-key']
    for text in 'Buy milk', 'Buy <b>bread</b>', 'Write':
        page.fill('#text', text)
        page.press('#text', 'Enter')
        assert page.one('#text').value == '' and page.focused == page.one('#text')
    assert len(shown()) == 3 and page.one('#list small').text == '3 to do'
    page.fill('[name=q]', 'buy')
    assert len(shown()) == 2
    page.check('[aria-label="Done: Buy milk"]')
    assert len(shown()) == 2 and page.one('#list small').text == '1 to do'
    page.click('[aria-label="Delete: Buy milk"]')
    page.fill('[name=q]', '')
    page.reload()
    assert [o.one('span').text for o in page.all('#list li')] == ['Buy <b>bread</b>', 'Write']
    assert page.is_true() and page.warnings == []


def test_what_somebody_else_deletes_is_gone_in_every_window(todo):
    mine = Client(todo.app).open('/')
    mine.fill('#text', 'Shared')
    mine.press('#text', 'Enter')
    theirs = Client(todo.app).open('/')
    theirs.click('text=Delete')
    assert [page.region(todo.matching, q='').text for page in (mine, theirs)] == ['Nothing to do.All done'] * 2


def test_a_visitor_signs_in_uploads_and_leaves(tmp_path, monkeypatch):
    monkeypatch.setenv('GALLERY_FOLDER', str(tmp_path/'pictures'))
    monkeypatch.setenv('FASTHTML_SECRET_KEY', 'a key for this test only')
    gallery = load_example('gallery')
    client = Client(gallery.app)
    page = client.open('/', scripts='ignore')
    page.fill('form', {'name': 'Ada <3', 'password': 'wrong'})
    page.submit('form')
    assert page.status == 403 and page.one('.error').text == 'That is not the password.'
    page.fill('form', {'name': 'Ada <3', 'password': 'let me in'})
    page.submit('form')
    assert 'Welcome, Ada <3' in page.text
    page.fill('[type=file]', [('a.png', PNG, 'image/png'), ('b.txt', b'no picture', 'text/plain')])
    page.click('text=Upload')
    assert len(page.region(gallery.pictures).all('figure')) == 1
    assert [o.text for o in page.all('.fh-toast')][-2:] == ['b.txt is not a picture of a kind we know.', '1 saved']
    page.click('text=Sign out')
    assert page.path.startswith('/login')


@pytest.mark.parametrize('wanted, there', [('/', '/'), ('/?from=mail', '/'), ('/logout?by=link', '/logout'), ('//evil.example/a', '/'),
                                           ('https://evil.example/', '/'), ('?a=1', '/'), ('', '/')])
def test_a_login_leads_to_a_path_of_the_site_without_a_query(wanted, there, tmp_path, monkeypatch):
    "Its parameters would come from the author of a link to the login"
    monkeypatch.setenv('GALLERY_FOLDER', str(tmp_path/'pictures'))
    monkeypatch.setenv('FASTHTML_SECRET_KEY', 'a key for this test only')
    client = Client(load_example('gallery').app)
    answer = client.post('/login', data={'name': 'Ada', 'password': 'let me in', 'next': wanted}, follow_redirects=False)
    assert answer.headers['location'] == there
