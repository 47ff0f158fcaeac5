"""The audit log: who asked for what, for which line, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.store.rows import insert
from ctigw.store.tables import AuditRow, remove_oldest


# No dataclass: every command makes one, a frozen one takes three times as long, and this is the row already.
class Audited(NamedTuple):
    """One request.  ``at``: seconds since 1970, UTC; ``target``: the callID or text that it was about.

    Named like the columns.
    """

    at: float
    who: str
    request: str
    outcome: str
    on_behalf_of: str | None = None
    target: str | None = None


def record(session: Session, entries: Sequence[Audited]) -> None:
    """Keep ``entries``, in their order."""
    insert(session, AuditRow.__tablename__, Audited._fields, entries)


def entries(
    session: Session,
    *,
    who: str | None = None,
    device: str | None = None,
    since: float | None = None,
    limit: int = 100,
) -> list[Audited]:
    """The last ``limit`` entries, newest first; by ``who``, on behalf of ``device``, or ``since`` only."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if who is not None:
        query = query.where(AuditRow.who == who)
    if device is not None:
        query = query.where(AuditRow.on_behalf_of == device)
    if since is not None:
        query = query.where(AuditRow.at >= since)
    found = sorted(session.scalars(query), key=lambda row: row.at, reverse=True)  # refusals are written apart
    return [Audited(row.at, row.who, row.request, row.outcome, row.on_behalf_of, row.target) for row in found]


def forget(session: Session, before: float, most: int) -> int:
    """Remove ``most`` at most of what was asked ``before`` that time, the oldest; how many there were."""
    return remove_oldest(session, AuditRow, AuditRow.at, before, most)
