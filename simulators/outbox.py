"""What leaves the simulated PBX: in order, and never in the turn that caused it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ctigw.switch.driver import AnyReport


class Outbox:
    """One queue for everything that leaves the PBX, emptied in a later turn than it was filled in.

    ``listener`` gets the reports: whoever it is when their turn comes.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.listener: Callable[[AnyReport], None] = lambda _: None
        self._clock = clock
        self._queue: deque[tuple[Callable[[Any], object] | None, Any]] = deque()
        self._turn: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, what: Any, to: Callable[[Any], object] | None = None) -> None:
        """Hand ``what`` over after everything put before: to ``to``, or as a report to the listener."""
        # A pair and no closure: it costs half, and a call has six of them.
        self._queue.append((to, what))
        if self._turn is None:
            self._turn = self._clock.callLater(0, self._flush)

    def stop(self) -> None:
        """Deliver nothing more of what is waiting."""
        self._queue.clear()
        if self._turn is not None and self._turn.active():
            self._turn.cancel()
        self._turn = None

    def _flush(self) -> None:
        self._turn = None
        queue = self._queue
        try:
            # Only what is there now: what a listener causes belongs to the turn after its command.
            for _ in range(len(queue)):
                if queue:  # a listener may have stopped it all
                    to, what = queue.popleft()
                    (to or self.listener)(what)
        finally:
            # A listener that raises must not keep the rest waiting for ever.
            if queue and self._turn is None:
                self._turn = self._clock.callLater(0, self._flush)
