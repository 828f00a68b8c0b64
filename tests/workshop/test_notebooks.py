"""Every notebook from top to bottom in a real kernel, as a reader in JupyterLab runs it.

`nbdev-test` runs the cells inside its own process; a kernel has another event loop, its own signal handlers and displays.
"""
import json
from contextlib import closing

import pytest

from fork_kit import KERNEL, Forks
from support import ROOT

NOTEBOOKS = sorted(path for path in (ROOT/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts)
LEFT_OUT = ('#| notest', '#| eval: false', '#|notest', '#|eval: false')


def is_left_out(source: str) -> bool:
    "Cells that say they are not to be run, and the one that exports the library"
    return any(line.startswith(LEFT_OUT) for line in source.splitlines()) or 'nbdev_export' in source


@pytest.fixture(scope='module')
def forks():
    with closing(Forks(*KERNEL, 'fastcore.test', 'fasthtml.common', 'fasthtml.testing')) as forks: yield forks


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_reader_can_run_it_all(path, forks):
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    sources = (''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code')
    forks.cells([source for source in sources if not is_left_out(source)], path.parent)
