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
from random import Random
from typing import Any

import pytest
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
    appearances=3,
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
        self, requests: list[tuple[int, str, dict[str, Any]]], people: list[tuple[str, ...]]
    ) -> None:
        """The gateway loses its PBX for a moment, in which it is asked for things, and people do others.

        What people do then shows when the link is back; how it is told is not laid down, so only that they
        are all in the state that they are in is compared.  What happens by itself is left out.
        """
        due = self.model.next_due()
        if due is not None and due <= LINK_LOST + TICK:
            return
        self.pbx.drop_link()
        self.model.linked = False
        self.pass_time(0)
        for request in requests:
            self.asks(*request)
        for what, *numbers in people:
            ways: dict[str, Callable[..., None]] = {
                "picks up": self.picks_up,
                "puts down": self.puts_down,
                "rings in": self.rings_in_unseen,
            }
            ways[what](*numbers)
        self.pass_time(LINK_LOST)
        self.model.linked = True
        played["link lost"] += 1
        if people:
            self.settle()
            self.forget_events()

    def rings_in_unseen(self, outside: str, called: str) -> None:
        """Who redirected a call that was missed, or one that no line is in, nobody can say afterwards."""
        if not any(rule.active for rule in self.model.lines[called].forwardings.values()):
            self.rings_in(outside, called)

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


