"""Starlette with sse-starlette, on uvicorn."""

import asyncio
import sys
from collections import defaultdict

import uvicorn
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

queues = defaultdict(set)


async def publish(request):
    text = (await request.body()).decode()
    for queue in queues[request.query_params["channel"]]:
        queue.put_nowait(text)
    return Response(status_code=204)


async def events(request):
    queue = asyncio.Queue()
    queues[request.query_params["channel"]].add(queue)

    async def stream():
        while True:
            yield {"data": await queue.get()}

    return EventSourceResponse(stream())


app = Starlette(routes=[Route("/publish", publish, methods=["POST"]), Route("/sse", events)])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=3600)
