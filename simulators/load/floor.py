"""Floors: servers that do only what nobody who serves these clients over Twisted could leave out.

    python -m simulators.load.floor F1x CANNED          frame, parse, validate, canned answers
    python -m simulators.load.floor writes EVENTS K N   tell N connections, by transport.write
    python -m simulators.load.floor sends EVENTS K N    tell N connections, in a loop of socket.send

CANNED is a JSON file, made by `canned.py`: for each request the frames that a gateway has answered it with.
EVENTS is a JSON list of frames: when another connection sends the digit "0", K of the first are told to each
of the first N connections, and so on.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from lxml import etree

from ctigw.xml.parsing import hardened
from simulators.load.messages import PREFIX

ZERO = ord("0")
# By the root's tag: what stands before the invoke id of the answer, and everything behind it.
Canned = Mapping[str, tuple[bytes, bytes]]


def schema() -> etree.XMLSchema:
    """The one that requests are judged by."""
    return etree.XMLSchema(file=str(files("csta_schemas").joinpath("csta.xsd")))


def parsed(file: str) -> None:
    """Serve F1x."""
    from twisted.internet.protocol import Protocol

    canned = msgspec.json.decode(Path(file).read_bytes(), type=dict[str, tuple[bytes, bytes]])
    parser, valid, parse = hardened(), schema().validate, etree.fromstring

    class Parsed(Protocol):
        rest = b""
        transport: Any

        def connectionMade(self) -> None:
            self.transport.setTcpNoDelay(True)

        def dataReceived(self, data: bytes) -> None:
            if self.rest:
                data = self.rest + data
            out: list[bytes] = []
            at, end = 0, len(data)
            while end - at >= PREFIX:
                stop = at + (data[at + 2] << 8 | data[at + 3])
                if stop > end:
                    break
                root = parse(data[at + PREFIX : stop], parser)
                if not valid(root):
                    raise ValueError("not valid")
                before, behind = canned[root.tag]
                out += (before, data[at + 4 : at + PREFIX], behind)
                at = stop
            self.rest = data[at:]
            if out:
                self.transport.write(b"".join(out))

    _serve(Parsed)


def writes(file: str, each: str, count: str) -> None:
    """Serve the fan-out as Twisted does it."""
    from twisted.internet.protocol import Protocol

    ready, told = [[frames] * int(each) for frames in _events(file)], int(count)
    transports: list[Any] = []

    class Told(Protocol):
        transport: Any

        def connectionMade(self) -> None:
            self.transport.setTcpNoDelay(True)
            if len(transports) < told:
                transports.append(self.transport)

        def dataReceived(self, data: bytes) -> None:
            for digit in data:
                for transport in transports:
                    transport.write(b"".join(ready[digit - ZERO]))

    _serve(Told)


def sends(file: str, each: str, count: str) -> None:
    """Serve the fan-out without any framework."""
    ready, told = [frames * int(each) for frames in _events(file)], int(count)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        _say(listening.getsockname()[1])
        connections = [listening.accept()[0] for _ in range(told)]
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        control = listening.accept()[0]
        while data := control.recv(64):
            for digit in data:
                for connection in connections:
                    connection.send(ready[digit - ZERO])


def _events(file: str) -> list[bytes]:
    return msgspec.json.decode(Path(file).read_bytes(), type=list[bytes])


def _say(port: int) -> None:
    sys.stdout.write(json.dumps({"event": "listening", "at": f"127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()


def _serve(protocol: Callable[[], Any]) -> None:
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory

    factory = Factory()
    factory.noisy = False
    factory.protocol = protocol
    loop: Any = reactor
    port = loop.listenTCP(0, factory, interface="127.0.0.1", backlog=4096)
    _say(port.getHost().port)
    loop.run()


KINDS: Mapping[str, Callable[..., None]] = {"F1x": parsed, "writes": writes, "sends": sends}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
