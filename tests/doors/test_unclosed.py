"""Under a policy, text that was sent as HTML and left something open takes nothing from the scripts behind it: not the nonce, not
their code. Judged by Chromium, with htmx 2 and 4. Of each way to arrive, theirs and ours come together, as in `test_smuggled.py`.
"""
import json
import random
import re

import pytest
from starlette.responses import Response

from fasthtml.common import (
    A,
    Body,
    Button,
    Client,
    Div,
    EventStream,
    FastHTML,
    Html,
    Link,
    NotStr,
    P,
    Safe,
    Script,
    Style,
    Titled,
)
from fasthtml.html.element import csp_nonce, to_html
from fasthtml.html.render import to_xml
from fasthtml.svg import Circle, Svg
from support import DEADLINE, serve

EVIL = 'data:text/javascript,window.injected=1'


class Drawn:
    "What draws itself"
    def __init__(self, text): self.text = text
    def __html__(self): return self.text


class Made(Drawn):
    "What becomes an element"
    def __ft__(self): return Div(NotStr(self.text)), Safe('')


# name → what is sent as HTML before our scripts, what a visitor wrote that our first script has as data, what is sent behind it
THEIRS = {
    'tag': ([Safe(f'<script src="{EVIL}" data-theirs ')], 'x', []),
    'name of an attribute': ([NotStr(f'<script src="{EVIL}" data-theirs x')], 'x', []),
    'value': ([Drawn(f'hello<script src="{EVIL}" data-theirs x=')], 'x', []),
    'twice': ([Safe(f'hello<script src="{EVIL}" data-theirs x=1 x=')], 'x', []),
    'twice in quotes': ([Made(f'<script src="{EVIL}" data-theirs x=1 x="')], 'x', []),
    'twice in single quotes': ([Safe(f"<script src=\"{EVIL}\" data-theirs x=1 x='")], 'x', []),
    'in two texts': ([Safe('<script src="'), NotStr(EVIL + '" data-theirs x=1 '), Drawn('x=')], 'x', []),
    'in lists': ([[(Safe(f'<script src="{EVIL}" data-theirs a a='),)], (o for o in [Safe(' ')])], 'x', []),
    'script in SVG': ([Safe(f'<svg><script href="{EVIL}" data-theirs x=1 x=')], 'x', []),
    'style': ([Safe('<style data-theirs x=1 x=')], 'x', []),
    'link': ([Safe('<link rel="stylesheet" href="data:text/css,p{color:red}" data-theirs x=1 x=')], 'x', []),
    'comment': ([Safe(f'<!-- <script src="{EVIL}" data-theirs x=1 x=')], 'x', []),
    'escaped script': ([Safe(f'<script data-theirs><!--<script src="{EVIL}" x=1 x=')], 'x', []),
    'end tag': ([Safe('<script data-theirs>window.injected=1</script x=1 x=')], 'x', []),
    'SVG': ([Safe('<svg>')], '&quot;;window.injected=1;//', []),
    'SVG, a tag of code': ([Safe('<svg><g>')], '<g x ', []),
    'MathML': ([Safe('<math><annotation-xml>')], '&quot;;window.injected=1;//', []),
    'CDATA': ([Safe('<svg><![CDATA[')], f"]]><script src='{EVIL}' data-theirs x=1 x=", []),
    'head': ([Safe('<p>x')], '<head>', [Safe('</head>";window.injected=1//</script>')]),
    'head with attributes': ([], '<head x', [Safe('<b></head>";window.injected=1//</script>')]),
}
HARMLESS = {
    'Markdown': [Safe('<h1>A &lt; b</h1>\n<p>1 <em>two</em> <code>a &lt;b c="</code></p><pre><code>x = "\'&lt;!--"</code></pre><hr>')],
    'script': [NotStr('<script type="text/plain">if (a<b && c="x") d = \'<!--\'</script>')],
    'comments': [Safe('<!-- <script x=" --> <!-- a > b ---> <!---->')],
    'picture': [Svg(Circle(cx=1, cy=1, r=1)), Safe('<svg><style>a > b {color: red}</style><title>a &amp; b</title><path d="M0 0"/></svg>')],
    'field': [Safe('<textarea><script x="</textarea><select><option>1</select>')],
    'table': [Safe('<table><tr><td title="a>b">1<td title=\'"\'>2</table>')],
    'text': [Safe('1 < 2 & 3 > 2 "x" \'y\' a=b </3')],
}


