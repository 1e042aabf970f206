"""Echoes as a closed loop: a user sends its next message when the echo of the last has come."""

from itertools import count
from time import perf_counter

import gevent
from locust import User, constant, events, task
from locust.exception import StopUser
from websocket import create_connection

CHANNELS = count()
ENDED = count(1)


@events.quitting.add_listener
def report(environment, **_):
    print(f"echoes: {environment.stats.total.num_requests}")


class Echo(User):
    wait_time = constant(0)
    left = @EACH@

    def on_start(self):
        address = f"ws://@HOST@:@PORT@@PATH@?channel={next(CHANNELS)}&after=0"
        try:
            self.socket = create_connection(address)
        except Exception:
            # By itself, locust would wait for ever for users who are not there.
            self.end()
            raise

    @task
    def echo(self):
        begun = perf_counter()
        self.socket.send('@MESSAGE@')
        echoed = self.socket.recv()
        self.environment.events.request.fire(
            request_type="WS",
            name="echo",
            response_time=(perf_counter() - begun) * 1e3,
            response_length=len(echoed),
            exception=None,
            context={},
        )
        self.left -= 1
        if self.left == 0:
            if next(ENDED) == @CONNECTIONS@:
                self.end()
            raise StopUser

    def end(self):
        gevent.spawn(self.environment.runner.quit)
