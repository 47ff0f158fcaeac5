"""Presence in one word, as BASIC_PRESENCE has it, and the documents that say the same.

What the words mean where clients were never seen is decided here.  Of several activities the one counts that
asks most of others: do not disturb before vacation before busy before away; that somebody is available or not
counts where nothing else is said.  Without any activity, open is AVAILABLE and closed UNAVAILABLE.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.presence.documents import MAX_DEPTH, document_of
from ctigw.presence.engine import entity
from ctigw.presence.lexical import quoted, uri
from ctigw.presence.parts import ACTIVITIES, Document, Property, Tuple, put_together
from ctigw.presence.views import activity_xml
from ctigw.presence.vocabulary import CISCO, DATA_MODEL, PIDF, RPID
from ctigw.values import Enum
from ctigw.xml.parsing import parse

# What documents of this interface say of where they are from, and the ids of their tuples.
SOURCE = "Presence Web Service"
TUPLE = "cisco-pws"
OVERRIDE_TUPLE = "pws-override"
# What the engine writes has what was read up to a depth within elements of its own.
_MAX_DEPTH = 2 * MAX_DEPTH


class Word(Enum):
    """A state; the value is the word."""

    AVAILABLE = "AVAILABLE"
    BUSY = "BUSY"
    DND = "DND"
    AWAY = "AWAY"
    UNAVAILABLE = "UNAVAILABLE"
    VACATION = "VACATION"
    UNKNOWN = "UNKNOWN"


# What users can set, and how documents say it: the activity, and whether somebody can be reached.
SETTABLE: Mapping[str, tuple[str, str]] = {
    Word.AVAILABLE.value: ("available", "open"),
    Word.BUSY.value: ("busy", "open"),
    Word.DND.value: ("dnd", "open"),
    Word.AWAY.value: ("away", "open"),
    Word.UNAVAILABLE.value: ("unavailable", "closed"),
    Word.VACATION.value: ("vacation", "closed"),
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Activities by word, the word that counts most first.
_MEANT: Mapping[Word, frozenset[str]] = {
    Word.DND: _words("dnd do-not-disturb"),
    Word.VACATION: _words("vacation holiday"),
    Word.BUSY: _words("busy on-the-phone meeting appointment presentation performance alerting ringing"),
    Word.AWAY: _words(
        "away extended-away idle breakfast dinner meal in-transit travel steering shopping sleeping "
        "spectator tv playing worship permanent-absence"
    ),
    Word.UNAVAILABLE: _words("unavailable offline"),
    Word.AVAILABLE: _words("available online working looking-for-work"),
}
_BASIC = {"open": Word.AVAILABLE, "closed": Word.UNAVAILABLE}


def word_of(document: Document) -> Word:
    """What ``document`` says, in one word."""
    said = frozenset(document.activities)
    meant = next((word for word, activities in _MEANT.items() if said & activities), None)
    return meant or _BASIC.get(document.basic, Word.UNKNOWN)


def word_in(xml: bytes) -> Word:
    """`word_of` a document that the engine has written."""
    return word_of(document_of(parse(xml, _MAX_DEPTH)))


def document_for(user: str, word: str, *, override: bool) -> bytes:
    """The document by which ``user`` says ``word``, one of `SETTABLE`."""
    activity, basic = SETTABLE[word]
    status = f"<status><basic>{basic}</basic></status><so:source>{SOURCE}</so:source>"
    told = Tuple(OVERRIDE_TUPLE if override else TUPLE, SOURCE, basic, "", "", "", status)
    person = Property(ACTIVITIES, f"<{ACTIVITIES}>{activity_xml(activity)}</{ACTIVITIES}>", (activity,))
    return put_together(entity(user), [told], person=[person])


def unknown(name: str) -> bytes:
    """The document of ``name``, of whom nothing is known, or nothing may be told."""
    return (
        f'<presence xmlns="{PIDF}" xmlns:dm="{DATA_MODEL}" entity={quoted(uri(entity(name)))}><dm:person>'
        f'<activities xmlns="{RPID}"><unknown xmlns="{CISCO}"/></activities></dm:person>'
        '<tuple id="default"><status><basic>closed</basic></status></tuple></presence>'
    ).encode()
