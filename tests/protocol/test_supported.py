"""README's "What is supported" names what the gateway does, all of it and no more, as transcripts show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from ctigw.app import gateway
from ctigw.cli.describe import events
from ctigw.config import Config
from ctigw.errors import Reason
from ctigw.switch.states import State
from simulators.pbx import Pbx

README = Path(__file__).parents[2] / "README.md"
SECTION = README.read_text().split("\n## What is supported\n")[1].split("\n## ")[0]
TRANSCRIPTS = "\n".join(file.read_text() for file in Path(__file__).with_name("transcripts").glob("*.txt"))
GATEWAY = gateway(Config(), Pbx(Clock()), Clock())
SERVED = GATEWAY.dispatcher.services
EVENTS = {event["event"] for event in events(GATEWAY)}


def on_the_wire(table: str) -> set[str]:
    """What stands in the second column of the table whose first heading is ``table``."""
    rows = re.search(rf"^\| {table} \|.*\n\| ---.*\n((?:\|.*\n)+)", SECTION, re.MULTILINE)
    assert rows is not None
    cells = [row.split("|")[2] for row in rows[1].splitlines()]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_services() -> None:
    assert on_the_wire("services") == SERVED


def test_events() -> None:
    assert on_the_wire("events") == EVENTS


def test_connection_states() -> None:
    assert on_the_wire("connection states") == {state.value for state in State}


def test_errors() -> None:
    assert on_the_wire("errors") == {reason.category for reason in Reason}


@pytest.mark.parametrize("service", sorted(SERVED))
def test_a_transcript_shows_the_service(service: str) -> None:
    assert re.search(rf"^C.*<{service}[ />]", TRANSCRIPTS, re.MULTILINE)
    assert re.search(rf"^S.*<{service}(Pos)?Response[ />]", TRANSCRIPTS, re.MULTILINE)


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_a_transcript_shows_the_event(event: str) -> None:
    assert re.search(rf"^S.*<{event}[ />]", TRANSCRIPTS, re.MULTILINE)
