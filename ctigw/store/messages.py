"""Messages for people who were not there: kept until they register, a bounded number for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctigw.store.rows import delete, delete_expired, insert, text
from ctigw.store.tables import MessageRow

# Messages that wait for one person; enough for a holiday, and a bound for what a stranger can store.
MOST = 100
# Characters of a sender and of a content type that are kept.
LONGEST = 1024


class Row(NamedTuple):
    """A message, named like the columns.  ``at`` and ``expires``: seconds since 1970."""

    recipient: str
    sender: str
    content_type: str
    at: float
    expires: float
    body: bytes


def keep(session: Session, rows: Sequence[Row], most: int = MOST) -> list[bool]:
    """Keep ``rows``, in their order; which of them are kept.

    A recipient for whom ``most`` wait already gets no other one: whoever sent the first ones was told that
    they will arrive.
    """
    waiting = Counter(_waiting(session, {row.recipient for row in rows}))
    kept = []
    for row in rows:
        kept.append(waiting[row.recipient] < most)
        waiting[row.recipient] += kept[-1]
    clean = [
        row._replace(sender=text(row.sender, LONGEST), content_type=text(row.content_type, LONGEST))
        for row, fits in zip(rows, kept, strict=True)
        if fits
    ]
    insert(session, MessageRow.__tablename__, Row._fields, clean)
    return kept


def recipients(session: Session) -> dict[str, int]:
    """For whom messages wait, and how many, expired ones among them."""
    return _waiting(session, None)


def waiting(session: Session, recipient: str, now: float) -> list[tuple[int, Row]]:
    """What waits for ``recipient`` and has not expired at ``now``, the oldest first, with its numbers."""
    columns = MessageRow.__table__.columns
    query = (
        select(MessageRow.id, *(columns[name] for name in Row._fields))
        .where(MessageRow.recipient == recipient, MessageRow.expires > now)
        .order_by(MessageRow.id)
    )
    return [(found[0], Row(*found[1:])) for found in session.execute(query)]


def forget(session: Session, numbers: Sequence[int]) -> None:
    """Remove messages by their numbers: they have arrived."""
    delete(session, MessageRow.__tablename__, ("id",), [(number,) for number in numbers])


def forget_expired(session: Session, now: float) -> int:
    """Remove what has expired at ``now``; how many there were.  Looks at all of them."""
    return delete_expired(session, MessageRow.__tablename__, now)


def forget_recipient(session: Session, recipient: str) -> None:
    """Remove all that waits for ``recipient``, who is no more."""
    delete(session, MessageRow.__tablename__, ("recipient",), [(recipient,)])


def _waiting(session: Session, wanted: set[str] | None) -> dict[str, int]:
    query = select(MessageRow.recipient, func.count()).group_by(MessageRow.recipient)
    if wanted is not None:
        query = query.where(MessageRow.recipient.in_(wanted))
    return dict(session.execute(query).all())
