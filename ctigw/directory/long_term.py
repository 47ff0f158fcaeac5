"""What a user's presence is for long: a document that lasts until they take it back, without an expiry."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, Kind, LongTermItem
from ctigw.store.tables import LongTermRow

LONGEST = 65_536


def publish(session: Session, user: str, body: bytes, now: float) -> tuple[Change, ...]:
    """Keep the PIDF document ``body``, in the place of the one before; ``now``: seconds since 1970.

    That it is one is for the caller to see.  Raises `DirectoryError`.
    """
    if len(body) > LONGEST:
        raise DirectoryError(f"a long-term status has {LONGEST} bytes at most")
    owner = names.user(session, user).name
    row = session.get(LongTermRow, owner)
    old = None if row is None else LongTermItem(row.published)
    if row is None:
        session.add(LongTermRow(owner=owner, published=now, body=body))
    else:
        row.published, row.body = now, body
    session.flush()
    return journal.record(session, [Change(Kind.LONG_TERM_STATUS, owner, old, LongTermItem(now))])


def unpublish(session: Session, user: str) -> tuple[Change, ...]:
    """Forget the document; there need not be one."""
    owner = names.user(session, user).name
    row = session.get(LongTermRow, owner)
    if row is None:
        return ()
    old = LongTermItem(row.published)
    session.delete(row)
    session.flush()
    return journal.record(session, [Change(Kind.LONG_TERM_STATUS, owner, old, None)])


def status(session: Session, user: str) -> bytes | None:
    """The document of ``user``, if there is one."""
    row = session.get(LongTermRow, names.user(session, user).name)
    return None if row is None else row.body


def statuses(session: Session) -> list[tuple[str, float, bytes]]:
    """All: whose, since when (seconds since 1970), and the document."""
    found = session.execute(select(LongTermRow.owner, LongTermRow.published, LongTermRow.body))
    return [(owner, published, body) for owner, published, body in found]
