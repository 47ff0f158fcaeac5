"""Messages out of a byte stream (RFC 3261 §18.3, RFC 5626 §3.5.1).  No I/O."""

from __future__ import annotations

from msgspec import Struct

from ctigw.sip.errors import Malformed
from ctigw.sip.message import Head, Message, parse_head

_END = b"\r\n\r\n"


class Ping(Struct, frozen=True, gc=False):
    """The peer asks whether the connection still stands; it is owed one CRLF."""


PING = Ping()
Item = Message | Malformed | Ping


class StreamReader:
    """Cuts a stream into messages.  Feed it chunks of any size.

    ``max_head``, ``max_body``: bytes; more of one message is refused, and as nobody will wait for its end,
    the stream is `over` with it.
    """

    __slots__ = ("_breaks", "_buffer", "_head", "_max_body", "_max_head", "_seen", "ended", "over")

    def __init__(self, max_head: int = 16_384, max_body: int = 131_072) -> None:
        self._max_head, self._max_body = max_head, max_body
        self._buffer = bytearray()
        self._seen = 0  # so much of the buffer has no end of a head in it
        self._breaks = 0  # CRLFs in a row, before a message
        self._head: Head | None = None
        self.over = False
        # Messages that have come to their end.
        self.ended = 0

    @property
    def waits(self) -> bool:
        """Whether a message has begun, and not ended."""
        return not self.over and (self._head is not None or len(self._buffer) > 0)

    def feed(self, data: bytes) -> list[Item]:
        """What ``data`` completes, in order; of several pings one.

        A `Malformed` is to be answered if it can be.  When `over` is set behind the last item, nobody knows
        where the next message begins: the connection is to be closed, and nothing more is read.
        """
        items: list[Item] = []
        if self.over:
            return items
        self._buffer += data
        while self._step(items):
            pass
        return items

    def _step(self, items: list[Item]) -> bool:
        """Take one thing off the buffer; False: it is not there yet."""
        if self._head is not None:
            return self._body(self._head, items)
        if self._buffer[:1] == b"\r":
            return self._break(items)
        return self._read_head(items)

    def _break(self, items: list[Item]) -> bool:
        buffer = self._buffer
        if len(buffer) < len(b"\r\n"):
            return False
        if buffer[1:2] != b"\n":
            return self._lose(items, Malformed(400, "Bad line breaks"))
        # All the breaks that are there at once: a flood of them costs what any other bytes do.
        length = len(buffer) - len(buffer.lstrip(b"\r\n"))
        run = bytes(buffer[:length])
        count = length // 2
        if run[: 2 * count] != b"\r\n" * count:
            return self._lose(items, Malformed(400, "Bad line breaks"))
        self._breaks += count
        if self._breaks > 1:
            self._breaks %= 2
            if PING not in items:
                items.append(PING)
        del buffer[: 2 * count]
        return True

    def _read_head(self, items: list[Item]) -> bool:
        buffer = self._buffer
        end = buffer.find(_END, max(0, self._seen - len(_END) + 1))
        if end < 0 and len(buffer) <= self._max_head:
            self._seen = len(buffer)
            return False
        if not 0 <= end <= self._max_head:
            return self._lose(items, Malformed(513, "Header too large"))
        self._breaks = self._seen = 0
        try:
            head = parse_head(bytes(buffer[:end]))
        except Malformed as error:
            return self._lose(items, error)
        if head.length is None or head.length > self._max_body:
            if head.length is None:
                head.refuse(400, "Missing Content-Length")
            else:
                head.refuse(513, "Body too large")
            assert head.error is not None
            return self._lose(items, head.error)
        del buffer[: end + len(_END)]
        self._head = head
        return True

    def _body(self, head: Head, items: list[Item]) -> bool:
        length = head.length or 0
        if len(self._buffer) < length:
            return False
        if head.error is not None:
            items.append(head.error)
        else:
            head.message.body = bytes(self._buffer[:length])
            items.append(head.message)
        del self._buffer[:length]
        self._head = None
        self.ended += 1
        return True

    def _lose(self, items: list[Item], error: Malformed) -> bool:
        items.append(error.with_traceback(None))  # which would tie it to `items`, for the collector to find
        self.over = True
        self._buffer.clear()
        return False
