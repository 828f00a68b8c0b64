"""A pinned source is that source (P2), however the annotation says it.

`KINDS` are the ways to write a pin, `PLACES` the functions and records that have it; each is tried as it stands and in a module
that begins with `from __future__ import annotations`. What cannot be obeyed is in `REFUSED`: an error at registration.
"""
import dataclasses
import functools
import sys
import types
import typing
import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import attrs
import msgspec
import pydantic
import pytest
import typing_extensions

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.common import APIRouter, Response
from fasthtml.http.params import make_plan
from fasthtml.http.sources import cookie, form, header, path, query
from support import each_row

MARKS = {'header': header('x-user'), 'cookie': cookie('user'), 'query': query('user'), 'form': form('user')}
KINDS = ['Annotated[str, MARK]', 'Annotated[str, MARK] | None', 'None | Annotated[str, MARK]', 'Optional[Annotated[str, MARK]]',
         'Union[None, Annotated[str, MARK]]', 'Annotated[str | None, MARK]', 'Annotated[Annotated[str, "a note"], MARK]',
         'Annotated[str, "a note", MARK]', '"Annotated[str, MARK] | None"', 'Optional["Annotated[str, MARK]"]', 'Annotated["str", MARK]',
         'Annotated[int, MARK] | Annotated[str, MARK]', 'Annotated[int, MARK] | str | None',
         'Annotated[Annotated[str, MARK] | None, "a note"]',
         'Annotated[NewText, MARK]', 'NewPinned', 'NewPinned | None', 'Alias', 'Optional[Alias]', 'Bound', 'Annotated[Alias, MARK]',
         'AliasOfNew']
HEAD = '''
from typing import Annotated, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union
from typing_extensions import NotRequired, TypeAliasType
NewText = NewType('NewText', str)
NewPinned = NewType('NewPinned', Annotated[str, MARK])
Alias = TypeAliasType('Alias', Annotated[str, MARK])
Bound = TypeVar('Bound', bound=Annotated[str, MARK])
AliasOfNew = TypeAliasType('AliasOfNew', Optional[NewPinned])
'''
PLAIN = 'def f(who: KIND = None): return f"{who}"'
PLACES = {
    'function': PLAIN,
    'async function': 'async def f(who: KIND = None): return f"{who}"',
    'keyword': 'def f(*, who: KIND = None): return f"{who}"',
    'partial': 'def g(other, who: KIND = None): return f"{who}"\nf = functools.partial(g, "x")',
    'decorated': 'def g(who: KIND = None): return f"{who}"\n@functools.wraps(g)\ndef f(*args, **kw): return g(*args, **kw)',
    'object': 'class F:\n    def __call__(self, who: KIND = None): return f"{who}"\nf = F()',
    'method': 'class F:\n    def m(self, who: KIND = None): return f"{who}"\nf = F().m',
    'from_request': 'class B:\n    def __init__(self, who): self.who = who\n    @classmethod\n'
                    '    def __from_request__(cls, who: KIND = None): return cls(who)\ndef f(b: B): return f"{b.who}"',
    'from_request or None': 'class B:\n    def __init__(self, who): self.who = who\n    @classmethod\n'
                            '    def __from_request__(cls, who: KIND = None): return cls(who)\n'
                            'def f(b: B | None = None): return f"{b.who}"',
    'dataclass': '@dataclass\nclass R:\n    who: KIND = None\ndef f(r: R): return f"{r.who}"',
    'dataclass or None': '@dataclass\nclass R:\n    who: KIND = None\ndef f(r: R | None = None): return f"{r and r.who}"',
    'noted dataclass': '@dataclass\nclass R:\n    who: KIND = None\ndef f(r: Annotated[R, "a note"]): return f"{r.who}"',
    'TypedDict': 'class R(TypedDict):\n    who: NotRequired[KIND]\ndef f(r: R): return f"{r.get(\'who\')}"',
    'NamedTuple': 'class R(NamedTuple):\n    who: KIND = None\ndef f(r: R): return f"{r.who}"',
    'namespace': 'class R(SimpleNamespace):\n    who: KIND = None\ndef f(r: R): return f"{r.who}"',
    'attrs': '@attrs.define\nclass R:\n    who: KIND = None\ndef f(r: R): return f"{r.who}"',
    'pydantic': 'class R(pydantic.BaseModel):\n    who: KIND = None\ndef f(r: R): return f"{r.who}"',
    'msgspec': 'class R(msgspec.Struct):\n    who: KIND = None\ndef f(r: R): return f"{r.who}"',
}


