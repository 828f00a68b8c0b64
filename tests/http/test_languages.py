"Built-in texts are said in the visitor's language: error pages, forms, logins, toasts, JSON, sockets, scripts."
import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from fasthtml.app.auth import BasicAuthMiddleware
from fasthtml.common import *
from fasthtml.http.languages import SHIPPED, Languages
from fasthtml.http.texts import TEXTS, Text, current_texts, say
from fasthtml.testing import Client
from fasthtml.toaster import add_toast, setup_toasts
from support import each_row

CROSS = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
GERMAN = {'Accept-Language': 'de-DE,de;q=0.9,en;q=0.5'}


@dataclass
class Order:
    qty: int
    day: date


def make_app(**options):
    app = FastHTML(secret_key='k', max_body_size=2000, exts='ws', **options)

    @app.get('/number/{n}')
    def number(n: int): return str(n)
    @app.get('/need')
    def need(day: date, size: Literal['s', 'm']): return 'ok'
    @app.post('/order')
    def order(o: Order): return 'ok'
    @app.post('/form')
    async def form(name: Annotated[str, 'x'], qty: int = 1, errors: dict = None):
        return mark_errors(Form(Input(name='name'), Input(name='qty')), errors)
    @app.post('/plain')
    def plain(qty: int, errors: dict = None): return mark_errors(Form(Input(name='qty')), errors)
    @app.route('/act')
    def act(x: str): return x
    @app.get('/http/{code}')
    def http(code: int): raise HTTPException(code)
    @app.get('/own')
    def own(): raise HTTPException(409, 'My own words')
    @app.get('/crash')
    def crash(): raise RuntimeError('secret')
    @app.get('/said')
    def said(): return P(say(Text('dismiss')))
    @app.get('/toast')
    def toast(session):
        add_toast(session, 'hello', dismiss=True)
        return Main('page')
    @app.get('/')
    def index(): return Titled('Home')
    return app


PAGES = {  # what is asked -> what an English and a German visitor read
    'a path that does not fit': (
        lambda c, h: c.get('/number/x', headers=h),
        'Expected a whole number, got', 'Erwartet: eine ganze Zahl; eingegeben:'),
    'its heading': (lambda c, h: c.get('/number/x', headers=h), 'Not found', 'Nicht gefunden'),
    'fields that are missing': (
        lambda c, h: c.get('/need', headers=h),
        'Expected a date like 2025-01-31. This field is required.', 'Erwartet: ein Datum wie 2025-01-31. Dieses Feld wird benötigt.'),
    'choices': (lambda c, h: c.get('/need?size=x', headers=h), 'one of: s, m', 'eines von: s, m'),
    'a record': (
        lambda c, h: c.post('/order', data={'qty': 'x', 'day': 'y'}, headers=h),
        'Bad input', 'Ungültige Eingabe'),
    'a form with its errors': (
        lambda c, h: c.post('/plain', data={'qty': 'x'}, headers=h),
        'Expected a whole number', 'eine ganze Zahl'),
    'a form of a coroutine': (
        lambda c, h: c.post('/form', data={'qty': 'x', 'name': 'n'}, headers=h),
        'Expected a whole number', 'eine ganze Zahl'),
    'nothing there': (lambda c, h: c.get('/nowhere', headers=h), '404 Not Found', '404 Nicht gefunden'),
    'a status': (lambda c, h: c.get('/http/403', headers=h), '403 Forbidden', '403 Nicht erlaubt'),
    'an odd status': (lambda c, h: c.get('/http/499', headers=h), '499 Error', '499 Fehler'),
    'a fragment': (
        lambda c, h: c.get('/http/410', headers=h | {'HX-Request': 'true'}),
        '410 Gone', '410 Nicht mehr vorhanden'),
    'a method': (lambda c, h: c.put('/said', headers=h), '405 Method Not Allowed', '405 Methode nicht erlaubt'),
    'a crash': (lambda c, h: c.get('/crash', headers=h), '500 Internal Server Error', '500 Interner Fehler'),
    'too much': (
        lambda c, h: c.post('/order', data={'qty': 'x' * 3000}, headers=h),
        'larger than the 2,000 bytes', 'größer als die erlaubten 2.000 Bytes'),
    'too long an address': (
        lambda c, h: c.get('/' + 'x' * 9000, headers=h),
        'longer than the 8,192', 'länger als die erlaubten 8.192'),
    'another origin': (
        lambda c, h: c.post('/order', headers=h | {'Origin': 'http://evil.example'}),
        'comes from another origin', 'von einer anderen Website'),
    'a link of another site': (
        lambda c, h: c.get('/act?x=1', headers=h | CROSS), 'Go on?', 'Fortfahren?'),
    'a malformed body': (
        lambda c, h: c.post('/order', content='{', headers=h | {'Content-Type': 'application/json'}),
        'The JSON is malformed.', 'Das JSON ist fehlerhaft.'),
    'what a handler says': (lambda c, h: c.get('/said', headers=h), 'Dismiss', 'Schließen'),
    'a toast': (lambda c, h: c.get('/toast', headers=h), 'aria-label="Dismiss"', 'aria-label="Schließen"'),
    "a program's own words": (lambda c, h: c.get('/own', headers=h), 'My own words', 'My own words'),
}


