"""An object that a client sent is never taken for attributes, whichever way it came in and wherever an element gets it.

`WAYS` is every way in which a handler gets what a client sent; `SINKS` every place of an element that takes children. Each value of each
way is shown in each place, and an HTML5 parser finds the text of it, and no attribute that the client has named.
"""
import base64
import copy
import csv
import gc
import inspect
import json
import pickle
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, make_dataclass
from io import StringIO
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Any, NamedTuple, TypedDict
from urllib.parse import urlencode

import attrs
import msgspec
import pydantic
import pytest
import typing_extensions
from selectolax.lexbor import LexborHTMLParser
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request as StarletteRequest
from starlette.responses import RedirectResponse

from fasthtml.common import (
    AX,
    FT,
    H1,
    A,
    CheckboxX,
    Div,
    FastHTML,
    Form,
    Fragment,
    HxPartial,
    Input,
    Label,
    Li,
    Option,
    P,
    Script,
    Select,
    Table,
    Td,
    Textarea,
    Titled,
    Tr,
    Ul,
    fill_form,
    ft,
    ft_hx,
    to_xml,
)
from fasthtml.html.attributes import ClientDict
from fasthtml.html.render import iter_chunks
from fasthtml.pico import Grid
from fasthtml.realtime.regions import Signature
from fasthtml.testing import Client
from support import each_row

RUNS = 'alert(1)'
EVIL = {'onfocus': RUNS, 'autofocus': True, 'tabindex': '0', 'style': 'position:fixed', 'href': '/evil', 'hx-post': '/evil', 'id': 'evil'}
NAMES = EVIL.keys() - {'href', 'id'}
SENT = {'title': EVIL, 'tags': [EVIL], 'text': json.dumps({'deep': EVIL})}

WAYS = {}


def way(f):
    "`f(app, keep)` adds the handler `/x`, which gives `keep` what it got"
    WAYS[f.__name__] = f
    return f


@way
def all_data(app, keep):
    @app.post('/x')
    def x(data): keep(data, data['title'], *data['tags'])


@way
def a_dict(app, keep):
    @app.post('/x')
    def x(d: dict): keep(d, d['title'], d.copy(), d | {'more': 1}, {'more': 1} | d, *d['tags'])


@way
def copies(app, keep):
    @app.post('/x')
    def x(data): keep(copy.copy(data), copy.deepcopy(data)['title'], pickle.loads(pickle.dumps(data))['title'], {**data}['title'])


@way
def a_dict_of_anything(app, keep):
    @app.post('/x')
    def x(d: dict[str, Any]): keep(d, d['title'], *d['tags'])


@way
def a_dict_of_lists(app, keep):
    @app.post('/x')
    def x(d: dict[str, list]): keep(d, *d['tags'])


@way
def a_namespace(app, keep):
    @app.post('/x')
    def x(o: SimpleNamespace): keep(o.title, *o.tags)


@way
def anything(app, keep):
    @app.post('/x')
    def x(title: Any, tags: object): keep(title, *tags)


@way
def a_list(app, keep):
    @app.post('/x')
    def x(tags: list, title: list[Any]): keep(*tags, *title)


@way
def a_field_that_is_a_dict(app, keep):
    @app.post('/x')
    def x(title: dict | None, tags: list[dict]): keep(title, *tags)


@way
def one_of_two(app, keep):
    @app.post('/x')
    def x(title: str | dict): keep(title)


@way
def a_dataclass(app, keep):
    @dataclass
    class Note:
        title: object = None
        tags: list = field(default_factory=list)

    @app.post('/x')
    def x(note: Note): keep(note.title, *note.tags, asdict(note)['title'])


@way
def a_typed_dict(app, keep):
    class Focus(TypedDict):
        onfocus: str

    @app.post('/x')
    def x(tags: list[Focus]): keep(*tags)


@way
def a_model(app, keep):
    class Note(pydantic.BaseModel):
        title: Any
        tags: list[dict]
        text: pydantic.Json

    @app.post('/x')
    def x(note: Note): keep(note.title, *note.tags, note.text['deep'])


