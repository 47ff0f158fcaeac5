"""Many timers behind one alarm: they end as if each had a timer of the clock's to itself."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from simulators.calls import Call
from simulators.timers import Timers


class Stage:
    """Timers, and what has happened, each with the time when it did."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.timers = Timers(self.clock)
        self.call = Call("c1", "1", "2")
        self.happened: list[tuple[str, float]] = []

    def later(self, of: str, seconds: float) -> None:
        self.timers.later(self.call, of, seconds, self.happen)

    def happen(self, call: Call, of: str) -> None:
        assert call is self.call
        self.happened.append((of, self.clock.seconds()))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_each_happens_at_its_time(stage: Stage) -> None:
    stage.later("a", 30)
    stage.clock.advance(1)
    stage.later("b", 30)
    stage.later("c", 5)
    stage.later("d", 0)
    assert len(stage.clock.getDelayedCalls()) == 1
    stage.clock.pump([0, *[1] * 30])
    assert stage.happened == [("d", 1), ("c", 6), ("a", 30), ("b", 31)]
    assert (len(stage.timers), stage.call.timers, stage.clock.getDelayedCalls()) == (0, (), [])


def test_in_order_however_long_the_turn_before_took(stage: Stage) -> None:
    stage.later("a", 8)
    stage.later("b", 6)
    stage.clock.advance(1)
    stage.later("c", 6)
    stage.clock.advance(1)
    stage.later("d", 6)  # with a, which began earlier
    stage.clock.advance(60)
    assert [of for of, _ in stage.happened] == ["b", "c", "a", "d"]


def test_what_is_stopped_does_not_happen(stage: Stage) -> None:
    stage.later("a", 5)
    stage.later("b", 5)
    stage.later("a", 7)
    stage.call.stop_timers("a")
    assert (len(stage.timers), [timer.of for timer in stage.call.timers]) == (1, ["b"])
    stage.clock.pump([1] * 10)
    assert stage.happened == [("b", 5)]


def test_what_one_stops_that_is_due_with_it_does_not_happen(stage: Stage) -> None:
    stage.timers.later(stage.call, "a", 5, lambda call, _of: call.stop_all_timers())
    stage.later("b", 5)
    stage.clock.advance(5)
    assert stage.happened == []


def test_what_one_begins_waits_for_a_later_turn(stage: Stage) -> None:
    def begin(_call: Call, _of: str) -> None:
        stage.later("b", 0)
        stage.happened.append(("begun", stage.clock.seconds()))

    stage.timers.later(stage.call, "a", 5, begin)
    stage.clock.advance(4)
    assert stage.happened == []
    stage.clock.rightNow = 5.0
    stage.timers._ring()
    assert stage.happened == [("begun", 5)]
    stage.clock.advance(0)
    assert stage.happened == [("begun", 5), ("b", 5)]


def test_one_that_raises_keeps_no_other_from_happening(stage: Stage) -> None:
    def fail(_call: Call, _of: str) -> None:
        raise ZeroDivisionError

    stage.timers.later(stage.call, "a", 5, fail)
    stage.later("b", 5)
    with pytest.raises(ZeroDivisionError):
        stage.clock.advance(5)
    stage.clock.advance(0)
    assert stage.happened == [("b", 5)]


def test_a_call_takes_over_the_timers_of_another(stage: Stage) -> None:
    stage.later("a", 5)
    old, stage.call = stage.call, Call("c2", "1", "2")
    stage.call.take_timers(old)
    assert (old.timers, [timer.of for timer in stage.call.timers]) == ((), ["a"])
    stage.clock.pump([1] * 5)
    assert stage.happened == [("a", 5)]


def test_nothing_happens_once_it_is_stopped(stage: Stage) -> None:
    stage.later("a", 5)
    stage.timers.stop()
    assert (len(stage.timers), stage.call.timers, stage.clock.getDelayedCalls()) == (0, (), [])
    stage.later("b", 5)
    stage.clock.advance(5)
    assert stage.happened == [("b", 5)]
