"The decoders of what every request carries are written for speed; the standard library and `re` say what they must give."
import re
from urllib.parse import unquote_to_bytes

from hypothesis import given, settings
from hypothesis import strategies as st

from fasthtml.http.paths import path_pattern
from fasthtml.http.requests import parse_cookies, parse_fields

PIECES = [b'%', b'%4', b'%41', b'%e4', b'%C3%a4', b'+', b'a', b'F', b'\xc3', b'%%', b'0', b'\\', b'\\x41', b'\n', b'\xff']
escapes = st.lists(st.sampled_from(PIECES)).map(b''.join)


@settings(max_examples=200, deadline=None)
@given(escapes, st.integers(0, 3), st.sampled_from([0, 16380, 16383, 32766]))
def test_percent_escapes_are_decoded_as_the_standard_library_does(text, shift, before):
    "Also where a long text is decoded in pieces"
    raw = b'%' * shift + b'x' * before + text + b'%42' * shift
    assert parse_fields(b'a=' + raw) == {'a': [unquote_to_bytes(raw.replace(b'+', b' ')).decode('utf-8', 'replace')]}


@settings(max_examples=200, deadline=None)
@given(st.text('\\"a0178', max_size=16))
def test_quoted_cookies_are_unescaped_one_escape_after_the_other(text):
    def one(m): return chr(int(m[1], 8)) if m[1] else m[2]
    assert parse_cookies(f'x="{text}"') == {'x': re.sub(r'\\(?:([0-3][0-7][0-7])|(.))', one, text)}


PATTERNS = ['/{a}-{b}-{c}', '/{a}{b}{c}', '/{a}-{b}/x/{c}', '/x{a}--{b}', '/{a}.{b}.x', '{a}.{b}.com', '{a}.x{b}X{c}.com', '/{a:int}-{b}',
            '/{a}-{b:path}-{c}']


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATTERNS), st.text('/-.aXx1', max_size=12), st.sampled_from(['', '.com', '.COM', '.x']))
def test_a_path_is_split_as_its_regular_expression_would(text, inside, end):
    pattern = path_pattern(text)
    assert pattern.reaches, 'this pattern would be matched by the expression itself'
    path = ('/' if text[0] == '/' else '') + inside + end
    found = pattern.regex.fullmatch(path)
    values = found and {k: pattern.convertors[k].convert(v) for k, v in found.groupdict().items()}
    assert pattern.match(path) == values
