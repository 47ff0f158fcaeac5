"""Whose password is looked at, and when: a few at a time, the others in line, and who guesses has to wait.

After a restart hundreds of honest clients log in within a second, often from one host.  They are not refused:
each waits for its turn, some 10 to 30 ms for each client before it.  The work that strangers can cause is
bounded all the same: a client has one attempt in hand, `Logins.AT_ONCE` passwords are looked at for
all clients together, and as soon as a name or a host has failed too often, whoever waits for it is refused
without being looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Hashable
from typing import Any, Generic, Protocol, TypeVar

from ctigw.patience import Patience

T = TypeVar("T")


class Asker(Hashable, Protocol):
    """Whoever logs in; ``peer``: the host."""

    @property
    def peer(self) -> str: ...


class BusyError(Exception):
    """This attempt was not looked at; another one may be, later."""


class Turn(Protocol):
    """What somebody awaits and somebody else decides, once: Twisted's Deferred."""

    def callback(self, result: bool, /) -> None:
        """Let the one who waits go on."""

    def __await__(self) -> Generator[Any, Any, bool]:
        """Wait."""


class Logins(Generic[T]):
    """Names and passwords, looked at in the order in which they came.

    ``verify`` says who somebody is by name and password; None: nobody.  ``patience`` may be shared with
    others who look at passwords: who has failed there has to wait here, too.

    ``turn`` makes what a client waits for.  Whoever is first in line and shares a name or a host with those
    that are looked at may have to wait for them, and everybody behind: a moment, and nobody is passed over.
    """

    # A password is work for a processor, and 19 MiB: more at once would only keep the other clients waiting.
    AT_ONCE = 4
    # A minute's work at worst: who is told to come again is served sooner than at the end of a longer line.
    WAITING = 2_000

    def __init__(
        self,
        patience: Patience,
        verify: Callable[[str, str], Awaitable[T | None]],
        turn: Callable[[], Turn],
    ) -> None:
        self._patience, self._verify, self._turn = patience, verify, turn
        self._line: dict[Asker, tuple[tuple[str, str], Turn]] = {}
        self._looked_at: set[Asker] = set()
        self._calling = False

    async def who(self, asker: Asker, name: str, password: str) -> T | None:
        """Who has this name and password; None: nobody.  Raises `BusyError`.

        What ``verify`` raises says nothing about the password, and is not held against anybody.
        """
        keys = _keys(asker, name)
        if asker in self._line or asker in self._looked_at or len(self._line) >= self.WAITING:
            raise BusyError
        if self._patience.waits(*keys):
            raise BusyError
        turn = self._turn()
        self._line[asker] = keys, turn
        self._next()
        if not await turn:
            raise BusyError
        try:
            found = await self._verify(name, password)
            self._patience.learn(found is not None, *keys)
        finally:
            self._patience.end(*keys)
            self._looked_at.discard(asker)
            self._next()
        return found

    def gone(self, asker: Asker) -> None:
        """The client does not wait any longer."""
        if asker in self._line:
            self._line.pop(asker)[1].callback(False)

    def _next(self) -> None:
        """Let as many of the line go on as may.  One loop: whoever goes on may be done at once."""
        if self._calling:
            return
        self._calling = True
        try:
            while self._line and len(self._looked_at) < self.AT_ONCE and self._first():
                pass
        finally:
            self._calling = False

    def _first(self) -> bool:
        """Decide about the first in line; whether there was something to decide."""
        asker, (keys, turn) = next(iter(self._line.items()))
        admitted = self._patience.admits(*keys)
        if not admitted and not self._patience.waits(*keys):
            return False
        del self._line[asker]
        if admitted:
            self._patience.begin(*keys)
            self._looked_at.add(asker)
        turn.callback(admitted)
        return True


def _keys(asker: Asker, name: str) -> tuple[str, str]:
    """Whose failures count: the name's and the host's.

    Of a name the part before the @, since the directory takes it for the whole.  People of two domains who
    are called alike wait for each other's failures then, which costs them less than a look-up would.
    """
    return f"name {name.strip().lower().partition('@')[0]}", f"peer {asker.peer}"
