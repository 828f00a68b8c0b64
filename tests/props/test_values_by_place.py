"What a value becomes depends on where it stands: tables of attributes and of places, judged by two HTML5 parsers."

import functools
import itertools
import json
import logging
import re
from contextvars import copy_context
from enum import Enum

import pytest
import turbohtml
from markupsafe import Markup
from selectolax.lexbor import LexborHTMLParser
from starlette.responses import HTMLResponse

from fasthtml.app.app import FastHTML
from fasthtml.app.work import said_html
from fasthtml.html.composed import Favicon, Style, loose_format, replace_css_vars
from fasthtml.html.element import FT, Fragment, Safe, ft, tag_factory, to_html
from fasthtml.html.htmx import HtmxResponseHeaders
from fasthtml.html.js import to_js
from fasthtml.html.render import iter_chunks, static, to_xml
from fasthtml.html.tags import A, Button, Div, Form, Input, P, Script, Section, Td, Tr
from fasthtml.http.pages import using_nonce
from fasthtml.realtime.regions import Shown, draw_html
from fasthtml.realtime.wire import event_data, frame_text, wire_texts
from fasthtml.testing import Client
from support import each_row

RENDERERS = [
    to_html,
    str,
    lambda el: to_xml(el, indent=False),
    to_xml,
    lambda el: f'{el}',
    lambda el: el + '',
    lambda el: ''.join(iter_chunks(el)),
    lambda el: to_html(Div(el)),
]


def attributes(html: str) -> dict:
    "The attributes of the element `x-y` in `html`, as a parser reads them"
    return LexborHTMLParser(f'<body>{html}').css_first('x-y').attributes


# ---- True and False

ENUMERATED = {
    **dict.fromkeys(
        '''aria_atomic aria_busy aria_checked aria_disabled aria_expanded aria_hidden aria_invalid aria_modal aria_multiline
        aria_multiselectable aria_pressed aria_readonly aria_required aria_selected aria_haspopup aria_current contenteditable draggable
        spellcheck writingsuggestions hx_boost hx_push_url hx_replace_url hx_history hx_validate data_hx_boost
        hx_boost_inherited'''.split(),
        ('true', 'false'),
    ),
    'translate': ('yes', 'no'),
    'autocapitalize': ('on', 'off'),
    'autocomplete': ('on', 'off'),
    'autocorrect': ('on', 'off'),
    'hx_preserve': ('true', None),
    'hx_swap_oob': ('true', None),
    'hx_disable': ('true', None),
}
BOOLEAN = '''allowfullscreen async autofocus autoplay checked controls
    default defer disabled formnovalidate hidden inert ismap itemscope loop
    multiple muted nomodule novalidate open playsinline readonly required reversed selected download crossorigin popover'''.split()


def html_name(name: str) -> str:
    return name.replace('_inherited', ':inherited').replace('_', '-')


@each_row('name', ENUMERATED)
def test_enumerated_attributes_get_their_words(name):
    for value, word in zip((True, False), ENUMERATED[name]):
        for el in ft('x-y', **{name: value}), tag_factory('x-y')(**{html_name(name): value}), changed(name, value):
            for _ in range(2):  # the first rendering learns the name
                assert attributes(to_html(el)).get(html_name(name)) == word


def changed(name, value):
    el = ft('x-y')
    setattr(el, name, value)
    return el


@each_row('name', BOOLEAN)
def test_boolean_attributes_stay_boolean(name):
    for _ in range(2):
        assert attributes(to_html(ft('x-y', **{name: True}))) in ({name: None}, {name: ''})
        assert attributes(to_html(ft('x-y', **{name: False}))) == {}


def test_numpy_bools_count():
    class Bool:
        def __init__(self, v):
            self.v = v

        def __bool__(self):
            return self.v

    Bool.__module__, Bool.__name__ = 'numpy', 'bool_'
    assert to_html(Input(checked=Bool(False)), Input(checked=Bool(True))) == '<input><input checked>'


# ---- Texts that print as something else


class Size(str, Enum):  # noqa: UP042
    big = 'lg'


class Word(str):
    def __str__(self): return 'wrong'
    def __format__(self, spec): return 'wrong'


new_names = map('data_seen_first_{}'.format, itertools.count())   # not used before, so the first page is written in another way

