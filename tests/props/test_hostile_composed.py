"Hostile text given to composed tags, scripts, drawings and what search engines read makes no element that was not asked for (R3)."
import json
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from turbohtml import parse_fragment

from fasthtml.html import composed, js, pico, svg
from fasthtml.html.element import to_html
from fasthtml.http import seo

MAKERS = {
    'A': lambda t: composed.A(t, href=t, title=t), 'AX': lambda t: composed.AX(t, t, 'i', t), 'Hidden': lambda t: composed.Hidden(t, t),
    'CheckboxX': lambda t: composed.CheckboxX(True, t, t, t, t), 'Script': composed.Script, 'Style': composed.Style,
    'Script of JSON': lambda t: composed.Script(js.to_js(t), type='application/json'), 'Titled': composed.Titled, 'clear': composed.clear,
    'Favicon': lambda t: composed.Favicon(t, t), 'YouTubeEmbed': lambda t: composed.YouTubeEmbed(t, title=t, cls=t),
    'upload_pb_attrs': lambda t: composed.Form(composed.upload_pb_attrs(t)), 'jsd': lambda t: composed.jsd(t, t, t, t, ver=t),
    'Surreal': js.Surreal, 'On': lambda t: js.On(t, t, t), 'Prev': lambda t: js.Prev(t, t), 'Now': lambda t: js.Now(t, t),
    'AnyNow': lambda t: js.AnyNow(t, t), 'HtmxOn': lambda t: js.HtmxOn('load' + t, t),
    'run_js': lambda t: js.run_js('f({x})', x=t, id=t), 'light_media': js.light_media, 'dark_media': js.dark_media,
    'MarkdownJS': js.MarkdownJS, 'KatexMarkdownJS': lambda t: js.KatexMarkdownJS(t, t or '$', t or '$$', [t]),
    'SortableJS': lambda t: js.SortableJS(t, t), 'MermaidJS': lambda t: js.MermaidJS(t, t), 'HighlightJS': js.HighlightJS,
    'Card': lambda t: pico.Card(t, header=t, footer=t, id=t), 'DialogX': lambda t: pico.DialogX(t, id=t),
    'Grid': lambda t: pico.Grid(t, t),
    'Socials': lambda t: seo.Socials(t, 'x.org', t, 'i.png', twitter_site=t, creator=t, card=t),
    'LdOrg': lambda t: seo.LdOrg(t, t, t, script=True),
    'LdCourse': lambda t: seo.LdCourse(t, t, t, seo.LdCourseInstance(t, t, t), script=True),
    'svg.Text': lambda t: svg.Svg(svg.Text(t, x=t, fill=t)), 'svg.Path': lambda t: svg.Svg(svg.Path(t, t).M(t, t)),
    'svg.Polygon': lambda t: svg.Svg(svg.Polygon((t, t), points=t)), 'SvgOob': lambda t: svg.SvgOob(svg.Circle(t, id=t)),
    'transformd': lambda t: svg.Svg(svg.Rect(1, 2, **svg.transformd(rotate=t))),
}
PIECES = ['<', '>', '"', "'", '&', '</script', '</style>', '<!--', '-->', '<script>', '<img src=x onerror=alert(1)>', '{', '}', '{x}', '\\',
          '\n', '`', ' onclick=alert(1) ', 'a', ' ', '\u2028', ']]>', '</title>', '</textarea>', '</svg>', '&lt;', '//']
hostile = st.lists(st.sampled_from(PIECES), max_size=8).map(''.join)
LONGEST = ''.join(PIECES)


def shapes(text):
    "Tags and names of attributes, as two HTML parsers see them"
    one = [(e.tag.lower(), sorted(o.lower() for o in e.attrs)) for e in parse_fragment(text).descendants if hasattr(e, 'tag')]
    tree = LexborHTMLParser(f'<body>{text}')
    two = [(e.tag.lower(), sorted(o.lower() for o in e.attributes)) for e in tree.body.traverse() if e.tag not in ('-text', 'body')]
    return one, two


@pytest.mark.parametrize('name', MAKERS)
@given(hostile)
@example(LONGEST)
@settings(max_examples=40, deadline=None)
def test_hostile_text_makes_no_element_and_no_attribute(name, text):
    make = MAKERS[name]
    assert shapes(to_html(make(text + 'x'))) == shapes(to_html(make('x')))


@given(hostile)
@example(LONGEST)
@settings(max_examples=100, deadline=None)
def test_values_come_out_of_scripts_as_they_went_in(text):
    [script] = parse_fragment(to_html(seo.LdOrg(text + 'x', script=True))).find_all('script')
    assert json.loads(script.text)['name'] == text + 'x'
    [script] = parse_fragment(to_html(js.run_js('{x}', x=[text], id='i'))).find_all('script')
    assert json.loads(script.text.partition('\n')[2]) == [text]


@given(hostile)
@example(LONGEST)
@settings(max_examples=100, deadline=None)
def test_a_sitemap_stays_well_formed(text):
    entry = ElementTree.fromstring(seo.sitemap_url((text + 'x', text or None), 'https://x.org/'))
    assert entry.find('loc').text == f'https://x.org/{text}x' and [e.tag for e in entry] == ['loc', 'lastmod'][:1 + bool(text)]
