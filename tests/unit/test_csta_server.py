"""A gateway's connections, without sockets: what they promise beyond what transcripts show."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ctigw.app import Gateway, gateway
from ctigw.config import Config, Limits, Listener
from ctigw.csta.association import SERVER_IDS
from ctigw.csta.capability import SwitchingFunctionDevices
from ctigw.csta.frame import MAX_SENT, Frame, FrameReader
from ctigw.csta.system import (
    RequestSystemStatus,
    RequestSystemStatusResponse,
    SystemStatus,
    SystemStatusValue,
)
from ctigw.csta.types import csta
from ctigw.net.csta_connection import CstaConnection
from ctigw.net.csta_server import GOODBYE, CstaFactory
from ctigw.services.dispatcher import Reply
from simulators.behaviours import PhoneSettings
from simulators.pbx import Pbx

STATUS = "<RequestSystemStatus/>"
DEVICES = "<GetSwitchingFunctionDevices/>"
MAKE_CALL = (
    "<MakeCall><callingDevice>{}</callingDevice><calledDirectoryNumber>{}</calledDirectoryNumber></MakeCall>"
)
CLEAR = (
    "<ClearConnection><connectionToBeCleared><deviceID>{}</deviceID></connectionToBeCleared>"
    "</ClearConnection>"
)
MONITOR = "<MonitorStart><monitorObject><deviceObject>{}</deviceObject></monitorObject></MonitorStart>"


class Bench:
    """One gateway with one listener."""

    def __init__(self, listener: Listener | None = None, lines: int | None = None, **limits: Any) -> None:
        self.clock = Clock()
        config = Config(listeners=(listener or Listener(),), limits=Limits(**limits))
        phones = None if lines is None else [PhoneSettings(str(10_000 + line)) for line in range(lines)]
        self.gateway: Gateway = gateway(config, Pbx(self.clock, phones), self.clock)
        self.factory: CstaFactory = self.gateway.factory(config.listeners[0])

    def client(self) -> Client:
        return Client(self)

    def turn(self, count: int = 5) -> None:
        for _ in range(count):
            self.clock.advance(0)


class Client:
    """One client; ``writes`` are what the gateway wrote, one by one."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        connection = bench.factory.buildProtocol(None)
        assert connection is not None
        self.connection: CstaConnection = connection
        self.transport = StringTransport()
        self.writes: list[bytes] = []
        write = self.transport.write

        def recorded(data: bytes) -> None:
            self.writes.append(data)
            write(data)

        self.transport.write = recorded  # type: ignore[method-assign] # to tell one write from the next
        connection.makeConnection(self.transport)

    def send(self, *bodies: str, first_id: int = 1) -> None:
        self.give(*bodies, first_id=first_id)
        self.bench.clock.advance(0)

    def give(self, *bodies: str, first_id: int = 1) -> None:
        """Send, and let the turn not be over."""
        frames = (Frame(first_id + index, body.encode()) for index, body in enumerate(bodies))
        self.connection.dataReceived(b"".join(frame.encode() for frame in frames))

    def frames(self) -> list[Frame]:
        return list(FrameReader().feed(self.transport.value()))

    def names(self) -> list[str]:
        return [type(csta.decode(frame.body).message).__name__ for frame in self.frames()]

    def lose(self) -> None:
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.connection.connectionLost(Failure(ConnectionDone()))


# Bad streams and bad luck


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x01\x00\x400001<a/>",
        b"\x01\x00\x00\x400001<a/>",
        b"\x00\x00\x00\x080001",
        b"\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x00\x00\x00\x0c00x1<a/>",
        b"\x00\x00\x00\x0c 001<a/>",
        b"\x00\x00\x10\x000001",  # longer than the listener allows
    ],
)
def test_a_bad_prefix_closes_its_connection_alone(data: bytes) -> None:
    bench = Bench(Listener(max_frame=1024))
    bad, good = bench.client(), bench.client()
    with structlog.testing.capture_logs() as logged:
        bad.send(STATUS)
        bad.connection.dataReceived(data)
        bad.send(STATUS)
    assert bad.transport.disconnecting
    assert bad.names()[0] == "RequestSystemStatusResponse"
    assert repr(data[:16])[2:-1] in next(e["why"] for e in logged if e["event"] == "stream lost, closing")
    good.send(STATUS)
    assert good.names() == ["RequestSystemStatusResponse"]
    assert not good.transport.disconnecting
    assert bench.gateway.counters["bad prefixes"] >= 1


