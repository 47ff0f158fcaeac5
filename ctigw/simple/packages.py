"""Event packages: what can be subscribed to (RFC 6665 §7).

A subscription knows nothing of what it carries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from ctigw.values import named, value

Changed = Callable[[], None]


@named
class Wanted:
    """What a SUBSCRIBE asks for.  ``resource`` and ``watcher`` are addresses of record.

    ``accept``: media types in lower case, without parameters; empty when there was no Accept.
    """

    resource: str
    watcher: str
    accept: tuple[str, ...] = ()
    supported: frozenset[str] = frozenset()
    content_type: str = ""
    body: bytes = b""


@value
class Body:
    """What a NOTIFY carries."""

    content_type: str
    data: bytes


class Watch(Protocol):
    """What one subscription sees of its resource."""

    @property
    def state(self) -> Literal["active", "pending", "terminated"]:
        """As Subscription-State says it."""

    @property
    def reason(self) -> str:
        """Why it is terminated."""

    @property
    def requires(self) -> str:
        """The option tag that the subscriber must know to understand it; "": none."""

    def body(self, *, full: bool) -> Body | None:
        """What to say now: everything when ``full``, otherwise perhaps only what has changed since; None:
        nothing.

        It counts as said.  Whoever has still more to say, in a NOTIFY of its own, calls ``changed`` again.
        """

    def close(self, event: str) -> None:
        """Nobody wants to know any more, and why (RFC 3858's words: timeout, deactivated, giveup …)."""


class Package(Protocol):
    """``name`` as in Event; ``types``: the media types that it can be had in, the default first."""

    @property
    def name(self) -> str: ...

    @property
    def types(self) -> tuple[str, ...]: ...

    def open(self, wanted: Wanted, changed: Changed) -> Watch:
        """Begin to watch; ``changed`` is called when there is something new to say.

        Raises `Rejected`: 403, 404, 406, 415, 421, 488.
        """


def chosen(wanted: Wanted, types: tuple[str, ...]) -> str:
    """The first of ``types`` that the subscriber accepts; "" when there is none."""
    if not wanted.accept:
        return types[0]
    for offered in types:
        if any(accepted in (offered, "*/*", offered.partition("/")[0] + "/*") for accepted in wanted.accept):
            return offered
    return ""
