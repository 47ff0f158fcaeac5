"""One side of a CSTA association: frames in, messages out, and back.  No I/O.

Both sides ask and both answer.  An association gives its own requests invoke ids from its side's range and
pairs answers with them; it says of everything that arrives what it is.  What is to be sent gathers in
`outgoing`, whole frames in order, until the caller takes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from ctigw.csta.frame import EVENT_INVOKE_ID, MAX_RECEIVED, Frame, FrameReader, FrameTooLongError
from ctigw.csta.types import answer_namespace, csta, error_code
from ctigw.errors import Reason
from ctigw.values import value
from ctigw.xml import UnknownMessageError, XmlError

# Clients take small ids; what the gateway asks lies above, for clients that match on the id alone.
CLIENT_IDS = range(1, 9000)
SERVER_IDS = range(9000, 9999)


@value
class Request:
    """The peer asks; answer with `Association.respond` under the same id, in ``namespace``."""

    invoke_id: int
    message: Any
    namespace: str


@value
class Unreadable:
    """The peer asks something that cannot be decoded; it is owed a negative answer.

    ``name``, ``namespace``: the request's, where they could be read.  ``unknown``: it is readable, but of no
    known kind.
    """

    invoke_id: int
    name: str
    namespace: str | None
    unknown: bool
    why: str


@value
class Response:
    """The peer answers the request that `Association.request` gave ``invoke_id``."""

    invoke_id: int
    message: Any


@value
class Event:
    """The peer tells what happened."""

    message: Any


Incoming = Request | Unreadable | Response | Event
Inspect = Callable[[bytes], str | None]


def is_response(name: str) -> bool:
    """Whether a root element answers something: such messages are never answered themselves."""
    return name.endswith("Response") or name in ("CSTAErrorCode", "ErrorValue")


class Association:
    """``ids`` is the range of this side's invoke ids; ``max_frame`` (bytes) bounds what is received.

    ``inspect`` is shown every body that was decoded and may say why it is to be refused all the same.
    ``counters``: where what goes wrong is counted; associations may share it.
    """

    __slots__ = ("_ids", "_inspect", "_next", "_outgoing", "_outstanding", "_reader", "counters")

    def __init__(
        self,
        ids: range,
        *,
        max_frame: int = MAX_RECEIVED,
        inspect: Inspect | None = None,
        counters: Counter[str] | None = None,
    ) -> None:
        self._inspect = inspect
        self._reader = FrameReader(max_frame)
        self._ids, self._next = ids, ids.start
        self._outstanding: set[int] = set()
        self._outgoing: list[bytes] = []
        self.counters: Counter[str] = Counter() if counters is None else counters

    def receive(self, data: bytes) -> Iterator[Incoming]:
        """What ``data`` completes, in order.  Raises `FrameError`: the stream is lost, close it.

        Who stops half way gets the rest from the next call.
        """
        return self._received(self._reader.feed(data))

    def _received(self, frames: Iterator[Frame]) -> Iterator[Incoming]:
        for frame in frames:
            incoming = self._classify(frame)
            if incoming is not None:
                yield incoming

    def close(self) -> None:
        """Receive nothing more; what is to be sent stays."""
        self._reader.close()

    def request(self, message: object, namespace: str | None = None) -> int:
        """Ask the peer; gives the invoke id.  Raises `OverflowError` when every id is outstanding."""
        if len(self._outstanding) >= len(self._ids):
            raise OverflowError("every invoke id is outstanding")
        while self._next in self._outstanding:
            self._advance()
        invoke_id = self._next
        self._advance()
        self._send(invoke_id, csta.encode(message, namespace))
        self._outstanding.add(invoke_id)
        return invoke_id

    def tell(self, message: object, namespace: str | None = None) -> None:
        """Send the peer a request that has no answer, or whose answer is of no interest any more."""
        self._send(self._next, csta.encode(message, namespace))
        self._advance()

    def respond(self, invoke_id: int, message: object, namespace: str | None) -> None:
        """Answer a request.  An answer too long for a frame becomes a refusal."""
        namespace = answer_namespace(namespace)
        try:
            self._send(invoke_id, csta.encode(message, namespace))
        except FrameTooLongError:
            self.counters["answers too long"] += 1
            refusal = error_code(Reason.RESOURCE_LIMIT_EXCEEDED)
            self._send(invoke_id, csta.encode(refusal, namespace))

    def event(self, message: object, namespace: str) -> None:
        """Tell the peer what happened, in the namespace of its MonitorStart."""
        self._send(EVENT_INVOKE_ID, csta.encode(message, answer_namespace(namespace)))

    def outgoing(self) -> list[bytes]:
        """The frames to send now, whole and in order; they are the caller's from here on."""
        frames, self._outgoing = self._outgoing, []
        return frames

    def _send(self, invoke_id: int, body: bytes) -> None:
        self._outgoing.append(Frame(invoke_id, body).encode())

    def _advance(self) -> None:
        self._next = self._next + 1 if self._next + 1 < self._ids.stop else self._ids.start

    def _classify(self, frame: Frame) -> Incoming | None:
        try:
            document = csta.decode(frame.body)
        except XmlError as error:
            return self._undecoded(frame.invoke_id, error)
        name = type(document.message).__name__
        if is_response(name):
            return self._answer(frame.invoke_id, document.message)
        if name.endswith("Event"):
            return Event(document.message)
        why = self._inspect(frame.body) if self._inspect else None
        if why is not None:
            return Unreadable(frame.invoke_id, name, document.namespace, unknown=False, why=why)
        return Request(frame.invoke_id, document.message, document.namespace)

    def _undecoded(self, invoke_id: int, error: XmlError) -> Incoming | None:
        if is_response(error.name):
            return self._answer(invoke_id, error)
        if error.name.endswith("Event"):
            self.counters["unreadable events"] += 1
            return None
        unknown = isinstance(error, UnknownMessageError)
        return Unreadable(invoke_id, error.name, error.namespace, unknown, str(error))

    def _answer(self, invoke_id: int, message: Any) -> Incoming | None:
        if invoke_id not in self._outstanding:
            self.counters["stray responses"] += 1
            return None
        self._outstanding.discard(invoke_id)
        return Response(invoke_id, message)
