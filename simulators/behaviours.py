"""How the lines of the simulated PBX behave, as plain data.

A behaviour is what a phone and the person at it do.  A feature (do not disturb, forwarding) is what the PBX
does for the line; features can be changed by command and outlive a restart, behaviours are configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec

from ctigw.switch.driver import Forwarding, ForwardRule, LineFeatures

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone and its person do.

    ``answers_after``: seconds of ringing before the person answers; None: only a command answers.
    ``rejects``: the person sends every ringing call away at once.
    ``busy``: the line is busy for whoever calls it.
    ``lifts``: the person is there to lift the handset of a prompting phone.
    ``reaction``: seconds before the phone accepts (or refuses) a command; None: it never does either.
    ``in_service``: whether the phone can be used at all.
    ``lies``: after what happens at this line the PBX reports something that cannot be, as well.
    ``drops_link``: a command to this phone makes the PBX lose its link to the gateway.
    """

    answers_after: float | None = None
    rejects: bool = False
    busy: bool = False
    lifts: bool = True
    reaction: float | None = 0.0
    in_service: bool = True
    lies: bool = False
    drops_link: bool = False


BEHAVIOURS: Mapping[str, Behaviour] = {
    "normal": Behaviour(),
    "no-answer": Behaviour(lifts=False),
    "auto-answer": Behaviour(answers_after=1.0),
    "busy": Behaviour(busy=True),
    "rejects": Behaviour(rejects=True),
    "slow": Behaviour(reaction=3.0),
    "silent": Behaviour(reaction=None),
    "out-of-service": Behaviour(in_service=False),
    "lies-about-state": Behaviour(lies=True),
    "drops-the-link": Behaviour(drops_link=True),
}


def obeys_at_once(phone: Behaviour) -> bool:
    """Whether a command to this phone takes no time and has nothing to say against it."""
    return phone.reaction == 0 and phone.in_service and not phone.drops_link


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the PBX is set to.

    ``no_answer``: seconds a line rings before the PBX gives up or forwards.
    ``ring``: seconds from one ring to the next, for forwardings that count rings.
    ``tone``: seconds a caller hears a tone before the PBX clears the call.
    ``outside_answers``: seconds before an outside party answers.
    ``appearances``: calls that one line can have at once.
    ``conference``: parties that one call can have.
    ``link_lost``: seconds that a dropped link stays down.
    """

    no_answer: Seconds = 30.0
    ring: Seconds = 5.0
    tone: Seconds = 15.0
    outside_answers: Seconds = 2.0
    appearances: Annotated[int, msgspec.Meta(ge=1)] = 2
    conference: Annotated[int, msgspec.Meta(ge=3)] = 6
    link_lost: Seconds = 10.0


# What a line is that nothing is set for.
PLAIN = LineFeatures()

INTERNAL: Mapping[Forwarding, Forwarding] = {
    Forwarding.IMMEDIATE: Forwarding.IMMEDIATE_INTERNAL,
    Forwarding.BUSY: Forwarding.BUSY_INTERNAL,
    Forwarding.NO_ANSWER: Forwarding.NO_ANSWER_INTERNAL,
    Forwarding.DO_NOT_DISTURB: Forwarding.DO_NOT_DISTURB_INTERNAL,
}
EXTERNAL: Mapping[Forwarding, Forwarding] = {
    Forwarding.IMMEDIATE: Forwarding.IMMEDIATE_EXTERNAL,
    Forwarding.BUSY: Forwarding.BUSY_EXTERNAL,
    Forwarding.NO_ANSWER: Forwarding.NO_ANSWER_EXTERNAL,
    Forwarding.DO_NOT_DISTURB: Forwarding.DO_NOT_DISTURB_EXTERNAL,
}


def rule_for(features: LineFeatures, when: Forwarding, *, external: bool) -> ForwardRule | None:
    """The forwarding that applies in the case ``when`` to a call from outside or inside; None for none.

    One for calls of that origin alone goes before one for all.
    """
    active = {rule.when: rule for rule in features.forwarding if rule.active}
    return active.get((EXTERNAL if external else INTERNAL)[when]) or active.get(when)


def with_rule(features: LineFeatures, rule: ForwardRule) -> LineFeatures:
    """``features`` with ``rule`` in the place of the line's earlier one for the same case."""
    rules = {kept.when: kept for kept in features.forwarding} | {rule.when: rule}
    # In one order, so that equal settings are equal whoever made them.
    return replace(features, forwarding=tuple(rules[when] for when in Forwarding if when in rules))


class PhoneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line as a configuration lists it; ``behaviour`` is a name in `BEHAVIOURS`.

    ``barred``: the beginnings of numbers that it may not call.
    """

    number: str
    behaviour: str = "normal"
    do_not_disturb: bool = False
    forwarding: Mapping[Forwarding, str] = msgspec.field(default_factory=dict)
    barred: tuple[str, ...] = ()

    @property
    def features(self) -> LineFeatures:
        """The features that the line starts with when nothing was saved for it."""
        features = LineFeatures(self.do_not_disturb)
        for when, destination in self.forwarding.items():
            features = with_rule(features, ForwardRule(when, destination))
        return features


def behaviour(name: str) -> Behaviour:
    """The behaviour called ``name``.  Raises `ValueError`."""
    try:
        return BEHAVIOURS[name]
    except KeyError:
        raise ValueError(f"no behaviour is called {name!r}") from None


def behaviours_of(phones: Iterable[PhoneSettings]) -> dict[str, Behaviour]:
    """The behaviour of every line, by number; ValueError when the list makes no sense."""
    behaviours: dict[str, Behaviour] = {}
    for phone in phones:
        if phone.number in behaviours:
            raise ValueError(f"line {phone.number} is listed twice")
        if phone.number in phone.forwarding.values():
            raise ValueError(f"line {phone.number}: forwards to itself")
        try:
            behaviours[phone.number] = behaviour(phone.behaviour)
        except ValueError as error:
            raise ValueError(f"line {phone.number}: {error}") from None
    return behaviours


def features_of(
    phones: Iterable[PhoneSettings], saved: Mapping[str, LineFeatures]
) -> dict[str, LineFeatures]:
    """What lines are set to, by number: as was saved, or else as configured; `PLAIN` ones are left out."""
    features = {phone.number: phone.features for phone in phones if phone.do_not_disturb or phone.forwarding}
    features |= {phone.number: saved[phone.number] for phone in phones if phone.number in saved}
    return {number: of_line for number, of_line in features.items() if of_line != PLAIN}


_DEMO_PECULIAR = {
    "2006": PhoneSettings("2006", "auto-answer"),
    "2007": PhoneSettings("2007", "busy"),
    "2008": PhoneSettings("2008", "no-answer"),
    "2009": PhoneSettings("2009", do_not_disturb=True),
    "2010": PhoneSettings("2010", forwarding={Forwarding.IMMEDIATE: "2001"}),
    "2011": PhoneSettings("2011", "rejects"),
    "2012": PhoneSettings("2012", "slow"),
    "2013": PhoneSettings("2013", "out-of-service"),
    "2020": PhoneSettings("2020", barred=("9",)),
}


def demo_phones() -> tuple[PhoneSettings, ...]:
    """The demo's lines, 2001 to 2020: one for every behaviour and feature, the others normal."""
    numbers = (str(number) for number in range(2001, 2021))
    return tuple(_DEMO_PECULIAR.get(number, PhoneSettings(number)) for number in numbers)
