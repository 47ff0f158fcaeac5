"""Brings the directory to what an `exchange.Document` says.

Only what is other than it should be is touched, by the functions with which everybody changes it: to import a
file twice is to import it once, and every change is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import (
    applications,
    details,
    dial_rules,
    licensing,
    lines,
    names,
    properties,
    system,
    users,
)
from ctigw.directory.belongings import bring
from ctigw.directory.blame import at, quoted
from ctigw.directory.errors import DirectoryError
from ctigw.directory.exchange import ApplicationEntry, Document, PasswordEntry, UserEntry
from ctigw.directory.exporting import export
from ctigw.directory.passwords import Kept, is_kept
from ctigw.store.tables import Application, Line, User

T = TypeVar("T")
RIGHTS: tuple[applications.Kind, ...] = ("monitor", "control", "users")


class Imported(Struct, frozen=True):
    """The names of who is new, and of all who can log in only when they are given a password."""

    users: tuple[str, ...]
    applications: tuple[str, ...]
    locked: tuple[str, ...]


def take(session: Session, document: Document, now: float) -> Imported:
    """Make it so; ``now``: seconds since 1970.

    Raises `DirectoryError`, which names what is to blame; nothing of the transaction may be kept then.
    """
    wanted = _by_name(((names.user_name(entry.name), entry) for entry in document.user), "user")
    programs = _by_name(
        ((names.application_name(entry.name), entry) for entry in document.application), "application"
    )
    _once(chain(document.lines, *(entry.lines or () for entry in document.user)))
    before = export(session, with_passwords=True)
    known = {entry.name: entry for entry in before.user}
    for name, entry in wanted.items():
        with at(f"user {name}"):
            _person(session, name, known.get(name), entry)
    with at("settings"):
        system.set_system(session, document.settings)
    _lines(session, document.lines)
    for name, entry in wanted.items():
        with at(f"user {name}"):
            has = known.get(name)
            if not isinstance(entry.lines, UnsetType) and not (has and has.lines == entry.lines):
                lines.give(session, name, entry.lines)
            bring(session, name, has, entry, document.foreign, now)
    _dial_rules(session, document)
    there = {entry.name: entry for entry in before.application}
    for name, program in programs.items():
        with at(f"application {name}"):
            _application(session, name, there.get(name), program)
    return Imported(
        tuple(name for name in wanted if name not in known),
        tuple(name for name in programs if name not in there),
        locked(session),
    )


def locked(session: Session) -> tuple[str, ...]:
    """Who cannot log in, since they have no password yet: users and applications, by name."""
    found = chain.from_iterable(
        session.scalars(select(row.name).where(row.password_hash == "").order_by(row.name))
        for row in (User, Application)
    )
    return tuple(found)


def _person(session: Session, name: str, before: UserEntry | None, wanted: UserEntry) -> None:
    """The user, and what is theirs alone."""
    password = _kept(wanted.password)
    if before is None:
        shown = wanted.display_name or ""
        users.add(session, name, password, shown)
        before = UserEntry(name, display_name=shown or name.partition("@")[0])
    elif password is not None and before.password != wanted.password:
        users.set_password(session, name, password)
    if not isinstance(wanted.display_name, UnsetType) and before.display_name != wanted.display_name:
        users.set_display_name(session, name, wanted.display_name)
    if not isinstance(wanted.details, UnsetType) and before.details != wanted.details:
        details.set_details(session, name, wanted.details)
    if not isinstance(wanted.features, UnsetType) and before.features != wanted.features:
        licensing.set_features(session, name, wanted.features)
    if not isinstance(wanted.calendaring, UnsetType) and before.calendaring != wanted.calendaring:
        properties.set_calendaring(session, name, wanted.calendaring)


def _lines(session: Session, numbers: Iterable[str]) -> None:
    """Those that are nobody's."""
    for number in numbers:
        row = session.get(Line, names.line_number(number))
        if row is None:
            lines.add(session, number)
        elif row.owner is not None:
            lines.assign(session, number, None)


def _dial_rules(session: Session, document: Document) -> None:
    there = {(rule.type, rule.name) for rule in dial_rules.dial_rules(session)}
    for rule in document.dial_rule:
        with at(f"dial_rule {quoted(rule.name)}"):
            if (rule.type, rule.name) in there:
                dial_rules.modify(session, rule.type, rule.name, rule)
            else:
                dial_rules.add(session, rule)


def _application(
    session: Session, name: str, before: ApplicationEntry | None, wanted: ApplicationEntry
) -> None:
    password = _kept(wanted.password)
    if before is None:
        applications.add(session, name, password)
    elif password is not None and before.password != wanted.password:
        applications.set_password(session, name, password)
    has = applications.rights(session, name)
    for kind in RIGHTS:
        patterns = getattr(wanted, kind)
        if patterns is UNSET:
            continue
        old: set[str] = set(getattr(has, kind))
        new = dict.fromkeys(applications.checked(kind, pattern) for pattern in patterns)
        for pattern in old - new.keys():
            applications.revoke(session, name, kind, pattern)
        for pattern in new:
            if pattern not in old:
                applications.grant(session, name, kind, pattern)
    if not isinstance(wanted.administers, UnsetType) and wanted.administers is not has.administers:
        (applications.grant if wanted.administers else applications.revoke)(session, name, "administer")


def _kept(entry: PasswordEntry | UnsetType) -> Kept | None:
    if isinstance(entry, UnsetType):
        return None
    kept = Kept(entry.hash, entry.sip_md5, entry.sip_sha256)
    if not is_kept(kept):
        raise DirectoryError("password: this is not what is kept of one")
    return kept


def _by_name(named: Iterable[tuple[str, T]], what: str) -> Mapping[str, T]:
    found: dict[str, T] = {}
    for name, entry in named:
        if name in found:
            raise DirectoryError(f"{what} {name}: it is there twice")
        found[name] = entry
    return found


def _once(numbers: Iterable[str]) -> None:
    found: set[str] = set()
    for number in map(names.line_number, numbers):
        if number in found:
            raise DirectoryError(f"line {number}: it is there twice")
        found.add(number)
