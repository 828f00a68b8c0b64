"Optional packages: each is in the table, and a program that lacks one gets one sentence with the command, and no second traceback."
import ast
import re
import subprocess
import sys
from configparser import ConfigParser

import pytest

from fasthtml.html.extras import extras
from support import ROOT

PACKAGE = ROOT/'fasthtml'
# Used only with what the program itself has imported from them, or looked for without being needed
IF_PRESENT = {'pydantic', 'pydantic_core', 'msgspec', 'sniffio'}
BUILT_IN = {*sys.stdlib_module_names, 'fasthtml', 'anyio'}   # Starlette is made of anyio


def settings():
    parsed = ConfigParser(delimiters=['='])
    parsed.read(ROOT/'settings.ini', encoding='utf-8')
    return parsed['DEFAULT']


def imported_packages():
    "Top-level package -> the files that import it, also inside functions and by `optional`"
    found = {}
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            names = []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.Call) and getattr(node.func, 'id', '') in ('optional', 'import_module', 'find_spec'):
                names = [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
            for name in names:
                found.setdefault(name.partition('.')[0], set()).add(path.name)
    return found


def test_every_import_is_required_or_in_the_table_of_extras():
    required = {re.split('[<>=[]', line)[0].replace('-', '_') for line in settings()['requirements'].split()}
    found = imported_packages()
    unknown = set(found) - BUILT_IN - required - set(extras) - IF_PRESENT
    assert not unknown, {name: found[name] for name in unknown}
    assert set(extras) <= set(found), 'the table names packages that nothing imports'


def test_every_extra_that_the_table_names_can_be_installed():
    kinds = {key.removesuffix('_requirements') for key in settings() if key.endswith('_requirements')}
    named = {match[1] for what in extras.values() if (match := re.fullmatch(r'fasthtml\[(\w+)\]', what))}
    assert named <= kinds


BLOCKED = '''
import asyncio, sys, traceback
for name in list(sys.modules):
    assert name.partition('.')[0] not in %(blocked)r, name
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in %(blocked)r: raise ModuleNotFoundError(f'No module named {name!r}', name=name)
sys.meta_path.insert(0, Refuse())
from fasthtml.common import *
import fasthtml.jupyter, fasthtml.oauth
uses = {%(uses)s}
for key, use in uses.items():
    try:
        use()
        print(key, 'passed', sep='\\t')
    except ImportError:
        lines = traceback.format_exc()
        print(key, lines.count('Traceback'), lines.strip().splitlines()[-1], sep='\\t')
'''
# What a program does, and what it needs for that
USES = {
    'html2ft': ("lambda: html2ft('<p>')", 'turbohtml'),
    'selectors': ("lambda: Client(FastHTML(secret_key='k', routes=[])).get('/').select('p')", 'turbohtml'),
    'a page': ("lambda: Client(FastHTML(secret_key='k')).open('/')", 'turbohtml'),
    'tables': ("lambda: fast_app(':memory:', id=int)", 'fastlite'),
    'broker': ("lambda: FastHTML(secret_key='k', broker='redis://localhost')", 'redis'),
    'broker class': ("lambda: __import__('fasthtml.realtime.redis_log')", 'redis'),
    'session store': ("lambda: FastHTML(secret_key='k', sess_store='redis://localhost')", 'redis'),
    'google login': ("lambda: fasthtml.oauth.GoogleAppClient('id', 'secret')", 'cryptography'),
    'openid': ("lambda: fasthtml.oauth.OpenIDClient('https://login.example', 'id', 'secret')", 'cryptography'),
    'google credentials': ("lambda: fasthtml.oauth.load_creds('x.json')", 'google'),
    'notebook': ("lambda: fasthtml.jupyter.render_ft()", 'IPython'),
}


@pytest.fixture(scope='module')
def refusals():
    "What each use says when no optional package is installed"
    uses = ', '.join(f'{key!r}: {code}' for key, (code, _) in USES.items())
    code = BLOCKED % dict(blocked=set(extras), uses=uses)
    result = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, capture_output=True)
    assert result.returncode == 0, result.stderr
    return {line.split('\t')[0]: line.split('\t')[1:] for line in result.stdout.splitlines() if '\t' in line}


@pytest.mark.parametrize('use', USES)
def test_a_missing_package_gives_one_sentence_with_the_command(refusals, use):
    package = USES[use][1]
    tracebacks, sentence = refusals[use]
    assert tracebacks == '1', sentence
    assert package in sentence and f"pip install '{extras[package]}'" in sentence