TEXTS = {   # place → what has a text there
    'attribute': lambda v: Div(title=v), 'class': lambda v: Div(cls=v), 'dict': lambda v: Div({'data-n': v}),
    'first': lambda v: Div(title=v, **{next(new_names): True}), 'beside a script': lambda v: A(href='javascript:f()', title=v),
    'item': lambda v: Div(rel=[v, 'b']), 'class in a list': lambda v: Div(cls=[v, 'b']), 'classes by name': lambda v: Div(cls={v: True}),
    'set': lambda v: Div(cls={v}), 'value': lambda v: Div(data_n={'a': v}), 'key': lambda v: Div(data_n={v: 1}),
    'style': lambda v: Div(style=v), 'declaration': lambda v: Div(style={'a': v}), 'its name': lambda v: Div(style={v: 'a'}),
    'declarations': lambda v: Div(style=[v]), 'address': lambda v: A(href=v), 'hx_get': lambda v: A(hx_get=v), 'get': lambda v: A(get=v),
    'link': lambda v: A(link=v), 'target': lambda v: A(hx_target=v), 'target_id': lambda v: A(target_id=v), 'id': lambda v: Div(id=v),
    'JSON': lambda v: A(hx_vals={v: v}), 'changed': lambda v: changed('title', v), 'nonce': lambda v: Script('f()', nonce=v),
    'child': lambda v: Div(v), 'code': lambda v: Script(v), 'sheet': lambda v: Style(v), 'icon': lambda v: Favicon(v, v),
    'header': lambda v: HtmxResponseHeaders(trigger=v).v, 'address in a header': lambda v: HtmxResponseHeaders(redirect=v).v,
    'hole': lambda v: loose_format('{a}', a=v), 'variable': lambda v: replace_css_vars('var(--tpl-a)', a=v)}


@each_row('name', TEXTS)
@each_row('value', [Size.big, Word('lg')], ids=['Enum', 'own class'])
def test_a_text_of_another_class_is_that_text(name, value):
    "On each page: the first one is written in another way than later ones"
    def written(el): return re.sub('seen-first-[0-9]+', 'seen-first', to_html(el))
    want = written(TEXTS[name]('lg'))
    for el in TEXTS[name](value), TEXTS[name](value): assert [written(el), written(el)] == [want, want]


# ---- Collections


@each_row(
    'value, want',
    [
        (['a', False, None, '', 'b'], 'a b'),
        (('a', None), 'a'),
        ([], None),
        ([None], None),
        ({'b', 'a'}, 'a b'),
        ({'active': True}, 'active'),
        ({'active': False}, None),
        ({'a b': 1, 'c': 0}, 'a b'),
        (['x', {'y': True, 'z': None}, ['w', (None, 'v')]], 'x y w v'),
        ('a b', 'a b'),
    ],
)
@each_row('name', ['cls', 'class', 'klass', '_class'])
def test_classes(name, value, want):
    assert attributes(to_html(tag_factory('x-y')(**{name: value}))).get('class') == want
    assert attributes(str(ft('x-y')(**{name: value}))).get('class') == want


@pytest.mark.parametrize(
    'value, want',
    [
        ({'color': 'red', 'margin': 0, 'width': None, 'top': False, 'left': ''}, 'color:red; margin:0'),
        ({'color': None}, None),
        (['color: red;', None, {'margin': 0, 'top': None}], 'color: red; margin:0'),
        ('color:red', 'color:red'),
    ],
)
def test_styles(value, want):
    assert attributes(to_html(tag_factory('x-y')(style=value))).get('style') == want


def test_cls_wins_over_class():
    for el in (
        Div(cls='a', **{'class': 'b'}),
        Div({'class': 'b'}, cls='a'),
        Div({'class': 'b', 'cls': 'a'}),
        ft('div', {'class': 'b'}, cls='a'),
    ):
        assert el.attrs['class'] == 'a' and 'class="a"' in to_html(el)
    assert to_html(Div(cls=None, **{'class': 'b'})) == to_html(Div(cls=[None], **{'class': 'b'})) == '<div class="b"></div>'


def test_svg_names_are_found_in_small_letters():
    el = ft('svg', viewBox='0 0 1 1')
    assert el.attrs['viewbox'] == el.attrs['viewBox'] == el.get('viewbox') == el.attrs.get('viewbox') == '0 0 1 1'
    assert 'viewbox' in el.attrs and 'nothing' not in el.attrs and el.attrs.get('nothing', 1) == 1


