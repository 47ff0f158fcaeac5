"""The lines and whose they are: plain functions over a Session.  All raise `DirectoryError`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.store.tables import Line


@dataclass(frozen=True, slots=True)
class LineInfo:
    """A line; ``owner`` None: nobody's."""

    number: str
    owner: str | None


def add(session: Session, number: str, owner: str | None = None) -> None:
    """A new line."""
    number = names.line_number(number)
    if session.get(Line, number):
        raise DirectoryError(f"there is a line {number} already")
    session.add(Line(number=number, owner=_owner(session, owner)))
    session.flush()


def assign(session: Session, number: str, owner: str | None) -> None:
    """Give a line to ``owner``, or to nobody."""
    names.line(session, number).owner = _owner(session, owner)


def remove(session: Session, number: str) -> None:
    """Forget a line."""
    session.delete(names.line(session, number))
    session.flush()


def lines(session: Session) -> list[LineInfo]:
    """All, by number."""
    found = session.execute(select(Line.number, Line.owner).order_by(Line.number))
    return [LineInfo(number, owner) for number, owner in found]


def _owner(session: Session, name: str | None) -> str | None:
    return None if name is None else names.user(session, name).name
