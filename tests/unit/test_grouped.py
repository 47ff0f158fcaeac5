"""Who waits for a commit waits for one of many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ctigw.store.database import AwayError
from ctigw.store.grouped import BOUND, GATHERING, MOST, Grouped


class Slow:
    """A database that is told when it has committed."""

    def __init__(self) -> None:
        self.groups: list[Sequence[int]] = []
        self._results: list[Deferred[Sequence[bool]]] = []

    def submit(self, _function: Any, *arguments: Any) -> Deferred[Sequence[bool]]:
        """One transaction; what is to be written is the last argument."""
        self.groups.append(arguments[-1])
        self._results.append(Deferred())
        return self._results[-1]

    def commit(self, *outcome: bool) -> None:
        """It is written; without an outcome all of it was taken."""
        self._results.pop(0).callback(outcome or [True] * len(self.groups[-1]))

    def fail(self) -> None:
        """It is not."""
        self._results.pop(0).errback(Failure(AwayError("the disk is full")))


class Place:
    def __init__(self) -> None:
        self.clock, self.database = Clock(), Slow()
        self.told: list[tuple[int, bool]] = []
        self.turns = 0
        database: Any = self.database
        self.grouped: Grouped[int] = Grouped(
            database, lambda _session, _items: [], self.turn, later=self.clock.callLater, name="numbers"
        )

    def turn(self) -> None:
        self.turns += 1

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.grouped.put(number, self._done(number))

    def _done(self, number: int) -> Callable[[bool], None]:
        return lambda taken: self.told.append((number, taken))


def test_all_of_one_turn_is_one_transaction() -> None:
    place = Place()
    place.put(1, 2, 3)
    assert place.database.groups == []
    place.clock.advance(0)
    assert place.database.groups == [[1, 2, 3]]
    place.database.commit(True, False, True)
    assert place.told == [(1, True), (2, False), (3, True)]
    assert place.turns == 1


def test_who_is_alone_waits_for_nobody() -> None:
    place = Place()
    for number in range(3):
        place.put(number)
        place.clock.advance(0)
        place.database.commit()
    assert place.told == [(0, True), (1, True), (2, True)]


def test_where_many_come_the_first_waits_a_moment() -> None:
    place = Place()
    place.put(1, 2)
    place.clock.advance(0)
    place.database.commit()
    place.put(3)
    place.clock.advance(GATHERING / 2)
    place.put(4)
    assert len(place.database.groups) == 1
    place.clock.advance(GATHERING / 2)
    assert place.database.groups[1:] == [[3, 4]]


def test_what_comes_meanwhile_is_the_next_transaction() -> None:
    place = Place()
    place.put(1)
    place.clock.advance(0)
    place.put(2, 3)
    place.clock.advance(1)
    assert place.database.groups == [[1]]
    place.database.commit()
    place.clock.advance(GATHERING)
    assert place.database.groups == [[1], [2, 3]]


def test_a_transaction_is_bounded_and_so_is_what_waits() -> None:
    place = Place()
    place.put(*range(BOUND + 1))
    assert place.told == [(BOUND, False)]
    place.clock.advance(0)
    assert [len(group) for group in place.database.groups] == [MOST]


def test_what_cannot_be_stored_is_told_to_all() -> None:
    place = Place()
    place.put(1, 2)
    place.clock.advance(0)
    place.database.fail()
    assert place.told == [(1, False), (2, False)]
    place.put(3)
    place.clock.advance(GATHERING)
    place.database.commit()
    assert place.told[-1] == (3, True)


def test_a_bug_of_one_who_waits_is_not_the_others() -> None:
    place = Place()

    def fail(_taken: bool) -> None:
        raise ZeroDivisionError

    place.grouped.put(1, fail)
    place.put(2)
    place.clock.advance(0)
    with structlog.testing.capture_logs() as logged:
        place.database.commit()
    assert [entry["event"] for entry in logged] == ["not told"]
    assert (place.told, place.turns) == ([(2, True)], 1)
