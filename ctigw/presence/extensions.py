"""What the schemas know beside PIDF: RPID (RFC 4480), CIPID (RFC 4482), and capabilities (`capabilities`).

One table of them all, `KNOWN`: for each element that may stand where any may, a function that writes it
valid, whatever it came like.  What is in the wrong order is put in order, a name of the wrong namespace in
the right one, an activity that RPID has no name for becomes one of Cisco's or ``other``; values outside of
their type are left out, and elements that are nothing without them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping

from ctigw.presence.capabilities import DEVCAPS, SERVCAPS
from ctigw.presence.carrying import KNOWN, Handler, Scope, attributes, carried
from ctigw.presence.lexical import (
    Mend,
    active_idle,
    integer,
    positive,
    string,
    timestamp,
    token,
    uri,
)
from ctigw.presence.shaping import leaf, note, sequence
from ctigw.presence.vocabulary import (
    ACTIVITIES,
    CAPS,
    CIPID,
    CISCO,
    CISCO_ACTIVITIES,
    DATA_MODEL,
    MOODS,
    PIDF,
    RPID,
    parted,
)
from ctigw.xml.parsing import Element

_FROM_UNTIL: dict[str, Mend] = {"from": timestamp, "until": timestamp}
# Where RPID's own elements are looked for by their names: unprefixed children have the root's namespace.
_PLAIN = (RPID, PIDF, "")
_UNKNOWN = "<r:unknown/>"


class _Kind(enum.Enum):
    NAME = enum.auto()
    FOREIGN = enum.auto()
    TEXT = enum.auto()
    UNKNOWN = enum.auto()


_Found = list[tuple[_Kind, str]]
_Choose = Callable[[_Found], str]


def _any_of(found: _Found) -> str:
    """All of them; "unknown" stands alone, unless something is known."""
    said = [text for kind, text in found if kind is not _Kind.UNKNOWN]
    return "".join(said) if said else _UNKNOWN if found else ""


def _one_of(found: _Found) -> str:
    """One of RPID's names, or what other namespaces say, or text."""
    kinds = dict(reversed(found))
    if _Kind.NAME not in kinds and _Kind.FOREIGN in kinds:
        return "".join([text for kind, text in found if kind is _Kind.FOREIGN])
    return kinds.get(_Kind.NAME) or kinds.get(_Kind.TEXT) or kinds.get(_Kind.UNKNOWN, "")


_PRIVACY = tuple(f"<r:{name}/>" for name in ("audio", "text", "video"))


def _each_once(found: _Found) -> str:
    """What nobody overhears, in the order of the schema."""
    names = {text for kind, text in found if kind is _Kind.NAME}
    said = [text for text in _PRIVACY if text in names]
    said += [text for kind, text in found if kind is _Kind.FOREIGN]
    return "".join(said) if said else _UNKNOWN if found else ""


def _picks(
    name: str,
    names: Iterable[str],
    choose: _Choose,
    *,
    notes: bool = True,
    text: bool = False,
    unknown: bool = True,
    empty: bool = False,
    own: Mapping[str, Mend] | None = None,
    cisco: Iterable[str] = (),
) -> Handler:
    """Notes, then names: empty elements of RPID's, or anything of other namespaces.

    ``text`` may take the place of a name; ``unknown`` is a name; ``empty``: there may be none; ``cisco``:
    names that belong to Cisco's namespace, wherever they come from.
    """
    tag = f"r:{name}"
    known = {name: f"<r:{name}/>" for name in names} | {name: f"<ce:{name}/>" for name in cisco}

    def write(element: Element, scope: Scope) -> str:
        noted: list[str] = []
        found: _Found = []
        for child in element:
            namespace, local = parted(str(child.tag))
            if local == "note" and (namespace in _PLAIN or namespace == DATA_MODEL):
                noted.append(note("r:note", child))
            elif namespace not in _PLAIN and not (namespace == CISCO and local in ACTIVITIES):
                written = carried(child, scope)
                if written and not written.startswith("<r:"):  # Cisco's names for RPID's have no place here
                    found.append((_Kind.FOREIGN, written))
            elif local in known:
                found.append((_Kind.NAME, known[local]))
            elif local == "unknown" and unknown:
                found.append((_Kind.UNKNOWN, _UNKNOWN))
            elif text:
                told = note("r:other", child) if local == "other" else f"<r:other>{local}</r:other>"
                found.append((_Kind.TEXT, told))
        chosen = choose(found)
        if not chosen and not empty:
            return ""
        having = attributes(element, scope, own) if own is not None and element.keys() else ""
        content = f"{''.join(noted)}{chosen}" if notes else chosen
        return f"<{tag}{having}>{content}</{tag}>" if content else f"<{tag}{having}/>"

    return write


