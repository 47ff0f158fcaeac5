"""What the switch tells its observers: a report, applied, with all that it meant for each party.

Structs cost a fifth of what dataclasses do.  Nothing in them refers back to them (gc=False).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from msgspec import Struct

from ctigw.switch.driver import Cause, ForwardRule, Kind
from ctigw.switch.states import State


class Event(Struct, frozen=True, gc=False):
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


class Moved(Struct, frozen=True, gc=False):
    """A party of a joined call: its connection's call now and, where it had one, before ("" for none)."""

    device: str
    call: str
    old_call: str


class CallsJoined(Struct, frozen=True, gc=False):
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


class CallOver(Struct, frozen=True, gc=False):
    """The last connection of ``call`` is gone; ``cause`` is why."""

    call: str
    cause: Cause


class CompletionFailed(Struct, frozen=True, gc=False):
    """What ``device`` asked for in ``call`` was accepted and came to nothing."""

    kind: Kind
    call: str
    device: str
    cause: Cause
    states: Mapping[str, State]


class DigitsSent(Struct, frozen=True, gc=False):
    """``device`` sent DTMF ``digits`` into ``call``."""

    kind: Kind
    call: str
    device: str
    digits: str
    states: Mapping[str, State]


class DoNotDisturbSet(Struct, frozen=True, gc=False):
    """Do not disturb was switched at ``device``."""

    kind: Kind
    device: str
    on: bool


class ForwardingSet(Struct, frozen=True, gc=False):
    """A forwarding of ``device`` is as ``rule`` says now."""

    kind: Kind
    device: str
    rule: ForwardRule


class ServiceChanged(Struct, frozen=True, gc=False):
    """``device`` went out of service or came back (the kind says which)."""

    kind: Kind
    device: str
    cause: Cause


class LinkChanged(Struct, frozen=True, gc=False):
    """The PBX is lost, or is there again and the picture is true again."""

    up: bool


CallEvent = Event | CallsJoined | CompletionFailed | DigitsSent
DeviceEvent = DoNotDisturbSet | ForwardingSet | ServiceChanged
AnyEvent = CallEvent | DeviceEvent | CallOver | LinkChanged
CLASSES: tuple[type, ...] = get_args(AnyEvent)
