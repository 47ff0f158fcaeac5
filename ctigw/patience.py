"""Whoever guesses passwords has to wait."""

from __future__ import annotations

from collections import Counter
from typing import Protocol


class Now(Protocol):
    """What is needed of Twisted's clocks."""

    def seconds(self) -> float:
        """Now."""


class Patience:
    """Who has failed to say who it is must wait, each time twice as long; bounded in time and memory.

    A key has `FREE` attempts: those that have failed and those that are under way count alike, or many
    guesses at once would not have to wait for one another.  After that it tries once at a time.
    """

    FREE = 3
    LONGEST = 30.0
    REMEMBERED = 10_000
    # More failures than this make nobody wait any longer.
    COUNTED = 10

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}
        self._trying: Counter[str] = Counter()

    def wait(self, *keys: str) -> float:
        """Seconds that one of ``keys`` has to let pass; 0: none has."""
        now = self._clock.seconds()
        return max(0.0, *(self._failed(key)[1] - now for key in keys))

    def waits(self, *keys: str) -> bool:
        """Whether one of ``keys`` has to let time pass."""
        return self.wait(*keys) > 0

    def admits(self, *keys: str) -> bool:
        """Whether an attempt of all of ``keys`` may begin now."""
        return not self.waits(*keys) and all(map(self._has_room, keys))

    def begin(self, *keys: str) -> None:
        """An attempt is under way."""
        self._trying.update(keys)

    def end(self, *keys: str) -> None:
        """An attempt is over, whatever came of it."""
        self._trying -= Counter(keys)

    def learn(self, succeeded: bool, *keys: str) -> None:
        """An attempt of ``keys`` has succeeded or failed."""
        for key in keys:
            failures, _until = self._failures.pop(key, (0, 0.0))
            if succeeded:
                continue
            failures = min(failures + 1, self.COUNTED)
            wait = min(2.0 ** (failures - self.FREE), self.LONGEST) if failures >= self.FREE else 0.0
            self._failures[key] = (failures, self._clock.seconds() + wait)
            if len(self._failures) > self.REMEMBERED:
                del self._failures[next(iter(self._failures))]

    def _failed(self, key: str) -> tuple[int, float]:
        return self._failures.get(key, (0, 0.0))

    def _has_room(self, key: str) -> bool:
        trying = self._trying[key]
        return not trying or self._failed(key)[0] + trying < self.FREE
