"""Whole sessions: clients, people and time do what they like, and the gateway must do what the model does.

A gateway with its simulated PBX, several clients with real frames, and `tests.property.model`, which was
written separately from both.  After every step each answer, each event and each snapshot is compared.

``python -m tests.property.test_gateway 600`` plays for 600 seconds with fresh seeds.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from typing import Any

import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lxml import etree
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from ctigw.app import gateway
from ctigw.config import Config
from ctigw.csta.association import Association
from ctigw.csta.frame import Frame, FrameReader
from ctigw.csta.types import ED3
from simulators.behaviours import Limits, PhoneSettings
from simulators.pbx import Pbx
from tests.conftest import judges
from tests.property import model
from tests.property.model import (
    ALERTING,
    ANY,
    CONNECTED,
    FAIL,
    FORWARDINGS,
    HOLD,
    INITIATED,
    Model,
    Named,
    RefusedError,
    Told,
)

PEOPLE = {
    "2001": "normal",
    "2002": "normal",
    "2003": "normal",
    "2004": "normal",
    "2005": "normal",
    "2006": "auto-answer",
    "2007": "busy",
    "2008": "no-answer",
    "2011": "rejects",
    "2013": "out-of-service",
    "2020": "normal",
}
BARRED = {"2020": "9"}
# Of odd fractions, so that no two timers that were started at different times are due at the same.
LIMITS = model.Limits(
    no_answer=6 + 1 / 64,
    ring=2 + 1 / 128,
    tone=4 + 1 / 256,
    outside_answers=2 + 1 / 512,
    appearances=2,
    conference=4,
)
LINK_LOST = 1 / 16
TICK = 1 / 8
EVERYDAY = ["2001", "2002", "2003", "2004", "2005"]
OUTSIDE = ["95551", "95552"]
ODD_NUMBERS = ["9000", "77", "9", "", "front desk"]
CLIENTS = 3
FLAGS = {
    "callcontrol": [
        "callCleared", "conferenced", "connectionCleared", "delivered", "diverted", "established", "failed",
        "held", "networkReached", "originated", "retrieved", "serviceInitiated", "transferred",
    ],
    "callAssociated": ["digitsGenerated", "serviceCompletionFailure"],
    "logicalDeviceFeature": ["doNotDisturb", "forwarding"],
}  # fmt: skip
PAIRS = ("AlternateCall", "ReconnectCall", "TransferCall", "ConferenceCall")
# What services on a connection are told: the connection, and a number or another connection.
SERVICES = {
    "AnswerCall": ("callToBeAnswered", ""),
    "ClearConnection": ("connectionToBeCleared", ""),
    "HoldCall": ("callToBeHeld", ""),
    "RetrieveCall": ("callToBeRetrieved", ""),
    "ConsultationCall": ("existingCall", "consultedDevice"),
    "SingleStepTransferCall": ("activeCall", "transferredTo"),
    "SingleStepConferenceCall": ("activeCall", "deviceToJoin"),
    "DeflectCall": ("callToBeDiverted", "newDestination"),
    **dict.fromkeys(PAIRS, ("heldCall", "activeCall")),
}
POSSIBLE = {
    INITIATED: ("AnswerCall", "ClearConnection"),
    ALERTING: ("AnswerCall", "AnswerCall", "DeflectCall", "DeflectCall", "ClearConnection"),
    CONNECTED: (
        "HoldCall", "ConsultationCall", "SingleStepTransferCall", "SingleStepConferenceCall",
        "ClearConnection",
    ),
    HOLD: ("RetrieveCall", "ClearConnection", *PAIRS),
    FAIL: ("ClearConnection", "ClearConnection", "RetrieveCall"),
}  # fmt: skip
played: Counter[str] = Counter()
complaints: list[Any] = []
"""What is wrong besides: messages that are not valid, warnings.  (In pytest, `conftest` sees to that.)"""


# Messages


def element(name: str, value: Any) -> str:
    """An element of a request, or nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        value = element("callID", value[0] or None) + element("deviceID", value[1] or None)
    elif isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, frozenset):
        groups = ((group, [flag for flag in flags if flag in value]) for group, flags in FLAGS.items())
        value = "".join(
            element(group, "".join(element(f, True) for f in flags)) for group, flags in groups if flags
        )
    return f"<{name}>{value}</{name}>"


