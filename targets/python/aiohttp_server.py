"""aiohttp: WebSocket, Server-Sent Events, lines, and long polling with a cursor in the answer."""

import asyncio
import sys
from collections import defaultdict

from aiohttp import web

sockets, queues = defaultdict(set), defaultdict(set)
history, news = defaultdict(list), defaultdict(asyncio.Condition)


async def publish(request):
    channel, text = request.query["channel"], await request.text()
    for socket in set(sockets[channel]):
        await socket.send_str(text)
    for queue in queues[channel]:
        queue.put_nowait(text)
    # Only what somebody polls for is kept.
    if channel in history:
        async with news[channel]:
            history[channel].append(text)
            news[channel].notify_all()
    return web.Response(status=204)


async def websocket(request):
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    members = sockets[request.query["channel"]]
    members.add(socket)
    async for _ in socket:
        pass
    members.discard(socket)
    return socket


async def stream(request, content_type, form):
    queue = asyncio.Queue()
    members = queues[request.query["channel"]]
    members.add(queue)
    response = web.StreamResponse(headers={"content-type": content_type})
    try:
        await response.prepare(request)
        while True:
            await response.write(form.format(await queue.get()).encode())
    finally:
        members.discard(queue)


async def events(request):
    return await stream(request, "text/event-stream", "data: {}\n\n")


async def lines(request):
    return await stream(request, "application/x-ndjson", "{}\n")


async def poll(request):
    channel, cursor = request.query["channel"], int(request.query["cursor"] or 0)
    async with news[channel]:
        try:
            await asyncio.wait_for(news[channel].wait_for(lambda: len(history[channel]) > cursor), 25)
        except TimeoutError:
            return web.Response(status=204)
    found = history[channel][cursor:]
    body = '{"messages":[' + ",".join(found) + f'],"next":{cursor + len(found)}}}'
    return web.Response(text=body, content_type="application/json")


app = web.Application()
app.add_routes(
    [
        web.post("/publish", publish),
        web.get("/ws", websocket),
        web.get("/sse", events),
        web.get("/lines", lines),
        web.get("/poll", poll),
    ]
)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, keepalive_timeout=3600)
