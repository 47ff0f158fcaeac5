"""What the gateway counts, logged from time to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

log = structlog.get_logger(__name__)


class Figures:
    """Logs what ``measure`` gives when it has changed: every ``seconds`` (0: never), and at the end."""

    def __init__(self, clock: IReactorTime, seconds: float, measure: Callable[[], Mapping[str, int]]) -> None:
        self._measure = measure
        self._told = measure()
        self._loop = LoopingCall(self._tell)
        self._loop.clock = clock
        if seconds:
            self._loop.start(seconds, now=False)

    def stop(self) -> None:
        """Log them a last time."""
        if self._loop.running:
            self._loop.stop()
        self._tell()

    def _tell(self) -> None:
        figures = self._measure()
        if figures != self._told:
            self._told = figures
            log.info("figures", **figures)
