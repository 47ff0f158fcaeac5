"""The section ``[web]``: where SOAP and REST are served, and what clients may take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ctigw.config.values import LAST_PORT, Positive, Seconds, is_address, is_loopback_host

Interface = Literal["epas", "presence", "axl", "serviceability"]


class WebListener(Struct, frozen=True, forbid_unknown_fields=True):
    """One place where HTTP is spoken."""

    # Loopback until somebody says otherwise: passwords are asked for here.
    address: str = "127.0.0.1"
    # 8443 is where clients look for "epas", "axl" and "serviceability" (TLS), 8083 (TLS) and 8082 for
    # "presence"; 0 is any free port, for tests.
    port: Annotated[int, Meta(ge=0, le=LAST_PORT)] = 8443
    # What is served here: "epas" (contacts, rules, settings), "presence" (the presence web service, which
    # needs SIP), "axl" (administration), "serviceability".
    serves: tuple[Interface, ...] = ("epas", "axl", "serviceability")
    # PEM files, as for CSTA; both empty: no TLS.
    tls_certificate: str = ""
    tls_key: str = ""
    # Who may say that a client's certificate is true; clients without one are not served then.
    tls_client_ca: str = ""
    # Without TLS, passwords can be read on the way: on an address that others can reach this must be said.
    without_tls: bool = False


class WebLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what clients may take."""

    # On each listener.  One with TLS costs some 60 kB while it is open.
    connections: Positive = 2_000
    # Of one request's body: a list of a thousand contacts has 150 kB.
    body_bytes: Annotated[int, Meta(ge=1024)] = 1024 * 1024
    # Of the bodies of all requests that are not answered yet, on each listener; beyond them 503.  As much
    # again of answers that nobody reads; beyond them 503 in the place of every large one.
    all_body_bytes: Annotated[int, Meta(ge=1024)] = 64 * 1024 * 1024
    # Seconds from the first byte of a request to its last, and from connecting to the first request's end.
    # Who sends a byte now and then must not keep a connection for ever.
    request_seconds: Seconds = 30.0
    # Seconds that a connection stays open between two requests, and that an answer may take to be read.
    idle_seconds: Seconds = 60.0
    # Those who are logged in, at all interfaces together; some 1 kB each.
    sessions: Positive = 50_000


class Web(Struct, frozen=True, forbid_unknown_fields=True):
    """SOAP and REST."""

    # None: they are off.
    listeners: tuple[WebListener, ...] = ()
    # Seconds after which a session ends that is not used: a working day.
    session_seconds: Annotated[float, Meta(ge=60)] = 36_000.0
    # The HTTP status of SOAP faults of EPAS.  The Guide does not say; "standard" is SOAP's own (400 and 500),
    # "ok" is 200, for clients that look into no other answer.
    fault_status: Literal["standard", "ok"] = "standard"
    limits: WebLimits = WebLimits()


def faults(web: Web) -> Iterator[str]:
    """What makes no sense although each value by itself does: the key, and why."""
    places = [(listener.address, listener.port) for listener in web.listeners]
    for index, listener in enumerate(web.listeners):
        for why in _listener_faults(listener):
            yield f"listeners[{index}].{why}"
        if listener.port and places[index] in places[:index]:
            yield f"listeners[{index}].port: another listener has it"
    if web.limits.body_bytes > web.limits.all_body_bytes:
        yield "limits.all_body_bytes: is less than one body may have"


def _listener_faults(listener: WebListener) -> Iterator[str]:
    if not is_address(listener.address):
        yield 'address: an IP address; "0.0.0.0" or "::" is every one that this machine has'
    if not listener.serves:
        yield "serves: nothing is served here"
    tls = (listener.tls_certificate, listener.tls_key)
    if any(tls) and not all(tls):
        yield "tls_certificate: needs tls_key as well, and the other way round"
    if listener.tls_client_ca and not all(tls):
        yield "tls_client_ca: needs tls_certificate and tls_key"
    if not any(tls) and not listener.without_tls and not is_loopback_host(listener.address):
        yield (
            "tls_certificate: passwords can be read by others on an address that is not loopback; "
            "say without_tls = true if that is meant"
        )
