"""Faults by name with the page client: every page recovers, or says that it does not know. Chromium's part is in `browser/test_live.py`."""
from contextlib import closing
from itertools import count

import pytest

from fasthtml.common import (
    Beforeware,
    Button,
    Div,
    EventStream,
    FastHTML,
    Form,
    Input,
    P,
    Redirect,
    Response,
    Textarea,
    Titled,
)
from fasthtml.realtime import presence
from fasthtml.testing import AsyncClient, Client
from support import until, wait_until


def site():
    app = FastHTML(secret_key='k', exts='sse', before=Beforeware(known))
    app.state.n, app.state.a, app.state.b, app.state.gone = 1, '', '', False
    news = app.channel('news', history=20)

    @app.live
    def figures(id: int):
        more = Div(total(), id='more') if app.state.n > 2 else None
        return Div(P(f'n={app.state.n}'), Input(name='a', id='a', value=app.state.a), Textarea(name='t', id='t'),
                   Input(name='b', id='b', value=app.state.b, hx_put='/saved', hx_swap='none'), more)

    @app.live
    async def total(): return P(f'total {app.state.n}', cls='total')

    @app.get('/')
    def home(): return Titled('x', figures(id=1), Div(id='log', hx_ext='sse', sse_connect='/news', sse_swap='message', hx_swap='beforeend'))

    @app.get('/parts')
    def parts(): return Titled('x', Div(id='here'), Button('more', hx_get='/part', hx_target='#here'), figures(id=1))

    @app.get('/part')
    def part(): return figures(id=2)

    @app.get('/news')
    def stream(): return EventStream(news)

    @app.post('/add')
    async def add():
        app.state.n += 1
        await figures.changed(id=1)

    @app.put('/saved')
    def saved(b: str): app.state.saved = b

    @app.get('/form')
    def form(): return Titled('x', figures(id=1), Form(Button('add'), hx_post='/add', hx_swap='none'))
    app.state.figures = figures
    return app


def known(request):
    if request.app.state.gone and request.url.path != '/add': return Response('', 403)


def drop(client): client.network.drop()
def drop_twice(client):
    client.network.drop()
    client.network.drop()
def restart(client): client.server.restart()
def lose(client): client.broker.lose()
def away(client, status, **options):
    with client.network.refuse(status, **options):
        client.network.drop()
        client.pages[0].wait('html[data-live=stale]')
        assert not client.pages[0].is_true()
def refused_while_open(client):
    with client.network.refuse(503): assert client.pages[0].one('html')['data-live'] == 'true'
    client.broker.lose()


FAULTS = dict(drop=drop, drop_twice=drop_twice, restart=restart, lose=lose, refused_while_open=refused_while_open,
              unavailable=lambda client: away(client, 503), gateway=lambda client: away(client, 502),
              busy=lambda client: away(client, 429, retry_after=0.05), later=lambda client: away(client, 503, retry_after=0.05))


@pytest.mark.parametrize('started', [False, True])
@pytest.mark.parametrize('fault', FAULTS)
def test_a_page_recovers_and_keeps_what_was_typed(fault, started):
    "L1, L3, L8: no process is notified of the change that is made meanwhile"
    app = site()
    client = Client(app)
    with client if started else closing(client):
        page = client.open('/')
        client.pages = [page]
        page.type('#a', 'half')
        assert page.is_true()
        app.state.n = 3
        FAULTS[fault](client)
        page.wait('p', text='n=3')
        page.wait('html[data-live=true]')
        assert page.region(app.state.figures, id=1).one('.total').text == 'total 3'
        assert page.is_true() and page.one('#a').value == 'half'


@pytest.mark.parametrize('status', [401, 403])
def test_a_page_that_is_refused_is_lost_and_stays_so(status):
    "L8"
    app = site()
    with Client(app) as client:
        page = client.open('/')
        with client.network.refuse(status):
            client.network.drop()
            page.wait('html[data-live=lost]')
        app.state.figures.changed_sync()
        assert page.one('html')['data-live'] == 'lost' and not page.is_true()
        page.reload()
        assert page.is_true()


