"What handlers may return (contract 1.7), judged with Starlette's test client, selectolax and the standard library."
import asyncio
import json
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx2
import pytest
from selectolax.lexbor import LexborHTMLParser

from client_kit import DirectClient
from fasthtml.common import *
from fasthtml.http.params import BadInput, FieldError
from fasthtml.http.responses import Json, split
from support import each_row
from support import serve as served

HX = {'HX-Request': 'true'}


def app_of(handler, **options):
    "An app with one handler at `/`"
    app = FastHTML(secret_key='test', **options)
    app.route('/', methods=['GET', 'POST'])(handler)
    return app


def get(handler, *, headers=HX, method='GET', **options):
    "The response of a handler, as htmx gets it unless `headers` say otherwise"
    client = DirectClient(app_of(handler, **options), follow_redirects=False)
    return client.request(method, '/', headers=headers)


def returning(value):
    async def handler(): return value
    return handler


def tree(response): return LexborHTMLParser(response.text)


# ---------------------------------------------------------------- pages and fragments

def test_browser_gets_a_page_and_htmx_a_fragment():
    handler = returning((Title('Shop'), P('hi', id='a')))
    page, fragment = tree(get(handler, headers={})), get(handler)
    assert page.css_first('head > title').text() == 'Shop'
    assert page.css_first('body > p#a').text() == 'hi'
    assert fragment.text == '<title>Shop</title><p id="a">hi</p>'


def test_history_restore_gets_the_whole_page():
    response = get(returning(P('a')), headers=HX | {'HX-History-Restore-Request': 'true'})
    assert response.text.startswith('<!doctype html>')


def test_caches_are_told_what_the_answer_depends_on():
    for value in (P('a'), 'a', {'a': 1}, None):
        assert get(returning(value)).headers['vary'] == 'HX-Request, HX-History-Restore-Request'


def test_head_elements_of_the_content_move_to_the_head():
    content = (Style('p {}'), Meta(name='author', content='Ann'), Link(rel='icon', href='/i'), Base(href='/'),
               Script('1'), P('x'))
    page = tree(get(returning(content), headers={}))
    assert all(page.css_first(f'head > {tag}') for tag in ('style', 'meta[name=author]', 'link[rel=icon]', 'base'))
    assert page.css_first('body > script') and page.css_first('body > p')


def test_default_title_and_the_order_of_the_head():
    app = FastHTML(title='Mine', hdrs=Link(rel='own', href='/own'), exts='ws', secret_key='x')
    @app.get('/')
    async def home(): return Meta(name='first'), P('a')
    page = LexborHTMLParser(DirectClient(app).get('/?q=1').text)
    def kind(node):
        at = node.attributes
        return at.get('name') or at.get('rel') or at.get('charset') or (at.get('src') or '').rsplit('/', 1)[-1] or node.tag
    assert [kind(node) for node in page.css_first('head').iter()] == [
        'first', 'title', 'canonical', 'utf-8', 'viewport', 'htmx.min.js', 'script', 'script.js', 'own', 'ws.min.js',
        'idiomorph-ext.min.js']
    assert page.css_first('title').text() == 'Mine'
    assert page.css_first('link[rel=canonical]').attributes['href'] == 'https://testserver/?q=1'


@each_row('wrong', [['a'], ('a', 'b'), {'a': 1}, b'http://x', str, 'example.org', '//example.org', 'javascript:1', 'ftp://x',
                                   'http://', 'http://a b', 'https://x?y', 'https://x#y', ' '], ids=str)
def test_a_canonical_address_that_is_none_is_an_error_when_the_app_is_made(wrong):
    with pytest.raises(ValueError, match="Give one as 'https://example.org', or True or False"): FastHTML(secret_key='k', canonical=wrong)


@each_row('right', [True, False, None, '', 1, 0, 'https://example.org', 'http://localhost:5001/', 'https://example.org/shop'])
def test_any_other_canonical_is_taken(right): assert FastHTML(secret_key='k', canonical=right).canonical == (right or False)


def test_canonical_may_be_switched_off_or_set_by_the_request():
    assert 'canonical' not in get(returning(P()), headers={}, canonical=False).text
    async def handler(request):
        request.canonical = 'https://example.org/one?a=1&b=2'
        return P()
    link = tree(get(handler, headers={})).css_first('link[rel=canonical]')
    assert link.attributes['href'] == 'https://example.org/one?a=1&b=2'


