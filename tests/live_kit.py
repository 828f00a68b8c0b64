"An app with many kinds of regions, whose data the tests change from outside, and the page that looks at them."
import asyncio
import time
from contextlib import contextmanager
from datetime import date

from fasthtml.common import (
    H2,
    Beforeware,
    Button,
    Details,
    Div,
    EventStream,
    FastHTML,
    Form,
    Input,
    Li,
    NotStr,
    Option,
    P,
    Redirect,
    Response,
    Script,
    Select,
    Span,
    Style,
    Summary,
    Table,
    Tbody,
    Td,
    Textarea,
    Titled,
    Tr,
    Ul,
    sse_message,
)
from fasthtml.svg import Circle, G, Svg, Text
from support import serve


class Gate:
    "Middleware that answers a page's stream with an error while it is down"
    def __init__(self, app, site): self.app, self.site = app, site

    async def __call__(self, scope, receive, send):
        if scope['type'] == 'http' and scope['path'].endswith('/_live'):
            self.site.hits += 1
            if self.site.down:
                headers = [(b'content-type', b'text/plain'), *([(b'retry-after', b'0')] if self.site.down == 429 else [])]
                await send({'type': 'http.response.start', 'status': self.site.down, 'headers': headers})
                return await send({'type': 'http.response.body', 'body': b'busy'})
        await self.app(scope, receive, send)


def known(request, session):
    request.scope['auth'] = session.get('user')
    if request.url.path.startswith('/private') and not request.scope['auth']:
        return Redirect('/login')


class Site:
    "The app, and what its regions show"
    def __init__(self, version=2, store=None, **options):
        self.store, self.slow, self.items = store if store is not None else {}, {}, {}
        self.down, self.hits, self.served = 0, 0, None
        options = dict(htmx=version, secret_key='k', surreal=False, exts='sse' if version else (), before=Beforeware(known)) | options
        self.app = FastHTML(hdrs=(Style('.box{height:300px;overflow:auto} li{height:24px}'),), **options)
        self.app.add_middleware(Gate, site=self)
        self.app.regions.heartbeat = 15
        shapes(self)
        pages(self, version)

    def get(self, name, default=0): return self.store.get(name, default)

    def put(self, name, value, region=None, **arguments):
        "Change a value, and say of which region"
        self.store[name] = value
        if region: getattr(self, region).changed_sync(**arguments)

    @property
    def here(self): return next(iter(self.app.regions.loops.values()))

    @property
    def drawings(self): return sum(here.topics.drawings for here in self.app.regions.loops.values())

    @contextmanager
    def serving(self):
        with serve(self.app) as self.served:
            yield self.served


def shapes(site):
    "The regions"
    live, get, slow = site.app.live, site.get, site.slow

    @live
    def form(id: int):
        radios = [Input(type='radio', name='ra', value=v, id='ra' + v, checked=get('ra', 'p') == v) for v in 'pqr']
        options = [Option(o, value=o) for o in get('opts', ['x', 'y', 'z'])]
        return Div(H2(f'n={get("n")}'), Input(name='a', id='a', value=get('a', '')), Input(name='b', id='b'),
                   Textarea(get('ta', ''), name='ta', id='ta'), Details(Summary('more'), P(f'secret {get("n")}'), id='det'),
                   Select(*options, name='sel', id='sel'), Input(type='checkbox', name='cb', id='cb'), *radios,
                   Div('widget', id='w', data_live_keep=True), Div('write here', id='ce', contenteditable='true'))

    @live
    def bad(id: int):
        if get('boom'): raise ValueError('boom')
        return Div(f'ok {get("n")}', cls='bad')

    @live
    def mended(id: int):
        said = f'well {get("n")}'
        inside = [said, Div(said), NotStr(f'{said}</p>and more')][get('mistake')]
        return P(inside, cls='mended')

    @live(timeout=0.3)
    def hangs(id: int):
        time.sleep(slow.get('hangs', 0))
        return Div(f'fast {get("n")}', cls='hangs')

    @live
    def scripted(id: int):
        foreign = NotStr(f'<script data-live-own>window.injected = {get("n")}</script><img src="data:," onerror="window.injected = 1">')
        styled = Style(f'#styled{get("n")} {{color: rgb(1, 2, {get("n")})}}')
        runs = Script(f'window.ran = {get("n")}')
        parts = styled, runs, foreign if get('foreign') else None, P(get('other'), cls='other')
        return Div(P('x', id=f'styled{get("n")}', cls='styled'), *parts)

    @live
    def row(id: int): return Div(f'row {id} {get("n")}', cls='row')

    @live
    def cells(id: int): return Tr(Td(f'cell {id}'), Td(get(f'cell{id}'), cls=f'cell{id}'))

    @live
    def table(id: int): return Table(Tbody(*[cells(id=i) for i in range(get('rows', 2))]))

    @live
    def inner(id: int): return Div(str(get('in')), cls='in')

    @live
    def outer(id: int):
        n, inside = get('out'), get('with_in', True)
        time.sleep(slow.get('outer', 0))
        return Div(H2('outer'), inner(id=1) if inside else None, P(f'drawn {n}', cls='out'))

    @live
    async def aregion(id: int, day: date = date(2026, 1, 1)):
        await asyncio.sleep(0)
        return Div(f'async {id} {day.year} {get("n")}', cls='as')

    @live
    def cart(id: int):
        rows = site.items.get(id, [])
        return Div(H2(f'Cart {id}: {len(rows)}', cls=f'c{id}'), Ul(*[Li(r) for r in rows]),
                   Form(Input(name='text', id=f'in{id}'), Button('Add'), hx_post=f'/add/{id}', hx_swap='none'))

    @live(pace=0.03)
    def busy(id: int):
        buy = Button(f'Buy ({get("tick")})', hx_post='/buy', hx_swap='none', id='buy')
        return Div(P(f'tick {get("tick")}', cls='tick'), buy, Span(get('bought'), id='bought'))

    @live
    def rows(id: int):
        items = [Li(Input(name=f'f{i}', id=f'f{i}'), f' item {i} v{get("v")}', id=f'li{i}') for i in get('order', list(range(200)))]
        return Div(Div(Ul(*items), cls='box', id='box'))

    @live
    def editor(id: int): return Div(*[person(site, i) for i in range(get('people', 3))], Span(get('n'), id='en'))

    @live
    def bar(n: int): return G(Circle(get(f'bar{n}', 5), 20 * n, 10, cls=f'bar{n}'), get(f'bar{n}') and Text('high'))

    @live
    def bars(id: int): return Svg(*[bar(n=n) for n in range(get('bars', 1))], viewBox='0 0 80 20')

    @live
    def choice(id: int): return Select(*[Option(o, value=o) for o in get('opts', ['x', 'y', 'z'])], name='only', id='only')

    @live
    def note(id: int): return Div(get('note', 'a note'), contenteditable='true', id='note')

    @live
    def account(auth): return Div(f'{auth or "nobody"} has {get("n")} euro', cls='acc')

    @live
    def around(id: int): return Div(P(f'around {get("n")}', cls='ar'), account())

    @live(guard=lambda auth, id: auth not in get('banned', []))
    def secret(id: int): return Div(f'secret {get("n")}', cls='sec')

    for f in (form, bad, mended, hangs, row, cells, table, inner, outer, aregion, cart, busy, rows, editor, account, around, secret,
              scripted, bar, bars, choice, note):
        setattr(site, f.name, f)


