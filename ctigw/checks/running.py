"""Checks in general: what they are, and all of them at once in a bounded time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from twisted.internet import defer
from twisted.internet.defer import Deferred

from ctigw.findings import Category, Finding, Outcome
from ctigw.values import value

# Seconds that a check may take: on its own machine a gateway that is well answers in milliseconds.
PATIENCE = 5.0
log = structlog.get_logger(__name__)


class Wrong(Exception):  # noqa: N818 - it is what was found
    """It is not as it should be: what was found, and what to do about it."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


class Skipped(Exception):  # noqa: N818 - it is what was found
    """There is nothing to check, or no way to; the text says why."""


@value
class Check:
    """``run`` gives what was found.  It raises `Wrong` or `Skipped`."""

    category: Category
    name: str
    run: Callable[[], Coroutine[Any, Any, str]]

    def finding(self, outcome: Outcome, found: str, remedy: str = "") -> Finding:
        """What came of it."""
        return Finding(category=self.category, name=self.name, outcome=outcome, found=found, remedy=remedy)


async def run_all(checks: Sequence[Check], reactor: Any, seconds: float = PATIENCE) -> list[Finding]:
    """What each of ``checks`` finds, in their order; they run at the same time, for ``seconds`` at most."""
    under_way = [Deferred.fromCoroutine(_run(check, reactor, seconds)) for check in checks]
    return [await each for each in under_way]


async def _run(check: Check, reactor: Any, seconds: float) -> Finding:
    work: Deferred[str] = Deferred.fromCoroutine(check.run())
    try:
        return check.finding(Outcome.PASSED, await work.addTimeout(seconds, reactor))
    except Skipped as why:
        return check.finding(Outcome.SKIPPED, str(why))
    except Wrong as why:
        return check.finding(Outcome.FAILED, why.found, why.remedy)
    except defer.TimeoutError:
        found = f"there is no answer within {seconds:g} s"
        return check.finding(
            Outcome.FAILED, found, "see whether the gateway is busy or hangs: its log, its load"
        )
    except Exception as error:  # a bug, which must not cost the others
        log.exception("check failed", check=check.name)
        return check.finding(
            Outcome.FAILED, f"the check itself has failed: {type(error).__name__}", "see the log"
        )


def nothing_there(why: object) -> Wrong:
    """Nobody answers at a listener."""
    return Wrong(
        str(why),
        "see that the gateway runs with this configuration, and that nothing else has taken the port",
    )
