"What a program shows is the same by whatever way it leaves: returned, raised, yielded, sent, published, drawn in a region."
import json
import logging
import re
from collections import UserString
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from xml.sax.saxutils import escape

import pytest

from fasthtml.common import (
    A,
    Beforeware,
    Div,
    EventStream,
    FastHTML,
    Fragment,
    FtResponse,
    HtmxResponseHeaders,
    HttpHeader,
    Input,
    JSONResponse,
    Li,
    NotStr,
    P,
    Redirect,
    Response,
    Script,
    Style,
    Textarea,
    Title,
    Ul,
    cookie,
    fill_form,
    qp,
    sse_message,
    to_xml,
)
from fasthtml.testing import Client, Closed
from support import each_row


@dataclass
class Todo:
    title: str
    def __ft__(self): return Li(self.title, id='todo')


class Rich:
    def __html__(self): return '<i>rich</i>'


class Said:
    def __str__(self): return '<said>'


class Callable:
    def __call__(self): return 'x'


async def coroutine(): return P('x')

async def stream(): yield P('x')

def parts():
    yield P('a')
    yield P('b')


SHOWN = {
    'element': lambda: P('a<b', id='x'),
    'tuple': lambda: (P('a'), P('b')),
    'list': lambda: [P('a'), 'b<c', None, 3],
    'nested': lambda: (P('a'), (P('b'), [Todo('c')])),
    'fragment': lambda: Fragment(P('a'), P('b')),
    'own element': lambda: Todo('a<b'),
    'own elements': lambda: [Todo('a'), Todo('b')],
    'own HTML': Rich,
    'own text': Said,
    'safe': lambda: NotStr('<b>s</b>'),
    'map': lambda: map(P, 'ab'),
    'zero': lambda: 0,
    'text of collections': lambda: UserString('a<b'),
    'number': lambda: 3.5,
    'decimal': lambda: Decimal('1.50'),
    'date': lambda: date(2025, 1, 31),
    'uuid': lambda: UUID(int=5),
    'path': lambda: Path('/a/b'),
    'set': lambda: {1},
    'exception': lambda: ValueError('x<y'),
}
UNFINISHED = {  # what can never be meant, and what the error says
    'function': (lambda: parts, 'parts(...)'),
    'coroutine function': (lambda: coroutine, 'coroutine(...)'),
    'class': (lambda: Todo, 'Todo(...)'),
    'tag': (lambda: P, 'P(...)'),
    'response class': (lambda: Response, 'Response(...)'),
    'redirect class': (lambda: Redirect, 'Redirect(...)'),
    'partial': (lambda: partial(P, 'x'), 'P(...)'),
    'method': (lambda: 'x'.upper, 'upper(...)'),
    'callable object': (Callable, 'Callable(...)'),
    'region': (lambda: REGION[0], 'region(...)'),
    'work': (lambda: REGION[1], 'work(...)'),
    'channel': (lambda: REGION[2], 'EventStream(channel)'),
    'module': (lambda: json, 'json.name'),
    'function in a list': (lambda: [parts], 'parts(...)'),
    'function in a tuple': (lambda: (P('x'), parts), 'parts(...)'),
}
REGION = []


def bare_class():
    "A class whose objects have no text, and that was not seen before"
    return type('Bare', (), {'__module__': 'app', '__repr__': object.__repr__, '__qualname__': f'Bare{next(COUNT)}'})


COUNT = count()


class Refused(Exception): pass


def make(content):
    "An app that shows `content` in every way"
    app = FastHTML(exts=['ws', 'sse'], secret_key='k')
    channel = app.channel('c')

    @app.get('/plain')
    def plain(): return content()

    @app.get('/coroutine')
    async def in_coroutine(): return content()

    @app.get('/raised')
    def raised(): raise Refused

    @app.exception_handler(Refused)
    def refused(req, exc): return content()

    @app.get('/guarded')
    def guarded(): return 'the guard said nothing'

    def guard(req):
        if req.url.path == '/guarded': return content()
    app.before = [Beforeware(guard)]

    @app.get('/beside')
    def beside(): return P('first'), content()

    @app.get('/inside')
    def inside(): return Div(content())

    @app.get('/parts')
    async def in_parts(): yield content()

    @app.get('/events')
    async def events():
        async def source(): yield content()
        return EventStream(source())

    @app.get('/plain-events')
    def plain_events():
        def source(): yield content()
        return EventStream(source())

    @app.get('/messages')
    def messages():
        def source(): yield sse_message(content())
        return EventStream(source())

    @app.get('/channel')
    def subscribe(): return EventStream(channel)

    @app.get('/region')
    def with_region(): return region()

    @app.live
    def region(): return Div(content())

    @app.work
    async def work(say): await say('x')

    @app.ws('/socket', channels=[channel])
    async def socket(how: str, send):
        if how == 'returned': return content()
        if how == 'sent': await send(content())
        if how == 'published': await channel.publish(content())

    @app.ws('/plain-socket')
    def plain_socket(how: str, send):
        if how == 'returned': return content()
        if how == 'sent': send(content())

    @app.ws('/yielding')
    async def yielding(): yield content()
    REGION[:] = [region, work, channel]
    return app, channel


