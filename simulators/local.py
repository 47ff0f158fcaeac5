"""A gateway and its simulated PBX inside a process that tests something else: a client of it.

There is one way for every kind of test: a reactor of its own, in a thread of its own.  A blocking test has
nobody who would turn a reactor, a test with pytest-twisted or asyncio keeps its loop, and the process's own
reactor, which can be run once only, is left to whoever needs it.

Time stands still until the test says that it passes.  What needs no time happens at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.internet.threads import blockingCallFromThread

from ctigw.app import gateway
from ctigw.config import Config, Limits, Listener
from simulators.driver import SimulatedPbx, driver

HOST = "127.0.0.1"
SECONDS_TO_END = 10.0
# A second may last as long as the whole test: no client is told that it asks too much within one.
PATIENT = Limits(requests_per_second=1_000_000_000)


class StandingClock(Clock):
    """Its time passes only when it is told to; what is due now happens in a turn of ``reactor``."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any, **kw: Any) -> IDelayedCall:  # noqa: A002 - Twisted's
        call: IDelayedCall = super().callLater(delay, callable, *args, **kw)
        if delay <= 0:
            self._reactor.callLater(0, self.advance, 0)
        return call

    def passes(self, seconds: float) -> None:
        """Let ``seconds`` pass, with everything happening at its own time."""
        end = self.seconds() + seconds
        while (due := self._next()) is not None and due <= end:
            self.rightNow = max(due, self.rightNow)
            self.advance(0)
        self.rightNow = end

    def _next(self) -> float | None:
        return min((call.getTime() for call in self.getDelayedCalls()), default=None)


class ReactorThread:
    """A reactor that runs in a thread from now until `stop`."""

    def __init__(self) -> None:
        self.reactor: Any = SelectReactor()  # there is one everywhere, and a test has few sockets
        self._thread = Thread(target=self.reactor.run, args=(False,), name="ctigw", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], Any]) -> Any:
        """The result of ``work`` in the reactor's thread, or what it raises there."""
        return blockingCallFromThread(self.reactor, work)

    def stop(self) -> None:
        """End the reactor and its thread."""
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join(SECONDS_TO_END)


class _NothingKept:
    """What is set at a line is forgotten with the gateway."""

    def saved(self) -> Mapping[str, Mapping[str, Any]]:
        return {}

    async def save(self, line: str, features: Mapping[str, Any]) -> None:
        """Nobody asks for it again."""


class LocalGateway:
    """A gateway that listens on ``host`` and ``port``, and the people at the phones behind it.

    ``settings`` are those of the simulated PBX, as in a configuration.  What people do returns when they have
    done it; what the gateway tells its clients of it follows at once.
    """

    host = HOST

    def __init__(self, thread: ReactorThread, settings: Mapping[str, Any]) -> None:
        self._thread = thread
        thread.run(lambda: self._start(settings))

    def _start(self, settings: Mapping[str, Any]) -> None:
        reactor = self._thread.reactor
        self._clock = StandingClock(reactor)
        pbx = driver(settings, self._clock, _NothingKept())
        assert isinstance(pbx, SimulatedPbx)
        self.pbx = pbx
        self._gateway = gateway(Config(limits=PATIENT), pbx, self._clock)
        self._factory = self._gateway.factory(Listener())
        self._listening = reactor.listenTCP(0, self._factory, interface=HOST)
        self.port: int = self._listening.getHost().port
        pbx.start()

    def stop(self) -> None:
        """End everything; clients that are still connected see it end."""
        self._thread.run(self._stop)

    def _stop(self) -> Deferred[Any]:
        self.pbx.stop()
        self._gateway.shut_down()
        self._factory.close()
        return maybeDeferred(self._listening.stopListening)

    # What happens at the phones

    def ring(self, line: str, *, caller: str = "95551234") -> None:
        """``caller``, outside or at another line, calls ``line``.  Raises `ctigw.errors.Refused`."""
        self._thread.run(lambda: self.pbx.ring(caller, line))

    def answer(self, line: str) -> None:
        """The person at ``line`` lifts the handset.  Raises `ValueError` when nothing rings there."""
        self._thread.run(lambda: self.pbx.pick_up(line))

    def hang_up(self, number: str) -> None:
        """The person at ``number``, a line or outside, hangs up.  Raises `ValueError` when in no call."""
        self._thread.run(lambda: self.pbx.put_down(number))

    def behave(self, line: str, behaviour: str) -> None:
        """``line`` is "busy", "auto-answer", "silent" … from now on.  Raises `ValueError`."""
        self._thread.run(lambda: self.pbx.behave(line, behaviour))

    def drop_link(self, seconds: float | None = None) -> None:
        """The gateway loses its PBX, until so many seconds have passed."""
        self._thread.run(lambda: self.pbx.drop_link(seconds))

    def advance(self, seconds: float) -> None:
        """Let time pass, for the gateway and its PBX."""
        self._thread.run(lambda: self._clock.passes(seconds))