def test_a_guard_that_refuses_now_loses_the_page():
    "L4"
    app = site()
    with Client(app) as client:
        page = client.open('/')
        app.state.gone = True
        client.network.drop()
        page.wait('html[data-live=lost]')
        assert not page.is_true()


def test_a_change_that_nobody_was_told_of_is_noticed():
    app = site()
    with Client(app) as client:
        page = client.open('/')
        app.state.n = 2
        assert page.region(app.state.figures, id=1).one('p').text == 'n=1'    # as in a browser
        assert not page.is_true()
        assert page.region(app.state.figures, id=1).one('p').text == 'n=2' and page.is_true()   # asking has shown the difference


def test_what_both_have_changed_is_marked():
    "L3"
    app = site()
    with Client(app) as client:
        page = client.open('/')
        page.type('#a', 'mine')
        page.type('#t', 'untouched by others')
        app.state.a = 'theirs'
        app.state.figures.changed_sync(id=1)
        page.wait('#a[data-live-conflict=value]')
        assert page.one('#a').value == 'mine' and page.one('#t').get('data-live-conflict') is None


def test_what_a_field_has_saved_itself_follows_the_next_change():
    "L3; in Chromium: `browser/test_live_conflicts.py`"
    app = site()
    with Client(app) as client:
        page = client.open('/')
        page.type('#b', 'mine')
        page.press('#b', 'Tab')
        assert app.state.saved == 'mine' and page.one('#b').value == 'mine'
        app.state.b = 'theirs'
        app.state.figures.changed_sync(id=1)
        wait_until(lambda: page.one('#b').value == 'theirs', what='the change')
        assert page.one('#b').get('data-live-conflict') is None


@pytest.mark.parametrize('htmx, wanted', [(2, ''), (4, 'mine')])
def test_a_form_is_reset_only_by_a_request_that_has_sent_it(htmx, wanted):
    "L3; in Chromium: `browser/test_live_conflicts.py`"
    app = FastHTML(secret_key='k', htmx=htmx)

    @app.live
    def line(): return Form(Input(name='v'), Button('Delete', hx_delete='/one', type='button', hx_swap='none'))

    @app.get('/')
    def home(): return Titled('Line', line())

    @app.delete('/one')
    def delete(v: str = ''): app.state.seen = v
    with Client(app) as client:
        page = client.open('/')
        page.fill('[name=v]', 'mine')
        page.click('button')
        assert (app.state.seen, page.one('[name=v]').value) == ('mine' if htmx == 2 else '', wanted)


def test_regions_come_and_go_and_changes_of_an_action_arrive():
    app = site()
    with Client(app) as client:
        page = client.open('/parts')
        page.click('button')
        app.state.n = 9
        app.state.figures.changed_sync(id=2)
        page.wait('#here p', text='n=9')
        assert page.region(app.state.figures, id=1).one('p').text == 'n=1'
        form = client.open('/form')
        form.click('button')
        assert form.region(app.state.figures, id=1).all('p')[0].text == 'n=10'
        assert page.region(app.state.figures, id=1).all('p')[0].text == 'n=10'


async def test_the_same_with_an_async_client():
    app = site()
    async with AsyncClient(app) as client:
        page = await client.open('/')
        await page.type('#a', 'half')
        app.state.n = 2
        await client.server.restart()
        await page.wait('p', text='n=2')
        app.state.n = 3
        await client.broker.lose()
        await page.wait('p', text='n=3')
        with client.network.refuse(502): await client.network.drop()
        assert (await page.region(app.state.figures, id=1)).one('.total').text == 'total 3' and await page.is_true()