def test_a_handler_that_crashes_harms_nobody() -> None:
    bench = Bench()

    async def crash(*_: object) -> object:
        raise ZeroDivisionError

    bench.gateway.dispatcher.serve_with({RequestSystemStatus: crash})
    client, other = bench.client(), bench.client()
    with structlog.testing.capture_logs() as logged:
        client.send(STATUS, MONITOR.format(2001))
    other.send(MONITOR.format(2001))
    bench.turn()
    assert client.names() == ["CSTAErrorCode", "MonitorStartResponse"]
    assert other.names() == ["MonitorStartResponse"]
    assert [entry["event"] for entry in logged] == ["handler failed"]


def test_an_answer_that_cannot_be_written_costs_its_connection_alone() -> None:
    bench = Bench()

    async def nonsense(*_: object) -> object:
        return object()

    bench.gateway.dispatcher.serve_with({RequestSystemStatus: nonsense})
    client, other = bench.client(), bench.client()
    with structlog.testing.capture_logs() as logged:
        client.send(STATUS)
    other.send(MONITOR.format(2001))
    assert client.transport.disconnecting
    assert other.names() == ["MonitorStartResponse"]
    assert [entry["event"] for entry in logged] == ["answer failed"]


# The order and the grouping of what is sent


@pytest.mark.parametrize(("others", "writes"), [(0, [1, 2]), (1, [0, 1])])
def test_an_answer_comes_before_its_events(others: int, writes: list[int]) -> None:
    """By itself where nobody else is served; together with them where many are."""
    bench = Bench()
    client, *rest = [bench.client() for _ in range(1 + others)]
    client.send(MONITOR.format(2001))
    bench.turn()
    for one in (client, *rest):
        one.give(STATUS)
    bench.turn()
    client.writes.clear()
    client.give(MAKE_CALL.format(2001, 2002), first_id=2)
    told = [len(client.writes)]
    bench.turn()
    assert [*told, len(client.writes)] == writes
    assert client.names()[2:] == [
        "MakeCallResponse",
        "ServiceInitiatedEvent",
        "OriginatedEvent",
        "DeliveredEvent",
    ]


def test_the_first_answer_goes_by_itself() -> None:
    bench = Bench()
    client = bench.client()
    client.send(STATUS, STATUS, STATUS)
    assert [len(list(FrameReader().feed(data))) for data in client.writes] == [1, 2]


def test_every_frame_goes_by_itself_where_that_is_set() -> None:
    bench = Bench(Listener(one_frame_per_segment=True))
    client = bench.client()
    client.give(*[STATUS] * 5)
    assert len(client.writes) == 1  # the others take a turn each
    bench.turn()
    assert [len(list(FrameReader().feed(data))) for data in client.writes] == [1] * 5


def test_a_greeting_is_sent_and_its_answer_taken() -> None:
    bench = Bench(Listener(greet=True))
    client = bench.client()
    assert client.names() == ["SystemStatus"]
    assert client.frames()[0].invoke_id == 9000
    client.send("<SystemStatusResponse/>", first_id=9000)
    client.send(STATUS, STATUS)
    bench.turn()
    assert [len(list(FrameReader().feed(data))) for data in client.writes] == [1, 1, 1]
    assert len(client.frames()) == 3


def test_service_initiated_can_be_switched_off() -> None:
    bench = Bench(Listener(service_initiated=False))
    client = bench.client()
    client.send(MONITOR.format(2001), MAKE_CALL.format(2001, 2002))
    bench.turn()
    assert client.names()[2:] == ["OriginatedEvent", "DeliveredEvent"]


# Bounds


def slow(bench: Bench) -> Client:
    """A client that watches 2001 and has not read for so long that its queue is full."""
    client, busy = bench.client(), bench.client()
    client.send(MONITOR.format(2001))
    bench.turn()
    client.connection.pauseProducing()
    for number in range(3):
        for request in (MAKE_CALL.format(2001, 2002), CLEAR.format(2001)):
            busy.send(request, first_id=number)
            bench.turn()
    return client


