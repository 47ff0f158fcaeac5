"""Subscriptions: what they show, when they are told, and whose they are."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from ctigw.rules import Rule, Visibility
from ctigw.soap.pws.requests import Kind, RegisterEndPoint, Subscribe, Unsubscribe
from ctigw.soap.sessions import Session
from tests.presence import person, pidf
from tests.presence_web import URL, Bench, code_of

NOTICE = f"{URL}?id={{}}&eventType=PRESENCE_NOTIFICATION"
BLOCKED = Rule("everybody", Visibility.BLOCK)
PENDING = Rule("everybody", Visibility.CONFIRM)
POLITE = Rule("everybody", Visibility.POLITE_BLOCK)


class Watching:
    """A user with an endpoint, who subscribes as ``alice``."""

    def __init__(self, settings: str | None = None, **limits: Any) -> None:
        self.bench = Bench(**limits) if settings is None else Bench(settings, **limits)
        self.application = self.bench.login()
        self.user = self.bench.user_of(self.application)
        asked = RegisterEndPoint(url=URL, seconds=86_400)
        self.endpoint = self.bench.service.register_end_point(self.application, asked)

    def subscribe(self, *contacts: str, session: Session | None = None, **asked: Any) -> int:
        wanted = {
            "contacts": contacts or None,
            "type": "PRESENCE_NOTIFICATION",
            "endpoint": self.endpoint,
            "seconds": 3600,
            **asked,
        }
        return self.bench.service.subscribe(session or self.user, Subscribe(**wanted))

    def unsubscribe(self, number: int | None, *contacts: str, **asked: Any) -> None:
        wanted = {"number": number, "contacts": contacts or None, **asked}
        self.bench.service.unsubscribe(self.user, Unsubscribe(**wanted))
        self.bench.settle()

    def words(self, number: int) -> list[tuple[str, str]]:
        work = self.bench.service.subscribed_presence(self.user, number, Kind.BASIC)
        return list(self.bench.result(work).words)

    def documents(self, number: int) -> list[bytes]:
        work = self.bench.service.subscribed_presence(self.user, number, Kind.RICH)
        return list(self.bench.result(work).documents)

    def publishes(self, who: str, activity: str = "away") -> None:
        body = pidf(activity=activity).replace("alice@", f"{who}@")
        assert self.bench.sip.publish(who, body).status == 200

    def ruled(self, who: str, *rules: Rule) -> None:
        self.bench.sip.side.put([person(who, rules=rules)])
        self.bench.settle()


def test_who_subscribes_is_told_at_once_and_then_of_every_change() -> None:
    here = Watching()
    assert here.subscribe("bob", "sip:carol@example.com") == 1
    assert here.bench.calls() == [NOTICE.format(1)]
    assert here.words(1) == [("bob", "UNAVAILABLE"), ("sip:carol@example.com", "UNAVAILABLE")]
    assert here.bench.calls() == []
    here.publishes("bob")
    assert here.bench.calls() == [NOTICE.format(1)]
    assert here.words(1)[0] == ("bob", "AWAY")
    document = here.documents(1)[0]
    assert b'entity="sip:bob@example.com"' in document
    assert b"<r:away/>" in document
    # What is published anew, but says the same, is no news.
    here.publishes("bob")
    here.publishes("alice")
    assert here.bench.calls() == []


def test_what_changes_at_once_is_one_callback() -> None:
    here = Watching()
    here.subscribe("bob", "carol")
    here.bench.calls()
    here.words(1)
    presence = here.bench.sip.side.presence
    for who in ("bob", "carol"):
        for activity in ("away", "busy", "meeting"):
            body = pidf(activity=activity).replace("alice@", f"{who}@").encode()
            presence.contribute(f"{who}@example.com", "test", body, "publication")
            presence.settle()
    assert here.bench.calls() == [NOTICE.format(1)]


def test_who_does_not_fetch_is_told_again_with_the_next_change() -> None:
    here = Watching()
    here.subscribe("bob")
    here.bench.calls()
    for activity in ("away", "busy"):
        here.publishes("bob", activity)
        assert here.bench.calls() == [NOTICE.format(1)]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"contacts": None}, 146),
        ({"contacts": ()}, 135),
        ({"contacts": ("x",) * 5001}, 135),
        ({"contacts": ("bob", "")}, 143),
        ({"contacts": ("bob", " ")}, 143),
        ({"contacts": ("a@b@c",)}, 124),
        ({"contacts": ("a b@example.com",)}, 124),
        ({"contacts": ("x" * 300,)}, 124),
        ({"contacts": ("\x00",)}, 124),
        ({"type": ""}, 134),
        ({"type": "presence_notification"}, 134),
        ({"seconds": None}, 131),
        ({"seconds": 0}, 131),
        ({"seconds": 3599}, 131),
        ({"seconds": 86_401}, 131),
        ({"endpoint": 0}, 132),
        ({"endpoint": None}, 132),
        ({"endpoint": 2}, 136),
        ({"endpoint": 3}, 132),
        ({"number": 1, "contacts": None, "seconds": None}, 145),
        ({"number": 1, "contacts": None, "seconds": 0}, 145),
        ({"number": 1, "contacts": (), "seconds": 0}, 145),
        ({"number": 1, "seconds": 60}, 131),
        ({"number": 1, "seconds": -1}, 131),
        ({"number": 1, "endpoint": 2}, 136),
        ({"number": 3}, 133),
        ({"number": None}, 133),
        ({"number": -1}, 133),
        ({"number": 10**30}, 133),
        ({"number": 2}, 137),
    ],
)
def test_what_is_wrong_with_a_subscription(asked: dict[str, Any], code: int) -> None:
    here = Watching()
    other = here.bench.login("other")
    url = RegisterEndPoint(url=URL, seconds=3600)
    assert here.bench.service.register_end_point(other, url) == 2
    assert here.subscribe("carol") == 1
    assert here.subscribe("carol", session=here.bench.user_of(here.application, "bob")) == 2
    assert code_of(lambda: here.subscribe(**{"contacts": ("bob",), **asked})) == code
    assert [name for name, _ in here.words(1)] == ["carol"]
    assert here.bench.service.figures()["presence web subscriptions"] == 2


@pytest.mark.parametrize(
    ("number", "contacts", "asked", "code"),
    [
        (1, None, {}, 146),
        (1, (), {}, 135),
        (1, ("",), {}, 143),
        (1, ("a@b@c",), {}, 124),
        (1, ("bob", "carol"), {}, 144),
        (3, ("bob",), {}, 133),
        (None, None, {"all": True}, 133),
        (2, None, {"all": True}, 137),
    ],
)
def test_what_is_wrong_with_leaving(
    number: int | None, contacts: tuple[str, ...] | None, asked: dict[str, Any], code: int
) -> None:
    here = Watching()
    here.subscribe("bob")
    here.subscribe("carol", session=here.bench.user_of(here.application, "bob"))
    assert code_of(lambda: here.unsubscribe(number, **{"contacts": contacts, **asked})) == code
    assert here.words(1) == [("bob", "UNAVAILABLE")]


def test_all_of_it_is_for_end_users() -> None:
    here = Watching()
    service, bench = here.bench.service, here.bench
    assert code_of(lambda: here.subscribe("bob", session=here.application)) == 140
    unsubscribe = Unsubscribe(number=1, all=True)
    assert code_of(lambda: service.unsubscribe(here.application, unsubscribe)) == 140
    for number in (1, None):
        work = service.subscribed_presence(here.application, number, Kind.RICH)
        assert code_of(lambda work=work: bench.result(work)) == 140
    # Who has logged in without an application has nobody who could be called.
    assert code_of(lambda: here.subscribe("bob", session=bench.login("bob"))) == 136


@pytest.mark.parametrize(("number", "code"), [(0, 133), (None, 133), (7, 133), (2, 137)])
def test_only_ones_own_subscription_can_be_fetched(number: int | None, code: int) -> None:
    here = Watching()
    here.subscribe("bob")
    here.subscribe("carol", session=here.bench.user_of(here.application, "bob"))
    work = here.bench.service.subscribed_presence(here.user, number, Kind.BASIC)
    assert code_of(lambda: here.bench.result(work)) == code


def test_contacts_come_and_go() -> None:
    here = Watching()
    here.subscribe("bob")
    here.bench.calls()
    assert here.subscribe("carol", "bob", number=1, seconds=0, endpoint=None) == 1
    assert here.bench.calls() == [NOTICE.format(1)]
    assert [uri for uri, _ in here.words(1)] == ["bob", "carol"]
    # Nobody new, nothing new.
    here.subscribe("carol", number=1, seconds=3600)
    assert here.bench.calls() == []
    here.unsubscribe(1, "sip:BOB@example.com")
    assert [uri for uri, _ in here.words(1)] == ["carol"]
    here.publishes("bob")
    assert here.bench.calls() == []
    # A subscription to nobody ends, as if it had been to everybody that it was left.
    here.unsubscribe(1, "carol")
    assert code_of(lambda: here.words(1)) == 133
    here.subscribe("bob", "carol")
    here.unsubscribe(1, all=True)
    assert code_of(lambda: here.words(1)) == 133
    here.bench.service.unregister_end_point(here.application, 1)
    assert here.bench.nothing_left()


def test_it_lasts_so_long_and_adding_contacts_does_not_renew_it() -> None:
    here = Watching()
    here.subscribe("bob")
    here.bench.passes(3000)
    here.subscribe("carol", number=1, seconds=0)
    here.bench.passes(601)
    assert code_of(lambda: here.words(1)) == 133
    here.subscribe("bob")
    here.bench.passes(3000)
    here.subscribe(number=1, seconds=3600)
    here.bench.passes(3000)
    assert here.words(1)
    here.bench.passes(601)
    assert code_of(lambda: here.words(1)) == 133


def test_no_more_contacts_than_there_may_be() -> None:
    here = Watching(contacts_per_subscription=3)
    assert code_of(lambda: here.subscribe("a", "b", "c", "d")) == 135
    here.subscribe("a", "b")
    assert code_of(lambda: here.subscribe("c", "d", number=1)) == 135
    assert [uri for uri, _ in here.words(1)] == ["a", "b"]
    here.subscribe("b", "c", number=1)
    assert len(here.words(1)) == 3


def test_no_more_subscriptions_than_there_may_be() -> None:
    here = Watching(subscriptions=3, subscriptions_per_user=2)
    bob = here.bench.user_of(here.application, "bob")
    assert [here.subscribe("bob"), here.subscribe("carol")] == [1, 2]
    assert code_of(lambda: here.subscribe("bob")) == 139
    assert here.subscribe("carol", session=bob) == 3
    assert code_of(lambda: here.subscribe("alice", session=bob)) == 139
    here.unsubscribe(1, all=True)
    assert here.subscribe("alice", session=bob) == 1


def test_nobody_watches_more_people_than_they_may() -> None:
    here = Watching("[presence.limits]\nwatched_per_watcher = 1\n[sip]\ndomains = ['example.com']\n")
    assert code_of(lambda: here.subscribe("bob", "carol")) == 211
    assert here.bench.sip.side.presence.figures()["watchings"] == 0
    here.subscribe("bob")
    assert code_of(lambda: here.subscribe("carol", number=1)) == 211
    assert [uri for uri, _ in here.words(1)] == ["bob"]
    poll = here.bench.service.polled_presence(here.user, ["carol"], Kind.BASIC)
    assert code_of(lambda: here.bench.result(poll)) == 211
    # Somebody who comes later cannot be watched, either, and that is nobody's loss.
    here.subscribe("dave", number=1)
    here.bench.sip.side.put([person("dave")])
    assert here.words(1)[1] == ("dave", "UNKNOWN")


def test_who_is_nobody_or_may_not_be_seen_is_unknown_until_that_is_otherwise() -> None:
    here = Watching()
    here.ruled("bob", BLOCKED)
    here.ruled("carol", PENDING)
    here.subscribe("bob", "carol", "dave", "erin@elsewhere.org")
    assert here.bench.calls() == [NOTICE.format(1)]
    assert {word for _, word in here.words(1)} == {"UNKNOWN"}
    assert all(b'<unknown xmlns="urn:cisco:params:xml:ns:pidf:rpid"/>' in each for each in here.documents(1))
    # Nothing of them is told, so nothing is news.
    here.publishes("bob")
    here.publishes("carol")
    assert here.bench.calls() == []
    for who, rules in (("bob", (Rule("all"),)), ("carol", (Rule("all"),)), ("dave", (POLITE,))):
        here.ruled(who, *rules)
        assert here.bench.calls() == [NOTICE.format(1)]
        here.words(1)
    assert [word for _, word in here.words(1)] == ["AWAY", "AWAY", "UNAVAILABLE", "UNKNOWN"]


@pytest.mark.parametrize("rule", [BLOCKED, PENDING])
def test_a_rule_silences_a_subscription_at_once(rule: Rule) -> None:
    here = Watching()
    here.publishes("bob", "busy")
    here.subscribe("bob")
    here.bench.calls()
    assert here.words(1) == [("bob", "BUSY")]
    here.ruled("bob", rule)
    assert here.bench.calls() == [NOTICE.format(1)]
    assert here.words(1) == [("bob", "UNKNOWN")]
    here.bench.passes(1)
    here.publishes("bob", "away")
    assert here.bench.calls() == []
    here.ruled("bob", Rule("all"))
    assert here.bench.calls() == [NOTICE.format(1)]
    assert here.words(1) == [("bob", "AWAY")]


def test_who_is_removed_and_comes_back() -> None:
    here = Watching()
    here.subscribe("bob")
    here.bench.calls()
    here.words(1)
    side = here.bench.sip.side
    side.gone("bob@example.com")
    assert here.bench.calls() == [NOTICE.format(1)]
    assert here.words(1) == [("bob", "UNKNOWN")]
    assert side.presence.figures()["watchings"] == 0
    side.put([person("bob")])
    assert here.bench.calls() == [NOTICE.format(1)]
    assert here.words(1) == [("bob", "UNAVAILABLE")]
    here.unsubscribe(1, all=True)
    here.bench.service.unregister_end_point(here.application, 1)
    assert here.bench.nothing_left()


def test_without_its_endpoint_a_subscription_is_silent_and_can_have_another() -> None:
    here = Watching()
    here.subscribe("bob")
    here.bench.calls()
    here.words(1)
    here.bench.service.unregister_end_point(here.application, 1)
    other = RegisterEndPoint(url="http://127.0.0.1/other", seconds=3600)
    assert here.bench.service.register_end_point(here.application, other) == 1
    # It has the number of the one that is gone, but was not meant.
    here.publishes("bob")
    assert here.bench.calls() == []
    assert here.words(1) == [("bob", "AWAY")]
    here.subscribe(number=1, seconds=3600, endpoint=1)
    assert here.bench.calls() == ["http://127.0.0.1/other?id=1&eventType=PRESENCE_NOTIFICATION"]


def test_a_large_subscription_lets_others_have_their_turn() -> None:
    here = Watching()
    here.bench.sip.side.put([person(f"user{index}") for index in range(1000)])
    here.subscribe(*(f"user{index}" for index in range(1000)))
    turns: list[int] = []
    work = here.bench.service.subscribed_presence(here.user, 1, Kind.RICH)
    here.bench.clock.callLater(0, turns.append, 1)
    seen = here.bench.result(work)
    assert len(seen.documents) == 1000
    assert turns == [1]
    # And whoever leaves meanwhile leaves nothing behind.
    done: list[Any] = []
    slow = here.bench.service.subscribed_presence(here.user, 1, Kind.BASIC)
    Deferred.fromCoroutine(slow).addBoth(done.append)
    assert done == []
    here.unsubscribe(1, all=True)
    (seen,) = done
    assert {word for _, word in seen.words[100:]} == {"UNKNOWN"}
    here.bench.service.unregister_end_point(here.application, 1)
    assert here.bench.nothing_left()
    assert here.bench.sip.side.presence.figures()["presentities"] == 0
