"htpy"

import data
import htpy as h


def build_table(rows=data.rows):
    return h.table('.data')[h.tbody[[h.tr[[h.td[c] for c in r]] for r in rows]]]


def table():
    return str(build_table())


def table_plain():
    return str(build_table(data.plain_rows))


def item(o):
    return h.li('.item', id=o.id)[
        h.input(type='checkbox', name='done', checked=o.done, hx_post=o.url, hx_target=f'#{o.id}', hx_swap='outerHTML'),
        h.a(href=o.url)[o.title],
        h.em['due'],
        h.span[[h.small('.tag')[t] for t in o.tags]],
        h.button(type='button', hx_delete=o.url, hx_target=f'#{o.id}')['Delete'],
        h.time(datetime='2026-11-20')['today'],
    ]


def build_page():
    return h.fragment[
        h.Element('html')(lang='en')[
            h.head[
                h.title['Tasks of ', data.user],
                h.meta(charset='utf-8'),
                h.meta(name='viewport', content='width=device-width'),
                h.link(rel='stylesheet', href='/app.css'),
                h.script(src='/htmx.js', defer=True),
            ],
            h.body('.page', hx_ext='ws')[
                h.header('.top')[
                    h.h1('#head')['Tasks'],
                    h.p['Hello, ', h.b[data.user]],
                    h.nav('.menu', aria_label='Main')[
                        h.ul[[h.li[h.a('.nav-link', href=u, hx_boost='true')[t]] for t, u in data.links]]
                    ],
                ],
                h.main('#main.container')[
                    h.section('.list')[
                        h.h2('#open')['Open'],
                        h.ul('#items', hx_get='/items', hx_trigger='every 30s')[[item(o) for o in data.items]],
                    ],
                    h.form(
                        '#new',
                        name='new',
                        enctype='multipart/form-data',
                        hx_post='/items',
                        hx_target='#items',
                        hx_swap='beforeend',
                    )[
                        h.label(for_='title')['Title'],
                        h.input('#title', name='title', type='text', placeholder='What & when', required=True),
                        h.select('#prio', name='prio')[
                            h.option(value='1')['low'],
                            h.option(value='2', selected=True)['mid'],
                            h.option(value='3')['high'],
                        ],
                        h.button('.primary', type='submit')['Add'],
                    ],
                ],
                h.footer('#foot.bottom')[h.p[h.small['© 2026 & on']]],
            ],
        ]
    ]


def page():
    return str(build_page())


def build_frag():
    m = data.message
    return h.div('#messages', hx_swap_oob='beforeend')[
        h.article('.msg', id=m.id)[h.b[m.user], h.p[m.text], h.time[m.at]]
    ]


def frag():
    return str(build_frag())


def render(el):
    return str(el)


def nest(n):
    x = h.div['x']
    for _ in range(n):
        x = h.div[x]
    return str(x)