def test_a_client_that_does_not_read_loses_events_and_is_told_so() -> None:
    bench = Bench(send_queue=2000)
    client = slow(bench)
    waiting = client.connection._association.waiting
    assert 2000 < waiting < 3000
    assert client.transport.producerState == "paused"
    assert bench.gateway.counters["events dropped"] > 5
    written = len(client.names())
    client.connection.resumeProducing()
    bench.turn()
    *late, last = client.names()[written:]
    assert last == "SystemStatus"
    assert client.frames()[-1].invoke_id == 9000
    assert b"<systemStatus>messagesLost<" in client.frames()[-1].body
    assert {"ServiceInitiatedEvent", "OriginatedEvent"} <= set(late)
    assert client.transport.producerState == "producing"
    client.send(MAKE_CALL.format(2001, 2003))
    bench.turn()
    assert client.names()[written + len(late) + 2] == "ServiceInitiatedEvent"


def test_a_client_that_never_reads_is_closed_in_the_end() -> None:
    bench = Bench(send_queue=2000, send_queue_seconds=60)
    client, other = slow(bench), bench.client()
    bench.clock.advance(59)
    assert not client.transport.disconnected
    bench.clock.advance(1)
    assert client.transport.disconnected
    client.lose()
    assert len(bench.gateway.monitors) == 0
    other.send(STATUS)
    assert other.names() == ["RequestSystemStatusResponse"]


def test_a_slow_client_that_goes_away_leaves_no_timer() -> None:
    bench = Bench(send_queue=2000)
    slow(bench).lose()
    bench.clock.advance(30)
    bench.clock.advance(60)
    assert bench.clock.getDelayedCalls() == []


def test_what_a_slow_client_asked_for_is_answered_all_the_same() -> None:
    bench = Bench(send_queue=100)
    client = bench.client()
    client.connection.pauseProducing()
    client.send(*[STATUS] * 5)
    assert client.writes == []
    client.connection.resumeProducing()
    bench.turn(10)
    assert client.names() == ["RequestSystemStatusResponse"] * 5  # nothing was lost


def test_what_a_client_asks_for_while_it_does_not_read_waits() -> None:
    bench = Bench(send_queue=100)
    client = bench.client()
    client.connection.pauseProducing()
    client.send(*[STATUS] * 5)
    for number in range(6, 9):
        client.send(STATUS, first_id=number)  # what TLS had in hand, say
    assert bench.gateway.counters["requests"] == 1
    client.connection.resumeProducing()
    assert client.transport.producerState == "paused"
    bench.turn()
    assert [frame.invoke_id for frame in client.frames()] == list(range(1, 9))
    assert client.transport.producerState == "producing"
    client.connection.close()
    client.lose()
    assert [call for call in bench.clock.getDelayedCalls() if call.active()] == []


def test_long_lists_come_one_by_one_and_wait_for_the_client() -> None:
    bench = Bench(lines=1000)
    client = bench.client()
    client.connection.pauseProducing()
    client.send(*[DEVICES] * 20, STATUS)
    bench.turn()
    assert client.connection._association.waiting < MAX_SENT * 2
    client.connection.resumeProducing()
    bench.turn()
    assert client.names().count("RequestSystemStatusResponse") == 1
    told = [csta.decode(frame.body).message for frame in client.frames()]
    told = [message for message in told if isinstance(message, SwitchingFunctionDevices)]
    for reference in range(1, 21):  # each whole, and none before the one before it is out
        devices: list[str | None] = []
        for number in range(1, 100):
            message = told.pop(0)
            assert (message.service_cross_ref_id, message.segment_id) == (str(reference), number)
            devices += [device.device_id for device in message.device_list]
            if message.last_segment:
                break
        assert devices == list(bench.gateway.switch.picture.lines)
    assert told == []


def test_lists_that_wait_are_bounded_as_requests_are() -> None:
    bench = Bench(lines=1000, requests_in_hand=2)
    client = bench.client()
    client.send(*[DEVICES] * 5)
    bench.turn(30)
    refused = [frame.invoke_id for frame in client.frames() if b"outstandingReqLimitExceeded" in frame.body]
    assert refused == [4, 5]


def test_the_longest_device_ids_fit_into_frames() -> None:
    domain = "d" * 250
    bench = Bench(Listener(device_id_form="sip", device_id_domain=domain), lines=300)
    client = bench.client()
    client.send(DEVICES)
    bench.turn(20)
    assert sum(frame.body.count(domain.encode()) for frame in client.frames()) == 301
    assert client.names()[-1] == "SwitchingFunctionDevices"
    assert not client.transport.disconnecting


