"Cases for the page client, by what they are about; see `page_kit`."
import os
import random
from itertools import product

from fasthtml.html.element import to_html
from fasthtml.http.heads import fhjsscr
from page_kit import SCRIPTS, Case

STYLES = ['innerHTML', 'outerHTML', 'textContent', 'beforebegin', 'afterbegin', 'beforeend', 'afterend', 'delete', 'none']
MORE4 = ['before', 'after', 'prepend', 'append', 'innerMorph', 'outerMorph', 'outerSync']
MORE2 = ['morph', 'morph:innerHTML', 'morph:outerHTML']
ANSWERS = {
    'element': '<p>new</p>', 'two': '<p class="a">1</p><p>2</p>', 'text': 'just text', 'empty': '', 'space': '  ',
    'rows': '<tr><td>1</td></tr><tr><td>2</td></tr>', 'items': '<li>a</li><li>b</li>', 'mixed': '<tr><td>1</td></tr><p>x</p>',
    'mixed2': '<p>x</p><tr><td>1</td></tr>', 'page': '<!doctype html><html><head><title>New</title></head><body class="b"><main>all</main></body></html>',
    'body': '<body><p>body</p></body>', 'titled': '<title>T</title><p>x</p>', 'comment': '<!-- c --><p>x</p>', 'same': '<ul id="t"><li>Milk</li></ul>',
    'oob': '<p>main</p><p id="side" hx-swap-oob="true">side new</p>', 'only-oob': '<p id="side" hx-swap-oob="true">side new</p>',
    'script': '<p>x</p><script type="text/plain">not code</script>', 'para': '<p>a<div>b</div>c</p>', 'option': '<option>1<option selected>2',
    'template': '<template><b>t</b></template>', 'svg': '<svg viewBox="0 0 1 1"><title>no</title><circle r="1"/></svg>',
}
LIST = '<p id="side">side</p><div id="around"><ul id="t" class="k"><li>Milk</li><li id="two">Tea</li></ul></div>'


def swaps(version: int) -> dict[str, Case]:
    "Every style with every answer"
    styles = STYLES + (MORE4 if version == 4 else MORE2)
    ext = ' hx-ext="morph"' if version == 2 else ''
    return {f'swap-{s}-{a}'.replace(':', '_'): Case(
        f'<div{ext}><button hx-get="/r/x" hx-target="#t" hx-swap="{s}">go</button>{LIST}</div>', {'x': text}, [('click', 'button')])
        for (i, s), (j, (a, text)) in product(enumerate(styles), enumerate(ANSWERS.items())) if i < 2 or (i + j) % 3 == 0}


OOB_VALUES = ['true', 'outerHTML', 'innerHTML', 'beforeend', 'afterbegin', 'beforebegin', 'afterend', 'delete', 'none', 'textContent', '', 'nonsense',
              'beforeend:#t', 'innerHTML:#t', 'outerHTML:.k', 'afterbegin:#missing', 'true:#t', 'innerHTML:#t, #side', 'beforeend:find #t', 'delete:#t',
              'append:#t', 'innerHTML swap:0ms', 'outerMorph', 'innerMorph:#t', 'beforeend target:#t', 'innerHTML strip:false']
OOB_PARTS = {
    'id': '<p id="side" hx-swap-oob="{}"><b>new</b> text</p>', 'no-id': '<li hx-swap-oob="{}">item</li>', 'wrap': '<ul hx-swap-oob="{}"><li>x</li></ul>',
    'nested': '<section>in <p id="side" hx-swap-oob="{}">new</p></section>', 'main': '<p id="side" hx-swap-oob="{}">new</p><em>main</em>',
    'template': '<template><li id="two" hx-swap-oob="{}">row</li></template>', 'data': '<p id="side" data-hx-swap-oob="{}">new</p>',
    'missing': '<p id="gone" hx-swap-oob="{}">new</p>', 'inside': '<div id="t">main</div><li id="two" hx-swap-oob="{}">two new</li>',
}


def oob(version: int) -> dict[str, Case]:
    "Every spelling of `hx-swap-oob`, in every place"
    return {f'oob-{i}-{p}': Case(f'<button hx-get="/r/x" hx-target="#out">go</button><div id="out">old</div>{LIST}', {'x': part.format(v)}, [('click', 'button')])
            for (i, v), (j, (p, part)) in product(enumerate(OOB_VALUES), enumerate(OOB_PARTS.items()))
            if (not j or (i + j) % 3 == 0) and not (version == 2 and 'swap:' in v)} | {  # there it is no selector, and htmx 2 stops
            f'oob-morph-{i}': Case(f'<div hx-ext="morph"><button hx-get="/r/x" hx-swap="none">go</button>{LIST}</div>', {'x': OOB_PARTS['wrap'].replace('<ul', '<ul id="t"').format(v)}, [('click', 'button')])
            for i, v in enumerate(OOB_VALUES[:9] + ['beforeend:#side', 'morph', 'morph:innerHTML'] if version == 2 else ())}


def partials(version: int) -> dict[str, Case]:
    parts = ['<hx-partial hx-target="#t">new</hx-partial>', '<hx-partial id="t" hx-swap="beforeend"><li>x</li></hx-partial>',
             '<hx-partial hx-target="#gone">new</hx-partial>', '<hx-partial>nothing</hx-partial>', '<p>main</p><hx-partial hx-target="#t" hx-swap="outerHTML"><b>x</b></hx-partial>',
             '<hx-partial hx-target="#t" hx-swap="delete"></hx-partial>', '<template hx type="partial" hx-target="#side">t</template>',
             '<hx-partial hx-target="#t"><tr><td>1</td></tr></hx-partial><hx-partial id="side">s</hx-partial>', '<hx-partial hx-target="li">each</hx-partial>',
             '<hx-partial hx-target="#t" hx-swap="beforeend"><li>x</li><p id="side" hx-swap-oob="true">oob inside</p></hx-partial>']
    return {f'partial-{i}': Case(f'<button hx-get="/r/x" hx-target="#out">go</button><div id="out">old</div>{LIST}', {'x': p}, [('click', 'button')])
            for i, p in enumerate(parts)}


def selects(version: int) -> dict[str, Case]:
    out = {}
    for i, (attrs, text) in enumerate(product(
            ['hx-select="p"', 'hx-select="#a, #b"', 'hx-select=".none"', 'hx-select-oob=".x:#side"', 'hx-select-oob="side:innerHTML, 1x"', 'hx-select-oob="#side"', 'hx-select-oob="#side:beforeend"', 'hx-select-oob="#side:innerHTML, #two"',
             'hx-select-oob="#none" hx-select="p"', 'hx-select="body"', 'hx-select="unset"'],
            ['<div id="a"><p>1</p></div><p id="b">2</p><p id="side">s</p><li id="two">li</li>',
             '<html><head><title>P</title></head><body><p id="a">1</p><p id="side">s</p></body></html>'])):
        out[f'select-{i}'] = Case(f'<button hx-get="/r/x" hx-target="#out" {attrs}>go</button><div id="out">old</div>{LIST}', {'x': text}, [('click', 'button')])
    return out


TARGETS = ['this', '#t', 'closest div', 'closest li', 'find b', 'next p', 'previous p', 'next', 'previous', '#none', 'body', 'next .x', 'closest .none', '.many', 'find .none',
           'global #t', 'document', 'previous .x', 'next <p.x/>', '<#t/>', '#none, #t']


