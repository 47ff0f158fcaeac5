"""What changes in the directory is known, whoever changes it: all of it, in order, each change once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import pytest_twisted
import structlog
from sqlalchemy import Executable, insert, update
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.directory import contacts, groups, journal, long_term, properties, rules, system, users
from ctigw.directory.journal import Change, Kind, PropertyItem, SystemItem
from ctigw.directory.people import Profile
from ctigw.following import LOOK, Following
from ctigw.rules import Rule, Visibility
from ctigw.store.database import AwayError, Database
from ctigw.store.tables import ChangeRow, RuleRow
from tests.presence import pidf

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
NOW = 1_000_000.0


class Followed:
    """What was told, in its order; ``fails``: who is told and breaks, by what they are told."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.profiles: dict[str, Profile] = {}
        self.statuses: dict[str, bytes | None] = {}
        self.changes: list[Change] = []
        self.order: list[tuple[str, str]] = []
        self.fails: set[str] = set()
        # Called when changes are told.
        self.meanwhile: Callable[[], object] = lambda: None
        self.following = Following(
            database,
            self.clock,
            self,
            told=lambda: self._told("told"),
            defaults={"Presence.Domain": "example.com"},
        )
        self.following.observe(self._changed)

    def _told(self, what: str, name: str = "") -> None:
        self.order.append((what, name))
        if what in self.fails or name in self.fails:
            raise ValueError("broken")

    def put(self, profiles: Sequence[Profile]) -> None:
        for profile in profiles:
            self._told("put", profile.name)
            self.profiles[profile.name] = profile

    def gone(self, name: str) -> None:
        self._told("gone", name)

    def long_term(self, name: str, body: bytes | None) -> None:
        self._told("long-term", name)
        self.statuses[name] = body

    def _changed(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        self.meanwhile()
        self._told("changed", str(len(changes)))

    async def second(self) -> None:
        """A second passes, and what is looked for in it is found."""
        self.clock.advance(LOOK)
        await self.following.look()

    def set(self, *values: str) -> None:
        """Changes of Alice's settings, each in a transaction of its own."""
        for value in values:
            self.database.run_now(
                properties.set_properties, ALICE, [PropertyItem("x", value, is_public=False)]
            )

    @property
    def settings(self) -> list[str]:
        """What has been told of Alice's settings."""
        return [change.new.value for change in self.changes if isinstance(change.new, PropertyItem)]


@pytest.fixture
def followed(database: Database) -> Iterator[Followed]:
    database.run_now(users.add, ALICE, "secret")
    followed = Followed(database)
    followed.following.start()
    yield followed
    followed.following.stop()
    followed.following.stop()
    assert followed.clock.getDelayedCalls() == []


def errors(logged: Sequence[Any]) -> list[str]:
    return [entry["event"] for entry in logged if entry["log_level"] == "error"]


@pytest_twisted.ensureDeferred
async def test_who_is_there_at_the_start_is_known_and_nothing_is_told_as_changed(followed: Followed) -> None:
    assert list(followed.profiles) == [ALICE]
    await followed.second()
    assert followed.order == [("put", ALICE)]


@pytest_twisted.ensureDeferred
async def test_whatever_others_change_is_known_within_a_second(followed: Followed) -> None:
    database = followed.database
    database.run_now(users.add, BOB, "secret")
    database.run_now(rules.set_rules, ALICE, [Rule("all", Visibility.ALL)])
    await followed.second()
    assert set(followed.profiles) == {ALICE, BOB}
    assert [rule.name for rule in followed.profiles[ALICE].rules] == ["all"]
    assert followed.order.count(("told", "")) == 1
    database.run_now(groups.add, ALICE, [groups.Wanted("friends")])
    database.run_now(contacts.add, ALICE, [contacts.Wanted("friends", BOB)])
    database.run_now(long_term.publish, ALICE, pidf().encode(), NOW)
    await followed.second()
    assert [group.members for group in followed.profiles[ALICE].groups if group.members] == [(BOB,)]
    assert followed.statuses == {ALICE: pidf().encode()}
    database.run_now(long_term.unpublish, ALICE)
    database.run_now(users.remove, BOB)
    await followed.second()
    assert followed.statuses == {ALICE: None}
    assert [name for what, name in followed.order if what == "gone"] == [BOB]
    assert followed.changes == database.run_now(journal.since, 1)  # all but that Alice is there


@pytest_twisted.ensureDeferred
async def test_changes_are_told_after_what_they_have_made_of_people(followed: Followed) -> None:
    followed.database.run_now(users.add, BOB, "secret")
    followed.database.run_now(users.add, CAROL, "secret")
    followed.database.run_now(users.remove, CAROL)
    followed.order.clear()
    await followed.second()
    assert followed.order == [("gone", CAROL), ("put", BOB), ("changed", "3"), ("told", "")]


@pytest_twisted.ensureDeferred
async def test_somebody_else_of_the_same_name_is_somebody_else(followed: Followed) -> None:
    followed.database.run_now(users.remove, ALICE)
    followed.database.run_now(users.add, ALICE, "secret", "Alice B.")
    followed.order.clear()
    await followed.second()
    assert followed.order[:2] == [("gone", ALICE), ("put", ALICE)]
    assert followed.profiles[ALICE].display_name == "Alice B."


@pytest_twisted.ensureDeferred
async def test_what_is_the_sites_is_nobodys(followed: Followed) -> None:
    change = Change(Kind.SYSTEM, "", None, SystemItem("CUPSystemCfg", (("IM.enable", "TRUE"),)))
    (kept,) = followed.database.run_now(journal.record, [change])
    followed.order.clear()
    await followed.second()
    assert followed.order == [("changed", "1"), ("told", "")]
    assert followed.changes == [kept]


@pytest_twisted.ensureDeferred
async def test_of_a_setting_its_value_is_told_and_of_one_of_the_site_also_what_a_user_has_instead(
    followed: Followed,
) -> None:
    run = followed.database.run_now
    run(users.add, BOB, "secret")
    own = {"Presence.Primary.Address": "alices.example.com"}
    run(system.set_system, own, ALICE)
    run(system.set_system, {"Presence.Primary.Port": "5070", "Directory.Password": "hush"})
    assert "hush" not in str(run(journal.since, 0))
    await followed.second()
    told = [
        (change.user, change.new.object, dict(change.new.properties))
        for change in followed.changes
        if isinstance(change.new, SystemItem)
    ]
    presence = {name: values for name, _, values in told if "Presence.Domain" in values}
    assert [name for name, *_ in told] == [ALICE, "", "", ALICE]
    assert told[1][2]["Directory.Password"] == "hush"
    for name, address in (("", ""), (ALICE, "alices.example.com")):
        assert presence[name]["Presence.Primary.Address"] == address
        assert presence[name]["Presence.Primary.Port"] == "5070"
        assert presence[name]["Presence.Domain"] == "example.com"


@pytest_twisted.ensureDeferred
async def test_who_has_changed_something_need_not_wait_for_a_second(followed: Followed) -> None:
    followed.set("a")
    await followed.following.look()
    assert followed.settings == ["a"]
    await followed.second()
    assert followed.settings == ["a"]


@pytest_twisted.ensureDeferred
async def test_a_look_while_one_is_under_way_is_another_one_after_it(followed: Followed) -> None:
    submit, results = followed.database.submit, list[Deferred[Any]]()

    def counted(function: Any, *args: Any, **more: Any) -> Deferred[Any]:
        results.append(submit(function, *args, **more))
        return results[-1]

    followed.database.submit = counted  # type: ignore[method-assign]
    over: list[str] = []
    followed.set("a")
    first = followed.following.look()
    first.addCallback(lambda _none: over.append("first"))
    followed.set("b")  # the first may have missed it
    others = [followed.following.look() for _ in range(3)]
    for other in others:
        other.addCallback(lambda _none: over.append("other"))
    assert len(results) == 1
    for each in (first, *others):
        await each
    assert len(results) == 2
    assert over == ["first", *["other"] * 3]
    assert followed.settings == ["a", "b"]


@pytest_twisted.ensureDeferred
async def test_whoever_is_told_may_change_something_and_have_it_looked_at(followed: Followed) -> None:
    def once() -> None:
        followed.meanwhile = lambda: None
        followed.set("b")
        followed.following.look()

    followed.meanwhile = once
    followed.set("a")
    await followed.following.look()
    await followed.second()
    assert followed.settings == ["a", "b"]
    assert followed.order.count(("changed", "1")) == 2


@pytest_twisted.ensureDeferred
async def test_whatever_is_changed_and_asked_in_any_order_each_change_is_told_once(
    followed: Followed,
) -> None:
    looks = []
    for number in range(20):
        followed.set(str(number))
        looks.append(followed.following.look())
        if number % 3 == 0:
            followed.clock.advance(LOOK)
        if number % 5 == 0:
            await looks[-1]
    for look in looks:
        await look
    assert followed.settings == [str(number) for number in range(20)]
    numbers = [change.number for change in followed.changes]
    assert numbers == sorted(set(numbers))


@pytest_twisted.ensureDeferred
async def test_more_than_can_be_read_at_once_is_read_at_once_all_the_same(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST", 3)
    monkeypatch.setattr(journal.since, "__defaults__", (3,))
    values = [str(number) for number in range(7)]
    followed.set(*values)
    await followed.second()
    assert followed.settings == values
    assert [count for what, count in followed.order if what == "changed"] == ["3", "3", "1"]


@pytest.mark.parametrize("who", [BOB, "put", "changed", "told"])
@pytest_twisted.ensureDeferred
async def test_one_who_fails_costs_the_others_nothing_and_nobody_is_told_twice(
    followed: Followed, who: str
) -> None:
    followed.fails = {who}
    followed.database.run_now(users.add, BOB, "secret")
    followed.database.run_now(users.add, CAROL, "secret")
    with structlog.testing.capture_logs() as logged:
        await followed.second()
    assert set(errors(logged)) == {"a change of the directory is not taken over"}
    assert (CAROL in followed.profiles) is (who != "put")
    followed.fails.clear()
    followed.order.clear()
    await followed.second()
    assert followed.order == []
    followed.database.run_now(users.set_display_name, BOB, "Bob")
    await followed.second()
    assert BOB in followed.profiles
    assert [change.user for change in followed.changes] == [BOB, CAROL, BOB]


def execute(database: Database, statement: Executable) -> None:
    def work(session: Session) -> None:
        session.execute(statement)

    database.run_now(work)


def broken_rule(database: Database, name: str) -> None:
    """Somebody has written what nobody can read into the rules of ``name``."""
    database.run_now(rules.set_rules, name, [Rule("mine")])
    execute(database, update(RuleRow).where(RuleRow.owner == name).values(rule="x"))


@pytest_twisted.ensureDeferred
async def test_a_profile_that_cannot_be_read_costs_the_others_nothing(followed: Followed) -> None:
    broken_rule(followed.database, ALICE)
    followed.database.run_now(long_term.publish, ALICE, pidf().encode(), NOW)
    followed.database.run_now(users.add, BOB, "secret")
    with structlog.testing.capture_logs() as logged:
        await followed.second()
    assert errors(logged) == ["what is kept of a user cannot be read"]
    assert BOB in followed.profiles
    assert list(followed.statuses) == [ALICE]
    assert followed.profiles[ALICE].rules == ()  # what was known of her
    assert ("gone", ALICE) not in followed.order


def test_a_profile_that_cannot_be_read_does_not_keep_a_gateway_from_starting(database: Database) -> None:
    for name in (ALICE, BOB, CAROL):
        database.run_now(users.add, name, "secret")
    broken_rule(database, BOB)
    followed = Followed(database)
    with structlog.testing.capture_logs() as logged:
        followed.following.start()
    followed.following.stop()
    assert [entry["user"] for entry in logged if entry["log_level"] == "error"] == [BOB]
    assert list(followed.profiles) == [ALICE, CAROL]


@pytest_twisted.ensureDeferred
async def test_a_change_that_a_newer_version_has_written_is_a_change_of_its_user(followed: Followed) -> None:
    for kind, new in (("a new kind", "{}"), ("UCEnduserCfg", "no JSON")):
        kept = insert(ChangeRow).values(at=0, kind=kind, person=ALICE, new=new)
        execute(followed.database, kept)
    followed.set("a")
    followed.order.clear()
    await followed.second()
    assert followed.order == [("put", ALICE), ("changed", "3"), ("told", "")]
    assert [(change.user, change.old, change.new) for change in followed.changes[:2]] == [
        (ALICE, None, None)
    ] * 2


@pytest_twisted.ensureDeferred
async def test_where_nobody_is_to_be_known_changes_are_told_and_nobody_is_looked_up(
    database: Database,
) -> None:
    database.run_now(users.add, ALICE, "secret")
    broken_rule(database, ALICE)
    following, changes = Following(database, Clock()), list[Change]()
    following.observe(changes.extend)
    with structlog.testing.capture_logs() as logged:
        following.start()
        database.run_now(users.set_display_name, ALICE, "Al")
        await following.look()
    following.stop()
    assert [change.kind for change in changes] == [Kind.USER]
    assert errors(logged) == []


@pytest_twisted.ensureDeferred
async def test_long_term_status_is_there_at_the_start(database: Database) -> None:
    database.run_now(users.add, ALICE, "secret")
    database.run_now(long_term.publish, ALICE, pidf().encode(), NOW)
    followed = Followed(database)
    followed.following.start()
    assert followed.statuses == {ALICE: pidf().encode()}
    followed.following.stop()


@pytest.mark.parametrize(("error", "told"), [(AwayError("away"), 0), (ZeroDivisionError(), 1)])
@pytest_twisted.ensureDeferred
async def test_what_was_missed_while_the_database_was_away_is_made_up_for(
    followed: Followed, error: Exception, told: int
) -> None:
    def broken(_session: Session) -> None:
        raise error

    submit = followed.database.submit
    followed.database.submit = lambda *_args, **_more: submit(broken)  # type: ignore[method-assign]
    followed.set("a")
    with structlog.testing.capture_logs() as logged:
        await followed.following.look()
    assert len(errors(logged)) == told
    assert followed.changes == []
    del followed.database.submit
    await followed.second()
    assert followed.settings == ["a"]


@pytest_twisted.ensureDeferred
async def test_nobody_is_told_anything_after_the_end_or_before_the_start(followed: Followed) -> None:
    followed.set("a")
    followed.order.clear()
    under_way = followed.following.look()
    followed.following.stop()
    await under_way
    await followed.following.look()
    other = Followed(followed.database)
    await other.following.look()
    assert followed.order == other.order == []
