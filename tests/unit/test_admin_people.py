from __future__ import annotations

from pathlib import Path

import pytest

from ctigw.cli import parts
from ctigw.directory import contact_list, recent, rules
from ctigw.directory.outcomes import Outcome
from ctigw.directory.recent import Communication
from ctigw.rules import Rule, Status, Visibility, When
from tests.desk import Desk

ALICE, BOB, CAROL = (f"{name}@example.com" for name in ("alice", "bob", "carol"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Where alice, bob and carol are users."""
    desk = Desk(tmp_path / "var")
    for name in (ALICE, BOB, CAROL):
        desk.said(f"user add {name} --password-stdin", "secret\n")
    return desk


def test_contacts_and_groups(desk: Desk) -> None:
    desk.said(f"group add {ALICE} work")
    desk.said(f"group add {ALICE} 'old friends' --index -1.50")
    assert (
        desk.said(f"contact add {ALICE} bob --group work --nickname Bobby")
        == f"bob is a contact of {ALICE}\n"
    )
    desk.said(f"contact add {ALICE} {CAROL} --group work --index 0.5")
    desk.said(f"contact add {ALICE} Joe@example.org --elsewhere")
    assert desk.said(f"contact list {ALICE}") == (
        "GROUP  CONTACT            NICKNAME  INDEX\n"
        "-      joe@example.org    -         1\n"
        "work   carol@example.com  -         0.5\n"
        "work   bob@example.com    Bobby     1\n"
    )
    assert desk.said(f"group list {ALICE}") == (
        "GROUP        INDEX  CONTACTS\nold friends  -1.5   0\n-            0      1\nwork         1      2\n"
    )
    desk.said(f"contact remove {ALICE} bob --group work")
    desk.said(f"contact remove {ALICE} joe@example.org")
    desk.said(f"group remove {ALICE} 'old friends'")
    assert desk.said(f"contact list {ALICE}").splitlines()[1:] == ["work   carol@example.com  -         0.5"]
    assert [group.name for group in desk.database().run_now(contact_list.contact_list, ALICE)] == ["", "work"]


def test_presence_rules(desk: Desk) -> None:
    desk.said(f"rule set {ALICE} everybody --visibility reachability-only")
    desk.said(
        f"rule set {ALICE} friends --watcher bob --watcher {CAROL} --without cupc --without 'Cell Phone'"
    )
    assert desk.said(f"rule list {ALICE}") == (
        "NAME       VISIBILITY         FOR                                WITHOUT           CONDITIONS\n"
        "everybody  reachability-only  all others                         -                 -\n"
        "friends    all                bob@example.com carol@example.com  cupc, Cell Phone  -\n"
    )
    desk.said(f"rule remove {ALICE} everybody")
    assert len(desk.said(f"rule list {ALICE}").splitlines()) == 2


def test_a_rule_that_is_set_again_is_what_the_command_says(desk: Desk) -> None:
    kept = Rule("a", whens=(When("away", (Status("cupc", "away"),)),))
    desk.database().run_now(rules.set_rules, ALICE, [kept])
    desk.said(f"rule set {ALICE} a --watcher bob --watcher carol --without cupc")
    desk.said(f"rule set {ALICE} a --visibility block --watcher carol --watcher alice")
    (found,) = desk.database().run_now(rules.rules_of, ALICE)
    assert found == Rule("a", Visibility.BLOCK, whens=kept.whens, acl=(ALICE, CAROL))
    assert desk.said(f"rule list {ALICE}").splitlines()[1].endswith("-        away")
    desk.said(f"rule set {ALICE} a")
    assert desk.database().run_now(rules.rules_of, ALICE) == (kept,)


def test_recent_communications(desk: Desk) -> None:
    assert desk.said(f"recent {ALICE}") == "AT  TYPE  DATA\n"
    desk.database().run_now(recent.add, ALICE, Communication("2006-03-24", "2", "<a/>\x1b[2J"))
    assert desk.said(f"recent {ALICE}").splitlines()[1:] == ["2006-03-24  2     <a/>?[2J"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"contact add {ALICE} zoe", parts.WHY["NO_CONTACT"]),
        (f"contact add {ALICE} zoe@example.org", parts.WHY["NO_CONTACT"]),
        (f"contact add {ALICE} bob --group none", parts.WHY["NO_GROUP"]),
        (f"contact add {ALICE} bob --index NaN", parts.WHY["FAILED"]),
        (f"contact remove {ALICE} bob", parts.WHY["NO_CONTACT"]),
        (f"group remove {ALICE} none", parts.WHY["NO_GROUP"]),
        (f"group add {ALICE} ''", parts.WHY["FAILED"]),
        (f"rule set {ALICE} a --watcher bob --watcher zoe", "there is no such watcher: zoe"),
        (f"rule set {ALICE} '' --watcher bob", parts.WHY["FAILED"]),
        (f"rule remove {ALICE} none", parts.WHY["NO_RULE"]),
        ("recent zoe", "'zoe' is not a user's name, such as alice@example.com"),
        ("contact list zoe@b", "there is no user zoe@b"),
        ("group list zoe@b", "there is no user zoe@b"),
        ("rule list zoe@b", "there is no user zoe@b"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_and_changes_nothing(
    desk: Desk, words: str, why: str
) -> None:
    result = desk.do(words)
    assert (result.exit_code, result.stderr, result.stdout) == (1, f"ctigw: {why}\n", "")
    assert desk.database().run_now(rules.rules_of, ALICE) == ()


def test_an_index_is_a_number(desk: Desk) -> None:
    assert desk.do(f"group add {ALICE} work --index first").exit_code == 2


@pytest.mark.parametrize("words", ["contact list", "group list", "rule list", "recent"])
def test_where_there_is_no_database_nothing_is_listed_and_none_is_made(tmp_path: Path, words: str) -> None:
    desk = Desk(tmp_path / "none")
    assert desk.do(f"{words} {ALICE}").exit_code == 2
    assert not desk.data.exists()


def test_the_words_are_those_of_the_directory() -> None:
    assert set(parts.WHY) == {outcome.name for outcome in Outcome} - {"SUCCEEDED"}
