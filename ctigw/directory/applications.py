"""The applications and their rights: plain functions over a Session.  All raise `DirectoryError`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctigw import patterns
from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.passwords import hash_password
from ctigw.store.tables import Application, ApplicationRight

Kind = Literal["monitor", "control"]


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """An application and the patterns of the lines that it may monitor and control."""

    name: str
    monitor: tuple[str, ...]
    control: tuple[str, ...]


def add(session: Session, name: str, password: str) -> None:
    """A new application, without any right."""
    name = names.application_name(name)
    if session.get(Application, name):
        raise DirectoryError(f"there is an application {name} already")
    session.add(Application(name=name, password_hash=hash_password(password)))
    session.flush()


def remove(session: Session, name: str) -> None:
    """Forget an application and its rights."""
    session.delete(names.application(session, name))
    session.flush()


def set_password(session: Session, name: str, password: str) -> None:
    """Replace the password."""
    names.application(session, name).password_hash = hash_password(password)


def grant(session: Session, name: str, kind: Kind, pattern: str) -> None:
    """Let an application monitor or control the lines of ``pattern``; granted twice is granted."""
    right = (names.application(session, name).name, kind, _checked(pattern))
    if session.get(ApplicationRight, right):
        return
    of_name = select(func.count()).where(ApplicationRight.application == right[0])
    if (session.scalar(of_name) or 0) >= patterns.MOST:
        raise DirectoryError(f"{name} has {patterns.MOST} rights already")
    session.add(ApplicationRight(application=right[0], kind=kind, pattern=right[2]))
    session.flush()


def revoke(session: Session, name: str, kind: Kind, pattern: str) -> None:
    """Take back what was granted in the same words."""
    right = session.get(ApplicationRight, (names.application(session, name).name, kind, _checked(pattern)))
    if right is None:
        raise DirectoryError(f"{name} has no right to {kind} {pattern}")
    session.delete(right)
    session.flush()


def rights(session: Session, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patterns that the application ``name`` may monitor, and those it may control."""
    query = select(ApplicationRight.kind, ApplicationRight.pattern).where(
        ApplicationRight.application == name
    )
    found: dict[str, list[str]] = {"monitor": [], "control": []}
    for kind, pattern in session.execute(query.order_by(ApplicationRight.pattern)):
        found[kind].append(pattern)
    return tuple(found["monitor"]), tuple(found["control"])


def applications(session: Session) -> list[ApplicationInfo]:
    """All, by name."""
    found = session.scalars(select(Application.name).order_by(Application.name)).all()
    return [ApplicationInfo(name, *rights(session, name)) for name in found]


def _checked(pattern: str) -> str:
    try:
        return patterns.check(pattern)
    except patterns.PatternError as error:
        raise DirectoryError(str(error)) from None
