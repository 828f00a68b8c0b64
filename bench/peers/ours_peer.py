"This library, rendered by `to_html`, as our responses are; `render_by` chooses another of its ways"

from functools import partial

import data

from fasthtml.html.element import to_html
from fasthtml.html.render import to_xml
from fasthtml.html.tags import (
    H1,
    H2,
    A,
    Article,
    B,
    Body,
    Button,
    Div,
    Em,
    Footer,
    Form,
    Head,
    Header,
    Html,
    Input,
    Label,
    Li,
    Link,
    Main,
    Meta,
    Nav,
    Option,
    P,
    Script,
    Section,
    Select,
    Small,
    Span,
    Table,
    Tbody,
    Td,
    Time,
    Title,
    Tr,
    Ul,
)

WAYS = {'to_xml': partial(to_xml, indent=False), 'str': str}   # programs written for FastHTML say it like this


def render_by(way):
    "Let all functions here render by one of `WAYS`"
    global to_html
    to_html = WAYS[way]
    if way == 'str': del globals()['frag']   # `str` of an element that has an id is the id


def build_table(rows=data.rows):
    return Table(Tbody(*[Tr(*[Td(c) for c in r]) for r in rows]), cls='data')


def table():
    return to_html(build_table())


def table_plain():
    return to_html(build_table(data.plain_rows))


def table_map():
    return to_html(Table(Tbody(*[Tr(map(Td, r)) for r in data.rows]), cls='data'))


def item(o):
    return Li(
        Input(type='checkbox', name='done', checked=o.done, hx_post=o.url, hx_target=f'#{o.id}', hx_swap='outerHTML'),
        A(o.title, href=o.url),
        Em('due'),
        Span(*[Small(t, cls='tag') for t in o.tags]),
        Button('Delete', type='button', hx_delete=o.url, hx_target=f'#{o.id}'),
        Time('today', datetime='2026-11-20'),
        id=o.id,
        cls='item',
    )


def build_page():
    return Html(
        Head(
            Title('Tasks of ', data.user),
            Meta(charset='utf-8'),
            Meta(name='viewport', content='width=device-width'),
            Link(rel='stylesheet', href='/app.css'),
            Script(src='/htmx.js', defer=True),
        ),
        Body(
            Header(
                H1('Tasks', id='head'),
                P('Hello, ', B(data.user)),
                Nav(
                    Ul(*[Li(A(t, href=u, cls='nav-link', hx_boost='true')) for t, u in data.links]),
                    cls='menu',
                    aria_label='Main',
                ),
                cls='top',
            ),
            Main(
                Section(
                    H2('Open', id='open'),
                    Ul(*[item(o) for o in data.items], id='items', hx_get='/items', hx_trigger='every 30s'),
                    cls='list',
                ),
                Form(
                    Label('Title', fr='title'),
                    Input(id='title', name='title', type='text', placeholder='What & when', required=True),
                    Select(
                        Option('low', value='1'),
                        Option('mid', value='2', selected=True),
                        Option('high', value='3'),
                        id='prio',
                        name='prio',
                    ),
                    Button('Add', type='submit', cls='primary'),
                    id='new',
                    enctype='multipart/form-data',
                    hx_post='/items',
                    hx_target='#items',
                    hx_swap='beforeend',
                ),
                id='main',
                cls='container',
            ),
            Footer(P(Small('© 2026 & on')), id='foot', cls='bottom'),
            cls='page',
            hx_ext='ws',
        ),
        doctype=False,
        lang='en',
    )


def page():
    return to_html(build_page())


def build_frag():
    m = data.message
    return Div(Article(B(m.user), P(m.text), Time(m.at), id=m.id, cls='msg'), id='messages', hx_swap_oob='beforeend')


def frag():
    return to_html(build_frag())


def render(el):
    return to_html(el)


def nest(n):
    x = Div('x')
    for _ in range(n):
        x = Div(x)
    return to_html(x)
