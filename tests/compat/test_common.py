"One import: what `from fasthtml.common import *` brings, and what importing does not do (G1)."
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

OURS = '''
named html_attrs hx_attrs hx_attrs_4only hx_evts hx_evts_4only js_evts hx_attrs_annotations hx_evt_attrs js_evt_attrs evt_attrs attrmap_x
ft_html ft_hx HxPartial File show fill_form fill_dataclass find_inputs html2ft sse_message
A AX Form Hidden CheckboxX Script Style double_braces undouble_braces loose_format ScriptX replace_css_vars StyleX Nbsp Surreal On Prev Now
AnyNow run_js HtmxOn jsd Fragment Titled Socials YouTubeEmbed Favicon clear sid_scr with_sid LdJson LdContactPoint LdOrg LdWebsite
LdCourseInstance LdCourse robots_txt sitemap_url sitemap_xml upload_pb_attrs
empty parsed_date snake2hyphens htmx_hdrs HtmxHeaders fh_cfg HttpHeader htmx_resps HtmxResponseHeaders form2dict DEF_MAXPART parse_form
ApiReturn JSONResponse flat_xt Beforeware EventStream signal_shutdown uri decode_uri flat_tuple noop_body respond is_full_page Redirect
htmx_exts htmxsrc htmx4src fhjsscr surrsrc scopesrc viewport charset get_key qp def_hdrs cors_allow iframe_scr Lifespan FastHTML HostRoute
all_meths nested_name serve until_disconnect cancel_on_disconnect Client RouteFuncs APIRouter cookie reg_re_param StaticNoCache
StaticImmutable vurl add_sig_param into MiddlewareBase FtResponse unqid devtools_loc fast_app
light_media dark_media npmcdn MarkdownJS KatexMarkdownJS HighlightJS SortableJS MermaidJS
Toast add_toast render_toasts setup_toasts toast_after toast_css LiveReloadJs live_reload_ws FastHTMLWithLiveReload
auth_hdrs BasicAuthMiddleware user_pwd_auth basic_logout
FT ft to_xml Safe NotStr Html voids attrmap valmap dict2xml highlight showtags mk_getattr Svg Math Param Strike
'''.split()
TAGS = '''
Address Area Article Aside Audio B Base Bdi Bdo Blockquote Body Br Button Canvas Caption Cite Code Col Colgroup Data Datalist Dd Del Details
Dfn Dialog Div Dl Dt Em Embed Fencedframe Fieldset Figcaption Figure Footer H1 H2 H3 H4 H5 H6 Head Header Hgroup Hr I Iframe Img Input Ins
Kbd Label Legend Li Link Main Map Mark Menu Meta Meter Nav Noscript Object Ol Optgroup Option Output P Picture PortalExperimental Pre
Progress Q Rp Rt Ruby S Samp Search Section Select Slot Small Source Span Strong Sub Summary Sup Table Tbody Td Template Textarea Tfoot Th
Thead Time Title Tr Track U Ul Var Video Wbr
'''.split()
STARLETTE = '''
Starlette Request Response HTMLResponse RedirectResponse FileResponse StreamingResponse JSONResponseOrig HTTPException WebSocketException
WebSocket WebSocketDisconnect WebSocketEndpoint HTTPEndpoint HTTPConnection Headers FormData UploadFile State URLPath Secret
CommaSeparatedStrings Route Router Mount Host Match WebSocketRoute compile_path Middleware SessionMiddleware CORSMiddleware
HTTPSRedirectMiddleware TrustedHostMiddleware AuthenticationMiddleware AuthenticationBackend AuthCredentials AuthenticationError SimpleUser
requires BackgroundTask BackgroundTasks StaticFiles Config Convertor StringConvertor register_url_convertor run_in_threadpool
is_async_callable ASGIApp Receive Scope Send
'''.split()
FASTCORE = 'L AttrDict dict2obj first listify tuplify partition patch store_attr risinstance maybe_await run_sync'.split()
STANDARD = '''
Path dataclass partial reduce itemgetter attrgetter SimpleNamespace warn Any Dict Generator Iterable Iterator List Mapping Optional Sequence
Set Tuple Union io os re sys math operator functools itertools enum typing warnings base64
'''.split()


