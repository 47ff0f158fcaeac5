"""Which source a document is of, and what priority that has."""

from __future__ import annotations

from collections.abc import Callable

from ctigw.presence.composition import Component
from ctigw.presence.documents import read

# What the provisioning makes of how a document came ("publication", "phone", "foreign", "long-term"), of
# the source that it names itself ("" for none), and of the User-Agent: a source's name and its priority,
# the higher wins.
Provisioned = Callable[[str, str, str], tuple[str, int]]
# A phone that nobody uses says only that it is there, and no more of its user than that.
PHONE, IDLE = "phone", "phone-idle"


class Sources:
    """Makes components of what comes in."""

    def __init__(self, provisioned: Provisioned) -> None:
        self._provisioned = provisioned

    def component(
        self,
        way: str,
        body: bytes,
        since: float,
        *,
        agent: str = "",
        etag: str = "",
        expires: float | None = None,
    ) -> Component:
        """What the document ``body`` tells, which came in this ``way``, from ``agent``."""
        document = read(body)
        if way == PHONE and not document.activities:
            way = IDLE
        said = next((part.source for part in document.tuples if part.source), "")
        name, priority = self._provisioned(way, said, agent)
        return Component(name, priority, since, document, etag=etag, expires=expires)


def status_of(component: Component) -> str:
    """What a component says in one word: the first activity, or "open" or "closed"; "" when neither."""
    document = component.document
    return document.activities[0] if document.activities else document.basic
