"""What goes wrong, seen from outside: gateways as processes, clients and the control socket as sockets."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ctigw.csta.application_session import (
    ApplicationInfo,
    ApplicationSessionTerminated,
    StartApplicationSession,
    StartApplicationSessionNegResponse,
    StartApplicationSessionPosResponse,
    StartError,
)
from ctigw.csta.association import Event, Request, Response
from ctigw.csta.call_control import (
    AnswerCall,
    ClearConnection,
    ClearConnectionResponse,
    MakeCall,
    MakeCallResponse,
)
from ctigw.csta.capability import GetSwitchingFunctionCaps
from ctigw.csta.events import (
    ConnectionClearedEvent,
    DeliveredEvent,
    EstablishedEvent,
    EventCause,
    OriginatedEvent,
    ServiceInitiatedEvent,
)
from ctigw.csta.logical import (
    ForwardingType,
    ForwardListItem,
    GetDoNotDisturb,
    GetDoNotDisturbResponse,
    GetForwarding,
    GetForwardingResponse,
    SetDoNotDisturb,
    SetDoNotDisturbResponse,
    SetForwarding,
    SetForwardingResponse,
)
from ctigw.csta.monitoring import MonitorObject, MonitorStart, MonitorStartResponse
from ctigw.csta.snapshot import SnapshotDevice
from ctigw.csta.system import (
    RequestSystemStatus,
    RequestSystemStatusResponse,
    RequestTypes,
    SystemRegister,
    SystemRegisterResponse,
    SystemStatus,
    SystemStatusValue,
)
from ctigw.csta.types import ED3, ConnectionID, CSTAErrorCode, LocalConnectionState, categories
from ctigw.store.call_log import calls
from ctigw.store.database import Database, url_in
from tests.certificates import Authority, tls
from tests.processes import LISTENER, PATIENCE, Client, Gateway, gateway

OUT_OF_SERVICE = ("systemResourceAvailibility", "resourceOutOfService")
START = StartApplicationSession(
    application_info=ApplicationInfo(application_id="test"),
    requested_protocol_versions=(ED3,),
    requested_session_duration=600,
)
REGISTER = SystemRegister(request_types=RequestTypes.SYSTEM_STATUS)


def watch(line: str) -> MonitorStart:
    return MonitorStart(monitor_object=MonitorObject(device_object=line))


def make_call(caller: str, called: str) -> MakeCall:
    return MakeCall(calling_device=caller, called_directory_number=called)


def established(client: Client, caller: str, called: str) -> str:
    """The id of a call that is up."""
    call: str = client.ask(make_call(caller, called)).calling_device.call_id
    answer = AnswerCall(call_to_be_answered=ConnectionID(call_id=call, device_id=called))
    assert not isinstance(client.ask(answer), CSTAErrorCode)
    return call


def refusal(answer: Any) -> tuple[str, str]:
    """The category and the value of a negative answer."""
    assert isinstance(answer, CSTAErrorCode), answer
    (told,) = categories(answer).items()
    return told


def calls_at(client: Client, line: str) -> dict[str, LocalConnectionState]:
    """What a snapshot says: the line's own state in each of its calls."""
    data = client.ask(SnapshotDevice(snapshot_object=line)).cross_ref_id_or_snapshot_data.snapshot_data
    return {
        info.connection_identifier.call_id: info.local_call_state.compound_call_state.local_connection_state[
            0
        ]
        for info in data.snapshot_device_response_info
    }


# The end, foreseen and not