@pytest.fixture(scope='module')
def common():
    names = {}
    exec('from fasthtml.common import *', names)
    return names


@pytest.mark.parametrize('names', [OURS, TAGS, STARLETTE, FASTCORE, STANDARD], ids=['ours', 'tags', 'starlette', 'fastcore', 'standard'])
def test_one_line_brings_what_programs_use(common, names): assert [n for n in names if n not in common] == []


def test_names_of_the_standard_library_mean_what_they_say(common):
    "#822"
    import functools
    import importlib
    import pathlib
    import typing
    assert common['Path'] is pathlib.Path and common['partial'] is functools.partial and common['Set'] is getattr(typing, 'Set')  # noqa: B009
    for name in 'io os re sys math operator functools itertools enum typing warnings base64'.split():
        assert common[name] is importlib.import_module(name)
    import builtins
    assert [n for n in common if hasattr(builtins, n) and n[0] != '_'] == []


def test_ours_win_over_others_of_the_same_name(common):
    import fasthtml.http.requests
    import fasthtml.http.responses
    import fasthtml.http.sessions
    assert common['Request'] is fasthtml.http.requests.Request and common['SessionMiddleware'] is fasthtml.http.sessions.SessionMiddleware
    assert common['cookie'] is fasthtml.http.responses.cookie and common['JSONResponse'] is fasthtml.http.responses.JSONResponse


@pytest.mark.parametrize('old, new, names', [
    ('sessions', 'session_stores',
     'AtomicStore Outcome RedisSessions SessionStore SqliteSessions Stored make_private session_store'),
    ('records', 'record_fields', 'FieldFinder Member Record is_box is_record record_cast spellings type_hints')])
def test_names_are_still_found_in_the_module_that_had_them(old, new, names):
    from importlib import import_module
    before, now = import_module(f'fasthtml.http.{old}'), import_module(f'fasthtml.http.{new}')
    assert [n for n in names.split() if getattr(before, n, None) is not getattr(now, n)] == []


def test_what_moved_says_where():
    with pytest.raises(ImportError, match='from fasthtml.pico import Card'): exec('from fasthtml.common import Card')
    with pytest.raises(ImportError, match='from fastlite import database'): exec('from fasthtml.common import database')
    with pytest.raises(ImportError, match="cannot import name 'Nonsense'"): exec('from fasthtml.common import Nonsense')


@pytest.mark.parametrize('module', ['common', 'core', 'basics', 'components', 'xtend', 'ft', 'js', 'pico', 'svg', 'toaster', 'authmw',
                                    'fastapp', 'live_reload', 'starlette'])
def test_old_import_paths_give_all_their_names(module):
    import importlib
    found = importlib.import_module(f'fasthtml.{module}')
    assert found.__all__ and [n for n in found.__all__ if not hasattr(found, n)] == []


