"""Pages and actions, tried in the page client and in Chromium with the real htmx, and compared.

A `Case` is a page, the answers of a server and what a visitor does. `TableApp` is that server, and knows nothing of the library.
What is compared: the document with the state of its controls, title and address, and every request that reached the server.
"""
import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from fasthtml.testing import Client
from fasthtml.testing.dom import content_of, is_element
from fasthtml.testing.fields import kind_of
from support import NODE_MODULES

SCRIPTS = {2: {'htmx.org@2.0.11/dist/htmx.min.js': 'htmx.org', 'htmx-ext-ws@2.0.4/dist/ws.min.js': 'htmx-ext-ws',
               'htmx-ext-sse@2.2.4/dist/sse.min.js': 'htmx-ext-sse', 'idiomorph@0.8.0/dist/idiomorph-ext.min.js': 'idiomorph'},
           4: dict.fromkeys([f'htmx.org@4.0.1/dist/{o}.min.js' for o in ('htmx', 'ext/hx-ws', 'ext/hx-sse')], 'htmx4')}
# Counts what is under way (requests, their bodies, timers), so that the driver knows when a page has become quiet
PROBE = '''
window.probe = {open: 0};
const real = window.setTimeout, count = n => { probe.open += n; }, end = () => real(count, 0, -1);
window.setTimeout = (f, ms = 0, ...a) => {
    if (ms > 1500) return real(f, ms, ...a);
    count(1);
    const id = real(() => { try { f(...a); } finally { if (pending.delete(id)) end(); } }, ms);
    pending.add(id);
    return id;
};
const pending = new Set(), clear = window.clearTimeout;
window.clearTimeout = id => { if (pending.delete(id)) end(); clear(id); };
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...a) { count(1); this.addEventListener('loadend', end); return send.apply(this, a); };
const realFetch = window.fetch;
window.fetch = async (...a) => {
    count(1);
    try {
        const response = await realFetch(...a), text = response.text;
        response.text = async () => { count(1); try { return await text.call(response); } finally { end(); } };
        return response;
    } finally { end(); }
};
navigation.addEventListener('navigate', e => { if (!e.destination.sameDocument && e.downloadRequest === null) count(1); });
window.confirm = () => true;
window.prompt = () => 'answer';
'''


@dataclass
class Case:
    "A page, what the server answers, and what the visitor does"
    body: str
    answers: dict[str, Any] = field(default_factory=dict) # Name → text, or (status, headers, text)
    actions: list[tuple] = field(default_factory=list)    # (verb, selector, value)
    head: str = ''
    frames: list[str] = field(default_factory=list)       # What the socket sends
    events: list[str] = field(default_factory=list)       # What the stream sends, as bytes on the wire
    alone: bool = False                                   # Needs a document of its own
    done: str = ''                                        # Waited for before the actions: selector of an element with the text "end"
    name: str = ''
    versions: tuple[int, ...] = (2, 4)
    at_once: int = 0                                      # How many of its last requests are made for one event: they come in any order

    def text(self, key: str, version: int) -> str:
        scripts = ''.join(f'<script src="/nm/{name}"></script>' for name in SCRIPTS[version])
        body = rooted(self.body, key, version)
        return (f'<!doctype html><html><head><title>Case</title><script src="/probe.js"></script>{self.head}{scripts}</head>'
                f'<body>{body}</body></html>')


    def shared(self, key: str, version: int) -> str | None:
        "The body, if the case may follow another with its head in one document"
        return None if self.alone or self.frames or self.events else rooted(self.body, key, version)


def rooted(text: str, key: str, version: int) -> str: return text.replace('/r/', f'/c/{key}/{version}/')