@each_row('path', ['/p?q=1', '/%5Cevil.example/"<b>',
                                  'https://evil.example/p', 'evil.example', '*'])
@each_row('host', ['evil.example', 'evil.example:80', 'localhost.evil.example', 'testserver@evil.example'])
def test_canonical_links_are_not_built_from_any_host(host, path):
    from urllib.parse import urljoin, urlsplit
    app = FastHTML(secret_key='x')
    @app.get('/{rest:path}')
    def page(rest: str): return P('a')
    path, _, query = path.partition('?')
    scope = dict(type='http', method='GET', path=path, raw_path=path.encode(), query_string=query.encode(),
                 headers=[(b'host', host.encode())], root_path='', scheme='http', server=('x', 80), client=None)
    body = asyncio.run(called(app, scope))
    href = LexborHTMLParser(body).css_first('link[rel=canonical]').attributes['href']
    assert urlsplit(urljoin('https://example.org/here', href)).netloc == 'example.org' and '\\' not in href
    app.canonical = 'https://example.org'
    assert LexborHTMLParser(asyncio.run(called(app, scope))).css_first('link[rel=canonical]').attributes['href'].startswith('https://example.org/')


async def called(app, scope):
    "The body of an answer"
    sent = []
    async def receive(): return {'type': 'http.request', 'body': b''}
    async def send(message): sent.append(message)
    await app(dict(scope), receive, send)
    return b''.join(m.get('body', b'') for m in sent).decode()


def test_html_given_by_the_handler_is_sent_as_it_is():
    response = get(returning(Html(Head(Title('t')), Body(P('x')))), headers={})
    assert response.text == '<!doctype html><html><head><title>t</title></head><body><p>x</p></body></html>'


def test_body_given_by_the_handler_is_not_nested():
    "D24"
    page = get(returning((Title('t'), Body(P('x'), cls='wide', id='b'))), headers={}, bodykw={'data_theme': 'dark'})
    assert page.text.count('<body') == 1
    body = tree(page).css_first('body')
    assert body.attributes == {'data-theme': 'dark', 'class': 'wide', 'id': 'b'} and body.css_first('p').text() == 'x'


def test_head_given_by_the_handler_is_merged():
    page = get(returning((Head(Title('t'), Meta(name='x')), P('y'))), headers={})
    assert page.text.count('<head>') == 1 and tree(page).css_first('head > meta[name=x]')


def test_attributes_of_html_and_body_and_footers():
    page = tree(get(returning(P()), headers={}, htmlkw={'lang': 'en'}, hx_boost='true', ftrs=[Footer('end')]))
    assert page.css_first('html').attributes == {'lang': 'en'}
    assert page.css_first('body').attributes == {'hx-boost': 'true'}
    assert page.css_first('body > footer:last-child').text() == 'end'


@dataclass
class WithoutHash:
    path: str = ''
    def __call__(self, c, req): return Main(*c, data_path=req.url.path)


def named(cls, c, req): return Main(*c, cls=cls, data_path=req.url.path)
def by_name(c, *, req): return Main(*c, data_path=req.url.path)

@pytest.mark.parametrize('wrap', [lambda c: Main(*c), lambda c, req: Main(*c, data_path=req.url.path), partial(named, 'x'), by_name,
                                  partial(Main, cls='x'), WithoutHash()])
def test_body_wrap_with_and_without_the_request(wrap):
    page = tree(get(returning((Title('t'), P('x'))), headers={}, body_wrap=wrap))
    assert page.css_first('body > main > p').text() == 'x' and page.css_first('head > title').text() == 't'
    assert get(returning(P('x')), body_wrap=wrap).text == '<p>x</p>'


def test_body_wrap_of_a_route_replaces_the_one_of_the_app():
    app = FastHTML(body_wrap=lambda c: Main(*c), secret_key='x')
    @app.get('/', body_wrap=lambda c: Article(*c))
    async def home(): return P('x')
    text = DirectClient(app).get('/').text
    assert '<article><p>x</p></article>' in text and '<main>' not in text


def test_collections_of_elements_at_any_depth():
    "D20"
    value = [P('a'), (P('b'), [P('c'), (P(i) for i in 'de')]), None, map(P, 'f')]
    assert get(returning(value)).text == ''.join(f'<p>{c}</p>' for c in 'abcdef')


