from __future__ import annotations

import re
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
from ctigw.services.event_messages import SHAPES, call_cleared, event_message
from ctigw.switch.driver import Cause, Forwarding, ForwardRule, Kind
from ctigw.switch.events import (
    CallEvent,
    CallOver,
    CallsJoined,
    CompletionFailed,
    DeviceEvent,
    DigitsSent,
    DoNotDisturbSet,
    Event,
    ForwardingSet,
    Moved,
    ServiceChanged,
)
from ctigw.switch.states import State
from ctigw.xml import EMPTY

why_not = validator()
OTHER_SHAPES = {
    Kind.TRANSFER,
    Kind.CONFERENCE,
    Kind.COMPLETION_FAILURE,
    Kind.DIGITS,
    Kind.DO_NOT_DISTURB,
    Kind.FORWARDING,
    Kind.OUT_OF_SERVICE,
    Kind.BACK_IN_SERVICE,
}


def event(kind: Kind, **changes: Any) -> Event:
    known: dict[str, Any] = {
        "call": "7",
        "device": "2002",
        "cause": Cause.NORMAL,
        "calling": "2001",
        "called": "2010",
        "redirected_by": "2010",
        "destination": "2003",
        "network": "9",
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
    message: Any = event_message(event(kind), "5", State.ALERTING, str)
    assert type(message).__name__ == name
    assert message.monitor_cross_ref_id == "5"
    assert getattr(message, connection) == ConnectionID(call_id="7", device_id="2002")
    assert getattr(message, subject) == ExtendedDeviceID(device_identifier="2002")
    assert message.local_connection_info is LocalConnectionState.ALERTING
    assert message.cause is EventCause.NORMAL


@pytest.mark.parametrize("kind", [Kind.DELIVER, Kind.ESTABLISH, Kind.DIVERT, Kind.FAIL, Kind.REACH_NETWORK])
def test_an_event_names_the_parties(kind: Kind) -> None:
    message: Any = event_message(event(kind), "5", State.NULL, str)
    assert message.calling_device == ExtendedDeviceID(device_identifier="2001")
    assert message.called_device == ExtendedDeviceID(device_identifier="2010")
    assert message.last_redirection_device == RedirectionDeviceID(number_dialed="2010")


def test_what_is_not_known_is_said_so() -> None:
    unknown = event(Kind.DIVERT, calling="", called="", redirected_by="", destination="")
    message: Any = event_message(unknown, "5", State.NULL, str)
    nobody = ExtendedDeviceID(not_known=EMPTY)
    assert (message.calling_device, message.called_device, message.new_destination) == (nobody,) * 3
    assert message.last_redirection_device == RedirectionDeviceID(not_required=EMPTY)


def test_a_diverted_call_has_a_new_destination() -> None:
    message: Any = event_message(event(Kind.DIVERT), "5", State.NULL, str)
    assert message.new_destination == ExtendedDeviceID(device_identifier="2003")


def test_every_kind_of_report_has_its_message() -> None:
    assert set(SHAPES) == set(Kind)


STATES = {"2002": State.CONNECTED}
MOVED = (Moved("2001", "9", "7"), Moved("2003", "9", ""), Moved("2004", "9", "9"))


def joined(kind: Kind, secondary: str = "8") -> CallsJoined:
    return CallsJoined(kind, "9", "2002", Cause.TRANSFER, "7", secondary, "2003", MOVED, STATES)


def forwarding(rule: ForwardRule) -> ForwardingSet:
    return ForwardingSet(Kind.FORWARDING, "2002", rule)


EVENTS: list[CallEvent | DeviceEvent] = [
    *(event(kind) for kind in SHAPES if kind not in OTHER_SHAPES),
    *(
        event(kind, calling="", called="", redirected_by="", destination="", network="")
        for kind in SHAPES
        if kind not in OTHER_SHAPES
    ),
    joined(Kind.TRANSFER),
    joined(Kind.CONFERENCE),
    joined(Kind.TRANSFER, ""),
    CompletionFailed(Kind.COMPLETION_FAILURE, "7", "2002", Cause.BUSY, STATES),
    DigitsSent(Kind.DIGITS, "7", "2002", "12#", STATES),
    DoNotDisturbSet(Kind.DO_NOT_DISTURB, "2002", True),
    *(forwarding(ForwardRule(when, "2003")) for when in Forwarding),
    forwarding(ForwardRule(Forwarding.NO_ANSWER, "2003", active=False, rings=3)),
    ServiceChanged(Kind.OUT_OF_SERVICE, "2002", Cause.MAINTENANCE),
    ServiceChanged(Kind.BACK_IN_SERVICE, "2002", Cause.MAINTENANCE),
]


@pytest.mark.parametrize("happened", EVENTS, ids=lambda event: event.kind.value)
@pytest.mark.parametrize("local", [State.CONNECTED, None])
def test_every_event_is_valid(happened: CallEvent | DeviceEvent, local: State | None) -> None:
    assert why_not(csta.encode(event_message(happened, "5", local, str))) is None


def test_the_end_of_a_call_is_valid() -> None:
    assert why_not(csta.encode(call_cleared(CallOver("7", Cause.NORMAL), "5"))) is None


def test_a_monitor_of_a_call_is_told_no_local_state() -> None:
    message: Any = event_message(event(Kind.DELIVER), "5", None, str)
    assert message.local_connection_info is None


def test_the_parties_of_a_joined_call() -> None:
    message: Any = event_message(joined(Kind.TRANSFER), "5", State.NULL, str)
    assert message.primary_old_call == ConnectionID(call_id="7", device_id="2002")
    assert message.secondary_old_call == ConnectionID(call_id="8", device_id="2002")
    assert message.transferred_to_device == ExtendedDeviceID(device_identifier="2003")
    old = [item.old_connection and item.old_connection.call_id for item in message.transferred_connections]
    assert old == ["7", None, None]  # only where it was another one
    alone: Any = event_message(joined(Kind.TRANSFER, ""), "5", State.NULL, str)
    assert alone.secondary_old_call is None


def test_device_ids_are_in_the_form_that_the_client_wants() -> None:
    for happened in EVENTS:
        xml = csta.encode(event_message(happened, "5", State.NULL, "tel:{}".format))
        written = re.findall(rb"<(?:deviceID|deviceIdentifier|numberDialed|forwardTo)>([^<]*)<", xml)
        assert written
        assert all(device.startswith(b"tel:") for device in written)


def test_causes_and_states_have_the_words_of_the_wire() -> None:
    assert {cause.value for cause in Cause} == {cause.value for cause in EventCause}
    assert [state.value for state in State] == [state.value for state in LocalConnectionState]
