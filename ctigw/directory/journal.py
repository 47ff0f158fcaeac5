"""What changed: written down in the transaction that changes it, for whoever must hear of it afterwards.

Those are clients, which are sent notices, and a gateway that runs beside the command line.  Neither is told
a secret: that a password is a new one is told, with what everybody knows of the user.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import MsgspecError, Struct, json
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ctigw.rules import Rule
from ctigw.store.rows import insert_counted
from ctigw.store.tables import ChangeRow, User, remove_oldest
from ctigw.values import Enum

MOST = 1000
_COLUMNS = ("at", "kind", "person", "old", "new")


class Kind(Enum):
    """What a change is of: UCCN's name of the object, or a word of our own for what clients are not told."""

    CONTACT = "EPASContacts"
    GROUP = "EPASContactGroup"
    RULE = "EpasPrivacyPolicy"
    ACL = "PeUriAcl"
    CALENDARING = "EndUser"
    PROPERTY = "UCEnduserCfg"
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - a kind of change
    LINE = "line"
    LONG_TERM_STATUS = "long-term status"
    SYSTEM = "system"
    DIAL_RULE = "ApplicationDialRule"


class ContactItem(Struct, frozen=True):
    """A contact in its group; ``is_external``: no user of this directory."""

    group: str
    group_index: Decimal
    name: str
    index: Decimal
    nickname: str
    display_on_phone: bool
    is_external: bool


class GroupItem(Struct, frozen=True):
    """A group of contacts."""

    name: str
    index: Decimal


class AclItem(Struct, frozen=True):
    """A watcher in the list of a rule."""

    rule: str
    watcher: str


class CalendaringItem(Struct, frozen=True):
    """Whether the calendar is part of the presence."""

    enabled: bool


class PropertyItem(Struct, frozen=True):
    """A setting of a user's client."""

    name: str
    value: str
    is_public: bool


class UserItem(Struct, frozen=True):
    """Somebody who may log in."""

    display_name: str


class LineItem(Struct, frozen=True):
    """A line, for its owner."""

    number: str


class LongTermItem(Struct, frozen=True):
    """A document, which is looked up where it is kept; ``published``: seconds since 1970."""

    published: float


class SystemItem(Struct, frozen=True):
    """Settings of the site that are told together, as UCCN's ``object``: names and values, in its order.

    Of a user: what is theirs in the place of the site's.  A password is empty here: `system.told` has it, and
    what somebody is told who has something of their own.
    """

    object: str
    properties: tuple[tuple[str, str], ...]


class DialRuleItem(Struct, frozen=True, forbid_unknown_fields=True):
    """How a number is made another one before it is dialled (``type`` 1) or looked up (2).

    It is for numbers that begin so and have so many digits; so many are removed and the prefix put before.
    """

    type: int
    name: str
    description: str
    priority: int
    number_begins_with: str
    number_of_digits: int
    digits_to_be_removed: int
    prefix: str


Item: TypeAlias = (
    ContactItem
    | GroupItem
    | Rule
    | AclItem
    | CalendaringItem
    | PropertyItem
    | UserItem
    | LineItem
    | LongTermItem
    | SystemItem
    | DialRuleItem
)
ITEMS: dict[Kind, Any] = {
    Kind.CONTACT: ContactItem,
    Kind.GROUP: GroupItem,
    Kind.RULE: Rule,
    Kind.ACL: AclItem,
    Kind.CALENDARING: CalendaringItem,
    Kind.PROPERTY: PropertyItem,
    Kind.USER: UserItem,
    Kind.PASSWORD: UserItem,
    Kind.LINE: LineItem,
    Kind.LONG_TERM_STATUS: LongTermItem,
    Kind.SYSTEM: SystemItem,
    Kind.DIAL_RULE: DialRuleItem,
}


class Change(Struct, frozen=True):
    """A change of what belongs to ``user``; "": of the site, which is everybody's concern.

    ``old`` None: it is new; ``new`` None: it is gone.  ``number`` grows from change to change, of whomever.
    """

    kind: Kind
    user: str
    old: Item | None = None
    new: Item | None = None
    number: int = 0


def record(session: Session, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Write ``changes`` down, in their order; they come back with their numbers.

    What neither was nor is, is no change.
    """
    real = [change for change in changes if change.old is not None or change.new is not None]
    if not real:
        return ()
    _one_at_a_time(session)
    at = time.time()
    rows = [
        (at, change.kind.value, change.user, _encoded(change.old), _encoded(change.new)) for change in real
    ]
    numbers = insert_counted(session, ChangeRow.__tablename__, _COLUMNS, rows)
    return tuple(
        Change(change.kind, change.user, change.old, change.new, number)
        for change, number in zip(real, numbers, strict=True)
    )


def note(session: Session, row: User, kind: Kind = Kind.USER) -> tuple[Change, ...]:
    """Write down that something of a user has changed, which is read where it is kept."""
    item = UserItem(row.display_name)
    return record(session, [Change(kind, row.name, item, item)])


def last(session: Session) -> int:
    """The number of the last change; 0: there was none, or all are forgotten."""
    return session.scalar(select(func.max(ChangeRow.id))) or 0


def since(session: Session, number: int, most: int = MOST) -> list[Change]:
    """The first ``most`` changes after ``number``, in their order.

    Of one that cannot be read, since a newer version has written it, is known whose it is.
    """
    columns = (ChangeRow.id, ChangeRow.kind, ChangeRow.person, ChangeRow.old, ChangeRow.new)
    query = select(*columns).where(ChangeRow.id > number).order_by(ChangeRow.id).limit(most)
    return [_change(*row) for row in session.execute(query)]


def forget(session: Session, before: float, most: int) -> int:
    """Remove ``most`` at most of what changed ``before`` that time, the oldest; how many there were."""
    return remove_oldest(session, ChangeRow, ChangeRow.at, before, most)


def _one_at_a_time(session: Session) -> None:
    """Let nobody else write until this transaction ends.

    A number is given before the commit: who reads up to 6 while 5 is not yet committed would never see 5.
    SQLite has one writer anyhow.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"LOCK TABLE {ChangeRow.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))


def _change(number: int, word: str, person: str, old: str | None, new: str | None) -> Change:
    try:
        kind = Kind(word)
        return Change(kind, person, _decoded(kind, old), _decoded(kind, new), number)
    except (ValueError, MsgspecError):
        return Change(Kind.USER, person, None, None, number)


def _encoded(item: Item | None) -> str | None:
    return None if item is None else json.encode(item).decode()


def _decoded(kind: Kind, kept: str | None) -> Item | None:
    return None if kept is None else json.decode(kept, type=ITEMS[kind])
