"""When Python looks for garbage, so that nobody waits for it.

Nearly everything goes when nothing refers to it any more, connections and calls among it: what is left to
the collector are a few rings of references, such as an error and where it was raised.  Python 3.11 looks
through everything that there is whenever that has grown by a quarter: 30 ms and more with ten thousand lines,
in the middle of somebody's call.  So what is there when the gateway is up is taken out of its sight, it looks
at what is new as always, which takes a millisecond at most, and at the rest when nobody has asked for
anything for a while.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

# New objects until those are looked at; such looks until those that stayed are looked at again.
YOUNG, MIDDLE = 2_000, 10
# More such looks than there will be: everything is looked at from here alone.
NEVER = 1_000_000_000
# Seconds without a request after which nobody is taken to wait; looks put off for want of such, until one
# is not.
QUIET = 10.0
PUT_OFF = 360
# What is counted.
LONGEST = "longest gc pause ms"


class Garbage:
    """The collector of this process, from `start` to `stop`.

    ``counters`` are told the longest pause; ``asked`` says how many requests there have been, of any kind.
    """

    def __init__(self, clock: IReactorTime, counters: Counter[str], asked: Callable[[], int]) -> None:
        self._counters, self._count = counters, asked
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._asked = self._put_off = 0
        self._began = 0.0
        self._before: tuple[int, int, int] | None = None

    def start(self) -> None:
        """Everything that is there now will stay."""
        gc.collect()
        gc.freeze()
        self._before = gc.get_threshold()
        gc.set_threshold(YOUNG, MIDDLE, NEVER)
        gc.callbacks.append(self._timed)
        gc.enable()
        self._loop.start(QUIET, now=False)

    def stop(self) -> None:
        """As it was before."""
        if self._before is None:
            return
        self._loop.stop()
        gc.callbacks.remove(self._timed)
        gc.set_threshold(*self._before)
        gc.unfreeze()
        self._before = None

    def _look(self) -> None:
        """Look through everything if that keeps nobody waiting, or has been put off too often."""
        asked = self._count()
        quiet, self._asked = asked == self._asked, asked
        if not gc.get_count()[2]:
            return  # nothing is older than it was
        if quiet or self._put_off >= PUT_OFF:
            self._put_off = 0
            gc.collect()
        else:
            self._put_off += 1

    def _timed(self, phase: str, _info: Mapping[str, Any]) -> None:
        if phase == "start":
            self._began = perf_counter()
            return
        pause = math.ceil((perf_counter() - self._began) * 1000)
        self._counters[LONGEST] = max(self._counters[LONGEST], pause)