def written(place, kind, mark, strings, other=None):
    "The function `f` of a program that is written so"
    text = HEAD + PLACES[place].replace('KIND', kind)
    module = types.ModuleType('written_for_a_test')
    vars(module).update(functools=functools, dataclass=dataclass, SimpleNamespace=SimpleNamespace, attrs=attrs, pydantic=pydantic,
                        msgspec=msgspec, MARK=mark, OTHER=other)
    sys.modules[module.__name__] = module   # where strings in classes are looked up
    exec(compile(('from __future__ import annotations\n' if strings else '') + text, __file__, 'exec', dont_inherit=True), vars(module))
    return module.f


def on_route(f):
    app = FastHTML(secret_key='k')
    app.route('/pay', methods=['GET', 'POST'])(f)
    return app


def on_router(f):
    app, ar, outer = FastHTML(secret_key='k'), APIRouter(), APIRouter()
    ar.route('/pay', methods=['GET', 'POST'])(f)
    outer.include(ar)
    outer.to_app(app)
    return app


def on_class(f):
    app = FastHTML(secret_key='k')
    @app.route('/pay')
    class Pay:
        get = staticmethod(f)
        post = staticmethod(f)
    return app


def as_guard(f):
    @functools.wraps(f)
    def guard(*args, **kw): return Response(f(*args, **kw))
    app = FastHTML(secret_key='k', before=guard)
    app.route('/pay', methods=['GET', 'POST'])(lambda: 'the handler')
    return app


SAID = {'header': ('headers', {'X-User': 'from header', 'who': 'attacker'}),
        'cookie': ('cookies', {'user': 'from cookie', 'who': 'attacker'}),
        'query': ('params', {'user': 'from query', 'who': 'attacker'}), 'form': ('data', {'user': 'from form', 'who': 'attacker'})}
SILENT = {'headers': {'who': 'attacker'}, 'cookies': {'who': 'attacker'}, 'params': {'who': 'attacker'}, 'data': {'who': 'attacker'}}


def ask(app, source, silent):
    "What the function says of a request in which every source has a value, or every one but its own"
    request = {place: dict(values) for place, values in SAID.values()}
    if silent: request[SAID[source][0]] = SILENT[SAID[source][0]]
    cookies = '; '.join(f'{k}={v}' for k, v in request.pop('cookies').items())
    return DirectClient(app).post('/pay', **request | {'headers': request['headers'] | {'Cookie': cookies}}).text


def on_socket(f):
    app = FastHTML(secret_key='k')
    app.ws('/ws')(f)
    return app


def say(app, source, silent):
    "The same of a message"
    said = {place: dict(values) for place, values in SAID.values()}
    if silent: said[SAID[source][0]] = SILENT[SAID[source][0]]
    cookies = '; '.join(f'{k}={v}' for k, v in said['cookies'].items())
    url = '/ws?' + '&'.join(f'{k}={v}' for k, v in said['params'].items())
    frame = said['data'] | {'HEADERS': {'X-User': 'attacker', 'Cookie': 'user=attacker'}}
    with DirectClient(app).websocket_connect(url, headers=said['headers'] | {'Cookie': cookies}) as ws:
        ws.send_json(frame)
        return ws.receive_text()


