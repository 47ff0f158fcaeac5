"""From a message to text, by code that is generated from the declaration of its class.

For each class a Python function is written and compiled when it is first needed: one f-string of the elements
that are always there, with a local variable for each value.  That is 17 times as fast as building a tree of
elements and having it written.  For

    @message
    class ConnectionID:
        call_id: str | None = None
        device_id: str | None = None

it reads

    def made(it):
        v0 = it.call_id
        t0 = '' if v0 is None else f'<callID>{v0 if plain(v0) is None else escaped(v0)}</callID>'
        …
        return f'{t0}{t1}'

The tests hold every generated function against one that builds trees (`tests/trees.py`).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

from ctigw.xml.characters import IMPOSSIBLE
from ctigw.xml.declaration import Child, Elements, Empty, flag_name, is_record, plan
from ctigw.xml.generated import Source

# The content of an element, without its own tags.
Write = Callable[[Any], str]

# What cannot stand in an ASCII document as it is.
_ODD = re.compile(r"[^\t\n -%'-;=?-~]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def escaped(text: str) -> str:
    """``text`` as the content of an element of an ASCII document.

    Raises `ValueError` for characters that no XML document can have.
    """
    if IMPOSSIBLE.search(text):
        raise ValueError("there are characters that XML cannot have")
    return text.translate(_ENTITIES).encode("ascii", "xmlcharrefreplace").decode()


class Writers:
    """A function that writes it, for each class; generated when it is first needed."""

    def __init__(self) -> None:
        self._writers: dict[type, Write] = {}

    def writer(self, cls: type) -> Write:
        """Writes the content of instances of ``cls``."""
        found = self._writers.get(cls)
        if found is None:
            found = self._writers[cls] = self._generated(cls)
        return found

    def _generated(self, cls: type) -> Write:
        writing = _Writing(self)
        for child in plan(cls).children:
            writing.add(child)
        return writing.compiled(cls.__name__)


class _Writing:
    """The making of one function."""

    def __init__(self, writers: Writers) -> None:
        self._writers = writers
        self._source = Source(odd=_ODD.search, escaped=escaped)
        self._lines: list[str] = []
        self._parts: list[str] = []

    def add(self, child: Child) -> None:
        """Have the function write ``child``."""
        number = len(self._parts)
        value, text = f"v{number}", f"t{number}"
        self._lines.append(f"{value} = it.{child.attribute}")
        one = self._element(child, "item" if child.many else value)
        if child.many:
            items = f"''.join([{one} for item in {value}])"
            wrapped = f"(f'<{child.within}>{{{text}}}</{child.within}>' if {text} else '<{child.within}/>')"
            self._lines.append(f"{text} = {items}")
            if child.within:  # an empty wrapper says that there are none, where that has to be said
                self._lines.append(
                    f"{text} = {wrapped if child.required else f'{wrapped} if {value} else {text}'}"
                )
        elif child.required:
            self._lines.append(f"{text} = {one}")
        else:
            self._lines.append(f"{text} = '' if {value} is None else {one}")
        self._parts.append(f"{{{text}}}")

    def compiled(self, name: str) -> Write:
        """The function."""
        body = "\n    ".join([*self._lines, f"return f'{''.join(self._parts)}'"])
        return self._source.compiled(f"def made(it):\n    {body}\n", f"writer of {name}")

    def _element(self, child: Child, value: str) -> str:
        """The expression for one element."""
        name, hint = child.name, child.type
        if hint is Empty:
            return f"'<{name}/>'"
        if is_record(hint):
            inner = self._source.name(self._writers.writer(hint))
        elif hint is Elements:
            inner = self._source.name(_leaves)
        elif issubclass(hint, enum.Flag):
            inner = self._source.name(_flags(hint))
        else:
            return f"f'<{name}>{{{_text(hint, value)}}}</{name}>'"
        # What has no content is written without an end tag.
        return f"(f'<{name}>{{content}}</{name}>' if (content := {inner}({value})) else '<{name}/>')"


def _text(hint: Any, value: str) -> str:
    """The expression for the text of a leaf."""
    return _TEXTS.get(hint, "{0}._value_ if odd({0}._value_) is None else escaped({0}._value_)").format(value)


_TEXTS: dict[Any, str] = {
    str: "{0} if odd({0}) is None else escaped({0})",
    int: "{0}",
    bool: '"true" if {0} else "false"',
    bytes: "{0}.hex().upper()",
}


def _flags(cls: type[enum.Flag]) -> Write:
    elements = [(member, f"<{flag_name(member)}>true</{flag_name(member)}>") for member in cls]
    return lambda value: "".join([element for member, element in elements if member in value])


def _leaves(leaves: Elements) -> str:
    if not all(_NAME.fullmatch(name) for name, _text in leaves):
        raise ValueError("there are names that no element can have")
    return "".join([f"<{name}>{escaped(text)}</{name}>" for name, text in leaves])
