"""How what is to be sent gets to the socket: once a turn for each client, and at once.

Answers and events gather while a turn lasts.  `Turn` knows who has something to send and has it written when
the turn is over, behind what the simulated PBX, or any driver that reports in the turn after its command, has
to say: so an answer and the events that follow it leave in one write, and a client wakes up once for both.
Where little is going on, an answer does not wait for that: what a write costs is nobody's time then.

Twisted's ``transport.write`` does not send: it puts the bytes by, asks the poller to say when the socket can
be written to, and sends in another turn of the loop.  That is two system calls and a turn for each write, as
much as the write itself, and nearly always the socket could have been written to.  So `send` writes at once
and leaves to the transport what the socket does not take.  It has to know that the transport has nothing put
by, which only the private parts of Twisted's TCP transports tell; it is the only place that looks at those,
``AT_ONCE = False`` does without, and whatever is no plain TCP transport (TLS, a test's) gets its bytes by
``write`` in any case.
"""

from __future__ import annotations

from typing import Any, Protocol

import structlog
from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Connection

AT_ONCE = True
log = structlog.get_logger(__name__)


class Sender(Protocol):
    """Somebody who has something to send."""

    def flush(self) -> None:
        """Send it."""

    def abort(self) -> None:
        """It could not be sent: close the connection, since something would be missing."""


class Turn:
    """Those who have something to send when this turn of ``clock`` is over.

    ``quiet``: one alone had something to send in the last one.
    """

    __slots__ = ("_clock", "_senders", "quiet")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._senders: list[Sender] = []
        self.quiet = True

    def add(self, sender: Sender) -> None:
        """Have ``sender`` flushed; a second time before that is its own to avoid."""
        if not self._senders:
            self._clock.callLater(0, self._flush)
        self._senders.append(sender)

    def _flush(self) -> None:
        senders, self._senders = self._senders, []
        self.quiet = len(senders) == 1
        for sender in senders:
            try:
                sender.flush()
            except Exception:  # a bug, which must not cost the others their answers
                log.exception("not sent, closing")
                sender.abort()


def can_send_at_once(transport: Any) -> bool:
    """Whether `send` may go round ``transport``'s buffers: asked once for each connection."""
    return AT_ONCE and isinstance(transport, Connection) and not transport.TLS


def send(transport: Any, data: bytes) -> None:
    """Send ``data`` on a transport that `can_send_at_once`, behind whatever is still to be sent."""
    if (
        transport._tempDataBuffer  # noqa: SLF001 - see the module's text
        or transport.dataBuffer
        or transport.disconnecting
        or transport._writeDisconnected  # noqa: SLF001 - as above
        or not transport.connected
    ):
        transport.write(data)
        return
    try:
        sent = transport.socket.send(data)
    except OSError:  # it is full, or the connection is lost: the transport finds out what by itself
        sent = 0
    if sent < len(data):
        transport.write(data[sent:])
