"Decisions about trust, judged by a URL parser and a browser's rules that are not ours."

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasthtml.http.security import cross_origin, csp_header, is_local_target, local_target, parse_origin, ws_origin_ok
from support import DEADLINE, each_row, missing

RESOLVE = """
const origin = ([target, base]) => { try { return new URL(target, base).origin } catch { return 'error' } };
require('readline').createInterface({input: process.stdin}).on('line', line => console.log(JSON.stringify(JSON.parse(line).map(origin))));
"""


@pytest.fixture(scope='module')
def origins_in_node():
    "Where Node's WHATWG URL parser ends up, for each target and base"
    node = shutil.which('node') or missing('Node', 'install it: its URL parser is the judge here')
    with subprocess.Popen([node, '-e', RESOLVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as judge:
        def origins(pairs: list[tuple[str, str]]) -> list[str]:
            judge.stdin.write(json.dumps(pairs) + '\n')
            judge.stdin.flush()
            return json.loads(judge.stdout.readline())
        yield origins
        judge.stdin.close()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from('/\\.:@?#\t\n\r ab\x00\x7f%2fhtps') | st.characters(codec='utf-8'), max_size=9).map(
            lambda s: '/' + s
        ),
        min_size=40,
        max_size=60,
    )
)
def test_a_local_target_never_leaves_the_site(origins_in_node, targets):
    "What we let pass stays on the origin, by the WHATWG URL standard"
    base = 'https://shop.example'
    passed = [t for t in targets if is_local_target(t)]
    assert origins_in_node([(t, base + '/login') for t in passed]) == [base] * len(passed)


@each_row('target', ['/', '/a/b?next=//x#y', '/é', '/a//b', '/http://x'])
def test_ordinary_paths_are_local(target):
    assert local_target(target) == target


@each_row(
    'target',
    ['', '//x', '///x', '/\\x', '/\t/x', '/\n/x', 'a', 'https:x', 'https://shop.example/', ' /a', '/a b', '\\/x'],
)
def test_other_targets_are_replaced(target):
    assert local_target(target, '/home') == '/home'


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(['http', 'https']),
            st.from_regex(r'[A-Za-z][A-Za-z0-9]{0,7}(\.[a-z]{2,5}){0,2}', fullmatch=True),
            st.sampled_from(['', ':80', ':443', ':8443']),
        ),
        min_size=20,
        max_size=30,
    )
)
def test_an_origin_is_the_same_origin_as_by_the_url_standard(origins_in_node, parts):
    "Two texts name one origin for us exactly if they do for the URL standard"
    texts = [f'{scheme}://{host}{port}' for scheme, host, port in parts]
    judged = origins_in_node([(t, 'https://base.example') for t in texts])
    for text, origin in zip(texts, judged, strict=True):
        if origin != 'error':
            assert parse_origin(text) == parse_origin(origin), (text, origin)
    ours = [parse_origin(t) for t in texts]
    for i, j in zip(range(len(texts)), range(1, len(texts)), strict=False):
        if 'error' not in (judged[i], judged[j]):
            assert (ours[i] == ours[j]) == (judged[i] == judged[j])


SITES = ['same-origin', 'none', 'same-site', 'cross-site', 'nonsense', '']
ORIGINS = ['https://shop.example', 'http://shop.example', 'https://evil.example', 'null', 'nonsense', '']


@each_row('site', SITES)
@each_row('origin', ORIGINS)
def test_unsafe_requests_pass_only_from_our_own_pages_or_from_no_browser(site, origin):
    "The table of Go's CrossOriginProtection, and a page over http refused where we know that we are on https"
    refused = cross_origin('POST', {'sec-fetch-site': site, 'origin': origin}, 'https', 'shop.example')
    passes = site in ('same-origin', 'none') or (site == '' and origin in ('', 'https://shop.example'))
    assert (refused is None) == passes
    assert origin in ('', 'null') or not refused or origin not in refused  # nothing of the request is repeated
    for method in ('GET', 'HEAD', 'OPTIONS'):
        assert cross_origin(method, {'sec-fetch-site': site, 'origin': origin}, 'https', 'shop.example') is None
    friendly = cross_origin(
        'POST', {'sec-fetch-site': site, 'origin': origin}, 'https', 'shop.example', {'https://evil.example'}
    )
    assert (friendly is None) == (passes or origin == 'https://evil.example')


@each_row('method', ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'post', 'BREW'])
def test_every_other_method_is_unsafe(method):
    assert cross_origin(method, {'sec-fetch-site': 'cross-site'}, 'https', 'shop.example')


@each_row(
    'host, ok',
    [
        ('shop.example', True),
        ('shop.example:443', True),
        ('SHOP.example', True),
        ('shop.example:444', False),
        ('shop.example.evil.example', False),
        ('', False),
        ('[::1]', False),
        ('shop.example@evil', False),
        ('a b', False),
    ],
)
def test_the_host_is_compared_whole(host, ok):
    assert (cross_origin('POST', {'origin': 'https://shop.example'}, 'https', host) is None) == ok
    assert ws_origin_ok({'origin': 'https://shop.example'}, host) == ok


def test_an_address_in_brackets_is_a_host_like_any_other():
    assert ws_origin_ok({'origin': 'http://[::1]:8000'}, '[::1]:8000')
    assert not ws_origin_ok({'origin': 'http://[::1]:8000'}, '[::1]:8001')


def test_a_policy_keeps_to_one_line_and_one_directive_each():
    policy = dict(
        d.split(' ', 1) for d in csp_header('abc', script_src="'self' 'nonce-{nonce}' 'unsafe-eval'").split('; ')
    )
    assert policy['script-src'] == "'self' 'nonce-abc' 'unsafe-eval'" and policy['object-src'] == "'none'"
    for bad in ("'self'; script-src *", 'a\r\nSet-Cookie: x=1', ['a,b']):
        with pytest.raises(ValueError, match='one list of sources'):
            csp_header('abc', img_src=bad)


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
def test_no_two_processes_and_threads_give_the_same_nonce():
    "Nonces are made many at a time; a process that is forked has none of its parent's"
    code = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from fasthtml.http.security import new_nonce
first = new_nonce()
child = os.fork()
with ThreadPoolExecutor(4) as pool: made = [first] * bool(child) + [*pool.map(lambda _: new_nonce(), range(1000))]
if child: os.waitpid(child, 0)
sys.stdout.write(''.join(nonce + ' ' for nonce in made))
sys.stdout.flush()
os._exit(0)
"""
    made = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, timeout=DEADLINE).stdout.split()
    assert len(made) == len(set(made)) == 2001 and all(re.fullmatch('[0-9a-f]{32}', o) for o in made)


def test_a_directive_that_says_what_default_src_says_is_left_out():
    "So says the standard (CSP3 6.8.3): without them `default-src` counts"
    more = "'self' a.example"
    assert 'connect-src' not in csp_header('x') and 'connect-src' not in csp_header('x', default_src=more, connect_src=more)
    assert "connect-src 'self'" in csp_header('x', default_src="'none'")
    assert 'connect-src' not in csp_header('x', connect_src=None) and "object-src 'none'" in csp_header('x')
