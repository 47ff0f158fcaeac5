"""Does a client that never reads cost another one anything?  And how much memory does it cost?

One gateway process, and clients in others: A, whose latency is measured, calls on two lines of its own; a
load of calls on twenty busy lines; and ten watchers of all the busy lines, which read or never do.  Rounds of
each kind are interleaved.  An event costs its work whether it is read or not: so watchers that never read are
compared with watchers that do, and those with themselves in other rounds, which shows what is noise.

    python -m benchmarks.slow_client
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import selectors
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.machine import MIB, memory, one_core_each
from ctigw.csta.call_control import AnswerCall, ClearConnection, MakeCall
from ctigw.csta.events import ConnectionClearedEvent, DeliveredEvent, EstablishedEvent
from ctigw.csta.monitoring import MonitorObject, MonitorStart
from ctigw.csta.system import RequestSystemStatus
from ctigw.csta.types import ConnectionID, CSTAErrorCode
from ctigw.net.csta_connection import WRITE
from tests.processes import LISTENER, PATIENCE, Client, Gateway, gateway

ROUNDS = 6
WATCHERS = 10
SECONDS = 1.5  # of measuring, in each round
SETTLE = 0.5  # seconds before that: the logs of what went before are written meanwhile
PERIOD = 0.005  # seconds from one request of A to the next
REQUESTS_PER_CALL = 5
CALLS_PER_SECOND = 60  # of the load
SEND_QUEUE = 1024 * 1024
RECEIVE_BUFFER = 16 * 1024  # of a watcher's socket: the system takes little on its behalf
BUSY = [str(number) for number in range(2101, 2121)]
OWN = ("2001", "2002")
CONFIG = (
    LISTENER
    + f"""
[limits]
send_queue = {SEND_QUEUE}
send_queue_seconds = 600.0
[driver.settings]
lines = [{", ".join(f'{{ number = "{number}" }}' for number in (*OWN, *BUSY))}]
"""
)
# A ratio that nobody would notice, should a run have next to no noise.
NOTICEABLE = 1.1
# What they may take: the queue, what the transport has (it asks for a pause when it has more than one write),
# and an eighth for the heads of Python's objects.
BOUND = WATCHERS * (SEND_QUEUE + 2 * WRITE) * 1.125


class Kind(NamedTuple):
    """A kind of round: how many watch the busy lines, and whether they read."""

    name: str
    watchers: int
    read: bool


NOBODY = Kind("nobody watches", 0, read=True)
READING = Kind(f"{WATCHERS} that read", WATCHERS, read=True)
AGAIN = Kind("the same again", WATCHERS, read=True)
NEVER = Kind(f"{WATCHERS} never reading", WATCHERS, read=False)
KINDS = (NOBODY, READING, NEVER, AGAIN)


class Measured(NamedTuple):
    """What one round showed; latencies in milliseconds, ``memory`` in bytes at its end and how much more that
    is than at its beginning, ``full``: how many queues were at their bound."""

    requests: list[float]
    calls: list[float]
    memory: int
    grown: int
    full: int


def main() -> None:
    """Measure and print."""
    started = time.monotonic()
    results: dict[Kind, list[Measured]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, gateway(CONFIG, Path(folder)) as running:
        one_core_each(running.pid)
        with in_process(load, running.ports[0]), running.client() as a:
            for line in OWN:
                a.ask(watch(line))
            one_round(running, a, READING)  # warms everything up
            before = memory(running.pid)
            for number in range(ROUNDS):
                # Each round starts elsewhere: what comes after what must not matter.
                for kind in KINDS[number % len(KINDS) :] + KINDS[: number % len(KINDS)]:
                    results[kind].append(one_round(running, a, kind))
            after = memory(running.pid)
    print(f"{time.monotonic() - started:.0f} s")
    report(results, before, after)


def report(results: dict[Kind, list[Measured]], before: int, after: int) -> None:
    """Print what the rounds showed, and what follows."""
    print(f"latency of A in ms, median of {ROUNDS} interleaved rounds\n")
    print(f"{'':18}{'request':>9}{'p99':>9}{'call':>9}{'p99':>9}")
    for kind, rounds in results.items():
        figures = [median(of(measured) for measured in rounds) for of in STATISTICS.values()]
        print(f"{kind.name:18}" + "".join(f"{figure:9.2f}" for figure in figures))
    print("\nto those that read, the median of the rounds' ratios (least to greatest)\n")
    print(f"{'':18}{NEVER.name:>24}{'noise: ' + AGAIN.name:>28}")
    wrong = []
    for name, of in STATISTICS.items():
        never, noise = (ratios(results[READING], results[kind], of) for kind in (NEVER, AGAIN))
        print(f"{name:18}{shown(never):>24}{shown(noise):>28}")
        if median(never) > max(*noise, NOTICEABLE):
            wrong.append(f"{name} is raised")
    grown = max(measured.grown for measured in results[NEVER])
    print(f"\nmemory of the gateway: {before / MIB:.1f} MiB at first, {after / MIB:.1f} MiB at the end")
    print(f"the most that {NEVER.name} added: {grown / MIB:.1f} MiB; the bound: {BOUND / MIB:.1f} MiB")
    if grown > BOUND:
        wrong.append("memory goes beyond its bound")
    if any(measured.full < WATCHERS for measured in results[NEVER]):
        wrong.append("void: not every queue was full")
    print(
        "\nverdict: " + ("; ".join(wrong) or "others are not slowed down, and memory stays within its bound")
    )
    if wrong:
        raise SystemExit(1)


def ratios(base: list[Measured], other: list[Measured], of: Statistic) -> list[float]:
    """What ``of`` is in each round of ``other``, to the same round of ``base``."""
    return [of(theirs) / of(ours) for ours, theirs in zip(base, other, strict=True)]


def shown(values: list[float]) -> str:
    """The middle and the ends."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def p99(values: list[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[int(len(values) * 0.99)]


