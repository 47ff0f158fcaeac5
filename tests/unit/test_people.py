"""What belongs to users: passwords for SIP, the journal, settings, long-term status, all of it together."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import URL, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ctigw.directory import (
    applications,
    contacts,
    credentials,
    groups,
    journal,
    lines,
    long_term,
    passwords,
    people,
    properties,
    recent,
    users,
)
from ctigw.directory import rules as kept_rules
from ctigw.directory.contact_list import contact_list
from ctigw.directory.demo import PEOPLE, ensure_demo
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import (
    CalendaringItem,
    Change,
    Kind,
    LineItem,
    LongTermItem,
    PropertyItem,
    UserItem,
)
from ctigw.directory.outcomes import Outcome
from ctigw.directory.people import Group, Profile
from ctigw.directory.recent import Communication
from ctigw.rules import Rule, Visibility
from ctigw.store import bindings, messages, migrations, publications
from ctigw.store.database import Database
from ctigw.store.tables import GroupRow, LongTermRow, RecentRow, User
from tests.newcomers import newcomer

ALICE, BOB = "alice@example.com", "bob@example.com"
OK, FAILED = Outcome.SUCCEEDED, Outcome.FAILED


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Where alice and bob are, without passwords, which take time."""
    with database._sessions.begin() as session:
        for name in (ALICE, BOB):
            newcomer(session, name)
        yield session


def told(changes: tuple[Change, ...]) -> list[Any]:
    return [(x.kind, x.user, x.old, x.new) for x in changes]


# Passwords for SIP.


def test_what_is_kept_for_sip_is_of_name_domain_and_password() -> None:
    expected = b"alice:example.com:s\xc3\xa9cret"
    md5 = hashlib.md5(expected).hexdigest()
    assert passwords.sip_ha1(ALICE, "sécret") == (md5, hashlib.sha256(expected).hexdigest())


def test_what_is_kept_for_sip_is_that_of_the_standard() -> None:
    """RFC 7616, section 3.9.1, gives the response that comes of it; its realm is our domain here."""
    user, realm, password = "Mufasa", "http-auth@example.org", "Circle of Life"
    assert passwords.sip_ha1(f"{user}@{realm}", password).md5 == "3d78807defe7de2157e2b0b6573a855f"


def test_a_password_is_kept_for_sip_too(session: Session) -> None:
    users.add(session, "Carol@example.com", "secret")
    row = session.get_one(User, "carol@example.com")
    assert (row.sip_ha1_md5, row.sip_ha1_sha256) == passwords.sip_ha1("carol@example.com", "secret")
    users.set_password(session, "carol@example.com", "other")
    assert (row.sip_ha1_md5, row.sip_ha1_sha256) == passwords.sip_ha1("carol@example.com", "other")


def test_who_logs_in_can_do_so_by_sip_from_then_on(session: Session) -> None:
    session.get_one(User, ALICE).password_hash = passwords.hash_password("secret")
    assert credentials.outdated(credentials.look_up(session, ALICE))
    assert credentials.verify(session, ALICE, "wrong") is None
    assert session.get_one(User, ALICE).sip_ha1_md5 is None
    last = journal.last(session)
    assert credentials.verify(session, ALICE, "secret") is not None
    assert session.get_one(User, ALICE).sip_ha1_sha256 == passwords.sip_ha1(ALICE, "secret").sha256
    assert [(x.kind, x.user) for x in journal.since(session, last)] == [(Kind.USER, ALICE)]
    assert not credentials.outdated(credentials.look_up(session, ALICE))


def test_applications_and_nobody_have_nothing_for_sip(session: Session) -> None:
    applications.add(session, "app", "secret")
    assert not credentials.outdated(credentials.look_up(session, "app"))
    assert not credentials.outdated(credentials.look_up(session, "zoe"))


# The journal.


def test_changes_are_numbered_and_read_in_their_order(session: Session) -> None:
    first = journal.last(session)
    changes = [Change(Kind.USER, ALICE, None, UserItem(str(number))) for number in range(5)]
    written = journal.record(session, changes)
    assert [x.number for x in written] == sorted(x.number for x in written)
    assert told(written) == told(tuple(changes))
    assert journal.since(session, first) == list(written)
    assert journal.since(session, first, 2) == list(written[:2])
    assert journal.since(session, written[2].number) == list(written[3:])
    assert journal.last(session) == written[-1].number
    assert journal.since(session, written[-1].number) == []


