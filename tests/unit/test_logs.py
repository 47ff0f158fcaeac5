from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from twisted.internet.error import ReactorNotRunning
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from ctigw.config import Log
from ctigw.net import logs


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_is_one_object_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Log(format="json"))
    structlog.get_logger().info("first", peer="192.0.2.1")
    structlog.get_logger().debug("not told")
    structlog.get_logger().warning("second\nline")
    first, second = said(capsys)
    assert (first["event"], first["level"], first["peer"]) == ("first", "info", "192.0.2.1")
    assert first["timestamp"].endswith("Z")
    assert second["event"] == "second\nline"


def test_the_level_is_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Log(format="json", level="error"))
    structlog.get_logger().warning("not told")
    structlog.get_logger().error("told")
    assert [entry["event"] for entry in said(capsys)] == ["told"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_terminals_are_given_no_orders(capsys: pytest.CaptureFixture[str], form: Any) -> None:
    logs.configure(Log(format=form))
    structlog.get_logger().warning(
        "bell\a", path="/\x1b[2J\x9b\x85\u2028\ufeff", why="a b\r\x1b", name="jürgen"
    )
    told = capsys.readouterr().err
    assert told.endswith("\n")
    assert told.removesuffix("\n").isprintable()
    assert ("jürgen" if form == "console" else "j\\u00fcrgen") in told


@pytest.mark.parametrize("form", ["json", "console"])
def test_tracebacks_show_no_variables(capsys: pytest.CaptureFixture[str], form: Any) -> None:
    def fail(password: str) -> None:
        raise ZeroDivisionError(len(password))

    logs.configure(Log(format=form))
    try:
        fail("sesame")
    except ZeroDivisionError:
        structlog.get_logger().exception("it failed")
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "in fail" in told
    assert told.count("sesame") == 1  # the line of code that calls it, and no value


def test_errors_that_twisted_logs_join_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Log(format="json"))
    observe: Any = logs._Observer()
    failure = Failure(ZeroDivisionError("oops"))
    observe({"log_level": LogLevel.info, "log_format": "chatter"})
    observe(
        {
            "log_level": LogLevel.critical,
            "log_format": "Unhandled {what}",
            "what": "error",
            "log_failure": failure,
        }
    )
    (entry,) = said(capsys)
    assert (entry["event"], entry["level"]) == ("Unhandled error", "critical")
    assert "ZeroDivisionError: oops" in entry["exception"]


def test_a_second_signal_to_stop_is_nothing_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Log(format="json"))
    observe: Any = logs._Observer()
    stopped = Failure(ReactorNotRunning("Can't stop reactor that isn't running."))
    observe({"log_level": LogLevel.critical, "log_format": "while calling", "log_failure": stopped})
    assert said(capsys) == []
