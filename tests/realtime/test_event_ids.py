"The id of an event may have any letters, and comes back as it was sent."
import asyncio

from fasthtml.common import EventStream, FastHTML, sse_message
from fasthtml.testing import AsyncClient, Client
from wire_kit import Wire

ID = 'Zürich-東京-7'


def reading_ids() -> tuple[FastHTML, list]:
    app, seen = FastHTML(secret_key='x'), []

    @app.get('/x')
    async def x(last_event_id: str = ''):
        seen.append(last_event_id)
        return EventStream([sse_message('a', id=ID)])
    return app, seen


async def visit(app, id: bytes) -> Wire:
    "A client that comes back with these bytes"
    one = Wire('/x')
    one.scope['headers'] = [(b'host', b'x'), (b'last-event-id', id)]
    await asyncio.wait_for(app(one.scope, one.receive, one.send), 5)
    return one


async def test_an_id_of_any_letters_comes_back_as_it_was_sent():
    "Browsers send it as UTF-8"
    app, seen = reading_ids()
    one = await visit(app, ID.encode())
    assert seen == [ID] and f'id: {ID}\n' in one.body.decode()


async def test_an_id_that_is_no_utf8_fails_nothing():
    app, seen = reading_ids()
    one = await visit(app, b'caf\xe9')
    assert len(seen) == 1 and one.sent[0]['status'] in (200, 400)


def test_the_test_client_sends_ids_as_browsers_do():
    app, seen = reading_ids()
    with Client(app).sse('/x', last_event_id=ID) as events: assert events.next().id == ID
    assert seen == [ID]


async def test_the_asynchronous_test_client_sends_ids_as_browsers_do():
    app, seen = reading_ids()
    async with AsyncClient(app).sse('/x', last_event_id=ID) as events: assert (await events.next()).id == ID
    assert seen == [ID]
