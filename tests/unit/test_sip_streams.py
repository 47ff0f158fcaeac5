"""Connections of SIP without sockets: what bounds them, what is told of their end."""

from __future__ import annotations

import ssl
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.address import IPv4Address, IPv6Address

from ctigw.config.sip import SipLimits, SipListener
from ctigw.net.sip_connection import GOODBYE, SipConnection
from ctigw.net.sip_streams import SipFactory, Streams
from ctigw.net.tls import secured
from ctigw.sip.hops import Remote
from tests.certificates import Authority, tls
from tests.pipes import Loop, Pipe, TlsPeer

LIMITS = SipLimits()


class Place:
    """Streams, and what they say."""

    def __init__(self, limits: SipLimits = LIMITS) -> None:
        self.loop = Loop()
        self.heard: list[tuple[Remote, bytes]] = []
        self.names: list[tuple[Remote, tuple[str, ...]]] = []
        self.lost: list[Remote] = []
        self.counters: Counter[str] = Counter()
        self.streams = Streams(
            self.loop,
            limits,
            received=lambda connection, data: self.heard.append((connection.remote, data)),
            certified=lambda remote, names: self.names.append((remote, names)),
            lost=self.lost.append,
            counters=self.counters,
        )

    def peer(self, number: int = 1, local: int = 0) -> Pipe | None:
        """A peer that connects from a port of its own."""
        factory = SipFactory(self.streams, "TCP", local)
        protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 5000 + number))
        return None if protocol is None else Pipe(self.loop, protocol)

    def peers(self, count: int) -> list[Pipe]:
        found = [self.peer(number) for number in range(1, count + 1)]
        return [pipe for pipe in found if pipe is not None]

    def send(self, remote: Remote, *data: bytes) -> None:
        for part in data:
            self.streams.send(remote, part)
        self.streams.flush()


def limits(**some: Any) -> SipLimits:
    return msgspec.structs.replace(LIMITS, **some)


def flow(number: int, local: int = 0) -> Remote:
    return Remote("TCP", "192.0.2.1", 5000 + number, number, local)


def test_each_connection_has_a_number_that_is_never_given_again() -> None:
    place = Place()
    one, two = place.peers(2)
    one.deliver(b"1")
    two.deliver(b"2")
    one.closes()
    three = place.peer(3)
    assert three is not None
    three.deliver(b"3")
    assert place.heard == [(flow(1), b"1"), (flow(2), b"2"), (flow(3), b"3")]
    assert place.lost == [flow(1)]
    assert len(place.streams) == 2


def test_what_gathers_for_a_connection_leaves_in_order() -> None:
    place = Place()
    (pipe,) = place.peers(1)
    place.send(flow(1), b"one", b"two")
    place.send(flow(1), b"three")
    pipe.turn()
    assert bytes(pipe.taken) == b"onetwothree"


def test_a_place_is_reached_by_the_connection_that_leads_there_whoever_opened_it() -> None:
    place = Place()
    pipe, _ = place.peers(2)
    asked = Remote("TCP", "192.0.2.1", 5001, 0, 7)
    place.send(asked, b"hello")
    pipe.turn()
    assert bytes(pipe.taken) == b"hello"
    pipe.closes()
    assert place.lost == [flow(1)]


def test_who_sends_to_a_connection_that_is_gone_is_told_in_a_later_turn() -> None:
    place = Place()
    (pipe,) = place.peers(1)
    pipe.closes()
    place.lost.clear()
    place.send(flow(1), b"hello")
    assert place.lost == []
    place.loop.advance(0)
    assert place.lost == [flow(1)]


def test_nothing_to_send_closes_a_connection_behind_what_was_sent_to_it() -> None:
    place = Place()
    (pipe,) = place.peers(1)
    place.send(flow(1), b"goodbye", b"")
    assert place.lost == [flow(1)]
    pipe.turn()
    assert bytes(pipe.taken) == b"goodbye"
    assert pipe.disconnected
    assert len(place.streams) == 0
    assert place.lost == [flow(1)]
    assert place.loop.getDelayedCalls() == []


def test_a_peer_that_does_not_read_is_closed_at_the_bound() -> None:
    place = Place(limits(send_queue=1000))
    slow, other = place.peers(2)
    slow.room = 0
    place.send(flow(1), b"x" * (1 << 17))
    slow.turn()
    place.send(flow(1), b"y" * 1000)
    assert place.lost == []
    place.send(flow(1), b"z")
    assert place.lost == [flow(1)]
    place.send(flow(2), b"hello")
    other.turn()
    assert slow.aborted
    assert bytes(other.taken) == b"hello"
    assert place.counters["SIP peers closed for not reading"] == 1
    assert len(place.streams) == 1


