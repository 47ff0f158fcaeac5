"""CSTA-over-TCP frames: bytes in, frames out.  No I/O.

A frame (ECMA-323, annex "TCP without SOAP") is an 8-byte prefix and an XML body::

    0x00 0x00 | length, 2 bytes, big-endian, prefix included | invoke id, 4 ASCII digits | XML

The invoke id pairs a response with its request; events always carry ``9999``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ctigw.values import value

PREFIX = 8
EVENT_INVOKE_ID = 9999
# Clients in the field read the length as a signed 16-bit number.
MAX_SENT = 0x7FFF
MAX_RECEIVED = 0xFFFF
SHOWN = 16


class FrameError(ValueError):
    """The byte stream is not CSTA frames; the connection cannot be resynchronised."""


class FrameTooLongError(ValueError):
    """A message that would not fit the longest frame that may be sent."""


@value
class Frame:
    """One message on the wire: ``invoke_id`` in 0..9999 and the undecoded XML ``body``."""

    invoke_id: int
    body: bytes

    def encode(self, limit: int = MAX_SENT) -> bytes:
        """The frame as bytes.  Raises `FrameTooLongError` above ``limit`` bytes."""
        length = PREFIX + len(self.body)
        if length > limit:
            raise FrameTooLongError(f"frame of {length} bytes exceeds {limit}")
        return b"\0\0%c%c%04d%b" % (length >> 8, length & 0xFF, self.invoke_id, self.body)


class FrameReader:
    """Cuts a byte stream into frames.  Feed it chunks of any size.

    Of chunks whose frames are all taken it holds at most one unfinished frame, so at most ``limit`` bytes;
    nothing once the stream is lost.
    """

    __slots__ = ("_buffer", "_limit", "_lost", "_taken")

    def __init__(self, limit: int = MAX_RECEIVED) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._taken = 0
        self._lost: str | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take ``data``; gives every frame that is complete, in order.

        Who stops half way gets the others from the next call.  The iterator raises `FrameError`, after the
        frames before it, on a prefix whose format is not 0, whose length is below 9 or above the limit, or
        whose invoke id is not four digits; and so does every one after it, since nobody knows where the next
        frame begins.
        """
        del self._buffer[: self._taken]
        self._taken = 0
        if self._lost is None:
            self._buffer += data
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        if self._lost is not None:
            raise FrameError(self._lost)
        buffer = self._buffer
        while len(buffer) - self._taken >= PREFIX:
            start = self._taken
            length = self._length(buffer, start)
            if len(buffer) - start < length:
                break
            self._taken = stop = start + length
            yield Frame(int(buffer[start + 4 : start + 8]), bytes(buffer[start + PREFIX : stop]))
        del buffer[: self._taken]
        self._taken = 0

    def close(self) -> None:
        """Let go of what is unfinished, and take nothing more."""
        self._lose("closed")

    def _length(self, buffer: bytearray, start: int) -> int:
        length = int.from_bytes(buffer[start + 2 : start + 4])
        if (
            buffer[start : start + 2] != b"\0\0"
            or not PREFIX < length <= self._limit
            or not buffer[start + 4 : start + 8].isdigit()
        ):
            why = f"bad prefix {bytes(buffer[start : start + SHOWN])!r}"
            self._lose(why)
            raise FrameError(why)
        return length

    def _lose(self, why: str) -> None:
        self._lost = why
        self._buffer.clear()
        self._taken = 0
