"What elements write is what htmx 2 and 4, and the browser, understand: events, values as JSON, targets, hostile text."
import threading
from random import Random

import pytest

from fasthtml.app.app import FastHTML
from fasthtml.html.attributes import is_css_value, selector_of
from fasthtml.html.element import Safe, to_html
from fasthtml.html.render import iter_chunks
from fasthtml.html.tags import (
    A,
    Body,
    Button,
    Div,
    Form,
    Head,
    Html,
    Input,
    Li,
    Main,
    P,
    Script,
    Style,
    Textarea,
    Title,
    Ul,
)
from fasthtml.http.responses import FtResponse
from fasthtml.realtime.sse import EventStream
from support import serve


@pytest.fixture
def page(same_page): return same_page

VERSIONS = pytest.mark.parametrize('htmx', [2, 4])


def site(htmx: int) -> FastHTML:
    app = FastHTML(htmx=htmx)
    seen = []

    @app.get('/')
    def index():
        out = Div(id='out')
        return Main(
            Button('Click', id='click', hx_on_click="this.textContent = 'clicked'"),
            Button('Send', id='send', hx_post=send, hx_target=out, hx_vals={'words': 'a "b" <c> \' & d', 'n': 1},
                   hx_headers={'X-Word': 'e'}, hx_on__after_request="if (event.detail.successful) document.title = 'sent'"),
            Form(Input(name='q', value='"><script>alert(1)</script>'), hx_post='/send', hx_target=out, id='form'),
            Div(A('Part', id='boosted', href='/part'), hx_boost=True, hx_target='#out', **({} if htmx == 2 else dict(
                hx_boost_inherited=True, hx_target_inherited='#out'))), out)

    @app.post('/send')
    def send(words: str = '', n: int = 0, q: str = '', x_word: str | None = None):
        seen.append((words, n, q, x_word))
        return P(words, q, id='reply')

    @app.get('/part')
    def part(): return P('part', id='part')

    app.state.seen = seen
    return app


@VERSIONS
def test_attributes_do_what_they_say(htmx, page):
    app = site(htmx)
    with serve(app) as server:
        page.goto(server.url)
        page.click('#click')
        page.wait_for_function("document.getElementById('click').textContent == 'clicked'")
        page.click('#send')
        page.wait_for_function("document.title == 'sent' && document.getElementById('reply')")
        assert page.inner_text('#reply') == 'a "b" <c> \' & d'
        assert app.state.seen == [('a "b" <c> \' & d', 1, '', 'e')]
        page.evaluate("document.getElementById('form').requestSubmit()")
        page.wait_for_function("document.getElementById('reply').textContent.startsWith('\">')")
        assert page.inner_text('#reply') == '"><script>alert(1)</script>'
        page.click('#boosted')
        page.wait_for_function("document.getElementById('part')")
        assert page.evaluate("!!document.getElementById('click')"), 'a boosted link replaced only the target'
        assert not page.problems


def names_site(htmx: int) -> FastHTML:
    "What the two versions call by other names"
    app = FastHTML(htmx=htmx, exts=['sse'])
    app.state.asked, app.state.go = [], threading.Event()

    def part(part: str):
        off = Div(Button('off', id=f'off-{part}', hx_get='/asked?by=disable'), hx_disable=True)
        ignored = Div(Button('off', id=f'ignored-{part}', hx_get='/asked?by=ignore'), hx_ignore=True)
        return Div(
            off, ignored,
            Form(Button('go', id=f'go-{part}'), hx_get='/slow', hx_target='#out', hx_disabled_elt='find button',
                 hx_on__before_request="this.dataset.before = 'yes'",
                 hx_on__after_request="this.dataset.after = event.detail.successful + ' ' + event.detail.xhr.status"),
            Button('dash', id=f'dash-{part}', hx_get='/asked?by=', hx_swap='none', **{'hx-on-click': "this.dataset.click = 'yes'",
                   'data-hx-on--after-request': "this.dataset.after = event.detail.successful"}),
            Button('bad', id=f'bad-{part}', hx_get='/bad', hx_on__response_error="this.textContent = 'failed'",
                   hx_on__after_request="this.dataset.after = event.detail.successful + ' ' + event.detail.xhr.status"), id=part)

    @app.get('/')
    def index():
        return Main(part('page'), Div(id='out'), Div(id='more'), Button('more', id='get', hx_get='/more', hx_target='#more'),
                    Div(id='push', hx_ext='sse', sse_connect='/push', sse_swap='message', hx_swap='none'))

    @app.get('/more')
    def more(): return part('later')

    @app.get('/push')
    def push(): return EventStream(Div(part('inner'), word, id='more', hx_swap_oob='true') for word in ('one', 'two'))

    @app.get('/asked')
    def asked(by: str = ''):
        if by: app.state.asked.append(by)

    @app.get('/slow')
    def slow():
        app.state.go.wait(60)
        return 'done'

    @app.get('/bad')
    def bad(): return FtResponse('no', status_code=400)

    return app


@VERSIONS
def test_names_that_the_versions_do_not_share(htmx, page):
    app = names_site(htmx)
    with serve(app) as server:
        page.goto(server.url)
        page.wait_for_selector('#go-inner')   # pushed, and pushed again: the second one is a morph
        page.wait_for_function("document.getElementById('more').textContent.endsWith('two')")
        page.click('#get')
        page.wait_for_selector('#go-later')
        for part in 'page', 'later':
            app.state.go.clear()
            for name in 'off', 'ignored': page.click(f'#{name}-{part}')
            page.click(f'#go-{part}')
            page.wait_for_selector(f'#go-{part}:disabled')
            app.state.go.set()
            page.wait_for_selector(f'#go-{part}:enabled')
            page.wait_for_selector(f'#{part} form[data-before=yes][data-after="true 200"]')
            page.click(f'#dash-{part}')
            page.wait_for_selector(f'#dash-{part}[data-click=yes][data-after=true]')
            page.click(f'#bad-{part}')
            page.wait_for_selector(f'#bad-{part}[data-after="false 400"]')
            assert page.inner_text(f'#bad-{part}') == 'failed'
        assert app.state.asked == []
        page.problems.clear()   # the status 400