def test_a_list_that_fails_costs_its_connection_alone() -> None:
    bench = Bench()

    def broken() -> Iterator[object]:
        yield SystemStatus(system_status=SystemStatusValue.NORMAL)
        raise ZeroDivisionError

    async def serve(*_: object) -> object:
        return Reply(RequestSystemStatusResponse(system_status=SystemStatusValue.NORMAL), broken())

    bench.gateway.dispatcher.serve_with({RequestSystemStatus: serve})
    client, other = bench.client(), bench.client()
    with structlog.testing.capture_logs() as logged:
        client.send(STATUS)
        bench.turn()
    assert client.names() == ["RequestSystemStatusResponse", "SystemStatus"]
    assert client.transport.disconnecting
    assert [entry["event"] for entry in logged] == ["answer failed"]
    other.send(MONITOR.format(2001))
    assert other.names() == ["MonitorStartResponse"]


def test_a_client_that_asks_too_fast_is_refused() -> None:
    bench = Bench(requests_per_second=3)
    client = bench.client()
    client.send(*[STATUS] * 5)
    bench.clock.advance(0.4)
    client.send(STATUS, STATUS, first_id=6)
    bench.turn()
    refusal = b"<performanceManagement>performanceLimitExceeded"
    assert [frame.invoke_id for frame in client.frames() if refusal in frame.body] == [4, 5, 7]
    assert bench.gateway.counters["performanceLimitExceeded"] == 3


def test_what_cannot_be_read_counts_as_a_request_and_is_logged_once() -> None:
    bench = Bench(requests_per_second=3)
    client = bench.client()
    with structlog.testing.capture_logs() as logged:
        client.send("x", STATUS, "<MakeCall/>", "x", STATUS)
    bench.turn()
    values = [b"generic", b"systemStatus", b"invalidParameterValue", *[b"performanceLimitExceeded"] * 2]
    assert [value in frame.body for value, frame in zip(values, client.frames(), strict=True)] == [True] * 5
    assert [entry["event"] for entry in logged] == ["unreadable request"]
    assert bench.gateway.counters["unreadable requests"] == 2
    assert bench.gateway.counters["performanceLimitExceeded"] == 2


def test_a_client_that_reads_again_gets_what_waited() -> None:
    bench = Bench()
    client = bench.client()
    client.connection.pauseProducing()
    client.send(*[STATUS] * 5)
    assert client.writes == []
    client.connection.resumeProducing()
    bench.turn()
    assert [frame.invoke_id for frame in client.frames()] == [1, 2, 3, 4, 5]
    assert client.connection._association.waiting == 0


def test_requests_that_wait_for_the_pbx_are_bounded() -> None:
    bench = Bench(requests_in_hand=1)
    client = bench.client()
    client.send(MAKE_CALL.format(2012, 2001), STATUS, STATUS)
    bench.turn()
    refusal = b"<subscribedResourceAvailability>outstandingReqLimitExceeded"
    assert [(frame.invoke_id, refusal in frame.body) for frame in client.frames()] == [(2, True), (3, True)]
    bench.clock.advance(3)
    client.send(STATUS, first_id=5)
    bench.turn()
    assert client.names()[-1] == "RequestSystemStatusResponse"


def test_a_pbx_that_does_not_answer_costs_five_seconds_and_no_call() -> None:
    bench = Bench(command_seconds=2.0)
    client = bench.client()
    client.send(MONITOR.format(2012), MAKE_CALL.format(2012, 2001))
    bench.clock.advance(2)
    bench.turn()
    assert b"<systemResourceAvailibility>resourceBusy" in client.frames()[1].body
    bench.clock.advance(1)
    bench.turn()
    assert client.names()[2:] == ["ServiceInitiatedEvent", "OriginatedEvent", "DeliveredEvent"]


def test_a_client_that_answers_nothing_is_told_all_the_same() -> None:
    bench = Bench()
    client = bench.client()
    client.send(
        "<SystemRegister><requestTypes><systemStatus>true</systemStatus></requestTypes></SystemRegister>"
    )
    for _ in range(len(SERVER_IDS) + 2):
        bench.gateway.registrations.tell(SystemStatusValue.ENABLED)
    bench.turn()
    told = [frame.invoke_id for frame in client.frames()[1:]]
    assert told == [*SERVER_IDS, *SERVER_IDS[:2]]
    assert bench.gateway.counters["requests never answered"] == 2
    client.send("<SystemStatusResponse/>", first_id=9500)  # which frees one
    bench.gateway.registrations.tell(SystemStatusValue.DISABLED)
    bench.turn()
    assert client.frames()[-1].invoke_id == 9500
    assert bench.gateway.counters["requests never answered"] == 2


