"""L3: what is the visitor's own, field by field: typed, sent, answered or refused, while another changes, removes or moves it.

One page has a line for each case of the table, in Chromium with htmx 2 and 4.
"""
import asyncio
from itertools import product
from urllib.request import Request, urlopen

import pytest

from fasthtml.common import Button, Div, FastHTML, Form, Input, Li, Option, Response, Select, Span, Textarea, Titled, Ul
from support import serve, wait_until


@pytest.fixture
def page(same_page): return same_page

STATES = 'typed', 'sent then saved', 'sent then refused', 'saved', 'refused'
CHANGES = 'changed', 'removed', 'moved'
SAVE = dict(hx_swap='none')

# What is in a line; what the visitor enters is 'mine', and what another does 'theirs'
KINDS = {
    'text': lambda value, put: Input(name='v', value=value, hx_put=put, **SAVE),
    'textarea': lambda value, put: Textarea(value, name='v', hx_put=put, **SAVE),
    'box': lambda value, put: Input(type='checkbox', name='v', checked=value != 'old', hx_put=put, **SAVE),
    'radio': lambda value, put: [Input(type='radio', name=f'v{put}', value=o, checked=o == value, hx_put=put, **SAVE) for o in OPTIONS],
    'select': lambda value, put: Select(*[Option(o, value=o, selected=o == value) for o in OPTIONS], name='v', hx_put=put, **SAVE),
    'form': lambda value, put: Form(Input(name='v', value=value), Input(name='w'), hx_put=put, **SAVE),
    'button of a form': lambda value, put: Form(Input(name='v', value=value), Button('Save', type='button', hx_put=put, **SAVE)),
    'button of a line': lambda value, put: [Input(name='v', value=value), Button('Save', hx_put=put, hx_include='closest li', **SAVE)],
    'element': lambda value, put: Div(value, contenteditable='true', hx_put=put, hx_trigger='change', **SAVE),
}
OPTIONS = 'old', 'mine', 'theirs'
MARKS = dict(box=None, radio='checked', select='selected')   # a box has no third state, so theirs is what the visitor has done
CASES = [f'{kind}/{state}/{change}' for kind, state, change in product(KINDS, STATES, CHANGES)]

ENTER = """([cases, value, asks]) => {
    for (const name of cases) {
        const line = document.getElementById(name), kind = name.split('/')[0]
        const field = line.querySelector(kind === 'radio' ? `[value=${value}]` : 'input,textarea,select,div')
        if (kind === 'box') field.checked = value !== 'old'
        else if (kind === 'radio') field.checked = true
        else if (kind === 'element') field.textContent = value
        else field.value = value
        field.dispatchEvent(new Event('input', {bubbles: true}))
        if (!asks) document.dispatchEvent(new Event('change'))
        else if (kind === 'form') field.form.requestSubmit()
        else if (line.querySelector('button')) line.querySelector('button').click()
        else field.dispatchEvent(new Event('change', {bubbles: true}))
    }
}"""
SHOWN = """() => Object.fromEntries([...document.querySelectorAll('li')].map(line => {
    const kind = line.id.split('/')[0], field = line.querySelector('input,textarea,select,div')
    const value = kind === 'box' ? (field.checked ? 'mine' : 'old') : kind === 'radio' ? line.querySelector(':checked').value :
        kind === 'element' ? field.textContent : field.value
    const mark = [line, ...line.querySelectorAll('*')].map(el => el.getAttribute('data-live-conflict')).find(Boolean)
    return [line.id, [value, mark || null]]
}))"""


class Lines:
    "What the lines hold, and their requests"
    def __init__(self, htmx):
        self.app = app = FastHTML(secret_key='k', htmx=htmx)
        self.values, self.removed, self.backwards, self.turn, self.asked = dict.fromkeys(CASES, 'old'), set(), False, 0, []
        self.open = asyncio.Event()

        @app.live
        def lines():
            items = [Li(KINDS[case.split('/')[0]](self.values[case], f'/save/{CASES.index(case)}'), id=case) for case in self.order()]
            return Div(Span(self.turn, id='turn'), Ul(*items))

        @app.get('/')
        def home(): return Titled('Lines', lines())

        @app.put('/save/{number}')
        async def save(number: int):
            state = CASES[number].split('/')[1]
            self.asked.append(state)
            if state.startswith('sent'): await self.open.wait()
            return Response(status_code=422 if state.endswith('refused') else 204)

        @app.post('/answer')
        async def answer(): self.open.set()
        self.region = lines

    def order(self):
        here = [case for case in CASES if case not in self.removed]
        stay, move = ([case for case in here if case.endswith('moved') == moves] for moves in (False, True))
        return stay + move[::-1] if self.backwards else here

    def change(self):
        self.turn += 1
        self.region.changed_sync()