def document(service: str, request: dict[str, Any]) -> str:
    """A request as it is sent."""
    parts = {name: element(name, value) for name, value in request.items()}
    if service == "MonitorStart":
        wanted = parts.pop("filter").replace("filter>", "requestedMonitorFilter>")
        content = element("monitorObject", "".join(parts.values())) + (wanted if request["filter"] else "")
    else:
        content = "".join(parts.values()).replace("filter>", "requestedFilterList>")
    return f'<{service} xmlns="{ED3}">{content}</{service}>'


def name_of(node: Any) -> str:
    return str(etree.QName(node).localname)


def text_at(root: Any, path: str) -> str:
    """The text at a path, or ""."""
    for step in path.split("/"):
        root = root.find(f"{{*}}{step}")
        if root is None:
            return ""
    return root.text or ""


def connections_in(root: Any) -> Iterator[str]:
    """Every connection that is named, in its order."""
    for call in root.iter("{*}callID"):
        yield f"{call.text}:{text_at(call.getparent(), 'deviceID')}"


def joined(names: list[str], first: int, size: int) -> tuple[str, ...]:
    """Connections of which those from ``first`` on are a list of no order, ``size`` in an item."""
    items = sorted(tuple(names[at : at + size]) for at in range(first, len(names), size))
    return (*names[:first], *(name for item in items for name in item))


def told_by(root: Any) -> Told:
    """What an event says, as the model does."""
    kind = name_of(root).removesuffix("Event")
    names = list(connections_in(root))
    extra = ""
    if kind in ("Transfered", "Conferenced"):
        first = 2 if root.find("{*}secondaryOldCall") is not None else 1
        names = list(joined(names, first, first))
        extra = text_at(
            root, f"{'transferredToDevice' if kind == 'Transfered' else 'addedParty'}/deviceIdentifier"
        )
    elif kind == "ServiceCompletionFailure":
        extra = text_at(root, "primaryCall/localConnectionState")
    elif kind == "Forwarding":
        parts = ("forwardingType", "forwardStatus", "forwardTo", "ringCount")
        extra = " ".join(text_at(root, part) for part in parts).strip()
    else:
        extra = next(
            filter(
                None,
                map(
                    text_at,
                    [root] * 3,
                    ("newDestination/deviceIdentifier", "digitGeneratedList", "doNotDisturbOn"),
                ),
            ),
            "",
        )
    return Told(
        kind,
        tuple(names),
        text_at(root, "localConnectionInfo"),
        text_at(root, "cause"),
        text_at(root, "callingDevice/deviceIdentifier"),
        text_at(root, "calledDevice/deviceIdentifier"),
        text_at(root, "lastRedirectionDevice/numberDialed"),
        extra,
    )


def content_of(root: Any) -> tuple[Any, ...]:
    """What a response says, as the model does."""
    kind = name_of(root)
    if kind == "MonitorStartResponse":
        return (text_at(root, "monitorCrossRefID"),)
    if kind == "GetDoNotDisturbResponse":
        return (text_at(root, "doNotDisturbOn"),)
    if kind == "GetForwardingResponse":
        parts = ("forwardingType", "forwardStatus", "forwardDN", "ringCount")
        rules = root.iter("{*}forwardListItem")
        return tuple(" ".join(text_at(item, part) for part in parts).strip() for item in rules)
    if kind == "SnapshotDeviceResponse":
        return tuple(sorted(map(seen_at_device, root.iter("{*}snapshotDeviceResponseInfo"))))
    if kind == "SnapshotCallResponse":
        infos = root.iter("{*}snapshotCallResponseInfo")
        parties = sorted((next(connections_in(info)), text_at(info, "localConnectionInfo")) for info in infos)
        ends = (text_at(root, f"{end}/deviceIdentifier") for end in ("callingDevice", "calledDevice"))
        return (*ends, *parties)
    return joined(list(connections_in(root)), 1, 2)


def seen_at_device(info: Any) -> tuple[str, ...]:
    own, *others = (state.text for state in info.iter("{*}localConnectionState"))
    return (next(connections_in(info)), own, *sorted(others))


def agree(about: str, seen: Any, expected: Any) -> None:
    if isinstance(seen, dict) and isinstance(expected, dict):  # only what differs
        keys = [key for key in {**seen, **expected} if seen.get(key) != expected.get(key)]
        seen, expected = {key: seen.get(key) for key in keys}, {key: expected.get(key) for key in keys}
    assert seen == expected, f"{about}: the gateway has\n  {seen}\nand the model has\n  {expected}"


