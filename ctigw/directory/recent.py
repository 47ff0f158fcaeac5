"""What clients want to remember of calls and messages: the newest ones, in the client's own words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.store.tables import RecentRow

# Communications of one user that are kept, characters of a date or type, and of the data.
MOST = 100
LONGEST = 64
LONGEST_DATA = 8192
# A date, which XML allows to have a time zone, where Python does not.
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})")


class Communication(Struct, frozen=True):
    """``timestamp``: a date, with or without a time, as the client wrote it; ``data``: XML, as it came."""

    timestamp: str
    type: str
    data: str


def add(session: Session, user: str, communication: Communication, most: int = MOST) -> None:
    """Remember ``communication``; of more than ``most`` the oldest go.  Raises `DirectoryError`."""
    owner = names.user(session, user).name
    kept = RecentRow(
        owner=owner,
        at=moment(communication.timestamp),
        timestamp=communication.timestamp,
        type=_text(communication.type, LONGEST, "type"),
        data=_text(communication.data, LONGEST_DATA, "data"),
    )
    session.add(kept)
    session.flush()
    newest = select(RecentRow.id).where(RecentRow.owner == owner)
    old = newest.order_by(RecentRow.at.desc(), RecentRow.id.desc()).offset(most)
    if gone := session.scalars(old).all():
        session.execute(delete(RecentRow).where(RecentRow.id.in_(gone)))


def communications(session: Session, user: str) -> tuple[Communication, ...]:
    """What ``user``'s clients remember, the newest first."""
    query = select(RecentRow).where(RecentRow.owner == names.user(session, user).name)
    found = session.scalars(query.order_by(RecentRow.at.desc(), RecentRow.id.desc()))
    return tuple(Communication(row.timestamp, row.type, row.data) for row in found)


def moment(timestamp: str) -> float:
    """The time that ``timestamp`` means, in seconds since 1970; UTC if it does not say.

    Raises `DirectoryError`.
    """
    text = timestamp.strip() if len(timestamp) <= LONGEST else ""
    try:
        if found := _DATE.fullmatch(text):
            text = f"{found[1]}T00:00:00{found[2]}"
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise DirectoryError(f"{timestamp[:LONGEST]!r} is not a date") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _text(said: str, most: int, what: str) -> str:
    """``said``, as every database takes it."""
    if len(said) > most or "\x00" in said or not _is_text(said):
        raise DirectoryError(f"the {what} of a communication is text of at most {most} characters")
    return said


def _is_text(said: str) -> bool:
    try:
        said.encode()
    except UnicodeEncodeError:
        return False
    return True
