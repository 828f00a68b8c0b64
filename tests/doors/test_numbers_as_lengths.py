"What bytes are made of is text or a file. A number of JSON is the text that it is written with, and not a length, wherever it comes."
from dataclasses import make_dataclass
from typing import Annotated, NamedTuple, NewType, TypedDict

import attrs
import msgspec
import pydantic

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.testing.client import Client


class Blob(bytes): "Bytes of the program's own"
class Buffer(bytearray): "The same, which can change"


class Hinted(bytearray):
    note: str = ''


class Made(bytearray):
    def __init__(self, content): super().__init__(content if isinstance(content, int) else content.encode())


KINDS = {'bytes': bytes, 'bytearray': bytearray, 'Blob': Blob, 'Buffer': Buffer, 'Hinted': Hinted, 'own constructor': Made,
         'NewType': NewType('Named', bytearray), 'Annotated': Annotated[bytearray, 'a note'],
         'Annotated Blob': Annotated[Blob, 'a note'], 'Meta': Annotated[bytearray, msgspec.Meta(description='a note')]}
SHAPES = {
    'itself': lambda kind: kind, 'optional': lambda kind: kind | None, 'union': lambda kind: bool | kind, 'list': lambda kind: list[kind],
    'tuple': lambda kind: tuple[kind, ...], 'pair': lambda kind: tuple[kind, kind], 'dict': lambda kind: dict[str, kind],
    'dataclass': lambda kind: make_dataclass('D', [('a', kind)]), 'TypedDict': lambda kind: TypedDict('T', {'a': kind}),
    'NamedTuple': lambda kind: NamedTuple('N', [('a', kind)]), 'Struct': lambda kind: msgspec.defstruct('S', [('a', kind)]),
    'attrs': lambda kind: attrs.make_class('A', {'a': attrs.field(type=kind)}),
    'optional record': lambda kind: make_dataclass('D', [('a', kind | None, None)]) | None,
}
TEXT = 'caf\xe9'
NUMBERS = 30_000_000, 30_000_000.0, -30_000_000, True


def content(value):
    "The bytes in what a handler got"
    if isinstance(value, (bytes, bytearray)): return [value]
    if isinstance(value, (list, tuple)): return [one for part in value for one in content(part)]
    if isinstance(value, dict): return content(list(value.values()))
    return content([value.a]) if hasattr(value, 'a') else []


def sent(shape, number):
    if shape in ('list', 'tuple', 'pair'): return [number, number]
    return {'a': number} if shape not in ('itself', 'optional', 'union') else number


def test_a_number_is_no_length():
    "Each kind and shape: bytes as long as the number is written, or a refusal"
    wrong, got = {}, []
    for kind_name, kind in KINDS.items():
        for shape, make in SHAPES.items():
            if not isinstance(kind, type) and shape in ('optional', 'optional record', 'union') and kind_name == 'NewType': continue
            app, cls = FastHTML(secret_key='k'), make(kind)
            def handler(x: cls): got.append(x)
            app.post('/x')(handler)
            app.ws('/ws')(handler)
            client = DirectClient(app)
            for number in NUMBERS:
                got.clear()
                status = client.post('/x', json={'x': sent(shape, number)}).status_code
                if shape == 'itself' and number == NUMBERS[0]:
                    with Client(app).ws('/ws') as socket: socket.send({'x': number})
                found = [len(one) for value in got for one in content(value)]
                if status not in (200, 204, 400) or any(n > 20 for n in found): wrong[kind_name, shape, number] = status, found
    assert wrong == {}


def test_bytes_of_each_class_are_made_of_text_and_files():
    for name, kind in KINDS.items():
        if name in ('own constructor', 'Meta'): continue   # which say what they take
        app = FastHTML(secret_key='k')
        @app.post('/x')
        def handler(x: kind): return f'{type(x).__name__} {bytes(x)}'
        client = DirectClient(app)
        made = getattr(kind, '__supertype__', getattr(kind, '__origin__', kind)).__name__
        for answer in (client.post('/x', data={'x': TEXT}), client.post('/x', json={'x': TEXT}),
                       client.post('/x', files={'x': ('a.bin', TEXT.encode())})):
            assert (answer.status_code, answer.text) == (200, f'{made} {TEXT.encode()}'), (name, answer.text)


def test_pydantic_takes_no_number_for_bytes():
    app = FastHTML(secret_key='k')
    @app.post('/x')
    def handler(x: pydantic.create_model('M', a=(bytes, ...))): return str(len(x.a))
    assert DirectClient(app).post('/x', json={'x': {'a': 30_000_000}, 'a': 30_000_000}).status_code == 400
