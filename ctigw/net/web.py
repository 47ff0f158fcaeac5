"""HTTP: connections to requests as values, and answers back; bounded in number, size and time.

twisted.web reads the protocol.  Its own bounds are a pause between two bytes and the length of a head; here
a request has a time for the whole of it, its body a size, all bodies together a size, all answers that nobody
reads a size, and a listener a number of connections.  What is too large is read to its end without being
kept, up to a bound: who is told so while it still sends may lose the answer.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request, datetimeToString

from ctigw.config.values import place
from ctigw.config.web import WebLimits
from ctigw.net.serving import bounded, fire
from ctigw.soap.http import Handler, HttpRequest, HttpResponse, plain

# A body that is too large is read to its end if it is not more than so many times as large as it may be.
READ_ON = 32
# What a client that speaks TLS begins with (RFC 8446, section 5.1).
TLS_HANDSHAKE = b"\x16"
# Bytes of an answer that is written however many there are that nobody reads.
LITTLE = 64 * 1024
# Seconds that requests in hand, and clients who read, have when the gateway ends.
GOODBYE = 2.0
_HOST = re.compile(r"(?:[A-Za-z0-9.\-_]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
TOO_LARGE = plain(413, "the body is too large", ("Connection", "close"))
TOO_MUCH = plain(503, "too many requests at once", ("Retry-After", "1"), ("Connection", "close"))
BROKEN = plain(500, "the server has failed; it is in its log")
ALWAYS = (("Server", "ctigw"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
# Half of them has no types, which would have to be ignored call by call.
_UNTYPED_REQUEST: Any = Request
_UNTYPED_CHANNEL: Any = HTTPChannel
_date: Any = datetimeToString  # untyped in Twisted
log = structlog.get_logger(__name__)


class _Request(_UNTYPED_REQUEST):  # type: ignore[misc] # see there
    """One request.  Its body is kept in pieces, none of them once it is too large."""

    def gotLength(self, length: int | None) -> None:
        """The head is there."""
        self.pieces: list[bytes] = []
        self.received = self.held = 0
        self.refusal: HttpResponse | None = None
        self.factory: WebFactory = self.channel.factory
        if length is not None and length > self.factory.limits.body_bytes:
            self._refuse(TOO_LARGE)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        self.received += len(data)
        factory = self.factory
        if self.received > factory.limits.body_bytes * READ_ON:
            self.channel.forceAbortClient()
        elif self.refusal is not None:
            return
        elif self.received > factory.limits.body_bytes:
            self._refuse(TOO_LARGE)
        elif factory.held + len(data) > factory.limits.all_body_bytes:
            self._refuse(TOO_MUCH)
        else:
            self.pieces.append(data)
            self.held += len(data)
            factory.held += len(data)

    def _refuse(self, answer: HttpResponse) -> None:
        self._let_go()
        self.refusal = answer
        self.channel.persistent = False
        self.factory.counters["web requests refused"] += 1

    def _let_go(self) -> None:
        """The body is not needed any more."""
        self.pieces.clear()
        self.factory.held -= self.held
        self.held = 0

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is there.  What Twisted would make of the query and of forms is not wanted."""
        self.method, self.uri, self.clientproto = command, path, version
        refusal = self.refusal
        if refusal is not None:
            self._answer(refusal)
            return
        self.factory.counters["web requests"] += 1
        work = Deferred.fromCoroutine(self.factory.handler(self._asked(b"".join(self.pieces))))
        work.addErrback(self._failed).addCallback(self._answer)

    def _asked(self, body: bytes) -> HttpRequest:
        path, _, query = self.uri.decode("latin-1").partition("?")
        headers = {
            name.decode("latin-1").lower(): ", ".join(value.decode("latin-1") for value in values)
            for name, values in self.requestHeaders.getAllRawHeaders()
        }
        return HttpRequest(
            method=self.method.decode("latin-1"),
            path=path,
            query=query,
            headers=headers,
            body=body,
            peer=self.channel.peer,
            base=self._base(headers.get("host", "")),
        )

    def _base(self, said: str) -> str:
        """Where the client has reached us; as it says, if that can be."""
        scheme = "https" if self.isSecure() else "http"
        if _HOST.fullmatch(said):
            return f"{scheme}://{said}"
        own = self.channel.getHost()
        return f"{scheme}://{place(own.host, own.port)}"

    def _failed(self, failure: Failure) -> HttpResponse:
        log.error("request failed", path=self.shown_path(), exc_info=failure.value)
        self.factory.counters["web errors"] += 1
        return BROKEN

    def shown_path(self) -> str:
        """The path for the log."""
        return str(self.uri.partition(b"?")[0][:200].decode("latin-1"))

    def _answer(self, answer: HttpResponse) -> None:
        if self._disconnected:
            return
        self._let_go()
        if self.factory.unread > self.factory.limits.all_body_bytes and len(answer.body) > LITTLE:
            self.factory.counters["web requests refused"] += 1
            self.channel.persistent = False
            answer = TOO_MUCH
        self.setResponseCode(answer.status, _reason(answer.status))
        headers = self.responseHeaders
        for name, value in (*ALWAYS, ("Date", _date()), *answer.headers):
            headers.addRawHeader(name, value)
        if answer.body:
            headers.setRawHeaders("Content-Type", [answer.content_type])
        headers.setRawHeaders("Content-Length", [str(len(answer.body))])
        self.channel.answer_bytes = len(answer.body)
        self.write(answer.body)
        self.finish()

    def connectionLost(self, reason: Any) -> None:
        """Nobody waits for the answer any more."""
        if hasattr(self, "pieces"):
            self._let_go()
        super().connectionLost(reason)


