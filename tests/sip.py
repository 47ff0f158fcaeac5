"""What the tests of SIP have in common: a clock, a stack, messages as they come over the wire."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from ctigw.sip.events import Settings
from ctigw.sip.hops import Local, Remote
from ctigw.sip.message import Message, Request, parse
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timers

LOCALS = (Local("UDP", "192.0.2.1", 5060), Local("TCP", "192.0.2.1", 5060), Local("TLS", "192.0.2.1", 5061))
PEER = Remote("UDP", "192.0.2.15", 5060)
FLOW = Remote("TCP", "192.0.2.15", 40001, 7, 1)


class Clock:
    """Time, in seconds, that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def tokens(prefix: str = "t") -> Callable[[], str]:
    """Random text that is not random."""
    numbers = count()
    return lambda: f"{prefix}{next(numbers)}"


class Node:
    """A stack with its clock, and all that it sent and told."""

    def __init__(
        self, settings: Settings | None = None, clock: Clock | None = None, prefix: str = "t"
    ) -> None:
        self.clock = clock or Clock()
        self.timers = Timers(self.clock)
        self.stack = Stack(self.timers, tokens(prefix), LOCALS, settings)

    def receive(self, data: bytes | str, source: Remote = PEER) -> None:
        self.stack.receive(data.encode() if isinstance(data, str) else data, source)

    def sent(self) -> list[tuple[Remote, Message]]:
        """What is to be sent now, read again."""
        return [(to, parse(data)) for to, data in self.stack.outgoing()]

    def statuses(self) -> list[int]:
        """Of the responses that are to be sent now."""
        return [parse(data).status for _, data in self.stack.outgoing() if data.startswith(b"SIP/2.0 ")]  # type: ignore[union-attr]

    def passes(self, seconds: float) -> None:
        """Let time pass, every timer at its time."""
        end = self.clock.seconds + seconds
        while (due := self.stack.next_timeout()) is not None and due <= end:
            self.clock.seconds = max(self.clock.seconds, due)
            self.stack.timeout()
        self.clock.seconds = end


def wire(
    method: str = "OPTIONS",
    *,
    uri: str = "sip:bob@example.com",
    via: str = "SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKa1",
    to: str = "<sip:bob@example.com>",
    sender: str = "<sip:alice@example.net>;tag=88sja8x",
    call_id: str = "call-1",
    cseq: int | str = 1,
    more: str = "",
    body: str = "",
) -> bytes:
    """A request as it arrives."""
    cseq = f"{cseq} {method}" if isinstance(cseq, int) else cseq
    return (
        f"{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nTo: {to}\r\nFrom: {sender}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq}\r\n{more}Content-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


def ours(method: str = "NOTIFY", body: bytes = b"", **headers: str) -> Request:
    """A request as those above a stack make it."""
    of = {
        "From": ["<sip:alice@example.com>;tag=1"],
        "To": ["<sip:bob@example.net>"],
        "Call-ID": ["call-2"],
        "CSeq": [f"7 {method}"],
    }
    of.update({name.replace("_", "-"): [text] for name, text in headers.items()})
    return Request(method, "sip:bob@192.0.2.15", of, body)


def answer_to(request: Message, status: int = 200, reason: str = "OK", to_tag: str = "9") -> bytes:
    """A response of the peer's."""
    to = request.get("To") + ("" if "tag=" in request.get("To") else f";tag={to_tag}")
    vias = "".join(f"Via: {via}\r\n" for via in request.values("Via"))
    return (
        f"SIP/2.0 {status} {reason}\r\n{vias}From: {request.get('From')}\r\nTo: {to}\r\n"
        f"Call-ID: {request.call_id}\r\nCSeq: {request.get('CSeq')}\r\nContent-Length: 0\r\n\r\n"
    ).encode()
