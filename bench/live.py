"""What live regions cost: CPU and bytes per change and viewer, memory of an idle page, and the return of all pages at once.

    python bench/live.py             100 and 1,000 viewers
    python bench/live.py --full      also 10,000, and more regions for each page

A change of one cell in a table of 50 rows, beside the same table published in a channel by hand, and beside a drawing for
each viewer (what a page that loads itself again costs). Figures are CPU time of the server process; the ratio within one
run says more than the figures.
"""
import sys

sys.path.pop(0)  # this folder, whose `http.py` would stand in front of the standard library's

import argparse
import asyncio
import json
import re
import resource
import subprocess
import time
import urllib.request
from html import unescape
from pathlib import Path

ROWS = 50


def resident(): return int(Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize()


def make_app():
    from fasthtml.common import Div, EventStream, FastHTML, Table, Td, Titled, Tr, to_xml
    app = FastHTML(secret_key='bench', recheck=None)
    app.state.n, news = 0, app.channel('news')

    def table(id): return Div(Table(*[Tr(Td(f'row {i} of {id}'), Td(app.state.n if i == 25 else i), Td('and more text')) for i in range(ROWS)]))

    @app.live
    def cells(id: int): return table(id)

    @app.get('/page')
    async def page(n: int): return Titled('x', *[cells(id=i) for i in range(n)])

    @app.get('/hand')
    async def hand(): return EventStream(news)

    @app.get('/stat')
    async def stat():
        here = app.regions.here()
        return dict(cpu=time.process_time(), rss=resident(), drawings=here.topics.drawings, pages=len(here.pages))

    @app.get('/change')
    async def change(kind: str, n: int, gap: float):
        begin = time.process_time()
        for _ in range(n):
            app.state.n += 1
            if kind == 'live': await cells.changed(id=0)
            if kind == 'hand': await news.publish(table(0))
            if kind == 'each': [to_xml(table(0)) for _ in range(app.state.viewers)]
            await asyncio.sleep(gap)
        return dict(cpu=time.process_time() - begin)

    @app.get('/set')
    async def set_(viewers: int = 0, n: int = 0):
        app.state.viewers, app.state.n = viewers, app.state.n + n
    return app


class Clients:
    "Many connections that read and count"
    def __init__(self, port): self.port, self.bytes, self.checked, self.open = port, 0, 0, []

    async def add(self, count, method, path, body=None):
        for begin in range(0, count, 200):
            data = json.dumps(body() if callable(body) else body).encode() if body else b''
            head = (f'{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\ncontent-type: application/json\r\n'
                    f'content-length: {len(data)}\r\n\r\n').encode()
            await asyncio.gather(*[self._one(head + data) for _ in range(min(200, count - begin))])

    async def _one(self, request):
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        writer.write(request)
        self.open.append((asyncio.create_task(self._read(reader)), writer))

    async def _read(self, reader):
        try:
            while data := await reader.read(1 << 18):
                self.bytes += len(data)
                self.checked += data.count(b'live/checked')
        except OSError: pass

    async def close(self):
        for task, writer in self.open:
            task.cancel()
            writer.close()
        self.open.clear()
        await asyncio.sleep(0.5)


class Bench:
    def __init__(self, port): self.port = port

    def read(self, path):
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=300) as response: return response.read().decode()
    async def get(self, path): return json.loads(await asyncio.to_thread(self.read, path) or 'null')

    async def rows(self, regions):
        page = await asyncio.to_thread(self.read, f'/page?n={regions}')
        found = re.findall(r'data-live-token="([^"]*)" data-live-has="([^"]*)" data-live-at="([^"]*)" data-live-key="([^"]*)"', page)
        self.at = [at for *_, at, _ in found]
        return [[unescape(key), token, has] for token, has, _, key in found]

    async def opened(self, viewers, regions):
        clients = Clients(self.port)
        await clients.add(viewers, 'POST', '/_live', dict(has=await self.rows(regions)))
        while clients.checked < viewers: await asyncio.sleep(0.05)
        return clients

    async def change(self, name, viewers, kind, clients, changes=10):
        gap = 0.4 if viewers <= 1000 else 2.0
        idle = await self.get(f'/change?kind=idle&n={changes}&gap={gap}')
        begin = clients.bytes
        took = (await self.get(f'/change?kind={kind}&n={changes}&gap={gap}'))['cpu'] - idle['cpu']
        await asyncio.sleep(1)
        size = (clients.bytes - begin) / changes / viewers
        print(f'{name:46} {1e3*took/changes:8.2f} ms per change {1e6*took/changes/viewers:7.1f} us per viewer {size:7.0f} bytes', flush=True)

    async def compare(self, viewers, regions):
        clients = await self.opened(viewers, regions)
        await self.get('/change?kind=live&n=1&gap=0.5')     # from now on pages have the text
        await self.change(f'{viewers} pages of {regions} region(s)', viewers, 'live', clients)
        await clients.close()
        hand = Clients(self.port)
        await hand.add(viewers, 'GET', '/hand')
        await asyncio.sleep(1)
        await self.change(f'{viewers} streams of a channel, by hand', viewers, 'hand', hand)
        await hand.close()
        await self.get(f'/set?viewers={viewers}')
        if viewers <= 1000: await self.change(f'{viewers} drawings, one for each', viewers, 'each', hand, 5)

    async def memory(self, viewers, opening):
        "In a server of its own, since memory that was used once is used again"
        clients, rows = Clients(self.port), await self.rows(1)
        ask = ('POST', '/_live', dict(has=rows)) if opening == 'page' else ('GET', '/hand')
        await clients.add(100, *ask)
        await asyncio.sleep(1)
        before = (await self.get('/stat'))['rss']
        await clients.add(viewers, *ask)
        await asyncio.sleep(2)
        print(f'idle {opening:41} {((await self.get("/stat"))["rss"] - before) / viewers / 1024:8.1f} KiB', flush=True)
        await clients.close()

    async def comeback(self, viewers, regions):
        rows, came = await self.rows(regions), time.monotonic()
        def asks(): return dict(has=rows, at=self.at, age=time.monotonic() - came)   # as a page does that was open before
        await self.get('/set?n=1')
        before, begin, clients = await self.get('/stat'), time.monotonic(), Clients(self.port)
        await clients.add(viewers, 'POST', '/_live', asks)
        while clients.checked < viewers: await asyncio.sleep(0.05)
        drawn = (await self.get('/stat'))['drawings'] - before['drawings']
        print(f'{viewers} pages of {regions} region(s) come back, all out of date: {drawn} drawings, {drawn/regions:.1f} for each region, '
              f'all true after {time.monotonic() - begin:.2f} s', flush=True)
        await clients.close()


