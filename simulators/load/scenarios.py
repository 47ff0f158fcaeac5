"""All scenarios: what is measured, and what is to be reached.  Others join by a line in this table."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.load import crowd, cycles, fanout, latency, sessions, slow, startup
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
        "checked",
        (Row("call cycles 8x16, with sessions, rights, schema"),),
        cycles.cycles("call cycles 8x16, with sessions, rights, schema", 8, 16, checked=True),
        quick=False,
    ),
    Scenario("monitor-start", (Row("MonitorStart", mark=Mark(0.45)),), cycles.monitor_start),
    Scenario(
        "fan-out-10",
        (Row("fan-out to 1,000 monitors on 10 sessions", mark=Mark(0.6)),),
        fanout.fan_out("fan-out to 1,000 monitors on 10 sessions", 10, "writes"),
    ),
    Scenario(
        "fan-out-1000",
        (Row("fan-out to 1,000 sessions", mark=Mark(0.6)),),
        fanout.fan_out("fan-out to 1,000 sessions", 1000, "sends"),
    ),
    Scenario(
        "latency",
        (
            Row(latency.P50, mark=Mark(1.5, at_least=False)),
            Row(latency.P99, mark=Mark(2, at_least=False)),
            Row(latency.PAUSE, "ms", mark=Mark(5, at_least=False)),
        ),
        latency.latency,
    ),
    Scenario("start-up", (Row(startup.NAME, mark=Mark(3, at_least=False)),), startup.startup),
    Scenario("idle", (Row(sessions.IDLE, "B", mark=Mark(2500, at_least=False)),), sessions.idle),
    Scenario(
        "crowd",
        (
            Row(crowd.LINE, "B", mark=Mark(1000, at_least=False)),
            Row(crowd.CALL, "B", mark=Mark(2000, at_least=False)),
            Row(crowd.IDLE_LINES, mark=Mark(0.9)),
            Row(crowd.SET_UP, mark=Mark(1.2, at_least=False)),
        ),
        crowd.crowd,
    ),
    Scenario("drop", (Row(sessions.DROP, "ms", mark=Mark(5, at_least=False)),), sessions.drop),
    Scenario(
        "slow-client",
        (
            *(Row(name, mark=Mark(slow.NOTICEABLE, at_least=False)) for name in slow.STATISTICS),
            Row(slow.MEMORY, "MiB", mark=Mark(slow.BOUND, at_least=False)),
        ),
        slow.slow,
        quick=False,
    ),
    Scenario("refused", (Row("a refused request"),), cycles.refused),
)
