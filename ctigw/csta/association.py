"""One side of a CSTA association: frames in, messages out, and back.  No I/O.

Both sides ask and both answer.  An association gives its own requests invoke ids from its side's range and
pairs answers with them; it says of everything that arrives what it is.  What is to be sent gathers in
`outgoing`, whole frames in order, until the caller takes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from msgspec import Struct

from ctigw.csta.frame import MAX_RECEIVED, Frame, FrameReader, FrameTooLongError, event_frames, prefix
from ctigw.csta.types import answer_namespace, csta, error_code
from ctigw.errors import Reason
from ctigw.xml import UnknownMessageError, XmlError

# Clients take small ids; what the gateway asks lies above, for clients that match on the id alone.
CLIENT_IDS = range(1, 9000)
SERVER_IDS = range(9000, 9999)


class Request(Struct, frozen=True):
    """The peer asks; answer with `Association.respond` under the same id, in ``namespace``."""

    invoke_id: int
    message: Any
    namespace: str


class Unreadable(Struct, frozen=True):
    """The peer asks something that cannot be decoded; it is owed a negative answer.

    ``name``, ``namespace``: the request's, where they could be read.  ``unknown``: it is readable, but of no
    known kind.
    """

    invoke_id: int
    name: str
    namespace: str | None
    unknown: bool
    why: str


class Response(Struct, frozen=True):
    """The peer answers the request that `Association.request` gave ``invoke_id``."""

    invoke_id: int
    message: Any


class Event(Struct, frozen=True):
    """The peer tells what happened."""

    message: Any


Incoming = Request | Unreadable | Response | Event
Inspect = Callable[[bytes], str | None]


def is_response(name: str) -> bool:
    """Whether a root element answers something: such messages are never answered themselves."""
    return name.endswith("Response") or name in ("CSTAErrorCode", "ErrorValue")


@cache
def _asks(cls: type) -> bool:
    """Whether messages of this class are requests."""
    return not (is_response(cls.__name__) or cls.__name__.endswith("Event"))


class Association:
    """``ids`` is the range of this side's invoke ids; ``max_frame`` (bytes) bounds what is received.

    ``inspect`` is shown every body that was decoded and may say why it is to be refused all the same.
    ``counters``: where what goes wrong is counted; associations may share it.
    """

    __slots__ = (
        "_ids", "_inspect", "_next", "_outgoing", "_outstanding", "_reader", "counters", "waiting",
    )  # fmt: skip

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
        # None: there are none.  An empty set would be the greatest part of an idle association.
        self._outstanding: set[int] | None = None
        self._outgoing: list[bytes] = []
        self.waiting = 0
        self.counters: Counter[str] = Counter() if counters is None else counters

    def receive(self, data: bytes) -> Iterator[Incoming]:
        """What ``data`` completes, in order.  Raises `FrameError`: the stream is lost, close it.

        Who stops half way gets the rest from the next call.
        """
        self._reader.feed(data)
        return iter(self._received, None)

    def _received(self) -> Incoming | None:
        """The next message that is to be looked at; None: there is none yet."""
        while (frame := self._reader.next()) is not None:
            incoming = self._classify(frame)
            if incoming is not None:
                return incoming
        return None

    def close(self) -> None:
        """Receive nothing more; what is to be sent stays."""
        self._reader.close()

    def request(self, message: object, namespace: str | None = None) -> int:
        """Ask the peer; gives the invoke id.  Raises `OverflowError` when every id is outstanding."""
        outstanding = self._outstanding or set()
        if len(outstanding) >= len(self._ids):
            raise OverflowError("every invoke id is outstanding")
        while self._next in outstanding:
            self._advance()
        invoke_id = self._next
        self._advance()
        self._send(invoke_id, csta.encode(message, namespace))
        outstanding.add(invoke_id)
        self._outstanding = outstanding
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

    def event(self, start: bytes, cross_ref_ids: Sequence[bytes], tail: bytes) -> None:
        """Tell the peer what happened: see `event_frames`."""
        frames = event_frames(start, cross_ref_ids, tail)
        self._outgoing.append(frames)
        self.waiting += len(frames)

    def outgoing(self, most: int | None = None) -> list[bytes]:
        """What to send now: whole frames, in order; they are the caller's from here on.

        ``most``: as many as have so many bytes together, and one more.  `waiting` says how many bytes there
        are in all.
        """
        frames = self._outgoing
        if most is None or self.waiting <= most:
            self._outgoing, self.waiting = [], 0
            return frames
        count = 0
        while most > 0:
            most -= len(frames[count])
            count += 1
        count = max(count, 1)
        self._outgoing, frames = frames[count:], frames[:count]
        self.waiting -= sum(map(len, frames))
        return frames

    def _send(self, invoke_id: int, body: bytes) -> None:
        frame = prefix(invoke_id, len(body)) + body
        self._outgoing.append(frame)
        self.waiting += len(frame)

    def _advance(self) -> None:
        self._next = self._next + 1 if self._next + 1 < self._ids.stop else self._ids.start

    def _classify(self, frame: Frame) -> Incoming | None:
        body = frame.body
        try:
            document = csta.decode(body)
        except XmlError as error:
            return self._undecoded(frame.invoke_id, error)
        message, namespace = document.message, document.namespace
        cls: type = type(message)
        if not _asks(cls):
            return (
                Event(message) if cls.__name__.endswith("Event") else self._answer(frame.invoke_id, message)
            )
        why = self._inspect(body) if self._inspect else None
        if why is not None:
            return Unreadable(frame.invoke_id, cls.__name__, namespace, unknown=False, why=why)
        return Request(frame.invoke_id, message, namespace)

    def _undecoded(self, invoke_id: int, error: XmlError) -> Incoming | None:
        if is_response(error.name):
            return self._answer(invoke_id, error)
        if error.name.endswith("Event"):
            self.counters["unreadable events"] += 1
            return None
        unknown = isinstance(error, UnknownMessageError)
        return Unreadable(invoke_id, error.name, error.namespace, unknown, str(error))

    def _answer(self, invoke_id: int, message: Any) -> Incoming | None:
        if self._outstanding is None or invoke_id not in self._outstanding:
            self.counters["stray responses"] += 1
            return None
        self._outstanding.discard(invoke_id)
        return Response(invoke_id, message)
