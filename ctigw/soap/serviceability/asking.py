"""What a request says, whichever age its client is of.

Clients of today's contract write qualified elements (document/literal); those of 2003 write unqualified ones
with xsi:type, and may put what is complex beside the operation and refer to it by "href" (RPC/encoded, SOAP
1.1, section 5).  Names are therefore compared without their namespaces, and references followed.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from ctigw.soap.envelope import is_nil
from ctigw.soap.serviceability.faults import Fault
from ctigw.xml.parsing import Element, local

# The longest text of a field; names of files and counters are far below.
LONGEST = 1024
# As many as the product takes in one request; each of them may stand beside the operation.
MOST_ITEMS = 1000
MOST_BESIDE = MOST_ITEMS + 100
# What is beside the operation; in C, since there may be a thousand references to a thousand things.  How many
# there are is known of the body alone: of the rest of an envelope there may be more.
_beside = etree.XPath("(/*/*[local-name() = 'Body'])[1]/*[@id = $id]")


def children(node: Element) -> list[Element]:
    """The elements in ``node``, or in what it refers to.  Raises `Fault`: there are too many."""
    inside = _meant(node)
    if len(inside) > MOST_ITEMS:
        raise Fault(f"{local(node)} has more than {MOST_ITEMS} items")
    return [_meant(each) for each in inside]


def child(node: Element, *names: str) -> Element | None:
    """The element that is reached by ``names``, one in another; None: there is none."""
    found: Element | None = node
    for name in names:
        inside = () if found is None else tuple(_meant(found))
        found = next((each for each in inside if local(each) == name), None)
    return None if found is None else _meant(found)


def text(node: Element, *names: str) -> str:
    """The text of the element that is reached by ``names``; "" for none.  Raises `Fault`: it is too long."""
    found = child(node, *names)
    return "" if found is None else content(found)


def content(node: Element) -> str:
    """The text in ``node``, without the blanks around it.  Raises `Fault`: it is too long."""
    said = (node.text or "").strip()
    if len(said) > LONGEST:
        raise Fault(f"{local(node)} is longer than {LONGEST} characters")
    return "" if is_nil(node) else said


def texts(node: Element, *names: str) -> list[str]:
    """What the items of the list say that is reached by ``names``, without those that say nothing.

    An item says what is in it, or in the one element in it.  Raises `Fault`: too many, or too long.
    """
    found = child(node, *names)
    items = [] if found is None else children(found)
    inner = [children(item) or [item] for item in items]
    return [said for each in inner if (said := content(each[0]))]


def number(node: Element, *names: str, least: int = 0, most: int, default: int) -> int:
    """The number that is reached by ``names``.  Raises `Fault`."""
    said = text(node, *names)
    if not said:
        return default
    if not (said.isascii() and said.removeprefix("-").isdigit()) or len(said) > len(str(2**63)):
        raise Fault(f"{names[-1]} is no number")
    found = int(said)
    if not least <= found <= most:
        raise Fault(f"{names[-1]} is not from {least} to {most}")
    return found


def choice(node: Element, *names: str, among: frozenset[str], default: str) -> str:
    """The word that is reached by ``names``, one of ``among``.  Raises `Fault`."""
    said = text(node, *names) or default
    if said not in among:
        raise Fault(f"{names[-1]} is none of {', '.join(sorted(among))}")
    return said


def _meant(node: Element) -> Element:
    """``node``, or the element beside the operation that it refers to."""
    href = node.get("href", "")
    if not href.startswith("#") or len(node):
        return node
    found: Any = _beside(node, id=href[1:])
    return found[0] if found else node