def test_a_setting_that_was_answered_outlives_kill_9(tmp_path: Path) -> None:
    lines = [str(number) for number in range(2001, 2006)]
    forward = {
        line: SetForwarding(
            device=line,
            forwarding_type=ForwardingType.FORWARD_NO_ANS,
            activate_forward=True,
            forward_dn="2008",
            ring_count=index,
        )
        for index, line in enumerate(lines, 2)
    }
    with gateway(LISTENER, tmp_path) as running, running.client() as client:
        # The last to be answered is the last to be committed, and then there is no time left.
        client.send(
            *forward.values(), *[SetDoNotDisturb(device=line, do_not_disturb_on=True) for line in lines]
        )
        answers = [client.next() for _ in range(2 * len(lines))]
        running.kill()
    for answer in answers:
        assert isinstance(answer, Response)
        assert isinstance(answer.message, SetForwardingResponse | SetDoNotDisturbResponse)
    with gateway(LISTENER, tmp_path) as running, running.client() as client:
        for line, was_set in forward.items():
            item = ForwardListItem(
                forwarding_type=ForwardingType.FORWARD_NO_ANS,
                forward_status=True,
                forward_dn="2008",
                ring_count=was_set.ring_count,
            )
            assert client.ask(GetForwarding(device=line)) == GetForwardingResponse(forwarding_list=(item,))
            assert client.ask(GetDoNotDisturb(device=line)) == GetDoNotDisturbResponse(do_not_disturb_on=True)


@pytest.mark.parametrize("listener", [LISTENER, LISTENER + "one_frame_per_segment = true\n"])
def test_everybody_is_told_when_the_gateway_is_terminated(tmp_path: Path, listener: str) -> None:
    config = listener + '[limits]\ncommand_seconds = 0.5\n[driver.settings]\ncontrol = "{}"\n'
    config = config.format(tmp_path / "sim")
    with gateway(config, tmp_path) as running, ExitStack() as ending:
        registered, session, waiting, setting = (ending.enter_context(running.client()) for _ in range(4))
        assert isinstance(registered.ask(REGISTER), SystemRegisterResponse)
        assert isinstance(session.ask(START), StartApplicationSessionPosResponse)
        assert isinstance(session.ask(REGISTER), SystemRegisterResponse)
        call = established(session, "2001", "2002")
        people(tmp_path / "sim", do="behave", line="2003", behaviour="silent")
        waiting.ask(RequestSystemStatus())
        waiting.send(make_call("2003", "2004"), RequestSystemStatus())
        assert isinstance(answered(waiting)[0], RequestSystemStatusResponse)  # so the call is in hand
        setting.send(SetDoNotDisturb(device="2005", do_not_disturb_on=True))
        assert isinstance(answered(setting)[0], SetDoNotDisturbResponse)
        assert running.terminate() == 0
        assert [told.message.system_status for told in requests(registered)] == [SystemStatusValue.DISABLED]
        assert [type(told.message) for told in requests(session)] == [
            SystemStatus,
            ApplicationSessionTerminated,
        ]
        assert [refusal(message) for message in answered(waiting, 9)] == [
            ("systemResourceAvailibility", "resourceBusy")
        ]
    database = Database(url_in(running.data))
    written = {entry.device: entry for entry in database.run_now(calls)}
    database.close()
    assert written.keys() == {"2001", "2002"}
    for entry in written.values():
        assert (entry.call_id, entry.calling, entry.called, entry.ended) == (call, "2001", "2002", None)
        assert entry.answered is not None
    assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []


def requests(client: Client) -> list[Request]:
    """What the gateway asks until it closes the connection."""
    told = [incoming for incoming in client.rest() if not isinstance(incoming, Event)]
    assert all(isinstance(incoming, Request) for incoming in told), told
    return [incoming for incoming in told if isinstance(incoming, Request)]


def answered(client: Client, count: int = 1) -> list[Any]:
    """The next answers: so many, or fewer when the gateway closes the connection."""
    answers: list[Any] = []
    for incoming in client.rest():
        if isinstance(incoming, Response):
            answers.append(incoming.message)
        if len(answers) == count:
            break
    return answers


# A PBX that fails


