#!/usr/bin/env python
"""All comparisons, one after another: `make bench`, or `python bench/run.py [render] [http] [realtime] [calls]`."""
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ['render', 'http', 'realtime', 'calls']

if __name__ == '__main__':
    chosen = sys.argv[1:] or PARTS
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f'No such comparison: {", ".join(sorted(unknown))}. There are: {", ".join(PARTS)}')
    for part in chosen:
        print(f'\n== {part}', flush=True)
        subprocess.run([sys.executable, str(HERE/f'{part}.py')], check=True)
