"""What ends at a second of its own unless it is renewed: publications, subscriptions, bindings.

They are renewed far more often than they end.  A heap of timers would keep an entry for every renewal until
its time comes; here a renewal moves a thing from the set of one second to that of another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ctigw.means import Means


class Ending(Protocol):
    """``due``: the second at which it ends, which is `Expiring`'s to set; 0 when it is in none."""

    due: int


T = TypeVar("T", bound=Ending)


class Expiring(Generic[T]):
    """Tells ``over`` of each thing whose time is up, at most a second late, never early."""

    def __init__(self, means: Means, over: Callable[[T], None]) -> None:
        self._now, self._after, self._over = means.now, means.after, over
        self._at: dict[int, set[T]] = {}
        self._ticking = False

    def __len__(self) -> int:
        return sum(map(len, self._at.values()))

    def set(self, thing: T, expires: float) -> None:
        """``thing`` ends at ``expires``, and at no other time that was set before; never, if that is
        infinite.
        """
        due = 0 if math.isinf(expires) else math.ceil(expires)
        if thing.due != due:
            self.drop(thing)
            if due:
                thing.due = due
                self._at.setdefault(due, set()).add(thing)
                self._tick_later()

    def drop(self, thing: T) -> None:
        """``thing`` is over already."""
        if thing.due:
            same = self._at[thing.due]
            same.discard(thing)
            if not same:
                del self._at[thing.due]
            thing.due = 0

    def _tick_later(self) -> None:
        if not self._ticking:
            self._ticking = True
            now = self._now()
            self._after(math.floor(now) + 1 - now, self._tick)

    def _tick(self) -> None:
        self._ticking = False
        now = self._now()
        # Usually none or one; all are looked at, since a clock may jump.
        for due in sorted(due for due in self._at if due <= now):
            while same := self._at.get(due):  # whoever is told may drop, or renew, others
                thing = next(iter(same))
                self.drop(thing)
                self._over(thing)
        if self._at:
            self._tick_later()
