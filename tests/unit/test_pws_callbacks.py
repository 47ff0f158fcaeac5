"""Callbacks: one at a time for each subscription, tried again, bounded, and silent where they should be."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.means import Means
from ctigw.net.background import spawn
from ctigw.soap.given import NotReachedError
from ctigw.soap.pws.callbacks import Callbacks, Settings

URL = "http://h/p?token=secret&id={}"


class Bench:
    """Endpoints whose answers the test decides on: ``asked`` are the fetches that wait for theirs."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.counters: Counter[str] = Counter()
        self.asked: list[tuple[str, Deferred[int]]] = []
        self.most = 0
        means = Means(self.clock.seconds, self.clock.callLater, str)
        self.callbacks = Callbacks(self.fetch, spawn, means, Settings(**settings), self.counters)

    async def fetch(self, url: str) -> int:
        waiting: Deferred[int] = Deferred()
        self.asked.append((url, waiting))
        self.most = max(self.most, len(self.asked))
        return await waiting

    def tell(self, key: object, endpoint: object = "e") -> None:
        self.callbacks.tell(key, endpoint, URL.format(key))

    def answer(self, status: int | None = 200, index: int = 0) -> str:
        url, waiting = self.asked.pop(index)
        if status is None:
            waiting.errback(NotReachedError("nobody there"))
        else:
            waiting.callback(status)
        self.clock.advance(0)
        return url

    def passes(self, seconds: float = 0) -> list[str]:
        """What is asked for after so many seconds."""
        self.clock.advance(seconds)
        self.clock.advance(0)
        return [url for url, _ in self.asked]


def test_nothing_is_sent_in_the_turn_in_which_it_is_told() -> None:
    bench = Bench()
    bench.tell(1)
    bench.tell(1)
    assert bench.asked == []
    assert bench.passes() == [URL.format(1)]
    bench.answer()
    assert bench.passes(100) == []
    assert bench.counters == {"callbacks": 1}
    assert len(bench.callbacks) == 0


def test_what_changes_while_a_notice_is_under_way_is_told_after_it() -> None:
    bench = Bench()
    bench.tell(1)
    bench.passes()
    for _ in range(5):
        bench.tell(1)
    assert len(bench.passes()) == 1
    bench.answer()
    assert len(bench.passes()) == 1
    bench.answer()
    assert bench.passes(100) == []


@pytest.mark.parametrize("status", [None, 404, 500, 301, 302, 304, 307, 100, 0])
def test_what_fails_is_tried_again_each_time_later_and_then_given_up(status: int | None) -> None:
    bench = Bench(tries=4, wait=1.0)
    bench.tell(1)
    bench.passes()
    for wait in (1, 2, 4):
        bench.answer(status)
        assert bench.passes(wait - 0.01) == []
        bench.tell(1)  # which changes nothing: it is tried again anyway
        assert len(bench.passes(0.01)) == 1
    bench.answer(status)
    assert bench.passes(100) == []
    assert bench.counters == {"callbacks failed": 4, "callbacks given up": 1}
    assert len(bench.callbacks) == 0
    bench.tell(1)
    assert len(bench.passes()) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_success_is_one(status: int) -> None:
    bench = Bench()
    bench.tell(1)
    bench.passes()
    bench.answer(None)
    bench.passes(1)
    bench.answer(status)
    assert bench.passes(100) == []
    assert bench.counters == {"callbacks": 1, "callbacks failed": 1}


def test_a_change_while_a_notice_fails_has_all_its_tries() -> None:
    bench = Bench(tries=2, wait=1.0)
    bench.tell(1)
    bench.passes()
    bench.answer(None)
    bench.passes(1)
    bench.tell(1)
    bench.answer(None)
    assert len(bench.passes(1)) == 1
    bench.answer(None)
    assert bench.passes(100) == []
    assert bench.counters["callbacks given up"] == 1


def test_one_endpoint_that_is_slow_leaves_room_for_others() -> None:
    bench = Bench(per_endpoint=2, at_once=3)
    for key in range(5):
        bench.tell(key, "slow")
    bench.tell("x", "quick")
    bench.tell("y", "quick")
    assert bench.passes() == [URL.format(0), URL.format("x"), URL.format(1)]
    assert bench.answer(index=1) == URL.format("x")
    assert bench.passes()[-1] == URL.format("y")
    bench.answer(index=2)
    assert bench.passes() == [URL.format(0), URL.format(1)]
    bench.answer()
    assert bench.passes() == [URL.format(1), URL.format(2)]


