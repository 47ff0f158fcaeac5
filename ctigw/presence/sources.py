"""Which source a document is of, and what priority that has."""

from __future__ import annotations

from collections.abc import Callable

from ctigw.presence.documents import Document

OVERRIDE = "override"
# What the provisioning makes of how a document came ("publication", "phone", "foreign", "long-term", "override"),
# of the source that it names itself ("" for none), and of the User-Agent: a source's name and its priority.
Provisioned = Callable[[str, str, str], tuple[str, int]]


def source_of(document: Document, way: str, agent: str, provisioned: Provisioned) -> tuple[str, int]:
    """The name of the source of ``document``, and its priority: the higher wins."""
    said = next((part.source for part in document.tuples if part.source), "")
    name, priority = provisioned(way, said, agent)
    if any(is_override(part.id) for part in document.tuples):
        return name, provisioned(OVERRIDE, "", "")[1]
    return name, priority


def is_override(tuple_id: str) -> bool:
    """Whether a tuple says by its id that its user overrides every device.

    Cisco's clients use ``pws-override``, ``pws-persistent`` and ``cupc-override``.
    """
    return tuple_id.endswith("-override") or tuple_id == "pws-persistent"
