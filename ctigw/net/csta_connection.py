"""One client's connection over TCP: where the gateway's bytes meet Twisted.

A connection is a skin over a sans-IO `Association`: what arrives goes through it to the dispatcher, and
what it has gathered to send leaves in a write or two a turn (`sending`).  Answers are gathered in the turn in
which the PBX accepts the command and drivers report in a later one, so an answer always precedes the events
that it causes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ctigw.config import Listener
from ctigw.csta.association import SERVER_IDS, Association, Event, Incoming, Request, Unreadable
from ctigw.csta.device_id import as_dialled
from ctigw.csta.frame import FrameError
from ctigw.csta.system import SystemStatus, SystemStatusValue
from ctigw.csta.types import ED3, answer_namespace, error_code
from ctigw.errors import Reason
from ctigw.net.background import begun
from ctigw.net.sending import can_send_at_once, send
from ctigw.net.serving import Rate, Serving
from ctigw.services.dispatcher import Reply
from ctigw.services.session import NOBODY, Session

# Bytes handed to the transport in one go.  It asks for a pause when its own buffer is as full: what waits,
# waits in the queue, where it is counted.
WRITE = 1 << 16
# Seconds that a client has to take what it was sent before its connection is closed, and over TLS to say that
# it closes as well.
ENDING = 5.0
log = structlog.get_logger(__name__)


@implementer(IPushProducer, IHandshakeListener)
class CstaConnection(Protocol):
    """One client's connection."""

    def __init__(
        self,
        serving: Serving,
        listener: Listener,
        peer: str,
        closed: Callable[[CstaConnection], None],
        show: Callable[[str], str] = as_dialled,
        number: int = 0,
    ) -> None:
        self._serving, self._listener, self._closed = serving, listener, closed
        self._association = Association(
            SERVER_IDS,
            max_frame=listener.max_frame,
            inspect=serving.inspect,
            counters=serving.counters,
        )
        self._session = Session(
            self,
            peer,
            listener_rights=serving.rights,
            rights=serving.rights,
            service_initiated=listener.service_initiated,
            show=show,
            number=number,
            since=serving.clock.seconds(),
        )
        # Events that were dropped because the client did not read; the timer that ends its time to do so.
        self._dropped = 0
        self._full: IDelayedCall | None = None
        self._serving_now = 0
        self._single = listener.one_frame_per_segment
        self._most_waiting = serving.limits.send_queue
        self._most_served = serving.limits.requests_in_hand
        self._rate = Rate(serving.limits.requests_per_second, serving.clock.seconds)
        # The greeting and the first answer go by themselves: clients take one recv for one frame there.
        self._alone = 1 + listener.greet
        self._paused = self._flushing = self._lost = self._apart = self._unreadable = False
        # Whether its bytes can go to the socket at once.
        self._at_once = False
        # What follows answers already given, with its namespace: a list at a time, by single messages.
        self._following: deque[tuple[Iterator[object], str]] | None = None
        # What arrived while the client did not read is still to be looked at.
        self._resting = False
        # The time that a client has to say who it is, where it must.
        self._login: IDelayedCall | None = None
        # The connection is being closed: the timer that bounds how long that takes.
        self._ending: IDelayedCall | None = None
        # The namespace of the last request: what the gateway says of its own accord comes in it.
        self._told_in = ED3

    @property
    def session(self) -> Session:
        """What is known of the client."""
        return self._session

    def connectionMade(self) -> None:
        transport = self._transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)  # a client whose machine is gone must not hold its place for ever
        transport.registerProducer(self, True)
        self._at_once = can_send_at_once(transport)
        if self._session.rights is None and self._serving.limits.login_seconds:
            seconds = self._serving.limits.login_seconds
            self._login = self._serving.clock.callLater(seconds, self._must_be_known)
        if self._listener.greet:
            self._association.request(SystemStatus(system_status=self._serving.status()))
            self._flush()

    def handshakeCompleted(self) -> None:
        """Twisted's word that TLS is up: nothing of the client has been read before."""
        if self._listener.authentication != "certificate":
            return
        name = self._transport.getPeerCertificate().get_subject().CN or ""
        rights = self._serving.certified(name)
        if rights is None:
            log.warning("certificate of nobody", peer=self._session.peer, name=name)
            return  # it is told with each request, and may log in
        self._session.listener_rights = self._session.rights = rights

    def dataReceived(self, data: bytes) -> None:
        if self._ending is None:
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Serve what has arrived; while the client does not read, it stays where it is."""
        try:
            arrived = self._association.receive(data)
            while self._full is None and self._ending is None:
                incoming = next(arrived, None)
                if incoming is None:
                    break
                self._handle(incoming)
        except FrameError as error:
            log.warning("stream lost, closing", peer=self._session.peer, why=str(error))
            self._serving.counters["bad prefixes"] += 1
            self.close()
        if self._flushing and self._serving.turn.quiet:
            self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._association.outgoing()
        self._association.close()
        self._following = None
        for timer in (self._full, self._login, self._ending):
            if timer is not None and timer.active():
                timer.cancel()
        self._serving.ended(self._session)
        self._closed(self)
        # It goes at once, with what its transport could not send, and not when somebody looks for garbage:
        # the session leads back here, and so does a transport of TLS.
        self._session.client = NOBODY
        self.transport = None

    def close(self) -> None:
        """Take nothing more of the client, and close once what waits for it is out: the one way to the end.

        Over TLS the client has to close as well; what it sends until then arrives, and nobody looks at it.
        """
        if self.transport is None or self._ending is not None:
            return
        self._ending = self._serving.clock.callLater(ENDING, self._never_closes)
        self._association.close()
        self._following = None
        if self._full is not None and self._full.active():
            self._full.cancel()
        self._full = None
        self._transport.resumeProducing()  # to hear that the client closes
        self._flush()

    def abort(self) -> None:
        """Close the connection at once: what it has not been sent yet is lost."""
        self._association.outgoing()
        self.close()
        if self.transport is not None:
            self._transport.abortConnection()

    def _must_be_known(self) -> None:
        if self._session.rights is None and not self._is_over:
            log.info("nobody has logged in, closing", peer=self._session.peer)
            self._serving.counters["closed for not logging in"] += 1
            self.close()

    def _never_closes(self) -> None:
        self._serving.counters["closed without goodbye"] += 1
        self._transport.abortConnection()

    def _leave(self) -> None:
        """Everything is with the transport, which closes when it has sent it."""
        self._lost = True
        self._transport.unregisterProducer()  # no transport closes before its producer is gone
        self._transport.loseConnection()

    # IPushProducer: the transport says when its peer reads too slowly

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._flush()

    def stopProducing(self) -> None:
        self._paused = True

    # What arrives

    def _handle(self, incoming: Incoming) -> None:
        if type(incoming) is Request:
            self._told_in = incoming.namespace
            self._serve(incoming)
        elif type(incoming) is Unreadable:
            self._refuse(incoming)
        elif type(incoming) is Event:
            self._serving.counters["events from clients"] += 1
        # else an answer to a greeting: that it came is all there is to know

    def _refuse(self, unreadable: Unreadable) -> None:
        """Answer what cannot be read.  The log is told of the first alone: clients send what they like."""
        if self._is_too_much(unreadable):
            return
        if not self._unreadable:
            log.info("unreadable request", peer=self._session.peer, why=unreadable.why)
        self._unreadable = True
        self._serving.counters["unreadable requests"] += 1
        refusal = self._serving.dispatcher.refuse(unreadable)
        self._respond(unreadable.invoke_id, refusal, unreadable.namespace)

    def _serve(self, request: Request) -> None:
        if self._is_too_much(request):
            return
        self._serving_now += 1
        self._serving.in_hand.count += 1
        work = self._serving.dispatcher.serve(self._session, request.message, request.namespace)
        try:
            answer = begun(work)
        except Exception as error:  # noqa: BLE001 - a bug, and this connection's alone
            self._crashed(error)
            return
        if type(answer) is Deferred:  # isinstance would take 1 µs to say no
            answer.addCallbacks(self._answered, lambda failure: self._crashed(failure.value), (request,))
        else:
            self._answered(answer, request)

    def _is_too_much(self, request: Request | Unreadable) -> bool:
        """Whether another request of this client is not served now; it is told so."""
        waiting = len(self._following) - 1 if self._following else 0  # behind the one that is being told
        if self._serving.in_hand.ending is not None:
            why_not = Reason.RESOURCE_OUT_OF_SERVICE
        elif self._serving_now + waiting >= self._most_served:
            why_not = Reason.OUTSTANDING_REQUEST_LIMIT_EXCEEDED
        elif self._rate.allows():
            return False
        else:
            why_not = Reason.PERFORMANCE_LIMIT_EXCEEDED
        self._serving.counters[why_not.value_name] += 1
        self._respond(request.invoke_id, error_code(why_not), request.namespace)
        return True

    def _answered(self, answer: object, request: Request) -> None:
        """A request is over: it makes room for another, and keeps nobody from stopping."""
        try:
            if type(answer) is Reply:
                self._respond(request.invoke_id, answer.response, request.namespace)
                self._follow_with(answer.followed_by, request.namespace)
            else:
                self._respond(request.invoke_id, answer, request.namespace)
        except Exception as error:  # noqa: BLE001 - as above
            self._fails(error)
        self._done()

    def _crashed(self, error: BaseException | None) -> None:
        self._fails(error)
        self._done()

    def _done(self) -> None:
        self._serving_now -= 1
        self._serving.in_hand.answered()

    def _fails(self, error: BaseException | None) -> None:
        """An answer that could not be encoded or written: a bug, and this connection's alone."""
        log.error("answer failed", peer=self._session.peer, exc_info=error)
        self.close()

    # What leaves

    def _respond(self, invoke_id: int, response: object, namespace: str | None) -> None:
        if not self._lost:
            self._association.respond(invoke_id, response, namespace)
            self._gather()

    # services.session.Client

    def send_event(self, start: bytes, cross_ref_ids: Sequence[bytes], tail: bytes) -> None:
        if self._full is not None or self._ending is not None or self._lost:
            if not self._is_over:
                self._dropped += len(cross_ref_ids)
                self._serving.counters["events dropped"] += len(cross_ref_ids)
            return
        association = self._association
        if self._single:
            for cross_ref_id in cross_ref_ids:
                association.event(start, (cross_ref_id,), tail)
        else:
            association.event(start, cross_ref_ids, tail)
        if not self._flushing:
            self._flushing = True
            self._serving.turn.add(self)
        if association.waiting > self._most_waiting:
            self._is_full()

    def ask(self, message: object, namespace: str) -> None:
        """Send a request of the gateway's own; that it is answered is all there is to know."""
        if self._is_over:
            return
        try:
            self._association.request(message, answer_namespace(namespace))
        except OverflowError:  # a client that answers nothing is told all the same
            self._serving.counters["requests never answered"] += 1
            self._association.tell(message, answer_namespace(namespace))
        self._gather()

    def tell(self, message: object, namespace: str) -> None:
        if not self._is_over:
            self._association.tell(message, answer_namespace(namespace))
            self._gather()

    def _follow_with(self, messages: Iterator[object], namespace: str) -> None:
        if self._is_over:
            return
        if self._following is None:
            self._following = deque()
        self._following.append((messages, namespace))
        if len(self._following) == 1:
            self._follow()

    def _follow(self) -> None:
        """Send the next message of what follows an answer, if there is any."""
        try:
            while self._following:
                messages, namespace = self._following[0]
                message = next(messages, None)
                if message is not None:
                    self.tell(message, namespace)
                    return
                self._following.popleft()
        except Exception as error:  # noqa: BLE001 - a bug, and this connection's alone
            self._fails(error)

    @property
    def _is_over(self) -> bool:
        """Whether the client is told nothing more; what it has asked is still answered, while that can be."""
        return self._lost or self._ending is not None

    def _gather(self) -> None:
        """There is something to send."""
        if not self._flushing:
            self._flushing = True
            self._serving.turn.add(self)
        if self._association.waiting > self._most_waiting and self._full is None and self._ending is None:
            self._is_full()

    def _is_full(self) -> None:
        """The client does not read: it gets no more events, and is not read from, until it does.

        Answers are still kept for it, as many as it had requests in hand; so what it can take is bounded.
        """
        log.warning("client reads too slowly", peer=self._session.peer, queued=self._association.waiting)
        self._transport.pauseProducing()
        self._full = self._serving.clock.callLater(self._serving.limits.send_queue_seconds, self._too_late)

    def _too_late(self) -> None:
        log.warning("client does not read, closing", peer=self._session.peer, dropped=self._dropped)
        self._serving.counters["closed for not reading"] += 1
        self.abort()

    def _reads_again(self) -> None:
        """Everything is out: serve the client again, and tell it what it has missed."""
        assert self._full is not None
        log.info("client reads again", peer=self._session.peer, dropped=self._dropped)
        self._full.cancel()
        self._full = None
        if not self._resting:
            self._resting = True
            self._serving.clock.callLater(0, self._take_rest)
        if self._dropped:
            self._dropped = 0
            self.ask(SystemStatus(system_status=SystemStatusValue.MESSAGES_LOST), self._told_in)

    def _take_rest(self) -> None:
        """Serve what arrived meanwhile, and only then read more: so what waits is bounded."""
        self._resting = False
        if self._is_over:
            return
        self._take(b"")
        if self._full is None and not self._resting and not self._is_over:
            self._transport.resumeProducing()

    def flush(self) -> None:
        """The turn is over."""
        self._flushing = False
        self._flush()

    def _flush(self) -> None:
        association = self._association
        while association.waiting and not (self._paused or self._lost or self._apart):
            if self._alone or self._single:
                self._alone = max(0, self._alone - 1)
                self._write(association.outgoing(1))
                self._keep_apart()
            else:
                self._write(association.outgoing(WRITE))
        if association.waiting or self._lost:
            return
        if self._ending is not None:
            self._leave()
        elif not self._paused:
            if self._full is not None:
                self._reads_again()
            if self._following:
                self._follow()

    def _write(self, frames: list[bytes]) -> None:
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        if self._at_once:
            send(self.transport, data)
        else:
            self._transport.write(data)

    def _keep_apart(self) -> None:
        """Write nothing more until Twisted has sent what is written.

        It joins the writes of a turn.  What is written while something is read leaves in the turn after that,
        behind its timers: so the next frame has to wait for two.
        """
        self._apart = True
        clock = self._serving.clock
        clock.callLater(0, lambda: clock.callLater(0, self._is_apart))

    def _is_apart(self) -> None:
        self._apart = False
        self._flush()

    @property
    def _transport(self) -> Any:
        # ITransport lacks abortConnection and registerProducer, which TCP and TLS transports have.
        assert self.transport is not None
        return self.transport
