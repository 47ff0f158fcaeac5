"""The contract for drivers: the simulated PBX keeps it, and whoever breaks it is told so."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock, deferLater

from ctigw import testing
from ctigw.errors import Reason, Refused
from ctigw.switch.driver import (
    COMMANDS,
    AnyReport,
    Cause,
    CompletionFailure,
    Digits,
    DoNotDisturb,
    Driver,
    Forwarded,
    ForwardRule,
    Kind,
    Leg,
    LineFeatures,
    Merge,
)
from ctigw.testing.driver_contract import Bench, DriverContract
from ctigw.testing.probe import probing
from simulators.behaviours import Limits, PhoneSettings
from simulators.pbx import Pbx

pytest_plugins = ["pytester"]
K, C = Kind, Cause
TESTS = {name for name in vars(DriverContract) if name.startswith("test_")}
# Of those that are parametrized: one of the parameters.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "test_a_party_is_cleared": (1,),
    "test_a_single_step_comes_to_nothing": ("single_step_transfer",),
}
LINK_LOST = 10.0
NOBODY_THERE = tuple(PhoneSettings(number, "no-answer") for number in ("2001", "2002", "2003"))


def bench_of(make: type[Pbx] = Pbx) -> Bench:
    clock = Clock()
    pbx = make(clock, NOBODY_THERE, limits=Limits(link_lost=LINK_LOST))
    return Bench(
        pbx,
        lines=("2001", "2002", "2003"),
        nowhere="2999",
        advance=clock.advance,
        outside="95551234",
        pick_up=pbx.pick_up,
        drop_link=pbx.drop_link,
        mend_link=lambda: clock.advance(LINK_LOST),
    )


def judge(test: Callable[..., None], bench: Bench, *args: Any) -> None:
    """Run one test of the contract."""
    with probing(bench) as probe:
        test(probe, *args)


class TestThePbx(DriverContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        bench = bench_of()
        yield bench
        assert bench.advance.__self__.getDelayedCalls() == []  # type: ignore[attr-defined] # the clock's method


def skipped(bench: Callable[[], Bench]) -> dict[str, str]:
    """The tests of the contract that are skipped, and the word for it."""
    words = {}
    for name in TESTS:
        try:
            judge(getattr(DriverContract(), name), bench(), *ARGUMENTS.get(name, ()))
        except pytest.skip.Exception as skip:
            words[name] = str(skip)
    return words


def test_nothing_is_skipped_where_everything_is_offered() -> None:
    assert skipped(bench_of) == {}


# Drivers that differ, and keep it


def late(name: str) -> Callable[..., Any]:
    """The command ``name`` of a PBX that is far away."""

    async def command(self: Pbx, *args: Any, **keywords: Any) -> Any:
        await deferLater(self._clock, 0.25)
        return await getattr(Pbx, name)(self, *args, **keywords)

    return command


class TestAPbxThatIsFarAway(DriverContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return bench_of(type("FarAway", (Pbx,), {name: late(name) for name in COMMANDS}))


def run_reactor(seconds: float) -> None:
    loop = IReactorTime(reactor)
    end = loop.seconds() + seconds
    loop.iterate(0)  # type: ignore[attr-defined] # of IReactorCore, and the reactor is both
    while loop.seconds() < end:
        loop.iterate(0.001)  # type: ignore[attr-defined] # as above


def test_it_can_be_run_in_real_time() -> None:
    pbx = Pbx(IReactorTime(reactor), NOBODY_THERE)
    bench = Bench(pbx, ("2001", "2002", "2003"), "2999", run_reactor, settles=0.01)
    judge(DriverContract().test_a_consultation, bench)


class Modest(Driver):
    """Places and answers calls, and can do nothing else."""

    def __init__(self, pbx: Pbx) -> None:
        self._pbx = pbx
        self.listen, self.lines, self.can_call = pbx.listen, pbx.lines, pbx.can_call  # type: ignore[method-assign] # the PBX's own
        self.stop = pbx.stop  # type: ignore[method-assign] # as above

    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        return await self._pbx.make_call(caller, called, prompt=prompt)

    async def answer(self, call: str, device: str) -> None:
        await self._pbx.answer(call, device)


def modest() -> Bench:
    bench = bench_of()
    assert isinstance(bench.driver, Pbx)
    return Bench(Modest(bench.driver), bench.lines, bench.nowhere, bench.advance)


def test_what_is_not_offered_is_skipped() -> None:
    words = skipped(modest)
    assert words["test_a_call_is_held_and_retrieved"] == "the driver does not offer hold"
    assert words["test_calls_can_be_placed_when_the_link_is_back"] == "the bench has no drop_link"
    assert words["test_an_unknown_line_is_refused"].startswith(
        "the driver offers none of set_forwarding, set_do"
    )
    assert {name for name in TESTS if name not in words} == {
        "test_lines_and_numbers",
        "test_a_call_is_placed",
        "test_a_prompted_caller_is_initiated",
        "test_a_call_is_answered",
        "test_a_number_that_cannot_be_called_is_refused",
        "test_an_unknown_call_is_refused",
        "test_a_device_outside_the_call_is_refused",
        "test_a_talking_phone_cannot_do_what_a_ringing_one_can",
        "test_nothing_is_reported_after_stop",
    }


def test_without_a_bench_it_says_what_is_missing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from ctigw.testing.driver_contract import DriverContract

        class TestMine(DriverContract):
            pass
        """
    )
    ran = pytester.runpytest_inprocess("-k", "lines_and_numbers", "-p", "no:twisted")
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines(["*define a fixture `bench` that returns*"])


