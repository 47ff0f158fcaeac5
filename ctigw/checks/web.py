"""The web interfaces: a GET at each of them, at each listener that serves it."""

from __future__ import annotations

import re
from typing import Any

from ctigw.checks.csta import ELSEWHERE, must_be_own
from ctigw.checks.running import Skipped, Wrong, nothing_there
from ctigw.config.web import Interface, WebListener
from ctigw.net.exchange import At, UnreachableError, exchange

# Where something answers a GET that has no password.
PATHS: dict[Interface, str] = {
    "epas": "/EPASSoap/service?wsdl",
    "presence": "/presence-service/soap?wsdl",
    "axl": "/axl/?wsdl",
    "serviceability": "/TroubleshooterService/services/TroubleshooterPort?wsdl",
}
NOT_FOUND, SERVER_FAILED = 404, 500
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


async def check_interface(reactor: Any, listener: WebListener, at: At | None, interface: Interface) -> str:
    """Whether ``interface`` answers at ``listener``.  Raises `Skipped`, `Wrong`."""
    if at is None:
        raise Skipped(ELSEWHERE)
    tls = bool(listener.tls_certificate)
    if listener.tls_client_ca:
        raise Skipped("clients have to show a certificate, so nothing was asked")
    path = PATHS[interface]
    request = f"GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n".encode()
    try:
        status, certificate = await exchange(reactor, at, request, _status, tls=tls)
    except UnreachableError as error:
        raise nothing_there(error) from None
    if tls:
        must_be_own(certificate, listener.tls_certificate)
    if status == NOT_FOUND or status >= SERVER_FAILED:
        raise Wrong(f"GET {path} is answered {status}", "see the log of the gateway")
    return f"GET {path} is answered {status}"


def _status(data: bytes) -> int | None:
    """The status of an answer, once its head begins."""
    found = _STATUS.match(data)
    return int(found[1]) if found else None
