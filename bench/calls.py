#!/usr/bin/env python
"""Count what happens inside the package: `python bench/calls.py [--show]`

For a page, a page by a plain function, a posted form, a WebSocket message, a server-sent event, a message published to one stream, and a change of
a region that one page shows, called in process: Python calls of our own functions, in how many modules, and how often one call is in another module than the call before (a reader who follows the path turns the page as
often). The figures do not depend on the machine. `--show` lists the calls, in order.
"""
import sys

sys.path.pop(0)  # this folder, whose `http.py` would stand in front of the standard library's

import argparse
import asyncio
import json
import re
import threading
from collections import Counter
from html import unescape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fasthtml.common import Div, EventStream, FastHTML, Li, Titled, Ul

app = FastHTML(secret_key='bench')
HEADERS = [(b'host', b'localhost'), (b'user-agent', b'bench'), (b'accept', b'text/html')]


@app.get('/')
async def page(): return Titled('Items', Ul(*[Li(f'Item {i}') for i in range(10)]))


@app.get('/plain')
def plain(): return Titled('Items', Ul(*[Li(f'Item {i}') for i in range(10)]))


@app.post('/form')
async def form(name: str, age: int): return Div(f'{name} is {age}')


@app.ws('/ws')
async def echo(msg: str): return Div(msg, id='said')


@app.get('/events')
async def events(n: int):
    async def numbers():
        for i in range(n): yield Div(i)
    return EventStream(numbers())


@app.get('/news')
async def news(): return EventStream(app.channel('news'))


shown = 0


@app.live(pace=0.001)
def counter(): return Div(shown)


@app.get('/live')
async def live(): return Titled('Live', counter())


# One request after another, so that everything is warm; what is sent is thrown away

def scope(kind: str, path: str, method: str = 'GET', query: str = '', headers: tuple = ()) -> dict:
    return dict(type=kind, asgi={'version': '3.0', 'spec_version': '2.3'}, http_version='1.1', method=method, path=path, raw_path=path.encode(),
                scheme='http' if kind == 'http' else 'ws', query_string=query.encode(), root_path='', headers=[*HEADERS, *headers],
                client=('127.0.0.1', 1), server=('127.0.0.1', 8000), state={})


async def request(n: int, path: str, method: str = 'GET', body: bytes = b'') -> None:
    headers = [(b'content-type', b'application/x-www-form-urlencoded'), (b'content-length', b'%d' % len(body))] if body else []
    async def receive(): return {'type': 'http.request', 'body': body, 'more_body': False}
    async def send(message): assert message.get('status', 200) == 200, message
    for _ in range(n): await app(scope('http', path, method, headers=headers), receive, send)


async def messages(n: int) -> None:
    text, left = json.dumps({'msg': 'hello', 'HEADERS': {'HX-Request': 'true'}}), n
    async def receive():
        nonlocal left
        left -= 1
        if left == n - 1: return {'type': 'websocket.connect'}
        if left < -1: return {'type': 'websocket.disconnect', 'code': 1000}
        return {'type': 'websocket.receive', 'text': text}
    async def send(message): pass
    await app(scope('websocket', '/ws'), receive, send)


async def stream(n: int) -> None:
    gone = asyncio.Event()
    async def receive(): await gone.wait()
    async def send(message): pass
    await app(scope('http', '/events', query=f'n={n}'), receive, send)


async def reader(path: str, work, method: str = 'GET', body: bytes = b'') -> None:
    "A client of a stream: `work(arrived)` publishes, and `arrived(text)` waits until the client was sent a piece with this text"
    gone, pieces = asyncio.Event(), asyncio.Queue()
    left = [{'type': 'http.request', 'body': body, 'more_body': False}]
    async def receive():
        if left: return left.pop()
        await gone.wait()
        return {'type': 'http.disconnect'}
    async def send(message): pieces.put_nowait(message.get('body', b''))
    async def arrived(text: str):
        while text.encode() not in await pieces.get(): pass
    headers = [(b'content-type', b'application/json'), (b'content-length', b'%d' % len(body))] if body else []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app(scope('http', path, method, headers=headers), receive, send))
        await work(arrived)
        gone.set()


async def published(n: int) -> None:
    channel = app.channel('news')
    async def work(arrived):
        while not channel.members(): await asyncio.sleep(0)
        for i in range(n):
            await channel.publish(Div(f'news {i}'))
            await arrived(f'news {i}<')
    await reader('/news', work)


async def changes(n: int) -> None:
    page = []
    async def receive(): return {'type': 'http.request', 'body': b'', 'more_body': False}
    async def send(message): page.append(message.get('body', b''))
    await app(scope('http', '/live', headers=[]), receive, send)
    token, has, key = map(unescape, re.search(r'data-live-token="([^"]*)" data-live-has="([^"]*)" .*?data-live-key="([^"]*)"',
                                              b''.join(page).decode()).groups())
    async def work(arrived):
        global shown
        await arrived('live/checked')
        for _ in range(n):
            shown += 1
            await counter.changed()
            await arrived(f'event: {key}')
    await reader('/_live', work, 'POST', json.dumps({'has': [[key, token, has]]}).encode())


KINDS = {'page': lambda n: request(n, '/'), 'page by def': lambda n: request(n, '/plain'),
         'form': lambda n: request(n, '/form', 'POST', b'name=Ann&age=41'), 'socket message': messages, 'event': stream, 'published': published,
         'region change': changes}


def calls(work) -> list[tuple[str, str]]:
    "Module and function of each call of ours while `work` runs, in all threads"
    seen = []
    def note(frame, event, arg):
        if event != 'call': return
        module = frame.f_globals.get('__name__', '')
        if module.startswith('fasthtml.'): seen.append((module.removeprefix('fasthtml.'), frame.f_code.co_qualname))
    async def noted():
        threading.setprofile(note)
        sys.setprofile(note)
        try: await work
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    asyncio.run(noted())
    return seen


def per_one(kind: str, few: int = 20, many: int = 60) -> tuple[float, int, float, list]:
    "Calls, modules and switches for one more request, message or event"
    asyncio.run(KINDS[kind](3))
    short, long = calls(KINDS[kind](few)), calls(KINDS[kind](many))
    def switches(seen): return sum(a[0] != b[0] for a, b in zip(seen, seen[1:]))
    more = Counter(long) - Counter(short)
    often = {call for call, n in more.items() if n >= (many - few)//2}
    n = many - few
    size = round((len(long) - len(short))/n)
    return (len(long) - len(short))/n, len({module for module, _ in often}), (switches(long) - switches(short))/n, long[len(long)//2:][:size]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--show', action='store_true', help='list the calls')
    a = parser.parse_args()
    print(f'{"":16}{"calls":>8}{"modules":>9}{"switches":>10}')
    for kind in KINDS:
        count, modules, switches, one = per_one(kind)
        print(f'{kind:16}{count:8.1f}{modules:9}{switches:10.1f}')
        if a.show: print(*(f'    {module:22}{name}' for module, name in one), sep='\n')


if __name__ == '__main__':
    main()
