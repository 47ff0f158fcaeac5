"""How long answers take when requests come at a fixed rate, whether earlier ones are answered or not."""

from __future__ import annotations

import gc
import select
import time
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from simulators.load import machine
from simulators.load.bench import Bench, loads
from simulators.load.client import READ, Cycles, Load, WrongAnswerError, watching
from simulators.load.cycles import F1X, in_pairs, numbers
from simulators.load.judging import Measured
from simulators.load.messages import Walker
from simulators.load.processes import PATIENCE, Server, config

RATE = 1000  # requests a second
CONNECTIONS, DEPTH = 20, 8
# Seconds by which the client itself may send late, at worst but for one in a hundred.
LATE = 0.0001
# Rounds at most, for each that is wanted: somebody else may use the machine, too.
TRIES = 2
GC_PAUSE = "longest gc pause ms"
P50, P99, PAUSE = "p50 at 1,000 requests/s", "p99 at 1,000 requests/s", "longest garbage collection"


class Answered(NamedTuple):
    """Seconds from when each request was to be sent until its answer was there, and how late it was sent."""

    waits: list[float]
    late: list[float]


class OpenLoop:
    """Requests of call cycles, one every so often, round the slots of ``load``."""

    def __init__(self, load: Load, cycles: Cycles) -> None:
        self._load, self._cycles = load, cycles
        self._sockets = load.sockets
        self._depth = load.slots // len(load.sockets)
        # What each slot sends next; None while it waits for an answer.
        self._next: list[bytes | None] = [cycles.first(slot, self._id(slot)) for slot in range(load.slots)]
        self._due = [0.0] * load.slots
        # Of slots that were not ready when it was their turn: when that was.
        self._owed: list[deque[float]] = [deque() for _ in range(load.slots)]

    def _id(self, slot: int) -> bytes:
        return b"%04d" % (slot % self._depth + 1)

    def run(self, seconds: float) -> Answered:
        """Send at the rate for so long, in whole cycles of all slots, and wait for what is left."""
        slots = self._load.slots
        turns = max(1, round(seconds * RATE / slots / 3)) * 3 * slots
        answered = Answered([], [])
        poll = select.epoll()
        walkers = {connection.fileno(): Walker() for connection in self._sockets}
        numbers_by_fd = {connection.fileno(): number for number, connection in enumerate(self._sockets)}
        for fd in walkers:
            poll.register(fd, select.EPOLLIN)
        gc.disable()
        try:
            start = time.perf_counter() + 0.01
            turn = 0
            while len(answered.waits) < turns:
                now = time.perf_counter()
                due = start + turn / RATE
                if turn < turns and now >= due:
                    self._turn(turn % slots, due, answered)
                    turn += 1
                    continue
                # No sleep: whoever sleeps wakes late.  One connection, then the time again: behind a stall of
                # the server there are many to read.
                for fd, _ in poll.poll(0, 1):
                    number = numbers_by_fd[fd]
                    for answer in walkers[fd].feed(self._sockets[number].recv(READ)):
                        self._answer(number * self._depth + int(answer[:4]) - 1, answer, answered)
                if now > start + turns / RATE + PATIENCE:
                    raise WrongAnswerError(f"{turns - len(answered.waits)} requests are not answered")
            self._drain(poll, walkers, numbers_by_fd, turns // 3 * self._cycles.events_per_piece)
        finally:
            gc.enable()
            poll.close()
        return answered

    def _drain(
        self, poll: select.epoll, walkers: dict[int, Walker], by_fd: dict[int, int], events: int
    ) -> None:
        while (come := sum(walker.events for walker in walkers.values())) < events:
            ready = poll.poll(1.0)
            if not ready:
                raise WrongAnswerError(f"{come} events came instead of {events}")
            for fd, _ in ready:
                walkers[fd].feed(self._sockets[by_fd[fd]].recv(READ))

    def _turn(self, slot: int, due: float, answered: Answered) -> None:
        frame = self._next[slot]
        if frame is None:
            self._owed[slot].append(due)
        else:
            self._send(slot, frame, due)
            answered.late.append(time.perf_counter() - due)

    def _send(self, slot: int, frame: bytes, due: float) -> None:
        self._next[slot] = None
        self._due[slot] = due
        self._sockets[slot // self._depth].send(frame)

    def _answer(self, slot: int, answer: bytes, answered: Answered) -> None:
        answered.waits.append(time.perf_counter() - self._due[slot])
        frame = self._cycles.next(slot, answer) or self._cycles.first(slot, answer[:4])
        self._next[slot] = frame
        if self._owed[slot]:
            self._send(slot, frame, self._owed[slot].popleft())


def latency(bench: Bench) -> Mapping[str, Measured]:
    """p50 and p99 of gateway and F1x by turns, and the longest pause of the gateway's collector."""
    lines = numbers(2 * CONNECTIONS * DEPTH + 2)
    busy, spare = lines[:-2], lines[-2:]
    # A round is at least a cycle of each slot.
    seconds = 0.5 if bench.quick else 1.5
    with (
        bench.gateways(config(lines)) as servers,
        bench.parsed_floor(servers[0], spare) as floor,
        loads([*servers, floor], CONNECTIONS, DEPTH) as driven,
    ):
        sides = {}
        for server, load in zip([*servers, floor], driven, strict=True):
            watching(load, busy)
            sides[server] = OpenLoop(load, Cycles(in_pairs(busy)))
        with machine.urgent(*(server.pid for server in sides)):
            for side in sides.values():
                side.run(seconds)
            rounds = _rounds(bench.pairs, sides, seconds)
        servers[0].terminate()
        pause = servers[0].figure(GC_PAUSE)
    paused = Measured(void="the gateway's figures do not tell") if pause is None else Measured((pause,))
    good = [found for found in rounds if _lateness(found) <= LATE]
    if not good:
        void = Measured(
            void=f"the client sent {min(map(_lateness, rounds)) * 1e6:.0f} µs late in every round"
        )
        return {P50: void, P99: void, PAUSE: paused}
    medians, tails = (
        {name: [percentile(found[name].waits, part) for found in good] for name in good[0]}
        for part in (0.5, 0.99)
    )
    notes: dict[str, float | str] = {
        f"{name} µs": percentile(values, 0.5) * 1e6 for name, values in medians.items()
    }
    notes["late by (client's p99), µs"] = max(map(_lateness, good)) * 1e6
    notes |= {"rounds": len(good), "rounds disturbed": len(rounds) - len(good)}
    best: dict[str, float | str] = {f"{name} µs": min(values) * 1e6 for name, values in tails.items()}
    ratios = tuple(ours / theirs for ours, theirs in zip(medians["gateway"], medians[F1X], strict=True))
    return {
        P50: Measured(ratios, notes=notes),
        P99: Measured((min(tails["gateway"]) / min(tails[F1X]),), notes=best),
        PAUSE: paused,
    }


Round = Mapping[str, Answered]


def _rounds(wanted: int, sides: dict[Server, OpenLoop], seconds: float) -> list[Round]:
    """So many rounds in which the client kept its times, and those in which it could not."""
    rounds: list[Round] = []
    good = 0
    while good < wanted and len(rounds) < TRIES * wanted:
        found = {}
        for server in sides if len(rounds) % 2 == 0 else reversed(sides):
            server.settled_cpu()
            found[server.name] = sides[server].run(seconds)
        rounds.append(found)
        good += _lateness(found) <= LATE
    return rounds


def _lateness(found: Round) -> float:
    """How late the client sent, at worst but for one request in a hundred, on the worse of the sides."""
    return max(percentile(answered.late, 0.99) for answered in found.values())


def percentile(values: list[float], part: float) -> float:
    """The value that so large a ``part`` of ``values`` stays below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
