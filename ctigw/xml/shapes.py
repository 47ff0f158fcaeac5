"""Documents like one that was read before, read without a parser.

Clients are programs: what one of them sends again and again differs in its texts alone.  So of some
documents that the parser has read, the shape is kept: all the tags, as they are written, and a place for
each text.  It is one regular expression, with a function that makes the message of its groups.  What it
takes is what the parser would take, and means the same, since it is the same document but for texts that
need no knowledge of XML: printable ASCII without ``< > &``.  Whatever it does not take goes to the parser.
That is five times as fast, for nearly everything.

* A shape has no repetition but of single characters, each possessive: it takes time linear in the length.
* It is made of its document by the declaration of the message (`_Making`), as `reading` does with each
  document, and kept if what it gives for that document is what the parser gave.
* To make one takes as long as to read hundreds of documents, and some 50 KB: so one is made now and then,
  of a short document, and few are kept.  Clients that send what they like cannot keep others waiting for
  long, nor fill the memory; at worst everybody is read by the parser.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import Any, NamedTuple

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
from ctigw.xml.generated import Source
from ctigw.xml.parsing import Element, local, parse

# Seconds from one shape that is made to the next; so many are kept, by what documents begin with, and of
# documents that begin alike; and the longest that are, in bytes.
PAUSE = 0.2
MOST = 64
ALIKE = 4
LONGEST = 1024
# A carriage return would be a line feed to the parser: it may stand where there is nothing to read.
_TEXT = r"([\t\n !-%'-;=?-~]*+)"
_SPACE = r"[ \t\r\n]*+"
_TAG = re.compile(r"<[^<>]*>")


class _Shape(NamedTuple):
    """``match`` a document whole from behind its first tag on; ``make`` a message of the texts."""

    match: Callable[[str, int], re.Match[str] | None]
    make: Callable[[tuple[str, ...]], Any]
    namespace: str


class Shapes:
    """The shapes that are known, by the bytes that their documents begin with.  ``now``: seconds."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._known: dict[bytes, tuple[_Shape, ...]] = {}
        self._next = now()

    def read(self, xml: bytes) -> tuple[Any, str] | None:
        """The message in a document of a known shape, and its namespace; None: ask the parser."""
        end = _begins(xml)
        shapes = self._known.get(xml[:end])
        if shapes is None:
            return None
        try:
            text = str(xml, "ascii")
            for match, make, namespace in shapes:
                found = match(text, end)
                if found is not None:
                    return make(found.groups()), namespace
        except (ValueError, KeyError):
            pass  # not ASCII, or a bad value: the parser's errors say where
        return None

    def learn(self, xml: bytes, message: object, namespace: str) -> None:
        """``xml`` was read, and is ``message``: make its shape, if it is time for one."""
        if len(xml) > LONGEST or (now := self._now()) < self._next:
            return
        self._next = now + PAUSE
        shape = _made(xml, message, namespace)
        if shape is None:
            return
        start = xml[: _begins(xml)]
        alike = self._known.pop(start, ())
        if len(self._known) >= MOST:  # the one that was not added to for the longest time
            del self._known[next(iter(self._known))]
        self._known[start] = (shape, *alike[: ALIKE - 1])


def _begins(xml: bytes) -> int:
    """Where the first tag ends."""
    end = xml.find(b">") + 1
    return xml.find(b">", end) + 1 if xml.startswith(b"<?") else end


class _UnknownShapeError(Exception):
    """There is something in the document that shapes do not have."""


def _made(xml: bytes, message: object, namespace: str) -> _Shape | None:
    """The shape of a document; None: it has something that shapes do not have."""
    end = _begins(xml)
    try:
        start, rest = str(xml[:end], "ascii"), str(xml[end:], "ascii")
        pattern, marked = _abstract(rest)
        root = parse((start + marked).encode(), LONGEST)
        make = _Making().function(type(message), root)
        shape = _Shape(re.compile(pattern).fullmatch, make, namespace)
        found = shape.match(start + rest, end)
        if found is None or make(found.groups()) != message:
            return None
    except (_UnknownShapeError, ValueError, KeyError):
        return None
    return shape


