"""Who may do what, from the outside: a gateway whose listener wants to know, and clients with rights."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ctigw.app import Gateway, gateway
from ctigw.config import Application, Config, Listener
from ctigw.csta.application_session import SESSION
from ctigw.csta.frame import Frame, FrameReader
from ctigw.csta.types import ED3, CSTAErrorCode, categories, csta
from ctigw.keeping import Keeping
from ctigw.patterns import matcher
from ctigw.services.session import Rights
from ctigw.store.audit import Audited
from simulators.pbx import Pbx

MONITOR = "<MonitorStart><monitorObject><deviceObject>{}</deviceObject></monitorObject></MonitorStart>"
CALL = (
    "<MakeCall><callingDevice>{}</callingDevice><calledDirectoryNumber>{}</calledDirectoryNumber></MakeCall>"
)
CLEAR = "<ClearConnection><connectionToBeCleared>{}</connectionToBeCleared></ClearConnection>"
START = (
    f'<StartApplicationSession xmlns="{SESSION}"><applicationInfo><applicationID>x</applicationID>'
    "<applicationSpecificInfo><userName>{}</userName><password>{}</password></applicationSpecificInfo>"
    "</applicationInfo><requestedProtocolVersions><protocolVersion>v</protocolVersion>"
    "</requestedProtocolVersions><requestedSessionDuration>60</requestedSessionDuration>"
    "</StartApplicationSession>"
)
STOP = (
    "<StopApplicationSession><sessionID>1</sessionID><sessionEndReason><appEndReason>bye</appEndReason>"
    "</sessionEndReason></StopApplicationSession>"
)
VIOLATION = "privilegeViolationSpecifiedDevice"


class Known(Keeping):
    """Alice is known, may control 2001 and 2002 and watch everything."""

    def __init__(self) -> None:
        self.audited: list[Audited] = []
        self.taken_back = False

    async def verify(self, name: str, password: str) -> Rights | None:
        right = (name, password) == ("alice", "wonder")
        return Rights("alice", matcher("*"), matcher(["2001", "2002"])) if right else None

    async def again(self, rights: Rights) -> Rights | None:
        return None if self.taken_back else rights

    def asked(self, entry: Audited) -> None:
        self.audited.append(entry)


class Client:
    def __init__(self, gate: Gateway, clock: Clock, listener: Listener) -> None:
        self.clock = clock
        self.transport = StringTransport()
        connection = gate.factory(listener).buildProtocol(None)
        assert connection is not None
        self.connection = connection
        connection.makeConnection(self.transport)

    def ask(self, xml: str) -> Any:
        """The answer to a request; events are passed over."""
        self.transport.clear()
        self.connection.dataReceived(Frame(1, xml.encode()).encode())
        self.turn()
        return next(message for invoke_id, message in self.came() if invoke_id == 1)

    def refusal(self, xml: str) -> str:
        """Why a request is refused; "" when it is not."""
        answer = self.ask(xml)
        return "/".join(*categories(answer).items()) if isinstance(answer, CSTAErrorCode) else ""

    def came(self) -> list[tuple[int, Any]]:
        frames = FrameReader().feed(self.transport.value())
        return [(frame.invoke_id, csta.decode(frame.body).message) for frame in frames]

    def turn(self) -> None:
        for _ in range(5):
            self.clock.advance(0)


class Bench:
    def __init__(self, listener: Listener, *applications: Application) -> None:
        self.clock = Clock()
        self.keeping = Known()
        config = Config(listeners=(listener,), application=applications)
        self.gate = gateway(config, Pbx(self.clock), self.clock, self.keeping)
        self.listener = listener

    def client(self) -> Client:
        return Client(self.gate, self.clock, self.listener)


IN_SESSIONS = Listener(authentication="session")


def test_nothing_is_served_before_a_session_where_one_is_needed() -> None:
    client = Bench(IN_SESSIONS).client()
    requests = (MONITOR.format(2001), CALL.format(2001, 2002), "<RequestSystemStatus/>", "<GetCSTAFeatures/>")
    assert [client.refusal(xml) for xml in requests] == ["security/generic"] * 4
    assert client.refusal("<Rubbish/>") == "operation/serviceNotSupported"
    assert type(client.ask(START.format("alice", "wonder"))).__name__ == "StartApplicationSessionPosResponse"
    assert [client.refusal(xml) for xml in requests] == [""] * 4


def test_a_session_that_ends_takes_its_rights_and_monitors_along() -> None:
    bench = Bench(IN_SESSIONS)
    client = bench.client()
    client.ask(START.format("alice", "wonder"))
    client.ask(MONITOR.format(2001))
    assert len(bench.gate.monitors) == 1
    client.transport.clear()
    bench.clock.advance(60)
    client.turn()
    ((invoke_id, told),) = client.came()
    assert (invoke_id, type(told).__name__) == (9000, "ApplicationSessionTerminated")
    assert len(bench.gate.monitors) == 0
    assert client.refusal(MONITOR.format(2001)) == "security/generic"


@pytest.mark.parametrize(
    ("started", "told"),
    [
        (f' xmlns="{SESSION}"', f' xmlns="{SESSION}"'),
        ("", ""),
        (f' xmlns="{ED3}"', f' xmlns="{SESSION}"'),
        (' xmlns="urn:x"', f' xmlns="{SESSION}"'),
    ],
)
def test_the_end_of_a_session_is_told_in_the_namespace_of_its_start(started: str, told: str) -> None:
    bench = Bench(IN_SESSIONS)
    client = bench.client()
    client.ask(START.format("alice", "wonder").replace(f' xmlns="{SESSION}"', started))
    client.transport.clear()
    bench.clock.advance(60)
    client.turn()
    (frame,) = FrameReader().feed(client.transport.value())
    assert f"<ApplicationSessionTerminated{told}>".encode() in frame.body


def test_rights_that_are_taken_back_end_the_session_and_its_monitors_at_the_next_reset() -> None:
    bench = Bench(IN_SESSIONS)
    client = bench.client()
    client.ask(START.format("alice", "wonder"))
    client.ask(MONITOR.format(2001))
    reset = (
        "<ResetApplicationSessionTimer><sessionID>1</sessionID>"
        "<requestedSessionDuration>60</requestedSessionDuration></ResetApplicationSessionTimer>"
    )
    assert type(client.ask(reset)).__name__ == "ResetApplicationSessionTimerPosResponse"
    assert len(bench.gate.monitors) == 1
    bench.keeping.taken_back = True
    assert type(client.ask(reset)).__name__ == "ResetApplicationSessionTimerNegResponse"
    assert "ApplicationSessionTerminated" in [type(message).__name__ for _, message in client.came()]
    assert len(bench.gate.monitors) == 0
    assert client.refusal(MONITOR.format(2001)) == "security/generic"


def test_a_session_that_is_stopped_in_the_wrong_namespace() -> None:
    client = Bench(IN_SESSIONS).client()
    client.ask(START.format("alice", "wonder"))
    assert type(client.ask(STOP)).__name__ == "StopApplicationSessionPosResponse"
    assert client.refusal("<RequestSystemStatus/>") == "security/generic"


def test_one_may_control_what_one_may_and_watch_what_one_may() -> None:
    client = Bench(IN_SESSIONS).client()
    client.ask(START.format("alice", "wonder"))
    assert client.refusal(MONITOR.format(2009)) == ""
    assert client.refusal(CALL.format(2003, 2001)) == f"operation/{VIOLATION}"
    assert client.refusal(CALL.format(2001, 2003)) == ""
    # The other party's connection is the other line's, and a stranger learns nothing of a call by its id.
    assert client.refusal(CLEAR.format("<callID>1</callID><deviceID>2003</deviceID>")) == (
        f"operation/{VIOLATION}"
    )
    assert client.refusal(CLEAR.format("<callID>1</callID><deviceID>2001</deviceID>")) == ""


def test_a_party_outside_is_controlled_by_whose_line_talks_to_it() -> None:
    bench = Bench(IN_SESSIONS)
    alice = bench.client()
    alice.ask(START.format("alice", "wonder"))
    alice.ask(CALL.format(2001, 95550142))
    outside = CLEAR.format("<callID>{}</callID><deviceID>95550142</deviceID>")
    assert alice.refusal(outside.format(1)) == ""
    everybody = Client(bench.gate, bench.clock, Listener())
    everybody.ask(CALL.format(2003, 95550142))
    assert alice.refusal(outside.format(2)) == f"operation/{VIOLATION}"


# Monitors of calls


class Watching:
    """A client that may ``monitor`` few lines watches the call of 2002 to 2001; another may do anything."""

    def __init__(self, *, monitor: tuple[str, ...] = ("2001",)) -> None:
        application = Application("few", monitor=monitor, control=())
        self.bench = Bench(Listener(application="few"), application)
        self.anybody = Client(self.bench.gate, self.bench.clock, Listener())
        self.does(CALL.format(2002, 2001), ANSWER.format(2001))
        self.watcher = self.bench.client()
        watch = "<MonitorStart><monitorObject><callObject><callID>1</callID></callObject></monitorObject>"
        assert self.watcher.refusal(watch + "</MonitorStart>") == ""
        self.watcher.transport.clear()

    def does(self, *requests: str) -> None:
        for xml in requests:
            assert self.anybody.refusal(xml) == ""

    def joins(self, service: str) -> None:
        """2001 brings 2003 into the call."""
        self.does(
            f"<ConsultationCall><existingCall>{AT_2001}</existingCall>"
            "<consultedDevice>2003</consultedDevice></ConsultationCall>",
            ANSWER.format(2003),
            f"<{service}><heldCall>{AT_2001}</heldCall><activeCall><callID>2</callID>"
            f"<deviceID>2001</deviceID></activeCall></{service}>",
        )

    def told(self) -> list[str]:
        """What the watcher was told since it was last asked for."""
        self.watcher.turn()
        came = [type(message).__name__ for _, message in self.watcher.came()]
        self.watcher.transport.clear()
        return came


AT_2001 = "<callID>1</callID><deviceID>2001</deviceID>"
ANSWER = "<AnswerCall><callToBeAnswered><deviceID>{}</deviceID></callToBeAnswered></AnswerCall>"
HOLD = "<HoldCall><callToBeHeld><deviceID>{}</deviceID></callToBeHeld></HoldCall>"
STEP = (
    "<SingleStepTransferCall><activeCall><deviceID>{}</deviceID></activeCall>"
    "<transferredTo>{}</transferredTo></SingleStepTransferCall>"
)


def test_a_monitor_of_a_call_ends_when_its_last_line_is_transferred_away() -> None:
    watching = Watching()
    watching.joins("TransferCall")
    assert watching.told() == ["HeldEvent", "TransferedEvent", "MonitorStop"]
    watching.does(HOLD.format(2003))
    assert watching.told() == []
    held = watching.watcher.connection._session.watching
    assert held is not None
    assert (len(watching.bench.gate.monitors), held.monitors) == (0, {})


def test_a_monitor_of_a_call_ends_when_its_last_line_leaves_a_conference() -> None:
    watching = Watching()
    watching.joins("ConferenceCall")
    assert watching.told() == ["HeldEvent", "ConferencedEvent"]
    watching.does(HOLD.format(2002), CLEAR.format("<deviceID>2001</deviceID>"))
    assert watching.told() == ["HeldEvent", "ConnectionClearedEvent", "MonitorStop"]
    watching.does(HOLD.format(2003))
    assert watching.told() == []


def test_a_monitor_of_a_call_goes_along_to_a_line_that_may_be_monitored_too() -> None:
    watching = Watching(monitor=("2001", "2004"))
    watching.does(STEP.format(2001, 2004))
    assert watching.told() == ["TransferedEvent", "DeliveredEvent"]
    watching.does(
        "<DeflectCall><callToBeDiverted><deviceID>2004</deviceID></callToBeDiverted>"
        "<newDestination>2005</newDestination></DeflectCall>"
    )
    assert watching.told() == ["DivertedEvent", "MonitorStop"]


def test_a_monitor_of_a_call_with_outside_ends_when_its_line_has_transferred_it() -> None:
    watching = Watching(monitor=("200*",))
    watching.does(STEP.format(2001, 2003), ANSWER.format(2003), STEP.format(2003, 95550142))
    assert watching.told()[-2:] == ["NetworkReachedEvent", "DeliveredEvent"]
    watching.bench.clock.advance(10)  # the party outside answers
    watching.does(STEP.format(2002, 95550143))
    assert watching.told()[-2:] == ["TransferedEvent", "MonitorStop"]


def test_a_monitor_of_a_call_that_ends_is_told_of_its_end_as_before() -> None:
    watching = Watching(monitor=("2001", "2002"))
    watching.does(CLEAR.format("<deviceID>2001</deviceID>"))
    told = ["ConnectionClearedEvent"] * 2 + ["CallClearedEvent", "MonitorStop"]
    assert watching.told() == told


WALLBOARD = Application("wallboard", monitor=("200*",), control=("2005-2006",))


@pytest.mark.parametrize(
    ("xml", "refused"),
    [
        (MONITOR.format(2009), ""),
        (MONITOR.format(2010), f"operation/{VIOLATION}"),
        (CALL.format(2005, 2010), ""),
        (CALL.format(2007, 2010), f"operation/{VIOLATION}"),
        ("<SnapshotDevice><snapshotObject>2010</snapshotObject></SnapshotDevice>", f"operation/{VIOLATION}"),
        ("<GetForwarding><device>2010</device></GetForwarding>", f"operation/{VIOLATION}"),
        (
            "<SetDoNotDisturb><device>2001</device><doNotDisturbOn>1</doNotDisturbOn></SetDoNotDisturb>",
            f"operation/{VIOLATION}",
        ),
    ],
)
def test_a_listener_names_the_application_whose_rights_its_clients_have(xml: str, refused: str) -> None:
    bench = Bench(Listener(application="wallboard"), WALLBOARD)
    assert bench.client().refusal(xml) == refused


def test_only_devices_that_may_be_watched_are_listed() -> None:
    bench = Bench(Listener(application="wallboard"), WALLBOARD)
    client = bench.client()
    client.ask("<GetSwitchingFunctionDevices/>")
    (_, _), (_, listed) = client.came()
    assert [device.device_id for device in listed.device_list] == [*map(str, range(2001, 2010)), "9"]


@pytest.mark.parametrize(("device", "why"), [("2009", ""), ("9", ""), ("2010", f"operation/{VIOLATION}")])
def test_a_device_that_is_listed_can_be_asked_for(device: str, why: str) -> None:
    client = Bench(Listener(application="wallboard"), WALLBOARD).client()
    request = f"<requestedDeviceID>{device}</requestedDeviceID>"
    assert client.refusal(f"<GetSwitchingFunctionDevices>{request}</GetSwitchingFunctionDevices>") == why
    if not why:
        (_, _), (_, listed) = client.came()
        assert [entry.device_id for entry in listed.device_list] == [device]
    asked = f"<GetLogicalDeviceInformation><device>{device}</device></GetLogicalDeviceInformation>"
    assert client.refusal(asked) == why


def test_who_logs_in_has_its_own_rights_instead() -> None:
    client = Bench(Listener(application="wallboard"), WALLBOARD).client()
    client.ask(START.format("alice", "wonder"))
    assert client.refusal(CALL.format(2001, 2010)) == ""
    client.ask(STOP)
    assert client.refusal(MONITOR.format(2010)) == f"operation/{VIOLATION}"


class Certified(StringTransport):
    """A transport whose peer has shown a certificate."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def getPeerCertificate(self) -> Any:
        return self

    def get_subject(self) -> Any:
        return self

    @property
    def CN(self) -> str:
        return self.name


