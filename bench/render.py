#!/usr/bin/env python
"""Compare ways to make HTML: `python bench/render.py [--rounds 7] [--peers ours,htpy,...]`

Every peer runs in a process of its own, one after another, round by round, so that a change of the machine's mood hits all of them. A figure is the median over
the rounds of (time of the peer / time of ours) in one round. Before any timing an HTML5 parser checks that all outputs are the same tree.
python-fasthtml, whose package has our name, gets an environment of its own in bench/.venv-upstream.
"""
import argparse, gc, json, statistics, subprocess, sys, time, tracemalloc
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / '.venv-upstream'
PEERS = 'ours upstream htpy simple_html jinja2 fstring'.split()
WORK = ['table', 'table_plain', 'page', 'frag', 'page build', 'page render', 'table render']
GOALS = {  # workload → peer → least ratio of its time to ours
    'table': {'upstream': 25, 'htpy': 8, 'jinja2': .77, 'fstring': 1 / 5}, 'table_plain': {'upstream': 25, 'htpy': 8, 'jinja2': 1 / 1.4, 'fstring': 1 / 9},
    'page': {'upstream': 22, 'htpy': 10, 'jinja2': .55, 'fstring': 1 / 15}, 'frag': {'upstream': 20, 'htpy': 9, 'jinja2': 1.5, 'fstring': 1 / 13},
    'page render': {'upstream': 5.5, 'htpy': 8}, 'table render': {'upstream': 12, 'htpy': 14}, 'page build': {'upstream': 50, 'htpy': 12}}


# ---- in a peer's process: one JSON question a line, one answer a line

