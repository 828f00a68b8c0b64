#!/usr/bin/env python
"""Compare ways to make HTML: `python bench/render.py [--rounds 7] [--peers ours,htpy,...]`

Every peer runs in a process of its own, one after another, round by round, so that a change of the machine's mood hits all of them. A figure
is the median over the rounds of (time of the peer / time of ours) in one round. Before any timing an HTML5 parser checks that all outputs
are the same tree. python-fasthtml, whose package has our name, gets an environment of its own in bench/.venv-upstream.
"""
import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / '.venv-upstream'
PEERS = 'ours ours:to_xml ours:str upstream htpy simple_html jinja2 fstring'.split()
PAGES = 'table', 'table_plain', 'page', 'frag'
WORK = [*PAGES, 'page build', 'page render', 'table render']
DEPTHS = 100, 300, 900, 3000, 10_000, 20_000, 100_000
GOALS = {  # workload → peer → least ratio of its time to ours
    'table': {'upstream': 25, 'htpy': 8, 'jinja2': .77, 'fstring': 1 / 5},
    'table_plain': {'upstream': 25, 'htpy': 8, 'jinja2': 1 / 1.4, 'fstring': 1 / 9},
    'page': {'upstream': 22, 'htpy': 10, 'jinja2': .55, 'fstring': 1 / 15},
    'frag': {'upstream': 20, 'htpy': 9, 'jinja2': 1.5, 'fstring': 1 / 13},
    'page build': {'upstream': 50, 'htpy': 12}, 'page render': {'upstream': 5.5, 'htpy': 8}, 'table render': {'upstream': 12, 'htpy': 14}}
MOST = {'ours:to_xml': 1.15, 'ours:str': 1.15}   # peer → most times of ours that its time may be
MAP_GOAL = 1.6   # most that the table made with `Tr(map(Td, row))` may take, in f-string tables


class Peer:
    "A peer's process, to be asked"
    def __init__(self, name: str):
        python = upstream_python() if name == 'upstream' else sys.executable
        self.name = name
        worker = [python, str(HERE / 'peers/worker.py'), name]
        self.process = subprocess.Popen(worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, *question):
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def depth(self) -> str:
        "The deepest of `DEPTHS` it can do"
        ok = 0
        for n in DEPTHS:
            try:
                if not self('nests', n): break
            except ValueError: return f'{ok} (crashed at {n})'   # no answer: a compiled peer ran out of stack
            ok = n
        return str(ok)


def upstream_python() -> str:
    python = VENV / 'bin/python'
    if not python.exists():
        subprocess.run([sys.executable, '-m', 'venv', VENV], check=True)
        subprocess.run([python, '-m', 'pip', 'install', '-q', 'python-fasthtml'], check=True)
    return str(python)


def tree(html: str) -> list:
    "What a parser makes of `html`: tags, attributes and texts"
    from selectolax.lexbor import LexborHTMLParser
    root = LexborHTMLParser(html if html.startswith('<html') else f'<body>{html}').root
    return [(n.tag, dict(n.attributes), n.text(deep=False)) for n in root.traverse(include_text=True)]


def check_equal(peers: list[Peer]) -> None:
    "Stop unless all peers make the same trees"
    for w in PAGES:
        want = tree(peers[0]('html', w))
        for p in peers[1:]:
            if not p('has', w): continue
            got = tree(p('html', w))
            if got != want: sys.exit(f'{p.name}, {w}: {next(pair for pair in zip(got, want) if pair[0] != pair[1])}')
    if tree(peers[0]('html', 'table_map')) != tree(peers[0]('html', 'table')): sys.exit('table_map differs from table')
    page = [o for o in tree(peers[0]('html', 'page')) if not o[0].startswith('-')]
    print(f'Same trees from {", ".join(p.name for p in peers)}. '
          f'The page has {len(page)} elements and {sum(len(o[1]) for o in page)} attributes.\n')


def measure(peers: list[Peer], rounds: int, seconds: float) -> dict:
    "(workload, peer) → µs in each round"
    res = {}
    for _ in range(rounds):
        for w in [*WORK, 'table_map']:
            for p in peers:
                if p('has', w): res.setdefault((w, p.name), []).append(p('time', w, seconds))
    return res


def ratio(a: list, b: list) -> float: return statistics.median(x / y for x, y in zip(a, b))


def report(figures: dict, names: list[str]) -> None:
    print(f'time of each / time of ours (above 1: ours is faster)\n{"":14}{"ours, µs":>10}' + ''.join(f'{o:>20}' for o in names[1:]))
    for w in WORK:
        line = ''
        for o in names[1:]:
            if (w, o) not in figures: cell = ''
            else:
                r, goal, most = ratio(figures[w, o], figures[w, 'ours']), GOALS.get(w, {}).get(o), MOST.get(o)
                if most: cell = f'{r:.2f} (≤{most} {"✓" if r <= most else "✗"})'
                else: cell = f'{r:.2f}' + (f' (≥{goal:.3g} {"✓" if r >= goal else "✗"})' if goal else '')
            line += f'{cell:>20}'
        print(f'{w:14}{statistics.median(figures[w, "ours"]):10.1f}{line}')
    if not {('table', 'fstring'), ('table_map', 'ours')} <= figures.keys(): return
    r = ratio(figures['table_map', 'ours'], figures['table', 'fstring'])
    mark = '✓' if r <= MAP_GOAL else '✗'
    print(f'table with Tr(map(Td, row)): {statistics.median(figures["table_map", "ours"]):.0f} µs, '
          f'{r:.2f} x the f-string limit (≤{MAP_GOAL} {mark})')


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--seconds', type=float, default=.1, help='for each figure in each round')
    ap.add_argument('--peers', default=','.join(PEERS))
    ap.add_argument('--json', help='write all figures to this file')
    a = ap.parse_args()
    peers = [Peer(o) for o in a.peers.split(',')]
    check_equal(peers)
    figures = measure(peers, a.rounds, a.seconds)
    report(figures, [p.name for p in peers])
    print('\nbytes per element of a held table (goal for ours: ≤140), deepest tree (≥20000)')
    for p in peers:
        if (size := p('memory')) is not None: print(f'  {p.name:12}{size:6.0f} B   {p.depth()}')
    if a.json: Path(a.json).write_text(json.dumps({' / '.join(k): v for k, v in figures.items()}, indent=1))


if __name__ == '__main__': main()
