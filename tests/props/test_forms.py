"fill_form for generated forms and values: what it fills is what a browser would send. Judged by parsing the HTML."
from copy import deepcopy
from dataclasses import dataclass, make_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import repeat
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turbohtml import parse_fragment

from fasthtml.html.composed import CheckboxX, Form, Hidden
from fasthtml.html.element import Fragment, Safe, to_html
from fasthtml.html.forms import errors_left, fill_dataclass, fill_form, find_inputs, mark_errors
from fasthtml.html.tags import B, Button, Div, Fieldset, Input, Label, Optgroup, Option, Select, Textarea
from support import each_row


def sent(form):
    "What a browser sends for this form: (name, value) in order, as WHATWG HTML says in *Constructing the entry list*"
    found = []
    for e in parse_fragment(to_html(form)).descendants:
        tag = getattr(e, 'tag', None)
        if tag not in ('input', 'select', 'textarea') or not e.attrs.get('name'): continue
        kind, name = e.attrs.get('type', 'text'), e.attrs['name']
        if tag == 'textarea': found.append((name, e.text))
        elif tag == 'select':
            options = e.find_all('option')
            chosen = [o for o in options if 'selected' in o.attrs]
            if 'multiple' not in e.attrs: chosen = chosen[-1:] or options[:1]
            found += [(name, o.attrs.get('value', ' '.join(o.text.split()))) for o in chosen]
        elif kind in ('checkbox', 'radio'):
            if 'checked' in e.attrs: found.append((name, e.attrs.get('value', 'on')))
        elif kind not in ('submit', 'button', 'file'): found.append((name, e.attrs.get('value', '')))
    return found


class Colour(Enum): RED = 'r'; BLUE = 'b'


text = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\r\0'), max_size=12)
choices = st.lists(text.map(lambda s: ' '.join(s.split())), min_size=1, max_size=5, unique=True)


@st.composite
def field(draw, name):
    "A field called `name`, a value for it, and what a browser should send"
    kinds = 'text hidden number textarea date datetime-local month time lone group radio select multiple many'
    kind = draw(st.sampled_from(kinds.split()))
    if kind in ('text', 'hidden', 'textarea'):
        value = draw(text)
        if kind == 'textarea': return Textarea(draw(text), name=name), value, [value]
        return Input(name=name, type=kind, value=draw(st.none() | text)), value, [value]
    if kind == 'number':
        value = draw(st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=2))
        return Input(name=name, type='number'), value, [str(value)]
    if kind in ('date', 'datetime-local', 'month', 'time'):
        value = draw(st.datetimes(min_value=datetime(1000, 1, 1)))
        clock = f'{value:%H:%M:%S}' + (f'.{value.microsecond // 1000:03}' if value.microsecond >= 1000 else '')   # what a browser can show
        want = dict(date=f'{value:%Y-%m-%d}', month=f'{value:%Y-%m}', time=clock).get(kind, f'{value:%Y-%m-%d}T{clock}')
        return Input(name=name, type=kind, value=draw(text)), value, [want]
    if kind == 'lone':
        value = draw(st.sampled_from([True, False, 1, 0, '1', '', 'on', 'off', None]))
        on = value in (True, 1, '1', 'on')
        return CheckboxX(draw(st.booleans()), name=name), value, [''] + ['1'] * on
    options = draw(choices)
    if kind == 'many':
        values = draw(st.lists(text, min_size=len(options), max_size=len(options)))
        return [Input(name=name, value=o) for o in options], values, values
    before = draw(st.lists(st.sampled_from(options)))
    if kind in ('radio', 'select'):
        value = draw(st.sampled_from(options))
        if kind == 'radio':
            return [Input(type='radio', name=name, value=o, checked=o in before[:1]) for o in options], value, [value]
    else:
        value = draw(st.lists(st.sampled_from(options), unique=True))
        if kind == 'group':
            boxes = [Div(Input(type='checkbox', name=name, value=o, checked=o in before)) for o in options]
            if len(boxes) == 1: boxes.append(Input(type='checkbox', name=name, value='another one'))
            return boxes, value, [o for o in options if o in value]
    made = [Option('shown', value=o, selected=o in before) for o in options]
    cut = draw(st.integers(0, len(made)))
    select = Select(made[:cut], Optgroup(made[cut:], label='g'), name=name, multiple=kind == 'multiple')
    return select, value, [value] if kind == 'select' else [o for o in options if o in value]


