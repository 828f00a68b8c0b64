"Import paths and idioms of existing programs: components, xtend, ft, svg, js, pico and html2ft keep their names and their ways."
import builtins
import importlib
import inspect
import subprocess
import sys

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from turbohtml import parse_fragment

from support import each_row

NAMES = {
    'components': '''named html_attrs hx_attrs hx_attrs_4only hx_evts hx_evts_4only js_evts hx_attrs_annotations
        hx_evt_attrs js_evt_attrs evt_attrs attrmap_x ft_html ft_hx HxPartial File show fill_form fill_dataclass
        find_inputs html2ft sse_message A Div Input Html''',
    'xtend': '''A AX Form Hidden CheckboxX Script Style double_braces undouble_braces loose_format ScriptX
        replace_css_vars StyleX Nbsp Surreal On Prev Now AnyNow run_js HtmxOn jsd Fragment Titled Socials YouTubeEmbed
        Favicon clear sid_scr with_sid LdJson LdContactPoint LdOrg LdWebsite LdCourseInstance LdCourse robots_txt
        sitemap_url sitemap_xml upload_pb_attrs''',
    'ft': '''FT ft to_xml Safe NotStr Html Div A Form Script Titled Fragment html2ft fill_form''',
    'js': '''light_media dark_media npmcdn MarkdownJS KatexMarkdownJS HighlightJS SortableJS MermaidJS''',
    'pico': '''picocss picolink picocondcss picocondlink set_pico_cls Card Group Search Grid DialogX Container
        PicoBusy''',
    'svg': '''g Svg ft_svg Rect Circle Ellipse transformd Line Polyline Polygon Text PathFT Path svg_inb SvgOob SvgInb
        Animate ClipPath Defs FeGaussianBlur Filter ForeignObject G Image LinearGradient Marker Mask Pattern
        RadialGradient Set Stop Symbol TextPath Title Tspan Use View AltGlyph Font_face''',
}


def html(*els):
    from fasthtml.html.element import to_html
    return to_html(*els)


def tree(text): return [(e.tag, dict(e.attrs)) for e in parse_fragment(text).descendants if hasattr(e, 'tag')]


@each_row('module, name', [(m, n) for m, names in NAMES.items() for n in names.split()])
def test_name_is_where_programs_look_for_it(module, name):
    assert getattr(importlib.import_module(f'fasthtml.{module}'), name) is not None


@pytest.mark.parametrize('module', ['components', 'xtend', 'ft', 'common'])
def test_star_import_shadows_nothing_that_python_programs_use(module):
    "`Path`, `Set`, `Text` and `Image` of SVG stay in `fasthtml.svg`; common's `Path` and `Set` are those of the standard library"
    import pathlib
    import typing
    got = {}
    exec(f'from fasthtml.{module} import *', got)
    for name, module in {'Path': pathlib, 'Set': typing}.items():
        assert got.get(name, getattr(module, name)) is getattr(module, name)
    assert not {'Image', 'Symbol', 'Switch', 'Stop', 'Use', 'View', 'Pattern', 'Rect'} & set(got)
    # fastcore has shadowed none of these either; `__builtins__` is what exec adds
    assert not (set(dir(builtins)) & set(got)) - {'__builtins__', '__doc__', '__name__'}


def test_star_imports_bring_all_that_is_named():
    for module in ('components', 'xtend', 'ft'):
        got, names = {}, importlib.import_module(f'fasthtml.{module}').__all__
        exec(f'from fasthtml.{module} import *', got)
        assert set(names) <= set(got) and len(set(names)) == len(names)


def test_composed_tags_win_in_ft_and_common():
    for module in ('ft', 'common', 'xtend'):
        got = importlib.import_module(f'fasthtml.{module}')
        assert html(got.Form()) == '<form enctype="multipart/form-data"></form>' and html(got.A('x')) == '<a href="#">x</a>'
    from fasthtml.components import A, Form
    assert html(Form(), A()) == '<form></form><a></a>'


def test_any_capitalised_name_is_an_element():
    from fasthtml.components import Sl_icon, SlButton
    from fasthtml.ft import My_Tag
    assert html(SlButton('x', variant='a'), Sl_icon()) == '<sl-button variant="a">x</sl-button><sl-icon></sl-icon>'
    assert html(My_Tag()) == '<my-tag></my-tag>'
    import fasthtml.components
    import fasthtml.xtend
    assert not hasattr(fasthtml.components, 'no_such_name') and not hasattr(fasthtml.xtend, 'NoSuchName')


@pytest.mark.parametrize('module', ['components', 'xtend', 'ft', 'svg', 'js', 'pico', 'html.html2ft', 'html.forms'])
def test_making_html_loads_no_server(module):
    code = f'import sys, fasthtml.{module}; print([m for m in ("starlette", "uvicorn", "asyncio") if m in sys.modules])'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip() == '[]'


