"""Call cycles, MonitorStart and refusals, against F1x at the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulators.load.bench import Bench, Reached, Side, calibrate, compared, interleaved, loads, wanted
from simulators.load.client import Cycles, Load, Requests, Span, Work, watching
from simulators.load.judging import Measured
from simulators.load.messages import MAKE_CALL, MONITOR_START
from simulators.load.processes import Server, config

FIRST = 20_000
F1X = "F1x"
SHAPE = (8, 16)
# Lines whose monitors are started again and again.
WATCHED = 10_000
# Seconds for a look at what F1x reaches at the shape for which its mark is.
LOOK = 0.7
Measure = Callable[[Bench], Mapping[str, Measured]]


def numbers(count: int) -> list[str]:
    """So many lines."""
    return [str(FIRST + number) for number in range(count)]


def in_pairs(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbours call each other."""
    return list(zip(lines[::2], lines[1::2], strict=True))


def cycles(name: str, connections: int, depth: int, listener: str = "") -> Measure:
    """Measures call cycles on so many connections, so many at once on each.

    ``listener``: more settings of the gateway's.
    """

    def measure(bench: Bench) -> Mapping[str, Measured]:
        lines = numbers(2 * connections * depth + 2)
        busy, spare = lines[:-2], lines[-2:]
        pairs = in_pairs(busy)
        with (
            bench.gateways(config(lines, listener=listener)) as servers,
            bench.parsed_floor(servers[0], spare) as floor,
            loads([*servers, floor], connections, depth) as driven,
        ):
            for load in driven:
                watching(load, busy)
            sides = [
                steady(server.name, load, Cycles(pairs))
                for server, load in zip([*servers, floor], driven, strict=True)
            ]
            spans = interleaved(bench, sides)
            reached = floor_reached(floor)
        return {name: compared(spans, F1X, unit="cycles", reached=reached)}

    return measure


def monitor_start(bench: Bench) -> Mapping[str, Measured]:
    """Monitors are started one after the other, on fresh connections in each run."""
    lines = numbers(WATCHED)
    bodies = [MONITOR_START % line.encode() for line in lines]
    return {"MonitorStart": _requests(bench, lines, bodies, "requests", fresh=True)}


def refused(bench: Bench) -> Mapping[str, Measured]:
    """MakeCall at a device that does not exist."""
    lines = numbers(2)
    body = MAKE_CALL % (b"#", lines[0].encode())
    return {"a refused request": _requests(bench, lines, [body], "requests", refused=True)}


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
        return Reached(max(load.run(work, LOOK).rate for _ in range(2)), now)
    finally:
        load.close()
