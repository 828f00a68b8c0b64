"What elements write is what htmx 2 and 4, and the browser, understand: events, values as JSON, targets, hostile text."
import pytest

from fasthtml.app.app import FastHTML
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
from support import serve

VERSIONS = pytest.mark.parametrize('htmx', [2, 4])


def site(htmx: int) -> FastHTML:
    app = FastHTML(htmx=htmx)
    seen = []

    @app.get('/')
    def index():
        out = Div(id='out')
        after = {2: 'hx_on__after_request', 4: 'hx_on__after__request'}[htmx]
        return Main(
            Button('Click', id='click', hx_on_click="this.textContent = 'clicked'"),
            Button('Send', id='send', hx_post=send, hx_target=out, hx_vals={'words': 'a "b" <c> \' & d', 'n': 1},
                   hx_headers={'X-Word': 'e'}, **{after: "document.title = 'sent'"}),
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
