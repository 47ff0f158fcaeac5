"""A driver on the bench: it is commanded as the gateway commands it, and all that it reports is judged.

The picture that the judgement rests on is the gateway's own: what is wrong here is refused there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import (
    AnyReport,
    Cause,
    CompletionFailure,
    Digits,
    DoNotDisturb,
    Driver,
    Forwarded,
    Kind,
    Leg,
    Link,
    Merge,
    Report,
    Service,
    offered,
)
from ctigw.switch.picture import Picture
from ctigw.switch.reports import applied
from ctigw.switch.states import State, WrongStateError

# What the gateway waits for a command by default.
COMMAND_SECONDS = 5.0
# How long a driver may take to link up.
LINK_SECONDS = 60.0
STEP = 0.02

_KINDS: dict[type, Callable[[Any], Kind]] = {
    Report: lambda report: report.kind,
    Merge: lambda report: report.kind,
    CompletionFailure: lambda _: Kind.COMPLETION_FAILURE,
    Digits: lambda _: Kind.DIGITS,
    DoNotDisturb: lambda _: Kind.DO_NOT_DISTURB,
    Forwarded: lambda _: Kind.FORWARDING,
    Service: lambda report: Kind.BACK_IN_SERVICE if report.in_service else Kind.OUT_OF_SERVICE,
}
# What commands take by name, unless a test says otherwise.
_KEYWORDS: Mapping[str, Mapping[str, Any]] = {
    "make_call": {"prompt": False},
    "single_step_conference": {"listen_only": False},
    "set_do_not_disturb": {"on": True},
}

# What a report says in short: what happened, in which call, at which device, why.
Step = tuple[Kind, str, str, Cause]


@dataclass(frozen=True, slots=True)
class Bench:
    """A driver that was not started yet and that nobody else uses, and what there is around it.

    ``lines``: three stations in service, in no call, with no feature set; the person at each does nothing.
    ``nowhere``: a number that is no line and cannot be called.
    ``advance(seconds)``: lets time pass: moves a clock, or calls `reactor.iterate` for so long.
    ``outside``: a number in the outside world that can be called.
    ``settles``: seconds within which all that a command causes is reported.
    ``pick_up(line)``: lifts the handset of a phone that rings or prompts.
    ``drop_link``, ``mend_link``: make the driver lose its PBX, and find it again; calls go on meanwhile.

    What needs something that is None is skipped.
    """

    driver: Driver
    lines: tuple[str, str, str]
    nowhere: str
    advance: Callable[[float], None]
    outside: str | None = None
    settles: float = 0.0
    pick_up: Callable[[str], None] | None = None
    drop_link: Callable[[], None] | None = None
    mend_link: Callable[[], None] | None = None


@contextmanager
def probing(bench: Bench) -> Iterator[Probe]:
    """A started driver.  At the end every call is cleared, which must work, and the driver is stopped."""
    probe = Probe(bench)
    try:
        probe.start()
        yield probe
        probe.clear_everything()
    finally:
        probe.stop()


class Probe:
    """Commands the driver of a ``bench`` and keeps the picture that its reports give.

    What is wrong with a report is kept until somebody looks: raised at once, it would be the driver's to
    handle.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench, self.driver, self.lines = bench, bench.driver, bench.lines
        self.offered = offered(bench.driver)
        self.kinds = bench.driver.kinds()
        self._picture = Picture(bench.driver.lines(), bench.driver.can_call)
        self._reports: list[AnyReport] = []
        self._wrong: list[str] = []
        self._ids: set[str] = set()
        self._earlier: frozenset[str] = frozenset()
        self._over: set[str] = set()
        self._last = "start()"
        self._commanding = self._stopped = False
        self.up = bench.driver.linked()

    # From start to stop

    def start(self) -> None:
        """Do what the gateway does with a driver at first."""
        self.driver.listen(self._hear)
        self.driver.start()
        assert self.passes(lambda: self.up, LINK_SECONDS), (
            "linked() was false before start(), so the gateway waits for a report of Link(up=True); "
            f"none came within {LINK_SECONDS:g} s"
        )
        assert self.driver.linked(), "linked() is false after start(), and no Link(up=False) was reported"
        self.told()

    def clear_everything(self) -> None:
        """End every call.  AssertionError when something goes wrong with that."""
        if self._stopped:
            return
        for call in tuple(self._picture.calls.values()):
            for device in tuple(call.connections):
                self._end(call.driver_id, device)
        self.told()
        left = [call.driver_id for call in self._picture.calls.values()]
        clears = not self.offered.isdisjoint({"clear", "clear_call"})
        assert not (left and clears), (
            f"every party was cleared, and no report says that these are over: {left}"
        )
        self.agree()

    def stop(self) -> None:
        """Stop the driver, once."""
        if not self._stopped:
            self._last, self._stopped = "stop()", True
            self.driver.stop()

    def _end(self, call: str, device: str) -> None:
        if self._picture.known(call) is None:
            return
        try:
            if "clear_call" in self.offered:
                self.does("clear_call", call)
            elif "clear" in self.offered:
                self.does("clear", call, device)
        except Refused:
            """It was over before, or the device cannot be commanded: what is left will show."""
        self._pass()

    # What a test needs

    def needs(self, *commands: str) -> None:
        """Skip the test unless the driver offers all of ``commands``."""
        for name in commands:
            if name not in self.offered:
                pytest.skip(f"the driver does not offer {name}")

    def has(self, name: str) -> Any:
        """What the bench has for ``name``; skips the test when that is nothing."""
        value = getattr(self.bench, name)
        if value is None:
            pytest.skip(f"the bench has no {name}")
        return value

    # Commands

    def does(self, name: str, *args: Any, **keywords: Any) -> Any:
        """What the command ``name`` gives; skips the test when the driver does not offer it.

        Raises `Refused`.  AssertionError when the command does anything else, or does not end.
        """
        self.needs(name)
        keywords = {**_KEYWORDS.get(name, {}), **keywords}
        self._last = _words_of(name, args, keywords)
        return self._run(getattr(self.driver, name)(*args, **keywords))

    def places(self, name: str, *args: Any, **keywords: Any) -> str:
        """The id of the call that the command ``name`` places, which no call had before."""
        call: str = self.does(name, *args, **keywords)
        assert isinstance(call, str), f"{self._last} gave {call!r}: it must give the new call's id, a str"
        assert call, f"{self._last} gave an empty id"
        assert call not in self._earlier, (
            f"{self._last} gave {call!r}, the id of an earlier call: the gateway would take one for the other"
        )
        self._ids.add(call)
        return call

    def refuses(self, reason: Reason, why: str, **commands: tuple[Any, ...]) -> None:
        """Each of ``commands`` that is offered is refused for ``reason``, and nothing comes of it.

        Skips the test when none is offered.
        """
        there = [name for name in commands if name in self.offered]
        if not there:
            pytest.skip(f"the driver offers none of {', '.join(commands)}")
        for name in there:
            given = self._refusal(name, *commands[name])
            must = f"{self._last} must be refused with Reason.{reason.name} ({why})"
            assert given is not None, f"{must}, and it was obeyed"
            assert given is reason, f"{must}, not with Reason.{given.name}"
            told = self.told()
            assert not told, f"{self._last} was refused, and yet there is a report: {told}"

    def _refusal(self, name: str, *args: Any) -> Reason | None:
        try:
            self.does(name, *args)
        except Refused as refused:
            return refused.reason
        return None

    def _run(self, command: Coroutine[Any, Any, Any], *, quiet: bool = True) -> Any:
        """What ``command`` gives.  When ``quiet``, nothing may be reported before it has returned."""
        assert inspect.iscoroutine(command), f"{self._last} must be `async def`, it gave {command!r}"
        results: list[Any] = []
        self._commanding = quiet

        def returned(result: Any) -> None:
            self._commanding = False
            self._earlier = frozenset(self._ids)  # what it causes may be told before time stands still again
            results.append(result)

        running = Deferred.fromCoroutine(command).addBoth(returned)
        if not self.passes(lambda: bool(results), COMMAND_SECONDS):
            running.cancel()
            raise AssertionError(
                f"{self._last} has neither returned nor raised after {COMMAND_SECONDS:g} s: "
                "the gateway answers resourceBusy then"
            )
        self._fair()
        result = results[0]
        if not isinstance(result, Failure):
            return result
        if isinstance(result.value, Refused):
            raise result.value
        raise AssertionError(
            f"{self._last} raised {result.value!r}: a command returns or raises Refused, "
            "all else is a bug to the gateway"
        ) from result.value

    # Reports

    def told(self) -> list[AnyReport]:
        """What was reported since somebody last looked; AssertionError when something is wrong with it."""
        self._pass()
        self._fair()
        reports, self._reports = self._reports, []
        return reports

    def saw(self, *wanted: Step) -> list[AnyReport]:
        """What was reported; it has ``wanted`` in this order, others may stand between.  Snapshots agree."""
        reports = self.told()
        steps = [step for report in reports if (step := _step(report)) is not None]
        rest = iter(steps)
        assert all(step in rest for step in wanted), (
            f"after {self._last} these are to be reported, in this order: {_words(wanted)}; "
            f"reported was: {_words(steps)}"
        )
        self.agree()
        return reports

    def heard(self, report: AnyReport) -> None:
        """This very report came, and it is looked at now."""
        reports = self.told()
        assert report in reports, f"after {self._last} is to be reported: {report}; reported was: {reports}"
        self.agree()

    def stands(self, call: str, states: Mapping[str, str]) -> None:
        """Each device does this in ``call``, by what was reported, and nobody else is in it."""
        known = self._picture.known(call)
        shown = {c.device: c.state.value for c in known.connections.values()} if known else {}
        assert shown == states, (
            f"after {self._last} call {call} must have {states}; the reports make it {shown or 'over'}"
        )

    def agree(self) -> None:
        """Snapshots of the three lines say what was reported, at the moment in which they are given."""
        if "snapshot" not in self.offered:
            return
        last = self._last
        for line in self.lines:
            self._last = f"snapshot({line!r}) after {last}"
            self._run(self._compared(line), quiet=False)
        self._last = last

    async def _compared(self, line: str) -> None:
        legs = await self.driver.snapshot(line)
        shown = sorted((leg.call, leg.state) for leg in legs)
        told = sorted((c.call.driver_id, c.state.value) for c in self._picture.connections(line))
        if shown != told:
            self._wrong.append(
                f"{self._last} says {shown}, the reports so far say {told}: a snapshot tells of everything "
                "reported so far and of nothing that is still to be reported"
            )
        for leg in legs:
            self._compare_outside(leg)

    def _compare_outside(self, leg: Leg) -> None:
        if leg.outside is None:
            return
        known = self._picture.known(leg.call)
        parties = known.connections.values() if known else ()
        told = {c.device: c.state.value for c in parties if c.device not in self._picture.lines}
        if dict(leg.outside) != told:
            self._wrong.append(
                f"{self._last} says that the parties outside of call {leg.call} are {dict(leg.outside)}, the "
                f"reports so far say {told}: those that are no lines, or None where the PBX cannot say"
            )

    def take_snapshots(self) -> None:
        """What the lines do is as snapshots say, whatever was reported: the link was down."""
        if "snapshot" not in self.offered:
            return
        for line in self.lines:
            legs = {leg.call: leg for leg in self.does("snapshot", line)}
            for connection in self._picture.connections(line):
                if connection.call.driver_id not in legs:
                    self._picture.disconnect(connection.call, line)
            for leg in legs.values():
                self._picture.connect(self._picture.call_of(leg.call), line, State(leg.state))
        for call in tuple(self._picture.calls.values()):
            if not call.connections:
                self._picture.forget(call)
                self._over.add(call.driver_id)

    def _fair(self) -> None:
        wrong, self._wrong = self._wrong, []
        assert not wrong, "\n".join(wrong)

    def _hear(self, report: AnyReport) -> None:
        self._reports.append(report)
        self._wrong.extend(f"after {self._last}: {report}: {why}" for why in self._faults(report))

    def _faults(self, report: AnyReport) -> Iterator[str]:
        if self._stopped:
            yield "it comes after stop(), when nobody may be told anything"
        if isinstance(report, Link):
            self.up = report.up
            if self.driver.linked() != report.up:
                yield f"linked() says {self.driver.linked()} when it comes"
        elif type(report) not in _KINDS:
            yield "it is no report that ctigw.switch.driver knows"
        else:
            yield from self._misplaced(report)
            yield from self._untrue(report)

    def _misplaced(self, report: AnyReport) -> Iterator[str]:
        """Why it must not come now, or not from this driver."""
        if not self.up:
            yield "it comes while the link is down: the gateway takes snapshots when the link is up again"
        if self._commanding and not isinstance(report, Service):
            yield "it comes before the command has returned: put it off to a later turn"
        kind = _KINDS[type(report)](report)
        if kind not in self.kinds:
            yield f"kinds() does not have Kind.{kind.name}: clients were told that it never comes"

    def _untrue(self, report: Any) -> Iterator[str]:
        """Why it cannot be; what can be goes into the picture."""
        calls = {call for field in ("call", "primary", "secondary") if (call := getattr(report, field, ""))}
        if not self._over.isdisjoint(calls):
            yield "a call that is over has this id"
        if report.device not in self._picture.lines and not self.driver.can_call(report.device):
            yield f"{report.device!r} is neither in lines() nor can it be called: devices are line numbers"
        if isinstance(report, Merge) and report.kind not in (Kind.TRANSFER, Kind.CONFERENCE):
            yield "a Merge is a TRANSFER or a CONFERENCE"
        try:
            applied(self._picture, report)
        except WrongStateError as error:
            yield f"it cannot be true after what was reported before ({error})"
            return
        self._ids |= calls
        self._over |= {call for call in calls if self._picture.known(call) is None}

    # Time

    def passes(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether ``condition`` comes to hold within ``seconds``."""
        for _ in range(round(seconds / STEP)):
            if condition():
                return True
            self.bench.advance(STEP)
        return condition()

    def _pass(self) -> None:
        self.bench.advance(self.bench.settles)
        self.bench.advance(0)  # what was put off to the next turn


def _step(report: Any) -> Step | None:
    """What a report about a call says in short; None for one of another sort."""
    if isinstance(report, Report | Merge | CompletionFailure):
        return (_KINDS[type(report)](report), report.call, report.device, report.cause)
    return None


def _words(steps: Any) -> str:
    return (
        ", ".join(f"{k.value} of {device} in {call} ({c.value})" for k, call, device, c in steps) or "nothing"
    )


def _words_of(name: str, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    given = [repr(arg) for arg in args] + [f"{key}={value!r}" for key, value in keywords.items()]
    return f"{name}({', '.join(given)})"
