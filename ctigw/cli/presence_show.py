"""Presence for people and for programs: plain functions from documents to text."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import click
import msgspec

from ctigw.cli.columns import columns, one_line, printable
from ctigw.presence.documents import NotPidfError, checked, read
from ctigw.presence.lexical import escaped
from ctigw.presence.parts import ACTIVITIES, Property, Tuple, put_together
from ctigw.presence.views import activity_xml
from ctigw.values import named
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import local, parse

# What is said of subscriptions instead of their state; by the reason first.
_WORDS = {
    "pending": "has not said yet whether you may know",
    "rejected": "does not want you to know",
    "noresource": "is not there",
    "timeout": "is not watched any more",
    "deactivated": "is watched anew",
    "probation": "is watched again later",
    "giveup": "has not said in time whether you may know",
    "terminated": "is not watched any more",
}
# Activities in which it is better not to ask; others that are known leave the colour as it is.
_BUSY = frozenset(
    ("away", "busy", "do-not-disturb", "dnd", "in-transit", "meeting", "on-the-phone", "permanent-absence")
)
_DEPTH = 64


@named
class Seen:
    """What is known of somebody.  ``state``: of the subscription, with the ``reason`` of its end."""

    who: str
    state: str = "active"
    reason: str = ""
    basic: str = ""
    activities: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def seen(who: str, body: bytes, state: str = "active", reason: str = "") -> Seen:
    """What a NOTIFY tells of ``who``; a body that is no document tells nothing."""
    try:
        checked(body)
        document = read(body)
        notes = [(each.text or "").strip() for each in parse(body, _DEPTH).iter() if local(each) == "note"]
    except (NotPidfError, NotXmlError):
        return Seen(who=who, state=state, reason=reason)
    return Seen(
        who=who,
        state=state,
        reason=reason,
        # The tuples stand in the order in which they count.
        basic=next((each.basic for each in document.tuples if each.basic), ""),
        activities=document.activities,
        notes=tuple(dict.fromkeys(filter(None, notes))),
    )


def line(what: Seen, now: datetime | None, *, wide: int = 0, color: bool = False) -> str:
    """Who, whether they can be reached, what they do, and what they say, in one line of text."""
    painted: Callable[..., str] = click.style if color else lambda text, **_how: text
    cells = [now.strftime("%H:%M:%S")] if now else []
    cells.append(f"{printable(what.who):<{wide}}")
    # A document is what can be seen, whatever has become of the subscription; without one there are words.
    # Who waits for a decision is shown a document of somebody who is not there, which must not be believed.
    words = ""
    if what.state == "pending" or not (what.basic or what.activities or what.notes):
        words = _WORDS.get(what.reason) or _WORDS.get(what.state, "says nothing")
    if words:
        cells.append(painted(words, dim=True))
        return "  ".join(cells).rstrip()
    paint = {"open": "green", "closed": "red"}.get(what.basic, "white")
    if what.basic == "open" and _BUSY.intersection(what.activities):
        paint = "yellow"
    cells.append(painted(f"{what.basic or '-':<6}", fg=paint))
    cells.append(f"{printable(', '.join(what.activities)):<16}")
    cells.extend(f'"{one_line(note)}"' for note in what.notes)
    return "  ".join(cells).rstrip()


def as_json(what: Seen, now: datetime) -> str:
    """The same as one JSON object."""
    told = {"time": now.isoformat(), "who": what.who, "state": what.state, "reason": what.reason}
    told |= {"basic": what.basic}
    return json.dumps(told | {"activities": what.activities, "notes": what.notes}, ensure_ascii=False)


def document(entity: str, basic: str, activities: Sequence[str], note: str, source: str) -> bytes:
    """What `ctigw presence publish` publishes."""
    status = f"<status><basic>{basic}</basic></status>"
    if source:
        status += f"<so:source>{escaped(source)}</so:source>"
    person = []
    if activities:
        inner = "".join(activity_xml(name) for name in activities)
        person.append(Property(ACTIVITIES, f"<{ACTIVITIES}>{inner}</{ACTIVITIES}>"))
    if note:
        person.append(Property("dm:note", f"<dm:note>{escaped(note)}</dm:note>"))
    return put_together(entity, [Tuple("ctigw", source, basic, "", "", "", status)], person=person)


_HEADS = ("SOURCE", "PRIORITY", "SAYS", "AGE", "EXPIRES", "ENTITY-TAG", "DECIDES")
# How what is decided is named, without what only XML wants to know.
_PREFIXES = ("r:", "dm:", "ce:", "ci:")


class Told(msgspec.Struct):
    """What one source says of somebody.  ``won``: what it decides; ``age`` and ``expires`` in seconds."""

    source: str
    priority: float = 0
    etag: str = ""
    age: float = 0
    expires: float | None = None
    basic: str = ""
    activities: tuple[str, ...] = ()
    tuples: tuple[str, ...] = ()
    won: tuple[str, ...] = ()


def explained(body: bytes) -> list[Told]:
    """What a server says in application/vnd.ctigw.explanation+json.  Raises `ValueError`."""
    return msgspec.json.decode(body, type=list[Told])


def explanation(who: str, sources: Sequence[Told]) -> str:
    """Who says what of ``who``, the first that counts first, and what each decides."""
    if not sources:
        return f"{who}: nobody says anything"
    rows = [
        (
            each.source,
            f"{each.priority:g}",
            ", ".join(filter(None, (each.basic, *each.activities))),
            lasting(each.age),
            "never" if each.expires is None else lasting(each.expires),
            each.etag,
            ", ".join(_plain(name) for name in each.won),
        )
        for each in sources
    ]
    return "\n".join((f"{who}:", "", *columns((_HEADS, *rows))))


def lasting(seconds: float) -> str:
    """A time in the unit that says enough."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _plain(name: str) -> str:
    prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), "")
    return name.removeprefix(prefix)
