"""Starlette's test client without its threads, for tables of many requests: the app runs in this thread, on one event loop.

Starlette's own starts a thread and an event loop for each request, which costs several times what the app does. What is asked
for here is the same, except a lifespan and a response that does not end: for those take `TestClient`. No loop may run in this
thread meanwhile, so it is not for coroutine tests, nor for a module with a browser.
"""
import asyncio
import functools
import json
from collections.abc import Coroutine
from typing import Any
from urllib.parse import unquote

import httpx2
from starlette.testclient import WebSocketDenialResponse, WebSocketDisconnect
from starlette.types import ASGIApp

from support import DEADLINE


@functools.cache
def kept_loop() -> asyncio.AbstractEventLoop: return asyncio.new_event_loop()


def run(coro: Coroutine) -> Any:
    "Run this, and end what it has begun"
    loop = kept_loop()
    before = asyncio.all_tasks(loop)
    try: return loop.run_until_complete(coro)
    finally:
        if left := asyncio.all_tasks(loop) - before:
            for task in left: task.cancel()
            loop.run_until_complete(asyncio.wait(left))


def scope_of(request: httpx2.Request, client: 'DirectClient', **more: Any) -> dict[str, Any]:
    url = request.url
    return {'http_version': '1.1', 'path': unquote(url.path), 'root_path': client.root_path, 'raw_path': url.raw_path.partition(b'?')[0],
            'scheme': url.scheme, 'query_string': url.query, 'headers': [(k.lower(), v) for k, v in request.headers.raw],
            'client': client.address, 'server': [url.host, url.port or {'http': 80, 'ws': 80}.get(url.scheme, 443)], 'state': {}, **more}


class Direct(httpx2.BaseTransport):
    "Calls the app"
    def __init__(self, client: 'DirectClient'): self.client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        start, body = {}, []
        try: run(self.call(request, start, body))
        except Exception:
            if self.client.raise_server_exceptions: raise
            start = start or {'status': 500}
        assert start, 'there was no response'
        content = b'' if request.method == 'HEAD' else b''.join(body)
        return httpx2.Response(start['status'], headers=start.get('headers'), stream=httpx2.ByteStream(content), request=request)

    async def call(self, request: httpx2.Request, start: dict, body: list[bytes]) -> None:
        inbox, ended = [{'type': 'http.request', 'body': request.read()}], asyncio.Event()
        async def receive():
            if inbox: return inbox.pop()
            await ended.wait()
            return {'type': 'http.disconnect'}
        async def send(message):
            assert bool(start) == (message['type'] == 'http.response.body') and not ended.is_set(), message
            if message['type'] == 'http.response.start': start.update(message)
            else:
                body.append(bytes(message.get('body', b'')))
                if not message.get('more_body'): ended.set()
        more = {'type': 'http', 'method': request.method, 'extensions': {'http.response.debug': {}}}   # which says that this is a test
        await self.client.app(scope_of(request, self.client, **more), receive, send)


class DirectSocket:
    "A WebSocket; the app goes on while something is waited for"
    def __init__(self, app: ASGIApp, scope: dict[str, Any]):
        self.inbox, self.outbox, self.scope = asyncio.Queue(), asyncio.Queue(), scope
        self.call = app(scope, self.inbox.get, self.outbox.put)

    def __enter__(self) -> 'DirectSocket':
        self.task = kept_loop().create_task(self.call)
        self.send({'type': 'websocket.connect'})
        try: self.receive()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind: type | None, *_: Any) -> None:
        self.end()
        if kind is None: self.task.result()

    def end(self) -> None:
        "Leave, and wait until the app has done what it does then"
        self.send({'type': 'websocket.disconnect', 'code': 1000})
        kept_loop().run_until_complete(asyncio.wait({self.task}, timeout=DEADLINE))
        assert self.task.done(), f'the app has not ended within {DEADLINE} s'

    def send(self, message: dict) -> None: self.inbox.put_nowait(message)
    def send_text(self, text: str) -> None: self.send({'type': 'websocket.receive', 'text': text})
    def send_json(self, data: Any) -> None: self.send_text(json.dumps(data))
    def receive_text(self) -> str: return self.receive()['text']
    def receive_json(self) -> Any: return json.loads(self.receive_text())

    def receive(self) -> dict:
        "The next message; an error where the app closes, or ends without one"
        message = kept_loop().run_until_complete(self.next())
        if message['type'] == 'websocket.http.response.start':
            body = [kept_loop().run_until_complete(self.next())]
            while body[-1].get('more_body'): body.append(kept_loop().run_until_complete(self.next()))
            raise WebSocketDenialResponse(message['status'], headers=message['headers'], content=b''.join(o['body'] for o in body))
        if message['type'] == 'websocket.close': raise WebSocketDisconnect(message.get('code', 1000), message.get('reason', ''))
        return message

    async def next(self) -> dict:
        coming = asyncio.ensure_future(self.outbox.get())
        await asyncio.wait({coming, self.task}, return_when='FIRST_COMPLETED', timeout=DEADLINE)
        if coming.done(): return coming.result()
        coming.cancel()
        assert self.task.done(), f'no message within {DEADLINE} s'
        self.task.result()
        raise AssertionError('the app ended without a message')


class DirectClient(httpx2.Client):
    "As `TestClient`"
    def __init__(self, app: ASGIApp, base_url: str = 'http://testserver', raise_server_exceptions: bool = True, root_path: str = '',
                 client: tuple[str, int] = ('testclient', 50000), follow_redirects: bool = True, **options: Any):
        self.app, self.raise_server_exceptions, self.root_path, self.address = app, raise_server_exceptions, root_path, client
        super().__init__(base_url=base_url, transport=Direct(self), follow_redirects=follow_redirects, trust_env=False, **options)

    def websocket_connect(self, url: str, subprotocols: list[str] | None = None, **options: Any) -> DirectSocket:
        request = self.build_request('GET', self._merge_url(url).copy_with(scheme='ws'), **options)
        scope = scope_of(request, self, type='websocket', subprotocols=subprotocols or [], extensions={'websocket.http.response': {}})
        return DirectSocket(self.app, scope)
