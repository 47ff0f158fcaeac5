"""Many sessions, and one that goes: what the idle ones take, and how long others wait meanwhile."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping

from simulators.load import machine
from simulators.load.bench import Bench
from simulators.load.canned import Talk
from simulators.load.client import Load, Requests, connect
from simulators.load.cycles import numbers
from simulators.load.judging import Measured
from simulators.load.messages import MONITOR_START, STATUS, framed
from simulators.load.processes import PATIENCE, Server, config

IDLE, DROP = "idle session", "longest wait while a session is dropped"
# Sessions; in the reduced form fewer.
SESSIONS, FEW_SESSIONS = 10_000, 2_000
BATCH = 500
# Connections that are there before memory is looked at first: what the first ones bring, nobody pays again.
WARM = 200
# Open files that the two processes need for other things.
SPARE = 200
MONITORS, FEW_MONITORS = 100_000, 5_000
DROPS = 6
# Seconds for which the other session asks: before, and while monitors are let go, be it bit by bit.
USUALLY, WATCH = 0.3, 1.5
RESET = struct.pack("ii", 1, 0)


def idle(bench: Bench) -> Mapping[str, Measured]:
    """Bytes for each connection that has asked once and says nothing more."""
    wanted = FEW_SESSIONS if bench.quick else SESSIONS
    count = min(wanted, machine.descriptors(wanted + WARM + SPARE) - WARM - SPARE)
    values = []
    for _ in range(1 if bench.quick else 3):
        with bench.gateways(config(numbers(2))) as (server, *_):
            sockets = _asked_once(server, WARM)
            before = settled(server)
            for _ in range(0, count, BATCH):
                sockets += _asked_once(server, BATCH)
            values.append((settled(server) - before) / (len(sockets) - WARM))
            for connection in sockets:
                connection.close()
    notes: dict[str, float | str] = {"sessions": count}
    if count < wanted:
        notes["fewer, since open files are bounded to"] = machine.descriptors(0)
    return {IDLE: Measured(tuple(values), notes=notes)}


def _asked_once(server: Server, count: int) -> list[socket.socket]:
    sockets = connect(server.port, count)
    for connection in sockets:
        connection.sendall(framed(b"0001", STATUS))
    for connection in sockets:
        connection.recv(4096)
    return sockets


def settled(server: Server) -> int:
    """Its memory once it is at rest and has written its logs."""
    server.settled_cpu()
    return server.memory()


def drop(bench: Bench) -> Mapping[str, Measured]:
    """One session with many monitors hangs up, or is reset, while another one asks."""
    count = FEW_MONITORS if bench.quick else MONITORS
    lines = numbers(count)
    waits: dict[str, list[float]] = {"FIN": [], "RST": []}
    usual = []
    with bench.gateways(config(lines)) as (server, *_):
        talk = Talk(server.port)
        for number in range(2 if bench.quick else DROPS):
            how = ("FIN", "RST")[number % 2]
            load = Load(server, 1, 500)
            load.run(Requests([MONITOR_START % line.encode() for line in lines], most=count), PATIENCE)
            server.settled_cpu()
            usual.append(_longest_wait(talk, USUALLY))
            if how == "RST":
                load.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            load.close()
            waits[how].append(_longest_wait(talk, WATCH))
        talk.close()
    best = {how: min(values) for how, values in waits.items()}
    notes: dict[str, float | str] = {"monitors": count, "drops": len(usual), "without a drop, ms": min(usual)}
    notes |= {f"{how}, ms": value for how, value in best.items()}
    return {DROP: Measured((max(best.values()),), notes=notes)}


def _longest_wait(talk: Talk, seconds: float) -> float:
    """The longest that a session that asks without a pause waits for an answer, in ms."""
    longest = 0.0
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        talk.ask(STATUS)
        longest = max(longest, time.perf_counter() - now)
    return longest * 1000
