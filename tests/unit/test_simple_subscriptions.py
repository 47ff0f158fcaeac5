"""Subscriptions of any package: what a subscriber may say, and what may go wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
import structlog

from ctigw.simple.packages import Body, Changed, Wanted
from ctigw.sip.message import Request
from tests.presence import OPEN, Bench, answer, person, pidf


@dataclass
class Broken:
    """A package, and a watch of it, that has a bug."""

    name: str = "broken"
    types: tuple[str, ...] = ("text/plain",)
    state: Literal["active", "pending", "terminated"] = "active"
    reason: str = ""
    requires: str = ""
    closed: list[str] = field(default_factory=list)

    def open(self, wanted: Wanted, changed: Changed) -> Broken:
        return self

    def body(self, *, full: bool) -> Body | None:
        raise ZeroDivisionError

    def close(self, event: str) -> None:
        self.closed.append(event)


def test_a_bug_in_what_one_watches_costs_nobody_else_anything_and_leaves_nothing() -> None:
    bench, broken = Bench(), Broken()
    bench.side.packages["broken"] = broken
    bench.subscribe()
    bench.notified()
    with structlog.testing.capture_logs() as logged:
        assert bench.subscribe("carol", Event="broken").status == 200
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["not notified"]
    assert broken.closed == ["giveup"]
    assert len(bench.side.subscriptions) == 1
    bench.publish(body=pidf("open", "busy"))
    assert len(bench.notified()) == 1


@pytest.mark.parametrize(
    "contact",
    [
        "*",
        "<tel:+49>",
        "<http://192.0.2.15>",
        "<sip:bob@192.0.2.15;transport=sctp>",
        "<sip:bob@192.0.2.15:99999>",
        "<sip:bob@[::1>",
        "<sip:bob@>",
        "<sip:bob@192.0.2.15",
        "",
    ],
)
def test_who_cannot_be_reached_cannot_subscribe(contact: str) -> None:
    bench = Bench()
    assert bench.subscribe(Contact=contact).status == 400
    assert bench.notified() == []
    assert len(bench.side.subscriptions) == 0
    assert bench.side.presence.watchings("alice@example.com") == []


@pytest.mark.parametrize("contact", ["<tel:+49>", "<sip:bob@192.0.2.15;transport=sctp>"])
def test_who_moves_to_where_nobody_can_be_reached_stays_where_they_were(contact: str) -> None:
    bench = Bench()
    bench.subscribe()
    (notify,) = bench.notified()
    bench.receive(
        "SUBSCRIBE sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKmove\r\n"
        f"From: {notify.get('To')}\r\nTo: {notify.get('From')}\r\nCall-ID: {notify.call_id}\r\n"
        f"CSeq: 2 SUBSCRIBE\r\nEvent: presence\r\nContact: {contact}\r\n\r\n"
    )
    assert bench.answer(notify.call_id).status in (400, 416)
    bench.publish(body=pidf("open", "busy"))
    (again,) = bench.notified()
    assert again.uri == notify.uri


def test_header_fields_in_a_contact_are_not_part_of_where_notifies_go() -> None:
    bench = Bench()
    bench.subscribe(Contact="<sip:bob@192.0.2.15;ob?Subject=x>")
    (notify,) = bench.notified()
    assert notify.uri == "sip:bob@192.0.2.15;ob"


@pytest.mark.parametrize(
    ("routes", "uri", "there"),
    [
        (("<sip:192.0.2.7;lr>", "<sip:192.0.2.8;lr>"), "sip:bob@192.0.2.15", "192.0.2.7"),
        (("<sip:192.0.2.7>", "<sip:192.0.2.8;lr>"), "sip:192.0.2.7", "192.0.2.7"),
    ],
)
def test_notifies_go_by_the_proxies_that_the_subscribe_recorded(
    routes: tuple[str, str], uri: str, there: str
) -> None:
    bench = Bench()
    bench.subscribe(Contact="<sip:bob@192.0.2.15>", Record_Route=", ".join(routes))
    ((to, notify),) = bench.mail
    assert isinstance(notify, Request)
    assert (to.host, notify.uri) == (there, uri)


@pytest.mark.parametrize("route", ["<sip:192.0.2.7;transport=sctp;lr>", "<tel:1>", "nowhere", "<sip:>"])
def test_a_recorded_route_that_leads_nowhere_is_refused(route: str) -> None:
    bench = Bench()
    assert bench.subscribe(Record_Route=route).status in (400, 416)
    assert bench.side.presence.watchings("alice@example.com") == []


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("presence", 200),
        ("PRESENCE", 200),
        ('presence ; id="x;y"', 200),
        ("presence;id=a\tb", 200),
        ("", 489),
        (";", 489),
        ("presence.winfo.winfo", 489),
        ("pre sence", 489),
    ],
)
def test_an_event_is_known_by_its_name_and_repeated_as_it_was_said(event: str, status: int) -> None:
    bench = Bench()
    assert bench.subscribe(Event=event).status == status
    assert [notify.get("Event") for notify in bench.notified()] == ([event] if status == 200 else [])


@pytest.mark.parametrize(
    "sender",
    [
        "<sip:bob@example.com>",  # RFC 2543: no tag
        'sip:bob@example.com;tag=1;x="y"',
        '"Bob, the <x>" <sip:bob@example.com>;tag=1',
        "<tel:+49-1234>;tag=1",
        "<sip:BOB%20x@example.com>;tag=1",
        "<sip:b&'@example.com>;tag=1",
    ],
)
def test_a_watcher_of_any_name_is_told_and_told_of(sender: str) -> None:
    """Documents about watchers are judged in every test."""
    bench = Bench()
    bench.ask("SUBSCRIBE", "alice", "alice", Event="presence.winfo", Contact="<sip:192.0.2.15>")
    bench.receive(
        "SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKany\r\n"
        f"From: {sender}\r\nTo: <sip:alice@example.com>\r\nCall-ID: any\r\n"
        "CSeq: 1 SUBSCRIBE\r\nEvent: presence\r\nContact: <sip:192.0.2.15>\r\n\r\n"
    )
    assert bench.answer("any").status == 200
    told = [notify.get("Event") for notify in bench.notified()]
    assert sorted(told) == ["presence", "presence.winfo", "presence.winfo"]


def test_whoever_subscribes_twice_is_told_twice() -> None:
    bench = Bench(OPEN)
    for _ in range(2):
        bench.subscribe()
    assert len({notify.call_id for notify in bench.notified()}) == 2


def unsubscribe(bench: Bench, notify: Request) -> None:
    bench.receive(
        "SUBSCRIBE sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKend\r\n"
        f"From: {notify.get('To')}\r\nTo: {notify.get('From')}\r\nCall-ID: {notify.call_id}\r\n"
        "CSeq: 2 SUBSCRIBE\r\nEvent: presence\r\nExpires: 0\r\n\r\n"
    )
    assert bench.answer(notify.call_id).status == 200


@pytest.mark.parametrize("status", [481, 408])
def test_who_leaves_and_then_refuses_what_was_under_way_is_told_no_more_and_forgotten(status: int) -> None:
    bench = Bench()
    bench.subscribe()
    ((_, first),) = bench.mail
    bench.mail.clear()
    assert isinstance(first, Request)
    unsubscribe(bench, first)
    bench.receive(answer(first, status))
    bench.publish(body=pidf("open", "busy"))
    assert bench.mail == []
    assert bench.side.presence.watchings("alice@example.com") == []


def test_fetches_count_until_their_notifies_are_answered() -> None:
    bench = Bench(OPEN + "[presence.limits]\nsubscriptions_per_watcher = 3\n")
    assert [bench.subscribe(Expires="0").status for _ in range(4)] == [200, 200, 200, 403]
    assert len(bench.notified()) == 3
    assert bench.subscribe(Expires="0").status == 200
    bench.passes(33)  # without an answer
    bench.mail.clear()
    assert [bench.subscribe(Expires="0").status for _ in range(4)] == [200, 200, 200, 403]


def test_who_leaves_without_a_word_in_answer_is_forgotten() -> None:
    bench = Bench()
    bench.subscribe()
    ((_, first),) = bench.mail
    assert isinstance(first, Request)
    unsubscribe(bench, first)
    bench.passes(70)
    bench.mail.clear()
    bench.publish(body=pidf("open", "busy"))
    assert bench.mail == []
    assert bench.side.presence.watchings("alice@example.com") == []


def test_who_refuses_a_notify_is_not_sent_the_one_that_waits() -> None:
    bench = Bench(OPEN + "[presence]\nnotify_seconds = 5\n")
    bench.subscribe()
    ((_, first),) = bench.mail
    bench.mail.clear()
    assert isinstance(first, Request)
    bench.receive(answer(first))
    bench.publish(body=pidf("open", "busy"))  # is told in five seconds
    unsubscribe(bench, first)
    assert [state.get("Subscription-State") for state in bench.notified(481)] == ["terminated;reason=timeout"]
    bench.passes(10)
    assert bench.mail == []


def test_who_is_removed_watches_nobody_any_more() -> None:
    bench = Bench()
    bench.subscribe("bob")
    bench.subscribe("bob", "carol")
    bench.subscribe("carol")
    bench.notified()
    bench.side.gone("bob@example.com")
    bench.turn()
    last = bench.notified()
    assert [notify.get("Subscription-State") for notify in last] == ["terminated;reason=rejected"] * 2
    bench.publish(body=pidf("open", "busy"))
    assert [notify.to.uri for notify in bench.notified()] == ["sip:carol@example.com"]
    bench.side.put([person("bob")])
    bench.turn()
    assert bench.notified() == []
