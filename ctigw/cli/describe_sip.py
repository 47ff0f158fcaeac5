"""What ``ctigw describe`` says of SIP, from the code that does it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ctigw.sip.machines import CLIENT, CLIENT_INVITE, SERVER, SERVER_INVITE, Input, Table

MACHINES: Mapping[str, Table] = {
    "INVITE client": CLIENT_INVITE,
    "client": CLIENT,
    "INVITE server": SERVER_INVITE,
    "server": SERVER,
}


def side(gateway: Any) -> Any:
    """The SIP half that ``gateway`` would have; where SIP is off, of a listener at its defaults."""
    from ctigw.app.sip import Kept, join, sip_side
    from ctigw.config.sip import SipListener
    from ctigw.sip.hops import Local

    config = gateway.config
    if not config.sip.listeners:
        sip = msgspec.structs.replace(config.sip, listeners=(SipListener(),))
        config = msgspec.structs.replace(config, sip=sip)
    places = [Local(each.transport.upper(), each.address, each.port) for each in config.sip.listeners]
    made = sip_side(config, places, gateway.clock, Kept())
    join(made, gateway.switch, config, later=_never, wake=lambda: None)
    return made


def _never(_call: Callable[[], None]) -> None:
    """Nothing is told by a gateway that is only described."""


def methods(gateway: Any) -> list[dict[str, Any]]:
    """The SIP requests that are served, and the module that serves each."""
    served = side(gateway).server.methods
    return [{"method": name, "served": _file(served[name].service)} for name in sorted(served)]


def packages(gateway: Any) -> list[dict[str, Any]]:
    """The event packages that can be subscribed to, the documents that they come in, and who serves each."""
    found = side(gateway).packages
    return [
        {"package": name, "types": list(found[name].types), "served": _file(type(found[name]))}
        for name in sorted(found)
    ]


def transactions(_gateway: Any = None) -> str:
    """The four transactions of SIP, each as a mermaid diagram."""
    return "\n\n".join(f"%% {name}\n{_diagram(table)}" for name, table in MACHINES.items())


def _diagram(table: Table) -> str:
    def ends(change: tuple[Any, Input]) -> tuple[str, str]:
        return change[0].value, table[change][1].value

    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(table))[0].value}"]
    for (start, end), changes in itertools.groupby(sorted(table, key=ends), ends):
        lines.append(f"    {start} --> {end}: {', '.join(sorted(change[1].value for change in changes))}")
    return "\n".join(lines)


def _file(cls: type) -> str:
    return cls.__module__.replace(".", "/") + ".py"


TOPICS: Mapping[str, Callable[[Any], Any]] = {
    "sip-methods": methods,
    "sip-packages": packages,
    "sip-transactions": transactions,
}
