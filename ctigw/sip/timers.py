"""What is to happen later, behind one alarm of whoever has a clock.

A server waits for very many things that nearly never happen: an answer that does not come, a request that
comes again.  What is waited for equally long becomes due in the order in which it began, so such things stand
in a lane, where adding and taking cost the same however many there are.  All else stands in a heap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf
from typing import Generic, TypeVar

Item = TypeVar("Item")
# Of fewer timers than these nobody is troubled by those that were cancelled.
_FEW = 64


class Timer:
    """One call that is to come at ``due``; see `Timers.after`."""

    __slots__ = ("_call", "_queue", "due")

    def __init__(self, due: float, call: Callable[[], object], queue: _Queue) -> None:
        self.due = due
        self._call: Callable[[], object] | None = call
        self._queue = queue

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due

    @property
    def pending(self) -> bool:
        """Whether it is still to come."""
        return self._call is not None

    def cancel(self) -> None:
        """It does not happen; what it would have called is let go at once."""
        if self._call is not None:
            self._call = None
            self._queue.cancelled()

    def happen(self) -> None:
        """Call, if it was not cancelled."""
        call, self._call = self._call, None
        if call is not None:
            call()


class _Queue:
    """Timers by when they are due.  Cancelled ones are taken out when they are the first, or the most."""

    __slots__ = ("_cancelled",)
    _timers: deque[Timer] | list[Timer]

    def __init__(self) -> None:
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._timers)

    def next(self) -> float:
        """When the first is due; infinity when there is none."""
        timers = self._timers
        while timers:
            if timers[0].pending:
                return timers[0].due
            self._pop()
            self._cancelled -= 1
        return inf

    def take(self, now: float, due: list[Timer]) -> None:
        """Move those that are due to ``due``."""
        while self.next() <= now:
            due.append(self._pop())

    def cancelled(self) -> None:
        """One of the timers was cancelled."""
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled * 2 > len(self):
            self._sweep()
            self._cancelled = 0

    def _pop(self) -> Timer:
        raise NotImplementedError

    def _sweep(self) -> None:
        raise NotImplementedError


class _Equal(_Queue):
    """Timers that all run equally long."""

    __slots__ = ("_timers",)

    def __init__(self) -> None:
        super().__init__()
        self._timers: deque[Timer] = deque()

    def add(self, now: float, seconds: float, call: Callable[[], object]) -> Timer:
        timer = Timer(now + seconds, call, self)
        self._timers.append(timer)
        return timer

    def _pop(self) -> Timer:
        return self._timers.popleft()

    def _sweep(self) -> None:
        self._timers = deque(timer for timer in self._timers if timer.pending)


class _Any(_Queue):
    """Timers of any length."""

    __slots__ = ("_timers",)

    def __init__(self) -> None:
        super().__init__()
        self._timers: list[Timer] = []

    def add(self, now: float, seconds: float, call: Callable[[], object]) -> Timer:
        timer = Timer(now + seconds, call, self)
        heappush(self._timers, timer)
        return timer

    def _pop(self) -> Timer:
        return heappop(self._timers)

    def _sweep(self) -> None:
        self._timers = [timer for timer in self._timers if timer.pending]
        heapify(self._timers)


class Lane(Generic[Item]):
    """Things that are all forgotten equally long after they came, by ``call``.

    They are forgotten up to ``slack`` seconds late, so that many of them need one alarm.
    """

    __slots__ = ("_call", "_dues", "_items", "_seconds", "_slack")

    def __init__(self, seconds: float, slack: float, call: Callable[[Item], None]) -> None:
        self._seconds, self._slack = seconds, slack
        self._call = call
        self._dues: deque[float] = deque()
        self._items: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, now: float, item: Item) -> None:
        """``item`` has come."""
        self._dues.append(now + self._seconds)
        self._items.append(item)

    def drop(self) -> None:
        """Forget the oldest now."""
        self._dues.popleft()
        self._call(self._items.popleft())

    def next(self) -> float:
        """When something is to be forgotten; infinity when nothing is there."""
        return self._dues[0] + self._slack if self._dues else inf

    def fire(self, now: float) -> None:
        """Forget what is due."""
        dues = self._dues
        while dues and dues[0] <= now:
            self.drop()


class Timers:
    """``now`` gives the time in seconds; it never goes back."""

    __slots__ = ("_any", "_equal", "_lanes", "now")

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._equal: dict[float, _Equal] = {}
        self._lanes: list[Lane[object]] = []
        self._any = _Any()

    def __len__(self) -> int:
        """How many timers there are; what was cancelled may still be among them for a while."""
        return len(self._any) + sum(map(len, self._equal.values()))

    def often(self, *lengths: float) -> None:
        """Timers of these lengths (seconds) will be many."""
        for seconds in lengths:
            self._equal.setdefault(seconds, _Equal())

    def lane(self, seconds: float, call: Callable[[Item], None], slack: float = 1.0) -> Lane[Item]:
        """A place for things that need no cancelling: ``call(item)``, ``seconds`` after each came."""
        lane = Lane(seconds, slack, call)
        self._lanes.append(lane)  # type: ignore[arg-type]
        return lane

    def after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Have ``call`` called ``seconds`` from now, by `fire`; not before the next one, even for 0."""
        return self._equal.get(seconds, self._any).add(self.now(), seconds, call)

    def next(self) -> float | None:
        """When `fire` has something to do, by the same clock; None: nothing is waited for."""
        due = self._any.next()
        for equal in self._equal.values():
            due = min(due, equal.next())
        for lane in self._lanes:
            due = min(due, lane.next())
        return None if due == inf else due

    def fire(self) -> None:
        """Call everything that is due, the earliest first; what that adds waits for the next time.

        When one raises, the others are called all the same, and the first error is raised at the end.
        """
        now = self.now()
        due: list[Timer] = []
        self._any.take(now, due)
        for equal in self._equal.values():
            equal.take(now, due)
        for lane in self._lanes:
            lane.fire(now)
        due.sort()
        error: Exception | None = None
        for timer in due:
            try:
                timer.happen()
            except Exception as raised:  # noqa: BLE001 - it is raised below
                error = error or raised
        if error is not None:
            raise error