def test_a_stream_of_an_element_goes_on_where_it_was_cut():
    app = site()
    with Client(app) as client:
        page, news = client.open('/'), app.channel('news')
        news.publish_sync(P('first'))
        page.wait('#log', text='first')
        client.network.drop()
        news.publish_sync(P('second'))
        client.advance(4)
        page.wait('#log', text='second')
        assert page.one('#log').text == 'firstsecond'


def test_other_streams_and_sockets_are_cut_too():
    app = site()

    @app.ws('/talk')
    async def talk(msg: str): return msg
    with Client(app) as client, client.sse('/news') as events, client.ws('/talk') as socket:
        socket.send(dict(msg='x'))
        assert 'x' in socket.receive()
        client.network.drop()
        with pytest.raises(Exception, match='1006'): socket.receive()
        with pytest.raises(Exception, match='ended'): [events.next() for _ in range(9)]


@pytest.mark.parametrize('htmx', [2, 4])
@pytest.mark.parametrize('carried', [True, False], ids=['carried', 'own stream'])
def test_who_came_while_a_page_was_cut_off_is_listed_there(htmx, carried, monkeypatch):
    "As the tutorial writes it. The page missed `joined`; what it gets is `resync`"
    monkeypatch.setattr(presence, 'grace_seconds', 600)   # on a slow machine ann would have left meanwhile
    def named(request, session): request.scope['auth'] = session.get('name')
    app = FastHTML(secret_key='k', exts='sse', htmx=htmx, before=Beforeware(named))
    hall, listened = app.channel('hall', presence=True), []

    @app.live
    def talk(): return Div('talk')

    @app.get('/listen')
    def listen(auth):
        if auth == 'ann': listened.append(1)
        return EventStream(hall)

    @app.get('/people')
    def people(): return ', '.join(sorted(hall.people()))

    @app.get('/enter/{name}')
    def enter(name: str, session):
        session['name'] = name
        return Redirect('/')

    @app.get('/')
    def home():
        here = P(hx_get=people, hx_trigger='load, sse:joined, sse:left, sse:resync', hx_ext='sse', sse_connect=listen)
        return Titled('Hall', here, talk() if carried else None)

    with Client(app) as ann, Client(app) as bob:
        page = ann.open('/enter/ann')
        page.wait('p', text='ann')
        wait_until(lambda: listened, what='the stream')
        page.reveal('p')   # comes after what the page does by itself: htmx 4 does not try again what is cut before it has begun
        with ann.network.refuse(502):
            ann.network.drop()
            bob.open('/enter/bob').wait('p', text='ann, bob')
        page.wait('p', text='ann, bob')


def listening(htmx):
    "An app, its channel, and the number of times that an element was asked for"
    app, asked = FastHTML(secret_key='k', exts='sse', htmx=htmx), count()
    room = app.channel('room')

    @app.get('/listen')
    def listen(): return EventStream(room)

    @app.get('/n')
    def n(): return f'asked {next(asked)} times before'

    @app.get('/')
    def home(): return Titled('x', P(hx_get=n, hx_trigger='load, sse:news', hx_ext='sse', sse_connect=listen))
    return app, room


@pytest.mark.parametrize('htmx', [2, 4])
async def test_an_element_has_one_stream_however_often_it_is_triggered(htmx):
    app, room = listening(htmx)
    async with AsyncClient(app) as client:
        page = await client.open('/')
        for n in range(3):
            await page.wait('p', text=f'asked {n} times')
            await until(lambda: len(room))
            await room.publish('x', event='news')
        await page.wait('p', text='asked 3 times')
        assert [one.path for one in app.connections] == ['/listen']


@pytest.mark.parametrize('htmx', [2, 4])
async def test_a_page_that_is_closed_at_once_leaves_no_stream(htmx):
    app, room = listening(htmx)
    async with AsyncClient(app) as client:
        page = await client.open('/')
        await page.close()
        await until(lambda: not app.connections)
        assert len(room) == 0