def test_without_pytest_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ImportError, match="needs pytest, which is not installed: pip install pytest"):
        runpy.run_path(str(Path(testing.__file__)))


# Drivers with one defect each


def telling(change: Callable[[Any], Iterable[AnyReport]]) -> type[Pbx]:
    """A PBX that tells what ``change`` makes of each report."""

    class Telling(Pbx):
        def listen(self, report: Callable[[AnyReport], None]) -> None:
            def tell(told: AnyReport) -> None:
                for changed in change(told):
                    report(changed)

            super().listen(tell)

    return Telling


def silent_of(*kinds: Kind, **fields: Any) -> type[Pbx]:
    """A PBX that does not report ``kinds`` of calls, those with these ``fields`` only if some are given."""

    def keep(told: Any) -> bool:
        of_kind = getattr(told, "kind", None) in kinds
        return not (of_kind and all(getattr(told, name) == value for name, value in fields.items()))

    return telling(lambda told: [told] if keep(told) else [])


def saying(kind: Kind, /, **fields: Any) -> type[Pbx]:
    """A PBX whose reports of ``kind`` have these ``fields``."""
    return telling(
        lambda told: [structs.replace(told, **fields) if getattr(told, "kind", None) is kind else told]
    )


def doing(**methods: Any) -> type[Pbx]:
    """A PBX with ``methods`` in the place of its own."""
    return type("Doing", (Pbx,), methods)


def refusing(name: str, reason: Reason | None) -> type[Pbx]:
    """A PBX whose command ``name`` is refused for ``reason`` when it is, or passes for obeyed when None."""

    async def command(self: Pbx, *args: Any, **keywords: Any) -> Any:
        try:
            return await getattr(Pbx, name)(self, *args, **keywords)
        except Refused:
            if reason is None:
                return ""
            raise Refused(reason) from None

    return doing(**{name: command})


class Hasty(Pbx):
    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        call = await super().make_call(caller, called, prompt=prompt)
        self._outbox._flush()
        return call


class OtherId(Pbx):
    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        return "x" + await super().make_call(caller, called, prompt=prompt)


class Numbered(Pbx):
    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        return int((await super().make_call(caller, called, prompt=prompt))[1:])  # type: ignore[return-value] # the defect


class NoId(Pbx):
    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        await super().make_call(caller, called, prompt=prompt)
        return ""


class NeverPrompts(Pbx):
    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        return await super().make_call(caller, called, prompt=False)


class OneId(Pbx):
    def start(self) -> None:
        self._exchange._ids = repeat(1)  # type: ignore[assignment] # counts as badly as can be


class AlternatesByHand(Pbx):
    async def alternate(self, held: str, active: str, device: str) -> None:
        await self.hold(active, device)
        await self.retrieve(held, device)


