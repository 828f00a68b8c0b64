"""The command `fasthtml`, as somebody at a terminal uses it: real processes, in empty folders."""
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support import NODE_MODULES, missing, wait_until

COMMAND = [sys.executable, '-m', 'fasthtml']
TEMPLATES = ['basic', 'data', 'live']


def run(*words, cwd: Path, stdin: str = '', **env) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *words], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60, env=os.environ | env)


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


def answer(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=5) as response:
            return response.read().decode()
    except OSError:
        return None


@pytest.fixture(params=TEMPLATES)
def made(request, tmp_path):
    "A new app of each template"
    result = run('new', 'tea-time', '--template', request.param, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert 'fasthtml dev' in result.stdout
    return tmp_path/'tea-time'


def test_a_new_app_passes_its_own_tests(made):
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider']
    result = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=80)
    assert result.returncode == 0, result.stdout[-3000:]
    assert re.search(r'\d passed', result.stdout)


@pytest.mark.parametrize('command', [['dev'], ['run', '--workers', '2']], ids=['dev', 'run'])
def test_a_new_app_is_served_and_stops_when_told(tmp_path, command):
    run('new', 'tea-time', cwd=tmp_path)
    made = tmp_path/'tea-time'
    port = free_port()
    process = subprocess.Popen([*COMMAND, *command, '--port', str(port)], cwd=made, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        page = wait_until(lambda: answer(port), deadline=30, what='the app to answer')
        assert '<h1>Tea time</h1>' in page
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=15)
        assert 'Traceback' not in output
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_routes_of_a_new_app(tmp_path):
    run('new', 'tea-time', cwd=tmp_path)
    result = run('routes', cwd=tmp_path/'tea-time')
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith('METHODS')
    assert re.search(r'^GET HEAD +/ +\S+ +main\.py:\d+$', result.stdout, re.M)


def test_html_becomes_python_that_gives_it_back(tmp_path):
    result = run('html2ft', '-', cwd=tmp_path, stdin='<ul class="a b"><li>1 &lt; 2</li></ul>')
    assert result.returncode == 0, result.stderr
    names = {}
    exec('from fasthtml.common import *', names)
    assert names['to_xml'](eval(result.stdout, names), indent=False) == '<ul class="a b"><li>1 &lt; 2</li></ul>'


def test_assets_are_fetched_checked_and_served(tmp_path):
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
    served = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert served.stdout.strip() == '200', served.stderr


@pytest.mark.parametrize('words, expected', [
    (['dev'], 'fasthtml new NAME'),
    (['run', 'nowhere'], "no module 'nowhere'"),
    (['routes', 'a-b'], 'does not name a Python module'),
    (['new', 'x', '--template', 'huge'], 'basic, data, live'),
    (['assets', 'htmx'], 'Did you mean'),
    (['html2ft', 'nowhere.html'], 'Cannot read nowhere.html'),
])
def test_misuse_is_one_line_that_helps(tmp_path, words, expected):
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 2
    assert expected in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_mistake_in_the_app_shows_the_users_line(tmp_path):
    (tmp_path/'main.py').write_text('import nothing_like_this\n')
    result = run('routes', cwd=tmp_path)
    assert result.returncode == 1
    assert 'main.py", line 1' in result.stderr and 'nothing_like_this' in result.stderr


def test_the_guide_is_in_the_package(tmp_path):
    result = run('docs', cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith('# ') and 'EventStream' in result.stdout


def test_help_names_every_command(tmp_path):
    result = run('--help', cwd=tmp_path)
    assert result.returncode == 0
    assert all(f'\n    {name}' in result.stdout for name in 'new dev run routes assets html2ft docs'.split())
