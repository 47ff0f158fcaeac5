from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ctigw.presence.composition import OVERRIDES, Component, Composed, Won, compose
from ctigw.presence.documents import Document, read
from ctigw.presence.views import activity_xml, nothing, polite
from tests.pidf import ALICE, presence, wrong


def told(
    source: str, content: str, *, priority: float = 1, since: float = 0, entity: str = "sip:alice@pc"
) -> Component:
    return Component(source, priority, since, read(presence(content, entity)), etag=f"{source}{since}")


def tuple_(name: str, basic: str = "open", more: str = "") -> str:
    return f'<tuple id="{name}"><status><basic>{basic}</basic></status>{more}</tuple>'


def doing(*activities: str, more: str = "") -> str:
    return f"<dm:person id='p'><r:activities>{''.join(activities)}</r:activities>{more}</dm:person>"


def together(*components: Component) -> Composed:
    """What is composed; whatever the order they come in."""
    composed = compose(ALICE, components, explained=True)
    assert compose(ALICE, components) == replace(composed, explanation=())
    assert wrong(composed.xml) is None
    for order in itertools.permutations(components):
        assert compose(ALICE, order, explained=True) == composed
    assert compose(ALICE, [Component("again", 0, 0, read(composed.xml))]).xml == composed.xml
    return composed


def doings(composed: Composed) -> tuple[str, ...]:
    return read(composed.xml).activities


def names(composed: Composed) -> list[str]:
    return [each.key for each in read(composed.xml).tuples]


def test_the_entity_is_the_one_asked_for_and_not_the_ones_told() -> None:
    assert b'entity="sip:alice@example.com"' in together(told("pc", tuple_("a"))).xml


def test_tuples_of_all_come_by_priority() -> None:
    composed = together(
        told("phone", tuple_("cmp-1"), priority=1), told("pc", tuple_("cupc") + tuple_("b"), priority=5)
    )
    assert names(composed) == ["cupc", "b", "cmp-1"]


def test_of_equal_priority_the_newest_comes_first() -> None:
    composed = together(told("a", tuple_("a"), since=1), told("b", tuple_("b"), since=2))
    assert names(composed) == ["b", "a"]


def test_the_newest_wins_a_tuple_id_that_two_have() -> None:
    killed = told("pc", tuple_("a", "open"), priority=9, since=1)
    back = told("pc", tuple_("a", "closed"), priority=1, since=2)
    composed = together(killed, back)
    assert composed.basic == "closed"
    assert ("tuple a", "pc", ("pc",)) in {(won.what, won.source, won.others) for won in composed.explanation}


def test_tuples_without_an_id_are_all_told() -> None:
    one = told("a", "<tuple><contact>sip:1</contact></tuple>", since=1)
    other = told("b", "<tuple><contact>sip:2</contact></tuple>", since=2)
    assert names(together(one, other)) == ["t1", "t1-2"]


def test_ids_that_are_alike_once_mended_are_all_told() -> None:
    composed = together(told("a", tuple_("a b"), since=2), told("b", tuple_("a_b"), since=1))
    assert names(composed) == ["a_b", "a_b-2"]


def test_two_tuples_of_one_id_in_one_document_are_both_told() -> None:
    assert names(together(told("a", tuple_("x") + tuple_("x", "closed")))) == ["x", "x-2"]


def test_there_is_one_person_called_as_the_user() -> None:
    composed = together(
        told("a", doing("<r:away/>"), since=1), told("b", doing("<r:busy/>", more="<r:class>c</r:class>"))
    )
    assert composed.xml.count(b"<dm:person") == 1
    assert b'<dm:person id="alice">' in composed.xml


def test_a_tuple_called_like_the_user_keeps_its_id() -> None:
    composed = together(told("a", tuple_("alice") + doing("<r:away/>")))
    assert b'<tuple id="alice">' in composed.xml
    assert b'<dm:person id="alice-2">' in composed.xml


def test_each_property_of_the_person_comes_from_the_highest_that_has_it() -> None:
    high = told("pc", doing("<r:away/>"), priority=2, since=1)
    low = told("cal", doing("<r:meeting/>", more="<r:mood><r:happy/></r:mood>"), priority=1, since=2)
    composed = together(high, low)
    assert doings(composed) == ("away",)
    assert b"<r:mood><r:happy/></r:mood>" in composed.xml
    assert b"meeting" not in composed.xml
    assert Won("r:activities", "pc", ("cal",), "pc1") in composed.explanation
    assert Won("r:mood", "cal", (), "cal2") in composed.explanation


def test_who_says_more_of_equals_tells_the_activities() -> None:
    phone = told("phone", doing("<ce:available/>"), since=9)
    pc = told("pc", doing("<r:vacation/>"), since=1)
    assert doings(together(phone, pc)) == ("vacation",)
    higher = told("phone", doing("<ce:available/>"), priority=2, since=1)
    assert doings(together(higher, pc)) == ("available",)


def test_who_says_nothing_does_not_win_the_activities() -> None:
    idle = told("phone", "<dm:person><r:activities/></dm:person>", priority=9)
    assert doings(together(idle, told("pc", doing("<r:busy/>")))) == ("busy",)


