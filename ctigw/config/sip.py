"""The section ``[sip]``: where SIP is spoken, to whom, and what peers may take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from ctigw.config.values import (
    HOP,
    LAST_PORT,
    Expires,
    Positive,
    Seconds,
    expires_faults,
    is_address,
    is_hop,
    is_loopback_host,
    network_faults,
)

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.\-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.\-]{1,253})(?::([0-9]{1,5}))?")


class SipListener(Struct, frozen=True, forbid_unknown_fields=True):
    """One place where SIP is spoken."""

    # Most phones begin with UDP; whatever is longer than a datagram should be goes over TCP.
    transport: Literal["udp", "tcp", "tls"] = "udp"
    # Loopback until somebody says otherwise: a registrar that others can reach is found within hours.
    address: str = "127.0.0.1"
    # 5061 is usual for TLS; 0 is any free port, for tests.
    port: Annotated[int, Meta(ge=0, le=LAST_PORT)] = 5060
    # What stands in Via and Contact instead of the address: host[:port], where that is "0.0.0.0" or NAT is
    # between.
    advertise: str = ""
    # "digest": with a user's password.  "certificate": with a TLS client certificate of `tls_client_ca` that
    # names the user; one of a whole domain is a server's, see `trusted`.  "none": everybody is whom they say.
    authentication: Literal["digest", "certificate", "none"] = "digest"
    # "none" on an address that others can reach needs this said as well.
    open_to_everybody: bool = False
    # Networks of proxies and servers whose P-Asserted-Identity counts: they have asked for passwords already.
    trusted: tuple[str, ...] = ()
    # PEM files, as for CSTA.
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """Where requests for another domain go."""

    # "*" is every domain that has no route of its own.
    domain: Annotated[str, Meta(min_length=1)]
    next_hop: str


class SipLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what peers may take."""

    # Of TCP or TLS, on each listener, and as many that the gateway opens.
    connections: Positive = 10_000
    # Longer than anything lasts that has to be refreshed by default, so that a client which sends nothing
    # else keeps its connection.
    idle_seconds: Seconds = 4000.0
    # A connection that has never sent anything: who connects wants to say something, and 64 * T1 is as long
    # as anybody waits for anything in SIP.
    silent_seconds: Seconds = 32.0
    # A server that takes no connection by then is not there; long before the transaction gives up, so that
    # another one can be tried.
    connect_seconds: Seconds = 5.0
    # Of one message, head and body.  Datagrams hold no more; what comes over streams may be a list of
    # hundreds.
    datagram_bytes: Annotated[int, Meta(ge=1024, le=65_535)] = 65_535
    stream_bytes: Annotated[int, Meta(ge=1024)] = 256 * 1024
    # Of a message's head: a request that passed twenty proxies has 8 KiB.
    header_bytes: Annotated[int, Meta(ge=1024)] = 32 * 1024
    # Bytes waiting for a peer that does not read; then its connection is closed, since SIP has no way to say
    # what was left out.
    send_queue: Positive = 1024 * 1024
    # Requests that wait for their answer; beyond them 503.
    server_transactions: Positive = 20_000
    # Answers kept for requests that come again, some 1 kB each.  The oldest go first: nearly all that come
    # again do so within a second.
    kept_answers: Positive = 100_000
    # Requests of one address.  What is above waits (TCP) or is lost (UDP), which its sender takes for the
    # network's pace.  A proxy sends for thousands of users.
    requests_per_second: Positive = 10_000
    # Devices that one user has registered.
    contacts_per_user: Positive = 10


