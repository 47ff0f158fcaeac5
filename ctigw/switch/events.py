"""What the switch tells its observers: a report, applied, with all that it meant for each party."""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.switch.driver import Cause, ForwardRule, Kind
from ctigw.switch.states import State
from ctigw.values import value


@value
class Event:
    """``device`` in ``call`` went through ``kind``.

    ``states``: the state of every party's connection afterwards, with ``device`` among them even when it
    has just left.  ``calling``, ``called``, ``redirected_by`` are of the call; empty when not known or none.
    A divert's ``redirected_by`` is whoever redirected the call before ``device`` did.
    """

    kind: Kind
    call: str
    device: str
    cause: Cause
    calling: str
    called: str
    redirected_by: str
    destination: str
    network: str
    states: Mapping[str, State]


@value
class Moved:
    """A party of a joined call: its connection's call now and, where it had one, before ("" for none)."""

    device: str
    call: str
    old_call: str


@value
class CallsJoined:
    """``device`` transferred or conferenced: ``primary`` (and ``secondary``, unless "") became ``call``.

    ``connections``: the parties of the resulting call, with ``other`` even when it is not in it yet.
    ``states``: as in `Event`, of every party before and after; ``device`` is null after a transfer.
    """

    kind: Kind
    call: str
    device: str
    cause: Cause
    primary: str
    secondary: str
    other: str
    connections: tuple[Moved, ...]
    states: Mapping[str, State]


@value
class CallOver:
    """The last connection of ``call`` is gone; ``cause`` is why."""

    call: str
    cause: Cause


@value
class CompletionFailed:
    """What ``device`` asked for in ``call`` was accepted and came to nothing."""

    kind: Kind
    call: str
    device: str
    cause: Cause
    states: Mapping[str, State]


@value
class DigitsSent:
    """``device`` sent DTMF ``digits`` into ``call``."""

    kind: Kind
    call: str
    device: str
    digits: str
    states: Mapping[str, State]


@value
class DoNotDisturbSet:
    """Do not disturb was switched at ``device``."""

    kind: Kind
    device: str
    on: bool


@value
class ForwardingSet:
    """A forwarding of ``device`` is as ``rule`` says now."""

    kind: Kind
    device: str
    rule: ForwardRule


@value
class ServiceChanged:
    """``device`` went out of service or came back (the kind says which)."""

    kind: Kind
    device: str
    cause: Cause


@value
class LinkChanged:
    """The PBX is lost, or is there again and the picture is true again."""

    up: bool


CallEvent = Event | CallsJoined | CompletionFailed | DigitsSent
DeviceEvent = DoNotDisturbSet | ForwardingSet | ServiceChanged
AnyEvent = CallEvent | DeviceEvent | CallOver | LinkChanged
