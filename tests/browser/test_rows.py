"Rows, cells and items arrive whatever stands beside them, in Chromium with both versions of htmx."

import pytest

from fasthtml.common import *
from support import serve as served


def row(text, id='row', **kw):
    return Tr(Td(text), id=id, **kw)


def count(text, **kw):
    return Div(text, id='count', **kw)


ANSWERS = {  # what a handler returns for the target #count (outerHTML) -> what the page shows then
    'row out of band': (lambda: (count('1'), row('new', hx_swap_oob=True)), 'new|other|1'),
    'row before': (lambda: (row('new', hx_swap_oob=True), count('1')), 'new|other|1'),
    'text between': (lambda: (count('1'), ' ', row('new', hx_swap_oob='outerHTML')), 'new|other|1'),
    'in a list': (lambda: [count('1'), [row('new', hx_swap_oob='true')]], 'new|other|1'),
    'in a fragment': (lambda: Fragment(count('1'), row('new', hx_swap_oob=True)), 'new|other|1'),
    'cell': (lambda: (count('1'), Td('cell', id='cell', hx_swap_oob=True)), 'old|cell|1'),
    'body appended': (lambda: (count('1'), Tbody(row('more', id='more'), hx_swap_oob='beforeend:#rows')), 'oldmore|other|1'),
    'selector': (lambda: (count('1'), Tbody(row('first', id='first'), hx_swap_oob='afterbegin:#rows')), 'firstold|other|1'),
    'caption': (lambda: (count('1'), ft_hx('caption', 'C', id='cap', hx_swap_oob=True)), 'Cold|other|1'),
    'two rows': (lambda: (count('1'), row('new', hx_swap_oob=True), Tr(Td('OTHER'), id='o', hx_swap_oob=True)), 'new|OTHER|1'),
    'odd id': (lambda: (count('1'), Tr(Td('odd'), id='a.b"c', hx_swap_oob=True)), 'old|other|1'),
    'partial by hand': (lambda: (count('1'), HxPartial(row('new'), hx_target='#row', hx_swap='outerHTML')), 'new|other|1'),
    'safe text': (lambda: (count('1'), NotStr('<!-- x -->')), 'old|other|1'),
    'items': (
        lambda: (count('1'), Li('item', id='li', hx_swap_oob=True), Option('chosen', id='option', hx_swap_oob=True)),
        'old|other|1',
    ),
    'only a row': (lambda: (row('new', hx_swap_oob=True), count('1', hx_swap_oob=True)), 'new|other|1'),
}
ROWS = {  # the same for the target #row (outerHTML)
    'table out of band': (lambda: (row('new'), Table(Tr(Td('OTHER')), id='other', hx_swap_oob=True)), 'new|OTHER|0'),
    'element out of band': (lambda: (row('new'), count('1', hx_swap_oob=True)), 'new|other|1'),
    'form out of band': (
        lambda: (count('1', hx_swap_oob=True), row('new'), Form(Input(), id='form', hx_swap_oob=True)),
        'new|other|1',
    ),
    'row alone': (lambda: row('new'), 'new|other|0'),
    'several rows': (lambda: (row('new'), row('more', id='more')), 'newmore|other|0'),
}


def make_app(htmx):
    app = FastHTML(secret_key='k', htmx=htmx)

    @app.get('/')
    def index():
        return (
            Table(ft_hx('caption', id='cap'), Tbody(row('old'), id='rows'), id='table'),
            Table(Tbody(Tr(Td('other', id='cell'), id='o')), id='other'),
            count('0'),
            Form(id='form'),
            Ul(Li(id='li')),
            Select(Option(id='option')),
            Table(Tr(id='a.b"c')),
            [
                Button(
                    kind,
                    id=f'b{i}',
                    hx_get=f'/answer/{i}',
                    hx_target=f'#{target}',
                    hx_swap='none' if kind == 'only a row' else 'outerHTML',
                )
                for i, (target, kind) in enumerate(KINDS)
            ],
        )

    @app.get('/answer/{i}')
    def answer(i: int):
        return {**ANSWERS, **ROWS}[KINDS[i][1]][0]()

    return app


KINDS = [('count', o) for o in ANSWERS] + [('row', o) for o in ROWS]


@pytest.mark.parametrize('htmx', [2, 4])
def test_answers(page, htmx):
    with served(make_app(htmx)) as server:
        for i, (_, kind) in enumerate(KINDS):
            page.goto(server.url)
            page.click(f'#b{i}')
            want = {**ANSWERS, **ROWS}[kind][1]
            shown = "['table', 'other', 'count'].map(id => document.getElementById(id)?.textContent).join('|')"
            try:
                page.wait_for_function(f'{shown} === {want!r}', timeout=30_000)
            except Exception:
                pytest.fail(f'{kind}: {page.evaluate(shown)!r}, not {want!r}')
            if kind == 'items':
                assert page.evaluate("[li.textContent, option.textContent].join()") == 'item,chosen'
            if kind == 'odd id':
                assert page.evaluate("document.getElementById('a.b\"c').textContent") == 'odd'
            if kind == 'form out of band':
                assert page.evaluate("form.children.length") == 1
            assert page.evaluate("document.querySelectorAll('hx-partial, template').length") == 0
        assert not page.problems
