"""The whole server as a node of a network that loses half of everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
import structlog

from ctigw.app.sip import Kept, SipSide, sip_side
from ctigw.config import parse
from ctigw.simple.packages import Body, Wanted
from ctigw.sip.dialog import Dialog
from ctigw.sip.events import Answered, Asked, Outcome
from ctigw.sip.hops import Local, Remote
from ctigw.sip.message import Request
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timers
from tests.presence import OPEN, Bench, person, pidf
from tests.sip import LOCALS, PEER, Clock, tokens
from tests.unit.test_simple_messaging import Box

SERVER = Remote("UDP", "192.0.2.1", 5060)
ACTIVITIES = ("away", "busy", "meeting", "meal", "vacation", "travel")


class TwistedClock:
    """As much of Twisted's clock as a server needs."""

    def __init__(self, clock: Clock) -> None:
        self.seconds = clock


class Client:
    """A user agent on a stack of its own, which asks again when a request has come to nothing."""

    def __init__(self, network: Network, name: str, host: str) -> None:
        self.network, self.name = network, name
        self.place = Remote("UDP", host, 5060)
        self.timers = Timers(network.clock)
        self.stack = Stack(self.timers, tokens(name), [Local("UDP", host, 5060)])
        self.numbers = iter(range(1, 10_000))
        # What was served, by Call-ID and CSeq: nothing twice.
        self.served: Counter[str] = Counter()
        self.texts: list[str] = []
        self.dialog: Dialog | None = None
        self.shown = b""
        self.said: list[tuple[str, int]] = []

    def request(self, method: str, whom: str, body: str = "", **headers: str) -> Request:
        number = next(self.numbers)
        fields = {
            "From": [f"<sip:{self.name}@example.com>;tag={number}"],
            "To": [f"<sip:{whom}@example.com>"],
            "Call-ID": [f"{self.name} {number}"],
            "CSeq": [f"1 {method}"],
            "Contact": [f"<sip:{self.name}@{self.place.host}>"],
        }
        fields |= {name.replace("_", "-"): [text] for name, text in headers.items()}
        return Request(method, f"sip:{whom}@example.com", fields, body.encode())

    def ask(self, make: Callable[[], Request], done: Callable[[Request, Outcome], None]) -> None:
        """Until somebody answers: of 1000 transactions 42 come to nothing."""
        request = make()

        def answered(outcome: Outcome) -> None:
            if outcome.response is None:
                self.ask(make, done)
            else:
                self.said.append((request.method, outcome.status))
                done(request, outcome)

        self.stack.request(request, SERVER, answered)

    def subscribe(self) -> None:
        def done(request: Request, outcome: Outcome) -> None:
            assert outcome.response is not None
            if self.dialog is None:
                self.dialog = Dialog.uac(request, outcome.response)
            self.timers.after(60, self.refresh)

        self.dialog = None
        self.ask(lambda: self.request("SUBSCRIBE", "alice", Event="presence", Expires="120"), done)

    def refresh(self) -> None:
        def again() -> Request:
            assert self.dialog is not None
            request = self.dialog.request("SUBSCRIBE")
            request.extend([("Event", "presence"), ("Expires", "120")])
            return request

        def done(_request: Request, outcome: Outcome) -> None:
            if outcome.status == 481:  # a NOTIFY came to nothing, and with it the subscription
                self.subscribe()
            else:
                self.timers.after(60, self.refresh)

        self.ask(again, done)

    def turn(self) -> None:
        for event in self.stack.events():
            if isinstance(event, Answered):
                event.done(event.outcome)
            elif isinstance(event, Asked):
                request = event.incoming.request
                self.served[f"{request.call_id} {request.get('CSeq')}"] += 1
                if request.method == "MESSAGE":
                    self.texts.append(request.body.decode())
                elif self.dialog is None or request.to_tag == self.dialog.local_tag:
                    self.take(request)
                event.incoming.respond(200)

    def take(self, notify: Request) -> None:
        if self.dialog is None or self.dialog.remote_seq is None or notify.cseq > self.dialog.remote_seq:
            if self.dialog is not None:
                self.dialog.remote_seq = notify.cseq
            self.shown = notify.body or self.shown


