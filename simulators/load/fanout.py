"""One event told to a thousand monitors: on ten sessions, and on a thousand."""

from __future__ import annotations

import gc
import select
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import msgspec

from simulators.load import processes
from simulators.load.bench import Bench, Side, compared, interleaved
from simulators.load.canned import Talk
from simulators.load.client import READ, REFUSAL, Load, Span, WrongAnswerError, connect, watching
from simulators.load.cycles import Measure, numbers
from simulators.load.judging import Measured
from simulators.load.messages import ANSWER_CALL, CALL_ID, CLEAR_CONNECTION, MAKE_CALL, MONITOR_START
from simulators.load.processes import PATIENCE, Server, config

MONITORS = 1000
# Of more connections than a few the client reads what gathers in so many seconds: woken for every message
# it would be as busy as the server.  Of few there is so much on each that it must be read at once.
FEW, LET_GATHER = 100, 0.001
# Every event has one such end, and nothing else has.
END = b"Event>"


class Counter:
    """Counts the events that arrive on many connections, or only their bytes, which is cheaper still."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self._sockets = {connection.fileno(): connection for connection in sockets}
        self._tails = dict.fromkeys(self._sockets, b"")
        self._buffer = bytearray(READ)
        self._poll = select.epoll()
        for fd in self._sockets:
            self._poll.register(fd, select.EPOLLIN)
        self.events = self.bytes = 0

    def close(self) -> None:
        """Count no more."""
        self._poll.close()

    def until(self, events: int) -> None:
        """Read until so many have come in all; there must be no more."""
        buffer, tails, cut = self._buffer, self._tails, len(END) - 1
        while self.events < events:
            ready = self._poll.poll(PATIENCE)
            if not ready:
                raise WrongAnswerError(f"{self.events} events came instead of {events}")
            for fd, _ in ready:
                size = self._sockets[fd].recv_into(buffer)
                if not size:
                    raise WrongAnswerError("the server hangs up")
                # An end may arrive in two pieces.
                across = (tails[fd] + buffer[: min(size, cut)]).count(END)
                self.events += buffer.count(END, 0, size) + across
                self.bytes += size
                tails[fd] = (tails[fd] + bytes(buffer[max(0, size - cut) : size]))[-cut:]
        if self.events > events:
            raise WrongAnswerError(f"{self.events} events came instead of {events}")

    def take(self, expected: int) -> None:
        """Let exactly so many bytes go by, without a look at them."""
        # Of TCP such bytes are not even copied.
        buffer, flag = self._buffer, socket.MSG_TRUNC
        takes = {fd: connection.recv_into for fd, connection in self._sockets.items()}
        left = expected
        pause = LET_GATHER if len(takes) > FEW else 0.0
        while left > 0:
            if pause:
                time.sleep(pause)
            ready = self._poll.poll(PATIENCE)
            if not ready:
                break
            for fd, _ in ready:
                left -= takes[fd](buffer, READ, flag)
        if left:
            raise WrongAnswerError(f"{expected - left} bytes came instead of {expected}")


class Caller:
    """Pulls the trigger at a gateway: a line calls the monitored one, which answers, and hangs up."""

    # How many events a monitor of the called line is told of each request.
    events = (1, 1, 2)

    def __init__(self, talk: Talk, calling: str, called: str) -> None:
        self._talk = talk
        self._calling, self._called = calling.encode(), called.encode()
        self._call = b""

    def pull(self, step: int) -> int:
        """The next request, once it is answered; how long the call's id is, which makes events longer."""
        match step:
            case 0:
                answer = self._talk.ask(MAKE_CALL % (self._calling, self._called))[0]
                found = CALL_ID.search(answer)
                self._call = found[1] if found else b""
            case 1:
                answer = self._talk.ask(ANSWER_CALL % (self._call, self._called))[0]
            case _:
                answer = self._talk.ask(CLEAR_CONNECTION % (self._call, self._calling))[0]
        if REFUSAL in answer:
            raise WrongAnswerError(answer)
        return len(self._call)


