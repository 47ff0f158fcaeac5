"""The settings that users' clients keep here, and whether a user's calendar is part of their presence."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.journal import CalendaringItem, Change, Kind, PropertyItem
from ctigw.directory.outcomes import Done, Outcome
from ctigw.store import rows
from ctigw.store.tables import Line, PropertyRow

# Settings of one user, and characters of a value.
MOST = 500
LONGEST = 4096
# Clients look for it, and it is there whether or not it was ever set.
LINE = "CallControl.Lineid"
_COLUMNS = ("owner", "name", "value", "is_public")


def properties(session: Session, user: str) -> tuple[PropertyItem, ...]:
    """The settings of ``user``, by name; `LINE` is their first line unless they have set it."""
    owner = names.user(session, user).name
    found = _load(session, owner)
    if LINE not in found:
        line = session.scalar(select(func.min(Line.number)).where(Line.owner == owner))
        found[LINE] = PropertyItem(LINE, line or "", is_public=False)
    return tuple(item for _name, item in sorted(found.items()))


def set_properties(session: Session, user: str, wanted: Sequence[PropertyItem]) -> Done:
    """Keep ``wanted``, each in the place of what was called so."""
    owner = names.user(session, user).name
    found = _load(session, owner)
    outcomes, changes = [], []
    put: dict[str, PropertyItem] = {}
    for item in wanted:
        old = found.get(item.name)
        if not _may_be(item) or (old is None and len(found) >= MOST):
            outcomes.append(Outcome.FAILED)
            continue
        outcomes.append(Outcome.SUCCEEDED)
        found[item.name] = put[item.name] = item
        if old != item:
            changes.append(Change(Kind.PROPERTY, owner, old, item))
    kept = [(owner, item.name, item.value, item.is_public) for item in put.values()]
    rows.upsert(session, PropertyRow.__tablename__, _COLUMNS, _COLUMNS[:2], kept)
    return Done(tuple(outcomes), journal.record(session, changes))


def delete_properties(session: Session, user: str, wanted: Sequence[str]) -> Done:
    """Forget settings; one that there is not fails."""
    owner = names.user(session, user).name
    found = _load(session, owner)
    outcomes, changes = [], []
    for name in wanted:
        old = found.pop(name, None)
        outcomes.append(Outcome.FAILED if old is None else Outcome.SUCCEEDED)
        if old is not None:
            changes.append(Change(Kind.PROPERTY, owner, old, None))
    gone = [
        (owner, name) for name, outcome in zip(wanted, outcomes, strict=True) if outcome is Outcome.SUCCEEDED
    ]
    rows.delete(session, PropertyRow.__tablename__, _COLUMNS[:2], gone)
    return Done(tuple(outcomes), journal.record(session, changes))


def calendaring(session: Session, user: str) -> bool:
    """Whether ``user``'s calendar is part of their presence."""
    return names.user(session, user).calendaring


def set_calendaring(session: Session, user: str, enabled: bool) -> tuple[Change, ...]:
    """Make it so, or not."""
    row = names.user(session, user)
    if row.calendaring == enabled:
        return ()
    row.calendaring = enabled
    session.flush()
    old, new = CalendaringItem(not enabled), CalendaringItem(enabled)
    return journal.record(session, [Change(Kind.CALENDARING, row.name, old, new)])


def _load(session: Session, owner: str) -> dict[str, PropertyItem]:
    columns = (PropertyRow.name, PropertyRow.value, PropertyRow.is_public)
    found = session.execute(select(*columns).where(PropertyRow.owner == owner))
    return {name: PropertyItem(name, value, is_public) for name, value, is_public in found}


def _may_be(item: PropertyItem) -> bool:
    return names.is_name(item.name) and len(item.value) <= LONGEST and item.value.isprintable()