def test_nothing_is_no_change(session: Session) -> None:
    first = journal.last(session)
    assert journal.record(session, []) == ()
    assert journal.record(session, [Change(Kind.USER, ALICE)]) == ()
    assert journal.last(session) == first


def test_numbers_are_not_given_again_when_all_is_forgotten(database: Database) -> None:
    change = Change(Kind.LINE, ALICE, None, LineItem("1"))
    (first,) = database.run_now(journal.record, [change])
    database.run_now(journal.record, [change] * 3)
    assert database.run_now(journal.forget, 0.0, 10) == 0
    assert database.run_now(journal.forget, 9e9, 3) == 3
    assert database.run_now(journal.forget, 9e9, 3) == 1
    assert database.run_now(journal.last) == 0
    (again,) = database.run_now(journal.record, [change])
    assert again.number == first.number + 4
    assert database.run_now(journal.since, first.number) == [again]


def test_who_reads_misses_no_change_of_two_who_write_at_once(database: Database, url: URL) -> None:
    """The second one waits for the first, so that numbers are committed in their order."""
    change = Change(Kind.LINE, ALICE, None, LineItem("1"))
    other = Database(url)
    in_a_file = url.get_backend_name() == "sqlite"

    def impatient(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout=0" if in_a_file else "SET lock_timeout = 1")
        connection.commit()

    event.listen(other._engine, "connect", impatient)
    with database._sessions.begin() as session:
        (first,) = journal.record(session, [change])
        with pytest.raises(OperationalError, match="lock"):
            other.run_now(journal.record, [change])
    (second,) = other.run_now(journal.record, [change])
    assert database.run_now(journal.since, first.number - 1) == [first, second]
    other.close()


def test_a_change_that_is_undone_is_not_in_the_journal(database: Database) -> None:
    def half(session: Session) -> None:
        journal.record(session, [Change(Kind.LINE, ALICE, None, LineItem("1"))])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.run_now(half)
    assert database.run_now(journal.since, 0) == []


def test_every_kind_of_change_can_be_read_again() -> None:
    assert set(journal.ITEMS) == set(Kind)


def test_users_and_their_lines_are_told(session: Session) -> None:
    carol, item = "carol@example.com", UserItem("Carol")
    changes = [
        *users.add(session, carol, "secret", "Carol"),
        *users.set_password(session, carol, "other"),
        *users.set_display_name(session, carol, "C."),
        *lines.add(session, "2003", carol),
        *lines.add(session, "2004"),
        *lines.assign(session, "2003", ALICE),
        *lines.assign(session, "2003", ALICE),
        *lines.remove(session, "2003"),
        *lines.assign(session, "2004", carol),
        *users.remove(session, carol),
    ]
    three, four = LineItem("2003"), LineItem("2004")
    assert told(tuple(changes)) == [
        (Kind.USER, carol, None, item),
        (Kind.PASSWORD, carol, item, item),
        (Kind.USER, carol, item, UserItem("C.")),
        (Kind.LINE, carol, None, three),
        (Kind.LINE, carol, three, None),
        (Kind.LINE, ALICE, None, three),
        (Kind.LINE, ALICE, three, None),
        (Kind.LINE, carol, None, four),
        (Kind.LINE, carol, four, None),
        (Kind.USER, carol, UserItem("C."), None),
    ]
    assert journal.since(session, 0)[-len(changes) :] == changes
    everything = session.execute(text("SELECT old, new FROM directory_changes")).all()
    assert "secret" not in repr(everything)


def test_who_is_removed_leaves_nothing(session: Session) -> None:
    groups.add(session, ALICE, [groups.Wanted("a")])
    contacts.add(session, ALICE, [contacts.Wanted("a", BOB)])
    kept_rules.set_rules(session, ALICE, [Rule("a")])
    kept_rules.add_acl(session, ALICE, "a", [BOB])
    properties.set_properties(session, ALICE, [PropertyItem("a", "b", is_public=True)])
    long_term.publish(session, ALICE, b"<presence/>", 1.0)
    recent.add(session, ALICE, Communication("2006-03-24", "1", ""))
    publications.write(session, [publications.Row("p", ALICE, "e", "", 9e9, 0.0, 1, b"")], [])
    bindings.write(session, [bindings.Row(ALICE, "sip:a", b"", 9e9)], [])
    messages.keep(session, [messages.Row(ALICE, BOB, "text/plain", 0.0, 9e9, b"")])
    users.remove(session, ALICE)
    session.expire_all()
    assert publications.load(session, 0.0) == []
    assert bindings.load(session, 0.0) == []
    assert messages.recipients(session) == {}
    newcomer(session, ALICE)
    assert people.profile(session, ALICE) == Profile(ALICE, "Alice", None, None, groups=(Group("", ()),))
    assert properties.properties(session, ALICE) == (PropertyItem(properties.LINE, "", is_public=False),)
    assert long_term.status(session, ALICE) is None
    assert recent.communications(session, ALICE) == ()


# Settings.


def test_settings_are_kept_under_their_names(session: Session) -> None:
    items = [
        PropertyItem("Preferred.Contact", "email", is_public=True),
        PropertyItem("UI.Color.Background", "white", is_public=False),
        PropertyItem("PhoneNumber.Primary", "200", is_public=True),
    ]
    line = PropertyItem(properties.LINE, "", is_public=False)
    assert properties.set_properties(session, ALICE, items).outcomes == (OK, OK, OK)
    assert properties.properties(session, ALICE) == (line, items[2], items[0], items[1])
    assert properties.properties(session, BOB) == (line,)
    black = PropertyItem("UI.Color.Background", "black", is_public=True)
    done = properties.set_properties(session, ALICE, [black, items[0]])
    assert told(done.changes) == [(Kind.PROPERTY, ALICE, items[1], black)]
    assert black in properties.properties(session, ALICE)
    gone = properties.delete_properties(
        session, ALICE, ["UI.Color.Background", "none", "UI.Color.Background"]
    )
    assert gone.outcomes == (OK, FAILED, FAILED)
    assert told(gone.changes) == [(Kind.PROPERTY, ALICE, black, None)]
    assert properties.properties(session, ALICE) == (line, items[2], items[0])


def test_the_line_is_the_first_one_unless_it_is_set(session: Session) -> None:
    lines.add(session, "2002", ALICE)
    lines.add(session, "2001", ALICE)
    assert properties.properties(session, ALICE) == (PropertyItem(properties.LINE, "2001", is_public=False),)
    other = PropertyItem(properties.LINE, "2002", is_public=True)
    properties.set_properties(session, ALICE, [other])
    assert properties.properties(session, ALICE) == (other,)


def test_settings_are_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "MOST", 2)
    named = [("", "x"), ("a" * 256, "x"), ("a\0", "x"), ("a", "x" * 4097), ("a", "\ud800"), ("a", "x")]
    named += [("b", ""), ("c", ""), ("a", "y")]
    items = [PropertyItem(name, value, is_public=False) for name, value in named]
    assert properties.set_properties(session, ALICE, items).outcomes == (*(FAILED,) * 5, OK, OK, FAILED, OK)


