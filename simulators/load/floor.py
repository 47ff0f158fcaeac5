"""Floors: servers that do only what nobody who serves these clients over Twisted could leave out.

    python -m simulators.load.floor F1x CANNED     frame, parse, validate, canned answers

CANNED is a JSON file, made by `canned.py`: for each request the frames that a gateway has answered it with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from lxml import etree

from simulators.load.messages import PREFIX

# By the root's tag: what stands before the invoke id of the answer, and everything behind it.
Canned = Mapping[str, tuple[bytes, bytes]]


def parser() -> etree.XMLParser[Any]:
    """As hardened as the gateway's."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )


def schema() -> etree.XMLSchema:
    """The one that requests are judged by."""
    return etree.XMLSchema(file=str(files("csta_schemas").joinpath("csta.xsd")))


def parsed(file: str) -> None:
    """Serve F1x."""
    from twisted.internet.protocol import Protocol

    canned = msgspec.json.decode(Path(file).read_bytes(), type=dict[str, tuple[bytes, bytes]])
    hardened, valid, parse = parser(), schema().validate, etree.fromstring

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
                root = parse(data[at + PREFIX : stop], hardened)
                if not valid(root):
                    raise ValueError("not valid")
                before, behind = canned[root.tag]
                out += (before, data[at + 4 : at + PREFIX], behind)
                at = stop
            self.rest = data[at:]
            if out:
                self.transport.write(b"".join(out))

    _serve(Parsed)


def _serve(protocol: Callable[[], Any]) -> None:
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory

    factory = Factory()
    factory.noisy = False
    factory.protocol = protocol
    loop: Any = reactor
    port = loop.listenTCP(0, factory, interface="127.0.0.1", backlog=4096)
    sys.stdout.write(json.dumps({"event": "listening", "at": f"127.0.0.1:{port.getHost().port}"}) + "\n")
    sys.stdout.flush()
    loop.run()


KINDS: Mapping[str, Callable[..., None]] = {"F1x": parsed}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
