"The limit: literals escaped ahead, one C escape for each value, one join"

import data
from markupsafe._speedups import _escape_inner as esc


def _table(rows):
    body = ''.join([f'<tr>{"".join([f"<td>{esc(c)}</td>" for c in r])}</tr>' for r in rows])
    return f'<table class="data"><tbody>{body}</tbody></table>'

def table(): return _table(data.rows)
def table_plain(): return _table(data.plain_rows)

def item(o):
    tags = ''.join([f'<small class="tag">{esc(t)}</small>' for t in o.tags])
    check = ' checked' if o.done else ''
    return (f'<li id="{esc(o.id)}" class="item"><input type="checkbox" name="done"{check} hx-post="{esc(o.url)}" hx-target="#{esc(o.id)}" hx-swap="outerHTML">'
            f'<a href="{esc(o.url)}">{esc(o.title)}</a><em>due</em><span>{tags}</span>'
            f'<button type="button" hx-delete="{esc(o.url)}" hx-target="#{esc(o.id)}">Delete</button>'
            f'<time datetime="2026-11-20">today</time></li>')

def page():
    nav = ''.join([f'<li><a href="{esc(u)}" class="nav-link" hx-boost="true">{esc(t)}</a></li>' for t, u in data.links])
    return (f'<html lang="en"><head><title>Tasks of {esc(data.user)}</title><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/app.css"><script src="/htmx.js" defer></script></head>'
            f'<body class="page" hx-ext="ws"><header class="top"><h1 id="head">Tasks</h1><p>Hello, <b>{esc(data.user)}</b></p><nav class="menu" aria-label="Main"><ul>{nav}</ul></nav></header>'
            f'<main id="main" class="container"><section class="list"><h2 id="open">Open</h2><ul id="items" hx-get="/items" hx-trigger="every 30s">{"".join([item(o) for o in data.items])}</ul></section>'
            '<form id="new" name="new" enctype="multipart/form-data" hx-post="/items" hx-target="#items" hx-swap="beforeend"><label for="title">Title</label>'
            '<input id="title" name="title" type="text" placeholder="What &amp; when" required>'
            '<select id="prio" name="prio"><option value="1">low</option><option value="2" selected>mid</option><option value="3">high</option></select>'
            '<button type="submit" class="primary">Add</button></form></main>'
            '<footer id="foot" class="bottom"><p><small>© 2026 &amp; on</small></p></footer></body></html>')

def frag():
    m = data.message
    return (f'<div id="messages" hx-swap-oob="beforeend"><article id="{esc(m.id)}" class="msg"><b>{esc(m.user)}</b>'
            f'<p>{esc(m.text)}</p><time>{esc(m.at)}</time></article></div>')