# ---- What is not finished


async def coroutine(): ...
async def stream():
    yield 1


def function(): ...


class Callable:
    def method(self): ...


UNFINISHED = {
    'coroutine': (coroutine, 'await coroutine'),
    'async generator': (stream, 'async for'),
    'function': (lambda: function, 'function(...)'),
    'coroutine function': (lambda: coroutine, 'Call it'),
    'lambda': (lambda: lambda: 1, 'Call it'),
    'method': (lambda: Callable().method, 'method(...)'),
    'partial': (lambda: functools.partial(function), 'Call it'),
    'class': (lambda: Callable, 'Callable(...)'),
    'tag': (lambda: P, 'Call it'),
    'built-in': (lambda: print, 'print(...)'),
    'channel': (lambda: FastHTML(secret_key='k').channel('c'), 'EventStream(channel)'),
}


@pytest.mark.parametrize('kind', UNFINISHED)
@pytest.mark.filterwarnings('error')  # a coroutine that is refused is closed, so that Python does not warn of it
def test_what_is_not_finished_is_refused_with_what_to_write(kind):
    make, hint = UNFINISHED[kind]
    places = [
        lambda x: Div(x),
        lambda x: Div('a', x),
        lambda x: Div(P(['a', x])),
        lambda x: Fragment(x),
        lambda x: ft('div', x),
        lambda x: FT('div', (x,)),
        lambda x: Div()(x),
        lambda x: to_html(x),
        lambda x: to_html(['a', x]),
        lambda x: to_html(Div(title=x)),
        lambda x: to_html(Div(cls=['a', x])),
        lambda x: to_html(Div(hx_get=x)),
        lambda x: to_html(Div(style={'color': x})),
        lambda x: to_html(Div(hx_vals={'a': x})),
        lambda x: to_html(Script('a', x)),
        lambda x: Input(x),
    ]
    for place in places:
        with pytest.raises(TypeError) as e:
            place(make())
        assert hint in str(e.value)


# ---- Escaping

HOSTILE = [
    '</style><img src=x onerror=alert(1)>',
    '<img src=x onerror=alert(1)>',
    '&#34;;alert(1)//',
    '</script><img src=x onerror=alert(1)>',
    '<!--<script>',
    '&lt;/style&gt;<b>',
    ']]><img src=x>',
    '</svg><img src=x onerror=alert(1)>',
    '</noscript></textarea></TITLE></xmp></iframe></noembed></noframes><img src=x onerror=alert(1)>',
]
HOLD_TEXT = 'noscript textarea title xmp iframe noembed noframes'.split()   # a parser looks for their end tag alone
svg, math, foreign, desc, title, g = (tag_factory(o) for o in 'svg math foreignObject desc title g'.split())
PLACES = {
    'html': lambda el: Div(el),
    'svg': lambda el: svg(el),
    'deep in svg': lambda el: Div(svg(g(g([el])), g())),
    'math': lambda el: math(el),
    'foreignObject': lambda el: svg(foreign(Div(el))),
    'svg in foreignObject': lambda el: svg(foreign(svg(el))),
    'desc': lambda el: svg(desc(el)),
    'foreignObject in math': lambda el: math(foreign(el)),
    'svg in math': lambda el: math(svg(foreign(el))),
    'after svg': lambda el: Div(svg(), el),
    'fragment in svg': lambda el: svg(Fragment('', el)),
    'title': lambda el: svg(title(el)),
    'list in svg': lambda el: svg(['', [el, '']]),
    **{f'in {o}': lambda el, o=o: ft(o, el) for o in HOLD_TEXT},
    'deep in noscript': lambda el: ft('noscript', Div(Fragment('', [el]))),
}


HOLDING_TEXT = [
    Style,
    lambda text: Script(f'label = {to_js(text)}'),
    lambda text: Style(text, 'a > b {}'),
    lambda text: FT('style', (text,)),
    lambda text: Script(text),
]


