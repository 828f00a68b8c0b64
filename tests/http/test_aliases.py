"""Fields that a client calls otherwise than the class: whatever pydantic, msgspec and attrs take by themselves, a handler gets.

The judge is the library whose class it is: what it makes of the same JSON object.
"""
import dataclasses
from typing import Annotated, Generic, TypeVar

import attr
import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from pydantic import AliasChoices, AliasGenerator, AliasPath, ConfigDict, Field
from pydantic.alias_generators import to_camel

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from support import each_row

T = TypeVar('T')
MADE = []


class Choices(pydantic.BaseModel): email: str = Field('LOST', validation_alias=AliasChoices('e', 'mail'))
class Path0(pydantic.BaseModel): email: str = Field('LOST', validation_alias=AliasPath('e', 0))
class Path1(pydantic.BaseModel): email: str = Field('LOST', validation_alias=AliasPath('e', 1))
class PathInside(pydantic.BaseModel): email: str = Field('LOST', validation_alias=AliasPath('user', 'mail'))
class PathDeep(pydantic.BaseModel): email: int = Field(0, validation_alias=AliasPath('users', 0, 'n'))


class TwoPaths(pydantic.BaseModel):
    first: str = Field('LOST', validation_alias=AliasPath('e', 0))
    second: str = Field('LOST', validation_alias=AliasPath('e', 1))


class PathOrText(pydantic.BaseModel):
    email: str = Field('LOST', validation_alias=AliasChoices('mail', AliasPath('e', 0), AliasPath('user', 'mail')))


class PathBesideField(pydantic.BaseModel):
    user: dict[str, str] = {}
    email: str = Field('LOST', validation_alias=AliasPath('user', 'mail'))