Statistic = Callable[[Measured], float]
STATISTICS: dict[str, Statistic] = {
    "request": lambda measured: median(measured.requests),
    "request, p99": lambda measured: p99(measured.requests),
    "call": lambda measured: median(measured.calls),
    "call, p99": lambda measured: p99(measured.calls),
}


def one_round(running: Gateway, a: Client, kind: Kind) -> Measured:
    """Measure A while there are ``kind``'s watchers; those that never read are full when it begins."""
    before = memory(running.pid)
    with in_process(watchers, running.ports[0], kind.watchers, kind.read):
        full = 0 if kind.read else fill(running, kind.watchers)
        time.sleep(SETTLE)
        requests, calls = measure(a)
        after = memory(running.pid)
    return Measured(requests, calls, after, after - before, full)


def fill(running: Gateway, count: int) -> int:
    """Make calls on the busy lines until the queues of ``count`` clients are full; how many are."""
    end = time.monotonic() + PATIENCE
    full = 0
    with running.client() as client:
        while full < count and time.monotonic() < end:
            busy_call(client)
            full += running.said("client reads too slowly")
    return full


# Client A


def measure(a: Client) -> tuple[list[float], list[float]]:
    """How long requests and calls take, in milliseconds, from the time at which they were to be sent."""
    requests, calls = [], []
    due = time.perf_counter()
    end = due + SECONDS
    while due < end:
        for _ in range(REQUESTS_PER_CALL):
            sleep_until(due)
            a.ask(RequestSystemStatus())
            requests.append((time.perf_counter() - due) * 1000)
            due += PERIOD
        sleep_until(due)
        call = established(a)
        calls.append((time.perf_counter() - due) * 1000)
        a.ask(clear(call, OWN[0]))
        for _ in range(3):  # the caller for its monitor and the other's, and the other one for its own
            a.until(ConnectionClearedEvent)
        due += 2 * PERIOD
    return requests, calls


def established(a: Client) -> str:
    """Make a call and answer it; returns its id when the caller has been told that it is up."""
    call: str = a.ask(MakeCall(calling_device=OWN[0], called_directory_number=OWN[1])).calling_device.call_id
    a.until(DeliveredEvent)
    a.ask(AnswerCall(call_to_be_answered=ConnectionID(call_id=call, device_id=OWN[1])))
    a.until(EstablishedEvent)
    return call


def sleep_until(due: float) -> None:
    """Wait for a time that may be over."""
    time.sleep(max(0.0, due - time.perf_counter()))


# The others: each runs in a process of its own until its ``parent`` has something to say


def load(parent: Connection, port: int) -> None:
    """Call, answer and hang up, round all busy lines, so many times a second."""
    with Client(port) as client:
        parent.send("ready")
        due = time.perf_counter()
        while not parent.poll(max(0.0, due - time.perf_counter())):
            busy_call(client)
            due = max(due, time.perf_counter() - 1) + 1 / CALLS_PER_SECOND


def busy_call(client: Client) -> None:
    """A call on the next two busy lines, unless somebody else is there already."""
    caller, called = BUSY[:2]
    BUSY[:] = BUSY[2:] + BUSY[:2]
    made = client.ask(MakeCall(calling_device=caller, called_directory_number=called))
    if not isinstance(made, CSTAErrorCode):
        call = made.calling_device.call_id
        client.ask(AnswerCall(call_to_be_answered=ConnectionID(call_id=call, device_id=called)))
        client.ask(clear(call, caller))


def watchers(parent: Connection, port: int, count: int, read: bool) -> None:
    """So many clients that monitor the busy lines, and ``read`` what they are told, or do not."""
    with contextlib.ExitStack() as ending, selectors.DefaultSelector() as selector:
        selector.register(parent, selectors.EVENT_READ)
        for _ in range(count):
            client = ending.enter_context(Client(port, receive_buffer=RECEIVE_BUFFER))
            for line in BUSY:
                client.ask(watch(line))
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
    process = multiprocessing.get_context("fork").Process(target=work, args=(theirs, *args))
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


def watch(line: str) -> MonitorStart:
    """Monitor a line."""
    return MonitorStart(monitor_object=MonitorObject(device_object=line))


def clear(call: str, device: str) -> ClearConnection:
    """Hang up."""
    return ClearConnection(connection_to_be_cleared=ConnectionID(call_id=call, device_id=device))


if __name__ == "__main__":
    main()
