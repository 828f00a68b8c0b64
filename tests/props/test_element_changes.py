"An element that is changed in any order of ways is what a list of children and a dict of attributes would be."
import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fasthtml.html.element import csp_nonce, fence, tag_factory, to_html
from fasthtml.html.render import iter_chunks
from fasthtml.http.pages import using_nonce
from fasthtml.realtime.wire import html_of
from trees import by_lexbor, joined

B, Div = tag_factory('b'), tag_factory('div')
names = {'cls': 'class', 'klass': 'class', 'title': 'title', 'data_x': 'data-x', 'id': 'id', 'hx_on_click': 'hx-on:click', 'fr': 'for'}
texts = st.text('ab<"&', max_size=3)
kids = st.lists(texts | st.none() | texts.map(lambda t: B(t)) | st.integers(0, 9), max_size=3)
attrs = st.dictionaries(st.sampled_from(list(names)), texts | st.none(), max_size=3)


class Changes(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.el, self.kids, self.attrs = Div(), [], {}
        self.copies = []   # (copy, its HTML when it was made)

    def write(self, a: dict) -> dict:
        "What keywords come to: later spellings win, None leaves out"
        res = {}
        for k, v in a.items():
            if v is not None: res[names[k]] = v
        return res

    @rule(kids=kids, a=attrs)
    def make_anew(self, kids, a): self.el, self.kids, self.attrs = Div(*kids, **a), kids, self.write(a)

    @rule(texts=st.lists(texts, max_size=3))
    def make_of_a_map(self, texts): self.el, self.kids, self.attrs = Div(map(B, texts)), [B(t) for t in texts], {}

    @rule(kids=kids, a=attrs)
    def call(self, kids, a):
        assert self.el(*kids, **a) is self.el
        self.kids, self.attrs = self.kids + kids, {**self.attrs, **self.write(a)}

    @rule(kids=kids, a=attrs)
    def set(self, kids, a):
        self.el.set(*kids, **a)
        self.kids = kids
        if a: self.attrs = {**{k: v for k, v in self.attrs.items() if k in ('id', 'name')}, **self.write(a)}

    @rule(k=st.sampled_from(list(names)), v=texts | st.none())
    def set_attribute(self, k, v):
        setattr(self.el, k, v)
        self.attrs = {**{n: o for n, o in self.attrs.items() if n != names[k] or v is not None}, **self.write({k: v})}

    @rule(k=st.sampled_from(list(names)), v=texts)
    def set_in_attrs(self, k, v):
        self.el.attrs[names[k]] = v
        self.attrs = {**self.attrs, names[k]: v}

    @rule(k=st.sampled_from(list(names)))
    def delete(self, k):
        delattr(self.el, k)
        self.attrs = {n: v for n, v in self.attrs.items() if n != names[k]}

    @rule(kids=kids)
    def set_children(self, kids): self.el.children, self.kids = kids, kids

    @rule(text=texts, n=st.integers(0, 2))
    def set_inside(self, text, n):
        inner = [o for o in self.kids if hasattr(o, 'tag') and any(o is c for c in self.el.children)]
        if inner and not self.copies: inner[n % len(inner)].set(text)   # a copy has the same children

    @rule(how=st.sampled_from([copy.copy, copy.deepcopy, lambda el: pickle.loads(pickle.dumps(el))]))
    def copy(self, how):
        twin = how(self.el)
        assert twin == self.el and twin is not self.el and hash(twin) == hash(self.el)
        self.copies.append((twin, to_html(twin)))

    @rule()
    def look(self):
        assert self.el.attrs == self.attrs and self.el.children == tuple(o for o in self.kids if o is not None)
        assert all(self.el.get(k) == getattr(self.el, k) == self.attrs.get(n) for k, n in names.items())

    @invariant()
    def it_renders_as_the_model(self):
        html = to_html(self.el)
        want = joined([('b', {}, joined(list(o.children))) if hasattr(o, 'tag') else '' if o is None else str(o) for o in self.kids])
        assert by_lexbor(html) == [('div', self.attrs, want)]
        assert ''.join(iter_chunks(self.el, size=3)) == html == to_html(self.el)
        assert html_of(self.el) == html_of(self.el) == html_of(self.el) == html   # also when it was remembered before the last change

    @invariant()
    def copies_stay_as_they_were(self):
        assert all(to_html(twin) == html for twin, html in self.copies)


Changes.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_changes = Changes.TestCase


def test_what_is_remembered_of_a_sent_element_has_no_nonce_of_a_page():
    el = Div(*(tag_factory(name)() for name in ('script', 'style', 'link')), id='x')
    csp_nonce.value = 'of-one-page'
    try: assert all(html_of(el).count('nonce="of-one-page"') == 3 for _ in range(4))
    finally: csp_nonce.value = ''
    assert all('nonce' not in html_of(el) for _ in range(4))


def test_threads_that_render_at_once_have_each_its_own_nonce():
    both = threading.Barrier(2, timeout=30)
    class Meet:
        def __ft__(self):
            both.wait()     # each is in the middle of its page
            return ''
    def page(nonce):
        with using_nonce(nonce): return to_html(Meet(), tag_factory('script')('x'), Meet())
    with ThreadPoolExecutor(2) as pool: assert list(pool.map(page, 'ab')) == [f'{fence}<script nonce="{n}">x</script>' for n in 'ab']
    assert to_html(tag_factory('script')()) == '<script></script>'
