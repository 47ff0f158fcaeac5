"""More of a user: what administrators know of people, and AXL tells."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.journal import Change
from ctigw.store.tables import User

Changes = tuple[Change, ...]
# Characters of each; of all others `names.LONGEST`.
_LONGEST = {"telephone_number": 64, "locale": 64}


class Details(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Each is one line, "" for unknown.

    ``manager``: as whoever writes it calls them, which need not be a user; ``locale``: such as
    "English United States".
    """

    first_name: str = ""
    last_name: str = ""
    telephone_number: str = ""
    department: str = ""
    manager: str = ""
    locale: str = ""


def details(session: Session, user: str) -> Details:
    """What is known of ``user``.  Raises `DirectoryError`."""
    return details_in(names.user(session, user))


def set_details(session: Session, user: str, details: Details) -> Changes:
    """Keep ``details`` in the place of what was known.  Raises `DirectoryError`.

    The journal tells that something of the user has changed: the details are read where they are kept.
    """
    row = names.user(session, user)
    if details_in(row) == details:
        return ()
    for field, value in asdict(details).items():
        text = names.one_line(value, f"a {field.replace('_', ' ')}", _LONGEST.get(field, names.LONGEST))
        setattr(row, field, text)
    session.flush()
    return journal.note(session, row)


def details_in(row: User) -> Details:
    """The details in the row of a user."""
    return Details(**{field: getattr(row, field) for field in Details.__struct_fields__})
