"""Every notebook from top to bottom in a real kernel, as a reader in JupyterLab runs it.

`nbdev-test` runs the cells inside its own process; a kernel has another event loop, its own signal handlers and displays.
Starting a kernel takes longer than most notebooks do, so they share one. Each begins with an empty namespace in its own folder.
"""
import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from support import DEADLINE, ROOT

NOTEBOOKS = sorted(path for path in (ROOT/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts)
LEFT_OUT = ('#| notest', '#| eval: false', '#|notest', '#|eval: false')


def is_left_out(source: str) -> bool:
    "Cells that say they are not to be run, and the one that exports the library"
    return any(line.startswith(LEFT_OUT) for line in source.splitlines()) or 'nbdev_export' in source


class Kernels:
    "One kernel for notebooks that run one after the other, and new ones"
    shared = None

    def new(self):
        manager, client = start_new_kernel(startup_timeout=2*DEADLINE, kernel_name='python3')
        client.stop_channels()
        return manager

    def run(self, path, manager):
        "All cells of a notebook, in an empty namespace and the notebook's own folder"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if cell.cell_type != 'code' or not is_left_out(cell.source)]
        beginning = f'import os\nos.chdir({str(path.parent)!r})\nget_ipython().run_line_magic("reset", "-f")'
        notebook.cells.insert(0, nbformat.v4.new_code_cell(beginning))
        NotebookClient(notebook, km=manager, timeout=3*DEADLINE, startup_timeout=2*DEADLINE).execute()

    def close(self):
        if self.shared: self.shared.shutdown_kernel(now=True)
        self.shared = None


@pytest.fixture(scope='module')
def kernels():
    kernels = Kernels()
    yield kernels
    kernels.close()


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_reader_can_run_it_all(path, kernels):
    kernels.shared = kernels.shared or kernels.new()
    try:
        return kernels.run(path, kernels.shared)
    except (CellExecutionError, RuntimeError):  # another notebook may be the cause, so what counts is a kernel of its own
        kernels.close()
    alone = kernels.new()
    try:
        kernels.run(path, alone)
    finally:
        alone.shutdown_kernel(now=True)
