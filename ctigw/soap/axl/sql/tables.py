"""What can be asked about: tables named as the product's, of what the directory has that is no secret.

A line is a device and a number here, both called by its number; userids are as everywhere in AXL.  Truth is
't' or 'f', as Informix has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ctigw.directory.contact_list import shown, told_index
from ctigw.soap.axl.site import Site, key
from ctigw.soap.axl.sql.errors import GENERIC, SqlError
from ctigw.store.tables import ContactRow, GroupRow, Line, User

# Of the directory: rows of our own database, by the tables of a question that they are for.
Kept = Mapping[str, Sequence[tuple[Any, ...]]]
# The usages of a device and a number that the product has numbers for: a phone, a directory number, a node
# that others copy from, and a device that its user controls.
PHONE, NUMBER, PUBLISHER, CONTROLLED = 1, 2, 0, 1


class Table(NamedTuple):
    """``kept``: what is read of our own database; ``made``: a row made of one of those."""

    columns: tuple[str, ...]
    kept: Select[*tuple[Any, ...]] | None
    made: Callable[..., tuple[Any, ...]]


def _pkid(kind: str, name: str) -> str:
    return str(key(kind, name))


def _bool(value: bool) -> str:
    return "t" if value else "f"


def _enduser(site: Site, name: str, shown_as: str, *more: Any) -> tuple[Any, ...]:
    first, last, telephone, department, manager, locale, calendaring, ups, base = more
    return (
        *(_pkid("user", name), site.userid(name), first, last, shown_as, telephone, department, manager),
        *(name, locale, "t", 1, "t", _bool(calendaring), _bool(ups), _bool(base)),
    )


def _device(_site: Site, number: str, owner: str | None, shown_as: str | None) -> tuple[Any, ...]:
    return _pkid("device", number), number, shown_as or "", owner and _pkid("user", owner), PHONE


def _numplan(_site: Site, number: str, _owner: str | None, shown_as: str | None) -> tuple[Any, ...]:
    return _pkid("numplan", number), number, shown_as or "", NUMBER


def _device_number(_site: Site, number: str, _owner: str | None, shown_as: str | None) -> tuple[Any, ...]:
    keys = (_pkid("devicenumplanmap", number), _pkid("device", number), _pkid("numplan", number))
    return (*keys, 1, shown_as or "")


def _user_device(_site: Site, number: str, owner: str) -> tuple[Any, ...]:
    return _pkid("enduserdevicemap", number), _pkid("user", owner), _pkid("device", number), CONTROLLED


def _contact(
    site: Site, owner: str, group: str, at: int, member: str, position: int, nickname: str, on_phone: bool
) -> tuple[Any, ...]:
    return (
        *(_pkid("contact", f"{owner} {member} {group}"), _pkid("user", owner), site.userid(owner), group),
        *(shown(told_index(at)), site.userid(member), shown(told_index(position)), nickname, _bool(on_phone)),
    )


def _node(site: Site) -> tuple[Any, ...]:
    return _pkid("node", site.node), site.node, 1, site.description, PUBLISHER


_LINES = select(Line.number, Line.owner, User.display_name).outerjoin(User, User.name == Line.owner)
TABLES: Mapping[str, Table] = {
    "enduser": Table(
        (
            *("pkid", "userid", "firstname", "lastname", "displayname", "telephonenumber", "department"),
            *("manager", "mailid", "userlocale", "islocaluser", "status", "enablecti"),
            *("enablecalendarpresence", "enableups", "enableupc"),
        ),
        select(
            *(User.name, User.display_name, User.first_name, User.last_name, User.telephone_number),
            *(User.department, User.manager, User.locale, User.calendaring),
            *(User.licensed_ups, User.licensed_base),
        ).order_by(User.name),
        _enduser,
    ),
    "device": Table(
        ("pkid", "name", "description", "fkenduser", "tkclass"), _LINES.order_by(Line.number), _device
    ),
    "numplan": Table(
        ("pkid", "dnorpattern", "description", "tkpatternusage"), _LINES.order_by(Line.number), _numplan
    ),
    "devicenumplanmap": Table(
        ("pkid", "fkdevice", "fknumplan", "numplanindex", "display"),
        _LINES.order_by(Line.number),
        _device_number,
    ),
    "enduserdevicemap": Table(
        ("pkid", "fkenduser", "fkdevice", "tkuserassociation"),
        select(Line.number, Line.owner).where(Line.owner.is_not(None)).order_by(Line.number),
        _user_device,
    ),
    "contacts": Table(
        (
            *("pkid", "fkenduser", "owner", "groupname", "groupindex", "contact", "contactindex"),
            *("nickname", "displayonphone"),
        ),
        select(
            *(GroupRow.owner, GroupRow.name, GroupRow.position, ContactRow.member, ContactRow.position),
            *(ContactRow.nickname, ContactRow.display_on_phone),
        )
        .join(ContactRow, ContactRow.group_id == GroupRow.id)
        .order_by(GroupRow.owner, GroupRow.position, GroupRow.name, ContactRow.position, ContactRow.member),
        _contact,
    ),
    "processnode": Table(("pkid", "name", "nodeid", "description", "tknodeusage"), None, _node),
}
COLUMNS: Mapping[str, tuple[str, ...]] = {name: table.columns for name, table in TABLES.items()}


def read(session: Session, tables: Iterable[str], most: int) -> Kept:
    """What ``tables`` are made of, as it is now; each of ``most`` rows.  Raises `SqlError`."""
    found: dict[str, Sequence[tuple[Any, ...]]] = {}
    for name in tables:
        kept = TABLES[name].kept
        rows = [()] if kept is None else [tuple(row) for row in session.execute(kept.limit(most + 1))]
        if len(rows) > most:
            raise SqlError(GENERIC, f"the table {name} has more than {most} rows, too many to be asked about")
        found[name] = rows
    return found


def made(site: Site, kept: Kept) -> Mapping[str, Iterator[tuple[Any, ...]]]:
    """The rows of each table that is in ``kept``."""

    def rows(name: str, of: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        make = TABLES[name].made
        return (make(site, *row) for row in of)

    return {name: rows(name, of) for name, of in kept.items()}