@each_row('strings', [False, True], ids=['objects', 'strings'])
@pytest.mark.parametrize('place', PLACES)
@each_row('kind', KINDS)
def test_a_pin_is_obeyed_wherever_the_annotation_says_it(kind, place, strings):
    well_known = place in ('function', 'dataclass')
    for source, mark in MARKS.items() if well_known else [('header', MARKS['header'])]:
        f = written(place, kind, mark, strings)
        for way in (on_route, on_router, on_class, as_guard) if well_known and source == 'header' else (on_route,):
            app = way(f)
            assert ask(app, source, silent=False) == f'from {source}', (way, source)
            assert ask(app, source, silent=True) == 'None', (way, source)
        app = on_socket(f)
        assert say(app, source, silent=False) == f'from {source}', source
        assert say(app, source, silent=True) == 'None', source


# Pins that cannot be obeyed

REFUSED = {'list[Annotated[str, MARK]]': 'Annotated[list[str]', 'list[Annotated[str, MARK]] | None': 'Annotated[list[str]',
           'dict[str, Annotated[str, MARK]]': 'whole', 'tuple[Annotated[str, MARK], int]': 'whole', 'list[NewPinned]': 'whole',
           'list[Alias]': 'whole', '"list[Alias] | None"': 'whole', 'Annotated[str, MARK] | Annotated[str, OTHER]': 'several',
           'Annotated[str, MARK, OTHER]': 'several', 'Annotated[Alias, OTHER] | None': 'several', 'Annotated[list[Alias], OTHER]': 'whole'}


@pytest.mark.parametrize('strings', [False, True], ids=['objects', 'strings'])
@each_row('place', PLACES)
@each_row('kind', REFUSED)
def test_a_pin_that_cannot_be_obeyed_is_an_error_at_registration(kind, place, strings):
    f = written(place, kind, header('x-user'), strings, other=query('user'))
    for register in (lambda: on_route(f), lambda: on_socket(f), lambda: on_router(f)):
        with pytest.raises(TypeError) as error: register()
        assert REFUSED[kind].replace('MARK', "header('x-user')") in str(error.value) and "header('x-user')" in str(error.value)


@dataclass
class Pinned:
    who: typing.Annotated[str, header('x-user')] = ''


@dataclass
class Other:
    n: int = 0


@dataclass
class Outer:
    inner: Pinned | None = None


class OuterModel(pydantic.BaseModel):
    inner: list[Pinned] = []


class PinnedModel(pydantic.BaseModel):
    who: typing.Annotated[str, header('x-user')] = ''


@dataclass
class OuterOfModel:
    inner: PinnedModel | None = None


@dataclass
class Tree:
    who: typing.Annotated[str, header('x-user')] = ''
    below: list['Tree'] | None = None


class Deps:
    def __init__(self, who: typing.Annotated[str, header('x-user')]): self.who = who


class Given:
    def __init__(self, who: str = header('x-user')): self.who = who


class Written:
    who: str
    def __init__(self, who: typing.Annotated[str, header('x-user')]): self.who = who


def parsed(value: typing.Annotated[str, header('x-user')]): return value


@dataclass
class ByDefault:
    who: str = header('x-user')


class ByDefaultModel(pydantic.BaseModel):
    who: str = header('x-user')


class ByDefaultNamespace(SimpleNamespace):
    who: str = header('x-user')


class ByDefaultTuple(typing.NamedTuple):
    who: str = header('x-user')


@attrs.define
class ByDefaultAttrs:
    who: str = header('x-user')


class ByDefaultStruct(msgspec.Struct):
    who: str = header('x-user')


class RootOf(pydantic.RootModel[typing.Annotated[str, header('x-user')]]): pass


class RootField(pydantic.RootModel):
    root: typing.Annotated[str, header('x-user')]


class RootOfMany(pydantic.RootModel[list[typing.Annotated[str, header('x-user')]]]): pass


class ListOf(list[typing.Annotated[str, header('x-user')]]): pass


class DictOf(dict[str, typing.Annotated[str, header('x-user')]]): pass


