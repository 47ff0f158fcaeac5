"""From a parsed element to a message, as the declaration of its class says."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from ctigw.xml.declaration import (
    BOOLEANS,
    EMPTY,
    Child,
    Elements,
    Empty,
    flag_name,
    is_record,
    parser_of,
    plan,
)
from ctigw.xml.errors import XmlError
from ctigw.xml.parsing import Element, local

# A value from its element and the path to it.  Raises `XmlError`.
Read = Callable[[Element, str], Any]


class Readers:
    """A function that reads it, for each class; made when it is first needed."""

    def __init__(self) -> None:
        self._readers: dict[type, Read] = {}

    def reader(self, cls: type) -> Read:
        """Reads elements as instances of ``cls``."""
        found = self._readers.get(cls)
        if found is None:
            found = self._readers[cls] = self._made(cls)
        return found

    def _made(self, cls: type) -> Read:
        declared = plan(cls)
        by_name = {child.outer: (child, self._leaf(child.type)) for child in declared.children}
        required = [(child.attribute, child.name) for child in declared.children if child.required]
        many = [child.attribute for child in declared.children if child.many]

        def read(element: Element, path: str) -> Any:
            values: dict[str, Any] = {}
            for node in element:
                found = by_name.get(local(node))
                if found is None:
                    continue  # private data and later editions: ignored
                known, leaf = found
                where = f"{path}/{known.outer}"
                if known.many:
                    values.setdefault(known.attribute, []).extend(_items(known, leaf, node, where))
                else:
                    values[known.attribute] = leaf(node, where)
            for attribute, name in required:
                if attribute not in values:
                    raise XmlError(path, f"missing {name}")
            for attribute in many:
                values[attribute] = tuple(values.get(attribute, ()))
            if declared.choice and len(values) != 1:
                raise XmlError(path, "needs exactly one of " + ", ".join(declared.by_name))
            return cls(**values)

        return read

    def _leaf(self, hint: Any) -> Read:
        if is_record(hint):
            return self.reader(hint)
        if hint is Empty:
            return lambda _element, _path: EMPTY
        if hint is Elements:
            return lambda element, _path: _leaves(element)
        if issubclass(hint, enum.Flag):
            return _flags(hint)
        parse = parser_of(hint)

        def read(element: Element, path: str) -> Any:
            try:
                return parse((element.text or "").strip())
            except (ValueError, KeyError):
                raise XmlError(path, "bad value") from None

        return read


def _items(known: Child, leaf: Read, node: Element, where: str) -> list[Any]:
    """What a repeated child, or the wrapper around several, has in it."""
    items = [item for item in node if local(item) == known.name] if known.within else [node]
    return [leaf(item, where) for item in items]


def _flags(cls: type[enum.Flag]) -> Read:
    """How a set of booleans is read: what is false need not be there."""
    names = {flag_name(member): member for member in cls}

    def read(element: Element, path: str) -> enum.Flag:
        found = cls(0)
        for node in element:
            name = local(node)
            if name not in names:
                continue
            try:
                found |= names[name] if BOOLEANS[(node.text or "").strip()] else cls(0)
            except KeyError:
                raise XmlError(f"{path}/{name}", "bad value") from None
        return found

    return read


def _leaves(element: Element) -> Elements:
    leaves = (node for node in element.iterdescendants() if len(node) == 0)
    return Elements((local(node), (node.text or "").strip()) for node in leaves)
