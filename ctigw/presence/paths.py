"""The little of XPath that watcher filters need (RFC 4661 §5), matched by ourselves.

A path is steps, ``/`` to children and ``//`` to descendants, each a name or ``*`` and tests in brackets; it
may end with an attribute::

    //pidf:tuple[@id="t1"]/status[basic="open" or basic="closed"]/basic

No functions, no positions, no other axes: an engine for all of XPath can be made to work for hours.  Here a
step looks at each element once.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping

from ctigw.presence.vocabulary import NAMESPACES, PIDF, parted
from ctigw.values import value
from ctigw.xml.parsing import Element

MAX_STEPS = 10
MAX_BELOW = 2
MAX_TESTS = 4


class PathError(ValueError):
    """This is no path, or more of one than is supported."""


@value
class Name:
    """A name in a namespace; None: any."""

    namespace: str | None
    name: str | None

    def fits(self, tag: str) -> bool:
        """Whether an element or attribute is called so."""
        namespace, name = parted(tag)
        return self.namespace in (None, namespace) and self.name in (None, name)


@value
class Test:
    """Whether something has a value: an element, an attribute of it, or what a path of children has."""

    children: tuple[Name, ...]
    attribute: Name | None
    comparison: str
    wanted: str

    def holds(self, element: Element) -> bool:
        """Whether anything that is looked at is as wanted."""
        found = [element]
        for name in self.children:
            found = [child for each in found for child in each if name.fits(str(child.tag))]
        if self.attribute is None:
            # Of leaves: to gather the text of whole trees would take long, and compare with nothing.
            texts = [each.text or "" for each in found]
        else:
            texts = [text for each in found for text in _attributes(each, self.attribute)]
        compare = _COMPARISONS[self.comparison]
        return any(compare(text.strip(), self.wanted) for text in texts)


@value
class Step:
    """From an element to its children, or to all ``below`` it.

    ``tests``: in each bracket there are alternatives, and in each alternative all must hold.
    """

    below: bool
    name: Name
    tests: tuple[tuple[tuple[Test, ...], ...], ...]

    def fits(self, element: Element) -> bool:
        """Whether this step leads to ``element``."""
        return self.name.fits(str(element.tag)) and all(
            any(all(test.holds(element) for test in every) for every in bracket) for bracket in self.tests
        )


@value
class Path:
    """Steps from above the root, and the attribute that is meant if it is not the elements."""

    steps: tuple[Step, ...]
    attribute: Name | None

    def elements(self, root: Element) -> list[Element]:
        """The elements that it leads to."""
        first, *rest = self.steps
        found: Iterable[Element] = root.iter() if first.below else (root,)
        found = [each for each in found if first.fits(each)]
        for step in rest:
            reached: dict[Element, None] = {}  # a set that has an order
            for each in found:
                if not step.below:
                    reached.update(dict.fromkeys(each))
                elif each not in reached:  # else all that is below it has been reached with it
                    reached.update(dict.fromkeys(each.iterdescendants()))
            found = [each for each in reached if step.fits(each)]
        return found


def _attributes(element: Element, name: Name) -> list[str]:
    return [str(text) for tag, text in element.items() if name.fits(str(tag))]


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def compared(one: str, other: str) -> bool:
        try:
            return compare(float(one), float(other))
        except ValueError:
            return False

    return compared


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": _number(operator.lt),
    ">": _number(operator.gt),
    "<=": _number(operator.le),
    ">=": _number(operator.ge),
}

_QNAME = r"(?:[A-Za-z_][\w.-]*:)?(?:[A-Za-z_][\w.-]*|\*)"
_STEP = re.compile(rf"(//?)?\s*(@?)({_QNAME})\s*")
_TEST = re.compile(
    rf"\s*(\.|@{_QNAME}|{_QNAME}(?:/{_QNAME})*(?:/@{_QNAME})?)\s*(!=|<=|>=|=|<|>)\s*(\"[^\"]*\"|'[^']*'|[0-9]+(?:\.[0-9]+)?)\s*"
)
_JOIN = re.compile(r"(and|or)\b")


def path(text: str, prefixes: Mapping[str, str]) -> Path:
    """The path that ``text`` spells; ``prefixes``: namespaces by prefix.  Raises `PathError`.

    Names without a prefix are PIDF's, unless "" is bound.
    """
    return _Parser(text.strip(), prefixes).path()


class _Parser:
    __slots__ = ("_at", "_prefixes", "_tests", "_text")

    def __init__(self, text: str, prefixes: Mapping[str, str]) -> None:
        self._text, self._prefixes = text, prefixes
        self._at = self._tests = 0

    def path(self) -> Path:
        steps: list[Step] = []
        attribute = None
        while self._at < len(self._text):
            found = self._match(_STEP)
            slashes, at, name = found.groups()
            if attribute is not None or (steps and not slashes) or len(steps) >= MAX_STEPS:
                raise PathError("this is no path of this kind")
            if at:
                attribute = self._name(name, default="")
                if slashes == "//":  # an attribute of anything below
                    steps.append(Step(True, Name(None, None), ()))
            else:
                steps.append(Step(slashes == "//", self._name(name), self._brackets()))
        if not steps:
            raise PathError("there is no path")
        if sum(step.below for step in steps) > MAX_BELOW:
            raise PathError(f"more than {MAX_BELOW} times //")
        return Path(tuple(steps), attribute)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise PathError(f"what stands at {self._at} is not supported")
        self._at = found.end()
        return found

    def _name(self, written: str, default: str = PIDF) -> Name:
        prefix, colon, name = written.rpartition(":")
        if colon:
            if prefix not in self._prefixes:
                raise PathError("a prefix is not bound")
            namespace: str | None = self._prefixes[prefix]
        elif name == "*":
            namespace = None
        else:
            namespace = default and self._prefixes.get("", default)
        if namespace:
            namespace = NAMESPACES.get(namespace, namespace)
        return Name(namespace, None if name == "*" else name)

    def _brackets(self) -> tuple[tuple[tuple[Test, ...], ...], ...]:
        brackets = []
        while self._text.startswith("[", self._at):
            self._at += 1
            brackets.append(self._alternatives())
            if not self._text.startswith("]", self._at):
                raise PathError(f"what stands at {self._at} is not supported")
            self._at += 1
        return tuple(brackets)

    def _alternatives(self) -> tuple[tuple[Test, ...], ...]:
        alternatives = [[self._test()]]
        while (found := _JOIN.match(self._text, self._at)) is not None:
            self._at = found.end()
            if found[1] == "or":
                alternatives.append([])
            alternatives[-1].append(self._test())
        return tuple(tuple(every) for every in alternatives)

    def _test(self) -> Test:
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise PathError(f"more than {MAX_TESTS} tests")
        operand, comparison, wanted = self._match(_TEST).groups()
        *names, last = operand.split("/")
        attribute = self._name(last[1:], default="") if last.startswith("@") else None
        if attribute is None and last != ".":
            names.append(last)
        return Test(tuple(self._name(name) for name in names), attribute, comparison, wanted.strip("\"'"))
