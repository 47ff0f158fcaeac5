"""Calls as the simulated PBX keeps them: the parties, what each of them does, and the timers that run."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall


class Phase(enum.Enum):
    """What a party hears or does in a call; the value is the word for it in a snapshot."""

    PROMPTED = "initiated"  # the phone asks its person to lift the handset
    RINGING = "alerting"
    TALKING = "connected"  # also a caller who listens to ringing or to a tone
    HELD = "hold"
    FAILED = "fail"


class Timer(NamedTuple):
    """What is to happen to a party, and when."""

    delayed: IDelayedCall
    happen: Callable[[Call, str], None]


TAKING_PART = frozenset({Phase.TALKING, Phase.HELD})


@dataclass(slots=True, eq=False)
class Call:
    """One call: the parties in the order in which they came, the numbers tried so far, the timers that run.

    ``caller`` placed it and ``dialled`` is the number that was called.  ``timers`` are by party, "" for the
    call's own (a tone).
    """

    id: str
    caller: str
    dialled: str
    parties: dict[str, Phase] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    timers: dict[str, list[Timer]] = field(default_factory=dict)

    @property
    def taking_part(self) -> list[str]:
        """The parties that talk or are on hold."""
        return [party for party, phase in self.parties.items() if phase in TAKING_PART]

    @property
    def ringing(self) -> list[str]:
        """The parties whose phones ring."""
        return [party for party, phase in self.parties.items() if phase is Phase.RINGING]

    def stop_timers(self, of: str) -> None:
        """Whatever was to happen next to the party ``of`` ("" for the tone) does not."""
        for timer in self.timers.pop(of, ()):
            if timer.delayed.active():
                timer.delayed.cancel()

    def stop_all_timers(self) -> None:
        """Whatever was to happen next in this call does not."""
        for of in tuple(self.timers):
            self.stop_timers(of)
