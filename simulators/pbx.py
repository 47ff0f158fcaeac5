"""The simulated PBX as a driver: phones with a person at each, an outside world, a clock that it is given.

It keeps its own picture of its calls in its own words, so that it and the gateway can show each other wrong.
Here is what it can be told to do and when it refuses; `simulators.exchange` has what calls do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import (
    AnyReport,
    Category,
    Digits,
    DoNotDisturb,
    Driver,
    Forwarded,
    Forwarding,
    ForwardRule,
    Kind,
    Leg,
    Line,
    LineFeatures,
    Link,
    Service,
)
from simulators.behaviours import (
    BEHAVIOURS,
    PLAIN,
    Limits,
    PhoneSettings,
    behaviour,
    behaviours_of,
    demo_phones,
    features_of,
    obeys_at_once,
    rule_for,
    with_rule,
)
from simulators.calls import FAILED, HELD, PROMPTED, RINGING, TALKING, Call, Phase
from simulators.exchange import TRUNK, Exchange
from simulators.outbox import Outbox

DEFAULT_LIMITS = Limits()
Save = Callable[[str, LineFeatures], Awaitable[None]]


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
        saved: Mapping[str, LineFeatures] | None = None,
        save: Save | None = None,
    ) -> None:
        settings = demo_phones() if phones is None else tuple(phones)
        self._clock = clock
        self._limits = limits
        self._behaviours = behaviours_of(settings)
        # Of all that a line can have, an entry only where there is something: there may be 200,000 lines.
        self._slow = {number for number, phone in self._behaviours.items() if not obeys_at_once(phone)}
        self._barred = {phone.number: phone.barred for phone in settings if phone.barred}
        self._features = features_of(settings, saved or {})
        self._save = save
        self._changing: dict[str, DeferredLock] = {}
        self._outbox = Outbox(clock)
        self._exchange = Exchange(clock, self._behaviours, self._features, limits, self._tell)
        self._link_back: IDelayedCall | None = None
        self._reacting = 0

    # What is there

    def stop(self) -> None:
        self._exchange.stop()
        self._outbox.stop()
        if self._link_back is not None and self._link_back.active():
            self._link_back.cancel()

    def listen(self, report: Callable[[AnyReport], None]) -> None:
        self._outbox.listener = report

    def lines(self) -> Mapping[str, Line]:
        lines = {number: Line(number, phone.in_service) for number, phone in self._behaviours.items()}
        return lines | {TRUNK: Line(TRUNK, category=Category.NETWORK_INTERFACE)}

    def can_call(self, number: str, device: str = "") -> bool:
        return self._exchange.can_reach(number) and not number.startswith(self._barred.get(device, ()))

    def linked(self) -> bool:
        return self._link_back is None

    def kinds(self) -> frozenset[Kind]:
        return frozenset(Kind) - {Kind.QUEUE}  # a line is free, busy or forwarded: nobody waits in a queue

    def is_line(self, number: str) -> bool:
        """Whether ``number`` is one of the phones here."""
        return number in self._behaviours

    def line_features(self, number: str) -> LineFeatures:
        """The features of a line as they are now; KeyError when there is no such line."""
        self._behaviours[number]
        return self._features.get(number, PLAIN)

    def calls(self, number: str) -> tuple[Call, ...]:
        """The calls that a line or an outside number is in; to look at."""
        return self._exchange.at(number)

    def phase(self, number: str) -> tuple[Phase, ...]:
        """What a line does in each of its calls."""
        return tuple(call.parties[number] for call in self.calls(number))

    @property
    def live_calls(self) -> int:
        """How many calls have a connection left."""
        return len(self._exchange.calls)

    @property
    def live_legs(self) -> int:
        """How many connections there are."""
        return self._exchange.legs

    @property
    def pending_timers(self) -> int:
        """How many timers of calls run."""
        return self._exchange.pending_timers

    @property
    def idle(self) -> bool:
        """Nothing is going on, nothing is about to happen, nothing is left to be told."""
        return not (self.live_calls or self.live_legs or self._reacting or self._outbox)

    # What people and the world do, without anybody's command

    def behave(self, number: str, name: str) -> None:
        """Give a line the behaviour called ``name``.  Raises `ValueError` for what is not there."""
        if not self.is_line(number):
            raise ValueError(f"there is no line {number}")
        before, after = self._behaviours[number], behaviour(name)
        self._behaviours[number] = after
        (self._slow.discard if obeys_at_once(after) else self._slow.add)(number)
        if before.in_service == after.in_service:
            return
        if not after.in_service:  # the phone is gone, and so is whoever was talking on it
            for call in self._exchange.at(number):
                self._exchange.hang_up(call, number)
        self._tell(Service(number, after.in_service))

    def behaviour_names(self) -> Mapping[str, str]:
        """The present behaviour of every line, by its name."""
        names = {value: name for name, value in BEHAVIOURS.items()}
        return {number: names[value] for number, value in self._behaviours.items()}

    def ring_in(self, outside: str, called: str) -> str:
        """The outside party ``outside`` calls a line; gives the call's id.  Raises `Refused`."""
        if outside in self._behaviours or not self._exchange.can_reach(outside):
            raise Refused(Reason.INVALID_CALLING_DEVICE_ID)
        if called not in self._behaviours:
            raise Refused(Reason.INVALID_CALLED_DEVICE_ID)
        return self._exchange.place(outside, called, prompt=False).id

    def dial(self, number: str, called: str) -> str:
        """The person at a line calls somebody; gives the call's id.  Raises `Refused`."""
        self._must_be_line(number, Reason.INVALID_CALLING_DEVICE_ID)
        if not self._behaviours[number].in_service:
            raise Refused(Reason.CALLING_DEVICE_OUT_OF_SERVICE)
        return self._placed(number, called, prompt=False)

    def ring(self, caller: str, called: str) -> str:
        """Somebody, at a line or outside, calls; gives the call's id.  Raises `Refused`."""
        return (self.dial if self.is_line(caller) else self.ring_in)(caller, called)

    def pick_up(self, number: str) -> None:
        """The person at a line lifts the handset of a phone that rings or prompts.  Raises `ValueError`."""
        for call in self._exchange.at(number):
            if call.parties[number] in (RINGING, PROMPTED):
                self._picked_up(call, number)
                return
        raise ValueError(f"nothing rings at {number}")

    def put_down(self, number: str) -> None:
        """The person at a line hangs up the call that it talks in, or else any.  Raises `ValueError`."""
        calls = self._exchange.at(number)
        if not calls:
            raise ValueError(f"{number} is in no call")
        talking = [call for call in calls if call.parties[number] is TALKING]
        self._exchange.hang_up((talking or list(calls))[0], number)

    def drop_link(self, seconds: float | None = None) -> None:
        """Lose the link to the gateway, for as long as the PBX is set to, or for ``seconds``, from now on."""
        if self._link_back is None:
            self._outbox.stop()  # what was not told yet is never told, a snapshot that is waited for neither
            self._put(Link(up=False))
        else:
            self._link_back.cancel()
        down = self._limits.link_lost if seconds is None else seconds
        self._link_back = self._clock.callLater(down, self._link_is_back)

    def _link_is_back(self) -> None:
        self._link_back = None
        self._put(Link(up=True))

    # Commands (a party outside can be cleared; nobody here can press its keys)

    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        self._must_be_line(caller, Reason.INVALID_CALLING_DEVICE_ID)
        if self._takes_time(caller):
            await self._react(caller, Reason.CALLING_DEVICE_OUT_OF_SERVICE)
        return self._placed(caller, called, prompt=prompt)

    async def answer(self, call: str, device: str) -> None:
        if self._takes_time(device):
            await self._react(device)
        live = self._find(call, device)
        self._picked_up(self._in_phase(live, device, RINGING, PROMPTED), device)

    async def clear(self, call: str, device: str) -> None:
        if self._takes_time(device):
            await self._react(device)
        self._exchange.hang_up(self._find(call, device), device)

    async def clear_call(self, call: str) -> None:
        self._must_be_linked()
        self._exchange.clear_call(self._call(call))

    async def hold(self, call: str, device: str) -> None:
        live = await self._commanded(call, device, TALKING)
        self._exchange.hold(live, device)

    async def retrieve(self, call: str, device: str) -> None:
        live = await self._commanded(call, device, HELD)
        self._exchange.retrieve(live, device)

    async def consult(self, call: str, device: str, called: str) -> str:
        live = await self._commanded(call, device, TALKING)
        self._must_be_callable(device, called)
        self._must_have_room(device)
        return self._exchange.consult(live, device, called).id

    async def alternate(self, held: str, active: str, device: str) -> None:
        self._exchange.alternate(*await self._pair(held, active, device), device)

    async def reconnect(self, held: str, active: str, device: str) -> None:
        first, second = await self._pair(held, active, device)
        self._exchange.hang_up(second, device)
        self._exchange.retrieve(first, device)

    async def transfer(self, held: str, active: str, device: str) -> str:
        first, second = await self._pair(held, active, device)
        self._must_join(first, second, device, staying=0)
        return self._exchange.transfer(first, second, device).id

    async def conference(self, held: str, active: str, device: str) -> str:
        first, second = await self._pair(held, active, device)
        self._must_join(first, second, device, staying=1)
        return self._exchange.conference(first, second, device).id

    async def single_step_transfer(self, call: str, device: str, called: str) -> str:
        live = await self._single_step(call, device, called)
        self._exchange.single_step_transfer(live, device, called)
        return live.id

    async def single_step_conference(self, call: str, device: str, joining: str, *, listen_only: bool) -> str:
        live = await self._single_step(call, device, joining)
        self._must_fit(len(live.parties) + 1)
        self._exchange.single_step_conference(live, device, joining)
        return live.id

    async def deflect(self, call: str, device: str, destination: str) -> None:
        live = await self._commanded(call, device, RINGING)
        self._must_be_callable(device, destination, Reason.INVALID_DESTINATION)
        self._must_be_new(live, destination)
        self._exchange.deflect(live, device, destination)

    async def generate_digits(self, call: str, device: str, digits: str) -> None:
        live = await self._commanded(call, device, TALKING)
        self._tell(Digits(live.id, device, digits))

    async def set_forwarding(self, device: str, rule: ForwardRule) -> None:
        self._must_be_line(device)
        await self._react(device)
        if rule.active:
            self._must_be_callable(device, rule.destination, Reason.INVALID_FORWARDING_DESTINATION)
            if self._leads_back(device, rule):
                raise Refused(Reason.INVALID_FORWARDING_DESTINATION)
        elif all(kept.when is not rule.when for kept in self.line_features(device).forwarding):
            return  # there is nothing to switch off
        await self._change(device, partial(with_rule, rule=rule), Forwarded(device, rule))

    async def set_do_not_disturb(self, device: str, *, on: bool) -> None:
        self._must_be_line(device)
        await self._react(device)
        await self._change(device, partial(replace, do_not_disturb=on), DoNotDisturb(device, on))

    async def features(self, device: str) -> LineFeatures:
        self._must_be_line(device)
        await self._react(device)
        async with self._changes_to(device):
            return self.line_features(device)

    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        if not self._exchange.can_reach(device):
            raise Refused(Reason.INVALID_DEVICE_ID)
        self._must_be_linked()
        # Taken now and handed over behind the reports that led to it: later reports come after it.
        picture = tuple(self._leg(call, device) for call in self._exchange.at(device))
        told: Deferred[tuple[Leg, ...]] = Deferred()
        self._outbox.put(picture, told.callback)
        return await told

    def _leg(self, call: Call, device: str) -> Leg:
        outside = {number: phase.value for number, phase in call.parties.items() if not self.is_line(number)}
        return Leg(call.id, call.parties[device].value, call.caller, call.dialled, outside)

    # What a command needs

    def _takes_time(self, device: str) -> bool:
        """Whether `_react` has anything to do: for most phones it is awaited for nothing."""
        return device in self._slow or self._link_back is not None

    async def _react(self, device: str, broken: Reason = Reason.DEVICE_OUT_OF_SERVICE) -> None:
        """Take the time that the commanded phone takes; parties outside take none."""
        phone = self._behaviours.get(device)
        if phone is None:
            self._must_be_linked()
            return
        if phone.drops_link:
            self.drop_link()
        if phone.reaction is None:
            await Deferred()  # for ever
        elif phone.reaction > 0:
            self._reacting += 1
            try:
                await deferLater(self._clock, phone.reaction)
            finally:
                self._reacting -= 1
        self._must_be_linked()
        if not self._behaviours[device].in_service:
            raise Refused(broken)

    def _placed(self, caller: str, called: str, *, prompt: bool) -> str:
        self._must_be_callable(caller, called)
        self._must_have_room(caller)
        return self._exchange.place(caller, called, prompt=prompt).id

    async def _commanded(self, call: str, device: str, *phases: Phase) -> Call:
        """The call at a line that is told to do something there, which it can do in ``phases`` only."""
        await self._react(device)
        return self._in_phase(self._find(call, device), device, *phases)

    async def _pair(self, held: str, active: str, device: str) -> tuple[Call, Call]:
        """The call that ``device`` holds and the one that it is in."""
        await self._react(device)
        first, second = self._find(held, device), self._find(active, device)
        return self._in_phase(first, device, HELD), self._in_phase(second, device, TALKING)

    async def _single_step(self, call: str, device: str, number: str) -> Call:
        """The call in which ``device`` talks to somebody and into which ``number`` is to come."""
        live = await self._commanded(call, device, TALKING)
        if len(live.taking_part) < 2:  # noqa: PLR2004 - itself and somebody to talk to
            raise Refused(Reason.INVALID_CONNECTION_STATE)
        self._must_be_callable(device, number, Reason.INVALID_DESTINATION)
        self._must_be_new(live, number)
        return live

    def _must_be_linked(self) -> None:
        if not self.linked():
            raise Refused(Reason.RESOURCE_OUT_OF_SERVICE)

    def _must_be_line(self, device: str, otherwise: Reason = Reason.INVALID_DEVICE_ID) -> None:
        if device not in self._behaviours:
            raise Refused(otherwise)

    def _must_be_callable(
        self, device: str, number: str, otherwise: Reason = Reason.INVALID_CALLED_DEVICE_ID
    ) -> None:
        if not self.can_call(number, device):
            raise Refused(otherwise)

    def _must_have_room(self, device: str) -> None:
        if self._exchange.taken(device) >= self._limits.appearances:
            raise Refused(Reason.RESOURCE_BUSY)

    def _must_fit(self, parties: int) -> None:
        if parties > self._limits.conference:
            raise Refused(Reason.CONFERENCE_MEMBER_LIMIT_EXCEEDED)

    def _must_be_new(self, call: Call, number: str) -> None:
        if number in call.parties:
            raise Refused(Reason.INVALID_DESTINATION_DEVICE_OBJECT)

    def _must_join(self, first: Call, second: Call, device: str, *, staying: int) -> None:
        """There must be somebody to talk to in the one call, and nobody that cannot be had in the other.

        ``staying``: 1 when ``device`` will be in the joined call.
        """
        waiting = [party for party in first.taking_part if party != device]
        others = [phase for party, phase in second.parties.items() if party != device]
        joined = first.parties.keys() | second.parties.keys()
        twice = len(joined) < len(first.parties) + len(second.parties) - 1  # somebody else is in both
        if not waiting or not others or FAILED in others or twice:
            raise Refused(Reason.INVALID_CONNECTION_STATE)
        self._must_fit(len(joined) - 1 + staying)

    def _call(self, call: str) -> Call:
        live = self._exchange.calls.get(call)
        if live is None:
            raise Refused(Reason.INVALID_CONNECTION_ID)
        return live

    def _find(self, call: str, device: str) -> Call:
        live = self._exchange.calls.get(call)
        if live is None or device not in live.parties:
            raise Refused(Reason.INVALID_CONNECTION_ID)
        return live

    def _in_phase(self, call: Call, device: str, *phases: Phase) -> Call:
        """``call``, in which ``device`` can be told something when it is a line in one of ``phases``."""
        if device not in self._behaviours:  # nobody here can tell a phone outside what to do
            raise Refused(Reason.INVALID_DEVICE_ID)
        if call.parties[device] not in phases:
            raise Refused(Reason.INVALID_CONNECTION_STATE)
        return call

    def _picked_up(self, call: Call, device: str) -> None:
        lifted = call.parties[device] is PROMPTED
        (self._exchange.lift if lifted else self._exchange.answered)(call, device)

    def _leads_back(self, device: str, rule: ForwardRule) -> bool:
        """Whether calls that ``rule`` sends on would come back by forwardings that are always followed.

        Those for the busy or absent cannot be judged beforehand: a call does not follow them twice.
        """
        return rule.destination == device or any(
            self._comes_back(device, rule, external=external) for external in (False, True)
        )

    def _comes_back(self, device: str, rule: ForwardRule, *, external: bool) -> bool:
        first = rule_for(with_rule(self.line_features(device), rule), Forwarding.IMMEDIATE, external=external)
        number: str | None = rule.destination if first == rule else None
        seen: set[str] = set()
        while number in self._features and number not in seen and number != device:
            seen.add(number)
            following = rule_for(self._features[number], Forwarding.IMMEDIATE, external=external)
            number = following.destination if following else None
        return number == device

    @asynccontextmanager
    async def _changes_to(self, number: str) -> AsyncIterator[None]:
        """Wait for the changes of a line's features that came before; those that come wait for this one."""
        lock = self._changing.setdefault(number, DeferredLock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked:  # nobody has waited for it
                self._changing.pop(number, None)

    async def _change(
        self, number: str, change: Callable[[LineFeatures], LineFeatures], report: AnyReport
    ) -> None:
        async with self._changes_to(number):  # each change starts from what the one before has left
            before = self.line_features(number)
            features = change(before)
            if features == before:
                return
            if self._save is not None:
                await self._save(number, features)
            if features == PLAIN:
                self._features.pop(number, None)
            else:
                self._features[number] = features
            self._tell(report)

    def _tell(self, report: AnyReport) -> None:
        if self._link_back is None:  # else nobody hears it
            self._outbox.put(report)

    def _put(self, report: AnyReport) -> None:
        self._outbox.put(report)
