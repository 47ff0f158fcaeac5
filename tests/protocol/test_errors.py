"""Every mistake in the tables of README's section "Errors" is made and must give the error that stands there.

The tables are written by hand, from the standard and the order of checks, not derived from the program.
What they name is looked up here: a service in `REQUESTS`, a state in `SCENES`, a mistake in `MISTAKES`.  The
device in question is 2001, its call is 1; of two calls, 1 is the held one and 2 the active one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ctigw.app import gateway
from ctigw.config import Config
from ctigw.csta.frame import Frame, FrameReader
from ctigw.csta.types import ED3
from ctigw.errors import Reason
from ctigw.services.session import EVERYTHING, Rights
from ctigw.switch.driver import COMMANDS, Cause, Driver, Kind, Report
from simulators.behaviours import Limits, PhoneSettings
from simulators.pbx import Pbx

README = Path(__file__).parents[2] / "README.md"
SECTION = README.read_text().split("\n## Errors\n")[1].split("\n## ")[0]
STATES = ("initiated", "alerting", "connected", "hold", "queued", "fail", "left")
SESSION_SERVICES = {"StartApplicationSession", "ResetApplicationSessionTimer", "StopApplicationSession"}
CONDITIONS = {
    "serviceNotSupported", "invalidParameterValue", "invalidCallingDeviceID", "invalidCalledDeviceID",
    "invalidConnectionID", "invalidConnectionState", "noCallToAnswer", "noConnectionToClear", "noHeldCall",
    "invalidHeldDeviceID", "invalidHeldDeviceState", "invalidDivertingDeviceID", "invalidDestination",
    "invalidDestinationDeviceObject", "invalidForwardingDestination", "invalidCrossRefID",
    "invalidMonitorObjectType",
}  # fmt: skip

# What each service is sent, element by element: {0} is the connection in question, {1} the other one of two;
# in brackets stands what "perhaps" cannot stand for.
REQUESTS = {
    "AnswerCall": "callToBeAnswered={0}",
    "ClearConnection": "connectionToBeCleared={0}",
    "ClearCall": "callToBeCleared={0}",
    "HoldCall": "callToBeHeld={0}",
    "RetrieveCall": "callToBeRetrieved={0}",
    "ConsultationCall": "existingCall={0} consultedDevice={to}",
    "SingleStepTransferCall": "activeCall={0} transferredTo={to}",
    "SingleStepConferenceCall": "activeCall={0} deviceToJoin={to} participationType=[active]",
    "DeflectCall": "callToBeDiverted={0} newDestination={to}",
    "GenerateDigits": "connectionToSendDigits={0} charactersToSend=[12#]",
    "SnapshotCall": "snapshotObject={0}",
    "MonitorStart of a call": "monitorObject/callObject={0} monitorType=[call]",
    "MakeCall": "callingDevice={device} calledDirectoryNumber={to} autoOriginate=[doNotPrompt]",
    "SetForwarding": "device={device} activateForward=[true] forwardDN={to}",
    "GetForwarding": "device={device}",
    "SetDoNotDisturb": "device={device} doNotDisturbOn=[true]",
    "GetDoNotDisturb": "device={device}",
    "MonitorStart": "monitorObject/deviceObject={device} monitorType=[device]",
    "SnapshotDevice": "snapshotObject={device}",
    "GetLogicalDeviceInformation": "device={device}",
    "GetPhysicalDeviceInformation": "device={device}",
    "GetSwitchingFunctionDevices": "requestedDeviceID={device} requestedDeviceCategory=[station]",
    "MonitorStop": "monitorCrossRefID={ref}",
    "ChangeMonitorFilter": "monitorCrossRefID={ref} requestedFilterList/callcontrol/held=[true]",
    "SystemRegister": "requestTypes/systemStatus=[true]",
    "SystemRegisterCancel": "sysStatRegisterID={ref}",
    "ChangeSysStatFilter": "sysStatRegisterID={ref} requestedStatusFilter/normal=[true]",
    "RequestSystemStatus": "",
    "GetCSTAFeatures": "",
    "GetSwitchingFunctionCaps": "",
}
ON_TWO_CALLS = ("AlternateCall", "ReconnectCall", "TransferCall", "ConferenceCall")
REQUESTS |= {f"heldCall of {service}": "heldCall={0} activeCall={1}" for service in ON_TWO_CALLS}
REQUESTS |= {f"activeCall of {service}": "heldCall={1} activeCall={0}" for service in ON_TWO_CALLS}


def named(call: str = "", device: str = "2001") -> str:
    """The content of a ConnectionID."""
    parts = {"callID": call, "deviceID": device}
    return "".join(f"<{name}>{text}</{name}>" for name, text in parts.items() if text)


@dataclass(frozen=True)
class Case:
    """A request, and what is the case when it comes.  ``body`` is for what `REQUESTS` has not."""

    service: str
    scene: str = "nothing"
    this: str = named("1")
    other: str = named("2")
    device: str = "2001"
    to: str = "2004"
    ref: str = "1"
    body: str | None = None
    damage: str = ""
    rights: Rights = EVERYTHING
    driver: type[Pbx] = Pbx
    stranger: bool = False

    @property
    def root(self) -> str:
        return self.service.removesuffix(" of a call").split()[-1]

    @property
    def xml(self) -> str:
        children = ""
        for element in (REQUESTS[self.service] if self.body is None else self.body).split():
            path, _, text = element.partition("=")
            text = text.format(self.this, self.other, device=self.device, to=self.to, ref=self.ref)
            for tag in reversed(path.split("/")):
                text = f"<{tag}>{text}</{tag}>"
            children += text
        if self.damage == "a value":
            children, count = re.subn(r"\[.*?\]", "perhaps", children)
            assert count
        xml = f'<{self.root} xmlns="{ED3}">{re.sub("[][]", "", children)}</{self.root}>'
        return xml[:-3] if self.damage == "the end" else xml


THEN = {"connected": "AnswerCall", "hold": "AnswerCall HoldCall", "left": "AnswerCall ClearConnection"}


class World:
    """A gateway with a simulated PBX, and two clients of it."""

    def __init__(self, driver: type[Pbx] = Pbx) -> None:
        self.clock = Clock()
        phones = {"2001": PhoneSettings("2001", barred=("91",)), "2007": PhoneSettings("2007", "busy")}
        phones |= {number: PhoneSettings(number) for number in ("2002", "2003", "2004")}
        self.pbx = driver(self.clock, phones.values(), limits=Limits(appearances=3))
        self.gateway = gateway(Config(), self.pbx, self.clock)
        factory = self.gateway.factory(Config().listeners[0])
        self.clients: list[Any] = [factory.buildProtocol(None) for _ in range(2)]
        for client in self.clients:
            client.makeConnection(StringTransport())

    def ask(self, case: Case) -> str:
        """What a request is answered: ok, or the value of the error, whose category must be its own."""
        client = self.clients[case.stranger]
        client.dataReceived(Frame(1, case.xml.encode()).encode())
        for _ in range(4):  # a report's turn, then the flush's
            self.clock.advance(0)
        (answer,) = (f for f in FrameReader().feed(client.transport.value()) if f.invoke_id == 1)
        client.transport.clear()
        root = etree.fromstring(answer.body)
        if etree.QName(root).localname == f"{case.root}Response":
            return "ok"
        (child,) = root
        return Reason((etree.QName(child).localname, child.text or "")).value_name

    def bring(self, state: str, call: str, party: str) -> None:
        """Bring 2001 into a new call with ``party``, and its connection there into ``state``."""
        self.pbx.behave("2001", {"initiated": "no-answer", "fail": "busy"}.get(state, "normal"))
        caller, called = ("2001", party) if state == "initiated" else (party, "2001")
        body = "callingDevice={device} calledDirectoryNumber={to}"  # which prompts
        assert self.ask(Case("MakeCall", device=caller, to=called, body=body)) == "ok"
        self.pbx.behave("2001", "normal")
        for service in THEN.get(state, "").split():
            assert self.ask(Case(service, this=named(call))) == "ok"
        here = self.gateway.switch.picture.calls.get(call)
        if state == "queued" and here is not None:  # the simulated PBX has no queues
            self.gateway.switch.apply(Report(Kind.QUEUE, here.driver_id, "2001", Cause.NORMAL))
        connection = here.connections.get("2001") if here else None
        assert (connection.state.value if connection else "left") == state


# What happens before the request: "state call party" brings 2001 into that state, a `Case` is asked for.
BOTH_HOLD = ("hold 1 2002", Case("HoldCall", this=named("1", "2002")))
THREE = ("hold 1 2002", "hold 2 2003", "hold 3 2004")
SCENES: dict[str, tuple[str | Case, ...]] = {
    "nothing": (),
    "two ringing": ("connected 1 2002", *(Case("SingleStepConferenceCall", to=n) for n in ("2003", "2004"))),
    "both hold": BOTH_HOLD,
    "twice the same": (*BOTH_HOLD, "connected 2 2002"),
    "two alerting": ("alerting 1 2002", "alerting 2 2003"),
    "three held": THREE,
    "three, 1 active": (*THREE, Case("RetrieveCall", this=named("1"))),
    "three, 2 active": (*THREE, Case("RetrieveCall", this=named("2"))),
    "calling": (Case("MakeCall", to="2002"),),
    "consulting the busy": ("connected 1 2002", Case("ConsultationCall", to="2007")),
    "forwarded back": (Case("SetForwarding", device="2004", to="2001"),),
    "referenced": (Case("MonitorStart"), Case("SystemRegister")),
}
for _state in STATES:
    SCENES[_state] = (f"{_state} 1 2002",)
    SCENES[f"heldCall {_state}"] = (f"{_state} 1 2002", "connected 2 2003")
    SCENES[f"activeCall {_state}"] = ("hold 1 2002", f"{_state} 2 2003")
# A line talks in one call at a time: it can only be the other one that is on hold.
SCENES["heldCall connected"] = (*SCENES["heldCall hold"], Case("heldCall of AlternateCall"))

FIRST, SECOND = named("1", ""), named("2", "")
BARE: Any = type("Bare", (Pbx,), {name: getattr(Driver, name) for name in COMMANDS})
MISTAKES: dict[str, dict[str, Any]] = {
    "not offered by the PBX": {"driver": BARE, "scene": "nothing"},
    "nothing in it": {"body": ""},
    "breaks off": {"damage": "the end"},
    "value outside its type": {"damage": "a value"},
    "unknown device": {"this": named("1", "77"), "device": "77"},
    "no right": {"rights": Rights("limited", monitor="2004".__eq__, control="2004".__eq__)},
    "no number": {"device": ""},
    "a trunk": {"device": "9"},
    "unknown reference": {"ref": "99"},
    "another session's reference": {"stranger": True},
    "neither callID nor deviceID": {"this": ""},
    "unknown call": {"this": named("99")},
    "device not in the call": {"this": named("1", "2004")},
    "callID alone, several fit": {"this": FIRST, "scene": "connected"},
    "callID alone, none fits": {"this": FIRST, "scene": "initiated"},
    "deviceID alone, several fit": {"this": named(), "scene": "two alerting"},
    "deviceID alone, none fits": {"this": named(), "scene": "nothing"},
    "wrong state": {"scene": "queued"},
    "no room": {"scene": "three held"},
    "to nowhere": {"to": ""},
    "to what cannot be dialled": {"to": "front desk"},
    "to a number outside the plan": {"to": "77"},
    "to a barred number": {"to": "915550142"},
    "to itself": {"to": "2001"},
    "to a party of the call": {"to": "2002"},
    "to a trunk": {"to": "9"},
    "a service that the gateway does not have": {"body": ""},
    "the line talks already": {"scene": "connected"},
    "all appearances of the line are taken": {"scene": "three held"},
    "nobody has answered yet": {"scene": "calling"},
    "the consulted line is busy": {"scene": "consulting the busy"},
    "dial pulses": {"body": "connectionToSendDigits={0} digitMode=rotaryPulse charactersToSend=1"},
    "no number, and none from before": {"body": "device=2001 activateForward=true"},
    "round a loop": {"scene": "forwarded back"},
    "no rings": {"body": "device=2001 activateForward=true forwardDN=2004 ringCount=0"},
    "neither a device nor a call": {"body": "monitorObject="},
    "both": {"body": "monitorObject=<deviceObject>2001</deviceObject><callObject>{0}</callObject>"},
    "a device, as a call": {"body": "monitorObject/deviceObject=2001 monitorType=call"},
    "a call, as a device": {"body": "monitorObject/callObject={0} monitorType=device", "scene": "connected"},
}
# Where a mistake needs another scene, or more than that.
SPECIAL: dict[tuple[str, str], dict[str, Any]] = {
    ("AnswerCall", "callID alone, several fit"): {"scene": "two ringing"},
    ("DeflectCall", "callID alone, several fit"): {"scene": "two ringing"},
    ("RetrieveCall", "callID alone, several fit"): {"scene": "both hold"},
    ("heldCall", "callID alone, several fit"): {"scene": "twice the same", "this": FIRST, "other": SECOND},
    ("activeCall", "callID alone, several fit"): {"scene": "twice the same", "this": SECOND, "other": FIRST},
    ("AnswerCall", "callID alone, none fits"): {"scene": "connected"},
    ("DeflectCall", "callID alone, none fits"): {"scene": "connected"},
    ("RetrieveCall", "deviceID alone, several fit"): {"scene": "three held"},
    ("heldCall", "deviceID alone, several fit"): {"scene": "three, 2 active"},
    ("heldCall", "deviceID alone, none fits"): {"scene": "heldCall left"},
    ("activeCall", "deviceID alone, none fits"): {"scene": "activeCall left"},
    ("MakeCall", "wrong state"): {"scene": "connected"},
    ("heldCall", "wrong state"): {"scene": "heldCall queued"},
    ("ConsultationCall", "no room"): {"scene": "three, 1 active"},
}


def side(service: str) -> str:
    return service.partition(" of ")[0] if "Call of " in service else ""


def right(service: str) -> Case:
    """The service asked for without a mistake."""
    if side(service) == "heldCall":
        return Case(service, "heldCall hold")
    if side(service) == "activeCall":
        return Case(service, "activeCall connected", this=named("2"), other=named("1"))
    request = REQUESTS.get(service, "")
    if "{0}" in request:
        states = {"AnswerCall": "alerting", "DeflectCall": "alerting", "RetrieveCall": "hold"}
        return Case(service, states.get(service, "connected"))
    return Case(service, "referenced" if "{ref}" in request else "nothing")


def wrong(case: Case, mistake: str) -> Case:
    """The ``case`` with a mistake in it, or in a state in which it may be one."""
    if mistake in STATES:
        return replace(case, scene=f"{side(case.service)} {mistake}".strip())
    special = SPECIAL.get((side(case.service) or case.service, mistake), {})
    return replace(case, **(MISTAKES[mistake] | special))


def answered(case: Case, *, commanded: bool = True) -> str:
    """What is answered; not ``commanded``: the picture is to tell, without the PBX."""
    world = World(case.driver)
    for step in SCENES[case.scene]:
        if isinstance(step, Case):
            assert world.ask(step) == "ok"
        else:
            world.bring(*step.split())
    for command in () if commanded else COMMANDS[:-2]:  # the last two only ask
        setattr(world.pbx, command, None)
    world.clients[case.stranger]._session.rights = case.rights
    return world.ask(case)


def tables(first: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Head and rows of the tables whose first column is headed ``first``."""
    for block in re.findall(r"(?:^\|.*\n)+", SECTION, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.splitlines()]
        if head[0] == first:
            yield head[1:], rows


