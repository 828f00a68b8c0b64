"""The tutorials as a reader follows them: an empty folder, the documented install and nothing else, each step seen in a browser.

A step is the program up to the end of a section. It runs as the tutorial says: the cells in `main.py`, `serve()` at the end.
What the install does not bring cannot be imported: a finder in front of all others refuses it.
"""
import json
import os
import re
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from support import ROOT, serve_process

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


def program(tutorial, heading):
    "The code of a tutorial up to the end of a section, as one file"
    cells = json.loads((ROOT/f'nbs/tutorials/{tutorial}.ipynb').read_text(encoding='utf-8'))['cells']
    sources, inside = [], False
    for cell in cells:
        source = ''.join(cell['source'])
        title = re.search(r'^## (.*)', source, re.M) if cell['cell_type'] == 'markdown' else None
        if title and inside: break
        if title: inside = title[1] == heading
        if cell['cell_type'] == 'code' and not source.startswith('#| hide'): sources.append(source)
    assert inside, f'{tutorial} has no section {heading!r}'
    return '\n\n'.join(sources) + '\n\nserve(port=0, reload=False)\n'


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


def a_wall(page, url):
    page.add_init_script('addEventListener("htmx:sseOpen", () => { window.listening = true })')
    page.goto(url + '/wall')
    page.wait_for_function('window.listening')
    page.evaluate('window.socket = new WebSocket(location.origin.replace("http", "ws") + "/room")')
    page.wait_for_selector('text=/\\d here/')


STEPS = {
    '01_first_app': {'A page': first_page, 'Entries in a database': list_of_entries, 'A form': a_form_that_adds,
                     'Validation': a_form_that_explains, 'The session': a_name_that_is_kept},
    '02_chat': {'A socket': a_reply, 'A server that speaks first': a_welcome, 'A room': a_welcome, 'Listening only': a_wall},
}


@pytest.mark.parametrize('tutorial, heading', [(tutorial, heading) for tutorial, steps in STEPS.items() for heading in steps])
def test_each_step_of_a_tutorial_works_with_the_documented_install(tutorial, heading, page, tmp_path):
    (tmp_path/'front').mkdir()
    (tmp_path/'front/sitecustomize.py').write_text(BLOCK)
    (tmp_path/'main.py').write_text(program(tutorial, heading))
    env = {'NOT_INSTALLED': ' '.join(not_installed(DOCUMENTED)), 'PYTHONPATH': os.pathsep.join([str(tmp_path/'front'), str(ROOT)])}
    with serve_process('', tmp_path, command=[sys.executable, 'main.py'], env=env) as server:
        server.wait_line('Application startup complete')
        page.goto(server.url)
        STEPS[tutorial][heading](page, server.url)
        assert 'arning' not in server.output and 'was answered by' not in server.output, server.output
    page.problems.clear()   # addresses that were refused on purpose, and the end of the server


def run(source, folder, extras):
    "What a program prints in an environment with these extras"
    (folder/'front').mkdir(exist_ok=True)
    (folder/'front/sitecustomize.py').write_text(BLOCK)
    (folder/'main.py').write_text(source)
    path = os.pathsep.join([str(folder/'front'), str(ROOT)])
    env = os.environ | {'NOT_INSTALLED': ' '.join(not_installed(extras)), 'PYTHONPATH': path}
    return subprocess.run([sys.executable, 'main.py'], cwd=folder, env=env, text=True, capture_output=True, timeout=60)


@pytest.mark.parametrize('example', sorted(path.name for path in (ROOT/'examples').glob('*.py')))
def test_an_example_needs_no_more_than_the_documented_install(example, tmp_path):
    source = (ROOT/'examples'/example).read_text(encoding='utf-8')
    done = run(source.replace("if __name__ == '__main__'", 'if False') + '\nprint("went on")\n', tmp_path, DOCUMENTED)
    assert 'went on' in done.stdout, done.stderr


@pytest.mark.parametrize('template', ['basic', 'data', 'live'])
def test_a_template_needs_no_more_than_the_documented_install(template, tmp_path):
    source = (ROOT/f'fasthtml/workshop/templates/{template}/main.py.txt').read_text(encoding='utf-8')
    done = run(source.replace("if __name__ == '__main__'", 'if False') + '\nprint("went on")\n', tmp_path, DOCUMENTED)
    assert 'went on' in done.stdout, done.stderr


def test_the_chat_of_the_template_keeps_the_keyboard(page, tmp_path):
    source = (ROOT/'fasthtml/workshop/templates/live/main.py.txt').read_text(encoding='utf-8').replace('{title}', 'Tea')
    with serve_process(source.replace('fast_app(', 'fast_app(secret_key="k", '), tmp_path) as server:
        page.goto(server.url)
        page.wait_for_selector('#messages li >> text=1 here now')
        page.click('#text')
        for text in 'one', 'two':
            page.keyboard.type(text)
            page.keyboard.press('Enter')
            page.wait_for_selector(f'#messages li:text-is("{text}")')
            page.wait_for_function('document.activeElement.id == "text" && document.activeElement.value == ""')
    page.problems.clear()
