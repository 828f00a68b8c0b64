"""Parsers of what a client sends take time in proportion to its size, and little of it.

Each row is a parser and a way to make hostile input of a given size. The judge is the time of the thread at n and at 8n,
the least of several tries, measured in turn: eight times the input may take at most 20 times as long (2.7 for each
doubling). A quadratic parser takes 64 times as long, a cubic one 512. The sizes are such that a linear parser needs at
least some hundred microseconds, so that the clock is no part of the result.
"""
import asyncio
import json
import time
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Literal
from uuid import UUID

import pytest
from starlette.exceptions import HTTPException

from fasthtml.html.element import to_html
from fasthtml.html.forms import fill_form
from fasthtml.html.html2ft import html2ft
from fasthtml.html.htmx import HtmxHeaders
from fasthtml.html.tags import Form, Input, Option, Select
from fasthtml.http.casts import BadValue, scalars
from fasthtml.http.paths import path_pattern
from fasthtml.http.records import make_cast
from fasthtml.http.requests import (
    BadJson,
    Request,
    frame_body,
    is_json,
    parse_cookies,
    parse_fields,
    parse_json,
    read_body,
    wants_json,
)
from fasthtml.http.security import parse_origin

LIMIT = 20
REFUSALS = (BadValue, BadJson, HTTPException, ValueError)


def body(kind):
    def read(content):
        chunks = [content[i:i + 65536] for i in range(0, len(content), 65536)]
        async def receive(): return dict(type='http.request', body=chunks.pop(0), more_body=bool(chunks))
        scope = dict(type='http', method='POST', path='/', query_string=b'', headers=[(b'content-type', kind)])
        return asyncio.run(read_body(Request(scope, receive)))
    return read


def pattern(text): return path_pattern(text).match
def cast(kind): return make_cast(kind)
def header(name, read): return lambda text: read({name: text})


def content_type(text):
    return body(text.encode())(b'--B--')


class Size(Enum): small, large = Decimal('1'), Decimal('2')


MULTI = b'multipart/form-data; boundary=B'
PART = b'--B\r\nContent-Disposition: form-data; name="f"\r\n\r\n'
FILE = b'--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
END = b'\r\n--B--\r\n'

