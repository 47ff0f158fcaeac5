"""Change notices (UCCN) for people: from documents to lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ctigw.cli.columns import one_line
from ctigw.values import value
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import Element, local, parse

_DEPTH = 16
# What names the thing that has changed: of a contact, who it is and in which group.
_NAMES = ("persona-id", "watcher", "group", "rule", "name")
# Settings that a screen is no place for.
_SECRET = "password"  # noqa: S105 - how they are called


class NotNoticeError(ValueError):
    """It is no change notice."""


@value
class Told:
    """What a notice says: the action, and of what was and what is the texts by their names, in their order.

    Settings are in ``new`` alone, by the names of the properties.
    """

    action: str
    old: Mapping[str, str]
    new: Mapping[str, str]


def told(body: bytes) -> Told:
    """What the notice ``body`` says, in whichever namespace.  Raises `NotNoticeError`."""
    try:
        root = parse(body, _DEPTH)
    except NotXmlError as error:
        raise NotNoticeError(error.why) from None
    if local(root) != "UPCConfigChange":
        raise NotNoticeError("the root is no UPCConfigChange")
    action, old, new = "", dict[str, str](), dict[str, str]()
    for each in root:
        name = local(each)
        if name == "action":
            action = (each.text or "").strip()
        elif name in ("old", "new"):
            (old if name == "old" else new).update(_texts(each))
        elif name == "property":
            _add_property(new, each)
        else:
            new[name] = each.text or ""
    return Told(action, old, new)


def line(what: Told, now: datetime) -> str:
    """When, which action, of what, and what of it is otherwise now: one line of text."""
    here = {**what.new, **what.old}
    names = [name for name in _NAMES if name in here][:2]
    subject = " in ".join(here[name] or '""' for name in names)
    told = [
        _difference(name, what.old.get(name), text)
        for name, text in what.new.items()
        if (what.old.get(name) != text if what.old else name not in names)
    ]
    cells = (f"{now:%H:%M:%S}", what.action or "-", subject, ", ".join(told))
    return one_line("  ".join(filter(None, cells)))


def _difference(name: str, old: str | None, new: str) -> str:
    if name.lower().endswith(_SECRET):
        return f"{name} ..."
    return f'{name} "{new}"' if old is None else f'{name} "{old}" -> "{new}"'


def _texts(block: Element) -> dict[str, str]:
    """The texts and attributes below ``old`` or ``new``.

    A name is called by its element, what else belongs to a group by both.
    """
    found: dict[str, str] = {}
    for each in block.iter("{*}*"):
        element = local(each)
        if each is block:
            continue
        for name, text in each.attrib.items():
            label = name if element == "persona-id" else f"{element} {name}"
            found[element if name == "name" else str(label)] = str(text)
        if len(each) == 0 and (each.text or not each.attrib):
            found[element] = each.text or ""
    return found


def _add_property(found: dict[str, str], element: Element) -> None:
    name = str(element.get("name", ""))
    found[name] = element.text or ""
    if element.get("is-public") is not None:
        found["is-public"] = str(element.get("is-public"))
