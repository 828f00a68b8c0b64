"A browser without a screen, which reads pages with regions and opens their streams."
import http.client
import json
import re
from contextlib import contextmanager
from html import unescape

from fasthtml.common import Redirect
from support import DEADLINE


def guard(request, session):
    "For `Beforeware`: who has logged in, and `/staff` for the staff only"
    request.scope['auth'] = session.get('user')
    if '/staff' in request.url.path and not session.get('user'): return Redirect('/login')


class Visitor:
    "A browser without a screen: keeps cookies, reads pages, and opens their streams"
    def __init__(self, served, prefix='', **headers):
        self.port, self.prefix, self.cookie, self.headers = served.port, prefix, '', headers

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=DEADLINE)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {'Cookie': self.cookie, 'Content-Type': 'application/json'} | self.headers | headers
        connection.request(method, self.prefix + path, data, headers)
        response = connection.getresponse()
        if cookie := response.headers.get('set-cookie'): self.cookie = cookie.split(';')[0]
        return response

    def get(self, path): return self.request('GET', path).read().decode()

    def rows(self, path): return self.rows_in(self.get(path))

    def rows_in(self, text):
        "What the regions of a page would ask for: [key, token, hash]"
        signed = r'data-live-token="([^"]*)" data-live-has="([^"]*)" data-live-at="[^"]*" data-live-key="([^"]*)"'
        found = re.findall(signed, text)
        return [[unescape(key), token, has] for token, has, key in found]

    @contextmanager
    def stream(self, rows, **more):
        response = self.request('POST', '/_live', dict(has=rows) | more)
        assert response.status == 200, response.read()
        try: yield Stream(response)
        finally: response.close()


class Stream:
    def __init__(self, response): self.response, self.page = response, ''

    def next(self):
        "(name, first line as JSON, HTML) of the next event; None at the end"
        lines = []
        while line := self.response.fp.readline().decode():
            line = line.rstrip('\r\n')
            if line == '0' and not lines: return None                    # the last chunk
            if re.fullmatch('[0-9a-f]+', line) and not lines: continue   # size of a chunk
            if line: lines.append(line)
            elif any(o.startswith('event:') for o in lines): break
        if not lines: return None
        name = next((o[7:] for o in lines if o.startswith('event: ')), '')
        data = [o[6:] for o in lines if o.startswith('data: ')]
        head = json.loads(data[0]) if data and data[0].startswith(('{', '[')) else {}
        if name == 'live/hello': self.page = head['page']
        return name, head, '\n'.join(data[1:])

    def until(self, wanted):
        "Events up to the one with this name"
        events = []
        while (event := self.next()) is not None:
            events.append(event)
            if event[0] == wanted: return events
        raise AssertionError(f'the stream ended without {wanted}: {events}')

    def rest(self):
        events = []
        while (event := self.next()) is not None: events.append(event)
        return events
