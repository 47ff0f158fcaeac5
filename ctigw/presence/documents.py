"""Presence documents (PIDF, RFC 3863 and 4479): whatever is sent, read; what is written, valid.

Hardly anything that is sent in the field is valid by the schemas.  So a document is taken that is
well-formed, has a root named presence and an entity (`checked`).  `read` then makes of it what can be made:
namespaces that mean the same are one, what is in the wrong order or the wrong place is put right, what
cannot be right is left out, and what nobody here knows is carried along (`carrying`).  The parts of a
`Document` are text already, which only has to be put together: `written`, and `composition` for several.

Decisions of ours: a namespace of the root that nobody knows means PIDF, as no namespace does.  Of several
persons in a document the first that has a property tells it.  What RPID says of a person beside any person
is the person's.  If no tuple says whether somebody is reachable, but the person does, a tuple is made of
that.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ctigw.presence.carrying import KNOWN, ROOT, carried, text_of
from ctigw.presence.extensions import RPID_ELEMENTS, UNPREFIXED
from ctigw.presence.lexical import basic, escaped, priority, timestamp, uri
from ctigw.presence.parts import (
    ACTIVITIES,
    Device,
    Document,
    Property,
    Tuple,
    put_together,
    written,
)
from ctigw.presence.shaping import note
from ctigw.presence.vocabulary import CISCO, DATA_MODEL, PIDF, PREFIXES, RPID, SOURCE, parted
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import Element, parse

__all__ = [
    "ACTIVITIES", "MAX_ATTRIBUTES", "MAX_BYTES", "MAX_DEPTH", "MAX_TAGS", "Device", "Document",
    "NotPidfError", "Property", "Tuple", "checked", "document_of", "put_together", "read", "written",
]  # fmt: skip

# Of a document: bytes, what takes the time that reading takes, and elements in each other.  Signs are
# counted, wherever they stand: "<" for tags, "=" for attributes.
MAX_BYTES = 128 * 1024
MAX_TAGS = 8192
MAX_ATTRIBUTES = 4096
MAX_DEPTH = 32


class NotPidfError(ValueError):
    """This is no presence document; the text says why, and quotes nothing of it."""


def checked(body: bytes) -> str:
    """The entity of a document that `read` can read.  Raises `NotPidfError`."""
    root = _root(body)
    if parted(str(root.tag))[1] != "presence":
        raise NotPidfError("the root is not presence")
    entity = str(root.get("entity", "")).strip()
    if not entity:
        raise NotPidfError("there is no entity")
    return entity


def _root(body: bytes) -> Element:
    if len(body) > MAX_BYTES:
        raise NotPidfError(f"longer than {MAX_BYTES} bytes")
    if body.count(b"<") > MAX_TAGS:
        raise NotPidfError(f"more than {MAX_TAGS} tags")
    if body.count(b"=") > MAX_ATTRIBUTES:
        raise NotPidfError(f"more than {MAX_ATTRIBUTES} attributes")
    try:
        return parse(body, MAX_DEPTH)
    except NotXmlError as error:
        raise NotPidfError(error.why) from None


def read(body: bytes) -> Document:
    """What a document tells.  Raises `NotPidfError`, but for none that was `checked`."""
    return document_of(_root(body))


def document_of(root: Element) -> Document:
    """What the document under ``root`` tells, which may be part of another one, such as a SOAP message."""
    return _Reading(root).document()


class _TupleReading:
    """The reading of one tuple: what of it is known by name, and the rest in its order."""

    __slots__ = (
        "_contact",
        "_notes",
        "_plain",
        "_priority",
        "_rest",
        "_state",
        "_status",
        "_timestamp",
        "source",
    )

    def __init__(self, plain: tuple[str, ...]) -> None:
        self._plain = plain
        self._status = self._state = self._contact = self._priority = self._timestamp = self.source = ""
        self._rest: list[str] = []
        self._notes: list[str] = []

    def tuple(self, element: Element) -> Tuple:
        for child in element:
            namespace, name = parted(str(child.tag))
            plain = namespace in self._plain
            if name == "source" and (plain or namespace == SOURCE):
                self.source = self.source or text_of(child).strip()
            if plain and name in _IN_TUPLES:
                _IN_TUPLES[name](self, child)
            elif name == "note" and namespace in (DATA_MODEL, RPID):
                self.note(child)
            else:
                self._rest.append(_extension(child, plain, name))
        key = str(element.get("id", "")).strip()
        return Tuple(
            key, self.source, self._state, self._contact, self._priority, self._timestamp, self._xml()
        )

    def _xml(self) -> str:
        contact = timestamp = ""
        if self._contact:
            weight = f' priority="{self._priority}"' if self._priority else ""
            contact = f"<contact{weight}>{escaped(self._contact)}</contact>"
        if self._timestamp:
            timestamp = f"<timestamp>{self._timestamp}</timestamp>"
        return "".join([self._status or "<status/>", *self._rest, contact, *self._notes, timestamp])

    def status(self, element: Element) -> None:
        if not self._status:
            self._status, self._state = _status(element, self._plain)

    def contact(self, element: Element) -> None:
        if not self._contact:
            self._contact = uri(text_of(element))
            self._priority = priority(str(element.get("priority", ""))) or ""

    def note(self, element: Element) -> None:
        self._notes.append(note("note", element))

    def timestamp(self, element: Element) -> None:
        self._timestamp = self._timestamp or timestamp(text_of(element)) or ""


_IN_TUPLES: dict[str, Callable[[_TupleReading, Element], None]] = {
    "status": _TupleReading.status,
    "contact": _TupleReading.contact,
    "note": _TupleReading.note,
    "timestamp": _TupleReading.timestamp,
}


def _extension(element: Element, plain: bool, name: str) -> str:
    """An element that is not PIDF's own; "" for one that nobody knows, in a namespace that all know."""
    if not plain:
        return carried(element, ROOT)
    return UNPREFIXED[name](element, ROOT) if name in UNPREFIXED else ""