def person(site, i):
    name = site.get(f'name{i}', f'r{i}')
    return Div(f'{name} ', Button('edit', hx_get=f'/edit/{i}', hx_target=f'#p{i}', hx_swap='outerHTML', cls='e'), id=f'p{i}')


def pages(site, version):
    "The pages, and what their forms do"
    app = site.app
    site.news, site.sport = app.channel('news', history=50), app.channel('sport', history=50)

    @app.get('/')
    def home(bad_too: bool = False, n: int = 0):
        return Titled('x', site.form(id=1), site.bad(id=1) if bad_too else None, *[site.row(id=i) for i in range(n)])

    @app.get('/show')
    def show(name: str): return Titled('x', getattr(site, name)(id=1))

    @app.get('/part')
    def part(name: str): return getattr(site, name)(id=1)

    @app.get('/mix')
    async def mix(): return Titled('x', await site.aregion(id=1, day='2027-03-04'), site.around(id=1))

    @app.get('/mixsync')
    def mixsync(): return Titled('x', site.aregion(id=1, day=date(2027, 3, 4)))

    @app.get('/carts')
    def carts(n: int = 3):
        more = Button('more', hx_get='/more', hx_target='#more', id='b')
        return Titled('x', *[site.cart(id=i) for i in range(n)], Div(id='more'), more)

    @app.get('/more')
    def more(k: int = 1000): return site.cart(id=k)

    @app.get('/twice')
    def twice(): return Titled('x', site.row(id=1), Div(site.row(id=1), id='second'))

    @app.get('/hang')
    def hang(): return Titled('x', site.hangs(id=1), site.row(id=1))

    @app.get('/private')
    def private(): return Titled('x', site.account(), site.secret(id=1))

    @app.get('/login')
    def login(session, user: str = ''):
        session['user'] = user
        return 'in'

    @app.post('/add/{id}')
    async def add(id: int, text: str):
        site.items.setdefault(id, []).append(text)
        await site.cart.changed(id=id)

    @app.post('/buy')
    async def buy():
        site.store['bought'] = site.get('bought') + 1
        await site.busy.changed(id=1)

    @app.get('/edit/{i}')
    async def edit(i: int):
        await asyncio.sleep(site.slow.get('edit', 0))
        field = Input(name='name', value=site.get(f'name{i}', f'r{i}'), id=f'e{i}')
        return Div(Form(field, Button('save'), hx_post=f'/save/{i}', hx_target=f'#p{i}', hx_swap='outerHTML'), id=f'p{i}')

    @app.post('/save/{i}')
    async def save(i: int, name: str):
        site.store[f'name{i}'] = name
        await site.editor.changed(id=1)
        return person(site, i)

    @app.get('/events')
    def events(): return EventStream(site.news, site.sport)

    @app.get('/ticks')
    async def ticks(last_event_id: str = ''):
        async def count():
            for n in range(int(last_event_id or 0) + 1, 1000):
                yield sse_message(f'tick {n}', id=n)
                await asyncio.sleep(0.02)
        return EventStream(count())

    @app.get('/moved')
    def moved(): return Response(status_code=303, headers={'Location': '/ticks'})

    @app.get('/joined')
    def joined(path: str = '/ticks'):
        def follows(address, id):
            if version == 4: return Div(id=id, hx_sse_connect=address, hx_swap='beforeend')
            return Div(Div(id=id, sse_swap='message', hx_swap='beforeend'), hx_ext='sse', sse_connect=address)
        return Titled('x', site.row(id=1), site.row(id=2), site.cart(id=1), follows('/events', 'news'), follows(path, 'ticks'))

    @app.work
    async def job(id: int, say):
        await say('well ')
        if not site.get('works'): raise ValueError('not yet')
        await say('done')

    @app.get('/work')
    def working(): return Titled('x', job.start(id=1))

    @app.get('/plain')
    def plain(): return Response('<!doctype html><p>no regions', media_type='text/html')

    @app.get('/swap')
    def swap(): return Titled('x', Div(Script('1'), id='here'), site.form(id=1))
