"R1-R4: whatever tree is built, two HTML5 parsers read the same tree back, and rendering leaves it as it was."
import copy
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasthtml.html import element
from fasthtml.html import render as layout
from fasthtml.html.element import FT, Fragment, Safe, tag_factory, to_html
from fasthtml.html.render import iter_chunks, to_xml
from fasthtml.http import pages
from fasthtml.http.pages import flatten
from support import each_row
from trees import PARSERS, joined

# A parser changes CR, NUL and lone surrogates before it looks at anything (WHATWG HTML 13.2.3), so no serialiser can keep them
text = st.text(st.characters(exclude_characters='\0\r', exclude_categories=['Cs']), max_size=12)
texts = text | st.sampled_from([
    '<b>', '</div>', '&amp;', '"', "'", ' ', '\n', '\n\nx', '<!--', '</script>', ']]>', '\u2028', '&#0;'])
# written name → name in HTML
names = {'cls': 'class', 'fr': 'for', 'title': 'title', 'data_user_id': 'data-user-id', 'aria_label': 'aria-label',
         '_at_click': '@click', 'hx_on_click': 'hx-on:click', 'hx_on__load': 'hx-on::load', '_': '_',
         'hx_target_inherited': 'hx-target:inherited', 'x-on:a.b': 'x-on:a.b'}
attrs = st.dictionaries(st.sampled_from(list(names)), texts | st.just(True), max_size=4)
tags = st.sampled_from('''div section article aside ul blockquote figure details x-card label abbr cite q time data output span
    mark pre'''.split())
trees = st.recursive(texts, lambda kids: st.tuples(tags, attrs, st.lists(kids, max_size=4)), max_leaves=12)
wraps = st.sampled_from([
    lambda o: o, lambda o: [o], lambda o: (o,), lambda o: (x for x in [o]), lambda o: Fragment(o), lambda o: [None, [o, None]],
    lambda o: WithFt(o), lambda o: map(lambda x: x, [o])])


class WithFt:
    def __init__(self, o): self.o = o
    def __ft__(self): return self.o


def build(tree, wrap=lambda o: o):
    if isinstance(tree, str): return wrap(tree)
    tag, a, kids = tree
    return wrap(tag_factory(tag)(*[build(o, wrap) for o in kids], **a))


def expected(tree):
    if isinstance(tree, str): return tree
    tag, a, kids = tree
    attrs = {names[k]: v if v is not True else 'true' if k.startswith('hx') else '' for k, v in a.items()}
    return tag, attrs, joined([expected(o) for o in kids])


@given(st.lists(trees, max_size=3), wraps)
def test_parsers_read_the_same_tree_back(nodes, wrap):
    "R2"
    els = [Fragment(build(o, wrap)) for o in nodes]
    html, want = to_html(*els), joined([expected(o) for o in nodes])
    for parse in PARSERS: assert parse(html) == want
    assert to_html(*els) == html == ''.join(iter_chunks(*els, size=5)), 'rendering changed the tree (R1)'


@given(trees, st.data())
def test_all_renderers_agree_and_leave_the_tree_alone(tree, data):
    "R1: the compact, the indented and the chunked renderer, before and after names and values took their final form"
    el = build(tree)
    html = to_html(el)
    for parse in PARSERS: assert parse(to_xml(el, indent=False)) == parse(html)
    if isinstance(el, FT):
        twin = copy.deepcopy(el)
        assert el.list == [el.tag, el.children, el.attrs]   # this gives it its final form
        assert to_html(el) == html and el == twin and hash(el) == hash(twin) and to_html(twin) == html
        el.title = 'changed'
        assert el != twin and to_html(twin) == html


