"""The tutorials as a reader follows them: an empty folder, the documented install and nothing else, each step seen in a browser.

A step is the program up to the end of a section. It runs as the tutorial says: the cells in `main.py`, `serve()` at the end.
What the install does not bring cannot be imported: a finder in front of all others refuses it.
"""
import ast
import json
import os
import re
import subprocess
import sys
from contextlib import closing
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from fork_kit import Forks
from proxy_kit import Proxy
from support import ROOT, serve_process, type_messages

BLOCK = '''
import os, sys
class NotInstalled:
    "Refuses what a fresh environment would not have"
    names = set(os.environ["NOT_INSTALLED"].split())
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names: raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NotInstalled())
'''

DOCUMENTED = re.search(r"pip install -e '\.\[([\w,]+)\]'", (ROOT/'README.md').read_text(encoding='utf-8'))[1].split(',')


def plain(name): return re.sub('[-_.]+', '-', name).lower()


def installed_by(extras):
    "The distributions that `pip install 'fasthtml[extras]'` brings"
    settings = dict(re.findall(r'^(\w+) = (.*)$', (ROOT/'settings.ini').read_text(), re.M))
    todo = [Requirement(o) for key in ('requirements', *(f'{extra}_requirements' for extra in extras)) for o in settings[key].split()]
    found = {'fasthtml'}
    while todo:
        wanted = todo.pop()
        name = plain(wanted.name)
        if (name, *sorted(wanted.extras)) in found: continue
        found |= {name, (name, *sorted(wanted.extras))}
        for line in metadata.requires(wanted.name) or ():
            inner = Requirement(line)
            if inner.marker is None or any(inner.marker.evaluate({'extra': extra}) for extra in ('', *wanted.extras)): todo.append(inner)
    return {o for o in found if isinstance(o, str)}


def not_installed(extras):
    "Importable names of this environment that the documented install would not have"
    kept = installed_by(extras)
    return sorted(name for name, owners in metadata.packages_distributions().items() if not {plain(o) for o in owners} & kept
                  and name not in ('fasthtml', 'tests', 'tools'))


def tries_out(source):
    "Is it a cell that the tutorials tell a reader to leave out of the file?"
    return any(isinstance(node, ast.Name) and node.id in ('browser', 'page') for node in ast.walk(ast.parse(source)))


def program(tutorial, heading):
    "The code of a tutorial up to the end of a section, as a reader has it in one file who does what the tutorial says"
    cells = json.loads((ROOT/f'nbs/tutorials/{tutorial}.ipynb').read_text(encoding='utf-8'))['cells']
    sources, inside = [], False
    for cell in cells:
        source = ''.join(cell['source'])
        title = re.search(r'^## (.*)', source, re.M) if cell['cell_type'] == 'markdown' else None
        if title and inside: break
        if title: inside = title[1] == heading
        if cell['cell_type'] == 'markdown' and 'Begin a new `main.py`, with the import' in source: sources[1:] = []
        if cell['cell_type'] == 'code' and not source.startswith('#| hide') and not tries_out(source): sources.append(source)
    assert inside, f'{tutorial} has no section {heading!r}'
    return without_earlier('\n\n'.join(sources)) + '\n\nserve(port=0, reload=False)\n'


def without_earlier(source):
    "A program without the functions that it defines again further down"
    lines, last = source.splitlines(), {}
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in functions: last[node.name] = node
    for node in reversed(functions):
        if node is not last[node.name]: del lines[min(node.lineno, *(o.lineno for o in node.decorator_list)) - 1:node.end_lineno]
    return '\n'.join(lines)


def sign(page, author, text):
    page.fill('[name=author]', author)
    page.fill('[name=text]', text)
    page.click('text=Sign')


def first_page(page, url):
    assert page.inner_text('h1') == 'Guest book' and page.inner_text('.entry p') == 'I was here first'


def list_of_entries(page, url):
    assert page.inner_text('#entries > article p') == 'I was here first' and page.is_visible('#form button')


def a_form_that_adds(page, url):
    sign(page, 'Ada', 'Tea is fine')
    page.wait_for_selector('#entries > article:first-child >> text=Tea is fine')
    page.wait_for_function('document.querySelector("[name=text]").value == ""')
    page.reload()
    assert page.inner_text('#entries > article:first-child p') == 'Tea is fine'