def services(cell: str) -> list[str]:
    """The services that a cell names, such as "heldCall of `A`, `B`" or "`C`, `C` of a call"."""
    of, _, _ = cell.partition("`")
    return [of + name + kind for name, kind in re.findall(r"`(\w+)`( of a call)?", cell)]


def cells() -> Iterator[tuple[str, str, str]]:
    """Service, mistakes (with semicolons) and error of every cell that has one."""
    for head, rows in tables("service"):
        for names, *row in rows:
            for mistake, error in [row] if head == ["mistake", "error"] else zip(head, row, strict=True):
                for name in services(names):
                    yield f"heldCall of {name}" if name in ON_TWO_CALLS else name, mistake, error
    for head, rows in tables("mistakes"):
        for mistakes, *row in rows:
            for name, error in zip(head, row, strict=True):
                yield services(name)[0], mistakes, error


CELLS = [cell for cell in cells() if cell[2] != "\N{EN DASH}"]


@pytest.mark.parametrize(("service", "mistakes", "error"), CELLS)
def test_mistake(service: str, mistakes: str, error: str) -> None:
    case = right(service)
    for mistake in mistakes.split("; "):
        case = wrong(case, mistake)
    assert answered(case, commanded=error in ("ok", "resourceBusy") or mistakes == "round a loop") == error


@pytest.mark.parametrize("service", REQUESTS)
def test_no_mistake(service: str) -> None:
    assert answered(right(service)) == "ok"


def test_tables_are_whole() -> None:
    """Every service and every condition occurs, and the category of each value is the one listed."""
    errors = {error for *_, error in CELLS} - {"ok"}
    assert errors >= CONDITIONS
    told = {Case(service).root for service, *_ in CELLS}
    assert told - {"CamponCall"} == World().gateway.dispatcher.services - SESSION_SERVICES
    ((_, rows),) = tables("category on the wire")
    listed = {value: category.strip("`") for category, values in rows for value in values.split(", ")}
    others = listed.pop("all others")
    assert {Reason((listed.get(error, others), error)).value_name for error in errors} == errors
