"""A simulated PBX on a clock that tests move, and words for what it reports."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import (
    Cause,
    Forwarded,
    Forwarding,
    ForwardRule,
    Kind,
    Leg,
    LineFeatures,
    Report,
)
from simulators.pbx import Pbx
from tests.done import done

# A report of a connection in short (kind, device, cause); any other one as it is.
Told = Any


def waiting(command: Coroutine[Deferred[Any], Any, Any]) -> list[Any]:
    """Where the result of a command turns up, or why it was refused, once it has taken its time."""
    results: list[Any] = []

    def keep(result: Any) -> None:
        refused = isinstance(result, Failure) and isinstance(result.value, Refused)
        results.append(result.value.reason if refused else result)

    ensureDeferred(command).addBoth(keep)
    return results


class Bench:
    """A PBX on a clock, and what it reported since somebody last looked."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.saved: list[tuple[str, LineFeatures]] = []
        self.pbx = Pbx(self.clock, save=self.save, **settings)
        self.reports: list[Any] = []
        self.pbx.listen(self.reports.append)

    async def save(self, number: str, features: LineFeatures) -> None:
        self.saved.append((number, features))

    def call(self, caller: str, called: str, *, prompt: bool = False) -> str:
        return done(self.pbx.make_call(caller, called, prompt=prompt))

    def up(self, caller: str, called: str) -> str:
        """A call that is answered; its reports are not looked at."""
        call = self.call(caller, called)
        done(self.pbx.answer(call, called))
        self.told()
        return call

    def consulted(self, caller: str, called: str, other: str, *, answered: bool = True) -> tuple[str, str]:
        """``caller`` has ``called`` on hold and talks to ``other``, or waits for an answer there."""
        held = self.up(caller, called)
        active = done(self.pbx.consult(held, caller, other))
        if answered:
            done(self.pbx.answer(active, other))
        self.told()
        return held, active

    def told(self, seconds: float = 0) -> list[Told]:
        """What is reported within ``seconds``."""
        self.clock.advance(seconds)
        self.clock.advance(0)
        told: list[Told] = [
            (report.kind, report.device, report.cause) if isinstance(report, Report) else report
            for report in self.reports
        ]
        self.reports.clear()
        return told

    def legs(self, device: str) -> tuple[Leg, ...]:
        snapshot: list[tuple[Leg, ...]] = []
        ensureDeferred(self.pbx.snapshot(device)).addCallback(snapshot.append)
        self.clock.advance(0)
        return snapshot[0]

    def states(self, call: str) -> dict[str, str]:
        """What each party of a call does, by the PBX's own books."""
        return {party: phase.value for party, phase in self.pbx._exchange.calls[call].parties.items()}

    def refused(self, command: Coroutine[Deferred[Any], Any, Any]) -> Reason:
        with pytest.raises(Refused) as refusal:
            done(command)
        return refusal.value.reason

    def clear_everything(self) -> None:
        """End every call, whoever is in it."""
        for call in list(self.pbx._exchange.calls):
            done(self.pbx.clear_call(call))
        self.told()

    def nothing_left(self) -> bool:
        assert self.told(3600) == []
        assert (self.pbx.live_calls, self.pbx.live_legs, self.pbx.pending_timers) == (0, 0, 0)
        assert self.clock.getDelayedCalls() == []
        return self.pbx.idle


def placed(caller: str) -> list[Told]:
    return [(Kind.INITIATE, caller, Cause.MAKE_CALL), (Kind.ORIGINATE, caller, Cause.NEW_CALL)]


def consulting(device: str) -> list[Told]:
    return [
        (Kind.HOLD, device, Cause.CONSULTATION),
        (Kind.INITIATE, device, Cause.CONSULTATION),
        (Kind.ORIGINATE, device, Cause.CONSULTATION),
    ]


def cleared(*devices: str) -> list[Told]:
    return [(Kind.CLEAR, device, Cause.NORMAL_CLEARING) for device in devices]


def forward(bench: Bench, device: str, when: Forwarding, destination: str, rings: int | None = None) -> None:
    """Set a forwarding, which is told."""
    rule = ForwardRule(when, destination, rings=rings)
    done(bench.pbx.set_forwarding(device, rule))
    assert bench.told() == [Forwarded(device, rule)]


def features(forwarding: Mapping[Forwarding, str], *, do_not_disturb: bool = False) -> LineFeatures:
    """The features of a line that has these forwardings switched on."""
    rules = (ForwardRule(when, forwarding[when]) for when in Forwarding if when in forwarding)
    return LineFeatures(do_not_disturb, tuple(rules))