def a_form_that_explains(page, url):
    sign(page, 'Ada', '  ')
    page.wait_for_selector('#form small >> text=Please write something')
    assert page.input_value('[name=author]') == 'Ada' and page.locator('#form').count() == 1
    page.goto(url + '/entry/two')
    assert 'a whole number' in page.inner_text('body')


def a_name_that_is_kept(page, url):
    sign(page, 'Grace', 'Moths again')
    page.wait_for_selector('#entries >> text=Moths again')
    page.reload()
    assert page.input_value('[name=author]') == 'Grace'


def a_reply(page, url):
    page.fill('[name=text]', 'hello')
    page.press('[name=text]', 'Enter')
    page.wait_for_selector('#messages li >> text=You said hello')


def a_welcome(page, url):
    page.wait_for_selector('#messages li >> text=Welcome!')
    a_reply(page, url)


def a_room(page, url):
    second = page.context.new_page()
    second.goto(url)
    for tab in page, second: tab.wait_for_selector('#messages li >> text=Welcome!')
    page.fill('[name=text]', 'hello')
    page.press('[name=text]', 'Enter')
    second.wait_for_selector('#messages li:text-is("hello")')


def a_wall(page, url):
    page.add_init_script('addEventListener("htmx:sseOpen", () => { window.listening = true })')
    page.goto(url + '/wall')
    page.wait_for_function('window.listening')
    second = page.context.new_page()
    second.goto(url)
    second.wait_for_selector('#messages li >> text=Welcome!')
    second.fill('[name=text]', 'to the wall')
    second.press('[name=text]', 'Enter')
    page.wait_for_selector('#messages li:text-is("to the wall")')


def a_name(page, url):
    page.fill('[name=name]', 'Ida')
    page.press('[name=name]', 'Enter')
    page.wait_for_selector('h1:text-is("Chat")')


def what_was_said(page, url):
    a_name(page, url)
    second = page.context.new_page()
    second.goto(url)
    second.fill('[name=text]', 'Just a mo')
    type_messages(page, '[name=text]', ['one', 'two'], lambda text: second.wait_for_selector(f'li:has-text("Ida {text}")'))
    assert second.input_value('[name=text]') == 'Just a mo'


def who_is_there(page, url):
    what_was_said(page, url)
    page.wait_for_selector('main > p:text-is("Ida here")')


STEPS = {
    '01_first_app': {'A page': first_page, 'Entries in a database': list_of_entries, 'A form': a_form_that_adds,
                     'Validation': a_form_that_explains, 'The session': a_name_that_is_kept},
    '02_chat': {'A socket': a_reply, 'Messages that the server sends first': a_welcome, 'A room': a_room, 'Listening only': a_wall,
                'Names': a_name, 'Messages that are kept': what_was_said, 'Who is there': who_is_there},
}


@pytest.mark.parametrize('tutorial, heading', [(tutorial, heading) for tutorial, steps in STEPS.items() for heading in steps])
def test_each_step_of_a_tutorial_works_with_the_documented_install(tutorial, heading, page, tmp_path):
    (tmp_path/'front').mkdir()
    (tmp_path/'front/sitecustomize.py').write_text(BLOCK)
    (tmp_path/'main.py').write_text(program(tutorial, heading))
    env = {'NOT_INSTALLED': ' '.join(not_installed(DOCUMENTED)), 'PYTHONPATH': os.pathsep.join([str(tmp_path/'front'), str(ROOT)])}
    with serve_process('', tmp_path, command=[sys.executable, 'main.py'], env=env) as server:
        server.wait_listening()
        page.goto(server.url)
        STEPS[tutorial][heading](page, server.url)
        assert 'arning' not in server.output and 'was answered by' not in server.output, server.output
    page.problems.clear()   # addresses that were refused on purpose, and the end of the server


