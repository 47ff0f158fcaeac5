"""The client against a gateway that is played by the test."""

from __future__ import annotations

import re
from typing import Any

import pytest
import pytest_twisted
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from ctigw.csta.events import ConnectionClearedEvent
from ctigw.csta.frame import Frame, FrameReader
from ctigw.csta.monitoring import MonitorStop, MonitorStopResponse
from ctigw.csta.system import RequestSystemStatus
from ctigw.net.csta_client import CstaClient, Lost, NegativeAnswer, _description, _in_words, connect
from ctigw.xml import XmlError

CLEARED = (
    "<ConnectionClearedEvent><monitorCrossRefID>1</monitorCrossRefID><droppedConnection/>"
    "<releasingDevice><notKnown/></releasingDevice><cause>normal</cause></ConnectionClearedEvent>"
)


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.events: list[Any] = []
        self.results: list[Any] = []
        self.client = CstaClient(self.clock, self.events.append, patience=10.0)
        self.transport = StringTransport()
        self.client.makeConnection(self.transport)

    def ask(self, request: object) -> None:
        Deferred.fromCoroutine(self.client.request(request)).addBoth(self.results.append)

    def receive(self, invoke_id: int, xml: str) -> None:
        self.client.dataReceived(Frame(invoke_id, xml.encode()).encode())

    def sent(self) -> list[Frame]:
        frames = list(FrameReader().feed(self.transport.value()))
        self.transport.clear()
        return frames

    def errors(self) -> list[Any]:
        return [result.value for result in self.results]


STOP = MonitorStop(monitor_cross_ref_id="1")


def test_answers_find_their_requests_in_any_order() -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.ask(RequestSystemStatus())
    assert [frame.invoke_id for frame in bench.sent()] == [1, 2]
    status = "<RequestSystemStatusResponse><systemStatus>normal</systemStatus></RequestSystemStatusResponse>"
    bench.receive(2, status)
    bench.receive(1, "<MonitorStopResponse/>")
    assert [type(result).__name__ for result in bench.results] == [
        "RequestSystemStatusResponse",
        "MonitorStopResponse",
    ]
    assert bench.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("xml", "category", "value"),
    [
        ("<operation>invalidCrossRefID</operation>", "operation", "invalidCrossRefID"),
        (
            "<stateIncompatibility>noCallToAnswer</stateIncompatibility>",
            "stateIncompatibility",
            "noCallToAnswer",
        ),
        ("<unspecified/>", "unspecified", ""),
    ],
)
def test_a_refusal_is_raised(xml: str, category: str, value: str) -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.receive(1, f"<CSTAErrorCode>{xml}</CSTAErrorCode>")
    (error,) = bench.errors()
    assert isinstance(error, NegativeAnswer)
    assert (error.category, error.value, str(error)) == (category, value, f"{category}: {value}")


def test_an_answer_that_makes_no_sense_is_raised() -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.receive(1, "<MonitorStartResponse/>")
    assert isinstance(bench.errors()[0], XmlError)


def test_no_answer_in_time_is_raised_and_a_late_one_ignored() -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.clock.advance(10)
    assert isinstance(bench.errors()[0], TimeoutError)
    bench.receive(1, "<MonitorStopResponse/>")
    assert len(bench.results) == 1


def test_events_are_handed_on() -> None:
    bench = Bench()
    bench.receive(9999, CLEARED)
    assert [type(event) for event in bench.events] == [ConnectionClearedEvent]


def test_a_greeting_is_answered() -> None:
    bench = Bench()
    bench.receive(9000, "<SystemStatus><systemStatus>normal</systemStatus></SystemStatus>")
    (answer,) = bench.sent()
    assert (answer.invoke_id, b"<SystemStatusResponse/>" in answer.body) == (9000, True)


@pytest.mark.parametrize("xml", ["<RequestSystemStatus/>", "<Rubbish/>", "<MakeCall/>"])
def test_other_requests_are_refused(xml: str) -> None:
    bench = Bench()
    bench.receive(9001, xml)
    (answer,) = bench.sent()
    assert (answer.invoke_id, b"serviceNotSupported" in answer.body) == (9001, True)


