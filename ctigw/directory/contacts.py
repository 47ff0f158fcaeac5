"""Who is in the groups of users: what the EPAS contact operations do, part by part.

Where clients were never seen, this is what is decided: who is in the group already fails to be added, as a
group does that is there already; a nickname is one line of at most `names.LONGEST` characters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import names
from ctigw.directory.contact_list import (
    Contact,
    GroupAtWork,
    contact_item,
    each,
    exact_index,
    is_index,
    kept_index,
    load,
    next_index,
    owner_of,
    told_index,
)
from ctigw.directory.journal import Change, Kind
from ctigw.directory.outcomes import Done, Outcome
from ctigw.store import rows
from ctigw.store.tables import ContactRow, GroupRow

# What one user may have, in all groups.
MOST = 1000


class Wanted(Struct, frozen=True):
    """Somebody to add to a group, or what to change of them there; None: the default, or as it is.

    ``name`` is a user's name; without the part from the @ on it is one in the domain of whose list it is.
    """

    group: str
    name: str
    index: Decimal | None = None
    nickname: str | None = None
    display_on_phone: bool | None = None


def add(session: Session, user: str, wanted: Sequence[Wanted], *, foreign: Collection[str] = ()) -> Done:
    """Put people into groups: users, and anybody of the domains ``foreign``, which are at other servers.

    Whether there is such a one is looked at first, then whether there is the group.
    """
    owner = owner_of(session, user, wanted)
    found = load(session, owner)
    meant = names.people(owner, (part.name for part in wanted))
    users = names.users_among(session, meant)
    count = sum(len(group.contacts) for group in found.values())

    def put(part: tuple[Wanted, str | None]) -> tuple[Outcome, list[Change]]:
        nonlocal count
        asked, name = part
        if name is None or not (name in users or name.partition("@")[2] in foreign):
            return Outcome.NO_CONTACT, []
        group = found.get(asked.group)
        if group is None:
            return Outcome.NO_GROUP, []
        index = next_index(group.contacts.values()) if asked.index is None else asked.index
        contact = _changed(Contact(name, Decimal(0)), replace(asked, index=index))
        if contact is None or name in group.contacts or count >= MOST:
            return Outcome.FAILED, []
        count += 1
        group.contacts[name] = contact
        return Outcome.SUCCEEDED, [Change(Kind.CONTACT, owner, None, contact_item(group, contact, users))]

    return _saved(session, found, lambda: each(session, list(zip(wanted, meant, strict=True)), put))


def modify(session: Session, user: str, wanted: Sequence[Wanted]) -> Done:
    """Change what is told of people in groups.  The group is looked at first, then who is in it."""
    owner = owner_of(session, user, wanted)
    found = load(session, owner)
    meant = names.people(owner, (part.name for part in wanted))
    users = names.users_among(session, (name for group in found.values() for name in group.contacts))

    def change(asked: tuple[Wanted, str | None]) -> tuple[Outcome, list[Change]]:
        part, name = asked
        group = found.get(part.group)
        if group is None:
            return Outcome.NO_GROUP, []
        old = group.contacts.get(name or "")
        if old is None:
            return Outcome.NO_CONTACT, []
        new = _changed(old, part)
        if new is None:
            return Outcome.FAILED, []
        if new == old:
            return Outcome.SUCCEEDED, []
        group.contacts[new.name] = new
        before, after = (contact_item(group, contact, users) for contact in (old, new))
        return Outcome.SUCCEEDED, [Change(Kind.CONTACT, owner, before, after)]

    return _saved(session, found, lambda: each(session, list(zip(wanted, meant, strict=True)), change))


def remove(session: Session, user: str, wanted: Sequence[tuple[str, str]]) -> Done:
    """Take people out of groups: pairs of a group and a name.  The group is looked at first."""
    owner = owner_of(session, user, wanted)
    found = load(session, owner)
    meant = names.people(owner, (name for _group, name in wanted))
    users = names.users_among(session, (name for group in found.values() for name in group.contacts))

    def take(asked: tuple[tuple[str, str], str | None]) -> tuple[Outcome, list[Change]]:
        (inside, _), name = asked
        group = found.get(inside)
        if group is None:
            return Outcome.NO_GROUP, []
        contact = group.contacts.pop(name or "", None)
        if contact is None:
            return Outcome.NO_CONTACT, []
        return Outcome.SUCCEEDED, [Change(Kind.CONTACT, owner, contact_item(group, contact, users), None)]

    return _saved(session, found, lambda: each(session, list(zip(wanted, meant, strict=True)), take))


def forget_person(session: Session, name: str) -> list[Change]:
    """Take ``name``, who is no more, out of all groups.  What changed, for the journal."""
    query = (
        select(
            GroupRow.owner,
            GroupRow.name,
            GroupRow.position,
            ContactRow.position,
            ContactRow.nickname,
            ContactRow.display_on_phone,
        )
        .join(ContactRow, ContactRow.group_id == GroupRow.id)
        .where(ContactRow.member == name, GroupRow.owner != name)
        .order_by(GroupRow.owner, GroupRow.id)
    )
    changes = []
    for owner, group, position, at, nickname, on_phone in session.execute(query):
        contact = Contact(name, told_index(at), nickname, on_phone)
        item = contact_item(GroupAtWork(0, group, told_index(position)), contact, {name})
        changes.append(Change(Kind.CONTACT, owner, item, None))
    rows.delete(session, ContactRow.__tablename__, ("member",), [(name,)])
    return changes


def _saved(session: Session, found: dict[str, GroupAtWork], work: Callable[[], Done]) -> Done:
    """``work`` on the contacts of ``found``; what is other than before is written, all in few statements."""
    before = {group.name: dict(group.contacts) for group in found.values()}
    done = work()
    gone, put = [], []
    for group in found.values():
        was, contacts = before[group.name], group.contacts
        gone += [(group.number, name) for name in was if name not in contacts]
        put += [
            (group.number, name, kept_index(x.index), x.nickname, x.display_on_phone)
            for name, x in contacts.items()
            if was.get(name) != x
        ]
    columns = ("group_id", "member", "position", "nickname", "display_on_phone")
    rows.delete(session, ContactRow.__tablename__, columns[:2], gone)
    rows.upsert(session, ContactRow.__tablename__, columns, columns[:2], put)
    return done


def _changed(contact: Contact, part: Wanted) -> Contact | None:
    """``contact`` with what ``part`` says; None: that cannot be."""
    index = contact.index if part.index is None else part.index
    nickname = contact.nickname if part.nickname is None else part.nickname
    on_phone = contact.display_on_phone if part.display_on_phone is None else part.display_on_phone
    if not is_index(index) or (nickname and not names.is_name(nickname)):
        return None
    return Contact(contact.name, exact_index(index), nickname, on_phone)
