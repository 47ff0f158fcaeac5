"""What users say of themselves through the Presence Web Service, and what they see of others."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.defer import Deferred

from ctigw.presence.documents import Document, checked, read
from ctigw.presence.engine import Presence
from ctigw.presence.parts import ACTIVITIES, Property, Tuple
from ctigw.presence.publications import Change, Publication, Publish
from ctigw.presence.vocabulary import ACTIVITIES as RPID_ACTIVITIES
from ctigw.rules import Rule, Visibility
from ctigw.soap.pws.errors import PwsError
from ctigw.soap.pws.publishing import AGENT, rich
from ctigw.soap.pws.requests import Kind, SetPresence
from ctigw.soap.pws.words import SETTABLE, Word, document_for, unknown, word_in, word_of
from ctigw.soap.sessions import Session
from tests import pidf
from tests.presence import person
from tests.presence_web import Bench, canonical, code_of

ALICE = "alice@example.com"
RICH = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" '
    'xmlns:so="urn:cisco:params:xml:ns:pidf:source" entity="sip:alice@example.com">'
    '<ce:person id="alice"><ce:activities><{activity}/></ce:activities></ce:person>'
    '<tuple id="{tuple}">{source}<status><basic>open</basic></status></tuple></presence>'
)
OURS = "<so:source>Presence Web Service</so:source>"
HUMAN = "<so:source>Human</so:source>"
BARE = "<presence><person><activities><busy/><meeting/></activities></person></presence>"


def document(tuple_id: str = "cisco-pws", source: str = OURS, activity: str = "busy") -> bytes:
    return RICH.format(tuple=tuple_id, source=source, activity=activity).encode()


def says(bench: Bench, session: Session, kind: Kind = Kind.BASIC, **asked: Any) -> None:
    wanted = SetPresence(**{"kind": kind, "seconds": 3600, **asked})
    bench.result(bench.service.set_presence(session, wanted))


def polled(bench: Bench, session: Session, *contacts: str) -> list[tuple[str, str]]:
    return list(bench.result(bench.service.polled_presence(session, contacts, Kind.BASIC)).words)


def published(bench: Bench) -> list[Publication]:
    return list(bench.sip.side.presence.publications.of(ALICE))


@pytest.mark.parametrize("override", [True, False])
@pytest.mark.parametrize("word", SETTABLE)
def test_every_word_that_is_set_is_what_others_see(word: str, override: bool) -> None:
    bench = Bench()
    alice, bob = bench.login("alice"), bench.login("bob")
    if (word, override) in (("AVAILABLE", True), ("DND", False)):
        code = code_of(lambda: says(bench, alice, basic=word, override=override))
        assert code == {"AVAILABLE": 121, "DND": 122}[word]
        assert published(bench) == []
        return
    says(bench, alice, basic=word, override=override)
    assert polled(bench, bob, "alice") == [("alice", word)]
    (one,) = published(bench)
    assert [part.key for part in read(one.body).tuples] == ["pws-override" if override else "cisco-pws"]
    assert pidf.wrong(one.body) is None


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, 115),
        ({"basic": ""}, 115),
        ({"basic": "UNKNOWN"}, 120),
        ({"basic": "available"}, 120),
        ({"basic": "ASLEEP"}, 120),
        ({"basic": "AWAY", "seconds": None}, 131),
        ({"basic": "AWAY", "seconds": 3599}, 131),
        ({"basic": "AWAY", "seconds": 86_401}, 131),
        ({"basic": "AWAY", "seconds": 10**30}, 131),
        ({"kind": Kind.RICH}, 120),
        ({"kind": Kind.RICH, "rich": b""}, 120),
        ({"kind": Kind.RICH, "rich": b"AWAY"}, 120),
        ({"kind": Kind.RICH, "rich": b"<presence"}, 120),
        ({"kind": Kind.RICH, "rich": b"<presence/>"}, 120),
        ({"kind": Kind.RICH, "rich": b"<!DOCTYPE x [<!ENTITY y 'z'>]><presence>&y;</presence>"}, 120),
        ({"kind": Kind.RICH, "rich": document() + b" " * 70_000}, 120),
        ({"kind": Kind.RICH, "rich": b"<a>" * 40 + b"</a>" * 40}, 120),
        ({"kind": Kind.RICH, "rich": document(), "override": True}, 161),
        ({"kind": Kind.RICH, "rich": document("cupc-override"), "override": True}, 161),
        ({"kind": Kind.RICH, "rich": BARE.encode(), "override": True}, 161),
        ({"kind": Kind.RICH, "rich": document("pws-override")}, 161),
        ({"kind": Kind.RICH, "rich": document("pws-persistent")}, 161),
        ({"kind": Kind.RICH, "rich": document(source="")}, 162),
        ({"kind": Kind.RICH, "rich": document(source=HUMAN)}, 162),
        ({"kind": Kind.RICH, "rich": document("pws-override", ""), "override": True}, 162),
    ],
)
def test_what_cannot_be_said(asked: dict[str, Any], code: int) -> None:
    bench = Bench()
    alice = bench.login("alice")
    assert code_of(lambda: says(bench, alice, **asked)) == code
    assert published(bench) == []


@pytest.mark.parametrize(
    ("said", "override"),
    [
        (document(), False),
        (document("foo-meeting"), False),
        (document("pws-override"), True),
        (document("pws-persistent"), True),
        # One client of the field says that its user is the source.
        (document("pws-override", HUMAN), True),
        # Another one uses no namespace, and no tuple.
        (BARE.encode(), False),
        (BARE.replace("<presence", '<presence entity="sip:alice@example.com"').encode(), False),
    ],
)
def test_rich_presence_however_it_is_written(said: bytes, override: bool) -> None:
    bench = Bench()
    alice, bob = bench.login("alice"), bench.login("bob")
    says(bench, alice, Kind.RICH, rich=said, override=override)
    assert polled(bench, bob, "alice") == [("alice", "BUSY")]
    (one,) = published(bench)
    assert checked(one.body) == "sip:alice@example.com"
    assert pidf.wrong(one.body) is None


def test_a_document_says_something_of_its_user_alone() -> None:
    bench = Bench()
    alice = bench.login("alice")
    says(bench, alice, Kind.RICH, rich=document().replace(b"alice", b"carol"))
    assert polled(bench, alice, "alice", "carol") == [("alice", "BUSY"), ("carol", "UNAVAILABLE")]
    assert checked(published(bench)[0].body) == "sip:alice@example.com"


def test_what_was_set_last_holds_and_takes_an_override_back() -> None:
    bench = Bench()
    alice = bench.login("alice")
    for asked, word in (
        ({"basic": "BUSY"}, "BUSY"),
        ({"basic": "DND", "override": True}, "DND"),
        ({"basic": "AVAILABLE"}, "AVAILABLE"),
        ({"kind": Kind.RICH, "rich": document("foo-meeting", activity="meeting")}, "BUSY"),
        ({"basic": "VACATION", "override": True}, "VACATION"),
        ({"basic": "AWAY"}, "AWAY"),
    ):
        says(bench, alice, **asked)
        assert polled(bench, alice, "alice") == [("alice", word)]
        assert len(published(bench)) == 1


def test_an_override_stands_above_a_phone_that_rings() -> None:
    bench = Bench()
    alice = bench.login("alice")
    presence = bench.sip.side.presence
    on_the_phone = pidf.presence(
        "<dm:person id='a'><r:activities><r:on-the-phone/></r:activities></dm:person>"
    )
    presence.contribute(ALICE, "phone 2001", on_the_phone, "phone")
    says(bench, alice, basic="AWAY")
    assert polled(bench, alice, "alice") == [("alice", "BUSY")]
    says(bench, alice, basic="AWAY", override=True)
    assert polled(bench, alice, "alice") == [("alice", "AWAY")]


def test_it_lasts_so_long() -> None:
    bench = Bench()
    alice = bench.login("alice")
    says(bench, alice, basic="BUSY", seconds=7200)
    bench.passes(7100)
    assert polled(bench, alice, "alice") == [("alice", "BUSY")]
    bench.passes(101)
    assert polled(bench, alice, "alice") == [("alice", "UNAVAILABLE")]
    assert published(bench) == []


def test_what_was_restored_is_replaced_by_what_is_set_anew() -> None:
    bench = Bench()
    body = document_for(ALICE, "DND", override=True)
    presence: Presence = bench.sip.side.presence
    presence.restore([Publication("1", ALICE, "1", AGENT, bench.clock.seconds() + 3600, 0, body)])
    alice = bench.login("alice")
    assert polled(bench, alice, "alice") == [("alice", "DND")]
    says(bench, alice, basic="AVAILABLE")
    assert polled(bench, alice, "alice") == [("alice", "AVAILABLE")]
    assert len(published(bench)) == 1


def test_what_other_clients_publish_stays_theirs() -> None:
    bench = Bench()
    alice = bench.login("alice")
    assert bench.sip.publish("alice", pidf.presence("<tuple id='t'><status/></tuple>").decode()).status == 200
    says(bench, alice, basic="BUSY")
    says(bench, alice, basic="AWAY")
    assert sorted(each.agent for each in published(bench)) == ["", AGENT]


class Storing:
    """A store that answers when the test says so."""

    def __init__(self, bench: Bench) -> None:
        self.waiting: list[Any] = []
        bench.sip.side.presence.publications._keep = self.keep

    def keep(self, _change: Change, done: Any) -> None:
        self.waiting.append(done)


def test_it_is_answered_when_it_is_stored_and_not_if_it_cannot_be() -> None:
    bench = Bench()
    alice = bench.login("alice")
    storing = Storing(bench)
    for kept, code in ((False, 204), (True, None)):
        outcome: list[Any] = []
        work = bench.service.set_presence(alice, SetPresence(kind=Kind.BASIC, basic="AWAY", seconds=3600))
        Deferred.fromCoroutine(work).addBoth(outcome.append)
        assert outcome == []
        storing.waiting.pop()(kept)
        (found,) = outcome
        assert (found.value.code.value if found else None) == code
    assert len(published(bench)) == 1


def test_of_many_changes_at_once_the_last_holds_and_none_is_lost() -> None:
    bench = Bench()
    alice = bench.login("alice")
    says(bench, alice, basic="BUSY")
    storing = Storing(bench)
    outcomes: list[Any] = []
    for _ in range(20):
        asked = SetPresence(kind=Kind.BASIC, basic="AWAY", seconds=3600)
        Deferred.fromCoroutine(bench.service.set_presence(alice, asked)).addBoth(outcomes.append)
    while storing.waiting:
        storing.waiting.pop(0)(True)
    assert outcomes == [None] * 20
    assert len(published(bench)) == 1
    # More than can wait are refused, and told so.
    outcomes.clear()
    for _ in range(40):
        asked = SetPresence(kind=Kind.BASIC, basic="BUSY", seconds=3600)
        Deferred.fromCoroutine(bench.service.set_presence(alice, asked)).addBoth(outcomes.append)
    while storing.waiting:
        storing.waiting.pop(0)(True)
    assert len(outcomes) == 40
    assert {failure.value.code.value for failure in outcomes if failure is not None} == {120}
    assert outcomes.count(None) >= 32


def test_who_publishes_too_much_elsewhere_cannot_publish_here() -> None:
    bench = Bench("[presence.limits]\npublications_per_presentity = 1\n[sip]\ndomains = ['example.com']\n")
    publications = bench.sip.side.presence.publications
    publications.publish(Publish(ALICE, "", pidf.presence(""), 60), lambda _done: None)
    alice = bench.login("alice")
    assert code_of(lambda: says(bench, alice, basic="AWAY")) == 120


# What others show


@pytest.mark.parametrize(
    ("contacts", "code"),
    [
        (None, 146),
        ([], 135),
        (["bob"] * 101, 135),
        ([""], 143),
        (["bob", "a@b@c"], 124),
        (["x" * 1000], 124),
    ],
)
def test_what_is_wrong_with_a_poll(contacts: list[str] | None, code: int) -> None:
    bench = Bench()
    work = bench.service.polled_presence(bench.login("alice"), contacts, Kind.BASIC)
    assert code_of(lambda: bench.result(work)) == code


def test_presence_is_for_end_users() -> None:
    bench = Bench()
    application = bench.login()
    assert code_of(lambda: polled(bench, application, "alice")) == 140
    assert code_of(lambda: says(bench, application, basic="AWAY")) == 140


def test_a_poll_answers_for_each_contact_as_it_is_written_and_leaves_nothing() -> None:
    bench = Bench()
    alice = bench.login("alice")
    says(bench, alice, basic="AWAY")
    contacts = ["alice", "sip:ALICE@example.com", "nobody", "alice", *["bob@example.com"] * 96]
    words = polled(bench, alice, *contacts)
    assert [uri for uri, _ in words] == contacts
    assert [word for _, word in words[:5]] == ["AWAY", "AWAY", "UNKNOWN", "AWAY", "UNAVAILABLE"]
    seen = bench.result(bench.service.polled_presence(alice, contacts, Kind.RICH))
    assert [checked(each) for each in seen.documents[:3]] == [
        "sip:alice@example.com",
        "sip:alice@example.com",
        "sip:nobody@example.com",
    ]
    assert bench.sip.side.presence.figures() == {"publications": 1, "presentities": 0, "watchings": 0}


@pytest.mark.parametrize(
    ("visibility", "word"),
    [
        (Visibility.ALL, "AWAY"),
        (Visibility.REACHABILITY_ONLY, "AVAILABLE"),
        (Visibility.POLITE_BLOCK, "UNAVAILABLE"),
        (Visibility.CONFIRM, "UNKNOWN"),
        (Visibility.BLOCK, "UNKNOWN"),
    ],
)
def test_a_poll_shows_what_the_rules_allow_and_everything_of_oneself(
    visibility: Visibility, word: str
) -> None:
    bench = Bench()
    alice, bob = bench.login("alice"), bench.login("bob")
    says(bench, alice, basic="AWAY")
    bench.sip.side.put([person("alice", rules=(Rule("everybody", visibility),))])
    assert polled(bench, bob, "alice") == [("alice", word)]
    assert polled(bench, alice, "alice") == [("alice", "AWAY")]
    documents = bench.result(bench.service.polled_presence(bob, ["alice"], Kind.RICH)).documents
    assert (documents[0] == unknown(ALICE)) is (word == "UNKNOWN")


# Words


def said(*activities: str, basic: str = "") -> Document:
    tuples = (Tuple("t", "", basic, "", "", "", ""),) if basic else ()
    return Document("sip:a@b", tuples, (Property(ACTIVITIES, "", activities),) if activities else ())


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (said(), Word.UNKNOWN),
        (said(basic="open"), Word.AVAILABLE),
        (said(basic="closed"), Word.UNAVAILABLE),
        (said("available", basic="closed"), Word.AVAILABLE),
        (said("unavailable", basic="open"), Word.UNAVAILABLE),
        (said("available", "phone-status", "im-status"), Word.AVAILABLE),
        (said("busy", "meeting"), Word.BUSY),
        (said("away", "on-the-phone"), Word.BUSY),
        (said("busy", "vacation"), Word.VACATION),
        (said("vacation", "dnd"), Word.DND),
        (said("do-not-disturb"), Word.DND),
        (said("extended-away"), Word.AWAY),
        (said("idle", "available"), Word.AWAY),
        (said("unknown", basic="closed"), Word.UNAVAILABLE),
        (said("unknown"), Word.UNKNOWN),
        (said("juggling", basic="open"), Word.AVAILABLE),
        (said("juggling"), Word.UNKNOWN),
    ],
)
def test_what_a_document_says_in_a_word(told: Document, word: Word) -> None:
    assert word_of(told) is word


@given(some.sampled_from(sorted(RPID_ACTIVITIES)), some.sampled_from(["open", "closed"]))
def test_there_is_a_word_for_every_activity(activity: str, basic: str) -> None:
    xml = pidf.presence(
        f"<tuple id='t'><status><basic>{basic}</basic></status></tuple>"
        f"<dm:person id='a'><r:activities><r:{activity}/></r:activities></dm:person>"
    )
    assert word_in(xml) in set(Word) - {Word.UNKNOWN}


@pytest.mark.parametrize("override", [True, False])
@pytest.mark.parametrize("word", SETTABLE)
def test_the_document_of_a_word_says_the_word(word: str, override: bool) -> None:
    xml = document_for(ALICE, word, override=override)
    assert word_in(xml).value == word
    assert pidf.wrong(xml) is None
    assert checked(xml) == "sip:alice@example.com"
    assert read(xml).tuples[0].source == "Presence Web Service"


@given(some.text(some.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_the_unknown_can_be_called_anything(name: str) -> None:
    xml = unknown(name)
    assert canonical(xml)
    assert word_in(xml) is Word.UNAVAILABLE


@given(some.binary(max_size=200), some.booleans())
def test_whatever_is_called_a_document_is_one_or_is_refused(data: bytes, override: bool) -> None:
    with suppress(PwsError):
        kept = rich(ALICE, b"<presence>" + data, override=override, longest=1000)
        assert checked(kept) == "sip:alice@example.com"
