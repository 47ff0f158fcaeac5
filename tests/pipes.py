"""Twisted's own buffering and closing without sockets: the other end takes what the test says."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure


class Loop(Clock):
    """A clock that knows who wants to read and to write, as a reactor does."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()
        self.addReader, self.removeReader = self.readers.add, self.readers.discard
        self.addWriter, self.removeWriter = self.writers.add, self.writers.discard


class Pipe(FileDescriptor):
    """The gateway's end of a connection; ``taken`` is what the other end took, ``room`` (bytes) bounds it."""

    def __init__(self, loop: Loop, protocol: Any) -> None:
        super().__init__(loop)  # type: ignore[arg-type] # as much of a reactor as it needs
        self.loop, self.protocol = loop, protocol
        self.taken, self.room = bytearray(), 1 << 30
        self.aborted = False
        self.connected = 1
        self.startReading()
        protocol.makeConnection(self)

    @property
    def reads(self) -> bool:
        """Whether it would take what the other end sends."""
        return self in self.loop.readers

    def deliver(self, data: bytes) -> None:
        """The other end sends something."""
        assert self.reads
        self.protocol.dataReceived(data)

    def turn(self, count: int = 5) -> None:
        """Let time stand still and the loop go round."""
        for _ in range(count):
            if self in self.loop.writers and (self.room or not self._pending()):
                why = self.doWrite()
                if why is not None:
                    self.connectionLost(Failure(ConnectionDone()))
            self.loop.advance(0)

    def closes(self) -> None:
        """The other end closes."""
        if not self.disconnected:
            self.connectionLost(Failure(ConnectionDone()))

    def writeSomeData(self, data: bytes) -> int:
        took = data[: self.room]
        self.room -= len(took)
        self.taken += took
        return len(took)

    def setTcpNoDelay(self, _enabled: bool) -> None:
        """There is no TCP."""

    def setTcpKeepAlive(self, _enabled: bool) -> None:
        """There is no TCP."""

    def abortConnection(self) -> None:
        """As TCP transports do."""
        if not (self.disconnected or self.aborted):
            self.aborted = True
            self.stopReading()
            self.stopWriting()
            self.loop.callLater(0, self.connectionLost, Failure(ConnectionAborted()))

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        protocol, self.protocol = self.protocol, None  # as TCP transports do
        protocol.connectionLost(reason)

    def _pending(self) -> int:
        return len(self.dataBuffer) - self.offset + self._tempDataLen


class TlsPeer:
    """The other end of a pipe that has TLS on it: it has shaken hands."""

    def __init__(self, pipe: Pipe, context: ssl.SSLContext, name: str = "localhost") -> None:
        self.pipe = pipe
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._taken = 0
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._exchange()
            else:
                break
        # The application's protocol that the other side has chosen of those offered, if any.
        self.chosen = self._tls.selected_alpn_protocol()
        self._exchange()

    def send(self, data: bytes) -> None:
        """Send ``data``, whoever listens."""
        self._tls.write(data)
        self._exchange()

    def read(self) -> bytes | None:
        """What has arrived; None at the end, which the other side has announced."""
        self._exchange()
        data = b""
        while True:
            try:
                more = self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                return data
            if not more:
                return data or None
            data += more

    def close(self) -> None:
        """Say goodbye."""
        with contextlib.suppress(ssl.SSLWantReadError):  # the other side has not said it yet
            self._tls.unwrap()
        self._exchange()

    def _exchange(self) -> None:
        out = self._out.read()
        if out and self.pipe.reads:
            self.pipe.deliver(out)
        self.pipe.turn()
        self._in.write(bytes(self.pipe.taken[self._taken :]))
        self._taken = len(self.pipe.taken)
