"""What the operations ask again and again: who asks, how long, whom is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.words import Word
from ctigw.soap.sessions import Session

# Seconds, with both ends.
SHORTEST, LONGEST = 3600, 86_400
# Contacts whose presence is asked for at once.
MOST_POLLED = 100


def end_user(session: Session) -> None:
    """Raises `PwsError`: NOT_AN_END_USER."""
    if session.kind != "user":
        raise PwsError(Code.NOT_AN_END_USER)


def application(session: Session) -> None:
    """Raises `PwsError`: NOT_AN_APPLICATION."""
    if session.kind != "application":
        raise PwsError(Code.NOT_AN_APPLICATION)


def lasting(seconds: int | None) -> int:
    """``seconds``, if something may last so long.  Raises `PwsError`: EXPIRY."""
    if seconds is None or not SHORTEST <= seconds <= LONGEST:
        raise PwsError(Code.EXPIRY)
    return seconds


def named_contacts(session: Session, contacts: Iterable[str] | None, most: int) -> list[tuple[str, str]]:
    """The full names of ``contacts``, and how they are written.

    Raises `PwsError`: NO_CONTACT_LIST, NUMBER_OF_CONTACTS, EMPTY_CONTACT, CONTACT_URI.
    """
    if contacts is None:
        raise PwsError(Code.NO_CONTACT_LIST)
    wanted = list(contacts)
    if not 0 < len(wanted) <= most:
        raise PwsError(Code.NUMBER_OF_CONTACTS)
    return [(_name(session, uri), uri) for uri in wanted]


def _name(session: Session, uri: str) -> str:
    if not uri.strip():
        raise PwsError(Code.EMPTY_CONTACT)
    try:
        return names.person(session.name, uri)
    except DirectoryError:
        raise PwsError(Code.CONTACT_URI) from None


def word(document: bytes | None, read: Callable[[bytes], Word]) -> str:
    """The word for a document; None is of whom nothing is known."""
    return Word.UNKNOWN.value if document is None else read(document).value
