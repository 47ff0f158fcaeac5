"""What a stack tells those above it, and what it is told of how to behave."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from ctigw.sip.hops import Remote
from ctigw.sip.message import Response

if TYPE_CHECKING:
    from ctigw.sip.machines import Incoming


class Settings(Struct, frozen=True, kw_only=True):
    """Times in seconds, sizes in bytes.

    ``t1``, ``t2``, ``t4``: RFC 3261 table 4: the round trip that is expected, the longest pause between two
    retransmissions, how long a message can be under way.  ``timer_c``: how long an INVITE may ring (more than
    three minutes, §16.6).

    ``max_live``: requests that nobody has answered yet; more are refused with 503.
    ``max_kept``: answers kept for requests that may come again; the oldest make room.  An answer takes some
    700 bytes with all that belongs to it, and stays for 32 seconds: the default does for 3,000 requests a
    second.

    ``datagram_limit``: longer requests go over TCP (§18.1.1: 1,300); 0: never.
    ``no_tcp``: so long a peer that took no connection is sent long requests as datagrams at once.

    ``merging``: methods of which a second copy that came by another way is refused with 482 (§8.2.2.2).  Not
    those that are passed on: they may come round again with good reason.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    timer_c: float = 190.0
    max_live: int = 20_000
    max_kept: int = 100_000
    max_head: int = 16_384
    max_body: int = 131_072
    datagram_limit: int = 1300
    no_tcp: float = 600.0
    merging: frozenset[str] = frozenset(("SUBSCRIBE", "PUBLISH", "REGISTER", "NOTIFY"))


class Outcome(Struct, frozen=True, gc=False):
    """What became of a request: the response, or why there is none.

    408: nobody answered; 503: it could not be sent.
    """

    status: int
    response: Response | None = None


Done = Callable[[Outcome], None]


class Asked(Struct, frozen=True):
    """Somebody asks; answer with ``incoming.respond``.  An ACK wants no answer."""

    incoming: Incoming


class Answered(Struct, frozen=True):
    """A request of ours has come to its end, or one that was forwarded goes on; call ``done(outcome)``."""

    done: Done
    outcome: Outcome


class Cancelled(Struct, frozen=True):
    """Who sent this INVITE wants it no more; the CANCEL is answered already.  Answer the INVITE with 487."""

    incoming: Incoming


class Stray(Struct, frozen=True, gc=False):
    """A response to nothing that we know of, counted already."""

    response: Response
    source: Remote


Event = Asked | Answered | Cancelled | Stray
