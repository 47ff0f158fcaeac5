"""What a report does to the picture, and the events that tell of it: one function for each kind of report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ctigw.switch.driver import (
    AnyReport,
    CompletionFailure,
    Digits,
    DoNotDisturb,
    Forwarded,
    Kind,
    Merge,
    Report,
    Service,
)
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
from ctigw.switch.model import Call
from ctigw.switch.picture import Picture
from ctigw.switch.states import State, WrongStateError, after

# In Python 3.11 each look at a member of an enumeration by its class is a call.
NULL = State.NULL
INITIATE, ORIGINATE, DIVERT = Kind.INITIATE, Kind.ORIGINATE, Kind.DIVERT


def applied(picture: Picture, report: AnyReport) -> list[AnyEvent]:
    """Change ``picture`` as ``report`` says; gives what there is to tell of it.

    Raises `WrongStateError`, and changes nothing, when the report cannot be true.
    """
    return _APPLY[type(report)](picture, report)


def _connection(picture: Picture, report: Report) -> list[AnyEvent]:
    kind, device = report.kind, report.device
    call = picture.known(report.call)
    connection = call.connections.get(device) if call else None
    state = after(connection.state if connection else NULL, kind)
    if call is None:
        if state is NULL:
            raise WrongStateError(f"{kind.value} in no call")
        call = picture.call_of(report.call)
    redirected_by = call.redirected_by
    _learn(call, report)
    if state is not NULL:
        picture.connect(call, device, state)
    elif connection is not None:
        picture.disconnect(call, device)
    states = call.states()
    states[device] = state
    event = Event(
        kind, call.id, device, report.cause,
        call.calling, call.called, redirected_by, report.destination, report.network, states,
    )  # fmt: skip
    if call.connections or state is not NULL:
        return [event]
    picture.forget(call)
    return [event, CallOver(call.id, report.cause)]


def _learn(call: Call, report: Report) -> None:
    """Keep what a report tells of the call as a whole."""
    kind = report.kind
    if kind is INITIATE or kind is ORIGINATE:
        call.calling = report.device
    if report.called:
        call.called = report.called
    if kind is DIVERT:
        call.redirected_by = report.device


def _merge(picture: Picture, report: Merge) -> list[AnyEvent]:
    old_calls = [_call_with(picture, driver_id, report.device) for driver_id in _old(report)]
    primary = old_calls[0]
    result = picture.call_of(report.call)
    states: dict[str, State] = {report.device: State.NULL}
    moved: list[Moved] = []
    if report.kind is Kind.CONFERENCE:  # first of its parties, as in the answer and the event
        picture.connect(result, report.device, State.CONNECTED)
        states[report.device] = State.CONNECTED
        moved.append(Moved(report.device, result.id, primary.id))
    for call in old_calls:
        for device, connection in tuple(call.connections.items()):
            if device == report.device:
                continue
            states[device] = connection.state
            moved.append(Moved(device, result.id, call.id))
            if call is not result:
                picture.disconnect(call, device)
                picture.connect(result, device, states[device])
    for call in old_calls:
        if report.kind is Kind.TRANSFER or call is not result:
            picture.disconnect(call, report.device)
        if call is not result:
            picture.forget(call)
    if report.other and report.other not in result.connections:
        moved.append(Moved(report.other, result.id, ""))
    _inherit(result, primary, report)
    secondary = old_calls[1].id if len(old_calls) > 1 else ""
    joined = CallsJoined(
        report.kind, result.id, report.device, report.cause,
        primary.id, secondary, report.other, tuple(moved), states,
    )  # fmt: skip
    return [joined]


def _old(report: Merge) -> list[str]:
    return [driver_id for driver_id in (report.primary, report.secondary) if driver_id]


def _inherit(result: Call, primary: Call, report: Merge) -> None:
    """Who calls whom in the resulting call: as in the first one, as far as they are still there.

    A call that only got more parties is as it was, whoever has left it.
    """
    if report.kind is Kind.CONFERENCE and result is primary:
        return
    result.redirected_by = "" if report.kind is Kind.TRANSFER else primary.redirected_by
    result.calling = primary.calling
    if result.calling not in result.connections:
        result.calling = next(iter(result.connections), "")
    result.called = report.other if report.kind is Kind.TRANSFER else primary.called


def _completion_failure(picture: Picture, report: CompletionFailure) -> list[AnyEvent]:
    call = _call_with(picture, report.call, report.device)
    kind = Kind.COMPLETION_FAILURE
    return [CompletionFailed(kind, call.id, report.device, report.cause, call.states())]


def _digits(picture: Picture, report: Digits) -> list[AnyEvent]:
    call = _call_with(picture, report.call, report.device)
    return [DigitsSent(Kind.DIGITS, call.id, report.device, report.digits, call.states())]


def _do_not_disturb(_picture: Picture, report: DoNotDisturb) -> list[AnyEvent]:
    return [DoNotDisturbSet(Kind.DO_NOT_DISTURB, report.device, report.on)]


def _forwarded(_picture: Picture, report: Forwarded) -> list[AnyEvent]:
    return [ForwardingSet(Kind.FORWARDING, report.device, report.rule)]


def _service(picture: Picture, report: Service) -> list[AnyEvent]:
    line = picture.lines.get(report.device)
    if line is None or line.in_service == report.in_service:
        return []
    picture.lines[report.device] = replace(line, in_service=report.in_service)
    kind = Kind.BACK_IN_SERVICE if report.in_service else Kind.OUT_OF_SERVICE
    return [ServiceChanged(kind, report.device, report.cause)]


def _call_with(picture: Picture, driver_id: str, device: str) -> Call:
    """The call that ``device`` must be in for a report to be true."""
    call = picture.known(driver_id)
    if call is None or device not in call.connections:
        raise WrongStateError(f"{device} is not in {driver_id}")
    return call


_APPLY: dict[type, Callable[[Picture, Any], list[AnyEvent]]] = {
    Report: _connection,
    Merge: _merge,
    CompletionFailure: _completion_failure,
    Digits: _digits,
    DoNotDisturb: _do_not_disturb,
    Forwarded: _forwarded,
    Service: _service,
}
