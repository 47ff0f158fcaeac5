"""Whatever people set and clients publish comes back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw import rules
from ctigw.directory import contacts, groups, people
from ctigw.directory.contact_list import HIGHEST, contact_list, exact_index, kept_index, shown, told_index
from ctigw.directory.outcomes import Outcome
from ctigw.directory.recent import moment
from ctigw.rules import And, Not, Or, Rule, Status, Visibility, When
from ctigw.store import bindings, publications
from ctigw.store.database import Database
from tests.newcomers import newcomer

ME = "me@example.com"
PEOPLE = tuple(f"{name}@example.com" for name in "abcd")
WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
EXPRS = st.recursive(
    st.builds(Status, WORDS, WORDS),
    lambda inner: st.one_of(
        *(st.builds(kind, st.lists(inner, max_size=3).map(tuple)) for kind in (And, Or, Not))
    ),
    max_leaves=10,
)
RULES = st.builds(
    Rule,
    name=WORDS,
    visibility=st.sampled_from(Visibility),
    excluded_sources=st.lists(WORDS, max_size=3).map(tuple),
    reachability_source=st.none() | WORDS,
    whens=st.lists(st.builds(When, WORDS, st.lists(EXPRS, max_size=3).map(tuple)), max_size=3).map(tuple),
    acl=st.none() | st.lists(WORDS, max_size=3).map(tuple),
)
INDEXES = st.decimals(-HIGHEST, HIGHEST, places=10)
NAMES = st.sampled_from(["", "a", "b", "c"])


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """In memory, and emptied by whoever uses it."""
    database = Database("sqlite://")
    database.migrate()
    for name in (ME, *PEOPLE):
        database.run_now(newcomer, name)
    yield database
    database.close()


@given(RULES)
def test_a_rule_is_kept_as_it_is(rule: Rule) -> None:
    assert rules.decode(rules.encode(rule)) == rule


@given(st.lists(RULES), WORDS)
def test_at_most_one_rule_is_for_a_watcher_and_it_is_theirs(known: list[Rule], watcher: str) -> None:
    found = rules.applying(known, watcher)
    if found is None:
        assert not any(rule.acl is None or watcher in rule.acl for rule in known)
    elif found.acl is None:
        assert not any(rule.acl and watcher in rule.acl for rule in known)
    else:
        assert watcher in found.acl


@given(EXPRS, st.dictionaries(WORDS, WORDS))
def test_what_holds_does_not_hold_in_the_contrary(expr: rules.Expr, statuses: dict[str, str]) -> None:
    assert rules.holds(Not((expr,)), statuses) is not rules.holds(expr, statuses)


@given(INDEXES, INDEXES)
def test_an_index_is_exact_in_order_and_can_be_read_again(one: Decimal, other: Decimal) -> None:
    assert exact_index(one) == one == Decimal(shown(one))
    assert (kept_index(one) < kept_index(other)) is (one < other)
    assert told_index(kept_index(one)) == one
    assert "E" not in shown(one)


@given(st.datetimes())
def test_the_order_of_dates_is_that_of_their_texts(at: object) -> None:
    text = str(at).replace(" ", "T")
    assert moment(text) == moment(text + "Z") == moment(text + "+00:00")


GROUP_STEPS = st.one_of(
    st.builds(groups.Wanted, NAMES, st.none() | INDEXES),
    st.builds(groups.Changed, NAMES, st.none() | NAMES, st.none() | INDEXES),
    NAMES,
)
CONTACT_STEPS = st.builds(
    contacts.Wanted,
    NAMES,
    st.sampled_from(PEOPLE),
    st.none() | INDEXES,
    st.none() | WORDS,
    st.none() | st.booleans(),
)
STEPS = st.tuples(
    st.sampled_from(["add", "modify", "remove"]), st.lists(GROUP_STEPS | CONTACT_STEPS, max_size=4)
)


@given(st.lists(STEPS, max_size=6))
def test_a_contact_list_is_in_order_whole_and_what_presence_sees(
    database: Database, steps: list[tuple[str, list[object]]]
) -> None:
    with database._sessions() as session:  # which undoes it all in the end
        for operation, parts in steps:
            before = contact_list(session, ME)
            people_asked = [part for part in parts if isinstance(part, contacts.Wanted)]
            if operation == "add":
                done = [
                    groups.add(session, ME, [part for part in parts if isinstance(part, groups.Wanted)]),
                    contacts.add(session, ME, people_asked),
                ]
            elif operation == "modify":
                done = [
                    groups.modify(session, ME, [part for part in parts if isinstance(part, groups.Changed)]),
                    contacts.modify(session, ME, people_asked),
                ]
            else:
                done = [
                    contacts.remove(session, ME, [(part.group, part.name) for part in people_asked]),
                    groups.remove(session, ME, [part for part in parts if isinstance(part, str)]),
                ]
            after = contact_list(session, ME)
            changes = [change for each in done for change in each.changes]
            assert bool(changes) or before == after
            if before != after:
                assert any(Outcome.SUCCEEDED in each.outcomes for each in done)
        found = contact_list(session, ME)
        assert [group.index for group in found] == sorted(group.index for group in found)
        assert [group.name for group in found].count("") == 1
        assert len({group.name for group in found}) == len(found)
        for group in found:
            assert [x.index for x in group.contacts] == sorted(x.index for x in group.contacts)
            assert len({x.name for x in group.contacts}) == len(group.contacts)
        profile = people.profile(session, ME)
        assert profile is not None
        assert [(group.name, group.members) for group in profile.groups] == [
            (group.name, tuple(x.name for x in group.contacts)) for group in found
        ]


PUBLICATIONS = st.tuples(
    st.sampled_from("pq"),
    st.sampled_from(PEOPLE[:2]),
    st.floats(0, 20),
    st.integers(0, 9),
    st.binary(max_size=20),
)


@given(
    st.lists(
        st.tuples(st.lists(PUBLICATIONS, max_size=4), st.lists(st.sampled_from("pqr"), max_size=2)),
        max_size=5,
    )
)
def test_publications_are_those_that_were_put_last_and_are_not_gone(
    database: Database, turns: list[tuple[list[tuple[str, str, float, int, bytes]], list[str]]]
) -> None:
    model: dict[str, publications.Row] = {}
    count = 0
    with database._sessions() as session:
        for wanted, gone in turns:
            puts = []
            for name, presentity, expires, sequence, body in wanted:
                puts.append(
                    publications.Row(name, presentity, f"e{count}", "s", expires, 1.0, sequence, body)
                )
                count += 1
            publications.write(session, puts, gone)
            model |= {row.publication: row for row in puts}
            model = {name: row for name, row in model.items() if name not in gone}
        for now in (-1.0, 10.0):
            live = [row for row in model.values() if row.expires > now]
            assert sorted(publications.load(session, now)) == sorted(live)
        assert publications.forget_expired(session, 10.0) == sum(row.expires <= 10 for row in model.values())


CONTACTS = st.tuples(st.sampled_from(PEOPLE[:2]), st.sampled_from(["sip:1", "sip:2"]))


@given(st.lists(st.tuples(st.lists(CONTACTS, max_size=4), st.lists(CONTACTS, max_size=2)), max_size=5))
def test_bindings_are_those_that_were_put_last_and_are_not_gone(
    database: Database, turns: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]
) -> None:
    model: dict[tuple[str, str], bindings.Row] = {}
    with database._sessions() as session:
        for turn, (wanted, gone) in enumerate(turns):
            puts = [bindings.Row(*key, b"%d %d" % (turn, at), 9.0) for at, key in enumerate(wanted)]
            bindings.write(session, puts, gone)
            model |= {row[:2]: row for row in puts}
            model = {key: row for key, row in model.items() if key not in gone}
        assert bindings.load(session, 0.0) == sorted(model.values())