class Network:
    """A server, and clients, between whom each datagram may be lost, doubled or late."""

    def __init__(self, seed: int, lost: float = 0.5) -> None:
        self.clock = Clock()
        self.clock.seconds = 1_000_000.0
        self.random = Random(seed)
        self.lost = lost
        self.box = Box(most=100)
        kept = Kept(mailbox=self.box)
        self.side: SipSide = sip_side(parse(OPEN), LOCALS, TwistedClock(self.clock), kept, token=tokens("s"))  # type: ignore[arg-type]
        self.side.put([person(name) for name in ("alice", "bob", "carol")])
        self.clients = [
            Client(self, name, f"192.0.2.{20 + index}")
            for index, name in enumerate(("alice", "bob", "carol"))
        ]
        self.under_way: list[tuple[float, int, Remote, Remote, bytes]] = []
        self.count = 0

    def flush(self) -> None:
        busy = True
        while busy:
            busy = False
            for client in self.clients:
                client.turn()
                for to, data in client.stack.outgoing():
                    self.send(client.place, to, data)
                    busy = True
            for to, data in self.side.node.outgoing():
                self.send(SERVER, to, data)
                busy = True

    def send(self, source: Remote, to: Remote, data: bytes) -> None:
        assert to.transport == "UDP"  # nothing here is longer than a datagram
        for _ in range(1 + (self.random.random() < 0.1)):
            if self.random.random() >= self.lost:
                self.count += 1
                arrives = self.clock.seconds + self.random.uniform(0.001, 0.4)
                self.under_way.append((arrives, self.count, source, to, data))

    def run(self, seconds: float) -> None:
        end = self.clock.seconds + seconds
        self.flush()
        while True:
            timeouts = [self.side.node.next_timeout(), *(client.timers.next() for client in self.clients)]
            arrivals = [arrival[0] for arrival in self.under_way]
            due = min([*(at for at in timeouts if at is not None), *arrivals], default=end)
            if due >= end:
                break
            self.clock.seconds = max(due, self.clock.seconds)
            self.under_way.sort()
            while self.under_way and self.under_way[0][0] <= self.clock.seconds:
                _, _, source, to, data = self.under_way.pop(0)
                if to.host == SERVER.host:
                    self.side.node.receive(data, source)
                else:
                    (client,) = [each for each in self.clients if each.place.host == to.host]
                    client.stack.receive(data, source)
            self.side.node.timeout()
            for client in self.clients:
                client.timers.fire()
            self.flush()
        self.clock.seconds = end


def nothing_stays(network: Network) -> None:
    """When nobody refreshes anything any more."""
    network.lost = 0.0
    for client in network.clients:
        client.timers = Timers(network.clock)
    network.run(4000)
    side = network.side
    assert side.presence.figures() == {"publications": 0, "presentities": 0, "watchings": 0}
    assert len(side.subscriptions) == len(side.registrar) == 0
    assert not side.stack._layer.clients
    assert not side.stack._layer.servers