# Clients


class Client:
    """A client over a transport in memory."""

    def __init__(self, factory: Any) -> None:
        self.transport = StringTransport()
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.reader = FrameReader()
        self.ids = count(1)
        self.answers: dict[int, Any] = {}
        self.events: dict[str, list[Told]] = defaultdict(list)
        self.stopped: list[str] = []

    def send(self, document: str) -> int:
        invoke_id = next(self.ids) % 9000
        self.protocol.dataReceived(Frame(invoke_id, document.encode()).encode())
        return invoke_id

    def read(self) -> None:
        """Sort what came; what the gateway asks is answered."""
        data = self.transport.value()
        self.transport.clear()
        for frame in self.reader.feed(data):
            root = etree.fromstring(frame.body)
            if frame.invoke_id == 9999:
                reference = text_at(root, "monitorCrossRefID")
                assert reference not in self.stopped, "an event after the end of its monitor"
                self.events[reference].append(told_by(root))
            elif frame.invoke_id >= 9000:
                assert name_of(root) == "MonitorStop"
                self.stopped.append(text_at(root, "monitorCrossRefID"))
                answer = f'<MonitorStopResponse xmlns="{ED3}"/>'
                self.protocol.dataReceived(Frame(frame.invoke_id, answer.encode()).encode())
            else:
                assert frame.invoke_id not in self.answers
                self.answers[frame.invoke_id] = root

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


# Sessions

Step = tuple[str, dict[str, Any]]
"""Something that is done, by its name, with everything that was chosen: it can be done again."""