class OnlyClears(Pbx):
    async def reconnect(self, held: str, active: str, device: str) -> None:
        await self.clear(active, device)


class OldId(Pbx):
    async def conference(self, held: str, active: str, device: str) -> str:
        await super().conference(held, active, device)
        return held


class EndsForAll(Pbx):
    async def clear(self, call: str, device: str) -> None:
        await super().clear_call(call)


class RefusesForNoReason(Pbx):
    async def transfer(self, held: str, active: str, device: str) -> str:
        if self._exchange.calls[active].ringing:
            raise Refused(Reason.GENERIC)
        return await super().transfer(held, active, device)


class EitherWayRound(Pbx):
    async def transfer(self, held: str, active: str, device: str) -> str:
        try:
            return await super().transfer(held, active, device)
        except Refused:
            return await super().transfer(active, held, device)


class RingsFirst(Pbx):
    def listen(self, report: Callable[[AnyReport], None]) -> None:
        late: list[AnyReport] = []

        def tell(told: AnyReport) -> None:
            if isinstance(told, Merge):
                late.append(told)
                return
            report(told)
            while late:
                report(late.pop())

        super().listen(tell)


class Forgetful(Pbx):
    async def set_do_not_disturb(self, device: str, *, on: bool) -> None:
        self._tell(DoNotDisturb(device, on))


class Repetitive(Pbx):
    async def set_do_not_disturb(self, device: str, *, on: bool) -> None:
        await super().set_do_not_disturb(device, on=not on)
        await super().set_do_not_disturb(device, on=on)


class CannotCount(Pbx):
    async def features(self, device: str) -> LineFeatures:
        kept = await super().features(device)
        return replace(kept, forwarding=tuple(replace(rule, rings=None) for rule in kept.forwarding))


class TellsAgain(Pbx):
    async def set_forwarding(self, device: str, rule: ForwardRule) -> None:
        await super().set_forwarding(device, replace(rule, active=False))
        await super().set_forwarding(device, rule)


class NeverOff(Pbx):
    async def set_forwarding(self, device: str, rule: ForwardRule) -> None:
        if rule.active:
            await super().set_forwarding(device, rule)
        else:
            self._tell(Forwarded(device, rule))


class HoldsBeforeItLooks(Pbx):
    async def consult(self, call: str, device: str, called: str) -> str:
        if not self.can_call(called, device):
            await self.hold(call, device)
            raise Refused(Reason.INVALID_CALLED_DEVICE_ID)
        return await super().consult(call, device, called)


class Trusting(Pbx):
    async def hold(self, call: str, device: str) -> None:
        self._exchange.hold(self._exchange.calls[call], device)


class NoAnswer(Pbx):
    async def hold(self, call: str, device: str) -> None:
        await Deferred()


class NoCoroutine(Pbx):
    def hold(self, call: str, device: str) -> None:  # type: ignore[override] # the defect
        self._exchange.hold(self._exchange.calls[call], device)


class Anonymous(Pbx):
    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        return tuple(replace(leg, calling="") for leg in await super().snapshot(device))


class EverybodyOutside(Pbx):
    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        legs = await super().snapshot(device)
        return tuple(replace(leg, outside={device: leg.state, **(leg.outside or {})}) for leg in legs)


class RunsAhead(Pbx):
    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        return tuple(Leg(call.id, call.parties[device].value) for call in self.calls(device))


class Lags(Pbx):
    def start(self) -> None:
        self._before: dict[str, tuple[Leg, ...]] = {}

    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        before = self._before.get(device, ())
        self._before[device] = await super().snapshot(device)
        return before


class AsBefore(Pbx):
    """Its snapshots are from before the link was lost, once it was."""

    def start(self) -> None:
        self._was: tuple[Leg, ...] | None = None

    def drop_link(self, seconds: float | None = None) -> None:
        self._was = tuple(Leg(call.id, call.parties["2002"].value) for call in self.calls("2002"))
        super().drop_link(seconds)

    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        return await super().snapshot(device) if self._was is None or device != "2002" else self._was


class NeverBack(Pbx):
    def _link_is_back(self) -> None:
        self._link_back = None


