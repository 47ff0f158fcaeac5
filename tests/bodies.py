"""What judges and compares the bodies of SIP messages in tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from itertools import chain
from typing import Any

from lxml import etree

from tests import uccn
from tests.pidf import wrong

PIDF = "application/pidf+xml"
RLMI = "application/rlmi+xml"
# What is XML, and the schema that it is judged by.
SCHEMAS = {
    PIDF: "presence-all.xsd",
    "application/cpim-pidf+xml": "presence-all.xsd",
    RLMI: "rlmi.xsd",
    "application/watcherinfo+xml": "watcherinfo.xsd",
    "application/dialog-info+xml": "dialog-info.xsd",
}
# What change notices come as.
NOTICES = ("application/xml", "text/xml", "application/uccn+xml")
_RLMI = "{urn:ietf:params:xml:ns:rlmi}"
_BREAKS = re.compile(rb"(?<!\r)\n|\r(?!\n)")
# Tag, attributes, text, children in an order that means nothing, and the ids: of itself and of those in it.
Shape = tuple[str, tuple[tuple[str, str], ...], str, tuple["Shape", ...]]


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def parts(content_type: str, body: bytes) -> list[tuple[str, str, bytes]]:
    """The Content-ID, the media type and the content of each part; a body that is no list is one part."""
    if media_type(content_type) != "multipart/related":
        return [("", media_type(content_type), body)]
    whole = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    assert whole.is_multipart(), content_type
    inside: Any = whole.get_payload()
    return [
        (str(part["Content-ID"]), part.get_content_type(), part.get_payload(decode=True)) for part in inside
    ]


def faults(content_type: str, body: bytes) -> Iterator[str]:
    """What is wrong with a body that we send, by the schemas where those are at hand."""
    try:
        inside = parts(content_type, body)
        for _, kind, content in inside:
            if kind in SCHEMAS and (why := wrong(content, SCHEMAS[kind])):
                yield why
            if kind in NOTICES and (why := uccn.wrong(content)):
                yield why
        if media_type(content_type) == "multipart/related":
            yield from _list_faults(content_type, body, inside)
    except (AssertionError, etree.XMLSyntaxError) as error:
        yield repr(error)


def _list_faults(content_type: str, body: bytes, inside: list[tuple[str, str, bytes]]) -> Iterator[str]:
    """What makes clients crash that were written against other servers."""
    (first, kind, rlmi), *rest = inside
    if not re.search(r';\s*type="application/rlmi\+xml"', content_type):
        yield "no type"
    if kind != RLMI or f'start="{first}"' not in content_type:
        yield "it does not start with the list, or does not say so"
    if not re.search(r';\s*boundary="[^"]+"', content_type):
        yield "no quoted boundary"
    heads = _without_content(body, inside)
    if _BREAKS.search(heads):
        yield "a line that does not end with CRLF"
    cids = [cid for cid, _, _ in inside]
    if not all(re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", cid) for cid in cids) or len(set(cids)) < len(cids):
        yield "a part without a Content-ID of its own"
    named = [
        f"<{each.get('cid')}>" for each in etree.fromstring(rlmi).iter(_RLMI + "instance") if each.get("cid")
    ]
    if sorted(named) != sorted(cid for cid, _, _ in rest):
        yield "not every instance has its part, and every part its instance"


def _without_content(body: bytes, inside: list[tuple[str, str, bytes]]) -> bytes:
    for _, _, content in inside:
        body = body.replace(content, b"", 1)
    return body


def shape(element: etree._Element) -> Shape:
    """All of a document that means something."""
    return (
        str(element.tag),
        tuple(sorted((str(name), str(text)) for name, text in element.attrib.items())),
        (element.text or "").strip(),
        tuple(sorted((shape(child) for child in element if isinstance(child.tag, str)), key=_without_ids)),
    )


def _without_ids(this: Shape) -> Any:
    tag, attributes, text, children = this
    told = tuple(each for each in attributes if each[0] not in ("id", "cid"))
    return tag, told, text, tuple(_without_ids(child) for child in children), attributes


def fits(expected: Shape, found: Shape) -> bool:
    """Whether ``found`` is what was expected: an id that is not written there may be any."""
    mine, theirs = dict(expected[1]), dict(found[1])
    for name in ("id", "cid"):
        if name not in mine:
            theirs.pop(name, None)
    return (
        (expected[0], mine, expected[2]) == (found[0], theirs, found[2])
        and len(expected[3]) == len(found[3])
        and all(map(fits, expected[3], found[3]))
    )


def same(content_type: str, expected: bytes, found: bytes) -> bool:
    """Whether two bodies say the same."""
    pairs = list(zip(parts(content_type, expected), parts(content_type, found), strict=False))
    if len(parts(content_type, expected)) != len(parts(content_type, found)):
        return False
    return all(
        kind == other and _same_content(kind, content, other_content)
        for (_, kind, content), (_, other, other_content) in pairs
    )


def _same_content(kind: str, expected: bytes, found: bytes) -> bool:
    if kind in NOTICES:
        return uccn.canonical(expected) == uccn.canonical(found)
    if kind not in SCHEMAS:
        return expected == found
    return fits(shape(etree.fromstring(expected.strip())), shape(etree.fromstring(found)))


def documents(content_type: str, body: bytes) -> list[bytes]:
    """The presence documents in a body."""
    return list(chain(content for _, kind, content in parts(content_type, body) if kind == PIDF))
