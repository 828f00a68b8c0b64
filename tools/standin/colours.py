"Colours for code: the classes that pandoc writes and the style sheet knows, from Pygments, which takes half of the time."
import re
from functools import cache
from html import escape, unescape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token
from pygments.util import ClassNotFound

# Kinds of tokens that are marked; all others stay as they are
CLASSES = {Token.Keyword: 'kw', Token.Keyword.Namespace: 'im', Token.Keyword.Constant: 'cn', Token.Operator.Word: 'kw',
           Token.Name.Function: 'fu', Token.Name.Class: 'fu', Token.Name.Builtin: 'bu', Token.Name.Decorator: 'at',
           Token.Name.Attribute: 'at', Token.Name.Tag: 'kw', Token.Literal.String: 'st', Token.Literal.Number: 'dv', Token.Comment: 'co'}


@cache
def class_of(kind) -> str | None:
    "That of the kind, or of the kind that it belongs to"
    while kind is not Token and kind not in CLASSES:
        kind = kind.parent
    return CLASSES.get(kind)


@cache
def lexer_of(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def coloured(code: str, language: str) -> str | None:
    "HTML of some code; None if the language is unknown"
    lexer = lexer_of(language)
    if lexer is None:
        return None
    parts, open_class = [], None
    for kind, text in lexer.get_tokens(code + '\n'):  # the lexer of the shell knows a comment by the line end after it
        if (wanted := class_of(kind)) != open_class:
            parts.append(('</span>' if open_class else '') + (f'<span class="{wanted}">' if wanted else ''))
            open_class = wanted
        parts.append(escape(text, quote=False))
    return ''.join(parts).removesuffix('\n') + ('</span>' if open_class else '')


def colour_blocks(body: str) -> str:
    "Colour the blocks of code of a page that pandoc has written without colours"
    def block(match: re.Match) -> str:
        language = match['language']
        html = coloured(unescape(match['code']), language)
        if html is None:
            return match[0]
        code = f'<code class="sourceCode {language}">{html}</code>'
        return f'<div class="sourceCode"><pre class="sourceCode {language}">{code}</pre></div>'
    return re.sub(r'(?s)<pre\s+class="(?P<language>[\w-]+)"><code>(?P<code>.*?)</code></pre>', block, body)
