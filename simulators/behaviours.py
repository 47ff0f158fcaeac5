"""How the lines of the simulated PBX behave, as plain data.

A behaviour is what a phone and the person at it do.  A feature (do not disturb, forwarding) is what the PBX
does for the line; features can be changed by command and outlive a restart, behaviours are configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec

from ctigw.switch.driver import Forwarding

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone and its person do.

    ``answers_after``: seconds of ringing before the person answers; None: only a command answers.
    ``rejects``: the person sends every ringing call away at once.
    ``busy``: the line is busy for whoever calls it.
    ``reaction``: seconds before the phone accepts (or refuses) a command.
    ``in_service``: whether the phone can be used at all.
    """

    answers_after: float | None = None
    rejects: bool = False
    busy: bool = False
    reaction: float = 0.0
    in_service: bool = True


BEHAVIOURS: Mapping[str, Behaviour] = {
    "normal": Behaviour(),
    # The same data as "normal": what differs is the promise that nobody, neither person nor script, answers.
    "no-answer": Behaviour(),
    "auto-answer": Behaviour(answers_after=1.0),
    "busy": Behaviour(busy=True),
    "rejects": Behaviour(rejects=True),
    "slow": Behaviour(reaction=3.0),
    "out-of-service": Behaviour(in_service=False),
}


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the PBX is set to.

    ``no_answer``: seconds a line rings before the PBX gives up or forwards.
    ``tone``: seconds a caller hears a tone before the PBX clears the call.
    ``outside_answers``: seconds before an outside party answers.
    ``appearances``: calls that one line can have at once.
    """

    no_answer: Seconds = 30.0
    tone: Seconds = 15.0
    outside_answers: Seconds = 2.0
    appearances: Annotated[int, msgspec.Meta(ge=1)] = 2


@dataclass(frozen=True, slots=True)
class Features:
    """The settings of a line that outlive a restart.  Equal settings compare equal, whoever made them."""

    do_not_disturb: bool = False
    forwarding: tuple[tuple[Forwarding, str], ...] = ()

    @classmethod
    def of(cls, forwarding: Mapping[Forwarding, str], *, do_not_disturb: bool = False) -> Features:
        """Features from a mapping, in the one order that makes equal ones equal."""
        pairs = tuple((when, forwarding[when]) for when in Forwarding if when in forwarding)
        return cls(do_not_disturb, pairs)

    def destination(self, when: Forwarding) -> str | None:
        """Where calls go in the case ``when``; None when they are not forwarded."""
        return dict(self.forwarding).get(when)

    def with_forwarding(self, when: Forwarding, destination: str | None) -> Features:
        """The same with another forwarding for ``when``; without one when ``destination`` is None."""
        kept = {case: target for case, target in self.forwarding if case is not when}
        if destination is not None:
            kept[when] = destination
        return Features.of(kept, do_not_disturb=self.do_not_disturb)

    def with_do_not_disturb(self, *, on: bool) -> Features:
        """The same with do not disturb on or off."""
        return replace(self, do_not_disturb=on)


class PhoneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line as a configuration lists it; ``behaviour`` is a name in `BEHAVIOURS`."""

    number: str
    behaviour: str = "normal"
    do_not_disturb: bool = False
    forwarding: Mapping[Forwarding, str] = msgspec.field(default_factory=dict)

    @property
    def features(self) -> Features:
        """The features that the line starts with when nothing was saved for it."""
        return Features.of(self.forwarding, do_not_disturb=self.do_not_disturb)


def behaviours_of(phones: Iterable[PhoneSettings]) -> dict[str, Behaviour]:
    """The behaviour of every line, by number; ValueError when the list makes no sense."""
    behaviours: dict[str, Behaviour] = {}
    for phone in phones:
        if phone.number in behaviours:
            raise ValueError(f"line {phone.number} is listed twice")
        if phone.behaviour not in BEHAVIOURS:
            raise ValueError(f"line {phone.number}: no behaviour is called {phone.behaviour!r}")
        behaviours[phone.number] = BEHAVIOURS[phone.behaviour]
    return behaviours


_DEMO_PECULIAR = {
    "2006": PhoneSettings("2006", "auto-answer"),
    "2007": PhoneSettings("2007", "busy"),
    "2008": PhoneSettings("2008", "no-answer"),
    "2009": PhoneSettings("2009", do_not_disturb=True),
    "2010": PhoneSettings("2010", forwarding={Forwarding.IMMEDIATE: "2001"}),
    "2011": PhoneSettings("2011", "rejects"),
    "2012": PhoneSettings("2012", "slow"),
    "2013": PhoneSettings("2013", "out-of-service"),
}


def demo_phones() -> tuple[PhoneSettings, ...]:
    """The demo's lines, 2001 to 2020: one for every behaviour and feature, the others normal."""
    numbers = (str(number) for number in range(2001, 2021))
    return tuple(_DEMO_PECULIAR.get(number, PhoneSettings(number)) for number in numbers)
