"""All scenarios: what is measured, and what is to be reached.  Others join by a line in this table."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.load import (
    crowd,
    cycles,
    fanout,
    latency,
    sessions,
    sip_fanout,
    sip_requests,
    sip_sizes,
    slow,
    startup,
)
from simulators.load.cycles import CHECKED, Measure
from simulators.load.judging import Mark, Row


@dataclass(frozen=True, slots=True)
class Scenario:
    """``rows``: the figures that ``measure`` gives, by their names; ``quick``: in the reduced form, too."""

    name: str
    rows: tuple[Row, ...]
    measure: Measure
    quick: bool = False


def at_least(value: float) -> Mark:
    """The mark of what should be large."""
    return Mark(value)


def at_most(value: float) -> Mark:
    """The mark of what should be small."""
    return Mark(value, at_least=False)


SCENARIOS = (
    Scenario(
        "cycles-8x16",
        (Row(cycles.called(8, 16), mark=at_least(0.40)),),
        cycles.cycles(8, 16),
        quick=True,
    ),
    Scenario(
        "cycles-500x1",
        (Row(cycles.called(500, 1), mark=at_least(0.55)),),
        cycles.cycles(500, 1),
        quick=True,
    ),
    Scenario("cycles-1x1", (Row(cycles.called(1, 1)),), cycles.cycles(1, 1)),
    Scenario("checked", (Row(cycles.called(8, 16) + CHECKED),), cycles.cycles(8, 16, checked=True)),
    Scenario(
        "monitor-start",
        (Row(cycles.MONITORS, mark=at_least(0.45)),),
        cycles.monitor_start,
        quick=True,
    ),
    Scenario("refused", (Row(cycles.REFUSED),), cycles.refused),
    Scenario(
        "fan-out-10",
        (Row(fanout.called(10), mark=at_least(0.6)),),
        fanout.fan_out(10, "writes"),
        quick=True,
    ),
    Scenario(
        "fan-out-1000",
        (Row(fanout.called(1000), mark=at_least(0.6)),),
        fanout.fan_out(1000, "sends"),
        quick=True,
    ),
    Scenario(
        "latency",
        (
            Row(latency.P50, mark=at_most(1.5)),
            Row(latency.P99, mark=at_most(2)),
            Row(latency.PAUSE, "ms", at_most(5)),
        ),
        latency.latency,
        quick=True,
    ),
    Scenario("start-up", (Row(startup.NAME, mark=at_most(3)),), startup.startup, quick=True),
    Scenario("idle", (Row(sessions.IDLE, "B", at_most(2500)),), sessions.idle),
    Scenario(
        "crowd",
        (
            Row(crowd.LINE, "B", at_most(1000)),
            Row(crowd.CALL, "B", at_most(2000)),
            Row(crowd.IDLE_LINES, mark=at_least(0.9)),
            Row(crowd.SET_UP, mark=at_most(1.2)),
        ),
        crowd.crowd,
    ),
    Scenario("drop", (Row(sessions.DROP, "ms", at_most(5)),), sessions.drop),
    Scenario(
        "slow-client",
        (
            *(Row(name, mark=at_most(slow.NOTICEABLE)) for name in slow.STATISTICS),
            Row(slow.MEMORY, "MiB", at_most(slow.BOUND)),
        ),
        slow.slow,
    ),
    Scenario(
        "publish",
        (Row(sip_requests.PUBLISH, mark=at_least(0.2)),),
        sip_requests.requests(sip_requests.PUBLISH),
        quick=True,
    ),
    Scenario(
        "subscribe",
        (Row(sip_requests.SUBSCRIBE, mark=at_least(0.2)),),
        sip_requests.requests(sip_requests.SUBSCRIBE),
        quick=True,
    ),
    Scenario(
        "publish-kept",
        (
            Row(sip_requests.DURABLE, mark=at_least(0.8)),
            Row(sip_requests.TO_KAMAILIO, mark=at_least(3)),
        ),
        sip_requests.durable,
    ),
    Scenario("watchers", (Row(sip_fanout.NAME, mark=at_most(2)),), sip_fanout.fan_out, quick=True),
    Scenario(
        "presence-sizes",
        (
            Row(sip_sizes.SUBSCRIPTION, "B", at_most(4096)),
            Row(sip_sizes.PUBLICATION, "B"),
            Row(sip_sizes.BINDING, "B"),
        ),
        sip_sizes.sizes,
    ),
)