def test_connections_are_bounded() -> None:
    bench = Bench(connections=2)
    one, _two = bench.client(), bench.client()
    with structlog.testing.capture_logs() as logged:
        assert bench.factory.buildProtocol(None) is None
    assert [entry["event"] for entry in logged] == ["too many connections, closing"]
    one.lose()
    assert bench.factory.connections == 1
    bench.client()


@pytest.mark.parametrize(
    ("host", "welcome"),
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("127.0.0.1", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
    ],
)
def test_only_the_networks_that_are_named_may_come_in(host: str, welcome: bool) -> None:
    bench = Bench(Listener(authentication="address", networks=("192.0.2.0/24", "2001:db8::/32")))
    kind: Callable[..., Any] = IPv6Address if ":" in host else IPv4Address
    assert (bench.factory.buildProtocol(kind("TCP", host, 5000)) is not None) is welcome


# The end of a connection


def test_a_connection_that_ends_leaves_nothing() -> None:
    bench = Bench()
    client = bench.client()
    client.send(MONITOR.format(2012), MAKE_CALL.format(2012, 2001))
    written = len(client.writes)
    client.lose()
    bench.clock.advance(3)  # the answer comes, with nobody there, and the call is placed all the same
    bench.turn()
    assert len(client.writes) == written
    assert (len(bench.gateway.monitors), bench.factory.connections) == (0, 0)
    assert len(bench.gateway.switch.picture.calls) == 1


def test_a_factory_that_closes_sends_what_there_is_to_send() -> None:
    bench = Bench()
    client = bench.client()
    client.send(STATUS, STATUS)
    bench.factory.close()
    bench.turn()
    assert len(client.frames()) == 2
    assert client.transport.disconnecting


def test_a_factory_that_closes_sends_every_frame_by_itself_where_that_is_set() -> None:
    bench = Bench(Listener(one_frame_per_segment=True))
    client = bench.client()
    client.give(*[STATUS] * 5)
    bench.factory.close()
    assert not client.transport.disconnecting
    bench.turn()
    assert [len(list(FrameReader().feed(data))) for data in client.writes] == [1] * 5
    assert client.transport.disconnecting


def test_who_does_not_take_what_was_sent_before_the_end_is_closed_all_the_same() -> None:
    bench = Bench()
    client, slow = bench.client(), bench.client()
    slow.connection.pauseProducing()
    slow.send(STATUS)
    closed = bench.factory.close()
    client.lose()
    bench.clock.advance(GOODBYE - 0.1)
    assert (closed.called, slow.transport.disconnected) == (False, False)
    slow.connection.resumeProducing()  # late, and in time
    bench.turn()
    assert slow.names() == ["RequestSystemStatusResponse"]
    bench.clock.advance(0.1)
    assert closed.called
    assert (client.transport.disconnected, slow.transport.disconnected) == (False, True)


def test_a_factory_has_closed_when_its_last_client_is_gone() -> None:
    bench = Bench()
    client = bench.client()
    closed = bench.factory.close()
    assert not closed.called
    client.lose()
    assert closed.called
    assert bench.factory.close().called  # nobody is there
    assert bench.clock.getDelayedCalls() == []


# The end of the gateway


def finishing(bench: Bench) -> Deferred[None]:
    return Deferred.fromCoroutine(bench.gateway.finish())


def test_requests_in_hand_are_answered_at_the_end_and_no_more_are_taken() -> None:
    bench = Bench()
    client, other = bench.client(), bench.client()
    client.send(MAKE_CALL.format(2012, 2001))  # which takes three seconds
    finished = finishing(bench)
    other.send(STATUS, "x")
    bench.turn()
    out_of_service = b"<systemResourceAvailibility>resourceOutOfService<"
    assert [out_of_service in frame.body for frame in other.frames()] == [True, True]
    bench.clock.advance(2)
    assert (client.names(), finished.called) == ([], False)
    bench.clock.advance(1)
    assert (client.names(), finished.called) == (["MakeCallResponse"], True)


def test_nothing_in_hand_needs_no_time() -> None:
    bench = Bench()
    bench.client().send(STATUS)
    assert finishing(bench).called
    assert [call for call in bench.clock.getDelayedCalls() if call.getTime() > 0] == []


