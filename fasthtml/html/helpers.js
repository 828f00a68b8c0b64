// fasthtml helpers: small names for the DOM, and scripts that sit beside what they change.
//   $(sel, root?)  $$(sel, root?)      first match; array of all matches
//   $E(tag, ...)   $H(html)            make an element: objects are attributes, all else is content; parse HTML
//   domReadyExecute(f)                 run f when the document is there (now, if it is)
//   proc_htmx(sel, f)                  run f once on every element that matches, now and whenever htmx brings more
//   me(x?, root?)  any(sel, root?)     one element, or an array of them, with the methods of `calls` below
// me() is the parent of the running script, me('-') the element before it, me(event) the element that listens.
// No eval, no inline handlers: it runs under a Content-Security-Policy with a nonce.
(() => {
  'use strict';
  if (globalThis.fasthtmlHelpers) return;   // a page swapped in by htmx may load us again

  const list = x => x == null ? [] : x instanceof Node || x === globalThis ? [x] : Array.from(x);
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => Array.from(root.querySelectorAll(sel));

  function domReadyExecute(f) {
    if (document.readyState !== 'loading') f();
    else document.addEventListener('DOMContentLoaded', () => f(), {once: true});
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

  function proc_htmx(sel, f) {
    const done = new WeakSet();
    const run = root => {
      if (!root || !root.querySelectorAll) root = document;
      for (const el of [...(root.matches && root.matches(sel) ? [root] : []), ...root.querySelectorAll(sel)])
        if (!done.has(el)) { done.add(el); f(el); }
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
    const script = document.currentScript;
    if (x == null) return list(script ? script.parentElement : document.body);
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

  const ours = {$, $$, $E, $H, proc_htmx, domReadyExecute, me, any, halt, sleep, tick};
  for (const [name, f] of Object.entries(ours)) if (!(name in globalThis)) globalThis[name] = f;
  globalThis.fasthtmlHelpers = Object.freeze({...ours});
})();