class ReportsInTheDark(Pbx):
    def _tell(self, report: AnyReport) -> None:
        self._put(report)


class NotLinkedYet(Pbx):
    def linked(self) -> bool:
        return False


@dataclass(frozen=True)
class Defect:
    """``test``: which test of the contract catches ``driver``, with words like ``says``."""

    driver: type[Pbx]
    test: str
    says: str


DEFECTS = {
    "every number can be called": Defect(
        doing(can_call=lambda *_: True), "lines_and_numbers", r"can_call\('2999', ''\) is true"
    ),
    "reports before the answer": Defect(
        Hasty, "a_call_is_placed", "make_call.*: it comes before the command has returned"
    ),
    "never tells that it rings": Defect(silent_of(K.DELIVER), "a_call_is_placed", "deliver of 2002 in c1"),
    "tells of each ringing twice": Defect(
        telling(lambda told: [told, told] if getattr(told, "kind", None) is K.DELIVER else [told]),
        "a_call_is_placed",
        "cannot be true after what was reported before .deliver in alerting",
    ),
    "reports a kind that is not in kinds()": Defect(
        doing(kinds=lambda _: frozenset(K) - {K.ORIGINATE}),
        "a_call_is_placed",
        "does not have Kind.ORIGINATE",
    ),
    "devices are channels": Defect(
        saying(K.DELIVER, device="SIP/2002"), "a_call_is_placed", "devices are line numbers"
    ),
    "reports something of its own": Defect(
        telling(lambda told: [told, object()]),
        "a_call_is_placed",
        "it is no report",
    ),
    "does not say what was dialled": Defect(
        saying(K.ORIGINATE, called=""), "a_call_is_placed", "must be the number dialled, '2002'"
    ),
    "gives another id than it reports": Defect(OtherId, "a_call_is_placed", "originate of 2001 in xc1"),
    "gives a number for an id": Defect(Numbered, "a_call_is_placed", "the new call's id, a str"),
    "gives no id": Defect(NoId, "a_call_is_placed", "gave an empty id"),
    "calls do not end": Defect(
        silent_of(K.CLEAR), "a_call_is_placed", r"no report says that these are over: \['c1'\]"
    ),
    "speaks of calls that are over": Defect(
        telling(lambda told: [told, told] if getattr(told, "kind", None) is K.CLEAR else [told]),
        "a_call_is_placed",
        "a call that is over has this id",
    ),
    "snapshots lag": Defect(Lags, "a_call_is_placed", r"snapshot\('2001'\) after make_call.* says \[\], "),
    "is not linked, and never says that it is": Defect(
        NotLinkedYet, "a_call_is_placed", r"the gateway waits for a report of Link\(up=True\)"
    ),
    "never prompts": Defect(
        NeverPrompts, "a_prompted_caller_is_initiated", "must have {'2001': 'initiated'}"
    ),
    "a lifted handset goes unnoticed": Defect(
        silent_of(K.ORIGINATE), "a_prompted_caller_may_lift_the_handset_by_hand", "originate of 2001"
    ),
    "an answer goes unnoticed": Defect(silent_of(K.ESTABLISH), "a_call_is_answered", "establish of 2002"),
    "an answer has the wrong cause": Defect(
        saying(K.ESTABLISH, cause=C.NEW_CALL), "a_call_is_answered_by_hand", r"\(normal\); .*\(newCall\)"
    ),
    "hanging up goes unnoticed": Defect(silent_of(K.CLEAR), "a_party_is_cleared", "clear of 2002"),
    "a phone rings on": Defect(
        silent_of(K.CLEAR, device="2002"),
        "a_caller_gives_up",
        "2002 has left c1, and that is to be reported",
    ),
    "somebody stays": Defect(
        silent_of(K.CLEAR, device="2002"),
        "a_call_is_cleared_for_everybody",
        "2002 has left c1, and that is to be reported",
    ),
    "all calls have one id": Defect(OneId, "ids_are_not_used_again", "'c1', the id of an earlier call"),
    "leaves by an unknown trunk": Defect(
        saying(K.REACH_NETWORK, network="77"), "a_call_to_the_outside_world", "must be a NETWORK_INTERFACE"
    ),
    "digits go unnoticed": Defect(
        telling(lambda told: [] if isinstance(told, Digits) else [told]), "digits_are_sent", "digits='12#'"
    ),
    "retrieving goes unnoticed": Defect(
        silent_of(K.RETRIEVE), "a_call_is_held_and_retrieved", "after retrieve.*retrieve of 2001"
    ),
    "never answers": Defect(
        NoAnswer, "a_call_is_held_and_retrieved", "neither returned nor raised after 5 s"
    ),
    "is no coroutine": Defect(NoCoroutine, "a_call_is_held_and_retrieved", "must be `async def`"),
    "consults without a hold": Defect(silent_of(K.HOLD), "a_consultation", "hold of 2001 in c1"),
    "alternates by hand": Defect(AlternatesByHand, "two_calls_alternate", r"\(alternate\); .*\(normal\)"),
    "reconnects half": Defect(OnlyClears, "the_held_call_is_reconnected", "retrieve of 2001 in c1"),
    "takes one call of a transfer for the other": Defect(
        telling(
            lambda told: [
                structs.replace(told, primary=told.secondary, secondary=told.primary)
                if isinstance(told, Merge)
                else told
            ]
        ),
        "a_transfer",
        "primary='c1', secondary='c2'",
    ),
    "joins calls in a word of its own": Defect(
        saying(K.TRANSFER, kind=K.HOLD), "a_transfer", "a Merge is a TRANSFER or a CONFERENCE"
    ),
    "refuses to transfer for no reason": Defect(
        RefusesForNoReason, "a_transfer_to_a_phone_that_rings", "only rings., not with Reason.GENERIC"
    ),
    "conferences in another call": Defect(OldId, "a_conference", "is to be reported: .*call='c1'"),
    "ends a conference with one party": Defect(
        EndsForAll,
        "a_conference_goes_on_without_one_party",
        "must have {'2001': 'connected', '2002': 'connected'}",
    ),
    "rings before it transfers": Defect(
        RingsFirst, "a_single_step_transfer", "in this order: transfer of 2001"
    ),
    "does not say who comes in": Defect(
        saying(K.CONFERENCE, other=""), "a_single_step_conference", "other='2003'"
    ),
    "does not say that it came to nothing": Defect(
        telling(lambda told: [] if isinstance(told, CompletionFailure) else [told]),
        "a_single_step_comes_to_nothing",
        "a CompletionFailure of 2001 in c1 is to be reported",
    ),
    "does not say where it deflects to": Defect(
        saying(K.DIVERT, destination=""), "a_ringing_call_is_deflected", "destination='2003'"
    ),
    "do not disturb is not kept": Defect(
        Forgetful, "a_line_is_not_disturbed", r"features\('2002'\) gives .*do_not_disturb=False"
    ),
    "tells of what has not changed": Defect(
        Repetitive, "a_line_is_not_disturbed", "nothing has changed, and yet"
    ),
    "do not disturb does nothing": Defect(
        Forgetful, "a_line_that_is_not_disturbed_does_not_ring", "and yet it rings"
    ),
    "do not disturb is busy": Defect(
        saying(K.FAIL, cause=C.BUSY), "a_line_that_is_not_disturbed_does_not_ring", "with do not disturb on"
    ),
    "tells of a forwarding that has not changed": Defect(
        TellsAgain, "forwardings_are_kept", "nothing has changed, and yet"
    ),
    "forgets how many rings": Defect(CannotCount, "forwardings_are_kept", "rings=3.* gives .*rings=None"),
    "forwards for ever": Defect(NeverOff, "a_forwarding_is_followed_until_it_is_off", "and features.* gives"),
    "takes an unknown line for a connection": Defect(
        refusing("snapshot", Reason.INVALID_CONNECTION_ID), "an_unknown_line_is_refused", "INVALID_DEVICE_ID"
    ),
    "takes an unknown number for a destination": Defect(
        refusing("make_call", Reason.INVALID_DESTINATION),
        "a_number_that_cannot_be_called_is_refused",
        "must be refused with Reason.INVALID_CALLED_DEVICE_ID .2999 cannot be called., not with",
    ),
    "holds before it looks where": Defect(
        HoldsBeforeItLooks, "a_second_call_to_nowhere_is_refused", "was refused, and yet there is a report"
    ),
    "takes a destination for a number": Defect(
        refusing("deflect", Reason.INVALID_CALLED_DEVICE_ID),
        "a_call_cannot_be_sent_to_nowhere",
        "INVALID_DESTINATION .*not with Reason.INVALID_CALLED",
    ),
    "takes a party for an unknown number": Defect(
        refusing("single_step_transfer", Reason.INVALID_DESTINATION),
        "a_party_cannot_come_in_again",
        "INVALID_DESTINATION_DEVICE_OBJECT .the destination is in the call already",
    ),
    "forwards to itself": Defect(
        refusing("set_forwarding", None), "forwarding_nowhere_and_to_oneself_is_refused", "and it was obeyed"
    ),
    "trusts in ids": Defect(Trusting, "an_unknown_call_is_refused", r"raised KeyError\('no-such-call'\)"),
    "clears what is over": Defect(
        refusing("clear_call", None), "a_call_that_is_over_is_refused", "that call is over.*and it was obeyed"
    ),
    "answers as the gateway does": Defect(
        refusing("clear", Reason.NO_CONNECTION_TO_CLEAR),
        "a_device_outside_the_call_is_refused",
        "INVALID_CONNECTION_ID .2003 is not in that call., not with",
    ),
    "holds what rings": Defect(
        Trusting,
        "a_ringing_phone_cannot_do_what_a_talking_one_can",
        "hold.*must be refused.*and it was obeyed",
    ),
    "holds what it holds": Defect(
        refusing("hold", None),
        "a_phone_that_holds_cannot_do_what_a_talking_one_can",
        "must be refused .*STATE .2001 has that call on hold., and it was obeyed",
    ),
    "answers what is answered": Defect(
        refusing("answer", None), "a_talking_phone_cannot_do_what_a_ringing_one_can", "answer.*it was obeyed"
    ),
    "transfers either way round": Defect(
        EitherWayRound,
        "two_calls_are_not_taken_for_each_other",
        "transfer.*the first call must be the held one",
    ),
    "does not say who calls": Defect(Anonymous, "a_snapshot_says_who_calls_whom", "2001 is calling"),
    "takes lines for parties outside": Defect(
        EverybodyOutside, "a_call_is_placed", "parties outside of call c1 are {'2001': 'connected'}, the"
    ),
    "snapshots run ahead": Defect(
        RunsAhead, "a_snapshot_does_not_run_ahead_of_reports", r"says \[\('c1', 'connected'\)\], the reports"
    ),
    "does not say that the link is down": Defect(
        refusing("make_call", Reason.RESOURCE_BUSY),
        "nothing_can_be_commanded_while_the_link_is_down",
        "RESOURCE_OUT_OF_SERVICE .the PBX cannot be reached., not with Reason.RESOURCE_BUSY",
    ),
    "linked() lies": Defect(
        doing(linked=lambda _: True),
        "nothing_can_be_commanded_while_the_link_is_down",
        r"Link\(up=False\): linked\(\) says True",
    ),
    "does not say that the link is back": Defect(
        NeverBack, "calls_can_be_placed_when_the_link_is_back", r"Link\(up=True\) is not reported"
    ),
    "reports in the dark": Defect(
        ReportsInTheDark,
        "snapshots_say_what_happened_while_the_link_was_down",
        "it comes while the link is down",
    ),
    "snapshots are from before": Defect(
        AsBefore, "snapshots_say_what_happened_while_the_link_was_down", r"its snapshot has \['alerting'\]"
    ),
    "does not stop": Defect(
        doing(stop=lambda _: None), "nothing_is_reported_after_stop", r"it comes after stop\(\)"
    ),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_defect_is_caught(defect: Defect) -> None:
    name = f"test_{defect.test}"
    with pytest.raises(AssertionError, match=f"(?s){defect.says}"):
        judge(getattr(DriverContract(), name), bench_of(defect.driver), *ARGUMENTS.get(name, ()))


def test_every_test_of_the_contract_catches_something() -> None:
    assert {f"test_{defect.test}" for defect in DEFECTS.values()} == TESTS
