"""A SIP user on real sockets, with a server that does the least that is right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from ctigw.config.sip import SipListener
from ctigw.net.sip_agent import Account, Text
from ctigw.net.sip_client import SipClient, SipRefused, address_of, server_at
from ctigw.net.sip_watch import Notification
from ctigw.sip.hops import Remote
from tests.certificates import Authority
from tests.sip_server import Server
from tests.turns import turns, until

UDP, TCP = SipListener(port=0), SipListener("tcp", port=0)
DOCUMENT = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">%s</presence>'


class Place:
    """A server and clients of one test."""

    def __init__(self, folder: Path) -> None:
        ours = Authority(folder, "ours")
        own, key = ours.issue("localhost")
        self.ca = str(ours.file)
        tls = SipListener("tls", port=0, tls_certificate=str(own), tls_key=str(key))
        self.server = Server(reactor, UDP, TCP, tls)
        self.clients: list[SipClient] = []
        self.texts: list[Text] = []

    def client(self, name: str, transport: str = "udp", password: str = "") -> SipClient:
        made = SipClient(
            reactor,
            server_at(self.server.at(transport, "localhost" if transport == "tls" else "127.0.0.1")),
            Account(f"sip:{name}@example.com", name, password),
            on_message=self.texts.append,
            tls_ca=self.ca,
        )
        self.clients.append(made)
        return made


@pytest_twisted.async_yield_fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    yield made
    for client in made.clients:
        await client.close()
    await made.server.stop()
    await turns(2)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest_twisted.ensureDeferred
async def test_one_publishes_another_watches(place: Place, transport: str) -> None:
    alice, bob = place.client("alice", transport), place.client("bob", transport)
    heard: list[Notification] = []
    watch = await bob.watch("sip:alice@example.com", heard.append)
    await until(lambda: len(heard) == 1)
    made = await alice.publish(DOCUMENT % b"<note>one</note>")
    await until(lambda: len(heard) == 2)
    await alice.modify(made, DOCUMENT % b"<note>two</note>")
    await until(lambda: len(heard) == 3)
    await alice.refresh(made)
    await alice.remove(made)
    await until(lambda: len(heard) == 5)
    assert [b"one" in each.body or b"two" in each.body for each in heard] == [False, True, True, True, False]
    await bob.remove(watch)
    await until(lambda: len(heard) == 6)
    assert (heard[-1].state, heard[-1].reason) == ("terminated", "timeout")
    fetched = await bob.fetch("sip:alice@example.com")
    assert fetched.state == "terminated"
    assert {request.address.host for request in place.server.asked if request.to_tag == ""} == {"example.com"}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest_twisted.ensureDeferred
async def test_a_message_comes_where_its_addressee_is_registered(place: Place, transport: str) -> None:
    alice, bob = place.client("alice", transport), place.client("bob", transport)
    with pytest.raises(SipRefused, match="480 Temporarily Unavailable"):
        await alice.message("sip:bob@example.com", "hello")
    assert await alice.message("sip:absent@example.com", "hello") == 202
    registration = await bob.register()
    assert await alice.message("sip:bob@example.com", "Grüezi") == 200
    assert place.texts == [Text("sip:alice@example.com", "text/plain;charset=UTF-8", "Grüezi".encode())]
    await bob.remove(registration)
    assert place.server.contacts == {}


@pytest_twisted.ensureDeferred
async def test_a_long_message_from_a_udp_user_goes_over_tcp_and_falls_back(place: Place) -> None:
    alice = place.client("alice")
    long = "x" * 5000
    await place.client("bob").register()
    assert await alice.message("sip:bob@example.com", long) == 200
    assert [text.body for text in place.texts] == [long.encode()]


@pytest_twisted.ensureDeferred
async def test_a_password_is_given_when_it_is_wanted(place: Place) -> None:
    place.server.wants_password = True
    with pytest.raises(SipRefused, match="401") as refused:
        await place.client("alice").register()
    assert refused.value.status == 401
    bob = place.client("bob", password="secret")
    await bob.register()
    await bob.publish(DOCUMENT % b"")
    assert [request.method for request in place.server.asked] == ["REGISTER"] * 3 + ["PUBLISH"]


@pytest_twisted.ensureDeferred
async def test_who_leaves_takes_everything_with_them(place: Place) -> None:
    alice = place.client("alice", "tcp")
    await alice.register()
    await alice.publish(DOCUMENT % b"")
    left = await alice.publish(DOCUMENT % b"")
    await alice.watch("sip:bob@example.com", lambda _notification: None)
    alice.leave(left)
    await alice.close()
    await alice.close()
    assert place.server.contacts == {}
    last = [(request.method, request.expires) for request in place.server.asked[-3:]]
    assert last == [("REGISTER", 0), ("PUBLISH", 0), ("SUBSCRIBE", 0)]


@pytest_twisted.ensureDeferred
async def test_what_the_server_refuses_is_said(place: Place) -> None:
    alice = place.client("alice")
    with pytest.raises(SipRefused, match=r"^404 Not Found$"):
        await alice.watch("sip:nobody@example.com", lambda _notification: None)
    nowhere = SipClient(reactor, Remote("TCP", "127.0.0.1", 1), Account("sip:alice@example.com", "alice"))
    place.clients.append(nowhere)
    with pytest.raises(SipRefused, match=r"^the server cannot be reached: Connection was refused"):
        await nowhere.register()


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1", Remote("UDP", "127.0.0.1", 5060)),
        ("TCP:sip.example.com", Remote("TCP", "sip.example.com", 5060)),
        ("tls:[::1]", Remote("TLS", "::1", 5061)),
        ("udp:[2001:db8::1]:5070", Remote("UDP", "2001:db8::1", 5070)),
        ("127.0.0.1:0", None),
        ("127.0.0.1:65536", None),
        ("sctp:127.0.0.1", None),
        ("", None),
    ],
)
def test_where_a_server_is(text: str, server: Remote | None) -> None:
    if server is not None:
        assert server_at(text) == server
    else:
        with pytest.raises(ValueError, match=r"^(it has the form|the port must be)"):
            server_at(text)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("alice", "sip:alice@localhost"),
        ("alice@example.com", "sip:alice@example.com"),
        ("sips:alice@example.com", "sips:alice@example.com"),
        ("a b", None),
        ("@", None),
    ],
)
def test_a_name_is_one_of_the_domain(name: str, uri: str | None) -> None:
    if uri is not None:
        assert address_of(name, "localhost") == uri
    else:
        with pytest.raises(ValueError, match="is no address"):
            address_of(name, "localhost")
