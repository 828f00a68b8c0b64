"Names and import paths that programs written for python-fasthtml 0.14 use."
import importlib
import subprocess
import sys

import pytest

from support import ROOT, each_row

MODULES = {
    'components': '''
        named html_attrs hx_attrs hx_attrs_4only hx_evts hx_evts_4only js_evts hx_attrs_annotations hx_evt_attrs
        js_evt_attrs evt_attrs attrmap_x ft_html ft_hx HxPartial File show fill_form fill_dataclass find_inputs
        html2ft sse_message
    ''',
    'xtend': '''
        A AX Form Hidden CheckboxX Script Style double_braces undouble_braces loose_format ScriptX replace_css_vars
        StyleX Nbsp Surreal On Prev Now AnyNow run_js HtmxOn jsd Fragment Titled Socials YouTubeEmbed Favicon clear
        sid_scr with_sid LdJson LdContactPoint LdOrg LdWebsite LdCourseInstance LdCourse robots_txt sitemap_url
        sitemap_xml upload_pb_attrs
    ''',
    'core': '''
        empty parsed_date snake2hyphens htmx_hdrs HtmxHeaders fh_cfg HttpHeader htmx_resps HtmxResponseHeaders
        form2dict DEF_MAXPART parse_form ApiReturn JSONResponse flat_xt Beforeware EventStream signal_shutdown uri
        decode_uri StringConvertor flat_tuple noop_body respond is_full_page Redirect htmx_exts htmxsrc htmx4src
        fhjsscr surrsrc scopesrc viewport charset get_key qp def_hdrs cors_allow iframe_scr Lifespan FastHTML
        HostRoute all_meths nested_name serve until_disconnect cancel_on_disconnect Client RouteFuncs APIRouter cookie
        reg_re_param StaticNoCache StaticImmutable vurl add_sig_param into MiddlewareBase FtResponse unqid
        devtools_loc
    ''',
    'fastapp': '''
        fast_app
    ''',
    'js': '''
        light_media dark_media npmcdn MarkdownJS KatexMarkdownJS HighlightJS SortableJS MermaidJS
    ''',
    'pico': '''
        picocss picolink picocondcss picocondlink set_pico_cls Card Group Search Grid DialogX Container PicoBusy
    ''',
    'svg': '''
        g Svg ft_svg Rect Circle Ellipse transformd Line Polyline Polygon Text PathFT Path svg_inb SvgOob SvgInb
    ''',
    'toaster': '''
        tcid sk toast_css js Toast add_toast render_toasts toast_after setup_toasts
    ''',
    'live_reload': '''
        LiveReloadJs live_reload_ws FastHTMLWithLiveReload
    ''',
    'authmw': '''
        auth_hdrs BasicAuthMiddleware user_pwd_auth basic_logout
    ''',
}
FRONT_DOOR = {
    'tags': '''
        A Abbr Address Area Article Aside Audio B Base Bdi Bdo Blockquote Body Br Button Canvas Caption Cite Code Col
        Colgroup Data Datalist Dd Del Details Dfn Dialog Div Dl Dt Em Embed Fieldset Figcaption Figure Footer Form H1
        H2 H3 H4 H5 H6 Head Header Hgroup Hr I Iframe Img Input Ins Kbd Label Legend Li Link Main Map Mark Menu Meta
        Meter Nav Noscript Object Ol Optgroup Option Output P Picture Pre Progress Q Rp Rt Ruby S Samp Script Search
        Section Select Slot Small Source Span Strong Style Sub Summary Sup Table Tbody Td Template Textarea Tfoot Th
        Thead Time Title Tr Track U Ul Var Video Wbr
    ''',
    'elements': '''
        FT ft to_xml Safe NotStr Html voids attrmap valmap dict2xml highlight showtags mk_getattr Svg Math Param
        Strike
    ''',
    'fastcore': '''
        L AttrDict dict2obj first listify tuplify partition patch store_attr risinstance maybe_await run_sync
    ''',
    'Starlette': '''
        Starlette Request Response HTMLResponse RedirectResponse FileResponse StreamingResponse JSONResponse
        JSONResponseOrig HTTPException WebSocketException WebSocket WebSocketDisconnect WebSocketEndpoint HTTPEndpoint
        HTTPConnection Headers FormData UploadFile State URLPath Secret CommaSeparatedStrings Route Router Mount Host
        Match WebSocketRoute compile_path Middleware SessionMiddleware CORSMiddleware HTTPSRedirectMiddleware
        TrustedHostMiddleware AuthenticationMiddleware AuthenticationBackend AuthCredentials AuthenticationError
        SimpleUser requires BackgroundTask BackgroundTasks StaticFiles Config Convertor StringConvertor
        register_url_convertor run_in_threadpool is_async_callable ASGIApp Scope Receive Send Message
    ''',
    'standard library': '''
        Path dataclass partial reduce itemgetter attrgetter SimpleNamespace warn Any Dict Generator Iterable Iterator
        List Mapping Optional Sequence Set Tuple Union io os re sys math operator functools itertools enum typing
        warnings base64
    ''',
}


