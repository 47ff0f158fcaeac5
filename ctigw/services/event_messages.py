"""From a domain event to the CSTA event message that a monitor is owed: one table."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ctigw.csta import associated, events, logical
from ctigw.csta.monitoring import (
    CallAssociatedEvents,
    CallControlEvents,
    DeviceMaintenanceEvents,
    LogicalDeviceFeatureEvents,
)
from ctigw.csta.types import (
    ConnectionID,
    ConnectionListItem,
    Endpoint,
    ExtendedDeviceID,
    LocalConnectionState,
    RedirectionDeviceID,
)
from ctigw.switch.driver import Kind
from ctigw.switch.events import CallEvent, CallOver, CallsJoined, CompletionFailed, DeviceEvent, Event, Moved
from ctigw.switch.states import State
from ctigw.xml import EMPTY

# The form in which a client is given device ids.
Show = Callable[[str], str]
Part = Callable[[Any, Show], Any]


def extended_device(number: str, show: Show) -> ExtendedDeviceID:
    """A device as events and snapshots have it; "" is one that is not known."""
    if not number:
        return ExtendedDeviceID(not_known=EMPTY)
    return ExtendedDeviceID(device_identifier=show(number))


def _connection(event: CallEvent, show: Show) -> ConnectionID:
    return ConnectionID(call_id=event.call, device_id=show(event.device))


def _subject(event: CallEvent | DeviceEvent, show: Show) -> ExtendedDeviceID:
    return extended_device(event.device, show)


def _cause(event: Event | CallsJoined | CompletionFailed | CallOver, _show: Show) -> events.EventCause:
    return events.EventCause(event.cause.value)


def _redirection(event: Event, show: Show) -> RedirectionDeviceID:
    # Mandatory in the schema: "not required" is what switches send when nobody redirected the call.
    if not event.redirected_by:
        return RedirectionDeviceID(not_required=EMPTY)
    return RedirectionDeviceID(number_dialed=show(event.redirected_by))


def _primary(event: CallsJoined, show: Show) -> ConnectionID:
    return ConnectionID(call_id=event.primary, device_id=show(event.device))


def _secondary(event: CallsJoined, show: Show) -> ConnectionID | None:
    if not event.secondary:
        return None
    return ConnectionID(call_id=event.secondary, device_id=show(event.device))


def _joined(event: CallsJoined, show: Show) -> tuple[ConnectionListItem, ...]:
    def item(moved: Moved) -> ConnectionListItem:
        device = show(moved.device)
        moves = moved.old_call not in ("", moved.call)
        return ConnectionListItem(
            new_connection=ConnectionID(call_id=moved.call, device_id=device),
            old_connection=ConnectionID(call_id=moved.old_call, device_id=device) if moves else None,
            endpoint=Endpoint(device_id=device),
        )

    return tuple(map(item, event.connections))


def _unchanged_call(event: CompletionFailed, show: Show) -> associated.PrimaryCall:
    state = LocalConnectionState(event.states[event.device].value)
    return associated.PrimaryCall(
        device_id=show(event.device), connection_id=_connection(event, show), local_connection_state=state
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """A message: the flag that a filter keeps it away with, and its fields.

    ``local``: whether it tells localConnectionInfo.
    """

    message: type
    flag: enum.Flag
    parts: Mapping[str, Part]
    local: bool = True


_CAUSE: Mapping[str, Part] = {"cause": _cause}
_PARTIES: Mapping[str, Part] = {
    "calling_device": lambda event, show: extended_device(event.calling, show),
    "called_device": lambda event, show: extended_device(event.called, show),
    "last_redirection_device": _redirection,
    **_CAUSE,
}
_C, _A = CallControlEvents, CallAssociatedEvents
_L, _M = LogicalDeviceFeatureEvents, DeviceMaintenanceEvents
_IN_SERVICE: Mapping[str, Part] = {"device": _subject, **_CAUSE}

SHAPES: Mapping[Kind, Shape] = {
    Kind.INITIATE: Shape(
        events.ServiceInitiatedEvent,
        _C.SERVICE_INITIATED,
        {"initiated_connection": _connection, "initiating_device": _subject, **_CAUSE},
    ),
    Kind.ORIGINATE: Shape(
        events.OriginatedEvent,
        _C.ORIGINATED,
        {
            "originated_connection": _connection,
            "calling_device": _subject,
            "called_device": _PARTIES["called_device"],
            **_CAUSE,
        },
    ),
    Kind.REACH_NETWORK: Shape(
        events.NetworkReachedEvent,
        _C.NETWORK_REACHED,
        {
            "outbound_connection": _connection,
            "network_interface_used": lambda event, show: extended_device(event.network, show),
            **_PARTIES,
        },
    ),
    Kind.DELIVER: Shape(
        events.DeliveredEvent,
        _C.DELIVERED,
        {"connection": _connection, "alerting_device": _subject, **_PARTIES},
    ),
    Kind.ESTABLISH: Shape(
        events.EstablishedEvent,
        _C.ESTABLISHED,
        {"established_connection": _connection, "answering_device": _subject, **_PARTIES},
    ),
    Kind.HOLD: Shape(
        events.HeldEvent, _C.HELD, {"held_connection": _connection, "holding_device": _subject, **_CAUSE}
    ),
    Kind.RETRIEVE: Shape(
        events.RetrievedEvent,
        _C.RETRIEVED,
        {"retrieved_connection": _connection, "retrieving_device": _subject, **_CAUSE},
    ),
    Kind.QUEUE: Shape(
        events.QueuedEvent, _C.QUEUED, {"queued_connection": _connection, "queue": _subject, **_PARTIES}
    ),
    Kind.FAIL: Shape(
        events.FailedEvent,
        _C.FAILED,
        {"failed_connection": _connection, "failing_device": _subject, **_PARTIES},
    ),
    Kind.DIVERT: Shape(
        events.DivertedEvent,
        _C.DIVERTED,
        {
            "connection": _connection,
            "diverting_device": _subject,
            "new_destination": lambda event, show: extended_device(event.destination, show),
            **_PARTIES,
        },
    ),
    Kind.CLEAR: Shape(
        events.ConnectionClearedEvent,
        _C.CONNECTION_CLEARED,
        {"dropped_connection": _connection, "releasing_device": _subject, **_CAUSE},
    ),
    Kind.TRANSFER: Shape(
        events.TransferedEvent,
        _C.TRANSFERRED,
        {
            "primary_old_call": _primary,
            "secondary_old_call": _secondary,
            "transferring_device": _subject,
            "transferred_to_device": lambda event, show: extended_device(event.other, show),
            "transferred_connections": _joined,
            **_CAUSE,
        },
    ),
    Kind.CONFERENCE: Shape(
        events.ConferencedEvent,
        _C.CONFERENCED,
        {
            "primary_old_call": _primary,
            "secondary_old_call": _secondary,
            "conferencing_device": _subject,
            "added_party": lambda event, show: extended_device(event.other, show),
            "conference_connections": _joined,
            **_CAUSE,
        },
    ),
    Kind.COMPLETION_FAILURE: Shape(
        associated.ServiceCompletionFailureEvent,
        _A.SERVICE_COMPLETION_FAILURE,
        {"primary_call": _unchanged_call, **_CAUSE},
        local=False,
    ),
    Kind.DIGITS: Shape(
        associated.DigitsGeneratedEvent,
        _A.DIGITS_GENERATED,
        {"connection": _connection, "digit_generated_list": lambda event, _show: event.digits},
        local=False,
    ),
    Kind.DO_NOT_DISTURB: Shape(
        logical.DoNotDisturbEvent,
        _L.DO_NOT_DISTURB,
        {"device": _subject, "do_not_disturb_on": lambda event, _show: event.on},
        local=False,
    ),
    Kind.FORWARDING: Shape(
        logical.ForwardingEvent,
        _L.FORWARDING,
        {
            "device": _subject,
            "forwarding_type": lambda event, _show: logical.ForwardingType(event.rule.when.value),
            "forward_status": lambda event, _show: event.rule.active,
            "forward_to": lambda event, show: show(event.rule.destination),
            "ring_count": lambda event, _show: event.rule.rings,
        },
        local=False,
    ),
    Kind.OUT_OF_SERVICE: Shape(logical.OutOfServiceEvent, _M.OUT_OF_SERVICE, _IN_SERVICE, local=False),
    Kind.BACK_IN_SERVICE: Shape(logical.BackInServiceEvent, _M.BACK_IN_SERVICE, _IN_SERVICE, local=False),
}


def event_message(
    event: CallEvent | DeviceEvent, cross_ref_id: str, local: State | None, show: Show
) -> object:
    """The message of ``event`` for a monitor whose device is in state ``local`` (None: it watches a call)."""
    shape = SHAPES[event.kind]
    values = {field: part(event, show) for field, part in shape.parts.items()}
    if shape.local and local is not None:
        values["local_connection_info"] = LocalConnectionState(local.value)
    return shape.message(monitor_cross_ref_id=cross_ref_id, **values)


def call_cleared(event: CallOver, cross_ref_id: str) -> events.CallClearedEvent:
    """What a monitor of a call is told at its end."""
    return events.CallClearedEvent(
        monitor_cross_ref_id=cross_ref_id,
        cleared_call=ConnectionID(call_id=event.call),
        cause=events.EventCause(event.cause.value),
    )
