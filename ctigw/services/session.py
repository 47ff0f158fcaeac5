"""A client's session, as services see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SendEvent = Callable[[object, str], None]
Ask = Callable[[object, str], None]
Allows = Callable[[str], bool]


def everything(_number: str) -> bool:
    """Every line."""
    return True


@dataclass(frozen=True, slots=True)
class Rights:
    """Who somebody is, and which lines they may monitor and control."""

    name: str = ""
    monitor: Allows = everything
    control: Allows = everything


EVERYTHING = Rights()


def as_dialled(number: str) -> str:
    """The plainest form of a device id: the digits."""
    return number


@dataclass(slots=True, eq=False)
class Session:
    """One connected client.

    ``send_event(message, namespace)`` tells it what happened; ``ask(message, namespace)`` sends it a request
    of the gateway's own, whose answer nobody waits for.
    ``service_initiated``: whether it is told of ServiceInitiated.
    ``show``: the form in which it is given device ids.
    ``rights``: None until it has said who it is, where it must.
    ``monitors``, ``registrations``: the references that it holds.
    """

    send_event: SendEvent
    ask: Ask
    peer: str = ""
    service_initiated: bool = True
    show: Callable[[str], str] = as_dialled
    rights: Rights | None = EVERYTHING
    monitors: set[str] = field(default_factory=set)
    registrations: set[str] = field(default_factory=set)
