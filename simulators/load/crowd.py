"""A hundred thousand monitored lines, as many live calls: what they take, and what they cost others."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median

from simulators.load.bench import Bench, Side, interleaved, loads, paired
from simulators.load.client import Cycles, Load, Requests, Span, WrongAnswerError, watching
from simulators.load.cycles import in_pairs, steady
from simulators.load.judging import Measured
from simulators.load.messages import ANSWER_CALL, CALL_ID, CLEAR_CONNECTION, MAKE_CALL, MONITOR_START, framed
from simulators.load.processes import PATIENCE, config
from simulators.load.sessions import settled

LINE, CALL = "monitored line", "two-party call"
IDLE_LINES, SET_UP = "cycles beside many monitored lines, to few", "set-up beside many live calls, to few"
SHAPE = (8, 16)
# Slots that set calls up in one go, on connections of their own.
SETTING_UP = (8, 256)
# Seconds after which nobody outside is rung any more.
OUTSIDE_ANSWERS = 2.5
# Calls beside which the others are set up.
FEW = 100


class Calls:
    """Calls that stay: each slot makes one after the other, and has each answered where ``answer`` says so.

    ``made``: the id of each call, by the calling line.
    """

    events_per_piece = None

    def __init__(self, pairs: Sequence[tuple[str, str]], *, answer: bool) -> None:
        self.done = 0
        self.made: dict[bytes, bytes] = {}
        self._pairs = iter([(calling.encode(), called.encode()) for calling, called in pairs])
        self._answer = answer
        self._now: dict[int, tuple[bytes, bytes]] = {}
        self._answering: set[int] = set()

    def first(self, slot: int, invoke_id: bytes) -> bytes | None:
        """The next call."""
        pair = next(self._pairs, None)
        if pair is None:
            return None
        self._now[slot] = pair
        return framed(invoke_id, MAKE_CALL % pair)

    def next(self, slot: int, answer: bytes) -> bytes | None:
        """It is made; or answered."""
        if slot in self._answering:
            self._answering.discard(slot)
            if b"AnswerCallResponse" not in answer:
                raise WrongAnswerError(answer)
        else:
            calling, called = self._now[slot]
            found = CALL_ID.search(answer)
            if found is None:
                raise WrongAnswerError(answer)
            self.made[calling] = found[1]
            if self._answer:
                self._answering.add(slot)
                return framed(answer[:4], ANSWER_CALL % (found[1], called))
        self.done += 1
        return None


def crowd(bench: Bench) -> Mapping[str, Measured]:
    """All of it, on one pair of gateways: a full one, and one that is nearly empty."""
    many, few, calls, live = (5_000, 200, 1_000, 4_000) if bench.quick else (100_000, 200, 20_000, 100_000)
    busy_slots, up_slots = SHAPE[0] * SHAPE[1], SETTING_UP[0] * SETTING_UP[1]
    working = _lines(1_000_000, 2 * busy_slots)
    setting_up = _lines(2_000_000, 2 * up_slots)
    idle = _lines(3_000_000, many)
    # Not all callers are monitored: so many more lines only call outside.
    outside = [*idle[2 * calls :], *_lines(4_000_000, max(0, live - (many - calls)))][: live - calls]
    everybody = [*working, *setting_up, *dict.fromkeys([*idle, *outside])]
    nearly_nobody = [*working, *setting_up, *idle[:few]]
    with (
        bench.gateways(config(everybody)) as (full, *_),
        bench.gateways(config(nearly_nobody)) as (empty, *_),
        loads([full, empty], *SHAPE) as driven,
        loads([full, empty], 1, 500) as asking,
        loads([full, empty], *SETTING_UP) as placing,
    ):
        empty.name = "empty"
        base, without = settled(empty), settled(full)
        for load, lines in zip(asking, (idle, idle[:few]), strict=True):
            watch_all(load, lines)
        monitored = settled(full)
        more = len(everybody) - len(nearly_nobody)
        line = (without - base) / more + (monitored - without) / many
        sides = []
        for server, load in zip((full, empty), driven, strict=True):
            watching(load, working)
            sides.append(steady(server.name, load, Cycles(in_pairs(working))))
        spans = interleaved(bench, sides)
        before = settled(full)
        stay(asking[0], in_pairs(idle[: 2 * calls]), answer=True)
        call = (settled(full) - before) / calls
        stay(asking[0], [(line, f"9{line}") for line in outside], answer=False)
        stay(asking[1], [(line, f"9{line}") for line in idle[:FEW]], answer=False)
        time.sleep(OUTSIDE_ANSWERS)
        ups = interleaved(
            bench,
            [
                Side(server.name, SetUp(load, in_pairs(setting_up)).run)
                for server, load in zip((full, empty), placing, strict=True)
            ],
        )
    slower = paired(ups["empty"], ups["gateway"])
    return {
        LINE: Measured((line,), notes={"lines": many, "of it the line": (without - base) / more}),
        IDLE_LINES: Measured(
            paired(spans["gateway"], spans["empty"]), notes={"lines": many, "few": few, **_rates(spans)}
        ),
        CALL: Measured((call,), notes={"calls": calls}),
        SET_UP: Measured(slower, notes={"calls": live, "few": FEW, **_rates(ups)}),
    }


def _rates(spans: Mapping[str, list[Span]]) -> dict[str, float | str]:
    return {f"{name} /cpu-s": median(span.rate for span in runs) for name, runs in spans.items()}


def _lines(first: int, count: int) -> list[str]:
    return [str(first + number) for number in range(count)]


def watch_all(load: Load, lines: Sequence[str]) -> None:
    """Monitor ``lines`` on whatever connection of ``load`` is free."""
    load.run(Requests([MONITOR_START % line.encode() for line in lines], most=len(lines)), PATIENCE)


def stay(load: Load, pairs: Sequence[tuple[str, str]], *, answer: bool) -> None:
    """Calls between ``pairs`` that stay; their events are read, and not counted."""
    load.run(Calls(pairs, answer=answer), PATIENCE)


class SetUp:
    """Sets calls up between ``pairs``, all of them in one run, and clears them when that is measured."""

    def __init__(self, load: Load, pairs: Sequence[tuple[str, str]]) -> None:
        self._load, self._pairs = load, pairs

    def run(self, _seconds: float) -> Span:
        """All of them, whatever it takes."""
        calls = Calls(self._pairs, answer=False)
        span = self._load.run(calls, PATIENCE)
        bodies = [CLEAR_CONNECTION % (call, calling) for calling, call in calls.made.items()]
        self._load.run(Requests(bodies, most=len(bodies)), PATIENCE)
        return span
