"""The log in files: written in bounds, and read by nobody who asks for something else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ctigw.app.log_reading import content, listed
from ctigw.config import Log
from ctigw.net import logs
from ctigw.net.log_files import NAME, LogFiles


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def lines(folder: Path, name: str = NAME) -> list[str]:
    return (folder / name).read_text(encoding="utf-8").splitlines()


def test_what_is_logged_is_in_a_file_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a" / "log"
    close = logs.configure(Log(format="json", folder=str(folder)))
    structlog.get_logger().info("first", peer="192.0.2.1")
    structlog.get_logger().debug("not told")
    structlog.get_logger().warning("second\nline", what="größe")
    assert lines(folder) == capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in lines(folder)] == ["first", "second\nline"]
    close()


def test_tracebacks_are_there_without_variables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(password: str) -> None:
        raise ZeroDivisionError(len(password))

    for form in ("json", "console"):
        close = logs.configure(Log(format=form, folder=str(tmp_path)))
        try:
            fail("sesame")
        except ZeroDivisionError:
            structlog.get_logger().exception("it failed")
        close()
    told = (tmp_path / NAME).read_text()
    assert (told.count("ZeroDivisionError: 6"), told.count("sesame")) == (2, 2)  # the line of code alone
    assert "\x1b" not in told
    capsys.readouterr()


def test_without_a_folder_there_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logs.configure(Log())
    structlog.get_logger().info("said")
    assert list(tmp_path.iterdir()) == []


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = LogFiles(tmp_path / "log", file_bytes=10, files=2)
        for _ in range(3):
            files.say("123456789")
    finally:
        os.umask(before)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "log").iterdir()} == {0o600}
    files.close()


def test_the_oldest_lines_go(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, file_bytes=20, files=2)
    for number in range(9):
        files.say(f"line {number:03}")  # nine bytes with the break: two in a file
    files.close()
    assert lines(tmp_path) == ["line 008"]
    assert lines(tmp_path, f"{NAME}.1") == ["line 006", "line 007"]
    assert lines(tmp_path, f"{NAME}.2") == ["line 004", "line 005"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [NAME, f"{NAME}.1", f"{NAME}.2"]


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 50), st.integers(1, 3))
def test_files_stay_in_their_bounds(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], most: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    files = LogFiles(folder, file_bytes=most, files=count)
    for length in lengths:
        files.say("x" * length)
    files.close()
    there = list(folder.iterdir())
    assert len(there) <= count + 1
    # A line that is longer than a file has one for itself.
    assert all(each.stat().st_size <= most or each.read_bytes().count(b"\n") == 1 for each in there)
    kept = b"".join(each.read_bytes() for each in sorted(there, reverse=True))
    assert "".join(f"{'x' * length}\n" for length in lengths).encode().endswith(kept)


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for word in ("before", "after"):
        files = LogFiles(tmp_path, file_bytes=1000, files=2)
        files.say(word)
        files.close()
    assert lines(tmp_path) == ["before", "after"]
    small = LogFiles(tmp_path, file_bytes=13, files=2)
    small.say("and")
    small.close()
    assert (lines(tmp_path), lines(tmp_path, f"{NAME}.1")) == (["and"], ["before", "after"])


def test_several_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, file_bytes=1 << 20, files=1)

    def say(what: str) -> None:
        for _ in range(100):
            files.say(what * 50)

    threads = [Thread(target=say, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files.close()
    said = lines(tmp_path)
    assert (len(said), {len(set(line)) for line in said}) == (400, {1})


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / NAME).symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        LogFiles(folder, file_bytes=100, files=1)
    assert other.read_text() == "precious"


def test_a_disk_that_takes_nothing_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, file_bytes=10, files=1)
    files.say("123456789")
    (tmp_path / f"{NAME}.1").mkdir()  # in the place where the file should go
    (tmp_path / f"{NAME}.1" / "x").touch()
    files.say("lost")
    files.say("lost, too")
    assert lines(tmp_path) == ["123456789"]
    (tmp_path / f"{NAME}.1" / "x").unlink()
    (tmp_path / f"{NAME}.1").rmdir()
    files.say("back")
    assert lines(tmp_path) == ["back"]
    files.close()


def test_only_the_files_of_the_log_are_listed(tmp_path: Path) -> None:
    for name in (NAME, f"{NAME}.1", f"{NAME}.12", f"{NAME}.old", f"{NAME}.1.gz", "other", f"x{NAME}"):
        (tmp_path / name).write_text(name)
    (tmp_path / f"{NAME}.3").mkdir()
    (tmp_path / f"{NAME}.4").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / f"{NAME}.5")
    assert sorted(file.name for file in listed(tmp_path)) == [NAME, f"{NAME}.1", f"{NAME}.12"]
    assert {file.size for file in listed(tmp_path)} == {9, 11, 12}
    assert listed(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "other",
        f"../{NAME}",
        f"sub/{NAME}",
        f"/{NAME}",
        f"{NAME}\n",
        f"{NAME}.99999",
        f"{NAME}.4",
        f"{NAME}.5",
    ],
)
def test_only_the_files_of_the_log_are_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "log"
    (folder / "sub").mkdir(parents=True)
    for path in (tmp_path / NAME, folder / NAME, folder / "other", folder / "sub" / NAME):
        path.write_text("secret")
    (folder / f"{NAME}.4").symlink_to(folder / "other")
    os.mkfifo(folder / f"{NAME}.5")
    with pytest.raises(OSError):
        content(folder, name, 100)
    assert content(folder, NAME, 3) == b"sec"