def test_generator_function_of_a_sync_handler():
    def handler():
        yield P('a')
        yield P('b')
    assert get(handler).text == '<p>a</p><p>b</p>'


def test_objects_that_show_themselves():
    class Card:
        def __ft__(self): return Title('t'), P('<card>')
    class Raw:
        def __html__(self): return '<i>raw</i>'
    assert get(returning(Card())).text == '<title>t</title><p>&lt;card&gt;</p>'
    assert get(returning([Card(), Raw()])).text == '<title>t</title><p>&lt;card&gt;</p><i>raw</i>'
    assert tree(get(returning(Card()), headers={})).css_first('head > title').text() == 't'


# ---------------------------------------------------------------- text, numbers, nothing

def test_a_string_alone_is_html_and_in_a_tuple_it_is_text():
    "R3"
    assert get(returning('<b>x</b>')).text == '<b>x</b>'
    assert get(returning('<b>x</b>')).headers['content-type'] == 'text/html; charset=utf-8'
    assert get(returning(('<b>x</b>', P()))).text == '&lt;b&gt;x&lt;/b&gt;<p></p>'
    assert get(returning(['<b>'])).text == '&lt;b&gt;'


@each_row('value, text', [(None, ''), ((), ''), ([], ''), ('', ''), (0, '0'), (False, 'False'),
                                         (True, 'True'), (1.5, '1.5'),
                                         (Path('a/<b>'), 'a/&lt;b&gt;'), (b'<i>x</i>', '<i>x</i>'), (Decimal('1.0'), '1.0')])
def test_single_values(value, text):
    response = get(returning(value), headers={})
    assert (response.status_code, response.text) == (200, text)


def test_half_a_surrogate_pair_does_not_break_the_answer():
    assert get(returning(P('a\ud800b'))).status_code == 200
    assert json.loads(get(returning({'a': '\ud800'})).content) == {'a': '\ud800'}


# ---------------------------------------------------------------- JSON

class Colour(Enum): red = 'r'


@dataclass
class Item:
    name: str
    price: Decimal


class Point(NamedTuple):
    x: int
    y: int


def test_a_mapping_is_json():
    value = dict(d=date(2026, 1, 2), t=datetime(2026, 1, 2, 3, 4), u=UUID(int=1), p=Decimal('1.10'), s={1}, e=Colour.red,
                 i=Item('a', Decimal('2')), l=timedelta(0), pt=Point(1, 2), f=P('<'), nan=float('nan'),
                 deep=[{'inf': float('inf')}], path=Path('a'), b=b'x')
    response = get(returning(value))
    assert response.headers['content-type'] == 'application/json'
    assert response.json() == dict(d='2026-01-02', t='2026-01-02T03:04:00', u=str(UUID(int=1)), p='1.10', s=[1], e='r',
                                   i=dict(name='a', price='2'), l='0:00:00', pt=[1, 2], f='<p>&lt;</p>', nan=None,
                                   deep=[{'inf': None}], path='a', b='x')


@each_row('value, expected', [
    ([{'a': 1}], [{'a': 1}]), ([{'a': 1}, {'a': 2}], [{'a': 1}, {'a': 2}]), (({'a': 1}, {'a': 2}), [{'a': 1}, {'a': 2}]),
    (Item('x', Decimal('1')), {'name': 'x', 'price': '1'}), ([Item('x', Decimal('1'))], [{'name': 'x', 'price': '1'}]), ({}, {})])
def test_records_and_lists_of_records_are_json(value, expected):
    "D20"
    assert get(returning(value)).json() == expected


def test_json_beside_headers():
    response = get(returning(({'a': 1}, HttpHeader('X-A', 'b'))))
    assert response.json() == {'a': 1} and response.headers['x-a'] == 'b'


def test_models_of_pydantic_and_msgspec():
    import msgspec
    import pydantic
    class A(pydantic.BaseModel): when: date
    class B(msgspec.Struct): n: int
    assert get(returning(A(when=date(2026, 1, 2)))).json() == {'when': '2026-01-02'}
    assert get(returning([B(1), B(2)])).json() == [{'n': 1}, {'n': 2}]


