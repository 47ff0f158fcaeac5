"""Messages that are written plainly, read without a parser: by a pattern generated from the declaration.

Nearly everything that clients send is of one form: no prefixes, no references, no comments, ASCII, children
in their order.  For each class one regular expression is made that takes such documents and nothing else, and
has a group for each value.  It is four times as fast as parsing and walking a tree.  What it does not take is
not wrong: it goes to the parser, which knows XML.  So all that has to be true is that what a pattern takes is
well-formed and means to the parser what is read here; a property test holds the two against each other.

* Texts are printable ASCII without ``< > &``: no references, no CDATA, and no ``]]>``.
* Children that the declaration does not know may stand anywhere, two levels deep, without attributes, as long
  as they are not called like one that it knows: that one would be out of order, or there twice.
* The attributes of the root are shown to the parser, once for each way to write them (`Plain._namespaces`).
* Every repetition is possessive: a pattern never goes back, so the time is linear in the length.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable
from typing import Any

from lxml import etree

from ctigw.xml.declaration import Child, Elements, Empty, Plan, is_record, parser_of

# A message from the values of the groups of its pattern.  Raises ValueError or KeyError for a bad value.
Make = Callable[[tuple[str | None, ...]], Any]
PlanOf = Callable[[type], Plan]

_SPACE = r"[ \t\r\n]*+"
# A carriage return would be a line feed to the parser.
_TEXT = r"[\t\n !-%'-;=?-~]*+"
_ANY_TEXT = r"[\t\r\n !-%'-;=?-~]*+"
_ROOT = re.compile(
    rf'(?:<\?xml version="1\.0"(?: encoding="[Uu][Tt][Ff]-8")?(?: standalone="(?:yes|no)")? ?\?>)?{_SPACE}'
    r"<([A-Za-z]++)((?:[ \t\r\n][^<>&]*+)?)>"
)
# How many ways to write a root's attributes are remembered.  Clients have one each.
REMEMBERED = 256


class Plain:
    """The patterns of the messages called ``names``."""

    def __init__(self, names: dict[str, type], plan_of: PlanOf) -> None:
        self._names, self._plan_of = names, plan_of
        self._patterns: dict[str, tuple[Any, Make] | None] = {}
        self._namespaces: dict[str, str | None] = {"": ""}

    def read(self, xml: bytes) -> tuple[Any, str] | None:
        """The message and its namespace; None: ask the parser."""
        try:
            text = str(xml, "ascii")
        except UnicodeDecodeError:
            return None
        root = _ROOT.match(text)
        if root is None:
            return None
        name, attributes = root.groups()
        try:
            found = self._patterns[name]
        except KeyError:
            found = self._made(name)
        try:
            namespace = self._namespaces[attributes]
        except KeyError:
            namespace = self._namespace(attributes)
        if found is None or namespace is None:
            return None
        pattern, make = found
        content = pattern(text, root.end())
        if content is None:
            return None
        try:
            return make(content.groups()), namespace
        except (ValueError, KeyError):
            return None  # the parser's errors say where

    def _made(self, name: str) -> tuple[Any, Make] | None:
        """The pattern of the message ``name``, if there is one."""
        cls = self._names.get(name)
        if cls is None:
            return None
        made = _Pattern(self._plan_of).of(cls)
        found = None
        if made is not None:
            inside, make = made
            found = re.compile(f"{_SPACE}{inside}</{name}>{_SPACE}").fullmatch, make
        self._patterns[name] = found
        return found

    def _namespace(self, attributes: str) -> str | None:
        """The namespace that ``attributes`` of a root give it; None: they are not well-formed, or odd."""
        if len(self._namespaces) >= REMEMBERED:
            self._namespaces = {"": ""}
        try:
            root = etree.fromstring(f"<a{attributes}/>".encode(), _ATTRIBUTES)
        except etree.XMLSyntaxError:
            namespace = None
        else:
            namespace = str(root.tag).rpartition("}")[0][1:]
        self._namespaces[attributes] = namespace
        return namespace


_ATTRIBUTES = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


class _Pattern:
    """The making of one pattern: its groups are counted, and its values named."""

    def __init__(self, plan_of: PlanOf) -> None:
        self._plan_of = plan_of
        self._groups = 0
        self._known: dict[str, Any] = {}

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
        group = self._groups
        self._groups += 1
        if is_record(child.type):  # the group around it says whether it is there
            inner = self.of(child.type)
            if inner is None:
                return None
            return f"({_SPACE}{inner[0]})", f"None if g[{group}] is None else {self._name(inner[1])}(g)"
        text = f"g[{group}].strip()"
        value = text if child.type is str else f"{self._name(parser_of(child.type))}({text})"
        return f"({_TEXT})", value if child.required else f"None if g[{group}] is None else {value}"

    def _others(self, plan: Plan) -> str:
        """The pattern of children that a class does not know."""
        outer, inner = self._groups + 1, self._groups + 2
        self._groups += 2
        unknown = f"(?!(?:{'|'.join(plan.by_name)})>)" if plan.by_name else ""
        leaf = f"<(?P<n{inner}>[A-Za-z]++)>{_ANY_TEXT}</(?P=n{inner})>{_SPACE}"
        content = f"{_ANY_TEXT}(?:{leaf})*+"
        return f"(?:<{unknown}(?P<n{outer}>[A-Za-z]++)>{content}</(?P=n{outer})>{_SPACE})*+"

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


def _only_one(made: Any) -> Any:
    """``made``, of which exactly one child must be there."""
    there = [field.name for field in dataclasses.fields(made) if getattr(made, field.name) is not None]
    if len(there) != 1:
        raise ValueError(there)
    return made


def _has_pattern(child: Child) -> bool:
    """Whether a child is one that patterns can take: one value, and a text or children of its own."""
    if child.many or child.type in (Empty, Elements):
        return False
    return is_record(child.type) or not issubclass(child.type, enum.Flag)
