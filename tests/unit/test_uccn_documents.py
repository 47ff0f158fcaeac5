"""Change notices: the printed ones are what comes of the changes they tell; all others are as valid."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from ctigw.directory import vocabulary
from ctigw.directory.journal import (
    ITEMS,
    AclItem,
    CalendaringItem,
    Change,
    ContactItem,
    DialRuleItem,
    GroupItem,
    Kind,
    LineItem,
    LongTermItem,
    PropertyItem,
    SystemItem,
    UserItem,
)
from ctigw.rules import And, Not, Or, Rule, Status, Visibility, When
from ctigw.uccn.documents import (
    ACTIONS,
    NAMESPACE,
    OTHER_NAMESPACE,
    SAME,
    Format,
    document,
    fraction,
    raw_index,
)
from ctigw.uccn.rule_data import rule_data
from tests.uccn import PAYLOADS, canonical, payloads, said, wrong

JIM = "jim@ex.com"
# What the printed documents say of things that are ours to decide.
PRINTED = Format(
    device=lambda _user: "SEP000E836F0164", rule=lambda _rule: "filterdata pointed to by fkpefilterinfo"
)
JACK = ContactItem("General", Decimal(1), "Jack@ex.com", Decimal(1), "Curly", False, False)
GENERAL = GroupItem("General", Decimal(1))
DIAL = DialRuleItem(1, "9", "9 to 1", 1, "9", 4, 1, "1")
RULE = Rule("String", Visibility.BLOCK)
ACL = AclItem("String obtained from fkepasprivacypolicy name", "watcherx@ex.com")
SETTING = PropertyItem("attrname", "attrvalue", True)


def system(number: int, object_: str, user: str = "") -> Change:
    """A change of settings: to those that are printed."""
    (path,) = PAYLOADS.glob(f"{number:02}-*")
    found = etree.parse(path).getroot().findall(f"{{{NAMESPACE}}}property")
    properties = tuple((str(each.get("name")), each.text or "") for each in found)
    return Change(Kind.SYSTEM, user, SystemItem(object_, ()), SystemItem(object_, properties))


OBJECTS = {
    1: "UcSystemCfg",
    11: "UcAttributeMap",
    12: "UcCtiGatewayProfile",
    13: "UcCtiGatewayHost",
    **dict.fromkeys(range(14, 19), "EndUser"),
    20: "EpasDevice",
    21: "UcLdapProfile",
    22: "UcLdapHost",
    23: "UcMeetingPlaceHost",
    24: "UcMeetingPlaceProfile",
    25: "ProcessConfig",
    26: "UcProxyProfile",
    27: "UcUnityHost",
    28: "UcUnityProfile",
    29: "VoiceMessagingPilot",
    36: "CUPSystemCfg",
    40: "PEBackendGateway",
}
# By the numbers of the printed documents.
CHANGES: dict[int, Change] = {
    2: Change(Kind.CONTACT, JIM, None, JACK),
    3: Change(Kind.CONTACT, JIM, JACK, replace(JACK, nickname="Baldy")),
    4: Change(Kind.CONTACT, JIM, JACK, None),
    5: Change(Kind.GROUP, JIM, None, GENERAL),
    6: Change(Kind.GROUP, JIM, GENERAL, GroupItem("Work", Decimal(1))),
    7: Change(Kind.GROUP, JIM, GENERAL, None),
    8: Change(Kind.DIAL_RULE, "", None, DIAL),
    9: Change(Kind.DIAL_RULE, "", replace(DIAL, description="9 changed to 1"), DIAL),
    10: Change(Kind.DIAL_RULE, "", replace(DIAL, description="9 changed to 1"), None),
    19: Change(Kind.CALENDARING, JIM, CalendaringItem(True), CalendaringItem(False)),
    30: Change(Kind.RULE, JIM, None, RULE),
    31: Change(Kind.RULE, JIM, RULE, replace(RULE, visibility=Visibility.ALL)),
    32: Change(Kind.RULE, JIM, RULE, None),
    33: Change(Kind.ACL, JIM, None, ACL),
    34: Change(Kind.ACL, JIM, ACL, replace(ACL, watcher="watcherx@ab.com")),
    35: Change(Kind.ACL, JIM, ACL, None),
    37: Change(Kind.PROPERTY, JIM, None, SETTING),
    38: Change(Kind.PROPERTY, JIM, SETTING, replace(SETTING, is_public=False)),
    39: Change(Kind.PROPERTY, JIM, SETTING, None),
}
# What is printed, and what is sent instead: 12 has no action, 38 and 39 have each other's.
INSTEAD = {
    12: (b"<epas:property", b"<epas:action>update-host</epas:action><epas:property"),
    38: (b"delete-endusercfg", b"update-endusercfg"),
    39: (b"update-endusercfg", b"delete-endusercfg"),
}


def change(number: int) -> Change:
    if number in CHANGES:
        return CHANGES[number]
    return system(number, OBJECTS[number], JIM if OBJECTS[number] == "EndUser" else "")


def notice(of: Change, how: Format = PRINTED) -> bytes:
    found = document(of, how)
    assert found is not None
    return found


@pytest.mark.parametrize("path", payloads(), ids=lambda path: path.stem)
def test_what_is_printed_is_what_is_sent(path: Path) -> None:
    number = int(path.name[:2])
    printed, sent = path.read_bytes(), notice(change(number))
    assert sent.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<UPCConfigChange ")
    assert canonical(sent) == canonical(printed.replace(*INSTEAD.get(number, (b"", b"")), 1))
    assert wrong(sent) is None


@pytest.mark.skipif(not payloads(), reason="the printed documents are not here")
def test_all_forty_are_reproduced() -> None:
    assert {int(path.name[:2]) for path in payloads()} == {*CHANGES, *OBJECTS} == set(range(1, 41))
    assert set(OBJECTS.values()) == set(ACTIONS)
    for number, (printed, _) in INSTEAD.items():  # they are slips of the printed documents still
        assert printed in next(PAYLOADS.glob(f"{number:02}-*")).read_bytes()


def test_every_object_is_told_or_is_the_same_as_one_that_is() -> None:
    told = {each.object for each in (*vocabulary.OBJECTS, *vocabulary.OF_A_USER)}
    assert told == {*ACTIONS} - {*SAME}
    assert {*SAME.values()} <= told


@pytest.mark.skipif(not payloads(), reason="the printed documents are not here")
@pytest.mark.parametrize(("object_", "other"), SAME.items())
def test_what_is_the_same_has_the_same_properties_and_action(object_: str, other: str) -> None:
    def names(of: str) -> list[str | None]:
        (number,) = (number for number, each in OBJECTS.items() if each == of)
        found = etree.fromstring(notice(change(number)))
        return [each.get("name") or each.text for each in found]

    assert names(object_) == names(other)


@pytest.mark.parametrize(
    ("old", "new", "action"),
    [
        (None, SETTING, "insert-endusercfg"),
        (SETTING, replace(SETTING, value="x"), "update-endusercfg"),
        (SETTING, None, "delete-endusercfg"),
    ],
)
def test_the_verb_is_that_of_the_change(old: Any, new: Any, action: str) -> None:
    assert said(notice(Change(Kind.PROPERTY, JIM, old, new)))[0] == action


@pytest.mark.parametrize("kind", [Kind.USER, Kind.PASSWORD, Kind.LINE, Kind.LONG_TERM_STATUS])
def test_clients_are_not_told_of_what_is_not_theirs(kind: Kind) -> None:
    item: dict[Kind, Any] = {
        Kind.USER: UserItem("Jim"),
        Kind.PASSWORD: UserItem("Jim"),
        Kind.LINE: LineItem("2001"),
        Kind.LONG_TERM_STATUS: LongTermItem(1.0),
    }
    assert document(Change(kind, JIM, None, item[kind])) is None


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_that_became_nothing_is_told(kind: Kind) -> None:
    assert document(Change(kind, JIM)) is None


@pytest.mark.parametrize(
    ("index", "raw", "short"),
    [
        ("1", "1.0000000000", "1.0"),
        ("1000", "1000.0000000000", "1000.0"),
        ("-33.30", "-33.3000000000", "-33.3"),
        ("0", "0.0000000000", "0.0"),
        ("0.0000000001", "0.0000000001", "0.0000000001"),
        ("9E+8", "900000000.0000000000", "900000000.0"),
    ],
)
def test_an_index_is_raw_and_that_of_a_contacts_group_as_short_as_it_can_be(
    index: str, raw: str, short: str
) -> None:
    assert (raw_index(Decimal(index)), fraction(Decimal(index))) == (raw, short)
    item = replace(JACK, index=Decimal(index), group_index=Decimal(index))
    found = etree.fromstring(notice(Change(Kind.CONTACT, JIM, None, item)))
    (group,) = found.iter(f"{{{NAMESPACE}}}group")
    assert (group.get("index"), group[0].get("index")) == (short, raw)


@pytest.mark.parametrize(
    ("owner", "name", "told"),
    [
        (JIM, "jack@ex.com", "jack"),
        (JIM, "jack@example.org", "jack@example.org"),
        (JIM, "jack@sub.ex.com", "jack@sub.ex.com"),
        ("jim", "jack@ex.com", "jack@ex.com"),
    ],
)
def test_who_is_of_the_same_domain_is_called_as_in_the_contact_list(owner: str, name: str, told: str) -> None:
    assert told in said(notice(Change(Kind.CONTACT, owner, None, replace(JACK, name=name))))[1]


def test_who_is_elsewhere_is_external() -> None:
    _, found = said(notice(Change(Kind.CONTACT, JIM, None, replace(JACK, is_external=True))))
    assert found[-2:] == ["FALSE", "TRUE"]


@pytest.mark.parametrize(("new", "told"), [(CalendaringItem(True), "enabled"), (None, "disabled")])
def test_a_calendar_is_told_as_a_word(new: CalendaringItem | None, told: str) -> None:
    sent = notice(Change(Kind.CALENDARING, JIM, CalendaringItem(False), new))
    assert said(sent) == ("update-host", ["update-host", "Presence.calendar", told])


@pytest.mark.parametrize(
    ("user", "device", "told"),
    [(JIM, "2001", ["2001"]), (JIM, "", []), ("", "2001", [])],
    ids=["device", "no line", "of the site"],
)
def test_a_users_own_profile_comes_with_their_device(user: str, device: str, told: list[str]) -> None:
    asked = []

    def of(name: str) -> str:
        asked.append(name)
        return device

    item = SystemItem("EndUser", (("Presence.Domain", "ex.com"),))
    _, found = said(notice(Change(Kind.SYSTEM, user, None, item), Format(device=of)))
    assert found == ["update-host", "Presence.Domain", "ex.com", *told]
    assert asked == [user] * bool(user)


def test_settings_that_are_gone_are_told_without_values() -> None:
    item = SystemItem("UcLdapHost", (("Directory.DN", "cn=x"), ("Directory.Password", "12345")))
    sent = notice(Change(Kind.SYSTEM, "", item, None))
    assert said(sent) == ("update-ldap", ["update-ldap", "Directory.DN", "", "Directory.Password", ""])
    assert wrong(sent) is None


def test_an_object_that_nobody_knows_is_told_like_most_others() -> None:
    sent = notice(Change(Kind.SYSTEM, "", None, SystemItem("UcSomethingNew", (("A", "b"),))))
    assert said(sent) == ("update-host", ["update-host", "A", "b"])


def test_the_namespace_may_be_that_of_the_printed_schema() -> None:
    one, other = (
        notice(Change(Kind.GROUP, JIM, None, GENERAL), Format(namespace=namespace))
        for namespace in (NAMESPACE, OTHER_NAMESPACE)
    )
    assert other == one.replace(NAMESPACE.encode(), OTHER_NAMESPACE.encode())
    assert NAMESPACE.encode() not in other
    assert wrong(one) is wrong(other) is None


def test_a_rule_is_told_as_the_epas_interface_has_it() -> None:
    exprs = (Status("phone", "busy"), Or((Status("cupc", "away"), Not((And(()),)))))
    rule = Rule(
        "r",
        Visibility.REACHABILITY_ONLY,
        ("Cell <Phone>", "cupc"),
        "phone",
        (When("away", exprs),),
        ("x@y.z",),
    )
    assert rule_data(rule) == (
        '<rule xmlns="urn:cisco:epas:soap" xmlns:pr="urn:cisco:epas:presence:rules">'
        "<visibility>reachability-only</visibility><pr:reachability><pr:cond>"
        '<pr:epas-reachability source="phone"/><pr:when reachability-status="away">'
        '<pr:epas-status source="phone" status="busy"/><pr:or><pr:epas-status source="cupc" status="away"/>'
        "<pr:not><pr:and/></pr:not></pr:or></pr:when></pr:cond></pr:reachability>"
        "<pr:filter><pr:excludedsource>Cell &lt;Phone&gt;</pr:excludedsource>"
        "<pr:excludedsource>cupc</pr:excludedsource></pr:filter></rule>"
    )
    assert rule_data(Rule("r")) == (
        '<rule xmlns="urn:cisco:epas:soap" xmlns:pr="urn:cisco:epas:presence:rules">'
        "<visibility>all</visibility><pr:reachability/><pr:filter/></rule>"
    )
    (data,) = etree.fromstring(notice(Change(Kind.RULE, JIM, None, rule), Format())).iter(
        f"{{{NAMESPACE}}}data"
    )
    assert data.text == rule_data(rule)


# Any change

# What may be in the directory, and more: it is for the directory to refuse what has no place there.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.text(
    st.sampled_from("ab<>&\"'\r\n\t\x00\x07\ufffe]]> é𝄞"), max_size=8
)
WHOLE = st.integers(-99, 10**6)
INDEXES = st.decimals(-900_000_000, 900_000_000, places=10)
EXPRS = st.recursive(
    st.builds(Status, TEXTS, TEXTS),
    lambda inner: st.one_of(
        *(st.builds(kind, st.lists(inner, max_size=3).map(tuple)) for kind in (And, Or, Not))
    ),
    max_leaves=8,
)
ITEM: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.CONTACT: st.builds(ContactItem, TEXTS, INDEXES, TEXTS, INDEXES, TEXTS, st.booleans(), st.booleans()),
    Kind.GROUP: st.builds(GroupItem, TEXTS, INDEXES),
    Kind.RULE: st.builds(
        Rule,
        TEXTS,
        st.sampled_from(Visibility),
        st.lists(TEXTS, max_size=3).map(tuple),
        st.none() | TEXTS,
        st.lists(st.builds(When, TEXTS, st.lists(EXPRS, max_size=3).map(tuple)), max_size=2).map(tuple),
    ),
    Kind.ACL: st.builds(AclItem, TEXTS, TEXTS),
    Kind.CALENDARING: st.builds(CalendaringItem, st.booleans()),
    Kind.PROPERTY: st.builds(PropertyItem, TEXTS, TEXTS, st.booleans()),
    Kind.USER: st.builds(UserItem, TEXTS),
    Kind.PASSWORD: st.builds(UserItem, TEXTS),
    Kind.LINE: st.builds(LineItem, TEXTS),
    Kind.LONG_TERM_STATUS: st.builds(LongTermItem, st.floats(0, 2e9)),
    Kind.SYSTEM: st.builds(
        SystemItem,
        st.sampled_from([*ACTIONS, "another"]),
        st.lists(st.tuples(TEXTS, TEXTS), max_size=5).map(tuple),
    ),
    Kind.DIAL_RULE: st.builds(DialRuleItem, WHOLE, TEXTS, TEXTS, WHOLE, TEXTS, WHOLE, WHOLE, TEXTS),
}
USERS = st.sampled_from(["", JIM]) | TEXTS
CHANGED = st.sampled_from(list(Kind)).flatmap(
    lambda kind: st.builds(Change, st.just(kind), USERS, st.none() | ITEM[kind], st.none() | ITEM[kind])
)


def possible(text: str) -> str:
    """What a document can have of ``text``."""
    return "".join(
        "?" if char in "\x00\x07\ufffe\uffff" or (char < " " and char not in "\t\n\r") else char
        for char in text
    )


def values(item: Any, user: str) -> list[str]:
    """The texts that a notice of ``item`` must have."""
    match item:
        case ContactItem():
            domain = user.partition("@")[2]
            name = item.name.removesuffix(f"@{domain}") if domain else item.name
            found = [item.group, name, item.nickname]
        case GroupItem():
            found = [item.name]
        case Rule():
            found = [item.name, rule_data(item)]
        case AclItem():
            found = [item.rule, item.watcher]
        case PropertyItem():
            found = [item.name, item.value]
        case SystemItem():
            found = [text for pair in item.properties for text in pair]
        case DialRuleItem():
            found = [item.name, item.description, item.number_begins_with, item.prefix, str(item.priority)]
        case _:
            found = []
    return list(map(possible, found))


def test_every_kind_has_its_items_here() -> None:
    assert set(ITEM) == set(ITEMS)


@given(CHANGED)
def test_any_change_gives_a_valid_document_that_carries_its_values(of: Change) -> None:
    sent = document(of, Format(device=lambda _user: "2001"))
    if sent is None:
        untold = (Kind.USER, Kind.PASSWORD, Kind.LINE, Kind.LONG_TERM_STATUS)
        assert of.kind in untold or of.old is of.new is None
        return
    assert wrong(sent) is None
    action, found = said(sent)
    assert action in {*ACTIONS.values()} or action.split("-")[0] in ("insert", "add", "update", "delete")
    blocks = of.kind in (Kind.CONTACT, Kind.GROUP, Kind.RULE, Kind.ACL, Kind.DIAL_RULE)
    wanted = values(of.new, of.user)
    if blocks or (of.kind is Kind.PROPERTY and of.new is None):
        wanted += values(of.old, of.user)
    assert [text for text in wanted if text not in found] == []
    names = [etree.QName(each).localname for each in etree.fromstring(sent)]
    if blocks:
        assert names == ["action", *["old"] * (of.old is not None), *["new"] * (of.new is not None)]
    else:
        assert set(names) <= {"action", "property", "cti-device"}
