"""Presence rules: what they say, and what the directory keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy.orm import Session

from ctigw import rules
from ctigw.directory import journal, users
from ctigw.directory import rules as kept
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import AclItem, Kind
from ctigw.directory.outcomes import Outcome
from ctigw.rules import And, Expr, Not, Or, Rule, Status, Visibility, When
from ctigw.store.database import Database
from tests.newcomers import newcomer

ME, TWO, THREE, FOUR, FIVE = (f"soapuser{number}@cisco.com" for number in range(1, 6))
OK, FAILED, NO_RULE = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.NO_RULE
AWAY = Status("String", "away")
NOT_AWAY = Not((AWAY,))
# A condition as one client wrote it.
WHEN = When(
    "away",
    (
        AWAY,
        Or((AWAY, And((AWAY, NOT_AWAY)), NOT_AWAY)),
        And((AWAY, Or((AWAY, NOT_AWAY)), NOT_AWAY)),
    ),
)
RULE = Rule("test rule", Visibility.REACHABILITY_ONLY, ("Cell Phone", "cupc"), "String", (WHEN,) * 4)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database._sessions.begin() as session:
        for name in (ME, TWO, THREE, FOUR, FIVE):
            newcomer(session, name)
        yield session


# What a rule says.


def test_a_rule_is_kept_as_it_is() -> None:
    for rule in (RULE, Rule("plain"), replace(RULE, acl=()), replace(RULE, acl=(TWO,))):
        assert rules.decode(rules.encode(rule)) == rule
    assert rules.encode(Rule("plain")) == '{"name":"plain"}'


@pytest.mark.parametrize("text", ["", "{}", '{"name":1}', '{"name":"a","visibility":"some"}', "[" * 9999])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        rules.decode(text)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (Status("phone", "busy"), True),
        (Status("phone", "away"), False),
        (Status("client", "busy"), False),
        (And(()), True),
        (Or(()), False),
        (Not(()), True),
        (And((Status("phone", "busy"), Status("phone", "away"))), False),
        (Or((Status("phone", "busy"), Status("phone", "away"))), True),
        (Not((Status("phone", "busy"), Status("phone", "away"))), False),
        (Not((Status("phone", "away"), And((Status("phone", "busy"), Not(()))))), False),
    ],
)
def test_expressions_hold_or_do_not(expr: Expr, expected: bool) -> None:
    assert rules.holds(expr, {"phone": "busy"}) is expected


def test_the_first_condition_that_holds_says_the_reachability() -> None:
    busy, away = Status("phone", "busy"), Status("phone", "away")
    whens = (When("never", (busy, away)), When("first", (busy,)), When("second", (busy,)))
    rule = Rule("a", whens=whens, reachability_source="client")
    assert rules.reachability(rule, {"phone": "busy", "client": "idle"}) == "first"
    assert rules.reachability(rule, {"phone": "away", "client": "idle"}) == "idle"
    assert rules.reachability(rule, {}) is None
    assert rules.reachability(Rule("a"), {"phone": "busy"}) is None
    assert rules.reachability(Rule("a", whens=(When("always"),)), {}) == "always"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([], None),
        ([Rule("b"), Rule("a")], "a"),
        ([Rule("a"), Rule("b", acl=(TWO,)), Rule("c", acl=(TWO,))], "b"),
        ([Rule("a", acl=(THREE,)), Rule("z"), Rule("y")], "y"),
        ([Rule("a", acl=())], None),
        ([Rule("a", acl=(THREE,))], None),
    ],
)
def test_a_watcher_has_the_first_rule_that_lists_them_or_the_default(
    named: list[Rule], expected: str | None
) -> None:
    found = rules.applying(named, TWO)
    assert (found and found.name) == expected


def nested(depth: int) -> Expr:
    expr: Expr = AWAY
    for _ in range(depth - 1):
        expr = Not((expr,))
    return expr


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (RULE, True),
        (Rule("x" * 256), False),
        (Rule("a\nb"), False),
        (Rule("a", excluded_sources=("a\0b",)), False),
        (Rule("a", reachability_source="x" * 256), False),
        (Rule("a", whens=(When("a\tb"),)), False),
        (Rule("a", whens=(When("a", (Status("\udcff", "a"),)),)), False),
        (Rule("a", whens=(When("a", (nested(rules.DEEPEST),)),)), True),
        (Rule("a", whens=(When("a", (nested(rules.DEEPEST + 1),)),)), False),
        (Rule("a", whens=(When("a", (nested(5000),)),)), False),
        (Rule("a", excluded_sources=("a",) * rules.MOST), True),
        (Rule("a", excluded_sources=("a",) * (rules.MOST + 1)), False),
        (Rule("a", whens=(When("a", (AWAY,) * (rules.MOST + 1)),)), False),
        (Rule("a", whens=(When("a", (AWAY,) * (rules.MOST // 2)),) * 3), False),
        (Rule("a", whens=(When("a"),) * (rules.MOST + 1)), False),
    ],
)
def test_what_somebody_else_writes_is_bounded(rule: Rule, fits: bool) -> None:
    assert rules.within_bounds(rule) is fits


# What is kept of it.


def test_rules_are_set_in_the_place_of_what_was_called_so(session: Session) -> None:
    assert kept.rules_of(session, ME) == ()
    assert kept.set_rules(session, ME, [RULE, Rule("noACL_rule")]).outcomes == (OK, OK)
    assert kept.rules_of(session, ME) == (Rule("noACL_rule"), RULE)
    blocked = Rule("noACL_rule", Visibility.BLOCK)
    assert kept.set_rules(session, ME, [Rule("noACL_rule"), blocked]).outcomes == (OK, OK)
    assert kept.rules_of(session, ME) == (blocked, RULE)
    assert kept.rules_of(session, TWO) == ()


def test_rules_are_deleted_once(session: Session) -> None:
    kept.set_rules(session, ME, [Rule("noACL_rule")])
    gone = ["noACL_rule", "noexistentRule", "noACL_rule"]
    assert kept.delete_rules(session, ME, gone).outcomes == (OK, NO_RULE, NO_RULE)
    assert kept.rules_of(session, ME) == ()


def test_lists_of_watchers_are_those_of_the_examples(session: Session) -> None:
    kept.set_rules(session, ME, [Rule("test rules!")])
    watchers = [*(f"soapuser{number}" for number in range(2, 6)), "g", "j"]
    added = kept.add_acl(session, ME, "test rules!", watchers)
    assert added.outcomes == (OK, OK, OK, OK, FAILED, FAILED)
    assert kept.acl(session, ME, "test rules!") == (TWO, THREE, FOUR, FIVE)
    assert kept.acl(session, ME, "non-existing acl343258") is None
    kept.delete_acl(session, ME, "test rules!", ["soapuser5"])
    gone = kept.delete_acl(session, ME, "test rules!", ["soapuser2", "soapuser5"])
    assert gone.outcomes == (OK, FAILED)
    assert kept.acl(session, ME, "test rules!") == (THREE, FOUR)


def test_where_there_is_no_rule_there_is_no_list(session: Session) -> None:
    assert kept.add_acl(session, ME, "none", [TWO, "g"]).outcomes == (NO_RULE, NO_RULE)
    assert kept.delete_acl(session, ME, "none", [TWO]).outcomes == (NO_RULE,)


def test_a_watcher_may_be_written_in_any_form_and_come_from_elsewhere(session: Session) -> None:
    kept.set_rules(session, ME, [Rule("a")])
    written = ["SIP:SoapUser2@cisco.com", " soapuser2 ", "joe@example.org", "a b", ""]
    assert kept.add_acl(session, ME, "a", written).outcomes == (OK, OK, FAILED, FAILED, FAILED)
    assert kept.add_acl(session, ME, "a", written, foreign={"example.org"}).outcomes[2] is OK
    assert kept.acl(session, ME, "a") == ("joe@example.org", TWO)
    assert kept.delete_acl(session, ME, "a", ["sip:soapuser2@cisco.com", "a b"]).outcomes == (OK, FAILED)


def test_to_set_a_rule_leaves_its_list(session: Session) -> None:
    kept.set_rules(session, ME, [Rule("a"), Rule("b")])
    kept.add_acl(session, ME, "a", [TWO])
    kept.set_rules(session, ME, [replace(RULE, name="a", acl=(THREE,)), Rule("b", acl=(THREE,))])
    assert kept.rules_of(session, ME) == (replace(RULE, name="a", acl=(TWO,)), Rule("b"))


def test_an_empty_list_opens_a_rule_to_nobody(session: Session) -> None:
    kept.set_rules(session, ME, [Rule("a")])
    kept.add_acl(session, ME, "a", [TWO])
    kept.delete_acl(session, ME, "a", [TWO])
    assert kept.rules_of(session, ME) == (Rule("a", acl=()),)
    assert rules.applying(kept.rules_of(session, ME), TWO) is None
    kept.set_rules(session, ME, [Rule("a", Visibility.BLOCK)])
    assert kept.acl(session, ME, "a") == ()
    kept.delete_rules(session, ME, ["a"])
    kept.set_rules(session, ME, [Rule("a")])
    assert kept.rules_of(session, ME) == (Rule("a"),)


def test_who_is_removed_is_in_no_list_any_more(session: Session) -> None:
    for owner in (ME, TWO):
        kept.set_rules(session, owner, [Rule("a")])
        kept.add_acl(session, owner, "a", [TWO, THREE])
    changes = users.remove(session, TWO)
    assert [(x.user, x.old) for x in changes if x.kind is Kind.ACL] == [(ME, AclItem("a", TWO))]
    assert kept.acl(session, ME, "a") == (THREE,)
    newcomer(session, TWO)
    assert kept.rules_of(session, TWO) == ()


def test_what_cannot_be_kept_fails_and_the_rest_is_kept(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST_RULES", 2)
    monkeypatch.setattr(kept, "MOST_WATCHERS", 3)
    wanted = [Rule(""), Rule("a\nb"), Rule("a"), Rule("b"), Rule("c"), Rule("a", Visibility.BLOCK)]
    assert kept.set_rules(session, ME, wanted).outcomes == (FAILED, FAILED, OK, OK, FAILED, OK)
    assert kept.rules_of(session, ME) == (Rule("a", Visibility.BLOCK), Rule("b"))
    assert kept.add_acl(session, ME, "a", [TWO, THREE, FOUR]).outcomes == (OK, OK, OK)
    assert kept.add_acl(session, ME, "a", [FIVE, TWO]).outcomes == (FAILED, OK)


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda s: kept.rules_of(s, "zoe@cisco.com"), "there is no user"),
        (lambda s: kept.set_rules(s, "zoe@cisco.com", []), "there is no user"),
        (lambda s: kept.delete_rules(s, "zoe@cisco.com", []), "there is no user"),
        (lambda s: kept.acl(s, "zoe@cisco.com", "a"), "there is no user"),
        (lambda s: kept.add_acl(s, "zoe@cisco.com", "a", []), "there is no user"),
        (lambda s: kept.delete_acl(s, "zoe@cisco.com", "a", []), "there is no user"),
        (lambda s: kept.add_acl(s, ME, "a", ["b"] * 5001), "5000 watchers at most"),
        (lambda s: kept.delete_acl(s, ME, "a", ["b"] * 5001), "5000 watchers at most"),
    ],
)
def test_who_is_nobody_or_asks_for_too_much_is_refused(
    session: Session, ask: Callable[[Session], Any], why: str
) -> None:
    kept.set_rules(session, ME, [Rule("a")])
    with pytest.raises(DirectoryError, match=why):
        ask(session)


def test_every_change_is_told_with_what_was_and_what_is(session: Session) -> None:
    start = journal.last(session)
    open_, closed = Rule("a"), Rule("a", Visibility.BLOCK)
    told = [
        *kept.set_rules(session, ME, [open_]).changes,
        *kept.set_rules(session, ME, [open_]).changes,
        *kept.add_acl(session, ME, "a", [TWO, TWO, "g"]).changes,
        *kept.add_acl(session, ME, "a", [TWO]).changes,
        *kept.set_rules(session, ME, [closed]).changes,
        *kept.delete_acl(session, ME, "a", [THREE]).changes,
        *kept.add_acl(session, ME, "a", [THREE]).changes,
        *kept.delete_acl(session, ME, "a", [TWO]).changes,
        *kept.delete_rules(session, ME, ["a", "b"]).changes,
    ]
    two, three = AclItem("a", TWO), AclItem("a", THREE)
    assert [(x.kind, x.old, x.new) for x in told] == [
        (Kind.RULE, None, open_),
        (Kind.ACL, None, two),
        (Kind.RULE, open_, closed),
        (Kind.ACL, None, three),
        (Kind.ACL, two, None),
        (Kind.ACL, three, None),
        (Kind.RULE, closed, None),
    ]
    assert {x.user for x in told} == {ME}
    assert journal.since(session, start) == told