def people(control: Path, **request: str | float) -> None:
    """Have somebody at the simulated PBX do something."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(control))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as stream:
            assert json.loads(stream.readline()) == {}


def test_a_lost_pbx_is_told_and_what_happened_meanwhile_afterwards(tmp_path: Path) -> None:
    control = tmp_path / "sim"
    config = LISTENER + f'[driver.settings]\ncontrol = "{control}"\nlimits = {{ link_lost = 1.5 }}\n'
    with gateway(config, tmp_path) as running, running.client() as client:
        for line in ("2001", "2002", "2003"):
            assert isinstance(client.ask(watch(line)), MonitorStartResponse)
        client.ask(REGISTER)
        ends = established(client, "2001", "2002")
        stays = established(client, "2003", "2004")
        people(control, do="behave", line="2005", behaviour="drops-the-link")
        assert refusal(client.ask(make_call("2005", "2014"))) == OUT_OF_SERVICE
        assert client.until(SystemStatus).system_status is SystemStatusValue.DISABLED
        assert client.ask(RequestSystemStatus()).system_status is SystemStatusValue.DISABLED
        people(control, do="behave", line="2005", behaviour="normal")
        people(control, do="put-down", line="2001")
        for request in (
            make_call("2006", "2014"),
            SetDoNotDisturb(device="2006", do_not_disturb_on=True),
            GetForwarding(device="2006"),
        ):
            assert refusal(client.ask(request)) == OUT_OF_SERVICE
        assert client.told == []  # whoever watches is told nothing while nothing is known
        assert client.until(SystemStatus).system_status is SystemStatusValue.ENABLED
        cleared = [client.until(lambda _told: True) for _ in range(3)]
        assert {type(event) for event in cleared} == {ConnectionClearedEvent}
        assert {event.dropped_connection.call_id for event in cleared} == {ends}
        states = sorted((event.dropped_connection.device_id, event.cause) for event in cleared)
        assert {cause for _, cause in states} == {EventCause.NORMAL_CLEARING}
        assert {device for device, _ in states} == {"2001", "2002"}
        assert calls_at(client, "2001") == calls_at(client, "2002") == {}
        assert calls_at(client, "2003") == {stays: LocalConnectionState.CONNECTED}
        assert client.told == []
        assert client.ask(RequestSystemStatus()).system_status is SystemStatusValue.NORMAL
        assert isinstance(client.ask(make_call("2005", "2014")), MakeCallResponse)


def test_a_line_that_lies_is_shown_as_it_is(tmp_path: Path) -> None:
    lines = '[{ number = "100" }, { number = "101", behaviour = "lies-about-state" }]'
    with (
        gateway(LISTENER + f"[driver.settings]\nlines = {lines}\n", tmp_path) as running,
        running.client() as client,
    ):
        for line in ("100", "101"):
            client.ask(watch(line))
        call = established(client, "100", "101")
        # Its two lies: a retrieve while it rings, a delivery when it has answered.
        assert [running.says("report refused")["report"] for _ in range(2)] == ["Report"] * 2
        assert calls_at(client, "100") == calls_at(client, "101") == {call: LocalConnectionState.CONNECTED}
        hang_up = ClearConnection(connection_to_be_cleared=ConnectionID(call_id=call, device_id="100"))
        assert isinstance(client.ask(hang_up), ClearConnectionResponse)
        events = [client.until(lambda _told: True) for _ in range(9)]
        assert [type(event) for event in events] == [
            ServiceInitiatedEvent,
            OriginatedEvent,
            *[DeliveredEvent] * 2,
            *[EstablishedEvent] * 2,
            *[ConnectionClearedEvent] * 3,
        ]


# Limits


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with little room, with a listener for each test that fills one."""
    config = LISTENER * 2 + "max_frame = 1024\n" + LISTENER
    config += "[limits]\nconnections = 3\nmonitors_per_session = 3\nmonitors_per_device = 2\n"
    config += "registrations_per_session = 2\nrequests_in_hand = 1\nrequests_per_second = 20\n"
    with gateway(config, tmp_path_factory.mktemp("narrow")) as running:
        yield running


