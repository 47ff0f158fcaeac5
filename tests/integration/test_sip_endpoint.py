"""SIP on real sockets of this machine: datagrams, connections both ways, TLS, time, the end."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import structlog
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from ctigw.config.sip import Sip, SipLimits, SipListener
from ctigw.net.sip_endpoint import SipEndpoint, SipError, advertised, check
from ctigw.sip.hops import Local, Remote
from tests.certificates import Authority
from tests.turns import turns, until

UDP, TCP = SipListener(port=0), SipListener("tcp", port=0)
REQUEST = b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"


class Node:
    """Remembers what it is told; sends what a test says; ``answers`` what arrives by sending it back."""

    def __init__(self, *, answers: bool = False) -> None:
        self.answers = answers
        self.heard: list[tuple[bytes, Remote]] = []
        self.names: list[tuple[Remote, tuple[str, ...]]] = []
        self.gone: list[Remote] = []
        self.to_send: list[tuple[Remote, bytes]] = []
        self.due: float | None = None
        self.times = 0
        self.fails = False

    def receive(self, data: bytes, source: Remote) -> None:
        if self.fails:
            raise RuntimeError("a bug")
        self.heard.append((data, source))
        if self.answers:
            self.to_send.append((source, data[::-1]))

    def connected(self, remote: Remote, names: tuple[str, ...]) -> None:
        self.names.append((remote, names))

    def lost(self, remote: Remote) -> None:
        self.gone.append(remote)

    def outgoing(self) -> list[tuple[Remote, bytes]]:
        sent, self.to_send = self.to_send, []
        return sent

    def next_timeout(self) -> float | None:
        return self.due

    def timeout(self) -> None:
        self.times += 1
        self.due = None


class Place:
    """Endpoints of one test, each with its node."""

    def __init__(self) -> None:
        self.endpoints: list[SipEndpoint] = []

    def open(self, *listeners: SipListener, answers: bool = False, **more: Any) -> tuple[Any, ...]:
        """An endpoint, its node, and what its listeners are known as."""
        endpoint = SipEndpoint(Sip(listeners=listeners, **more), reactor)
        locals_ = endpoint.open()
        node = Node(answers=answers)
        endpoint.serve(node)
        self.endpoints.append(endpoint)
        return endpoint, node, *locals_


@pytest_twisted.async_yield_fixture
async def place() -> AsyncIterator[Place]:
    made = Place()
    yield made
    for endpoint in made.endpoints:
        await endpoint.stop()
    await turns(2)


def remote(local: Local, **more: Any) -> Remote:
    return Remote(local.transport, local.host, local.port, **more)


@contextmanager
def datagrams() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(5)
        yield made


@pytest_twisted.ensureDeferred
async def test_datagrams_are_answered_from_where_they_came_to(place: Place) -> None:
    _, node, first, second = place.open(UDP, UDP, answers=True)
    _, asking, mine = place.open(UDP)
    asking.to_send = [(remote(first), b"one of them"), (remote(second), b"the other")]
    place.endpoints[1].wake()
    await until(lambda: len(asking.heard) == 2)
    me = remote(mine)
    assert {(data, source.local) for data, source in node.heard} == {(b"one of them", 0), (b"the other", 1)}
    assert {(source.host, source.port) for _, source in node.heard} == {(me.host, me.port)}
    assert {(data, source.port) for data, source in asking.heard} == {
        (b"meht fo eno", first.port),
        (b"rehto eht", second.port),
    }


@pytest_twisted.ensureDeferred
async def test_the_longest_datagram_arrives_whole(place: Place) -> None:
    _, node, local = place.open(UDP, answers=True)
    _, asking, _ = place.open(UDP)
    data = bytes(range(256)) * 255 + b"x" * 227  # 65,507 bytes are the most that UDP over IPv4 takes
    asking.to_send = [(remote(local), data), (remote(local), data + b"y")]
    place.endpoints[1].flush()
    await until(lambda: asking.heard)
    assert asking.heard[0][0] == data[::-1]
    assert place.endpoints[1].counters["datagrams refused"] == 1
    assert (asking.gone, len(node.heard)) == ([], 1)


@pytest_twisted.ensureDeferred
async def test_keep_alives_are_nobodys_business(place: Place) -> None:
    _, node, local = place.open(UDP, answers=True)
    with datagrams() as peer:
        for data in (b"", b"\r\n\r\n", b"\0\0\0\0", b"hello"):
            peer.sendto(data, ("127.0.0.1", local.port))
        await until(lambda: node.heard)
        assert peer.recv(100) == b"olleh"
    assert [data for data, _ in node.heard] == [b"hello"]


@pytest_twisted.ensureDeferred
async def test_a_source_that_asks_too_fast_loses_datagrams_but_never_answers(place: Place) -> None:
    endpoint, node, local = place.open(UDP, limits=SipLimits(requests_per_second=2))
    with datagrams() as peer:
        for data in (REQUEST, REQUEST, REQUEST, b"SIP/2.0 200 OK\r\n\r\n"):
            peer.sendto(data, ("127.0.0.1", local.port))
        await until(lambda: len(node.heard) == 3)
    assert [data[:7] for data, _ in node.heard] == [b"OPTIONS", b"OPTIONS", b"SIP/2.0"]
    assert endpoint.counters["SIP requests dropped for their pace"] == 1


@pytest_twisted.ensureDeferred
async def test_a_connection_that_asks_too_fast_is_read_more_slowly(place: Place) -> None:
    endpoint, node, local = place.open(TCP, answers=True, limits=SipLimits(requests_per_second=20))
    _, asking, _ = place.open(UDP)
    asking.to_send = [(remote(local), REQUEST * 22)]
    place.endpoints[1].flush()
    await until(lambda: asking.heard)
    asking.to_send = [(remote(local), b"later")]
    place.endpoints[1].flush()
    await until(lambda: node.heard[-1][0].endswith(b"later"))
    assert endpoint.counters["SIP connections slowed down"] == 1


@pytest_twisted.ensureDeferred
async def test_both_families_reach_one_port(place: Place) -> None:
    _, node, local = place.open(SipListener(address="::", port=0, authentication="digest"), answers=True)
    _, asking, *_ = place.open(UDP, SipListener(address="::1", port=0))
    asking.to_send = [
        (Remote("UDP", "127.0.0.1", local.port), b"fourth"),
        (Remote("UDP", "[::1]", local.port, 0, 1), b"sixth"),
    ]
    place.endpoints[1].flush()
    await until(lambda: len(asking.heard) == 2)
    assert {(data, source.host) for data, source in node.heard} == {
        (b"fourth", "127.0.0.1"),
        (b"sixth", "::1"),
    }


@pytest_twisted.ensureDeferred
async def test_a_host_can_have_a_name(place: Place) -> None:
    _, _node, local, stream = place.open(UDP, TCP, answers=True)
    _, asking, _ = place.open(UDP)
    unknown = Remote("UDP", "nobody.invalid", 5060)
    for _ in range(2):  # looked up, and then remembered
        asking.to_send = [
            (Remote("UDP", "localhost", local.port), b"datagram"),
            (Remote("TCP", "localhost", stream.port), b"stream"),
            (unknown, b"lost"),
        ]
        place.endpoints[1].flush()
        await until(lambda: len(asking.heard) == 2 and asking.gone)
        assert {data for data, _ in asking.heard} == {b"margatad", b"maerts"}
        assert asking.gone == [unknown]
        asking.heard, asking.gone = [], []


@pytest_twisted.ensureDeferred
async def test_a_datagram_leaves_from_some_port_when_its_listener_has_none(place: Place) -> None:
    _, node, local = place.open(UDP)
    _, asking, *_ = place.open(TCP, UDP)
    asking.to_send = [(remote(local), b"hello"), (Remote("UDP", "::1", 5060), b"no port for that")]
    place.endpoints[1].flush()
    await until(lambda: node.heard and asking.gone)
    assert asking.gone == [Remote("UDP", "::1", 5060)]


@pytest_twisted.ensureDeferred
async def test_a_connection_is_opened_once_and_used_both_ways(place: Place) -> None:
    _, node, local = place.open(TCP)
    asking_endpoint, asking, _ = place.open(TCP)
    asking.to_send = [(remote(local), b"one "), (remote(local), b"two")]
    asking_endpoint.flush()
    await until(lambda: node.heard)
    assert [data for data, _ in node.heard] == [b"one two"]
    source = node.heard[0][1]
    assert source.flow != 0
    node.to_send = [(source, b"by its number"), (anyhow(source), b" by its place")]
    place.endpoints[0].flush()
    await until(lambda: asking.heard)
    assert [data for data, _ in asking.heard] == [b"by its number by its place"]
    assert (len(node.names), asking_endpoint.connections, place.endpoints[0].connections) == (0, 1, 1)
    node.to_send = [(source, b"")]
    place.endpoints[0].flush()
    await until(lambda: asking.gone)
    assert asking.gone == [asking.heard[0][1]]
    assert asking_endpoint.connections == 0


def anyhow(source: Remote) -> Remote:
    """The same place, by whatever connection."""
    return Remote(source.transport, source.host, source.port, 0, source.local)


@pytest_twisted.ensureDeferred
async def test_who_cannot_be_reached_is_lost(place: Place) -> None:
    endpoint, node, _ = place.open(UDP, limits=SipLimits(connections=1))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    nobody = Remote("TCP", "127.0.0.1", port)
    never = Remote("TCP", "127.0.0.1", port, 99)
    node.to_send = [(nobody, b"x"), (Remote("TCP", "127.0.0.2", port), b"one too many"), (never, b"x")]
    endpoint.flush()
    await until(lambda: len(node.gone) == 3)
    gone = {(gone.host, gone.flow) for gone in node.gone}
    assert gone == {("127.0.0.1", 1), ("127.0.0.1", 99), ("127.0.0.2", 0)}
    assert endpoint.connections == 0
    assert endpoint.counters["SIP connections refused"] == 1


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "-", "a_b", "\u2024", ""])
@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
@pytest_twisted.ensureDeferred
async def test_a_host_that_can_be_none_is_lost(place: Place, transport: str, host: str) -> None:
    endpoint, node, _ = place.open(UDP)
    _, other, there = place.open(UDP)
    node.to_send = [(Remote(transport, host, 5060), b"hello"), (remote(there), b"hello")]
    endpoint.flush()
    await until(lambda: node.gone and other.heard)
    assert node.gone[0].host == host
    assert endpoint.counters["SIP node failures"] == 0


@pytest_twisted.ensureDeferred
async def test_a_server_has_to_be_who_it_says(place: Place, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    own, key = ours.issue("localhost")
    listener = SipListener("tls", port=0, tls_certificate=str(own), tls_key=str(key))
    _, node, local = place.open(listener, answers=True)
    by_name = Remote("TLS", "localhost", local.port)
    for trusted, host in ((ours, "localhost"), (ours, "127.0.0.1"), (theirs, "localhost")):
        endpoint, asking, _ = place.open(UDP, tls_ca=str(trusted.file))
        asking.to_send = [(Remote("TLS", host, local.port), b"hello")]
        endpoint.flush()
        await until(lambda: asking.heard or asking.gone)  # noqa: B023 - it is over before the next
        if trusted is ours and host == "localhost":
            assert asking.heard[0][0] == b"olleh"
            assert asking.names == [(asking.heard[0][1], ("localhost",))]
            assert asking.heard[0][1].host == by_name.host
        else:
            assert asking.heard == []
            assert [gone.host for gone in asking.gone] == [host]
    assert len(node.heard) == 1


@pytest_twisted.ensureDeferred
async def test_a_server_that_does_not_shake_hands_is_lost(place: Place) -> None:
    _, _, local = place.open(TCP)
    endpoint, node, _ = place.open(UDP, limits=SipLimits(connect_seconds=0.05))
    silent = Remote("TLS", "127.0.0.1", local.port)
    node.to_send = [(silent, b"x")]
    endpoint.flush()
    await until(lambda: node.gone)
    assert (node.gone[0].transport, node.gone[0].port) == ("TLS", silent.port)
    await until(lambda: endpoint.connections == 0)


@pytest_twisted.ensureDeferred
async def test_the_node_is_told_when_it_is_time(place: Place) -> None:
    endpoint, node, _ = place.open(UDP)
    clock: Any = reactor
    node.due = clock.seconds() + 3600
    endpoint.flush()
    node.due = clock.seconds() + 0.01
    endpoint.wake()
    endpoint.wake()
    await until(lambda: node.times)
    assert node.times == 1


@pytest_twisted.ensureDeferred
async def test_what_fails_in_the_node_is_logged_and_closes_nothing(place: Place) -> None:
    endpoint, node, local = place.open(UDP, answers=True)
    node.fails = True
    with datagrams() as peer, structlog.testing.capture_logs() as logged:
        peer.sendto(b"hello", ("127.0.0.1", local.port))
        await until(lambda: endpoint.counters["SIP node failures"])
        node.fails = False
        peer.sendto(b"hello", ("127.0.0.1", local.port))
        await until(lambda: node.heard)
        assert peer.recv(100) == b"olleh"
    assert [entry["event"] for entry in logged] == ["SIP node failed"]


@pytest_twisted.ensureDeferred
async def test_the_last_words_are_sent_and_ports_given_back() -> None:
    made = Place()
    listening, node, datagram, stream = made.open(UDP, TCP)
    with datagrams() as peer, socket.create_connection(("127.0.0.1", stream.port)) as connection:
        connection.sendall(b"hello")
        peer.sendto(b"hello", ("127.0.0.1", datagram.port))
        await until(lambda: len(node.heard) == 2)
        node.to_send = [(source, b"goodbye") for _, source in node.heard]
        node.due = 1e12
        stopping = Deferred.fromCoroutine(listening.stop())
        connection.settimeout(5)
        assert peer.recv(100) == b"goodbye"
        await stopping
        assert connection.recv(100) == b"goodbye"
        assert connection.recv(100) == b""
    _, _, *again = made.open(SipListener(port=datagram.port), SipListener("tcp", port=stream.port))
    assert again == [datagram, stream]
    await made.endpoints[1].stop()
    listening.wake()
    listening.flush()
    await turns(2)


@pytest_twisted.ensureDeferred
async def test_a_port_that_is_taken_is_named_and_nothing_stays_open(place: Place) -> None:
    _, _, datagram, stream = place.open(UDP, TCP)
    for taken in (SipListener(port=datagram.port), SipListener("tcp", port=stream.port)):
        why = r"^sip\.listeners\[2\]\.port: 127\.0\.0\.1 \d+: Address already in use$"
        with pytest.raises(SipError, match=why):
            SipEndpoint(Sip(listeners=(UDP, TCP, taken)), reactor).open()
    no_file = SipListener("tls", port=0, tls_certificate="none.pem", tls_key="none.pem")
    with pytest.raises(SipError, match=r"^sip\.listeners\[0\]\.tls_certificate: none\.pem: No such file"):
        SipEndpoint(Sip(listeners=(no_file,)), reactor).open()
    await turns(2)


def test_files_are_looked_at_before_anything_is_opened() -> None:
    check(Sip(listeners=(UDP, TCP)), reactor)
    with pytest.raises(SipError, match=r"^sip\.tls_ca: none\.pem: No such file"):
        check(Sip(tls_ca="none.pem"), reactor)
    tls = SipListener("tls", tls_certificate="none.pem", tls_key="none.pem")
    with pytest.raises(SipError, match=r"^sip\.listeners\[1\]\.tls_certificate: none\.pem"):
        check(Sip(listeners=(UDP, tls)), reactor)


@pytest.mark.parametrize(
    ("listener", "local"),
    [
        (SipListener(), Local("UDP", "127.0.0.1", 5070)),
        (SipListener("tcp", "::1"), Local("TCP", "[::1]", 5070)),
        (SipListener(advertise="sip.example.com"), Local("UDP", "sip.example.com", 5070)),
        (SipListener(advertise="sip.example.com:5"), Local("UDP", "sip.example.com", 5)),
        (SipListener(advertise="[2001:db8::1]"), Local("UDP", "[2001:db8::1]", 5070)),
        (SipListener(advertise="[2001:db8::1]:5"), Local("UDP", "[2001:db8::1]", 5)),
        (SipListener(address="0.0.0.0"), Local("UDP", socket.getfqdn(), 5070)),
    ],
)
def test_a_listener_is_known_as_what_it_says_or_where_it_is(listener: SipListener, local: Local) -> None:
    assert advertised(listener, 5070) == local