def theirs(kind):
    before, wrote, after = THEIRS[kind]
    code = f'window.said = {json.dumps(wrote)}; if (2 > 1) window.other = {json.dumps(";window.injected=1;//")}'
    return *before, Script(code), *after, Script(src='/ours.js'), Style('p {margin: 0}'), Link(rel='help', href='/')


def with_ours(kind, way):
    text = f'if (1 < 2 && 2 > 1) (window.ran ||= {{}})["{way}"] = true'
    return *HARMLESS[kind], Script(text), Script('{"a": "<b>&"}', type='application/json', cls='data')


def content(kind, way):
    "The same every time: a generator can be read once"
    parts = theirs(kind) if kind in THEIRS else with_ours(kind, way)
    return P(way, cls='arrived', data_way=way), *parts


BOTH = {name: name for name in ('innerHTML', 'outerHTML', 'beforeend')}
SWAPS = {2: BOTH | {'morph': 'morph:innerHTML'}, 4: BOTH | {name: name for name in ('innerMorph', 'outerMorph')}}


def make_app(htmx):
    app, said = FastHTML(csp=True, exts=['sse', 'ws'], htmx=htmx, secret_key='x', assets='local'), []
    def add(path, f): app.get(path, name=path)(f)
    add('/ours.js', lambda: Response('window.ours = 1', media_type='text/javascript'))
    add('/page/{kind}', lambda kind: Titled('page', *content(kind, 'page')))
    add('/whole/{kind}', lambda kind: Html(Body(P('whole', cls='arrived', data_way='whole'), *content(kind, 'whole')[1:])))
    add('/part/{kind}/{way}', lambda kind, way: content(kind, way))
    add('/oob/{kind}', lambda kind: (P('x'), Div(*content(kind, 'oob'), id='aside', hx_swap_oob='true')))
    async def parts(kind):
        for part in content(kind, 'parts'): yield part
    add('/parts/{kind}', parts)
    async def events(kind): yield Div(*content(kind, 'push'))
    add('/events/{kind}', lambda kind: EventStream(events(kind)))
    def home(kind):
        get = lambda way, path, **kw: Button(way, id=f'b-{way}', hx_get=path, **kw)
        buttons = [get(way, f'/part/{kind}/{way}', hx_target=f'#out-{way}', hx_swap=swap) for way, swap in SWAPS[htmx].items()]
        buttons += [get('oob', f'/oob/{kind}', hx_swap='none'), get('parts', f'/parts/{kind}', hx_target='#out-parts', hx_swap='innerHTML')]
        links = [A(way, id=f'b-{way}', href=f'/{way}/{kind}', hx_boost='true') for way in ('page', 'whole')]
        places = [Div(Div(id=f'out-{way}'), hx_ext='morph') for way in [*SWAPS[htmx], 'parts']]
        push = Div(hx_ext='sse', sse_connect=f'/events/{kind}', sse_swap='message')
        return Titled('home', *buttons, *links, *places, Div(id='aside'), push, hx_ext='morph')
    add('/home/{kind}', home)
    @app.live
    def box(kind: str): return Div(*content(kind, 'region') if kind in said else P('nothing yet', id='nothing'))
    add('/region/{kind}', lambda kind: Titled('region', box(kind=kind)))
    @app.post('/say/{kind}')
    async def say(kind: str):
        said.append(kind)
        await box.changed(kind=kind)
        return 'said'
    return app


