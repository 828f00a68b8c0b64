"A request that fails, a message beside an empty answer, a field that is replaced while a visitor types: alike with htmx 2 and 4."

import pytest

from fasthtml.common import *
from fasthtml.toaster import add_toast, setup_toasts
from support import serve as served


@pytest.fixture
def page(same_page): return same_page

VERSIONS = pytest.mark.parametrize('htmx', [2, 4])


class Upset(Exception): ...


def make_app(htmx, **options):
    app = FastHTML(htmx=htmx, exts='ws', secret_key='k', **options)
    setup_toasts(app)

    @app.get('/')
    def index():
        return (
            Title('Home'),
            Style('h1, p, li, strong, a { color: #373c44 }'),
            Table(Tbody(Tr(Td('row'), id='row'))),
            Form(Input(id='name', value='kept'), id='form', hx_post='/form', hx_swap='outerHTML', hx_target='this'),
            [
                Button(o, id=o.strip('/').replace('/', '-'), hx_get=o, hx_target='#row', hx_swap='outerHTML')
                for o in (
                    '/fail/403',
                    '/fail/404',
                    '/fail/500',
                    '/crash',
                    '/element',
                    '/dict',
                    '/json',
                    '/plain',
                    '/number',
                    '/where',
                    '/empty',
                    '/words',
                    '/ready',
                )
            ],
            A('boosted', id='boosted', href='/fail/410', hx_boost=True),
            P(id='own'),
            Form(Input(id="text"), Button("Send", id="send"), ws_send=True, ws_connect='/ws', hx_ext='ws'),
            Ul(id='said'),
        )

    @app.get('/fail/{code}')
    def fail(code: int):
        raise HTTPException(code, f'because of {code}')

    @app.get('/crash')
    def crash():
        raise Upset('secret')

    @app.get('/element')
    def element():
        raise HTTPException(409, P(B('bold'), id='detail'))

    @app.get('/dict')
    def mapping():
        raise HTTPException(409, {'field': 'is <taken>'})

    @app.get('/json')
    def json():
        return JSONResponse({'detail': 'from json'}, 409)

    @app.get('/plain')
    def plain():
        return PlainTextResponse('<b>plain</b>', 409)

    @app.get('/number')
    def number(n: int):
        return f'twice {n} is {n * 2}'

    @app.get('/where')
    def where():
        return FtResponse(P('placed', id='own'), 409, headers={'HX-Retarget': '#own', 'HX-Reswap': 'outerHTML'})

    @app.post('/form')
    def form(name: str):
        return FtResponse(Form(Input(id='name', value=name), Small('too short', id='error'), id='form'), 422)

    @app.get('/empty')
    def empty(sess):
        add_toast(sess, 'said beside ""')
        return ''

    @app.get('/words')
    def text(sess):
        add_toast(sess, 'grüße <b>')
        return '<tr id="row"><td>from text</td></tr>'

    @app.get('/ready')
    def ready(sess):
        add_toast(sess, 'beside a response')
        return Response('', 204)

    @app.ws('/ws')
    async def ws(text: str):
        return Ul(Li(text), id='said', hx_swap_oob='beforeend'), Input(id='text')

    return app


SAYS = {
    'fail-403': '403 Forbidden',
    'fail-404': 'because of 404',
    'fail-500': '500 Internal Server Error',
    'crash': '500 Internal Server Error',
    'element': 'bold',
    'dict': 'is <taken>',
    'json': 'from json',
    'plain': '<b>plain</b>',
    'number': 'Expected a whole number',
    'boosted': '410 Gone',
}


@VERSIONS
def test_a_failed_request_is_told_and_destroys_nothing(page, htmx):
    with served(make_app(htmx), log_level='critical') as server:
        for id, says in SAYS.items():
            page.goto(server.url)
            page.click(f'#{id}')
            page.wait_for_function('says => document.querySelector(".fh-toast-error")?.textContent.includes(says)', arg=says)
            assert page.inner_text('#row') == 'row' and page.title() == 'Home' and page.input_value('#name') == 'kept'
            inks = page.evaluate('[...document.querySelectorAll(".fh-toast-error, .fh-toast-error *")].map(o => getComputedStyle(o).color)')
            assert set(inks) == {'rgb(255, 255, 255)'}, 'a stylesheet coloured what the message says'
            assert 'secret' not in page.content() and page.locator('[role=alert]').count() >= 1
        page.click('.fh-toast-error .fh-toast-dismiss')
        page.wait_for_function('!document.querySelector(".fh-toast-error")')
        page.click('#where')
        page.wait_for_function('own.textContent == "placed"')
        assert page.locator('.fh-toast-error').count() == 0
        page.evaluate('form.requestSubmit()')
        page.wait_for_selector('#error')
        assert page.locator('.fh-toast-error').count() == 0
        page.problems.clear()


@VERSIONS
def test_the_app_may_show_failures_in_its_own_way(page, htmx):
    def view(exc, req):
        return P('Our words', id='ours'), HtmxResponseHeaders(retarget='#own', reswap='innerHTML')

    with served(make_app(htmx, error_view=view), log_level='critical') as server:
        for path in 'fail-404', 'crash':
            page.goto(server.url)
            page.click(f'#{path}')
            page.wait_for_selector('#own #ours')
            assert page.locator('.fh-toast-error').count() == 0 and page.inner_text('#row') == 'row'
        page.goto(server.url + '/fail/404')
        assert page.inner_text('#ours') == 'Our words'
        page.problems.clear()


@VERSIONS
def test_a_toast_beside_an_empty_answer_a_text_or_a_response_is_shown_now(page, htmx):
    with served(make_app(htmx)) as server:
        for id, says in {'words': 'grüße <b>', 'ready': 'beside a response', 'empty': 'said beside ""'}.items():
            page.goto(server.url)
            page.locator(f'button#{id}').click()
            page.wait_for_function('says => document.querySelector(".fh-toast")?.textContent.includes(says)', arg=says)
            page.goto(server.url)
            assert page.locator('.fh-toast').count() == 0, 'it was shown twice'
        assert not page.problems


@VERSIONS
def test_focus_stays_when_a_push_replaces_the_field(page, htmx):
    with served(make_app(htmx)) as server:
        page.goto(server.url)
        page.wait_for_function("!document.querySelector('#text').form.matches('.htmx-request')")
        for i in range(3):
            page.click('input#text') if i == 0 else None
            page.keyboard.type(f'line {i}')
            page.keyboard.press('Enter')
            page.wait_for_function(
                'n => said.children.length == n && document.querySelector("input#text").value == ""', arg=i + 1
            )
            page.wait_for_function("document.activeElement.id == 'text'")
        assert page.inner_text('#said').split('\n') == ['line 0', 'line 1', 'line 2'] and not page.problems


@VERSIONS
@pytest.mark.parametrize('locale', ['de-AT', 'en-GB'])
def test_a_server_that_is_gone_is_noticed_in_the_visitors_language(new_page, htmx, locale):
    page = new_page(locale=locale)
    said = 'Der Server ist nicht erreichbar.' if locale == 'de-AT' else 'The server cannot be reached.'
    with served(make_app(htmx, texts=['en', 'de'])) as server: page.goto(server.url)
    page.click('#plain')
    page.wait_for_selector('.fh-toast-error')
    assert page.inner_text('.fh-toast-error div') == said
    assert page.get_attribute('.fh-toast-error button', 'aria-label') == ('Schließen' if locale == 'de-AT' else 'Dismiss')
    assert page.inner_text('#row') == 'row'