def test_the_calendar_is_part_of_the_presence_or_not(session: Session) -> None:
    assert not properties.calendaring(session, ALICE)
    on, off = CalendaringItem(enabled=True), CalendaringItem(enabled=False)
    assert told(properties.set_calendaring(session, ALICE, enabled=True)) == [
        (Kind.CALENDARING, ALICE, off, on)
    ]
    assert properties.calendaring(session, ALICE)
    assert properties.set_calendaring(session, ALICE, enabled=True) == ()
    assert told(properties.set_calendaring(session, ALICE, enabled=False)) == [
        (Kind.CALENDARING, ALICE, on, off)
    ]


# What is for long, and what is remembered.


def test_a_long_term_status_is_replaced_and_taken_back(session: Session) -> None:
    body = b"<presence>\x00\xff%s</presence>"
    one, two = LongTermItem(1.0), LongTermItem(2.0)
    assert told(long_term.publish(session, ALICE, b"first", 1.0)) == [
        (Kind.LONG_TERM_STATUS, ALICE, None, one)
    ]
    assert told(long_term.publish(session, ALICE, body, 2.0)) == [(Kind.LONG_TERM_STATUS, ALICE, one, two)]
    assert long_term.status(session, ALICE) == body
    assert long_term.statuses(session) == [(ALICE, 2.0, body)]
    assert told(long_term.unpublish(session, ALICE)) == [(Kind.LONG_TERM_STATUS, ALICE, two, None)]
    assert long_term.unpublish(session, ALICE) == ()
    assert long_term.status(session, ALICE) is None
    with pytest.raises(DirectoryError, match="65536 bytes at most"):
        long_term.publish(session, ALICE, b"x" * 65_537, 3.0)