def test_the_end_waits_as_long_as_a_command_may_take_and_no_longer() -> None:
    bench = Bench(command_seconds=2.0)

    async def for_ever(*_: object) -> object:
        return await Deferred()

    bench.gateway.dispatcher.serve_with({RequestSystemStatus: for_ever})
    bench.client().send(STATUS)
    finished = finishing(bench)
    bench.clock.advance(1.9)
    assert not finished.called
    bench.clock.advance(0.1)
    assert finished.called


def test_a_bug_while_serving_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(requests_in_hand=1)

    async def broken(*_: object) -> object:
        raise ZeroDivisionError

    client = bench.client()
    with monkeypatch.context() as patched, structlog.testing.capture_logs() as logged:
        patched.setattr(bench.gateway.dispatcher, "serve", broken)
        client.send(STATUS)
    assert [entry["event"] for entry in logged] == ["answer failed"]
    assert client.transport.disconnecting
    assert client.connection._serving_now == 0
    assert finishing(bench).called


def test_who_is_gone_keeps_nobody_waiting_for_its_answer() -> None:
    bench = Bench()
    client = bench.client()
    client.send(MAKE_CALL.format(2012, 2001))
    client.lose()
    finished = finishing(bench)
    bench.clock.advance(3)
    assert finished.called


# Judging requests by the schema


@pytest.mark.parametrize(
    ("setting", "answers", "warned"),
    [
        ("off", ["MakeCallResponse"], 0),
        ("log", ["MakeCallResponse"], 1),
        ("reject", ["CSTAErrorCode"], 1),
    ],
)
def test_requests_may_be_judged_by_the_schema(setting: Any, answers: list[str], warned: int) -> None:
    bench = Bench(Listener(validate=setting))
    client = bench.client()
    with structlog.testing.capture_logs() as logged:
        client.send(
            "<MakeCall><calledDirectoryNumber>2002</calledDirectoryNumber><callingDevice>2001</callingDevice></MakeCall>"
        )
    assert client.names() == answers
    assert [e["event"] for e in logged if e["log_level"] == "warning"] == ["request is not valid"] * warned


LOGIN = (
    "<StartApplicationSession><applicationInfo><applicationID>x</applicationID><applicationSpecificInfo>"
    "<user>alice</user>{}</applicationSpecificInfo></applicationInfo><requestedProtocolVersions>"
    "<protocolVersion>1</protocolVersion></requestedProtocolVersions>{}</StartApplicationSession>"
)
HOUR = "<requestedSessionDuration>3600</requestedSessionDuration>"


@pytest.mark.parametrize(
    "login",
    [
        LOGIN.format("<password>se&cret;99</password>", HOUR),
        LOGIN.format("<password>cret&se</password>", HOUR),
        LOGIN.format("<password>a<cret</password>", HOUR),
        LOGIN.format(
            "<password>cret</password>", "<requestedSessionDuration>cret</requestedSessionDuration>"
        ),
        LOGIN.format(
            "<password>cret</password>", f"{HOUR}<requestedSessionDuration>cret</requestedSessionDuration>"
        ),
        LOGIN.format("<password>cret</password>", f"{HOUR}<secret>cret</secret>"),
        LOGIN.format("<password>cret</password>", HOUR).replace("<user>", "secret<user>"),
        LOGIN.format("<password>cret</password>", HOUR).replace(
            "<applicationInfo>", "<applicationInfo secret='cret'>"
        ),
    ],
)
@pytest.mark.parametrize("setting", ["off", "log", "reject"])
def test_no_password_is_logged(setting: Any, login: str) -> None:
    bench = Bench(Listener(validate=setting))
    with structlog.testing.capture_logs() as logged:
        bench.client().send(login)
    assert setting == "off" or logged
    assert "cret" not in str(logged)


def test_a_client_that_is_gone_leaves_nothing_to_the_garbage_collector() -> None:
    bench = Bench()
    stays = bench.client()
    connection = bench.factory.buildProtocol(None)
    assert connection is not None
    transport = StringTransport()
    connection.makeConnection(transport)
    connection.dataReceived(Frame(1, MONITOR.format(2001).encode()).encode())
    bench.turn()
    connection.pauseProducing()
    stays.send(MAKE_CALL.format(2001, 2002))  # something that it will not be sent any more
    gone = weakref.ref(connection)
    gc.disable()
    try:
        connection.connectionLost()
        transport.unregisterProducer()  # as transports do that are lost
        bench.turn()
        del connection
        assert gone() is None
    finally:
        gc.enable()
