"""Fetching from servers that others have named, on real sockets."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory

from ctigw.net import tls, web_client
from ctigw.net.web_client import LONGEST, WebClient
from ctigw.soap.given import NotReachedError
from ctigw.soap.pws.urls import Allowed
from tests.certificates import Authority
from tests.turns import turns, until

LOOPBACK = Allowed(("127.0.0.0/8",))
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


class _Channel(Protocol):
    def __init__(self, server: Server) -> None:
        self.server = server

    def connectionMade(self) -> None:
        self.server.open.add(self)

    def dataReceived(self, data: bytes) -> None:
        self.server.asked.append(data)
        transport: Any = self.transport
        transport.write(self.server.answer)
        if self.server.closes:
            transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.server.open.discard(self)


class Server:
    """Answers everything with ``answer``, and then closes the connection, if it ``closes``."""

    def __init__(
        self, answer: bytes = FINE, *, closes: bool = True, own: tuple[Path, Path] | None = None
    ) -> None:
        self.answer, self.closes = answer, closes
        self.asked: list[bytes] = []
        self.open: set[_Channel] = set()
        factory: Factory[_Channel] = Factory.forProtocol(lambda: _Channel(self))
        factory.noisy = False
        loop: Any = reactor
        if own is None:
            self._port = loop.listenTCP(0, factory, interface="127.0.0.1")
        else:
            context: Any = DefaultOpenSSLContextFactory
            files = context(str(own[1]), str(own[0]))
            self._port = loop.listenSSL(0, factory, files, interface="127.0.0.1")
        self.port = self._port.getHost().port

    async def stop(self) -> None:
        await self._port.stopListening()
        await until(lambda: not self.open)  # the client lets go of everything by itself


class Place:
    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.client = WebClient(reactor, LOOPBACK, None, seconds=5.0)

    def server(self, *answer: bytes, **more: Any) -> Server:
        self.servers.append(Server(*answer, **more))
        return self.servers[-1]


@pytest_twisted.async_yield_fixture
async def place() -> AsyncIterator[Place]:
    made = Place()
    yield made
    for server in made.servers:
        await server.stop()
    await turns(3)


async def failure(client: WebClient, url: str) -> str:
    with pytest.raises(NotReachedError) as refused:
        await client.fetch(url)
    return str(refused.value)


@pytest_twisted.ensureDeferred
async def test_what_is_asked_is_the_url_and_nothing_else(place: Place) -> None:
    server = place.server()
    assert await place.client.fetch(f"http://127.0.0.1:{server.port}/pws?a=b&id=1") == 200
    assert server.asked == [
        f"GET /pws?a=b&id=1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        "User-Agent: ctigw\r\nConnection: close\r\n\r\n".encode()
    ]
    assert await place.client.fetch(f"http://localhost:{server.port}") == 200
    assert server.asked[1].startswith(b"GET / HTTP/1.1\r\nHost: localhost:")


@pytest.mark.parametrize("status", [204, 301, 302, 303, 307, 308, 404, 500])
@pytest_twisted.ensureDeferred
async def test_every_status_is_an_answer_and_redirects_are_not_followed(place: Place, status: int) -> None:
    elsewhere = place.server()
    location = f"http://127.0.0.1:{elsewhere.port}/".encode()
    server = place.server(b"HTTP/1.0 %d X\r\nLocation: %s\r\n\r\n" % (status, location))
    assert await place.client.fetch(f"http://127.0.0.1:{server.port}/") == status
    assert elsewhere.asked == []


@pytest_twisted.ensureDeferred
async def test_only_addresses_that_are_allowed_are_connected_to(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = place.server()
    elsewhere = WebClient(reactor, Allowed(("192.0.2.0/24",)), None, seconds=5.0)
    for host in ("127.0.0.1", "localhost", "2130706433", "127.1", "0x7f000001"):
        url = f"http://{host}:{server.port}/"
        assert await failure(elsewhere, url) == "none of its addresses is allowed"
    assert (server.asked, server.open) == ([], set())
    # A name may have several; and what it meant when it was looked at is where the connection goes.
    looked: list[str] = []

    def addresses(host: str) -> list[str]:
        looked.append(host)
        return ["192.0.2.1", "127.0.0.1"] if len(looked) == 1 else ["192.0.2.2"]

    monkeypatch.setattr(web_client, "_look_up", addresses)
    assert await place.client.fetch(f"http://app.example.com:{server.port}/") == 200
    assert looked == ["app.example.com"]
    assert f"\r\nHost: app.example.com:{server.port}\r\n".encode() in server.asked[0]


@pytest_twisted.ensureDeferred
async def test_a_name_that_nobody_knows(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_asked: Any, **_more: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert await failure(place.client, "http://nowhere.invalid/") == "the name is unknown"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20", b"\r\n"])
@pytest_twisted.ensureDeferred
async def test_a_server_that_does_not_answer_in_time_is_let_go(place: Place, answer: bytes) -> None:
    server = place.server(answer, closes=False)
    quick = WebClient(reactor, LOOPBACK, None, seconds=0.1)
    assert await failure(quick, f"http://127.0.0.1:{server.port}/") == "no answer in time"
    await until(lambda: not server.open)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/2 200\r\n", b"HTTP/1.1 2000\r\n"])
@pytest_twisted.ensureDeferred
async def test_what_is_no_http_is_no_answer(place: Place, answer: bytes) -> None:
    server = place.server(answer)
    assert (await failure(place.client, f"http://127.0.0.1:{server.port}/")).startswith("no HTTP answer: ")


@pytest_twisted.ensureDeferred
async def test_an_answer_is_read_up_to_a_bound_and_in_time(place: Place) -> None:
    endless = place.server(FINE + b"x" * LONGEST, closes=False)
    assert await place.client.fetch(f"http://127.0.0.1:{endless.port}/") == 200
    slow = place.server(FINE, closes=False)
    quick = WebClient(reactor, LOOPBACK, None, seconds=0.1)
    assert await quick.fetch(f"http://127.0.0.1:{slow.port}/") == 200
    await until(lambda: not endless.open and not slow.open)


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_not_there(place: Place) -> None:
    server = place.server()
    await place.servers.pop().stop()
    why = await failure(place.client, f"http://127.0.0.1:{server.port}/")
    assert why == "Connection was refused by other side"


@pytest_twisted.ensureDeferred
async def test_https_with_a_certificate_that_is_true(place: Place, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    server = place.server(own=ours.issue("localhost"))
    trusting = WebClient(reactor, LOOPBACK, tls.trusted(str(ours.file)), seconds=5.0)
    assert await trusting.fetch(f"https://localhost:{server.port}/pws?id=1") == 200
    assert server.asked[0].startswith(b"GET /pws?id=1 HTTP/1.1\r\n")
    # Of another name, of another authority, and plain HTTP.
    assert "no HTTP answer" in await failure(trusting, f"https://127.0.0.1:{server.port}/")
    other = WebClient(reactor, LOOPBACK, tls.trusted(str(theirs.file)), seconds=5.0)
    assert "no HTTP answer" in await failure(other, f"https://localhost:{server.port}/")
    plain = place.server()
    assert "no HTTP answer" in await failure(trusting, f"https://localhost:{plain.port}/")
    assert len(server.asked) == 1


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("name", ["_pws.example.com", "-pws.example.com", "ab--cd.example.com"])
async def test_a_name_that_no_certificate_can_have(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(web_client, "_look_up", lambda _host: ["127.0.0.1"])
    assert await failure(place.client, f"https://{name}/") == "no certificate can be of its name"


@pytest_twisted.ensureDeferred
async def test_what_is_under_way_ends_when_the_gateway_does(place: Place) -> None:
    server = place.server(b"", closes=False)
    outcomes: list[Any] = []
    for _ in range(3):
        work = Deferred.fromCoroutine(place.client.fetch(f"http://127.0.0.1:{server.port}/"))
        work.addBoth(outcomes.append)
    await until(lambda: len(server.open) == 3)
    place.client.close()
    assert [outcome.check(NotReachedError) for outcome in outcomes] == [NotReachedError] * 3
    await until(lambda: not server.open)
