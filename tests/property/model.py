"""A plain model of a PBX with its gateway, as CSTA clients see the two.

Written from the standard, the tables in the README and the transcripts, not from the programs that it is
compared with; it has nothing in common with them.  A request is a dictionary with the names of the wire; a
connection is a pair of a call's id and a device, either of which may be missing ("").  What a service is
answered is the connections in its response, or a `RefusedError`; what monitors are told is gathered in
`Model.told`.  Not modelled: phones that are slow, silent or lie, and queues.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

INITIATED, ALERTING, CONNECTED, HOLD, FAIL, NULL = (
    "initiated",
    "alerting",
    "connected",
    "hold",
    "fail",
    "null",
)
TALKING = (CONNECTED, HOLD)

Named = tuple[str, str]
"""A connection as a request names it: callID and deviceID, "" where it is not given."""

CATEGORIES = {
    "stateIncompatibility": {
        "invalidConnectionState", "invalidHeldDeviceState", "noCallToAnswer", "noConnectionToClear",
        "noActiveCall", "noHeldCall", "connectedCallExists",
    },
    "systemResourceAvailibility": {
        "resourceBusy", "conferenceMemberLimitExceeded", "deviceOutOfService", "callingDeviceOutOfService",
        "resourceOutOfService",
    },
}  # fmt: skip
"""The categories of errors; all others are operation errors."""

FORWARDINGS = (
    "forwardImmediate", "forwardBusy", "forwardNoAns", "forwardDND",
    "forwardImmInt", "forwardImmExt", "forwardBusyInt", "forwardBusyExt",
    "forwardNoAnsInt", "forwardNoAnsExt", "forwardDNDInt", "forwardDNDExt",
)  # fmt: skip
"""In the order in which they are listed: any would do, but it is always the same."""

FILTERS = {
    "Transfered": "transferred",
    "NetworkReached": "networkReached",
    "ServiceInitiated": "serviceInitiated",
    "ConnectionCleared": "connectionCleared",
    "CallCleared": "callCleared",
    "DigitsGenerated": "digitsGenerated",
    "ServiceCompletionFailure": "serviceCompletionFailure",
    "DoNotDisturb": "doNotDisturb",
}
"""The flag that keeps an event away, where it is not just the name of the event in small letters."""


class RefusedError(Exception):
    """A negative answer: a category and a value."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value
        self.category = next((c for c, values in CATEGORIES.items() if value in values), "operation")


@dataclass(frozen=True)
class Told:
    """What an event says to one monitor.  ``connections``: those that it names, lists in no order."""

    kind: str
    connections: tuple[str, ...] = ()
    state: str = ""
    cause: str = ""
    calling: str = ""
    called: str = ""
    redirected: str = ""
    extra: str = ""


@dataclass
class Limits:
    """Seconds, and how many."""

    no_answer: float
    ring: float
    tone: float
    outside_answers: float
    appearances: int
    conference: int


@dataclass(frozen=True)
class Rule:
    """A forwarding."""

    to: str
    active: bool
    rings: int | None


@dataclass
class Line:
    """``person``: what whoever sits there does."""

    number: str
    person: str = "normal"
    do_not_disturb: bool = False
    barred: str = ""
    forwardings: dict[str, Rule] = field(default_factory=dict)

    def rule(self, when: str, *, outside: bool) -> Rule | None:
        """The forwarding to follow: one for the calls of this origin goes before one for all."""
        short = {"forwardImmediate": "forwardImm"}.get(when, when)
        for name in (short + ("Ext" if outside else "Int"), when):
            rule = self.forwardings.get(name)
            if rule is not None and rule.active:
                return rule
        return None


@dataclass
class Call:
    """``parties``: the state of each connection.  ``tried``: the lines that it has been sent to."""

    id: str
    calling: str
    called: str
    redirected: str = ""
    parties: dict[str, str] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)

    def those(self, *states: str) -> list[str]:
        """The parties in one of these states."""
        return [device for device, state in self.parties.items() if state in states]

    def others(self, device: str, *states: str) -> list[str]:
        return [party for party in self.those(*states) if party != device]


@dataclass
class Monitor:
    """Of a ``device``, or else of a ``call``."""

    reference: str
    client: int
    device: str = ""
    call: str = ""
    unwanted: frozenset[str] = frozenset()


@dataclass(order=True)
class Timer:
    due: float
    number: int
    call: Call = field(compare=False)
    device: str = field(compare=False)
    act: Callable[[Call, str], None] = field(compare=False)


@dataclass
class Way:
    """Where a call goes from a number: lines that send it on (why, and where to), and how it ends.

    ``forwards``: it ends at a line that forwards it to where it cannot go.
    """

    end: str
    at: str
    cause: str = ""
    diverted: list[tuple[str, str, str]] = field(default_factory=list)
    forwards: bool = False