class World:
    """A gateway, its PBX, its clients, and the model of all of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        phones = [PhoneSettings(n, person, barred=tuple(BARRED.get(n, ""))) for n, person in PEOPLE.items()]
        self.pbx = Pbx(self.clock, phones, limits=Limits(**asdict(LIMITS), link_lost=LINK_LOST))
        self.gateway = gateway(Config(), self.pbx, self.clock)
        self.factory: Any = self.gateway.factory(Config().listeners[0])
        self.clients = [Client(self.factory) for _ in range(CLIENTS)]
        self.watcher = Client(self.factory)
        lines = [model.Line(n, person, barred=BARRED.get(n, "")) for n, person in PEOPLE.items()]
        self.model = Model(lines, LIMITS)
        self.done: list[Step] = []

    def do(self, what: str, **how: Any) -> None:
        """Do one thing, let a moment pass, and compare everything."""
        self.done.append((what, how))
        played["steps"] += 1
        ways: dict[str, Callable[..., None]] = {
            "asks": self.asks,
            "picks up": self.picks_up,
            "puts down": self.puts_down,
            "rings in": self.rings_in,
            "pass": self.pass_time,
            "comes back": self.comes_back,
            "lose the link": self.lose_the_link,
        }
        ways[what](**how)
        self.pass_time(TICK)
        self.compare()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, from one thing that happens to the next."""
        until = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and (due := min(c.getTime() for c in calls)) <= until:
            self.clock.advance(max(0, due - self.clock.seconds()))
        self.clock.advance(until - self.clock.seconds())
        self.model.advance(seconds)

    # What is done

    def asks(self, client: int, service: str, request: dict[str, Any]) -> None:
        """A client asks for something, and is answered as the model says."""
        asked = self.clients[client].send(document(service, request))
        self.pass_time(0)
        self.clients[client].read()
        answer = self.answer(self.clients[client], asked, service)
        expected = self.expected(client, service, request)
        self.model.advance(0)
        agree("the answer", answer, expected)
        played[service if answer[0] == "ok" else "refused"] += 1

    def picks_up(self, number: str) -> None:
        """Where two phones ring, it is not for the model to say which of them is picked up."""
        if len(self.model.at(number, ALERTING, INITIATED)) == 1:
            self.pbx.pick_up(number)
            self.model.pick_up(number)

    def puts_down(self, number: str) -> None:
        """The call that is talked in; which of several others, the model cannot say."""
        if len(self.model.at(number, CONNECTED) or self.model.at(number, *ANY)) == 1:
            self.pbx.put_down(number)
            self.model.put_down(number)

    def rings_in(self, outside: str, called: str) -> None:
        self.pbx.ring_in(outside, called)
        self.model.ring_in(outside, called)

    def comes_back(self, client: int) -> None:
        """A client goes, and another comes in its place."""
        self.clients[client].lose()
        self.model.gone(client)
        self.clients[client] = Client(self.factory)

    def lose_the_link(
        self, requests: list[tuple[int, str, dict[str, Any]]], people: list[tuple[str, str]]
    ) -> None:
        """The gateway loses its PBX for a moment, in which it is asked for things, and people do others.

        What people do then shows when the link is back; how it is told is not laid down, so only that they
        are all in the state that they are in is compared.  What happens outside or by itself is not told.
        """
        due = self.model.next_due()
        if due is not None and due <= LINK_LOST + TICK:
            return
        self.pbx.drop_link()
        self.model.linked = False
        self.pass_time(0)
        for request in requests:
            self.asks(*request)
        for what, number in people:
            if all(party in PEOPLE for call in self.model.at(number, *ANY) for party in call.parties):
                {"picks up": self.picks_up, "puts down": self.puts_down}[what](number)
        self.pass_time(LINK_LOST)
        self.model.linked = True
        played["link lost"] += 1
        if people:
            self.settle()
            self.forget_events()

    # What is compared

    def expected(self, client: int, service: str, request: dict[str, Any]) -> tuple[Any, ...]:
        """What the model answers."""
        try:
            return ("ok", *self.model.serve(client, service, request))
        except RefusedError as why:
            return (why.category, why.value)

    def answer(self, client: Client, invoke_id: int, service: str) -> tuple[Any, ...]:
        """What the gateway has answered."""
        root = client.answers.pop(invoke_id)
        if name_of(root) == "CSTAErrorCode":
            (error,) = root
            return (name_of(error), error.text)
        assert name_of(root) == f"{service}Response"
        return ("ok", *content_of(root))

    def compare(self) -> None:
        """Nothing came but what the model has, and everything is as the model has it."""
        self.settle()
        told = {
            ref: list(events) for client in self.clients for ref, events in client.events.items() if events
        }
        agree("the events", told, {ref: events for ref, events in self.model.told.items() if events})
        stopped = [(number, ref) for number, client in enumerate(self.clients) for ref in client.stopped]
        agree("the monitors that end", sorted(stopped), sorted(self.model.stopped))
        self.forget_events()
        self.model.stopped.clear()
        for client in self.clients:
            client.stopped.clear()
        self.compare_snapshots()
        wrong = list(complaints)
        complaints.clear()
        agree("what is complained of", wrong, [])

    def settle(self) -> None:
        """Clients read what came."""
        for client in self.clients:
            client.read()
            assert client.answers == {}

    def forget_events(self) -> None:
        self.model.told.clear()
        for client in self.clients:
            client.events.clear()

    def compare_snapshots(self) -> None:
        """Every line and every call, asked for by a client of its own."""
        asked: list[tuple[str, dict[str, Any]]] = [
            ("SnapshotDevice", {"snapshotObject": line}) for line in PEOPLE
        ]
        asked += [("SnapshotCall", {"snapshotObject": (call, "")}) for call in self.model.calls]
        ids = [self.watcher.send(document(*request)) for request in asked]
        self.clock.advance(0)
        self.watcher.read()
        seen = [
            self.answer(self.watcher, number, service)
            for number, (service, _) in zip(ids, asked, strict=True)
        ]
        for request, snapshot in zip(asked, seen, strict=True):
            agree(str(request), snapshot, self.expected(-1, *request))
        agree("the number of calls", len(self.gateway.switch.picture.calls), len(self.model.calls))

    def end(self) -> None:
        """All calls end, all clients go, and nothing is left."""
        for call in list(self.model.calls):
            self.do("asks", client=0, service="ClearCall", request={"callToBeCleared": (call, "")})
        self.do("pass", seconds=60)
        for client in (*self.clients, self.watcher):
            client.lose()
        picture = self.gateway.switch.picture
        assert (picture.calls, picture._at, picture._by_driver_id) == ({}, {}, {})
        assert (self.pbx.idle, self.pbx.pending_timers, len(self.gateway.monitors)) == (True, 0, 0)


