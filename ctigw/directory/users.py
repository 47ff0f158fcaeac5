"""The users: plain functions over a Session.  All raise `DirectoryError`, and return what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import contact_list, contacts, journal, names, rules
from ctigw.directory.details import Details
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, Kind, LineItem, UserItem
from ctigw.directory.passwords import Kept, keep
from ctigw.directory.wildcards import matcher
from ctigw.store import bindings, messages, publications
from ctigw.store.tables import Line, User

Changes = tuple[Change, ...]
# As many as are named in a query.
_FEW = 1000


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user and the numbers of the lines that are theirs."""

    name: str
    display_name: str
    lines: tuple[str, ...]


def add(session: Session, name: str, password: str | Kept | None, display_name: str = "") -> Changes:
    """A new user; without ``display_name`` shown by the part before the @.

    Without ``password`` they cannot log in until they have one.
    """
    name = names.user_name(name)
    if session.get(User, name):
        raise DirectoryError(f"there is a user {name} already")
    shown = _display_name(display_name or name.partition("@")[0])
    row = User(name=name, display_name=shown, password_hash="", calendaring=False)
    if password is not None:
        _keep(row, password)
    session.add(row)
    session.flush()
    contact_list.start(session, name)
    return journal.record(session, [Change(Kind.USER, name, None, UserItem(shown))])


def remove(session: Session, name: str) -> Changes:
    """The user's lines stay, and are nobody's; in lists of contacts and watchers they are no more."""
    row = names.user(session, name)
    owned = session.scalars(select(Line.number).where(Line.owner == row.name).order_by(Line.number)).all()
    changes = [
        *contacts.forget_person(session, row.name),
        *rules.forget_watcher(session, row.name),
        *(Change(Kind.LINE, row.name, LineItem(number), None) for number in owned),
        Change(Kind.USER, row.name, UserItem(row.display_name), None),
    ]
    publications.forget_presentity(session, row.name)
    bindings.forget_aor(session, row.name)
    messages.forget_recipient(session, row.name)
    session.delete(row)
    session.flush()
    return journal.record(session, changes)


def set_password(session: Session, name: str, password: str | Kept) -> Changes:
    """Replace the password."""
    return _put_password(session, name, password, Kind.PASSWORD)


def renew_password(session: Session, name: str, password: str) -> Changes:
    """Keep the same password anew."""
    return _put_password(session, name, password, Kind.USER)


def set_display_name(session: Session, name: str, display_name: str) -> Changes:
    """Replace the name that is shown."""
    row = names.user(session, name)
    before, row.display_name = row.display_name, _display_name(display_name)
    session.flush()
    return _changed(session, row, before)


def users(session: Session) -> list[UserInfo]:
    """All, by name."""
    lines = _lines(session, None)
    return [
        UserInfo(name, shown, tuple(lines.get(name, ())))
        for name, shown in session.execute(select(User.name, User.display_name).order_by(User.name))
    ]


def search(session: Session, first: str, last: str, most: int) -> list[tuple[UserInfo, Details]]:
    """The first ``most`` users by name whose first and last names are as ``first`` and ``last`` say.

    % stands for anything, and an empty pattern is for everybody.  Small letters are as capitals, also beyond
    ASCII, where no two databases agree: so names are compared here.  Raises `DirectoryError`.
    """
    is_first, is_last = (
        matcher(names.one_line(pattern, "a pattern").casefold() or "%", "%") for pattern in (first, last)
    )
    columns = (User.name, User.display_name, *(getattr(User, x) for x in Details.__struct_fields__))
    everybody = (
        (name, shown, Details(*said))
        for name, shown, *said in session.execute(select(*columns).order_by(User.name))
    )
    matching = (
        x for x in everybody if is_first(x[2].first_name.casefold()) and is_last(x[2].last_name.casefold())
    )
    found = list(islice(matching, most))
    lines = _lines(session, [name for name, _, _ in found])
    return [(UserInfo(name, shown, tuple(lines.get(name, ()))), details) for name, shown, details in found]


def _lines(session: Session, owners: Sequence[str] | None) -> dict[str | None, list[str]]:
    """The lines of ``owners``, or of everybody, in their order; of many it is those of everybody."""
    query = select(Line.number, Line.owner).order_by(Line.number)
    if owners is not None and len(owners) <= _FEW:
        query = query.where(Line.owner.in_(owners))
    found: dict[str | None, list[str]] = {}
    for number, owner in session.execute(query):
        found.setdefault(owner, []).append(number)
    return found


def _changed(session: Session, row: User, shown_before: str) -> Changes:
    old, new = UserItem(shown_before), UserItem(row.display_name)
    return journal.record(session, [Change(Kind.USER, row.name, old, new)])


def _put_password(session: Session, name: str, password: str | Kept, kind: Kind) -> Changes:
    row = names.user(session, name)
    _keep(row, password)
    session.flush()
    return journal.note(session, row, kind)


def _keep(row: User, password: str | Kept) -> None:
    kept = keep(password, row.name) if isinstance(password, str) else password
    row.password_hash, row.sip_ha1_md5, row.sip_ha1_sha256 = kept


def _display_name(text: str) -> str:
    return names.one_line(text, "a display name")
