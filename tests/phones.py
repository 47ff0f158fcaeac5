"""A switch before a simulated PBX on a clock that tests move, and later turns that come when they say so."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ctigw.net.background import spawn
from ctigw.switch.switch import Switch
from simulators.pbx import Pbx


class Phones:
    """The demo's PBX, its switch, and what is put off to a later turn."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pbx = Pbx(self.clock)
        self.switch = Switch(self.pbx, within=lambda command: (False, command), spawn=spawn)
        self.put_off: list[Callable[[], None]] = []

    def do(self, command: Coroutine[Any, Any, Any]) -> Any:
        """The result of a command, once what it causes has been reported.

        Raises what it raises, and `IndexError` when it takes longer than a turn.
        """
        results: list[Any] = []
        Deferred.fromCoroutine(command).addBoth(results.append)
        self.clock.advance(0)
        result = results[0]
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def turns(self) -> int:
        """Let later turns come until nothing is put off any more; gives how many functions were."""
        count = 0
        while self.put_off:
            count += 1
            self.put_off.pop(0)()
        return count

    def ring(self, caller: str, called: str) -> str:
        """A call that rings."""
        call: str = self.do(self.pbx.make_call(caller, called, prompt=False))
        return call

    def talk(self, caller: str, called: str) -> str:
        """A call that is answered."""
        call = self.ring(caller, called)
        self.do(self.pbx.answer(call, called))
        return call

    def lose_link(self, seconds: float) -> None:
        """The PBX cannot be reached for so long."""
        self.pbx.drop_link(seconds)
        self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what happens then be reported."""
        self.clock.advance(seconds)
        for _ in range(5):
            self.clock.advance(0)
