"""SIP over TCP and TLS: connections with their numbers, opened by peers or by the gateway.

What is to be sent to a connection gathers until `Streams.flush`, and leaves in one write.  A peer that does
not read is closed at a bound: SIP has no way to tell it what was left out, and it will come again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from ctigw.config.sip import SipLimits
from ctigw.net import tls
from ctigw.net.serving import bounded, fire
from ctigw.net.sip_connection import GOODBYE, SipConnection
from ctigw.sip.hops import Remote

# Seconds between two looks for connections on which nothing comes; an eighth of the time where that is less.
SWEEP = 30.0
_MAPPED = "::ffff:"
log = structlog.get_logger(__name__)


class SipFactory(Factory):
    """Accepts the connections of one listener: as many as allowed."""

    noisy = False

    def __init__(self, streams: Streams, transport: str, local: int) -> None:
        self._streams, self._transport, self._local = streams, transport, local

    def buildProtocol(self, addr: IAddress | None) -> SipConnection | None:
        """A connection for the peer at ``addr``; None, which closes it, when there are too many."""
        if isinstance(addr, (IPv4Address, IPv6Address)):
            host, port = addr.host.removeprefix(_MAPPED), addr.port
        else:
            host, port = "", 0
        return self._streams.accept(self._transport, host, port, self._local)


class Streams:
    """All connections.

    ``received`` is called with each connection's bytes, ``certified`` with the names in a peer's certificate,
    ``lost`` with each remote to which there is no connection (any more).
    """

    def __init__(
        self,
        reactor: Any,
        limits: SipLimits,
        *,
        received: Callable[[SipConnection, bytes], None],
        certified: Callable[[Remote, tuple[str, ...]], None],
        lost: Callable[[Remote], None],
        counters: Counter[str],
    ) -> None:
        self.clock, self._limits, self._counters = reactor, limits, counters
        self._received, self._certified, self._lost = received, certified, lost
        # Whom to believe that servers are who they say (tls.trusted).
        self.trust: Any = None
        # By flow, and by where they lead, since who asks for a place does not care who opened the connection.
        self._flows: dict[int, SipConnection] = {}
        self._places: dict[tuple[str, str, int], SipConnection] = {}
        self._count: Counter[int] = Counter()
        self._last_flow = 0
        self._to_flush: list[SipConnection] = []
        self._sweep: IDelayedCall | None = None
        self._ended: Deferred[None] | None = None
        self._is_ending = False
        # Why the last server could not be reached, in words.
        self.trouble = ""

    def __len__(self) -> int:
        return len(self._flows)

    def accept(self, transport: str, host: str, port: int, local: int) -> SipConnection | None:
        """A connection that a peer opens; None when its listener has as many as it may."""
        if self._is_ending or self._count[local] >= self._limits.connections:
            self._counters["SIP connections refused"] += 1
            log.warning("too many SIP connections, closing", peer=host)
            return None
        return self._add(transport, host, port, local, is_ours=False)

    def send(self, remote: Remote, data: bytes) -> None:
        """Send ``data`` with the next `flush`; nothing, and it closes after what was sent to it before."""
        connection = self._towards(remote)
        if connection is None:
            self.clock.callLater(0, self._lost, remote)
            return
        if not data:
            connection.close()
            self._over(connection)
            return
        connection.put(data)
        if not connection.is_flushing:
            connection.is_flushing = True
            self._to_flush.append(connection)

    def flush(self) -> None:
        """Send what has gathered."""
        to_flush, self._to_flush = self._to_flush, []
        for connection in to_flush:
            connection.flush()
            if connection.waiting > self._limits.send_queue:
                log.warning("SIP peer does not read, closing", peer=connection.remote.host)
                self._counters["SIP peers closed for not reading"] += 1
                self._end(connection)

    # sip_connection.Owner

    def received(self, connection: SipConnection, data: bytes) -> None:
        self._received(connection, data)

    def certified(self, remote: Remote, names: tuple[str, ...]) -> None:
        self._certified(remote, names)

    def gone(self, connection: SipConnection, why: BaseException | None) -> None:
        """``connection`` is closed."""
        if connection.is_ours and why is not None and connection.heard is None:
            self.trouble = _in_words(why)
            log.warning("SIP server lost", peer=_shown(connection.remote), why=self.trouble)
        self._forget(connection)

    def close(self) -> Deferred[None]:
        """Close every connection, once what it has been sent is out; fires when that is done.

        Who does not take it in time is closed all the same.
        """
        self._is_ending = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._ended = bounded(self.clock, GOODBYE)
        for connection in tuple(self._flows.values()):
            if not connection.is_over:
                connection.close()
        if not self._flows:
            fire(self._ended)
        return self._ended.addCallback(self._abort)

    def _abort(self, _none: None) -> None:
        for connection in tuple(self._flows.values()):
            connection.abort()

    def _add(self, transport: str, host: str, port: int, local: int, *, is_ours: bool) -> SipConnection:
        self._last_flow += 1
        remote = Remote(transport, host, port, self._last_flow, local)
        connection = SipConnection(self, remote, is_ours=is_ours)
        self._flows[remote.flow] = connection
        self._places[transport, host, port] = connection
        self._count[-1 if is_ours else local] += 1
        if self._sweep is None:
            self._sweep = self.clock.callLater(self._between, self._look)
        return connection

    def _towards(self, remote: Remote) -> SipConnection | None:
        """The connection to ``remote``, opened if need be; None: there is none."""
        if remote.flow:
            found = self._flows.get(remote.flow)
        else:
            found = self._places.get((remote.transport, remote.host, remote.port))
        if found is not None and found.is_over:
            found = None
        if found is None and not remote.flow and not self._is_ending:
            found = self._open(remote)
        return found

    def _open(self, remote: Remote) -> SipConnection | None:
        if self._count[-1] >= self._limits.connections:
            self._counters["SIP connections refused"] += 1
            log.warning("too many SIP connections, opening no more", peer=remote.host)
            return None
        seconds = self._limits.connect_seconds
        place: Any = HostnameEndpoint(self.clock, remote.host.strip("[]"), remote.port, timeout=seconds)
        if remote.transport == "TLS":
            try:
                place = wrapClientTLS(tls.towards(remote.host.strip("[]"), self.trust), place)
            except ValueError:  # a host that no certificate can name; peers can write what they like
                return None
        connection = self._add(remote.transport, remote.host, remote.port, remote.local, is_ours=True)
        connection.bound = self.clock.callLater(seconds, self._too_late, connection)
        factory = Factory.forProtocol(lambda: connection)
        factory.noisy = False
        connection.opening = place.connect(factory)
        connection.opening.addErrback(self._unreachable, connection)
        return connection

    def _too_late(self, connection: SipConnection) -> None:
        connection.bound = None
        self.trouble = f"no connection in {self._limits.connect_seconds:g} s"
        log.warning("SIP server does not answer", peer=_shown(connection.remote))
        self._end(connection)

    def _unreachable(self, failure: Failure, connection: SipConnection) -> None:
        if not isinstance(failure.value, CancelledError):
            self.trouble = str(failure.value)
            log.info("SIP server cannot be reached", peer=_shown(connection.remote), why=self.trouble)
        self._forget(connection)

    def _end(self, connection: SipConnection) -> None:
        connection.abort()
        self._over(connection)

    def _over(self, connection: SipConnection) -> None:
        """Nobody uses ``connection`` any more; who counted on it is told, once."""
        remote = connection.remote
        connection.is_over = True
        place = (remote.transport, remote.host, remote.port)
        if self._places.get(place) is connection:
            del self._places[place]
        if not connection.is_told and not self._is_ending:
            self._lost(remote)
        connection.is_told = True

    def _forget(self, connection: SipConnection) -> None:
        """``connection`` is closed, or never was open."""
        self._over(connection)
        for timer in (connection.resting, connection.bound):
            if timer is not None and timer.active():
                timer.cancel()
        if self._flows.pop(connection.remote.flow, None) is None:
            return
        self._count[-1 if connection.is_ours else connection.remote.local] -= 1
        if not self._flows:
            if self._sweep is not None:
                self._sweep.cancel()
                self._sweep = None
            fire(self._ended)

    # Connections on which nothing comes

    @property
    def _between(self) -> float:
        return min(SWEEP, self._limits.idle_seconds / 8, self._limits.silent_seconds / 8)

    def _look(self) -> None:
        self._sweep = None
        now = self.clock.seconds()
        for connection in tuple(self._flows.values()):
            if connection.heard is not None:
                late = now - connection.heard > self._limits.idle_seconds
            elif connection.is_ours:
                late = now - connection.since > self._limits.idle_seconds
            else:
                late = now - connection.since > self._limits.silent_seconds
            if late and not connection.is_over:
                self._counters["idle SIP connections closed"] += 1
                self._end(connection)
        if self._flows and not self._is_ending:
            self._sweep = self.clock.callLater(self._between, self._look)


def _shown(remote: Remote) -> str:
    return f"{remote.transport} {remote.host}:{remote.port}"


def _in_words(why: BaseException) -> str:
    said: Any = why.args[0] if why.args else why
    if not isinstance(said, list) or not said:
        return str(why)
    if not isinstance(said[-1], tuple):  # OpenSSL says it in triples: this is the name that was asked for
        return "TLS: the certificate is of somebody else"
    return f"TLS: {said[-1][-1]}"