def expected(case, answered, removed=True):
    "What a line shows, and how it is marked; None when it is gone"
    kind, state, change = case.split('/')
    state = state.split()[-1] if answered else state.split()[0]
    if state == 'saved' and change == 'removed': return None
    if state == 'saved' and change == 'changed': return ['mine' if kind == 'box' else 'theirs', None]
    if state == 'saved': return ['old' if 'form' in kind else 'mine', None]    # an own form is reset
    mark = {'changed': MARKS.get(kind, 'value'), 'removed': 'removed', 'moved': None}[change]
    return ['mine', None if state == 'sent' else mark]


def solved(case):
    "The same, when the conflict has gone away"
    kind, state, change = case.split('/')
    if state == 'typed' and change == 'changed': return ['mine' if kind == 'box' else 'theirs', None]   # the visitor agrees
    if state == 'typed': return ['mine', None]                                                         # another has put it back
    if state == 'refused' and change == 'removed': return None   # the visitor takes it back
    return expected(case, True)


def shows(page, wanted):
    same = 'Object.keys({...shown, ...wanted}).every(o => String(shown[o]) === String(wanted[o]))'
    try: page.wait_for_function(f'wanted => {{ const shown = ({SHOWN})(); return {same} }}', arg=wanted, timeout=30_000)
    except Exception:
        found = page.evaluate(SHOWN)
        pytest.fail('\n'.join(f'{o}: {found.get(o)}, not {wanted.get(o)}' for o in CASES if found.get(o) != wanted.get(o)))


@pytest.mark.parametrize('htmx', [2, 4])
def test_a_conflict_is_what_the_visitor_has_entered_and_not_saved(page, htmx):
    site = Lines(htmx)
    of = lambda *states: [case for case in CASES if case.split('/')[1] in states]
    with serve(site.app) as served:
        def look(wanted):
            shows(page, {case: line for case in CASES if (line := wanted(case))})
            ids = page.evaluate("[...document.querySelectorAll('li')].map(line => line.id)")
            assert [o for o in ids if o not in site.removed] == site.order()

        page.goto(served.url)
        page.wait_for_selector('html[data-live=true]', state='attached')
        for states in (['saved', 'refused'], ['sent then saved', 'sent then refused'], ['typed']):
            page.evaluate(ENTER, [of(*states), 'mine', states != ['typed']])
            if 'saved' in states: page.wait_for_function("document.querySelectorAll('.htmx-request').length === 0")
        site.values |= {case: 'theirs' for case in CASES if case.endswith('changed')}
        site.removed, site.backwards = {case for case in CASES if case.endswith('removed')}, True
        site.change()
        look(lambda case: expected(case, answered=False))
        urlopen(Request(served.url + '/answer', method='POST'))
        look(lambda case: expected(case, answered=True))
        page.evaluate(ENTER, [[case for case in of('typed') if case.endswith('changed')], 'theirs', False])
        page.evaluate(ENTER, [[case for case in of('refused') if solved(case) is None], 'old', False])
        site.removed.difference_update(of('typed'))
        site.change()
        look(solved)
        assert len(site.asked) == len(CASES) - len(of('typed'))
    assert [p for p in page.problems if '422' not in p] == []


@pytest.mark.parametrize('htmx, wanted', [(2, ['theirs', None]), (4, ['third', 'value'])])
def test_what_is_typed_while_a_request_waits_for_another_is_sent_or_not_as_htmx_does(page, htmx, wanted):
    "htmx 2 takes the values when the request begins, htmx 4 when it was asked for"
    site, case = Lines(htmx), 'text/sent then saved/changed'
    with serve(site.app) as served:
        page.goto(served.url)
        page.wait_for_selector('html[data-live=true]', state='attached')
        for value, asks in dict(first=True, second=True, third=False).items(): page.evaluate(ENTER, [[case], value, asks])
        urlopen(Request(served.url + '/answer', method='POST'))
        wait_until(lambda: len(site.asked) == 2 or page.wait_for_timeout(5), what='both requests')
        page.wait_for_function("document.querySelectorAll('.htmx-request').length === 0")
        site.values[case] = 'theirs'
        site.change()
        page.wait_for_function("document.querySelector('[id=\"text/sent then saved/changed\"] input').defaultValue === 'theirs'")
        assert page.evaluate(SHOWN)[case] == wanted


@pytest.mark.parametrize('htmx, wanted', [(2, ''), (4, 'mine')])
def test_a_form_is_reset_only_by_a_request_that_has_sent_it(page, htmx, wanted):
    "htmx 4 sends no form with a button that deletes"
    app, seen = FastHTML(secret_key='k', htmx=htmx), []

    @app.live
    def line(): return Form(Input(name='v'), Button('Delete', hx_delete='/one', type='button', **SAVE))

    @app.get('/')
    def home(): return Titled('Line', line())

    @app.delete('/one')
    def delete(v: str = ''): seen.append(v)
    with serve(app) as served:
        page.goto(served.url)
        page.wait_for_selector('html[data-live=true]', state='attached')
        page.fill('input', 'mine')
        page.click('button')
        wait_until(lambda: seen or page.wait_for_timeout(5), what='the request')
        page.wait_for_function("document.querySelectorAll('.htmx-request').length === 0")
        assert (seen, page.input_value('input')) == (['mine' if htmx == 2 else ''], wanted)
