"""The answer to a request, and the way back for it (RFC 3261 §8.2.6, §18.2; RFC 3581)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ctigw.sip.errors import Malformed, reason_of
from ctigw.sip.fields import VIA, split_list
from ctigw.sip.hops import DEFAULT_PORT, Remote
from ctigw.sip.message import Request

_TRYING = 100
_BRANCH = re.compile(r";\s*branch\s*=\s*([^\s;,\"]+)", re.IGNORECASE)
_RPORT = re.compile(r";\s*rport\s*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)
_RECEIVED = re.compile(r";\s*received\s*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)
COOKIE = "z9hG4bK"
_PORT_MAX = 65535


def key_of(request: Request) -> str:
    """By what a request is known when it comes again (§17.2.3), as long as `back_of` has not seen it.

    An ACK has the key of the INVITE that it ends; a CANCEL has one of its own: see `cancelled_key`.
    """
    vias = request.headers["Via"]
    if "," in vias[0]:
        vias[:1] = split_list(vias[0])
    top = vias[0]
    method = request.method
    if method == "ACK":
        method = "INVITE"
    match = _BRANCH.search(top)
    if match:
        branch = match[1]
        if branch.startswith(COOKIE) and len(branch) > len(COOKIE):
            return f"{branch} {top.partition(';')[0]} {method}"
    # A peer of RFC 2543, whose branch may be anything, or nothing.
    return f"{request.call_id} {request.cseq} {request.from_tag} {top} {method}"


def back_of(request: Request, source: Remote) -> Remote:
    """Where the answers go; the top Via gets where the request came from (§18.2.1, RFC 3581 §4).

    An answer goes to nobody but the sender.  Over a connection it goes back on that; a datagram's to the
    address and port that it came from.  A port that the Via names is taken (§18.2.2) only when the Via also
    names the very host that sent: then it is a peer that sends from one port and listens on another.
    Whatever else the Via says is a stranger's word, or an address behind somebody's translation.

    Raises `Malformed`.
    """
    vias = request.headers["Via"]
    if "," in vias[0]:
        vias[:1] = split_list(vias[0])
    match = VIA.match(vias[0])
    if not match:
        raise Malformed(400, "Bad Via")
    _, host, digits = match.groups()
    vias[0], named = _marked(vias[0], match.end(), host.strip("[]").lower(), source)
    port = int(digits or DEFAULT_PORT)
    if source.flow or not named or port == source.port or not 0 < port <= _PORT_MAX:
        return source
    return Remote(source.transport, source.host, port, 0, source.local)


def _marked(top: str, start: int, host: str, source: Remote) -> tuple[str, bool]:
    """The Via with where it really came from, and whether the answer may go to what it names itself."""
    lower = top.lower()
    if "received" in lower:
        top = top[:start] + _RECEIVED.sub("", top[start:])
    named = host == source.host
    rport = _RPORT.search(top, start) if "rport" in lower else None
    if rport:
        top = f"{top[: rport.start()]};rport={source.port};received={source.host}{top[rport.end() :]}"
        return top, False
    return (top if named else f"{top};received={source.host}"), named


def branch_of(via: str) -> str:
    """The branch of a Via (the first of a line), "" when it has none."""
    match = _BRANCH.search(via.partition(",")[0])
    return match[1] if match else ""


def cancelled_key(key: str) -> str:
    """The key of the INVITE that a CANCEL with ``key`` is about (§9.2)."""
    return key.removesuffix("CANCEL") + "INVITE"


def reply(
    request: Request,
    status: int,
    reason: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    tag: str = "",
) -> bytes:
    """The answer as it is sent; ``tag`` is that of To, where the request has none yet (§8.2.6.2).

    Raises `ValueError` for a line break in what is given.
    """
    of = request.headers
    lines = [f"SIP/2.0 {status} {reason or reason_of(status)}"]
    for text in of["Via"]:
        lines.append(f"Via: {text}")  # noqa: PERF401 - dearer here
    # One of each, also when the request is refused for having two.
    for name in ("From", "To", "Call-ID", "CSeq"):
        if name in of:
            lines.append(f"{name}: {of[name][0]}")
            if name == "To" and tag and not request.to_tag:
                lines[-1] += ";tag=" + tag
    if "Record-Route" in of:  # of the dialog that it may begin (§12.1.1)
        lines += [f"Record-Route: {text}" for text in of["Record-Route"]]
    if status == _TRYING and "Timestamp" in of:
        lines.append(f"Timestamp: {of['Timestamp'][0]}")
    for name, text in headers:
        lines.append(f"{name}: {text}")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    head = "\r\n".join(lines).encode("utf-8", "surrogateescape")
    if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1:
        raise ValueError("a line break in an answer")
    return head + body