def test_a_client_too_many_is_closed_and_the_others_are_served(narrow: Gateway) -> None:
    with ExitStack() as ending:
        clients = [ending.enter_context(narrow.client(2)) for _ in range(3)]
        for client in clients:
            client.ask(RequestSystemStatus())
        with narrow.client(2) as one_more, pytest.raises((EOFError, ConnectionError)):
            one_more.ask(RequestSystemStatus())
        narrow.says("too many connections, closing")
        for client in clients:
            assert isinstance(client.ask(RequestSystemStatus()), RequestSystemStatusResponse)
        clients[0].socket.shutdown(socket.SHUT_WR)  # it leaves, and there is room again
        assert list(clients[0].rest()) == []
        with narrow.client(2) as another:
            assert isinstance(another.ask(RequestSystemStatus()), RequestSystemStatusResponse)


def test_what_a_client_may_hold_is_bounded(narrow: Gateway) -> None:
    with narrow.client() as client, narrow.client() as other:
        assert [type(client.ask(watch("2001"))) for _ in range(2)] == [MonitorStartResponse] * 2
        per_device = ("subscribedResourceAvailability", "objectMonitorLimitExceeded")
        assert refusal(other.ask(watch("2001"))) == per_device
        assert isinstance(client.ask(watch("2002")), MonitorStartResponse)
        overall = ("systemResourceAvailibility", "overallMonitorLimitExceeded")
        assert refusal(client.ask(watch("2002"))) == overall
        assert isinstance(other.ask(watch("2002")), MonitorStartResponse)
        assert [type(client.ask(REGISTER)) for _ in range(2)] == [SystemRegisterResponse] * 2
        register = ("systemResourceAvailibility", "registrationLimitExceeded")
        assert refusal(client.ask(REGISTER)) == register
        assert isinstance(client.ask(START), StartApplicationSessionPosResponse)
        again = client.ask(START)
        assert isinstance(again, StartApplicationSessionNegResponse)
        assert again.error_code.defined_error is StartError.MAX_NUMBER_SESSIONS


def test_requests_are_bounded(narrow: Gateway) -> None:
    with narrow.client() as client:
        client.send(make_call("2012", "2001"), *[RequestSystemStatus()] * 30)  # 2012 takes three seconds
        refused = [refusal(message) for message in answered(client, 30)]
        assert set(refused) == {("subscribedResourceAvailability", "outstandingReqLimitExceeded")}
    with narrow.client() as client:
        client.send(*[RequestSystemStatus()] * 60)
        answers = answered(client, 60)
        served = sum(isinstance(answer, RequestSystemStatusResponse) for answer in answers)
        # Those of one second, and those of the time that it takes to ask.
        assert 20 <= served < 60
        fast = ("performanceManagement", "performanceLimitExceeded")
        assert {refusal(a) for a in answers if isinstance(a, CSTAErrorCode)} == {fast}


def test_a_frame_too_long_closes_its_connection_alone(narrow: Gateway) -> None:
    with narrow.client(1) as client, narrow.client(1) as other:
        body = b"<RequestSystemStatus/>"
        padded = body + b" " * (1024 - 8 - len(body))  # as long as it may be
        client.socket.sendall(b"\0\0\4\0" + b"0001" + padded + b"\0\0\4\1" + b"0002" + padded + b" ")
        assert b"0001" in client.socket.recv(4096)  # the first is answered
        assert list(client.rest()) == []
        assert narrow.says("stream lost, closing")["why"].startswith("bad prefix")
        assert isinstance(other.ask(RequestSystemStatus()), RequestSystemStatusResponse)


# Clients that do not read


def deaf(running: Gateway, ending: ExitStack) -> tuple[Client, int]:
    """A client that watches 2001, asks so often, and reads none of the answers, till its queue stays full."""
    client = ending.enter_context(running.client(receive_buffer=4096))
    client.ask(watch("2001"))
    asked = 0
    with running.client() as pace:
        while True:
            asked += len(client.send(*[GetSwitchingFunctionCaps()] * 50))
            for _ in range(TURNS):
                pace.ask(RequestSystemStatus())
            running.listen()
            said = [entry["event"] for entry in running.log]
            if said.count("client reads too slowly") > said.count("client reads again"):
                return client, asked


# The gateway sends some 128 KiB a turn: after so many, what is still in a queue of a megabyte is stuck there.
TURNS = 20


