"The pages that promise something are complete, and each promise is held by a test."
import ast
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


def test_every_invariant_names_a_test_that_exists():
    "Each line ends with the name by which pytest runs it"
    lines = [line for line in prose('explains/design.ipynb').splitlines() if re.match(r'- \*\*\w\d\*\* ', line)]
    assert len(lines) == len(INVARIANTS)
    for line in lines:
        named = re.search(r'<small>`(tests/\S+\.py)::(test_\w+)`</small>$', line)
        assert named, line
        functions = [node.name for node in ast.parse((ROOT/named[1]).read_text(encoding='utf-8')).body
                     if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert named[2] in functions, f'there is no {named[2]} in {named[1]}: the design page names the test of {line[4:6]}'


def test_every_defect_we_do_not_repeat_has_a_row_among_the_differences():
    rows = re.findall(r'^\| (D\d+) \| .+ \| .+ \|$', prose('explains/differences.ipynb'), re.M)
    assert sorted(rows, key=lambda name: int(name[1:])) == DEFECTS


def test_every_row_of_the_differences_says_what_is_there_and_what_is_here():
    for line in prose('explains/differences.ipynb').splitlines():
        if line.startswith('|') and not line.startswith('|-'):
            assert len(re.split(r'(?<!\\)\|', line)) == 5, line
