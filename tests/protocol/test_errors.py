"""Every mistake in the tables of README's section "Errors" is made, and must give the error that stands there.

The tables are written by hand, from the standard and the order of checks; nothing here or there is derived
from the program.  A row's or column's name is looked up here: a service in `REQUESTS`, a state or other
situation in `SCENES`, a mistake in `MISTAKES`.  The device in question is 2001, its call is 1; of two calls, 1
is the held one and 2 the active one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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
CONDITIONS = set(
    """serviceNotSupported invalidParameterValue invalidCallingDeviceID invalidCalledDeviceID invalidConnectionID
    invalidConnectionState noCallToAnswer noConnectionToClear noHeldCall invalidHeldDeviceID
    invalidHeldDeviceState invalidDivertingDeviceID invalidDestination invalidDestinationDeviceObject
    invalidForwardingDestination invalidCrossRefID invalidMonitorObjectType""".split()
)
SESSION_SERVICES = {"StartApplicationSession", "ResetApplicationSessionTimer", "StopApplicationSession"}

# What each service is sent: the connection in question as {0}, the other one of two as {1}, a device, a
# destination, a reference; in brackets a value of a type that words like "perhaps" are not of.
ON_TWO_CALLS = ("AlternateCall", "ReconnectCall", "TransferCall", "ConferenceCall")
REQUESTS = {
    "AnswerCall": "<callToBeAnswered>{0}</callToBeAnswered>",
    "ClearConnection": "<connectionToBeCleared>{0}</connectionToBeCleared>",
    "ClearCall": "<callToBeCleared>{0}</callToBeCleared>",
    "HoldCall": "<callToBeHeld>{0}</callToBeHeld>",
    "RetrieveCall": "<callToBeRetrieved>{0}</callToBeRetrieved>",
    "ConsultationCall": "<existingCall>{0}</existingCall><consultedDevice>{to}</consultedDevice>",
    "SingleStepTransferCall": "<activeCall>{0}</activeCall><transferredTo>{to}</transferredTo>",
    "SingleStepConferenceCall": "<activeCall>{0}</activeCall><deviceToJoin>{to}</deviceToJoin>"
    "<participationType>[active]</participationType>",
    "DeflectCall": "<callToBeDiverted>{0}</callToBeDiverted><newDestination>{to}</newDestination>",
    "GenerateDigits": "<connectionToSendDigits>{0}</connectionToSendDigits>"
    "<charactersToSend>[12#]</charactersToSend>",
    "SnapshotCall": "<snapshotObject>{0}</snapshotObject>",
    "MonitorStart of a call": "<monitorObject><callObject>{0}</callObject></monitorObject>"
    "<monitorType>[call]</monitorType>",
    "MakeCall": "<callingDevice>{device}</callingDevice><calledDirectoryNumber>{to}</calledDirectoryNumber>"
    "<autoOriginate>[doNotPrompt]</autoOriginate>",
    "SetForwarding": "<device>{device}</device><activateForward>[true]</activateForward>"
    "<forwardDN>{to}</forwardDN>",
    "GetForwarding": "<device>{device}</device>",
    "SetDoNotDisturb": "<device>{device}</device><doNotDisturbOn>[true]</doNotDisturbOn>",
    "GetDoNotDisturb": "<device>{device}</device>",
    "MonitorStart": "<monitorObject><deviceObject>{device}</deviceObject></monitorObject>"
    "<monitorType>[device]</monitorType>",
    "SnapshotDevice": "<snapshotObject>{device}</snapshotObject>",
    "GetLogicalDeviceInformation": "<device>{device}</device>",
    "GetPhysicalDeviceInformation": "<device>{device}</device>",
    "GetSwitchingFunctionDevices": "<requestedDeviceID>{device}</requestedDeviceID>"
    "<requestedDeviceCategory>[station]</requestedDeviceCategory>",
    "MonitorStop": "<monitorCrossRefID>{ref}</monitorCrossRefID>",
    "ChangeMonitorFilter": "<monitorCrossRefID>{ref}</monitorCrossRefID>"
    "<requestedFilterList><callcontrol><held>[true]</held></callcontrol></requestedFilterList>",
    "SystemRegister": "<requestTypes><systemStatus>[true]</systemStatus></requestTypes>",
    "SystemRegisterCancel": "<sysStatRegisterID>{ref}</sysStatRegisterID>",
    "ChangeSysStatFilter": "<sysStatRegisterID>{ref}</sysStatRegisterID>"
    "<requestedStatusFilter><normal>[true]</normal></requestedStatusFilter>",
    "RequestSystemStatus": "",
    "GetCSTAFeatures": "",
    "GetSwitchingFunctionCaps": "",
    "CamponCall": "",
}
for _service in ON_TWO_CALLS:
    REQUESTS[f"heldCall of {_service}"] = "<heldCall>{0}</heldCall><activeCall>{1}</activeCall>"
    REQUESTS[f"activeCall of {_service}"] = "<heldCall>{1}</heldCall><activeCall>{0}</activeCall>"


def named(call: str | None, device: str | None = "2001") -> str:
    """The content of a ConnectionID."""
    parts = (f"<callID>{call}</callID>" if call else "", f"<deviceID>{device}</deviceID>" if device else "")
    return "".join(parts)


@dataclass(frozen=True)
class Case:
    """A request and what is the case when it comes."""

    service: str
    scene: str
    this: str
    other: str
    device: str = "2001"
    to: str = "2004"
    ref: str = "1"
    damage: str = ""
    rights: Rights = EVERYTHING
    driver: type[Pbx] = Pbx
    stranger: bool = False
    body: str | None = None

    @property
    def xml(self) -> str:
        root = self.service.removesuffix(" of a call").split()[-1]
        template = REQUESTS[self.service] if self.body is None else self.body
        if self.damage == "value outside its type":
            assert "[" in template
            template = re.sub(r"\[.*?\]", "perhaps", template)
        body = template.format(self.this, self.other, device=self.device, to=self.to, ref=self.ref)
        xml = re.sub(r"[][]", "", f"<{root}>{body}</{root}>")
        return xml[:-3] if self.damage == "breaks off" else xml


class World:
    """A gateway with a simulated PBX, and two clients of it."""

    def __init__(self, driver: type[Pbx]) -> None:
        self.clock = Clock()
        phones = [PhoneSettings("2001", barred=("91",)), *map(PhoneSettings, ("2002", "2003", "2004"))]
        self.pbx = driver(self.clock, phones, limits=Limits(appearances=3))
        self.gateway = gateway(Config(), self.pbx, self.clock)
        factory = self.gateway.factory(Config().listeners[0])
        self.clients = []
        for _ in range(2):
            protocol: Any = factory.buildProtocol(None)
            protocol.makeConnection(StringTransport())
            self.clients.append(protocol)

    def ask(self, xml: str, client: int = 0) -> str:
        """What a request is answered: ok, or the value of the error, whose category is right."""
        protocol = self.clients[client]
        body = re.sub(r"^<(\w+)", rf'<\1 xmlns="{ED3}"', xml).encode()
        protocol.dataReceived(Frame(1, body).encode())
        for _ in range(4):  # reports' turn, then the flush's
            self.clock.advance(0)
        (answer,) = [f for f in FrameReader().feed(protocol.transport.value()) if f.invoke_id == 1]
        protocol.transport.clear()
        root = etree.fromstring(answer.body)
        if not str(root.tag).endswith("}CSTAErrorCode"):
            return "ok"
        (child,) = root
        assert Reason((etree.QName(child).localname, child.text))
        return str(child.text)

    def do(self, service: str, this: str = "", device: str = "", to: str = "") -> None:
        case = Case(service, "", this, "", device=device, to=to)
        assert self.ask(case.xml) == "ok"

    def bring(self, state: str, call: str = "1", party: str = "2002") -> None:
        """Bring 2001 into a new call with ``party``, and its connection there into ``state``."""
        self.pbx.behave("2001", {"initiated": "no-answer", "fail": "busy"}.get(state, "normal"))
        if state == "initiated":
            made = "<callingDevice>2001</callingDevice><calledDirectoryNumber>2002</calledDirectoryNumber>"
            assert self.ask(f"<MakeCall>{made}</MakeCall>") == "ok"
        else:
            self.do("MakeCall", device=party, to="2001")
        self.pbx.behave("2001", "normal")
        if state in ("connected", "hold", "left"):
            self.do("AnswerCall", named(call))
        if state == "hold":
            self.do("HoldCall", named(call))
        if state == "left":
            self.do("ClearConnection", named(call))
        if state == "queued":  # the simulated PBX has no queues
            driver_id = self.gateway.switch.picture.calls[call].driver_id
            self.gateway.switch.apply(Report(Kind.QUEUE, driver_id, "2001", Cause.NORMAL))
        here = self.gateway.switch.picture.calls.get(call)
        found = here.connections.get("2001") if here else None
        assert (found.state.value if found else "left") == state


def nothing(_: World) -> None:
    pass


def two(held: str, active: str) -> Callable[[World], None]:
    def scene(world: World) -> None:
        if held == "connected":  # a line talks in one call: the two are swapped
            two("hold", "connected")(world)
            assert world.ask(Case("heldCall of AlternateCall", "", named("1"), named("2")).xml) == "ok"
            return
        world.bring(held)
        world.bring(active, "2", "2003")

    return scene


def referenced(world: World) -> None:
    world.do("MonitorStart", device="2001")
    world.do("SystemRegister")


def two_ringing(world: World) -> None:
    world.bring("connected")
    for party in ("2003", "2004"):
        world.do("SingleStepConferenceCall", named("1"), to=party)


def both_hold(world: World) -> None:
    world.bring("hold")
    world.do("HoldCall", named("1", "2002"))


def twice_the_same(world: World) -> None:
    both_hold(world)
    world.bring("connected", "2")


def three(active: str | None) -> Callable[[World], None]:
    def scene(world: World) -> None:
        for call, party in (("1", "2002"), ("2", "2003"), ("3", "2004")):
            world.bring("hold", call, party)
        if active:
            world.do("RetrieveCall", named(active))

    return scene


def calling(world: World) -> None:
    world.do("MakeCall", device="2001", to="2002")


def consulting_busy(world: World) -> None:
    world.bring("connected")
    world.pbx.behave("2003", "busy")
    world.do("ConsultationCall", named("1"), to="2003")


def forwarded_back(world: World) -> None:
    world.do("SetForwarding", device="2004", to="2001")


SCENES: dict[str, Callable[[World], None]] = {
    "nothing": nothing,
    "two ringing": two_ringing,
    "both hold": both_hold,
    "twice the same": twice_the_same,
    "two alerting": two("alerting", "alerting"),
    "two held": two("hold", "hold"),
    "three, 1 active": three("1"),
    "three, 2 active": three("2"),
    "three, none active": three(None),
    "calling": calling,
    "consulting the busy": consulting_busy,
    "forwarded back": forwarded_back,
    "referenced": referenced,
}
for _state in STATES:
    SCENES[_state] = lambda world, state=_state: world.bring(state)  # type: ignore[misc] # bound now
    SCENES[f"heldCall {_state}"] = two(_state, "connected")
    SCENES[f"activeCall {_state}"] = two("hold", _state)


def right(service: str) -> Case:
    """The service asked for without a mistake."""
    this, other = named("1"), named("2")
    if "Call of " in service:
        side = service.split()[0]
        if side == "activeCall":
            this, other = other, this
        return Case(service, f"{side} {'hold' if side == 'heldCall' else 'connected'}", this, other)
    scene = "nothing"
    if "{0}" in REQUESTS[service]:
        scene = {"AnswerCall": "alerting", "DeflectCall": "alerting", "RetrieveCall": "hold"}.get(
            service, "connected"
        )
    elif "{ref}" in REQUESTS[service]:
        scene = "referenced"
    return Case(service, scene, this, other)


BARE: type[Pbx] = type("Bare", (Pbx,), {name: getattr(Driver, name) for name in COMMANDS})
ONLY_2004 = Rights("limited", monitor="2004".__eq__, control="2004".__eq__)
RINGING = ("AnswerCall", "DeflectCall")
MISTAKES: dict[str, dict[str, Any]] = {
    "not offered by the PBX": {"driver": BARE, "scene": "nothing"},
    "nothing in it": {"body": ""},
    "breaks off": {"damage": "breaks off"},
    "value outside its type": {"damage": "value outside its type"},
    "unknown device": {"this": named("1", "77"), "device": "77"},
    "no right": {"rights": ONLY_2004},
    "no number": {"device": ""},
    "a trunk": {"device": "9"},
    "unknown reference": {"ref": "99"},
    "another session's reference": {"stranger": True},
    "neither callID nor deviceID": {"this": ""},
    "unknown call": {"this": named("99")},
    "device not in the call": {"this": named("1", "2004")},
    "deviceID alone, none fits": {"this": named(None), "scene": "nothing"},
    "to nowhere": {"to": ""},
    "to what cannot be dialled": {"to": "front desk"},
    "to a number outside the plan": {"to": "77"},
    "to a barred number": {"to": "915550142"},
    "to itself": {"to": "2001"},
    "to a party of the call": {"to": "2002"},
    "to a trunk": {"to": "9"},
    "a service that the gateway does not have": {},
    "the line talks already": {"scene": "connected"},
    "all appearances of the line are taken": {"scene": "three, none active"},
    "nobody has answered yet": {"scene": "calling"},
    "the consulted line is busy": {"scene": "consulting the busy"},
    "round a loop": {"scene": "forwarded back"},
    "callID alone, several fit": {"this": named("1", None), "scene": "connected"},
    "deviceID alone, several fit": {"this": named(None), "scene": "two alerting"},
    "callID alone, none fits": {"this": named("1", None), "scene": "initiated"},
    "wrong state": {"scene": "queued"},
    "no room": {"scene": "three, none active"},
    "dial pulses": {
        "body": "<connectionToSendDigits>{0}</connectionToSendDigits><digitMode>rotaryPulse</digitMode>"
        "<charactersToSend>1</charactersToSend>"
    },
    "no number, and none from before": {
        "body": "<device>2001</device><activateForward>true</activateForward>"
    },
    "no rings": {"body": REQUESTS["SetForwarding"] + "<ringCount>0</ringCount>"},
    "neither a device nor a call": {"body": "<monitorObject/>"},
    "a device and a call": {
        "scene": "connected",
        "body": "<monitorObject><callObject>{0}</callObject><deviceObject>2001</deviceObject></monitorObject>",
    },
    "a device, as a call": {"body": REQUESTS["MonitorStart"].replace("[device]", "call")},
    "a call, as a device": {
        "scene": "connected",
        "body": REQUESTS["MonitorStart of a call"].replace("[call]", "device"),
    },
}
SPECIAL: dict[tuple[str, str], dict[str, Any]] = {
    ("AnswerCall", "callID alone, several fit"): {"scene": "two ringing"},
    ("DeflectCall", "callID alone, several fit"): {"scene": "two ringing"},
    ("RetrieveCall", "callID alone, several fit"): {"scene": "both hold"},
    ("heldCall", "callID alone, several fit"): {"scene": "twice the same", "other": named("2", None)},
    ("activeCall", "callID alone, several fit"): {
        "scene": "twice the same", "this": named("2", None), "other": named("1", None),
    },
    ("AnswerCall", "callID alone, none fits"): {"scene": "connected"},
    ("DeflectCall", "callID alone, none fits"): {"scene": "connected"},
    ("RetrieveCall", "deviceID alone, several fit"): {"scene": "two held"},
    ("heldCall", "deviceID alone, several fit"): {"scene": "three, 2 active"},
    ("heldCall", "deviceID alone, none fits"): {"scene": "heldCall left"},
    ("activeCall", "deviceID alone, none fits"): {"scene": "activeCall left"},
    ("MakeCall", "wrong state"): {"scene": "connected"},
    ("heldCall", "wrong state"): {"scene": "heldCall queued"},
    ("ConsultationCall", "no room"): {"scene": "three, 1 active"},
}  # fmt: skip


def changes(service: str, mistake: str) -> dict[str, Any]:
    """What a mistake (or the state in which there may be one) changes in the case that is right."""
    side = service.split()[0] if "Call of " in service else ""
    if mistake in STATES:
        return {"scene": f"{side} {mistake}".strip()}
    return MISTAKES[mistake] | SPECIAL.get((side or service, mistake), {})


def answered(case: Case) -> str:
    world = World(case.driver)
    SCENES[case.scene](world)
    for client in world.clients:
        client._session.rights = case.rights
    return world.ask(case.xml, client=int(case.stranger))


Row = list[str]


def tables(first: str) -> Iterator[tuple[Row, list[Row]]]:
    """Head and rows of the tables whose first column is headed ``first``."""
    for block in re.findall(r"(?:^\|.*\n)+", SECTION, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.splitlines()]
        if head[0] == first:
            yield head[1:], rows


def services(cell: str) -> list[str]:
    """The services that a cell names."""
    before = cell.partition("`")[0]
    return [
        before + name
        for name in re.findall(r"`(\w+`(?: of a call)?)", cell)
        for name in [name.replace("`", "")]
    ]


def cells() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Service, mistakes and error of every cell that says something."""
    for head, rows in tables("service"):
        for names, *values in rows:
            for service in services(names):
                if head == ["mistake", "error"]:
                    held = "heldCall of " if service in ON_TWO_CALLS else ""
                    yield held + service, (values[0],), values[1]
                else:
                    yield from ((service, (m,), error) for m, error in zip(head, values, strict=True))
    for head, rows in tables("mistakes"):
        for mistakes, *values in rows:
            for name, error in zip(head, values, strict=True):
                yield services(name)[0], tuple(mistakes.split("; ")), error


CELLS = [cell for cell in cells() if cell[2] != "–"]


@pytest.mark.parametrize(("service", "mistakes", "error"), CELLS)
def test_mistake(service: str, mistakes: tuple[str, ...], error: str) -> None:
    case = right(service)
    for mistake in mistakes:
        case = replace(case, **changes(service, mistake))
    assert answered(case) == error


@pytest.mark.parametrize("service", [service for service in REQUESTS if service != "CamponCall"])
def test_no_mistake(service: str) -> None:
    """What the mistakes are made in is served without them."""
    assert answered(right(service)) == "ok"


def test_tables_are_whole() -> None:
    """Every condition and every service occurs, and each value stands under its category."""
    errors = {error for *_, error in CELLS} - {"ok"}
    assert errors >= CONDITIONS
    told = {service.removesuffix(" of a call").split()[-1] for service, *_ in CELLS}
    assert told - {"CamponCall"} == World(Pbx).gateway.dispatcher.services - SESSION_SERVICES
    ((_, rows),) = tables("category on the wire")
    listed = {value: category.strip("`") for category, values in rows for value in values.split(", ")}
    others = listed.pop("all others")
    assert all(Reason((listed.get(error, others), error)) for error in errors)
