"""python-socketio on aiohttp, as its documentation begins.

    python3 socketio_server.py PORT

A client joins the room that its handshake's auth names ({ channel: N }); POST /publish?channel=N emits the body, a JSON array, to the
room as the one argument of the event "message".
"""

import json
import sys

import socketio
from aiohttp import web

sio = socketio.AsyncServer(async_mode="aiohttp")


@sio.event
async def connect(sid, environ, auth):
    await sio.enter_room(sid, f"channel {auth['channel']}")


async def publish_event(request):
    await sio.emit("message", json.loads(await request.read()), room=f"channel {request.query['channel']}")
    return web.Response(status=204)


app = web.Application()
sio.attach(app)
app.router.add_post("/publish", publish_event)
# An idle connection is kept, as with the other servers.
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, keepalive_timeout=3600)
