"""Change notices (UCCN): a change of the directory as the document ``UPCConfigChange`` that clients are sent.

What is not printed anywhere is decided here.  The verb is the one that fits the change: those printed for the
update and the removal of a user's setting are swapped.  Of settings the new ones are told, of those that are
gone the old names without values; of a user's setting that is gone, what it was.  A contact of the owner's
own domain is called by the part before the @, as in contact lists.  A watcher comes into a list or leaves it,
and never becomes another one: ``update-acl`` is printed, and not sent.

An index is printed as the database has it, with ten decimal places; but the index of the group that a contact
is in, as a fraction: with as many places as it needs, and one at least (``1.0``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from ctigw.directory import names
from ctigw.directory.journal import (
    AclItem,
    CalendaringItem,
    Change,
    ContactItem,
    DialRuleItem,
    GroupItem,
    Item,
    Kind,
    PropertyItem,
    SystemItem,
)
from ctigw.rules import Rule
from ctigw.uccn.markup import NONE, element, text
from ctigw.uccn.rule_data import rule_data
from ctigw.values import named, value

NAMESPACE = "urn:cisco:epas:uccn"
# As the printed schema has it, against all printed documents.
OTHER_NAMESPACE = "urn:cisco:CUPS:UCCN"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n"
_PLACES = 10
UPDATE_HOST = "update-host"
# The action when settings of the site change, by their object.
_TOLD: Mapping[str, str] = {
    "UcSystemCfg": "update-systemcfg",
    "UcAttributeMap": "update-ldapmapping",
    "UcCtiGatewayHost": UPDATE_HOST,
    "EndUser": UPDATE_HOST,
    "UcLdapProfile": "update-ldap",
    "UcLdapHost": "update-ldap",
    "UcMeetingPlaceHost": UPDATE_HOST,
    "UcProxyProfile": UPDATE_HOST,
    "UcUnityHost": UPDATE_HOST,
    "VoiceMessagingPilot": UPDATE_HOST,
    "CUPSystemCfg": "update-cupssystemcfg",
    "PEBackendGateway": "update-pebackendgateway",
}
# What the product has beside these, each with the properties and the action of another one (for
# UcCtiGatewayProfile no action is printed).  The object is in no document, so clients cannot tell the two
# apart; here it is always the other one that changes.
SAME: Mapping[str, str] = {
    "EpasDevice": "UcSystemCfg",
    "UcCtiGatewayProfile": "UcCtiGatewayHost",
    "UcMeetingPlaceProfile": "UcMeetingPlaceHost",
    "UcUnityProfile": "UcUnityHost",
    "ProcessConfig": "UcProxyProfile",
}
ACTIONS: Mapping[str, str] = {**_TOLD, **{object_: _TOLD[other] for object_, other in SAME.items()}}
# Settings of the site that are a user's instead.
OF_A_USER = "EndUser"


@named
class Format:
    """How notices are written.

    ``device`` gives a user's device, "" where there is none; ``rule`` a presence rule as one text.
    """

    namespace: str = NAMESPACE
    device: Callable[[str], str] = lambda _user: ""
    rule: Callable[[Rule], str] = rule_data


USUAL = Format()
# The elements of a change behind its action.
_Write = Callable[[Change, Format], str]


@value
class _Way:
    """How changes of a kind are told; ``added``, ``changed``, ``removed``: the actions."""

    added: str
    changed: str
    removed: str
    write: _Write

    def action(self, change: Change) -> str:
        item = change.new or change.old
        if isinstance(item, SystemItem):
            return ACTIONS.get(item.object, self.changed)
        if change.old is None:
            return self.added
        return self.removed if change.new is None else self.changed


def document(change: Change, how: Format = USUAL) -> bytes | None:
    """The notice of ``change``; None: clients are not told of such."""
    way = _WAYS.get(change.kind)
    if way is None or (change.old is None and change.new is None):
        return None
    root = element(
        "UPCConfigChange",
        _child("action", way.action(change)),
        way.write(change, how),
        attributes={
            "xmlns": how.namespace,
            "xmlns:epas": how.namespace,
            "xmlns:xsi": _XSI,
            "xsi:schemaLocation": f"{how.namespace} file:UCCNSchema.xsd",
        },
    )
    return f"{_HEAD}{root}".encode()


def raw_index(index: Decimal) -> str:
    """``1.0000000000``."""
    return f"{index:.{_PLACES}f}"


def fraction(index: Decimal) -> str:
    """``1.0``."""
    whole, _, places = raw_index(index).partition(".")
    return f"{whole}.{places.rstrip('0') or '0'}"


def _child(name: str, content: str, attributes: Mapping[str, str] = NONE) -> str:
    return element(f"epas:{name}", text(content), attributes=attributes)


def _flag(is_so: bool) -> str:
    """As they are printed, which is not as XML Schema has it."""
    return "TRUE" if is_so else "FALSE"


# Contacts, groups, rules: what was and what is


def _both(change: Change, write: Callable[[Any], str]) -> str:
    states: tuple[tuple[str, Item | None], ...] = (("old", change.old), ("new", change.new))
    return "".join(element(name, write(item)) for name, item in states if item is not None)


def _contacts(change: Change, _how: Format) -> str:
    return _both(change, partial(_contact, change.user))


def _contact(owner: str, item: ContactItem) -> str:
    known_as = names.within(owner.partition("@")[2], item.name)
    return element(
        "epas:group",
        _child("persona-id", known_as, {"index": raw_index(item.index), "nickname": item.nickname}),
        _child("is-cups", _flag(not item.is_external)),
        _child("is-external", _flag(item.is_external)),
        attributes={"name": item.group, "index": fraction(item.group_index)},
    )


def _groups(change: Change, _how: Format) -> str:
    return _both(change, _group)


def _group(item: GroupItem) -> str:
    return element("epas:group", attributes={"name": item.name, "index": raw_index(item.index)})


def _rules(change: Change, how: Format) -> str:
    return _both(change, partial(_rule, how))


def _rule(how: Format, item: Rule) -> str:
    return element("epas:rule", _child("data", how.rule(item)), attributes={"name": item.name})


def _acls(change: Change, _how: Format) -> str:
    return _both(change, _acl)


def _acl(item: AclItem) -> str:
    return element("epas:rule", _child("watcher", item.watcher), attributes={"name": item.rule})


def _dial_rules(change: Change, _how: Format) -> str:
    return _both(change, _dial_rule)


def _dial_rule(item: DialRuleItem) -> str:
    fields = ((name.replace("_", "-"), getattr(item, name)) for name in item.__struct_fields__)
    return element("epas:rule", *(_child(name, str(field)) for name, field in fields))


# Settings: what is


def _properties(found: Iterable[tuple[str, str]]) -> str:
    return "".join(_child("property", content, {"name": name}) for name, content in found)


def _system(change: Change, how: Format) -> str:
    item = change.new or change.old
    assert isinstance(item, SystemItem)
    told = _properties((name, "" if change.new is None else content) for name, content in item.properties)
    device = how.device(change.user) if item.object == OF_A_USER and change.user else ""
    return told + (_child("cti-device", device) if device else "")


def _setting(change: Change, _how: Format) -> str:
    item = change.new or change.old
    assert isinstance(item, PropertyItem)
    return _child("property", item.value, {"name": item.name, "is-public": _flag(item.is_public)})


def _calendaring(change: Change, _how: Format) -> str:
    enabled = isinstance(change.new, CalendaringItem) and change.new.enabled
    return _properties([("Presence.calendar", "enabled" if enabled else "disabled")])


_WAYS: Mapping[Kind, _Way] = {
    Kind.CONTACT: _Way("insert-contact", "update-contact", "delete-contact", _contacts),
    Kind.GROUP: _Way("insert-group", "update-group", "delete-group", _groups),
    Kind.DIAL_RULE: _Way("insert-rule", "update-rule", "delete-rule", _dial_rules),
    Kind.RULE: _Way("add-presence-rules", "update-presence-rules", "delete-presence-rules", _rules),
    Kind.ACL: _Way("add-acl", "update-acl", "delete-acl", _acls),
    Kind.PROPERTY: _Way("insert-endusercfg", "update-endusercfg", "delete-endusercfg", _setting),
    Kind.CALENDARING: _Way(UPDATE_HOST, UPDATE_HOST, UPDATE_HOST, _calendaring),
    Kind.SYSTEM: _Way(UPDATE_HOST, UPDATE_HOST, UPDATE_HOST, _system),
}
