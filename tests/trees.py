"What two HTML5 parsers, not ours, make of a text: nested tuples (tag, attributes, children) and strings."
import turbohtml
from selectolax.lexbor import LexborHTMLParser


def page(html: str) -> str:
    return f'<!doctype html><html><head></head><body><div>{html}</div></body></html>'


def joined(nodes: list) -> list:
    "Neighbouring texts as one, empty ones left out"
    res = []
    for o in nodes:
        if isinstance(o, str) and res and isinstance(res[-1], str): res[-1] += o
        elif o != '': res.append(o)
    return res


def by_lexbor(html: str) -> list:
    "The content of the div in `page(html)`, as lexbor sees it"
    def walk(node):
        if node.tag == '-text': return node.text_content
        if node.tag.startswith(('-', '!')): return (node.tag, {}, [])
        # an attribute without a value is None here and '' in the standard
        kids, child = [], node.child
        while child is not None:
            kids.append(walk(child))
            child = child.next
        return node.tag, {k: v or '' for k, v in node.attributes.items()}, joined(kids)
    return walk(LexborHTMLParser(page(html)).css_first('body > div'))[2]


def by_turbohtml(html: str) -> list:
    "The content of the div in `page(html)`, as turbohtml sees it"
    def walk(node):
        if isinstance(node, turbohtml.Text): return node.data
        if not isinstance(node, turbohtml.Element): return (type(node).__name__, {}, [])
        return node.tag, {k: node.attr(k) or '' for k in node.attrs}, joined([walk(o) for o in node.children])
    return walk(turbohtml.parse(page(html)).select_one('body > div'))[2]


PARSERS = by_lexbor, by_turbohtml
