"""The subscribers of each channel: a queue each, as in sse-starlette's example of broadcasting."""

import asyncio
from collections import defaultdict
from contextlib import contextmanager

_channels = defaultdict(set)


@contextmanager
def subscription(channel):
    """A queue that gets each message of the channel."""
    queue = asyncio.Queue()
    _channels[channel].add(queue)
    try:
        yield queue
    finally:
        _channels[channel].discard(queue)


def publish(channel, message):
    for queue in _channels[channel]:
        queue.put_nowait(message)
