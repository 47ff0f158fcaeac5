"""What belongs to a user, brought to what a file says of them, no more than is needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

from msgspec import UnsetType
from msgspec.structs import replace
from sqlalchemy.orm import Session

from ctigw.directory import contacts, groups, long_term, names, properties, rules, system
from ctigw.directory.blame import all_done, at, quoted
from ctigw.directory.contact_list import exact_index, is_index
from ctigw.directory.errors import DirectoryError
from ctigw.directory.exchange import ContactEntry, GroupEntry, PropertyEntry, StatusEntry, UserEntry
from ctigw.directory.journal import PropertyItem
from ctigw.directory.outcomes import Done
from ctigw.rules import Rule

T = TypeVar("T")
_NEW = (GroupEntry("", Decimal(0), ()),)


def bring(
    session: Session,
    user: str,
    before: UserEntry | None,
    wanted: UserEntry,
    foreign: Collection[str],
    now: float,
) -> None:
    """``before``: all that there is of ``user``; None: they are new.  Raises `DirectoryError`."""
    has = before or UserEntry(user, groups=_NEW)
    if not isinstance(wanted.settings, UnsetType) and wanted.settings != has.settings:
        gone = (has.settings or {}).keys() - wanted.settings.keys() - system.SECRETS
        with at("settings"):
            system.set_system(session, {**dict.fromkeys(gone), **wanted.settings}, user)
    if not isinstance(wanted.properties, UnsetType):
        with at("properties"):
            _properties(session, user, has.properties or (), wanted.properties)
    if not isinstance(wanted.groups, UnsetType):
        with at("groups"):
            _groups(session, user, has.groups or (), wanted.groups, foreign)
    if not isinstance(wanted.rules, UnsetType):
        with at("rules"):
            _rules(session, user, has.rules or (), wanted.rules, foreign)
    if not isinstance(wanted.long_term_status, UnsetType):
        with at("long_term_status"):
            _status(session, user, has.long_term_status or StatusEntry(), wanted.long_term_status, now)


def _properties(
    session: Session, user: str, has: Sequence[PropertyEntry], wanted: Sequence[PropertyEntry]
) -> None:
    _unique([entry.name for entry in wanted])
    gone = {entry.name for entry in has} - {entry.name for entry in wanted}
    _each(properties.delete_properties, session, user, sorted(gone), str)
    new = [PropertyItem(x.name, x.value, x.public) for x in wanted if x not in has]
    _each(properties.set_properties, session, user, new, lambda item: item.name)


def _groups(
    session: Session,
    user: str,
    has: Sequence[GroupEntry],
    wanted: Sequence[GroupEntry],
    foreign: Collection[str],
) -> None:
    _unique([group.name for group in wanted])
    there = {group.name: group for group in has}
    gone = sorted(there.keys() - {group.name for group in wanted})
    _each(groups.remove, session, user, gone, str)
    new = [groups.Wanted(x.name, x.index) for x in wanted if x.name not in there]
    _each(groups.add, session, user, new, lambda group: group.name)
    moved = [
        groups.Changed(x.name, index=x.index)
        for x in wanted
        if x.name in there and _differs(x.index, there[x.name].index)
    ]
    _each(groups.modify, session, user, moved, lambda group: group.old_name)
    inside: dict[str, Sequence[ContactEntry]] = {x.name: x.contacts or () for x in has}
    _contacts(session, user, inside, wanted, foreign)


def _contacts(
    session: Session,
    user: str,
    has: dict[str, Sequence[ContactEntry]],
    wanted: Sequence[GroupEntry],
    foreign: Collection[str],
) -> None:
    """In all groups who goes goes first, since a user has only so many contacts."""
    gone: list[tuple[str, str]] = []
    new: list[contacts.Wanted] = []
    other: list[contacts.Wanted] = []
    for group in wanted:
        if isinstance(group.contacts, UnsetType):
            continue
        there = {contact.name: contact for contact in has.get(group.name, ())}
        meant = [_person(user, contact.name) for contact in group.contacts]
        _unique(meant)
        stay = set(meant)
        gone += [(group.name, name) for name in there if name not in stay]
        for name, contact in zip(meant, group.contacts, strict=True):
            part = contacts.Wanted(
                group.name, name, contact.index, contact.nickname, contact.display_on_phone
            )
            if name not in there:
                new.append(part)
            elif _is_other(there[name], contact):
                other.append(part)
    _each(contacts.remove, session, user, gone, lambda part: part[1])
    _each(partial(contacts.add, foreign=foreign), session, user, new, lambda part: part.name)
    _each(contacts.modify, session, user, other, lambda part: part.name)


def _rules(
    session: Session, user: str, has: Sequence[Rule], wanted: Sequence[Rule], foreign: Collection[str]
) -> None:
    _unique([rule.name for rule in wanted])
    there = {rule.name: rule for rule in has}
    gone = sorted(there.keys() - {rule.name for rule in wanted})
    _each(rules.delete_rules, session, user, gone, str)
    alone = {rule.name: replace(rule, acl=None) for rule in there.values()}
    new = [rule for rule in wanted if alone.get(rule.name) != replace(rule, acl=None)]
    _each(rules.set_rules, session, user, new, lambda rule: rule.name)
    for rule in wanted:
        watchers = None if rule.acl is None else sorted({_person(user, name) for name in rule.acl})
        old = there.get(rule.name, Rule(rule.name)).acl
        if watchers != (None if old is None else list(old)):
            with at(quoted(rule.name)):
                done = rules.set_acl(session, user, rule.name, watchers, foreign=foreign)
                all_done(done, watchers or ())


def _status(session: Session, user: str, has: StatusEntry, wanted: StatusEntry, now: float) -> None:
    body = wanted.body()
    if body == has.body():
        return
    if body:
        published = now if wanted.published is None else float(wanted.published)
        if not 0 <= published <= now:
            raise DirectoryError("published is a time before now, in seconds since 1970")
        long_term.publish(session, user, body, published)
    else:
        long_term.unpublish(session, user)


def _each(
    work: Callable[[Session, str, Sequence[T]], Done],
    session: Session,
    user: str,
    parts: Sequence[T],
    named: Callable[[T], str],
) -> None:
    """``work`` on ``parts``, if there are any: it costs as much for none."""
    if parts:
        all_done(work(session, user, parts), [named(part) for part in parts])


def _person(user: str, name: str) -> str:
    (meant,) = names.people(user, [name])
    if meant is None:
        raise DirectoryError(f"{quoted(name)} is nobody's name")
    return meant


def _unique(those: Sequence[str]) -> None:
    found: set[str] = set()
    for name in those:
        if name in found:
            raise DirectoryError(f"{quoted(name)} is there twice")
        found.add(name)


def _is_other(has: ContactEntry, wanted: ContactEntry) -> bool:
    return ((has.nickname, has.display_on_phone) != (wanted.nickname, wanted.display_on_phone)) or _differs(
        wanted.index, has.index
    )


def _differs(wanted: Decimal | None, has: Decimal | None) -> bool:
    """Whether an index is wanted, and another one than there is; what is none at all is refused later."""
    return wanted is not None and not (is_index(wanted) and exact_index(wanted) == has)
