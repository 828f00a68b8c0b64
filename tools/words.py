"""Find words that readers do not find in the documentation of Starlette, asyncio or htmx, and say what to write instead.

A private word costs each reader a guess, and a search for the usual word misses the page. Each rule was a real sentence of ours.
Read are: Markdown cells, and comments and texts (docstrings, errors, log lines) of code cells, of the package's own Python
files, of tools and examples, comments and docstrings of tests, and the Markdown files of the project. Names are not: a chat may
have a `room`.
"""
import io
import json
import re
import sys
import tokenize
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Rule(NamedTuple):
    "A word or phrase that must not come back"
    pattern: str  # regular expression, without regard to case
    instead: str  # what to write
    reason: str   # why the word stopped a reader


# What a module was said to do
VERBS = '|'.join('''owns? makes? writes? lists? turns? decides? opens? knows? composes? reads? sorts? finds? tells? asks? is.imported
    is.where should.cost'''.split())

RULES = [
    Rule(rf'\bthis room (?:{VERBS})\b|\b(?:of|in) this room(?=[ .,](?:is|are|end|except|$))|\brooms? (?:below|above)\b',
         'this module defines ...; modules below', 'a room is a chat room, a part of a shared page, or space in a mailbox'),
    Rule(r'\b(?:module|notebook|layer|package|room) owns\b|\bowns both ends\b', 'defines', 'files have owners, modules define'),
    Rule(r'\b(?:house rules?|rules? of the house|our house)\b', 'the rules of this project', 'nobody searches for a house'),
    Rule(r'\bground floor\b|\btop floor\b|\bthe floors? (?:below|above)\b', 'layer', 'the folders are layers'),
    Rule(r'\b(?:the|one|a|this|every) (?:escaping |front )?doors?\b(?! and)',
         'entry point, guard, or the function by its name', 'what is meant has a name in the code'),
    Rule(r'\bgoodbyes?\b|\bfarewells?\b|\blast words\b', 'closing event, close frame', 'these are the words of the standards'),
    Rule(r'\bhang(?:s|ing)? up\b|\bhung up\b|\bparts? with (?:a|the|its) (?:client|connection|socket|stream)\b',
         'close, disconnect', 'the words of ASGI and of RFC 6455'),
    Rule(r'\bthe other end\b(?! of the)', 'the client, the server', 'it has to be worked out which of the two it is'),
    Rule(r'\bsettle[sd]? (?:when|without|by|whether|which|where|in which|the question)\b|\bbe settled\b|\bis settled\b',
         'decide, resolve, finish', 'it has had five meanings; htmx has a settle step, which keeps the word'),
    Rule(r'\b(?:is|are) told (?:in|at once|of|so)\b|\bit is told\b(?! otherwise)',
         'is explained in; receives; is notified', 'who tells whom has to be guessed'),
    Rule(r'\bis it well\b|\bis all well\b', 'health check', 'the word of load balancers and Kubernetes'),
    Rule(r'\bsays? (?:it )?all anew\b', 'sends the full state again', 'what is sent has to be guessed'),
    Rule(r'\bhas its place (?:at|in)\b', 'is stored at', 'it reads as a matter of taste'),
    Rule(r'\b(?:the|an) (?:other )?audience\b(?! claim)', 'subscribers, readers', 'the word belongs to id tokens (`aud`)'),
    Rule(r'\bseats?\b', 'subscribers, connections', 'a limit counts connections'),
    Rule(r'\b(?:tells?|all of|of) (?:the|that) (?:whole )?walk\b|\bthe whole walk\b',
         'flow, sequence', 'RFC 6749 calls it a flow'),
    Rule(r'\bwithout ceremony\b|\bits own word\b|\bspeaks? for itself\b',
         'say what happens', 'a figure of speech where a fact will do'),
    Rule(r'\bwithout a word\b', 'silently, without a warning', 'the usual word is as short'),
    Rule(r'\bbrings? (?:HTML|cookies|a login|them|it) along\b', 'convert, send with', 'two verbs for one act'),
    Rule(r'\b(?:is|are|be) well again\b', 'works again, can be read again', 'what was wrong has to be guessed'),
    Rule(r'\bbelongs? into\b', 'belongs in, is logged', 'it is no English'),
    Rule(r'\bwords of htmx\b', 'names: attributes, events, headers', 'htmx documents attributes, events and headers'),
    Rule(r'''(?<!['"*])\b(?:some|any|no)body\b(?!['"])''', 'a client, another user, no subscriber, every visitor',
         'it may be a client, a user, a process or a caller'),
    Rule(r'\bwhoever\b', 'a client that, a user who, even if', 'the subject of the sentence has to be guessed'),
    Rule(r'\b(?:those|all|others) who (?:look|ask)\b|\bwho looks\b', 'pages that show it, the caller, the client',
         'a page, a process and a user have all been meant'),
    Rule(r'\b(?:is|are|was|were) told\b(?! (?:otherwise|to|apart))|\btells? (?:the others|(?:all|other) processes)\b',
         'gets, is notified, notifies', 'it has meant a message, a log line and a page of the documentation'),
    Rule(r'\b(?:hears?|heard) (?:of|nothing)\b|\blists? hear\b', 'receives, gets', 'the word of events is receive'),
    Rule(r'\banew\b', 'again', 'the usual word is as short'),
    Rule(r'\bworth nothing\b', 'is refused, opens nothing', 'what happens has to be guessed'),
    Rule(r'\bpages? (?:is|are|stays?|be) true\b|\b(?:keeps?|kept) (?:a|the) pages? true\b|\btrue in every\b',
         'up to date', 'true and false are values'),
    Rule(r'\bshrugs?\b|\bpass(?:es)? in silence\b|\bin vain\b|\bspeaks? first\b', 'say what happens',
         'a figure of speech where a fact will do'),
    Rule(r'\bhas in front of (?:them|him|her)\b', 'sees', 'the usual word is shorter'),
]

