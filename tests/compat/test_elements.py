"Elements as programs written for FastHTML use them: every row of the contract about elements, names, values and layout."
import enum
import pickle
import subprocess
import sys
from dataclasses import dataclass

import pytest
from selectolax.lexbor import LexborHTMLParser

from fasthtml.html.element import (
    FT,
    Fragment,
    NotStr,
    Safe,
    attrmap,
    attrmap_x,
    fh_cfg,
    ft,
    to_html,
    unqid,
    valmap,
    voids,
)
from fasthtml.html.fragments import as_partial
from fasthtml.html.htmx import HtmxResponseHeaders
from fasthtml.html.render import dict2xml, highlight, iter_chunks, showtags, static, to_xml
from fasthtml.html.tags import (
    A,
    B,
    Body,
    Br,
    Button,
    Div,
    File,
    Form,
    Head,
    Html,
    HxPartial,
    Img,
    Input,
    Label,
    Li,
    Link,
    P,
    Pre,
    Script,
    Select,
    Span,
    Style,
    Table,
    Td,
    Textarea,
    Title,
    Tr,
    Ul,
    __getattr__,
    ft_html,
    ft_hx,
    mk_getattr,
    show,
)
from support import each_row
from trees import by_lexbor

# ---- the element

def test_parts_and_list():
    el = FT('div', ('a', P('b')), {'class': 'c'})
    assert (el.tag, el.children[0], el.attrs, el.void_) == ('div', 'a', {'class': 'c'}, False)
    assert el.list == ['div', ('a', P('b')), {'class': 'c'}] and el[0] == 'a' and list(el) == ['a', P('b')]
    assert FT('br').void_ and Br().void_ and FT('x-y', void_=True).void_ and to_html(FT('x-y', void_=True)) == '<x-y>'
    with pytest.raises(TypeError, match='must be a tuple'): FT('p', 'text')


def test_calls_add_and_set_replaces():
    el = Div('a', cls='x')
    assert el(P('b'), hx_get='/') is el and to_html(el) == '<div class="x" hx-get="/">a<p>b</p></div>'
    assert to_html(el(_at_click='go()')) == '<div class="x" hx-get="/" @click="go()">a<p>b</p></div>'
    assert to_html(Input(id='i', value='v').set(type='text')) == '<input id="i" name="i" type="text">'
    assert to_html(Div('a', id='i', cls='c').set('b')) == '<div id="i" class="c">b</div>'
    assert to_html(Div('a', id='i', cls='c').set('b', title='t')) == '<div id="i" title="t">b</div>'
    assert to_html(Ul(cls='u')([Li(i) for i in range(2)], None)) == '<ul class="u"><li>0</li><li>1</li></ul>'


def test_attributes_read_and_write_what_they_mean():
    el = Label('x', fr='a', cls='b', hx_get='/c', data_n=1)
    assert (el.fr, el.cls, el.klass, el.hx_get, el.data_n, el.missing) == ('a', 'b', 'b', '/c', 1, None)
    assert el.get('hx_get') == el.get('hx-get') == '/c' and el.get('nope', 3) == 3 and el.get('class') == 'b'
    el.cls, el.fr, el.data_n = ['p', 'q'], 'z', None
    assert to_html(el) == '<label for="z" class="p q" hx-get="/c">x</label>'
    del el.cls
    el.note_ = {'a': 1}
    assert el.note_ == {'a': 1} and el.cls is None and 'note' not in to_html(el)
    el[0] = B('y')
    el.tag, el.children = 'p', (*el.children, 'z')
    assert to_html(el) == '<p for="z" hx-get="/c"><b>y</b>z</p>'
    el.attrs = {'id': 'q'}
    assert to_html(el) == '<p id="q"><b>y</b>z</p>'


def test_names_that_tools_ask_for_are_not_attributes():
    el = Div()
    for name in '__wrapped__ __array__ _repr_png_ _ipython_display_ _repr_mimebundle_'.split():
        assert not hasattr(el, name)
    assert el._repr_html_() == '<div></div>' and el._repr_markdown_() == '```html\n<div></div>\n```' and el.__html__() == '<div></div>'


