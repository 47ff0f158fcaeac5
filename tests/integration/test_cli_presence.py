"""The commands that speak SIP, as processes, with a server that does the least that is right."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from ctigw.config.sip import SipListener
from ctigw.presence.lists import Instance, write
from tests.processes import ENVIRONMENT, HERE
from tests.sip_server import Server
from tests.turns import turns, until

DOCUMENT = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@localhost"><tuple id="t"><status>'
    b"<basic>open</basic></status><note>here</note></tuple></presence>"
)
EXPLANATION = "application/vnd.ctigw.explanation+json"


@pytest_twisted.async_yield_fixture
async def server() -> AsyncIterator[Server]:
    made = Server(reactor, SipListener(port=0), SipListener("tcp", port=0))
    yield made
    await made.stop()
    await turns(2)


class Command(ProcessProtocol):
    """``ctigw presence`` with these arguments, as a process."""

    def __init__(self, server: Server, *arguments: str, **environment: str) -> None:
        self.said, self.complained = "", ""
        self.ended: Deferred[int] = Deferred()
        loop: Any = reactor
        loop.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-m", "ctigw", "presence", *arguments],
            env=ENVIRONMENT | {"CTIGW_SIP_AT": server.at()} | environment,
            path=str(HERE),
        )

    def outReceived(self, data: bytes) -> None:
        self.said += data.decode()

    def errReceived(self, data: bytes) -> None:
        self.complained += data.decode()

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(getattr(reason.value, "exitCode", None) or 0)

    async def stop(self) -> None:
        """Ctrl-C."""
        assert self.transport is not None
        self.transport.signalProcess("INT")
        await self.ended

    @property
    def lines(self) -> list[str]:
        """What it has said, without the times."""
        return [line.partition("  ")[2] for line in self.said.splitlines() if line[:2].isdigit()]


@pytest_twisted.ensureDeferred
async def test_a_watch_shows_what_is_published_and_ends_when_told(server: Server) -> None:
    watching = Command(server, "watch", "alice", "bob@localhost", "--as", "carol")
    await until(lambda: len(watching.lines) == 2)
    saying = Command(server, "publish", "alice", "--activity", "busy", "--note", "a meeting")
    await until(lambda: len(watching.lines) == 3)
    await saying.stop()
    await until(lambda: len(watching.lines) == 4)
    await watching.stop()
    assert saying.said == 'alice@localhost  open    busy              "a meeting"  until Ctrl-C\n'
    assert watching.lines == [
        "alice@localhost  says nothing",
        "bob@localhost    says nothing",
        'alice@localhost  open    busy              "a meeting"',
        "alice@localhost  says nothing",
    ]
    assert [request.method for request in server.asked] == [
        *("SUBSCRIBE", "SUBSCRIBE", "PUBLISH", "PUBLISH", "SUBSCRIBE", "SUBSCRIBE")
    ]
    assert (watching.complained, saying.complained) == ("", "")


@pytest_twisted.ensureDeferred
async def test_who_says_it_once_leaves_it_there(server: Server) -> None:
    saying = Command(server, "publish", "alice", "--basic", "closed", "--once", "--for", "90")
    assert await saying.ended == 0
    assert saying.said == "alice@localhost  closed  for 90 s\n"
    assert b"closed" in server.published["alice@localhost"]


@pytest_twisted.ensureDeferred
async def test_a_message_is_delivered_stored_or_refused(server: Server) -> None:
    receiving = Command(server, "im", "bob", "--receive", "--at", server.at("tcp"))
    await until(lambda: server.contacts)
    sending = [Command(server, "im", "alice", to, "Grüezi") for to in ("bob", "absent", "nobody")]
    assert [await each.ended for each in sending] == [0, 0, 1]
    assert [each.said + each.complained for each in sending] == [
        "delivered to bob@localhost\n",
        "stored until absent@localhost is there\n",
        "ctigw: refused: nobody@localhost: 480 Temporarily Unavailable\n",
    ]
    await until(lambda: receiving.lines)
    await receiving.stop()
    assert receiving.lines == ["alice@localhost  Grüezi"]
    assert server.contacts == {}


@pytest_twisted.ensureDeferred
async def test_a_list_shows_everybody_in_it(server: Server) -> None:
    bodies = {
        "sip:bob@localhost": Instance("active", document=DOCUMENT),
        "sip:carol@localhost": Instance("pending"),
        "sip:x@localhost": Instance("terminated", "noresource"),
    }
    accept = "multipart/related, application/rlmi+xml, application/pidf+xml"
    server.bodies[accept] = write(
        "sip:alice-contacts@localhost", 0, bodies, full=True, host="localhost", token="t"
    )
    watching = Command(server, "lists", "--as", "alice")
    await until(lambda: len(watching.lines) == 3)
    await watching.stop()
    assert watching.lines == [
        'bob@localhost    open                      "here"',
        "carol@localhost  has not said yet whether you may know",
        "x@localhost      is not there",
    ]
    assert server.asked[0].uri == "sip:alice-contacts@localhost"
    assert server.asked[0].get("Supported") == "eventlist"


@pytest_twisted.ensureDeferred
async def test_an_explanation_is_asked_for_once(server: Server) -> None:
    told = [{"source": "phone", "priority": 700, "age": 5, "basic": "open", "won": ["r:activities"]}]
    server.bodies[EXPLANATION] = (EXPLANATION, json.dumps(told).encode())
    asking, for_a_program = Command(server, "explain", "alice"), Command(server, "explain", "alice", "--json")
    assert [await each.ended for each in (asking, for_a_program)] == [0, 0]
    assert asking.said.splitlines()[-1].split() == [
        "phone",
        "700",
        "open",
        "5",
        "s",
        "never",
        "-",
        "activities",
    ]
    assert json.loads(for_a_program.said) == told
    assert {request.expires for request in server.asked} == {0}


@pytest_twisted.ensureDeferred
async def test_a_server_that_knows_no_explanations_is_no_crash(server: Server) -> None:
    asking = Command(server, "explain", "alice")
    assert await asking.ended == 1
    assert asking.complained == "ctigw: explain: alice@localhost  is not watched any more\n"


@pytest_twisted.ensureDeferred
async def test_the_password_comes_from_the_environment(server: Server) -> None:
    server.wants_password = True
    arguments = ("publish", "alice", "--once")
    with_it = Command(server, *arguments, CTIGW_PASSWORD="secret")
    assert await with_it.ended == 0
    assert 'username="alice"' in server.asked[-1].get("Authorization")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("lists",), 2, "ctigw: say who you are: --as alice\n"),
        (("watch", "nobody", "--as", "alice"), 1, "ctigw: watch nobody@localhost: 404 Not Found\n"),
        (("watch", "b b", "--as", "alice"), 2, "ctigw: b b is no address\n"),
        (("im", "alice"), 2, "ctigw: im: to whom, and what?  im FROM TO TEXT, or im FROM --receive\n"),
        (("explain", "a", "--at", "sctp:x"), 2, "ctigw: --at sctp:x: it has the form udp:host:port"),
        (("explain", "a", "--at", "udp:127.0.0.1:1"), 1, "ctigw: --at udp:127.0.0.1:1: Connection refused\n"),
        (("explain", "a", "--at", "tcp:127.0.0.1:1"), 1, "ctigw: explain a@localhost: the server cannot be"),
        (("explain", "a", "--at", "tls:127.0.0.1:1", "--ca", "none"), 2, "ctigw: --ca: none: No such file"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_cannot_be_done_is_one_line(
    server: Server, arguments: tuple[str, ...], status: int, said: str
) -> None:
    asking = Command(server, *arguments)
    assert await asking.ended == status
    assert asking.complained.startswith(said)
    assert asking.complained.count("\n") == 1