def got(client, path): return client.get(path, headers={'HX-Request': 'true'}).text

def whole(client, path):
    "What stands in the body of a page"
    return re.search('<body>(.*)</body>', client.get(path, headers={'Accept': 'text/html'}).text, re.S)

def event(client, path):
    with client.sse(path) as events: return events.next().data

def published(client, channel, content):
    with client.sse('/channel') as events:
        client.run(channel.publish(content()))
        return events.next().data

def frame(client, path, **fields):
    with client.ws(path) as ws:
        ws.hx(**fields)
        return ws.receive().replace(' hx-swap-oob="true"', '')

def within(html): return re.fullmatch(r'<div[^>]*>(.*)</div>', html, re.S)[1]


WAYS = {
    'to_xml': lambda client, channel, content: to_xml(content(), indent=False),
    'returned by a function': lambda client, *_: got(client, '/plain'),
    'returned by a coroutine': lambda client, *_: got(client, '/coroutine'),
    'returned for an exception': lambda client, *_: got(client, '/raised'),
    'returned by a guard': lambda client, *_: got(client, '/guarded'),
    'beside an element': lambda client, *_: got(client, '/beside').removeprefix('<p>first</p>'),
    'in an element': lambda client, *_: within(got(client, '/inside')),
    'as a page in parts': lambda client, *_: got(client, '/parts'),
    'in a page': lambda client, *_: body[1] if (body := whole(client, '/plain')) else client.get('/plain').text,
    'event': lambda client, *_: event(client, '/events'),
    'event of a plain generator': lambda client, *_: event(client, '/plain-events'),
    'message as an event': lambda client, *_: event(client, '/messages'),
    'published to a stream': published,
    'region': lambda client, *_: within(got(client, '/region')),
    'returned on a socket': lambda client, *_: frame(client, '/socket', how='returned'),
    'sent on a socket': lambda client, *_: frame(client, '/socket', how='sent'),
    'published to a socket': lambda client, *_: frame(client, '/socket', how='published'),
    'returned by a plain function on a socket': lambda client, *_: frame(client, '/plain-socket', how='returned'),
    'sent by a plain function on a socket': lambda client, *_: frame(client, '/plain-socket', how='sent'),
    'yielded on a socket': lambda client, *_: frame(client, '/yielding'),
}
UNLIKE = {  # A guard that returns 0 lets the request pass, as one that returns None or ''
    ('zero', 'returned by a guard'): 'the guard said nothing',
}


@pytest.mark.parametrize('kind', SHOWN)
def test_what_is_shown_is_the_same_by_whatever_way_it_leaves(kind):
    content = SHOWN[kind]
    app, channel = make(content)
    with Client(app) as client: seen = {way: see(client, channel, content) for way, see in WAYS.items()}
    want = to_xml(content(), indent=False)
    assert seen == {way: UNLIKE.get((kind, way), want) for way in WAYS}


@pytest.mark.parametrize('kind', UNFINISHED)
@pytest.mark.filterwarnings('error')
def test_what_is_not_finished_is_refused_by_whatever_way_it_leaves(kind, caplog):
    "Clients see no Python text; the error, or the log where no client receives it, says what to write"
    content, hint = UNFINISHED[kind]
    app, channel = make(content)
    wrong = {}
    with Client(app) as client:
        for way, see in WAYS.items():
            caplog.clear()
            shown = error = ''
            with caplog.at_level(logging.ERROR):
                try: shown = see(client, channel, content)
                except (TypeError, Closed) as e: error = str(e)
            told = error + caplog.text + ''.join(str(r.exc_info[1]) for r in caplog.records if r.exc_info)
            if hint not in told: wrong[way] = told[-300:]
            if ' at 0x' in shown or '<class' in shown or '<module' in shown or '&lt;' in shown: wrong[way] = shown[:300]
    assert not wrong, '\n'.join(f'{way}: {text}' for way, text in wrong.items())


@each_row('kind', [kind for kind in UNFINISHED if ' in a ' not in kind])
def test_it_is_refused_as_a_value_in_json_too(kind):
    content, hint = UNFINISHED[kind]
    make(content)
    app = FastHTML(secret_key='k')

    @app.get('/dict')
    def in_dict(): return {'a': [content()]}
    with pytest.raises(TypeError) as e: Client(app).get('/dict')
    assert hint in str(e.value) and 'a value in JSON' in str(e.value)



