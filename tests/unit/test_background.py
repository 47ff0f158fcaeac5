from __future__ import annotations

from typing import Any

import pytest
import structlog
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from ctigw.errors import Reason, Refused
from ctigw.net.background import spawn, within


async def awaiting(what: Any) -> Any:
    return await what


class Bench:
    """One command that may take five seconds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.command: Deferred[Any] = Deferred()
        self.results: list[Any] = []

    def wait(self) -> None:
        Deferred.fromCoroutine(self._outcome()).addBoth(self.results.append)

    async def _outcome(self) -> Any:
        done, told = within(self.clock, 5.0)(awaiting(self.command))
        return told if done else await told


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.wait()
    return bench


def test_a_command_in_time_is_answered(bench: Bench) -> None:
    bench.clock.advance(4.9)
    bench.command.callback("done")
    assert bench.results == ["done"]
    assert bench.clock.getDelayedCalls() == []


def test_a_refusal_in_time_is_told(bench: Bench) -> None:
    bench.command.errback(Refused(Reason.NO_CALL_TO_ANSWER))
    assert bench.results[0].value.reason is Reason.NO_CALL_TO_ANSWER
    assert bench.clock.getDelayedCalls() == []


def test_a_command_that_takes_too_long_is_refused(bench: Bench) -> None:
    bench.clock.advance(4.9)
    assert bench.results == []
    bench.clock.advance(0.1)
    assert bench.results[0].value.reason is Reason.RESOURCE_BUSY


def test_what_a_late_command_achieves_is_nobodys_answer(bench: Bench) -> None:
    bench.clock.advance(5)
    bench.command.callback("done")
    assert len(bench.results) == 1


def test_what_a_late_command_fails_with_is_logged(bench: Bench) -> None:
    bench.clock.advance(5)
    with structlog.testing.capture_logs() as logged:
        bench.command.errback(Refused(Reason.NO_CALL_TO_ANSWER))
    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("command failed late", "warning")]
    assert len(bench.results) == 1


@pytest.mark.parametrize(
    ("command", "result"),
    [(lambda: succeed("done"), "done"), (lambda: fail(Refused(Reason.GENERIC)), Reason.GENERIC)],
)
def test_a_command_that_is_done_at_once_needs_no_timer(command: Any, result: Any) -> None:
    bench = Bench()
    bench.command = command()
    bench.wait()
    got = bench.results[0]
    assert (got.value.reason if hasattr(got, "value") else got) == result
    assert bench.clock.getDelayedCalls() == []


def test_what_nobody_waits_for_is_logged_when_it_breaks() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as logged:
        spawn(broken())
    assert [entry["event"] for entry in logged] == ["background work failed"]
