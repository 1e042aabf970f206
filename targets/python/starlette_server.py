"""Server-Sent Events by Starlette with sse-starlette, and WebSocket by Starlette, on uvicorn.

    python3 starlette_server.py PORT

GET /sse?channel=N and the WebSocket /ws?channel=N subscribe; POST /publish?channel=N sends the body to everybody in the channel.
"""

import sys
from contextlib import ExitStack

import uvicorn
from channels import publish, subscription
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute


async def publish_event(request):
    publish(request.query_params["channel"], (await request.body()).decode())
    return Response(status_code=204)


async def sse(request):
    # A subscriber is in its channel before it gets the head of its stream.
    stack = ExitStack()
    queue = stack.enter_context(subscription(request.query_params["channel"]))

    async def events():
        with stack:
            while True:
                yield {"data": await queue.get()}

    return EventSourceResponse(events())


async def websocket(socket):
    with subscription(socket.query_params["channel"]) as queue:
        await socket.accept()
        while True:
            await socket.send_text(await queue.get())


app = Starlette(
    routes=[
        Route("/publish", publish_event, methods=["POST"]),
        Route("/sse", sse),
        WebSocketRoute("/ws", websocket),
    ]
)

# An idle connection is kept, as with the other servers, and nothing is compressed.
uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    log_level="warning",
    timeout_keep_alive=3600,
    ws_per_message_deflate=False,
)
