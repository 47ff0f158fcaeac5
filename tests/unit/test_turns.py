"""One after the other."""

from __future__ import annotations

from ctigw.turns import Turns


def test_work_of_one_key_is_done_in_order_each_when_the_one_before_is_over() -> None:
    turns, done = Turns(), []
    for number in range(3):
        turns.take("a", lambda number=number: done.append(number))  # type: ignore[misc] # mypy loses the default
    turns.take("b", lambda: done.append("b"))
    assert done == [0, "b"]
    assert (turns.waiting("a"), turns.waiting("b"), turns.waiting("c")) == (2, 0, 0)
    turns.over("a")
    assert done == [0, "b", 1]
    turns.over("a")
    turns.over("a")
    turns.over("b")
    assert done == [0, "b", 1, 2]
    turns.take("a", lambda: done.append("again"))
    assert done[-1] == "again"


def test_work_that_is_over_at_once_lets_the_next_begin() -> None:
    turns, done = Turns(), []

    def quick(name: str) -> None:
        done.append(name)
        turns.over("a")

    turns.take("a", lambda: done.append("slow"))
    for name in "xyz":
        turns.take("a", lambda name=name: quick(name))  # type: ignore[misc] # as above
    turns.over("a")
    assert done == ["slow", "x", "y", "z"]
    assert turns.waiting("a") == 0
