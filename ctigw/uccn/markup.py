"""Elements as text: the documents are short, and which prefix each of their elements has is given."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from xml.sax.saxutils import escape, quoteattr

from ctigw.xml.characters import possible

NONE: Mapping[str, str] = MappingProxyType({})


def element(name: str, *content: str, attributes: Mapping[str, str] = NONE) -> str:
    """An element with ``content``, which is markup already, and ``attributes``, which are not."""
    inside = "".join(content)
    start = name + "".join(f" {key}={quoteattr(possible(text))}" for key, text in attributes.items())
    return f"<{start}>{inside}</{name}>" if inside else f"<{start}/>"


def text(content: str) -> str:
    """``content`` as the text of an element."""
    return escape(possible(content), {"\r": "&#13;"})
