"""What all scenarios share: how long and how often, the servers, the floor, and pairs of runs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from lxml import etree

from ctigw.xml.parsing import hardened
from simulators.load import canned, processes
from simulators.load.client import Load, Span
from simulators.load.floor import schema
from simulators.load.judging import Measured
from simulators.load.messages import sample
from simulators.load.processes import Server

# The machine of PERFORMANCE.md parses and validates the sample in so many µs, and F1x reaches so many cycles
# for a second of its CPU there.
REFERENCE = 6.2
FLOOR = 40_000
# Beyond this share of its core the client may have been what is measured.
BUSY = 0.9


@dataclass(frozen=True, slots=True)
class Bench:
    """How to measure.

    ``pairs``: rounds of gateway and floor; ``seconds``: of each run; ``quick``: the reduced form.
    ``against``: another checkout to compare with.
    """

    folder: Path
    pairs: int
    seconds: float
    warm_up: float
    quick: bool
    against: Path | None = None
    _names: Iterator[int] = field(default_factory=itertools.count)

    def place(self) -> Path:
        """A folder for a server."""
        return self.folder / str(next(self._names))

    @contextmanager
    def gateways(
        self, config: str, before: Sequence[Sequence[str]] = (), said: str = ""
    ) -> Iterator[list[Server]]:
        """The gateway, and with ``against`` the other one; for the rest see `processes.gateway`."""
        with ExitStack() as ending:
            ours = processes.gateway(self.place(), config, before=before, said=said)
            servers = [ending.enter_context(ours)]
            if self.against:
                other = processes.gateway(
                    self.place(), config, checkout=self.against, before=before, said=said
                )
                servers.append(ending.enter_context(other))
                servers[-1].name = "against"
            yield servers

    @contextmanager
    def parsed_floor(
        self, gateway: Server, lines: Sequence[str], *, refusing: bool = False, login: bytes = b""
    ) -> Iterator[Server]:
        """F1x, with the answers of ``gateway``, where one may have to ``login``."""
        file = self.place()
        canned.record(gateway.port, file, lines, login)
        answers = file.with_suffix(".refusing") if refusing else file
        with processes.floor(self.place(), "F1x", str(answers)) as server:
            yield server


class Reached(NamedTuple):
    """Cycles for a CPU second that F1x does at the shape of its mark, and should do on this machine now."""

    cycles: float
    wanted: float


def wanted(calibration: float) -> float:
    """Cycles for a CPU second that F1x must reach where the sample takes so many µs."""
    return FLOOR * REFERENCE / calibration


def calibrate(rounds: int = 9, count: int = 2000) -> float:
    """µs of CPU time that the floor's parser and schema take for the sample: the best of several rounds."""
    parser, valid, body = hardened(), schema().validate, sample()
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(count):
            valid(etree.fromstring(body, parser))
        best = min(best, time.process_time() - began)
    return best / count * 1e6


class Side(NamedTuple):
    """A server, and how to drive it for so many seconds."""

    name: str
    run: Callable[[float], Span]


def interleaved(bench: Bench, sides: Sequence[Side]) -> Mapping[str, list[Span]]:
    """A run of each side in each round, after a warm-up of each; who begins alternates."""
    spans: dict[str, list[Span]] = {side.name: [] for side in sides}
    for side in sides:
        side.run(bench.warm_up)
    for number in range(bench.pairs):
        for side in sides if number % 2 == 0 else reversed(sides):
            spans[side.name].append(side.run(bench.seconds))
    return spans


def paired(ours: Sequence[Span], theirs: Sequence[Span]) -> tuple[float, ...]:
    """The ratios of rates, round by round."""
    return tuple(our.rate / their.rate for our, their in zip(ours, theirs, strict=True))


def compared(
    spans: Mapping[str, list[Span]],
    floor: str,
    *,
    unit: str,
    reached: Reached | None = None,
) -> Measured:
    """The gateway to the floor; with ``against`` the other gateway to this one is in the notes.

    ``reached``: how good F1x is; None for other floors.
    """
    ratios = paired(spans["gateway"], spans[floor])
    rates = {name: median(span.rate for span in runs) for name, runs in spans.items()}
    busiest = max(span.client_share for runs in spans.values() for span in runs)
    notes: dict[str, float | str] = {f"{name} {unit}/cpu-s": rate for name, rate in rates.items()}
    notes |= {f"{name} µs": 1e6 / rate for name, rate in rates.items()}
    notes["client's share %"] = busiest * 100
    if "against" in spans:
        against = paired(spans["against"], spans["gateway"])
        notes["against/gateway"] = median(against)
        notes["against/gateway, range"] = f"{min(against):.3f} to {max(against):.3f}"
    void = ""
    if busiest > BUSY:
        void = f"the client used {busiest:.0%} of its core"
    elif reached and reached.cycles < reached.wanted:
        void = f"F1x reached {reached.cycles:,.0f} of {reached.wanted:,.0f}: a slow floor flatters"
    if reached:
        notes |= {"F1x at 8x16": reached.cycles, "of at least": reached.wanted}
    return Measured(ratios, void, notes=notes)


@contextmanager
def loads(servers: Sequence[Server], connections: int, depth: int) -> Iterator[list[Load]]:
    """A load for each server, which hangs up afterwards."""
    with ExitStack() as ending:
        made = []
        for server in servers:
            load = Load(server, connections, depth)
            ending.callback(load.close)
            made.append(load)
        yield made
