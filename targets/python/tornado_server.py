"""Tornado: WebSocket, and lines that a response brings as they are published."""

import asyncio
import sys
from collections import defaultdict

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

sockets, queues = defaultdict(set), defaultdict(set)


class Publish(RequestHandler):
    def post(self):
        channel, text = self.get_query_argument("channel"), self.request.body.decode()
        for socket in sockets[channel]:
            socket.write_message(text)
        for queue in queues[channel]:
            queue.put_nowait(text)
        self.set_status(204)


class Socket(WebSocketHandler):
    def open(self):
        sockets[self.get_query_argument("channel")].add(self)

    def on_close(self):
        sockets[self.get_query_argument("channel")].discard(self)

    def check_origin(self, origin):
        return True


class Lines(RequestHandler):
    async def get(self):
        queue = asyncio.Queue()
        queues[self.get_query_argument("channel")].add(queue)
        self.set_header("content-type", "application/x-ndjson")
        await self.flush()
        while True:
            self.write(await queue.get() + "\n")
            await self.flush()


async def main():
    Application([("/publish", Publish), ("/ws", Socket), ("/lines", Lines)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
