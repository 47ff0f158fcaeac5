"""Messages for people and for programs: plain functions from messages to text."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from ctigw.csta import associated, events, logical
from ctigw.csta.capability import GetCSTAFeaturesResponse
from ctigw.csta.logical import GetDoNotDisturbResponse, GetForwardingResponse
from ctigw.csta.snapshot import SnapshotDeviceResponse
from ctigw.csta.types import ConnectionID, ConnectionListItem, csta
from ctigw.xml import EMPTY, flag_name


def event(message: Any, line: str, now: datetime, form: str | None, *, color: bool = False) -> str:
    """An event at ``line`` as a line of text: readable, or in the ``form`` "json" or "xml"."""
    if form == "xml":
        return xml(message)
    if form == "json":
        told = {"time": now.isoformat(), "line": line, "event": type(message).__name__}
        return json.dumps(told | {"message": as_dict(message)}, ensure_ascii=False)
    name = type(message).__name__.removesuffix("Event")
    paint, phrase = _SHOWN.get(type(message), ("white", lambda _event: ""))
    connection = _connection(message)
    details = (getattr(message, field, None) for field in ("local_connection_info", "cause"))
    cells = (
        now.strftime("%H:%M:%S"),
        f"{line:<6}",
        click.style(f"{name:<17}", fg=paint) if color else f"{name:<17}",
        (f"call {connection.call_id}: " if connection else "") + phrase(message),
        f"[{', '.join(value.value for value in details if value is not None)}]",
    )
    return "  ".join(cells).removesuffix("  []")


def features(message: GetCSTAFeaturesResponse, form: str | None) -> str:
    """What is supported: a line for each service and event, or all in the ``form`` "json" or "xml"."""
    if form == "xml":
        return xml(message)
    told = as_dict(message)
    if form == "json":
        return json.dumps(told)
    lines = []
    for title, groups in told.items():
        lines.append({"supportedServices": "services", "supportedEvents": "events"}[title])
        for members in groups.values():
            for name, flags in members.items():
                said = ", ".join(flags)
                lines.append(f"  {name}" + (f"  ({said})" if said else ""))
    return "\n".join(lines)


def forwardings(message: GetForwardingResponse) -> str:
    """The forwardings of a line: one on each line of text."""
    lines = []
    for item in message.forwarding_list:
        kind = item.forwarding_type.value if item.forwarding_type else "forwarding"
        rings = f" after {item.ring_count} rings" if item.ring_count else ""
        lines.append(f"{kind:<18} {'on ' if item.forward_status else 'off'}  {item.forward_dn}{rings}")
    return "\n".join(lines) or "none"


def do_not_disturb(message: GetDoNotDisturbResponse) -> str:
    """Whether it is on."""
    return "on" if message.do_not_disturb_on else "off"


def snapshot(message: SnapshotDeviceResponse) -> str:
    """The calls of a line: its own state first, then those of the others."""
    data = message.cross_ref_id_or_snapshot_data.snapshot_data
    lines = []
    for info in data.snapshot_device_response_info if data else ():
        states = info.local_call_state.compound_call_state
        told = [state.value for state in states.local_connection_state] if states else ["?"]
        lines.append(
            f"call {info.connection_identifier.call_id}: {told[0]}; others: {', '.join(told[1:]) or '-'}"
        )
    return "\n".join(lines) or "no call"


def xml(message: object) -> str:
    """The document on one line, without its declaration."""
    return csta.encode(message).partition(b"?>")[2].decode()


def as_dict(value: Any) -> Any:
    """A message in plain values, under the names of the wire; what is absent is left out."""
    if dataclasses.is_dataclass(value):
        known = ((c.name, getattr(value, c.attribute)) for c in csta.plan(type(value)).children)
        return {name: as_dict(part) for name, part in known if part is not None}
    if value is EMPTY:
        return {}
    if isinstance(value, enum.Flag):
        return {flag_name(flag): True for flag in value}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [as_dict(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value


def _connection(message: Any) -> ConnectionID | None:
    """The first connection that a message names."""
    found = (getattr(message, field.name) for field in dataclasses.fields(message))
    return next((part for part in found if isinstance(part, ConnectionID)), None)


def _new_call(items: tuple[ConnectionListItem, ...]) -> str:
    """The call that joined parties are in."""
    return next((item.new_connection.call_id or "?" for item in items if item.new_connection), "?")


def _forwarding(message: logical.ForwardingEvent) -> str:
    kind = message.forwarding_type.value if message.forwarding_type else "forwarding"
    if not message.forward_status:
        return f"{_who(message.device)} forwards no longer ({kind})"
    return f"{_who(message.device)} forwards to {message.forward_to} ({kind})"


def _who(device: Any) -> str:
    """The number in one of the device types of events."""
    return getattr(device, "device_identifier", None) or "somebody"


# How an event reads: its colour, and what happened in words.
_SHOWN: dict[type, tuple[str, Callable[[Any], str]]] = {
    events.ServiceInitiatedEvent: ("blue", lambda e: f"{_who(e.initiating_device)} lifts the handset"),
    events.OriginatedEvent: ("blue", lambda e: f"{_who(e.calling_device)} calls {_who(e.called_device)}"),
    events.NetworkReachedEvent: ("blue", lambda e: f"{_who(e.called_device)} is called outside"),
    events.DeliveredEvent: (
        "yellow",
        lambda e: f"{_who(e.alerting_device)} rings, {_who(e.calling_device)} calls",
    ),
    events.EstablishedEvent: (
        "green",
        lambda e: f"{_who(e.answering_device)} answers {_who(e.calling_device)}",
    ),
    events.DivertedEvent: (
        "magenta",
        lambda e: f"{_who(e.diverting_device)} sends it on to {_who(e.new_destination)}",
    ),
    events.FailedEvent: ("red", lambda e: f"{_who(e.failing_device)} cannot be had"),
    events.ConnectionClearedEvent: ("cyan", lambda e: f"{_who(e.releasing_device)} leaves"),
    events.CallClearedEvent: ("cyan", lambda _e: "is over"),
    events.HeldEvent: ("yellow", lambda e: f"{_who(e.holding_device)} puts it on hold"),
    events.RetrievedEvent: ("green", lambda e: f"{_who(e.retrieving_device)} takes it back"),
    events.QueuedEvent: ("yellow", lambda e: f"{_who(e.queue)} queues it"),
    events.TransferedEvent: (
        "magenta",
        lambda e: (
            f"{_who(e.transferring_device)} transfers it to {_who(e.transferred_to_device)}: "
            f"call {_new_call(e.transferred_connections)}"
        ),
    ),
    events.ConferencedEvent: (
        "magenta",
        lambda e: (
            f"{_who(e.conferencing_device)} brings in {_who(e.added_party)}: "
            f"call {_new_call(e.conference_connections)}"
        ),
    ),
    associated.ServiceCompletionFailureEvent: (
        "red",
        lambda e: f"call {e.primary_call.connection_id.call_id}: {e.primary_call.device_id} asked in vain",
    ),
    associated.DigitsGeneratedEvent: (
        "blue",
        lambda e: f"{e.connection.device_id} sends {e.digit_generated_list}",
    ),
    logical.DoNotDisturbEvent: (
        "magenta",
        lambda e: f"{_who(e.device)} is {'not to' if e.do_not_disturb_on else 'free to'} be disturbed",
    ),
    logical.ForwardingEvent: ("magenta", _forwarding),
    logical.OutOfServiceEvent: ("red", lambda e: f"{_who(e.device)} is out of service"),
    logical.BackInServiceEvent: ("green", lambda e: f"{_who(e.device)} is back in service"),
}
