"""One connection of SIP over TCP or TLS, from when it is wanted until it is closed."""

from __future__ import annotations

from typing import Any
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ctigw.net import tls
from ctigw.net.sending import can_send_at_once, send
from ctigw.sip.hops import Remote

# Seconds that peers have to take what they were sent, and over TLS to say that they close as well.
GOODBYE = 1.0


class Owner(Interface):
    """Who has all connections."""

    @property
    def clock(self) -> IReactorTime: ...

    def received(self, connection: SipConnection, data: bytes) -> None:
        """Some bytes have come."""

    def certified(self, remote: Remote, names: tuple[str, ...]) -> None:
        """The peer has shown a certificate that is true."""

    def gone(self, connection: SipConnection, why: BaseException | None) -> None:
        """It is closed."""


@implementer(IPushProducer, IHandshakeListener)
class SipConnection(Protocol):
    """``is_ours``: the gateway opens it."""

    def __init__(self, streams: Owner, remote: Remote, *, is_ours: bool) -> None:
        self._streams, self.remote, self.is_ours = streams, remote, is_ours
        self.heard: float | None = None
        self.since = streams.clock.seconds()
        self.is_flushing = False
        self._waiting: list[bytes] = []
        self._size = 0
        # Until it is open, nothing can be sent.
        self._paused = True
        self._at_once = False
        # Nothing more is taken from it or put to it: the peer may still be taking the last bytes.
        self.is_over = False
        self.is_told = False
        # It has sent more than it may: when it is read from again.
        self.resting: IDelayedCall | None = None
        # Of one that is being opened; until when it must be, and until when it must be closed.
        self.opening: Deferred[Any] | None = None
        self.bound: IDelayedCall | None = None

    def connectionMade(self) -> None:
        transport = self._transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)  # a peer whose machine is gone must not hold its place for ever
        transport.registerProducer(self, True)
        self._at_once = can_send_at_once(transport)
        if self.is_over:  # it was given up meanwhile
            self._transport.abortConnection()
            return
        self._paused = False
        if self.remote.transport == "TCP":
            self._usable()
        self.flush()

    def handshakeCompleted(self) -> None:
        """Twisted's word that TLS is up, and that the certificate is true, where one had to be shown."""
        self._usable()
        certificate = self._transport.getPeerCertificate()
        if self.is_ours:  # what else its certificate may say has nobody looked at
            self._streams.certified(self.remote, (self.remote.host,))
        elif certificate is not None:
            self._streams.certified(self.remote, tls.names(certificate))

    def _usable(self) -> None:
        if self.bound is not None:
            self.bound.cancel()
            self.bound = None

    def dataReceived(self, data: bytes) -> None:
        if not self.is_over:
            self.heard = self._streams.clock.seconds()
            self._streams.received(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._streams.gone(self, reason.value)
        self.transport = None

    # What leaves

    def put(self, data: bytes) -> None:
        """Have ``data`` sent with the next flush."""
        self._waiting.append(data)
        self._size += len(data)

    @property
    def waiting(self) -> int:
        """Bytes that are not with the transport yet."""
        return self._size

    def flush(self) -> None:
        """Send what waits, unless the peer does not read."""
        self.is_flushing = False
        if self._paused or not self._waiting:
            return
        data = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        if self._at_once:
            send(self.transport, data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close once the peer has what it was sent."""
        if self.transport is None or self._paused:
            self.abort()
            return
        self.is_over = True
        self.flush()
        self._transport.unregisterProducer()  # no transport closes before its producer is gone
        self._transport.loseConnection()
        if self.transport is not None:  # over TLS the peer has to close as well, and need not want to
            self.bound = self._streams.clock.callLater(GOODBYE, self._never_closes)

    def _never_closes(self) -> None:
        self.bound = None
        self._transport.abortConnection()

    def abort(self) -> None:
        """Close at once."""
        self.is_over = True
        self._waiting.clear()
        self._size = 0
        if self.transport is not None:
            self._transport.abortConnection()
        elif self.opening is not None:
            self.opening.cancel()

    def rest(self, seconds: float) -> None:
        """Read nothing for so long."""
        if self.resting is None and not self.is_over:
            self._transport.pauseProducing()
            self.resting = self._streams.clock.callLater(seconds, self._go_on)

    def _go_on(self) -> None:
        self.resting = None
        if self.transport is not None and not self.is_over:
            self._transport.resumeProducing()

    # IPushProducer: the transport says when its peer reads too slowly

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self.flush()

    def stopProducing(self) -> None:
        self._paused = True

    @property
    def _transport(self) -> Any:
        # ITransport lacks abortConnection and registerProducer, which TCP and TLS transports have.
        assert self.transport is not None
        return self.transport
