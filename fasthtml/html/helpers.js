// fasthtml helpers: small names for the DOM, and scripts that sit beside what they change.
//   $(sel, root?)  $$(sel, root?)      first match; array of all matches
//   $E(tag, ...)   $H(html)            make an element: objects are attributes, all else is content; parse HTML
//   domReadyExecute(f)                 run f when the document is there (now, if it is)
//   proc_htmx(sel, f)                  run f once on every element that matches, now and whenever htmx brings more
//   me(x?, root?)  any(sel, root?)     one element, or an array of them, with the methods of `calls` below
// me() is the parent of the running script, me('-') the element before it; me(event), and me() in a listener, is the element that listens.
// No eval, no inline handlers: it runs under a Content-Security-Policy with a nonce.
(() => {
  'use strict';
  if (globalThis.fasthtmlHelpers) return;   // a page swapped in by htmx may load us again

  const list = x => x == null ? [] : x instanceof Node || x === globalThis ? [x] : Array.from(x);
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => Array.from(root.querySelectorAll(sel));

  const getScript = Object.getOwnPropertyDescriptor(Document.prototype, 'currentScript').get;
  const currentScript = () => getScript.call(document);   // `<img name="currentScript">` would answer for `document.currentScript`

  let waited = null;   // the script whose code waited for the document: for `me()` in it
  function domReadyExecute(f) {
    const script = currentScript();
    const run = () => {
      waited = script;
      try { f(); } finally { waited = null; }
    };
    if (document.readyState !== 'loading') f();
    else document.addEventListener('DOMContentLoaded', run, {once: true});
  }

  function attribute(el, name, value) {
    if (name.startsWith('on') && typeof value === 'function') el.addEventListener(name.slice(2), value);
    else if (value === false || value == null) el.removeAttribute(name);
    else el.setAttribute(name, value === true ? '' : value);
  }

  function $E(tag, ...rest) {
    const el = document.createElement(tag);
    for (const x of rest.flat(Infinity)) {
      if (x == null) continue;
      if (typeof x === 'object' && !(x instanceof Node)) for (const [k, v] of Object.entries(x)) attribute(el, k, v);
      else el.append(x);
    }
    return el;
  }

  function $H(html) {
    const t = document.createElement('template');
    t.innerHTML = html.trim();
    return t.content.childNodes.length === 1 ? t.content.firstChild : t.content;
  }

  // What such a function has changed (Markdown, coloured code), or would have if it had not been empty, is made anew by a push:
  // the function does not run again for an element that stays
  const shaped = new WeakSet();
  function proc_htmx(sel, f) {
    const done = new WeakSet();
    const once = el => {
      done.add(el);
      const was = el.outerHTML, empty = !el.firstChild && !el.matches('input, select, textarea');
      const look = () => { if (empty || el.outerHTML !== was) shaped.add(el); };
      const end = f(el);
      look();
      if (end instanceof Promise) end.finally(look);
    };
    const run = root => {
      if (!root || !root.querySelectorAll) root = document;
      for (const el of [...(root.matches && root.matches(sel) ? [root] : []), ...root.querySelectorAll(sel)])
        if (!done.has(el)) once(el);
    };
    domReadyExecute(() => run(document));
    document.addEventListener('htmx:load', ev => run(ev.target));            // htmx 2
    document.addEventListener('htmx:after:process', ev => run(ev.target));   // htmx 4
  }

  const css = name => name.replace(/[A-Z]/g, c => '-' + c.toLowerCase());
  const classes = names => names.flat().flatMap(n => n.split(/[\s.]+/)).filter(Boolean);

  // Each gets the element first and gives a value, or nothing: then the call gives the element, so that calls chain.
  const calls = {
    on: (el, name, f, options) => { el.addEventListener(name, f, options); },
    off: (el, name, f, options) => { el.removeEventListener(name, f, options); },
    send: (el, name, detail = null) => { el.dispatchEvent(new CustomEvent(name, {detail, bubbles: true, cancelable: true})); },
    halt: (el, ev) => { ev.preventDefault(); ev.stopPropagation(); },
    run: (el, f) => { f(el); },
    classAdd: (el, ...names) => { el.classList.add(...classes(names)); },
    classRemove: (el, ...names) => { el.classList.remove(...classes(names)); },
    classToggle: (el, name, force) => { for (const n of classes([name])) el.classList.toggle(n, force); },
    styles: (el, x) => {
      if (x == null) return getComputedStyle(el);
      if (typeof x === 'string') el.style.cssText += ';' + x;
      else for (const [k, v] of Object.entries(x)) v == null ? el.style.removeProperty(css(k)) : el.style.setProperty(css(k), v);
    },
    attribute: (el, name, ...value) => {
      if (typeof name === 'object') for (const [k, v] of Object.entries(name)) attribute(el, k, v);
      else if (value.length) attribute(el, name, value[0]);
      else return el.getAttribute(name);
    },
    remove: el => { el.remove(); },
    disable: el => { el.disabled = true; },
    enable: el => { el.disabled = false; },
    fadeOut: async (el, f, ms = 1000, remove = true) => {
      await el.animate([{opacity: 1}, {opacity: 0}], {duration: ms}).finished;
      if (typeof f === 'function') f(el);
      if (remove) el.remove(); else el.style.opacity = 0;
    },
    fadeIn: async (el, f, ms = 1000) => {
      el.style.opacity = '';
      await el.animate([{opacity: 0}, {opacity: 1}], {duration: ms}).finished;
      if (typeof f === 'function') f(el);
    },
  };
  Object.assign(calls, {
    trigger: calls.send, add_class: calls.classAdd, class_add: calls.classAdd, addClass: calls.classAdd,
    remove_class: calls.classRemove, class_remove: calls.classRemove, removeClass: calls.classRemove,
    toggle_class: calls.classToggle, class_toggle: calls.classToggle, toggleClass: calls.classToggle,
    attr: calls.attribute, style: calls.styles, fade_out: calls.fadeOut, fade_in: calls.fadeIn,
  });

  // Methods go onto the one element that was asked for, never onto a prototype, and never over a name that it has
  function withCalls(target, each) {
    if (target == null) return target;
    for (const [name, call] of Object.entries(calls)) {
      if (name in target) continue;
      const value = (...args) => {
        const out = each.map(el => call(el, ...args));
        return out[0] === undefined ? target : Array.isArray(target) ? out : out[0];
      };
      Object.defineProperty(target, name, {value, enumerable: false, configurable: true, writable: true});
    }
    return target;
  }

  function find(x, root, all) {
    const script = currentScript() || waited;
    const heard = globalThis.event?.currentTarget;   // in a listener, up to its first `await`
    if (x == null) return list(script ? script.parentElement : heard instanceof Element ? heard : document.body);
    if (x === '-' || x === 'prev' || x === 'previous') return list(script && script.previousElementSibling);
    if (x instanceof Event) return list(x.currentTarget || x.target);
    if (typeof x === 'string') return all ? $$(x, root) : list($(x, root));
    return list(x);
  }
  const me = (x, root = document) => { const el = find(x, root, false)[0]; return el === undefined ? null : withCalls(el, [el]); };
  const any = (x, root = document) => { const els = find(x, root, true); els.forEach(el => withCalls(el, [el])); return withCalls(els, els); };

  const halt = ev => { calls.halt(null, ev); return ev; };
  const sleep = (ms, f) => new Promise(done => setTimeout(() => { if (f) f(); done(); }, ms));
  const tick = () => new Promise(done => requestAnimationFrame(done));

  // A fetch that says how far an upload has come, for htmx 4: `fetch` itself does not. f(event) is called with each progress event
  const uploadFetch = f => (url, init = {}) => new Promise((done, fail) => {
    const xhr = new XMLHttpRequest();
    xhr.open(init.method || 'GET', url);
    for (const [k, v] of new Headers(init.headers || {})) xhr.setRequestHeader(k, v);
    xhr.responseType = 'blob';
    xhr.withCredentials = init.credentials === 'include';
    xhr.upload.onprogress = f;
    if (init.signal) init.signal.addEventListener('abort', () => xhr.abort());
    xhr.onabort = () => fail(new DOMException('The request was aborted', 'AbortError'));
    xhr.onerror = () => fail(new TypeError('Network error'));
    xhr.onload = () => {
      const headers = new Headers();
      for (const line of xhr.getAllResponseHeaders().trim().split('\r\n')) {
        const at = line.indexOf(': ');
        if (at > 0) headers.append(line.slice(0, at), line.slice(at + 2));
      }
      const empty = [204, 205, 304].includes(xhr.status);
      const response = new Response(empty ? null : xhr.response, {status: xhr.status, statusText: xhr.statusText, headers});
      Object.defineProperty(response, 'url', {value: xhr.responseURL});
      done(response);
    };
    xhr.send(init.body == null ? null : init.body);
  });

  // What the script itself says, in the visitor's language if the page brings it
  const word = key => {
    const all = JSON.parse($('#fasthtml-texts')?.textContent || '{"en": {"dismiss": "Dismiss", "unreachable": "The server cannot be reached."}}');
    const names = Object.keys(all), primary = o => o.toLowerCase().split('-')[0];
    for (const wanted of navigator.languages || [])
      for (const fits of [o => o.toLowerCase() === wanted.toLowerCase(), o => o.toLowerCase() === primary(wanted), o => primary(o) === primary(wanted)]) {
        const found = names.find(fits);
        if (found) return all[found][key];
      }
    return all[names[0]][key];
  };

  // Messages in a corner: toasts that come with a response, and requests that failed
  function corner() {
    let box = $('#fh-toast-container');
    if (!box) {
      box = $E('div', {id: 'fh-toast-container', class: 'fh-toasts'});
      document.body.append(box);
    }
    if (getComputedStyle(box).position !== 'fixed') Object.assign(box.style, {position: 'fixed', right: '1rem', bottom: '1rem',
      zIndex: 1090, display: 'flex', flexDirection: 'column', gap: '.5rem', width: 'min(24rem, calc(100vw - 2rem))'});
    return box;
  }

  // What stylesheets colour by themselves, as Pico does: in a message it has the colour of the message
  const inked = 'a, address, blockquote, dd, dl, dt, em, h1, h2, h3, h4, h5, h6, label, li, ol, p, small, strong, table, td, th, ul';

  function alertBox(...content) {
    const close = $E('button', {type: 'button', class: 'fh-toast-dismiss', 'aria-label': word('dismiss')}, '×');
    const toast = $E('div', {class: 'fh-toast fh-toast-error', role: 'alert'}, $E('div', ...content), close);
    for (const el of $$(inked, toast)) el.style.color = 'inherit';
    corner().append(toast);
    if (getComputedStyle(toast).backgroundColor === 'rgba(0, 0, 0, 0)') {
      Object.assign(toast.style, {display: 'flex', justifyContent: 'space-between', gap: '.75rem', padding: '.75rem 1rem',
        borderRadius: '.375rem', color: '#fff', background: '#b91c1c', overflowWrap: 'anywhere'});
      Object.assign(close.style, {all: 'unset', cursor: 'pointer', font: '700 1.25rem/1 system-ui'});
    }
    close.addEventListener('click', () => toast.remove());
    let timer;
    const wait = () => { timer = setTimeout(() => toast.remove(), 10000); };
    toast.addEventListener('mouseenter', () => clearTimeout(timer));
    toast.addEventListener('mouseleave', wait);
    wait();
  }

  // What a failed response says: a fragment as it is, of a page its heading and first paragraph, of JSON its detail
  function showFailure(text, type, status) {
    if (/html/.test(type)) {
      const doc = new DOMParser().parseFromString(text, 'text/html');
      for (const el of doc.querySelectorAll('script, style, link, meta, title, template')) el.remove();
      const main = doc.querySelector('main') || doc.body;
      const whole = main.textContent.trim().length < 600 && !main.querySelector('form, nav');
      if (whole) for (const h of main.querySelectorAll('h1')) h.replaceWith($E('strong', ...h.childNodes));
      const content = whole ? Array.from(main.childNodes) : $$('h1, p', main).slice(0, 2).map(o => $E('div', o.textContent));
      if (main.textContent.trim()) return alertBox(...content.map(o => document.importNode(o, true)));
    } else if (/json/.test(type)) {
      try { const detail = JSON.parse(text).detail; if (typeof detail === 'string') return alertBox(detail); } catch { /* not JSON */ }
    } else if (text.trim()) return alertBox(text.trim().slice(0, 300));
    alertBox(String(status));
  }

  // A failed request leaves the page as it is, with htmx 2 and 4 alike. 422 is swapped: it is a form with its errors. So is a
  // response that says where it belongs (HX-Retarget, HX-Reswap), and one for which the page has said it (hx-status, hx-target-404)
  document.addEventListener('htmx:beforeSwap', ev => {   // htmx 2
    const d = ev.detail, xhr = d.xhr;
    if (!xhr || xhr.status < 400) return;
    if (xhr.status === 422 || xhr.getResponseHeader('HX-Retarget') || xhr.getResponseHeader('HX-Reswap')) d.shouldSwap = true;
    else queueMicrotask(() => { if (!d.shouldSwap) showFailure(xhr.responseText, xhr.getResponseHeader('Content-Type') || '', xhr.status); });
  });
  const planned = new WeakMap();
  document.addEventListener('htmx:response:error', ev => planned.set(ev.detail.ctx, [ev.detail.ctx.target, ev.detail.ctx.swap]));   // htmx 4
  document.addEventListener('htmx:before:swap', ev => {
    const ctx = ev.detail.ctx, before = ctx && planned.get(ctx);
    if (!before || ctx.response.status === 422 || before[0] !== ctx.target || before[1] !== ctx.swap) return;
    ev.preventDefault();
    showFailure(ctx.text || '', ctx.response.headers.get('Content-Type') || '', ctx.response.status);
  });

  // A request that got no response; not one that was cut off because the visitor leaves
  let leaving = false;
  for (const [name, on] of [['beforeunload', true], ['pagehide', true], ['pageshow', false]]) addEventListener(name, () => { leaving = on; });
  const unreachable = () => { if (!leaving) alertBox(word('unreachable')); };
  for (const name of ['htmx:sendError', 'htmx:timeout']) document.addEventListener(name, unreachable);   // htmx 2
  document.addEventListener('htmx:error', ev => {   // htmx 4
    const ctx = ev.detail?.ctx;
    if (ctx?.request && !ctx.response && ctx.sourceElement?._htmx?.sse == null) unreachable();
  });

  // Toasts beside an empty response, a text or a ready Response come in a header
  const toasts = html => { if (html) corner().append(...$H(`<div>${decodeURIComponent(html)}</div>`).children); };
  document.addEventListener('htmx:beforeOnLoad', ev => toasts(ev.detail.xhr.getResponseHeader('FH-Toasts')));              // htmx 2
  document.addEventListener('htmx:after:request', ev => toasts(ev.detail.ctx.response.headers.get('FH-Toasts')));          // htmx 4

  // htmx 4 leaves the target as it is when a response holds nothing but elements for other places. With htmx 2 the target gets nothing, and
  // so a row goes whose `outerHTML` is replaced by it. Here both do that; a page that sets the option keeps its own
  const withHtmx = f => { if (globalThis.htmx) f(); else domReadyExecute(() => globalThis.htmx && f()); };   // whichever script comes first
  withHtmx(() => {
    if (htmx.config?.allowEmptySwapAfterOOB === false && !($('meta[name="htmx-config"]')?.content || '').includes('allowEmptySwapAfterOOB'))
      htmx.config.allowEmptySwapAfterOOB = true;
  });

  const attr = (el, name) => el.getAttribute(name) ?? el.getAttribute('data-' + name);

  // Names that the two versions of htmx do not share keep the meaning that their author gave them: `hx-disable` and `hx-ignore` leave an
  // element alone, `hx-disabled-elt` disables one for the time of a request, and `hx-on::after-request` hears the event of either version
  const on4 = {
    'after-on-load': 'finally:request', 'after-process-node': 'after:init', 'after-request': 'finally:request', 'after-settle': 'after:settle',
    'after-swap': 'after:swap', 'before-cleanup-element': 'before:cleanup', 'before-on-load': 'before:response',
    'before-process-node': 'before:init', 'before-request': 'before:request', 'before-send': 'before:request', 'before-swap': 'before:swap',
    'config-request': 'config:request', 'load': 'after:process', 'on-load-error': 'error', 'response-error': 'response:error',
    'send-error': 'error', 'swap-error': 'error', 'target-error': 'error', 'timeout': 'error',
    'sse-before-message': 'sse:before:message', 'sse-close': 'sse:close', 'sse-error': 'sse:error', 'sse-message': 'sse:after:message',
    'sse-open': 'sse:after:connection', 'ws-after-message': 'ws:after:message:incoming', 'ws-after-send': 'ws:after:message:outgoing',
    'ws-before-message': 'ws:before:message:incoming', 'ws-before-send': 'ws:before:message:outgoing', 'ws-close': 'ws:close',
    'ws-config-send': 'ws:before:message:outgoing', 'ws-connecting': 'ws:before:connection', 'ws-error': 'ws:error',
    'ws-open': 'ws:after:connection'};
  const either = names => names.flatMap(o => [`[${o}]`, `[data-${o}]`]).join();
  const off = either(['hx-disable=""', 'hx-disable=true']), whole = either(['hx-disabled-elt']), passed = either(['hx-disabled-elt\\:inherited']);
  const listening = '[' + ['hx-on:', 'data-hx-on:', 'hx-on-', 'data-hx-on-'].map(o => `starts-with(name(), "${o}")`).join(' or ') + ']';
  const name4 = name => {   // of a listener: `hx-on::after-request`, `hx-on--after-request`, `hx-on-click`
    const [, htmx, event] = /^(?:data-)?hx-on[:-](?:([:-]|htmx[:-]))?(.+)$/.exec(name) || [];
    return htmx ? on4[event] && 'hx-on::' + on4[event] : /^(data-)?hx-on-/.test(name) && 'hx-on:' + event;
  };
  // A selector of several words after `from:`, `target:` and `root:` stands bare or in brackets for htmx 2, in quotes for htmx 4
  const words4 = text => text.replace(/(^|\s)(from|target|root):(?:[({]([^(){}]*)[)}]|((?:closest|find|next|previous)\s+)(?:[({]([^(){}]*)[)}]|(?!(?:once|changed|consume|stop|halt|prevent|capture|passive)(?![\w-])|(?:delay|throttle|from|target|queue|root|rootMargin|threshold):)([^\s,]+)))/g,
    (all, gap, key, sel, word = '', inner, one) => {
      const said = (sel ?? word + (inner ?? one)).trim(), quote = said.includes('"') ? "'" : '"';
      return said ? `${gap}${key}:${quote}${said}${quote}` : all;
    });
  const within = (root, sel) => [...(root.matches?.(sel) ? [root] : []), ...$$(sel, root)];
  // The attributes of a connection have the same names in both versions; with their old ones htmx 4 warns in the console, of each element
  const joined = {'ws-connect': 'hx-ws:connect', 'ws-send': 'hx-ws:send', 'sse-connect': 'hx-sse:connect', 'sse-close': 'hx-sse:close',
    'sse-swap': 'data-sse-swap'};
  function named4(root) {
    for (const el of [root.closest?.(off), ...within(root, off)]) if (el) Element.prototype.setAttribute.call(el, 'hx-ignore', '');
    for (const [name, to] of Object.entries(joined)) {
      for (const el of within(root, `[${name}]`)) {
        if (!el.hasAttribute(to)) el.setAttribute(to, el.getAttribute(name));
        el.removeAttribute(name);
      }
    }
    for (const [sel, end] of [[whole, ''], [passed, ':inherited']])
      for (const el of within(root, sel)) if (attr(el, 'hx-disable' + end) == null) el.setAttribute('hx-disable' + end, attr(el, 'hx-disabled-elt' + end));
    for (const name of ['hx-trigger', 'data-hx-trigger']) {
      for (const el of within(root, `[${name}*="from:"], [${name}*="target:"], [${name}*="root:"]`)) {
        const said = el.getAttribute(name), to = words4(said);
        if (to !== said) el.setAttribute(name, to);
      }
    }
    for (const top of root.nodeType === 1 ? [root] : root.children) {
      const found = document.evaluate(`descendant-or-self::*[@*${listening}]`, top, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
      for (let i = 0; i < found.snapshotLength; i++) {
        const el = found.snapshotItem(i);
        for (const name of el.getAttributeNames()) {
          const to = name4(name), code = el.getAttribute(name), has = to && (el.getAttribute(to) ?? '');
          if (to && !has.includes(code)) el.setAttribute(to, has ? `${has};${code}` : code);
        }
      }
    }
  }
  // What is switched off does nothing, and nothing in it acts elsewhere: no parts for other places, no elements that are to be kept, no
  // connections. htmx and its extensions look for those everywhere in a text or page, so they are taken away before they look
  const switched = version => either(version === '2' ? ['hx-disable', 'hx-ignore'] : ['hx-disable=""', 'hx-disable=true', 'hx-ignore']);
  const quiet = () => switched(globalThis.htmx?.version?.[0]);
  const acting = '(?:hx-(?:swap-oob|preserve|history(?:-elt)?|(?:ws|sse)[^\\s=/>]*)|(?:ws|sse)-(?:connect|send|swap|close))';
  // A field with one of these names would answer for its form when htmx calls it, and nothing on the page would act any more
  const called = 'closest|matches|getAttribute|hasAttribute|setAttribute|parentElement|addEventListener|dispatchEvent';
  const acts = new RegExp(`^(?:data-)?${acting}$`, 'i'), answers = new RegExp(`^(?:name|id)=(?:${called})$`, 'i');
  const written = new RegExp(`${acting}(?=[\\s=/>])|<template(?=[\\s/>])|\\b(?:name|id)(?=\\s*=\\s*["']?(?:${called}|[^"'\\s>]*&))`, 'gi');
  const plain = (el, name, ...args) => Element.prototype[name].apply(el, args);   // `<input name="matches">` would answer for its form
  const inside = (el, sel = '*') => [...plain(el, 'querySelectorAll', sel)];
  const parentOf = Object.getOwnPropertyDescriptor(Node.prototype, 'parentElement').get;
  function silence(root, place) {   // `place` is where it is to stand
    const sel = quiet(), top = root === document ? document.documentElement : root, around = place || parentOf.call(top);
    const off = around && plain(around, 'closest', sel) ? [top, ...inside(top)]
      : [...plain(top, 'matches', sel) ? [top] : [], ...inside(top, sel)].flatMap(o => inside(o));
    for (const el of off) {
      if (plain(el, 'matches', 'meta[name="htmx-config"]')) el.remove();
      else for (const name of plain(el, 'getAttributeNames')) {
        if (acts.test(name) || answers.test(`${name}=${plain(el, 'getAttribute', name)}`)) plain(el, 'removeAttribute', name);
      }
    }
  }
  // htmx looks for `<hx-partial>` and `<head>` in a text by expressions, also where the parser sees no tag: in values of attributes, where
  // a sanitizer leaves `<`, in scripts, styles and comments. What it writes in their place would end a value, and `</head>` in a script
  // ends the head. Each has a number while we parse it, and those that are no tags are written as is right where they stand
  const noTag = {
    value: o => o.replace('<', '\x26lt;'),
    script: (o, isHead) => isHead && o === '<' ? o : o.replace('<', '\\u003c'),   // code may compare with something called `head`
    data: (o, isHead) => isHead ? o.replace('/', '\\/') : o,                      // has no escapes of its own
    style: (o, isHead) => isHead ? o.replace('/', '\\/') : o.replace('<', '\\3c ')};
  const holder = {SCRIPT: o => /^$|script|module|json|importmap|rules/i.test(o.getAttribute('type') || '') ? 'script' : 'data', STYLE: () => 'style'};
  function untagged(text) {
    const tag = /<\/?(?=(hx-[a-z]|head[\s>]))/gi, mark = 'q' + Math.random().toString(36).slice(2) + 'q', within = new Map();
    const found = typeof text === 'string' && text.match(tag);
    if (!found || found.length === 2 && /^\s*(?:<!doctype[^<>]*>\s*)?(?:<html[^<>]*>\s*)?<head[\s>]/i.test(text) && !/<\/?hx-/i.test(text)) return text;   // a page
    let count = 0;
    const marked = text.replace(tag, o => o + mark + count++ + '-'), number = new RegExp('<\\/?' + mark + '(\\d+)-', 'g');
    const note = (said, where) => { for (const found of said.matchAll(number)) within.set(Number(found[1]), where); };
    const look = root => {
      for (const walk = document.createTreeWalker(root); walk.nextNode();) {
        const o = walk.currentNode;
        if (o.nodeType !== 1) note(o.data || '', (holder[o.parentNode.nodeName.toUpperCase()] || (() => 'value'))(o.parentNode));
        else for (const name of plain(o, 'getAttributeNames')) note(name + '=' + plain(o, 'getAttribute', name), 'value');
        if (o instanceof HTMLTemplateElement) look(o.content);
      }
    };
    for (const o of [marked, `<template>${marked}</template>`]) look(new DOMParser().parseFromString(o, 'text/html'));
    count = 0;
    return within.size ? text.replace(tag, (o, name) => (noTag[within.get(count++)] || (o => o))(o, /^head/i.test(name))) : text;
  }
  // The same of a text that htmx is about to parse. It stays as it is but for the names of such attributes: each has a number while we
  // parse it as htmx does, so those that stand in what is switched off are known. `into` is where the text goes
  function silenced(said, into) {
    const text = untagged(said), sel = quiet(), around = o => {
      try { return plain(typeof o === 'string' ? document.querySelector(o) : o, 'closest', sel); } catch { return null; }
    };
    if (typeof text !== 'string' || !/hx-(?:disable|ignore)/i.test(text) && !document.querySelector(sel)) return text;
    const whole = text.replace(/<hx-([a-z]+)(\s+|>)/gi, '<template hx type="$1"$2').replace(/<\/hx-[a-z]+>/gi, '</template>');
    let mark = '-off', count = 0;
    while (whole.toLowerCase().includes(mark)) mark += 'f';
    const marked = whole.replace(written, o => o[0] === '<' ? `${o} x${mark}${count++}` : o + mark + count++);
    if (!count) return text;
    const bare = marked.replace(/<head(\s[^>]*)?>[^]*?<\/head>/i, ''), parse = o => new DOMParser().parseFromString(o, 'text/html');
    const isPage = /^(?:html|body)$/i.test(/<([a-z][^/>\s]*)/i.exec(bare)?.[1]), off = new Set();
    const look = (root, within) => {
      const all = [...root.querySelectorAll('*')], silent = new Set(within ? all : []);
      for (const el of all) {
        const names = plain(el, 'getAttributeNames').filter(o => o.includes(mark)), said = name => plain(el, 'getAttribute', name);
        const isActing = o => !/(?:name|id)$/.test(o.split(mark)[0]) || answers.test(`${o.split(mark)[0]}=${said(o)}`);
        const oob = names.find(o => o.includes('hx-swap-oob')), content = el instanceof HTMLTemplateElement && el.content;
        const to = oob && /:(.+)/.exec(said(oob))?.[1] || said('hx-target') || said('data-hx-target') || '#' + CSS.escape(said('id') ?? said(names.find(o => o.startsWith('id' + mark))));
        const closed = silent.has(el) || plain(el, 'matches', sel) || (oob || content) && around(to);
        if (silent.has(el)) for (const name of names.filter(isActing)) off.add(Number(name.split(mark)[1]));
        else if (closed) for (const o of inside(el)) silent.add(o);
        if (content) look(content, closed);
      }
    };
    look(isPage ? parse(bare) : parse(`<template>${bare}</template>`).querySelector('template').content, around(into));
    count = 0;
    return !off.size ? text : whole.replace(written, o => !off.has(count++) ? o : o[0] === '<' ? o + ' type="off"' : 'off-' + o);
  }
  withHtmx(() => {
    const {swap} = htmx;
    if (/^2/.test(htmx.version)) {
      htmx.swap = (target, content, ...more) => swap(target, silenced(content, target), ...more);
      const aim = el => attr(el.closest('[hx-target], [data-hx-target]') || el, 'hx-target') || el;
      htmx.defineExtension('fasthtml-off', {transformResponse: (text, xhr, el) => xhr ? text : silenced(text, aim(el))});   // events and frames
      const root = document.documentElement, exts = root.getAttribute('hx-ext');
      root.setAttribute('hx-ext', (exts ? exts + ',' : '') + 'fasthtml-off');
      document.addEventListener('htmx:beforeSwap', ({detail: d}) => { d.serverResponse = silenced(d.serverResponse, d.target); });
      document.addEventListener('htmx:historyCacheMissLoad', ({detail: d}) => { d.response = silenced(d.response); });
      document.addEventListener('htmx:historyCacheHit', ({detail: {item}}) => { item.content = silenced(item.content); });
      document.addEventListener('htmx:load', ev => silence(ev.target));
    } else htmx.swap = ctx => {
      const {target, sourceElement} = ctx, named = typeof target === 'string';
      ctx.text = silenced(ctx.text, !named ? target : target === 'this' ? sourceElement : htmx.find(sourceElement || document, target));
      return swap.call(htmx, ctx);
    };
    if (document.readyState !== 'loading') silence(document);
  });
  document.addEventListener('readystatechange', () => { if (document.readyState === 'interactive') silence(document); });
  document.addEventListener('htmx:before:process', ev => {
    silence(ev.target);
    named4(ev.target);
  });
  function tell(el, text) {
    const named = /^\s*\{/.test(text) ? JSON.parse(text) : Object.fromEntries(text.split(',').map(o => [o.trim(), {}]));
    for (const [name, said] of Object.entries(named)) htmx.trigger(el.isConnected ? el : document.body, name, said instanceof Object ? said : {value: said});
  }
  document.addEventListener('htmx:finally:request', ({detail}) => {   // what listeners of `htmx:afterRequest` look at
    const {ctx} = detail, status = ctx.response?.status ?? 0, successful = status > 0 && status < 400;
    const xhr = {status, responseText: ctx.text ?? '', getResponseHeader: name => ctx.response?.headers.get(name) ?? null};
    Object.assign(detail, {elt: ctx.sourceElement, target: ctx.target, successful, failed: !successful, xhr});
    if (ctx.status === 'swapped' && (successful || status === 422)) for (const late of ['triggerafterswap', 'triggeraftersettle']) if (ctx.hx[late]) tell(ctx.sourceElement, ctx.hx[late]);
  }, true);
  withHtmx(() => { if (/^2/.test(htmx.version)) htmx.config.disableSelector += ', [hx-ignore], [data-hx-ignore]'; });   // before htmx looks at the page

  // A push (frame or event) to an element that is there changes what differs and keeps the rest: what is being clicked, focus, scroll.
  // Not where something is to run when it is put in. `morph` says the same of any swap, in both versions
  const runs = 'script, [hx-trigger*=load], [data-hx-trigger*=load], [hx-preserve], [data-hx-preserve]';
  const alike = (old, el) => el && old && el.id && el.id === old.id && el.localName === old.localName &&
    ![old, ...$$('*', old)].some(o => shaped.has(o)) && !el.matches(runs) && !el.querySelector(runs);
  // A part of a drawing is parsed as HTML where no <svg> is around it
  const drawn = (old, fragment) => {
    if (!fragment || fragment.nodeType !== 11 || !old || !old.ownerSVGElement) return;
    for (const el of [...fragment.children]) {
      if (el.namespaceURI === 'http://www.w3.org/1999/xhtml') el.replaceWith(...$H(`<svg>${el.outerHTML}</svg>`).childNodes);
    }
  };
  // What comes over a socket and names no place goes to the target of the element that is connected, if that names one. htmx 2 would drop
  // it, htmx 4 would put it in the place of everything that the element has
  const placed = el => ['hx-target', 'hx-swap'].some(name => attr(el, name) != null);
  const nowhere = (el, text) => console.warn(`${text.trim().slice(0, 80)} was not swapped: it has no id and no hx-swap-oob, and <${el.localName}> no hx-target.`);
  document.addEventListener('htmx:wsBeforeMessage', ev => {   // htmx 2
    const el = ev.target, text = untagged(ev.detail.message), all = $E('template');
    if (!/\S/.test(text) || /^\s*[[{]/.test(text)) return;
    all.innerHTML = text.replace(/<(\/?)hx-partial/gi, '<$1template');
    for (const o of all.content.querySelectorAll('[id], [hx-swap-oob], [data-hx-swap-oob]')) if (o.parentNode === all.content) o.remove();
    const bare = all.innerHTML;
    if (!bare.trim()) return;
    if (!placed(el)) return nowhere(el, bare);
    const target = attr(el, 'hx-target');
    htmx.swap(!target || target === 'this' ? el : htmx.find(target), bare, {swapStyle: (attr(el, 'hx-swap') || 'innerHTML').split(' ')[0]});
  });
  // With htmx 4, too, an element that comes as text over a socket and has the id of one on the page takes its place
  document.addEventListener('htmx:ws:before:message:incoming', ev => {
    const {message} = ev.detail, text = message.data, first = typeof text === 'string' && /^[^<]*<([^>]*)>/.exec(text);
    if (!first || /^\s*["[{]/.test(text) || /^hx-partial|hx-swap-oob/.test(first[1])) return;
    const all = $E('template');
    all.innerHTML = text.replace(/<(\/?)hx-partial/gi, '<$1template data-partial');
    const known = [...all.content.children].filter(o => o.id && attr(o, 'hx-swap-oob') == null && document.getElementById(o.id));
    for (const o of known) o.setAttribute('hx-swap-oob', 'true');
    if (known.length) message.data = all.innerHTML.replace(/<template data-partial(?:="")?([^]*?)<\/template>/g, '<hx-partial$1</hx-partial>');
  });
  let pushing = false;   // htmx 2
  for (const [name, on] of [['wsBeforeMessage', true], ['wsAfterMessage', false], ['sseBeforeMessage', true], ['sseMessage', false]])
    document.addEventListener('htmx:' + name, () => { pushing = on; });
  document.addEventListener('htmx:oobBeforeSwap', ev => {
    const {target, fragment} = ev.detail;
    drawn(target, fragment);
    const el = fragment.firstElementChild;
    if (!pushing || !globalThis.Idiomorph || fragment.nodeType !== 11 || !alike(target, el)) return;
    ev.detail.shouldSwap = false;
    for (const o of Idiomorph.morph(target, el, {morphStyle: 'outerHTML'})) if (o.nodeType === 1) htmx.process(o);
  });
  domReadyExecute(() => {   // `morph`, without `hx-ext`. The extension that comes with Idiomorph takes the wrapper of other styles for content
    const root = document.documentElement;
    if (!globalThis.Idiomorph || !/^2/.test(globalThis.htmx?.version) || root.getAttribute('hx-ext') !== 'fasthtml-off') return;
    htmx.defineExtension('fasthtml-morph', {
      isInlineSwap: style => style === 'morph',
      handleSwap: (style, target, fragment) => style === 'morph' && Idiomorph.morph(target, fragment.children, {morphStyle: 'outerHTML'}),
    });
    root.setAttribute('hx-ext', 'fasthtml-off,fasthtml-morph');
  });

  // htmx 4: its morph leaves what a visitor has entered; a push says what is shown, so controls are set afterwards. The target of a
  // stream is looked for with each event, since the one before may have replaced it
  const controls = el => $$('input, textarea, select', el.parentNode).filter(o => el.contains(o));
  const state = o => o.type === 'file' ? null : o.localName === 'select' ? [...o.options].map(x => x.selected) : [o.value, o.checked];
  function restore(o, was) {
    if (!was || JSON.stringify(state(o)) === JSON.stringify(was)) return;
    if (o.localName === 'select') was.forEach((on, i) => { if (o.options[i]) o.options[i].selected = on; });
    else { o.value = was[0]; o.checked = was[1]; }
  }
  const shown = [];
  document.addEventListener('htmx:before:swap', ev => {
    const {ctx, tasks} = ev.detail;
    if (!tasks) return;
    const push = !ctx.request || /event-stream/.test(ctx.response?.headers?.get('Content-Type'));
    const main = tasks.findIndex(o => o.type === 'main');
    if (main >= 0 && !ctx.request && ctx.target === ctx.sourceElement && ctx.target.matches?.('[ws-connect], [hx-ws\\:connect]') && !placed(ctx.target))
      if (tasks.splice(main, 1)[0].fragment.textContent.trim()) nowhere(ctx.target, ctx.text);
    for (const task of tasks) {
      const spec = task.swapSpec;
      if (task.fragment) named4(task.fragment);
      if (!spec || typeof spec === 'string') continue;
      if (spec.style === 'morph') Object.assign(spec, {style: 'outerMorph', strip: false});
      if (push && task.type === 'main' && task.target?.isConnected === false) {
        const sel = ctx.sourceElement && attr(ctx.sourceElement, 'hx-target');
        task.target = (task.target.id && document.getElementById(task.target.id)) || (sel && htmx.find(ctx.sourceElement, sel)) || task.target;
        ctx.target = task.target;
      }
      drawn(task.target, task.fragment);
      const el = task.fragment && task.fragment.firstElementChild;
      if (!push || task.type !== 'oob' || spec.style !== 'outerHTML' || !alike(task.target, el)) continue;
      spec.style = 'outerMorph';
      shown.push([task.target, controls(el).map(state)]);
    }
  });
  document.addEventListener('htmx:after:swap', () => {
    for (const [el, states] of shown.splice(0)) if (el.isConnected) controls(el).forEach((o, i) => restore(o, states[i]));
  });

  // Named events with htmx 4, as htmx 2 has them: `sse-swap="name"` and `hx-trigger="sse:name"` in the element that is connected
  document.addEventListener('htmx:sse:before:message', ev => {
    const root = ev.target, {message, waitUntil} = ev.detail, name = message.event || 'message';
    const within = sel => [root, ...$$(sel, root)].filter(o => o.matches(sel) && o.closest('[sse-connect], [hx-sse\\:connect]') === root);
    for (const o of within(`[hx-trigger*="sse:${CSS.escape(name)}"]`))
      o.dispatchEvent(new CustomEvent('sse:' + name, {detail: {data: message.data, lastEventId: message.id}}));
    const slots = within('[sse-swap], [data-sse-swap]');
    const wanted = slots.filter(o => attr(o, 'sse-swap').split(',').some(n => n.trim() === name));
    const native = !message.event && (!slots.length || wanted.includes(root));
    if (!message.event && !native) ev.preventDefault();
    for (const o of wanted) {
      if (native && o === root) continue;
      const swap = (attr(o, 'hx-swap') || htmx.config.defaultSwap) + ' swapEmpty:false';
      waitUntil(htmx.swap({sourceElement: o, target: attr(o, 'hx-target') || o, swap, text: message.data, transition: false}));
    }
  });

  // Who types goes on typing when the field was replaced by one with the same id. htmx does so for requests, not for pushes
  let field = null;
  document.addEventListener('focusin', ev => { field = ev.target; });
  document.addEventListener('focusout', ev => { const el = ev.target; queueMicrotask(() => { if (field === el && el.isConnected) field = null; }); });
  const refocus = () => {
    if (!field || !field.id || field.isConnected || document.activeElement !== document.body) return;
    const el = document.getElementById(field.id);
    if (el) el.focus({preventScroll: true});
  };
  for (const name of ['htmx:wsAfterMessage', 'htmx:oobAfterSwap', 'htmx:after:swap']) document.addEventListener(name, refocus);

  const ours = {$, $$, $E, $H, uploadFetch, proc_htmx, domReadyExecute, me, any, halt, sleep, tick};
  for (const [name, f] of Object.entries(ours)) if (!(name in globalThis)) globalThis[name] = f;
  globalThis.fasthtmlHelpers = Object.freeze({...ours, silence});
})();