class Sessions(RuleBasedStateMachine):
    """Chooses what to do next."""

    def __init__(self) -> None:
        super().__init__()
        played["sessions"] += 1
        Sessions.last = self.world = World()
        self.model = self.world.model

    last: World

    def ask(self, client: int, service: str, **request: Any) -> None:
        self.world.do("asks", client=client, service=service, request=request)

    # What there is to choose from

    def legs(self, *states: str) -> list[Named]:
        return [(call.id, device) for call in self.model.calls.values() for device in call.those(*states)]

    def connection(self, data: st.DataObject, *states: str) -> Named:
        """A connection, mostly one in these states, named in some way."""
        how = data.draw(
            st.sampled_from(["fits"] * 12 + ["any", "any", "any", "call", "device", "wrong", "gone"])
        )
        legs = (self.legs(*states) if how != "any" else []) or self.legs(*ANY) or [("1", "2001")]
        call, device = data.draw(st.sampled_from(legs))
        if how == "call":
            return call, ""
        if how == "device":
            return "", device
        if how == "wrong":
            return data.draw(
                st.sampled_from([(call, "2004"), ("77", device), (call, "2099"), ("", "2005"), ("", "")])
            )
        if how == "gone":
            return str(data.draw(st.integers(1, max(1, int(call))))), device
        return call, device

    def pair(self, data: st.DataObject) -> tuple[Named, Named]:
        """A held and an active call, mostly of one device."""
        both = [
            (held, active)
            for held in self.legs(HOLD)
            for active in self.legs(CONNECTED)
            if held[1] == active[1]
        ]
        if not both or data.draw(st.integers(0, 9)) == 9:
            return self.connection(data, HOLD), self.connection(data, CONNECTED)
        held, active = data.draw(st.sampled_from(both))
        how = data.draw(st.sampled_from(["both"] * 6 + ["devices", "calls", "swapped", "held alone"]))
        if how == "devices":
            return ("", held[1]), ("", active[1])
        if how == "calls":
            return (held[0], ""), (active[0], "")
        if how == "held alone":
            return (held[0], ""), active
        return (active, held) if how == "swapped" else (held, active)

    def reference(self, data: st.DataObject, client: int) -> str:
        """Mostly one of the client's own."""
        own = [monitor.reference for monitor in self.model.monitors.values() if monitor.client == client]
        return data.draw(st.sampled_from([*own * 3, *self.model.monitors, "99"]))

    any_client = st.integers(0, CLIENTS - 1)
    line = st.sampled_from(EVERYDAY * 3 + list(PEOPLE))
    device = st.sampled_from(EVERYDAY * 4 + list(PEOPLE) + ["2099", "9", "", "95551"])
    number = st.sampled_from(EVERYDAY * 4 + list(PEOPLE) * 2 + OUTSIDE * 2 + ODD_NUMBERS)
    filters = st.frozensets(st.sampled_from([flag for flags in FLAGS.values() for flag in flags]), max_size=4)

    # What clients do

    @initialize()
    def watch(self) -> None:
        """One client watches the everyday lines from the start: most sessions see their events."""
        for device in EVERYDAY:
            self.ask(0, "MonitorStart", deviceObject=device, filter=frozenset())

    @rule(client=any_client, caller=device, called=number, how=st.sampled_from(["prompt", "doNotPrompt"]))
    def make_call(self, client: int, caller: str, called: str, how: str) -> None:
        self.ask(client, "MakeCall", callingDevice=caller, calledDirectoryNumber=called, autoOriginate=how)

    @rule(
        client=any_client,
        devices=st.permutations(EVERYDAY),
        answered=st.booleans(),
        then=st.sampled_from(["", "", "TransferCall", "ConferenceCall"]),
    )
    def meet(self, client: int, devices: list[str], answered: bool, then: str) -> None:
        """What takes many steps by chance: one line talks to two others, or rings at the second."""
        one, two, three, *_ = devices
        self.make_call(client, one, two, "doNotPrompt")
        self.world.do("picks up", number=two)
        for held in self.model.at(one, CONNECTED):
            named = held.id, one
            self.ask(client, "ConsultationCall", existingCall=named, consultedDevice=three)
            if answered:
                self.world.do("picks up", number=three)
            for active in self.model.at(one, CONNECTED) if then else []:
                self.ask(client, then, heldCall=named, activeCall=(active.id, one))

    @precondition(lambda self: self.model.calls)
    @rule(data=st.data(), times=st.integers(1, 4))
    def act(self, data: st.DataObject, times: int) -> None:
        """More than one step in ten is to be about what goes on in calls."""
        for _ in range(times):
            if self.model.calls:
                self.act_once(data.draw(self.any_client), data)

    def act_once(self, client: int, data: st.DataObject) -> None:
        """Something is asked of a connection, mostly something that can be done with it."""
        state = data.draw(st.sampled_from([state for state in ANY if self.legs(state)]))
        odd = data.draw(st.integers(0, 9)) == 9
        service = data.draw(st.sampled_from(sorted(SERVICES) if odd else POSSIBLE[state]))
        first, second = SERVICES[service]
        request: dict[str, Any] = {first: self.connection(data, state)}
        if second == "activeCall":
            request[first], request[second] = self.pair(data)
        elif second:
            request[second] = data.draw(self.number)
        if service == "SingleStepConferenceCall":
            request["participationType"] = "active"
        self.ask(client, service, **request)

    @precondition(lambda self: self.legs(HOLD))
    @rule(client=any_client, data=st.data(), service=st.sampled_from(PAIRS))
    def two_calls(self, client: int, data: st.DataObject, service: str) -> None:
        held, active = self.pair(data)
        self.ask(client, service, heldCall=held, activeCall=active)

    @precondition(lambda self: self.model.calls)
    @rule(
        client=any_client,
        data=st.data(),
        alone=st.booleans(),
        unwanted=filters,
        service=st.sampled_from(["ClearCall", "MonitorStart", "MonitorStart"]),
    )
    def whole_call(
        self, client: int, data: st.DataObject, alone: bool, unwanted: frozenset[str], service: str
    ) -> None:
        call, device = self.connection(data, *ANY)
        named = (call, "" if alone and call else device)
        if service == "ClearCall":
            self.ask(client, service, callToBeCleared=named)
        else:
            self.ask(client, service, callObject=named, filter=unwanted)

    @rule(client=any_client, device=device, data=st.data(), what=st.integers(0, 9))
    def aside(self, client: int, device: str, data: st.DataObject, what: int) -> None:
        """What changes no call: one rule, so that not too much of a session is spent with it."""
        (self.digits, self.feature, self.forwarding, self.forwarding, self.monitor)[what // 2](
            client, device, data
        )

    def digits(self, client: int, _device: str, data: st.DataObject) -> None:
        named = self.connection(data, CONNECTED)
        digits = data.draw(st.sampled_from(["12*#", "aBcD", "12x", "", "1" * 64, "1" * 65]))
        self.ask(client, "GenerateDigits", connectionToSendDigits=named, charactersToSend=digits)

    def forwarding(self, client: int, device: str, data: st.DataObject) -> None:
        on = data.draw(st.sampled_from([True, True, False]))
        how = {
            "forwardingType": data.draw(st.sampled_from([None, *FORWARDINGS])),
            "activateForward": on,
            "forwardDN": data.draw(self.number | st.none()) if on else None,
            "ringCount": data.draw(st.sampled_from([None, None, 1, 2, 99, 0, 100])),
        }
        self.ask(client, "SetForwarding", device=device, **how)

    def feature(self, client: int, device: str, data: st.DataObject) -> None:
        on = data.draw(st.none() | st.booleans())
        if on is None:
            self.ask(client, "GetForwarding", device=device)
            self.ask(client, "GetDoNotDisturb", device=device)
        else:
            self.ask(client, "SetDoNotDisturb", device=device, doNotDisturbOn=on)

    def monitor(self, client: int, device: str, data: st.DataObject) -> None:
        service = data.draw(
            st.sampled_from(["MonitorStart", "MonitorStart", "MonitorStop", "ChangeMonitorFilter"])
        )
        if service == "MonitorStop":
            self.ask(client, service, monitorCrossRefID=self.reference(data, client))
            return
        unwanted = data.draw(self.filters)
        if service == "MonitorStart":
            self.ask(client, service, deviceObject=device, filter=unwanted)
        else:
            self.ask(client, service, monitorCrossRefID=self.reference(data, client), filter=unwanted)

    # People, time, and clients that go

    @precondition(lambda self: self.model.calls)
    @rule(data=st.data(), lifts=st.booleans())
    def person(self, data: st.DataObject, lifts: bool) -> None:
        ringing = [device for _, device in self.legs(ALERTING, INITIATED) if device in PEOPLE]
        if lifts and ringing:
            self.world.do("picks up", number=data.draw(st.sampled_from(ringing)))
        else:
            self.world.do("puts down", number=data.draw(st.sampled_from(self.legs(*ANY)))[1])

    @rule(outside=st.sampled_from(OUTSIDE), called=line)
    def ring_in(self, outside: str, called: str) -> None:
        self.world.do("rings in", outside=outside, called=called)

    @rule(
        seconds=st.sampled_from([1, 1, 2, 4, 7]), client=any_client, data=st.data(), mishap=st.integers(0, 15)
    )
    def time_passes(self, seconds: float, client: int, data: st.DataObject, mishap: int) -> None:
        if mishap == 15 and client:
            self.world.do("comes back", client=client)
        elif mishap >= 13:
            self.lose_the_link(client, data)
        self.world.do("pass", seconds=seconds)

    def lose_the_link(self, client: int, data: st.DataObject) -> None:
        caller = data.draw(self.line)
        call = {"callingDevice": caller, "calledDirectoryNumber": "2001", "autoOriginate": "doNotPrompt"}
        requests: list[tuple[int, str, dict[str, Any]]] = [(client, "MakeCall", call)]
        requests += [(client, "GetDoNotDisturb", {"device": caller})]
        if legs := self.legs(*ANY):
            named = data.draw(st.sampled_from(legs))
            requests += [(client, "ClearConnection", {"connectionToBeCleared": named})]
            requests += [(client, "HoldCall", {"callToBeHeld": named})]
        devices = [device for _, device in legs] or ["2001"]
        acts = data.draw(st.lists(st.sampled_from(["picks up", "puts down"]), max_size=2))
        people = [(act, data.draw(st.sampled_from(devices))) for act in acts]
        self.world.do("lose the link", requests=requests, people=people)

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.world.end()


