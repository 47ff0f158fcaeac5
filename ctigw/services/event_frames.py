"""Events as bytes: each is rendered once, however many monitors are told it.

What monitors are told of an event differs in the cross reference alone, as long as they want the same
namespace and form of device ids, and their devices are in the same state.  So a `Telling` gives what comes
before and behind it in a frame, and `csta.frame.event_frames` puts it in.

Most events (`switch.events.Event`) are not even encoded.  Two of the same kind and cause, with the same
things known of them, differ in numbers only: the first is encoded, with marks in the place of its numbers,
and what comes of it is compiled into a function of those (`_template`).  So the encoder stays the one place
that knows what an event looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ctigw.csta.device_id import as_dialled
from ctigw.csta.frame import parted
from ctigw.csta.types import csta
from ctigw.services.event_messages import SHAPES, Show, event_message
from ctigw.switch.events import CallEvent, DeviceEvent, Event
from ctigw.switch.states import State
from ctigw.xml import escaped

# The numbers of an event that templates leave open.
_OPEN = ("call", "device", "calling", "called", "redirected_by", "destination", "network")
# A mark: the control character is allowed in XML, and in nothing that the gateway says.
_MARK = "\x7f{}\x7f"
_MARKED = re.compile("\x7f([0-9])\x7f")
_LOCAL = "<localConnectionInfo>{}</localConnectionInfo>"
_LOCALS = {state: state.value.encode() for state in State}
# What a frame begins with, and goes on with before and behind the state of the monitored device.
_Rendering = tuple[bytes, bytes, bytes]
# The same for all events that differ in numbers only.
_Template = tuple[bytes, Callable[..., str], Callable[..., str]]
_templates: dict[tuple[object, ...], _Template] = {}


class Telling:
    """One event, as it is told to monitors: rendered when the way to tell it changes.

    ``flag``: the filter that keeps it away.
    """

    __slots__ = ("_event", "_namespace", "_rendering", "_show", "flag")

    def __init__(self, event: CallEvent | DeviceEvent) -> None:
        self._event = event
        self.flag = SHAPES[event.kind].flag
        # The last way in which it was told: clients of a line want the same, nearly always.
        self._namespace: str | None = None
        self._show: Show | None = None
        self._rendering: _Rendering = b"", b"", b""

    def parts(self, local: State | None, namespace: str, show: Show) -> tuple[bytes, bytes]:
        """What comes before and behind the cross reference, for those who watch a device that is in state
        ``local``, or (None) a call."""
        event = self._event
        if type(event) is not Event or local is None:
            return parted(csta.encode(event_message(event, "", local, show), namespace))
        if self._namespace != namespace or self._show is not show:
            self._namespace, self._show = namespace, show
            self._rendering = _rendered(event, namespace, show)
        start, before, behind = self._rendering
        return start, before + _LOCALS[local] + behind


def _rendered(event: Event, namespace: str, show: Show) -> _Rendering:
    numbers: tuple[str, ...] = (
        event.call, event.device, event.calling, event.called,
        event.redirected_by, event.destination, event.network,
    )  # fmt: skip
    call, device, calling, called, redirected_by, destination, network = numbers
    key = (
        event.kind, event.cause, namespace,
        not call, not device, not calling, not called, not redirected_by, not destination, not network,
    )  # fmt: skip
    template = _templates.get(key)
    if template is None:
        template = _templates[key] = _template(event, namespace)
    if show is not as_dialled:
        numbers = (call, *map(show, numbers[1:]))
    together = "".join(numbers)
    if not (together.isalnum() and together.isascii()):
        numbers = tuple(map(escaped, numbers))
    start, before, behind = template
    return start, before(*numbers).encode("ascii"), behind(*numbers).encode("ascii")


def _template(event: Event, namespace: str) -> _Template:
    """The template of all events that differ from this one in numbers only."""
    marks: dict[str, Any] = {
        name: _MARK.format(number) for number, name in enumerate(_OPEN) if getattr(event, name)
    }
    message = event_message(replace(event, **marks), "", State.NULL, as_dialled)
    start, rest = parted(csta.encode(message, namespace))
    opening, closing = _LOCAL.split("{}")
    before, behind = rest.decode("ascii").split(_LOCAL.format(State.NULL.value))
    return start, _function(before + opening), _function(closing + behind)


def _function(text: str) -> Callable[..., str]:
    """A function from numbers to ``text`` with those in the places of the marks."""
    # An f-string: twice as fast as format.  Of the text, whatever means something to Python is told apart.
    pieces = _MARKED.split(text)
    pieces[::2] = [repr(piece)[1:-1].replace("{", "{{").replace("}", "}}") for piece in pieces[::2]]
    pieces[1::2] = [f"{{n{number}}}" for number in pieces[1::2]]
    arguments = ", ".join(f"n{number}" for number in range(len(_OPEN)))
    quoted = "".join(pieces).replace('"', '\\"')
    # Text of our own, and places for numbers.
    function: Callable[..., str] = eval(f'lambda {arguments}: f"{quoted}"')  # noqa: S307 - nothing of a client's
    return function
