"""A day of calls, played on a PBX: who calls whom, when, and for how long.

The script is TOML::

    repeat_every = 600     # seconds; without it the day is played once

    [[call]]
    at = 5                 # seconds from the start of the day
    caller = "2014"        # a line, or an outside number ("95550163") that rings in
    called = "2015"
    answer_after = 4       # seconds from dialling; without it nobody answers on behalf of the script
    talk = 60              # seconds from the answer (from dialling when there is no answer_after) until
                           # the caller hangs up; without it the PBX ends the call
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import msgspec
import structlog
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ctigw.errors import Refused
from simulators.pbx import Pbx

log = structlog.get_logger(__name__)

# A day at most: it also keeps out TOML's inf and nan.
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]
Period = Annotated[float, msgspec.Meta(ge=1, le=86400)]
Number = Annotated[str, msgspec.Meta(min_length=1)]


class ScriptError(ValueError):
    """The script cannot be played, and the text says where it is wrong."""


class ScriptedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One call of the day; all times in seconds."""

    at: Seconds
    caller: Number
    called: Number
    answer_after: Seconds | None = None
    talk: Seconds | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A day of calls; ``repeat_every`` seconds after its start it starts again."""

    calls: tuple[ScriptedCall, ...] = msgspec.field(name="call")
    repeat_every: Period | None = None

    @classmethod
    def parse(cls, toml: str | bytes, *, name: str = "script") -> Self:
        """The script in a TOML text; ``name`` is what an error calls it."""
        try:
            return msgspec.toml.decode(toml, type=cls)
        except (msgspec.DecodeError, ValueError) as error:
            raise ScriptError(f"{name}: {error}") from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """The script in a file."""
        return cls.parse(path.read_bytes(), name=str(path))

    def play(self, pbx: Pbx, clock: IReactorTime) -> Playing:
        """Play the day from now on."""
        return Playing(self, pbx, clock)


class Playing:
    """A script that is being played."""

    def __init__(self, script: Script, pbx: Pbx, clock: IReactorTime) -> None:
        self._script = script
        self._pbx = pbx
        self._clock = clock
        self._running: set[Deferred[None]] = set()
        self._next_day: IDelayedCall | None = None
        self._start_day()

    def stop(self) -> None:
        """Play no further.  Calls that are up stay as they are: nobody is left to hang up."""
        if self._next_day is not None and self._next_day.active():
            self._next_day.cancel()
        for running in list(self._running):
            running.cancel()

    def _start_day(self) -> None:
        if self._script.repeat_every is not None:
            self._next_day = self._clock.callLater(self._script.repeat_every, self._start_day)
        for call in self._script.calls:
            running = ensureDeferred(self._play(call))
            self._running.add(running)
            running.addBoth(self._played, running)

    def _played(self, result: object, running: Deferred[None]) -> None:
        self._running.discard(running)
        if isinstance(result, Failure) and not isinstance(result.value, CancelledError):
            log.error("scripted call broke", exc_info=result.value)

    async def _play(self, step: ScriptedCall) -> None:
        await deferLater(self._clock, step.at)
        try:
            call = await self._placed(step)
        except Refused as refused:
            _skipped("make_call", step, refused)
            return
        if step.answer_after is not None:
            await deferLater(self._clock, step.answer_after)
            try:
                await self._pbx.answer(call, step.called)
            except Refused as refused:  # it was forwarded, say; the caller hangs up all the same
                _skipped("answer", step, refused)
        if step.talk is not None:
            await deferLater(self._clock, step.talk)
            try:
                await self._pbx.clear(call, step.caller)
            except Refused as refused:
                _skipped("clear", step, refused)

    async def _placed(self, step: ScriptedCall) -> str:
        if self._pbx.is_line(step.caller):
            return await self._pbx.make_call(step.caller, step.called, prompt=False)
        return self._pbx.ring_in(step.caller, step.called)


def _skipped(command: str, step: ScriptedCall, refused: Refused) -> None:
    log.debug("scripted step skipped", command=command, at=step.at, caller=step.caller, why=str(refused))
