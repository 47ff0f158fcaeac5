"""SIP: OPTIONS at each listener, a request for nobody's domain through the proxy, and somebody's presence."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from ctigw.checks.csta import ELSEWHERE, Login, must_be_own
from ctigw.checks.running import Skipped, Wrong, nothing_there
from ctigw.config.sip import Sip, SipListener
from ctigw.net.exchange import At, UnreachableError, exchange, exchange_datagrams
from ctigw.sip.errors import Malformed
from ctigw.sip.framing import StreamReader
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response, parse

# Nobody has it (RFC 2606): a request for it is sent nowhere, whatever routes there are.
NOBODY = "check.invalid"
OK, TIMEOUT, UNAVAILABLE = 200, 408, 503


async def check_listener(reactor: Any, listener: SipListener, at: At | None, domain: str) -> str:
    """OPTIONS, for the gateway itself (RFC 3261 §11).  Raises `Skipped`, `Wrong`."""
    at = _known(listener, at)
    response = await _asked(reactor, listener, at, f"sip:{domain}", domain, 70)
    if response.status != OK:
        raise Wrong(f"OPTIONS is answered {_words(response)}", "see the log of the gateway")
    return "answers OPTIONS"


async def check_proxy(reactor: Any, listener: SipListener, at: At | None, domain: str) -> str:
    """A request for a domain that nobody has, which may go no further.  Raises `Skipped`, `Wrong`."""
    at = _known(listener, at)
    response = await _asked(reactor, listener, at, f"sip:check@{NOBODY}", domain, 0)
    if response.status in (TIMEOUT, UNAVAILABLE) or response.status < OK or response.status // 100 in (2, 6):
        raise Wrong(
            f"a request for {NOBODY} is answered {_words(response)}",
            "see sip.routes, and whether the gateway has more to do than it can",
        )
    return f"a request for {NOBODY} is answered {_words(response)}"


def _known(listener: SipListener, at: At | None) -> At:
    if at is None:
        raise Skipped(ELSEWHERE)
    if listener.authentication == "certificate":
        raise Skipped("clients have to show a certificate, so nothing was asked")
    return at


def _words(response: Response) -> str:
    return f"{response.status} {response.reason}".rstrip()


async def _asked(reactor: Any, listener: SipListener, at: At, uri: str, domain: str, hops: int) -> Response:
    """The answer to OPTIONS.  Raises `Wrong`."""
    transport = listener.transport.upper()
    try:
        if listener.transport == "udp":
            write = _options(uri, domain, hops, transport)
            return await exchange_datagrams(reactor, at, write, _response)
        tls = listener.transport == "tls"
        request = _options(uri, domain, hops, transport)(At("127.0.0.1", 1))
        answer, certificate = await exchange(reactor, at, request, _streamed, tls=tls)
    except UnreachableError as error:
        raise nothing_there(error) from None
    if tls:
        must_be_own(certificate, listener.tls_certificate)
    return answer


def _options(uri: str, domain: str, hops: int, transport: str) -> Callable[[At], bytes]:
    """What writes the request, once it is known where it is from."""

    def write(own: At) -> bytes:
        branch, tag = secrets.token_hex(8), secrets.token_hex(8)
        request = Request(
            "OPTIONS",
            uri,
            {
                "Max-Forwards": [str(hops)],
                "From": [f"<sip:check@{domain}>;tag={tag}"],
                "To": [f"<{uri}>"],
                "Call-ID": [tag],
                "CSeq": ["1 OPTIONS"],
                "User-Agent": ["ctigw check"],
            },
        )
        return request.write(f"Via: SIP/2.0/{transport} {own};branch=z9hG4bK{branch};rport")

    return write


def _response(data: bytes) -> Response | None:
    """A response in a datagram."""
    try:
        message = parse(data)
    except Malformed:
        return None
    return message if isinstance(message, Response) and message.status >= OK else None


def _streamed(data: bytes) -> Response | None:
    """The first response in a stream, as soon as it is there."""
    for item in StreamReader().feed(data):
        if isinstance(item, Response) and item.status >= OK:
            return item
    return None


async def check_presence(
    reactor: Any, sip: Sip, places: list[tuple[SipListener, At | None]], somebody: str, login: Login
) -> str:
    """What somebody sees of themselves: SUBSCRIBE without expiry (RFC 3856 §6.1), and its NOTIFY.

    ``somebody``: a user of the directory, for listeners at which nobody is asked for a password.
    Raises `Skipped`, `Wrong`.
    """
    from ctigw.net.sip_agent import Account
    from ctigw.net.sip_client import SipClient, SipRefused

    found = _door(places, logs_in=bool(login.name))
    if found is None:
        raise Skipped("every listener wants to know who asks (--as asks as somebody)")
    listener, at = found
    name = login.name if login.name and listener.authentication == "digest" else somebody
    if not name:
        raise Skipped("there are no users whose presence could be asked for")
    # Whoever subscribes where nobody is waits for long.
    await _asked(reactor, listener, at, f"sip:{sip.domains[0]}", sip.domains[0], 70)
    uri = f"sip:{name if '@' in name else f'{name}@{sip.domains[0]}'}"
    server = Remote(listener.transport.upper(), at.host, at.port)
    account = Account(uri, name.partition("@")[0], login.password)
    try:
        client = SipClient(reactor, server, account)
    except OSError as error:
        raise nothing_there(error.strerror) from None
    try:
        notification = await client.fetch(uri)
    except (SipRefused, TimeoutError) as error:
        raise Wrong(f"the presence of {name} is not told: {error}", "see the log of the gateway") from None
    finally:
        client.close()
    if not notification.body:
        raise Wrong(f"the presence of {name} is told without a document", "see the log of the gateway")
    return f"the presence of {name} is told, in {len(notification.body)} bytes"


def _door(places: list[tuple[SipListener, At | None]], *, logs_in: bool) -> tuple[SipListener, At] | None:
    """A listener at which presence can be asked for; none with TLS, where its name would have to be known."""
    for authentication in ("digest", "none") if logs_in else ("none",):
        for listener, at in places:
            if at is not None and listener.transport != "tls" and listener.authentication == authentication:
                return listener, at
    return None
