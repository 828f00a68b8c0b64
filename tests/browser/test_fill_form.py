# ruff: noqa: E501 - tables
"""What `fill_form` writes, a browser shows, and sends back as the same value: filled, shown by Chromium, submitted, read by a handler.

One form holds every kind of field, and is filled once for each column of the table.
"""
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum

import pytest

from fasthtml.app.app import FastHTML
from fasthtml.html.composed import CheckboxX, Form
from fasthtml.html.forms import fill_form
from fasthtml.html.tags import Button, Input, Optgroup, Option, Select, Textarea
from support import serve


@pytest.fixture
def page(same_page): return same_page


class Size(Enum): small, large = 's', 'l'


CET = timezone(timedelta(hours=2))
AT = datetime(2026, 1, 2, 3, 4, 5, 678)
MS = datetime(2026, 1, 2, 3, 4, 5, 678_900)


@dataclass
class Row:
    first_name: str = ''
    note: str = ''
    n: int | None = None
    price: Decimal | None = None
    x: float | None = None
    at: datetime | None = None
    day: date | None = None
    clock: time | None = None
    month: str = ''
    week: str = ''
    size: Size | None = None
    tags: list[str] = ()
    ids: list[int] = ()
    done: bool = True
    radio: int | None = None
    due: date | None = None
    mails: str = ''


VALUES = [   # what fills the form, and what comes back where that is something else
    (dict(first_name='Ann "&" <b>', note='\n two\nlines\n', n=-7, price=Decimal('1E+3'), x=1e-7, at=AT, day=date(2026, 1, 2), clock=time(9, 5),
          month=AT, week=AT, size=Size.large, tags=['a', 'c'], ids=[1, 3], done=False, radio=2, due=date(2026, 1, 2), mails='a@b.c'),
     dict(at=AT.replace(microsecond=0), month='2026-01', week='2026-W01')),
    (dict(first_name='é', n=0, price=Decimal('-0.10'), x=0.1 + 0.2, at=MS, clock=time(23, 59, 59, 999_999), day=MS, month=date(2026, 12, 31),
          week=date(2026, 12, 31), size='s', tags=[], ids=(2,), done=True, radio=1, due='2026-01-02'),
     dict(at=MS.replace(microsecond=678_000), clock=time(23, 59, 59, 999_000), day=date(2026, 1, 2), month='2026-12', week='2026-W53', size=Size.small,
          ids=[2], due=date(2026, 1, 2))),
    (dict(at=AT.replace(tzinfo=CET), clock=time(9, 5, 0, 5, CET), price=Decimal('0.000001'), x=1e21, n=10 ** 20, done=1),
     dict(at=AT.replace(microsecond=0), clock=time(9, 5), x=1e21, done=True)),
    (dict(at='2026-01-02 03:04:05.000678', clock='09:05:00.000001', day='2026-01-02T03:04:05Z', month='2026-01-02', week='2026-01-02', price='1.50',
          n='7', x='1.5', done='0', radio='2', ids=['3'], due=date(2026, 1, 2)),    # text, as SQLite returns it
     dict(at=AT.replace(microsecond=0), clock=time(9, 5), day=date(2026, 1, 2), month='2026-01', week='2026-W01', price=Decimal('1.50'), n=7, x=1.5,
          done=False, radio=2, ids=[3])),
    (dict(at=None, clock=None, day=None, n=None, price=None, x=float('nan'), done=None, radio=None, size=None, due=None), dict(x=None, done=False)),
]
NOTHING = dict(first_name='', note='', n=None, price=None, x=None, at=None, day=None, clock=None, month='', week='', size=None, tags=[], ids=[], done=True,
               radio=None, due=None, mails='')
OLD = dict(value='old')
BLANK = Option('none', value='', selected=True)
FORM = Form(
    Input(name='first-name', **OLD), Textarea('old', name='note'), Input(name='n', type='number', step='any'),
    Input(name='price', type='number', step='any'), Input(name='x', type='number', step='any'), Input(name='at', type='datetime-local', step='any'),
    Input(name='day', type='date'), Input(name='clock', type='time', step='any'), Input(name='month', type='month'), Input(name='week', type='week'),
    Select(BLANK, Option('S', value='s'), Optgroup(Option('L', value='l'), label='big'), name='size'),
    Select(*map(Option, 'abc'), name='tags', multiple=True), [Input(type='checkbox', name='ids', value=i) for i in (1, 2, 3)],
    CheckboxX(True, name='done'), [Input(type='radio', name='radio', value=i) for i in (1, 2)],
    Select(BLANK, Option('2 January', value='2026-01-02'), name='due'), Input(name='mails', type='email'), Button('Save', id='save'),
    action='/save', method='post')


def site(values, seen) -> FastHTML:
    app = FastHTML(secret_key='k')
    @app.get('/')
    def index(): return fill_form(FORM, values)
    @app.post('/save')
    def save(row: Row):
        seen.append(row)
        return 'saved'
    return app


@pytest.mark.parametrize(('values', 'other'), VALUES, ids=['full', 'fractions', 'zones', 'texts', 'nothing'])
def test_what_is_filled_in_comes_back(values, other, page):
    seen = []
    with serve(site(values, seen)) as served:
        page.goto(served.url)
        shown = page.evaluate("Object.fromEntries([...document.querySelectorAll('input')].map(e => [e.name, e.value]))")
        page.click('#save')
        page.wait_for_url('**/save')
    assert seen, page.inner_text('body')
    row = seen[0]
    for name, value in {**NOTHING, **values, **other}.items():
        if name == 'first_name' and name not in values: value = 'old'
        if name == 'note' and name not in values: value = 'old'
        got = getattr(row, name)
        if isinstance(value, str) and name == 'note': got = got.replace('\r\n', '\n')
        if isinstance(value, list): got = list(got)
        assert got == value, (name, got, shown.get(name))