SLOW = LISTENER + "[limits]\nsend_queue = 1000000\nsend_queue_seconds = {}\n"


def test_who_reads_again_is_told_what_it_has_missed(tmp_path: Path) -> None:
    with gateway(SLOW.format(60.0), tmp_path) as running, ExitStack() as ending:
        client, asked = deaf(running, ending)
        other = ending.enter_context(running.client())
        other.ask(watch("2001"))
        missed = established(other, "2001", "2002")
        other.until(EstablishedEvent)
        heard = [client.next() for _ in range(asked + 1)]  # and no event
        (lost,) = (incoming for incoming in heard if not isinstance(incoming, Response))
        assert isinstance(lost, Request)
        assert lost.message.system_status is SystemStatusValue.MESSAGES_LOST
        assert calls_at(client, "2001") == {missed: LocalConnectionState.CONNECTED}
        other.ask(ClearConnection(connection_to_be_cleared=ConnectionID(call_id=missed, device_id="2001")))
        assert isinstance(client.until(lambda _told: True), ConnectionClearedEvent)


def test_who_never_reads_is_closed(tmp_path: Path) -> None:
    with gateway(SLOW.format(1.0), tmp_path) as running, ExitStack() as ending:
        client, asked = deaf(running, ending)
        other = ending.enter_context(running.client())
        running.says("client does not read, closing")
        assert len(list(client.rest())) < asked
        assert isinstance(other.ask(RequestSystemStatus()), RequestSystemStatusResponse)


# Who clients are


def test_who_is_refused_over_tls_is_closed(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    certificate, key = ours.issue("localhost")
    secure = LISTENER + f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    config = secure + 'authentication = "address"\nnetworks = ["192.0.2.0/24"]\n' + secure
    config += "[limits]\nconnections = 2\n"
    with gateway(config, tmp_path) as running, ExitStack() as ending:
        sockets = running.sockets()
        for _ in range(5):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                running.client(0, tls=tls(ours))
            running.says("address not allowed, closing")
        clients = [ending.enter_context(running.client(1, tls=tls(ours))) for _ in range(2)]
        for _ in range(5):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                running.client(1, tls=tls(ours))
            running.says("too many connections, closing")
        for client in clients:
            assert isinstance(client.ask(RequestSystemStatus()), RequestSystemStatusResponse)
        assert running.sockets() == sockets + len(clients)
        assert running.terminate() == 0
        assert [entry for entry in running.log if entry["level"] not in ("info", "warning")] == []
        figures = next(entry for entry in reversed(running.log) if entry["event"] == "figures")
        assert (figures["addresses refused"], figures["connections refused"]) == (5, 5)


def test_certificates_say_who_clients_are(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    certificate, key = ours.issue("localhost")
    config = f"""
        [[application]]
        name = "wallboard"
        monitor = ["20*"]
        control = ["2001"]
        {LISTENER}
        authentication = "certificate"
        tls_certificate = "{certificate}"
        tls_key = "{key}"
        tls_client_ca = "{ours.file}"
    """
    with gateway(config, tmp_path) as running:
        with running.client(tls=tls(ours, ours.issue("wallboard"))) as client:
            assert isinstance(client.ask(watch("2002")), MonitorStartResponse)
            assert isinstance(client.ask(make_call("2001", "2002")), MakeCallResponse)
            violation = ("operation", "privilegeViolationSpecifiedDevice")
            assert refusal(client.ask(make_call("2003", "2002"))) == violation
        for stranger in (None, theirs.issue("wallboard")):
            with (
                pytest.raises((ssl.SSLError, ConnectionError)),
                running.client(tls=tls(ours, stranger)) as client,
            ):
                client.ask(RequestSystemStatus())  # TLS 1.3 tells the client with the first that it reads
        with running.client(tls=tls(ours, ours.issue("somebody"))) as client:
            assert refusal(client.ask(RequestSystemStatus())) == ("security", "generic")
            assert refusal(client.ask(watch("2002"))) == ("security", "generic")
        assert running.says("certificate of nobody")["name"] == "somebody"