class Sip(Struct, frozen=True, forbid_unknown_fields=True):
    """SIP: registrar, proxy of MESSAGE, presence server."""

    # None: SIP is off.
    listeners: tuple[SipListener, ...] = ()
    # Whose users are served here; each is the realm of its users' passwords.
    domains: tuple[str, ...] = ("localhost",)
    # Other names of those domains, which mean the same users: "sip.example.com" = "example.com".
    aliases: dict[str, str] = field(default_factory=dict)
    # Every user of the domains exists: for trials and benchmarks, therefore on loopback only.
    open_domain: bool = False
    routes: tuple[Route, ...] = ()
    # Who may say that the certificates are true which servers show: a PEM file; empty: the system's.
    tls_ca: str = ""
    # How passwords are asked for.  MD5 is what every phone knows, and many give up when there is anything
    # else beside it, instead of taking what they know (RFC 8760).
    digest_algorithms: Annotated[tuple[Literal["SHA-256", "MD5"], ...], Meta(min_length=1)] = ("MD5",)
    # A challenge is good for so long; then clients are given a new one without asking their user.
    nonce_seconds: Positive = 600
    # RFC 3261's estimate of a round trip, from which all its other times follow.
    t1: Seconds = 0.5
    # A phone that is unplugged is believed to be there for so long.
    registration_expires: Expires = Expires(shortest=60, longest=86_400, default=3600)
    limits: SipLimits = SipLimits()


def faults(sip: Sip) -> Iterator[str]:
    """What makes no sense although each value by itself does: the key, and why."""
    yield from _domain_faults(sip)
    for index, route in enumerate(sip.routes):
        if not is_hop(route.next_hop):
            yield f"routes[{index}].next_hop: has the form {HOP}"
        if route.domain.lower() in sip.domains:
            yield f"routes[{index}].domain: {route.domain!r} is served here"
        if route.domain in [other.domain for other in sip.routes[:index]]:
            yield f"routes[{index}].domain: {route.domain!r} is there twice"
    for fault in expires_faults(sip.registration_expires):
        yield f"registration_expires.{fault}"
    if sip.limits.header_bytes > sip.limits.stream_bytes:
        yield "limits.header_bytes: is more than stream_bytes, of which it is a part"
    places = [_place(listener) for listener in sip.listeners]
    for index, listener in enumerate(sip.listeners):
        for why in (*_unsafe(listener), *_unusable(listener)):
            yield f"listeners[{index}].{why}"
        if listener.port and places[index] in places[:index]:
            yield f"listeners[{index}].port: another listener has it"


def _domain_faults(sip: Sip) -> Iterator[str]:
    if not sip.domains:
        yield "domains: at least one is needed"
    for index, domain in enumerate(sip.domains):
        if not _DOMAIN.fullmatch(domain):
            yield f"domains[{index}]: {domain[:100]!r} is no domain in lower case"
        if domain in sip.domains[:index]:
            yield f"domains[{index}]: {domain!r} is there twice"
    for alias, domain in sip.aliases.items():
        if domain.lower() not in sip.domains:
            yield f"aliases: {alias!r} is to mean {domain!r}, which is none of the domains"
    if sip.open_domain and not all(is_loopback_host(listener.address) for listener in sip.listeners):
        yield "open_domain: is for listeners on loopback only"


def _place(listener: SipListener) -> tuple[str, str, int]:
    return ("udp" if listener.transport == "udp" else "tcp", listener.address, listener.port)


def _unsafe(listener: SipListener) -> Iterator[str]:
    """Why a listener may not be opened as it is set."""
    for why in network_faults(listener.trusted):
        yield f"trusted: {why}"
    loopback = is_loopback_host(listener.address)
    if listener.authentication == "none" and not listener.open_to_everybody and not loopback:
        yield (
            'authentication: "none" on an address that is not loopback lets anybody be anybody; '
            "say open_to_everybody = true if that is meant"
        )


def _unusable(listener: SipListener) -> Iterator[str]:
    """What a listener lacks of what its other settings need."""
    if not is_address(listener.address):
        yield 'address: an IP address; "0.0.0.0" or "::" is every one that this machine has'
    place = _PLACE.fullmatch(listener.advertise)
    if listener.advertise and (place is None or int(place[2] or 1) not in range(1, LAST_PORT + 1)):
        yield "advertise: has the form host or host:port"
    tls = (listener.tls_certificate, listener.tls_key)
    if listener.transport == "tls" and not all(tls):
        yield 'transport: "tls" needs tls_certificate and tls_key'
    if listener.transport != "tls" and (any(tls) or listener.tls_client_ca):
        yield 'transport: certificates are for "tls"'
    if bool(listener.tls_client_ca) != (listener.authentication == "certificate"):
        yield 'authentication: "certificate" needs tls_client_ca, and only it does'
