"simple_html (compiled with mypyc)"

import data
from simple_html import (
    a,
    article,
    b,
    body,
    button,
    div,
    em,
    footer,
    form,
    h1,
    h2,
    head,
    header,
    html,
    input_,
    label,
    li,
    link,
    main,
    meta,
    nav,
    option,
    p,
    script,
    section,
    select,
    small,
    span,
    tbody,
    td,
    time,
    title,
    tr,
    ul,
)
from simple_html import render as _render
from simple_html import table as table_


def build_table(rows=data.rows):
    return table_({'class': 'data'}, tbody(*[tr(*[td(c) for c in r]) for r in rows]))


def table():
    return _render(build_table())


def table_plain():
    return _render(build_table(data.plain_rows))


def item(o):
    attrs = {'type': 'checkbox', 'name': 'done', 'hx-post': o.url, 'hx-target': f'#{o.id}', 'hx-swap': 'outerHTML'}
    if o.done:
        attrs['checked'] = None
    return li(
        {'id': o.id, 'class': 'item'},
        input_(attrs),
        a({'href': o.url}, o.title),
        em('due'),
        span(*[small({'class': 'tag'}, t) for t in o.tags]),
        button({'type': 'button', 'hx-delete': o.url, 'hx-target': f'#{o.id}'}, 'Delete'),
        time({'datetime': '2026-11-20'}, 'today'),
    )


def build_page():
    return html(
        {'lang': 'en'},
        head(
            title('Tasks of ', data.user),
            meta({'charset': 'utf-8'}),
            meta({'name': 'viewport', 'content': 'width=device-width'}),
            link({'rel': 'stylesheet', 'href': '/app.css'}),
            script({'src': '/htmx.js', 'defer': None}),
        ),
        body(
            {'class': 'page', 'hx-ext': 'ws'},
            header(
                {'class': 'top'},
                h1({'id': 'head'}, 'Tasks'),
                p('Hello, ', b(data.user)),
                nav(
                    {'class': 'menu', 'aria-label': 'Main'},
                    ul(*[li(a({'href': u, 'class': 'nav-link', 'hx-boost': 'true'}, t)) for t, u in data.links]),
                ),
            ),
            main(
                {'id': 'main', 'class': 'container'},
                section(
                    {'class': 'list'},
                    h2({'id': 'open'}, 'Open'),
                    ul({'id': 'items', 'hx-get': '/items', 'hx-trigger': 'every 30s'}, *[item(o) for o in data.items]),
                ),
                form(
                    {
                        'id': 'new',
                        'name': 'new',
                        'enctype': 'multipart/form-data',
                        'hx-post': '/items',
                        'hx-target': '#items',
                        'hx-swap': 'beforeend',
                    },
                    label({'for': 'title'}, 'Title'),
                    input_(
                        {'id': 'title', 'name': 'title', 'type': 'text', 'placeholder': 'What & when', 'required': None}
                    ),
                    select(
                        {'id': 'prio', 'name': 'prio'},
                        option({'value': '1'}, 'low'),
                        option({'value': '2', 'selected': None}, 'mid'),
                        option({'value': '3'}, 'high'),
                    ),
                    button({'type': 'submit', 'class': 'primary'}, 'Add'),
                ),
            ),
            footer({'id': 'foot', 'class': 'bottom'}, p(small('© 2026 & on'))),
        ),
    )


def page():
    return _render(build_page())


def build_frag():
    m = data.message
    return div(
        {'id': 'messages', 'hx-swap-oob': 'beforeend'},
        article({'id': m.id, 'class': 'msg'}, b(m.user), p(m.text), time(m.at)),
    )


def frag():
    return _render(build_frag())


def render(el):
    return _render(el)


def nest(n):
    x = div('x')
    for _ in range(n):
        x = div(x)
    return _render(x)
