"""Logging in.

`verify` does it all in one thread.  A gateway had better `look_up` in the database's thread and `check` in
another: the work of a password is long, and settings wait for the database's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import applications, users, wildcards
from ctigw.directory.passwords import hash_password, needs_rehash, verify_password
from ctigw.store.tables import Application, Line, User


@dataclass(frozen=True, slots=True)
class Principal:
    """Who logged in; ``monitor`` and ``control`` are patterns of lines (see `patterns.matcher`).

    ``users``: patterns of the users in whose name an application may act without their passwords;
    ``administers``: whether it may change everybody's settings.
    """

    name: str
    kind: Literal["user", "application"]
    monitor: tuple[str, ...]
    control: tuple[str, ...]
    users: tuple[str, ...] = ()
    administers: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who wants to log in, if there is such a one, and what is kept of the password."""

    principal: Principal | None
    password_hash: str | None = None
    # Whether SIP's digest can be checked; it cannot if the password is older than that.
    has_ha1: bool = True


def canonical(name: str) -> str:
    """``name`` as the directory keeps it, since people write it as they like."""
    return name.strip().lower()


def verify(session: Session, name: str, password: str) -> Principal | None:
    """Who has this name and password.  What is kept of it is brought up to date."""
    candidate = look_up(session, name)
    principal = check(candidate, password)
    if principal and outdated(candidate):
        renew(session, principal, password)
    return principal


def look_up(session: Session, name: str) -> Candidate:
    """Whom ``name`` means: an application, a user, or a user before the @ if no other is called so.

    Never fails; a name that means nobody has no principal.
    """
    name = canonical(name)
    if "\x00" in name or not name.isprintable():  # PostgreSQL refuses to look for it
        return Candidate(None)
    application = session.get(Application, name)
    if application:
        return Candidate(_of_application(session, application), application.password_hash)
    user = session.get(User, name) or _by_first_part(session, name)
    if user is None:
        return Candidate(None)
    return Candidate(_of_user(session, user), user.password_hash, user.sip_ha1_sha256 is not None)


def user_called(session: Session, name: str) -> Principal | None:
    """The user whom ``name`` means, as in `look_up`; None: nobody, or an application."""
    found = look_up(session, name).principal
    return found if found is not None and found.kind == "user" else None


def known(session: Session, name: str) -> Principal | None:
    """Who is called ``name`` in full, with the rights of now; None: nobody any more."""
    application = session.get(Application, name)
    if application:
        return _of_application(session, application)
    user = session.get(User, name)
    return _of_user(session, user) if user else None


def vouching(session: Session, application: str, name: str) -> tuple[Sequence[str] | None, str | None]:
    """For whom the application that is called so in full may vouch now, patterns as in `Principal`, and the
    full name of the user whom ``name`` means; None: there is no such one.
    """
    vouches = session.get(Application, application) is not None
    user = user_called(session, name)
    return (
        applications.rights(session, application).users if vouches else None,
        None if user is None else user.name,
    )


def check(candidate: Candidate, password: str) -> Principal | None:
    """The candidate's principal if the password is right.  Slow; needs no session, so for any thread."""
    return candidate.principal if verify_password(candidate.password_hash, password) else None


def may_act_for(users: Sequence[str], name: str) -> bool:
    """Whether ``users``, patterns as in `Principal`, are of whose full name is ``name``."""
    return any(wildcards.matcher(pattern, "*")(canonical(name)) for pattern in users)


def outdated(candidate: Candidate) -> bool:
    """Whether what is kept of the password is not what would be kept of it today: see `renew`."""
    kept = candidate.password_hash
    return kept is not None and (not candidate.has_ha1 or needs_rehash(kept))


def renew(session: Session, principal: Principal, password: str) -> None:
    """Keep the password anew, in today's forms and with today's parameters."""
    if principal.kind == "user":
        if session.get(User, principal.name) is not None:
            users.renew_password(session, principal.name, password)
        return
    row = session.get(Application, principal.name)
    if row is not None:
        row.password_hash = hash_password(password)


def _by_first_part(session: Session, name: str) -> User | None:
    if not name or "@" in name:
        return None
    begins = User.name.startswith(f"{name}@", autoescape=True)
    found = session.scalars(select(User).where(begins).limit(2)).all()
    return found[0] if len(found) == 1 else None


def _of_application(session: Session, application: Application) -> Principal:
    may = applications.rights(session, application.name)
    return Principal(may.name, "application", may.monitor, may.control, may.users, may.administers)


def _of_user(session: Session, user: User) -> Principal:
    owned = select(Line.number).where(Line.owner == user.name).order_by(Line.number)
    numbers = tuple(session.scalars(owned))
    return Principal(user.name, "user", numbers, numbers)
