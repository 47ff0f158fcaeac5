"""What was published, so that a restart loses nothing: written in few statements, hundreds at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.store.rows import delete, delete_expired, text, upsert
from ctigw.store.tables import PublicationRow

# Characters of the hint that are kept.
SOURCE = 255


class Row(NamedTuple):  # as in the audit: this is the row already
    """A publication, named like the columns.

    ``publication``: its own name, which no other one has, the same over all its changes, such as its first
    entity-tag; ``etag``: the entity-tag of now.  Either has at most 64 characters.  ``source``: what
    published it said of itself.  ``expires`` and ``published``: seconds since 1970.  ``sequence``: grows with
    each change, so that the newest of two is known whatever the clock did.
    """

    publication: str
    presentity: str
    etag: str
    source: str
    expires: float
    published: float
    sequence: int
    body: bytes


_SOURCE = Row._fields.index("source")


def write(session: Session, puts: Sequence[Row], gone: Sequence[str]) -> None:
    """Keep ``puts``, each in the place of what is kept of the same publication; the last of two wins.

    Then forget the publications that are ``gone``, by their own names.
    """
    newest = {row.publication: row for row in puts}
    rows = [(*row[:_SOURCE], text(row.source, SOURCE), *row[_SOURCE + 1 :]) for row in newest.values()]
    upsert(session, PublicationRow.__tablename__, Row._fields, ("publication",), rows)
    delete(session, PublicationRow.__tablename__, ("publication",), [(name,) for name in dict.fromkeys(gone)])


def load(session: Session, now: float) -> list[Row]:
    """All that has not expired at ``now``, in the order of its changes."""
    columns = PublicationRow.__table__.columns
    query = (
        select(*(columns[name] for name in Row._fields))
        .where(PublicationRow.expires > now)
        .order_by(PublicationRow.sequence, PublicationRow.published)
    )
    return [Row(*found) for found in session.execute(query)]


def forget_expired(session: Session, now: float) -> int:
    """Remove what has expired at ``now``; how many there were.  Looks at all of them."""
    return delete_expired(session, PublicationRow.__tablename__, now)


def forget_presentity(session: Session, presentity: str) -> None:
    """Remove all that was published for ``presentity``, who is no more."""
    delete(session, PublicationRow.__tablename__, ("presentity",), [(presentity,)])
