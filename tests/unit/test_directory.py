from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from ctigw import patterns
from ctigw.directory import applications, credentials, lines, passwords, users
from ctigw.directory.applications import ApplicationInfo
from ctigw.directory.credentials import Principal
from ctigw.directory.demo import ensure_demo
from ctigw.directory.errors import DirectoryError
from ctigw.directory.lines import LineInfo
from ctigw.directory.users import UserInfo
from ctigw.store.database import Database
from ctigw.store.tables import User

ALICE = "alice@example.com"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database._sessions.begin() as session:
        yield session


def test_users_are_kept_in_lower_case(session: Session) -> None:
    users.add(session, " Alice@Example.com", "secret")
    users.add(session, "bob@example.com", "secret", "Bob B.")
    lines.add(session, "2001", "ALICE@example.com")
    assert users.users(session) == [
        UserInfo(ALICE, "alice", ("2001",)),
        UserInfo("bob@example.com", "Bob B.", ()),
    ]


def test_the_lines_of_who_is_removed_stay(session: Session) -> None:
    users.add(session, ALICE, "secret")
    lines.add(session, "2001", ALICE)
    users.remove(session, ALICE)
    session.expire_all()
    assert lines.lines(session) == [LineInfo("2001", None)]
    assert users.users(session) == []


def test_lines_change_hands(session: Session) -> None:
    users.add(session, ALICE, "secret")
    lines.add(session, "2001")
    lines.assign(session, "2001", ALICE)
    assert lines.lines(session) == [LineInfo("2001", ALICE)]
    lines.assign(session, "2001", None)
    assert lines.lines(session) == [LineInfo("2001", None)]
    lines.remove(session, "2001")
    assert lines.lines(session) == []


def test_rights_are_granted_and_revoked(session: Session) -> None:
    applications.add(session, "Callcentre", "secret")
    for pattern in ("20*", "2001", "20*"):
        applications.grant(session, "callcentre", "monitor", pattern)
    applications.grant(session, "callcentre", "control", "2001")
    assert applications.applications(session) == [ApplicationInfo("callcentre", ("20*", "2001"), ("2001",))]
    applications.revoke(session, "callcentre", "monitor", "20*")
    assert applications.applications(session) == [ApplicationInfo("callcentre", ("2001",), ("2001",))]
    applications.remove(session, "callcentre")
    applications.add(session, "callcentre", "secret")
    session.expire_all()
    assert applications.applications(session) == [ApplicationInfo("callcentre")]


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda s: users.add(s, ALICE, "x"), "there is a user alice@example.com already"),
        (lambda s: users.add(s, "alice", "x"), "'alice' is not a user's name"),
        (lambda s: users.add(s, "a\nb@c", "x"), "is not a user's name"),
        (lambda s: users.add(s, "a\0b@c", "x"), "is not a user's name"),
        (lambda s: users.add(s, "a" * 300 + "@c", "x"), "is not a user's name"),
        (lambda s: users.add(s, "bob@c", ""), "a password has 1 to 1024 characters"),
        (lambda s: users.add(s, "bob@c", "x" * 1025), "a password has 1 to 1024 characters"),
        (lambda s: users.add(s, "bob@c", "x", "B\nob"), "a display name is one line"),
        (lambda s: users.remove(s, "bob@c"), "there is no user bob@c"),
        (lambda s: users.set_password(s, "bob@c", "x"), "there is no user bob@c"),
        (lambda s: lines.add(s, "2001"), "there is a line 2001 already"),
        (lambda s: lines.add(s, "20*"), "is not a line's number"),
        (lambda s: lines.add(s, "2002", "bob@c"), "there is no user bob@c"),
        (lambda s: lines.assign(s, "2002", None), "there is no line 2002"),
        (lambda s: lines.remove(s, "2002"), "there is no line 2002"),
        (lambda s: applications.add(s, "app", "x"), "there is an application app already"),
        (lambda s: applications.add(s, "a@b", "x"), "is not an application's name"),
        (lambda s: applications.remove(s, "x"), "there is no application x"),
        (lambda s: applications.set_password(s, "x", "x"), "there is no application x"),
        (lambda s: applications.grant(s, "x", "monitor", "*"), "there is no application x"),
        (lambda s: applications.grant(s, "app", "monitor", "2-1"), "a range goes up"),
        (lambda s: applications.revoke(s, "app", "monitor", "*"), "app has no right to monitor *"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    session: Session, act: Callable[[Session], Any], why: str
) -> None:
    users.add(session, ALICE, "secret")
    lines.add(session, "2001")
    applications.add(session, "app", "secret")
    with pytest.raises(DirectoryError) as refused:
        act(session)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "matching", "other"),
    [
        ("2001", ["2001"], ["20011", "200", ""]),
        ("20*", ["20", "2001", "20a"], ["2", "210", ""]),
        ("*", ["1", "x"], []),
        ("2001-2005", ["2001", "2003", "2005"], ["2000", "2006", "02003", "200x", "20035", "٢٠٠٣"]),
        ("1-3 2-8 7", ["1", "3", "5", "7", "8"], ["0", "9"]),
        ("001-003", ["001", "003"], ["1", "0003"]),
        ("", [], ["", "2001"]),
    ],
)
def test_patterns(written: str, matching: list[str], other: list[str]) -> None:
    matches = patterns.matcher(written.split())
    assert [number for number in matching if not matches(number)] == []
    assert [number for number in other if matches(number)] == []


