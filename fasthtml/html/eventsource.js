// fasthtml event source: what htmx 2 listens with (`htmx.createEventSource`), so that an outage loses no message.
// The browser's own EventSource gives up for good when a proxy answers 502. The one that htmx makes instead knows no
// Last-Event-ID, so the server cannot send what was missed. This one keeps the id and goes on trying.
(() => {
  'use strict';
  if (!globalThis.htmx || htmx.createEventSource || !globalThis.ReadableStream) return;
  const [CONNECTING, OPEN, CLOSED] = [0, 1, 2];
  const longest = 60000;   // milliseconds between two attempts

  class Source extends EventTarget {
    constructor(url) {
      super();
      Object.assign(this, {url, readyState: CONNECTING, lastEventId: '', retry: 3000, failures: 0});
      for (const name of ['open', 'error', 'message']) this.addEventListener(name, event => this['on' + name]?.(event));
      this.connect();
    }

    close() {
      this.readyState = CLOSED;
      clearTimeout(this.timer);
      if (this.abort) this.abort.abort();
    }

    async connect() {
      this.abort = new AbortController();
      const headers = {Accept: 'text/event-stream'};
      if (this.lastEventId) headers['Last-Event-ID'] = bytes(this.lastEventId);
      try {
        const response = await fetch(this.url, {headers, credentials: 'include', cache: 'no-store', signal: this.abort.signal});
        if (response.status === 204) this.close();   // the server has nothing more to say
        else if (response.status !== 200 || !/^text\/event-stream/i.test(response.headers.get('Content-Type') || '')) throw new Error(response.status);
        else await this.read(response.body.getReader());
      } catch (e) { this.failures++; }
      if (this.readyState === CLOSED) return;
      this.readyState = CONNECTING;
      this.dispatchEvent(new Event('error'));
      const wait = Math.min(this.retry * 2 ** Math.max(this.failures - 1, 0), Math.max(longest, this.retry));
      // A listener may have closed it
      if (this.readyState !== CLOSED) this.timer = setTimeout(() => this.connect(), wait * (1 + Math.random() / 4));
    }

    async read(reader) {
      this.readyState = OPEN;
      this.failures = 0;
      this.dispatchEvent(new Event('open'));
      const text = new TextDecoder();
      let rest = '', event = fresh();
      for (;;) {
        const {done, value} = await reader.read();
        if (done || this.readyState === CLOSED) return;
        const lines = (rest + text.decode(value, {stream: true})).split(/\r\n|\n|\r(?!$)/);
        rest = lines.pop();
        for (const line of lines) {
          if (line !== '') field(event, line);
          else {
            this.dispatch(event);
            event = fresh();
          }
        }
      }
    }

    dispatch({name, data, id, retry}) {
      if (id !== undefined) this.lastEventId = id;
      if (retry !== undefined) this.retry = retry;
      if (data === undefined || this.readyState === CLOSED) return;
      this.dispatchEvent(new MessageEvent(name, {data, lastEventId: this.lastEventId, origin: location.origin}));
    }
  }

  const fresh = () => ({name: 'message'});

  // The rules of WHATWG HTML 9.2.6
  function field(event, line) {
    const at = line.indexOf(':');
    const [key, value] = at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
    if (key === 'data') event.data = event.data === undefined ? value : event.data + '\n' + value;
    else if (key === 'event') event.name = value || 'message';
    else if (key === 'id' && !value.includes('\0')) event.id = value;
    else if (key === 'retry' && /^\d+$/.test(value)) event.retry = Number(value);
  }

  // A header is bytes; the browser's own EventSource sends an id as UTF-8
  const bytes = id => Array.from(new TextEncoder().encode(id), byte => String.fromCharCode(byte)).join('');

  // Another origin would be asked for leave to send the header; there the browser's own does it without
  const near = url => new URL(url, document.baseURI).origin === location.origin;
  htmx.createEventSource = url => near(url) ? new Source(url) : new EventSource(url, {withCredentials: true});
})();
