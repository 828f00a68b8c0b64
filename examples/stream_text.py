"""Text that arrives word by word, as from a language model. Run it with `python examples/stream_text.py`.

The answer is work that outlives the page: load the page again at any word, or open it in a second window, and it goes on
there. What makes the words is a generator, so put the client of a model in the place of `words_of`. Stop closes the
generator at once, so no answer costs money that no page shows.
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


css = Style('''
main {max-width: 44rem} [data-work] {white-space: pre-wrap} @keyframes blink {50% {opacity: 0}}
[data-work=running]::after {content: '▌'; animation: blink 1s steps(2) infinite}
article header {display: flex; justify-content: space-between; align-items: center; gap: 1rem}
article button {margin: 0; padding: .2rem .8rem} article:not(:has([data-work=running])) .stop {display: none}
''')
app, rt = fast_app(hdrs=(picolink, css), pico=False, title='Word by word', assets=os.environ.get('ASSETS', 'cdn'))
questions: list[str] = []   # a table, in a program that is more than an example


@app.work
async def answer(question: int, say):
    try:
        async for word in words_of(questions[question]): await say(word)
    except ConnectionError:  # a model out of reach is no reason to lose what has been said
        await say(' The connection to the model broke.')


def card(question: int, text):
    end = Button('Stop', cls='secondary outline stop', hx_post=stop_answer.to(question=question), hx_swap='none')
    return Card(text, header=(B(questions[question]), end), cls='answer')


@rt('/')
def home():
    field = Input(id='question', placeholder='A poem about rain, please', required=True, aria_label='Question')
    return Titled('Word by word', Offline(),
                  Form(Group(field, Button('Ask')), hx_post='/ask', target_id='answers', hx_swap='afterbegin'),
                  Div(*[card(n, answer(question=n)) for n in reversed(range(len(questions)))], id='answers'))


@rt('/ask')
def post(question: str):
    questions.append(question)
    n = len(questions) - 1
    return card(n, answer.start(question=n))


@app.post('/stop')
async def stop_answer(question: int):
    await answer.stop(question=question)


if __name__ == '__main__':
    serve()