def _status(element: Element, plain_namespaces: tuple[str, ...]) -> tuple[str, str]:
    """The element, and the basic status in it."""
    state = ""
    parts = []
    for child in element:
        namespace, name = parted(str(child.tag))
        plain = namespace in plain_namespaces
        if plain and name == "basic":
            state = state or basic(text_of(child)) or ""
        else:
            parts.append(_extension(child, plain, name))
    content = f"{f'<basic>{state}</basic>' if state else ''}{''.join(parts)}"
    return (f"<status>{content}</status>" if content else "<status/>"), state


class _Reading:
    """The reading of one document."""

    __slots__ = ("_basic", "_devices", "_notes", "_others", "_person", "_plain", "_root", "_tuples")

    def __init__(self, root: Element) -> None:
        namespace = parted(str(root.tag))[0]
        # Where names are PIDF's: its own namespace, none, and the root's if nobody knows that.
        self._plain = (PIDF, "") if namespace in PREFIXES else (PIDF, "", namespace)
        self._root = root
        self._tuples: list[Tuple] = []
        self._devices: list[Device] = []
        self._notes: list[str] = []
        self._person: dict[str, Property] = {}
        self._others: dict[str, Property] = {}
        self._basic = ""

    def document(self) -> Document:
        for child in self._root:
            namespace, name = parted(str(child.tag))
            plain = namespace in self._plain
            if plain and name == "tuple":
                self._tuples.append(_TupleReading(self._plain).tuple(child))
            elif name == "person" and (plain or namespace in (DATA_MODEL, CISCO)):
                self._add_person(child)
            elif plain and name == "note":
                self._notes.append(note("note", child))
            elif name == "device" and (plain or namespace == DATA_MODEL):
                self._add_device(child)
            elif name in RPID_ELEMENTS and (plain or namespace in (RPID, CISCO)):
                self._tell(self._person, child, namespace, name)
            elif not plain:
                self._tell(self._others, child, namespace, name)
        if self._basic and not self._tuples:
            content = f"<status><basic>{self._basic}</basic></status>"
            self._tuples.append(Tuple("", "", self._basic, "", "", "", content))
        return Document(
            str(self._root.get("entity", "")).strip(),
            tuple(self._tuples),
            tuple(self._person.values()),
            tuple(self._devices),
            "".join(self._notes),
            tuple(self._others.values()),
        )

    def _add_person(self, element: Element) -> None:
        """A person's properties, those that no person before has told."""
        told: dict[str, Property] = {}
        notes: list[str] = []
        when = ""
        for child in element:
            namespace, name = parted(str(child.tag))
            plain = namespace in self._plain
            if name == "note" and (plain or namespace in (DATA_MODEL, RPID)):
                notes.append(note("dm:note", child))
            elif name == "timestamp" and (plain or namespace == DATA_MODEL):
                when = when or timestamp(text_of(child)) or ""
            elif plain and name == "status":
                self._basic = self._basic or _status(child, self._plain)[1]
            elif namespace != DATA_MODEL and (not plain or name in UNPREFIXED) and name != "deviceID":
                self._tell(told, child, namespace, name)
        if notes:
            told["dm:note"] = Property("dm:note", "".join(notes))
        if when:
            told["dm:timestamp"] = Property("dm:timestamp", f"<dm:timestamp>{when}</dm:timestamp>")
        for name, each in told.items():
            self._person.setdefault(name, each)

    def _tell(self, told: dict[str, Property], element: Element, namespace: str, name: str) -> None:
        """Add an element to those of its name, as the name it is written under."""
        plain = namespace in self._plain
        written = _extension(element, plain, name)
        if not written:
            return
        if plain or (namespace, name) in KNOWN:
            name = written[1:].partition(">")[0].partition(" ")[0].removesuffix("/")
        elif namespace in PREFIXES:
            name = f"{PREFIXES[namespace]}:{name}"
        else:
            name = f"{{{namespace}}}{name}"
        before = told.get(name)
        says = _said(written) if name == ACTIVITIES else ()
        if before is None:
            told[name] = Property(name, written, says)
        else:
            told[name] = Property(name, f"{before.xml}{written}", (*before.says, *says))

    def _add_device(self, element: Element) -> None:
        """A device; one that does not say which cannot be told."""
        parts, notes, which, when = [], [], "", ""
        for child in element:
            namespace, name = parted(str(child.tag))
            plain = namespace in self._plain
            if not plain and namespace != DATA_MODEL:
                parts.append(carried(child, ROOT))
            elif name == "deviceID":
                which = which or uri(text_of(child))
            elif name == "note":
                notes.append(note("dm:note", child))
            elif name == "timestamp":
                when = when or timestamp(text_of(child)) or ""
            elif plain:
                parts.append(_extension(child, plain, name))
        if not which:
            return
        parts += [f"<dm:deviceID>{escaped(which)}</dm:deviceID>", *notes]
        if when:
            parts.append(f"<dm:timestamp>{when}</dm:timestamp>")
        key = str(element.get("id", "")).strip()
        self._devices.append(Device(key, "".join(parts)))


_TAG = re.compile(r"<(/?)(?:[^\s<>/:]+:)?([^\s<>/:]+)[^<>]*?(/?)>")


def _said(xml: str) -> tuple[str, ...]:
    """The names right under the elements in ``xml``, other than notes."""
    names: list[str] = []
    depth = 0
    for tag in _TAG.finditer(xml):
        closing, name, alone = tag.groups()
        if closing:
            depth -= 1
            continue
        if depth == 1 and name != "note":
            names.append(name)
        if not alone:
            depth += 1
    return tuple(names)
