"""Answers in XML: presence as SOAP and REST tell it alike, the one in a namespace, the other in none.

Documents are written into the text of an answer as the engine wrote them: a subscription may have five
thousand, and reading and writing them again would keep everybody waiting.
"""

from __future__ import annotations

from lxml import etree

from ctigw.presence.lexical import quoted
from ctigw.soap.pws.requests import Kind, Seen
from ctigw.xml import DECLARATION
from ctigw.xml.parsing import Element

NAMESPACE = "urn:cisco:cup:presence:soap"
PREFIX = "cup"
# Where the documents go.  Nothing of a client's is ever written as a comment.
_PLACE = etree.tostring(etree.Comment("documents"))
_DECLARATION = DECLARATION.encode()


def element(name: str, parent: Element | None = None, namespace: str = NAMESPACE) -> Element:
    """An element, below ``parent`` where there is one."""
    tag = f"{{{namespace}}}{name}" if namespace else name
    if parent is not None:
        return etree.SubElement(parent, tag)
    return etree.Element(tag, nsmap={PREFIX: namespace} if namespace else None)


def presence(seen: Seen, parent: Element | None = None, namespace: str = NAMESPACE) -> Element:
    """presenceResponse; for documents there is a place in it, see `complete`."""
    top = element("presenceResponse", parent, namespace)
    element("presenceType", top, namespace).text = seen.kind.value
    if seen.kind is Kind.RICH:
        top.append(etree.Comment("documents"))
        return top
    listed = element("basicPresenceList", top, namespace)
    for uri, word in seen.words:
        contact = element("contact", listed, namespace)
        contact.set("contactURI", uri)
        contact.set("presenceStatus", word)
    return top


def complete(answer: bytes, seen: Seen, namespace: str = NAMESPACE) -> bytes:
    """``answer`` with the documents in their place."""
    if seen.kind is not Kind.RICH:
        return answer
    before, _, after = answer.partition(_PLACE)
    declared = f" xmlns={quoted(namespace)}" if namespace else ""
    opening = f"<richPresenceList{declared}>".encode()
    documents = [each.removeprefix(_DECLARATION) for each in seen.documents]
    return b"".join([before, opening, *documents, b"</richPresenceList>", after])
