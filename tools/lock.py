"Write the installed versions to tools/constraints.txt, so that a check passes tomorrow as it did today."
import subprocess
import sys
from pathlib import Path

HEAD = '# Written by `make lock`: the versions that the checks ran with. The package asks for less (settings.ini).\n'

if __name__ == '__main__':
    freeze = 'pip freeze --exclude-editable --exclude pip --exclude setuptools'
    frozen = subprocess.run([sys.executable, '-m', *freeze.split()], check=True, text=True, capture_output=True).stdout
    pinned = [line for line in frozen.splitlines() if '==' in line]
    (Path(__file__).parent/'constraints.txt').write_text(HEAD + '\n'.join(pinned) + '\n', encoding='utf-8')