@way
def a_model_of_objects(app, keep):
    class Note(pydantic.BaseModel, extra='allow'):
        title: dict[str, Any]
        tags: tuple[pydantic.JsonValue, ...]

    @app.post('/x')
    def x(note: Note): keep(note.title, *note.tags, note.text, note.model_extra)


@way
def a_root_model(app, keep):
    class Titles(pydantic.RootModel[dict[str, Any]]): pass

    @app.post('/x')
    def x(title: Titles): keep(title.root)


@way
def a_struct(app, keep):
    class Note(msgspec.Struct):
        title: dict
        tags: Annotated[list[dict], msgspec.Meta(min_length=1)]

    @app.post('/x')
    def x(note: Note): keep(note.title, *note.tags)


@dataclass
class Held:
    title: Any
    tags: list


@dataclass(slots=True, frozen=True)
class HeldSlots:
    title: dict


class HeldTuple(NamedTuple):
    title: Any = None
    tags: list = []


@attrs.frozen
class HeldAttrs:
    title: Any


class HeldStruct(msgspec.Struct, frozen=True):
    title: Any


class HeldModel(pydantic.BaseModel):
    title: Any
    tags: list


ONE, SEVERAL = {'title': EVIL, 'tags': [EVIL]}, [{'title': EVIL, 'tags': [EVIL]}] * 2
MEMBERS = {   # annotation → what is sent for it
    Held: ONE, HeldSlots: ONE, HeldModel: ONE, dict[str, HeldModel]: {'a': ONE}, list[Held]: SEVERAL, tuple[Held, ...]: SEVERAL,
    dict[str, Held]: {'a': ONE}, HeldTuple: [EVIL, [EVIL]], OrderedDict[str, dict]: {'a': EVIL}, defaultdict[str, dict]: {'a': EVIL},
    deque[dict]: SEVERAL, Sequence[dict]: SEVERAL, Iterable[dict]: SEVERAL, Iterable[list[dict]]: [[EVIL]] * 9, Iterable[Held]: SEVERAL * 5,
    Mapping[str, Any]: ONE, list[dict]: SEVERAL, pydantic.Json: json.dumps(ONE), pydantic.Json[Held]: json.dumps(ONE)}
OF_MSGSPEC = {list[Held]: SEVERAL, list[HeldTuple]: [[EVIL, [EVIL]]], list[HeldAttrs]: SEVERAL, list[HeldStruct]: SEVERAL,
              list[dict]: SEVERAL}
MAPPINGS = [OrderedDict, defaultdict, UserDict, ChainMap, MappingProxyType, Counter, type('Prefs', (dict,), {})]


def mappings_in(value):
    "Every mapping that is held somewhere"
    if isinstance(value, Mapping): return [value, *(o for v in value.values() for o in mappings_in(v))]
    if isinstance(value, str | bool | None): return []
    if hasattr(value, 'title'): return mappings_in([value.title, getattr(value, 'tags', None)])
    if hasattr(value, 'member'): return mappings_in(value.member)
    return [o for v in value for o in mappings_in(v)]


def received(annotation, sent):
    "What a handler got as `o`"
    app, got = FastHTML(secret_key='k' * 32), []
    def x(o): got.append(o)
    x.__annotations__['o'] = annotation
    app.post('/x')(x)
    response = Client(app).post('/x', json=sent)
    assert response.status_code == 200, response.text
    return got[0]


def posted(annotation, sent):
    "The mappings in it"
    return mappings_in(received(annotation, sent))


def check_held(found):
    assert any(RUNS in str(value) for value in found)
    for value in found: assert LexborHTMLParser(to_xml(P(value))).css_first('p').attributes == {}, (type(value), value)


@each_row('member', MEMBERS, ids=str)
def test_what_a_model_of_pydantic_holds_is_text_too(member):
    check_held(posted(pydantic.create_model('Note', member=(member, ...)), {'member': MEMBERS[member]}))


@each_row('member', OF_MSGSPEC, ids=str)
def test_what_a_struct_of_msgspec_holds_is_text_too(member):
    note = msgspec.defstruct('Note', [('member', Annotated[member, msgspec.Meta(min_length=1)])], frozen=True)
    check_held(posted(note, {'member': OF_MSGSPEC[member]}))


