"""A client's session, as services see it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
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

    def send_event(self, start: bytes, cross_ref_ids: Sequence[bytes], tail: bytes) -> None:
        """Tell it what has happened: the frames that `csta.frame.event_frames` makes of that."""

    def ask(self, message: object, namespace: str) -> None:
        """Send it a request of the gateway's own, whose answer nobody waits for."""

    def tell(self, message: object, namespace: str) -> None:
        """Send it a request that has no answer."""


class _Nobody:
    """Whoever was there is gone."""

    def send_event(self, _start: bytes, _cross_ref_ids: Sequence[bytes], _tail: bytes) -> None:
        """Nobody hears it."""

    def ask(self, _message: object, _namespace: str) -> None:
        """Nobody is asked."""

    def tell(self, _message: object, _namespace: str) -> None:
        """Nobody is told."""


NOBODY: Client = _Nobody()


@dataclass(slots=True, eq=False)
class Watching:
    """What a session watches: its monitors by their references.

    When it is ``over``, none of them is told anything any more, even if they are still about.
    """

    session: Session
    monitors: dict[bytes, Monitor] = field(default_factory=dict)
    over: bool = False


class Watched(Enum):
    """The kinds of object that can be monitored."""

    DEVICE = "device"
    CALL = "call"


@dataclass(slots=True, eq=False)
class Monitor:
    """One MonitorStart that was granted; events go out in ``namespace``, the one it was asked in.

    ``number`` is that of the device, or the id of the call, which changes when calls are joined.
    ``suppressed``: the events that it does not report.  By itself it is a party, and an audience, of one: as
    at nearly every line, so what there is for many costs those nothing.
    """

    watching: Watching
    namespace: str
    suppressed: frozenset[enum.Flag]
    cross_ref_id: bytes
    watched: Watched
    number: str

    @property
    def cross_ref_ids(self) -> tuple[bytes, ...]:
        """Its only one."""
        return (self.cross_ref_id,)

    @property
    def monitors(self) -> tuple[Monitor, ...]:
        """Itself."""
        return (self,)

    @property
    def parties(self) -> tuple[Monitor, ...]:
        """Itself."""
        return (self,)

    def changed(self) -> None:
        """Nobody else is concerned."""


@dataclass(slots=True, eq=False)
class Party:
    """Monitors that are told the same events in the same words: those of one session, ``watching``, in one
    ``namespace``, with the same events ``suppressed``, and with references of one length."""

    watching: Watching
    namespace: str
    suppressed: frozenset[enum.Flag]
    cross_ref_ids: tuple[bytes, ...]


# Monitors of a session that are told an event in one go, 64 KiB at a usual length: what a client is not sent
# yet is bounded in bytes, and this is what may come on top.
TOGETHER = 64


class Audience:
    """Those who watch one device or call, in the order in which they came."""

    __slots__ = ("_parties", "monitors")

    def __init__(self, monitors: tuple[Monitor, ...]) -> None:
        self.monitors = monitors
        # Put together when there is something to tell, and not with each event.
        self._parties: tuple[Party, ...] | None = None

    @property
    def parties(self) -> tuple[Party, ...]:
        """Those who are told things together."""
        if self._parties is None:
            self._parties = tuple(_put_together(self.monitors))
        return self._parties

    def changed(self) -> None:
        """One of them wants other events than before."""
        self._parties = None


def _put_together(monitors: tuple[Monitor, ...]) -> Iterator[Party]:
    def alike(monitor: Monitor) -> tuple[int, str, frozenset[enum.Flag], int]:
        length = len(monitor.cross_ref_id)
        return id(monitor.watching), monitor.namespace, monitor.suppressed, length

    for _, group in groupby(monitors, alike):
        members = tuple(group)
        it = members[0]
        references = tuple(member.cross_ref_id for member in members)
        for begin in range(0, len(references), TOGETHER):
            yield Party(it.watching, it.namespace, it.suppressed, references[begin : begin + TOGETHER])


@dataclass(slots=True, eq=False)
class Session:
    """One connected client.

    ``service_initiated``: whether it is told of ServiceInitiated.
    ``show``: the form in which it is given device ids.
    ``rights``: None until it has said who it is, where it must; ``listener_rights``: those without a session.
    ``closed``: the client is gone.
    ``watching``, ``registrations``: what it holds, if it has ever asked for any.
    ``refusals_audited``: what strangers can be refused at no cost, as far as it is in the audit already.
    ``number`` tells it from all others of its listener; ``since``: when it connected (seconds since 1970).
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
    number: int = 0
    since: float = 0.0
