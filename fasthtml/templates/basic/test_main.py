from fasthtml.testing import Client
from main import app

client = Client(app)


def test_the_page_is_there():
    page = client.get('/')
    assert page.status_code == 200
    assert '{title}' in page.text


def test_a_greeting_names_the_visitor_and_is_safe():
    fragment = client.hx.post('/greet', data={'name': '<Ada>'})
    assert fragment.text == '<p id="greeting">Hello &lt;Ada&gt;!</p>'


def test_a_greeting_needs_a_name():
    assert client.hx.post('/greet').status_code == 400