@each_row('kind', MAPPINGS, ids=lambda kind: kind.__name__)
def test_a_mapping_of_any_class_has_all_that_was_sent_and_is_text(kind):
    found = posted(kind, ONE)
    assert type(found[0]) is kind and dict(found[0]) == ONE
    check_held(found)


# Every kind of record in every container, and no dict of what was sent may be a plain one, wherever it is held

class ById:
    def __hash__(self): return 1


class InModel(ById, pydantic.BaseModel):
    d: dict


class InSlot(ById, pydantic.BaseModel):
    __slots__ = 'kept',
    d: dict
    _own: Any = None
    def model_post_init(self, context):
        object.__setattr__(self, 'kept', dict(self.d))
        self._own = dict(self.d)


class InMore(ById, pydantic.BaseModel, extra='allow', frozen=True): pass
class InRoot(ById, pydantic.RootModel[dict]): pass


@pydantic.dataclasses.dataclass(eq=False)
class InPydantic:
    d: dict
    def __post_init__(self): self.own = dict(self.d)


@pydantic.dataclasses.dataclass(eq=False, config=pydantic.ConfigDict(extra='allow'))
class InPydanticMore: pass


@pydantic.dataclasses.dataclass(eq=False, slots=True)
class InPydanticSlots:
    d: dict | str


@pydantic.dataclasses.dataclass(frozen=True, slots=True)
class InFrozenSlots:
    d: list[dict] = field(compare=False)


@dataclass(eq=False)
class InDataclass:
    d: dict


@dataclass(eq=False, slots=True)
class InChild(InDataclass):
    e: dict = field(default_factory=dict)


class InTuple(NamedTuple):
    d: dict
    def __hash__(self): return 1


class InTypedDict(typing_extensions.TypedDict):
    d: dict


class InStruct(msgspec.Struct, eq=False, frozen=True, gc=False):
    d: dict


@attrs.define(eq=False)
class InAttrs:
    d: dict


@attrs.frozen(eq=False, slots=False)
class InFrozenAttrs:
    d: list[dict]


KINDS = {   # of records → what is sent for one
    **dict.fromkeys([InModel, InSlot, InMore, InPydantic, InPydanticMore, InPydanticSlots, InDataclass, InTypedDict, InStruct, InAttrs,
                     InTuple], {'d': EVIL}),
    InFrozenSlots: {'d': [EVIL]}, InFrozenAttrs: {'d': [EVIL]}, InChild: {'d': EVIL, 'e': EVIL}, InRoot: EVIL, dict: EVIL}
OWN_OF_MSGSPEC = [InDataclass, InTypedDict, InStruct, InAttrs, InFrozenAttrs, InTuple, dict]
HELD_IN = {   # annotation of something that holds a `T` → what is sent
    'T': lambda o: o, 'T | int': lambda o: o, 'list[T]': lambda o: [o], 'tuple[T, ...]': lambda o: [o], 'tuple[T, int]': lambda o: [o, 1],
    'dict[str, T]': lambda o: {'k': o}, 'list[dict[str, list[T]]]': lambda o: [{'k': [o]}], 'set[T]': lambda o: [o],
    'frozenset[T]': lambda o: [o]}
HELD_BY_PYDANTIC = {
    'deque[T]': lambda o: [o], 'Sequence[T]': lambda o: [o], 'Iterable[T]': lambda o: [o], 'Mapping[str, T]': lambda o: {'k': o},
    'OrderedDict[str, T]': lambda o: {'k': o}, 'pydantic.Secret[T]': lambda o: o,
    'dict[str, frozenset[tuple[T, int]]]': lambda o: {'k': [[o, 1]]}, 'pydantic.Json[T]': json.dumps,
    'dict[pydantic.Json[T], int]': lambda o: {json.dumps(o): 1}}


