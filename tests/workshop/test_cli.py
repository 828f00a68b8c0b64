"""The command `fasthtml`, as a user at a terminal meets it: real processes, in empty folders."""
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing

import pytest

from fasthtml.workshop.check import check_program
from fork_kit import Forks
from support import NODE_MODULES, missing, wait_until

COMMAND = [sys.executable, '-m', 'fasthtml']
TEMPLATES = ['basic', 'data', 'live']


@pytest.fixture(scope='module')
def forks():
    with closing(Forks('pytest', 'fasthtml.common', 'fasthtml.testing', 'fasthtml.workshop.cli', 'uvicorn')) as forks: yield forks


@pytest.fixture
def run(forks):
    "The command with these words in a folder"
    return lambda *words, cwd, stdin='': forks.run(['-m', 'fasthtml', *words], cwd, stdin)


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


def answer(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=30) as response:
            return response.read().decode()
    except OSError:
        return None


@pytest.fixture(params=TEMPLATES)
def made(request, tmp_path, run):
    "A new app of each template"
    result = run('new', 'tea-time', '--template', request.param, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert 'fasthtml dev' in result.stdout
    return tmp_path/'tea-time'


def test_a_new_app_passes_its_own_tests(made, forks):
    result = forks.run(['-m', 'pytest', '-q', '-p', 'no:cacheprovider'], made)
    assert result.returncode == 0, result.stdout[-3000:]
    assert re.search(r'\d passed', result.stdout)


@pytest.mark.parametrize('command', [['dev'], ['run', '--workers', '2']], ids=['dev', 'run'])
def test_a_new_app_is_served_and_stops_when_told(tmp_path, command, run):
    run('new', 'tea-time', cwd=tmp_path)
    made = tmp_path/'tea-time'
    port = free_port()
    process = subprocess.Popen([*COMMAND, *command, '--port', str(port)], cwd=made, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        page = wait_until(lambda: answer(port), deadline=30, what='the app to answer')
        assert '<h1>Tea time</h1>' in page
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        assert 'Traceback' not in output
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_routes_of_a_new_app(tmp_path, run):
    run('new', 'tea-time', cwd=tmp_path)
    result = run('routes', cwd=tmp_path/'tea-time')
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith('METHODS')
    assert re.search(r'^GET HEAD +/ +\S+ +main\.py:\d+$', result.stdout, re.M)


def test_html_becomes_python_that_gives_it_back(tmp_path, run):
    result = run('html2ft', '-', cwd=tmp_path, stdin='<ul class="a b"><li>1 &lt; 2</li></ul>')
    assert result.returncode == 0, result.stderr
    names = {}
    exec('from fasthtml.common import *', names)
    assert names['to_xml'](eval(result.stdout, names), indent=False) == '<ul class="a b"><li>1 &lt; 2</li></ul>'


def test_assets_are_fetched_checked_and_served(tmp_path, run, forks):
    if not NODE_MODULES.is_dir():
        missing('the pinned JavaScript', 'run `npm ci`')
    result = run('assets', 'ws', 'pico', cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    files = [tmp_path/line for line in result.stdout.splitlines()]
    assert [file.name for file in files] == ['ws.min.js', 'pico.min.css']
    assert all(file.stat().st_size > 1000 for file in files)
    code = 'from fasthtml.testing import Client; from fasthtml.common import FastHTML\n' \
           'import re; app = FastHTML(exts="ws", assets="local"); app.get("/")(lambda: "x")\n' \
           f'print(Client(app).get("/_assets/{files[0].relative_to(tmp_path/"assets")}").status_code)'
    (tmp_path/'ask.py').write_text(code)
    served = forks.run(['ask.py'], tmp_path)
    assert served.stdout.strip() == '200', served.stderr


@pytest.mark.parametrize('words, expected', [
    (['dev'], 'fasthtml new NAME'),
    (['run', 'nowhere'], "no module 'nowhere'"),
    (['routes', 'a-b'], 'does not name a Python module'),
    (['new', 'x', '--template', 'huge'], 'basic, data, live'),
    (['new', 'x', '-t', 'huge'], 'basic, data, live'),
    (['dev', 'nowhere'], "no module 'nowhere'"),
    (['assets', 'htmx'], 'Did you mean'),
    (['html2ft', 'nowhere.html'], 'Cannot read nowhere.html'),
])
def test_misuse_is_one_line_that_helps(tmp_path, words, expected, run):
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 2
    assert expected in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize('package, extra', [('redis', 'redis'), ('turbohtml', 'html')])
def test_a_missing_package_is_one_line_that_names_its_extra(tmp_path, package, extra, run):
    (tmp_path/'main.py').write_text(f"import sys\nsys.modules['{package}'] = None\nfrom {package} import anything\n")
    result = run('routes', cwd=tmp_path)
    assert result.returncode == 2 and len(result.stderr.strip().splitlines()) == 1
    assert f"main imports {package}" in result.stderr and f"pip install 'fasthtml[{extra}]'" in result.stderr


def test_a_mistake_in_the_app_shows_the_users_line(tmp_path, run):
    (tmp_path/'main.py').write_text('import nothing_like_this\n')
    result = run('routes', cwd=tmp_path)
    assert result.returncode == 1
    assert 'main.py", line 1' in result.stderr and 'nothing_like_this' in result.stderr


def test_the_guide_is_in_the_package(tmp_path, run):
    result = run('docs', cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith('# ') and 'EventStream' in result.stdout


def test_help_names_every_command(tmp_path, run):
    result = run('--help', cwd=tmp_path)
    assert result.returncode == 0
    assert all(f'\n    {name}' in result.stdout for name in 'new dev run check routes assets html2ft docs'.split())


def test_the_version_is_that_of_the_package(tmp_path, run):
    import fasthtml
    assert run('--version', cwd=tmp_path).stdout.strip() == f'fasthtml {fasthtml.__version__}'


def test_a_name_with_spaces_is_a_folder_and_a_title(tmp_path, run):
    result = run('new', 'Tea Time', '-t', 'data', cwd=tmp_path)
    assert result.returncode == 0 and "cd 'Tea Time'" in result.stdout and 'fasthtml[db]' in result.stdout
    assert 'Tea time' in (tmp_path/'Tea Time'/'main.py').read_text() and 'fasthtml[db]' in (tmp_path/'Tea Time'/'README.md').read_text()


SERVED = {
    'a socket file': (['--uds', 'web.sock'], 'web.sock'),
    'what has no effect on another': (
        ['--root-path', '/shop', '--log-level', 'debug', '--no-access-log', '--limit-concurrency', '50', '--backlog', '10',
         '--limit-max-requests', '100', '--timeout-keep-alive', '3', '--timeout-graceful-shutdown', '2',
         '--header', 'X-Tea:green', '--header', 'X-Cake:yes', '--no-server-header'], ''),
    'an option before the app': (['--log-level', 'info', 'main:app'], ''),
}


@pytest.mark.parametrize('options', SERVED)
def test_run_takes_what_uvicorn_takes(tmp_path, options):
    words, socket_file = SERVED[options]
    (tmp_path/'main.py').write_text('from fasthtml.common import *\napp, rt = fast_app(secret_key="k")\n@rt\n'
                                    'def index(req): return P(str(req.url_for("index").path), id="path")\n')
    port = free_port()
    command = [*COMMAND, 'run', *words, '--port', str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def page():
        if not socket_file: return answer(port)
        import httpx2
        try: return httpx2.Client(transport=httpx2.HTTPTransport(uds=str(tmp_path/socket_file))).get('http://x/').text
        except httpx2.TransportError: return None
    try:
        html = wait_until(lambda: page() or process.poll() is not None, deadline=30, what='the app to answer')
        assert process.poll() is None, process.communicate()[0]
        assert 'id="path"' in html and ('/shop/' in html) is ('/shop' in words)
    finally:
        process.send_signal(signal.SIGINT)
        try: output, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert 'Traceback' not in output


def test_an_option_that_nobody_knows_is_an_error(tmp_path, run):
    (tmp_path/'main.py').write_text('from fasthtml.common import *\napp, rt = fast_app(secret_key="k")\n')
    result = run('run', '--nonsense', cwd=tmp_path)
    assert result.returncode == 2 and '--nonsense' in result.stderr
    assert all(option in run('run', '--help', cwd=tmp_path).stdout for option in ('--uds', '--fd', '--ssl-certfile', '--limit-concurrency'))


def test_routes_are_in_the_order_in_which_people_wrote_them(tmp_path, run):
    (tmp_path/'main.py').write_text('''
from fasthtml.common import *
app, rt = fast_app(secret_key='k', live=True, assets='local')
@rt
def index(): return P('x')
@rt('/notes')
def post(text: str): return P(text)
app.mount('/admin', FastHTML(secret_key='k', routes=[Route('/users', lambda request: None)]))
@rt('/notes/{id}')
def delete(id: int): return ''
@app.ws('/ws')
def ws(): pass
''')
    lines = run('routes', cwd=tmp_path).stdout.splitlines()
    paths = [line.split('  ')[1:] for line in lines]
    order = [next(part.strip() for part in parts if part.strip().startswith('/')) for parts in paths[1:]]
    assert order[:5] == ['/', '/notes', '/notes/{id}', '/ws', '/admin/users'] and len(order) > 5
    assert lines[1].startswith('GET HEAD POST')


CHECKED = """from fasthtml.common import *
from fasthtml.common import database, P as Para
from fasthtml.nothing import x

app, rt = fast_app(None, None, (), (), None, None, None, False, False, 'title', ct_hdr=True)

@rt('/items/{id}')
def get(id, page): return Card(page, MarkdownJS(sell='.x'))

@rt('/items')
def first(q: str): return P(q, hx_vals='js:{a: 1}', href='javascript:void(0)')
@rt('/items')
def second(q: str): return P(q)
serve()
"""


def test_check_names_each_place_with_its_line_and_its_mend(tmp_path, run):
    (tmp_path/'old.py').write_text(CHECKED)
    result = run('check', 'old.py', cwd=tmp_path)
    said = {int(line.split(':')[1]): [] for line in result.stdout.splitlines() if ':' in line}
    for line in result.stdout.splitlines():
        if ':' in line: said[int(line.split(':')[1])].append(line)
    for line, words in [(2, 'from fastlite import database'), (3, 'no module fasthtml.nothing'), (5, 'title='),
                        (8, 'from fasthtml.pico import Card'), (8, '`page` of get has no annotation'),
                        (11, 'hx_vals=Safe(...)')]:
        assert any(words in text for text in said[line]), result.stdout
    assert result.returncode == 1 and 'Traceback' not in result.stderr


def test_check_runs_the_registration(tmp_path, run):
    "What is refused or logged when the program runs, at its line; and a program that is right"
    program = CHECKED.replace('from fasthtml.nothing import x\n', '')
    program = program.replace("None, None, (), (), None, None, None, False, False, 'title', ", '')
    program += "\n@rt('/a')\ndef a(x: 5): return P(x)\n@app.ws('/ws', conn='no')\ndef ws(): pass\n"
    (tmp_path/'old.py').write_text(program)
    out = run('check', 'old.py', cwd=tmp_path).stdout
    wanted = "'ct_hdr' does nothing here", 'answered by `first`', 'become 5', "'sell'", "'no'"
    assert [words for words in wanted if words not in out] == [], out
    program = 'from fasthtml.common import *\napp, rt = fast_app()\n@rt\ndef index(n: int = 0): return P(n)\nserve()\n'
    (tmp_path/'new.py').write_text(program)
    fine = run('check', 'new.py', cwd=tmp_path)
    assert fine.returncode == 0 and fine.stdout.startswith('0 places'), fine.stdout


# Whatever Python runs is checked to its end, and what it cannot read is said

AT_END = "\nfrom fasthtml.common import *\napp = FastHTML(before=lambda req: None)\n@app.ws('/chat')\ndef list(msg: str): return msg\n"
DEEP = {
    'sum': 'x = ' + '+'.join(['1'] * 1200), 'signs': 'x = ' + '-' * 1200 + '1', 'text': "x = 'a'" + " + 'b'" * 1200,
    'elif': 'x = 0\nif x: pass\n' + ''.join(f'elif x == {i}: pass\n' for i in range(1, 1200)),
    'calls': 'class C:\n    def __call__(self): return self\nx = C()' + '()' * 1200, 'lambda': 'x = ' + 'lambda: ' * 1200 + '1',
    'condition': 'x = ' + '1 if 0 else ' * 1200 + '1', 'last': 'def f():\n    return list(' + '+'.join(['[1]'] * 1200) + ')'}
CODED = {'latin-1': ('# coding: latin-1\nx = "\xe9"', 'latin-1'), 'mark of UTF-8': ('x = "\xe9"', 'utf-8-sig'),
         'second line': ('#!/usr/bin/python\n# -*- coding: cp1252 -*-\nx = "\u20ac"', 'cp1252'), 'line ends': ('x = 1\r\n', 'utf-8')}
READABLE = {**{name: (text, 'utf-8') for name, text in DEEP.items()}, **CODED}
UNREADABLE = {
    'deeper sum': b'x=' + b'+'.join([b'1'] * 20_000), 'deeper signs': b'x=' + b'-' * 20_000 + b'1', 'brackets': b'x=' + b'[' * 300,
    'nul': b'x = 1\0', 'UTF-16': 'x = 1'.encode('utf-16'), 'latin-1 without a word': b'x = "\xe9"',
    'no such coding': b'# coding: nope\nx = 1',
    'a long number': b'x = ' + b'1' * 5000, 'levels': b''.join(b' ' * i + b'if 1:\n' for i in range(200))}


@pytest.mark.parametrize('name', READABLE)
def test_check_reads_what_python_reads(name, tmp_path):
    text, coding = READABLE[name]
    file = tmp_path/'main.py'
    file.write_bytes((text + AT_END).encode(coding))
    assert ["socket /chat" in o.text for o in check_program(file) if 'takes the place' not in o.text] == [True]


@pytest.mark.parametrize('name', UNREADABLE)
def test_check_says_what_python_cannot_read(name, tmp_path):
    file = tmp_path/'main.py'
    file.write_bytes(UNREADABLE[name])
    said, = check_program(file)
    assert said.text.startswith('Python cannot read this: ')


@pytest.mark.parametrize('folder', ['plain', 'fasthtml', 'lib/python3.14'])
def test_check_reads_a_program_in_a_folder_of_any_name(folder, tmp_path):
    file = tmp_path/folder/'old.py'
    file.parent.mkdir(parents=True)
    file.write_text("from fasthtml.common import *\napp = FastHTML(before=lambda req: None)\n@app.ws('/chat')\n"
                    "def chat(msg: str): return msg\n")
    assert ["socket /chat" in o.text for o in check_program(file)] == [True]
