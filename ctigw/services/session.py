"""A client's session, as services see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ctigw.values import value

SendEvent = Callable[[object, str], None]
Ask = Callable[[object, str], None]
Allows = Callable[[str], bool]


def everything(_number: str) -> bool:
    """Every line."""
    return True


@value
class Rights:
    """Who somebody is, and which lines they may monitor and control.

    ``granted``: the patterns behind the two, where the directory has them and may take them back.
    """

    name: str = ""
    monitor: Allows = everything
    control: Allows = everything
    granted: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


EVERYTHING = Rights()


def as_dialled(number: str) -> str:
    """The plainest form of a device id: the digits."""
    return number


class Cancellable(Protocol):
    """A timer."""

    def cancel(self) -> None:
        """Let it not ring."""


@dataclass(slots=True)
class ApplicationSession:
    """An application session (ECMA-354) and the timer that ends it.

    ``logged_in``: by name and password, and not by the listener's rights.
    ``namespace``: the one that it was started in, in which the client is told of its end.
    """

    id: str
    timer: Cancellable
    logged_in: bool
    namespace: str


@dataclass(slots=True, eq=False)
class Session:
    """One connected client.

    ``send_event(message, namespace)`` tells it what happened; ``ask(message, namespace)`` sends it a request
    of the gateway's own, whose answer nobody waits for, ``tell(message, namespace)`` one that has no answer.
    ``service_initiated``: whether it is told of ServiceInitiated.
    ``show``: the form in which it is given device ids.
    ``rights``: None until it has said who it is, where it must; ``listener_rights``: those without a session.
    ``closed``: the client is gone.
    ``monitors``, ``registrations``: the references that it holds.
    ``refusals_audited``: what strangers can be refused at no cost, as far as it is in the audit already.
    """

    send_event: SendEvent
    ask: Ask
    tell: Ask
    peer: str = ""
    service_initiated: bool = True
    show: Callable[[str], str] = as_dialled
    listener_rights: Rights | None = EVERYTHING
    rights: Rights | None = EVERYTHING
    application: ApplicationSession | None = None
    closed: bool = False
    monitors: set[str] = field(default_factory=set)
    registrations: set[str] = field(default_factory=set)
    refusals_audited: set[str] = field(default_factory=set)
