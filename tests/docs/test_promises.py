"The pages that promise something are complete, and each promise is held by a test."
import json
import re

from support import ROOT

INVARIANTS = 'R1 R2 R3 R4 P1 P2 P3 P4 W1 W2 W3 W4 C1 C2 C3 S1 S2 S3 L1 L2 L3 L4 L5 L6 L7 L8 L9 B1 B2 B3 B4 B5 B6 B7 G1 G2'.split()
DEFECTS = [f'D{number}' for number in range(1, 32)]


def prose(name: str) -> str:
    "The Markdown of a notebook"
    notebook = json.loads((ROOT/'nbs'/name).read_text(encoding='utf-8'))
    return '\n\n'.join(''.join(cell['source']) for cell in notebook['cells'] if cell['cell_type'] == 'markdown')


def test_the_design_page_states_every_invariant():
    stated = re.findall(r'^- \*\*(\w\d)\*\* ', prose('explains/design.ipynb'), re.M)
    assert stated == INVARIANTS


def test_every_defect_we_do_not_repeat_has_a_row_among_the_differences():
    rows = re.findall(r'^\| (D\d+) \| .+ \| .+ \|$', prose('explains/differences.ipynb'), re.M)
    assert sorted(rows, key=lambda name: int(name[1:])) == DEFECTS


def test_every_row_of_the_differences_says_what_is_there_and_what_is_here():
    for line in prose('explains/differences.ipynb').splitlines():
        if line.startswith('|') and not line.startswith('|-'):
            assert len(re.split(r'(?<!\\)\|', line)) == 5, line


def test_the_contributing_page_names_commands_and_files_that_exist():
    text = (ROOT/'CONTRIBUTING.md').read_text(encoding='utf-8')
    targets = re.findall(r'^([a-z]+):.*##', (ROOT/'Makefile').read_text(encoding='utf-8'), re.M)
    assert {*re.findall(r'(?:`|^)make ([a-z]+)', text, re.M)} <= {*targets}
    checks = {'in-sync', 'lint', 'notebooks', 'site', 'tests'}
    assert {*re.findall(r'^\| ([a-z-]+) \|', text, re.M)} - {'check'} == checks
    files = re.findall(r'`((?:tests|tools|nbs|bench)/[\w./-]*\w)`', text)
    assert files and not [name for name in files if not (ROOT/name).exists() and '_name' not in name]
