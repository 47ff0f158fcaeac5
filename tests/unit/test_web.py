"""HTTP connections, without sockets."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ctigw.config.web import WebLimits
from ctigw.net.web import GOODBYE, LITTLE, READ_ON, WebFactory
from ctigw.soap.http import HttpRequest, HttpResponse, Routes, plain
from tests.pipes import Loop, Pipe

HEAD = b"POST /a?b=c HTTP/1.1\r\nHost: cup.example.com:8443\r\n"


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True


class Bench:
    """One listener; ``asked`` is what the handler got, whose answers are told later where ``waits``."""

    def __init__(self, *, waits: bool = False, **limits: Any) -> None:
        self.clock, self.counters = Clock(), Counter[str]()
        self.asked: list[HttpRequest] = []
        self.waiting: list[Deferred[HttpResponse]] = []
        self._waits = waits
        self.factory = WebFactory(self.handler, WebLimits(**limits), self.clock, self.counters)

    async def handler(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request)
        if not self._waits:
            return HttpResponse(body=b"<fine/>")
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    def client(self, host: str = "192.0.2.1") -> Client:
        channel = self.factory.buildProtocol(IPv4Address("TCP", host, 5000))
        assert channel is not None
        return Client(channel)


class Client:
    def __init__(self, channel: Any) -> None:
        self.channel, self.transport = channel, Transport()
        channel.makeConnection(self.transport)

    def send(self, *data: bytes) -> None:
        for piece in data:
            self.channel.dataReceived(piece)

    def answers(self) -> list[tuple[int, bytes]]:
        """Status and body of each; they are forgotten."""
        data, found = self.transport.value(), []
        self.transport.clear()
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")]
            length = lengths[0] if lengths else 0
            found.append((int(head.split()[1]), data[:length]))
            data = data[length:]
        return found

    def gone(self) -> None:
        self.channel.connectionLost(None)


def post(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_a_request_is_a_value_and_its_answer_goes_back() -> None:
    bench = Bench()
    client = bench.client()
    client.send(post(b"<asked/>"))
    (asked,) = bench.asked
    assert (asked.method, asked.path, asked.query, asked.body) == ("POST", "/a", "b=c", b"<asked/>")
    assert asked.headers["host"] == "cup.example.com:8443"
    assert (asked.peer, asked.base) == ("192.0.2.1", "http://cup.example.com:8443")
    assert client.answers() == [(200, b"<fine/>")]
    client.send(post(b"again"))
    assert client.answers() == [(200, b"<fine/>")]


def test_every_answer_says_that_nobody_may_keep_it() -> None:
    client = Bench().client()
    client.send(post(b""))
    head = client.transport.value()
    for line in (b"Cache-Control: no-store", b"X-Content-Type-Options: nosniff", b"Server: ctigw"):
        assert line in head
    assert re.search(rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", head)


@pytest.mark.parametrize("host", [b"evil/path", b"a b", b"a\x00b", b"", b"x" * 300, b"user@host"])
def test_a_host_that_is_none_is_not_believed(host: bytes) -> None:
    bench = Bench()
    bench.client().send(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert [asked.base for asked in bench.asked] in ([], ["http://10.0.0.1:12345"])


def test_a_chunked_body_is_read() -> None:
    bench = Bench()
    client = bench.client()
    client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert bench.asked[0].body == b"abcde"
    assert client.answers() == [(200, b"<fine/>")]


def test_a_get_may_have_a_body() -> None:
    bench = Bench()
    bench.client().send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    assert (bench.asked[0].method, bench.asked[0].body) == ("GET", b"hi")


@given(st.lists(st.integers(1, 30), max_size=20), st.booleans())
def test_a_request_is_the_same_in_any_pieces(sizes: list[int], chunked: bool) -> None:
    whole = post(b"<asked/>")
    if chunked:
        whole = HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\n<asked/>\r\n0\r\n\r\n"
    pieces = []
    for size in sizes:
        pieces.append(whole[:size])
        whole = whole[size:]
    bench = Bench()
    client = bench.client()
    client.send(*(piece for piece in [*pieces, whole] if piece))
    assert [asked.body for asked in bench.asked] == [b"<asked/>"]
    assert client.answers() == [(200, b"<fine/>")]


def test_a_body_that_is_too_large_is_read_and_refused_but_not_kept() -> None:
    bench = Bench(body_bytes=1024)
    client = bench.client()
    client.send(HEAD + b"Content-Length: 10240\r\n\r\n", *[b"x" * 1024] * 10)
    assert client.answers()[0][0] == 413
    assert client.transport.disconnecting
    assert (bench.asked, bench.factory.held) == ([], 0)


def test_a_chunked_body_has_the_same_bound() -> None:
    bench = Bench(body_bytes=1024)
    client = bench.client()
    client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 4)
    assert bench.factory.held == 0
    client.send(b"0\r\n\r\n")
    assert client.answers()[0][0] == 413
    assert bench.asked == []


def test_who_never_stops_sending_is_cut_off() -> None:
    bench = Bench(body_bytes=1024)
    client = bench.client()
    client.send(HEAD + b"Content-Length: 99999999\r\n\r\n", *[b"x" * 1024] * (READ_ON + 1))
    assert client.transport.aborted


def test_all_bodies_together_are_bounded_until_they_are_answered() -> None:
    bench = Bench(waits=True, body_bytes=1024, all_body_bytes=2048)
    clients = [bench.client() for _ in range(3)]
    for client in clients:
        client.send(post(b"x" * 1000))
    assert (len(bench.asked), bench.factory.held) == (2, 2000)
    assert clients[2].answers()[0][0] == 503
    bench.waiting[0].callback(plain(200, "done"))
    assert bench.factory.held == 1000
    clients[1].gone()
    assert bench.factory.held == 0
    bench.waiting[1].callback(plain(200, "nobody reads it"))
    assert clients[1].transport.value() == b""


def test_a_request_has_a_time_for_the_whole_of_it() -> None:
    bench = Bench(request_seconds=30.0)
    client = bench.client()
    client.send(HEAD + b"Content-Length: 100\r\n\r\n")
    for _ in range(30):
        client.send(b"x")
        bench.clock.advance(1)
    assert client.transport.aborted
    assert bench.counters["web connections timed out"] == 1


def test_so_has_a_head_and_a_silence() -> None:
    bench = Bench(request_seconds=30.0)
    slow, silent = bench.client(), bench.client()
    for _ in range(29):
        slow.send(b"a")
        bench.clock.advance(1)
    assert not slow.transport.aborted
    bench.clock.advance(1)
    assert slow.transport.aborted
    assert silent.transport.aborted


def test_a_request_in_hand_is_not_hurried_and_a_pause_after_it_is_bounded() -> None:
    bench = Bench(waits=True, request_seconds=5.0, idle_seconds=60.0)
    client = bench.client()
    client.send(post(b""))
    bench.clock.advance(1000)
    assert not client.transport.aborted
    bench.waiting[0].callback(plain(200, "at last"))
    bench.clock.advance(59)
    assert not client.transport.aborted
    client.send(b"P")
    bench.clock.advance(4.9)
    assert not client.transport.aborted
    bench.clock.advance(0.2)
    assert client.transport.aborted


def test_connections_beyond_the_bound_are_refused_until_one_is_gone() -> None:
    bench = Bench(connections=2)
    first, _second = bench.client(), bench.client()
    assert bench.factory.buildProtocol(IPv4Address("TCP", "192.0.2.9", 1)) is None
    assert bench.counters["web connections refused"] == 1
    first.gone()
    assert bench.factory.connections == 1
    bench.client()


def test_what_fails_is_answered_and_costs_nobody_else_anything() -> None:
    bench = Bench(waits=True)
    client, other = bench.client(), bench.client()
    client.send(post(b"one"))
    other.send(post(b"two"))
    with structlog.testing.capture_logs() as logged:
        bench.waiting[0].errback(RuntimeError("a bug with a secret in it"))
    assert [entry["path"] for entry in logged if entry["event"] == "request failed"] == ["/a"]
    bench.waiting[1].callback(plain(200, "fine"))
    ((status, body),) = client.answers()
    assert (status, b"secret" in body) == (500, False)
    assert other.answers()[0][0] == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 600 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_the_connection(garbage: bytes) -> None:
    bench = Bench()
    client = bench.client()
    client.send(garbage)
    assert client.transport.disconnecting
    assert bench.asked == []
    client.gone()
    assert (bench.factory.connections, bench.factory.held) == (0, 0)


def test_the_end_waits_for_what_is_in_hand() -> None:
    bench = Bench(waits=True)
    idle, busy = bench.client(), bench.client()
    busy.send(post(b""))
    done: list[object] = []
    bench.factory.close().addCallback(done.append)
    assert idle.transport.disconnecting
    assert not busy.transport.disconnecting
    assert bench.factory.buildProtocol(IPv4Address("TCP", "192.0.2.9", 1)) is None
    bench.waiting[0].callback(plain(200, "done"))
    assert busy.answers()[0][0] == 200
    assert busy.transport.disconnecting
    idle.gone()
    assert not done
    busy.gone()
    assert done


def test_the_end_does_not_wait_for_ever() -> None:
    bench = Bench(waits=True)
    busy = bench.client()
    busy.send(post(b""))
    bench.factory.close()
    bench.clock.advance(GOODBYE)
    assert busy.transport.aborted


class _Pipe(Pipe):
    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.1", 5000)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.2", 8443)


class Unread:
    """Connections whose other ends read when they are told to; each answer has so many ``octets``."""

    def __init__(self, octets: int, **limits: Any) -> None:
        self.loop, self.counters, self.octets = Loop(), Counter[str](), octets
        self.served = 0
        self.factory = WebFactory(self._serve, WebLimits(**limits), self.loop, self.counters)

    async def _serve(self, _request: HttpRequest) -> HttpResponse:
        self.served += 1
        return plain(200, "x" * (self.octets - 1))

    def client(self) -> Pipe:
        pipe = _Pipe(self.loop, self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 5000)))
        pipe.room = 0
        return pipe

    def reads(self, pipe: Pipe, octets: int) -> None:
        pipe.room += octets
        pipe.turn(100)


def test_who_does_not_read_is_not_served_any_more_until_it_does() -> None:
    bench = Unread(100_000)
    pipe = bench.client()
    pipe.deliver(post(b"") * 50)
    assert bench.served == 1
    assert not pipe.reads
    bench.reads(pipe, 99_000)
    assert bench.served == 1
    bench.reads(pipe, 100_000)
    assert bench.served == 2
    bench.reads(pipe, 10_000_000)
    assert bench.served == 50
    assert pipe.taken.count(b"HTTP/1.1 200 OK") == 50
    assert pipe.reads


def test_who_never_reads_is_cut_off() -> None:
    bench = Unread(100_000, idle_seconds=60.0)
    pipe = bench.client()
    pipe.deliver(post(b"") * 50)
    bench.loop.advance(61)
    assert pipe.aborted
    assert bench.served == 1
    assert bench.factory.unread == 0


def test_answers_that_nobody_reads_are_bounded_all_together() -> None:
    bench = Unread(4 * LITTLE, body_bytes=1024, all_body_bytes=10 * LITTLE)
    pipes = [bench.client() for _ in range(4)]
    for pipe in pipes:
        pipe.deliver(post(b""))
    assert bench.factory.unread == 12 * LITTLE
    assert bench.counters["web requests refused"] == 1
    bench.reads(pipes[3], 1_000_000)
    assert b" 503 " in pipes[3].taken
    bench.reads(pipes[0], 1_000_000)
    assert bench.factory.unread == 8 * LITTLE
    pipes[1].closes()
    assert bench.factory.unread == 4 * LITTLE
    another = bench.client()
    another.room = 10_000_000
    another.deliver(post(b""))
    another.turn()
    assert b" 200 " in another.taken
    assert bench.factory.unread == 4 * LITTLE


def test_a_small_answer_is_given_although_others_do_not_read() -> None:
    bench = Unread(4 * LITTLE, body_bytes=1024, all_body_bytes=2 * LITTLE)
    for _ in range(3):
        bench.client().deliver(post(b""))
    bench.octets = LITTLE
    pipe = bench.client()
    pipe.deliver(post(b""))
    bench.reads(pipe, 1_000_000)
    assert b" 200 " in pipe.taken


def test_an_ipv4_client_at_a_listener_for_both_is_called_by_its_address() -> None:
    bench = Bench()
    channel = bench.factory.buildProtocol(IPv6Address("TCP", "::ffff:192.0.2.7", 1))
    assert channel is not None
    Client(channel).send(post(b""))
    assert bench.asked[0].peer == "192.0.2.7"


async def _named(name: str) -> HttpResponse:
    return plain(200, name)


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/EPASSoap/service", "service"),
        ("/EPASSoap/service/", "service"),
        ("/EPASSoap/service/v80", "v80"),
        ("/presence-service/users/alice", "rest"),
        ("/presence-service/soap", "soap"),
        ("/presence-service", "rest"),
        ("/", None),
        ("/EPASSoap", None),
        ("/EPASSoap/service/v80/more", None),
    ],
)
def test_a_path_goes_to_whoever_serves_it(path: str, served: str | None) -> None:
    def named(name: str) -> Any:
        return lambda _request: _named(name)

    routes = Routes(
        {"/EPASSoap/service": named("service"), "/EPASSoap/service/v80": named("v80")},
        {"/presence-service/": named("rest"), "/presence-service/soap": named("soap")},
    )
    found: list[HttpResponse] = []
    Deferred.fromCoroutine(routes.serve(HttpRequest(method="GET", path=path))).addCallback(found.append)
    assert found == [plain(404, "not found") if served is None else plain(200, served)]


def test_parts_of_a_path_are_as_they_are_meant() -> None:
    request = HttpRequest(method="GET", path="/presence-service/users/alice%40example.com/a%2Fb/")
    assert request.parts() == ("presence-service", "users", "alice@example.com", "a/b")
