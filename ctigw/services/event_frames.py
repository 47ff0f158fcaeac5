"""Events as bytes: each is rendered once, however many monitors are told it.

What monitors are told of an event differs in the cross reference alone, as long as they want the same
namespace and form of device ids, and their devices are in the same state.  So `event_frames` gives a
rendering in which only the cross reference is left to be put in.

Most events (`switch.events.Event`) are not even encoded.  Two of the same kind and cause, with the same
things known of them, differ in numbers only: the first is encoded, with marks in the place of its numbers,
and what comes of it is compiled into a function of those (`_template`).  So the encoder stays the one place
that knows what an event looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ctigw.csta.device_id import as_dialled
from ctigw.csta.frame import EventFrames
from ctigw.csta.types import csta
from ctigw.services.event_messages import SHAPES, Show, event_message
from ctigw.switch.events import CallEvent, DeviceEvent, Event
from ctigw.switch.states import State
from ctigw.xml import escaped

# The numbers of an event that templates leave open, and a place for the state of the monitored device.
_OPEN = ("call", "device", "calling", "called", "redirected_by", "destination", "network")
_LOCAL = len(_OPEN)
# A mark: the control character is allowed in XML, and in nothing that the gateway says.
_MARK = "\x7f{}\x7f"
_MARKED = re.compile("\x7f([0-9])\x7f")
_Key = tuple[object, ...]
_Numbers = tuple[str, str, str, str, str, str, str]
_Fill = Callable[..., str]
_templates: dict[_Key, _Fill] = {}


def event_frames(
    event: CallEvent | DeviceEvent, local: State | None, namespace: str, show: Show
) -> EventFrames:
    """What monitors are told whose devices are in state ``local`` (None: they watch a call)."""
    if type(event) is Event:
        body = _filled(event, local, namespace, show)
    else:
        body = csta.encode(event_message(event, "", local, show), namespace)
    return EventFrames(body)


def _filled(event: Event, local: State | None, namespace: str, show: Show) -> bytes:
    numbers = (
        event.call, event.device, event.calling, event.called,
        event.redirected_by, event.destination, event.network,
    )  # fmt: skip
    _, _, calling, called, redirected_by, destination, network = numbers
    key = (
        event.kind, event.cause, local is None, namespace,
        not calling, not called, not redirected_by, not destination, not network,
    )  # fmt: skip
    fill = _templates.get(key)
    if fill is None:
        fill = _templates[key] = _template(event, local, namespace)
    if show is not as_dialled:
        numbers = _shown(numbers, show)
    together = "".join(numbers)
    if not (together.isalnum() and together.isascii()):
        numbers = _escaped(numbers)
    return fill(*numbers, "" if local is None else local._value_).encode("ascii")


def _shown(numbers: _Numbers, show: Show) -> _Numbers:
    """In the form that a client is given device ids; the call's id is none."""
    call, device, calling, called, redirected_by, destination, network = numbers
    return (
        call,
        show(device),
        show(calling),
        show(called),
        show(redirected_by),
        show(destination),
        show(network),
    )


def _escaped(numbers: _Numbers) -> _Numbers:
    call, device, calling, called, redirected_by, destination, network = map(escaped, numbers)
    return call, device, calling, called, redirected_by, destination, network


def _template(event: Event, local: State | None, namespace: str) -> _Fill:
    """A function from an event's numbers, and the state of the monitored device, to what is told."""
    marks: dict[str, Any] = {
        name: _MARK.format(number) for number, name in enumerate(_OPEN) if getattr(event, name)
    }
    message = event_message(replace(event, **marks), "", local, as_dialled)
    body = csta.encode(message, namespace).decode("ascii")
    if local is not None and SHAPES[event.kind].local:
        told = "<localConnectionInfo>{}</localConnectionInfo>"
        body = body.replace(told.format(local.value), told.format(_MARK.format(_LOCAL)))
    # An f-string: twice as fast as format.  Of the text, whatever means something to Python is told apart.
    pieces = _MARKED.split(body)
    pieces[::2] = [repr(piece)[1:-1].replace("{", "{{").replace("}", "}}") for piece in pieces[::2]]
    pieces[1::2] = [f"{{n{number}}}" for number in pieces[1::2]]
    arguments = ", ".join(f"n{number}" for number in range(_LOCAL + 1))
    quoted = "".join(pieces).replace('"', '\\"')
    fill: _Fill = eval(f'lambda {arguments}: f"{quoted}"')  # noqa: S307 - of our own text, and of numbers' places
    return fill
