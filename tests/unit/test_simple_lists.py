"""Lists: one subscription for many people, through the whole server."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ctigw.presence.lists import Instance, Listed, read
from ctigw.rules import Rule, Visibility
from ctigw.sip.message import Request
from tests.presence import ALL, OPEN, Bench, person, pidf
from tests.sip import PEER
from tests.unit.test_simple_presence import inside, nothing_left, state

LIST = {"Supported": "eventlist", "Accept": "multipart/related, application/rlmi+xml, application/pidf+xml"}
SITE = """
[[presence.lists]]
uri = "sip:Team@example.com"
members = [
    "sip:alice@example.com", "sip:Carol@example.com:5060", "sip:nobody@example.com", "sip:ALICE@example.com",
]
"""
BLOCK = Rule("block", Visibility.BLOCK)
CONFIRM = Rule("confirm", Visibility.CONFIRM)
REACHABLE = Rule("reachable", Visibility.REACHABILITY_ONLY)
GONE = Instance("terminated", "noresource")


def uri(name: str) -> str:
    return f"sip:{name}@example.com"


class Office(Bench):
    """Bob's contacts are Alice and Carol."""

    def __init__(self, settings: str = OPEN, contacts: Sequence[str] = ("alice", "carol")) -> None:
        super().__init__(settings)
        self.contacts(*contacts)

    def contacts(self, *names: str) -> None:
        self.side.put([person("bob", contacts=names)])
        self.turn()

    def rules(self, name: str, *rules: Rule) -> None:
        self.side.put([person(name, rules=rules)])
        self.turn()

    def phone(self, name: str, activity: str | None) -> None:
        """What the phone of somebody says."""
        body = None if activity is None else pidf("open", activity).encode()
        self.side.presence.contribute(f"{name}@example.com", "phone", body, "phone")
        self.turn()

    def told(self, *, later: float = 0.2) -> list[Listed]:
        """What Bob is told within this time."""
        found = self.notified()
        self.passes(later)
        return [listed(notify) for notify in found + self.notified()]

    def watch(self, whom: str = "bob-contacts", **headers: str) -> Listed:
        assert self.subscribe("bob", whom, **{**LIST, **headers}).status == 200
        (first,) = self.told()
        return first


def listed(notify: Request) -> Listed:
    assert notify.get("Require") == "eventlist"
    assert notify.get("Subscription-State").startswith("active;")
    return read(notify.get("Content-Type"), notify.body)


def instances(told: Listed) -> dict[str, Instance]:
    return dict(told.resources)


def activity(instance: Instance) -> str:
    """What somebody does who is seen doing one thing."""
    assert instance.document is not None
    return instance.document.partition(b"<r:activities><")[2].partition(b"/>")[0].decode()


def test_the_first_notice_is_full_and_has_everybody_in_order() -> None:
    office = Office()
    office.phone("carol", "busy")
    first = office.watch()
    assert (first.uri, first.version, first.full) == ("sip:bob-contacts@example.com", 0, True)
    assert [name for name, _ in first.resources] == [uri("alice"), uri("carol")]
    assert [each.state for _, each in first.resources] == ["active", "active"]
    assert activity(instances(first)[uri("carol")]) == "r:busy"


def test_then_only_what_changes_is_told() -> None:
    office = Office()
    office.watch()
    office.phone("carol", "busy")
    (notice,) = office.told()
    assert (notice.version, notice.full) == (1, False)
    assert [(name, activity(each)) for name, each in notice.resources] == [(uri("carol"), "r:busy")]


def test_what_changes_within_the_interval_comes_together_and_once() -> None:
    office = Office(OPEN + "[presence]\nlist_seconds = 2\n")
    office.watch()
    office.passes(5)
    office.notified()
    for activity_name in ("busy", "away"):
        for name in ("alice", "carol"):
            office.phone(name, activity_name)
            office.passes(0.4)
    assert office.notified() == []
    (notice,) = office.told(later=1)
    assert {name: activity(each) for name, each in notice.resources} == {
        uri("alice"): "r:away",
        uri("carol"): "r:away",
    }
    assert office.told(later=5) == []


def test_what_is_as_before_when_the_interval_is_over_is_not_told() -> None:
    office = Office()
    office.watch()
    office.phone("alice", "busy")
    office.phone("alice", None)
    assert office.told() == []


