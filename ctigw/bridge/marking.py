"""Lines are marked when something happens to them, and looked at in a later turn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import structlog

Later = Callable[[Callable[[], None]], object]
Observers = dict[type, Callable[[Any], None]]

# Lines that are looked at in one turn: a millisecond, most of it for documents.
AT_ONCE = 100
log = structlog.get_logger(__name__)


class Marked:
    """Lines that something has happened to; ``work`` is called for each, some of them in one later turn."""

    __slots__ = ("_later", "_lines", "_soon", "_work")

    def __init__(self, work: Callable[[str], None], later: Later) -> None:
        self._work, self._later = work, later
        self._lines: dict[str, None] = {}  # in order: what is told must not depend on chance
        self._soon = False

    def add(self, line: str) -> None:
        """Have ``line`` looked at."""
        self._lines[line] = None
        if not self._soon:
            self._soon = True
            self._later(self._turn)

    def clear(self) -> None:
        """Look at nothing."""
        self._lines.clear()

    def _turn(self) -> None:
        self._soon = False
        for line in tuple(islice(self._lines, AT_ONCE)):
            if self._lines.pop(line, "") is None:  # else: forgotten meanwhile
                try:
                    self._work(line)
                except Exception:  # a bug of who is told, which must not keep it from all others
                    log.exception("line not told", line=line)
        if self._lines and not self._soon:
            self._soon = True
            self._later(self._turn)
