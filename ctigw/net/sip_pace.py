"""How many requests each source may send: a float for each of them, however many there are."""

from __future__ import annotations

# Sources that are remembered.  Who has been quiet for a second is forgotten without a difference.
MOST = 10_000
# Seconds' worth that may come at once, after as long a rest.
BURST = 1.0


class Pace:
    """``per_second`` requests of each source.

    What is kept of a source is when its requests so far would have come at that pace (GCRA): ahead of the
    clock by more than `BURST`, it is too fast.
    """

    __slots__ = ("_due", "_interval")

    def __init__(self, per_second: int) -> None:
        self._interval = 1 / per_second
        self._due: dict[str, float] = {}

    def allows(self, source: str, now: float) -> bool:
        """Whether ``source`` may send another request; it is counted if so."""
        due = self._due.get(source, 0.0)
        if due < now:
            self._make_room(source, now)
            due = now
        due += self._interval
        if due - now > BURST:
            return False
        self._due[source] = due
        return True

    def spends(self, source: str, now: float, count: int) -> float:
        """Count ``count`` requests that have come already; for how many seconds no more should."""
        due = self._due.get(source, 0.0)
        if due < now:
            self._make_room(source, now)
            due = now
        self._due[source] = due = due + count * self._interval
        return max(0.0, due - now - BURST)

    def _make_room(self, source: str, now: float) -> None:
        if len(self._due) < MOST or source in self._due:
            return
        self._due = {known: due for known, due in self._due.items() if due > now}
        if len(self._due) >= MOST:  # of addresses that somebody makes up: better a fresh start than growth
            self._due = {}