@pytest.mark.parametrize('htmx', [2, 4])
def test_the_chat_of_the_tutorial_survives_a_restart(new_page, tmp_path, htmx):
    "In the windows of two people: what was said before, what a visitor has typed, and who is there"
    (tmp_path/'main.py').write_text(program('02_chat', 'Who is there').replace("'chat.db', ", f"'chat.db', htmx={htmx}, "))
    command = [sys.executable, 'main.py']
    with serve_process('', tmp_path, command=command) as server, Proxy(server.port) as proxy:
        ida, joan = tabs = new_page(), new_page()
        for tab, name in (ida, 'Ida'), (joan, 'Joan'):
            tab.goto(proxy.url)
            tab.fill('[name=name]', name)
            tab.press('[name=name]', 'Enter')
        for tab in tabs: tab.wait_for_selector('main > p:text-is("Ida, Joan here")')
        ida.fill('[name=text]', 'before')
        ida.press('[name=text]', 'Enter')
        joan.wait_for_selector('li:has-text("Ida before")')
        joan.fill('[name=text]', 'half a sen')
        proxy.away = True
        server.signal()
        server.wait()
        for tab in tabs: tab.wait_for_selector('[role=status]', state='visible')
        with serve_process('', tmp_path, command=command) as again:
            proxy.target, proxy.away = again.port, False
            for tab in tabs: tab.wait_for_selector('html[data-live=true]', state='attached')
            ida.fill('[name=text]', 'after')
            ida.press('[name=text]', 'Enter')
            joan.wait_for_selector('li:has-text("Ida after")')
            assert joan.locator('li:has-text("Ida before")').count() == 1 and joan.input_value('[name=text]') == 'half a sen'
            for tab in tabs:
                tab.wait_for_selector('main > p:text-is("Ida, Joan here")')
                tab.wait_for_selector('[role=status]', state='hidden')
                tab.problems.clear()   # the browser logs that no server responded


def test_the_test_of_the_tutorial_runs_as_it_says(tmp_path):
    (tmp_path/'main.py').write_text(program('01_first_app', 'A test'))
    cells = json.loads((ROOT/'nbs/tutorials/01_first_app.ipynb').read_text(encoding='utf-8'))['cells']
    function, = [source for cell in cells if (source := ''.join(cell['source'])).startswith('def test_')]
    (tmp_path/'test_main.py').write_text('from main import *\n' + function.partition('\n\n')[0])
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider'], cwd=tmp_path,
                          env=os.environ | {'PYTHONPATH': str(ROOT)}, text=True, capture_output=True, timeout=60)
    assert '1 passed' in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    "What a program prints with the documented install: it goes on in a process that has imported the library there"
    front = tmp_path_factory.mktemp('front')
    (front/'sitecustomize.py').write_text(BLOCK)
    def printed(source, folder):
        (folder/'main.py').write_text(source.replace("if __name__ == '__main__'", 'if False') + '\nprint("went on")\n')
        return forks.run(['main.py'], folder)
    with closing(Forks('fasthtml.common', PYTHONPATH=str(front), NOT_INSTALLED=' '.join(not_installed(DOCUMENTED)))) as forks: yield printed


@pytest.mark.parametrize('example', sorted(path.name for path in (ROOT/'examples').glob('*.py')))
def test_an_example_needs_no_more_than_the_documented_install(example, tmp_path, run):
    done = run((ROOT/'examples'/example).read_text(encoding='utf-8'), tmp_path)
    assert 'went on' in done.stdout, done.stderr


@pytest.mark.parametrize('template', ['basic', 'data', 'live'])
def test_a_template_needs_no_more_than_the_documented_install(template, tmp_path, run):
    done = run((ROOT/f'fasthtml/workshop/templates/{template}/main.py.txt').read_text(encoding='utf-8'), tmp_path)
    assert 'went on' in done.stdout, done.stderr


def test_the_chat_of_the_template_keeps_the_keyboard(page, tmp_path):
    source = (ROOT/'fasthtml/workshop/templates/live/main.py.txt').read_text(encoding='utf-8').replace('{title}', 'Tea')
    with serve_process(source.replace('fast_app(', 'fast_app(secret_key="k", '), tmp_path) as server:
        page.goto(server.url)
        page.wait_for_selector('#messages li >> text=1 here now')
        type_messages(page, '#text', ['one', 'two'], lambda text: page.wait_for_selector(f'#messages li:text-is("{text}")'))
    page.problems.clear()