class Sender:
    """Pulls the trigger at a floor: a byte for each step."""

    events = Caller.events

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def pull(self, step: int) -> int:
        """Have it tell everybody."""
        self._control.sendall(b"%d" % step)
        return 0


def called(sessions: int) -> str:
    """The name of the row."""
    return f"fan-out to {MONITORS:,} monitors on {sessions:,} sessions"


def fan_out(sessions: int, floor: str) -> Measure:
    """Measures the fan-out to `MONITORS` monitors on so many sessions against a kind of floor."""
    each, name = MONITORS // sessions, called(sessions)

    def measure(bench: Bench) -> Mapping[str, Measured]:
        watched, calling, *others = numbers(4)
        file = bench.place()
        with ExitStack() as ending:
            servers = ending.enter_context(bench.gateways(config([watched, calling, *others])))
            told = _events(servers[0], *others)
            file.write_bytes(msgspec.json.encode(told))
            stock = ending.enter_context(
                processes.floor(bench.place(), floor, str(file), str(each), str(sessions))
            )
            sides: list[Side] = []
            for server in servers:
                # Those of the ten sessions are asked for by ten at once.
                load = Load(server, sessions, min(each, 10))
                ending.callback(load.close)
                watching(load, [watched] * MONITORS)
                talk = Talk(server.port)
                ending.callback(talk.close)
                sides.append(_side(server, load.sockets, Caller(talk, calling, watched)))
            sockets = connect(stock.port, sessions)
            (control,) = connect(stock.port, 1)
            time.sleep(0.1)  # until it has accepted them all
            sides.append(_side(stock, sockets, Sender(control)))
            for connection in (*sockets, control):
                ending.callback(connection.close)
            measured = compared(interleaved(bench, sides), floor, unit="events")
        measured.notes["bytes of an event"] = sum(map(len, told)) / sum(Caller.events)
        return {name: measured}

    return measure


def _events(server: Server, watched: str, calling: str) -> list[bytes]:
    """What one monitor is told of a call, as the gateway sends it: the frames of each request, joined."""
    watching_it, asking = Talk(server.port), Talk(server.port)
    try:
        watching_it.ask(MONITOR_START % watched.encode())
        caller = Caller(asking, calling, watched)
        told = []
        for step, events in enumerate(caller.events):
            caller.pull(step)
            told.append(b"".join(watching_it.frame() for _ in range(events)))
    finally:
        watching_it.close()
        asking.close()
    if [frames.count(END) for frames in told] != list(Caller.events):
        raise WrongAnswerError(told)
    return told


def _side(server: Server, sockets: Sequence[socket.socket], trigger: Caller | Sender) -> Side:
    counter = Counter(sockets)
    # Bytes that come of each step, by the step and what its events' length hangs on.
    sizes: dict[tuple[int, int], int] = {}

    def pull(step: int, events: int, *, look: bool) -> None:
        known = (step, trigger.pull(step))
        if known in sizes and not look:
            counter.take(sizes[known])
            return
        before = counter.bytes
        counter.until(counter.events + events * MONITORS)
        sizes[known] = counter.bytes - before

    def run(seconds: float) -> Span:
        gc.disable()
        try:
            server_cpu, client_cpu, began = server.settled_cpu(), time.process_time(), time.perf_counter()
            calls, until = 0, began + seconds
            while time.perf_counter() < until:
                # The first call of a run is looked at: are there as many events as there should be?
                for step, events in enumerate(trigger.events):
                    pull(step, events, look=not calls)
                calls += 1
            wall, client_cpu = time.perf_counter() - began, time.process_time() - client_cpu
            work = calls * sum(trigger.events) * MONITORS
            return Span(work, server.settled_cpu() - server_cpu, client_cpu, wall)
        finally:
            gc.enable()

    return Side(server.name, run)
