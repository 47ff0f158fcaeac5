"""All scenarios: what is measured, and what is to be reached.  Others join by a line in this table."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.load import cycles
from simulators.load.cycles import Measure
from simulators.load.judging import Mark, Row


@dataclass(frozen=True, slots=True)
class Scenario:
    """``rows``: the figures that ``measure`` gives, by their names; ``quick``: in the reduced form, too."""

    name: str
    rows: tuple[Row, ...]
    measure: Measure
    quick: bool = True


SCENARIOS = (
    Scenario(
        "cycles-8x16", (Row("call cycles 8x16", mark=Mark(0.40)),), cycles.cycles("call cycles 8x16", 8, 16)
    ),
    Scenario(
        "cycles-500x1",
        (Row("call cycles 500x1", mark=Mark(0.55)),),
        cycles.cycles("call cycles 500x1", 500, 1),
    ),
    Scenario("cycles-1x1", (Row("call cycles 1x1"),), cycles.cycles("call cycles 1x1", 1, 1)),
    Scenario(
        "validated",
        (Row("call cycles 8x16, requests validated"),),
        cycles.cycles("call cycles 8x16, requests validated", 8, 16, 'validate = "reject"'),
    ),
    Scenario("monitor-start", (Row("MonitorStart", mark=Mark(0.45)),), cycles.monitor_start),
    Scenario("refused", (Row("a refused request"),), cycles.refused),
)
