"""SOAP envelopes: what was asked and in which version, and the answer in the same.

The namespace of the envelope says the version (SOAP 1.1 and 1.2 part 1, section 5): what clients write into
Content-Type and SOAPAction is often another one's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lxml import etree

from ctigw.soap.http import HttpResponse
from ctigw.values import Enum, value
from ctigw.xml.declaration import BOOLEANS
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import Element, name_of, parse

# The deepest thing that clients send is a presence rule: 20 expressions in one another, in ten more elements.
MAX_DEPTH = 64
XSD = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


class Version(Enum):
    """A version by the namespace of its envelope."""

    SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
    SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"

    @property
    def content_type(self) -> str:
        """What an answer of this version is called in HTTP."""
        kind = "text/xml" if self is Version.SOAP_11 else "application/soap+xml"
        return f"{kind}; charset=utf-8"

    @property
    def encoding(self) -> str:
        """The namespace of the version's encoding, which old clients want declared."""
        if self is Version.SOAP_11:
            return "http://schemas.xmlsoap.org/soap/encoding/"
        return "http://www.w3.org/2003/05/soap-encoding"


class Code(Enum):
    """Whose fault it is; both versions' words."""

    SENDER = ("Client", "Sender")
    RECEIVER = ("Server", "Receiver")

    def in_(self, version: Version) -> str:
        """The word of ``version``."""
        return self.value[0 if version is Version.SOAP_11 else 1]


class Style(NamedTuple):
    """How an interface writes envelopes: the prefix of SOAP's names, and what else is declared on top.

    ``encoding``: the prefix of the version's encoding; "": it is not declared.
    """

    prefix: str = "env"
    encoding: str = ""
    more: Mapping[str, str] = {"xsd": XSD, "xsi": XSI}


PLAIN = Style()


class NotSoapError(ValueError):
    """What came is no SOAP request; ``version``: the one to say so in."""

    def __init__(self, why: str, version: Version = Version.SOAP_12) -> None:
        super().__init__(why)
        self.version = version


@value
class Asked:
    """A request: its version, the entries of its header, the first element of its body, if there is one."""

    version: Version
    header: tuple[Element, ...]
    body: Element | None

    def headed(self, namespace: str, name: str) -> str | None:
        """The text of an entry of the header, without the blanks around it; None: it is not there."""
        for entry in self.header:
            if name_of(entry) == (name, namespace):
                return (entry.text or "").strip()
        return None


def read(xml: bytes) -> Asked:
    """The request in ``xml``.  Raises `NotSoapError`."""
    try:
        root = parse(xml, MAX_DEPTH)
    except NotXmlError as error:
        raise NotSoapError(error.why, _guessed(xml)) from None
    name, namespace = name_of(root)
    version = next((version for version in Version if version.value == namespace), None)
    if version is None or name != "Envelope":
        raise NotSoapError("the root is no SOAP envelope", version or Version.SOAP_12)
    header = root.find(f"{{{namespace}}}Header")
    body = root.find(f"{{{namespace}}}Body")
    if body is None:
        raise NotSoapError("there is no SOAP body", version)
    return Asked(version, () if header is None else tuple(header), body[0] if len(body) else None)


def _guessed(xml: bytes) -> Version:
    """The version that broken XML seems to be of."""
    return Version.SOAP_11 if Version.SOAP_11.value.encode() in xml else Version.SOAP_12


def write(
    version: Version, payload: Element | None, style: Style = PLAIN, header: Sequence[Element] | None = None
) -> bytes:
    """An envelope with ``payload`` in its body; ``header``: its entries, None for none at all."""
    soap = f"{{{version.value}}}"
    declared = {style.prefix: version.value, **style.more}
    if style.encoding:
        declared[style.encoding] = version.encoding
    envelope = etree.Element(f"{soap}Envelope", nsmap=declared)
    if header is not None:
        etree.SubElement(envelope, f"{soap}Header").extend(header)
    body = etree.SubElement(envelope, f"{soap}Body")
    if payload is not None:
        body.append(payload)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def fault(
    version: Version, code: Code, text: str, style: Style = PLAIN, detail: Sequence[Element] = ()
) -> bytes:
    """An envelope with a fault in its body (SOAP 1.1, section 4.4; 1.2, section 5.4)."""
    soap, word = f"{{{version.value}}}", f"{style.prefix}:{code.in_(version)}"
    top = etree.Element(f"{soap}Fault", nsmap={style.prefix: version.value})
    if version is Version.SOAP_11:
        etree.SubElement(top, "faultcode").text = word
        etree.SubElement(top, "faultstring").text = text
        holder = "detail"
    else:
        value_ = etree.SubElement(etree.SubElement(top, f"{soap}Code"), f"{soap}Value")
        value_.text = word
        reason = etree.SubElement(etree.SubElement(top, f"{soap}Reason"), f"{soap}Text")
        reason.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
        reason.text = text
        holder = f"{soap}Detail"
    if detail:
        etree.SubElement(top, holder).extend(detail)
    return write(version, top, style)


def fault_status(version: Version, code: Code) -> int:
    """The HTTP status that the standards give a fault (SOAP 1.1, section 6.2; 1.2 part 2, section 7.5.2)."""
    return 400 if version is Version.SOAP_12 and code is Code.SENDER else 500


def is_nil(element: Element) -> bool:
    """Whether ``element`` says that there is nothing: xsi:nil."""
    return BOOLEANS.get(element.get(f"{{{XSI}}}nil", "").strip(), False)


def answered(
    version: Version, payload: Element | None, style: Style = PLAIN, header: Sequence[Element] | None = None
) -> HttpResponse:
    """`write` as an answer over HTTP."""
    return HttpResponse(body=write(version, payload, style, header), content_type=version.content_type)


def refused(
    version: Version,
    code: Code,
    text: str,
    style: Style = PLAIN,
    detail: Sequence[Element] = (),
    *,
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> HttpResponse:
    """`fault` as an answer over HTTP; ``status``: None for that of the standards."""
    return HttpResponse(
        status=fault_status(version, code) if status is None else status,
        body=fault(version, code, text, style, detail),
        content_type=version.content_type,
        headers=headers,
    )
