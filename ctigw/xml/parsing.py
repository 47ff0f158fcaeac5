"""The one parser for documents that nobody vouches for, and what is told of those that it refuses.

No DOCTYPE, no entities, no network; depth, tags and prefixes are bounded, size is the frame's business.
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
# Of a document: the longest lists of clients have some ten thousand.
MOST_TAGS = 65_536
# Prefixes that are declared at once: each name may be compared with all of them, by libxml2 and by ourselves.
MOST_PREFIXES = 256


def parse(xml: bytes, max_depth: int) -> Element:
    """The root element of ``xml``.  Raises `NotXmlError`, with the root's name where that can be read."""
    if b"<!DOCTYPE" in xml:  # before the parser sees it: entities in attributes are always expanded
        raise NotXmlError("/", "document type declarations are not accepted")
    tags = xml.count(b"<")
    if tags > MOST_TAGS:
        raise NotXmlError("/", f"more than {MOST_TAGS} tags")
    try:
        root: Element = etree.fromstring(xml, _PARSER)
    except etree.XMLSyntaxError as error:
        raise NotXmlError("/", _syntax(error), *_root_of(xml)) from None
    except ValueError:
        raise NotXmlError("/", "cannot be parsed", *_root_of(xml)) from None
    # A document of depth d has more than d tags: most are cleared by one count.
    if tags > max_depth and _deeper_than(root, max_depth):
        raise NotXmlError("/", f"deeper than {max_depth} elements", *name_of(root))
    if xml.count(b"xmlns:") > MOST_PREFIXES and _more_prefixes_than(root, MOST_PREFIXES):
        raise NotXmlError("/", f"more than {MOST_PREFIXES} prefixes", *name_of(root))
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


def _more_prefixes_than(root: Element, limit: int) -> bool:
    """Whether more than ``limit`` are declared at once, by an element and those around it."""
    declared = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        declared += 1 if event == "start-ns" else -1
        if declared > limit:
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