HELPERS = {  # what makes an address, a header or a form of a value
    'Redirect': lambda x: Redirect(x).url,
    'HttpHeader': lambda x: HttpHeader('X-A', x),
    'FtResponse': lambda x: Client(app_of(FtResponse('x', headers={'X-A': x}))).get('/'),
    'trigger': lambda x: HtmxResponseHeaders(trigger=x),
    'trigger with values': lambda x: HtmxResponseHeaders(trigger={'a': x}),
    'HX-Location': lambda x: HtmxResponseHeaders(location={'path': '/', 'values': {'a': x}}),
    'HX-Redirect': lambda x: HtmxResponseHeaders(redirect=x),
    'cookie': lambda x: cookie('a', x),
    'path': lambda x: ROUTE.to(name=x),
    'query': lambda x: ROUTE.to(name='a', q=x),
    'several in a query': lambda x: ROUTE.to(name='a', q=[x]),
    'qp': lambda x: qp('/a', q=x),
    'field': lambda x: fill_form(Input(name='a'), {'a': x}),
    'text area': lambda x: fill_form(Textarea(name='a'), {'a': x}),
}


def app_of(result):
    app = FastHTML(secret_key='k')
    app.get('/')(lambda: result)
    return app


ROUTE = FastHTML(secret_key='k').get('/of/{name}')(lambda name: name)


@pytest.mark.parametrize('helper', HELPERS)
def test_it_is_refused_in_addresses_headers_and_forms_too(helper):
    for kind, (content, hint) in UNFINISHED.items():
        if ' in a ' in kind: continue
        make(content)
        with pytest.raises(TypeError, match=re.escape(hint)): HELPERS[helper](content())
    for value in 'b<c', 5, 3.5, Decimal('1.50'), date(2025, 1, 31), UUID(int=5): HELPERS[helper](value)


class Colour(Enum): RED = 'red'


def test_a_set_is_written_in_order_and_an_enum_by_its_value():
    "In JSON for htmx and in addresses, so that a page is the same in every process"
    many = {f'n{i}' for i in range(9)}
    for values in many, frozenset(many):
        in_order = sorted(values)
        assert json.loads(P(hx_vals={'a': values}).attrs['hx-vals'])['a'] == in_order
        assert json.loads(HtmxResponseHeaders(trigger={'a': values}).v)['a'] == in_order
        assert parse_qs(urlsplit(ROUTE.to(name='a', q=values)).query)['q'] == in_order
    assert ROUTE.to(name='a', q=range(2)) == ROUTE.to(name='a', q=iter('01')) == '/of/a?q=0&q=1'
    assert json.loads(P(hx_vals={'a': Colour.RED}).attrs['hx-vals']) == {'a': 'red'}
    assert json.loads(HtmxResponseHeaders(trigger={'a': Colour.RED}).v) == {'a': 'red'}


@each_row('way', WAYS)
def test_an_object_without_a_text_is_shown_as_in_fasthtml_and_told_of_once(way, caplog):
    cls = bare_class()
    things = [cls(), cls()]
    for thing in things:
        app, channel = make(lambda thing=thing: thing)
        with Client(app) as client: assert WAYS[way](client, channel, lambda thing=thing: thing) == escape(str(thing))
    [told] = [r.getMessage() for r in caplog.records if cls.__qualname__ in r.getMessage()]
    assert '__str__' in told and '__ft__' in told


PLACES = [
    lambda x: P(title=x), lambda x: P(cls=['a', x]), lambda x: P(style={'color': x}), lambda x: P(hx_vals={'a': x}), lambda x: P(data_x=x),
    lambda x: P(id=x), lambda x: A(href=x), lambda x: A(get=x), lambda x: P(**{'@click': x}), lambda x: P({'title': x}),
    lambda x: P()(title=x), lambda x: Input(value=x), lambda x: Script(x), lambda x: Title(x), lambda x: Style(x), lambda x: P([x]),
    lambda x: P(map(lambda o: o, [x])), lambda x: Ul(map(Li, [x])), lambda x: {'json': x}, lambda x: [{'json': [x]}],
    lambda x: JSONResponse([x])]


@each_row('show', PLACES)
def test_it_is_told_of_wherever_it_stands(show, caplog):
    cls = bare_class()
    app = FastHTML(secret_key='k')

    @app.get('/')
    def home(): return show(cls())
    client = Client(app)
    for _ in range(2): assert f'app.{cls.__qualname__} object at 0x' in client.get('/').text
    [told] = [r.getMessage() for r in caplog.records if cls.__qualname__ in r.getMessage()]
    assert '__str__' in told


def test_what_draws_itself_or_has_a_text_is_not_told_of(caplog):
    for method in '__str__ __repr__ __html__ __ft__ _repr_html_ _repr_svg_'.split():
        cls = type('Drawn', (), {'__module__': 'app', method: lambda self: 'drawn'})
        assert to_xml(P(cls()), indent=False) == '<p>drawn</p>'
    assert not caplog.records


def test_bytes_are_text_in_attributes_as_they_are_among_children():
    data = 'caf\xe9'.encode()
    assert to_xml(P(data, title=data, cls=['a', data], style={'color': data}, data_x=bytearray(data)), indent=False) == (
        '<p title="caf\xe9" class="a caf\xe9" style="color:caf\xe9" data-x="caf\xe9">caf\xe9</p>')
    assert json.loads(P(hx_vals={'a': data}).attrs['hx-vals']) == {'a': 'caf\xe9'}
    assert 'href="unsafe:' in to_xml(A(href=b'javascript:alert(1)'))
