"A handler behind the smallest ASGI app there can be: nothing but routing, params and a reply."
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from fasthtml.element import to_html
from fasthtml.params import BadInput, Source, has_body, make_plan, read_body, wants_json


class Handled:
    "An ASGI endpoint: bind, call, and answer with what the handler returned"
    def __init__(self, handler, path, extra, limits):
        names = {part[1:-1].partition(':')[0] for part in path.split('/') if part.startswith('{')}
        self.plan = make_plan(handler, path_names=names, extra=extra)
        self.extra, self.limits, self.result = extra, limits, None

    async def __call__(self, scope, receive, send):
        source = Source(scope=scope, receive=receive, send=send, extra=self.extra)
        try:
            if self.plan.needs_body and has_body(scope):
                source.set_body(await read_body(source.conn, **self.limits))
            args, kwargs = await self.plan.abind(source)
            self.result = self.plan.fn(*args, **kwargs)
            status = 422 if source.errors else 200
            reply = HTMLResponse(to_html('' if self.result is None else f'{self.result!r}'), status)
        except BadInput as e:
            if wants_json(source.headers):
                reply = JSONResponse(e.as_dict(), e.status_code)
            else:
                reply = HTMLResponse(to_html(e), e.status_code)
        await reply(scope, receive, send)


class Called:
    "A test client for one handler; `.value` is what the handler returned last"
    def __init__(self, handler, path='/', *, extra=None, middleware=None, **limits):
        self.endpoint = Handled(handler, path, extra or {}, limits)
        methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
        self.app = Starlette(routes=[Route(path, self.endpoint, methods=methods)], middleware=middleware)
        self.app.state.name = 'the app'
        self.client = TestClient(self.app)

    def __call__(self, url='/', method=None, **request):
        if method is None:
            method = 'POST' if {'data', 'json', 'files', 'content'} & request.keys() else 'GET'
        self.endpoint.result = None
        self.response = self.client.request(method, url, **request)
        return self.response

    def value(self, url='/', method=None, **request):
        "What the handler was called with, which it returned"
        response = self(url, method, **request)
        assert response.status_code in (200, 422), response.text
        return self.endpoint.result

    def errors(self, url='/', method=None, status=400, **request):
        "Field → (expected, got) of a refused request, as a JSON client sees it"
        headers = {'accept': 'application/json', **request.pop('headers', {})}
        response = self(url, method, headers=headers, **request)
        assert response.status_code == status, response.text
        return {e['field']: (e['expected'], e['got']) for e in response.json()['errors']}
