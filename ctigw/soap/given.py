"""What the interfaces are given from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy.orm import Session

from ctigw.directory.credentials import Principal

P = ParamSpec("P")
T = TypeVar("T")


# What clients are told when there is no database to be had, in the product's words.
NO_DATABASE = "Could not connect to database."
# To who has met a bug; what it was is in the log.
FAILED = "The server has failed."


class Run(Protocol):
    """`store.database.Database.run`: a function over a session, in one transaction.

    What the function raises is raised; `errors.Refused` when there is no database to be had.
    """

    def __call__(
        self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """The function's result, after the commit."""


class Who(Protocol):
    """Who has a name and a password; None: nobody, which takes as long."""

    def __call__(self, peer: str, name: str, password: str, /) -> Awaitable[Principal | None]:
        """``peer``: the address of who asks.  Raises `logins.BusyError`: it has failed too often to be
        looked at now.
        """


class InThread(Protocol):
    """A function without a session, in a thread for work that would keep everybody else waiting."""

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """The function's result; what it raises is raised."""


# The directory was changed, and the commit is done: whoever must know looks now.
Changed = Callable[[], object]

# Runs what nobody waits for.
Spawn = Callable[[Coroutine[Any, Any, None]], None]
# Asks for a URL, and gives the HTTP status of the answer.  Raises `NotReachedError`.
Fetch = Callable[[str], Awaitable[int]]


class NotReachedError(Exception):
    """There is no answer; the text says why, without anything of the URL but its host."""


class Promised(Protocol):
    """What one awaits and another fulfils, once: Twisted's Deferred."""

    def callback(self, result: Any, /) -> None:
        """Let the one who waits go on, with this."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for it."""


Promise = Callable[[], Promised]
