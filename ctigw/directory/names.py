"""How users, applications and lines may be called, whom a name means, and their rows."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory.errors import DirectoryError
from ctigw.store.tables import Application, Line, User

LONGEST = 255
_USER = re.compile(r"[^\s@]+@[^\s@]+")
_USERS = re.compile(r"[^\s@]*@?[^\s@]*")
_SCHEME = re.compile(r"(?:sips?|pres|im):", re.IGNORECASE)
_APPLICATION = re.compile(r"[^\s@]+")
# None of the characters of a pattern: the number of a line is also the pattern of exactly that line.
_LINE = re.compile(r"[0-9A-Za-z+#._]{1,64}")


def user_name(text: str) -> str:
    """The name as it is kept: in lower case, since people write it as they like."""
    return _checked(text.strip().lower(), _USER, "a user's name, such as alice@example.com")


def user_pattern(text: str) -> str:
    """A pattern of users' names as it is kept: in it, * stands for anything."""
    what = "a user's name, or a pattern of some such as *@example.com or *"
    pattern = text.strip().lower()
    return _checked(pattern, _USERS if "*" in pattern else _USER, what)


def application_name(text: str) -> str:
    """The name as it is kept.  It has no @, which tells it from a user's."""
    return _checked(text.strip().lower(), _APPLICATION, "an application's name: no blanks, no @")


def line_number(text: str) -> str:
    """The number as it is kept."""
    return _checked(text.strip(), _LINE, "a line's number: up to 64 letters, digits and + # . _")


def person(owner: str, text: str) -> str:
    """The name of whom ``owner`` means: without the part from the @ on it is somebody of the same domain.

    It may come as a SIP URI, as lists of watchers are told.  Raises `DirectoryError`.
    """
    name = _SCHEME.sub("", text.strip())
    return user_name(name if "@" in name else f"{name}@{owner.partition('@')[2]}")


def people(owner: str, texts: Iterable[str]) -> list[str | None]:
    """The names of whom ``owner`` means by ``texts``, as `person`; None: nobody can be called so."""
    found: list[str | None] = []
    for text in texts:
        try:
            found.append(person(owner, text))
        except DirectoryError:
            found.append(None)
    return found


def users_among(session: Session, wanted: Iterable[str | None]) -> set[str]:
    """Those of ``wanted`` that are users' full names."""
    return set(session.scalars(select(User.name).where(User.name.in_(set(wanted) - {None}))))


def is_name(text: str) -> bool:
    """Whether a group, a setting or whatever people call as they like may be called so."""
    return 0 < len(text) <= LONGEST and text.isprintable()


def one_line(text: str, what: str, most: int = LONGEST) -> str:
    """``text``, which may be empty.  Raises `DirectoryError`."""
    if len(text) > most or not text.isprintable():
        raise DirectoryError(f"{what} is one line of at most {most} characters")
    return text


def within(domain: str, name: str) -> str:
    """The full ``name`` as it is told where ``domain`` is meant anyhow: people of that one without it."""
    first, _, own = name.partition("@")
    return first if own == domain else name


def user(session: Session, name: str) -> User:
    """The row of a user.  Raises `DirectoryError`."""
    found = session.get(User, user_name(name))
    if found is None:
        raise DirectoryError(f"there is no user {user_name(name)}")
    return found


def application(session: Session, name: str) -> Application:
    """The row of an application.  Raises `DirectoryError`."""
    found = session.get(Application, application_name(name))
    if found is None:
        raise DirectoryError(f"there is no application {application_name(name)}")
    return found


def line(session: Session, number: str) -> Line:
    """The row of a line.  Raises `DirectoryError`."""
    found = session.get(Line, line_number(number))
    if found is None:
        raise DirectoryError(f"there is no line {line_number(number)}")
    return found


def _checked(text: str, form: re.Pattern[str], what: str) -> str:
    if len(text) > LONGEST or not form.fullmatch(text) or not text.isprintable():
        raise DirectoryError(f"{text[:LONGEST]!r} is not {what}")
    return text
