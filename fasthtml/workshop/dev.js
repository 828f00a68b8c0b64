// What a page has while `fasthtml dev` serves it: it loads itself again after a change, and lists hints and pushes.
(() => {
  const {token, root} = document.currentScript.dataset, notes = [];
  let shown = false, place = null;

  // The panel: a corner button, or the key `?`
  const css = `:host {all: initial; position: fixed; right: 8px; bottom: 8px; z-index: 2147483647; font: 13px/1.45 system-ui, sans-serif}
    button {font: inherit; border: 1px solid #888; border-radius: 12px; padding: 2px 10px; background: #fff; color: #222; cursor: pointer;
            float: right}
    button.some {background: #b00020; color: #fff; border-color: #b00020}
    ol {clear: both; margin: 0 0 6px; padding: 8px 8px 8px 32px; width: min(46rem, 90vw); max-height: 60vh; overflow: auto; background: #fff;
        color: #222; border: 1px solid #888; border-radius: 6px; box-shadow: 0 2px 12px #0004; overflow-wrap: anywhere}
    li {margin: 0 0 6px} li.bad {color: #b00020} li b {font-weight: 600} small {color: #666}`;
  const draw = () => {
    if (!place) return;
    const bad = notes.filter(o => o.bad).length, list = place.querySelector('ol'), button = place.querySelector('button');
    button.textContent = bad ? `${bad} hint${bad > 1 ? 's' : ''}` : 'dev';
    button.className = bad ? 'some' : '';
    list.hidden = !shown;
    if (!shown) return;
    const line = o => {
      const li = document.createElement('li'), head = document.createElement('b');
      li.className = o.bad ? 'bad' : '';
      head.textContent = o.where ? o.where + ' ' : '';
      li.append(head, o.text);
      return li;
    };
    const none = {text: 'Nothing to say about this page yet. Mistakes and pushed messages are listed here.'};
    list.replaceChildren(...(notes.length ? notes : [none]).map(line));
  };
  const note = (text, where = '', bad = false) => {
    if (bad && notes.some(o => o.text === text && o.where === where)) return;
    notes.push({text, where, bad});
    if (notes.length > 200) notes.shift();
    draw();
  };
  const toggle = () => { shown = !shown; draw(); };
  addEventListener('keydown', e => {
    const typing = e.composedPath()[0]?.closest?.('input, textarea, select, [contenteditable]');
    if (e.key === '?' && !typing && !e.ctrlKey && !e.metaKey) toggle();
  });
  addEventListener('DOMContentLoaded', () => {
    const host = document.createElement('div');
    host.id = 'fasthtml-dev';
    place = host.attachShadow({mode: 'open'});
    const style = new CSSStyleSheet();
    style.replaceSync(css);
    place.adoptedStyleSheets = [style];
    const list = document.createElement('ol'), button = document.createElement('button');
    button.title = 'What fasthtml dev noticed (key ?)';
    button.onclick = toggle;
    place.append(list, button);
    document.documentElement.append(host);
    draw();
  });

  // What was pushed where, and why it was not swapped
  const pushed = (where, text, socket) => {
    let html = text;
    if (/^\s*[{[]/.test(text)) {
      try { html = JSON.parse(text).content; } catch { html = undefined; }
      if (typeof html !== 'string') return note('data: ' + text.slice(0, 200), where);
    }
    const template = document.createElement('template');
    template.innerHTML = html;
    const parts = [...template.content.children], old = window.htmx?.version?.startsWith('2');
    if (!parts.length) return note('text: ' + html.slice(0, 200), where);
    for (const part of parts) {
      const name = `<${part.localName}${part.id ? ` id="${part.id}"` : ''}>`, oob = part.getAttribute('hx-swap-oob');
      const selector = part.localName === 'hx-partial' ? part.getAttribute('hx-target')
        : oob && oob.includes(':') && !/ /.test(oob.split(':')[0]) ? oob.slice(oob.indexOf(':') + 1).trim()
        : part.id && (oob || socket) ? '#' + CSS.escape(part.id) : '';
      let found = null;
      try { found = selector && document.querySelector(selector); } catch { found = null; }
      if (selector && !found) note(`${name} was not swapped: no element on this page matches ${selector}. Give an element that id, or another target.`,
                                   where, true);
      else if (!selector && socket && old) note(`${name} was not swapped: it has neither an id nor hx_swap_oob, so htmx does not know where it goes.`,
                                                where, true);
      else note(`${name} → ${selector || 'the element that is connected'}`, where);
    }
  };
  const path = url => { try { return new URL(url, location).pathname; } catch { return String(url); } };
  const NativeSocket = window.WebSocket, NativeSource = window.EventSource;
  window.WebSocket = class WebSocket extends NativeSocket {
    constructor(...args) {
      super(...args);
      super.addEventListener('message', e => { if (typeof e.data === 'string') pushed(`ws ${path(this.url)}`, e.data, true); });
    }
  };
  if (NativeSource) window.EventSource = class EventSource extends NativeSource {
    #heard = new Set();
    #hear(type) {
      if (['open', 'error', 'close'].includes(type) || this.#heard.has(type)) return;
      this.#heard.add(type);
      super.addEventListener(type, e => pushed(`sse ${path(this.url)} ${type === 'message' ? '' : type}`.trim(), e.data));
    }
    addEventListener(type, ...rest) { this.#hear(type); super.addEventListener(type, ...rest); }
    set onmessage(f) { this.#hear('message'); super.onmessage = f; }
    get onmessage() { return super.onmessage; }
  };
  document.addEventListener('htmx:sseBeforeMessage', ({target, detail}) => {   // htmx 2, with the source of eventsource.js
    if (NativeSource && detail.target instanceof NativeSource) return;   // heard above
    const url = detail.target?.url ?? target.closest('[sse-connect]')?.getAttribute('sse-connect');
    pushed(`sse ${path(url)} ${detail.type === 'message' ? '' : detail.type}`.trim(), detail.data);
  }, true);
  document.addEventListener('htmx:sse:before:message', e => {   // htmx 4 reads streams with fetch
    const {connection, message} = e.detail;
    if (message?.data) pushed(`sse ${path(connection?.url ?? '')} ${message.event ?? ''}`.trim(), message.data);
  }, true);

  // What htmx could not do
  const said = {
    'htmx:targetError': d => `no element on this page matches hx_target ${d.target || ''}`,
    'htmx:oobErrorNoTarget': d => `<${d.content?.localName} id="${d.content?.id}"> was not swapped: no element on this page has that id`,
    'htmx:responseError': d => `${d.xhr?.status} ${d.xhr?.statusText}: the response was not swapped`,
    'htmx:sendError': () => 'the server could not be reached',
    'htmx:swapError': d => `the swap failed: ${d.error || ''}`,
    'htmx:invalidPath': d => `${d.path} leads to another site, which htmx does not ask`,
    'htmx:syntax:error': d => `${d.token ?? ''} cannot be read`,
    'htmx:error': d => d.error && String(d.error.message || d.error),
    'htmx:response:error': d => `${d.ctx?.response?.status ?? ''}: the server reports an error`,
  };
  for (const [name, text] of Object.entries(said))
    document.addEventListener(name, e => {
      const d = e.detail || {}, what = text(d);
      if (!what || notes.some(o => o.text.startsWith(what))) return;
      note(what + '.', d.pathInfo?.requestPath || d.requestConfig?.path || d.ctx?.request?.action || '', true);
    }, true);

  // The server's hints; a server that started anew makes the page load itself again
  const listen = () => {
    const socket = new NativeSocket(`${location.protocol.replace('http', 'ws')}//${location.host}${root}/_fasthtml/dev`);
    socket.onmessage = e => {
      const {token: now, hints = []} = JSON.parse(e.data);
      if (now && now !== token) return location.reload();
      for (const {text, where} of hints) note(text, where, true);
    };
    socket.onclose = () => setTimeout(listen, 300);
  };
  listen();
})();