INSIDE = [RootOf, RootField, RootOfMany, RootOf | None, list[RootField], dict[str, RootOf], ListOf, DictOf,
          list[Pinned], dict[str, Pinned], Pinned | Other, Outer, list[Outer], OuterModel, OuterOfModel, list[PinnedModel], Tree, Deps,
          Deps | None,
          Given, Written, parsed, typing.Annotated[Pinned, form], typing.Annotated[Pinned, form('r')], ByDefault, ByDefaultModel,
          ByDefaultNamespace, ByDefaultTuple,
          ByDefaultAttrs, ByDefaultStruct, list[ByDefault], header('x-user'), list[header('x-user')]]


@each_row('kind', INSIDE, ids=lambda o: str(getattr(o, '__name__', o)).rpartition('.')[2])
def test_a_pin_inside_a_value_of_a_client_is_an_error_at_registration(kind):
    def f(d): return f'{d}'
    f.__annotations__ = {'d': kind}
    for register in (lambda: on_route(f), lambda: on_socket(f)):
        with pytest.raises(TypeError, match=r"header\('x-user'\)"): register()


@each_row('mark', [header, header('x-user'), cookie, query('q'), form], ids=str)
@each_row('annotated', [True, False])
def test_a_source_as_a_default_is_an_error_that_says_what_to_write(mark, annotated):
    def f(who=mark): ...
    f.__annotations__ = {'who': str} if annotated else {}
    with pytest.raises(TypeError) as error: make_plan(f)
    assert f'Write `who: Annotated[str, {mark}]`' in str(error.value)


def test_an_alias_that_contains_itself_is_walked_once():
    from fasthtml.http.sources import pins
    Json = typing_extensions.TypeAliasType('Json', 'dict[str, Json] | str')
    assert pins(Json) == ([], [])


class Visitor:
    def __init__(self, name): self.name = name
    @classmethod
    def __from_request__(cls, who: typing.Annotated[str, header('x-user')]): return cls(who)


@dataclass
class HasVisitor:
    by: Visitor = None


@each_row(('kind', 'warns'), [(Visitor, False), (Visitor | None, False), (typing.Annotated[Visitor, 'a note'], False),
    (typing.Annotated[Visitor, header('x-user')], False), (list[Visitor], True), (HasVisitor, True), (HasVisitor | None, True),
    (dict[str, Visitor], True), (Visitor | Other, True), (list[HasVisitor], True)], ids=str)
def test_a_class_that_reads_the_request_says_when_it_is_made_of_what_a_client_sends(kind, warns):
    def f(r): ...
    f.__annotations__ = {'r': kind}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        make_plan(f)
    assert any('Visitor has a `__from_request__`' in str(w.message) for w in caught) == warns


# A source round a record, or round everything, has all of its fields

class Model(pydantic.BaseModel):
    who: str | None = None
    tags: list[str] = []


@dataclass
class Record:
    who: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)


ALL_OF = {'Record': Record, 'Record or None': Record | None, 'model': Model, 'dict': dict, 'mapping': typing.Mapping[str, typing.Any],
          'dict or None': dict | None}


@each_row('kind', ALL_OF)
@each_row('source', ['query', 'form', 'cookie', 'header', 'path'])
@each_row('place', ['route', 'socket'])
def test_a_source_round_a_record_or_a_dict_has_all_of_its_fields(kind, source, place):
    mark = {'query': query, 'form': form, 'cookie': cookie, 'header': header, 'path': path}[source]
    def f(r): return str((r.get('who') if isinstance(r, typing.Mapping) else r.who) if r is not None else None)
    f.__annotations__ = {'r': typing.Annotated[ALL_OF[kind], mark]}
    app, pattern = FastHTML(secret_key='k'), '/{who}' if source == 'path' else ''
    app.route('/x' + pattern, methods=['GET', 'POST'])(f)
    app.ws('/ws' + pattern)(f)
    client = DirectClient(app)
    def ask(**said):
        url = ('/x' if place == 'route' else '/ws') + (f'/{said["path"]}' if source == 'path' else '')
        url += f'?who={said["query"]}' if 'query' in said else ''
        headers = {k: v for k, v in (('who', said.get('header')), ('Cookie', f'who={said["cookie"]}' if 'cookie' in said else None)) if v}
        body = {'who': said['form']} if 'form' in said else {}
        if place == 'route': return client.post(url, data=body, headers=headers).text
        with client.websocket_connect(url, headers=headers) as ws:
            ws.send_json(body)
            return ws.receive_text()
    places = {o: f'from {o}' for o in ('query', 'form', 'cookie', 'header')} | ({'path': 'from path'} if source == 'path' else {})
    assert ask(**places) == f'from {source}'
    if source != 'path': assert ask(**{o: v for o, v in places.items() if o != source}) == 'None'


