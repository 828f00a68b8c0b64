"""When `serve()` starts a server: exactly when the program was started, however that was done, and never because of an import."""
import socket
from contextlib import closing

import pytest

from fork_kit import Forks

APP = 'from fasthtml.common import *\napp, rt = fast_app(secret_key="x")\n'
STUB = 'import uvicorn\nuvicorn.run = lambda target, **kw: print("serving", target, kw["reload"], flush=True)\n'
MAIN = STUB + APP + 'def main(): serve(port=0)\n'
FILES = {
    'plain.py': STUB + APP + 'serve(port=0)\n',
    'guarded.py': STUB + APP + 'if __name__ == "__main__": serve(port=0)\n',
    'shop.py': MAIN,
    'calls.py': MAIN + 'main()\n',
    'pkg/__init__.py': '',
    'pkg/app.py': MAIN,
    'pkg/plain.py': STUB + APP + 'serve(port=0)\n',
    'pkg/__main__.py': 'from pkg.app import main\nmain()\n',
    'own/__init__.py': '',
    'own/__main__.py': STUB + APP + 'serve(port=0)\n',
    'local.py': STUB + 'from fasthtml.common import *\ndef main():\n    app, rt = fast_app(secret_key="x")\n    serve(port=0)\nmain()\n',
    'another.py': STUB + APP.replace('app, rt', 'site, rt') + 'serve(port=0)\n',
    'named.py': STUB + APP.replace('app, rt', 'site, rt') + 'serve(app="site", port=0)\n',
    'importer.py': 'import plain\nprint("went on")\n',
    'importer_of_calls.py': 'import calls\nprint("went on")\n',
    'deep.py': 'import importer\n',
    'in_function.py': 'def load():\n    import plain\nload()\nprint("went on")\n',
    'by_name.py': 'import importlib\nimportlib.import_module("plain")\nprint("went on")\n',
    'by_server.py': 'from uvicorn.importer import import_from_string\nimport_from_string("plain:app")\nprint("went on")\n',
    'by_spawn.py': '''
import multiprocessing
from shop import *
def work(): print("went on", flush=True)
if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work)
    child.start()
    child.join()
else: serve(port=0)
''',
    'test_shop.py': 'def test_shop():\n    import plain\n    assert plain.app\n',
    'typo.py': APP + 'serve(prot=5002)\n',
    'wrong_port.py': APP + 'serve(port=70000)\n',
    'no_module.py': STUB + APP + 'serve(appname="plian", port=0)\n',
    'app_in_name.py': STUB + APP + 'serve(appname="shop:app", port=0)\n',
    'warned.py': '''
import importlib, multiprocessing, uvicorn
def spawn(*args, **options):    # as a server with several processes, or one that restarts
    child = multiprocessing.get_context("spawn").Process(target=importlib.import_module, args=("warned",))
    child.start()
    child.join()
uvicorn.run = spawn
from fasthtml.common import *
app, rt = fast_app(secret_key="x", body_style_=Path())
@rt("/")
def first(): ...
@rt("/")
def second(): ...
serve(port=0)
''',
}
SCRIPT = 'import sys; from {} import {}; sys.exit({}())'
STARTS = {  # command -> what the server is told to import
    'a file': (['plain.py'], 'plain:app True'),
    'a guarded file': (['guarded.py'], 'guarded:app True'),
    'a file that calls a function': (['calls.py'], 'calls:app True'),
    'a console script': (['-c', SCRIPT.format('shop', 'main', 'main')], 'shop:app True'),
    'a console script of a package': (['-c', SCRIPT.format('pkg.app', 'main', 'main')], 'pkg.app:app True'),
    'a module': (['-m', 'plain'], 'plain:app True'),
    'a module of a package': (['-m', 'pkg.plain'], 'pkg.plain:app True'),
    'a package': (['-m', 'pkg'], 'pkg.app:app True'),
    'a package with the app in it': (['-m', 'own'], 'own.__main__:app True'),
    'an app of the function': (['local.py'], '<fasthtml.app.app.FastHTML'),
    'another name': (['named.py'], 'named:site True'),
    'another module with the app': (['app_in_name.py'], 'shop:app True'),
}
CELL = 'from fasthtml.common import *\napp = FastHTML()\nserve()\nprint("went on")'
IMPORTS = {  # command -> does the log say that nothing was started?
    'an import': (['importer.py'], True),
    'an import of a file that calls a function': (['importer_of_calls.py'], True),
    'an import of an import': (['deep.py'], True),
    'an import in a function': (['in_function.py'], True),
    'an import by name': (['by_name.py'], True),
    'a statement': (['-c', 'import pkg.plain; print("went on")'], True),
    'a cell of a notebook': (['-m', 'IPython', '--no-banner', '-c', CELL], True),
    'a server': (['by_server.py'], False),
    'a spawned process': (['by_spawn.py'], False),
    'a test': (['-m', 'pytest', '-q', '-s', '-p', 'no:cacheprovider', 'test_shop.py'], False),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    "All the programs"
    folder = tmp_path_factory.mktemp('programs')
    for name, text in FILES.items():
        (folder/name).parent.mkdir(exist_ok=True)
        (folder/name).write_text(text)
    return folder


@pytest.fixture(scope='module')
def start(folder):
    "Run a program: what it printed, and its end"
    with pytest.MonkeyPatch.context() as own:
        for name in ('PORT', 'HOST', 'PROCS'): own.delenv(name, raising=False)
        forks = Forks('pytest', 'IPython.terminal.ipapp', 'fasthtml.common', 'fasthtml.workshop.cli', 'uvicorn', 'watchfiles')
    with closing(forks): yield lambda command, cwd=folder, **env: forks.run(command, cwd, **env)


@pytest.mark.parametrize('how', STARTS)
def test_serve_starts_when_the_program_was_started_by(how, folder, start):
    command, target = STARTS[how]
    done = start(command)
    assert done.returncode == 0 and f'serving {target}' in done.stdout, done.stderr
    assert 'started nothing' not in done.stderr


@pytest.mark.parametrize('how', IMPORTS)
def test_serve_does_not_start_because_of(how, folder, start):
    command, said = IMPORTS[how]
    done = start(command)
    assert done.returncode == 0 and 'serving' not in done.stdout, done.stdout + done.stderr
    assert 'went on' in done.stdout or '1 passed' in done.stdout
    assert ('started nothing' in done.stderr) is said, done.stderr
    hints = ['JupyUvi(app)'] if 'IPython' in command else ['imported, not run', 'fasthtml dev']
    assert not said or all(hint in done.stderr for hint in hints), done.stderr


RUNS = '''
import multiprocessing, uvicorn
from importlib import import_module
def run(target, reload=False, workers=1, log_config=None, **options):
    if not isinstance(target, str): return
    if not reload and workers == 1: return import_module(target.partition(":")[0])
    child = multiprocessing.get_context("spawn").Process(target=import_module, args=(target.partition(":")[0],))
    child.start()
    child.join()
uvicorn.run = run
print("ran as", __name__, flush=True)
from fasthtml.common import *
app, rt = fast_app(secret_key="x")
def main(): serve(port=0OPTIONS)
'''
ONCE = {  # how the program ends, its options -> how often its file runs, in all processes
    'at the end': ('serve(port=0OPTIONS)', '', ['__main__', 'NAME']),
    'as a module': ('serve(port=0OPTIONS)', '', ['__main__', 'NAME']),
    'guarded': ('if __name__ == "__main__": serve(port=0OPTIONS)', '', ['__main__', 'NAME']),
    'several workers': ('serve(\n  port=0OPTIONS)', ', workers=2', ['__main__', 'NAME']),
    'one process': ('serve(\n  port=0OPTIONS)', ', reload=False', ['__main__']),
    'one process, in a function': ('main()', ', reload=False', ['__main__']),
    'one process, and more to come': ('serve(port=0OPTIONS)\n@rt\ndef more(): ...', ', reload=False', ['__main__', 'NAME']),
    'an option of the program itself': ('serve(port=0OPTIONS)', ', log_config=main', ['__main__', '__mp_main__', 'NAME']),
}


@pytest.mark.parametrize('how', ONCE)
def test_a_program_runs_once_in_each_process(how, folder, start):
    "Twice in one process is an error for tables of SQLModel, metrics of Prometheus and whatever else may be defined once"
    end, options, runs = ONCE[how]
    name = 'once_' + ''.join(c if c.isalpha() else '_' for c in how)
    (folder/f'{name}.py').write_text((RUNS + end + '\n').replace('OPTIONS', options))
    done = start(['-m', name] if 'as a module' in how else [f'{name}.py'])
    assert done.returncode == 0, done.stderr
    assert [o.split()[-1] for o in done.stdout.splitlines() if o.startswith('ran as')] == [o.replace('NAME', name) for o in runs]


@pytest.mark.parametrize('program, words', [('typo.py', ["'prot'", "Did you mean 'port'"]),
                                            ('wrong_port.py', ['0 to 65535', '70000', 'serve(port=...)']),
                                            ('another.py', ["no 'app'", "serve(app='site')"]),
                                            ('no_module.py', ["appname='plian'", "Did you mean 'plain'?"])])
def test_serve_says_in_one_line_what_is_wrong(program, words, folder, start):
    done = start([program])
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode and [word for word in words if word not in last] == [], done.stderr


def test_a_warning_is_given_once_however_many_processes_run_the_file(folder, start):
    done = start(['warned.py'])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count('was answered by `first`') == 1 and done.stderr.count('body_style_') == 1, done.stderr


@pytest.mark.parametrize('command', [['plain.py'], ['-m', 'fasthtml', 'dev', 'plain'], ['-m', 'fasthtml', 'run', 'plain']])
def test_a_busy_port_is_one_sentence_with_a_free_one(command, folder, start):
    with socket.create_server(('127.0.0.1', 0)) as busy:
        port = busy.getsockname()[1]
        text = FILES['plain.py'].replace('port=0', f'port={port}')
        (folder/'plain.py').write_text(text)
        done = start(command, PORT=str(port), HOST='127.0.0.1')
        (folder/'plain.py').write_text(FILES['plain.py'])
    assert done.returncode and 'Traceback' not in done.stderr
    [line] = [o for o in done.stderr.splitlines() if 'Cannot listen' in o]
    free = int(line.partition('; port ')[2].split()[0])
    assert f'127.0.0.1:{port}' in line and free > port and ('--port' in line or 'serve(port=' in line)
    with socket.create_server(('127.0.0.1', free)): pass


@pytest.mark.parametrize('options, restarts', [('', '*.py'), (', live=True', '*.py *.css *.js *.html'), (', htmx=4', '*.py')])
def test_what_a_program_may_write_restarts_no_server(options, restarts, tmp_path, start):
    "A wiki that saves `home.md` when it starts would start for ever; style sheets matter only where pages reload with the server"
    pytest.importorskip('watchfiles')
    stub = STUB.replace('kw["reload"]', '*kw["reload_includes"]')
    (tmp_path/'main.py').write_text(stub + APP.replace('"x"', f'"x"{options}') + 'serve(port=0)\n', encoding='utf-8')
    assert start(['main.py'], tmp_path).stdout == f'serving main:app {restarts}\n'
