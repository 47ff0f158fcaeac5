"""Which parts of the service a user's clients offer them; the words are those of the EPAS interface and AXL.

A new user has all but video: a CTI gateway has phones, and none of them shows pictures.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.journal import Change
from ctigw.store.tables import User

Changes = tuple[Change, ...]


class Features(Struct, frozen=True, forbid_unknown_fields=True):
    """``ups``: presence at all (enableUPS); ``base``: the soft client (enableUPC), and in it messages,
    calls and video.
    """

    ups: bool = True
    base: bool = True
    im: bool = True
    audio: bool = True
    video: bool = False


def features(session: Session, user: str) -> Features:
    """What ``user`` may use.  Raises `DirectoryError`."""
    return features_in(names.user(session, user))


def set_features(session: Session, user: str, features: Features) -> Changes:
    """Let ``user`` use ``features``, and nothing else.  Raises `DirectoryError`.

    The journal tells that something of the user has changed: the features are read where they are kept.
    """
    row = names.user(session, user)
    if features_in(row) == features:
        return ()
    for field, enabled in asdict(features).items():
        setattr(row, f"licensed_{field}", enabled)
    session.flush()
    return journal.note(session, row)


def features_in(row: User) -> Features:
    """The features in the row of a user."""
    return Features(**{field: getattr(row, f"licensed_{field}") for field in Features.__struct_fields__})
