"""Two stacks and a network between them that loses, doubles and delays datagrams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from ctigw.sip.events import Answered, Asked, Event, Outcome
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from tests.sip import Clock, Node, ours

ALICE, BOB = Remote("UDP", "192.0.2.1", 5060), Remote("UDP", "192.0.2.2", 5060)


class Network:
    """Alice's stack and Bob's.  ``lost``, ``doubled``: of all datagrams, 0 to 1."""

    def __init__(self, seed: int, lost: float, doubled: float = 0.1) -> None:
        self.clock = Clock()
        self.random = Random(seed)
        self.lost, self.doubled = lost, doubled
        self.nodes = {ALICE: Node(clock=self.clock, prefix="a"), BOB: Node(clock=self.clock, prefix="b")}
        self.under_way: list[tuple[float, int, Remote, Remote, bytes]] = []
        self.count = 0
        self.heard: Callable[[Remote, Event], None] = lambda _to, _event: None

    def flush(self) -> None:
        """Take what is to be sent and what is to be told, until there is no more."""
        busy = True
        while busy:
            busy = False
            for source, node in self.nodes.items():
                for event in node.stack.events():
                    busy = True
                    self.heard(source, event)
                for to, data in node.stack.outgoing():
                    busy = True
                    self.send(source, to, data)

    def send(self, source: Remote, to: Remote, data: bytes) -> None:
        assert to.host in (ALICE.host, BOB.host)
        for _ in range(1 + (self.random.random() < self.doubled)):
            if self.random.random() >= self.lost:
                self.count += 1
                arrives = self.clock.seconds + self.random.uniform(0.001, 0.8)
                self.under_way.append((arrives, self.count, source, to, data))

    def run(self, seconds: float) -> None:
        end = self.clock.seconds + seconds
        self.flush()
        while True:
            self.under_way.sort()
            timeouts = [due for node in self.nodes.values() if (due := node.stack.next_timeout()) is not None]
            due = min([*timeouts, *(arrival[0] for arrival in self.under_way[:1])], default=end)
            if due >= end:
                break
            self.clock.seconds = max(due, self.clock.seconds)
            while self.under_way and self.under_way[0][0] <= self.clock.seconds:
                _, _, source, to, data = self.under_way.pop(0)
                receiver = ALICE if to.host == ALICE.host else BOB
                self.nodes[receiver].receive(data, source)
            for node in self.nodes.values():
                node.stack.timeout()
            self.flush()
        self.clock.seconds = end


@pytest.mark.parametrize("seed", range(4))
def test_half_of_all_datagrams_may_be_lost_and_every_request_is_served_once(seed: int) -> None:
    network = Network(seed, lost=0.5)
    alice = network.nodes[ALICE].stack
    shown: Counter[str] = Counter()
    ends: dict[str, list[int]] = {}
    tries: Counter[str] = Counter()

    def ask(name: str) -> None:
        tries[name] += 1
        request = ours("NOTIFY", Call_ID=f"{name} {tries[name]}", To="<sip:bob@x>;tag=1")

        def done(outcome: Outcome) -> None:
            ends.setdefault(name, []).append(outcome.status)
            if outcome.status == 408:
                ask(name)

        alice.request(request, BOB, done)

    def heard(at: Remote, event: Event) -> None:
        if isinstance(event, Asked):
            assert at == BOB
            shown[event.incoming.request.call_id] += 1
            event.incoming.respond(200)
        elif isinstance(event, Answered):
            event.done(event.outcome)

    network.heard = heard
    names = [str(number) for number in range(100)]
    for name in names:
        ask(name)
    network.run(300)
    assert set(shown.values()) == {1}
    assert sorted(ends) == sorted(names)
    for name, statuses in ends.items():
        assert statuses == [408] * (tries[name] - 1) + [200]
    assert sum(tries.values()) < 110  # eleven tries, each lost three times of four, end well
    assert max(tries.values()) <= 3
    network.run(100)
    for node in network.nodes.values():
        assert not node.stack._layer.clients
        assert not node.stack._layer.servers
        assert len(node.timers) == 0


@pytest.mark.parametrize("answer", [200, 486])
@pytest.mark.parametrize("seed", range(4))
def test_an_invite_is_shown_once_and_its_answer_acknowledged_whatever_is_lost(  # noqa: C901 - two people
    seed: int, answer: int
) -> None:
    network = Network(seed, lost=0.4)
    alice, bob = network.nodes[ALICE], network.nodes[BOB]
    shown: Counter[str] = Counter()
    acknowledged: Counter[str] = Counter()
    ends: dict[str, set[int]] = {}
    accepted: dict[str, Asked] = {}

    def ask(name: str) -> None:
        invite = ours("INVITE", Call_ID=name)

        def done(outcome: Outcome) -> None:
            ends.setdefault(name, set()).add(outcome.status)
            if outcome.response is not None and outcome.status == 200:
                ack = {**invite.headers, "To": outcome.response.lines("To"), "CSeq": ["7 ACK"]}
                alice.stack.send_ack(Request("ACK", invite.uri, ack), BOB)

        alice.stack.request(invite, BOB, done)

    def repeat(name: str, pause: float) -> None:
        """Who accepts an INVITE repeats that until the ACK comes (RFC 3261 §13.3.1.4)."""
        if name in accepted:
            accepted[name].incoming.respond(200)
            if pause < 40:
                bob.timers.after(min(pause, 4.0), lambda: repeat(name, pause * 2 if pause < 4 else pause + 4))

    def heard(_at: Remote, event: Event) -> None:
        if isinstance(event, Answered):
            event.done(event.outcome)
        elif isinstance(event, Asked):
            name = event.incoming.request.call_id
            if event.incoming.request.method == "ACK":
                acknowledged[name] += 1
                accepted.pop(name, None)
                return
            shown[name] += 1
            if answer == 200:
                accepted[name] = event
                repeat(name, 0.5)
            else:
                event.incoming.respond(answer)

    network.heard = heard
    names = [str(number) for number in range(40)]
    for name in names:
        ask(name)
    network.run(200)
    assert shown == Counter(names)
    assert ends == {name: {answer} for name in names}
    if answer == 200:
        assert set(acknowledged) == set(names)
    else:
        assert bob.stack.counters["answers without ACK"] == 0
    for node in network.nodes.values():
        assert not node.stack._layer.clients
        assert not node.stack._layer.servers


def test_a_network_that_takes_nothing_ends_everything() -> None:
    network = Network(0, lost=1.0)
    ends: list[int] = []
    network.heard = lambda _, event: (
        ends.append(event.outcome.status) if isinstance(event, Answered) else None
    )
    for method in ("NOTIFY", "INVITE"):
        network.nodes[ALICE].stack.request(ours(method), BOB, lambda _: None)
    network.run(40)
    assert ends == [408, 408]
    assert len(network.nodes[ALICE].timers) == 0
