"""Requests in XML, as values: what SOAP and REST write alike.

Elements are known by their names, in any order and any namespace: what must be where is the schema's to say,
for SOAP.  What clients have codes for is found before that.
"""

from __future__ import annotations

from lxml import etree

from ctigw.soap.envelope import MAX_DEPTH
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.numbers import number
from ctigw.soap.pws.requests import Kind
from ctigw.xml.declaration import BOOLEANS
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import Element, local, parse

MOST_LISTED = 5000
_KINDS = {kind.value: kind for kind in Kind}


def root(body: bytes, *names: str) -> Element:
    """The root of ``body``, which is called one of ``names``.

    Raises `PwsError`: NO_BODY, NOT_XML, WRONG_ROOT.
    """
    if not body.strip():
        raise PwsError(Code.NO_BODY)
    try:
        found = parse(body, MAX_DEPTH)
    except NotXmlError:
        raise PwsError(Code.NOT_XML) from None
    if local(found) not in names:
        raise PwsError(Code.WRONG_ROOT)
    return found


def child(element: Element | None, name: str) -> Element | None:
    """The first child that is called ``name``."""
    if element is None:
        return None
    return next((each for each in element if local(each) == name), None)


def text(element: Element | None, name: str) -> str | None:
    """The text of the child ``name``, without the blanks around it; None: it is not there."""
    found = child(element, name)
    return None if found is None else (found.text or "").strip()


def whole(element: Element | None, name: str, otherwise: int | None = None) -> int | None:
    """The number in the child ``name``; None: it is none; ``otherwise``: it is not there, or empty."""
    said = text(element, name)
    return number(said) if said else otherwise


def kind(said: str | None) -> Kind:
    """Raises `PwsError`: PRESENCE_TYPE."""
    found = _KINDS.get(said or "")
    if found is None:
        raise PwsError(Code.PRESENCE_TYPE)
    return found


def boolean(said: str | None, code: Code) -> bool:
    """xsd:boolean; false where nothing is said.  Raises `PwsError` with ``code``."""
    if said is None:
        return False
    found = BOOLEANS.get(said)
    if found is None:
        raise PwsError(code)
    return found


def contacts(element: Element | None, most: int = MOST_LISTED) -> list[str] | None:
    """The URIs in the child contactsList; None: there is none.

    Raises `PwsError`: NUMBER_OF_CONTACTS, ELEMENT_IN_LIST, CONTACT_ATTRIBUTE, EMPTY_CONTACT.
    """
    listed = child(element, "contactsList")
    if listed is None:
        return None
    if not 0 < len(listed) <= most:
        raise PwsError(Code.NUMBER_OF_CONTACTS)
    return [_contact(each) for each in listed]


def _contact(element: Element) -> str:
    if local(element) != "contact":
        raise PwsError(Code.ELEMENT_IN_LIST)
    uri = element.get("contactURI")
    if uri is None:
        raise PwsError(Code.CONTACT_ATTRIBUTE)
    if not uri.strip():
        raise PwsError(Code.EMPTY_CONTACT)
    return str(uri)


def document(element: Element | None) -> bytes | None:
    """The presence document in ``element``: its child, or its text, which some clients escape.

    None: there is none.
    """
    if element is None:
        return None
    if len(element):
        return etree.tostring(element[0], encoding="UTF-8", with_tail=False)
    said = (element.text or "").strip()
    return said.encode() if said else None