@st.composite
def forms(draw):
    names = draw(st.lists(st.sampled_from(['a', 'b_c', 'x', 'title', 'class_', 'id']), unique=True, max_size=4))
    fields = [(n, *draw(field(n))) for n in names]
    form = Form(*[Label(n, f) for n, f, *_ in fields], Button('Go', name='go', value='1'))
    return form, {n: v for n, _, v, _ in fields}, [(n, w) for n, _, _, want in fields for w in want]


@given(forms())
@settings(max_examples=200, deadline=None)
def test_a_browser_sends_the_values_that_were_filled_in(case):
    form, values, want = case
    before = to_html(form)
    filled = fill_form(form, values)
    assert sent(filled) == want
    assert to_html(form) == before                                        # R1: the form given is as it was
    assert sent(fill_form(form, SimpleNamespace(**values))) == want       # attributes do as well as keys
    assert to_html(fill_form(filled, values)) == to_html(filled)


@given(forms(), st.lists(st.sampled_from(['a', 'b_c', 'x', 'title', 'unknown', 'title[1]']), unique=True), text)
@settings(max_examples=100, deadline=None)
def test_marks_change_no_value_and_tell_each_error_once(case, wrong, message):
    form, values, want = case
    message = message.replace(';', '')
    filled, errors = fill_form(form, values), {n: message + '!' for n in wrong}
    marked = mark_errors(filled, errors)
    assert sent(marked) == want
    tree = parse_fragment(to_html(marked))
    told = [m for e in tree.find_all('small') for m in e.text.split('; ')]
    assert len(told) + len(errors_left(filled, errors)) == len(errors) and set(told) <= {message + '!'}
    ids = [e.attrs['id'] for e in tree.find_all('small')]
    assert len(set(ids)) == len(ids)
    marked_fields = [e for e in tree.descendants if 'aria-invalid' in getattr(e, 'attrs', {})]
    assert {i for e in marked_fields for i in e.attrs['aria-describedby'].split()} == set(ids)


@dataclass
class Point: x: int = 1; y: int = 2


class Pair(NamedTuple): x: int = 1; y: int = 2


class Row:
    "As a row of a database: keys and items, but no Mapping"
    def keys(self): return ['x', 'y']
    def __getitem__(self, k): return {'x': 1, 'y': 2}[k]


Slots = make_dataclass('Slots', ['x', 'y'], slots=True)


@each_row('obj', [dict(x=1, y=2), Point(), Pair(), SimpleNamespace(x=1, y=2), Row(), Slots(1, 2)],
                         ids=lambda o: type(o).__name__)
def test_values_come_from_any_kind_of_object(obj):
    form = Form(Input(name='x'), Input(name='y'), Input(name='keys', value='k'))
    assert sent(fill_form(form, obj)) == [('x', '1'), ('y', '2'), ('keys', 'k')]


def test_models_of_pydantic_and_msgspec():
    msgspec, pydantic = pytest.importorskip('msgspec'), pytest.importorskip('pydantic')
    form = Form(Input(name='x'), Input(name='inner.y'), Input(name='model_dump', value='k'))
    inner = pydantic.create_model('Inner', y=(int, 2))
    model = pydantic.create_model('Model', x=(int, 1), inner=(inner, inner()))()
    struct = msgspec.defstruct('Struct', [('x', int), ('inner', Point)])(1, Point())
    assert sent(fill_form(form, model)) == [('x', '1'), ('inner.y', '2'), ('model_dump', 'k')]
    assert sent(fill_form(form, struct)) == [('x', '1'), ('inner.y', '2'), ('model_dump', 'k')]


@each_row('value, want', [
    (1, '1'), ('1', '1'), (True, '1'), (Decimal('1.0'), '1'), (2.0, '2'), ('three', 'three'), (Colour.BLUE, 'b'), (None, ''),
    (date(2026, 1, 2), '2026-01-02'), (time(1, 2), '01:02:00'), ('none such', '0')])
def test_an_option_is_chosen_when_it_means_the_value(value, want):
    "D26: one mark only, options in groups, options without a value attribute, '1' and 1"
    select = Select(Option('0', selected=True), Optgroup(Option('one', value='1'), Option('two', value=2)),
                    Option(B('th'), 'ree'), Option('blue', value='b'), Option('-', value=''), Option('2026-01-02'),
                    Option('01:02:00'), name='n')
    filled = fill_form(Form(select), {'n': value})
    assert sent(filled) == [('n', want)]
    assert to_html(filled).count(' selected') == (0 if value == 'none such' else 1)


