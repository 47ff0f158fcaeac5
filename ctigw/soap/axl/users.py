"""The operations on users.

Devices are lines: those that there are become the user's, others are passed over, as a list written for
another system may name them.  Of what AXL can say of a user, the rest (PIN, profiles, mobility and so on) is
accepted and not kept.  No answer ever has a password.

Clients are shown the first and the last name together, unless somebody has called the user otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import credentials, lines, names, users
from ctigw.directory.details import Details, details_in, set_details
from ctigw.directory.errors import DirectoryError
from ctigw.soap.axl.errors import DUPLICATE, AxlError, no_such
from ctigw.soap.axl.messages import Part, Return, Sent
from ctigw.soap.axl.site import Site, guid
from ctigw.store.tables import Line, User

# Users in one answer.
MOST = 1_000
# AXL's names of what is in `Details`.
_DETAILS = {
    "first_name": "firstname",
    "last_name": "lastname",
    "telephone_number": "telephoneNumber",
    "department": "department",
    "manager": "manager",
    "locale": "userLocale",
}


def meant(session: Session, site: Site, userid: str) -> str:
    """The full name of the user whom ``userid`` means; without a domain, of the site's, else of the only one
    who is called so.  There need not be one.
    """
    name = site.name(userid).lower()
    if "@" in userid or not userid.isprintable() or session.get(User, name) is not None:
        return name
    found = credentials.user_called(session, userid)
    return name if found is None else found.name


def user(session: Session, site: Site, sent: Sent) -> User:
    """The row of the user whom the request names."""
    return _row(session, meant(session, site, sent.text("userid")))


def with_new_password(session: Session, site: Site, sent: Sent) -> str:
    """The full name of the user whom updateUser names, if it has a password; else ""."""
    return user(session, site, sent).name if sent.has("password") else ""


def to_remove(session: Session, site: Site, sent: Sent) -> str:
    """The full name of the user whom removeUser names: of the site's domain where it says none.

    Once that one is removed, the same request must not mean another one.
    """
    return _row(session, site.name(sent.text("userid"))).name


def _row(session: Session, name: str) -> User:
    try:
        return names.user(session, name)
    except DirectoryError:
        raise no_such("User") from None


def get_user(session: Session, site: Site, sent: Sent) -> Return:
    """getUser"""
    row = user(session, site, sent)
    known = details_in(row)
    numbers = _numbers(session, row)
    said = {axl: getattr(known, ours) for ours, axl in _DETAILS.items()}
    said |= {"userid": site.userid(row.name), "extension": numbers[0] if numbers else ""}
    order = ("firstname", "lastname", "userid", "telephoneNumber", "extension", "department", "manager")
    return [
        Part(
            "user",
            [
                *(Part(name, said[name]) for name in (*order, "userLocale")),
                Part("associatedDevices", [Part("device", number) for number in numbers]),
                Part("enableCTI", "true"),
            ],
            {"uuid": guid("user", row.name)},
        )
    ]


def add_user(session: Session, site: Site, sent: Sent) -> Return:
    """addUser"""
    new = sent.inside("newUser")
    name = names.user_name(site.name(new.text("userid")))
    if session.get(User, name) is not None:
        raise AxlError(DUPLICATE, f"there is a user {site.userid(name)} already")
    users.add(session, name, new.raw("password"))
    _set(session, names.user(session, name), new)
    return guid("user", name)


def update_user(session: Session, site: Site, sent: Sent) -> Return:
    """updateUser: what the request does not mention stays as it is."""
    row = user(session, site, sent)
    if sent.has("password"):
        users.set_password(session, row.name, sent.raw("password"))
    _set(session, row, sent)
    return "true"


def remove_user(session: Session, site: Site, sent: Sent) -> Return:
    """removeUser"""
    users.remove(session, to_remove(session, site, sent))
    return "true"


def list_user_by_name(session: Session, site: Site, sent: Sent) -> Return:
    """listUserByName: % in a name stands for anything, and no name is everybody's."""
    wanted = int(sent.text("searchLimit") or 0)
    found = users.search(
        session, sent.text("firstname"), sent.text("lastname"), wanted if 0 < wanted < MOST else MOST
    )
    return [
        Part(
            "user",
            [Part("firstname", details.first_name), Part("lastname", details.last_name)],
            {"userid": site.userid(info.name)},
        )
        for info, details in found
    ]


def _set(session: Session, row: User, sent: Sent) -> None:
    """Keep what ``sent`` says of the user in ``row``."""
    old = details_in(row)
    new = replace(old, **{ours: sent.text(axl) for ours, axl in _DETAILS.items() if sent.has(axl)})
    follows = row.display_name in (_shown(row, old), _shown(row, Details()))
    set_details(session, row.name, new)
    if follows and _shown(row, new) != row.display_name:
        users.set_display_name(session, row.name, _shown(row, new))
    if sent.has("associatedDevices"):
        _give(session, row, set(sent.inside("associatedDevices").each("device")))


def _shown(row: User, details: Details) -> str:
    return f"{details.first_name} {details.last_name}".strip() or row.name.partition("@")[0]


def _give(session: Session, row: User, wanted: set[str]) -> None:
    """Make the lines ``wanted`` those of the user in ``row``, and no others."""
    have = set(_numbers(session, row))
    there = set(session.scalars(select(Line.number).where(Line.number.in_(wanted))))
    _assign(session, have - wanted, None)
    _assign(session, there - have, row.name)


def _assign(session: Session, numbers: Iterable[str], owner: str | None) -> None:
    for number in sorted(numbers):
        lines.assign(session, number, owner)


def _numbers(session: Session, row: User) -> list[str]:
    return list(session.scalars(select(Line.number).where(Line.owner == row.name).order_by(Line.number)))
