"Tests in several processes are all run, once each, and the report is that of one process."
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT
from workers import Shares


def run(folder: Path, *words: str, **modules: str) -> subprocess.CompletedProcess:
    for name, text in modules.items(): (folder/f'test_{name}.py').write_text(text, encoding='utf-8')
    plugins = ['-p', 'workers', '-p', 'no:xdist', '-p', 'no:cacheprovider']
    command = [sys.executable, '-m', 'pytest', *plugins, '--rootdir', folder, *words, folder]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={'PYTHONPATH': str(ROOT/'tests')})


class Item:
    def __init__(self, path: str): self.path = Path(path)


@pytest.mark.parametrize('workers', [1, 2, 5])
@pytest.mark.parametrize('modules', [{}, {'doors/a': 1}, {'browser/a': 7, 'http/b': 1, 'doors/c': 9, 'else/d': 2}], ids=len)
@pytest.mark.parametrize('turns', ['in turns', 'one after the other'])
def test_each_test_is_taken_once(modules: dict[str, int], workers: int, turns: str):
    items = [Item(name) for name, count in modules.items() for _ in range(count)]
    shares, taken, working = Shares(items, workers), [], [*range(workers)]
    while working:
        number = working.pop(0)
        if (place := shares.take(number)) is None: continue
        taken.append(place)
        working.insert(len(working) if turns == 'in turns' else 0, number)
    assert sorted(taken) == [*range(len(items))]


def test_a_module_stays_with_one_worker_while_there_are_others():
    shares = Shares([Item(name) for name in ('browser/a', 'browser/b', 'doors/c', 'doors/d') for _ in range(3)], 2)
    assert [shares.take(0) for _ in range(4)] == [0, 1, 2, 3]
    assert [shares.take(1) for _ in range(6)] == [9, 10, 11, 6, 7, 8]
    assert shares.take(1) == 5, 'the second half of what the other has'


def test_what_passes_fails_and_is_skipped_is_reported_as_by_one_process(tmp_path):
    kinds = '''
import os, warnings, pytest

@pytest.mark.parametrize('n', range(4))
def test_good(n, tmp_path): (tmp_path/'a').write_text('')
def test_bad():
    print('said before')
    assert 1 == 2
@pytest.mark.skip(reason='not today')
def test_left_out(): pass
def test_warns(): warnings.warn('take care', UserWarning)
@pytest.fixture
def broken():
    yield
    raise OSError('not put away')
def test_afterwards(broken): pass
'''
    out = run(tmp_path, '-n', '3', one=kinds, two=kinds)
    assert out.returncode == 1, out.stdout + out.stderr
    assert re.search(r'2 failed, 12 passed, 2 skipped, 2 warnings, 2 errors', out.stdout), out.stdout
    assert out.stdout.count('Captured stdout call') == 2 and 'assert 1 == 2' in out.stdout and 'UserWarning: take care' in out.stdout


def test_each_worker_keeps_what_its_own_test_writes(tmp_path):
    text = '''
import os, pytest, time
@pytest.mark.parametrize('n', range(40))
def test_it(n, request):
    for i in range(40): print(f'{request.node.name} of {os.getpid()}', flush=True)
    assert False
'''
    out = run(tmp_path, '-n', '2', '-q', a=text, b=text)
    assert '80 failed' in out.stdout, out.stdout + out.stderr
    parts = out.stdout.split('Captured stdout call')[1:]
    for part in parts:
        lines = re.findall(r'^test_it.* of \d+$', part, re.M)
        assert len(lines) == 40 and len({*lines}) == 1, part
    assert len(parts) == 80


def test_fixtures_of_a_module_are_put_away_when_a_worker_goes_on_to_another(tmp_path):
    text = '''
import os, pytest
@pytest.fixture(scope='module')
def thing():
    with open('log', 'a') as log: log.write(f'begin {__name__} {os.getpid()}\\n')
    yield
    with open('log', 'a') as log: log.write(f'end {__name__} {os.getpid()}\\n')
@pytest.mark.parametrize('n', range(20))
def test_it(n, thing): pass
'''
    out = run(tmp_path, '-n', '2', '-q', **{name: text for name in 'abcd'})
    assert '80 passed' in out.stdout, out.stdout + out.stderr
    lines = [line.split() for line in (tmp_path/'log').read_text().splitlines()]
    workers = {pid for _, _, pid in lines}
    assert len(workers) == 2
    for worker in workers:
        own = [(verb, name) for verb, name, pid in lines if pid == worker]
        assert own[::2] == [('begin', name) for _, name in own[1::2]] and {verb for verb, _ in own[1::2]} == {'end'}, own


def test_a_worker_that_dies_fails_its_test_and_the_others_do_the_rest(tmp_path):
    text = 'import os, pytest\n@pytest.mark.parametrize("n", range(9))\ndef test_it(n):\n    if n == 4: os._exit(0)\n'
    out = run(tmp_path, '-n', '2', '-q', a=text, b='def test_b(): pass')
    assert out.returncode == 1 and '1 failed, 9 passed' in out.stdout and 'test_it[4]' in out.stdout, out.stdout + out.stderr


def test_the_first_failure_ends_all_when_it_is_asked_for(tmp_path):
    slow = '''
import time, pytest
@pytest.fixture
def thing():
    open('begun', 'w')
    yield
    open('ended', 'w')
def test_long(thing): time.sleep(1000)
'''
    fails = 'import os, time\ndef test_bad():\n    while not os.path.exists("begun"): time.sleep(.01)\n    assert False\n'
    out = run(tmp_path, '-n', '2', '-x', '-q', slow=slow, bad=fails)
    assert out.returncode == 1 and '1 failed' in out.stdout and 'stopping after 1 failures' in out.stdout, out.stdout + out.stderr
    assert (tmp_path/'ended').exists(), 'what a test has set up is put away'


def test_a_module_that_cannot_be_imported_ends_the_run(tmp_path):
    out = run(tmp_path, '-n', '2', '-q', a='import nothing_of_this_name', b='def test_b(): pass\ndef test_c(): pass')
    assert out.returncode == 2 and '1 error' in out.stdout and 'passed' not in out.stdout, out.stdout


def test_an_event_loop_that_waits_for_its_own_end_is_interrupted_again(tmp_path):
    slow = '''
import asyncio, os
async def both():
    try: await asyncio.sleep(1000)
    finally:
        with open('process', 'w') as file: file.write(str(os.getpid()))
        open('begun', 'w')
        await asyncio.sleep(1000)
async def begin():
    task = asyncio.ensure_future(both())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
def test_long(): asyncio.run(begin())
'''
    fails = 'import os, time\ndef test_bad():\n    while not os.path.exists("begun"): time.sleep(.01)\n    assert False\n'
    out = run(tmp_path, '-n', '2', '-x', '-q', slow=slow, bad=fails)
    assert out.returncode == 1 and '1 failed' in out.stdout, out.stdout + out.stderr
    with pytest.raises(ProcessLookupError): os.kill(int((tmp_path/'process').read_text()), 0)