async def main(full, only=None):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    def serve(): return subprocess.Popen([sys.executable, __file__, '--serve'], stderr=subprocess.PIPE, text=True)
    sizes = [(100, 1), (1000, 1), (100, 100), *([(10_000, 1), (1000, 100)] if full else [])]
    wanted, _, viewers_wanted = (only or '').partition(':')
    for step in 'page', 'stream of a channel', 'compare', 'comeback':
        if wanted not in step: continue
        server = serve()
        try:
            port = next(int(m[1]) for line in server.stderr if (m := re.search(r'http://127\.0\.0\.1:(\d+)', line)))
            bench = Bench(port)
            if step not in ('compare', 'comeback'): await bench.memory(10_000 if full else 1000, step)
            else:
                for viewers, regions in [o for o in sizes if viewers_wanted in ('', str(o[0]))]: await getattr(bench, step)(viewers, regions)
        finally:
            server.kill()
            server.wait()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--full', action='store_true')
    parser.add_argument('--only', help='part of a step: memory of a page, a stream, compare or comeback, and viewers: compare:10000')
    parser.add_argument('--serve', action='store_true', help='be the server')
    asked = parser.parse_args()
    if asked.serve:
        import uvicorn
        uvicorn.run(make_app(), port=0, access_log=False)
    else: asyncio.run(main(asked.full, asked.only))