# The two forms


def fails(steps: list[Step]) -> Exception | None:
    """What goes wrong when these steps are done; what cannot be done any more is left out."""
    world = World()
    try:
        for what, how in steps:
            world.do(what, **how)
        world.end()
    except Exception as why:  # noqa: BLE001 # whatever it is, it is the finding
        return why
    return None


def minimised(steps: list[Step]) -> list[Step]:
    """As few of the steps as still go wrong."""
    sizes = [2**power for power in range(len(steps).bit_length())]
    for size in [*reversed(sizes), 1, 1]:  # more than once: what did not go at first may go now
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if fails(fewer):
                steps = fewer
            else:
                at += size
    return steps


def play(rounds: settings) -> str:
    """Play some sessions; gives what was found, or nothing."""
    try:
        run_state_machine_as_test(Sessions, settings=rounds)
    except Exception:  # noqa: BLE001 # whatever it is, it is the finding
        steps = minimised(Sessions.last.done)
        return "\n".join([*(f"{what} {how}" for what, how in steps), str(fails(steps))])
    return ""


SETTINGS = settings(
    stateful_step_count=50,
    deadline=None,
    # The steps are minimised here, which is faster: they are the same whatever goes before them.
    phases=[Phase.generate],
    report_multiple_bugs=False,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_sessions() -> None:
    found = play(settings(SETTINGS, max_examples=25))
    assert found == "", found


@contextmanager
def complaining() -> Iterator[None]:
    """Outside pytest, too, every message must be valid, and nothing worth a warning may happen."""
    send = Association._send

    def judged(self: Association, invoke_id: int, body: bytes) -> None:
        send(self, invoke_id, body)
        complaints.extend((why, body) for judge in judges if (why := judge(body)) is not None)

    def logged(_logger: Any, level: str, entry: Any) -> Any:
        if level not in ("debug", "info"):
            complaints.append(entry)
        raise structlog.DropEvent

    structlog.configure(processors=[logged])
    Association._send = judged  # type: ignore[method-assign] # put back below
    try:
        yield
    finally:
        Association._send = send  # type: ignore[method-assign] # as it was
        structlog.reset_defaults()


def main(seconds: float) -> int:
    """Play until the time is up or something is found."""
    until = time.monotonic() + seconds
    with complaining():
        while time.monotonic() < until:
            if found := play(settings(SETTINGS, max_examples=100)):
                print(found)  # noqa: T201 # it is a command
                return 1
    print(f"no finding in {played['sessions']} sessions, {played['steps']} steps")  # noqa: T201 # as above
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
