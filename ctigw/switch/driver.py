"""The seam to a PBX.  A driver obeys commands and reports what happened; it holds no policy.

The contract:

* A command returns when the PBX has accepted it; it raises `Refused` when the PBX will not.
* What a command causes is reported later, never before the command has returned.
* Reports come in the order in which things happened.  A snapshot tells of everything reported so far and
  of nothing that is still to be reported.
* Call ids are the driver's own text.  The switch gives clients decimal ones, unique across drivers.
* A driver declares a command by overriding it; the switch offers what is overridden and nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ctigw.errors import Reason, Refused


class Kind(enum.Enum):
    """What a report says of a connection: the rows of the state table, in its words."""

    INITIATE = "initiate"
    ORIGINATE = "originate"
    REACH_NETWORK = "reach network"
    DELIVER = "deliver"
    ESTABLISH = "establish"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    QUEUE = "queue"
    FAIL = "fail"
    DIVERT = "divert"
    CLEAR = "clear"


class Cause(enum.Enum):
    """Why it happened: values of ECMA-323's EventCause."""

    BUSY = "busy"
    CALL_CANCELLED = "callCancelled"
    CALL_FORWARD = "callForward"
    CALL_FORWARD_BUSY = "callForwardBusy"
    CALL_FORWARD_IMMEDIATE = "callForwardImmediate"
    CALL_FORWARD_NO_ANSWER = "callForwardNoAnswer"
    CALL_NOT_ANSWERED = "callNotAnswered"
    DEST_NOT_OBTAINABLE = "destNotObtainable"
    DEST_OUT_OF_ORDER = "destOutOfOrder"
    DO_NOT_DISTURB = "doNotDisturb"
    MAKE_CALL = "makeCall"
    NEW_CALL = "newCall"
    NORMAL = "normal"
    NORMAL_CLEARING = "normalClearing"


@dataclass(frozen=True, slots=True)
class Report:
    """The PBX says that ``device`` in ``call`` went through ``kind``.

    ``called``: the number dialled (initiate, originate).  ``destination``: where a diverted call goes.
    """

    kind: Kind
    call: str
    device: str
    cause: Cause
    called: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One connection in a snapshot; ``state`` in the words of LocalConnectionState."""

    call: str
    state: str
    calling: str = ""
    called: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A device that can be commanded and monitored."""

    number: str
    in_service: bool = True


class Forwarding(enum.Enum):
    """When a line forwards its calls."""

    IMMEDIATE = "forwardImmediate"
    BUSY = "forwardBusy"
    NO_ANSWER = "forwardNoAns"
    DO_NOT_DISTURB = "forwardDND"


class Memory(Protocol):
    """What a driver without a memory of its own may keep across restarts: the features of its lines."""

    def saved(self) -> Mapping[str, Mapping[str, Any]]:
        """What was saved, by line number."""

    async def save(self, line: str, features: Mapping[str, Any]) -> None:
        """Keep ``features`` (plain values) for ``line``; returns when they are committed."""


def _refuse() -> Refused:
    return Refused(Reason.SERVICE_NOT_SUPPORTED)


class Driver:
    """What a PBX may offer; override what yours has.

    Call ids are those of `make_call`'s answer and of reports, devices are line numbers.
    """

    def start(self) -> None:
        """The gateway is up: connect to the PBX, if that is a thing to do."""

    def stop(self) -> None:
        """The gateway goes down: let the PBX go."""

    def listen(self, report: Callable[[Report], None]) -> None:
        """Send every report to ``report`` from now on."""
        raise NotImplementedError

    def lines(self) -> Mapping[str, Line]:
        """The lines of this PBX, by number.  Read once, at start."""
        raise NotImplementedError

    def can_call(self, number: str) -> bool:
        """Whether ``number`` lies in the numbering plan (not: whether a call to it succeeds)."""
        raise NotImplementedError

    def linked(self) -> bool:
        """Whether the PBX can be reached now."""
        return True

    def kinds(self) -> frozenset[Kind]:
        """The kinds of report that this driver may make; all of them unless it says otherwise."""
        return frozenset(Kind)

    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        """Place a call, asking ``caller`` to lift the handset first when ``prompt``.  Gives the call's id."""
        raise _refuse()

    async def answer(self, call: str, device: str) -> None:
        """Connect an alerting device."""
        raise _refuse()

    async def clear(self, call: str, device: str) -> None:
        """Take one device out of a call."""
        raise _refuse()

    async def clear_call(self, call: str) -> None:
        """End a call for everybody."""
        raise _refuse()

    async def hold(self, call: str, device: str) -> None:
        """Put the call on hold at ``device``."""
        raise _refuse()

    async def retrieve(self, call: str, device: str) -> None:
        """Connect a held device again."""
        raise _refuse()

    async def consult(self, call: str, device: str, called: str) -> str:
        """Hold ``call`` at ``device`` and call ``called``.  Gives the new call's id."""
        raise _refuse()

    async def alternate(self, held: str, active: str, device: str) -> None:
        """Hold the active call and retrieve the held one."""
        raise _refuse()

    async def reconnect(self, held: str, active: str, device: str) -> None:
        """Clear the active call and retrieve the held one."""
        raise _refuse()

    async def transfer(self, held: str, active: str, device: str) -> str:
        """Join the other parties of two calls without ``device``.  Gives the resulting call's id."""
        raise _refuse()

    async def conference(self, held: str, active: str, device: str) -> str:
        """Join two calls with ``device``.  Gives the resulting call's id."""
        raise _refuse()

    async def single_step_transfer(self, call: str, device: str, called: str) -> str:
        """Replace ``device`` by ``called``.  Gives the resulting call's id."""
        raise _refuse()

    async def single_step_conference(self, call: str, device: str, joining: str, *, listen_only: bool) -> str:
        """Add ``joining`` to a call.  Gives the resulting call's id."""
        raise _refuse()

    async def deflect(self, call: str, device: str, destination: str) -> None:
        """Send an alerting call elsewhere."""
        raise _refuse()

    async def generate_digits(self, call: str, device: str, digits: str) -> None:
        """Send DTMF digits into a call."""
        raise _refuse()

    async def set_forwarding(self, device: str, when: Forwarding, destination: str | None) -> None:
        """Forward the calls of ``device``; to nobody when ``destination`` is None."""
        raise _refuse()

    async def set_do_not_disturb(self, device: str, *, on: bool) -> None:
        """Keep calls away from ``device``."""
        raise _refuse()

    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        """The connections of ``device`` as they are."""
        raise _refuse()


COMMANDS = (
    "make_call",
    "answer",
    "clear",
    "clear_call",
    "hold",
    "retrieve",
    "consult",
    "alternate",
    "reconnect",
    "transfer",
    "conference",
    "single_step_transfer",
    "single_step_conference",
    "deflect",
    "generate_digits",
    "set_forwarding",
    "set_do_not_disturb",
    "snapshot",
)


def offered(driver: Driver) -> frozenset[str]:
    """The names of the commands that ``driver`` has."""
    return frozenset(name for name in COMMANDS if getattr(type(driver), name) is not getattr(Driver, name))
