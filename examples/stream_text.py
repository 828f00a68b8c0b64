"""Text that arrives word by word, as from a language model. Run it with `python examples/stream_text.py`.

The question is an ordinary form; the answer is an event stream. What makes the words is a generator, so put the client
of a model in the place of `words_of`. The visitor may leave or press Stop at any time: the generator is closed at once,
so nothing goes on costing money for nobody.
"""
import asyncio
import os
import random

from fasthtml.common import *
from fasthtml.pico import Card, Group, picolink

LINES = {
    'rain': 'Rain is water that could not decide. It rose from a lake on a warm day, met a cold thought in the sky, '
            'and came back with something to say.',
    'bread': 'Bread is patience with a crust. You mix it, you wait; you fold it, you wait; you bake it, and then, '
             'because it smells like that, you do not wait at all.',
}
DEFAULT = 'I have only two poems in me: one about rain and one about bread. Ask for either. '


async def words_of(question: str):
    "Stands in for a language model: gives an answer in pieces, at an uneven pace"
    text = next((line for word, line in LINES.items() if word in question.lower()), DEFAULT)
    for word in text.split():
        await asyncio.sleep(random.uniform(0.02, 0.12))
        yield word + ' '


async def answer(question: str):
    "Each piece replaces the text so far: rendering is cheap, and a reader who reconnects misses nothing"
    text = ''
    try:
        async for word in words_of(question):
            text += word
            yield P(text, Span('▌', cls='cursor', aria_hidden='true'))
    except ConnectionError:  # a model out of reach is no reason to lose what has been said
        yield P(text, Strong(' The connection to the model broke.'))
    else:
        yield P(text)


css = Style('''
main {max-width: 44rem} .cursor {animation: blink 1s steps(2) infinite} @keyframes blink {50% {opacity: 0}}
article.answer header {display: flex; justify-content: space-between; align-items: center; gap: 1rem}
article.answer button {margin: 0; padding: .2rem .8rem}
''')
app, rt = fast_app(hdrs=(picolink, css), pico=False, exts='sse', title='Word by word',
                   assets=os.environ.get('ASSETS', 'cdn'))


@rt('/')
def home():
    field = Input(id='question', placeholder='A poem about rain, please', required=True, aria_label='Question')
    return Titled('Word by word',
                  Form(Group(field, Button('Ask')), hx_post='/ask', target_id='answers', hx_swap='afterbegin'),
                  Div(id='answers'))


@rt('/ask')
def post(question: str):
    card = unqid()
    words = Div(P('…'), hx_ext='sse', sse_connect=stream.to(question=question), sse_swap='message', aria_live='polite')
    stop = Button('Stop', cls='secondary outline', target_id=card, hx_get='/stopped', hx_swap='outerHTML')
    return Card(words, header=(B(question), stop), id=card, cls='answer')


@rt('/stream')
def stream(question: str):
    return EventStream(answer(question))


@rt('/stopped')
def stopped():
    return P(Small('Stopped; the connection is closed and the generator with it.'))


if __name__ == '__main__':
    serve()
