"""The engine, against a model that knows no shortcuts: whatever happens in whatever order, watchers have been
told the last state that they may see, and nothing stays of those who have left."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import structlog

from ctigw.means import Means
from ctigw.presence import engine, views
from ctigw.presence.composition import Component, compose
from ctigw.presence.documents import read
from ctigw.presence.engine import VIEWS, Presence, Watching
from ctigw.presence.errors import NoSuchPublicationError, PresenceError, TooManyError
from ctigw.presence.publications import Change, Publication, Publish, Published
from ctigw.rules import Rule, Status, Visibility, When
from ctigw.sip.timers import Timers
from tests.presence import pidf
from tests.sip import Clock, tokens

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
PRIORITIES = {"phone": 700, "publication": 500, "foreign": 400}
WHENS = (When("busy", (Status("phone", "on-the-phone"),)),)
RULES: tuple[tuple[Rule, ...], ...] = (
    (),
    (Rule("all"),),
    (Rule("all", excluded_sources=("phone",)),),
    (Rule("some", Visibility.REACHABILITY_ONLY, reachability_source="publication"),),
    (Rule("some", Visibility.REACHABILITY_ONLY, whens=WHENS, reachability_source="phone"),),
    (Rule("some", Visibility.REACHABILITY_ONLY, excluded_sources=("phone",)),),
    (Rule("polite", Visibility.POLITE_BLOCK),),
    (Rule("block", Visibility.BLOCK),),
    (Rule("ask", Visibility.CONFIRM),),
    (Rule("bob", Visibility.BLOCK, acl=(BOB,)), Rule("others")),
)
ACTIVITIES = ("busy", "away", "meeting", "on-the-phone", "vacation")


def provisioned(way: str, said: str, _agent: str) -> tuple[str, int]:
    return said or way, PRIORITIES[way]


class Bench:
    """An engine with a clock; stores when it is told to, unless it is to be at once."""

    def __init__(self, *, at_once: bool = True, **settings: int) -> None:
        self.clock = Clock()
        self.timers = Timers(self.clock)
        self.rules: dict[str, tuple[Rule, ...]] = {ALICE: (Rule("all"),)}
        self.at_once = at_once
        self.storing: list[Callable[[bool], None]] = []
        self.presence = Presence(
            engine.Settings(source=provisioned, **settings),  # type: ignore[arg-type] # the others are numbers
            Means(self.clock, self.timers.after, tokens()),
            rules=lambda presentity: self.rules.get(presentity, ()),
            keep=self.keep,
        )

    def keep(self, _change: Change, done: Callable[[bool], None]) -> None:
        if self.at_once:
            done(True)
        else:
            self.storing.append(done)

    def passes(self, seconds: float) -> None:
        end = self.clock.seconds + seconds
        while (due := self.timers.next()) is not None and due <= end:
            self.clock.seconds = max(self.clock.seconds, due)
            self.timers.fire()
        self.clock.seconds = end

    def publish(self, etag: str = "", body: str = "", seconds: float = 60) -> list[Published | PresenceError]:
        outcomes: list[Published | PresenceError] = []
        self.presence.publications.publish(
            Publish(ALICE, etag, body.encode(), seconds, "agent"), outcomes.append
        )
        return outcomes


class Watcher:
    """Is told like a subscription: looks at what there is when it is told to."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench, self.name, self.told = bench, name, 0
        self.seen: bytes | None = None
        self.watching: Watching = bench.presence.watch(ALICE, name, self.tell)
        self.look()

    def tell(self) -> None:
        self.told += 1

    def look(self) -> None:
        if self.told or self.seen is None:
            self.told = 0
            if self.watching.state == "terminated":
                self.bench.presence.leave(self.watching, "rejected")
            else:
                self.seen = self.bench.presence.document(self.watching)


# What it is to show


class Model:
    """What is known of Alice, and what each may see of it, worked out anew each time."""

    def __init__(self) -> None:
        self.published: dict[str, tuple[float, float, str]] = {}
        self.contributed: dict[str, tuple[float, str]] = {}

    def components(self) -> list[Component]:
        found = []
        for way, (at, body) in self.contributed.items():
            found.append(Component(way, PRIORITIES[way], at, read(body.encode())))
        for since, _, body in self.published.values():
            found.append(Component("publication", PRIORITIES["publication"], since, read(body.encode())))
        return found

    def seen(self, rule: Rule) -> bytes:
        entity = f"sip:{ALICE}"
        if rule.visibility in (Visibility.POLITE_BLOCK, Visibility.CONFIRM):
            return views.nothing(entity)
        if rule.visibility is Visibility.ALL:
            return compose(entity, self.components(), frozenset(rule.excluded_sources)).xml
        newest = sorted(self.components(), key=lambda each: (each.priority, each.since))
        said = {each.source: (*each.document.activities, each.document.basic)[0] for each in newest}
        status = "busy" if rule.whens and said.get("phone") == "on-the-phone" else ""
        status = status or said.get(rule.reachability_source or "", "")
        composed = compose(entity, self.components(), frozenset(rule.excluded_sources))
        return views.polite(entity, composed.basic, status)


