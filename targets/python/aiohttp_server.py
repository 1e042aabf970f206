"""WebSocket and a stream of lines by aiohttp.

    python3 aiohttp_server.py PORT

The WebSocket /ws?channel=N and GET /stream?channel=N subscribe; POST /publish?channel=N sends the body to everybody in the channel.
"""

import sys

from aiohttp import web
from channels import publish, subscription


async def publish_event(request):
    publish(request.query["channel"], await request.text())
    return web.Response(status=204)


async def websocket(request):
    socket = web.WebSocketResponse(compress=False)
    with subscription(request.query["channel"]) as queue:
        await socket.prepare(request)
        while True:
            await socket.send_str(await queue.get())


async def stream(request):
    response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
    with subscription(request.query["channel"]) as queue:
        await response.prepare(request)
        while True:
            await response.write(f"{await queue.get()}\n".encode())


app = web.Application()
app.add_routes([web.post("/publish", publish_event), web.get("/ws", websocket), web.get("/stream", stream)])
# An idle connection is kept, as with the other servers.
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, keepalive_timeout=3600)
