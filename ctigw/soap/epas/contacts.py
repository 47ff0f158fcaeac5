"""The contact list: get-contact-list, and add, modify, delete for groups and for contacts.

Each part of a request succeeds or fails by itself.  An answer repeats the attributes of its part, those that
were there, in an order of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ctigw.directory import contact_list, contacts, groups
from ctigw.directory.outcomes import Done
from ctigw.soap.epas.operations import Call, Operation, add, answer, boolean, children, content, said
from ctigw.xml.parsing import Element

# The order in which the parts of an answer have their attributes.
_GROUP = ("name", "index")
_CHANGED = ("old-name", "new-name", "index")
_CONTACT = ("index", "nickname", "display-on-phone")


def get_contact_list(call: Call, _body: Element) -> Element:
    """Groups by index, their members by index, with every attribute.

    The group without a name is there from the start; it is not told of while nobody is in it (Guide,
    Example 19).
    """
    made = answer("get-contact-list")
    for group in contact_list.contact_list(call.session, call.user):
        if not (group.name or group.contacts):
            continue
        inside = add(made, "group", name=group.name, index=contact_list.shown(group.index))
        for contact in group.contacts:
            add(
                inside,
                "persona-id",
                call.shown(contact.name),
                index=contact_list.shown(contact.index),
                nickname=contact.nickname,
                display_on_phone=said(contact.display_on_phone),
            )
    return made


def add_group(call: Call, body: Element) -> Element:
    """New groups."""
    parts = children(body, "group")
    wanted = [groups.Wanted(part.attrib["name"], _index(part)) for part in parts]
    return _answered("add-group", parts, _GROUP, groups.add(call.session, call.user, wanted))


def modify_group(call: Call, body: Element) -> Element:
    """Other names and places for groups."""
    parts = children(body, "group")
    wanted = [groups.Changed(part.attrib["old-name"], part.get("new-name"), _index(part)) for part in parts]
    return _answered("modify-group", parts, _CHANGED, groups.modify(call.session, call.user, wanted))


def delete_group(call: Call, body: Element) -> Element:
    """Groups are no more, and who is in them."""
    parts = children(body, "group")
    names = [part.attrib["name"] for part in parts]
    return _answered("delete-group", parts, _GROUP[:1], groups.remove(call.session, call.user, names))


def add_contact(call: Call, body: Element) -> Element:
    """People into groups."""
    parts = _people(body)
    wanted = [_wanted(group, part) for group, part in parts]
    done = contacts.add(call.session, call.user, wanted, foreign=call.settings.foreign)
    return _told("add-contact", parts, done)


def modify_contact(call: Call, body: Element) -> Element:
    """Something else of people in groups."""
    parts = _people(body)
    wanted = [_wanted(group, part) for group, part in parts]
    return _told("modify-contact", parts, contacts.modify(call.session, call.user, wanted))


def delete_contact(call: Call, body: Element) -> Element:
    """People out of groups."""
    parts = _people(body)
    wanted = [(group, _name(part)) for group, part in parts]
    return _told("delete-contact", parts, contacts.remove(call.session, call.user, wanted))


def _people(body: Element) -> list[tuple[str, Element]]:
    """The parts of a request, each with the name of its group."""
    return [
        (group.attrib["name"], part)
        for group in children(body, "group")
        for part in children(group, "persona-id")
    ]


def _name(part: Element) -> str:
    """Whom ``part`` means; newer clients write the domain beside the name."""
    name, domain = content(part).strip(), part.get("domain", "").strip()
    return f"{name}@{domain}" if domain and "@" not in name else name


def _wanted(group: str, part: Element) -> contacts.Wanted:
    on_phone = boolean(part.get("display-on-phone"))
    return contacts.Wanted(group, _name(part), _index(part), part.get("nickname"), on_phone)


def _index(part: Element) -> Decimal | None:
    text = part.get("index")
    return None if text is None else Decimal(text.strip())


def _answered(name: str, parts: Sequence[Element], attributes: Sequence[str], done: Done) -> Element:
    made = answer(name)
    for part, outcome in zip(parts, done.outcomes, strict=True):
        status = add(made, "status", outcome.value)
        _repeat(part, attributes, status)
    return made


def _told(name: str, parts: Sequence[tuple[str, Element]], done: Done) -> Element:
    made = answer(name)
    for (group, part), outcome in zip(parts, done.outcomes, strict=True):
        status = add(made, "status", outcome.value, persona_id=content(part).strip(), group=group)
        _repeat(part, _CONTACT, status)
    return made


def _repeat(part: Element, attributes: Sequence[str], status: Element) -> None:
    for name in attributes:
        if (value := part.get(name)) is not None:
            status.set(name, value)


OPERATIONS: Mapping[str, Operation] = {
    "get-contact-list": get_contact_list,
    "add-group": add_group,
    "modify-group": modify_group,
    "delete-group": delete_group,
    "add-contact": add_contact,
    "modify-contact": modify_contact,
    "delete-contact": delete_contact,
}
