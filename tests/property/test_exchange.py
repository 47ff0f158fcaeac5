"""Whatever is in the directory survives a file, and whatever is written as TOML is read as it was."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctigw.directory import details, exchange, importing, lines, people_csv, toml, users
from ctigw.directory.contact_list import HIGHEST
from ctigw.directory.details import Details
from ctigw.directory.errors import DirectoryError
from ctigw.directory.exchange import (
    FORMAT,
    ApplicationEntry,
    ContactEntry,
    Document,
    GroupEntry,
    PasswordEntry,
    PropertyEntry,
    StatusEntry,
    UserEntry,
)
from ctigw.directory.exporting import export
from ctigw.directory.journal import DialRuleItem
from ctigw.directory.licensing import Features
from ctigw.directory.passwords import NOBODYS
from ctigw.rules import And, Not, Or, Rule, Status, Visibility, When
from ctigw.store.database import Database
from ctigw.store.tables import Base

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = TEXTS | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)

# What is special somewhere, and something of everything that is in one line.
LINES = st.text("ab 'é\"\\#=[]{},;☃\U0001f600", max_size=8)
NAMES = LINES.filter(bool)
PEOPLE = tuple(f"{name}@example.com" for name in ("ann", "bob", "cid"))
OTHERS = tuple(f"{name}@elsewhere.org" for name in ("dan", "eve"))
INDEXES = st.decimals(-HIGHEST, HIGHEST, places=10).map(lambda x: x.normalize())
EXPRS = st.recursive(
    st.builds(Status, LINES, LINES),
    lambda inner: st.one_of(
        *(st.builds(kind, st.lists(inner, max_size=2).map(tuple)) for kind in (And, Or, Not))
    ),
    max_leaves=4,
)


def many(of: st.SearchStrategy[Any], most: int = 3, **by: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most, **by).map(tuple)


RULES = st.builds(
    Rule,
    name=NAMES,
    visibility=st.sampled_from(Visibility),
    excluded_sources=many(LINES),
    reachability_source=st.none() | LINES,
    whens=many(st.builds(When, LINES, many(EXPRS, 2)), 2),
    acl=st.none() | st.sets(st.sampled_from(PEOPLE + OTHERS)).map(lambda found: tuple(sorted(found))),
)
CONTACTS = st.builds(ContactEntry, st.sampled_from(PEOPLE + OTHERS), INDEXES, LINES, st.booleans())
GROUPS = st.builds(
    GroupEntry, NAMES, INDEXES, many(CONTACTS, unique_by=lambda contact: contact.name)
)  # fmt: skip


def _status(body: bytes, at: Decimal) -> StatusEntry:
    try:
        return StatusEntry(text=body.decode(), published=at) if body else StatusEntry()
    except UnicodeDecodeError:
        return StatusEntry(base64=body, published=at)


STATUSES = st.builds(
    _status,
    st.binary(max_size=20) | TEXTS.map(str.encode),
    st.floats(0, 1e9).map(lambda at: Decimal(repr(at))),
)
PASSWORDS = st.builds(
    PasswordEntry, st.just(NOBODYS), st.none() | st.just("0" * 32), st.none() | st.just("a" * 64)
)
VALUES_OF = {"Directory.Password": LINES, "Directory.DN": LINES, "VoiceMail.Primary.Port": st.just("1")}
RIGHTS = many(st.sampled_from(("2*", "2001", "3-5")), unique=True).map(lambda x: tuple(sorted(x)))


@st.composite
def users_(draw: st.DrawFn, name: str, numbers: tuple[str, ...]) -> UserEntry:
    groups = draw(st.lists(GROUPS, max_size=3, unique_by=lambda group: group.name))
    groups.append(GroupEntry("", draw(INDEXES), draw(many(CONTACTS, unique_by=lambda x: x.name))))
    return UserEntry(
        name,
        display_name=draw(LINES),
        password=draw(PASSWORDS | st.just(msgspec.UNSET)),
        details=draw(st.builds(Details, *(LINES for _ in Details.__struct_fields__))),
        features=draw(st.builds(Features, *(st.booleans() for _ in Features.__struct_fields__))),
        calendaring=draw(st.booleans()),
        lines=numbers,
        settings=draw(st.fixed_dictionaries({}, optional=VALUES_OF)),
        long_term_status=draw(STATUSES),
        properties=draw(
            many(st.builds(PropertyEntry, NAMES, LINES, st.booleans()), unique_by=lambda x: x.name)
        ),
        groups=tuple(groups),
        rules=draw(many(RULES, unique_by=lambda rule: rule.name)),
    )


@st.composite
def documents(draw: st.DrawFn) -> Document:
    owners = draw(st.lists(st.sampled_from((None, *PEOPLE)), max_size=5))
    numbers = {
        who: tuple(str(n) for n, owner in enumerate(owners) if owner == who) for who in (None, *PEOPLE)
    }
    rules = st.builds(
        DialRuleItem, st.sampled_from((1, 2)), NAMES, LINES, st.integers(0, 9999),
        st.sampled_from(("", "+49", "*#")), st.integers(10, 50), st.integers(0, 10), st.just("0"),
    )  # fmt: skip
    application = st.builds(
        ApplicationEntry,
        st.sampled_from(("a", "b")),
        password=PASSWORDS.map(lambda x: PasswordEntry(x.hash)) | st.just(msgspec.UNSET),
        monitor=RIGHTS,
        control=RIGHTS,
        users=st.sampled_from(((), ("*",), ("*@example.com", "ann@example.com"))),
        administers=st.booleans(),
    )
    return Document(
        format=FORMAT,
        foreign=("elsewhere.org",),
        lines=numbers[None],
        settings=draw(st.fixed_dictionaries({}, optional=VALUES_OF)),
        dial_rule=draw(many(rules, unique_by=lambda rule: (rule.type, rule.name))),
        user=tuple([draw(users_(name, numbers[name])) for name in PEOPLE]),
        application=draw(many(application, unique_by=lambda entry: entry.name)),
    )


def canonical(document: Document) -> Any:
    """``document``, in which the order of what has none is always the same."""
    given = msgspec.to_builtins(document, builtin_types=(Decimal,))
    given.pop("foreign", None)  # said also where nobody is of it
    for entry in (*given["user"], *given.get("application", ())):
        for part in ("groups", "properties", "rules"):
            entry[part] = sorted(entry.get(part, ()), key=lambda each: each["name"])
        for group in entry["groups"]:
            group["contacts"] = sorted(group["contacts"], key=lambda contact: contact["name"])
    given["dial_rule"] = sorted(given.get("dial_rule", ()), key=lambda x: (x["type"], x["name"]))
    given["application"] = sorted(given.get("application", ()), key=lambda x: x["name"])
    return given


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """In memory, and emptied by whoever uses it."""
    database = Database("sqlite://")
    database.migrate()
    yield database
    database.close()


def emptied(session: Any) -> None:
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(table.delete())


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_is_written_is_read_as_it_was(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml.written(document), parse_float=Decimal) == document


@pytest.mark.parametrize("value", [None, 1.5, object()])
def test_what_has_no_place_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no place in this TOML"):
        toml.written({"a": [value]})


@given(documents())
def test_a_document_is_read_as_it_was_written(document: Document) -> None:
    assert exchange.read(exchange.write(document)) == document


@given(TEXTS | TEXTS.map(lambda text: f"format = 1\n{text}"))
def test_what_is_no_document_is_refused(text: str) -> None:
    with contextlib.suppress(DirectoryError):
        assert exchange.read(text) == Document(format=FORMAT)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=documents(), second=documents())
def test_the_directory_becomes_what_a_file_says_whatever_it_was(
    database: Database, first: Document, second: Document
) -> None:
    database.run_now(emptied)
    for document in (first, second):
        # What is not named stays, and passwords have no way to say that there is none.
        database.run_now(importing.take, document, 2e9)
    found = database.run_now(lambda session: export(session, with_passwords=True))
    now, wanted = canonical(found), canonical(second)
    for entries in ("user", "application"):
        there = {entry["name"]: entry for entry in now[entries]}
        for entry in wanted[entries]:
            assert _without_passwords(there[entry["name"]]) == _without_passwords(entry)
            assert entry.get("password") in (None, there[entry["name"]].get("password"))
    assert [rule for rule in wanted["dial_rule"] if rule not in now["dial_rule"]] == []
    assert wanted.get("settings", {}).items() <= now.get("settings", {}).items()
    assert set(wanted.get("lines", ())) <= set(now.get("lines", ()))
    assert database.run_now(importing.take, second, 2e9).users == ()
    assert database.run_now(lambda session: export(session, with_passwords=True)) == found


def _without_passwords(entry: dict[str, Any]) -> dict[str, Any]:
    settings_ = {name: x for name, x in entry.get("settings", {}).items() if name != "Directory.Password"}
    return {**entry, "password": None, "settings": settings_}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_an_empty_directory_becomes_what_a_file_says(database: Database, document: Document) -> None:
    database.run_now(emptied)
    database.run_now(importing.take, document, 2e9)
    found = database.run_now(lambda session: export(session, with_passwords=True))
    assert canonical(found) == canonical(document)


CELLS = LINES.map(str.strip)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(PEOPLE), st.tuples(NAMES.map(str.strip).filter(bool), CELLS, CELLS)))
def test_a_table_comes_back_as_it_was(database: Database, known: dict[str, tuple[str, str, str]]) -> None:
    def fill(session: Any) -> str:
        emptied(session)
        for number, (name, (shown, first, department)) in enumerate(known.items()):
            users.add(session, name, None, shown)
            details.set_details(session, name, Details(first, department=department))
            lines.add(session, str(number), name)
        return people_csv.write(session)

    written = database.run_now(fill)
    before = database.run_now(users.users)
    database.run_now(emptied)
    people = people_csv.read(written)
    assert sorted(database.run_now(people_csv.take, people, {})) == sorted(known)
    assert database.run_now(users.users) == before
    assert database.run_now(people_csv.write) == written


@given(TEXTS | TEXTS.map(lambda text: f"name,lines\n{text}"))
def test_what_is_no_table_is_refused(text: str) -> None:
    with contextlib.suppress(DirectoryError):
        assert people_csv.read(text) == []
