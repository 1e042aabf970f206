"""The package websockets; POST /publish is not its business, so publishers are clients that begin with `publish`."""

import asyncio
import sys
from collections import defaultdict

from websockets.asyncio.server import broadcast, serve

channels = defaultdict(set)


async def handle(connection):
    way, channel = connection.request.path.rsplit("/", 1)
    if way == "/publish":
        async for message in connection:
            channel, _, text = message.partition(" ")
            broadcast(channels[channel], text)
            await connection.send("taken")
    else:
        channels[channel].add(connection)
        try:
            await connection.wait_closed()
        finally:
            channels[channel].discard(connection)


async def main():
    async with serve(handle, "127.0.0.1", int(sys.argv[1]), compression=None) as server:
        await server.serve_forever()


asyncio.run(main())
