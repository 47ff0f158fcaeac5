"""The commands for users and for what is the site's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctigw.directory import journal, long_term, system
from ctigw.presence import documents
from tests.desk import Desk

ALICE, BOB = "alice@example.com", "bob@example.com"


OF_THE_SITE = "Security is a setting of the site: users have none of their own"
WRONG_PROPERTY = (
    "a property is named by one line of at most 255 characters, its value is one of at most 4096, and a user "
    "has 500 at most"
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Where alice and bob are users."""
    desk = Desk(tmp_path / "var")
    for name in (ALICE, BOB):
        desk.said(f"user add {name} --password-stdin", "secret\n")
    return desk


def test_details(desk: Desk) -> None:
    desk.said(f"user details {ALICE} --first-name Alice --last-name 'Lid dell' --telephone-number +4930")
    desk.said(f"user details {ALICE} --department R --last-name Liddell")
    desk.said(f"user details {ALICE} --telephone-number ''")
    assert desk.said(f"user details {ALICE}") == (
        "DETAIL            VALUE\n"
        "first name        Alice\n"
        "last name         Liddell\n"
        "telephone number  -\n"
        "department        R\n"
        "manager           -\n"
        "locale            -\n"
    )


def test_users_are_found(desk: Desk) -> None:
    desk.said(f"user details {ALICE} --first-name Alice --department R")
    desk.said(f"user details {BOB} --first-name Bob")
    desk.said(f"line add 2001 --owner {ALICE}")
    found = (
        "NAME               FIRST NAME  LAST NAME  TELEPHONE  DEPARTMENT  LINES\n"
        "alice@example.com  Alice       -          -          R           2001\n"
    )
    assert desk.said("user find --first AL%") == desk.said("user find --limit 1") == found
    assert len(desk.said("user find").splitlines()) == 3


def test_calendaring(desk: Desk) -> None:
    off, on = f"calendaring of {ALICE} is off\n", f"calendaring of {ALICE} is on\n"
    assert desk.said(f"user calendaring {ALICE}") == off
    assert desk.said(f"user calendaring {ALICE} on") == on
    assert desk.said(f"user calendaring {ALICE}") == on
    assert desk.said(f"user calendaring {ALICE} off") == off


def test_long_term_status(desk: Desk) -> None:
    desk.said("user status set Alice@example.com --activity vacation --note 'at sea <&>' --basic closed")
    body = desk.database().run_now(long_term.status, ALICE)
    assert body is not None
    assert documents.checked(body) == f"sip:{ALICE}"
    shown = desk.said(f"user status show {ALICE}")
    assert "<basic>closed</basic>" in shown
    assert "vacation" in shown
    assert "at sea &lt;&amp;&gt;" in shown
    desk.said(f"user status clear {ALICE}")
    assert desk.said(f"user status show {ALICE}") == ""
    desk.said(f"user status clear {ALICE}")


def test_licences(desk: Desk) -> None:
    desk.said(f"licence set {ALICE} --video --no-im")
    desk.said(f"licence set {ALICE} --no-audio")
    assert desk.said(f"licence show {ALICE}") == (
        "FEATURE  ALLOWED\nups      yes\nbase     yes\nim       no\naudio    no\nvideo    yes\n"
    )


def test_properties(desk: Desk) -> None:
    desk.said(f"property set {ALICE} UI.Color white")
    desk.said(f"property set {ALICE} Preferred.Contact email --public")
    assert desk.said(f"property list {ALICE}") == (
        "NAME                VALUE  PUBLIC\n"
        "CallControl.Lineid  -      no\n"
        "Preferred.Contact   email  yes\n"
        "UI.Color            white  no\n"
    )
    desk.said(f"property unset {ALICE} UI.Color")
    assert "UI.Color" not in desk.said(f"property list {ALICE}")


