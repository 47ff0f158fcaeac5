"""The users: plain functions over a Session.  All raise `DirectoryError`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.passwords import hash_password
from ctigw.store.tables import Line, User


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user and the numbers of the lines that are theirs."""

    name: str
    display_name: str
    lines: tuple[str, ...]


def add(session: Session, name: str, password: str, display_name: str = "") -> None:
    """A new user; without ``display_name`` shown by the part before the @."""
    name = names.user_name(name)
    if session.get(User, name):
        raise DirectoryError(f"there is a user {name} already")
    shown = _display_name(display_name or name.partition("@")[0])
    session.add(User(name=name, display_name=shown, password_hash=hash_password(password)))
    session.flush()


def remove(session: Session, name: str) -> None:
    """The user's lines stay, and are nobody's."""
    session.delete(names.user(session, name))
    session.flush()


def set_password(session: Session, name: str, password: str) -> None:
    """Replace the password."""
    names.user(session, name).password_hash = hash_password(password)


def set_display_name(session: Session, name: str, display_name: str) -> None:
    """Replace the name that is shown."""
    names.user(session, name).display_name = _display_name(display_name)


def users(session: Session) -> list[UserInfo]:
    """All, by name."""
    lines: dict[str | None, list[str]] = {}
    for number, owner in session.execute(select(Line.number, Line.owner).order_by(Line.number)):
        lines.setdefault(owner, []).append(number)
    return [
        UserInfo(name, shown, tuple(lines.get(name, ())))
        for name, shown in session.execute(select(User.name, User.display_name).order_by(User.name))
    ]


def _display_name(text: str) -> str:
    if len(text) > names.LONGEST or not text.isprintable():
        raise DirectoryError(f"a display name is one line of at most {names.LONGEST} characters")
    return text