def test_equality_and_hash_follow_structure():
    assert Div('a', P('b'), cls='c') == Div('a', P('b'), klass='c') != Div('a', P('b'))
    assert hash(Div('a', cls=['c'])) == hash(Div('a', cls='c')) and len({Div('a'), Div('a'), Div('b')}) == 2
    assert Div('a') != 'a' and Div('a') != P('a') and Div(None, 'a') == Div('a') and hash(Div(style={'a': 1}))
    assert Tr(map(Td, 'ab')) == Tr(Td('a'), Td('b'))


def test_strings():
    assert f'#{Div(id="foo")}' == '#foo' and str(P('a')) == '<p>a</p>' and repr(P('a', id='x')) == '<p id="x">a</p>'
    assert P('a') + 'b' == '<p>a</p>b' and 'b' + P('a') == 'b<p>a</p>' and P('a') + P('b') == '<p>a</p><p>b</p>'


def test_listeners_hear_each_change():
    heard, el = [], Div()
    el.on(lambda e: heard.append(to_html(e)))
    el('a')
    el.cls = 'c'
    el.set('b')
    el.attrs = {}
    el.changed()
    assert heard == ['<div>a</div>', '<div class="c">a</div>', '<div class="c">b</div>', '<div>b</div>', '<div>b</div>']


def test_elements_can_be_pickled():
    for el in (Div('a', P('b', cls=['c']), id='i'), Fragment('a', B('b')), Tr(map(Td, 'ab'))):
        assert pickle.loads(pickle.dumps(el)) == el


class Card(FT):
    def __init__(self, tag, cs, attrs=None, void_=False, **kw):
        super().__init__(tag, cs, attrs, void_, **kw)
        self.__dict__['seen'] = []


def test_subclasses_keep_their_own_fields():
    c = ft('article', 'x', ft_cls=Card, cls='k')
    assert type(c) is Card and to_html(Div(c)) == '<div><article class="k">x</article></div>' and c.seen == []
    assert type(ft_hx('b', ft_cls=Card)) is type(ft_html('b', ft_cls=Card)) is Card


# ---- children

def test_children_of_every_kind():
    @dataclass
    class Todo:
        title: str
        def __ft__(self): return Li(self.title)
    kids = ['a', ['b', ('c', (x for x in 'd'))], None, 1, 2.5, True, False, b'<e>', Safe('<f>'), NotStr('<g>'), {'h': 1}.values(),
            range(2), Todo('i'), filter(None, ['j', '']), map(str, [1]), Fragment('k', 'l')]
    want = 'abcd12.5TrueFalse&lt;e&gt;<f><g>101<li>i</li>j1kl'
    assert to_html(Ul(*kids)) == f'<ul>{want}</ul>'
    assert to_html(['a', P('b')], (P(i) for i in range(2))) == 'a<p>b</p><p>0</p><p>1</p>'


def test_fastcores_mark_for_html_is_html_too():
    "MonsterUI and others have `NotStr` from `fastcore.all`, which is a class of its own"
    from fastcore.basics import NotStr as theirs
    assert to_html(Div(theirs('<hr>'), '<hr>')) == '<div><hr>&lt;hr&gt;</div>'
    assert to_html(theirs('<b>')) == to_html([theirs('<b>')]) == to_xml(theirs('<b>')) == '<b>'


def test_generators_are_read_when_the_element_is_built():
    name, gen = 'a', None
    gen = (name + str(i) for i in range(2))
    el = Div('x', gen)
    name = 'b'
    assert to_html(el) == to_html(el) == '<div>xa0a1</div>'
    rows = [['a'], ['b']]
    table = Table(Tr(map(Td, r)) for r in rows)
    rows[0].append('later')
    assert to_html(table) == '<table><tr><td>a</td></tr><tr><td>b</td></tr></table>' == to_html(table)
    assert table.children[0].children == (Td('a'),)


