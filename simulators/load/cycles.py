"""Call cycles, MonitorStart and refusals, against F1x at the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulators.load.bench import Bench, Reached, Side, calibrate, compared, interleaved, loads, wanted
from simulators.load.client import Cycles, Load, Requests, Span, Work, log_in, watching
from simulators.load.judging import Measured
from simulators.load.messages import MAKE_CALL, MONITOR_START, START_SESSION
from simulators.load.processes import Server, config

FIRST = 20_000
F1X = "F1x"
CHECKED, MONITORS, REFUSED = ", every check", "MonitorStart", "a refused request"
SHAPE = (8, 16)
# A gateway that looks at everything: who asks, for which lines they may, and whether requests are valid.
CHECKS = 'authentication = "session"\nvalidate = "reject"'
PASSWORD = "pass for the load"  # noqa: S105 - of a gateway that lives for seconds
LOGIN = START_SESSION % (b"load", PASSWORD.encode())
GRANTS = (
    ("app", "add", "load", "--password-stdin"),
    *(("app", "grant", "load", kind, "20000-49999", "7*") for kind in ("monitor", "control")),
)
# What a gateway that cannot write its logs as fast as they come says at its end.
LOST = "log entries dropped"
# Lines whose monitors are started again and again.
WATCHED = 10_000
# Looks, of so many seconds, at what F1x reaches at the shape for which its mark is.  The best counts, as
# for the calibration: what disturbs one of them would make a good floor seem slow.
LOOKS, LOOK = 5, 0.2
Measure = Callable[[Bench], Mapping[str, Measured]]


def numbers(count: int) -> list[str]:
    """So many lines."""
    return [str(FIRST + number) for number in range(count)]


def in_pairs(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbours call each other."""
    return list(zip(lines[::2], lines[1::2], strict=True))


def called(connections: int, depth: int) -> str:
    """The name of the row of a shape."""
    return f"call cycles {connections}x{depth}"


def cycles(connections: int, depth: int, *, checked: bool = False) -> Measure:
    """Measures call cycles on so many connections, so many at once on each.

    ``checked``: clients log in, their rights over lines are looked at, requests are judged by the schema.
    """
    name = called(connections, depth) + (CHECKED if checked else "")

    def measure(bench: Bench) -> Mapping[str, Measured]:
        lines = numbers(2 * connections * depth + 2)
        busy, spare = lines[:-2], lines[-2:]
        pairs = in_pairs(busy)
        listener, before, login = (CHECKS, GRANTS, LOGIN) if checked else ("", (), b"")
        with (
            bench.gateways(config(lines, listener=listener), before, PASSWORD) as servers,
            bench.parsed_floor(servers[0], spare, login=login) as floor,
            loads([*servers, floor], connections, depth) as driven,
        ):
            for load in driven[: len(servers)] if login else ():
                log_in(load, login)
            for load in driven:
                watching(load, busy)
            sides = [
                steady(server.name, load, Cycles(pairs))
                for server, load in zip([*servers, floor], driven, strict=True)
            ]
            spans = interleaved(bench, sides)
            measured = compared(spans, F1X, unit="cycles", reached=floor_reached(floor))
            servers[0].terminate()
            lost = servers[0].figure(LOST)
        if lost:
            measured.notes[LOST] = lost
        return {name: measured}

    return measure


def monitor_start(bench: Bench) -> Mapping[str, Measured]:
    """Monitors are started one after the other, on fresh connections in each run."""
    lines = numbers(WATCHED)
    bodies = [MONITOR_START % line.encode() for line in lines]
    return {MONITORS: _requests(bench, lines, bodies, "requests", fresh=True)}


def refused(bench: Bench) -> Mapping[str, Measured]:
    """MakeCall at a device that does not exist."""
    lines = numbers(2)
    body = MAKE_CALL % (b"#", lines[0].encode())
    return {REFUSED: _requests(bench, lines, [body], "requests", refused=True)}


def _requests(
    bench: Bench,
    lines: Sequence[str],
    bodies: Sequence[bytes],
    unit: str,
    *,
    refused: bool = False,
    fresh: bool = False,
) -> Measured:
    with (
        bench.gateways(config(lines, limits="monitors_per_device = 1000000")) as servers,
        bench.parsed_floor(servers[0], lines, refusing=refused) as floor,
        loads([*servers, floor], *SHAPE) as driven,
    ):
        sides = [
            Side(server.name, _anew(server, bodies))
            if fresh
            else steady(server.name, load, Requests(bodies, refused=refused))
            for server, load in zip([*servers, floor], driven, strict=True)
        ]
        spans = interleaved(bench, sides)
        # What refuses every call cannot tell how many it does; it is the same program.
        reached = None if refused else floor_reached(floor)
    return compared(spans, F1X, unit=unit, reached=reached)


def steady(name: str, load: Load, work: Work) -> Side:
    """The same connections in every run."""
    return Side(name, lambda seconds: load.run(work, seconds))


def _anew(server: Server, bodies: Sequence[bytes]) -> Callable[[float], Span]:
    def run(seconds: float) -> Span:
        load = Load(server, *SHAPE)
        try:
            return load.run(Requests(bodies), seconds)
        finally:
            load.close()
            server.settled_cpu()  # it lets the monitors go, on the core that the others run on

    return run


def floor_reached(floor: Server) -> Reached:
    """How good F1x is just now."""
    connections, depth = SHAPE
    load = Load(floor, connections, depth)
    try:
        work = Cycles(in_pairs(numbers(2 * connections * depth)))
        now = wanted(calibrate(rounds=5, count=1000))
        return Reached(max(load.run(work, LOOK).rate for _ in range(LOOKS)), now)
    finally:
        load.close()
