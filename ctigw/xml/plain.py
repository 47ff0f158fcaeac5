"""Messages that are written plainly, read without a parser: by a pattern generated from the declaration.

Nearly everything that clients send is of one form: no prefixes, no references, no comments, ASCII, children
in their order.  For each class one regular expression is made that takes such documents and nothing else, and
has a group for each value.  It is four times as fast as parsing and walking a tree.  What it does not take is
not wrong: it goes to the parser, which knows XML.  So all that has to be true is that what a pattern takes is
well-formed and means to the parser what is read here; a property test holds the two against each other.

* Texts are printable ASCII without ``< > &``: no references, no CDATA, and no ``]]>``.
* Children that the declaration does not know may stand anywhere, three levels deep, without attributes, as
  long as they are not called like one that it knows: that one would be out of order, or there twice.
* The attributes of the root are shown to the parser, once for each way to write them; what a document begins
  with is remembered.
* Every repetition is possessive: a pattern never goes back, so the time is linear in the length.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from lxml import etree

from ctigw.xml.declaration import BOOLEANS, Child, Elements, Empty, Plan, flag_name, is_record, parser_of

# A message from the values of the groups of its pattern.  Raises ValueError or KeyError for a bad value.
Make = Callable[[tuple[str | None, ...]], Any]
PlanOf = Callable[[type], Plan]

_SPACE = r"[ \t\r\n]*+"
# A carriage return would be a line feed to the parser.
_TEXT = r"[\t\n !-%'-;=?-~]*+"
_ANY_TEXT = r"[\t\r\n !-%'-;=?-~]*+"
_FLAGS = f"(?:<[A-Za-z]++>{_TEXT}</[A-Za-z]++>{_SPACE})*+"
_FLAG = re.compile(r"<([A-Za-z]+)>([^<]*)</([A-Za-z]+)>")
_HEAD = re.compile(
    rf'(?:<\?xml version="1\.0"(?: encoding="[Uu][Tt][Ff]-8")?(?: standalone="(?:yes|no)")? ?\?>)?{_SPACE}'
    r"<([A-Za-z]++)((?:[ \t\r\n][^<>&]*+)?)>"
)
# How many ways to begin a document are remembered, and of what length.  Clients have one for each service.
REMEMBERED = 256
LONGEST = 512


class _Head(NamedTuple):
    """What a document begins with: its declaration and the tag of its root."""

    content: Callable[[str, int], re.Match[str] | None]
    groups: tuple[int, ...]
    make: Make
    namespace: str


class Plain:
    """The patterns of the messages called ``names``."""

    def __init__(self, names: dict[str, type], plan_of: PlanOf) -> None:
        self._names, self._plan_of = names, plan_of
        self._patterns: dict[str, tuple[Any, tuple[int, ...], Make] | None] = {}
        self._heads: dict[bytes, _Head | None] = {}

    def read(self, xml: bytes) -> tuple[Any, str] | None:
        """The message and its namespace; None: ask the parser."""
        end = xml.find(b">") + 1
        if xml.startswith(b"<?"):
            end = xml.find(b">", end) + 1
        start = xml[:end]
        try:
            head = self._heads[start]
        except KeyError:
            head = self._head(start)
        if head is None:
            return None
        try:
            found = head.content(str(xml, "ascii"), end)
            return None if found is None else (head.make(found.group(*head.groups)), head.namespace)
        except (ValueError, KeyError):
            return None  # no ASCII, or a bad value: the parser's errors say where

    def _head(self, start: bytes) -> _Head | None:
        """What is known of a document that begins with ``start``."""
        head = self._looked_at(start)
        if len(start) <= LONGEST:
            if len(self._heads) >= REMEMBERED:
                self._heads.clear()
            self._heads[start] = head
        return head

    def _looked_at(self, start: bytes) -> _Head | None:
        found = _HEAD.fullmatch(start.decode("ascii", "replace"))
        if found is None:
            return None
        name, attributes = found.groups()
        pattern, namespace = self._pattern(name), _namespace(attributes)
        if pattern is None or namespace is None:
            return None
        return _Head(*pattern, namespace)

    def _pattern(self, name: str) -> tuple[Any, tuple[int, ...], Make] | None:
        """The pattern of the message ``name``, if there is one."""
        cls = self._names.get(name)
        if cls is None:
            return None
        if name not in self._patterns:
            pattern = _Pattern(self._plan_of)
            made = pattern.of(cls)
            self._patterns[name] = made and (
                re.compile(f"{_SPACE}{made[0]}</{name}>{_SPACE}").fullmatch,
                pattern.groups,
                made[1],
            )
        return self._patterns[name]


def _namespace(attributes: str) -> str | None:
    """The namespace that ``attributes`` of a root give it; None: they are not well-formed."""
    try:
        root = etree.fromstring(f"<a{attributes}/>".encode(), _ATTRIBUTES)
    except etree.XMLSyntaxError:
        return None
    return str(root.tag).rpartition("}")[0][1:]


_ATTRIBUTES = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


class _Pattern:
    """The making of one pattern: its groups are counted, and what its functions refer to is named."""

    def __init__(self, plan_of: PlanOf) -> None:
        self._plan_of = plan_of
        self._count = 0
        # The groups that values are made of.
        self._used: list[int] = []
        self._known: dict[str, Any] = {}

    @property
    def groups(self) -> tuple[int, ...]:
        """The numbers of the groups that make one; at least two, or `re` gives no tuple of them."""
        return (*self._used, 0, 0)[: max(2, len(self._used))]

    def of(self, cls: type) -> tuple[str, Make] | None:
        """The pattern of the content of a ``cls``, and what makes one; None: this form has no pattern."""
        plan = self._plan_of(cls)
        if any(child.required and not _has_pattern(child) for child in plan.children):
            return None
        pattern = self._others(plan)
        arguments = []
        for child in filter(_has_pattern, plan.children):
            found = self._child(child)
            if found is None:
                return None
            inside, value = found
            element = f"<{child.name}>{inside}</{child.name}>{_SPACE}"
            pattern += (element if child.required else f"(?:{element})?+") + self._others(plan)
            arguments.append((child.attribute, value))
        return pattern, self._maker(cls, plan, arguments)

    def _child(self, child: Child) -> tuple[str, str] | None:
        """The pattern of what is in a child's element, and the expression for its value."""
        group = len(self._used)
        self._count += 1
        self._used.append(self._count)
        if is_record(child.type):  # the group around it says whether it is there
            inner = self.of(child.type)
            if inner is None:
                return None
            return f"({_SPACE}{inner[0]})", f"None if g[{group}] is None else {self._name(inner[1])}(g)"
        if issubclass(child.type, enum.Flag):
            value = f"{self._name(_flags(child.type))}(g[{group}])"
            return (
                f"({_SPACE}{_FLAGS})",
                value if child.required else f"None if g[{group}] is None else {value}",
            )
        text = f"g[{group}].strip()"
        value = text if child.type is str else f"{self._name(parser_of(child.type))}({text})"
        return f"({_TEXT})", value if child.required else f"None if g[{group}] is None else {value}"

    def _others(self, plan: Plan) -> str:
        """The pattern of children that a class does not know."""
        unknown = f"(?!(?:{'|'.join(plan.by_name)})>)" if plan.by_name else ""
        return self._other(self._other(self._other("")), unknown)

    def _other(self, content: str, unknown: str = "") -> str:
        """The pattern of elements of any name, with a text and ``content``."""
        self._count += 1
        name = f"n{self._count}"
        return f"(?:<{unknown}(?P<{name}>[A-Za-z]++)>{_ANY_TEXT}{content}</(?P={name})>{_SPACE})*+"

    def _maker(self, cls: type, plan: Plan, arguments: list[tuple[str, str]]) -> Make:
        """What makes a ``cls`` of the groups of its pattern."""
        values = ", ".join(f"{attribute}={value}" for attribute, value in arguments)
        made = f"{self._name(cls)}({values})"
        if plan.choice:
            made = f"{self._name(_only_one)}({made})"
        exec(compile(f"def make(g): return {made}\n", f"<plain {cls.__name__}>", "exec"), self._known)  # noqa: S102 - our own text
        make: Make = self._known.pop("make")
        return make

    def _name(self, what: Any) -> str:
        """A name by which the generated functions know ``what``."""
        name = f"k{len(self._known)}"
        self._known[name] = what
        return name


def _flags(cls: type[enum.Flag]) -> Callable[[str], enum.Flag]:
    """What makes a set of flags of its elements; those of a client are the same all day, and remembered."""
    members = {flag_name(member): member for member in cls}

    @lru_cache(REMEMBERED)
    def flags(elements: str) -> enum.Flag:
        found = cls(0)
        for name, text, end in _FLAG.findall(elements):
            if end != name:
                raise ValueError(end)
            if name in members and BOOLEANS[text.strip()]:
                found |= members[name]
        return found

    return flags


def _only_one(made: Any) -> Any:
    """``made``, of which exactly one child must be there."""
    there = [field.name for field in dataclasses.fields(made) if getattr(made, field.name) is not None]
    if len(there) != 1:
        raise ValueError(there)
    return made


def _has_pattern(child: Child) -> bool:
    """Whether a child is one that patterns can take: one value, and a text or children of its own."""
    return not child.many and child.type not in (Empty, Elements)