def test_a_dataclass_with_ft_is_html():
    @dataclass
    class Row:
        name: str
        def __ft__(self): return Li(self.name)
    assert get(returning([Row('a'), Row('b')])).text == '<li>a</li><li>b</li>'


# ---------------------------------------------------------------- headers, cookies, redirects

def cookies(response):
    jar = SimpleCookie()
    for line in response.headers.get_list('set-cookie'): jar.load(line)
    return {name: (morsel.value, morsel['path'], bool(morsel['httponly']), morsel['samesite']) for name, morsel in jar.items()}


def test_several_cookies_survive():
    "D6"
    response = get(returning((P(), cookie('a', '1'), cookie('b', 'x y', httponly=True, samesite='strict', path='/b'))))
    assert cookies(response) == {'a': ('1', '/', False, 'lax'), 'b': ('x y', '/b', True, 'strict')}


def test_other_headers_replace_and_the_last_wins():
    kind = HttpHeader('Content-Type', 'text/x; charset=utf-8')
    response = get(returning((P(), HttpHeader('X-A', '1'), [HttpHeader('x-a', '2')], kind)))
    assert response.headers.get_list('x-a') == ['2'] and response.headers.get_list('content-type') == ['text/x; charset=utf-8']


def test_a_header_cannot_forge_another():
    with pytest.raises(ValueError, match='one line'): HttpHeader('X-A', 'a\r\nSet-Cookie: b=1')


def test_response_headers_of_htmx_are_json_where_htmx_reads_json():
    "D25"
    response = get(returning((P(), HtmxResponseHeaders(trigger={'saved': {'id': 1}}, retarget='#x'))))
    assert json.loads(response.headers['hx-trigger']) == {'saved': {'id': 1}} and response.headers['hx-retarget'] == '#x'
    assert get(returning(HtmxResponseHeaders(refresh=True))).text == ''


def test_redirect_for_browsers_and_for_htmx():
    browser, htmx = get(returning(Redirect('/a b?c=d')), headers={}, method='POST'), get(returning(Redirect('/a')))
    assert (browser.status_code, browser.headers['location'], browser.text) == (303, '/a%20b?c=d', '')
    assert (htmx.status_code, htmx.headers['hx-redirect'], htmx.text) == (200, '/a', '')


def test_redirect_in_a_tuple_keeps_cookies():
    "D22"
    response = get(returning((Redirect('/a'), cookie('a', '1'), cookie('b', '2'))), headers={})
    assert response.status_code == 303 and set(cookies(response)) == {'a', 'b'} and 'Redirect' not in response.text


def test_redirect_takes_a_route():
    app = FastHTML(secret_key='x')
    @app.get('/there')
    async def there(): return P('there')
    @app.get('/go')
    async def go(): return Redirect(there)
    assert DirectClient(app).get('/go', headers=HX).headers['hx-redirect'] == '/there'


def test_redirect_location_cannot_forge_a_header():
    assert '\r' not in get(returning(Redirect('/a\r\nSet-Cookie: b=1')), headers={}).headers['location']


# ---------------------------------------------------------------- responses

def test_headers_and_tasks_beside_a_response():
    "D22"
    done = []
    response = get(returning((PlainTextResponse('x'), cookie('a', '1'), HttpHeader('X-A', 'b'), BackgroundTask(done.append, 1))))
    assert (response.text, response.headers['x-a'], set(cookies(response)), done) == ('x', 'b', {'a'}, [1])


def test_background_tasks_run_after_the_response_in_order():
    done = []
    assert get(returning((P('x'), BackgroundTask(done.append, 1), BackgroundTask(done.append, 2)))).text == '<p>x</p>'
    assert done == [1, 2]


def test_a_response_object_may_be_used_again():
    "Nothing of one request may stick to a response that a module keeps"
    kept, done = PlainTextResponse('x'), []
    client = DirectClient(app_of(returning((kept, cookie('a', '1'), BackgroundTask(done.append, 1)))))
    first, second = client.get('/'), client.get('/')
    assert len(second.headers.get_list('set-cookie')) == 1 and done == [1, 1] and kept.background is None
    assert not any(k == b'set-cookie' for k, _ in kept.raw_headers) and first.text == 'x'


def test_content_beside_a_response_is_an_error_that_says_so():
    with pytest.raises(TypeError, match='and also content'): get(returning((P('x'), PlainTextResponse('y'))))


