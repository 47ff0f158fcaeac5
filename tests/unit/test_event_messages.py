from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from ctigw.csta.events import EventCause
from ctigw.csta.types import (
    ConnectionID,
    ExtendedDeviceID,
    LocalConnectionState,
    RedirectionDeviceID,
    csta,
)
from ctigw.csta.validation import validator
from ctigw.services.event_messages import SHAPES, event_message
from ctigw.switch.driver import Cause, Kind
from ctigw.switch.events import Event
from ctigw.switch.states import State
from ctigw.xml import EMPTY

why_not = validator()


def event(kind: Kind, **changes: Any) -> Event:
    known: dict[str, Any] = {
        "call": "7",
        "device": "2002",
        "cause": Cause.NORMAL,
        "calling": "2001",
        "called": "2010",
        "redirected_by": "2010",
        "destination": "2003",
        "states": {},
    }
    return Event(kind=kind, **(known | changes))


@pytest.mark.parametrize(
    ("kind", "name", "connection", "subject"),
    [
        (Kind.INITIATE, "ServiceInitiatedEvent", "initiated_connection", "initiating_device"),
        (Kind.DELIVER, "DeliveredEvent", "connection", "alerting_device"),
        (Kind.ESTABLISH, "EstablishedEvent", "established_connection", "answering_device"),
        (Kind.DIVERT, "DivertedEvent", "connection", "diverting_device"),
        (Kind.FAIL, "FailedEvent", "failed_connection", "failing_device"),
        (Kind.CLEAR, "ConnectionClearedEvent", "dropped_connection", "releasing_device"),
        (Kind.ORIGINATE, "OriginatedEvent", "originated_connection", "calling_device"),
    ],
)
def test_an_event_names_its_connection_and_device(
    kind: Kind, name: str, connection: str, subject: str
) -> None:
    message: Any = event_message(event(kind), "5", State.ALERTING)
    assert type(message).__name__ == name
    assert message.monitor_cross_ref_id == "5"
    assert getattr(message, connection) == ConnectionID(call_id="7", device_id="2002")
    assert getattr(message, subject) == ExtendedDeviceID(device_identifier="2002")
    assert message.local_connection_info is LocalConnectionState.ALERTING
    assert message.cause is EventCause.NORMAL


@pytest.mark.parametrize("kind", [Kind.DELIVER, Kind.ESTABLISH, Kind.DIVERT, Kind.FAIL, Kind.REACH_NETWORK])
def test_an_event_names_the_parties(kind: Kind) -> None:
    message: Any = event_message(event(kind), "5", State.NULL)
    assert message.calling_device == ExtendedDeviceID(device_identifier="2001")
    assert message.called_device == ExtendedDeviceID(device_identifier="2010")
    assert message.last_redirection_device == RedirectionDeviceID(number_dialed="2010")


def test_what_is_not_known_is_said_so() -> None:
    unknown = event(Kind.DIVERT, calling="", called="", redirected_by="", destination="")
    message: Any = event_message(unknown, "5", State.NULL)
    nobody = ExtendedDeviceID(not_known=EMPTY)
    assert (message.calling_device, message.called_device, message.new_destination) == (nobody,) * 3
    assert message.last_redirection_device == RedirectionDeviceID(not_required=EMPTY)


def test_a_diverted_call_has_a_new_destination() -> None:
    message: Any = event_message(event(Kind.DIVERT), "5", State.NULL)
    assert message.new_destination == ExtendedDeviceID(device_identifier="2003")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in SHAPES])
def test_what_csta_has_no_event_for_yet_makes_none(kind: Kind) -> None:
    assert event_message(event(kind), "5", State.NULL) is None


@pytest.mark.parametrize(("kind", "known"), list(product(SHAPES, (True, False))), ids=str)
def test_every_event_is_valid(kind: Kind, known: bool) -> None:
    nothing = dict.fromkeys(("calling", "called", "redirected_by", "destination"), "")
    message = event_message(event(kind, **({} if known else nothing)), "5", State.CONNECTED)
    assert message is not None
    assert why_not(csta.encode(message)) is None


def test_causes_and_states_have_the_words_of_the_wire() -> None:
    assert {cause.value for cause in Cause} == {cause.value for cause in EventCause}
    assert [state.value for state in State] == [state.value for state in LocalConnectionState]
