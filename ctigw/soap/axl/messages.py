"""Requests and answers of AXL: elements in, values to work with, elements out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from lxml import etree

from ctigw.soap import envelope
from ctigw.soap.axl.errors import GENERIC, UNKNOWN_REQUEST, AxlError
from ctigw.soap.axl.versions import NAMESPACE, NAMESPACES
from ctigw.soap.envelope import XSI, NotSoapError, Style, Version, is_nil
from ctigw.soap.http import HttpResponse
from ctigw.values import named
from ctigw.xml.characters import possible
from ctigw.xml.declaration import BOOLEANS
from ctigw.xml.parsing import Element, local, name_of

_STYLE = Style("SOAP-ENV")
# Of the element that says what is wrong, whichever the request is in.
_ERROR = "http://www.cisco.com/AXL/1.0"


class Part(NamedTuple):
    """An element without a namespace: its text or its children, and its attributes."""

    name: str
    content: str | Sequence[Part] = ""
    attributes: Mapping[str, str] = {}


# What stands in an answer's <return>.
Return: TypeAlias = str | Sequence[Part]


class Sent:
    """What a request says, by the names of its elements."""

    def __init__(self, element: Element) -> None:
        self._element = element

    def has(self, name: str) -> bool:
        """Whether it says anything of ``name``."""
        return self._element.find(name) is not None

    def raw(self, name: str) -> str:
        """The text of ``name``, as it is: it may be a password; "": there is none."""
        return self._element.findtext(name) or ""

    def text(self, name: str) -> str:
        """The text of ``name``, without the blanks around it."""
        return self.raw(name).strip()

    def flag(self, name: str) -> bool | None:
        """Whether ``name`` is true; None: there is none."""
        return BOOLEANS.get(self.text(name), False) if self.has(name) else None

    def is_nil(self, name: str) -> bool:
        """Whether ``name`` says that there is nothing."""
        found = self._element.find(name)
        return found is not None and is_nil(found)

    def inside(self, name: str) -> Sent:
        """What ``name`` says, of which there must be one."""
        found = self._element.find(name)
        assert found is not None
        return Sent(found)

    def each(self, name: str) -> Iterator[str]:
        """The texts of all that are called ``name``."""
        return ((found.text or "").strip() for found in self._element.findall(name))


@named
class Request:
    """``namespace``: the client's, in which it is answered; ``element``: in that of the schema."""

    version: Version
    namespace: str = NAMESPACE
    operation: str = ""
    element: Element | None = None

    @property
    def sent(self) -> Sent:
        """What it says."""
        assert self.element is not None
        return Sent(self.element)

    @property
    def sequence(self) -> str | None:
        """The number that the client has given it."""
        return None if self.element is None else self.element.get("sequence")


def seeming_version(xml: bytes) -> Version:
    """The version of what may be no XML: the product has no other than 1.1."""
    return Version.SOAP_12 if Version.SOAP_12.value.encode() in xml else Version.SOAP_11


def read(xml: bytes) -> Request:
    """The request in ``xml``.  Raises `Unreadable`."""
    try:
        asked = envelope.read(xml)
    except NotSoapError as error:
        raise Unreadable(Request(version=seeming_version(xml)), AxlError(GENERIC, str(error))) from None
    body = asked.body
    if body is None:
        nothing = AxlError(UNKNOWN_REQUEST, "there is no request in the body")
        raise Unreadable(Request(version=asked.version), nothing)
    operation, namespace = name_of(body)
    if namespace not in NAMESPACES:
        unknown = AxlError(UNKNOWN_REQUEST, "the request is in no namespace of AXL")
        raise Unreadable(Request(version=asked.version, operation=operation), unknown)
    return Request(
        version=asked.version, namespace=namespace, operation=operation, element=_unified(body, namespace)
    )


class Unreadable(Exception):  # noqa: N818 - what is wrong is in `why`
    """``request``: what could be read of it."""

    def __init__(self, request: Request, why: AxlError) -> None:
        super().__init__(str(why))
        self.request, self.why = request, why


def _unified(body: Element, namespace: str) -> Element:
    """``body`` in the schema's namespace, and its children in none, where some clients put them in theirs."""
    beginning = f"{{{namespace}}}"
    for node in body.iterdescendants():
        if str(node.tag).startswith(beginning):
            node.tag = local(node)
    body.tag = f"{{{NAMESPACE}}}{local(body)}"
    body.attrib.pop(f"{{{XSI}}}schemaLocation", None)  # it names the product's, on a server of its own
    return body


def answer(request: Request, returned: Return) -> HttpResponse:
    """The answer to ``request``, of which comes ``returned``."""
    name = f"{{{request.namespace}}}{request.operation}Response"
    top = etree.Element(name, nsmap={"axl": request.namespace})
    if request.sequence is not None:
        top.set("sequence", request.sequence)
    _write(top, Part("return", returned))
    return envelope.answered(request.version, top, _STYLE)


def fault(request: Request, why: AxlError) -> HttpResponse:
    """The answer to ``request``, which cannot be served."""
    top = etree.Element(f"{{{_ERROR}}}Error", nsmap={"axl": _ERROR})
    etree.SubElement(top, f"{{{_ERROR}}}code").text = str(why.code)
    etree.SubElement(top, f"{{{_ERROR}}}message").text = possible(str(why))
    etree.SubElement(top, "request").text = request.operation
    return envelope.refused(request.version, why.whose, possible(str(why)), _STYLE, (top,))


def _write(above: Element, part: Part) -> None:
    element = etree.SubElement(above, part.name, dict(part.attributes))
    if isinstance(part.content, str):
        element.text = possible(part.content) or None
    else:
        for inner in part.content:
            _write(element, inner)