class Model:
    """The whole of it.  `serve` is asked, people act, `advance` lets time pass."""

    def __init__(self, lines: Iterable[Line], limits: Limits) -> None:
        self.lines = {line.number: line for line in lines}
        self.limits = limits
        self.calls: dict[str, Call] = {}
        self.monitors: dict[str, Monitor] = {}
        self.told: dict[str, list[Told]] = defaultdict(list)
        self.stopped: list[
            tuple[int, str]
        ] = []  # the client and the reference of monitors whose call is over
        self.now = 0.0
        self.linked = True
        self._left: set[Named] = set()
        self._timers: list[Timer] = []
        self._timer_count = self._last_call = self._last_reference = 0

    # Time

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._timers and min(self._timers).due <= until:
            timer = min(self._timers)
            self._timers.remove(timer)
            self.now = timer.due
            timer.act(timer.call, timer.device)
        self.now = until

    def next_due(self) -> float | None:
        """How long until something happens by itself."""
        return min(self._timers).due - self.now if self._timers else None

    def _after(self, seconds: float, call: Call, device: str, act: Callable[[Call, str], None]) -> None:
        self._timer_count += 1
        self._timers.append(Timer(self.now + seconds, self._timer_count, call, device, act))

    def _no_timer(self, call: Call, device: str | None = None) -> None:
        self._timers = [
            t for t in self._timers if t.call is not call or (device is not None and t.device != device)
        ]

    # What monitors are told

    def _tell(
        self, call: Call, told: Told, before: dict[str, str] | None = None, *, local: bool = True
    ) -> None:
        """Tell the monitors of all who take part in ``call`` now, or did ``before``, and those of it."""
        about = call.parties if before is None else {**dict.fromkeys(before, NULL), **call.parties}
        for monitor in list(self.monitors.values()):
            if monitor.device in about:
                self._tell_one(monitor, replace(told, state=about[monitor.device] if local else ""))
            elif monitor.call == call.id:
                self._tell_one(monitor, told)

    def _tell_one(self, monitor: Monitor, told: Told) -> None:
        flag = FILTERS.get(told.kind, told.kind[0].lower() + told.kind[1:])
        if flag not in monitor.unwanted:
            self.told[monitor.reference].append(told)

    def _change(self, call: Call, kind: str, device: str, state: str, cause: str, **more: str) -> None:
        """A connection takes a state (null: it ends), and that is told."""
        before = dict(call.parties)
        before.setdefault(device, NULL)
        if state == NULL:
            self._no_timer(call, device)
            if call.parties.pop(device, None) is not None:
                self._left.add((call.id, device))
        else:
            call.parties[device] = state
        parties = {}
        if kind in ("Originated", "Delivered", "Established", "Failed", "Diverted", "NetworkReached"):
            parties = {"calling": call.calling, "called": call.called}
            if kind != "Originated":
                parties["redirected"] = call.redirected
        told = Told(kind, (f"{call.id}:{device}",), cause=cause, **parties, **more)
        self._tell(call, told, before)
        if not call.parties:
            self._over(call, cause)

    def _over(self, call: Call, cause: str) -> None:
        """Nobody is left: monitors of the call are told so and end."""
        del self.calls[call.id]
        self._no_timer(call)
        for monitor in [m for m in self.monitors.values() if m.call == call.id]:
            self._tell_one(monitor, Told("CallCleared", (f"{call.id}:",), cause=cause))
            self.stopped.append((monitor.client, monitor.reference))
            del self.monitors[monitor.reference]

    # Numbers and lines

    def outside(self, number: str) -> bool:
        return number.startswith("9") and number != "9"

    def can_be_called(self, number: str, by: str) -> bool:
        line = self.lines.get(by)
        if line is not None and line.barred and number.startswith(line.barred):
            return False
        return number in self.lines or self.outside(number)

    def at(self, device: str, *states: str) -> list[Call]:
        """The calls in which a device is in one of these states."""
        return [call for call in self.calls.values() if call.parties.get(device) in states]

    def _taken(self, device: str) -> int:
        """A connection that failed at a called line takes none of its appearances."""
        failed = [call for call in self.at(device, FAIL) if call.calling == device]
        return len(self.at(device, INITIATED, ALERTING, CONNECTED, HOLD)) + len(failed)

    # Where calls go

    def _way(self, call: Call, number: str) -> Way:
        """Where ``call`` goes when it is sent to ``number``.  No forwarding is followed to where it was."""
        tried = call.tried | set(call.parties)
        diverted: list[tuple[str, str, str]] = []
        while True:
            tried.add(number)
            if self.outside(number):
                failed = "destNotObtainable" if number == "9000" else ""
                return Way("fail" if failed else "outside", number, failed, diverted)
            line = self.lines[number]
            failed, when, why = self._treatment(call, line)
            if not when:
                return Way("fail" if failed else "ring", number, failed, diverted)
            rule = line.rule(when, outside=self._from_outside(call))
            if rule is None:
                return Way("fail", number, failed, diverted)
            if rule.to in tried:
                return Way("fail", number, "destNotObtainable", diverted, forwards=True)
            diverted.append((number, why, rule.to))
            number = rule.to

    def _from_outside(self, call: Call) -> bool:
        return self.outside(call.calling)

    def _treatment(self, call: Call, line: Line) -> tuple[str, str, str]:
        """Why a call fails at a line, what forwarding there is for that, and the cause of that."""
        if line.person == "out-of-service":
            return "destOutOfOrder", "", ""
        if line.rule("forwardImmediate", outside=self._from_outside(call)):
            return "", "forwardImmediate", "callForwardImmediate"
        if line.do_not_disturb:
            return "doNotDisturb", "forwardDND", "callForward"
        if line.person == "busy" or self._taken(line.number) >= self.limits.appearances:
            return "busy", "forwardBusy", "callForwardBusy"
        return "", "", ""

    def _send(self, call: Call, number: str, cause: str) -> None:
        """Send a call to a number, where it rings or fails."""
        if number == call.calling and call.parties.get(number) == CONNECTED:
            self._fail(call, number, "busy")
            return
        self._go(call, self._way(call, number), cause)

    def _go(self, call: Call, way: Way, cause: str) -> None:
        for line, why, to in way.diverted:
            call.tried.add(line)
            self._change(call, "Diverted", line, NULL, why, extra=to)
            call.redirected, cause = line, why
        call.tried.add(way.at)
        if way.end == "fail":
            self._fail(call, way.at, way.cause)
        elif way.end == "outside":
            self._change(call, "NetworkReached", way.at, call.parties.get(way.at, NULL), cause)
            self._change(call, "Delivered", way.at, ALERTING, cause)
            self._after(self.limits.outside_answers, call, way.at, self._outside_answers)
        else:
            self._change(call, "Delivered", way.at, ALERTING, cause)
            self._ring(call, self.lines[way.at])

    def _ring(self, call: Call, line: Line) -> None:
        """What is set when the line begins to ring holds until it stops."""
        rule = line.rule("forwardNoAns", outside=self._from_outside(call))
        if line.person == "rejects":
            self._after(0, call, line.number, self._decline)
        elif line.person == "auto-answer":
            self._after(1, call, line.number, self._person_answers)
        seconds = self.limits.no_answer if not (rule and rule.rings) else rule.rings * self.limits.ring
        self._after(seconds, call, line.number, lambda c, d: self._not_answered(c, d, rule))

    def _fail(self, call: Call, device: str, cause: str) -> None:
        self._no_timer(call, device)
        self._change(call, "Failed", device, FAIL, cause)
        self._no_timer(call, "")
        self._tone(call)

    def _tone(self, call: Call) -> None:
        """Somebody hears a tone, or still hears it; the PBX ends it after a while."""
        if not any(timer.call is call and not timer.device for timer in self._timers):
            self._after(self.limits.tone, call, "", self._tone_ends)

    def _tone_ends(self, call: Call, _: str) -> None:
        talking = call.those(*TALKING)
        alone = len(talking) == 1 and not call.those(ALERTING)
        for device in [*reversed(call.those(FAIL)), *(talking if alone else [])]:
            self._change(call, "ConnectionCleared", device, NULL, "normalClearing")

    def _no_tone(self, call: Call) -> None:
        """Nobody hears a tone who has somebody to talk to; what failed is cleared in its time still."""
        if not call.those(FAIL):
            self._no_timer(call, "")

    def _decline(self, call: Call, device: str) -> None:
        self._drop(call, device)

    def _person_answers(self, call: Call, device: str) -> None:
        """Whoever talks does not answer another call."""
        if not self.at(device, CONNECTED):
            self._answer(call, device)

    def _outside_answers(self, call: Call, device: str) -> None:
        self._no_tone(call)
        self._change(call, "Established", device, CONNECTED, "normal")

    def _not_answered(self, call: Call, device: str, rule: Rule | None) -> None:
        self._no_timer(call, device)
        if rule is None:
            self._change(call, "Failed", device, FAIL, "callNotAnswered")
            self._change(call, "ConnectionCleared", device, NULL, "normalClearing")
            self._left_alone(call, ALERTING)
        elif rule.to in call.parties or rule.to in call.tried:
            self._fail(call, device, "destNotObtainable")
        else:
            self._change(call, "Diverted", device, NULL, "callForwardNoAnswer", extra=rule.to)
            call.redirected = device
            self._send(call, rule.to, "callForwardNoAnswer")

    # What is done to calls

    def _new_call(self, calling: str, called: str) -> Call:
        self._last_call += 1
        call = Call(str(self._last_call), calling, called, tried={calling})
        self.calls[call.id] = call
        return call

    def _place(self, call: Call, cause: str) -> None:
        self._change(call, "Originated", call.calling, CONNECTED, cause)
        self._send(call, call.called, cause)

    def _hold_others(self, device: str, but: Call) -> None:
        """A line talks in one call at a time."""
        for call in self.at(device, CONNECTED):
            if call is not but:
                self._change(call, "Held", device, HOLD, "normal")

    def _answer(self, call: Call, device: str) -> None:
        self._no_timer(call, device)
        self._hold_others(device, call)
        if call.parties[device] == INITIATED:
            self._place(call, "newCall")
        else:
            self._no_tone(call)
            self._change(call, "Established", device, CONNECTED, "normal")

    def _drop(self, call: Call, device: str, cause: str = "normalClearing") -> None:
        was = call.parties[device]
        self._change(call, "ConnectionCleared", device, NULL, cause)
        self._left_alone(call, was)

    def _left_alone(self, call: Call, was: str) -> None:
        """One who ``was`` in that state has gone: those who have nobody left go, too, or hear a tone."""
        if call.id not in self.calls:
            return
        talking, ringing = call.those(*TALKING), call.those(ALERTING)
        if not talking or (len(talking) == 1 and not ringing and was in TALKING):
            for device in list(call.parties):
                cancelled = call.parties[device] == ALERTING
                cause = "callCancelled" if cancelled else "normalClearing"
                self._change(call, "ConnectionCleared", device, NULL, cause)
        elif len(talking) == 1 and not ringing and was == ALERTING:
            self._tone(call)

    # Which connection is meant

    def _device_exists(self, device: str, why: str = "invalidDeviceID") -> None:
        if device and device not in self.lines and not self.outside(device):
            raise RefusedError(why)

    def _find(self, named: Named, fitting: Iterable[str], none: str) -> tuple[Call, str]:
        """The connection that is meant; ``none``: what is told when there is none of the ``fitting``."""
        number, device = named
        if not number:
            if device not in self.lines:  # of a phone outside, only what it does in a call is known
                raise RefusedError("invalidDeviceID")
            calls = self.at(device, *fitting)
            if len(calls) > 1:
                raise RefusedError("invalidConnectionID")
            if not calls:
                raise RefusedError(none)
            return calls[0], device
        call = self.calls.get(number)
        if device:
            if call is not None and device in call.parties:
                return call, device
            raise RefusedError(none if named in self._left else "invalidConnectionID")
        if call is None:
            raise RefusedError("invalidConnectionID")
        parties = call.those(*fitting)
        if len(parties) > 1:
            raise RefusedError("invalidConnectionID")
        if not parties:
            raise RefusedError("invalidConnectionState")
        return call, parties[0]

    def _one(
        self, named: Named, fitting: Iterable[str], none: str, wrong: str = "invalidConnectionState"
    ) -> tuple[Call, str]:
        """The connection that is meant, in one of the ``fitting`` states."""
        if named == ("", ""):
            raise RefusedError("invalidParameterValue")
        self._device_exists(named[1])
        call, device = self._find(named, fitting, none)
        if call.parties[device] not in fitting:
            raise RefusedError(wrong)
        return call, device

    def _commanded(self, device: str) -> None:
        """Only lines can be told to do something, and only those that are in service."""
        if not self.linked:
            raise RefusedError("resourceOutOfService")
        if device not in self.lines:
            raise RefusedError("invalidDeviceID")
        if self.lines[device].person == "out-of-service":
            raise RefusedError("deviceOutOfService")

    def _two(self, request: dict[str, Any]) -> tuple[Call, Call, str]:
        """The held and the active call of one device."""
        held, active = request["heldCall"], request["activeCall"]
        if ("", "") in (held, active):
            raise RefusedError("invalidParameterValue")
        self._device_exists(held[1], "invalidHeldDeviceID")
        self._device_exists(active[1])
        if held[1] and active[1] and held[1] != active[1]:
            raise RefusedError("invalidHeldDeviceID")
        held, active = self._same_device(held, active)
        held_call, device = self._find(held, [HOLD], "noHeldCall")
        active_call, _ = self._find(active, [CONNECTED], "noActiveCall")
        if held_call.parties[device] != HOLD:
            raise RefusedError("invalidHeldDeviceState")
        if active_call.parties[device] != CONNECTED:
            raise RefusedError("invalidConnectionState")
        return held_call, active_call, device

    def _same_device(self, held: Named, active: Named) -> tuple[Named, Named]:
        """A call by its id alone is that of the other's device, or of the one device that has both."""
        device = held[1] or active[1]
        if not device:
            first, second = self.calls.get(held[0]), self.calls.get(active[0])
            if first is None or second is None:
                raise RefusedError("invalidConnectionID")
            both = [party for party in first.parties if party in second.parties]
            both = [party for party in both if len(both) == 1 or first.parties[party] == HOLD]
            if len(both) != 1:
                raise RefusedError("invalidConnectionID")
            device = both[0]
        return (held[0], device), (active[0], device)

    # Services

    def serve(self, client: int, service: str, request: dict[str, Any]) -> tuple[Any, ...]:
        """What is in the response.  Raises `RefusedError`."""
        served: tuple[Any, ...] | None = getattr(self, "_" + re.sub("(?<!^)(?=[A-Z])", "_", service).lower())(
            request, client
        )
        return served or ()

    @staticmethod
    def _dialled(number: str) -> str:
        if not number or not re.fullmatch(r"[0-9*#A-D]+", number):
            raise RefusedError("invalidParameterValue")
        return number

    def _make_call(self, request: dict[str, Any], _: int) -> tuple[str]:
        calling, called = request["callingDevice"], self._dialled(request["calledDirectoryNumber"])
        if not calling:
            raise RefusedError("invalidParameterValue")
        if calling not in self.lines:
            raise RefusedError("invalidCallingDeviceID")
        line = self.lines[calling]
        if self.at(calling, CONNECTED, INITIATED):
            raise RefusedError("connectedCallExists")
        if not self.can_be_called(called, calling):
            raise RefusedError("invalidCalledDeviceID")
        if not self.linked:
            raise RefusedError("resourceOutOfService")
        if line.person == "out-of-service":
            raise RefusedError("callingDeviceOutOfService")
        if self._taken(calling) >= self.limits.appearances:
            raise RefusedError("resourceBusy")
        call = self._new_call(calling, called)
        self._change(call, "ServiceInitiated", calling, INITIATED, "makeCall")
        if request["autoOriginate"] == "prompt" and line.person == "no-answer":
            self._after(self.limits.no_answer, call, calling, lambda c, d: self._drop(c, d, "timeout"))
        else:
            self._place(call, "newCall")
        return (f"{call.id}:{calling}",)

    def _answer_call(self, request: dict[str, Any], _: int) -> None:
        call, device = self._one(request["callToBeAnswered"], [INITIATED, ALERTING], "noCallToAnswer")
        self._commanded(device)
        self._answer(call, device)

    def _clear_connection(self, request: dict[str, Any], _: int) -> None:
        any_state = [INITIATED, ALERTING, CONNECTED, HOLD, FAIL]
        call, device = self._one(request["connectionToBeCleared"], any_state, "noConnectionToClear")
        if device in self.lines or not self.linked:
            self._commanded(device)
        self._drop(call, device)

    def _clear_call(self, request: dict[str, Any], _: int) -> None:
        call = self._a_call(request["callToBeCleared"], "noConnectionToClear")
        if not self.linked:
            raise RefusedError("resourceOutOfService")
        for device in list(call.parties):
            self._change(call, "ConnectionCleared", device, NULL, "normalClearing")

    def _a_call(self, named: Named, left: str = "invalidConnectionID") -> Call:
        """A call that is named by its id, or by a connection in it."""
        if named == ("", ""):
            raise RefusedError("invalidParameterValue")
        self._device_exists(named[1])
        if named[1]:
            return self._find(named, [INITIATED, ALERTING, CONNECTED, HOLD, FAIL], left)[0]
        if named[0] not in self.calls:
            raise RefusedError("invalidConnectionID")
        return self.calls[named[0]]

    def _hold_call(self, request: dict[str, Any], _: int) -> None:
        call, device = self._one(request["callToBeHeld"], [CONNECTED], "noActiveCall")
        self._commanded(device)
        self._change(call, "Held", device, HOLD, "normal")

    def _retrieve_call(self, request: dict[str, Any], _: int) -> None:
        call, device = self._one(request["callToBeRetrieved"], [HOLD], "noHeldCall")
        self._commanded(device)
        self._hold_others(device, call)
        self._change(call, "Retrieved", device, CONNECTED, "normal")

    def _consultation_call(self, request: dict[str, Any], _: int) -> tuple[str]:
        called = self._dialled(request["consultedDevice"])
        call, device = self._one(request["existingCall"], [CONNECTED], "noActiveCall")
        if not self.can_be_called(called, device):
            raise RefusedError("invalidCalledDeviceID")
        self._commanded(device)
        if self._taken(device) >= self.limits.appearances:
            raise RefusedError("resourceBusy")
        self._change(call, "Held", device, HOLD, "consultation")
        new = self._new_call(device, called)
        self._change(new, "ServiceInitiated", device, INITIATED, "consultation")
        self._place(new, "consultation")
        return (f"{new.id}:{device}",)

    def _alternate_call(self, request: dict[str, Any], _: int) -> None:
        held, active, device = self._two(request)
        self._commanded(device)
        self._change(active, "Held", device, HOLD, "alternate")
        self._change(held, "Retrieved", device, CONNECTED, "alternate")

    def _reconnect_call(self, request: dict[str, Any], _: int) -> None:
        held, active, device = self._two(request)
        self._commanded(device)
        self._drop(active, device)
        self._change(held, "Retrieved", device, CONNECTED, "normal")

    def _transfer_call(self, request: dict[str, Any], _: int) -> tuple[Any, ...]:
        return self._join(request, "Transfered", "transfer")

    def _conference_call(self, request: dict[str, Any], _: int) -> tuple[Any, ...]:
        return self._join(request, "Conferenced", "conference")

    def _join(self, request: dict[str, Any], kind: str, cause: str) -> tuple[Any, ...]:
        """Two calls of a device become one, with the device or without it."""
        held, active, device = self._two(request)
        self._commanded(device)
        theirs, others = held.others(device, *TALKING), active.others(device, *TALKING, ALERTING)
        apart = set(held.parties) & set(active.parties) == {device}
        if not theirs or not others or active.others(device, FAIL) or not apart:
            raise RefusedError("invalidConnectionState")
        stays = kind == "Conferenced"
        old = {device: held} if stays else {}
        old |= {d: held for d in held.parties if d != device}
        old |= {d: active for d in active.parties if d != device}
        if len(old) > self.limits.conference:
            raise RefusedError("conferenceMemberLimitExceeded")
        calling = held.calling if held.calling in old else next(iter(old))
        new = self._new_call(calling, held.called if stays else others[0])
        new.redirected = held.redirected if stays else ""
        new.tried = held.tried | active.tried
        new.parties = {d: CONNECTED if d == device else call.parties[d] for d, call in old.items()}
        items = sorted((f"{new.id}:{party}", f"{call.id}:{party}") for party, call in old.items())
        pairs = tuple(name for item in items for name in item)
        told = Told(
            kind, (f"{held.id}:{device}", f"{active.id}:{device}", *pairs), cause=cause, extra=others[0]
        )
        before = {**held.parties, **active.parties}
        self._joined(new, held, active)
        self._tell(new, told, before)
        return (f"{new.id}:{device if stays else others[0]}", *pairs)

    def _joined(self, new: Call, *olds: Call) -> None:
        """Monitors and timers go over to the ``new`` call."""
        for timer in self._timers:
            if timer.call in olds:
                timer.call = new
        self._no_tone(new)
        for call in olds:
            for monitor in self.monitors.values():
                if monitor.call == call.id:
                    monitor.call = new.id
            self._left |= {(call.id, party) for party in call.parties}
            del self.calls[call.id]

    def _single_step(self, request: dict[str, Any]) -> tuple[Call, str, str, bool]:
        """What single steps have in common: call, device, destination and whether they come to nothing."""
        transfer = "transferredTo" in request
        number = self._dialled(request["transferredTo"] if transfer else request["deviceToJoin"])
        call, device = self._one(request["activeCall"], [CONNECTED], "noActiveCall")
        if not call.others(device, *TALKING):
            raise RefusedError("invalidConnectionState")
        self._reachable(number, call, device)
        self._commanded(device)
        if not transfer and len(call.parties) >= self.limits.conference:
            raise RefusedError("conferenceMemberLimitExceeded")
        after = replace(call, calling=self._calling_without(call, device)) if transfer else call
        way = self._way(after, number)
        if way.end == "ring" or way.diverted or way.forwards or way.end == "outside":
            return call, device, number, False
        told = Told("ServiceCompletionFailure", (f"{call.id}:{device}",), cause=way.cause)
        self._tell(call, replace(told, extra=call.parties[device]), local=False)
        return call, device, number, True

    def _calling_without(self, call: Call, device: str) -> str:
        """Whose call it is when it is transferred by a device: still the caller's, if that is in it."""
        others = call.others(device, *ANY)
        return call.calling if call.calling in others else others[0]

    def _reachable(self, number: str, call: Call, device: str) -> None:
        if number == "9" or number in call.parties:
            raise RefusedError("invalidDestinationDeviceObject")
        if not self.can_be_called(number, device):
            raise RefusedError("invalidDestination")

    def _single_step_transfer_call(self, request: dict[str, Any], _: int) -> tuple[str]:
        call, device, number, in_vain = self._single_step(request)
        if not in_vain:
            before = dict(call.parties)
            call.calling = self._calling_without(call, device)
            call.called, call.redirected = number, ""
            del call.parties[device]
            self._left.add((call.id, device))
            self._stepped(call, Told("Transfered", cause="singleStepTransfer"), device, number, before)
            self._send(call, number, "singleStepTransfer")
        return (f"{call.id}:{number}",)

    def _single_step_conference_call(self, request: dict[str, Any], _: int) -> tuple[str]:
        call, device, number, in_vain = self._single_step(request)
        if not in_vain:
            told = Told("Conferenced", cause="singleStepConference")
            self._stepped(call, told, device, number, dict(call.parties))
            self._send(call, number, "singleStepConference")
        return (f"{call.id}:{number}",)

    def _stepped(self, call: Call, told: Told, device: str, number: str, before: dict[str, str]) -> None:
        call.tried = set(call.parties)
        items = sorted(f"{call.id}:{party}" for party in (*call.parties, number))
        named = (f"{call.id}:{device}", *items)
        self._tell(call, replace(told, connections=named, extra=number), before)

    def _deflect_call(self, request: dict[str, Any], _: int) -> None:
        number, named = self._dialled(request["newDestination"]), request["callToBeDiverted"]
        if named == ("", ""):
            raise RefusedError("invalidParameterValue")
        self._device_exists(named[1], "invalidDivertingDeviceID")
        if all(named) and named[0] in self.calls and named not in self._left:
            there = self.calls[named[0]].parties
            if named[1] not in there:
                raise RefusedError("invalidDivertingDeviceID")
        call, device = self._one(named, [ALERTING], "noCallToAnswer", "invalidDivertingDeviceID")
        self._reachable(number, call, device)
        self._commanded(device)
        self._change(call, "Diverted", device, NULL, "redirected", extra=number)
        call.redirected = device
        self._send(call, number, "redirected")

    def _generate_digits(self, request: dict[str, Any], _: int) -> None:
        digits = request["charactersToSend"]
        if not re.fullmatch(r"[0-9*#A-Da-d]{1,64}", digits):
            raise RefusedError("invalidParameterValue")
        call, device = self._one(request["connectionToSendDigits"], [CONNECTED], "noActiveCall")
        self._commanded(device)
        told = Told("DigitsGenerated", (f"{call.id}:{device}",), extra=digits.upper())
        self._tell(call, told, local=False)

    # Features of lines

    def _line(self, number: str, *, commanded: bool = True) -> Line:
        if not number:
            raise RefusedError("invalidParameterValue")
        if number not in self.lines:
            raise RefusedError("invalidDeviceID")
        if commanded:
            self._commanded(number)
        return self.lines[number]

    def _tell_of_line(self, line: Line, told: Told) -> None:
        for monitor in list(self.monitors.values()):
            if monitor.device == line.number:
                self._tell_one(monitor, told)

    def _set_do_not_disturb(self, request: dict[str, Any], _: int) -> None:
        line, on = self._line(request["device"]), request["doNotDisturbOn"]
        if line.do_not_disturb != on:
            line.do_not_disturb = on
            self._tell_of_line(line, Told("DoNotDisturb", extra=str(on).lower()))

    def _get_do_not_disturb(self, request: dict[str, Any], _: int) -> tuple[str]:
        return (str(self._line(request["device"]).do_not_disturb).lower(),)

    def _set_forwarding(self, request: dict[str, Any], _: int) -> None:
        when, on, to, rings = (
            request[name] for name in ("forwardingType", "activateForward", "forwardDN", "ringCount")
        )
        if to is not None:
            self._dialled(to)
        if rings is not None and not 1 <= rings <= 99:
            raise RefusedError("invalidParameterValue")
        line = self._line(request["device"], commanded=False)
        if to is None:  # only the PBX knows where it led before
            self._commanded(line.number)
        if not on:
            for name in [when] if when else FORWARDINGS:
                if name in line.forwardings:
                    self._put_forwarding(line, name, replace(line.forwardings[name], active=False))
            return
        when = when or "forwardImmediate"
        new = self._rule(line.forwardings.get(when), to, rings if "NoAns" in when else None)
        if (
            new.to == line.number
            or not self.can_be_called(new.to, line.number)
            or self._loops(line, when, new)
        ):
            raise RefusedError("invalidForwardingDestination")
        self._commanded(line.number)
        self._put_forwarding(line, when, new)

    @staticmethod
    def _rule(old: Rule | None, to: str | None, rings: int | None) -> Rule:
        """A forwarding that is switched on, or on again: then it leads where it led, after as many rings."""
        if to is not None:
            return Rule(to, active=True, rings=rings)
        if old is None:
            raise RefusedError("invalidForwardingDestination")
        return Rule(old.to, active=True, rings=old.rings if rings is None else rings)

    def _loops(self, line: Line, when: str, new: Rule) -> bool:
        """Forwardings of everything must not lead back to where they start, for the calls of no origin."""
        changed = replace(line, forwardings=line.forwardings | {when: new})
        for outside in (False, True):
            rule = changed.rule("forwardImmediate", outside=outside)
            way = [line.number]
            while rule is new or (rule and len(way) > 1):
                if rule.to in way:
                    return True
                if rule.to not in self.lines:
                    break
                way.append(rule.to)
                rule = self.lines[rule.to].rule("forwardImmediate", outside=outside)
        return False

    def _put_forwarding(self, line: Line, when: str, rule: Rule) -> None:
        if line.forwardings.get(when) != rule:
            line.forwardings[when] = rule
            rings = "" if rule.rings is None else str(rule.rings)
            extra = f"{when} {str(rule.active).lower()} {rule.to} {rings}".strip()
            self._tell_of_line(line, Told("Forwarding", extra=extra))

    def _get_forwarding(self, request: dict[str, Any], _: int) -> tuple[str, ...]:
        line = self._line(request["device"])
        return tuple(
            f"{name} {str(rule.active).lower()} {rule.to} {'' if rule.rings is None else rule.rings}".strip()
            for name, rule in sorted(line.forwardings.items(), key=lambda item: FORWARDINGS.index(item[0]))
        )

    # Monitors and snapshots

    def _monitor_start(self, request: dict[str, Any], client: int) -> tuple[str]:
        device, named = request.get("deviceObject"), request.get("callObject")
        if (device is None) == (named is None):
            raise RefusedError("invalidMonitorObjectType")
        monitor = Monitor("", client, unwanted=request["filter"])
        if device is not None:
            if not device:
                raise RefusedError("invalidParameterValue")
            if device == "9":
                raise RefusedError("invalidMonitorObjectType")
            if device not in self.lines:
                raise RefusedError("invalidDeviceID")
            monitor.device = device
        else:
            monitor.call = self._a_call(named or ("", "")).id
        self._last_reference += 1
        monitor.reference = str(self._last_reference)
        self.monitors[monitor.reference] = monitor
        return (monitor.reference,)

    def _own(self, request: dict[str, Any], client: int) -> Monitor:
        monitor = self.monitors.get(request["monitorCrossRefID"])
        if monitor is None or monitor.client != client:
            raise RefusedError("invalidCrossRefID")
        return monitor

    def _monitor_stop(self, request: dict[str, Any], client: int) -> None:
        del self.monitors[self._own(request, client).reference]

    def _change_monitor_filter(self, request: dict[str, Any], client: int) -> None:
        self._own(request, client).unwanted = request["filter"]

    def _snapshot_device(self, request: dict[str, Any], _: int) -> tuple[Any, ...]:
        """Each connection with its own state, then those of the others in no order."""
        number = self._line(request["snapshotObject"], commanded=False).number
        return tuple(
            sorted(
                (
                    f"{c.id}:{number}",
                    c.parties[number],
                    *sorted(c.parties[other] for other in c.others(number, *ANY)),
                )
                for c in self.at(number, *ANY)
            )
        )

    def _snapshot_call(self, request: dict[str, Any], _: int) -> tuple[Any, ...]:
        call = self._a_call(request["snapshotObject"])
        parties = sorted((f"{call.id}:{device}", state) for device, state in call.parties.items())
        return (call.calling, call.called, *parties)

    # People, and clients that go

    def pick_up(self, number: str) -> None:
        """The person at a phone that rings, or prompts, lifts the handset."""
        for call in self.at(number, INITIATED, ALERTING)[:1]:
            if number in self.lines:
                self._answer(call, number)
            else:
                self._no_timer(call, number)
                self._outside_answers(call, number)

    def put_down(self, number: str) -> None:
        """Whoever it is hangs up: the call that is talked in, or else any."""
        for call in (self.at(number, CONNECTED) + self.at(number, *ANY))[:1]:
            self._drop(call, number)

    def ring_in(self, outside: str, called: str) -> None:
        self._place(self._new_call(outside, called), "newCall")

    def gone(self, client: int) -> None:
        """A client has gone, and its monitors with it."""
        self.monitors = {r: m for r, m in self.monitors.items() if m.client != client}


ANY = (INITIATED, ALERTING, CONNECTED, HOLD, FAIL)
