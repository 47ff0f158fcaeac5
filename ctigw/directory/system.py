"""The settings that clients are told: the site's, and what a user has in their place.

In the product a user is given profiles, which name other servers than the site's; here the values themselves
are the user's.  The names and what is told together are in `vocabulary`.

One value is a secret of a kind: the password with which clients ask a directory server.  By contract every
client is told it, so it is kept as it is.  It is in this table only: the journal has an empty text in its
place (a change of it alone is one in which old and new are alike), and whoever tells a change asks `told` for
what there is to tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, Kind, SystemItem
from ctigw.directory.vocabulary import (
    BOOLEANS,
    DEFAULTS,
    ELSEWHERE,
    OBJECTS,
    OF_A_USER,
    PASSWORD,
    SOAP_NAMES,
    SYSTEM,
    Told,
)
from ctigw.store import rows
from ctigw.store.tables import SystemRow, UserSystemRow
from ctigw.values import Enum

Changes = tuple[Change, ...]
Properties = tuple[tuple[str, str], ...]
# Characters of a value.
LONGEST = 1024
NAMES = frozenset((*SYSTEM, *ELSEWHERE))
NAMES_OF_A_USER = frozenset().union(*(told.of for told in OF_A_USER))
HIGHEST_PORT = 65_535
_PORT = re.compile(r"[1-9][0-9]{0,4}")
# What is not shown to who only looks.
SECRETS = frozenset({PASSWORD})
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Whose(Enum):
    """Whose a value is."""

    DEFAULT = "default"
    SITE = "site"
    USER = "user"


class Setting(NamedTuple):
    """A setting, as it is for somebody."""

    name: str
    value: str
    whose: Whose


def system_config(session: Session, user: str | None, defaults: Mapping[str, str] = _NOTHING) -> Properties:
    """The 79 settings in their order, as ``user`` has them; None: as the site has them.

    ``defaults``: what this gateway would say where the directory says nothing.  Raises `DirectoryError`.
    """
    found = _effective(session, user, defaults)
    return tuple((name, found[name]) for name in SYSTEM)


def setting(session: Session, name: str, user: str | None = None) -> str:
    """One setting, any of `NAMES`.  Raises `DirectoryError`."""
    return _effective(session, user, _NOTHING)[_known(name, None)]


def settings(session: Session, user: str | None = None) -> tuple[Setting, ...]:
    """All settings, those that SOAP tells first, as ``user`` has them, or the site.

    Raises `DirectoryError`.
    """
    own = {} if user is None else stored(session, user)
    sites = stored(session)
    found = []
    for name in (*SYSTEM, *ELSEWHERE):
        whose = Whose.USER if name in own else Whose.SITE if name in sites else Whose.DEFAULT
        found.append(Setting(name, own.get(name, sites.get(name, DEFAULTS.get(name, ""))), whose))
    return tuple(found)


def told(
    session: Session, item: SystemItem, user: str | None, defaults: Mapping[str, str] = _NOTHING
) -> SystemItem:
    """What ``user`` is to be told of a change to ``item``, of the site or of theirs: the values as they are
    now, with the password, and what they have in the place of the site's.  None: who has nothing like that.

    Raises `DirectoryError`.
    """
    found = _effective(session, user, defaults)
    names_ = (name for name, _value in item.properties)
    return SystemItem(item.object, tuple((name, found[SOAP_NAMES.get(name, name)]) for name in names_))


def with_their_own(session: Session, item: SystemItem) -> list[str]:
    """The users who have something of their own in the place of what is in ``item``, by name."""
    meant = [SOAP_NAMES.get(name, name) for name, _value in item.properties]
    query = select(UserSystemRow.owner).where(UserSystemRow.name.in_(meant)).distinct()
    return sorted(session.scalars(query))


def stored(session: Session, user: str | None = None) -> dict[str, str]:
    """What is set, by name, of the site or as ``user``'s own.  Raises `DirectoryError`."""
    return _stored(session, None if user is None else names.user(session, user).name)


def set_system(session: Session, values: Mapping[str, str | None], user: str | None = None) -> Changes:
    """Set the site's ``values``, or ``user``'s own; None takes back what was set.

    A user may have their own servers, but not their own security, attributes or features of the site.
    Raises `DirectoryError`: an unknown name, or a value that cannot be.
    """
    owner = None if user is None else names.user(session, user).name
    wanted = {
        _known(name, owner): None if value is None else _checked(name, value)
        for name, value in values.items()
    }
    before = _stored(session, owner)
    differing = {name: value for name, value in wanted.items() if before.get(name) != value}
    if not differing:
        return ()
    old = _effective(session, owner, _NOTHING)
    _keep(session, owner, differing)
    new = _effective(session, owner, _NOTHING)
    changes = [
        Change(Kind.SYSTEM, owner or "", _item(told, old), _item(told, new))
        for told in (OBJECTS if owner is None else OF_A_USER)
        if not told.of.isdisjoint(differing)
    ]
    return journal.record(session, changes)


def _effective(session: Session, user: str | None, defaults: Mapping[str, str]) -> dict[str, str]:
    """All settings by name, as ``user`` has them, or the site."""
    own = {} if user is None else _stored(session, names.user(session, user).name)
    blank = dict.fromkeys(NAMES, "")
    return {**blank, **DEFAULTS, **defaults, **_stored(session, None), **own}


def _stored(session: Session, owner: str | None) -> dict[str, str]:
    if owner is None:
        return dict(session.execute(select(SystemRow.name, SystemRow.value)).all())
    query = select(UserSystemRow.name, UserSystemRow.value).where(UserSystemRow.owner == owner)
    return dict(session.execute(query).all())


def _keep(session: Session, owner: str | None, values: Mapping[str, str | None]) -> None:
    table, columns, of = (
        (SystemRow.__tablename__, ("name", "value"), ())
        if owner is None
        else (UserSystemRow.__tablename__, ("owner", "name", "value"), (owner,))
    )
    key = columns[:-1]
    rows.delete(session, table, key, [(*of, name) for name, value in values.items() if value is None])
    put = [(*of, name, value) for name, value in values.items() if value is not None]
    rows.upsert(session, table, columns, key, put)


def _item(told: Told, values: Mapping[str, str]) -> SystemItem:
    return SystemItem(
        told.object,
        tuple((name, "" if name in SECRETS else values[SOAP_NAMES.get(name, name)]) for name in told.names),
    )


def _known(name: str, owner: str | None) -> str:
    if name not in NAMES:
        raise DirectoryError(f"there is no setting {name[: names.LONGEST]!r}")
    if owner is not None and name not in NAMES_OF_A_USER:
        raise DirectoryError(f"{name} is a setting of the site: users have none of their own")
    return name


def _checked(name: str, value: str) -> str:
    """``value`` as it is kept."""
    value = names.one_line(value, f"the value of {name}", LONGEST)
    if name in BOOLEANS:
        value = value.upper()
        if value not in ("TRUE", "FALSE"):
            raise DirectoryError(f"{name} is TRUE or FALSE")
    if name.endswith(".Port") and value and not (_PORT.fullmatch(value) and int(value) <= HIGHEST_PORT):
        raise DirectoryError(f"{name} is a port: a number from 1 to {HIGHEST_PORT}")
    return value
