"""Where applications may be called back: what an address has to be like, and which networks are allowed."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import structlog

from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.requests import NOTIFICATION

LONGEST = 2048
log = structlog.get_logger(__name__)


class Allowed:
    """Addresses within ``networks``.  The one place where it is decided whom the gateway connects to."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ip_network(network) for network in networks)

    def __call__(self, address: str) -> bool:
        """Whether ``address`` is one of them; an IPv4 address in the form of IPv6 is what it stands for."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)


def checked(text: str, allowed: Allowed) -> str:
    """The URL that an application wants to be called back at.

    A name is looked up when it is called, and what it means looked at then; an address can be now.
    Raises `PwsError`: NO_URL, BLANKS_IN_URL, REGISTER_FAILED.
    """
    url = text.strip()
    if not url:
        raise PwsError(Code.NO_URL)
    if any(letter.isspace() for letter in url):
        raise PwsError(Code.BLANKS_IN_URL)
    host = _host(url)
    if not host or (_is_address(host) and not allowed(host)):
        why = "its address is in none of callback_networks" if host else "only http and https, to a host"
        log.info("an endpoint is refused", host=host, why=why)
        raise PwsError(Code.REGISTER_FAILED)
    return url.partition("#")[0]


def _host(url: str) -> str:
    """The host of a URL that can be called; "" where it cannot."""
    if len(url) > LONGEST or not (url.isascii() and url.isprintable()):
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    # Passwords would go over the network, and stand in logs of others.
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or port == 0:
        return ""
    return parts.hostname or ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def notice(url: str, subscription: int) -> str:
    """What is fetched to say that there is something new in ``subscription``."""
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{joint}id={subscription}&eventType={NOTIFICATION}"