def _abstract(rest: str) -> tuple[str, str]:
    """What stands behind the first tag, as a pattern, and with the number of its group for each text."""
    if "<!" in rest or "<?" in rest or "&" in rest:
        raise _UnknownShapeError
    tags, gaps = _TAG.findall(rest), _TAG.split(rest)
    pattern, marked, groups = [_SPACE], [], 0
    if gaps[0].strip():
        raise _UnknownShapeError
    for index, tag in enumerate(tags):
        pattern.append(re.escape(tag))
        marked.append(tag)
        following = tags[index + 1] if index + 1 < len(tags) else ""
        if following.startswith("</") and not tag.startswith("</") and not tag.endswith("/>"):
            pattern.append(_TEXT)
            marked.append(str(groups))
            groups += 1
        elif gaps[index + 1].strip():  # text beside elements
            raise _UnknownShapeError
        else:
            pattern.append(_SPACE)
    return "".join(pattern), "".join(marked)


class _Making:
    """The making of a function from the texts of a document to its message: the document's elements, in which
    the texts are numbers, are gone through as `reading` would."""

    def __init__(self) -> None:
        self._source = Source()

    def function(self, cls: type, root: Element) -> Callable[[tuple[str, ...]], Any]:
        """The function that makes a ``cls``."""
        text = f"def made(g): return {self._record(cls, root)}\n"
        return self._source.compiled(text, f"shape of {cls.__name__}")

    def _record(self, cls: type, element: Element) -> str:
        declared = plan(cls)
        values: dict[str, str] = {}
        many: dict[str, list[str]] = {child.attribute: [] for child in declared.children if child.many}
        for node in element:
            known = declared.by_name.get(local(node))
            if known is None:
                continue
            if known.many:
                items = [item for item in node if local(item) == known.name] if known.within else [node]
                many[known.attribute] += [self._value(known, item) for item in items]
            elif known.attribute in values:  # the last one counts, and each has to be right
                raise _UnknownShapeError
            else:
                values[known.attribute] = self._value(known, node)
        if declared.choice and len(values) != 1:
            raise _UnknownShapeError
        for attribute, several in many.items():
            values[attribute] = f"({''.join(f'{one}, ' for one in several)})"
        arguments = ", ".join(f"{attribute}={value}" for attribute, value in values.items())
        return f"{self._source.name(cls)}({arguments})"

    def _value(self, child: Child, node: Element) -> str:
        hint = child.type
        if is_record(hint):
            return self._record(hint, node)
        if hint is Empty:
            return self._source.name(EMPTY)
        if hint is Elements:  # whatever is in there may be in there once, and not again
            raise _UnknownShapeError
        if issubclass(hint, enum.Flag):
            names = {flag_name(member) for member in hint}
            told = [flag for flag in node if local(flag) in names]
            pairs = "".join(f"({local(flag)!r}, {_text(flag)}), " for flag in told)
            return f"{self._source.name(_flags(hint))}(({pairs}))"
        return _text(node) if hint is str else f"{self._source.name(parser_of(hint))}({_text(node)})"


def _text(node: Element) -> str:
    """The expression for the text of a leaf."""
    if len(node) or not (node.text or "").isdecimal():
        raise _UnknownShapeError
    return f"g[{node.text}].strip()"


def _flags(cls: type[enum.Flag]) -> Callable[[tuple[tuple[str, str], ...]], enum.Flag]:
    """What makes a set of flags of its elements, which are the same all day, and remembered."""
    members = {flag_name(member): member for member in cls}

    @lru_cache(MOST)
    def flags(elements: tuple[tuple[str, str], ...]) -> enum.Flag:
        found = cls(0)
        for name, text in elements:
            if BOOLEANS[text]:
                found |= members[name]
        return found

    return flags
