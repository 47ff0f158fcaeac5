"""From a domain event to the CSTA event message that a monitor is owed: one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctigw.csta import events
from ctigw.csta.types import ConnectionID, ExtendedDeviceID, LocalConnectionState, RedirectionDeviceID
from ctigw.switch.driver import Kind
from ctigw.switch.events import Event
from ctigw.switch.states import State
from ctigw.xml import EMPTY


@dataclass(frozen=True, slots=True)
class _Shape:
    """A message: the field of the connection, that of its device ("" for none), and what else it tells."""

    message: type
    connection: str
    subject: str
    parts: tuple[str, ...] = ()


_PARTIES = ("calling_device", "called_device", "last_redirection_device")
SHAPES: dict[Kind, _Shape] = {
    Kind.INITIATE: _Shape(events.ServiceInitiatedEvent, "initiated_connection", "initiating_device"),
    Kind.ORIGINATE: _Shape(
        events.OriginatedEvent, "originated_connection", "calling_device", ("called_device",)
    ),
    Kind.REACH_NETWORK: _Shape(
        events.NetworkReachedEvent, "outbound_connection", "", ("network_interface_used", *_PARTIES)
    ),
    Kind.DELIVER: _Shape(events.DeliveredEvent, "connection", "alerting_device", _PARTIES),
    Kind.ESTABLISH: _Shape(events.EstablishedEvent, "established_connection", "answering_device", _PARTIES),
    Kind.DIVERT: _Shape(
        events.DivertedEvent, "connection", "diverting_device", ("new_destination", *_PARTIES)
    ),
    Kind.FAIL: _Shape(events.FailedEvent, "failed_connection", "failing_device", _PARTIES),
    Kind.CLEAR: _Shape(events.ConnectionClearedEvent, "dropped_connection", "releasing_device"),
}


def _device(number: str) -> ExtendedDeviceID:
    return ExtendedDeviceID(device_identifier=number) if number else ExtendedDeviceID(not_known=EMPTY)


def _redirection(number: str) -> RedirectionDeviceID:
    # Mandatory in the schema: "not required" is what switches send when nobody redirected the call.
    return RedirectionDeviceID(number_dialed=number) if number else RedirectionDeviceID(not_required=EMPTY)


_PARTS: dict[str, Callable[[Event], Any]] = {
    "calling_device": lambda event: _device(event.calling),
    "called_device": lambda event: _device(event.called),
    "last_redirection_device": lambda event: _redirection(event.redirected_by),
    "new_destination": lambda event: _device(event.destination),
    "network_interface_used": lambda _event: ExtendedDeviceID(not_known=EMPTY),
}


def event_message(event: Event, cross_ref_id: str, local: State) -> object | None:
    """The message of ``event`` for a monitor whose device is in state ``local``; None when CSTA has none."""
    shape = SHAPES.get(event.kind)
    if shape is None:
        return None
    values: dict[str, Any] = {
        "monitor_cross_ref_id": cross_ref_id,
        shape.connection: ConnectionID(call_id=event.call, device_id=event.device),
        "local_connection_info": LocalConnectionState(local.value),
        "cause": events.EventCause(event.cause.value),
    }
    values |= {part: _PARTS[part](event) for part in shape.parts}
    if shape.subject:
        values[shape.subject] = _device(event.device)
    return shape.message(**values)  # type: ignore[no-any-return] # a dataclass chosen from the table
