"""CSTA over TCP: who is let in, and how everybody is let go."""

from __future__ import annotations

import ipaddress
from itertools import count

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from ctigw.config import Listener
from ctigw.csta.device_id import shown_as
from ctigw.net.csta_connection import CstaConnection
from ctigw.net.serving import Serving, bounded, fire
from ctigw.services.session import Session

# Seconds that clients have to take what they were sent before the gateway ended.
GOODBYE = 1.0
log = structlog.get_logger(__name__)


class CstaFactory(Factory):
    """Accepts the clients of one listener: as many as allowed, from the networks allowed."""

    noisy = False

    def __init__(self, serving: Serving, listener: Listener) -> None:
        self._serving, self._listener = serving, listener
        self._networks = [ipaddress.ip_network(network) for network in listener.networks]
        self._show = shown_as(listener.device_id_form, listener.device_id_domain)
        self._open: set[CstaConnection] = set()
        self._numbers = count(1)
        self._closed: Deferred[None] | None = None

    @property
    def endpoint(self) -> str:
        """What the configuration calls this listener."""
        return self._listener.endpoint

    def sessions(self) -> list[Session]:
        """The clients, in the order in which they have connected."""
        return sorted((each.session for each in self._open), key=lambda session: session.number)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._open)

    def buildProtocol(self, addr: IAddress | None) -> CstaConnection | None:
        """A connection for the client at ``addr``; None, which closes it, when it is not welcome."""
        host = str(getattr(addr, "host", ""))
        if self._listener.authentication == "address" and not self._allowed(host):
            log.warning("address not allowed, closing", peer=host)
            self._serving.counters["addresses refused"] += 1
            return None
        if self.connections >= self._serving.limits.connections:
            log.warning("too many connections, closing", peer=host)
            self._serving.counters["connections refused"] += 1
            return None
        connection = CstaConnection(
            self._serving, self._listener, host, self._gone, self._show, next(self._numbers)
        )
        self._open.add(connection)
        return connection

    def _gone(self, connection: CstaConnection) -> None:
        self._open.discard(connection)
        if not self._open:
            fire(self._closed)

    def close(self) -> Deferred[None]:
        """Close every connection, once what it has been sent is out; fires when that is done.

        Who does not take it in time is closed all the same.
        """
        self._closed = bounded(self._serving.clock, GOODBYE)
        for connection in tuple(self._open):
            connection.close()
        if not self._open:
            fire(self._closed)
        return self._closed.addCallback(self._abort)

    def _abort(self, _none: None) -> None:
        for connection in tuple(self._open):
            connection.abort()

    def _allowed(self, host: str) -> bool:
        address = ipaddress.ip_address(host)
        # A listener for both families is given IPv4 clients in IPv6's form.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)
