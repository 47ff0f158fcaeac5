"""Users without passwords, which take time."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ctigw.directory.contact_list import start
from ctigw.store.tables import User


def newcomer(session: Session, name: str) -> None:
    """Add the user ``name``, who is shown by the part before the @."""
    shown = name.partition("@")[0].capitalize()
    session.add(User(name=name, display_name=shown, password_hash="", calendaring=False))
    session.flush()
    start(session, name)
