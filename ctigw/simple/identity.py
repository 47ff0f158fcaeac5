"""Who asks: the one place where that is decided.

A trusted peer (by its address) says so itself, in P-Asserted-Identity, Remote-Party-ID or From (the Guide's order).
From anybody else it depends on the listener: a password (RFC 3261 §22, RFC 8760), the names in a TLS client
certificate, or, where nobody has to prove anything, From.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from ctigw.sip.digest import Digest
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from ctigw.sip.stack import Incoming
from ctigw.sip.uri import aor, parse_name_addr
from ctigw.values import named

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Where a trusted peer says who it asks for, in this order.
ASSERTED = ("P-Asserted-Identity", "Remote-Party-ID", "From")


@named
class Door:
    """What holds for requests that come in at a listener."""

    authentication: Literal["digest", "certificate", "none"] = "digest"
    trusted: Sequence[Network] = ()


class Identities:
    """``doors``: by the number of the listener.  ``certified`` gives the names in the certificate of a flow."""

    def __init__(
        self,
        doors: Sequence[Door],
        digest: Digest,
        *,
        certified: Callable[[Remote], frozenset[str]] = lambda _source: frozenset(),
    ) -> None:
        self._doors, self._digest, self._certified = tuple(doors), digest, certified
        self._how: Mapping[str, Callable[[Incoming, bool], str]] = {
            "digest": self._by_password,
            "certificate": self._by_certificate,
            "none": lambda incoming, _proxy: address(incoming.request, "From"),
        }

    def of(self, incoming: Incoming, *, proxy: bool = False) -> str:
        """The address of record of whoever asks.

        ``proxy``: the request is for somebody else, so 407 is the way to ask for a password.
        Raises `Rejected`: 401, 407, 403, 400.
        """
        door = self._doors[incoming.source.local]
        if self.trusts(incoming):
            return asserted(incoming.request)
        return self._how[door.authentication](incoming, proxy)

    def trusts(self, incoming: Incoming) -> bool:
        """Whether what the peer says of who asks counts."""
        networks = self._doors[incoming.source.local].trusted
        return bool(networks) and _within(incoming.source.host, tuple(networks))

    def _by_password(self, incoming: Incoming, proxy: bool) -> str:
        request = incoming.request
        name = "Proxy-Authorization" if proxy else "Authorization"
        verdict = self._digest.check(request.headers.get(name, ()), request.method, request.uri)
        if verdict.user is None:
            challenge = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
            challenges = self._digest.challenges(stale=verdict.stale)
            raise Rejected(407 if proxy else 401, headers=[(challenge, text) for text in challenges])
        return verdict.user

    def _by_certificate(self, incoming: Incoming, _proxy: bool) -> str:
        claimed = address(incoming.request, "From")
        if claimed not in self._certified(incoming.source):
            raise Rejected(403, "Not The Certificate's Name")
        return claimed


def asserted(request: Request) -> str:
    """Who a trusted peer says that it asks for."""
    for name in ASSERTED:
        for text in request.values(name):
            found = parse_name_addr(text).uri
            if found.partition(":")[0].lower() != "tel":
                return aor(found)
    raise Malformed(400, "Nobody is asserted")


def address(request: Request, header: str) -> str:
    """The address of record in a From, To or the like.  Raises `Malformed`."""
    return aor(parse_name_addr(request.get(header)).uri)


@lru_cache(1024)
def _within(host: str, networks: tuple[Network, ...]) -> bool:
    found = ipaddress.ip_address(host)
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)
