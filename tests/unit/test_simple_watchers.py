"""Who watches me: presence.winfo, through the whole server."""

from __future__ import annotations

import pytest

from ctigw.presence.watcherinfo import Event, Status, Told, read
from ctigw.rules import Rule, Visibility
from ctigw.sip.message import Request
from tests.presence import ALL, Bench, person
from tests.unit.test_simple_presence import ALICE, inside, nothing_left, rules

BLOCK, CONFIRM = Rule("block", Visibility.BLOCK), Rule("confirm", Visibility.CONFIRM)


def ask(bench: Bench, **headers: str) -> Request:
    """Alice wants to know; the first NOTIFY."""
    answer = bench.subscribe("alice", "alice", Event="presence.winfo", **headers)
    assert answer.status == 200
    (notify,) = [each for each in bench.notified() if each.get("Event") == "presence.winfo"]
    return notify


def told(bench: Bench) -> list[Told]:
    """What Alice is told."""
    return [read(notify.body) for notify in bench.notified() if notify.get("Event") == "presence.winfo"]


def said(document: Told) -> list[tuple[str, str, str]]:
    return [(each.uri, each.status.value, each.event.value) for each in document.watchers]


def test_at_first_all_who_watch_are_told() -> None:
    bench = Bench()
    bench.subscribe("bob")
    bench.subscribe("carol")
    bench.notified()
    notify = ask(bench)
    assert notify.get("Content-Type") == "application/watcherinfo+xml"
    document = read(notify.body)
    assert (document.resource, document.package) == (f"sip:{ALICE}", "presence")
    assert (document.full, document.version) == (True, 0)
    assert said(document) == [
        ("sip:bob@example.com", "active", "subscribe"),
        ("sip:carol@example.com", "active", "subscribe"),
    ]


def test_then_those_of_whom_something_changes_each_time_under_the_next_version() -> None:
    bench = Bench()
    ask(bench)
    bench.subscribe("bob")
    (notify,) = [m for _, m in bench.mail if isinstance(m, Request) and "winfo" not in m.get("Event")]
    (document,) = told(bench)
    assert (document.full, document.version) == (False, 1)
    assert said(document) == [("sip:bob@example.com", "active", "subscribe")]
    first = document.watchers[0].id
    inside(bench, notify)
    (document,) = told(bench)
    assert (document.full, document.version) == (False, 2)
    assert [(each.id, each.status, each.event) for each in document.watchers] == [
        (first, Status.TERMINATED, Event.TIMEOUT)
    ]


def test_one_who_comes_is_no_reason_to_look_at_all_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    ask(bench)
    bench.subscribe("bob")
    told(bench)
    with monkeypatch.context() as patched:
        patched.setattr(bench.side.presence, "watchings", None)
        bench.subscribe("carol")
        (document,) = told(bench)
        assert said(document) == [("sip:carol@example.com", "active", "subscribe")]
        rules(bench, CONFIRM)
        (document,) = told(bench)
    assert [(each.uri, each.status) for each in document.watchers] == [
        ("sip:bob@example.com", Status.PENDING),
        ("sip:carol@example.com", Status.PENDING),
    ]


def test_a_refresh_brings_all_who_watch_still() -> None:
    bench = Bench()
    notify = ask(bench)
    for who in ("bob", "carol"):
        bench.subscribe(who)
    told(bench)
    inside(bench, notify, 600, Event="presence.winfo")
    (document,) = told(bench)
    assert document.full
    assert [each.uri for each in document.watchers] == ["sip:bob@example.com", "sip:carol@example.com"]


def test_who_waits_is_pending_until_the_presentity_has_decided() -> None:
    bench = Bench()
    rules(bench, CONFIRM)
    ask(bench)
    bench.subscribe("bob")
    (document,) = told(bench)
    assert said(document) == [("sip:bob@example.com", "pending", "subscribe")]
    rules(bench, ALL)
    (document,) = told(bench)
    assert said(document) == [("sip:bob@example.com", "active", "approved")]
    rules(bench, BLOCK)
    documents = told(bench)
    assert said(documents[-1])[-1:] == [("sip:bob@example.com", "terminated", "rejected")]
    assert sum(len(each.watchers) for each in documents) == 1


def test_who_is_politely_blocked_is_told_to_the_presentity() -> None:
    bench = Bench()
    rules(bench, Rule("polite", Visibility.POLITE_BLOCK))
    bench.subscribe("bob")
    bench.notified()
    assert said(read(ask(bench).body)) == [("sip:bob@example.com", "active", "subscribe")]


def test_who_is_refused_never_was_a_watcher() -> None:
    bench = Bench()
    ask(bench)
    rules(bench, BLOCK)
    assert bench.subscribe("bob").status == 403
    assert told(bench) == []


@pytest.mark.parametrize(("status", "event"), [(481, "giveup"), (408, "giveup")])
def test_a_watcher_that_is_lost_is_told(status: int, event: str) -> None:
    bench = Bench()
    ask(bench)
    bench.subscribe("bob")
    mine = [each for each in bench.mail if "winfo" in each[1].get("Event")]
    bench.mail = [each for each in bench.mail if each not in mine]
    bench.notified(status)  # and what Alice is told meanwhile waits for her answer
    bench.mail += mine
    documents = told(bench)
    assert said(documents[-1]) == [("sip:bob@example.com", "terminated", event)]


def test_a_list_is_a_watcher_like_others() -> None:
    bench = Bench()
    bench.side.put([person("bob", contacts=["alice"])])
    ask(bench)
    more = {"Supported": "eventlist", "Accept": "multipart/related, application/rlmi+xml"}
    assert bench.subscribe("bob", "bob-contacts", **more).status == 200
    (document,) = told(bench)
    assert said(document) == [("sip:bob@example.com", "active", "subscribe")]


def test_nobody_else_is_told() -> None:
    bench = Bench()
    assert bench.subscribe("bob", "alice", Event="presence.winfo").status == 403
    assert bench.subscribe("bob", "nobody", Event="presence.winfo").status == 404
    assert bench.subscribe("alice", "alice", Event="presence.winfo", Accept="text/plain").status == 406
    nothing_left(bench)
    assert bench.side.presence._presentities == {}


def test_a_fetch_is_answered_and_nothing_is_left() -> None:
    bench = Bench()
    assert read(ask(bench, Expires="0").body).full
    nothing_left(bench)
    assert bench.side.presence._presentities == {}


def test_who_watches_the_watchers_is_no_watcher() -> None:
    bench = Bench()
    assert said(read(ask(bench).body)) == []
    assert bench.side.presence.figures()["watchings"] == 0


def test_two_who_ask_count_apart() -> None:
    bench = Bench()
    ask(bench)
    bench.subscribe("bob")
    told(bench)
    ask(bench)
    bench.subscribe("carol")
    assert sorted(each.version for each in told(bench)) == [1, 2]


def test_what_changes_while_a_notify_is_under_way_is_told_after_it() -> None:
    bench = Bench()
    bench.subscribe("alice", "alice", Event="presence.winfo")
    bench.subscribe("bob", Expires="0")
    bench.subscribe("carol")
    bench.mail = [each for each in bench.mail if isinstance(each[1], Request)]
    first, second = [read(n.body) for n in bench.notified() if n.get("Event") == "presence.winfo"]
    assert said(first) == []
    assert said(second) == [
        ("sip:carol@example.com", "active", "subscribe"),
        ("sip:bob@example.com", "terminated", "timeout"),
    ]