def fresh(code, *flags):
    "What a new interpreter prints as JSON"
    done = subprocess.run([sys.executable, *flags, '-c', code], cwd=ROOT, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SNAPSHOT = '''
import importlib, inspect, json, pkgutil, sys, warnings
warnings.simplefilter('ignore')
def members():
    found = {}
    for package in ('starlette', 'uvicorn'):
        for name in [n for n in sys.modules if n == package or n.startswith(package + '.')]:
            for key, value in vars(sys.modules[name]).items():
                if key.startswith('__'): continue
                found[f'{name}.{key}'] = id(value)
                if inspect.isclass(value) and value.__module__.startswith(package):
                    for k, v in vars(value).items():
                        if k not in ('__doc__', '__abstractmethods__', '_abc_impl'): found[f'{name}.{key}.{k}'] = id(v)
    return found
for package in ('starlette', 'uvicorn'):
    for info in pkgutil.walk_packages(importlib.import_module(package).__path__, package + '.'):
        if any(part in info.name for part in ('__main__', 'workers', 'schemas', 'templating')): continue
        try: importlib.import_module(info.name)
        except ImportError: pass
before = members()
from starlette.convertors import CONVERTOR_TYPES
shapes = dict(CONVERTOR_TYPES)
from fasthtml.common import *
app, rt = fast_app(secret_key='x')
@rt('/{a:path}')
def get(a: str): return P(a)
@app.ws('/ws')
def ws(msg: str): return P(msg)
after = members()
print(json.dumps([k for k in before if before[k] != after.get(k)] + [k for k in after if k not in before and '._' not in k]
                 + [k for k in shapes if CONVERTOR_TYPES[k] is not shapes[k]]))
'''


def test_starlette_and_uvicorn_stay_as_they_are():
    "G1: each module and class of theirs has the same members before and after an app was made"
    assert fresh(SNAPSHOT) == []


def test_the_snapshot_would_see_a_patch():
    patch = 'import starlette.requests\nstarlette.requests.HTTPConnection.url_path_for = 1\n'
    patched = SNAPSHOT.replace('after = members()', patch + 'after = members()')
    assert any(name.endswith('HTTPConnection.url_path_for') for name in fresh(patched))


def test_elements_need_no_web_server():
    code = ('import sys, json\nfrom fasthtml.html import composed, element, htmx, render, tags\n'
            'from fasthtml import ft, Div\nassert str(ft("p", "x")) == "<p>x</p>"\n'
            'print(json.dumps([m for m in ("starlette", "asyncio", "uvicorn", "anyio") if m in sys.modules]))')
    assert fresh(code) == []


def test_names_of_the_package_load_when_they_are_asked_for():
    code = ('import json, sys, fasthtml\nbefore = "fasthtml.app" in sys.modules\nfrom fasthtml import FastHTML, ft, svg\n'
            'print(json.dumps([before, FastHTML.__name__, ft("p").tag, svg.__name__, hasattr(fasthtml, "nonsense")]))')
    assert fresh(code) == [False, 'FastHTML', 'p', 'fasthtml.svg', False]


def modules_of_layers():
    "Name of a module without its layer -> with it"
    paths = [path.relative_to(ROOT/'fasthtml') for path in sorted((ROOT/'fasthtml').glob('*/*.py')) if path.stem != '__init__']
    return [(path.stem, f'fasthtml.{path.parent}.{path.stem}') for path in paths]


def test_a_module_may_be_named_without_its_layer_as_before_there_were_layers():
    "Names are those that have no file of their own in the package, as `fasthtml.svg` has"
    files = {path.stem for path in (ROOT/'fasthtml').glob('*.py')} | {path.name for path in (ROOT/'fasthtml').iterdir() if path.is_dir()}
    names = [(short, whole) for short, whole in modules_of_layers() if short not in files]
    assert len({short for short, _ in names}) == len(names) > 60
    code = (f'import json\nfrom importlib import import_module, reload\nnames = {names!r}\nwrong = []\n'
            'for short, whole in names:\n'
            '    old, new = import_module("fasthtml." + short), import_module(whole)\n'
            '    if old is not new or new.__spec__.name != whole or new.__name__ != whole: wrong.append(whole)\n'
            'print(json.dumps(wrong))')
    assert fresh(code) == []


@pytest.mark.parametrize('code, shown', [
    ('from fasthtml.params import header\nfrom fasthtml.http import params\nshown = header is params.header', True),
    ('from fasthtml.html2ft import html2ft\nimport fasthtml\nshown = fasthtml.html2ft is html2ft', True),
    ('from fasthtml import html2ft, sse\nshown = [callable(html2ft), sse.__name__]', [True, 'fasthtml.realtime.sse']),
    ('from importlib.util import find_spec\nshown = [find_spec("fasthtml.nothing"), find_spec("other") and 1]', [None, None]),
    ('try: import fasthtml.realtime.params\nexcept ModuleNotFoundError as e: shown = str(e)', "No module named 'fasthtml.realtime.params'"),
])
def test_paths_without_a_layer_lead_to_the_module_itself(code, shown):
    assert fresh(f'import json\n{code}\nprint(json.dumps(shown))') == shown


def test_both_distributions_in_one_place_are_noticed(tmp_path):
    place = tmp_path/'site-packages'
    (place/'python_fasthtml-0.14.14.dist-info').mkdir(parents=True)
    code = (f'import sys, json, warnings\nsys.path.append({str(place)!r})\nwith warnings.catch_warnings(record=True) as seen:\n'
            '    warnings.simplefilter("always")\n    import fasthtml\nprint(json.dumps([str(w.message) for w in seen]))')
    assert 'pip uninstall python-fasthtml' in fresh(code)[0]