def held(T, more=HELD_IN):
    "Annotations around `T`, and what is sent for them; a dict cannot be in a set, or be a key"
    ways = {**HELD_IN, **more}
    if T in (dict, InTypedDict): ways = {k: v for k, v in ways.items() if 'set' not in k and '[pydantic.Json' not in k}
    if T is InTuple and more is HELD_IN: ways = {k: lambda o, f=f: f([EVIL]) for k, f in ways.items() if k[0] != 'T'}  # msgspec's
    return [(eval(k, globals(), {'T': T}), f(KINDS[T])) for k, f in ways.items()]


def dicts_in(value):
    "Whatever is held by it in any way, if it is a dict that the client made"
    left, met = [value], {}
    while left:
        o = left.pop()
        if id(o) in met or inspect.isclass(o) or inspect.isroutine(o) or inspect.ismodule(o): continue
        met[id(o)] = o
        left += list(o) if hasattr(o, '__next__') else gc.get_referents(o)
        left += [getattr(o, name) for name in getattr(o, '__struct_fields__', ())]
    return [o for o in met.values() if isinstance(o, dict) and 'onfocus' in o]


def check_kinds(annotation, sent):
    found = dicts_in([received(annotation, sent)])
    assert found and all(type(o) is not dict for o in found), (annotation, found)
    return found


@pytest.mark.parametrize('kind', [k for k in KINDS if k not in (InStruct, InAttrs, InFrozenAttrs)], ids=lambda kind: kind.__name__)
def test_pydantic_leaves_no_plain_dict_whatever_holds_it(kind):
    ways = held(kind, HELD_BY_PYDANTIC)
    fields, sent = {f'f{i}': ann for i, (ann, _) in enumerate(ways)}, {f'f{i}': v for i, (_, v) in enumerate(ways)}
    noted = [(k, Annotated[ann, pydantic.Field(title='x')]) for k, ann in fields.items() if 'Secret' not in str(ann)]
    made = [pydantic.create_model('All', **{k: (ann, ...) for k, ann in fields.items()}), make_dataclass('All', noted),
            pydantic.dataclasses.dataclass(slots=True)(type('All', (), {'__annotations__': fields}))]
    for cls in made: assert len(check_kinds(cls, sent)) >= len(ways) - 1


@each_row('kind', OWN_OF_MSGSPEC, ids=lambda kind: kind.__name__)
def test_msgspec_leaves_no_plain_dict_whatever_holds_it(kind):
    ways = held(kind)
    cls = msgspec.defstruct('All', [(f'f{i}', Annotated[ann, msgspec.Meta(title='x')]) for i, (ann, _) in enumerate(ways)])
    assert len(check_kinds(cls, {f'f{i}': v for i, (_, v) in enumerate(ways)})) >= len(ways)


@each_row('kind', [*MAPPINGS, type('Own', (UserDict,), {})], ids=lambda kind: kind.__name__)
def test_a_container_of_any_class_holds_no_plain_dict(kind):
    check_kinds(kind, EVIL)


def test_what_reads_is_of_its_own_class():
    app, got = FastHTML(secret_key='k' * 32), []
    @app.post('/x')
    def x(text: StringIO): got.append(text.read())
    Client(app).post('/x', data={'text': 'a'})
    assert got == ['a']


def test_what_was_there_before_stays_what_it_is():
    class Kept:
        def __init__(self): self.d = dict(EVIL)
    kept = Kept()
    class Note(pydantic.BaseModel, arbitrary_types_allowed=True):
        kept: Kept | None = None
        title: dict
        _same: Any = None
        @pydantic.model_validator(mode='before')
        def add(cls, data): return {**data, 'kept': kept}
        def model_post_init(self, context):
            self.title['again'] = self.title
            self._same = self.title
    app, got = FastHTML(secret_key='k' * 32), []
    @app.post('/x')
    def x(note: Note): got.append(note)
    Client(app).post('/x', json={'title': EVIL})
    note, = got
    assert note.kept is kept and type(kept.d) is dict
    assert type(note.title) is ClientDict and note.title['again'] is note.title is note._same


