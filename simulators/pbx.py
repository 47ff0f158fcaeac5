"""A small PBX: phones with a person at each, an outside world, and a clock that it is given.

It keeps its own picture of its calls in its own words, so that it and the gateway can show each other wrong.

Choices that a PBX is free to make:

* Calling one's own number is busy, and the connection that fails is the caller's own: there is no other.
* A forwarding that leads back to the caller or to a line that the call has tried already, or to a number
  that does not exist, is not followed: the call fails at the line that would have forwarded it
  (destNotObtainable).  The caller's live connection is never the one that fails.
* A line out of service fails before its forwardings are looked at; forwarding everything wins over do not
  disturb, and do not disturb over busy.
* A connection that failed at a called line takes none of its appearances.
* A line can talk in two calls at once: putting one on hold is left to whoever commands it.
"""

from __future__ import annotations

import enum
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import Cause, Driver, Forwarding, Kind, Leg, Line, Report
from simulators.behaviours import Features, Limits, PhoneSettings, behaviours_of, demo_phones

OUTSIDE = re.compile("9[0-9]+")
UNREACHABLE = "9000"
DEFAULT_LIMITS = Limits()
Save = Callable[[str, Features], Awaitable[None]]


class Phase(enum.Enum):
    """What a party hears or does in a call; the value is the word for it in a snapshot."""

    RINGING = "alerting"
    TALKING = "connected"  # also a caller who listens to ringing or to a tone
    FAILED = "fail"


FORWARDING_CAUSES: Mapping[Forwarding, Cause] = {
    Forwarding.IMMEDIATE: Cause.CALL_FORWARD_IMMEDIATE,
    Forwarding.BUSY: Cause.CALL_FORWARD_BUSY,
    Forwarding.NO_ANSWER: Cause.CALL_FORWARD_NO_ANSWER,
    Forwarding.DO_NOT_DISTURB: Cause.CALL_FORWARD,
}


class Hindrance(NamedTuple):
    """Why a number does not ring: the forwarding that may help, and how the call fails without one."""

    failure: Cause
    forwarding: Forwarding | None = None


@dataclass(slots=True, eq=False)
class Call:
    """One call: the parties with the caller first, the numbers tried so far, and the timers that run."""

    id: str
    caller: str
    dialled: str
    parties: dict[str, Phase] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    timers: list[IDelayedCall] = field(default_factory=list)

    def stop_timers(self) -> None:
        """Whatever was to happen next in this call does not."""
        for timer in self.timers:
            if timer.active():
                timer.cancel()
        self.timers.clear()


