"""A client's session, as services see it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ctigw.csta.device_id import as_dialled
from ctigw.values import Enum, value

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


class Client(Protocol):
    """Whoever is at the other end of a session's connection."""

    def send_event(self, frame: bytes) -> None:
        """Tell it what has happened: a frame of `csta.frame.event_frame`."""

    def ask(self, message: object, namespace: str) -> None:
        """Send it a request of the gateway's own, whose answer nobody waits for."""

    def tell(self, message: object, namespace: str) -> None:
        """Send it a request that has no answer."""


@dataclass(slots=True, eq=False)
class Watching:
    """What a session watches: its monitors by their references.

    When it is ``over``, none of them is told anything any more, even if they are still about.
    """

    client: Client
    show: Callable[[str], str]
    monitors: dict[str, Monitor] = field(default_factory=dict)
    over: bool = False


class Watched(Enum):
    """The kinds of object that can be monitored."""

    DEVICE = "device"
    CALL = "call"


@dataclass(slots=True, eq=False)
class Monitor:
    """One MonitorStart that was granted; events go out in ``namespace``, the one it was asked in.

    ``number`` is that of the device, or the id of the call, which changes when calls are joined.
    ``suppressed``: the events that it does not report.
    """

    cross_ref_id: str
    watched: Watched
    number: str
    session: Session
    watching: Watching
    namespace: str
    suppressed: frozenset[enum.Flag]


@dataclass(slots=True, eq=False)
class Session:
    """One connected client.

    ``service_initiated``: whether it is told of ServiceInitiated.
    ``show``: the form in which it is given device ids.
    ``rights``: None until it has said who it is, where it must; ``listener_rights``: those without a session.
    ``closed``: the client is gone.
    ``watching``, ``registrations``: what it holds, if it has ever asked for any.
    ``refusals_audited``: what strangers can be refused at no cost, as far as it is in the audit already.
    """

    client: Client
    peer: str = ""
    service_initiated: bool = True
    show: Callable[[str], str] = as_dialled
    listener_rights: Rights | None = EVERYTHING
    rights: Rights | None = EVERYTHING
    application: ApplicationSession | None = None
    closed: bool = False
    watching: Watching | None = None
    registrations: tuple[str, ...] = ()
    refusals_audited: tuple[str, ...] = ()