def test_mapping_children_are_attributes():
    assert to_html(P('x', {'cls': 'q', '@click': 'go'})) == '<p class="q" @click="go">x</p>'
    assert to_html(P({'hx-get': '/a'}, 'x', hx_get='/b')) == '<p hx-get="/a">x</p>'
    assert to_html(P(({'id': 'a'}, 'x'))) == '<p id="a">x</p>'
    assert to_html(Input({'id': 'a'})) == '<input id="a" name="a">' and len(P({'id': True}).id) == 23
    with pytest.raises(TypeError, match='Make an element'): Ul([{'a': 1}])


def test_void_elements_have_their_content_behind_them():
    for make in (lambda: Br('x'), lambda: Img()('x'), lambda: FT('hr', ('x',)), lambda: Input().set('x')):
        assert to_html(make()).endswith('>x')
    assert to_html(Br(None)) == '<br>' and 'br' in voids


class Colour(enum.StrEnum): RED = '<red>'


def test_texts_of_an_enum_are_its_values():
    assert to_html(P(Colour.RED, cls=Colour.RED, colspan=2, x=1.5)) == '<p class="&lt;red&gt;" colspan="2" x="1.5">&lt;red&gt;</p>'


class Png:
    def _repr_png_(self): return b'\x89PNG'


class Bundle:
    def _repr_mimebundle_(self, include=None, exclude=None): return {'text/html': '<b>x</b>', 'text/plain': 'x'}, {}


class Frame(list):
    def _repr_html_(self): return '<table></table>'


class Figure:
    def _repr_html_(self): return None
    def savefig(self, file, format, **kw): file.write(format.encode())


def test_things_that_draw_themselves_are_drawn():
    assert to_html(Div(Png())) == '<div><img src="data:image/png;base64,iVBORw=="></div>'
    assert to_html(Div(Bundle(), Frame([1]))) == '<div><b>x</b><table></table></div>'
    assert to_html(Figure()) == '<img src="data:image/png;base64,cG5n">'


# ---- names and values

NAMES = dict(
    cls='class', klass='class', _class='class', htmlClass='class', fr='for', _for='for', htmlFor='for', hx_get='hx-get', _async='async',
    _='_', class_='class', for_='for', type_='type', async_='async', hx_get_='hx-get', data_x_='data-x', _x_='x', viewBox_='viewBox',
    data_user_id='data-user-id', hx_on_click='hx-on:click',
    hx_on__after_request='hx-on::after-request', hx_on__after__request='hx-on::after:request',
    hx_sse_connect='hx-sse:connect', hx_sse_close='hx-sse:close', hx_ws_connect='hx-ws:connect', hx_ws_send='hx-ws:send',
    hx_status_422='hx-status:422', hx_target_inherited='hx-target:inherited', hx_vals_append='hx-vals:append',
    hx_vals_inherited_append='hx-vals:inherited:append', ws_connect='ws-connect', sse_swap='sse-swap', viewbox='viewBox',
    onClick='onclick')


@each_row('written, name', NAMES.items())
def test_names(written, name):
    assert attrmap(written) == attrmap_x(written) == name
    assert list(by_lexbor(to_html(Div(**{written: 'v'})))[0][1])[0] == name.lower()


def test_names_with_other_characters_are_used_as_they_are():
    for name in ('@click.prevent', ':class', 'x-on:click', 'hx-on::after-request', 'data-x', '[x]', '#ref'.replace('#', '*')):
        assert to_html(Div(**{name: 'v'})) == f'<div {name}="v"></div>'
    assert attrmap_x('_at_click') == '@click'


def test_values():
    assert valmap(['a', None]) == 'a' and valmap({'k': 1, 'j': 2}) == 'k:1; j:2'
    assert valmap([]) is valmap({}) is None and valmap(0) == 0
    html = to_html(P(cls=['a', 'b'], style={'color': 'red'}, title='', value=0, hidden=True, lang=None,
                     dir=[], x={'a'}))
    assert html == '<p class="a b" style="color:red" title="" value="0" hidden x="a"></p>'
    with pytest.raises(TypeError, match='Make it a list'): to_html(P(cls=(c for c in 'ab')))


