"""Where messages come from and where they go (RFC 3261 §8.1.2, §16.6, §18; RFC 3263 without DNS)."""

from __future__ import annotations

from msgspec import Struct

from ctigw.sip.errors import Malformed
from ctigw.sip.uri import Uri

DEFAULT_PORT = 5060
TLS_PORT = 5061
_TRANSPORTS = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}


class Remote(Struct, frozen=True, gc=False):
    """The other end.  ``transport``: UDP, TCP or TLS.

    ``host``: an address, or for where something goes also a name; an IPv6 address without brackets.
    ``flow``: the number of the open connection; 0 of a datagram, and of a connection that is to be opened, or
    was by us.  ``local``: the index of the listener that it came in by, or is to leave by.
    """

    transport: str
    host: str
    port: int
    flow: int = 0
    local: int = 0


class Local(Struct, frozen=True, gc=False):
    """What Via and Contact say of a listener: ``host`` as others reach it, IPv6 in brackets."""

    transport: str
    host: str
    port: int

    def uri(self, user: str = "") -> str:
        """A Contact of this listener."""
        at = user + "@" if user else ""
        transport = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:{at}{self.host}:{self.port}{transport}"


def remote_of(uri: Uri, flow: int = 0, local: int = 0) -> Remote:
    """Where a URI says that its owner is.

    maddr is not followed: it lets a stranger choose where we send.  Raises `Malformed`: 416 for a scheme that
    names no host, 400 for a transport that we do not have.
    """
    if not uri.host:
        raise Malformed(416, "")
    transport = "TLS" if uri.scheme == "sips" else "UDP"
    name = uri.param("transport")
    # "sips:…;transport=tcp" means TLS over TCP (§26.2.2).
    if name is not None and not (transport == "TLS" and name.lower() == "tcp"):
        if name.lower() not in _TRANSPORTS:
            raise Malformed(400, "Transport not supported")
        transport = _TRANSPORTS[name.lower()]
    port = uri.port or (TLS_PORT if transport == "TLS" else DEFAULT_PORT)
    return Remote(transport, uri.host.strip("[]"), port, flow, local)
