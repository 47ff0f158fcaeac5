"""Asking the PBX what is true, and making that the picture: after reports that cannot be or a lost link."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import Cause, Driver, Kind, Leg, Report, offered
from ctigw.switch.model import Call
from ctigw.switch.picture import Picture
from ctigw.switch.states import State, route

Spawn = Callable[[Coroutine[Any, Any, None]], None]
# Bounds the time of a command; gives True and its result if it is done at once, else False and what to await.
Within = Callable[[Coroutine[Any, Any, Any]], tuple[bool, Any]]
log = structlog.get_logger(__name__)


class Mending:
    """Compares the picture with the driver's snapshots, line by line.

    What differs is given to ``apply`` as the reports that lead there: observers see steps, not jumps.
    ``seen`` is told each line that was asked for.  ``within`` bounds the time of a snapshot, ``spawn`` runs
    what nobody waits for.
    """

    def __init__(
        self,
        driver: Driver,
        picture: Picture,
        apply: Callable[[Report], None],
        seen: Callable[[str], None],
        *,
        within: Within,
        spawn: Spawn,
    ) -> None:
        self._driver, self._picture = driver, picture
        self._apply, self._seen = apply, seen
        self._within, self._spawn = within, spawn
        self._can = "snapshot" in offered(driver)
        # Lines that are being asked for; of a picture that may be wrong as a whole, what is still to be.
        self._asked: set[str] = set()
        self._recovering: set[str | Call] = set()
        self._then: Callable[[], None] = lambda: None

    def mend(self, *devices: str) -> None:
        """Ask for ``devices``, unless they are being asked for or the PBX cannot be asked."""
        for device in devices:
            known = device in self._picture.lines and device not in self._asked
            if known and self._can and self._driver.linked():
                self._asked.add(device)
                self._spawn(self.resynchronise(device))

    async def resynchronise(self, device: str) -> None:
        """Make the picture of ``device`` what the driver says it is; observers see the steps as events."""
        for call in await self._look_at(device):
            if not self._has_lines(call):
                await self._look_outside(call)

    async def _look_at(self, device: str) -> list[Call]:
        """Ask for one line and make its picture true; gives the calls that it has left."""
        try:
            legs = await self._snapshot(device)
        except Refused as refused:
            log.warning("no snapshot", device=device, why=str(refused))
            return []
        finally:
            self._asked.discard(device)
        truth = {leg.call: leg for leg in legs if leg.state != State.NULL.value}
        left = [c.call for c in self._picture.connections(device) if c.call.driver_id not in truth]
        for call in left:
            self._walk(call.driver_id, device, State.NULL)
        for leg in truth.values():
            self._lead(leg, device)
        self._seen(device)
        return left

    async def _snapshot(self, device: str) -> tuple[Leg, ...]:
        done, told = self._within(self._driver.snapshot(device))
        legs: tuple[Leg, ...] = told if done else await told
        return legs

    def _has_lines(self, call: Call) -> bool:
        return any(party in self._picture.lines for party in call.connections)

    async def _look_outside(self, call: Call) -> None:
        """Ask whether a call goes on in which there are only parties outside."""
        for party in tuple(call.connections):
            try:
                legs = await self._snapshot(party)
            except Refused as refused:
                if refused.reason is Reason.INVALID_DEVICE_ID:
                    continue  # the PBX knows its lines only, or nobody of that number any more
                log.warning("no snapshot", device=party, why=str(refused))
                return
            for leg in legs:
                if leg.call == call.driver_id:
                    self._lead(leg, party)
                    return  # of the others, too
        for party in tuple(call.connections):
            self._walk(call.driver_id, party, State.NULL)

    def _lead(self, leg: Leg, device: str) -> None:
        """Make the picture of a call what a snapshot of ``device`` gives: its own part, and those outside."""
        outside = self._outside(leg)
        parties = {party: State(state) for party, state in outside.items()} | {device: State(leg.state)}
        call = self._picture.call_of(leg.call)
        call.calling, call.called = leg.calling or call.calling, leg.called or call.called
        first = {leg.calling: parties[leg.calling]} if leg.calling in parties else {}
        for party, state in {**first, **parties}.items():
            self._walk(leg.call, party, state)
        if leg.outside is not None:
            for party in tuple(call.connections):
                if party not in parties and party not in self._picture.lines:
                    self._walk(leg.call, party, State.NULL)

    def _outside(self, leg: Leg) -> dict[str, str]:
        """What the parties outside do in the call of ``leg``.

        Where the PBX does not say, whoever is calling in a call that was missed is there.
        """
        if leg.outside is not None:
            return {party: state for party, state in leg.outside.items() if party not in self._picture.lines}
        if leg.calling in self._picture.lines or self._picture.known(leg.call):
            return {}
        return {leg.calling: State.CONNECTED.value} if leg.calling else {}

    def _walk(self, driver_id: str, device: str, goal: State) -> None:
        """Walk one connection to the state that it is in."""
        call = self._picture.known(driver_id)
        found = call.connections.get(device) if call else None
        start = found.state if found else State.NULL
        for kind in route(start, goal, caller=call is not None and device == call.calling):
            cause = Cause.NORMAL_CLEARING if kind is Kind.CLEAR else Cause.NORMAL
            self._apply(Report(kind, driver_id, device, cause))

    # The whole picture

    def recover(self, lines: Sequence[str], then: Callable[[], None]) -> None:
        """Bring ``lines`` up to date, and calls without any; ``then`` is called when all are."""
        self.give_up()
        self._then = then
        if not self._can:
            then()
            return
        self._asked.update(lines)
        self._recover_all(lines)

    def give_up(self) -> None:
        """What is under way will not lead to anything: the PBX is lost again."""
        self._recovering = set()

    def _recover_all(self, them: Sequence[str | Call]) -> None:
        """Bring lines, or calls without any, up to date."""
        recovering = self._recovering
        recovering.update(them)
        for each in them:  # in their order: what clients are told must not depend on chance
            self._spawn(self._recover(each, recovering))
        if not them:
            self._recovering = set()
            self._then()

    async def _recover(self, it: str | Call, recovering: set[str | Call]) -> None:
        """Bring a line, or a call without any, up to date; after the last one comes what is ``then``.

        Whatever became of each.  Lines come first: one may have come into a call that another has left.
        """
        try:
            await (self._look_outside(it) if isinstance(it, Call) else self._look_at(it))
        except Exception:  # a bug of the driver's, which must not keep all others from being used
            log.exception("not brought up to date", device=it if isinstance(it, str) else it.id)
        recovering.discard(it)
        if recovering or recovering is not self._recovering:
            return
        calls = self._picture.calls.values() if isinstance(it, str) else ()
        self._recover_all([call for call in calls if call.connections and not self._has_lines(call)])