def test_spellings_that_meet_in_one_element_become_one_attribute():
    assert to_html(P(cls='a', klass='b')) == '<p class="b"></p>'
    assert to_html(P({'class': 'b'}, cls='a')) == to_html(P(cls='a', **{'class': 'b'})) == '<p class="a"></p>'
    assert to_html(P(hx_get='/a', **{'hx-get': '/b'})) == '<p hx-get="/b"></p>'


def test_attributes_keep_their_order():
    assert to_html(P(hx_get='/', id='i', title='t', cls='c')) == '<p hx-get="/" id="i" title="t" class="c"></p>'


# ---- htmx

def route(): ...


class Route:
    def __str__(self): return '/todos'


def test_htmx_values():
    box = Div(id='box')
    assert to_html(P(hx_target=box, hx_get=Route())) == '<p hx-target="#box" hx-get="/todos"></p>'
    assert to_html(P(target_id='b', hx_target='#c')) == '<p hx-target="#b"></p>' == to_html(P(hx_target='#c', target_id=Div(id='b')))
    assert by_lexbor(to_html(P(hx_vals={'a': [1]}, hx_headers={'X-A': 'b'}, hx_request={'timeout': 1})))[0][1] == {
        'hx-vals': '{"a": [1]}', 'hx-headers': '{"X-A": "b"}', 'hx-request': '{"timeout": 1}'}
    assert to_html(P(hx_vals=Safe('js:{a}'))) == '<p hx-vals="js:{a}"></p>'
    assert to_html(P(hx_boost=True, hx_push_url=False, hidden=True)) == '<p hx-boost="true" hx-push-url="false" hidden></p>'
    with pytest.raises(ValueError, match='has no id'): to_html(P(hx_target=Div('x')))


IDS = {'box': '#box', 'a-1': '#a-1', '-x': '#-x', 'é': '#é', 5: '[id="5"]', '5a': '[id="5a"]', '-5': '[id="-5"]', 'row:5': '[id="row:5"]',
       'a.b': '[id="a.b"]', 'a"b': r'[id="a\"b"]', 'a\\b': r'[id="a\\b"]', 'a b': '[id="a b"]'}
REFERENCES = {'hx_target': lambda el: P(hx_target=el).attrs['hx-target'], 'hx_include': lambda el: P(hx_include=el).attrs['hx-include'],
              'target_id': lambda el: P(target_id=el.id).attrs['hx-target'], 'retarget': lambda el: HtmxResponseHeaders(retarget=el).v,
              'out of band': lambda el: as_partial(el).attrs['hx-target']}


@each_row('how', REFERENCES)
@each_row('id', IDS, ids=repr)
def test_an_element_is_found_by_its_id_whatever_it_holds(how, id):
    el = Div('x', id=id, hx_swap_oob='true')
    said = REFERENCES[how](el)
    assert said == IDS[id] and LexborHTMLParser(to_html(el, P(id='other'))).css_first(said).text() == 'x'


def test_an_element_without_an_id_is_no_target():
    with pytest.raises(ValueError, match='has no id'): HtmxResponseHeaders(retarget=Div('x'))


def test_a_stream_says_how_it_closes():
    assert to_html(Div(hx_ext='sse', sse_connect='/e', sse_swap='message')) == \
        '<div hx-ext="sse" sse-connect="/e" sse-swap="message" sse-close="close"></div>'
    assert to_html(Div(hx_sse_connect='/e')) == '<div hx-sse:connect="/e" hx-sse:close="close"></div>'
    assert to_html(Div(sse_connect='/e', sse_close='end')) == '<div sse-connect="/e" sse-close="end"></div>'
    assert to_html(Div(sse_connect='/e', sse_close=False)) == '<div sse-connect="/e"></div>'


def test_partials_and_response_headers():
    assert to_html(HxPartial(P('x'), hx_target='#a')) == '<hx-partial hx-target="#a"><p>x</p></hx-partial>'
    h = HtmxResponseHeaders(trigger={'a': 1}, retarget=Div(id='q'))
    assert [(o.k, o.v) for o in h] == [('HX-Retarget', '#q'), ('HX-Trigger', '{"a": 1}')]


