"The client of `client_kit` asks as Starlette's own does."
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from client_kit import DirectClient


def mirror():
    "Says what it was asked, and has a few answers of other kinds"
    app = Starlette()
    async def asked(request):
        body, scope = (await request.body()).decode(), request.scope
        said = {o: str(scope[o]) for o in ('method', 'path', 'raw_path', 'root_path', 'query_string', 'scheme', 'server', 'client')}
        answer = JSONResponse(said | {'body': body, 'headers': {k: v for k, v in request.headers.items() if k not in OF_CLIENTS}})
        answer.set_cookie('seen', 'yes')
        return answer
    async def parts(request): return StreamingResponse(iter([b'one', b'two']))
    async def fails(request): raise LookupError('as the app said')
    async def echo(ws):
        await ws.accept()
        try:
            while True: await ws.send_text(f'{ws.url.path} {ws.headers.get("x")} {await ws.receive_text()}')
        except WebSocketDisconnect: ended.append(1)
    async def closes(ws): await ws.close(4001, 'no')
    async def denies(ws): await ws.send_denial_response(PlainTextResponse('denied', 418))
    ended = []
    app.routes.extend([Route('/parts', parts), Route('/away', lambda request: RedirectResponse('/é?x=1')), Route('/fails', fails),
                       WebSocketRoute('/echo', echo), WebSocketRoute('/closes', closes), WebSocketRoute('/denies', denies),
                       Route('/{rest:path}', asked, methods=['GET', 'POST'])])
    return app, ended


OF_CLIENTS = 'user-agent', 'connection', 'accept-encoding', 'content-type'   # which also has a random boundary
ASKED = [('GET', '/a%2Fb?q=1&q=%C3%A9', {}), ('HEAD', '/', {}), ('POST', '/f', {'data': {'a': 'b c'}}),
         ('POST', '/f', {'json': {'a': [1]}}),
         ('GET', '/', {'headers': {'X-A': 'b'}, 'cookies': {'c': 'd'}}), ('GET', '/parts', {}), ('GET', '/away', {}),
         ('GET', 'https://other.example:8443/x', {}), ('POST', '/f', {'content': b'x' * 100_000}), ('PUT', '/f', {})]


@pytest.mark.filterwarnings('ignore:Setting per-request cookies')
@pytest.mark.parametrize('kind', [TestClient, DirectClient])
def test_it_asks_as_the_one_of_starlette(kind):
    (app, _), (other, _) = mirror(), mirror()
    judge, client = TestClient(other, root_path='/r'), kind(app, root_path='/r')
    for method, url, more in ASKED:
        answers = [o.request(method, url, **more) for o in (judge, client)]
        theirs, ours = [(o.status_code, o.text, str(o.url), dict(o.headers)) for o in answers]
        assert ours == theirs
    assert str(judge.cookies) == str(client.cookies)


@pytest.mark.parametrize('kind', [TestClient, DirectClient])
def test_it_has_the_errors_and_sockets_of_the_one_of_starlette(kind):
    app, ended = mirror()
    client = kind(app)
    with pytest.raises(LookupError, match='as the app said'): client.get('/fails')
    assert kind(app, raise_server_exceptions=False).get('/fails').status_code == 500
    with client.websocket_connect('/echo', headers={'x': 'y'}) as ws:
        ws.send_text('hi')
        assert ws.receive_text() == '/echo y hi'
    assert ended
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect('/closes'): pass
    assert (closed.value.code, closed.value.reason) == (4001, 'no')
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect('/denies'): pass
    assert (denied.value.status_code, denied.value.text) == (418, 'denied')
