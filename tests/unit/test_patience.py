"""Whoever guesses has to wait, and longer each time."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from ctigw.patience import Patience


def test_the_wait_doubles_and_has_an_end() -> None:
    clock = Clock()
    patience = Patience(clock)
    waits = []
    for _ in range(12):
        waited = 0.0
        while not patience.admits("a"):
            clock.advance(1)
            waited += 1
        waits.append(waited)
        patience.learn(False, "a")
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    clock.advance(30)
    for succeeded in (True, False, False):
        assert patience.admits("a")
        patience.learn(succeeded, "a")
    assert patience.admits("a")


def test_who_fails_for_ever_waits_for_ever() -> None:
    clock = Clock()
    patience = Patience(clock)
    for _ in range(2000):
        patience.learn(False, "a")
        assert patience.waits("a") == (patience._failures["a"][0] >= Patience.FREE)
    clock.advance(Patience.LONGEST - 1)
    assert patience.waits("a")
    clock.advance(1)
    assert patience.admits("a")


def test_what_has_failed_and_what_is_under_way_count_alike() -> None:
    patience = Patience(Clock())
    keys = ("name alice", "peer here")
    for room in (True, True, False):
        patience.begin(*keys)
        assert patience.admits(*keys) is room
    assert not patience.admits("name bob", "peer here")
    assert not patience.admits("name alice", "peer elsewhere")
    assert patience.admits("name bob", "peer elsewhere")
    patience.end(*keys)
    patience.learn(False, *keys)
    assert not patience.admits(*keys)
    patience.end(*keys)
    patience.end(*keys)
    patience.learn(True, *keys)
    assert (patience.admits(*keys), patience._trying, patience._failures) == (True, {}, {})


def test_only_so_many_guessers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "REMEMBERED", 2)
    patience = Patience(Clock())
    for name in "abc":
        for _ in range(4):
            patience.learn(False, name)
    assert [patience.admits(name) for name in "abc"] == [True, False, False]
