"""One SIP server: what arrives goes through the stack to whoever serves it, what it causes goes out with it.

The five calls of the stack, with everything behind it; only `net/` has sockets and a clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from ctigw.presence.engine import Presence
from ctigw.simple.server import Server
from ctigw.simple.subscriptions import Subscriptions
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.events import Answered, Asked, Cancelled, Event
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.stack import Stack
from ctigw.sip.uri import aor

log = structlog.get_logger(__name__)


class Node:
    """The stack, and what it is there for.  ``disconnected`` is told connections that are gone.

    What arrives is served when it is asked what is to be sent: all that came at once makes one change, and
    who has changed something otherwise has only to see to it that it is asked.
    """

    def __init__(
        self,
        stack: Stack,
        server: Server,
        presence: Presence,
        subscriptions: Subscriptions,
        counters: Counter[str],
    ) -> None:
        self._stack, self._server, self._counters = stack, server, counters
        self._presence, self._subscriptions = presence, subscriptions
        self._certified: dict[int, frozenset[str]] = {}
        self.disconnected: Callable[[Remote], None] = lambda _remote: None

    def receive(self, data: bytes, source: Remote) -> None:
        """Bytes have come."""
        self._stack.receive(data, source)

    def lost(self, remote: Remote) -> None:
        """A connection is gone, or could not be opened."""
        self._certified.pop(remote.flow, None)
        self._stack.lost(remote)
        self.disconnected(remote)

    def timeout(self) -> None:
        """It is the time that `next_timeout` gave."""
        self._stack.timeout()

    def next_timeout(self) -> float | None:
        """When `timeout` is to be called."""
        return self._stack.next_timeout()

    def outgoing(self) -> list[tuple[Remote, bytes]]:
        """Serve what has come and say what has changed by it: what is to be sent now, or a part of it."""
        while True:
            self._turn()
            out = self._stack.outgoing()
            if out or not self._subscriptions.waiting:
                return out

    def connected(self, remote: Remote, names: tuple[str, ...]) -> None:
        """A peer has shown a certificate with these names."""
        self._certified[remote.flow] = frozenset(map(_address, names))

    def certified(self, source: Remote) -> frozenset[str]:
        """The names in the certificate of whoever is behind ``source``."""
        return self._certified.get(source.flow, frozenset())

    def _turn(self) -> None:
        events = self._stack.events()
        while True:
            for event in events:
                self._serve(event)
            self._presence.settle()
            self._subscriptions.flush()
            events = self._stack.events()
            if not events:
                return

    def _serve(self, event: Event) -> None:
        try:
            if isinstance(event, Asked):
                self._asked(event.incoming, self._server.serve)
            elif isinstance(event, Answered):
                event.done(event.outcome)
            elif isinstance(event, Cancelled):
                event.incoming.respond(487)
        except Exception:  # a bug: it must not cost the others their answers
            log.exception("not served")

    def _asked(self, incoming: Incoming, serve: Callable[[Incoming], None]) -> None:
        self._counters["SIP requests"] += 1
        try:
            serve(incoming)
        except Rejected as refusal:
            incoming.reject(refusal)
        except Exception:
            incoming.respond(500)
            raise


def _address(name: str) -> str:
    """The address of record that a name in a certificate means: a URI, or whatever it is."""
    try:
        return aor(name)
    except Malformed:
        return name.lower()