def test_communications_come_newest_first_in_the_clients_words(session: Session) -> None:
    written = [
        Communication("2006-03-24", "2", "<what>xmltag-other</what>"),
        Communication("2007-03-24", "3", "<what>this is another record</what>"),
        Communication("2005-03-22", "1", "<what>this is a record</what>"),
        Communication(" 2006-03-24T00:00:00.5Z ", "1", ""),
        Communication("2006-03-24", "4", ""),
    ]
    for communication in written:
        recent.add(session, ALICE, communication)
    assert [x.type for x in recent.communications(session, ALICE)] == ["3", "1", "4", "2", "1"]
    assert set(recent.communications(session, ALICE)) == set(written)
    assert recent.communications(session, BOB) == ()


def test_the_oldest_communications_are_forgotten(session: Session) -> None:
    recent.add(session, BOB, Communication("2001-01-01", "b", ""))
    for year in (2004, 2001, 2003, 2002, 2005):
        recent.add(session, ALICE, Communication(f"{year}-01-01", "a", ""), 3)
    years = [x.timestamp[:4] for x in recent.communications(session, ALICE)]
    assert years == ["2005", "2004", "2003"]
    assert len(recent.communications(session, BOB)) == 1


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("1970-01-02", 86_400.0),
        ("1970-01-02Z", 86_400.0),
        ("1970-01-02+01:00", 82_800.0),
        ("1970-01-01T00:00:10", 10.0),
        ("1970-01-01T00:00:10.25Z", 10.25),
        ("1970-01-01T00:00:10-00:01", 70.0),
    ],
)
def test_a_date_means_a_time(timestamp: str, seconds: float) -> None:
    assert recent.moment(timestamp) == seconds


@pytest.mark.parametrize(
    ("communication", "why"),
    [
        (Communication("yesterday", "1", ""), "'yesterday' is not a date"),
        (Communication("", "1", ""), "'' is not a date"),
        (Communication("2006-13-01", "1", ""), "is not a date"),
        (Communication("2006-02-30Z", "1", ""), "is not a date"),
        (Communication(" " * 99 + "2006-02-03", "1", ""), "is not a date"),
        (Communication("2006-02-03", "1" * 65, ""), "the type of a communication"),
        (Communication("2006-02-03", "1", "x" * 8193), "the data of a communication"),
        (Communication("2006-02-03", "\0", ""), "the type of a communication"),
        (Communication("2006-02-03", "1", "\ud800"), "the data of a communication"),
    ],
)
def test_what_is_no_communication_is_refused(
    session: Session, communication: Communication, why: str
) -> None:
    with pytest.raises(DirectoryError, match=why):
        recent.add(session, ALICE, communication)
    assert recent.communications(session, ALICE) == ()


@pytest.mark.parametrize(
    "ask",
    [
        properties.properties,
        lambda s, who: properties.set_properties(s, who, []),
        lambda s, who: properties.delete_properties(s, who, []),
        properties.calendaring,
        lambda s, who: properties.set_calendaring(s, who, enabled=True),
        lambda s, who: long_term.publish(s, who, b"", 0.0),
        long_term.unpublish,
        long_term.status,
        lambda s, who: recent.add(s, who, Communication("2006-01-01", "1", "")),
        recent.communications,
    ],
)
def test_who_is_nobody_is_refused(session: Session, ask: Callable[[Session, str], Any]) -> None:
    with pytest.raises(DirectoryError, match=r"there is no user zoe@example\.com"):
        ask(session, "zoe@example.com")


# All of it together.