def test_a_refresh_brings_everything() -> None:
    office = Office()
    office.subscribe("bob", "bob-contacts", **LIST)
    (notify,) = office.notified()
    office.passes(1)
    office.phone("alice", "busy")
    inside(office, notify, 600)
    (notice,) = office.told()
    assert (notice.version, notice.full, len(notice.resources)) == (1, True, 2)


def test_a_list_without_anybody_is_a_list() -> None:
    office = Office(contacts=())
    first = office.watch()
    assert (first.full, first.resources) == (True, ())


@pytest.mark.parametrize("who", ["alice", "carol", "mallory"])
def test_a_contact_list_is_for_its_owner_alone(who: str) -> None:
    office = Office()
    assert office.subscribe(who, "bob-contacts", **LIST).status == 403
    nothing_left(office)


def test_who_does_not_exist_has_no_list() -> None:
    assert Office().subscribe("nobody", "nobody-contacts", **LIST).status == 404


def test_who_cannot_read_lists_is_told_what_is_needed() -> None:
    office = Office()
    answer = office.subscribe("bob", "bob-contacts", Accept="application/rlmi+xml")
    assert (answer.status, answer.get("Require")) == (421, "eventlist")
    more = {"Supported": "eventlist", "Accept": "application/pidf+xml"}
    assert office.subscribe("bob", "bob-contacts", **more).status == 406
    nothing_left(office)


def test_no_accept_at_all_means_whatever_there_is() -> None:
    office = Office()
    assert office.subscribe("bob", "bob-contacts", Supported="eventlist").status == 200


def test_a_list_of_the_site_is_for_everybody() -> None:
    office = Office(OPEN + SITE)
    office.phone("carol", "busy")
    first = office.watch("team")
    found = instances(first)
    assert list(found) == [uri("alice"), uri("carol"), uri("nobody")]
    assert activity(found[uri("carol")]) == "r:busy"
    assert found[uri("nobody")] == GONE
    assert office.subscribe("carol", "Team", **LIST).status == 200


def test_who_is_in_a_list_twice_is_watched_once_and_left_in_the_end() -> None:
    office = Office(OPEN + SITE)
    office.subscribe("bob", "team", **LIST)
    (notify,) = office.notified()
    inside(office, notify)
    office.notified()
    nothing_left(office)


# Members


def test_who_is_added_and_who_is_removed_is_told_by_a_full_notice() -> None:
    office = Office(contacts=("alice",))
    office.watch()
    office.contacts("carol")
    (notice,) = office.told()
    assert notice.full
    assert [name for name, _ in notice.resources] == [uri("carol")]
    office.phone("alice", "busy")
    assert office.told() == []
    office.phone("carol", "away")
    (notice,) = office.told()
    assert (notice.full, [name for name, _ in notice.resources]) == (False, [uri("carol")])
    assert office.side.presence.watchings("alice@example.com") == []


def test_contacts_that_are_the_same_are_not_told() -> None:
    office = Office()
    office.watch()
    office.contacts("alice", "carol")
    assert office.told() == []


def test_a_member_who_does_not_exist_yet_is_watched_as_soon_as_they_do() -> None:
    office = Office(contacts=("alice", "dave"))
    assert instances(office.watch())[uri("dave")] == GONE
    office.side.put([person("dave")])
    (notice,) = office.told()
    assert [(name, each.state) for name, each in notice.resources] == [(uri("dave"), "active")]
    office.phone("dave", "busy")
    (notice,) = office.told()
    assert activity(instances(notice)[uri("dave")]) == "r:busy"


def test_a_member_who_is_removed_is_gone_and_may_come_back() -> None:
    office = Office()
    office.phone("carol", "busy")
    office.watch()
    office.side.gone("carol@example.com")
    office.turn()
    (notice,) = office.told()
    assert notice.resources == ((uri("carol"), GONE),)
    assert "carol@example.com" not in office.side.presence._presentities
    office.rules("carol", ALL)
    (notice,) = office.told()
    assert [(name, each.state) for name, each in notice.resources] == [(uri("carol"), "active")]


