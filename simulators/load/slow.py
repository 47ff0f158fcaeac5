"""Does a client that never reads cost another one anything?  And how much memory does it cost?

One gateway, and clients in other processes: A, whose latency is measured, calls on two lines of its own; a
load of calls on twenty busy lines; and ten watchers of all the busy lines, which read or never do.  Rounds of
each kind are interleaved.  An event costs its work whether it is read or not: so watchers that never read are
compared with watchers that do, and those with themselves in other rounds, which shows what is noise.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import selectors
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from statistics import median
from typing import NamedTuple

from simulators.load.bench import Bench
from simulators.load.canned import Talk
from simulators.load.cycles import numbers
from simulators.load.judging import Measured, Verdict
from simulators.load.latency import percentile
from simulators.load.machine import MIB
from simulators.load.messages import ANSWER_CALL, CALL_ID, CLEAR_CONNECTION, MAKE_CALL, MONITOR_START, STATUS
from simulators.load.processes import PATIENCE, Server, config

ROUNDS, FEW_ROUNDS = 5, 2
WATCHERS = 10
SECONDS, FEW_SECONDS = 1.2, 0.6  # of measuring, in each round
SETTLE = 0.5  # seconds before that: the logs of what went before are written meanwhile
PERIOD = 0.005  # seconds from one request of A to the next
REQUESTS_PER_CALL = 5
CALLS_PER_SECOND = 60  # of the load
SEND_QUEUE = 1024 * 1024
RECEIVE_BUFFER = 16 * 1024  # of a watcher's socket: the system takes little on its behalf
OWN, BUSY = numbers(22)[:2], numbers(22)[2:]
FULL = "client reads too slowly"
LIMITS = f"send_queue = {SEND_QUEUE}\nsend_queue_seconds = 600.0"
# A ratio that nobody would notice, should a run have next to no noise.
NOTICEABLE = 1.1
# What they may take: the queue, what the transport has (it asks for a pause when it has more than one write
# of 64 KiB), and a fifth for the heads of Python's objects.
BOUND = WATCHERS * (SEND_QUEUE + 2 * 65_536) * 1.2 / MIB
MEMORY = "memory for ten clients that never read"


class Kind(NamedTuple):
    """A kind of round: how many watch the busy lines, and whether they read."""

    name: str
    watchers: int
    read: bool


READING = Kind("ten that read", WATCHERS, read=True)
AGAIN = Kind("the same again", WATCHERS, read=True)
NEVER = Kind("ten that never read", WATCHERS, read=False)
KINDS = (READING, NEVER, AGAIN)


class Round(NamedTuple):
    """What one round showed: latencies in seconds, how many bytes of memory it ``grown``, ``full`` queues."""

    requests: list[float]
    calls: list[float]
    grown: int
    full: int


Statistic = Callable[[Round], float]
STATISTICS: Mapping[str, Statistic] = {
    "a request beside ten that never read": lambda found: median(found.requests),
    "a request beside ten that never read, p99": lambda found: percentile(found.requests, 0.99),
    "a call beside ten that never read": lambda found: median(found.calls),
    "a call beside ten that never read, p99": lambda found: percentile(found.calls, 0.99),
}


def slow(bench: Bench) -> Mapping[str, Measured]:
    """Rounds of all kinds by turns; never reading to reading, and reading to itself."""
    results: dict[Kind, list[Round]] = {kind: [] for kind in KINDS}
    seconds = FEW_SECONDS if bench.quick else SECONDS
    with bench.gateways(config([*OWN, *BUSY], limits=LIMITS)) as (server, *_):
        a = Talk(server.port)
        with in_process(load, server.port):
            for line in OWN:
                a.ask(MONITOR_START % line.encode())
            one_round(server, a, READING, seconds)  # warms everything up
            for number in range(FEW_ROUNDS if bench.quick else ROUNDS):
                # Each round starts elsewhere: what comes after what must not matter.
                for kind in KINDS[number % len(KINDS) :] + KINDS[: number % len(KINDS)]:
                    results[kind].append(one_round(server, a, kind, seconds))
        a.close()
    void = "not every queue was full" if any(r.full < WATCHERS for r in results[NEVER]) else ""
    rows = {name: _compared(results, of, void) for name, of in STATISTICS.items()}
    # What the process grows by in such a round in which everybody reads is not theirs.
    anyhow = median(r.grown for kind in (READING, AGAIN) for r in results[kind])
    more = tuple((r.grown - anyhow) / MIB for r in results[NEVER])
    rows[MEMORY] = Measured(more, void, notes={"beside ten that read": anyhow / MIB})
    return rows


def _compared(results: Mapping[Kind, list[Round]], of: Statistic, void: str) -> Measured:
    """A statistic of those that never read, to those that read: it may be as far off as noise is."""
    never, noise = (_ratios(results[READING], results[kind], of) for kind in (NEVER, AGAIN))
    raised = median(never) > max(*noise, NOTICEABLE)
    notes: dict[str, float | str] = {
        "ms": 1000 * median(map(of, results[NEVER])),
        "beside ten that read, ms": 1000 * median(map(of, results[READING])),
        "noise": f"{min(noise):.2f} to {max(noise):.2f}",
    }
    return Measured(never, void, notes=notes, judged=Verdict.MISSED if raised else Verdict.MET)


def _ratios(base: list[Round], other: list[Round], of: Statistic) -> tuple[float, ...]:
    return tuple(of(theirs) / of(ours) for ours, theirs in zip(base, other, strict=True))


def one_round(server: Server, a: Talk, kind: Kind, seconds: float) -> Round:
    """Measure A while there are ``kind``'s watchers; those that never read are full when it begins."""
    before, said = server.memory(), _said(server)
    with in_process(watchers, server.port, kind.watchers, kind.read):
        full = 0 if kind.read else fill(server, said, kind.watchers)
        time.sleep(SETTLE)
        requests, calls = measure(a, seconds)
        return Round(requests, calls, server.memory() - before, full)


