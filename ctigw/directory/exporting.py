"""The whole directory as an `exchange.Document`, in few statements, however many users there are.

What users' clients remember of calls and messages is not in it: it is theirs, and soon old.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ctigw.directory import applications, dial_rules, lines, system
from ctigw.directory.contact_list import told_index
from ctigw.directory.details import details_in
from ctigw.directory.exchange import (
    FORMAT,
    ApplicationEntry,
    ContactEntry,
    Document,
    GroupEntry,
    PasswordEntry,
    PropertyEntry,
    StatusEntry,
    UserEntry,
)
from ctigw.directory.licensing import features_in
from ctigw.directory.rules import assembled
from ctigw.store.tables import (
    AclRow,
    Application,
    ContactRow,
    GroupRow,
    LongTermRow,
    PropertyRow,
    RuleRow,
    User,
    UserSystemRow,
)


def export(session: Session, *, with_passwords: bool = False) -> Document:
    """Everything.  ``with_passwords``: what is kept of them, too, and the one that clients are told."""
    rows = session.scalars(select(User).order_by(User.name)).all()
    known = lines.lines(session)
    owned: dict[str | None, list[str]] = defaultdict(list)
    for line in known:
        owned[line.owner].append(line.number)
    properties = _by_owner(session, select(PropertyRow.owner, PropertyRow).order_by(PropertyRow.name))
    settings = _by_owner(session, select(UserSystemRow.owner, UserSystemRow).order_by(UserSystemRow.name))
    statuses = {row.owner: row for row in session.scalars(select(LongTermRow))}
    groups = _groups(session)
    rules = assembled(
        session.execute(select(RuleRow.owner, RuleRow.name, RuleRow.has_acl, RuleRow.rule)).all(),
        session.execute(select(AclRow.owner, AclRow.rule, AclRow.watcher)).all(),
    )
    users = tuple(
        UserEntry(
            row.name,
            display_name=row.display_name,
            password=_password(row.password_hash, row.sip_ha1_md5, row.sip_ha1_sha256)
            if with_passwords
            else UNSET,
            details=details_in(row),
            features=features_in(row),
            calendaring=row.calendaring,
            lines=tuple(owned[row.name]),
            settings=_open({x.name: x.value for x in settings[row.name]}, with_passwords),
            long_term_status=_status(statuses.get(row.name)),
            properties=tuple(PropertyEntry(x.name, x.value, x.is_public) for x in properties[row.name]),
            groups=tuple(groups[row.name]),
            rules=tuple(rules.get(row.name, {}).values()),
        )
        for row in rows
    )
    return Document(
        format=FORMAT,
        foreign=_foreign(users),
        lines=tuple(owned[None]),
        settings=_open(system.stored(session), with_passwords),
        dial_rule=dial_rules.dial_rules(session),
        user=users,
        application=_applications(session, with_passwords),
    )


def _by_owner(session: Session, query: Select[str, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for owner, row in session.execute(query):
        found[owner].append(row)
    return found


def _groups(session: Session) -> dict[str, list[GroupEntry]]:
    """The groups of everybody, and who is in them, in their order."""
    columns = (
        ContactRow.group_id,
        ContactRow.member,
        ContactRow.position,
        ContactRow.nickname,
        ContactRow.display_on_phone,
    )
    inside: dict[int, list[ContactEntry]] = defaultdict(list)
    contacts = select(*columns).order_by(ContactRow.position, ContactRow.member)
    for number, member, position, nickname, on_phone in session.execute(contacts):
        inside[number].append(ContactEntry(member, _index(position), nickname, on_phone))
    found: dict[str, list[GroupEntry]] = defaultdict(list)
    groups = select(GroupRow.owner, GroupRow.id, GroupRow.name, GroupRow.position)
    for owner, number, name, position in session.execute(groups.order_by(GroupRow.position, GroupRow.name)):
        found[owner].append(GroupEntry(name, _index(position), tuple(inside[number])))
    return found


def _applications(session: Session, with_passwords: bool) -> tuple[ApplicationEntry, ...]:
    hashes = dict(session.execute(select(Application.name, Application.password_hash)).all())
    return tuple(
        ApplicationEntry(
            info.name,
            password=_password(hashes[info.name]) if with_passwords else UNSET,
            monitor=info.monitor,
            control=info.control,
            users=info.users,
            administers=info.administers,
        )
        for info in applications.applications(session)
    )


def _password(hash_: str, md5: str | None = None, sha256: str | None = None) -> PasswordEntry | UnsetType:
    """Who has no password yet has an empty hash."""
    return PasswordEntry(hash_, md5, sha256) if hash_ else UNSET


def _status(row: LongTermRow | None) -> StatusEntry:
    if row is None:
        return StatusEntry()
    published = Decimal(repr(row.published))
    try:
        return StatusEntry(text=row.body.decode(), published=published)
    except UnicodeDecodeError:
        return StatusEntry(base64=row.body, published=published)


def _open(values: Mapping[str, str], with_passwords: bool) -> dict[str, str]:
    """``values`` by name, without the secrets unless they are wanted."""
    return {
        name: value for name, value in sorted(values.items()) if with_passwords or name not in system.SECRETS
    }


def _foreign(users: Iterable[UserEntry]) -> tuple[str, ...]:
    """The domains of those who are contacts or watchers, but no users."""
    known: set[str] = set()
    named: set[str] = set()
    for user in users:
        known.add(user.name)
        for group in user.groups or ():
            named.update(contact.name for contact in group.contacts or ())
        for rule in user.rules or ():
            named.update(rule.acl or ())
    return tuple(sorted({name.partition("@")[2] for name in named - known}))


def _index(position: int) -> Decimal:
    return told_index(position).normalize()