def test_settings(desk: Desk) -> None:
    assert "VoiceMail.Primary" not in desk.said("setting list")
    assert desk.said("setting set VoiceMail.Primary.Address vm") == "VoiceMail.Primary.Address set\n"
    desk.said("setting set Presence.Domain a.b")
    desk.said("setting set Security ''")
    desk.said(f"setting set Presence.Domain c.d --user {ALICE}")

    def listed(words: str) -> list[str]:
        return [x for x in desk.said(words).splitlines() if x.split()[2] != "default"]

    assert [" ".join(x.split()) for x in listed(f"setting list --user {ALICE}")] == [
        "NAME VALUE FROM",
        "Security - site",
        "VoiceMail.Primary.Address vm site",
        "Presence.Domain c.d user",
    ]
    assert [x.split()[:2] for x in listed("setting list")][-1] == ["Presence.Domain", "a.b"]
    assert len(desk.said("setting list --all").splitlines()) == len(system.NAMES) + 1
    desk.said(f"setting unset Presence.Domain --user {ALICE}")
    desk.said("setting unset Security")
    assert [x.split()[1:] for x in listed(f"setting list --user {ALICE}")[1:]] == [
        ["vm", "site"],
        ["a.b", "site"],
    ]


def test_a_password_is_read_and_never_shown(desk: Desk) -> None:
    assert "hush" not in desk.said("setting set Directory.Password -", "hush\n")
    assert dict(desk.database().run_now(system.system_config, None))["Directory.Password"] == "hush"
    assert "hush" not in desk.said("setting list")
    assert "********" in desk.said("setting list")
    desk.said("setting unset Directory.Password")
    assert "********" not in desk.said("setting list --all")


def test_dialling_rules(desk: Desk) -> None:
    desk.said("dial-rule add lookup 'from town' --begins-with 9 --digits 8 --remove 1")
    desk.said("dial-rule add application town --prefix 9 --priority 2 --description 'The town'")
    desk.said("dial-rule modify application town --begins-with 555 --digits 7 --name 'to town'")
    assert desk.said("dial-rule list") == (
        "TYPE         PRIORITY  NAME       BEGINS WITH  DIGITS  REMOVE  PREFIX  DESCRIPTION\n"
        "application  2         to town    555          7       0       9       The town\n"
        "lookup       1         from town  9            8       1       -       -\n"
    )
    desk.said("dial-rule remove lookup 'from town'")
    assert len(desk.said("dial-rule list").splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("user details zoe@b", "there is no user zoe@b"),
        ("user find --first " + "x" * 256, "a pattern is one line of at most 255 characters"),
        ("user calendaring zoe@b on", "there is no user zoe@b"),
        ("user status set zoe@b", "there is no user zoe@b"),
        ("user status show zoe@b", "there is no user zoe@b"),
        ("user status clear zoe@b", "there is no user zoe@b"),
        ("licence show zoe@b", "there is no user zoe@b"),
        ("licence set zoe@b --im", "there is no user zoe@b"),
        ("property list zoe@b", "there is no user zoe@b"),
        (f"property unset {ALICE} none", "there is no such property"),
        (f"property set {ALICE} '' x", WRONG_PROPERTY),
        ("setting list --user zoe@b", "there is no user zoe@b"),
        ("setting set none x", "there is no setting 'none'"),
        ("setting unset none", "there is no setting 'none'"),
        (f"setting set Security 1 --user {ALICE}", OF_THE_SITE),
        ("dial-rule add application a --prefix x", "'x' is not up to 50 digits, + * #"),
        ("dial-rule modify application a --prefix 1", "there is no dialling rule a of type 1"),
        ("dial-rule remove lookup a", "there is no dialling rule a of type 2"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_and_changes_nothing(
    desk: Desk, words: str, why: str
) -> None:
    before = desk.database().run_now(journal.last)
    result = desk.do(words)
    assert (result.exit_code, result.stderr, result.stdout) == (1, f"ctigw: {why}\n", "")
    assert desk.database().run_now(journal.last) == before


@pytest.mark.parametrize(
    "words",
    [
        *(f"user details {ALICE}", "user find", f"user calendaring {ALICE}", f"user status show {ALICE}"),
        *(f"licence show {ALICE}", f"property list {ALICE}", "setting list", "dial-rule list"),
    ],
)
def test_where_there_is_no_database_nothing_is_listed_and_none_is_made(tmp_path: Path, words: str) -> None:
    desk = Desk(tmp_path / "none")
    assert desk.do(words).exit_code == 2
    assert not desk.data.exists()
