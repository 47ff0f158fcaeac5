"""Writing what somebody waits for: all that comes while the database is busy goes into one transaction.

One statement for hundreds of rows costs what it costs for one (see `rows`), so whoever publishes waits for
one commit, and not for a commit of everybody who was before.  A transaction of one row costs half a
millisecond, one of 64 rows a millisecond: so when many come, the first one waits a moment for others, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import structlog
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ctigw.store.database import Database, DatabaseError, is_trouble

Item = TypeVar("Item")
# Writes all, in their order; which of them it took.
Write = Callable[[Session, Sequence[Item]], Sequence[bool]]
Done = Callable[[bool], None]
# In one transaction: some ms of work in the database's thread, for which logins and settings wait.
MOST = 1_024
# Seconds that the first of a group waits for others.
GATHERING = 0.002
# That may wait; beyond them the answer is no at once.
BOUND = 20_000
log = structlog.get_logger(__name__)


class Grouped(Generic[Item]):
    """``told`` is called when some have been told what became of theirs; ``later`` calls in so many
    seconds.
    """

    def __init__(
        self,
        database: Database,
        write: Write[Item],
        told: Callable[[], None],
        *,
        later: Callable[[float, Callable[[], None]], object],
        name: str,
    ) -> None:
        self._database, self._write, self._told, self._name = database, write, told, name
        self._later = later
        self._waiting: list[tuple[Item, Done]] = []
        self._busy = False
        # Whether the last one had company: only then is it worth waiting for.
        self._crowded = False

    def put(self, item: Item, done: Done) -> None:
        """Have ``item`` written; ``done`` is told, later, whether it was."""
        if len(self._waiting) >= BOUND:
            done(False)
            return
        self._waiting.append((item, done))
        self._gather()

    def _gather(self) -> None:
        if self._waiting and not self._busy:
            self._busy = True
            self._later(GATHERING if self._crowded else 0, self._next)

    def _next(self) -> None:
        group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._crowded = len(group) > 1
        written = self._database.submit(self._write, [item for item, _ in group])
        written.addErrback(self._one_by_one, group).addBoth(self._written, group)

    def _one_by_one(self, failure: Failure, group: Sequence[tuple[Item, Done]]) -> Deferred[list[bool]]:
        """One may have been too much for the database: what nobody can store costs the others nothing.

        Only then, since to try costs a statement that a busy reactor makes slow.
        """
        if isinstance(failure.value, DatabaseError):
            failure.raiseException()
        return self._database.submit(_in_halves, self._write, [item for item, _ in group])

    def _written(self, outcome: Sequence[bool] | Failure, group: Sequence[tuple[Item, Done]]) -> None:
        if isinstance(outcome, Failure):
            log.warning("not stored", what=self._name, entries=len(group), why=outcome.getErrorMessage())
            outcome = [False] * len(group)
        self._busy = False
        self._gather()
        for (_item, done), taken in zip(group, outcome, strict=True):
            try:
                done(taken)
            except Exception:  # a bug of one who waits, which must not keep it from all others
                log.exception("not told", what=self._name)
        self._told()


def _in_halves(session: Session, write: Write[Item], items: Sequence[Item]) -> list[bool]:
    """Write ``items``, or each half of them by itself; which were taken.  Raises what is the database's
    trouble.
    """
    try:
        with session.begin_nested():
            return list(write(session, items))
    except Exception as error:
        if is_trouble(error):
            raise
        if len(items) == 1:
            log.warning("cannot be stored", why=type(error).__name__)
            return [False]
    half = len(items) // 2
    return _in_halves(session, write, items[:half]) + _in_halves(session, write, items[half:])