# A header and a cookie come with any request, so they say nothing of an optional record
class FoundInModel(pydantic.BaseModel):
    q: str = ''
    agent: typing.Annotated[str, header('User-Agent')] = ''
    lang: typing.Annotated[str | None, cookie] = None


@dataclass
class Found:
    q: str = ''
    agent: typing.Annotated[str, header('User-Agent')] = ''
    lang: typing.Annotated[str | None, cookie] = None


@dataclass
class FoundHere:
    "The path is there at each request, too"
    q: str = ''
    shop: typing.Annotated[str, path] = ''
    page: typing.Annotated[int, query] = 0


@dataclass
class Agent:
    agent: typing.Annotated[str, header('User-Agent')] = ''


@each_row(('kind', 'said', 'made'), [
    (Found, '', False), (Found, '?q=a', True), (Found, '?lang=de', False), (FoundInModel, '', False), (FoundInModel, '?q=a', True),
    (FoundHere, '', False), (FoundHere, '?page=2', True), (FoundHere, '?q=a', True), (Agent, '', True),
    (typing.Annotated[Record, header], '', False), (typing.Annotated[Record, query], '?who=a', True)], ids=str)
@each_row('default', [None, 'missing', 'other'])
def test_an_optional_record_is_its_default_where_only_its_headers_came(kind, said, made, default):
    other = object()
    def f(r): return 'default' if r is (other if default == 'other' else None) else type(r).__name__
    f.__annotations__ = {'r': kind | None}
    if default != 'missing': f.__defaults__ = (other if default == 'other' else None,)
    app = FastHTML(secret_key='k')
    app.get('/{shop}')(f)
    assert (DirectClient(app, cookies={'lang': 'fr'}).get('/tea' + said).text != 'default') == made


@pytest.mark.parametrize('kind', [Pinned, PinnedModel, Pinned | None], ids=str)
def test_two_sources_for_a_field_of_a_record_are_an_error(kind):
    def f(r): ...
    f.__annotations__ = {'r': typing.Annotated[kind, form]}
    with pytest.raises(TypeError, match=r"`r` in .* has the source form, and Pinned.*who has header\('x-user'\)"): make_plan(f)
    f.__annotations__ = {'r': typing.Annotated[kind, header]}
    make_plan(f)


# Functions that get their arguments from the program read no source

PROGRAMS = {
    'region': ('def f(who: KIND = None): return P(who)', lambda app, f: app.live(f)),
    'region of a partial': ('def g(a, who: KIND = None): return P(who)\nf = functools.partial(g, a=1)',
                            lambda app, f: app.live(f, name='f')),
    'guard of a region': ('def f(auth, who: KIND = None): return True',
                          lambda app, f: app.live(lambda who, auth=None: 'x', name='r', guard=f)),
    'work': ('async def f(say, who: KIND = None): pass', lambda app, f: app.work(f)),
}


@each_row('strings', [False, True], ids=['objects', 'strings'])
@each_row('place', PROGRAMS)
@each_row('kind', [*KINDS, *REFUSED])
def test_a_source_where_the_program_gives_the_arguments_is_an_error(kind, place, strings, monkeypatch):
    text, register = PROGRAMS[place]
    monkeypatch.setitem(PLACES, place, text)
    with pytest.raises(TypeError, match=r"`who` has the source (header\('x-user'\)|query\('user'\))"):
        register(FastHTML(secret_key='k'), written(place, kind, header('x-user'), strings, other=query('user')))
