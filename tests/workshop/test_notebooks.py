"""Every notebook from top to bottom in a real kernel, as a reader in JupyterLab runs it.

`nbdev-test` runs the cells inside its own process; a kernel has another event loop, its own signal handlers and displays.
"""
import nbformat
import pytest
from nbclient import NotebookClient

from support import ROOT

NOTEBOOKS = sorted(path for path in (ROOT/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts)
LEFT_OUT = ('#| notest', '#| eval: false', '#|notest', '#|eval: false')


def is_left_out(source: str) -> bool:
    "Cells that say they are not to be run, and the one that exports the library"
    return any(line.startswith(LEFT_OUT) for line in source.splitlines()) or 'nbdev_export' in source


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_reader_can_run_it_all(path):
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type != 'code' or not is_left_out(cell.source)]
    NotebookClient(notebook, timeout=60, kernel_name='python3', resources={'metadata': {'path': str(path.parent)}}).execute()
