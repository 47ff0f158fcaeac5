"""What the connections of a listener share, and what bounds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ctigw.config import Limits
from ctigw.csta.association import Inspect
from ctigw.csta.system import SystemStatusValue
from ctigw.net.sending import Turn
from ctigw.services.dispatcher import Dispatcher
from ctigw.services.session import EVERYTHING, Rights, Session

log = structlog.get_logger(__name__)


def bounded(clock: IReactorTime, seconds: float) -> Deferred[None]:
    """Something that somebody waits for, for so long at most."""
    waiting: Deferred[None] = Deferred()
    waiting.addTimeout(seconds, clock, lambda _result, _seconds: None)
    return waiting


def fire(waiting: Deferred[None] | None) -> None:
    """What somebody waits for, if anybody does, has come; a second time is none."""
    if waiting is not None and not waiting.called:
        waiting.callback(None)


@dataclass(slots=True)
class InHand:
    """The requests of all clients that are not answered yet.  Once they are `ending`, no more are taken."""

    count: int = 0
    ending: Deferred[None] | None = None

    def answered(self) -> None:
        """One less."""
        self.count -= 1
        if not self.count:
            fire(self.ending)

    def end(self, clock: IReactorTime, seconds: float) -> Deferred[None]:
        """Take no more; fires when all are answered, or after ``seconds``."""
        self.ending = bounded(clock, seconds)
        if not self.count:
            fire(self.ending)
        return self.ending


@dataclass(slots=True)
class Serving:
    """What the connections of one listener share.

    ``status`` tells how the gateway is, for greetings; ``ended`` is told of each session that is over.
    ``rights``: those of a client that has not said who it is; None: it must.
    ``certified`` gives the rights of a client whose certificate names it so; None: nobody is called that.
    ``in_hand`` is shared by all listeners.  ``turn``: who has something to send at its end.
    """

    dispatcher: Dispatcher
    clock: IReactorTime
    limits: Limits
    status: Callable[[], SystemStatusValue]
    ended: Callable[[Session], None]
    rights: Rights | None = EVERYTHING
    certified: Callable[[str], Rights | None] = lambda _name: None
    inspect: Inspect | None = None
    counters: Counter[str] = field(default_factory=Counter)
    in_hand: InHand = field(default_factory=InHand)
    turn: Turn = field(init=False)

    def __post_init__(self) -> None:
        self.turn = Turn(self.clock)


class Rate:
    """How many requests a client may send: ``per_second``, and as many at once after a second of rest."""

    __slots__ = ("_left", "_most", "_now", "_per_second", "_then")

    def __init__(self, per_second: int, now: Callable[[], float]) -> None:
        self._per_second, self._now = per_second, now
        self._left, self._then = float(per_second), now()
        self._most = self._left - 1

    def allows(self) -> bool:
        """Whether there is room for another one; it is counted."""
        now = self._now()
        left = self._left + (now - self._then) * self._per_second - 1
        self._then = now
        if left > self._most:
            left = self._most
        elif left < 0:
            self._left = left + 1
            return False
        self._left = left
        return True


def logging_inspector(why_not: Callable[[bytes], str | None], *, reject: bool) -> Inspect:
    """Judge requests by the schema: log what is wrong with them, and ``reject`` them or not."""

    def inspect(body: bytes) -> str | None:
        why = why_not(body)
        if why is not None:
            log.warning("request is not valid", why=why)
        return why if reject else None

    return inspect