@pytest.mark.parametrize('module', MODULES)
def test_a_module_has_the_names_that_programs_import_from_it(module):
    found = importlib.import_module(f'fasthtml.{module}')
    assert [name for name in MODULES[module].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize('kind', FRONT_DOOR)
def test_a_star_import_of_the_front_door_gives_what_programs_lean_on(kind):
    names = {}
    exec('from fasthtml.common import *', names)
    assert [name for name in FRONT_DOOR[kind].split() if name not in names] == []


@pytest.mark.parametrize('module', 'core components xtend js live_reload toaster authmw fastapp'.split())
def test_the_front_door_gives_all_of_these_modules(module):
    names = {}
    exec('from fasthtml.common import *', names)
    assert [name for name in MODULES[module].split() if name not in names] == []


PATHS = 'common basics core components xtend ft js svg pico fastapp toaster live_reload authmw starlette'.split()
ALONE = f"""
import os, sys, warnings
import fastcore.utils, starlette.applications, starlette.authentication, starlette.staticfiles, starlette.websockets
sys.stdout.reconfigure(line_buffering=True)
for path in {PATHS}:
    if child := os.fork():
        if os.waitpid(child, 0)[1]: print(path)
        continue
    warnings.simplefilter('error')
    exec(f'from fasthtml.{{path}} import *', {{}})
    break
"""


def test_an_import_path_works_alone():
    "In a process where nothing else of ours was imported: a fork of one that has imported what is of others. Warnings are errors"
    result = subprocess.run([sys.executable, '-c', ALONE], cwd=ROOT, text=True, capture_output=True)
    assert (result.returncode, result.stdout.split()) == (0, []), result.stdout + result.stderr


@pytest.mark.parametrize('module', ['components', 'ft'])
def test_a_custom_tag_is_made_by_its_name(module):
    tag = importlib.import_module(f'fasthtml.{module}').Sl_Button
    assert str(tag('a')) == '<sl-button>a</sl-button>'


def test_a_name_that_moved_says_where_to():
    with pytest.raises(ImportError, match='fasthtml.pico'):
        exec('from fasthtml.common import Card')


@each_row('path', ['core FT', 'core Request', 'core Div', 'core to_xml', 'xtend Div', 'xtend MarkdownJS', 'xtend Socials',
                                  'components FT', 'components NotStr', 'components to_xml', 'components fh_cfg',
                                  'authmw MiddlewareBase', 'toaster FT', 'core setup_ws'])
def test_names_that_programs_ask_for_at_another_address_are_the_same_things(path):
    "faststrap takes `FT` from `fasthtml.core`; in `fasthtml.components`, `FT` and `NotStr` must not be made into tags"
    import fasthtml.common as common
    module, name = path.split()
    assert getattr(importlib.import_module(f'fasthtml.{module}'), name) is getattr(common, name)


def test_what_nobody_has_is_an_import_error_everywhere():
    for module in 'core', 'xtend', 'components', 'common':
        with pytest.raises(ImportError, match='no_such_name'):
            exec(f'from fasthtml.{module} import no_such_name')


def test_a_star_import_of_the_package_gives_what_core_has():
    names = {}
    exec('from fasthtml import *', names)
    import fasthtml.core
    assert all(names[name] is getattr(fasthtml.core, name) for name in fasthtml.core.__all__)


def test_fastcores_builder_of_xml_is_imported_when_it_is_named():
    code = ('import sys; from fasthtml.common import *; print("fastcore.xml" in sys.modules); '
            'from fasthtml.common import E, XML; print(E().a("b"))')
    result = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, capture_output=True)
    assert result.stdout.split() == ['False', '<a>b</a>'], result.stderr


def test_the_extensions_of_htmx_are_a_mapping_of_addresses():
    from fasthtml.common import Script, htmx_exts
    assert htmx_exts['ws'].startswith('https://') and htmx_exts['ws'].endswith('.js')
    assert {'morph', 'preload', 'head-support', 'ws', 'sse'} <= set(htmx_exts) and 'nonsense' not in htmx_exts
    assert htmx_exts['ws'] in str(Script(src=htmx_exts['ws'])) and htmx_exts(4)['ws'] == 'ws4'
