"""What the switch tells its observers: a report, applied, with all that it meant for each party."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctigw.switch.driver import Cause, Kind
from ctigw.switch.states import State


@dataclass(frozen=True, slots=True)
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
    states: Mapping[str, State]
