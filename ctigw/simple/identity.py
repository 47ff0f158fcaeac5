"""Who asks: the one place where that is decided.

A trusted peer (by its address) says so itself, in P-Asserted-Identity, Remote-Party-ID or From (the Guide's
order). From anybody else it depends on the listener: a password (RFC 3261 §22, RFC 8760), the names in a
TLS client certificate, or, where nobody has to prove anything, From.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Literal

from ctigw.patience import Now, Patience
from ctigw.simple.accounts import Accounts
from ctigw.sip.digest import AUTHENTICATES, AUTHORIZATIONS, Digest, Outcome, parameters
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request
from ctigw.sip.uri import aor, parse_name_addr
from ctigw.values import named

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Where a trusted peer says who it asks for, in this order.
ASSERTED = ("P-Asserted-Identity", "Remote-Party-ID", "From")
# What says whether a password is known; all else says something of the nonce, or nothing.
TELLING = frozenset({Outcome.ACCEPTED, Outcome.STALE, Outcome.WRONG})


@named
class Door:
    """What holds for requests that come in at a listener."""

    authentication: Literal["digest", "certificate", "none"] = "digest"
    trusted: Sequence[Network] = ()


class Guesses:
    """Bounds how often a password is guessed, from one host and for one name.

    A host that has known a name's password waits for nobody else's failures: a stranger who guesses must not
    keep a phone from refreshing what it has here.
    """

    KNOWN = 10_000

    def __init__(self, clock: Now) -> None:
        self._patience = Patience(clock)
        self._known: dict[tuple[str, str], None] = {}

    def tries(self, host: str, name: str) -> Callable[[bool], None]:
        """To be told whether the password was right.  Raises `Rejected`: 503 when this one has to wait."""
        keys = (f"host {host}", f"name {name}")
        pair = (host, name)
        wait = 0.0 if pair in self._known else self._patience.wait(*keys)
        if wait:
            raise Rejected(503, "Too many failures", headers=(("Retry-After", str(math.ceil(wait))),))

        def learn(right: bool) -> None:
            self._patience.learn(right, *keys)
            self._known.pop(pair, None)
            if right:
                self._known[pair] = None
                if len(self._known) > self.KNOWN:
                    del self._known[next(iter(self._known))]

        return learn


class Identities:
    """``doors``: by the number of the listener; ``digests``: of each domain, whose name is the realm.

    ``certified`` gives the names in the certificate of whoever is at the other end of a connection.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        digests: Mapping[str, Digest],
        accounts: Accounts,
        guesses: Guesses,
        *,
        certified: Callable[[Remote], frozenset[str]] = lambda _source: frozenset(),
    ) -> None:
        self._doors, self._digests, self._accounts = tuple(doors), digests, accounts
        self._guesses = guesses
        self.certified = certified
        self._how: Mapping[str, Callable[[Incoming, bool], str]] = {
            "digest": self._by_password,
            "certificate": self._by_certificate,
            "none": lambda incoming, _proxy: self._claimed(incoming.request),
        }

    def of(self, incoming: Incoming, *, proxy: bool = False) -> str:
        """The address of record of whoever asks.

        ``proxy``: the request is for somebody else, so 407 is the way to ask for a password.
        Raises `Rejected`: 401, 407, 403, 400.
        """
        door = self._doors[incoming.source.local]
        if self.trusts(incoming):
            return self._accounts.canonical(asserted(incoming.request))
        return self._how[door.authentication](incoming, proxy)

    def trusts(self, incoming: Incoming) -> bool:
        """Whether what the peer says of who asks counts."""
        networks = self._doors[incoming.source.local].trusted
        return bool(networks) and _within(incoming.source.host, tuple(networks))

    def _by_password(self, incoming: Incoming, proxy: bool) -> str:
        request = incoming.request
        status = 407 if proxy else 401
        domain = self._domain(request)
        digest = self._digests[domain]
        lines = _of_one(request.lines(AUTHORIZATIONS[status]), domain)
        lookup = partial(self._accounts.ha1, domain)
        name = next((f"{user}@{domain}" for user in map(_user_in, lines) if user), "")
        learn = self._guesses.tries(incoming.source.host, name) if name else None
        verdict = digest.check(lines, request.method, request.uri, lookup)
        if learn is not None and verdict.outcome in TELLING:
            learn(verdict.outcome is not Outcome.WRONG)
        if verdict.outcome is not Outcome.ACCEPTED:
            challenges = digest.challenges(stale=verdict.stale)
            raise Rejected(status, headers=[(AUTHENTICATES[status], text) for text in challenges])
        return f"{verdict.user.lower()}@{domain}"

    def _domain(self, request: Request) -> str:
        """Whose password is asked for: that of From's domain, if it is one of ours."""
        domain = self._claimed(request).rpartition("@")[2]
        return domain if domain in self._digests else self._accounts.domains[0]

    def _claimed(self, request: Request) -> str:
        return self._accounts.canonical(address(request, "From"))

    def _by_certificate(self, incoming: Incoming, _proxy: bool) -> str:
        claimed = self._claimed(incoming.request)
        if claimed not in self.certified(incoming.source):
            raise Rejected(403, "Not The Certificate's Name")
        return claimed


def _of_one(lines: Sequence[str], realm: str) -> Sequence[str]:
    """The lines of credentials for ``realm``, of the first user who is named there.

    Only that one is counted as trying: beside a password that is right nobody else's may be guessed.
    """
    if len(lines) == 1:
        return lines
    given = [(line, parameters(line) or {}) for line in lines]
    ours = [(line, each.get("username", "").lower()) for line, each in given if each.get("realm") == realm]
    return [line for line, user in ours if user == ours[0][1]]


def _user_in(line: str) -> str:
    """The user in a line of credentials; "" when there is none."""
    return (parameters(line) or {}).get("username", "").lower()


def asserted(request: Request) -> str:
    """Who a trusted peer says that it asks for."""
    for name in ASSERTED:
        for text in request.values(name):
            found = parse_name_addr(text).uri
            if found.partition(":")[0].lower() in ("sip", "sips"):
                return aor(found)
    raise Malformed(400, "Nobody is asserted")


def address(request: Request, header: str) -> str:
    """The address of record in a From, To or the like.  Raises `Malformed`."""
    return aor(parse_name_addr(request.get(header)).uri)


@lru_cache(1024)
def _within(host: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:  # a server that we have connected to, by its name
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)