@each_row('kind', PAGES)
@each_row('accept', ['text/html', 'application/json'])
def test_a_visitor_reads_their_own_language(kind, accept):
    ask, english, german = PAGES[kind]
    app = make_app(texts=['en', 'de'])
    setup_toasts(app)
    client = Client(app, raise_errors=False)
    def read(headers):
        text = ask(client, {'Accept': accept} | headers).text
        return json.dumps(json.loads(text), ensure_ascii=False) if text[:1] == '{' else text
    shown = [read(headers) for headers in ({}, {'Accept-Language': 'en'}, GERMAN, {'Accept-Language': 'it'})]
    if accept == 'application/json':   # no heading, and not everything is shown there
        if not any(english in o for o in shown) and kind not in ('nothing there', 'a status'): return
        english, german = (re.sub(r'^\d+ ', '', o) for o in (english, german))
    assert [english in shown[0], english in shown[1], german in shown[2], english in shown[3]] == [True] * 4, shown


def test_one_language_is_always_spoken_and_a_mapping_adds_words():
    assert '404 Nicht gefunden' in Client(make_app(texts='de')).get('/x', headers={'Accept-Language': 'en'}).text
    own = Client(make_app(texts={'de': {'status_404': 'Nix da'}, 'fr': {'status_404': 'Introuvable'}}))
    asked = [own.get('/x', headers={'Accept-Language': o}).text for o in ('de', 'fr-CA', 'en', 'it')]
    assert ['404 Nix da' in asked[0], '404 Introuvable' in asked[1], '404 Not Found' in asked[2], '404 Not Found' in asked[3]] == [True] * 4
    assert '403 Nicht erlaubt' in own.get('/http/403', headers={'Accept-Language': 'de'}).text


def test_caches_are_told_and_apps_without_languages_are_as_before():
    r = Client(make_app(texts=['en', 'de'])).get('/x')
    assert 'accept-language' in r.headers['vary'].lower()
    for options in ({}, {'texts': 'de'}):
        assert 'accept-language' not in Client(make_app(**options)).get('/x').headers.get('vary', '').lower()
    plain = Client(make_app())
    assert '404 Not Found' in plain.get('/x', headers=GERMAN).text and 'id="fasthtml-texts"' not in plain.get('/').text
    assert current_texts.get() == {}


def test_the_language_belongs_to_one_request():
    app, other = make_app(texts=['en', 'de']), make_app()
    client, plain = Client(app), Client(other)
    for _ in range(3):
        assert 'Nicht gefunden' in client.get('/x', headers=GERMAN).text
        assert 'Not Found' in client.get('/x').text and 'Not Found' in plain.get('/x', headers=GERMAN).text


def test_a_mounted_app_speaks_for_itself():
    inner, outer = make_app(texts=['en', 'de']), make_app()
    outer.mount('/in', inner)
    client = Client(outer)
    assert 'Nicht gefunden' in client.get('/in/x', headers=GERMAN).text and 'Not Found' in client.get('/x', headers=GERMAN).text
    assert 'Nicht gefunden' in Client(Starlette(routes=[Mount('/in', make_app(texts='de'))])).get('/in/x').text


def test_errors_on_a_socket_are_in_the_language_of_its_handshake():
    app = FastHTML(secret_key='k', texts=['en', 'de'])
    async def told(errors, send): await send(P(*[str(e) for e in errors.values()], id='said'))
    @app.ws('/ws', on_error=told)
    def ws(n: int): return P(n, id='said')
    with Client(app).ws('/ws', headers=GERMAN) as socket:
        socket.send({'n': 'x'})
        assert 'Erwartet: eine ganze Zahl' in socket.receive()


def test_logins_are_in_the_language_too():
    app = FastHTML(secret_key='k', texts='de', middleware=[Middleware(BasicAuthMiddleware, cb=lambda *a: False)])
    assert Client(app).get('/').text == 'Nicht angemeldet'


def test_the_scripts_of_a_page_get_their_texts():
    text = Client(make_app(texts=['de', 'en'])).get('/').text
    said = json.loads(re.search(r'<script[^>]*id="fasthtml-texts"[^>]*>(.*?)</script>', text)[1])
    assert list(said) == ['de', 'en'] and said['de']['unreachable'] == 'Der Server ist nicht erreichbar.'


WRONG = ['it', ['en', 'xx'], {'de': {'nonsense': 'x'}}, {'de': {'fields': '{other}'}}, {'de': 'x'}, {'de': {'fields': '{'}}, [1]]
ODD = ['', ',', ';q=', 'de;q=x', '*;q=1', 'a' * 5000, 'de-' + '-' * 50, 'ü', 'de;q=0', ', '.join(['x'] * 1000)]


@pytest.mark.parametrize('texts', WRONG)
def test_texts_that_make_no_sense_are_told_at_once(texts):
    with pytest.raises(ValueError, match='text'): FastHTML(secret_key='k', texts=texts)


@each_row('header', ODD)
def test_an_odd_header_gets_the_first_language(header):
    assert Languages(['en', 'de']).best(header) == 'en'


@pytest.mark.parametrize('language', ['de', 'fr'])
def test_a_language_that_is_shipped_says_everything(language):
    assert set(SHIPPED[language]) == set(TEXTS)


def test_french_is_shown_and_counts_as_in_france():
    app = FastHTML(secret_key='k', texts=['en', 'fr'], max_fields=1234)

    @app.post('/')
    async def index(req): return str(len(await req.form()))
    answer = Client(app).post('/', data={f'a{i}': '' for i in range(2000)}, headers={'Accept-Language': 'fr-CA, en;q=0.5'})
    assert answer.status_code == 413 and 'Le formulaire a plus que les 1\u202f234 champs permis.' in answer.text
