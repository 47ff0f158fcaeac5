"""What leaves the simulated PBX: in order, and never in the turn that caused it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Outbox:
    """One queue for everything that leaves the PBX, emptied in a later turn than it was filled in."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queue: deque[Callable[[], None]] = deque()
        self._turn: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, deliver: Callable[[], None]) -> None:
        """Have ``deliver`` called after everything put before."""
        self._queue.append(deliver)
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
        try:
            # Only what is there now: what a listener causes belongs to the turn after its command.
            for _ in range(len(self._queue)):
                if self._queue:  # a listener may have stopped it all
                    self._queue.popleft()()
        finally:
            # A listener that raises must not keep the rest waiting for ever.
            if self._queue and self._turn is None:
                self._turn = self._clock.callLater(0, self._flush)