def test_rooms_are_imported_from_the_package():
    from fasthtml import js, pico, svg
    assert svg.Path and js.On and pico.Card


def test_editors_see_the_attributes_of_composed_tags():
    from fasthtml.pico import Card
    from fasthtml.xtend import AX, CheckboxX, Form, Hidden, Titled
    for f in (AX, CheckboxX, Form, Hidden, Titled, Card):
        names = list(inspect.signature(f).parameters)
        assert {'hx_post', 'hx_target', 'hidden', 'hx_on_click'} <= set(names) and len(names) == len(set(names))
    assert list(inspect.signature(AX).parameters)[:5] == ['txt', 'hx_get', 'target_id', 'hx_swap', 'href']


def test_what_html2ft_writes_works_after_the_star_import():
    "Each element comes back as it was, and no other name of common is in its way"
    from fasthtml.html import tags
    from fasthtml.html.html2ft import html2ft
    names, alone = {}, 'body caption col colgroup frame head html tbody td tfoot th thead tr'.split()
    exec('from fasthtml.common import *', names)
    for name in tags.__all__:
        tag = getattr(getattr(tags, name), '_tag', None)
        if tag is None or tag.name in alone: continue
        text = html(getattr(tags, name)({'hx-get': '/x', 'data_y': '1'}, id='i'))
        made = eval(html2ft(text), names)
        assert tree(html(*made if type(made) is tuple else [made])) == tree(text)


# Idioms

def test_titled_is_a_title_and_a_main():
    from fasthtml.xtend import Titled
    assert html(Titled('T', 'x')) == '<title>T</title><main class="container"><h1>T</h1>x</main>'
    assert html(Titled()) == '<title>FastHTML app</title><main class="container"><h1>FastHTML app</h1></main>'
    assert html(Titled('T', cls='wide', hx_boost='true')[1]) == '<main class="wide" hx-boost="true"><h1>T</h1></main>'


def test_checkbox_that_is_off_still_sends():
    from fasthtml.xtend import CheckboxX
    hidden, box = CheckboxX(True, 'Done', id='done')
    attrs = dict(parse_fragment(html(hidden)).find('input').attrs)
    assert attrs == {'type': 'hidden', 'value': '', 'name': 'done', 'skip': ''}
    assert html(box).startswith('<label><input type="checkbox"') and 'checked' in html(box) and 'Done' in html(box)


def test_files_become_scripts_and_styles(tmp_path):
    from fasthtml.xtend import ScriptX, StyleX
    (tmp_path/'a.js').write_text("const x = { a: '{who}' }; `${x}`", encoding='utf-8')
    (tmp_path/'a.css').write_text('a { color: var(--tpl-link); b: var(--other) }', encoding='utf-8')
    assert html(ScriptX(tmp_path/'a.js', type='module', _async=True, who='me')) == \
        '<script type="module" async>const x = { a: \'me\' }; `${x}`</script>'
    assert html(StyleX(str(tmp_path/'a.css'), link='red')) == '<style>a { color: red; b: var(--other) }</style>'


def test_jsdelivr_addresses():
    from fasthtml.xtend import jsd
    assert jsd('o', 'r', 'dist', 'f.js', typ='url', ver='1') == 'https://cdn.jsdelivr.net/gh/o/r@1/dist/f.js'
    assert html(jsd('o', 'r', 'dist', 'f.css', typ='css')) == '<link rel="stylesheet" href="https://cdn.jsdelivr.net/gh/o/r/dist/f.css">'
    module = jsd('', 'p', '', '', prov='npm', ver='2', esm=True)
    assert html(module) == '<script src="https://cdn.jsdelivr.net/npm/p@2/+esm" type="module"></script>'


def test_youtube_embed_prints_nothing(capsys):
    from fasthtml.xtend import YouTubeEmbed
    assert 'https://www.youtube.com/embed/abc?start=5' in html(YouTubeEmbed('abc', start_time=5))
    assert capsys.readouterr() == ('', '')


def test_run_js_is_named_after_its_caller_and_passes_values_as_json():
    "D21: a value cannot end the script"
    from fasthtml.xtend import run_js

    def greet(): return run_js('alert({msg}); if (1) {{ go() }}', msg='</script>"')
    [script] = parse_fragment(html(greet())).find_all('script')
    assert script.attrs['id'] == 'greet' and r'alert("\u003c/script>\""); if (1) { go() }' in script.text
    assert 'hx-swap-oob' in html(greet())


def test_json_ld_cannot_leave_its_script():
    "D21"
    import json

    from fasthtml.xtend import LdCourse, LdOrg
    course = LdCourse('</script><b>', 'd', LdOrg('O', url='https://o.org'), script=True)
    [script] = parse_fragment(html(course)).find_all('script')
    assert json.loads(script.text)['provider'] == {'@type': 'Organization', 'name': 'O', 'url': 'https://o.org'}
    assert LdOrg('O', same_as=None) == {'@type': 'Organization', 'name': 'O'}


