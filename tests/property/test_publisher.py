"""Whatever happens on the way, in the end there is at the server what was put last, and nothing else."""

from __future__ import annotations

from typing import Any

import structlog
from hypothesis import given
from hypothesis import strategies as st

from ctigw.simple.publisher import Publisher
from ctigw.sip.digest import Digest, Login
from ctigw.sip.events import Answered, Asked
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from tests.compositor import Server
from tests.sip import Clock, Node, tokens

OURS, THEIRS = Remote("UDP", "192.0.2.1", 5060), Remote("UDP", "192.0.2.15", 5060)

lines = st.sampled_from(["1", "2", "3"])
states = st.sampled_from([b"a", b"b", b"c", None])
refusals = st.sampled_from([(500, {}), (503, {"Retry-After": "30"}), (401, {}), (412, {}), (403, {})])
steps = st.one_of(
    st.tuples(st.just("put"), lines, states),
    st.tuples(st.just("answer")),
    st.tuples(st.just("pass"), st.integers(1, 4000)),
    st.tuples(st.just("fail"), st.none() | refusals),
    st.tuples(st.just("lose")),
)


def do(server: Server, step: Any, wanted: dict[str, bytes]) -> None:
    match step:
        case ("put", line, state):
            body = None if state is None else line.encode() + state
            server.publisher.put("a@b", line, body)
            wanted.pop(line, None)
            if body is not None:
                wanted[line] = body
        case ("answer",) if server.under_way:
            server.answer()
        case ("pass", seconds):
            server.time += seconds
            server.timers.fire()
        case ("fail", plan):
            server.plans.append(plan)
        case ("lose",):
            server.there.clear()


@given(st.lists(steps, max_size=40), st.sampled_from([1, 2, 50]))
def test_in_the_end_there_is_what_was_put_last(happens: list[Any], at_once: int) -> None:
    server = Server(at_once=at_once)
    wanted: dict[str, bytes] = {}
    with structlog.testing.capture_logs():
        for step in happens:
            do(server, step, wanted)
        server.plans.clear()
        for _ in range(3):  # what was lost without our knowing it comes back by a refresh
            server.passes(4000)
    assert server.bodies() == sorted(wanted.values())
    assert len(server.publisher) == len(wanted)
    assert server.publisher.paused == 0
    over: list[bool] = []
    server.publisher.close(lambda: over.append(True))
    server.settle()
    assert (over, server.bodies(), server.timers.next()) == ([True], [], None)


class Network:
    """A publisher and a compositor, a stack each, and datagrams between them that may be lost."""

    def __init__(self, arrive: list[bool], *, asks: bool) -> None:
        self.clock = clock = Clock()
        self.compositor = Server()
        self.compositor.digest = Digest("example.com", b"s", clock) if asks else None
        self.arrives = iter(arrive)
        self.ours, self.theirs = Node(clock=clock, prefix="o"), Node(clock=clock, prefix="p")
        self.publisher = Publisher(
            lambda request, done: self.ours.stack.request(request, THEIRS, done),
            self.ours.timers,
            tokens("c"),
            login=Login("gateway", "secret", lambda: "c"),
        )

    def settle(self) -> None:
        """Carry what is sent until nothing is."""
        while self.carried(self.ours, self.theirs, OURS) + self.carried(self.theirs, self.ours, THEIRS):
            pass

    def carried(self, sender: Node, receiver: Node, source: Remote) -> int:
        datagrams = sender.stack.outgoing()
        for _, data in datagrams:
            if next(self.arrives, True):
                receiver.stack.receive(data, source)
        for event in receiver.stack.events():
            if isinstance(event, Asked):
                self.serve(event.incoming)
            elif isinstance(event, Answered):
                event.done(event.outcome)
        return len(datagrams)

    def serve(self, incoming: Incoming) -> None:
        response = self.compositor.judge(incoming.request).response
        assert response is not None
        headers = [(name, line) for name, lines in response.headers.items() for line in lines]
        incoming.respond(response.status, headers)

    def passes(self, seconds: float) -> None:
        end = self.clock.seconds + seconds
        nodes = (self.ours, self.theirs)
        while due := [at for node in nodes if (at := node.stack.next_timeout()) is not None and at <= end]:
            self.clock.seconds = max(self.clock.seconds, min(due))
            for node in nodes:
                node.stack.timeout()
            self.settle()
        self.clock.seconds = end


# Of the eleven times that a request is sent, so few losses leave some.
@given(st.lists(st.booleans(), max_size=8), st.lists(states, min_size=1, max_size=5), st.booleans())
def test_over_a_network_that_loses_datagrams_too(
    arrive: list[bool], bodies: list[bytes | None], asks: bool
) -> None:
    network = Network(arrive, asks=asks)
    for body in bodies:
        network.publisher.put("a@b", "1", body)
        network.settle()
    network.passes(10_000)
    assert network.compositor.bodies() == [body for body in bodies[-1:] if body is not None]