# Files that may keep such words for a while, with the reason
EXCEPTIONS: dict[str, str] = {
    'CHANGELOG.md': 'lines that were written before the words became rules',
}


def python_texts(source: str, whole: bool = True) -> Iterator[tuple[int, str]]:
    "Line and text of each comment and string of some Python code, without `whole` only of docstrings; of magics, which are not Python, all"
    strings = {tokenize.STRING, getattr(tokenize, 'FSTRING_MIDDLE', tokenize.STRING)}
    before = tokenize.NEWLINE
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            begins = before in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.COMMENT)
            if token.type == tokenize.COMMENT or token.type in strings and (whole or begins):
                yield token.start[0], token.string
            before = token.type
    except (tokenize.TokenError, IndentationError, SyntaxError):
        yield 1, source


def texts(path: Path) -> Iterator[tuple[str, str]]:
    "Where and what, for each text of a file that a reader may meet"
    content = path.read_text(encoding='utf-8')
    if path.suffix == '.ipynb':
        for cell in json.loads(content)['cells']:
            source = ''.join(cell['source'])
            if cell['cell_type'] == 'markdown':
                yield f'cell {cell["id"]}', source
            else:
                for _, text in python_texts(source):
                    yield f'cell {cell["id"]}', text
    elif path.suffix == '.py':
        for line, text in python_texts(content, whole='tests' not in path.parts):  # the texts of tests are data
            yield f'line {line}', text
    else:
        for line, text in enumerate(content.splitlines(), 1):
            yield f'line {line}', text


def files() -> list[Path]:
    "Everything that has words for readers; generated modules have those of their notebooks"
    patterns = 'nbs/**/*.ipynb', '*.md', 'examples/**/*.py', 'examples/**/*.md', 'tools/*.py', 'tests/**/*.py', 'fasthtml/__init__.py'
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if '.ipynb_checkpoints' not in path.parts and path.name not in ('words.py', 'test_words.py'))


ANY = re.compile('|'.join(f'(?:{rule.pattern})' for rule in RULES), re.IGNORECASE)


def faults(path: Path) -> list[str]:
    "A line for each word of a file that a rule names"
    name = path.relative_to(ROOT).as_posix()
    found = []
    for where, text in texts(path):
        flat = ' '.join((re.sub(r'`[^`\n]*`', '`code`', text) if path.suffix in ('.ipynb', '.md') else text).split())
        if not ANY.search(flat):
            continue
        for rule in RULES:
            for match in re.finditer(rule.pattern, flat, re.IGNORECASE):
                around = flat[max(0, match.start() - 30):match.end() + 30]
                found.append(f'{name}, {where}: "...{around}...": instead of "{match.group()}" write: {rule.instead} ({rule.reason})')
    return found


def main() -> int:
    paths = files()
    with ProcessPoolExecutor() as pool:
        found = dict(zip(paths, pool.map(faults, paths, chunksize=8), strict=True))
    excepted = {name for name in EXCEPTIONS if not found.get(ROOT/name)}
    for name in sorted(excepted):
        print(f'{name} has no such words any more: delete it from EXCEPTIONS in tools/words.py')
    lines = [line for path, some in found.items() if path.relative_to(ROOT).as_posix() not in EXCEPTIONS for line in some]
    print(*lines, sep='\n', end='\n' if lines else '')
    print(f'{len(found)} files read, {len(lines)} words to replace')
    return bool(lines)


if __name__ == '__main__':
    sys.exit(main())
