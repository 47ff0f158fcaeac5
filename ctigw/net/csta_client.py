"""A CSTA client over TCP, for the command line, tests and load: the same association from the other side."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, DNSLookupError
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from ctigw.config import LAST_PORT
from ctigw.csta.association import CLIENT_IDS, Association, Event, Incoming, Request, Response
from ctigw.csta.frame import FrameError
from ctigw.csta.system import SystemStatus, SystemStatusResponse
from ctigw.csta.types import CSTAErrorCode, categories, error_code
from ctigw.errors import Reason
from ctigw.xml import XmlError

ENDPOINTS = ("tcp:", "tls:", "unix:")


class NegativeAnswer(Exception):  # noqa: N818 - it is an answer
    """The gateway refused a request; ``category`` and ``value`` are those of its CSTAErrorCode."""

    def __init__(self, answer: CSTAErrorCode) -> None:
        self.category, self.value = next(iter(categories(answer).items()))
        super().__init__(f"{self.category}: {self.value}")


class Lost(Exception):  # noqa: N818 - it is an event
    """The connection to the gateway is gone; the text says why."""


class CstaClient(Protocol):
    """One connection to a gateway.

    ``on_event`` is called with each event message; ``patience`` (seconds) bounds the wait for an answer.
    ``lost`` fires when the connection is gone, ``why_lost`` says why; ``closing``: it was this side's wish.
    """

    def __init__(
        self,
        clock: IReactorTime,
        on_event: Callable[[Any], None] = lambda _event: None,
        *,
        patience: float,
    ) -> None:
        self._clock, self._on_event, self._patience = clock, on_event, patience
        self._association = Association(CLIENT_IDS)
        self._waiting: dict[int, Deferred[Any]] = {}
        self.why_lost: str | None = None
        self.closing = False
        self.lost: Deferred[None] = Deferred()

    async def request(self, message: object) -> Any:
        """The response to ``message``.

        Raises `NegativeAnswer`, `Lost`, or `TimeoutError` when no answer comes in time.
        """
        if self.why_lost is not None:
            raise Lost(self.why_lost)
        invoke_id = self._association.request(message)
        answer: Deferred[Any] = Deferred()
        self._waiting[invoke_id] = answer
        self._flush()
        answer.addTimeout(self._patience, self._clock, lambda _result, _seconds: _too_late())
        response = await answer
        if isinstance(response, CSTAErrorCode):
            raise NegativeAnswer(response)
        if isinstance(response, XmlError):
            raise response
        return response

    def close(self) -> Deferred[None]:
        """Close the connection; what it gives fires when it is closed."""
        self.closing = True
        self._leave()
        return self.lost

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        if self.why_lost is not None:  # over TLS more may come until the other side has closed as well
            return
        try:
            for incoming in self._association.receive(data):
                self._handle(incoming)
        except FrameError as error:
            self.why_lost = str(error)
            self._leave()
        self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.why_lost is None and isinstance(reason.value, ConnectionDone):
            self.why_lost = "the gateway has closed the connection"
        elif self.why_lost is None:
            self.why_lost = f"the connection is lost: {_in_words(reason.value)}"
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.errback(Lost(self.why_lost))
        self.lost.callback(None)

    def _leave(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    def _handle(self, incoming: Incoming) -> None:
        match incoming:
            case Response():
                waiting = self._waiting.pop(incoming.invoke_id, None)
                if waiting is not None and not waiting.called:
                    waiting.callback(incoming.message)
            case Event():
                self._on_event(incoming.message)
            case Request(message=SystemStatus()):
                self._association.respond(incoming.invoke_id, SystemStatusResponse(), incoming.namespace)
            case _:
                refusal = error_code(Reason.SERVICE_NOT_SUPPORTED)
                self._association.respond(incoming.invoke_id, refusal, incoming.namespace)

    def _flush(self) -> None:
        frames = self._association.outgoing()
        if frames and self.transport is not None:
            self.transport.write(b"".join(frames))


def _too_late() -> Any:
    raise TimeoutError("the gateway does not answer")


async def connect(
    reactor: Any, at: str, on_event: Callable[[Any], None] = lambda _event: None, *, patience: float = 10.0
) -> CstaClient:
    """A client connected to ``at``: ``host:port`` or a Twisted endpoint description (``tls:host:4722``).

    Raises `Lost` when nothing listens there, `ValueError` when ``at`` is neither.
    """
    description: Any = clientFromString  # untyped in Twisted
    join: Any = connectProtocol
    try:
        endpoint = description(reactor, _description(at))
    except Exception as error:  # noqa: BLE001 - parsers of endpoints raise what they like
        why = " ".join(str(error).split())
        raise ValueError(why or "trustRoots must be a folder with .pem files in it") from None
    client = CstaClient(reactor, on_event, patience=patience)
    try:
        await join(endpoint, client)
    except (ConnectError, DNSLookupError, OSError) as error:
        raise Lost(f"cannot connect to {at}: {error}") from None
    return client


def _description(at: str) -> str:
    """``at`` as a Twisted endpoint description.  Raises `ValueError` when there is no such place."""
    kind = next((kind for kind in ENDPOINTS if at.startswith(kind)), None)
    if kind == "unix:":
        return at
    if kind is not None:
        parts = re.split(r"(?<!\\):", at)
        _must_be_port(parts[2] if len(parts) > 2 else "")  # noqa: PLR2004 - kind, host, port
        return at
    host, colon, port = at.rpartition(":")
    if ":" in host and not host.startswith("["):
        raise ValueError("an IPv6 address stands in brackets: [::1]:4721")
    if not colon or not host:
        raise ValueError("it has the form host:port, or tcp:host:port, tls:host:port, unix:path")
    _must_be_port(port)
    return f"tcp:{host.strip('[]').replace(':', chr(92) + ':')}:{port}"


def _must_be_port(text: str) -> None:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= LAST_PORT):
        raise ValueError(f"the port must be a number from 1 to {LAST_PORT}")


def _in_words(why: BaseException | None) -> str:
    """What ended a connection, for people: OpenSSL says it in a list of triples."""
    from OpenSSL import SSL  # slow to import, for every command

    if isinstance(why, SSL.Error) and why.args and why.args[0]:
        said = str(why.args[0][-1][-1])
        hint = "; trustRoots=DIR names a folder with those to trust" if "verify failed" in said else ""
        return f"TLS: {said}{hint}"
    if isinstance(why, ConnectionLost):
        return "it was cut off"
    return str(why)
