"""Where addresses of record are registered, so that who is registered stays it over a restart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.store.rows import delete, delete_expired, upsert
from ctigw.store.tables import BindingRow

# Characters of a contact's URI: it is part of an index, whose entries PostgreSQL bounds.
LONGEST = 1024


class Row(NamedTuple):
    """A binding, named like the columns: ``contact`` is the URI, of at most `LONGEST` characters.

    ``data``: whatever else the registrar knows of it, in its own form.  ``expires``: seconds since 1970.
    """

    aor: str
    contact: str
    data: bytes
    expires: float


def write(session: Session, puts: Sequence[Row], gone: Sequence[tuple[str, str]]) -> None:
    """Keep ``puts``, each in the place of the same contact of the same address; the last of two wins.

    Then forget those that are ``gone``: pairs of an address and a contact.
    """
    newest = {row[:2]: row for row in puts}
    upsert(session, BindingRow.__tablename__, Row._fields, Row._fields[:2], list(newest.values()))
    delete(session, BindingRow.__tablename__, Row._fields[:2], list(dict.fromkeys(gone)))


def load(session: Session, now: float) -> list[Row]:
    """All that has not expired at ``now``, by address."""
    columns = BindingRow.__table__.columns
    query = select(*(columns[name] for name in Row._fields)).where(BindingRow.expires > now)
    return [Row(*found) for found in session.execute(query.order_by(BindingRow.aor, BindingRow.contact))]


def forget_expired(session: Session, now: float) -> int:
    """Remove what has expired at ``now``; how many there were.  Looks at all of them."""
    return delete_expired(session, BindingRow.__tablename__, now)


def forget_aor(session: Session, aor: str) -> None:
    """Remove all bindings of ``aor``, who is no more."""
    delete(session, BindingRow.__tablename__, ("aor",), [(aor,)])
