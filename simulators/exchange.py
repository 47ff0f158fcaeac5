"""What the simulated PBX does with calls: how they find their way, and what becomes of them.

Choices that a PBX is free to make:

* Calling one's own number is busy, and the connection that fails is the caller's own: there is no other.
* A forwarding that leads back to the caller or to a line that the call has tried already, or to a number
  that does not exist, is not followed: the call fails at the line that would have forwarded it
  (destNotObtainable).  The caller's live connection is never the one that fails.
* A line out of service fails before its forwardings are looked at; forwarding everything wins over do not
  disturb, and do not disturb over busy.  What is set while a phone rings does not touch that call.
* A connection that failed at a called line takes none of its appearances.
* A line talks in one call at a time: placing, answering or retrieving another holds the one it talks in.
* Two calls that are joined get a new id; a single step keeps the id of its call.
* A single step to a line that cannot ring comes to nothing, and the call stays as it was.
* Whoever is left alone in a call is cleared; alone before anybody answered, it hears a tone first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from ctigw.switch.driver import (
    AnyReport,
    Cause,
    CompletionFailure,
    Forwarding,
    ForwardRule,
    Kind,
    LineFeatures,
    Merge,
    Report,
)
from simulators.behaviours import Behaviour, Limits, rule_for
from simulators.calls import FAILED, HELD, NOBODY, PROMPTED, RINGING, TALKING, Call, Phase
from simulators.timers import Timers

TRUNK = "9"
OUTSIDE = re.compile("9[0-9]+")
UNREACHABLE = "9000"

# What every call is reported with, under names of their own (see `simulators.calls`).
INITIATE, ORIGINATE, DELIVER = Kind.INITIATE, Kind.ORIGINATE, Kind.DELIVER
ESTABLISH, CLEAR = Kind.ESTABLISH, Kind.CLEAR
MAKE_CALL, NEW_CALL, NORMAL = Cause.MAKE_CALL, Cause.NEW_CALL, Cause.NORMAL
NORMAL_CLEARING, CALL_CANCELLED = Cause.NORMAL_CLEARING, Cause.CALL_CANCELLED

# What a line that lies adds to a report: something that cannot have happened then.
LIES = {DELIVER: Kind.RETRIEVE, ESTABLISH: DELIVER}

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


NOT_THERE = Hindrance(Cause.DEST_NOT_OBTAINABLE)
THERE_ALREADY = Hindrance(Cause.BUSY)
OUT_OF_ORDER = Hindrance(Cause.DEST_OUT_OF_ORDER)
FORWARDS_ALL = Hindrance(Cause.DEST_NOT_OBTAINABLE, Forwarding.IMMEDIATE)
NOT_DISTURBED = Hindrance(Cause.DO_NOT_DISTURB, Forwarding.DO_NOT_DISTURB)
BUSY = Hindrance(Cause.BUSY, Forwarding.BUSY)


class Exchange:
    """The calls of a PBX.  It is told what to do and checks nothing; ``tell`` gets every report, in order.

    ``behaviours`` is by line; ``features`` too, of those that are set to anything.  Both may change under it.
    """

    def __init__(
        self,
        clock: IReactorTime,
        behaviours: Mapping[str, Behaviour],
        features: Mapping[str, LineFeatures],
        limits: Limits,
        tell: Callable[[AnyReport], None],
    ) -> None:
        self._limits, self._tell = limits, tell
        self._behaviours, self._features = behaviours, features
        self._ids = count(1)
        self.calls: dict[str, Call] = {}
        self._timers = Timers(clock)
        # Hardly a device is in several calls: a dict for each would take half as much again as the call.
        self._call_at: dict[str, Call] = {}
        self._calls_at: dict[str, dict[Call, None]] = {}

    # What is there

    def at(self, device: str) -> tuple[Call, ...]:
        """The calls that ``device`` has a connection in."""
        call = self._call_at.get(device)
        if call is not None:
            return (call,)
        return tuple(self._calls_at[device]) if device in self._calls_at else ()

    def taken(self, device: str) -> int:
        """How many appearances of a line are in use."""
        calls = self.at(device)
        return sum([c.parties[device] is not FAILED or c.caller == device for c in calls]) if calls else 0

    @property
    def legs(self) -> int:
        """How many connections there are."""
        return len(self._call_at) + sum(map(len, self._calls_at.values()))

    @property
    def pending_timers(self) -> int:
        """How many timers of calls run."""
        return len(self._timers)

    def stop(self) -> None:
        """Let nothing more happen by itself."""
        self._timers.stop()

    # Placing a call

    def place(self, caller: str, dialled: str, *, prompt: bool) -> Call:
        """A new call by ``caller``, whose phone asks for its handset to be lifted first when ``prompt``."""
        call = self._new_call(caller, dialled)
        if caller not in self._behaviours:  # an outside party: its own exchange tells nobody how it dialled
            self._originate(call, NEW_CALL)
            return call
        prompts = prompt and not self._behaviours[caller].lifts
        if not prompts:
            self._hold_others(call, caller)
        self._tell(Report(INITIATE, call.id, caller, MAKE_CALL, called=dialled))
        if prompts:
            self._put(call, caller, PROMPTED)
            self._timers.later(call, caller, self._limits.no_answer, self._given_up)
        else:
            self._originate(call, NEW_CALL)
        return call

    def consult(self, call: Call, device: str, dialled: str) -> Call:
        """Hold ``call`` at ``device``, which places a new one."""
        self._hold(call, device, Cause.CONSULTATION)
        second = self._new_call(device, dialled)
        self._tell(Report(INITIATE, second.id, device, Cause.CONSULTATION, called=dialled))
        self._originate(second, Cause.CONSULTATION)
        return second

    def _new_call(self, caller: str, dialled: str) -> Call:
        call = Call(f"c{next(self._ids)}", caller, dialled)
        self.calls[call.id] = call
        return call

    def _originate(self, call: Call, cause: Cause) -> None:
        self._tell(Report(ORIGINATE, call.id, call.caller, cause, called=call.dialled))
        self._put(call, call.caller, TALKING)
        self._offer(call, call.dialled, cause)

    def _given_up(self, call: Call, device: str) -> None:
        """Nobody has lifted the handset of a prompting phone."""
        self._end(call, [device], cause=Cause.TIMEOUT)

    # How a call finds its way

    def hindrance(self, call: Call, number: str) -> Hindrance | None:
        """What keeps ``number`` from ringing, the strongest first."""
        phone = self._behaviours.get(number)
        if phone is None:
            return NOT_THERE if number == UNREACHABLE else None
        if number in call.parties:
            return THERE_ALREADY
        if not phone.in_service:
            return OUT_OF_ORDER
        features = self._features.get(number)
        if features is not None:
            if self._destination(call, number, Forwarding.IMMEDIATE) is not None:
                return FORWARDS_ALL
            if features.do_not_disturb:
                return NOT_DISTURBED
        return BUSY if phone.busy or self.taken(number) >= self._limits.appearances else None

    def can_reach(self, number: str) -> bool:
        """Whether ``number`` is a line or an outside number."""
        return number in self._behaviours or OUTSIDE.fullmatch(number) is not None

    def _rule(self, call: Call, number: str, when: Forwarding) -> ForwardRule | None:
        features = self._features.get(number)
        if features is None:
            return None
        return rule_for(features, when, external=call.caller not in self._behaviours)

    def _destination(self, call: Call, number: str, when: Forwarding) -> str | None:
        rule = self._rule(call, number, when)
        return rule.destination if rule else None

    def _offer(self, call: Call, number: str, cause: Cause) -> None:
        """Ring ``number``, or send the call on, or let it fail there."""
        hindrance = self.hindrance(call, number)
        if hindrance is None:
            self._ring(call, number, cause)
        elif hindrance.forwarding is None or not self._forwarded(call, number, hindrance.forwarding):
            self._fail(call, number, hindrance.failure)

    def _forwarded(self, call: Call, number: str, when: Forwarding) -> bool:
        """Follow the line's forwarding for ``when``.  False: it has none."""
        target = self._destination(call, number, when)
        if target is None:
            return False
        self._follow(call, number, target, FORWARDING_CAUSES[when])
        return True

    def _follow(self, call: Call, number: str, target: str, cause: Cause) -> None:
        if call.tried(target) or not self.can_reach(target):
            self._fail(call, number, Cause.DEST_NOT_OBTAINABLE)
        else:
            self._divert(call, number, target, cause)

    def _divert(self, call: Call, number: str, target: str, cause: Cause) -> None:
        self._tell(Report(Kind.DIVERT, call.id, number, cause, destination=target))
        self._take_out(call, number)
        self._offer(call, target, cause)

    def _ring(self, call: Call, number: str, cause: Cause) -> None:
        self._put(call, number, RINGING)
        phone = self._behaviours.get(number)
        if phone is None:
            self._tell(Report(Kind.REACH_NETWORK, call.id, number, cause, network=TRUNK))
        self._tell(Report(DELIVER, call.id, number, cause))
        if phone is None:
            self._timers.later(call, number, self._limits.outside_answers, self.answered)
            return
        if phone.lies:
            self._tell(Report(LIES[DELIVER], call.id, number, NORMAL))
        rule = self._rule(call, number, Forwarding.NO_ANSWER)  # what is set later is for later calls
        if rule is None:
            self._timers.later(call, number, self._limits.no_answer, self._not_answered)
        else:
            self._timers.later(call, number, self._patience(rule), partial(self._not_answered, rule=rule))
        if phone.rejects:
            self._timers.later(call, number, 0, self._dropped)
        elif phone.answers_after is not None:
            self._timers.later(call, number, phone.answers_after, self._person_answers)

    def _patience(self, rule: ForwardRule) -> float:
        """How long a line rings: as many times as its forwarding says, or as the PBX is set."""
        return self._limits.no_answer if rule.rings is None else rule.rings * self._limits.ring

    # What happens to a call

    def lift(self, call: Call, device: str) -> None:
        """The handset of a prompting phone is lifted: the call is placed."""
        call.stop_timers(device)
        self._hold_others(call, device)
        self._originate(call, NEW_CALL)

    def answered(self, call: Call, device: str) -> None:
        """A ringing phone is answered."""
        call.stop_timers(device)
        self._stop_tone(call)
        self._hold_others(call, device)
        call.parties[device] = TALKING
        self._tell(Report(ESTABLISH, call.id, device, NORMAL))
        phone = self._behaviours.get(device)
        if phone is not None and phone.lies:
            self._tell(Report(LIES[ESTABLISH], call.id, device, NORMAL))

    def hold(self, call: Call, device: str) -> None:
        """Put the call on hold at ``device``."""
        self._hold(call, device, NORMAL)

    def retrieve(self, call: Call, device: str) -> None:
        """Take a held call back."""
        self._hold_others(call, device)
        self._retrieve(call, device, NORMAL)

    def alternate(self, held: Call, active: Call, device: str) -> None:
        """Hold the one, take the other back."""
        self._hold(active, device, Cause.ALTERNATE)
        self._retrieve(held, device, Cause.ALTERNATE)

    def deflect(self, call: Call, device: str, destination: str) -> None:
        """Send a ringing call elsewhere."""
        self._divert(call, device, destination, Cause.REDIRECTED)

    def hang_up(self, call: Call, device: str) -> None:
        """Take ``device`` out of its call."""
        called_in_vain = call.parties[device] in (RINGING, FAILED)
        if called_in_vain and any(party != device for party in call.taking_part):
            self._dropped(call, device)
            return
        self._leave(call, device)

    def clear_call(self, call: Call) -> None:
        """Take everybody out."""
        self._end(call, list(call.parties))

    def _person_answers(self, call: Call, device: str) -> None:
        """The person answers, unless talking to somebody else."""
        if not any(other.parties[device] is TALKING for other in self.at(device)):
            self.answered(call, device)

    def _hold(self, call: Call, device: str, cause: Cause) -> None:
        self._put(call, device, HELD)
        self._tell(Report(Kind.HOLD, call.id, device, cause))

    def _retrieve(self, call: Call, device: str, cause: Cause) -> None:
        self._put(call, device, TALKING)
        self._tell(Report(Kind.RETRIEVE, call.id, device, cause))

    def _hold_others(self, call: Call, device: str) -> None:
        if device not in self._behaviours:
            return  # an outside number is as many people as it has calls
        for other in self.at(device):
            if other is not call and other.parties[device] is TALKING:
                self._hold(other, device, NORMAL)

    def _not_answered(self, call: Call, device: str, *, rule: ForwardRule | None = None) -> None:
        call.stop_timers(device)
        if rule is not None:
            self._follow(call, device, rule.destination, Cause.CALL_FORWARD_NO_ANSWER)
        else:
            self._tell(Report(Kind.FAIL, call.id, device, Cause.CALL_NOT_ANSWERED))
            self._dropped(call, device)

    def _fail(self, call: Call, device: str, cause: Cause) -> None:
        call.stop_timers(device)
        self._put(call, device, FAILED)
        self._tell(Report(Kind.FAIL, call.id, device, cause))
        self._play_tone(call)

    def _dropped(self, call: Call, device: str) -> None:
        """A called party is gone before it talked; who is left alone hears a tone, or still hears it."""
        self._tell(Report(CLEAR, call.id, device, NORMAL_CLEARING))
        self._take_out(call, device)
        if not call.taking_part:
            self._end(call, list(call.parties))
        elif len(call.taking_part) == 1 and not call.ringing and not call.waits_for(""):
            self._play_tone(call)

    def _play_tone(self, call: Call) -> None:
        call.stop_timers("")
        self._timers.later(call, "", self._limits.tone, self._tone_over)

    def _stop_tone(self, call: Call) -> None:
        """Nobody listens to a tone who has somebody to talk to; what failed is cleared in its time still."""
        if call.timers and FAILED not in call.parties.values():
            call.stop_timers("")

    def _tone_over(self, call: Call, _of: str) -> None:
        call.stop_timers("")
        if len(call.taking_part) > 1 or call.ringing:  # it goes on without the one who could not be had
            for party in [party for party, phase in call.parties.items() if phase is FAILED]:
                self._dropped(call, party)
        else:
            self._end(call, list(reversed(call.parties)))  # the caller last: it heard the tone to the end

    def _leave(self, call: Call, device: str) -> None:
        """A party hangs up; the call ends with it unless others still have each other, or hope."""
        if len(call.parties) > 2:  # noqa: PLR2004 - else there are no others to have each other
            remaining = [party for party in call.taking_part if party != device]
            if len(remaining) > 1 or (remaining and call.ringing):
                self._tell(Report(CLEAR, call.id, device, NORMAL_CLEARING))
                self._take_out(call, device)
                return
        order = list(call.parties)
        order.remove(device)
        self._end(call, [device, *order], ringing=CALL_CANCELLED)

    def _end(
        self,
        call: Call,
        order: list[str],
        *,
        cause: Cause = NORMAL_CLEARING,
        ringing: Cause = NORMAL_CLEARING,
    ) -> None:
        """Clear every party in ``order``, those that ring with the cause ``ringing``; forget the call."""
        call.stop_all_timers()
        for device in order:
            why = ringing if call.parties.pop(device) is RINGING else cause
            self._tell(Report(CLEAR, call.id, device, why))
            self._leave_books(call, device)
        del self.calls[call.id]
        if not self.calls:  # an idle PBX leaves nothing with its clock
            self._timers.stop()

    # Calls become one

    def transfer(self, held: Call, active: Call, device: str) -> Call:
        """Join the other parties of two calls, without ``device``."""
        return self._merge(Kind.TRANSFER, Cause.TRANSFER, held, active, device)

    def conference(self, held: Call, active: Call, device: str) -> Call:
        """Join two calls, with ``device``."""
        return self._merge(Kind.CONFERENCE, Cause.CONFERENCE, held, active, device)

    def single_step_transfer(self, call: Call, device: str, number: str) -> None:
        """Replace ``device`` by ``number``."""
        others = [party for party in call.parties if party != device]
        caller = call.caller if call.caller in others else others[0]
        if self._in_vain(replace(call, caller=caller), device, number):  # whose call will come there
            return
        self._tell(Merge(Kind.TRANSFER, call.id, device, Cause.SINGLE_STEP_TRANSFER, call.id, other=number))
        self._take_out(call, device)
        call.caller, call.dialled = caller, number
        call.left = NOBODY
        self._offer(call, number, Cause.SINGLE_STEP_TRANSFER)

    def single_step_conference(self, call: Call, device: str, number: str) -> None:
        """Add ``number``."""
        if self._in_vain(call, device, number):
            return
        self._tell(
            Merge(Kind.CONFERENCE, call.id, device, Cause.SINGLE_STEP_CONFERENCE, call.id, other=number)
        )
        call.left = NOBODY
        self._offer(call, number, Cause.SINGLE_STEP_CONFERENCE)

    def _in_vain(self, call: Call, device: str, number: str) -> bool:
        """Whether a single step to ``number`` comes to nothing, which is then told."""
        hindrance = self.hindrance(call, number)
        if hindrance is None:
            return False
        if hindrance.forwarding and self._destination(call, number, hindrance.forwarding) is not None:
            return False
        self._tell(CompletionFailure(call.id, device, hindrance.failure))
        return True

    def _merge(self, kind: Kind, cause: Cause, held: Call, active: Call, device: str) -> Call:
        other = next(party for party in active.parties if party != device)
        merged = self._new_call(device, other if kind is Kind.TRANSFER else held.dialled)
        self._tell(Merge(kind, merged.id, device, cause, held.id, active.id, other))
        if kind is Kind.CONFERENCE:
            self._put(merged, device, TALKING)
        for call in (held, active):
            self._take_out(call, device)
            for party, phase in call.parties.items():
                self._leave_books(call, party)
                self._put(merged, party, phase)
            merged.take_timers(call)
            merged.left |= call.left
            del self.calls[call.id]
        merged.caller = self._caller_after(held, merged)
        self._stop_tone(merged)
        return merged

    def _caller_after(self, before: Call, merged: Call) -> str:
        """Whose call it is from now on: still the caller's of the first one, if that is in it."""
        return before.caller if before.caller in merged.parties else next(iter(merged.parties))

    # The books

    def _put(self, call: Call, device: str, phase: Phase) -> None:
        if device not in call.parties:
            self._enter_books(call, device)
        call.parties[device] = phase

    def _take_out(self, call: Call, device: str) -> None:
        """A party leaves a call that goes on; a line that forwarded before it rang was never one."""
        call.stop_timers(device)
        call.left |= {device}
        if call.parties.pop(device, None) is not None:
            self._leave_books(call, device)

    def _enter_books(self, call: Call, device: str) -> None:
        calls = self._calls_at.get(device)
        if calls is not None:
            calls[call] = None
        elif device in self._call_at:
            self._calls_at[device] = {self._call_at.pop(device): None, call: None}
        else:
            self._call_at[device] = call

    def _leave_books(self, call: Call, device: str) -> None:
        if self._call_at.pop(device, None) is not None:
            return
        calls = self._calls_at[device]
        del calls[call]
        if len(calls) == 1:
            del self._calls_at[device]
            self._call_at[device] = next(iter(calls))
