"Code of the documentation is coloured from its first line to its last, and its text stays."
import sys

import pytest
from selectolax.lexbor import LexborHTMLParser

from support import ROOT

sys.path.insert(0, str(ROOT/'tools'))

from standin.colours import coloured

BLOCKS = [
    ('sh', 'make run     # install\nmake test    # check', 2),
    ('sh', 'make test    # check', 1),
    ('sh', 'make test    # check\n', 1),
    ('python', 'a = 1  # one\nb = 2  # two', 2),
    ('yaml', 'a: 1  # one\nb: 2  # two', 2),
]


@pytest.mark.parametrize(('language', 'code', 'comments'), BLOCKS)
def test_each_comment_of_a_block_is_marked_and_the_text_stays(language, code, comments):
    block = LexborHTMLParser(f'<code>{coloured(code, language)}</code>').css_first('code')
    assert block.text() == code
    assert ''.join(o.text() for o in block.css('.co')).count('#') == comments
