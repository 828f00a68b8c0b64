"Write the installed versions to tools/constraints.txt, so that a check passes tomorrow as it did today."
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).parent/'constraints.txt'
HEAD = '# Written by `make lock`: the versions that the checks ran with. The package asks for less (settings.ini).\n'


def versions(text: str) -> dict[str, str]:
    "Package, as pip compares names -> its line"
    return {line.partition('==')[0].lower().replace('_', '-'): line for line in text.splitlines() if '==' in line}


if __name__ == '__main__':
    freeze = 'pip freeze --exclude-editable --exclude pip --exclude setuptools'
    frozen = subprocess.run([sys.executable, '-m', *freeze.split()], check=True, text=True, capture_output=True).stdout
    pinned = versions(FILE.read_text(encoding='utf-8')) | versions(frozen)  # what only another Python needs stays
    FILE.write_text(HEAD + ''.join(f'{pinned[name]}\n' for name in sorted(pinned)), encoding='utf-8')
