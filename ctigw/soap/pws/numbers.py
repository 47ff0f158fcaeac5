"""Numbers that clients are given for what is theirs.

The lowest that is free: clients of the field take the last character of a Location for all of it.
"""

from __future__ import annotations

import re
from heapq import heappop, heappush

# As xsd:int has them; what is longer is nothing's number.
_NUMBER = re.compile(r"[+-]?[0-9]{1,10}")


class Numbers:
    """1, 2, 3 …"""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 1

    def take(self) -> int:
        """The lowest number that nothing has."""
        if self._free:
            return heappop(self._free)
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        """``number`` is free."""
        heappush(self._free, number)


def number(text: str) -> int | None:
    """The whole number in ``text``; None: there is none, or none that means anything."""
    text = text.strip()
    return int(text) if _NUMBER.fullmatch(text) else None
