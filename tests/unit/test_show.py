from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ctigw.cli import show
from ctigw.csta.types import csta
from ctigw.services.capability import features
from ctigw.services.event_messages import SHAPES, event_message
from ctigw.switch.driver import Cause, Kind
from ctigw.switch.events import Event
from ctigw.switch.states import State

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def message(kind: Kind) -> object:
    event = Event(kind, "7", "2002", Cause.NEW_CALL, "2001", "2010", "", "2003", {})
    return event_message(event, "1", State.CONNECTED)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Kind.INITIATE, "ServiceInitiated   call 7: 2002 lifts the handset"),
        (Kind.ORIGINATE, "Originated         call 7: 2002 calls 2010"),
        (Kind.REACH_NETWORK, "NetworkReached     call 7: 2010 is called outside"),
        (Kind.DELIVER, "Delivered          call 7: 2002 rings, 2001 calls"),
        (Kind.ESTABLISH, "Established        call 7: 2002 answers 2001"),
        (Kind.DIVERT, "Diverted           call 7: 2002 sends it on to 2003"),
        (Kind.FAIL, "Failed             call 7: 2002 cannot be had"),
        (Kind.CLEAR, "ConnectionCleared  call 7: 2002 leaves"),
    ],
)
def test_events_for_people(kind: Kind, line: str) -> None:
    shown = show.event(message(kind), "2001", NOW, None)
    assert shown == f"03:04:05  2001    {line}  [connected, newCall]"


def test_every_event_has_words() -> None:
    assert {shape.message for shape in SHAPES.values()} == set(show._SHOWN)


def test_colours_are_for_terminals() -> None:
    assert "\x1b[33mDelivered" in show.event(message(Kind.DELIVER), "2001", NOW, None, color=True)
    assert "\x1b" not in show.event(message(Kind.DELIVER), "2001", NOW, None)


def test_a_device_that_is_not_known_is_somebody() -> None:
    event = Event(Kind.DELIVER, "7", "2002", Cause.NEW_CALL, "", "", "", "", {})
    shown = show.event(event_message(event, "1", State.NULL), "2002", NOW, None)
    assert "2002 rings, somebody calls" in shown


def test_events_as_json_have_the_names_of_the_wire() -> None:
    told = json.loads(show.event(message(Kind.CLEAR), "2001", NOW, "json"))
    assert told == {
        "time": "2026-01-02T03:04:05+00:00",
        "line": "2001",
        "event": "ConnectionClearedEvent",
        "message": {
            "monitorCrossRefID": "1",
            "droppedConnection": {"callID": "7", "deviceID": "2002"},
            "releasingDevice": {"deviceIdentifier": "2002"},
            "localConnectionInfo": "connected",
            "cause": "newCall",
        },
    }


@pytest.mark.parametrize("kind", SHAPES, ids=str)
def test_events_as_xml_are_the_document_on_one_line(kind: Kind) -> None:
    shown = show.event(message(kind), "2001", NOW, "xml")
    assert "\n" not in shown
    assert csta.decode(shown.encode()).message == message(kind)


def test_features_for_people() -> None:
    response = features(frozenset({"MonitorStop", "AnswerCall"}), frozenset({Kind.DELIVER}))
    assert show.features(response, None).split("\n") == [
        "services",
        "  monitorStop",
        "  answerCall  (deviceIDOnly)",
        "events",
        "  delivered",
    ]
