"""The load client: connections with requests in flight on each, in a thread that does little else."""

from __future__ import annotations

import gc
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from simulators.load.messages import (
    ANSWER_CALL,
    CALL_ID,
    CLEAR_CONNECTION,
    MAKE_CALL,
    MONITOR_START,
    Walker,
    framed,
)
from simulators.load.processes import PATIENCE, Server

READ = 1 << 18
REFUSAL = b"CSTAErrorCode"
# Ports that one address of ours can use for one address of theirs, with room for others.
PORTS = 15_000


class WrongAnswerError(Exception):
    """The server does not do what it was asked: what was measured is worth nothing."""


class Span(NamedTuple):
    """What one run took: so many pieces of ``work``, in seconds of CPU and of the clock."""

    work: int
    server_cpu: float
    client_cpu: float
    wall: float

    @property
    def rate(self) -> float:
        """Pieces of work for a second of the server's CPU."""
        return self.work / self.server_cpu

    @property
    def client_share(self) -> float:
        """How much of its core the client has used."""
        return self.client_cpu / self.wall


class Work(Protocol):
    """What the slots do.  A slot is a request in flight: a number from 0, and its invoke id.

    ``events_per_piece``: how many the connections must be told for each piece of work; None: any number.
    """

    done: int

    @property
    def events_per_piece(self) -> int | None: ...

    def first(self, slot: int, invoke_id: bytes) -> bytes | None:
        """The frame that a slot begins a piece of work with; None: there is nothing left to do."""

    def next(self, slot: int, answer: bytes) -> bytes | None:
        """The frame that follows ``answer`` (invoke id and body); None: the piece of work is done."""


def connect(port: int, count: int) -> list[socket.socket]:
    """So many connections."""
    sockets = []
    for number in range(count):
        connection = socket.socket()
        if count > PORTS:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind((f"127.0.0.{1 + number // PORTS}", 0))
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets.append(connection)
    return sockets


class Counted(Protocol):
    """Work of which so many pieces are done."""

    done: int


def spanned(server: Server, work: Counted, act: Callable[[float], None], seconds: float) -> Span:
    """What ``act`` takes, which works until the time on the clock that it is given."""
    done = work.done
    gc.disable()
    try:
        server_cpu, client_cpu, began = server.settled_cpu(), time.process_time(), time.perf_counter()
        act(began + seconds)
        wall, client_cpu = time.perf_counter() - began, time.process_time() - client_cpu
        return Span(work.done - done, server.settled_cpu() - server_cpu, client_cpu, wall)
    finally:
        gc.enable()


class Load:
    """``connections`` by ``depth`` slots that work on one server, as fast as it answers."""

    def __init__(self, server: Server, connections: int, depth: int) -> None:
        self._server = server
        self._depth = depth
        self._sockets = connect(server.port, connections)
        self._walkers = [Walker() for _ in self._sockets]
        self._by_fd = {connection.fileno(): number for number, connection in enumerate(self._sockets)}
        self._poll = select.epoll()
        for connection in self._sockets:
            connection.setblocking(False)
            self._poll.register(connection, select.EPOLLIN)

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """The connections: for whoever reads them in its own way."""
        return self._sockets

    @property
    def slots(self) -> int:
        """How many requests it has in flight."""
        return len(self._sockets) * self._depth

    @property
    def events(self) -> int:
        """How many have come so far."""
        return sum(walker.events for walker in self._walkers)

    def close(self) -> None:
        """Hang up everywhere."""
        self._poll.close()
        for connection in self._sockets:
            connection.close()

    def run(self, work: Work, seconds: float) -> Span:
        """Work for so long, or until there is nothing to do, then finish what is begun.

        The server's CPU time is taken when it is at rest, before and after: what it writes behind counts.
        """
        before, done = self.events, work.done

        def act(until: float) -> None:
            self._work(work, until)
            if work.events_per_piece is not None:
                self._wait_for(before + (work.done - done) * work.events_per_piece)

        return spanned(self._server, work, act, seconds)

    def _work(self, work: Work, until: float) -> None:
        active = 0
        depth = self._depth
        for number, connection in enumerate(self._sockets):
            frames = [work.first(number * depth + slot, b"%04d" % (slot + 1)) for slot in range(depth)]
            sending = [frame for frame in frames if frame is not None]
            active += len(sending)
            self._send(connection, sending)
        end = until + PATIENCE
        while active:
            ready = self._poll.poll(PATIENCE)
            now = time.perf_counter()
            if not ready or now > end:
                raise WrongAnswerError(f"{active} requests are not answered")
            more = now < until
            for fd, _ in ready:
                number = self._by_fd[fd]
                connection = self._sockets[number]
                out = []
                data = connection.recv(READ)
                if not data:
                    raise WrongAnswerError("the server hangs up")
                for answer in self._walkers[number].feed(data):
                    slot = number * depth + int(answer[:4]) - 1
                    frame = work.next(slot, answer)
                    if frame is None and more:
                        frame = work.first(slot, answer[:4])
                    if frame is None:
                        active -= 1
                    else:
                        out.append(frame)
                if out:
                    self._send(connection, out)

    def _wait_for(self, events: int) -> None:
        """Read until so many have come; there must be no more, either."""
        end = time.perf_counter() + PATIENCE
        while (come := self.events) < events:
            ready = self._poll.poll(1.0)
            if not ready or time.perf_counter() > end:
                raise WrongAnswerError(f"{come} events came instead of {events}")
            for fd, _ in ready:
                number = self._by_fd[fd]
                self._walkers[number].feed(self._sockets[number].recv(READ))
        if come > events:
            raise WrongAnswerError(f"{come} events came instead of {events}")

    @staticmethod
    def _send(connection: socket.socket, frames: Iterable[bytes]) -> None:
        data = b"".join(frames)
        if data and connection.send(data) != len(data):
            raise WrongAnswerError("the server does not read")


