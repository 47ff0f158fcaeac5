"""All that presence needs to know of users, compact enough to be held for everybody at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ctigw.directory.rules import assembled
from ctigw.rules import Rule
from ctigw.store.tables import AclRow, ContactRow, GroupRow, Line, RuleRow, User

# Rows taken from the database at once: ten thousand users have a million contacts.
MANY = 10_000


class Group(Struct, frozen=True, gc=False):
    """A group of contacts: the names of who is in it, by index."""

    name: str
    members: tuple[str, ...]


class Profile(Struct, frozen=True, gc=False):
    """A user.  ``groups`` and ``lines`` are in their order, ``rules`` by name.

    ``ha1_md5`` and ``ha1_sha256``: hexadecimal, what SIP's digest is checked with; None: not known until
    the user has logged in or has a new password.
    """

    name: str
    display_name: str
    ha1_md5: str | None
    ha1_sha256: str | None
    lines: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    groups: tuple[Group, ...] = ()


def load(session: Session) -> list[Profile]:
    """All users, by name, in six statements."""
    return _profiles(session, None)


def profile(session: Session, user: str) -> Profile | None:
    """The user whose full name is ``user``; None: there is none."""
    return next(iter(_profiles(session, user)), None)


def _profiles(session: Session, only: str | None) -> list[Profile]:
    users = select(User.name, User.display_name, User.sip_ha1_md5, User.sip_ha1_sha256).order_by(User.name)
    if only is not None:
        users = users.where(User.name == only)
    found = session.execute(users).all()
    # Every name once, however many lists it is in.
    known = {name: name for name, *_ in found}
    groups = _groups(session, only, known)
    lines: dict[str, list[str]] = {}
    for owner, number in _of(
        session, select(Line.owner, Line.number).order_by(Line.number), Line.owner, only
    ):
        lines.setdefault(owner, []).append(number)
    kept = select(RuleRow.owner, RuleRow.name, RuleRow.has_acl, RuleRow.rule)
    entries = select(AclRow.owner, AclRow.rule, AclRow.watcher)
    rules = assembled(
        _of(session, kept, RuleRow.owner, only),
        (
            (owner, rule, known.setdefault(watcher, watcher))
            for owner, rule, watcher in _of(session, entries, AclRow.owner, only)
        ),
    )
    return [
        Profile(
            known[name],
            shown,
            md5,
            sha256,
            tuple(lines.get(name, ())),
            tuple(rules.get(name, {}).values()),
            tuple(groups.get(name, ())),
        )
        for name, shown, md5, sha256 in found
    ]


def _groups(session: Session, only: str | None, known: dict[str, str]) -> dict[str, list[Group]]:
    """The groups of everybody, or of one, in their order."""
    inside: dict[int, list[str]] = {}
    contacts = select(ContactRow.group_id, ContactRow.member)
    contacts = contacts.order_by(ContactRow.group_id, ContactRow.position, ContactRow.member)
    if only is not None:
        contacts = contacts.join(GroupRow, GroupRow.id == ContactRow.group_id)
    last, members = None, list[str]()
    for number, member in _of(session, contacts, GroupRow.owner, only):
        if number != last:
            inside[number] = members = []
            last = number
        members.append(known.setdefault(member, member))
    found: dict[str, list[Group]] = {}
    groups = select(GroupRow.id, GroupRow.owner, GroupRow.name).order_by(GroupRow.position, GroupRow.name)
    for number, owner, name in _of(session, groups, GroupRow.owner, only):
        group = Group(known.setdefault(name, name), tuple(inside.pop(number, ())))
        found.setdefault(owner, []).append(group)
    return found


def _of(session: Session, query: Select[*tuple[Any, ...]], owner: Any, only: str | None) -> Iterator[Any]:
    """The rows of ``query``, of everybody or of one ``owner``, as the driver has them.

    They are texts and numbers, of which SQLAlchemy would make rows of its own in five times the time.
    """
    if only is not None:
        query = query.where(owner == only)
    with session.connection().execute(query) as result:
        assert result.cursor is not None
        while part := result.cursor.fetchmany(MANY):
            yield from part