def best(f, seconds: float) -> float:
    "Least time of one call of `f` in µs, in about `seconds`"
    n, t = 1, 0.0
    while t < .002:
        t0 = time.perf_counter()
        for _ in range(n): f()
        t, n = time.perf_counter() - t0, n * 2
    n, res, end = max(1, n // 2), [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(res) < 3:
        t0 = time.perf_counter()
        for _ in range(n): f()
        res.append((time.perf_counter() - t0) / n * 1e6)
    return statistics.median(res)

def task(m, name: str):
    "The function to time, or None if the peer has nothing of that kind"
    if hasattr(m, name): return getattr(m, name)
    if ' ' not in name or not hasattr(m, 'render'): return None
    work, part = name.split()
    build = getattr(m, f'build_{work}')
    if part == 'build': return build
    tree = build()
    return lambda: m.render(tree)

def memory(m) -> float:
    "Bytes for each element of a held table, without its texts"
    m.build_table()
    gc.collect()
    tracemalloc.start()
    tree = m.build_table()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del tree
    return size / 11002

DEPTHS = 100, 300, 900, 3000, 10_000, 20_000, 100_000

def nests(m, n: int) -> bool:
    "Can divs be nested `n` deep?"
    try: m.nest(n)
    except RecursionError: return False
    return True

def worker(peer: str):
    sys.path[:0] = [str(HERE), str(HERE / 'peers')]
    if peer == 'ours': sys.path.insert(0, str(HERE.parent))
    m = import_module(f'{peer}_peer')
    for line in sys.stdin:
        what, *a = json.loads(line)
        if what == 'html': res = task(m, a[0])()
        elif what == 'has': res = task(m, a[0]) is not None
        elif what == 'time': res = best(task(m, a[0]), a[1])
        elif what == 'memory': res = memory(m) if hasattr(m, 'build_table') else None
        else: res = nests(m, a[0]) if hasattr(m, 'nest') else None
        print(json.dumps(res), flush=True)


# ---- in the parent

class Peer:
    def __init__(self, name: str):
        py = upstream_python() if name == 'upstream' else sys.executable
        self.name = name
        self.p = subprocess.Popen([py, __file__, '--worker', name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
    def __call__(self, *q):
        print(json.dumps(q), file=self.p.stdin, flush=True)
        return json.loads(self.p.stdout.readline())
    def depth(self) -> str:
        "The deepest of `DEPTHS` it can do"
        ok = 0
        for n in DEPTHS:
            try:
                if not self('nests', n): break
            except ValueError: return f'{ok} (crashed at {n})'   # the process died: a compiled peer ran out of stack
            ok = n
        return str(ok)

def upstream_python() -> str:
    py = VENV / 'bin/python'
    if not py.exists():
        subprocess.run([sys.executable, '-m', 'venv', VENV], check=True)
        subprocess.run([py, '-m', 'pip', 'install', '-q', 'python-fasthtml'], check=True)
    return str(py)

def tree(html: str):
    "What a parser makes of `html`: tags, attributes and texts"
    from selectolax.lexbor import LexborHTMLParser
    root = LexborHTMLParser(html if html.startswith('<html') else f'<body>{html}').root
    return [(n.tag, dict(n.attributes), n.text(deep=False)) for n in root.traverse(include_text=True)]

def check_equal(peers: list[Peer]):
    for w in ('table', 'table_plain', 'page', 'frag'):
        want = tree(peers[0]('html', w))
        for p in peers[1:]:
            if tree(p('html', w)) != want: sys.exit(f'{p.name} makes another tree of {w}: {next((a, b) for a, b in zip(tree(p("html", w)), want) if a != b)}')
    if tree(peers[0]('html', 'table_map')) != tree(peers[0]('html', 'table')): sys.exit('table_map differs from table')
    page = [o for o in tree(peers[0]('html', 'page')) if not o[0].startswith('-')]
    return len(page), sum(len(o[1]) for o in page)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--worker')
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--seconds', type=float, default=.1, help='per figure and round')
    ap.add_argument('--peers', default=','.join(PEERS))
    ap.add_argument('--json', help='write all figures to this file')
    a = ap.parse_args()
    if a.worker: return worker(a.worker)
    peers = [Peer(o) for o in a.peers.split(',')]
    size = check_equal(peers)
    print(f'Same tree from all of {", ".join(p.name for p in peers)}. The page has {size[0]} elements and {size[1]} attributes.\n')
    figures = {}   # (workload, peer) → µs in each round
    for _ in range(a.rounds):
        for w in [*WORK, 'table_map']:
            for p in peers:
                if p('has', w): figures.setdefault((w, p.name), []).append(p('time', w, a.seconds))
    report(figures, peers)
    print('\nmemory per element, deepest tree')
    for p in peers:
        if (b := p('memory')) is not None: print(f'  {p.name:12} {b:6.0f} B {p.depth():>10}')
    if a.json: Path(a.json).write_text(json.dumps({' / '.join(k): v for k, v in figures.items()}, indent=1))

def report(figures: dict, peers: list[Peer]):
    names = [p.name for p in peers]
    print('time of each / time of ours (above 1: ours is faster)\n' + f'{"":14}{"ours, µs":>10}' + ''.join(f'{o:>20}' for o in names[1:]))
    for w in WORK:
        ours, line = figures[w, 'ours'], ''
        for o in names[1:]:
            r = statistics.median(x / y for x, y in zip(figures[w, o], ours)) if (w, o) in figures else None
            goal = GOALS.get(w, {}).get(o)
            line += f'{"" if r is None else f"{r:.2f}" + (f" ({chr(8805)}{goal:.3g} {chr(10003) if r >= goal else chr(10007)})" if goal else ""):>20}'
        print(f'{w:14}{statistics.median(ours):10.1f}{line}')
    if ('table', 'fstring') in figures:
        r = statistics.median(x / y for x, y in zip(figures['table_map', 'ours'], figures['table', 'fstring']))
        print(f'table with Tr(map(Td, row)): {statistics.median(figures["table_map", "ours"]):.0f} µs, {r:.2f} x the f-string limit (goal <= 1.6)')

if __name__ == '__main__': main()
