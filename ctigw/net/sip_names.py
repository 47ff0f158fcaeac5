"""Names of hosts that datagrams go to: looked up without anybody waiting, and remembered for a while."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.threads import deferToThreadPool

# Seconds for which an address is believed, and for which a name is that has none.
KEPT, NOT_KEPT = 60.0, 5.0
# Names that are remembered, and that are looked up at a time: peers can make them up.
MOST, AT_A_TIME = 1_000, 100
Found = Callable[[str | None], None]


class Names:
    """Addresses of hosts, by the system's resolver in the reactor's threads."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._known: dict[tuple[str, bool], tuple[float, str | None]] = {}
        self._waiting: dict[tuple[str, bool], list[Found]] = {}

    def find(self, name: str, is_ipv6: bool, found: Found) -> None:
        """Call ``found`` with the address of ``name``, or None; at once only where it is remembered."""
        key = (name.lower(), is_ipv6)
        until, address = self._known.get(key, (0.0, None))
        if until > self._reactor.seconds():
            found(address)
        elif key in self._waiting:
            self._waiting[key].append(found)
        elif len(self._waiting) >= AT_A_TIME:
            self._reactor.callLater(0, found, None)
        else:
            self._waiting[key] = [found]
            look = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), _look_up, name, is_ipv6)
            look.addErrback(lambda _failure: None).addCallback(self._is, key)

    def close(self) -> None:
        """Nobody is told any more; what threads still find is forgotten."""
        self._waiting.clear()

    def _is(self, address: str | None, key: tuple[str, bool]) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = (self._reactor.seconds() + (KEPT if address else NOT_KEPT), address)
        for found in self._waiting.pop(key, ()):
            found(address)


def _look_up(name: str, is_ipv6: bool) -> str | None:
    # A port for both families takes either.
    family = socket.AF_UNSPEC if is_ipv6 else socket.AF_INET
    for *_, address in socket.getaddrinfo(name, None, family, socket.SOCK_DGRAM):
        return str(address[0])
    return None
