"""Work that takes time: bounded by a clock, or run with nobody waiting."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ctigw.errors import Reason, Refused

log = structlog.get_logger(__name__)


def begun(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of ``work`` if it is done without waiting, which is nearly always; otherwise a Deferred.

    What it raises at once is raised.  A Deferred for each request would cost more than to serve it.
    """
    try:
        waiting = work.send(None)
    except StopIteration as done:
        return done.value
    return Deferred.fromCoroutine(_rest(work, waiting))


def _rest(work: Coroutine[Any, Any, Any], waiting: Any) -> Generator[Any, Any, Any]:
    """``work`` from where it waits for the first time."""
    while True:
        try:
            result = yield waiting
        except GeneratorExit:  # nobody will ever tell what it waits for
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - what it waits for has failed: that is for the work
            step = partial(work.throw, error)
        else:
            step = partial(work.send, result)
        try:
            waiting = step()
        except StopIteration as done:
            return done.value


def within(clock: IReactorTime, seconds: float) -> Callable[[Coroutine[Any, Any, Any]], tuple[bool, Any]]:
    """A bound on commands: after ``seconds`` the one who waits is told resourceBusy.

    The command itself goes on: what it achieves late shows as events.  Gives True and the result of a command
    that is done at once, and otherwise False and what gives the result to who awaits it.
    """

    def bounded(command: Coroutine[Any, Any, Any]) -> tuple[bool, Any]:
        work = begun(command)
        if type(work) is not Deferred:  # isinstance would take 1 µs to say no
            return True, work
        answer: Deferred[Any] = Deferred()
        timer = clock.callLater(seconds, answer.errback, Refused(Reason.RESOURCE_BUSY))

        def done(result: object) -> None:
            if not answer.called:
                timer.cancel()
                answer.callback(result)
            elif isinstance(result, Failure):
                log.warning("command failed late", why=result.getErrorMessage())

        work.addBoth(done)
        return False, answer

    return bounded


def spawn(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work``; what it raises is a bug and is logged."""
    Deferred.fromCoroutine(work).addErrback(_failed)


def _failed(failure: Failure) -> None:
    log.error("background work failed", exc_info=failure.value)