# ---- ids and names

def test_ids():
    a, b = Div(id=True), Div(id=True)
    assert a.id != b.id and a.id[0] == '_' and len(a.id) == 23 and to_html(a) == to_html(a) == f'<div id="{a.id}"></div>'
    assert Div(id=a).id == a.id and Div(id=None).id is None
    el = Div()
    el.id = True
    assert len(el.id) == 23 and len(unqid()) == len(unqid(seeded=True)) == 23


def test_names_follow_ids_where_forms_need_them():
    assert to_html(Input(id='a')) == '<input id="a" name="a">' and to_html(Input(id='a', name='b')) == '<input id="a" name="b">'
    assert to_html(Select(id='a')) == '<select id="a" name="a"></select>'
    assert Textarea(id='t').name == Button(id='t').name == Form(id='t').name == 't'
    assert to_html(Input(id=None)) == '<input>' and to_html(Div(id='a')) == '<div id="a"></div>' and Input(id=True).name[0] == '_'


@pytest.fixture
def cfg():
    old = dict(fh_cfg)
    yield fh_cfg
    fh_cfg.update(old)


def test_the_configuration_changes_every_element(cfg):
    cfg.auto_id = True
    assert len(P().id) == 23 and P(id='a').id == 'a' and Tr(map(Td, 'ab')).children[0].id
    cfg.auto_id, cfg.auto_name = False, False
    assert to_html(Input(id='a')) == '<input id="a">'
    cfg.auto_name, cfg.ft_cls = True, Card
    assert type(P('x')) is Card and to_html(Div(P('x'))) == '<div><p>x</p></div>'
    cfg.ft_cls, cfg['attrmap'] = FT, str.upper
    assert to_html(P(a_b='c')) == '<p A_B="c"></p>'
    cfg.attrmap, cfg.valmap = attrmap_x, lambda v: f'<{v}>'
    assert to_html(P(x='c')) == '<p x="&lt;c&gt;"></p>'


def test_options_of_one_element():
    assert to_html(ft_html('p', attrmap=str.upper, a_b='c')) == '<p A_B="c"></p>' == to_html(ft_hx('p', a_b='c', attrmap=str.upper))
    assert to_html(P(attrmap=str.upper, valmap=str.lower, a_b='C')) == '<p A_B="c"></p>'
    assert to_html(ft('X-Y', 'a', void_=False, id='q')) == '<x-y id="q">a</x-y>'


def test_an_option_in_the_wrong_place_says_where_it_goes():
    with pytest.raises(TypeError, match='option of `ft`'): to_html(P(ft_cls=Card))
    with pytest.raises(AttributeError, match='it has indent'): _ = fh_cfg.auto_ids


def test_without_markupsafe_the_output_is_the_same():
    code = """import sys
sys.modules['markupsafe._speedups'] = None
from fasthtml.html.tags import *
from fasthtml.html.element import esc, to_html
assert esc.__module__ == 'fasthtml.html.attributes'
print(to_html(P('a<b>&', Tr(map(Td, ['"', "'&lt;"])), title='\\'">')))"""
    out = subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout.strip()
    assert out == to_html(P('a<b>&', Tr(map(Td, ['"', "'&lt;"])), title='\'">'))


# ---- any element

def test_capitalised_names_make_elements():
    assert to_html(__getattr__('My_Tag')('x')) == '<my-tag>x</my-tag>' and to_html(__getattr__('SlButton')()) == '<sl-button></sl-button>'
    assert to_html(mk_getattr(lambda tag, *c: FT(tag, c))('Abc')('x')) == '<abc>x</abc>'
    with pytest.raises(AttributeError, match='capitalised'): __getattr__('div')


def test_documents():
    doctype, html = Html(Head(Title('t')), Body('b'), lang='en')
    assert to_html(doctype, html) == '<!doctype html><html lang="en"><head><title>t</title></head><body>b</body></html>'
    assert to_html(Html(doctype=False)) == '<html></html>'


