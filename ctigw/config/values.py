"""What the sections of the configuration share: bounded numbers, and what addresses mean."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Struct

LAST_PORT = 65_535
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]

# A hop as routes write it: the address of a SIP server, with its transport where that is not UDP.
_HOP = re.compile(
    r"sips?:(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.\-]{1,253})(?::([0-9]{1,5}))?(?:;transport=(?:udp|tcp|tls))?",
    re.IGNORECASE,
)
HOP = '"sip:host:port;transport=tcp" (or udp, or tls)'


class Expires(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many seconds something is kept unless it is refreshed: what clients ask for, within these."""

    shortest: Positive = 60
    longest: Positive = 3600
    default: Positive = 3600


def expires_faults(expires: Expires) -> Iterator[str]:
    """Why ``expires`` make no sense."""
    if not expires.shortest <= expires.default <= expires.longest:
        yield "default: must lie between shortest and longest"


def network_faults(networks: Iterable[str]) -> Iterator[str]:
    """Why ``networks`` are none."""
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            yield str(error)


def is_loopback_host(host: str) -> bool:
    """Whether only this machine reaches what listens at ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(maxsize=16_384)
def is_address(text: str) -> bool:
    """Whether ``text`` is an IP address, which needs no look-up."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def place(host: str, port: int) -> str:
    """``host:port``, as addresses stand in URIs: those of IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_hop(text: str) -> bool:
    """Whether ``text`` is a next hop, as `HOP` says it."""
    found = _HOP.fullmatch(text)
    return found is not None and int(found[2] or 1) in range(1, LAST_PORT + 1)


@lru_cache(maxsize=4096)
def wildcard(pattern: str) -> re.Pattern[str]:
    """What matches ``pattern``, in which ``*`` stands for anything (a group); case does not matter."""
    return re.compile("(.*)".join(re.escape(part) for part in pattern.split("*")), re.IGNORECASE | re.DOTALL)
