"""The demo's people."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ctigw.directory import lines, users
from ctigw.store.tables import Line, User

PEOPLE = {"alice": "2001", "bob": "2002", "carol": "2003", "dave": "2004", "erin": "2005"}
DOMAIN = "example.com"
PASSWORD = "demo"  # noqa: S105 - told to everybody who runs the demo


def ensure_demo(session: Session) -> None:
    """alice, bob, carol, dave and erin at example.com have the lines 2001 to 2005; what is there stays."""
    for person, number in PEOPLE.items():
        name = f"{person}@{DOMAIN}"
        if session.get(User, name) is None:
            users.add(session, name, PASSWORD, person.capitalize())
        if session.get(Line, number) is None:
            lines.add(session, number, name)
