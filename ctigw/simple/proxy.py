"""The proxy (RFC 3261 §16), stateful, for requests that are not INVITE: to the contacts of a user, or to
another domain by a static route."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2s

from ctigw.sip.digest import AUTHENTICATES, AUTHORIZATIONS, parameters
from ctigw.sip.errors import Rejected
from ctigw.sip.events import Outcome
from ctigw.sip.hops import Remote, remote_of
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request, Response, parse_via
from ctigw.sip.stack import Stack
from ctigw.sip.uri import parse_name_addr, parse_uri
from ctigw.values import value

# Responses that tell the client what it could do about it: they are preferred among those of a class (§16.7).
TELLING = frozenset({401, 407, 415, 420, 484})
UNREACHABLE = 503
# Copies of one request that may be under way at once, through all who fork it (RFC 5393 §5.3.3).
BREADTH = 60
# Requests of one sender that wait for an answer of somebody else: who sends to where nobody answers must not
# take the place that all requests share, for half a minute each.
WAITING = 1_000


@value
class Branch:
    """Where a copy of a request goes: the Request-URI that it gets there, and the next hop."""

    uri: str
    target: Remote


class Fork:
    """A request on its way to several places at once; ``done`` is told the best of what came back.

    The first 2xx is the best, without waiting for the others.  What is provisional is of no interest: these
    are requests that are answered at once.
    """

    __slots__ = ("_done", "_left", "_outcomes", "_stack")

    def __init__(self, stack: Stack, done: Callable[[Outcome], None]) -> None:
        self._stack = stack
        self._done: Callable[[Outcome], None] | None = done
        self._outcomes: list[Outcome] = []
        self._left = 0

    def send(self, copies: Sequence[tuple[Request, Remote]], mark: str = "") -> None:
        """Send them all; there is at least one."""
        self._left = len(copies)
        for request, target in copies:
            self._stack.forward(request, target, self._answered, mark)

    def _answered(self, outcome: Outcome) -> None:
        if outcome.status < 200:  # noqa: PLR2004 - a class of statuses
            return
        self._outcomes.append(outcome)
        self._left -= 1
        if self._done is not None and (outcome.status // 100 == 2 or not self._left):  # noqa: PLR2004 - success
            done, self._done = self._done, None
            done(_challenging(min(self._outcomes, key=_worse), self._outcomes))


def _worse(outcome: Outcome) -> tuple[bool, int, bool, bool, int]:
    """The order of §16.7: 6xx before all others that failed, else the lowest class; and what somebody has
    answered before that nobody did.
    """
    status = outcome.status
    success = 200 <= status < 300  # noqa: PLR2004 - a class of statuses
    grade = 0 if status >= 600 else status // 100  # noqa: PLR2004 - a class of statuses
    return not success, grade, outcome.response is None, status not in TELLING, status


def _challenging(best: Outcome, outcomes: Iterable[Outcome]) -> Outcome:
    """``best``; where it asks for a password, for those of all others that do, too (§16.7 step 7)."""
    if best.response is None or best.status not in AUTHENTICATES:
        return best
    asking = [o.response for o in outcomes if o.response is not None and o.status in AUTHENTICATES]
    headers = dict(best.response.headers)
    for name in AUTHENTICATES.values():
        lines = [line for response in asking for line in response.lines(name)]
        if lines:
            headers[name] = lines
    response = Response(best.status, best.response.reason, headers, best.response.body)
    return Outcome(best.status, response)


def relayed(incoming: Incoming, outcome: Outcome) -> None:
    """Answer with what came back."""
    if outcome.response is not None and outcome.status != UNREACHABLE:
        incoming.relay(outcome.response)
    else:
        # §16.7: a 503 of somebody behind us would say that of us; nothing at all is a timeout.
        status = 500 if outcome.status == UNREACHABLE else outcome.status
        incoming.respond(status)


def copied(
    request: Request, uri: str, *, asserted: str | None = None, realms: Collection[str] = ()
) -> Request:
    """The copy of ``request`` that is sent on to ``uri`` (§16.6).

    ``asserted``: who we know has sent it; what the sender says about that itself is not passed on.
    ``realms``: ours, whose credentials are for nobody else (§22.3).
    """
    copy = Request(request.method, uri, dict(request.headers), request.body)
    for name in AUTHORIZATIONS.values():
        copy.set(name, *(line for line in request.lines(name) if not _is_for(line, realms)))
    if asserted is not None:
        copy.set("Remote-Party-ID")
        copy.set("P-Preferred-Identity")
        copy.set("P-Asserted-Identity", f"<sip:{asserted}>")
    return copy


def _is_for(line: str, realms: Collection[str]) -> bool:
    """Whether credentials are for one of ``realms``, or it cannot be told for whom they are."""
    given = parameters(line)
    return given is None or "realm" not in given or given["realm"] in realms


def _breadth(request: Request, branches: int) -> int:
    """The Max-Breadth of each of so many ``branches`` (RFC 5393 §5.3.3).

    Contacts that lead back here, each under another name, would else make more requests each time: neither
    loop detection nor Max-Forwards ends that before everything is full of them.  Raises `Rejected`: 440.
    """
    asked = request.number("Max-Breadth")
    breadth = max(BREADTH, branches) if asked is None else min(asked, BREADTH)
    if breadth < branches:
        raise Rejected(440)
    return breadth // branches


def _mark(request: Request) -> str:
    """What says whither a request goes, and which it is (§16.6 step 8)."""
    which = (request.uri, *request.values("Route"), request.call_id, request.from_tag, request.get("CSeq"))
    return "." + blake2s("\n".join(which).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


class Proxy:
    """Sends requests for others on.

    ``routes``: the next hop to each domain; "*" is each other one.  ``realms``: of our passwords.
    """

    def __init__(self, stack: Stack, routes: Mapping[str, Remote], realms: Collection[str] = ()) -> None:
        self._stack, self._routes, self._realms = stack, dict(routes), frozenset(realms)
        self._waiting: Counter[str] = Counter()

    def forward(self, incoming: Incoming, identity: str) -> None:
        """Send a request for somebody else on: where its Route says, else to the domain of its Request-URI.

        Raises `Rejected`: 404, 482, 483; `Malformed`.
        """
        request = incoming.request
        routes = request.values("Route")
        uri = parse_uri(parse_name_addr(routes[0]).uri if routes else request.uri)
        target = self._routes.get(uri.host) or self._routes.get("*")
        if routes:
            target = self._routes.get(uri.host) or remote_of(uri)
        if target is None:
            raise Rejected(404, "No route to that domain")
        self.send(incoming, [Branch(request.uri, target)], identity, partial(relayed, incoming))

    def _has_been_here(self, request: Request, mark: str) -> bool:
        """Whether we have sent it on before, as the same (§16.3 step 4).  Under another Request-URI it may
        come round again with good reason; if it does so for ever, Max-Forwards ends it.
        """
        places = {(local.host, local.port) for local in self._stack.locals}
        vias = map(parse_via, request.values("Via"))
        return any((via.host, via.port) in places and via.branch.endswith(mark) for via in vias)

    def send(
        self, incoming: Incoming, branches: Iterable[Branch], identity: str, done: Callable[[Outcome], None]
    ) -> None:
        """Send a copy to each of ``branches``.  Raises `Rejected`: 440, 482, 483, 503."""
        if self._waiting[identity] >= WAITING:
            raise Rejected(503, "Too many under way", headers=(("Retry-After", "5"),))
        mark = _mark(incoming.request)
        if self._has_been_here(incoming.request, mark):
            raise Rejected(482)
        copies = [
            (copied(incoming.request, branch.uri, asserted=identity, realms=self._realms), branch.target)
            for branch in branches
        ]
        breadth = str(_breadth(incoming.request, len(copies)))
        for copy, _target in copies:
            copy.set("Max-Breadth", breadth)
        Fork(self._stack, partial(self._over, identity, done)).send(copies, mark)
        self._waiting[identity] += 1

    def _over(self, identity: str, done: Callable[[Outcome], None], outcome: Outcome) -> None:
        if self._waiting[identity] > 1:
            self._waiting[identity] -= 1
        else:
            self._waiting.pop(identity, None)
        done(outcome)
