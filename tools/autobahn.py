#!/usr/bin/env python
"""Run the Autobahn test suite against an `@app.ws` route on every server: `python tools/autobahn.py --wstest wstest`

The suite is a Python 2.7 program: `python2.7 -m pip install autobahntestsuite` makes the command `wstest`.
Each server runs in its own process, one after the other; the suite connects to it as the client that breaks every rule.
Cases 9 (speed), 12 and 13 (compression) are left out unless `--cases '*'` asks for them.

`tests/realtime/test_protocol.py` holds the rules that matter to an app in a form that needs nothing but Python.
"""
import argparse
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APP = '''
import json
from fasthtml.common import FastHTML, Middleware

class AnyFrame:
    "The suite sends text and bytes of every kind and wants them back; htmx sends JSON. Between the two stands this translator"
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send):
        async def as_json():
            message = await receive()
            if message['type'] != 'websocket.receive': return message
            text, data = message.get('text'), message.get('bytes')
            return {'type': 'websocket.receive', 'text': json.dumps({'frame': 't' + text if text is not None else 'b' + data.hex()})}
        async def as_frame(message):
            if message['type'] == 'websocket.send':
                kind, frame = message['text'][0], message['text'][1:]
                message = {'type': 'websocket.send', **({'text': frame} if kind == 't' else {'bytes': bytes.fromhex(frame)})}
            await send(message)
        await self.app(scope, as_json, as_frame)

app = FastHTML(secret_key='x')

@app.ws('/', middleware=[Middleware(AnyFrame)])
async def echo(frame: str): return frame
'''
PY = [sys.executable, '-m']
SERVERS = {
    'uvicorn': [*PY, 'uvicorn', 'app:app', '--port', 'PORT', '--ws-max-size', str(2**25)],
    'uvicorn --ws websockets': [*PY, 'uvicorn', 'app:app', '--port', 'PORT', '--ws', 'websockets', '--ws-max-size', str(2**25)],
    'uvicorn --ws wsproto': [*PY, 'uvicorn', 'app:app', '--port', 'PORT', '--ws', 'wsproto', '--ws-max-size', str(2**25)],
    'hypercorn': [*PY, 'hypercorn', 'app:app', '-b', '127.0.0.1:PORT'],
    'granian': [*PY, 'granian', 'app:app', '--interface', 'asgi', '--port', 'PORT'],
}


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as sock: return sock.getsockname()[1]


def wait_open(port: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        try: return socket.create_connection(('127.0.0.1', port), 1).close()
        except OSError: time.sleep(.05)
    raise SystemExit('the server did not start')


def judge(server: str, wstest: list[str], cases: list[str], exclude: list[str]) -> dict[str, dict]:
    "case → what the suite says of it"
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here/'app.py').write_text(APP)
        spec = {'outdir': str(here/'reports'), 'servers': [{'agent': 'app', 'url': f'ws://127.0.0.1:{port}'}], 'cases': cases,
                'exclude-cases': exclude, 'exclude-agent-cases': {}}
        (here/'spec.json').write_text(json.dumps(spec))
        command = [part.replace('PORT', str(port)) for part in SERVERS[server]]
        with open(here/'log', 'w') as log:
            process = subprocess.Popen(command, cwd=here, env=os.environ | {'PYTHONPATH': str(ROOT)}, stdout=log, stderr=log)
            try:
                wait_open(port, process)
                command = [*wstest, '-m', 'fuzzingclient', '-s', str(here/'spec.json')]
                done = subprocess.run(command, cwd=here, capture_output=True, text=True)
            finally:
                process.terminate()
                process.wait(20)
        if not (here/'reports/index.json').exists(): raise SystemExit(f'{done.stdout}\n{done.stderr}')
        if trace := re.findall(r'(?m)^\w*(?:Error|Exception)\b.*', (here/'log').read_text()): print('  logged:', Counter(trace))
        return json.loads((here/'reports/index.json').read_text())['app']


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--wstest', default='wstest', help='The command of the suite')
    parser.add_argument('--cases', default='', help="Cases to run, as '1.*,2.*'; '*' is all")
    parser.add_argument('servers', nargs='*', help=f'Of: {", ".join(SERVERS)}')
    args = parser.parse_args()
    cases, exclude = (args.cases.split(','), []) if args.cases else (['*'], ['9.*', '12.*', '13.*'])
    for server in args.servers or SERVERS:
        began = time.monotonic()
        found = judge(server, shlex.split(args.wstest), cases, exclude)
        counts = Counter(case['behavior'] for case in found.values())
        closes = Counter(case['behaviorClose'] for case in found.values())
        print(f'{server}: {len(found)} cases in {time.monotonic() - began:.0f} s: {dict(counts)}; close: {dict(closes)}', flush=True)
        bad = {k: (v['behavior'], v['behaviorClose']) for k, v in found.items()
               if 'FAILED' in (v['behavior'], v['behaviorClose']) or 'WRONG' in v['behaviorClose']}
        for name in sorted(bad): print('  ', name, *bad[name], flush=True)


if __name__ == '__main__':
    main()
