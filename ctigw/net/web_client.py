"""HTTP to servers that others have named: fetched from addresses that are allowed, and from no others.

A name is looked up once, and the connection goes to the address that was found allowed: what the name means a
moment later does not matter.  Redirects are answers like others.  Of an answer only the status matters; the
rest is read, up to a bound, so that the server is not cut off, and forgotten.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from ctigw.config.values import is_address
from ctigw.net import tls
from ctigw.soap.given import NotReachedError

# Bytes of an answer that are read.
LONGEST = 64 * 1024
# Names that are looked up at a time: the threads that do it are few, and there for passwords as well.
LOOK_UPS = 4
PORTS = {"http": 80, "https": 443}
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")


class _Answer(Protocol):
    """Asks, and reads until the server is done; ``done`` fires when the connection is closed."""

    def __init__(self, asked: bytes) -> None:
        self._asked, self._head = asked, b""
        self._received = 0
        self.status: int | None = None
        self.why = ""
        self.done: Deferred[None] = Deferred(lambda _done: self._abort())

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._asked)

    def dataReceived(self, data: bytes) -> None:
        """A part of the answer."""
        self._received += len(data)
        if self.status is None:
            self._head += data
            found = _STATUS.match(self._head)
            self.status = int(found[1]) if found else None
        if self._received > LONGEST:
            self._abort()

    def connectionLost(self, reason: Any = None) -> None:
        """The server is done, or was cut off."""
        self.why = reason.getErrorMessage()
        if not self.done.called:
            self.done.callback(None)

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class WebClient:
    """Fetches URLs, each within ``seconds``.  ``allowed`` knows addresses; ``trust``: `tls.trusted`."""

    def __init__(self, reactor: Any, allowed: Callable[[str], bool], trust: Any, *, seconds: float) -> None:
        self._reactor, self._allowed, self._trust, self._seconds = reactor, allowed, trust, seconds
        self._look_ups = DeferredSemaphore(LOOK_UPS)
        self._under_way: set[Deferred[int]] = set()

    async def fetch(self, url: str) -> int:
        """The status that ``url`` is answered with.  Raises `NotReachedError`."""
        work = Deferred.fromCoroutine(self._fetch(urlsplit(url)))
        self._under_way.add(work)
        try:
            return await work.addTimeout(self._seconds, self._reactor)
        except (defer.TimeoutError, CancelledError):
            raise NotReachedError("no answer in time") from None
        except ConnectError as error:
            raise NotReachedError(f"{type(error).__doc__}") from None
        finally:
            self._under_way.discard(work)

    def close(self) -> None:
        """Let go of all that is under way."""
        for work in tuple(self._under_way):
            work.cancel()

    async def _fetch(self, parts: SplitResult) -> int:
        host = parts.hostname or ""
        port = parts.port or PORTS[parts.scheme]
        endpoint = self._endpoint(await self._address(host), port)
        if parts.scheme == "https":
            try:
                endpoint = wrapClientTLS(tls.towards(host, self._trust), endpoint)
            except UnicodeError:  # resolvers take more than IDNA does
                raise NotReachedError("no certificate can be of its name") from None
        factory = _factory(_asked(parts))
        answer: _Answer = await endpoint.connect(factory)
        try:
            await answer.done
        except CancelledError:  # the time is up; who has said a status knows
            if answer.status is None:
                raise
        if answer.status is None:
            raise NotReachedError(f"no HTTP answer: {answer.why}")
        return answer.status

    def _endpoint(self, address: str, port: int) -> Any:
        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        return kind(self._reactor, address, port, timeout=self._seconds)

    async def _address(self, host: str) -> str:
        """The first address of ``host`` that is allowed."""
        addresses = [host] if is_address(host) else await self._looked_up(host)
        found = next((address for address in addresses if self._allowed(address)), None)
        if found is None:
            raise NotReachedError("none of its addresses is allowed" if addresses else "the name is unknown")
        return found

    async def _looked_up(self, host: str) -> list[str]:
        await self._look_ups.acquire()
        found: Deferred[list[str]] = Deferred()
        pool = self._reactor.getThreadPool()
        looking: Any = deferToThreadPool  # typed for a reactor that Twisted's own is not
        # A thread cannot be stopped: who waits no longer leaves it its place until it is done.
        looking(self._reactor, pool, _look_up, host).addBoth(self._released).addBoth(found.callback)
        return await found

    def _released(self, result: Any) -> Any:
        self._look_ups.release()
        return [] if isinstance(result, Failure) else result


def _factory(asked: bytes) -> Factory[_Answer]:
    factory: Factory[_Answer] = Factory.forProtocol(lambda: _Answer(asked))
    factory.noisy = False
    return factory


def _asked(parts: SplitResult) -> bytes:
    """The request.  The URL was checked when it was registered: nothing in it can steer this."""
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    lines = (f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "User-Agent: ctigw", "Connection: close")
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
