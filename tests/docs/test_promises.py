"The pages that promise something are complete, and each promise is held by a test."
import json
import re

from support import ROOT

INVARIANTS = 'R1 R2 R3 R4 P1 P2 P3 P4 W1 W2 W3 W4 C1 C2 C3 S1 S2 S3 L1 L2 L3 L4 L5 L6 L7 L8 L9 G1 G2'.split()
DEFECTS = [f'D{number}' for number in range(1, 32)]


def prose(name: str) -> str:
    "The Markdown of a notebook"
    notebook = json.loads((ROOT/'nbs'/name).read_text(encoding='utf-8'))
    return '\n\n'.join(''.join(cell['source']) for cell in notebook['cells'] if cell['cell_type'] == 'markdown')


def test_the_design_page_states_every_invariant():
    stated = re.findall(r'^- \*\*(\w\d)\*\* ', prose('explains/design.ipynb'), re.M)
    assert stated == INVARIANTS


def test_every_invariant_is_named_by_a_test():
    "By a cell of a notebook or by a test outside"
    files = [*(ROOT/'tests').rglob('test_*.py'), *(ROOT/'nbs/api').rglob('*.ipynb')]
    sources = [path.read_text(encoding='utf-8') for path in files if path.name != 'test_promises.py']
    missing = [name for name in INVARIANTS if not any(re.search(rf'\b{name}\b', text) for text in sources)]
    assert not missing


def test_every_defect_we_do_not_repeat_has_a_row_among_the_differences():
    rows = re.findall(r'^\| (D\d+) \| .+ \| .+ \|$', prose('explains/differences.ipynb'), re.M)
    assert sorted(rows, key=lambda name: int(name[1:])) == DEFECTS


def test_every_row_of_the_differences_says_what_is_there_and_what_is_here():
    for line in prose('explains/differences.ipynb').splitlines():
        if line.startswith('|') and not line.startswith('|-'):
            assert len(re.split(r'(?<!\\)\|', line)) == 5, line
