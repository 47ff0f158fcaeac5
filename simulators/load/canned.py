"""What a gateway answers, byte for byte, for a floor to answer the same number and sizes of frames."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from simulators.load import messages
from simulators.load.messages import CALL_ID, ED3, EVENT, PREFIX, framed
from simulators.load.processes import PATIENCE

# The requests of a cycle, and how many frames come of each.
CYCLE = (("MakeCall", 5), ("AnswerCall", 3), ("ClearConnection", 4))
EVENTS_PER_CYCLE = sum(frames for _, frames in CYCLE) - len(CYCLE)


class Talk:
    """One connection that asks and waits.

    ``receive_buffer`` (bytes) bounds what the system takes for a client that does not read.
    """

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb")

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self.socket.close()

    def ask(self, body: bytes, frames: int = 1) -> list[bytes]:
        """Send a request; gives the next so many frames, whole.  The answer is the first."""
        self.send(body)
        return [self.frame() for _ in range(frames)]

    def send(self, body: bytes) -> None:
        """Ask, and do not wait."""
        self.socket.sendall(framed(b"0001", body))

    def frame(self) -> bytes:
        """The next frame."""
        prefix = self._stream.read(PREFIX)
        if len(prefix) < PREFIX:
            raise EOFError("the server has hung up")
        return prefix + self._stream.read(int.from_bytes(prefix[2:4], "big") - PREFIX)


def record(port: int, file: Path, lines: Sequence[str], login: bytes = b"") -> None:
    """Write to ``file`` what the gateway at ``port`` answers, where one may have to ``login``."""
    calling, called = (line.encode() for line in lines[:2])
    nowhere = b"#"
    talk = Talk(port)
    taken: dict[str, list[bytes]] = {}
    try:
        if login:
            talk.ask(login)
        for line in (calling, called):
            taken["MonitorStart"] = talk.ask(messages.MONITOR_START % line)
        taken["RequestSystemStatus"] = talk.ask(messages.STATUS)
        taken["MakeCall"] = talk.ask(messages.MAKE_CALL % (calling, called), 5)
        found = CALL_ID.search(taken["MakeCall"][0])
        if found is None:
            raise ValueError(f"no call: {taken['MakeCall'][0]!r}")
        taken["AnswerCall"] = talk.ask(messages.ANSWER_CALL % (found[1], called), 3)
        taken["ClearConnection"] = talk.ask(messages.CLEAR_CONNECTION % (found[1], calling), 4)
        refused = talk.ask(messages.MAKE_CALL % (nowhere, called))
    finally:
        talk.close()
    for name, frames in taken.items():
        if f"{name}Response".encode() not in frames[0] or any(frame[4:8] != EVENT for frame in frames[1:]):
            raise ValueError(f"{name} is answered {frames!r}")
    canned = {f"{{{ED3.decode()}}}{name}": _split(frames) for name, frames in taken.items()}
    file.write_bytes(msgspec.json.encode(canned))
    refusing = {**canned, f"{{{ED3.decode()}}}MakeCall": _split(refused)}
    file.with_suffix(".refusing").write_bytes(msgspec.json.encode(refusing))


def _split(frames: Sequence[bytes]) -> tuple[bytes, bytes]:
    """What stands before the invoke id of the answer, and everything behind it."""
    return frames[0][:4], frames[0][PREFIX:] + b"".join(frames[1:])