@each_row('make', [list, set, iter, lambda o: (x for x in o), lambda o: map(str, o), lambda o: dict.fromkeys(o).keys()])
def test_all_fields_of_a_name_see_its_values_also_those_of_an_iterator(make):
    boxes = [Input(type='checkbox', name='t', value=o) for o in 'abc']
    form = Form(*boxes, Select(*map(Option, 'abc'), name='t', multiple=True))
    assert sent(fill_form(form, {'t': make(['a', 'c'])})) == [('t', 'a'), ('t', 'c')]*2


@pytest.mark.parametrize('field', [
    Input(name='t'), Input(type='checkbox', name='t', value='b'), Textarea(name='t'), Select(Option('b'), name='t')])
def test_an_iterator_without_end_is_refused(field):
    with pytest.raises(ValueError, match='may have no end'): fill_form(Form(field), {'t': repeat('a')})


def test_nested_names_go_down_into_the_value():
    form = Form(Input(name='a.b'), Input(name='a[c][0]'), Input(name='l[]'), Input(name='a.none', value='k'),
                Input(name='l[7]', value='k'), Input(name='__class__', value='k'), Input(name='a.__class__', value='k'))
    got = sent(fill_form(form, {'a': {'b': 1, 'c': [2]}, 'l': [3], 'x': None}))
    assert got == [('a.b', '1'), ('a[c][0]', '2'), ('l[]', '3'), ('a.none', 'k'), ('l[7]', 'k'), ('__class__', 'k'),
                   ('a.__class__', 'k')]


def test_secrets_files_buttons_and_skipped_fields_are_left_alone():
    form = Form(Input(name='p', type='password'), Input(name='f', type='file'), Input(name='s', type='submit', value='go'),
                Fieldset(Input(name='x', value='old'), skip=True), Button('b', name='b', value='1'))
    assert to_html(fill_form(form, dict(p='secret', f='f', s='no', x='new', b='2'))) == to_html(form)


def test_fields_inside_other_objects_are_found():
    class Rows:
        def __ft__(self): return Div(Input(name='inner'))
    form = (Fragment(Rows(), Hidden(name='h')), 'text', None, Safe('<i>raw</i>'), [Input(name='list')])
    filled = fill_form(form, dict(inner=1, h=2, list=3))
    assert sent(filled) == [('inner', '1'), ('h', '2'), ('list', '3')]
    assert '<i>raw</i>' in to_html(filled) and isinstance(filled, tuple)


def test_depth_is_no_matter():
    "R4"
    form = Input(name='deep')
    for _ in range(5000): form = Div(form)
    assert find_inputs(fill_form(form, {'deep': 1}), value='1')[0].name == 'deep'


def test_what_is_filled_in_stays_text():
    "R3: a value cannot leave its attribute or its textarea"
    evil = '"><script>alert(1)</script></textarea><img src=x onerror=alert(1)>'
    form = Form(Input(name='a'), Textarea(name='b'), Select(Option(evil), name='c'))
    tree = parse_fragment(to_html(mark_errors(fill_form(form, dict(a=evil, b=evil, c=evil)), {'a': evil, evil: evil})))
    assert not tree.find_all('script') and not tree.find_all('img')
    assert sent(fill_form(form, dict(a=evil, b=evil, c=evil))) == [('a', evil), ('b', evil), ('c', evil)]


def test_errors_of_numbered_fields_stand_beside_the_right_one():
    form = Form([Input(name='tag') for _ in range(3)])
    tree = parse_fragment(to_html(mark_errors(form, {'tag[1]': 'no'})))
    assert ['aria-invalid' in e.attrs for e in tree.find_all('input')] == [False, True, False]


def test_errors_may_be_a_list_of_objects():
    error = SimpleNamespace(field='a')
    assert 'namespace(' in to_html(mark_errors(Form(Input(name='a')), [error]))
    assert errors_left(Form(), None) == {} and to_html(mark_errors(Form(), [])) == to_html(Form())


def test_find_inputs_compares_attributes_as_they_are_written():
    form = Form(Input(name='a', cls='x', hx_get='/y'), Div(Select(name='b', cls='x')), Input(name='c'))
    assert [e.name for e in find_inputs(form, cls='x', hx_get='/y')] == ['a']
    assert [e.name for e in find_inputs([form], ['input', 'select'], cls='x')] == ['a', 'b']
    assert [e.name for e in find_inputs(form)] == ['a', 'c']


def test_fill_dataclass_copies_fields_and_returns_the_target():
    target = Point(7, 8)
    assert fill_dataclass(Point(3, 4), target) is target and target == Point(3, 4)
    with pytest.raises(TypeError, match='dataclass'): fill_dataclass({'x': 1}, target)
    assert deepcopy(target) == Point(3, 4)