def test_objects_that_hold_each_other_are_taken_as_they_are():
    class Note(pydantic.BaseModel):
        title: Any
        parts: list[Any]
        @pydantic.model_validator(mode='after')
        def close(self):
            self.parts += [self, self.parts]
            return self
    app, got = FastHTML(secret_key='k' * 32), []
    @app.post('/x')
    def x(note: Note): got.append(note)
    Client(app).post('/x', json={'title': EVIL, 'parts': [EVIL]})
    check_held([got[0].title, got[0].parts[0]])


# What a validator makes of a text or a file is what the client sent, in whichever form and however much it is

def of_csv(text): return list(csv.DictReader(StringIO(text), delimiter=';'))
def of_lines(text): return [dict([line.split('=')]) for line in text.splitlines()]
def of_settings(text): return dict(line.split('=') for line in text.splitlines())
def of_base64(text): return json.loads(base64.b64decode(text))
def of_letters(text): return [{'onfocus': letter} for letter in text]
def of_nested(text): return [({'onfocus': letter}, [letter]) for letter in text]


FORMATS = {   # what reads it → what is sent for so many rows
    of_csv: lambda n: 'onfocus\n' + 'x\n' * n, of_lines: lambda n: 'onfocus=x\n' * n,
    of_settings: lambda n: 'onfocus=x\n' + '\n'.join(f'{i}=' for i in range(n)),
    of_base64: lambda n: base64.b64encode(json.dumps([{'onfocus': 1}] * n).encode()).decode(), of_letters: lambda n: 'x' * n,
    of_nested: lambda n: 'x' * n}


def rows_in(kind, read):
    "A class of lists that reads a text itself"
    def init(self, text=()):
        made = read(text) if isinstance(text, str) else text
        kind.__init__(self, [made] if isinstance(made, dict) else made)
    return type('Rows', (kind,), {'__init__': init})


def of_all(read):
    "A model in which a validator of all fields reads one"
    read_all = pydantic.model_validator(mode='before')(lambda data: {**data, 'rows': read(data['rows'])})
    return pydantic.create_model('M', rows=(Any, ...), __validators__={'read_all': read_all})


READERS = {   # who reads it → the annotation of a parameter
    'of a parameter': lambda read: Annotated[str, pydantic.AfterValidator(read)],
    'of bytes': lambda read: Annotated[bytes, pydantic.AfterValidator(lambda data: read(data.decode()))],
    'of a field': lambda read: pydantic.create_model('M', rows=(Annotated[str, pydantic.AfterValidator(read)], ...)),
    'of all fields': of_all,
    'of a record': lambda read: pydantic.dataclasses.dataclass(type('R', (), {
        '__annotations__': {'rows': Any}, '__post_init__': lambda self: setattr(self, 'rows', read(self.rows))})),
    'a class': lambda read: rows_in(list, read), 'a class in Python': lambda read: rows_in(UserList, read),
    'of a file': lambda read: pydantic.create_model('M', __config__={'arbitrary_types_allowed': True}, rows=(
        Annotated[UploadFile, pydantic.AfterValidator(lambda f: read(f.file.read().decode()))], ...))}


@pytest.mark.parametrize('rows', [2, 1100, 12_000])     # few; more than is looked at anyway in one container, and in all
@pytest.mark.parametrize('reader, read', [*((r, of_csv) for r in READERS), *(('of a field', f) for f in FORMATS if f is not of_csv)])
def test_what_is_made_of_a_text_is_what_was_sent(reader, read, rows):
    app, got = FastHTML(secret_key='k' * 32), []
    def x(rows): got.append(rows)
    x.__annotations__['rows'] = READERS[reader](read)
    app.post('/x')(x)
    text = FORMATS[read](rows)
    sent = {'files': {'rows': ('a', text.encode())}} if reader == 'of a file' else {'json': {'rows': text}}
    assert Client(app).post('/x', **sent).status_code == 200
    found = dicts_in(got)
    assert len(found) >= (1 if read is of_settings else rows) and all(type(o) is not dict for o in found)


# What the program has made before is not changed, whatever it is and however a model gives it to the handler

