"""One change after the other, of each thing: what is stored in between must not be overtaken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Work = Callable[[], None]
# Changes that wait for those before them: a client that has so many under way asks for trouble.
WAITING = 32


class Turns:
    """Whose turn it is, for each key.  Whoever has it says when it is `over`."""

    __slots__ = ("_busy",)

    def __init__(self) -> None:
        self._busy: dict[str, deque[Work]] = {}

    def waiting(self, key: str) -> int:
        """How many wait for the one that has its turn; `WAITING` are enough."""
        return len(self._busy.get(key, ()))

    def take(self, key: str, work: Work) -> None:
        """Call ``work`` when all that came before it is over; now, if that is so."""
        waiting = self._busy.get(key)
        if waiting is None:
            self._busy[key] = deque()
            work()
        else:
            waiting.append(work)

    def over(self, key: str) -> None:
        """The one that has its turn is done."""
        waiting = self._busy[key]
        if waiting:
            waiting.popleft()()
        else:
            del self._busy[key]