def _said(server: Server) -> int:
    return sum(entry.get("event") == FULL for entry in server.log())


def fill(server: Server, said: int, count: int) -> int:
    """Make calls on the busy lines until the queues of ``count`` clients are full; how many are."""
    end = time.monotonic() + PATIENCE
    full = 0
    talk = Talk(server.port)
    while full < count and time.monotonic() < end:
        busy_call(talk)
        full = _said(server) - said
    talk.close()
    return full


# Client A


def measure(a: Talk, seconds: float) -> tuple[list[float], list[float]]:
    """How long requests and calls take, in seconds, from the time at which they were to be sent."""
    requests, calls = [], []
    due = time.perf_counter()
    end = due + seconds
    while due < end:
        for _ in range(REQUESTS_PER_CALL):
            sleep_until(due)
            a.ask(STATUS)
            requests.append(time.perf_counter() - due)
            due += PERIOD
        sleep_until(due)
        calling, called = (line.encode() for line in OWN)
        # With the answers come the events, of which there are as many each time.
        found = CALL_ID.search(a.ask(MAKE_CALL % (calling, called), 5)[0])
        call = found[1] if found else b""
        a.ask(ANSWER_CALL % (call, called), 3)
        calls.append(time.perf_counter() - due)
        a.ask(CLEAR_CONNECTION % (call, calling), 4)
        due += 2 * PERIOD
    return requests, calls


def sleep_until(due: float) -> None:
    """Wait for a time that may be over."""
    time.sleep(max(0.0, due - time.perf_counter()))


# The others: each runs in a process of its own until its ``parent`` has something to say


def load(parent: Connection, port: int) -> None:
    """Call, answer and hang up, round all busy lines, so many times a second."""
    talk = Talk(port)
    parent.send("ready")
    due = time.perf_counter()
    while not parent.poll(max(0.0, due - time.perf_counter())):
        busy_call(talk)
        due = max(due, time.perf_counter() - 1) + 1 / CALLS_PER_SECOND


def busy_call(talk: Talk) -> None:
    """A call on the next two busy lines, unless somebody else is there already."""
    calling, called = (line.encode() for line in BUSY[:2])
    BUSY[:] = BUSY[2:] + BUSY[:2]
    found = CALL_ID.search(talk.ask(MAKE_CALL % (calling, called))[0])
    if found:
        talk.ask(ANSWER_CALL % (found[1], called))
        talk.ask(CLEAR_CONNECTION % (found[1], calling))


def watchers(parent: Connection, port: int, count: int, read: bool) -> None:
    """So many clients that monitor the busy lines, and ``read`` what they are told, or do not."""
    with selectors.DefaultSelector() as selector:
        selector.register(parent, selectors.EVENT_READ)
        clients = [Talk(port, receive_buffer=RECEIVE_BUFFER) for _ in range(count)]
        for client in clients:
            for line in BUSY:
                client.send(MONITOR_START % line.encode())
            if read:
                selector.register(client.socket, selectors.EVENT_READ)
        parent.send("ready")
        while not parent.poll():
            for key, _ in selector.select():
                if key.fileobj is not parent:
                    os.read(key.fd, 1 << 16)


@contextlib.contextmanager
def in_process(work: Callable[..., None], *args: object) -> Iterator[None]:
    """``work(parent, *args)`` in a process of its own, once it is ready."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=work, args=(theirs, *args), daemon=True)
    process.start()
    try:
        if not ours.poll(PATIENCE):
            raise TimeoutError("clients cannot connect")
        ours.recv()
        yield
        ours.send("enough")
        process.join(PATIENCE)
    finally:
        process.kill()
        process.join()