OWN = {   # kind → what the program has
    'dict': {'a': dict(EVIL)}, 'list': [dict(EVIL)], 'tuple': ([dict(EVIL)], 1), 'NamedTuple': HeldTuple(dict(EVIL), [dict(EVIL)]),
    'deque': deque([dict(EVIL)]), 'OrderedDict': OrderedDict(a=dict(EVIL)), 'defaultdict': defaultdict(list, a=[dict(EVIL)]),
    'UserDict': UserDict(a=dict(EVIL)), 'ChainMap': ChainMap({}, {'a': dict(EVIL)}),
    'MappingProxyType': MappingProxyType({'a': dict(EVIL)}),
    'dataclass': Held(dict(EVIL), [dict(EVIL)]), 'slots': HeldSlots(dict(EVIL)), 'attrs': HeldAttrs(dict(EVIL)),
    'Struct': HeldStruct(dict(EVIL)), 'model': HeldModel.model_construct(title=dict(EVIL), tags=[dict(EVIL)]),
    'root model': InRoot.model_construct(root=dict(EVIL)), 'private': InSlot(d=dict(EVIL)), 'extra': InMore(d=dict(EVIL)),
    'deep': Held(None, [Held(HeldSlots({'a': [dict(EVIL)]}), [])]), 'lines': StringIO('a'), 'a class': SimpleNamespace(a=dict(EVIL))}
GIVEN = {   # how a model gives it → the annotation of the parameter
    'validator': lambda own: Annotated[int, pydantic.AfterValidator(lambda i: own)],
    'validator of a member': lambda own: list[Annotated[int, pydantic.AfterValidator(lambda i: own)]],
    'factory': lambda own: pydantic.create_model('M', n=int, own=(Any, pydantic.Field(default_factory=lambda: own))),
    'factory of msgspec': lambda own: list[Annotated[msgspec.defstruct('S', [('own', Any, msgspec.field(default_factory=lambda: own))]),
                                                     msgspec.Meta(title='x')]]}


def own_dicts(own): return sorted((id(o), type(o).__name__, repr(o)) for o in dicts_in([own]))


@each_row('given', GIVEN)
@each_row('kind', OWN)
def test_what_the_program_has_is_not_changed(kind, given):
    own = OWN[kind]
    before, said = own_dicts(own), repr(own)
    sent = {'o': [1]} if given == 'validator of a member' else {'o': [{}]} if 'msgspec' in given else {'o': 1, 'n': 1}
    got = received(GIVEN[given](own), sent)
    assert own_dicts(own) == before and repr(own) == said
    if kind == 'lines': assert own in [got, *gc.get_referents(got), getattr(got, 'own', None)] or 'msgspec' in given
    elif kind != 'a class': assert all(type(o) is not dict for o in dicts_in([got]))


@pytest.mark.parametrize('own', [SimpleNamespace(a=dict(EVIL)), Held(1, [2]), [1, [2]], HeldModel(title='a', tags=[])], ids=repr)
def test_what_holds_no_dict_is_the_very_object_of_the_program(own):
    assert received(GIVEN['validator'](own), {'o': 1}) is own


@dataclass
class Linked:
    title: Any
    next: Any = None


def test_of_what_the_program_has_no_more_is_looked_at_than_goes_with_what_was_sent():
    class Lines(list):
        looked = 0
        def __iter__(self):
            Lines.looked += 1
            return super().__iter__()
    large = Lines({'n': i} for i in range(5000))
    model = pydantic.create_model('M', large=(Any, pydantic.Field(default_factory=lambda: large)), title=(dict[str, Any], ...))
    got = received(model, {'title': EVIL})
    assert type(got.title) is ClientDict and got.large is large and not Lines.looked


def test_a_chain_of_objects_has_no_end_that_must_be_found():
    own = None
    for _ in range(50_000): own = Linked(dict(EVIL), own)
    got = received(GIVEN['validator'](own), {'o': 1})
    assert type(got.title) is ClientDict and type(own.title) is dict
    node = got
    while node.next is not None: node = node.next
    assert type(node.title) is dict
    while own.next is not None: own.__dict__['next'], own = None, own.next      # else Python takes it apart by recursion


@way
def the_request(app, keep):
    @app.post('/x')
    async def x(request):
        sent = await request.json()
        keep(sent, sent['title'], *sent['tags'])


