"""Messages written the plain way, a tree of elements: what generated writers are held against."""

from __future__ import annotations

import enum
from dataclasses import is_dataclass
from typing import Any

from lxml import etree

from ctigw.xml import Child, Elements, Empty, Schema, flag_name

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'


def encode(schema: Schema, message: Any, namespace: str) -> bytes:
    """``message`` as an ASCII document."""
    prefix = f"{{{namespace}}}" if namespace else ""
    root = etree.Element(prefix + type(message).__name__, nsmap={None: namespace} if namespace else None)
    _fill(schema, root, message, prefix)
    return DECLARATION + etree.tostring(root, encoding="US-ASCII", xml_declaration=False)


def _fill(schema: Schema, element: Any, message: Any, prefix: str) -> None:
    for child in schema.plan(type(message)).children:
        value = getattr(message, child.attribute)
        if value is None or (child.many and not value and not (child.within and child.required)):
            continue
        parent = etree.SubElement(element, prefix + child.within) if child.within else element
        for item in value if child.many else (value,):
            _write(schema, etree.SubElement(parent, prefix + child.name), child, item, prefix)


def _write(schema: Schema, element: Any, child: Child, value: Any, prefix: str) -> None:
    leaves = {Elements: lambda: value, Empty: tuple}.get(type(value))
    if isinstance(value, enum.Flag):
        leaves = lambda: [(flag_name(member), "true") for member in child.type if member in value]  # noqa: E731
    if leaves is not None:
        for name, text in leaves():
            etree.SubElement(element, prefix + name).text = text
    elif is_dataclass(value):
        _fill(schema, element, value, prefix)
    else:
        element.text = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex().upper()
    return str(value.value if isinstance(value, enum.Enum) else value)
