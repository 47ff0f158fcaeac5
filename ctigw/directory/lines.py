"""The lines and whose they are: plain functions over a Session.

All raise `DirectoryError`, and return what changed for owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, Kind, LineItem
from ctigw.store.tables import Line

Changes = tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class LineInfo:
    """A line; ``owner`` None: nobody's."""

    number: str
    owner: str | None


def add(session: Session, number: str, owner: str | None = None) -> Changes:
    """A new line."""
    number = names.line_number(number)
    if session.get(Line, number):
        raise DirectoryError(f"there is a line {number} already")
    row = Line(number=number, owner=_owner(session, owner))
    session.add(row)
    session.flush()
    return _changed(session, number, None, row.owner)


def assign(session: Session, number: str, owner: str | None) -> Changes:
    """Give a line to ``owner``, or to nobody."""
    row = names.line(session, number)
    before, row.owner = row.owner, _owner(session, owner)
    session.flush()
    return _changed(session, row.number, before, row.owner)


def remove(session: Session, number: str) -> Changes:
    """Forget a line."""
    row = names.line(session, number)
    session.delete(row)
    session.flush()
    return _changed(session, row.number, row.owner, None)


def give(session: Session, owner: str, numbers: Sequence[str]) -> Changes:
    """Let ``numbers``, and no others, be the lines of ``owner``.

    There need not be lines of these numbers yet, and those that are may be somebody else's.
    """
    name = names.user(session, owner).name
    wanted = dict.fromkeys(map(names.line_number, numbers))
    has = set(session.scalars(select(Line.number).where(Line.owner == name)))
    changes = [assign(session, number, None) for number in sorted(has - wanted.keys())]
    for number in wanted:
        if number not in has:
            change = add if session.get(Line, number) is None else assign
            changes.append(change(session, number, name))
    return tuple(chain.from_iterable(changes))


def lines(session: Session) -> list[LineInfo]:
    """All, by number."""
    found = session.execute(select(Line.number, Line.owner).order_by(Line.number))
    return [LineInfo(number, owner) for number, owner in found]


def _owner(session: Session, name: str | None) -> str | None:
    return None if name is None else names.user(session, name).name


def _changed(session: Session, number: str, before: str | None, after: str | None) -> Changes:
    """The line was somebody's, or is, or both: two changes then, one for each."""
    item = LineItem(number)
    lost = [] if before is None or before == after else [Change(Kind.LINE, before, item, None)]
    won = [] if after is None or before == after else [Change(Kind.LINE, after, None, item)]
    return journal.record(session, lost + won)