@pytest.mark.parametrize("seed", range(8))
def test_with_half_of_all_datagrams_lost_everything_arrives_once_and_the_last_state_is_seen(
    seed: int,
) -> None:
    network = Network(seed)
    alice, bob, carol = network.clients
    etag = ""

    def publish(activity: str) -> None:
        body = pidf("open", activity)

        def make() -> Request:
            match = {"SIP_If_Match": etag} if etag else {}
            kind = "application/pidf+xml"
            return alice.request("PUBLISH", "alice", body, Event="presence", Content_Type=kind, **match)

        def done(_request: Request, outcome: Outcome) -> None:
            nonlocal etag
            if outcome.status == 412:  # an answer came to nothing, and with it the tag: a new one
                etag = ""
                publish(activity)
                return
            assert outcome.response is not None
            etag = outcome.response.get("SIP-ETag")

        alice.ask(make, done)

    def say(text: str) -> None:
        message = bob.request("MESSAGE", "carol", text, Content_Type="text/plain")
        bob.stack.request(message, SERVER, lambda outcome: bob.said.append(("MESSAGE", outcome.status)))

    def register() -> None:
        carol.ask(lambda: carol.request("REGISTER", "carol", Expires="3600"), lambda *_: None)

    say("while she is away")
    bob.subscribe()
    network.run(100)
    register()
    network.run(100)
    for number in range(12):
        publish(network.random.choice(ACTIVITIES))
        say(f"number {number}")
        network.run(network.random.uniform(20, 60))
    publish("performance")
    network.run(400)
    for _ in range(3):  # what came to nothing waits until she registers again
        register()
        network.run(100)
    assert b"<r:performance/>" in bob.shown
    for client in network.clients:
        assert set(client.served.values()) <= {1}
    # Each arrives; twice, as another request, where all answers to the first one were lost.
    assert set(carol.texts) == {"while she is away", *(f"number {number}" for number in range(12))}
    assert len(carol.texts) <= 15
    assert network.box.notes == []
    assert {status for _, status in alice.said + carol.said} <= {200, 412}
    assert network.side.stack.counters["repeated requests"] > 10
    nothing_stays(network)


# What a bug costs


class Broken:
    """An event package that fails when it is to say something."""

    name = "broken"
    types = ("text/plain",)
    state, reason, requires = "active", "", ""

    def open(self, _wanted: Wanted, _changed: Callable[[], None]) -> Broken:
        return self

    def body(self, *, full: bool) -> Body | None:
        raise ZeroDivisionError

    def close(self, _event: str) -> None:
        """Nothing is left."""


def test_a_bug_costs_nobody_else_anything() -> None:
    bench = Bench()
    bench.side.packages["broken"] = Broken()  # type: ignore[assignment]
    bench.subscribe("carol")
    assert len(bench.notified()) == 1
    with structlog.testing.capture_logs() as logged:
        assert bench.subscribe("bob", Event="broken").status == 200
        bench.publish(body=pidf("open", "busy"))
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["not notified"]
    (notify,) = bench.notified()
    assert b"<r:busy/>" in notify.body


def test_a_bug_in_serving_is_answered_with_500() -> None:
    bench = Bench()

    def fail(*_args: object) -> None:
        raise ZeroDivisionError

    bench.side.server._parts.registrar.register = fail  # type: ignore[method-assign,assignment]
    with structlog.testing.capture_logs() as logged:
        assert bench.register("alice", "<sip:a@192.0.2.20>").status == 500
    assert [entry["event"] for entry in logged] == ["not served"]
    assert bench.publish(body=pidf()).status == 200


def test_what_is_no_sip_is_nothing() -> None:
    bench = Bench()
    for data in (b"", b"\r\n\r\n", b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 2000):
        bench.receive(data, PEER)
    assert bench.taken() == []


@pytest.mark.parametrize(
    ("method", "status"), [("BYE", 405), ("INVITE", 405), ("FOO", 405), ("OPTIONS", 200)]
)
def test_methods_that_are_not_served_are_refused_with_those_that_are(method: str, status: int) -> None:
    bench = Bench()
    answer = bench.ask(method, "bob", "alice")
    assert answer.status == status
    assert answer.get("Allow") == "OPTIONS, REGISTER, PUBLISH, SUBSCRIBE, NOTIFY, MESSAGE"


def test_the_names_of_a_certificate_hold_as_long_as_its_connection() -> None:
    bench = Bench()
    node = bench.side.node
    flow = Remote("TLS", "192.0.2.15", 40_000, 3, 2)
    node.connected(flow, ("sip:Alice@example.com", "not a uri"))
    assert node.certified(flow) == {"alice@example.com", "not a uri"}
    node.lost(flow)
    assert node.certified(flow) == frozenset()
