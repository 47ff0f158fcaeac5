"""Publications: entity-tags, and one change after the other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from ctigw.means import Means
from ctigw.presence.errors import (
    NoSuchPublicationError,
    NothingPublishedError,
    NotKeptError,
    PresenceError,
    TooManyError,
)
from ctigw.presence.publications import (
    Change,
    Publication,
    Publications,
    Publish,
    Published,
    forgetful,
)
from ctigw.turns import WAITING

ALICE = "alice@example.com"
OPEN, CLOSED = b"<open/>", b"<closed/>"
Outcome = Published | PresenceError


class Store:
    """Stores when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Change, Callable[[bool], None]]] = []
        self.kept: dict[str, bytes] = {}

    def keep(self, change: Change, done: Callable[[bool], None]) -> None:
        self.waiting.append((change, done))

    def commit(self, *, well: bool = True) -> None:
        change, done = self.waiting.pop(0)
        if well:
            if change.gone:
                self.kept.pop(change.publication.id, None)
            else:
                self.kept[change.publication.id] = change.publication.body
        done(well)


class Bench:
    def __init__(self, keep: Callable[[Change, Callable[[bool], None]], None] = forgetful) -> None:
        self.time = 1000.0
        self.changed: list[str] = []
        self.outcomes: list[Outcome] = []
        numbers = count(1)
        means = Means(lambda: self.time, lambda _seconds, _call: None, lambda: f"tag{next(numbers)}")
        self.publications = Publications(means, keep, self.changed.append, per_presentity=3)

    def publish(self, etag: str = "", body: bytes = OPEN, seconds: float = 60) -> Outcome:
        """What came of it, so far as something has."""
        before = len(self.outcomes)
        self.publications.publish(Publish(ALICE, etag, body, seconds, "agent"), self.outcomes.append)
        return self.outcomes[-1] if len(self.outcomes) > before else Published("under way", 0)

    def bodies(self) -> list[bytes]:
        return [publication.body for publication in self.publications.of(ALICE)]


def test_each_change_gets_a_new_entity_tag_and_the_old_one_is_good_no_more() -> None:
    bench = Bench()
    assert bench.publish() == Published("tag1", 60)
    assert bench.publish("tag1", CLOSED) == Published("tag2", 60)
    assert isinstance(bench.publish("tag1", OPEN), NoSuchPublicationError)
    assert bench.bodies() == [CLOSED]
    assert bench.changed == [ALICE, ALICE]


def test_a_refresh_keeps_the_document_and_is_no_change() -> None:
    bench = Bench()
    bench.publish()
    bench.time = 1030
    assert bench.publish("tag1", b"") == Published("tag2", 60)
    (publication,) = bench.publications.of(ALICE)
    assert (publication.body, publication.published, publication.expires) == (OPEN, 1000, 1090)
    assert bench.changed == [ALICE]


def test_the_same_document_again_is_no_change() -> None:
    bench = Bench()
    bench.publish()
    bench.publish("tag1", OPEN)
    assert bench.changed == [ALICE]


def test_a_removal_needs_no_document_and_leaves_nothing() -> None:
    bench = Bench()
    bench.publish()
    assert bench.publish("tag1", b"", 0) == Published("tag1", 0)
    assert bench.bodies() == []
    assert len(bench.publications) == 0
    assert bench.changed == [ALICE, ALICE]


def test_what_lasts_no_time_is_accepted_and_never_there() -> None:
    store = Store()
    bench = Bench(store.keep)
    assert bench.publish(seconds=0) == Published("tag1", 0)
    assert bench.changed == []
    assert store.waiting == []


@pytest.mark.parametrize(
    ("etag", "body", "error"),
    [("", b"", NothingPublishedError), ("nobody's", OPEN, NoSuchPublicationError)],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    etag: str, body: bytes, error: type[PresenceError]
) -> None:
    bench = Bench()
    assert isinstance(bench.publish(etag, body), error)
    assert bench.changed == []


