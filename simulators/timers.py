"""What is to happen to the calls of the simulated PBX later: all of it behind one timer of its clock.

Nearly every ringing phone is answered long before the PBX would give up.  A timer of Twisted's, made and
cancelled, costs more than the rest of such a call's ringing; here both are an entry in a dict.  Timers that
run equally long end in the order in which they began, so that no heap is needed: one dict for each length (a
PBX is set to a handful of them), its first entry the next to be due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from math import nextafter
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IReactorTime

if TYPE_CHECKING:
    from simulators.calls import Call


@dataclass(slots=True, eq=False)
class Timer:
    """``happen(call, of)`` at ``due`` (seconds of the clock), while it is in ``running``.

    ``of``: the party that it happens to, "" for the call's own (a tone).
    """

    call: Call
    of: str
    due: float
    happen: Callable[[Call, str], None]
    running: dict[Timer, None]

    def stop(self) -> None:
        """It does not happen."""
        self.running.pop(self, None)


class Timers:
    """The timers of all calls, run by ``clock``."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._lasting: dict[float, dict[Timer, None]] = {}  # by how long they run in all (seconds)
        self._alarm: IDelayedCall | None = None
        self._alarm_at = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._lasting.values()))

    def later(self, call: Call, of: str, seconds: float, happen: Callable[[Call, str], None]) -> None:
        """Have ``happen(call, of)`` called ``seconds`` (0 or more) from now, unless the call stops it."""
        due = self._clock.seconds() + seconds
        running = self._lasting.get(seconds)
        if running is None:
            running = self._lasting[seconds] = {}
        timer = Timer(call, of, due, happen, running)
        running[timer] = None
        call.timers += (timer,)
        if self._alarm is None or due < self._alarm_at:
            self._wake(due, seconds)

    def stop(self) -> None:
        """Nothing happens any more."""
        for running in self._lasting.values():
            for timer in running:
                timer.call.timers = ()
            running.clear()
        self._lasting.clear()
        self._sleep()

    def _wake(self, due: float, seconds: float) -> None:
        self._sleep()
        self._alarm, self._alarm_at = self._clock.callLater(seconds, self._ring), due

    def _sleep(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None

    def _ring(self) -> None:
        """Have happen what is due; what that causes waits for a later turn, even when it is due at once."""
        self._alarm = None
        now = self._clock.seconds()
        # Of those due at the same time the longer ones began earlier.
        lengths = sorted(self._lasting, reverse=True)
        due = [t for seconds in lengths for t in takewhile(lambda t: t.due <= now, self._lasting[seconds])]
        due.sort(key=lambda timer: timer.due)
        try:
            for timer in due:
                if timer in timer.running:  # else one before has stopped it
                    timer.stop()
                    timer.call.forget(timer)
                    timer.happen(timer.call, timer.of)
        finally:
            # What raises must not keep the rest from happening.
            self._wake_for_next()

    def _wake_for_next(self) -> None:
        self._lasting = {seconds: running for seconds, running in self._lasting.items() if running}
        firsts = [next(iter(running)).due for running in self._lasting.values()]
        if firsts:
            self._wake(min(firsts), _until(min(firsts), self._clock.seconds()))


def _until(due: float, now: float) -> float:
    """Seconds from ``now`` that are over at ``due`` and no bit later, however they are rounded."""
    seconds = max(0.0, due - now)
    return nextafter(seconds, 0.0) if now + seconds > due else seconds