@way
def a_request_of_starlette(app, keep):
    @app.post('/x')
    async def x(req: StarletteRequest): keep((await req.json())['title'])


@way
def a_guard(app, keep):
    async def guard(req): keep((await req.json())['title'])

    @app.post('/x', before=guard)
    def x(): return 'ok'


@way
def the_session(app, keep):
    @app.post('/x')
    def x(session, data):
        session['title'] = data['title']
        return RedirectResponse('/y', 303)

    @app.get('/y')
    def y(session): keep(session['title'])


@way
def a_session_with_names_of_the_client(app, keep):
    @app.post('/x')
    def x(session, data): session.update(data['title'])

    @app.get('/y')
    def y(session): keep(session, session.copy())

@way
def a_frame(app, keep):
    @app.ws('/ws')
    def on(data):
        keep(data, data['title'], *data['tags'])
        return P('done')


@way
def a_parameter_of_a_frame(app, keep):
    @app.ws('/ws')
    def on(title: Any, tags: list):
        keep(title, *tags)
        return P('done')


@way
def a_frame_that_is_read(app, keep):
    @app.ws('/ws')
    async def on(ws):
        keep((await ws.receive_json())['title'])
        return P('done')


@way
def a_form_of_starlette(app, keep):
    @app.post('/x')
    async def x(request):
        keep(request.query_params, request.cookies, await request.form())

    return dict(form=True)


@way
def names_of_a_form(app, keep):
    @app.post('/x')
    def x(data, form: FormData, d: dict): keep(data, form, d)

    return dict(form=True)


FORM = {'onfocus': RUNS, 'tabindex': '0', 'style': 'position:fixed', 'hx-post': '/evil'}


def got_by(name):
    "What a handler of this way has got"
    got = []
    app = FastHTML(secret_key='k' * 32)
    options = WAYS[name](app, lambda *values: got.extend(values)) or {}
    client = Client(app)
    if options.get('form'):
        client.cookies.set('onfocus', RUNS)
        client.post('/x?' + urlencode(FORM), data=FORM)
    elif 'frame' not in name:
        client.post('/x', json=SENT)
        if 'session' in name: client.get('/y')
    else:
        with client.ws('/ws') as ws:
            for _ in range(1 + ('read' in name)): ws.send(SENT)
            ws.receive()
    return got


SINKS = {
    'element': lambda v: P(v),
    'beside text': lambda v: P('You wrote: ', v),
    'beside attributes': lambda v: A(v, href='/safe', hx_get='/x'),
    'named': lambda v: Label(v, id='label'),
    'field': lambda v: Textarea(v, name='t'),
    'choice': lambda v: Select(Option(v)),
    'script': lambda v: Script(v),
    'list': lambda v: Ul([Li('a'), v]),
    'tuple': lambda v: Div((v, v)),
    'generator': lambda v: Div(o for o in [v]),
    'map': lambda v: Ul(map(Li, [v])),
    'map of several': lambda v: Ul(*map(Li, ['a', v])),
    'ft': lambda v: ft('x-y', v),
    'ft_hx': lambda v: ft_hx('div', v, hx_get='/x'),
    'FT': lambda v: FT('div', (v,)),
    'call': lambda v: Div(cls='x')(v),
    'set': lambda v: Div('a').set(v),
    'item': lambda v: replaced(Div('a'), v),
    'children': lambda v: with_children(Div('a'), v),
    'Fragment': lambda v: Fragment(v, Div('a')),
    'Titled': lambda v: Titled('Page', v),
    'title': lambda v: Titled(v),
    'AX': lambda v: AX(v, '/x'),
    'CheckboxX': lambda v: CheckboxX(label=v),
    'HxPartial': lambda v: HxPartial(v, hx_target='#a'),
    'Grid': lambda v: Grid(v, 'a'),
    'table': lambda v: Table(Tr(Td(v))),
    'copy': lambda v: copy.deepcopy(Div(P(v))),
    'fill_form': lambda v: fill_form(Form(P(v), Input(name='a')), {}),
    'alone': lambda v: (H1('a'), v),
    'out of band': lambda v: (P('a'), Tr(Td(v), hx_swap_oob='true', id='row')),
}


