"""Lists of contacts: who is in which group of a user, and in which order.

An index is a decimal number of any sign; it is kept, and told to clients, with at most ten decimal places.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, ContactItem, GroupItem
from ctigw.directory.outcomes import Done, Outcome
from ctigw.store.tables import ContactRow, GroupRow

T = TypeVar("T")
# Parts of one request.
MOST_PARTS = 5000
# An index is kept in ten-billionths; the highest leaves room for the next one in 64 bits.
PLACES = 10
HIGHEST = Decimal(900_000_000)


class Contact(Struct, frozen=True):
    """Somebody in a group."""

    name: str
    index: Decimal
    nickname: str = ""
    display_on_phone: bool = False


class Group(Struct, frozen=True):
    """A group and who is in it, by index."""

    name: str
    index: Decimal
    contacts: tuple[Contact, ...] = ()


class GroupAtWork:
    """A group while it is worked on; the contacts are in no order."""

    def __init__(self, number: int, name: str, index: Decimal) -> None:
        self.number, self.name, self.index = number, name, index
        self.contacts: dict[str, Contact] = {}


def shown(index: Decimal) -> str:
    """``index`` as clients are told it: without zeros at the end, and never with an exponent."""
    return f"{index.normalize():f}"


def contact_list(session: Session, user: str) -> tuple[Group, ...]:
    """The groups of ``user`` by index, with their contacts by index."""
    found = load(session, names.user(session, user).name).values()
    return tuple(
        Group(group.name, group.index, tuple(sorted(group.contacts.values(), key=by_index)))
        for group in sorted(found, key=by_index)
    )


def start(session: Session, user: str) -> None:
    """Give a new user the group that everybody has."""
    session.add(GroupRow(owner=user, name="", position=0))
    session.flush()


def owner_of(session: Session, user: str, wanted: Sequence[object]) -> str:
    """The full name of ``user``, who asks for all of ``wanted``.

    Raises `DirectoryError`: there is no such user, or they ask for too much at once.
    """
    if len(wanted) > MOST_PARTS:
        raise DirectoryError(f"a request has {MOST_PARTS} parts at most")
    return names.user(session, user).name


def load(session: Session, owner: str, *, contacts: bool = True) -> dict[str, GroupAtWork]:
    """The groups of ``owner`` by name; without ``contacts`` nobody is in them."""
    of_owner = select(GroupRow.id, GroupRow.name, GroupRow.position).where(GroupRow.owner == owner)
    numbered = {
        number: GroupAtWork(number, name, told_index(position))
        for number, name, position in session.execute(of_owner)
    }
    if contacts:
        inside = select(
            ContactRow.group_id,
            ContactRow.member,
            ContactRow.position,
            ContactRow.nickname,
            ContactRow.display_on_phone,
        ).join(GroupRow, GroupRow.id == ContactRow.group_id)
        for number, name, at, nickname, on_phone in session.execute(inside.where(GroupRow.owner == owner)):
            numbered[number].contacts[name] = Contact(name, told_index(at), nickname, on_phone)
    return {group.name: group for group in numbered.values()}


def each(session: Session, wanted: Sequence[T], work: Callable[[T], tuple[Outcome, list[Change]]]) -> Done:
    """``work`` on each part; what changed is in the journal."""
    outcomes, changes = [], []
    for part in wanted:
        outcome, changed = work(part)
        outcomes.append(outcome)
        changes += changed
    return Done(tuple(outcomes), journal.record(session, changes))


def group_item(group: GroupAtWork) -> GroupItem:
    return GroupItem(group.name, group.index)


def contact_item(group: GroupAtWork, contact: Contact, users: Collection[str]) -> ContactItem:
    return ContactItem(
        group.name,
        group.index,
        contact.name,
        contact.index,
        contact.nickname,
        contact.display_on_phone,
        contact.name not in users,
    )


def by_index(thing: Group | GroupAtWork | Contact) -> tuple[Decimal, str]:
    return thing.index, thing.name


def next_index(things: Iterable[GroupAtWork | Contact]) -> Decimal:
    """The index after all of ``things``."""
    return max((thing.index for thing in things), default=Decimal(0)) + 1


def is_index(index: Decimal) -> bool:
    return index.is_finite() and -HIGHEST <= index <= HIGHEST


def kept_index(index: Decimal) -> int:
    """``index`` in ten-billionths, as it is kept."""
    return int(index.quantize(Decimal(1).scaleb(-PLACES)).scaleb(PLACES))


def told_index(position: int) -> Decimal:
    return Decimal(position).scaleb(-PLACES)


def exact_index(index: Decimal) -> Decimal:
    """``index`` with the places that are kept."""
    return told_index(kept_index(index))
