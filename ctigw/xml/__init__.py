"""Dataclasses to XML and back, declared once.

A message is a dataclass that nobody changes; its fields, in order, are its child elements.  Reading is
liberal: names are matched without their namespace, children may come in any order, unknown ones are ignored.
Writing is strict: the namespace asked for, declared order.  Both are derived from the declaration::

    @message
    class MonitorStop:
        monitor_cross_ref_id: str          # <monitorCrossRefID>, mandatory
        reason: EventCause | None = None   # optional

Field types: ``str``, ``int``, ``bool``, an ``Enum`` (its values are the texts), a ``Flag`` (an element for
each member that is set, with the text ``true``), ``bytes`` (hexBinary), `Empty` (an element without content),
`Elements` (whatever is there, as names and texts), another dataclass, ``T | None`` (optional) and
``tuple[T, ...]`` (repeated).  `child` overrides a name, or wraps a repeated child in an element of its own.
A class marked `choice` has exactly one of its children.

`parsing` has the one parser, which is for documents that nobody vouches for; `reading` and `writing` make a
function for each class; `shapes` reads what is like something read before.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar
from xml.sax.saxutils import quoteattr

from msgspec import Struct

from ctigw.xml.declaration import (
    EMPTY,
    Child,
    Elements,
    Empty,
    Plan,
    camel_case,
    child,
    choice,
    flag_name,
    plan,
)
from ctigw.xml.errors import BadValueError, NotXmlError, UnknownMessageError, XmlError
from ctigw.xml.parsing import name_of, parse
from ctigw.xml.reading import Readers
from ctigw.xml.shapes import Shapes
from ctigw.xml.writing import Write, Writers, escaped

__all__ = [
    "DECLARATION",
    "EMPTY",
    "MAX_DEPTH",
    "BadValueError",
    "Child",
    "Document",
    "Elements",
    "Empty",
    "NotXmlError",
    "Plan",
    "Schema",
    "UnknownMessageError",
    "XmlError",
    "camel_case",
    "child",
    "choice",
    "escaped",
    "flag_name",
]

T = TypeVar("T")
MAX_DEPTH = 32
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
# Characters of a name of the sender's own that are told.
SHOWN = 80


class Document(Struct, frozen=True):
    """A message as it was read, and the namespace that its sender used ("" for none)."""

    message: Any
    namespace: str


class _Root(NamedTuple):
    """Documents of one class in one namespace.

    What writes the content, if there can be any; the declaration and the tag before it; the tag behind it;
    the document without any.
    """

    write: Write | None
    opening: str
    closing: str
    empty: bytes


class Schema:
    """The messages of one family of namespaces, by the local name of their root element.

    ``shapes``: whether documents like earlier ones are read without the parser.
    """

    def __init__(self, namespace: str, *, max_depth: int = MAX_DEPTH, shapes: bool = True) -> None:
        self.namespace = namespace
        self.messages: dict[str, type] = {}
        self._max_depth = max_depth
        self._namespaces: dict[type, str] = {}
        self._readers, self._writers = Readers(), Writers()
        self._shapes = Shapes() if shapes else None
        self._roots: dict[tuple[type, str | None], _Root] = {}

    def register(self, cls: type[T], namespace: str | None = None) -> type[T]:
        """Make dataclass ``cls`` a message, named as its root element.

        ``namespace``: the one it is always written in, unless it is written in none.
        """
        self.messages[cls.__name__] = cls
        if namespace is not None:
            self._namespaces[cls] = namespace
        return cls

    def decode(self, xml: bytes) -> Document:
        """The message in ``xml``.

        Raises `NotXmlError`, `UnknownMessageError` or `BadValueError`.
        """
        shapes = self._shapes
        if shapes is not None:
            found = shapes.read(xml)
            if found is not None:
                return Document(found[0], found[1])
        try:
            root = parse(xml, self._max_depth)
        except NotXmlError as error:
            if error.name not in self.messages:
                error.name = ""
            raise
        name, namespace = name_of(root)
        cls = self.messages.get(name)
        if cls is None:
            raise UnknownMessageError(name[:SHOWN], "unknown message", name, namespace)
        try:
            message = self._readers.reader(cls)(root, name)
        except XmlError as error:
            raise BadValueError(error.path, error.why, name, namespace) from None
        if shapes is not None:
            shapes.learn(xml, message, namespace)
        return Document(message, namespace)

    def encode(self, message: object, namespace: str | None = None) -> bytes:
        """``message`` as an ASCII document in ``namespace`` (the schema's own by default, "" for none)."""
        cls = type(message)
        try:
            write, opening, closing, empty = self._roots[cls, namespace]
        except KeyError:
            write, opening, closing, empty = self._root(cls, namespace)
        if write is None:
            return empty
        content = write(message)
        return f"{opening}{content}{closing}".encode("ascii") if content else empty

    def _root(self, cls: type, namespace: str | None) -> _Root:
        """What is known of documents of this class in this namespace."""
        wanted = self.namespace if namespace is None else namespace
        wanted = wanted and self._namespaces.get(cls, wanted)
        attribute = f" xmlns={quoteattr(wanted)}" if wanted else ""
        opening = f"{DECLARATION}<{cls.__name__}{attribute}"
        root = self._roots[cls, namespace] = _Root(
            self._writers.writer(cls) if self.plan(cls).children else None,
            f"{opening}>",
            f"</{cls.__name__}>",
            f"{opening}/>".encode("ascii"),
        )
        return root

    def plan(self, cls: type) -> Plan:
        """How ``cls`` is read and written."""
        return plan(cls)
