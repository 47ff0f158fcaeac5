"""Work that takes time: bounded by a clock, or run with nobody waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ctigw.errors import Reason, Refused

log = structlog.get_logger(__name__)


def within(clock: IReactorTime, seconds: float) -> Callable[[Awaitable[Any]], Awaitable[Any]]:
    """A bound on commands: after ``seconds`` the one who waits is told resourceBusy.

    The command itself goes on: what it achieves late shows as events.
    """

    async def bounded(command: Awaitable[Any]) -> Any:
        work = Deferred.fromCoroutine(_awaited(command))
        if work.called:
            return await work
        answer: Deferred[Any] = Deferred()
        timer = clock.callLater(seconds, answer.errback, Refused(Reason.RESOURCE_BUSY))

        def done(result: object) -> None:
            if not answer.called:
                timer.cancel()
                answer.callback(result)
            elif isinstance(result, Failure):
                log.warning("command failed late", why=result.getErrorMessage())

        work.addBoth(done)
        return await answer

    return bounded


def spawn(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work``; what it raises is a bug and is logged."""
    Deferred.fromCoroutine(work).addErrback(_failed)


def _failed(failure: Failure) -> None:
    log.error("background work failed", exc_info=failure.value)


async def _awaited(command: Awaitable[Any]) -> Any:
    return await command