def targets(version: int) -> dict[str, Case]:
    body = ('<p class="many">0</p><p class="x">1</p><div id="o"><ul id="t"><li><button hx-get="/r/x" hx-target="{}"><b>go</b></button></li></ul><p class="many">2</p></div>'
            '<p class="x">3</p>')
    out = {f'target-{i}': Case(body.format(t), {'x': '<i>new</i>'}, [('click', 'button')]) for i, t in enumerate(TARGETS) if not (version == 2 and t == '#none, #t') and not (version == 4 and t == 'next <p.x/>')}
    inherited = ['hx-target="{}"', 'hx-target:inherited="{}"', 'data-hx-target="{}"', 'hx-swap="outerHTML" hx-target="{}" hx-disinherit="hx-target"',
                 'hx-swap:inherited="beforeend" hx-target:inherited="{}"', 'hx-disinherit="*" hx-target="{}"', 'hx-target="{}" hx-swap="outerHTML"']
    for i, (a, t) in enumerate(product(inherited, ['this', '#t', 'closest div', 'next p'])):
        out[f'inherit-{i}'] = Case(f'<div id="o" {a.format(t)}><section><button hx-get="/r/x">go</button></section></div><p id="t">t</p><p>after</p>',
                                   {'x': '<i>new</i>'}, [('click', 'button')])
    return out


RESPONSES: list[tuple[int, dict, str]] = [
    (200, {'HX-Retarget': '#t'}, '<b>n</b>'), (200, {'HX-Retarget': '#none'}, '<b>n</b>'), (200, {'HX-Retarget': 'this'}, '<b>n</b>'),
    (200, {'HX-Reswap': 'outerHTML'}, '<b>n</b>'), (200, {'HX-Reswap': 'none'}, '<b>n</b>'), (200, {'HX-Reselect': 'i'}, '<b>n</b><i>i</i>'),
    (200, {'HX-Retarget': '#t', 'HX-Reswap': 'beforeend', 'HX-Reselect': 'i'}, '<b>n</b><i>i</i>'),
    (200, {'HX-Push-Url': '/r/pushed'}, '<b>n</b>'), (200, {'HX-Replace-Url': '/r/replaced?x=1'}, '<b>n</b>'), (200, {'HX-Push-Url': 'false'}, '<b>n</b>'),
    (200, {'HX-Trigger': 'saved'}, '<b>n</b>'), (200, {'HX-Trigger': '{"saved": {"n": 1}}'}, '<b>n</b>'), (200, {'HX-Trigger': 'a, saved'}, '<b>n</b>'),
    (200, {'HX-Trigger-After-Swap': 'saved'}, '<b>n</b>'), (200, {'HX-Trigger-After-Settle': 'saved'}, '<b>n</b>'),
    (200, {'HX-Trigger': '{"saved": {"target": "#ear"}}'}, '<b>n</b>'), (204, {'HX-Trigger': 'saved'}, ''),
    (200, {'HX-Location': '/r/there'}, ''), (200, {'HX-Location': '{"path": "/r/there", "target": "#t"}'}, ''),
    (200, {'HX-Location': '{"path": "/r/there", "target": "#t", "swap": "beforeend", "values": {"a": 1}, "headers": {"X-Y": "z"}}'}, ''),
    (200, {'HX-Location': '{"path": "/r/there", "target": "#t", "push": "false"}'}, ''), (200, {'HX-Redirect': '/r/elsewhere'}, ''),
    (404, {}, '<b>not found</b>'), (422, {}, '<b>wrong</b>'), (500, {}, '<b>broken</b>'), (403, {'HX-Retarget': '#t', 'HX-Reswap': 'innerHTML'}, '<b>no</b>'),
    (404, {'HX-Trigger': 'saved'}, '<b>n</b>'), (201, {}, '<b>created</b>'), (304, {}, ''), (286, {}, '<b>stop</b>'), (302, {'Location': '/r/there'}, ''),
    (303, {'Location': '/r/there?x=1'}, ''), (307, {'Location': '/r/there'}, ''), (200, {'HX-Refresh': 'true'}, ''), (204, {}, ''), (205, {}, ''),
]
LISTENER = '<p id="ear" hx-get="/r/heard" hx-trigger="saved from:body" hx-swap="beforeend">ear</p><p id="t">t</p>'


def responses(version: int) -> dict[str, Case]:
    "Headers and status codes"
    out = {}
    for (i, r), (j, attrs) in product(enumerate(RESPONSES), enumerate(['', 'hx-target="#out"', 'hx-push-url="true"', 'hx-status:4xx="target:#t swap:beforeend"'])):
        if j in (2, 3) and i % 3: continue
        answers = {'x': r, 'there': '<u>there</u>', 'heard': '<i>heard</i>', 'elsewhere': '<title>Else</title><p>elsewhere</p>'}
        out[f'response-{i}-{j}'] = Case(f'<form id="f"><button name="b" hx-post="/r/x" {attrs}>go</button></form><div id="out">old</div>{LISTENER}', answers, [('click', 'button')])
    return out


FORM = ('<form id="f" {attrs}><input name="a" value="1"><input name="a" value="2"><input type="checkbox" name="c" value="x" checked><input type="checkbox" name="c" value="y">'
        '<input type="radio" name="r" value="1"><input type="radio" name="r" value="2" checked><select name="s"><option value="o1">1<option value="o2" selected>2</select>'
        '<select name="m" multiple><option selected>p<option>q<option selected>r</select><textarea name="t">\nline\nline2 é</textarea><input name="d" disabled value="no">'
        '<input type="hidden" name="h" value="hid"><fieldset disabled><input name="fd" value="no"></fieldset><button id="b1" name="btn" value="one">1</button>'
        '<input type="submit" id="b2" name="btn" value="two"><button id="b3" type="button" name="btn" value="three" {button}>3</button></form>'
        '<input name="outer" form="f" value="out"><input id="inc" name="inc" value="i"><div id="out"></div>')


def values(version: int) -> dict[str, Case]:
    "What goes along with a request"
    out = {}
    attrs = ['hx-post="/r/x"', 'hx-get="/r/x"', 'hx-put="/r/x?q=1&a=0"', 'hx-delete="/r/x?q=1"', 'hx-post="/r/x" hx-include="#inc"', 'hx-get="/r/x?a=old" hx-include="#inc"',
             'hx-post="/r/x" hx-vals=\'{"a": "v", "n": 1, "l": true, "z": null, "list": [1, 2]}\'', 'hx-post="/r/x" hx-params="a,c"', 'hx-post="/r/x" hx-params="not a"',
             'hx-post="/r/x" hx-params="none"', 'hx-get="/r/x#anchor" hx-vals=\'"v": 2\'', 'hx-post="/r/x" hx-headers=\'{"HX-Own": "ü", "HX-Num": 1}\'',
             'hx-post="/r/x" hx-encoding="multipart/form-data"', 'hx-post="/r/x" enctype="multipart/form-data"', 'hx-post=""', 'hx-patch="/r/x" hx-vals=\'{"o": {"k": 1}}\'',
             'hx-post="/r/x" hx-vals:append=\'{"a": "b"}\'', 'hx-post="/r/x" hx-trigger="submit delay:5ms"']
    for i, written in enumerate(['', 'dir="rtl"', 'dir="auto"', 'dir="x"']):
        kinds = 'text search tel url email hidden password number'.split()
        fields = ''.join(f'<input type="{k}" name="{k}" dirname="{k}.dir" value="{v}">' for k in kinds for v in ('1', '\u05d0'))
        rest = '<textarea name="t" dirname="t.dir">\u05d0</textarea><select name="s" dirname="s.dir"><option>o</select>'
        if i > 1: fields = fields.replace('type', f'{written} type')
        form = f'<form novalidate {written} hx-post="/r/x">{fields}{rest}<button id="b1">go</button></form>'
        out[f'values-dir-{i}'] = Case(f'<div dir="rtl">{form}</div>', {}, [('click', '#b1')])
    for (i, a), button in product(enumerate(attrs), ['#b1', '#b2']):
        out[f'values-{i}-{button[1:]}'] = Case(FORM.format(attrs=f'{a} hx-target="#out"', button=''), {}, [('click', button)])
    for i, a in enumerate(attrs): out[f'values-inner-{i}'] = Case(FORM.format(attrs='', button=f'{a} hx-target="#out"'), {}, [('click', '#b3')])
    for i, (tag, a) in enumerate(product(['div', 'input', 'select', 'button', 'p', 'fieldset'], attrs[:6])):
        inner = {'input': '', 'select': '<option value="v" selected>v</option>', 'button': 'x'}.get(tag, '<input name="inside" value="in"><button name="no" value="no">x</button>')
        out[f'values-own-{i}'] = Case(f'<div hx-vals=\'{{"up": 1}}\' hx-vals:inherited=\'{{"kept": 2}}\'><{tag} id="e" name="own" value="mine" {a} hx-target="#out" hx-trigger="go">{inner}</{tag}></div>'
                                      '<input id="inc" name="inc" value="i"><div id="out"></div>', {}, [('trigger', '#e', 'go')])
    return out


