"html2ft writes Python that makes the same tree again (R2), for generated HTML and for whole pages."
import importlib
import pydoc
import re
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from turbohtml import parse, parse_fragment

from fasthtml.html import composed, element, tags
from fasthtml.html.html2ft import html2ft
from support import each_row

NAMES = {k: getattr(m, k) for m in (tags, composed) for k in m.__all__} | {k: getattr(element, k) for k in ('NotStr', 'Fragment')}
UNWRITABLE = re.compile(r'[\s"\'<>/=\x00-\x1f\x7f]')
DOCUMENT = re.compile(r'\s*<(!doctype|html)', re.I)


def read(html):
    "The nodes of some HTML in order, without comments, and without attributes that no HTML can write"
    root = parse(html) if DOCUMENT.match(html) else parse_fragment(html, 'template')
    found, todo = [], list(reversed(list(root.children)))
    while todo:
        node = todo.pop()
        kind = type(node).__name__
        if isinstance(node, str):
            found.append(node)
        elif kind == 'Element':
            attrs = {k: ' '.join(v) if isinstance(v, list) else v for k, v in dict(node.attrs).items()}
            found.append((node.tag, node.namespace.name, {k: v for k, v in attrs.items() if not UNWRITABLE.search(k)}))
            todo += [f'/{node.tag}', *reversed(list(node.children))]
        elif kind == 'DocumentFragment':
            todo += reversed(list(node.children))
        elif kind in ('Text', 'CData'):
            if found and isinstance(found[-1], list): found[-1][0] += node.data
            else: found.append([node.data])
    return found


def again(html, **options):
    "The HTML that comes out of the Python that html2ft writes"
    made = eval(html2ft(html, **options), dict(NAMES))
    return element.to_html(*made) if type(made) is tuple else element.to_html(made)


TAGS = '''div p span a b i ul li table tbody tr td th form input button select option optgroup textarea label pre h1 br img svg
    path linearGradient math mi title script style template iframe noscript custom-tag article details summary ruby rt video
    source'''.split()
ATTRS = '''id class for name value href title style checked disabled async hx-get hx-on:click hx-on::after-request
    @click.away :class x-on:click data-x data_x _ viewbox stroke-width xlink:href target-id klass sse-connect hx-sse:connect
    hx-target:inherited aria-label contenteditable lambda'''.split()
TEXTS = ['', ' ', '\n  ', 'a', ' b ', 'x<y', '&amp;', '&lt;i&gt;', '"', "'", 'ü\u2028', '\\n', '{x}', '<!-- c -->', '&nbsp;',
         '\n']
attribute = st.builds(lambda k, v, q: f' {k}={q}{v.replace(q, "")}{q}', st.sampled_from(ATTRS),
                      st.sampled_from([*TEXTS, 'javascript:go(1)', 'a b', 'true']), st.sampled_from('"\''))
opening = st.builds(lambda t, a, e: f'<{t}{"".join(a)}{e}>', st.sampled_from(TAGS), st.lists(attribute, max_size=3),
                    st.sampled_from(['', '', ' /']))
closing = st.sampled_from(TAGS).map(lambda t: f'</{t}>')
soup = st.lists(st.one_of(opening, closing, st.sampled_from(TEXTS)), max_size=25).map(''.join)


def settled(html):
    "The HTML as a parser writes it back, if that is stable: broken HTML may parse to trees that no HTML text stands for"
    mended = parse_fragment(html, 'template').inner_html
    assume(read(mended) == read(html))
    # `a<b` makes a tag of that name
    assume(not any(UNWRITABLE.search(o[0]) for o in read(html) if isinstance(o, tuple)))
    return mended


@given(soup)
@settings(max_examples=150, deadline=None)
def test_any_html_comes_back_as_the_same_tree(html):
    "R2. With `keep_space`, every character is kept"
    html = settled(html)
    assert read(again(html, keep_space=True)) == read(html)
    assert read(again(html, keep_space=True, attr1st=True)) == read(html)


@given(soup)
@settings(max_examples=150, deadline=None)
def test_without_layout_only_white_space_is_lost(html):
    "By default elements, attributes and words stay, and words that were apart stay apart"
    html = settled(html)
    got, want = again(html), html
    assert [o for o in read(got) if isinstance(o, tuple)] == [o for o in read(want) if isinstance(o, tuple)]
    assert words(got) == words(want)


