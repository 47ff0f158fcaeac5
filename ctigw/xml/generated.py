"""Functions whose text is generated: how they come by the objects that they refer to, and are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Source:
    """What the functions in the making refer to, by name."""

    def __init__(self, **known: Any) -> None:
        self._known = known

    def name(self, what: Any) -> str:
        """A name by which the functions know ``what``."""
        name = f"k{len(self._known)}"
        self._known[name] = what
        return name

    def compiled(self, text: str, origin: str) -> Callable[[Any], Any]:
        """The function called ``made`` that ``text`` defines; ``origin`` is what tracebacks call its file.

        Nothing of a client's may be in the text.
        """
        exec(compile(text, f"<{origin}>", "exec"), self._known)  # noqa: S102 - our own text
        made: Callable[[Any], Any] = self._known["made"]
        return made
