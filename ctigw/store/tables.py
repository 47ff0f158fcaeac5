"""The tables.  A change here needs a migration; a test compares the two.

Times are seconds since 1970 (UTC, with fractions): every database keeps and sorts them alike.
What a client or the PBX may word at length is Text, since PostgreSQL refuses a row over one long value.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Integer, String, Text, delete, select
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, Session, mapped_column

# SQLite counts up by itself only what is called INTEGER.
_COUNTED = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables."""


class LineFeatures(Base):
    """What a driver keeps for a line: forwarding, do not disturb, in the driver's own words."""

    __tablename__ = "line_features"

    number: Mapped[str] = mapped_column(String(64), primary_key=True)
    features: Mapped[dict[str, Any]] = mapped_column(JSON)


class User(Base):
    """Somebody who may log in; ``name`` is "alice@example.com", in lower case."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(255))
    password_hash: Mapped[str] = mapped_column(String(255))


class Line(Base):
    """A line, and the user whose it is."""

    __tablename__ = "lines"

    number: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str | None] = mapped_column(ForeignKey("users.name", ondelete="SET NULL"), index=True)


class Application(Base):
    """A program that may log in."""

    __tablename__ = "applications"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(255))


class ApplicationRight(Base):
    """An application may "monitor" or "control" (``kind``) the lines of a pattern."""

    __tablename__ = "application_rights"

    application: Mapped[str] = mapped_column(
        ForeignKey("applications.name", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    pattern: Mapped[str] = mapped_column(String(160), primary_key=True)


class CallRow(Base):
    """One party's share in one call; ``device`` is the party's line.

    Without an index, as the audit: to keep one by time would cost more than the rows themselves.
    """

    __tablename__ = "calls"

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    call_id: Mapped[str] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)
    calling: Mapped[str | None] = mapped_column(Text)
    called: Mapped[str | None] = mapped_column(Text)
    started: Mapped[float] = mapped_column(Double)
    answered: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)
    cause: Mapped[str | None] = mapped_column(Text)


class AuditRow(Base):
    """One request, who made it, and what came of it."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    who: Mapped[str] = mapped_column(Text)
    on_behalf_of: Mapped[str | None] = mapped_column(Text)
    request: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    target: Mapped[str | None] = mapped_column(Text)


def remove_oldest(
    session: Session,
    row: type[CallRow | AuditRow],
    moment: InstrumentedAttribute[float],
    before: float,
    most: int,
) -> int:
    """Remove the first ``most`` rows of a log whose ``moment`` lies ``before`` that time; how many there are.

    Rows come when what they tell is over, so those are the oldest, nearly.  While there are enough of them
    they are found at once; when there are not, once a day, all rows are looked at: a second for some
    millions.
    """
    found = session.scalars(select(row.id).where(moment < before).order_by(row.id).limit(most)).all()
    session.execute(delete(row).where(row.id.in_(found)))
    return len(found)
