"""Dataclasses to XML and back, declared once.

A message is a frozen dataclass; its fields, in order, are its child elements.  Reading is liberal: names
are matched without their namespace, children may come in any order, unknown ones are ignored.  Writing is
strict: the namespace asked for, declared order.  Both are derived from the declaration::

    @message
    class MonitorStop:
        monitor_cross_ref_id: str          # <monitorCrossRefID>, mandatory
        reason: EventCause | None = None   # optional

Field types: ``str``, ``int``, ``bool``, an ``Enum`` (its values are the texts), a ``Flag`` (an element for
each member that is set, with the text ``true``), ``bytes`` (hexBinary), `Empty` (an element without content),
`Elements` (whatever is there, as names and texts), another dataclass, ``T | None`` (optional) and
``tuple[T, ...]`` (repeated).  `child` overrides a name, or wraps a repeated child in an element of its own.
A class marked `choice` has exactly one of its children.

Untrusted documents: no DOCTYPE, no entities, no network, bounded depth; size is the frame's business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from lxml import etree

Element = etree._Element  # noqa: SLF001 - lxml gives its element type no public name
T = TypeVar("T")
MAX_DEPTH = 32
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
# libxml2's names for what is wrong with a document, by their numbers.
_SYNTAX = {number: name for name, number in vars(etree.ErrorTypes).items() if name.startswith("ERR_")}
# Characters of a name of the sender's own that are told.
SHOWN = 80


class XmlError(ValueError):
    """The document is not what it claims to be; ``path`` says where, ``why`` says how.

    Neither quotes what the document says: that may be a password, and errors are logged.
    ``name`` and ``namespace`` are those of the root element; "" and None where they could not be read.
    """

    def __init__(self, path: str, why: str, name: str = "", namespace: str | None = None) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why
        self.name, self.namespace = name, namespace


class NotXmlError(XmlError):
    """Not well-formed, or not accepted (DOCTYPE, too deep); ``name`` is that of a message, or ""."""


class UnknownMessageError(XmlError):
    """Well-formed, but its root is no message of the schema."""


class BadValueError(XmlError):
    """A known message with a child missing, or with a value outside its type."""


class Empty(enum.Enum):
    """An element without content, such as ``<notKnown/>``."""

    EMPTY = ""


EMPTY = Empty.EMPTY


class Elements(tuple[tuple[str, str], ...]):
    """The leaves of an element that may have any content: (local name, text), in document order."""

    __slots__ = ()


def child(*, name: str | None = None, within: str | None = None, default: Any = dataclasses.MISSING) -> Any:
    """A field whose element has an odd ``name``, or (repeated) lies ``within`` a wrapper element."""
    return dataclasses.field(default=default, metadata={"name": name, "within": within})


def choice(cls: type[T]) -> type[T]:
    """Class decorator: exactly one of the (optional) children is present."""
    cls.__xml_choice__ = True  # type: ignore[attr-defined] # a mark on the class, read by _Plan alone
    return cls


@dataclass(frozen=True, slots=True)
class Document:
    """A message as it was read, and the namespace that its sender used ("" for none)."""

    message: Any
    namespace: str


@dataclass(frozen=True, slots=True)
class _Child:
    attribute: str
    name: str
    within: str | None
    many: bool
    required: bool
    type: Any
    read: Callable[[Element, str], Any]
    write: Callable[[Element, Any, str], None]


@dataclass(frozen=True, slots=True)
class _Plan:
    children: tuple[_Child, ...]
    by_name: dict[str, _Child]
    choice: bool


class Schema:
    """The messages of one family of namespaces, by the local name of their root element."""

    def __init__(self, namespace: str, *, max_depth: int = MAX_DEPTH) -> None:
        self.namespace = namespace
        self.messages: dict[str, type] = {}
        self._max_depth = max_depth
        self._namespaces: dict[type, str] = {}
        self._plans: dict[type, _Plan] = {}
        # The encoding is forced: documents declare UTF-16 or Latin-1 and are sent as UTF-8.
        self._parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
        )

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
        root = self._parse(xml)
        name, namespace = _split(root)
        cls = self.messages.get(name)
        if cls is None:
            raise UnknownMessageError(name[:SHOWN], "unknown message", name, namespace)
        try:
            return Document(self._read(cls, root, name), namespace)
        except XmlError as error:
            raise BadValueError(error.path, error.why, name, namespace) from None

    def encode(self, message: object, namespace: str | None = None) -> bytes:
        """``message`` as an ASCII document in ``namespace`` (the schema's own by default, "" for none)."""
        namespace = self.namespace if namespace is None else namespace
        namespace = namespace and self._namespaces.get(type(message), namespace)
        prefix = f"{{{namespace}}}" if namespace else ""
        root = etree.Element(prefix + type(message).__name__, nsmap={None: namespace} if namespace else None)
        self._write(root, message, prefix)
        return DECLARATION + etree.tostring(root, encoding="US-ASCII", xml_declaration=False)

    def _parse(self, xml: bytes) -> Element:
        if b"<!DOCTYPE" in xml:  # before the parser sees it: entities in attributes are always expanded
            raise NotXmlError("/", "document type declarations are not accepted")
        try:
            root = etree.fromstring(xml, self._parser)
        except etree.XMLSyntaxError as error:
            raise self._not_xml(_syntax(error), *_root_of(xml)) from None
        except ValueError:
            raise self._not_xml("cannot be parsed", *_root_of(xml)) from None
        # A document of depth d has more than d tags: most are cleared by one count.
        if xml.count(b"<") > self._max_depth and _deeper_than(root, self._max_depth):
            raise self._not_xml(f"deeper than {self._max_depth} elements", *_split(root))
        return root

    def _not_xml(self, why: str, name: str, namespace: str | None) -> NotXmlError:
        return NotXmlError("/", why, name if name in self.messages else "", namespace)

    def _read(self, cls: type, element: Element, path: str) -> Any:
        plan = self.plan(cls)
        values: dict[str, Any] = {}
        for node in element:
            found = plan.by_name.get(_local(node))
            if found is None:
                continue  # private data and later editions: ignored
            where = f"{path}/{found.within or found.name}"
            if not found.many:
                values[found.attribute] = found.read(node, where)
                continue
            items = [n for n in node if _local(n) == found.name] if found.within else [node]
            values.setdefault(found.attribute, []).extend(found.read(item, where) for item in items)
        for known in plan.children:
            if known.required and known.attribute not in values:
                raise XmlError(path, f"missing {known.name}")
            if known.many:
                values[known.attribute] = tuple(values.get(known.attribute, ()))
        if plan.choice and len(values) != 1:
            raise XmlError(path, "needs exactly one of " + ", ".join(plan.by_name))
        return cls(**values)

    def _write(self, element: Element, message: object, prefix: str) -> None:
        for known in self.plan(type(message)).children:
            value = getattr(message, known.attribute)
            if value is None or (known.many and not value and not known.within):
                continue
            if known.many and not value and not known.required:
                continue
            parent = etree.SubElement(element, prefix + known.within) if known.within else element
            for item in value if known.many else (value,):
                known.write(etree.SubElement(parent, prefix + known.name), item, prefix)

    def plan(self, cls: type) -> _Plan:
        """How ``cls`` is read and written; made once for each class."""
        found = self._plans.get(cls)
        if found is None:
            hints = typing.get_type_hints(cls)
            children = tuple(self._child(f, hints[f.name]) for f in dataclasses.fields(cls))
            by_name = {c.within or c.name: c for c in children}
            found = self._plans[cls] = _Plan(children, by_name, hasattr(cls, "__xml_choice__"))
        return found

    def _child(self, field: dataclasses.Field[Any], hint: Any) -> _Child:
        required = field.default is dataclasses.MISSING
        if isinstance(hint, types.UnionType):  # T | None
            hint = next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
        many = typing.get_origin(hint) is tuple
        if many:
            hint = typing.get_args(hint)[0]
        name = field.metadata.get("name") or camel_case(field.name)
        read, write = self._codec(hint)
        return _Child(field.name, name, field.metadata.get("within"), many, required, hint, read, write)

    def _codec(self, hint: Any) -> tuple[Callable[[Element, str], Any], Callable[[Element, Any, str], None]]:
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return (lambda element, path: self._read(hint, element, path)), self._write
        if hint is Empty:
            return (lambda _element, _path: EMPTY), (lambda _element, _value, _prefix: None)
        if hint is Elements:
            return (lambda element, _path: _leaves(element)), _write_leaves
        if issubclass(hint, enum.Flag):
            return _flags(hint)
        parse, text = _SCALARS.get(hint) or (hint, _enum_text)

        def read(element: Element, path: str) -> Any:
            try:
                return parse((element.text or "").strip())
            except (ValueError, KeyError):
                raise XmlError(path, "bad value") from None

        def write(element: Element, value: Any, _prefix: str) -> None:
            element.text = text(value)

        return read, write


def _flags(cls: type[enum.Flag]) -> tuple[Callable[[Element, str], Any], Callable[[Element, Any, str], None]]:
    """How a set of booleans is read and written: what is false need not be there."""
    names = {flag_name(member): member for member in cls}

    def read(element: Element, path: str) -> enum.Flag:
        found = cls(0)
        for node in element:
            name = _local(node)
            if name not in names:
                continue
            try:
                found |= names[name] if _BOOLEANS[(node.text or "").strip()] else cls(0)
            except KeyError:
                raise XmlError(f"{path}/{name}", "bad value") from None
        return found

    def write(element: Element, value: enum.Flag, prefix: str) -> None:
        for name, member in names.items():
            if member in value:
                etree.SubElement(element, prefix + name).text = "true"

    return read, write


def _leaves(element: Element) -> Elements:
    leaves = (node for node in element.iterdescendants() if len(node) == 0)
    return Elements((_local(node), (node.text or "").strip()) for node in leaves)


def _write_leaves(element: Element, value: Elements, prefix: str) -> None:
    for name, text in value:
        etree.SubElement(element, prefix + name).text = text


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_SCALARS: dict[Any, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    str: (str, str),
    int: (int, str),
    bool: (_BOOLEANS.__getitem__, lambda value: "true" if value else "false"),
    # Captured traffic has white space inside hexBinary: bytes.fromhex skips it.
    bytes: (bytes.fromhex, lambda value: value.hex().upper()),
}
_ACRONYMS = {word: word.upper() for word in ("id", "dn", "csta", "dnd", "dtmf", "abcd")}


def camel_case(name: str) -> str:
    """``monitor_cross_ref_id`` to ``monitorCrossRefID``: the naming rule of CSTA XML."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(_ACRONYMS.get(word) or word.capitalize() for word in rest)


def flag_name(flag: enum.Flag) -> str:
    """The element that tells of ``flag``, one member of a set."""
    return camel_case((flag.name or "").lower())


def _enum_text(value: enum.Enum) -> str:
    return str(value.value)


def _local(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _split(node: Element) -> tuple[str, str]:
    namespace, _, name = str(node.tag).rpartition("}")
    return name, namespace[1:]


def _deeper_than(root: Element, limit: int) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > limit:
            return True
    return False


def _syntax(error: etree.XMLSyntaxError) -> str:
    """What is wrong with a document, and where: libxml2's own words quote it."""
    what = _SYNTAX.get(error.code, "ERR_SYNTAX").removeprefix("ERR_").replace("_", " ").lower()
    line, column = error.position
    return f"{what} at line {line}, column {column}"


def _root_of(xml: bytes) -> tuple[str, str | None]:
    """Name and namespace of the root of a document that is broken further on; "", None when not even that."""
    parser = etree.XMLPullParser(
        events=("start",), encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False
    )
    with contextlib.suppress(etree.XMLSyntaxError):
        parser.feed(xml)
    events: Iterator[Any] = iter(parser.read_events())
    try:
        return _split(next(events)[1])
    except (StopIteration, etree.XMLSyntaxError):
        return "", None
