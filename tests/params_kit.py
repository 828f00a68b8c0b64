"One handler and a client to call it with: behind nothing but routing and params, or in a whole app."

import functools
import inspect

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.html.element import ft, to_html
from fasthtml.http.params import BadInput, Source, make_plan
from fasthtml.http.requests import has_body, read_body, wants_json

METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']


class Bare:
    "An ASGI endpoint: bind, call, and answer with what the handler returned"

    def __init__(self, handler, path, extra, limits):
        names = {part[1:-1].partition(':')[0] for part in path.split('/') if part.startswith('{')}
        self.plan = make_plan(handler, path_names=names, extra=extra)
        self.extra, self.limits = extra, limits

    async def __call__(self, scope, receive, send):
        source = Source(scope=scope, receive=receive, send=send, extra=self.extra)
        try:
            if self.plan.needs_body and has_body(scope):
                source.set_body(await read_body(source.conn, **self.limits))
            args, kwargs = await self.plan.abind(source)
            reply = HTMLResponse(to_html(self.plan.fn(*args, **kwargs)), 422 if source.errors else 200)
        except BadInput as e:
            if wants_json(source.headers):
                reply = JSONResponse(e.as_dict(), e.status_code)
            else:
                reply = HTMLResponse(to_html(e), e.status_code)
        await reply(scope, receive, send)


class Called:
    """A test client for one handler, which returns what it was called with.

    `bare=True`: nothing around the handler but routing. Else it is a route of a FastHTML app.
    """

    def __init__(self, handler, path='/', *, bare=False, extra=None, middleware=None, **limits):
        @functools.wraps(handler)
        def shown(*args, **kwargs):
            self.result = handler(*args, **kwargs)
            return ft('p', repr(self.result))

        inspect.signature(handler)
        if bare or extra or middleware:
            self.endpoint = Bare(shown, path, extra or {}, limits)
            self.app = Starlette(routes=[Route(path, self.endpoint, methods=METHODS)], middleware=middleware)
        else:
            self.app = FastHTML(secret_key='for tests', **limits)
            self.app.route(path, methods=METHODS, name='shown')(shown)
        self.app.state.name = 'the app'
        self.client = DirectClient(self.app)

    def __call__(self, url='/', method=None, **request):
        if method is None:
            method = 'POST' if {'data', 'json', 'files', 'content'} & request.keys() else 'GET'
        self.result = None
        self.response = self.client.request(method, url, **request)
        return self.response

    def value(self, url='/', method=None, **request):
        "What the handler was called with, which it returned"
        response = self(url, method, **request)
        assert response.status_code in (200, 422), response.text
        return self.result

    def errors(self, url='/', method=None, status=400, **request):
        "Field → (expected, got) of a refused request, as a JSON client sees it"
        headers = {'accept': 'application/json', **request.pop('headers', {})}
        response = self(url, method, headers=headers, **request)
        assert response.status_code == status, response.text
        return {e['field']: (e['expected'], e['got']) for e in response.json()['errors']}
