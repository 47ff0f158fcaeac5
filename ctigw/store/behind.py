"""Writing behind: what nobody waits for, such as the call log, many rows in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ctigw.store.database import Database, is_trouble

Row = TypeVar("Row", bound=tuple[Any, ...])
# Adds rows in their order, all of them or none.
Write = Callable[[Session, Sequence[Row]], object]
# Rows that wait for no timer; when a client does what it can, they are there in a tenth of a second.
MANY = 4_096
# Rows in one transaction, which logins and settings have to wait for: 20 to 50 ms of work, and 0.15 s beside
# a reactor that has enough to do.  The fewer, the more of the time goes into beginning and committing.
BATCH = 16_384
# Rows that may wait: 27 MiB of the audit, and 51 MiB of calls if no two of them share a text.
BOUND = 100_000
# Seconds until what the database did not take is tried again.
RETRY = 5.0
log = structlog.get_logger(__name__)


class Clock(Protocol):
    """As much of Twisted's IReactorTime as is needed here."""

    def callLater(self, delay: float, call: Callable[[], object], /) -> Any: ...


class Behind(Generic[Row]):
    """Rows wait at most ``flush_seconds``, and longer while others are written or the database does not take
    them; then all of them are tried again, in their order.  ``dropped`` counts those that were lost.

    ``bound`` is for all that is not yet committed, so that a database that hangs cannot take the memory.
    A connection that is lost in a commit may leave rows twice: better than not at all.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        write: Write[Row],
        *,
        flush_seconds: float = 0.2,
        bound: int = BOUND,
        name: str = "entries",
    ) -> None:
        self._database, self._clock, self._write = database, clock, write
        self._flush_seconds, self._bound, self._name = flush_seconds, bound, name
        self._waiting: list[Any] = []
        self._writing: list[Any] = []
        # How many may wait beside those being written; none any more once it is closed.
        self._room = bound
        # Whether nothing is on its way: the next row has to set the timer.
        self._idle = True
        self._timer: Any = None
        # What is being written, until it is known what came of it: whether the database took it.
        self._written_soon: Any = None
        self._closed = self._trying_again = self._lost_lately = False
        self._told: set[str] = set()
        self.dropped = 0

    def put(self, row: Row) -> None:
        """Have ``row`` written soon.  In the way of every command: some 0.1 µs, unless it is the first."""
        waiting = self._waiting
        if len(waiting) >= self._room:
            self._lost(1, "closed" if self._closed else "too many entries wait")
            return
        # A plain tuple of texts and numbers is none of the garbage collector's business, a named one stays in
        # it: thousands of them at any time made it look through the whole heap three times a second.
        waiting.append(row[:])
        if self._idle or len(waiting) == MANY:
            self._flush_soon()

    async def close(self) -> None:
        """Write what waits; returns when it is committed, or cannot be.  What is put later is dropped."""
        self._closed, self._room = True, 0
        self._stop_timer()
        if self._writing:
            await self._written_soon
        # Also when nothing waits: what was handed over earlier is committed before this.
        while await self._flush() and self._waiting:
            pass
        left, self._waiting = self._waiting, []
        self._lost(len(left), "the database took them no more")

    def _flush_soon(self) -> None:
        """One timer, and one transaction at a time: what fails is in front of what came after it."""
        if self._closed or self._writing:
            return
        if self._trying_again:
            self._flush_in(RETRY)
        elif len(self._waiting) < MANY:
            self._flush_in(self._flush_seconds)
        else:
            self._stop_timer()
            self._flush()

    def _flush_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(seconds, self._flush)
            self._idle = False

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> Any:
        self._timer, self._idle = None, False
        self._writing, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        self._make_room()
        self._written_soon = self._database.submit(_write, self._write, self._writing).addBoth(self._written)
        return self._written_soon

    def _written(self, outcome: Any) -> bool:
        """Whether the database took what was being written."""
        rows, self._writing = self._writing, []
        self._trying_again = not isinstance(outcome, int)
        if self._trying_again:
            self._tell("the logs cannot be written, trying again", outcome.getErrorMessage())
            self._waiting[:0] = rows
        else:
            self._lost(outcome, "the database refused some entries")
            self._is_well()
        self._make_room()
        self._idle = not self._waiting
        if self._waiting:
            self._flush_soon()
        return not self._trying_again

    def _make_room(self) -> None:
        self._room = 0 if self._closed else self._bound - len(self._writing)

    def _lost(self, count: int, why: str) -> None:
        self.dropped += count
        if count:
            self._lost_lately = True
            self._tell("entries of the logs are lost", why)

    def _tell(self, what: str, why: str) -> None:
        """Once for each trouble: a log full of this would be the next one."""
        if what not in self._told:
            log.warning(what, of=self._name, why=why)
            self._told.add(what)

    def _is_well(self) -> None:
        """Something was written.  The trouble is over when nothing was lost since the last time."""
        if not self._lost_lately:
            self._told.clear()
        self._lost_lately = False


def _write(session: Session, write: Write[Row], rows: Sequence[Row]) -> int:
    """Write ``rows``; how many of them could not be written.  Raises what is the database's trouble.

    When they cannot be written together, each half is tried: a row in a thousand is found in ten steps.
    """
    try:
        with session.begin_nested():
            write(session, rows)
    except Exception as error:
        if is_trouble(error):
            raise
        if len(rows) == 1:
            _refused(error)
            return 1
    else:
        return 0
    half = len(rows) // 2
    return _write(session, write, rows[:half]) + _write(session, write, rows[half:])


def _refused(error: Exception) -> None:
    if isinstance(error, SQLAlchemyError):
        log.debug("entry refused", why=str(error))
    else:  # what the driver cannot say to the database
        log.warning("entry failed", why=repr(error))
