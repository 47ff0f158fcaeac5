"""Change notices for people."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from ctigw.cli.changes_show import NotNoticeError, Told, line, told
from ctigw.directory.journal import (
    AclItem,
    CalendaringItem,
    Change,
    ContactItem,
    DialRuleItem,
    GroupItem,
    Kind,
    PropertyItem,
    SystemItem,
)
from ctigw.rules import Rule, Visibility
from ctigw.uccn.documents import OTHER_NAMESPACE, Format, document
from tests.uccn import payloads

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ALICE = "alice@example.com"
BOB = ContactItem("friends", Decimal(2), "bob@example.com", Decimal(1), "", False, False)
GROUP = GroupItem("friends", Decimal(2))
RULE = Rule("mine", Visibility.ALL)
DIAL = DialRuleItem(1, "out", "9 to 1", 1, "9", 4, 1, "1")
HOST = SystemItem("UcLdapHost", (("Directory.DN", "cn=x"), ("Directory.Password", "12345")))


@pytest.mark.parametrize(
    ("kind", "old", "new", "text"),
    [
        (
            *(Kind.CONTACT, None, replace(BOB, nickname="Bobby")),
            (
                'insert-contact  bob in friends  group index "2.0", index "1.0000000000", nickname "Bobby", '
                'is-cups "TRUE", is-external "FALSE"'
            ),
        ),
        (
            *(Kind.CONTACT, BOB, replace(BOB, nickname="Bobby", index=Decimal(3))),
            'update-contact  bob in friends  index "1.0000000000" -> "3.0000000000", nickname "" -> "Bobby"',
        ),
        (Kind.CONTACT, replace(BOB, group=""), None, 'delete-contact  bob in ""'),
        (Kind.GROUP, None, GROUP, 'insert-group  friends  group index "2.0000000000"'),
        (
            *(Kind.GROUP, GROUP, replace(GROUP, name="work")),
            'update-group  friends  group "friends" -> "work"',
        ),
        (Kind.GROUP, GROUP, None, "delete-group  friends"),
        (Kind.ACL, None, AclItem("mine", "bob@example.com"), "add-acl  bob@example.com in mine"),
        (Kind.ACL, AclItem("mine", "bob@example.com"), None, "delete-acl  bob@example.com in mine"),
        (Kind.RULE, RULE, None, "delete-presence-rules  mine"),
        (Kind.RULE, RULE, replace(RULE, visibility=Visibility.BLOCK), 'mine  data "all" -> "block"'),
        (
            *(Kind.DIAL_RULE, DIAL, replace(DIAL, prefix="0")),
            'update-rule  out  prefix "1" -> "0"',
        ),
        (
            *(Kind.PROPERTY, None, PropertyItem("Color", "red", is_public=True)),
            'insert-endusercfg  Color "red", is-public "TRUE"',
        ),
        (Kind.CALENDARING, None, CalendaringItem(True), 'update-host  Presence.calendar "enabled"'),
        (Kind.SYSTEM, None, HOST, 'update-ldap  Directory.DN "cn=x", Directory.Password ...'),
        (
            *(Kind.SYSTEM, None, SystemItem("EndUser", (("Presence.Domain", "a.b"),))),
            'update-host  Presence.Domain "a.b", cti-device "2001"',
        ),
    ],
)
def test_a_notice_is_one_line(kind: Kind, old: Any, new: Any, text: str) -> None:
    how = Format(device=lambda _user: "2001", rule=lambda rule: rule.visibility.value)
    body = document(Change(kind, ALICE, old, new), how)
    assert body is not None
    found = line(told(body), NOON)
    assert found.startswith("12:00:00  ")
    assert found.endswith(f"  {text}")


@pytest.mark.parametrize("path", payloads(), ids=lambda path: path.stem)
def test_every_printed_notice_can_be_shown(path: Any) -> None:
    found = line(told(path.read_bytes()), NOON)
    assert "\n" not in found
    assert "12345" not in found


def test_the_namespace_does_not_matter() -> None:
    change = Change(Kind.GROUP, ALICE, None, GROUP)
    one, other = document(change), document(change, Format(namespace=OTHER_NAMESPACE))
    assert one is not None
    assert other is not None
    assert told(one) == told(other)


@pytest.mark.parametrize("body", [b"", b"hello", b"<presence/>", b"<!DOCTYPE x><UPCConfigChange/>", b"<a><"])
def test_what_is_no_notice_is_none(body: bytes) -> None:
    with pytest.raises(NotNoticeError):
        told(body)


def test_what_others_wrote_does_not_steer_a_terminal() -> None:
    body = document(Change(Kind.GROUP, ALICE, None, replace(GROUP, name="a\u009b31mb\nc\u202e")))
    assert body is not None
    shown = line(told(body), NOON)
    assert shown.isprintable()
    assert shown.startswith("12:00:00  insert-group  a?31mb c?")


def test_a_notice_without_anything_is_a_line_all_the_same() -> None:
    assert told(b"<UPCConfigChange/>") == Told("", {}, {})
    assert line(Told("", {}, {}), NOON) == "12:00:00  -"