def test_what_waits_for_another_try_holds_no_place() -> None:
    bench = Bench(at_once=1, wait=10)
    bench.tell(1, "one")
    bench.tell(2, "two")
    bench.passes()
    bench.answer(None)
    assert bench.passes() == [URL.format(2)]
    bench.answer()
    assert bench.passes(10) == [URL.format(1)]


def test_of_a_subscription_that_is_gone_nothing_more_is_sent() -> None:
    bench = Bench(per_endpoint=1, tries=3)
    for key in (1, 2, 3):
        bench.tell(key)
    bench.passes()
    bench.callbacks.forget(1)  # under way
    bench.callbacks.forget(2)  # waiting for its turn
    bench.callbacks.forget("nobody's")
    bench.answer(None)
    assert bench.passes() == [URL.format(3)]
    bench.answer(None)
    bench.callbacks.forget(3)  # waiting for its next try
    assert bench.passes(100) == []
    assert len(bench.callbacks) == 0
    assert bench.clock.getDelayedCalls() == []


def test_one_of_the_same_name_that_comes_after_is_another() -> None:
    bench = Bench()
    bench.tell(1)
    bench.passes()
    bench.callbacks.forget(1)
    bench.tell(1)
    assert len(bench.passes()) == 2
    bench.answer(None)
    assert len(bench.passes(100)) == 1
    bench.answer()
    assert bench.passes(100) == []


@pytest.mark.parametrize("how", ["end", "close"])
def test_of_an_endpoint_that_is_gone_nothing_more_is_sent(how: str) -> None:
    bench = Bench(per_endpoint=1)
    for key in (1, 2):
        bench.tell(key)
    bench.passes()
    if how == "end":
        bench.callbacks.end("e")
        bench.callbacks.end("e")
    else:
        bench.callbacks.close()
    bench.tell(3, "other")
    bench.answer(None)
    assert bench.passes(100) == [URL.format(3)]
    assert len(bench.callbacks) == 1


def test_an_endpoint_that_is_silent_is_logged_once_without_what_is_behind_its_host() -> None:
    bench = Bench(tries=1)
    with structlog.testing.capture_logs() as logged:
        for status in (None, 404, 200, 200, None):
            bench.tell(1)
            bench.passes()
            bench.answer(status)
    told = [(entry["event"], entry["endpoint"], entry.get("why")) for entry in logged]
    assert told == [
        ("endpoint does not answer", "http://h", "nobody there"),
        ("endpoint answers again", "http://h", None),
        ("endpoint does not answer", "http://h", "nobody there"),
    ]
    assert "secret" not in str(logged)


def test_a_bug_in_fetching_costs_no_place() -> None:
    bench = Bench(at_once=1, tries=1)
    bench.tell(1)
    bench.tell(2, "other")
    bench.passes()
    with structlog.testing.capture_logs() as logged:
        bench.asked.pop(0)[1].errback(ZeroDivisionError())
    assert [entry["log_level"] for entry in logged] == ["error", "warning"]
    assert bench.passes() == [URL.format(2)]


@given(some.lists(some.tuples(some.integers(0, 5), some.sampled_from([None, 200, 500])), max_size=60))
def test_whatever_happens_the_last_change_is_told_or_given_up(
    steps: list[tuple[int, int | None]],
) -> None:
    """A subscription changes, or something that is under way is answered."""
    with structlog.testing.capture_logs():
        bench = Bench(tries=2, per_endpoint=2, at_once=3)
        for key, status in steps:
            if status is None and bench.asked:
                bench.answer(None, key % len(bench.asked))
            elif status == 500 and bench.asked:
                bench.answer(200, key % len(bench.asked))
            else:
                bench.tell(key, key % 2)
                bench.clock.advance(0)
        while bench.passes(100):
            bench.answer()
    assert bench.most <= 3
    assert len(bench.callbacks) == 0
    assert bench.callbacks._under_way == 0
    assert not bench.callbacks._ready
    assert bench.clock.getDelayedCalls() == []


def test_what_is_never_answered_is_no_failure_when_it_is_forgotten() -> None:
    bench = Bench()
    bench.tell(1)
    bench.passes()
    counters = bench.counters
    with structlog.testing.capture_logs() as logged:
        del bench
        gc.collect()
    assert (counters, logged) == ({}, [])