@given(st.sampled_from(['script', 'style', 'textarea', 'pre', 'title']), texts, texts)
def test_text_of_special_elements_stays_inside(tag, a, b):
    "R3: nothing ends a script, style sheet or text area early, in one piece or several, plain or `Safe`"
    for kids in ((a,), (a, b), (Safe(a), b) if tag in ('script', 'style') else (a, None, b)):
        html = to_html(tag_factory(tag)(*kids), tag_factory('hr')())
        plain = ''.join(o for o in kids if o)
        for parse in PARSERS:
            (t, _, content), *rest = parse(html)
            assert t == tag and rest == [('hr', {}, [])]
            if tag not in ('script', 'style') or '<' not in plain: assert ''.join(content) == plain


@pytest.mark.parametrize('n', [1000, 30_000])
def test_depth_is_bounded_by_memory(n):
    "R4"
    div = tag_factory('div')
    def nest():
        x = div('x')
        for i in range(n): x = div(x, cls='a') if i % 2 else div(x, 'b')
        return x
    a, b = nest(), nest()
    assert to_html(a) == to_html(b) == repr(b) and len(to_html(a)) > n * 11
    assert a == b and hash(a) == hash(b)
    assert ''.join(iter_chunks(a)) == to_html(a)
    assert len(to_xml(a, indent=False)) == len(to_html(a)) < len(to_xml(a)) < n * 500
    c = copy.deepcopy(a)
    assert c == a and c is not a
    del a, b, c


def test_deep_lists_and_ft_objects_do_not_recurse():
    "R4"
    kids = objs = 'x'
    for _ in range(20_000): kids, objs = [kids], WithFt(objs)
    assert to_html(tag_factory('p')(kids)) == to_html(kids) .join(['<p>', '</p>']) == '<p>x</p>'
    assert to_html(objs) == 'x'
    assert len(to_xml(tag_factory('p')(objs))) > 5


class Drawn:
    "Its `__ft__` is `draw(self)`"
    def __init__(self, draw): self.draw = draw
    def __ft__(self): return self.draw(self)


def within_itself(outer, inner):
    outer(inner)
    return outer


div, listed = tag_factory('div'), [1]
listed.append(listed)
ENDLESS = {
    'its own child': lambda: (o := div('x'), within_itself(o, o))[1],
    'two in each other': lambda: (o := div(), within_itself(o, tag_factory('p')(o)))[1],
    'an __ft__ around self': lambda: Drawn(tag_factory('li')),
    'an __ft__ that is self': lambda: Drawn(lambda o: o),
    'an __ft__ beside self': lambda: Drawn(lambda o: (div('x'), o)),
    'a list in itself': lambda: listed,
}


@each_row('render', [to_html, to_xml, lambda o: [*iter_chunks(o)], lambda o: to_html(*flatten(o))],
                         ids=['html', 'laid out', 'chunks', 'returned'])
@each_row('what', ENDLESS)
def test_what_holds_itself_is_an_error_before_memory_is_full(what, render, monkeypatch):
    for module in element, pages, layout: monkeypatch.setattr(module, '_deepest', 2000)   # which takes less time than the real one
    with pytest.raises(ValueError, match='nested without end'): render(ENDLESS[what]())


def test_attributes_are_named_by_text():
    with pytest.raises(TypeError, match='names are text; got 1'): div({1: 'x'})


def _render(el, want, seen, go):
    go.wait()
    seen.update(to_html(el) for _ in range(5))


def _look(el, want, seen, go):
    go.wait()
    seen.add(want if el.children[1].klass == 'c' and el.id == 'i' else 'misread')


def test_shared_elements_render_the_same_in_every_thread():
    "R1: threads that render while others ask for attributes see one and the same element"
    div = tag_factory('div')
    for _ in range(50):
        el = div('a', div('b', klass='c', data_x=1), {'id': 'i'}, map(div, ['x', 'y']), cls=['p', 'q'], hx_vals={'a': 1})
        want, seen, go = to_html(copy.deepcopy(el)), set(), threading.Barrier(4)
        threads = [threading.Thread(target=f, args=(el, want, seen, go)) for f in (_render, _look, _render, _look)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert seen == {want}