def words(html):
    "The words as a browser shows them: a block ends a line, a box has lines of its own, what is hidden is not there"
    shown, hidden = [], 0
    for o in read(html):
        closing, tag = isinstance(o, str), o.lstrip('/') if isinstance(o, str) else o[0]
        if tag in HIDDEN: hidden += -1 if closing else 1
        elif hidden: continue
        elif isinstance(o, list): shown.append(o[0])
        elif tag in BOXES: shown.append(']' if closing else '[')
        elif tag in BLOCKS: shown.append('\n')
    line = re.sub(r'\s+', ' ', ''.join(shown))
    return re.sub(r'(?<=\[) +| +(?=\])', '', line).split()


BLOCKS = set('div p ul li table tbody tr td th form option optgroup pre h1 br article details summary html head body'.split())
BOXES = set('button textarea select svg video iframe'.split())
HIDDEN = set('title script style noscript template source'.split())

PAGE = '''<?xml version="1.0"?><!DOCTYPE html><html lang="en"><head><meta charset=utf-8><title>A &amp; B</title>
<script>if (a<b && c) { x = "<\\/script>" }</script><style>a > b { c: "d" }</style></head>
<body class="x y"><h1>Long   page</h1><!-- nav --><nav><a href="#top">Top</a> | <a href="?a=1&amp;b=2">Next</a></nav>
<table><tr><td>1<td>2<tr><td colspan=2>3</table><pre>
  kept   as is
</pre><svg viewBox="0 0 1 1"><linearGradient id="g"/><foreignObject><p>html</p></foreignObject></svg>
<select><optgroup label=a><option>1<option selected>2</select><textarea>

x</textarea><p>One<p>Two <b>bold <i>both</i> rest</b></body></html>'''


def test_a_page_comes_back_judged_by_a_second_parser():
    html = again(PAGE, keep_space=True)
    assert html.startswith('<!doctype html>')
    def strip(page):
        tree = LexborHTMLParser(page)
        return [(n.tag, dict(n.attributes)) for n in tree.root.traverse(include_text=False) if n.tag[0] != '-']
    assert strip(html) == strip(PAGE)


@pytest.mark.parametrize('module', ['argparse', 'pathlib', 'typing'])
def test_documentation_of_python_comes_back(module):
    "Pages of thousands of elements, as pydoc writes them: tables, nested lists, old attributes"
    doc = pydoc.HTMLDoc()
    html = doc.page(module, doc.document(importlib.import_module(module)))
    assert len(read(html)) > 2000 and read(again(html, keep_space=True)) == read(html)


def test_long_generated_page_comes_back():
    rows = ''.join(f'<tr class="r{i % 3}"><td>{i}</td><td><a href="/item/{i}?q=&quot;{i}&quot;">Item &lt;{i}&gt;</a></td></tr>'
                   for i in range(3000))
    html = f'<!doctype html><html><head></head><body><table><tbody>{rows}</tbody></table></body></html>'
    assert read(again(html)) == read(html)


def test_depth_is_no_matter_for_html2ft():
    "R4. Python reads 200 nested parentheses at most, but the text is made for any depth"
    depth = 3 * sys.getrecursionlimit()
    source = html2ft('<b>' * depth + 'x')
    assert source.count('B(') == depth


@each_row('html', [
    '<tr><td>1</td></tr>', '<td>1</td>', '<option>1</option>', '<li>a</li><li>b</li>', 'text', '', ' <p>a</p> ',
    '<head><title>x</title></head>', '<body class="a">x</body>'])
def test_fragments_of_any_kind_are_kept(html):
    "A lone row is no row to a parser that expects a paragraph"
    assert again(html) == html.strip()


def test_missing_parser_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'turbohtml', None)
    with pytest.raises(ImportError, match=r"fasthtml\[html\]"): html2ft('<p>')


def test_half_of_a_surrogate_pair_is_no_error():
    assert html2ft('<p title="a\ud800">b\udfff</p>') == "P('b?', title='a?')"
