"""The applications and their rights: plain functions over a Session.  All raise `DirectoryError`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctigw import patterns
from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.passwords import Kept, keep
from ctigw.store.tables import Application, ApplicationRight

Kind = Literal["monitor", "control", "users", "administer"]


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """An application and its rights.

    ``monitor`` and ``control``: patterns of lines; ``users``: patterns of those in whose name it may act
    without their passwords; ``administers``: it may change everybody's settings.
    """

    name: str
    monitor: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    administers: bool = False


def add(session: Session, name: str, password: str | Kept | None) -> None:
    """A new application, without any right; without ``password`` it cannot log in until it has one."""
    name = names.application_name(name)
    if session.get(Application, name):
        raise DirectoryError(f"there is an application {name} already")
    session.add(Application(name=name, password_hash="" if password is None else _hash(password)))
    session.flush()


def remove(session: Session, name: str) -> None:
    """Forget an application and its rights."""
    session.delete(names.application(session, name))
    session.flush()


def set_password(session: Session, name: str, password: str | Kept) -> None:
    """Replace the password."""
    names.application(session, name).password_hash = _hash(password)


def grant(session: Session, name: str, kind: Kind, pattern: str = "") -> None:
    """Give an application the right ``kind`` to what ``pattern`` says; granted twice is granted.

    To administer has no pattern.
    """
    right = (names.application(session, name).name, kind, checked(kind, pattern))
    if session.get(ApplicationRight, right):
        return
    of_name = select(func.count()).where(ApplicationRight.application == right[0])
    if (session.scalar(of_name) or 0) >= patterns.MOST:
        raise DirectoryError(f"{name} has {patterns.MOST} rights already")
    session.add(ApplicationRight(application=right[0], kind=kind, pattern=right[2]))
    session.flush()


def revoke(session: Session, name: str, kind: Kind, pattern: str = "") -> None:
    """Take back what was granted in the same words."""
    key = (names.application(session, name).name, kind, checked(kind, pattern))
    right = session.get(ApplicationRight, key)
    if right is None:
        raise DirectoryError(f"{name} has no right to {kind} {pattern}".rstrip())
    session.delete(right)
    session.flush()


def rights(session: Session, name: str) -> ApplicationInfo:
    """What the application whose full name is ``name`` may do; there need not be one."""
    query = select(ApplicationRight.kind, ApplicationRight.pattern).where(
        ApplicationRight.application == name
    )
    found: dict[str, list[str]] = {kind: [] for kind in _CHECKS}
    for kind, pattern in session.execute(query.order_by(ApplicationRight.pattern)):
        found[kind].append(pattern)
    monitor, control, users = (tuple(found[kind]) for kind in ("monitor", "control", "users"))
    return ApplicationInfo(name, monitor, control, users, bool(found["administer"]))


def applications(session: Session) -> list[ApplicationInfo]:
    """All, by name."""
    found = session.scalars(select(Application.name).order_by(Application.name)).all()
    return [rights(session, name) for name in found]


def checked(kind: Kind, pattern: str) -> str:
    """``pattern`` as it is kept for the right ``kind``."""
    return _CHECKS[kind](pattern)


def _hash(password: str | Kept) -> str:
    return (keep(password) if isinstance(password, str) else password).hash


def _lines(pattern: str) -> str:
    try:
        return patterns.check(pattern)
    except patterns.PatternError as error:
        raise DirectoryError(str(error)) from None


def _nothing(pattern: str) -> str:
    if pattern:
        raise DirectoryError("the right to administer is for everything: it has no pattern")
    return ""


# What a pattern of each right is, as it is kept.
_CHECKS: dict[Kind, Callable[[str], str]] = {
    "monitor": _lines,
    "control": _lines,
    "users": names.user_pattern,
    "administer": _nothing,
}
