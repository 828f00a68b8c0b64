"Jinja2, templates compiled ahead, autoescape on"
import data
from jinja2 import DictLoader, Environment

_env = Environment(autoescape=True, trim_blocks=True, loader=DictLoader({
'table':
    '<table class="data"><tbody>{% for r in rows %}<tr>{% for c in r %}<td>{{ c }}</td>{% endfor %}</tr>{% endfor %'
    '}</tbody></table>',
'page':
    '<html lang="en"><head><title>Tasks of {{ user }}</title><meta charset="utf-8"><meta name="viewport" content="w'
    'idth=device-width"><link rel="stylesheet" href="/app.css"><script src="/htmx.js" defer></script></head><body c'
    'lass="page" hx-ext="ws"><header class="top"><h1 id="head">Tasks</h1><p>Hello, <b>{{ user }}</b></p><nav class='
    '"menu" aria-label="Main"><ul>{% for t, u in links %}<li><a href="{{ u }}" class="nav-link" hx-boost="true">{{ '
    't }}</a></li>{% endfor %}</ul></nav></header><main id="main" class="container"><section class="list"><h2 id="o'
    'pen">Open</h2><ul id="items" hx-get="/items" hx-trigger="every 30s">{% for o in items %}<li id="{{ o.id }}" cl'
    'ass="item"><input type="checkbox" name="done"{% if o.done %} checked{% endif %} hx-post="{{ o.url }}" hx-targe'
    't="#{{ o.id }}" hx-swap="outerHTML"><a href="{{ o.url }}">{{ o.title }}</a><em>due</em><span>{% for t in o.tag'
    's %}<small class="tag">{{ t }}</small>{% endfor %}</span><button type="button" hx-delete="{{ o.url }}" hx-targ'
    'et="#{{ o.id }}">Delete</button><time datetime="2026-11-20">today</time></li>{% endfor %}</ul></section><form '
    'id="new" name="new" enctype="multipart/form-data" hx-post="/items" hx-target="#items" hx-swap="beforeend"><lab'
    'el for="title">Title</label><input id="title" name="title" type="text" placeholder="What &amp; when" required>'
    '<select id="prio" name="prio"><option value="1">low</option><option value="2" selected>mid</option><option val'
    'ue="3">high</option></select><button type="submit" class="primary">Add</button></form></main><footer id="foot"'
    ' class="bottom"><p><small>© 2026 &amp; on</small></p></footer></body></html>',
'frag':
    '<div id="messages" hx-swap-oob="beforeend"><article id="{{ m.id }}" class="msg"><b>{{ m.user }}</b><p>{{ m.tex'
    't }}</p><time>{{ m.at }}</time></article></div>',
}))
_table, _page, _frag = map(_env.get_template, ('table', 'page', 'frag'))

def table(): return _table.render(rows=data.rows)
def table_plain(): return _table.render(rows=data.plain_rows)
def page(): return _page.render(user=data.user, links=data.links, items=data.items)
def frag(): return _frag.render(m=data.message)
