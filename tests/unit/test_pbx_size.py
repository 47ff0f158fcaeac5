"""What the simulated PBX leaves behind and takes up: it is in the gateway's process, with all its lines."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from simulators.behaviours import PhoneSettings
from tests.done import done
from tests.pbx_bench import Bench

LINES = [str(number) for number in range(10_000, 12_000)]
PAIRS = list(zip(LINES[:1000], LINES[1000:], strict=True))


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected meanwhile, and what would be is kept in `gc.garbage`."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.fixture
def bench() -> Bench:
    return Bench(phones=map(PhoneSettings, LINES))


def one_by_one(bench: Bench) -> None:
    for caller, called in PAIRS:
        done(bench.pbx.clear(bench.up(caller, called), caller))


def many_at_once(bench: Bench) -> None:
    calls = [bench.call(caller, called) for caller, called in PAIRS]
    for call, (caller, called) in zip(calls, PAIRS, strict=True):
        done(bench.pbx.answer(call, called))
        done(bench.pbx.clear(call, caller))


def joined(bench: Bench) -> None:
    for (caller, called), (third, _) in zip(PAIRS[:500], PAIRS[500:], strict=True):
        # The third rings, with its timer, in the call that results.
        held, active = bench.consulted(caller, called, third, answered=False)
        done(bench.pbx.clear_call(done(bench.pbx.conference(held, active, caller))))


def failed(bench: Bench) -> None:
    for caller, _ in PAIRS:
        done(bench.pbx.clear(bench.call(caller, caller), caller))


def not_answered(bench: Bench) -> None:
    for caller, called in PAIRS:
        bench.call(caller, called)
    bench.told(30)
    bench.told(15)


@pytest.mark.parametrize("calls", [one_by_one, many_at_once, joined, failed, not_answered])
def test_calls_leave_no_work_to_the_garbage_collector(bench: Bench, calls: Callable[[Bench], None]) -> None:
    with uncollected():
        calls(bench)
        bench.told()
        assert (bench.pbx.live_calls, bench.pbx.pending_timers) == (0, 0)
        gc.collect()
        assert gc.garbage == []


def test_what_lines_and_calls_take() -> None:
    """Bytes; their numbers are not the PBX's."""
    phones = [PhoneSettings(line) for line in LINES]
    gc.collect()
    tracemalloc.start()
    try:
        bench = Bench(phones=phones)
        gc.collect()
        lines, _ = tracemalloc.get_traced_memory()
        for caller, called in PAIRS:
            bench.up(caller, called)
        gc.collect()
        calls, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lines / len(LINES) < 64
    assert (calls - lines) / len(PAIRS) < 450


def test_features_and_changes_are_kept_only_where_there_are_any(bench: Bench) -> None:
    for on in (True, False):
        done(bench.pbx.set_do_not_disturb("10000", on=on))
        done(bench.pbx.features("10001"))
        assert (len(bench.pbx._features), len(bench.pbx._changing)) == (on, 0)
