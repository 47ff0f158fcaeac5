"""One question to a server of this gateway's own, and its answer: for those who look whether it is well.

With TLS the server need not prove who it is: it is ours, and reached by an address that no certificate names.
What it shows is compared with the file that it should be.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import CannotListenError, ConnectError, ConnectionDone
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate, CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from ctigw.config.values import place
from ctigw.values import value

T = TypeVar("T")
# Seconds after which a datagram is sent again, once for each: even on loopback one may be lost.
AGAIN = (0.5, 1.0, 2.0)


class UnreachableError(Exception):
    """There is nobody, or what came is no answer; the text says why."""


@value
class At:
    """Where a listener is: a host's address and a port, or the path of a Unix socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        return self.path or place(self.host, self.port)


def endpoint(reactor: Any, at: At) -> Any:
    """How Twisted connects there."""
    if at.path:
        unix: Any = UNIXClientEndpoint  # untyped in Twisted
        return unix(reactor, at.path)
    kind = TCP6ClientEndpoint if ":" in at.host else TCP4ClientEndpoint
    return kind(reactor, at.host, at.port)


async def reach(reactor: Any, at: At, protocol: Protocol, *, tls: bool = False) -> None:
    """Connect ``protocol`` with who listens ``at``.  Raises `UnreachableError`."""
    make: Any = Factory.forProtocol
    factory = make(lambda: protocol)
    factory.noisy = False
    if tls:
        factory = TLSMemoryBIOFactory(CertificateOptions(), isClient=True, wrappedFactory=factory)
        factory.noisy = False
    try:
        await endpoint(reactor, at).connect(factory)
    except (ConnectError, OSError) as why:
        refused = isinstance(why, error.ConnectionRefusedError)
        raise UnreachableError("nobody listens there" if refused else str(why).rstrip(".")) from None


def shown(transport: Any) -> bytes:
    """The certificate that the other end of a TLS connection has shown, as DER; b"" for none."""
    certificate = transport.getPeerCertificate()
    return b"" if certificate is None else _der(_certificate(certificate))


def own(file: str) -> bytes:
    """The first certificate in the PEM ``file``, as DER.  Raises `OSError`, `ValueError`."""
    return _der(Certificate.loadPEM(Path(file).read_bytes()))


# Untyped in Twisted.
_certificate: Any = Certificate


def _der(certificate: Any) -> bytes:
    der: bytes = certificate.dump()
    return der


class _Exchange(Protocol, Generic[T]):
    """Sends what is asked when it is connected, and waits for ``enough``, which makes the answer of it."""

    def __init__(self, request: bytes, enough: Callable[[bytes], T | None], most: int) -> None:
        self._request, self._enough, self._most = request, enough, most
        self._data = b""
        self.answer: Deferred[T] = Deferred()
        # What the other end has shown, once it has said something.
        self.certificate = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        if self.answer.called:
            return
        self._data += data
        found = self._enough(self._data)
        if found is not None:
            if hasattr(self.transport, "getPeerCertificate"):
                self.certificate = shown(self.transport)
            self.answer.callback(found)
        elif len(self._data) > self._most:
            self.answer.errback(UnreachableError("what it says is not what it should"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            closed = isinstance(reason.value, ConnectionDone)
            why = (
                "it closes the connection"
                if closed
                else f"the connection is lost: {reason.getErrorMessage()}"
            )
            self.answer.errback(UnreachableError(why))


async def exchange(
    reactor: Any,
    at: At,
    request: bytes,
    enough: Callable[[bytes], T | None],
    *,
    tls: bool = False,
    most: int = 1 << 16,
) -> tuple[T, bytes]:
    """What ``enough`` makes of the first bytes that come for ``request``, of which there are ``most``.

    With it the certificate that was shown.  Raises `UnreachableError`.
    """
    asking = _Exchange(request, enough, most)
    await reach(reactor, at, asking, tls=tls)
    try:
        answer = await asking.answer
    finally:
        transport: Any = asking.transport
        transport.abortConnection()
    return answer, asking.certificate


class _Datagram(DatagramProtocol, Generic[T]):
    """The same with one datagram each way."""

    noisy = False

    # Untyped in Twisted as soon as it is connected.
    transport: Any

    def __init__(self, reactor: Any, at: At, enough: Callable[[bytes], T | None]) -> None:
        self._reactor, self._at, self._enough = reactor, at, enough
        self._again: Any = None
        self.answer: Deferred[T] = Deferred()

    def startProtocol(self) -> None:
        self.transport.connect(self._at.host, self._at.port)

    def ask(self, request: bytes, again: tuple[float, ...] = AGAIN) -> None:
        """Send ``request``, and again as long as there is no answer."""
        self.transport.write(request)
        if again:
            self._again = self._reactor.callLater(again[0], self.ask, request, again[1:])

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        found = self._enough(datagram)
        if found is not None and not self.answer.called:
            self.answer.callback(found)

    def connectionRefused(self) -> None:
        if not self.answer.called:
            self.answer.errback(UnreachableError("nobody listens there"))

    def stopProtocol(self) -> None:
        """Which is also how some reactors say that nobody listens there."""
        self.connectionRefused()
        if self._again is not None and self._again.active():
            self._again.cancel()


async def exchange_datagrams(
    reactor: Any, at: At, request: Callable[[At], bytes], enough: Callable[[bytes], T | None]
) -> T:
    """What ``enough`` makes of a datagram that comes for what ``request`` makes of our own address.

    Raises `UnreachableError`.
    """
    asking = _Datagram(reactor, at, enough)
    try:
        port = reactor.listenUDP(0, asking, interface="::" if ":" in at.host else "0.0.0.0")  # noqa: S104 - to ask from
    except CannotListenError as why:
        raise UnreachableError(str(why)) from None
    try:
        asking.ask(request(At(at.host, port.getHost().port)))
        return await asking.answer
    finally:
        port.stopListening()