def test_a_peer_that_reads_again_gets_what_waited() -> None:
    place = Place(limits(send_queue=100_000))
    (pipe,) = place.peers(1)
    pipe.room = 10
    for _ in range(4):
        place.send(flow(1), b"x" * 40_000)
        pipe.turn()
    pipe.room = 1 << 30
    pipe.turn()
    assert bytes(pipe.taken) == b"x" * 160_000
    assert place.lost == []


def test_a_listener_has_so_many_connections_and_others_have_their_own() -> None:
    place = Place(limits(connections=2))
    (first, second) = place.peers(2)
    assert place.peer(3) is None
    assert place.peer(4, local=1) is not None
    assert place.counters["SIP connections refused"] == 1
    first.closes()
    assert place.peer(5) is not None
    assert not second.disconnected


def test_who_says_nothing_is_closed_soon_and_who_has_said_something_late() -> None:
    place = Place(limits(silent_seconds=32.0, idle_seconds=100.0))
    silent, idle, busy = place.peers(3)
    idle.deliver(b"hello")
    for _ in range(15):
        busy.deliver(b"\r\n\r\n")
        place.loop.advance(3)
    place.loop.advance(0)
    assert [pipe.disconnected for pipe in (silent, idle, busy)] == [1, 0, 0]
    for _ in range(25):
        busy.deliver(b"\r\n\r\n")
        place.loop.advance(3)
    place.loop.advance(0)
    assert [pipe.disconnected for pipe in (silent, idle, busy)] == [1, 1, 0]
    assert place.lost == [flow(1), flow(2)]


def test_a_connection_that_rests_is_not_read_from() -> None:
    place = Place()
    (pipe,) = place.peers(1)
    connection: SipConnection = pipe.protocol
    connection.rest(2.0)
    connection.rest(9.0)
    assert not pipe.reads
    place.loop.advance(2)
    assert pipe.reads
    connection.rest(2.0)
    connection.abort()
    place.loop.advance(0)
    assert place.loop.getDelayedCalls() == []


def test_everybody_gets_what_was_sent_before_the_end_and_nothing_is_left() -> None:
    place = Place()
    reads, does_not = place.peers(2)
    does_not.room = 0
    place.send(flow(1), b"last words")
    place.send(flow(2), b"x" * (1 << 17))
    reads.turn()
    ended = place.streams.close()
    reads.turn()
    assert bytes(reads.taken) == b"last words"
    assert reads.disconnected
    assert place.peer(3) is None
    place.loop.advance(GOODBYE)
    does_not.turn()
    assert ended.called
    assert place.lost == []
    assert place.loop.getDelayedCalls() == []
    assert len(place.streams) == 0


def test_both_families_have_one_form_each() -> None:
    place = Place()
    factory = SipFactory(place.streams, "TCP", 3)
    for host in ("::ffff:192.0.2.7", "2001:db8::1"):
        protocol = factory.buildProtocol(IPv6Address("TCP", host, 5060))
        assert protocol is not None
        Pipe(place.loop, protocol).deliver(b"x")
    assert [remote.host for remote, _ in place.heard] == ["192.0.2.7", "2001:db8::1"]
    assert {remote.local for remote, _ in place.heard} == {3}


def over_tls(place: Place, listener: SipListener, context: ssl.SSLContext) -> tuple[Pipe, TlsPeer]:
    factory = secured(listener, SipFactory(place.streams, "TLS", 0), place.loop)
    pipe = Pipe(place.loop, factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 5001)))
    return pipe, TlsPeer(pipe, context)


def test_whose_certificate_a_peer_has_is_told_before_what_it_says(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    own, key = ours.issue("localhost")
    asking = SipListener("tls", tls_certificate=str(own), tls_key=str(key), tls_client_ca=str(ours.file))
    place = Place()
    pipe, peer = over_tls(place, asking, tls(ours, ours.issue("alice")))
    remote = Remote("TLS", "192.0.2.1", 5001, 1, 0)
    assert place.names == [(remote, ("alice",))]
    peer.send(b"hello")
    assert place.heard == [(remote, b"hello")]
    pipe.closes()
    assert place.lost == [remote]


def test_a_peer_that_never_closes_its_side_of_tls_is_closed_all_the_same(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    own, key = ours.issue("localhost")
    place = Place()
    pipe, peer = over_tls(place, SipListener("tls", tls_certificate=str(own), tls_key=str(key)), tls(ours))
    assert place.names == []
    peer.send(b"hello")
    (remote, _), *_ = place.heard
    place.send(remote, b"goodbye", b"")
    assert peer.read() == b"goodbye"
    assert len(place.streams) == 1
    place.loop.advance(GOODBYE)
    pipe.turn()
    assert pipe.aborted
    assert len(place.streams) == 0
    assert place.loop.getDelayedCalls() == []
