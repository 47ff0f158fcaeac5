"""Answers: what they say, as elements, in the form of the client's age.

Clients of today's contract (document/literal) get qualified elements and one "…Return" for each thing; those
of 2003 (RPC/encoded) get unqualified elements in the lists that their contract had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

from lxml import etree

from ctigw.soap.envelope import XSD, XSI
from ctigw.xml.characters import possible
from ctigw.xml.parsing import Element, name_of

NAMESPACE = "http://schemas.cisco.com/ast/soap"
# What a field says: text, a number, a truth, other fields; None: nothing, and it says so (xsi:nil).
Value = Union[str, int, bool, None, "Fields"]
Fields = Sequence[tuple[str, Value]]

# How the answers of 2003 differ: the list that all of the returns are gathered in ...
_GATHERED = {
    "perfmonlistcounter": "ArrayOfObjectInfo",
    "perfmonlistinstance": "ArrayOfInstance",
    "perfmoncollectcounterdata": "ArrayOfCounterInfo",
    "perfmoncollectsessiondata": "ArrayOfCounterInfo",
    "getserverinfo": "ServerInfo",
}
# ... what the return is called ...
_RENAMED = {"perfmonopensession": "SessionHandle", "perfmonquerycounterdescription": "HelpText"}
# ... and where its fields stand in its place.
_OPENED = frozenset({"selectcmdevice", "selectctiitem"})
# Lists whose things were called "item", as in all lists.
_LISTS = frozenset({"SetOfFiles"})
# The types of what answers say, which every element named.
_TYPES = {str: "xsd:string", bool: "xsd:boolean", int: "xsd:long"}


def answer(operation: str, fields: Fields) -> Element:
    """The answer ``operation``, such as "perfmonOpenSessionResponse"."""
    top = etree.Element(f"{{{NAMESPACE}}}{operation}", nsmap={"ns1": NAMESPACE})
    _fill(top, fields, f"{{{NAMESPACE}}}", typed=False)
    return top


def is_old(asked: Element) -> bool:
    """Whether a request is of a client of 2003: its names begin large, or its fields are unqualified."""
    name, namespace = name_of(asked)
    if namespace.endswith("/") or name[:1].isupper():
        return True
    return len(asked) > 0 and not name_of(asked[0])[1]


def old_answer(asked: Element, fields: Fields) -> Element:
    """The answer to ``asked`` as a client of 2003 reads it."""
    name, namespace = name_of(asked)
    namespace = namespace or NAMESPACE
    top = etree.Element(f"{{{namespace}}}{name}Response", nsmap={"ns1": namespace, "xsd": XSD, "xsi": XSI})
    _fill(top, _as_of_2003(name.lower(), fields), "", typed=True)
    return top


def _as_of_2003(operation: str, fields: Fields) -> Fields:
    if operation in _GATHERED:
        return [(_GATHERED[operation], [("item", value) for _, value in fields])]
    if operation in _RENAMED:
        return [(_RENAMED[operation], value) for _, value in fields]
    if operation in _OPENED:
        return [field for _, value in fields if not isinstance(value, str | int | None) for field in value]
    return fields


def _fill(node: Element, fields: Fields, namespace: str, *, typed: bool) -> None:
    for name, value in fields:
        inside = etree.SubElement(node, f"{namespace}{name}")
        if value is None:
            inside.set(f"{{{XSI}}}nil", "true")
        elif isinstance(value, (str, int)):
            said = str(value).lower() if isinstance(value, bool) else str(value)
            inside.text = possible(said, "�")
            if typed:
                inside.set(f"{{{XSI}}}type", _TYPES[type(value)])
        elif typed and name in _LISTS:
            _fill(inside, [("item", each) for _, each in value], namespace, typed=typed)
        else:
            _fill(inside, value, namespace, typed=typed)
