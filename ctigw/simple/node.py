"""One SIP server: what arrives goes through the stack to whoever serves it, what it causes goes out with it.

The five calls of the stack, with everything behind it; only `net/` has sockets and a clock.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ctigw.presence.engine import Presence
from ctigw.simple.server import Server
from ctigw.simple.subscriptions import Subscriptions
from ctigw.sip.errors import Rejected
from ctigw.sip.events import Answered, Asked, Cancelled, Event
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.stack import Stack

log = structlog.get_logger(__name__)


class Node:
    """The stack, and what it is there for.  `wake` after whatever entered from elsewhere."""

    def __init__(
        self, stack: Stack, server: Server, presence: Presence, subscriptions: Subscriptions
    ) -> None:
        self._stack, self._server = stack, server
        self._presence, self._subscriptions = presence, subscriptions
        self._certified: dict[int, frozenset[str]] = {}

    def receive(self, data: bytes, source: Remote) -> None:
        """Bytes have come."""
        self._stack.receive(data, source)
        self.wake()

    def lost(self, remote: Remote) -> None:
        """A connection is gone, or could not be opened."""
        self._certified.pop(remote.flow, None)
        self._stack.lost(remote)
        self.wake()

    def timeout(self) -> None:
        """It is the time that `next_timeout` gave."""
        self._stack.timeout()
        self.wake()

    def next_timeout(self) -> float | None:
        """When `timeout` is to be called."""
        return self._stack.next_timeout()

    def outgoing(self) -> list[tuple[Remote, bytes]]:
        """What is to be sent."""
        return self._stack.outgoing()

    def connected(self, remote: Remote, names: frozenset[str]) -> None:
        """A peer has shown a certificate with these names."""
        self._certified[remote.flow] = names

    def certified(self, source: Remote) -> frozenset[str]:
        """The names in the certificate of whoever is behind ``source``."""
        return self._certified.get(source.flow, frozenset())

    def wake(self) -> None:
        """Serve what has arrived, and say what has changed by it."""
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
        try:
            serve(incoming)
        except Rejected as refusal:
            incoming.respond(refusal.status, refusal.headers, reason=refusal.reason)
        except Exception:
            incoming.respond(500)
            raise
