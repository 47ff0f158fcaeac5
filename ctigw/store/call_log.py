"""The call log: an entry for each party of each call, when the party's share is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.store.rows import insert
from ctigw.store.tables import CallRow, remove_oldest


class LoggedCall(NamedTuple):  # and no dataclass, as in the audit
    """What the call ``call_id`` was for the party at ``device``.  Times: seconds since 1970, UTC.

    Named like the columns.
    """

    call_id: str
    device: str
    calling: str | None
    called: str | None
    started: float
    answered: float | None = None
    ended: float | None = None
    cause: str | None = None


def record(session: Session, entries: Sequence[LoggedCall]) -> None:
    """Keep ``entries``, in their order."""
    insert(session, CallRow.__tablename__, LoggedCall._fields, entries)


def calls(
    session: Session, *, device: str | None = None, since: float | None = None, limit: int = 100
) -> list[LoggedCall]:
    """The last ``limit`` entries, the last first; of ``device`` only, or started ``since`` only."""
    query = select(CallRow).order_by(CallRow.id.desc()).limit(limit)
    if device is not None:
        query = query.where(CallRow.device == device)
    if since is not None:
        query = query.where(CallRow.started >= since)
    return [
        LoggedCall(
            found.call_id,
            found.device,
            found.calling,
            found.called,
            found.started,
            found.answered,
            found.ended,
            found.cause,
        )
        for found in session.scalars(query)
    ]


def forget(session: Session, before: float, most: int) -> int:
    """Remove ``most`` at most of what started ``before`` that time, the oldest; how many there were."""
    return remove_oldest(session, CallRow, CallRow.started, before, most)
