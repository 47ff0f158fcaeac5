"""Where the bytes of SIP meet Twisted: UDP ports, TCP and TLS connections, one timer, and a sans-IO node.

What arrives is given to the node, and what it has to send is fetched and sent when all that had arrived is
read; nobody else sends.  Who changes something in the node otherwise (a command of the PBX, a commit) calls
`SipEndpoint.wake`.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import structlog
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory

from ctigw.config.sip import Sip, SipListener
from ctigw.config.values import is_address
from ctigw.net import tls
from ctigw.net.sip_connection import SipConnection
from ctigw.net.sip_datagrams import Datagrams
from ctigw.net.sip_names import Names
from ctigw.net.sip_pace import Pace
from ctigw.net.sip_streams import SipFactory, Streams
from ctigw.sip.hops import Local, Remote

# Connections that can wait to be accepted: all of them come at once after a restart.
BACKLOG = 4096
# Remotes that are kept so that they need not be made for each datagram.
REMEMBERED = 20_000
_RESPONSE = b"SIP/2.0 "
# What every request's first line ends with.
_REQUEST = b" SIP/2.0\r\n"
log = structlog.get_logger(__name__)


class Node(Protocol):
    """What speaks SIP: a stack and who serves what it hears.

    Times are those of the reactor's ``seconds``.
    """

    def receive(self, data: bytes, source: Remote) -> None:
        """A datagram, or some bytes of a connection."""

    def connected(self, remote: Remote, names: tuple[str, ...]) -> None:
        """The peer of a TLS connection has shown a certificate that is true, and these are its names."""

    def lost(self, remote: Remote) -> None:
        """A connection is gone (it has its number), cannot be had, or there is no way for datagrams."""

    def outgoing(self) -> Sequence[tuple[Remote, bytes]]:
        """What is to be sent, which is then forgotten; nothing to a connection closes it.

        It may be a part of it: what is left comes when this is called again, until there is nothing.
        """

    def next_timeout(self) -> float | None:
        """When `timeout` is to be called."""

    def timeout(self) -> None:
        """It is time."""


class SipError(ValueError):
    """A setting cannot be used: its ``key`` below "sip", and ``why``."""

    def __init__(self, key: str, why: object) -> None:
        super().__init__(f"sip.{key}: {why}")
        self.key, self.why = key, str(why)


class SipEndpoint:
    """The listeners of ``sip``: `open` opens them, and `serve` says who has what comes and goes there."""

    def __init__(self, sip: Sip, reactor: Any, counters: Counter[str] | None = None) -> None:
        self._sip, self._reactor = sip, reactor
        self.counters: Counter[str] = Counter() if counters is None else counters
        self._node: Node | None = None
        self._datagrams: dict[int, Datagrams] = {}
        self._ports: list[Any] = []
        # The port of each listener, where it may be any free one.
        self.listening: list[int] = []
        self._remotes: list[dict[tuple[str, int], Remote]] = [{} for _ in sip.listeners]
        self._pace = Pace(sip.limits.requests_per_second)
        self._names = Names(reactor)
        self._streams = Streams(
            reactor,
            sip.limits,
            received=self._received,
            certified=self._certified,
            lost=self._lost,
            counters=self.counters,
        )
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        self._waking: IDelayedCall | None = None

    @property
    def connections(self) -> int:
        """How many connections there are, those included that are being opened."""
        return len(self._streams)

    @property
    def trouble(self) -> str:
        """Why the last server could not be reached, in words; "" when none was tried in vain."""
        return self._streams.trouble

    def open(self) -> tuple[Local, ...]:
        """Open every listener: what to put into Via and Contact for each.

        Nothing is read before `serve`, which must come in the same turn.  Raises `SipError`.
        """
        self._streams.trust = _trust(self._sip)
        try:
            return tuple(self._open(index, listener) for index, listener in enumerate(self._sip.listeners))
        except SipError:
            self._close_ports()
            raise

    def serve(self, node: Node) -> None:
        """Let ``node`` have what arrives, and send what it has to send."""
        self._node = node
        for port in self._datagrams.values():
            port.start()
        self.flush()

    def wake(self) -> None:
        """Something may be to send: at the end of this turn, however often this is called in it."""
        if self._waking is None and self._node is not None:
            self._waking = self._reactor.callLater(0, self._woken)

    def flush(self) -> None:
        """Send what is to be sent, now."""
        node = self._node
        if node is None:
            return
        try:
            self._flush(node)
        except Exception as error:  # noqa: BLE001 - a bug; raised from here, it would close a port
            self._fails(error)

    def _flush(self, node: Node) -> None:
        while out := node.outgoing():
            for remote, data in out:
                try:
                    if remote.transport == "UDP":
                        self._send(remote, data)
                    else:
                        self._streams.send(remote, data)
                except Exception as error:  # noqa: BLE001 - a bug, which must not keep others from being sent
                    self._fails(error)
        self._streams.flush()
        due = node.next_timeout()
        if due is not None and (self._timer is None or due < self._due):
            self._put_off(due)

    async def stop(self) -> None:
        """Send what is to be sent, take nothing more, close everything."""
        self.flush()
        closing = self._close_ports()
        for call in (self._timer, self._waking):
            if call is not None and call.active():
                call.cancel()
        self._node = None
        self._names.close()
        await self._streams.close()
        await closing

    # Opening

    def _open(self, index: int, listener: SipListener) -> Local:
        key = f"listeners[{index}]"
        try:
            opening = self._open_datagrams if listener.transport == "udp" else self._open_streams
            port = opening(index, listener)
        except tls.TlsError as error:
            raise SipError(f"{key}.tls_certificate", error) from None
        except (CannotListenError, OSError) as error:
            why = getattr(error, "socketError", error)
            said = getattr(why, "strerror", None) or why
            raise SipError(f"{key}.port", f"{listener.address} {listener.port}: {said}") from None
        self.listening.append(port)
        local = advertised(listener, port)
        log.info("listening", sip=listener.transport, at=f"{listener.address} {port}", known_as=local.host)
        return local

    def _open_datagrams(self, index: int, listener: SipListener) -> int:
        port = Datagrams(
            self._reactor,
            listener.address,
            listener.port,
            most=self._sip.limits.datagram_bytes,
            received=partial(self._datagram, index),
            done=self.flush,
            counters=self.counters,
        )
        self._datagrams[index] = port
        return port.port

    def _open_streams(self, index: int, listener: SipListener) -> int:
        factory = SipFactory(self._streams, listener.transport.upper(), index)
        protected = tls.secured(listener, factory, self._reactor)
        port: Any = self._reactor.listenTCP(
            listener.port, protected, backlog=BACKLOG, interface=listener.address
        )
        self._ports.append(port)
        number: int = port.getHost().port
        return number

    def _close_ports(self) -> Deferred[Any]:
        for datagrams in self._datagrams.values():
            datagrams.close()
        self._datagrams = {}
        ports, self._ports = self._ports, []
        return DeferredList([maybeDeferred(port.stopListening) for port in ports])

    # What arrives

    def _datagram(self, local: int, data: bytes, address: tuple[str, int]) -> None:
        remote = self._remotes[local].get(address)
        if remote is None:
            known = self._remotes[local]
            if len(known) >= REMEMBERED:
                known.clear()
            remote = known[address] = Remote("UDP", address[0], address[1], 0, local)
        if not data.startswith(_RESPONSE) and not self._pace.allows(address[0], self._reactor.seconds()):
            self.counters["SIP requests dropped for their pace"] += 1
            return
        self._receive(data, remote)

    def _received(self, connection: SipConnection, data: bytes) -> None:
        count = data.count(_REQUEST)
        if count:
            late = self._pace.spends(connection.remote.host, self._reactor.seconds(), count)
            if late:
                self.counters["SIP connections slowed down"] += 1
                connection.rest(late)
        self._receive(data, connection.remote)
        self.flush()

    def _receive(self, data: bytes, remote: Remote) -> None:
        if self._node is not None:
            try:
                self._node.receive(data, remote)
            except Exception as error:  # noqa: BLE001 - a bug, which costs nobody else anything
                self._fails(error)

    def _certified(self, remote: Remote, names: tuple[str, ...]) -> None:
        if self._node is not None:
            try:
                self._node.connected(remote, names)
            except Exception as error:  # noqa: BLE001 - as above
                self._fails(error)

    def _lost(self, remote: Remote) -> None:
        if self._node is not None:
            try:
                self._node.lost(remote)
            except Exception as error:  # noqa: BLE001 - as above
                self._fails(error)
            self.wake()

    def _fails(self, error: Exception) -> None:
        log.error("SIP node failed", exc_info=error)
        self.counters["SIP node failures"] += 1

    # Time

    def _put_off(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._reactor.callLater(max(0.0, due - self._reactor.seconds()), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._node is not None:
            try:
                self._node.timeout()
            except Exception as error:  # noqa: BLE001 - as above
                self._fails(error)
            self.flush()

    def _woken(self) -> None:
        self._waking = None
        self.flush()

    # What leaves in datagrams

    def _send(self, remote: Remote, data: bytes) -> None:
        port = self._datagrams.get(remote.local) or self._suitable(remote)
        host = remote.host.strip("[]")
        if port is None:
            self._reactor.callLater(0, self._lost, remote)
        elif is_address(host):
            if not port.send(data, host, remote.port):
                self._reactor.callLater(0, self._lost, remote)
        else:
            self._names.find(host, port.is_ipv6, partial(self._found, remote, data))

    def _suitable(self, remote: Remote) -> Datagrams | None:
        """A UDP port for what is to leave from a listener that is none."""
        family = ":" in remote.host
        return next((port for port in self._datagrams.values() if port.is_ipv6 == family), None)

    def _found(self, remote: Remote, data: bytes, address: str | None) -> None:
        port = self._datagrams.get(remote.local) or self._suitable(remote)
        if address is None or port is None or not port.send(data, address, remote.port):
            self._lost(remote)


def advertised(listener: SipListener, port: int) -> Local:
    """What a listener whose port is open is known as.

    One on every address of the machine that says no more is known as the machine's name.
    """
    host, number = listener.address, port
    if listener.advertise:
        host, colon, written = listener.advertise.rpartition(":")
        if not colon or host.count("[") != host.count("]"):
            host, written = listener.advertise, ""
        number = int(written or port)
    elif listener.address in ("0.0.0.0", "::"):  # noqa: S104 - to say something better
        host = socket.getfqdn()
    elif ":" in host:
        host = f"[{host}]"
    return Local(listener.transport.upper(), host, number)


def check(sip: Sip, clock: IReactorTime) -> None:
    """Whether the files that ``sip`` names can be used; nothing is opened.  Raises `SipError`."""
    _trust(sip)
    for index, listener in enumerate(sip.listeners):
        try:
            tls.secured(listener, Factory(), clock)
        except tls.TlsError as error:
            raise SipError(f"listeners[{index}].tls_certificate", error) from None


def _trust(sip: Sip) -> Any:
    try:
        return tls.trusted(sip.tls_ca)
    except tls.TlsError as error:
        raise SipError("tls_ca", error) from None