def test_files_and_display(tmp_path):
    (tmp_path / 'a.html').write_text('<b>ü</b>', encoding='utf-8')
    assert to_html(Div(File(tmp_path / 'a.html'))) == '<div><b>ü</b></div>'
    assert show(P('x'), 'y') == '<p>x</p>y'
    [(tag, attrs, _)] = by_lexbor(show(P('<'), iframe=True, height=50, style='border: 1px'))
    assert tag == 'iframe' and attrs['srcdoc'] == '<p>&lt;</p>'
    assert 'height: 50px' in attrs['style'] and attrs['style'].endswith('border: 1px')
    [(tag, attrs, _)] = by_lexbor(to_html(ft('iframe', srcdoc=P('<', id='p'))))
    assert attrs['srcdoc'] == '<p id="p">&lt;</p>'


# ---- layout for people

def test_layout():
    assert to_xml(Div('a', Span('b'), P('c', B('d')))) == '<div>\na<span>b</span>  <p>\nc<b>d</b>  </p>\n</div>\n'
    assert to_xml(P('a')) == '<p>a</p>\n' and to_xml(P()) == '<p></p>\n'
    assert to_xml(Input()) == '<input>\n' and to_xml(Span('a')) == '<span>a</span>'
    assert to_xml(P('a'), P('b')) == '<p>a</p>\n\n<p>b</p>\n' and to_xml(P('a'), lvl=1) == '  <p>a</p>\n'
    assert to_xml(Div(P('a'), P('b')), indent=False) == '<div><p>a</p><p>b</p></div>'
    assert to_xml(Div(Pre(Div('a', P('b'))))) == '<div>\n<pre><div>a<p>b</p></div></pre></div>\n'
    assert to_xml(Div(P('a', P('b')), contenteditable='true')) == '<div contenteditable="true"><p>a<p>b</p></p></div>\n'
    assert type(to_xml(P())) is Safe and to_xml(5) == '5' and to_xml('<', P('<', do='x')) == '&lt;\n<p do="x">&lt;</p>\n'
    assert to_xml(P('<b>'), do_escape=False) == '<p><b></p>\n' and to_xml(P("it's")) == "<p>it's</p>\n"
    assert to_xml(*Html(Body('x'))) == '<!doctype html>\n\n<html>\n  <body>x</body>\n</html>\n'
    with pytest.raises(TypeError, match='A dict is not content'): to_xml({})


def test_source_for_showing():
    assert highlight(P('a')) == '```html\n<p>a</p>\n\n```' and highlight('x = 1', 'python') == '```python\nx = 1\n```'
    assert showtags(P('a')) == '<code><pre>\n&lt;p&gt;a&lt;/p&gt;\n\n</pre></code>'
    assert dict2xml({'a': {'b': [1, '<']}}) == '<a><b>1</b><b>&lt;</b></a>'


def test_chunks_are_handed_out_while_the_rest_is_not_made_yet():
    made = []
    def rows():
        for i in range(50):
            made.append(i)
            yield Tr(Td(i), Td('x' * 20))
    chunks = iter_chunks(Style('a{}'), rows(), size=200)
    first = next(chunks)
    assert first.startswith('<style>') and len(made) < 10
    assert first + ''.join(chunks) == to_html(Style('a{}'), [Tr(Td(i), Td('x' * 20)) for i in range(50)])


def test_a_static_part_is_rendered_once():
    el = Ul(Li('a'))
    part = static(el, Link(rel='x'))
    el('later')
    assert to_html(Div(part)) == '<div><ul><li>a</li></ul><link rel="x"></div>'


def test_scripts_are_raw_in_every_renderer():
    code = 'if (a < b && c) {"</script>"}'
    for html in (to_html(Script(code)), to_xml(Script(code)), ''.join(iter_chunks(Script(code)))):
        assert html.strip() == '<script>if (a < b && c) {"\\u003c/script>"}</script>'
    assert to_html(A('x', href='/?a=1&b=2')) == '<a href="/?a=1&amp;b=2">x</a>'
