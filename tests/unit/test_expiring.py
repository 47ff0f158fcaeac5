"""What ends at a second of its own."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ctigw.expiring import Expiring
from ctigw.means import Means


class Thing:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.due = 0


class Clock:
    """Calls what is due when it is told that time passes."""

    def __init__(self) -> None:
        self.time = 100.25
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def means(self) -> Means:
        return Means(self.now, self.after, str)

    def now(self) -> float:
        return self.time

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((self.time + seconds, call))

    def pass_until(self, time: float) -> None:
        while self.calls and min(self.calls)[0] <= time:
            self.calls.sort(key=lambda entry: entry[0])
            self.time, call = self.calls.pop(0)
            call()
        self.time = time


def all_over(clock: Clock) -> tuple[Expiring[Thing], list[tuple[str, float]]]:
    over: list[tuple[str, float]] = []
    expiring: Expiring[Thing] = Expiring(clock.means(), lambda thing: over.append((thing.name, clock.time)))
    return expiring, over


def test_a_thing_ends_within_the_second_and_never_early() -> None:
    clock = Clock()
    expiring, over = all_over(clock)
    expiring.set(Thing("a"), 103.5)
    clock.pass_until(103.9)
    assert over == []
    clock.pass_until(110)
    assert over == [("a", 104.0)]
    assert clock.calls == []


def test_what_is_renewed_ends_later_and_once() -> None:
    clock = Clock()
    expiring, over = all_over(clock)
    thing = Thing("a")
    for second in range(100):
        expiring.set(thing, 101 + second)
        assert len(expiring) == 1
    clock.pass_until(199)
    assert over == []
    clock.pass_until(1000)
    assert over == [("a", 200.0)]


def test_what_is_dropped_or_endless_does_not_end() -> None:
    clock = Clock()
    expiring, over = all_over(clock)
    dropped, endless = Thing("dropped"), Thing("endless")
    expiring.set(dropped, 102)
    expiring.drop(dropped)
    expiring.drop(dropped)
    expiring.set(endless, 102)
    expiring.set(endless, math.inf)
    clock.pass_until(1e6)
    assert over == []
    assert len(expiring) == 0
    assert clock.calls == []


def test_what_is_told_may_renew_and_drop_others() -> None:
    clock = Clock()
    things = {name: Thing(name) for name in "abc"}
    over: list[str] = []

    def tell(thing: Thing) -> None:
        over.append(thing.name)
        for other in things.values():
            if other is not thing:
                expiring.drop(other)
        if len(over) == 1:
            expiring.set(thing, clock.time + 5)

    expiring = Expiring(clock.means(), tell)
    for thing in things.values():
        expiring.set(thing, 102)
    clock.pass_until(200)
    assert len(over) == 2
    assert over[0] == over[1]


def test_a_clock_that_jumps_ends_everything_in_its_order() -> None:
    clock = Clock()
    expiring, over = all_over(clock)
    for name, time in (("late", 5000.0), ("early", 200.0)):
        expiring.set(Thing(name), time)
    clock.time = 9000.0
    for _, call in clock.calls:
        call()
    assert [name for name, _ in over] == ["early", "late"]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 30), st.booleans()), max_size=30))
def test_each_ends_when_it_was_last_said_to(steps: list[tuple[int, float, bool]]) -> None:
    clock = Clock()
    expiring, over = all_over(clock)
    things = [Thing(str(n)) for n in range(5)]
    expected: dict[str, float] = {}
    for number, seconds, keep in steps:
        if keep:
            expected[str(number)] = clock.time + seconds
            expiring.set(things[number], clock.time + seconds)
        else:
            expected.pop(str(number), None)
            expiring.drop(things[number])
    clock.pass_until(1000)
    assert sorted(name for name, _ in over) == sorted(expected)
    for name, time in over:
        assert 0 <= time - expected[name] < 1