def fills(version: int) -> dict[str, Case]:
    "A visitor changes controls, and sends them"
    filled = [('fill', '[value="1"][name=a]', 'new & ü'), ('fill', '[name=c]', ['y']), ('fill', '[name=r]', '1'), ('fill', '[name=s]', 'o1'), ('fill', '[name=m]', ['q']),
              ('fill', 'textarea', 'x\ny'), ('fill', '#inc', 'typed')]
    out = {}
    for i, (a, steps) in enumerate(product(['hx-post="/r/x"', 'hx-get="/r/x"', 'method="post" action="/r/x"', 'action="/r/x?gone=1"', 'method="post" action="/r/x" enctype="multipart/form-data"',
                                            'method="POST" action="/r/x" enctype="text/plain"', 'method="dialog"', 'action="/r/x#h"'], [1, 3, 7])):
        out[f'fill-{i}'] = Case(FORM.format(attrs=f'{a} hx-target="#out"', button=''), {'x': '<p id="done">done</p>'}, [*filled[:steps], ('submit', '#f')])
    files = '<form hx-post="/r/x" {}><input type="file" name="u" multiple><input name="k" value="v"><button>go</button></form><div id="out"></div>'
    for i, (a, chosen) in enumerate(product(['hx-encoding="multipart/form-data"', 'enctype="multipart/form-data"', ''], [['a.txt', 'text', 'text/plain'], None])):
        out[f'file-{i}'] = Case(files.format(a + ' hx-target="#out"'), {}, [*([('fill', '[name=u]', chosen)] if chosen else []), ('click', 'button')])
    for i, a in enumerate(['', 'formaction="/r/other"', 'formmethod="get"', 'formmethod="put"', 'formnovalidate', 'disabled', 'type="reset"', 'form="none"', 'formmethod="dialog"']):
        for j, f in enumerate(['hx-post="/r/x"', 'action="/r/x" method="post"', 'hx-boost="true" action="/r/x" method="post"']):
            if a == 'form="none"' and j == 1: continue
            out[f'submitter-{i}-{j}'] = Case(f'<form id="f" {f} hx-target="#out"><input name="q" value="1"><button name="b" value="z" {a}>go</button></form><div id="out"></div>', {'x': 'got', 'other': 'other'},
                                             [('fill', '[name=q]', 'typed'), *([] if a == 'disabled' else [('click', 'button')])])
    return out


TRIGGERS = ['load', 'load delay:5ms', 'click', 'click once', 'click delay:10ms', 'go', 'go from:body', 'go from:#src', 'click from:#src', 'go from:closest div', 'go from:(#src, #src2)', 'go target:#src',
            'click consume', 'change', 'go, click', 'go throttle:1s', 'go changed', 'nothing', 'go from:document', 'go from:window', 'load, go', 'click[ctrlKey]', 'click[!ctrlKey]', 'go once from:#src',
            'go from:next button', 'go from:find b', 'mouseenter', 'every 20s', 'sse:x', 'htmx:afterSwap from:#other', 'htmx:after:swap from:#other', 'click from:<#src/>']


def triggers(version: int) -> dict[str, Case]:
    body = ('<div id="o"><section id="e" hx-get="/r/x" hx-swap="beforeend" hx-trigger="{}"><b>e</b></section><button id="src">s</button><button id="src2">s2</button>'
            '<button id="other" hx-get="/r/y">o</button></div>')
    out = {}
    for i, t in enumerate(TRIGGERS):
        if t.startswith('go from:(') and version == 4: continue  # no selector there: htmx 4 stops looking through the page
        text = t.replace('"', '&quot;')
        for j, steps in enumerate([[('trigger', '#src', 'go'), ('trigger', '#e', 'go'), ('trigger', '#e', 'go')], [('click', '#e b'), ('click', '#e b'), ('click', '#src'), ('click', '#other')]]):
            out[f'trigger-{i}-{j}'] = Case(body.format(text), {}, steps)
    for i, t in enumerate(['keyup', 'keyup changed', 'input', 'change', 'keyup changed delay:5ms', 'blur', 'focus', "keyup[key=='b']", 'input changed, keyup', "keydown[key=='Enter']", 'input, change']):
        out[f'typing-{i}'] = Case(f'<form id="f"><input name="q" hx-get="/r/x" hx-target="#out" hx-swap="beforeend" hx-trigger="{t}"></form><div id="out"></div>', {},
                                  [('fill', '[name=q]', 'ab'), ('fill', '[name=q]', 'ab'), ('fill', '[name=q]', 'abc'), ('trigger', '[name=q]', 'keyup')])
    for i, (t, d) in enumerate(product(['', 'hx-trigger="change"'], ['<input type="checkbox" name="q" value="v" {}>', '<select name="q" {}><option>a<option>b</select>',
                                                                      '<input type="radio" name="q" value="b" {}>', '<textarea name="q" {}>x</textarea>'])):
        out[f'change-{i}'] = Case(f'<div>{d.format("hx-post=/r/x hx-target=#out " + t)}</div><div id="out"></div>', {},
                                  [('fill', '[name=q]', True if 'checkbox' in d else 'b')])
    return out