@pytest.mark.parametrize(("name", "welcome"), [("wallboard", True), ("somebody", False), ("", False)])
def test_a_certificate_names_an_application(name: str, welcome: bool) -> None:
    listener = Listener(authentication="certificate")
    bench = Bench(listener, WALLBOARD)
    client = Client(bench.gate, bench.clock, listener)
    client.transport = client.connection.transport = Certified(name)  # as TLS has it after the handshake
    client.connection.handshakeCompleted()
    rights = client.connection._session.rights
    assert (rights.name if rights else None) == ("wallboard" if welcome else None)
    assert not client.transport.disconnecting
    assert client.refusal(MONITOR.format(2001)) == ("" if welcome else "security/generic")
    if not welcome:
        client.ask(START.format("alice", "wonder"))
        assert client.refusal(MONITOR.format(2001)) == ""


# The audit


def test_commands_are_audited_and_refusals_for_want_of_a_right() -> None:
    bench = Bench(IN_SESSIONS)
    client = bench.client()
    client.refusal(MONITOR.format(2001))
    client.ask(START.format("alice", "wander"))
    client.ask(START.format("alice", "wonder"))
    client.ask(MONITOR.format(2001))
    client.ask("<SnapshotDevice><snapshotObject>2001</snapshotObject></SnapshotDevice>")
    client.ask(CALL.format("tel:2001", 2003))
    client.ask(CALL.format(2003, 2001))
    client.ask(CLEAR.format("<callID>1</callID><deviceID>2001</deviceID>"))
    client.ask(STOP)
    told = [(e.who, e.request, e.on_behalf_of, e.target, e.outcome) for e in bench.keeping.audited]
    assert told == [
        ("[]", "MonitorStart", "2001", None, "generic"),
        ("alice", "StartApplicationSession", None, None, "invalidApplicationInfo"),
        ("alice", "StartApplicationSession", None, None, "ok"),
        ("alice", "MakeCall", "2001", "2003", "ok"),
        ("alice", "MakeCall", "2003", "2001", VIOLATION),
        ("alice", "ClearConnection", "2001", "call 1", "ok"),
        ("alice", "StopApplicationSession", None, "1", "ok"),
    ]
    assert "wonder" not in repr(bench.keeping.audited)
    assert "wander" not in repr(bench.keeping.audited)


def test_what_is_audited_is_bounded() -> None:
    bench = Bench(Listener())
    bench.client().ask(CALL.format("x" * 5000, 2003))
    (entry,) = bench.keeping.audited
    assert len(entry.on_behalf_of or "") == 200
