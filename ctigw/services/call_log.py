"""The call log: what each call was for each of its parties, written when the party's share is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctigw.store.call_log import LoggedCall
from ctigw.switch.driver import Cause, Kind
from ctigw.switch.events import CallOver, CallsJoined, Event
from ctigw.switch.states import State

TALKING = frozenset({State.CONNECTED, State.HOLD})
LEAVES = frozenset({Kind.CLEAR, Kind.DIVERT})


@dataclass(slots=True)
class _Share:
    """A party's share in a call that is not over."""

    calling: str
    called: str
    started: float
    answered: float | None = None


class CallLog:
    """An observer of the switch; ``put`` gets each entry, ``now`` gives the time (seconds since 1970, UTC).

    A party that is joined to another call has a share in each.  Who is called and never talks has the cause
    of the failure, if there was one, and not that of the clearing after it.
    """

    def __init__(self, put: Callable[[LoggedCall], None], now: Callable[[], float]) -> None:
        self._put, self._now = put, now
        self._open: dict[str, dict[str, _Share]] = {}
        self._failed: dict[str, Cause] = {}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def observers(self) -> dict[type, Callable[[Any], None]]:
        """What takes the events of each class."""
        return {Event: self._moved_on, CallsJoined: self._joined, CallOver: self._ended}

    def close(self) -> None:
        """The gateway goes down: what is still going on is written without its end."""
        for call, shares in self._open.items():
            for device, share in shares.items():
                self._write(call, device, share, None, None)
        self._open.clear()

    def _moved_on(self, event: Event) -> None:
        shares = self._open.setdefault(event.call, {})
        if event.device not in shares:
            shares[event.device] = _Share(event.calling, event.called, self._now())
        share = shares[event.device]
        share.calling, share.called = event.calling or share.calling, event.called or share.called
        if event.kind is Kind.ESTABLISH:
            self._answered(event, shares)
        elif event.kind is Kind.FAIL:
            self._failed[event.call] = event.cause
        elif event.kind in LEAVES:
            self._over(event.call, event.device, event.cause)

    def _answered(self, event: Event, shares: dict[str, _Share]) -> None:
        """Whoever takes part in a call in which somebody answers talks from then on."""
        self._failed.pop(event.call, None)
        for device, state in event.states.items():
            share = shares.get(device)
            if share is not None and state in TALKING and share.answered is None:
                share.answered = self._now()

    def _joined(self, event: CallsJoined) -> None:
        now = self._now()
        for old in filter(None, (event.primary, event.secondary)):
            if old == event.call:
                continue
            for device in tuple(self._open.get(old, ())):
                share = self._open[old][device]
                self._over(old, device, event.cause)
                state = event.states.get(device, State.NULL)
                if state is not State.NULL:
                    talks = now if state in TALKING else None
                    here = self._open.setdefault(event.call, {})
                    here[device] = _Share(share.calling, share.called, now, talks)
        if event.kind is Kind.TRANSFER and event.primary == event.call:
            self._over(event.call, event.device, event.cause)

    def _ended(self, event: CallOver) -> None:
        """Nobody is in the call any more: who has a share still, such as a party outside of which the network
        has told nothing, never had a connection to leave."""
        for device in tuple(self._open.get(event.call, ())):
            self._over(event.call, device, event.cause)

    def _over(self, call: str, device: str, cause: Cause) -> None:
        shares = self._open.get(call, {})
        share = shares.pop(device, None)
        if share is not None:
            failed = self._failed.get(call) if share.answered is None else None
            self._write(call, device, share, self._now(), failed or cause)
        if not shares:
            self._open.pop(call, None)
            self._failed.pop(call, None)

    def _write(self, call: str, device: str, share: _Share, ended: float | None, cause: Cause | None) -> None:
        self._put(
            # By position, which takes half as long as by name.
            LoggedCall(
                call,
                device,
                share.calling or None,
                share.called or None,
                share.started,
                share.answered,
                ended,
                cause.value if cause else None,
            )
        )