def chains(version: int) -> dict[str, Case]:
    "What a swap brings works too; what it takes does not"
    out = {
        'chain-new': Case('<button id="a" hx-get="/r/x" hx-swap="outerHTML">a</button>', {'x': '<button id="b" hx-get="/r/y" hx-target="this">b</button>', 'y': 'done'}, [('click', '#a'), ('click', '#b')]),
        'chain-load': Case('<div id="a" hx-get="/r/x" hx-trigger="load">a</div>', {'x': '<div hx-get="/r/y" hx-trigger="load"></div>', 'y': '<p>deep</p>'}, []),
        'chain-oob': Case('<button hx-get="/r/x" hx-swap="none">a</button><p id="p"></p>', {'x': '<p id="p" hx-swap-oob="true"><b id="n" hx-get="/r/y">n</b></p>', 'y': 'done'}, [('click', 'button'), ('click', '#n')]),
        'chain-morph': Case('<div id="d"><button hx-get="/r/x" hx-target="#d" hx-swap="outerMorph">a</button></div>', {'x': '<div id="d"><button hx-get="/r/y" hx-target="#d">b</button></div>', 'y': 'done'},
                            [('click', 'button'), ('click', 'button')], versions=(4,)),
        'chain-from': Case('<p id="ear" hx-get="/r/e" hx-trigger="click from:#later">ear</p><button hx-get="/r/x" hx-target="#out">a</button><div id="out"></div>', {'x': '<b id="later">l</b>'},
                           [('click', 'button'), ('click', '#later')]),
        'preserve': Case('<button hx-get="/r/x" hx-target="#out">a</button><div id="out"><input id="keep" name="k" hx-preserve><p>old</p></div>', {'x': '<p>new</p><input id="keep" value="other" hx-preserve>'},
                         [('fill', '#keep', 'mine'), ('click', 'button')]),
        'preserve-gone': Case('<button hx-get="/r/x" hx-target="#out">a</button><div id="out"><input id="keep" hx-preserve><p>old</p></div>', {'x': '<p>new</p>'}, [('fill', '#keep', 'mine'), ('click', 'button')]),
        'state-stays': Case('<button hx-get="/r/x" hx-target="#out">a</button><input id="i" name="i"><div id="out"></div>', {'x': '<p>new</p>'}, [('fill', '#i', 'mine'), ('click', 'button')]),
        'state-goes': Case('<button hx-get="/r/x" hx-target="#out">a</button><div id="out"><input id="i" value="v"></div>', {'x': '<input id="i" value="w">'}, [('fill', '#i', 'mine'), ('click', 'button')]),
        'reset': Case('<form hx-post="/r/x" hx-target="#out"><input name="i" value="v"><button type="reset" id="r">r</button><button>go</button></form><div id="out"></div>', {}, [('fill', '[name=i]', 'x'), ('click', '#r'), ('submit', 'form')]),
        'confirm': Case('<button hx-get="/r/x" hx-confirm="Sure?">a</button>', {}, []),
        'details': Case('<details><summary>s</summary><p>d</p></details>', {}, [('click', 'summary')]),
        'label': Case('<label>L <input type="checkbox" name="c" hx-post="/r/x" hx-target="#out"></label><div id="out"></div>', {}, [('click', 'label')]),
        'disabled': Case('<div hx-disable hx-ignore><button hx-get="/r/x">a</button></div>', {}, [('click', 'button')]),
        'nested': Case('<div id="o" hx-get="/r/outer" hx-swap="beforeend"><button hx-get="/r/inner" hx-target="#t">i</button></div><p id="t">t</p>', {}, [('click', 'button')]),
        'link-inside': Case('<div hx-get="/r/x" hx-target="#t"><a href="#frag">a</a></div><p id="t">t</p>', {}, [('click', 'a')]),
        'hx-link': Case('<a href="/r/page" hx-get="/r/x">a</a>', {}, [('click', 'a')]),
        'required': Case('<form hx-post="/r/x" hx-target="#out"><input name="a" required><button formnovalidate>go</button></form><div id="out"></div>', {}, [('click', 'button')]),
        'sync': Case('<form hx-post="/r/x" hx-sync="this:replace" hx-target="#out"><button>go</button></form><div id="out"></div>', {}, [('submit', 'form'), ('submit', 'form')]),
        'data-hx': Case('<button data-hx-get="/r/x" data-hx-target="#t" data-hx-swap="beforeend">a</button><p id="t">t</p>', {}, [('click', 'button')]),
        'config': Case('<button hx-get="/r/x">a</button>', {'x': (404, {}, 'nf')}, [('click', 'button')],
                       head='<meta name="htmx-config" content=\'{"defaultSwapStyle":"outerHTML","defaultSwap":"outerHTML","noSwap":[204,304,"4xx"],"responseHandling":[{"code":"...","swap":true}]}\'>'),
        'implicit': Case('<div hx-target="#t"><button hx-get="/r/x">a</button></div><p id="t">t</p>', {}, [('click', 'button')], head='<meta name="htmx-config" content=\'{"implicitInheritance":true,"disableInheritance":true}\'>'),
        'append': Case('<div hx-include:inherited="#a"><button hx-post="/r/x" hx-include:append="#b" hx-target="#t">a</button></div><input id="a" name="a" value="1"><input id="b" name="b" value="2"><p id="t">t</p>', {}, [('click', 'button')]),
        'action': Case('<button hx-action="/r/x" hx-method="post" hx-vals="a:1 b:\'two\'" hx-target="#t">a</button><p id="t">t</p>', {}, [('click', 'button')], versions=(4,)),
    }
    return {k: c for k, c in out.items() if version in c.versions}


def boosts(version: int) -> dict[str, Case]:
    page = '<html><head><title>Next</title></head><body><h1 id="next">next</h1></body></html>'
    out = {}
    for i, (a, inner) in enumerate(product(['hx-boost="true"', 'hx-boost:inherited="true"', 'hx-boost="false"', 'hx-boost="true" hx-target="#t"', 'hx-boost:inherited="true" hx-target:inherited="#t"'],
                                           ['<a href="/r/x">a</a>', '<a href="/r/x" target="_self">a</a>', '<a href="#x">a</a>', '<a href="/r/x" hx-boost="true" hx-push-url="false">a</a>',
                                            '<form action="/r/x"><input name="q" value="1"><button id="go" name="b" value="2">g</button></form>', '<form method="post" action="/r/x?z=1"><input name="q" value="1"><button id="go">g</button></form>'])):
        out[f'boost-{i}'] = Case(f'<div {a}>{inner}</div><p id="t">t</p>', {'x': page}, [('click', '#go' if 'form' in inner else 'a')])
    return out


def navigations(version: int) -> dict[str, Case]:
    page = '<!doctype html><html><head><title>Next</title></head><body><h1 id="next">next</h1></body></html>'
    links = ['/r/x', '/r/x?y=1#z', '#frag', 'x', '?q=2', '/r/redirect']
    out = {f'link-{i}': Case(f'<p><a href="{h}"><b>a</b></a></p>', {'x': page, 'redirect': (302, {'Location': '/r/x'}, '')}, [('click', 'b')]) for i, h in enumerate(links) if h not in ('x', '?q=2')}
    out |= {f'form-{i}': Case(f'<form {a}><input name="q" value="a b&amp;~*"><button name="go">go</button></form>', {'x': page, 'redirect': (303, {'Location': '/r/x'}, '')}, [('fill', '[name=q]', 'é +'), ('click', 'button')])
            for i, a in enumerate(['action="/r/x"', 'action="/r/x" method="post"', 'action="/r/redirect" method="post"', 'action="/r/x" method="put"'])}
    return out


MORPHS = ['<li>a</li><li>b</li>', '<li id="1">a</li><li id="2">b</li><li id="3">c</li>', '<li id="3">c</li><li id="1">x</li>', '<li>b</li><li id="2">B</li><li>z</li>', '<li id="2"><input id="i" value="n"></li>',
          '<p>p</p><li id="1"><b id="in">deep</b></li>', '<li id="in">moved</li><li id="1">q</li>', 'text<li>a</li>text', '<li class="k" id="1">a<!--c--></li>', '', '<li><input id="i" name="j"></li><li id="2"></li>',
          '<li id="2">2</li><li id="2">again</li>', '<div><li id="1">1</li></div>', '<li><b id="in">x</b></li><li id="1">y</li>']


def morphs(version: int) -> dict[str, Case]:
    out = {}
    for (i, before), (j, after) in product(enumerate(MORPHS), repeat=2):
        if (i + 3*j) % 6 and i != j: continue
        for k, style in enumerate(['innerMorph', 'outerMorph'] if version == 4 else ['morph:innerHTML', 'morph']):
            if version == 2 and ('text' in before + after): continue
            text = after if k == 0 else f'<ul id="t" class="new">{after}</ul>'
            out[f'morph-{i}-{j}-{k}'] = Case(f'<div{" hx-ext=morph" if version == 2 else ""}><button hx-get="/r/x" hx-target="#t" hx-swap="{style}">go</button><ul id="t">{before}</ul></div>', {'x': text}, [('click', 'button')])
    return out


