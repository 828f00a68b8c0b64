"What a server hears when a visitor types and then does something else: the page client beside Chromium, with htmx 2 and 4."
import pytest

from fasthtml.common import Button, Div, FastHTML, Form, Input, Titled
from fasthtml.testing import Client
from support import serve, wait_until

# What the visitor does after typing → in the page client, in Chromium
THEN = {
    'clicks a button': (lambda page: page.click('#go'), lambda page: page.click('#go')),
    'clicks a heading': (lambda page: page.click('h1'), lambda page: page.click('h1')),
    'clicks into the same field': (lambda page: page.click('#a'), lambda page: page.click('#a')),
    'fills another field': (lambda page: page.fill('#b', '1'), lambda page: page.fill('#b', '1')),
    'types into another field': (lambda page: page.type('#b', '1'), lambda page: (page.click('#b'), page.keyboard.type('1'))),
    'presses Tab': (lambda page: page.press('#a', 'Tab'), lambda page: page.keyboard.press('Tab')),
    'presses Enter': (lambda page: page.press('#a', 'Enter'), lambda page: page.keyboard.press('Enter')),
    'presses Enter twice': (lambda page: [page.press('#a', 'Enter') for _ in range(2)],
                            lambda page: [page.keyboard.press('Enter') for _ in range(2)]),
    'presses Enter and leaves': (lambda page: (page.press('#a', 'Enter'), page.click('h1')),
                                 lambda page: (page.keyboard.press('Enter'), page.click('h1'))),
    'presses a key and leaves': (lambda page: (page.press('#a', 'z'), page.click('h1')),
                                 lambda page: (page.keyboard.press('z'), page.click('h1'))),
    'types on': (lambda page: page.type('#a', 'z'), lambda page: page.keyboard.type('z')),
}


def make(htmx):
    app, heard = FastHTML(secret_key='k', htmx=htmx), []

    @app.get('/{end}')
    def home(end: str):
        field = Input(name='a', id='a', hx_post='/heard/change', hx_swap='none')
        ends = {'two': Input(name='b', id='b'), 'one': None, 'button': (Input(name='b', id='b'), Button('Send'))}
        return Titled('Typing', Form(field, ends[end], hx_post='/heard/submit', hx_swap='none', id='form'),
                      Button('Go', id='go', hx_post='/heard/click', hx_swap='none', hx_include='#a'),
                      Div(hx_post='/heard/blur', hx_trigger='blur from:#a', hx_swap='none', hx_include='#a'))

    @app.post('/heard/{what}')
    def hear(what: str, a: str = ''): heard.append((what, a))
    return app, heard


@pytest.mark.parametrize('htmx', [2, 4])
def test_the_page_client_notices_a_change_when_chromium_does(page, htmx):
    "In a form with two fields, which Enter does not submit; with Enter also where there is one field, or a button"
    app, heard = make(htmx)
    cases = [(then, 'two') for then in THEN] + [(then, end) for then in THEN if 'Enter' in then for end in ('one', 'button')]
    with serve(app) as served:
        for then, end in cases:
            here, there = THEN[then]
            visitor = Client(app).open(f'/{end}')
            visitor.type('#a', 'xy')
            here(visitor)
            expected = sorted(heard)
            heard.clear()
            page.goto(f'{served.url}/{end}')
            page.click('#a')
            page.keyboard.type('xy')
            there(page)
            wait_until(lambda wanted=len(expected): len(heard) >= wanted or page.wait_for_timeout(5), what=f'{then} ({end}): {expected}')
            page.evaluate("fetch('/heard/end', {method: 'POST'})")   # what was sent before has arrived then
            assert sorted(heard) == sorted([*expected, ('end', '')]), (then, end)
            heard.clear()
    assert not page.problems