PARSERS = {     # name → (what reads it, input of about n bytes, n)
    'path of two parts': (pattern('/archive/{y}-{m}'), lambda n: '/archive/' + '-' * n + '/x', 1000),
    'path of three parts': (pattern('/archive/{y}-{m}-{d}'), lambda n: '/archive/' + '-' * n + '/x', 1000),
    'path of four numbers': (pattern('/{a:int}{b:int}{c:int}{d:int}'), lambda n: '/' + '1' * n + 'x', 1000),
    'path of floats': (pattern('/{a}-{b:float}-{c:float}-{d}'), lambda n: '/' + '1.1-' * (n // 4) + '/x', 1000),
    'path of parts side by side': (pattern('/{a}{b}{c}{d}'), lambda n: '/' + 'a' * n + '/x', 1000),
    'path of dots': (pattern('/compare/{a}...{b}'), lambda n: '/compare/' + '.' * n + '/x', 1000),
    'two paths in one': (pattern('/wiki/{page:path}/history/{rev:path}/raw'), lambda n: '/wiki' + '/history/' * (n // 9) + '/x/raw/', 4000),
    'three paths in one': (pattern('/{a:path}/{b:path}/{c:path}!'), lambda n: '/' + 'a/' * (n // 2) + '!x', 4000),
    'path and extension': (pattern('/{name:path}.{ext:static}'), lambda n: '/' + '.js' * (n // 3) + 'x', 4000),
    'parts of a host': (pattern('{a}.{b}.{c}.com'), lambda n: 'a.' * (n // 2) + 'com/', 1000),
    'quoted cookie': (parse_cookies, lambda n: 'session_="' + '\\"' * (n // 2) + '"', 4000),
    'cookie of octal escapes': (parse_cookies, lambda n: 'a="' + '\\054' * (n // 4) + '"', 4000),
    'cookie of equal signs': (parse_cookies, lambda n: '=' * n, 8000),
    'query of escapes': (parse_fields, lambda n: b'n=' + b'%41' * (n // 3), 40_000),
    'query of lone percent signs': (parse_fields, lambda n: b'n=' + b'%' * n, 20_000),
    'query of fields': (parse_fields, lambda n: b'a&' * (n // 2), 8000),
    'urlencoded escapes': (body(b'application/x-www-form-urlencoded'), lambda n: b'n=' + b'a%41' * (n // 4), 20_000),
    'urlencoded fields': (body(b'application/x-www-form-urlencoded'), lambda n: b'a=1&' * (n // 8), 800),
    'multipart, one text': (body(MULTI), lambda n: PART + b'\r\n-' * (n // 3) + END, 80_000),
    'multipart, one file': (body(MULTI), lambda n: FILE + b'\r' * n + END, 80_000),
    'multipart, near boundaries': (body(MULTI), lambda n: FILE + b'\r\n--A' * (n // 5) + END, 80_000),
    'multipart, many parts': (body(MULTI), lambda n: (PART + b'x\r\n') * (n // 8) + END[2:], 800),
    'multipart, header name': (body(MULTI), lambda n: b'--B\r\n' + b'x' * n, 80_000),
    'multipart, header value': (body(MULTI), lambda n: PART[:-5] + b';a="' * (n // 4) + END, 80_000),
    'multipart, preamble': (body(MULTI), lambda n: b'\r\n' * (n // 2) + PART + END, 80_000),
    'multipart, after the end': (body(MULTI), lambda n: PART + END + b'\r\n--B' * (n // 5), 80_000),
    'JSON of empty lists': (parse_json, lambda n: b'[' + b'[],' * (n // 3) + b'1]', 1500),   # Python's own parser
    'JSON of numbers': (parse_json, lambda n: b'[' + b'1,' * (n // 2) + b'1]', 2000),
    'JSON of many numbers': (parse_json, lambda n: b'[' + b'1,' * (n // 2) + b'1]', 22_000),   # the one that takes care
    'JSON of keys': (parse_json, lambda n: ('{' + ','.join(f'"{i}":0' for i in range(n // 9)) + '}').encode(), 8000),
    'JSON nested': (parse_json, lambda n: b'[' * n, 40_000),
    'JSON of digits': (parse_json, lambda n: b'1' * n, 40_000),
    'JSON of escapes': (parse_json, lambda n: b'"' + b'\\u0041' * (n // 6) + b'"', 40_000),
    'JSON of backslashes': (parse_json, lambda n: b'"' + b'\\\\' * (n // 2) + b'"', 40_000),
    'JSON of white space': (parse_json, lambda n: b'{' + b' ' * n, 400_000),
    'frame of fields': (frame_body, lambda n: json.dumps({f'f{i}': 'x' for i in range(n // 12)}), 12_000),
    'frame of headers': (frame_body, lambda n: json.dumps({'HEADERS': {f'HX-{i}': 'x' for i in range(n // 12)}}), 12_000),
    'int': (cast(int), lambda n: '9' * n, 100_000),
    'int of blanks': (cast(int), lambda n: ' ' * n + '9', 100_000),
    'float': (cast(float), lambda n: '9' * n, 100_000),
    'Decimal': (cast(Decimal), lambda n: '0.' + '9' * n, 100_000),
    'date': (cast(date), lambda n: '1-' * (n // 2), 100_000),
    'datetime': (cast(datetime), lambda n: '2025-01-01T' + '1:' * (n // 2), 100_000),
    'UUID': (cast(UUID), lambda n: 'urn:uuid:' * (n // 9), 100_000),
    'bool': (cast(bool), lambda n: 'on' * (n // 2), 100_000),
    'Literal': (cast(Literal['a', 'b']), lambda n: 'a' * n, 100_000),
    'Enum': (cast(Size), lambda n: '1' * n, 100_000),
    'union': (cast(int | float | date | UUID | Literal['a'] | None), lambda n: '1' * n, 100_000),
    'list of ints': (cast(list[int]), lambda n: ['1'] * (n // 10), 10_000),
    'list of wrong ints': (cast(list[int]), lambda n: ['x'] * n, 100_000),
    'Content-Type': (content_type, lambda n: 'multipart/form-data; boundary=B' + '; a="\\"' * (n // 7), 4000),
    'Content-Type, is it JSON': (is_json, lambda n: 'application/' + '+' * n + ';', 400_000),
    'Accept': (header('accept', wants_json), lambda n: 'text/html,' * (n // 10) + 'json', 400_000),
    'Origin': (parse_origin, lambda n: 'http://' + ':' * n, 40_000),
    'HX-Current-URL': (header('hx-current-url', HtmxHeaders.from_headers), lambda n: 'http://x/' + '%41' * (n // 3), 40_000),
    'html2ft, comments': (html2ft, lambda n: '<!---->' * (n // 7), 4000),
    'html2ft, instructions': (html2ft, lambda n: '<?x>' * (n // 4), 4000),
    'html2ft, comments without end': (html2ft, lambda n: '<!--' * (n // 4), 20_000),
    'html2ft, deep': (html2ft, lambda n: '<div>a ' * (n // 7), 2000),
    'html2ft, hidden siblings': (html2ft, lambda n: '<script></script> ' * (n // 18), 2000),
    'html2ft, siblings': (html2ft, lambda n: '<i>x</i> ' * (n // 9), 2000),
    'html2ft, in SVG': (html2ft, lambda n: '<svg>' + '<input>' * (n // 7), 8000),
    'html2ft, attributes': (html2ft, lambda n: '<p ' + ' '.join(f'a{i}' for i in range(n // 7)) + '>', 2000),
}


def cost(read, given) -> float:
    start = time.thread_time()
    try: read(given)
    except REFUSALS: pass
    return time.thread_time() - start


def growth(read, make, n, tries=5) -> tuple[float, float]:
    small, large = make(n), make(8 * n)
    pairs = [(cost(read, small), cost(read, large)) for _ in range(tries)]
    return tuple(map(min, zip(*pairs, strict=True)))


@pytest.mark.parametrize('name', PARSERS)
def test_twice_the_input_takes_twice_the_time(name):
    read, make, n = PARSERS[name]
    for tries in (3, 10, 30):       # only a doubtful result is measured again
        small, large = growth(read, make, n, tries)
        if large <= LIMIT * max(small, 50e-6): return
    pytest.fail(f'{name}: {large * 1e3:.2f} ms for {8 * n} bytes, {small * 1e3:.2f} ms for {n}')


def test_the_measure_finds_a_quadratic_parser():
    def quadratic(text): return sum(1 for i in range(0, len(text), 100) for c in text[:i:10] if c == 'x')
    small, large = growth(quadratic, lambda n: 'a' * n, 5000)
    assert large > LIMIT * small


SHORT = {   # a few bytes that must not become many
    'Decimal': (Decimal, '1e999999999'), 'small Decimal': (Decimal, '1e-999999999'), 'zero': (Decimal, '0e999999999'),
    'float': (float, '1e999999999'), 'int': (int, '1e9'), 'long int': (int, '9' * 401), 'JSON float': (int, 1e308)}


@pytest.mark.parametrize('name', SHORT)
def test_a_short_number_does_not_become_a_long_one(name):
    kind, text = SHORT[name]
    try: value = scalars[kind](text)
    except BadValue: return
    assert len(f'{value:f}') < 800


@pytest.mark.parametrize('value', [Decimal('1e999999999'), Decimal('-1e-999999999'), float('1e308'), 10 ** 5000, Decimal('NaN')],
                         ids=['large', 'small', 'float', 'int', 'nan'])
def test_a_form_is_filled_with_any_number(value):
    form = Form(Select(Option('1'), Option('2'), name='n'), Input(name='n', type='number'), Input(name='n', type='radio', value='1'))
    start = time.thread_time()
    assert len(to_html(fill_form(form, {'n': value}))) < 8000
    assert time.thread_time() - start < 5       # printing a gigabyte takes longer, and then it is too late
