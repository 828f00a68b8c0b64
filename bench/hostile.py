"""What a small page feels while four clients send hostile input: p50 and p99 of a page that answers in about 1 ms.

    python bench/hostile.py [--seconds 3] [--only json]

The server is uvicorn in a process of its own. `alone` is the page without other clients, `busy` the page beside four
clients that ask for a small page as fast as they can: what any load does to it on this machine.
"""
import sys

sys.path.pop(0)  # this folder, whose `http.py` would stand in front of the standard library's

import argparse
import http.client
import json
import multiprocessing
import socket
import statistics
import threading
import time

MIB = 2**20
FORM, JSON, MULTI = 'application/x-www-form-urlencoded', 'application/json', 'multipart/form-data; boundary=B'


def make_app():
    "The app under attack"
    from fasthtml.common import FastHTML, P, UploadFile
    app = FastHTML(secret_key='bench', default_hdrs=False)
    @app.get('/ping')
    async def ping(): return P('pong')
    @app.get('/archive/{y}-{m}-{d}')
    async def archive(y: str, m: str, d: str): return P(y)
    @app.get('/wiki/{page:path}/history/{rev:path}/raw')
    async def wiki(page: str, rev: str): return P(page)
    @app.get('/theme')
    async def theme(session, theme: str = 'x'): return P(len(session), len(theme))
    @app.post('/login')
    async def login(name: str, password: str): return P('no')
    @app.post('/upload')
    async def upload(f: UploadFile): return P(f.size)
    @app.post('/numbers')
    async def numbers(n: list[int]): return P(len(n))
    return app


def attacks():
    "Name → (method, path, headers, body)"
    post = lambda path, kind, body: ('POST', path, {'Content-Type': kind}, body)
    head = b'--B\r\nContent-Disposition: form-data; name="f"'
    part = head + b'\r\n\r\nx\r\n'
    numbers = json.dumps({'n': list(range(90_000))}).encode()
    return {
        'busy': ('GET', '/ping', {}, None),
        'path of hyphens': ('GET', '/archive/' + '-' * 8000 + '/x', {}, None),
        'two paths': ('GET', '/wiki' + '/history/' * 880 + 'raw', {}, None),
        'cookie of backslashes': ('GET', '/theme', {'Cookie': 'session_="' + '\\"' * 8_000 + '"'}, None),
        'too many cookies': ('GET', '/theme', {'Cookie': 'a=b;' * 15_000}, None),
        'query of escapes': ('GET', '/theme?theme=' + 'a%41' * 4_000, {}, None),
        'JSON of lists': post('/login', JSON, b'{"name":[' + b'[],' * (2 * MIB // 3 - 20) + b'[]]}'),
        'JSON of numbers': post('/numbers', JSON, numbers),
        'JSON of one text': post('/login', JSON, b'{"name":"' + b'\\u0041' * (2 * MIB // 6 - 20) + b'"}'),
        'urlencoded escapes': post('/login', FORM, b'name=' + b'a%41' * (2 * MIB // 4 - 20)),
        'multipart of parts': post('/login', MULTI, part * 999 + b'--B--\r\n'),
        'multipart of one file': post('/upload', MULTI, head + b'; filename="f"\r\n\r\n' + b'\r' * (8 * MIB) + b'\r\n--B--\r\n'),
    }


def run_server(sock):
    "Serve until the process is ended"
    import uvicorn
    uvicorn.Server(uvicorn.Config(make_app(), log_level='critical', access_log=False)).run(sockets=[sock])


def ask(line, method, path, headers, body):
    "One request"
    line.request(method, path, body, headers)
    answer = line.getresponse()
    answer.read()
    return answer.status


def keep_sending(port, attack, begun, stop, statuses):
    "One hostile client"
    line = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    while not stop.is_set():
        try: statuses.append(ask(line, *attack))
        except (OSError, http.client.HTTPException):
            line.close()        # the server may refuse before it has read everything
        begun.set()


def measure(port, seconds):
    "Milliseconds of each ping"
    line, times, end = http.client.HTTPConnection('127.0.0.1', port, timeout=60), [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        assert ask(line, 'GET', '/ping', {}, None) == 200
        times.append(1000 * (time.perf_counter() - start))
        time.sleep(0.002)       # of its own, the measurement does not keep the server busy
    return times


def attackers(port, attack, begun, stop, results):
    "Four hostile clients, in a process of their own so that the measurement has no part in their work"
    statuses = []
    threads = [threading.Thread(target=keep_sending, args=(port, attack, begun, stop, statuses)) for _ in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    results.put((len(statuses), sorted(set(statuses))))


def main():
    "Print a table"
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument('--seconds', type=float, default=3)
    options.add_argument('--only', default='')
    given = options.parse_args()
    context = multiprocessing.get_context('fork')
    sock = socket.create_server(('127.0.0.1', 0))
    port = sock.getsockname()[1]
    server = context.Process(target=run_server, args=(sock,), daemon=True)
    server.start()
    measure(port, 0.5)
    print(f'{"":24}{"p50 ms":>8}{"p99 ms":>8}{"worst":>8}   hostile requests, statuses')
    for name, attack in {'alone': None, **attacks()}.items():
        if given.only not in name: continue
        begun, stop, results = context.Event(), context.Event(), context.Queue()
        clients = context.Process(target=attackers, args=(port, attack, begun, stop, results)) if attack else None
        if clients:
            clients.start()
            begun.wait()        # the first attack is over, and the next ones are under way
        times = measure(port, given.seconds)
        stop.set()
        sent = results.get() if clients else ''
        cuts = statistics.quantiles(times, n=100)
        print(f'{name:24}{cuts[49]:8.1f}{cuts[98]:8.1f}{max(times):8.1f}   {sent}', flush=True)
        if clients: clients.join()
    server.terminate()


if __name__ == '__main__': main()
