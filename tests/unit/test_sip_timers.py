from __future__ import annotations

import pytest

from ctigw.sip.timers import Timers
from tests.sip import Clock


def timers(*often: float) -> tuple[Clock, Timers, list[str]]:
    clock = Clock()
    clock.seconds = 0.0
    made = Timers(clock)
    made.often(*often)
    return clock, made, []


@pytest.mark.parametrize("often", [(), (1.0, 2.0)])
def test_what_is_due_happens_in_order_and_nothing_else(often: tuple[float, ...]) -> None:
    clock, made, told = timers(*often)
    for seconds in (2.0, 1.0, 3.0):
        made.after(seconds, lambda seconds=seconds: told.append(str(seconds)))  # type: ignore[misc]
    assert made.next() == 1.0
    clock.seconds = 2.5
    made.fire()
    assert told == ["1.0", "2.0"]
    assert made.next() == 3.0
    made.fire()
    assert told == ["1.0", "2.0"]


@pytest.mark.parametrize("often", [(), (1.0,)])
def test_what_is_cancelled_does_not_happen_and_is_not_waited_for(often: tuple[float, ...]) -> None:
    clock, made, told = timers(*often)
    timer = made.after(1.0, lambda: told.append("never"))
    assert timer.pending
    timer.cancel()
    timer.cancel()
    assert not timer.pending
    assert made.next() is None
    clock.seconds = 5.0
    made.fire()
    assert told == []


@pytest.mark.parametrize("often", [(), (32.0,)])
def test_those_that_were_cancelled_do_not_pile_up(often: tuple[float, ...]) -> None:
    _, made, _ = timers(*often)
    lasting = made.after(32.0, list)
    for _ in range(10_000):
        made.after(32.0, list).cancel()
    assert len(made) < 200
    assert made.next() == lasting.due


def test_what_a_timer_adds_waits_for_the_next_time() -> None:
    _, made, told = timers(0.0)

    def again() -> None:
        told.append("again")
        made.after(0.0, again)

    made.after(0.0, again)
    made.fire()
    assert told == ["again"]
    assert made.next() == 0.0


def test_a_timer_that_another_cancels_at_the_same_time_does_not_happen() -> None:
    clock, made, told = timers()
    first = made.after(1.0, lambda: second.cancel())  # noqa: PLW0108 - there is no second yet
    second = made.after(1.5, lambda: told.append("never"))
    clock.seconds = 2.0
    made.fire()
    assert not first.pending
    assert told == []


def test_an_error_of_one_does_not_keep_the_others_from_happening() -> None:
    clock, made, told = timers()

    def fails() -> None:
        raise KeyError("first")

    made.after(1.0, fails)
    made.after(2.0, lambda: told.append("second"))
    clock.seconds = 2.0
    with pytest.raises(KeyError, match="first"):
        made.fire()
    assert told == ["second"]


def test_a_lane_forgets_in_the_order_of_coming_and_some_at_once() -> None:
    clock, made, told = timers()
    lane = made.lane(32.0, told.append, slack=1.0)
    for number in range(4):
        clock.seconds = number * 0.5
        lane.add(clock.seconds, str(number))
    assert made.next() == 33.0
    clock.seconds = 33.0
    made.fire()
    assert told == ["0", "1", "2"]
    lane.drop()
    assert told == ["0", "1", "2", "3"]
    assert len(lane) == 0
    assert made.next() is None
