"""Publish and subscribe, through the whole server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from ctigw.app.sip import Kept
from ctigw.presence import views
from ctigw.rules import And, Not, Rule, Status, Visibility, When
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response
from tests.pidf import wrong
from tests.presence import ALL, OPEN, Bench, answer, person, pidf
from tests.sip import PEER

ALICE, BOB = "alice@example.com", "bob@example.com"
POLITE = Rule("polite", Visibility.POLITE_BLOCK)
BLOCK = Rule("block", Visibility.BLOCK)
CONFIRM = Rule("confirm", Visibility.CONFIRM)
REACHABLE = Rule("reachable", Visibility.REACHABILITY_ONLY)


def rules(bench: Bench, *found: Rule) -> None:
    """Alice has these rules from now on."""
    bench.side.put([person("alice", rules=found)])
    bench.turn()


def state(notify: Request) -> str:
    """Subscription-State without what is left of the time."""
    return notify.get("Subscription-State").partition(";expires")[0]


def states(notifies: Sequence[Request]) -> list[str]:
    return [state(notify) for notify in notifies]


def inside(bench: Bench, notify: Request, expires: int | None = 0, **headers: str) -> Response:
    """A SUBSCRIBE of the watcher in the dialog that a NOTIFY came in."""
    bench._numbers += 1
    number = bench._numbers + 10
    fields = {"Event": "presence", **({} if expires is None else {"Expires": str(expires)}), **headers}
    more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in fields.items())
    bench.receive(
        f"SUBSCRIBE {notify.contacts[0].uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKin{number}\r\n"
        f"From: {notify.get('To')}\r\nTo: {notify.get('From')}\r\nCall-ID: {notify.call_id}\r\n"
        f"CSeq: {number} SUBSCRIBE\r\n{more}Content-Length: 0\r\n\r\n"
    )
    return bench.answer(notify.call_id)


def watched(bench: Bench, who: str = "bob", **headers: str) -> Request:
    """``who`` watches Alice; the first NOTIFY."""
    assert bench.subscribe(who, **headers).status == 200
    (notify,) = bench.notified()
    return notify


def nothing_left(bench: Bench) -> None:
    """Nobody watches, and nothing says that anybody has."""
    presence = bench.side.presence
    assert presence._watched == {}
    assert all(not here.watchings for here in presence._presentities.values())
    assert len(bench.side.subscriptions) == 0
    assert bench.side.subscriptions._watchers == {}
    assert len(bench.side.subscriptions._expiring) == 0


def test_a_publication_is_what_watchers_see() -> None:
    bench = Bench()
    published = bench.publish(body=pidf("open", "busy"))
    assert (published.status, published.get("Expires")) == (200, "600")
    assert published.get("SIP-ETag")
    answer = bench.subscribe()
    assert answer.status == 200
    (notify,) = bench.notified()
    assert notify.get("Subscription-State") == "active;expires=600"
    assert notify.get("Content-Type") == "application/pidf+xml"
    assert b"<r:busy/>" in notify.body
    assert b'entity="sip:alice@example.com"' in notify.body
    assert wrong(notify.body) is None


def test_a_change_is_told_and_no_change_is_not() -> None:
    bench = Bench()
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    bench.subscribe()
    bench.notified()
    etag = bench.publish(body=pidf("open", "away"), SIP_If_Match=etag).get("SIP-ETag")
    (notify,) = bench.notified()
    assert b"<r:away/>" in notify.body
    bench.publish(SIP_If_Match=etag)
    assert bench.notified() == []


def test_a_publication_that_expires_is_told() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy"), Expires="120")
    watched(bench)
    bench.passes(122)
    (notify,) = bench.notified()
    assert b"<basic>closed</basic>" in notify.body


# Subscriptions


def test_a_fetch_is_answered_and_forgotten() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy"))
    assert bench.subscribe(Expires="0").get("Expires") == "0"
    (notify,) = bench.notified()
    assert state(notify) == "terminated;reason=timeout"
    assert b"<r:busy/>" in notify.body
    nothing_left(bench)


def test_who_leaves_gets_a_last_notify_and_then_nothing() -> None:
    bench = Bench()
    notify = watched(bench)
    assert inside(bench, notify).status == 200
    assert states(bench.notified()) == ["terminated;reason=timeout"]
    bench.publish(body=pidf("open", "busy"))
    assert bench.notified() == []
    assert inside(bench, notify, 600).status == 481
    nothing_left(bench)


def test_a_subscription_that_is_not_refreshed_ends() -> None:
    bench = Bench()
    watched(bench, Expires="60")
    bench.passes(62)
    assert states(bench.notified()) == ["terminated;reason=timeout"]
    nothing_left(bench)


def test_a_refresh_lasts_and_says_everything_again() -> None:
    bench = Bench()
    notify = watched(bench, Expires="60")
    bench.passes(50)
    answer = inside(bench, notify, 60)
    assert (answer.status, answer.get("Expires")) == (200, "60")
    (again,) = bench.notified()
    assert again.body == notify.body
    bench.passes(50)
    assert bench.notified() == []
    bench.passes(12)
    assert states(bench.notified()) == ["terminated;reason=timeout"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Event": "conference"}, 489),
        ({"Event": ""}, 489),
        ({"Accept": "text/html"}, 406),
        ({"Expires": "1"}, 423),
        ({"Expires": "-1"}, 400),
        ({"Require": "100rel"}, 420),
        ({"Contact": "<sip:b@192.0.2.15;transport=smoke>"}, 400),
        ({"Contact": "<tel:+4930123>"}, 400),
        ({"Contact": ""}, 400),
        ({"Record_Route": "<sip:p.example;transport=smoke;lr>"}, 400),
        ({"Content_Type": "text/plain", "body": "x"}, 415),
        ({"Content_Type": "application/simple-filter+xml", "body": "<x/>"}, 488),
    ],
)
def test_a_subscription_that_cannot_be_served_is_refused_and_leaves_nothing(
    headers: dict[str, str], status: int
) -> None:
    bench = Bench()
    assert bench.subscribe(**headers).status == status
    assert bench.taken() == []
    nothing_left(bench)


def test_nobody_of_that_name_can_be_watched() -> None:
    bench = Bench()
    assert bench.subscribe(whom="nobody").status == 404


def test_a_refresh_by_somebody_else_is_refused() -> None:
    bench = Bench()
    notify = watched(bench)
    forged = Request(notify.method, notify.uri, {**notify.headers}, b"")
    forged.set("To", f"<sip:carol@example.com>;tag={notify.to_tag}")
    assert inside(bench, forged, 0).status == 403
    assert len(bench.side.subscriptions) == 1


def test_a_refresh_that_was_overtaken_is_refused_and_one_of_another_package_too() -> None:
    bench = Bench()
    notify = watched(bench)
    assert inside(bench, notify, 600).status == 200
    bench._numbers -= 5
    assert inside(bench, notify, 0).status == 500
    bench._numbers += 9
    assert inside(bench, notify, 600, Event="dialog").status == 489
    assert len(bench.side.subscriptions) == 1


def test_a_refresh_may_come_from_elsewhere_and_the_next_notify_goes_there() -> None:
    bench = Bench()
    notify = watched(bench)
    assert inside(bench, notify, 600, Contact="<sip:bob@192.0.2.77:5090>").status == 200
    ((to, _),) = bench.asked("NOTIFY")
    assert to == Remote("UDP", "192.0.2.77", 5090)
    assert inside(bench, notify, 600, Contact="<sip:bob@192.0.2.77;transport=smoke>").status == 400


def test_notifies_count_on_in_their_dialog() -> None:
    bench = Bench()
    answered = bench.subscribe()
    found = bench.notified()
    etag = ""
    for activity in ("busy", "away", "meeting"):
        published = bench.publish(body=pidf("open", activity), **({"SIP_If_Match": etag} if etag else {}))
        etag = published.get("SIP-ETag")
        found += bench.notified()
    assert [notify.cseq for notify in found] == [1, 2, 3, 4]
    assert {notify.from_tag for notify in found} == {answered.to_tag}
    assert {notify.call_id for notify in found} == {answered.call_id}
    assert {notify.get("Event") for notify in found} == {"presence"}


def test_the_id_of_an_event_comes_back() -> None:
    bench = Bench()
    assert watched(bench, Event="presence;id=7").get("Event") == "presence;id=7"


def test_a_phone_that_takes_only_the_older_type_gets_that() -> None:
    bench = Bench()
    notify = watched(bench, Accept="application/cpim-pidf+xml")
    assert notify.get("Content-Type") == "application/cpim-pidf+xml"


# NOTIFY


def test_one_notify_is_under_way_and_the_next_has_what_is_newest() -> None:
    bench = Bench()
    bench.subscribe()
    (first,) = bench.asked("NOTIFY")
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    for activity in ("meeting", "away"):
        etag = bench.publish(body=pidf("open", activity), SIP_If_Match=etag).get("SIP-ETag")
    assert bench.asked("NOTIFY") == []
    bench.receive(answer(first[1]))
    (second,) = bench.notified()
    assert b"<r:away/>" in second.body
    assert second.cseq == 2


def test_what_is_as_it_was_when_the_answer_comes_is_not_told_again() -> None:
    bench = Bench()
    bench.subscribe()
    (first,) = bench.asked("NOTIFY")
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    bench.publish(SIP_If_Match=etag, Expires="0")
    bench.receive(answer(first[1]))
    assert bench.notified() == []


@pytest.mark.parametrize("status", [481, 408, 404, 489])
def test_a_watcher_that_does_not_know_its_subscription_has_none(status: int) -> None:
    bench = Bench()
    bench.subscribe()
    assert len(bench.notified(status)) == 1
    nothing_left(bench)
    bench.publish(body=pidf("open", "busy"))
    assert bench.notified() == []


def test_a_watcher_that_never_answers_has_none() -> None:
    bench = Bench()
    bench.subscribe()
    bench.passes(33)
    nothing_left(bench)


def test_a_watcher_that_cannot_be_reached_has_none() -> None:
    bench = Bench()
    flow = Remote("TCP", "192.0.2.15", 40_001, 7, 1)
    bench.ask("SUBSCRIBE", "bob", "alice", flow, Event="presence", Contact="<sip:b@192.0.2.15;transport=tcp>")
    ((to, _),) = bench.asked("NOTIFY")
    assert to == flow
    bench.side.node.lost(flow)
    bench.turn()
    nothing_left(bench)


def test_a_watcher_that_is_lost_while_it_leaves_leaves_nothing() -> None:
    for status in (200, 481):
        bench = Bench()
        bench.subscribe()
        ((_, first),) = bench.asked("NOTIFY")
        assert inside(bench, first, 0).status == 200
        bench.receive(answer(first, status))
        assert len(bench.notified()) == (status == 200)
        nothing_left(bench)


def test_notifies_keep_their_distance_when_they_have_to() -> None:
    bench = Bench(OPEN + "[presence]\nnotify_seconds = 5\n")
    bench.subscribe()
    (first,) = bench.notified()
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    assert bench.notified() == []
    bench.passes(3)
    bench.publish(body=pidf("open", "away"), SIP_If_Match=etag)
    assert bench.notified() == []
    bench.passes(1.9)
    assert bench.notified() == []
    bench.passes(0.2)
    (second,) = bench.notified()
    assert b"<r:away/>" in second.body
    # What is asked for does not wait.
    assert inside(bench, first, 600).status == 200
    assert len(bench.notified()) == 1
    assert inside(bench, first, 0).status == 200
    assert len(bench.notified()) == 1
    bench.passes(20)
    assert bench.notified() == []


# Rules


def test_who_is_blocked_is_refused() -> None:
    bench = Bench()
    rules(bench, BLOCK)
    assert bench.subscribe().status == 403
    assert bench.notified() == []
    nothing_left(bench)


def test_whoever_is_asked_about_sees_nothing_until_they_are_let_in() -> None:
    bench = Bench()
    rules(bench)
    bench.publish(body=pidf("open", "busy"))
    notify = watched(bench)
    assert state(notify) == "pending"
    assert notify.body == views.nothing(f"sip:{ALICE}")
    bench.passes(1)
    bench.publish(body=pidf("open", "away"))
    assert bench.notified() == []
    rules(bench, ALL)
    (notify,) = bench.notified()
    assert state(notify) == "active"
    assert b"<r:away/>" in notify.body


def test_who_waits_is_told_to_go_on_although_there_is_nothing_else_to_see() -> None:
    bench = Bench()
    rules(bench)
    before = watched(bench)
    rules(bench, ALL)
    (notify,) = bench.notified()
    assert (state(notify), notify.body) == ("active", before.body)


def test_who_is_shut_out_is_told_at_once_and_has_no_subscription_any_more() -> None:
    bench = Bench()
    first = watched(bench)
    rules(bench, BLOCK)
    (notify,) = bench.notified()
    assert (state(notify), notify.body) == ("terminated;reason=rejected", b"")
    assert inside(bench, first, 600).status == 481
    nothing_left(bench)


def test_a_new_rule_takes_away_what_may_not_be_seen_at_once() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy"))
    watched(bench)
    rules(bench, REACHABLE)
    (notify,) = bench.notified()
    assert state(notify) == "active"
    assert b"busy" not in notify.body
    assert b"<basic>open</basic>" in notify.body
    assert wrong(notify.body) is None
    rules(bench, POLITE)
    (notify,) = bench.notified()
    assert notify.body == views.nothing(f"sip:{ALICE}")
    rules(bench, ALL)
    (notify,) = bench.notified()
    assert b"<r:busy/>" in notify.body


def test_rules_that_change_nothing_tell_nothing() -> None:
    bench = Bench()
    watched(bench)
    rules(bench, Rule("another", Visibility.ALL))
    assert bench.notified() == []


def test_who_is_politely_blocked_cannot_tell_that_from_nobody_being_there() -> None:
    blocked, offline = Bench(), Bench()
    rules(blocked, POLITE)
    for bench in (blocked, offline):
        bench.heard = [bench.subscribe()]  # type: ignore[attr-defined]
        bench.told = bench.notified()  # type: ignore[attr-defined]
    etag = ""
    for activity in ("busy", "away"):
        published = blocked.publish(body=pidf("open", activity), **({"SIP_If_Match": etag} if etag else {}))
        etag = published.get("SIP-ETag")
        assert blocked.notified() == []
    for bench in (blocked, offline):
        bench.told += [*_after(bench, bench.told[0])]  # type: ignore[attr-defined]
    seen = [
        [(notify.get("Subscription-State"), notify.get("Content-Type"), notify.body) for notify in bench.told]  # type: ignore[attr-defined]
        for bench in (blocked, offline)
    ]
    assert seen[0] == seen[1]
    first, second = (bench.heard[0] for bench in (blocked, offline))  # type: ignore[attr-defined]
    assert (first.status, first.reason, set(first.headers)) == (
        second.status,
        second.reason,
        set(second.headers),
    )


def _after(bench: Bench, notify: Request) -> list[Request]:
    """What a refresh and the end bring."""
    inside(bench, notify, 600)
    found = bench.notified()
    inside(bench, notify, 0)
    return found + bench.notified()


def test_the_owner_sees_everything_whatever_the_rules() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy"))
    for rule in (BLOCK, POLITE, CONFIRM):
        rules(bench, rule)
        notify = watched(bench, "alice")
        assert state(notify) == "active"
        assert b"<r:busy/>" in notify.body


def test_a_rule_with_a_list_is_for_those_in_it() -> None:
    bench = Bench()
    rules(bench, Rule("friends", Visibility.ALL, acl=(BOB,)), Rule("others", Visibility.BLOCK))
    assert state(watched(bench, "bob")) == "active"
    assert bench.subscribe("carol").status == 403


def test_a_source_that_is_excluded_is_not_there() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy"))
    bench.side.presence.contribute(ALICE, "phone 1", pidf("open", "on-the-phone", "p").encode(), "phone")
    rules(bench, Rule("quiet", Visibility.ALL, excluded_sources=("phone",)))
    notify = watched(bench)
    assert b"on-the-phone" not in notify.body
    assert b"<r:busy/>" in notify.body
    bench.side.presence.contribute(ALICE, "phone 1", pidf("open", "meeting", "p").encode(), "phone")
    bench.turn()
    assert bench.notified() == []


def test_what_reachability_is_follows_the_rule() -> None:
    bench = Bench()
    whens = (
        When("busy", (Status("phone", "on-the-phone"),)),
        When("away", (And((Not((Status("publication", "busy"),)),)),)),
    )
    rules(bench, Rule("r", Visibility.REACHABILITY_ONLY, whens=whens, reachability_source="publication"))
    bench.publish(body=pidf("open", "busy"))
    assert b"<r:busy/>" in watched(bench).body  # of the source
    bench.side.presence.contribute(ALICE, "phone 1", pidf("open", "on-the-phone", "p").encode(), "phone")
    bench.turn()
    assert bench.notified() == []  # now of the first case, which says the same
    bench.side.presence.contribute(ALICE, "phone 1", None, "phone")
    bench.publish(body=pidf("open", "meeting"))
    (notify,) = bench.notified()
    assert b"<r:away/>" in notify.body


def test_two_rules_that_look_at_different_sources_do_not_share_what_they_see() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy"))
    bench.side.presence.contribute(ALICE, "phone 1", pidf("open", "on-the-phone", "p").encode(), "phone")
    rules(
        bench,
        Rule("a", Visibility.REACHABILITY_ONLY, reachability_source="publication", acl=(BOB,)),
        Rule("b", Visibility.REACHABILITY_ONLY, reachability_source="phone"),
    )
    assert b"<r:busy/>" in watched(bench, "bob").body
    assert b"<r:on-the-phone/>" in watched(bench, "carol").body


# Several sources


def test_the_source_of_the_highest_priority_says_what_somebody_does() -> None:
    bench = Bench()
    presence = bench.side.presence
    bench.side.long_term(ALICE, pidf("closed", "vacation", "l").encode())
    assert b"<r:vacation/>" in watched(bench).body
    expected = [
        ("foreign X", "foreign", "travel"),
        (None, "publication", "busy"),
        ("phone 1", "phone", "meal"),
    ]
    for key, way, activity in expected:
        if key is None:
            bench.publish(body=pidf("open", activity))
        else:
            presence.contribute(ALICE, key, pidf("open", activity, way).encode(), way)
            bench.turn()
        (notify,) = bench.notified()
        assert f"<r:{activity}/>".encode() in notify.body
        assert notify.body.count(b"<r:activities>") == 1
        assert wrong(notify.body) is None
    presence.contribute(ALICE, "phone 1", None, "phone")
    bench.turn()
    (notify,) = bench.notified()
    assert b"<r:busy/>" in notify.body


def test_of_two_devices_the_newest_says_it() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy", "one"))
    bench.passes(1)
    bench.publish(body=pidf("open", "away", "two"))
    notify = watched(bench)
    assert b"<r:away/>" in notify.body
    assert notify.body.count(b"<tuple ") == 2


# Bounds


def test_a_watcher_has_a_bounded_number_of_subscriptions_of_any_kind() -> None:
    bench = Bench(OPEN + "[presence.limits]\nsubscriptions_per_watcher = 2\n")
    watched(bench)
    bench.subscribe("bob", "bob", Event="presence.winfo")
    bench.notified()
    assert bench.subscribe("bob", "carol").status == 403
    assert bench.subscribe("bob", "bob", Event="presence.winfo").status == 403
    assert bench.subscribe("carol").status == 200


def test_a_presentity_has_a_bounded_number_of_watchers_and_a_place_that_gets_free_is_given_away() -> None:
    bench = Bench(OPEN + "[presence.limits]\nsubscriptions_per_presentity = 1\n")
    notify = watched(bench)
    assert bench.subscribe("carol").status == 403
    inside(bench, notify)
    bench.notified()
    assert bench.subscribe("carol").status == 200


# People who are removed, and the end


def test_who_watches_somebody_who_is_removed_is_told_that_there_is_nobody() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy"))
    watched(bench)
    bench.side.gone(ALICE)
    bench.turn()
    (notify,) = bench.notified()
    assert (state(notify), notify.body) == ("terminated;reason=noresource", b"")
    nothing_left(bench)
    assert bench.side.presence.figures() == {"publications": 0, "presentities": 0, "watchings": 0}
    assert bench.subscribe().status == 404


def test_in_the_end_all_watchers_are_told_to_come_again() -> None:
    bench = Bench()
    watched(bench)
    bench.subscribe("carol")  # whose first NOTIFY is not answered yet
    bench.asked("NOTIFY")
    bench.side.close()
    bench.turn()
    last = [request for _, request in bench.asked("NOTIFY")]
    assert states(last) == ["terminated;reason=deactivated"] * 2
    for notify in last:
        bench.receive(answer(notify))
    nothing_left(bench)


def test_what_is_asked_for_at_the_same_time_makes_one_notify() -> None:
    bench = Bench()
    watched(bench)
    node = bench.side.node
    presence = bench.side.presence
    for activity in ("busy", "away", "meeting"):
        presence.contribute(ALICE, "phone 1", pidf("open", activity).encode(), "phone")
    assert len(node.outgoing()) == 1


def test_a_source_of_one_address_is_not_one_of_another() -> None:
    bench = Bench()
    assert bench.ask("PUBLISH", "bob", "alice", PEER, Event="presence", body=pidf()).status == 403


# PUBLISH


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"body": "<presence", "Content_Type": "application/pidf+xml"}, 400),
        ({"body": "<x/>", "Content_Type": "application/pidf+xml"}, 400),
        ({"body": "", "Content_Type": ""}, 400),
        ({"body": pidf(), "Content_Type": "text/plain"}, 415),
        ({"body": pidf() + " " * 70_000}, 413),
        ({"body": pidf(), "Expires": "1"}, 423),
        ({"body": pidf(), "Expires": "1e3"}, 400),
        ({"body": pidf(), "Event": "dialog"}, 489),
        ({"body": pidf(), "SIP_If_Match": "unknown"}, 412),
        ({"SIP_If_Match": "unknown", "Expires": "0"}, 412),
    ],
)
def test_a_publication_that_is_none_is_refused_and_leaves_nothing(
    headers: dict[str, str], status: int
) -> None:
    bench = Bench()
    assert bench.publish(**headers).status == status
    assert bench.side.presence.figures()["publications"] == 0
    assert bench.side.presence.publications._turns._busy == {}


def test_somebody_elses_tag_is_no_tag() -> None:
    bench = Bench()
    etag = bench.publish("alice", pidf()).get("SIP-ETag")
    assert bench.publish("bob", pidf(), SIP_If_Match=etag).status == 412
    assert bench.publish("alice", SIP_If_Match=etag).status == 200


def test_a_presentity_has_a_bounded_number_of_publications() -> None:
    bench = Bench(OPEN + "[presence.limits]\npublications_per_presentity = 2\n")
    first, second, third = (bench.publish(body=pidf(), Expires=seconds) for seconds in ("60", "600", "600"))
    assert (first.status, second.status, third.status) == (200, 200, 403)
    assert bench.publish(SIP_If_Match=second.get("SIP-ETag")).status == 200
    bench.passes(62)
    assert bench.publish(body=pidf()).status == 200


def test_a_publication_is_answered_and_seen_when_it_is_stored() -> None:
    storing: list[Callable[[bool], None]] = []
    bench = Bench(kept=Kept(publication=lambda _change, done: storing.append(done)))
    watched(bench)
    with pytest.raises(AssertionError, match="no answer"):
        bench.publish(body=pidf("open", "busy"))
    assert bench.notified() == []
    storing.pop()(False)
    bench.turn()
    refused = bench.answer("call2")
    assert (refused.status, refused.get("Retry-After")) == (503, "5")
    with pytest.raises(AssertionError, match="no answer"):
        bench.publish(body=pidf("open", "busy"))
    storing.pop()(True)
    bench.turn()
    assert bench.answer("call3").status == 200
    assert len(bench.notified()) == 1