def replaced(el, v):
    el[0] = v
    return el


def with_children(el, v):
    el.children = [v]
    return el


def check(html, value, where):
    tree = LexborHTMLParser(html)
    names = {k for node in tree.css('*') for k in node.attributes}
    assert not names & NAMES, (where, html)
    assert not tree.css('[href="/evil"], [id=evil]'), (where, html)
    assert RUNS in ''.join(node.text(deep=False) for node in tree.css('*')) or 'partial' in where and RUNS in html, (where, html)


@each_row('name', WAYS)
def test_what_a_client_sent_is_text_in_every_place_of_an_element(name):
    got = got_by(name)
    assert got
    for value in got:
        for where, sink in SINKS.items():
            page = sink(value)
            shown = page if isinstance(page, tuple) else (page,)
            for html in (to_xml(page), to_xml(page, indent=False), ''.join(iter_chunks(*shown))): check(html, value, (where, value))


@pytest.mark.parametrize('argument', [False, True], ids=['kept by the program', 'as an argument'])
def test_a_region_shows_it_as_text(argument):
    app, kept = FastHTML(secret_key='k' * 32), []

    @app.live
    def notes(title: Any = None): return Ul(*[Li(title or o) for o in kept])

    @app.post('/x')
    def x(data): kept.append(data['title'])

    @app.get('/')
    def home(): return Titled('Notes', notes(title=kept[0]) if argument else notes())
    client = Client(app)
    client.post('/x', json=SENT)
    check(client.get('/').text, kept[0], 'region')


def test_the_argument_of_a_region_is_text_after_each_journey():
    def region(options: dict): ...
    signature = Signature(region, 'region')
    values, _ = signature.bind((), {'options': EVIL})
    for options in (values['options'], signature.arguments(signature.key(values))['options']): check(to_xml(P(options)), options, 'region')


def test_what_a_program_writes_is_still_attributes():
    assert to_xml(Div({'@click': 'go()'}, 'a'), indent=False) == '<div @click="go()">a</div>'
    assert to_xml(Div(**ClientDict(title='a')), indent=False) == '<div title="a"></div>'
    with pytest.raises(TypeError, match='not content'): to_xml({'a': 1})


def test_an_object_is_data_for_all_others():
    app = FastHTML(secret_key='k' * 32)

    @app.post('/x')
    def x(data): return data['title']

    @app.post('/xs')
    def xs(data): return data['tags']
    client = Client(app)
    assert client.post('/x', json=SENT).json() == EVIL and client.post('/xs', json=SENT).json() == [EVIL]
    value = got_by('all_data')[1]
    assert isinstance(value, dict) and value == EVIL and repr(value) == repr(EVIL) and json.dumps(value) == json.dumps(EVIL)
    assert json.loads(msgspec.json.encode(value)) == json.loads(pydantic.TypeAdapter(Any).dump_json(value)) == EVIL
    assert msgspec.convert(value, dict[str, Any]) == pydantic.TypeAdapter(dict[str, Any]).validate_python(value) == EVIL
    for same in (copy.copy(value), copy.deepcopy(value), value.copy(), pickle.loads(pickle.dumps(value))):
        assert type(same) is ClientDict and same == EVIL


def test_what_json_cannot_say_is_text_too():
    value = ClientDict({(1, 2): object, 'a': b'\xff'})
    assert 'object' in to_xml(P(value))


@each_row('sent, status', [
    ({'a': 'x', 'b': ['y', 1.5], 'c': None}, 200), *[({'a': o}, 400) for o in ({'x': 1}, [{'x': 1}], [['x']], True)]])
def test_a_form_has_texts_and_files_only(sent, status):
    app, got = FastHTML(secret_key='k' * 32), []

    @app.post('/x')
    def x(form: FormData): got.extend(form.multi_items())
    response = Client(app).post('/x', json=sent)
    assert response.status_code == status
    assert got == ([('a', 'x'), ('b', 'y'), ('b', '1.5')] if status == 200 else [])