def frames(version: int) -> dict[str, Case]:
    "wire.md 1.3, sockets: what each frame does, and what a form sends"
    said = ['<div id=note>x</div>', '<div id=note hx-swap-oob="true">x</div>', '<ul id=ul hx-swap-oob="beforeend"><li>two</li></ul>', '<li hx-swap-oob="beforeend:#ul">one</li>',
            '<section><div id=note hx-swap-oob="true">x</div></section>', '<p>no id</p>', 'hello', '5', 'true', '{"content":"<b>c</b>","target":"#note","swap":"beforeend"}', '{"payload":"<b>p</b>"}',
            '{"content":"<b>c</b><i>i</i>","select":"i"}', '<hx-partial hx-target=#note>part</hx-partial>', '{"x": 1}', '', '<tr id="row" hx-swap-oob="true"><td>new</td></tr>',
            '<tr id="row" hx-swap-oob="true"><td>new</td></tr><p id=note hx-swap-oob="true">n</p>', '<p id=note hx-swap-oob="true">1</p><p id=ul hx-swap-oob="true">2</p>',
            '<div id=note data-hx-swap-oob="innerHTML">y</div>', '<title>T</title><p id=note hx-swap-oob=true>x</p>', '<template><tr id="row" hx-swap-oob="true"><td>t</td></tr></template>']
    body = ('<p id="end"></p><div id="c" hx-ext="ws" {}="/r/ws" {}><p id="note"></p><ul id="ul"><li>0</li></ul><table><tbody id="tb"><tr id="row"><td>old</td></tr></tbody></table></div><i id="said"></i>')
    spell = ['ws-connect'] if version == 2 else ['ws-connect', 'hx-ws:connect']
    out = {}
    for (i, f), (j, name) in product(enumerate(said), enumerate(spell)):
        out[f'frame-{i}-{j}'] = Case(body.format(name, ''), frames=[f, '<p id="end" hx-swap-oob="true">end</p>'], done='#end')
    out |= {f'frame-attr-{i}': Case(body.format(spell[-1], a), frames=[said[0], said[5], '<p id="end" hx-swap-oob="true">end</p>'], done='#end')
            for i, a in enumerate(['hx-target="#note"', 'hx-swap="beforeend"', 'hx-select="p"'])}
    send = 'ws-send' if version == 2 else 'hx-ws:send'
    forms = [f'<form id="f" {send}><input name="msg" value="hi"><input name="n" value="1"><input name="n" value="2"><button id="go" name="b" value="x">go</button></form>',
             f'<form id="f"><input name="msg" value="hi"><button id="go" type="button" {send} name="b" value="x" hx-vals=\'{{"k": 1, "t": true}}\'>go</button></form>',
             f'<div id="go" {send} hx-vals=\'{{"k": [1, 2]}}\'><input name="q" value="z"></div>', f'<input name="q" value="z" id="go" {send} hx-trigger="click">',
             f'<form {send} hx-include="#inc" hx-target="#said"><input name="h" type="checkbox" checked><button id="go">x</button></form>']
    for i, f in enumerate(forms):
        out[f'frame-send-{i}'] = Case(f'<input id="inc" name="inc" value="i"><div hx-ext="ws" {spell[-1]}="/r/ws">{f}</div><i id="said"></i>', {}, [('click', '#go'), ('wait', '#said')])
    return out


def streams(version: int) -> dict[str, Case]:
    "wire.md 1.3, streams: what each event does"
    events = ['data: <b>a</b>\n\n', 'data: <b>a</b>\ndata: <i>b</i>\n\n', 'event: message\ndata: x\n\n', 'event: tick\ndata: <u>tick</u>\n\n', 'event: close\ndata:\n\n', ': ping\n\n', 'id: 1\ndata: with id\n\n',
              'retry: 2000\n\n', 'data\n\n', 'data:\n\n', 'event: tick\n\n', 'data: <p id="side" hx-swap-oob="true">oob</p>\n\n', 'data: <hx-partial hx-target="#side">part</hx-partial>\n\n',
              'data: a\u2028b\n\n', 'data: x\r\n\r\n', 'event: other\ndata: nobody\n\n', 'data: <tr><td>1</td></tr><p>x</p>\n\n']
    mark = 'event: endmark\ndata: <hx-partial hx-target="#end">end</hx-partial>end\n\n' if version == 2 else 'data: <hx-partial hx-target="#end">end</hx-partial>\n\n'
    connect = ['sse-connect="/r/sse"'] if version == 2 else ['hx-sse:connect="/r/sse"', 'sse-connect="/r/sse" sse-close="never"']
    out = {}
    for (i, e), (j, c), (k, a) in product(enumerate(events), enumerate(connect), enumerate(['', 'hx-swap="beforeend"', 'hx-target="#side"'])):
        if version == 2: body = f'<div hx-ext="sse" {c}><div id="in" sse-swap="message" {a}>in</div><p sse-swap="tick" id="tick">t</p><p id="end" sse-swap="endmark"></p><q hx-get="/r/t" hx-trigger="sse:tick">q</q></div><p id="side">side</p>'
        else: body = f'<p id="end"></p><div id="in" {c} {a}>in</div><p id="side">side</p><q hx-get="/r/t" hx-trigger="tick from:#in">q</q>'
        if 'close' in e and version == 2: continue
        out[f'stream-{i}-{j}-{k}'] = Case(body, events=[e, mark], done='#end')
    return out


HELPERS = to_html(fhjsscr)
HTML, JSON, PLAIN = ({'Content-Type': o} for o in ('text/html; charset=utf-8', 'application/json', 'text/plain; charset=utf-8'))
LONG = '<title>T</title><main><h1>Broken</h1><p>It is</p><p>third</p>' + '<p>more words of it</p>'*50 + '</main>'
TOASTS = {'FH-Toasts': '%3Cdiv%20class%3D%22fh-toast%22%3Esaved%20%C3%BC%3C%2Fdiv%3E'}
FAILURES: list[tuple[int, dict, str]] = [
    (403, HTML, '<main class="container"><h1>403 Forbidden</h1><p>because</p></main>'), (404, HTML, '<b>not</b> found'), (500, HTML, ''), (500, HTML, LONG),
    (500, HTML, '<!doctype html><html><head><title>500</title></head><body><main><h1>500</h1></main></body></html>'), (409, HTML, '<form><h1>F</h1><p>p</p></form>'),
    (409, JSON, '{"detail": "taken <b>"}'), (409, JSON, '{"detail": {"a": 1}}'), (409, JSON, '[1'), (409, JSON, '[1]'), (503, PLAIN, ' <b>plain</b> '), (503, PLAIN, ''),
    (422, HTML, '<i>wrong</i>'), (403, HTML | {'HX-Retarget': '#t'}, '<i>there</i>'), (403, HTML | {'HX-Reswap': 'beforeend'}, '<i>here</i>'),
    (400, HTML, '<script>1</script><style>x</style><p>said</p>'), (200, HTML | TOASTS, ''), (204, TOASTS, ''), (500, HTML | TOASTS, '<p>failed</p>'),
    (404, HTML, '<p id="t" hx-swap-oob="true">oob of a failure</p>')]


SELECTORS = ['go from:closest div', 'go from:closest div once', 'click, go from:find b', 'go from:next button', 'go from:next once', 'go target:(#src, b) from:closest div',
             'go from:(#src, #o b)', 'go from:{closest div} once', "go from:(button[id='src'])", 'go from:(div, b[x=&quot;1&quot;])', 'go from:closest (div)', 'go from:#src']