@functools.cache
def assert_text(html, place):
    holds = place.split()[-1]
    if place != 'title' and holds in HOLD_TEXT: assert len(re.findall(f'</{holds}', html, re.I)) == 1, html
    for el in walk(turbohtml.parse_fragment(html, 'div')):
        assert el.tag not in ('img', 'b', 'image') and 'onerror' not in dict(el.attrs or {}), html
    assert not LexborHTMLParser(html).css('img, b, image')


@each_row('place', PLACES)
@each_row('text', HOSTILE)
def test_text_of_styles_and_scripts_is_text_wherever_they_stand(place, text):
    for make in HOLDING_TEXT:
        for render in RENDERERS: assert_text(render(PLACES[place](make(text))), place)


# What is rendered by itself: by whom, and what is around the text
def region(el): return Shown('r{}', draw_html(el, 'r{}'), token='t').__html__()


def region_under_a_policy(el):
    drawing = draw_html(el, 'r{}', csp=True)
    with using_nonce('R4nd0m'): return Shown('r{}', drawing).__html__()


def region_in_a_region(el): return region(g(Shown('q{}', draw_html(el, 'q{}'))))


def response(csp):
    app = FastHTML(secret_key='k', csp=csp)
    sent = []

    @app.get('/')
    def part(): return *sent, P('x')

    def render(el):
        sent[:] = [el]
        return Client(app).get('/', headers={'HX-Request': 'true'}).text
    return render


BY_ITSELF = {
    'region': region,
    'region under a policy': region_under_a_policy,
    'region in a region': region_in_a_region,
    'response': response(False),
    'response under a policy': response(True),
    'event': event_data,
    'events of several': lambda el: wire_texts((el, P('x')))[0],
    'frame': frame_text,
    'frame of several': lambda el: wire_texts([el, Td('x')])[1],
    'partial': lambda el: frame_text(ft('hx-partial', el, hx_target='#x')),
    '__html__': lambda el: Markup('{}').format(el),
    'static': static,
    'Starlette': lambda el: HTMLResponse(el).body.decode(),
    'work': lambda el: copy_context().run(said_html, el, ''),
}
AROUND = {
    'nothing': lambda el: el,
    'g': lambda el: g(el),
    'a': lambda el: A(g(), el),
    'div': lambda el: Div(el),
    'section': lambda el: Section(P(), el),
    'svg': lambda el: svg(g(el)),
    'foreignObject': lambda el: foreign(Div(), el),
    'x-y': lambda el: ft('x-y', el),
}


@each_row('way', BY_ITSELF)
@pytest.mark.parametrize('around', AROUND)
def test_so_is_that_of_what_is_rendered_by_itself(way, around):
    "Nobody knows where it will be put, and by which parser it is read there"
    image = '<image href=x onerror=alert(1)>'
    texts = *HOSTILE, image, f']]>{image}', f'*/{image}', ']]', f'&lt;{image}'
    html = ''.join(str(BY_ITSELF[way](AROUND[around](make(text)))) for text in texts for make in HOLDING_TEXT)
    for place in PLACES: assert_text(to_html(PLACES[place](Safe(html))), place)


def walk(node):
    for child in getattr(node, 'children', ()):
        if getattr(child, 'tag', None):
            yield child
            yield from walk(child)


def test_a_style_in_svg_reads_as_written():
    css = '.a > .b { content: "&" }'
    for el in svg(Style(css)), Div(Style(css)), svg(foreign(Style(css))):
        style = next(el for el in walk(turbohtml.parse_fragment(to_html(el), 'div')) if el.tag == 'style')
        assert style.text == css


def test_fused_elements_with_nul_in_a_text():
    for texts in (['a\0b', 'c'], ['\0', ''], ['a', '\0\0', 'b'], ['\0'], ['<\0>', '&']):
        assert to_html(Tr(map(Td, texts))) == to_html(Tr([Td(o) for o in texts]))


def test_values_in_scripts_are_harmless_anywhere():
    for value in ['</script>', '&#34;', '<!--', ']]>', '\u2028', {'a&b': ['<']}]:
        assert not set('<&\u2028') & set(to_js(value)) and json.loads(to_js(value)) == value


SCRIPTS = [
    'javascript:alert(1)',
    ' JavaScript:alert(1)',
    'java\nscript:alert(1)',
    '\x01javascript:alert(1)',
    'js:alert(1)',
    '\u00a0js:alert(1)',
]
URLS = '''href src action formaction data poster background cite ping manifest xlink:href longdesc hx-get hx-post hx-put hx-patch hx-delete
    hx-get:inherited data-hx-get hx-action hx-push-url hx-replace-url from to by values sse-connect ws-connect hx-ws:connect'''.split()