def test_the_rules_of_each_member_hold() -> None:
    office = Office(contacts=("alice", "carol", "dave"))
    office.rules("alice", BLOCK)
    office.rules("carol", CONFIRM)
    office.side.put([person("dave", rules=(REACHABLE,))])
    for name in ("alice", "carol", "dave"):
        office.phone(name, "busy")
    found = instances(office.watch())
    assert found[uri("alice")] == Instance("terminated", "rejected")
    assert found[uri("carol")] == Instance("pending")
    document = found[uri("dave")].document
    assert document is not None
    assert b"busy" not in document
    for name in ("alice", "carol"):
        office.phone(name, "away")
    assert office.told() == []


def test_a_change_of_a_members_rules_holds_at_once_in_both_directions() -> None:
    office = Office()
    office.phone("alice", "busy")
    office.rules("alice", BLOCK)
    office.watch()
    office.rules("alice", ALL)
    (notice,) = office.told()
    assert [activity(each) for _, each in notice.resources] == ["r:busy"]
    office.rules("alice", CONFIRM)
    (notice,) = office.told()
    assert notice.resources == ((uri("alice"), Instance("pending")),)
    office.rules("alice", BLOCK)
    (notice,) = office.told()
    assert notice.resources == ((uri("alice"), Instance("terminated", "rejected")),)
    assert office.side.presence.watchings("alice@example.com") == []
    office.rules("alice", ALL)
    (notice,) = office.told()
    assert [activity(each) for _, each in notice.resources] == ["r:busy"]


def test_who_watches_too_many_is_told_so_for_each_that_is_too_many() -> None:
    office = Office(OPEN + "[presence.limits]\nwatched_per_watcher = 1\n")
    found = instances(office.watch())
    assert found[uri("alice")].state == "active"
    assert found[uri("carol")] == Instance("terminated", "giveup")


def test_filters_are_for_each_member() -> None:
    office = Office()
    office.phone("alice", "busy")
    what = (
        '<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter"><ns-bindings><ns-binding prefix="p" '
        'urn="urn:ietf:params:xml:ns:pidf"/></ns-bindings><filter id="1" uri="sip:alice@example.com"><what>'
        '<include type="xpath">/p:presence/p:tuple</include></what></filter></filter-set>'
    )
    first = office.watch(Content_Type="application/simple-filter+xml", body=what)
    document = instances(first)[uri("alice")].document
    assert document is not None
    assert b"busy" not in document


# The end


def test_who_leaves_leaves_everybody() -> None:
    office = Office()
    office.subscribe("bob", "bob-contacts", **LIST)
    (notify,) = office.notified()
    office.phone("alice", "busy")  # and the interval is not over yet
    inside(office, notify)
    (last,) = office.notified()
    assert state(last) == "terminated;reason=timeout"
    office.passes(5)
    assert office.notified() == []
    nothing_left(office)
    assert office.side.packages["presence"]._lists._open == {}  # type: ignore[attr-defined]


def test_a_fetch_of_a_list_leaves_nothing() -> None:
    office = Office()
    office.subscribe("bob", "bob-contacts", **LIST, Expires="0")
    (notify,) = office.notified()
    assert len(read(notify.get("Content-Type"), notify.body).resources) == 2
    office.passes(5)
    assert office.notified() == []
    nothing_left(office)


def test_the_list_of_somebody_who_is_removed_is_no_list_any_more() -> None:
    office = Office()
    office.watch()
    office.side.gone("bob@example.com")
    office.turn()
    (notify,) = office.notified()
    assert (state(notify), notify.body) == ("terminated;reason=noresource", b"")
    office.passes(5)
    assert office.notified() == []
    nothing_left(office)


def test_a_list_that_cannot_be_delivered_leaves_nothing() -> None:
    office = Office()
    office.subscribe("bob", "bob-contacts", **LIST)
    office.notified(481)
    nothing_left(office)


def test_a_list_and_a_person_are_watched_apart() -> None:
    office = Office()
    office.watch()
    office.subscribe("bob", "alice")
    assert len(office.notified()) == 1
    office.phone("alice", "busy")
    person_told = [notify for notify in office.notified() if "Require" not in notify.headers]
    assert len(person_told) == 1
    assert len(office.told()) == 1


def test_the_name_of_a_list_is_no_person() -> None:
    office = Office(OPEN + SITE)
    assert office.ask("PUBLISH", "team", "team", PEER, Event="presence", body=pidf()).status == 404
