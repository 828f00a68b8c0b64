"A text that the system does not take for the name of a file is a value that does not fit, and never an error 500."
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import pydantic
import pytest

from client_kit import DirectClient
from fasthtml.app.app import FastHTML


class Own:
    def __init__(self, name): self.size = Path(name).stat().st_size


@dataclass
class Record:
    name: str
    def __post_init__(self): os.stat(self.name)


@dataclass
class Zoned:
    name: ZoneInfo


def opened(name): return os.listdir(name)


KINDS = {'ZoneInfo': ZoneInfo, 'optional': ZoneInfo | None, 'union': int | ZoneInfo, 'list': list[ZoneInfo],
         'Annotated': Annotated[ZoneInfo, 'a note'],
         'record': Zoned, 'optional record': Zoned | None, 'records': Zoned | Record, 'FilePath': pydantic.FilePath,
         'DirectoryPath': pydantic.DirectoryPath, 'NewPath': pydantic.NewPath,
         'model': pydantic.create_model('M', name=(pydantic.FilePath, ...)),
         'own class': Own, 'own record': Record, 'function': opened}
NAMES = {'long': 'x' * 300, 'many folders': 'x/' * 3000 + 'x', 'in a file': f'{__file__}/x',
         'folder': 'Europe', 'up': '../..', 'NUL': 'a\0b'}


def test_a_name_of_no_file_is_refused(tmp_path, monkeypatch):
    "By query, form and JSON"
    loop = tmp_path/'loop'
    loop.symlink_to(loop)
    wrong = {}
    for kind_name, kind in KINDS.items():
        app = FastHTML(secret_key='k')
        @app.route('/x', methods=['GET', 'POST'])
        def handler(name: kind): return 'taken'
        client = DirectClient(app, raise_server_exceptions=False)
        for name, text in (NAMES | {'loop': f'{loop}/x'}).items():
            if kind_name in ('own class', 'own record', 'function', 'records') and name in ('folder', 'up'): continue   # missing, or there
            value = [text] if kind_name == 'list' else {'name': text} if 'record' in kind_name or kind_name == 'model' else text
            for way, answer in (('query', client.get('/x', params={'name': text})), ('form', client.post('/x', data={'name': text})),
                                ('JSON', client.post('/x', json={'name': value}))):
                if answer.status_code >= 500: wrong[kind_name, name, way] = answer.status_code
    assert wrong == {}


@pytest.mark.parametrize('error', [ConnectionRefusedError(111, 'refused'), FileNotFoundError(2, 'no file', 'settings'),
                                   PermissionError(13, 'no right', 'settings'), OSError(28, 'no room'), OSError('no number')], ids=repr)
def test_a_failure_of_the_machine_is_an_error(error):
    class Stored:
        def __init__(self, text): raise error
    app = FastHTML(secret_key='k')
    @app.get('/x')
    def handler(a: Stored = None, b: int | Stored = None): return 'taken'
    for name in 'a', 'b':
        with pytest.raises(type(error)): DirectClient(app).get('/x', params={name: 'x'})
