"""The call log: what each call was for each of its parties, written when the party's share is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ctigw.store.call_log import LoggedCall
from ctigw.switch.driver import Cause, Kind
from ctigw.switch.events import CallOver, CallsJoined, Event
from ctigw.switch.states import State

TALKING = frozenset({State.CONNECTED, State.HOLD})
LEAVES = frozenset({Kind.CLEAR, Kind.DIVERT})
ESTABLISH, FAIL = Kind.ESTABLISH, Kind.FAIL


class _Share:
    """A party's share in a call that is not over."""

    __slots__ = ("answered", "called", "calling", "device", "started")

    def __init__(
        self, device: str, calling: str, called: str, started: float, answered: float | None = None
    ) -> None:
        self.device, self.calling, self.called = device, calling, called
        self.started, self.answered = started, answered


class CallLog:
    """An observer of the switch; ``put`` gets each entry, ``now`` gives the time (seconds since 1970, UTC).

    A party that is joined to another call has a share in each.  Who is called and never talks has the cause
    of the failure, if there was one, and not that of the clearing after it.
    """

    def __init__(self, put: Callable[[LoggedCall], None], now: Callable[[], float]) -> None:
        self._put, self._now = put, now
        # Lists: a call has two parties, and is one of very many.
        self._open: dict[str, list[_Share]] = {}
        self._failed: dict[str, Cause] = {}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def observers(self) -> dict[type, Callable[[Any], None]]:
        """What takes the events of each class."""
        return {Event: self._moved_on, CallsJoined: self._joined, CallOver: self._ended}

    def close(self) -> None:
        """The gateway goes down: what is still going on is written without its end."""
        for call, shares in self._open.items():
            for share in shares:
                self._write(call, share, None, None)
        self._open.clear()

    def _moved_on(self, event: Event) -> None:
        kind, device = event.kind, event.device
        shares = self._open.get(event.call)
        if shares is None:
            shares = self._open[event.call] = []
        share = _of(device, shares)
        if share is None:
            shares.append(_Share(device, event.calling, event.called, self._now()))
        else:
            share.calling, share.called = event.calling or share.calling, event.called or share.called
        if kind is ESTABLISH:
            self._answered(event, shares)
        elif kind is FAIL:
            self._failed[event.call] = event.cause
        elif kind in LEAVES:
            self._over(event.call, device, event.cause)

    def _answered(self, event: Event, shares: list[_Share]) -> None:
        """Whoever takes part in a call in which somebody answers talks from then on."""
        self._failed.pop(event.call, None)
        now = self._now()
        for share in shares:
            if share.answered is None and event.states.get(share.device) in TALKING:
                share.answered = now

    def _joined(self, event: CallsJoined) -> None:
        now = self._now()
        for old in filter(None, (event.primary, event.secondary)):
            if old == event.call:
                continue
            for share in tuple(self._open.get(old, ())):
                self._over(old, share.device, event.cause)
                state = event.states.get(share.device, State.NULL)
                if state is not State.NULL:
                    talks = now if state in TALKING else None
                    self._joins(event.call, _Share(share.device, share.calling, share.called, now, talks))
        if event.kind is Kind.TRANSFER and event.primary == event.call:
            self._over(event.call, event.device, event.cause)

    def _joins(self, call: str, share: _Share) -> None:
        """A party has a share in ``call`` from now on, whatever it had in it before."""
        shares = self._open.setdefault(call, [])
        before = _of(share.device, shares)
        if before is not None:
            shares.remove(before)
        shares.append(share)

    def _ended(self, event: CallOver) -> None:
        """Nobody is in the call any more: who has a share still, such as a party outside of which the network
        has told nothing, never had a connection to leave."""
        for share in tuple(self._open.get(event.call, ())):
            self._over(event.call, share.device, event.cause)

    def _over(self, call: str, device: str, cause: Cause) -> None:
        shares = self._open.get(call)
        if shares is None:
            return
        share = _of(device, shares)
        if share is not None:
            shares.remove(share)
            failed = self._failed.get(call) if share.answered is None else None
            self._write(call, share, self._now(), failed or cause)
        if not shares:
            del self._open[call]
            self._failed.pop(call, None)

    def _write(self, call: str, share: _Share, ended: float | None, cause: Cause | None) -> None:
        self._put(
            # By position, which takes half as long as by name.
            LoggedCall(
                call,
                share.device,
                share.calling or None,
                share.called or None,
                share.started,
                share.answered,
                ended,
                cause._value_ if cause else None,
            )
        )


def _of(device: str, shares: list[_Share]) -> _Share | None:
    for share in shares:
        if share.device == device:
            return share
    return None