def test_a_profile_has_all_that_presence_needs(session: Session) -> None:
    users.add(session, "carol@example.com", "secret", "Carol C.")
    lines.add(session, "2004", "carol@example.com")
    lines.add(session, "2003", "carol@example.com")
    lines.add(session, "9999")
    groups.add(session, "carol@example.com", [groups.Wanted("work"), groups.Wanted("none")])
    groups.modify(session, "carol@example.com", [groups.Changed("none", index=Decimal(-1))])
    wanted = [contacts.Wanted("work", BOB, Decimal(5)), contacts.Wanted("work", ALICE)]
    contacts.add(session, "carol@example.com", wanted)
    contacts.add(session, "carol@example.com", [contacts.Wanted("", "joe@x.org")], foreign=["x.org"])
    kept_rules.set_rules(session, "carol@example.com", [Rule("b"), Rule("a", Visibility.BLOCK)])
    kept_rules.add_acl(session, "carol@example.com", "a", [BOB, ALICE])
    kept_rules.set_rules(session, ALICE, [Rule("c")])
    carol = Profile(
        "carol@example.com",
        "Carol C.",
        *passwords.sip_ha1("carol@example.com", "secret"),
        lines=("2003", "2004"),
        rules=(Rule("a", Visibility.BLOCK, acl=(ALICE, BOB)), Rule("b")),
        groups=(Group("none", ()), Group("", ("joe@x.org",)), Group("work", (BOB, ALICE))),
    )
    alice = Profile(ALICE, "Alice", None, None, rules=(Rule("c"),), groups=(Group("", ()),))
    bob = Profile(BOB, "Bob", None, None, groups=(Group("", ()),))
    assert people.load(session) == [alice, bob, carol]
    assert [people.profile(session, who.name) for who in (alice, bob, carol)] == [alice, bob, carol]
    assert people.profile(session, "zoe@example.com") is None


def test_everybody_is_loaded_in_six_statements_and_every_name_is_there_once(
    database: Database, session: Session
) -> None:
    everybody = [f"user{number}@example.com" for number in range(50)]
    for name in everybody:
        newcomer(session, name)
    for name in everybody:
        contacts.add(session, name, [contacts.Wanted("", other) for other in everybody])
    asked: list[str] = []

    def note(_connection: object, _cursor: object, text: str, *_more: object) -> None:
        asked.append(text)

    event.listen(database._engine, "before_cursor_execute", note)
    profiles = people.load(session)
    assert len(asked) == 6
    names = {profile.name: profile.name for profile in profiles}
    listed = [name for profile in profiles for group in profile.groups for name in group.members]
    assert len(listed) == 2500
    assert all(name is names[name] for name in listed)
    assert not any(map(gc.is_tracked, profiles))


def test_the_people_of_the_demo_know_each_other(session: Session) -> None:
    for name in (ALICE, BOB):
        users.remove(session, name)
    ensure_demo(session)
    for person in PEOPLE:
        unnamed, colleagues = contact_list(session, f"{person}@example.com")
        assert (unnamed.name, unnamed.contacts, colleagues.name) == ("", (), "colleagues")
        others = [f"{other}@example.com" for other in PEOPLE if other != person]
        assert [contact.name for contact in colleagues.contacts] == others
    groups.modify(session, ALICE, [groups.Changed("colleagues", "friends")])
    last = journal.last(session)
    ensure_demo(session)
    assert journal.since(session, last) == []


# The tables.


def test_who_was_there_before_has_a_group_without_a_name(url: URL) -> None:
    database = Database(url)
    with database._engine.begin() as connection:
        migrations.upgrade(connection, "0003")
        connection.execute(
            text("INSERT INTO users (name, display_name, password_hash) VALUES ('a@b', 'A', 'x')")
        )
    database.migrate()
    assert database.run_now(people.load) == [Profile("a@b", "A", None, None, groups=(Group("", ()),))]
    assert not database.run_now(properties.calendaring, "a@b")
    database.close()


def test_what_the_migration_made_it_can_take_away(url: URL) -> None:
    from alembic import command

    database = Database(url)
    database.migrate()
    with database._engine.begin() as connection:
        config = migrations.settings()
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
    assert database.revision() == "0003"
    database.migrate()
    assert database.run_now(people.load) == []
    database.close()


@pytest.mark.parametrize("row", [GroupRow, LongTermRow, RecentRow])
def test_what_is_a_users_goes_with_them(row: Any) -> None:
    (key,) = row.__table__.columns["owner"].foreign_keys
    assert (key.column.table.name, key.ondelete) == ("users", "CASCADE")
