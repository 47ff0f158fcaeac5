"""CSTA-over-TCP frames: bytes in, frames out.  No I/O.

A frame (ECMA-323, annex "TCP without SOAP") is an 8-byte prefix and an XML body::

    0x00 0x00 | length, 2 bytes, big-endian, prefix included | invoke id, 4 ASCII digits | XML

The invoke id pairs a response with its request; events always carry ``9999``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

PREFIX = 8
EVENT_INVOKE_ID = 9999
# Clients in the field read the length as a signed 16-bit number.
MAX_SENT = 0x7FFF
MAX_RECEIVED = 0xFFFF
SHOWN = 16
# Every invoke id as it is written.
_DIGITS = tuple(b"%04d" % invoke_id for invoke_id in range(EVENT_INVOKE_ID + 1))
_EVENT = _DIGITS[EVENT_INVOKE_ID]
# What comes before the invoke id.
_LENGTH = PREFIX - len(_EVENT)
_OPENING = b"<monitorCrossRefID>"
_CLOSING = b"</monitorCrossRefID>"
_EMPTY = _OPENING + _CLOSING


class FrameError(ValueError):
    """The byte stream is not CSTA frames; the connection cannot be resynchronised."""


class FrameTooLongError(ValueError):
    """A message that would not fit the longest frame that may be sent."""


class Frame(Struct, frozen=True, gc=False):
    """One message on the wire: ``invoke_id`` in 0..9999 and the undecoded XML ``body``."""

    invoke_id: int
    body: bytes

    def encode(self, limit: int = MAX_SENT) -> bytes:
        """The frame as bytes.  Raises `FrameTooLongError` above ``limit`` bytes."""
        return prefix(self.invoke_id, len(self.body), limit) + self.body


def prefix(invoke_id: int, length: int, limit: int = MAX_SENT) -> bytes:
    """What goes before a body of ``length`` bytes.  Raises `FrameTooLongError` above ``limit``."""
    length += PREFIX
    if length > limit:
        raise FrameTooLongError(f"frame of {length} bytes exceeds {limit}")
    # The two zeros and the length are a number of four bytes.
    return length.to_bytes(4, "big") + _DIGITS[invoke_id]


def event_frames(start: bytes, cross_ref_ids: Sequence[bytes], tail: bytes) -> bytes:
    """The frames of an event, `parted`, for monitors whose references are equally long, one after the other.

    Raises `FrameTooLongError`.
    """
    first = cross_ref_ids[0]
    frame = start + first + tail
    length = len(frame) + _LENGTH
    if length > MAX_SENT:
        raise FrameTooLongError(f"frame of {length} bytes exceeds {MAX_SENT}")
    if len(cross_ref_ids) == 1:
        return length.to_bytes(4, "big") + frame
    # Between two references there is always the same: a hundred frames are one join.
    start = length.to_bytes(4, "big") + start
    return start + (tail + start).join(cross_ref_ids) + tail


def parted(event: bytes) -> tuple[bytes, bytes]:
    """What comes before and behind the cross reference in the frames of an ``event`` that has it empty.

    Before the first part there is only the length.
    """
    head, rest = event.split(_EMPTY, 1)
    return _EVENT + head + _OPENING, _CLOSING + rest


class FrameReader:
    """Cuts a byte stream into frames.  Feed it chunks of any size.

    Of chunks whose frames are all taken it holds at most one unfinished frame, so at most ``limit`` bytes;
    nothing once the stream is lost.
    """

    __slots__ = ("_at", "_buffer", "_limit", "_lost")

    def __init__(self, limit: int = MAX_RECEIVED) -> None:
        # A chunk as it came, while its frames are taken; what is unfinished grows in an array.
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self._limit = limit
        self._lost: str | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take ``data``; gives every frame that is complete, in order: see `next`.

        Who stops half way gets the others from the next call.
        """
        if self._lost is None:
            if self._at == len(self._buffer):
                self._buffer, self._at = data, 0
            else:
                self._keep_rest()
                self._buffer += data
        return iter(self.next, None)

    def next(self) -> Frame | None:
        """The next frame, None when it is not complete.

        Raises `FrameError` on a prefix whose format is not 0, whose length is below 9 or above the limit, or
        whose invoke id is not four digits; and so does every call after that, since nobody knows where the
        next frame begins.
        """
        if self._lost is not None:
            raise FrameError(self._lost)
        buffer, start = self._buffer, self._at
        there = len(buffer) - start
        if there < PREFIX:
            self._keep_rest()
            return None
        length = buffer[start + 2] << 8 | buffer[start + 3]
        digits = buffer[start + 4 : start + 8]
        if buffer[start] or buffer[start + 1] or not PREFIX < length <= self._limit or not digits.isdigit():
            self._lose(f"bad prefix {bytes(buffer[start : start + SHOWN])!r}")
            raise FrameError(self._lost)
        if there < length:
            self._keep_rest()
            return None
        self._at = start + length
        return Frame(int(digits), bytes(buffer[start + PREFIX : start + length]))

    def close(self) -> None:
        """Let go of what is unfinished, and take nothing more."""
        self._lose("closed")

    def _keep_rest(self) -> None:
        """Let go of the frames that were taken; what is left is grown in place, chunk by chunk."""
        if self._at == len(self._buffer):
            self._buffer = b""
        elif isinstance(self._buffer, bytearray):
            del self._buffer[: self._at]
        else:
            self._buffer = bytearray(memoryview(self._buffer)[self._at :])
        self._at = 0

    def _lose(self, why: str) -> None:
        self._lost = why
        self._buffer, self._at = b"", 0