def _quality(name: str, names: str) -> Handler:
    """How a place is in one respect: one empty element."""
    known = frozenset(names.split())

    def write(element: Element, _scope: Scope) -> str:
        said = [local for child in element if (local := parted(str(child.tag))[1]) in known]
        return f"<r:{name}><r:{said[0]}/></r:{name}>" if said else ""

    return write


_PLACE_IS: dict[str, Handler] = {
    "note": lambda element, _scope: note("r:note", element),
    "audio": _quality("audio", "noisy ok quiet unknown"),
    "video": _quality("video", "toobright ok dark unknown"),
    "text": _quality("text", "uncomfortable inappropriate ok unknown"),
}
_ACTIVE: dict[str, Mend] = {"idle-threshold": positive, "last-input": timestamp}

RPID_ELEMENTS: dict[str, Handler] = {
    "activities": _picks(
        "activities", ACTIVITIES, _any_of, text=True, empty=True, own=_FROM_UNTIL, cisco=CISCO_ACTIVITIES
    ),
    "class": leaf("r:class", token),
    "mood": _picks("mood", MOODS, _any_of, text=True, own=_FROM_UNTIL),
    "place-is": sequence(
        "r:place-is", RPID, _PLACE_IS, many=("note",), foreign=False, own=_FROM_UNTIL, empty=True
    ),
    "place-type": _picks("place-type", (), _one_of, text=True, unknown=False, own=_FROM_UNTIL),
    "privacy": _picks("privacy", ("audio", "text", "video"), _each_once, empty=True, own=_FROM_UNTIL),
    "relationship": _picks(
        "relationship",
        ("assistant", "associate", "family", "friend", "self", "supervisor"),
        _one_of,
        text=True,
    ),
    "service-class": _picks(
        "service-class", ("courier", "electronic", "freight", "in-person", "postal"), _one_of
    ),
    "sphere": _picks("sphere", ("home", "work"), _one_of, notes=False, empty=True, own=_FROM_UNTIL),
    "status-icon": leaf("r:status-icon", uri, _FROM_UNTIL),
    "time-offset": leaf("r:time-offset", integer, {**_FROM_UNTIL, "description": string}),
    "user-input": leaf("r:user-input", active_idle, _ACTIVE),
}
_CIPID_ELEMENTS: dict[str, Handler] = {
    **{name: leaf(f"ci:{name}", uri) for name in ("card", "homepage", "icon", "map", "sound")},
    "display-name": leaf("ci:display-name", string),
}


def _nothing(_element: Element, _scope: Scope) -> str:
    """Elements that have their place in a document, and are nothing elsewhere."""
    return ""


KNOWN.update({(RPID, name): handler for name, handler in RPID_ELEMENTS.items()})
# "class" is too usual a word to be meant by an element of Cisco's.
KNOWN.update({(CISCO, name): handler for name, handler in RPID_ELEMENTS.items() if name != "class"})
KNOWN.update({(CIPID, name): handler for name, handler in _CIPID_ELEMENTS.items()})
KNOWN.update({(CAPS, "servcaps"): SERVCAPS, (CAPS, "devcaps"): DEVCAPS})
KNOWN[DATA_MODEL, "deviceID"] = leaf("dm:deviceID", uri)
KNOWN.update(
    dict.fromkeys(
        ((PIDF, "presence"), (DATA_MODEL, "person"), (DATA_MODEL, "device"), (CISCO, "person")), _nothing
    )
)

# The same by name alone, for what stands unprefixed in tuples and persons: clients of the field do that.
UNPREFIXED: dict[str, Handler] = {
    name: handler
    for (namespace, name), handler in KNOWN.items()
    if namespace != CISCO and handler is not _nothing
}
UNPREFIXED["source"] = lambda element, _scope: note("so:source", element)
UNPREFIXED["model"] = lambda element, _scope: note("ce:model", element)