def rule_for(rules: tuple[Rule, ...], name: str) -> Rule:
    if name == ALICE:
        return Rule("")
    mine = [rule for rule in rules if rule.acl is not None and name in rule.acl]
    return (*mine, *(rule for rule in rules if rule.acl is None), Rule("", Visibility.CONFIRM))[0]


class Walk:
    """Does this and that, and looks whether it came out as it should."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.bench, self.model = Bench(), Model()
        self.watchers: list[Watcher] = []
        self.deeds = (
            *(self.publish, self.modify, self.refresh, self.remove, self.modify),
            *(self.contribute, self.contribute, self.watch, self.watch, self.leave),
            *(self.rule, self.wait, self.go_back, self.gone),
        )

    def body(self) -> str:
        choice = self.random.choice
        return pidf(choice(("open", "closed")), choice(ACTIVITIES), choice(("one", "two", "three")))

    def publish(self) -> None:
        seconds, body = self.random.choice((0, 20, 60, 300)), self.body()
        (outcome,) = self.bench.publish("", body, seconds)
        assert isinstance(outcome, Published)
        now = self.bench.clock()
        if seconds:
            self.model.published[outcome.etag] = (now, now + seconds, body)

    def renew(self, body: str, seconds: float) -> None:
        if not self.model.published:
            return
        etag = self.random.choice(list(self.model.published))
        since, _, before = self.model.published.pop(etag)
        (outcome,) = self.bench.publish(etag, body, seconds)
        assert isinstance(outcome, Published)
        now = self.bench.clock()
        if seconds:
            changed = bool(body) and body != before
            self.model.published[outcome.etag] = (now if changed else since, now + seconds, body or before)
        (again,) = self.bench.publish(etag, "", 60)
        assert isinstance(again, NoSuchPublicationError) or not seconds or etag == outcome.etag

    def modify(self) -> None:
        self.renew(self.body(), self.random.choice((20, 60, 300)))

    def refresh(self) -> None:
        self.renew("", self.random.choice((20, 60, 300)))

    def remove(self) -> None:
        self.renew("", 0)

    def contribute(self) -> None:
        way = self.random.choice(("phone", "foreign"))
        body = self.body() if self.random.random() < 0.7 else None
        self.bench.presence.contribute(ALICE, way, None if body is None else body.encode(), way)
        if body is None:
            self.model.contributed.pop(way, None)
        else:
            self.model.contributed[way] = (self.bench.clock(), body)

    def watch(self) -> None:
        self.watchers.append(Watcher(self.bench, self.random.choice((ALICE, BOB, CAROL))))

    def leave(self) -> None:
        if self.watchers:
            watcher = self.watchers.pop(self.random.randrange(len(self.watchers)))
            for _ in range(2):
                self.bench.presence.leave(watcher.watching, self.random.choice(("timeout", "giveup")))

    def rule(self) -> None:
        self.bench.rules[ALICE] = self.random.choice(RULES)
        self.bench.presence.reviewed(ALICE)

    def wait(self) -> None:
        self.bench.passes(self.random.choice((1, 30, 100)))

    def go_back(self) -> None:
        """Everybody who was told looks; not at each step, as answers take their time."""
        for watcher in self.watchers:
            watcher.look()

    def gone(self) -> None:
        if self.random.random() < 0.1:
            self.bench.presence.gone(ALICE)
            self.model = Model()

    def step(self) -> None:
        self.bench.passes(self.random.uniform(0.5, 1))  # things have their order
        self.prune()
        self.random.choice(self.deeds)()
        self.bench.passes(1.01 if self.random.random() < 0.3 else 0)
        self.bench.presence.settle()
        if self.random.random() < 0.5:
            self.check()

    def prune(self) -> None:
        """What has expired may be there for another second."""
        now, model = self.bench.clock(), self.model
        there = {each.etag for each in self.bench.presence.publications.of(ALICE)}
        for etag in [etag for etag, (_, until, _) in model.published.items() if until <= now]:
            if etag not in there:
                del model.published[etag]

    def check(self) -> None:
        self.prune()
        now, model, presence = self.bench.clock(), self.model, self.bench.presence
        assert all(until > now - 1.1 for _, until, _ in model.published.values())
        assert {each.etag for each in presence.publications.of(ALICE)} == set(model.published)
        rules = self.bench.rules[ALICE]
        for watcher in self.watchers:
            rule = rule_for(rules, watcher.name)
            watcher.look()
            if watcher.watching.state == "terminated":
                continue
            assert rule.visibility is not Visibility.BLOCK
            assert watcher.seen == model.seen(rule)
            waits = rule.visibility is Visibility.CONFIRM
            assert watcher.watching.state == ("pending" if waits else "active")
        self.watchers = [each for each in self.watchers if each.watching.state != "terminated"]
        assert presence.figures()["watchings"] == len(self.watchers)

    def end(self) -> None:
        for watcher in self.watchers:
            self.bench.presence.leave(watcher.watching)
        for way in ("phone", "foreign"):
            self.bench.presence.contribute(ALICE, way, None, way)
        self.bench.passes(400)
        self.bench.presence.settle()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_watchers_see_what_they_may_and_nothing_stays_of_those_who_left(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(150):
        walk.step()
    walk.check()
    walk.end()
    presence = walk.bench.presence
    assert presence._presentities == presence._watched == {}
    assert not presence._dirty
    assert presence.publications._of == presence.publications._turns._busy == {}
    assert len(presence.publications._expiring) == len(walk.bench.timers) == 0


# One by one


def test_who_begins_and_who_ends_watching_is_told_once() -> None:
    bench = Bench()
    said: list[str] = []
    bench.presence.first = lambda watching: said.append(f"+{watching.watcher}")
    bench.presence.last = lambda presentity: said.append(f"-{presentity}")
    first, second = Watcher(bench, BOB), Watcher(bench, CAROL)
    for watcher in (first, second, second):
        bench.presence.leave(watcher.watching)
    assert said == [f"+{BOB}", f"-{ALICE}"]


def test_who_is_refused_begins_nothing() -> None:
    bench = Bench()
    bench.rules[ALICE] = (Rule("block", Visibility.BLOCK),)
    bench.presence.first = lambda _watching: pytest.fail("nobody watches")
    assert bench.presence.watch(ALICE, BOB, lambda: None).state == "terminated"
    assert bench.presence._presentities == {}


def test_bounds_of_watchers_and_of_presentities_hold_and_refusals_leave_nothing() -> None:
    bench = Bench(watchers_per_presentity=2, watchings_per_watcher=2)
    bench.rules = {name: (Rule("all"),) for name in (ALICE, BOB, CAROL)}
    presence = bench.presence
    first = presence.watch(ALICE, BOB, lambda: None)
    presence.watch(ALICE, BOB, lambda: None)
    for presentity, watcher in ((ALICE, CAROL), (CAROL, BOB)):
        with pytest.raises(TooManyError):
            presence.watch(presentity, watcher, lambda: None)
    assert list(presence._presentities) == [ALICE]
    presence.leave(first)
    presence.watch(CAROL, BOB, lambda: None)


def test_a_document_is_composed_once_for_all_who_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    composed: list[str] = []

    def counting(entity: str, *more: object) -> object:
        composed.append(entity)
        return compose(entity, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "compose", counting)
    watchers = [Watcher(bench, BOB) for _ in range(20)]
    composed.clear()
    bench.publish("", pidf("open", "busy"))
    bench.presence.settle()
    for watcher in watchers:
        watcher.look()
    assert len(composed) == 1
    assert len({id(watcher.seen) for watcher in watchers}) == 1


def test_a_publication_that_is_renewed_while_its_time_runs_out_stays() -> None:
    bench = Bench(at_once=False)
    outcomes = bench.publish("", pidf("open", "busy"), 60)
    bench.storing.pop()(True)
    (published,) = outcomes
    assert isinstance(published, Published)
    bench.passes(59.5)
    again = bench.publish(published.etag, "", 60)
    bench.passes(5)
    bench.storing.pop()(True)
    assert isinstance(again[0], Published)
    assert bench.storing == []
    assert len(bench.presence.publications) == 1


def test_what_has_expired_is_not_shown_although_the_store_does_not_take_that() -> None:
    bench = Bench(at_once=False)
    bench.publish("", pidf("open", "busy"), 60)
    bench.storing.pop()(True)
    watcher = Watcher(bench, BOB)
    assert b"busy" in (watcher.seen or b"")
    bench.passes(62)
    bench.storing.pop()(False)
    bench.presence.settle()
    watcher.look()
    assert watcher.seen == views.nothing(f"sip:{ALICE}")
    assert len(bench.presence.publications) == 0


def test_what_was_stored_is_there_again_until_it_expires() -> None:
    before, after = Bench(), Bench()
    before.publish("", pidf("open", "busy"), 60)
    after.presence.restore(
        Publication(old.id, ALICE, old.etag, old.agent, old.expires, old.published, old.body)
        for old in before.presence.publications.of(ALICE)
    )
    watcher = Watcher(after, BOB)
    assert b"busy" in (watcher.seen or b"")
    after.passes(62)
    after.presence.settle()
    watcher.look()
    assert b"busy" not in (watcher.seen or b"")


def test_observers_are_told_of_each_who_comes_and_goes_until_they_want_to_know_no_more() -> None:
    bench = Bench()
    said: list[tuple[str, str, str]] = []
    end = bench.presence.observe(ALICE, lambda w: said.append((w.watcher, w.state, w.event)))
    watcher = Watcher(bench, BOB)
    bench.rules[ALICE] = (Rule("ask", Visibility.CONFIRM),)
    bench.presence.reviewed(ALICE)
    bench.rules[ALICE] = (Rule("all"),)
    bench.presence.reviewed(ALICE)
    bench.presence.leave(watcher.watching, "giveup")
    end()
    end()
    Watcher(bench, CAROL)
    assert said == [
        (BOB, "active", "subscribe"),
        (BOB, "pending", "subscribe"),
        (BOB, "active", "approved"),
        (BOB, "terminated", "giveup"),
    ]
    assert len(bench.presence.watchings(ALICE)) == 1


def test_whether_somebody_can_be_reached_is_not_told_by_sources_that_are_excluded() -> None:
    bench = Bench()
    bench.rules[ALICE] = (Rule("some", Visibility.REACHABILITY_ONLY, excluded_sources=("phone",)),)
    bench.presence.contribute(ALICE, "phone 1", pidf("open", "busy").encode(), "phone")
    seen = Watcher(bench, BOB).seen
    assert seen is not None
    assert b"<basic>closed</basic>" in seen


def test_an_explanation_says_what_counts_and_why() -> None:
    bench = Bench()
    bench.publish("", pidf("open", "busy", "desk"), 60)
    bench.passes(10)
    bench.presence.contribute(ALICE, "phone 1", pidf("open", "on-the-phone", "p").encode(), "phone")
    first, second = bench.presence.explain(ALICE)
    assert (first["source"], first["priority"], first["activities"]) == ("phone", 700, ["on-the-phone"])
    assert "activities" in "".join(first["won"])
    assert (second["source"], second["age"], second["expires"]) == ("publication", 10, 50)
    assert bench.presence.explain("nobody@example.com") == []


def test_an_explanation_knows_of_a_refresh_that_nobody_else_sees() -> None:
    bench = Bench()
    (first,) = bench.publish("", pidf("open", "busy"), 60)
    Watcher(bench, BOB)
    bench.presence.explain(ALICE)
    assert isinstance(first, Published)
    bench.passes(50)
    (second,) = bench.publish(first.etag, "", 60)
    assert isinstance(second, Published)
    (explained,) = bench.presence.explain(ALICE)
    assert (explained["etag"], explained["expires"]) == (second.etag, 60)
    assert explained["won"]


def test_what_is_filtered_for_one_watcher_alone_is_not_kept_for_each() -> None:
    class Mine:
        """A filter like no other."""

        def apply(self, document: bytes) -> bytes:
            seen.append(document + b" ")
            return seen[-1]

    bench = Bench()
    seen: list[bytes] = []
    bench.publish("", pidf("open", "busy"), 60)
    for _ in range(2 * VIEWS):
        mine: Any = Mine()
        watching = bench.presence.watch(ALICE, BOB, lambda: None, mine)
        assert bench.presence.document(watching) == seen[-1]
    (here,) = bench.presence._presentities.values()
    assert len(here.views) <= VIEWS
    assert {type(watching.told) for watching in bench.presence.watchings(ALICE)} == {int}


def test_a_bug_in_what_one_watcher_wants_costs_the_others_nothing() -> None:
    class Broken:
        """A filter."""

        def apply(self, _document: bytes) -> bytes:
            raise ZeroDivisionError

    bench = Bench()
    broken: Any = Broken()
    bench.presence.watch(ALICE, BOB, lambda: None, broken)
    carol = Watcher(bench, CAROL)
    bench.publish("", pidf("open", "busy"), 60)
    with structlog.testing.capture_logs() as logged:
        bench.presence.settle()
    assert [entry["event"] for entry in logged] == ["not told"]
    assert carol.told == 1