class TableApp:
    "Answers from a table, and keeps what it was asked"
    def __init__(self, cases: dict[str, Case]):
        self.cases, self.seen, self.socketed = cases, {}, {}
        routes = [Route('/p/{key}/{version:int}', self.page), Route('/c/{key}/{version:int}/sse', self.sse),
                  Route('/c/{key}/{version:int}/{name:path}', self.answer, methods=['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
                  WebSocketRoute('/c/{key}/{version:int}/ws', self.ws), Route('/probe.js', self.probe),
                  Route('/driver', self.driver), Route('/empty', self.driver), Route('/nm/{name:path}', self.script)]
        self.app = Starlette(routes=routes)

    async def page(self, request: Request) -> Response:
        case = self.cases[request.path_params['key']]
        return HTMLResponse(case.text(request.path_params['key'], request.path_params['version']))

    async def driver(self, request: Request) -> Response: return HTMLResponse(f'<!doctype html><body><script>{DRIVER}</script></body>')
    async def probe(self, request: Request) -> Response: return Response(PROBE, media_type='text/javascript')
    async def script(self, request: Request) -> Response:
        name = request.path_params['name']
        package = {**SCRIPTS[2], **SCRIPTS[4]}[name]
        return FileResponse(NODE_MODULES/package/name.partition('/')[2], headers={'Cache-Control': 'max-age=3600'})

    async def answer(self, request: Request) -> Response:
        key, version, name = (request.path_params[o] for o in ('key', 'version', 'name'))
        self.seen.setdefault((key, version), []).append(await shape(request, f'/c/{key}/{version}/'))
        said = self.cases[key].answers.get(name, f'<p>{name}</p>')
        said = said.get(version, '') if isinstance(said, dict) else said
        status, headers, text = said if isinstance(said, tuple) else (200, {}, said)
        headers = {k: v.replace('/r/', f'/c/{key}/{version}/') for k, v in headers.items()}
        if request.headers.get('sec-fetch-mode') == 'navigate' and status not in (204, 205):
            text = '<script src="/probe.js"></script>' + text
        return HTMLResponse(rooted(text, key, version), status, {'Cache-Control': 'no-store'} | headers)

    async def ws(self, ws: WebSocket) -> None:
        key, version = ws.path_params['key'], ws.path_params['version']
        await ws.accept()
        for frame in self.cases[key].frames: await ws.send_text(frame)
        try:
            async for text in ws.iter_text():
                said = re.sub(r'https?://[^/"]+', '', text).replace(f'/c/{key}/{version}/', '/r/')
                self.seen.setdefault((key, version), []).append(('ws', json.loads(said)))
                await ws.send_text('<i id="said" hx-swap-oob="true">end</i>')
        except WebSocketDisconnect: pass

    async def sse(self, request: Request) -> Response:
        case = self.cases[request.path_params['key']]
        async def events():
            for event in case.events: yield event
            await asyncio.Event().wait()
        return StreamingResponse(events(), media_type='text/event-stream')


async def shape(request: Request, root: str) -> tuple:
    "A request without what the two clients may do differently"
    type_ = request.headers.get('content-type', '').partition(';')
    body = await request.body()
    boundary = re.search('boundary=(.+)', type_[2])
    text = body.decode('utf-8', 'replace')
    if boundary: text = text.replace(boundary[1].strip('"'), 'boundary')
    local = lambda s: re.sub(r'https?://[^/]+', '', s).replace(root, '/r/')
    headers = {k: local(v) for k, v in request.headers.items() if k.startswith('hx-')}
    return request.method, local(str(request.url)), type_[0] if body else '', local(text), headers


# What a document is

HOUSEKEEPING = re.compile(r'data-htmx-powered|data-hx-revealed|data-hx-(sse|ws):')

def dump_attrs(attrs: dict[str, str]) -> dict[str, str]:
    out = {k: v for k, v in attrs.items() if not HOUSEKEEPING.match(k)}
    if 'fh-toast' in out.get('class', ''): out.pop('style', None)   # a script gives it one where no style sheet has
    if out.get('style') == 'color: inherit;': del out['style']              # in such a message
    if 'class' in out:
        out['class'] = ' '.join(o for o in out['class'].split() if not o.startswith('htmx-'))
        if not out['class']: del out['class']
    return dict(sorted(out.items()))


def dump(node, fields) -> list:
    "An element as a nested list, with the state of its controls"
    children: list = []
    for child in content_of(node).children:
        if is_element(child): children.append(dump(child, fields))
        elif type(child).__name__ == 'Text':
            if children and isinstance(children[-1], str): children[-1] += child.data
            elif child.data: children.append(child.data)
    kind, state = kind_of(node), None
    if kind in ('checkbox', 'radio'): state = fields.is_checked(node)
    elif node.tag in ('input', 'textarea') and kind != 'file': state = fields.value(node)
    elif node.tag == 'option': state = fields.is_chosen(node)
    return [node.tag, dump_attrs({k: node.attr(k) or '' for k in node.attrs}), state, children]


DRIVER = r'''
window.sleep = ms => new Promise(done => setTimeout(done, ms));
async function settle(frame) {
    for (let i = 0, calm = 0; i < 700 && calm < 2; i++) {
        await sleep(12);   // each look costs
        try {
            const w = frame.contentWindow;
            calm = w && w.document.readyState === 'complete' && w.probe && w.probe.open === 0 ? calm + 1 : 0;
        } catch (e) { calm = 0; }
    }
}
const event = (w, name, more) => new w.Event(name, {bubbles: true, cancelable: true, ...more});
function fillIn(w, found, value) {
    const el = found[0];
    if (el.type === 'checkbox' && typeof value !== 'boolean') {
        for (const o of found) if (value.includes(o.value) !== o.checked) o.click();
        return;
    }
    if (el.type === 'radio') { found.find(o => o.value === value).click(); return; }
    if (el.type === 'checkbox') { if (el.checked !== value) el.click(); return; }
    el.dispatchEvent(event(w, 'focus', {bubbles: false}));
    if (el.type === 'file') {
        const files = new w.DataTransfer();
        for (const [name, text, type] of [value].flat(Array.isArray(value[0]) ? 1 : 0)) files.items.add(new w.File([text], name, {type}));
        el.files = files.files;
        el.dispatchEvent(event(w, 'input')); el.dispatchEvent(event(w, 'change'));
    } else if (el.tagName === 'SELECT') {
        const wanted = [value].flat();
        for (const o of el.options) o.selected = wanted.includes(o.value);
        el.dispatchEvent(event(w, 'input')); el.dispatchEvent(event(w, 'change'));
    } else if (el.value !== value) {
        const key = name => el.dispatchEvent(new w.KeyboardEvent(name, {bubbles: true, cancelable: true, key: value.slice(-1)}));
        key('keydown');
        el.value = value;
        el.dispatchEvent(event(w, 'input')); key('keyup'); el.dispatchEvent(event(w, 'change'));
    }
    el.dispatchEvent(event(w, 'blur', {bubbles: false}));
}
function enter(w, form) {
    const button = [...form.elements].find(o => o.type === 'submit') || w.document.querySelector('none');
    if (button) button.click(); else form.requestSubmit();
}
async function act(frame, [verb, selector, value]) {
    const w = frame.contentWindow, d = w.document;
    if (verb === 'wait') {
        for (let i = 0; i < 500; i++) {
            const el = frame.contentWindow.document.querySelector(selector);
            if (el && el.textContent === 'end') return;
            await sleep(10);
        }
        throw new Error('waited for ' + selector);
    }
    if (verb === 'back' || verb === 'forward') {
        const moved = new Promise(done => { for (const o of ['popstate', 'pagehide']) w.addEventListener(o, done, {once: true}); });
        w.history.go(verb === 'back' ? -1 : 1);
        await Promise.race([moved, sleep(3000)]);
        return;
    }
    const found = [...d.querySelectorAll(selector)], el = found[0];
    if (!el) throw new Error(verb + ': nothing matches ' + selector);
    if (verb === 'click') el.click();
    else if (verb === 'fill') fillIn(w, found, value);
    else if (verb === 'submit') enter(w, el);
    else if (verb === 'trigger') el.dispatchEvent(new w.CustomEvent(value, {bubbles: true, cancelable: true, detail: {}}));
    else if (verb === 'press') {
        const key = name => el.dispatchEvent(new w.KeyboardEvent(name, {bubbles: true, cancelable: true, key: value}));
        if (key('keydown') && value === 'Enter' && el.form) enter(w, el.form);
        key('keyup');
    }
    else throw new Error('what is ' + verb);
}
function dump(el) {
    const children = [];
    for (const c of (el.tagName === 'TEMPLATE' ? el.content : el).childNodes) {
        if (c.nodeType === 1) children.push(dump(c));
        else if (c.nodeType === 3) {
            if (typeof children.at(-1) === 'string') children[children.length - 1] += c.data;
            else if (c.data) children.push(c.data);
        }
    }
    let state = null;
    const tag = el.localName;
    if (el.type === 'checkbox' || el.type === 'radio') state = el.checked;
    else if ((tag === 'input' || tag === 'textarea') && el.type !== 'file') state = el.value;
    else if (tag === 'option') state = el.selected;
    return [tag, Object.fromEntries([...el.attributes].map(a => [a.name, a.value])), state, children];
}
async function fresh(path) {
    const frame = document.createElement('iframe');
    frame.src = path;
    frame.style.visibility = 'hidden';   // painting costs a fifth, and nothing here asks for it
    document.body.append(frame);
    await settle(frame);
    return frame;
}
async function reuse(frame, path, body) {
    const w = frame.contentWindow, d = w.document;
    w.history.replaceState(null, '', path);
    for (const a of [...d.body.attributes]) d.body.removeAttribute(a.name);
    w.htmx.config.history = w.htmx.config.historyEnabled = true;
    d.body.innerHTML = body;
    d.title = 'Case';
    w.htmx.process(d.body);
    await settle(frame);
}
async function run([key, version, actions, body, head], lane) {
    const path = `/p/${key}/${version}`, errors = [];
    const old = lane.frame?.contentWindow;
    if (body != null && lane.head === head && old?.htmx && old.document.body) await reuse(lane.frame, path, body);
    else { lane.frame?.remove(); lane.frame = await fresh(path); lane.head = head; }
    const frame = lane.frame;
    try {
        for (const action of actions) { await act(frame, action); await settle(frame); }
    } catch (e) { errors.push(String(e)); }
    const w = frame.contentWindow, l = w.location;
    const out = {body: w.document.body && dump(w.document.body), title: w.document.title, path: l.pathname + l.search + l.hash, errors};
    if (body == null) { frame.remove(); lane.frame = null; }
    return out;
}
async function runAll(jobs, lanes) {
    const out = {}, queue = [...jobs];
    await Promise.all(Array.from({length: lanes}, async () => {
        const lane = {};
        while (queue.length) { const job = queue.shift(); out[job[0]] = await run(job, lane); }
        lane.frame?.remove();
    }));
    return out;
}
'''


def clean(tree: list) -> list:
    return [tree[0], dump_attrs(tree[1]), tree[2], [clean(o) if isinstance(o, list) else o for o in tree[3]]]


def in_chromium(page, url: str, cases: dict[str, Case], version: int, lanes: int = 3) -> dict[str, dict]:
    "What each case comes to in Chromium"
    page.goto(f'{url}/driver')
    jobs = [[key, version, actions_of(case), case.shared(key, version), case.head] for key, case in cases.items()]
    travels = any(verb in ('back', 'forward') for case in cases.values() for verb, *_ in case.actions)
    if travels: lanes = 1   # frames of a tab share a history
    told = json.dumps([jobs, lanes])   # as texts, which Playwright passes on without looking into each list
    out = json.loads(page.evaluate('async told => JSON.stringify(await runAll(...JSON.parse(told)))', told))
    return {key: {**o, 'body': clean(o['body']) if o['body'] else None, 'path': local(o['path'], key, version)} for key, o in out.items()}


def local(path: str, key: str, version: int) -> str: return path.replace(f'/c/{key}/{version}/', '/r/')
def actions_of(case: Case) -> list:
    first = [('wait', case.done)] if case.done else []
    return [[*o, *[None]*(3 - len(o))] for o in (*first, *case.actions)]


def in_the_page_client(client: Client, key: str, case: Case, version: int) -> dict:
    "What a case comes to in the page client"
    errors: list[str] = []
    page = client.open('/empty')
    try:
        page.open(f'/p/{key}/{version}')
        client.advance(.05)
        for verb, selector, value in actions_of(case):
            if verb == 'wait': page.wait(selector, text='end')
            elif verb == 'fill':
                a_file = isinstance(value, list) and value and str(value[0]).endswith('.txt')
                page.fill(selector, tuple(value) if a_file else value)
            elif verb in ('back', 'forward'): getattr(page, verb)()
            elif verb in ('click', 'submit'): getattr(page, verb)(selector)
            else: getattr(page, verb)(selector, value)
            client.advance(.05)
    except Exception as e: errors.append(f'{type(e).__name__}: {e}')
    body = page.visit.dom.body
    out = {'body': dump(body, page.visit.fields) if body is not None else None, 'title': page.title,
           'path': local(page.path, key, version), 'errors': errors, 'warnings': page.warnings}
    page.close()
    return out
