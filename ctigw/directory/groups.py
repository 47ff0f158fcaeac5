"""The groups of contacts: what the EPAS group operations do, part by part.

Everybody has a group with an empty name from the start.  It stays: to rename it succeeds and changes at most
its index, to delete it takes its contacts only.  A new group without index comes after all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from ctigw.directory import names
from ctigw.directory.contact_list import (
    GroupAtWork,
    by_index,
    contact_item,
    each,
    exact_index,
    group_item,
    is_index,
    kept_index,
    load,
    next_index,
    owner_of,
)
from ctigw.directory.journal import Change, Kind
from ctigw.directory.outcomes import Done, Outcome
from ctigw.store import rows
from ctigw.store.tables import ContactRow, GroupRow

# What one user may have.
MOST = 200


class Wanted(Struct, frozen=True):
    """A group to add.  Without index it comes after all others."""

    name: str
    index: Decimal | None = None


class Changed(Struct, frozen=True):
    """What to change of a group; None stays as it is."""

    old_name: str
    new_name: str | None = None
    index: Decimal | None = None


def add(session: Session, user: str, wanted: Sequence[Wanted]) -> Done:
    """New groups.  A name that is there already fails."""
    owner = owner_of(session, user, wanted)
    found = load(session, owner, contacts=False)

    def put(part: Wanted) -> tuple[Outcome, list[Change]]:
        index = next_index(found.values()) if part.index is None else part.index
        full = len(found) >= MOST
        if part.name in found or full or not (names.is_name(part.name) and is_index(index)):
            return Outcome.FAILED, []
        number = session.scalar(
            insert(GroupRow)
            .values(owner=owner, name=part.name, position=kept_index(index))
            .returning(GroupRow.id)
        )
        assert number is not None
        found[part.name] = group = GroupAtWork(number, part.name, exact_index(index))
        return Outcome.SUCCEEDED, [Change(Kind.GROUP, owner, None, group_item(group))]

    return each(session, wanted, put)


def modify(session: Session, user: str, wanted: Sequence[Changed]) -> Done:
    """Give groups other names and places.  A name that there is not, or another group's new name, fails."""
    owner = owner_of(session, user, wanted)
    found = load(session, owner, contacts=False)

    def change(part: Changed) -> tuple[Outcome, list[Change]]:
        group = found.get(part.old_name)
        if group is None or not (part.index is None or is_index(part.index)):
            return Outcome.FAILED, []
        name = part.new_name if part.new_name is not None and group.name else group.name
        if name != group.name and (name in found or not names.is_name(name)):
            return Outcome.FAILED, []
        old = group_item(group)
        del found[group.name]
        group.name, group.index = name, group.index if part.index is None else exact_index(part.index)
        found[name] = group
        if (new := group_item(group)) == old:
            return Outcome.SUCCEEDED, []
        session.execute(
            update(GroupRow)
            .where(GroupRow.id == group.number)
            .values(name=name, position=kept_index(group.index))
            .execution_options(synchronize_session=False)
        )
        return Outcome.SUCCEEDED, [Change(Kind.GROUP, owner, old, new)]

    return each(session, wanted, change)


def remove(session: Session, user: str, wanted: Sequence[str]) -> Done:
    """Remove groups and who is in them.  Always succeeds: what there is not is gone already."""
    owner = owner_of(session, user, wanted)
    found = load(session, owner)
    users = names.users_among(session, (name for group in found.values() for name in group.contacts))

    def take(name: str) -> tuple[Outcome, list[Change]]:
        group = found.get(name)
        if group is None:
            return Outcome.SUCCEEDED, []
        gone = [
            Change(Kind.CONTACT, owner, contact_item(group, contact, users), None)
            for contact in sorted(group.contacts.values(), key=by_index)
        ]
        rows.delete(session, ContactRow.__tablename__, ("group_id",), [(group.number,)])
        if name:
            rows.delete(session, GroupRow.__tablename__, ("id",), [(group.number,)])
            del found[name]
            gone.append(Change(Kind.GROUP, owner, group_item(group), None))
        group.contacts.clear()
        return Outcome.SUCCEEDED, gone

    return each(session, wanted, take)