dice = st.randoms(use_true_random=True)


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

    # What there is to choose from.  Hypothesis chooses the rule, its dice all else: the usual is to be usual.

    def legs(self, *states: str) -> list[Named]:
        return [(call.id, device) for call in self.model.calls.values() for device in call.those(*states)]

    def connection(self, dice: Random, *states: str) -> Named:
        """A connection, mostly of a line and in one of these states, named in some way."""
        legs = self.legs(*states)
        if not legs or dice.random() < 0.1:
            legs = self.legs(*ANY) or [("1", "2001")]
        inside = [(call, device) for call, device in legs if device in PEOPLE]
        call, device = dice.choice(inside if inside and dice.random() < 0.9 else legs)
        odd: list[Named] = [(call, "2004"), ("77", device), (call, "2099"), ("", "2005"), ("", "")]
        odd += [(str(dice.randint(1, int(call))), device), (str(dice.randint(1, int(call))), "")]
        return dice.choice([(call, device)] * 14 + [(call, "")] * 2 + [("", device)] * 2 + [dice.choice(odd)])

    def pair(self, dice: Random) -> tuple[Named, Named]:
        """A held and an active call, mostly of one device."""
        held_legs, active_legs = self.legs(HOLD), self.legs(CONNECTED)
        both = [(held, active) for held in held_legs for active in active_legs if held[1] == active[1]]
        if not both or dice.random() < 0.1:
            return self.connection(dice, HOLD), self.connection(dice, CONNECTED)
        held, active = dice.choice(both)
        odd = [
            (("", held[1]), ("", active[1])),
            ((held[0], ""), (active[0], "")),
            ((held[0], ""), active),
            (held, (active[0], "")),
            (held, ("", active[1])),
            (active, held),
        ]
        return dice.choice([(held, active)] * 12 + odd)

    def reference(self, dice: Random, client: int) -> str:
        """Mostly one of the client's own."""
        own = [monitor.reference for monitor in self.model.monitors.values() if monitor.client == client]
        return dice.choice([*own * 3, *self.model.monitors, "99"])

    def filter(self, dice: Random) -> frozenset[str]:
        flags = [flag for flags in FLAGS.values() for flag in flags]
        return frozenset(dice.sample(flags, dice.choice([0, 0, 1, 2, 4])))

    def number(self, dice: Random) -> str:
        """Where a call can go."""
        return dice.choice(EVERYDAY * 6 + list(PEOPLE) * 2 + OUTSIDE * 2 + ODD_NUMBERS)

    def device(self, dice: Random) -> str:
        """A line, mostly."""
        return dice.choice(EVERYDAY * 6 + list(PEOPLE) * 2 + ["2099", "9", "", "95551"])

    # What clients do

    @initialize()
    def watch(self) -> None:
        """One client watches the everyday lines from the start: most sessions see their events."""
        for device in EVERYDAY:
            self.ask(0, "MonitorStart", deviceObject=device, filter=frozenset())

    @rule(dice=dice)
    def make_call(self, dice: Random) -> None:
        how = {"autoOriginate": dice.choice(["prompt", "doNotPrompt"])}
        caller, called = self.device(dice), self.number(dice)
        self.ask(
            dice.randrange(CLIENTS), "MakeCall", callingDevice=caller, calledDirectoryNumber=called, **how
        )

    @rule(dice=dice)
    def meet(self, dice: Random) -> None:
        """What takes many steps by chance: one line talks to two others, or rings at the second."""
        devices = dice.sample(EVERYDAY, 3)
        one, two, three = sorted(devices, key=lambda device: len(self.model.at(device, *ANY)))
        client = dice.randrange(CLIENTS)
        how = {"autoOriginate": "doNotPrompt"}
        self.ask(client, "MakeCall", callingDevice=one, calledDirectoryNumber=two, **how)
        self.world.do("picks up", number=two)
        for held in self.model.at(one, CONNECTED):
            named = held.id, one
            self.ask(client, "ConsultationCall", existingCall=named, consultedDevice=three)
            if dice.random() < 0.7:
                self.world.do("picks up", number=three)
            then = dice.choice(["", "", "TransferCall", "ConferenceCall"])
            for active in self.model.at(one, CONNECTED) if then else []:
                self.ask(client, then, heldCall=named, activeCall=(active.id, one))

    @precondition(lambda self: self.model.calls)
    @rule(dice=dice)
    def act(self, dice: Random) -> None:
        """More than one step in ten is to be about what goes on in calls."""
        for _ in range(dice.randint(1, 4)):
            if self.model.calls:
                self.act_once(dice)

    def act_once(self, dice: Random) -> None:
        """Something is asked of a connection, mostly something that can be done with it."""
        state = dice.choice([state for state in ANY if self.legs(state)])
        service = dice.choice(sorted(SERVICES) if dice.random() < 0.1 else POSSIBLE[state])
        first, second = SERVICES[service]
        request: dict[str, Any] = {first: self.connection(dice, state)}
        if second == "activeCall":
            request[first], request[second] = self.pair(dice)
        elif second:
            request[second] = self.number(dice)
        if service == "SingleStepConferenceCall":
            request["participationType"] = "active"
        self.ask(dice.randrange(CLIENTS), service, **request)

    @precondition(lambda self: self.legs(HOLD))
    @rule(dice=dice)
    def two_calls(self, dice: Random) -> None:
        held, active = self.pair(dice)
        self.ask(dice.randrange(CLIENTS), dice.choice(PAIRS), heldCall=held, activeCall=active)

    @precondition(lambda self: self.model.calls)
    @rule(dice=dice)
    def whole_call(self, dice: Random) -> None:
        call, device = self.connection(dice, *ANY)
        named = (call, "" if call and dice.random() < 0.5 else device)
        if dice.random() < 0.2:
            self.ask(dice.randrange(CLIENTS), "ClearCall", callToBeCleared=named)
        else:
            self.ask(dice.randrange(CLIENTS), "MonitorStart", callObject=named, filter=self.filter(dice))

    @rule(dice=dice)
    def aside(self, dice: Random) -> None:
        """What changes no call: one rule, so that not too much of a session is spent with it."""
        ways = (self.digits, self.feature, self.forwarding, self.forwarding, self.monitor)
        dice.choice(ways)(dice.randrange(CLIENTS), self.device(dice), dice)

    def digits(self, client: int, _device: str, dice: Random) -> None:
        named = self.connection(dice, CONNECTED)
        digits = dice.choice(["12*#", "12*#", "aBcD", "12x", "", "1" * 64, "1" * 65])
        self.ask(client, "GenerateDigits", connectionToSendDigits=named, charactersToSend=digits)

    def forwarding(self, client: int, device: str, dice: Random) -> None:
        on = dice.random() < 0.7
        how = {
            "forwardingType": dice.choice([None, *FORWARDINGS]),
            "activateForward": on,
            "forwardDN": self.number(dice) if on and dice.random() < 0.8 else None,
            "ringCount": dice.choice([None, None, None, 1, 2, 1, 2, 99, 0, 100]),
        }
        self.ask(client, "SetForwarding", device=device, **how)

    def feature(self, client: int, device: str, dice: Random) -> None:
        if dice.random() < 0.3:
            self.ask(client, "GetForwarding", device=device)
            self.ask(client, "GetDoNotDisturb", device=device)
        else:
            self.ask(client, "SetDoNotDisturb", device=device, doNotDisturbOn=dice.random() < 0.4)

    def monitor(self, client: int, device: str, dice: Random) -> None:
        service = dice.choice(["MonitorStart", "MonitorStart", "MonitorStop", "ChangeMonitorFilter"])
        reference = {"monitorCrossRefID": self.reference(dice, client)}
        if service == "MonitorStop":
            self.ask(client, service, **reference)
        elif service == "MonitorStart":
            self.ask(client, service, deviceObject=device, filter=self.filter(dice))
        else:
            self.ask(client, service, **reference, filter=self.filter(dice))

    # People, time, and what goes wrong

    @precondition(lambda self: self.model.calls)
    @rule(dice=dice)
    def person(self, dice: Random) -> None:
        ringing = [device for _, device in self.legs(ALERTING, INITIATED) if device in PEOPLE]
        if ringing and dice.random() < 0.7:
            self.world.do("picks up", number=dice.choice(ringing))
        else:
            self.world.do("puts down", number=dice.choice(self.legs(*ANY))[1])

    @rule(dice=dice)
    def ring_in(self, dice: Random) -> None:
        self.world.do(
            "rings in", outside=dice.choice(OUTSIDE), called=dice.choice(EVERYDAY * 3 + list(PEOPLE))
        )

    @rule(dice=dice)
    def time_passes(self, dice: Random) -> None:
        if dice.random() < 0.1:
            self.world.do("comes back", client=dice.randrange(1, CLIENTS))
        if dice.random() < 0.1:
            self.lose_the_link(dice)
        self.world.do("pass", seconds=dice.choice([1, 1, 2, 4, 7]))

    def lose_the_link(self, dice: Random) -> None:
        client, caller = dice.randrange(CLIENTS), dice.choice(EVERYDAY)
        call = {"callingDevice": caller, "calledDirectoryNumber": "2001", "autoOriginate": "doNotPrompt"}
        requests: list[tuple[int, str, dict[str, Any]]] = [(client, "MakeCall", call)]
        requests += [(client, "GetDoNotDisturb", {"device": caller})]
        legs = self.legs(*ANY) or [("1", "2001")]
        named = dice.choice(legs)
        requests += [(client, "ClearConnection", {"connectionToBeCleared": named})]
        requests += [(client, "HoldCall", {"callToBeHeld": named})]
        people: list[tuple[str, ...]] = [
            (dice.choice(["picks up", "puts down"]), dice.choice(legs)[1]) for _ in range(dice.randrange(3))
        ]
        if dice.random() < 0.3:  # one at most, and last: missed calls are counted when they are seen
            people.append(("rings in", dice.choice(OUTSIDE), dice.choice(EVERYDAY)))
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


@pytest.mark.timeout(300)  # what is found has to be minimised
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
