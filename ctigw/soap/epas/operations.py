"""What an operation is given, and how answers are made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from lxml import etree
from sqlalchemy.orm import Session

from ctigw.directory import names
from ctigw.presence import rule_xml
from ctigw.rules import Visibility
from ctigw.values import named
from ctigw.xml.declaration import BOOLEANS
from ctigw.xml.parsing import Element

EPAS = rule_xml.EPAS


class InvalidError(ValueError):
    """The request cannot be served as it is; the client is told no more than that."""


@named
class Settings:
    """What operations know of the site.

    ``foreign``: domains whose people are at other servers, and may be contacts and watchers; ``system``: what
    system properties are unless they were set; ``without_rule``: what everybody sees of who has no rule.
    """

    foreign: Collection[str] = ()
    system: Mapping[str, str]
    without_rule: Visibility = Visibility.CONFIRM


@named
class Call:
    """``session``: of the database, in the one transaction of this request; ``user``: the full name of who
    asks; ``now``: seconds since 1970.
    """

    session: Session
    user: str
    now: float
    settings: Settings

    def shown(self, name: str) -> str:
        """The full ``name`` as it is told to who asks: people of the same domain without it."""
        return names.within(self.user.partition("@")[2], name)


# From who asks and what is in the body to what is in the body of the answer.
Operation = Callable[[Call, Element], Element]


def answer(name: str, text: str | None = None) -> Element:
    """The element of an answer: "get-acl" to <epas:get-acl-resp>."""
    made: Element = etree.Element(f"{{{EPAS}}}{name}-resp", nsmap={"epas": EPAS})
    made.text = text
    return made


def add(above: Element, name: str, text: str | None = None, /, **attributes: str | None) -> Element:
    """A child of ``above``; attributes that are None are left out, and have dashes for underscores."""
    made: Element = etree.SubElement(above, f"{{{EPAS}}}{name}")
    made.text = text
    for key, value in attributes.items():
        if value is not None:
            made.set(key.replace("_", "-"), value)
    return made


def children(above: Element, name: str, namespace: str = EPAS) -> list[Element]:
    """The children of ``above`` that are called so."""
    return above.findall(f"{{{namespace}}}{name}")


def content(element: Element) -> str:
    """The text of ``element`` as it is."""
    return element.text or ""


def text_of(above: Element, name: str) -> str:
    """The text of a child, without the blanks around it; "" when it is not there."""
    return (above.findtext(f"{{{EPAS}}}{name}") or "").strip()


def boolean(text: str | None) -> bool | None:
    """The value of an attribute that the schema has looked at; None: it is not there."""
    return None if text is None else BOOLEANS[text.strip()]


def said(value: bool) -> str:
    """``value`` as XML has it."""
    return "true" if value else "false"


def written(element: Element) -> bytes:
    """``element`` as a document of its own, without what follows it."""
    return etree.tostring(element, with_tail=False)