@pytest.mark.parametrize(
    "pattern",
    ["", "2*1", "**", "*1", "1-", "-1", "5-1", "1-10", "a-b", "1 2", "x" * 65, "1,2", "1" * 19 + "-2"],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.PatternError):
        patterns.matcher([pattern])


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(patterns.PatternError, match="more than"):
        patterns.matcher(str(number) for number in range(patterns.MOST + 1))


def test_passwords_are_verified() -> None:
    kept = passwords.hash_password("secret")
    assert "secret" not in kept
    assert passwords.verify_password(kept, "secret")
    assert not passwords.needs_rehash(kept)
    for wrong in ("", "Secret", "x" * 2000, "\ud800"):
        assert not passwords.verify_password(kept, wrong)
    assert not passwords.verify_password("not a hash", "secret")


def test_nobody_takes_as_long_as_somebody() -> None:
    assert not passwords.needs_rehash(passwords.NOBODYS)
    assert not passwords.verify_password(None, "secret")


@pytest.mark.parametrize("name", [ALICE, "alice", "Alice", " ALICE@example.com "])
def test_a_user_may_do_everything_with_their_lines(session: Session, name: str) -> None:
    ensure_demo(session)
    lines.add(session, "3001", ALICE)
    expected = Principal(ALICE, "user", ("2001", "3001"), ("2001", "3001"))
    assert credentials.verify(session, name, "demo") == expected


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("zoe", "demo"),
        ("al%", "demo"),
        ("", "demo"),
        ("@", "demo"),
        ("a\0", "x"),
    ],
)
def test_who_is_not_known_is_nobody(session: Session, name: str, password: str) -> None:
    ensure_demo(session)
    assert credentials.verify(session, name, password) is None


def test_a_name_of_two_is_nobodys(session: Session) -> None:
    ensure_demo(session)
    users.add(session, "alice@example.org", "demo")
    assert credentials.verify(session, "alice", "demo") is None
    assert credentials.verify(session, ALICE, "demo") is not None


def test_an_application_may_do_what_it_was_granted(session: Session) -> None:
    applications.add(session, "app", "secret")
    applications.grant(session, "app", "monitor", "*")
    applications.grant(session, "app", "control", "2001-2005")
    expected = Principal("app", "application", ("*",), ("2001-2005",))
    assert credentials.verify(session, "app", "secret") == expected
    applications.set_password(session, "app", "other")
    assert credentials.verify(session, "app", "secret") is None


def test_a_login_renews_an_outdated_hash(session: Session) -> None:
    users.add(session, ALICE, "secret")
    row = session.get_one(User, ALICE)
    row.password_hash = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("secret")
    assert credentials.verify(session, ALICE, "wrong") is None
    assert passwords.needs_rehash(row.password_hash)
    assert credentials.verify(session, ALICE, "secret") is not None
    assert not passwords.needs_rehash(row.password_hash)
    assert credentials.verify(session, ALICE, "secret") is not None


def test_the_demo_changes_nothing_that_is_there(session: Session) -> None:
    ensure_demo(session)
    users.set_password(session, ALICE, "better")
    lines.assign(session, "2002", None)
    users.remove(session, "erin@example.com")
    session.expire_all()
    ensure_demo(session)
    assert credentials.verify(session, ALICE, "better") is not None
    assert [line.owner for line in lines.lines(session)][:2] == [ALICE, None]
    assert len(users.users(session)) == 5