class Outbox:
    """One queue for everything that leaves the PBX, emptied in a later turn than it was filled in."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queue: deque[Callable[[], None]] = deque()
        self._turn: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, deliver: Callable[[], None]) -> None:
        """Have ``deliver`` called after everything put before."""
        self._queue.append(deliver)
        if self._turn is None:
            self._turn = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._turn = None
        try:
            # Only what is there now: what a listener causes belongs to the turn after its command.
            for _ in range(len(self._queue)):
                self._queue.popleft()()
        finally:
            # A listener that raises must not keep the rest waiting for ever.
            if self._queue and self._turn is None:
                self._turn = self._clock.callLater(0, self._flush)


class Pbx(Driver):
    """The simulated PBX.

    ``clock`` gives the time (seconds) and runs everything that happens later.
    ``saved`` has the features kept from an earlier run, by number: they win over those of ``phones``, and
    those of lines that are gone are passed over.
    ``save`` is awaited with a number and its features before a change of them takes effect; when it raises,
    nothing changes.
    """

    def __init__(
        self,
        clock: IReactorTime,
        phones: Iterable[PhoneSettings] | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        saved: Mapping[str, Features] | None = None,
        save: Save | None = None,
    ) -> None:
        settings = demo_phones() if phones is None else tuple(phones)
        self._clock = clock
        self._limits = limits
        self._behaviours = behaviours_of(settings)
        self._features = {phone.number: (saved or {}).get(phone.number, phone.features) for phone in settings}
        self._save = save
        self._report: Callable[[Report], None] = lambda _: None
        self._outbox = Outbox(clock)
        self._calls: dict[str, Call] = {}
        self._calls_at: dict[str, dict[str, Call]] = {}
        self._placed = 0
        self._reacting = 0

    # What is there

    def listen(self, report: Callable[[Report], None]) -> None:
        self._report = report

    def lines(self) -> Mapping[str, Line]:
        return {number: Line(number, phone.in_service) for number, phone in self._behaviours.items()}

    def can_call(self, number: str) -> bool:
        return number in self._behaviours or OUTSIDE.fullmatch(number) is not None

    def features(self, number: str) -> Features:
        """The features of a line as they are now; KeyError when there is no such line."""
        return self._features[number]

    @property
    def live_calls(self) -> int:
        """How many calls have a connection left."""
        return len(self._calls)

    @property
    def live_legs(self) -> int:
        """How many connections there are."""
        return sum(len(calls) for calls in self._calls_at.values())

    @property
    def pending_timers(self) -> int:
        """How many timers of calls run."""
        return sum(timer.active() for call in self._calls.values() for timer in call.timers)

    @property
    def idle(self) -> bool:
        """Nothing is going on, nothing is about to happen, nothing is left to be told."""
        return not (self._calls or self._calls_at or self._reacting or self._outbox)

    # Commands

    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        """The person lifts the handset at once, so a prompted call looks like one that is not."""
        self._must_be_line(caller, Reason.INVALID_CALLING_DEVICE_ID)
        await self._react(caller, Reason.CALLING_DEVICE_OUT_OF_SERVICE)
        if not self.can_call(called):
            raise Refused(Reason.INVALID_CALLED_DEVICE_ID)
        if self._taken(caller) >= self._limits.appearances:
            raise Refused(Reason.RESOURCE_BUSY)
        self._placed += 1
        call = Call(f"c{self._placed}", caller, called, tried={caller})
        self._calls[call.id] = call
        self._tell(Kind.INITIATE, call, caller, Cause.MAKE_CALL, called=called)
        self._tell(Kind.ORIGINATE, call, caller, Cause.NEW_CALL, called=called)
        self._put(call, caller, Phase.TALKING)
        self._offer(call, called, Cause.NEW_CALL)
        return call.id

    async def answer(self, call: str, device: str) -> None:
        await self._react(device)
        live = self._find(call, device)
        self._must_be_line(device)  # nobody here can lift a handset outside
        if live.parties[device] is not Phase.RINGING:
            raise Refused(Reason.INVALID_CONNECTION_STATE)
        self._answered(live, device)

    async def clear(self, call: str, device: str) -> None:
        await self._react(device)
        live = self._find(call, device)
        if device == live.caller or live.parties[device] is Phase.TALKING:
            others = [party for party in live.parties if party != device]
            self._end(live, [device, *others], ringing=Cause.CALL_CANCELLED)
        else:
            self._dropped(live, device)

    async def clear_call(self, call: str) -> None:
        if call not in self._calls:
            raise Refused(Reason.INVALID_CONNECTION_ID)
        self._end(self._calls[call], list(self._calls[call].parties))

    async def set_forwarding(self, device: str, when: Forwarding, destination: str | None) -> None:
        self._must_be_line(device)
        await self._react(device)
        if destination is not None and (destination == device or not self.can_call(destination)):
            raise Refused(Reason.INVALID_FORWARDING_DESTINATION)
        await self._change(device, self._features[device].with_forwarding(when, destination))

    async def set_do_not_disturb(self, device: str, *, on: bool) -> None:
        self._must_be_line(device)
        await self._react(device)
        await self._change(device, self._features[device].with_do_not_disturb(on=on))

    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        self._must_be_line(device)
        # Taken now and handed over behind the reports that led to it: later reports come after it.
        picture = tuple(
            Leg(call.id, call.parties[device].value, call.caller, call.dialled)
            for call in self._calls_at.get(device, {}).values()
        )
        told: Deferred[tuple[Leg, ...]] = Deferred()
        self._outbox.put(partial(told.callback, picture))
        return await told

    # What a command needs

    def _must_be_line(self, device: str, otherwise: Reason = Reason.INVALID_DEVICE_ID) -> None:
        if device not in self._behaviours:
            raise Refused(otherwise)

    async def _react(self, device: str, broken: Reason = Reason.DEVICE_OUT_OF_SERVICE) -> None:
        """Take the time that the commanded phone takes; parties outside take none."""
        phone = self._behaviours.get(device)
        if phone is None:
            return
        if phone.reaction > 0:
            self._reacting += 1
            try:
                await deferLater(self._clock, phone.reaction)
            finally:
                self._reacting -= 1
        if not phone.in_service:
            raise Refused(broken)

    def _find(self, call: str, device: str) -> Call:
        live = self._calls.get(call)
        if live is None or device not in live.parties:
            raise Refused(Reason.INVALID_CONNECTION_ID)
        return live

    async def _change(self, number: str, features: Features) -> None:
        if features == self._features[number]:
            return
        if self._save is not None:
            await self._save(number, features)
        self._features[number] = features

    # How a call finds its way

    def _taken(self, device: str) -> int:
        """How many appearances of a line are in use."""
        calls = self._calls_at.get(device, {}).values()
        return sum(call.parties[device] is not Phase.FAILED or call.caller == device for call in calls)

    def _hindrance(self, call: Call, number: str) -> Hindrance | None:
        """What keeps ``number`` from ringing, the strongest first."""
        phone = self._behaviours.get(number)
        if phone is None:
            return Hindrance(Cause.DEST_NOT_OBTAINABLE) if number == UNREACHABLE else None
        features = self._features[number]
        forwards_all = features.destination(Forwarding.IMMEDIATE) is not None
        busy = phone.busy or self._taken(number) >= self._limits.appearances
        hindrances = (
            (number == call.caller, Hindrance(Cause.BUSY)),
            (not phone.in_service, Hindrance(Cause.DEST_OUT_OF_ORDER)),
            (forwards_all, Hindrance(Cause.DEST_NOT_OBTAINABLE, Forwarding.IMMEDIATE)),
            (features.do_not_disturb, Hindrance(Cause.DO_NOT_DISTURB, Forwarding.DO_NOT_DISTURB)),
            (busy, Hindrance(Cause.BUSY, Forwarding.BUSY)),
        )
        return next((hindrance for present, hindrance in hindrances if present), None)

    def _offer(self, call: Call, number: str, cause: Cause) -> None:
        """Ring ``number``, or send the call on, or let it fail there."""
        call.tried.add(number)
        hindrance = self._hindrance(call, number)
        if hindrance is None:
            self._ring(call, number, cause)
        elif hindrance.forwarding is None or not self._forwarded(call, number, hindrance.forwarding):
            self._fail(call, number, hindrance.failure)

    def _forwarded(self, call: Call, number: str, when: Forwarding) -> bool:
        """Follow the line's forwarding for ``when``.  False: it has none."""
        target = self._features[number].destination(when)
        if target is None:
            return False
        if target in call.tried or not self.can_call(target):
            self._fail(call, number, Cause.DEST_NOT_OBTAINABLE)
            return True
        cause = FORWARDING_CAUSES[when]
        self._tell(Kind.DIVERT, call, number, cause, destination=target)
        self._take_out(call, number)
        self._offer(call, target, cause)
        return True

    def _ring(self, call: Call, number: str, cause: Cause) -> None:
        self._put(call, number, Phase.RINGING)
        phone = self._behaviours.get(number)
        if phone is None:
            self._tell(Kind.REACH_NETWORK, call, number, cause)
        self._tell(Kind.DELIVER, call, number, cause)
        if phone is None:
            self._later(call, self._limits.outside_answers, self._answered, number)
            return
        self._later(call, self._limits.no_answer, self._not_answered, number)
        if phone.rejects:
            self._later(call, 0, self._dropped, number)
        elif phone.answers_after is not None:
            self._later(call, phone.answers_after, self._answered, number)

    # What happens to a call

    def _answered(self, call: Call, device: str) -> None:
        call.stop_timers()
        self._put(call, device, Phase.TALKING)
        self._tell(Kind.ESTABLISH, call, device, Cause.NORMAL)

    def _not_answered(self, call: Call, device: str) -> None:
        call.stop_timers()
        if not self._forwarded(call, device, Forwarding.NO_ANSWER):
            self._tell(Kind.FAIL, call, device, Cause.CALL_NOT_ANSWERED)
            self._dropped(call, device)

    def _fail(self, call: Call, device: str, cause: Cause) -> None:
        self._put(call, device, Phase.FAILED)
        self._tell(Kind.FAIL, call, device, cause)
        self._play_tone(call)

    def _dropped(self, call: Call, device: str) -> None:
        """A called party is gone before it talked; the caller hears a tone, or still hears the one it has."""
        tone_plays = call.parties[device] is Phase.FAILED
        self._tell(Kind.CLEAR, call, device, Cause.NORMAL_CLEARING)
        self._take_out(call, device)
        if not tone_plays:
            self._play_tone(call)

    def _play_tone(self, call: Call) -> None:
        call.stop_timers()
        self._later(call, self._limits.tone, self._tone_over)

    def _tone_over(self, call: Call) -> None:
        self._end(call, list(reversed(call.parties)))  # the caller last: it heard the tone to the end

    def _end(self, call: Call, order: list[str], *, ringing: Cause = Cause.NORMAL_CLEARING) -> None:
        """Clear every party in ``order``, those that ring with the cause ``ringing``; forget the call."""
        call.stop_timers()
        for device in order:
            cause = ringing if call.parties[device] is Phase.RINGING else Cause.NORMAL_CLEARING
            self._tell(Kind.CLEAR, call, device, cause)
            self._take_out(call, device)
        del self._calls[call.id]

    # The books

    def _put(self, call: Call, device: str, phase: Phase) -> None:
        call.parties[device] = phase
        self._calls_at.setdefault(device, {})[call.id] = call

    def _take_out(self, call: Call, device: str) -> None:
        """Forget a party; a line that forwarded before it rang was never one."""
        if call.parties.pop(device, None) is None:
            return
        calls = self._calls_at[device]
        del calls[call.id]
        if not calls:
            del self._calls_at[device]

    def _later(self, call: Call, seconds: float, happen: Callable[..., None], *details: str) -> None:
        call.timers.append(self._clock.callLater(seconds, happen, call, *details))

    def _tell(
        self, kind: Kind, call: Call, device: str, cause: Cause, *, called: str = "", destination: str = ""
    ) -> None:
        report = Report(kind, call.id, device, cause, called, destination)
        self._outbox.put(lambda: self._report(report))  # to whoever listens when its turn comes
