"""HTTP listeners and real clients in one process: the clients block, so each works in a thread of its own."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import requests
import zeep
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.threads import deferToThread
from zeep.transports import Transport

from ctigw.config.web import WebLimits
from ctigw.net.web import WebFactory
from ctigw.soap.http import Handler

T = TypeVar("T")


@contextlib.asynccontextmanager
async def listening(handler: Handler, **limits: Any) -> AsyncIterator[str]:
    """A listener on loopback; its address, such as http://127.0.0.1:1234."""
    loop: Any = reactor
    factory = WebFactory(handler, WebLimits(**limits), loop, Counter())
    port = loop.listenTCP(0, factory, interface="127.0.0.1")
    try:
        yield f"http://127.0.0.1:{port.getHost().port}"
    finally:
        await maybeDeferred(port.stopListening)
        await factory.close()


async def in_thread(work: Callable[[], T]) -> T:
    """What ``work``, which blocks, comes to."""
    wait: Any = deferToThread
    done: T = await wait(work)
    return done


def client(wsdl: str, *, password: tuple[str, str] | None = None, certificate: str = "") -> zeep.Client:
    """A client that knows nothing but the contract at ``wsdl``.

    ``password``: a name and a password for HTTP; ``certificate``: the file with whom to trust.
    """
    session = requests.Session()
    session.auth = password
    session.verify = certificate or True
    session.trust_env = False
    return zeep.Client(wsdl, transport=Transport(session=session, timeout=20, operation_timeout=20))