class Cycles:
    """Call cycles: MakeCall, AnswerCall at the called line, ClearConnection at the calling one.

    ``pairs``: the calling and the called line of each slot.
    """

    events_per_piece = 9

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.done = 0
        self._calling = [calling.encode() for calling, _ in pairs]
        self._called = [called.encode() for _, called in pairs]
        self._makes = [MAKE_CALL % pair for pair in zip(self._calling, self._called, strict=True)]
        self._calls = [b""] * len(pairs)
        self._steps = [0] * len(pairs)

    def first(self, slot: int, invoke_id: bytes) -> bytes:
        """Make a call."""
        self._steps[slot] = 0
        return framed(invoke_id, self._makes[slot])

    def next(self, slot: int, answer: bytes) -> bytes | None:
        """Answer the call, then clear it."""
        step = self._steps[slot]
        self._steps[slot] = step + 1
        if step == 0:
            found = CALL_ID.search(answer)
            if found is None:
                raise WrongAnswerError(answer)
            call = self._calls[slot] = found[1]
            return framed(answer[:4], ANSWER_CALL % (call, self._called[slot]))
        if REFUSAL in answer:
            raise WrongAnswerError(answer)
        if step == 1:
            return framed(answer[:4], CLEAR_CONNECTION % (self._calls[slot], self._calling[slot]))
        self.done += 1
        return None


class Requests:
    """One request a piece, ``bodies`` in turn; ``refused``: whether they are to be.

    ``most``: so many in all.
    """

    events_per_piece = 0

    def __init__(self, bodies: Sequence[bytes], *, refused: bool = False, most: int | None = None) -> None:
        self.done = 0
        self._bodies, self._refused = bodies, refused
        self._left = -1 if most is None else most
        self._turn = 0

    def first(self, slot: int, invoke_id: bytes) -> bytes | None:
        """The next request."""
        if not self._left:
            return None
        self._left -= 1
        body = self._bodies[self._turn]
        self._turn = self._turn + 1 if self._turn + 1 < len(self._bodies) else 0
        return framed(invoke_id, body)

    def next(self, slot: int, answer: bytes) -> None:
        """It is answered."""
        if (REFUSAL in answer) is not self._refused:
            raise WrongAnswerError(answer)
        self.done += 1


def watching(load: Load, lines: Sequence[str]) -> Span:
    """Monitor ``lines`` on the connections of ``load``: as many on each slot, in their order."""
    if len(lines) % load.slots:
        raise ValueError(f"{len(lines)} lines cannot be dealt to {load.slots} slots")
    return load.run(_PerConnection(load, lines), PATIENCE)


def log_in(load: Load, body: bytes) -> None:
    """Start a session on each connection of ``load``."""
    load.run(_Login(load, body), PATIENCE)


class _Login(Requests):
    def __init__(self, load: Load, body: bytes) -> None:
        super().__init__([body])
        self._depth = load.slots // len(load.sockets)
        self._in: set[int] = set()

    def first(self, slot: int, invoke_id: bytes) -> bytes | None:
        if slot % self._depth or slot in self._in:
            return None
        self._in.add(slot)
        return super().first(slot, invoke_id)

    def next(self, slot: int, answer: bytes) -> None:
        if b"PosResponse" not in answer:
            raise WrongAnswerError(answer)


class _PerConnection(Requests):
    """Each slot begins with its own lines, so that a connection monitors what it calls."""

    def __init__(self, load: Load, lines: Sequence[str]) -> None:
        super().__init__([MONITOR_START % line.encode() for line in lines])
        slots = load.slots
        self._each = len(lines) // slots
        self._next = [slot * self._each for slot in range(slots)]

    def first(self, slot: int, invoke_id: bytes) -> bytes | None:
        at = self._next[slot]
        if at == (slot + 1) * self._each:
            return None
        self._next[slot] = at + 1
        return framed(invoke_id, self._bodies[at])
