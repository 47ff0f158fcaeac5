from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ctigw.cli import show
from ctigw.csta import caps
from ctigw.csta.capability import GetCSTAFeaturesResponse
from ctigw.csta.events import CallClearedEvent
from ctigw.csta.logical import GetDoNotDisturbResponse
from ctigw.csta.types import ConnectionID, csta
from ctigw.services.capability import event_lists, service_lists
from ctigw.services.event_messages import SHAPES, call_cleared, event_message
from ctigw.switch.driver import Cause, Forwarding, ForwardRule, Kind
from ctigw.switch.events import (
    AnyEvent,
    CallOver,
    CallsJoined,
    CompletionFailed,
    DigitsSent,
    DoNotDisturbSet,
    Event,
    ForwardingSet,
    Moved,
    ServiceChanged,
)
from ctigw.switch.states import State

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def joined(kind: Kind) -> CallsJoined:
    moved = (Moved("2001", "9", "7"), Moved("2003", "9", "8"))
    return CallsJoined(kind, "9", "2002", Cause.TRANSFER, "7", "8", "2003", moved, {})


STATES = {"2002": State.CONNECTED}
RULE = ForwardRule(Forwarding.BUSY, "2003")
OTHERS: dict[Kind, AnyEvent] = {
    Kind.TRANSFER: joined(Kind.TRANSFER),
    Kind.CONFERENCE: joined(Kind.CONFERENCE),
    Kind.COMPLETION_FAILURE: CompletionFailed(Kind.COMPLETION_FAILURE, "7", "2002", Cause.BUSY, STATES),
    Kind.DIGITS: DigitsSent(Kind.DIGITS, "7", "2002", "12#", STATES),
    Kind.DO_NOT_DISTURB: DoNotDisturbSet(Kind.DO_NOT_DISTURB, "2002", True),
    Kind.FORWARDING: ForwardingSet(Kind.FORWARDING, "2002", RULE),
    Kind.OUT_OF_SERVICE: ServiceChanged(Kind.OUT_OF_SERVICE, "2002", Cause.MAINTENANCE),
    Kind.BACK_IN_SERVICE: ServiceChanged(Kind.BACK_IN_SERVICE, "2002", Cause.MAINTENANCE),
}


def message(kind: Kind) -> object:
    event: Any = OTHERS.get(kind) or Event(
        kind, "7", "2002", Cause.NEW_CALL, "2001", "2010", "", "2003", "9", {}
    )
    return event_message(event, "1", State.CONNECTED, str)


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
        (Kind.HOLD, "Held               call 7: 2002 puts it on hold"),
        (Kind.RETRIEVE, "Retrieved          call 7: 2002 takes it back"),
        (Kind.QUEUE, "Queued             call 7: 2002 queues it"),
    ],
)
def test_events_for_people(kind: Kind, line: str) -> None:
    shown = show.event(message(kind), "2001", NOW, None)
    assert shown == f"03:04:05  2001    {line}  [connected, newCall]"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (
            Kind.TRANSFER,
            "Transfered         call 7: 2002 transfers it to 2003: call 9  [connected, transfer]",
        ),
        (Kind.CONFERENCE, "Conferenced        call 7: 2002 brings in 2003: call 9  [connected, transfer]"),
        (Kind.COMPLETION_FAILURE, "ServiceCompletionFailure  call 7: 2002 asked in vain  [busy]"),
        (Kind.DIGITS, "DigitsGenerated    call 7: 2002 sends 12#"),
        (Kind.DO_NOT_DISTURB, "DoNotDisturb       2002 is not to be disturbed"),
        (Kind.FORWARDING, "Forwarding         2002 forwards to 2003 (forwardBusy)"),
        (Kind.OUT_OF_SERVICE, "OutOfService       2002 is out of service  [maintenance]"),
        (Kind.BACK_IN_SERVICE, "BackInService      2002 is back in service  [maintenance]"),
    ],
)
def test_events_that_tell_no_state(kind: Kind, line: str) -> None:
    assert show.event(message(kind), "2001", NOW, None) == f"03:04:05  2001    {line}"


def test_the_end_of_a_call() -> None:
    cleared = call_cleared(CallOver("7", Cause.NORMAL_CLEARING), "1")
    assert cleared.cleared_call == ConnectionID(call_id="7")
    assert "CallCleared        call 7: is over" in show.event(cleared, "2001", NOW, None)


def test_every_event_has_words() -> None:
    assert {shape.message for shape in SHAPES.values()} == set(show._SHOWN) - {CallClearedEvent}


def test_colours_are_for_terminals() -> None:
    assert "\x1b[33mDelivered" in show.event(message(Kind.DELIVER), "2001", NOW, None, color=True)
    assert "\x1b" not in show.event(message(Kind.DELIVER), "2001", NOW, None)


def test_a_device_that_is_not_known_is_somebody() -> None:
    event = Event(Kind.DELIVER, "7", "2002", Cause.NEW_CALL, "", "", "", "", "", {})
    shown = show.event(event_message(event, "1", State.NULL, str), "2002", NOW, None)
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
    services, kinds = frozenset({"MonitorStop", "DeflectCall"}), frozenset({Kind.DELIVER})
    response = GetCSTAFeaturesResponse(
        supported_services=caps.SupportedServices(**service_lists(services)),
        supported_events=caps.SupportedEvents(**event_lists(services, kinds)),
    )
    assert show.features(response, None).split("\n") == [
        "services",
        "  monitorStop  (switchingFunctionSupportsSending, switchingFunctionSupportsReceiving)",
        "  deflectCall  (alerting, deviceIDOnly)",
        "events",
        "  delivered",
    ]


@pytest.mark.parametrize(("on", "said"), [(True, "on"), (False, "off")])
def test_do_not_disturb_is_a_word(on: bool, said: str) -> None:
    assert show.do_not_disturb(GetDoNotDisturbResponse(do_not_disturb_on=on)) == said