def test_ft_response():
    response = get(returning(FtResponse((P('x'), cookie('a', '1')), 418, {'X-A': 'b'})))
    assert (response.status_code, response.text, response.headers['x-a'], set(cookies(response))) == (418, '<p>x</p>', 'b', {'a'})
    assert get(returning(FtResponse(P('x'), 404)), headers={}).text.startswith('<!doctype html>')
    assert get(returning(FtResponse('<b>', media_type='text/xml'))).headers['content-type'].startswith('text/xml')
    assert get(returning(FtResponse('x', cls=PlainTextResponse))).headers['content-type'] == 'text/plain; charset=utf-8'
    assert get(returning((FtResponse(P('a'), 201), cookie('b', '1')))).status_code == 201


def test_no_content_has_no_body_and_no_length():
    response = get(returning(FtResponse('', 204)))
    assert response.status_code == 204 and 'content-length' not in response.headers


def test_annotation_of_a_response_class_is_honoured():
    "D22, #814: FT under `-> HTMLResponse` is no 500"
    async def html() -> HTMLResponse: return P('x')
    async def plain() -> PlainTextResponse: return 'a<b'
    async def data() -> JSONResponse: return {'a': 1}
    async def other() -> str: return P('x')
    async def away() -> RedirectResponse: return '/x'
    async def same() -> HTMLResponse: return PlainTextResponse('kept')
    assert get(html).text == '<p>x</p>' and get(html, headers={}).text.startswith('<!doctype')
    assert get(plain).headers['content-type'].startswith('text/plain') and get(plain).text == 'a<b'
    assert get(data).json() == {'a': 1} and get(other).text == '<p>x</p>'
    assert (get(away).status_code, get(away).headers['location']) == (307, '/x') and get(same).text == 'kept'


def test_annotation_as_text():
    async def html() -> 'HTMLResponse': return P('x')
    assert get(html).text == '<p>x</p>'


def test_object_with_response_method():
    class Hello:
        def __response__(self, req): return P('hi ', req.query_params.get('n', 'x')), cookie('a', '1')
    response = get(returning(Hello()))
    assert response.text == '<p>hi x</p>' and set(cookies(response)) == {'a'}
    assert get(returning((Hello(), P('y')))).text == '<p>hi x</p><p>y</p>'


def test_api_return_by_what_the_client_likes():
    async def handler(api): return api(P('page'), a=1) if api or not api else None
    for accept in ('application/json', 'application/json, text/plain, */*', 'application/json; charset=utf-8'):
        assert get(handler, headers={'accept': accept}).json() == {'a': 1}
    assert get(handler, headers=HX | {'accept': 'text/html, */*'}).text == '<p>page</p>'
    async def by_class(wanted: ApiReturn): return wanted(P('page'), a=1)
    assert get(by_class, headers={'accept': 'application/json'}).json() == {'a': 1}
    assert get(by_class, headers=HX).text == '<p>page</p>'


def test_files_have_ranges_and_tags_and_a_missing_one_is_404(tmp_path):
    (tmp_path/'a.txt').write_text('0123456789')
    def file(name: str): return FileResponse(tmp_path/name)
    client = DirectClient(app_of(file))
    whole = client.get('/?name=a.txt')
    assert whole.text == '0123456789' and whole.headers['etag'] and whole.headers['accept-ranges'] == 'bytes'
    part = client.get('/?name=a.txt', headers={'range': 'bytes=2-4'})
    assert (part.status_code, part.text, part.headers['content-range']) == (206, '234', 'bytes 2-4/10')
    assert client.get('/?name=b.txt').status_code == 404


def test_head_has_the_headers_of_get_and_no_body():
    app = app_of(returning(P('x')))
    got, head = DirectClient(app).get('/'), DirectClient(app).head('/')
    assert head.content == b'' and head.headers['content-length'] == got.headers['content-length']


# ---------------------------------------------------------------- streams of HTML

def test_async_generator_streams_a_page():
    "D22"
    async def handler():
        yield Title('Slow'), P('a')
        yield '<p>b</p>'
        yield [P('c'), (P('<'),)]
    page = get(handler, headers={})
    assert tree(page).css_first('head > title').text() == 'Slow'
    assert [p.text() for p in tree(page).css('body > p')] == ['a', 'b', 'c', '<'] and page.text.endswith('</body></html>')
    assert get(handler).text == '<title>Slow</title><p>a</p><p>b</p><p>c</p><p>&lt;</p>'