def helped(version: int) -> dict[str, Case]:
    "What the library's own script adds: failures, toasts, pushes that morph, events with a name, content without a place"
    out = {}
    def case(name, *args, **kw): out[f'helped-{name}'] = Case(*args, head=HELPERS, **kw)
    for (i, said), attrs in product(enumerate(FAILURES), ['', 'hx-status:4xx="target:#t"']):
        if attrs and (version == 2 or i % 3): continue
        body = f'<form id="f"><button hx-post="/r/x" hx-target="#out" {attrs}>go</button></form><div id="out">old</div><p id="t">t</p>'
        case(f'failure-{i}-{len(attrs)}', body, {'x': said}, [('click', 'button')])
    case('failures', '<button id="go" hx-get="/r/x" hx-target="#out">go</button><div id="out">old</div>', {'x': FAILURES[0]}, [('click', '#go'), ('click', '#go')])
    case('dismissed', '<button id="go" hx-get="/r/x" hx-target="#out">go</button><div id="out">old</div>', {'x': FAILURES[0]},
         [('click', '#go'), ('click', 'button.fh-toast-dismiss')])
    for i, style in enumerate(['morph', 'outerHTML']):
        case(f'style-{i}', f'<button hx-get="/r/x" hx-target="#t" hx-swap="{style}">go</button><ul id="t"><li id="a">1</li><li>2</li></ul>',
             {'x': '<ul id="t" class="k"><li>0</li><li id="a">1</li></ul>'}, [('click', 'button')])
        case(f'style-oob-{i}', '<button hx-get="/r/x" hx-swap="none">go</button><ul id="t"><li id="a">1</li><li>2</li></ul>',
             {'x': f'<ul id="t" hx-swap-oob="{style}"><li>0</li><li id="a">1</li></ul>'}, [('click', 'button')])
    for i, name in enumerate(['hx-disable', 'hx-disable="true"', 'data-hx-disable', 'hx-ignore', 'hx-ignore="true"']):   # of either version
        case(f'named-{i}', f'<div id="z" {name}><button id="off" hx-get="/r/off">off</button></div>'
             '<button id="go" hx-get="/r/x" hx-target="#z" hx-swap="outerHTML">go</button><button id="end" hx-get="/r/end" hx-target="#z">end</button>',
             {'x': f'<div id="z"><b {name}><button id="off2" hx-get="/r/off">off</button></b></div>'},
             [('click', '#off'), ('click', '#go'), ('click', '#off2'), ('click', '#end')])
    around = ('<div id="o"><section id="e" hx-get="/r/x" hx-swap="beforeend" hx-trigger="{}"><b>e</b></section><button id="src">s</button><p id="more"></p>'
              '<button id="go" hx-get="/r/more" hx-target="#more">go</button></div>')
    for i, t in enumerate(SELECTORS):   # of several words, which htmx 4 wants in quotes; also in what a response brings
        case(f'trigger-{i}', around.format(t), {'more': f'<i hx-get="/r/new" hx-trigger="{t}"><b>n</b></i>'},
             [('trigger', '#src', 'go'), ('trigger', '#e b', 'go'), ('trigger', '#o', 'go'), ('click', '#go'), ('trigger', '#more b', 'go'), ('trigger', '#o', 'go')],
             at_once=4 if '(div, b' in t else 2)   # two events with two requests each
    listens = ['hx-on::after-request="this.reset()"', 'hx-on::after-request="if (event.detail.successful) this.reset()"', 'hx-on--after-request="this.reset()"',
               'hx-on-submit="this.reset()"', 'hx-on::before-request="this.reset()" data-hx-on::after-request="this.remove()"']
    for (i, attrs), said in product(enumerate(listens), [(200, HTML, ''), FAILURES[0]]):   # by the names of htmx 2
        case(f'listens-{i}-{said[0]}', f'<form hx-post="/r/x" hx-target="#t" {attrs}><input name="a"><button>go</button></form><p id="t"></p>', {'x': said},
             [('fill', '[name=a]', 'mine'), ('click', 'button')])
    send = '<form ws-send hx-on::ws-after-send="this.reset()"><input name="a"><button>go</button></form>'
    case('listens-socket', f'<div hx-ext="ws" ws-connect="/r/ws">{send}</div><i id="said"></i>', {}, [('fill', '[name=a]', 'mine'), ('click', 'button'), ('wait', '#said')])
    for i, go in enumerate(['find button', 'this']):   # what is on the page afterwards
        case(f'named-kept-{i}', f'<div hx-disable><b>x</b></div><form hx-get="/r/x" hx-disabled-elt="{go}"><button id="go">go</button></form>',
             {'x': '<p hx-disable>new</p><i data-hx-disable="true" hx-disabled-elt="this">i</i>'}, [('click', '#go')])
    for i, style in enumerate(['outerHTML', 'innerHTML', 'none', 'beforeend', 'innerHTML swapEmpty:false']):   # nothing but what goes elsewhere
        body = f'<ul><li><button hx-get="/r/x" hx-target="closest li" hx-swap="{style}">go</button></li></ul><p id="o">old</p>'
        case(f'only-oob-{i}', body, {'x': '<p id="o" hx-swap-oob="true">new</p>'}, [('click', 'button')])
        if i < 2: out[f'helped-only-oob-kept-{i}'] = Case(body, {'x': '<p id="o" hx-swap-oob="true">new</p>'}, [('click', 'button')],
                                                          head='<meta name="htmx-config" content=\'{"allowEmptySwapAfterOOB": false}\'>' + HELPERS)
    late = {'HX-Trigger-After-Swap': 'a, b', 'HX-Trigger-After-Settle': '{"c": 1, "d": {"x": 2}}'}
    for status, head, name in product([200, 409, 422, 204], [late, late | {'HX-Location': '/r/there'}], 'bd'):   # one listener: what is asked has an order
        case(f'late-{status}-{len(head)}-{name}', '<button hx-get="/r/x" hx-target="#out">go</button><div id="out">old</div>'
             f'<i hx-get="/r/{name}" hx-trigger="{name} from:body">{name}</i>', {'x': (status, head, 'new' if status != 204 else '')}, [('click', 'button')])
    said = ['bare text', '<b>bare</b>', '<b>bare</b><p id="note" hx-swap-oob="true">n</p>', '<p id="note" hx-swap-oob="true">n <button>b</button></p>',
            '<form id="f" hx-swap-oob="true"><input name="a" value="new"><textarea name="t">new</textarea><select name="s"><option>1<option selected>2</select></form>',
            '<p id="note" hx-swap-oob="morph">m</p>', '<p hx-swap-oob="morph:#note" id="note">m</p>', '<circle id="dot" r="9" hx-swap-oob="true"/>', ' ', '{"a": 1}',
            '<p id="note" hx-swap-oob="true"><script type="text/plain">x</script></p>', '<b hx-swap-oob="beforeend:#note">appended</b>',
            '<p id="note">n <button>b</button></p>\n', ' text <p id="note">n</p><i>i</i>', '<p id="nowhere">n</p>', '<tr id="row"><td>new</td></tr><p id="note">m</p>',
            '<p id="note">n</p><p id="side" hx-swap-oob="true">s</p>', '"<p id=note>n</p>"', '<circle id="dot" r="9"/>']
    inner = ('<p id="note">old <button>b</button></p><form id="f"><input name="a"><textarea name="t"></textarea><select name="s"><option>1<option>2</select></form>'
             '<svg><circle id="dot" r="1"/></svg><table><tr id="row"><td>old</td></tr></table>')
    for (i, f), (j, a) in product(enumerate(said), enumerate(['', 'hx-target="#side"', 'hx-swap="beforeend"'])):
        if j and i not in (0, 1, 2): continue
        case(f'frame-{i}-{j}', f'<p id="end"></p><div id="c" hx-ext="ws" ws-connect="/r/ws" {a}>{inner}</div><p id="side">side</p>',
             frames=[f, '<p id="end" hx-swap-oob="true">end</p>'], done='#end')
    events = ['event: tick\ndata: <b>t</b>\n\n', 'data: <b>m</b>\n\n', 'event: other\ndata: x\n\n', 'event: tick\ndata: <p id="note" hx-swap-oob="true">oob</p>\n\n', 'event: tick\ndata: 1\n\nevent: tick\ndata: 2\n\n']
    bodies = ['<div hx-ext="sse" sse-connect="/r/sse"><p id="a" sse-swap="tick">a</p><p id="b" sse-swap="tick, message" hx-swap="beforeend">b</p><p id="note">n</p>{}</div>',
              '<div hx-ext="sse" sse-connect="/r/sse" sse-swap="message"><p id="note">n</p>{}</div>',
              '<div hx-ext="sse" sse-connect="/r/sse"><q hx-get="/r/t" hx-trigger="sse:tick">q</q><p id="note" sse-swap="message">n</p>{}</div>',
              '<div hx-ext="sse" sse-connect="/r/sse"><p sse-swap="tick" hx-target="#side">a</p><p id="note" sse-swap="message">n</p>{}</div><p id="side">s</p>']
    mark = '<p id="end" sse-swap="endmark"></p>'
    for (i, e), (j, b) in product(enumerate(events), enumerate(bodies)):
        if j == 1 and i == 1: continue
        case(f'event-{i}-{j}', b.format(mark), events=[e, 'event: endmark\ndata: end\n\n'], done='#end')
    for i, (target, old) in enumerate([('.r', '<p class="r">0</p>'), ('#n', '<p id="n">0</p>'), ('#n', '<p id="n"><i>0</i></p>')]):
        events = [f'data: {old.replace("0", str(n))}\n\n' for n in range(1, 4)]
        end = '<p id="end"></p>'
        case(f'place-{i}', f'{end}<div hx-ext="sse" sse-connect="/r/sse" sse-swap="message" hx-target="{target}" hx-swap="outerHTML"></div>{old}',
             events=[*events, 'data: <hx-partial hx-target="#end">end</hx-partial>\n\n'] if version == 4 else
             [*events, 'data: <p id="end" hx-swap-oob="true">end</p>' + old.replace('0', '3') + '\n\n'], done='#end')
    return out


