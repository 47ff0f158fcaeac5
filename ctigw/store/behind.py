"""Writing behind: what nobody waits for, such as the call log, many entries in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ctigw.store.database import Database
from ctigw.store.tables import Base

Entry = Base | Callable[[Session], object]
log = structlog.get_logger(__name__)


class Clock(Protocol):
    """As much of Twisted's IReactorTime as is needed here."""

    def callLater(self, delay: float, call: Callable[[], object], /) -> Any: ...


class Behind:
    """Entries wait at most ``flush_seconds``; ``dropped`` counts those that were lost.

    ``bound`` is for all that is not yet committed, so that a database that hangs cannot take the memory.
    """

    def __init__(
        self, database: Database, clock: Clock, flush_seconds: float = 0.2, bound: int = 10_000
    ) -> None:
        self._database, self._clock = database, clock
        self._flush_seconds, self._bound = flush_seconds, bound
        self._waiting: list[Entry] = []
        self._writing = 0
        self._timer: Any = None
        self._closed = self._told = False
        self.dropped = 0

    def put(self, entry: Entry) -> None:
        """A new row, or a function that will be called with a session, in the database's thread."""
        if self._closed or len(self._waiting) + self._writing >= self._bound:
            self._lost(1, "closed" if self._closed else "too many entries wait")
            return
        self._waiting.append(entry)
        if self._timer is None:
            self._timer = self._clock.callLater(self._flush_seconds, self._flush)

    async def close(self) -> None:
        """Write what waits; returns when it is committed.  What is put later is dropped."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        # Also when nothing waits: what was handed over earlier is committed before this.
        await self._flush()

    def _flush(self) -> Any:
        self._timer = None
        entries, self._waiting = self._waiting, []
        self._writing += len(entries)
        return self._database.submit(_write, entries).addBoth(self._written, len(entries))

    def _written(self, outcome: Any, count: int) -> None:
        self._writing -= count
        if isinstance(outcome, int):
            self._lost(outcome, "the database refused some entries")
            return
        self._lost(count, outcome.getErrorMessage())

    def _lost(self, count: int, why: str) -> None:
        self.dropped += count
        if count and not self._told:  # once: a log full of this would be the next trouble
            log.warning("entries of the logs are lost", why=why)
            self._told = True


def _write(session: Session, entries: list[Entry]) -> int:
    """Write ``entries``; how many of them could not be written."""
    try:
        with session.begin_nested():
            for entry in entries:
                _write_one(session, entry)
    except Exception:  # noqa: BLE001 - one is to blame; the others are written one by one
        return sum(not _written_alone(session, entry) for entry in entries)
    return 0


def _written_alone(session: Session, entry: Entry) -> bool:
    try:
        with session.begin_nested():
            _write_one(session, entry)
    except SQLAlchemyError as error:
        log.debug("entry refused", why=str(error))
        return False
    except Exception as error:  # noqa: BLE001 - a function's own; the others shall be written
        log.warning("entry failed", why=repr(error))
        return False
    return True


def _write_one(session: Session, entry: Entry) -> None:
    if isinstance(entry, Base):
        session.add(entry)
    else:
        entry(session)
