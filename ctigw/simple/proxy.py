"""The proxy (RFC 3261 §16), stateful, for requests that are not INVITE: to the contacts of a user, or to
another domain by a static route."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ctigw.sip.errors import Rejected
from ctigw.sip.events import Outcome
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request, parse_via
from ctigw.sip.stack import Stack
from ctigw.values import value

# Responses that tell the client what it could do about it: they are preferred among those of a class (§16.7).
TELLING = frozenset({401, 407, 415, 420, 484})
UNREACHABLE = 503


@value
class Branch:
    """Where a copy of a request goes: the Request-URI that it gets there, and the next hop."""

    uri: str
    target: Remote


class Fork:
    """A request on its way to several places at once; ``done`` is told the best of what came back.

    The first 2xx is the best, without waiting for the others.
    """

    __slots__ = ("_done", "_left", "_outcomes", "_stack")

    def __init__(self, stack: Stack, done: Callable[[Outcome], None]) -> None:
        self._stack = stack
        self._done: Callable[[Outcome], None] | None = done
        self._outcomes: list[Outcome] = []
        self._left = 0

    def send(self, copies: Sequence[tuple[Request, Remote]]) -> None:
        """Send them all; there is at least one."""
        self._left = len(copies)
        for request, target in copies:
            self._stack.forward(request, target, self._answered)

    def _answered(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._left -= 1
        if self._done is not None and (outcome.status // 100 == 2 or not self._left):  # noqa: PLR2004 - success
            done, self._done = self._done, None
            done(min(self._outcomes, key=_worse))


def _worse(outcome: Outcome) -> tuple[bool, int, bool, int]:
    """The order of §16.7: 6xx before all others that failed, else the lowest class."""
    status = outcome.status
    success = 200 <= status < 300  # noqa: PLR2004 - a class of statuses
    return not success, 0 if status >= 600 else status // 100, status not in TELLING, status  # noqa: PLR2004


def relayed(incoming: Incoming, outcome: Outcome) -> None:
    """Answer with what came back."""
    if outcome.response is not None and outcome.status != UNREACHABLE:
        incoming.relay(outcome.response)
    else:
        # §16.7: a 503 of somebody behind us would say that of us; nothing at all is a timeout.
        status = 500 if outcome.status == UNREACHABLE else outcome.status
        incoming.respond(status)


def copied(request: Request, uri: str, *, asserted: str | None = None) -> Request:
    """The copy of ``request`` that is sent on to ``uri`` (§16.6).

    ``asserted``: who we know has sent it; what the sender says about that itself is not passed on.
    """
    copy = Request(request.method, uri, dict(request.headers), request.body)
    copy.set("Proxy-Authorization")
    if asserted is not None:
        copy.set("Remote-Party-ID")
        copy.set("P-Preferred-Identity")
        copy.set("P-Asserted-Identity", f"<sip:{asserted}>")
    return copy


class Proxy:
    """Sends requests for others on.  ``routes``: the next hop to each domain."""

    def __init__(self, stack: Stack, routes: Mapping[str, Remote]) -> None:
        self._stack, self._routes = stack, dict(routes)

    def forward(self, incoming: Incoming, host: str, identity: str) -> None:
        """Send a request for somebody at ``host`` on.  Raises `Rejected`: 404, 482, 483."""
        target = self._routes.get(host)
        if target is None:
            raise Rejected(404, "No route to that domain")
        self.send(incoming, [Branch(incoming.request.uri, target)], identity, partial(relayed, incoming))

    def _has_been_here(self, request: Request) -> bool:
        """Whether we have sent it on before: nothing changes on the way that would make it go elsewhere
        now.
        """
        places = {(local.host, local.port) for local in self._stack.locals}
        vias = map(parse_via, request.values("Via"))
        return any((via.host, via.port) in places for via in vias)

    def send(
        self, incoming: Incoming, branches: Iterable[Branch], identity: str, done: Callable[[Outcome], None]
    ) -> None:
        """Send a copy to each of ``branches``.  Raises `Rejected`: 482, 483."""
        if self._has_been_here(incoming.request):
            raise Rejected(482)
        copies = [
            (copied(incoming.request, branch.uri, asserted=identity), branch.target) for branch in branches
        ]
        Fork(self._stack, done).send(copies)