def test_until_the_first_part_a_stream_may_fail_properly():
    async def lost():
        if True: raise HTTPException(404)
        yield P()
    async def remembers(session):
        session['n'] = 1
        yield P('x')
    assert get(lost).status_code == 404 and '404 Not Found' in get(lost).text
    assert 'session_' in cookies(get(remembers))


def test_a_stream_that_fails_in_the_middle_does_not_look_whole():
    async def breaks():
        yield P('a')
        raise KeyError('x')
    with served(app_of(breaks)) as server, pytest.raises(httpx2.RemoteProtocolError): httpx2.get(server.url)


def test_a_stream_takes_headers_and_an_empty_one_is_a_page():
    async def parts():
        for _ in (): yield
    async def handler(): return parts(), cookie('a', '1')
    page = get(handler, headers={})
    assert set(cookies(page)) == {'a'} and page.text.startswith('<!doctype html>') and page.text.endswith('</body></html>')


async def test_head_and_first_part_are_sent_at_once():
    ended = threading.Event()
    app = FastHTML(secret_key='x')
    @app.get('/')
    async def slow():
        app.state.go = asyncio.Event()
        try:
            yield P('first')
            await app.state.go.wait()
            yield P('second')
        finally: ended.set()
    @app.get('/go')
    async def go(): app.state.go.set()
    with served(app) as server:
        async with httpx2.AsyncClient(base_url=server.url) as client, client.stream('GET', '/') as response:
            parts = response.aiter_text()
            assert '<p>first</p>' in await asyncio.wait_for(anext(parts), 5)
            await client.get('/go')
            assert ''.join([part async for part in parts]) == '<p>second</p></body></html>' and ended.is_set()


def test_a_client_that_leaves_ends_the_stream():
    ended = threading.Event()
    app = FastHTML(secret_key='x')
    @app.get('/')
    async def endless():
        try:
            while True:
                yield P('tick')
                await asyncio.sleep(0.01)
        finally: ended.set()
    with served(app) as server:
        with httpx2.stream('GET', server.url) as response: next(response.iter_bytes())
        assert ended.wait(30)


def test_an_event_stream_takes_cookies_and_is_still_the_one_that_is_fed():
    async def handler():
        stream = EventStream()
        async def feed():
            await stream.send('fed', event='tick')
            await stream.close()
        handler.task = asyncio.ensure_future(feed())
        return stream, cookie('a', '1'), BackgroundTask(handler.done.append, 1)
    handler.done = []
    with served(app_of(handler)) as server: response = httpx2.get(server.url)
    assert 'event: tick\ndata: fed\n' in response.text and set(cookies(response)) == {'a'} and handler.done == [1]


def test_a_stream_made_after_the_answer_is_refused():
    failures = []
    async def too_late():
        try: await EventStream().send('x')
        except Exception as e: failures.append(e)
    response = get(returning((P('x'), BackgroundTask(too_late))))
    assert response.text == '<p>x</p>' and len(failures) == 1


# ---------------------------------------------------------------- before and after

def test_async_after_changes_the_page():
    "D22"
    async def after(resp): return resp, P('after')
    assert get(returning(P('x')), after=after).text == '<p>x</p><p>after</p>'


def test_after_that_returns_nothing_changes_nothing_and_sees_the_request():
    seen = []
    def after(resp, req, session): seen.append((resp, req.url.path))
    assert get(returning(P('x')), after=[after]).text == '<p>x</p>' and seen == [(P('x'), '/')]


def test_copies_of_the_page_lists_belong_to_one_request():
    "G2: and only for who asks"
    async def handler(hdrs, ftrs, htmlkw, bodykw):
        hdrs.append(Meta(name='own'))
        hdrs[0].charset = 'changed'
        ftrs.append(Footer('end'))
        htmlkw['lang'], bodykw['id'] = 'de', 'b'
        return P('x')
    app = app_of(handler)
    app.get('/other')(returning(P('y')))
    client = DirectClient(app)
    own, other = LexborHTMLParser(client.get('/').text), client.get('/other').text
    assert own.css_first('meta[name=own]') and own.css_first('html[lang=de] body#b > footer')
    assert 'name="own"' not in other and 'charset="changed"' not in other and 'lang=' not in other and '<footer' not in other


