from __future__ import annotations

from pathlib import Path

import pytest

from ctigw.cli import running
from ctigw.cli.admin import _since
from ctigw.directory import credentials
from ctigw.store import audit, call_log
from ctigw.store.database import HEAD
from tests.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "var ?#%")


def test_users_and_lines(desk: Desk) -> None:
    desk.said("user add alice@example.com --display Alice --password-stdin", "secret\n")
    desk.said("user add bob@example.com --password-stdin", "secret")
    desk.said("line add 2001 --owner alice@example.com")
    desk.said("line add 2002")
    assert desk.said("user list") == (
        "NAME               SHOWN AS  LINES\n"
        "alice@example.com  Alice     2001\n"
        "bob@example.com    bob       -\n"
    )
    assert desk.said("line list") == "NUMBER  OWNER\n2001    alice@example.com\n2002    -\n"
    desk.said("line assign 2002 bob@example.com")
    desk.said("line assign 2001")
    desk.said("user display bob@example.com Robert")
    desk.said("user remove alice@example.com")
    desk.said("line remove 2001")
    assert desk.said("user list").splitlines()[1:] == ["bob@example.com  Robert    2002"]
    assert desk.said("line list").splitlines()[1:] == ["2002    bob@example.com"]


def test_applications(desk: Desk) -> None:
    desk.said("app add acd --password-stdin", "secret\n")
    desk.said("app grant acd monitor 20* 3001")
    desk.said("app grant acd control 2001-2005")
    desk.said("app revoke acd monitor 3001")
    assert desk.said("app grant acd users *@example.com") == "acd may act for *@example.com\n"
    assert desk.said("app grant acd administer") == "acd may administer\n"
    assert desk.said("app list") == (
        "NAME  MONITORS  CONTROLS   ACTS FOR       ADMINISTERS\n"
        "acd   20*       2001-2005  *@example.com  yes\n"
    )
    assert desk.said("app revoke acd users *@example.com").startswith("acd was granted to act for *@")
    desk.said("app revoke acd administer")
    assert desk.said("app list").splitlines()[1:] == ["acd   20*       2001-2005  -         -"]
    desk.said("app remove acd")
    assert desk.said("app list") == "NAME  MONITORS  CONTROLS  ACTS FOR  ADMINISTERS\n"


@pytest.mark.parametrize("words", ["grant acd monitor", "revoke acd users", "grant acd watch *"])
def test_a_right_to_lines_or_users_says_which(desk: Desk, words: str) -> None:
    assert desk.do(f"app {words}").exit_code == 2


def test_passwords_are_asked_for_twice_or_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "has_terminal", lambda: True)
    desk.do("user add alice@example.com", "first\nfirst\n")
    desk.do("app add acd", "first\nfirst\n")
    for name, words in (("alice", "user password alice@example.com"), ("acd", "app password acd")):
        assert desk.database().run_now(credentials.verify, name, "first")
        desk.said(f"{words} --password-stdin", "second\n")
        assert desk.database().run_now(credentials.verify, name, "second")
    assert desk.do("user password alice@example.com", "third\nother\n").exit_code == 1


def test_where_there_is_no_terminal_nothing_is_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "has_terminal", lambda: False)
    result = desk.do("user add alice@example.com", "first\nfirst\n")
    why = "ctigw: there is no terminal to ask for the password; --password-stdin reads it\n"
    assert (result.exit_code, result.stderr) == (2, why)


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        ("user remove zoe@example.com", 1, "ctigw: there is no user zoe@example.com\n"),
        ("app grant acd users alice", 1, "ctigw: there is no application acd\n"),
        ("app grant acd monitor *", 1, "ctigw: there is no application acd\n"),
        ("line add 20*", 1, "ctigw: '20*' is not a line's number: up to 64 letters, digits and + # . _\n"),
        ("user list --config /nowhere", 2, "ctigw: /nowhere: No such file or directory\n"),
        ("line add 2001 --data /dev/null/x", 2, "ctigw: --data: [Errno 20] Not a directory: '/dev/null/x'\n"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(desk: Desk, words: str, status: int, why: str) -> None:
    result = desk.do(words)
    assert (result.exit_code, result.stderr, result.stdout) == (status, why, "")


def test_the_store_of_the_configuration_is_used(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(f'[store]\nurl = "sqlite:///{tmp_path}/other.sqlite"\n')
    desk.said(f"line add 2001 --config {tmp_path}/c.toml")
    assert (tmp_path / "other.sqlite").exists()
    assert not desk.data.exists()


def test_the_database_is_brought_up_to_date(desk: Desk) -> None:
    assert desk.said("db upgrade") == f"from nothing to {HEAD}\n"
    assert desk.said("db upgrade") == f"at {HEAD} already\n"
    assert desk.said("db revision") == f"at {HEAD}, needs {HEAD}\n"


@pytest.mark.parametrize("words", ["user list", "line list", "app list", "calls", "audit", "db revision"])
def test_where_there_is_no_database_nothing_is_listed_and_none_is_made(desk: Desk, words: str) -> None:
    result = desk.do(words)
    file = desk.data / "ctigw.sqlite"
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"ctigw: {file}: there is no such database\n"
    assert not desk.data.exists()


def test_what_is_no_database_is_named(desk: Desk) -> None:
    desk.data.mkdir()
    file = desk.data / "ctigw.sqlite"
    file.write_text("notes" * 1000)
    result = desk.do("user list")
    assert (result.exit_code, result.stderr) == (2, f"ctigw: {file}: file is not a database\n")


def test_the_logs_are_shown(desk: Desk) -> None:
    desk.said("db upgrade")
    assert desk.said("calls").splitlines() == ["STARTED  CALL  LINE  CALLING  CALLED  ANSWERED  ENDED  CAUSE"]
    entry = call_log.LoggedCall(
        "7", "2001", "2001", "9\x1b[2J", 1_700_000_000.0, None, 1_700_000_009.5, "busy"
    )
    desk.database().run_now(call_log.record, [entry])
    shown = desk.said("calls --device 2001 --since 2020-01-01 --limit 5").splitlines()[1]
    assert shown.split()[2:6] == ["7", "2001", "2001", "9?[2J"]
    assert len(desk.said("calls --since 1h").splitlines()) == 1
    desk.database().run_now(
        audit.record, [audit.Audited(1_700_000_000.0, "alice@example.com", "MakeCall", "done", "2001")]
    )
    shown = desk.said("audit --who alice@example.com --device 2001").splitlines()[1]
    assert shown.split()[2:] == ["alice@example.com", "2001", "MakeCall", "done", "-"]
    assert len(desk.said("audit --who bob").splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 999_910.0), ("2h", 992_800.0), ("1970-01-02T00:00:00+00:00", 86_400.0)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert _since(text, 1_000_000.0) == seconds


@pytest.mark.parametrize("text", ["yesterday", "5", "2h30m", "2026-13-01"])
def test_what_is_no_time_is_refused(desk: Desk, text: str) -> None:
    result = desk.do(f"calls --since {text}")
    assert result.exit_code == 2
    assert "is neither" in result.stderr
