"""A client's session, as services see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SendEvent = Callable[[object, str], None]


@dataclass(slots=True, eq=False)
class Session:
    """One connected client.

    ``send_event(message, namespace)`` tells it what happened.  ``service_initiated``: whether it is told of
    ServiceInitiated.  ``monitors``: the cross references it holds.
    """

    send_event: SendEvent
    peer: str = ""
    service_initiated: bool = True
    monitors: set[str] = field(default_factory=set)
