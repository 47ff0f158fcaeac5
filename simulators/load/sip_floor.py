"""The floor of presence: what nobody could leave out who serves it over Twisted in Python.

    python -m simulators.load.sip_floor

A UDP port with room for what comes, header fields looked up when they are needed, each body parsed with a
hardened parser, and a dictionary.  No transactions or timers, nobody asked who they are, nothing composed
and nothing kept.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import suppress
from itertools import count
from typing import Any

from lxml import etree

from ctigw.xml.parsing import hardened

BUFFER = 4 << 20
FORCED = 33  # SO_RCVBUFFORCE
Address = tuple[str, int]
NOTHING = b'<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:%s"/>'


class Bare:
    """One server.  ``send`` takes a datagram and its address."""

    def __init__(self, send: Any, port: int) -> None:
        self._send = send
        self._at = b"127.0.0.1:%d" % port
        self._parser = hardened()
        self._numbers = count(1)
        self._published: dict[bytes, tuple[bytes, bytes]] = {}
        # Of each presentity the watchers, by Call-ID: what begins their NOTIFYs, and where they are.
        self._watchers: dict[bytes, dict[bytes, tuple[bytes, Address]]] = {}
        self._sequence: dict[bytes, int] = {}

    def received(self, data: bytes, address: Address) -> None:
        """A request, or an answer that nobody waits for."""
        if data.startswith(b"SIP/2.0 "):
            return
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        method, uri, _ = first.split(b" ", 2)
        headers = {}
        for line in lines:
            name, _, text = line.partition(b":")
            headers[name] = text.strip()
        if method == b"PUBLISH":
            self._publish(uri, headers, body, address)
        else:
            self._subscribe(uri, headers, address)

    def _answer(self, headers: dict[bytes, bytes], more: bytes, tag: bytes, address: Address) -> None:
        to = headers[b"To"]
        self._send(
            b"SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n%s"
            b"Content-Length: 0\r\n\r\n"
            % (
                headers[b"Via"],
                headers[b"From"],
                to if b";tag=" in to else to + b";tag=" + tag,
                headers[b"Call-ID"],
                headers[b"CSeq"],
                more,
            ),
            address,
        )

    def _publish(self, uri: bytes, headers: dict[bytes, bytes], body: bytes, address: Address) -> None:
        expires, old = headers[b"Expires"], headers.get(b"SIP-If-Match")
        etag = b"%016x" % next(self._numbers)
        if old is not None and self._published[uri][0] != old:
            raise ValueError("no such publication")
        if body:
            if not etree.fromstring(body, self._parser).get("entity"):
                raise ValueError("not valid")
            self._published[uri] = etag, body
        elif expires == b"0":
            del self._published[uri]
        self._answer(headers, b"SIP-ETag: %s\r\nExpires: %s\r\n" % (etag, expires), etag, address)
        for name, watcher in self._watchers.get(uri, {}).items():
            self._notify(uri, name, watcher, b"active;expires=3600")

    def _subscribe(self, uri: bytes, headers: dict[bytes, bytes], address: Address) -> None:
        name, to = headers[b"Call-ID"], headers[b"To"]
        tag = b"%016x" % next(self._numbers)
        if b";tag=" not in to:
            to = to + b";tag=" + tag
            contact = headers[b"Contact"].partition(b">")[0].lstrip(b"<")
            start = (
                b"NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%%016x\r\nMax-Forwards: 70\r\n"
                b"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %%d NOTIFY\r\nContact: <sip:%s>\r\n"
                b"Event: presence\r\nSubscription-State: %%s\r\nContent-Type: application/pidf+xml\r\n"
                b"Content-Length: %%d\r\n\r\n"
            ) % (contact, self._at, to, headers[b"From"], name, self._at)
            self._watchers.setdefault(uri, {})[name] = start, address
            self._sequence[name] = 0
        else:
            uri = to[1 : to.index(b">")]
        self._answer(
            headers, b"Expires: %s\r\nContact: <sip:%s>\r\n" % (headers[b"Expires"], self._at), tag, address
        )
        watchers = self._watchers[uri]
        if headers[b"Expires"] == b"0":
            self._notify(uri, name, watchers.pop(name), b"terminated;reason=timeout")
            del self._sequence[name]
            if not watchers:
                del self._watchers[uri]
        else:
            self._notify(uri, name, watchers[name], b"active;expires=3600")

    def _notify(self, uri: bytes, name: bytes, watcher: tuple[bytes, Address], state: bytes) -> None:
        start, address = watcher
        number = self._sequence[name] = self._sequence[name] + 1
        published = self._published.get(uri)
        body = published[1] if published else NOTHING % uri
        self._send(start % (next(self._numbers), number, state, len(body)) + body, address)


def serve() -> None:
    """Until the process is ended."""
    from twisted.internet import reactor
    from twisted.internet.protocol import DatagramProtocol

    class Port(DatagramProtocol):
        transport: Any

        def startProtocol(self) -> None:
            self.bare = Bare(self.transport.write, self.transport.getHost().port)

        def datagramReceived(self, datagram: bytes, addr: Address) -> None:
            self.bare.received(datagram, addr)

    loop: Any = reactor
    port = loop.listenUDP(0, Port(), interface="127.0.0.1", maxPacketSize=65_535)
    with suppress(OSError):
        port.socket.setsockopt(socket.SOL_SOCKET, FORCED, BUFFER)
    at = f"127.0.0.1:{port.getHost().port}"
    for said in ({"at": at}, {"at": at, "sip": "udp"}):
        sys.stdout.write(json.dumps({"event": "listening", **said}) + "\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    serve()