# What a visitor does in each kind, in a frame of its own, three at a time: a connection that stays open takes one of six
VISIT = """async ({kinds, theirs, whole, swaps, seconds}) => {
  const wrong = [], left = [...kinds];
  const until = async (found, ...what) => {
    for (const end = performance.now() + 1000 * seconds; !found(); await new Promise(done => setTimeout(done, 5)))
      if (performance.now() > end) throw Error(`waited for ${what}`);
  };
  const visit = async (frame, kind) => {
    let page;
    const open = path => new Promise(done => {
      frame.onload = () => { page = frame.contentWindow; done(); };
      frame.src = `/${path}/${kind}`;
    });
    const all = selector => [...page.document.querySelectorAll(selector)];
    const look = async way => {   // wait for what has arrived, and look
      await until(() => all(`.arrived[data-way=${way}]`).length, kind, way);
      await new Promise(done => page.setTimeout(() => page.requestAnimationFrame(() => page.setTimeout(done))));
      if (theirs) {
        const took = all('[data-theirs]').filter(o => o.nonce).map(o => o.localName);
        if (page.injected || took.length) wrong.push([kind, way, 'injected', page.injected, took]);
      } else if (way !== 'push') {
        await until(() => page.ran?.[way], kind, way, 'to run');
        const data = all('.data').map(o => o.textContent);
        if (!data.length || data.some(o => JSON.parse(o).a !== '<b>&')) wrong.push([kind, way, data]);
        delete page.ran[way];
      }
      if (kind === 'head' && way !== 'push' && page.said !== '<head>') wrong.push([kind, way, 'said', page.said]);
    };
    const click = way => { all(`#b-${way}`)[0].click(); return look(way); };
    for (const way of whole) { await open(way); await look(way); }
    await open('home');
    await look('push');
    for (const way of swaps) await click(way);
    await click('page');   // what was swapped goes with the body that it stands in
    await open('home');
    await click('whole');
    await open('region');
    await until(() => page.document.documentElement.dataset.live === 'true', kind, 'live');
    await page.fetch('/say/' + kind, {method: 'POST'});
    await look('region');
    await open('region');
    await look('region');
  };
  const visitor = async () => {
    const frame = document.createElement('iframe');
    frame.style.visibility = 'hidden';   // nothing here asks for painting
    document.body.append(frame);
    for (let kind; kind = left.shift();) await visit(frame, kind);
    frame.remove();
  };
  await Promise.all([visitor(), visitor(), visitor()]);
  return wrong;
}"""


@pytest.mark.parametrize('htmx', [2, 4])
@pytest.mark.parametrize('kinds', [THEIRS, HARMLESS], ids=['theirs', 'harmless'])
def test_what_is_left_open_takes_nothing_and_what_is_not_stops_nothing(browser, htmx, kinds):
    with serve(make_app(htmx)) as server, browser.new_page() as page:   # a plain one, whose scripts come from the server and are kept
        page.goto(f'{server.url}/ours.js')
        whole = ('page', 'parts', 'whole') if htmx == 4 else ()   # the page alone, before any script of htmx
        told = dict(kinds=[*kinds], theirs=kinds is THEIRS, whole=whole, swaps=[*SWAPS[htmx], 'oob', 'parts'], seconds=DEADLINE)
        assert page.evaluate(VISIT, told) == []


PIECES = [*'< </ <! <!- <!-- -- --> --!> -> > /> " \' ` = / x & &lt <? <!doctype <![CDATA[ ]] ]]> nonce nonce='.split(),
          *'<script <script> </script <style <style> <textarea> </textarea <title> <xmp> <iframe> <noscript> <template>'.split(),
          *'<plaintext> <svg> </svg <math> <mi> <annotation-xml> <foreignObject> <desc> <table> <td> <select> <frameset>'.split(),
          *' \t\f\0', ' public "', '<p ', '</p ', '</script ', '</style ', '<link ', '</title ', '<iframe srcdoc=', '</noscript ', '<svg ',
          '<option ', '<form ', '<body ', '<html ', '<head ', "<img alt='", '<img alt="', '<a href=']
