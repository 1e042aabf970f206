"""python-socketio on aiohttp; a client joins the room that its handshake's auth names."""

import sys

import socketio
from aiohttp import web

sio = socketio.AsyncServer(async_mode="aiohttp")
app = web.Application()
sio.attach(app)


@sio.event
async def connect(sid, environ, auth):
    await sio.enter_room(sid, str(auth["channel"]))


async def publish(request):
    await sio.emit("message", await request.json(), room=request.query["channel"])
    return web.Response(status=204)


app.router.add_post("/publish", publish)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, keepalive_timeout=3600)