def test_whoever_waits_is_told_that_the_connection_is_lost() -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.ask(STOP)
    bench.client.connectionLost(Failure(ConnectionDone()))
    bench.ask(STOP)
    assert [str(error) for error in bench.errors()] == ["the gateway has closed the connection"] * 3
    assert {type(error) for error in bench.errors()} == {Lost}
    assert (bench.client.lost.called, bench.client.closing) == (True, False)
    assert bench.clock.getDelayedCalls() == []


def test_a_connection_that_breaks_is_told_from_one_that_is_closed() -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.client.connectionLost(Failure(ConnectionResetError("reset by peer")))
    assert str(bench.errors()[0]) == "the connection is lost: reset by peer"


def test_rubbish_closes_the_connection() -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.client.dataReceived(b"220 smtp.example.com\r\n")
    assert bench.transport.disconnecting
    bench.client.dataReceived(b"500 unknown command\r\n")  # over TLS more may come
    assert len(bench.client._association._reader._buffer) == 0
    bench.client.connectionLost(Failure(ConnectionDone()))
    assert str(bench.errors()[0]).startswith("bad prefix b'220 smtp")
    assert not bench.client.closing


def test_closing_is_this_sides_wish() -> None:
    bench = Bench()
    assert bench.client.close() is bench.client.lost
    assert (bench.transport.disconnecting, bench.client.closing) == (True, True)


def test_a_response_is_what_was_asked_for() -> None:
    bench = Bench()
    bench.ask(STOP)
    bench.receive(1, "<MonitorStopResponse/>")
    assert bench.results == [MonitorStopResponse()]


@pytest.mark.parametrize(
    ("at", "description"),
    [
        ("127.0.0.1:4721", "tcp:127.0.0.1:4721"),
        ("pbx.example.com:4721", "tcp:pbx.example.com:4721"),
        ("[::1]:4721", r"tcp:\:\:1:4721"),
        ("tcp:127.0.0.1:4721", "tcp:127.0.0.1:4721"),
        ("tls:example.com:4722", "tls:example.com:4722"),
        ("unix:/run/ctigw", "unix:/run/ctigw"),
        (r"tcp:\:\:1:4721", r"tcp:\:\:1:4721"),
    ],
)
def test_where_a_gateway_is(at: str, description: str) -> None:
    assert _description(at) == description


PORT = "the port must be a number from 1 to 65535"
FORM = "it has the form host:port, or tcp:host:port, tls:host:port, unix:path"


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("rubbish", FORM),
        (":4721", FORM),
        ("localhost:", PORT),
        ("localhost:csta", PORT),
        ("localhost:-1", PORT),
        ("localhost:0", PORT),
        ("localhost:65536", PORT),
        ("tcp:localhost", PORT),
        ("tls:localhost:99999", PORT),
        ("::1", "an IPv6 address stands in brackets: [::1]:4721"),
        ("tls:localhost:4722:trustRoots=/dev/null", "trustRoots must be a folder with .pem files in it"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_where_no_gateway_can_be(at: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        await connect(reactor, at)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            SSL.Error([("SSL routines", "", "certificate verify failed")]),
            "TLS: certificate verify failed; trustRoots=DIR names a folder with those to trust",
        ),
        (
            SSL.Error([("SSL routines", "", "tlsv13 alert certificate required")]),
            "TLS: tlsv13 alert certificate required",
        ),
        (SSL.Error(), ""),
        (ConnectionLost("Connection to the other side was lost in a non-clean fashion."), "it was cut off"),
    ],
)
def test_what_ends_a_connection_is_told_in_words(error: Exception, words: str) -> None:
    assert _in_words(error) == words


@pytest_twisted.ensureDeferred
async def test_nobody_there_is_told_in_one_line() -> None:
    with pytest.raises(Lost, match=r"^cannot connect to 127.0.0.1:1: .*refused"):
        await connect(reactor, "127.0.0.1:1")