def test_a_browser_reads_back_the_tree_that_was_written(page):
    "R2 and R3, with Chromium for a judge"
    text = '</script><img src=x onerror=alert(1)>&amp;"\' <!-- \n\n'
    doc = Html(Head(Title(text), Style(f'p::before {{content: "{"</style>"}"}}')),
               Body(Div(P(text, title=text), Textarea('\n' + text), Ul(map(Li, [text, 'x'])), id='box'),
                    Script('window.seen = ', '"</script><!--"')))
    page.set_content(''.join(iter_chunks(doc, size=50)))
    assert page.evaluate('window.seen') == '</script><!--'
    assert page.evaluate("document.querySelectorAll('img').length") == 0 and page.evaluate("document.querySelector('p').title") == text
    assert page.evaluate("[...document.querySelectorAll('li')].map(o => o.textContent)") == [text, 'x']
    assert page.evaluate("document.querySelector('textarea').value") == '\n' + text
    assert page.evaluate("document.querySelector('#box').children.length") == 3 and not page.problems


@pytest.mark.parametrize('url', ['javascript:hit()', ' java\tscript:hit()', 'JAVASCRIPT:hit()', '\x01javascript:hit()'])
@pytest.mark.parametrize('make', [lambda u: A('x', id='x', href=u), lambda u: Form(Button('x', id='x', formaction=u))])
def test_script_addresses_do_not_run(make, url, page):
    control = A('y', id='y', href=Safe('javascript:void(window.control = 1)'))   # meant; runs after the other would have
    page.set_content(to_html(Html(Body(Script('function hit() { window.ran = 1 }'), make(url), control))))
    page.evaluate("document.getElementById('x').click()")
    page.evaluate("document.getElementById('y').click()")
    page.wait_for_function('window.control == 1')
    assert page.evaluate('window.ran') is None


COLOURS = r"""red|red;|red; position: fixed|red;position:fixed;inset:0;background:url(https://other.example/x)|red/*|*/red|red}|{red|"red
|'red|red)|url(x|url(x;y|red\|\;position:fixed|"\";position:fixed|red !important; position: fixed|";position:fixed|rgb(1, 2, 3)
|var(--x, red; position: fixed)|[;position:fixed|(;);position:fixed||:|red:position|<!--|-->|red&#59;position:fixed
|u\72l(x);position:fixed|/**/red;position:fixed|red;/**/position:fixed|@x;position:fixed""".replace('\n', '').split('|')
COLOURS += ['red\n;position:fixed', 'red\x00;position:fixed', *(f'"{o};position:fixed;x:"' for o in ('\f', '\r', '\r\n', '\x85', '\u2028')),
            *(f'{url}(a{o};position:fixed;x:url({o})' for url in ('url', 'URL', r'u\72l', 'url(b)url') for o in ('"', "'", '["', '/*'))]
PIECES = ['"', "'", '\\', '\f', '\r', '\n', '(', ')', '[', ']', 'url(', 'URL( ', r'u\72l(', 'src(', 'a', ' ', '/*', '{', '}', '\\29 ', ',',
          ';position:fixed', ';position:fixed;x:']

def test_the_value_of_a_declaration_writes_no_other_one(page):
    app = FastHTML()
    names = ['color;position:fixed', 'a:b;position', 'x}', 'po\\73ition', 'a b', '']
    @app.get('/')
    def index():
        values = [P(style=style) for value in COLOURS for style in ({'color': value, 'top': '1px'}, [{'color': value}, 'top: 1px'])]
        return Main(*values, *[P(style={name: 'fixed', 'top': '1px'}) for name in names])
    with serve(app) as server:
        page.goto(server.url)
        said = page.evaluate("$$('main > p').map(o => [...o.style])")
    assert [o for o in said if not {'top'} <= set(o) <= {'color', 'top'}] == []
    assert sum('color' in o for o in said) == 6   # red, red; and rgb(), in both ways


def test_nor_does_a_value_that_is_made_of_any_pieces(page):
    choose = Random(1)
    values = sorted({''.join(choose.choices(PIECES, k=choose.randint(2, 8))) for _ in range(100_000)})
    taken = [o for o in values if is_css_value(o)]
    assert len(taken) > 1000 and any('"' in o for o in taken) and any('url(' in o.lower() for o in taken)
    page.set_content(to_html(Main(*[P(style={'background': value, 'top': '1px'}) for value in taken])))
    said = page.evaluate("[...document.querySelectorAll('main > p')].map(o => [o.style.position, o.style.top])")
    assert [(value, o) for value, o in zip(taken, said, strict=True) if o != ['', '1px']] == []


@pytest.mark.parametrize('id', ['a', '1', 'a b', 'a"b', 'a\\b', 'a\nb', 'a\rb', 'a\fb', '\n', 'é', 'a:b', ']', '\\a '])
def test_a_selector_finds_the_element_whatever_its_id_is(id, page):
    page.set_content(to_html(Div(id='other'), Div('x', id='y')))
    found = page.evaluate('''([id, selector]) => {
        document.getElementById('y').id = id
        return document.querySelector(selector)?.textContent }''', [id, selector_of(id)])
    assert found == 'x'
