"Whatever a handler returns, the answer is well formed and text stays text (R3), judged with Starlette's client and selectolax."
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from client_kit import DirectClient
from fasthtml.common import *

texts = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\x00\r'), max_size=12) | st.sampled_from(
    ['<script>alert(1)</script>', '</body>', '&lt;', '"', '<!--', ']]>', '\u2028'])
leaves = st.one_of(texts.map(lambda s: P(s)), texts, st.none(), st.integers(), st.booleans(), texts.map(lambda s: Title(s)),
                   st.integers(0, 9).map(lambda i: cookie(f'c{i}', str(i))), st.just(HttpHeader('X-A', 'b')))
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple), max_leaves=12)
results = st.lists(trees, min_size=2, max_size=5).map(tuple)

app = FastHTML(secret_key='x', default_hdrs=False, canonical=False)
app.state.result = None


@app.get('/')
async def home(state): return state.result


client = DirectClient(app)


def flat(o): return [x for i in o for x in flat(i)] if isinstance(o, list | tuple) else [o]


def shown(o):
    "The text that a leaf puts into the page"
    if o is None or isinstance(o, HttpHeader): return ''
    return ''.join(map(shown, o.children)) if isinstance(o, FT) else str(o)


@settings(max_examples=150, deadline=None)
@given(results)
def test_text_stays_text_and_every_cookie_is_sent(result):
    app.state.result = result
    leaves = flat(result)
    for headers in ({'HX-Request': 'true'}, {}):
        response = client.get('/', headers=headers)
        client.cookies.clear()
        assert response.status_code == 200
        assert len(response.headers.get_list('set-cookie')) == sum(isinstance(o, HttpHeader) and o.k == 'set-cookie' for o in leaves)
        assert int(response.headers['content-length']) == len(response.content)
        page = LexborHTMLParser(response.text)
        assert not page.css('script, form') and len(page.css('p')) == sum(isinstance(o, FT) and o.tag == 'p' for o in leaves)
        if headers: continue
        body = [o for o in leaves if not (isinstance(o, FT) and o.tag == 'title')]
        content = any(o is not None and not isinstance(o, HttpHeader) for o in leaves)
        if content: assert page.body.text() == ''.join(map(shown, body))
        titles = [o for o in leaves if isinstance(o, FT) and o.tag == 'title']
        if content: assert page.css_first('title').text() == (shown(titles[-1]) if titles else 'FastHTML page')


values = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.floats() | texts,
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=10)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(texts, values, max_size=4))
def test_a_mapping_is_json_that_any_reader_accepts(value):
    app.state.result = value
    response = client.get('/')
    def refuse(constant): raise ValueError(constant)
    read = json.loads(response.content.decode('utf-8'), parse_constant=refuse)
    def plain(o):
        if isinstance(o, float) and (o != o or o in (float('inf'), -float('inf'))): return None
        if isinstance(o, dict): return {k: plain(v) for k, v in o.items()}
        return [plain(v) for v in o] if isinstance(o, list) else o
    assert response.status_code == 200 and read == plain(value)