def test_the_static_head_is_not_rendered_again(monkeypatch):
    "G2"
    app, rendered = app_of(returning(P('x'))), []
    class Counted:
        def __ft__(self):
            rendered.append(1)
            return Meta(name='counted')
    app.hdrs.append(Counted())
    client = DirectClient(app)
    assert all('counted' in client.get('/').text for _ in range(5)) and len(rendered) == 1
    app.hdrs += [Meta(name='added')]
    assert 'added' in client.get('/').text and len(rendered) == 2
    del app.hdrs[-1]
    app.title, app.bodykw['id'] = 'New', 'b'
    text = client.get('/').text
    assert 'added' not in text and '<title>New</title>' in text and '<body id="b">' in text


# ---------------------------------------------------------------- an HTTPException that was returned

NOT_HERE = HTTPException(404, 'no such fig', {'X-Why': 'figs'})
BAD = BadInput([FieldError('n', 'query', 'a number', 'x')])


async def parts_of_a_page(): yield NOT_HERE


def refusing(before=None, after=None):
    app = FastHTML(secret_key='test', before=before)
    app.get('/', after=after)(lambda: P('x'))
    return app


RETURNED = {
    'alone': lambda: app_of(returning(NOT_HERE)), 'plainly': lambda: app_of(lambda: NOT_HERE),
    'beside an element': lambda: app_of(returning((P('x'), NOT_HERE))), 'in a list': lambda: app_of(returning([[NOT_HERE]])),
    'in a response': lambda: app_of(returning(FtResponse(NOT_HERE))), 'as a page in parts': lambda: app_of(parts_of_a_page),
    'by a guard': lambda: refusing(before=lambda: NOT_HERE), 'by `after`': lambda: refusing(after=lambda resp: NOT_HERE),
    'by an exception handler': lambda: app_of(returning(NOT_HERE), exception_handlers={404: lambda req, exc: exc}),
}


@each_row('headers', [{}, HX, {'Accept': 'application/json'}], ids=['page', 'htmx', 'json'])
@each_row('how', RETURNED)
def test_an_http_exception_that_is_returned_is_answered_as_one_that_is_raised(how, headers):
    answer = DirectClient(RETURNED[how]()).get('/', headers=headers)
    assert answer.status_code == 404 and answer.headers['x-why'] == 'figs' and 'no such fig' in answer.text
    assert ('json' in answer.headers['content-type']) is ('Accept' in headers)


def test_bad_input_that_is_returned_is_answered_as_one_that_is_raised():
    answer = DirectClient(app_of(returning(BAD))).get('/')
    assert answer.status_code == 400 and tree(answer).css_first('.bad-input')


def test_every_failed_page_has_one_main_part_and_stands_in_the_container():
    "Missing page, refused method, bad input, crash, a link of another site: all look as one site"
    app = app_of(lambda: 1/0)

    @app.get('/number')
    def number(n: int): return str(n)

    @app.route('/change')
    def change(n: int): return str(n)
    client = DirectClient(app, raise_server_exceptions=False)
    foreign = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
    answers = {
        400: client.get('/number?n=x'), 404: client.get('/nowhere'), 405: client.delete('/number'), 500: client.get('/'),
        403: client.get('/change?n=1', headers=foreign)}
    for status, answer in answers.items():
        assert answer.status_code == status
        assert [o.attributes.get('class') for o in tree(answer).css('body > main')] == ['container'], status
        assert len(tree(answer).css('h1')) == 1, status


SORTED = [   # what is returned, and the content that is left of it
    ('<b>ready</b>', '<b>ready</b>'), (('<b>text</b>', P()), ['<b>text</b>', P()]), ([{'a': 1}, {'a': 2}], Json([{'a': 1}, {'a': 2}])),
    ([{'a': 1}], Json([{'a': 1}])), (({'a': 1}, cookie('b', '2')), Json({'a': 1})),
    (None, None), ((), None), ([], None), ('', ''), (0, '0'), (False, 'False')]


def test_what_is_no_content_is_sorted_out():
    assert [split(o).content for o, _ in SORTED] == [content for _, content in SORTED]