@each_row(
    'name', [*URLS, 'hx-vals', 'hx-headers', 'hx-request', 'hx-confirm', 'data-hx-vals', 'hx-vals:inherited',
             'HX-Get', 'Hx-Vals', 'DATA-hx-confirm', 'xlink:HREF', 'Ws-Connect', 'HX-HEADERS:inherited']   # HTML knows no capitals
)
def test_addresses_that_would_run_are_inert_unless_safe(name, caplog):
    class Text:
        def __init__(self, s):
            self.s = s

        def __str__(self):
            return self.s

    class Html(Text):
        __str__ = object.__str__

        def __html__(self):
            return self.s

    for script in SCRIPTS:
        references = ''.join(f'&#{ord(c)};' for c in script)
        for value in script, Text(script), Markup.escape(script), Html(script), Html(references), Html('&NewLine;' + script):
            for render in RENDERERS:
                got = attributes(render(ft('x-y', **{name: value})))[name.lower()]
                assert not any(
                    got.strip('\x00\x01 \u00a0').lower().replace('\n', '').startswith(o) for o in ('javascript:', 'js:')
                ), got
    keyword = name.replace('-', '_')
    assert f'write `{keyword if keyword.isidentifier() else name}=Safe(' in caplog.text
    assert attributes(to_html(ft('x-y', **{name: Safe('js:alert(1)')})))[name.lower()] == 'js:alert(1)'


FETCHED = '''hx-get hx-post hx-put hx-patch hx-delete hx-query hx-action hx-get:inherited data-hx-get HX-Get data-sse-connect sse-connect
    hx-sse:connect hx-location action formaction'''.split()   # htmx 4 asks for the last two in boosted forms
DATA = 'data:text/html,<b>', ' DATA:text/event-stream,data: x', 'da\nta:,x', '\x01data:,x'


@each_row('name', FETCHED)
@each_row('value', DATA)
def test_data_that_htmx_would_swap_in_is_inert(name, value, caplog):
    "htmx 4 asks with `fetch`, and our event source of htmx 2 as well, which take it for an address of the same site"
    for given in value, Markup.escape(value):
        for render in RENDERERS: assert attributes(render(ft('x-y', **{name: given})))[name.lower()].startswith('unsafe:')
    assert 'was made inert' in caplog.text
    assert attributes(to_html(ft('x-y', **{name: Safe('data:,x')})))[name.lower()] == 'data:,x'


@each_row('name', ['src', 'href', 'poster', 'data', 'srcset', 'hx-vals', 'title'])
def test_html_of_another_library_stays_as_it_is_where_nothing_would_run(name, caplog):
    for html in '/a?b=1&amp;c', '/?a=1&copy=2', 'js:x' if name == 'title' else '&#47;':
        assert to_html(ft('x-y', **{name: Markup(html)})) == f'<x-y {name}="{html}"></x-y>'
    assert not caplog.text


@each_row('name', ['src', 'href', 'poster', 'data', 'srcset', 'hx-vals', 'title'])
def test_data_in_other_places_stays(name, caplog):
    "A picture, something to download"
    for render in RENDERERS: assert attributes(render(ft('x-y', **{name: 'data:image/gif;base64,R0lG'})))[name].startswith('data:')
    assert not caplog.text


def test_lists_of_animation_values_are_inert():
    got = attributes(to_html(ft('x-y', values='#a; javascript:alert(1);JAVASCRIPT:alert(2)')))['values']
    assert not any(o.strip().lower().startswith('javascript') for o in got.split(';'))


def test_what_does_no_harm_stays(caplog):
    caplog.set_level(logging.WARNING)
    els = (
        A(href='javascript:void(0)'),
        A('x', href='/js:1'),
        Form(action='/javascript:'),
        P(title='js: a language', data_x='javascript: the good parts'),
        Button(hx_vals={'q': 'js:alert(1)'}, hx_confirm='Really?'),
        Button(hx_vals='{"q": "js:x"}'),
    )
    html = to_html(*els)
    assert 'unsafe' not in html and '{}' not in html and not caplog.text
