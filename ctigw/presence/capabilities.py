"""What a service or a device can do (RFC 5196), as its schema has it, misprints included."""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.presence.carrying import Handler, Scope
from ctigw.presence.lexical import boolean, integer, quoted, string
from ctigw.presence.shaping import leaf, note, sequence
from ctigw.presence.vocabulary import CAPS
from ctigw.xml.parsing import Element


def _flag(name: str) -> tuple[str, Handler]:
    return name, leaf(f"sc:{name}", boolean)


def _lists(
    name: str,
    children: Mapping[str, Handler],
    *,
    many: tuple[str, ...] = (),
    foreign: bool = True,
    empty: bool = True,
) -> tuple[str, Handler]:
    """What is supported, and what is not."""
    sides = {
        side: sequence(f"sc:{side}", CAPS, children, many=many, foreign=foreign, empty=empty)
        for side in ("supported", "notsupported")
    }
    return name, sequence(f"sc:{name}", CAPS, sides, foreign=False)


def _words(name: str, words: str) -> tuple[str, Handler]:
    return _lists(name, {word: leaf(f"sc:{word}", string) for word in words.split()})


def _entries(name: str, word: str) -> tuple[str, Handler]:
    return _lists(name, {word: leaf(f"sc:{word}", string)}, many=(word,), foreign=False, empty=False)


def _numbers(name: str, *needed: str) -> Handler:
    def write(element: Element, _scope: Scope) -> str:
        values = [(each, integer(str(element.get(each, "")))) for each in needed]
        if any(value is None for _, value in values):
            return ""
        return f"<sc:{name}{''.join([f' {each}={quoted(value or str())}' for each, value in values])}/>"

    return write


_PRIORITIES: dict[str, Handler] = {
    "equals": _numbers("equals", "value"),
    "higherhan": _numbers("higherhan", "minvalue"),  # as RFC 5196 prints it
    "lowerthan": _numbers("lowerthan", "maxvalue"),
    "range": _numbers("range", "minvalue", "maxvalue"),
}


def _description(element: Element, _scope: Scope) -> str:
    return note("sc:description", element)


SERVCAPS = sequence(
    "sc:servcaps",
    CAPS,
    dict(
        [
            _words("actor", "attendant information msg-taker principal"),
            _flag("application"),
            _flag("audio"),
            _flag("automata"),
            _words("class", "business personal"),
            _flag("control"),
            _flag("data"),
            ("description", _description),
            _words("duplex", "full half receive-only send-only"),
            _words(
                "event-packages",
                "conference dialog kpml message-summary poc-settings presence reg refer Siemens-RTP-Stats "
                "spirits-INDPs spirits-user-prof winfo",
            ),
            _words(
                "extensions",
                "rel100 early-session eventlist from-change gruu hist-info join norefersub path precondition "
                "pref privacy recipient-list-invite recipient-list-subscribe replaces resource-priority "
                "sdp-anat sec-agree tdialog timer",
            ),
            _flag("isfocus"),
            _flag("message"),
            _words(
                "methods",
                "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE "
                "UPDATE",
            ),
            _entries("languages", "l"),
            _lists("priority", _PRIORITIES, many=tuple(_PRIORITIES)),
            _entries("schemes", "s"),
            _flag("text"),
            ("type", leaf("sc:type", string)),
            _flag("video"),
        ]
    ),
    many=("description", "type"),
    own={},
)
DEVCAPS = sequence(
    "sc:devcaps",
    CAPS,
    dict([("description", _description), _words("mobility", "fixed mobile")]),
    many=("description",),
    own={},
)