def test_svg_is_right_in_html_and_alone():
    from xml.etree import ElementTree

    from fasthtml.svg import Circle, LinearGradient, Path, Stop, Svg, SvgInb, transformd
    drawing = Svg(LinearGradient(Stop(offset='0'), gradientUnits='userSpaceOnUse'), Path(fill='none').M(1, 2).L(3, 4).Z(),
                  Circle(3, **transformd(translate=(1, 2), rotate=90)), h=10, w=20)
    alone = [e.tag.partition('}')[2] for e in ElementTree.fromstring(html(drawing)).iter()]
    assert alone == ['svg', 'linearGradient', 'stop', 'path', 'circle']
    assert ElementTree.fromstring(html(drawing)).attrib == {'viewBox': '0 0 20 10', 'height': '10', 'width': '20'}
    assert 'd="M1 2 L3 4 Z"' in html(drawing) and 'transform="translate(1, 2) rotate(90)"' in html(drawing)
    assert (SvgInb(Circle(1))[1].k, SvgInb(Circle(1))[1].v) == ('HX-Reselect', 'svg>*')


def test_pico_makes_plain_elements_and_changes_nothing_global():
    from fasthtml.pico import Card, Container, DialogX, Grid, Group
    assert html(Card('b', header='h', footer='f')) == '<article><header>h</header>b<footer>f</footer></article>'
    assert html(DialogX('b', open=True, id='d')) == '<dialog open id="d"><article>b</article></dialog>'
    assert html(Group('x')) == '<fieldset role="group">x</fieldset>'
    assert html(Container('x')) == '<main class="container">x</main>'
    assert html(Grid('a', 'b')) == '<div class="grid"><div>a</div><div>b</div></div>'


def test_libraries_are_pinned_and_checked():
    from fasthtml import js
    code = js.HighlightJS(langs=['python', 'elixir'])
    for el in (js.MarkdownJS(), js.KatexMarkdownJS(), code, js.SortableJS(), js.MermaidJS()):
        tree = parse_fragment(html(el))
        loads = [e.attrs for e in (*tree.find_all('script'), *tree.find_all('link')) if {'src', 'href'} & set(e.attrs)]
        assert loads and all(a['integrity'].startswith('sha384-') and '@' in a.get('src', a.get('href')) for a in loads)
    assert 'my-ghost' in html(js.SortableJS(ghost_class='my-ghost'))
    with pytest.raises(ValueError, match='python'): js.HighlightJS(langs='pyton')


class Routes:
    "An app as `robots_txt` needs it: something with `route`"
    def __init__(self): self.routes = []
    def route(self, path, methods=None, name=None):
        return lambda f: self.routes.append(Route(path, lambda request: f(), methods=methods, name=name))
    def client(self): return TestClient(Starlette(routes=self.routes))


def test_robots_and_sitemap_are_text_and_xml():
    "D18"
    from xml.etree import ElementTree

    from fasthtml.xtend import robots_txt, sitemap_xml
    app = Routes()
    robots_txt(app, disallow_paths=['/admin'], sitemap_url='https://x.org/sitemap.xml', crawl_delay=1)
    sitemap_xml(app, ['/a?b&c', ('/d', '2026-01-01')], loc_base='https://x.org')
    client = app.client()
    robots, sitemap = client.get('/robots.txt'), client.get('/sitemap.xml')
    assert robots.headers['content-type'] == 'text/plain; charset=utf-8'
    assert robots.text == 'User-agent: *\nDisallow: /admin\nCrawl-delay: 1\n\nSitemap: https://x.org/sitemap.xml\n'
    assert sitemap.headers['content-type'].startswith('application/xml')
    ns = '{http://www.sitemaps.org/schemas/sitemap/0.9}'
    assert [e.text for e in ElementTree.fromstring(sitemap.content).iter(f'{ns}loc')] == ['https://x.org/a?b&c', 'https://x.org/d']


def test_robots_and_sitemap_come_before_static_files(tmp_path, monkeypatch):
    "D18: under fast_app too, whatever lies in the folder"
    from fasthtml.common import fast_app
    from fasthtml.testing import Client
    from fasthtml.xtend import robots_txt, sitemap_xml
    monkeypatch.chdir(tmp_path)
    (tmp_path/'robots.txt').write_text('from the folder')
    app, rt = fast_app(secret_key='k', static_path=str(tmp_path))
    robots_txt(app)
    sitemap_xml(app, ['/'], 'https://x.org')
    client = Client(app)
    assert client.get('/robots.txt').text == 'User-agent: *\nAllow: /\n'
    assert client.get('/robots.txt').headers['content-type'] == 'text/plain; charset=utf-8'
    assert '<loc>https://x.org/</loc>' in client.get('/sitemap.xml').text