def history(version: int) -> dict[str, Case]:
    "Back and forward, after links, boosted links, pushed and replaced addresses"
    plain = '<a id="one" href="/r/one">1</a><a id="two" href="/r/two#h">2</a><p id="t">start</p>'
    boosted = f'<div hx-boost="true" hx-boost:inherited="true">{plain}</div>'
    pushed = ('<button id="one" hx-get="/r/one" hx-target="#t" hx-push-url="true">1</button>'
              '<button id="two" hx-get="/r/two" hx-target="#t" hx-push-url="/r/other">2</button>'
              '<button id="three" hx-get="/r/three" hx-target="#t" hx-replace-url="true">3</button><p id="t">start</p><input id="i" value="v">')
    # A page of the answers has htmx too, so that one may go on from there
    scripts = ''.join(f'<script src="/nm/{name}"></script>' for name in SCRIPTS[version])
    def page(word: str) -> str:
        links = '<a id="one" href="/r/one">1</a><a id="two" href="/r/two">2</a>'
        return f'<html><head><title>{word}</title><script src="/probe.js"></script>{scripts}</head><body><div hx-boost="true">{links}</div><p id="t">{word}</p></body></html>'
    pages = {name: page(name) for name in ('one', 'two', 'three', 'other')}
    parts = {name: f'<b>{name}</b>' for name in ('one', 'two', 'three')} | {'other': page('other')}
    ways = [[('click', '#one'), ('back',)], [('click', '#one'), ('back',), ('forward',)], [('click', '#one'), ('click', '#two'), ('back',)],
            [('click', '#one'), ('click', '#two'), ('back',), ('back',)], [('click', '#one'), ('click', '#two'), ('back',), ('back',), ('forward',)]]
    out = {}
    for i, way in enumerate(ways):
        out[f'history-pushed-{i}'] = Case(pushed, parts, way)
        if version == 2: out[f'history-boosted-{i}'] = Case(boosted, pages, way)
    out['history-replaced'] = Case(pushed, parts, [('click', '#one'), ('click', '#three'), ('back',)])
    out['history-typed'] = Case(pushed, parts, [('fill', '#i', 'typed'), ('click', '#one'), ('back',)])
    return out


def odd(version: int) -> dict[str, Case]:
    "Odd ids, templates, forms in forms, parts out of band that hit themselves or each other"
    out = {}
    go = '<button id="go" hx-get="/r/x" hx-target="#out">go</button><div id="out">old <i id="inner">i</i></div>'
    for i, id in enumerate(['a b', 'a&quot;b', '1', '1a', 'ü', 'a.b#c', 'a:b', '[x]', "it's", '-', '--x', 'a\\\\b', ' a', '{}', '日本', 'A', '#', 'null']):
        out[f'odd-id-{i}'] = Case(f'{go}<p id="{id}">old</p>', {'x': f'<b>main</b><p id="{id}" hx-swap-oob="true">new</p>'}, [('click', '#go')])
        out[f'odd-partial-{i}'] = Case(f'{go}<p id="{id}">old</p>', {'x': f'<hx-partial id="{id}">new</hx-partial>'}, [('click', '#go')])
    for i, tag in enumerate(['a href="#"', 'p', 'b hx-trigger="click once"', 'button', 'input type="button"', 'label']):   # what a disabled fieldset disables
        el = f'<{tag} class="el" hx-get="/r/x" hx-target="#out">x</{tag.split()[0]}>'.replace('</input>', '')
        out[f'odd-fieldset-{i}'] = Case(f'<fieldset disabled><legend>{el}</legend>{el if i < 3 else ""}</fieldset><div id="out">old</div>', {'x': '<i>n</i>'},
                                        [('click', 'legend .el'), *([('click', 'fieldset > .el')] if i < 3 else [])])
    answers = [
        '<div id="out" hx-swap-oob="true">self</div>', '<div id="out" hx-swap-oob="true"><div id="out" hx-swap-oob="true">twice</div></div>', '<p id="inner" hx-swap-oob="true">x</p>main',
        '<div id="out">new <i id="inner">n</i></div><i id="inner" hx-swap-oob="true">oob</i>', '<p id="a" hx-swap-oob="true">1</p><p id="a" hx-swap-oob="true">2</p>',
        '<form id="f"><form id="g"><input name="n"></form></form>', '<template><p id="a" hx-swap-oob="true">t</p></template>', '<template id="tpl" hx-swap-oob="true"><b>new</b></template>',
        '<p id="tin" hx-swap-oob="true">in a template</p>', '<button>a<button>b</button></button>', '<table><p>out</p><tr><td>1</table>', '<a href="#1">1<a href="#2">2</a></a>',
        '<p id="a" hx-swap-oob="outerHTML:#out">x</p>', '<p hx-swap-oob="delete:#out"></p><p id="a" hx-swap-oob="true">1</p>', '<!-- only --><!---->', '<svg><p>in</p><title>t</title></svg>', '&lt;b&gt;',
        '<p id="a" hx-swap-oob="innerHTML:#out #inner">x</p>', '<ul id="a" hx-swap-oob="afterend"><li>1<li>2</ul>', '<plaintext>', '<p id="a" hx-swap-oob=" true ">x</p>', '<P ID="a" HX-SWAP-OOB="true">x</P>']
    side = '<p id="a">a</p><template id="tpl"><b>t</b><p id="tin">in</p></template>'
    for i, text in enumerate(answers):
        if text == '<plaintext>': continue   # it would swallow the end of its own wrapper
        out[f'odd-answer-{i}'] = Case(go + side, {'x': text}, [('click', '#go')])
        out[f'odd-outer-{i}'] = Case(go.replace('hx-target="#out"', 'hx-target="#out" hx-swap="outerHTML"') + side, {'x': text}, [('click', '#go')])
    return out


FIELDS = ('<div id="t"><input id="a" name="a" value="v"><input id="b" name="b"><input type="checkbox" id="c" name="c" value="1"><input type="radio" name="r" value="1">'
          '<input type="radio" name="r" value="2" checked><select id="s" name="s"><option value="1">1<option value="2">2<option value="3">3</select>'
          '<select id="m" name="m" multiple><option selected>p<option>q<option>z</select><textarea id="x" name="x">text</textarea></div>')
CHANGES = [(' value="v"', ' value="w"'), (' value="v"', ''), ('name="b"', 'name="b" value="new"'), ('name="c" value="1"', 'name="c" value="1" checked'), ('<option value="3">', '<option value="3" selected>'),
           ('<option>q', '<option selected>q'), ('>text<', '>other<'), ('<input id="b" name="b">', ''), ('', '')]


