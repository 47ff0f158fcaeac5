"""Requests that are made to be sent, not to be looked at.

A NOTIFY is written for each watcher: as a dictionary of header fields first it would cost twice as much.
"""

from __future__ import annotations

from msgspec import Struct

# Max-Forwards of what begins here (RFC 3261, 8.1.1.6).
HOPS = 70


class Ready(Struct, frozen=True, gc=False):
    """A request of ours, written but for its Via.

    ``fields``: all header fields but Via and Content-Length, each ended by a line break, of which there are
    ``lines``.
    """

    method: str
    uri: str
    fields: str
    lines: int
    body: bytes = b""

    def write(self, via: str) -> bytes:
        """As it is sent, with ``via`` ("Via: ...").  Raises `ValueError` for a line break in a field."""
        start = f"{self.method} {self.uri} SIP/2.0\r\n{via}\r\n"
        text = f"{start}{self.fields}Content-Length: {len(self.body)}\r\n\r\n"
        # Beside the fields: the first line, Via, Content-Length, and the blank one.
        breaks = self.lines + 4
        if text.count("\n") != breaks or text.count("\r") != breaks:
            raise ValueError("a line break in a header field")
        return text.encode("utf-8", "surrogateescape") + self.body
