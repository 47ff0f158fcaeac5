"""The one parser for documents that nobody vouches for, and what is told of those that it refuses.

No DOCTYPE, no entities, no network, bounded depth; size is the frame's business.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from lxml import etree

from ctigw.xml.errors import NotXmlError

Element = etree._Element  # noqa: SLF001 - lxml gives its element type no public name
# libxml2's names for what is wrong with a document, by their numbers.
_SYNTAX = {number: name for name, number in vars(etree.ErrorTypes).items() if name.startswith("ERR_")}


def hardened() -> etree.XMLParser[Any]:
    """A parser for documents that nobody vouches for."""
    return etree.XMLParser(
        encoding="utf-8",  # forced: documents declare UTF-16 or Latin-1 and are sent as UTF-8
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )


_PARSER = hardened()


def parse(xml: bytes, max_depth: int) -> Element:
    """The root element of ``xml``.  Raises `NotXmlError`, with the root's name where that can be read."""
    if b"<!DOCTYPE" in xml:  # before the parser sees it: entities in attributes are always expanded
        raise NotXmlError("/", "document type declarations are not accepted")
    try:
        root: Element = etree.fromstring(xml, _PARSER)
    except etree.XMLSyntaxError as error:
        raise NotXmlError("/", _syntax(error), *_root_of(xml)) from None
    except ValueError:
        raise NotXmlError("/", "cannot be parsed", *_root_of(xml)) from None
    # A document of depth d has more than d tags: most are cleared by one count.
    if xml.count(b"<") > max_depth and _deeper_than(root, max_depth):
        raise NotXmlError("/", f"deeper than {max_depth} elements", *name_of(root))
    return root


def local(node: Element) -> str:
    """The name of an element without its namespace."""
    return str(node.tag).rpartition("}")[2]


def name_of(node: Element) -> tuple[str, str]:
    """The name of an element, and its namespace ("" for none)."""
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
        return name_of(next(events)[1])
    except (StopIteration, etree.XMLSyntaxError):
        return "", None
