from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from ctigw.net.garbage import LONGEST, NEVER, PUT_OFF, QUIET, Garbage


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        self.ring = self


def old_ring() -> weakref.ref[Ring]:
    """A ring that has been looked at before, while it was in use, and is not any more."""
    ring = Ring()
    gc.collect(0)
    gc.collect(1)
    gc.collect(1)
    return weakref.ref(ring)


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.counters: Counter[str] = Counter()
        self.garbage = Garbage(self.clock, self.counters, lambda: self.counters["requests"])

    def passes(self, *, asked: bool) -> None:
        self.counters["requests"] += asked
        self.clock.advance(QUIET)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.garbage.start()
    yield bench
    bench.garbage.stop()
    gc.collect()


@pytest.mark.usefixtures("bench")
def test_what_is_there_at_first_is_out_of_sight() -> None:
    assert gc.get_freeze_count() > 0
    assert (gc.isenabled(), gc.get_threshold()[2]) == (True, NEVER)


def test_everything_is_looked_at_when_nobody_asks_for_anything(bench: Bench) -> None:
    ring = old_ring()
    bench.passes(asked=True)
    assert ring() is not None
    bench.passes(asked=False)
    assert ring() is None


def test_it_is_not_put_off_for_ever(bench: Bench) -> None:
    ring = old_ring()
    for _ in range(PUT_OFF):
        gc.collect(1)  # as happens by itself, with so much to do
        bench.passes(asked=True)
    assert ring() is not None
    bench.passes(asked=True)
    assert ring() is None


def test_where_nothing_happens_nothing_is_looked_at(bench: Bench) -> None:
    gc.collect()
    looked: list[str] = []
    gc.callbacks.append(lambda phase, _info: looked.append(phase))
    try:
        bench.passes(asked=False)
    finally:
        gc.callbacks.pop()
    assert looked == []


def test_the_longest_pause_is_counted(bench: Bench) -> None:
    kept = [[[number]] for number in range(100_000)]
    gc.collect(1)
    pause = bench.counters[LONGEST]
    assert pause >= 1
    del kept
    gc.collect(0)
    assert bench.counters[LONGEST] >= pause


def test_it_leaves_everything_as_it_was() -> None:
    before = (gc.get_threshold(), len(gc.callbacks))
    garbage = Garbage(Clock(), Counter(), int)
    garbage.start()
    garbage.stop()
    garbage.stop()
    assert (gc.get_threshold(), len(gc.callbacks), gc.get_freeze_count()) == (*before, 0)