class PathByName(pydantic.BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    email: str = Field('LOST', validation_alias=AliasPath('e', 0))


class Differ(pydantic.BaseModel): e: str = Field('LOST', alias='e_mail', validation_alias='v')
class ForOutput(pydantic.BaseModel): e: str = Field('LOST', serialization_alias='out')
class InAnnotated(pydantic.BaseModel): e: Annotated[str, Field(alias='m')] = 'LOST'


class ByName(pydantic.BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
    e: str = Field('LOST', alias='alias_e')


class ByBoth(pydantic.BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    e: str = Field('LOST', validation_alias=AliasChoices('m', 'mail'))


class Dashed(pydantic.BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    e: str = Field('LOST', alias='E-mail')


class Camel(pydantic.BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    my_mail: str = 'LOST'


class Generated(pydantic.BaseModel):
    model_config = ConfigDict(alias_generator=AliasGenerator(
        alias=lambda n: n + '_o', validation_alias=lambda n: AliasChoices(n.upper(), n + '_x')))
    e: str = 'LOST'


class Swapped(pydantic.BaseModel):
    a: int = Field(0, alias='b')
    b: int = Field(0, alias='a')


class Crossed(pydantic.BaseModel):
    a: int = Field(0, alias='b')
    b: int = Field(0, alias='c')


class Child(Choices): more: int = Field(0, alias='mehr')
class OfKind(pydantic.BaseModel, Generic[T]): e: T = Field('LOST', alias='m')
class Required(pydantic.BaseModel): e: int = Field(validation_alias=AliasChoices('m', 'mail'))
class ManyOf(pydantic.BaseModel): tags: list[int] = Field([], validation_alias=AliasChoices('t', 'tag'))
class Allows(pydantic.BaseModel, extra='allow'): e: str = Field('LOST', alias='m')
class Forbids(pydantic.BaseModel, extra='forbid'): e: str = Field('LOST', validation_alias=AliasPath('e', 0))


@pydantic.dataclasses.dataclass
class PydanticDataclass: e: str = Field('LOST', alias='mail')


@pydantic.dataclasses.dataclass(config=ConfigDict(populate_by_name=True))
class PydanticDataclassChoices:
    e: int = Field(0, validation_alias=AliasChoices('m', AliasPath('mail', 0)))
    own: int = Field(default=1, init=False)
    t: list[int] = dataclasses.field(default_factory=list)


@pydantic.dataclasses.dataclass
class PydanticDataclassInit:
    e: int = Field(alias='m')
    n: dataclasses.InitVar[int] = 3
    def __post_init__(self, n): self.e += n


class OnTop(PydanticDataclass): pass


@attrs.define
class Attrs: e: str = attrs.field(default='LOST', alias='x')
@attrs.define
class AttrsPrivate: _e: str = 'LOST'
@attrs.define(kw_only=True)
class AttrsRequired:
    _n: int
    __m: int = 0
    t: list[int] = attrs.field(factory=list, alias='tags')
    own: int = attrs.field(init=False, default=2)
@attr.s(auto_attribs=True, frozen=True)
class AttrOld: _e: str = attr.ib(default='LOST')
@attrs.define
class AttrsSwapped:
    a: int = attrs.field(default=0, alias='b')
    b: int = attrs.field(default=0, alias='a')


class StructCamel(msgspec.Struct, rename='camel'): my_mail: str = 'LOST'
class StructKebab(msgspec.Struct, rename='kebab'): my_mail: str = 'LOST'
class StructField(msgspec.Struct): my_mail: str = msgspec.field(default='LOST', name='m')
class StructSwapped(msgspec.Struct, rename={'a': 'b', 'b': 'a'}):
    a: int = 0
    b: int = 0


# Class → objects that a client sends
SENT = {
    Choices: [{'e': '7'}, {'mail': '7'}, {'e': '7', 'mail': '8'}, {'mail': '8', 'e': '7'}, {}],
    Path0: [{'e': ['7']}, {'e': ['7', '8']}, {}],
    Path1: [{'e': ['7', '8']}, {'e': ['7']}], PathInside: [{'user': {'mail': '7'}}, {'user': {}}, {}],
    PathDeep: [{'users': [{'n': 7}, {'n': 8}]}, {'users': [{}]}, {'users': [{'n': 'x'}]}], TwoPaths: [{'e': ['7', '8']}, {'e': ['7']}],
    PathOrText: [{'mail': '7'}, {'e': ['7']}, {'user': {'mail': '7'}}, {'e': ['8'], 'mail': '7'}],
    PathBesideField: [{'user': {'mail': '7'}}, {'user': {'x': '7'}}], PathByName: [{'e': ['7']}, {'email': '7'}],
    Differ: [{'v': '7'}], ForOutput: [{'e': '7'}], InAnnotated: [{'m': '7'}], ByName: [{'e': '7'}],
    ByBoth: [{'m': '7'}, {'mail': '7'}, {'e': '7'}],
    Dashed: [{'E-mail': '7'}, {'e': '7'}], Camel: [{'myMail': '7'}], Generated: [{'E': '7'}, {'e_x': '7'}],
    Swapped: [{'a': 1}, {'b': 1}, {'a': 1, 'b': 2}], Crossed: [{'b': 1}, {'c': 1}, {'b': 1, 'c': 2}], Child: [{'mail': '7', 'mehr': 8}],
    OfKind[int]: [{'m': 7}, {'m': 'x'}], Required: [{'m': 7}, {'mail': 7}, {}, {'mail': 'x'}],
    ManyOf: [{'t': [1, 2]}, {'tag': [1]}, {'tag': [1, 'x']}], Allows: [{'m': '7', 'other': 'x'}],
    Forbids: [{'e': ['7']}, {'e': ['7'], 'x': '1'}],
    PydanticDataclass: [{'mail': '7'}, {}], PydanticDataclassChoices: [{'m': 7}, {'mail': [7]}, {'e': 7, 't': [1, 2]}, {'m': 'x'}],
    PydanticDataclassInit: [{'m': 7}, {'m': 7, 'n': 1}, {}], OnTop: [{'mail': '7'}],
    Attrs: [{'x': '7'}], AttrsPrivate: [{'e': '7'}], AttrsRequired: [{'n': 7, 'tags': [1, 2]}, {}, {'n': 'x'}], AttrOld: [{'e': '7'}],
    AttrsSwapped: [{'a': 1}, {'b': 1}, {'a': 1, 'b': 2}],
    StructCamel: [{'myMail': '7'}], StructKebab: [{'my-mail': '7'}], StructField: [{'m': '7'}], StructSwapped: [{'a': 1}, {'b': 1}],
}
CASES = [(cls, sent) for cls, all_sent in SENT.items() for sent in all_sent]


def judged(cls, sent):
    "What the library makes of it; None if it refuses"
    try:
        if hasattr(cls, '__struct_fields__'): return msgspec.convert(sent, cls)
        if hasattr(cls, '__attrs_attrs__'):
            if any(not str(v).isdigit() for v in sent.values() if not isinstance(v, list)): return None
            return cls(**sent)
        return pydantic.TypeAdapter(cls).validate_python(sent)
    except (pydantic.ValidationError, msgspec.ValidationError, TypeError): return None


def served(kind):
    def take(p): MADE.append(p)
    take.__annotations__ = {'p': kind}
    app = FastHTML(secret_key='k')
    app.route('/x', methods=['GET', 'POST'])(take)
    app.ws('/ws')(take)
    return DirectClient(app, headers={'Accept': 'application/json'})


def said(send, refused=None):
    "What the handler got; None if it was refused"
    MADE.clear()
    answer = send()
    assert refused is None or bool(MADE) != refused, (answer.status_code, answer.text)
    return MADE[0] if MADE else None


def flat(sent): return all(not isinstance(o, dict) for v in sent.values() for o in (v if isinstance(v, list) else [v]))


@each_row(('cls', 'sent'), CASES, ids=lambda o: getattr(o, '__name__', str(o)))
def test_a_handler_gets_what_the_library_of_the_class_makes_of_it(cls, sent):
    client, expected = served(cls), judged(cls, sent)
    assert said(lambda: client.post('/x', json=sent)) == expected
    if flat(sent):
        assert said(lambda: client.post('/x', data=sent)) == expected, 'form'
        assert said(lambda: client.get('/x', params=sent)) == expected, 'query'
    def frame():
        with client.websocket_connect('/ws') as ws: ws.send_json(sent)
    if expected is not None: assert said(frame) == expected, 'frame'


@each_row(('cls', 'sent'), [c for c in CASES if c[1]], ids=lambda o: getattr(o, '__name__', str(o)))
def test_inside_other_values_too(cls, sent):
    Holder = dataclasses.make_dataclass('Holder', [('one', cls), ('more', list[cls])])
    Pair = dataclasses.make_dataclass('Pair', [('one', cls | None)])
    expected = judged(cls, sent)
    got = said(lambda: served(Holder).post('/x', json={'one': sent, 'more': [sent, sent]}))
    assert got == (expected and Holder(expected, [expected, expected]))
    got = said(lambda: served(Pair).post('/x', json={'one': sent}))
    assert got == (expected and Pair(expected))


# Other spellings that handlers accept: the name in the class, and dashes for underscores
SPELT = {Differ: ['e', 'e_mail'], InAnnotated: ['e'], ByName: ['alias_e'], Camel: ['my_mail', 'my-mail'], PydanticDataclass: ['e'],
         Attrs: ['e'],
         AttrsPrivate: ['_e'], StructCamel: ['my_mail', 'my-mail'], StructField: ['my_mail', 'my-mail'], Choices: ['email']}


@each_row('cls', SPELT, ids=lambda o: o.__name__)
def test_the_name_in_the_class_is_accepted_where_no_other_field_is_called_so(cls):
    client = served(cls)
    for key in SPELT[cls]:
        for send in ({'data': {key: '7'}}, {'json': {key: '7'}}):
            assert 'LOST' not in repr(said(lambda send=send: client.post('/x', **send))), (key, send)


@pytest.mark.parametrize(('cls', 'sent', 'field'), [(Required, {}, 'm'), (Required, {'mail': 'x'}, 'm'), (PydanticDataclassInit, {}, 'm'),
                                                   (AttrsRequired, {}, 'n'), (ManyOf, {'tag': ['x']}, 't[0]')])
def test_a_mistake_is_named_as_the_class_first_calls_it_to_clients(cls, sent, field):
    assert [e['field'] for e in served(cls).post('/x', json=sent).json()['errors']] == [field]


@pytest.mark.parametrize('cls', [Required, PydanticDataclassInit, AttrsRequired], ids=lambda o: o.__name__)
def test_a_form_that_is_shown_again_has_the_values_by_attribute(cls):
    def again(p: cls, errors): MADE.append(p)
    app = FastHTML(secret_key='k')
    app.post('/x')(again)
    sent, attribute = {Required: ('mail', 'e'), PydanticDataclassInit: ('m', 'e'), AttrsRequired: ('n', '_n')}[cls]
    MADE.clear()
    DirectClient(app).post('/x', data={sent: 'many'})
    assert getattr(MADE[0], attribute) == 'many'


def test_a_blank_text_says_nothing_under_an_alias_inside_of_models():
    class Inner(pydantic.BaseModel): n: int = Field(7, validation_alias=AliasChoices('a', 'b'))
    class Outer(pydantic.BaseModel): inner: Inner
    client = served(Outer)
    for key in 'ab': assert said(lambda key=key: client.post('/x', json={'inner': {key: ''}})).inner.n == 7