def test_an_entity_tag_of_somebody_else_is_unknown() -> None:
    bench = Bench()
    bench.publish()
    others = Publish("bob@example.com", "tag1", CLOSED, 60)
    bench.publications.publish(others, bench.outcomes.append)
    assert isinstance(bench.outcomes[-1], NoSuchPublicationError)
    assert bench.bodies() == [OPEN]


def test_there_is_a_bound_for_each_presentity() -> None:
    bench = Bench()
    for _ in range(3):
        assert isinstance(bench.publish(), Published)
    assert isinstance(bench.publish(), TooManyError)
    assert isinstance(bench.publish("tag1", CLOSED), Published)


def test_nothing_is_true_or_answered_before_it_is_stored() -> None:
    store = Store()
    bench = Bench(store.keep)
    bench.publish()
    assert bench.outcomes == []
    assert bench.bodies() == []
    store.commit()
    assert bench.outcomes == [Published("tag1", 60)]
    assert bench.bodies() == [OPEN]


def test_what_cannot_be_stored_changes_nothing() -> None:
    store = Store()
    bench = Bench(store.keep)
    bench.publish()
    store.commit()
    bench.publish("tag1", CLOSED)
    store.commit(well=False)
    assert isinstance(bench.outcomes[-1], NotKeptError)
    assert bench.bodies() == [OPEN]
    bench.publish("tag1", CLOSED)
    store.commit()
    assert isinstance(bench.outcomes[-1], Published)


def test_changes_of_one_presentity_follow_each_other() -> None:
    """Of two that name the same entity-tag, sent at once, one wins and the other learns that it lost."""
    store = Store()
    bench = Bench(store.keep)
    bench.publish()
    store.commit()
    bench.publish("tag1", CLOSED)
    bench.publish("tag1", b"<other/>")
    assert len(store.waiting) == 1
    store.commit()
    assert bench.outcomes[1] == Published("tag2", 60)
    assert isinstance(bench.outcomes[2], NoSuchPublicationError)
    assert bench.bodies() == [CLOSED]


def test_who_sends_too_many_at_once_is_told_so() -> None:
    store = Store()
    bench = Bench(store.keep)
    for _ in range(WAITING + 1):
        bench.publish()
    assert bench.outcomes == []
    assert isinstance(bench.publish(), TooManyError)


def test_a_publication_ends_unless_it_is_renewed_meanwhile() -> None:
    store = Store()
    bench = Bench(store.keep)
    bench.publish()
    store.commit()
    (first,) = bench.publications.of(ALICE)
    bench.publish("tag1", b"")
    bench.publications.over(first)
    store.commit()
    assert bench.bodies() == [OPEN]
    assert store.waiting == []
    (renewed,) = bench.publications.of(ALICE)
    bench.publications.over(renewed)
    store.commit()
    assert bench.bodies() == []
    assert store.kept == {}


def test_what_was_stored_is_there_again_under_its_entity_tag() -> None:
    bench = Bench()
    bench.publications.restore([Publication("p1", ALICE, "kept", "agent", 2000.0, 900.0, OPEN)])
    assert bench.bodies() == [OPEN]
    assert isinstance(bench.publish("kept", CLOSED), Published)
    assert bench.bodies() == [CLOSED]


def test_who_is_gone_leaves_nothing_not_even_what_was_being_stored() -> None:
    store = Store()
    bench = Bench(store.keep)
    bench.publish()
    store.commit()
    bench.publish("tag1", CLOSED)
    bench.publish(body=OPEN)
    bench.publications.forget(ALICE)
    while store.waiting:
        store.commit()
    assert (bench.bodies(), store.kept) == ([], {})
    bench.publish()
    store.commit()
    assert bench.bodies() == [OPEN]


def test_who_publishes_may_have_become_another_program() -> None:
    bench = Bench()
    bench.publish()
    bench.publications.publish(Publish(ALICE, "tag1", b"", 60, "another"), bench.outcomes.append)
    assert bench.changed == [ALICE, ALICE]
