"""The directory as a file, there and back; users as a table."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ctigw.directory import (
    applications,
    contacts,
    credentials,
    details,
    dial_rules,
    exchange,
    groups,
    importing,
    journal,
    licensing,
    lines,
    long_term,
    passwords,
    people_csv,
    properties,
    rules,
    system,
    users,
)
from ctigw.directory.demo import ensure_demo
from ctigw.directory.details import Details
from ctigw.directory.errors import DirectoryError
from ctigw.directory.exporting import export
from ctigw.directory.importing import Imported
from ctigw.directory.journal import Kind, PropertyItem
from ctigw.directory.licensing import Features
from ctigw.directory.lines import LineInfo
from ctigw.directory.outcomes import Outcome
from ctigw.directory.passwords import Kept
from ctigw.directory.users import UserInfo
from ctigw.rules import Not, Rule, Status, Visibility, When
from ctigw.store.database import Database
from ctigw.store.tables import User
from tests.newcomers import newcomer

ALICE, BOB, JOE = "alice@example.com", "bob@example.com", "joe@elsewhere.org"
NOW = 1_000_000.0
PIDF = '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">\r\n"é"</presence>'


DIAL_RULE = (
    "format = 1\n[[dial_rule]]\ntype = {}\nname = 'a'\ndescription = ''\npriority = 1\n"
    "number_begins_with = ''\nnumber_of_digits = 1\ndigits_to_be_removed = 1\nprefix = ''"
)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database._sessions.begin() as session:
        yield session


def fill(session: Session) -> None:
    """The demo, and something of everything."""
    ensure_demo(session)
    details.set_details(session, ALICE, Details("Alíce", "L", "+49", "R&D", "queen", "en"))
    licensing.set_features(session, ALICE, Features(ups=False, video=True))
    properties.set_calendaring(session, ALICE, enabled=True)
    properties.set_properties(session, ALICE, [PropertyItem("a", 'b"\\', is_public=True)])
    groups.add(session, ALICE, [groups.Wanted("friends", Decimal("-33.3"))])
    wanted = [contacts.Wanted("friends", JOE, Decimal("0.5"), "Joey", display_on_phone=True)]
    contacts.add(session, ALICE, [*wanted, contacts.Wanted("", BOB)], foreign=["elsewhere.org"])
    whens = (When("away", (Not((Status("cupc", "a\tb"),)),)), When("busy"))
    kept = [Rule("a", Visibility.BLOCK, ("x",), "cupc", whens), Rule("b"), Rule("c")]
    rules.set_rules(session, ALICE, kept)
    rules.add_acl(session, ALICE, "a", [BOB, "zoe@far.org"], foreign=["far.org"])
    rules.set_acl(session, ALICE, "b", [])
    long_term.publish(session, ALICE, PIDF.encode(), 12.5)
    long_term.publish(session, BOB, b"\xff\x00", 13.5)
    lines.add(session, "3001")
    lines.add(session, "3002", ALICE)
    system.set_system(session, {"Presence.Domain": "a.b", "Directory.Password": "hush", "Security": ""})
    system.set_system(session, {"Directory.Password": "own", "Directory.DN": "cn=é"}, BOB)
    applications.add(session, "acd", "secret")
    for kind, pattern in (("monitor", "20*"), ("control", "2001"), ("users", "*@example.com")):
        applications.grant(session, "acd", kind, pattern)  # type: ignore[arg-type] # words of the type


def text_of(session: Session, *, with_passwords: bool = False) -> str:
    return exchange.write(export(session, with_passwords=with_passwords))


def taken(session: Session, text: str) -> Imported:
    return importing.take(session, exchange.read(text), NOW)


def emptied(session: Session) -> None:
    """The directory, without anything."""
    for user in users.users(session):
        users.remove(session, user.name)
    session.expire_all()
    for line in lines.lines(session):
        lines.remove(session, line.number)
    for application in applications.applications(session):
        applications.remove(session, application.name)
    for rule in dial_rules.dial_rules(session):
        dial_rules.remove(session, rule.type, rule.name)
    system.set_system(session, dict.fromkeys(system.stored(session)))
    session.expire_all()
    assert text_of(session, with_passwords=True) == f"# {exchange.Document.WORDS}\n\nformat = 1\n"


@pytest.mark.parametrize("with_passwords", [True, False])
def test_what_is_exported_comes_back_as_it_was(session: Session, with_passwords: bool) -> None:
    fill(session)
    written = text_of(session, with_passwords=with_passwords)
    emptied(session)
    done = taken(session, written)
    assert (len(done.users), done.applications) == (5, ("acd", "webapp"))
    assert text_of(session, with_passwords=with_passwords) == written
    assert len(done.locked) == (0 if with_passwords else 7)
    assert (credentials.verify(session, ALICE, "demo") is not None) is with_passwords
    assert (credentials.verify(session, "acd", "secret") is not None) is with_passwords
    last = journal.last(session)
    assert last > 0
    assert taken(session, written) == Imported((), (), done.locked)
    assert journal.since(session, last) == []


def test_what_a_file_says_nothing_of_stays(session: Session) -> None:
    fill(session)
    before = text_of(session, with_passwords=True)
    last = journal.last(session)
    assert taken(session, "format = 1").locked == ()
    taken(session, 'format = 1\n[[user]]\nname = " Alice@Example.com"\n[[application]]\nname = "ACD"')
    taken(session, text_of(session))
    assert text_of(session, with_passwords=True) == before
    assert journal.since(session, last) == []


def test_no_password_is_in_a_file_unless_it_is_asked_for(session: Session) -> None:
    fill(session)
    row = session.get_one(User, ALICE)
    secrets = [row.password_hash, str(row.sip_ha1_md5), str(row.sip_ha1_sha256), '"hush"', '"own"']
    written = text_of(session)
    assert [secret for secret in secrets if secret in written] == []
    assert "argon2" not in written
    written = text_of(session, with_passwords=True)
    assert [secret for secret in secrets if secret not in written] == []


def test_of_who_is_named_what_is_said_is_all_there_is(session: Session) -> None:
    fill(session)
    taken(
        session,
        f"""
        format = 1
        [[user]]
        name = "{ALICE}"
        display_name = ""
        details = {{ first_name = "Alice" }}
        features = {{ im = false }}
        calendaring = false
        lines = ["2002", "9"]
        settings = {{ "VoiceMail.Primary.Port" = "143" }}
        long_term_status = {{}}
        properties = [{{ name = "b", value = "c" }}]
        rules = [{{ name = "b" }}, {{ name = "d", visibility = "block", acl = ["Bob"] }}]
        groups = [
          {{ name = "friends", contacts = [{{ name = "bob", nickname = "B" }}] }},
        ]
        """,
    )
    (found,) = (entry for entry in export(session).user if entry.name == ALICE)
    assert found.details == Details("Alice")
    assert found.features == Features(im=False)
    assert (found.display_name, found.calendaring, found.lines) == ("", False, ("2002", "9"))
    assert found.settings == {"VoiceMail.Primary.Port": "143"}
    assert found.long_term_status == exchange.StatusEntry()
    assert found.properties == (exchange.PropertyEntry("b", "c"),)
    assert found.rules == (Rule("b"), Rule("d", Visibility.BLOCK, acl=(BOB,)))
    shown = [(g.name, [(c.name, c.nickname) for c in g.contacts or ()]) for g in found.groups or ()]
    assert shown == [("friends", [(BOB, "B")]), ("", [])]
    assert LineInfo("2001", None) in lines.lines(session)
    assert LineInfo("3002", None) in lines.lines(session)


def test_contacts_move_and_change_without_going(session: Session) -> None:
    fill(session)
    last = journal.last(session)
    taken(
        session,
        f"""
        format = 1
        foreign = ["elsewhere.org"]
        [[user]]
        name = "{ALICE}"
        groups = [
          {{ name = "", index = 2 }},
          {{ name = "colleagues", index = 1.0 }},
          {{ name = "friends", contacts = [{{ name = "{JOE}", index = 7, nickname = "Joey" }}] }},
        ]
        """,
    )
    changes = journal.since(session, last)
    assert [(change.kind, change.old is None, change.new is None) for change in changes] == [
        (Kind.GROUP, False, False),
        (Kind.CONTACT, False, False),
    ]


def test_lines_change_hands_in_any_order(session: Session) -> None:
    for name in (ALICE, BOB):
        newcomer(session, name)
    lines.add(session, "1", ALICE)
    lines.add(session, "2", BOB)
    entries = [f'[[user]]\nname = "{x}"\nlines = ["{n}"]\n' for x, n in ((ALICE, 2), (BOB, 1))]
    taken(session, f"format = 1\n{''.join(entries)}")
    assert lines.lines(session) == [LineInfo("1", BOB), LineInfo("2", ALICE)]
    taken(session, f'format = 1\nlines = ["1", "3"]\n[[user]]\nname = "{BOB}"\nlines = ["2"]')
    assert lines.lines(session) == [LineInfo("1", None), LineInfo("2", BOB), LineInfo("3", None)]


def test_rights_and_rules_become_what_a_file_says(session: Session) -> None:
    fill(session)
    rule = dial_rules.dial_rules(session)[0]
    taken(
        session,
        f"""
        format = 1
        [settings]
        Security = "2"
        "IM.enable" = "false"
        [[application]]
        name = "acd"
        monitor = ["3*", "20*"]
        users = []
        administers = true
        [[application]]
        name = "webapp"
        administers = false
        [[dial_rule]]
        type = 1
        name = "{rule.name}"
        description = ""
        priority = 5
        number_begins_with = ""
        number_of_digits = 0
        digits_to_be_removed = 0
        prefix = ""
        """,
    )
    acd, webapp = applications.applications(session)
    assert (acd.monitor, acd.control, acd.users, acd.administers) == (("20*", "3*"), ("2001",), (), True)
    assert (webapp.users, webapp.administers) == (("*",), False)
    changed = dial_rules.dial_rules(session)[0]
    assert (changed.priority, changed.description) == (5, "")
    assert len(dial_rules.dial_rules(session)) == 2
    assert system.stored(session)["IM.enable"] == "FALSE"
    assert system.stored(session)["Presence.Domain"] == "a.b"


def user(more: str, name: str = ALICE) -> str:
    return f'format = 1\n[[user]]\nname = "{name}"\n{more}'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("format = 1\nfoo", "not TOML: Expected '=' after a key in a key/value pair (at"),
        ("", "format is 1 in a file that this program reads"),
        ("format = 2", "format is 1 in a file that this program reads"),
        ("format = 1\nusers = []", "Object contains unknown field `users`"),
        (user("features = {imm = true}"), "unknown field `imm` - at `$.user[0].features`"),
        (user('details = {name = "x"}'), "unknown field `name` - at `$.user[0].details`"),
        (user('rules = [{name = "x", visiblity = "block"}]'), "unknown field `visiblity`"),
        (user('rules = [{name = "x", visibility = "none"}]'), "Invalid enum value 'none'"),
        (user('rules = [{name = "x", whens = [{status = "a", expr = []}]}]'), "unknown field `expr`"),
        (user("display_name = 1"), "Expected `str`, got `int` - at `$.user[0].display_name`"),
        (user('display_name = "a\\n"'), f"user {ALICE}: a display name is one line"),
        (user("", "alice"), "'alice' is not a user's name"),
        (user('[[user]]\nname = "Alice@example.com"'), f"user {ALICE}: it is there twice"),
        (user('lines = ["1", "1"]'), "line 1: it is there twice"),
        (user('lines = ["20*"]'), "'20*' is not a line's number"),
        ('format = 1\nlines = ["1"]\n' + user('lines = ["1"]')[11:], "line 1: it is there twice"),
        (user('settings = {Security = "1"}'), f"user {ALICE}: settings: Security is a setting of the site"),
        (user('settings = {x = "1"}'), f"user {ALICE}: settings: there is no setting 'x'"),
        (user('properties = [{name = "", value = ""}]'), f"user {ALICE}: properties: '': it cannot be so"),
        (
            user('properties = [{name = "a", value = ""}, {name = "a", value = ""}]'),
            f"user {ALICE}: properties: 'a' is there twice",
        ),
        (user('groups = [{name = "a"}, {name = "a"}]'), f"user {ALICE}: groups: 'a' is there twice"),
        (user('groups = [{name = "a\\n"}]'), f"user {ALICE}: groups: 'a\\n': it cannot be so"),
        (user('groups = [{name = "a", index = nan}]'), f"user {ALICE}: groups: 'a': it cannot be so"),
        (user('groups = [{name = "", index = inf}]'), f"user {ALICE}: groups: '': it cannot be so"),
        (
            user('groups = [{name = "", contacts = [{name = "zoe"}]}]'),
            f"user {ALICE}: groups: 'zoe@example.com': there is no such user",
        ),
        (
            user(f'groups = [{{name = "", contacts = [{{name = "{JOE}"}}]}}]'),
            f"user {ALICE}: groups: '{JOE}': there is no such user, and the domain is not among the foreign",
        ),
        (
            user('groups = [{name = "", contacts = [{name = "bob"}, {name = "BOB"}]}]'),
            f"user {ALICE}: groups: '{BOB}' is there twice",
        ),
        (
            user('groups = [{name = "", contacts = [{name = "bob", nickname = "\\n"}]}]'),
            f"user {ALICE}: groups: '{BOB}': it cannot be so",
        ),
        (
            user('groups = [{name = "", contacts = [{name = "a b"}]}]'),
            f"user {ALICE}: groups: 'a b' is nobody's name",
        ),
        (user('rules = [{name = ""}]'), f"user {ALICE}: rules: '': it cannot be so"),
        (user('rules = [{name = "a"}, {name = "a"}]'), f"user {ALICE}: rules: 'a' is there twice"),
        (user('rules = [{name = "a", acl = ["zoe"]}]'), f"user {ALICE}: rules: 'a': 'zoe@example.com': it"),
        (user('rules = [{name = "a", acl = ["a b"]}]'), f"user {ALICE}: rules: 'a b' is nobody's name"),
        (
            user('long_term_status = {text = "<x/>", published = -1}'),
            f"user {ALICE}: long_term_status: published is a time before now",
        ),
        (user('long_term_status = {text = "<x/>", published = nan}'), "published is a time before now"),
        (user('password = {hash = "x"}'), f"user {ALICE}: password: this is not what is kept of one"),
        ("format = 1\n[settings]\nx = '1'", "settings: there is no setting 'x'"),
        ("format = 1\n[[application]]\nname = 'a@b'", "'a@b' is not an application's name"),
        (
            "format = 1\n[[application]]\nname = 'a'\nmonitor = ['2-1']",
            "application a: 2-1: a range goes up, between numbers of one length",
        ),
        (
            "format = 1\n[[application]]\nname = 'a'\n[[application]]\nname = 'A'",
            "application a: it is there twice",
        ),
        (DIAL_RULE.format(3), "dial_rule 'a': a dialling rule is of type 1"),
        ("format = 1\n[[dial_rule]]\ntype = 1\nname = 'a'", "missing required field `description`"),
        ("x = " + "[" * 5000, "not TOML"),
        ("x = " + "1" * 5000, "not TOML that can be read"),
    ],
)  # fmt: skip
def test_who_is_to_blame_is_named_and_nothing_is_changed(database: Database, text: str, why: str) -> None:
    def prepare(session: Session) -> int:
        for name in (ALICE, BOB):
            newcomer(session, name)
        lines.add(session, "1", BOB)
        return journal.last(session)

    last = database.run_now(prepare)
    before = database.run_now(export)
    with pytest.raises(DirectoryError) as refused:
        database.run_now(lambda session: taken(session, text))
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
    assert database.run_now(export) == before
    assert database.run_now(journal.last) == last


@pytest.mark.parametrize(
    ("kept", "good"),
    [
        (Kept(passwords.NOBODYS), True),
        (Kept(passwords.NOBODYS, "0" * 32, "a" * 64), True),
        (Kept(passwords.NOBODYS, "0" * 31, "a" * 64), False),
        (Kept(passwords.NOBODYS, "0" * 32, "A" * 64), False),
        (Kept(""), False),
        (Kept("$argon2id$"), False),
        (Kept(passwords.NOBODYS.replace("m=19456", "m=1048577")), False),
        (Kept(passwords.NOBODYS.replace("t=2", "t=65")), False),
        (Kept(passwords.NOBODYS + "A" * 255), False),
    ],
)
def test_what_is_kept_of_a_password_is_looked_at(kept: Kept, good: bool) -> None:
    assert passwords.is_kept(kept) is good


def test_a_list_of_watchers_is_set_as_a_whole(session: Session) -> None:
    for name in (ALICE, BOB):
        newcomer(session, name)
    assert rules.set_acl(session, ALICE, "a", None).outcomes == (Outcome.NO_RULE,)
    rules.set_rules(session, ALICE, [Rule("a")])
    steps: list[tuple[Any, tuple[str, ...] | None, int]] = [
        ([BOB, ALICE], (ALICE, BOB), 2),
        ([BOB, BOB], (BOB,), 1),
        ([BOB], (BOB,), 0),
        ([], (), 1),
        ([], (), 0),
        (None, None, 1),
        (None, None, 0),
        ([], (), 1),
        ([JOE], (JOE,), 1),
        (None, None, 1),
        (["zoe"], (), 1),
    ]
    for watchers, expected, count in steps:
        done = rules.set_acl(session, ALICE, "a", watchers, foreign=["elsewhere.org"])
        assert rules.rules_of(session, ALICE) == (Rule("a", acl=expected),)
        assert len(done.changes) == count
    assert done.outcomes == (Outcome.FAILED,)


# Users as a table.


def people_of(session: Session, text: str) -> list[str]:
    people = people_csv.read(text)
    return people_csv.take(session, people, people_csv.prepare(people, people_csv.hashes(session)))


def test_a_table_adds_and_changes_users(session: Session) -> None:
    newcomer(session, BOB)
    lines.add(session, "2001", BOB)
    details.set_details(session, BOB, Details("Bob", manager="x"))
    text = (
        "\ufeffName;Display Name;Lines;First  name;telephone;Password\r\n"
        f'{ALICE.upper()};"Alice; L.";2001 2002;Alice;+49; s e\r\n'
        ";;;;;\r\n"
        f"{BOB};;;;;\r\n"
    )
    assert people_of(session, text) == [ALICE]
    assert users.users(session) == [UserInfo(ALICE, "Alice; L.", ("2001", "2002")), UserInfo(BOB, "Bob", ())]
    assert details.details(session, ALICE) == Details("Alice", telephone_number="+49")
    assert details.details(session, BOB) == Details(manager="x")
    assert credentials.verify(session, ALICE, " s e") is not None
    assert importing.locked(session) == (BOB,)
    last = journal.last(session)
    assert people_of(session, text) == []
    assert journal.since(session, last) == []


def test_columns_that_are_not_there_change_nothing(session: Session) -> None:
    newcomer(session, BOB)
    lines.add(session, "1", BOB)
    details.set_details(session, BOB, Details("Bob"))
    last = journal.last(session)
    assert people_of(session, f"name\n{BOB}\n") == []
    assert journal.since(session, last) == []


def test_what_is_exported_as_a_table_comes_back(session: Session) -> None:
    ensure_demo(session)
    details.set_details(session, ALICE, Details('A "b", c', "é", "+49", "R;D"))
    lines.add(session, "3001", ALICE)
    written = people_csv.write(session)
    assert "argon2" not in written
    emptied(session)
    assert len(people_of(session, written)) == 5
    assert people_csv.write(session) == written


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: there are no names of columns"),
        ("name,nmae\n", "line 1: 'nmae' is no column: there are name, display_name, lines"),
        ("name,user\n", "line 1: two columns have one name"),
        ("lines\n", "line 1: there is no column name"),
        (f"name\n{ALICE}\nbob\n", "line 3: 'bob' is not a user's name"),
        (f"name,lines\n{ALICE}\n", "line 2: there are 1 cells, and 2 columns"),
        (f"name\n{ALICE}\n\n{ALICE}\n", f"line 4: {ALICE} is in line 2 already"),
        (f"name,lines\n{ALICE},1\n{BOB},2 1\n", "line 3: 1 is in line 2 already"),
        (f"name,lines\n{ALICE},20*\n", "line 2: '20*' is not a line's number"),
        (f"name,first name\n{ALICE},x\n{BOB},{'x' * 256}\n", "line 3: a first name is one line"),
        (f'name,first name\n{ALICE},"x\n', "line 2: unexpected end of data"),
        (f'name,first name\n{ALICE},"x\ny"\n', "line 3: a first name is one line"),
        (f"name,password\n{ALICE},{'x' * 1025}\n", "line 2: a password has 1 to 1024 characters"),
        (f"name,display name\n{ALICE},{'x' * 256}\n", "line 2: a display name is one line"),
        (f"name\n{'x' * 200_000}\n", "line 2: field larger than field limit"),
    ],
)
def test_a_line_is_to_blame_and_nothing_is_changed(database: Database, text: str, why: str) -> None:
    with pytest.raises(DirectoryError) as refused:
        database.run_now(lambda session: people_of(session, text))
    assert str(refused.value).startswith(why)
    assert "\n" not in str(refused.value)
    assert database.run_now(users.users) == []


def test_a_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_csv, "MOST", 1)
    with pytest.raises(DirectoryError, match="line 3: more than 1 users"):
        people_csv.read("name\na@b\nc@d\n")
