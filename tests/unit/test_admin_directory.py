"""The commands that take the directory elsewhere."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ctigw.directory import credentials, exchange, exporting, journal, long_term, system
from ctigw.directory.demo import ensure_demo
from tests.desk import Desk

ALICE, BOB = "alice@example.com", "bob@example.com"
PIDF = '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com"/>'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Where the demo's people are."""
    desk = Desk(tmp_path / "var")
    desk.said("db upgrade")
    desk.database().run_now(ensure_demo)
    return desk


def text_of(desk: Desk) -> str:
    return exchange.write(
        desk.database().run_now(lambda session: exporting.export(session, with_passwords=True))
    )


@pytest.mark.parametrize("with_passwords", [True, False])
def test_a_directory_goes_elsewhere(desk: Desk, tmp_path: Path, with_passwords: bool) -> None:
    desk.database().run_now(long_term.publish, ALICE, PIDF.encode(), 1.0)
    desk.database().run_now(system.set_system, {"Directory.Password": "hush"})
    target, other = tmp_path / "out.toml", Desk(tmp_path / "other")
    target.write_text("what was there before")
    target.chmod(0o644)
    option = "--with-passwords" if with_passwords else ""
    result = desk.do(f"directory export {target} {option}")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "5 users and 1 applications exported\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()].count(target.name) == 1
    assert len(list(tmp_path.iterdir())) == 2
    assert ("hush" in target.read_text()) is ("argon2" in target.read_text()) is with_passwords
    for new in (
        "alice@example.com bob@example.com carol@example.com dave@example.com erin@example.com",
        "none",
    ):
        result = other.do(f"directory import {target}")
        assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"new users: {new}")
        locked = f"without a password, and cannot log in: {ALICE} {BOB}"
        assert result.stderr.startswith(locked) is not with_passwords
    assert other.database().run_now(long_term.status, ALICE) == PIDF.encode()
    assert (other.database().run_now(credentials.verify, ALICE, "demo") is not None) is with_passwords
    if with_passwords:
        assert text_of(other) == text_of(desk)


def test_a_file_may_be_standard_input_or_output(desk: Desk, tmp_path: Path) -> None:
    written = desk.do("directory export -").stdout
    assert exchange.read(written).format == exchange.FORMAT
    other = Desk(tmp_path / "other")
    assert other.do("directory import -", written).exit_code == 0
    assert other.do("directory export -").stdout == written
    table = desk.said("directory export-users -")
    assert table.splitlines()[1] == f"{ALICE},Alice,2001,,,,"
    assert other.said("directory export-users -") == table
    assert other.do("directory import-users -", table).stdout == "new users: none\n"


def test_a_table_of_users(desk: Desk, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    rows = [f"p{number}@example.com,P,{3000 + number}," for number in range(12)]
    people.write_text("\n".join(["name,first name,lines,password", *rows, f"{BOB},Bob,2002,secret"]))
    result = desk.do(f"directory import-users {people}")
    some = " ".join(f"p{number}@example.com" for number in range(10))
    assert (result.exit_code, result.stdout) == (0, f"new users: {some} and 2 more\nchanged users: {BOB}\n")
    assert "and cannot log in: p0@example.com p1" in result.stderr
    assert desk.database().run_now(credentials.verify, BOB, "secret") is not None
    last = desk.database().run_now(journal.last)
    assert desk.do(f"directory import-users {people}").stdout == "new users: none\n"
    assert desk.database().run_now(journal.last) == last
    desk.do(f"directory export-users {people}")
    assert stat.S_IMODE(people.stat().st_mode) == 0o600
    assert "secret" not in people.read_text()


def test_who_is_changed_and_whose_lines_are_taken_is_said(desk: Desk) -> None:
    table = "name,lines,department\nzed@example.com,2001 2999,Sales\n"
    said = (
        f"new users: zed@example.com\nchanged users: {ALICE}\n"
        f"lines that were somebody else's: 2001 ({ALICE})\n"
    )
    assert desk.do("directory import-users -", table).stdout == said
    assert desk.do("directory import-users -", table).stdout == "new users: none\n"
    moved = desk.do("directory import-users -", table.replace("Sales", "Sales and more"))
    assert moved.stdout == "new users: none\nchanged users: zed@example.com\n"


BAD_STATUS = f'format = 1\n[[user]]\nname = "{ALICE}"\nlong_term_status = {{ text = "<presence>" }}'


@pytest.mark.parametrize(
    ("words", "content", "status", "why"),
    [
        ("import", b"x", 1, "FILE: not TOML: Expected '='"),
        ("import", b"format = 3", 1, "FILE: format is 1 in a file that this program reads"),
        ("import", b"format = 1\n\n# \xff", 1, "FILE: line 3: this is not UTF-8"),
        ("import", BAD_STATUS.encode(), 1, f"FILE: user {ALICE}: long_term_status: "),
        ("import", b"format = 1\n[settings]\nx = 'y'", 1, "settings: there is no setting 'x'"),
        ("import-users", b"x", 1, "FILE: line 1: 'x' is no column"),
        ("import-users", b"name,password\na@b,\xff", 1, "FILE: line 2: this is not UTF-8"),
        ("import-users", b"name,password\na@b," + b"x" * 1025, 1, "FILE: line 2: a password has 1 to 1024"),
        ("import-users", b"name,lines\na@b,*", 1, "line 2: '*' is not a line's number"),
        ("import", None, 2, "FILE: No such file or directory"),
        ("import-users", None, 2, "FILE: No such file or directory"),
    ],
)
def test_what_cannot_be_imported_is_told_in_one_line_and_changes_nothing(
    desk: Desk, tmp_path: Path, words: str, content: bytes | None, status: int, why: str
) -> None:
    before = text_of(desk)
    target = tmp_path / "in"
    if content is not None:
        target.write_bytes(content)
    result = desk.do(f"directory {words} {target}")
    assert result.stderr.startswith(f"ctigw: {why.replace('FILE', str(target))}")
    assert (result.exit_code, result.stderr.count("\n"), result.stdout) == (status, 1, "")
    assert text_of(desk) == before


def test_a_file_is_not_too_long(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "LONGEST", 10)
    (tmp_path / "in").write_text("format = 1\n")
    result = desk.do(f"directory import {tmp_path}/in")
    assert (result.exit_code, result.stderr) == (1, f"ctigw: {tmp_path}/in: more than 10 bytes\n")


def test_what_cannot_be_written_leaves_nothing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = desk.do(f"directory export {tmp_path}/none/out")
    why = f"ctigw: {tmp_path}/none/out: No such file or directory\n"
    assert (result.exit_code, result.stderr) == (2, why)

    def full(_source: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    result = desk.do(f"directory export {tmp_path}/out")
    assert (result.exit_code, result.stderr) == (2, f"ctigw: {tmp_path}/out: No space left on device\n")
    assert [path.name for path in tmp_path.iterdir()] == ["var"]


@pytest.mark.parametrize("words", ["export -", "export-users -"])
def test_where_there_is_no_database_nothing_is_exported_and_none_is_made(tmp_path: Path, words: str) -> None:
    desk = Desk(tmp_path / "none")
    assert desk.do(f"directory {words}").exit_code == 2
    assert not desk.data.exists()
