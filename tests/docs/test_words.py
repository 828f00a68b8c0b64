"What `tools/words.py` finds, and what it leaves alone"
import sys

from support import ROOT, each_row

sys.path.insert(0, str(ROOT/'tools'))
import words

FOUND = {
    'This room owns the renderer.': 'This room owns', 'See the rooms below.': 'rooms below', 'the house rules': 'house rules',
    'Each stream gets a farewell.': 'farewell', 'Its last words arrive.': 'last words', 'The client hangs up.': 'hangs up',
    'what the other end sent': 'the other end', 'It is decided, and settled when the page loads.': 'settled when',
    'as is told in *Forms*': 'is told in',
    '## Is it well?': 'Is it well', 'It says all anew.': 'says all anew', 'It has its place in a list.': 'has its place in',
    'The region is well again.': 'is well again', 'It belongs into the log.': 'belongs into',
    'the front door': 'the front door', 'The words of htmx': 'words of htmx', 'It fails without a word.': 'without a word',
    'A slow client delays nobody.': 'nobody', 'until somebody publishes': 'somebody', 'Whoever opens it gets a 403.': 'Whoever',
    'for all who look': 'all who look', 'The client is told by an event.': 'is told', 'It tells all processes.': 'tells all processes',
    'no subscriber hears of it': 'hears of', 'It is drawn anew.': 'anew', 'The token is worth nothing.': 'worth nothing',
    'Every page is true again.': 'page is true', 'Keep a page true': 'Keep a page true', 'It waits in vain.': 'in vain',
    'what a visitor has in front of them': 'has in front of them',
}
LEFT_ALONE = [
    'A chat room has a history.', 'There is room in the mailbox for a message.', 'This room has three members.',
    'htmx settles the content after a swap.', 'The file belongs to its owner.', 'The token is issued for another audience.',
    'unless it is told otherwise', 'hang the picture', 'the other ends', "the default is 'nobody'", 'The server is told to stop.',
    'The option is true.', 'Renew it, and look again.']


@each_row('sentence', FOUND)
def test_a_private_word_is_found_and_the_usual_one_is_named(sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(words, 'ROOT', tmp_path)
    path = tmp_path/'page.md'
    path.write_text(sentence, encoding='utf-8')
    fault, *_ = words.faults(path)
    assert f'instead of "{FOUND[sentence]}" write:' in fault and fault.startswith('page.md, line 1')


@each_row('sentence', LEFT_ALONE)
def test_an_ordinary_use_of_the_same_word_is_left_alone(sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(words, 'ROOT', tmp_path)
    path = tmp_path/'page.md'
    path.write_text(sentence, encoding='utf-8')
    assert words.faults(path) == []


def test_texts_of_python_are_read_and_names_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(words, 'ROOT', tmp_path)
    path = tmp_path/'module.py'
    code = 'farewell = 1  # fine\ndef f():\n    "Send the farewell"\n    raise ValueError("goodbye")  # hung up\n'
    path.write_text(code, encoding='utf-8')
    assert [fault.split(':')[0] for fault in words.faults(path)] == ['module.py, line 3', 'module.py, line 4', 'module.py, line 4']
