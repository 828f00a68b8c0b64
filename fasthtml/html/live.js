// fasthtml live regions: a page that is open is true, or says that it is not.
// Elements with data-live-key are regions. The page says what it has, the server sends what differs, and each difference is
// merged: base (what the server sent last) -> theirs (what it sends now) is applied to mine (the page). What base and theirs
// have in common is never looked at, so whatever the visitor, htmx or a widget did there stays.
//   <html data-live="true | stale | lost">    the state of the page; event `live:state` on <html>
//   data-live="failed | lost" on a region     it could not be drawn, or may not be seen any more
//   data-live-conflict on an element          another has changed what the visitor uses and has not saved; event `live:conflict`
//   data-live-keep on an element              never touched: it belongs to a script
// No eval, no inline handlers: it runs under a Content-Security-Policy.
//
// Contents, in this order, each under a line of dashes:
//   The state of the page          say, Offline
//   Base trees                     adopt: what the server sent last, node by node
//   What is the visitor's own      drafts, focus, open selects, requests under way
//   Merging                        match, mergeNode, mergeChildren, place; hold is "not now"
//   The visitor's own requests     of htmx 2 and 4: a form is reset after its own success
//   What the page shows            rows and shows: the body of every request
//   The connection                 open, read, retry, poll, probe
//   Events                         take: drawings, splices, states, and what concerns the page
//   The page shows other regions   sync, change
//   Streams of elements            carry: other event streams ride on the connection
//   Tabs of one browser            meet: HTTP/1.1 has connections for a few of them only
//   Begin, end, and come back      start, move, what the browser says of the network
(() => {
  'use strict';
  if (globalThis.fasthtmlLive) return;   // a page swapped in by htmx may load us again

  // An element with a name answers for what the document has: `<img name="currentScript">` (WHATWG HTML, 3.1.7). A visitor may have
  // written it, so an object that stands there is passed over, and what the document has is looked up in its class.
  const members = new Map();
  const doc = new Proxy({}, {get(_, name) {
    for (let o = Document.prototype; !members.has(name); o = Object.getPrototypeOf(o))
      if (Object.hasOwn(o, name)) members.set(name, Object.getOwnPropertyDescriptor(o, name));
    const {get, value} = members.get(name);
    if (!get) return value.bind(document);
    const own = Object.getOwnPropertyDescriptor(document, name);   // a test may say that the page is hidden
    return own && Object(own.value) !== own.value ? document[name] : get.call(document);
  }});

  const KEY = 'data-live-key', root = doc.documentElement, us = doc.currentScript;
  const nonce = us && us.nonce;
  let url = (us && us.dataset.url) || '/_live';
  const live = globalThis.fasthtmlLive = {url, move, state: '', opened: 0, sets: 0, polls: 0, applied: 0, dropped: 0, moves: 0, trouble: []};
  const emit = (el, name, detail) => el.dispatchEvent(new CustomEvent('live:' + name, {bubbles: true, detail}));
  const bySelector = key => `[${KEY}="${CSS.escape(key)}"]`;
  const regions = (among = doc) => [...among.querySelectorAll(`[${KEY}]`)];
  const keyOf = el => el.getAttribute(KEY);

  // ---- The state of the page

  let offlineTimer = 0;
  function say(state) {
    if (live.state === state && root.dataset.live === state) return;
    live.state = root.dataset.live = state;
    clearTimeout(offlineTimer);
    if (state === 'stale') offlineTimer = setTimeout(showOffline, 1000);   // a page that has just come is stale for a moment
    else showOffline();
    emit(root, 'state', {state});
  }

  function showOffline() {
    for (const el of doc.querySelectorAll('[data-live-offline]')) el.hidden = live.state === 'true';
  }

  // ---- Base trees: what the server sent last, and which node of the page stands for which of its nodes

  const baseOf = new WeakMap();    // a region's element -> its base tree
  const shown = new WeakMap();     // node of a base tree -> node of the page
  const foreign = new WeakSet();   // nodes of the page that a swap of the visitor's own has put where a base node was

  const ours = /^nonce$|^data-(live-(token|has|at|conflict)$|live$|htmx-|hx-revealed)/;
  function bare(el) {
    for (const {name} of [...el.attributes]) if (ours.test(name)) el.removeAttribute(name);
    if (!/\bhtmx-/.test(el.getAttribute('class') || '')) return;
    const classes = [...el.classList].filter(name => !name.startsWith('htmx-'));
    if (classes.length) el.setAttribute('class', classes.join(' '));
    else el.removeAttribute('class');
  }

  // Inside of a picture or a formula parsers make other elements of the same tags, also of a stub
  const isForeign = el => Boolean(el) && el.namespaceURI !== root.namespaceURI &&
    !/^(foreignObject|desc|title|annotation-xml|m[inos]|mtext)$/.test(el.localName);

  function stubFor(key, parent) {
    const stub = doc.createElementNS(isForeign(parent) ? parent.namespaceURI : root.namespaceURI, 'template');
    stub.setAttribute(KEY, key);
    return stub;
  }

  // `base` is a copy of `mine`: note who is who. A region inside becomes a hole
  function pair(base, mine) {
    shown.set(base, mine);
    const theirs = [...mine.childNodes];
    [...base.childNodes].forEach((child, i) => {
      const key = child.nodeType === 1 && keyOf(child);
      if (!key) return pair(child, theirs[i]);
      const stub = stubFor(key, base);
      child.replaceWith(stub);
      shown.set(stub, theirs[i]);
    });
    if (base.nodeType === 1) bare(base);
  }

  function adopt(el) {
    if (el.localName === 'template') return;
    note(el);
    if (baseOf.has(el)) return;
    const base = el.cloneNode(true);
    pair(base, el);
    baseOf.set(el, base);
  }

  // ---- What is the visitor's own

  let composing = null;   // the field into which an input method writes
  let pressed = null;     // where the pointer went down
  const busy = new Map(); // element -> requests in flight that it made, that bring its value along, or that will swap it
  const saved = new WeakMap();   // field -> what it held when a request brought it along that has succeeded
  const written = new Map();   // element with `contenteditable` that somebody has written into -> number of the last stroke

  const FIELDS = 'input,textarea,select';
  const isText = el => el.localName === 'textarea' ||
    el.localName === 'input' && !/^(checkbox|radio|button|submit|reset|image|hidden|file)$/.test(el.type);
  const isTick = el => el.type === 'checkbox' || el.type === 'radio';
  const holds = (el, inner) => Boolean(el && inner) && el.contains(inner);
  const fieldsOf = el => [...(el.matches(FIELDS) ? [el] : []), ...el.querySelectorAll(FIELDS)];

  function chosenByDefault(select) {
    const options = [...select.options], marked = options.filter(o => o.defaultSelected);
    if (select.multiple) return marked;
    return marked.length ? [marked.at(-1)] : options.filter(o => !o.disabled).slice(0, 1);
  }

  function radioGroup(radio) {
    if (!radio.name) return [radio];
    const all = (radio.form || radio.getRootNode()).querySelectorAll(`input[type=radio][name="${CSS.escape(radio.name)}"]`);
    return [...all].filter(other => other.form === radio.form);
  }

  const chosen = options => JSON.stringify([...options].map(o => o.value));
  const stateOf = el => isTick(el) ? el.checked : el.localName === 'select' ? chosen(el.selectedOptions) : el.value;
  const isSaved = el => saved.has(el) && saved.get(el) === stateOf(el);

  // The defaults of a field are what the server said, so what differs from them, and is not saved, is the visitor's
  function isDirty(el) {
    if (isText(el)) return el === composing || el.value !== el.defaultValue && !isSaved(el);
    if (el.type === 'checkbox') return (el.checked !== el.defaultChecked || el.indeterminate) && !isSaved(el);
    if (el.type === 'radio') return radioGroup(el).some(o => o.checked !== o.defaultChecked && !isSaved(o));
    if (el.type === 'file') return el.files.length > 0 && !isSaved(el);
    if (el.localName !== 'select' || isSaved(el)) return false;
    const defaults = chosenByDefault(el);
    return defaults.length !== el.selectedOptions.length || defaults.some(o => !o.selected);
  }

  function isOpenSelect(el) {
    try { return el.matches('select:open') || el.querySelector('select:open') !== null; }
    catch { return el.localName === 'select' && el === doc.activeElement; }
  }

  const writable = 'input:not([type=button],[type=submit],[type=checkbox],[type=radio]),textarea,select';
  function isOwn(node) {
    if (node.nodeType !== 1) return false;
    const focus = doc.activeElement, inside = holds(node, focus), wrote = [...written.keys()].some(el => node.contains(el) && !busy.has(el));
    return fieldsOf(node).some(el => isDirty(el) && !busy.has(el)) || holds(node, composing) || wrote ||
      inside && (node.isContentEditable || focus.matches(writable)) || node.querySelector('dialog[open]') !== null;
  }

  const isAwaited = node => node.nodeType === 1 && ([...busy.keys()].some(el => node.contains(el)) || holds(node, pressed));

  // What a request in flight brings along is no conflict: it will be saved, or be the visitor's again
  const conflicts = new Map();   // element that is marked -> tells whether it still is in conflict
  function conflict(el, what, still) {
    conflicts.set(el, still);
    if (el.getAttribute('data-live-conflict') === what) return;
    el.setAttribute('data-live-conflict', what);
    emit(el, 'conflict', {what});
  }

  function clearConflicts() {
    for (const [el, still] of conflicts) {
      if (el.isConnected && still()) continue;
      conflicts.delete(el);
      el.removeAttribute('data-live-conflict');
    }
  }

  // ---- Merging. "Hold" is the one way to say "not now": the old base node is put back into the new base tree, so the next
  // merge finds the same difference again

  const held = new Map();   // region's element -> the drawing to be merged again when what holds it lets go, and its last run

  function identity(node) {
    if (node.nodeType !== 1) return '#' + node.nodeType;
    let own = keyOf(node) || node.id || node.getAttribute('data-key');
    if (!own && node.hasAttribute('name') && node.matches('input,select,textarea,button'))
      own = node.type + node.getAttribute('name') + (isTick(node) ? '=' + node.getAttribute('value') : '');
    return node.localName + '|' + (own || '');
  }
  const isNamed = id => id[0] !== '#' && !id.endsWith('|');
  const contentOf = node => node.outerHTML ?? node.nodeType + node.data;

  // Children of theirs -> children of base: first by name, then what is equal, then by kind in order
  function match(bases, theirs) {
    const found = new Map(), used = new Set(), waiting = new Map();
    const put = (id, base) => { if (waiting.has(id)) waiting.get(id).push(base); else waiting.set(id, [base]); };
    const take = id => {
      for (const queue = waiting.get(id); queue && queue.length;) {
        const base = queue.shift();
        if (!used.has(base)) { used.add(base); return base; }
      }
    };
    for (const base of bases) {
      const id = identity(base);
      put(id, base);
      if (!isNamed(id)) put('=' + contentOf(base), base);
    }
    for (const node of theirs) {
      const id = identity(node), base = take(isNamed(id) ? id : '=' + contentOf(node));
      if (base) found.set(node, base);
    }
    for (const node of theirs) {
      const id = identity(node), base = found.has(node) || isNamed(id) ? null : take(id);
      if (base) found.set(node, base);
    }
    return found;
  }

  // A script has put something else in the place of all that was in it: Markdown, coloured code, a diagram. Then the script
  // is to have the new content in a new element
  function isRewritten(base, mine) {
    const had = [...base.childNodes].filter(child => child.nodeType === 1 || child.nodeType === 3 && child.data.trim());
    return mine.nodeType === 1 && had.length > 0 && mine.hasChildNodes() && !mine.hasAttribute('data-live-keep') &&
      had.every(child => !shown.get(child)?.isConnected);
  }

  const words = text => new Set((text || '').split(/\s+/).filter(Boolean));

  function mergeAttributes(base, theirs, mine) {
    for (const name of new Set([...base.getAttributeNames(), ...theirs.getAttributeNames()])) {
      const was = base.getAttribute(name), now = theirs.getAttribute(name), has = mine.getAttribute(name);
      if (was === now || has === now || name === KEY) continue;
      if (name === 'class') {
        const before = words(was), after = words(now);
        for (const word of before) if (!after.has(word)) mine.classList.remove(word);
        for (const word of after) if (!before.has(word)) mine.classList.add(word);
      } else if (name === 'open' && has !== was) conflict(mine, 'open', () => mine.open === (now === null));
      else if (now === null) mine.removeAttribute(name);
      else mine.setAttribute(name, now);
    }
  }

  function says(base, theirs, el) {   // has the server changed what the field should hold?
    if (el.localName === 'textarea') return base.textContent !== theirs.textContent;
    if (el.localName === 'select') return chosen(chosenByDefault(base)) !== chosen(chosenByDefault(theirs));
    return base.getAttribute('value') !== theirs.getAttribute('value') || base.hasAttribute('checked') !== theirs.hasAttribute('checked');
  }

  // `rest` brings attributes and children; then the value, tick or choice is what the page had, or the new default
  function mergeField(base, theirs, mine, rest) {
    const dirty = isDirty(mine), changed = says(base, theirs, mine), stays = dirty || !changed && saved.has(mine);
    const {value, checked, selectionStart: from, selectionEnd: to} = mine;
    const had = mine.localName === 'select' ? [...mine.selectedOptions].map(o => o.value) : [];
    const group = mine.type === 'radio' && stays ? radioGroup(mine).map(o => [o, o.checked]) : [];
    const mark = what => conflict(mine, what, () => isDirty(mine));
    rest();
    if (isText(mine)) {
      const wanted = stays ? value : mine.defaultValue;
      if (mine.value !== wanted) mine.value = wanted;
      if (mine === doc.activeElement && from !== null && mine.selectionStart !== null) mine.setSelectionRange(from, to);
      if (dirty && changed && value !== mine.defaultValue) mark('value');
    } else if (isTick(mine)) {
      mine.checked = stays ? checked : mine.defaultChecked;
      for (const [radio, on] of group) radio.checked = on;
      if (dirty && changed && mine.checked !== mine.defaultChecked) mark('checked');
    } else if (mine.localName === 'select') {
      const defaults = chosenByDefault(mine), offered = had.some(value => [...mine.options].some(o => o.value === value));
      for (const o of mine.options) {
        const on = stays && offered ? had.includes(o.value) : defaults.includes(o);
        if (o.selected !== on) o.selected = on;
      }
      if (dirty && changed && defaults.some(o => !o.selected)) mark('selected');
    }
  }

  function replaceRewritten(base, theirs, node, mine, run) {
    const isOpened = fieldsOf(node).length && !fieldsOf(base).length;
    if (isOwn(node) || isAwaited(node) || isOpened) {
      hold(base, theirs, run, node, 'replaced', isOpened || isOwn(node));
      return node;
    }
    const made = build(theirs, mine, run);
    node.replaceWith(made);
    run.added.push(made);
    return made;
  }

  // Only what differs in a text is replaced, so that a selection in it survives
  function mergeText(mine, text) {
    const was = mine.data, most = Math.min(was.length, text.length);
    let start = 0, end = 0;
    while (start < most && was[start] === text[start]) start++;
    while (end < most - start && was.at(-1 - end) === text.at(-1 - end)) end++;
    mine.replaceData(start, was.length - start - end, text.slice(start, text.length - end));
  }

  function hold(base, theirs, run, node, what, isConflict) {
    keep(run, node, what, isConflict);
    theirs.replaceWith(base);
  }

  // A conflict of this run is one for as long as no later run has found otherwise
  function keep(run, node, what, isConflict) {
    run.held = true;
    if (isConflict) conflict(node, what, () => held.get(run.el)?.run === run);
  }

  // `base` and `theirs` differ; afterwards `theirs`, or what was put in its place, is the base of `mine`
  function mergeNode(base, theirs, mine, run) {
    if (theirs.nodeType !== 1) {
      if (mine.isConnected && mine.data !== theirs.data) mergeText(mine, theirs.data);
      shown.set(theirs, mine);
      return;
    }
    if (mine.hasAttribute('data-live-keep')) return void shown.set(theirs, mine);
    const editing = mine.isContentEditable && holds(mine, doc.activeElement);
    if (busy.has(mine) || composing === mine || editing || mine.localName === 'select' && isOpenSelect(mine)) return hold(base, theirs, run);
    if (written.has(mine)) {
      const now = mine.cloneNode(true);
      pair(now, mine);
      if (!now.isEqualNode(base) && !now.isEqualNode(theirs)) return hold(base, theirs, run, mine, 'value', true);
      written.delete(mine);                    // it is as it was, or has been saved
      base = now;
    }
    if (foreign.has(mine)) {
      const now = mine.cloneNode(true);
      pair(now, mine);
      if (now.isEqualNode(theirs)) {           // the visitor's own swap has brought the same
        foreign.delete(mine);
        return void theirs.replaceWith(now);
      }
      const isOpened = fieldsOf(mine).length && !fieldsOf(base).length;
      if (isOwn(mine) || isAwaited(mine) || isOpened) return hold(base, theirs, run, mine, 'replaced', isOpened || isOwn(mine));
      foreign.delete(mine);
      base = now;
    }
    shown.set(theirs, mine);
    const rest = () => { mergeAttributes(base, theirs, mine); mergeChildren(base, theirs, mine, run); };
    if (mine.matches(FIELDS)) mergeField(base, theirs, mine, rest);
    else rest();
  }

  // A script that was parsed with the drawing does not run, so it is made anew. Under a policy those of the program get the nonce
  function copyOf(theirs, deep) {
    const isScript = theirs.localName === 'script' && theirs.namespaceURI === root.namespaceURI;
    const made = isScript ? doc.createElement('script') : doc.importNode(theirs, deep);
    if (isScript) for (const {name, value} of theirs.attributes) made.setAttribute(name, value);
    if (nonce && theirs.nodeType === 1 && theirs.hasAttribute('data-live-own')) made.nonce = nonce;
    return made;
  }

  // `mine` is where it will stand; null: nothing of the page goes into it
  function build(theirs, mine, run) {
    const isRegion = theirs.nodeType === 1 && keyOf(theirs);
    const made = copyOf(theirs, Boolean(isRegion));
    shown.set(theirs, made);
    if (!isRegion) for (const child of [...theirs.childNodes]) made.append(moved(child, mine, run) || build(child, mine, run));
    return made;
  }

  // An element with an id may go to another place of its region: a script has dragged it there, or the server draws it there.
  // It is the same element then, with what was typed in it. `run.leaving` waits for the place to which it goes
  const nameOf = el => el.localName + '#' + el.id;
  function namesIn(theirs) {   // name -> whether there are several
    const names = new Map();
    for (const el of theirs.querySelectorAll('[id]')) names.set(nameOf(el), names.has(nameOf(el)));
    return names;
  }
  const isOnce = (node, run) => node.nodeType === 1 && node.id !== '' && !keyOf(node) && run.names.get(nameOf(node)) === false;

  // The element that goes to the place of `theirs`, merged; null if there is none
  function moved(theirs, mine, run) {
    if (!mine || !isOnce(theirs, run)) return null;
    const [node, other] = run.el.querySelectorAll(theirs.localName + '#' + CSS.escape(theirs.id));
    if (!node || other || node.contains(mine) || node.closest(`[${KEY}]`) !== run.el) return null;
    const now = node.cloneNode(true);
    pair(now, node);
    run.leaving.delete(node);
    if (now.isEqualNode(theirs)) theirs.replaceWith(now);
    else mergeNode(now, theirs, node, run);
    return node;
  }

  // What is still at its old place: the new one was not to be touched, or only a part of it has gone there
  function leave(node, stay, run) {
    if (!isOwn(node) && !isAwaited(node)) return node.remove();
    keep(run, node, 'removed', isOwn(node));
    stay();
  }

  // What somebody has written and taken back is no draft
  function forgetWritten(base, node) {
    const own = [...written.keys()].filter(el => node.contains(el));
    if (!own.length) return;
    const now = node.cloneNode(true);
    pair(now, node);
    if (now.isEqualNode(base)) for (const el of own) written.delete(el);
  }

  // Nodes of base that are not in theirs. What the visitor uses stays, and is marked
  function removeGone(bases, theirs, found, mine, parent, run) {
    const kept = new Set(found.values());
    for (const base of bases) {
      const node = kept.has(base) ? null : shown.get(base);
      if (!node || node.parentNode !== mine) continue;      // the visitor, or a script, has taken it away
      forgetWritten(base, node);
      if (base.nodeType === 1 && [base, ...base.querySelectorAll('[id]')].some(part => isOnce(part, run))) {
        run.leaving.set(node, () => parent.append(base));
        continue;
      }
      if (!isOwn(node) && !isAwaited(node)) { node.remove(); continue; }
      keep(run, node, 'removed', isOwn(node));
      const before = bases[bases.indexOf(base) - 1], at = theirs.findIndex(child => found.get(child) === before) + 1;
      parent.insertBefore(base, parent.childNodes[before ? at : 0] || null);
    }
  }

  function mergeChildren(base, theirs, mine, run) {
    const bases = [...base.childNodes], news = [...theirs.childNodes], found = match(bases, news), wanted = [];
    if (mine.localName === 'textarea' && !bases.length !== !news.length) { mine.textContent = theirs.textContent; return; }
    removeGone(bases, news, found, mine, theirs, run);
    for (const child of [...theirs.childNodes]) {
      const old = found.get(child);
      if (!old && bases.includes(child)) { wanted.push(shown.get(child)); continue; }   // held
      let node = old && shown.get(old);
      if (node && node.parentNode !== mine) {               // replaced by a swap of the visitor's own: what stands there now?
        const id = identity(child), other = isNamed(id) && [...mine.childNodes].find(o => identity(o) === id);
        if (!other && old.isEqualNode(child)) { child.replaceWith(old); continue; }     // taken away by the visitor: stays away
        if (other) { shown.set(old, other); foreign.add(other); }
        node = other || null;
      }
      const came = node ? null : moved(child, mine, run);
      if (came) node = came;
      else if (!node) {
        node = build(child, mine, run);
        run.added.push(node);
      } else if (old.isEqualNode(child)) child.replaceWith(old);
      else if (isRewritten(old, node) && !written.has(node)) node = replaceRewritten(old, child, node, mine, run);
      else if (node.localName === 'script') {               // another script now, which runs
        const made = build(child, mine, run);
        node.replaceWith(made);
        node = made;
      } else mergeNode(old, child, node, run);
      wanted.push(node);
    }
    place(mine, wanted);
  }

  // The longest run of nodes that are in order already, and that the node with the focus is part of
  function inOrder(wanted, at) {
    const focused = wanted.findIndex(node => node.nodeType === 1 && holds(node, doc.activeElement));
    const fits = i => at[i] >= 0 && (focused < 0 || at[focused] < 0 || i === focused || (i < focused) === (at[i] < at[focused]));
    const tails = [], previous = [], stay = new Set();
    at.forEach((position, i) => {
      if (!fits(i)) return;
      let low = 0, high = tails.length;
      while (low < high) {
        const middle = low + high >> 1;
        if (at[tails[middle]] < position) low = middle + 1; else high = middle;
      }
      previous[i] = low ? tails[low - 1] : -1;
      tails[low] = i;
    });
    for (let i = tails.at(-1) ?? -1; i >= 0; i = previous[i]) stay.add(i);
    return stay;
  }

  // Put `wanted` in order among the children of `mine`, moving as few as possible, and never what has the focus
  function place(mine, wanted) {
    const positions = new Map([...mine.childNodes].map((node, i) => [node, i])), at = wanted.map(node => positions.get(node) ?? -1);
    if (!at.some((position, i) => position < 0 || i && position < at[i - 1])) return;
    const stay = inOrder(wanted, at), own = new Set(wanted);
    let end = mine.lastChild;
    while (end && !own.has(end)) end = end.previousSibling;
    let next = stay.has(wanted.length - 1) ? wanted.at(-1) : end ? end.nextSibling : null;
    for (let i = wanted.length - 1; i >= 0; i--) {
      const node = wanted[i];
      if (!stay.has(i)) {
        live.moves++;
        if (node.isConnected && mine.isConnected && mine.moveBefore) mine.moveBefore(node, next);
        else mine.insertBefore(node, next);
      }
      next = node;
    }
  }

  // Another element stands in the place of a region now: the base of the region around it must know
  function replaceRegion(el, theirs, run) {
    const made = build(theirs, null, run), around = el.parentElement && el.parentElement.closest(`[${KEY}]`);
    const token = el.getAttribute('data-live-token');
    if (token) made.setAttribute('data-live-token', token);
    baseOf.set(made, theirs);
    el.replaceWith(made);
    for (const stub of around && baseOf.has(around) ? baseOf.get(around).querySelectorAll(`template[${KEY}]`) : [])
      if (shown.get(stub) === el) shown.set(stub, made);
    run.added.push(made);
    return made;
  }

  function buildRegion(el, theirs, run) {
    // `build` takes an element with a key for a hole, so the key of the region itself is put on afterwards
    const key = keyOf(theirs);
    theirs.removeAttribute(KEY);
    const made = replaceRegion(el, theirs, run);
    for (const node of [made, theirs]) node.setAttribute(KEY, key);
    return made;
  }

  // htmx and scripts of the page get to know a new element. htmx 4 says itself that it has processed one, htmx 2 does not
  function settle(node) {
    if (!globalThis.htmx) return;
    htmx.process(node);
    if (/^2/.test(htmx.version)) htmx.trigger(node, 'htmx:load', {elt: node});
  }

  // null: a browser makes something else of it, as of a <p> with a <div> inside, so a part of it would not be shown
  function parseDrawing(html, parent) {
    const parsed = doc.createElement('template'), container = isForeign(parent) && (parent.namespaceURI.endsWith('svg') ? '<svg>' : '<math>');
    parsed.innerHTML = (container || '') + html;
    const isOne = ({childNodes}) => [...childNodes].filter(node => node.nodeType !== 3 || node.data.trim()).length === 1;
    const around = container ? parsed.content.firstElementChild : parsed.content;
    const one = isOne(parsed.content) && isOne(around) ? around.firstElementChild : null;
    if (one && globalThis.fasthtmlHelpers) fasthtmlHelpers.silence(one, parent);
    return one;
  }

  function cannotShow(el) {
    el.dataset.live = 'failed';
    el.setAttribute('data-live-has', '');    // with the next stream it is asked for again
    known.set(keyOf(el), '');
    console.error(`The region ${keyOf(el)} cannot be shown: a browser does not build one element of it. ` +
      'Is an element inside of one that may not contain it?');
  }

  function merge(el, {html, has, at}) {
    const run = {el, added: [], held: false, leaving: new Map()}, theirs = parseDrawing(html, el.parentElement);
    if (!theirs) return cannotShow(el);
    run.names = namesIn(theirs);
    if (el.localName === 'template' || el.localName !== theirs.localName) el = buildRegion(el, theirs, run);
    else {
      const base = baseOf.get(el), parsed = theirs.parentNode;
      if (!base.isEqualNode(theirs)) {
        mergeNode(base, theirs, el, run);
        for (const [node, stay] of run.leaving) leave(node, stay, run);
        baseOf.set(el, parsed.firstElementChild);     // `theirs`, or what was put in its place
      }
    }
    el.setAttribute('data-live-has', has);
    el.setAttribute('data-live-at', at);
    el.removeAttribute('data-live');
    note(el);
    live.applied++;
    for (const node of run.added) if (node.nodeType === 1 && node.isConnected) settle(node);
    if (run.held) held.set(el, {html, has, at, run}); else held.delete(el);
    clearConflicts();
    emit(el, 'changed', {});
  }

  let againTimer = 0;
  function again() {
    clearTimeout(againTimer);
    againTimer = setTimeout(() => {
      for (const [el, drawing] of [...held]) {
        if (el.isConnected) merge(el, drawing);
        else held.delete(el);
      }
      clearConflicts();
    }, 30);
  }
  for (const name of ['focusout', 'change', 'compositionend', 'reset', 'toggle']) doc.addEventListener(name, again, true);
  doc.addEventListener('input', ({target}) => {
    saved.delete(target);
    for (const el of written.keys()) if (!el.isConnected) written.delete(el);
    if (target.isContentEditable && target.closest(`[${KEY}]`)) written.set(target, ++strokes);
  }, true);
  doc.addEventListener('compositionstart', event => { composing = event.target; }, true);
  doc.addEventListener('compositionend', () => { composing = null; }, true);

  let pressTimer = 0, strokes = 0;
  const release = () => { if (pressed) { pressed = null; again(); } };
  doc.addEventListener('pointerdown', event => {
    pressed = event.target;
    clearTimeout(pressTimer);
    pressTimer = setTimeout(release, 1000);
  }, true);
  for (const name of ['pointerup', 'pointercancel', 'click']) doc.addEventListener(name, () => setTimeout(release), true);

  // ---- The visitor's own requests. htmx 2 tells them by detail.elt, htmx 4 by detail.ctx

  const flights = new WeakMap();   // request -> what is busy meanwhile, and what it brings along, as that was when it began

  function requestOf({detail}) {
    const ctx = detail.ctx;
    if (ctx) return {id: ctx, el: ctx.sourceElement, target: ctx.target, verb: ctx.request.method, form: ctx.request.form, status: ctx.response && ctx.response.status};
    const {elt: el, target, xhr, requestConfig} = detail, form = el && (el.form || el.closest && el.closest('form'));
    return {id: xhr, el, target, verb: requestConfig && requestConfig.verb, form, status: xhr && xhr.status};
  }

  // What `hx-include` names: a selector, `this` or `closest` one
  function included(el) {
    const inherits = /^2/.test(htmx.version) ? '[hx-include],[data-hx-include]' : '[hx-include\\:inherited]';
    const from = el.matches('[hx-include],[data-hx-include]') ? el : el.closest(inherits);
    const name = from && from.getAttributeNames().find(name => /^(data-)?hx-include\b/.test(name)), asked = name ? from.getAttribute(name) : '';
    try {
      if (asked === 'this') return [from];
      if (asked.startsWith('closest ')) return [el.closest(asked.slice(8))].filter(Boolean);
      return asked ? [...doc.querySelectorAll(asked)] : [];
    } catch { return []; }
  }

  // A field that asks by itself brings its form along, but is no submit: what was typed in the others stays the visitor's
  const isLone = el => el.matches(FIELDS) && !/^(button|submit|reset|image)$/.test(el.type);
  function brought({el, verb, form: around}) {
    if (!el || el.nodeType !== 1 || /^get$/i.test(verb)) return {fields: [], texts: []};
    const form = isLone(el) ? null : around;   // htmx 4 sends none with a button that deletes
    const inside = [form, isLone(el) && el, ...included(el)].flatMap(one => one ? fieldsOf(one) : []).filter(field => field.closest(`[${KEY}]`));
    const fields = new Set(inside.flatMap(field => field.type === 'radio' ? radioGroup(field) : field));
    const texts = [...written].filter(([own]) => el.contains(own) || own.contains(el) || holds(form, own));
    return {form, fields: [...fields].map(field => [field, stateOf(field)]), texts};
  }

  // htmx 4 collects the values, and may let the request wait for another one
  function requestIsMade(event) {
    const request = requestOf(event);
    flights.set(request.id, brought(request));
  }

  function requestBegins(event) {
    const request = requestOf(event), {id, el, target} = request, flight = flights.get(id) || brought(request);
    const around = [el, target].filter(one => one && one.nodeType === 1 && one.closest(`[${KEY}]`) && !one.hasAttribute(KEY));
    flight.busy = new Set([...around, ...[...flight.fields, ...flight.texts].map(([own]) => own)]);
    for (const one of flight.busy) busy.set(one, (busy.get(one) || 0) + 1);
    flights.set(id, flight);
  }

  function resetField(field) {
    if (isText(field)) field.value = field.defaultValue;
    else if (isTick(field)) field.checked = field.defaultChecked;
    else if (field.type === 'file') field.value = '';
    else if (field.localName === 'select') {
      const defaults = chosenByDefault(field);
      for (const o of field.options) o.selected = defaults.includes(o);
    }
  }

  function requestEnds(event) {
    const {id, status} = requestOf(event), flight = flights.get(id);
    if (!flight || !flight.busy) return;
    flights.delete(id);
    setTimeout(() => {             // when settling is over
      for (const one of flight.busy) if (busy.get(one) > 1) busy.set(one, busy.get(one) - 1); else busy.delete(one);
      again();
    }, 40);
    if (!(status >= 200 && status < 400)) return;
    // What was typed since then stays
    for (const [own, stroke] of flight.texts) if (written.get(own) === stroke) written.delete(own);
    for (const [field, state] of flight.fields) {
      if (!field.isConnected || stateOf(field) !== state) continue;
      if (holds(flight.form, field)) resetField(field); else saved.set(field, state);
    }
    again();
  }
  doc.addEventListener('htmx:config:request', requestIsMade);
  for (const name of ['htmx:beforeSend', 'htmx:before:request']) doc.addEventListener(name, requestBegins);
  for (const name of ['htmx:afterRequest', 'htmx:finally:request']) doc.addEventListener(name, requestEnds);

  // ---- What the page shows, as it is asked for

  let known = new Map();        // key -> hash that the server knows this page to have
  const texts = new Map();      // key -> {has, text}: the drawing as the server sent it, for splices
  const missing = new Set();    // keys of which a splice could not be applied
  const arrived = new Map();    // key -> which drawing, and when it came: one that the server began later is newer

  // One row for each key: [key, token, hash]. Where two copies differ, the whole drawing is asked for
  function rows() {
    const all = new Map();
    for (const el of regions()) {
      const key = keyOf(el), token = el.getAttribute('data-live-token') || '', has = el.getAttribute('data-live-has') || '';
      const row = all.get(key);
      if (!row) all.set(key, [key, token, has]);
      else {
        if (token && !row[1]) row[1] = token;
        if (row[2] !== has) row[2] = '';
      }
    }
    for (const key of missing) if (all.has(key)) all.get(key)[2] = '';
    for (const key of [...arrived.keys()]) if (!all.has(key)) arrived.delete(key);
    return all;
  }

  function note(el) {
    const has = el.getAttribute('data-live-has'), at = el.getAttribute('data-live-at') || '', had = arrived.get(keyOf(el));
    if (!had || had.has !== has || had.at !== at) arrived.set(keyOf(el), {has, at, time: performance.now()});
  }

  // `age`: seconds since the newest of these came, so whatever the page shows was drawn before. `at`: which drawings they are
  function shows(asked) {
    const all = asked.map(([key]) => arrived.get(key)), times = all.filter(Boolean).map(one => one.time);
    return {has: asked, at: all.map(one => one ? one.at : ''), age: times.length ? (performance.now() - Math.max(...times)) / 1000 : 0};
  }

  const post = (path, body, options) => ownFetch(url + path, {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body),
    redirect: 'manual', cache: 'no-store', credentials: 'same-origin', ...options});
  // A guard that redirects to a login, or refuses
  const isRefusal = response => response.type === 'opaqueredirect' || response.status === 401 || response.status === 403;

  // ---- The connection

  let line = null;              // AbortController of the stream that is in use
  let page = '';                // what the server calls this page
  let checked = false;          // has the server compared everything that the page asked for?
  let stopped = false;          // refused: nothing more is tried
  let beat = 15, dog = 0, waiting = 0, fails = 0, silent = 0, polling = false, probed = 0;

  // A timer stands still while the computer sleeps, so the clock is looked at, too. It may be set back
  let bark = () => {};
  function watch(me, seconds) {
    const ends = [performance.now(), Date.now()].map(now => now + 1000 * seconds);
    bark = () => {
      clearTimeout(dog);
      const left = Math.min(ends[0] - performance.now(), ends[1] - Date.now());
      if (left <= 0) me.abort(); else dog = setTimeout(bark, Math.min(left, 5000));
    };
    bark();
  }

  // What the page has asked for and has no answer to is in doubt
  let doubt = 0;
  function expect() {
    clearTimeout(doubt);
    doubt = setTimeout(() => { if (!stopped) say('stale'); }, 3000);
  }

  function lost(before) {
    stopped = true;
    if (before) before.abort();
    if (line) line.abort();
    line = null;
    clearTimeout(dog);
    putOff();
    part();
    say('lost');
  }

  function retry(after = 0) {
    say('stale');
    const pause = Math.min(15000, 200 * 2 ** Math.min(fails++, 10)) * (0.5 + Math.random() / 2);
    clearTimeout(waiting);
    waiting = setTimeout(open, Math.max(after, pause));
  }

  // Make before break: an older stream ends when this one has been compared
  async function open() {
    clearTimeout(waiting);
    waiting = 0;
    for (const el of regions()) adopt(el);
    const asked = rows(), before = line, me = new AbortController();
    if (!asked.size && !carried.size) {
      if (line) line.abort();
      line = null;
      return meet();
    }
    if (polling) return poll(asked);
    line = me;
    checked = false;
    const streams = [...carried];
    riding = new Set(carried.keys());
    live.opened++;
    let pause = 0, told = false;
    watch(me, 2.5 * beat);
    try {
      const body = {...shows([...asked.values()]), streams: streams.map(wanted), visit: resting};
      const response = await post('', body, {signal: me.signal});
      if (isRefusal(response)) return lost(before);
      if (!response.ok || !/event-stream/.test(response.headers.get('Content-Type') || '')) {
        pause = Math.min(1000 * response.headers.get('Retry-After') || 0, 300_000);
        throw new Error(response.status);
      }
      known = new Map([...asked.values()].map(([key, , has]) => [key, has]));
      missing.clear();
      watch(me, 8);
      await read(response.body.getReader(), event => {
        told = true;
        if (line === me) watch(me, 2.5 * beat);
        if (event) take(event, me, before);
      });
      throw new Error('the stream has ended');
    } catch (error) {
      if (before) before.abort();
      if (line !== me || stopped) return;
      live.trouble = [...live.trouble.slice(-19), String(error).slice(0, 80)];
      // Twice in a row not a word came through before the watchdog ended it: something on the way holds streams back
      silent = told || error.name !== 'AbortError' ? 0 : silent + 1;
      if (silent >= 2) {
        polling = true;
        probed = performance.now();
        putOff();
      }
      line = null;
      page = '';
      clearTimeout(dog);
      retry(pause);
    }
  }

  async function read(reader, got) {
    const decoder = new TextDecoder(), events = new Events();
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return;
      got(null);
      for (const event of events.of(decoder.decode(value, {stream: true}))) got(event);
    }
  }

  class Events {   // pieces of a stream -> its events
    rest = '';
    * of(piece) {
      this.rest = (this.rest + piece).replace(/\r\n|\r(?!$)/g, '\n');
      for (let at; (at = this.rest.indexOf('\n\n')) >= 0;) {
        const text = this.rest.slice(0, at);
        this.rest = this.rest.slice(at + 2);
        yield parse(text);
      }
    }
  }

  function parse(text) {
    const event = {name: '', data: [], text};
    for (const row of text.split('\n')) {   // a text may hold what `.` takes for the end of a line, such as U+2028
      const [, field, value] = row.match(/^([^:]*):? ?([^]*)$/);
      if (field === 'event') event.name = value;
      else if (field === 'data') event.data.push(value);
      else if (field === 'id' && !value.includes('\0')) event.id = value;
      else if (field === 'retry' && /^\d+$/.test(value)) event.retry = Number(value);
    }
    return event;
  }

  // Regions that could not be drawn, or not be seen, are told again by a new answer
  function unmark() {
    for (const el of regions()) el.removeAttribute('data-live');
  }

  // Where streams are held back: the same comparison, again and again. A page that is true is answered when something has
  // changed. One that nobody looks at holds no connection, and does not know between two answers
  async function poll(asked, retryKey) {
    const me = new AbortController(), begun = performance.now(), unseen = () => doc.hidden || resting;
    const hold = live.state === 'true' && !unseen();
    clearTimeout(waiting);
    if (line) line.abort();
    line = me;
    if (!hold) checked = false;
    live.polls++;
    watch(me, 2.5 * beat);
    try {
      known = new Map([...asked.values()].map(([key, , has]) => [key, has]));
      const response = await post('', {...shows([...asked.values()]), poll: true, hold, retry: retryKey, visit: resting}, {signal: me.signal});
      if (isRefusal(response)) return lost();
      if (!response.ok) throw new Error(response.status);
      const events = (await response.text()).split('\n\n').map(parse);
      if (line !== me) return;
      if (!events.some(event => event.name === 'live/checked')) throw new Error('the answer is not complete');
      missing.clear();
      unmark();
      for (const event of events) take(event, null);
      if (line !== me) return;     // refused
      line = null;
      if (unseen()) say('stale'); else if (performance.now() - probed > 300_000) probe();
      waiting = setTimeout(open, unseen() ? 5000 * (0.8 + Math.random() / 2.5) : Math.max(0, 500 - performance.now() + begun));
    } catch (error) {
      if (line !== me || stopped) return;
      live.trouble = [...live.trouble.slice(-19), String(error).slice(0, 80)];
      line = null;
      retry();
    } finally { if (!line) clearTimeout(dog); }
  }

  // Every five minutes a page that polls tries whether streams come through by now: beside its polls, with one region, whose guards are asked
  async function probe() {
    probed = performance.now();
    const me = new AbortController(), timer = setTimeout(() => me.abort(), 8000);
    try {
      const one = [...rows().values()].filter(([, token]) => token).slice(0, 1);
      const response = await post('', {...shows(one), visit: true}, {signal: me.signal});
      const first = response.ok && await response.body.getReader().read();
      if (!first || first.done || !polling || stopped) return;
      polling = false;
      silent = 1;
      expect();
      open();
    } catch {   // not yet
    } finally {
      clearTimeout(timer);
      me.abort();
    }
  }

  // ---- Events

  const pageEvents = {
    hello(head, me) {
      if (line !== me) return;
      page = head.page;
      silent = 0;
      unmark();
      beat = head.beat || 3600;
      watch(me, 2.5 * beat);
    },
    checked(head, me, before) {
      for (const el of regions()) if (head.renew[keyOf(el)]) el.setAttribute('data-live-token', head.renew[keyOf(el)]);
      if (before) before.abort();
      fails = 0;
      if (line !== me && !polling) return;
      clearTimeout(doubt);
      const isFirst = !checked;
      checked = true;
      const own = regions().filter(el => el.hasAttribute('data-live-token'));
      if (own.length && own.every(el => el.dataset.live === 'lost')) return lost();
      say('true');
      later();
      if (line && isFirst) meet(true);
    },
    recheck(head, me) {
      if (line === me) change(head.all ? [...rows().values()] : [], []);
    },
    stream([number, what], me) {
      const one = line === me && carried.get(number);
      if (!one) return;
      if (typeof what === 'string') for (const event of one.events.of(what)) {
        if (event.id !== undefined) one.headers['last-event-id'] = asBytes(event.id);
        one.to.event(event);
      } else if (what === 200) one.to.begin();
      else {
        carried.delete(number);
        riding.delete(number);
        if (what) one.to.refuse(); else one.to.end();
      }
    },
  };

  function take({name, data}, me, before) {
    if (name.startsWith('live/')) {
      const handle = pageEvents[name.slice(5)];
      if (handle) handle(JSON.parse(data[0]), me, before);
    } else if (data.length && data[0][0] === '{') show(name, JSON.parse(data[0]), data.slice(1).join('\n'));
  }

  function show(key, head, html) {
    const copies = [...doc.querySelectorAll(bySelector(key))];
    if (head.state) {
      for (const el of copies) if (head.state === 'true') el.removeAttribute('data-live'); else el.dataset.live = head.state;
      return;
    }
    if (head.splice) {
      const old = texts.get(key), [start, end, text] = head.splice;
      if (!old || old.has !== head.from) {     // another drawing is here: ask for the whole one
        missing.add(key);
        return later();
      }
      html = old.text.slice(0, start) + text + old.text.slice(end);
    }
    known.set(key, head.has);
    missing.delete(key);
    if (!copies.length) return void texts.delete(key);
    texts.set(key, {has: head.has, text: html});
    if (tabs.size >= mostLines) tell(key);
    for (const el of copies) update(el, {html, has: head.has, at: head.at});
  }

  function update(el, drawing) {
    adopt(el);
    const [epoch, number] = (el.getAttribute('data-live-at') || '').split('.'), [newEpoch, newNumber] = drawing.at.split('.');
    if (epoch === newEpoch && Number(newNumber) < Number(number)) live.dropped++;    // drawn before what the page has
    else if (el.getAttribute('data-live-has') !== drawing.has) merge(el, drawing);
    else {
      el.setAttribute('data-live-at', drawing.at);
      el.removeAttribute('data-live');
      note(el);
    }
  }

  // ---- The page shows other regions: tell the stream, or open a new one before the old one ends

  let laterTimer = 0;
  function later() {
    clearTimeout(laterTimer);
    laterTimer = setTimeout(sync, 20);
  }

  function sync() {
    const asked = rows();
    for (const el of regions()) adopt(el);
    if (stopped) return;
    if (polling) {
      if (line && [...asked].some(([key, [, , has]]) => known.get(key) !== has || missing.has(key))) open();
      return;
    }
    if (!line && (waiting && !resting || !asked.size && !carried.size)) return;
    if (!line) return open();
    if (!checked || !page) return;
    const add = [...asked.values()].filter(([key, , has]) => known.get(key) !== has || missing.has(key));
    const drop = [...known.keys()].filter(key => !asked.has(key));
    for (const [key, , has] of add) known.set(key, has);
    for (const key of drop) { known.delete(key); texts.delete(key); }
    missing.clear();
    const streams = [...carried].filter(([number]) => !riding.has(number)), end = [...riding].filter(number => !carried.has(number));
    for (const [number] of streams) riding.add(number);
    for (const number of end) riding.delete(number);
    if (add.length || drop.length || streams.length || end.length) return change(add, drop, {streams: streams.map(wanted), end});
  }

  async function change(has, drop, more) {
    live.sets++;
    if (has.length) expect();
    try {
      const response = await post('/set', {page, ...shows(has), drop, ...more});
      if (response.status !== 204 && !stopped) open();   // which learns why, if it is refused
    } catch { if (!stopped && !waiting) open(); }
  }

  doc.addEventListener('click', event => {
    const button = event.target.closest && event.target.closest('[data-live-retry]');
    if (button && polling) poll(rows(), button.dataset.liveRetry);
    else if (button && page) change([], [], {retry: button.dataset.liveRetry});
  });

  const bringsRegion = node => node.nodeType === 1 && (node.hasAttribute(KEY) || node.querySelector(`[${KEY}]`) !== null);
  new MutationObserver(records => {
    if (!records.some(record => [...record.addedNodes, ...record.removedNodes].some(bringsRegion))) return;
    for (const el of regions()) adopt(el);
    const own = `[${KEY}][data-live-token]`, came = records.flatMap(({addedNodes}) => [...addedNodes]).filter(bringsRegion);
    if (stopped && came.some(node => node.matches(own) || node.querySelector(own))) return move(url);   // after a log-in, perhaps
    later();
  }).observe(root, {childList: true, subtree: true});

  // ---- Streams of elements (`sse-connect`) are carried by the page's own, so it needs one connection

  const carried = new Map();    // number -> what an element has asked for, and where its events go
  let riding = new Set();       // numbers that the stream in use has been asked for
  let numbers = 0;
  const mostStreams = 20, folderOf = () => new URL(url, doc.baseURI).href.slice(0, -'_live'.length);
  const wanted = ([number, {address, headers}]) => [number, address, headers];

  function canCarry(address) {
    const to = new URL(address, doc.baseURI), fits = to.origin === location.origin && to.href.startsWith(folderOf());
    return fits && !polling && !stopped && carried.size < mostStreams && regions().length > 0;
  }

  // A header is bytes; an id is sent as UTF-8
  const asBytes = id => Array.from(new TextEncoder().encode(id), byte => String.fromCharCode(byte)).join('');

  // `to` has begin(), event(event), end() and refuse()
  function carry(address, headers, to) {
    const {href} = new URL(address, doc.baseURI), [path] = href.slice(folderOf().length - 1).split('#');
    carried.set(++numbers, {address: path, headers, to, events: new Events()});
    later();
    return numbers;
  }

  function putDown(number) {
    if (carried.delete(number)) later();
  }

  function putOff() {   // no stream is carried any more: each element opens its own
    const all = [...carried.values()];
    carried.clear();
    for (const {to} of all) to.refuse();
  }

  // A stream that is carried, as `fetch` gives it. What is no stream is asked for again, by the browser itself
  const ownFetch = globalThis.fetch.bind(globalThis);
  const carriedFetch = (address, request) => new Promise((resolve, reject) => {
    const encoder = new TextEncoder(), headers = {}, {signal} = request;
    for (const [name, value] of new Headers(request.headers)) if (/^hx-|^last-event-id$/.test(name)) headers[name] = value;
    let out = null, over = false;
    const stop = () => {
      over = true;
      putDown(number);
    };
    const to = {
      begin() {
        if (out) return;
        const body = new ReadableStream({start(controller) { out = controller; }, cancel: stop});
        resolve(new Response(body, {headers: {'Content-Type': 'text/event-stream'}}));
      },
      event({text}) { if (!over) out.enqueue(encoder.encode(text + '\n\n')); },
      end() {
        if (!over) out.close();
        over = true;
      },
      refuse() { if (out) to.end(); else resolve(ownFetch(address, request)); },
    };
    const number = carry(address, headers, to);
    if (signal) signal.addEventListener('abort', () => {
      const error = new DOMException('The stream was ended.', 'AbortError');
      if (out && !over) out.error(error);
      stop();
      reject(error);
    });
  });

  // Our EventSource for htmx 2 asks with `Accept: text/event-stream`. htmx 4 asks so for everything, so its elements are asked
  const streams = new Set();
  doc.addEventListener('htmx:before:request', ({detail: {ctx}}) => {
    const el = ctx && ctx.sourceElement, connect = el && el.getAttribute && (el.getAttribute('hx-sse:connect') || el.getAttribute('sse-connect'));
    const path = address => new URL(address, doc.baseURI).pathname;
    if (connect && path(connect) === path(ctx.request.action)) streams.add(ctx.request.action);
  });

  function isStream(address, request) {
    if (typeof address !== 'string' || !request || request.method && request.method !== 'GET') return false;
    try { return (streams.has(address) || new Headers(request.headers).get('Accept') === 'text/event-stream') && canCarry(address); }
    catch { return false; }   // what is wrong with it is said by `fetch` itself
  }
  globalThis.fetch = (address, request) => isStream(address, request) ? carriedFetch(address, request) : ownFetch(address, request);

  // ---- Tabs of one browser. Over HTTP/1.1 it opens six connections to a server for all of them together; were each held by a
  // stream, no page would load. So the four tabs that were looked at last keep their streams. The others come by every few
  // seconds, and when another tab is told of a change in a region that they show, too

  const mostLines = 4, ownName = Math.random().toString(36), tabs = new Map();   // name of another tab -> since when it is hidden
  let crowd = null, hiddenAt = doc.hidden ? Date.now() : Infinity, resting = false, cameBy = 0, restTimer = 0;

  const isLimited = () => {   // HTTP/2 and 3 have one connection for all
    const [loaded] = performance.getEntriesByType('navigation'), near = new URL(url, doc.baseURI).origin === location.origin;
    return !(near && loaded && /^h[23]/.test(loaded.nextHopProtocol));
  };
  const tell = (key, ask) => { if (crowd) crowd.postMessage({name: ownName, since: line || resting ? hiddenAt : 0, ask, key}); };
  const isBefore = ([name, since]) => since > hiddenAt || since === hiddenAt && name < ownName;
  const isCrowded = () => [...tabs].filter(isBefore).length >= mostLines;

  // Say that this tab is here, or is not any more. `ask`: who else is? Those that have died do not answer
  function meet(ask) {
    if (!crowd && (!ask || !isLimited() || !globalThis.BroadcastChannel)) return;
    if (!crowd) {
      crowd = new BroadcastChannel('fasthtml live ' + new URL(url, doc.baseURI).origin);
      crowd.onmessage = ({data}) => hear(data);
    }
    if (ask) tabs.clear();
    tell(undefined, ask);
    if (ask) makeRoom();
  }

  function hear({name, since, ask, key}) {
    if (since) tabs.set(name, since); else tabs.delete(name);
    if (ask) tell();
    if (key && resting && waiting && doc.querySelector(bySelector(key))) {
      clearTimeout(waiting);
      waiting = setTimeout(open, Math.max(0, cameBy + 1000 - performance.now()));
    } else makeRoom();
  }

  function makeRoom() {
    clearTimeout(restTimer);
    restTimer = setTimeout(() => {
      if (resting && waiting && !isCrowded()) {
        resting = false;
        open();
      } else if (line && checked) isCrowded() ? rest() : resting = false;
    }, 300);
  }

  function rest() {
    const old = line;
    line = null;
    page = '';
    resting = true;
    cameBy = performance.now();
    clearTimeout(dog);
    old.abort();
    say('stale');   // nobody tells it of a change that only it shows
    waiting = setTimeout(open, 3500 * (0.8 + Math.random() / 2.5) * Math.max(1, (tabs.size - mostLines) / 4));
  }

  function part() {
    if (!crowd) return;
    crowd.postMessage({name: ownName});
    crowd.close();
    crowd = null;
    tabs.clear();
  }

  // ---- Begin, end, and come back

  function move(to) {   // the server has another address now, as after the kernel of a notebook has begun anew
    live.url = url = to;
    stopped = false;
    fails = 0;
    unmark();
    say('stale');
    open();
  }

  const tryNow = () => {
    if (line || stopped || !waiting) return;
    fails = 0;
    open();
  };
  addEventListener('online', () => { bark(); tryNow(); });
  doc.addEventListener('visibilitychange', () => {
    hiddenAt = doc.hidden ? Date.now() : Infinity;
    if (doc.hidden && polling && line) open();
    if (doc.hidden) return meet();
    bark();
    tryNow();
    meet(true);
  });

  // A page that the browser puts away, to show it again or to save power, holds no connection meanwhile
  function putAway() {
    const old = line;
    line = null;
    clearTimeout(waiting);
    clearTimeout(dog);
    if (old) old.abort();
    part();
  }
  function takeOut() {
    if (stopped || line) return;
    say('stale');
    open();
  }
  addEventListener('pagehide', putAway);
  doc.addEventListener('freeze', putAway);
  doc.addEventListener('resume', takeOut);
  addEventListener('pageshow', event => { if (event.persisted) takeOut(); });

  function start() {
    for (const el of regions()) adopt(el);
    if (!regions().length) return;
    say('stale');
    setTimeout(open);   // htmx comes first, with the streams that elements ask for
  }
  if (doc.readyState === 'loading') doc.addEventListener('DOMContentLoaded', start);
  else start();
})();
