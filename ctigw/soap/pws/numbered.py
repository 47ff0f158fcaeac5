"""What clients are given numbers for: each is one session's alone, and lasts until its time is up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from ctigw.expiring import Ending, Expiring
from ctigw.means import Means
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.numbers import Numbers
from ctigw.soap.sessions import Session


class Owned(Ending, Protocol):
    """``session``: whose it is; nobody else may name it."""

    number: int

    @property
    def session(self) -> Session: ...


T = TypeVar("T", bound=Owned)


class Numbered(ABC, Generic[T]):
    """All of one kind, by number; ``unknown``, ``not_yours``: what clients are told of other numbers."""

    def __init__(self, means: Means, unknown: Code, not_yours: Code) -> None:
        self._now, self._unknown, self._not_yours = means.now, unknown, not_yours
        self._by_number: dict[int, T] = {}
        self._numbers = Numbers()
        self._expiring: Expiring[T] = Expiring(means, self.end)

    def __len__(self) -> int:
        return len(self._by_number)

    def __contains__(self, thing: T) -> bool:
        return self._by_number.get(thing.number) is thing

    def of(self, session: Session | None, number: int | None) -> T:
        """What has this number and is that of ``session``.  Raises `PwsError`: ``unknown``, ``not_yours``."""
        thing = None if number is None else self._by_number.get(number)
        if thing is None:
            raise PwsError(self._unknown)
        if thing.session is not session:
            raise PwsError(self._not_yours)
        return thing

    def renew(self, thing: T, seconds: int) -> None:
        """It ends in so many seconds from now."""
        self._expiring.set(thing, self._now() + seconds)

    @abstractmethod
    def end(self, thing: T) -> None:
        """It is no more."""

    def _put(self, thing: T, seconds: int) -> None:
        """It has a number from now on, and is among the others."""
        thing.number = self._numbers.take()
        self._by_number[thing.number] = thing
        self.renew(thing, seconds)

    def _take(self, thing: T) -> None:
        """It is not among them any more, and its number is free."""
        self._expiring.drop(thing)
        del self._by_number[thing.number]
        self._numbers.give_back(thing.number)
