import asyncio
from datetime import datetime

from fasthtml.common import *

app, rt = fast_app(title='{title}', exts=('ws', 'sse'))
room = app.channel('room')


def said(text):
    "A message as everybody gets it: a line that is added to the list"
    return Ul(Li(text), id='messages', hx_swap_oob='beforeend')


def text_box():
    "The input; sent again with each answer, so that it is empty"
    return Input(id='text', placeholder='Say something', required=True, autocomplete='off', aria_label='Message')


@rt('/')
def get():
    clock = P(hx_ext='sse', sse_connect='/clock', sse_swap='message')
    chat = Div(Ul(id='messages'), Form(text_box(), Button('Send'), ws_send=True), hx_ext='ws', ws_connect='/chat')
    return Titled('{title}', clock, chat)


async def enter(ws):
    room.join(ws)  # it leaves by itself when the visitor does
    await room.publish(said(f'{len(room)} here now'))


@app.ws('/chat', conn=enter)
async def chat(text: str):
    await room.publish(said(text))
    return text_box()


async def ticks():
    while True:
        yield Span(datetime.now().strftime('%H:%M:%S'))
        await asyncio.sleep(1)


@rt('/clock')
def clock():
    return EventStream(ticks())


if __name__ == '__main__':
    serve()
