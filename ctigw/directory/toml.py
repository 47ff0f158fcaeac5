"""Writes TOML for people to read and change; Python reads it but does not write it.

What is written is what a file of settings has: a table of texts, numbers, and lists of tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

# A list that fits is written in one line.
WIDTH = 100
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_SPECIAL = re.compile(r'[\x00-\x1f\x7f"\\]')


def written(document: Mapping[str, Any]) -> str:
    """``document``, whose values are texts, booleans, whole and decimal numbers, lists and tables of them.

    Tables, and lists of tables, of the document itself get a headed part each, in their order, after
    everything else.
    """
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    headed = {key: value for key, value in document.items() if _is_headed(value)}
    for key, value in document.items():
        if key not in headed:
            yield f"{_key(key)} = {_value(value, '')}"
    for key, value in headed.items():
        several = not isinstance(value, Mapping)
        for table in value if several else (value,):
            yield ""
            yield f"[[{_key(key)}]]" if several else f"[{_key(key)}]"
            yield from (f"{_key(name)} = {_value(inner, '')}" for name, inner in table.items())


def _is_headed(value: Any) -> bool:
    return isinstance(value, Mapping) or _is_of_tables(value)


def _is_of_tables(value: Any) -> bool:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return several and bool(value) and all(isinstance(item, Mapping) for item in value)


def _value(value: Any, indent: str) -> str:
    match value:
        case str():
            return _text(value)
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case Mapping():
            inner = ", ".join(f"{_key(key)} = {_value(item, indent)}" for key, item in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case Sequence():
            return _list(value, indent)
    raise TypeError(f"{type(value).__name__} has no place in this TOML")


def _list(values: Sequence[Any], indent: str) -> str:
    """In one line if it fits and nobody looks for a table in it."""
    inside = f"{indent}  "
    items = [_value(item, inside) for item in values]
    flat = f"[{', '.join(items)}]"
    if not _is_of_tables(values) and len(flat) <= WIDTH and "\n" not in flat:
        return flat
    lines = "".join(f"{inside}{item},\n" for item in items)
    return f"[\n{lines}{indent}]"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    def escaped(found: re.Match[str]) -> str:
        return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"

    return f'"{_SPECIAL.sub(escaped, text)}"'