def entered(version: int) -> dict[str, Case]:
    "What a morph does to what a visitor has entered"
    steps = [('fill', '#a', 'typed'), ('fill', '#b', 'typed'), ('fill', '#c', True), ('fill', '[name=r]', '1'), ('fill', '#s', '2'), ('fill', '#m', ['z']), ('fill', '#x', 'typed'), ('click', '#go')]
    out = {}
    for i, ((before, after), style) in enumerate(product(CHANGES, ['innerMorph', 'outerMorph'] if version == 4 else ['morph:innerHTML', 'morph'])):
        text = FIELDS.replace(before, after) if before else FIELDS
        if 'inner' in style: text = text.removeprefix('<div id="t">').removesuffix('</div>')
        out[f'entered-{i}'] = Case(f'<div{" hx-ext=morph" if version == 2 else ""}><button id="go" hx-get="/r/x" hx-target="#t" hx-swap="{style}">go</button>{FIELDS}</div>', {'x': text}, steps)
    return out


def turns(version: int) -> dict[str, Case]:
    "Several events at once: what is asked while a response is awaited; what buttons and links send; values of controls"
    out, trigger = {}, 'hx-trigger="keydown, input, keyup, change"'
    queues = [trigger, *(f'hx-trigger="keydown, input queue:{q}, keyup queue:{q}, change queue:{q}"' for q in ('first', 'all', 'none')), 'hx-trigger="input once, change"', 'hx-trigger="keydown once, input once"',
              'hx-trigger="input throttle:80ms, change"', 'hx-trigger="keydown throttle:80ms, input throttle:80ms"', 'hx-trigger="input changed, keyup changed"', 'hx-trigger="keyup delay:20ms, change delay:5ms"',
              *(f'{trigger} hx-sync="{o}"' for o in ('this', 'this:drop', 'this:abort', 'this:queue', 'this:queue first', 'this:queue all', 'closest form:queue last', '#none:drop', 'find b'))]
    for i, (attrs, swap) in enumerate([*((o, 'beforeend') for o in queues), *((o, 'outerHTML') for o in queues[:4])]):
        target = '#out' if swap == 'beforeend' else 'this'
        out[f'turns-{i}'] = Case(f'<form id="f"><input name="q" hx-post="/r/x" hx-target="{target}" hx-swap="{swap}" {attrs}><b>b</b></form><div id="out"></div>', {}, [('fill', '[name=q]', 'ab')])
    # without `abort`: whether a request has left before it is taken back is a race in every browser
    for i, sync in enumerate(['#f:drop', '#f:queue all', '#f:queue first']):
        out[f'turns-two-{i}'] = Case(f'<form id="f" hx-post="/r/form" hx-trigger="change" hx-target="#out" hx-swap="beforeend"><input name="q" hx-post="/r/x" hx-target="#out" hx-swap="beforeend" hx-trigger="change" hx-sync="{sync}"></form><div id="out"></div>',
                                     {}, [('fill', '[name=q]', 'ab')])
    page = '<html><head><title>Next</title></head><body><h1>next</h1></body></html>'
    for i, form in enumerate(['<form id="f" hx-post="/r/x" hx-swap="none"></form><button id="go" form="f" name="b" value="1" {}>go</button>', '<form action="/r/next"><button id="go" hx-on:click="this.remove()" {}>go</button></form>',
                              '<form action="/r/next" hx-on:submit="this.reset()"><button id="go" {}>go</button></form>', '<a id="go" href="/r/next" download {}>go</a>']):
        for j, more in enumerate(['', 'type="submit"'][:2 if i == 0 else 1]): out[f'turns-button-{i}-{j}'] = Case(form.format(more), {'next': page}, [('click', '#go')], alone=True)
    out['turns-vals'] = Case('<div hx-vals=\'{"up": 1, "x": 0}\' hx-vals:inherited=\'{"up": 1, "x": 0}\'><button hx-post="/r/x" hx-vals=\'{"x": 1}\' hx-swap="none">go</button></div>', {}, [('click', 'button')])
    for i, (kind, value) in enumerate([('range', '80'), ('range', '33" step="10'), ('range', '7" min="5" max="6'), ('range', '1.26" step="any'), ('color', 'RED'), ('color', '#abc'), ('color', '#ABCDEF'), ('color', 'none')]):
        out[f'turns-kind-{i}'] = Case(f'<form hx-post="/r/x" hx-swap="none"><input type="{kind}" name="a" value="{value}"><datalist><input name="d" value="x"></datalist><button>go</button></form>', {}, [('click', 'button')])
    return out


WORDS = ['alpha', 'beta &amp; co', 'é', '1', '']


def random_html(rng: random.Random, depth: int = 0) -> str:
    tag = rng.choice(['p', 'div', 'ul', 'li', 'span', 'table', 'tr', 'td', 'b', 'input', 'option', 'textarea', 'section', 'a', 'h1'])
    attrs = rng.choice(['', '', f' id="n{rng.randrange(6)}"', ' class="k"', f' id="n{rng.randrange(6)}" class="z"'])
    if rng.random() < .15: attrs += f' hx-swap-oob="{rng.choice(["true", "innerHTML", "beforeend:#n1", "outerHTML:#n2", "delete:#n3"])}"'
    if rng.random() < .1: attrs += f' hx-get="/r/{rng.choice("xyz")}" hx-trigger="{rng.choice(["load once", "click", "go from:body"])}"'
    if tag == 'input': return f'<input{attrs} name="i{rng.randrange(3)}" value="{rng.choice(WORDS)}"{rng.choice(["", " checked type=checkbox"])}>'
    inner = ''.join(rng.choice([random_html(rng, depth + 1) if depth < 3 else '', rng.choice(WORDS)]) for _ in range(rng.randrange(4)))
    return f'<{tag}{attrs}>{inner}</{tag}>'


def random_pages(version: int, n: int = 100, seed: int = 20261127) -> dict[str, Case]:
    "Pages, answers and actions of a seeded generator"
    rng, out = random.Random(f'{seed}-{version}'), {}
    styles = STYLES + (MORE4 if version == 4 else [])
    for i in range(n):
        style, target = rng.choice(styles), rng.choice(['#n0', '#n1', '#n2', 'next div', 'closest section', 'this', '#out'])
        extra = rng.choice(['', '', 'hx-select="p,li,div"', 'hx-select-oob="#n2"', 'hx-push-url="true"', 'hx-include="closest section"'])
        body = (f'<section><form><input name="own" value="1"><button type="button" id="go" hx-{rng.choice(["get", "post"])}="/r/x" hx-target="{target}" hx-swap="{style}" {extra}>go</button></form></section>'
                f'<div id="out">{"".join(random_html(rng) for _ in range(3))}</div>')
        answers = {name: ''.join(random_html(rng) for _ in range(rng.randrange(1, 4))) for name in 'xy'} | {'z': 'z'}
        answers = {name: text.replace('load once', 'click') if name != 'x' else text.replace('/r/x', '/r/z').replace('/r/y', '/r/z') for name, text in answers.items()}
        out[f'random-{i}'] = Case(body.replace('load once', 'click'), answers, [('click', '#go'), ('trigger', 'body', 'go')])
    return out


def group(make, version: int) -> dict[str, Case]:
    """The cases of a group; those of the history have documents of their own.

    The others follow each other in one: either htmx asks nothing for an element that is no longer there, wherever it listens.

    Each version of htmx gets every second case, the other version the rest; with FASTHTML_PAIRS=all each gets all.
    """
    every = os.environ.get('FASTHTML_PAIRS') == 'all'
    cases = {key: case for i, (key, case) in enumerate(make(version).items()) if every or i % 2 == (version == 4)}
    for case in cases.values(): case.alone |= make is history
    return cases


GROUPS = {f.__name__: f for f in (swaps, oob, partials, selects, targets, responses, values, fills, triggers, chains, boosts, navigations, morphs,
                                  frames, streams, helped, random_pages, history, odd, entered, turns)}
