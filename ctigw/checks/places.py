"""Where the listeners of a configuration are reached from their own machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ctigw.config import Config, Listener
from ctigw.config.sip import SipListener
from ctigw.config.web import WebListener
from ctigw.net.exchange import At
from ctigw.values import named

# Whoever listens on every address is there on loopback, too.
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}  # noqa: S104 - compared
_TCP = re.compile(r"(tcp6?):(?:port=)?([0-9]{1,5})((?::.*)?)")
_INTERFACE = re.compile(r":interface=((?:\\.|[^:\\])*)")
_UNIX = re.compile(r"unix:(?:address=)?((?:\\.|[^:\\])+)")


@named
class Places:
    """Where each listener is, in the order of the configuration; None: that cannot be told from outside."""

    csta: Sequence[tuple[Listener, At | None]] = ()
    sip: Sequence[tuple[SipListener, At | None]] = ()
    web: Sequence[tuple[WebListener, At | None]] = ()


def configured(config: Config) -> Places:
    """As the configuration says; a port that is any free one only the gateway knows."""
    return Places(
        csta=[(listener, of_endpoint(listener.endpoint)) for listener in config.listeners],
        sip=[(listener, _at(listener.address, listener.port)) for listener in config.sip.listeners],
        web=[(listener, _at(listener.address, listener.port)) for listener in config.web.listeners],
    )


def listening(config: Config, csta: Sequence[Any], sip: Sequence[int], web: Sequence[Any]) -> Places:
    """As the gateway knows: the addresses of its CSTA and web listeners, the ports of SIP."""
    return Places(
        csta=list(zip(config.listeners, map(of_address, csta), strict=True)),
        sip=[(each, _at(each.address, port)) for each, port in zip(config.sip.listeners, sip, strict=True)],
        web=list(zip(config.web.listeners, map(of_address, web), strict=True)),
    )


def of_endpoint(endpoint: str) -> At | None:
    """Where a Twisted endpoint description listens."""
    unix = _UNIX.match(endpoint)
    if unix is not None:
        return At("", 0, _unescaped(unix[1]))
    tcp = _TCP.fullmatch(endpoint)
    if tcp is None:
        return None
    interface = _INTERFACE.search(tcp[3])
    everywhere = "::" if tcp[1] == "tcp6" else ""
    return _at(_unescaped(interface[1]) if interface else everywhere, int(tcp[2]))


def of_address(address: Any) -> At | None:
    """Where something listens that has this Twisted address."""
    if hasattr(address, "host"):
        return _at(address.host, address.port)
    name = address.name
    return At("", 0, name.decode() if isinstance(name, bytes) else name) if name else None


def _at(host: str, port: int) -> At | None:
    return At(_LOOPBACK.get(host, host), port) if port else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