CODE = 'let said = "&quot;;window.injected=1;//"'
READ = '''({texts, tail, nonce, code}) => {
  const expected = {script: ['nonce', 'src'], style: ['nonce'], link: ['nonce', 'rel']}, wrong = [];
  const template = document.createElement('template'), div = document.createElement('div');
  const readers = {
    page: html => new DOMParser().parseFromString('<!doctype html><title>x</title>' + html, 'text/html'),
    template: html => (template.innerHTML = html, template.content),
    element: html => (div.innerHTML = html, div),   // with scripts on, `noscript` holds text
  };
  const all = node => [...node.querySelectorAll('*')].flatMap(o => o.content && o.content.querySelectorAll ? [o, ...all(o.content)] : [o]);
  let whole = 0;
  for (const text of texts)
    for (const [reader, read] of Object.entries(readers))
      for (const el of all(read(text + tail))) {
        const attrs = [...el.attributes], names = attrs.map(o => o.name).join();
        if (!attrs.some(o => o.name.includes(nonce) || o.value.includes(nonce))) continue;
        const own = el.localName === 'script' && names === 'nonce' ? (el.textContent === '/*' || el.textContent === '/*<p>*/' + code) &&
          (el.namespaceURI.endsWith('xhtml') || el.textContent === '/*') : names === (expected[el.localName] || '').toString();
        if (own) whole += 1;
        else wrong.push([reader, text, el.outerHTML]);
      }
  return [wrong.slice(0, 5), whole];
}'''


def test_no_parser_gives_the_nonce_to_another_element_whatever_stands_before(page):
    nonce, rng = 'N0nceN0nceN0nce', random.Random(1)
    csp_nonce.value = nonce
    try: tail = to_html(Script(CODE), Style('a{}'), Link(rel='help'), Script(src='data:,'), Script(CODE))
    finally: csp_nonce.value = ''
    texts = [a + b for a in PIECES for b in ['', *PIECES]]
    texts += [''.join(rng.choices(PIECES, k=rng.randrange(3, 8))) for _ in range(15_000)]
    page.goto('about:blank')
    wrong, whole = page.evaluate(READ, dict(texts=texts, tail=tail, nonce=nonce, code=CODE))
    assert not wrong and whole > len(texts), wrong


def test_each_renderer_writes_the_same_and_none_without_a_policy():
    data, template = Script('{"<": 1}', type='application/json'), Script(Style('x'), type='text/x-template')
    el = Div(Script('a < b'), data, Script('a < b', type='module'), template)
    assert to_html(el).count('<!--') == to_xml(el).count('<!--') == 0 and '/*' not in to_html(el)
    csp_nonce.value = 'N'
    try: texts = [to_html(el), to_xml(el, indent=False), re.sub(r'\n *', '', to_xml(el))]
    finally: csp_nonce.value = ''
    assert len(set(texts)) == 1
    html = texts[0]
    assert html.count('<!--"\'>--><script nonce="N"') == 4 and html.count('/*<p>*/a < b') == 2 and '>{"<": 1}<' in html
    assert '><style nonce="N">x</style></script>' in html


def test_an_element_that_becomes_a_script_is_written_as_one():
    el = Div('a < b')
    el.tag = 'script'
    csp_nonce.value = 'N'
    try: assert to_html(el) == '<!--"\'>--><script nonce="N">/*<p>*/a < b</script>'
    finally: csp_nonce.value = ''


def test_a_region_that_is_a_script_is_one_element():
    app = FastHTML(csp=True, secret_key='x')
    @app.live
    def code(): return Script('let a = 1 < 2')
    @app.live
    def box(): return Div(Safe('<script x=1 x='), code())
    app.get('/')(lambda: (code(), box()))
    html = Client(app).get('/').text
    assert len(re.findall(r'<!--"\'>--><script [^>]*nonce="[^"]+" data-live-own>', html)) == 2 and html.count('data-live-own') == 2
