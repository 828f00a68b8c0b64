"One peer in a process of its own: a JSON question on each line of input, a JSON answer on each line of output. Used by bench/render.py."
import gc
import json
import statistics
import sys
import time
import tracemalloc
from importlib import import_module
from pathlib import Path

ELEMENTS = 11_002   # in the table


def duration(f, seconds: float) -> float:
    "Median processor time of one call of `f` in µs, measured for about `seconds`: time spent waiting for a processor does not count"
    n, t = 1, 0.0
    while t < .002:
        t0 = time.process_time()
        for _ in range(n): f()
        t, n = time.process_time() - t0, n * 2
    n, times, end = max(1, n // 2), [], time.process_time() + seconds
    while time.process_time() < end or len(times) < 3:
        t0 = time.process_time()
        for _ in range(n): f()
        times.append((time.process_time() - t0) / n * 1e6)
    return statistics.median(times)


def task(peer, name: str):
    "The function to time, None if the peer has nothing of that kind"
    if hasattr(peer, name): return getattr(peer, name)
    if ' ' not in name or not hasattr(peer, 'render'): return None
    work, part = name.split()
    build = getattr(peer, f'build_{work}')
    if part == 'build': return build
    tree = build()
    return lambda: peer.render(tree)


def memory(peer) -> float | None:
    "Bytes for each element of a held table, beside its texts"
    if not hasattr(peer, 'build_table'): return None
    peer.build_table()
    gc.collect()
    tracemalloc.start()
    tree = peer.build_table()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del tree
    return size / ELEMENTS


def nests(peer, n: int) -> bool | None:
    "Can divs be nested `n` deep?"
    if not hasattr(peer, 'nest'): return None
    try: peer.nest(n)
    except RecursionError: return False
    return True


def main(name: str):
    name, _, way = name.partition(':')
    if name == 'ours': sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    peer = import_module(f'{name}_peer')
    if way: peer.render_by(way)
    questions = {
        'html': lambda w: task(peer, w)(), 'has': lambda w: task(peer, w) is not None, 'time': lambda w, s: duration(task(peer, w), s),
        'memory': lambda: memory(peer), 'nests': lambda n: nests(peer, n)}
    for line in sys.stdin:
        what, *args = json.loads(line)
        print(json.dumps(questions[what](*args)), flush=True)


if __name__ == '__main__': main(sys.argv[1])
