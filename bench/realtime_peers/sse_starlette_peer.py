import asyncio

from _serve import publish_many, text_of
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

tasks, queues = set(), set()


async def single(request):
    async def events():
        for i in range(int(request.query_params['n'])):
            yield {'data': f'<div id="tick" class="tick">{text_of(i)}</div>'}
    return EventSourceResponse(events())


async def sub(request):
    async def events():
        queues.add(queue := asyncio.Queue())
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)
    return EventSourceResponse(events())


async def to_queues(i, pad):
    event = {'data': f'<div id="tick" class="tick">{text_of(i, pad)}</div>'}
    for queue in queues:
        queue.put_nowait(event)


async def publish(request):
    q = request.query_params
    tasks.add(asyncio.create_task(publish_many(to_queues, int(q.get('n', 1)), float(q.get('rate', 0)), int(q.get('size', 1)))))
    return PlainTextResponse('started')


app = Starlette(routes=[Route('/single', single), Route('/sub', sub), Route('/publish', publish)])