@pytest.mark.parametrize("name", sorted(OVERRIDES))
def test_what_a_user_sets_by_hand_comes_before_any_priority(name: str) -> None:
    hand = told("web", tuple_(name, "closed") + doing("<r:vacation/>"), priority=0, since=0)
    phone = told("phone", tuple_("cmp-1", "open") + doing("<r:on-the-phone/>"), priority=9, since=9)
    composed = together(hand, phone)
    assert (doings(composed), composed.basic) == (("vacation",), "closed")
    assert names(composed) == [name, "cmp-1"]


def test_open_if_anything_is() -> None:
    assert (
        together(told("a", tuple_("a", "closed") + tuple_("b")), told("c", tuple_("c", "closed"))).basic
        == "open"
    )
    assert together(told("a", "<tuple id='a'/>")).basic == "closed"


def test_nobody_is_closed_and_unavailable() -> None:
    composed = together()
    assert (composed.basic, doings(composed)) == ("closed", ("unavailable",))
    assert composed.xml.endswith(
        b'<tuple id="default"><status><basic>closed</basic></status></tuple><dm:person id="alice">'
        b"<r:activities><ce:unavailable/></r:activities></dm:person></presence>"
    )


def test_an_empty_component_contributes_nothing() -> None:
    assert together(told("a", ""), told("b", "")) == together()


def test_a_person_without_tuples_is_not_reachable() -> None:
    composed = together(told("a", doing("<r:away/>")))
    assert (names(composed), composed.basic, doings(composed)) == (["default"], "closed", ("away",))


def test_notes_and_what_is_unknown_come_from_the_highest_that_has_them() -> None:
    high = told("a", "<note>high</note><note>est</note>", priority=2)
    low = told("b", '<note>low</note><x:y a="1"/><x:y a="2"/>')
    composed = together(high, low)
    assert b"<note>high</note><note>est</note>" in composed.xml
    assert b"low" not in composed.xml
    assert composed.xml.count(b"<x:y") == 2


def test_devices_of_all_are_told_and_the_newest_of_one_id() -> None:
    device = "<dm:device id='{}'><dm:deviceID>urn:{}</dm:deviceID></dm:device>"
    composed = together(
        told("a", device.format("d", "old"), since=1),
        told("b", device.format("d", "new") + device.format("e", "e"), since=2),
    )
    assert b"urn:old" not in composed.xml
    assert composed.xml.count(b"<dm:device ") == 2


def test_sources_that_are_excluded_tell_nothing() -> None:
    phone = told("phone", tuple_("a") + doing("<r:on-the-phone/>"))
    pc = told("pc", tuple_("b", more="<so:source>cupc</so:source>") + doing("<r:busy/>"), priority=2)
    composed = compose(ALICE, [phone, pc], frozenset({"phone"}))
    assert (names(composed), doings(composed)) == (["b"], ("busy",))
    composed = compose(ALICE, [phone, pc], frozenset({"cupc"}))
    assert (names(composed), doings(composed)) == (["a"], ("on-the-phone",))
    assert compose(ALICE, [phone, pc], frozenset({"phone", "cupc"})) == compose(ALICE, [])


def test_of_a_component_of_several_sources_the_others_are_told() -> None:
    both = told("a", tuple_("x", more="<so:source>s</so:source>") + tuple_("y") + doing("<r:busy/>"))
    composed = compose(ALICE, [both], frozenset({"s"}))
    assert (names(composed), doings(composed)) == (["y"], ("busy",))


def test_notes_are_explained_too() -> None:
    ready = Component("line", 1, 0, Document("sip:a", notes="<note>n</note>"))
    assert compose(ALICE, [ready], explained=True).explanation == (Won("note", "line", ()),)


# Views.


def test_who_is_blocked_politely_sees_what_everybody_sees_of_somebody_who_is_not_there() -> None:
    assert nothing(ALICE) == compose(ALICE, []).xml


@pytest.mark.parametrize("basic", ["open", "closed"])
def test_a_polite_view_tells_whether_and_one_activity_and_no_more(basic: str) -> None:
    xml = polite(ALICE, basic, "busy")
    assert wrong(xml) is None
    document = read(xml)
    assert (document.basic, document.activities) == (basic, ("busy",))
    assert len(document.tuples) == 1
    assert b"contact" not in xml
    assert read(polite(ALICE, basic, "")).activities == ()


@pytest.mark.parametrize(
    ("name", "xml"),
    [
        ("on-the-phone", "<r:on-the-phone/>"),
        ("BUSY", "<r:busy/>"),
        ("available", "<ce:available/>"),
        ("DO_NOT_DISTURB", "<ce:do-not-disturb/>"),
        ("unknown", "<ce:unknown/>"),
        ("at <lunch>", "<r:other>at &lt;lunch&gt;</r:other>"),
    ],
)
def test_activities_are_written_in_the_namespace_that_has_them(name: str, xml: str) -> None:
    assert activity_xml(name) == xml
    assert wrong(polite(ALICE, "open", name)) is None


def test_who_has_signed_off_is_not_there_because_of_an_idle_phone() -> None:
    phone = told("phone", tuple_("cmp-1", "open"), priority=1)
    assert together(phone).basic == "open"
    assert together(phone, told("pc", tuple_("a", "closed"), priority=5)).basic == "closed"
    assert (
        together(phone, told("pc", tuple_("a", "closed") + tuple_("b", "open"), priority=5)).basic == "open"
    )
    assert together(phone, told("pc", "<dm:person id='p'/>", priority=5)).basic == "open"