# Words for statuses that are no standard's: AXL's for an unsupported version.
_REASONS = {599: b"Unsupported Version"}


def _reason(status: int) -> bytes | None:
    return _REASONS.get(status)


class _Channel(_UNTYPED_CHANNEL):  # type: ignore[misc] # see there
    """One connection."""

    requestFactory = _Request  # noqa: N815 - Twisted's name
    peer = ""
    # Of the last answer; and of it, once it is known not to be read.
    answer_bytes = unread = 0
    _began = False

    def connectionMade(self) -> None:
        self.timeOut = self.factory.limits.request_seconds
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Twisted would give it more time with each byte."""
        if not self._began:
            self._began = True
            if data.startswith(TLS_HANDSHAKE):  # which would wait for an answer until its time is up
                log.info("web client speaks TLS where there is none, closing", peer=self.peer)
                self.forceAbortClient()
                return
            if not self._handlingRequest:
                self.setTimeout(self.factory.limits.request_seconds)
        super().dataReceived(data)

    def resetTimeout(self) -> None:
        """Only a request as a whole has its time."""

    def pauseProducing(self) -> None:
        """The client does not read.

        Twisted would go on to serve what it sends: some bytes for each answer, which all would be kept.
        """
        super().pauseProducing()
        self.paused = True
        self._networkProducer.pauseProducing()
        self._keep(self.answer_bytes)

    def resumeProducing(self) -> None:
        """The client has read everything."""
        self.paused = False
        self._keep(0)
        super().resumeProducing()
        if self._buffer:
            self.dataReceived(b"")

    def _keep(self, unread: int) -> None:
        self.factory.unread += unread - self.unread
        self.unread = unread

    def allContentReceived(self) -> None:
        self.factory.in_hand.add(self)
        super().allContentReceived()

    def requestDone(self, request: _Request) -> None:
        self._began = False
        self._savedTimeOut = self.factory.limits.idle_seconds
        if not self.persistent:  # it is closed once everything is read, for which there is a bound, too
            self.setTimeout(self.factory.limits.idle_seconds)
        self.factory.done(self)
        super().requestDone(request)

    def timeoutConnection(self) -> None:
        self.factory.counters["web connections timed out"] += 1
        self.factory.clock_out(self)

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self._keep(0)
        self.factory.gone(self)


class WebFactory(Factory):
    """Accepts the clients of one listener, and has their requests served by ``handler``."""

    noisy = False

    def __init__(
        self, handler: Handler, limits: WebLimits, clock: IReactorTime, counters: Counter[str]
    ) -> None:
        self.handler, self.limits, self._clock, self.counters = handler, limits, clock, counters
        # Bytes of the bodies of all requests that are not answered.
        self.held = 0
        # Bytes of the bodies of all answers that are known not to be read.
        self.unread = 0
        self.in_hand: set[_Channel] = set()
        self._open: set[_Channel] = set()
        self._closed: Deferred[None] | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._open)

    def buildProtocol(self, addr: IAddress | None) -> _Channel | None:
        """A connection for the client at ``addr``; None, which closes it, when there are too many."""
        if self.connections >= self.limits.connections or self._closed is not None:
            self.counters["web connections refused"] += 1
            return None
        channel = _Channel()
        channel.factory = self
        channel.peer = _plain_address(str(getattr(addr, "host", "")))
        channel.callLater = self._clock.callLater
        self._open.add(channel)
        return channel

    def log(self, request: _Request) -> None:
        """Called by Twisted when a request is done.  Never its query: others write what they like there."""
        log.debug("served", path=request.shown_path(), status=request.code, peer=request.channel.peer)

    def clock_out(self, channel: _Channel) -> None:
        """The time of ``channel`` is up: it has not sent, or read, what it should have."""
        log.info("web client is too slow, closing", peer=channel.peer)
        channel.forceAbortClient()

    def done(self, channel: _Channel) -> None:
        """The request in hand is answered."""
        self.in_hand.discard(channel)
        if self._closed is not None:
            channel.persistent = False

    def gone(self, channel: _Channel) -> None:
        """It is closed."""
        self._open.discard(channel)
        self.in_hand.discard(channel)
        if not self._open:
            fire(self._closed)

    def close(self) -> Deferred[None]:
        """Answer what is in hand, then close every connection; fires when that is done.

        Who is not served, or does not read, in time is closed all the same.
        """
        self._closed = bounded(self._clock, GOODBYE)
        for channel in self._open - self.in_hand:
            channel.loseConnection()
        if not self._open:
            fire(self._closed)
        return self._closed.addCallback(self._abort)

    def _abort(self, _none: None) -> None:
        for channel in tuple(self._open):
            channel.forceAbortClient()


def _plain_address(host: str) -> str:
    """``host`` without the form that IPv4 clients have at a listener for both families."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(getattr(address, "ipv4_mapped", None) or address)
