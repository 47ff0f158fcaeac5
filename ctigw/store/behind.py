"""Writing behind: what nobody waits for, such as the call log, many entries in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ctigw.store.database import Database, is_trouble

# Not a row: one that was in a transaction that failed cannot be trusted to be new in the next.
Entry = Callable[[Session], object]
# Seconds until what the database did not take is tried again.
RETRY = 5.0
log = structlog.get_logger(__name__)


class Clock(Protocol):
    """As much of Twisted's IReactorTime as is needed here."""

    def callLater(self, delay: float, call: Callable[[], object], /) -> Any: ...


class Behind:
    """Entries wait at most ``flush_seconds``, and longer while the database does not take them; then all of
    them are tried again, in their order.  ``dropped`` counts those that were lost.

    ``bound`` is for all that is not yet committed, so that a database that hangs cannot take the memory.
    A connection that is lost in a commit may leave entries twice: better than not at all.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        flush_seconds: float = 0.2,
        bound: int = 10_000,
        name: str = "entries",
    ) -> None:
        self._database, self._clock = database, clock
        self._flush_seconds, self._bound, self._name = flush_seconds, bound, name
        self._waiting: list[Entry] = []
        self._writing: list[Entry] = []
        self._timer: Any = None
        # What is being written, until it is known what came of it.
        self._written_soon: Any = None
        self._closed = self._lost_lately = False
        self._told: set[str] = set()
        self.dropped = 0

    def put(self, entry: Entry) -> None:
        """A function that will be called with a session, in the database's thread; again, if it must be."""
        if self._closed or len(self._waiting) + len(self._writing) >= self._bound:
            self._lost(1, "closed" if self._closed else "too many entries wait")
            return
        self._waiting.append(entry)
        self._flush_in(self._flush_seconds)

    async def close(self) -> None:
        """Write what waits; returns when it is committed, or cannot be.  What is put later is dropped."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing:
            await self._written_soon
        # Also when nothing waits: what was handed over earlier is committed before this.
        await self._flush()
        left, self._waiting = self._waiting, []
        self._lost(len(left), "the database took them no more")

    def _flush_in(self, seconds: float) -> None:
        """One timer, and one transaction at a time: what fails is in front of what came after it."""
        if self._timer is None and not self._writing and not self._closed:
            self._timer = self._clock.callLater(seconds, self._flush)

    def _flush(self) -> Any:
        self._timer = None
        self._writing, self._waiting = self._waiting, []
        self._written_soon = self._database.submit(_write, self._writing).addBoth(self._written)
        return self._written_soon

    def _written(self, outcome: Any) -> None:
        entries, self._writing = self._writing, []
        if isinstance(outcome, int):
            self._lost(outcome, "the database refused some entries")
            self._is_well()
        else:
            self._tell("the logs cannot be written, trying again", outcome.getErrorMessage())
            self._waiting[:0] = entries
        if self._waiting:
            self._flush_in(self._flush_seconds if isinstance(outcome, int) else RETRY)

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


def _write(session: Session, entries: list[Entry]) -> int:
    """Write ``entries``; how many of them could not be written.  Raises what is the database's trouble."""
    try:
        with session.begin_nested():
            for entry in entries:
                entry(session)
    except Exception as error:
        if is_trouble(session, error):
            raise
        return sum(not _written_alone(session, entry) for entry in entries)
    return 0


def _written_alone(session: Session, entry: Entry) -> bool:
    try:
        with session.begin_nested():
            entry(session)
    except SQLAlchemyError as error:
        if is_trouble(session, error):
            raise
        log.debug("entry refused", why=str(error))
        return False
    except Exception as error:  # noqa: BLE001 - a function's own; the others shall be written
        log.warning("entry failed", why=repr(error))
        return False
    return True
